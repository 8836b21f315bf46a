# SPDX-License-Identifier: MIT
"""A filter that does as it is told: the milter protocol on a raw socket of loopback, answers by command from
a table, and everything that can go wrong on the way. What it was told is kept for the test to look at."""

import os
import socket
import struct
import threading
import time

CONTINUE, ACCEPT, REJECT, TEMPFAIL, DISCARD = b"c", b"a", b"r", b"t", b"d"
PROGRESS, SKIP, FAIL, SHUTDOWN = b"p", b"s", b"f", b"4"
ALL_ACTIONS = 0x1FF
STAGES = {"connect": 0, "helo": 1, "mail": 2, "rcpt": 3, "data": 4, "end": 5, "eoh": 6}


def packet(kind, data=b""):
    return struct.pack(">I", len(kind) + len(data)) + kind + data


def strings(*texts):
    return b"".join(t.encode() + b"\0" for t in texts)


def reply_code(text):
    return packet(b"y", strings(text))


def add_header(name, value):
    return packet(b"h", strings(name, value))


def insert_header(index, name, value):
    return packet(b"i", struct.pack(">I", index) + strings(name, value))


def change_header(index, name, value):
    return packet(b"m", struct.pack(">I", index) + strings(name, value))


def replace_body(data):
    return packet(b"b", data)


def add_recipient(address):
    return packet(b"+", strings(address))


def delete_recipient(address):
    return packet(b"-", strings(address))


def change_sender(address, parameters=None):
    return packet(b"e", strings(address, *([parameters] if parameters else [])))


def quarantine(reason):
    return packet(b"q", strings(reason))


class Milter:
    """`answers`: command letter -> octets to send (a list: one after the other, the last one again). Commands
    that are not in it get `continue`. `cut`: the connection dies behind so many octets of ours. `stalls`: at
    this command it says nothing more. `silent`: commands without an answer, as agreed by `steps`. `drip`: seconds
    between one octet of an answer and the next. `closes`: the connection ends behind the answers to these."""

    def __init__(self, answers=None, actions=ALL_ACTIONS, steps=0, version=6, cut=None, stalls="", silent="",
                 negotiation=None, macros=None, path=None, drip=0, closes=""):
        self.answers = {k: v if isinstance(v, list) else [v] for k, v in (answers or {}).items()}
        self.actions, self.steps, self.version, self.cut = actions, steps, version, cut
        self.stalls, self.silent, self.negotiation = stalls, silent, negotiation
        self.macros_wanted = macros or {}
        self.drip, self.closes = drip, closes
        self.sessions = []
        self.sent = 0
        self.is_open = True
        self.path = path
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            os.chmod(path, 0o666)
            self.address = f"unix:{path}"
        else:
            self.listener = socket.socket()
            self.listener.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.is_open = False
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def accept(self):
        while self.is_open:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(connection,), daemon=True).start()

    def events(self):
        """(command, data) of all sessions, macros left out."""
        return [e for s in list(self.sessions) for e in list(s) if e[0] != "D"]

    def commands(self):
        return "".join(e[0] for e in self.events())

    def macros(self, command):
        """What stood in front of the first such command, as a dictionary."""
        for session in list(self.sessions):
            for kind, data in list(session):
                if kind == "D" and data[:1] == command.encode():
                    parts = data[1:].split(b"\0")[:-1]
                    return {k.decode(): v.decode() for k, v in zip(parts[::2], parts[1::2])}
        return {}

    def send(self, connection, data):
        """False: the connection dies here."""
        if self.cut is not None and self.sent + len(data) > self.cut:
            part = data[: self.cut - self.sent]
            self.sent = self.cut
            connection.sendall(part)
            return False
        self.sent += len(data)
        for i in range(0, len(data), 1 if self.drip else len(data)):
            connection.sendall(data[i:i + 1] if self.drip else data)
            time.sleep(self.drip)
        return True

    def negotiate(self):
        if self.negotiation is not None:
            return self.negotiation
        chosen = b"".join(struct.pack(">I", STAGES[s]) + strings(n) for s, n in self.macros_wanted.items())
        return packet(b"O", struct.pack(">III", self.version, self.actions, self.steps) + chosen)

    def answer(self, kind, turn):
        if kind == "O":
            return self.negotiate()
        given = self.answers.get(kind, [packet(CONTINUE)])
        n = turn.get(kind, 0)
        turn[kind] = n + 1
        return given[min(n, len(given) - 1)]

    def talk(self, connection):
        session, turn = [], {}
        self.sessions.append(session)
        try:
            with connection, connection.makefile("rb") as reader:
                while True:
                    head = reader.read(4)
                    if len(head) < 4:
                        return
                    data = reader.read(struct.unpack(">I", head)[0])
                    kind = chr(data[0])
                    session.append((kind, data[1:]))
                    if kind == "A" and "A" in self.answers:
                        self.send(connection, self.answer(kind, turn))
                    if kind in "DAQ" or kind in self.silent:
                        continue
                    if kind in self.stalls:
                        reader.read(1)
                        return
                    if not self.send(connection, self.answer(kind, turn)) or kind in self.closes:
                        return
        except OSError:
            pass
