# SPDX-License-Identifier: MIT
"""Messages that can be told apart to the last octet, and an LMTP client that hands them over.

A message is made from its name alone, so whoever finds it on a disk can say whether it is whole."""

import functools
import hashlib
import re

SENDER = "eve@example.net"
NAME = re.compile(rb"^Message-ID: <([^@>\s]+)@letters>\r?$", re.MULTILINE)
REPLY_SECONDS = 60


@functools.lru_cache(maxsize=512)
def make_message(name, octets=600):
    """As it goes over the wire. `octets` is part of the name, so that the name says it all."""
    head = (
        "Received: from nowhere by letters.example.net; Sun, 22 Nov 2026 00:00:00 +0000\r\n"
        f"From: <{SENDER}>\r\nMessage-ID: <{name}.{octets}@letters>\r\nSubject: {name}\r\n\r\n"
    )
    mark = hashlib.sha256(name.encode()).hexdigest()
    lines = max(1, octets // 80)
    body = "".join(f"{n:7} {mark}\r\n" for n in range(lines))
    return f"{head}{body}the end of {name}\r\n".encode()


def message_of(full_name):
    """The message with that name, as its Message-ID has it; None for a name that no client gives."""
    name, _, octets = full_name.rpartition(".")
    return make_message(name, int(octets)) if name and octets.isdigit() else None


def expected(full_name):
    """What is stored of it, in lines of a Unix file."""
    message = message_of(full_name)
    return None if message is None else message.replace(b"\r\n", b"\n")


def name_of(content):
    found = NAME.search(content[:4096])
    return found.group(1).decode() if found else None


class Gone(Exception):
    """The connection has ended before the answer."""


class Client:
    """One LMTP session."""

    def __init__(self, daemon):
        try:
            self.s = daemon.connect("lmtp", "unix", timeout=REPLY_SECONDS)
        except OSError as e:
            raise Gone(str(e)) from None
        self.file = self.s.makefile("rb")
        self.reply()
        self.say("LHLO letters.example.net\r\n")

    def reply(self):
        while True:
            try:
                line = self.file.readline()
            except OSError as e:
                raise Gone(str(e)) from None
            if not line.endswith(b"\n"):
                raise Gone("the connection was closed")
            if line[3:4] != b"-":
                return line.decode(errors="replace").rstrip()

    def say(self, text):
        self.send(text.encode())
        return self.reply()

    def send(self, octets):
        try:
            self.s.sendall(octets)
        except OSError as e:
            raise Gone(str(e)) from None

    def deliver(self, recipients, message, on_answer):
        """`on_answer` hears (recipient, reply) at once, as each of the replies comes."""
        verbs = [f"MAIL FROM:<{SENDER}>\r\n"] + [f"RCPT TO:<{r}>\r\n" for r in recipients] + ["DATA\r\n"]
        self.send("".join(verbs).encode())
        self.reply()
        accepted = []
        for r in recipients:
            answer = self.reply()
            if answer[0] == "2":
                accepted.append(r)
            else:
                on_answer(r, answer)
        go_ahead = self.reply()
        if not accepted or go_ahead[0] != "3":
            self.say("RSET\r\n")
            return
        self.send(message + b".\r\n")
        for r in accepted:
            on_answer(r, self.reply())

    def quit(self):
        try:
            self.say("QUIT\r\n")
        except Gone:
            pass
        self.close()

    def close(self):
        self.file.close()
        self.s.close()
