# SPDX-License-Identifier: MIT
"""File systems of our own, on images in memory and loop devices, whose power can be cut.

What mounts them runs in a mount and process namespace of its own (`in_namespace`), so when the
script ends, however it ends, its servers are killed, its mounts undone, its loop devices given back."""

import contextlib
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

FS_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32): ext4, XFS
NOLOGFLUSH = 2  # what was not written out before is gone, the file system's journal too
UNMOUNT_SECONDS = 30
MEGABYTE = 1024 * 1024

MAKE = {
    "ext4": ["mkfs.ext4", "-q", "-F", "-b", "4096", "-J", "size=8", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
    "xfs": ["mkfs.xfs", "-q", "-f"],
}
SMALLEST = {"ext4": 96, "xfs": 320}  # megabytes that mkfs accepts, and a server can live with


def missing(programs=(), devices=("/dev/loop-control",)):
    """What this computer lacks for such a test, in a few words; None when all is there."""
    if os.geteuid() != 0:
        return "not root"
    for program in programs:
        if shutil.which(program) is None:
            return f"no {program}"
    for device in devices:
        if not os.path.exists(device):
            return f"no {device}"
    if subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode != 0:
        return "no namespaces"
    return None


NAMESPACE = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
INSIDE = "DOORSTEP_TEST_FOLDER"  # in the environment: the script runs in its namespace already


def in_namespace():
    """Runs the script once more where nothing of it can be left behind, and ends with what that
    one ended with. Returns in the second one."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, _: sys.exit(128 + n))
    if INSIDE not in os.environ:
        sys.exit(run_inside(tempfile.mkdtemp(prefix="doorstep-fault.")))
    tempfile.tempdir = os.environ[INSIDE]
    script = os.fork()
    if script != 0:
        os._exit(reap_until_end_of(script))


def run_inside(folder):
    child = subprocess.Popen([*NAMESPACE, sys.executable, *sys.argv], env={**os.environ, INSIDE: folder})
    try:
        return child.wait()
    finally:
        child.kill()
        child.wait()
        shutil.rmtree(folder, ignore_errors=True)


def reap_until_end_of(script):
    """The first process of a namespace inherits the orphans of all others, such as the roles of a
    killed server; those that nobody waits for would fill the table of processes. Gives the status
    of the script; with the end of the first process all others are killed."""
    while True:
        pid, status = os.wait()
        if pid == script:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def make_folder():
    """A new folder in memory, and the one for everything temporary from now on."""
    folder = tempfile.mkdtemp(prefix="disks.", dir=os.environ[INSIDE])
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", folder], check=True)
    tempfile.tempdir = folder
    return folder


def remove_folder(folder):
    tempfile.tempdir = os.environ[INSIDE]
    subprocess.run(["umount", "--recursive", "--lazy", folder], capture_output=True)
    os.rmdir(folder)


def make_image(kind, path, megabytes):
    with open(path, "wb") as f:
        f.truncate(max(megabytes, SMALLEST[kind]) * MEGABYTE)
    subprocess.run([*MAKE[kind], path], check=True, capture_output=True)


def mount(image, folder):
    """False: the file system cannot be mounted."""
    return subprocess.run(["mount", "-o", "loop", image, folder], capture_output=True).returncode == 0


def unmount(folder):
    until = time.monotonic() + UNMOUNT_SECONDS
    while True:
        done = subprocess.run(["umount", folder], capture_output=True, text=True)
        if done.returncode == 0:
            return
        if time.monotonic() > until:
            raise OSError(done.stderr.strip())
        time.sleep(0.01)


class Disk:
    """A file system of `kind` that is mounted at `path`."""

    def __init__(self, kind, folder, name, megabytes=512):
        self.image = f"{folder}/{name}.image"
        self.path = f"{folder}/{name}"
        os.mkdir(self.path)
        make_image(kind, self.image, megabytes)
        self.mount()

    def mount(self):
        if not mount(self.image, self.path):
            raise OSError(f"{self.path}: mount failed")

    def cut(self):
        """As when the power fails: what lies in memory never gets to the disk."""
        fd = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, FS_IOC_SHUTDOWN, struct.pack("I", NOLOGFLUSH))
        finally:
            os.close(fd)

    def unmount(self):
        unmount(self.path)

    def remove(self):
        self.unmount()
        os.rmdir(self.path)
        os.unlink(self.image)


@contextlib.contextmanager
def preloaded(library):
    """What is started meanwhile has the library in it, if there is one."""
    if library is not None:
        os.environ["LD_PRELOAD"] = library
    try:
        yield
    finally:
        os.environ.pop("LD_PRELOAD", None)


def processes_of(daemon):
    """Main, its roles and hands."""
    pid = daemon.process.pid
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [pid] + [int(p) for p in f.read().split()]
    except OSError:
        return [pid]


def signal_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
