# SPDX-License-Identifier: MIT
"""What a server has promised its clients before it was stopped in the middle, and whether it kept it.

 acknowledged  a message that was answered 250 is there, exactly once, octet for octet
 visible       whatever a reader sees is a whole message that somebody sent
 UIDs          a message that was shown under a UID keeps it, nobody else ever gets it, and new mail
               gets higher ones
 databases     each passes SQLite's integrity_check
 retry         what was not acknowledged can be handed over again; a copy too many is counted"""

import json
import os
import socket
import sqlite3
import threading
import time

from letters import Client, Gone, expected, make_message, message_of, name_of
from private_daemon import Failure, without_trace

RETRY_SECONDS = 60
CONTROL_SECONDS = 60


def contents(daemon, account):
    """All messages of an account's INBOX, without the trace fields, in no order."""
    user, domain = account.split("@")
    if domain == "example.net":
        found = [m.split(b"\n", 1)[-1].rstrip(b"\n") + b"\n" for m in daemon.messages(f"/{domain}/{user}.mbox")]
    else:
        found = [m for sub in ("new", "cur") for m in daemon.messages(f"{user}/{sub}")]
    return [without_trace(m) for m in found]


def ask(daemon, op, **arguments):
    """The rows that the control socket answers with: what the tool would print, for less."""
    with socket.socket(socket.AF_UNIX) as s, s.makefile("rwb") as f:
        s.settimeout(CONTROL_SECONDS)
        s.connect(f"{daemon.state}/control.sock")
        f.write(json.dumps({"op": op, "args": arguments}).encode() + b"\n")
        f.flush()
        rows = []
        for line in f:
            said = json.loads(line)
            if "row" in said:
                rows.append(said["row"])
            elif "error" in said:
                raise Failure(f"{op} {arguments}: {said['error']}")
            elif "ok" in said:
                return rows
    raise Failure(f"{op} {arguments}: the control socket was closed")


def listing(daemon, account):
    """UIDVALIDITY, and the name under each UID, of an INBOX."""
    boxes = ask(daemon, "mailbox.list", account=account)
    validity = next((b["uid_validity"] for b in boxes if b["name"] == "INBOX"), 0)
    rows = ask(daemon, "message.list", account=account, mailbox="INBOX") if validity else []
    return validity, [(r["uid"], r["message_id"].strip("<>").removesuffix("@letters")) for r in rows]


class Promises:
    """Kept by all client threads. After `end()` nothing more is believed: no client saw it in time.
    `note` hears of everything, before a message is sent and after an answer was read; `take` takes
    such notes back in."""

    def __init__(self, note=lambda *what: None):
        self.note = note
        self.lock = threading.Lock()
        self.is_over = False
        self.sent = {}  # name -> (message, recipients)
        self.acknowledged = {}  # account -> names
        self.shown = {}  # account -> {uid: name}
        self.validity = {}  # account -> UIDVALIDITY
        self.refused = []  # permanent refusals: a passing failure is never one
        self.copies = {}  # (account, name) -> how many there are after a retry, where it is not one

    def send(self, name, message, recipients):
        with self.lock:
            self.note("send", name, recipients)
            self.sent[name] = (message, tuple(recipients))

    def answer(self, name, account, reply):
        with self.lock:
            if self.is_over:
                return
            self.note("answer", name, account, reply)
            if reply.startswith("250"):
                self.acknowledged.setdefault(account, set()).add(name)
            elif reply.startswith("5"):
                self.refused.append(f"{name} for {account}: {reply}")

    def show(self, account, validity, rows):
        """What a reader was shown; problems, when it contradicts what was shown before."""
        with self.lock:
            if self.is_over or not validity:
                return []
            self.note("show", account, validity, rows)
            return list(self._note_rows(account, validity, rows))

    def _note_rows(self, account, validity, rows):
        known = self.shown.setdefault(account, {})
        if self.validity.setdefault(account, validity) != validity:
            yield f"{account}: UIDVALIDITY was {self.validity[account]}, is {validity}"
            self.validity[account] = validity
            known.clear()
        for uid, name in rows:
            if known.setdefault(uid, name) != name:
                yield f"{account}: UID {uid} was {known[uid]}, is {name}"

    def take(self, what, *rest):
        if what == "send":
            name, recipients = rest
            self.send(name, message_of(name), recipients)
        else:
            getattr(self, what)(*rest)

    def copy(self):
        """For an audit, which adds to what it is given."""
        new = Promises()
        new.sent = dict(self.sent)
        new.acknowledged = {account: set(names) for account, names in self.acknowledged.items()}
        new.shown = {account: dict(rows) for account, rows in self.shown.items()}
        new.validity = dict(self.validity)
        new.refused = list(self.refused)
        new.copies = dict(self.copies)
        return new

    def end(self):
        with self.lock:
            self.is_over = True

    def go_on(self):
        self.is_over = False

    def accounts(self):
        return sorted({r for _, recipients in self.sent.values() for r in recipients})

    def count(self):
        return sum(len(names) for names in self.acknowledged.values())


class Audit:
    """One look at a server that has started again. `problems` is empty when all was kept."""

    def __init__(self, daemon, promises):
        self.daemon = daemon
        self.promises = promises
        self.problems = []
        self.extra = []
        self.may_be_double = set()
        self.retried = 0

    def run(self):
        """With the retries and the end of the server."""
        p = self.promises
        self.problems += p.refused
        before = {account: self.account(account, copies_allowed=False) for account in p.accounts()}
        self.retry()
        for account in p.accounts():
            after = self.account(account, copies_allowed=True)
            self.higher(account, before[account], after)
        self.daemon.end()
        self.databases()
        return self.problems

    def account(self, account, copies_allowed):
        """The rows; what is in the store is compared with the promises and with the rows."""
        validity, rows = listing(self.daemon, account)  # which mends an mbox that was cut off
        copies = self.copies(account)
        for name in self.promises.acknowledged.get(account, ()):
            if name not in copies:
                self.problems.append(f"{account}: {name} was acknowledged and is lost")
        for name, n in copies.items():
            if n == 2 and copies_allowed and (account, name) in self.may_be_double:
                self.extra.append(f"{name} for {account}")
                self.promises.copies[account, name] = n
            elif n != self.promises.copies.get((account, name), 1):
                self.problems.append(f"{account}: {n} copies of {name}")
        if sorted(name for _, name in rows) != sorted(n for n in copies for _ in range(copies[n])):
            self.problems.append(f"{account}: {len(rows)} rows for {sum(copies.values())} messages")
        if len({uid for uid, _ in rows}) != len(rows):
            self.problems.append(f"{account}: a UID is given twice")
        names = dict(rows)
        for uid, name in self.promises.shown.get(account, {}).items():
            if names.get(uid) != name:
                self.problems.append(f"{account}: UID {uid} was {name}, is {names.get(uid)}")
        self.problems += self.promises.show(account, validity, rows)
        return rows

    def copies(self, account):
        """How often each message is there; what is none of ours, or is cut off, is a problem."""
        found = {}
        for content in contents(self.daemon, account):
            name = name_of(content)
            if name is None or expected(name) != content:
                self.problems.append(f"{account}: torn, {len(content)} octets, name {name}: {content[:60]!r}")
            else:
                found[name] = found.get(name, 0) + 1
        return found

    def higher(self, account, before, after):
        highest = max((uid for uid, _ in before), default=0)
        old = dict(before)
        for uid, name in after:
            if uid not in old and uid <= highest:
                self.problems.append(f"{account}: {name} got UID {uid}, {highest} was given before")

    def retry(self):
        """As an MTA does that has no answer, until it has one."""
        p = self.promises
        until = time.monotonic() + RETRY_SECONDS
        client = Client(self.daemon)
        for name, (message, recipients) in p.sent.items():
            left = [r for r in recipients if name not in p.acknowledged.get(r, ())]
            self.may_be_double |= {(r, name) for r in left}
            self.retried += len(left)
            while left and time.monotonic() < until:
                client.deliver(left, message, lambda r, reply, name=name: p.answer(name, r, reply))
                left = [r for r in left if name not in p.acknowledged.get(r, ())]
            if left:
                self.problems.append(f"{name} is not delivered after a minute of retries")
        client.quit()

    def databases(self):
        for where, _, names in os.walk(self.daemon.state):
            for name in names:
                if name.endswith(".sqlite"):
                    self.database(f"{where}/{name}")

    def database(self, path):
        try:
            database = sqlite3.connect(path)
            said = database.execute("pragma integrity_check").fetchone()[0]
            database.close()
        except sqlite3.Error as e:
            said = str(e)
        if said != "ok":
            self.problems.append(f"{path}: {said}")


class Load:
    """Client threads that deliver until they are stopped or their connection ends."""

    def __init__(self, daemon, promises, connections, letter):
        """`letter(connection, n)` gives the nth (name, octets, recipients), or None for the end."""
        self.daemon = daemon
        self.promises = promises
        self.letter = letter
        self.is_stopped = False
        self.threads = [threading.Thread(target=self.run, args=(c,)) for c in range(connections)]
        for t in self.threads:
            t.start()

    def run(self, connection):
        try:
            client = Client(self.daemon)
            n = 0
            while not self.is_stopped and (letter := self.letter(connection, n)) is not None:
                deliver(client, self.promises, *letter)
                n += 1
            client.quit()
        except Gone:
            pass

    def stop(self):
        self.is_stopped = True
        self.join()

    def join(self):
        for t in self.threads:
            t.join()


def deliver(client, promises, name, octets, recipients):
    message = make_message(name, octets)
    full_name = f"{name}.{octets}"
    promises.send(full_name, message, recipients)
    client.deliver(recipients, message, lambda r, reply: promises.answer(full_name, r, reply))
