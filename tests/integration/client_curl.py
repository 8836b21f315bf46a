#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""curl sends mail to a private doorstepd: SMTP, several recipients, a large upload. The last line is
"N passed, N failed"."""

import subprocess
import sys

from harness import Daemon, Tests, expect, message, without_trace


class Checks:
    def __init__(self, daemon):
        self.daemon = daemon

    def curl(self, recipients, data, status=0):
        path = f"{self.daemon.folder}/upload"
        with open(path, "wb") as f:
            f.write(data)
        command = ["curl", "--silent", "--show-error", "--verbose", "--upload-file", path]
        command += ["--mail-from", "bob@example.com"]
        for recipient in recipients:
            command += ["--mail-rcpt", recipient]
        command.append(f"smtp://127.0.0.1:{self.daemon.ports['smtp']}/client.example.com")
        done = subprocess.run(command, capture_output=True, timeout=120, text=True)
        expect(done.returncode == status, f"curl ended with {done.returncode}:\n{done.stderr}")
        return done.stderr

    def stored(self, user, data):
        found = self.daemon.messages(f"{user}/new")
        expect(len(found) == 1, f"{user} has {len(found)} messages")
        expect(without_trace(found[0]) == data.replace(b"\r\n", b"\n"), f"{user} has other octets")

    def two(self):
        data = message("by curl", "Dots:\r\n.\r\n..\r\n")
        self.curl(["ann@example.org", "bob@example.org"], data)
        self.stored("ann", data)
        self.stored("bob", data)

    def large(self):
        data = message("large", "".join(f"line {n} of many\r\n" for n in range(500000)))
        self.curl(["cid@example.org"], data)
        self.stored("cid", data)

    def unknown(self):
        said = self.curl(["nobody@example.org"], message("to nobody"), status=55)  # send failure
        expect("< 550 5.1.1 " in said, said)


def run(tests, daemon):
    for name in "ann bob cid".split():
        daemon.tool("account", "add", f"{name}@example.org")
    checks = Checks(daemon)
    tests.run("a message for two", checks.two)
    tests.run("10 MB", checks.large)
    tests.run("an unknown user is refused", checks.unknown)


def main():
    tests = Tests("curl")
    if tests.has("curl", "all"):
        daemon = Daemon()
        try:
            daemon.start()
            run(tests, daemon)
        finally:
            tests.run("the daemon ends well", daemon.end)
            daemon.remove()
    tests.end()


if __name__ == "__main__":
    sys.exit(main())
