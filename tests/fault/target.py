# SPDX-License-Identifier: MIT
"""A daemon whose store role is counted, what was sent to it, and the audit: what it acknowledged is there,
whole and once; nothing half-written is visible; no UID ever stood for two messages."""

import collections
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("DOORSTEP_RELEASE", f"{HERE}/../../build")
os.environ["DOORSTEPD"] = f"{BUILD}/src/doorstepd/doorstepd"  # sanitizers and LD_PRELOAD do not mix
os.environ["DOORSTEP"] = f"{BUILD}/src/doorstep/doorstep"
os.environ.pop("ASAN_OPTIONS", None)
sys.path[:0] = [f"{HERE}/../session", f"{HERE}/../integration"]
from harness import Daemon, Failure, until, without_trace  # noqa: E402
from private_daemon import ALARMS  # noqa: E402

SENDER = "eve@example.net"
RETRY_SECONDS = 20
RESTARTS_OF_MAIN = 2  # main waits longer each time that its store dies; then all of it is started anew
REPEATED = "delivered before"  # how the answer to a copy that the ledger knows begins


class Wire:
    """An LMTP client. Whatever becomes of the store, the edge keeps its sessions and answers: a
    connection that it drops is a failure."""

    def __init__(self, daemon):
        self.s = daemon.connect("lmtp", "unix", timeout=60)
        self.file = self.s.makefile("rb")
        self.reply()
        self.say("LHLO sweep.example.net")

    def reply(self):
        while True:
            line = self.file.readline()
            if not line:
                raise Failure("the edge closed the connection")
            if line[3:4] != b"-":
                return line.decode().strip()

    def say(self, line):
        self.s.sendall(line.encode() + b"\r\n")
        return self.reply()

    def deliver(self, recipients, message, sender=SENDER):
        """One answer for each recipient: the reply's text."""
        answers = {}
        mail = self.say(f"MAIL FROM:<{sender}>")
        if mail[0] != "2":  # a disk that is nearly full is noticed every two seconds, and said here
            return dict.fromkeys(recipients, mail)
        for r in recipients:
            answers[r] = self.say(f"RCPT TO:<{r}>")
        accepted = [r for r in recipients if answers[r][0] == "2"]
        if not accepted:
            self.say("RSET")
            return answers
        data = self.say("DATA")
        if data[0] != "3":  # the store went away since RCPT
            self.say("RSET")
            return answers | dict.fromkeys(accepted, data)
        self.s.sendall(message + b".\r\n")
        for r in accepted:
            answers[r] = self.reply()
        return answers

    def close(self):
        self.file.close()
        self.s.close()


def make_message(name, lines, fields=""):
    head = fields + (
        "Received: from somewhere by sweep.example.net; Sun, 22 Nov 2026 00:00:00 +0000\r\n"
        f"From: <{SENDER}>\r\nMessage-ID: <{name}@sweep>\r\nSubject: {name}\r\n\r\n"
    )
    return head.encode() + b"".join(b"line %d of the body\r\n" % i for i in range(lines))


class Target:
    def __init__(self, nth, more="", lines=200, before=None, fields="", copies=1, sender=SENDER):
        self.nth = nth
        self.lines = lines
        self.fields = fields  # that each message has besides
        self.copies = copies  # that each recipient shall have of each
        self.sender = sender  # {name} is the message's
        self.daemon = Daemon(more=f"workers = 2\nsorters = 1\n{more}")
        if before is not None:
            before(self.daemon)
        self.recipients = []
        self.sent = {}  # the message as it is stored -> its name
        self.answers = {}  # (name, recipient) -> all answers
        self.struck = {}  # name -> what the store was killed at
        self.removed = set()  # (name, recipient): deleted since, through us
        self.emptied = {}  # (name, recipient) -> the copies that empty() found and deleted
        self.extra = []  # copies too many that empty() found
        self.found = {}  # name of a file -> of the message in it
        self.uids = {}  # (recipient, UID) -> what it stands for
        self.validity = {}
        self.kills = self.kills_of_main = 0
        self.problems = []
        self.wire = None
        nth.memory.starts = 0
        nth.disarm()
        self.starts = 0
        self.may_fail_to_start = False

    # --- its life ---

    def start(self):
        environment = self.nth.environment(self.daemon.folder)
        os.environ.update(environment)
        self.starts = self.nth.memory.starts + 1
        try:
            self.daemon.start()
        finally:
            for name in environment:
                del os.environ[name]
        self.wire = Wire(self.daemon)

    def kill(self):
        """All of it, main first."""
        if self.wire is not None:
            self.wire.close()
            self.wire = None
        self.daemon.kill()
        self.kills_of_main = 0
        until(lambda: self.is_edge_gone() and self.nth.is_store_gone(), "the end of the roles")

    def is_edge_gone(self):
        try:
            self.daemon.connect("lmtp", "unix").close()
        except OSError:
            return True
        return False

    def restart(self):
        self.kill()
        self.start()

    def on_store_killed(self, is_up):
        """It heals alone: by main's hand, or when all is started anew (`is_up`: that has been done)."""
        self.kills += 1
        self.kills_of_main += 1
        if is_up:
            return
        if self.kills_of_main > RESTARTS_OF_MAIN:
            self.restart()
        else:
            self.starts += 1
            until(lambda: self.nth.memory.starts >= self.starts, "the store's restart")
            self.daemon.tool("ping", "--wait", "60s")

    def is_up_again(self):
        return self.nth.memory.starts > self.starts and self.tool("ping")[0] == 0

    def check_alive(self):
        if self.nth.memory.starts != self.starts:
            raise Failure(f"the store has started {self.nth.memory.starts} times instead of {self.starts}")
        if self.daemon.process.poll() is not None:
            raise Failure("the daemon has ended")

    def remove(self):
        if self.wire is not None:
            self.wire.close()
        if self.daemon.process is not None:
            self.daemon.kill()
            until(self.nth.is_store_gone, "the end of the store")
        self.daemon.remove()

    # --- what is done with it ---

    def add(self, recipient):
        if recipient.endswith("@example.org"):
            self.daemon.tool("account", "add", recipient)
        self.recipients.append(recipient)

    def message(self, name):
        message = make_message(name, self.lines, self.fields)
        self.sent[message.replace(b"\r\n", b"\n")] = name
        return message

    def deliver(self, name, recipients):
        """Those that were not answered 250."""
        answers = self.wire.deliver(recipients, self.message(name), self.sender.format(name=name))
        for r, answer in answers.items():
            self.answers.setdefault((name, r), []).append(answer)
            if answer[0] not in "24":
                self.problems.append(f"{name}: a passing failure was answered {answer}")
        return [r for r in recipients if answers[r][0] != "2"]

    def retry(self, name, recipients):
        """As an MTA would: for those alone that were not told 250, until they are."""
        give_up = time.monotonic() + RETRY_SECONDS
        while recipients:
            if time.monotonic() > give_up:
                last = self.answers[name, recipients[0]][-1]
                raise Failure(f"{name} is not delivered after {RETRY_SECONDS} s: {last}")
            recipients = self.deliver(name, recipients)
            if recipients:
                time.sleep(0.02)

    def empty(self, recipient):
        """All is looked at, and then deleted through us: what a look costs shall not grow without end."""
        self.extra += self.audit()
        for name in self.stored(recipient):
            self.emptied[name, recipient] = self.emptied.get((name, recipient), 0) + 1
            self.removed.add((name, recipient))
        for key in self.mailboxes(recipient):
            if uids := [str(row["uid"]) for row in self.listed(*key)]:
                self.daemon.tool("message", "delete", *key, *uids)

    def copies_of(self, recipient):
        """name -> how often the recipient got it, what was deleted included."""
        copies = collections.Counter(self.stored(recipient))
        copies.update({name: n for (name, r), n in self.emptied.items() if r == recipient})
        return {name: n // self.copies for name, n in copies.items()}

    def tool(self, *arguments):
        """Exit status, and what it said on both outputs."""
        done = subprocess.run(
            [os.environ["DOORSTEP"], "-c", self.daemon.configuration, *arguments],
            capture_output=True,
            timeout=RETRY_SECONDS,
            check=False,
        )
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace").strip()

    # --- what is there ---

    def name_of(self, recipient, content):
        name = self.sent.get(without_trace(content))
        if name is None:
            self.problems.append(f"{recipient}: {len(content)} octets that nobody sent: {content[-60:]!r}")
        return name

    def stored(self, recipient):
        """Names of the messages in all of the recipient's mailboxes. A file is read once: its name is its
        content's, whatever folder it is in."""
        user, domain = recipient.split("@")
        if domain == "example.net":
            texts = self.daemon.messages(f"/{domain}/{user}.mbox")
            return [self.name_of(recipient, t.split(b"\n", 1)[1].rstrip(b"\n") + b"\n") for t in texts]
        return [
            self.name_in_file(recipient, f"{folder}/{file}")
            for folder, _, files in os.walk(self.daemon.mail_path(user))
            for file in files
            if os.path.basename(folder) in ("new", "cur")
        ]

    def name_in_file(self, recipient, path):
        base = os.path.basename(path).split(":2,")[0]
        if base not in self.found:
            with open(path, "rb") as f:
                self.found[base] = self.name_of(recipient, f.read())
        return self.found[base]

    def mailboxes(self, recipient):
        """(recipient, name) -> UIDVALIDITY"""
        boxes = json.loads(self.daemon.tool("mailbox", "list", recipient, "--json"))
        return {(recipient, box["name"]): box["uid_validity"] for box in boxes}

    def listed(self, recipient, mailbox):
        return json.loads(self.daemon.tool("message", "list", recipient, mailbox, "--json"))

    def rows(self, recipient):
        """What the index has of all mailboxes. Whatever happens, a UID stands for one message and UIDVALIDITY
        stays."""
        rows = []
        for key, validity in self.mailboxes(recipient).items():
            if self.validity.setdefault(key, validity) != validity:
                self.problems.append(f"{key}: UIDVALIDITY is another one")
            listed = self.listed(*key)
            uids = [row["uid"] for row in listed]
            if uids != sorted(set(uids)):
                self.problems.append(f"{key}: UIDs {uids}")
            for row in listed:
                what = row["store_ref"].split(":2,")[0], row["octets"]
                if self.uids.setdefault((*key, row["uid"]), what) != what:
                    self.problems.append(f"{key}: UID {row['uid']} was given twice")
            rows += listed
        return rows

    def audit(self):
        """Copies that are too many, each with what the store was killed at: only where it was, and only
        where the ledger did not know the retry. Everything else is a problem."""
        extra = []
        for r in self.recipients:
            rows, stored = self.rows(r), self.stored(r)
            for (name, recipient), answers in self.answers.items():
                if recipient == r:
                    self.audit_one(name, r, stored.count(name), answers, extra)
            if len(rows) != len(stored):
                self.problems.append(f"{r}: {len(stored)} messages, {len(rows)} rows")
        if self.kills == 0:
            self.problems += [f"left behind: {path}" for path in self.daemon.half_written()]
        return extra

    def audit_one(self, name, recipient, copies, answers, extra):
        if (name, recipient) in self.removed:
            if copies > 0:
                self.problems.append(f"{recipient}: {name} was deleted and is back")
            return
        copies, rest = divmod(copies, self.copies)
        if rest > 0:
            self.problems.append(f"{recipient}: {rest} of {self.copies} copies of {name}; answers {answers}")
        if copies == 0 and answers[-1][0] == "2":
            self.problems.append(f"{recipient}: {name} was acknowledged and is lost")
        if copies > 1 and (len(answers) < 2 or name not in self.struck or REPEATED in answers[-1]):
            self.problems.append(f"{recipient}: {copies} copies of {name}; answers {answers}")
        if copies > 1:
            extra.append(f"{copies - 1} of {name} for {recipient}, killed at {self.struck.get(name)}")

    def check_fsck(self):
        status, said = self.tool("fsck", "--json")
        if status != 0:
            self.problems.append(f"fsck: {said[:600]}")

    def check_log(self):
        """It names every store that was killed, and nothing else has ended or gone wrong."""
        alarms = [
            line
            for line in self.daemon.log_text().splitlines()
            if any(a in line for a in (*ALARMS, "index_damaged", "personal_damaged")) and not self.is_expected(line)
        ]
        if alarms:
            self.problems.append("the log says: " + " / ".join(alarms[:3]))

    def is_expected(self, line):
        if "index_damaged" in line:  # one that a killed store had just begun
            return self.kills > 0
        if "role_ended" not in line or "role=store" not in line:
            return False
        if self.may_fail_to_start and "signal=-" in line:
            return True
        return self.kills > 0 and "signal=KILL" in line

    def stop(self):
        """SIGTERM; the exit status."""
        self.wire.close()
        self.wire = None
        process, self.daemon.process = self.daemon.process, None
        process.terminate()
        return process.wait(60)

    def end(self):
        status = self.stop()
        if status != 0:
            self.problems.append(f"the daemon ended with status {status}")

    def finish(self, ended=lambda: None):
        """The extra copies. All is looked at while it runs, and again after an orderly end (`ended` looks then)
        and a start."""
        extra = self.extra + self.audit()
        self.check_fsck()
        self.end()
        ended()
        self.start()
        self.check_alive()
        self.audit()
        self.check_fsck()
        self.end()
        self.check_log()
        return extra
