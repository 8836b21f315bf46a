#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A flood of messages with forged senders, to accounts that are away, full, or not there: so many replies an
hour and no more, nobody else is written to, and nothing goes to <>. Ends in one line "N passed, N failed";
DOORSTEP_RELEASE names a build folder, or DOORSTEP and DOORSTEPD the binaries."""

import json
import os
import re
import smtplib
import threading

if "DOORSTEP_RELEASE" in os.environ:  # a flood takes too long under sanitizers
    os.environ["DOORSTEPD"] = os.environ["DOORSTEP_RELEASE"] + "/src/doorstepd/doorstepd"
    os.environ["DOORSTEP"] = os.environ["DOORSTEP_RELEASE"] + "/src/doorstep/doorstep"

from harness import Daemon, Tests, expect, message, until  # noqa: E402
from next_hop import NextHop  # noqa: E402

VACATION = 'require "vacation"; vacation :days 1 "I am away.";'
AWAY = ("ann", "eve", "ida", "olga")
FLOOD, OF_ONE, OF_ALL = 2000, 20, 50  # messages; replies an hour
SESSION = 90  # messages


def settings(hop):
    return (
        f'relay {{ smarthost = "{hop.name}" tls = "none" account_messages = {OF_ONE} messages = {OF_ALL} }}\n'
        "limits { account_messages = none network_messages = none unknown_recipients = none }\n"
    )


def one_session(daemon, senders, to, codes):
    with smtplib.LMTP("127.0.0.1", daemon.ports["lmtp"], timeout=60) as client:
        client.ehlo_or_helo_if_needed()
        for sender in senders:
            client.mail(sender)
            code, _ = client.rcpt(to)
            text = message("cheap", sender=sender or "x@y.example", to=to)
            codes.append(code if code >= 400 else client.data(text)[0])
            if code >= 400:
                client.rset()


def flood(daemon, senders, to):
    """The answers of all."""
    codes = []
    senders = list(senders)
    for at in range(0, len(senders), SESSION):
        one_session(daemon, senders[at : at + SESSION], f"{to}@example.org", codes)
    return codes


def forged(count, mark):
    return [f"{mark}-{n}@far.example" for n in range(count)]


def many(daemon, tasks):
    """(senders, to) each in a thread of its own; their answers."""
    found = {}
    threads = [
        threading.Thread(target=lambda s=s, to=to: found.setdefault(to, flood(daemon, s, to))) for s, to in tasks
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def accounts(daemon):
    for name in AWAY:
        daemon.tool("account", "add", f"{name}@example.org")
        daemon.tool("sieve", "install", f"{name}@example.org", "-", "--activate", data=VACATION.encode())
    daemon.tool("account", "add", "full@example.org", "--quota", "1")


def check_answers(daemon):
    tasks = [(forged(FLOOD // len(AWAY), name), name) for name in AWAY]
    tasks += [(forged(200, "u"), "nobody"), (forged(200, "f"), "full")]
    found = many(daemon, tasks)
    expect(set(found["nobody"]) == {550}, f"unknown: {set(found['nobody'])}")
    expect(set(found["full"]) <= {452, 552}, f"full: {set(found['full'])}")
    for name in AWAY:
        expect(set(found[name]) == {250} and len(found[name]) == FLOOD // len(AWAY), f"{name}: {set(found[name])}")


def settled(daemon):
    samples = daemon.tool("metrics").decode()
    counts = dict(re.findall(r'relay_attempts_total{role="store",result="(\w+)"} (\d+)', samples))
    return counts if sum(map(int, counts.values())) >= FLOOD else None


def check_replies(daemon, hop):
    counts = until(lambda: settled(daemon), "not all is decided", 120)
    expect(int(counts["delivered"]) == OF_ALL, f"{counts}")
    expect(int(counts["dropped"]) == FLOOD - OF_ALL, f"{counts}")
    recipients = [r[0] for _, r, _ in hop.messages]
    expect(len(recipients) == OF_ALL == len(set(recipients)), f"{len(recipients)} replies")
    for name in AWAY:
        theirs = [r for r in recipients if r.startswith(f"{name}-")]
        expect(len(theirs) <= OF_ONE, f"{name}: {len(theirs)} replies")
    expect(all(s.startswith("MAIL FROM:<>") for s, _, _ in hop.messages), "a reply that could be replied to")
    expect(json.loads(daemon.tool("--json", "queue", "list")) == [], "something waits")


def check_null_senders(daemon, hop):
    seen = len(hop.messages)
    flood(daemon, [""] * 20, "ann")
    expect(b"vacation" not in daemon.tool("--json", "queue", "list"), "a reply to <> waits")
    expect(len(hop.messages) == seen, "a reply to <>")


def main():
    t = Tests("relay storm")
    with NextHop() as hop:
        daemon = Daemon(more=settings(hop))
        try:
            daemon.start()
            accounts(daemon)
            t.run(f"{FLOOD} messages with forged senders are answered", check_answers, daemon)
            t.run(f"{OF_ONE} replies of one account, {OF_ALL} of all", check_replies, daemon, hop)
            t.run("nothing goes to <>", check_null_senders, daemon, hop)
            t.run("the daemon ends well", daemon.end)
        finally:
            daemon.remove()
    t.end()


if __name__ == "__main__":
    main()
