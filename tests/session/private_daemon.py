# SPDX-License-Identifier: MIT
"""A doorstepd of one's own: configuration, state and mail below a temporary folder, on free ports
of loopback, ended by its process id. Used by the dialogues (run.py) and the generated tests."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

DOORSTEPD = os.environ.get("DOORSTEPD", "doorstepd")
DOORSTEP = os.environ.get("DOORSTEP", "doorstep")
READY_SECONDS = 60  # sanitizers and a busy machine
END_SECONDS = 60

CONFIGURATION = """\
hostname = "mx.example.org"
state_dir = "{state}"
listen lmtp {{
    address = {{"unix:{folder}/lmtp.sock", "127.0.0.1:{lmtp}"}}
    {in_lmtp}
}}
listen smtp {{
    address = {{"unix:{folder}/smtp.sock", "127.0.0.1:{smtp}"}}
    {in_smtp}
}}
domain "example.org" {{
    accounts = "sqlite"
    recipient_delimiter = "+"
    {in_domain}
}}
domain "example.net" {{
    accounts = "any"
    store = "mbox"
}}
store maildir {{
    path = "{mail}/%{{domain}}/%{{user}}"
    {in_maildir}
}}
store mbox {{
    path = "{mail}/%{{domain}}/%{{user}}.mbox"
}}
{more}
"""

# What no daemon of ours may ever say, whatever the peer did.
ALARMS = ("Sanitizer", "runtime error:", "Assertion", " error role_ended")


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def unwind_on_sigterm():
    """From here on SIGTERM ends the script through its `with` and `finally`: no server of it is left
    behind, and no folder."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


class Failure(Exception):
    """A test found what should not be; the text is for the person who reads the result."""


class Daemon:
    def __init__(self, in_lmtp="", in_smtp="", in_domain="", in_maildir="", more="", state=None, mail=None):
        """`state` and `mail` are folders elsewhere, which the caller removes; else they are made."""
        unwind_on_sigterm()
        self.folder = tempfile.mkdtemp(prefix="doorstep-session.")
        self.state = state or f"{self.folder}/state"
        self.mail = mail or f"{self.folder}/mail"
        for name in (self.state, self.mail):
            os.makedirs(name, 0o700, exist_ok=True)
        self.ports = dict(zip(("lmtp", "smtp"), free_ports(2)))
        self.configuration = f"{self.folder}/doorstep.conf"
        self.log = f"{self.folder}/log"
        with open(self.configuration, "w") as f:
            f.write(
                CONFIGURATION.format(
                    folder=self.folder,
                    state=self.state,
                    mail=self.mail,
                    in_lmtp=in_lmtp,
                    in_smtp=in_smtp,
                    in_domain=in_domain,
                    in_maildir=in_maildir,
                    more=more,
                    **self.ports,
                )
            )
        self.process = None
        self.is_told_to_end = False

    def __enter__(self):
        """Not started yet; at the end of the block it is removed, however that comes."""
        return self

    def __exit__(self, *_):
        self.remove()

    def start(self, wrapper=()):
        """`wrapper` is a command that becomes the daemon, such as strace -D."""
        self.is_told_to_end = False
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*wrapper, DOORSTEPD, "-c", self.configuration],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.tool("ping", "--wait", f"{READY_SECONDS}s")

    def tool(self, *arguments, data=b""):
        """Standard output of `doorstep`; a failure of it is one of the test."""
        done = subprocess.run(
            [DOORSTEP, "-c", self.configuration, *arguments],
            input=data,
            capture_output=True,
            timeout=READY_SECONDS + 10,
        )
        if done.returncode != 0:
            raise Failure(
                f"doorstep {' '.join(arguments)}: status {done.returncode}\n"
                + done.stderr.decode(errors="replace")
            )
        return done.stdout

    def connect(self, protocol="lmtp", transport="tcp", timeout=20):
        if transport == "unix":
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(timeout)
            s.connect(f"{self.folder}/{protocol}.sock")
        else:
            s = socket.create_connection(("127.0.0.1", self.ports[protocol]), timeout)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def mail_path(self, path):
        """ann/new lies in the first domain; /example.net/zoe.mbox names another."""
        if path.startswith("/"):
            return f"{self.mail}{path}"
        return f"{self.mail}/example.org/{path}"

    def messages(self, path):
        """Contents of all messages in a folder of a Maildir, oldest name first, or of an mbox."""
        path = self.mail_path(path)
        if path.endswith(".mbox"):
            if not os.path.exists(path):
                return []
            with open(path, "rb") as f:
                text = b"\n" + f.read()
            return text.split(b"\nFrom ")[1:]
        if not os.path.isdir(path):
            return []
        found = []
        for name in sorted(os.listdir(path)):
            with open(f"{path}/{name}", "rb") as f:
                found.append(f.read())
        return found

    def end(self):
        """SIGTERM, and what a good end looks like: status 0 and no alarm in the log."""
        if self.process is None:
            return
        process, self.process = self.process, None
        status = process.poll()
        if status is None:
            if not self.is_told_to_end:  # a second SIGTERM would end it at once
                process.send_signal(signal.SIGTERM)
            try:
                status = process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise Failure(f"doorstepd did not end in {END_SECONDS} s after SIGTERM") from None
        said = self.log_text()
        alarms = [line for line in said.splitlines() if any(a in line for a in ALARMS)]
        if alarms:
            raise Failure("the log says:\n" + "\n".join(alarms[:5]))
        if status != 0:
            raise Failure(f"doorstepd ended with status {status}")

    def kill(self):
        """SIGKILL for main; its roles end when its doors close."""
        process, self.process = self.process, None
        process.kill()
        process.wait()

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)
        self.is_told_to_end = True

    def half_written(self):
        """Files in any tmp of the store: after the last answer there are none."""
        return [
            f"{where}/{name}"
            for where, _, names in os.walk(self.mail)
            if os.path.basename(where) == "tmp"
            for name in names
        ]

    def log_text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def remove(self):
        """With its folder a daemon that still runs goes too: none outlives its test."""
        if self.process is not None and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def without_trace(message):
    """A stored message without the trace fields that Doorstep put in front of it."""
    end_of_line = b"\r\n" if message.split(b"\n", 1)[0].endswith(b"\r") else b"\n"
    lines = message.split(end_of_line)
    trace = (b"return-path:", b"delivered-to:", b"received:")
    n = 0
    received = 0
    while n < len(lines):
        start = lines[n].lower()
        if not start.startswith(trace) and not (n > 0 and lines[n][:1] in (b" ", b"\t")):
            break
        if start.startswith(b"received:"):
            received += 1
            if received > 1:  # ours is one; what follows came with the message
                break
        n += 1
    return end_of_line.join(lines[n:])


def trace_of(message):
    """The trace fields, unfolded, one a line."""
    rest = without_trace(message)
    head = message[: len(message) - len(rest)].decode(errors="replace")
    return head.replace("\r\n", "\n").replace("\n ", " ").replace("\n\t", " ").splitlines()
