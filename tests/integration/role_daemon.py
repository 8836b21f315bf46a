# SPDX-License-Identifier: MIT
"""A private doorstepd seen from outside as an operator sees it: processes, /proc, signals, log. Used
by roles.py and start.py, which test main and the roles; what is said on the wire is tested elsewhere."""

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "session"))
from private_daemon import DOORSTEP, DOORSTEPD, READY_SECONDS, Failure, free_ports, unwind_on_sigterm  # noqa: E402

IS_ROOT = os.geteuid() == 0
USER = "games"  # in base-passwd of every Debian; owns nothing

CONFIGURATION = """\
hostname = "mx.example.org"
state_dir = "{folder}/state"
log_level = "debug"
sorters = 2
{top}
listen lmtp {{
    address = {{{addresses}}}
}}
domain "example.net" {{
    accounts = "any"
    store = "mbox"
}}
store mbox {{
    path = "{folder}/mail/%{{domain}}/%{{user}}.mbox"
}}
{more}
"""


def check(condition, text):
    if not condition:
        raise Failure(text)


def wait_for(condition, what, seconds=READY_SECONDS):
    """The first true value of condition(), or a failure that names it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise Failure(f"waited {seconds} s for {what}")


class Client:
    """An LMTP session, line by line."""

    def __init__(self, target):
        if isinstance(target, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(30)
            self.socket.connect(target)
        else:
            self.socket = socket.create_connection(("127.0.0.1", target), 30)
        self.lines = self.socket.makefile("rb")
        self.greeting = self.reply()

    def reply(self):
        while True:
            line = self.lines.readline().decode()
            if line[3:4] != "-":
                return line.rstrip("\r\n")

    def say(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.reply()

    def expect(self, line, code):
        got = self.say(line)
        check(got.startswith(code), f"{line!r}: expected {code}, got {got!r}")
        return got

    def begin_data(self, to="ann@example.net"):
        self.expect("LHLO client.example.com", "250")
        self.expect("MAIL FROM:<sender@example.com>", "250")
        self.expect(f"RCPT TO:<{to}>", "250")
        self.expect("DATA", "354")

    def deliver(self, subject, to="ann@example.net"):
        self.begin_data(to)
        self.expect(f"Subject: {subject}\r\n\r\nbody\r\n.", "250")

    def close(self):
        self.lines.close()
        self.socket.close()


class Server:
    def __init__(self, top="", more="", user=None):
        unwind_on_sigterm()
        self.folder = tempfile.mkdtemp(prefix="doorstep-roles.")
        os.chmod(self.folder, 0o755)
        self.program = DOORSTEPD
        self.user = user  # who starts it, or None: whoever we are
        self.ports = free_ports(2)
        self.configuration = f"{self.folder}/doorstep.conf"
        self.socket_path = f"{self.folder}/lmtp.sock"
        self.log = f"{self.folder}/log"
        self.process = None
        self.top, self.more = top, more
        self.addresses = [f"unix:{self.socket_path}", f"127.0.0.1:{self.ports[0]}"]
        self.configure()
        if user is not None:
            self.hand_over(user)

    def hand_over(self, user):
        """The folder, and a program that this user can read, wherever the build is."""
        entry = pwd.getpwnam(user)
        self.program = shutil.copy(DOORSTEPD, f"{self.folder}/doorstepd")
        for path in (self.folder, self.configuration, self.program):
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def configure(self, text=None):
        quoted = ", ".join(f'"{a}"' for a in self.addresses)
        if text is None:
            text = CONFIGURATION.format(
                folder=self.folder, addresses=quoted, top=self.top, more=self.more
            )
        with open(self.configuration, "w") as f:
            f.write(text)

    def command(self, *options):
        prefix = []
        if self.user is not None:
            entry = pwd.getpwnam(self.user)
            prefix = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}"]
            prefix += ["--clear-groups", "--"]
        return [*prefix, self.program, "-c", self.configuration, *options]

    def launch(self, *options, **popen):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(*options), stdin=subprocess.DEVNULL, stdout=log, stderr=log, **popen
            )

    def start(self, *options, **popen):
        self.launch(*options, **popen)
        self.wait_log("main.* info ready ")

    def refuse(self, *options, status=None):
        """Start it and see it refuse; what it said."""
        done = subprocess.run(
            self.command(*options), stdin=subprocess.DEVNULL, capture_output=True, timeout=60
        )
        said = (done.stdout + done.stderr).decode(errors="replace")
        check(done.returncode > 0, f"it should refuse, and ended with {done.returncode}: {said}")
        check(status in (None, done.returncode), f"status {done.returncode}, not {status}: {said}")
        return said

    # --- what is there ---

    def log_text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def wait_log(self, pattern, seconds=READY_SECONDS, count=1):
        def found():
            if self.process.poll() is not None and not re.search(pattern, self.log_text()):
                raise Failure(f"it ended with {self.process.returncode}, no {pattern!r} in the log")
            return len(re.findall(pattern, self.log_text())) >= count

        wait_for(found, f"{pattern!r} in the log", seconds)

    def roles(self, name):
        """Process ids, oldest first."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as f:
            children = [int(p) for p in f.read().split()]
        return [p for p in children if command_of(p) == f"doorstep-{name}"]

    def wait_role(self, name, other_than=()):
        return wait_for(
            lambda: [p for p in self.roles(name) if p not in other_than], f"another {name}"
        )[0]

    def client(self, **how):
        return Client(how.get("to", self.ports[0]))

    def mailbox(self, user="ann", domain="example.net"):
        path = f"{self.folder}/mail/{domain}/{user}.mbox"
        if not os.path.exists(path):
            return ""
        with open(path, errors="replace") as f:
            return f.read()

    def deliver_soon(self, subject):
        """As an MTA does: again until it is taken."""

        def deliver():
            try:
                with contextlib.closing(self.client()) as c:
                    c.deliver(subject)
            except (Failure, OSError):
                return False
            return True

        wait_for(deliver, f"delivery of {subject}")
        check(subject in self.mailbox(), f"{subject} got 250 and is not in the mailbox")

    # --- the end ---

    def hang_up(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self, expected=0):
        self.process.send_signal(signal.SIGTERM)
        self.wait_end(expected)

    def wait_end(self, expected=0, seconds=READY_SECONDS):
        status = self.process.wait(seconds)
        said = self.log_text()
        check(status == expected, f"ended with {status}, not {expected}")
        for alarm in ("Sanitizer", "runtime error:", "Assertion"):
            check(alarm not in said, f"the log has {alarm!r}")

    def remove(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def command_of(pid):
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip()
    except OSError:
        return ""


def status_of(pid, thread=None):
    """/proc/PID/status of a thread as a dictionary."""
    with open(f"/proc/{pid}/task/{thread or pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def is_alive(pid):
    return command_of(pid) != "" and status_of(pid)["State"][0] != "Z"


@contextlib.contextmanager
def server(**how):
    """A server that is always removed; when the test fails its log is shown."""
    s = Server(**how)
    try:
        yield s
    except BaseException:
        if os.path.exists(s.log):
            print("      the end of the log:")
            for line in s.log_text().splitlines()[-25:]:
                print("      " + line)
        raise
    finally:
        s.remove()


def run(tests):
    """Each test is a function whose name is a sentence; "N passed, N failed" at the end."""
    wanted = sys.argv[1:]
    passed = failed = skipped = 0
    for test in tests:
        name = test.__name__.replace("_", " ")
        if wanted and test.__name__ not in wanted:
            continue
        if getattr(test, "needs_root", False) and not IS_ROOT:
            print(f"skip {name}: needs root")
            skipped += 1
            continue
        try:
            test()
            passed += 1
            print(f"ok   {name}")
        except Failure as e:
            failed += 1
            print(f"FAIL: {name}: {e}")
        except Exception:
            failed += 1
            print(f"FAIL: {name}:\n{traceback.format_exc()}")
        sys.stdout.flush()
    tail = f", {skipped} skipped" if skipped else ""
    print(f"{passed} passed, {failed} failed{tail}")
    return 1 if failed else 0


def needs_root(test):
    test.needs_root = True
    return test
