#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The relay role against next hops that misbehave at every stage: whatever they do, each job has a result,
nothing counts as delivered that was not accepted, and mail for others goes on. The last line is "N passed, N
failed"."""

import email
import email.message
import email.policy
import os
import sys

import faulty_hop
from faulty_hop import FaultyHop
from harness import Tests, expect, until
from relay_role import RelayRole

BODY_8BIT, BODY_BINARY = 1, 2
STAGES = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "content", "end")
FAULTS = (faulty_hop.closes, faulty_hop.resets, faulty_hop.is_silent, faulty_hop.drips, faulty_hop.floods,
          faulty_hop.says_nonsense, faulty_hop.says_half, faulty_hop.shuts_down, faulty_hop.defers,
          faulty_hop.refuses)
SLOW = (faulty_hop.is_silent, faulty_hop.drips, faulty_hop.floods)
HELLO = b"Subject: hello\r\n\r\n.\r\nA line.\r\n"
LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 4 * 65536 + b"\r\n"
MEMORY_MAX = 16 << 20  # that a message of twice that may add to the role, sanitizers included


def role(hops, protocol="smtp", slow=()):
    """Its routes are h0, h1 ... to these next hops; those in `slow` have a second for each reply."""
    settings = ""
    for i, hop in enumerate(hops):
        times = 'reply_timeout = "1s" data_timeout = "1s"' if i in slow else ""
        settings += (f'route "h{i}" {{ domains = {{ "h{i}.example" }} next_hop = "127.0.0.1:{hop.port}" '
                     f'protocol = {protocol} tls = none {times} }}\n')
    return RelayRole(settings)


def expected(stage, fault):
    """What becomes of a message; what goes wrong before MAIL is never the message's fault."""
    if fault is faulty_hop.refuses and stage == "EHLO":
        return ("delivered", "deferred")  # HELO, where there is one
    if fault is faulty_hop.refuses and stage == "content":
        return ("failed", "deferred")  # whether it is heard before the connection breaks
    if fault is faulty_hop.refuses and stage in ("MAIL", "RCPT", "DATA", "end"):
        return ("failed",)
    return ("deferred",)


def faults_at_every_stage(protocol, extensions):
    def check():
        cases = [(stage, fault) for stage in STAGES for fault in FAULTS]
        if "CHUNKING" in extensions:
            cases = [case for case in cases if case[0] != "DATA"]
        hops = [FaultyHop({stage: fault}, protocol == "lmtp", extensions) for stage, fault in cases]
        hops.append(FaultyHop({}, protocol == "lmtp", extensions))
        slow = [i for i, (_, fault) in enumerate(cases) if fault in SLOW]
        with role(hops, protocol, slow) as r:
            jobs = [r.begin(LARGE if stage == "content" else HELLO, route=f"h{i}",
                            recipients=("bob@example.net", "carl@example.net"))
                    for i, (stage, _) in enumerate(cases)]
            for i, (stage, fault) in enumerate(cases):
                result = r.wait(jobs[i])
                name = f"{stage}, {fault.__name__}: {result} {hops[i].commands}"
                expect(all(a.state in expected(stage, fault) for a in result.answers), name)
                is_delivered = result.first.state == "delivered"
                expect(is_delivered == (len(hops[i].messages) == 1), name)
            result = r.send(HELLO, route=f"h{len(cases)}")
            expect(result.first.state == "delivered" and hops[-1].messages[0][2] == HELLO, result)
        for hop in hops:
            hop.close()

    return check


def second_answer_is_lost():
    """LMTP: the answer that came counts, the other recipient waits."""
    hop = FaultyHop(lmtp=True)
    answers = iter((lambda wire: wire.say("250 2.1.5 bob has it"), faulty_hop.closes))
    hop.faults["end"] = lambda wire: next(answers)(wire)
    with role([hop], "lmtp") as r:
        result = r.send(HELLO, route="h0", recipients=("bob@example.net", "carl@example.net"))
    expect([a.state for a in result.answers] == ["delivered", "deferred"], result)
    expect(result.first.text == "bob has it", result)


def closed_behind_our_back():
    """The next hop closes after each message: the next one finds that out, and goes by a new connection."""
    hop = FaultyHop(leaves=True)
    with role([hop]) as r:
        for i in range(5):
            result = r.send(HELLO, route="h0")
            expect(result.first.state == "delivered", f"{i}: {result}")
    expect(len(hop.messages) == 5 and hop.connections == 5, hop.connections)


def left_envelopes_are_reset():
    """One connection carries all, with RSET only behind an envelope that came to nothing."""
    hop = FaultyHop({"RCPT": faulty_hop.refuses})
    with role([hop]) as r:
        expect(r.send(HELLO, route="h0").first.state == "failed", hop.commands)
        del hop.faults["RCPT"]
        for _ in range(2):
            expect(r.send(HELLO, route="h0").first.state == "delivered", hop.commands)
    verbs = [line.split(" ")[0] for line in hop.commands]
    expect(hop.connections == 1 and verbs.count("RSET") == 1, verbs)
    expect(verbs.index("RSET") > verbs.index("RCPT"), verbs)


def messages_stay_one():
    """Forms that have smuggled a second message past others, to a server that takes DATA and to one that
    takes BDAT: one message arrives, and nothing in it became a command."""
    dots = [before + b"." + after for before in (b"\n", b"\r", b"\r\n", b"\r\n\0", b"\r\r\n")
            for after in (b"\n", b"\r", b"\r\n", b"\0\r\n", b"\r\r\n")]
    evil = b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n"
    hops = [FaultyHop(), FaultyHop(extensions=(*faulty_hop.EHLO, "CHUNKING"))]
    with role(hops) as r:
        for i, hop in enumerate(hops):
            for dot in dots:
                result = r.send(b"Subject: a\r\n\r\nfirst" + dot + evil, route=f"h{i}")
                expect(result.first.state == "delivered", f"{dot}: {result}")
            expect(len(hop.messages) == len(dots), f"{len(hop.messages)} messages")
            expect(not any("evil" in line for line in hop.commands), hop.commands)
            for _, _, text in hop.messages:
                left = text.replace(b"\r\n", b"")
                expect(b"\r" not in left and b"\n" not in left and b"\0" not in left, text)


def mail_of_eight_bits():
    """Messages as Python builds them, each part with its own needs."""
    policy = email.policy.SMTP.clone(cte_type="8bit")
    text = "Grüße aus Köln = ßchön \t\n.\nFrom here\n" + "ä" * 300 + "\n"
    plain = email.message.EmailMessage(policy)
    plain["From"], plain["Subject"] = "bob@example.com", "plain"
    plain.set_content(text, cte="8bit")
    mixed = email.message.EmailMessage(policy)
    mixed["From"], mixed["Subject"] = "bob@example.com", "mixed"
    mixed.set_content(text, cte="8bit")
    mixed.add_alternative("<p>Grüße</p>\n", subtype="html", cte="8bit")
    mixed.add_attachment(bytes(range(256)) * 9, "application", "octet-stream", filename="a.bin")
    mixed.add_attachment("only ascii\n", filename="a.txt", cte="8bit")
    outer = email.message.EmailMessage(policy)
    outer["From"], outer["Subject"] = "bob@example.com", "outer"
    outer.set_content("see below\n")
    outer.add_attachment(plain)
    return [m.as_bytes() for m in (plain, mixed, outer)]


def meaning(octets):
    """The parts of a message: type, name of the file, what it holds."""
    parts = []
    for part in email.message_from_bytes(octets, policy=email.policy.SMTP).walk():
        if not part.is_multipart():
            held = part.get_payload(decode=True)
            is_text = part.get_content_maintype() == "text"
            parts.append((part.get_content_type(), part.get_filename(),
                          held.replace(b"\r\n", b"\n") if is_text else held))
        else:
            parts.append((part.get_content_type(), part["Subject"]))
    return parts


def eight_bits_for_ascii():
    """A next hop without 8BITMIME gets ASCII that says the same to Python's parser; one with it, the octets."""
    hops = [FaultyHop(extensions=()), FaultyHop(), FaultyHop(extensions=("PIPELINING", "CHUNKING"))]
    with role(hops) as r:
        for octets in mail_of_eight_bits():
            for i, hop in enumerate(hops):
                result = r.send(octets, route=f"h{i}", body=BODY_8BIT)
                expect(result.first.state == "delivered", result)
                got = hop.messages[-1][2]
                expect(meaning(got) == meaning(octets), got)
                expect(i == 1 and got == octets or i != 1 and got.isascii(), got)
                expect((b"BODY=8BITMIME" in hop.messages[-1][0]) == (i == 1), hop.messages[-1][0])


def signed_is_refused():
    signed = (b"MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b; micalg=x; protocol=\"a/b\"\r\n\r\n"
              b"--b\r\nContent-Type: text/plain\r\n\r\n\xc3\xa9\r\n--b\r\nContent-Type: a/b\r\n\r\nx\r\n--b--\r\n")
    hops = [FaultyHop(extensions=()), FaultyHop()]
    with role(hops) as r:
        result = r.send(signed, route="h0", body=BODY_8BIT)
        expect(result.first.state == "failed" and result.first.enhanced == "5.6.3", result)
        result = r.send(signed, route="h1", body=BODY_8BIT)
        expect(result.first.state == "delivered" and hops[1].messages[0][2] == signed, result)


def binary_as_it_is():
    """BINARYMIME goes octet by octet where it can, and as base64 elsewhere."""
    octets = bytes(range(256)) * 300
    head = b"MIME-Version: 1.0\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    hops = [FaultyHop(extensions=("8BITMIME", "CHUNKING", "BINARYMIME", "PIPELINING")), FaultyHop()]
    with role(hops) as r:
        for i, hop in enumerate(hops):
            result = r.send(head + octets, route=f"h{i}", body=BODY_BINARY)
            expect(result.first.state == "delivered", result)
            got = hop.messages[-1][2]
            held = email.message_from_bytes(got, policy=email.policy.SMTP).get_payload(decode=True)
            expect(got == head + octets if i == 0 else held == octets, got[:200])


def memory_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM:")) * 1024


def large_messages_take_no_room():
    """The role reads a message as the next hop takes it."""
    line = b"0123456789abcdef" * 4 + b"\r\n"
    octets = b"Subject: large\r\n\r\n" + line * (2 * MEMORY_MAX // len(line))
    hops = [FaultyHop(), FaultyHop(extensions=(*faulty_hop.EHLO, "CHUNKING"))]
    options = os.environ.get("ASAN_OPTIONS", "")
    os.environ["ASAN_OPTIONS"] = f"{options}:quarantine_size_mb=1"  # else all that was freed counts
    with role(hops) as r:
        os.environ["ASAN_OPTIONS"] = options
        before = memory_of(r.process.pid)
        for i, hop in enumerate(hops):
            fd = os.memfd_create("large")
            with os.fdopen(os.dup(fd), "wb") as f:
                f.write(octets)
            expect(r.send(fd, route=f"h{i}").first.state == "delivered", hop.commands)
            expect(hop.messages[0][2] == octets, "other octets")
        expect(memory_of(r.process.pid) - before < MEMORY_MAX, memory_of(r.process.pid) - before)


def holds_nobody_up():
    """A next hop that is silent has its own connections; mail for another goes on meanwhile."""
    silent, good = FaultyHop({"MAIL": faulty_hop.is_silent}), FaultyHop()
    with role([silent, good]) as r:
        stuck = [r.begin(HELLO, route="h0") for _ in range(30)]
        until(lambda: sum("MAIL" in line for line in silent.commands) == 10, "ten connections")
        for _ in range(20):
            expect(r.send(HELLO, route="h1").first.state == "delivered", good.commands)
        expect(not any(r.has_result(number) for number in stuck), "they wait")
        expect(silent.connections == 10, silent.connections)


def main():
    pipelining = faulty_hop.EHLO
    tests = Tests("relay_faults")
    for name, check in (
        ("at every stage, in a group", faults_at_every_stage("smtp", pipelining)),
        ("at every stage, one by one", faults_at_every_stage("smtp", ("8BITMIME",))),
        ("at every stage, in chunks", faults_at_every_stage("smtp", (*pipelining, "CHUNKING"))),
        ("at every stage, LMTP", faults_at_every_stage("lmtp", pipelining)),
        ("the second answer is lost", second_answer_is_lost),
        ("closed behind our back", closed_behind_our_back),
        ("left envelopes are reset", left_envelopes_are_reset),
        ("messages stay one", messages_stay_one),
        ("eight bits for ASCII", eight_bits_for_ascii),
        ("what is signed is refused", signed_is_refused),
        ("binary as it is", binary_as_it_is),
        ("large messages take no room", large_messages_take_no_room),
        ("a silent next hop holds nobody up", holds_nobody_up),
    ):
        if len(sys.argv) < 2 or any(word in name for word in sys.argv[1:]):
            tests.run(name, check)
    tests.end()


main()
