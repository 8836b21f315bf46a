#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A private Postfix whose lmtp and smtp clients talk TLS to a private doorstepd over TCP: verified by authority
and name, with a certificate of its own, resumed, and through a renewal of certificates. Needs root, because
Postfix does. The last line is "N passed, N failed"."""

import os
import shutil
import signal
import sys
import tempfile

from certificates import Authority
from harness import Daemon, Tests, expect, message, trace_of, until
from postfix import Postfix, free_port

MORE = """
lmtp_tls_security_level = secure
lmtp_tls_secure_cert_match = mx.example.org
lmtp_tls_CAfile = {ca}
lmtp_tls_cert_file = {client}
lmtp_tls_key_file = {client_key}
lmtp_tls_loglevel = 1
lmtp_tls_session_cache_database = btree:{folder}/data/lmtp_scache
smtp_tls_security_level = secure
smtp_tls_secure_cert_match = mx.example.org
smtp_tls_CAfile = {ca}
smtp_tls_loglevel = 1
transport_maps = inline:{{ {{ ann@example.org = doorstep:inet:127.0.0.1:{lmtp} }}
    {{ bob@example.org = smtp:[127.0.0.1]:{smtp} }} {{ eve@example.org = doorstep:inet:127.0.0.1:{other} }} }}
"""
SMTP = """
smtp      unix  -       -       n       -       -       smtp
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
"""


class NoProxy:
    port = 9  # no route here leads there


class Checks:
    def __init__(self, daemon, postfix, ca, pair):
        self.daemon, self.postfix, self.ca, self.pair = daemon, postfix, ca, pair

    def received(self, user):
        (stored,) = until(lambda: self.daemon.messages(f"{user}/new"), f"no mail for {user}", 60)
        return [f for f in trace_of(stored) if f.startswith("Received:")][0]

    def lmtp(self):
        self.postfix.send(["ann@example.org"], message("by LMTP", to="ann@example.org"))
        field = self.received("ann")
        expect("(using TLSv1.3 with cipher " in field and "with LMTPS id" in field, field)
        self.postfix.wait_log(r"postfix/lmtp\[\d+\]: Verified TLS connection established to 127\.0\.0\.1")
        expect("verified=yes" in self.daemon.log_text(), "its certificate was not seen")

    def smtp(self):
        self.postfix.send(["bob@example.org"], message("by SMTP", to="bob@example.org"))
        field = self.received("bob")
        expect("(using TLSv1.3 with cipher " in field and "with ESMTPS id" in field, field)
        self.postfix.wait_log(r"postfix/smtp\[\d+\]: Verified TLS connection established to 127\.0\.0\.1")

    def wrong_name(self):
        """The certificate of another server: Postfix keeps the mail."""
        self.postfix.sendmail("bob@example.com", "eve@example.org", message("to a stranger"))
        self.postfix.wait_log(r" to=<eve@example.org>.*status=deferred \(Server certificate not verified\)")
        expect(self.daemon.messages("eve/new") == [], "it was delivered")

    def renewal(self):
        self.pair.replace(self.ca.issue("renewed", ["mx.example.org"]))
        before = self.daemon.log_text().count(" reloaded ")
        self.daemon.process.send_signal(signal.SIGHUP)
        until(lambda: self.daemon.log_text().count(" reloaded ") > before, "no reload", 60)
        queue_id = self.postfix.send(["ann@example.org"], message("behind a renewal", to="ann@example.org"))
        self.postfix.wait_log(rf"{queue_id}: to=<ann@example.org>.*status=sent")


def make_daemon(folder, ca, pair):
    other = ca.issue("other", ["other.example.com"])
    port = free_port()
    daemon = Daemon(
        in_lmtp=f'tls = required client_ca = "{ca.pem}" trusted = {{"127.0.0.0/8"}}\n' + pair.settings(),
        in_smtp="tls = required\n" + pair.settings(),
        more=f'listen lmtp {{ address = {{"127.0.0.1:{port}"}} tls = offered {other.settings()} }}',
    )
    os.chmod(daemon.folder, 0o755)
    daemon.start()
    for name in "ann bob eve".split():
        daemon.tool("account", "add", f"{name}@example.org")
    return daemon, port


def run(tests, folder):
    ca = Authority(folder, "ours")
    pair, client = ca.issue("mx", ["mx.example.org"]), ca.issue("client", ["relay.example.com"])
    daemon, other = make_daemon(folder, ca, pair)
    postfix = Postfix(daemon, NoProxy)
    values = {
        "ca": ca.pem,
        "client": client.pem,
        "client_key": client.key_pem,
        "folder": postfix.folder,
        "other": other,
        **daemon.ports,
    }
    for name, more in (("main.cf", MORE.format(**values)), ("master.cf", SMTP)):
        with open(f"{postfix.folder}/conf/{name}", "a") as f:
            f.write(more)
    checks = Checks(daemon, postfix, ca, pair)
    try:
        postfix.start()
        tests.run("its lmtp client, with a certificate", checks.lmtp)
        tests.run("its smtp client", checks.smtp)
        tests.run("it trusts no other name", checks.wrong_name)
        tests.run("a renewal", checks.renewal)
    finally:
        postfix.end()
        tests.run("the daemon ends well", daemon.end)
        daemon.remove()


def main():
    tests = Tests("tls_postfix")
    folder = tempfile.mkdtemp(prefix="doorstep-tls.")
    try:
        if os.geteuid() != 0:
            tests.skip("all", "Postfix needs root")
        elif tests.has("postfix", "all"):
            run(tests, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    tests.end()


if __name__ == "__main__":
    sys.exit(main())
