#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""External programs as filters before and behind Sieve, and as commands of scripts, with the real
daemon: small programs of our own that say, do and break everything that one can. Ends in one line
"N passed, N failed"; DOORSTEP and DOORSTEPD name the binaries."""

import glob
import json
import os
import pwd
import re
import shutil
import signal
import smtplib
import tempfile
from concurrent.futures import ThreadPoolExecutor

from harness import ROOT, Daemon, Failure, Tests, expect, message, until, without_trace
from private_daemon import DOORSTEPD

IS_ROOT = os.geteuid() == 0


class Programs:
    """A folder of programs that whoever runs them can read, and one that they may write to."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="doorstep-programs.")
        os.chmod(self.folder, 0o755)
        self.out = f"{self.folder}/out"
        os.mkdir(self.out)
        os.chmod(self.out, 0o777)

    def add(self, name, text):
        path = f"{self.folder}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text.replace("OUT", self.out))
        os.chmod(path, 0o755)
        return path

    def read(self, name):
        with open(f"{self.out}/{name}", "rb") as f:
            return f.read()

    def has(self, name):
        return os.path.exists(f"{self.out}/{name}")

    def forget(self):
        for name in os.listdir(self.out):
            os.unlink(f"{self.out}/{name}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)


class Site:
    """A daemon whose accounts each have a domain of their own name with its filters."""

    def __init__(self, programs):
        self.programs = programs
        self.sections = []
        self.domains = []
        self.root = []

    def program(self, name, text, settings="", arguments=(), path=None):
        path = path or self.programs.add(name, "#!/bin/sh\n" + text)
        settings = settings.replace("OUT", self.programs.out)
        command = ", ".join('"%s"' % a for a in (path, *arguments))
        self.sections.append(f"program {name} {{ command = {{{command}}} {settings} }}")

    def domain(self, name, before=(), after=()):
        self.domains.append(
            f"domain {name}.test {{ accounts = any recipient_delimiter = \"+\" "
            f"filters_before = {{{', '.join(before)}}} filters_after = {{{', '.join(after)}}} }}"
        )

    def filter(self, name, text, settings="", arguments=(), path=None, behind=False):
        """A program, and a domain whose mail it looks at."""
        self.program(name, text, settings, arguments, path)
        self.domain(name, *(((), (name,)) if behind else ((name,), ())))

    def daemon(self):
        return Daemon(more="\n".join(self.root + self.sections + self.domains))


def send(daemon, recipients, data, sender="bob@example.com", helo="client.example"):
    """{recipient: (code, text)} by LMTP."""
    with smtplib.LMTP("127.0.0.1", daemon.ports["lmtp"], local_hostname=helo, timeout=60) as client:
        client.ehlo_or_helo_if_needed()
        code, text = client.mail(sender, ["SMTPUTF8"] if not sender.isascii() else [])
        expect(code == 250, f"MAIL: {code} {text}")
        answers = {}
        for r in recipients:
            code, text = client.rcpt(r)
            expect(code == 250, f"RCPT {r}: {code} {text}")
        client.putcmd("DATA")
        client.getreply()
        client.send(smtplib._quote_periods(data) + b".\r\n")
        for r in recipients:
            answers[r] = client.getreply()
        return answers


def deliver(daemon, name, subject="subject", user="ann", body="A line.\r\n", **more):
    """(code, text, what is in the inbox)"""
    recipient = f"{user}@{name}.test"
    code, text = send(daemon, [recipient], message(subject, body=body), **more)[recipient]
    return code, text.decode(), inbox(daemon, name, user)


def inbox(daemon, name, user="ann", folder=""):
    return daemon.messages(f"/{name}.test/{user}/{folder}new")


def log_has(daemon, *words):
    return until(
        lambda: any(all(w in line for w in words) for line in daemon.log_text().splitlines()), f"no line with {words}", 10
    )


SITE_CASES = []


def case(setup):
    """What a check adds to the configuration, in front of the check itself."""

    def add(check):
        SITE_CASES.append((setup, check))
        return check

    return add


# --- exit statuses


STATUSES = {0: 250, 65: 550, 67: 550, 68: 550, 69: 550, 77: 550, 75: 451, 99: 250, 1: 451, 64: 451, 127: 451}


@case(lambda s: [s.filter(f"status{n}", f"exit {n}\n") for n in STATUSES])
def exit_statuses(daemon, programs):
    for status, wanted in STATUSES.items():
        code, text, box = deliver(daemon, f"status{status}")
        expect(code == wanted, f"status {status}: {code} {text}")
        expect(len(box) == (status == 0), f"status {status}: {len(box)} messages")
    log_has(daemon, "program_failed", "program=status1", "exit status 1")


@case(lambda s: [s.filter("skips", "echo 'first line' >&2; echo second >&2; exit 1\n", "on_failure = skip"),
                 s.filter("holds", "echo 'why it holds' >&2; exit 3\n")])
def failures_follow_the_policy(daemon, programs):
    code, text, box = deliver(daemon, "skips")
    expect(code == 250 and len(box) == 1, f"skip: {code} {text}, {len(box)}")
    log_has(daemon, "program_failed", "program=skips", 'stderr="first line"')
    log_has(daemon, "unfiltered", "program 'skips': exit status 1: first line")
    code, text, box = deliver(daemon, "holds")
    expect(code == 451 and not box, f"tempfail: {code} {text}, {len(box)}")
    expect("why it holds" not in text, f"the peer sees standard error: {text}")
    log_has(daemon, "filtered", "program=holds", "exit status 3: why it holds")


# --- what a program is told

DUMP = """#!/usr/bin/python3
import json, os, sys
descriptors = sorted(int(n) for n in os.listdir("/proc/self/fd"))
data = sys.stdin.buffer.read()
with open("OUT/" + os.path.basename(sys.argv[0]), "w") as f:
    json.dump({"argv": sys.argv[1:], "environment": dict(os.environ), "octets": len(data),
               "descriptors": descriptors,
               "is_leader": os.getsid(0) == os.getpid(), "folder": os.getcwd(),
               "mask": os.umask(0), "ignored": [l for l in open("/proc/self/status") if l.startswith("SigIgn")],
               "status": open("/proc/self/status").read()}, f)
"""
WRITABLE = 'writable = {"%s"}'


def add_dump(site, name, settings="", arguments=()):
    path = site.programs.add(name, DUMP)
    site.filter(name, "", f"{WRITABLE % site.programs.out} {settings}", arguments, path=path)


def dumped(programs, name):
    return json.loads(programs.read(name))


@case(lambda s: add_dump(s, "told", "once_per = recipient environment = {\"HOME=/h\", \"A=b=c\"}"))
def the_environment_is_what_is_documented(daemon, programs):
    code, text, box = deliver(daemon, "told", user="ann+x")
    expect(code == 250, f"{code} {text}")
    seen = dumped(programs, "told")
    environment = seen["environment"]
    delivery = environment.pop("DELIVERY_ID")
    size = int(environment.pop("MESSAGE_SIZE"))
    expect(environment.pop("CLIENT_PORT").isdigit(), "no port")
    environment.pop("LC_CTYPE", None)  # of the interpreter
    expect(len(delivery) > 8, f"id {delivery}")
    expect(size == seen["octets"] > 100, f"size {size}, read {seen['octets']}")
    expect(
        environment
        == {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "FILTER": "filter",
            "SENDER": "bob@example.com",
            "CLIENT_IP": "127.0.0.1",
            "CLIENT_NAME": "",
            "PROTOCOL": "LMTP",
            "CLIENT_SOURCE": "",
            "HELO": "client.example",
            "LOGIN": "",
            "QUEUE_ID": "",
            "RECIPIENT": "ann+x@told.test",
            "ORIGINAL_RECIPIENT": "",
            "USER": "ann",
            "DOMAIN": "told.test",
            "DETAIL": "x",
            "MAILBOX": "",
            "HOME": "/h",
            "A": "b=c",
        },
        f"environment {environment}",
    )


@case(lambda s: add_dump(s, "process", "once_per = message"))
def a_process_of_its_own(daemon, programs):
    deliver(daemon, "process")
    seen = dumped(programs, "process")
    expect("RECIPIENT" not in seen["environment"], "a message for all has one recipient")
    expect(len(seen["descriptors"]) == 4, f"descriptors {seen['descriptors']}")  # one is the listing's
    expect(seen["is_leader"] and seen["folder"] == "/", "no session, or another folder")
    expect(seen["mask"] == 0o77, f"umask {seen['mask']:o}")
    status = dict(line.split(":\t", 1) for line in seen["status"].splitlines() if ":\t" in line)
    expect(status["NoNewPrivs"] == "1" and int(status["CapEff"], 16) == 0, "privileges")
    expect(int(status["CapPrm"], 16) == 0 and int(status["CapBnd"], 16) == 0 or not IS_ROOT, "capabilities")
    expect(status["Seccomp"] == "2" or "-asan" in DOORSTEPD, "no filter of system calls")
    if IS_ROOT:
        expect(status["Uid"].split()[0] == str(pwd.getpwnam("nobody").pw_uid), f"uid {status['Uid']}")
    for pid in runners(daemon):
        own = status_of(pid)
        expect(own["NoNewPrivs"] == "1" and int(own["CapPrm"], 16) == 0, f"a runner's privileges: {own}")
        expect(own["Seccomp"] == "2" and own["Uid"].split()[0] != "0" or not IS_ROOT, f"a runner: {own}")


def status_of(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


ODD = ['-rf', '--help', '";id;"', "$(id)", "`id`", "a b", "|id", "%{sender}", "%s%n", "*?[", "~root", "'", "é", "\\"]


def quoted(local):
    return '"' + local.replace("\\", "\\\\").replace('"', '\\"') + '"'


@case(lambda s: add_dump(s, "odd", "", ("--from=%{sender}", "100%%", "--", "%{recipient}", "%{user}", "%{helo}")))
def odd_bytes_stay_arguments(daemon, programs):
    for local in ODD:
        sender = f"{quoted(local)}@example.com"
        code, text, _ = deliver(daemon, "odd", user="ann+-x", sender=sender, helo="client.example")
        expect(code == 250, f"{local}: {code} {text}")
        argv = dumped(programs, "odd")["argv"]
        plain = local if all(c.isalnum() or c in "!#$%&'*+-/=?^_`{|}~é" for c in local) else quoted(local)
        expect(argv[0] in (f"--from={plain}@example.com", f"--from={sender}"), f"{local}: {argv}")
        expect(argv[1:] == ["100%", "--", "ann+-x@odd.test", "ann", "client.example"], f"{local}: {argv}")


# --- what it says by fields


def fields(site, name, lines, settings=""):
    text = "cat > /dev/null\nprintf '%b' '" + lines + "'\n"
    site.filter(name, text, f"output = fields {settings}")


@case(lambda s: fields(s, "adds", r"X-Spam: yes\nX-Long: a\n b\nX-Utf8: \0303\0251\n"))
def fields_are_added(daemon, programs):
    code, text, box = deliver(daemon, "adds", body="line\r\n.\r\nlast\r\n")
    expect(code == 250 and len(box) == 1, f"{code} {text}")
    body = without_trace(box[0])
    expect(body.startswith(b"X-Spam: yes\nX-Long: a\n b\nX-Utf8: \xc3\xa9\nFrom: bob"), f"{body[:80]}")
    expect(body.endswith(b"\n\nline\n.\nlast\n"), "another body")


FORGED = {
    "received": r"Received: from x\n",
    "returnpath": r"return-path: <x@example.com>\n",
    "results": r"X-Ok: 1\nAuthentication-Results: mx.example.org; spf=pass\n",
    "subject": r"Subject: x\n",
    "mime": r"Content-Type: text/html\n",
    "body": r"X-A: b\n\nbody\n",
    "nofield": r"this is no field\n",
    "control": r"X-A: \033[2J\n",
    "nul": r"X-A: a\0000b\n",
    "latin": r"X-A: \0351\n",
    "barecr": r"X-A: a\rReceived: x\n",
    "unknown": r"Doorstep-Owner: root\n",
    "verdict": r"Doorstep-Verdict: perhaps\n",
    "continues": r" X-A: b\n",
    "mailbox": r"Doorstep-Mailbox: ../../etc\n",
}


@case(lambda s: [fields(s, f"forged{n}", t) for n, t in FORGED.items()])
def what_may_not_be_written_spoils_all(daemon, programs):
    for name in FORGED:
        code, text, box = deliver(daemon, f"forged{name}")
        expect(code == 451 and not box, f"{name}: {code} {text}, {len(box)}")
    log_has(daemon, "program_failed", "program=forgedreceived", "not a program's to write")


@case(
    lambda s: [
        fields(s, "files", r"Doorstep-Mailbox: Junk\nDoorstep-Flags: \\Seen $Junk\nX-Spam: yes\n"),
        fields(s, "inbox", r"Doorstep-Mailbox: inbox\n"),
        fields(s, "flags", r"Doorstep-Flags: \\Flagged\n"),
        fields(s, "refuses", r"Doorstep-Verdict: refuse\nDoorstep-Reply: 554 5.7.9 we do not want it\n"),
        fields(s, "defers", r"Doorstep-Verdict: defer\nDoorstep-Reply: come back later\n"),
        fields(s, "discards", r"Doorstep-Verdict: discard\n"),
    ]
)
def verdicts_by_fields(daemon, programs):
    code, text, box = deliver(daemon, "files")
    junk = glob.glob(f"{daemon.mail}/files.test/ann/.Junk/cur/*:2,S*")
    expect(code == 250 and not box and len(junk) == 1, f"{code} {text}: {box} {junk}")
    code, text, box = deliver(daemon, "inbox")
    expect(code == 250 and len(box) == 1, f"{code} {text}: {box}")
    code, text, box = deliver(daemon, "flags")
    found = glob.glob(f"{daemon.mail}/flags.test/ann/cur/*:2,F*")
    expect(code == 250 and len(found) == 1, f"{code} {text}: {found}")
    code, text, box = deliver(daemon, "refuses")
    expect(code == 554 and "5.7.9" in text and "we do not want it" in text and not box, f"{code} {text}")
    code, text, box = deliver(daemon, "defers")
    expect(code == 451 and "come back later" in text and not box, f"{code} {text}")
    code, text, box = deliver(daemon, "discards")
    expect(code == 250 and not box, f"{code} {text}")


# --- a new message


@case(
    lambda s: [
        s.filter("rewrites", "sed -e 's/A line/Another line/' -e 's/\\r$//'\n", "output = message"),
        s.filter("copies", "exec cat\n", "output = message"),
        s.filter("forgets", "cat > /dev/null\n", "output = message"),
        s.program("first", "sed 's/^Subject: /Subject: [one] /'\n", "output = message"),
        s.program("second", "sed 's/^Subject: /Subject: [two] /'\n", "output = message"),
        s.domain("chain", ("first", "second")),
    ]
)
def new_messages(daemon, programs):
    code, text, box = deliver(daemon, "rewrites")
    expect(code == 250 and without_trace(box[0]).endswith(b"\n\nAnother line.\n"), f"{code} {text} {box}")
    code, text, box = deliver(daemon, "forgets")
    expect(code == 451 and not box, f"an empty message: {code} {text}")
    code, text, box = deliver(daemon, "chain")
    expect(b"\nSubject: [two] [one] subject\n" in box[0], f"{box}")


@case(lambda s: s.filter("ignores", "exit 0\n"))
def large_messages(daemon, programs):
    body = ("x" * 70 + "\r\n") * 20000
    code, text, box = deliver(daemon, "copies", body=body)
    expect(code == 250 and without_trace(box[0]).endswith(b"\n\n" + body.replace("\r\n", "\n").encode()), "changed")
    code, text, box = deliver(daemon, "ignores", body=body)
    expect(code == 250 and len(box) == 1, f"who does not read it: {code} {text}")


@case(
    lambda s: [
        s.filter("retry", "[ -e OUT/retry ] && exec cat\ntouch OUT/retry\nexit 75\n", f"output = message {WRITABLE % s.programs.out}")
    ]
)
def a_retry_makes_no_second_copy(daemon, programs):
    code, _, box = deliver(daemon, "retry")
    expect(code == 451 and not box, f"first {code}")
    for _ in range(2):
        code, _, box = deliver(daemon, "retry")
    expect(code == 250 and len(box) >= 1, f"then {code}, {len(box)}")


# --- failures


@case(
    lambda s: [
        s.filter("crashes", "kill -SEGV $$\n"),
        s.filter("missing", "", path="/nonexistent/program"),
        s.filter("unreadable", "", path="/etc/passwd"),
        s.filter("floods", "yes\n", "output = fields"),
        s.filter("scolds", "yes >&2\n"),
        s.filter("spins", "while :; do :; done\n", "cpu = 1s"),
        s.filter("eats", "", "memory = 200M", path=s.programs.add("eats", "#!/usr/bin/python3\nx = bytearray(400 << 20)\n")),
        s.filter("writes", "head -c 100000 /dev/zero > OUT/large\n", f"file_size = 10K {WRITABLE % s.programs.out}"),
    ]
)
def failures(daemon, programs):
    causes = {
        "crashes": "ended by SIGSEGV",
        "missing": "cannot be started: No such file or directory",
        "unreadable": "cannot be started: Permission denied",
        "floods": "it writes more than it may",
        "scolds": "it writes too much to standard error",
        "spins": "ended by SIGXCPU",
        "eats": "exit status 1",
        "writes": "exit status",
    }
    for name, cause in causes.items():
        code, text, box = deliver(daemon, name)
        expect(code == 451 and not box, f"{name}: {code} {text}")
        log_has(daemon, "program_failed", f"program={name}", cause)
    expect(os.path.getsize(f"{programs.out}/large") <= 10240, "a large file")


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@case(
    lambda s: s.filter(
        "hangs",
        "echo $$ > OUT/hangs.leader\n"
        "sh -c 'echo $$ > OUT/hangs.child; exec sleep 1000' &\n"
        "setsid sh -c 'echo $$ > OUT/hangs.session; trap \"\" TERM HUP; sleep 1000; sleep 1000' &\n"
        "wait\n",
        f"timeout = 1s {WRITABLE % s.programs.out}",
    )
)
def time_is_up_for_all_that_descends(daemon, programs):
    code, text, box = deliver(daemon, "hangs")
    expect(code == 451 and not box, f"{code} {text}")
    log_has(daemon, "program_failed", "program=hangs", "it takes too long")
    for who in ("leader", "child", "session"):
        pid = int(programs.read(f"hangs.{who}"))
        until(lambda pid=pid: is_gone(pid), f"{who} lives")
    expect(not zombies(daemon), f"zombies {zombies(daemon)}")


def processes():
    """{pid: (parent, state, name)}"""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                name, rest = f.read().split("(", 1)[1].rsplit(")", 1)
        except OSError:
            continue
        found[int(pid)] = (int(rest.split()[1]), rest.split()[0], name)
    return found


def runners(daemon):
    return [p for p, (parent, _, name) in processes().items() if parent == daemon.process.pid and name == "doorstep-runner"]


def zombies(daemon):
    ours = runners(daemon)
    return [p for p, (parent, state, _) in processes().items() if parent in ours and state == "Z"]


@case(
    lambda s: s.filter(
        "leaves", "sleep 1000 & echo $! > OUT/left\nsetsid sh -c 'echo $$ > OUT/away; exec sleep 1000' &\n"
        "while [ ! -s OUT/away ]; do :; done\nexit 0\n", WRITABLE % s.programs.out)
)
def nothing_is_left_behind(daemon, programs):
    code, text, box = deliver(daemon, "leaves")
    expect(code == 250 and len(box) == 1, f"{code} {text}")
    for who in ("left", "away"):
        pid = int(programs.read(who))
        until(lambda pid=pid: is_gone(pid), f"{who} lives")
    until(lambda: not zombies(daemon), "zombies")


BOMB = """#!/usr/bin/python3
import os, time
n = 0
try:
    while n < 400:
        if os.fork() == 0:
            time.sleep(30)
            os._exit(0)
        n += 1
except OSError:
    pass
with open("OUT/bomb", "w") as f:
    f.write(str(n))
"""


WILD = """#!/usr/bin/python3
import os, time
first = os.getpid()
while True:
    try:
        if os.fork() == 0:
            os.setsid()  # out of the group, and its parent ends
            time.sleep(0.02)
        elif os.getpid() != first:
            os._exit(0)
        else:
            time.sleep(0.02)
    except OSError:
        time.sleep(0.01)
"""


@case(
    lambda s: [
        s.filter("wild", "", "timeout = 1s processes = 20" + (" user = games" if IS_ROOT else ""), path=s.programs.add("wild", WILD)),
        s.filter("calm", "exit 0\n"),
    ]
)
def whoever_runs_away_is_found(daemon, programs):
    if not IS_ROOT:
        return  # there it could take all processes that this user may have
    code, text, _ = deliver(daemon, "wild")
    expect(code == 451, f"{code} {text}")
    expect(deliver(daemon, "calm")[0] == 250, "nothing runs any more")
    until(lambda: not of_games(daemon), f"processes live: {of_games(daemon)}")


def of_games(daemon):
    games = pwd.getpwnam("games").pw_uid
    ours = runners(daemon)
    return [p for p in processes() if p not in ours and owner(p) == games]


@case(
    lambda s: s.filter(
        "bomb", "", f"processes = 20 {WRITABLE % s.programs.out}" + (" user = games" if IS_ROOT else ""),
        path=s.programs.add("bomb", BOMB))
)
def forks_are_bounded(daemon, programs):
    if not IS_ROOT:
        return  # there the processes of all that this user runs count
    code, text, _ = deliver(daemon, "bomb")
    expect(code == 250 and int(programs.read("bomb")) < 20, f"{code} {text}: {programs.read('bomb')}")
    until(lambda: not of_games(daemon), "children live")


def owner(pid):
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return -1


@case(
    lambda s: [
        s.filter("elsewhere", "touch OUT/elsewhere 2> /dev/null && exit 1\necho x > /dev/null\nexit 0\n"),
        s.filter("allowed", "touch OUT/allowed || exit 1\nrm OUT/allowed\n", WRITABLE % s.programs.out),
    ]
)
def files_change_where_they_may(daemon, programs):
    code, text, _ = deliver(daemon, "elsewhere")
    if "mechanism=landlock" not in daemon.log_text():  # a kernel that has it
        expect(code == 250 and not programs.has("elsewhere"), f"{code} {text}")
    code, text, _ = deliver(daemon, "allowed")
    expect(code == 250, f"{code} {text}")


# --- several recipients

LOGS = "echo \"$RECIPIENT\" >> OUT/%s\n"


@case(
    lambda s: [
        s.program("once", LOGS % "once", WRITABLE % s.programs.out),
        s.program("each", LOGS % "each" + 'echo "X-For: $USER"\n[ "$USER" != eve ] || exit 77\n',
                  f"output = fields once_per = recipient {WRITABLE % s.programs.out}"),
        s.domain("some", ("once", "each")),
        s.domain("others", ("once",)),
    ]
)
def once_for_a_message_or_for_each(daemon, programs):
    to = ["ann@some.test", "eve@some.test", "bob@some.test", "ann@others.test", "bob@others.test"]
    answers = send(daemon, to, message("several"))
    codes = {r: answers[r][0] for r in to}
    expect(codes == {r: 550 if r.startswith("eve") else 250 for r in to}, f"{codes}")
    expect(programs.read("once") == b"\n\n", f"once a domain: {programs.read('once')}")
    expect(sorted(programs.read("each").split()) == sorted(r.encode() for r in to[:3]), f"{programs.read('each')}")
    for user in ("ann", "bob"):
        (box,) = inbox(daemon, "some", user)
        expect(without_trace(box).startswith(f"X-For: {user}\n".encode()), f"{user}: {box}")
        (box,) = inbox(daemon, "others", user)
        expect(b"X-For" not in box, f"{user} of others: {box}")
    expect(not inbox(daemon, "some", "eve"), "eve has it")


@case(
    lambda s: s.filter(
        "crowd",
        "touch OUT/crowd.$$\nls OUT/crowd.* | wc -l >> OUT/count\nsleep 0.1\nrm OUT/crowd.$$\n",
        f"once_per = recipient concurrency = 2 {WRITABLE % s.programs.out}",
    )
)
def concurrency_is_bounded(daemon, programs):
    to = [f"user{n}@crowd.test" for n in range(8)]
    answers = send(daemon, to, message("crowd"))
    expect(all(code == 250 for code, _ in answers.values()), f"{answers}")
    counts = [int(n) for n in programs.read("count").split()]
    expect(len(counts) == 8 and max(counts) <= 2, f"{counts}")


# --- behind Sieve


@case(
    lambda s: [
        s.filter("behind", 'echo "X-Mailbox: $MAILBOX"\n[ "$USER" != eve ] || exit 77\n', "output = fields", behind=True),
        s.filter("moves", 'echo "Doorstep-Mailbox: Late"\necho "Doorstep-Flags: \\\\Flagged"\n', "output = fields", behind=True),
    ]
)
def filters_behind_sieve(daemon, programs):
    to = ["ann@behind.test", "eve@behind.test", "bob@behind.test"]
    answers = send(daemon, to, message("behind"))
    expect([answers[r][0] for r in to] == [250, 550, 250], f"{answers}")
    for user in ("ann", "bob"):
        (box,) = inbox(daemon, "behind", user)
        expect(without_trace(box).startswith(b"X-Mailbox: INBOX\n"), f"{box[:300]}")
    expect(not inbox(daemon, "behind", "eve"), "eve has it")
    code, text, box = deliver(daemon, "moves")
    found = glob.glob(f"{daemon.mail}/moves.test/ann/.Late/cur/*:2,F*")
    expect(code == 250 and not box and len(found) == 1, f"{code} {text}: {box} {found}")


# --- the role


# --- commands of scripts

SCRIPTS = {
    "piper": 'pipe "train" ["spam", "--x"];',
    "copier": 'pipe :copy "train" ["copy"];',
    "fails": 'pipe "broken";',
    "tries": 'pipe :try "broken"; fileinto "Tried";',
    "keeps": 'pipe :try "broken";',
    "unknown": 'pipe "nothing_such";',
    "changes": 'if filter "upper" { fileinto "Upper"; }',
    "leaves": 'filter "broken"; fileinto "Same";',
    "asks": 'if execute :input "question" :output "answer" "echoes" ["a b", "-c"] '
    '{ addheader "X-Answer" "${answer}"; }',
    "denied": 'if execute "broken" { discard; }',
    "reads": 'execute :pipe :output "n" "counts"; addheader "X-Octets" "${n}";',
    "twice": 'pipe :copy "train" ["1"]; pipe :copy "train" ["2"];',
}
REQUIRE = (
    'require ["vnd.dovecot.pipe", "vnd.dovecot.filter", "vnd.dovecot.execute", "copy", "fileinto", "variables", '
    '"editheader", "envelope"];\n'
)


def scripts_site(programs):
    site = Site(programs)
    site.program("train", 'echo "$1 $2 $RECIPIENT" >> OUT/trained; cat >> OUT/piped\n', f"sieve = {{pipe}} {WRITABLE % programs.out}")
    for name, text in {
        "broken": "echo 'it is broken' >&2; exit 7\n",
        "upper": "tr a-z A-Z\n",
        "counts": "wc -c | tr -d '\\n '\n",
        "echoes": 'printf "%s/%s/" "$1" "$2"; cat\n',
    }.items():
        programs.add(f"folder/{name}", "#!/bin/sh\n" + text)
    site.sections.append(f'program scripts {{ folder = "{programs.folder}/folder" sieve = {{pipe, filter, execute}} }}')
    before = programs.add("before.sieve", REQUIRE + 'if envelope :localpart "to" "global" { pipe "train" ["global"]; stop; }\n')
    site.root.append(f'sieve {{ user_programs = yes before = {{"{before}"}} }}')
    return site


def file_of(daemon, user, folder=""):
    return [without_trace(m) for m in daemon.messages(f"{user}/{folder}new")]


def commands_of_scripts(programs):
    programs.forget()
    with scripts_site(programs).daemon() as daemon:
        daemon.start()

        def install(user, text):
            daemon.tool("account", "add", f"{user}@example.org")
            daemon.tool("sieve", "install", f"{user}@example.org", "-", "--activate", data=(REQUIRE + text + "\n").encode())

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda row: install(*row), SCRIPTS.items()))
        daemon.tool("account", "add", "global@example.org")
        for user in (*SCRIPTS, "global"):
            answers = send(daemon, [f"{user}@example.org"], message("by script"))
            expect(answers[f"{user}@example.org"][0] == 250, f"{user}: {answers}")
        trained = sorted(programs.read("trained").decode().splitlines())
        expect(
            trained == ["1  twice@example.org", "copy  copier@example.org", "global  global@example.org", "spam --x piper@example.org"],
            f"{trained}",
        )
        expect(programs.read("piped").count(b"Subject: by script\r\n") == 4, "piped")
        for user, folder, count in (
            ("piper", "", 0), ("global", "", 0), ("copier", "", 1), ("fails", "", 1), ("tries", ".Tried/", 1), ("tries", "", 0),
            ("keeps", "", 1), ("unknown", "", 1), ("changes", ".Upper/", 1), ("leaves", ".Same/", 1), ("denied", "", 1),
        ):
            box = [m for m in file_of(daemon, user, folder) if b"by script" in m.lower()]
            expect(len(box) == count, f"{user} {folder}: {box}")
        expect(b"SUBJECT: BY SCRIPT" in file_of(daemon, "changes", ".Upper/")[0], "not changed")
        expect(b"X-Answer: a b/-c/question\n" in file_of(daemon, "asks")[0], f"{file_of(daemon, 'asks')}")
        (reads,) = file_of(daemon, "reads")
        octets = len(message("by script"))
        expect(f"X-Octets: {octets}\n".encode() in reads, f"{octets}: {reads}")
        log_has(daemon, "script_failed", "account=fails", "program 'broken' has failed")
        daemon.end()


# --- the examples of docs/filters.md, with programs of ours in place of those that they name

STANDINS = {
    "spamc": 'case $* in *--learntype=spam*) cat >> OUT/learnt; exit 5 ;; esac\n'
    'cat > OUT/s.$$; grep -q GTUBE OUT/s.$$ && echo "X-Spam-Flag: YES"; cat OUT/s.$$; rm OUT/s.$$\n',
    "clamdscan": "[ $3 = - ] || exit 2\ngrep -q EICAR && exit 1\nexit 0\n",
}


def examples():
    """{heading: [(language, text)]}; passthrough.py has that of filters that are no programs."""
    with open(f"{ROOT}/docs/filters.md") as f:
        parts = re.split(r"^## (.*)\n", f.read(), flags=re.M)[1:]
    found = {}
    for heading, text in zip(parts[::2], parts[1::2]):
        blocks = re.findall(r"^```([a-z-]+)\n(.*?)^```$", text, flags=re.M | re.S)
        if blocks and heading != "Filters that give messages back":
            found[heading] = blocks
    return found


def example_daemon(programs, blocks, dialect="conf"):
    def here(text):
        text = text.replace("/usr/bin/rspamc", "/usr/bin/spamc")
        text = re.sub(r"/usr/bin/(\w+)", programs.folder + r"/\1", text)
        text = text.replace("/usr/lib/doorstep/programs/", f"{programs.folder}/").replace("/etc/doorstep/", f"{programs.folder}/")
        return re.sub(r"^program (.*)\{$", f'program \\1{{ {WRITABLE % programs.out}', text, flags=re.M)

    settings = ""
    for language, text in blocks:
        name = re.search(r"^# /\S*/(\S+)$", text, flags=re.M)
        if language in ("sh", "sieve"):
            programs.add(name.group(1), here(text))
        elif language == dialect:
            settings += here(text)
    daemon = Daemon(more=settings)
    daemon.start()
    daemon.tool("account", "add", "ann@example.org")
    return daemon


def to_ann(daemon, subject, body="A line.\r\n", to="ann@example.org"):
    return send(daemon, [to], message(subject, body=body), sender="bob@example.com")[to][0]


def spam_filing(daemon, programs):
    expect(to_ann(daemon, "good") == 250 and to_ann(daemon, "bad", "GTUBE\r\n") == 250, "refused")
    expect(len(daemon.messages("ann/new")) == 1 and b"good" in daemon.messages("ann/new")[0], "INBOX")
    expect(b"X-Spam-Flag: YES" in daemon.messages("ann/.Junk/new")[0], "Junk")


def training(daemon, programs):
    expect(to_ann(daemon, "learn this", to="ann+spam@example.org") == 250, "refused")
    expect(b"Subject: learn this" in programs.read("learnt") and not daemon.messages("ann/new"), "not learnt")


def sorting(daemon, programs):
    expect(to_ann(daemon, "your invoice") == 250 and to_ann(daemon, "hello") == 250, "refused")
    expect(len(daemon.messages("ann/new")) == 1, "INBOX")
    expect(len(glob.glob(f"{daemon.mail}/example.org/ann/.Invoices/cur/*:2,F*")) == 1, "Invoices")


def autoreply(daemon, programs):
    expect(to_ann(daemon, "hello") == 250 and len(daemon.messages("ann/new")) == 1, "not kept")
    queue = daemon.tool("--json", "queue", "list").decode()
    expect("bob@example.com" in queue and "vacation" in queue, f"no reply: {queue}")


def antivirus(daemon, programs):
    expect(to_ann(daemon, "good") == 250, "refused")
    expect(to_ann(daemon, "bad", "EICAR\r\n") == 550 and len(daemon.messages("ann/new")) == 1, "taken")


EXAMPLES = {
    "Spam filing": (spam_filing, ("conf", "conf-rspamd")),
    "Training": (training, ("conf",)),
    "Sorting": (sorting, ("conf",)),
    "Autoreply": (autoreply, ("conf",)),
    "An antivirus": (antivirus, ("conf",)),
}


def examples_work(programs):
    found = examples()
    expect(set(found) == set(EXAMPLES), f"examples {set(found)}")
    for name, text in STANDINS.items():
        programs.add(name, "#!/bin/sh\n" + text)

    def works(heading, dialect):
        with example_daemon(programs, found[heading], dialect) as daemon:
            try:
                EXAMPLES[heading][0](daemon, programs)
                daemon.end()
            except Failure as failure:
                raise Failure(f"{heading}, {dialect}: {failure}\n{daemon.log_text()[-1500:]}") from None

    with ThreadPoolExecutor(3) as pool:
        started = [pool.submit(works, h, d) for h, (_, dialects) in EXAMPLES.items() for d in dialects]
    for one in started:
        one.result()


def a_runner_that_is_killed_comes_back(programs):
    """In a daemon of its own: its log says that a role died. Then a reload: other programs."""
    site = Site(programs)
    site.filter("steady", "cat > /dev/null\n")
    with site.daemon() as daemon:
        daemon.start()
        expect(deliver(daemon, "steady")[0] == 250, "not before")
        for pid in runners(daemon):
            os.kill(pid, signal.SIGKILL)
        until(lambda: deliver(daemon, "steady")[0] == 250, "no runner")
        other = programs.add("other", "#!/bin/sh\nexit 77\n")
        with open(daemon.configuration) as f:
            text = f.read()
        with open(daemon.configuration, "w") as f:
            f.write(text.replace(f"{programs.folder}/steady", other))
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: deliver(daemon, "steady")[0] == 550, "the old program after a reload")
        log = daemon.log_text().count("restart")
        expect(deliver(daemon, "steady")[0] == 550 and daemon.log_text().count("restart") == log, "it does not stay")


def main():
    tests = Tests("programs")
    programs = Programs()
    site = Site(programs)
    for setup, _ in SITE_CASES:
        setup(site)
    with programs, site.daemon() as daemon:
        daemon.start()
        for _, check in SITE_CASES:
            tests.run(check.__name__.replace("_", " "), check, daemon, programs)
        tests.run("a good end", daemon.end)
        tests.run("commands of scripts", commands_of_scripts, programs)
        tests.run("the examples of docs/filters.md", examples_work, programs)
        tests.run("a runner that is killed comes back, a reload brings others", a_runner_that_is_killed_comes_back, programs)
        if tests.failed:
            print(daemon.log_text()[-6000:])
    tests.end()


if __name__ == "__main__":
    main()
