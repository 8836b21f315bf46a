# SPDX-License-Identifier: MIT
"""What systemd does to a service before it starts it, done by hand for the directives of our unit: no
machine that only runs tests boots systemd. Read from the unit file itself, so a directive that this
file does not know fails the test that uses it.

Not done: the BPF of IPAddressDeny= and of DevicePolicy=, cgroups, and the restart and watchdog of
the service manager."""

import ctypes
import errno
import os
import pwd
import re
import subprocess

libc = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWUSER = 0x00020000, 0x10000000
MS_RDONLY, MS_NOSUID, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4096, 16384, 1 << 18
MOUNT_SETATTR, RDONLY, RECURSIVE = 442, 1, 0x8000
NO_NEW_PRIVS, CAPBSET_DROP = 38, 24
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
EQ, MASKED = 4, 7  # libseccomp's comparisons


def directives(unit):
    """{name: [values, in order]} of [Service]."""
    found, section = {}, ""
    with open(unit) as f:
        for line in f:
            line = line.strip()
            if line.startswith("["):
                section = line
            elif section == "[Service]" and line and line[0] not in "#;":
                name, value = line.split("=", 1)
                found.setdefault(name, []).append(value)
    return found


# --- files ---


def must(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def mount(source, target, kind=None, flags=0, data=None):
    encoded = [x.encode() if x is not None else None for x in (source, target, kind)]
    must(libc.mount(*encoded, flags, data.encode() if data else None), f"mount {target}")


def set_read_only(path, is_on, flags=RECURSIVE):
    attributes = (ctypes.c_uint64 * 4)(RDONLY if is_on else 0, 0 if is_on else RDONLY, 0, 0)
    must(libc.syscall(MOUNT_SETATTR, -100, path.encode(), flags, attributes, 32), f"read-only {path}")


def make_devices():
    """PrivateDevices=yes"""
    names = [n for n in ("null", "zero", "full", "random", "urandom", "tty") if os.path.exists(f"/dev/{n}")]
    fds = {n: os.open(f"/dev/{n}", os.O_PATH) for n in names}
    mount("tmpfs", "/dev", "tmpfs", MS_NOSUID, "mode=755")
    for name, fd in fds.items():
        open(f"/dev/{name}", "w").close()
        mount(f"/proc/self/fd/{fd}", f"/dev/{name}", flags=MS_BIND)
        os.close(fd)


def arrange_files(writable):
    """ProtectSystem=strict and ReadWritePaths=, ProtectHome=, PrivateTmp=, ProtectProc=, ProcSubset=."""
    must(libc.unshare(NEWNS), "unshare")
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    for path in writable:
        mount(path, path, flags=MS_BIND)
    make_devices()
    set_read_only("/", True)
    for path in writable:
        set_read_only(path, False, 0)
    for path in ("/home", "/root", "/tmp"):
        if os.path.isdir(path):
            mount("tmpfs", path, "tmpfs", 0 if path == "/tmp" else MS_RDONLY, "mode=755")
    mount("proc", "/proc", "proc", 0, "hidepid=invisible,subset=pid")


def have_users(ids):
    """PrivateUsers=yes: of all users only these. A process outside says so."""
    told, tell = os.pipe()
    parent = os.getpid()
    helper = os.fork()
    if helper == 0:
        os.close(tell)
        os.read(told, 1)
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{parent}/{name}", "w") as f:
                f.write("".join(f"{n} {n} 1\n" for n in sorted({0, *ids[name]})))
        os._exit(0)
    must(libc.unshare(NEWUSER), "unshare")
    os.write(tell, b"x")
    os.close(tell)
    os.close(told)
    if os.waitpid(helper, 0)[1] != 0:
        raise OSError("the map of users")


# --- calls ---


class Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


class Filter:
    def __init__(self, default):
        self.lib = ctypes.CDLL("libseccomp.so.2")
        self.lib.seccomp_init.restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.lib.seccomp_init(default))

    def add(self, action, name, *comparisons):
        number = self.lib.seccomp_syscall_resolve_name(name.encode())
        if number == -1:
            return
        rules = (Comparison * max(1, len(comparisons)))(*(Comparison(*c) for c in comparisons))
        self.lib.seccomp_rule_add_array(self.context, action, number, len(comparisons), rules)

    def load(self):
        must(-self.lib.seccomp_load(self.context), "seccomp_load")


def calls_of(group):
    said = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter", group], capture_output=True, text=True, check=True
    ).stdout.split("\n")[1:]
    found = set()
    for word in (x.strip() for x in said):
        if word.startswith("@"):
            found |= calls_of(word)
        elif word and not word.startswith("#"):
            found.add(word)
    return found


def expand(words):
    return set().union(*(calls_of(w) if w.startswith("@") else {w} for w in words))


def allowed_calls(values):
    """SystemCallFilter=, line by line."""
    allowed = set()
    for value in values:
        is_denial = value.startswith("~")
        words = expand(value.removeprefix("~").split())
        allowed = allowed - words if is_denial else allowed | words
    return allowed


def filter_calls(allowed):
    f = Filter(ERRNO | errno.EPERM)
    for name in allowed | {"execve", "exit", "exit_group", "rt_sigreturn", "sigreturn"}:
        f.add(ALLOW, name)
    f.load()


def filter_arguments(families):
    """What RestrictAddressFamilies=, MemoryDenyWriteExecute=, RestrictNamespaces=, RestrictSUIDSGID=,
    LockPersonality= and RestrictRealtime= make of single calls."""
    f = Filter(ALLOW)
    no = ERRNO | errno.EPERM
    for family in set(range(46)) - families:
        f.add(ERRNO | errno.EAFNOSUPPORT, "socket", (0, EQ, family, 0))
    f.add(no, "mmap", (2, MASKED, 6, 6))
    f.add(no, "mprotect", (2, MASKED, 4, 4))
    f.add(no, "pkey_mprotect", (2, MASKED, 4, 4))
    for name in ("unshare", "setns"):
        f.add(no, name)
    f.add(ERRNO | errno.ENOSYS, "clone3")
    for flag in (NEWUSER, NEWNS, 0x04000000, 0x08000000, 0x20000000, 0x40000000, 0x02000000):
        f.add(no, "clone", (0, MASKED, flag, flag))
    f.add(ERRNO | errno.ENOSYS, "openat2")  # its mode cannot be seen
    for bit in (0o4000, 0o2000):
        for name, argument in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("mkdir", 1), ("mkdirat", 2)):
            f.add(no, name, (argument, MASKED, bit, bit))
        f.add(no, "openat", (2, MASKED, os.O_CREAT, os.O_CREAT), (3, MASKED, bit, bit))
    f.add(no, "personality", (0, EQ, 8, 0))
    f.add(no, "sched_setscheduler")
    f.load()


# --- all of it ---

FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
KNOWN = re.compile(
    "User|Group|Type|NotifyAccess|ExecStart|ExecStartPre|ExecReload|Kill.*|Timeout.*|Restart.*|Restrict.*|Watchdog.*"
    "|Limit.*|TasksMax|StateDirectory.*|ReadWritePaths|RuntimeDirectory.*|Protect.*|Private.*|UMask|DevicePolicy"
    "|CapabilityBoundingSet|AmbientCapabilities|NoNewPrivileges|KeyringMode|RemoveIPC|ProcSubset|LockPersonality"
    "|MemoryDenyWriteExecute|SystemCall.*|IPAddress.*"
)


def enter(unit, user, writable):
    """In a child, before exec: this process becomes what systemd makes of a service, for `user` in the
    place of the one that the unit names."""
    found = directives(unit)
    unknown = [name for name in found if not KNOWN.fullmatch(name)]
    if unknown:
        raise ValueError(f"directives that are not done here: {unknown}")
    allowed = allowed_calls(found["SystemCallFilter"])
    families = {FAMILIES[x] for x in found["RestrictAddressFamilies"][-1].split()}
    entry = pwd.getpwnam(user)
    arrange_files(writable)
    have_users({"uid_map": {entry.pw_uid}, "gid_map": {entry.pw_gid}})
    for capability in range(64):
        libc.prctl(CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups([])
    os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
    os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    must(libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    os.umask(0o077)
    filter_arguments(families)
    filter_calls(allowed)
