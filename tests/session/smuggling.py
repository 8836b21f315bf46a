#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SMTP smuggling (VU#302671): whatever looks a little like the end of data is content.

Every PRE "." POST that does not hold CRLF.CRLF is sent inside a message, with a second envelope
behind it, as one segment and octet by octet, by LMTP and by SMTP. There must be one message, with
exactly these octets, and one answer. The last line of output is "N passed, N failed"."""

import sys

from private_daemon import Daemon, Failure, without_trace

PRE = {
    "CRLF": b"\r\n",
    "LF": b"\n",
    "CR": b"\r",
    "CRCRLF": b"\r\r\n",
    "LFCR": b"\n\r",
    "CRLF NUL": b"\r\n\0",
    "NUL CRLF": b"\0\r\n",
    "CRLF SP": b"\r\n ",
    "VT": b"\v",
    "FF": b"\f",
    "NEL": b"\xc2\x85",
    "LS": b"\xe2\x80\xa8",
    "CRLFCR": b"\r\n\r",
    "SP CRLF": b" \r\n",
    "nothing": b"",
}
POST = PRE
END = b"\r\n.\r\n"
SMUGGLED = b"MAIL FROM:<evil@example.com>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nsmuggled\r\n"


def forms():
    for pre_name, pre in PRE.items():
        for post_name, post in POST.items():
            content = b"Subject: one\r\n\r\nbefore" + pre + b"." + post + SMUGGLED
            if END not in content:
                yield f"{pre_name} . {post_name}", content


def unstuffed(content):
    """What RFC 5321 4.5.2 makes of it: behind CRLF one dot goes."""
    return content.replace(b"\r\n.", b"\r\n")


class Session:
    def __init__(self, daemon, protocol):
        self.socket = daemon.connect(protocol)
        self.received = b""
        self.reply(b"220")
        self.say(b"LHLO c" if protocol == "lmtp" else b"EHLO c", b"250")

    def reply(self, code):
        """The next reply, its lines together."""
        while True:
            while b"\r\n" not in self.received:
                got = self.socket.recv(65536)
                if not got:
                    raise Failure("the server closed")
                self.received += got
            line, self.received = self.received.split(b"\r\n", 1)
            if not line.startswith(code):
                raise Failure(f"the server said {line!r}")
            if line[3:4] != b"-":
                return

    def say(self, line, code):
        self.socket.sendall(line + b"\r\n")
        self.reply(code)

    def send(self, content, bytewise):
        self.say(b"MAIL FROM:<sender@example.com>", b"250")
        self.say(b"RCPT TO:<ann@example.org>", b"250")
        self.say(b"DATA", b"354")
        if bytewise:
            for i in range(len(content)):
                self.socket.sendall(content[i : i + 1])
        else:
            self.socket.sendall(content)
        self.reply(b"250")
        # Whatever was answered too much lies in front of the answer to this.
        self.say(b"VRFY ann", b"252")
        if self.received:
            raise Failure(f"too much was answered: {self.received!r}")


def try_form(daemon, protocol, content, bytewise):
    before = len(daemon.messages("ann/new"))
    session = Session(daemon, protocol)
    try:
        session.send(content + (b"" if content.endswith(b"\r\n") else b"\r\n") + b".\r\n", bytewise)
    finally:
        session.socket.close()
    messages = daemon.messages("ann/new")
    if len(messages) != before + 1:
        raise Failure(f"{len(messages) - before} messages for ann")
    if daemon.messages("bob/new"):
        raise Failure("a message for bob")
    stored = without_trace(messages[-1])
    wanted = unstuffed(content)
    if b"\r\n" not in stored:
        wanted = wanted.replace(b"\r\n", b"\n")
    if stored != wanted:
        raise Failure(f"stored {stored!r}, wanted {wanted!r}")


def main():
    passed = failed = 0
    daemon = Daemon()
    try:
        daemon.start()
        for name in ("ann", "bob"):
            daemon.tool("account", "add", f"{name}@example.org")
        for protocol in ("lmtp", "smtp"):
            for bytewise in (False, True):
                for name, content in forms():
                    try:
                        try_form(daemon, protocol, content, bytewise)
                        passed += 1
                    except (Failure, OSError) as failure:
                        failed += 1
                        how = "octet by octet" if bytewise else "at once"
                        print(f"FAIL: {name} ({protocol}, {how}): {failure}", flush=True)
        daemon.end()
        passed += 1
    except Failure as failure:
        failed += 1
        print(f"FAIL: {failure}", flush=True)
    finally:
        try:
            daemon.end()
        except Failure:
            pass
        daemon.remove()
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
