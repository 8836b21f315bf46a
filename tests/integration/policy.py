#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An MTA asks before it accepts: a private Postfix with contrib/postfix/policy.cf, whose smtpd asks a private
doorstepd by the policy protocol and whose tables are socketmaps, and postmap(1); then what no MTA says: odd octets,
pieces, a thousand requests at once, giants, and a store that dies in between. Postfix needs root; the rest does not.
The last line is "N passed, N failed"."""

import os
import re
import signal
import smtplib
import socket
import subprocess
import sys

from harness import Daemon, Failure, Tests, expect, message, until
from postfix import GLUE, Postfix, free_port

MAPS = ("virtual_mailbox_domains", "virtual_mailbox_maps", "virtual_alias_maps")
MORE = """
transport_maps = inline:{{ {{ example.com = error:is elsewhere }} }}
"""
LISTEN = """
listen policy {{
    address = {{"unix:{folder}/policy.sock", "127.0.0.1:{policy}"}}
}}
listen policy {{
    address = {{"unix:{folder}/lenient.sock"}}
    unknown_recipients = "dunno"
}}
listen socketmap {{
    address = {{"unix:{folder}/socketmap.sock", "127.0.0.1:{socketmap}"}}
}}
domain "hard.example" {{ over_quota = "reject" }}
{more}
"""


SMTPD = """
127.0.0.1:{port} inet n - n - - smtpd
    -o smtpd_recipient_restrictions=reject_unauth_destination
    -o smtpd_end_of_data_restrictions=
"""


class NoProxy:
    port = 9  # no route here leads there


class AskingPostfix(Postfix):
    """With contrib/postfix/policy.cf in place of the glue's own tables."""

    def __init__(self, daemon):
        super().__init__(daemon, NoProxy)
        self.daemon_folder = daemon.folder
        self.other_port = free_port()  # an smtpd that has the tables alone
        with open(f"{GLUE}/policy.cf") as f:
            glue = f.read().replace("/run/doorstep/", f"{daemon.folder}/")
        with open(f"{self.folder}/conf/main.cf", "a") as f:
            f.write(glue + MORE.format())
        with open(f"{self.folder}/conf/master.cf", "a") as f:
            f.write(SMTPD.format(port=self.other_port))

    def ports(self):
        return (self.port, self.other_port)

    def postmap(self, name, key):
        """What `postmap -q` prints; None: not found."""
        table = f"socketmap:unix:{self.daemon_folder}/socketmap.sock:{name}"
        done = subprocess.run(
            ["postmap", "-c", f"{self.folder}/conf", "-q", key, table],
            capture_output=True,
            timeout=60,
        )
        trouble = [line for line in done.stderr.decode().splitlines() if "overriding earlier entry" not in line]
        expect(done.returncode in (0, 1) and trouble == [], f"postmap -q {key} {table}: {trouble}")
        if done.returncode == 1:
            return None
        return done.stdout.decode().strip()


class Peer:
    """One connection of an MTA."""

    def __init__(self, daemon, protocol, transport="unix"):
        if transport == "unix":
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(f"{daemon.folder}/{protocol}.sock")
        else:
            self.socket = socket.create_connection(("127.0.0.1", daemon.ports[protocol]))
        self.socket.settimeout(60)
        self.pending = b""

    def say(self, octets):
        self.socket.sendall(octets)

    def read(self):
        """Nothing: it was closed."""
        try:
            return self.socket.recv(65536)
        except ConnectionResetError:
            return b""

    def action(self):
        while b"\n\n" not in self.pending:
            more = self.read()
            if more == b"":
                return None
            self.pending += more
        said, self.pending = self.pending.split(b"\n\n", 1)
        expect(said.startswith(b"action="), said)
        return said[len(b"action=") :].decode()

    def value(self):
        while not (head := re.match(rb"(\d+):", self.pending)) or len(self.pending) < head.end() + int(head[1]) + 1:
            more = self.read()
            if more == b"":
                return None
            self.pending += more
        end = head.end() + int(head[1])
        said, self.pending = self.pending[head.end() : end], self.pending[end + 1 :]
        return said.decode()

    def ask(self, recipient, **more):
        self.say(request(recipient, **more))
        return self.action()

    def look_up(self, name, key):
        self.say(netstring(f"{name} {key}"))
        return self.value()

    def is_closed(self):
        return self.read() == b""

    def close(self):
        self.socket.close()


def request(recipient, **more):
    """As Postfix writes it, with more attributes than anybody reads."""
    attributes = {
        "request": "smtpd_access_policy",
        "protocol_state": "RCPT",
        "protocol_name": "ESMTP",
        "client_address": "192.0.2.7",
        "helo_name": "client.example.com",
        "sender": "bob@example.com",
        "recipient": recipient,
        "recipient_count": "0",
        "queue_id": "",
        "size": "0",
        **more,
    }
    return ("".join(f"{name}={value}\n" for name, value in attributes.items()) + "\n").encode()


def netstring(text):
    octets = text.encode()
    return b"%d:%s," % (len(octets), octets)


class Checks:
    """By its protocols, without an MTA."""

    def __init__(self, daemon):
        self.daemon = daemon

    def actions(self):
        """The very words that a client of LMTP hears at RCPT."""
        for transport in ("unix", "tcp"):
            peer = Peer(self.daemon, "policy", transport)
            for recipient in (
                "nobody@example.org",
                "disabled@example.org",
                "full@example.org",
                "hard@hard.example",
                "all-full@example.org",
                "all-off@example.org",
            ):
                wanted = self.at_rcpt(recipient)
                expect(wanted[0] in "45", f"{recipient}: {wanted}")
                expect(peer.ask(recipient) == wanted, f"{recipient}: not {wanted}")
            for recipient in (
                "ann@example.org",
                "ann+news@EXAMPLE.org",
                "team@example.org",
                "forwarded@example.org",
                "half@example.org",
                "nobody@elsewhere.example",
                "anybody@example.net",
                "postmaster@example.org",
                "postmaster",
            ):
                expect(peer.ask(recipient) == "DUNNO", recipient)
            peer.close()

    def at_rcpt(self, recipient):
        with self.daemon.connect("lmtp", "unix") as s, s.makefile("rwb") as f:
            said = b""
            for line in (b"", b"LHLO x\r\n", b"MAIL FROM:<>\r\n", f"RCPT TO:<{recipient}>\r\n".encode()):
                f.write(line)
                f.flush()
                said = f.readline()
                while said[3:4] == b"-":
                    said = f.readline()
        return said.decode().strip()

    def sizes(self):
        peer = Peer(self.daemon, "policy")
        expect(peer.ask("small@example.org", size="1000") == "DUNNO", "there is room for 1000 octets")
        full = peer.ask("small@example.org", size="5000")
        expect(full.startswith("452 4.2.2 "), full)
        expect(peer.ask("roomy@example.org", size="5000") == "DUNNO", "one of its targets has room")
        expect(peer.ask("small@example.org", size="99999999999").startswith("552 5.3.4 "), "too big")
        expect(peer.ask("small@elsewhere.example", size="99999999999") == "DUNNO", "not for us")
        peer.close()

    def maps(self):
        domain, mailbox, alias = MAPS
        for transport in ("unix", "tcp"):
            peer = Peer(self.daemon, "socketmap", transport)
            for name, key, wanted in (
                (domain, "example.org", "OK example.org"),
                (domain, "example.com", "NOTFOUND "),
                (mailbox, "ann@example.org", "OK ann@example.org"),
                (mailbox, "full@example.org", "OK full@example.org"),
                (mailbox, "forwarded@example.org", "OK forwarded@example.org"),
                (mailbox, "anybody@example.net", "OK anybody@example.net"),
                (mailbox, "nobody@example.org", "NOTFOUND "),
                (mailbox, "disabled@example.org", "NOTFOUND "),
                (mailbox, "@example.org", "NOTFOUND "),
                (alias, "team@example.org", "OK ann@example.org, eve@example.org"),
                (alias, "team+news@example.org", "OK ann+news@example.org, eve+news@example.org"),
                (alias, "forwarded@example.org", "OK kim@example.com"),
                (alias, "half@example.org", "OK ann@example.org, kim@example.com"),
                (alias, "ann@example.org", "NOTFOUND "),
                (alias, "nobody@example.org", "NOTFOUND "),
            ):
                got = peer.look_up(name, key)
                expect(got == wanted, f"{name} {key}: {got}")
            expect(peer.look_up("aliases", "team").startswith("PERM "), "there is such a map")
            peer.close()

    def elsewhere_in_lmtp(self):
        """Half a delivery would be a loss."""
        for name in ("forwarded", "half"):
            got = self.at_rcpt(f"{name}@example.org")
            expect(got.startswith("451 4.3.0 "), f"{name}: {got}")

    def lenient(self):
        """The MTA has aliases of its own: whom we do not know it may know."""
        peer = Peer(self.daemon, "lenient")
        expect(peer.ask("nobody@example.org") == "DUNNO", "nobody is refused")
        expect(peer.ask("full@example.org").startswith("452 4.2.2 "), "full is not")
        expect(peer.ask("disabled@example.org").startswith("550 5.2.1 "), "disabled is not")
        peer.close()

    def pieces(self):
        peer = Peer(self.daemon, "policy")
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        for octet in request("nobody@example.org"):
            peer.say(bytes([octet]))
        expect(peer.action().startswith("550 5.1.1 "), "in pieces")
        peer.close()
        peer = Peer(self.daemon, "socketmap")
        for octet in netstring("virtual_alias_maps team@example.org"):
            peer.say(bytes([octet]))
        expect(peer.value() == "OK ann@example.org, eve@example.org", "in pieces")
        peer.close()

    def thousand(self):
        names = [("ann", "DUNNO"), ("nobody", "550"), ("full", "452"), ("team", "DUNNO")]
        peer = Peer(self.daemon, "policy")
        peer.say(b"".join(request(f"{names[i % 4][0]}@example.org") for i in range(1000)))
        for i in range(1000):
            got = peer.action()
            expect(got.startswith(names[i % 4][1]), f"request {i}: {got}")
        peer.close()
        peer = Peer(self.daemon, "socketmap")
        peer.say(b"".join(netstring(f"virtual_mailbox_maps any{i}@example.net") for i in range(1000)))
        for i in range(1000):
            got = peer.value()
            expect(got == f"OK any{i}@example.net", f"request {i}: {got}")
        peer.close()

    def half_closed(self):
        """Behind its last request a client may end its side, and hears the answers all the same."""
        peer = Peer(self.daemon, "policy")
        peer.say(request("nobody@example.org") + request("ann@example.org") + b"request=smt")
        peer.socket.shutdown(socket.SHUT_WR)
        expect(peer.action().startswith("550 5.1.1 "), "the first one")
        expect(peer.action() == "DUNNO", "the second one")
        expect(peer.is_closed(), "it stays open")
        peer.close()

    def odd(self):
        """None of it is a request: closed, without an answer to it, and nobody else notices."""
        for octets in (
            b"\n",
            b"EHLO x\r\n",
            b"request=smtpd_access_policy\nrecipient\n\n",
            b"request=smtpd_access_policy\nrecipient=ann\0@example.org\n\n",
            b"request=something\nrecipient=ann@example.org\n\n",
            b"request=smtpd_access_policy\nsize=-5\n\n",
            b"request=smtpd_access_policy\nrecipient=" + b"x" * 100000,
            b"x=" + b"y" * 100000 + b"\n\n",
        ):
            peer = Peer(self.daemon, "policy")
            peer.say(request("nobody@example.org") + octets)
            expect(peer.action().startswith("550 5.1.1 "), "the request before")
            expect(peer.is_closed(), f"{octets[:60]} is answered")
            peer.close()
        for octets in (b",", b"12;x", b"007:virtual", b"999999:a", b"5:ab,cdX", b"\x16\x03\x01\0\xa5"):
            peer = Peer(self.daemon, "socketmap")
            peer.say(netstring("virtual_mailbox_domains example.org") + octets + b"4:x y,")
            expect(peer.value() == "OK example.org", "the request before")
            expect(peer.is_closed(), f"{octets} is answered")
            peer.close()

    def names(self):
        """Recipients that would end a line, or move a terminal: none gets into an answer or the log."""
        peer = Peer(self.daemon, "policy")
        for name in ("a\r", "a\x1b[2J", "a b", "<a>", "a..b", 'a"b\\c', "\u202egro.elpmaxe", "a" * 65):
            got = peer.ask(f"{name}@example.org")
            expect(re.fullmatch("55[03] 5[.]1[.][13] [ -~\u202e]+", got), got)
        peer.close()
        log = self.daemon.log_text()
        expect("\x1b" not in log and "\u202e" not in log, "the log has it")

    def giants(self):
        peer = Peer(self.daemon, "policy")
        got = peer.ask("nobody@example.org", ccert_subject="x" * 60000)
        expect(got.startswith("550 5.1.1 "), got)
        peer.close()
        peer = Peer(self.daemon, "socketmap")
        expect(peer.look_up("virtual_mailbox_maps", "x" * 99000) == "NOTFOUND ", "a giant key")
        expect(peer.look_up("virtual_mailbox_domains", "example.org") == "OK example.org", "behind it")
        peer.close()

    def slow(self):
        """Octets that complete nothing move no deadline, and one that is between two requests is no alarm."""
        slow, idle = Peer(self.daemon, "policy"), Peer(self.daemon, "policy")
        expect(idle.ask("ann@example.org") == "DUNNO", "the idle one")
        slow.say(b"request=smtpd_access_policy\n")
        slow.socket.settimeout(0.1)
        until(lambda: self.drips(slow), "a request that never ends is waited for")
        expect(idle.is_closed(), "it stays")
        ended = until(lambda: re.search(r'reason="?idle', self.daemon.log_text()), "nothing in the log")
        expect(ended.string.count('reason="no request in time"') == 1, "the drips")
        expect(ended.string.count("name=timeout_command") == 1, "the idle one is told as a limit")
        slow.close()
        idle.close()

    @staticmethod
    def drips(peer):
        """Another octet or two; is it closed?"""
        try:
            peer.say(b"x=y\n")
            return peer.socket.recv(1) == b""
        except socket.timeout:
            return False
        except OSError:
            return True

    def unread(self):
        """Who asks and never reads costs a bounded amount, and only itself."""
        deaf = Peer(self.daemon, "policy")
        deaf.socket.settimeout(2)
        sent = 0
        try:
            while sent < 64 << 20:
                sent += deaf.socket.send(request("nobody@example.org") * 100)
        except (socket.timeout, OSError):
            pass
        expect(sent < 64 << 20, "everything was read")
        quick = Peer(self.daemon, "policy")
        expect(quick.ask("ann@example.org") == "DUNNO", "another one")
        quick.close()
        deaf.close()

    def store_dies(self):
        """Questions wait a moment for the next store: what was asked before is answered after."""
        policy, maps = Peer(self.daemon, "policy"), Peer(self.daemon, "socketmap")
        expect(policy.ask("nobody@example.org").startswith("550 "), "before")
        pid = self.daemon.store()
        os.kill(pid, signal.SIGSTOP)
        policy.say(b"".join(request(f"{n}@example.org") for n in ("nobody", "ann", "team")))
        maps.say(netstring("virtual_alias_maps team@example.org") + netstring("virtual_mailbox_maps x@example.org"))
        os.kill(pid, signal.SIGKILL)
        got = [policy.action() for _ in range(3)]
        deferred = "DEFER_IF_PERMIT 4.3.0 "
        for action, wanted in zip(got, ("550 5.1.1 ", "DUNNO", "DUNNO")):
            expect(action.startswith((wanted, deferred)), got)
        got = [maps.value() for _ in range(2)]
        expect(got[0].startswith(("OK ann@", "TEMP ")) and got[1].startswith(("NOTFOUND", "TEMP ")), got)
        until(lambda: policy.ask("ann@example.org") == "DUNNO", "no store comes back", 60)
        policy.close()
        maps.close()

    def store_away(self):
        """One that stays away: nobody is refused, and nobody waits for ever."""
        pid = self.daemon.store()
        policy, maps = Peer(self.daemon, "policy"), Peer(self.daemon, "socketmap")
        main, before = self.daemon.process.pid, self.daemon.log_text().count("state=away")
        os.kill(main, signal.SIGSTOP)  # it starts no other one
        try:
            os.kill(pid, signal.SIGKILL)
            until(lambda: self.daemon.log_text().count("state=away") > before, "it is not away")
            got = policy.ask("nobody@example.org")
            expect(got == "DEFER_IF_PERMIT 4.3.0 local trouble, try again later", got)
            expect(policy.ask("nobody@elsewhere.example") == "DUNNO", "no store is needed for that")
            got = maps.look_up("virtual_alias_maps", "team@example.org")
            expect(got == "TEMP local trouble, try again later", got)
            expect(maps.look_up("virtual_mailbox_domains", "example.org") == "OK example.org", "nor for that")
        finally:
            os.kill(main, signal.SIGCONT)
        until(lambda: policy.ask("ann@example.org") == "DUNNO", "no store comes back", 60)
        policy.close()
        maps.close()

    def numbers(self):
        text = self.daemon.tool("metrics").decode()
        for name in ('policy_requests_total{role="edge",action="refused"}', 'socketmap_requests_total{role="edge",status="ok"}'):
            found = re.search(rf"doorstep_{re.escape(name)} (\d+)", text)
            expect(found and int(found[1]) > 0, f"{name}: {text[:300]}")

    def trace(self):
        """Whom the MTA refused on our word is in the delivery log."""
        found = self.daemon.tool("trace", "nobody@example.org").decode()
        expect("5.1.1" in found, found)


class PostfixChecks:
    def __init__(self, daemon, postfix):
        self.daemon, self.postfix = daemon, postfix

    def refused(self):
        with smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=60) as smtp:
            smtp.ehlo("client.example.com")
            for name, size, wanted in (
                ("nobody", 0, r"550 5\.1\.1 .*<nobody@example\.org> no such mailbox"),
                ("disabled", 0, r"550 5\.2\.1 .*<disabled@example\.org> mailbox is disabled"),
                ("full", 0, r"452 4\.2\.2 .*<full@example\.org> mailbox is full"),
                ("hard", 0, r"552 5\.2\.2 .*<hard@hard\.example> mailbox is full"),
                ("small", 5000, r"452 4\.2\.2 .*<small@example\.org> mailbox is full"),
                ("small", 100, "250 2.1.5 Ok"),
                ("ann", 5000, "250 2.1.5 Ok"),
                ("ann+news", 0, "250 2.1.5 Ok"),
                ('"a b"', 0, r'550 5\.1\.1 .*<"a b"@example\.org> no such mailbox'),
                ("team", 0, "250 2.1.5 Ok"),
                ("forwarded", 0, "250 2.1.5 Ok"),
                ("half", 0, "250 2.1.5 Ok"),
            ):
                smtp.mail("bob@example.com", [f"SIZE={size}"] if size else [])
                domain = "hard.example" if name == "hard" else "example.org"
                code, text = smtp.rcpt(f"{name}@{domain}")
                got = f"{code} {text.decode()}"
                expect(re.fullmatch(wanted, got), f"{name}: {got}")
                smtp.rset()
            smtp.mail("bob@example.com")
            code, text = smtp.rcpt("someone@elsewhere.example")
            expect(code in (454, 554) and b"Relay access denied" in text, f"{code} {text}")

    def tables_alone(self):
        """Without a policy service: who is in no table is refused, by Postfix's own words."""
        with smtplib.SMTP("127.0.0.1", self.postfix.other_port, timeout=60) as smtp:
            smtp.ehlo("client.example.com")
            smtp.mail("bob@example.com")
            for name in ("nobody", "disabled"):
                code, text = smtp.rcpt(f"{name}@example.org")
                expect(code == 550 and b"User unknown in virtual mailbox table" in text, f"{code} {text}")
            for name in ("full", "ann", "forwarded", "team+x"):
                code, text = smtp.rcpt(f"{name}@example.org")
                expect(code == 250, f"{name}: {code} {text}")

    def postmap(self):
        domain, mailbox, alias = MAPS
        expect(self.postfix.postmap(domain, "example.org") == "example.org", "our domain")
        expect(self.postfix.postmap(domain, "elsewhere.example") is None, "another domain")
        expect(self.postfix.postmap(mailbox, "ann@example.org") == "ann@example.org", "a mailbox")
        expect(self.postfix.postmap(mailbox, "nobody@example.org") is None, "nobody's")
        got = self.postfix.postmap(alias, "half@example.org")
        expect(got == "ann@example.org, kim@example.com", got)
        expect(self.postfix.postmap(alias, "ann@example.org") is None, "no alias")

    def delivered(self):
        """An alias is one recipient for Postfix, and for us its accounts; the rest is Postfix's."""
        before = {name: len(self.daemon.messages(f"{name}/new")) for name in ("ann", "eve")}
        queue_id = self.postfix.send(["team@example.org", "half@example.org"], message("by an alias"))
        self.postfix.wait_log(rf"{queue_id}: to=<ann@example\.org>, orig_to=<team@example\.org>.*status=sent")
        self.postfix.wait_log(rf"{queue_id}: to=<eve@example\.org>, orig_to=<team@example\.org>.*status=sent")
        self.postfix.wait_log(rf"{queue_id}: to=<kim@example\.com>, orig_to=<half@example\.org>.*is elsewhere")
        for name in ("ann", "eve"):
            got = len(self.daemon.messages(f"{name}/new")) - before[name]
            expect(got == 1, f"{name} got {got} messages")

    def store_away(self):
        """Nobody is refused for good on account of our own trouble."""
        pid = self.daemon.store()
        main = self.daemon.process.pid
        os.kill(main, signal.SIGSTOP)
        try:
            os.kill(pid, signal.SIGKILL)
            with smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=60) as smtp:
                smtp.ehlo("client.example.com")
                smtp.mail("bob@example.com")
                code, text = smtp.rcpt("ann@example.org")
                expect(code in (450, 451) and b" 4." in b" " + text, f"{code} {text}")
        finally:
            os.kill(main, signal.SIGCONT)
        until(lambda: Peer(self.daemon, "policy").ask("ann@example.org") == "DUNNO", "no store", 60)


class AskedDaemon(Daemon):
    """One whose store these tests kill: that it was killed is no alarm."""

    def log_text(self):
        killed = re.compile(r" error role_ended role=store .*signal=KILL")
        return "".join(line for line in super().log_text().splitlines(True) if not killed.search(line))

    def store(self):
        """The process that is it now."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as f:
            for pid in f.read().split():
                with open(f"/proc/{pid}/cmdline", "rb") as command:
                    if b"--role\0store" in command.read():
                        return int(pid)
        raise Failure("there is no store")


def make_daemon(more=""):
    daemon = AskedDaemon(in_lmtp='trusted = {"127.0.0.0/8"}')
    daemon.ports.update(policy=free_port(), socketmap=free_port())
    with open(daemon.configuration, "a") as f:
        f.write(LISTEN.format(folder=daemon.folder, more=more, **daemon.ports))
    os.chmod(daemon.folder, 0o755)  # Postfix connects as its own user
    daemon.start()
    for name in ("ann", "eve"):
        daemon.tool("account", "add", f"{name}@example.org")
    return daemon


def fill(daemon):
    daemon.tool("account", "add", "--disabled", "disabled@example.org")
    daemon.tool("account", "add", "--quota", "3K", "small@example.org")
    for name in ("full@example.org", "hard@hard.example"):
        daemon.tool("account", "add", "--quota-messages", "1", name)
        daemon.tool("deliver", "-f", "", "-r", name, data=message("the only one"))
    for alias, target in (
        ("team", "ann@example.org"),
        ("team", "eve@example.org"),
        ("forwarded", "kim@example.com"),
        ("half", "ann@example.org"),
        ("half", "kim@example.com"),
        ("roomy", "small@example.org"),
        ("roomy", "ann@example.org"),
        ("all-full", "full@example.org"),
        ("all-full", "disabled@example.org"),
        ("all-off", "disabled@example.org"),
    ):
        daemon.tool("alias", "add", f"{alias}@example.org", target)


def alone(tests, daemon):
    checks = Checks(daemon)
    tests.run("recipients get the words of RCPT, aliases by their targets", checks.actions)
    tests.run("size counts into quota", checks.sizes)
    tests.run("maps have domains, mailboxes and aliases", checks.maps)
    tests.run("mail for an alias that leads elsewhere waits", checks.elsewhere_in_lmtp)
    tests.run("unknown recipients are left to the MTA where it was set so", checks.lenient)
    tests.run("requests come in pieces", checks.pieces)
    tests.run("a thousand requests at once are answered in order", checks.thousand)
    tests.run("a client may end its side first", checks.half_closed)
    tests.run("what is no request is the end", checks.odd)
    tests.run("names do no harm in answers and in the log", checks.names)
    tests.run("giants are skipped", checks.giants)
    tests.run("who does not read costs only itself", checks.unread)
    tests.run("a store that dies is waited for", checks.store_dies)
    tests.run("a store that stays away refuses nobody", checks.store_away)
    tests.run("requests are counted by their answers", checks.numbers)
    tests.run("whom the MTA refused can be found", checks.trace)


def with_postfix(tests, daemon):
    postfix = AskingPostfix(daemon)
    checks = PostfixChecks(daemon, postfix)
    try:
        postfix.start()
        tests.run("Postfix refuses with our words", checks.refused)
        tests.run("Postfix refuses by the tables alone", checks.tables_alone)
        tests.run("postmap(1) reads the tables", checks.postmap)
        tests.run("Postfix delivers to what an alias leads to", checks.delivered)
        tests.run("Postfix defers while the store is away", checks.store_away)
        if tests.failed > 0:
            lines = [line for line in postfix.log().splitlines() if "overriding earlier" not in line]
            print("\n".join(lines[-30:]))
    finally:
        postfix.end()


def deadlines(tests):
    daemon = make_daemon('timeouts { command = "2s" }')
    tests.run("a request that drips in is ended", Checks(daemon).slow)
    tests.run("the other daemon ends well", daemon.end)
    daemon.remove()


def main():
    tests = Tests("policy")
    daemon = make_daemon()
    fill(daemon)
    try:
        alone(tests, daemon)
        if os.geteuid() != 0:
            tests.skip("Postfix", "Postfix needs root")
        elif tests.has("postfix", "Postfix"):
            with_postfix(tests, daemon)
    finally:
        tests.run("the daemon ends well", daemon.end)
        daemon.remove()
    deadlines(tests)
    tests.end()


if __name__ == "__main__":
    sys.exit(main())
