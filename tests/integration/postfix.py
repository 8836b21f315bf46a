#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A private Postfix with the files of contrib/postfix in front of a private doorstepd: mail comes in by
SMTP and sendmail(1), waits in a real queue, and leaves through Postfix's lmtp client by unix socket and by
TCP. Needs root, because Postfix does. The last line is "N passed, N failed"."""

import os
import re
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import threading

from harness import ROOT, Daemon, Failure, Tests, expect, message, trace_of, until, without_trace

GLUE = os.path.join(ROOT, "contrib", "postfix")

# Behind contrib/postfix/main.cf: a place of its own, and routes by recipient to test both transports.
MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.example.com
mydestination =
mynetworks = 127.0.0.2/32
alias_maps =
alias_database =
maillog_file = {folder}/log/maillog
maillog_file_prefixes = {folder}
address_verify_map =
address_verify_poll_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
service_throttle_time = 1s
smtpd_authorized_xclient_hosts =
transport_maps = inline:{{ {{ tcp@example.org = doorstep:inet:127.0.0.1:{lmtp} }}
    {{ cut@example.org = doorstep:inet:127.0.0.1:{proxy} }}
    {{ hurt@example.org = doorstep:inet:127.0.0.1:{proxy} }} }}
"""

MASTER = """
127.0.0.1:{smtp} inet n - n - - smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
showq     unix  n - n - - showq
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Postfix:
    def __init__(self, daemon, proxy):
        self.folder = tempfile.mkdtemp(prefix="doorstep-postfix.")
        os.chmod(self.folder, 0o755)
        for name in ("conf", "queue", "data", "log"):
            os.mkdir(f"{self.folder}/{name}")
        shutil.chown(f"{self.folder}/data", "postfix")
        self.port = free_port()
        values = {
            "folder": self.folder,
            "lmtp": daemon.ports["lmtp"],
            "proxy": proxy.port,
            "smtp": self.port,
        }
        for name, more in (("main.cf", MAIN), ("master.cf", MASTER)):
            with open(f"{GLUE}/{name}") as f:
                glue = f.read().replace("/run/doorstep/lmtp.sock", f"{daemon.folder}/lmtp.sock")
            with open(f"{self.folder}/conf/{name}", "w") as f:
                f.write(glue + more.format(**values))

    def run(self, *command, **how):
        done = subprocess.run(command, capture_output=True, timeout=60, **how)
        expect(done.returncode == 0, f"{command}: {(done.stdout + done.stderr).decode()}")
        return done.stdout.decode()

    def start(self):
        self.run("postfix", "-c", f"{self.folder}/conf", "start")
        for port in self.ports():
            until(lambda at=port: self.greets(at), f"Postfix does not greet at {port}", 180)

    def ports(self):
        return (self.port,)

    def greets(self, port):
        """master listens long before an smtpd is there, on a busy machine; and one that failed to start is not
        started again before service_throttle_time."""
        try:
            with socket.create_connection(("127.0.0.1", port), 60) as s:
                greeting = s.recv(4)
                s.sendall(b"QUIT\r\n")
                return greeting == b"220 "
        except OSError:
            return False

    def end(self):
        self.run("postfix", "-c", f"{self.folder}/conf", "stop")
        shutil.rmtree(self.folder)

    def flush(self):
        self.run("postqueue", "-c", f"{self.folder}/conf", "-f")

    def log(self):
        with open(f"{self.folder}/log/maillog", errors="replace") as f:
            return f.read()

    def wait_log(self, pattern, seconds=60):
        return until(lambda: re.search(pattern, self.log()), f"Postfix never logged {pattern}\n", seconds)

    def send(self, recipients, data, sender="bob@example.com", options=()):
        """By SMTP; the queue id."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as smtp:
            smtp.ehlo("client.example.com")
            smtp.mail(sender, options)
            for recipient in recipients:
                code, text = smtp.rcpt(recipient)
                expect(code == 250, f"RCPT {recipient}: {code} {text}")
            code, text = smtp.data(data)
        expect(code == 250, f"{code} {text}")
        return text.decode().split()[-1]

    def sendmail(self, sender, recipient, data):
        conf = f"{self.folder}/conf"
        self.run("sendmail", "-C", conf, "-f", sender, "-i", recipient, input=data)


class CuttingProxy(threading.Thread):
    """Between Postfix and doorstepd: of the first connection that carries a message, it keeps the answer behind
    the final dot for itself and closes. Later connections pass."""

    def __init__(self, target):
        super().__init__(daemon=True)
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.answers_kept = []
        self.connections = 0

    def run(self):
        while True:
            client, _ = self.listener.accept()
            self.connections += 1
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        server = socket.create_connection(("127.0.0.1", self.target), 30)
        dot = threading.Event()
        threading.Thread(target=self.upstream, args=(client, server, dot), daemon=True).start()
        while True:
            data = server.recv(65536)
            if dot.is_set() and not self.answers_kept and data:
                self.answers_kept.append(data)
                break
            if not data:
                break
            client.sendall(data)
        for s in (client, server):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def upstream(self, client, server, dot):
        tail = b""
        try:
            while data := client.recv(65536):
                tail = (tail + data)[-5:]
                if tail == b"\r\n.\r\n" or b"\r\n.\r\n" in data:
                    dot.set()
                server.sendall(data)
        except OSError:
            pass  # the other thread closed


class Checks:
    def __init__(self, daemon, postfix, proxy):
        self.daemon, self.postfix, self.proxy = daemon, postfix, proxy

    def arrives(self, user, count):
        until(
            lambda: len(self.daemon.messages(f"{user}/new")) >= count,
            f"{user} has {len(self.daemon.messages(f'{user}/new'))} messages in place of {count};\n"
            + self.postfix.log()[-1500:],
        )
        found = self.daemon.messages(f"{user}/new")
        expect(len(found) == count, f"{user} has {len(found)} messages in place of {count}")
        return found

    def holds(self, stored, sent):
        """What Postfix sent on is what it got, below its Received field."""
        rest = without_trace(stored)
        expect(rest.startswith(b"Received: from client.example.com"), rest[:200])
        expect(rest.endswith(sent.replace(b"\r\n", b"\n")), f"{rest!r} does not end in {sent!r}")

    def unix_socket(self):
        sent = message("by the unix socket", "Dots:\r\n.\r\n..\r\n \r\n8 bit: \xfc\r\n")
        self.postfix.send(["ann@example.org"], sent)
        (stored,) = self.arrives("ann", 1)
        self.holds(stored, sent)
        trace = trace_of(stored)
        expect("Return-Path: <bob@example.com>" in trace, trace)
        expect("Delivered-To: ann@example.org" in trace, trace)

    def tcp(self):
        sent = message("by TCP", "x" * 900 + "\r\n" + "line\r\n" * 20000)
        self.postfix.send(["tcp@example.org"], sent)
        (stored,) = self.arrives("tcp", 1)
        self.holds(stored, sent)
        self.postfix.wait_log(r"to=<tcp@example.org>, relay=127.0.0.1\[127.0.0.1\]:\d+.*status=sent")

    def sendmail(self):
        text = message("by sendmail").replace(b"\r\n", b"\n")
        self.postfix.sendmail("bob@example.com", "eve@example.org", text)
        (stored,) = self.arrives("eve", 1)
        expect(stored.endswith(text), stored)

    def recipients(self):
        users = ["one", "two", "three"]
        queue_id = self.postfix.send([f"{u}@example.org" for u in users], message("to three"))
        for user in users:
            (stored,) = self.arrives(user, 1)
            expect(f"Delivered-To: {user}@example.org" in trace_of(stored), trace_of(stored))
        found = self.postfix.wait_log(rf"(?s)({queue_id}: to=<[^\n]*status=sent[^\n]*.*){{3}}").string
        conns = set(re.findall(rf"lmtp\[(\d+)\]: {queue_id}: to=", found))
        expect(len(conns) == 1, f"{queue_id} went through {len(conns)} lmtp clients")

    def unknown_user(self):
        """By sendmail(1), which asks nobody before it takes the message."""
        self.postfix.sendmail("ann@example.org", "gone@example.org", message("to nobody"))
        self.postfix.wait_log(r"to=<gone@example.org>.*dsn=5\.1\.1, status=bounced")
        found = self.arrives("ann", 2)
        (bounce,) = [m for m in found if b"Undelivered Mail Returned to Sender" in m]
        expect("Return-Path: <>" in trace_of(bounce), trace_of(bounce))
        expect(b"Status: 5.1.1" in bounce, bounce)

    def verification(self):
        with smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=60) as smtp:
            smtp.ehlo("client.example.com")
            smtp.mail("bob@example.com")
            code, text = smtp.rcpt("nobody@example.org")
            expect(code == 550 and b"5.1.1" in text, f"{code} {text}")
            code, text = smtp.rcpt("disabled@example.org")
            expect(code == 550 and b"5.2.1" in text, f"{code} {text}")
            code, text = smtp.rcpt("full@example.org")
            expect(code == 450, f"{code} {text}")

    def queue_id(self):
        queue_id = self.postfix.send(["ida@example.org"], message("with a queue id"))
        self.arrives("ida", 1)
        # Visible a moment before it is answered and logged.
        self.postfix.wait_log(rf"{queue_id}: .*status=sent")
        found = self.daemon.tool("trace", queue_id).decode()
        expect("ida@example.org" in found, f"trace {queue_id}: {found}")

    def client(self):
        """XFORWARD says whom Postfix got the message from."""
        self.postfix.send(["kim@example.org"], message("from a client"))
        (stored,) = self.arrives("kim", 1)
        received = [line for line in trace_of(stored) if line.startswith("Received:")]
        expect(len(received) == 1 and "LMTP" in received[0], received)

    def utf8(self):
        sent = "From: j\u00fcrgen@example.com\r\nSubject: Gr\u00fc\u00dfe\r\n\r\n\u65e5\u672c\r\n".encode()
        self.postfix.send(
            ["ulf@example.org"], sent, "j\u00fcrgen@example.com", ["SMTPUTF8", "BODY=8BITMIME"]
        )
        (stored,) = self.arrives("ulf", 1)
        expect("Subject: Gr\u00fc\u00dfe\n".encode() in stored, stored)
        expect("Return-Path: <j\u00fcrgen@example.com>".encode() in stored, stored)

    def cut(self):
        users = ("cut", "hurt")
        queue_id = self.postfix.send([f"{u}@example.org" for u in users], message("cut off"))
        for user in users:
            self.postfix.wait_log(rf"{queue_id}: to=<{user}@.*status=deferred.*lost connection")
        expect(self.proxy.answers_kept[0].startswith(b"250"), self.proxy.answers_kept)
        for user in users:
            self.arrives(user, 1)
        self.postfix.flush()
        for user in users:
            self.postfix.wait_log(rf"{queue_id}: to=<{user}@.*status=sent")
        expect(self.proxy.connections >= 2, "there was no second attempt")
        for user in users:
            self.arrives(user, 1)
            listed = self.daemon.tool("message", "list", "--json", f"{user}@example.org").decode()
            expect(listed.count('"uid"') == 1, listed)

    def daemon_away(self):
        self.daemon.end()
        queue_id = self.postfix.send(["tcp@example.org"], message("while nobody is there"))
        self.postfix.wait_log(rf"{queue_id}: to=<tcp@example.org>.*status=deferred")
        self.daemon.start()
        self.postfix.flush()
        self.postfix.wait_log(rf"{queue_id}: to=<tcp@example.org>.*status=sent")
        self.arrives("tcp", 2)


def make_daemon():
    daemon = Daemon(in_lmtp='trusted = {"127.0.0.0/8"}')
    os.chmod(daemon.folder, 0o755)  # Postfix connects as its own user
    daemon.start()
    for name in "ann tcp cut hurt eve one two three ida kim ulf".split():
        daemon.tool("account", "add", f"{name}@example.org")
    daemon.tool("account", "add", "--disabled", "disabled@example.org")
    daemon.tool("account", "add", "--quota-messages", "1", "full@example.org")
    daemon.tool("deliver", "-f", "", "-r", "full@example.org", data=message("the only one"))
    return daemon


def run(tests):
    daemon = make_daemon()
    proxy = CuttingProxy(daemon.ports["lmtp"])
    proxy.start()
    postfix = Postfix(daemon, proxy)
    checks = Checks(daemon, postfix, proxy)
    try:
        postfix.start()
        tests.run("mail comes by the unix socket", checks.unix_socket)
        tests.run("mail comes by TCP", checks.tcp)
        tests.run("mail comes by sendmail(1)", checks.sendmail)
        tests.run("several recipients go in one transaction", checks.recipients)
        tests.run("an unknown user bounces", checks.unknown_user)
        tests.run("recipients are verified while the client waits", checks.verification)
        tests.run("the queue id finds the mail", checks.queue_id)
        tests.run("one Received field is ours", checks.client)
        tests.run("addresses and headers in UTF-8 pass", checks.utf8)
        tests.run("a retry after a lost answer makes no second copy", checks.cut)
        tests.run("mail waits in the queue while the daemon is away", checks.daemon_away)
    finally:
        postfix.end()
        tests.run("the daemon ends well", daemon.end)
        daemon.remove()


def main():
    tests = Tests("postfix")
    if os.geteuid() != 0:
        tests.skip("all", "Postfix needs root")
    elif tests.has("postfix", "all"):
        run(tests)
    tests.end()


if __name__ == "__main__":
    sys.exit(main())
