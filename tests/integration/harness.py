# SPDX-License-Identifier: MIT
"""What the tests with real clients share: named checks, counted; messages; waiting. The daemon itself is
tests/session/private_daemon.py."""

import os
import shutil
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "session"))

from private_daemon import Daemon, Failure, trace_of, unwind_on_sigterm, without_trace  # noqa: E402

__all__ = ["Daemon", "Failure", "Tests", "expect", "message", "trace_of", "until", "without_trace"]


class Tests:
    """Runs checks, prints `ok NAME`, `FAIL NAME` or `skip NAME`, and at the end the counts. Threads may share it."""

    def __init__(self, title):
        unwind_on_sigterm()
        self.title = title
        self.passed = self.failed = self.skipped = 0
        self.lock = threading.Lock()

    def run(self, name, check, *arguments):
        try:
            check(*arguments)
        except Failure as failure:
            self.fail(name, str(failure))
        except Exception:  # a client library's own errors, a time-out: all are failures here
            self.fail(name, traceback.format_exc(limit=4))
        else:
            with self.lock:
                self.passed += 1
                print(f"ok {self.title}: {name}", flush=True)

    def fail(self, name, text):
        with self.lock:
            self.failed += 1
            print(f"FAIL {self.title}: {name}", flush=True)
            print("    " + text.rstrip().replace("\n", "\n    "), flush=True)

    def skip(self, name, why):
        self.skipped += 1
        print(f"skip {self.title}: {name}: {why}", flush=True)

    def has(self, program, name):
        """Is the program there? Without it the checks of that name are skipped."""
        if shutil.which(program) is None:
            self.skip(name, f"{program} is not installed")
            return False
        return True

    def end(self):
        tail = f", {self.skipped} skipped" if self.skipped else ""
        print(f"{self.passed} passed, {self.failed} failed{tail}")
        sys.exit(0 if self.failed == 0 else 1)


def expect(condition, text):
    if not condition:
        raise Failure(text)


def until(condition, text, seconds=30):
    """Wait for a true value of condition() and return it."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failure(f"{text}: not within {seconds} s")
        time.sleep(0.05)


def message(subject, body="A line.\r\n", sender="bob@example.com", to="ann@example.org"):
    """A message in the form of the wire, all that a submission needs already in it."""
    return (
        f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n"
        f"Message-ID: <{subject.replace(' ', '-')}.{os.getpid()}@example.com>\r\n"
        "Date: Sun, 01 Feb 2026 10:00:00 +0000\r\n\r\n" + body
    ).encode()
