# SPDX-License-Identifier: MIT
"""What the hostile tests share: an LMTP session that counts every octet itself, an MTA with a queue
that tries again until it hears 250, and looks at the daemon from outside: processes, memory, files."""

import collections
import contextlib
import json
import os
import re
import threading
import time

from harness import Daemon, Failure, expect, until
from role_daemon import command_of, is_alive

import private_daemon  # its folder is known from harness on

ANN = "ann@example.org"
QUEUED = "Received: from a.example by b.example; Thu, 1 Jan 2026 00:00:00 +0000\r\n"


class Gone(Exception):
    """The connection ended where a reply should have come."""


class Session:
    """An LMTP session, reply by reply."""

    def __init__(self, daemon, transport="tcp", timeout=30):
        self.socket = daemon.connect("lmtp", transport, timeout)
        self.buffer = b""
        try:
            self.greeting = self.reply()
        except BaseException:
            self.socket.close()
            raise

    def reply(self):
        """The last line of the next reply."""
        while True:
            while b"\n" not in self.buffer:
                piece = self.socket.recv(65536)
                if not piece:
                    raise Gone("the connection ended")
                self.buffer += piece
            line, self.buffer = self.buffer.split(b"\n", 1)
            if line[3:4] != b"-":
                return line.decode(errors="replace").rstrip("\r")

    def send(self, text):
        self.socket.sendall(text if isinstance(text, bytes) else text.encode())

    def say(self, line):
        self.send(line + "\r\n")
        return self.reply()

    def expect(self, line, code):
        got = self.say(line)
        expect(got.startswith(code), f"{line!r}: wanted {code}, got {got!r}")
        return got

    def begin(self, *recipients, sender="sender@example.com"):
        """Up to the 354 of DATA."""
        self.expect("LHLO client.example.com", "250")
        self.expect(f"MAIL FROM:<{sender}>", "250")
        for recipient in recipients or (ANN,):
            self.expect(f"RCPT TO:<{recipient}>", "250")
        self.expect("DATA", "354")

    def finish(self, count=1):
        self.send(b"\r\n.\r\n")
        return [self.reply() for _ in range(count)]

    def deliver(self, message, *recipients):
        """Replies to end of data, one a recipient; or the one that ended it before."""
        recipients = recipients or (ANN,)
        lines = ["MAIL FROM:<sender@example.com>"]
        lines += [f"RCPT TO:<{r}>" for r in recipients] + ["DATA"]
        for line in lines:
            got = self.say(line)
            if got[0] not in "23":
                return [got]
        if isinstance(message, str):
            message = message.encode()
        self.send(message.rstrip(b"\r\n"))
        return self.finish(len(recipients))

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Queue(threading.Thread):
    """A queueing MTA on one connection: every message again and again until it is taken."""

    def __init__(self, daemon, name, recipients=(ANN,), size=300, count=None):
        super().__init__(daemon=True)
        self.server, self.name, self.recipients = daemon, name, recipients
        self.size, self.count = size, count
        self.taken = []  # subjects that got 250 for every recipient
        self.tries = collections.Counter()  # by subject
        self.deferred = 0
        self.wrong = None
        self.is_ending = threading.Event()

    def run(self):
        session = None
        while not self.is_ending.is_set() and len(self.taken) != self.count:
            subject = f"{self.name}-{len(self.taken):04d}"
            end = time.monotonic() + 30
            while True:
                session, answer = self.attempt(session, subject)
                if answer == "250":
                    break
                self.deferred += 1
                if answer[:1] == "5" or time.monotonic() > end:
                    self.wrong = f"{subject}: {answer}"
                    return
                time.sleep(0.05)
            self.taken.append(subject)
        if session is not None:
            session.close()

    def attempt(self, session, subject):
        text = f"{QUEUED}Subject: {subject}\r\n\r\n" + "x" * 70 + "\r\n"
        text += ("y" * 70 + "\r\n") * (self.size // 72)
        try:
            if session is None:
                session = Session(self.server)
                if not session.greeting.startswith("220"):
                    raise Gone(session.greeting)
                session.expect("LHLO mta.example.com", "250")
            session.send("RSET\r\n")
            session.reply()
            self.tries[subject] += 1
            got = session.deliver(text, *self.recipients)
            refused = [x for x in got if not x.startswith("250")]
            if refused and refused[0].startswith("421"):
                raise Gone(refused[0])
            return session, refused[0] if refused else "250"
        except (Gone, OSError, Failure) as e:
            if session is not None:
                session.close()
            return None, f"4 {e}"


@contextlib.contextmanager
def load(daemon, clients=4, **how):
    """MTAs that deliver while the body runs, and end with what they began."""
    queues = [Queue(daemon, f"q{n}", **how) for n in range(clients)]
    for q in queues:
        q.start()
    try:
        yield queues
    finally:
        for q in queues:
            q.is_ending.set()
        for q in queues:
            q.join(60)
    for q in queues:
        expect(not q.is_alive(), f"{q.name} hangs")
        expect(q.wrong is None, f"an MTA gave up: {q.wrong}")


@contextlib.contextmanager
def release_build():
    """Sanitizers keep freed memory aside; where a release build is there too, that one is weighed."""
    folder = os.environ.get("DOORSTEP_RELEASE")
    before = private_daemon.DOORSTEPD
    if folder is not None:
        private_daemon.DOORSTEPD = f"{folder}/src/doorstepd/doorstepd"
    try:
        yield
    finally:
        private_daemon.DOORSTEPD = before


@contextlib.contextmanager
def server(accounts=("ann",), before=None, **how):
    """A daemon with accounts; at the end it must end well, half-written files are none, and its log
    is shown when the test failed."""
    d = Daemon(**how)
    try:
        if before is not None:
            before(d)
        d.start()
        for name in accounts:
            d.tool("account", "add", name if "@" in name else f"{name}@example.org")
        yield d
        expect(d.half_written() == [], f"left in tmp: {d.half_written()[:3]}")
        d.end()
    except BaseException:
        print("    the end of the log:")
        for line in d.log_text().splitlines()[-15:]:
            if " connect " not in line:
                print("    " + line[:300])
        raise
    finally:
        if d.process is not None:
            d.kill()
        until(lambda: not any_role(d), "the end of the roles")
        d.remove()


def any_role(daemon):
    return [p for p in getattr(daemon, "known_roles", ()) if is_alive(p)]


def roles(daemon, name):
    """Process ids of a role, oldest first."""
    main = daemon.process.pid
    with open(f"/proc/{main}/task/{main}/children") as f:
        found = [int(p) for p in f.read().split()]
    found = [p for p in found if command_of(p) == f"doorstep-{name}"]
    daemon.known_roles = set(getattr(daemon, "known_roles", ())) | set(found)
    return found


def memory_mb(pid):
    """Resident size that is not shared with a file."""
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"RssAnon:\s+(\d+)", f.read())[1]) / 1024


def is_sanitized(daemon):
    with open(f"/proc/{roles(daemon, 'edge')[0]}/maps") as f:
        return re.search(r"lib[atl]san", f.read()) is not None


@contextlib.contextmanager
def weighed(grows_mb, **how):
    """A server of which no role may grow by more than this."""
    with release_build(), server(**how) as d, bounded_memory(d, grows_mb):
        yield d


@contextlib.contextmanager
def bounded_memory(daemon, grows_mb):
    """No role grows by more than this at its peak, seen every few milliseconds."""
    if is_sanitized(daemon):
        yield
        return
    pids = [p for name in ("edge", "store", "sorter") for p in roles(daemon, name)]
    before = {p: memory_mb(p) for p in pids}
    peak = dict(before)
    ended = threading.Event()

    def look():
        while not ended.wait(0.01):
            for p in pids:
                with contextlib.suppress(OSError, TypeError):
                    peak[p] = max(peak[p], memory_mb(p))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    for p in pids:
        grown = peak[p] - before[p]
        expect(grown <= grows_mb, f"{command_of(p)} grew by {grown:.1f} MB, not {grows_mb}")


def subjects(daemon, account="ann"):
    """How often each subject lies in the account's INBOX."""
    found = collections.Counter()
    for folder in ("new", "cur"):
        for text in daemon.messages(f"{account}/{folder}"):
            found[re.search(rb"(?mi)^subject: (.*?)\r?$", text)[1].decode()] += 1
    return found


def listed(daemon, account=ANN, mailbox="INBOX"):
    return json.loads(daemon.tool("--json", "message", "list", account, mailbox))


def mailbox_row(daemon, account=ANN, mailbox="INBOX"):
    rows = json.loads(daemon.tool("--json", "mailbox", "list", account))
    return [row for row in rows if row["name"] == mailbox][0]


def check_index(daemon, account="ann"):
    """The index says what the Maildir has: every file, once; UIDs rise."""
    files = []
    for folder in ("new", "cur"):
        path = daemon.mail_path(f"{account}/{folder}")
        files += [n.split(":")[0] for n in os.listdir(path)] if os.path.isdir(path) else []
    rows = listed(daemon, f"{account}@example.org")
    names = [row["store_ref"].rsplit("/", 1)[-1].split(":")[0] for row in rows]
    expect(sorted(names) == sorted(files), f"{len(rows)} rows for {len(files)} files")
    uids = [row["uid"] for row in rows]
    expect(uids == sorted(set(uids)), "UIDs do not rise")


def check_once(daemon, queues, account="ann"):
    """What got 250 is there, exactly once; what did not is there at most as often as it was tried."""
    found = subjects(daemon, account)
    for q in queues:
        for subject in q.taken:
            expect(found[subject] == 1, f"{subject} is there {found[subject]} times")
    check_index(daemon, account)
