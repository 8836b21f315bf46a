#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/hostile.md names a test for every failure, docs/tests.md for every promise: each of these files is there,
with the cases that are named behind it, and no row is missing.

The last line of output is "N passed, N failed"."""

import fnmatch
import os
import re
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PAGES = {"hostile.md": 50, "tests.md": 48}


def files():
    tests = f"{ROOT}/tests"
    found = [os.path.join(where, name) for where, _, names in os.walk(tests) for name in names]
    found += [where for where, _, _ in os.walk(tests)]
    return [os.path.relpath(path, ROOT) for path in found]


def is_there(name, known):
    """`tests/unit/door`, or a file's name alone; settings and words of the text are no files."""
    return any(fnmatch.fnmatch(path, name) or fnmatch.fnmatch(path, f"*/{name}") for path in known)


def text_of(name, known):
    found = [p for p in known if fnmatch.fnmatch(p, name) or fnmatch.fnmatch(p, f"*/{name}")]
    return "".join(open(f"{ROOT}/{p}", errors="replace").read() for p in found if os.path.isfile(f"{ROOT}/{p}"))


def missing_cases(test, known):
    """`file.py`: a_case, another_case - words with an underscore, which the file must have."""
    wrong = []
    for name, behind in re.findall(r"`([^`]+\.(?:py|c))`:? ([^`]*)", test):
        text = text_of(name, known)
        wrong += [f"{case} in {name}" for case in re.findall(r"\b[a-z0-9]+(?:_[a-z0-9]+)+\b", behind) if case not in text]
    return wrong


def check(page, count, known):
    """How many rows of a page name tests that are there, and what is wrong with the others."""
    passed, wrong = 0, []
    with open(f"{ROOT}/docs/{page}") as f:
        rows = re.findall(r"^\| (\d+) \| (.*) \| (.*) \|$", f.read(), re.M)
    if [int(number) for number, _, _ in rows] != list(range(1, count + 1)):
        wrong.append(f"{page}: rows are {[number for number, _, _ in rows]}")
    for number, _, test in rows:
        names = [n for n in re.findall(r"`([^` ]+)[^`]*`", test) if "/" in n or re.search(r"\.(py|c|txt|svtest)$", n)]
        missing = [n for n in names if not is_there(n, known)] + missing_cases(test, known)
        if missing:
            wrong.append(f"{page}, row {number}: {missing} is not there")
        elif not names and "not ours yet" not in test and "no test" not in test and "comes with" not in test:
            wrong.append(f"{page}, row {number} names no test")
        else:
            passed += 1
    return passed, wrong


def main():
    known = files()
    passed, wrong = 0, []
    for page, count in PAGES.items():
        good, bad = check(page, count, known)
        passed += good
        wrong += bad
    for text in wrong:
        print(f"FAIL: {text}")
    print(f"{passed} passed, {len(wrong)} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
