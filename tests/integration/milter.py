#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Content filters: a scripted one that gives every answer at every stage, dies at every octet, is slow and
lies. The last line is "N passed, N failed". Real ones are in milter_real.py."""

import concurrent.futures
import contextlib
import glob
import json
import os
import re
import shutil
import signal
import sys
import tempfile

from certificates import Authority
from filtered import Asked, plain
from harness import Tests, expect, message, until
from scripted_milter import (
    ACCEPT, CONTINUE, DISCARD, FAIL, PROGRESS, REJECT, SHUTDOWN, SKIP, TEMPFAIL, Milter, add_header,
    add_recipient, change_header, change_sender, delete_recipient, insert_header, packet, quarantine,
    replace_body, reply_code,
)
from tls_client import context

GO = packet(CONTINUE)


# ---- what it is told ----


def hears_everything():
    with Asked(Milter()) as a:
        code, text = a.send(message("told", "one\r\ntwo\r\n"), options=("BODY=8BITMIME",))
        expect(code == 250, text)
        m = a.milters[0]
        expect(a.one() == plain(message("told", "one\r\ntwo\r\n")), a.one())
        events = m.events()
        expect(re.fullmatch("OCHMRTL+NBEQ", until(lambda: m.commands().endswith("Q") and m.commands(), "QUIT")),
               m.commands())
        told = dict(events)
        expect(told["C"].startswith(b"unknown\0004") and told["C"].endswith(b"127.0.0.1\0"), told["C"])
        expect(re.fullmatch(rb"<bob@example.com>\0size=\d+\0BODY=8BITMIME\0", told["M"]), told["M"])
        expect(told["R"] == b"<ann@example.org>\0", told["R"])
        expect((b"Subject\0told\0") in [d for k, d in events if k == "L"], events)
        expect(told["B"] == b"one\r\ntwo\r\n", told["B"])
        connect, mail, rcpt = m.macros("C"), m.macros("M"), m.macros("R")
        expect(connect["j"] == "mx.example.org" and connect["_"] == "unknown [127.0.0.1]", connect)
        expect(connect["{daemon_addr}"] == "127.0.0.1" and connect["v"].startswith("Doorstep"), connect)
        expect(mail["{mail_addr}"] == "bob@example.com" and mail["i"], mail)
        expect(rcpt["{rcpt_addr}"] == "ann@example.org" and rcpt["{rcpt_host}"] == "example.org", rcpt)
        expect(m.macros("E")["i"] == mail["i"], m.macros("E"))


def chooses():
    """What it agreed not to hear is not said, what it does not answer is not waited for."""
    steps = 0x1 | 0x2 | 0x20 | 0x40 | 0x200 | 0x8000 | 0x80000 | 0x100000
    m = Milter(steps=steps, silent="RB", macros={"mail": "{mail_addr} {client_addr}"})
    with Asked(m) as a:
        code, text = a.send(message("chooses", "x" * 200 + "\r\n"))
        expect(code == 250, text)
        expect(re.fullmatch("OMRB+EQ", until(lambda: m.commands().endswith("Q") and m.commands(), "QUIT")),
               m.commands())
        expect(m.macros("M") == {"{mail_addr}": "bob@example.com", "{client_addr}": "127.0.0.1"}, m.macros("M"))


# ---- what it changes ----


def changes():
    body = b"new\nbody\r\n"
    m = Milter({"E": b"".join((
        add_header("X-Last", "two\nlines"), insert_header(0, "X-First", "1"), insert_header(2, "X-Third", "3"),
        change_header(1, "Subject", "changed"), change_header(1, "X-Old", ""), change_header(1, "X-None", "made"),
        replace_body(body[:5]), replace_body(body[5:]), add_header("X-Evil", "a\nInjected: b\n\nbody"),
        packet(PROGRESS), GO))})
    data = message("old").replace(b"Subject:", b"X-Old: 1\r\nX-Old: 2\r\nSubject:")
    with Asked(m) as a:
        code, text = a.send(data)
        expect(code == 250, text)
        header, _, text = a.one().partition(b"\n\n")
        lines = header.split(b"\n")
        expect(text == b"new\nbody\n", text)
        expect(lines[0] == b"X-First: 1" and lines[2] == b"X-Third: 3", lines)
        expect(b"Subject: changed" in lines and b"X-Old: 1" not in lines and b"X-Old: 2" in lines, lines)
        expect(lines[-6:] == [b"X-Last: two", b"\tlines", b"X-None: made", b"X-Evil: a", b"\tInjected: b", b"\tbody"],
               lines)
        m.answers = {}
        expect(a.send(data)[0] == 250 and len(a.stored()) == 2, "the same message again, unchanged, is another")


def retry_makes_no_second_copy():
    """The ledger knows a message by what came, not by what a filter made of it."""
    counter = iter(range(100))
    m = Milter()
    with Asked(m) as a:
        data = message("again").replace(b"From:", b"Received: from x by y; Sun, 01 Feb 2026 10:00:00 +0000\r\nFrom:")
        for _ in range(2):
            m.answers = {"E": [add_header("X-Count", str(next(counter))) + GO]}
            expect(a.send(data)[0] == 250, "refused")
        expect(b"X-Count: 0" in a.one(), a.one())


def recipients_and_sender():
    m = Milter({"E": delete_recipient("<ann@example.org>") + add_recipient("<archive@example.org>") +
                add_recipient("cid+x@example.org") + change_sender("<>", "SIZE=1") + GO})
    with Asked(m) as a:
        code, text = a.send(to=("ann@example.org", "bob@example.org"), protocol="lmtp")
        expect(code == 250, text)
        for user, count in (("ann", 0), ("bob", 1), ("archive", 1), ("cid", 1)):
            expect(len(a.stored(user)) == count, f"{user} has {len(a.stored(user))}")
        expect(a.daemon.messages("bob/new")[0].startswith(b"Return-Path: <>\n"), a.daemon.messages("bob/new"))
        expect(b"Delivered-To: cid+x@example.org" in a.daemon.messages("cid/new")[0], "Delivered-To")


def redirected_to_nobody():
    m = Milter({"E": delete_recipient("<ann@example.org>") + add_recipient("<x@elsewhere.example>") + GO})
    with Asked(m) as a:
        code, text = a.send()
        expect(code == 550, (code, text))
        m.answers = {"E": [delete_recipient("<ann@example.org>") + GO]}
        expect(a.send()[0] == 250 and a.stored() == [], "one that was only deleted")


def quarantined():
    m = Milter({"E": quarantine("too odd") + add_header("X-Q", "1") + GO})
    with Asked(m) as a:
        expect(a.send()[0] == 250, "refused")
        expect(a.stored() == [], a.stored())
        expect(b"X-Q: 1" in a.one(folder=".Junk/new"), "not in Junk")
        expect(a.send()[0] == 250 and len(a.stored(folder=".Junk/new")) == 2, "the second one")


def garble_index(a):
    """The running index is larger than its cache: what it reads next is nonsense."""
    for n in range(900):
        with open(a.daemon.mail_path(f"ann/new/{n}.other"), "w") as f:
            f.write(f"Subject: other {n}\n\n" + "preview " * 50 + "\n")
    expect(len(rows_of(a, "INBOX")) == 901, "not all is listed")

    def garble():
        for path in glob.glob(f"{a.daemon.state}/accounts/example.org/ann/index.sqlite*"):
            if not path.endswith("-shm"):
                with open(path, "r+b") as f:
                    f.write(b"\xa5" * os.path.getsize(path))
    return garble


def rows_of(a, mailbox):
    rows = json.loads(a.daemon.tool("message", "list", "ann@example.org", mailbox, "--json"))
    return rows if isinstance(rows, list) else rows["messages"]


def quarantined_while_the_index_is_renewed():
    """A row waits, and its mailbox has another number in the index that it comes to."""
    m = Milter()
    with Asked(m) as a:
        for mailbox in ("Alpha", "Beta"):
            a.daemon.tool("mailbox", "create", "ann@example.org", mailbox)
        expect(a.send(message("zero"))[0] == 250, "refused")
        garble = garble_index(a)
        m.answers = {"E": [quarantine("odd") + GO]}
        expect(a.send(message("first"))[0] == 250, "refused")
        garble()
        expect(a.send(message("second"))[0] == 250, "refused")
        found = [r["subject"] for r in rows_of(a, "Junk")]
        expect(sorted(found) == ["first", "second"], found)
        expect(len(rows_of(a, "INBOX")) == 901, "INBOX")
        said = a.daemon.log_text()
        expect("index_damaged" in said and "rows_wait" not in said, said[-2000:])


def large():
    """Beyond memory: lent by descriptor, and a new body comes back by one."""
    data = message("large", ("y" * 76 + "\r\n") * 20000)
    m = Milter({"E": add_header("X-A", "1") + GO})
    with Asked(m) as a:
        expect(a.send(data)[0] == 250, "refused")
        header, _, body = a.one().partition(b"\n\n")
        expect(body == plain(data).partition(b"\n\n")[2] and b"X-A: 1" in header, "body")
        said = b"".join(d for k, d in m.events() if k == "B")
        expect(said == data.partition(b"\r\n\r\n")[2], f"it was told {len(said)} octets")
        m.answers = {"E": [b"".join(replace_body(b"z" * 60000 + b"\r\n") for _ in range(20)) + GO]}
        expect(a.send(data, to=("bob@example.org",))[0] == 250, "refused")
        expect(a.one("bob").partition(b"\n\n")[2] == (b"z" * 60000 + b"\n") * 20, "new body")


def forged_results():
    forged = (b"Authentication-Results: mx.example.org; dkim=pass\r\n"
              b"authentication-results:\r\n (x) \"MX.example.org\" 1;\r\n spf=pass\r\n"
              b"Authentication-Results: other.example; dkim=fail\r\n")
    m = Milter({"E": insert_header(0, "Authentication-Results", "mx.example.org; dkim=none") + GO})
    with Asked(m) as a:
        expect(a.send(forged + message("forged"))[0] == 250, "refused")
        found = re.findall(rb"(?im)^authentication-results:.*", a.one())
        expect(found == [b"Authentication-Results: mx.example.org; dkim=none",
                         b"Authentication-Results: other.example; dkim=fail"], a.one())
        expect(not [d for k, d in m.events() if k == "L" and b"pass" in d], "the filter saw a forged one")


# ---- what it refuses ----

REFUSALS = (
    (packet(REJECT), 550, b"5.7.1"), (packet(TEMPFAIL), 451, b"4.7.1"), (packet(FAIL), 421, b"4.7.0"),
    (packet(SHUTDOWN), 421, b"4.7.0"), (reply_code("554 5.7.9 100%% no"), 554, b"5.7.9 "),
    (reply_code("450-4.2.9 one\r\n450 4.2.9 two"), 450, b"4.2.9 "),
)


def refusals():
    m = Milter()
    with Asked(m) as a:
        for stage in "CHMRTLNBE":
            for answer, code, text in REFUSALS:
                m.answers = {stage: [answer]}
                got = a.send()
                if stage in "LNBE" and code < 500:
                    code = 451  # SMTP's one answer for all recipients
                if stage == "H" and code == 421:
                    code, text = 0, b""  # smtplib tries HELO on a connection that is closed
                expect(got[0] == code and text in got[1], f"{answer!r} at {stage}: {got}")
            expect(a.stored() == [], f"{stage}: {a.stored()}")
            m.answers = {stage: [reply_code("550-5.7.1 one\r\n550 5.7.1 100%% two")]}
            got = a.send()
            expect(b"one" in got[1] and b"100% two" in got[1], f"lines at {stage}: {got}")
        m.answers = {}
        expect(a.send()[0] == 250 and len(a.stored()) == 1, "it goes on")


def accepted_and_discarded():
    m = Milter({"E": packet(REJECT)})
    with Asked(m) as a:
        for stage in "CHMRTLNB":
            m.answers = {"E": [packet(REJECT)], stage: [packet(ACCEPT)]}
            expect(a.send()[0] == 250, f"accept at {stage}")
        expect(len(a.stored()) == 8, len(a.stored()))
        for stage in "MRTLNBE":
            m.answers = {stage: [packet(DISCARD)]}
            expect(a.send(to=("bob@example.org",))[0] == 250 and a.stored("bob") == [], f"discard at {stage}")
        m.answers, m.steps = {"B": [packet(SKIP)]}, 0x400
        expect(a.send(message("skip", "y" * 70 + "\r\n" + "x" * 900 + "\r\n"), to=("cid@example.org",))[0] == 250, "skip")


def sessions():
    """RSET, several messages, BDAT, pipelining, XCLIENT, unknown commands."""
    m = Milter()
    with Asked(m) as a, a.daemon.connect("smtp", "unix") as s, s.makefile("rb") as lines:
        def says(text, code, last=True):
            s.sendall(text)
            while True:
                line = lines.readline()
                if line[3:4] == b" ":
                    expect(line.startswith(code), f"{text!r}: {line!r}")
                    return line
        says(b"", b"220")
        says(b"EHLO c.example\r\n", b"250")
        says(b"MAIL FROM:<a@example.com>\r\nRSET\r\n", b"250")
        expect(lines.readline().startswith(b"250"), "RSET")
        until(lambda: "A" in m.commands(), "ABORT after RSET")
        s.sendall(b"MAIL FROM:<a@example.com>\r\nRCPT TO:<ann@example.org>\r\nRCPT TO:<nobody@example.org>\r\n"
                  b"RCPT TO:<bob@example.org>\r\nBDAT 14 LAST\r\nSubject: x\r\n\r\n")
        replies = [lines.readline() for _ in range(5)]
        expect([r[:3] for r in replies] == [b"250", b"250", b"550", b"250", b"250"], replies)
        says(b"NONSENSE\r\n", b"500")
        expect("U" in m.commands(), m.commands())
        says(b"XCLIENT ADDR=192.0.2.9 NAME=c.example\r\n", b"220")
        expect(m.events()[-1][1].startswith(b"c.example\0004"), m.events()[-1])
        says(b"EHLO d.example\r\n", b"250")
        says(b"XFORWARD ADDR=192.0.2.77 NAME=f.example HELO=g.example IDENT=QQ1\r\n", b"250")
        says(b"MAIL FROM:<a@example.com>\r\n", b"250")
        expect([d for k, d in m.events() if k == "C"][-1].startswith(b"f.example\0004"), "XFORWARD")
        expect([d for k, d in m.events() if k == "H"][-1] == b"g.example\0", "XFORWARD HELO")
        says(b"QUIT\r\n", b"221")
        m.answers = {"T": [packet(REJECT)]}
    with Asked(Milter({"T": [packet(REJECT)]})) as a, a.daemon.connect("smtp", "unix") as s, s.makefile("rb") as lines:
        s.sendall(b"EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<ann@example.org>\r\nBDAT 14 LAST\r\nSubject: x\r\n\r\nQUIT\r\n")
        text = lines.read()
        expect(b"550 5.7.1 <ann@example.org> refused" in text and a.stored() == [], text)


# ---- several ----


def in_order():
    first = Milter({"E": add_header("X-A", "1") + replace_body(b"first\r\n") + GO})
    second = Milter({"E": change_header(1, "X-A", "2") + add_header("X-B", "1") + GO})
    with Asked(first, second) as a:
        expect(a.send()[0] == 250, "refused")
        expect(a.one().endswith(b"X-A: 2\nX-B: 1\n\nfirst\n"), a.one())
        expect(dict(second.events())["B"] == b"first\r\n", "the second saw another body")
        first.answers = {"R": [packet(REJECT)]}
        before = second.commands().count("R")
        expect(a.send()[0] == 550 and second.commands().count("R") == before, "the second was asked")


# ---- when it fails ----

SCRIPT = {"E": add_header("X-A", "1") + replace_body(b"half ") + replace_body(b"a body\r\n") + GO}


def dies_at_each_octet(policy):
    """Whatever was sent until then: the original, the whole new message, or 451 and nothing."""
    def check():
        changed = plain(message("hi")).partition(b"\n\n")[0] + b"\nX-A: 1\n\nhalf a body\n"
        m = Milter(dict(SCRIPT))
        with Asked(m, on_failure=policy) as a:
            expect(a.send(to=("bob@example.org",))[0] == 250, "refused")
            octets, accepted = m.sent, 0
            for cut in range(octets + 1):
                m.sent, m.cut = 0, cut
                code, text = a.send()
                whole = cut >= octets
                expect(code == (250 if whole or policy == "accept" else 451), f"cut at {cut}: {code} {text}")
                accepted += code == 250
            found = a.stored()
            expect(len(found) == accepted, f"{len(found)} of {accepted}")
            for stored in found:
                expect(stored in (plain(message("hi")), changed), f"half a message: {stored!r}")
            expect(found.count(changed) == 1, "the whole one")
    return check


LIES = {
    "a length of nothing": b"\0\0\0\0", "a huge length": b"\xff\xff\xff\xffc", "an unknown answer": packet(b"Z"),
    "data behind continue": packet(CONTINUE, b"x"), "a string without its end": packet(b"y", b"550 5.7.1 x"),
    "a reply of success": reply_code("250 2.0.0 ok"), "no reply": reply_code("x"), "two answers": GO + GO + GO,
    "a header that is none": add_header("X:Y", "1") + GO, "a change out of time": add_header("X", "1"),
    "skip without leave": packet(SKIP), "another agreement": packet(b"O", b"\0" * 12),
}


def lies():
    m = Milter()
    with Asked(m) as a:
        for stage in "CMRLBE":
            for name, answer in LIES.items():
                if (name == "two answers" and stage in "LBE") or (name == "a change out of time" and stage == "E"):
                    continue  # answers to what comes next, or behind the last; in time
                m.answers = {stage: [answer]}
                code, text = a.send()
                expect(code == 451, f"{name} at {stage}: {code} {text}")
        for name, negotiation in {
            "version 1": packet(b"O", b"\0\0\0\1" + b"\0" * 8), "version 7": packet(b"O", b"\0\0\0\7" + b"\0" * 8),
            "actions": packet(b"O", b"\0\0\0\6\0\1\0\0" + b"\0" * 4), "short": packet(b"O", b"\0\0\0\6"),
            "steps": packet(b"O", b"\0\0\0\6" + b"\0" * 4 + b"\x40\0\0\0"), "continue": GO,
        }.items():
            m.answers, m.negotiation = {}, negotiation
            expect(a.send()[0] == 451, f"negotiation: {name}")
        m.negotiation = None
        expect(a.send()[0] == 250 and len(a.stored()) == 1, "it does not recover")


def only_what_was_agreed():
    m = Milter()
    with Asked(m) as a:
        for action, change in ((0x1, add_header("X", "1")), (0x2, replace_body(b"x")), (0x4, add_recipient("a@b")),
                               (0x8, delete_recipient("a@b")), (0x10, change_header(1, "From", "")),
                               (0x20, quarantine("x")), (0x40, change_sender("<>"))):
            m.actions, m.answers = 0x1FF & ~action, {"E": [change + GO]}
            expect(a.send()[0] == 451 and a.stored() == [], hex(action))


def slow(policy, code):
    def check():
        m = Milter()
        with Asked(m, on_failure=policy, connect_timeout="300ms", command_timeout="300ms",
                   content_timeout="300ms") as a:
            for n, stage in enumerate(("O", "R", "E")):
                m.stalls, m.negotiation = stage, b"" if stage == "O" else None
                got = a.send()
                expect(got[0] == code, f"{stage}: {got}")
                expect(len(a.stored()) == (n + 1 if code == 250 else 0), "stored")
    return check


def drips():
    """An octet now and then is no answer; progress is one."""
    m = Milter()
    with Asked(m, command_timeout="400ms", content_timeout="400ms") as a:
        m.drip = 0.15  # five octets of an answer
        got = a.send()
        expect(got[0] == 451, f"by the octet: {got}")
        m.drip, m.answers = 0, {"E": [packet(PROGRESS) * 3 + GO]}
        expect(a.send()[0] == 250, "progress")


def counted():
    first, second = Milter({"E": add_header("X-A", "1") + GO}), Milter()
    with Asked(first, second, on_failure=["tempfail", "accept"]) as a:
        a.send()
        expect(a.counted("filtered_total", result="changed") == 1, "changed")
        for answer, series in ((REJECT, "refused"), (TEMPFAIL, "deferred"), (DISCARD, "discarded")):
            second.answers = {"E": [packet(answer)]}
            a.send()
            expect(a.counted(f"milter_{series}_total", milter="m1") == 1, series)
            expect(a.counted(f"milter_{series}_total", milter="m0") == 0, series)
        expect(a.counted("filtered_total", result="refused") == 2, "refused, for now or for good")
        expect(a.counted("filtered_total", result="discarded") == 1, "discarded")
        second.answers, first.answers = {"E": [quarantine("x") + GO]}, {}
        a.send()
        expect(a.counted("filtered_total", result="quarantined") == 1, "quarantined")
        second.answers = {"E": [packet(b"Z")]}
        expect(a.send()[0] == 250, "accept")
        expect(a.counted("milter_failures_total", on_failure="accept") == 1, "accept")
        expect(a.counted("filtered_total", result="same") == 1, "as if the second had agreed")
        first.answers = {"R": [packet(b"Z")]}
        expect(a.send()[0] == 451, "tempfail")
        expect(a.counted("milter_failures_total", on_failure="tempfail") == 1, "tempfail")
        expect([a.counted("milter_lost_total", milter=n) for n in ("m0", "m1")] == [1, 1], "lost")
        expect(a.counted("milter_duration_seconds_count", milter="m0") >= 30, "questions")
        expect(0 < a.counted("milter_duration_seconds_sum", milter="m0") < 30, "time")


def logged_in():
    """{auth_type}, {auth_authen} and {auth_author} as Postfix tells them, in front of MAIL."""
    m = Milter()
    with Asked(m, in_smtp="auth = yes auth_plain_without_tls = yes") as a:
        a.daemon.tool("account", "passwd", "bob@example.org", data=b"correct horse\n")
        with a.client("smtp") as client:
            client.ehlo()
            client.login("bob@example.org", "correct horse")
            client.sendmail("bob@example.com", ["ann@example.org"], message("x"),
                            mail_options=["AUTH=eve@example.com"])
        macros = m.macros("M")
        expect(macros["{auth_authen}"] == "bob@example.org", macros)
        expect(macros["{auth_type}"] in ("PLAIN", "LOGIN"), macros)
        expect(macros["{auth_author}"] == "eve@example.com", macros)
        a.send(to=("cid@example.org",))
        told = [d for s in m.sessions for k, d in s if k == "D" and d[:1] == b"M"]
        expect(len(told) == 2 and b"{auth_" not in told[1], told)


def told_of_tls(m, a, pair):
    """The macros in front of the EHLO under TLS; there are none in front of any other."""
    with a.client("smtp") as client:
        client.ehlo()
        client.starttls(context=context(pair=pair))
        client.sendmail("bob@example.com", ["ann@example.org"], message("x"))
    told = [d for k, d in m.sessions[-1] if k == "D" and d[:1] == b"H"]
    expect(len(told) == 1, told)
    parts = told[0][1:].decode().split("\0")[:-1]
    return dict(zip(parts[::2], parts[1::2]))


def under_tls():
    m = Milter()
    with tempfile.TemporaryDirectory(prefix="doorstep-milter.") as folder:
        ca, other = Authority(folder, "Some Authority"), Authority(folder, "other")
        mx, known = ca.issue("mx", ["mx.example.org"]), ca.issue("known", ["client.example.com"])
        unknown = other.issue("unknown", ["client.example.com"])
        with Asked(m, in_smtp=f'tls = "offered" client_ca = "{ca.pem}" {mx.settings()}') as a:
            macros = told_of_tls(m, a, known)
            expect(macros["{tls_version}"].startswith("TLSv1.") and macros["{cipher}"], macros)
            expect(int(macros["{cipher_bits}"]) >= 128, macros)
            expect(macros["{cert_subject}"] == "client.example.com", macros)
            expect(macros["{cert_issuer}"] == "Some Authority", macros)
            macros = told_of_tls(m, a, unknown)  # anybody can sign such a name
            expect("{cert_subject}" not in macros and "{cert_issuer}" not in macros, macros)


def away():
    m = Milter()
    m.close()
    with Asked(m, on_failure="accept") as a:
        expect(a.send()[0] == 250 and len(a.stored()) == 1, "accept")
    with Asked(m) as a:
        expect(a.send()[0] == 451, "tempfail")
    path = tempfile.mkdtemp(prefix="doorstep-milter.")
    m = Milter(path=f"{path}/m.sock")
    os.chmod(path, 0o755)
    with Asked(m) as a:
        expect(a.send()[0] == 250, "unix socket")
    shutil.rmtree(path)


def role_killed():
    """The outbound role dies: what waits is 451, and the next session is filtered again."""
    m = Milter({"E": add_header("X-A", "1") + GO}, stalls="E")
    with Asked(m) as a:
        def pid():
            for name in filter(str.isdigit, os.listdir("/proc")):
                try:
                    with open(f"/proc/{name}/stat") as f:
                        stat = f.read()
                except OSError:
                    continue  # it has ended
                if "(doorstep-outbnd)" in stat and int(stat.rpartition(")")[2].split()[1]) == a.daemon.process.pid:
                    return int(name)
            return None
        with concurrent.futures.ThreadPoolExecutor() as pool:
            sent = pool.submit(a.send)
            until(lambda: "E" in m.commands(), "the end of the message")
            os.kill(until(pid, "the role"), 9)
            expect(sent.result()[0] == 451, sent.result())
        m.stalls = ""
        until(lambda: a.send()[0] == 250, "another outbound role")
        expect(b"X-A: 1" in a.stored()[0], a.stored())
        a.daemon.kill()  # its log has a role that was killed, which a good end would call an alarm


def rewrite(a, old, new):
    """The configuration changes while the daemon runs."""
    reloaded = a.daemon.log_text().count(" reloaded ")
    with open(a.daemon.configuration) as f:
        text = f.read()
    expect(old in text, f"no {old}")
    with open(a.daemon.configuration, "w") as f:
        f.write(text.replace(old, new))
    os.kill(a.daemon.process.pid, signal.SIGHUP)
    until(lambda: a.daemon.log_text().count(" reloaded ") > reloaded, "reloaded")


def reloads():
    """Each setting of a milter section counts for the sessions that begin behind SIGHUP; an older session keeps
    the filter that it has, also while the store is another one."""
    m, other = (Milter({"E": add_header("X-By", name) + GO}) for name in ("first", "second"))
    with Asked(m) as a, contextlib.closing(other):
        with a.client() as client:
            client.sendmail("bob@example.com", ["ann@example.org"], message("before"))
            rewrite(a, f'"{m.address}"', f'"{other.address}"')
            client.sendmail("bob@example.com", ["ann@example.org"], message("old session"))
            expect([b"X-By: first" in x for x in a.stored()] == [True, True], a.stored())
            expect(a.send(to=("bob@example.org",))[0] == 250 and b"X-By: second" in a.one("bob"), "a new session")
        rewrite(a, f'"{other.address}"', f'"{other.address}" quarantine = "Odd"')
        other.answers = {"E": [quarantine("x") + GO]}
        expect(a.send(to=("cid@example.org",))[0] == 250 and a.one("cid", ".Odd/new"), "quarantine")
        other.answers, other.stalls = {}, "E"
        rewrite(a, 'quarantine = "Odd"', 'content_timeout = "300ms"')
        expect(a.send()[0] == 451, "content_timeout")
        rewrite(a, 'content_timeout = "300ms"', 'content_timeout = "300ms" on_failure = accept')
        expect(a.send(to=("dan@example.org",))[0] == 250 and a.one("dan"), "on_failure")


def checks(tests):
    for name, check in (
        ("it hears every stage with its macros", hears_everything),
        ("it chooses what it hears and answers", chooses),
        ("header and body change", changes),
        ("a retry makes no second copy", retry_makes_no_second_copy),
        ("recipients and sender change", recipients_and_sender),
        ("a recipient that is not ours is none", redirected_to_nobody),
        ("quarantine", quarantined),
        ("quarantine while the index is renewed", quarantined_while_the_index_is_renewed),
        ("large messages", large),
        ("forged Authentication-Results", forged_results),
        ("every refusal at every stage", refusals),
        ("accept, discard, skip", accepted_and_discarded),
        ("sessions", sessions),
        ("two filters", in_order),
        ("it dies at each octet, accept", dies_at_each_octet("accept")),
        ("it dies at each octet, tempfail", dies_at_each_octet("tempfail")),
        ("it lies", lies),
        ("it does what it did not agree to", only_what_was_agreed),
        ("it is slow, accept", slow("accept", 250)),
        ("it is slow, tempfail", slow("tempfail", 451)),
        ("it drips", drips),
        ("what it does is counted", counted),
        ("who has logged in", logged_in),
        ("macros of TLS", under_tls),
        ("it is away", away),
        ("the outbound role is killed", role_killed),
        ("a reload", reloads),
    ):
        if len(sys.argv) < 2 or any(word in name for word in sys.argv[1:]):
            tests.run(name, check)


def main():
    tests = Tests("milter")
    checks(tests)
    tests.end()


main()
