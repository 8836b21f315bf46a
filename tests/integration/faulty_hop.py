# SPDX-License-Identifier: MIT
"""A next hop that misbehaves where it is told to: SMTP or LMTP on loopback, a thread a connection. Commands
and messages are read as RFC 5321 has them, and everything that was accepted is kept."""

import socket
import struct
import threading
import time

EHLO = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE", "DSN", "ENHANCEDSTATUSCODES")


class Gone(Exception):
    """The connection is over."""


class Wire:
    def __init__(self, connection):
        self.connection, self.octets = connection, bytearray()

    def more(self):
        piece = self.connection.recv(1 << 18)
        if not piece:
            raise Gone
        self.octets += piece

    def take(self, n):
        taken = bytes(self.octets[:n])
        del self.octets[:n]
        return taken

    def line(self):
        return self.until(b"\n").rstrip(b"\r\n")

    def exactly(self, n):
        while len(self.octets) < n:
            self.more()
        return self.take(n)

    def until(self, end):
        looked = 0
        while (at := self.octets.find(end, looked)) < 0:
            looked = max(0, len(self.octets) - len(end))
            self.more()
        return self.take(at + len(end))

    def until_dot(self):
        """A message, its dots unstuffed."""
        self.octets[:0] = b"\r\n"  # so that the end of an empty one is like any other
        text = self.until(b"\r\n.\r\n")[:-3]
        return text.replace(b"\r\n.", b"\r\n")[2:]

    def say(self, text):
        self.connection.sendall(text if isinstance(text, bytes) else text.encode() + b"\r\n")


# --- what it may do instead of an answer ---


def closes(wire):
    raise Gone


def resets(wire):
    wire.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Gone


def is_silent(wire):
    """Says nothing until the client has had enough, and reads nothing more than the socket holds."""
    while wire.connection.recv(1, socket.MSG_PEEK):
        time.sleep(0.05)
    raise Gone


def drips(wire):
    """An octet now and then: never a reply."""
    wire.say(b"250-")
    while True:
        wire.say(b"x")
        time.sleep(0.02)


def floods(wire):
    for _ in range(1000):
        wire.say(b"250-more and more\r\n" * 200)
    raise Gone


def says_nonsense(wire):
    wire.say(bytes(range(1, 256)) * 4 + b"\r\n")


def says_half(wire):
    wire.say(b"250-half\r\n25")
    raise Gone


def shuts_down(wire):
    wire.say("421 4.3.2 shutting down")
    raise Gone


def defers(wire):
    wire.say("451 4.7.1 not now")


def refuses(wire):
    wire.say("550 5.7.1 never")


class FaultyHop:
    """faults: by stage ("greeting", "EHLO" and other verbs, "content", "end"), what it does there. With
    `leaves` it closes the connection behind each message, and says nothing."""

    def __init__(self, faults=None, lmtp=False, extensions=EHLO, leaves=False):
        self.faults, self.lmtp, self.extensions, self.leaves = faults or {}, lmtp, extensions, leaves
        self.messages, self.commands, self.connections = [], [], 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        wire = Wire(connection)
        try:
            self._answer(wire, "greeting", "220 mx.example.net")
            while True:
                line = wire.line()
                self.commands.append(line.decode(errors="replace"))
                self._command(wire, line.split(b" ")[0].upper().decode(errors="replace"), line)
        except (Gone, OSError):
            connection.close()

    def _answer(self, wire, stage, text):
        if stage in self.faults:
            self.faults[stage](wire)
        else:
            wire.say(text)

    def _command(self, wire, verb, line):
        if verb in ("EHLO", "LHLO"):
            lines = ("mx.example.net",) + tuple(self.extensions) + ("HELP",)
            marks = ["-"] * (len(lines) - 1) + [" "]
            self._answer(wire, "EHLO", "\r\n".join(f"250{m}{t}" for m, t in zip(marks, lines)))
        elif verb == "MAIL":
            self.sender, self.recipients, self.text = line, [], bytearray()
            self._answer(wire, verb, "250 2.1.0 ok")
        elif verb == "RCPT":
            if not {"MAIL", "RCPT"} & self.faults.keys():
                self.recipients.append(line)
            self._answer(wire, verb, "503 5.5.1 MAIL first" if "MAIL" in self.faults else "250 2.1.5 ok")
        elif verb == "DATA":
            self._data(wire)
        elif verb == "BDAT":
            self._chunk(wire, line)
        elif verb == "QUIT":
            wire.say("221 2.0.0 bye")
            raise Gone
        else:
            self._answer(wire, verb, "250 2.0.0 ok")

    def _data(self, wire):
        if not self.recipients:
            wire.say("503 5.5.1 for whom?")
            return
        self._answer(wire, "DATA", "354 go on")
        if "DATA" in self.faults:
            return
        if "content" in self.faults:
            wire.exactly(4096)
            self.faults["content"](wire)
            raise Gone
        self._end(wire, wire.until_dot())

    def _chunk(self, wire, line):
        words = line.split()
        if "content" in self.faults:
            wire.exactly(4096)
            self.faults["content"](wire)
            raise Gone
        self.text += wire.exactly(int(words[1]))
        if words[-1].upper() == b"LAST":
            self._end(wire, bytes(self.text))
        else:
            wire.say("250 2.0.0 more")

    def _end(self, wire, text):
        if "end" not in self.faults:
            self.messages.append((self.sender, tuple(self.recipients), text))
        for _ in self.recipients if self.lmtp else (0,):
            self._answer(wire, "end", "250 2.6.0 taken")
        if self.leaves:
            raise Gone
