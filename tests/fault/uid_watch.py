# SPDX-License-Identifier: MIT
"""An IMAP client with a long memory: what it once saw under a UID and UIDVALIDITY must never be another
message, and a message never has another UID as long as UIDVALIDITY stays."""

import json

from queueing_mta import expect


class UidWatch:
    def __init__(self):
        self.names = {}  # (account, uid_validity) -> {uid: name}
        self.uids = {}  # (account, uid_validity) -> {name: uid}
        self.validity = {}  # account -> the newest one
        self.rises = 0
        self.looks = 0

    def look(self, daemon, account):
        """[(uid, name)] of the INBOX, after comparing it with all that was ever seen there."""
        before = self.mailbox(daemon, account)
        rows = json.loads(daemon.tool("--json", "message", "list", account))
        row = self.mailbox(daemon, account)
        seen = [(x["uid"], x["subject"]) for x in rows]
        if row is not None and before is not None and before[0] == row[0]:
            self.compare(account, row, seen)
        return seen

    @staticmethod
    def mailbox(daemon, account):
        """(UIDVALIDITY, UIDNEXT) of the INBOX; None while there is none."""
        for row in json.loads(daemon.tool("--json", "mailbox", "list", account)):
            if row["name"] == "INBOX":
                return row["uid_validity"], row["uid_next"]
        return None

    def forget(self, account, name):
        """A message that another program removed: should it come back, its UID is its own affair."""
        for (owner, _), uids in self.uids.items():
            if owner == account:
                uids.pop(name, None)

    def compare(self, account, mailbox, seen):
        validity, uid_next = mailbox
        last = self.validity.get(account, validity)
        expect(validity >= last, f"{account}: UIDVALIDITY fell from {last} to {validity}")
        self.rises += validity > last
        self.validity[account] = validity
        self.looks += 1
        names = self.names.setdefault((account, validity), {})
        uids = self.uids.setdefault((account, validity), {})
        for uid, name in seen:
            was = names.setdefault(uid, name)
            expect(was == name, f"{account} {validity}: UID {uid} was {was} and is {name}")
            had = uids.setdefault(name, uid)
            expect(had == uid, f"{account} {validity}: {name} had UID {had} and has {uid}")
        highest = max(names, default=0)
        expect(uid_next > highest, f"{account} {validity}: UIDNEXT {uid_next}, but {highest} was given")
        numbers = [uid for uid, _ in seen]
        expect(numbers == sorted(set(numbers)), f"{account}: UIDs do not rise")
