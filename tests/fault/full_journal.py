#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A disk on which the checkpoint cannot keep up: mail is taken as long as the journal has room, then it is
refused for the moment (452 4.3.1) and never lost; the journal stays within its bounds; when the disk is
well again so is the daemon, without a restart. Then once more, and killed while the journal is full.

Ends in a line "N passed, N failed"."""

import json
import os
import subprocess
import sys
import tempfile

from target import HERE, Wire, make_message
from harness import Daemon, until

JOURNAL_OCTETS = 4 * 1024 * 1024
TRIES = 2000  # of 8 KiB: four times what fits

passed = failed = 0


def check(name, ok, detail=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(f"{'ok' if ok else 'FAIL'}: {name} {'' if ok else detail}", flush=True)


def journal_octets(daemon):
    folder = f"{daemon.state}/journal"
    return sum(os.stat(f"{folder}/{name}").st_blocks * 512 for name in os.listdir(folder))


def deliver(wire, name):
    return wire.deliver(["ann@example.org"], make_message(name, 400))["ann@example.org"]


def fill(wire, first):
    """Delivers until the first refusal: what was acknowledged, and that answer."""
    for n in range(first, first + TRIES):
        answer = deliver(wire, f"m{n}")
        if answer[0] != "2":
            return n, answer
    return first + TRIES, ""


def stored(daemon):
    return len(daemon.messages("ann/new"))


def compile_stall(folder):
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", f"{folder}/stall.so", f"{HERE}/stall.c"], check=True)
    return f"{folder}/stall.so"


def run(folder):
    stall = f"{folder}/stall"
    open(stall, "w").close()
    os.environ.update(LD_PRELOAD=compile_stall(folder), STALL=stall)
    daemon = Daemon(more=f"workers = 1\nsorters = 1\njournal_size = {JOURNAL_OCTETS}\n")
    try:
        daemon.start()
        daemon.tool("account", "add", "ann@example.org")
        wire = Wire(daemon)
        count, answer = fill(wire, 0)
        check("a full journal refuses for the moment", answer.startswith("452 4.3.1"), f"{count} {answer}")
        check("it took mail until then", count * 8000 > JOURNAL_OCTETS / 2, count)
        check("the journal keeps its bounds", journal_octets(daemon) <= JOURNAL_OCTETS, journal_octets(daemon))
        check("what was acknowledged is there, no more", stored(daemon) == count, f"{stored(daemon)} {count}")
        os.unlink(stall)
        until(lambda: deliver(wire, "after")[0] == "2", "it takes mail again", 30)
        check("it takes mail again by itself", True)
        open(stall, "w").close()
        more, answer = fill(wire, 10000)
        check("and is full again", answer.startswith("452 4.3.1"), f"{more} {answer}")
        wire.close()
        daemon.kill()
        os.unlink(stall)
        daemon.start()
        rows = len(json.loads(daemon.tool("message", "list", "--json", "ann@example.org")))
        expected = count + 1 + more - 10000
        check("killed with a full journal, all is there", stored(daemon) == expected == rows,
              f"{stored(daemon)} files, {rows} rows for {expected}")
        daemon.end()
    finally:
        daemon.remove()


def main():
    with tempfile.TemporaryDirectory(prefix="doorstep-full.") as folder:
        run(folder)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
