#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sieve scripts with the real daemon: how they are stored, and where the mail goes by LMTP. Ends in
one line "N passed, N failed"; DOORSTEP and DOORSTEPD name the binaries."""

import contextlib
import glob
import json
import os
import shutil
import signal
import smtplib
import sqlite3
import subprocess
import tempfile
import threading
import time

from harness import Daemon, Tests, expect, message, until
from private_daemon import DOORSTEP

DATAERR = 65
SETTINGS = "sieve { scripts = 3 script_size = 1K storage = 2K }"

GOOD = b'require "fileinto";\nif header :contains "subject" "list" { fileinto "Lists"; }\n'


def tool(daemon, *arguments, data=b""):
    return subprocess.run(
        [DOORSTEP, "-c", daemon.configuration, *arguments], input=data, capture_output=True, timeout=90
    )


def install(daemon, account, text, *options):
    return tool(daemon, "sieve", "install", account, "-", *options, data=text)


def scripts(daemon, account):
    """{name: is it active}"""
    rows = json.loads(daemon.tool("--json", "sieve", "list", account))
    return {row["name"]: row["active"] for row in rows}


# --- storing


def stored(daemon):
    daemon.tool("account", "add", "store@example.org")
    expect(scripts(daemon, "store@example.org") == {}, "a new account has scripts")
    done = install(daemon, "store@example.org", GOOD)
    expect(done.returncode == 0, f"not stored: {done}")
    expect(scripts(daemon, "store@example.org") == {"main": False}, "not listed")
    expect(daemon.tool("sieve", "get", "store@example.org", "main") == GOOD, "not the same octets")
    daemon.tool("sieve", "activate", "store@example.org", "main")
    expect(scripts(daemon, "store@example.org") == {"main": True}, "not active")
    install(daemon, "store@example.org", b"keep;\n", "--name", "über uns", "--activate")
    expect(scripts(daemon, "store@example.org") == {"main": False, "über uns": True}, "two active, or none")
    daemon.tool("sieve", "rename", "store@example.org", "über uns", "b")
    expect(scripts(daemon, "store@example.org") == {"main": False, "b": True}, "not renamed")
    daemon.tool("sieve", "deactivate", "store@example.org")
    expect(scripts(daemon, "store@example.org") == {"main": False, "b": False}, "still active")
    daemon.tool("sieve", "delete", "store@example.org", "b")
    expect(scripts(daemon, "store@example.org") == {"main": False}, "not deleted")


def refused(daemon):
    daemon.tool("account", "add", "bad@example.org")
    done = install(daemon, "bad@example.org", b'keep;\nfilinto "x";\n', "--name", "a")
    expect(done.returncode == DATAERR, f"status {done.returncode}")
    expect(b"a:2:1: error: " in done.stderr and b"^" in done.stderr, f"no report: {done.stderr}")
    expect(scripts(daemon, "bad@example.org") == {}, "stored all the same")
    done = install(daemon, "bad@example.org", b"keep;\xff\n")
    expect(done.returncode == DATAERR and b"UTF-8" in done.stderr, f"no UTF-8: {done}")


def active_stays(daemon):
    daemon.tool("account", "add", "active@example.org")
    install(daemon, "active@example.org", b"keep;\n", "--name", "a", "--activate")
    done = tool(daemon, "sieve", "delete", "active@example.org", "a")
    expect(done.returncode != 0 and b"deactivate" in done.stderr, f"deleted: {done}")
    for words in (["activate", "active@example.org", "b"], ["get", "active@example.org", "b"]):
        done = tool(daemon, "sieve", *words)
        expect(done.returncode != 0 and b"no such script" in done.stderr, f"{words}: {done}")
    done = install(daemon, "active@example.org", b"fileinto \"x\";\n", "--name", "a")
    expect(done.returncode == DATAERR, "a script that lacks its require")
    expect(daemon.tool("sieve", "get", "active@example.org", "a") == b"keep;\n", "replaced by a bad one")
    expect(scripts(daemon, "active@example.org") == {"a": True}, "not active any more")


def within_quotas(daemon):
    daemon.tool("account", "add", "quota@example.org")
    comment = b"#" * 700 + b"\n"
    for name in ("a", "b"):
        expect(install(daemon, "quota@example.org", comment, "--name", name).returncode == 0, name)
    done = install(daemon, "quota@example.org", comment, "--name", "c")
    expect(b"all scripts together" in done.stderr, f"storage: {done}")
    expect(install(daemon, "quota@example.org", comment, "--name", "b").returncode == 0, "b in its own place")
    expect(install(daemon, "quota@example.org", b"", "--name", "c").returncode == 0, "an empty script")
    done = install(daemon, "quota@example.org", b"", "--name", "d")
    expect(b"as many scripts" in done.stderr, f"count: {done}")
    done = install(daemon, "quota@example.org", b"#" * 1100, "--name", "a")
    expect(b"longer than allowed" in done.stderr, f"size: {done}")
    done = install(daemon, "quota@example.org", b"keep;", "--name", "x\ny")
    expect(b"cannot have that name" in done.stderr, f"name: {done}")


def unknown_accounts(daemon):
    done = tool(daemon, "sieve", "list", "nobody@example.org")
    expect(done.returncode == 67, f"status {done.returncode}")


def survives(daemon):
    daemon.tool("account", "add", "kill@example.org")
    install(daemon, "kill@example.org", GOOD, "--name", "a", "--activate")
    daemon.kill()
    daemon.start()
    expect(scripts(daemon, "kill@example.org") == {"a": True}, "lost by a kill")


# --- filing


def send(daemon, subject, *recipients, sender="bob@example.com", body="A line.\r\n", extra="", client=smtplib.LMTP):
    """{recipient: (code, text)} as LMTP says them."""
    data = extra.encode() + message(subject, body)
    port = daemon.ports["lmtp" if client is smtplib.LMTP else "smtp"]
    with client("127.0.0.1", port, timeout=60) as c:
        c.ehlo_or_helo_if_needed()
        c.mail(sender)
        for r in recipients:
            c.rcpt(r)
        answers = {recipients[0]: c.data(data)}
        for r in recipients[1:] if client is smtplib.LMTP else ():
            answers[r] = c.getreply()
    return {r: (code, text.decode()) for r, (code, text) in answers.items()}


def account(daemon, name, script):
    daemon.tool("account", "add", f"{name}@example.org")
    done = install(daemon, f"{name}@example.org", script.encode(), "--activate")
    expect(done.returncode == 0, f"{name}: {done.stderr.decode()}")
    return f"{name}@example.org"


def mail(daemon, name):
    """{mailbox: [message, ...]} of a Maildir."""
    root = f"{daemon.mail}/example.org/{name}"
    found = {}
    for path in glob.glob(f"{root}/*/*") + glob.glob(f"{root}/.*/*/*"):
        folder, kind = os.path.split(os.path.dirname(path))
        if kind in ("new", "cur") and os.path.isfile(path):
            box = os.path.relpath(folder, root).lstrip(".") or "INBOX"
            found.setdefault(box, []).append((os.path.basename(path), open(path, "rb").read()))
    return found


def where(daemon, name):
    return {box: len(list) for box, list in mail(daemon, name).items()}


def rows(daemon, name, mailbox="INBOX"):
    return json.loads(daemon.tool("--json", "message", "list", f"{name}@example.org", mailbox))


def filed(daemon):
    to = account(
        daemon,
        "file",
        'require ["fileinto", "copy", "imap4flags"];\n'
        'if header :contains "subject" "list" { fileinto :flags ["\\\\Seen", "$Work"] "Lists/c"; stop; }\n'
        'if header :contains "subject" "both" { fileinto :copy "A"; fileinto "B"; keep; }\n',
    )
    expect(send(daemon, "a list", to)[to][0] == 250, "not taken")
    expect(where(daemon, "file") == {"Lists.c": 1}, f"{where(daemon, 'file')}")
    [row] = rows(daemon, "file", "Lists/c")
    expect(row["flags"] == ["\\Seen"] and row["keywords"] == ["$Work"], f"flags: {row}")
    send(daemon, "for both", to)
    expect(where(daemon, "file") == {"Lists.c": 1, "A": 1, "B": 1, "INBOX": 1}, f"{where(daemon, 'file')}")
    send(daemon, "else", to)
    expect(where(daemon, "file")["INBOX"] == 2, f"{where(daemon, 'file')}")
    lines = json.loads(daemon.tool("--json", "trace", "both"))
    boxes = sorted(line["mailbox"] for line in lines)
    expect(boxes == ["A", "B", "INBOX"] and "fileinto A" in lines[0]["sieve"], f"trace: {lines}")


def discarded(daemon):
    to = account(daemon, "discard", 'if header :contains "subject" "spam" { discard; }')
    expect(send(daemon, "spam", to)[to][0] == 250, "not taken")
    expect(where(daemon, "discard") == {}, f"{where(daemon, 'discard')}")
    [line] = json.loads(daemon.tool("--json", "trace", to))
    expect("discard" in line["sieve"], f"{line}")
    send(daemon, "ham", to)
    expect(where(daemon, "discard") == {"INBOX": 1}, f"{where(daemon, 'discard')}")


def rejected(daemon):
    no = account(daemon, "reject", 'require "reject"; reject "I do not want\r\nthis.";')
    yes = account(daemon, "accept", "keep;")
    answers = send(daemon, "hello", yes, no, yes)
    expect(answers[no][0] == 550 and "I do not want" in answers[no][1], f"{answers}")
    expect(answers[yes][0] == 250, f"{answers}")
    expect(where(daemon, "reject") == {} and where(daemon, "accept") == {"INBOX": 1}, "delivered wrongly")
    [(code, text)] = send(daemon, "hello", no, client=smtplib.SMTP).values()
    expect(code == 550 and "I do not want" in text, f"SMTP: {code} {text}")
    [(code, text)] = send(daemon, "both", no, yes, client=smtplib.SMTP).values()
    expect(code == 250 and where(daemon, "reject") == {"INBOX": 1}, f"SMTP, two: {code} {where(daemon, 'reject')}")


def failing(daemon):
    to = account(
        daemon,
        "fail",
        'require ["body", "fileinto"];\n'
        + 'if body :raw :contains "Nothing" { stop; }\n' * 1500
        + 'fileinto "X";\n',
    )
    body = "Nothin. " * 8 + "\r\n"
    body *= 4000
    expect(send(daemon, "long", to, body=body)[to][0] == 250, "not taken")
    got = mail(daemon, "fail")
    expect(set(got) == {"INBOX"}, f"{set(got)}")
    until(lambda: len(mail(daemon, "fail")["INBOX"]) == 2, "the note")
    note = [m for _, m in mail(daemon, "fail")["INBOX"] if b"script" in m]
    expect(len(note) == 1 and b"Auto-Submitted: auto-generated" in note[0], f"note: {note}")
    send(daemon, "long again", to, body=body)
    log = daemon.tool("sieve", "log", to).decode()
    expect(log.count("too much") == 2, f"log: {log}")
    expect(len(mail(daemon, "fail")["INBOX"]) == 3, "a second note on the same day")


def leaving(daemon):
    to = account(
        daemon,
        "leave",
        'require ["copy", "vacation"];\nvacation "I am away.";\n'
        'if header :contains "subject" "on" { redirect "eve@example.net"; }\n'
        'if header :contains "subject" "copy" { redirect :copy "eve@example.net"; }\n',
    )
    head = "To: leave@example.org\r\n"
    expect(send(daemon, "go", to, extra=head)[to][0] == 250, "not taken")
    expect(send(daemon, "go again", to, extra=head)[to][0] == 250, "not taken")
    expect(where(daemon, "leave") == {"INBOX": 2}, f"{where(daemon, 'leave')}")
    log = json.loads(daemon.tool("--json", "sieve", "log", to))
    expect([r["kind"] for r in log] == ["vacation"], f"one reply for one sender: {log}")
    send(daemon, "on", to)
    expect(where(daemon, "leave") == {"INBOX": 2}, f"{where(daemon, 'leave')}")
    send(daemon, "copy", to)
    expect(where(daemon, "leave") == {"INBOX": 3}, f"{where(daemon, 'leave')}")
    daemon.kill()
    daemon.start()
    log = json.loads(daemon.tool("--json", "sieve", "log", to))
    expect([r["kind"] for r in log] == ["vacation", "redirect", "redirect"], f"{log}")
    expect(waiting(daemon) == [], "small messages need no file")


def by_an_alias(daemon):
    """RFC 5230 4.5: who writes to an address of the account's gets an answer, whichever it is."""
    to = account(daemon, "known", 'require "vacation"; vacation "I am away.";')
    daemon.tool("account", "add", "other@example.org")
    for alias, target in (("me", to), ("i", "me@example.org"), ("all", to), ("all", "other@example.org")):
        daemon.tool("alias", "add", f"{alias}@example.org", target)
    head = "To: {}@example.org\r\n"
    send(daemon, "a list", to, sender="a@example.com", extra=head.format("all"))
    send(daemon, "direct", to, sender="b@example.com", extra=head.format("I"))
    send(daemon, "by it", "i@example.org", sender="c@example.com", extra=head.format("me"))
    log = json.loads(daemon.tool("--json", "sieve", "log", to))
    asked = [line for row in log for line in row["text"].splitlines() if line.startswith(("to:", "withheld:"))]
    expect(asked == ["to: b@example.com", "to: c@example.com"], f"answered: {asked}")
    daemon.tool("alias", "delete", "i@example.org")
    send(daemon, "gone", to, sender="d@example.com", extra=head.format("i"))
    expect(len(json.loads(daemon.tool("--json", "sieve", "log", to))) == 2, "the alias is gone")


def bounded(tests):
    daemon = Daemon(more='sieve { outgoing = 3 outgoing_size = 64K }')
    try:
        daemon.start()
        tests.run("what waits is bounded in number", outgoing_rows, daemon)
        tests.run("what is not sent leaves no copy", outgoing_copies, daemon)
        tests.run("what waits is bounded in octets", outgoing_octets, daemon)
        tests.run("a message that no row names is removed", outgoing_orphans, daemon)
        tests.run("what waits goes with its account", outgoing_removed, daemon)
        daemon.end()
    finally:
        daemon.remove()


def waiting(daemon):
    """Messages in the queue's folder, as octets."""
    return [open(path, "rb").read() for path in sorted(glob.glob(f"{daemon.state}/queue/messages/*"))]


def queued(daemon, account):
    return [r["kind"] for r in json.loads(daemon.tool("--json", "sieve", "log", account)) if r["kind"] != "failure"]


def outgoing_rows(daemon):
    to = account(daemon, "full", 'redirect "eve@example.net";')
    for i in range(3):
        send(daemon, f"{i}", to)
    expect(where(daemon, "full") == {} and len(queued(daemon, to)) == 3, f"{where(daemon, 'full')}")
    send(daemon, "one more", to)
    until(lambda: where(daemon, "full") == {"INBOX": 2}, "the message and the note")
    log = json.loads(daemon.tool("--json", "sieve", "log", to))
    kinds = [r["kind"] for r in log]
    expect(kinds == ["failure"] + 3 * ["redirect"] and "waits already" in log[0]["text"], f"{log}")


def outgoing_copies(daemon):
    """What cannot be sent leaves no copy either."""
    to = account(
        daemon,
        "copies",
        'require ["vacation", "vacation-seconds", "fcc", "mailbox", "copy"];\n'
        'redirect :copy "eve@example.net"; redirect :copy "eve2@example.net";\n'
        'vacation :seconds 0 :fcc "Sent" :create "Away.";\n',
    )
    for i in range(2):
        send(daemon, f"{i}", to, extra=f"To: {to}\r\n")
    until(lambda: where(daemon, "copies") == {"INBOX": 3, "Sent": 1}, "both messages, the note, and one copy")
    expect(queued(daemon, to) == ["redirect", "redirect", "vacation"], f"{queued(daemon, to)}")


def outgoing_octets(daemon):
    to = account(daemon, "large", 'require ["copy", "fileinto"]; redirect :copy "eve@example.net"; fileinto "A";')
    body = 40 * 1024 // 64 * ("x" * 62 + "\r\n")
    send(daemon, "one", to, body=body)
    expect(where(daemon, "large") == {"A": 1}, f"{where(daemon, 'large')}")
    send(daemon, "two", to, body=body)
    until(lambda: where(daemon, "large") == {"A": 2, "INBOX": 2}, "the message in both, and the note")
    [text] = waiting(daemon)
    expect(text.count(b"x" * 62) == 640, "not the message")


def outgoing_orphans(daemon):
    before = waiting(daemon)
    with open(f"{daemon.state}/queue/messages/LEFT", "wb") as f:
        f.write(100 * 1024 * b"x")
    daemon.kill()
    daemon.start()
    expect(waiting(daemon) == before, "the message that a row names, and no other")


def outgoing_removed(daemon):
    daemon.tool("account", "delete", "full@example.org")
    daemon.tool("account", "add", "full@example.org")
    expect(len(queued(daemon, "full@example.org")) == 3, "without its mail, what waits is sent")
    daemon.tool("account", "delete", "--mail", "full@example.org")
    daemon.tool("account", "add", "full@example.org")
    expect(queued(daemon, "full@example.org") == [], "with its mail, it is not")
    daemon.tool("account", "delete", "--mail", "large@example.org")
    expect(waiting(daemon) == [], "its file is there")


def copies_of_replies(daemon):
    """RFC 8580: the copy is what is sent, octet for octet; who had a reply lately leaves no copy."""
    to = account(
        daemon,
        "fcc",
        'require ["vacation", "fcc", "imap4flags", "mailbox"];\n'
        'vacation :fcc "Replies" :create :flags ["\\\\Seen", "$Auto"] "I am away.";\n',
    )
    send(daemon, "go", to, extra=f"To: {to}\r\n")
    send(daemon, "again", to, extra=f"To: {to}\r\n")
    expect(where(daemon, "fcc") == {"INBOX": 2, "Replies": 1}, f"{where(daemon, 'fcc')}")
    [(_, copy)] = mail(daemon, "fcc")["Replies"]
    expect(queued(daemon, to) == ["vacation"], f"{queued(daemon, to)}")
    [row] = rows(daemon, "fcc", "Replies")
    expect(row["flags"] == ["\\Seen"] and row["keywords"] == ["$Auto"], f"flags: {row}")
    expect(copy.startswith(b"Message-ID: <") and b"\r\n" not in copy.replace(b"\n", b""), f"{copy}")
    expect(b"I am away." in copy and b"Received:" not in copy, f"{copy}")


def tried(daemon):
    """A dry run over the mail that is there: with a file's script, and with the active one."""
    to = account(daemon, "try", 'require "fileinto"; if header "subject" "b" { fileinto "B"; }')
    for subject in ("a", "b", "c"):
        send(daemon, subject, to)
    send(daemon, "d", "try+lists@example.org")
    before = mail(daemon, "try")
    done = tool(daemon, "--json", "sieve", "try", "-", to)
    said = json.loads(done.stdout)
    expect((said["tried"], said["elsewhere"], said["failed"]) == (4, 0, 0) and not said["messages"], f"{said}")
    path = f"{daemon.folder}/try.sieve"
    with open(path, "w") as f:
        f.write(
            'require ["fileinto", "copy", "envelope", "subaddress", "mailbox"];\n'
            'if envelope :detail "to" "lists" { fileinto "Lists"; stop; }\n'
            'if header "subject" "a" { discard; stop; }\n'
            'if header "subject" "c" { redirect :copy "eve@example.net"; }\n'
            'if mailboxexists "Nowhere" { discard; }\n'
        )
    done = tool(daemon, "--json", "sieve", "try", path, to)
    said = json.loads(done.stdout)
    found = sorted((m["mailbox"], m["subject"], m["would"]) for m in said["messages"])
    expect(
        found == [("B", "b", 'keep "INBOX"'), ("INBOX", "a", "discard"), ("INBOX", "d", 'fileinto "Lists"')]
        and (said["tried"], said["elsewhere"]) == (4, 3)
        and done.returncode == 0,
        f"{said}",
    )
    done = tool(daemon, "sieve", "try", "--mailbox", "B", path, to)
    expect(done.stdout.decode().endswith("1 of 1 messages would have gone elsewhere\n"), f"{done}")
    with open(path, "w") as f:
        f.write('redirect "not an address";')
    expect(tool(daemon, "sieve", "try", path, to).returncode == DATAERR, "a script with errors")
    expect(mail(daemon, "try") == before, "something was changed")


def edited(daemon):
    to = account(
        daemon,
        "edit",
        'require ["editheader", "fileinto"];\nfileinto "Plain";\n'
        'addheader "X-Seen" "yes";\ndeleteheader "Subject";\nkeep;\n',
    )
    expect(send(daemon, "edit", to)[to][0] == 250, "not taken")
    got = mail(daemon, "edit")
    expect(set(got) == {"INBOX", "Plain"}, f"{set(got)}")
    expect(b"X-Seen: yes" in got["INBOX"][0][1] and b"Subject:" not in got["INBOX"][0][1], f"{got['INBOX']}")
    expect(b"X-Seen" not in got["Plain"][0][1], f"{got['Plain']}")
    [row] = rows(daemon, "edit")
    expect(row["facts_known"] and row["subject"] == "", f"{row}")


def many(daemon):
    names = [f"many{i}" for i in range(100)]
    for i, name in enumerate(names):
        account(daemon, name, f'require "fileinto";\nfileinto "Box{i % 7}"; # {i}\n')
    answers = send(daemon, "all", *[f"{n}@example.org" for n in names])
    expect(all(code == 250 for code, _ in answers.values()), f"{answers}")
    for i, name in enumerate(names):
        expect(where(daemon, name) == {f"Box{i % 7}": 1}, f"{name}: {where(daemon, name)}")


def asking(daemon):
    to = account(
        daemon,
        "ask",
        'require ["fileinto", "mailbox", "duplicate"];\n'
        'if duplicate { fileinto "Twice"; stop; }\n'
        'if mailboxexists "There" { fileinto "There"; stop; }\nfileinto "Else";\n',
    )
    send(daemon, "one", to)
    expect(where(daemon, "ask") == {"Else": 1}, f"{where(daemon, 'ask')}")
    daemon.tool("mailbox", "create", to, "There")
    send(daemon, "two", to)
    expect(where(daemon, "ask") == {"Else": 1, "There": 1}, f"{where(daemon, 'ask')}")
    send(daemon, "two", to, body="Another line.\r\n")
    expect(where(daemon, "ask") == {"Else": 1, "There": 1, "Twice": 1}, f"{where(daemon, 'ask')}")


def included(daemon):
    to = account(daemon, "include", 'require "include";\ninclude "more";\n')
    install(daemon, to, b'require "fileinto";\nfileinto "More";\n', "--name", "more")
    send(daemon, "one", to)
    expect(where(daemon, "include") == {"More": 1}, f"{where(daemon, 'include')}")
    install(daemon, to, b'require "fileinto";\nfileinto "Other";\n', "--name", "more")
    send(daemon, "two", to)
    expect(where(daemon, "include") == {"More": 1, "Other": 1}, f"a new text: {where(daemon, 'include')}")
    daemon.tool("sieve", "delete", to, "more")
    send(daemon, "three", to)
    expect(where(daemon, "include").get("INBOX", 0) >= 1, f"none to include: {where(daemon, 'include')}")
    install(daemon, to, b'require "fileinto";\nfileinto "More";\n', "--name", "more")
    send(daemon, "four", to)
    expect(where(daemon, "include").get("More") == 2, f"the first text again: {where(daemon, 'include')}")


def several_of_one_use(daemon):
    """RFC 8579 4: of several mailboxes with that use the one that is named, else one of them; never one without."""
    to = account(
        daemon,
        "several",
        'require ["fileinto", "special-use", "variables"];\n'
        'if header :matches "subject" "into *" { fileinto :specialuse "\\\\junk" "${1}"; }\n',
    )
    for name in ("Spam", "Second", "Plain"):
        daemon.tool("mailbox", "create", to, name)
    for name in ("Spam", "Second"):
        daemon.tool("mailbox", "special-use", to, name, "\\Junk")
    uses = {r["name"]: r["special_use"] for r in json.loads(daemon.tool("--json", "mailbox", "list", to))}
    expect(uses["Spam"] == uses["Second"] == "\\Junk", f"no two of one use: {uses}")
    for name in ("Spam", "Second"):
        send(daemon, f"into {name}", to)
        found = where(daemon, "several")
        expect(found.get(name) == 1, f"not into {name}, though it has the use: {found}")
    send(daemon, "into Plain", to)
    send(daemon, "into Nowhere", to)
    found = where(daemon, "several")
    expect("Plain" not in found and "Nowhere" not in found and sum(found.values()) == 4, f"{found}")
    expect(found["Spam"] + found["Second"] == 4, f"not in one of that use: {found}")
    for name in ("Spam", "Second"):
        daemon.tool("mailbox", "special-use", to, name, "none")
    send(daemon, "into Plain", to)
    expect(where(daemon, "several").get("Plain") == 1, f"nobody has the use: {where(daemon, 'several')}")


def what_a_redirect_asks_for(daemon):
    """RFC 6009: NOTIFY, RET and BY of the script, with the account as sender; else those of the sender stay."""
    to = account(
        daemon,
        "asks",
        'require ["copy", "redirect-dsn", "redirect-deliverby"];\n'
        'redirect :copy "plain@example.net";\n'
        'redirect :copy :notify "FAILURE,DELAY" :ret "HDRS" "dsn@example.net";\n'
        'redirect :copy :notify "NEVER" :bytimerelative 600 "return@example.net";\n'
        'redirect :copy :bytimerelative 600 :bymode "notify" :bytrace "tell@example.net";\n',
    )
    send(daemon, "one", to)
    until(lambda: len(queued(daemon, to)) == 4, "not all four are queued")
    rows = until(lambda: len(found := wishes(daemon, to)) == 4 and found, "not all four are in the queue")
    usual = rows["plain@example.net"]
    expect(usual[0] == "bob@example.com" and usual[1:4] == (0, 0, ""), f"{usual}")
    expect(rows["dsn@example.net"][:4] == (to, 4 | 8, 2, ""), f"{rows}")  # enum envelope_notify, envelope_ret
    expect(rows["return@example.net"][:4] == (to, 1, 0, "600;R"), f"{rows}")
    expect(rows["return@example.net"][4] == 600, f"it waits longer than that: {rows}")
    expect(rows["tell@example.net"][:4] == (to, 0, 0, "600;NT"), f"{rows}")
    expect(rows["tell@example.net"][4] == usual[4], f"it does not wait as long as others: {rows}")


def wishes(daemon, account):
    """{recipient: (reverse-path, NOTIFY, RET, BY, how long it may wait)}, from a copy of the queue: the daemon has locked it."""
    with tempfile.TemporaryDirectory(prefix="doorstep-queue.") as folder:
        for path in glob.glob(f"{daemon.state}/queue/queue.sqlite*"):
            shutil.copy(path, folder)
        with contextlib.closing(sqlite3.connect(f"{folder}/queue.sqlite")) as db:
            rows = db.execute(
                "SELECT address, reverse_path, notify, ret, by, expires - queued FROM recipients "
                "JOIN items ON items.id = item WHERE account = ?", (account,)).fetchall()
    return {row[0]: row[1:] for row in rows}


def special_uses(daemon):
    """RFC 8579, RFC 9042, RFC 5490: what is said about mailboxes decides."""
    to = account(
        daemon,
        "uses",
        'require ["fileinto", "special-use", "mailbox", "mailboxid", "variables", "mboxmetadata", "servermetadata"];\n'
        'if servermetadata "/private/away" "yes" { fileinto "Away"; stop; }\n'
        'if metadata "Here" "/private/COLOUR" "red" { fileinto "Red"; stop; }\n'
        'if header "subject" "archive" { fileinto :specialuse "\\\\Archive" :create "Old"; stop; }\n'
        'if specialuse_exists "\\\\Junk" { fileinto :specialuse "\\\\junk" "Nowhere"; stop; }\n'
        'if header "subject" "id" { fileinto :mailboxid "M0" "Else"; stop; }\n'
        'fileinto :specialuse "\\\\Junk" "Spam";\n',
    )
    send(daemon, "one", to)
    expect(where(daemon, "uses") == {"Spam": 1}, f"no mailbox has the use: {where(daemon, 'uses')}")
    boxes = {r["name"]: r for r in json.loads(daemon.tool("--json", "mailbox", "list", to))}
    expect(boxes["Spam"]["special_use"] == "\\Junk", f"made for a use, without it: {boxes['Spam']}")
    daemon.tool("mailbox", "special-use", to, "Spam", "none")
    send(daemon, "id", to)
    expect(where(daemon, "uses") == {"Spam": 1, "Else": 1}, f"an id that is none: {where(daemon, 'uses')}")
    daemon.tool("mailbox", "create", to, "Here")
    daemon.tool("mailbox", "special-use", to, "Here", "\\Junk")
    send(daemon, "two", to)
    expect(where(daemon, "uses").get("Here") == 1, f"not by its use: {where(daemon, 'uses')}")
    send(daemon, "archive", to)
    send(daemon, "archive", to, body="Another.\r\n")
    expect(where(daemon, "uses").get("Old") == 2, f"{where(daemon, 'uses')}")
    for wrong in ("Junk", "\\", "\\a b", "\\" + "x" * 40):
        expect(tool(daemon, "mailbox", "special-use", to, "Here", wrong).returncode != 0, f"taken: {wrong}")
    daemon.tool("mailbox", "annotate", to, "Here", "/private/colour", "red")
    send(daemon, "three", to)
    expect(where(daemon, "uses").get("Red") == 1, f"annotation not seen: {where(daemon, 'uses')}")
    daemon.tool("mailbox", "annotate", to, "", "/private/away", "yes")
    send(daemon, "four", to)
    expect(where(daemon, "uses").get("Away") == 1, f"the server's not seen: {where(daemon, 'uses')}")
    shown = json.loads(daemon.tool("--json", "mailbox", "metadata", to, "Here"))
    expect(shown == [{"annotation": "/private/colour", "value": "red"}], f"{shown}")
    daemon.tool("mailbox", "annotate", to, "", "/private/away")
    expect(json.loads(daemon.tool("--json", "mailbox", "metadata", to)) == [], "not removed")
    expect(tool(daemon, "mailbox", "annotate", to, "Here", "colour", "x").returncode != 0, "a name that is none")


def by_id(daemon):
    to = account(daemon, "ids", "keep;")
    daemon.tool("mailbox", "create", to, "First")
    first = {r["name"]: r["id"] for r in json.loads(daemon.tool("--json", "mailbox", "list", to))}["First"]
    daemon.tool("mailbox", "rename", to, "First", "Later")
    install(
        daemon,
        to,
        f'require ["fileinto", "mailboxid"]; if mailboxidexists "{first}" '
        f'{{ fileinto :mailboxid "{first}" "First"; }}'.encode(),
        "--activate",
    )
    send(daemon, "one", to)
    expect(where(daemon, "ids") == {"Later": 1}, f"the renamed one: {where(daemon, 'ids')}")
    daemon.tool("mailbox", "delete", to, "Later")
    daemon.tool("mailbox", "create", to, "Later")
    send(daemon, "two", to)
    expect(where(daemon, "ids").get("INBOX") == 1, f"an id came again: {where(daemon, 'ids')}")


def configured(tests):
    daemon = Daemon()
    os.mkdir(f"{daemon.folder}/global")
    files = {
        "global/spam.sieve": 'require ["fileinto", "spamtest", "relational", "comparator-i;ascii-numeric"];\n'
        'if spamtest :value "ge" :comparator "i;ascii-numeric" "5" { fileinto "Spam"; }',
        "vip.txt": "# ours\n\nBoss@Example.com\n",
    }
    for name, text in files.items():
        with open(f"{daemon.folder}/{name}", "w") as f:
            f.write(text)
    with open(daemon.configuration, "a") as f:
        f.write(
            f'sieve {{ global = "{daemon.folder}/global" metadata = {{"/shared/comment=here"}} max_redirects = 1\n'
            "spamtest_status_header = 'X-Score: ([0-9.]+)/.*' spamtest_score_max_value = \"10\"\n"
            'editheader_protected = "x-ours" environment = {"site=west"} }\n'
            f'sieve_list "tag:example.com,2026:vip" {{ file = "{daemon.folder}/vip.txt" }}\n'
        )
    try:
        daemon.start()
        tests.run("what the configuration says is seen by scripts", settings_seen, daemon)
        tests.run("a list is read again with a reload", list_reloaded, daemon)
        daemon.end()
    finally:
        daemon.remove()


def settings_seen(daemon):
    to = account(
        daemon,
        "conf",
        'require ["include", "extlists", "fileinto", "servermetadata", "environment", "vnd.dovecot.environment",\n'
        '"editheader", "variables", "envelope"];\n'
        'include :global "spam";\n'
        'if header "subject" "spam" { stop; }\n'
        'if header "subject" "metadata" { if servermetadata "/shared/COMMENT" "here" { fileinto "Metadata"; } stop; }\n'
        'if header "subject" "config" { if environment "vnd.dovecot.config.site" "west" { fileinto "West"; } stop; }\n'
        'if header "subject" "client" { if allof(environment "remote-ip" "127.0.0.1", environment "phase" "during",\n'
        '  environment "location" "MDA") { fileinto "Client"; } stop; }\n'
        'if header "subject" "twice" { redirect "a@example.net"; redirect "b@example.net"; stop; }\n'
        'if header "subject" "tell" { redirect :list "tag:example.com,2026:vip"; stop; }\n'
        'if header "subject" "ours" { deleteheader "x-ours"; keep; stop; }\n'
        'if header "subject" "found" { if envelope :list "from" "tag:example.com,2026:vip" {\n'
        '  if string :comparator "i;octet" "${0}" "Boss@Example.com" { fileinto "Found"; } } stop; }\n'
        'if header "subject" "lost" { if header :list "subject" "tag:example.com,2026:none" { discard; } stop; }\n'
        'if envelope :list "from" "tag:example.com,2026:vip" { fileinto "Vip"; }\n',
    )
    send(daemon, "spam", to, extra="X-Score: 7.0/10\r\n")
    for subject in ("metadata", "config", "client"):
        send(daemon, subject, to)
    send(daemon, "one", to, sender="boss@example.com")
    send(daemon, "two", to, sender="boss@example.org")
    send(daemon, "found", to, sender="boss@example.com")  # the list has it as Boss@Example.com
    send(daemon, "lost", to)
    expect(b"there is no list" in daemon.tool("sieve", "log", to), "a list that is not there")
    expect(
        where(daemon, "conf") == {"Spam": 1, "Metadata": 1, "West": 1, "Client": 1, "Vip": 1, "Found": 1, "INBOX": 3},
        f"{where(daemon, 'conf')}",
    )
    send(daemon, "twice", to)
    expect(b"redirect" in daemon.tool("sieve", "log", to), "two redirects where one is allowed")
    send(daemon, "tell", to)
    told = [row["to"] for row in json.loads(daemon.tool("--json", "queue", "list"))]
    expect(told == ["Boss@example.com"], f"sent to a list: {told}")
    send(daemon, "ours", to, extra="X-Ours: stays\r\n")
    expect(any(b"X-Ours: stays" in m for _, m in mail(daemon, "conf")["INBOX"]), "a protected field is gone")


def list_reloaded(daemon):
    with open(f"{daemon.folder}/vip.txt", "a") as f:
        f.write("carl@example.com\n")
    reloaded = daemon.log_text().count(" reloaded ")
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: daemon.log_text().count(" reloaded ") > reloaded, "the reload")
    send(daemon, "carl", "conf@example.org", sender="carl@example.com")
    expect(where(daemon, "conf").get("Vip") == 2, f"{where(daemon, 'conf')}")


def bad_names(daemon):
    to = account(daemon, "names", 'require "fileinto";\nfileinto "../../../etc/x";\n')
    expect(send(daemon, "one", to)[to][0] == 250, "not taken")
    expect(where(daemon, "names") == {"INBOX": 1}, f"{where(daemon, 'names')}")


def changed(daemon):
    to = account(daemon, "change", 'require "fileinto"; fileinto "A";')
    send(daemon, "one", to)
    install(daemon, to, b'require "fileinto"; fileinto "B";')
    send(daemon, "two", to)
    daemon.tool("sieve", "deactivate", to)
    send(daemon, "three", to)
    expect(where(daemon, "change") == {"A": 1, "B": 1, "INBOX": 1}, f"{where(daemon, 'change')}")


def killed(daemon):
    """Two copies in one account are one record: whenever the daemon is killed, both are there or none."""
    to = account(daemon, "sweep", 'require ["fileinto", "copy"]; fileinto :copy "A"; fileinto "B";')
    send(daemon, "first", to)
    for i in range(8):
        answers = []

        def deliver(subject=f"sweep{i}"):
            try:
                answers.append(send(daemon, subject, to)[to][0])
            except (OSError, smtplib.SMTPException):
                pass

        sender = threading.Thread(target=deliver)
        sender.start()
        time.sleep(i * 0.004)
        daemon.kill()
        sender.join()
        daemon.start()
        got = mail(daemon, "sweep")
        copies = [sum(f"sweep{i}".encode() in m for _, m in got[box]) for box in ("A", "B")]
        expect(copies in ([0, 0], [1, 1]), f"killed after {i * 4} ms: {copies} copies")
        expect(copies == [1, 1] or 250 not in answers, f"acknowledged, and lost: {copies}")
        for box in ("A", "B"):
            uids = [r["uid"] for r in rows(daemon, "sweep", box)]
            expect(len(uids) == len(got[box]) == len(set(uids)), f"{box}: {uids}")


def administrators(tests):
    daemon = Daemon()
    scripts = {
        "before": 'require "fileinto"; if header :contains "subject" "virus" { fileinto "Bad"; stop; }',
        "after": 'require "fileinto"; if header :contains "subject" "late" { fileinto "After"; }',
        "discard": 'require "fileinto"; fileinto "Discarded";',
    }
    for name, text in scripts.items():
        with open(f"{daemon.folder}/{name}.sieve", "w") as f:
            f.write(text)
    with open(daemon.configuration, "a") as f:
        f.write(
            f'sieve {{ before = {{"{daemon.folder}/before.sieve"}} after = {{"{daemon.folder}/after.sieve"}}\n'
            f'discard = "{daemon.folder}/discard.sieve" }}\n'
        )
    try:
        daemon.start()
        tests.run("administrators' scripts run before, after, and for discards", layers, daemon)
        daemon.end()
    finally:
        daemon.remove()


def layers(daemon):
    to = account(daemon, "layer", 'if header :contains "subject" "spam" { discard; }')
    for subject in ("virus", "late", "spam", "ham"):
        send(daemon, subject, to)
    expect(
        where(daemon, "layer") == {"Bad": 1, "After": 1, "Discarded": 1, "INBOX": 1}, f"{where(daemon, 'layer')}"
    )
    tools_know_layers(daemon, to)
    daemon.tool("account", "add", "plain@example.org")
    send(daemon, "late", "plain@example.org")
    expect(where(daemon, "plain") == {"After": 1}, f"no script of its own: {where(daemon, 'plain')}")


def tools_know_layers(daemon, to):
    """explain and try run what a delivery would: administrators' scripts, aliases, delimiters."""
    daemon.tool("alias", "add", "also@example.org", to)
    wanted = {
        "virus": ("before.sieve", 'fileinto "Bad"'),
        "late": ("after.sieve", 'fileinto "After"'),
        "spam": ("discard.sieve", 'fileinto "Discarded"'),
        "ham": ("main", 'keep "INBOX"'),
    }
    for subject, (script, action) in wanted.items():
        done = tool(daemon, "sieve", "explain", to, data=message(subject))
        said = done.stdout.decode()
        expect(done.returncode == 0 and script in said and action in said, f"{subject}: {done}")
    done = tool(daemon, "--json", "sieve", "explain", to, data=message("spam"))
    said = json.loads(done.stdout)
    expect([a["mailbox"] for a in said["actions"]] == ["Discarded"] and said["steps"], f"{said}")
    said = json.loads(tool(daemon, "--json", "sieve", "try", "-", to).stdout)
    expect((said["tried"], said["elsewhere"]) == (4, 0), f"where they lie is where they would go: {said}")
    install(daemon, to, b'require "vacation"; vacation "away";\n', "--activate")
    for field, withheld in (("To: also@example.org", False), ("To: other@example.org", True)):
        data = message("x").replace(b"To: ann@example.org", field.encode())
        done = tool(daemon, "--json", "sieve", "explain", to, data=data)
        actions = [a for a in json.loads(done.stdout)["actions"] if a["action"] == "vacation"]
        expect([bool(a.get("withheld")) for a in actions] == [withheld], f"{field}: {done.stdout}")
    expect(tool(daemon, "sieve", "explain", "nobody@example.org").returncode == 67, "an account that is none")
    install(daemon, to, b'if header :contains "subject" "spam" { discard; }\n', "--activate")


def main():
    tests = Tests("sieve")
    daemon = Daemon(more=SETTINGS)
    try:
        daemon.start()
        tests.run("scripts are stored, listed, renamed, activated, deleted", stored, daemon)
        tests.run("what has errors is not stored, and the person sees why", refused, daemon)
        tests.run("the active script stays", active_stays, daemon)
        tests.run("scripts have quotas", within_quotas, daemon)
        tests.run("an account that is none", unknown_accounts, daemon)
        tests.run("what was stored survives a kill", survives, daemon)
        daemon.end()
    finally:
        daemon.remove()
    daemon = Daemon()
    try:
        daemon.start()
        tests.run("fileinto, flags, several copies", filed, daemon)
        tests.run("what is discarded is answered 250, and traced", discarded, daemon)
        tests.run("reject: 550 for that recipient alone", rejected, daemon)
        tests.run("edited headers", edited, daemon)
        tests.run("a dry run over the mail that is there", tried, daemon)
        tests.run("a hundred recipients with scripts of their own", many, daemon)
        tests.run("mailboxexists and duplicate ask the account", asking, daemon)
        tests.run("include takes another script of the account", included, daemon)
        tests.run("special uses and annotations of mailboxes", special_uses, daemon)
        tests.run("several mailboxes of one use", several_of_one_use, daemon)
        tests.run("what a redirect asks for", what_a_redirect_asks_for, daemon)
        tests.run("mailboxes by their ids", by_id, daemon)
        tests.run("names that are no mailboxes", bad_names, daemon)
        tests.run("another active script holds at once", changed, daemon)
        tests.run("what leaves waits, also after a kill", leaving, daemon)
        tests.run("addresses that are the account's alone are known", by_an_alias, daemon)
        tests.run("a copy of a reply is filed as it is sent", copies_of_replies, daemon)
        tests.run("a script that fails loses nothing", failing, daemon)
        tests.run("copies of one message survive a kill together", killed, daemon)
        daemon.end()
    finally:
        daemon.remove()
    administrators(tests)
    configured(tests)
    bounded(tests)
    tests.end()


main()
