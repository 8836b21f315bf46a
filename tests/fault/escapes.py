# SPDX-License-Identifier: MIT
"""Does a storage call escape the counter? strace(1) sees all system calls of the store role; each one on a file
below the daemon's folder must be one that nth.so counted. Without strace the check is skipped."""

import collections
import os
import re
import shutil
import subprocess
import tempfile
import time

import cases
from target import Failure, Target

NAME = "no storage call escapes the counter"
# What is no storage call: descriptors that move, the page cache's hints, the ends of folders.
NONE_OF_OURS = {"close", "lseek", "dup", "dup2", "dup3", "fadvise64", "fcntl", "ioctl", "munmap", "epoll_ctl"}
LOCKS = ("F_SETLK", "F_GETLK", "F_OFD_")
LINE = re.compile(r"^\d+ +(?:<\.\.\. )?(\w+)(\(| resumed>)(.*)$")
PATH = re.compile(r'<(/[^>]*)>|"(/[^"]*)"')


class Straced:
    def __init__(self, pid, output):
        self.output = output
        self.process = subprocess.Popen(
            ["strace", "-f", "-y", "-s", "4096", "-o", output, "-e", "trace=%file,%desc", "-p", str(pid)],
            stderr=subprocess.PIPE,
            text=True,
        )
        self.process.stderr.readline()  # "attached"

    def end(self):
        self.process.terminate()
        self.process.communicate()

    def calls(self, root):
        """How often each system call met a file below root; of a folder's reading the first call alone."""
        counts, reading = collections.Counter(), set()
        with open(self.output, errors="replace") as f:
            for line in f:
                found = LINE.match(line)
                if found is None or found[2] != "(":
                    continue
                name, rest = found[1], found[3]
                paths = [a or b for a, b in PATH.findall(rest.split(" = ")[0])]
                if paths and paths[0].startswith("/proc/self/fd") and name in ("readlink", "newfstatat"):
                    continue  # the counter's own
                if paths and paths[0] == f"{root}log":
                    continue  # what the daemon says is no storage
                if not any(p.startswith(root) for p in paths) or is_none_of_ours(name, rest):
                    continue
                if name == "getdents64" and paths[0] in reading:
                    reading.discard(paths[0])
                    continue
                reading |= {paths[0]} if name == "getdents64" else set()
                counts[name] += 1
        return counts


def is_none_of_ours(name, rest):
    return name in NONE_OF_OURS and not (name == "fcntl" and any(lock in rest for lock in LOCKS))


def store_pid(main):
    for pid in os.listdir("/proc"):
        try:
            with open(f"/proc/{pid}/stat") as f, open(f"/proc/{pid}/cmdline") as c:
                if f.read().rsplit(")", 1)[1].split()[1] == str(main) and "store" in c.read().split("\0"):
                    return int(pid)
        except (OSError, IndexError):
            continue
    raise Failure("no store role")


def everything(target):
    """As many different calls as may be: deliveries of every kind, the tool, a checkpoint."""
    target.retry("one", cases.SIX)
    target.add("new@example.org")
    target.retry("two", ["new@example.org"])
    target.daemon.tool("mailbox", "create", cases.SIX[0], "Box")
    target.daemon.tool("message", "flag", cases.SIX[0], "INBOX", "1", "+\\Seen")
    target.daemon.tool("message", "move", cases.SIX[0], "INBOX", "1", "Box")
    target.daemon.tool("mailbox", "rename", cases.SIX[0], "Box", "Other")
    target.daemon.tool("message", "delete", cases.SIX[1], "INBOX", "1")
    target.daemon.tool("mailbox", "delete", cases.SIX[0], "Other")
    target.lines = 5000
    target.retry("large", cases.SIX)
    target.lines = 2500
    for n in range(10):
        target.retry(f"fill{n}", cases.SIX[:1])
    target.daemon.tool("fsck")
    time.sleep(1.5)  # rows, and a checkpoint


def check(counter, target, output):
    target.start()
    for r in cases.SIX:
        target.add(r)
    target.retry("first", cases.SIX)
    counter.count()
    traced = Straced(store_pid(target.daemon.process.pid), output)
    try:
        everything(target)
    finally:
        traced.end()
        counter.disarm()
    counted = collections.Counter(call.name for call in counter.calls())
    seen = traced.calls(f"{target.daemon.folder}/")
    escaped = {name: f"{n}, counted {counted[name]}" for name, n in seen.items() if n > counted[name]}
    if escaped:
        raise Failure(f"escaped: {escaped}")
    if sum(seen.values()) < sum(counted.values()) / 2:
        raise Failure(f"strace saw {sum(seen.values())} calls, {sum(counted.values())} were counted")
    return sum(seen.values())


def carry_out(counter):
    if shutil.which("strace") is None:
        print(f"skip {NAME}: no strace")
        return None
    target = Target(counter, more='limits { message_memory = "64K" }\njournal_size = 4M')
    handle, output = tempfile.mkstemp(prefix="doorstep-strace.")
    os.close(handle)
    try:
        count = check(counter, target, output)
        print(f"ok {NAME}: {count} calls", flush=True)
        return True
    except Failure as e:
        print(f"FAIL {NAME}: {e}", flush=True)
        return False
    finally:
        os.unlink(output)
        target.remove()
