#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Python's smtplib against a private doorstepd: LMTP with one recipient (it reads a single reply behind the
dot), SMTP with several. The last line is "N passed, N failed"."""

import smtplib
import sys

from harness import Daemon, Tests, expect, message, without_trace


class Checks:
    def __init__(self, daemon):
        self.daemon = daemon

    def stored(self, user, data, count=1):
        found = self.daemon.messages(f"{user}/new")
        expect(len(found) == count, f"{user} has {len(found)} messages in place of {count}")
        texts = [without_trace(m) for m in found]
        expect(data.replace(b"\r\n", b"\n") in texts, f"{data!r} is not in {texts!r}")

    def lmtp_port(self):
        data = message("lmtp over tcp", "Dots:\r\n.\r\n..\r\n.end\r\n")
        with smtplib.LMTP("127.0.0.1", self.daemon.ports["lmtp"], timeout=60) as client:
            refused = client.sendmail("bob@example.com", ["ann@example.org"], data)
        expect(refused == {}, refused)
        self.stored("ann", data)

    def lmtp_socket(self):
        data = message("lmtp over unix", "8 bit: \u00e9\r\n")
        with smtplib.LMTP(f"{self.daemon.folder}/lmtp.sock", timeout=60) as client:
            refused = client.sendmail(
                "bob@example.com", ["bob@example.org"], data, mail_options=["BODY=8BITMIME"]
            )
        expect(refused == {}, refused)
        self.stored("bob", data)

    def smtp(self):
        data = message("smtp to two", "x" * 998 + "\r\n" + "y\r\n" * 50000)
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"], timeout=60) as client:
            refused = client.sendmail(
                "bob@example.com", ["cid@example.org", "dan+lists@example.org"], data
            )
        expect(refused == {}, refused)
        self.stored("cid", data)
        self.stored("dan", data)

    def refusals(self):
        data = message("one of two")
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"], timeout=60) as client:
            refused = client.sendmail(
                "bob@example.com", ["eve@example.org", "nobody@example.org"], data
            )
            expect(list(refused) == ["nobody@example.org"], refused)
            expect(refused["nobody@example.org"][0] == 550, refused)
            self.stored("eve", data)
            try:
                client.sendmail("bob@example.com", ["ann@elsewhere.example"], data)
            except smtplib.SMTPRecipientsRefused as refusal:
                code, text = refusal.recipients["ann@elsewhere.example"]
                expect(code == 550 and text.startswith(b"5.7.1"), f"{code} {text}")
            else:
                expect(False, "mail for another's domain was taken")

    def size(self):
        data = message("too large", "z" * 70 + "\r\n") + b"z" * 70000
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"], timeout=60) as client:
            try:
                client.sendmail("bob@example.com", ["fay@example.org"], data * 16)
            except smtplib.SMTPSenderRefused as refusal:  # sendmail() announces SIZE=
                expect(refusal.smtp_code == 552, refusal)
            else:
                expect(False, "a message above message_size was taken")
        expect(self.daemon.messages("fay/new") == [], "something was delivered")

    def verbs(self):
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"], timeout=60) as client:
            code, text = client.ehlo()
            expect(code == 250, f"{code} {text}")
            for feature in ("size", "8bitmime", "pipelining", "smtputf8", "chunking", "binarymime"):
                expect(client.has_extn(feature), f"{feature} is not announced")
            expect(client.verify("ann@example.org")[0] == 252, "VRFY")
            expect(client.noop()[0] == 250, "NOOP")
            expect(client.rset()[0] == 250, "RSET")
            expect(b"" != client.help(), "HELP")

    def utf8(self):
        data = "Subject: Gr\u00fc\u00dfe\r\n\r\n\u65e5\u672c\r\n".encode()
        with smtplib.SMTP("127.0.0.1", self.daemon.ports["smtp"], timeout=60) as client:
            client.ehlo()
            client.sendmail(
                "j\u00fcrgen@example.com",
                ["gus@example.org"],
                data,
                mail_options=["SMTPUTF8", "BODY=8BITMIME"],
            )
        self.stored("gus", data)


def run(tests, daemon):
    for name in "ann bob cid dan eve fay gus".split():
        daemon.tool("account", "add", f"{name}@example.org")
    checks = Checks(daemon)
    tests.run("LMTP over TCP", checks.lmtp_port)
    tests.run("LMTP over a unix socket", checks.lmtp_socket)
    tests.run("SMTP to two recipients", checks.smtp)
    tests.run("SMTP refuses one of two recipients, and other domains", checks.refusals)
    tests.run("SMTP refuses what is too large", checks.size)
    tests.run("EHLO and the small verbs", checks.verbs)
    tests.run("SMTPUTF8", checks.utf8)


def main():
    tests = Tests("smtplib")
    daemon = Daemon(more='limits { message_size = "1M" }')
    try:
        daemon.start()
        run(tests, daemon)
    finally:
        tests.run("the daemon ends well", daemon.end)
        daemon.remove()
    tests.end()


if __name__ == "__main__":
    sys.exit(main())
