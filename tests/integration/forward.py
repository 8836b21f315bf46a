#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Accounts that are at home elsewhere: a front Doorstep in front of nodes, which are other Doorsteps or any LMTP
server. What a node says of each recipient is what the client of the front hears. Ends in one line
"N passed, N failed"; DOORSTEP and DOORSTEPD name the binaries."""

import contextlib
import json
import os
import signal
import smtplib
import socket
import tempfile
import threading
import urllib.request

from harness import Daemon, Failure, Tests, expect, message, until
from next_hop import CLOSE, NextHop
from private_daemon import free_ports


def front(next_hop):
    route = f'domains = {{"node.invalid"}} next_hop = "{next_hop}" protocol = "lmtp" tls = "none"'
    return Daemon(in_domain='forward = "node"', more=f'dsn = yes\nroute "node" {{ {route} }}')


def accounts(daemon, *names):
    for name in names:
        daemon.tool("account", "add", f"{name}@example.org")


def deliver(daemon, to, subject, sender="bob@example.com", options=()):
    """What the client hears of each, by LMTP: {address: (code, text)}."""
    with smtplib.LMTP("127.0.0.1", daemon.ports["lmtp"], timeout=60) as client:
        client.ehlo_or_helo_if_needed()
        client.mail(sender)
        found = {address: client.rcpt(address, options) for address in to}
        accepted = [address for address in to if found[address][0] == 250]
        if accepted:
            client.putcmd("data")
            client.getreply()
            client.send(message(subject, to=to[0]) + b".\r\n")
            found.update({address: client.getreply() for address in accepted})
    return {address: (code, text.decode()) for address, (code, text) in found.items()}


def at_rcpt(daemon, *to, sender="bob@example.com", options=(), protocol="smtp"):
    """What RCPT alone is answered; asked in one piece."""
    lines = [f"{'LHLO' if protocol == 'lmtp' else 'EHLO'} client.example", f"MAIL FROM:<{sender}> {' '.join(options)}".strip()]
    lines += [f"RCPT TO:<{address}>" for address in to] + ["QUIT"]
    with socket.create_connection(("127.0.0.1", daemon.ports[protocol]), timeout=60) as s, s.makefile("rb") as replies:
        s.sendall("".join(line + "\r\n" for line in lines).encode())
        last = [line.decode().rstrip() for line in replies if line[3:4] == b" "]
    return [(int(line[:3]), line[4:]) for line in last[3:-1]]


# --- another Doorstep


def it_is_at_home(daemon, node):
    answers = deliver(daemon, ["ann@example.org"], "home")
    code, text = answers["ann@example.org"]
    expect(code == 250 and text.startswith("2.1.5"), str(answers))
    (stored,) = node.messages("ann/new")
    expect(b"Subject: home" in stored and stored.count(b"\nReceived: ") == 2, "no Received field of each")
    expect(daemon.messages("ann/new") == [], "a copy is here, too")
    lines = json.loads(daemon.tool("--json", "trace", "ann@example.org"))
    expect(lines[-1]["outcome"] == "250 2.1.5", str(lines))


def subaddresses_arrive(daemon, node):
    expect(deliver(daemon, ["ann+lists@example.org"], "plus")["ann+lists@example.org"][0] == 250, "not taken")
    expect(any(b"Delivered-To: ann+lists@example.org" in m for m in node.messages("ann/new")), "without its detail")


def here_and_there(daemon, node):
    """One message for an account of the node and one of the front."""
    answers = deliver(daemon, ["eve@example.org", "zoe@example.net"], "both")
    expect([code for code, _ in answers.values()] == [250, 250], str(answers))
    expect(len(node.messages("eve/new")) == 1 and len(daemon.messages("/example.net/zoe.mbox")) == 1, "not both")


def who_is_unknown_there(daemon, _):
    """The home's refusal is the answer to RCPT, and so it is in the log."""
    (ann, stray) = at_rcpt(daemon, "ann@example.org", "stray@example.org")
    expect(ann[0] == 250, str(ann))
    expect(stray == (550, "5.1.1 <stray@example.org> <stray@example.org> no such mailbox"), str(stray))
    lines = json.loads(daemon.tool("--json", "trace", "stray@example.org"))
    expect(lines[-1]["outcome"] == "550 5.1.1" and "no such mailbox" in lines[-1]["text"], str(lines))


def who_is_full_there(daemon, node):
    """SIZE is asked with: what does not fit is told before it is sent."""
    node.tool("account", "set", "--quota", "100k", "eve@example.org")
    (eve,) = at_rcpt(daemon, "eve@example.org", options=["SIZE=200000"])
    expect(eve[0] == 452 and eve[1].startswith("4.2.2"), str(eve))
    (eve,) = at_rcpt(daemon, "eve@example.org", options=["SIZE=1000"])
    expect(eve[0] == 250, str(eve))
    node.tool("account", "set", "--quota", "none", "eve@example.org")


def large_ones_pass(daemon, node):
    text = message("large", body="0123456789" * 7 + "\r\n", to="ann@example.org")
    text += (b"x" * 70 + b"\r\n") * 20000
    with smtplib.SMTP("127.0.0.1", daemon.ports["smtp"], timeout=60) as client:
        client.sendmail("bob@example.com", ["ann@example.org"], text)
    stored = [m for m in node.messages("ann/new") if b"Subject: large" in m]
    expect(len(stored) == 1 and stored[0].count(b"x" * 70) == 20000, "not whole")


def a_node_that_is_away(daemon, node):
    node.end()
    (ann, zoe) = at_rcpt(daemon, "ann@example.org", "zoe@example.net", sender="new@example.com")
    expect(ann[0] == 451 and ann[1].startswith("4.4.1 <ann@example.org>") and "refused" in ann[1], str(ann))
    expect(zoe[0] == 250, str(zoe))
    code, text = deliver(daemon, ["ann@example.org"], "away")["ann@example.org"]
    expect(code == 451 and text.startswith("4.4."), f"{code} {text}")
    node.start()
    expect(deliver(daemon, ["ann@example.org"], "back")["ann@example.org"][0] == 250, "not again")


def with_a_node(t):
    node = Daemon()
    daemon = front(f"127.0.0.1:{node.ports['lmtp']}")
    try:
        node.start()
        daemon.start()
        accounts(node, "ann", "eve")
        accounts(daemon, "ann", "eve", "stray")
        for check in (
            it_is_at_home,
            subaddresses_arrive,
            here_and_there,
            who_is_unknown_there,
            who_is_full_there,
            large_ones_pass,
            a_node_that_is_away,
        ):
            t.run(check.__name__.replace("_", " "), check, daemon, node)
        t.run("the front ends well", daemon.end)
        t.run("the node ends well", node.end)
    finally:
        daemon.remove()
        node.remove()


# --- an answer that is lost between the home and the client


class Wire:
    """What a front and its node say passes here. reached_home is set when the node has answered the end of a
    message; the front hears that answer when go_on is set."""

    def __init__(self, port):
        self.port, self.to = free_ports(1)[0], port
        self.reached_home, self.go_on = threading.Event(), threading.Event()
        self.listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            node = socket.create_connection(("127.0.0.1", self.to))
            for args in ((client, node, False), (node, client, True)):
                threading.Thread(target=self.carry, args=args, daemon=True).start()

    def carry(self, source, target, is_answer):
        with contextlib.suppress(OSError):
            while octets := source.recv(65536):
                if is_answer and b"delivered" in octets and not self.reached_home.is_set():
                    self.reached_home.set()
                    self.go_on.wait(60)
                target.sendall(octets)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.go_on.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def kill_all(daemon):
    """Main and its roles at once."""
    pid = daemon.process.pid
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        everybody = [pid, *map(int, f.read().split())]
    for each in everybody:
        os.kill(each, signal.SIGKILL)
    daemon.process.wait(60)


def queued(subject, to="ann@example.org"):
    """A message that comes from a queue: a Received field says so."""
    trace = b"Received: from a.example by mta.example with ESMTP id 7; Sun, 01 Feb 2026 10:00:00 +0000\r\n"
    return trace + message(subject, to=to)


def hand_in(daemon, to, text):
    """As an MTA does by LMTP: what each is answered, or None where the connection breaks."""
    try:
        with smtplib.LMTP("127.0.0.1", daemon.ports["lmtp"], timeout=60) as client:
            client.sendmail("list@example.com", to, text)
    except smtplib.SMTPServerDisconnected:
        return None
    return 250


def the_front_dies_with_the_answer(daemon, a, _):
    """The node has it and said so, the front dies, and the MTA comes again: one copy."""
    wim, wal = "wim@example.net", "wal@example.net"
    for name in (wim, wal):
        daemon.tool("account", "add", "--forward", "wire", name)
    text = queued("once", to=wim)
    answers = []
    first = threading.Thread(target=lambda: answers.append(hand_in(daemon, [wim, wal], text)))
    first.start()
    expect(a.wire.reached_home.wait(60), "it did not come to the node")
    kill_all(daemon)
    a.wire.go_on.set()
    first.join(60)
    expect(answers == [None], f"the client was told: {answers}")
    daemon.start()
    for name in (wim, wal):  # one recipient less: another field on top
        expect(hand_in(daemon, [name], text) == 250, "not taken")
    for name in ("wim", "wal"):
        copies = [m for m in a.messages(f"/example.net/{name}.mbox") if b"Subject: once" in m]
        expect(len(copies) == 1, f"{name} has {len(copies)} copies")
    (line,) = [line for line in copies[0].split(b"\n") if b"(Doorstep front)" in line]
    expect(b"by mx.example.org (Doorstep front) with LMTP id " in line, line.decode())


def what_is_sent_twice_comes_twice(daemon, a, _):
    """Other trace fields below the front's: the sender sent it again. And without any nothing says that it
    comes from a queue."""
    again = queued("twice").replace(b"id 7;", b"id 8;")
    for text in (queued("twice"), again, message("plain"), message("plain")):
        expect(hand_in(daemon, ["wim@example.net"], text) == 250, "not taken")
    stored = a.messages("/example.net/wim.mbox")
    for subject in (b"twice", b"plain"):
        expect(sum(b"Subject: " + subject in m for m in stored) == 2, subject.decode())


# --- accounts of one domain, each with a home of its own


def a_route(name, next_hop):
    return f'route "{name}" {{ next_hop = "{next_hop}" protocol = "lmtp" tls = "none" }}\n'


def homes(daemon, *domain):
    rows = json.loads(daemon.tool("account", "list", "--json", *domain))
    return {row["name"].split("@")[0]: row["forward"] for row in rows}


def each_has_a_home(daemon, a, b):
    """ann is at home here, bob on node a, eve on node b."""
    answers = deliver(daemon, [f"{name}@example.org" for name in ("ann", "bob", "eve")], "homes")
    expect([code for code, _ in answers.values()] == [250] * 3, str(answers))
    for where, whose in ((daemon, "ann"), (a, "bob"), (b, "eve")):
        found = {name: len(where.messages(f"{name}/new")) for name in ("ann", "bob", "eve")}
        expect(found == {name: int(name == whose) for name in found}, f"{whose}: {found}")
    expect(homes(daemon, "example.org") == {"ann": None, "bob": "a", "eve": "b"}, str(homes(daemon)))


def an_alias_leads_to_all_homes(daemon, a, b):
    for name in ("ann", "bob", "eve"):
        daemon.tool("alias", "add", "all@example.org", f"{name}@example.org")
    answers = deliver(daemon, ["all@example.org"], "alias")
    expect(answers["all@example.org"][0] == 250, str(answers))
    for where, whose in ((daemon, "ann"), (a, "bob"), (b, "eve")):
        expect(sum(b"Subject: alias" in m for m in where.messages(f"{whose}/new")) == 1, whose)


def somebody_moves(daemon, a, b):
    daemon.tool("account", "set", "--forward", "b", "bob@example.org")
    expect(deliver(daemon, ["bob@example.org"], "to b")["bob@example.org"][0] == 250, "not on b")
    daemon.tool("account", "set", "--forward", "none", "bob@example.org")
    expect(deliver(daemon, ["bob@example.org"], "to here")["bob@example.org"][0] == 250, "not here")
    daemon.tool("account", "set", "--forward", "a", "bob@example.org")
    for where, subject in ((b, b"to b"), (daemon, b"to here")):
        (stored,) = where.messages("bob/new")
        expect(b"Subject: " + subject in stored, subject.decode())


def one_node_is_away(daemon, a, b):
    """Who is at home elsewhere has mail all the same."""
    a.end()
    answers = deliver(daemon, ["ann@example.org", "bob@example.org", "eve@example.org"], "without a")
    expect([code for code, _ in answers.values()] == [250, 451, 250], str(answers))
    a.start()


def one_of_a_domain_is_here(daemon, a, b):
    """The domain's accounts are on a; who is `here` is not, whatever keeps the accounts."""
    for name in ("tim", "tom"):
        daemon.tool("account", "add", f"{name}@away.example")
    daemon.tool("account", "set", "--forward", "here", "tim@away.example")
    daemon.tool("account", "add", "--forward", "here", "kim@away.example")
    expect(homes(daemon, "away.example") == {"tim": None, "tom": "a", "kim": None}, str(homes(daemon, "away.example")))
    answers = deliver(daemon, ["tim@away.example", "tom@away.example", "ann@file.example"], "here")
    codes = {address: code for address, (code, _) in answers.items()}
    expect(codes == {"tim@away.example": 250, "tom@away.example": 550, "ann@file.example": 250}, str(answers))
    expect(len(daemon.messages("/away.example/tim/new")) == 1, "tim has it not here")
    expect(any(b"Subject: here" in m for m in daemon.messages("/file.example/ann/new")), "nor ann of the file")
    daemon.tool("account", "set", "--forward", "none", "tim@away.example")
    expect(homes(daemon, "away.example")["tim"] == "a", "not where the domain is")


def the_tool_knows_the_routes(daemon, a, b):
    for verb, name, route in (("set", "bob", "nowhere"), ("add", "new", "nowhere"), ("set", "bob", "")):
        try:
            daemon.tool("account", verb, "--forward", route, f"{name}@example.org")
        except Failure as failure:
            expect("route" in str(failure) and route in str(failure), str(failure))
            continue
        raise Failure(f"it took the route '{route}'")
    expect(homes(daemon, "example.org") == {"ann": None, "bob": "a", "eve": "b"}, "changed")


def a_file_names_homes(daemon, a, b):
    """And a route that the configuration does not have: nobody else suffers."""
    wanted = {"ann": None, "eve": "b", "lost": "gone", "sam": "a"}
    expect(homes(daemon, "file.example") == wanted, "not as the file says")
    with smtplib.LMTP("127.0.0.1", daemon.ports["lmtp"], timeout=60) as client:
        client.ehlo_or_helo_if_needed()
        client.mail("bob@example.com")
        code, text = client.rcpt("lost@file.example")
        expect(code == 451 and text.startswith(b"4.3.0"), f"{code} {text}")
    expect(deliver(daemon, ["ann@file.example"], "file")["ann@file.example"][0] == 250, "not taken")
    daemon.tool("alias", "add", "both@file.example", "ann@file.example")
    daemon.tool("alias", "add", "both@file.example", "lost@file.example")
    code, text = deliver(daemon, ["both@file.example"], "half")["both@file.example"]
    expect(code == 451 and text.startswith("4.3.0"), f"{code} {text}")
    cause = 'no route \\"gone\\" to the home of lost@file.example'
    said = [line for line in daemon.log_text().splitlines() if cause in line]
    expect(any("rcpt_refused" in line for line in said), "no cause of RCPT")
    expect(any("not_delivered" in line for line in said), "no cause of the end of data")


def with_two_nodes(t):
    a, b = Daemon(), Daemon()
    file = tempfile.NamedTemporaryFile("w", prefix="doorstep-accounts.")
    file.write("ann::::forward=here\neve::::forward=b\nlost::::forward=gone\nsam\n")
    file.flush()
    domain = f'domain "file.example" {{ accounts = "file" accounts_file = "{file.name}" forward = "a" }}\n'
    domain += 'domain "away.example" { forward = "a" }\n'
    routes = "".join(a_route(n, f"127.0.0.1:{node.ports['lmtp']}") for n, node in (("a", a), ("b", b)))
    a.wire = Wire(a.ports["lmtp"])
    daemon = Daemon(more=domain + routes + a_route("wire", f"127.0.0.1:{a.wire.port}"))
    try:
        for each in (a, b, daemon):
            each.start()
        accounts(a, "ann", "bob", "eve")
        accounts(b, "ann", "bob", "eve")
        accounts(daemon, "ann", "bob")
        daemon.tool("account", "set", "--forward", "a", "bob@example.org")
        daemon.tool("account", "add", "--forward", "b", "eve@example.org")
        for check in (
            each_has_a_home,
            an_alias_leads_to_all_homes,
            somebody_moves,
            one_node_is_away,
            one_of_a_domain_is_here,
            the_tool_knows_the_routes,
            a_file_names_homes,
            the_front_dies_with_the_answer,
            what_is_sent_twice_comes_twice,
        ):
            t.run(check.__name__.replace("_", " "), check, daemon, a, b)
        t.run("the front of two ends well", daemon.end)
    finally:
        for each in (daemon, a, b):
            each.remove()
        a.wire.close()
        file.close()


# --- any LMTP server


def one_of_two_is_full(daemon, hop):
    hop.replies["END eve@example.org"] = ["452 4.2.2 her mailbox is full"]
    answers = deliver(daemon, ["ann@example.org", "eve@example.org"], "full")
    expect(answers["ann@example.org"][0] == 250, str(answers))
    expect(answers["eve@example.org"] == (452, "4.2.2 <eve@example.org> her mailbox is full"), str(answers))


def it_is_refused_at_rcpt(daemon, hop):
    hop.replies["RCPT"] = ["550 5.7.1 not you"]
    code, text = deliver(daemon, ["ann@example.org"], "refused")["ann@example.org"]
    expect(code == 550 and "5.7.1" in text and "not you" in text, f"{code} {text}")


def it_goes_away_at_the_end(daemon, hop):
    """Nobody knows whether it was taken: the client comes again."""
    hop.replies["END ann@example.org"] = [CLOSE, CLOSE]
    code, text = deliver(daemon, ["ann@example.org"], "lost")["ann@example.org"]
    expect(code == 451 and text.startswith("4.4."), f"{code} {text}")


def parameters_are_passed_on(daemon, hop):
    del hop.said[:]
    asked = ("NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;a@example.com")
    deliver(daemon, ["ann@example.org"], "asked", options=asked)
    rcpt = [line for line in hop.said if line.startswith("RCPT")][-1]
    expect("NOTIFY=FAILURE,DELAY" in rcpt and "ORCPT=rfc822;a@example.com" in rcpt, rcpt)


# --- questions at RCPT


QUICK = "ask_timeout = 300ms ask_accepted = 1h ask_refused = 1h"


def mails(hop):
    return [line for line in hop.said if line.startswith("MAIL")]


def they_go_together(daemon, hop):
    """Twenty in one piece: one question for the first, and one for those that gathered meanwhile."""
    people = [f"p{i}@far.example" for i in range(20)]
    answers = at_rcpt(daemon, *people)
    expect([code for code, _ in answers] == [250] * 20, str(answers))
    expect(sum(line.startswith("RCPT") for line in hop.said) == 20, str(hop.said))
    expect(len(mails(hop)) <= 2, str(mails(hop)))
    expect(hop.said[-1] == "RSET" and "DATA" not in hop.said, str(hop.said))


def answers_are_remembered(daemon, hop):
    """By sender, recipient and size; what is refused for now is not."""
    hop.replies["RCPT"] = ["250 ok", "550 5.2.1 locked", "450 4.2.1 later", "250 ok", "250 ok"]
    for _ in range(2):
        expect(at_rcpt(daemon, "p1@far.example", sender="a@example.com")[0][0] == 250, "not taken")
    for _ in range(2):
        locked = at_rcpt(daemon, "p2@far.example", sender="a@example.com")[0]
        expect(locked == (550, "5.2.1 <p2@far.example> locked"), str(locked))
    later = at_rcpt(daemon, "p3@far.example", sender="a@example.com")[0]
    expect(later == (450, "4.2.1 <p3@far.example> later"), str(later))
    expect(at_rcpt(daemon, "p3@far.example", sender="a@example.com")[0][0] == 250, "remembered")
    expect(at_rcpt(daemon, "p2@far.example", sender="b@example.com")[0][0] == 250, "remembered for all")
    expect(len(mails(hop)) == 5, str(hop.said))


def larger_ones_are_asked_anew(daemon, hop):
    for size in (100, 50, 200, 150):
        at_rcpt(daemon, "p4@far.example", sender="c@example.com", options=[f"SIZE={size}"])
    expect(mails(hop) == [f"MAIL FROM:<c@example.com> SIZE={size}" for size in (100, 200)], str(hop.said))


def a_sender_may_be_refused(daemon, hop):
    hop.replies["MAIL"] = ["550 5.7.1 not him"]
    answers = at_rcpt(daemon, "p5@far.example", sender="spam@example.com")
    expect(answers == [(550, "5.7.1 <p5@far.example> not him")], str(answers))


def its_reply_is_one_safe_line(daemon, hop):
    hop.replies["RCPT"] = ["550-5.1.1 a\x1b[2J\r\n550-250 2.0.0 ok\r\n550 5.1.1 b"]
    answers = at_rcpt(daemon, "p6@far.example", sender="e@example.com")
    expect(answers == [(550, "5.1.1 <p6@far.example> a [2J 250 2.0.0 ok b")], str(answers))


def a_home_that_says_nothing(daemon, hop):
    """451 in time, for those that gathered behind it too; and the answer that comes later is remembered."""
    go_on = threading.Event()
    hop.replies["RCPT"] = lambda session: session.raw(
        b"550 5.1.1 nobody\r\n" if "p7@" in hop.said[-1] and go_on.wait(60) else b"250 ok\r\n"
    )
    code, text = at_rcpt(daemon, "p7@far.example", sender="f@example.com")[0]
    expect((code, text) == (451, "4.4.1 <p7@far.example> its home did not answer in time"), f"{code} {text}")
    expect(at_rcpt(daemon, "p8@far.example", sender="f@example.com")[0][0] == 250, "it waits for the other")
    go_on.set()
    nobody = (550, "5.1.1 <p7@far.example> nobody")
    until(lambda: at_rcpt(daemon, "p7@far.example", sender="f@example.com")[0] == nobody, "forgotten")


def it_breaks_off(daemon, hop):
    hop.replies["RCPT"] = [CLOSE]
    code, text = at_rcpt(daemon, "p9@far.example", sender="g@example.com")[0]
    expect(code == 451 and text.startswith("4.4.2"), f"{code} {text}")
    expect(at_rcpt(daemon, "p9@far.example", sender="g@example.com")[0][0] == 250, "not again")


def an_alias_that_one_home_defers(daemon, hop):
    """Later it would be the whole message that has to come again."""
    hop.replies["RCPT"] = lambda session: session.raw(b"450 4.2.1 no\r\n" if "p10@" in hop.said[-1] else b"250 ok\r\n")
    for name in ("p10", "p11"):
        daemon.tool("alias", "add", "team@example.org", f"{name}@far.example")
    code, text = at_rcpt(daemon, "team@example.org", sender="d@example.com")[0]
    expect((code, text) == (450, "4.2.1 <team@example.org> no"), f"{code} {text}")


def a_yes_that_was_wrong_is_forgotten(daemon, hop):
    hop.replies["END p19@far.example"] = ["550 5.1.1 gone"]
    answers = deliver(daemon, ["p19@far.example"], "gone", sender="h@example.com")
    expect(answers["p19@far.example"] == (550, "5.1.1 <p19@far.example> gone"), str(answers))
    before = len(mails(hop))
    expect(at_rcpt(daemon, "p19@far.example", sender="h@example.com")[0][0] == 250, "not taken")
    expect(len(mails(hop)) == before + 1, "it was not asked anew")


def it_need_not_be_asked(daemon, hop):
    expect(at_rcpt(daemon, "ann@quiet.example")[0][0] == 250, "not taken")
    expect(mails(hop) == [], "it was asked")


def maps_say_who_exists_there(daemon, hop):
    """As Postfix asks by socketmap: who is full exists, who is unknown at home does not."""
    replies = {"x1@": "550 5.1.1 nobody", "x2@": "452 4.2.2 full", "x3@": "552 5.2.2 full", "x4@": "450 4.2.1 later"}
    hop.replies["RCPT"] = lambda session: session.raw(
        next((text for who, text in replies.items() if who in hop.said[-1]), "250 ok").encode() + b"\r\n"
    )
    with socket.create_connection(("127.0.0.1", daemon.socketmap), timeout=60) as s:
        for name, wanted in (("x1", "NOTFOUND "), ("x2", "OK x2"), ("x3", "OK x3"), ("x4", "TEMP "), ("x5", "OK x5")):
            asked = f"virtual_mailbox_maps {name}@far.example".encode()
            s.sendall(b"%d:%s," % (len(asked), asked))
            said = s.recv(1000).decode().split(":", 1)[1]
            expect(said.startswith(wanted), f"{name}: {said}")
    expect(mails(hop)[0] == "MAIL FROM:<>", str(mails(hop)))


def numbers_tell(daemon, hop):
    """What was asked and handed on in all that came before."""
    with urllib.request.urlopen(f"http://127.0.0.1:{daemon.metrics}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    found = {}
    for line in text.splitlines():
        for name in ("relay_asked_total", "relay_forwarded_total", "relay_ask_duration_seconds_count"):
            if line.startswith(f"doorstep_{name}{{"):
                key = (name, (line.split('answer="') + [""])[1].split('"')[0])
                found[key] = found.get(key, 0) + float(line.split()[1])
    for answer in ("accepted", "refused", "deferred", "failed", "late", "remembered"):
        expect(found[("relay_asked_total", answer)] > 0, f"asked, {answer}: {found}")
    for answer in ("accepted", "refused", "deferred", "failed"):
        expect(found[("relay_forwarded_total", answer)] > 0, f"forwarded, {answer}: {found}")
    expect(found[("relay_ask_duration_seconds_count", "")] > 10, str(found))


def guesses_are_counted(daemon, hop):
    """Addresses that nobody has at home end a session as those do that nobody has here."""
    hop.replies["RCPT"] = lambda session: session.raw(b"550 5.1.1 nobody\r\n")
    answers = at_rcpt(daemon, *(f"p{i}@far.example" for i in range(12, 18)), sender="guess@example.com")
    expect([code for code, _ in answers] == [550, 550], str(answers))


def with_a_server(t):
    extensions = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SIZE", "DSN")
    with NextHop(lmtp=True, unix=True, extensions=extensions) as hop:
        route = f'route "node" {{ next_hop = "{hop.name}" protocol = "lmtp" tls = "none" {QUICK} }}\n'
        domain = 'domain "far.example" { accounts = "any" forward = "node" }\n'
        limits = 'limits { unknown_recipients = 2 exempt = {"192.0.2.0/24"} }'
        quiet = f'route "quiet" {{ next_hop = "{hop.name}" protocol = "lmtp" tls = "none" ask_recipients = no }}\n'
        quiet += 'domain "quiet.example" { accounts = "any" forward = "quiet" }\n'
        maps, metrics = free_ports(2)
        listen = f'listen socketmap {{ address = "127.0.0.1:{maps}" }}\nmetrics {{ address = "127.0.0.1:{metrics}" }}\n'
        more = "dsn = yes\n" + route + domain + quiet + listen + limits
        daemon = Daemon(in_domain='forward = "node"', more=more)
        daemon.socketmap, daemon.metrics = maps, metrics
        try:
            daemon.start()
            accounts(daemon, "ann", "eve")
            for check in (
                they_go_together,
                answers_are_remembered,
                larger_ones_are_asked_anew,
                a_sender_may_be_refused,
                its_reply_is_one_safe_line,
                a_home_that_says_nothing,
                it_breaks_off,
                an_alias_that_one_home_defers,
                guesses_are_counted,
                one_of_two_is_full,
                it_is_refused_at_rcpt,
                it_goes_away_at_the_end,
                parameters_are_passed_on,
                a_yes_that_was_wrong_is_forgotten,
                it_need_not_be_asked,
                maps_say_who_exists_there,
                numbers_tell,
            ):
                hop.replies.clear()
                hop.said.clear()
                t.run(check.__name__.replace("_", " "), check, daemon, hop)
            t.run("the front of a server ends well", daemon.end)
        finally:
            daemon.remove()


def main():
    t = Tests("forward")
    with_a_node(t)
    with_two_nodes(t)
    with_a_server(t)
    t.end()


if __name__ == "__main__":
    main()
