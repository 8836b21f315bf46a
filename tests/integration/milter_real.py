#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real filters: rspamd's proxy, OpenDKIM and one of sendmail's library, in front of real mailboxes. Messages are
signed by dkimpy; names are looked up in tables of the filters. The last line is "N passed, N failed"."""

import base64
import contextlib
import re
import signal
import smtplib
import subprocess
import tempfile

from filtered import Asked, plain
from harness import Tests, expect, message
from milter_programs import Opendkim, Rspamd, Sample

US = "mx.example.org"
KEYS = {}
SIGN = """
import sys, dkim
kind, key, selector, domain = sys.argv[1:]
data, key = sys.stdin.buffer.read(), open(key, "rb").read()
if kind == "dkim":
    head = dkim.sign(data, selector.encode(), domain.encode(), key, include_headers=[b"from", b"to", b"subject"])
else:
    head = b"".join(dkim.arc_sign(data, selector.encode(), domain.encode(), key, domain.encode()))
sys.stdout.buffer.write(head + data)
"""


def openssl(*arguments, data=b""):
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True, timeout=60).stdout


class Signer:
    """An RSA key and its record in the DNS."""

    def __init__(self, folder, domain, selector="s"):
        self.domain, self.selector, self.key = domain, selector, f"{folder}/{domain}.pem"
        openssl("genrsa", "-traditional", "-out", self.key, "2048")
        public = base64.b64encode(openssl("rsa", "-in", self.key, "-pubout", "-outform", "DER")).decode()
        self.record = (f"{selector}._domainkey.{domain}", "txt", f"v=DKIM1; k=rsa; p={public}")

    def sign(self, data, kind="dkim"):
        done = subprocess.run(["/usr/bin/python3", "-c", SIGN, kind, self.key, self.selector, self.domain],
                              input=data, capture_output=True, timeout=60)
        expect(done.returncode == 0, done.stderr.decode())
        return done.stdout


def records_of(*signers):
    return [s.record for s in signers] + [
        ("unknown._domainkey.example.org", "txt", None), ("example.org", "txt", None),
        ("example.com", "txt", "v=spf1 ip4:192.0.2.1 -all"), ("example.net", "txt", "v=spf1 ~all"),
        ("_dmarc.example.com", "txt", "v=DMARC1; p=quarantine"), ("_dmarc.example.net", "txt", None),
        ("_dmarc.example.org", "txt", None),
    ]


class Checked:
    """A daemon that asks OpenDKIM, then rspamd; both believe our tables."""

    def __init__(self, asked, author, relay, stranger):
        self.asked, self.author, self.relay, self.stranger = asked, author, relay, stranger

    @staticmethod
    @contextlib.contextmanager
    def begun():
        with tempfile.TemporaryDirectory(prefix="doorstep-keys.") as folder:
            author, relay = Signer(folder, "example.com"), Signer(folder, "example.net")
            records = records_of(author, relay)
            with contextlib.closing(Opendkim(records, US)) as opendkim, contextlib.closing(Rspamd(records)) as rspamd:
                with Asked(opendkim, rspamd) as asked:
                    yield Checked(asked, author, relay, Signer(folder, "example.org", "unknown"))

    def deliver(self, subject, data, client="192.0.2.1", sender="bob@example.com"):
        """As an MTA that tells who its client is; the message as it is in the mailbox."""
        daemon = self.asked.daemon

        class Mta(smtplib.SMTP):
            def _get_socket(self, *_):
                return daemon.connect("smtp", "unix", 60)

        with Mta("unix", 25, "mta.example.net") as mta:
            mta.ehlo()
            code, text = mta.docmd("XCLIENT", f"ADDR={client} NAME=client.example.com HELO=client.example.com")
            expect(code == 220, text)
            mta.ehlo("client.example.com")
            mta.sendmail(sender, ["ann@example.org"], data)
        found = [m for m in daemon.messages("ann/new") if f"Subject: {subject}\n".encode() in m]
        expect(len(found) == 1, f"{len(found)} messages")
        return found[0]

    def verdicts(self, *arguments, **options):
        """All that the fields with our name say, of both filters."""
        return "; ".join(results(self.deliver(*arguments, **options)))


def results(stored):
    """The Authentication-Results fields that bear our name, each on one line."""
    header = stored.partition(b"\n\n")[0].decode()
    fields = re.findall(r"(?im)^authentication-results:((?:.*\n[ \t])*.*)", header)
    unfolded = [re.sub(r"\s+", " ", f).strip() for f in fields]
    return [f for f in unfolded if f.lower().startswith(US)]


def says(text, *wanted):
    for each in wanted:
        expect(re.search(each, text), f"no {each} in: {text}")


# ---- verdicts ----


def all_pass(c):
    data = c.author.sign(message("all pass"))
    stored = c.deliver("all pass", data)
    found = results(stored)
    expect(len(found) == 2, found)  # the one asked first stands behind the other, or in front of it
    by_opendkim = [f for f in found if "spf=" not in f]
    by_rspamd = [f for f in found if "spf=" in f]
    expect(len(by_opendkim) == len(by_rspamd) == 1, found)
    says(by_opendkim[0], r"dkim=pass .*header\.d=example\.com")
    says(by_rspamd[0], r"spf=pass .*smtp\.mailfrom=bob@example\.com", r"dkim=pass header\.d=example\.com",
         r"dmarc=pass .*header\.from=example\.com")
    expect(stored.endswith(plain(data)), "the message itself is as it was signed")


def changed_on_the_way(c):
    data = c.author.sign(message("changed", "one\r\n")).replace(b"one\r\n", b"two\r\n")
    text = c.verdicts("changed", data)
    says(text, r"dkim=fail .*header\.d=example\.com", r"dkim=fail ", r"spf=pass ", r"dmarc=pass ")
    expect("dkim=pass" not in text, text)


def from_elsewhere(c):
    says(c.verdicts("elsewhere", message("elsewhere"), client="198.51.100.7"), r"spf=fail ", r"dkim=none",
         r"dmarc=fail .*header\.from=example\.com")


def softfail_and_none(c):
    says(c.verdicts("softfail", message("softfail", sender="a@example.net"), sender="a@example.net"),
         r"spf=softfail ", r"dmarc=none")
    says(c.verdicts("none", message("none", sender="a@example.org"), sender="a@example.org"), r"spf=none ")


def unknown_key(c):
    text = c.verdicts("unknown", c.stranger.sign(message("unknown", sender="a@example.org")), sender="a@example.org")
    says(text, r"dkim=(permerror|neutral|temperror|fail|none)")
    expect("dkim=pass" not in text, text)


def sealed(c):
    """RFC 8617: a relay has sealed what it saw; then the seal is broken."""
    seen = b"Authentication-Results: example.net; dkim=pass header.d=example.com; arc=none\r\n"
    data = c.relay.sign(seen + c.author.sign(message("sealed", "one\r\n")), "arc")
    stored = c.deliver("sealed", data, client="198.51.100.7", sender="list@example.net")
    says("; ".join(results(stored)), r"arc=pass ", r"dkim=pass ")
    expect(b"Authentication-Results: example.net; dkim=pass" in stored, "the relay's own results stay")
    expect(b"ARC-Authentication-Results: i=1; example.net" in stored, "the chain stays")
    broken = data.replace(b"sealed\r\n", b"broken\r\n")
    says(c.verdicts("broken", broken, client="198.51.100.7", sender="list@example.net"), r"arc=(fail|reject)")


FORGED = (
    f"Authentication-Results: {US}; forged=pass\r\n",
    f"authentication-results: {US.upper()} 1;\r\n\tforged=pass\r\n",
    f"Authentication-Results: (a (b)) \"{US}\"; forged=pass\r\n",
    f"Authentication-Results:\r\n {US}.; forged=pass\r\n",
)
FOREIGN = (
    f"Authentication-Results: {US}.example; foreign=1\r\n",
    "Authentication-Results: mx.example.com; foreign=2\r\n",
    f"X-Authentication-Results: {US}; foreign=3\r\n",
)


def forged(c):
    fields = "".join(x + y for x, y in zip(FORGED, FOREIGN + ("",)))
    stored = c.deliver("forged", fields.encode() + c.author.sign(message("forged")))
    expect(b"forged=" not in stored, stored)
    expect(all(f"foreign={i}".encode() in stored for i in (1, 2, 3)), stored)
    says("; ".join(results(stored)), "dkim=pass", "spf=pass")


# ---- one of sendmail's library ----

CHANGES = [
    ["addheader", "X-Added", "1"], ["addheader", "X-First", "1", 0], ["chgheader", "X-Old", 1, ""],
    ["chgheader", "Subject", 1, "changed"], ["addrcpt", "<archive@example.org>"], ["delrcpt", "<bob@example.org>"],
    ["chgfrom", "<new@example.com>"],
]


def library_changes():
    s = Sample()
    with Asked(s) as a:
        s.does({"eom": CHANGES + [["replacebody", "a line of it\r\n", 20000]]})
        data = message("old").replace(b"Subject:", b"X-Old: 1\r\nX-Old: 2\r\nSubject:")
        code, text = a.send(data, to=("ann@example.org", "bob@example.org"))
        expect(code == 250, text)
        header, _, body = a.one().partition(b"\n\n")
        lines = header.split(b"\n")
        expect(lines[0] == b"X-First: 1" and lines[-1] == b"X-Added: 1", lines)
        expect(b"X-Old: 1" not in lines and b"X-Old: 2" in lines and b"Subject: changed" in lines, lines)
        expect(body == b"a line of it\n" * 20000, f"{len(body)} octets of body")
        expect(len(a.stored("bob")) == 0 and a.one("archive") == a.one(), "recipients")
        expect(a.daemon.messages("ann/new")[0].startswith(b"Return-Path: <new@example.com>\n"), "sender")
        s.does({"eom": [["quarantine", "odd"]]})
        expect(a.send(message("odd"))[0] == 250 and len(a.stored(folder=".Junk/new")) == 1, "quarantine")


STAGES = ("helo", "mail", "rcpt", "data", "header", "eoh", "body", "eom")


def library_verdicts():
    s = Sample()
    with Asked(s) as a:
        for stage in STAGES:
            for word, code in (("reject", 550), ("tempfail", 451)):
                s.does({stage: [[word]]})
                got = a.send()
                expect(got[0] == code, f"{word} at {stage}: {got}")
            s.does({stage: [["reply", "554", "5.7.9", "100%% no"]]})  # the library wants it doubled
            got = a.send()
            expect(got[0] == 554 and b"5.7.9" in got[1] and b"100% no" in got[1], f"reply at {stage}: {got}")
        expect(a.stored() == [], "something was delivered")
        for n, stage in enumerate(STAGES):
            s.does({stage: [["accept"]], **({"eom": [["reject"]]} if stage != "eom" else {})})
            expect(a.send()[0] == 250 and len(a.stored()) == n + 1, f"accept at {stage}")
        s.does({"body": [["skip"]]})
        expect(a.send(message("skip", "x" * 70 + "\r\n"))[0] == 250, "skip")
        for stage in STAGES[1:]:
            s.does({stage: [["discard"]]})
            expect(a.send(to=("bob@example.org",))[0] == 250 and a.stored("bob") == [], f"discard at {stage}")


def library_killed(policy):
    """In the middle of the body, and with half of its changes said."""
    def check():
        s = Sample()
        data = message("killed", ("y" * 76 + "\r\n") * 5000)
        with Asked(s, on_failure=policy) as a:
            plans = [{"body": [["die"]], "piece": 3}, {"eom": [["addheader", "X", "1"], ["die"]]},
                     {"eom": [["replacebody", "half\r\n", 30000], ["die"]]}]
            for n, plan in enumerate(plans):
                s.does(plan)
                code, text = a.send(data)
                expect(code == (250 if policy == "accept" else 451), f"{plan}: {code} {text}")
                expect(len(a.stored()) == (n + 1 if policy == "accept" else 0), f"{plan}: stored")
                expect(s.process.wait(30) == -signal.SIGKILL, "it lives")
                s.begin()
            expect(all(m == plain(data) for m in a.stored()), "not the original")
            expect(a.send(to=("bob@example.org",))[0] == 250 and a.one("bob"), "it does not recover")
    return check


def checks(tests, checked):
    for name, check in (
        ("SPF, DKIM, DMARC pass", all_pass), ("a body that was changed", changed_on_the_way),
        ("a client that may not", from_elsewhere), ("softfail and none", softfail_and_none),
        ("a key that is not there", unknown_key), ("ARC, whole and broken", sealed),
        ("forged results go, foreign ones stay", forged),
    ):
        tests.run(name, check, checked)


def main():
    tests = Tests("milter_real")
    with Checked.begun() as checked:
        checks(tests, checked)
    tests.run("libmilter: every change", library_changes)
    tests.run("libmilter: every verdict at every stage", library_verdicts)
    tests.run("libmilter: killed half-way, accept", library_killed("accept"))
    tests.run("libmilter: killed half-way, tempfail", library_killed("tempfail"))
    tests.end()


main()
