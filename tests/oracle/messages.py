# SPDX-License-Identifier: MIT
"""Messages of many shapes, for the scripts that hold our facts against other programs' answers.

MESSAGES maps a name to the bytes of a message with LF line ends; crlf() makes the form that travels. Each
one is there for the sake of one or two rules, which its name says.
"""

PLAIN = b"From: a@example.org\nSubject: s\n"


def crlf(message):
    return message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def header(*lines):
    return b"".join(line + b"\n" for line in lines)


def message(*lines, body=b"body\n"):
    return header(*lines) + b"\n" + body


def multipart(subtype, *parts, boundary=b"b", preamble=b"", epilogue=b"", top=PLAIN):
    """A multipart; each part begins with its header and an empty line."""
    out = top + b"Content-Type: multipart/" + subtype + b'; boundary="' + boundary + b'"\n\n'
    out += preamble
    for part in parts:
        out += b"--" + boundary + b"\n" + part + b"\n"
    return out + b"--" + boundary + b"--\n" + epilogue


TEXT = b"Content-Type: text/plain; charset=utf-8\n\nhello\nworld"
HTML = b"Content-Type: text/html; charset=utf-8\n\n<p>hello</p>\n"
INNER = multipart(b"alternative", TEXT, HTML, boundary=b"inner", top=b"")
FORWARDED = b"Content-Type: message/rfc822\n\nFrom: x@y.example\nSubject: inner\nTo: q@r.example\n\n"

MESSAGES = {
    # Envelope: texts
    "plain": message(b"Date: Sun, 22 Nov 2026 04:00:00 +0100", b"From: a@example.org", b"Subject: hi"),
    "no header at all": b"\nbody only\n",
    "empty values": message(b"From:", b"To: ", b"Subject:", b"Date:", b"Message-ID:"),
    "folded subject": message(b"Subject: one\n two\n\tthree", b"From: a@b.example"),
    "quotes and backslashes in the subject": message(b'Subject: a "b" \\ c', b"From: a@b.example"),
    "UTF-8 in the subject": message("Subject: länger €".encode(), b"From: a@b.example"),
    "encoded words": message(
        b"Subject: =?utf-8?B?RWluIGzDpG5nZXI=?=\n =?utf-8?B?IEJldHJlZmY=?=", b"From: a@b.example"
    ),
    "two subjects": message(b"Subject: first", b"Subject: second", b"From: a@b.example"),
    "white space before the colon": message(b"Subject : s", b"From: a@b.example"),
    "in-reply-to and message-id with comments": message(
        b"In-Reply-To: Your message <1@x.example> of yesterday", b"Message-ID: <2@x.example> (c)"
    ),
    "line that is no field": message(b"From: a@b.example", b"no colon here", b"Subject: s"),
    "mbox line in front": b"From a@b.example Sun Nov 22 04:00:00 2026\n" + message(b"Subject: s"),
    # Envelope: address lists
    "display names": message(b'From: "Doe, John" <j@x.example>, Jane Q. Public <q@x.example>'),
    "name with encoded word": message(b"From: =?utf-8?q?Zo=C3=AB?= van =?utf-8?q?D?= <z@x.example>"),
    "name in UTF-8": message("From: Zoë <z@x.example>".encode()),
    "escaped quote in a name": message(b'From: "a \\"b\\" c\\\\" <z@x.example>'),
    "name from the comment": message(b"From: z@x.example (Zoe Zimmer)"),
    "sender and reply-to of their own": message(
        b"From: a@b.example", b"Sender: s@b.example", b"Reply-To: r@b.example, r2@b.example"
    ),
    "empty reply-to repeats from": message(b"From: a@b.example", b"Reply-To: "),
    "group": message(b"To: friends: a@b.example, C <c@d.example>;, e@f.example"),
    "empty group": message(b"To: undisclosed-recipients:;"),
    "group without an end": message(b"To: friends: a@b.example, c@d.example"),
    "source route": message(b"To: R <@one.example,@two.example:r@three.example>"),
    "quoted local part": message(b'To: "john doe"@x.example, <"a\\"b"@x.example>'),
    "domain literal": message(b"To: a@[192.0.2.1], b@[IPv6:2001:db8::1]"),
    "obsolete dots and comments": message(b"To: john . doe (c) @ x (d) . example"),
    "empty list members": message(b"To: , a@b.example,, ,c@d.example,"),
    "folded long list": message(
        b"To: " + b",\n ".join(b"User %d <u%d@example.org>" % (i, i) for i in range(300))
    ),
    "null address": message(b"From: <>", b"To: Nobody <>"),
    "address in brackets alone": message(b"To: <a@b.example>"),
    "two lists of one name": message(b"To: a@b.example", b"To: c@d.example"),
    # Structure
    "content type of every kind": multipart(
        b"mixed",
        TEXT,
        b"Content-Type: image/png; name=\"a b.png\"\nContent-Transfer-Encoding: base64\n"
        b"Content-ID: <i@x>\nContent-Description: a picture\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\n"
        b"Content-Disposition: inline; filename=\"a b.png\"; size=10\nContent-Language: de, en\n"
        b"Content-Location: http://x.example/a\n\niVBORw0KGgo=\n",
    ),
    "alternative": multipart(b"alternative", TEXT, HTML),
    "nested": multipart(b"mixed", INNER, b"Content-Type: application/pdf\n\n%PDF\n"),
    "part without header": multipart(b"mixed", b"\njust text"),
    "part without header or text": multipart(b"mixed", b"", b"\n"),
    "part with a header only": multipart(b"mixed", b"Content-Type: text/html\n"),
    "preamble and epilogue": multipart(
        b"mixed", TEXT, preamble=b"ignore\nme\n", epilogue=b"and\nme\n"
    ),
    "digest": multipart(b"digest", b"\nFrom: a@b.example\nSubject: one\n\nbody one\n",
                        b"\nSubject: two\n\nbody two\n"),
    "forwarded message": multipart(b"mixed", TEXT, FORWARDED + b"inner body\nof two lines\n"),
    "forwarded multipart": multipart(
        b"mixed", TEXT, b"Content-Type: message/rfc822\n\nSubject: i\n" + INNER
    ),
    "message in a message in a message": multipart(
        b"mixed", FORWARDED + FORWARDED + FORWARDED + b"deep\n"
    ),
    "message/rfc822 at the top": b"Subject: s\n" + FORWARDED + b"inner body\n",
    "delivery report": multipart(
        b"report; report-type=delivery-status",
        TEXT,
        b"Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: a\n",
        b"Content-Type: text/rfc822-headers\n\nSubject: s\n",
    ),
    "boundary without an end": PLAIN
    + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\n",
    "inner boundary without an end": multipart(b"mixed", INNER.replace(b"--inner--\n", b""), TEXT),
    "boundary that begins another": multipart(
        b"mixed", multipart(b"mixed", TEXT, boundary=b"b1", top=b""), TEXT
    ),
    "boundary line with white space behind": PLAIN
    + b"Content-Type: multipart/mixed; boundary=b\n\n--b \n\none\n--b--\t\nepilogue\n",
    "lines that are almost boundaries": multipart(b"mixed", b"\n-- b\n -b\n-b\n--\n---b\nend"),
    "no line end at the end": PLAIN + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--",
    "body without a line end": PLAIN + b"\nno end",
    "multipart without any boundary line": PLAIN
    + b"Content-Type: multipart/mixed; boundary=b\n\nnothing\nhere\n",
    "header ended by a boundary": PLAIN
    + b"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n--b\n\nx\n--b--\n",
    "unquoted parameters": message(b"Content-Type: text/plain; charset=utf-8; format=flowed;"),
    "parameters without spaces and upper case": message(b"CONTENT-TYPE: TEXT/HTML;CHARSET=UTF-8"),
    "comments in content-type": message(b"Content-Type: text/plain (yes); charset (c) = (d) utf-8 (e)"),
    "escaped quotes in a parameter": message(b'Content-Type: text/plain; name="a\\"b\\\\c.txt"'),
    "continued parameter": message(b"Content-Type: text/plain; name*0=\"long \";\n name*1=name.txt"),
    "extended parameter": message(b"Content-Type: text/plain; name*=utf-8'de'%C3%A4.txt"),
    "continued extended parameter": message(
        b"Content-Type: text/plain; name*0*=utf-8''%C3%A4;\n name*1*=%C3%B6; name*2=.txt"
    ),
    "parameter flood": message(
        b"Content-Type: text/plain" + b"".join(b";\n p%d=v%d" % (i, i) for i in range(60))
    ),
    "content-type of one word": message(b"Content-Type: text"),
    "empty content-type": message(b"Content-Type:"),
    "two content-types": message(b"Content-Type: text/html", b"Content-Type: text/plain"),
    "multipart without a boundary parameter": message(b"Content-Type: multipart/mixed"),
    "raw UTF-8 file name": message(
        b"Content-Type: application/pdf", 'Content-Disposition: attachment; filename="ä.pdf"'.encode()
    ),
    "encoded word as file name": message(
        b"Content-Type: application/pdf; name=\"=?utf-8?q?=C3=A4=2Epdf?=\""
    ),
    "language list and folded location": message(
        b"Content-Type: text/plain", b"Content-Language: de",
        b"Content-Location: http://x.example/\n very/long",
    ),
    "twenty levels": b"".join(
        b"Content-Type: multipart/mixed; boundary=L%02d\n\n--L%02d\n" % (i, i) for i in range(20)
    ) + b"\ndeep\n",
    "many parts": multipart(b"mixed", *[b"\npart %d\n" % i for i in range(200)]),
    "long body": message(b"Subject: s", body=b"".join(b"line %d\n" % i for i in range(5000))),
    "carriage returns alone": message(b"Subject: s", body=b"a\rb\rc\n"),
}
