#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The files of contrib/exim, contrib/opensmtpd and contrib/getmail, each with its own program, in front of a private
doorstepd. A program that is not there is skipped by name (Exim and OpenSMTPD cannot be installed beside
Postfix). The last line is "N passed, N failed"."""

import os
import pwd
import re
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading

from harness import ROOT, Daemon, Tests, expect, message, trace_of, until, without_trace
from private_daemon import DOORSTEP

EXIM_MAIN = """
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
primary_hostname = relay.example.com
exim_path = {exim}
keep_environment =
{main}
begin routers
{routers}
begin transports
{transports}
begin retry
* * F,1h,1m
"""


def glue(name):
    with open(os.path.join(ROOT, "contrib", name)) as f:
        return f.read()


def run(command, **how):
    done = subprocess.run(command, capture_output=True, timeout=120, **how)
    said = (done.stdout + done.stderr).decode(errors="replace")
    return done.returncode, said


class Pop3(socketserver.StreamRequestHandler):
    """As much of RFC 1939 as getmail asks for; server.messages is what it has."""

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        self.say("+OK ready")
        while line := self.rfile.readline():
            verb, _, argument = line.decode().strip().partition(" ")
            answer = getattr(self, "do_" + verb.lower(), None)
            if answer is None:
                self.say("-ERR unknown")
            else:
                answer(argument)
            if verb.upper() == "QUIT":
                return

    def do_user(self, _):
        self.say("+OK")

    do_pass = do_noop = do_quit = do_user

    def do_capa(self, _):
        self.say("+OK\r\nUIDL\r\nTOP\r\n.")

    def do_stat(self, _):
        self.say(f"+OK {len(self.server.messages)} {sum(map(len, self.server.messages))}")

    def lines(self, texts):
        self.say("+OK")
        for number, text in enumerate(texts, 1):
            self.say(f"{number} {text}")
        self.say(".")

    def do_list(self, _):
        self.lines(len(m) for m in self.server.messages)

    def do_uidl(self, _):
        self.lines(f"uid{n}" for n in range(len(self.server.messages)))

    def do_retr(self, argument):
        data = self.server.messages[int(argument) - 1]
        self.say("+OK")
        self.wfile.write((b"\r\n" + data).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n")

    def do_dele(self, argument):
        self.server.deleted.append(int(argument))
        self.say("+OK")


class Checks:
    def __init__(self, daemon, folder):
        self.daemon, self.folder = daemon, folder

    def arrives(self, user):
        found = until(lambda: self.daemon.messages(f"{user}/new"), f"nothing came to {user}")
        expect(len(found) == 1, f"{user} has {len(found)} messages")
        return found[0]

    def exim(self):
        """One message for a user and a stranger: one delivered, one refused for good."""
        for name in ("spool", "log"):
            os.mkdir(f"{self.folder}/{name}")
            os.chmod(f"{self.folder}/{name}", 0o777)
        text = glue("exim/doorstep.conf").replace("2424", str(self.daemon.ports["lmtp"]))
        pieces = re.split(r"(?m)^# ---- (main|routers|transports).*$", text)
        values = dict(zip(pieces[1::2], pieces[2::2]))
        conf = f"{self.folder}/exim.conf"
        with open(conf, "w") as f:
            f.write(EXIM_MAIN.format(folder=self.folder, exim=shutil.which("exim4"), **values))
        status, said = run(
            ["exim4", "-C", conf, "-odi", "-f", "bob@example.com", "exim@example.org", "no@example.org"],
            input=message("by exim"),
        )
        expect(status == 0, said)
        stored = self.arrives("exim")
        expect(without_trace(stored).startswith(b"Received: "), stored)
        with open(f"{self.folder}/log/mainlog") as f:
            log = f.read()
        expect("** no@example.org" in log and "550 5.1.1" in log, log)

    def opensmtpd_syntax(self):
        with open(f"{self.folder}/smtpd.conf", "w") as f:
            f.write(glue("opensmtpd/smtpd.conf"))
        status, said = run(["smtpd", "-n", "-f", f"{self.folder}/smtpd.conf"])
        expect(status == 0 and "configuration OK" in said, said)

    def opensmtpd(self, agent):
        """What the action runs; it refuses to run as root."""
        status, said = run(
            [agent, "-d", f"{self.daemon.folder}/lmtp.sock", "-r"],
            input=message("by OpenSMTPD").replace(b"\r\n", b"\n"),
            env={"SENDER": "bob@example.com", "RECIPIENT": "smtpd@example.org"},
            user="nobody" if os.geteuid() == 0 else None,
        )
        expect(status == 0, said)
        self.arrives("smtpd")

    def getmail(self):
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Pop3)
        server.daemon_threads = True
        data = message("by getmail", ".\r\n8 bit: \u00e9\r\n")
        server.messages, server.deleted = [b"Return-Path: <bob@example.com>\r\n" + data], []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            status, said = self.run_getmail(server, "getmail@example.org")
            expect(status == 0 and server.deleted == [1], f"{status}, deleted {server.deleted}: {said}")
            stored = self.arrives("getmail")
            expect("Return-Path: <bob@example.com>" in trace_of(stored), stored)
            expect(stored.endswith(data.replace(b"\r\n", b"\n").split(b"\n\n")[1]), stored)
            server.deleted.clear()  # what is refused has to stay on the server
            status, said = self.run_getmail(server, "nobody@example.org")
            expect(server.deleted == [], f"a refused message was deleted: {said}")
        finally:
            server.shutdown()
            server.server_close()

    def run_getmail(self, server, recipient):
        folder = tempfile.mkdtemp(dir=self.folder)
        text = glue("getmail/getmailrc")
        for old, new in (
            ("SimplePOP3SSLRetriever", f"SimplePOP3Retriever\nport = {server.server_address[1]}"),
            ("pop.example.com", "127.0.0.1"),
            ("/usr/bin/doorstep", shutil.which(DOORSTEP)),
            ("/etc/doorstep/doorstep.conf", self.daemon.configuration),
            ("ann@example.org", recipient),
            ("unixfrom = false", "unixfrom = false\nallow_root_commands = true"),
        ):
            expect(old in text, f"getmailrc has no {old}")
            text = text.replace(old, new)
        with open(f"{folder}/getmailrc", "w") as f:
            f.write(text)
        return run(["getmail", f"--getmaildir={folder}", "--rcfile=getmailrc"])


def find_agent():
    return shutil.which("mail.lmtp", path="/usr/libexec/opensmtpd:" + os.environ["PATH"])


def has_user(name):
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def run_all(tests, daemon, folder):
    for name in "exim smtpd getmail".split():
        daemon.tool("account", "add", f"{name}@example.org")
    checks = Checks(daemon, folder)
    if tests.has("getmail", "getmail hands over what it fetched"):
        tests.run("getmail hands over what it fetched", checks.getmail)
    if os.geteuid() != 0:
        tests.skip("Exim delivers", "Exim needs root")
    elif tests.has("exim4", "Exim delivers"):
        tests.run("Exim delivers", checks.exim)
    if shutil.which("smtpd") and has_user("opensmtpd"):
        tests.run("OpenSMTPD takes the configuration", checks.opensmtpd_syntax)
        tests.run("OpenSMTPD's agent delivers", checks.opensmtpd, find_agent())
    else:
        tests.skip("OpenSMTPD", "smtpd is not installed")


def main():
    tests = Tests("glue")
    folder = tempfile.mkdtemp(prefix="doorstep-glue.")
    daemon = Daemon()
    for path in (folder, daemon.folder):
        os.chmod(path, 0o755)  # the programs run as users of their own
    try:
        daemon.start()
        run_all(tests, daemon, folder)
    finally:
        tests.run("the daemon ends well", daemon.end)
        daemon.remove()
        shutil.rmtree(folder)
    tests.end()


if __name__ == "__main__":
    sys.exit(main())
