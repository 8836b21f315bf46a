#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""swaks, the operator's SMTP tool, against a private doorstepd: LMTP and SMTP, one and several recipients, and
the answers of each. The last line is "N passed, N failed"."""

import re
import subprocess
import sys

from harness import Daemon, Tests, expect


class Checks:
    def __init__(self, daemon):
        self.daemon = daemon

    def swaks(self, recipients, *arguments, status=0):
        command = ["swaks", "--from", "bob@example.com", "--to", ",".join(recipients)]
        done = subprocess.run([*command, *arguments], capture_output=True, timeout=120, text=True)
        expect(done.returncode == status, f"swaks ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def count(self, user, count):
        found = self.daemon.messages(f"{user}/new")
        expect(len(found) == count, f"{user} has {len(found)} messages in place of {count}")
        return found

    def server(self, protocol):
        return ("--server", f"127.0.0.1:{self.daemon.ports[protocol]}", "--protocol", protocol.upper())

    def smtp(self):
        said = self.swaks(["ann@example.org", "bob@example.org"], *self.server("smtp"))
        expect(re.search(r"(?m)^<-  250 2\.\d\.\d ", said), said)
        self.count("ann", 1)
        self.count("bob", 1)

    def lmtp(self):
        said = self.swaks(["cid@example.org", "dan@example.org"], *self.server("lmtp"))
        behind_dot = said.split(" -> .\n", 1)[1]
        expect(re.search(r"(?m)^<-  250 2\.1\.5 ", behind_dot), said)
        self.count("cid", 1)
        self.count("dan", 1)

    def lmtp_socket(self):
        self.swaks(
            ["eve@example.org"], "--socket", f"{self.daemon.folder}/lmtp.sock", "--protocol", "LMTP"
        )
        self.count("eve", 1)

    def pipeline(self):
        self.swaks(["fay@example.org"], *self.server("smtp"), "--pipeline")
        self.count("fay", 1)

    def attachment(self):
        octets = bytes(range(256)) * 100
        with open(f"{self.daemon.folder}/octets", "wb") as f:
            f.write(octets)
        self.swaks(["gus@example.org"], *self.server("smtp"), "--attach", f"@{self.daemon.folder}/octets")
        (stored,) = self.count("gus", 1)
        expect(b"Content-Disposition: attachment" in stored, stored[:500])

    def unknown(self):
        said = self.swaks(["nobody@example.org"], *self.server("smtp"), status=24)  # no valid recipient
        expect(re.search(r"(?m)^<\*\* 550 5\.1\.1 ", said), said)

    def xclient(self):
        said = self.swaks(
            ["ida@example.org"],
            *self.server("lmtp"),
            *("--xclient", "ADDR=192.0.2.7 NAME=far.example.com"),
        )
        expect(" -> XCLIENT" in said, said)
        (stored,) = self.count("ida", 1)
        expect(b"192.0.2.7" in stored.split(b"\n\n")[0], stored[:500])


def run(tests, daemon):
    for name in "cid dan eve fay gus ida ann bob".split():
        daemon.tool("account", "add", f"{name}@example.org")
    checks = Checks(daemon)
    tests.run("SMTP to two recipients", checks.smtp)
    tests.run("LMTP to two recipients", checks.lmtp)
    tests.run("LMTP over a unix socket", checks.lmtp_socket)
    tests.run("SMTP with PIPELINING", checks.pipeline)
    tests.run("an attachment", checks.attachment)
    tests.run("an unknown user is refused", checks.unknown)
    tests.run("XCLIENT of a trusted peer", checks.xclient)


def main():
    tests = Tests("swaks")
    if tests.has("swaks", "all"):
        daemon = Daemon(in_lmtp='trusted = {"127.0.0.0/8"}')
        try:
            daemon.start()
            run(tests, daemon)
        finally:
            tests.run("the daemon ends well", daemon.end)
            daemon.remove()
    tests.end()


if __name__ == "__main__":
    sys.exit(main())
