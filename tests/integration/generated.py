#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mail that Doorstep makes itself, of every kind and about odd messages, as other programs read it: Python's email
package finds no defect, lines are what RFC 5322 allows, reports fall into their parts (RFC 6522), and rspamd's rules
for malformed mail find nothing. The last line is "N passed, N failed"."""

import base64
import contextlib
import email
import email.policy
import http.client
import json
import os
import re
import socket
import subprocess

from harness import ROOT, Failure, Tests, expect
from milter_programs import Program
from private_daemon import free_ports

DAEMON = os.environ.get("DOORSTEPD", os.path.join(ROOT, "build-asan/src/doorstepd/doorstepd"))
DUMP = os.path.join(os.path.dirname(DAEMON), "../../tests/oracle/generated_dump")
FAILED, DELAYED, DELIVERED, RELAYED, EXPANDED = map(str, range(5))
FULL, HDRS = "1", "2"
UTF8 = "J\u00f8rn@example.net"

RSPAMD = """\
lua = "$RULESDIR/rspamd.lua"
modules {{ path = "$PLUGINSDIR" }}
options {{
    filters = "chartable,regexp"
    pidfile = "{folder}/rspamd.pid"
    url_tld = "{folder}/top_level"
    tempdir = "{folder}"
    local_addrs = []
    control_socket = "{folder}/control.sock"
    dns {{ timeout = 1s; nameserver = ["127.0.0.1:{closed}"] }}
}}
logging {{ type = "file"; filename = "{folder}/log"; level = "info"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
metric "default" {{ actions {{ reject = 10000 }} }}
"""


def octets(text):
    return text if isinstance(text, bytes) else text.encode()


def message(*fields, body="A line.\r\n", ending="\r\n"):
    """A message to ann, with these fields in place of the usual ones or beside them."""
    given = [octets(f) for f in fields]
    names = [f.split(b":")[0].lower() for f in given]
    usual = [b"From: Bob <bob@example.com>", b"To: ann@example.org", b"Subject: Hello", b"Message-ID: <1@example.com>",
             b"Date: Sun, 22 Nov 2026 12:00:00 +0000"]
    lines = given + [f for f in usual if f.split(b":")[0].lower() not in names]
    return octets(ending).join(lines + [b"", octets(body)])


LONG = "long words of a subject " * 60
ODD = {  # messages that mail is made about
    "plain": message(),
    "a long subject": message("Subject: " + LONG),
    "a subject of one word": message("Subject: " + "x" * 3000),
    "a folded subject": message("Subject: one\r\n two\r\n\tthree"),
    "a subject that opens another field": message("Subject: x\rBcc: eve@example.net\r y"),
    "a subject in raw UTF-8": message("Subject: Gr\u00fc\u00dfe \u2026 \U0001f600"),
    "a subject in raw Latin-1": message(b"Subject: Gr\xfc\xdfe"),
    "a subject of encoded words": message("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= =?utf-8?b?IHp1?="),
    "a subject that hides line ends": message("Subject: =?utf-8?q?x=0D=0ABcc:_eve@example.net=0D=0A=0D=0Abody?="),
    "a subject with NUL": message(b"Subject: a\0b"),
    "a name in UTF-8": message("From: J\u00f8rn \u00c5 <bob@example.com>"),
    "a name in encoded words": message("From: =?iso-8859-1?q?J=F8rn?= <bob@example.com>"),
    "a name with everything": message('From: "Lee, \\"Ann\\" <x@y>; \\\\" <bob@example.com>'),
    "a name without end": message('From: "Lee <bob@example.com>'),
    "no From": message("X-None: 1", "From:"),
    "two Froms": message("From: a@example.com", "From: b@example.com"),
    "no message id": message("Message-ID:"),
    "a message id in UTF-8": message("Message-ID: <\u00fc@example.com>"),
    "a message id that is very long": message("Message-ID: <" + "x" * 5000 + "@example.com>"),
    "a message id with line ends": message("Message-ID: <a\r\n b@\r\n\texample.com> <c\rd@e>"),
    "a message id of brackets": message("Message-ID: <<<>>> < > <a@b> (c)"),
    "ten thousand references": message("References: " + "<x@example.com>\r\n " * 10000 + "<y@example.com>"),
    "UTF-8 all over": message("From: J\u00f8rn <j\u00f8rn@example.com>", "Subject: \u00fc", body="\u00fc\r\n"),
    "an 8-bit body": message("MIME-Version: 1.0", "Content-Type: text/plain; charset=iso-8859-1",
                             "Content-Transfer-Encoding: 8bit", body=b"Gr\xfc\xdfe\r\n"),
    "long lines": message(body="x" * 5000 + "\r\n"),
    "a very long field": message("X-Long: " + "x" * 5000),
    "NUL in the body": message(body=b"a\0b\r\n"),
    "bare line feeds": message(ending="\n", body="a\nb\n"),
    "no line end at the end": message(body="a line"),
    "no body": message().split(b"\r\n\r\n")[0] + b"\r\n",
    "dots": message(body=".\r\n..\r\nFrom x\r\n"),
    "boundaries": message(body="--0=20261122-1\r\n--1=20261122-1--\r\n--\r\n"),
}

SCRIPTS = {
    "vacation": 'require "vacation"; vacation "Away.";',
    "vacation in UTF-8": 'require "vacation"; vacation :from "\u00c5nn <ann@example.org>" :subject "F\u00f6rr" "\u00c4!";',
    "vacation with MIME": 'require "vacation"; vacation :mime "Content-Type: text/plain; format=flowed\r\n\r\nAway \r\n";',
    "vacation of long lines": 'require "vacation"; vacation "' + "word " * 500 + '";',
    "reject": 'require "reject"; reject "No.";',
    "reject in UTF-8": 'require "reject"; reject "N\u00f6.\nNever.";',
    "notify": 'require "enotify"; notify :message "New mail" "mailto:ann@example.net";',
    "notify with all": 'require ["enotify", "variables"]; if header :matches "subject" "*" { set "s" "${1}"; } '
                       'notify :from "ann@example.org" :importance "1" :message "${s}" '
                       '"mailto:a@example.net?cc=b@example.net&subject=x&x-hint=%C3%BC&body=b%0Ac";',
    "report": 'require "vnd.dovecot.report"; report "abuse" "Spam: \u00fc" "abuse@example.net";',
    "report of headers": 'require "vnd.dovecot.report"; report :headers_only "abuse" "Spam." "abuse@example.net";',
}

REPORTS = {
    "failed": {},
    "failed, headers": {"ret": HDRS},
    "failed, SMTPUTF8": {"utf8": "1", "address": UTF8, "orcpt": "utf-8;" + UTF8},
    "failed, a sender in UTF-8": {"utf8": "1", "sender": UTF8},
    "failed, an address in UTF-8 on the way": {"address": UTF8, "orcpt": "utf-8;" + UTF8},
    "failed, what the far side said": {"text": "<script>\x1b[2J \u202e\r\nAction: delivered\r\n\r\n--0=20261122-1--" +
                                       "x" * 3000, "remote": "mx\r\nX: y", "envid": "a\r\nX: y", "enhanced": "5.x"},
    "delayed": {"action": DELAYED, "code": "451", "enhanced": "4.4.1"},
    "delivered": {"action": DELIVERED, "code": "250", "enhanced": "2.1.5", "remote": ""},
    "relayed": {"action": RELAYED, "code": "250", "enhanced": "2.0.0"},
    "expanded": {"action": EXPANDED, "code": "0", "enhanced": "", "remote": ""},
}


def run(*words, messages):
    """What is made of each of the messages."""
    data = b"".join(b"%d\n" % len(m) + m for m in messages)
    done = subprocess.run([DUMP, *words], input=data, capture_output=True, timeout=60)
    expect(done.returncode == 0, done.stderr.decode(errors="replace"))
    rest, made = done.stdout, []
    while rest:
        length, _, rest = rest.partition(b"\n")
        made.append(rest[:int(length)])
        rest = rest[int(length):]
    expect(len(made) == len(messages), f"{len(made)} for {len(messages)}")
    return made


def reports(messages, sender="ann@example.org", address="bob@example.net", orcpt="rfc822;bob@example.net",
            action=FAILED, code="550", enhanced="5.1.1", text="No such user here", remote="mx.example.net[192.0.2.1]:25",
            envid="QQ314", ret=FULL, utf8="0"):
    return run("dsn", sender, address, orcpt, action, code, enhanced, text, remote, envid, ret, utf8, messages=messages)


def report(data, **options):
    return reports([data], **options)[0]


def by_script(script, messages):
    return run("sieve", "bob@example.com", "ann@example.org", script, messages=messages)


# ---- what is checked ----


def check_lines(made):
    expect(made.endswith(b"\r\n"), "no line end at the end")
    for line in made[:-2].split(b"\r\n"):
        expect(b"\r" not in line and b"\n" not in line, f"a bare line end in {line[:80]}")
    header = made.partition(b"\r\n\r\n")[0]
    for line in header.split(b"\r\n"):
        expect(len(line) <= 998, f"{len(line)} octets in {line[:60]}")
        expect(re.match(rb"[!-9;-~]+:|[ \t]+\S", line), f"no field: {line[:80]}")


def check_header(parsed, names_utf8):
    for name in ("Date", "Message-ID", "From", "To", "Auto-Submitted"):
        expect(len(parsed.get_all(name, [])) == 1, f"{name}: {parsed.get_all(name)}")
    expect(parsed["Bcc"] is None and parsed["X"] is None, "a field broke out")
    for name, value in parsed.items():
        defects = [d for d in getattr(value, "defects", []) if not names_utf8]
        expect(not defects, f"{name}: {value!r}: {defects}")
        expect(names_utf8 or value.isascii() or "=?" in parsed.as_string(), f"{name} is not ASCII")


def check_parts(part):
    """What is returned has the defects of its sender, whatever Python makes of it."""
    expect(not part.defects, f"{part.get_content_type()}: {part.defects}")
    encoding = str(part.get("Content-Transfer-Encoding", "7bit"))
    if part.get_content_maintype() == "multipart":
        for inner in part.iter_parts():
            check_parts(inner)
    elif part.get_content_maintype() != "message" and encoding == "7bit":
        expect(part.as_bytes().isascii(), "8-bit octets in 7 bits")


def check(made, names_utf8=False):
    check_lines(made)
    parsed = email.message_from_bytes(made, policy=email.policy.SMTPUTF8)
    check_header(parsed, names_utf8)
    check_parts(parsed)
    if not made.isascii():
        top = str(parsed.get("Content-Transfer-Encoding", "7bit"))
        expect(top == "8bit" or names_utf8, f"8-bit octets, and the whole is {top}")
    return parsed


def check_report(made, kind, types, names_utf8=False):
    parsed = check(made, names_utf8)
    expect(parsed.get_content_type() == "multipart/report", parsed.get_content_type())
    expect(parsed.get_param("report-type") == kind, parsed.get_param("report-type"))
    parts = parsed.get_payload()
    expect(len(parts) == 3, f"{len(parts)} parts")
    found = [p.get_content_type() for p in parts]
    expect(found[0] == "text/plain" and found[1] in types, found)
    expect(found[2] in ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"), found)
    return parts


def status_of(part):
    """The groups of fields of a status, each a dictionary; Python makes messages of them only without UTF-8."""
    text = part.as_bytes(policy=email.policy.SMTPUTF8).partition(b"\r\n\r\n")[2].decode()
    groups = [g for g in re.split(r"(?:\r\n){2,}", text.strip()) if g]
    return [dict(re.split(r": ?", f, maxsplit=1) for f in re.split(r"\r\n(?![ \t])", g)) for g in groups]


def check_dsn(made, names_utf8=False):
    parts = check_report(made, "delivery-status", ("message/delivery-status", "message/global-delivery-status"),
                         names_utf8)
    groups = status_of(parts[1])
    expect(len(groups) == 2, groups)
    expect(groups[0]["Reporting-MTA"] == "dns; mx.example.org", groups[0])
    for name in ("Final-Recipient", "Action", "Status"):
        expect(name in groups[1], groups[1])
    return groups[1]


def check_all(made, check_one):
    for odd, one in zip(ODD, made):
        try:
            if one:
                check_one(one)
        except Exception as e:
            raise Failure(f"about {odd}: {type(e).__name__} {e}\n{one[:3000].decode(errors='replace')}") from e


def every_script(name, script):
    made = by_script(script, list(ODD.values()))
    expect(made[0], "it sends nothing")
    if name.startswith("reject"):
        check_all(made, lambda m: check_report(m, "disposition-notification", ("message/disposition-notification",)))
    elif name.startswith("report"):
        check_all(made, lambda m: check_report(m, "feedback-report", ("message/feedback-report",)))
    else:
        check_all(made, check)


def every_report(options):
    made = reports(list(ODD.values()), **options)
    expect(all(made), "one is missing")
    check_all(made, lambda m: check_dsn(m, options.get("utf8") == "1"))


def the_message_comes_back():
    for odd in ("plain", "a folded subject", "an 8-bit body", "dots", "a name with everything"):
        parts = check_report(report(ODD[odd]), "delivery-status", ("message/delivery-status",))
        inner = parts[2].as_bytes(policy=email.policy.SMTP).partition(b"\r\n\r\n")[2]
        expect(inner.rstrip() == ODD[odd].rstrip(), f"{odd}: {inner} for {ODD[odd]}")


def utf8_comes_back_in_seven_bits():
    made = report(ODD["UTF-8 all over"], address=UTF8, orcpt="utf-8;" + UTF8)
    expect(made.isascii(), "it is not in 7 bits")
    fields = check_dsn(made)
    expect(fields["Final-Recipient"] == "utf-8; J\\x{F8}rn@example.net", fields)
    raw = re.search(rb"\r\n\r\n(.*?)\r\n--", made[made.index(b"message/global"):], re.S).group(1)
    expect(base64.b64decode(raw) == ODD["UTF-8 all over"], raw)


# ---- rspamd ----


class Rspamd(Program):
    def __init__(self):
        super().__init__()
        self.port, closed = free_ports(2)
        self.target = (socket.AF_INET, ("127.0.0.1", self.port))
        self.write("top_level", "com\norg\nnet\n")
        path = self.write("rspamd.conf", RSPAMD.format(folder=self.folder, port=self.port, closed=closed))
        self.start("rspamd", "-f", "-i", "-c", path, "--var=DBDIR=" + self.folder, "--var=RUNDIR=" + self.folder,
                   "--var=LOGDIR=" + self.folder)

    def dislikes(self, made, sender, recipient):
        """Symbols with a score, of an envelope like that."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", "/checkv2", made, {"From": sender, "Rcpt": recipient, "Ip": "192.0.2.1",
                                                         "Helo": "mx.example.org", "Hostname": "mx.example.org"})
            answer = json.loads(connection.getresponse().read())
        return {name: s["score"] for name, s in answer["symbols"].items() if s["score"] > 0}


# It knows no SMTPUTF8: a part of the type message/global-delivery-status (RFC 6533 4.1) is a whole message to it.
UNKNOWN_TO_RSPAMD = {"BROKEN_CONTENT_TYPE"}
UNKNOWN_IN_HEADERS = {"TO_NEEDS_ENCODING", "INVALID_RCPT_8BIT", "BROKEN_HEADERS"}


def rspamd_finds_nothing(rspamd):
    for name, script in SCRIPTS.items():
        made = by_script(script, [ODD["plain"]])[0]
        found = rspamd.dislikes(made, "", "bob@example.com")
        expect(not found, f"{name}: {found}\n{made.decode(errors='replace')}")
    for name, options in REPORTS.items():
        made = report(ODD["plain"], **options)
        found = set(rspamd.dislikes(made, "", options.get("sender", "ann@example.org").encode()))
        if b"message/global-delivery-status" in made:
            found -= UNKNOWN_TO_RSPAMD
        if "sender" in options:
            found -= UNKNOWN_IN_HEADERS
        expect(not found, f"{name}: {found}\n{made.decode(errors='replace')}")


def rspamd_would_find(rspamd):
    broken = b"Subject: x\r\nFrom: a\r\nContent-Type: multipart/mixed; boundary=xx\r\n\r\nabc\r\n"
    found = rspamd.dislikes(broken, "", "bob@example.com")
    expect("MISSING_MID" in found and "FROM_INVALID" in found, found)


def main():
    tests = Tests("generated")
    for name, script in SCRIPTS.items():
        tests.run(name, every_script, name, script)
    for name, options in REPORTS.items():
        tests.run("report: " + name, every_report, options)
    tests.run("the message comes back as it was", the_message_comes_back)
    tests.run("UTF-8 comes back in 7 bits", utf8_comes_back_in_seven_bits)
    if tests.has("rspamd", "rspamd's rules for malformed mail"):
        with contextlib.closing(Rspamd()) as rspamd:
            tests.run("rspamd finds what is malformed", rspamd_would_find, rspamd)
            tests.run("rspamd finds nothing in ours", rspamd_finds_nothing, rspamd)
    tests.end()


main()
