# SPDX-License-Identifier: MIT
"""What is done to a store while its calls are counted. act() may fail, as the sweep wants it to; complete()
does what a client would do then, until it is done. `needs` names calls that every such run must have made:
without them the case does not show what it says."""

import time

from target import Failure, RETRY_SECONDS

ANN = "ann@example.org"
ZOE = "zoe@example.net"  # an mbox
THREE = ["u0@example.org", "u1@example.org", ZOE]
SIX = [f"u{n}@example.org" for n in range(5)] + [ZOE]
TWENTY = [f"u{n}@example.org" for n in range(18)] + [ZOE, "yan@example.net"]
ROWS_MERGED = 8  # src/deliver/worker/rows.c
RECORD = ("pwrite64 state/journal/*", "fdatasync state/journal/*")


class Delivery:
    """One message for some recipients that have had mail before."""

    needs = RECORD
    calls_max = 1500  # of one run: a sweep that gets there has gone wrong
    quiet_seconds = 0.02  # without any call: what follows the answer at once is counted too
    lines = 200  # of each message's body
    more = ""  # settings
    is_command = False
    restarts_itself = False

    def __init__(self, name, recipients):
        self.name = name
        self.recipients = recipients
        self.count = 0

    def begin(self, target):
        for r in self.recipients:
            target.add(r)
        target.retry("first", self.recipients)

    def prepare(self, target):
        self.count += 1
        self.message = f"m{self.count}"
        self.left = self.recipients

    def act(self, target):
        """Answers that are no success."""
        self.left = target.deliver(self.message, self.left)
        return [target.answers[self.message, r][-1] for r in self.left]

    def complete(self, target):
        target.retry(self.message, self.left)

    def holds(self, target):
        """Is what act() acknowledged still so? What was delivered is audited at the end."""
        return True


class LargeDelivery(Delivery):
    """One that the journal names instead of copying it."""

    needs = (*RECORD, "linkat state/spool/*")
    lines = 5000
    more = 'limits { message_memory = "64K" }'


class FirstDelivery(Delivery):
    """One message for an account that has never had any: folders, index, INBOX."""

    needs = (*RECORD, "mkdirat mail/example.org/*")

    def begin(self, target):
        pass

    def prepare(self, target):
        super().prepare(target)
        self.left = [f"new{self.count}@example.org"]
        target.add(self.left[0])


class DeliveryAfterStart(FirstDelivery):
    """The second message for an account whose index is not open yet."""

    needs = (*RECORD, "openat state/accounts/*/index.sqlite")

    def prepare(self, target):
        super().prepare(target)
        target.retry("first", self.left)
        target.restart()


class DeliveryAndLook(Delivery):
    """... and somebody looks at the mailboxes: the rows are written."""

    needs = (*RECORD, "pwrite64 state/accounts/*/index.sqlite-wal")

    def act(self, target):
        failures = super().act(target)
        for r in self.recipients:
            target.tool("mailbox", "list", r)
        return failures


class RowsThatWait(Delivery):
    """A message by which enough rows wait to be written together, behind its answer, into an index that is larger than
    the cache. Where that failed they wait on with those of the next message, and that one must not cost more for it."""

    calls_max = 150  # a few for each row of one transaction (ROWS_AT_ONCE), however many wait
    needs = (*RECORD, "pread64 state/accounts/*/index.sqlite*")
    lines = 1

    def begin(self, target):
        super().begin(target)
        for n in range(100):
            target.retry(f"before{n}", self.recipients)

    def prepare(self, target):
        super().prepare(target)
        if not target.nth.hits():
            target.daemon.tool("mailbox", "list", self.left[0])  # writes what waits
            for n in range(ROWS_MERGED - 1):
                target.retry(f"{self.message}-{n}", self.left)


class Checkpoint(FirstDelivery):
    """A message that completes a segment of the journal: rows, marks, syncfs, and the segment is free."""

    needs = (*RECORD, "syncfs *")
    quiet_seconds = 0.1
    lines = 2500  # four fill a segment
    more = "journal_size = 4M"

    def prepare(self, target):
        super().prepare(target)
        target.restart()
        for n in range(4):
            target.retry(f"{self.message}-{n}", self.left)


class Replay(Delivery):
    needs = ("pread64 state/journal/*", "syncfs *")


class OrderlyEnd(Delivery):
    """SIGTERM after a message: everything is brought to where it belongs, the journal is empty."""

    needs = ("syncfs *",)
    restarts_itself = True

    def prepare(self, target):
        super().prepare(target)
        target.retry(self.message, self.recipients)

    def act(self, target):
        target.stop()
        target.nth.disarm()  # what the next one does is not of this sweep
        target.start()
        return []


class Command:
    """A change by the operator's tool to one mailbox, which is ann's."""

    needs = ()
    calls_max = Delivery.calls_max
    quiet_seconds = 0.02
    lines = 20
    more = ""
    is_command = True
    restarts_itself = False

    def __init__(self, name):
        self.name = name
        self.count = 0

    def begin(self, target):
        target.add(ANN)
        target.retry("first", [ANN])

    def prepare(self, target):
        self.count += 1
        self.message = f"m{self.count}"

    def act(self, target):
        status, said = target.tool(*self.words())
        return [] if status == 0 else [f"status {status}: {said}"]

    def complete(self, target):
        until = time.monotonic() + RETRY_SECONDS
        while not self.holds(target):
            if time.monotonic() > until:
                raise Failure(f"{' '.join(self.words())}: not done after {RETRY_SECONDS} s")
            self.look_again(target)
            target.tool(*self.words())

    def look_again(self, target):
        """What a client does before it tries again."""


class NewMailbox(Command):
    needs = ("mkdirat mail/example.org/ann*",)

    def words(self):
        return "mailbox", "create", ANN, f"Box{self.count}"

    def holds(self, target):
        boxes = {name for _, name in target.mailboxes(ANN)}
        return {f"Box{n}" for n in range(1, self.count + 1)} <= boxes


class Flag(Command):
    """One that the file's name holds, and one that only the index knows."""

    needs = (*RECORD, "rename* mail/example.org/ann/*")

    def sign(self):
        return "+" if self.count % 2 else "-"

    def words(self):
        return "message", "flag", ANN, "INBOX", "1", f"{self.sign()}\\Flagged", f"+key{self.count}"

    def holds(self, target):
        row = target.listed(ANN, "INBOX")[0]
        keys = {f"key{n}" for n in range(1, self.count + 1)}
        return ("\\Flagged" in row["flags"]) == (self.sign() == "+") and keys <= set(row["keywords"])


class ChangeOfOne(Command):
    """Each time to a message that was just delivered."""

    def prepare(self, target):
        super().prepare(target)
        target.retry(self.message, [ANN])
        self.row = target.listed(ANN, "INBOX")[-1]

    def look_again(self, target):
        """An index that the disk would not read is made anew, with another UIDVALIDITY and other UIDs."""
        ref = self.row["store_ref"]
        self.row = next((row for row in target.listed(ANN, "INBOX") if row["store_ref"] == ref), self.row)

    def is_in(self, target, mailbox):
        return self.row["store_ref"] in {row["store_ref"] for row in target.listed(ANN, mailbox)}


class Move(ChangeOfOne):
    needs = (*RECORD, "* mail/example.org/ann/.Box/*")

    def begin(self, target):
        super().begin(target)
        target.daemon.tool("mailbox", "create", ANN, "Box")

    def words(self):
        return "message", "move", ANN, "INBOX", str(self.row["uid"]), "Box"

    def holds(self, target):
        return self.is_in(target, "Box") and not self.is_in(target, "INBOX")


class Delete(ChangeOfOne):
    needs = (*RECORD, "unlinkat mail/example.org/ann/*")

    def prepare(self, target):
        super().prepare(target)
        target.removed.add((self.message, ANN))

    def words(self):
        return "message", "delete", ANN, "INBOX", str(self.row["uid"])

    def holds(self, target):
        return not self.is_in(target, "INBOX")
