#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the index lost is found again in the store: facts made a second time are those of the delivery, and
an index made anew lists every message."""

import contextlib
import json
import os
import sqlite3
import sys

from harness import Daemon, Tests, expect

PARTS = (
    "Subject: parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain\r\n\r\none\r\ntwo\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nthree\r\n--b--\r\n"
).encode()
PLAIN = b"From: bob@example.com\r\nSubject: plain\r\n\r\nOne line.\r\n"
BARE = b"Subject: bare\r\n\r\na bare\nline end\r\n"  # kept with CRLF
ACCOUNT = "ann@example.org"


class Checks:
    def __init__(self, daemon):
        self.daemon = daemon
        self.index = f"{daemon.folder}/state/accounts/example.org/ann/index.sqlite"

    def show(self, uid):
        return json.loads(self.daemon.tool("message", "show", ACCOUNT, "INBOX", str(uid), "--json"))

    def without_daemon(self, change):
        self.daemon.end()
        change()
        self.daemon.start()

    def forget_facts(self):
        with contextlib.closing(sqlite3.connect(self.index)) as c, c:
            expect(c.execute("DELETE FROM facts").rowcount == 3, "three messages have facts")

    def facts(self):
        """Offsets count from behind our trace fields, both times."""
        before = [self.show(uid) for uid in (1, 2, 3)]
        self.without_daemon(self.forget_facts)
        for old in before:
            new = self.show(old["uid"])
            for field in ("octets", "lines", "parts", "envelope", "bodystructure", "preview", "digest"):
                expect(new[field] == old[field], f"{field}: {old[field]} became {new[field]}")

    def lose_index(self):
        for suffix in ("", "-wal"):
            if os.path.exists(self.index + suffix):
                os.unlink(self.index + suffix)

    def rebuilt(self):
        old = json.loads(self.daemon.tool("mailbox", "list", ACCOUNT, "--json"))[0]
        subjects = {m["subject"] for m in json.loads(self.daemon.tool("message", "list", ACCOUNT, "--json"))}
        self.without_daemon(self.lose_index)
        self.daemon.tool("deliver", "-f", "", "-r", ACCOUNT, data=PLAIN)
        new = json.loads(self.daemon.tool("mailbox", "list", ACCOUNT, "--json"))[0]
        listed = json.loads(self.daemon.tool("message", "list", ACCOUNT, "--json"))
        expect(new["uid_validity"] > old["uid_validity"], f"UIDVALIDITY {old} {new}")
        expect(len(listed) == 4 and {m["subject"] for m in listed} == subjects, listed)


def main():
    tests = Tests("rebuild")
    daemon = Daemon()
    try:
        daemon.start()
        daemon.tool("account", "add", ACCOUNT)
        for data in (PARTS, PLAIN, BARE):
            daemon.tool("deliver", "-f", "bob@example.com", "-r", ACCOUNT, data=data)
        checks = Checks(daemon)
        tests.run("facts made again are the same", checks.facts)
        tests.run("a lost index is made anew", checks.rebuilt)
    finally:
        tests.run("the daemon ends well", daemon.end)
        daemon.remove()
    tests.end()


if __name__ == "__main__":
    sys.exit(main())
