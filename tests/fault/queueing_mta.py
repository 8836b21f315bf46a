# SPDX-License-Identifier: MIT
"""What the long fault sweeps share: queueing MTAs that try every message again until each recipient is
answered for good, and messages whose every octet follows from their name, so that an audit needs to
remember names alone. A message carries a Received field, as one from a queue does, so a second copy of a
retry is a failure."""

import collections
import contextlib
import os
import random
import re
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [f"{HERE}/../session", f"{HERE}/../integration"]
if "DOORSTEP_RELEASE" in os.environ:  # a sanitizer takes most of the minute, and mixes with no LD_PRELOAD
    BUILD = os.environ["DOORSTEP_RELEASE"]
    os.environ["DOORSTEPD"] = f"{BUILD}/src/doorstepd/doorstepd"
    os.environ["DOORSTEP"] = f"{BUILD}/src/doorstep/doorstep"

import private_daemon  # noqa: E402
from private_daemon import ALARMS  # noqa: E402
from harness import Daemon, Failure, Tests, expect, until, without_trace  # noqa: E402

__all__ = ["ALARMS", "HERE", "Daemon", "Failure", "Gone", "Letter", "Mta", "Tests", "Wire", "contents_of", "expect", "flagless", "load",
           "mbox_messages", "message", "name_of", "private_daemon", "seed_of", "until", "without_trace"]

SENDER = "eve@example.com"
GIVE_UP_SECONDS = 120  # one message is tried as long as this
STATUS = re.compile(rb"(?m)^(Status|X-Status): .*\n")
QUOTED = re.compile(rb"(?m)^>(>*From )")
SUBJECT = re.compile(rb"(?m)^Subject: (\S+)")


def seed_of(arguments):
    """The seed of this run, printed; --seed N repeats one."""
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    return seed


def message(name):
    """With LF, as a store keeps it. Some are empty, some longer than any one write."""
    kind = random.Random(name)
    lines = kind.choice([0, 1, 10, 10, 10, 30, 30, 100])
    if kind.random() < 0.002:
        lines = 20000
    head = (
        "Received: from a.example by b.example; Thu, 1 Jan 2026 00:00:00 +0000\n"
        f"From: <{SENDER}>\nMessage-ID: <{name}@sweep.example>\nSubject: {name}\n\n"
    )
    body = [f"{name} line {n}\n" for n in range(lines)]
    for special in ("From here on\n", ">From there\n", ".\n", "\n", "\xe9\n"):
        if lines > 1 and kind.random() < 0.5:
            body.insert(kind.randrange(len(body)), special)
    return (head + "".join(body)).encode("latin-1")


def on_the_wire(text):
    """With CRLF, dots doubled, and the end of data."""
    return re.sub(rb"(?m)^\.", b"..", text).replace(b"\n", b"\r\n") + b".\r\n"


def flagless(text):
    """Without what mail readers write into a header."""
    head, blank, body = text.partition(b"\n\n")
    return STATUS.sub(b"", head + b"\n")[:-1] + blank + body


def name_of(text):
    """The message's name; a failure when its octets are not those that the name stands for."""
    found = SUBJECT.search(text)
    expect(found is not None, f"not a message of ours: {text[:80]!r}")
    name = found[1].decode()
    if text != message(name):
        wanted = message(name)
        at = next((n for n, (a, b) in enumerate(zip(text, wanted)) if a != b), min(len(text), len(wanted)))
        raise Failure(f"{name} differs at octet {at} of {len(wanted)}: {text[at:at + 60]!r}")
    return name


def mbox_messages(text):
    """The messages of an mbox, unquoted, in order. Each begins behind a blank line, which is not its own."""
    first, *parts = re.split(rb"(?:\A|(?<=\n\n))From ", text)
    expect(first == b"", f"no From_ line at the start: {first[:60]!r}")
    found = []
    for part in parts:
        expect(part.endswith(b"\n\n"), f"a message without end: {part[-60:]!r}")
        found.append(QUOTED.sub(rb"\1", part[part.index(b"\n") + 1 : -1]))
    return found


def contents_of(daemon, recipient):
    """All messages of an account's INBOX, as the sender wrote them."""
    user, domain = recipient.split("@")
    if domain == "example.net":
        path = daemon.mail_path(f"/{domain}/{user}.mbox")
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as f:
            return [without_trace(flagless(m)) for m in mbox_messages(f.read())]
        return []
    return [without_trace(m) for folder in ("new", "cur") for m in daemon.messages(f"{user}/{folder}")]


class Letter:
    """A message on its way: who still waits for it, who has it."""

    def __init__(self, name, recipients):
        self.name = name
        self.waiting = list(recipients)
        self.delivered = []
        self.tries = 0


class Gone(Exception):
    """The connection ended, or the server ends it (421)."""


class Wire:
    def __init__(self, daemon):
        self.socket = daemon.connect("lmtp", "unix", timeout=60)
        self.lines = self.socket.makefile("rb")
        try:
            self.reply()
            self.socket.sendall(b"LHLO mta.example.com\r\n")
            self.reply()
        except BaseException:
            self.close()
            raise

    def reply(self):
        while True:
            line = self.lines.readline()
            if not line.endswith(b"\n") or line.startswith(b"421"):
                raise Gone(line.decode())
            if line[3:4] != b"-":
                return line.decode().rstrip()

    def attempt(self, letter):
        """{recipient: answer}. Where the connection broke before it came: none."""
        answers, accepted = {}, []
        lines = [f"MAIL FROM:<{SENDER}>", *(f"RCPT TO:<{r}>" for r in letter.waiting), "DATA"]
        self.socket.sendall(("\r\n".join(lines) + "\r\n").encode())
        self.reply()
        for r in letter.waiting:
            answers[r] = self.reply()
            if answers[r][0] == "2":
                accepted.append(r)
                del answers[r]
        if self.reply()[0] == "3":
            self.socket.sendall(on_the_wire(message(letter.name)))
            for r in accepted:
                answers[r] = self.reply()
        else:
            self.socket.sendall(b"RSET\r\n")
            self.reply()
        return answers

    def close(self):
        self.lines.close()
        self.socket.close()


class Mta(threading.Thread):
    """One connection of a queueing MTA. next_letter() gives what to send, None when nothing is left."""

    def __init__(self, daemon, next_letter, pause=0.0):
        super().__init__(daemon=True)
        self.server, self.next_letter, self.pause = daemon, next_letter, pause
        self.wire = None
        self.letters = []
        self.answers = collections.Counter()  # by their first word
        self.wrong = None
        self.is_ending = threading.Event()

    def run(self):
        try:
            while not self.is_ending.is_set() and (letter := self.next_letter()) is not None:
                self.letters.append(letter)
                self.deliver(letter)
                self.is_ending.wait(self.pause)
        except Failure as failure:
            self.wrong = str(failure)
        finally:
            if self.wire is not None:
                self.wire.close()

    def deliver(self, letter):
        end, wait = time.monotonic() + GIVE_UP_SECONDS, 0.02
        while letter.waiting:
            letter.tries += 1
            said = self.attempt(letter)
            expect(time.monotonic() < end, f"{letter.name} is not delivered in {GIVE_UP_SECONDS} s: {said}")
            if letter.waiting:
                time.sleep(wait)
                wait = min(2 * wait, 0.5)

    def attempt(self, letter):
        try:
            if self.wire is None:
                self.wire = Wire(self.server)
            answers = self.wire.attempt(letter)
        except (Gone, OSError) as e:
            self.answers["broken"] += 1
            if self.wire is not None:
                self.wire.close()
            self.wire = None
            return str(e)
        for recipient, answer in answers.items():
            self.answers[answer[:3]] += 1
            expect(answer[0] != "5", f"{letter.name} for {recipient}: {answer}")
            if answer[0] == "2":
                letter.waiting.remove(recipient)
                letter.delivered.append(recipient)
        return answers


@contextlib.contextmanager
def load(daemon, connections, next_letter, pause=0.0, ends_itself=False):
    """MTAs that deliver while the body runs. They end what they began; with ends_itself when nothing is
    left to send."""
    mtas = [Mta(daemon, next_letter, pause) for _ in range(connections)]
    for m in mtas:
        m.start()
    try:
        yield mtas
        for m in mtas if ends_itself else []:
            m.join()
    finally:
        for m in mtas:
            m.is_ending.set()
        for m in mtas:
            m.join(GIVE_UP_SECONDS + 60)
    wrong = [m.wrong for m in mtas if m.wrong is not None]
    expect(wrong == [], f"{len(wrong)} MTAs gave up: {wrong[:3]}")
    expect(not any(m.is_alive() for m in mtas), "an MTA hangs")
