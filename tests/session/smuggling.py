#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SMTP smuggling (VU#302671): whatever looks a little like the end of data is content.

Every PRE "." POST that does not hold CRLF.CRLF is sent inside a message, with a second envelope
behind it, as one segment and octet by octet, by LMTP and by SMTP, plain and under TLS (there an octet
is a record). There must be one message, with exactly these octets, and one answer. The last line of
output is "N passed, N failed"."""

import contextlib
import os
import ssl
import subprocess
import sys
import tempfile

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
    "SP": b" ",
    "TAB": b"\t",
    "CRLF TAB": b"\r\n\t",
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
    def __init__(self, daemon, protocol, is_tls):
        self.socket = daemon.connect(protocol)
        self.received = b""
        self.hello = b"LHLO c" if protocol == "lmtp" else b"EHLO c"
        self.reply(b"220")
        self.say(self.hello, b"250")
        if is_tls:
            self.say(b"STARTTLS", b"220")
            self.socket = trusting().wrap_socket(self.socket)
            self.say(self.hello, b"250")

    def close(self):
        self.socket.close()

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


def trusting():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def take_messages(daemon, folder):
    """All that is there, and it is taken away."""
    path, found = daemon.mail_path(folder), []
    for name in os.listdir(path) if os.path.isdir(path) else []:
        with open(f"{path}/{name}", "rb") as f:
            found.append(f.read())
        os.unlink(f"{path}/{name}")
    return found


def try_form(daemon, protocol, is_tls, content, bytewise):
    with contextlib.closing(Session(daemon, protocol, is_tls)) as session:
        session.send(content + (b"" if content.endswith(b"\r\n") else b"\r\n") + b".\r\n", bytewise)
    messages = take_messages(daemon, "ann/new")
    if len(messages) != 1:
        raise Failure(f"{len(messages)} messages for ann")
    if take_messages(daemon, "bob/new"):
        raise Failure("a message for bob")
    stored = without_trace(messages[0])
    wanted = unstuffed(content)
    if b"\r\n" not in stored:
        wanted = wanted.replace(b"\r\n", b"\n")
    if stored != wanted:
        raise Failure(f"stored {stored!r}, wanted {wanted!r}")


@contextlib.contextmanager
def certificate():
    """Settings of a listener that offers STARTTLS."""
    with tempfile.TemporaryDirectory() as folder:
        request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=mx.example.org"
        subprocess.run(
            ["openssl", *request.split(), "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"],
            check=True,
            capture_output=True,
        )
        yield f'tls = "offered"\n certificate = {{"{folder}/cert.pem"}}\n key = {{"{folder}/key.pem"}}'


def try_all(daemon, is_tls):
    """How many forms passed and failed."""
    passed = failed = 0
    for protocol in ("lmtp", "smtp"):
        for bytewise in (False, True):
            for name, content in forms():
                try:
                    try_form(daemon, protocol, is_tls, content, bytewise)
                    passed += 1
                except (Failure, OSError) as failure:
                    failed += 1
                    how = "octet by octet" if bytewise else "at once"
                    under = ", TLS" if is_tls else ""
                    print(f"FAIL: {name} ({protocol}{under}, {how}): {failure}", flush=True)
    return passed, failed


def run(settings, is_tls):
    daemon = Daemon(in_lmtp=settings, in_smtp=settings)
    try:
        daemon.start()
        for name in ("ann", "bob"):
            daemon.tool("account", "add", f"{name}@example.org")
        passed, failed = try_all(daemon, is_tls)
        daemon.end()
        return passed + 1, failed
    except Failure as failure:
        print(f"FAIL: {failure}", flush=True)
        return 0, 1
    finally:
        with contextlib.suppress(Failure):
            daemon.end()
        daemon.remove()


def main():
    plain = run("", False)
    with certificate() as settings:
        under_tls = run(settings, True)
    print(f"{plain[0] + under_tls[0]} passed, {plain[1] + under_tls[1]} failed")
    return 0 if plain[1] + under_tls[1] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
