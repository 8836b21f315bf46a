#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The queue of what leaves again, as `doorstep queue` shows and changes it, and what lies in it after
kills. Nothing sends here: there is no relay. Ends in one line "N passed, N failed"; DOORSTEP and
DOORSTEPD name the binaries."""

import email
import email.policy
import glob
import json
import os
import smtplib
import sqlite3
import subprocess

from harness import Daemon, Tests, expect, message
from private_daemon import DOORSTEP

AWAY = (
    'require ["vacation", "copy", "fileinto"];\n'
    'vacation "I am away.";\n'
    'redirect :copy "eve@example.net";\n'
    'redirect :copy "\\"a b\\"@example.net";\n'
    'fileinto "Lists";\n'
)


def tool(daemon, *arguments, status=0):
    done = subprocess.run(
        [DOORSTEP, "-c", daemon.configuration, *arguments], capture_output=True, timeout=90, text=True
    )
    expect(done.returncode == status, f"{arguments}: status {done.returncode}: {done.stderr}")
    return done.stdout if status == 0 else done.stderr


def queue(daemon, *arguments):
    return json.loads(tool(daemon, "--json", "queue", *arguments))


def rows(daemon, account):
    return queue(daemon, "list", "--account", account)


def account(daemon, name, script):
    path = f"{daemon.folder}/{name}.sieve"
    with open(path, "w", encoding="utf-8") as f:
        f.write(script)
    tool(daemon, "account", "add", f"{name}@example.org")
    tool(daemon, "sieve", "install", f"{name}@example.org", path, "--activate")
    return f"{name}@example.org"


def send(daemon, to, subject="hello", sender="bob@example.com", body="A line.\r\n"):
    data = f"To: {to}\r\n".encode() + message(subject, body)
    with smtplib.LMTP("127.0.0.1", daemon.ports["lmtp"], timeout=60) as client:
        client.ehlo_or_helo_if_needed()
        client.mail(sender)
        client.rcpt(to)
        code, text = client.data(data)
    expect(code == 250, f"{code} {text}")
    return data


def files(daemon):
    return [open(path, "rb").read() for path in sorted(glob.glob(f"{daemon.state}/queue/messages/*"))]


def listed(daemon):
    to = account(daemon, "ann", AWAY)
    data = send(daemon, to)
    found = rows(daemon, to)
    kinds = sorted((r["kind"], r["to"], r["from"]) for r in found)
    expect(
        kinds
        == [
            ("redirect", '"a b"@example.net', "bob@example.com"),
            ("redirect", "eve@example.net", "bob@example.com"),
            ("vacation", "bob@example.com", ""),
        ],
        f"{kinds}",
    )
    expect(all(r["state"] == "no route" and r["attempts"] == 0 for r in found), f"{found}")
    redirect = [r for r in found if r["to"] == "eve@example.net"][0]
    expect(redirect["octets"] == len(data), f"{redirect['octets']} for {len(data)}")
    shown = queue(daemon, "show", str(redirect["id"]))
    head = shown["head"]
    expect(head.startswith(f"Delivered-To: {to}\r\nReceived: from ") and f"id {shown['delivery']}" in head, head)
    expect(head.endswith("\r\nX-Sieve-Redirected-From: ann@example.org\r\n"), head)
    text = tool(daemon, "queue", "list")
    expect("eve@example.net" in text and "LAST REPLY" in text, text)
    expect(rows(daemon, "nobody@example.org") == [], "of another account")


def moved_on(daemon):
    """What waited in an account of an earlier version: a redirected message is sent on, a reply is not any more."""
    to = account(daemon, "old", "keep;")
    send(daemon, to)
    tool(daemon, "mailbox", "list", to)
    daemon.end()
    folder = f"{daemon.state}/accounts/example.org/old"
    database = sqlite3.connect(f"{folder}/index.sqlite")
    row = "insert into outgoing (once, kind, queued, delivery_id, sender, details, file) values (?, ?, 1, 'ID', ?, ?, ?)"
    database.execute(row, ("a", "redirect", "bob@example.com", "to: eve@example.net\n", "ID-1"))
    database.execute(row, ("b", "vacation", "bob@example.com", "from: x\nto: bob@example.com\ntext: away\n", ""))
    database.commit()
    database.close()
    os.mkdir(f"{folder}/outgoing", 0o700)
    for name in ("ID-1", "left"):
        with open(f"{folder}/outgoing/{name}", "wb") as f:
            f.write(b"Subject: old\r\n\r\n")
    daemon.start()
    tool(daemon, "mailbox", "list", to)
    found = [(r["kind"], r["to"], r["from"]) for r in rows(daemon, to)]
    expect(found == [("redirect", "eve@example.net", "bob@example.com")], f"{found}")
    expect(b"Subject: old\r\n\r\n" in files(daemon), f"{files(daemon)}")
    expect(not os.path.exists(f"{folder}/outgoing"), "the folder is there")
    said = tool(daemon, "sieve", "log", to)
    expect("a vacation to bob@example.com was never sent" in said, said)
    queue(daemon, "delete", str(rows(daemon, to)[0]["id"]))


def bounces_are_not_answered(daemon):
    to = account(daemon, "null", AWAY)
    send(daemon, to, sender="")
    found = {(r["kind"], r["from"]) for r in rows(daemon, to)}
    expect(found == {("redirect", "")}, f"{found}")


def held(daemon):
    to = account(daemon, "hold", 'redirect "eve@example.net";')
    send(daemon, to)
    [row] = rows(daemon, to)
    number = str(row["id"])
    answer = queue(daemon, "hold", number)
    expect(answer == {"recipients": 1}, f"{answer}")
    expect([r["state"] for r in rows(daemon, to)] == ["held"], "not shown as held")
    expect(queue(daemon, "hold", number) == {"recipients": 0}, "held twice")
    daemon.kill()
    daemon.start()
    expect([r["state"] for r in rows(daemon, to)] == ["held"], "a kill releases it")
    expect(queue(daemon, "release", "all")["recipients"] >= 1, "not released")
    expect([r["state"] for r in rows(daemon, to)] == ["no route"], "still held")
    queue(daemon, "retry", number)
    queue(daemon, "flush")
    for words in (["hold", "x"], ["retry", "all"], ["show", "0"], ["delete", "all"]):
        expect("ID" in tool(daemon, "queue", *words, status=64), f"{words}")
    for words in ("hold", "release", "retry", "show", "delete"):
        expect("there is no message 999" in tool(daemon, "queue", words, "999", status=1), words)


def deleted(daemon):
    to = account(daemon, "gone", 'redirect "eve@example.net";')
    send(daemon, to, body="x" * 70 + "\r\n", subject="large " + "y" * 60)
    [row] = rows(daemon, to)
    said = tool(daemon, "queue", "delete", "--report", str(row["id"]), status=1)
    expect("nothing sends a report" in said and len(rows(daemon, to)) == 1, said)
    text = tool(daemon, "queue", "delete", str(row["id"]))
    expect("eve@example.net" in text and "nobody is told" in text, text)
    expect(rows(daemon, to) == [], "still there")
    daemon.kill()
    daemon.start()
    expect(rows(daemon, to) == [], "the replay brought it back")


def large(daemon):
    """One file for all who get the same octets; it goes with the last of them."""
    script = "".join(f'redirect :copy "eve{i}@example.net";\n' for i in range(3))
    to = account(daemon, "large", 'require "copy";\n' + script)
    for body in (600, 40000):  # in memory, and past limits.message_memory
        data = send(daemon, to, body=("z" * 70 + "\r\n") * body)
        found = rows(daemon, to)
        expect(len(found) == 3 and files(daemon) == [data], f"{len(found)} rows, {len(files(daemon))} files")
        for row in found:
            expect(len(files(daemon)) == 1, "the file went too early")
            queue(daemon, "delete", str(row["id"]))
        expect(files(daemon) == [], "the file is there")


def rendered(daemon):
    """What a script makes is a message: a Message-ID of its own each, no line too long, no injection."""
    script = (
        'require ["vacation", "enotify", "fcc", "mailbox"];\n'
        'vacation :subject "Über\\r\\nBcc: x@example.net" :from "ann@example.org" :fcc "Sent" :create "Ä.";\n'
        'notify :message "one" "mailto:ops@example.net?cc=cc@example.net&subject=hi";\n'
        'notify :message "two" "mailto:ops2@example.net";\n'
    )
    to = account(daemon, "made", script)
    send(daemon, to)
    found = rows(daemon, to)
    expect(
        sorted((r["kind"], r["to"]) for r in found)
        == [
            ("notify", "cc@example.net"),
            ("notify", "ops2@example.net"),
            ("notify", "ops@example.net"),
            ("vacation", "bob@example.com"),
        ],
        f"{found}",
    )
    [path] = glob.glob(f"{daemon.mail}/example.org/made/.Sent/*/*")
    copy = email.message_from_bytes(open(path, "rb").read(), policy=email.policy.default)
    expect(copy["Bcc"] is None and "Über" in copy["Subject"], f"{copy.items()}")
    expect(copy["Auto-Submitted"] == "auto-replied (vacation)", f"{copy.items()}")
    expect(copy["Message-ID"].endswith(".0@mx.example.org>"), copy["Message-ID"])
    expect(copy.get_content().strip() == "Ä.", copy.get_content())
    expect(not copy.defects, f"{copy.defects}")


def asked_for(daemon):
    """RFC 3461: a redirect keeps what the sender asked for."""
    to = account(daemon, "dsn", 'redirect "eve@example.net";')
    with smtplib.SMTP("127.0.0.1", daemon.ports["smtp"], timeout=60) as client:
        client.sendmail("bob@example.com", [to], message("dsn", "A line.\r\n"), ["RET=HDRS", "ENVID=QQ+2B1"])
    [row] = rows(daemon, to)
    shown = queue(daemon, "show", str(row["id"]))
    expect(shown["ret"] == "HDRS" and shown["envid"] == "QQ+1", f"{shown}")


def circles(daemon):
    """What was sent on from here and comes back is kept: RFC 5228 4.2, 10."""
    to = account(daemon, "circle", 'redirect "eve@example.net";')
    with smtplib.LMTP("127.0.0.1", daemon.ports["lmtp"], timeout=60) as client:
        head = b"x-sieve-redirected-from: Circle@Example.ORG\r\n"
        client.sendmail("bob@example.com", [to], head + message("back", "A line.\r\n"))
    expect(rows(daemon, to) == [], "sent on again")
    found = glob.glob(f"{daemon.mail}/example.org/circle/new/*")
    expect(any(b"Subject: back" in open(path, "rb").read() for path in found), "and not kept")


def piped(daemon):
    """A script that names a program loses nothing."""
    to = account(daemon, "pipe", "keep;")
    expect("pipe" in tool(daemon, "sieve", "install", to, pipe_script(daemon), status=65), "pipe is taken")


def pipe_script(daemon):
    path = f"{daemon.folder}/pipe.sieve"
    with open(path, "w", encoding="utf-8") as f:
        f.write('require "vnd.dovecot.pipe";\npipe "x";\n')
    return path


PAGE = 1024


def damaged(tests):
    daemon = Daemon()
    try:
        daemon.start()
        to = account(daemon, "ann", 'redirect "eve@example.net";')
        tests.run("of a queue with a damaged page the rest waits again", rescued, daemon, to)
        tests.run("a damaged queue is set aside, and mail goes on", set_aside, daemon, to)
    finally:
        daemon.remove()


def rescued(daemon, to):
    for n in range(12):
        send(daemon, to, f"rescue {n}")
    send(daemon, to, "large", body="x" * 70 + "\r\n" + "A long line of a large message.\r\n" * 2000)
    before = {r["id"]: r for r in rows(daemon, to)}
    expect(len(before) == 13, before)
    daemon.end()
    with open(f"{daemon.state}/queue/queue.sqlite", "r+b") as f:
        page = f.read().index(b"Subject: rescue 6") // PAGE * PAGE
        f.seek(page)
        f.write(b"\xa5" * PAGE)
    daemon.start()
    left = rows(daemon, to)
    expect(8 <= len(left) < 13, left)
    expect({(r["from"], r["to"], r["expires"]) for r in left} <= {(r["from"], r["to"], r["expires"])
                                                                   for r in before.values()}, left)
    expect(max(r["octets"] for r in left) > 60000, left)
    expect(any(b"A long line of a large message." in f for f in files(daemon)), "the large one lost its file")
    [folder] = glob.glob(f"{daemon.state}/queue-*.damaged/queue")
    expect(os.path.exists(f"{folder}/queue.sqlite"), "the damaged one is gone")


def set_aside(daemon, to):
    daemon.end()
    with open(f"{daemon.state}/queue/queue.sqlite", "r+b") as f:
        f.write(b"\0" * 4 * PAGE)
    daemon.start()
    expect(rows(daemon, to) == [], "something waits")
    send(daemon, to)
    expect(len(rows(daemon, to)) == 1, "not queued any more")
    expect(len(glob.glob(f"{daemon.state}/queue-*.damaged/queue/queue.sqlite")) == 2, "not set aside")


def announcing(tests):
    """DSN is announced where there is a way out, though not for everybody's mail."""
    daemon = Daemon(more="dsn = yes\n"
                         'route "elsewhere" { domains = {"nowhere.example"} next_hop = "unix:/nonexistent/hop" }')
    try:
        daemon.start()
        tests.run("a redirect keeps what was asked for", asked_for, daemon)
        daemon.end()
    finally:
        daemon.remove()


def main():
    tests = Tests("queue")
    daemon = Daemon(more="limits { message_memory = 1M }")
    try:
        daemon.start()
        tests.run("what a script sends is listed", listed, daemon)
        tests.run("a bounce is sent on with the null sender, and not answered", bounces_are_not_answered, daemon)
        tests.run("what waited in an account is moved on", moved_on, daemon)
        tests.run("hold, release, retry, flush", held, daemon)
        tests.run("delete says what it deleted, and no replay brings it back", deleted, daemon)
        tests.run("a large message is one file", large, daemon)
        tests.run("replies and notices are whole messages", rendered, daemon)
        tests.run("a circle ends", circles, daemon)
        tests.run("programs are not for users", piped, daemon)
        daemon.end()
    finally:
        daemon.remove()
    damaged(tests)
    announcing(tests)
    tests.end()


main()
