# SPDX-License-Identifier: MIT
"""Holds each answer of the daemon against what is on stable storage at that moment.

A delivery is on stable storage when its file (octets, name, and the names of all folders above it)
and its index row are, or when a record of the journal is that holds its octets, or whose octets are
in a file of the spool; the row alone may be in a record too. From then on it must stay so: when a segment of the journal is overwritten, the
files have to be there. A change that the tool asked for is there when all that it touched is, or
a record of it in the journal."""

import os
import re

import strace_log
from letters import make_message
from stable_storage import Storage

ANSWER = re.compile(r"250 2\.1\.5 <([^>]+)> delivered (?:before, not stored again )?(\w+)")
REQUEST = re.compile(r'^\{\\"op\\":\\"([\w.]+)\\"')
READS_ONLY = {"ping", "stats", "trace", "fsck"}


class Letter:
    """A message as the client sent it."""

    def __init__(self, name, octets):
        self.message = make_message(name, octets)
        self.mark = f"<{name}.{octets}@letters>"
        self.octets = len(self.message.replace(b"\r\n", b"\n"))


class Lint:
    """Goes through a log once. `letters` are by delivery id, `homes` where each account's mail lies."""

    def __init__(self, state, homes, letters, existing):
        self.state = state
        self.homes = homes
        self.letters = letters
        users = "|".join(account.partition("@")[0] for account in homes)
        self.storage = Storage(rf"<[\w.-]+@letters>|01[0-9A-Z]{{21}}|{users}", existing)
        self.storage.on_overwritten = self.check_all
        self.answers = 0
        self.changes = 0
        self.promised = set()  # (id, account)
        self.asked = None  # the change that the tool has asked for, and since when
        self.problems = []

    def run(self, lines):
        for begins, call in strace_log.events(lines):
            if begins:
                self.storage.begin(call)
                self.hear(call)
            else:
                self.storage.end(call)
                self.listen(call)
        if self.storage.blind:
            self.problems.append(f"calls that this lint does not understand: {self.storage.blind}")
        return self

    # ---- deliveries ----

    def hear(self, call):
        """Something leaves the daemon."""
        if call.name not in ("write", "writev", "sendto", "sendmsg"):
            return
        for text in call.strings():
            if text.startswith("250 "):
                for address, delivery in ANSWER.findall(text):
                    self.answer(address, delivery)
            elif text.startswith('{\\"ok\\":') and self.asked is not None:
                self.change_done()

    def answer(self, address, delivery):
        self.answers += 1
        local, _, domain = address.partition("@")
        account = f"{local.partition('+')[0]}@{domain}"
        self.promised.add((delivery, account))
        why = self.why_lost(delivery, account, at_answer=True)
        if why:
            self.problems.append(f"{address} is told 250 for {delivery}: {why}")

    def check_all(self, path):
        """Something was overwritten: only what the journal kept can be concerned."""
        if not path.startswith(f"{self.state}/journal/") and not path.startswith(f"{self.state}/spool/"):
            return
        for delivery, account in sorted(self.promised):
            why = self.why_lost(delivery, account, at_answer=False)
            if why:
                self.problems.append(f"{path} is overwritten or removed, and {account} needs {delivery}: {why}")

    def why_lost(self, delivery, account, at_answer):
        """None: the delivery survives a power cut at this moment."""
        letter = self.letters[delivery]
        if self.in_journal(letter, account):
            return None
        why = self.why_no_file(delivery, letter, account, at_answer)
        if why or self.is_recorded(letter, account):
            return why
        return self.why_no_row(delivery, account)

    def in_journal(self, letter, account):
        if self.is_recorded(letter, account, letter.octets):
            return True
        return self.is_recorded(letter, account) and self.in_spool(letter)

    def is_recorded(self, letter, account, octets=0):
        """By a record of the journal, of so many octets."""
        user = account.partition("@")[0]
        return any(
            node.has([letter.mark, user], octets) and self.storage.is_named(path)
            for path, node in self.below(f"{self.state}/journal/")
        )

    def in_spool(self, letter):
        return any(
            node.is_clean() and node.octets >= letter.octets and self.storage.is_named(path)
            for path, node in self.below(f"{self.state}/spool/")
            if "#" not in path and node.has([letter.mark])
        )

    def why_no_file(self, delivery, letter, account, at_answer):
        home = self.homes[account]
        if home.endswith(".mbox"):
            node = self.storage.nodes.get(home)
            if node is None or not node.has([letter.mark]) or (at_answer and not node.is_clean()):
                return f"{home} is not synced"
            return None if self.storage.is_named(home) else f"the name {home} is not synced"
        found = [(p, n) for p, n in self.below(home + "/") if delivery in os.path.basename(p)]
        for path, node in found:
            if not node.is_clean() or node.octets < letter.octets or not node.has([letter.mark]):
                return f"{path} is not synced"
            if not self.storage.is_named(path):
                return f"the name {path} is not synced"
        return None if found else "there is no file"

    def why_no_row(self, delivery, account):
        user, _, domain = account.partition("@")
        folder = f"{self.state}/accounts/{domain}/{user}/"
        rows = [path for path, node in self.below(folder) if node.has([delivery])]
        if not rows:
            return "no row is synced"
        return None if any(self.storage.is_named(p) for p in rows) else "the name of the index is not synced"

    def below(self, folder):
        return [(p, n) for p, n in self.storage.nodes.items() if p.startswith(folder)]

    # ---- changes by the tool ----

    def listen(self, call):
        """A request to the control socket has arrived."""
        if call.name not in ("read", "recvfrom", "recvmsg"):
            return
        for text in call.strings():
            found = REQUEST.match(text)
            if found:
                op = found.group(1)
                reads = op in READS_ONLY or op.endswith((".list", ".show", ".cat"))
                self.asked = None if reads else (op, text, self.storage.now)

    def change_done(self):
        op, text, since = self.asked
        self.asked = None
        self.changes += 1
        account = next((a for a in self.homes if f'\\"{a}\\"' in text), None)
        if op in ("message.move", "message.delete"):  # the tool's word is newer than the delivery's
            self.promised = {p for p in self.promised if p[1] != account}
        if account is not None and self.is_journalled(account, since):
            return
        for path, is_safe in sorted(self.storage.changed(since)):
            if not is_safe and self.belongs(path, account) and not is_row_of_new_mailbox(op, path):
                self.problems.append(f"{op} is done, and {path} is not synced")

    def is_journalled(self, account, since):
        user = account.partition("@")[0]
        return any(
            since < when < node.synced and user in found and self.storage.is_named(path)
            for path, node in self.below(f"{self.state}/journal/")
            for when, _, _, found in node.pieces
        )

    def belongs(self, path, account):
        """A mark is a hint that is written after a durable commit, for a later loss."""
        if path.endswith(("-shm", "-journal", ".lock", "/index.mark")) or "#" in path:
            return False
        if account is None:
            return path.startswith(f"{self.state}/accounts.sqlite")
        user, _, domain = account.partition("@")
        return path.startswith((self.homes[account], f"{self.state}/accounts/{domain}/{user}/"))


def is_row_of_new_mailbox(op, path):
    """The folder says that it is there; its UIDVALIDITY is first relied on when mail is in it, and
    the journal has it then."""
    return op == "mailbox.create" and path.endswith("/index.sqlite-wal")
