#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The relay role in front of another Doorstep: log-ins bound to TLS, REQUIRETLS, SMTPUTF8, binary messages, the
answers of LMTP one by one. The last line is "N passed, N failed"."""

import shutil
import sys
import tempfile

from certificates import Authority
from harness import Daemon, Tests, expect
from relay_role import RelayRole

PASSWORD = "correct horse"
HELLO = b"Subject: hello\r\n\r\n.\r\nA line.\r\n"
CHEAP = "auth { hash_memory = 64K hash_operations = 1 delay = 1ms delay_max = 1ms }"
BODY_8BIT, BODY_BINARY = 1, 2


class Node:
    """A Doorstep with accounts ann and jörg; who comes by SMTP has to log in."""

    def __init__(self, folder):
        self.authority, self.other = Authority(folder, "good"), Authority(folder, "other")
        pair = self.authority.issue("mx", ("mx.example.org",))
        self.daemon = Daemon(
            in_smtp=f"auth = yes require = auth trusted = {{}} tls = offered\n{pair.settings()}",
            in_lmtp="trusted = {}", more=CHEAP)
        self.daemon.start()
        for name in ("ann@example.org", "jörg@example.org"):
            self.daemon.tool("account", "add", name)
        self.daemon.tool("account", "passwd", "ann@example.org", data=PASSWORD.encode() + b"\n")

    def by_smtp(self, password=PASSWORD, authority=None):
        hop = f"127.0.0.1:{self.daemon.ports['smtp']}"
        with open((authority or self.authority).pem, encoding="ascii") as f:
            pem = f.read()
        return RelayRole(
            f'relay {{ smarthost = "{hop}" tls = required tls_name = "mx.example.org" ca = "/none" '
            'user = "ann@example.org" password_file = "/none" }', {"": password}, {"": pem})

    def by_lmtp(self):
        return RelayRole(f'relay {{ smarthost = "127.0.0.1:{self.daemon.ports["lmtp"]}" protocol = lmtp }}')

    def last(self, user="ann"):
        """What came last, as it was sent."""
        return self.daemon.messages(f"{user}/new")[-1].replace(b"\n", b"\r\n")


def logs_in_bound_to_tls(node):
    with node.by_smtp() as role:
        result = role.send(HELLO, recipients=("ann@example.org",))
        expect(result.first.state == "delivered" and result.tls.startswith("TLSv1.3 "), result)
        expect(node.last().endswith(HELLO), node.last())
    log = [line for line in node.daemon.log_text().splitlines() if " login " in line]
    expect("SCRAM-SHA-256-PLUS" in log[-1], log[-1])


def wrong_password_waits(node):
    with node.by_smtp("wrong") as role:
        result = role.send(HELLO, recipients=("ann@example.org",))
    expect(result.first.state == "deferred" and result.first.code == 535, result)


def wrong_certificate_gets_nothing(node):
    with node.by_smtp(authority=node.other) as role:
        result = role.send(HELLO, recipients=("ann@example.org",))
    expect(result.first.state == "deferred" and result.first.enhanced == "4.7.5", result)


def requires_tls(node):
    with node.by_smtp() as role:
        result = role.send(HELLO, recipients=("ann@example.org",), require_tls=1)
        expect(result.first.state == "delivered", result)
    with node.by_lmtp() as role:
        result = role.send(HELLO, recipients=("ann@example.org",), require_tls=1)
        expect(result.first.state == "failed" and result.first.enhanced == "5.7.10", result)


def answers_one_by_one(node):
    people = ("ann@example.org", "nobody@example.org", "ann+x@example.org", "x@elsewhere.example")
    with node.by_lmtp() as role:
        result = role.send(HELLO, recipients=people)
    expect([(a.state, a.enhanced) for a in result.answers] ==
           [("delivered", "2.1.5"), ("failed", "5.1.1"), ("delivered", "2.1.5"), ("failed", "5.7.1")], result)


def utf8_addresses(node):
    text = "Subject: Grüße\r\n\r\näöü\r\n".encode()
    with node.by_lmtp() as role:
        result = role.send(text, sender="käthe@bücher.example", recipients=("jörg@example.org",),
                           smtputf8=1, body=BODY_8BIT)
        expect(result.first.state == "delivered", result)
        expect(node.last("jörg").endswith(text), node.last("jörg"))


def binary_octets(node):
    octets = b"Content-Type: a/b\r\nContent-Transfer-Encoding: binary\r\n\r\n" + bytes(range(256)) * 500
    with node.by_lmtp() as role:
        result = role.send(octets, recipients=("ann@example.org",), body=BODY_BINARY)
        expect(result.first.state == "delivered", result)
        stored = node.daemon.messages("ann/new")[-1]
        expect(bytes(range(256)) * 3 in stored, "other octets")


def many_on_one_connection(node):
    with node.by_smtp() as role:
        numbers = [role.begin(b"Subject: %d\r\n\r\n" % i, recipients=("ann@example.org",)) for i in range(100)]
        results = [role.wait(number) for number in numbers]
    expect(all(r.first.state == "delivered" for r in results), results)


def main():
    tests, folder = Tests("relay_nodes"), tempfile.mkdtemp(prefix="doorstep-nodes.")
    node = Node(folder)
    try:
        for name, check in (
            ("a log-in bound to TLS", logs_in_bound_to_tls),
            ("a wrong password waits", wrong_password_waits),
            ("a wrong certificate gets nothing", wrong_certificate_gets_nothing),
            ("REQUIRETLS", requires_tls),
            ("answers one by one", answers_one_by_one),
            ("addresses of UTF-8", utf8_addresses),
            ("binary octets", binary_octets),
            ("a hundred messages", many_on_one_connection),
        ):
            if len(sys.argv) < 2 or any(word in name for word in sys.argv[1:]):
                tests.run(name, check, node)
    finally:
        node.daemon.end()
        node.daemon.remove()
        shutil.rmtree(folder, ignore_errors=True)
    tests.end()


main()
