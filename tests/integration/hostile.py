#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An adversary of the whole daemon, with real processes: roles killed under load, clients that flood,
stall and lie, disks that fill up, files that others damage, messages made to hurt.

    tests/integration/hostile.py [PART OF A NAME ...]

The last line of output is "N passed, N failed"."""

import sys

import hostile_clients
import hostile_content
import hostile_disk
import hostile_kills
from harness import Tests

PARTS = [hostile_kills, hostile_clients, hostile_disk, hostile_content]



def main():
    tests = Tests("hostile")
    for check in (c for part in PARTS for c in part.CHECKS):
        name = check.__name__.replace("_", " ")
        if sys.argv[1:] and not any(wanted in check.__name__ for wanted in sys.argv[1:]):
            continue
        why = getattr(check, "skip_because", None)
        if why is not None:
            tests.skip(name, why)
        else:
            tests.run(name, check)
    tests.end()


if __name__ == "__main__":
    main()
