#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""64 connections deliver into a few mbox files while two mail readers rewrite these files all the time: one
with Python's mailbox module (a new file in place of the old), one as mutt does (in place), both under fcntl
and dotlock. They read every message, set flags, and remove some. Whatever they see is whole; at the end
what was acknowledged is there once, less what they removed; the index says the same.

    tests/fault/mbox_rewritten.py [--full] [--messages N] [--seed N]

DOORSTEP_RELEASE names the build, or DOORSTEPD and DOORSTEP the programs. Ends in a line "N passed, N failed"."""

import argparse
import collections
import contextlib
import fcntl
import itertools
import json
import mailbox
import multiprocessing
import os
import random
import subprocess
import time

from queueing_mta import (
    Daemon,
    Letter,
    Tests,
    contents_of,
    expect,
    flagless,
    load,
    mbox_messages,
    name_of,
    private_daemon,
    seed_of,
    without_trace,
)

CONNECTIONS = 64
ACCOUNTS = [f"reader{n}@example.net" for n in range(4)]
KEPT_MAX = 3000  # messages in one file that a reader lets grow before it removes all that it may
FSCK_SECONDS = 1200
SAMPLE = 25  # messages an account that are asked back one by one


class Busy(Exception):
    """Somebody else has the mailbox."""


# ---- two readers ----


class InPlace:
    """As mutt: locks, reads, writes over what is there, cuts."""

    def __init__(self, path):
        self.path = path
        self.file = open(path, "rb+")
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.take_dotlock()
        except OSError:
            self.file.close()
            raise Busy from None

    def take_dotlock(self):
        draft = f"{self.path}.{os.getpid()}"
        with open(draft, "w") as f:
            f.write(f"{os.getpid()}\n")
        try:
            os.link(draft, f"{self.path}.lock")
        finally:
            os.unlink(draft)
        if os.fstat(self.file.fileno()).st_ino != os.stat(self.path).st_ino:
            os.unlink(f"{self.path}.lock")
            raise BlockingIOError("replaced while we waited")

    def rewrite(self, choose):
        text = self.file.read()
        kept = []
        parts = text.split(b"\n\nFrom ")
        for n, part in enumerate(parts if text else []):
            raw = (b"From " if n else b"") + part + (b"\n\n" if n + 1 < len(parts) else b"")
            (content,) = mbox_messages(raw)
            verdict = choose(name_of(without_trace(flagless(content))))
            if verdict == "flag":
                line, rest = raw.split(b"\n", 1)
                raw = line + b"\n" + flagless(rest).replace(b"\n\n", b"\nStatus: RO\n\n", 1)
            if verdict != "remove":
                kept.append(raw)
        self.file.seek(0)
        self.file.write(b"".join(kept))
        self.file.truncate()
        self.file.flush()

    def close(self):
        os.unlink(f"{self.path}.lock")
        self.file.close()


class Replaced:
    """With Python's mailbox module, which writes a new file and renames it."""

    def __init__(self, path):
        self.box = mailbox.mbox(path, create=False)
        try:
            self.box.lock()
        except mailbox.ExternalClashError:
            self.box._file.close()
            raise Busy from None
        if os.fstat(self.box._file.fileno()).st_ino != os.stat(path).st_ino:
            self.close()
            raise Busy

    def rewrite(self, choose):
        for key in self.box.keys():
            content = mbox_messages(b"From x\n" + self.box.get_bytes(key) + b"\n")[0]
            verdict = choose(name_of(without_trace(flagless(content))))
            if verdict == "remove":
                self.box.remove(key)
            elif verdict == "flag":
                changed = self.box.get_message(key)
                changed.set_flags("RO")
                self.box[key] = changed
        try:
            self.box.flush()
        except mailbox.ExternalClashError:
            # After the rename it locks the new file, which somebody may just be trying; the dotlock
            # still keeps them out. Anything else means that the file changed under our locks.
            if self.box._pending:
                raise

    def close(self):
        self.box.unlock()
        self.box._file.close()


def read_and_rewrite(kind, remainder, folder, seed, is_ending, report):
    """A reader's process. Of each four messages one is its to remove."""
    choice = random.Random(f"{seed} {kind.__name__}")
    rounds, removed, size = collections.Counter(), [], 0

    def choose(name):
        nonlocal size
        size += 1
        if int(name[1:]) % 4 == remainder and (size > KEPT_MAX or choice.random() < 0.5):
            gone.append(name)
            return "remove"
        return "flag" if choice.random() < 0.02 else "keep"

    try:
        while not is_ending.is_set():
            account = choice.choice(ACCOUNTS)
            path = f"{folder}/{account.split('@')[0]}.mbox"
            gone, size = [], 0
            began = time.monotonic()
            try:
                with contextlib.closing(kind(path)) as box:
                    box.rewrite(choose)
            except (Busy, FileNotFoundError, mailbox.NoSuchMailboxError):
                rounds["busy"] += 1
                time.sleep(choice.uniform(0.002, 0.02))
                continue
            rounds["rewritten"] += 1
            removed += [(account, name) for name in gone]
            time.sleep(choice.uniform(0.01, 0.1) + time.monotonic() - began)
        report.put((kind.__name__, dict(rounds), removed, None))
    except Exception as e:  # what it saw is the result
        report.put((kind.__name__, dict(rounds), removed, f"{kind.__name__} {account}: {e!r}"))


@contextlib.contextmanager
def readers(folder, seed):
    """Readers at work; their reports are in the list afterwards."""
    is_ending, report = multiprocessing.Event(), multiprocessing.Queue()
    processes = [
        multiprocessing.Process(target=read_and_rewrite, args=(kind, n, folder, seed, is_ending, report))
        for n, kind in enumerate((InPlace, Replaced))
    ]
    reports = []
    for p in processes:
        p.start()
    try:
        yield reports
    finally:
        is_ending.set()
        reports += [report.get(timeout=120) for _ in processes]
        for p in processes:
            p.join()


# ---- the sweep ----


def deliver_all(daemon, count, seed):
    """(letters, removed, text of what the readers found wrong)."""
    choice = random.Random(seed)
    numbers = itertools.count()
    letters = []

    def next_letter():
        number = next(numbers)
        if number >= count:
            return None
        letters.append(Letter(f"m{number}", choice.sample(ACCOUNTS, 1 if number % 10 else 2)))
        return letters[-1]

    began = time.monotonic()
    with readers(f"{daemon.folder}/mail/example.net", seed) as reports:
        with load(daemon, CONNECTIONS, next_letter, ends_itself=True) as mtas:
            pass
    answers = sum((m.answers for m in mtas), collections.Counter())
    print(f"     {count} messages in {time.monotonic() - began:.1f} s; answers {dict(answers)}")
    for kind, rounds, removed, _ in reports:
        print(f"     {kind}: {rounds}, {len(removed)} messages removed", flush=True)
    return letters, {pair for r in reports for pair in r[2]}, reports


def check_readers(reports):
    wrong = [r[3] for r in reports if r[3] is not None]
    expect(wrong == [], "; ".join(wrong))
    for kind, rounds, removed, _ in reports:
        expect(rounds.get("rewritten", 0) > 3, f"{kind} hardly ever had the mailbox: {rounds}")
        expect(len(removed) > 0, f"{kind} removed nothing")


def check_contents(daemon, letters, removed):
    for account in ACCOUNTS:
        there = collections.Counter(name_of(m) for m in contents_of(daemon, account))
        wanted = {x.name for x in letters if account in x.delivered and (account, x.name) not in removed}
        lost = sorted(wanted - set(there))
        more = {name: n for name, n in there.items() if n > 1 or name not in wanted}
        expect(lost == [], f"{account}: {len(lost)} lost: {lost[:5]}")
        expect(more == {}, f"{account}: {len(more)} doubled or back again: {dict(list(more.items())[:5])}")


def check_index(daemon, seed):
    choice = random.Random(seed)
    for account in ACCOUNTS:
        rows = json.loads(daemon.tool("--json", "message", "list", account))
        uids = [row["uid"] for row in rows]
        expect(uids == sorted(set(uids)), f"{account}: UIDs do not rise")
        here = collections.Counter(name_of(m) for m in contents_of(daemon, account))
        expect(len(rows) == sum(here.values()), f"{account}: {len(rows)} rows, {sum(here.values())} messages")
        for row in choice.sample(rows, min(SAMPLE, len(rows))):
            text = daemon.tool("message", "cat", account, "INBOX", str(row["uid"]))
            name = name_of(without_trace(flagless(text)))
            expect(name in here, f"{account}: UID {row['uid']} is {name}")
            expect(row["subject"] == name, f"{account}: UID {row['uid']} is {name}, its row {row['subject']}")


def check_left_behind(daemon):
    known = {f"{a.split('@')[0]}.mbox" for a in ACCOUNTS}
    known |= {f".{name}.doorstep" for name in known}
    found = set(os.listdir(f"{daemon.folder}/mail/example.net"))
    expect(found <= known, f"left behind: {sorted(found - known)[:5]}")


def check_fsck(daemon):
    """Flags change the size of a message, so it is described anew; in a large mbox that takes its time."""
    for arguments in (["fsck", "--repair"], ["fsck"]):  # exits 1 when something is left
        command = [private_daemon.DOORSTEP, "-c", daemon.configuration, *arguments]
        done = subprocess.run(command, capture_output=True, timeout=FSCK_SECONDS)
        expect(done.returncode == 0, f"{arguments}: {done.stdout[-300:]}{done.stderr[-300:]}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--messages", type=int)
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args()
    seed = seed_of(arguments)
    count = arguments.messages or (100000 if arguments.full else 10000)
    tests = Tests("mbox rewritten while mail arrives")
    daemon = Daemon(more="workers = 2\nsorters = 1")
    state = []

    def sweep():
        daemon.start()
        state.extend(deliver_all(daemon, count, seed))
        delivered = sum(len(x.delivered) for x in state[0])
        expect(delivered >= count, f"only {delivered} deliveries")

    try:
        tests.run(f"{count} messages over {CONNECTIONS} connections are all taken", sweep)
        if state:
            letters, removed, reports = state
            tests.run("readers find every message whole", check_readers, reports)
            tests.run("what was taken is there once, or was removed", check_contents, daemon, letters, removed)
            tests.run("the index says what the files hold", check_index, daemon, seed)
            tests.run("fsck finds nothing that it cannot mend", check_fsck, daemon)
            tests.run("no lock stays behind", check_left_behind, daemon)
        tests.run("the daemon ends well", daemon.end)
    finally:
        if daemon.process is not None:
            daemon.kill()
        if tests.failed:
            print(f"     kept: {daemon.folder}")
        else:
            daemon.remove()
    tests.end()


if __name__ == "__main__":
    main()
