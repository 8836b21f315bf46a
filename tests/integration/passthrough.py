#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Content filters that are sent messages by SMTP or LMTP and give them back, with the real daemon: one that works
(aiosmtpd), one with every fault that we can think of, one of Debian's (proxsmtpd), and strangers on the listener
where messages come back. Ends in one line "N passed, N failed"; DOORSTEP and DOORSTEPD name the binaries."""

import json
import os
import re
import shutil
import signal
import smtplib
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

from harness import ROOT, Daemon, Tests, expect, message, until, without_trace
from private_daemon import free_ports
from scripted_filter import ScriptedFilter, Wire

TOKEN = re.compile("[0-9a-f]{32}")


class Place:
    """A folder that the daemon's roles and filters of other users reach, and what listens there."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="doorstep-passthrough.")
        os.chmod(self.folder, 0o755)
        self.filters = {}
        self.processes = []

    def path(self, name):
        return f"{self.folder}/{name}"

    def scripted(self, name, lmtp=False):
        self.filters[name] = ScriptedFilter(self.path(f"{name}.sock"), self.path(f"{name}.back"), lmtp)

    def section(self, name, settings="", driver="smtp", address=None, back=None):
        address = address or f"unix:{self.path(name + '.sock')}"
        back = back or f"unix:{self.path(name + '.back')}"
        return f'filter {name} {{ driver = {driver} address = "{address}" return = "{back}" {settings} }}\n'

    def run(self, *command):
        self.processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for f in self.filters.values():
            f.end()
        for p in self.processes:
            p.kill()
            p.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def domain(name, before=(), after=()):
    return (
        f'domain {name}.test {{ accounts = any recipient_delimiter = "+" '
        f"filters_before = {{{', '.join(before)}}} filters_after = {{{', '.join(after)}}} }}\n"
    )


def send(daemon, recipients, subject, body="A line.\r\n", sender="bob@example.com", more=()):
    """{recipient: (code, text)} by LMTP, on the unix socket where `more` is for trusted clients."""
    host = f"{daemon.folder}/lmtp.sock" if more else "127.0.0.1"
    with smtplib.LMTP(host, daemon.ports["lmtp"], local_hostname="client.example", timeout=60) as client:
        client.ehlo_or_helo_if_needed()
        for line in more:
            expect(client.docmd(line)[0] == 250, f"{line} is refused")
        client.mail(sender)
        for r in recipients:
            code, text = client.rcpt(r)
            expect(code == 250, f"RCPT {r}: {code} {text}")
        client.putcmd("DATA")
        client.getreply()
        client.send(smtplib._quote_periods(message(subject, body=body)) + b".\r\n")
        return {r: client.getreply() for r in recipients}


def deliver(daemon, name, subject, user="ann", **more):
    """(code, text, what is in the inbox)"""
    recipient = f"{user}@{name}.test"
    code, text = send(daemon, [recipient], subject, **more)[recipient]
    return code, text.decode(), inbox(daemon, name, user)


def inbox(daemon, name, user="ann", folder=""):
    return daemon.messages(f"/{name}.test/{user.split('+')[0]}/{folder}new")


def fresh(counter=[0]):
    """An account that has nothing yet."""
    counter[0] += 1
    return f"u{counter[0]}"


def log_has(daemon, *words):
    return until(
        lambda: any(all(w in line for w in words) for line in daemon.log_text().splitlines()), f"no line with {words}", 10
    )


# --- what works


def goes_through(daemon, place):
    user = fresh()
    code, text, box = deliver(daemon, "plain", "well", user=user, body="line\r\n.\r\nd\xe9j\xe0\r\n")
    expect(code == 250 and len(box) == 1, f"{code} {text}: {len(box)}")
    body = without_trace(box[0])
    expect(body.startswith(b"X-Filtered: yes\nFrom: bob@"), f"{body[:200]}")
    expect(body.endswith("line\n.\nd\xe9j\xe0\n".encode()), f"{body[-100:]}")
    seen = place.filters["plain"].seen[-1]
    expect(seen["mail"].startswith("MAIL FROM:<bob@example.com>"), f"{seen['mail']}")
    expect([a for a, _ in seen["back"]] == [250, 250, 354, 250], f"{seen['back']}")


def nobody_is_shown_to_others(daemon, place):
    users = [fresh(), fresh()]
    answers = send(daemon, [f"{u}@plain.test" for u in users], "well")
    expect(all(c == 250 for c, _ in answers.values()), f"{answers}")
    expect(all(len(inbox(daemon, "plain", u)) == 1 for u in users), "not for all")
    expect(re.fullmatch(r"[0-9a-f]{32}@\S+", place.filters["plain"].seen[-1]["rcpt"]), f"{place.filters['plain'].seen[-1]}")


def once_for_each_account(daemon, place):
    users = [fresh(), fresh()]
    before = len(place.filters["each"].seen)
    answers = send(daemon, [f"{u}+x@each.test" for u in users], "well")
    expect(all(c == 250 for c, _ in answers.values()), f"{answers}")
    seen = place.filters["each"].seen[before:]
    expect(len(seen) == 2, f"{len(seen)} times")
    found = sorted(TOKEN.sub("TOKEN", s["rcpt"]) for s in seen)
    expect(found == sorted(f"{u}+TOKEN@each.test" for u in users), f"{found}")
    expect(seen[0]["rcpt"].split("+")[1] != seen[1]["rcpt"].split("+")[1], "one token for both")


def one_is_refused_and_the_other_is_not(daemon, place):
    filter_ = place.filters["each"]
    filter_.finish = lambda wire, seen: (
        filter_.do_refuses(wire, seen) if seen["rcpt"].startswith("no") else filter_.do_well(wire, seen)
    ) is not False
    user, other = fresh(), "no" + fresh()
    try:
        answers = send(daemon, [f"{user}@each.test", f"{other}@each.test"], "well")
    finally:
        del filter_.finish
    expect(answers[f"{user}@each.test"][0] == 250 and len(inbox(daemon, "each", user)) == 1, f"{answers}")
    code, text = answers[f"{other}@each.test"]
    expect(code == 550 and not inbox(daemon, "each", other), f"{answers}")
    expect(b"we do not want this for <%s@each.test>" % other.encode() in text, f"{text}")


def lmtp_both_ways(daemon, place):
    code, text, box = deliver(daemon, "lmtp", "well")
    expect(code == 250 and len(box) == 1 and b"X-Filtered: yes" in box[0], f"{code} {text}: {box}")


def facts_are_of_the_new_message(daemon, place):
    user = fresh()
    code, text, box = deliver(daemon, "plain", "changes", user=user)
    expect(code == 250 and without_trace(box[0]).endswith(b"\n\n<p>.\n.\n..\n"), f"{code} {text}: {box}")
    (row,) = json.loads(daemon.tool("--json", "message", "list", f"{user}@plain.test"))
    kept = daemon.tool("message", "cat", f"{user}@plain.test", "INBOX", str(row["uid"]))
    expect(row["octets"] == len(kept.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")), f"{row}, {len(kept)}")
    known = daemon.tool("--json", "message", "show", f"{user}@plain.test", "INBOX", str(row["uid"])).decode()
    expect('"changed"' in known and "html" in known.lower(), f"{known}")


def senders(daemon, place):
    for sender in ("", '"a b\\"<c>"@example.com', "bob+x=y@example.com", "x" * 120 + "@example.com"):
        code, text, box = deliver(daemon, "plain", "well", user=fresh(), sender=sender)
        expect(code == 250 and len(box) == 1, f"{sender}: {code} {text}")
        said = place.filters["plain"].seen[-1]["mail"]
        expect(said.startswith(f"MAIL FROM:<{sender}>"), f"{sender}: {said}")


def large_messages(daemon, place):
    """What the store has in a file is lent by descriptor."""
    body = ("0123456789" * 7 + "\r\n") * 25000
    code, text, box = deliver(daemon, "plain", "well", user=fresh(), body=body)
    expect(code == 250 and len(box) == 1, f"{code} {text}")
    expect(without_trace(box[0]).endswith(body.replace("\r\n", "\n").encode()), "another body")
    expect(place.filters["plain"].seen[-1]["data"].endswith(body.encode()), "another body was sent")
    code, text, box = deliver(daemon, "skips", "closes", user=fresh(), body=body)
    expect(code == 250 and without_trace(box[0]).endswith(body.replace("\r\n", "\n").encode()), f"{code} {text}")


def by_chunks(daemon, place):
    code, text, box = deliver(daemon, "plain", "chunks", user=fresh())
    seen = place.filters["plain"].seen[-1]
    expect(code == 250 and len(box) == 1, f"{code} {text}: {seen['back']}")
    expect(all(c == 250 for c, _ in seen["back"]), f"{seen['back']}")
    expect(bytes(range(14, 256)) * 1 in box[0] and len(box[0]) > len(seen["given"]) - 2000, "another content")


def any_case_and_any_domain(daemon, place):
    user = fresh()
    code, text, box = deliver(daemon, "plain", "capitals", user=user)
    expect(code == 250 and len(box) == 1, f"{code} {text}")


def behind_sieve(daemon, place):
    code, text, box = deliver(daemon, "behind", "well")
    expect(code == 250 and len(box) == 1 and b"X-Filtered: yes" in box[0], f"{code} {text}: {box}")
    expect(re.fullmatch("ann\\+[0-9a-f]{32}@behind.test", place.filters["plain"].seen[-1]["rcpt"]), "another recipient")
    code, text, box = deliver(daemon, "behind", "refuses")
    expect(code == 550 and len(box) == 1, f"{code} {text}: {len(box)}")


def several_filters_in_a_row(daemon, place):
    code, text, box = deliver(daemon, "chain", "well")
    expect(code == 250 and box[0].count(b"X-Filtered: yes") == 2, f"{code} {text}: {box}")


def who_sent_it_is_told(daemon, place):
    xforward = "XFORWARD NAME=mx.example.com ADDR=192.0.2.7 PROTO=ESMTP HELO=a.example IDENT=4Q71 SOURCE=REMOTE"
    code, text, _ = deliver(daemon, "plain", "well", user=fresh(), more=[xforward])
    expect(code == 250, f"{code} {text}")
    said = place.filters["plain"].seen[-1]["forward"]
    expect(said == [xforward], f"{said}")
    deliver(daemon, "plain", "well", user=fresh())
    said = place.filters["plain"].seen[-1]["forward"][0]
    expect(re.fullmatch(r"XFORWARD ADDR=127\.0\.0\.1 PROTO=LMTP HELO=client\.example IDENT=\S+", said), said)


def many_at_once(daemon, place):
    users = [fresh() for _ in range(30)]
    answers = send(daemon, [f"{u}@each.test" for u in users], "well")
    expect(all(c == 250 for c, _ in answers.values()), f"{answers}")
    expect(all(len(inbox(daemon, "each", u)) == 1 for u in users), "not for all")


# --- verdicts


def verdicts(daemon, place):
    code, text, box = deliver(daemon, "plain", "refuses", user="vera")
    expect((code, box) == (550, []) and "we do not want this for" in text and "\n" not in text, f"{code} {text}")
    expect(not TOKEN.search(text), f"a token: {text}")
    code, text, box = deliver(daemon, "plain", "defers", user="vera")
    expect((code, box) == (451, []) and "4.7.9 " in text and "our scanner is away" in text, f"{code} {text}")
    code, text, box = deliver(daemon, "skips", "defers")
    expect((code, box) == (451, []), f"4xx is no failure: {code} {text}")
    for subject, wanted in (("returns_and_refuses", 554), ("returns_and_defers", 451)):
        code, text, box = deliver(daemon, "plain", subject, user="vera")
        expect((code, box) == (wanted, []) and "on second thoughts" in text, f"{subject}: {code} {text}: {box}")


def odd_replies(daemon, place):
    """The client gets one line of ASCII, whatever the filter says."""
    for subject, wanted in (("odd", 550), ("latin", 451), ("lines", 550)):
        code, text, box = deliver(daemon, "plain", subject, user="olga")
        expect((code, box) == (wanted, []), f"{subject}: {code} {text}")
        expect(text.isascii() and text.isprintable() and len(text) < 600, f"{subject}: {text!r}")
    code, text, box = deliver(daemon, "plain", "unasked", user=fresh())
    expect(code == 250 and len(box) == 1, f"unasked: {code} {text}")


def silence(daemon, place):
    code, text, box = deliver(daemon, "takes", "swallows")
    expect((code, box) == (250, []), f"discard: {code} {text}: {box}")
    log_has(daemon, "filtered", "filter=takes", "discards it")
    code, text, box = deliver(daemon, "takes", "half")
    expect((code, box) == (451, []), f"half of one, and 250: {code} {text}: {box}")
    code, text, box = deliver(daemon, "hasty", "swallows")
    expect((code, box) == (451, []), f"tempfail: {code} {text}: {box}")
    log_has(daemon, "filter_failed", "filter=hasty", "did not give it back in time")


def a_filter_that_answers_first(daemon, place):
    place.filters["plain"].release.set()
    user = fresh()
    try:
        code, text, box = deliver(daemon, "plain", "later", user=user)
    finally:
        place.filters["plain"].release.clear()
    expect(code == 250 and len(box) == 1, f"{code} {text}: {box}")


# --- faults

FAULTS = {
    "closes": "it closed the connection",
    "babbles": "no reply",
    "protocol": "503",
    "shuts": "421",
    "returns_and_closes": "it closed the connection",
    "empty": "it gave back no message",
    "flood": "next hop sent",
    "endless": "next hop sent",
    "huge": "too big",
}
SLOW = {
    "sleeps": "does not answer in time",
    "returns_and_sleeps": "did not answer in time",
    "half": "did not give it back in time",
    "slow": "did not answer|did not come to its end|does not answer",
}


def faults(daemon, place):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda row: one_fault(daemon, "plain", "skips", *row), FAULTS.items()))
    sent = [s["sent"] for s in place.filters["plain"].seen if "sent" in s]
    expect(sent and max(sent) < 16 << 20, f"much more was taken than a message may have: {sent}")


def slow_faults(daemon, place):
    """Side by side: each takes as long as the filter's timeout."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda row: one_fault(daemon, "hasty", "hastyskips", *row), SLOW.items()))


def one_fault(daemon, holds, skips, subject, cause):
    user = fresh()
    code, text, box = deliver(daemon, holds, subject, user=user)
    expect((code, box) == (451, []), f"{subject}: {code} {text}: {box}")
    found = [line for line in daemon.log_text().splitlines() if f"filter_failed filter={holds}" in line]
    expect(any(re.search(cause, line) for line in found), f"{subject}: {found}")
    code, text, box = deliver(daemon, skips, subject, user=user)
    expect(code == 250 and len(box) == 1, f"{subject}, skip: {code} {text}: {len(box)}")
    body = without_trace(box[0])
    expect(body.startswith(b"From: bob@") and body.endswith(b"\n\nA line.\n"), f"{subject}: not the original: {body}")


def absent_filter(daemon, place):
    code, text, box = deliver(daemon, "absent", "well")
    expect((code, box) == (451, []), f"{code} {text}")
    log_has(daemon, "filter_failed", "filter=absent", "cause=")


def it_comes_back_once(daemon, place):
    for subject in ("twice", "both"):
        user = fresh()
        code, text, box = deliver(daemon, "plain", subject, user=user)
        expect(code == 250 and len(box) == 1 and b"X-Filtered: yes" in box[0], f"{subject}: {code} {text}: {box}")
    seen = place.filters["plain"].seen
    expect([c for c, _ in seen[-2]["back"]] == [250, 250, 354, 250, 250, 550], f"{seen[-2]['back']}")
    expect([c for c, _ in seen[-1]["second"]] == [250, 451], f"{seen[-1]['second']}")


def half_and_then_whole(daemon, place):
    user = fresh()
    code, text, box = deliver(daemon, "plain", "half", user=user, body="and then whole\r\n")
    expect(code == 250 and len(box) == 1 and box[0].endswith(b"and then whole\n"), f"{code} {text}: {box}")
    user = fresh()
    code, text, box = deliver(daemon, "plain", "resets", user=user)
    expect(code == 250 and len(box) == 1 and b"Subject: reset" in box[0], f"{code} {text}: {box}")
    user = fresh()
    code, text, box = deliver(daemon, "plain", "others", user=user)
    expect(code == 250 and len(box) == 1, f"{code} {text}: {box}")
    expect([c for c, _ in place.filters["plain"].seen[-1]["back"]] == [250, 250, 354, 250], "a second recipient")
    code, text, box = deliver(daemon, "plain", "many", user=fresh())
    expect(code == 250 and len(box) == 1 and place.filters["plain"].seen[-1]["refused"] == {550}, f"{code} {text}: {box}")


# --- strangers


def strangers_get_nowhere(daemon, place):
    """They know the address, and not more."""
    with Wire(place.path("plain.back")) as wire:
        wire.read()
        code, text = wire.ask("EHLO stranger.example")
        expect(code == 250 and "PIPELINING" in text and "CHUNKING" not in text and "BINARYMIME" not in text, text)
        expect("AUTH" not in text and "XCLIENT" not in text and "STARTTLS" not in text, text)
        wire.ask("MAIL FROM:<x@example.com>")
        for r in ("ann@plain.test", "ann+" + "0" * 32 + "@plain.test", "f" * 32 + "@plain.test", "postmaster", "x" * 64 + "@a.test"):
            code, text = wire.ask(f"RCPT TO:<{r}>")
            expect(code == 550, f"{r}: {code} {text}")
        for line in ("DATA", "BDAT 3 LAST\r\nabc"):
            code, text = wire.ask(line)
            expect(code >= 500, f"{line}: {code} {text}")
        code, text = wire.ask("XFORWARD NAME=x")
        expect(code >= 500, f"XFORWARD: {code} {text}")
    expect(not inbox(daemon, "plain"), "a stranger's message")


def a_token_is_good_at_its_own_filter_alone(daemon, place):
    stolen = {}
    filter_ = place.filters["plain"]

    def steal(wire, seen):
        with Wire(place.path("takes.back")) as back:
            back.read()
            back.ask("EHLO filter.example")
            back.ask("MAIL FROM:<>")
            stolen["answer"] = back.ask(f"RCPT TO:<{seen['rcpt']}>")
        filter_.do_well(wire, seen)
        return True

    filter_.finish = steal
    user = fresh()
    try:
        code, text, box = deliver(daemon, "plain", "well", user=user)
    finally:
        del filter_.finish
    expect(code == 250 and len(box) == 1 and stolen["answer"][0] == 550, f"{code} {text} {stolen}")
    with Wire(place.path("plain.back")) as back:
        back.read()
        back.ask("EHLO filter.example")
        back.ask("MAIL FROM:<>")
        code, text = back.ask(f"RCPT TO:<{filter_.seen[-1]['rcpt']}>")
        expect(code == 550, f"an old token: {code} {text}")


def strangers_keep_nobody_out(daemon, place):
    held = [Wire(place.path("plain.back")) for _ in range(100)]
    user = fresh()
    code, text, box = deliver(daemon, "plain", "well", user=user)
    expect(code == 250 and len(box) == 1, f"{code} {text}")
    for wire in held:
        wire.__exit__()


# --- the rest


def numbers_and_log(daemon, place):
    wanted = {"returned": 1, "refused": 1, "deferred": 1, "failed": 1, "strangers": 1}
    text = subprocess.run(["curl", "-s", "--unix-socket", place.path("metrics.sock"), "http://localhost/metrics"], capture_output=True, timeout=20).stdout.decode()
    for name, least in wanted.items():
        found = re.search(rf'doorstep_passthrough_{name}_total{{[^}}]*filter="plain"[^}}]*}} (\d+)', text)
        expect(found and int(found[1]) >= least, f"{name}: {found}\n" + "\n".join(l for l in text.splitlines() if "passthrough" in l))


def processes_of(daemon):
    found = subprocess.run(["ps", "--ppid", str(daemon.process.pid), "-o", "pid=,comm="], capture_output=True, timeout=20).stdout.decode()
    return [int(line.split()[0]) for line in found.splitlines() if line.split()[1] == "doorstep-passth"]


def the_role_is_locked_in(daemon, place):
    (pid,) = processes_of(daemon)
    with open(f"/proc/{pid}/status") as f:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    expect(status["NoNewPrivs"] == "1" and status["Seccomp"] == "2" and int(status["CapPrm"], 16) == 0, f"{status}")
    expect(os.geteuid() != 0 or status["Uid"].split()[0] != "0", "it is root")


def it_comes_back_when_killed(place):
    """In a daemon of its own: its log says that a role died. Then a reload: another return address."""
    place.scripted("own")
    with Daemon(more=place.section("own", "on_failure = skip") + domain("own", ["own"])) as daemon:
        daemon.start()
        expect(b"X-Filtered" in deliver(daemon, "own", "well", user="a")[2][0], "not before")
        os.kill(processes_of(daemon)[0], signal.SIGKILL)
        until(lambda: b"X-Filtered" in (deliver(daemon, "own", "well", user=fresh())[2] or [b""])[0], "no other role")
        with open(daemon.configuration) as f:
            text = f.read()
        with open(daemon.configuration, "w") as f:
            f.write(text.replace("own.back", "new.back"))
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: " info reloaded " in daemon.log_text(), "no reload")
        place.filters["own"].back = place.path("new.back")
        until(lambda: b"X-Filtered" in (deliver(daemon, "own", "well", user=fresh())[2] or [b""])[0], "nothing comes back after a reload")
        until(lambda: not os.path.exists(place.path("own.back")), "the old address stays")


def aiosmtpd_filter(daemon, place):
    code, text, box = until(lambda: retried(daemon, "aio", "well"), "aiosmtpd does not start")
    expect(without_trace(box[0]).startswith(b"X-Aiosmtpd: yes\n"), f"{box}")
    code, text, _ = deliver(daemon, "aio", "spam", user=fresh())
    expect(code == 554 and "no spam" in text, f"{code} {text}")


def retried(daemon, name, subject, **more):
    answer = deliver(daemon, name, subject, user=fresh(), **more)
    return answer if answer[0] == 250 else None


def proxsmtp_filter(daemon, place):
    code, text, box = until(lambda: retried(daemon, "prox", "hello"), "proxsmtpd does not start")
    body = without_trace(box[0])
    expect(b"\nA LINE.\n" in body and b"X-Prox: yes" in body, f"{body}")
    user = fresh()
    code, text, box = deliver(daemon, "prox", "hello", user=user, body="virus\r\n")
    expect((code, box) == (554, []), f"{code} {text}: {box}")


def the_example_works(place):
    """That of docs/filters.md, with other ports."""
    with open(f"{ROOT}/docs/filters.md") as f:
        (text,) = re.findall(r"^```conf-filter\n(.*?)^```$", f.read(), flags=re.M | re.S)
    ports = free_ports(2)
    for documented, port in zip(("10024", "10025"), ports):
        expect(documented in text, f"another example: {text}")
        text = text.replace(documented, str(port))
    with ScriptedFilter(("127.0.0.1", ports[0]), ("127.0.0.1", ports[1])) as filter_, Daemon(more=text + domain("all")) as daemon:
        daemon.start()
        answers = send(daemon, ["ann@all.test", "bob@all.test"], "well")
        expect(all(c == 250 for c, _ in answers.values()) and len(filter_.seen) == 1, f"{answers}")
        expect(b"X-Filtered: yes" in inbox(daemon, "all")[0], "not filtered")
        daemon.end()


AIOSMTPD = """
import asyncio, smtplib, sys
from aiosmtpd.smtp import SMTP
port, back = int(sys.argv[1]), int(sys.argv[2])
class Handler:
    async def handle_DATA(self, server, session, envelope):
        if b"Subject: spam" in envelope.original_content:
            return "554 5.7.1 no spam"
        def give():
            with smtplib.SMTP("127.0.0.1", back, timeout=20) as c:
                c.sendmail(envelope.mail_from, envelope.rcpt_tos, b"X-Aiosmtpd: yes\\r\\n" + envelope.original_content)
        await asyncio.get_running_loop().run_in_executor(None, give)
        return "250 2.0.0 given back"
async def main():
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Handler(), enable_SMTPUTF8=True), "127.0.0.1", port)
    async with server:
        await server.serve_forever()
asyncio.run(main())
"""

PROXSMTP = """
Listen: 127.0.0.1:{port}
OutAddress: 127.0.0.1:{back}
FilterCommand: {folder}/prox-filter
FilterType: pipe
Header: X-Prox: yes
TempDirectory: {folder}/prox
TimeOut: 20
"""

PROX_FILTER = """#!/bin/sh
sed -e 's/A line/A LINE/' > "$0.$$"
if grep -q virus "$0.$$"; then rm -f "$0.$$"; echo "554 5.7.1 a virus" >&2; exit 1; fi
cat "$0.$$"; rm -f "$0.$$"
"""


def start_aiosmtpd(place, port, back):
    place.run("/usr/bin/python3", "-c", AIOSMTPD, str(port), str(back))


def start_proxsmtpd(place, port, back):
    os.mkdir(place.path("prox"))
    with open(place.path("prox.conf"), "w") as f:
        f.write(PROXSMTP.format(port=port, back=back, folder=place.folder))
    with open(place.path("prox-filter"), "w") as f:
        f.write(PROX_FILTER)
    os.chmod(place.path("prox-filter"), 0o755)
    place.run("/usr/sbin/proxsmtpd", "-f", place.path("prox.conf"), "-d", "1")


CHECKS = [
    goes_through, nobody_is_shown_to_others, once_for_each_account, one_is_refused_and_the_other_is_not, lmtp_both_ways,
    facts_are_of_the_new_message, senders, large_messages, by_chunks, any_case_and_any_domain, behind_sieve, several_filters_in_a_row, who_sent_it_is_told,
    many_at_once, verdicts, odd_replies, silence, a_filter_that_answers_first, faults, slow_faults, absent_filter, it_comes_back_once,
    half_and_then_whole, strangers_get_nowhere, a_token_is_good_at_its_own_filter_alone, strangers_keep_nobody_out,
    the_role_is_locked_in, numbers_and_log,
]  # fmt: skip


def configuration(place, ports):
    sections = place.section("plain") + place.section("each", "once_per = recipient")
    sections += place.section("skips", "on_failure = skip") + place.section("takes", "on_silence = discard timeout = 1s")
    sections += place.section("hasty", "timeout = 1s") + place.section("hastyskips", "timeout = 1s on_failure = skip")
    sections += place.section("lmtp", driver="lmtp") + place.section("absent")
    sections += place.section("aio", address=f"127.0.0.1:{ports[0]}", back=f"127.0.0.1:{ports[1]}")
    sections += place.section("prox", address=f"127.0.0.1:{ports[2]}", back=f"127.0.0.1:{ports[3]}")
    domains = "".join(domain(n, [n]) for n in ("plain", "each", "skips", "takes", "hasty", "hastyskips", "lmtp", "absent", "aio", "prox"))
    domains += domain("behind", [], ["plain"]) + domain("chain", ["plain", "each"])
    return f'limits {{ message_size = 4M message_memory = 64K }}\nmetrics {{ address = {{"unix:{place.path("metrics.sock")}"}} }}\n' + sections + domains


def run(tests, place):
    for name in ("plain", "each", "skips", "takes", "hasty", "hastyskips"):
        place.scripted(name)
    place.scripted("lmtp", lmtp=True)
    ports = free_ports(4)
    with Daemon(more=configuration(place, ports)) as daemon:
        daemon.start()
        start_aiosmtpd(place, *ports[:2])
        has_proxsmtp = tests.has("proxsmtpd", "proxsmtpd")
        if has_proxsmtp:
            start_proxsmtpd(place, *ports[2:])
        for check in CHECKS:
            tests.run(check.__name__.replace("_", " "), check, daemon, place)
        tests.run("aiosmtpd", aiosmtpd_filter, daemon, place)
        if has_proxsmtp:
            tests.run("proxsmtpd", proxsmtp_filter, daemon, place)
        tests.run("a good end", daemon.end)
        tests.run("the example of docs/filters.md", the_example_works, place)
        tests.run("it comes back when it is killed, and a reload moves it", it_comes_back_when_killed, place)
        if tests.failed:
            print(daemon.log_text()[-6000:])


def main():
    tests = Tests("passthrough")
    with Place() as place:
        run(tests, place)
    tests.end()


if __name__ == "__main__":
    main()
