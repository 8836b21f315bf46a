# SPDX-License-Identifier: MIT
"""Messages made to hurt whoever reads them: each is answered 250 within seconds, kept, and listed; no
process grows without bound."""

import time

from hostile_client import ANN, Session, listed, server, weighed
from harness import expect

SECONDS = 20  # with sanitizers on a busy machine; a release build needs less than one
LIMITS = 'limits { message_size = "100M" }\n'


def nested_multiparts(depth):
    lines = [b"Subject: nested", b"MIME-Version: 1.0"]
    for n in range(depth):
        lines += [b'Content-Type: multipart/mixed; boundary="b%d"' % n, b"", b"--b%d" % n]
    return b"\r\n".join(lines + [b"", b"x"]) + b"\r\n"


def nested_messages(depth):
    return b"Content-Type: message/rfc822\r\n\r\n" * depth + b"Subject: innermost\r\n\r\nx\r\n"


def many_parts(count):
    head = b'Subject: parts\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    return head + b"--b\r\n\r\nx\r\n" * count + b"--b--\r\n"


def many_fields(count):
    return b"".join(b"X-Field-%d: value\r\n" % n for n in range(count)) + b"\r\nx\r\n"


def many_addresses(count):
    to = b",\r\n ".join(b"user%d@example.com" % n for n in range(count))
    return b"Subject: many\r\nTo: " + to + b"\r\n\r\nx\r\n"


def one_address_line(count):
    return b"Subject: many\r\nTo: " + b"a@b.c," * count + b"\r\n\r\nx\r\n"


def large_header(octets):
    line = b"X-Large: " + b"v" * 900 + b"\r\n"
    return b"Subject: large\r\n" + line * (octets // len(line)) + b"\r\nx\r\n"


def nested_groups(depth):
    return b"Subject: groups\r\nTo: " + b"g:" * depth + b"\r\n\r\nx\r\n"


def nested_comments(depth):
    return b"Subject: comments\r\nFrom: " + b"(" * depth + b"\\\r\n\r\nx\r\n"


def many_parameters(count):
    p = b"".join(b";\r\n x*%d*=utf-8''%%41" % n for n in range(count))
    return b"Subject: parameters\r\nContent-Type: text/plain" + p + b"\r\n\r\nx\r\n"


def encoded_words(count):
    return b"Subject:" + b" =?utf-8?B?w6Q=?=\r\n" * count + b"\r\nx\r\n"


def references(count):
    return b"Subject: r\r\nReferences:" + b" <a@b.c>" * count + b"\r\n\r\nx\r\n"


def boundaries_everywhere(count):
    head = b"Subject: dashes\r\nContent-Type: multipart/mixed;\r\n"
    head += b' boundary="' + b"-" * 60 + b'"\r\n\r\n'
    return head + (b"-" * 70 + b"\r\n") * count


def html_of_tags(count):
    head = b"Subject: html\r\nContent-Type: text/html\r\n\r\n"
    return head + b"<a <b &lt; <!-- " * count + b"\r\n"


BOMBS = [
    ("100000 nested multiparts", lambda: nested_multiparts(100_000)),
    ("30000 messages in messages", lambda: nested_messages(30_000)),
    ("100000 parts", lambda: many_parts(100_000)),
    ("100000 header fields", lambda: many_fields(100_000)),
    ("100000 addresses in To", lambda: many_addresses(100_000)),
    ("100000 addresses in one line", lambda: one_address_line(100_000)),
    ("a header of 20 MB", lambda: large_header(20_000_000)),
    ("100000 nested groups", lambda: nested_groups(100_000)),
    ("100000 nested comments", lambda: nested_comments(100_000)),
    ("20000 parameters", lambda: many_parameters(20_000)),
    ("50000 encoded words", lambda: encoded_words(50_000)),
    ("100000 references", lambda: references(100_000)),
    ("a million dashes as boundaries", lambda: boundaries_everywhere(15_000)),
    ("html of open tags", lambda: html_of_tags(100_000)),
]


def deliver_bomb(daemon, session, message):
    session.expect("MAIL FROM:<sender@example.com>", "250")
    session.expect(f"RCPT TO:<{ANN}>", "250")
    session.expect("DATA", "354")
    began = time.monotonic()
    session.send(message.replace(b"\r\n.", b"\r\n.."))
    got = session.finish()
    return got[0], time.monotonic() - began


def every_bomb_is_taken_kept_and_listed():
    with weighed(64, more=LIMITS) as d, Session(d, timeout=60) as s:
        s.expect("LHLO c", "250")
        for name, make in BOMBS:
            got, took = deliver_bomb(d, s, make())
            expect(got.startswith("250"), f"{name}: {got}")
            expect(took < SECONDS, f"{name}: {took:.1f} s")
        rows = listed(d)
        expect(len(rows) == len(BOMBS), f"{len(rows)} listed")
        unsorted = d.log_text().count("message_unsorted")
        expect(unsorted == 0, f"{unsorted} were too much for a sorter")
        expect("sorter_lost" not in d.log_text(), "a sorter was lost")
        for (name, make), row in zip(BOMBS, rows):
            kept = d.tool("message", "cat", ANN, "INBOX", str(row["uid"]))
            expect(len(kept) > 0 and row["octets"] > 0, f"{name} cannot be read")


def the_same_bombs_harm_no_sanitized_build():
    with server(more=LIMITS) as d, Session(d, timeout=60) as s:
        s.expect("LHLO c", "250")
        for name, make in BOMBS:
            got, took = deliver_bomb(d, s, make())
            expect(got.startswith("250"), f"{name}: {got}")
            expect(took < SECONDS, f"{name}: {took:.1f} s")


CHECKS = [
    every_bomb_is_taken_kept_and_listed,
    the_same_bombs_harm_no_sanitized_build,
]
