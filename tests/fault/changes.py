# SPDX-License-Identifier: MIT
"""Changes that are asked for while mail comes in: flags, moves to another mailbox, removals. What was
answered holds after a crash, and nothing that was moved or removed comes back; what was asked for and
not answered has happened, or not. Each message is changed once."""

import random
import threading
import time

from mailboxes import ask, inbox_rows, name_in
from private_daemon import Failure

KEPT = "Kept"  # where messages are moved to
FLAG = "\\Flagged"
PAUSE_SECONDS = 0.005


class Changer:
    """A thread that changes messages of Maildirs that have a mailbox Kept, until it is stopped."""

    def __init__(self, daemon, promises, accounts, seed):
        self.daemon = daemon
        self.promises = promises
        self.accounts = accounts
        self.random = random.Random(seed)
        self.is_stopped = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            while not self.is_stopped:
                self.change(self.random.choice(self.accounts))
                time.sleep(PAUSE_SECONDS)
        except (Failure, OSError):
            pass  # the server is gone

    def change(self, account):
        changes = self.promises.changes
        free = [r for r in inbox_rows(self.daemon, account) if (account, name_in(r)) not in changes]
        if not free:
            return
        row = self.random.choice(free)
        what = self.random.choice(["flag", "move", "delete"])
        self.promises.change(account, name_in(row), what)
        more = {
            "flag": {"uid": row["uid"], "add": [FLAG]},
            "move": {"uid": row["uid"], "to": KEPT},
            "delete": {"uids": [row["uid"]]},
        }[what]
        _, ok = ask(self.daemon, f"message.{what}", account=account, mailbox="INBOX", **more)
        self.promises.changed(account, name_in(row), ok.get("uid", 0))

    def stop(self):
        self.is_stopped = True
        self.thread.join()


def check(audit, account):
    """Adds to the audit's problems. The INBOX itself is looked at by the audit."""
    changes = {
        name: (what, done, uid)
        for (whose, name), (what, done, uid) in audit.promises.changes.items()
        if whose == account
    }
    if changes:
        check_flags(audit, account, changes)
        check_moved(audit, account, changes)


def check_flags(audit, account, changes):
    flags = {name_in(row): row["flags"] for row in inbox_rows(audit.daemon, account)}
    for name, (what, done, _) in changes.items():
        if what == "flag" and done and FLAG not in flags.get(name, ()):
            audit.problems.append(f"{account}: {name} was flagged, has {flags.get(name)}")


def check_moved(audit, account, changes):
    rows, _ = ask(audit.daemon, "message.list", account=account, mailbox=KEPT)
    uids = {}
    for row in rows:
        uids.setdefault(name_in(row), []).append(row["uid"])
    inbox = audit.copies(account)
    files = audit.copies(account, KEPT)
    for name, (what, done, uid) in changes.items():
        if what != "move":
            continue
        if done and uids.get(name) != [uid]:
            audit.problems.append(f"{account}: {name} was moved to UID {uid}, is at {uids.get(name)}")
        if inbox.get(name, 0) + files.get(name, 0) != 1:
            audit.problems.append(f"{account}: {name} was moved, {files.get(name, 0)} there, {inbox.get(name, 0)} here")
    if sorted(files) != sorted(uids):
        audit.problems.append(f"{account}: {KEPT} has {len(uids)} rows for {len(files)} messages")
