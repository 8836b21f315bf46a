#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a client sends never becomes something else: not a command what was content, not a second header
what was one value, not a line of the log, not a control character on the operator's terminal.

Pipelined commands around DATA and BDAT; CRLF in parameters, in xtext and in SASL; control octets, C1 and
bidirectional marks in every text that a client gives. The last line of output is "N passed, N
failed"."""

import base64
import contextlib
import os
import re
import subprocess
import sys

from private_daemon import DOORSTEP, Daemon, Failure

ANN = b"<ann@example.org>"
SMUGGLED = b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nsmuggled\r\n.\r\n"
BEGIN = b"MAIL FROM:<s@example.com>\r\nRCPT TO:" + ANN + b"\r\n"
CONTENT = b"Subject: x\r\n\r\nbody\r\n"

# Every octet that could move a cursor, and the characters that turn text around.
CONTROLS = {f"octet {n:02x}": bytes([n]) for n in (*range(1, 32), 127, *range(128, 160), 255)}
UNICODE = {
    "NEL": "\x85", "CSI": "\x9b", "LS": "\u2028", "PS": "\u2029", "RLO": "\u202e", "LRI": "\u2066",
    "PDI": "\u2069", "RLM": "\u200f", "ALM": "\u061c", "BOM": "\ufeff", "ZWSP": "\u200b",
}  # fmt: skip
LOG_LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [a-z]+\[\d+\] (debug|info|warning|error) [a-z_ ]+( [a-z_]+=.*)?"
)
TRACE = re.compile(rb"\A((Return-Path|Delivered-To|Received):[^\n]*\n([ \t][^\n]*\n)*)+")


SETTINGS = """log_level = "debug"
limits { errors = 10000 }
auth {
    hash_memory = 64K hash_operations = 1 delay = 1ms delay_max = 1ms
    address_failures = 100000 account_failures = 100000 session_failures = 100
}"""


def expect(condition, text):
    if not condition:
        raise Failure(text)


class Session:
    def __init__(self, daemon, protocol="lmtp"):
        self.socket = daemon.connect(protocol)
        self.received = b""
        self.reply()
        self.say(b"LHLO c" if protocol == "lmtp" else b"EHLO c")

    def reply(self):
        """The next reply, all lines; b"" at the end of the connection."""
        lines = b""
        while True:
            while b"\r\n" not in self.received:
                try:
                    got = self.socket.recv(65536)
                except ConnectionResetError:
                    got = b""
                if not got:
                    return b""
                self.received += got
            line, self.received = self.received.split(b"\r\n", 1)
            lines += line + b"\r\n"
            if line[3:4] != b"-":
                return lines

    def send(self, octets, bytewise=False):
        pieces = [octets[i : i + 1] for i in range(len(octets))] if bytewise else [octets]
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                self.socket.sendall(piece)

    def say(self, line):
        self.send(line + b"\r\n")
        return self.reply()

    def codes(self, count):
        """The codes of the next replies, up to the end of the connection."""
        found = []
        while len(found) < count:
            got = self.reply()
            if got == b"":
                return [*found, "end"]
            found.append(got[:3].decode())
        return found

    def close(self):
        self.socket.close()


def take(daemon, folder):
    path, found = daemon.mail_path(folder), []
    for name in sorted(os.listdir(path)) if os.path.isdir(path) else []:
        with open(f"{path}/{name}", "rb") as f:
            found.append(f.read())
        os.unlink(f"{path}/{name}")
    return found


# --- commands behind, between and in content ---

# name: sent in one go after the greeting, codes of the replies, messages for ann
PIPELINES = {
    "content sent with DATA": (
        BEGIN + b"DATA\r\n" + CONTENT + b".\r\nNOOP\r\n", ["250", "250", "354", "250", "250"], 1),
    "commands in content": (
        BEGIN + b"DATA\r\n" + CONTENT + b"\n.\n" + SMUGGLED.replace(b"\r\n.\r\n", b"\r\n..\r\n")
        + b".\r\nNOOP\r\n", ["250", "250", "354", "250", "250"], 1),
    "two transactions": (
        (BEGIN + b"DATA\r\n" + CONTENT + b".\r\n") * 2, ["250", "250", "354", "250"] * 2, 2),
    "commands in a chunk": (
        BEGIN + b"BDAT %d LAST\r\n" % len(CONTENT + SMUGGLED) + CONTENT + SMUGGLED + b"NOOP\r\n",
        ["250", "250", "250", "250"], 1),
    "end of data in a chunk": (
        BEGIN + b"BDAT 7\r\na\r\n.\r\nb" + b"BDAT 0 LAST\r\nNOOP\r\n",
        ["250", "250", "250", "250", "250"], 1),
    "a chunk that is too long by commands": (
        BEGIN + b"BDAT 3 LAST\r\nabc" + b"NOOP\r\nRSET\r\n", ["250", "250", "250", "250", "250"], 1),
    "a chunk without a recipient": (
        b"BDAT %d LAST\r\n" % len(SMUGGLED) + SMUGGLED + b"NOOP\r\n", ["503", "250"], 0),
    "a chunk behind refused recipients": (
        b"MAIL FROM:<s@example.com>\r\nRCPT TO:<nobody@example.org>\r\n"
        b"BDAT %d LAST\r\n" % len(SMUGGLED) + SMUGGLED + b"NOOP\r\n", ["250", "550", "503", "250"], 0),
    "a chunk larger than a message may be": (
        BEGIN + b"BDAT 4000000000 LAST\r\n" + SMUGGLED, ["250", "250"], 0),  # all of it is content
    "a chunk of no size": (
        BEGIN + b"BDAT +5 LAST\r\n" + SMUGGLED, ["250", "250", "501", "end"], 0),
    "DATA between chunks": (
        BEGIN + b"BDAT 3\r\nabcDATA\r\n" + b"NOOP\r\n", ["250", "250", "250", "503", "250"], 0),
    "RSET between chunks": (
        BEGIN + b"BDAT 3\r\nabcRSET\r\nBDAT 3 LAST\r\ndefNOOP\r\n",
        ["250", "250", "250", "250", "503", "250"], 0),
    "QUIT in front of content": (
        BEGIN + b"QUIT\r\nDATA\r\n" + CONTENT + b".\r\n", ["250", "250", "221", "end"], 0),
    "a verb with a bare LF behind": (
        b"NOOP\nMAIL FROM:<evil@example.com>\r\nNOOP\r\n", ["500", "250"], 0),
    "a verb with a bare CR behind": (
        b"NOOP\rMAIL FROM:<evil@example.com>\r\nNOOP\r\n", ["500", "250"], 0),
}  # fmt: skip


def pipelined(daemon, protocol, bytewise, octets, codes, count):
    with contextlib.closing(Session(daemon, protocol)) as s:
        s.send(octets, bytewise)
        got = s.codes(len(codes))
        expect(got == codes, f"replies {got}, not {codes}")
    expect(len(take(daemon, "ann/new")) == count, f"not {count} messages for ann")
    expect(take(daemon, "bob/new") == [], "a message for bob")


# --- parameters and addresses ---

CRLF = b"\r\nX-Injected: yes"
# name: sent in place of MAIL and RCPT
PARAMETERS = {
    "ENVID in xtext": (b"MAIL FROM:<s@example.com> ENVID=a+0D+0AX-Injected:+20yes", b""),
    "ENVID with LF in xtext": (b"MAIL FROM:<s@example.com> ENVID=a+0AX-Injected:+20yes", b""),
    "ORCPT in xtext": (b"", b" ORCPT=rfc822;a+0D+0AX-Injected:+20yes@example.org"),
    "ORCPT with NUL in xtext": (b"", b" ORCPT=rfc822;a+00b@example.org"),
    "AUTH in xtext": (b"MAIL FROM:<s@example.com> AUTH=a+0D+0AX-Injected:+20yes", b""),
    "CRLF in ENVID": (b"MAIL FROM:<s@example.com> ENVID=a" + CRLF, b""),
    "CRLF in ORCPT": (b"", b" ORCPT=rfc822;a" + CRLF),
    "CRLF in the reverse-path": (b"MAIL FROM:<s" + CRLF + b"@example.com>", b""),
    "CRLF in a quoted reverse-path": (b'MAIL FROM:<"s' + CRLF + b'"@example.com>', b""),
    "an unfinished xtext": (b"MAIL FROM:<s@example.com> ENVID=a+0", b""),
    "a parameter of 100 KB": (b"MAIL FROM:<s@example.com> ENVID=" + b"a" * 100_000, b""),
    "a header in BODY": (b"MAIL FROM:<s@example.com> BODY=8BITMIME\nX-Injected: yes", b""),
}


def injected(daemon, protocol, mail, rcpt):
    with contextlib.closing(Session(daemon, protocol)) as s:
        s.send((mail or b"MAIL FROM:<s@example.com>") + b"\r\n")
        s.send(b"RCPT TO:" + ANN + rcpt + b"\r\n")
        s.send(b"NOOP end\r\nDATA\r\n")
        while (got := s.reply()) not in (b"",) and not got.startswith(b"354"):
            if got.startswith(b"503"):
                break
        if got.startswith(b"354"):
            s.say(CONTENT + b".")
    for message in take(daemon, "ann/new"):
        expect(b"X-Injected" not in message, f"stored {message[:400]!r}")
    expect(take(daemon, "bob/new") == [], "a message for bob")


# --- what others see ---


def check_log(daemon):
    with open(daemon.log, "rb") as f:
        said = f.read()
    strange = sorted({x for x in said if x != 10 and not 32 <= x < 127})
    expect(strange == [], f"octets {strange} in the log")
    for line in said.decode().splitlines():
        expect(LOG_LINE.fullmatch(line) or line.startswith("ready"), f"a line of the log: {line!r}")


def check_terminal(daemon, *arguments):
    """Nothing that a terminal obeys, whatever the verb prints."""
    done = subprocess.run(
        [DOORSTEP, "-c", daemon.configuration, *arguments], capture_output=True, timeout=90
    )
    for text in (done.stdout, done.stderr):
        shown = text.decode("utf-8", errors="surrogateescape")
        wrong = {c for c in shown if c not in "\n\t" and (ord(c) < 32 or 127 <= ord(c) < 160)}
        wrong |= {c for c in shown if c in UNICODE.values() or 0xD800 <= ord(c) < 0xE000}
        expect(not wrong, f"{' '.join(arguments)} prints {sorted(map(ascii, wrong))}: {shown[:300]!a}")
    return done.stdout


def check_trace_fields(message):
    found = TRACE.match(message.replace(b"\r\n", b"\n"))
    expect(found, f"no trace fields: {message[:300]!r}")
    names = [x.split(b":")[0] for x in found[0].split(b"\n") if x and x[:1] not in b" \t"]
    expect(names == [b"Return-Path", b"Delivered-To", b"Received"], f"trace fields {names}")
    wrong = {c for c in found[0].decode() if ord(c) < 32 or 127 <= ord(c) < 160} - {"\n", "\t"}
    expect(not wrong and len(found[0].decode().splitlines()) == found[0].count(b"\n"),
           f"trace fields: {found[0]!r}")


def told(daemon, text):
    """The text wherever a client may put one; what is refused is refused."""
    with contextlib.closing(Session(daemon)) as s:
        for line in (
            b"LHLO c" + text + b"x",
            b"XFORWARD HELO=c%s NAME=n%s IDENT=i%s" % (text, text, text),
            b"XFORWARD HELO=%s IDENT=%s" % ((b"c" + b"".join(b"+%02X" % x for x in text),) * 2),
            b"XCLIENT HELO=%s NAME=%s LOGIN=%s" % ((b"c" + b"".join(b"+%02X" % x for x in text),) * 3),
            b"LHLO again",
            b"VRFY v" + text,
            b"FROB" + text + b" x",
            b"MAIL FROM:<refused" + text + b"@example.com>",
            b'MAIL FROM:<"quoted' + text + b'"@example.com> SMTPUTF8',
            b"MAIL FROM:<s@example.com> ENVID=e" + text,
            b"MAIL FROM:<s@example.com>",
            b"RCPT TO:<nobody" + text + b"@example.org>",
            b'RCPT TO:<"ann+' + text + b'"@example.org>',
            b"RCPT TO:<ann+" + text + b"@example.org>",
            b"RCPT TO:" + ANN,
        ):
            expect(s.say(line) != b"", f"it closed behind {line!r}")
        expect(s.say(b"DATA").startswith(b"354"), "DATA")
        s.send(b"Subject: s" + text + b"\r\nFrom: f" + text + b" <f@example.com>\r\n")
        s.send(b"Message-ID: <m" + text + b"@example.com>\r\n\r\nbody" + text + b"\r\n.\r\n")
        expect(s.reply()[:3] == b"250", "end of data")
    for message in take(daemon, "ann/new"):
        check_trace_fields(message)


def logs_in(daemon, text):
    """The text in what SASL says, which base64 hides from whoever looks at lines."""
    name = b"ann" + text + b"X-Injected: yes@example.org"
    with contextlib.closing(Session(daemon)) as s:
        for first, *more in (
            (b"PLAIN " + base64.b64encode(b"\0" + name + b"\0secret" + text),),
            (b"LOGIN", base64.b64encode(name), base64.b64encode(b"secret" + text)),
            (b"SCRAM-SHA-256 " + base64.b64encode(b"n,," + b"n=" + name + b",r=abc" + text), b"*"),
            (b"EXTERNAL " + base64.b64encode(name),),
            (b"PLAIN " + text.replace(b"\r\n", b"\n") + b"AGFubgBi",),
        ):
            got = s.say(b"AUTH " + first)
            for line in more:
                got = s.say(line) if got.startswith(b"334") else got
            expect(got[:2] in (b"50", b"53"), f"{first[:20]!r}: {got!r}")
        expect(s.say(b"NOOP")[:3] == b"250", "it does not go on")


def encoded_headers(daemon):
    """A subject that holds them in RFC 2047, for the verbs that show it decoded."""
    every = "".join(chr(n) for n in (*range(1, 32), *range(127, 160))) + "".join(UNICODE.values())
    word = b"=?utf-8?B?%s?="
    with contextlib.closing(Session(daemon)) as s:
        for character in every:
            s.say(b"MAIL FROM:<s@example.com>")
            s.say(b"RCPT TO:" + ANN)
            s.say(b"DATA")
            coded = word % base64.b64encode(f"a{character}b".encode())
            s.send(b"Subject: " + coded + b"\r\nFrom: " + coded + b" <f@example.com>\r\n")
            s.send(b"Content-Type: text/plain; name*=utf-8''%0D%0A%1B\r\n\r\n")
            expect(s.say(f"body {character}\r\n.".encode())[:3] == b"250", "end of data")
    for verb in (
        ("message", "list", "ann@example.org"),
        ("message", "show", "ann@example.org", "INBOX", last_uid(daemon)),
        ("trace", "ann@example.org"),
        ("trace", "s@example.com"),
        ("journal", "show"),
        ("fsck", "ann@example.org"),
        ("stats",),
        ("account", "list"),
        ("mailbox", "list", "ann@example.org"),
    ):
        check_terminal(daemon, *verb)


def last_uid(daemon):
    import json

    rows = json.loads(daemon.tool("--json", "message", "list", "ann@example.org"))
    return str(rows[-1]["uid"])


# --- all ---


def cases(daemon):
    for protocol in ("lmtp", "smtp"):
        for bytewise in (False, True):
            how = f"{protocol}, {'octet by octet' if bytewise else 'at once'}"
            for name, (octets, codes, count) in PIPELINES.items():
                yield f"{name} ({how})", pipelined, (daemon, protocol, bytewise, octets, codes, count)
        for name, (mail, rcpt) in PARAMETERS.items():
            yield f"{name} ({protocol})", injected, (daemon, protocol, mail, rcpt)
    for name, text in (*CONTROLS.items(), ("CRLF", b"\r\n")):
        yield f"{name} in SASL", logs_in, (daemon, text)
        if text not in (b"\r", b"\n", b"\r\n"):
            yield f"{name} wherever there is text", told, (daemon, text)
    for name, text in UNICODE.items():
        yield f"{name} in SASL", logs_in, (daemon, text.encode())
        yield f"{name} wherever there is text", told, (daemon, text.encode())
    yield "encoded words on the terminal", encoded_headers, (daemon,)
    yield "the log", check_log, (daemon,)
    for verb in ("ann", "nobody", "c", "i", "evil"):
        yield f"trace {verb} on the terminal", check_terminal, (daemon, "trace", verb)


def main():
    passed = failed = 0
    trusted = 'trusted = {"127.0.0.0/8"}'
    logs_in = "auth = yes auth_plain_without_tls = yes"
    daemon = Daemon(in_lmtp=f"{trusted} {logs_in}", in_smtp=trusted, more=SETTINGS)
    try:
        daemon.start()
        for name in ("ann", "bob"):
            daemon.tool("account", "add", f"{name}@example.org")
        for name, case, arguments in cases(daemon):
            try:
                case(*arguments)
                passed += 1
            except (Failure, OSError) as failure:
                failed += 1
                print(f"FAIL: {name}: {failure}", flush=True)
                take(daemon, "ann/new"), take(daemon, "bob/new")
        daemon.end()
        passed += 1
    except Failure as failure:
        failed += 1
        print(f"FAIL: {failure}", flush=True)
    finally:
        with contextlib.suppress(Failure):
            daemon.end()
        daemon.remove()
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
