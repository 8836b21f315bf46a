#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kill -9 of a random role, or of main, or of all at once, every second or two while queueing MTAs deliver
into Maildirs and mbox files and the wall clock jumps forth and back by days. What was acknowledged is there
once, a retry makes no second copy, no UID changes its message. Then load without kills: descriptors and
memory of each role stay where they were.

    tests/fault/kill_roles.py [--full] [--seconds N] [--seed N]

A minute of kills; --full: an hour, in rounds of a minute. DOORSTEP_RELEASE names the build, or DOORSTEPD and
DOORSTEP the programs. Ends in a line "N passed, N failed"."""

import argparse
import collections
import contextlib
import functools
import itertools
import mmap
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time

from queueing_mta import (
    ALARMS,
    HERE,
    Daemon,
    Failure,
    Letter,
    Tests,
    contents_of,
    expect,
    load,
    name_of,
    seed_of,
    until,
)
from role_daemon import command_of, is_alive
from uid_watch import UidWatch

ROLES = ("edge", "store", "sorter")
MAILDIRS = [f"ann{n}@example.org" for n in range(5)]
MBOXES = [f"zoe{n}@example.net" for n in range(2)]
ACCOUNTS = MAILDIRS + MBOXES
CONNECTIONS = 8
PAUSE = 0.005  # of an MTA between two messages: the machine is not the bottleneck
LOOK_TRIES = 10
ROUND_SECONDS = 60
JUMP_SECONDS = 2 * 86400  # to each side: within the ledger's five days
GROWTH_MAX_MB = 8  # of a role while it takes the second half of the load
PEAK_MAX_MB = 100
WORKERS = 2
SEGMENTS_MAX = 8 * WORKERS + 1  # eight a worker (docs/journal.md), and one that is being read


# ---- the clock ----


class Clock:
    """The offset that every process of the daemon adds to the time of day."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="doorstep-clock.")
        os.chmod(self.folder, 0o755)
        self.library = f"{self.folder}/clock.so"
        subprocess.run(
            ["cc", "-O1", "-shared", "-fPIC", "-D_GNU_SOURCE", "-Wall", "-o", self.library, f"{HERE}/clock.c"],
            check=True,
        )
        with open(f"{self.folder}/offset", "wb+") as f:
            f.write(bytes(8))
            f.flush()
            self.offset = mmap.mmap(f.fileno(), 8)
        self.jumps = 0

    def environment(self):
        return {"LD_PRELOAD": self.library, "CLOCK_OFFSET": f"{self.folder}/offset"}

    def jump(self, seconds):
        self.offset[:] = struct.pack("=q", seconds)
        self.jumps += 1

    def remove(self):
        shutil.rmtree(self.folder)


class JumpingDaemon(Daemon):
    def __init__(self, clock, **how):
        super().__init__(**how)
        self.clock = clock

    def start(self):
        before = dict(os.environ)
        if self.clock is not None:
            os.environ.update(self.clock.environment())
        try:
            super().start()
        finally:
            os.environ.clear()
            os.environ.update(before)


# ---- processes ----


def roles(daemon):
    """{name: [process ids]}, main among them."""
    main = daemon.process.pid
    found = collections.defaultdict(list, main=[main])
    with contextlib.suppress(OSError), open(f"/proc/{main}/task/{main}/children") as f:
        for pid in map(int, f.read().split()):
            found[command_of(pid).removeprefix("doorstep-")].append(pid)
    return found


def all_roles(daemon):
    """As roles(), or nothing while one is missing."""
    found = roles(daemon)
    return found if all(found[name] for name in ROLES) else None


def open_files(pid):
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            yield os.readlink(f"/proc/{pid}/fd/{name}")


def descriptors(pid):
    """Without segments of the journal: each is opened when it is first needed and stays open."""
    return sum("/journal/" not in path for path in open_files(pid))


def segments(pid):
    return sum("/journal/" in path for path in open_files(pid))


def memory_mb(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"RssAnon:\s+(\d+)", f.read())[1]) / 1024


class Peaks(threading.Thread):
    """The most descriptors and memory that any process of a role had."""

    def __init__(self, daemon):
        super().__init__(daemon=True)
        self.server = daemon
        self.descriptors, self.memory = collections.Counter(), collections.Counter()
        self.segments = 0
        self.is_ending = threading.Event()

    def run(self):
        while not self.is_ending.wait(0.1):
            process = self.server.process
            for name, pids in roles(self.server).items() if process is not None else ():
                for pid in pids:
                    with contextlib.suppress(OSError, TypeError):  # it ends while we look
                        self.descriptors[name] = max(self.descriptors[name], descriptors(pid))
                        self.memory[name] = max(self.memory[name], round(memory_mb(pid), 1))
                        self.segments = max(self.segments, segments(pid))


# ---- kills ----


class ToolBusy(Exception):
    """The store is away just now."""


class Killer:
    def __init__(self, daemon, choice, clock):
        self.daemon, self.choice, self.clock = daemon, choice, clock
        self.kills = collections.Counter()
        self.wrong = []  # what looks found

    def one(self):
        target = self.choice.choice(["store", "store", "store", "edge", "edge", "sorter", "main", "main", "all"])
        found = roles(self.daemon)
        if target in ("main", "all"):
            pids = [pid for name in found for pid in found[name] if name == "main" or target == "all"]
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            self.daemon.process.wait()
            self.jump()  # as a machine that comes back with a wrong clock
            self.daemon.start()
        elif found[target]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.choice.choice(found[target]), signal.SIGKILL)
        else:
            return  # it is still away
        self.kills[target] += 1

    def jump(self):
        if self.clock is not None and self.choice.random() < 0.5:
            self.clock.jump(self.choice.randrange(-JUMP_SECONDS, JUMP_SECONDS))

    def run(self, seconds, watch):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(self.choice.uniform(0.1, 2.5))
            self.one()
            self.jump()
            try:
                look(self.daemon, watch, self.choice.choice(ACCOUNTS))
            except ToolBusy:
                pass
            except Failure as failure:
                self.wrong.append(str(failure))


def look(daemon, watch, account):
    """As soon as the store is back."""
    for _ in range(LOOK_TRIES):
        try:
            tool, daemon.tool = daemon.tool, functools.partial(tool_or_busy, daemon.tool)
            return watch.look(daemon, account)
        except ToolBusy:
            time.sleep(0.2)
        finally:
            daemon.tool = tool
    raise ToolBusy


def tool_or_busy(tool, *arguments):
    try:
        return tool(*arguments)
    except Failure as failure:
        if re.search(r"status (1|67|69|75|76)\n", str(failure)):
            raise ToolBusy from None
        raise


# ---- a round ----


class Round:
    def __init__(self, seed, seconds, clock):
        self.seconds, self.clock = seconds, clock
        self.choice = random.Random(seed)
        self.daemon = JumpingDaemon(clock, more=f"workers = {WORKERS}\nsorters = 2")
        self.watch = UidWatch()
        self.wrong = []
        self.letters = []
        self.numbers = itertools.count()
        self.lock = threading.Lock()

    def next_letter(self):
        with self.lock:
            letter = Letter(f"m{next(self.numbers)}", self.choice.sample(ACCOUNTS, self.choice.choice([1, 1, 1, 3])))
            self.letters.append(letter)
            return letter

    def load(self):
        return load(self.daemon, CONNECTIONS, self.next_letter, PAUSE)

    def kills_under_load(self):
        self.daemon.start()
        for account in MAILDIRS:
            self.daemon.tool("account", "add", account)
        killer = Killer(self.daemon, random.Random(self.choice.random()), self.clock)
        peaks = Peaks(self.daemon)
        peaks.start()
        try:
            with self.load() as mtas:
                killer.run(self.seconds, self.watch)
        finally:
            peaks.is_ending.set()
            peaks.join()
        self.wrong = killer.wrong
        answers = sum((m.answers for m in mtas), collections.Counter())
        print(f"     {len(self.letters)} messages, answers {dict(answers)}; kills {dict(killer.kills)}, "
              f"{self.clock.jumps if self.clock else 0} jumps, {self.watch.looks} looks")
        print(f"     peaks: descriptors {dict(peaks.descriptors)}, MB {dict(peaks.memory)}, "
              f"{peaks.segments} segments of the journal", flush=True)
        expect(len(self.letters) > 10 * self.seconds, "hardly anything was delivered")
        expect(0 < peaks.segments <= SEGMENTS_MAX, f"{peaks.segments} segments of the journal are open")
        expect(max(peaks.memory.values()) <= PEAK_MAX_MB, f"a role had {max(peaks.memory.values())} MB")

    def nothing_is_lost_or_doubled(self):
        until(lambda: all_roles(self.daemon), "all roles", 60)
        for account in ACCOUNTS:
            there = collections.Counter(name_of(m) for m in contents_of(self.daemon, account))
            taken = {x.name for x in self.letters if account in x.delivered}
            lost = sorted(taken - set(there))
            doubled = sorted(name for name, n in there.items() if n > 1)
            stray = sorted(set(there) - taken)
            expect(lost == [], f"{account}: {len(lost)} of {len(taken)} lost: {lost[:5]}")
            expect(doubled == [], f"{account}: {len(doubled)} of {len(taken)} doubled: {doubled[:5]}")
            expect(stray == [], f"{account}: {len(stray)} that nobody was told of: {stray[:5]}")

    def index_is_true(self):
        for account in ACCOUNTS:
            seen = sorted(name for _, name in self.watch.look(self.daemon, account))
            there = sorted(name_of(m) for m in contents_of(self.daemon, account))
            expect(seen == there, f"{account}: {len(seen)} rows, {len(there)} messages")
        expect(self.wrong == [], f"{len(self.wrong)} looks while it ran: {self.wrong[:3]}")
        expect(self.watch.rises == 0, f"UIDVALIDITY rose {self.watch.rises} times")

    def nothing_is_left_behind(self):
        expect(self.daemon.half_written() == [], f"in tmp: {self.daemon.half_written()[:3]}")
        spool = f"{self.daemon.folder}/state/spool"  # until the segment that names a message is free
        until(lambda: os.listdir(spool) == [], "an empty spool", 60)
        known = {f"{a.split('@')[0]}.mbox" for a in MBOXES}
        known |= {f".{name}.doorstep" for name in known}
        stray = set(os.listdir(f"{self.daemon.folder}/mail/example.net")) - known
        expect(stray == set(), f"beside the mbox files: {sorted(stray)[:3]}")

    def fsck_is_content(self):
        self.daemon.tool("fsck", "--repair")
        self.daemon.tool("fsck")  # exits 1 when something is left

    # ---- levels ----

    def levels(self):
        """{role: (descriptors, MB)} of all its processes together, when nobody is connected."""
        until(lambda: all_roles(self.daemon), "all roles", 60)
        found = {}
        for name, pids in roles(self.daemon).items():
            found[name] = (sum(map(descriptors, pids)), round(sum(map(memory_mb, pids)), 1))
        return found

    def settled(self):
        """The levels when they have not moved for a while."""
        last, same = None, 0
        end = time.monotonic() + 30
        while same < 5 and time.monotonic() < end:
            time.sleep(0.2)
            now = self.levels()
            same = same + 1 if last is not None and {n: v[0] for n, v in now.items()} == last else 0
            last = {n: v[0] for n, v in now.items()}
        return now

    def levels_stay(self, seconds):
        with self.load():
            time.sleep(seconds / 3)
        before, sent = self.settled(), len(self.letters)
        with self.load():
            time.sleep(seconds * 2 / 3)
        after = self.settled()
        print(f"     {len(self.letters) - sent} messages: descriptors, MB before {before} after {after}", flush=True)
        for name in ("main", *ROLES):
            expect(after[name][0] <= before[name][0], f"{name}: descriptors {before[name][0]}, then {after[name][0]}")
            grown = after[name][1] - before[name][1]
            expect(grown <= GROWTH_MAX_MB, f"{name} grew by {grown:.1f} MB")

    def dead_roles_leave_no_descriptor(self):
        before = self.settled()
        for name in ROLES:
            pid = roles(self.daemon)[name][0]
            os.kill(pid, signal.SIGKILL)
            until(lambda pid=pid: not is_alive(pid) and all_roles(self.daemon), f"another {name}", 60)
        with self.load():
            time.sleep(2)
        after = self.settled()
        for name in ("main", *ROLES):
            expect(after[name][0] <= before[name][0], f"{name}: descriptors {before[name][0]}, then {after[name][0]}")

    def ends_well(self):
        try:
            self.daemon.end()
        except Failure as failure:
            if not str(failure).startswith("the log says"):
                raise
        ended = re.compile(r" error role_ended .*signal=KILL")
        lines = [x for x in self.daemon.log_text().splitlines() if any(a in x for a in ALARMS)]
        alarms = [x for x in lines if not ended.search(x)]
        expect(alarms == [], "the log says:\n" + "\n".join(alarms[:5]))


def run_round(tests, title, seed, seconds, level_seconds, clock):
    r = Round(seed, seconds, clock)
    failed = tests.failed
    try:
        tests.run(f"{title}: MTAs are served", r.kills_under_load)
        tests.run(f"{title}: nothing is lost, nothing doubled", r.nothing_is_lost_or_doubled)
        tests.run(f"{title}: each row and UID is that of its message", r.index_is_true)
        tests.run(f"{title}: nothing is left behind", r.nothing_is_left_behind)
        tests.run(f"{title}: fsck finds nothing that it cannot mend", r.fsck_is_content)
        if level_seconds > 0:
            tests.run("descriptors and memory stay level", r.levels_stay, level_seconds)
            tests.run("dead roles leave no descriptor behind", r.dead_roles_leave_no_descriptor)
            tests.run("still nothing lost or doubled", r.nothing_is_lost_or_doubled)
        tests.run(f"{title}: the daemon ends well", r.ends_well)
    finally:
        if r.daemon.process is not None:
            r.daemon.kill()
        if tests.failed > failed:
            print(f"     kept: {r.daemon.folder}")
        else:
            r.daemon.remove()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--seed", type=int)
    arguments = parser.parse_args()
    seed = seed_of(arguments)
    seconds = arguments.seconds or (3600 if arguments.full else 60)
    tests = Tests("kills")
    clock = None
    if shutil.which("cc") is not None and "SANITIZE" not in os.environ:
        clock = Clock()
    else:
        tests.skip("the clock jumps", "no compiler for the preloaded clock")
    rounds = max(1, seconds // ROUND_SECONDS)
    try:
        for n in range(rounds):
            level = (300 if arguments.full else 15) if n == rounds - 1 else 0
            run_round(tests, f"round {n + 1}", seed + n, seconds / rounds, level, clock)
    finally:
        if clock is not None:
            clock.remove()
    tests.end()


if __name__ == "__main__":
    main()
