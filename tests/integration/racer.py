#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Somebody swaps what lies at the path of a mailbox while mail arrives: the Maildir, its new, cur and
tmp, an mbox and its lock turn into symbolic links, second names, FIFOs, devices, folders and files,
and back, thousands of times. Virtual accounts and system accounts, as root starts it.

Nothing may be written, made or removed elsewhere, whether the daemon's sandbox would let it (victims
between the mailboxes, in the uid's reach) or not; what got 250 is in the real mailbox; no role dies.

    tests/integration/racer.py [DELIVERIES]       (default 4000; 100000 were done once)

The last line of output is "N passed, N failed"."""

import contextlib
import ctypes
import json
import os
import pwd
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time

from role_daemon import DOORSTEP, IS_ROOT, USER, Failure, check, server

DELIVERIES = 4000
CONNECTIONS, RECIPIENTS = 4, 12
SECRET = "nobody-shall-read-this"
DWELL = (0, 0, 0.0001, 0.001, 0.01, 0.05)  # seconds at most that one of the two lies there
EXCHANGE = 2  # RENAME_EXCHANGE
libc = ctypes.CDLL(None, use_errno=True)

VIRTUAL = ["whole", "new", "cur", "tmp", "calm"]  # what of it is swapped
BOXES = ["mbox", "lock", "calmbox"]
SYSTEM_BOXES = ["news", "backup", "list"]
SYSTEM_DIRS = ["irc", "uucp"]

MORE = """
uid_min = 1
domain "virtual.example" {{
    accounts = "any"
    store = "dirs"
}}
domain "boxes.example" {{
    accounts = "passwd"
    store = "spool"
}}
domain "homes.example" {{
    accounts = "passwd"
    store = "homes"
}}
store dirs {{
    driver = "maildir"
    path = "{mail}/virtual.example/%{{user}}"
}}
store spool {{
    driver = "mbox"
    path = "{mail}/spool/%{{user}}.mbox"
    lock_timeout = 1s
}}
store homes {{
    driver = "maildir"
    path = "{mail}/homes/%{{user}}/Maildir"
}}
store mbox {{
    path = "{mail}/%{{domain}}/%{{user}}.mbox"
    lock_timeout = 1s
}}
limits {{
    errors = 10000
    recipients = 1000
}}
"""


# --- the ground ---


def own(path, user, mode=None):
    entry = pwd.getpwnam(user)
    os.chown(path, entry.pw_uid, entry.pw_gid)
    if mode is not None:
        os.chmod(path, mode)


def make_victim(folder):
    """A Maildir and a file that every uid here may change."""
    for path in (folder, *(f"{folder}/{d}" for d in ("new", "cur", "tmp"))):
        os.mkdir(path)
        os.chmod(path, 0o777)
    for path in ("file", "cur/1.secret:2,"):
        with open(f"{folder}/{path}", "w") as f:
            f.write(f"Subject: {SECRET}\n\n{SECRET}\n")
        os.chmod(f"{folder}/{path}", 0o666)


def make_maildir(path, user):
    for folder in (path, *(f"{path}/{d}" for d in ("new", "cur", "tmp"))):
        os.makedirs(folder, exist_ok=True)
        own(folder, user, 0o700)


def make_box(path, user):
    open(path, "w").close()
    own(path, user, 0o600)


def lay_out(mail):
    """What there is before the daemon starts: {path that is swapped: is a folder}."""
    for name in ("virtual.example", "example.net", "homes", "spool"):
        os.makedirs(f"{mail}/{name}")
        own(f"{mail}/{name}", USER, 0o755)
    os.chmod(f"{mail}/spool", 0o1777)
    swapped = {}
    for name in VIRTUAL:
        make_maildir(f"{mail}/virtual.example/{name}", USER)
    swapped[f"{mail}/virtual.example/whole"] = True
    for name in ("new", "cur", "tmp"):
        swapped[f"{mail}/virtual.example/{name}/{name}"] = True
    for name in BOXES:
        make_box(f"{mail}/example.net/{name}.mbox", USER)
    swapped[f"{mail}/example.net/mbox.mbox"] = False
    for name in SYSTEM_BOXES:
        make_box(f"{mail}/spool/{name}.mbox", name)
        swapped[f"{mail}/spool/{name}.mbox"] = False
    for name in SYSTEM_DIRS:
        os.mkdir(f"{mail}/homes/{name}")
        own(f"{mail}/homes/{name}", name, 0o755)
        make_maildir(f"{mail}/homes/{name}/Maildir", name)
    swapped[f"{mail}/homes/irc/Maildir"] = True
    swapped[f"{mail}/homes/uucp/Maildir/new"] = True
    return swapped


# --- the racer ---


def variants(path, is_folder, victims, place):
    """What may lie there instead; each in `place`, on the same file system."""
    made = []
    for n, victim in enumerate(victims):
        for kind, target in (("dir", victim), ("file", f"{victim}/file"), ("new", f"{victim}/new")):
            made.append(f"{place}/symlink.{kind}.{n}")
            os.symlink(target, made[-1])
        made.append(f"{place}/relative.{n}")
        os.symlink(os.path.relpath(f"{victim}/{'new' if is_folder else 'file'}", os.path.dirname(path)), made[-1])
        made.append(f"{place}/second.{n}")
        os.link(f"{victim}/file", made[-1])
    made.append(f"{place}/dangling")
    os.symlink(f"{victims[0]}/made-by-a-dangling-link", made[-1])
    made.append(f"{place}/fifo")
    os.mkfifo(made[-1])
    os.chmod(made[-1], 0o666)
    made.append(f"{place}/foreign")
    (os.mkdir if not is_folder else lambda p: open(p, "w").close())(made[-1])
    for name, minor in (("null", 3), ("full", 7)):
        with contextlib.suppress(OSError):  # containers have no mknod
            os.mknod(f"{place}/{name}", 0o20666, os.makedev(1, minor))
            made.append(f"{place}/{name}")
    return made


def exchange(a, b):
    libc.renameat2(-100, a.encode(), -100, b.encode(), EXCHANGE)


def swap_for_ever(swapped, victims, places, seed):
    """In a process of its own. Every exchange is followed by its opposite, so that in the end all is
    as before; for a moment the real one, for another moment something else."""
    choose = random.Random(seed)
    is_told = []
    signal.signal(signal.SIGTERM, lambda *_: is_told.append(True))
    all_variants = {}
    for n, (path, is_folder) in enumerate(swapped.items()):
        place = f"{places}/{seed}.{n}"
        os.mkdir(place)
        all_variants[path] = variants(path, is_folder, victims, place)
    paths = list(swapped)
    while not is_told:
        path = choose.choice(paths)
        other = choose.choice(all_variants[path])
        exchange(path, other)
        time.sleep(choose.choice(DWELL) * choose.random())
        exchange(path, other)
        time.sleep(choose.choice(DWELL) * choose.random())


def plant_locks_for_ever(locks, victims):
    """A symbolic link where a lock file would be made, now and then."""
    is_told = []
    signal.signal(signal.SIGTERM, lambda *_: is_told.append(True))
    while not is_told:
        for lock in locks:
            with contextlib.suppress(OSError):
                os.symlink(f"{random.choice(victims)}/lock-by-link", lock)
                time.sleep(0.001)
                if os.path.islink(lock):
                    os.unlink(lock)
        time.sleep(0.02)


@contextlib.contextmanager
def processes(*works):
    pids = []
    for work, arguments in works:
        pid = os.fork()
        if pid == 0:
            try:
                work(*arguments)
            finally:
                os._exit(0)
        pids.append(pid)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        for pid in pids:
            os.waitpid(pid, 0)


# --- the mail ---


class Load(threading.Thread):
    """One connection; every transaction with several recipients, whose answers are counted."""

    def __init__(self, s, name, recipients, count):
        super().__init__(daemon=True)
        self.server, self.name, self.recipients, self.left = s, name, recipients, count
        self.delivered = {r: 0 for r in recipients}
        self.refused = {r: 0 for r in recipients}
        self.wrong = None

    def run(self):
        try:
            with socket.create_connection(("127.0.0.1", self.server.ports[0]), 120) as wire:
                lines = wire.makefile("rb")
                self.reply(lines)
                wire.sendall(b"LHLO racer\r\n")
                self.reply(lines)
                while self.left > 0:
                    self.transaction(wire, lines)
                wire.sendall(b"QUIT\r\n")
        except (OSError, Failure) as e:
            self.wrong = f"{self.name}: {e}"

    def reply(self, lines):
        while True:
            line = lines.readline()
            check(line != b"", "the server closed")
            if line[3:4] != b"-":
                return line.decode(errors="replace").rstrip()

    def transaction(self, wire, lines):
        some = random.sample(self.recipients, min(RECIPIENTS, len(self.recipients)))
        wire.sendall(b"MAIL FROM:<>\r\n" + b"".join(f"RCPT TO:<{r}>\r\n".encode() for r in some) + b"DATA\r\n")
        self.reply(lines)
        taken = [r for r in some if self.reply(lines).startswith("250")]
        check(len(taken) == len(some), f"RCPT: {len(taken)} of {len(some)}")
        check(self.reply(lines).startswith("354"), "DATA")
        wire.sendall(f"Subject: {self.name}.{self.left}\r\n\r\n{'x' * 70}\r\n.\r\n".encode())
        for recipient in taken:
            got = self.reply(lines)
            check(got[:3] in ("250", "451", "452", "450"), f"{recipient}: {got}")
            (self.delivered if got.startswith("250") else self.refused)[recipient] += 1
            self.left -= 1


def tally(loads, which):
    total = {}
    for load in loads:
        for recipient, n in getattr(load, which).items():
            total[recipient] = total.get(recipient, 0) + n
    return total


# --- what is looked at ---


def snapshot(folder):
    """Everything below it, except the number of names, which the racer changes."""
    seen = {}
    for where, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = f"{where}/{name}"
            st = os.lstat(path)
            content = ""
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path) as f:
                    content = f.read()
            seen[path] = (st.st_mode, st.st_uid, st.st_size if content else 0, content)
    return seen


def stored(mail, recipient):
    """Messages in the real mailbox."""
    user, domain = recipient.split("@")
    place = {
        "virtual.example": f"{mail}/virtual.example/{user}",
        "homes.example": f"{mail}/homes/{user}/Maildir",
        "boxes.example": f"{mail}/spool/{user}.mbox",
        "example.net": f"{mail}/example.net/{user}.mbox",
    }[domain]
    if place.endswith(".mbox"):
        with open(place) as f:
            return len(re.findall(r"^Subject: ", f.read(), re.M))
    return sum(len(os.listdir(f"{place}/{d}")) for d in ("new", "cur"))


def nothing_is_read(s, recipients):
    for recipient in recipients:
        done = subprocess.run(
            [DOORSTEP, "-c", s.configuration, "--json", "message", "list", recipient],
            capture_output=True,
            timeout=120,
        )
        check(done.returncode == 0, f"message list {recipient}: {done.stderr.decode()}")
        check(SECRET.encode() not in done.stdout, f"{recipient} has the text of another file")
        json.loads(done.stdout)


def recipients():
    return (
        [f"{n}@virtual.example" for n in VIRTUAL]
        + [f"{n}@example.net" for n in BOXES]
        + [f"{n}@boxes.example" for n in SYSTEM_BOXES]
        + [f"{n}@homes.example" for n in SYSTEM_DIRS]
    )


KINDS = ("@virtual.example", "@homes.example", "@boxes.example", "mbox@example.net")
ROUNDS_MAX = 60


def were_all_in_the_way(loads):
    refused = tally(loads, "refused")
    return all(sum(n for who, n in refused.items() if who.endswith(kind)) > 0 for kind in KINDS)


def deliver(s, count, n):
    loads = [Load(s, f"c{n}.{i}", recipients(), count // CONNECTIONS) for i in range(CONNECTIONS)]
    for load in loads:
        load.start()
    for load in loads:
        load.join()
    wrong = [load.wrong for load in loads if load.wrong]
    check(wrong == [], f"{wrong}")
    return loads


def race(s, mail, swapped, victims, count):
    """In rounds, until each kind was in the way: a Maildir's folders are held open, so how soon a swap of one
    is met depends on the machine."""
    places = f"{mail}/places"
    os.mkdir(places)
    locks = [f"{mail}/example.net/lock.mbox.lock", f"{mail}/spool/list.mbox.lock"]
    loads = []
    with processes(
        (swap_for_ever, (swapped, victims, places, 1)), (plant_locks_for_ever, (locks, victims))
    ):
        for n in range(ROUNDS_MAX):
            loads += deliver(s, count, n)
            if were_all_in_the_way(loads):
                break
    return tally(loads, "delivered"), tally(loads, "refused")


def judge(s, mail, before, after, delivered, refused):
    changed = [p for p in {*before, *after} if before.get(p) != after.get(p)]
    check(changed == [], f"{len(changed)} escapes: {changed[:5]}")
    for recipient, n in delivered.items():
        check(n > 0, f"{recipient} never got anything")
        there = stored(mail, recipient)
        check(there == n, f"{recipient}: {n} got 250, {there} are stored")
    for kind in KINDS:
        hits = sum(n for recipient, n in refused.items() if recipient.endswith(kind))
        check(hits > 0, f"{kind}: nothing was ever in the way")
    ended = [x for x in s.log_text().splitlines() if "error role_ended" in x]
    check(ended == [], f"a role died: {ended[:2]}")


def nothing_is_written_where_a_mailbox_is_swapped(count):
    with server(top=f'user = "{USER}"') as s:
        mail = f"{s.folder}/mail"
        os.mkdir(mail)
        swapped = lay_out(mail)
        victims = [f"{s.folder}/victim", f"{mail}/victim"]
        for victim in victims:
            make_victim(victim)
        with open(s.configuration) as f:
            text = f.read().replace('log_level = "debug"', 'log_level = "warning"')
        text = re.sub(r"store mbox \{.*?\n\}\n", "", text, flags=re.S)
        s.configure(text + MORE.format(mail=mail))
        s.launch()
        subprocess.run([DOORSTEP, "-c", s.configuration, "ping", "--wait", "60s"], check=True)
        before = {p: x for victim in victims for p, x in snapshot(victim).items()}
        delivered, refused = race(s, mail, swapped, victims, count)
        for recipient in delivered:
            print(f"{recipient}: {delivered[recipient]} delivered, {refused[recipient]} put off")
        nothing_is_read(s, recipients())
        after = {p: x for victim in victims for p, x in snapshot(victim).items()}
        judge(s, mail, before, after, delivered, refused)
        print(f"deliveries {sum(delivered.values()) + sum(refused.values())}: "
              f"{sum(delivered.values())} delivered, {sum(refused.values())} put off, 0 escapes")
        s.stop()


def main():
    if not IS_ROOT:
        print("skip: needs root\n0 passed, 0 failed, 1 skipped")
        return 0
    count = int(sys.argv[1]) if len(sys.argv) > 1 else DELIVERIES
    try:
        nothing_is_written_where_a_mailbox_is_swapped(count)
    except Failure as failure:
        print(f"FAIL: nothing is written where a mailbox is swapped: {failure}")
        print("0 passed, 1 failed")
        return 1
    print("1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
