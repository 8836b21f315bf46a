#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Content filters that people have behind their MTA, behind our pass-through filter: spampd and amavisd-new
with SpamAssassin's own rules, clamsmtpd with a clamd that knows one virus. Each is configured by the block of
docs/filters.md, with other ports and folders. They are heavy, so that what is not installed is skipped.
The last line is "N passed, N failed"."""

import contextlib
import os
import pwd
import re
import shutil
import smtplib
from concurrent.futures import ThreadPoolExecutor

from harness import ROOT, Daemon, Tests, expect, message, until, without_trace
from milter_programs import Program
from private_daemon import free_ports

GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"
EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
CLAMD = """\
LocalSocket {folder}/clamd.sock
PidFile {folder}/clamd.pid
DatabaseDirectory {folder}/signatures
TemporaryDirectory {folder}
User {user}
Foreground yes
LogFile {folder}/log
"""


def documented(name):
    """The one block of docs/filters.md with that name."""
    with open(f"{ROOT}/docs/filters.md") as f:
        (text,) = re.findall(rf"^```{name}\n(.*?)^```$", f.read(), flags=re.M | re.S)
    return text


def replaced(text, pairs):
    for old, new in pairs:
        expect(old in text, f"no {old} in the example:\n{text}")
        text = text.replace(old, str(new))
    return text


class Filter(Program):
    """One of them: at target, giving back to the port that back is."""

    def __init__(self, user):
        super().__init__()
        self.port, self.back = free_ports(2)
        self.target = 2, ("127.0.0.1", self.port)  # AF_INET
        self.user = pwd.getpwnam(user)
        os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)

    def section(self, name, settings=""):
        return f'filter {name} {{ address = "127.0.0.1:{self.port}" return = "127.0.0.1:{self.back}" {settings} }}\n'

class Spampd(Filter):
    program = "spampd"

    def __init__(self):
        super().__init__("spampd")
        words = documented("sh-spampd").replace("\\\n", " ").split()
        self.command = replaced("\n".join(words), [("127.0.0.1:10024", f"127.0.0.1:{self.port}"),
                                                   ("127.0.0.1:10025", f"127.0.0.1:{self.back}"),
                                                   ("/run/spampd", self.folder)]).split("\n")
        if not os.path.exists("/dev/log"):
            self.command.append("--logsock=inet")  # where it says things to nobody, and serves all the same

    def run(self):
        self.start(*self.command)


class Amavisd(Filter):
    program = "amavisd"

    def __init__(self):
        super().__init__("amavis")
        text = replaced(documented("perl-amavisd"), [("10024", self.port), ("10025", self.back), ("/var/lib/amavis", f"{self.folder}/home")])
        os.chown(self.folder, 0, 0)  # it takes no configuration that it could have written
        self.configuration = self.write("amavisd.conf", text)
        for name in ("home", "home/tmp", "home/db", "home/virusmails"):
            os.mkdir(f"{self.folder}/{name}", 0o750)
            os.chown(f"{self.folder}/{name}", self.user.pw_uid, self.user.pw_gid)

    def run(self):
        self.start("/usr/sbin/amavisd", "-c", self.configuration, "foreground")


class Clamsmtpd(Filter):
    program = "clamsmtpd"

    def __init__(self, action="bounce"):
        super().__init__("clamsmtp")
        os.mkdir(f"{self.folder}/signatures", 0o755)
        self.write("signatures/test.ndb", f"Test.Eicar:0:*:{EICAR.encode().hex()}\n")
        shutil.chown(f"{self.folder}/signatures", "clamsmtp")
        self.clamd = Program()
        os.chown(self.clamd.folder, self.user.pw_uid, self.user.pw_gid)
        self.clamd.target = 1, f"{self.folder}/clamd.sock"  # AF_UNIX
        text = replaced(documented("clamsmtpd"), [("10024", self.port), ("10025", self.back), ("/run/clamav/clamd.ctl", f"{self.folder}/clamd.sock"), ("bounce", action),
                                                  ("/var/spool/clamsmtp", self.folder)])
        self.configuration = self.write("clamsmtpd.conf", text)

    def run(self):
        if self.clamd.process is None:  # it stays when the filter is restarted
            clamd = self.write("clamd.conf", CLAMD.format(folder=self.folder, user="clamsmtp"))
            self.clamd.start("/usr/sbin/clamd", "-c", clamd)
        self.start("/usr/sbin/clamsmtpd", "-f", self.configuration, "-d", "1")

    def close(self):
        self.clamd.close()
        super().close()


# ---- one of them in front of mailboxes ----


@contextlib.contextmanager
def behind(filter_, settings=""):
    daemon = Daemon(more=filter_.section("real", settings) +
                    'domain real.test { accounts = any recipient_delimiter = "+" filters_before = {real} }\n')
    try:
        daemon.start()
        yield daemon
        daemon.end()
    finally:
        daemon.remove()


def deliver(daemon, user, subject, body="A line.\r\n", data=None, sender="bob@example.com"):
    with smtplib.LMTP("127.0.0.1", daemon.ports["lmtp"], local_hostname="client.example", timeout=60) as client:
        client.ehlo_or_helo_if_needed()
        client.mail(sender)
        expect(client.rcpt(f"{user}@real.test")[0] == 250, "RCPT")
        code, text = client.data(data or message(subject, body=body))
    return code, text.decode(), daemon.messages(f"/real.test/{user}/new")


def fields(stored):
    """Name in small letters: value, unfolded."""
    head = re.sub(r"\n[ \t]+", " ", without_trace(stored).partition(b"\n\n")[0].decode())
    return {n.lower(): v for n, v in re.findall(r"(?m)^([!-9;-~]+): ?(.*)$", head)}


def settled(daemon):
    """The first message, with what a filter needs to begin with."""
    def come():
        code, text, box = deliver(daemon, "first", "well")
        return box if code == 250 else None
    return until(come, "nothing comes through", 60)


def comes_whole(daemon):
    body = "line\r\n.\r\n..\r\nd\xe9j\xe0 \xe2\x82\xac\r\n" + "x" * 900 + "\r\n"
    code, text, box = deliver(daemon, "whole", "whole", body=body)
    expect(code == 250 and len(box) == 1, f"{code} {text}: {len(box)}")
    expect(box[0].endswith(body.replace("\r\n", "\n").encode()), f"another body: {box[0][-1000:]}")
    code, text, box = deliver(daemon, "null", "from nobody", sender="")
    expect(code == 250 and len(box) == 1, f"{code} {text}: {len(box)}")


def large_ones(daemon):
    body = ("0123456789" * 7 + "\r\n") * 20000
    code, text, box = deliver(daemon, "large", "large", body=body)
    expect(code == 250 and box[0].endswith(body.replace("\r\n", "\n").encode()), f"{code} {text}: {len(box)}")


def many_at_once(daemon):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda i: deliver(daemon, f"many{i}", f"many {i}"), range(24)))
    expect([a[0] for a in answers] == [250] * 24, f"{[a[:2] for a in answers if a[0] != 250]}")
    expect(all(len(a[2]) == 1 for a in answers), "not for all")


def restarted_under_load(daemon, filter_):
    """Whoever hears 250 has his message, once; whoever hears 451 may come again, and nobody hears anything else."""
    done, answers = [], []

    def stream(place):
        number = 0
        while not done:
            user = f"load{place}.{number}"
            code, text, box = deliver(daemon, user, "load")
            answers.append((user, code, text))
            expect((code, len(box)) in ((250, 1), (451, 0)), f"{user}: {code} {text}: {len(box)}")
            number += 1

    with ThreadPoolExecutor(3) as pool:
        streams = [pool.submit(stream, i) for i in range(3)]
        try:
            until(lambda: sum(a[1] == 250 for a in answers) >= 3, "nothing comes through", 60)
            stop(filter_)
            until(lambda: any(a[1] == 451 for a in answers), "nobody notices", 60)
            filter_.run()
            seen = len(answers)
            until(lambda: sum(a[1] == 250 for a in answers[seen:]) >= 3, "nothing comes through again", 60)
        finally:
            done.append(True)
        for s in streams:
            s.result()
    for user, code, text in answers:
        box = daemon.messages(f"/real.test/{user}/new")
        expect(len(box) == (code == 250), f"{user}: {code} {text}: {len(box)}")


def stop(filter_):
    """As a service is stopped: it may end what it has begun, and gives its port back."""
    filter_.process.terminate()
    filter_.process.wait(60)


# ---- each ----


def spampd_marks(daemon):
    found = fields(deliver(daemon, "ham", "hello")[2][0])
    expect(found["x-spam-status"].startswith("No, "), f"{found}")
    code, text, box = deliver(daemon, "spam", "buy", body=GTUBE)
    expect(code == 250 and len(box) == 1, f"{code} {text}")
    found = fields(box[0])
    expect(found["x-spam-flag"] == "YES" and found["x-spam-status"].startswith("Yes, "), f"{found}")


def amavisd_marks(daemon):
    found = fields(deliver(daemon, "ham", "hello")[2][0])
    expect("x-spam-flag" not in found or found["x-spam-flag"] == "NO", f"{found}")
    expect("x-virus-scanned" in found and found["x-spam-status"].startswith("No, "), f"{found}")
    code, text, box = deliver(daemon, "spam", "buy", body=GTUBE)
    expect((code // 100, box) == (5, []) and not re.search("[0-9a-f]{32}", text), f"{code} {text}: {box}")


def clamsmtpd_refuses(daemon):
    code, text, box = deliver(daemon, "ham", "hello")
    expect(code == 250 and len(box) == 1, f"{code} {text}")
    code, text, box = deliver(daemon, "virus", "look", body=EICAR + "\r\n")
    expect((code // 100, box) == (5, []), f"{code} {text}: {box}")
    expect("Virus" in text and not re.search("[0-9a-f]{32}", text), text)


def clamsmtpd_swallows():
    """One that answers 250 to what it throws away: the message is stored nowhere, and nobody hears of it."""
    with contextlib.closing(Clamsmtpd("drop")) as filter_, behind(filter_, "on_silence = discard") as daemon:
        filter_.run()
        settled(daemon)
        code, text, box = deliver(daemon, "virus", "look", body=EICAR + "\r\n")
        expect((code, box) == (250, []), f"{code} {text}: {box}")
        expect("discards it" in daemon.log_text(), "nothing is logged")


def try_one(tests, kind, own):
    name, before = kind.program, tests.failed
    with contextlib.closing(kind()) as filter_, behind(filter_) as daemon:
        tests.run(f"{name}: starts", filter_.run)
        for check in [settled, *own, comes_whole, large_ones, many_at_once]:
            tests.run(f"{name}: {check.__name__.replace('_', ' ')}", check, daemon)
        tests.run(f"{name}: restarted under load", restarted_under_load, daemon, filter_)
        if tests.failed > before:
            print("\n".join(line for line in daemon.log_text().splitlines() if "filter" in line)[-3000:], filter_.said())
    if kind is Clamsmtpd:
        tests.run(f"{name}: what it throws away", clamsmtpd_swallows)


KINDS = [
    (Spampd, [spampd_marks]),
    (Amavisd, [amavisd_marks]),
    (Clamsmtpd, [clamsmtpd_refuses]),
]


def main():
    tests = Tests("filters_real")
    for kind, own in KINDS:
        name = kind.program
        if os.geteuid() != 0:
            tests.skip(name, "needs root, to give it its user")
            continue
        if tests.has(kind.program, name):
            try_one(tests, kind, own)
    tests.end()


if __name__ == "__main__":
    main()
