# SPDX-License-Identifier: MIT
"""A client that speaks SMTP or LMTP line by line, in plain and under TLS, as good or as odd as a test wants."""

import socket
import ssl

from harness import expect


def context(ca=None, pair=None, version=None):
    """What a client believes. Without an authority it believes everything, as most MTAs do."""
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = ca is not None
    c.verify_mode = ssl.CERT_REQUIRED if ca else ssl.CERT_NONE
    if ca:
        c.load_verify_locations(ca)
    if pair:
        c.load_cert_chain(pair.pem, pair.key_pem)
    if version:
        c.minimum_version = c.maximum_version = version
    return c


class Client:
    def __init__(self, port, implicit=None, name="mx.example.org", timeout=60, session=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.name = name
        self.rest = b""
        if implicit:
            self.wrap(implicit, session)
        else:
            self.session = None

    def wrap(self, tls, session=None):
        self.socket = tls.wrap_socket(self.socket, server_hostname=self.name, session=session)

    def read(self):
        """One whole reply, or "" at the end."""
        lines = []
        while True:
            while b"\n" not in self.rest:
                more = self.socket.recv(65536)
                if not more:
                    return "".join(lines)
                self.rest += more
            line, self.rest = self.rest.split(b"\n", 1)
            lines.append(line.decode().rstrip("\r") + "\n")
            if line[3:4] != b"-":
                return "".join(lines)

    def send(self, octets):
        self.socket.sendall(octets)

    def say(self, line):
        self.send(line.encode() + b"\r\n")
        return self.read()

    def want(self, code, line=None):
        said = self.say(line) if line is not None else self.read()
        expect(said.startswith(str(code)), f"{line!r} was answered {said!r}, not {code}")
        return said

    def start_tls(self, tls, session=None):
        self.want("220 2.0.0", "STARTTLS")
        self.wrap(tls, session)

    def deliver(self, to, body="Subject: x\r\n\r\nA line.\r\n", parameters="", sender="bob@example.com"):
        self.want(250, f"MAIL FROM:<{sender}>{parameters}")
        self.want(250, f"RCPT TO:<{to}>")
        self.want(354, "DATA")
        self.send(body.encode() + b".\r\n")
        return self.want(250)

    def is_closed(self):
        """Has the other side gone, whatever it said before?"""
        try:
            while self.socket.recv(65536):
                pass
        except (ConnectionError, ssl.SSLError):
            pass
        return True

    def close(self):
        self.socket.close()
