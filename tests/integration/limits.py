#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Limits that need more than one dialogue to be met: TLS handshakes at once, what a proxy says of TLS, and a flood on TCP
beside the unix socket. Numbers are those of the metrics role. The last line is "N passed, N failed"."""

import http.client
import re
import shutil
import socket
import struct
import tempfile

from certificates import Authority
from harness import Daemon, Tests, expect, trace_of, until
from private_daemon import free_ports
from tls_client import Client, context

FOLDER = tempfile.mkdtemp(prefix="doorstep-limits.")
EHLO = "EHLO client.example.com"
LHLO = "LHLO client.example.com"
ACCOUNTS = "ann bob cid dan".split()


class Metrics(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


class Setup:
    """A daemon with accounts and numbers; a `with` block ends it, and looks how it ended."""

    def __init__(self, more="", **sections):
        self.metrics = f"{tempfile.mkdtemp(dir=FOLDER)}/metrics.sock"
        self.daemon = Daemon(more=f'metrics {{ address = "unix:{self.metrics}" }}\nedges = 1\n{more}', **sections)

    def __enter__(self):
        self.daemon.start()
        for user in ACCOUNTS:
            self.daemon.tool("account", "add", f"{user}@example.org")
        return self

    def __exit__(self, failure, *_):
        try:
            if failure is None:
                self.daemon.end()
        finally:
            if self.daemon.process is not None:
                self.daemon.kill()
            self.daemon.remove()

    def value(self, name, label=""):
        """Of a sample, all roles together."""
        connection = Metrics(self.metrics)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        found = re.findall(rf"^{name}(\{{[^}}]*\}})? (\S+)", text, re.MULTILINE)
        return sum(float(number) for labels, number in found if label in labels)

    def hits(self, limit):
        return self.value("doorstep_limits_hit_total", f'limit="{limit}"')

    def client(self, protocol="lmtp", transport="tcp"):
        return Plain(self.daemon.connect(protocol, transport, 60))


class Plain(Client):
    """A client on a socket that is there already, greeted."""

    def __init__(self, connected, greeting=220):
        self.socket, self.name, self.rest = connected, "mx.example.org", b""
        if greeting is not None:
            self.want(greeting)


# --- handshakes at once ---


def stall(port):
    """A connection that holds a place for a handshake, and never begins one."""
    return socket.create_connection(("127.0.0.1", port), 60)


def handshakes(busy):
    """One at a time; what a handshake may take while others wait is `busy`."""
    ca = Authority(FOLDER, f"ca-{busy}")
    pair = ca.issue(f"mx-{busy}", ["mx.example.org"])
    (port,) = free_ports(1)
    setup = Setup(
        in_smtp="tls = offered\n" + pair.settings(),
        in_lmtp="tls = offered\n" + pair.settings(),
        more=f"""
            limits {{ handshakes = 1 exempt = {{}} }}
            timeouts {{ handshake = 3s handshake_busy = {busy} }}
            listen smtp {{ address = {{"127.0.0.1:{port}"}} tls = implicit {pair.settings()} }}
        """,
    )
    return setup, port, ca


def one_that_stalls_is_not_waited_for():
    setup, port, ca = handshakes("200ms")
    with setup:
        stalled = stall(port)
        until(lambda: setup.value("doorstep_tls_handshakes_open") == 1, "a handshake is under way")
        c = setup.client("smtp")
        c.want(250, EHLO)
        c.start_tls(context(ca.pem))  # waits for its 220
        c.want(250, EHLO)
        c.deliver("ann@example.org")
        expect(stalled.recv(1) == b"", "the one that stalls is still there")
        expect(setup.hits("handshakes") == 1, "the limit was not counted")
        expect(setup.hits("timeout_handshake") == 1, "its end was not counted")
        implicit = Client(port, context(ca.pem))
        implicit.want(220)
        until(lambda: setup.value("doorstep_tls_handshakes_open") == 0, "no handshake is under way")
        expect(setup.value("doorstep_tls_handshakes_waiting") == 0, "somebody still waits")
        for c in (c, implicit):
            c.socket.close()


def too_many_hear_421():
    setup, port, ca = handshakes("3s")
    with setup:
        holder = stall(port)
        until(lambda: setup.value("doorstep_tls_handshakes_open") == 1, "a handshake is under way")
        waiters = [stall(port)]
        until(lambda: setup.value("doorstep_tls_handshakes_waiting") == 1, "another waits")
        c = setup.client("smtp")
        c.want(250, EHLO)
        c.send(b"STARTTLS\r\n")
        until(lambda: setup.value("doorstep_tls_handshakes_waiting") == 2, "STARTTLS waits")
        waiters.append(stall(port))
        local = setup.client("lmtp", "unix")  # the MTA beside us waits for nobody
        local.want(250, LHLO)
        local.start_tls(context(ca.pem))
        local.want(250, LHLO)
        local.deliver("bob@example.org")
        expect(holder.recv(1) == b"", "the first one is still there")
        c.want("421 4.7.0")
        c.is_closed()
        expect(waiters[1].recv(1) == b"", "one that waited in vain under implicit TLS is still there")
        expect(setup.hits("handshakes") == 3, "not all that waited were counted")
        for gone in (*waiters, local.socket):
            gone.close()


def those_that_vanish_make_room():
    setup, port, ca = handshakes("3s")
    with setup:
        crowd = [stall(port) for _ in range(20)]
        until(lambda: setup.value("doorstep_tls_handshakes_waiting") == 19, "all others wait")
        for gone in crowd:
            gone.close()
        c = Client(port, context(ca.pem))
        c.want(220)
        c.want(250, EHLO)
        c.deliver("cid@example.org")
        until(lambda: setup.value("doorstep_tls_handshakes_open") == 0, "no handshake is under way")
        c.socket.close()


# --- TLS that a proxy ended ---


def tlv(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


def ssl_tlv(flags, verify, *parts):
    return tlv(0x20, struct.pack(">BI", flags, verify) + b"".join(parts))


def header(*tlvs):
    body = socket.inet_aton("192.0.2.7") + socket.inet_aton("192.0.2.1") + struct.pack(">HH", 56324, 25) + b"".join(tlvs)
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", len(body)) + body


VERSION = tlv(0x21, b"TLSv1.3")
CIPHER = tlv(0x23, b"TLS_AES_256_GCM_SHA384")
ANN = tlv(0x22, b"ann@example.org")


def proxied_setup():
    ca = Authority(FOLDER, "ca-proxied")
    pair = ca.issue("mx-proxied", ["mx.example.org"])
    (port,) = free_ports(1)
    trust = 'proxy_protocol = yes proxy_trusted = {"127.0.0.1/32"} tls = offered ' + pair.settings()
    setup = Setup(
        in_smtp=trust,
        more=f"""
            listen smtp {{ address = {{"127.0.0.1:{port}"}} require = client_cert auth = yes {trust}
                client_ca = "{ca.pem}" }}
        """,
    )
    return setup, port, ca


def behind(port, *tlvs):
    s = socket.create_connection(("127.0.0.1", port), 60)
    s.sendall(header(*tlvs))
    return Plain(s)


def a_proxys_tls_is_the_sessions(setup):
    c = behind(setup.daemon.ports["smtp"], ssl_tlv(0x01, 1, VERSION, CIPHER), tlv(0x02, b"mx.example.org"), tlv(0x01, b"smtp"))
    said = c.want(250, EHLO)
    expect("STARTTLS" not in said and "250-REQUIRETLS" in said, said)
    c.want("503 5.5.1", "STARTTLS")
    c.deliver("ann@example.org", parameters=" REQUIRETLS")
    (stored,) = setup.daemon.messages("ann/new")
    trace = "\n".join(trace_of(stored))
    expect(re.search(r"\(using TLSv1\.3 with cipher TLS_AES_256_GCM_SHA384\) by .* with ESMTPS id ", trace), trace)
    log = setup.daemon.log_text()
    expect(re.search(r" tls id=\S+ version=TLSv1\.3 cipher=TLS_AES_256_GCM_SHA384 server_name=mx.example.org .*by=proxy", log), log[-2000:])
    expect(re.search(r" proxied .*alpn=smtp authority=mx\.example\.org", log), log[-2000:])


def without_tls_starttls_is_offered(setup):
    c = behind(setup.daemon.ports["smtp"], ssl_tlv(0x00, 0, VERSION))
    said = c.want(250, EHLO)
    expect("250-STARTTLS" in said and "REQUIRETLS" not in said, said)


def its_certificate_counts_when_it_was_good(setup, port):
    c = behind(port, ssl_tlv(0x05, 0, VERSION, CIPHER, ANN))
    c.want(250, EHLO)
    c.deliver("bob@example.org")
    for flags, verify in ((0x01, 0), (0x05, 18), (0x04, 0)):
        c = behind(port, ssl_tlv(flags, verify, VERSION, CIPHER, ANN))
        c.want(250, EHLO)
        c.want("530 5.7.0", "MAIL FROM:<bob@example.com>")


def its_certificate_logs_in(setup, port):
    c = behind(port, ssl_tlv(0x05, 0, VERSION, CIPHER, ANN))
    said = c.want(250, EHLO)
    expect("EXTERNAL" in said and "PLUS" not in said, said)
    c.want("235", "AUTH EXTERNAL =")
    c.deliver("cid@example.org")
    (stored,) = setup.daemon.messages("cid/new")
    expect(b"with ESMTPSA id" in stored, stored[:600])


def hostile_texts_stay_texts(setup):
    c = behind(setup.daemon.ports["smtp"], ssl_tlv(0x01, 1, tlv(0x21, b"TLS(v) \xff"), tlv(0x23, b")\\evil(")))
    c.want(250, EHLO)
    c.deliver("dan@example.org")
    (stored,) = setup.daemon.messages("dan/new")
    trace = "\n".join(trace_of(stored))
    expect("(using TLS?v? ? with cipher ??evil?)" in trace, trace)
    s = socket.create_connection(("127.0.0.1", setup.daemon.ports["smtp"]), 60)
    s.sendall(header(ssl_tlv(0x01, 1, tlv(0x21, b"TLSv1.3\r\n220"))))
    expect(s.recv(1) == b"", "a header with control octets was taken")


def starttls_behind_a_proxy(setup, ca):
    """TLS of our own takes the place of nothing, and what came with the header is its first."""
    c = behind(setup.daemon.ports["smtp"])
    c.want(250, EHLO)
    c.start_tls(context(ca.pem))
    c.want(250, EHLO)


def name(check):
    return check.__name__.replace("_", " ")


def main():
    tests = Tests("limits")
    try:
        for check in (one_that_stalls_is_not_waited_for, too_many_hear_421, those_that_vanish_make_room):
            tests.run(name(check), check)
        setup, port, ca = proxied_setup()
        with setup:
            for check in (a_proxys_tls_is_the_sessions, without_tls_starttls_is_offered, hostile_texts_stay_texts):
                tests.run(name(check), check, setup)
            for check in (its_certificate_counts_when_it_was_good, its_certificate_logs_in):
                tests.run(name(check), check, setup, port)
            tests.run(name(starttls_behind_a_proxy), starttls_behind_a_proxy, setup, ca)
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
    tests.end()


if __name__ == "__main__":
    main()
