# SPDX-License-Identifier: MIT
"""What is done to a store while its calls are counted. act() may fail, as the sweep wants it to; complete()
does what a client would do then, until it is done. `needs` names calls that every such run must have made:
without them the case does not show what it says."""

import functools
import json
import os
import re
import sqlite3
import time

from target import Failure, RETRY_SECONDS, until

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
    mail = {}  # what is particular about its messages: arguments of Target
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

    def ended(self, target):
        """All is delivered, and the daemon has ended."""


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


class Sorted(DeliveryAndLook):
    """A script files the message twice, sends it on, and answers its sender: all of it or nothing, and once."""

    needs = (*RECORD, "pwrite64 state/queue/queue.sqlite-wal")
    mail = {"fields": f"To: {ANN}\r\n", "copies": 2, "sender": "{name}@example.net"}
    runs_kept = 40  # a look reads the rows of all that is there
    script = (
        'require ["fileinto", "copy", "mailbox", "vacation"];\n'
        'fileinto :create "A";\nfileinto :create "B";\nredirect :copy "eve@example.com";\n'
        'vacation "I am away.";\n'
    )

    def begin(self, target):
        for r in self.recipients:
            target.add(r)
        path = f"{target.daemon.folder}/script"
        with open(path, "w", encoding="utf-8") as f:
            f.write(self.script)
        target.daemon.tool("sieve", "install", ANN, path, "--activate")
        target.retry("first", self.recipients)

    def prepare(self, target):
        super().prepare(target)
        if self.count % self.runs_kept == 0:
            target.empty(ANN)

    def ended(self, target):
        """What was delivered was sent on as often, and answered once."""
        waiting = {"redirect": [], "vacation": []}
        database = sqlite3.connect(f"{target.daemon.state}/queue/queue.sqlite")
        rows = "select kind, text, file, address from items join recipients on item = items.id"
        for kind, text, file, to in database.execute(rows):
            if file:
                with open(f"{target.daemon.state}/queue/messages/{file}", "rb") as f:
                    text = f.read()
            if kind == "vacation":
                waiting[kind].append(to.split("@")[0])
            else:
                waiting[kind].append(target.sent.get(text.replace(b"\r\n", b"\n"), f"{text[:200]}, which nobody sent"))
        named = {file for file, in database.execute("select file from items")}
        database.close()
        delivered = target.copies_of(ANN)
        for name in set(target.sent.values()):
            copies = delivered.get(name, 0)
            counts = waiting["redirect"].count(name), waiting["vacation"].count(name)
            if counts != (copies, min(copies, 1)):
                target.problems.append(f"{name}: delivered {copies} times, sent on and answered {counts}")
        if unknown := set(waiting["redirect"] + waiting["vacation"]) - set(target.sent.values()):
            target.problems.append(f"waits: {unknown}")
        left = set(os.listdir(f"{target.daemon.state}/queue/messages")) - named
        if target.kills == 0 and left:
            target.problems.append(f"left behind: {left}")


class LargeSorted(Sorted):
    """The message that is sent on is another name of the file that the journal names."""

    needs = (*RECORD, "linkat state/queue/messages/*")
    lines = 5000
    more = 'limits { message_memory = "64K" }'


class MediumSorted(Sorted):
    """It is a file of its own."""

    needs = (*RECORD, "write state/queue/messages/*")
    lines = 2500


class HandedOn(Sorted):
    """A next hop takes what a script sends on, and refuses another address; the store dies at a call on the queue.
    What the next hop has taken may come once more; nothing is lost, and the sender hears of the refusal once."""

    needs = ("pwrite64 state/queue/queue.sqlite-wal", "fdatasync state/queue/queue.sqlite-wal")
    mail = {"fields": f"To: {ANN}\r\n", "sender": "{name}@example.net"}
    script = 'require "copy"; redirect :copy "eve@example.com"; redirect :copy "nobody@example.com";'
    lines = 5

    @functools.cached_property
    def hop(self):
        """Made by the process that the sweep runs in."""
        from next_hop import NextHop

        return NextHop({"RCPT": lambda s: "550 5.1.1 no" if "nobody" in s.hop.said[-1] else "250 2.1.5 ok"}, unix=True)

    @property
    def more(self):
        return f'relay {{ smarthost = "{self.hop.name}" connections = 1 messages = none account_messages = none }}'

    def taken(self, name):
        """How often the message was, and the reports about it, by their ids."""
        own_id = re.compile(rb"^Message-ID: <(\S+)>", re.M | re.I)
        data = [d for _, _, d in list(self.hop.messages) if f"Subject: {name}\r\n".encode() in d]
        reports = [own_id.search(d)[1] for d in data if b"multipart/report" in d]
        return len(data) - len(reports), reports

    def waiting(self, target):
        database = sqlite3.connect(f"file:{target.daemon.state}/queue/queue.sqlite?mode=ro", uri=True)
        ((count,),) = database.execute("select count(*) from items")
        database.close()
        return count

    def wait_for(self, target, goes_on=lambda: True):
        until(lambda: not goes_on() or all(self.taken(self.message)), f"{self.message} does not arrive", 60)

    def act(self, target):
        failures = Delivery.act(self, target)
        if not failures:
            self.wait_for(target, lambda: not target.nth.hits())
        return failures

    def holds(self, target):
        self.wait_for(target)
        return True

    def complete(self, target):
        super().complete(target)
        self.wait_for(target)

    def ended(self, target):
        for name in set(target.sent.values()):
            often, reports = self.taken(name)
            most = 2 if name in target.struck else 1
            if not 1 <= often <= most or len(set(reports)) != 1 or len(reports) > most:
                target.problems.append(f"{name}: sent {often} times, reported by {reports}")
        if self.waiting(target) > 0:
            target.problems.append("something waits still")
        self.hop.__exit__()


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
    mail = {}
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

    def ended(self, target):
        """All is done, and the daemon has ended."""

    def look_again(self, target):
        """What a client does before it tries again."""


class NewMailbox(Command):
    needs = ("mkdirat mail/example.org/ann*",)

    def words(self):
        return "mailbox", "create", ANN, f"Box{self.count}"

    def holds(self, target):
        boxes = {name for _, name in target.mailboxes(ANN)}
        return {f"Box{n}" for n in range(1, self.count + 1)} <= boxes


class Script(Command):
    """The active one gets another text, and there is one more."""

    needs = ("pwrite64 state/accounts/*/personal.sqlite*", "f*sync state/accounts/*/personal.sqlite*")

    def prepare(self, target):
        super().prepare(target)
        self.path = f"{target.daemon.folder}/script"
        with open(self.path, "w", encoding="utf-8") as f:
            f.write(f"# {self.count}\nkeep;\n")

    def words(self):
        return "sieve", "install", ANN, self.path, "--name", "main", "--activate"

    def holds(self, target):
        rows = json.loads(target.daemon.tool("--json", "sieve", "list", ANN))
        if [(row["name"], row["active"]) for row in rows] != [("main", True)]:
            return False
        return target.daemon.tool("sieve", "get", ANN, "main") == f"# {self.count}\nkeep;\n".encode()


class RenamedWithUse(Command):
    """What is said about a mailbox goes with it, and with the one below."""

    needs = (*RECORD, "pwrite64 state/accounts/*/personal.sqlite*", "rename* mail/example.org/ann/*")

    def begin(self, target):
        super().begin(target)
        tool = target.daemon.tool
        for name in ("Box0", "Box0/in"):
            tool("mailbox", "create", ANN, name)
            tool("mailbox", "annotate", ANN, name, "/private/comment", "mine")
        tool("mailbox", "special-use", ANN, "Box0", "\\Junk")

    def words(self):
        return "mailbox", "rename", ANN, f"Box{self.count - 1}", f"Box{self.count}"

    def comment(self, target, name):
        return json.loads(target.daemon.tool("--json", "mailbox", "metadata", ANN, name))

    def holds(self, target):
        rows = {r["name"]: r["special_use"] for r in json.loads(target.daemon.tool("--json", "mailbox", "list", ANN))}
        box = f"Box{self.count}"
        said = [{"annotation": "/private/comment", "value": "mine"}]
        return (rows == {"INBOX": "", box: "\\Junk", f"{box}/in": ""}
                and self.comment(target, box) == self.comment(target, f"{box}/in") == said)


class SpecialUse(Command):
    needs = ("pwrite64 state/accounts/*/personal.sqlite*",)

    def words(self):
        return "mailbox", "special-use", ANN, "INBOX", f"\\Use{self.count}"

    def holds(self, target):
        rows = json.loads(target.daemon.tool("--json", "mailbox", "list", ANN))
        return rows[0]["special_use"] == f"\\Use{self.count}"


class Flag(Command):
    """One that the file's name holds, and one that only the index knows."""

    needs = (*RECORD, "rename* mail/example.org/ann/*")

    def begin(self, target):
        super().begin(target)
        self.validity = None

    def prepare(self, target):
        super().prepare(target)
        self.look_again(target)

    def look_again(self, target):
        """An index that the disk would not read is made anew, with another UIDVALIDITY and other UIDs, and
        without the keywords that it alone knew."""
        validity = target.mailboxes(ANN)[ANN, "INBOX"]
        if validity != self.validity:
            self.validity, self.first = validity, self.count
        self.uid = target.listed(ANN, "INBOX")[0]["uid"]

    def sign(self):
        return "+" if self.count % 2 else "-"

    def words(self):
        return "message", "flag", ANN, "INBOX", str(self.uid), f"{self.sign()}\\Flagged", f"+key{self.count}"

    def holds(self, target):
        row = target.listed(ANN, "INBOX")[0]
        keys = {f"key{n}" for n in range(self.first, self.count + 1)}
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
