#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The relay role in front of real servers, each a private one: smtp-sink, Postfix's smtpd with STARTTLS and
AUTH, Dovecot's LMTP server, OpenSMTPD, aiosmtpd with faults. What arrives is what was sent, byte for byte.
Needs root, because Postfix and Dovecot do. The last line is "N passed, N failed"."""

import contextlib
import glob
import json
import os
import pwd
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile

from certificates import Authority
from harness import HERE, Daemon, Tests, expect, until
from postfix import Postfix, free_port
from relay_role import RelayRole, has_namespaces

BODY = (
    b"From: ann@example.org\r\nTo: bob@example.net\r\nSubject: x\r\nMessage-ID: <1@example.org>\r\n"
    b"Date: Sun, 01 Feb 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    b".one\r\n..\r\n.\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n" + b"x" * 900 + b"\r\n"
)
ASCII = BODY.replace(b"\xc3\xbc\xc3\x9f", b"ue").replace(b"8bit", b"7bit")
BODY_8BITMIME = 1
PASSWORD = "a long pass phrase"
MAIL_USER = pwd.getpwnam("games")

POSTFIX = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = hop.example
mydestination =
mynetworks =
alias_maps =
maillog_file = {folder}/log/maillog
maillog_file_prefixes = {folder}
virtual_mailbox_domains = example.net
virtual_mailbox_maps = inline:{{ bob@example.net=bob/ eve@example.net=eve/ }}
virtual_mailbox_base = {folder}/mail
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_tls_cert_file = {pem}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_received_header = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {auth}
smtpd_recipient_restrictions = reject_unauth_destination
"""
POSTFIX_SERVICES = """
127.0.0.1:{smtp} inet n - n - - smtpd
127.0.0.1:{submission} inet n - n - - smtpd
    -o smtpd_sasl_auth_enable=yes
    -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
127.0.0.1:{smtps} inet n - n - - smtpd
    -o smtpd_tls_wrappermode=yes
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
proxymap  unix  - - n - - proxymap
virtual   unix  - n n - - virtual
error     unix  - - n - - error
retry     unix  - - n - - error
anvil     unix  - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""

DOVECOT = """
base_dir = {folder}/run
log_path = {folder}/log
protocols = lmtp
ssl = no
auth_mechanisms = plain login scram-sha-256
mail_location = maildir:{folder}/mail/%u
first_valid_uid = 1
passdb {{
    driver = passwd-file
    args = scheme=plain username_format=%u {folder}/users
}}
userdb {{
    driver = passwd-file
    args = username_format=%u {folder}/users
}}
service lmtp {{
    unix_listener {folder}/lmtp {{
        mode = 0666
    }}
    inet_listener lmtp {{
        address = 127.0.0.1
        port = {lmtp}
    }}
}}
service auth {{
    unix_listener {folder}/auth {{
        mode = 0666
    }}
}}
protocol lmtp {{
    mail_max_userip_connections = 0
}}
"""

OPENSMTPD = """
pki hop cert "{pem}"
pki hop key "{key}"
listen on 127.0.0.1 port {smtp} tls pki hop hostname hop.example
action sink relay host "lmtp://127.0.0.1:{lmtp}"
match from any for domain "example.net" action sink
"""


def wants(result, *states):
    expect([a.state for a in result.answers] == list(states), repr(result))


def contents(pattern):
    found = []
    for path in glob.glob(pattern):
        with open(path, "rb") as f:
            found.append(f.read())
    return found


def arrives(pattern, octets, what):
    """Of some file the end is these octets; MTAs put their trace fields above."""
    plain = octets.replace(b"\r\n", b"\n")
    until(lambda: any(c.replace(b"\r\n", b"\n").rstrip(b"\n").endswith(plain.rstrip(b"\n")) for c in contents(pattern)),
          what, 30)


def is_open(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 5).close()
        return True
    return False


class Place:
    """A folder that servers of other users may enter, certificates, and processes to be ended."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="doorstep-hops.")
        os.chmod(self.folder, 0o755)
        self.ca = Authority(self.folder, "ours")
        self.pair = self.ca.issue("hop", ["hop.example"])
        self.processes = []
        with open(self.ca.pem) as f:
            self.authorities = {None: f.read()}

    def make(self, name, user=None):
        path = f"{self.folder}/{name}"
        os.makedirs(path, exist_ok=True)
        os.chmod(path, 0o777 if user is None else 0o755)
        if user:
            os.chown(path, user.pw_uid, user.pw_gid)
        return path

    def start(self, port, *command):
        log = open(f"{self.folder}/{os.path.basename(command[0])}.log", "ab")  # noqa: SIM115
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.processes.append(process)
        until(lambda: is_open(port), f"{command[0]} does not answer", 30)

    def remove(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


class RealPostfix(Postfix):
    def __init__(self, place, auth):
        self.folder = place.make("postfix")
        os.chmod(self.folder, 0o755)
        for name in ("conf", "queue", "data", "log", "mail"):
            os.mkdir(f"{self.folder}/{name}")
        shutil.chown(f"{self.folder}/data", "postfix")
        os.chown(f"{self.folder}/mail", MAIL_USER.pw_uid, MAIL_USER.pw_gid)
        self.port, self.submission, self.smtps = free_port(), free_port(), free_port()
        values = {
            "folder": self.folder, "uid": MAIL_USER.pw_uid, "gid": MAIL_USER.pw_gid, "auth": auth,
            "pem": place.pair.pem, "key": place.pair.key_pem, "smtp": self.port,
            "submission": self.submission, "smtps": self.smtps,
        }
        for name, text in (("main.cf", POSTFIX), ("master.cf", POSTFIX_SERVICES)):
            with open(f"{self.folder}/conf/{name}", "w") as f:
                f.write(text.format(**values))


# --- smtp-sink ---


def sink(place, options, protocol="smtp", body=BODY):
    port, folder = free_port(), place.make(f"sink{options}")
    place.start(port, "smtp-sink", "-u", "nobody", *options.split(), "-d", f"{folder}/%M.", f"127.0.0.1:{port}", "100")
    with RelayRole(f'relay {{ smarthost = "127.0.0.1:{port}" protocol = {protocol} }}') as role:
        for _ in range(3):
            wants(role.send(body, body=BODY_8BITMIME if body is BODY else 0), "delivered")
    arrives(f"{folder}/*", body, "it arrived as another one")
    expect(len(contents(f"{folder}/*")) == 3, "three were sent")


def sink_without_8bitmime(place):
    port, folder = free_port(), place.make("sink-8")
    place.start(port, "smtp-sink", "-u", "nobody", "-8", "-d", f"{folder}/%M.", f"127.0.0.1:{port}", "100")
    with RelayRole(f'relay {{ smarthost = "127.0.0.1:{port}" }}') as role:
        wants(role.send(BODY, body=BODY_8BITMIME), "delivered")
    (text,) = contents(f"{folder}/*")
    expect(max(text) < 128 and b"quoted-printable" in text.lower() and b"Gr=C3=BC=C3=9Fe" in text, repr(text))


def sink_that_refuses(place):
    for options, state in (("-f RCPT", "failed"), ("-r RCPT", "deferred"), ("-r .", "deferred"), ("-q MAIL", "deferred")):
        port = free_port()
        place.start(port, "smtp-sink", "-u", "nobody", *options.split(), f"127.0.0.1:{port}", "100")
        with RelayRole(f'relay {{ smarthost = "127.0.0.1:{port}" }}') as role:
            wants(role.send(ASCII), state)


# --- Postfix ---


def postfix_in_plain_and_with_tls(place, postfix):
    for tls in ("none", "opportunistic", "required"):
        with RelayRole(
            f'relay {{ smarthost = "127.0.0.1:{postfix.port}" tls = {tls} tls_name = "hop.example" }}'
            if tls != "none" else f'relay {{ smarthost = "127.0.0.1:{postfix.port}" tls = none }}',
            authorities=place.authorities,
        ) as role:
            body = BODY.replace(b"Subject: x", b"Subject: " + tls.encode())
            result = role.send(body, body=BODY_8BITMIME, recipients=("bob@example.net", "eve@example.net"))
            wants(result, "delivered", "delivered")
            expect(result.tls.startswith("TLSv1.3") == (tls != "none") and result.dsn, repr(result))
            arrives(f"{postfix.folder}/mail/bob/new/*", body, "it arrived as another one")
            arrives(f"{postfix.folder}/mail/eve/new/*", body, "it arrived as another one")
            expect(("verified=yes" in role.log()) == (tls != "none"), role.log())


def postfix_resumes(place, postfix):
    """Its tickets: a connection for each message, one whole handshake."""
    settings = 'tls = required tls_name = "hop.example" connection_messages = 1'
    with RelayRole(f'relay {{ smarthost = "127.0.0.1:{postfix.port}" {settings} }}',
                   authorities=place.authorities) as role:
        for _ in range(3):
            wants(role.send(ASCII), "delivered")
        until(lambda: role.log().count("relay_tls") == 3, role.log())
        expect(role.log().count("verified=yes resumed=yes") == 2, role.log())


def postfix_with_implicit_tls(place, postfix):
    with RelayRole(f'relay {{ smarthost = "127.0.0.1:{postfix.smtps}" tls = implicit tls_name = "hop.example" }}',
                   authorities=place.authorities) as role:
        wants(role.send(BODY, body=BODY_8BITMIME), "delivered")


def postfix_wants_a_log_in(place, postfix):
    login = 'tls = required tls_name = "hop.example" user = "relay" password_file = "/none"'
    settings = f'relay {{ smarthost = "127.0.0.1:{postfix.submission}" {login} }}'
    body = BODY.replace(b"Subject: x", b"Subject: logged in")
    with RelayRole(settings, {"": PASSWORD}, place.authorities) as role:
        wants(role.send(body, body=BODY_8BITMIME), "delivered")
        arrives(f"{postfix.folder}/mail/bob/new/*", body, "it arrived as another one")
        postfix.wait_log("sasl_method=SCRAM-SHA-256, sasl_username=relay")
    with RelayRole(settings, {"": "another"}, place.authorities) as role:
        wants(role.send(body, body=BODY_8BITMIME), "deferred")


def postfix_refuses_one_of_two(place, postfix):
    with RelayRole(f'relay {{ smarthost = "127.0.0.1:{postfix.port}" }}') as role:
        result = role.send(ASCII, recipients=("bob@example.net", "nobody@example.net", "x@example.com"))
        wants(result, "delivered", "failed", "deferred")  # the last one: 454
        expect(result.answers[1].enhanced == "5.1.1", repr(result))


def large_messages(place, postfix):
    """By BDAT, under TLS; and more than Postfix takes: SIZE says so before the message is on its way."""
    large = ASCII + b"".join(b".%d\r\n" % i + b"x" * 890 + b"\r\n" for i in range(10 << 10))
    with RelayRole(f'relay {{ smarthost = "127.0.0.1:{postfix.port}" }}') as role:
        wants(role.send(large), "delivered")
        arrives(f"{postfix.folder}/mail/bob/new/*", large, "it arrived as another one")
        result = role.send(b"Subject: x\r\n\r\n" + (b"x" * 900 + b"\r\n") * (50 << 10))
        wants(result, "failed")
        expect(result.first.enhanced in ("5.3.4", "5.2.3"), repr(result))


# --- Dovecot ---


def dovecot_delivers(place, dovecot):
    for name, hop in (("unix", f"unix:{dovecot.folder}/lmtp"), ("tcp", f"127.0.0.1:{dovecot.lmtp}")):
        with RelayRole(f'relay {{ smarthost = "{hop}" protocol = lmtp }}') as role:
            body = BODY.replace(b"Subject: x", b"Subject: " + name.encode())
            result = role.send(body, body=BODY_8BITMIME, recipients=("bob@example.net", "nobody@example.net", "eve@example.net"))
            wants(result, "delivered", "failed", "delivered")
            expect(result.answers[1].code == 550, repr(result))
            for user in ("bob", "eve"):
                arrives(f"{dovecot.folder}/mail/{user}@example.net/new/*", body, "it arrived as another one")


class Dovecot:
    def __init__(self, place):
        self.folder, self.lmtp = place.make("dovecot"), free_port()
        os.chmod(self.folder, 0o755)
        os.mkdir(f"{self.folder}/mail")
        os.chown(f"{self.folder}/mail", MAIL_USER.pw_uid, MAIL_USER.pw_gid)
        with open(f"{self.folder}/users", "w") as f:
            for user in ("bob@example.net", "eve@example.net", "bob@home.example", "relay"):
                f.write(f"{user}:{PASSWORD}:{MAIL_USER.pw_uid}:{MAIL_USER.pw_gid}::{self.folder}/mail/{user}\n")
        os.chmod(f"{self.folder}/users", 0o644)
        with open(f"{self.folder}/conf", "w") as f:
            f.write(DOVECOT.format(folder=self.folder, lmtp=self.lmtp))
        place.start(self.lmtp, "dovecot", "-F", "-c", f"{self.folder}/conf")


def a_front_of_dovecot(place, dovecot):
    """Accounts of a front whose home is Dovecot: RCPT is answered as Dovecot answers it."""
    route = f'route "dovecot" {{ next_hop = "127.0.0.1:{dovecot.lmtp}" protocol = "lmtp" tls = "none" }}\n'
    front = Daemon(more=route + 'domain "home.example" { accounts = "any" forward = "dovecot" }')
    body = ASCII.replace(b"Subject: x", b"Subject: by a front")
    try:
        front.start()
        with smtplib.SMTP("127.0.0.1", front.ports["smtp"], timeout=60) as client:
            client.ehlo()
            client.mail("ann@example.org")
            code, text = client.rcpt("nobody@home.example")
            expect(code == 550 and text.startswith(b"5.1.1 <nobody@home.example>"), f"{code} {text}")
            expect(b"User doesn't exist" in text, f"not Dovecot's words: {text}")
            expect(client.rcpt("bob@home.example")[0] == 250, "bob is refused")
            code, text = client.data(body)
            expect(code == 250, f"{code} {text}")
        arrives(f"{dovecot.folder}/mail/bob@home.example/new/*", body, "it arrived as another one")
        line = json.loads(front.tool("--json", "trace", "bob@home.example"))[-1]
        expect(line["host"].endswith(f"[127.0.0.1]:{dovecot.lmtp}") and "Saved" in line["text"], str(line))
        front.end()
    finally:
        front.remove()


# --- aiosmtpd ---


def aiosmtpd_with_faults(place):
    port, folder = free_port(), place.make("aiosmtpd")
    place.start(port, "/usr/bin/python3", f"{HERE}/aiosmtpd_hop.py", str(port), folder, place.pair.pem, place.pair.key_pem)
    with RelayRole(f'relay {{ smarthost = "127.0.0.1:{port}" tls = required tls_name = "hop.example" }}',
                   authorities=place.authorities) as role:
        result = role.send(BODY, body=BODY_8BITMIME, smtputf8=1,
                           recipients=("bob@x.example", "unknown@x.example", "busy@x.example", "b\u00fcro@x.example"))
        wants(result, "delivered", "failed", "deferred", "delivered")
        arrives(f"{folder}/*", BODY, "it arrived as another one")
        wants(role.send(ASCII, recipients=("spam@x.example",)), "failed")
        wants(role.send(ASCII, recipients=("crash@x.example",)), "failed")
        jobs = [role.begin(ASCII, recipients=("slow@x.example",)) for _ in range(20)]
        for job in jobs:
            wants(role.wait(job), "delivered")


# --- OpenSMTPD ---


def opensmtpd_delivers(place, dovecot):
    """In a mount namespace of its own: its folders are the system's. It offers a TLS that Debian 12's version
    cannot do, with OpenSSL 3: what wants TLS waits, what only takes it goes in plain."""
    port = free_port()
    configuration = f"{place.folder}/smtpd.conf"
    with open(configuration, "w") as f:
        f.write(OPENSMTPD.format(pem=place.pair.pem, key=place.pair.key_pem, smtp=port, lmtp=dovecot.lmtp))
    program = shutil.which("smtpd")
    prefix = program.removesuffix("/usr/sbin/smtpd")
    script = (
        "mount -t tmpfs x /var/lib && mount -t tmpfs x /var/spool && mkdir -p /var/lib/opensmtpd/empty && "
        "mkdir -m 711 /var/spool/smtpd && "
        f"mkdir -p /usr/libexec && mount --bind {prefix}/usr/libexec /usr/libexec; "
        f"exec {program} -d -f {configuration}"
    )
    place.start(port, "unshare", "-m", "sh", "-c", script)
    with RelayRole(f'relay {{ smarthost = "127.0.0.1:{port}" tls = required tls_name = "hop.example" }}',
                   authorities=place.authorities) as role:
        result = role.send(ASCII)
        wants(result, "delivered" if result.tls else "deferred")
        expect(result.tls or "tls: " in result.first.text, repr(result))
    with RelayRole(f'relay {{ smarthost = "127.0.0.1:{port}" }}') as role:
        body = BODY.replace(b"Subject: x", b"Subject: opensmtpd")
        result = role.send(body, body=BODY_8BITMIME, recipients=("bob@example.net", "x@example.com"))
        wants(result, "delivered", "failed")
        arrives(f"{dovecot.folder}/mail/bob@example.net/new/*", body, "it arrived as another one")


def run(tests, place):
    tests.run("smtp-sink", sink, place, "")
    tests.run("smtp-sink without PIPELINING", sink, place, "-p")
    tests.run("smtp-sink that knows HELO alone", sink, place, "-e", "smtp", ASCII)
    tests.run("smtp-sink by LMTP", sink, place, "-L", "lmtp")
    tests.run("smtp-sink without 8BITMIME", sink_without_8bitmime, place)
    tests.run("smtp-sink that refuses", sink_that_refuses, place)
    if os.path.isdir("/usr/lib/python3/dist-packages/aiosmtpd"):
        tests.run("aiosmtpd with faults", aiosmtpd_with_faults, place)
    else:
        tests.skip("aiosmtpd", "it is not installed")
    if os.getuid() != 0 or shutil.which("postfix") is None or shutil.which("dovecot") is None:
        tests.skip("Postfix and Dovecot", "they need root, and to be installed")
        return
    dovecot = Dovecot(place)
    tests.run("Dovecot's LMTP server", dovecot_delivers, place, dovecot)
    tests.run("a front whose home is Dovecot", a_front_of_dovecot, place, dovecot)
    postfix = RealPostfix(place, f"{dovecot.folder}/auth")
    postfix.start()
    try:
        tests.run("Postfix, in plain and with STARTTLS", postfix_in_plain_and_with_tls, place, postfix)
        tests.run("Postfix resumes sessions", postfix_resumes, place, postfix)
        tests.run("Postfix, with TLS from the first octet", postfix_with_implicit_tls, place, postfix)
        tests.run("Postfix wants a log-in", postfix_wants_a_log_in, place, postfix)
        tests.run("Postfix refuses some", postfix_refuses_one_of_two, place, postfix)
        tests.run("Postfix and large messages", large_messages, place, postfix)
    finally:
        postfix.run("postfix", "-c", f"{postfix.folder}/conf", "stop")
    if shutil.which("smtpd") and has_namespaces():
        tests.run("OpenSMTPD", opensmtpd_delivers, place, dovecot)
    else:
        tests.skip("OpenSMTPD", "smtpd is not installed, or nothing may be mounted")


if __name__ == "__main__":
    tests, place = Tests("relay to real servers"), Place()
    if tests.has("smtp-sink", "smtp-sink"):
        try:
            run(tests, place)
        finally:
            place.remove()
    tests.end()
