#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mail that leaves a private doorstepd: in by LMTP, redirected by a script, out to a scripted next hop byte for
byte; and what main does for the relay role: secrets, reloads, a role that dies, a drain. The last line is
"N passed, N failed"."""

import concurrent.futures
import contextlib
import os
import shutil
import signal
import smtplib
import subprocess
import sys
import tempfile
import threading

from certificates import Authority
from harness import Daemon, Tests, expect, message, until
from next_hop import NextHop, server_tls
from private_daemon import DOORSTEPD
from role_daemon import command_of

SCRIPT = 'redirect "far@example.net";\n'
BODY = ".one\r\n..\r\n.\r\n\r\nlast\r\n"
PASSWORD = "a pass phrase that is found nowhere else"
RELAY = 'relay {{ smarthost = "{}" retry = 1s retry_max = 1s }}'
SECONDS = 60


class Relaying:
    """A daemon with an account whose mail goes on."""

    def __init__(self, settings):
        self.daemon = Daemon()
        os.chmod(self.daemon.folder, 0o755)
        with open(self.daemon.configuration) as f:
            self.head = f.read()
        self.configure(settings)
        self.daemon.start()
        self.daemon.tool("account", "add", "ann@example.org")
        write(f"{self.daemon.folder}/script", SCRIPT)
        self.daemon.tool("sieve", "install", "ann@example.org", f"{self.daemon.folder}/script", "--activate")

    def configure(self, settings):
        write(self.daemon.configuration, self.head + settings)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        try:
            if what[0] is None:
                self.daemon.end()
            else:
                print(self.daemon.log_text()[-3000:])
                self.daemon.kill()
        finally:
            self.daemon.remove()

    def deliver(self, subject):
        data = message(subject, BODY)
        with smtplib.LMTP("127.0.0.1", self.daemon.ports["lmtp"], timeout=SECONDS) as client:
            client.ehlo_or_helo_if_needed()
            client.mail("bob@example.com")
            client.rcpt("ann@example.org")
            code, text = client.data(data)
        expect(code == 250, f"{code} {text}")
        return data

    def children(self):
        main = self.daemon.process.pid
        with open(f"/proc/{main}/task/{main}/children") as f:
            return [int(p) for p in f.read().split()]

    def roles(self):
        return [p for p in self.children() if command_of(p) == "doorstep-relay"]

    def role(self, other_than=()):
        return until(lambda: [p for p in self.roles() if p not in other_than], "no relay role", SECONDS)[0]

    def reload(self, event="info reloaded "):
        before = self.daemon.log_text().count(event)
        self.daemon.process.send_signal(signal.SIGHUP)
        until(lambda: self.daemon.log_text().count(event) > before, f"no {event}", SECONDS)


def write(path, text, mode=0o644):
    with open(os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as f:
        f.write(text)
    os.chmod(f"{path}.new", mode)
    os.rename(f"{path}.new", path)


def arrives(hop, data):
    until(lambda: any(m[2].endswith(data) for m in hop.messages), f"it did not arrive: {hop.said[-20:]}", SECONDS)


def mail_arrives_byte_for_byte():
    with NextHop() as hop, Relaying(RELAY.format(hop.name)) as r:
        arrives(hop, r.deliver("on its way"))
        sender, recipients, _ = hop.messages[0]
        expect(recipients == ["far@example.net"] and "<bob@example.com>" in sender, repr(hop.said))


def a_next_hop_that_is_away_gets_it_when_it_is_back():
    with NextHop({"CONNECT": ["421 4.3.2 not now", "421 4.3.2 not yet"]}) as hop, Relaying(RELAY.format(hop.name)) as r:
        arrives(hop, r.deliver("later"))
        expect(len(hop.messages) == 1 and hop.connections >= 3, f"{hop.connections} {hop.messages}")


def a_role_that_ends_is_replaced_and_its_job_done_again():
    gate = threading.Event()

    def hold(_):
        gate.wait(SECONDS)
        return "250 2.0.0 taken"

    with NextHop({"DATA": [hold]}) as hop, Relaying(RELAY.format(hop.name)) as r:
        data = r.deliver("behind a role that has ended")
        until(lambda: "DATA" in hop.said, "no DATA", SECONDS)
        pid = r.role()
        os.kill(pid, signal.SIGTERM)  # ignored: main alone ends roles
        expect(r.role() == pid, "a signal ended it")
        os.kill(pid, signal.SIGKILL)
        gate.set()
        r.role([pid])
        arrives(hop, data)
        r.daemon.log = os.devnull  # which says that a role was killed


def a_reload_changes_the_way_and_may_end_it():
    with NextHop() as old, NextHop() as new, Relaying(RELAY.format(old.name)) as r:
        arrives(old, r.deliver("the old way"))
        pid = r.role()
        r.configure(RELAY.format(new.name))
        r.reload()
        second = r.role([pid])
        arrives(new, r.deliver("the new way"))
        r.configure("")
        r.reload()
        until(lambda: r.roles() == [], "there is a role for nothing", SECONDS)
        data = r.deliver("no way")
        r.configure(RELAY.format(new.name))
        r.reload()
        r.role([pid, second])
        arrives(new, data)


def memory_has(pid, octets):
    """In what the process can write; what is larger than any heap of ours is a sanitizer's own."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            first, last = (int(n, 16) for n in line.split()[0].split("-"))
            if "rw" not in line.split()[1] or last - first > 64 << 20:
                continue
            with contextlib.suppress(OSError):
                memory.seek(first)
                if octets in memory.read(last - first):
                    return True
    return False


def a_password_is_known_to_main_and_the_relay_role_alone():
    folder = tempfile.mkdtemp(prefix="doorstep-relay-ca.")
    try:
        ca = Authority(folder, "ours")
        tls = server_tls(ca.issue("hop", ["hop.example"]))
        with NextHop(tls=tls, login=("relay", PASSWORD)) as hop:
            login = f'tls = required tls_name = "hop.example" ca = "{ca.pem}" user = relay password_file = "{folder}/password"'
            write(f"{folder}/password", "wrong\n", 0o600)
            with Relaying(RELAY.replace("}}", login + " }}").format(hop.name)) as r:
                data = r.deliver("with a password")
                until(lambda: any(s.startswith("AUTH") for s in hop.said), "no log-in", SECONDS)
                pid = r.role()
                write(f"{folder}/password", PASSWORD + "\n", 0o644)  # everybody could read it
                r.reload("error reload_refused ")
                expect(r.role() == pid, "it was put in force")
                write(f"{folder}/password", PASSWORD + "\n", 0o600)
                r.reload()
                arrives(hop, data)
                knowing = {command_of(p) for p in r.children() if memory_has(p, PASSWORD.encode())}
                expect(knowing == {"doorstep-relay"}, f"known to {knowing}")
                expect(PASSWORD not in r.daemon.log_text(), "it is in the log")
    finally:
        shutil.rmtree(folder)


def files_that_cannot_be_used_are_said_before_anything_starts():
    daemon = Daemon()
    try:
        with open(daemon.configuration) as f:
            head = f.read()
        file = f"{daemon.folder}/file"
        login = f'tls = required user = u password_file = "{file}"'
        cases = [
            (login, None, 0o600, "cannot be opened"),
            (login, "", 0o600, "has no password on its first line"),
            (login, "\npassword\n", 0o600, "has no password on its first line"),
            (login, "x" * 2000, 0o600, "too long"),
            (login, "password\n", 0o644, "may be read by everybody"),
            (login, "password\n", 0o602, "may be changed by everybody"),
            (login, "password\n", 0o600, None),
            (f'ca = "{file}"', "no certificate\n", 0o644, "has no certificates"),
            (f'srs_secret_file = "{file}"', None, 0o600, "cannot be opened"),
            (f'srs_secret_file = "{file}"', "a secret that is long enough\n", 0o644, "may be read by everybody"),
        ]
        for settings, text, mode, problem in cases:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(file)
            if text is not None:
                write(file, text, mode)
            write(daemon.configuration, f'{head}relay {{ smarthost = "mail.example.net:587" {settings} }}\n')
            done = subprocess.run([DOORSTEPD, "-c", daemon.configuration, "--check"], capture_output=True, timeout=SECONDS)
            said = (done.stdout + done.stderr).decode()
            expect((done.returncode == 0) == (problem is None), f"{settings} {text!r}: {said}")
            expect(problem is None or (problem in said and file in said), f"{settings} {text!r}: {said}")
    finally:
        daemon.remove()


def a_daemon_that_ends_waits_for_what_is_under_way():
    gate = threading.Event()

    def hold(_):
        gate.wait(SECONDS)
        return "250 2.0.0 taken"

    with NextHop({"END": hold}) as hop, Relaying(RELAY.format(hop.name)) as r:
        r.deliver("the last one")
        until(lambda: hop.messages, "no message", SECONDS)
        r.daemon.terminate()
        threading.Timer(1, gate.set).start()
        r.daemon.end()
        r.daemon.start()
        r.role()
        r.deliver("another")
        until(lambda: len(hop.messages) >= 2, "no other message", SECONDS)
        subjects = [m[2].count(b"the last one") for m in hop.messages]
        expect(sum(n > 0 for n in subjects) == 1, "it was sent twice")


CHECKS = [
    files_that_cannot_be_used_are_said_before_anything_starts,
    mail_arrives_byte_for_byte,
    a_next_hop_that_is_away_gets_it_when_it_is_back,
    a_role_that_ends_is_replaced_and_its_job_done_again,
    a_reload_changes_the_way_and_may_end_it,
    a_password_is_known_to_main_and_the_relay_role_alone,
    a_daemon_that_ends_waits_for_what_is_under_way,
]

if __name__ == "__main__":
    tests = Tests("relay of a daemon")
    chosen = [c for c in CHECKS if not sys.argv[1:] or c.__name__ in sys.argv[1:]]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:  # most of the time they wait
        list(pool.map(lambda check: tests.run(check.__name__.replace("_", " "), check), chosen))
    tests.end()
