#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ManageSieve (RFC 5804) with a private doorstepd: sieve-connect, python3-sievelib and Net::ManageSieve as clients,
STARTTLS and implicit TLS; then what no client says: pipelining, octets beyond ASCII, UNAUTHENTICATE, giants, odd
octets, failed log-ins, a store that dies in between. The last line is "N passed, N failed"."""

import base64
import re
import shutil
import socket
import tempfile

from certificates import Authority
from harness import Daemon, Tests, expect
from private_daemon import free_ports

FOLDER = tempfile.mkdtemp(prefix="doorstep-managesieve.")
ANN, BOB, PASSWORD = "ann@example.org", "bob@example.org", "correct horse"
SETTINGS = """
listen managesieve {{
    address = {{"unix:{folder}/sieve.sock"}}
}}
listen managesieve {{
    address = {{"127.0.0.1:{clear}"}}
    auth_plain_without_tls = yes
    tls = "offered"
    {pair}
}}
listen managesieve {{
    address = {{"127.0.0.1:{starttls}"}}
    tls = "required"
    {pair}
}}
listen managesieve {{
    address = {{"127.0.0.1:{implicit}"}}
    tls = "implicit"
    client_ca = "{ca}"
    {pair}
}}
sieve {{ scripts = 4 script_size = 100K storage = 256K }}
auth {{ hash_memory = 64K hash_operations = 1 delay = 1ms delay_max = 1ms address_failures = 100000
        account_failures = 100000 }}
"""
GOOD = b'require "fileinto";\r\nif header :contains "subject" "list" { fileinto "Lists"; }\r\n'
BAD = b'keep;\r\nfilinto "x";\r\n'


def b64(text):
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


class Reply:
    """The strings and words of all lines, the last one apart."""

    def __init__(self, lines):
        self.lines, last = lines[:-1], lines[-1]
        self.word = last[0].upper() if last else ""
        self.code = next((t[1:-1] for t in last[1:] if t[:1] == "("), "")
        self.text = last[-1] if len(last) > 1 and last[-1][:1] != "(" else ""

    def __repr__(self):
        return f"{self.lines} {self.word} ({self.code}) {self.text!r}"


class Client:
    """Says what it is told, and reads replies as RFC 5804 4 has them."""

    def __init__(self, target, tls=None):
        if isinstance(target, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(60)
            self.socket.connect(target)
        else:
            self.socket = socket.create_connection(("127.0.0.1", target), 60)
        self.pending = b""
        if tls:
            self.wrap(tls)
        self.greeting = self.reply()

    def wrap(self, tls):
        self.socket = tls.wrap_socket(self.socket, server_hostname="mx.example.org")

    def more(self):
        try:
            octets = self.socket.recv(65536)
        except ConnectionResetError:
            octets = b""
        self.pending += octets
        return octets != b""

    def take(self, n):
        while len(self.pending) < n:
            expect(self.more(), f"closed within {self.pending[:200]!r}")
        taken, self.pending = self.pending[:n], self.pending[n:]
        return taken

    def literal(self, head):
        self.take(head.end())
        return self.take(int(head[1])).decode()

    def token(self):
        """A string with its value, "(...)" whole, a word, or None at the end of the line."""
        while True:
            for pattern in (rb"\r\n", rb" "):
                if m := re.match(pattern, self.pending):
                    self.take(m.end())
                    return None if pattern == rb"\r\n" else self.token()
            if m := re.match(rb"\{(\d+)\}\r\n", self.pending):
                return self.literal(m)
            if m := re.match(rb'"((?:[^"\\\r\n]|\\.)*)"', self.pending):
                self.take(m.end())
                return re.sub(rb"\\(.)", rb"\1", m[1]).decode()
            if m := re.match(rb"\((\w+) \{(\d+)\}\r\n", self.pending):
                self.take(m.end())
                inside = self.take(int(m[2])).decode()
                expect(self.take(1) == b")", "no end of a code")
                return f"({m[1].decode()} {inside})"
            if m := re.match(rb'\([^)"]*(?:"[^"]*")?\)', self.pending):
                return self.take(m.end()).decode()
            if m := re.match(rb"[A-Za-z-]+(?=[ \r])", self.pending):
                return self.take(m.end()).decode()
            if not self.more():
                expect(self.pending == b"", f"closed within {self.pending[:200]!r}")
                return ""

    def line(self):
        is_quoted = self.more() if self.pending == b"" else True
        if not is_quoted:
            return []
        starts_with_string = self.pending[:1] in b'"{'
        tokens = []
        while (token := self.token()) is not None and token != "":
            tokens.append(token)
        return (["STRING"] if starts_with_string else []) + tokens

    def reply(self):
        lines = [self.line()]
        while lines[-1] and lines[-1][0] == "STRING":
            lines.append(self.line())
        return Reply([line[1:] if line and line[0] == "STRING" else line for line in lines])

    def send(self, octets):
        self.socket.sendall(octets.encode() if isinstance(octets, str) else octets)

    def say(self, line):
        self.send(line.encode() + b"\r\n" if isinstance(line, str) else line + b"\r\n")
        return self.reply()

    def want(self, word, line, code=None):
        reply = self.say(line)
        expect(reply.word == word and (code is None or reply.code == code), f"{line[:200]!r}: {reply}")
        return reply

    def put(self, name, text, word="OK", code=None):
        head = f'PUTSCRIPT "{name}" {{{len(text)}+}}\r\n'.encode()
        return self.want(word, head + text, code)

    def log_in(self, user=ANN, password=PASSWORD, word="OK", code=None):
        secret = b64(f"\0{user}\0{password}")
        return self.want(word, f'AUTHENTICATE "PLAIN" "{secret}"', code)

    def scripts(self):
        """{name: is it active}"""
        return {line[0]: line[1:] == ["ACTIVE"] for line in self.want("OK", "LISTSCRIPTS").lines}

    def get(self, name):
        reply = self.want("OK", f'GETSCRIPT "{name}"')
        expect(len(reply.lines) == 1, reply)
        return reply.lines[0][0].encode()

    def is_closed(self):
        while self.more():
            pass
        return True

    def close(self):
        self.socket.close()


def known(d, port="clear", user=ANN):
    c = Client(d.ports[port])
    c.log_in(user)
    return c


def add_account(d, name):
    d.tool("account", "add", name)
    d.tool("account", "passwd", name, data=PASSWORD.encode() + b"\n")


# --- the commands ---


def capabilities(reply):
    return {line[0].upper(): line[1] if len(line) > 1 else None for line in reply.lines}


def what_is_announced(d):
    c = Client(d.ports["clear"])
    has = capabilities(c.greeting)
    expect(c.greeting.word == "OK", c.greeting)
    expect(has["IMPLEMENTATION"].startswith("Doorstep ") and has["VERSION"] == "1.0", has)
    expect({"fileinto", "variables", "imap4flags"} <= set(has["SIEVE"].split()), has["SIEVE"])
    expect(not set(has["SIEVE"].split()) & {"vnd.dovecot.pipe", "vnd.dovecot.testsuite"}, has["SIEVE"])
    expect(has["SASL"].split() == ["SCRAM-SHA-256", "PLAIN", "LOGIN"], has["SASL"])
    expect("STARTTLS" in has and "UNAUTHENTICATE" in has and "OWNER" not in has, has)
    expect(int(has["MAXREDIRECTS"]) > 0, has)
    for name in has["SIEVE"].split():
        expect(("NOTIFY" in has) == ("enotify" in has["SIEVE"].split()), name)


def a_script(d):
    c = known(d)
    expect(capabilities(c.want("OK", "CAPABILITY"))["OWNER"] == ANN, "OWNER")
    expect(c.scripts() == {}, "scripts from nowhere")
    c.put("main", GOOD)
    expect(c.get("main") == GOOD, "other octets came back")
    expect(c.scripts() == {"main": False}, c.scripts())
    c.want("OK", 'SETACTIVE "main"')
    expect(c.scripts() == {"main": True}, c.scripts())
    c.want("OK", "LOGOUT")
    expect(c.is_closed(), "LOGOUT")
    expect(d.tool("sieve", "get", ANN, "main") == GOOD, "the tool has other octets")


def main():
    t = Tests("managesieve")
    ports = dict(zip(("clear", "starttls", "implicit"), free_ports(3)))
    ca = Authority(FOLDER, "ca")
    mx = ca.issue("mx", ["mx.example.org", "localhost"])
    daemon = Daemon(more=SETTINGS.format(folder="@FOLDER@", pair=mx.settings(), ca=ca.pem, **ports))
    daemon.ports.update(ports)
    with open(daemon.configuration) as f:
        text = f.read().replace("@FOLDER@", daemon.folder)
    with open(daemon.configuration, "w") as f:
        f.write(text)
    try:
        daemon.start()
        add_account(daemon, ANN)
        add_account(daemon, BOB)
        t.run("what is announced", what_is_announced, daemon)
        t.run("a script", a_script, daemon)
        t.run("the end", daemon.end)
    finally:
        if daemon.process is not None:
            daemon.kill()
        daemon.remove()
        shutil.rmtree(FOLDER, ignore_errors=True)
    t.end()


if __name__ == "__main__":
    main()
