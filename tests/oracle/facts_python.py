#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds our facts against Python's email package: structure and octets of parts, addresses, dates,
decoded subjects, and what is between angle brackets.

Where we differ on purpose, DIFFERENCES says why; some releases of Python agree with us there and some do not,
so nothing is asked of those.

usage: facts_python.py PATH/OF/facts_dump
"""

import email
import email.header
import email.utils
import json
import os
import subprocess
import sys
import tempfile

from facts_dovecot import Parser
from messages import MESSAGES, crlf

LIST_FIELDS = {2: "from", 5: "to", 6: "cc"}

SUBJECTS = [
    b"plain", b"=?utf-8?q?=C3=A4?=", b"=?utf-8?B?RWluIGzDpG5nZXI=?= =?utf-8?B?IEJldHJlZmY=?=",
    b"=?iso-8859-1?q?=E4?= and =?iso-8859-15?q?=A4?=", b"=?utf-8?q?a?= =?utf-8?q?b?= c",
    b"=?koi8-r?B?8NLJ18XU?=", b"=?iso-2022-jp?B?GyRCJUYlOSVIGyhC?=", b"=?gb2312?B?1tDOxA==?=",
    b"=?big5?B?pKSk5Q==?=", b"=?euc-kr?B?x9GxuQ==?=", b"=?shift_jis?B?g2WDWINn?=",
    b"=?windows-1251?q?=CF=F0=E8=E2=E5=F2?=", b"=?utf-8?q?one_two?= =?us-ascii?q?three?=",
    b"=?utf-8*en?q?lang?=", b"=?utf-8?q?=F0=9F=98=80?=", b"=?x-none?q?abc?=", b"=?utf-8?q?open",
    b"a =?utf-8?q?=?= b", b"Re: [x] y (fwd)",
]
DATES = [
    b"Sun, 22 Nov 2026 03:36:25 +0100", b"22 Nov 2026 03:36 -0330", b"Sun, 22 Nov 26 03:36:25 GMT",
    b"22 Nov 1999 03:36:25 EST", b"1 Jan 70 00:00:00 +0000", b"29 Feb 2028 23:59:59 +1400",
    b"Sun, 22 Nov 2026 03:36:25 +0100 (CET)", b"Sun,22 Nov 2026 3:36:25 PDT",
]
ADDRESSES = [
    b"a@b.example", b"A B <a@b.example>", b'"A, B" <a@b.example>, c@d.example',
    b"a@b.example (A B)", b'"A \\"x\\" B" <a@b.example>', b"=?utf-8?q?=C3=A4?= <a@b.example>",
    b"Joe Q. Public <a@b.example>", b"<a@b.example>,\n <c@d.example>",
    b'"john doe"@b.example', b"a@[192.0.2.1]", b"<@x.example:a@b.example>",
]

QUOTED = "Python keeps the quotes of a quoted local part"
STRICT = "newer releases of Python refuse the whole list (their CVE-2023-27043)"
DIFFERENCES = {
    'address "john doe"@b.example': QUOTED,
    "quoted local part to": QUOTED,
    "name in UTF-8 from": "Python shows raw octets as U+FFFD",
    "source route to": STRICT,
    "domain literal to": STRICT,
    "empty list members to": STRICT,
    "address a@[192.0.2.1]": STRICT,
    "null address from": "Python has no null address",
    "null address to": "Python has no null address",
    "obsolete dots and comments to": "Python takes all comments as the name, we take the last",
    "comments in content-type leaves": "Python keeps a comment as part of the type",
    "subject =?utf-8?q?one_two?= =?us-ascii?q?three?=": "RFC 2047 6.2: the space between goes",
    "subject =?utf-8*en?q?lang?=": "RFC 2231 5: a language may follow the charset",
}


def value_messages():
    for value in SUBJECTS:
        yield "subject " + value.decode(), b"Subject: " + value + b"\n\nx\n"
    for value in DATES:
        yield "date " + value.decode(), b"Date: " + value + b"\n\nx\n"
    for value in ADDRESSES:
        yield "address " + value.decode(), b"To: " + value + b"\n\nx\n"


def text(value):
    return None if value is None else value.decode("utf-8")


def our_leaves(body, out):
    """(type, octets) of every part that is no multipart, in order; a message's own parts behind it."""
    if isinstance(body[0], list):
        for part in body:
            if not isinstance(part, list):
                break
            our_leaves(part, out)
        return out
    kind = (text(body[0]) + "/" + text(body[1])).lower()
    out.append((kind, body[6]))
    if kind == "message/rfc822":
        our_leaves(body[8], out)
    return out


def their_leaves(part, out):
    kind = part.get_content_type()
    if kind == "message/rfc822" and isinstance(part.get_payload(), list):
        out.append((kind, None))
        return their_leaves(part.get_payload(0), out)
    if part.is_multipart() and kind.startswith("multipart/"):
        for child in part.get_payload():
            their_leaves(child, out)
        return out
    payload = part.get_payload()
    octets = len(payload.encode("utf-8", "surrogateescape")) if isinstance(payload, str) else None
    out.append((kind, octets))
    return out


def our_addresses(items):
    return [(text(name) or "", text(local) + ("@" + text(host) if host else ""))
            for name, _, local, host in items or [] if host is not None]


def their_addresses(message, name):
    values = [str(v).replace("\r\n", "") for v in message.get_all(name, [])]
    return [(n, a) for n, a in email.utils.getaddresses(values) if a]


def their_subject(message):
    value = message.get("subject")
    if value is None:
        return ""
    value = str(value).replace("\r\n", "")
    try:
        return str(email.header.make_header(email.header.decode_header(value)))
    except LookupError:
        return value # an unknown charset


def compare(name, message, facts):
    """(what, ours, theirs), as far as both can say it."""
    theirs = email.message_from_bytes(message)
    if name.startswith("subject "):
        yield name, facts["subject"], their_subject(theirs)
    if name.startswith("date "):
        ours = email.utils.format_datetime(email.utils.datetime.datetime.fromisoformat(facts["date"]))
        date = email.utils.parsedate_to_datetime(theirs["date"])
        yield name, ours.replace("-0000", "+0000"), email.utils.format_datetime(date).replace("-0000", "+0000")
    envelope = Parser(facts["envelope"].encode("latin-1")).value()
    if theirs.defects or any(p.defects for p in theirs.walk()):
        return # Python's guess at what is broken is no better than ours
    for index, field in LIST_FIELDS.items():
        what = name if name.startswith("address ") else name + " " + field
        ours = our_addresses(envelope[index])
        if ours:
            yield what, ours, their_addresses(theirs, field)
    ours = our_leaves(Parser(facts["bodystructure"].encode("latin-1")).value(), [])
    leaves = their_leaves(theirs, [])
    ours = [(kind, None if i < len(leaves) and leaves[i][1] is None else octets)
            for i, (kind, octets) in enumerate(ours)]
    yield name + " leaves", ours, leaves


def run(dump, folder):
    messages = dict(MESSAGES)
    messages.update(value_messages())
    files = []
    for i, message in enumerate(messages.values()):
        files.append("%s/%04d.eml" % (folder, i))
        with open(files[-1], "wb") as out:
            out.write(crlf(message))
    lines = subprocess.run([dump] + files, check=True, stdout=subprocess.PIPE).stdout.splitlines()
    passed = failed = 0
    for (name, message), line in zip(messages.items(), lines):
        for what, ours, theirs in compare(name, crlf(message), json.loads(line)):
            if what in DIFFERENCES:
                continue
            if ours == theirs:
                passed += 1
                continue
            failed += 1
            print("%s\n  ours:   %r\n  Python: %r" % (what, ours, theirs))
    return passed, failed


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="facts-python-") as folder:
        passed, failed = run(os.path.abspath(sys.argv[1]), folder)
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
