#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What goes back to senders (RFC 3461): reports of refusals that SMTP's one answer cannot tell, of deliveries that
NOTIFY asks for, and what comes to an address of SRS. The next hop takes no connection, so that all of it waits in the
queue, which is read when the daemon has ended. The last line is "N passed, N failed"."""

import concurrent.futures
import contextlib
import email
import email.policy
import os
import re
import smtplib
import sqlite3
import sys
import tempfile

from harness import Daemon, Tests, expect, message, until
from next_hop import NextHop

NEVER, SUCCESS, FAILURE, DELAY = 1, 2, 4, 8
RELAY = """
dsn = yes
relay {{
    smarthost = "unix:/nonexistent/next-hop"
    {more}
}}
"""
REJECT = 'require "reject"; reject "N\u00f6, not today.";'
EREJECT = 'require "ereject"; ereject "N\u00f6, not today.";'
NO = 'require "reject"; reject "No.\r\nNever.";'
FORWARD = 'redirect "far@far.example";'


class Mta(smtplib.SMTP):
    """By SMTP or LMTP, over the daemon's unix socket."""

    def __init__(self, daemon, protocol="smtp"):
        self.daemon, self.protocol = daemon, protocol
        super().__init__("unix", 25, "mta.example.net")
        if protocol == "lmtp":
            self.docmd("LHLO", "mta.example.net")
        else:
            self.ehlo("mta.example.net")

    def _get_socket(self, *_):
        return self.daemon.connect(self.protocol, "unix", 60)

    def send(self, *arguments):  # what smtplib calls for its lines
        super().send(*arguments)

    def deliver(self, sender, recipients, data, mail=""):
        """recipients: addresses, or (address, parameters). The codes of all answers to the message."""
        code, text = self.docmd("MAIL", f"FROM:<{sender}> {mail}".rstrip())
        expect(code == 250, text)
        for to in recipients:
            address, parameters = (to, "") if isinstance(to, str) else to
            code, text = self.docmd("RCPT", f"TO:<{address}> {parameters}".rstrip())
            expect(code == 250, f"{to}: {code} {text}")
        code, text = self.docmd("DATA")
        expect(code == 354, text)
        self.send(data + b".\r\n")
        count = len(recipients) if self.protocol == "lmtp" else 1
        return [self.getreply()[0] for _ in range(count)]


class Sender:
    """A daemon that takes the messages of one test; then what waits in its queue."""

    def __init__(self, more="", accounts=("ann", "bob", "eve"), relay=RELAY):
        self.daemon = Daemon(more=relay.format(more=more) if relay else "dsn = yes\n",
                             in_domain='over_quota = "reject"')
        self.accounts = accounts

    def __enter__(self):
        self.daemon.start()
        for name in self.accounts:
            self.daemon.tool("account", "add", f"{name}@example.org")
        return self

    def script(self, account, text):
        path = f"{self.daemon.folder}/{account}.sieve"
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        self.daemon.tool("sieve", "install", f"{account}@example.org", path, "--activate")

    def __exit__(self, *_):
        with contextlib.suppress(Exception):
            self.daemon.end()
        self.daemon.remove()

    def queued(self):
        """All items with their recipients; the daemon ends."""
        self.daemon.end()
        with contextlib.closing(sqlite3.connect(f"{self.daemon.state}/queue/queue.sqlite")) as db:
            db.row_factory = sqlite3.Row
            items = [Item(self.daemon, row, list(db.execute("SELECT * FROM recipients WHERE item = ?", (row["id"],))))
                     for row in db.execute("SELECT * FROM items ORDER BY id")]
        return items


class Item:
    def __init__(self, daemon, row, recipients):
        self.row = row
        self.kind, self.sender, self.account = row["kind"], row["reverse_path"], row["account"]
        self.to = [r["address"] for r in recipients]
        self.notify = [r["notify"] for r in recipients]
        data = row["text"]
        if row["file"]:
            with open(f"{daemon.state}/queue/messages/{row['file']}", "rb") as f:
                data = f.read()
        self.data = row["head"] + data

    def groups(self):
        """The fields of a report: of the message, then of each recipient."""
        parsed = email.message_from_bytes(self.data, policy=email.policy.default)
        expect(parsed.get_content_type() == "multipart/report", self.data.decode(errors="replace"))
        return [dict(g.items()) for g in parsed.get_payload()[1].get_payload()]


def one(items, kind="dsn"):
    expect([i.kind for i in items] == [kind], [(i.kind, i.to) for i in items])
    return items[0]


def told(item, sender="bob@example.com"):
    """What it says of each recipient."""
    expect(item.sender == "" and item.to == [sender] and item.notify == [NEVER], (item.sender, item.to, item.notify))
    return {re.sub(".*; ", "", g["Final-Recipient"]): (g["Action"], g["Status"]) for g in item.groups()[1:]}


def disposed(item, recipient, words):
    """A refusal that a script told: its words, and its fields (RFC 8098)."""
    expect(item.kind == "reject" and item.sender == "" and item.notify == [NEVER], (item.kind, item.sender, item.to))
    parsed = email.message_from_bytes(item.data, policy=email.policy.default)
    expect(parsed["Content-Type"].params["report-type"] == "disposition-notification", item.data)
    text, status, _ = parsed.get_payload()
    expect(text.get_content().replace("\r\n", "\n").endswith("was as follows:\n\n" + words + "\n"), text.get_content())
    fields = status.get_payload()[0]
    expect(fields["Final-Recipient"] == f"rfc822; {recipient}", fields.items())
    expect(fields["Disposition"] == "automatic-action/MDN-sent-automatically; deleted", fields.items())
    return fields


# ---- several recipients, one answer ----


def refused_is_reported():
    with Sender() as s:
        s.script("eve", EREJECT)
        with Mta(s.daemon) as mta:
            codes = mta.deliver("bob@example.com", ["ann@example.org", "eve@example.org"], message("mixed"),
                                "ENVID=QQ314")
        expect(codes == [250], codes)
        expect(len(s.daemon.messages("ann/new")) == 1 and not s.daemon.messages("eve/new"), "eve has it")
        item = one(s.queued())
        expect(told(item) == {"eve@example.org": ("failed", "5.7.1")}, told(item))
        expect(item.groups()[0]["Original-Envelope-Id"] == "QQ314", item.groups())
        expect(item.account == "eve@example.org", item.account)
        text = email.message_from_bytes(item.data, policy=email.policy.default).get_payload()[0].get_content()
        expect("N\u00f6, not today." in text, text)
        expect(b"Subject: mixed" in item.data, "the message does not come back")


def reject_is_a_disposition():
    """RFC 5429 2.2.1: its words come back as they are, in a message of its own."""
    with Sender() as s:
        s.script("eve", NO)
        s.script("bob", REJECT)
        with Mta(s.daemon) as mta:
            codes = mta.deliver("bob@example.com", ["ann@example.org", ("eve@example.org", "ORCPT=rfc822;E+2Bx@a.example"),
                                                    "bob@example.org"], message("mixed"))
        expect(codes == [250], codes)
        expect(not s.daemon.messages("eve/new") and not s.daemon.messages("bob/new"), "it is kept")
        eve, bob = s.queued()
        fields = disposed(eve, "eve@example.org", "No.\nNever.")
        expect(fields["Original-Recipient"] == "rfc822; E+x@a.example", fields)
        expect(disposed(bob, "bob@example.org", "N\u00f6, not today.")["Original-Recipient"] is None, bob.data)
        expect(eve.account == "eve@example.org" and b"Subject: mixed" in eve.data, eve.data)


def words_that_no_reply_can_say():
    """RFC 5429 2.2: a reply is ASCII where there is no SMTPUTF8; without anybody to be told it has to do."""
    with Sender() as s:
        s.script("eve", REJECT)
        for protocol in ("lmtp", "smtp"):
            with Mta(s.daemon, protocol) as mta:
                codes = [mta.deliver(sender, [("eve@example.org", wish)], message(f"{protocol} {n}"), more)
                         for n, (sender, wish, more) in enumerate((("bob@example.com", "", ""), ("", "", ""),
                                                                   ("bob@example.com", "NOTIFY=NEVER", ""),
                                                                   ("bob@example.com", "", "SMTPUTF8")))]
            expect(codes == [[250], [550], [550], [550]], (protocol, codes))
        expect(not s.daemon.messages("eve/new"), "it is kept")
        for item in s.queued():
            disposed(item, "eve@example.org", "N\u00f6, not today.")


def one_of_an_alias_refuses():
    """It gets no copy; the others have theirs, and the sender is told of the address that he wrote to."""
    with Sender() as s:
        for account in ("ann", "bob", "eve"):
            s.daemon.tool("alias", "add", "all@example.org", f"{account}@example.org")
        s.script("bob", EREJECT)
        s.script("eve", NO)
        for protocol in ("lmtp", "smtp"):
            with Mta(s.daemon, protocol) as mta:
                codes = mta.deliver("bob@example.com", ["all@example.org"], message("alias " + protocol))
            expect(codes == [250], codes)
        expect(len(s.daemon.messages("ann/new")) == 2, "it is not delivered")
        expect(not s.daemon.messages("bob/new") and not s.daemon.messages("eve/new"), "it is kept")
        items = s.queued()
        expect([i.kind for i in items] == ["dsn", "reject"] * 2, [i.kind for i in items])
        for report, disposition in (items[:2], items[2:]):
            expect(told(report) == {"all@example.org": ("failed", "5.7.1")}, told(report))
            disposed(disposition, "all@example.org", "No.\nNever.")


def all_of_an_alias_refuse():
    with Sender(accounts=["ann", "eve"]) as s:
        for account in ("ann", "eve"):
            s.daemon.tool("alias", "add", "all@example.org", f"{account}@example.org")
            s.script(account, NO)
        for protocol in ("lmtp", "smtp"):
            with Mta(s.daemon, protocol) as mta:
                codes = mta.deliver("bob@example.com", ["all@example.org"], message("alias " + protocol))
            expect(codes == [550], codes)
        expect(not s.queued(), "what was said is told")


def all_refused_is_said():
    with Sender() as s:
        s.script("eve", EREJECT)
        s.script("ann", NO)
        with Mta(s.daemon) as mta:
            codes = mta.deliver("bob@example.com", ["ann@example.org", "eve@example.org"], message("none"))
        expect(codes == [550], codes)
        expect(not s.queued(), "what was said is not reported")


def for_now_is_said():
    """One that cannot take it now: the client keeps it, and nobody is told anything yet."""
    with Sender() as s:
        s.script("eve", EREJECT)
        os.makedirs(s.daemon.mail_path("bob"), exist_ok=True)
        with open(s.daemon.mail_path("bob/new"), "w", encoding="ascii"):
            pass  # where a folder should be
        with Mta(s.daemon) as mta:
            to = ["ann@example.org", "bob@example.org", "eve@example.org"]
            codes = mta.deliver("bob@example.com", to, message("later"))
            expect(codes == [451], codes)
            os.remove(s.daemon.mail_path("bob/new"))
            codes = mta.deliver("bob@example.com", to, message("later"))
        expect(codes == [250], codes)
        for name in ("ann", "bob"):
            expect(len(s.daemon.messages(f"{name}/new")) == 1, name)
        expect(told(one(s.queued())) == {"eve@example.org": ("failed", "5.7.1")}, "the refusal is not told")


def never_is_honoured():
    with Sender() as s:
        s.script("eve", EREJECT)
        with Mta(s.daemon) as mta:
            codes = mta.deliver("bob@example.com", ["ann@example.org", ("eve@example.org", "NOTIFY=NEVER")],
                                message("never"))
        expect(codes == [250], codes)
        expect(not s.daemon.messages("eve/new"), "eve has it")
        expect(not s.queued(), "a report that nobody wanted")


def nobody_to_tell():
    """From <>, and where nothing leaves: it is kept."""
    for relay, sender in ((RELAY, ""), (None, "bob@example.com")):
        with Sender(relay=relay) as s:
            s.script("eve", EREJECT)
            with Mta(s.daemon) as mta:
                codes = mta.deliver(sender, ["ann@example.org", "eve@example.org"], message("kept"))
            expect(codes == [250], codes)
            expect(len(s.daemon.messages("eve/new")) == 1, "eve has not")
            expect(not s.queued(), "a report to nobody")


def a_retry_is_reported_once():
    """A queue that has heard no answer sends the same again."""
    data = b"Received: from a by b; Sun, 22 Nov 2026 12:00:00 +0000\r\n" + message("again")
    with Sender() as s:
        s.script("eve", EREJECT)
        for _ in range(3):
            with Mta(s.daemon) as mta:
                codes = mta.deliver("bob@example.com", ["ann@example.org", "eve@example.org"], data)
            expect(codes == [250], codes)
        expect(len(s.daemon.messages("ann/new")) == 1, "more than one copy")
        one(s.queued())


def a_killed_daemon_has_reported():
    with Sender() as s:
        s.script("eve", EREJECT)
        with Mta(s.daemon) as mta:
            codes = mta.deliver("bob@example.com", ["ann@example.org", "eve@example.org"], message("kill"))
            expect(codes == [250], codes)
            s.daemon.kill()
        s.daemon.start()
        expect(told(one(s.queued())) == {"eve@example.org": ("failed", "5.7.1")}, "nobody is told")


# ---- success ----


def success_is_reported():
    with Sender() as s:
        s.script("eve", "discard;")
        for account in ("ann", "bob"):
            s.daemon.tool("alias", "add", "all@example.org", f"{account}@example.org")
        for protocol in ("lmtp", "smtp"):
            with Mta(s.daemon, protocol) as mta:
                wish = "NOTIFY=SUCCESS,FAILURE"
                to = [("ann@example.org", wish + " ORCPT=rfc822;Ann@example.org"), ("eve@example.org", wish),
                      ("all@example.org", wish), "bob@example.org"]
                codes = mta.deliver("bob@example.com", to, message("success " + protocol), "RET=FULL")
                expect(set(codes) == {250}, codes)
        items = s.queued()
        expect(len(items) == 2, len(items))
        for item in items:
            wanted = {"ann@example.org": ("delivered", "2.1.5"), "eve@example.org": ("delivered", "2.1.5"),
                      "all@example.org": ("expanded", "2.1.5")}
            expect(told(item) == wanted, told(item))
            expect(item.groups()[1]["Original-Recipient"] == "rfc822; Ann@example.org", item.groups()[1])
            expect(b"A line." not in item.data, "success brings the body back")


def lmtp_tells_its_client():
    with Sender() as s:
        s.script("eve", EREJECT)
        with Mta(s.daemon, "lmtp") as mta:
            codes = mta.deliver("bob@example.com", ["ann@example.org", ("eve@example.org", "NOTIFY=SUCCESS,FAILURE"),
                                                    ("bob@example.org", "NOTIFY=SUCCESS")], message("lmtp"))
        expect(codes == [250, 550, 250], codes)
        expect(told(one(s.queued())) == {"bob@example.org": ("delivered", "2.1.5")}, "another report")


def the_null_sender_hears_nothing():
    with Sender() as s:
        with Mta(s.daemon, "lmtp") as mta:
            codes = mta.deliver("", [("ann@example.org", "NOTIFY=SUCCESS")], message("null"))
        expect(codes == [250], codes)
        expect(not s.queued(), "a report to nobody")


# ---- what is sent on ----


def redirected(*deliveries, more=""):
    """What is sent on of messages from these senders, with these wishes."""
    with Sender(more, ["ann"]) as s:
        s.script("ann", FORWARD)
        with Mta(s.daemon, "lmtp") as mta:
            for n, (sender, wish) in enumerate(deliveries):
                mta.deliver(sender, [("ann@example.org", wish)], message(f"on {n}"), "ENVID=E1")
        return [i for i in s.queued() if i.kind == "redirect"]


def senders_of_redirects():
    for word, wanted in (("original", "bob@example.com"), ("recipient", "ann@example.org"), ("null", "")):
        item, null = redirected(("bob@example.com", ""), ("", ""), more=f'redirect_sender = "{word}"')
        expect(item.sender == wanted and item.to == ["far@far.example"], (word, item.sender, item.to))
        expect((item.row["envid"] == "") == (word == "recipient"), (word, item.row["envid"]))
        expect(null.sender == "", "<> stays what it is")


def redirects_have_a_trace():
    item = one(redirected(("bob@example.com", "")), "redirect")
    head = item.data.partition(b"\r\n\r\n")[0].decode()
    expect(re.search(r"^Delivered-To: ann@example\.org\r$", head, re.M), head)
    expect(re.search(r"^Received: from mta\.example\.net\r\n\tby mx\.example\.org", head, re.M), head)
    expect("X-Sieve-Redirected-From: ann@example.org" in head and "Resent-" not in head, head)


def to_oneself_is_a_keep():
    with Sender(accounts=["ann"]) as s:
        s.script("ann", 'redirect "Ann@example.org";')
        with Mta(s.daemon, "lmtp") as mta:
            codes = mta.deliver("bob@example.com", ["ann@example.org"], message("own"))
        expect(codes == [250] and len(s.daemon.messages("ann/new")) == 1, codes)
        expect(not s.queued(), "it leaves")


def circles_are_seen():
    """What was sent on from here before fails; so does what has been through too many hosts."""
    with Sender("", ["ann"]) as s:
        s.script("ann", FORWARD)
        with Mta(s.daemon, "lmtp") as mta:
            once = mta.deliver("bob@example.com", ["ann@example.org"],
                               b"X-Sieve-Redirected-From: ANN@Example.org\r\n" + message("again"))
            many = mta.deliver("bob@example.com", ["ann@example.org"],
                               b"Received: from a by b; Sun, 22 Nov 2026 12:00:00 +0000\r\n" * 200 + message("many"))
        expect(once == [250] and many == [554], (once, many))
        kept = [m for m in s.daemon.messages("ann/new") if b"Subject: again" in m]
        expect(len(kept) == 1, "it is not kept")
        expect(not s.queued(), "it leaves")


def wishes_go_on():
    wishes = {"": 0, "NOTIFY=NEVER": NEVER, "NOTIFY=SUCCESS": NEVER, "NOTIFY=SUCCESS,DELAY": DELAY,
              "NOTIFY=FAILURE": FAILURE}
    items = redirected(*(("bob@example.com", wish) for wish in wishes))
    expect([i.notify for i in items] == [[n] for n in wishes.values()], [i.notify for i in items])


@contextlib.contextmanager
def rewriting(relay=RELAY):
    with tempfile.NamedTemporaryFile("w", prefix="doorstep-srs.") as f:
        f.write("a secret of enough octets\n")
        f.flush()
        with Sender(f'srs_secret_file = "{f.name}"', ["ann"], relay) as s:
            yield s


def restarted(s):
    items = s.queued()
    s.daemon.start()
    return items


def srs_there_and_back():
    with rewriting() as s:
        s.script("ann", FORWARD)
        with Mta(s.daemon) as mta:
            mta.deliver("Bob@example.com", ["ann@example.org"], message("on"))
        path = one(restarted(s), "redirect").sender
        expect(re.fullmatch(r"SRS0=[A-Z2-7]{8}=[A-Z2-7]{2}=example\.com=Bob@example\.org", path), path)
        with Mta(s.daemon) as mta:
            codes = mta.deliver("", [path.lower()], message("report"))
            expect(codes == [250], codes)
        items = s.queued()
        expect([i.kind for i in items] == ["redirect", "forward"], items)
        back = items[1]
        expect(back.sender == "" and back.to == ["bob@example.com"], (back.sender, back.to))
        expect(back.data.startswith(b"Received: from mta.example.net") and back.data.endswith(message("report")),
               back.data)


def srs_takes_reports_alone():
    with rewriting() as s:
        s.script("ann", FORWARD)
        with Mta(s.daemon) as mta:
            mta.deliver("bob@example.com", ["ann@example.org"], message("on"))
        path = one(restarted(s), "redirect").sender
        forged = path.replace("example.com", "example.net")
        with Mta(s.daemon) as mta:
            for sender, to, wanted in (("eve@example.net", path, 550), ("", forged, 550), ("", path, 250),
                                       ("", "SRS0=AAAAAAAA=AA=a.example=" + "x" * 180 + "@example.org", 550)):
                mta.docmd("MAIL", f"FROM:<{sender}>")
                code, text = mta.docmd("RCPT", f"TO:<{to}>")
                expect(code == wanted and (code == 250 or text.startswith(b"5.7.1")), (to, code, text))
                mta.docmd("RSET")


# ---- all the way ----


def refusing(session_line):
    """What the far side says to a recipient."""
    return "550 5.1.1 nobody of that name \u202e here" if "far.example" in session_line else "250 2.1.5 ok"


def a_far_refusal_comes_back():
    """Redirected under a path of ours, refused over there: who stands behind that path is told."""
    with NextHop() as hop:
        hop.replies["RCPT"] = lambda session: refusing(hop.said[-1])
        with rewriting(RELAY.replace("unix:/nonexistent/next-hop", hop.name)) as s, Mta(s.daemon) as mta:
            s.script("ann", FORWARD)
            codes = mta.deliver("bob@example.com", ["ann@example.org"], message("on"))
            expect(codes == [250], codes)
            until(lambda: any("FROM:<>" in m[0] for m in hop.messages), "nobody is told", 60)
            expect(any(re.match("MAIL FROM:<SRS0=.*=bob@example.org>", m[0]) for m in hop.messages), hop.messages)
            _, recipients, data = next(m for m in hop.messages if "FROM:<>" in m[0])
            expect(recipients == ["bob@example.com"], recipients)
            expect(b"far@far.example" in data and b"5.1.1" in data and b"Action: failed" in data, data)


def main():
    tests = Tests("dsn")
    checks = [refused_is_reported, reject_is_a_disposition, words_that_no_reply_can_say, one_of_an_alias_refuses,
              all_of_an_alias_refuse, all_refused_is_said, for_now_is_said, never_is_honoured, nobody_to_tell,
              a_retry_is_reported_once, a_killed_daemon_has_reported, success_is_reported, lmtp_tells_its_client,
              the_null_sender_hears_nothing, senders_of_redirects, redirects_have_a_trace, to_oneself_is_a_keep,
              circles_are_seen, wishes_go_on,
              srs_there_and_back, srs_takes_reports_alone, a_far_refusal_comes_back]
    chosen = [c for c in checks if not sys.argv[1:] or c.__name__ in sys.argv[1:]]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:  # each has a daemon of its own
        list(pool.map(lambda check: tests.run(check.__name__.replace("_", " "), check), chosen))
    tests.end()


main()
