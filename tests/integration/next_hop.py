# SPDX-License-Identifier: MIT
"""A next hop that does what a test wants: SMTP or LMTP on loopback or a unix socket, in threads. Each reply
can be another text, none at all, or an end of the connection; what was said is kept."""

import base64
import os
import socket
import ssl
import struct
import tempfile
import threading
import time

EXTENSIONS = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES")

SILENT = object()  # no reply, and the connection stays
CLOSE = object()
HALF_CLOSE = object()  # our side says no more
RESET = object()


def endless(session):
    """A reply without an end."""
    while True:
        session.raw(b"250-and one more line\r\n" * 1000)


def endless_line(session):
    while True:
        session.raw(b"2" * 65536)


def drip(session):
    """One octet of a reply now and then, for ever."""
    while True:
        session.raw(b"2")
        time.sleep(0.1)


def server_tls(pair):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.pem, pair.key_pem)
    return context


class Gone(Exception):
    pass


class Session:
    def __init__(self, hop, connection):
        self.hop, self.connection = hop, connection
        self.is_tls = False
        self.sender, self.recipients = None, []
        self.lines = connection.makefile("rb")

    def raw(self, octets):
        self.connection.sendall(octets)

    def act(self, what):
        if callable(what):
            what = what(self)
        if what is CLOSE:
            raise Gone
        if what is RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.lines.close()
            self.connection.close()
            raise Gone
        if what is HALF_CLOSE:
            self.connection.shutdown(socket.SHUT_WR)
        elif what is not SILENT and what is not None:
            self.raw(what.encode() + b"\r\n" if isinstance(what, str) else what)

    def start_tls(self):
        self.connection = self.hop.tls.wrap_socket(self.connection, server_side=True)
        self.lines = self.connection.makefile("rb")
        self.is_tls = True

    def line(self):
        line = self.lines.readline()
        if not line.endswith(b"\n"):
            raise Gone
        return line

    # --- verbs ---

    def hello(self):
        words = list(self.hop.extensions)
        if self.hop.tls and not self.is_tls:
            words.append("STARTTLS")
        if self.hop.login and (self.is_tls or not self.hop.tls):
            words.append("AUTH PLAIN LOGIN")
        lines = ["hop.example", *words]
        self.act("\r\n".join(f"250{'-' if i < len(lines) - 1 else ' '}{w}" for i, w in enumerate(lines)))

    def auth(self, line):
        words = line.split()
        given = words[2] if len(words) > 2 else None
        if given is None:
            self.act("334 ")
            given = self.line().strip()
        good = base64.b64decode(given).split(b"\0")[1:] == [w.encode() for w in self.hop.login]
        self.act("235 2.7.0 welcome" if good else "535 5.7.8 no")

    def data(self):
        self.act(self.hop.reply("DATA", "354 go on"))
        octets = b""
        pieces = []
        while True:
            line = self.line()
            if line == b".\r\n":
                break
            pieces.append(line[1:] if line.startswith(b".") else line)
        octets = b"".join(pieces)
        self.hop.messages.append((self.sender, self.recipients, octets))
        for recipient in self.recipients if self.hop.is_lmtp else [None]:
            self.act(self.hop.reply(f"END {recipient}" if recipient else "END", "250 2.0.0 taken"))
        self.sender, self.recipients = None, []

    def verb(self, line):
        text = line.decode(errors="replace").rstrip("\r\n")
        word = text.split(" ")[0].upper()
        self.hop.said.append(text)
        if word in ("EHLO", "LHLO"):
            if word in self.hop.replies:
                self.act(self.hop.reply(word))
            else:
                self.hello()
        elif word == "STARTTLS":
            self.act(self.hop.reply(word, "220 2.0.0 go on"))
            self.start_tls()
        elif word == "AUTH":
            self.auth(line)
        elif word == "DATA":
            self.data()
        else:
            self.act(self.hop.reply(word, "250 2.0.0 ok"))
            if word in ("MAIL", "RSET"):
                self.sender, self.recipients = text, []
            elif word == "RCPT" and self.hop.takes(text):
                self.recipients.append(text[len("RCPT TO:<") :].split(">")[0])
            elif word == "QUIT":
                raise Gone

    def serve(self):
        if self.hop.is_implicit:
            self.start_tls()
        self.act(self.hop.reply("CONNECT", "220 hop.example ESMTP"))
        while True:
            self.verb(self.line())


class NextHop:
    def __init__(self, replies=None, extensions=EXTENSIONS, tls=None, implicit=False, login=None,
                 lmtp=False, unix=False, address="127.0.0.1"):
        """replies: by verb, CONNECT and END (in LMTP also "END address"): text, SILENT, CLOSE, HALF_CLOSE,
        RESET or a function of the session; a list is used up from its front. login: name and password."""
        self.replies = replies or {}
        self.extensions, self.tls, self.is_implicit = extensions, tls, implicit
        self.login, self.is_lmtp = login, lmtp
        self.said, self.messages = [], []
        self.connections = self.open = self.most_open = 0
        self.lock = threading.Lock()
        self.folder = tempfile.mkdtemp(prefix="doorstep-hop.") if unix else None
        family = socket.AF_UNIX if unix else socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.socket(family)
        if unix:
            os.chmod(self.folder, 0o755)
            self.listener.bind(f"{self.folder}/s")
            os.chmod(f"{self.folder}/s", 0o666)
            self.name = f"unix:{self.folder}/s"
        else:
            self.listener.bind((address, 0))
            self.port = self.listener.getsockname()[1]
            self.name = f"[{address}]:{self.port}" if ":" in address else f"{address}:{self.port}"
        self.listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        if self.folder:
            os.unlink(f"{self.folder}/s")
            os.rmdir(self.folder)

    def reply(self, verb, otherwise="250 2.0.0 ok"):
        with self.lock:
            given = self.replies.get(verb, otherwise)
            if isinstance(given, list):
                given = given.pop(0) if given else otherwise
            return given

    def takes(self, text):
        given = self.replies.get("RCPT")
        return given is None or callable(given)

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        with self.lock:
            self.connections += 1
            self.open += 1
            self.most_open = max(self.open, self.most_open)
        session = Session(self, connection)
        try:
            session.serve()
        except (OSError, Gone, ValueError):
            pass  # the client may leave when it wants
        finally:
            with self.lock:
                self.open -= 1
            session.lines.close()
            session.connection.close()
