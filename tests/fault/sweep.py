# SPDX-License-Identifier: MIT
"""One sweep: a case is done again and again, and each time another of its storage calls is hit, until there
is none left to hit.

Threads and timers do not come in the same order every time, so call n need not be the same call in the next
run. What can be said all the same: a run that was not hit had fewer calls than n, or it is tried again; no
call that every uncounted run had is missed; and a sweep of every call goes on by name, until each kind of call
on each kind of file that any run made was hit once at least ("never hit" names those that were not)."""

import fnmatch
import re
import time

import nth
from target import Failure, Target

CALLS_MAX = 4000  # of one run; a sweep that gets there has gone wrong
TRIES = 3
DRY_RUNS = 3
TRIES_BY_NAME = 40  # SQLite looks at some files every few hundred pages alone
NUMBERS = re.compile(r"[0-9A-Fa-f]*[0-9][0-9A-Fa-f.,_A-Za-z=]*")
NEVER = 0


def kind_of(name, path):
    """linkat mail/example.org/u#/new/#: what a call is, whichever message or account it is for."""
    return f"{name} {NUMBERS.sub('#', path)}"


class Sweep:
    is_verbose = False  # a line for each point

    def __init__(self, counter, name, case, kind, error=None, match="", step=1, first=1, more=""):
        self.nth = counter
        self.name = name
        self.case = case
        self.kind, self.error, self.match = kind, error, match
        self.step, self.first = step, first
        self.target = Target(counter, more=more)
        self.points = 0
        self.seen, self.struck = set(), set()
        self.extra = []

    @property
    def problems(self):
        return self.target.problems

    def kills(self):
        return self.kind in (nth.KILL, nth.TORN)

    # --- one run ---

    def run(self, n, match=None):
        """What was hit, or None."""
        case, target = self.case, self.target
        case.prepare(target)
        self.nth.arm(nth.order(self.kind, n, self.error, match or self.match))
        failures = case.act(target)
        if not self.nth.wait_quiet(case.quiet_seconds):
            raise Failure("the store is never quiet")
        self.nth.disarm()
        hits = self.nth.hits()
        self.note_calls(hits)
        if self.is_verbose and hits:
            print(f"     {case.message}, call {n}: {hits[0]}: {', '.join(failures) or 'done'}")
        if hits and self.kills():
            target.struck[case.message] = f"call {n}: {hits[0]}"
            target.on_store_killed()
        elif hits:
            self.check_failures(n, hits[0], failures)
        elif failures:
            self.problems.append(f"without a hit: {failures[0]}")
        self.after(n, hits)
        if failures:
            case.complete(target)
        target.check_alive()
        return hits[0] if hits else None

    def after(self, n, hits):
        """For a sweep that looks closer."""

    def check_failures(self, n, hit, failures):
        for said in failures:
            if not is_right(self.case, self.error, hit, said):
                self.problems.append(f"{self.error} at call {n}, {hit}: answered {said}")

    def note_calls(self, hits):
        if not hits:  # what a hit leads to is not of this sweep
            self.seen |= {kind_of(name, path) for name, path, _ in self.nth.calls()}
        self.struck |= {kind_of(*hit.split(" ", 1)) for hit in hits}

    # --- all of them ---

    def floor(self):
        """How many calls every run has."""
        counts = []
        for _ in range(DRY_RUNS):
            self.run(NEVER)
            counts.append(self.nth.counted())
        return min(counts)

    def try_run(self, n, match=None, tries=TRIES):
        hit = any(self.run(n, match) for _ in range(tries))
        self.points += hit
        return hit

    def sweep(self):
        self.target.start()
        self.case.begin(self.target)
        floor = self.floor()
        n = self.first
        while self.try_run(n):
            n += self.step
            if n > CALLS_MAX:
                raise Failure(f"more than {CALLS_MAX} calls")
        if n <= floor:
            self.problems.append(f"call {n} of {floor} was never hit")
        if self.points == 0:
            self.problems.append("nothing was hit")
        if self.step == 1 and self.kind in (nth.KILL, nth.FAIL):
            self.sweep_by_name()

    def sweep_by_name(self):
        meant = self.match or "*"
        for kind in sorted(self.seen):
            pattern = kind.replace("#", "*")
            if kind not in self.struck and fnmatch.fnmatchcase(kind, meant):
                if not self.try_run(1, pattern, TRIES_BY_NAME):
                    self.problems.append(f"never hit: {kind}")

    def carry_out(self):
        """True when it holds; prints a line, and the extra copies."""
        began = time.monotonic()
        try:
            self.sweep()
            self.case.check(self.target)
            self.extra = self.target.finish()
        except (Failure, OSError, OverflowError) as e:
            self.problems.append(str(e))
        self.nth.disarm()
        ok = not self.problems
        print(f"{'ok' if ok else 'FAIL'} {self.name}: {self.points} points, {len(self.extra)} extra copies, "
              f"{time.monotonic() - began:.1f} s", flush=True)
        for line in self.extra:
            print(f"     extra: {line}")
        if not ok:
            print("     " + "\n     ".join(self.problems[:8]), flush=True)
            with open(f"{self.target.daemon.folder}.log", "w") as f:
                f.write(self.target.daemon.log_text())
            print(f"     the daemon's log: {self.target.daemon.folder}.log")
        self.target.remove()
        return ok


# Which answers a failed call may have when it is a refusal (src/mail/outcome.c); SQLite tells ENOSPC of a
# write alone apart. Where the system could not say that at all (a stat(2) without space), any passing failure is right.
ANSWERS = {
    "ENOSPC": ("452 4.3.1",),
    "EDQUOT": ("452 4.2.2", "451 4.3.0"),
    "EAGAIN": ("451 4.2.0", "451 4.3.0"),
}
CHANGES = ("write", "pwrite", "fsync", "fdatasync", "syncfs", "fallocate", "mkdir", "link", "rename")
EX_TEMPFAIL = 75


def is_right(case, error, hit, said):
    if case.commands:
        return said.startswith(f"status {EX_TEMPFAIL}:")
    is_known = hit.startswith(CHANGES) and not ("sync" in hit and "sqlite" in hit)
    if is_known and error is not None:
        return said.startswith(ANSWERS.get(error, ("451 4.3.0",)))
    return said[0] == "4"
