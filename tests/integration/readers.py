#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Other programs read what a private doorstepd delivered: Python's mailbox.Maildir and mailbox.mbox, mblaze,
and Dovecot's imap program, which must agree with `doorstep message list --json` on RFC822.SIZE, ENVELOPE and
BODYSTRUCTURE of every message of the corpus. The last line is "N passed, N failed"."""

import json
import mailbox
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile

from harness import ROOT, Daemon, Tests, expect, message, without_trace

sys.path.insert(0, os.path.join(ROOT, "tests", "oracle"))

import facts_dovecot  # noqa: E402
from messages import MESSAGES, crlf  # noqa: E402

PLAIN = {
    "one line": "A line.\r\n",
    "dots": ".\r\n..\r\n.end\r\n",
    "from lines": "From here on\r\n>From there\r\n>>From everywhere\r\n\r\nFrom \r\n",
    "no last newline": "no newline at the end",
    "empty lines": "\r\n\r\n\r\n",
    "long line": "x" * 5000 + "\r\n",
}


class Lmtp:
    """Octets as they are, dots stuffed behind CRLF only: what smtplib would do to a bare LF is a client's
    own matter."""

    def __init__(self, daemon):
        self.socket = daemon.connect("lmtp", "tcp", 60)
        self.file = self.socket.makefile("rb")
        self.reply(b"220")
        self.say(b"LHLO client.example.com", b"250")

    def reply(self, code):
        while True:
            line = self.file.readline()
            expect(line.startswith(code), f"{line!r} in place of {code!r}")
            if line[3:4] != b"-":
                return

    def say(self, line, code):
        self.socket.sendall(line + b"\r\n")
        self.reply(code)

    def send(self, recipient, data):
        self.say(b"MAIL FROM:<bob@example.com>", b"250")
        self.say(b"RCPT TO:<" + recipient.encode() + b">", b"250")
        self.say(b"DATA", b"354")
        stuffed = (b"\r\n" + data).replace(b"\r\n.", b"\r\n..")[2:]
        self.say(stuffed + (b"." if stuffed.endswith(b"\r\n") else b"\r\n."), b"250")

    def close(self):
        self.say(b"QUIT", b"221")
        self.file.close()
        self.socket.close()


class Checks:
    def __init__(self, daemon):
        self.daemon = daemon

    def maildir(self):
        box = mailbox.Maildir(self.daemon.mail_path("ann"), create=False)
        expect(len(box) == len(PLAIN), f"{len(box)} messages in place of {len(PLAIN)}")
        subjects = {m["Subject"]: m for m in box}
        for subject, body in PLAIN.items():
            text = body.replace("\r\n", "\n")
            text += "" if text.endswith("\n") else "\n"  # the line end in front of the final dot
            found = subjects[subject].get_payload()
            expect(found == text, f"{subject}: {found!r}")
            expect(subjects[subject]["Delivered-To"] == "ann@example.org", subject)
        expect(all(m.get_subdir() == "new" for m in box), "a message is not new")

    def mbox(self):
        box = mailbox.mbox(self.daemon.mail_path("/example.net/zoe.mbox"), create=False)
        expect(len(box) == len(PLAIN), f"{len(box)} messages in place of {len(PLAIN)}")
        for m, (subject, body) in zip(box, PLAIN.items()):
            # mailbox.mbox leaves mboxrd's quoting as it is.
            text = re.sub(r"(?m)^(>*From )", r">\1", body.replace("\r\n", "\n"))
            expect(m["Subject"] == subject, f"{m['Subject']} in place of {subject}")
            found = m.get_payload()
            expect(found.rstrip("\n") == text.rstrip("\n"), f"{subject}: {found!r}")
            expect(m.get_from().startswith("bob@example.com "), m.get_from())

    def mblaze(self):
        folder = self.daemon.mail_path("ann")
        listed = subprocess.run(["mlist", folder], capture_output=True, check=True, timeout=60)
        names = listed.stdout.split()
        expect(len(names) == len(PLAIN), f"mlist: {listed.stdout}")
        scanned = subprocess.run(
            ["mscan", "-f", "%s"], input=listed.stdout, capture_output=True, check=True, timeout=60
        )
        found = sorted(line.strip() for line in scanned.stdout.decode().splitlines())
        expect(found == sorted(PLAIN), f"mscan: {found}")

    def listed(self, user):
        return json.loads(self.daemon.tool("message", "list", "--json", f"{user}@example.org"))

    def file_sizes(self):
        """,S= is the length of the file, ,W= that with CRLF, which IMAP shows; without it they are equal."""
        octets = sorted(m["octets"] for m in self.listed("eve"))
        wide = []
        for name in os.listdir(self.daemon.mail_path("eve/new")):
            found = re.search(r",S=(\d+)(?:,W=(\d+))?", name)
            expect(found, f"{name} tells no size")
            s, w = found.groups()
            expect(int(s) == os.stat(self.daemon.mail_path(f"eve/new/{name}")).st_size, name)
            wide.append(int(w or s))
        expect(sorted(wide) == octets, f"{sorted(wide)} in names, {octets} in the index")


class Dovecot:
    """The imap program on a copy of the Maildir, so that each of the two keeps its own."""

    def __init__(self, maildir):
        self.folder = tempfile.mkdtemp(prefix="doorstep-readers.")
        self.user = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        with open(f"{self.folder}/dovecot.conf", "w") as out:
            out.write(
                facts_dovecot.CONFIGURATION.format(self.folder, self.user.pw_uid, self.user.pw_gid)
            )
        shutil.copytree(maildir, f"{self.folder}/mail")
        if os.getuid() == 0:
            for where, _, names in os.walk(self.folder):
                for path in [where] + [f"{where}/{name}" for name in names]:
                    os.chown(path, self.user.pw_uid, self.user.pw_gid)
        self.imap = facts_dovecot.Imap(self.folder, self.user)

    def messages(self):
        """By name in the Maildir: what IMAP shows of each."""
        found = {}
        self.imap.command("SELECT INBOX")
        for number in range(1, self.count() + 1):
            items = self.imap.fetch(number, "X-GUID RFC822.SIZE ENVELOPE BODYSTRUCTURE")
            guid = items["X-GUID"]
            found[(guid if isinstance(guid, str) else guid.decode()).split(",")[0]] = items
        return found

    def count(self):
        names = os.listdir(f"{self.folder}/mail/new") + os.listdir(f"{self.folder}/mail/cur")
        return len(names)

    def close(self):
        self.imap.close()
        shutil.rmtree(self.folder)


def compare(ours, theirs):
    """(what, ours, theirs) of one message."""
    parse = facts_dovecot.Parser
    yield "size", ours["octets"], theirs["RFC822.SIZE"]
    names = "date subject from sender reply-to to cc bcc in-reply-to message-id".split()
    for name, a, b in zip(names, parse(ours["envelope"].encode()).value(), theirs["ENVELOPE"]):
        yield "envelope " + name, a, b
    fold = facts_dovecot.fold
    mine = parse(ours["bodystructure"].encode()).value()
    yield "bodystructure", fold(mine), fold(theirs["BODYSTRUCTURE"])


def agree(name, ours, theirs):
    for what, a, b in compare(ours, theirs):
        differs = (name, what) in facts_dovecot.DIFFERENCES
        expect((a != b) == differs, f"{what}\nours:    {a!r}\nDovecot: {b!r}")


def dovecot(tests, checks):
    rows = {}
    for row in checks.listed("eve"):
        rows[row["store_ref"].rsplit("/", 1)[-1].split(",")[0].split(":")[0]] = row
    reader = Dovecot(checks.daemon.mail_path("eve"))
    try:
        theirs = reader.messages()
        tests.run("Dovecot sees the same messages", expect, sorted(theirs) == sorted(rows), theirs)
        order = sorted(rows, key=lambda name: rows[name]["uid"])
        for title, name in zip(MESSAGES, order):
            if name in theirs:
                tests.run(f"Dovecot agrees on '{title}'", agree, title, rows[name], theirs[name])
    finally:
        reader.close()


def deliver(daemon):
    for name in ("ann", "eve"):
        daemon.tool("account", "add", f"{name}@example.org")
    lmtp = Lmtp(daemon)
    for subject, body in PLAIN.items():
        lmtp.send("ann@example.org", message(subject, body))
        lmtp.send("zoe@example.net", message(subject, body))
    for data in MESSAGES.values():
        lmtp.send("eve@example.org", crlf(data))
    lmtp.close()


def run(tests, daemon):
    checks = Checks(daemon)
    deliver(daemon)
    tests.run("Python's mailbox.Maildir reads the Maildir", checks.maildir)
    tests.run("Python's mailbox.mbox reads the mbox", checks.mbox)
    if tests.has("mscan", "mblaze reads the Maildir"):
        tests.run("mblaze reads the Maildir", checks.mblaze)
    tests.run("sizes in file names are those of the index", checks.file_sizes)
    if tests.has(facts_dovecot.IMAP, "Dovecot reads the Maildir"):
        dovecot(tests, checks)


def main():
    tests = Tests("readers")
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
