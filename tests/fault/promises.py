# SPDX-License-Identifier: MIT
"""What a server has promised its clients before it was stopped in the middle, and whether it kept it.

 acknowledged  a message that was answered 250 is there, exactly once, octet for octet
 visible       whatever a reader sees is a whole message that somebody sent
 changes       what was flagged, moved or removed through the tool is so (changes.py)
 UIDs          a message that was shown under a UID keeps it, nobody else ever gets it, and new mail
               gets higher ones
 sent on       what a script sends on waits in the queue as often as it lies in the mailbox
 databases     each passes SQLite's integrity_check
 retry         what was not acknowledged can be handed over again; a copy too many is counted"""

import os
import sqlite3
import threading
import time

import changes
from letters import Client, Gone, expected, make_message, message_of, name_of
from mailboxes import contents, listing

RETRY_SECONDS = 60


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
        self.changes = {}  # (account, name) -> what, whether that was answered, the new UID
        self.refused = []  # permanent refusals: a passing failure is never one
        self.sent_on = ()  # accounts whose script keeps and redirects everything
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

    def change(self, account, name, what):
        """Somebody asks for it."""
        with self.lock:
            self.note("change", account, name, what)
            self.changes[account, name] = (what, False, 0)

    def changed(self, account, name, uid):
        """It was answered."""
        with self.lock:
            if not self.is_over:
                self.note("changed", account, name, uid)
                self.changes[account, name] = (self.changes[account, name][0], True, uid)

    def is_away(self, account, name):
        """Not in its INBOX any more: True, False, or None when it may be either."""
        what, done, _ = self.changes.get((account, name), ("", True, 0))
        if what not in ("move", "delete"):
            return False
        return True if done else None

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
        new.changes = dict(self.changes)
        new.refused = list(self.refused)
        new.copies = dict(self.copies)
        return new

    def end(self):
        with self.lock:
            self.is_over = True

    def go_on(self):
        self.is_over = False

    def accounts(self):
        return sorted({r for _, recipients in self.sent.values() for r in recipients} | set(self.validity))

    def count(self):
        """Of all that was answered: deliveries, and changes."""
        deliveries = sum(len(names) for names in self.acknowledged.values())
        return deliveries, sum(done for _, done, _ in self.changes.values())


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
        for account in p.sent_on:
            self.queue(account)
        return self.problems

    def account(self, account, copies_allowed):
        """The rows; what is in the store is compared with the promises and with the rows."""
        copies = self.copies(account)
        for name in self.promises.acknowledged.get(account, ()):
            away = self.promises.is_away(account, name)
            if name not in copies and away is False:
                self.problems.append(f"{account}: {name} was acknowledged and is lost")
            elif name in copies and away is True:
                self.problems.append(f"{account}: {name} was moved or removed and is back")
        validity, rows = listing(self.daemon, account)
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
            if names.get(uid) != name and self.promises.is_away(account, name) is False:
                self.problems.append(f"{account}: UID {uid} was {name}, is {names.get(uid)}")
        self.problems += self.promises.show(account, validity, rows)
        changes.check(self, account)
        return rows

    def copies(self, account, folder=""):
        """How often each message is there; what is none of ours, or is cut off, is a problem."""
        found = {}
        for content in contents(self.daemon, account, folder):
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

    def queue(self, account):
        """The daemon has ended: the database is whole, and nobody else's."""
        folder = f"{self.daemon.state}/queue"
        database = sqlite3.connect(f"{folder}/queue.sqlite")
        waiting = {}
        for text, file in database.execute("select text, file from items where account = ?", (account,)):
            if file:
                with open(f"{folder}/messages/{file}", "rb") as f:
                    text = f.read()
            text = text.replace(b"\r\n", b"\n")
            name = name_of(text)
            if name is None or expected(name) != text:
                self.problems.append(f"{account}: {len(text)} octets wait, torn or of nobody")
            waiting[name] = waiting.get(name, 0) + 1
        database.close()
        stored = self.copies(account)
        for name in stored.keys() | waiting.keys():
            if stored.get(name) != waiting.get(name):
                self.problems.append(
                    f"{account}: {name} lies there {stored.get(name)} times and waits {waiting.get(name)} times"
                )

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
