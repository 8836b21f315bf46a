#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ManageSieve (RFC 5804) with a private doorstepd: sieve-connect, python3-sievelib, Net::ManageSieve and Net_Sieve of PHP
as clients, STARTTLS and implicit TLS; then what no client says: pipelining, octets beyond ASCII, UNAUTHENTICATE, giants,
odd octets, failed log-ins, a store that dies in between. The last line is "N passed, N failed"."""

import base64
import hashlib
import hmac
import os
import re
import select
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile

from certificates import Authority
from harness import Daemon, Tests, expect, message, until
from private_daemon import free_ports
from tls_client import context

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
                return None

    def line(self):
        is_quoted = self.more() if self.pending == b"" else True
        if not is_quoted:
            return []
        starts_with_string = self.pending[:1] in b'"{'
        tokens = []
        while (token := self.token()) is not None:
            tokens.append(token)
        return (["STRING"] if starts_with_string else []) + tokens

    def reply(self):
        lines = [self.line()]
        while lines[-1] and lines[-1][0] == "STRING":
            lines.append(self.line())
        return Reply([line[1:] if line and line[0] == "STRING" else line for line in lines])

    def challenge(self):
        """A line that holds one string, and no reply yet."""
        line = self.line()
        expect(len(line) == 2 and line[0] == "STRING", line)
        return base64.b64decode(line[1])

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
    expect(has["SASL"].split() == ["PLAIN", "SCRAM-SHA-256", "LOGIN"], has["SASL"])
    expect("STARTTLS" in has and "UNAUTHENTICATE" in has and "OWNER" not in has, has)
    expect(int(has["MAXREDIRECTS"]) > 0, has)
    for name in has["SIEVE"].split():
        expect(("NOTIFY" in has) == ("enotify" in has["SIEVE"].split()), name)


def deliver(d, subject):
    with smtplib.LMTP("127.0.0.1", d.ports["lmtp"], timeout=60) as lmtp:
        lmtp.sendmail("bob@example.com", ANN, message(subject))


def a_script(d):
    c = known(d)
    expect(capabilities(c.want("OK", "CAPABILITY"))["OWNER"] == ANN, "OWNER")
    expect(c.scripts() == {}, "scripts from nowhere")
    c.put("main", GOOD)
    expect(c.get("main") == GOOD, "other octets came back")
    expect(c.scripts() == {"main": False}, c.scripts())
    c.want("OK", 'SETACTIVE "main"')
    expect(c.scripts() == {"main": True}, c.scripts())
    deliver(d, "the list")
    expect(len(d.messages("ann/.Lists/new")) == 1, "it is not where the script says")
    c.want("OK", "LOGOUT")
    expect(c.is_closed(), "LOGOUT")
    expect(d.tool("sieve", "get", ANN, "main") == GOOD, "the tool has other octets")


def refusals(d):
    c = known(d, user=BOB)
    c.put("a", GOOD)
    reply = c.put("b", BAD, "NO")
    expect("b:2:1: error: " in reply.text and "filinto" in reply.text and "^" in reply.text, reply)
    reply = c.want("NO", f"CHECKSCRIPT {{{len(BAD)}+}}\r\n".encode() + BAD)
    expect(":2:1: error: " in reply.text, reply)
    c.want("OK", f"CHECKSCRIPT {{{len(GOOD)}+}}\r\n".encode() + GOOD)
    unused = b"stop;\r\nkeep;\r\n"
    reply = c.put("w", unused, "OK", "WARNINGS")
    expect("warning" in reply.text and c.get("w") == unused, reply)
    c.put("a", BAD, "NO")
    expect(c.get("a") == GOOD, "a refused script took the place of a good one")
    c.want("NO", 'GETSCRIPT "none"', "NONEXISTENT")
    c.want("NO", 'SETACTIVE "none"', "NONEXISTENT")
    c.want("NO", 'DELETESCRIPT "none"', "NONEXISTENT")
    c.want("NO", 'RENAMESCRIPT "none" "b"', "NONEXISTENT")
    c.want("NO", 'RENAMESCRIPT "a" "w"', "ALREADYEXISTS")
    c.want("OK", 'SETACTIVE "a"')
    c.want("NO", 'DELETESCRIPT "a"', "ACTIVE")
    c.want("OK", 'RENAMESCRIPT "a" "b"')
    expect(c.scripts() == {"b": True, "w": False}, c.scripts())
    c.want("OK", 'SETACTIVE ""')
    expect(c.scripts() == {"b": False, "w": False}, c.scripts())
    c.want("OK", 'DELETESCRIPT "b"')
    c.want("OK", 'DELETESCRIPT "w"')
    expect(c.scripts() == {}, c.scripts())


def quotas(d):
    c = known(d, user=BOB)
    c.want("OK", 'HAVESPACE "x" 102400')
    c.want("NO", 'HAVESPACE "x" 102401', "QUOTA/MAXSIZE")
    c.want("NO", 'HAVESPACE "x" 4294967295', "QUOTA/MAXSIZE")
    c.put("long", b"#" * 102401, "NO", "QUOTA/MAXSIZE")
    c.put("long", b"#" * 20_000_000, "NO", "QUOTA/MAXSIZE")
    long = b"keep;\r\n#" + b"x" * 102390 + b"\r\n"
    c.put("a", long)
    expect(c.get("a") == long, "a long script came back otherwise")
    c.put("b", long)
    c.put("c", long, "NO", "QUOTA")
    c.put("b", b"keep;\r\n")
    c.put("c", b"keep;\r\n")
    c.put("d", b"keep;\r\n")
    c.want("NO", 'HAVESPACE "e" 10', "QUOTA/MAXSCRIPTS")
    c.put("e", b"keep;\r\n", "NO", "QUOTA/MAXSCRIPTS")
    c.put("d", b"stop;\r\n")
    for name in "abcd":
        c.want("OK", f'DELETESCRIPT "{name}"')
    c.send(b'PUTSCRIPT "x" {99999999999+}\r\n')
    expect(c.reply().word == "BYE" and c.is_closed(), "a literal without end")


def names(d):
    c = known(d, user=BOB)
    odd = 'a "b" \\ / .. % (c) {3}'
    for name in ("über uns", "日本語", "😀" * 128, odd, "ACTIVE"):
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        c.put(quoted, GOOD)
        c.want("OK", f'SETACTIVE "{quoted}"')
        expect(c.scripts() == {name: True}, f"{name}: {c.scripts()}")
        expect(c.get(quoted) == GOOD, name)
        c.want("OK", 'SETACTIVE ""')
        octets = name.encode()
        c.want("OK", f"DELETESCRIPT {{{len(octets)}+}}\r\n".encode() + octets)
    # RFC 5198 3: what is canonically equivalent is one name, which is sent in normalization form C
    c.put("u\u0308ber \u2126", GOOD)
    expect(c.scripts() == {"\u00fcber \u03a9": False}, f"{c.scripts()}")
    c.put("\u00fcber \u03a9", GOOD)
    c.want("OK", 'RENAMESCRIPT "u\u0308ber \u03a9" "e\u0301"')
    expect(c.get("\u00e9") == GOOD and c.get("e\u0301") == GOOD, "one of the forms is not found")
    c.want("OK", 'SETACTIVE "e\u0301"')
    expect(c.scripts() == {"\u00e9": True}, f"{c.scripts()}")
    c.want("OK", 'SETACTIVE ""')
    c.want("OK", 'DELETESCRIPT "e\u0301"')
    for name in ("\ufeffa", "a\u0378", "a\uffff"):
        c.put(name, GOOD, "NO")
    for name in ("", "a\tb", "a\x7fb", "a\u0085b", "a\u2028b", "x" * 513, "x" * 10000):
        c.put(name, GOOD, "NO")
    for octets in (b"a\0b", b"a\r\nb", b"\xff\xfe", b"\xed\xa0\x80", b"x" * 70000):
        reply = c.say(b"GETSCRIPT {%d+}\r\n" % len(octets) + octets)
        expect(reply.word == "NO", f"{octets[:9]}: {reply}")
    expect(c.scripts() == {}, c.scripts())


# --- log-ins ---


def scram(c, user=ANN, password=PASSWORD, word="OK"):
    first = f"n={user},r=abcdefghijkl"
    c.send(f'AUTHENTICATE "SCRAM-SHA-256" "{b64("n,," + first)}"\r\n')
    server = c.challenge().decode()
    part = dict(p.split("=", 1) for p in server.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(part["s"]), int(part["i"]))
    last = f"c=biws,r={part['r']}"
    text = f"{first},{server},{last}".encode()

    def mac(key, octets):
        return hmac.new(key, octets, "sha256").digest()

    key = mac(salted, b"Client Key")
    proof = bytes(x ^ y for x, y in zip(key, mac(hashlib.sha256(key).digest(), text)))
    reply = c.want(word, f'"{b64(f"{last},p={b64(proof)}")}"')
    if word == "OK":
        signature = "v=" + b64(mac(mac(salted, b"Server Key"), text))
        expect(reply.code == f'SASL "{b64(signature)}"', f"{reply}, wanted {signature}")


def log_ins(d):
    c = Client(d.ports["clear"])
    for line in ("LISTSCRIPTS", 'GETSCRIPT "a"', 'SETACTIVE ""', "UNAUTHENTICATE"):
        c.want("NO", line)
    c.put("a", GOOD, "NO")
    c.want("NO", 'AUTHENTICATE "GSSAPI"')
    c.want("NO", 'AUTHENTICATE "PLAIN" "not base64"')
    c.log_in(password="wrong", word="NO")
    c.close()
    c = Client(d.ports["clear"])
    c.log_in(user="nobody@example.org", word="NO")
    c.log_in()
    c.log_in(word="NO")
    c.want("NO", "STARTTLS")
    c.want("OK", "UNAUTHENTICATE")
    c.want("NO", "LISTSCRIPTS")
    c.log_in(BOB)
    expect(c.scripts() == {}, "somebody else's scripts")
    c.want("OK", "UNAUTHENTICATE")
    c.want("NO", "UNAUTHENTICATE")
    expect("OWNER" not in capabilities(c.want("OK", "CAPABILITY")), "OWNER stays")
    c.close()
    c = Client(d.ports["clear"])
    replies = [c.say(f'AUTHENTICATE "PLAIN" "{b64(chr(0) + ANN + chr(0) + "no")}"').word for _ in range(3)]
    expect(replies[-1] == "BYE" and c.is_closed(), replies)


def exchanges(d):
    c = Client(d.ports["clear"])
    c.send('AUTHENTICATE "PLAIN"\r\n')
    expect(c.challenge() == b"", "PLAIN has nothing to ask")
    c.want("NO", '"*"')
    c.send('AUTHENTICATE "LOGIN"\r\n')
    c.challenge()
    c.send(f'"{b64(ANN)}"\r\n')
    c.challenge()
    secret = b64(PASSWORD)
    c.want("OK", f"{{{len(secret)}+}}\r\n{secret}")
    c.want("OK", "UNAUTHENTICATE")
    scram(c)
    c.want("OK", "UNAUTHENTICATE")
    c.close()
    c = Client(d.ports["clear"])
    scram(c, password="wrong", word="NO")
    c.send('AUTHENTICATE "SCRAM-SHA-256"\r\n')
    c.challenge()
    c.want("NO", "NOOP")
    c.log_in()


def disabled_meanwhile(d):
    add_account(d, "carl@example.org")
    c = known(d, user="carl@example.org")
    c.put("a", GOOD)
    d.tool("account", "set", "carl@example.org", "--disabled")
    c.want("NO", "LISTSCRIPTS", "TRYLATER")
    c.put("b", GOOD, "NO", "TRYLATER")
    d.tool("account", "set", "carl@example.org", "--enabled")
    expect(c.scripts() == {"a": False}, c.scripts())


# --- TLS ---


def tls(d, ca):
    c = Client(d.ports["starttls"])
    has = capabilities(c.greeting)
    expect(has["SASL"] == "" and "STARTTLS" in has, has)
    c.log_in(word="NO", code="ENCRYPT-NEEDED")
    c.send("STARTTLS\r\n")
    expect(c.reply().word == "OK", "STARTTLS")
    c.wrap(context(ca.pem))
    has = capabilities(c.reply())
    expect("STARTTLS" not in has and "SCRAM-SHA-256-PLUS" in has["SASL"] and "PLAIN" in has["SASL"], has)
    c.want("NO", "STARTTLS")
    c.log_in()
    expect("main" in c.scripts(), c.scripts())
    c = Client(d.ports["implicit"], context(ca.pem))
    expect("STARTTLS" not in capabilities(c.greeting), c.greeting)
    scram(c)
    expect("main" in c.scripts(), c.scripts())


def injected(d, ca):
    """What came in the clear behind STARTTLS is not carried out."""
    c = Client(d.ports["starttls"])
    c.send('STARTTLS\r\nNOOP "injected"\r\n')
    expect(c.reply().word == "OK", "STARTTLS")
    try:
        c.wrap(context(ca.pem))
    except OSError:
        return
    expect("injected" not in repr(c.reply()) + repr(c.say("NOOP")), "it was carried out")


def by_certificate(d, ca):
    pair = ca.issue("ann", emails=[ANN])
    c = Client(d.ports["implicit"], context(ca.pem, pair))
    expect("EXTERNAL" in capabilities(c.greeting)["SASL"], c.greeting)
    c.want("OK", 'AUTHENTICATE "EXTERNAL" ""')
    expect("main" in c.scripts(), c.scripts())
    c = Client(d.ports["implicit"], context(ca.pem))
    expect("EXTERNAL" not in capabilities(c.greeting)["SASL"], c.greeting)
    c.want("NO", 'AUTHENTICATE "EXTERNAL" ""')


# --- clients ---


def run(*command, data=b""):
    done = subprocess.run(command, input=data, capture_output=True, timeout=60)
    expect(done.returncode == 0, f"{command[0]}: {done.returncode} {done.stdout[-800:]} {done.stderr[-800:]}")
    return done.stdout.decode()


def sieve_connect(d, ca):
    script = f"{FOLDER}/rules.sieve"
    with open(script, "wb") as f:
        f.write(GOOD)

    def do(*what):
        return run("sieve-connect", "-s", "localhost", "-p", str(d.ports["starttls"]), "-u", BOB, "--passwordfd", "0",
                   "--tlscafile", ca.pem, "-m", "PLAIN", *what, data=PASSWORD.encode() + b"\n")

    do("--localsieve", script, "--remotesieve", "mine", "--upload")
    do("--remotesieve", "mine", "--activate")
    expect("mine" in do("--list") and "ACTIVE" in do("--list"), do("--list"))
    do("--localsieve", f"{FOLDER}/back.sieve", "--remotesieve", "mine", "--download")
    with open(f"{FOLDER}/back.sieve", "rb") as f:
        expect(f.read().split() == GOOD.split(), "sieve-connect: another script came back")
    do("--deactivate")
    do("--remotesieve", "mine", "--delete")
    expect("mine" not in do("--list"), do("--list"))


SIEVELIB = """
import sys
from sievelib.managesieve import Client
c = Client("127.0.0.1", int(sys.argv[1]))
assert c.connect("bob@example.org", "correct horse", starttls=False, authmech=sys.argv[2]), c.errmsg
assert c.havespace("mine", 100), c.errmsg
assert c.putscript("mine", 'require ["fileinto"];\\nfileinto "Lists";\\n'), c.errmsg
assert not c.putscript("other", 'filinto "x";\\n') and b"error" in c.errmsg, c.errmsg
assert c.checkscript("keep;"), c.errmsg
assert c.setactive("mine"), c.errmsg
assert c.listscripts() == ("mine", []), c.listscripts()
assert "fileinto" in c.getscript("mine"), c.errmsg
assert c.renamescript("mine", "yours"), c.errmsg
assert c.setactive(""), c.errmsg
assert c.deletescript("yours"), c.errmsg
c.logout()
"""


def sievelib(d):
    for mechanism in ("PLAIN", "LOGIN"):
        run("/usr/bin/python3", "-c", SIEVELIB, str(d.ports["clear"]), mechanism)


PERL = """
use Net::ManageSieve;
my $s = Net::ManageSieve->new("localhost", Port => $ARGV[0], on_fail => "die",
    tls => {mode => "require", SSL_ca_file => $ARGV[1], SSL_verifycn_name => "localhost"}) or die $@;
$s->auth("bob\\@example.org", "correct horse") or die;
$s->havespace("mine", 100) or die;
$s->putscript("mine", qq{require "fileinto";\\r\\nfileinto "Lists";\\r\\n}) or die;
eval { $s->putscript("bad", "filinto;"); 1 } and die "stored";
$s->setactive("mine") or die;
my @found = @{$s->listscripts};
$found[0] eq "mine" && $found[-1] eq "mine" or die "@found";
$s->getscript("mine") =~ /fileinto/ or die;
$s->setactive("") or die;
$s->deletescript("mine") or die;
$s->logout;
"""


def net_managesieve(d, ca):
    run("perl", "-e", PERL, str(d.ports["starttls"]), ca.pem)


PHP = """
require "Net/Sieve.php";
function want($ok, $what) { if (PEAR::isError($ok) || !$ok) { fwrite(STDERR, "$what: "
    . (PEAR::isError($ok) ? $ok->getMessage() : var_export($ok, true))); exit(1); } }
$tls = array("ssl" => array("cafile" => $argv[2], "peer_name" => "localhost"));
$s = new Net_Sieve();
want($s->connect("localhost", $argv[1], $tls, true) === true, "connect");
want($s->login("bob@example.org", "correct horse", "PLAIN") === true, "login");
want($s->hasExtension("fileinto") && $s->hasExtension("vacation"), "extensions");
want($s->haveSpace("mine", 100) === true, "space");
$text = "require \\"fileinto\\";\\r\\nfileinto \\"Lists\\";\\r\\n";
want($s->installScript("mine", $text, true) === true, "install");
want(PEAR::isError($s->installScript("bad", "filinto;")), "a script with errors");
want($s->getActive() === "mine", "active");
want($s->listScripts() == array("mine"), "list");
want(trim($s->getScript("mine")) === trim($text), "get");
want($s->setActive("") === true, "none active");
want($s->removeScript("mine") === true, "remove");
want($s->listScripts() == array(), "an empty list");
$s->disconnect();
"""


def net_sieve_of_php(d, ca):
    """The client of Roundcube."""
    with open(f"{FOLDER}/client.php", "w") as f:
        f.write("<?php" + PHP)
    run("php", f"{FOLDER}/client.php", str(d.ports["starttls"]), ca.pem)


# --- what no client says ---


def pipelined(d):
    c = Client(d.ports["clear"])
    secret = b64(f"\0{BOB}\0{PASSWORD}")
    c.send(
        f'AUTHENTICATE "PLAIN" {{{len(secret)}+}}\r\n{secret}\r\n'.encode()
        + b'PUTSCRIPT "p" {%d+}\r\n%s\r\n' % (len(GOOD), GOOD)
        + b'SETACTIVE "p"\r\nLISTSCRIPTS\r\nNOOP "t"\r\n' + b'GETSCRIPT "p"\r\n' * 300
        + b'SETACTIVE ""\r\nDELETESCRIPT "p"\r\nLOGOUT\r\n'
    )
    for _ in range(3):
        expect(c.reply().word == "OK", "in a row")
    expect(c.reply().lines == [["p", "ACTIVE"]], "LISTSCRIPTS")
    expect(c.reply().code == 'TAG "t"', "NOOP")
    for _ in range(300):
        expect(c.reply().lines == [[GOOD.decode()]], "GETSCRIPT")
    for _ in range(3):
        expect(c.reply().word == "OK", "the last ones")
    expect(c.is_closed(), "LOGOUT")


def not_read(d):
    """A client that asks for much and reads nothing costs little, and hears all of it when it does."""
    c = known(d, user=BOB)
    long = b"keep;\r\n#" + b"x" * 100_000 + b"\r\n"
    c.put("long", long)
    c.send(b'GETSCRIPT "long"\r\n' * 400)
    other = known(d)
    expect("main" in other.scripts(), "others wait")
    for _ in range(400):
        expect(c.reply().lines == [[long.decode()]], "GETSCRIPT")
    c.want("OK", 'DELETESCRIPT "long"')


def many_at_once(d):
    """Thirty who ask for more than the doors between edge and store hold: each is answered, or told to try later."""
    c = known(d, user=BOB)
    long = b"keep;\r\n#" + b"x" * 100_000 + b"\r\n"
    c.put("long", long)
    clients = [known(d, user=BOB) for _ in range(30)]
    for other in clients:
        other.send(b'GETSCRIPT "long"\r\n' * 4)
    put = b'CHECKSCRIPT {%d+}\r\n%s\r\n' % (len(long), long)
    for other in clients[:8]:
        other.send(put)
    answered = 0
    for other in clients:
        for _ in range(4):
            reply = other.reply()
            expect(reply.lines == [[long.decode()]] or reply.code == "TRYLATER", str(reply)[:300])
            answered += reply.word == "OK"
    expect(answered > 0, "nobody was answered")
    for other in clients[:8]:
        reply = other.reply()
        expect(reply.word == "OK" or reply.code == "TRYLATER", reply)
    c.want("OK", 'DELETESCRIPT "long"')
    expect("edge_gone" not in d.log_text(), "the edge was dropped")


def octet_by_octet(d):
    c = Client(d.ports["clear"])
    secret = b64(f"\0{ANN}\0{PASSWORD}")
    for octet in f'authenticate "plain" {{{len(secret)}+}}\r\n{secret}\r\n'.encode():
        c.send(bytes((octet,)))
    expect(c.reply().word == "OK", "octet by octet")
    for octet in b'GetScript {4+}\r\nmain\r\n':
        c.send(bytes((octet,)))
    expect(c.reply().lines == [[GOOD.decode()]], "GETSCRIPT octet by octet")


def odd(d):
    lines = (
        b"", b" ", b"XYZZY", b"NOOP x", b"NOOP (", b'NOOP "a', b'NOOP "a" "b"', b"NOOP {}", b"NOOP {+}", b"NOOP {-1}",
        b"NOOP {1", b"NOOP {1x}", b'NOOP "a"b', b"NOOP 1", b"NOOP\0", b"\xff\xfe", b'"string"', b"{3+}\r\nabc",
    )  # fmt: skip
    for line in lines:
        c = known(d)
        c.want("NO", line)
        expect("main" in c.scripts(), line)
        c.close()
    c = known(d)
    expect(c.say(b'NOOP "a\nLISTSCRIPTS').word == "NO", "a bare LF ends a line")
    c.reply()
    for line in (b"NOOP" + b" " * 20000, b'NOOP "' + b"x" * 20000 + b'"', b"A" * 20000, b"NOOP " + b'"" ' * 3000):
        c.want("NO", line)
    c.want("OK", "NOOP ")
    c = Client(d.ports["clear"])
    c.send(b"XYZZY\r\n" * 19)
    expect(all(c.reply().word == "NO" for _ in range(19)), "XYZZY")
    expect(c.say("XYZZY").word == "BYE" and c.is_closed(), "the twentieth")
    c = Client(d.ports["clear"])
    c.send(b"NOOP {20000+}\r\n" + b"NOOP\r\n" * 3333 + b"NO\r\nNOOP\r\n")
    expect([c.reply().word, c.reply().word] == ["NO", "OK"], "a literal too large for a stranger is not carried out")
    c = Client(d.ports["clear"])
    c.send(b"NOOP\r\n" * 1001)
    words = [c.reply().word for _ in range(1001)]
    expect(words == ["OK"] * 1000 + ["BYE"], words[-3:])


def gone_in_the_middle(d):
    begun = (b"AUTH", b'AUTHENTICATE "PLAIN"\r\n', b'AUTHENTICATE "SCRAM-SHA-256"\r\n"x', b"STARTTLS\r\n", b"{9+}")
    for text in begun:
        c = Client(d.ports["clear"])
        c.send(text)
        c.close()
    for text in (b'PUTSCRIPT "gone" {100+}\r\nkeep;', b"LISTSCRIPTS\r\n" * 50, b'CHECKSCRIPT "keep;"\r\n'):
        c = known(d)
        c.send(text)
        c.close()
    expect("gone" not in known(d).scripts(), "half of a script")


def by_unix(d):
    c = Client(f"{d.folder}/sieve.sock")
    expect("PLAIN" in capabilities(c.greeting)["SASL"].split(), c.greeting)
    c.log_in()
    expect("main" in c.scripts(), c.scripts())


def store_pid(d):
    main = d.process.pid
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
            with open(f"/proc/{pid}/comm") as f, open(f"/proc/{pid}/cmdline") as g:
                text = f.read() + g.read()
        except OSError:
            continue
        if parent == main and "store" in text:
            return int(pid)
    return None


def store_killed(d):
    idle, other = known(d), Client(d.ports["clear"])
    before = store_pid(d)
    os.kill(before, signal.SIGKILL)
    reply = idle.reply()
    expect(reply.word == "BYE" and reply.code == "TRYLATER" and idle.is_closed(), reply)
    until(lambda: store_pid(d) not in (None, before), "another store")

    def again():
        return other.say(f'AUTHENTICATE "PLAIN" "{b64(chr(0) + ANN + chr(0) + PASSWORD)}"').word == "OK"

    until(again, "a log-in with the next store")
    expect(other.scripts() == {"main": True}, other.scripts())
    expect(other.get("main") == GOOD, "what was stored")


def counted(d):
    text = d.tool("metrics").decode()
    for name in ("sessions_total", "received_bytes_total"):
        found = re.search(rf'doorstep_{name}{{[^}}]*protocol="managesieve"[^}}]*}} (\d+)', text)
        expect(found and int(found[1]) > 0, f"{name}: {found}")
    log = d.log_text()
    expect(b64(f"\0{ANN}\0{PASSWORD}") not in log and PASSWORD not in log, "a password in the log")


LIMITS = """
listen managesieve {{
    address = {{"127.0.0.1:{clear}"}}
    auth_plain_without_tls = yes
}}
timeouts {{ command = 1500ms session = 4s }}
limits {{ connections = 6 }}
auth {{ hash_memory = 64K hash_operations = 1 delay = 1ms delay_max = 1ms }}
"""


def said_goodbye(c):
    """The connection ended, and the client was told so; what it still sends goes nowhere."""
    while (reply := c.reply()).word in ("OK", "NO"):
        pass
    return reply.word == "BYE" and c.is_closed()


def dribbles(c, first):
    """An octet now and then, which completes nothing; until the server has had enough."""
    try:
        c.send(first)
        while not select.select([c.socket], [], [], 0.1)[0]:
            c.send(b"x")
    except OSError:
        pass


def deadlines(d):
    silent, slow, login = (Client(d.ports["clear"]) for _ in range(3))
    dribbles(slow, b"NOOP {4000+}\r\n")  # no octet of a command moves its deadline
    expect(said_goodbye(silent), "a client that says nothing")
    expect(slow.is_closed() or said_goodbye(slow), "a literal that comes octet by octet")
    login.close()
    known_one = known(d)
    dribbles(known_one, b'PUTSCRIPT "a" {4000+}\r\n')
    expect(known_one.is_closed() or said_goodbye(known_one), "a session has an end, also after a log-in")
    expect("main" not in known(d).scripts(), "what was never whole is stored")


def connections(d):
    """So many connections at a time; others end at once, and room comes back."""

    def is_there():
        c = Client(d.ports["clear"])
        if c.greeting.word != "OK":
            c.close()
            return None
        return c

    held = [c for c in (is_there() for _ in range(20)) if c is not None]
    expect(1 <= len(held) <= 6, f"{len(held)} at a time")
    for c in held:
        c.close()
    until(is_there, "room after they left")


def limited(t):
    (port,) = free_ports(1)
    daemon = Daemon(more=LIMITS.format(clear=port))
    daemon.ports["clear"] = port
    try:
        daemon.start()
        add_account(daemon, ANN)
        t.run("deadlines", deadlines, daemon)
        t.run("connections at a time", connections, daemon)
        daemon.end()
    finally:
        daemon.remove()


def drained(d):
    c = known(d)
    d.terminate()
    reply = c.reply()
    expect(reply.word == "BYE" and reply.code == "TRYLATER" and c.is_closed(), reply)
    c.close()
    process, d.process = d.process, None
    expect(process.wait(60) == 0, "status")
    alarms = [l for l in d.log_text().splitlines() if re.search("Sanitizer|runtime error|Assertion|edge_broken", l)]
    expect(not alarms, "\n".join(alarms[:5]))


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
        for check in (a_script, refusals, quotas, names, log_ins, exchanges, disabled_meanwhile):
            t.run(check.__name__.replace("_", " "), check, daemon)
        for check in (tls, injected, by_certificate):
            t.run(check.__name__.replace("_", " "), check, daemon, ca)
        if t.has("sieve-connect", "sieve-connect"):
            t.run("sieve-connect", sieve_connect, daemon, ca)
        if os.path.exists("/usr/lib/python3/dist-packages/sievelib"):
            t.run("sievelib", sievelib, daemon)
        else:
            t.skip("sievelib", "python3-sievelib is not installed")
        if os.path.exists("/usr/share/perl5/Net/ManageSieve.pm"):
            t.run("Net::ManageSieve", net_managesieve, daemon, ca)
        else:
            t.skip("Net::ManageSieve", "libnet-managesieve-perl is not installed")
        if os.path.exists("/usr/share/php/Net/Sieve.php") and t.has("php", "Net_Sieve of PHP"):
            t.run("Net_Sieve of PHP", net_sieve_of_php, daemon, ca)
        for check in (
            pipelined, not_read, many_at_once, octet_by_octet, odd, gone_in_the_middle, by_unix, store_killed, counted,
            drained,
        ):  # fmt: skip
            t.run(check.__name__.replace("_", " "), check, daemon)
    finally:
        daemon.remove()
        shutil.rmtree(FOLDER, ignore_errors=True)
    limited(t)
    t.end()


if __name__ == "__main__":
    main()
