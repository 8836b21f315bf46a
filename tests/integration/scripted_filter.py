# SPDX-License-Identifier: MIT
"""A content filter that gives messages back, or does what its subject says in place of that. What each message
was sent with is kept. Used by passthrough.py."""

import os
import re
import smtplib
import socket
import threading
import time


def give_back(address, mail, recipients, data, lmtp=False, before_end=None):
    """[(code, text)] of MAIL, each RCPT, DATA and the message, as far as it comes; closes."""
    answers = []
    with Wire(address) as wire:
        wire.read()
        wire.ask("LHLO filter.example" if lmtp else "EHLO filter.example")
        for line in [f"MAIL FROM:<{mail}>", *(f"RCPT TO:<{r}>" for r in recipients), "DATA"]:
            answers.append(wire.ask(line))
            if answers[-1][0] >= 400:
                return answers
        wire.send(smtplib._quote_periods(data))
        if before_end is not None:
            before_end(wire)
        answers.append(wire.ask("."))
    return answers


class Wire:
    """A client's or a server's end of a connection, by lines."""

    def __init__(self, address, connection=None):
        if connection is None and isinstance(address, str):
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(20)
            connection.connect(address)
        self.socket = connection or socket.create_connection(address, 20)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def say(self, *lines):
        self.send("".join(f"{line}\r\n" for line in lines).encode())

    def line(self):
        return self.file.readline()

    def read(self):
        text = []
        while True:
            line = self.line()
            if len(line) < 4:
                return 0, "closed"
            text.append(line[4:].decode().rstrip())
            if line[3:4] != b"-":
                return int(line[:3]), "\n".join(text)

    def ask(self, line):
        self.say(line)
        return self.read()


class ScriptedFilter:
    def __init__(self, address, back, lmtp=False):
        """`address` and `back`: a path of a unix socket, or (host, port)."""
        self.back, self.lmtp = back, lmtp
        self.seen = []  # {"forward", "mail", "rcpt", "data", "back"}
        self.listener = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(address)
        if isinstance(address, str):
            os.chmod(address, 0o777)
        self.listener.listen(64)
        self.release = threading.Event()  # what waits goes on
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        self.release.set()
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with Wire(None, connection) as wire:
                self.talk(wire)
        except OSError:
            pass

    def talk(self, wire):
        wire.say("220 filter.example ESMTP")
        seen = {"forward": []}
        while line := wire.line():
            words = line.decode().strip()
            verb = words.split(" ")[0].upper()
            if verb in ("EHLO", "LHLO"):
                wire.say("250-filter.example", "250-PIPELINING", "250-XFORWARD NAME ADDR PROTO HELO SOURCE IDENT", "250 8BITMIME")
            elif verb == "XFORWARD":
                seen["forward"].append(words)
                wire.say("250 2.0.0 ok")
            elif verb == "MAIL":
                seen["mail"] = words
                wire.say("250 2.1.0 ok")
            elif verb == "RCPT":
                seen["rcpt"] = re.search("<(.*)>", words)[1]
                wire.say("250 2.1.5 ok")
            elif verb == "DATA":
                wire.say("354 go on")
                seen["data"] = self.data(wire)
                self.seen.append(seen)
                if not self.finish(wire, seen):
                    return
                seen = {"forward": []}
            elif verb == "QUIT":
                wire.say("221 bye")
                return
            else:
                wire.say("502 5.5.1 what")

    @staticmethod
    def data(wire):
        lines = []
        while (line := wire.line()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def finish(self, wire, seen):
        """Do what the subject says; false: the connection is to be closed."""
        name = re.search(rb"^Subject: (\w*)", seen["data"], re.M)[1].decode()
        return getattr(self, f"do_{name}", self.do_well)(wire, seen) is not False

    def give(self, seen, data=None, recipients=None, mail="returned@example.com", before_end=None):
        data = b"X-Filtered: yes\r\n" + seen["data"] if data is None else data
        seen["back"] = give_back(self.back, mail, recipients or [seen["rcpt"]], data, self.lmtp, before_end)
        return seen["back"]

    # --- what subjects say

    def do_well(self, wire, seen):
        self.give(seen)
        wire.say("250 2.0.0 filtered")

    def do_changes(self, wire, seen):
        self.give(seen, b"Subject: changed\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>.\r\n.\r\n..\r\n")
        wire.say("250 ok")

    def do_capitals(self, wire, seen):
        local, domain = seen["rcpt"].rsplit("@", 1)
        self.give(seen, recipients=[f"{local.upper()}@elsewhere.example"])
        wire.say("250 ok")

    def do_refuses(self, wire, seen):
        wire.say("550-5.7.1 we do not want", f"550 5.7.1 this for <{seen['rcpt']}>")

    def do_defers(self, wire, seen):
        wire.say("451 4.7.9 our scanner is away")

    def do_odd(self, wire, seen):
        wire.send("550 5.7.1 we \x1b[2J\x07 do not \u00e9\r\n".encode())

    def do_latin(self, wire, seen):
        wire.send(b"451 4.7.1 not \xe9 now\r\n")

    def do_lines(self, wire, seen):
        wire.say(*["550-5.7.1 a line of many"] * 100, "550 5.7.1 the last")

    def do_flood(self, wire, seen):
        while not self.release.is_set():
            wire.send(b"550-no\r\n" * 1000)

    def do_endless(self, wire, seen):
        wire.send(b"250 " + b"x" * 100000)

    def do_unasked(self, wire, seen):
        self.give(seen)
        wire.say("250 ok", "550 and this is for nobody")

    def do_swallows(self, wire, seen):
        wire.say("250 2.7.0 discarded")

    def do_later(self, wire, seen):
        wire.say("250 2.0.0 queued")
        self.release.wait(10)
        self.give(seen)

    def do_twice(self, wire, seen):
        self.give(seen)
        first = seen["back"]
        self.give(seen, b"Subject: again\r\n\r\nagain\r\n")
        seen["back"] = [*first, *seen["back"]]
        wire.say("250 ok")

    def do_both(self, wire, seen):
        """Two at once: the second one begins while the first is in its message."""
        self.give(seen, before_end=lambda _: seen.update(second=give_back(self.back, "x@example.com", [seen["rcpt"]], b"second\r\n")))
        wire.say("250 ok")

    def do_returns_and_refuses(self, wire, seen):
        self.give(seen)
        wire.say("554 5.7.1 on second thoughts")

    def do_returns_and_defers(self, wire, seen):
        self.give(seen)
        wire.say("451 4.3.0 on second thoughts")

    def do_returns_and_closes(self, wire, seen):
        self.give(seen)
        return False

    def do_returns_and_sleeps(self, wire, seen):
        self.give(seen)
        self.release.wait(10)

    def do_closes(self, wire, seen):
        return False

    def do_sleeps(self, wire, seen):
        self.release.wait(10)

    def do_babbles(self, wire, seen):
        wire.say("this is no reply")

    def do_protocol(self, wire, seen):
        wire.say("503 5.5.1 bad sequence of commands")

    def do_shuts(self, wire, seen):
        wire.say("421 4.3.2 shutting down")

    def do_half(self, wire, seen):
        """Half a message, and the end of the connection; then, with the same token, a whole one."""
        try:
            self.give(seen, b"Subject: half\r\n\r\nhalf a bo", before_end=lambda w: w.socket.shutdown(socket.SHUT_RDWR))
        except OSError:
            pass
        if b"and then whole" in seen["data"]:
            self.give(seen)
        wire.say("250 ok")

    def do_resets(self, wire, seen):
        """RSET behind the recipient, and another transaction on the same connection."""
        with Wire(self.back) as back:
            back.read()
            back.ask("EHLO filter.example")
            for line in ["MAIL FROM:<>", f"RCPT TO:<{seen['rcpt']}>", "RSET", "MAIL FROM:<>", f"RCPT TO:<{seen['rcpt']}>", "DATA"]:
                back.ask(line)
            back.send(b"Subject: reset\r\n\r\nbody\r\n")
            seen["back"] = [back.ask(".")]
        wire.say("250 ok")

    def do_chunks(self, wire, seen):
        """In pieces of BDAT, with what no line has."""
        data = b"Subject: chunks\r\n\r\n" + bytes(range(256)) * 300
        with Wire(self.back) as back:
            back.read()
            code, text = back.ask("EHLO filter.example")
            answers = [(code, text), back.ask("MAIL FROM:<> BODY=BINARYMIME"), back.ask(f"RCPT TO:<{seen['rcpt']}>")]
            for at in range(0, len(data), 20000):
                piece = data[at : at + 20000]
                last = " LAST" if at + 20000 >= len(data) else ""
                back.send(f"BDAT {len(piece)}{last}\r\n".encode() + piece)
                answers.append(back.read())
        seen["back"], seen["given"] = answers, data
        wire.say("250 ok")

    def do_many(self, wire, seen):
        """Hundreds of recipients that are nobody, then the one."""
        nobody = [f"{n:032x}@mx.example.org" for n in range(300)]
        with Wire(self.back) as back:
            back.read()
            back.ask("EHLO filter.example")
            back.ask("MAIL FROM:<>")
            seen["refused"] = {back.ask(f"RCPT TO:<{r}>")[0] for r in nobody[:5]}
            back.send("".join(f"RCPT TO:<{r}>\r\n" for r in nobody).encode())
            time.sleep(0.1)
        self.give(seen)
        wire.say("250 ok")

    def do_empty(self, wire, seen):
        self.give(seen, b"")
        wire.say("250 ok")

    def do_slow(self, wire, seen):
        """Octet by octet: it does not come to its end."""

        def drip(back):
            while not self.release.is_set():
                back.send(b"a")
                time.sleep(0.02)

        try:
            self.give(seen, b"Subject: slow\r\n\r\n", before_end=drip)
        except OSError:
            pass
        wire.say("250 ok")

    def do_huge(self, wire, seen):
        """A gigabyte, or as much of it as is taken."""
        sent = 0
        piece = (b"x" * 998 + b"\r\n") * 1000

        def flood(back):
            nonlocal sent
            while sent < 1 << 30:
                back.send(piece)
                sent += len(piece)

        try:
            self.give(seen, b"Subject: huge\r\n\r\n", before_end=flood)
        except OSError:
            pass
        seen["sent"] = sent
        wire.say("250 ok")

    def do_others(self, wire, seen):
        """Two recipients of one message: one is what was sent."""
        seen["back"] = give_back(self.back, "x@example.com", [seen["rcpt"], seen["rcpt"]], seen["data"])
        if seen["back"][2][0] >= 400:
            self.give(seen)
        wire.say("250 ok")
