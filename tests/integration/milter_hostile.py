#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A filter as an adversary: it leaves behind each answer, speaks when nobody asks, floods, does not read, and
holds a hundred sessions at once. Mail is whole or comes again, others are served, memory is bounded. The last
line is "N passed, N failed"."""

import concurrent.futures
import os
import struct
import sys

from filtered import Asked, plain
from harness import Tests, expect, message, until
from scripted_milter import CONTINUE, PROGRESS, Milter, add_header, add_recipient, packet, replace_body

GO = packet(CONTINUE)
STAGES = "OCHMRTLNBE"
MEMORY_MAX = 64 << 20  # that any of these may add to the role, sanitizers included


def outbound_of(a):
    """The process id of the daemon's outbound role."""
    with open(f"/proc/{a.daemon.process.pid}/task/{a.daemon.process.pid}/children") as f:
        for pid in f.read().split():
            with open(f"/proc/{pid}/comm") as comm:
                if comm.read().startswith("doorstep-outb"):
                    return int(pid)
    return None


def memory_of(pid):
    """Octets that were resident at most."""
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM:")) * 1024


def messages_of_one_session(a, count):
    """Codes of so many messages, one behind the other: of MAIL, RCPT or DATA, whichever refused."""
    codes = []
    with a.client("smtp") as client:
        client.ehlo()
        for _ in range(count):
            for line in ("MAIL FROM:<bob@example.com>", "RCPT TO:<ann@example.org>"):
                code = client.docmd(line)[0]
                if code != 250:
                    break
            else:
                code = client.data(message("hi"))[0]
            codes.append(code)
            client.rset()
    return codes


# ---- it leaves ----


def leaves(policy):
    """Behind the answer to each stage; the session's next message but one is filtered again."""
    def check():
        m = Milter({"E": add_header("X-A", "1") + GO})
        changed = plain(message("hi")).replace(b"\n\n", b"\nX-A: 1\n\n", 1)
        with Asked(m, on_failure=policy) as a:
            stored = 0
            for stage in STAGES:
                m.closes = stage
                code, text = a.send()
                kept = policy == "accept" or stage == "E"
                expect(code == (250 if kept else 451), f"{stage}: {code} {text}")
                stored += kept
                found = a.stored()
                expect(len(found) == stored, f"{stage}: {len(found)} of {stored}")
                expect(all(f in (plain(message("hi")), changed) for f in found), f"{stage}: half a message")
            expect(changed in found, "it was changed before it left")
            m.closes = "E"
            codes = messages_of_one_session(a, 3)
            expect(codes[0] == 250 and codes[1] in (250, 451) and codes[2] == 250, f"one session: {codes}")
    return check


# ---- it speaks when nobody asks ----


def speaks_unasked():
    m = Milter({"A": packet(CONTINUE) * 3})
    with Asked(m) as a, a.client("smtp") as client:
        client.ehlo()
        expect(client.docmd("MAIL FROM:<bob@example.com>")[0] == 250, "MAIL")
        expect(client.rset()[0] == 250, "RSET")
        until(lambda: "milter_lost" in a.daemon.log_text(), "its answer to an abort")
        codes = [client.docmd("MAIL FROM:<bob@example.com>")[0] for _ in range(2)]
        expect(codes[-1] == 250, f"it is not asked again: {codes}")
        m.answers = {"E": [GO + add_header("X-Late", "1") + replace_body(b"half")]}
        expect(a.send()[0] == 250 and a.one() == plain(message("hi")), "behind its last word")


# ---- it floods ----

FLOODS = {
    "progress without end": packet(PROGRESS) * 400000,
    "fields": add_header("X", "v" * 1000) * 4000,
    "fields of a name": add_header("X" * 600, "v"),
    "recipients": add_recipient("<ann@example.org>") * 2000,
    "a body beyond the limit": replace_body(b"b" * 65000) * 1200,
    "4 GB to come": struct.pack(">I", 0xFFFFFFFF) + b"b" * 1000000,
    "256 KB to come, by the octet": struct.pack(">I", 0x40000) + b"b" * 1000,
}


def floods():
    m = Milter()
    with Asked(m, content_timeout="2s") as a:
        a.send(to=("bob@example.org",))
        pid = until(lambda: outbound_of(a), "the role")
        before = memory_of(pid)
        for name, octets in FLOODS.items():
            m.answers = {"E": [octets]}
            code, text = a.send()
            expect(code == 451, f"{name}: {code} {text}")
            grown = memory_of(pid) - before
            expect(grown < MEMORY_MAX, f"{name}: {grown} octets more")
        m.answers = {"E": [packet(PROGRESS) * 100000 + GO]}
        expect(a.send()[0] == 250 and len(a.stored()) == 1, "progress with an end")
        expect(outbound_of(a) == pid, "the role is another one")


def does_not_read():
    """A large message waits in the socket and in a bounded queue."""
    m = Milter(stalls="M")
    data = message("large", ("y" * 76 + "\r\n") * 100000)
    with Asked(m, command_timeout="1s", content_timeout="1s") as a:
        expect(a.send()[0] == 451, "MAIL")
        pid = until(lambda: outbound_of(a), "the role")
        before = memory_of(pid)
        m.stalls, m.silent, m.steps = "L", "", 0x80 | 0x80000
        expect(a.send(data)[0] == 451, "a large message")
        expect(memory_of(pid) - before < MEMORY_MAX, f"{memory_of(pid) - before} octets more")


# ---- many at once ----


def holds_many():
    """A hundred sessions wait for it; one whose filter answers does not wait for them."""
    slow, quick = Milter(stalls="M"), Milter()
    with Asked(slow, quick, each=True, command_timeout="60s") as a:
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            waiting = [pool.submit(a.send, None, ("ann@example.org",), protocol="smtp") for _ in range(100)]
            until(lambda: slow.commands().count("M") == 100, "a hundred MAILs", 60)
            expect(a.send(to=("bob@example.org",), protocol="lmtp")[0] == 250 and a.one("bob"), "the other one")
            expect(not any(w.done() for w in waiting), "they do not wait")
            os.kill(outbound_of(a), 9)
            codes = {w.result()[0] for w in waiting}
            expect(codes == {451}, codes)
        a.daemon.kill()  # its log has a role that was killed, which a good end would call an alarm


def main():
    tests = Tests("milter_hostile")
    for name, check in (
        ("it leaves behind each answer, accept", leaves("accept")),
        ("it leaves behind each answer, tempfail", leaves("tempfail")),
        ("it speaks when nobody asks", speaks_unasked),
        ("it floods", floods),
        ("it does not read", does_not_read),
        ("it holds a hundred sessions", holds_many),
    ):
        if len(sys.argv) < 2 or any(word in name for word in sys.argv[1:]):
            tests.run(name, check)
    tests.end()


main()
