#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Log-ins with a private doorstepd: smtplib, swaks, curl and gsasl as clients, hostile dialogues, a role that
is killed, bans. The last line is "N passed, N failed"."""

import base64
import os
import pwd
import re
import shutil
import signal
import smtplib
import sqlite3
import ssl
import subprocess
import tempfile

from certificates import Authority
from harness import Daemon, Tests, expect, until
from tls_client import context

FOLDER = tempfile.mkdtemp(prefix="doorstep-auth.")
ANN, PASSWORD = "ann@example.org", "correct horse"
CHEAP = "auth { hash_memory = 64K hash_operations = 1 delay = 1ms delay_max = 1ms %s }"
MANY = "address_failures = 100000 account_failures = 100000 session_failures = 100"


def b64(text):
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def plain(user, password, act_as=""):
    return b64(f"{act_as}\0{user}\0{password}")


class Line:
    """A client that says what it is told, and nothing else."""

    def __init__(self, daemon, protocol="smtp", transport="tcp", hello=True):
        self.socket = daemon.connect(protocol, transport, timeout=60)
        self.file = self.socket.makefile("rb")
        self.reply()
        self.extensions = self.say("EHLO c.example" if protocol == "smtp" else "LHLO c.example") if hello else ""

    def send(self, octets):
        self.socket.sendall(octets)

    def reply(self):
        lines = []
        while True:
            line = self.file.readline().decode(errors="replace").rstrip("\r\n")
            lines.append(line)
            if line[3:4] != "-":
                return "\n".join(lines)

    def say(self, line):
        self.send(line.encode() + b"\r\n")
        return self.reply()

    def want(self, code, line=None):
        reply = self.reply() if line is None else self.say(line)
        expect(reply.startswith(str(code)), f"{line!r}: {reply!r}, wanted {code}")
        return reply

    def close(self):
        self.file.close()
        self.socket.close()


def set_password(daemon, name=ANN, password=PASSWORD):
    daemon.tool("account", "add", name)
    daemon.tool("account", "passwd", name, data=password.encode() + b"\n")


def login_events(daemon):
    return [l for l in daemon.log_text().splitlines() if " login " in l]


def role_pid(name):
    """Of the private daemon, as its log tells (debug)."""
    return lambda d: [
        int(p) for p in re.findall(rf"role={name} slot=0 pid=(\d+) from=starting to=serving", d.log_text())
    ]


# --- dialogues that need no client program ---


def what_is_announced(d):
    tcp = Line(d).extensions
    expect("AUTH SCRAM-SHA-256\n" in tcp, tcp)
    unix = Line(d, transport="unix").extensions
    expect("AUTH SCRAM-SHA-256 PLAIN LOGIN\n" in unix, unix)
    expect("AUTH SCRAM-SHA-256 PLAIN LOGIN\n" in Line(d, "lmtp").extensions, "in the clear by setting")


def replies(d):
    c = Line(d)
    c.want("538 5.7.11", f"AUTH PLAIN {plain(ANN, PASSWORD)}")
    c.want("538 5.7.11", "AUTH LOGIN")
    c.want("538 5.7.11", "AUTH SCRAM-SHA-256-PLUS")
    c.want("504 5.5.4", "AUTH FOO")
    c.want("534 5.7.9", "AUTH CRAM-MD5")
    c.want("504 5.5.4", "AUTH EXTERNAL =")
    c.want("501 5.5.4", "AUTH")
    c.close()
    c = Line(d, transport="unix")
    c.want("501 5.5.2", "AUTH PLAIN !!!!")
    c.want("501 5.5.2", "AUTH PLAIN AGE")
    c.want("501 5.5.2", "AUTH PLAIN AGFubgBi=")
    c.want("535 5.7.8", f"AUTH PLAIN {plain(ANN, 'wrong')}")
    c.want("334", "AUTH PLAIN")
    c.want("501 5.7.0", "*")
    c.want("334", "auth login")
    c.want("334", b64(ANN))
    c.want("501 5.7.0", "*")
    c.want("334", "AUTH PLAIN =")
    c.want("235 2.7.0", plain(ANN, PASSWORD))
    c.want("503 5.5.1", f"AUTH PLAIN {plain(ANN, PASSWORD)}")
    c.want("250", "MAIL FROM:<ann@example.org> AUTH=ann@example.org")
    c.want("503 5.5.1", "AUTH PLAIN")
    c.close()
    c = Line(d, transport="unix", hello=False)
    c.want("503 5.5.1", "AUTH PLAIN")
    c.want("250", "HELO c.example")
    c.want("503 5.5.1", "AUTH PLAIN")
    c.close()


def nobody_without(d):
    c = Line(d, transport="unix")
    c.want("530 5.7.0", "MAIL FROM:<ann@example.org>")
    c.want("530 5.7.0", "MAIL FROM:<>")
    c.want("250", "NOOP")
    c.want("235", f"AUTH PLAIN {plain(ANN, PASSWORD)}")
    c.want("250", "MAIL FROM:<ann@example.org>")
    c.want("250", f"RCPT TO:<{ANN}>")
    c.want("354", "DATA")
    c.send(b"Subject: with a login\r\n\r\nhi\r\n.\r\n")
    c.want("250")
    mail = d.messages("ann/new")[-1].decode()
    expect(" with ESMTPA id " in mail, mail[:400])
    until(lambda: '"login":"ann@example.org"' in open(f"{d.state}/delivery.log").read(), "the delivery log")


def lmtp_too(d):
    c = Line(d, "lmtp")
    c.want("235", f"AUTH PLAIN {plain(ANN, PASSWORD)}")
    c.want("250", "MAIL FROM:<>")
    c.want("250", f"RCPT TO:<{ANN}>")
    c.want("354", "DATA")
    c.send(b"Subject: by LMTP\r\n\r\nhi\r\n.\r\n")
    c.want("250")
    expect(any(b" with LMTPA id " in m for m in d.messages("ann/new")), "LMTPA")


def who_nobody_is(d):
    d.tool("account", "add", "off@example.org", "--disabled")
    d.tool("account", "passwd", "off@example.org", data=b"known word\n")
    d.tool("account", "add", "mute@example.org")
    wrong = [
        (ANN, "wrong"), (ANN, ""), ("", ""), ("", PASSWORD), ("zoe@example.org", "x"), ("off@example.org", "known word"),
        ("mute@example.org", ""), ("mute@example.org", "x"), ("ann@example.net", PASSWORD), (ANN, PASSWORD + " "),
        (ANN, "x" * 1024), (ANN, "x" * 1400), (ANN, PASSWORD[:1]), (ANN + "\r\nx", PASSWORD), ("ann", PASSWORD),
        ("ann+x@example.org", PASSWORD), ("../ann@example.org", PASSWORD), ("x" * 700, "x"),
    ]  # fmt: skip
    c = Line(d, transport="unix")
    for user, password in wrong:
        said = c.say(f"AUTH PLAIN {plain(user, password)}")
        expect(said[:3] in ("535", "501"), f"{user!r} {password[:20]!r}: {said}")
        if len(user) < 300:
            c.want("334", "AUTH LOGIN")
            said = c.say(b64(user))
            if said.startswith("334"):
                said = c.say(b64(password))
            expect(said[:3] in ("535", "501"), f"LOGIN {user!r} {password[:20]!r}: {said}")
        if c.say("NOOP")[:3] != "250" or len(wrong) > 8:
            c.close()
            c = Line(d, transport="unix")
    c.want("535", f"AUTH PLAIN {plain(ANN, PASSWORD, 'mute@example.org')}")
    c.want("235", f"AUTH PLAIN {plain('Ann@EXAMPLE.org', PASSWORD, ANN)}")


def hostile_lines(d):
    for first in (b"AUTH PLAIN\r\n", b"AUTH LOGIN\r\n", b"AUTH SCRAM-SHA-256\r\n"):
        c = Line(d, transport="unix")
        c.send(first)
        c.want("334")
        c.send(b"A" * (1 << 20) + b"\r\n")
        c.want("500 5.5.6")
        c.want("250", "NOOP")
        c.close()
    c = Line(d, transport="unix")
    for octets in (b"\0", b"A\0==", b"QUJD\n", b"\xff\xfe", b" ", b"QUJD QUJD", b"QQ==QQ==", b"QQ", b"Q===", b"QR=="):
        c.send(b"AUTH PLAIN\r\n")
        c.want("334")
        c.send(octets + b"\r\n")
        c.want("501 5.5.2")
    c.close()
    c = Line(d, transport="unix")
    for octets in (b"", b"\0", b"\0\0", b"\0\0\0", b"a\0b\0c\0d", b"\0" * 9000, b"\xff\0\xff\0\xff", b"a" * 9000):
        c.send(b"AUTH PLAIN\r\n")
        c.want("334")
        said = c.say(b64(octets))
        if said.startswith("334"):
            said = c.say("*")
        expect(said[:3] in ("501", "535"), f"{octets[:10]!r}: {said}")
    c.close()
    c = Line(d)
    for octets in (b"", b"n,,", b"n,,n=,r=", b"n,,n=ann", b"y,,n=a,r=b", b"p=tls-unique,,n=a,r=b", b"n,a=,n=a,r=b",
                   b"n,,n=a=2Cb,r=" + b"x" * 1000, b"\0" * 1000, b"n,,m=x,n=a,r=b"):  # fmt: skip
        said = c.say(f"AUTH SCRAM-SHA-256 {b64(octets) or '='}")
        if said.startswith("334"):
            said = c.say(b64(b"c=biws,r=x,p=AAAA"))
        expect(said[:3] in ("501", "535"), f"{octets[:20]!r}: {said}")
    c.close()


def pipelined(d):
    c = Line(d, transport="unix")
    c.send(f"AUTH PLAIN {plain(ANN, PASSWORD)}\r\nMAIL FROM:<{ANN}>\r\nRCPT TO:<{ANN}>\r\nRSET\r\n".encode())
    for code in ("235", "250 2.1.0", "250", "250 2.0.0"):
        c.want(code)
    c.close()
    c = Line(d, transport="unix")
    c.send(f"AUTH LOGIN\r\n{b64(ANN)}\r\n{b64('wrong')}\r\nNOOP\r\n".encode())
    for code in ("334", "334", "535", "250"):
        c.want(code)
    c.close()


def gone_in_the_middle(d):
    """Clients that leave at every step cost nobody anything."""
    for step in range(4):
        for _ in range(5):
            c = Line(d, transport="unix")
            lines = ["AUTH LOGIN", b64(ANN), b64("wrong")]
            for line in lines[:step]:
                c.send(line.encode() + b"\r\n")
                if line != lines[-1]:
                    c.reply()
            c.close()
    c = Line(d, transport="unix")
    c.want("235", f"AUTH PLAIN {plain(ANN, PASSWORD)}")


def others_go_on(d):
    """One that says no base64, and many that never answer, stop nobody."""
    silent = [Line(d) for _ in range(50)]
    for c in silent:
        c.want("334", "AUTH SCRAM-SHA-256")
    bad = Line(d, transport="unix")
    bad.want("501", "AUTH PLAIN %%%%")
    good = Line(d, transport="unix")
    good.want("235", f"AUTH PLAIN {plain(ANN, PASSWORD)}")
    for c in silent:
        c.close()


def role_killed(d):
    pid = role_pid("auth")
    before = len(pid(d))
    c = Line(d)
    c.want("334", "AUTH SCRAM-SHA-256")
    os.kill(pid(d)[-1], signal.SIGKILL)
    until(lambda: len(pid(d)) > before, "another auth role")
    c.want("454 4.7.0", b64(f"n,,n={ANN},r=abcdefgh"))
    c.close()
    c = Line(d, transport="unix")
    c.want("235", f"AUTH PLAIN {plain(ANN, PASSWORD)}")


def foreign_hashes(d):
    """crypt(3) hashes are verified, and are argon2id afterwards; then SCRAM works too."""
    for name, salt in (("sha", "$6$saltsalt$"), ("yes", "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$"), ("bf", "$2b$05$abcdefghijklmnopqrstuu")):
        hashed = subprocess.run(
            ["perl", "-e", "print crypt($ARGV[0], $ARGV[1])", PASSWORD, salt], capture_output=True, text=True
        ).stdout
        expect(hashed.startswith(salt[:7]), f"perl crypt: {hashed!r}")
        account = f"{name}@example.org"
        d.tool("account", "import", "-", data=f"{account}:{hashed}\n".encode())
        c = Line(d, transport="unix")
        c.want("535", f"AUTH PLAIN {plain(account, 'wrong')}")
        c.want("235", f"AUTH PLAIN {plain(account, PASSWORD)}")
        c.close()
        c = Line(d, transport="unix")
        c.want("235", f"AUTH PLAIN {plain(account, PASSWORD)}")
        c.close()
        expect(gsasl(d, "SCRAM-SHA-256", account, PASSWORD), "SCRAM after the upgrade")


def are_upgraded(d):
    """Read when the daemon has ended: it lets nobody else into its database."""
    db = sqlite3.connect(f"file:{d.state}/accounts.sqlite?mode=ro", uri=True)
    rows = db.execute("SELECT user, password_hash, scram FROM accounts WHERE user IN ('sha', 'yes', 'bf')").fetchall()
    db.close()
    expect(len(rows) == 3, rows)
    for user, password_hash, scram in rows:
        expect(password_hash.startswith("$argon2id$"), f"{user}: {password_hash}")
        expect(scram.startswith("SCRAM-SHA-256$"), f"{user}: {scram}")


# --- real clients ---


def with_smtplib(d):
    for mechanism in ("PLAIN", "LOGIN"):
        s = smtplib.SMTP("127.0.0.1", d.ports["lmtp"])
        s.ehlo_msg = "lhlo"
        s.ehlo()
        s.user, s.password = ANN, PASSWORD
        code, _ = s.auth(mechanism, getattr(s, f"auth_{mechanism.lower()}"))
        expect(code == 235, f"{mechanism}: {code}")
        s.close()


def gsasl(d, mechanism, user, password, *more, port=None):
    done = subprocess.run(
        ["gsasl", "--smtp", "--connect", f"localhost:{port or d.ports['smtp']}", "-m", mechanism, "-a", user, "-z", "",
         "-p", password, *(more or ["--no-starttls"])],
        input="", capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return "\n235 " in done.stdout


def with_gsasl(d):
    expect(gsasl(d, "SCRAM-SHA-256", ANN, PASSWORD), "SCRAM-SHA-256")
    expect(not gsasl(d, "SCRAM-SHA-256", ANN, "wrong"), "a wrong password")
    expect(not gsasl(d, "SCRAM-SHA-256", "zoe@example.org", PASSWORD), "nobody")


def with_swaks(d):
    for mechanism in ("PLAIN", "LOGIN"):
        done = subprocess.run(
            ["swaks", "--protocol", "LMTP", "--server", "127.0.0.1", "--port", str(d.ports["lmtp"]), "--to", ANN,
             "--from", ANN, "--auth", mechanism, "--auth-user", ANN, "--auth-password", PASSWORD],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        expect(done.returncode == 0, done.stdout[-600:])


def with_curl(d, port, ca):
    message = f"{FOLDER}/message"
    with open(message, "w") as f:
        f.write("Subject: by curl\r\n\r\nhi\r\n")
    for mechanism in ("PLAIN", "LOGIN"):
        done = subprocess.run(
            ["curl", "-sS", "--ssl-reqd", "--cacert", ca.pem, "--resolve", f"mx.example.org:{port}:127.0.0.1",
             f"smtp://mx.example.org:{port}", "--login-options", f"AUTH={mechanism}", "-u", f"{ANN}:{PASSWORD}",
             "--mail-from", ANN, "--mail-rcpt", ANN, "-T", message],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        expect(done.returncode == 0, done.stderr)
    until(lambda: any(b" with ESMTPSA id " in m for m in d.messages("ann/new")), "ESMTPSA")


def bound_to_tls(d, port, ca):
    s = smtplib.SMTP("127.0.0.1", port)
    s.ehlo()
    expect("PLAIN" not in s.esmtp_features["auth"], s.esmtp_features["auth"])
    tls = context(ca.pem)
    s._host = "mx.example.org"
    s.starttls(context=tls)
    s.ehlo()
    expect("SCRAM-SHA-256-PLUS" in s.esmtp_features["auth"], s.esmtp_features["auth"])
    expect("PLAIN" in s.esmtp_features["auth"], s.esmtp_features["auth"])
    # A client that says it could bind, and was not told that we can, was lied to by somebody.
    code, _ = s.docmd("AUTH", "SCRAM-SHA-256 " + b64(f"y,,n={ANN},r=abcdefgh"))
    expect(code in (501, 535), f"downgrade: {code}")
    code, _ = s.docmd("AUTH", "SCRAM-SHA-256-PLUS " + b64(f"p=tls-unique,,n={ANN},r=abcdefgh"))
    expect(code in (501, 535), f"a binding that is none of ours: {code}")
    s.close()
    tls_options = ["--x509-ca-file", ca.pem, "--starttls"]
    expect(gsasl(d, "SCRAM-SHA-256-PLUS", ANN, PASSWORD, *tls_options, port=port), "gsasl -PLUS")
    expect(not gsasl(d, "SCRAM-SHA-256-PLUS", ANN, "wrong", *tls_options, port=port), "gsasl -PLUS, wrong")


def not_bound_to_tls_1_2(d, port, ca):
    """Without -PLUS a client that could bind says so ("y"), and is no downgraded one."""
    s = smtplib.SMTP("127.0.0.1", port)
    s._host = "mx.example.org"
    s.ehlo()
    s.starttls(context=context(ca.pem, version=ssl.TLSVersion.TLSv1_2))
    s.ehlo()
    expect(s.esmtp_features["auth"].split()[0] == "SCRAM-SHA-256", s.esmtp_features["auth"])
    code, _ = s.docmd("AUTH", "SCRAM-SHA-256 " + b64(f"y,,n={ANN},r=abcdefgh"))
    expect(code == 334, f"y: {code}")
    s.docmd("*")
    code, _ = s.docmd("AUTH", "SCRAM-SHA-256-PLUS " + b64(f"p=tls-unique,,n={ANN},r=abcdefgh"))
    expect(code in (504, 538), f"-PLUS: {code}")
    s.close()


def records_that_come_together(d, ca):
    """A line and its end in two records of TLS, in one segment: some clients write so, and a slow network joins them.
    What was read is wiped, for it may be a password; what was not read yet is not."""
    for mechanism, lines in (("PLAIN", [plain(ANN, PASSWORD)]), ("LOGIN", [b64(ANN), b64(PASSWORD)])):
        c = Line(d)
        c.want("220", "STARTTLS")
        into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context(ca.pem).wrap_bio(into, out, server_hostname="mx.example.org")

        def exchange(step, *arguments):
            while True:
                try:
                    return step(*arguments)
                except ssl.SSLWantReadError:
                    c.send(out.read())
                    got = c.socket.recv(65536)
                    expect(got, f"{mechanism}: the server closed")
                    into.write(got)

        def say(*records):
            for record in records:
                tls.write(record)
            c.send(out.read())
            said = b""
            while not re.search(rb"^\d{3} .*\r\n\Z", said, re.MULTILINE):
                said += exchange(tls.read, 65536)
            return said.decode()

        exchange(tls.do_handshake)
        expect("AUTH" in say(b"EHLO c.example", b"\r\n"), "EHLO")
        expect(say(b"AUTH ", mechanism.encode(), b"\r\n").startswith("334"), mechanism)
        for line in lines:
            said = say(*(octet.encode() for octet in line), b"\r", b"\n")
        expect(said.startswith("235"), f"{mechanism}: {said}")
        expect(say(b"NO", b"OP\r\n").startswith("250"), "what stands behind it")
        c.close()


def by_certificate(d, port, ca):
    for name, code in ((ANN, 235), ("zoe@example.org", 535)):
        pair = ca.issue(name.replace("@", "-"), subject=name)
        tls = context(ca.pem)
        tls.load_cert_chain(pair.pem, pair.key_pem)
        s = smtplib.SMTP("127.0.0.1", port)
        s._host = "mx.example.org"
        s.ehlo()
        s.starttls(context=tls)
        s.ehlo()
        expect("EXTERNAL" in s.esmtp_features["auth"], s.esmtp_features["auth"])
        got, _ = s.docmd("AUTH", "EXTERNAL =")
        expect(got == code, f"{name}: {got}")
        if code == 235:
            got, _ = s.docmd("MAIL", f"FROM:<{name}>")
            expect(got == 250, "MAIL")
        s.close()


# --- bans ---


def delays_and_bans(d):
    """An address is banned for everybody there, an account for strangers only."""
    c = Line(d, transport="unix")
    c.want("235", f"AUTH PLAIN {plain(ANN, PASSWORD)}")
    c.close()

    def as_client(address):
        line = Line(d, transport="unix")
        line.want("220", f"XCLIENT ADDR={address}")
        line.want("250", "EHLO c.example")
        return line

    for i in range(5):
        c = as_client("192.0.2.1")
        c.want("535", f"AUTH PLAIN {plain(f'nobody{i}@example.org', 'x')}")
        c.close()
    c = as_client("192.0.2.1")
    c.want("454 4.7.0", f"AUTH PLAIN {plain(ANN, PASSWORD)}")
    c.close()
    as_client("192.0.2.2").want("235", f"AUTH PLAIN {plain(ANN, PASSWORD)}")
    rows = d.tool("ban", "list").decode()
    expect("192.0.2.1" in rows and "address" in rows, rows)
    d.tool("ban", "remove", "192.0.2.1")
    as_client("192.0.2.1").want("235", f"AUTH PLAIN {plain(ANN, PASSWORD)}")
    for i in range(4):
        as_client(f"198.51.100.{i}").want("535", f"AUTH PLAIN {plain(ANN, 'guess')}")
    as_client("203.0.113.1").want("454 4.7.0", f"AUTH PLAIN {plain(ANN, PASSWORD)}")
    as_client("192.0.2.2").want("235", f"AUTH PLAIN {plain(ANN, PASSWORD)}")  # its owner's address
    as_client("203.0.113.1").want("235", f"AUTH PLAIN {plain('bob@example.org', PASSWORD)}")  # others
    d.tool("ban", "add", "--for", "1h", "2001:db8::5")
    as_client("IPV6:2001:db8::99").want("454 4.7.0", f"AUTH PLAIN {plain(ANN, PASSWORD)}")
    expect("2001:db8::/64" in d.tool("ban", "list", "--json").decode(), "the network")
    as_client("IPV6:2001:db8:0:1::99").want("235", f"AUTH PLAIN {plain('bob@example.org', PASSWORD)}")
    d.tool("ban", "remove", "2001:db8::/64")
    as_client("IPV6:2001:db8::99").want("235", f"AUTH PLAIN {plain('bob@example.org', PASSWORD)}")


def bans_outlive_the_store(d):
    """A reload, a store that is killed, and a restart forgive nobody; nor do they forget who is known."""

    def guess(address, name):
        line = Line(d, transport="unix")
        line.want("220", f"XCLIENT ADDR={address}")
        line.want("250", "EHLO c.example")
        code = line.say(f"AUTH PLAIN {plain(name, 'guess')}")[:3]
        line.close()
        return code

    def still_banned():
        expect(guess("192.0.2.77", ANN) == "454", "the address is forgiven")
        expect("192.0.2.77" in d.tool("ban", "list").decode(), "the ban is not listed")

    for i in range(5):
        expect(guess("192.0.2.77", f"nobody{i}@example.org") == "535", "no failure")
    still_banned()
    saved = f"{d.state}/penalties"
    until(lambda: os.path.exists(saved) and b"192.0.2.77" in open(saved, "rb").read(), "the file")
    d.process.send_signal(signal.SIGHUP)
    until(lambda: " reload" in d.log_text(), "the reload")
    still_banned()
    d.kill()  # nobody says goodbye
    d.start()
    still_banned()
    d.end()
    with open(saved, "r+b") as f:  # a file that cannot be read is one that is not there
        f.truncate(20)
    d.start()
    expect("not to be read" in d.log_text(), "nobody noticed the broken file")
    expect(guess("192.0.2.77", ANN) == "535", "a ban without a file")
    d.tool("ban", "add", "--for", "1h", "192.0.2.78")
    d.end()
    d.start()
    expect(guess("192.0.2.78", ANN) == "454", "a ban by hand was lost")
    d.tool("ban", "remove", "192.0.2.78")


def as_user(uid, check):
    """In a process of its own, which has that uid; what it raises is a failure."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setresuid(uid, uid, uid)
            check()
            status = 0
        except BaseException as failure:  # of any kind: this process must not go on
            print(f"as uid {uid}: {failure!r}", flush=True)
        finally:
            os._exit(status)
    expect(os.waitpid(child, 0)[1] == 0, f"uid {uid}: see above")


def by_uid():
    """EXTERNAL on a unix socket: the peer is who its uid says, and nobody else."""
    user = pwd.getpwnam("daemon")
    d = Daemon(
        in_smtp="auth = yes require = auth trusted = {}",
        more=CHEAP % MANY + 'uid_min = 1\ndomain "users.example" { accounts = "passwd" }',
    )

    def himself():
        c = Line(d, transport="unix")
        expect("EXTERNAL" in c.extensions, c.extensions)
        c.want("530", "MAIL FROM:<daemon@users.example>")
        c.want("235", "AUTH EXTERNAL =")
        c.want("250", "MAIL FROM:<daemon@users.example>")
        c.want("250", "RCPT TO:<ann@example.org>")
        c.want("354", "DATA")
        c.send(b"Subject: x\r\n\r\nhi\r\n.\r\n")
        c.want("250")
        c.close()
        c = Line(d, transport="unix")
        c.want("235", "AUTH EXTERNAL " + b64("daemon@users.example"))
        c.close()

    def somebody_else():
        for name in ("ann@example.org", "root@users.example"):
            c = Line(d, transport="unix")
            c.want("535", "AUTH EXTERNAL " + b64(name))
            c.close()

    def unknown():
        c = Line(d, transport="unix")
        c.want("535", "AUTH EXTERNAL =")
        c.close()

    try:
        d.start()
        set_password(d)
        os.chmod(d.folder, 0o711)
        os.chmod(f"{d.folder}/smtp.sock", 0o666)
        as_user(user.pw_uid, himself)
        as_user(user.pw_uid, somebody_else)
        as_user(54321, unknown)
        expect("EXTERNAL" not in Line(d).extensions, "EXTERNAL over TCP")
        (stored,) = d.messages("ann/new")
        expect(b"with ESMTPA id" in stored, stored[:400])
        expect("account=daemon@users.example" in " ".join(login_events(d)), login_events(d))
        d.end()
    finally:
        if d.process is not None:
            d.kill()
        d.remove()


def address_of_a_socket(d):
    """Without XCLIENT it is the peer's that pays, and a unix socket has none."""
    for i in range(5):
        c = Line(d)
        c.want("334", "AUTH SCRAM-SHA-256 " + b64(f"n,,n=nobody{i}@example.org,r=abcdefgh"))
        c.want("535", b64("c=biws,r=x,p=" + "A" * 43 + "="))
        c.close()
    Line(d).want("454 4.7.0", "AUTH SCRAM-SHA-256 " + b64(f"n,,n={ANN},r=abcdefgh"))
    rows = d.tool("ban", "list").decode()
    expect("127.0.0.1" in rows, rows)
    Line(d, transport="unix").want("235", f"AUTH PLAIN {plain('bob@example.org', PASSWORD)}")


def too_many_in_a_session(d):
    c = Line(d, transport="unix")
    c.want("535", f"AUTH PLAIN {plain('a@example.org', 'x')}")
    c.want("535", f"AUTH PLAIN {plain('b@example.org', 'x')}")
    c.want("421 4.7.0", f"AUTH PLAIN {plain('c@example.org', 'x')}")
    expect(c.file.readline() == b"", "closed")


def nothing_is_logged(d):
    said = d.log_text() + open(f"{d.state}/delivery.log").read()
    for secret in (PASSWORD, b64(PASSWORD), plain(ANN, PASSWORD)):
        expect(secret not in said, "a password is in the log")
    expect(login_events(d), "log-ins are logged")


def end_with_a_kill(d):
    """As end(), but for the role that a check killed."""
    pid = d.process
    d.terminate()
    expect(pid.wait(60) == 0, "status")
    d.process = None
    alarms = [l for l in d.log_text().splitlines() if "Sanitizer" in l or "runtime error" in l or "Assertion" in l]
    expect(not alarms, "\n".join(alarms[:5]))


def main():
    t = Tests("auth")
    ca = Authority(FOLDER, "ours")
    mx = ca.issue("mx", ["mx.example.org", "localhost"])
    daemon = Daemon(
        in_smtp=f'auth = yes require = auth tls = offered\nclient_ca = "{ca.pem}"\n' + mx.settings(),
        in_lmtp="auth = yes auth_plain_without_tls = yes",
        more=CHEAP % MANY + "\nlog_level = debug",
    )
    strict = Daemon(
        in_smtp="auth = yes",
        more=CHEAP % "address_failures = 5 account_failures = 4 session_failures = 3 decay = 1h",
    )
    try:
        daemon.start()
        set_password(daemon)
        for check in (
            what_is_announced, replies, nobody_without, lmtp_too, who_nobody_is, hostile_lines, pipelined,
            gone_in_the_middle, others_go_on, with_smtplib,
        ):  # fmt: skip
            t.run(check.__name__.replace("_", " "), check, daemon)
        if t.has("gsasl", "SCRAM"):
            t.run("gsasl", with_gsasl, daemon)
            t.run("foreign hashes", foreign_hashes, daemon)
            t.run("bound to TLS", bound_to_tls, daemon, daemon.ports["smtp"], ca)
        if t.has("swaks", "swaks"):
            t.run("swaks", with_swaks, daemon)
        if t.has("curl", "curl"):
            t.run("curl", with_curl, daemon, daemon.ports["smtp"], ca)
        t.run("not bound to TLS 1.2", not_bound_to_tls_1_2, daemon, daemon.ports["smtp"], ca)
        t.run("records that come together", records_that_come_together, daemon, ca)
        t.run("by certificate", by_certificate, daemon, daemon.ports["smtp"], ca)
        t.run("role killed", role_killed, daemon)
        t.run("nothing is logged", nothing_is_logged, daemon)
        strict.start()
        set_password(strict)
        set_password(strict, "bob@example.org")
        t.run("delays and bans", delays_and_bans, strict)
        t.run("bans outlive the store", bans_outlive_the_store, strict)
        if os.geteuid() == 0:
            t.run("by uid", by_uid)
        else:
            t.skip("by uid", "needs root")
        t.run("address of a socket", address_of_a_socket, strict)
        t.run("too many in a session", too_many_in_a_session, strict)
        t.run("a good end", strict.end)
        t.run("and of the other", end_with_a_kill, daemon)
        if shutil.which("gsasl"):
            t.run("hashes were upgraded", are_upgraded, daemon)
    finally:
        for d in (daemon, strict):
            if d.process is not None:
                d.process.send_signal(signal.SIGTERM)
                d.process.wait(60)
            d.remove()
        shutil.rmtree(FOLDER, ignore_errors=True)
    t.end()


if __name__ == "__main__":
    main()
