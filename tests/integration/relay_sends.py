#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mail that leaves, with the whole daemon and next hops that take it, defer it, refuse it, end in the middle of
it or are not there: scripts cause it, nothing of it is lost, and the log follows it to the far side's
reply. Ends in one line "N passed, N failed"; DOORSTEP and DOORSTEPD name the binaries."""

import concurrent.futures
import email
import json
import os
import re
import signal
import smtplib
import time

from harness import Daemon, Tests, expect, message, until
from next_hop import CLOSE, NextHop

VACATION = 'require "vacation"; vacation :days 1 "I am away.";'
CONNECTIONS = 4
NOTIFY = 'require "enotify"; notify "mailto:watch@far.example"; keep;'


def settings(hop, more="", routes=""):
    timing = 'tls = "none" retry = "1s" retry_max = "2s"'
    return f'relay {{ smarthost = "{hop.name}" {timing} {more} }}\n{routes}'


def script(daemon, account, text):
    daemon.tool("account", "add", f"{account}@example.org")
    daemon.tool("sieve", "install", f"{account}@example.org", "-", "--activate", data=text.encode())


def redirect(daemon, account, to="away@far.example"):
    script(daemon, account, f'redirect "{to}";')


def send(daemon, subject, to, sender="bob@example.com", **more):
    with smtplib.LMTP("127.0.0.1", daemon.ports["lmtp"]) as client:
        text = message(subject, sender=sender or "bob@example.com", to=f"{to}@example.org")
        refused = client.sendmail(sender, [f"{to}@example.org"], text, **more)
        expect(refused == {}, f"refused: {refused}")


def queue(daemon):
    return json.loads(daemon.tool("--json", "queue", "list"))


def subjects(hop):
    return [str(email.message_from_bytes(octets)["subject"]) for _, _, octets in list(hop.messages)]


def arrived(hop, count):
    return until(lambda: len(hop.messages) >= count and list(hop.messages), f"not {count} messages")


def empty(daemon):
    until(lambda: queue(daemon) == [], "the queue is not empty")


def trace(daemon, term):
    return json.loads(daemon.tool("--json", "trace", term))


# --- what becomes of it


def it_is_sent(daemon, hop):
    redirect(daemon, "ann")
    send(daemon, "sent-on", "ann")
    ((sender, recipients, octets),) = arrived(hop, 1)
    expect(recipients == ["away@far.example"], str(recipients))
    expect(sender.startswith("MAIL FROM:<bob@example.com>"), sender)
    expect(octets.endswith(b"\r\n\r\nA line.\r\n") and b"Subject: sent-on\r\n" in octets, str(octets))
    empty(daemon)
    ids = {row["id"] for row in trace(daemon, "bob@example.com")}
    expect(len(ids) == 1, f"not one delivery: {ids}")
    relayed = [row for row in trace(daemon, ids.pop()) if "relayed to" in row["text"]]
    expect(len(relayed) == 1 and relayed[0]["outcome"] == "250 2.0.0", str(relayed))
    expect(str(hop.port) in relayed[0]["text"] and relayed[0]["text"].endswith("taken"), str(relayed))


def it_is_deferred_and_comes_again(daemon, hop):
    hop.replies["RCPT"] = ["451 4.2.0 not now"]
    send(daemon, "deferred", "ann")
    until(lambda: len([x for x in hop.said if x.startswith("RCPT")]) >= 2, "not tried again")
    empty(daemon)
    expect(" relay_deferred " in daemon.log_text(), "nobody says so")


def it_is_refused(daemon, hop):
    """The sender hears of it, once, from <>; who cannot be told is not."""
    hop.replies["END"] = ["550 5.7.1 not here"]
    send(daemon, "refused", "ann")
    messages = arrived(hop, 2)
    sender, recipients, octets = messages[1]
    expect(sender.startswith("MAIL FROM:<>") and recipients == ["bob@example.com"], f"{sender} {recipients}")
    report = email.message_from_bytes(octets)
    expect(report.get_content_type() == "multipart/report", report.get_content_type())
    status = report.get_payload(1).as_string()
    expect("Action: failed" in status and "Status: 5.7.1" in status and "away@far.example" in status, status)
    empty(daemon)
    hop.replies["END"] = ["550 5.7.1 not here"]
    send(daemon, "refused-null", "ann", sender="")
    arrived(hop, 3)
    empty(daemon)
    expect(len(hop.messages) == 3, "a report about a report")


def a_hop_that_is_away_comes_back(daemon, hop):
    """It says nothing; then the rest is put off, until somebody knows better."""
    hop.replies.update({"CONNECT": CLOSE, "MAIL": CLOSE, "RSET": CLOSE})
    for n in range(12):
        send(daemon, f"away-{n}", "ann")
    until(lambda: " next_hop_down " in daemon.log_text(), "it is not noticed")
    rows = queue(daemon)
    expect(len(rows) == 12 and any(row["attempts"] == 0 for row in rows), f"each was tried: {rows}")
    hop.replies.clear()
    daemon.tool("queue", "flush")
    arrived(hop, 12)
    empty(daemon)
    expect(" next_hop_up " in daemon.log_text(), "nobody says that it answers again")


def replies_and_notices(daemon, hop):
    script(daemon, "carl", VACATION)
    script(daemon, "eve", NOTIFY)
    send(daemon, "hello", "carl", sender="dora@far.example")
    send(daemon, "look", "eve")
    found = {r[0]: email.message_from_bytes(o) for _, r, o in arrived(hop, 2)}
    expect(set(found) == {"dora@far.example", "watch@far.example"}, str(set(found)))
    expect(found["dora@far.example"]["auto-submitted"].startswith("auto-replied"), "not an automatic reply")
    empty(daemon)


def routes_are_chosen_by_domain(daemon, hop, other):
    redirect(daemon, "fred", "x@a.node.example")
    send(daemon, "one", "fred")
    send(daemon, "two", "ann")
    arrived(hop, 1)
    arrived(other, 1)
    expect(subjects(hop) == ["two"] and subjects(other) == ["one"], f"{subjects(hop)} {subjects(other)}")
    empty(daemon)


def vacations_do_not_answer_each_other(daemon, hop):
    """Two accounts whose smarthost brings their replies back: nothing goes round."""
    script(daemon, "gina", VACATION)
    script(daemon, "hugo", VACATION)
    send(daemon, "begin", "gina", sender="hugo@example.org")
    ((sender, recipients, octets),) = arrived(hop, 1)
    empty(daemon)
    with smtplib.LMTP("127.0.0.1", daemon.ports["lmtp"]) as client:
        client.sendmail(re.search("<(.*?)>", sender)[1], recipients, octets)
    expect(queue(daemon) == [] and len(hop.messages) == 1, "a reply to a reply")


# --- kills


def roles(daemon, name):
    """Process ids of a role."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            continue
        if parent == daemon.process.pid and name.encode() in words[:3] + words[-4:]:
            found.append(int(pid))
    return found


def kills_lose_nothing(daemon, hop):
    """What is acknowledged arrives; at most what was under way arrives twice."""
    count, kills = 40, 0
    said = daemon.log_text
    daemon.log_text = lambda: re.sub(" error role_ended role=relay .* signal=KILL", "", said())  # that was us
    for n in range(count):
        send(daemon, f"kept-{n}", "ann")
        if n in (10, 30):
            for pid in roles(daemon, "relay"):
                os.kill(pid, signal.SIGKILL)
                kills += 1
        if n == 20:
            daemon.kill()
            kills += 1
            daemon.start()
    until(lambda: len(set(subjects(hop))) == count, "not all came", 60)
    empty(daemon)
    expect(kills >= 3, f"{kills} kills only")
    twice = len(subjects(hop)) - count
    expect(twice <= kills * CONNECTIONS, f"{twice} came twice, of {CONNECTIONS} under way, with {kills} kills")


def an_end_in_the_middle_loses_nothing(daemon, hop):
    hop.replies.update({"DATA": [CLOSE, CLOSE], "END": [CLOSE]})
    for n in range(4):
        send(daemon, f"cut-{n}", "ann")
    until(lambda: len(set(subjects(hop))) == 4, "not all came", 60)
    empty(daemon)
    expect(len(subjects(hop)) <= 5, "more than one came twice")


CHECKS = (it_is_sent, it_is_deferred_and_comes_again, it_is_refused, replies_and_notices,
          vacations_do_not_answer_each_other)
HARD_CHECKS = (a_hop_that_is_away_comes_back, kills_lose_nothing, an_end_in_the_middle_loses_nothing)


def carry_out(t, checks, needs=()):
    """All of them with one daemon and its next hops."""
    with NextHop() as hop, NextHop(lmtp=True, unix=True) as other:
        routes = (
            f'route "node" {{ domains = {{"*.node.example"}} next_hop = "{other.name}" protocol = "lmtp" tls = "none" }}'
        )
        daemon = Daemon(more=settings(hop, f"connections = {CONNECTIONS}", routes))

        def fresh(check, *more):
            hop.replies.clear()
            hop.messages.clear()
            hop.said.clear()
            check(daemon, hop, *more)

        try:
            daemon.start()
            for account in needs:
                redirect(daemon, account)
            for check in checks:
                t.run(check.__name__.replace("_", " "), fresh, check)
            if not needs:
                t.run("routes are chosen by domain", fresh, routes_are_chosen_by_domain, other)
            t.run("the daemon ends well", daemon.end)
        finally:
            daemon.remove()


def main():
    """Two daemons at a time: what is hard with one waits as much as all else with the other."""
    t = Tests("relay sends")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        both = [pool.submit(carry_out, t, CHECKS), pool.submit(carry_out, t, HARD_CHECKS, ["ann"])]
    for one in both:
        one.result()
    t.end()


if __name__ == "__main__":
    main()
