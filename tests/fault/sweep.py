# SPDX-License-Identifier: MIT
"""One sweep: a case is done again and again, and each time another of its storage calls is hit, until there
is none left to hit.

Threads and timers do not come in the same order every time, so call n need not be the same call in the next
run. What can be said all the same: a run that was not hit had fewer calls than n, or it is tried again; no
call that every uncounted run had is missed; and a sweep of every call goes on by name, until each kind of call
on each kind of file that every second run has was hit once at least. What is rarer (the making of the first
segments) must have been hit in some other sweep: `run` looks at that."""

import collections
import fnmatch
import re
import time

import nth
from target import Failure, Target, until

FEW_CALLS = 25  # all of them are hit, whatever the step
TRIES = 3
TRIES_KNOWN = 10  # of a call that every uncounted run had
DRY_RUNS = 4
TRIES_BY_NAME = 20
NUMBERS = re.compile(r"[0-9A-Fa-f]*[0-9][0-9A-Fa-f.,_A-Za-z=]*")
NEVER = 0


def kind_of(name, path):
    """linkat mail/example.org/u#/new/#: what a call is, whichever message or account it is for."""
    return f"{name} {NUMBERS.sub('#', path)}"


everything = {}  # kind of order -> (all that was seen, all that was hit) in all sweeps


class Sweep:
    is_verbose = False  # a line for each point

    def __init__(self, counter, name, case, kind, error=None, match="", step=1, first=1):
        self.nth = counter
        self.name = name
        self.case = case
        self.kind, self.error, self.match = kind, error, match
        self.step, self.first = step, first
        self.target = Target(counter, more=case.more, lines=case.lines, **case.mail)
        self.points = self.unhit = 0
        self.seen, self.struck = collections.Counter(), set()
        self.extra = []

    @property
    def problems(self):
        return self.target.problems

    def is_deadly(self):
        return self.kind in (nth.KILL, nth.TORN)

    # --- one run ---

    def run(self, n, match=None):
        """What was hit, or None."""
        case, target = self.case, self.target
        case.prepare(target)
        self.nth.arm(*self.orders(n, match or self.match))
        failures = case.act(target)
        if not self.nth.wait_quiet(case.quiet_seconds):
            raise Failure("the store is never quiet")
        hits = self.wait_hits()
        self.nth.disarm()
        self.note_calls(hits)
        if self.is_verbose and hits:
            print(f"     {case.message}, call {n}: {'; '.join(hits)}: {', '.join(failures) or 'done'}")
        self.judge(n, hits, failures)
        if failures:
            case.complete(target)
        target.check_alive()
        return hits[-1] if len(hits) == self.hits_wanted else None

    hits_wanted = 1

    def orders(self, n, match):
        return (nth.order(self.kind, n, self.error, match),)

    def wait_hits(self):
        return self.nth.hits()

    def judge(self, n, hits, failures):
        case, target = self.case, self.target
        if hits and self.is_deadly():
            target.struck[case.message] = f"call {n}: {'; '.join(hits)}"
            target.on_store_killed(is_up=case.restarts_itself)
        elif hits:
            self.check_failures(n, hits[0], failures)
        elif failures:
            self.problems.append(f"without a hit: {failures[0]}")
        if not failures and not case.holds(target):
            self.problems.append(f"{case.message}: was acknowledged and does not hold after {hits}")

    def check_failures(self, n, hit, failures):
        for said in failures:
            if not is_right(self.case, self.error, hit, said):
                self.problems.append(f"{self.error} at call {n}, {hit}: answered {said}")

    def note_calls(self, hits, calls=None):
        if not hits:  # what a hit leads to is not of this sweep
            self.unhit += 1
            self.seen.update({kind_of(c.name, c.path) for c in (self.nth.calls() if calls is None else calls)})
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
        for pattern in self.case.needs:
            if not fnmatch.filter(self.seen, pattern):
                self.problems.append(f"no call is {pattern}")
        step = self.step if floor > FEW_CALLS else 1
        n = min(self.first, step)
        while self.try_run(n, tries=TRIES if n > floor else TRIES_KNOWN):
            n += step
            if n > self.case.calls_max:
                raise Failure(f"more than {self.case.calls_max} calls: {self.frequent_calls()}")
        if n <= floor:
            self.problems.append(f"call {n} of {floor} was never hit")
        if self.points == 0:
            self.problems.append("nothing was hit")
        if self.step == 1 and self.kind in (nth.KILL, nth.FAIL):
            self.sweep_by_name()

    def frequent_calls(self):
        """The most frequent ones of the last run: what a sweep that does not end is about."""
        counts = collections.Counter(kind_of(c.name, c.path) for c in self.nth.calls())
        return ", ".join(f"{count} {kind}" for kind, count in counts.most_common(5))

    def sweep_by_name(self):
        meant = self.match or "*"
        seen, struck = everything.setdefault(self.kind, (set(), set()))
        seen |= set(fnmatch.filter(self.seen, meant))
        for kind in sorted(filter(self.is_frequent, seen - self.struck)):
            pattern = kind.replace("#", "*")
            if kind not in self.struck and not self.try_run(1, pattern, TRIES_BY_NAME) and self.is_frequent(kind):
                self.problems.append(f"never hit: {kind}")
        struck |= self.struck

    def is_frequent(self, kind):
        """Every second run has it that nothing hit, those that were made to meet it included."""
        return self.seen[kind] * 2 >= self.unhit

    def carry_out(self):
        """True when it holds; prints a line, and the extra copies."""
        began = time.monotonic()
        try:
            self.sweep()
            self.extra = self.target.finish(lambda: self.case.ended(self.target))
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


class JournalSweep(Sweep):
    """Calls on the journal's segments. Where a record is not written or synced every answer that waits for it is
    a failure, and that file is never written or synced again."""

    def __init__(self, counter, name, case, kind, error=None):
        super().__init__(counter, name, case, kind, error, match="* state/journal/*.journal")

    def judge(self, n, hits, failures):
        super().judge(n, hits, failures)
        calls = self.nth.calls()
        at = next((i for i, call in enumerate(calls) if call.is_hit), None)
        if at is None or not calls[at].name.startswith(RECORDS) or self.kind != nth.FAIL:
            return
        hit = calls[at]
        if self.error == "EINTR":  # nothing has failed: it may be tried again
            return
        if not failures and hit.thread.startswith("worker"):  # the others prepare the next segment
            self.problems.append(f"{self.error} at {hit.name} {hit.path}: all was answered 250")
        for later in calls[at + 1 :]:
            if later.inode == hit.inode and later.name.startswith(RECORDS):
                self.problems.append(f"{self.error} at {hit.name} {hit.path}: {later.name} on it afterwards")


RECORDS = ("pwrite", "fdatasync", "fsync")


class ReplaySweep(Sweep):
    """The store dies at `death`, and the one that takes its place is hit while it replays."""

    hits_wanted = 2

    def __init__(self, counter, name, case, kind, death, error=None, step=1, first=1):
        super().__init__(counter, name, case, kind, error, step=step, first=first)
        self.death = death
        self.target.may_fail_to_start = kind == nth.FAIL

    def orders(self, n, match):
        return self.death, nth.order(self.kind, n, self.error, match)

    def wait_hits(self):
        """Until the second store has been hit, or serves without."""
        until(lambda: len(self.nth.hits()) == 2 or self.target.is_up_again(), "the store's restart")
        return self.nth.hits()

    def note_calls(self, hits):
        """Those of the second store alone."""
        calls = self.nth.calls()
        at = next((i for i, call in enumerate(calls) if call.is_hit), len(calls))
        super().note_calls(hits[1:], calls[at + 1 :])

    def judge(self, n, hits, failures):
        target = self.target
        if not hits:
            raise Failure(f"the store did not die at {self.death.match.decode()}")
        target.struck[self.case.message] = f"call {n}: {'; '.join(hits)}"
        target.kills += 1
        target.restart()  # main waits longer each time, and a record that was kept a minute


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
    if case.is_command:
        return said.startswith(f"status {EX_TEMPFAIL}:")
    is_known = hit.startswith(CHANGES) and not ("sync" in hit and "sqlite" in hit)
    if is_known and error is not None:
        return said.startswith(ANSWERS.get(error, ("451 4.3.0",)))
    return said[0] == "4"
