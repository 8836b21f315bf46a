#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The index of an account, or its WAL, is deleted, cut short, has bits flipped or is an older copy: while the
daemon is down, after a good end or after kill -9; it is deleted also while it is used. Each time all mail is
there again, byte for byte, and what its owner wrote (the active script, a special use, an annotation); no UID
names another message than before and no message has another UID unless UIDVALIDITY rose, other accounts notice
nothing, and fsck finds nothing that it cannot mend. And UIDs that the journal still holds stay, UIDVALIDITY with
them.

    tests/fault/lose_index.py [--full] [--times N] [--only DAMAGE] [--seed N]

50 times; --full: 1,000. DOORSTEP_RELEASE names the build, or DOORSTEPD and DOORSTEP the programs. Ends in a
line "N passed, N failed"."""

import argparse
import collections
import contextlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import time

from queueing_mta import (
    ALARMS,
    Daemon,
    Failure,
    Gone,
    Letter,
    Tests,
    Wire,
    expect,
    flagless,
    mbox_messages,
    message,
    name_of,
    seed_of,
    until,
    without_trace,
)
from role_daemon import is_alive
from uid_watch import UidWatch

MAILDIRS = [f"ann{n}@example.org" for n in range(3)]
MBOX = "zoe@example.net"
ACCOUNTS = [*MAILDIRS, MBOX]
RECEIVED_ID = re.compile(rb"\sid\s+([0-9A-Z]{23})\b")
FOREIGN = b"Return-Path: <x@example.com>\nReceived: by other.example; Thu, 1 Jan 2026 00:00:00 +0000\n"
FLIPS_MAX = 16
JOURNAL_TRIES = 4
BEFORE = 100  # messages before the first damage
KEPT_MAX = 80  # messages an account has before another program removes some
SCRIPT = b"# of the owner\nkeep;\n"
READS = 4  # messages asked back with `message cat` each time


# ---- what is done to a file ----


def delete(path, _choice):
    os.unlink(path)


def truncate(path, choice):
    os.truncate(path, choice.randrange(os.path.getsize(path) + 1))


def flip(path, choice):
    """Some bits, in one page or anywhere."""
    size = os.path.getsize(path)
    first = choice.randrange(size) if size else 0
    with open(path, "rb+") as f:
        for _ in range(choice.randint(1, FLIPS_MAX) if size else 0):
            at = choice.choice([choice.randrange(size), min(size - 1, first + choice.randrange(64))])
            f.seek(at)
            octet = f.read(1)[0]
            f.seek(at)
            f.write(bytes([octet ^ 1 << choice.randrange(8)]))


def put_back(path, _choice):
    """As from a backup of the index alone; keep() made it."""
    os.unlink(path)
    if os.path.exists(f"{path}.older"):
        shutil.copy(f"{path}.older", path)


def keep(folder):
    for name in ("index.sqlite", "index.sqlite-wal"):
        if os.path.exists(f"{folder}/{name}"):
            shutil.copy(f"{folder}/{name}", f"{folder}/{name}.older")


DAMAGES = {
    "index deleted": (["index.sqlite"], delete, "down"),
    "index truncated": (["index.sqlite"], truncate, "down"),
    "bits of the index flipped": (["index.sqlite"], flip, "down"),
    "WAL deleted": (["index.sqlite-wal"], delete, "down"),
    "WAL truncated": (["index.sqlite-wal"], truncate, "down"),
    "bits of the WAL flipped": (["index.sqlite-wal"], flip, "down"),
    "index and WAL deleted": (["index.sqlite", "index.sqlite-wal"], delete, "down"),
    "older index put back": (["index.sqlite", "index.sqlite-wal"], put_back, "down"),
    "index deleted while it is used": (["index.sqlite"], delete, "running"),
    "WAL deleted while it is used": (["index.sqlite-wal"], delete, "running"),
}


class Sweep:
    def __init__(self, seed):
        self.choice = random.Random(seed)
        self.daemon = Daemon(more="workers = 2\nsorters = 1")
        self.watch = UidWatch()
        self.sent = 0
        self.wanted = collections.defaultdict(set)  # account -> names
        self.may_return = collections.defaultdict(set)
        self.runs, self.hits = collections.Counter(), collections.Counter()
        self.wrong = collections.defaultdict(list)
        self.rises = collections.Counter()

    def begin(self):
        self.daemon.start()
        for account in MAILDIRS:
            self.daemon.tool("account", "add", account)
        self.deliver(BEFORE)
        for account in MAILDIRS:
            self.write(account)

    # ---- what owners write ----

    def write(self, account):
        path = f"{self.daemon.folder}/script"
        with open(path, "wb") as f:
            f.write(SCRIPT)
        self.daemon.tool("sieve", "install", account, path, "--name", "main", "--activate")
        self.daemon.tool("mailbox", "create", account, "Spam")
        self.daemon.tool("mailbox", "special-use", account, "Spam", "\\Junk")
        self.daemon.tool("mailbox", "annotate", account, "Spam", "/private/comment", "mine")

    def look_at_written(self, account):
        scripts = json.loads(self.daemon.tool("--json", "sieve", "list", account))
        expect([(s["name"], s["active"]) for s in scripts] == [("main", True)], f"{account}: scripts {scripts}")
        text = self.daemon.tool("sieve", "get", account, "main")
        expect(text == SCRIPT, f"{account}: the script is {text}")
        boxes = json.loads(self.daemon.tool("--json", "mailbox", "list", account))
        uses = {box["name"]: box["special_use"] for box in boxes}
        expect(uses == {"INBOX": "", "Spam": "\\Junk"}, f"{account}: uses {uses}")
        said = json.loads(self.daemon.tool("--json", "mailbox", "metadata", account, "Spam"))
        expect([s["value"] for s in said] == ["mine"], f"{account}: annotations {said}")

    # ---- mail ----

    def deliver(self, count):
        wire = Wire(self.daemon)
        for _ in range(count):
            self.sent += 1
            letter = Letter(f"m{self.sent}", self.choice.sample(ACCOUNTS, self.choice.choice([1, 2])))
            answers = wire.attempt(letter)
            bad = [a for a in answers.values() if a[0] != "2"]
            expect(bad == [] and len(answers) == len(letter.waiting), f"{letter.name}: {answers}")
            for account in letter.waiting:
                self.wanted[account].add(letter.name)
        wire.close()

    def files(self, account):
        """{what the index calls it: content}"""
        user, domain = account.split("@")
        found = {}
        if domain == "example.net":
            path = self.daemon.mail_path(f"/{domain}/{user}.mbox")
            if os.path.exists(path):
                with open(path, "rb") as f:
                    for content in mbox_messages(f.read()):
                        found[RECEIVED_ID.search(content)[1].decode()] = content
            return found
        for folder in ("new", "cur"):
            path = self.daemon.mail_path(f"{user}/{folder}")
            for name in os.listdir(path) if os.path.isdir(path) else ():
                with open(f"{path}/{name}", "rb") as f:
                    found[name.split(":")[0]] = f.read()
        return found

    def other_program(self, account):
        """Another program reads, flags, adds and removes mail in a Maildir. What it removes while a journal
        may still hold it can come back after a crash: lost would be worse."""
        base = self.daemon.mail_path(account.split("@")[0])
        for name in os.listdir(f"{base}/new"):
            if self.choice.random() < 0.2:
                os.rename(f"{base}/new/{name}", f"{base}/cur/{name}:2,S")
        if self.choice.random() < 0.5:
            self.sent += 1
            name = f"m{self.sent}"
            with open(f"{base}/tmp/{name}.other.host", "wb") as f:
                f.write(FOREIGN + message(name))
            os.rename(f"{base}/tmp/{name}.other.host", f"{base}/new/{name}.other.host")
            self.wanted[account].add(name)
        names = [f"{folder}/{name}" for folder in ("new", "cur") for name in os.listdir(f"{base}/{folder}")]
        for name in self.choice.sample(names, len(names) // 2) if len(names) > KEPT_MAX else ():
            with open(f"{base}/{name}", "rb") as f:
                removed = name_of(without_trace(f.read()))
            self.wanted[account].discard(removed)
            self.may_return[account].add(removed)
            self.watch.forget(account, removed)
            os.unlink(f"{base}/{name}")

    def tool_removes(self, account):
        """Through us: that never comes back."""
        seen = self.look(account)
        for uid, name in self.choice.sample(seen, min(2, len(seen))):
            if name in self.wanted[account]:
                self.daemon.tool("message", "delete", account, "INBOX", str(uid))
                self.wanted[account].remove(name)

    # ---- looks ----

    def look(self, account):
        """What the daemon lists is what the files hold, under UIDs that agree with every look before."""
        before = after = None
        while after is None or before != after:  # a look may find the damage, and begin a new index
            before = self.watch.mailbox(self.daemon, account)
            rows = json.loads(self.daemon.tool("--json", "message", "list", account))
            after = self.watch.mailbox(self.daemon, account)
            if after is None and rows == []:
                break
        files = self.files(account)
        seen = []
        for row in rows:
            ref = row["store_ref"].rsplit("/", 1)[-1].split(":")[0]
            expect(ref in files, f"{account}: UID {row['uid']} is {row['store_ref']}, which is not there")
            seen.append((row["uid"], name_of(without_trace(flagless(files[ref])))))
        if after is not None:
            self.watch.compare(account, after, seen)
        names = [name for _, name in seen]
        lost = self.wanted[account] - set(names)
        stray = set(names) - self.wanted[account] - self.may_return[account]
        expect(len(files) == len(seen) == len(set(names)), f"{account}: {len(seen)} listed, {len(files)} stored")
        expect(lost == set(), f"{account}: lost {sorted(lost)[:5]}")
        expect(stray == set(), f"{account}: back again {sorted(stray)[:5]}")
        for uid, name in self.choice.sample(seen, min(READS, len(seen))):
            got = self.read(account, uid)
            if got != name and self.watch.mailbox(self.daemon, account) != after:
                return self.look(account)  # that its index is gone was seen after the list
            expect(got == name, f"{account}: UID {uid} is listed as {name} and read as {got}")
        return seen

    def read(self, account, uid):
        """The name of the message, or what the daemon says instead."""
        try:
            text = self.daemon.tool("message", "cat", account, "INBOX", str(uid))
        except Failure as e:
            return str(e)
        return name_of(without_trace(flagless(text)))

    def folder(self, account):
        user, domain = account.split("@")
        return f"{self.daemon.folder}/state/accounts/{domain}/{user}"

    # ---- one time ----

    def stop(self):
        if self.choice.random() < 0.5:
            self.daemon.end()
        else:
            self.kill()

    def kill(self):
        main = self.daemon.process.pid
        with open(f"/proc/{main}/task/{main}/children") as f:
            pids = [main, *map(int, f.read().split())]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.daemon.process.wait()
        self.daemon.process = None
        until(lambda: not any(map(is_alive, pids)), "the end of the roles")

    def hurt(self, damage, account):
        names, how, _ = DAMAGES[damage]
        for name in names:
            path = f"{self.folder(account)}/{name}"
            if os.path.exists(path):
                how(path, self.choice)
                self.hits[damage] += 1

    def carry_over(self, account):
        """The WAL into the index, as a checkpoint of the daemon does sooner or later: else all that there
        is to damage is the WAL, and the index behind it is never read."""
        self.stop()
        with contextlib.closing(sqlite3.connect(f"{self.folder(account)}/index.sqlite")) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        keep(self.folder(account))
        self.daemon.start()

    def once(self, damage):
        _, how, when = DAMAGES[damage]
        account = self.choice.choice(ACCOUNTS)
        if how is put_back or self.choice.random() < 0.6:
            self.carry_over(account)
        if self.choice.random() < 0.8:
            self.deliver(self.choice.randint(1, 6))
        if account in MAILDIRS and self.choice.random() < 0.5:
            self.other_program(account)
        if account in MAILDIRS and self.choice.random() < 0.3:
            self.tool_removes(account)
        if self.choice.random() < 0.8:
            for one in ACCOUNTS:
                self.look(one)
            if self.choice.random() < 0.5:
                self.deliver(self.choice.randint(1, 3))
        before = dict(self.watch.validity)
        if when == "running":
            self.hurt(damage, account)
            if self.choice.random() < 0.7:
                self.deliver(self.choice.randint(1, 3))
            if self.choice.random() < 0.3:
                self.look(account)
        self.stop()
        if when == "down":
            self.hurt(damage, account)
        self.daemon.start()
        if self.choice.random() < 0.3:  # mail that comes before anybody looks
            self.deliver(1)
        if how is flip:  # which nobody can see without reading all
            self.daemon.tool("fsck", "--repair")
        for one in ACCOUNTS:
            self.look(one)
            expect(one == account or one not in before or before[one] == self.watch.validity[one],
                   f"{one}: UIDVALIDITY rose though {account} was damaged")
        if account in MAILDIRS:
            self.look_at_written(account)
        self.rises[damage] += self.watch.validity.get(account) != before.get(account)
        self.daemon.tool("fsck", "--repair")
        self.daemon.tool("fsck")  # exits 1 when something is left

    def journal_keeps_uids(self):
        """A new account, all of whose mail the journal still holds, loses its index. A slow machine may have
        freed the segment meanwhile: hence some tries."""
        for n in range(JOURNAL_TRIES):
            before, after = self.lose_young_index(f"new{n}@example.org")
            if before == after:
                return
        raise Failure(f"before {before}, after {after}")

    def lose_young_index(self, account):
        """(UIDs and UIDVALIDITY) before and after."""
        self.daemon.tool("account", "add", account)
        wire = Wire(self.daemon)
        for _ in range(5):
            self.sent += 1
            wire.attempt(Letter(f"m{self.sent}", [account]))
            self.wanted[account].add(f"m{self.sent}")
        wire.close()
        before = self.look(account), self.watch.validity[account]
        self.kill()
        self.hurt("index and WAL deleted", account)
        self.daemon.start()
        return before, (self.look(account), self.watch.validity[account])

    def run(self, damage):
        self.runs[damage] += 1
        try:
            self.once(damage)
        except (Failure, Gone, OSError, subprocess.SubprocessError) as problem:
            self.wrong[damage].append(f"time {sum(self.runs.values())}: {problem}")
            self.begin_again()

    def begin_again(self):
        """After a failure: nothing of before is held against the times to come."""
        if self.daemon.process is not None:
            self.daemon.kill()
        with open(f"{self.daemon.folder}/log.before", "a") as f:
            f.write(self.daemon.log_text())
        os.truncate(self.daemon.log, 0)
        self.daemon.start()
        self.daemon.tool("fsck", "--repair")
        self.watch = UidWatch()
        for account in ACCOUNTS:
            self.may_return[account].clear()
            self.wanted[account] = {name_of(without_trace(flagless(m))) for m in self.files(account).values()}

    def judge(self, damage):
        wrong = self.wrong[damage]
        print(f"     {damage}: {self.runs[damage]} times, {self.hits[damage]} files, UIDVALIDITY rose "
              f"{self.rises[damage]} times", flush=True)
        expect(self.hits[damage] > 0, "there was never anything to damage")
        expect(wrong == [], f"{len(wrong)} of {self.runs[damage]} times: " + "\n".join(wrong[:4]))

    def no_alarm(self):
        if self.daemon.process is not None:
            self.daemon.end()
        said = [x for x in self.daemon.log_text().splitlines() if any(a in x for a in ALARMS)]
        said = [x for x in said if "signal=KILL" not in x]
        expect(said == [], "the log says:\n" + "\n".join(said[:5]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--times", type=int)
    parser.add_argument("--only", choices=DAMAGES)
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args()
    seed = seed_of(arguments)
    tests = Tests("index")
    sweep = Sweep(seed)
    damages = [arguments.only] if arguments.only else list(DAMAGES)
    began = time.monotonic()
    try:
        sweep.begin()
        for n in range(arguments.times or (1000 if arguments.full else 50)):
            sweep.run(damages[n % len(damages)])
        for damage in sweep.runs:
            tests.run(damage, sweep.judge, damage)
        tests.run("UIDs that the journal holds stay", sweep.journal_keeps_uids)
        tests.run("no role crashed", sweep.no_alarm)
        print(f"     {sweep.sent} messages, {sweep.watch.looks} looks, {time.monotonic() - began:.0f} s")
    finally:
        if sweep.daemon.process is not None:
            sweep.daemon.kill()
        if tests.failed:
            print(f"     kept: {sweep.daemon.folder}")
        else:
            sweep.daemon.remove()
    tests.end()


if __name__ == "__main__":
    main()
