#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TLS with a private doorstepd: STARTTLS, implicit TLS, names, certificates of clients, tickets, reload, and
what hostile clients do before and in a handshake. All certificates are made here. The last line is
"N passed, N failed"."""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from certificates import FROM_TOMORROW, UNTIL_NOW, Authority, Pair, key_text, new_key
from harness import Daemon, Tests, expect, trace_of, until
from tls_client import Client, context

FOLDER = tempfile.mkdtemp(prefix="doorstep-tls.")
EHLO = "EHLO client.example.com"
LHLO = "LHLO client.example.com"
EX_CONFIG = 78


class Setup:
    """Certificates for all tests, and the daemon that most of them talk to."""

    def __init__(self):
        self.ca = Authority(FOLDER, "ours")
        self.other_ca = Authority(FOLDER, "others")
        self.mx = self.ca.issue("mx", ["mx.example.org"])
        self.rsa = self.ca.issue("rsa", ["mx.example.org"], kind="2048")
        self.wild = self.ca.issue("wild", ["*.example.net"])
        self.exact = self.ca.issue("exact", ["one.example.net"])
        pairs = (self.mx, self.rsa, self.wild, self.exact)
        many = (
            "certificate = {" + ", ".join(f'"{p.pem}"' for p in pairs) + "}\n"
            "key = {" + ", ".join(f'"{p.key_pem}"' for p in pairs) + "}\n"
        )
        self.implicit_port, self.required_port, self.client_port = free_ports(3)
        self.daemon = Daemon(
            in_lmtp="tls = offered\n" + self.mx.settings(),
            in_smtp="tls = offered\n" + many,
            more=f"""
                edges = 2
                timeouts {{ handshake = 2s }}
                listen smtp {{ address = {{"127.0.0.1:{self.implicit_port}"}} tls = implicit
                    {self.mx.settings()} }}
                listen smtp {{ address = {{"127.0.0.1:{self.required_port}"}} tls = required
                    {self.mx.settings()} }}
                listen smtp {{ address = {{"127.0.0.1:{self.client_port}"}} tls = required
                    require = client_cert client_ca = "{self.ca.pem}" {self.mx.settings()} }}
            """,
        )

    def lines(self, event):
        """Of the log, with this event."""
        return [l for l in self.daemon.log_text().splitlines() if f" {event} " in l]

    def smtp(self):
        c = Client(self.daemon.ports["smtp"])
        c.want(220)
        return c

    def under_tls(self, **options):
        c = self.smtp()
        c.want(250, EHLO)
        c.start_tls(context(self.ca.pem, **options))
        return c

    def implicit(self, tls=None, **options):
        c = Client(self.implicit_port, tls or context(self.ca.pem), **options)
        c.want(220)
        return c


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


# --- what good clients see ---


def announces(setup):
    c = setup.smtp()
    said = c.want(250, EHLO)
    expect("250-STARTTLS" in said and "REQUIRETLS" not in said, said)
    c.start_tls(context(setup.ca.pem))
    c.want("503 5.5.1", "MAIL FROM:<a@example.com>")  # the EHLO before is forgotten
    said = c.want(250, EHLO)
    expect("STARTTLS" not in said and "250-REQUIRETLS" in said, said)
    c.want("503 5.5.1", "STARTTLS")
    c.want("221", "QUIT")


def received(setup):
    c = setup.under_tls(version=ssl.TLSVersion.TLSv1_3)
    c.want(250, EHLO)
    c.deliver("ann@example.org")
    (stored,) = setup.daemon.messages("ann/new")
    (field,) = [f for f in trace_of(stored) if f.startswith("Received:")]
    expect(
        re.search(r"\(using TLSv1\.3 with cipher TLS_\w+\) by mx\.example\.org \(Doorstep\) with ESMTPS id ", field),
        field,
    )


def received_12(setup):
    c = setup.under_tls(version=ssl.TLSVersion.TLSv1_2)
    c.want(250, EHLO)
    c.deliver("bob@example.org")
    (stored,) = setup.daemon.messages("bob/new")
    expect(b"(using TLSv1.2 with cipher ECDHE-" in stored and b"GCM" in stored, stored[:600])


def lmtp(setup):
    c = Client(setup.daemon.ports["lmtp"])
    c.want(220)
    c.want(250, LHLO)
    c.start_tls(context(setup.ca.pem))
    c.want(250, LHLO)
    c.deliver("cid@example.org")
    (stored,) = setup.daemon.messages("cid/new")
    expect(b"with LMTPS id" in stored, stored[:600])


def implicit(setup):
    c = setup.implicit()
    said = c.want(250, EHLO)
    expect("STARTTLS" not in said, said)
    c.deliver("dan@example.org", body="Subject: long\r\n\r\n" + "x" * 70 + "\r\n" + ("y" * 900 + "\r\n") * 2000)
    (stored,) = setup.daemon.messages("dan/new")
    expect(stored.count(b"y" * 900) == 2000 and b"with ESMTPS id" in stored, stored[:600])
    c.want(221, "QUIT")
    expect(c.socket.recv(1) == b"", "no close_notify")


def required(setup):
    c = Client(setup.required_port)
    c.want(220)
    for line in (EHLO, "NOOP", "HELO x"):
        c.want(250, line)
    for line in ("MAIL FROM:<a@example.com>", "RSET", "VRFY ann", "HELP", "XCLIENT NAME=x", "XFORWARD NAME=x"):
        c.want("530 5.7.0", line)
    c.send(b"BDAT 6 LAST\r\nNOOP\r\n")  # six octets that are no command
    c.want("530 5.7.0")
    c.want(250, EHLO)
    c.start_tls(context(setup.ca.pem))
    c.want(250, EHLO)
    c.deliver("eve@example.org")
    c.want(221, "QUIT")


def requiretls(setup):
    c = setup.smtp()
    c.want(250, EHLO)
    c.want("530 5.7.10", "MAIL FROM:<a@example.com> REQUIRETLS")
    c.start_tls(context(setup.ca.pem))
    c.want(250, EHLO)
    c.want("501 5.5.4", "MAIL FROM:<a@example.com> REQUIRETLS=1")
    c.deliver("fay@example.org", parameters=" REQUIRETLS")
    until(lambda: any("fay@example.org" in l and "requiretls" in l for l in log_of_deliveries(setup)), "delivery log")


def log_of_deliveries(setup):
    with open(f"{setup.daemon.state}/delivery.log", errors="replace") as f:
        return f.read().splitlines()


def pipelined(setup):
    """Replies of one turn share a record, and all of them come."""
    c = setup.implicit()
    c.send((EHLO + "\r\n").encode() + b"NOOP\r\n" * 200)
    c.want(250)
    for _ in range(200):
        c.want(250)


def octet_by_octet(setup):
    """Each octet in a record of its own, each record in pieces."""
    c = setup.implicit()
    for octet in EHLO.encode() + b"\r\nNOOP\r\n":
        c.send(bytes([octet]))
    c.want(250)
    c.want(250)


# --- names ---


def served(setup, name, port=None, tls=None):
    c = Client(port or setup.daemon.ports["smtp"], name=name)
    c.want(220)
    c.want(250, EHLO)
    c.start_tls(tls or context())
    return c.socket.getpeercert(True)


def names(setup):
    for name, pair in (
        ("mx.example.org", setup.mx),
        ("MX.Example.ORG", setup.mx),
        ("two.example.net", setup.wild),
        ("one.example.net", setup.exact),  # wins against the wildcard that stands before it
        ("a.b.example.net", setup.mx),
        ("example.net", setup.mx),
        ("nowhere.example.com", setup.mx),
        (None, setup.mx),
    ):
        expect(served(setup, name) == pair.der, f"{name} got another certificate")


def kinds_of_keys(setup):
    tls = context(version=ssl.TLSVersion.TLSv1_2)
    tls.set_ciphers("aRSA")
    expect(served(setup, "mx.example.org", tls=tls) == setup.rsa.der, "a client that knows RSA only")
    expect(served(setup, "mx.example.org") == setup.mx.der, "one that knows both")


def hello(name):
    """The octets of a ClientHello."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    c = context().wrap_bio(into, out, server_hostname=name)
    try:
        c.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def odd_names(setup):
    """The same hello with the name's octets exchanged: whatever it is, the daemon lives."""
    place = "placeholder-of-24-octets"
    octets = hello(place)
    for odd in (
        b"\x00" * 24,
        b"mx.example.org\x00example.n",
        b"mx.example.org          ",
        b"\\" * 24,
        b"." * 24,
        b"\xff" * 24,
        b"\r\n250 ok\r\nid=1 event=a   ",
        b"*.example.net*.example.n",
        b"\x1b[2J\x1b[31m\x1b]0;title\x07....",
    ):
        odd = odd[:24].ljust(24, b"x")
        s = socket.create_connection(("127.0.0.1", setup.implicit_port), 60)
        s.sendall(octets.replace(place.encode(), odd))
        said = s.recv(4096)
        expect(said[:1] in (b"\x15", b"\x16"), said)  # an alert, or a ServerHello
        s.close()
    for line in setup.daemon.log_text().splitlines():
        expect("\x1b" not in line and re.match(r"\S+ ", line), repr(line))
    setup.implicit().want(250, EHLO)


def protocols(setup):
    """ALPN: a client that means HTTP or IMAP is in the wrong place."""
    for offered, is_good in ((["http/1.1"], False), (["imap", "h2"], False), (["h2", "smtp"], True), (["lmtp"], True)):
        tls = context(setup.ca.pem)
        tls.set_alpn_protocols(offered)
        try:
            setup.implicit(tls)
            expect(is_good, f"{offered} was accepted")
        except ssl.SSLError as error:
            expect(not is_good and "no application protocol" in str(error), f"{offered}: {error}")


# --- certificates of clients ---


def client(setup, pair):
    c = Client(setup.client_port)
    c.want(220)
    c.want(250, EHLO)
    c.start_tls(context(setup.ca.pem, pair))
    c.want(250, EHLO)
    return c


def client_certificates(setup):
    good = setup.ca.issue("client-good", emails=["gus@example.org"], subject="good client")
    client(setup, good).deliver("gus@example.org")
    expect(len(setup.daemon.messages("gus/new")) == 1, "it was not delivered")
    for pair in (
        setup.ca.issue("client-expired", days=UNTIL_NOW),
        setup.ca.issue("client-early", days=FROM_TOMORROW),
        setup.other_ca.issue("client-other"),
        None,
    ):
        client(setup, pair).want("530 5.7.0", "MAIL FROM:<a@example.com>")
    said = "\n".join(setup.lines("tls_client"))
    for text in ("verified=yes", 'CN=good client', "certificate has expired", "not yet valid", "CN=ours"):
        expect(text in said, f"{text!r} is not in\n{said}")


def hostile_subject(setup):
    odd = setup.other_ca.issue("client-odd", subject="a\r\nid=1 tls verified=yes \x1b[2J\u202e")
    before = len(setup.daemon.log_text().splitlines())
    client(setup, odd).want("530 5.7.0", "MAIL FROM:<a@example.com>")
    for line in setup.daemon.log_text().splitlines()[before:]:
        expect("\x1b" not in line and not line.startswith("id=1") and "\u202e" not in line, repr(line))


def no_tickets_for_certified_clients(setup):
    good = setup.ca.issue("client-again", subject="again")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        tls = context(setup.ca.pem, good, version)
        first = Client(setup.client_port)
        first.want(220)
        first.want(250, EHLO)
        first.start_tls(tls)
        first.want(250, EHLO)
        session = first.socket.session
        expect(session is None or not session.has_ticket, f"{version} gave a ticket")


# --- tickets ---


def ticket(setup, version):
    tls = context(setup.ca.pem, version=version)
    c = setup.implicit(tls)
    c.want(250, EHLO)
    expect(c.socket.session.has_ticket, "there is no ticket")
    return tls, c.socket.session


def resumption(setup):
    """By whichever edge, and after the edges were started anew."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        tls, session = ticket(setup, version)
        for _ in range(8):
            c = setup.implicit(tls, session=session)
            expect(c.socket.session_reused, f"{version}: not resumed")
            c.want(250, EHLO)
        reload(setup)  # other processes
        c = setup.implicit(tls, session=session)
        expect(c.socket.session_reused, f"{version}: not resumed by a new edge")
    expect(any("resumed=yes" in l for l in setup.lines("tls")), "the log says nothing")


def tickets_of_others(setup):
    """A ticket is nothing to another service, though its certificate is the same."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        tls, session = ticket(setup, version)
        for port in (setup.required_port, setup.daemon.ports["smtp"], setup.daemon.ports["lmtp"]):
            c = Client(port)
            c.want(220)
            c.want(250, LHLO if port == setup.daemon.ports["lmtp"] else EHLO)
            c.start_tls(tls, session)
            expect(not c.socket.session_reused, f"{version}: port {port} took it")


# --- hostile clients ---


def injection(setup):
    """CVE-2011-0411: what stands behind STARTTLS in plain is never heard of again."""
    for behind in (
        b"NOOP\r\n" * 50,
        b"EHLO evil.example.com\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n",
        b"QUIT\r\n",
        b"NOO",
        b"x" * 5000,
    ):
        c = setup.smtp()
        c.want(250, EHLO)
        c.send(b"STARTTLS\r\n" + behind)
        c.want("220 2.0.0")
        c.wrap(context(setup.ca.pem))
        c.want("503 5.5.1 introduce", "MAIL FROM:<a@example.com>")
        c.want("250", "NOOP")
        c.want("503", "DATA")
        c.want("221", "QUIT")
    expect(len(setup.lines("starttls_dropped")) >= 5, "the log says nothing")


def plain_behind_220(setup):
    """A client that goes on in plain gets an alert and no answer."""
    c = setup.smtp()
    c.want(250, EHLO)
    c.want(220, "STARTTLS")
    c.send(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<ann@example.org>\r\n")
    said = c.socket.recv(4096)
    expect(b"250" not in said and b"503" not in said, said)
    expect(c.is_closed(), "it is open")


def starttls_forgets(setup):
    """XCLIENT and a transaction that were said in plain."""
    c = Client(setup.daemon.ports["smtp"])
    c.want(220)
    c.want(250, EHLO)
    c.want(250, "MAIL FROM:<a@example.com>")
    c.want("503 5.5.1", "STARTTLS")  # not in the middle of a transaction
    c.want(250, "RSET")
    c.want("501 5.5.4", "STARTTLS now")
    c.start_tls(context(setup.ca.pem))
    c.want(503, "RCPT TO:<ann@example.org>")


def garbage(setup):
    octets = os.urandom(65536)
    for prefix in (b"", b"\x16\x03\x01\xff\xff", b"\x16\x03\x01\x40\x00\x01\x00\xff\xff", b"\x80\xff\x01\x03\x01", b"GET / HTTP/1.0\r\n"):
        s = socket.create_connection(("127.0.0.1", setup.implicit_port), 60)
        try:
            s.sendall(prefix + octets)
            while s.recv(65536):
                pass
        except ConnectionError:
            pass
        s.close()
    big = b"".join(b"\x16\x03\x01\x40\x00" + (b"\x01\x03\xff\xff" + bytes(0x3ffc) if i == 0 else bytes(0x4000)) for i in range(20))
    s = socket.create_connection(("127.0.0.1", setup.implicit_port), 60)
    try:
        s.sendall(big)  # a ClientHello of 256 KiB, announced and sent
        while s.recv(65536):
            pass
    except ConnectionError:
        pass
    setup.implicit().want(250, EHLO)


def old_versions(setup):
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        tls = context(version=version)
        tls.set_ciphers("ALL:@SECLEVEL=0")
        try:
            setup.implicit(tls)
        except ssl.SSLError as error:
            expect("VERSION" in str(error), str(error))
        else:
            expect(False, f"{version} was accepted")
    tls = context(version=ssl.TLSVersion.TLSv1_2)
    tls.set_ciphers("AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
    try:
        setup.implicit(tls)
        expect(False, "CBC was accepted")
    except ssl.SSLError as error:
        expect("HANDSHAKE_FAILURE" in str(error), str(error))


class SClient:
    """openssl(1) with a letter of its own a time: it takes one only at the begin of what it reads."""

    def __init__(self, setup, *arguments):
        address = f"127.0.0.1:{setup.implicit_port}"
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", address, "-crlf", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.said = b""
        os.set_blocking(self.process.stdout.fileno(), False)

    def say(self, octets):
        self.process.stdin.write(octets)
        self.process.stdin.flush()

    def has_said(self, octets, count=1):
        self.said += self.process.stdout.read() or b""
        return self.said.lower().count(octets) >= count

    def wait_for(self, octets, count=1):
        until(lambda: self.has_said(octets, count), f"{octets!r} of openssl s_client", 60)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def renegotiation(setup):
    c = SClient(setup, "-tls1_2")
    try:
        c.wait_for(b"220 mx.example.org")
        c.say(b"R\n")
        c.wait_for(b"no renegotiation")
    finally:
        c.end()


def key_updates(setup):
    """The peer asks for new keys again and again: it gets them, and the session goes on."""
    c = SClient(setup, "-tls1_3")
    try:
        c.wait_for(b"220 mx.example.org")
        for i in range(20):
            c.say(b"K\n")
            c.wait_for(b"keyupdate", i + 1)
        c.say(b"NOOP\n")
        c.wait_for(b"250 2.0.0")
    finally:
        c.end()


def stalls(setup):
    """A handshake that stops costs its own connection alone, and ends in time."""
    octets = hello("mx.example.org")
    sockets = []
    for n in (0, 1, 5, 40, len(octets) - 1, len(octets)):
        for _ in range(5):
            s = socket.create_connection(("127.0.0.1", setup.implicit_port), 60)
            s.sendall(octets[:n])
            sockets.append(s)
    for i in range(5):
        c = setup.implicit()
        c.want(250, EHLO)
        c.close()
    for s in sockets:
        s.settimeout(60)
        try:
            while s.recv(65536):
                pass
        except ConnectionError:
            pass
    expect(any("handshake timeout" in l for l in setup.lines("disconnect")), "the log says nothing")


# --- reload ---


def reload(setup, event="reloaded"):
    before = len(setup.lines(event))
    setup.daemon.process.send_signal(signal.SIGHUP)
    until(lambda: len(setup.lines(event)) > before, event, 60)


def is_served(setup, pair):
    return served(setup, "mx.example.org", setup.required_port) == pair.der


def renewal(setup):
    """A new pair is served to whoever comes after the reload; a session of before goes on."""
    old = setup.implicit()
    old.want(250, EHLO)
    setup.mx.replace(setup.ca.issue("mx-new", ["mx.example.org"]))
    reload(setup)
    expect(old.socket.getpeercert(True) == setup.mx.der, "it began with another")
    new = setup.implicit()
    expect(new.socket.getpeercert(True) != setup.mx.der, "the old one is served")
    old.deliver("hal@example.org")
    old.want(221, "QUIT")
    setup.mx_now = new.socket.getpeercert(True)


def bad_renewals(setup):
    good = (open(setup.mx.pem, "rb").read(), open(setup.mx.key_pem, "rb").read())
    other = setup.ca.issue("spoiler", ["mx.example.org"])
    expired = setup.ca.issue("spoiler-expired", ["mx.example.org"], days=UNTIL_NOW)
    early = setup.ca.issue("spoiler-early", ["mx.example.org"], days=FROM_TOMORROW)

    def text(path):
        with open(path, "rb") as f:
            return f.read()

    for name, certificate, key, said in (
        ("expired", text(expired.pem), text(expired.key_pem), "expired on"),
        ("early", text(early.pem), text(early.key_pem), "is not valid before"),
        ("mismatched", text(other.pem), good[1], "do not belong together"),
        ("half written", good[0][:200], good[1], "no certificates in PEM"),
        ("empty", b"", b"", "no certificates in PEM"),
        ("locked", good[0], key_text(new_key("ec"), b"secret"), "passphrase"),
    ):
        Pair.write(setup.mx.pem, certificate)
        Pair.write(setup.mx.key_pem, key)
        before = len(setup.lines("certificate"))
        reload(setup)
        c = setup.implicit()
        expect(c.socket.getpeercert(True) == setup.mx_now, f"{name}: another certificate is served")
        lines = "\n".join(setup.lines("certificate")[before:])
        expect(said in lines and "the one in force stays" in lines, f"{name}: {lines}")
    os.unlink(setup.mx.key_pem)
    reload(setup)
    expect(setup.implicit().socket.getpeercert(True) == setup.mx_now, "the key is gone, and with it the certificate")
    Pair.write(setup.mx.pem, good[0])
    Pair.write(setup.mx.key_pem, good[1])
    os.chmod(setup.mx.key_pem, 0o644)
    before = len(setup.lines("certificate"))
    reload(setup)
    expect("read by everybody" in "\n".join(setup.lines("certificate")[before:]), "a public key is no secret")
    os.chmod(setup.mx.key_pem, 0o600)
    reload(setup)


def bad_addition(setup):
    """A listener that is new has no pair in force: the whole reload is refused."""
    with open(setup.daemon.configuration) as f:
        old = f.read()
    (port,) = free_ports(1)
    bad = setup.ca.issue("bad", ["mx.example.org"], days=UNTIL_NOW)
    with open(setup.daemon.configuration, "a") as f:
        f.write(f'listen smtp {{ address = {{"127.0.0.1:{port}"}} tls = offered {bad.settings()} }}\n')
    reload(setup, "reload_refused")
    expect("expired on" in setup.lines("reload_refused")[-1], setup.lines("reload_refused")[-1])
    setup.implicit().want(250, EHLO)
    with open(setup.daemon.configuration, "w") as f:
        f.write(old)


def reload_under_load(setup):
    """Sessions under TLS go on through reloads, and none is refused."""
    failures, delivered, over = [], [0], threading.Event()

    def send():
        try:
            while not over.is_set():
                c = setup.implicit()
                c.want(250, EHLO)
                for _ in range(3):
                    c.deliver("ida@example.org", body=f"Subject: {time.monotonic_ns()}\r\n\r\nx\r\n")
                    delivered[0] += 1
                c.want(221, "QUIT")
        except Exception as failure:
            failures.append(repr(failure))

    threads = [threading.Thread(target=send) for _ in range(3)]
    for t in threads:
        t.start()
    try:
        for i in range(4):
            setup.mx.replace(setup.ca.issue(f"mx-{i}", ["mx.example.org"]))
            before = delivered[0]
            reload(setup)
            until(lambda: failures or delivered[0] > before + 5, "messages", 120)
    finally:
        over.set()
        for t in threads:
            t.join()
    expect(not failures, "\n".join(failures))


def edges_of(daemon):
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                name, rest = f.read().rsplit(")", 1)
        except OSError:
            continue
        if "(doorstep-edge" in name and int(rest.split()[1]) == daemon.process.pid:
            found.add(int(pid))
    return found


def lost_edge(setup):
    """An edge that is started anew while the files are spoiled gets what is in force, and keeps no copy."""
    pair = setup.ca.issue("lost", ["mx.example.org"])
    daemon = Daemon(in_smtp="tls = required\n" + pair.settings())
    try:
        daemon.start()
        Pair.write(pair.pem, b"garbage")
        os.unlink(pair.key_pem)
        before = edges_of(daemon)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        (edge,) = until(lambda: edges_of(daemon) - before, "another edge")
        port = daemon.ports["smtp"]
        got = until(lambda: served_or_none(setup, port), "an edge that serves")
        expect(got == pair.der, "another certificate is served")
        open_files = [os.readlink(f"/proc/{edge}/fd/{n}") for n in os.listdir(f"/proc/{edge}/fd")]
        expect(not any("doorstep-tls" in f for f in open_files), f"it still has the keys open: {open_files}")
        with open(f"/proc/{edge}/maps") as f:
            expect("doorstep-tls" not in f.read(), "it still has the keys mapped")
    finally:
        daemon.kill()
        daemon.remove()


def served_or_none(setup, port):
    try:
        return served(setup, "mx.example.org", port)
    except OSError:
        return None


# --- starts ---


def refused_start(setup, pair, text, certificate=None, key=None, mode=None):
    if certificate is not None:
        Pair.write(pair.pem, certificate)
    if key is not None:
        Pair.write(pair.key_pem, key)
    if mode is not None:
        os.chmod(pair.key_pem, mode)
    daemon = Daemon(in_smtp="tls = offered\n" + pair.settings())
    try:
        p = subprocess.run(
            [os.environ.get("DOORSTEPD", "doorstepd"), "-c", daemon.configuration],
            capture_output=True,
            text=True,
            timeout=120,
        )
        expect(p.returncode == EX_CONFIG, f"status {p.returncode}:\n{p.stderr}")
        expect(text in p.stderr and pair.pem.rsplit(".", 1)[0] in p.stderr, p.stderr)
    finally:
        daemon.remove()


def starts(setup):
    issue = setup.ca.issue
    refused_start(setup, issue("s1", ["x"], days=UNTIL_NOW), "expired on")
    refused_start(setup, issue("s2", ["x"], days=FROM_TOMORROW), "is not valid before")
    refused_start(setup, issue("s3", ["x"]), "do not belong together", key=key_text(new_key("ec")))
    refused_start(setup, issue("s4", ["x"]), "passphrase", key=key_text(new_key("ec"), b"secret"))
    refused_start(setup, issue("s5", ["x"]), "read by everybody", mode=0o644)
    refused_start(setup, issue("s6", ["x"]), "no certificates", certificate=b"\0" * 100)
    refused_start(setup, issue("s7", ["x"], kind="1024"), "too small")
    refused_start(setup, issue("s8", ["x"]), "too large", certificate=b"x" * 70000)
    gone = issue("s9", ["x"])
    os.unlink(gone.key_pem)
    refused_start(setup, gone, "No such file")


# --- other people's clients ---


def swaks(setup, *arguments):
    p = subprocess.run(
        ["swaks", "--from", "bob@example.com", "--to", "jan@example.org", *arguments],
        capture_output=True,
        timeout=120,
        text=True,
    )
    expect(p.returncode == 0 and "250 2." in p.stdout, p.stdout)
    expect("TLS started with cipher TLSv1." in p.stdout, p.stdout)


def swaks_starttls(setup):
    swaks(setup, "--server", f"127.0.0.1:{setup.daemon.ports['smtp']}", "-tls")


def swaks_implicit(setup):
    swaks(setup, "--server", f"127.0.0.1:{setup.implicit_port}", "-tlsc")


def swaks_lmtp(setup):
    swaks(setup, "--server", f"127.0.0.1:{setup.daemon.ports['lmtp']}", "--protocol", "LMTP", "-tls")


def s_client(setup):
    """The same by openssl(1), verified against the authority and the name."""
    p = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{setup.daemon.ports['smtp']}", "-starttls", "smtp",
         "-CAfile", setup.ca.pem, "-verify_return_error", "-verify_hostname", "mx.example.org",
         "-servername", "mx.example.org", "-quiet", "-crlf"],
        input=b"NOOP\nQUIT\n",
        capture_output=True,
        timeout=60,
    )
    expect(b"221 2.0.0" in p.stdout, (p.stdout + p.stderr).decode(errors="replace"))


def main():
    tests = Tests("tls")
    setup = Setup()
    try:
        setup.daemon.start()
        for user in "ann bob cid dan eve fay gus hal ida jan".split():
            setup.daemon.tool("account", "add", f"{user}@example.org")
        for check in (announces, received, received_12, lmtp, implicit, required, requiretls, pipelined,
                      octet_by_octet, names, kinds_of_keys, odd_names, protocols, client_certificates,
                      hostile_subject, no_tickets_for_certified_clients, resumption, tickets_of_others,
                      injection, plain_behind_220, starttls_forgets, garbage, old_versions, stalls, s_client):
            tests.run(check.__name__.replace("_", " "), check, setup)
        for check in (renegotiation, key_updates):
            tests.run(check.__name__.replace("_", " "), check, setup)
        if tests.has("swaks", "swaks"):
            for check in (swaks_starttls, swaks_implicit, swaks_lmtp):
                tests.run(check.__name__.replace("_", " "), check, setup)
        for check in (renewal, bad_renewals, bad_addition, reload_under_load, lost_edge, starts):
            tests.run(check.__name__.replace("_", " "), check, setup)
        tests.run("a clean end", setup.daemon.end)
    finally:
        if setup.daemon.process is not None:
            setup.daemon.kill()
        setup.daemon.remove()
        shutil.rmtree(FOLDER, ignore_errors=True)
    tests.end()


if __name__ == "__main__":
    main()
