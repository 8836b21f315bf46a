#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The relay role and next hops of every kind: what goes over a connection, how many there are, TLS and
log-ins, and servers that are slow, silent, endless, rude or gone. The role is real, with the test at its
doors; the next hops are scripts (next_hop.py). Real servers: relay_real.py. The last line is "N passed,
N failed"."""

import concurrent.futures
import contextlib
import re
import shutil
import socket
import sys
import tempfile
import threading

from certificates import FROM_TOMORROW, UNTIL_NOW, Authority
from harness import Tests, expect, until
from next_hop import (CLOSE, EXTENSIONS, HALF_CLOSE, RESET, SILENT, NextHop, drip, endless, endless_line,
                      server_tls)
from relay_role import BODY_MAX, RELAY_SEND, RelayRole, has_namespaces, pack_job

QUICK = "connect_timeout = 2s reply_timeout = 1s data_timeout = 1s"
SLOW = "connect_timeout = 60s reply_timeout = 60s data_timeout = 60s"
BODY = b"From: ann@example.org\r\nSubject: x\r\n\r\n.one\r\n..\r\nlast\r\n"


CHECKS = []


def check(test):
    """One of the tests; `c`, its argument if it has one, is class Certificates."""
    CHECKS.append(test)
    return test


def needs_hosts(test):
    test.needs_hosts = True
    return test


def smarthost(hop, more=SLOW):
    return f'relay {{ smarthost = "{hop.name}" {more} }}'


def routes(hops, more):
    """A route for each of a dictionary."""
    return "".join(
        f'route {name} {{ domains = {{"*"}} next_hop = "{hop.name}" {more} }}\n' for name, hop in hops.items()
    )


def wants(result, state, code=None, enhanced=None, text=""):
    answer = result.first
    good = answer.state == state and code in (None, answer.code) and enhanced in (None, answer.enhanced)
    expect(good and text in answer.text, f"{result!r}")


# --- connections ---


@check
def one_connection_carries_many_messages():
    with NextHop() as hop, RelayRole(smarthost(hop)) as role:
        for _ in range(5):
            wants(role.send(BODY), "delivered", 250)
        expect(hop.connections == 1, f"{hop.connections} connections")
        expect(hop.said.count("EHLO mx.example.org") == 1, hop.said)
        expect([m[2] for m in hop.messages] == [BODY] * 5, "the message is another one")


@check
def no_connection_carries_more_than_it_may():
    with NextHop() as hop, RelayRole(smarthost(hop, "connection_messages = 2")) as role:
        for _ in range(5):
            wants(role.send(), "delivered")
        expect(hop.connections == 3, f"{hop.connections} connections")
        until(lambda: hop.said.count("QUIT") == 2, "no farewell")


@check
def there_are_as_many_connections_as_there_may_be():
    gate = threading.Event()

    def hold(_):
        gate.wait(60)
        return "250 2.0.0 taken"

    with NextHop({"END": hold}) as hop, RelayRole(smarthost(hop, "connections = 3 " + SLOW)) as role:
        jobs = [role.begin() for _ in range(9)]
        until(lambda: hop.open == 3, "no three connections")
        gate.set()
        for job in jobs:
            wants(role.wait(job), "delivered")
        expect(hop.most_open == 3, f"{hop.most_open} at a time")


@check
def a_unix_socket_speaks_lmtp_and_each_recipient_has_an_answer():
    replies = {"END b@x.example": "452 4.2.2 full", "END c@x.example": "550 5.7.1 no"}
    with NextHop(replies, lmtp=True, unix=True) as hop, RelayRole(smarthost(hop, "protocol = lmtp")) as role:
        result = role.send(recipients=("a@x.example", "b@x.example", "c@x.example"))
        expect([a.state for a in result.answers] == ["delivered", "deferred", "failed"], repr(result))
        expect(result.answers[1].enhanced == "4.2.2" and result.host == hop.name, repr(result))
        expect("LHLO mx.example.org" in hop.said, hop.said)


def has_ipv6():
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as s:
        s.bind(("::1", 0))
        return True
    return False


@check
def an_address_of_ipv6():
    if not has_ipv6():
        return
    with NextHop(address="::1") as hop, RelayRole(smarthost(hop)) as role:
        result = role.send(BODY)
        wants(result, "delivered")
        expect(hop.messages[0][2] == BODY and result.host == f"[::1]:{hop.port}", repr(result))


@check
def routes_go_their_ways_and_unknown_ones_wait():
    with NextHop() as a, NextHop() as b, RelayRole(
        smarthost(a) + f'\nroute b {{ domains = {{"*"}} next_hop = "{b.name}" }}'
    ) as role:
        wants(role.send(route="b"), "delivered")
        expect(len(a.messages) == 0 and len(b.messages) == 1, "the wrong way")
        wants(role.send(route="c"), "deferred", 0, "4.3.5")


@check
def a_connection_that_was_closed_while_it_was_idle_costs_nothing():
    with NextHop({"END": ["250 2.0.0 taken"]}) as hop, RelayRole(smarthost(hop)) as role:
        hop.replies["MAIL"] = ["250 2.1.0 ok", CLOSE]  # the second on the same connection
        wants(role.send(), "delivered")
        wants(role.send(), "delivered")
        expect(hop.connections == 2 and len(hop.messages) == 2, f"{hop.connections} {hop.messages}")


@check
def a_next_hop_that_lets_one_in_gets_one():
    gate = threading.Event()

    def hold(_):
        gate.wait(60)
        return "250 2.0.0 taken"

    with NextHop({"END": hold}) as hop, RelayRole(smarthost(hop)) as role:
        jobs = [role.begin()]
        until(lambda: hop.messages, "no message")
        hop.replies["CONNECT"] = "421 4.7.0 too many connections"
        jobs += [role.begin() for _ in range(3)]
        until(lambda: hop.connections >= 2, "no other connection was tried")
        gate.set()
        for job in jobs:
            wants(role.wait(job), "delivered")
        expect(len(hop.messages) == 4, f"{len(hop.messages)} messages")


@check
def one_slow_next_hop_does_not_hold_the_others():
    with NextHop({"CONNECT": SILENT}) as slow, NextHop() as quick, RelayRole(
        smarthost(slow) + f'\nroute q {{ domains = {{"*"}} next_hop = "{quick.name}" }}'
    ) as role:
        waiting = [role.begin() for _ in range(30)]
        until(lambda: slow.open == 10, "the slow one has no ten connections")
        for _ in range(10):
            wants(role.send(route="q"), "delivered")
        expect(not any(role.has_result(w) for w in waiting), "the slow one answered")


@check
def nobody_listens():
    with NextHop() as hop:
        name = hop.name
    with RelayRole(f'relay {{ smarthost = "{name}" }}') as role:
        jobs = [role.begin() for _ in range(30)]
        for job in jobs:
            wants(role.wait(job), "deferred", 0, "4.4.1", "Connection refused")
        expect(role.wait(jobs[0]).host == f"[127.0.0.1]:{hop.port}", role.wait(jobs[0]).host)
    with RelayRole('relay { smarthost = "unix:/nonexistent/socket" }') as role:
        for job in [role.begin() for _ in range(30)]:
            wants(role.wait(job), "deferred", 0, "4.4.1", "No such file")


@check
def a_name_that_nobody_has():
    with RelayRole('relay { smarthost = "no-such-host.invalid:25" connect_timeout = 20s }') as role:
        wants(role.send(), "deferred", 0, "4.4.3", "its name is not")


HOSTS = "127.0.0.2 two.test\n127.0.0.3 two.test\n127.0.0.1 localhost\n"


@check
@needs_hosts
def all_addresses_of_a_name_are_tried():
    for address in ("127.0.0.2", "127.0.0.3"):  # whichever comes first: once it is the wrong one
        with NextHop(address=address) as hop, RelayRole(
            f'relay {{ smarthost = "two.test:{hop.port}" {SLOW} }}', hosts=HOSTS
        ) as role:
            result = role.send()
            wants(result, "delivered")
            expect(result.host == f"two.test[{address}]:{hop.port}", result.host)


@check
@needs_hosts
def an_address_that_is_silent_is_left_after_its_time():
    with NextHop(address="127.0.0.3") as hop, contextlib.ExitStack() as stack:
        silent = stack.enter_context(socket.socket())
        silent.bind(("127.0.0.2", hop.port))
        silent.listen(0)
        for _ in range(4):  # then the kernel answers no more
            other = stack.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(("127.0.0.2", hop.port))
        role = stack.enter_context(
            RelayRole(f'relay {{ smarthost = "two.test:{hop.port}" connect_timeout = 500ms }}', hosts=HOSTS)
        )
        wants(role.send(), "delivered")


@check
def what_a_server_says_is_one_line_of_text():
    reply = b"550-5.1.1 first\r\n550-5.1.1 \xff\xfe\x01\x1b[2J\r\n550 5.1.1 " + b"x" * 400 + b"\r\n"
    with NextHop({"RCPT": reply}) as hop, RelayRole(smarthost(hop)) as role:
        result = role.send()
        wants(result, "failed", 550, "5.1.1", "first")
        expect(all(c >= " " for c in result.first.text) and len(result.first.text) < 1024, repr(result))


@check
def a_message_that_is_shorter_than_it_was_said_to_be_is_not_sent():
    with NextHop() as hop, RelayRole(smarthost(hop)) as role:
        wants(role.send(b"Subject: x\r\n\r\nbody\r\n", octets=1000), "deferred")
        expect(hop.messages == [], "half of a message")
        wants(role.send(), "delivered")


@check
def a_cancelled_job_is_answered_no_more():
    with NextHop({"END": SILENT}) as hop, RelayRole(smarthost(hop, "connections = 1 " + SLOW)) as role:
        first = role.begin()
        second = role.begin()
        until(lambda: hop.messages, "no message")
        role.cancel(second)  # it waits
        role.cancel(first)  # it is under way
        until(lambda: hop.open == 0, "the connection stays")
        del hop.replies["END"]
        wants(role.send(), "delivered")
        expect(not role.has_result(first) and not role.has_result(second), "an answer for nobody")
        expect(len(hop.messages) == 2, "the one that waited was sent")


# --- rude servers ---

STAGES = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END")


def everywhere(what, text, timeouts=SLOW, extensions=EXTENSIONS):
    """It does that once, each next hop at another stage; then it has recovered."""
    with contextlib.ExitStack() as stack:
        hops = {stage.lower(): stack.enter_context(NextHop({stage: [what]}, extensions)) for stage in STAGES}
        role = stack.enter_context(RelayRole(routes(hops, timeouts)))
        for name, result in role.send_all(hops):
            expect(result.first.state == "deferred", f"{name}: {result!r}")
            expect(text in result.first.text, f"{name}: {result!r}")
        for hop in hops.values():
            hop.replies = {}
        for _, result in role.send_all(hops):
            wants(result, "delivered", 250)


@check
def a_server_that_closes():
    everywhere(CLOSE, "closed")


@check
def a_server_that_resets():
    everywhere(RESET, "onnection")


@check
def a_server_that_says_no_more():
    everywhere(HALF_CLOSE, "closed")


@check
def a_server_that_is_silent():
    everywhere(SILENT, "in time", QUICK, ())  # else the next reply would be taken for it


@check
def a_server_that_drips():
    everywhere(drip, "in time", QUICK)


@check
def a_reply_without_an_end():
    everywhere(endless, "", QUICK)


@check
def a_line_without_an_end():
    everywhere(endless_line, "", QUICK)


@check
def a_server_that_reads_nothing_of_a_message():
    def stop_reading(session):
        session.raw(b"354 go on\r\n")
        threading.Event().wait(20)
        return CLOSE

    with NextHop({"DATA": [stop_reading]}) as hop, RelayRole(smarthost(hop, QUICK)) as role:
        wants(role.send(b"x\r\n" * (4 << 20)), "deferred", 0, None, "in time")


def memory_kb(pid):
    with open(f"/proc/{pid}/status") as f:
        return int([line for line in f if line.startswith("VmRSS")][0].split()[1])


@check
def a_large_message_takes_no_more_memory_than_a_small_one(c):
    line = b"x" * 900 + b"\r\n"
    small, large = line * ((1 << 20) // len(line)), line * ((50 << 20) // len(line))
    carry_large(small, large, None)
    carry_large(small, large[: 16 << 20] + b"\r\n", server_tls(c.good))


def carry_large(small, large, tls):
    most = [0]
    with NextHop(tls=tls) as hop, RelayRole(smarthost(hop)) as role:
        wants(role.send(small), "delivered")
        before = memory_kb(role.process.pid)
        job = role.begin(large)
        while not role.has_result(job):
            most[0] = max(most[0], memory_kb(role.process.pid))
        wants(role.wait(job), "delivered")
        expect(hop.messages[1][2] == large, "it arrived as another one")
        expect(most[0] - before < 8192, f"{most[0] - before} KiB more for {len(large)} octets")


# --- TLS ---

REQUIRED = 'tls = required tls_name = "hop.example"'


class Certificates:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="doorstep-relay-ca.")
        self.ca, self.other = Authority(self.folder, "ours"), Authority(self.folder, "theirs")
        self.good = self.ca.issue("good", ["hop.example"])

    def text(self, authority=None):
        with open((authority or self.ca).pem) as f:
            return f.read()

    def remove(self):
        shutil.rmtree(self.folder)


@check
def tls_is_used_where_it_is_offered_whoever_it_is(c):
    with NextHop(tls=server_tls(c.good)) as hop, RelayRole(smarthost(hop)) as role:
        result = role.send()
        wants(result, "delivered")
        expect(result.tls.startswith("TLSv1.3 "), repr(result))
        expect("relay_tls" in role.log() and "verified=no" in role.log(), role.log())
        expect(hop.said.count("EHLO mx.example.org") == 2, hop.said)


@check
def tls_is_used_with_a_good_certificate(c):
    for how in (REQUIRED, 'tls = implicit tls_name = "hop.example"', 'tls_name = "hop.example"'):
        with NextHop(tls=server_tls(c.good), implicit="implicit" in how) as hop, RelayRole(
            smarthost(hop, how), authorities={"": c.text()}
        ) as role:
            result = role.send(BODY)
            wants(result, "delivered")
            expect(result.tls and "verified=yes" in role.log(), role.log())
            expect(hop.messages[0][2] == BODY, "it arrived as another one")


@check
def sessions_are_resumed(c):
    """By the second connection, on its own route and verification; a bad certificate is looked at each time."""
    one_each = "connection_messages = 1 "
    for how, authority, verified in ((REQUIRED, c.ca, "yes"), ("tls = opportunistic", c.other, "no")):
        with NextHop(tls=server_tls(c.good)) as hop, RelayRole(
            smarthost(hop, one_each + how), authorities={"": c.text(authority)}
        ) as role:
            for _ in range(3):
                wants(role.send(), "delivered")
            expect(hop.connections == 3, hop.connections)
            until(lambda: role.log().count("relay_tls") == 3, role.log())
            found = re.findall("verified=(yes|no) resumed=(yes|no)", role.log())
            expect(found == [(verified, "no"), (verified, "yes"), (verified, "yes")], found)
    with NextHop(tls=server_tls(c.good)) as hop, RelayRole(
        smarthost(hop, one_each + REQUIRED), authorities={"": c.text(c.other)}
    ) as role:
        for _ in range(2):
            wants(role.send(), "deferred", enhanced="4.7.5")
        expect("resumed=yes" not in role.log() and not hop.messages, role.log())


@check
def bad_certificates_get_no_mail(c):
    cases = {
        "wrong": (c.ca.issue("wrong", ["other.example"]), "mismatch"),
        "old": (c.ca.issue("old", ["hop.example"], UNTIL_NOW), "expired"),
        "new": (c.ca.issue("new", ["hop.example"], FROM_TOMORROW), "not yet valid"),
        "foreign": (c.other.issue("foreign", ["hop.example"]), "self-signed"),
    }
    for how in ("required", "implicit"):
        with contextlib.ExitStack() as stack:
            hops = {
                name: stack.enter_context(NextHop(tls=server_tls(pair), implicit=how == "implicit"))
                for name, (pair, _) in cases.items()
            }
            settings = routes(hops, f'tls = {how} tls_name = "hop.example"')
            role = stack.enter_context(RelayRole(settings, authorities={None: c.text()}))
            for name, result in role.send_all(hops):
                wants(result, "deferred", 0, "4.7.5", cases[name][1])
                expect("MAIL" not in "".join(hops[name].said), hops[name].said)


@check
def required_tls_that_is_not_offered(c):
    with NextHop() as hop, RelayRole(smarthost(hop, REQUIRED), authorities={"": c.text()}) as role:
        wants(role.send(), "deferred", 0, "4.7.10")


@check
def tls_that_breaks_is_done_without_where_nobody_asked_for_it(c):
    def garbage(session):
        session.raw(b"220 2.0.0 go on\r\n")
        session.lines.readline()
        session.raw(b"this is no TLS\r\n")
        return CLOSE

    for how, state in (("opportunistic", "delivered"), ("required", "deferred")):
        with NextHop({"STARTTLS": garbage}, tls=server_tls(c.good)) as hop, RelayRole(
            smarthost(hop, f"tls = {how}"), authorities={"": c.text()}
        ) as role:
            result = role.send()
            expect(result.first.state == state and result.tls == "", f"{how}: {result!r}")
            expect(len(hop.messages) == (state == "delivered"), hop.said)


@check
def what_was_said_before_tls_counts_for_nothing(c):
    """RFC 3207 section 4.2; CVE-2021-38371."""
    injected = b"220 2.0.0 go on\r\n250-hop.example\r\n250 AUTH PLAIN\r\n"
    with NextHop({"STARTTLS": injected}, tls=server_tls(c.good)) as hop, RelayRole(
        smarthost(hop), authorities={"": c.text()}
    ) as role:
        wants(role.send(), "delivered")
        expect("EHLO mx.example.org" in hop.said[2:], hop.said)


# --- log-ins ---

PASSWORD = "correct horse \\ battery"


def login(how):
    return how + ' user = "relay@example.org" password_file = "/nonexistent"'


@check
def a_log_in_over_tls(c):
    with NextHop(tls=server_tls(c.good), login=("relay@example.org", PASSWORD)) as hop, RelayRole(
        smarthost(hop, login(REQUIRED)), {"": PASSWORD}, {"": c.text()}
    ) as role:
        wants(role.send(), "delivered")
        wants(role.send(), "delivered")
        expect(sum(s.startswith("AUTH PLAIN") for s in hop.said) == 1, hop.said)
        expect(PASSWORD not in role.log(), "the password is in the log")


@check
def a_wrong_password_waits_for_a_better_one(c):
    with NextHop(tls=server_tls(c.good), login=("relay@example.org", "other")) as hop, RelayRole(
        smarthost(hop, login(REQUIRED)), {"": PASSWORD}, {"": c.text()}
    ) as role:
        wants(role.send(), "deferred", 535, "4.7.8")
        expect(PASSWORD not in role.log() and not hop.messages, "the password is in the log")


@check
def nobody_else_gets_the_password(c):
    pair = c.other.issue("thief", ["hop.example"])
    with NextHop(tls=server_tls(pair), login=("x", "y")) as hop, RelayRole(
        smarthost(hop, login(REQUIRED)), {"": PASSWORD}, {"": c.text()}
    ) as role:
        wants(role.send(), "deferred", 0, "4.7.5")
        expect(not any(s.startswith("AUTH") for s in hop.said), hop.said)


# --- the door ---


@check
def a_store_that_says_what_no_store_says_ends_the_role():
    job = pack_job(octets=1)
    frames = [
        (7, b""),  # no such frame
        (RELAY_SEND, b""),
        (RELAY_SEND, b"\2" + job),
        (RELAY_SEND, b"\0" + job[:-1]),
        (RELAY_SEND, b"\0" + job + b"x"),
        (RELAY_SEND, b"\0" + pack_job(recipients=())),
        (RELAY_SEND, b"\0" + pack_job(sender="a\r\nRCPT TO:<b@c>")),
        (RELAY_SEND, b"\0" + b"\xff" * 100),
    ]
    with NextHop() as hop:
        for kind, body in frames:
            role = RelayRole(smarthost(hop))
            role._frame(role.store, kind, 1, body)
            status = role.process.wait(60)
            role.close()
            expect(status == 76, f"{kind} {body!r}: it ended with {status}")


@check
def a_job_may_be_as_long_as_it_gets():
    with NextHop() as hop, RelayRole(smarthost(hop)) as role:
        recipients = [f"{'x' * 60}{i}@{'y' * 60}.example" for i in range(1000)]
        expect(len(pack_job(recipients=recipients)) > 2 * BODY_MAX, "one frame would do")
        result = role.send(recipients=recipients)
        expect(len(result.answers) == 1000, repr(result)[:200])
        expect(all(a.state == "delivered" for a in result.answers), repr(result)[:200])


def run(tests, test, c):
    name = test.__name__.replace("_", " ")
    if getattr(test, "needs_hosts", False) and not has_namespaces():
        tests.skip(name, "needs the right to mount")
    else:
        tests.run(name, test, *[c] * test.__code__.co_argcount)


def main():
    tests = Tests("relay")
    c = Certificates()
    chosen = [t for t in CHECKS if not sys.argv[1:] or t.__name__ in sys.argv[1:]]
    try:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:  # most of the time they wait
            list(pool.map(lambda test: run(tests, test, c), chosen))
    finally:
        c.remove()
    tests.end()


if __name__ == "__main__":
    main()
