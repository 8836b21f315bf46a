#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Dialogues with a real daemon: what goes over the wire and what lies on the disk in one view.

    tests/session/run.py [--daemon FILE] [--tool FILE] [-v] [DIALOGUE.txt ...]

Their form is described in dialogue.py. The last line of output is "N passed, N failed"."""

import argparse
import glob
import os
import sys

import private_daemon
from dialogue import Dialogue


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(description="Runs dialogues with a real daemon.")
    parser.add_argument("--daemon", default=private_daemon.DOORSTEPD, help="doorstepd to run")
    parser.add_argument("--tool", default=private_daemon.DOORSTEP, help="doorstep to run")
    parser.add_argument("-v", "--verbose", action="store_true", help="name what passes, too")
    parser.add_argument("dialogues", nargs="*", help="default: all beside this script")
    options = parser.parse_args()
    private_daemon.DOORSTEPD, private_daemon.DOORSTEP = options.daemon, options.tool

    passed = failed = 0
    for path in options.dialogues or sorted(glob.glob(f"{here}/*.txt")):
        name = os.path.basename(path)
        wrong = Dialogue(path).run()
        if wrong is None:
            passed += 1
            if options.verbose:
                print(f"ok    {name}", flush=True)
        else:
            failed += 1
            print(f"FAIL: {name}: " + wrong.replace("\n", "\n      "), flush=True)
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
