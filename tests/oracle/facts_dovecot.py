#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds our facts against Dovecot's imap program, run alone on a Maildir in a temporary folder.

For each message: RFC822.SIZE, ENVELOPE and BODYSTRUCTURE, and the octets of every part by the offsets of the
parts table. Where we differ on purpose, DIFFERENCES says why, and the script checks that we still do.

usage: facts_dovecot.py PATH/OF/facts_dump
"""

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile

from messages import MESSAGES, crlf

IMAP = "/usr/lib/dovecot/imap"

# (message, what) -> why we differ
MISSING = "Dovecot puts MISSING_MAILBOX and MISSING_DOMAIN where nothing is; we leave it empty"
DIFFERENCES = {
    ("folded subject", "envelope subject"): "unfolding takes the line end only: RFC 5322 2.2.3",
    ("two subjects", "envelope subject"): "we take the first of two, Dovecot the last",
    ("obsolete dots and comments", "envelope to"): "RFC 5322 4.4: obs-local-part, obs-domain",
    ("empty list members", "envelope to"): "RFC 5322 4.4: nothing between commas is no address",
    ("null address", "envelope from"): MISSING,
    ("null address", "envelope sender"): MISSING,
    ("null address", "envelope reply-to"): MISSING,
    ("null address", "envelope to"): MISSING,
    ("part without header or text", "octets of BODY[1.MIME]"): "whose the only empty line is",
    ("content-type of one word", "bodystructure"): "RFC 2045 5.2: text/plain",
    ("empty content-type", "bodystructure"): "RFC 2045 5.2: text/plain",
    ("multipart without a boundary parameter", "bodystructure"): "RFC 2045 5.2: text/plain",
    ("multipart without a boundary parameter", "octets of BODY[1]"): "RFC 2045 5.2: text/plain",
    ("language list and folded location", "bodystructure"): "RFC 2557 4.4.1: URLs have no spaces",
}

CONFIGURATION = """
protocols = imap
log_path = /dev/stderr
ssl = no
stats_writer_socket_path =
mail_location = maildir:{0}/mail
base_dir = {0}/run
state_dir = {0}/state
mail_home = {0}
mail_uid = {1}
mail_gid = {2}
first_valid_uid = 1
first_valid_gid = 0
"""


class Parser:
    """IMAP's data: lists, strings, literals, numbers, atoms."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def value(self):
        while self.data[self.at : self.at + 1] == b" ":
            self.at += 1
        c = self.data[self.at : self.at + 1]
        if c == b"(":
            return self.list()
        if c == b'"':
            return self.quoted()
        if c in (b"{", b"~"):
            return self.literal()
        return self.atom()

    def list(self):
        self.at += 1
        out = []
        while True:
            while self.data[self.at : self.at + 1] == b" ":
                self.at += 1
            if self.data[self.at : self.at + 1] == b")":
                self.at += 1
                return out
            if self.at >= len(self.data):
                raise ValueError("list without an end")
            out.append(self.value())

    def quoted(self):
        out, self.at = bytearray(), self.at + 1
        while self.data[self.at] != ord('"'):
            if self.data[self.at] == ord("\\"):
                self.at += 1
            out.append(self.data[self.at])
            self.at += 1
        self.at += 1
        return bytes(out)

    def literal(self):
        end = self.data.index(b"}\r\n", self.at)
        size = int(self.data[self.data.index(b"{", self.at) + 1 : end].rstrip(b"+"))
        self.at = end + 3 + size
        return self.data[end + 3 : self.at]

    def atom(self):
        start, depth = self.at, 0
        while self.at < len(self.data):
            c = self.data[self.at : self.at + 1]
            depth += (c == b"[") - (c == b"]")
            if depth == 0 and c in b" ()\r\n":
                break
            self.at += 1
        atom = self.data[start : self.at]
        if not atom:
            raise ValueError("nothing at %d: %r" % (start, self.data[start : start + 20]))
        return None if atom == b"NIL" else int(atom) if atom.isdigit() else atom.decode("ascii")


class Imap:
    """The imap program on pipes, one command at a time."""

    def __init__(self, folder, user):
        def become():
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(user.pw_gid)
                os.setuid(user.pw_uid)

        env = {"USER": user.pw_name, "HOME": folder, "PATH": os.environ["PATH"]}
        self.process = subprocess.Popen(
            [IMAP, "-c", folder + "/dovecot.conf"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=env, cwd=folder, preexec_fn=become,
        )
        if not self.process.stdout.readline().startswith(b"* PREAUTH"):
            raise RuntimeError("imap did not start: see " + folder)

    def command(self, text):
        """The untagged answers, each with its literals in it."""
        self.process.stdin.write(b"t " + text.encode() + b"\r\n")
        self.process.stdin.flush()
        answers = []
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError("imap ended at " + text)
            while line.endswith(b"}\r\n"):
                size = int(line[line.rindex(b"{") + 1 : -3])
                line += self.process.stdout.read(size) + self.process.stdout.readline()
            if line.startswith(b"t "):
                if not line.startswith(b"t OK"):
                    raise RuntimeError(text + ": " + line.decode())
                return answers
            answers.append(line)

    def fetch(self, number, items):
        for line in self.command("FETCH %d (%s)" % (number, items)):
            head, _, rest = line.partition(b" FETCH ")
            if rest and head == b"* %d" % number:
                pairs = Parser(rest).value()
                return dict(zip(pairs[::2], pairs[1::2]))
        raise RuntimeError("no answer for " + items)

    def close(self):
        self.command("LOGOUT")
        self.process.stdin.close()
        self.process.wait(timeout=10)


def fold(value):
    """Types, parameter names and encodings are compared without case: so are all strings of BODYSTRUCTURE that
    differ in nothing else."""
    if isinstance(value, list):
        return [fold(v) for v in value]
    return value.lower() if isinstance(value, bytes) else value


def sections(number):
    """What a row of the parts table is called in FETCH: (its body, its header)."""
    if number == "":
        return "TEXT", "HEADER"
    if number.endswith(".TEXT"):
        return number, number[:-4] + "HEADER"
    return number, number + ".MIME"


def compare(imap, number, message, facts):
    """(what, ours, theirs) of one message."""
    theirs = imap.fetch(number, "RFC822.SIZE ENVELOPE BODYSTRUCTURE")
    yield "size", facts["octets"], theirs["RFC822.SIZE"]
    ours = Parser(facts["envelope"].encode("latin-1")).value()
    names = "date subject from sender reply-to to cc bcc in-reply-to message-id".split()
    for name, a, b in zip(names, ours, theirs["ENVELOPE"]):
        yield "envelope " + name, a, b
    ours = Parser(facts["bodystructure"].encode("latin-1")).value()
    yield "bodystructure", fold(ours), fold(theirs["BODYSTRUCTURE"])
    if ours and isinstance(theirs["BODYSTRUCTURE"], list):
        yield from compare_parts(imap, number, message, facts)


def compare_parts(imap, number, message, facts):
    wanted = {}
    for part in facts["parts"]:
        body, header = sections(part["number"])
        start, octets = part["body_start"], part["body_octets"]
        wanted[body] = message[start : start + octets]
        wanted[header] = message[part["header_start"] : start]
        before = message[:start].count(b"\n")
        yield "lines before " + body, part["lines_before"], before
    if "1" in wanted and len(facts["parts"]) == 2:
        wanted.pop("1.MIME") # of a message that is one part: RFC 9051 leaves open what that is
    items = " ".join("BODY.PEEK[%s]" % name for name in wanted)
    theirs = imap.fetch(number, items)
    for name, ours in wanted.items():
        yield "octets of BODY[%s]" % name, ours, theirs["BODY[%s]" % name] or b""


def prepare(folder, user):
    with open(folder + "/dovecot.conf", "w") as out:
        out.write(CONFIGURATION.format(folder, user.pw_uid, user.pw_gid))
    for name in "mail", "mail/cur", "mail/new", "mail/tmp":
        os.mkdir(folder + "/" + name)
    for i, message in enumerate(MESSAGES.values()):
        with open("%s/mail/cur/%04d.x.y:2," % (folder, i), "wb") as out:
            out.write(crlf(message))
    if os.getuid() == 0:
        for path, _, files in os.walk(folder):
            for name in [path] + [path + "/" + f for f in files]:
                os.chown(name, user.pw_uid, user.pw_gid)


def run(dump, folder):
    user = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    prepare(folder, user)
    files = ["%s/mail/cur/%04d.x.y:2," % (folder, i) for i in range(len(MESSAGES))]
    lines = subprocess.run([dump] + files, check=True, stdout=subprocess.PIPE).stdout.splitlines()
    imap = Imap(folder, user)
    imap.command("SELECT INBOX")
    passed = failed = 0
    for i, (name, message) in enumerate(MESSAGES.items()):
        for what, ours, theirs in compare(imap, i + 1, crlf(message), json.loads(lines[i])):
            differs = ours != theirs
            if differs == ((name, what) in DIFFERENCES):
                passed += 1
                continue
            failed += 1
            print("%s: %s\n  ours:    %r\n  Dovecot: %r" % (name, what, ours, theirs))
    imap.close()
    return passed, failed


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not os.path.exists(IMAP):
        sys.exit("facts_dovecot.py: %s is missing (dovecot-imapd)" % IMAP)
    folder = tempfile.mkdtemp(prefix="facts-dovecot-")
    try:
        passed, failed = run(os.path.abspath(sys.argv[1]), folder)
    finally:
        shutil.rmtree(folder)
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
