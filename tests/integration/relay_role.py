# SPDX-License-Identifier: MIT
"""The relay role alone, with the test at its doors in place of main and the store: jobs in, results
out. Messages go by descriptor, as the store lends them. Frames are those of door_frames.h."""

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "session"))
from private_daemon import ALARMS, DOORSTEPD, READY_SECONDS, Failure  # noqa: E402

MAIN_SETTINGS, MAIN_STORE_DOOR, MAIN_GO, MAIN_RELAY_SECRETS = 1, 3, 8, 26
ROLE_READY, RELAY_SEND, RELAY_CANCEL, RELAY_RESULT = 32, 320, 321, 328
STATES = ("delivered", "deferred", "failed")
BODY_MAX = 65536
WAIT_SECONDS = 60

# Sanitizers keep what was freed for a while; here they keep less than a large message.
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": "quarantine_size_mb=1"}

CONFIGURATION = """
hostname = "mx.example.org"
state_dir = "{folder}"
domain "example.org" {{ }}
{settings}
"""


def has_namespaces():
    """May this process give others a view of the file system of their own?"""
    done = subprocess.run(["unshare", "-m", "mount", "--bind", "/tmp", "/mnt"], capture_output=True)
    return done.returncode == 0


def pack_text(text):
    octets = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<I", len(octets)) + octets


def memfd(octets):
    fd = os.memfd_create("test")
    os.write(fd, octets) if len(octets) < 1 << 20 else _write_all(fd, octets)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _write_all(fd, octets):
    with open(os.dup(fd), "wb") as f:
        f.write(octets)


def pack_job(route="", sender="ann@example.org", recipients=("bob@example.net",), octets=0, **more):
    """`more`: envid, ret, body, smtputf8, require_tls, by, head, notify, orcpt, is_question as in relay_job.h."""
    packed = pack_text(route) + pack_text(sender) + pack_text(more.get("envid", ""))
    packed += struct.pack("<BBBB", more.get("ret", 0), more.get("body", 0),
                          more.get("smtputf8", 0), more.get("require_tls", 0))
    packed += pack_text(more.get("by", "")) + struct.pack("<I", len(recipients))
    for address in recipients:
        packed += pack_text(address) + struct.pack("<B", more.get("notify", 0))
        packed += pack_text(more.get("orcpt", ""))
    return packed + pack_text(more.get("head", "")) + struct.pack("<QB", octets, more.get("is_question", 0))


class Reader:
    def __init__(self, octets):
        self.octets, self.at = octets, 0

    def number(self, form):
        (value,) = struct.unpack_from("<" + form, self.octets, self.at)
        self.at += struct.calcsize("<" + form)
        return value

    def text(self):
        n = self.number("I")
        self.at += n
        return self.octets[self.at - n : self.at].decode()


class Answer:
    def __init__(self, r):
        self.state = STATES[r.number("B")]
        self.code = r.number("H")
        self.enhanced, self.text = r.text(), r.text()

    def __repr__(self):
        return f"{self.state} {self.code} {self.enhanced} {self.text}"


class Result:
    def __init__(self, octets):
        r = Reader(octets)
        self.host, self.tls = r.text(), r.text()
        self.dsn, self.deliverby = r.number("B") == 1, r.number("B") == 1
        self.answers = [Answer(r) for _ in range(r.number("I"))]
        if r.at != len(octets):
            raise Failure("a result has octets behind its end")

    def __repr__(self):
        return f"{self.host} tls={self.tls!r} dsn={self.dsn} {self.answers}"

    @property
    def first(self):
        return self.answers[0]


class RelayRole:
    def __init__(self, settings, passwords=None, authorities=None, hosts=None):
        """passwords, authorities: by name of the route, "" for the smarthost; authorities[None]: those
        of the system. hosts: its /etc/hosts, which needs root."""
        self.folder = tempfile.mkdtemp(prefix="doorstep-relay.")
        self.stderr = open(f"{self.folder}/log", "wb")  # noqa: SIM115
        self.main, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen(
            self._command(hosts), stderr=self.stderr, env=ENVIRONMENT,
            close_fds=False,  # they close themselves; of pass_fds, 3 would have to be open here
            preexec_fn=lambda: (os.dup2(theirs.fileno(), 3), os.set_inheritable(3, True)))
        theirs.close()
        self.store, door = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        text = CONFIGURATION.format(folder=self.folder, settings=settings).encode()
        self._frame(self.main, MAIN_SETTINGS, fd=memfd(text))
        self._frame(self.main, MAIN_RELAY_SECRETS, fd=memfd(self._secrets(passwords, authorities)))
        self._frame(self.main, MAIN_STORE_DOOR, fd=door.detach())
        self._frame(self.main, MAIN_GO, body=b"\0")
        self.main.settimeout(READY_SECONDS)
        self.answer = self.main.recv(BODY_MAX)
        if self.answer[2:4] != struct.pack("<H", ROLE_READY):
            raise Failure(f"the role is not ready: {self.log()}")
        self.results, self.pieces, self.last_id = {}, {}, 0
        self.changed = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def _command(self, hosts):
        command = [DOORSTEPD, "--role", "relay"]
        if hosts is None:
            return command
        with open(f"{self.folder}/hosts", "w") as f:
            f.write(hosts)
        inside = f'mount --bind {self.folder}/hosts /etc/hosts && exec "$@"'
        return ["unshare", "-m", "sh", "-c", inside, "sh", *command]

    @staticmethod
    def _secrets(passwords, authorities):
        passwords, authorities = passwords or {}, authorities or {}
        names = {n for n in (*passwords, *authorities) if n is not None}
        packed = pack_text(authorities.get(None, "")) + struct.pack("<I", len(names))
        for name in names:
            packed += pack_text(name) + pack_text(passwords.get(name, ""))
            packed += pack_text(authorities.get(name, ""))
        return packed

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()
        if what[0] is None and any(alarm in self.log() for alarm in ALARMS):
            raise Failure(f"the role said: {self.log()}")

    @staticmethod
    def _frame(door, kind, number=0, body=b"", fd=None):
        packet = struct.pack("<HHIQ", 1, kind, len(body), number) + body
        if fd is None:
            door.sendall(packet)
        else:
            socket.send_fds(door, [packet], [fd])
            os.close(fd)

    def _listen(self):
        while True:
            try:
                packet = self.store.recv(BODY_MAX + 1024)
            except OSError:
                packet = b""
            if not packet:
                break
            while packet:
                _, kind, n, number = struct.unpack_from("<HHIQ", packet)
                self._take(kind, number, packet[16 : 16 + n])
                packet = packet[16 + n :]
        with self.changed:
            self.results = None
            self.changed.notify_all()

    def _take(self, kind, number, body):
        if kind != RELAY_RESULT:
            raise Failure(f"frame {kind}")
        whole = self.pieces.pop(number, b"") + body[1:]
        if body[0]:
            self.pieces[number] = whole
            return
        with self.changed:
            self.results[number] = Result(whole)
            self.changed.notify_all()

    def log(self):
        with open(f"{self.folder}/log", encoding="utf-8", errors="replace") as f:
            return f.read()

    # --- jobs ---

    def begin(self, message=b"Subject: x\r\n\r\nbody\r\n", **job):
        """The number of a job that is under way."""
        self.last_id += 1
        fd = message if isinstance(message, int) else memfd(message)
        octets = os.fstat(fd).st_size
        packed = pack_job(**{"octets": octets, **job})
        while len(packed) > BODY_MAX - 1:
            self._frame(self.store, RELAY_SEND, self.last_id, b"\1" + packed[: BODY_MAX - 1])
            packed = packed[BODY_MAX - 1 :]
        self._frame(self.store, RELAY_SEND, self.last_id, b"\0" + packed, fd)
        return self.last_id

    def wait(self, number, seconds=WAIT_SECONDS):
        with self.changed:
            if not self.changed.wait_for(lambda: self.results is None or number in self.results, seconds):
                raise Failure(f"no result in {seconds} s; the role said: {self.log()}")
            if self.results is None:
                raise Failure(f"the role ended with {self.process.wait(60)}: {self.log()}")
            return self.results[number]

    def has_result(self, number):
        with self.changed:
            return number in self.results

    def send(self, *message, **job):
        return self.wait(self.begin(*message, **job))

    def send_all(self, routes, *message):
        """A job for each of the routes, at a time; its name and its result."""
        jobs = [(name, self.begin(*message, route=name)) for name in routes]
        return [(name, self.wait(number)) for name, number in jobs]

    def cancel(self, number):
        self._frame(self.store, RELAY_CANCEL, number)

    def close(self):
        self.store.shutdown(socket.SHUT_RDWR)
        try:
            self.status = self.process.wait(READY_SECONDS)
        finally:
            self.process.kill()
            self.main.close()
            self.store.close()
            self.stderr.close()
            self.text = self.log()
            self.log = lambda: self.text
            shutil.rmtree(self.folder, ignore_errors=True)
