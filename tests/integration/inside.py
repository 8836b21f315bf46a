#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What somebody who has taken over a role could do: every role of a running release daemon is made to
do the calls of an intruder (inject.py), and each must be refused or end the role. And what /proc says
about every thread of every role: no capability, no privilege to gain, a filter, whose uid.

    tests/integration/inside.py [NAME OF A TEST ...]

The last line of output is "N passed, N failed"."""

import contextlib
import os
import pwd
import signal
import sys

from inject import CALLS, IS_SUPPORTED, Stopped
from role_daemon import (
    USER,
    Failure,
    check,
    command_of,
    needs_root,
    run,
    server,
    status_of,
    wait_for,
)

NONE = "0" * 16
KILLED = "killed SIGSYS"
EPERM, ENOMEM, EACCES, EXDEV, ENOSYS = -1, -12, -13, -18, -38
HERE = -100  # AT_FDCWD

SYSTEM_ACCOUNTS = """
domain "example.edu" {{
    accounts = "passwd"
    store = "system"
}}
store system {{
    driver = "mbox"
    path = "{path}/%{{user}}.mbox"
}}
listen smtp {{
    address = {{"unix:{path}/smtp.sock"}}
    auth = yes
    milters = {{"absent"}}
}}
milter absent {{
    address = "unix:{path}/absent.sock"
}}
metrics {{
    address = "unix:{path}/metrics.sock"
}}
relay {{
    smarthost = "127.0.0.1:9"
}}
program nothing {{
    command = {{"/bin/true"}}
}}
filters_before = {{"nothing"}}
filter absent {{
    address = "127.0.0.1:9"
    return = "unix:{path}/back.sock"
}}
"""

FILES = ("store", "hand")


def but(**other):
    """Killed, except in these roles."""
    return lambda role: other.get(role, KILLED)


def refused_where_files(errno):
    return lambda role: errno if role in FILES else KILLED


def opening(role):
    return EACCES


# name: call, arguments (main's pid and a folder outside all roots are put in), what must come of it
ATTEMPTS = {
    "reads /etc/shadow": ("openat", (HERE, b"/etc/shadow", 0, 0), opening),
    "reads the configuration": ("openat", (HERE, "{folder}/doorstep.conf", 0, 0), opening),
    "writes elsewhere": ("openat", (HERE, "{outside}/made", 0o101, 0o600), opening),
    "lists a folder": ("openat", (HERE, b"/", 0o200000, 0), opening),
    "removes a file": ("unlinkat", (HERE, "{outside}/kept", 0), refused_where_files(EACCES)),
    "moves a file": (
        "renameat",
        (HERE, "{outside}/kept", HERE, "{outside}/moved"),
        refused_where_files(EACCES),
    ),
    "links a file": (
        "linkat",
        (HERE, "{outside}/kept", HERE, "{outside}/second", 0),
        refused_where_files(EACCES),
    ),
    "runs new code in memory": (
        "mmap",
        (0, 4096, 7, 0x22, -1, 0),
        refused_where_files(EACCES),
    ),
    "takes the host's memory": ("mmap", (0, 5 << 30, 3, 0x22, -1, 0), lambda role: ENOMEM),
    "makes a process its own way": ("clone3", (b"\0" * 88, 88), but(store=ENOSYS, auth=ENOSYS)),
    "makes a socket of TCP": ("socket", (2, 1, 0), but(store=EACCES)),
    "makes a socket of UDP": ("socket", (2, 0o2004002, 0), but(store=EACCES)),
    "makes a raw socket": ("socket", (2, 0o2004003, 1), but(store=EACCES)),
    "makes a pair of sockets": ("socketpair", (1, 1, 0, b"\0" * 8), but()),
    "makes a socket of netlink": ("socket", (16, 3, 0), but(store=EACCES)),
    "connects": ("connect", (0, b"\2\0\0\x19\x7f\0\0\1" + b"\0" * 8, 16), but(store=-88, outbnd=-88, relay=-88, passth=-88)),
    "binds": ("bind", (0, b"\2\0\0\0\x7f\0\0\1" + b"\0" * 8, 16), but()),
    "listens": ("listen", (0, 1), but()),
    "executes": ("execve", (b"/bin/true", 0, 0), but()),
    "executes by descriptor": ("execveat", (HERE, b"/bin/true", 0, 0, 0), but()),
    "forks": ("fork", (), but()),
    "clones": ("clone", (signal.SIGCHLD, 0, 0, 0, 0), but()),
    "clones into a new user": ("clone", (0x10000000 | signal.SIGCHLD, 0, 0, 0, 0), but()),
    "unshares": ("unshare", (0x10000000,), but()),
    "traces": ("ptrace", (16, "{main}", 0, 0), but()),
    "reads others' memory": ("process_vm_readv", ("{main}", 0, 0, 0, 0, 0), but()),
    "signals others": ("kill", ("{main}", signal.SIGCONT), but()),
    "signals by thread": ("tkill", ("{main}", signal.SIGCONT), but()),
    "opens a process": ("pidfd_open", ("{main}", 0), but()),
    "has io_uring": ("io_uring_setup", (4, b"\0" * 120), but()),
    "loads BPF": ("bpf", (0, b"\0" * 64, 64), but()),
    "watches with perf": ("perf_event_open", (b"\0" * 128, 0, -1, -1, 0), but()),
    "has userfaultfd": ("userfaultfd", (0,), but()),
    "mounts": ("mount", (b"none", "{outside}", b"tmpfs", 0, 0), but()),
    "changes its root": ("chroot", ("{outside}",), but()),
    "becomes root": ("setuid", (0,), but()),
    "takes capabilities": ("capset", (b"\x22\x05\x08\x20" + b"\0" * 4, b"\xff" * 24), but()),
    "has keys": ("keyctl", (0, -3, 0), but()),
    "makes a device": ("mknodat", (HERE, "{outside}/null", 0o20666, 0x103), but()),
    "makes a symlink": ("symlinkat", (b"/etc/passwd", HERE, "{outside}/link"), but()),
    "becomes dumpable": ("prctl", (4, 1, 0, 0, 0), but()),
    "raises a limit": ("prlimit64", (0, 4, b"\1" + b"\0" * 7 + b"\1" + b"\0" * 7, 0), but()),
    "loads a module": ("init_module", (0, 0, b""), but()),
    "calls by another ABI": (0x40000000 | CALLS["getpid"], (), but()),
}  # fmt: skip

# What not even main does; the rest of the above it may, as its user.
NOT_EVEN_MAIN = (
    "unshares", "traces", "reads others' memory", "has io_uring", "loads BPF", "watches with perf",
    "has userfaultfd", "mounts", "has keys", "makes a device", "loads a module",
)  # fmt: skip


# A runner starts programs, so it may what they may; it changes nothing outside their folders, is nobody else, and
# does not what nobody does.
RUNNER = dict.fromkeys(NOT_EVEN_MAIN, KILLED) | {
    "reads /etc/shadow": EACCES, "writes elsewhere": EACCES, "removes a file": EACCES, "moves a file": EACCES,
    "links a file": EACCES, "makes a symlink": EACCES, "becomes root": EPERM, "takes capabilities": EPERM,
    "changes its root": EPERM, "signals others": EPERM, "signals by thread": EPERM, "raises a limit": EPERM,
    "makes a raw socket": EPERM,
}  # fmt: skip


@contextlib.contextmanager
def all_roles():
    """A daemon of which every role runs; release, since sanitizers would need more calls."""
    with server(top=f'user = "{USER}"\nuid_min = 1') as s:
        s.program = release_program()
        os.mkdir(f"{s.folder}/spool")
        os.chmod(f"{s.folder}/spool", 0o1777)
        os.mkdir(f"{s.folder}/outside")
        os.chmod(f"{s.folder}/outside", 0o777)
        with open(f"{s.folder}/outside/kept", "w") as f:
            f.write("kept")
        os.chmod(f"{s.folder}/outside/kept", 0o666)
        os.chmod(s.configuration, 0o644)
        s.more = SYSTEM_ACCOUNTS.format(path=f"{s.folder}/spool")
        s.configure()
        s.launch()
        yield s


def release_program():
    folder = os.environ.get("DOORSTEP_RELEASE")
    if folder is None:
        raise Failure("DOORSTEP_RELEASE is not set: where is the release build?")
    return f"{folder}/src/doorstepd/doorstepd"


def wait_hand(s):
    def delivered():
        with contextlib.closing(s.client()) as c:
            c.begin_data("news@example.edu")
            return c.say("Subject: x\r\n\r\nbody\r\n.").startswith("250")

    s.wait_log("main.* info ready ")
    wait_for(delivered, "a delivery by a hand")


def roles_of(s):
    """{name as the kernel cuts it: pid}, one of each, once each has its own filter behind main's."""

    def confined():
        with open(f"/proc/{s.process.pid}/task/{s.process.pid}/children") as f:
            children = [int(p) for p in f.read().split()]
        filters = [int(status_of(p)["Seccomp_filters"]) for p in children if command_of(p) != "doorstep-runner"]
        return children if min(filters) >= 2 else None

    children = wait_for(confined, "roles that are confined")
    return {command_of(p).removeprefix("doorstep-"): p for p in children}


# --- /proc ---


# Who may make threads or processes; a limit would count all of its uid (docs/security.md).
WITH_THREADS = ("store", "auth", "runner")
IN_ALL, IN_DATA, FREE = "Max address space", "Max data size", "none"  # how memory is bounded
MEMORY = {
    "sorter": IN_ALL, "metric": IN_ALL, "runner": FREE, "edge": IN_DATA, "store": IN_DATA, "hand": IN_DATA,
    "auth": IN_DATA, "outbnd": IN_DATA, "passth": IN_DATA, "relay": IN_DATA,
}  # fmt: skip


def limits_of(pid):
    """{name: (soft, hard)}, octets or numbers, None: unlimited."""
    found = {}
    with open(f"/proc/{pid}/limits") as f:
        for line in f.readlines()[1:]:
            soft, hard = line[26:47].strip(), line[47:68].strip()
            found[line[:26].strip()] = tuple(None if v == "unlimited" else int(v) for v in (soft, hard))
    return found


def check_limits(role, pid):
    limits = limits_of(pid)
    check(limits["Max core file size"] == (0, 0), f"{role}: core files")
    if role not in WITH_THREADS:
        check(limits["Max processes"] == (0, 0), f"{role}: processes {limits['Max processes']}")
        check(len(os.listdir(f"/proc/{pid}/task")) == 1, f"{role} has threads")
    if MEMORY[role] == FREE:
        return
    soft, hard = limits[MEMORY[role]]
    check(soft is not None and soft == hard <= 8 << 30, f"{role}: {MEMORY[role]} {soft}, {hard}")
    check(used_of(pid) < soft / 2, f"{role} uses {used_of(pid)} of {soft} at rest")


def used_of(pid):
    """Octets that RLIMIT_DATA counts."""
    return int(status_of(pid)["VmData"].split()[0]) * 1024


def check_thread(role, pid, thread, users):
    status = status_of(pid, thread)
    uids, gids = set(status["Uid"].split()), set(status["Gid"].split())
    entry = pwd.getpwnam(users.get(role, "nobody"))
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        check(status[name] == NONE, f"{role}: {name} {status[name]}")
    check(status["NoNewPrivs"] == "1", f"{role}: NoNewPrivs {status['NoNewPrivs']}")
    check(status["Seccomp"] == "2", f"{role}: Seccomp {status['Seccomp']}")
    least = 1 if role == "runner" else 2  # what a runner may not call no program could: main's filter
    check(int(status["Seccomp_filters"]) >= least, f"{role}: main's filter alone, or none")
    check(uids == {str(entry.pw_uid)}, f"{role}: uids {uids}")
    check(gids == {str(entry.pw_gid)}, f"{role}: gids {gids}")
    groups = {int(g) for g in status["Groups"].split()}
    check(groups <= set(os.getgrouplist(entry.pw_name, entry.pw_gid)), f"{role}: groups {groups}")


@needs_root
def every_thread_of_every_role_is_confined():
    with all_roles() as s:
        wait_hand(s)
        users = {"store": USER, "hand": "news"}
        found = roles_of(s)
        check({"edge", "sorter", "store", "hand", "auth", "metric", "outbnd", "relay", "runner", "passth"} <= set(found), f"roles are {set(found)}")
        for role, pid in found.items():
            threads = os.listdir(f"/proc/{pid}/task")
            for thread in threads:
                check_thread(role, pid, thread, users)
            check(role != "store" or len(threads) > 4, "the store's threads are not there")
            check_limits(role, pid)
            # Others of its uid may not look into it: its files in /proc belong to root.
            check(os.stat(f"/proc/{pid}/mem").st_uid == 0, f"{role} is dumpable")
        s.stop()


@needs_root
def main_keeps_what_a_start_of_roles_needs():
    kept = sum(1 << n for n in (0, 1, 5, 6, 7, 8, 10, 18))
    with all_roles() as s:
        s.wait_log("main.* info ready ")
        for thread in os.listdir(f"/proc/{s.process.pid}/task"):
            status = status_of(s.process.pid, thread)
            for name in ("CapPrm", "CapEff", "CapBnd"):
                extra = int(status[name], 16) & ~kept
                check(extra == 0, f"{name} has {extra:x} more")
            check(status["CapInh"] == NONE and status["CapAmb"] == NONE, "inheritable, ambient")
            check(status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", "no filter")
        s.stop()


# --- from inside ---


def fill(argument, s):
    if not isinstance(argument, str):
        return argument
    if argument == "{main}":
        return s.process.pid
    return argument.format(folder=s.folder, outside=f"{s.folder}/outside").encode()


def attempt(s, name, role, thread):
    """None, or what was wrong."""
    call, arguments, expected = ATTEMPTS[name]
    number = call if isinstance(call, int) else CALLS[call]
    got = thread.call(number, *(fill(a, s) for a in arguments))
    wanted = KILLED if role == "main" else RUNNER[name] if role == "runner" else expected(role)
    return None if got == wanted else f"{role} {name}: {got}, not {wanted}"


def check_outside(s, name):
    found = os.listdir(f"{s.folder}/outside")
    check(found == ["kept"], f"{name}: {found} lies outside")


def wrong_in(s, name):
    """All are stopped before the first one tries: the end of one ends others, at main's hands too."""
    wait_hand(s)
    with contextlib.ExitStack() as stack:
        main = {"main": stack.enter_context(Stopped(s.process.pid))}
        threads = main if name in NOT_EVEN_MAIN else {}
        roles = {role: pid for role, pid in roles_of(s).items() if role != "runner" or name in RUNNER}
        threads |= {role: stack.enter_context(Stopped(pid)) for role, pid in roles.items()}
        wrong = [attempt(s, name, role, thread) for role, thread in threads.items()]
    check_outside(s, name)
    return [w for w in wrong if w is not None]


@needs_root
def no_role_does_what_an_intruder_would():
    """Many daemons start at once: most attempts end the process that makes them."""
    names, wrong = list(ATTEMPTS), []
    while names:
        with contextlib.ExitStack() as stack:
            some = [(n, stack.enter_context(all_roles())) for n in names[:10]]
            names = names[10:]
            for name, s in some:
                wrong += wrong_in(s, name)
    check(wrong == [], "; ".join(wrong))


@needs_root
def a_store_without_system_accounts_reads_its_roots_alone():
    """No user database, so no socket and nothing of /etc; and its threads are as confined."""
    for name, call, arguments, wanted in (
        ("the user database", "openat", (HERE, b"/etc/passwd", 0, 0), EACCES),
        ("a unix socket", "socket", (1, 1, 0), KILLED),
    ):
        with server(top=f'user = "{USER}"') as s:
            s.program = release_program()
            s.start()
            pid = s.roles("store")[0]
            worker = sorted(int(t) for t in os.listdir(f"/proc/{pid}/task"))[-1]
            with Stopped(worker) as thread:
                got = thread.call(CALLS[call], *arguments)
            check(got == wanted, f"{name}: {got}")


# What a relay role may when it has to look names up; the rest of ATTEMPTS kills it as before.
LOOKS_NAMES_UP = {
    "what it needs": ("openat", (HERE, b"/etc/hosts", 0, 0), lambda got: got >= 0),
    "the user database": ("openat", (HERE, b"/etc/passwd", 0, 0), lambda got: got == EACCES),
    "a folder": ("openat", (HERE, b"/etc", 0o200000, 0), lambda got: got == EACCES),
    "a write": ("openat", (HERE, b"/etc/hosts", 1, 0), lambda got: got == EACCES),
    "a file of its own": ("openat", (HERE, b"/tmp/made", 0o101, 0o600), lambda got: got == EACCES),
    "a socket of UDP": ("socket", (2, 0o2004002, 0), lambda got: got >= 0),
    "a raw socket": ("socket", (2, 0o2004003, 1), lambda got: got == KILLED),
    "new code": ("mmap", (0, 4096, 7, 0x22, -1, 0), lambda got: got == EACCES),
    "listening": ("listen", (0, 1), lambda got: got == KILLED),
    "a program": ("execve", (b"/bin/true", 0, 0), lambda got: got == KILLED),
    "a process": ("clone", (signal.SIGCHLD, 0, 0, 0, 0), lambda got: got == KILLED),
    "a signal": ("kill", ("{main}", signal.SIGCONT), lambda got: got == KILLED),
    "a memory file": ("memfd_create", (b"x", 0), lambda got: got == KILLED),
}  # fmt: skip


@needs_root
def a_relay_that_looks_names_up_reads_what_that_needs_and_no_more():
    with server(more='relay { smarthost = "localhost:9" }') as s:
        s.program = release_program()
        s.start()
        seen = []
        for name, (call, arguments, is_right) in LOOKS_NAMES_UP.items():
            pid = s.wait_role("relay", seen)
            wait_for(lambda p=pid: int(status_of(p)["Seccomp_filters"]) >= 2, "its filter")
            with Stopped(pid) as thread:
                got = thread.call(CALLS[call], *(fill(a, s) for a in arguments))
            check(is_right(got), f"{name}: {got}")
            if got == KILLED:
                seen.append(pid)
        s.stop()


@needs_root
def main_says_which_signal_ended_a_role():
    with all_roles() as s:
        s.wait_log("main.* info ready ")
        (pid,) = s.roles("edge")
        with Stopped(pid) as thread:
            thread.call(CALLS["socket"], 2, 1, 0)
        s.wait_log("main.* role_ended role=edge .*signal=SYS")
        s.wait_role("edge", other_than=[pid])
        s.deliver_soon("after")
        s.stop()


TESTS = [
    every_thread_of_every_role_is_confined,
    main_keeps_what_a_start_of_roles_needs,
    no_role_does_what_an_intruder_would,
    a_store_without_system_accounts_reads_its_roots_alone,
    a_relay_that_looks_names_up_reads_what_that_needs_and_no_more,
    main_says_which_signal_ended_a_role,
]

if __name__ == "__main__":
    if not IS_SUPPORTED:
        TESTS = TESTS[:2]
    sys.exit(run(TESTS))
