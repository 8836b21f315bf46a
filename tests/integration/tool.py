#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The operator's tool: every verb against a private doorstepd, and against stand-ins for what a real
daemon does not say on demand. Ends in one line "N passed, N failed".

DOORSTEP and DOORSTEPD name the binaries. Arguments: parts of the names of the tests to run."""

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "session"))
sys.dont_write_bytecode = True

from private_daemon import DOORSTEP, DOORSTEPD, Daemon, unwind_on_sigterm, without_trace  # noqa: E402
from stand_in import Control, Folder, Lmtp, error, ok, pieces, row  # noqa: E402

TIMEOUT = 120
USAGE, DATAERR, NOINPUT, NOUSER, UNAVAILABLE, CANTCREAT, TEMPFAIL, NOPERM, CONFIG = (
    64, 65, 66, 67, 69, 73, 75, 77, 78,
)  # fmt: skip

MESSAGE = dict(
    uid=7,
    modseq=12,
    flags=["\\Seen"],
    keywords=["work"],
    internal_date="2026-02-03T04:05:06+00:00",
    octets=12345,
    lines=99,
    digest="ab" * 32,
    message_id="<1@example.com>",
    subject="Hello",
    date="2026-02-03T04:05:00Z",
    envelope="()",
    bodystructure='("text" "plain" ("charset" "utf-8") NIL NIL "7bit" 42 3 NIL NIL NIL NIL)',
    preview="What the text begins with.",
    store_ref="x",
    delivery_id="0abc",
    attachment=False,
    facts_known=True,
    **{"from": "Ann <ann@example.com>"},
)


class Result:
    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout.decode("utf-8", "surrogateescape")
        self.raw = done.stdout
        self.err = done.stderr.decode("utf-8", "surrogateescape")

    def __repr__(self):
        return f"status {self.status}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"

    def json(self):
        return json.loads(self.out)


def tool(where, *arguments, data=b"", env=None):
    """Run the tool with the configuration of `where` (a Folder or Daemon)."""
    done = subprocess.run(
        [DOORSTEP, "-c", where.configuration, *arguments],
        input=data,
        capture_output=True,
        timeout=TIMEOUT,
        env={**os.environ, "TZ": "UTC", **(env or {})},
    )
    return Result(done)


def check(condition, what=""):
    if not condition:
        raise AssertionError(what)


def expect(result, status, *parts):
    """Status, and texts that must stand in stdout or stderr."""
    check(result.status == status, f"wanted status {status}: {result}")
    for part in parts:
        check(part in result.out or part in result.err, f"wanted {part!r}: {result}")
    return result


def on_terminal(arguments, columns=80, answers=(), env=None):
    """Run with a terminal on all three descriptors. answers: (what to wait for, what to type)."""
    pid, fd = pty.fork()
    if pid == 0:
        try:
            os.environ.update({"TZ": "UTC", "TERM": "xterm", **(env or {})})
            os.execv(DOORSTEP, [DOORSTEP, *arguments])
        finally:
            os._exit(127)
    import fcntl
    import struct
    import termios

    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    seen, waiting, end = b"", list(answers), time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        if waiting and waiting[0][0] in seen:
            os.write(fd, waiting.pop(0)[1])
        if not select.select([fd], [], [], 0.1)[0]:
            continue
        try:
            piece = os.read(fd, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(fd)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status, seen.decode("utf-8", "replace").replace("\r\n", "\n")


# ---- Command line and help ----


def test_command_lines_that_are_wrong_exit_64():
    with Folder() as folder:
        for arguments in (
            [],
            ["account"],
            ["frobnicate"],
            ["account", "frobnicate"],
            ["account", "add"],
            ["account", "add", "a@example.org", "b@example.org"],
            ["account", "add", "a@example.org", "--quota", "much"],
            ["account", "add", "a@example.org", "--quota"],
            ["account", "add", "a@example.org", "--quota", "9999999T"],
            ["account", "set", "a@example.org"],
            ["account", "set", "a@example.org", "--enabled", "--disabled"],
            ["account", "add", "a@example.org", "--disabled=yes"],
            ["ping", "--frobnicate"],
            ["ping", "-x"],
            ["ping", "--wait", "soon"],
            ["message", "cat", "a@example.org", "INBOX", "first"],
            ["message", "cat", "a@example.org", "INBOX", "0"],
            ["message", "cat", "a@example.org", "INBOX", "4294967296"],
            ["message", "flag", "a@example.org", "INBOX", "1"],
            ["message", "flag", "a@example.org", "INBOX", "0", "work"],
            ["message", "flag", "a@example.org", "INBOX", "1", "+"],
            ["message", "flag", "a@example.org", "INBOX", "1", "--work"],
            ["message", "move", "a@example.org", "INBOX", "x", "Old"],
            ["message", "delete", "a@example.org", "INBOX"],
            ["message", "delete", "a@example.org", "INBOX", "1", "second"],
            ["trace", "x", "--since", "yesterday"],
            ["completion", "tcsh"],
            ["help", "frobnicate"],
            ["deliver", "-r", "a@example.org"],
            ["deliver", "-f", "b@example.org"],
            ["deliver", "-f", "b@example.org", "-r", "no address"],
            ["deliver", "-f", "b@example.org", "-r", "a@example.org>\r\nRCPT TO:<b@example.org"],
        ):
            expect(tool(folder, *arguments), USAGE, "usage:")
        expect(tool(folder, "account", "add", b"\xff@example.org"), USAGE, "UTF-8")


def test_an_unknown_verb_moves_no_terminal():
    with Folder() as folder:
        result = expect(tool(folder, "x\x1b[2J"), USAGE, "\\x1b[2J")
        check("\x1b" not in result.err, result)


def test_help_lists_every_verb_and_the_manual_has_each():
    with open(f"{ROOT}/docs/man/doorstep.1") as f:
        manual = f.read()
    with Folder() as folder:
        listed = expect(tool(folder, "help"), 0).out
        verbs = re.findall(r"^  ([a-z-]+(?: [a-z-]+)?)(?= |$)", listed.split("\n\n")[2], re.M)
        check(len(verbs) > 25, verbs)
        for verb in verbs:
            words = verb.split()
            expect(tool(folder, "help", *words), 0, f"usage: doorstep {verb}")
            expect(tool(folder, *words, "--help"), 0, f"usage: doorstep {verb}")
            check(f"Cm {verb}" in manual, f"doorstep(1) lacks {verb}")
        for option in set(re.findall(r"--([a-z-]+)", listed)):
            check(f"Fl -{option}" in manual, f"doorstep(1) lacks --{option}")
        expect(tool(folder, "help", "mailbox"), 0, "mailbox create")


def test_version():
    with Folder() as folder:
        version = expect(tool(folder, "version"), 0).out.split()[1]
        check(tool(folder, "--version").out == f"doorstep {version}\n")
        check(tool(folder, "version", "--json").json() == {"version": version})


def test_options_stand_anywhere():
    with Folder() as folder, Control(folder, account_list=[row(name="a@b"), ok()]):
        conf = folder.configuration
        for arguments in (
            ["--json", "-c", conf, "account", "list"],
            ["account", "--json", "-c", conf, "list"],
            ["account", "list", "--json", f"-c{conf}"],
            ["account", f"--config={conf}", "list", "--json", "--", "example.org"],
        ):
            done = subprocess.run([DOORSTEP, *arguments], capture_output=True, timeout=TIMEOUT)
            check(json.loads(done.stdout) == [{"name": "a@b"}], (arguments, done))


# ---- Completion ----


def test_completion_scripts_load_and_are_those_of_contrib():
    with Folder() as folder:
        for shell in ("bash", "zsh", "fish"):
            script = expect(tool(folder, "completion", shell), 0).out
            with open(f"{ROOT}/contrib/completion/doorstep.{shell}") as f:
                check(f.read() == script, f"contrib/completion/doorstep.{shell} is out of date")
            if shutil.which(shell):
                flag = "--no-execute" if shell == "fish" else "-n"
                done = subprocess.run([shell, flag], input=script.encode(), capture_output=True)
                check(done.returncode == 0 and not done.stderr, done)


def bash_completes(*words):
    """What bash offers for the last word."""
    script = (
        f". {ROOT}/contrib/completion/doorstep.bash; "
        'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _doorstep; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script, "bash", "doorstep", *words], capture_output=True, timeout=TIMEOUT
    )
    check(done.returncode == 0 and not done.stderr, done)
    return done.stdout.decode().split()


def test_bash_completes_verbs_and_options():
    check(bash_completes("acc") == ["account"])
    check("passwd" in bash_completes("account", ""))
    check(bash_completes("-c", "/etc/x", "account", "sh") == ["show"])
    check("--quota" in bash_completes("account", "add", "--q"))
    check(bash_completes("account", "add", "--quota", "2G", "--dis") == ["--disabled"])
    check("zsh" in bash_completes("completion", ""))


def test_zsh_completes_verbs_and_options():
    if not shutil.which("zsh"):
        print("skip: no zsh")
        return
    script = (
        "compdef() { }; compadd() { print -l -- ${(P)2} }; _files() { print files }; "
        f". {ROOT}/contrib/completion/doorstep.zsh; words=(doorstep $@); CURRENT=$#words; _doorstep"
    )

    def completes(*words):
        done = subprocess.run(["zsh", "-fc", script, "zsh", *words, "x"], capture_output=True, timeout=TIMEOUT)
        check(done.returncode == 0 and not done.stderr, done)
        return done.stdout.decode().split()

    check("account" in completes() and "passwd" not in completes())
    check("passwd" in completes("account") and "ping" not in completes("account"))
    check("show" in completes("-c", "/etc/x", "config"))
    check("--quota" in completes("account", "add") and "--json" in completes("account", "add"))
    check(completes("-c") == ["files"])


# ---- Answers for people ----


def test_a_table_is_aligned_by_display_width():
    rows = [
        row(name="ann@example.org", enabled=True, messages=1234567, octets=12897485, quota=None,
            quota_messages=1000, driver="sqlite"),
        row(name="日本@example.org", enabled=False, messages=0, octets=0, quota=2 << 30,
            quota_messages=None, driver="sqlite"),
    ]  # fmt: skip
    with Folder() as folder, Control(folder, account_list=[*rows, ok()]):
        out = expect(tool(folder, "account", "list"), 0).out
        lines = out.splitlines()
        check(lines[0].split() == "ACCOUNT ENABLED MESSAGES USED QUOTA MAX DRIVER".split(), out)
        check("1,234,567" in lines[1] and "12.3 MiB" in lines[1] and " 1,000" in lines[1], out)
        check("2.0 GiB" in lines[2] and "no " in lines[2], out)
        # 日 and 本 take two columns each: two characters fewer stand before the same column.
        check(lines[1].index("yes") == lines[2].index("no ") + 2, out)
        check("\x1b" not in out, out)


HOSTILE = "a\x1b]0;x\x07b\x9bc\u202ed\u2066e\x7f\r\n\u2028f\u00ad\u200eg\U000e0041h"
SAFE = (
    "a\\x1b]0;x\\x07b\\u{9b}c\\u{202e}d\\u{2066}e\\x7f\\x0d\\x0a\\u{2028}f\\u{ad}\\u{200e}g\\u{e0041}h"
)


def is_safe(text):
    return not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u200e\u2028\u202a-\u202e\u2066-\u2069]", text)


def test_hostile_mail_moves_no_terminal():
    message = {**MESSAGE, "subject": HOSTILE, "from": HOSTILE, "preview": HOSTILE,
               "message_id": HOSTILE, "flags": [HOSTILE], "internal_date": HOSTILE, "date": HOSTILE,
               "bodystructure": f'("text" "{HOSTILE}" ("name" "{HOSTILE}") NIL NIL "7bit" 1 1)',
               "headers": [["To", HOSTILE]], "path_hint": HOSTILE}  # fmt: skip
    answers = dict(
        message_list=[row(**message), ok()],
        message_show=[ok(**message)],
        trace=[row(time="", **{"from": HOSTILE, "to": HOSTILE, "outcome": HOSTILE}), ok()],
        mailbox_list=[row(name=HOSTILE), ok()],
        alias_list=[row(alias=HOSTILE, target=HOSTILE), ok()],
        account_list=[row(name=HOSTILE, driver=HOSTILE), ok()],
        account_show=[ok(name=HOSTILE, aliases=[HOSTILE])],
        fsck=[row(account=HOSTILE, problem=HOSTILE, detail=HOSTILE), ok(problems=1, repaired=1)],
        stats=[ok(counters={HOSTILE: 1}, roles=[{HOSTILE: HOSTILE}])],
        mailbox_create=[error(550, "5.2.0", HOSTILE, HOSTILE)],
        account_add=[error(550, HOSTILE, HOSTILE)],
    )
    with Folder() as folder, Control(folder, **answers):
        for arguments in (
            ["message", "list", "a@b"],
            ["message", "show", "a@b", "INBOX", "7"],
            ["trace", "x"],
            ["mailbox", "list", "a@b"],
            ["alias", "list"],
            ["account", "list"],
            ["account", "show", "a@b"],
            ["fsck"],
            ["stats"],
            ["mailbox", "create", "a@b", HOSTILE],
            ["account", "add", HOSTILE],
        ):
            result = tool(folder, *arguments)
            check(is_safe(result.out) and is_safe(result.err), (arguments, result))
            check("\\u{202e}" in result.out + result.err, (arguments, result))
        check(SAFE in tool(folder, "message", "list", "a@b").out)


def test_json_is_exact_and_ascii_on_a_terminal():
    message = {**MESSAGE, "subject": HOSTILE}
    with Folder() as folder, Control(folder, message_list=[row(**message), row(**message), ok()]):
        check(tool(folder, "message", "list", "a@b", "--json").json() == [message, message])
        status, seen = on_terminal(
            ["-c", folder.configuration, "message", "list", "a@b", "--json"]
        )
        check(status == 0 and json.loads(seen) == [message, message], seen)
        check(seen.isascii() and "\x1b" not in seen, seen)


def test_an_empty_list_says_so():
    with Folder() as folder, Control(folder, alias_list=[ok()], message_list=[ok()]):
        expect(tool(folder, "alias", "list"), 0, "doorstep alias add")
        check(tool(folder, "alias", "list", "--json").json() == [])
        expect(tool(folder, "message", "list", "a@b"), 0, "no messages")


def test_a_narrow_terminal_cuts_long_texts_only():
    long = row(**{**MESSAGE, "subject": "s" * 300, "from": "日" * 100})
    with Folder() as folder, Control(folder, message_list=[long, ok()]):
        for columns in (60, 80, 132):
            status, seen = on_terminal(
                ["-c", folder.configuration, "message", "list", "a@b"], columns, env={"NO_COLOR": "1"}
            )
            check(status == 0, seen)
            line = seen.splitlines()[1]
            width = sum(2 if c == "日" else 1 for c in line)
            check(width <= columns and "…" in line, f"{width} columns of {columns}: {line}")
            check("2026-02-03 04:05:06" in line and "12.1 KiB" in line, line)
        check("s" * 300 in tool(folder, "message", "list", "a@b").out)


def test_colour_is_for_terminals_that_want_it():
    arguments = lambda f: ["-c", f.configuration, "alias", "list"]  # noqa: E731
    with Folder() as folder, Control(folder, alias_list=[row(alias="a", target="b"), ok()]):
        check("\x1b[1m" in on_terminal(arguments(folder))[1])
        check("\x1b" not in on_terminal(arguments(folder), env={"NO_COLOR": "1"})[1])
        check("\x1b" not in on_terminal(arguments(folder), env={"TERM": "dumb"})[1])
        check("\x1b" not in tool(folder, "alias", "list").out)


def test_progress_is_shown_after_a_second_on_a_terminal_only():
    def slowly(_):
        yield {"progress": {"done": 1, "total": 30000}}
        time.sleep(1.2)
        yield {"progress": {"done": 12345, "total": 30000}}
        yield ok(accounts=1, messages=2, problems=0, repaired=0)

    with Folder() as folder, Control(folder, fsck=slowly):
        status, seen = on_terminal(["-c", folder.configuration, "fsck"])
        check(status == 0 and "41 %  12,345 of 30,000" in seen and "1 of" not in seen, seen)
        check(expect(tool(folder, "fsck"), 0, "mail and index agree").err == "")


def test_message_show_tells_parts_and_where_it_lies():
    structure = (
        '((("text" "plain" ("charset" "utf-8") NIL NIL "quoted-printable" 1500 30 NIL NIL NIL NIL)'
        '("text" "html" NIL NIL NIL "base64" 3000 40) "alternative" ("boundary" "x") NIL NIL NIL)'
        '("application" "pdf" ("name" "old.pdf") NIL NIL "base64" 2097152 NIL '
        '("attachment" ("filename" "bill \\"7\\".pdf")) NIL NIL)'
        '("message" "rfc822" NIL NIL NIL "7bit" 900 ("date" "sub" NIL NIL NIL NIL NIL NIL NIL NIL) '
        '("text" "plain" NIL NIL NIL "7bit" 10 1) 25 NIL NIL NIL NIL) "mixed" ("boundary" "y") NIL NIL NIL)'
    )
    message = {**MESSAGE, "bodystructure": structure, "path_hint": "/var/mail/x/new/1",
               "headers": [["To", "bob@example.org"], ["Cc", "eve@example.org"]]}  # fmt: skip
    with Folder() as folder, Control(folder, message_show=[ok(**message)]):
        out = expect(tool(folder, "message", "show", "a@b", "INBOX", "7"), 0).out
        parts = [line.split() for line in out.splitlines()]
        for wanted in (
            ["-", "multipart/mixed"],
            ["1", "multipart/alternative"],
            ["1.1", "text/plain", "1.5", "KiB", "30", "quoted-printable"],
            ["2", "application/pdf", "2.0", "MiB", "-", "base64", "bill"],
            ["3", "message/rfc822", "900", "B", "25", "7bit"],
            ["3.1", "text/plain", "10", "B", "1", "7bit"],
        ):
            check(any(p[: len(wanted)] == wanted for p in parts), f"{wanted} in {out}")
        for text in ("Subject", "bob@example.org", "/var/mail/x/new/1", "2026-02-03 04:05:06",
                     "What the text begins with.", "12.1 KiB"):  # fmt: skip
            check(text in out, f"{text} in {out}")
        check(tool(folder, "message", "show", "a@b", "INBOX", "7", "--json").json() == message)


def test_hostile_structures_are_survived():
    deep = "(" * 5000 + ")" * 5000
    for structure in ("", "(", ")", "()", "(())", "((((", '("text"', '("', "({5}", '("a" {3}\r\nab', deep,
                      "NIL", '("message" "rfc822" NIL NIL NIL NIL NIL NIL ())', "(" * 900 + ")" * 900,
                      '("text" "plain" (("x") "y") "z")', '(("a" "b") ' * 300 + '"x"' + ")" * 300):  # fmt: skip
        message = {**MESSAGE, "bodystructure": structure}
        with Folder() as folder, Control(folder, message_show=[ok(**message)]):
            expect(tool(folder, "message", "show", "a@b", "INBOX", "7"), 0, "Hello")


def test_message_cat_prints_the_octets():
    octets = bytes(range(256)) * 1000
    with Folder() as folder, Control(folder, message_cat=pieces(octets)) as control:
        result = tool(folder, "message", "cat", "ann@example.org", "INBOX", "7")
        check(result.status == 0 and result.raw == octets)
        check(control.asked == [("message.cat", {"account": "ann@example.org", "mailbox": "INBOX", "uid": 7})])


# ---- What is asked ----


def test_what_is_typed_is_what_is_asked():
    answers = {
        name: [ok()]
        for name in "account_add account_set account_delete account_passwd alias_add alias_delete "
        "mailbox_create mailbox_rename mailbox_delete message_flag message_move message_delete journal_show journal_verify journal_replay".split()
    }
    answers["fsck"] = [ok(accounts=0, messages=0, problems=0, repaired=0)]
    answers["trace"] = [row(id="x"), ok()]
    cases = [
        (["account", "add", "a@b"], "account.add", {"name": "a@b"}),
        (["account", "add", "a@b", "--quota", "2G", "--quota-messages=10", "--disabled"],
         "account.add", {"name": "a@b", "quota": 2 << 30, "quota_messages": 10, "disabled": True}),
        (["account", "set", "--quota", "none", "a@b"], "account.set", {"name": "a@b", "quota": None}),
        (["account", "set", "a@b", "--forward", "node"], "account.set", {"name": "a@b", "forward": "node"}),
        (["account", "set", "a@b", "--forward=none"], "account.set", {"name": "a@b", "forward": None}),
        (["account", "set", "a@b", "--enabled"], "account.set", {"name": "a@b", "enabled": True}),
        (["account", "delete", "a@b"], "account.delete", {"name": "a@b", "mail": False}),
        (["account", "delete", "a@b", "--mail"], "account.delete", {"name": "a@b", "mail": True}),
        (["alias", "add", "x@b", "a@b"], "alias.add", {"alias": "x@b", "target": "a@b"}),
        (["alias", "delete", "x@b"], "alias.delete", {"alias": "x@b"}),
        (["alias", "delete", "x@b", "a@b"], "alias.delete", {"alias": "x@b", "target": "a@b"}),
        (["mailbox", "create", "a@b", "Büro/Ä"], "mailbox.create", {"account": "a@b", "name": "Büro/Ä"}),
        (["mailbox", "rename", "a@b", "A", "B"], "mailbox.rename", {"account": "a@b", "from": "A", "to": "B"}),
        (["mailbox", "delete", "a@b", "--", "-A"], "mailbox.delete", {"account": "a@b", "name": "-A"}),
        (["message", "flag", "a@b", "In", "7", "+\\Seen", "-\\Draft", "-work", "new"], "message.flag",
         {"account": "a@b", "mailbox": "In", "uid": 7, "add": ["\\Seen", "new"], "remove": ["\\Draft", "work"]}),
        (["message", "flag", "a@b", "In", "7", "--", "-c"], "message.flag",
         {"account": "a@b", "mailbox": "In", "uid": 7, "add": [], "remove": ["c"]}),
        (["message", "move", "a@b", "In", "7", "Out"], "message.move",
         {"account": "a@b", "mailbox": "In", "uid": 7, "to": "Out"}),
        (["message", "delete", "a@b", "In", "7", "9"], "message.delete",
         {"account": "a@b", "mailbox": "In", "uids": [7, 9]}),
        (["journal", "show"], "journal.show", {}),
        (["journal", "show", "a@b"], "journal.show", {"account": "a@b"}),
        (["journal", "verify"], "journal.verify", {}),
        (["journal", "replay"], "journal.replay", {}),
        (["fsck"], "fsck", {"repair": False, "content": False}),
        (["fsck", "a@b", "--repair"], "fsck", {"account": "a@b", "repair": True, "content": False}),
        (["trace", "<1@x>"], "trace", {"term": "<1@x>"}),
        (["trace", "x", "--since", "2026-01-02T03:04:05+01:00"], "trace", {"term": "x", "since": "2026-01-02T02:04:05Z"}),
    ]  # fmt: skip
    with Folder() as folder, Control(folder, **answers) as control:
        for arguments, op, args in cases:
            for json_flag in ([], ["--json"]):
                expect(tool(folder, *json_flag, *arguments), 0)
                check(control.asked.pop() == (op, args), (arguments, control.asked))


# ---- Passwords ----


def test_a_password_comes_from_standard_input():
    with Folder() as folder, Control(folder, account_passwd=[ok()]) as control:
        for data in (b"s3cret\n", b"s3cret\r\n", b"s3cret", b"s3cret\nmore\n"):
            result = expect(tool(folder, "account", "passwd", "a@b", data=data), 0)
            check(control.asked.pop() == ("account.passwd", {"name": "a@b", "password": "s3cret"}))
            check("s3cret" not in result.out + result.err, result)
        for data in (b"", b"\n", b"x" * 2000, b"\xff\n"):
            expect(tool(folder, "account", "passwd", "a@b", data=data), DATAERR)
        check(control.asked == [])


def test_a_password_is_asked_twice_without_echo():
    arguments = lambda f: ["-c", f.configuration, "account", "passwd", "a@b"]  # noqa: E731
    with Folder() as folder, Control(folder, account_passwd=[ok()]) as control:
        typed = [(b"New password: ", b"s3cret\n"), (b"Again: ", b"s3cret\n")]
        status, seen = on_terminal(arguments(folder), answers=typed)
        check(status == 0 and "s3cret" not in seen, seen)
        check(control.asked.pop()[1]["password"] == "s3cret")
        typed = [(b"New password: ", b"s3cret\n"), (b"Again: ", b"other\n")]
        status, seen = on_terminal(arguments(folder), answers=typed)
        check(status == 1 and "differ" in seen and control.asked == [], seen)
        status, seen = on_terminal(arguments(folder), answers=[(b"New password: ", b"s3\x03")])
        check(status == 1 and "nothing is changed" in seen and control.asked == [], seen)


# ---- Import ----


def test_accounts_are_imported_from_a_password_file():
    lines = (
        b"# comment\n\n"
        b"ann@example.org:{PLAIN}word:1000:1000::/home/ann:/bin/sh\n"
        b"bob:$argon2id$v=19$m=65536,t=3,p=1$c2FsdA$aGFzaA:x\n"
        b"eve:*:\r\n"
        b"joe\n"
        b"dup:x\n"
        b"\xff:x\n"
        b"\n:x\n"
    )

    def add(args):
        return [error(550, "5.2.0", "exists already")] if args["name"].startswith("dup") else [ok()]

    with Folder() as folder, Control(folder, account_add=add) as control:
        with open(f"{folder.path}/users", "wb") as f:
            f.write(lines)
        result = tool(folder, "account", "import", f"{folder.path}/users", "--domain", "example.com")
        expect(result, 1, "4 accounts added, 3 lines failed", "users:7: exists already", "users:8: not UTF-8",
               "users:10: it names no account")  # fmt: skip
        check([args for _, args in control.asked] == [
            {"name": "ann@example.org", "password": "word"},
            {"name": "bob@example.com", "password_hash": "$argon2id$v=19$m=65536,t=3,p=1$c2FsdA$aGFzaA"},
            {"name": "eve@example.com"}, {"name": "joe@example.com"}, {"name": "dup@example.com"}],
            control.asked)  # fmt: skip
        result = tool(folder, "account", "import", "-", "--json", data=b"zoe@example.org\n")
        check(expect(result, 0).json() == {"added": 1, "failed": 0})
        expect(tool(folder, "account", "import", "-", data=b"zoe\n"), 1, "--domain")
        expect(tool(folder, "account", "import", "/nowhere/users"), NOINPUT)
        expect(tool(folder, "account", "import", "-", data=b"a\0b@example.org:x\n"), 1, "no line of text")


def test_accounts_are_imported_from_csv():
    lines = (
        b'Name,quota,quota_messages,disabled,password,note\r\n'
        b'ann@example.org,2G,none,no,"a,""b",x\r\n'
        b'bob@example.org,,,yes,,\r\n'
        b'eve@example.org,much,,,,\r\n'
        b'joe@example.org,1\r\n'
        b'"zoe@example.org,,,,,\r\n'
    )
    with Folder() as folder, Control(folder, account_add=[ok()]) as control:
        result = tool(folder, "account", "import", "-", data=lines)
        expect(result, 1, "2 accounts added, 3 lines failed", ":4: a quota", ":5: it has other columns", ":6: this is no CSV")
        check([args for _, args in control.asked] == [
            {"name": "ann@example.org", "quota": 2 << 30, "quota_messages": None, "disabled": False, "password": 'a,"b'},
            {"name": "bob@example.org", "disabled": True}], control.asked)  # fmt: skip


# ---- Errors ----


def test_errors_have_exit_codes_and_say_what_to_do():
    cases = [
        (error(550, "5.1.1"), NOUSER, "no account ann@example.org", "'doorstep account list example.org' shows"),
        (error(550, "5.2.0", "no such mailbox"), 1, "no such mailbox (550 5.2.0)", "doorstep mailbox list ann@example.org"),
        (error(550, "5.7.1"), NOPERM),
        (error(451, "4.3.0", "broken", "open /x: EACCES"), TEMPFAIL, "broken", "cause: open /x: EACCES"),
        (error(501, "5.5.4", "what is that"), 1, "what is that"),
        (None, TEMPFAIL, "the daemon went away"),
        (b"{\n", 76, "no answer"),
        (b'{"row":', TEMPFAIL, "went away"),
        (b'{"what":{}}\n', 76),
    ]  # fmt: skip
    for reply, status, *texts in cases:
        for flags in ([], ["--json"]):
            with Folder() as folder, Control(folder, message_list=[reply, None]):
                result = tool(folder, "message", "list", "ann@example.org", "Old", *flags)
                expect(result, status, *texts)
                check(result.out == "", result)


def test_a_broken_configuration_exits_78():
    with Folder() as folder:
        with open(folder.configuration, "a") as f:
            f.write("hostnam = 1\n")
        result = expect(tool(folder, "account", "list"), CONFIG, "doorstep.conf:")
        check("hostname" in result.err, result)
        expect(tool(folder, "config", "check"), CONFIG, "doorstep.conf:")
        check(tool(folder, "config", "check", "--json").json()["good"] is False)
        folder.configuration = "/nowhere/doorstep.conf"
        expect(tool(folder, "ping"), CONFIG, "/nowhere/doorstep.conf")


def test_ping_tells_ready_from_starting_from_absent():
    with Folder() as folder:
        expect(tool(folder, "ping"), UNAVAILABLE, "doorstepd -c")
        expect(tool(folder, "ping", "--wait", "1s"), UNAVAILABLE)
        state = dict(version="1.2", edges=1, sorters=2, uptime_ms=90000)
        with Control(folder, ping=[ok(ready=False, **state)]) as control:
            expect(tool(folder, "ping"), TEMPFAIL, "starting")
            control.answers["ping"] = [ok(ready=True, **state)]
            expect(tool(folder, "ping"), 0, "ready: doorstepd 1.2, up 1 min 30 s, edges 1, sorters 2")
            check(tool(folder, "ping", "--json").json()["ready"] is True)
        check(os.listdir(f"{folder.path}/state") == [])


def test_ping_waits_until_the_daemon_is_ready():
    replies = [[None], [ok(ready=False)], [ok(ready=True, version="1")]]
    with Folder() as folder, Control(folder, ping=lambda _: replies.pop(0)):
        expect(tool(folder, "ping", "--wait", "30s"), 0, "ready")
        check(replies == [])


def test_stats_are_sorted_and_readable():
    answer = ok(counters={"zeta": 1, "alpha": 1234567}, roles=[{"role": "edge", "count": 2}])
    with Folder() as folder, Control(folder, stats=[answer]):
        out = expect(tool(folder, "stats"), 0, "role edge  count 2").out
        check(out.index("alpha") < out.index("zeta") and "1,234,567" in out, out)
        check(tool(folder, "stats", "--json").json() == answer["ok"])


def test_fsck_and_trace_tell_by_their_status():
    problem = row(account="a@b", mailbox="INBOX", problem="missing", detail="x", repaired=False)
    with Folder() as folder:
        with Control(folder, fsck=[problem, ok(accounts=1, messages=5, problems=1, repaired=0)], trace=[ok()]):
            expect(tool(folder, "fsck"), 1, "missing", "1 problems, 0 repaired", "fsck --repair")
            found = expect(tool(folder, "fsck", "--json"), 1).json()
            check(found["problems"] == 1 and found["found"] == [problem["row"]], found)
            expect(tool(folder, "trace", "x"), 1, "nothing found")
            check(expect(tool(folder, "trace", "x", "--json"), 1).json() == [])
        with Control(folder, fsck=[problem, ok(accounts=1, messages=5, problems=1, repaired=1)]):
            expect(tool(folder, "fsck", "--repair"), 0, "1 repaired")


# ---- deliver, against an LMTP server that answers at will ----


def deliver(folder, *recipients, sender="bob@example.com", data=b"Subject: x\n\nhello\n", more=()):
    options = [o for r in recipients for o in ("-r", r)]
    return tool(folder, "deliver", "-f", sender, *options, *more, data=data)


def test_deliver_exits_as_sysexits_says():
    good, again = "250 2.1.5 delivered", "451 4.2.0 busy"
    cases = [
        ([good], [good], 0),
        (["550 5.1.1 nobody"], [], NOUSER),
        (["550 5.2.1 disabled"], [], UNAVAILABLE),
        (["452 4.2.2 full"], [], TEMPFAIL),
        (["552 5.2.2 full"], [], CANTCREAT),
        (["550 5.7.1 not ours"], [], NOPERM),
        (["553 5.1.3 bad"], [], NOUSER),
        ([good], ["554 5.6.0 bad bytes"], DATAERR),
        ([good], ["554 5.4.6 loop"], UNAVAILABLE),
        ([good], ["552 5.3.4 too big"], DATAERR),
        ([good], [again], TEMPFAIL),
        ([good], [], TEMPFAIL),
        (["250 ok"], ["250"], 0),
        (["550 nobody"], [], UNAVAILABLE),
        (["hello"], [], TEMPFAIL),
        (["421 4.3.2 closing"], [], TEMPFAIL),
        ([good, good], [good, good], 0),
        ([good, "550 5.1.1 nobody"], [good], NOUSER),
        ([good, good], ["552 5.2.2 full", again], TEMPFAIL),
        ([good, good, "550 5.1.1 nobody"], ["552 5.2.2 full", good], CANTCREAT),
        ([good, good], [good], TEMPFAIL),
        (["421 4.3.2 closing", good], [], TEMPFAIL),
    ]
    for rcpt, answers, status in cases:
        with Folder() as folder, Lmtp(folder, rcpt, answers):
            recipients = [f"r{i}@example.org" for i in range(len(rcpt))]
            result = deliver(folder, *recipients)
            check(result.status == status, f"{rcpt} {answers}: wanted {status}, {result}")
            check((result.err == "") == (status == 0), result)


def test_deliver_sends_what_the_wire_asks_for():
    cases = [
        (b"a\n\nb\n", b"a\r\n\r\nb\r\n"),
        (b"a\r\n\r\nb\r\n", b"a\r\n\r\nb\r\n"),
        (b"a\n\nb", b"a\r\n\r\nb\r\n"),
        (b"a\n\n.\n..\n.x\n", b"a\r\n\r\n.\r\n..\r\n.x\r\n"),
        (b".", b".\r\n"),
        (b"", b""),
        (b"From bob Thu Jan  1 00:00:00 2026\na\n\nb\n", b"a\r\n\r\nb\r\n"),
        (b"From: a\n\nFrom b\n", b"From: a\r\n\r\nFrom b\r\n"),
        (b"a\n\n\xff\0\x80\n", b"a\r\n\r\n\xff\0\x80\r\n"),
        (b"a\n\nx\ry\n", b"a\r\n\r\nx\ry\r\n"),
        (b"a\n\n" + b"." * 100000 + b"\n.\n" * 20000, b"a\r\n\r\n" + b"." * 100000 + b"\r\n" + b".\r\n\r\n" * 19999 + b".\r\n"),
    ]  # fmt: skip
    for given, wanted in cases:
        wanted = given.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") if len(given) > 1000 else wanted
        for as_file in (False, True):
            with Folder() as folder, Lmtp(folder, ["250 ok"], ["250 ok"]) as server:
                if as_file:
                    with open(f"{folder.path}/message", "w+b") as f:
                        f.write(given)
                        f.seek(0)
                        status = subprocess.run(
                            [DOORSTEP, "-c", folder.configuration, "deliver", "-f", "", "a@example.org"],
                            stdin=f, timeout=TIMEOUT).returncode  # fmt: skip
                else:
                    status = deliver(folder, "a@example.org", data=given, sender="").status
                check(status == 0, status)
                check(server.message == wanted, (given[:80], server.message[:80]))
                mail = server.commands[1]
                check(mail.startswith(f"MAIL FROM:<> SIZE={len(wanted)}"), mail)
                check(("BODY=8BITMIME" in mail) == any(c > 127 for c in given), mail)


def test_deliver_prints_addresses_as_they_must_be():
    with Folder() as folder, Lmtp(folder, ["250 ok"] * 4, ["250 ok"] * 4) as server:
        recipients = ["<ann@EXAMPLE.org>", '"a b"@example.org', "postmaster", "jürgen@bücher.example"]
        expect(deliver(folder, *recipients, sender="<>"), 0)
        check(server.commands[1].startswith("MAIL FROM:<>") and server.commands[1].endswith(" SMTPUTF8"))
        check(server.commands[2:6] == [
            "RCPT TO:<ann@example.org>", 'RCPT TO:<"a b"@example.org>', "RCPT TO:<postmaster>",
            "RCPT TO:<jürgen@xn--bcher-kva.example>"], server.commands)  # fmt: skip
    with Folder() as folder, Lmtp(folder, ["250 ok"], ["250 ok"], extensions=("PIPELINING",)) as server:
        expect(deliver(folder, "ann@example.org", data=b"a\n\n\xff\n"), 0)
        check(server.commands[1] == "MAIL FROM:<bob@example.com>", server.commands)
    with Folder() as folder, Lmtp(folder, [], [], extensions=("PIPELINING",)):
        expect(deliver(folder, "jürgen@example.org"), DATAERR, "UTF-8")


def test_deliver_reports_each_recipient_as_json():
    with Folder() as folder, Lmtp(folder, ["250 ok", "550 5.1.1 nobody"], ["250 2.1.5 done"]):
        found = expect(deliver(folder, "a@example.org", "b@example.org", more=["--json"]), NOUSER).json()
        check(found == [
            {"recipient": "a@example.org", "code": 250, "enhanced": "2.1.5", "text": "done"},
            {"recipient": "b@example.org", "code": 550, "enhanced": "5.1.1", "text": "nobody"}], found)  # fmt: skip


def test_deliver_without_a_server_is_temporary_and_too_large_is_not():
    with Folder() as folder:
        expect(deliver(folder, "a@example.org"), TEMPFAIL, "no LMTP service")
        expect(deliver(folder, "a@example.org", data=b"x" * 1100000), DATAERR, "message_size")
        with open(folder.configuration) as f:
            text = f.read()
        with open(folder.configuration, "w") as f:
            f.write(text.replace("listen lmtp", "listen smtp"))
        expect(deliver(folder, "a@example.org"), CONFIG, "listen lmtp")


# ---- With the real daemon ----


def with_daemon(test):
    def run():
        daemon = Daemon()
        try:
            daemon.start()
            test(daemon)
            daemon.end()
        finally:
            if daemon.process is not None:
                daemon.end()
            daemon.remove()

    run.__name__ = test.__name__
    return run


@with_daemon
def test_real_accounts_and_aliases(daemon):
    expect(tool(daemon, "account", "add", "ann@example.org", "--quota", "2G"), 0, "added ann@example.org")
    expect(tool(daemon, "account", "add", "ann@example.org"), 1)
    expect(tool(daemon, "account", "add", "ann@elsewhere.example"), 1, "configuration")
    expect(tool(daemon, "account", "add", "bob@example.org", "--disabled"), 0)
    rows = {r["name"]: r for r in tool(daemon, "account", "list", "--json").json()}
    check(rows["ann@example.org"]["quota"] == 2 << 30 and rows["ann@example.org"]["enabled"], rows)
    check(rows["bob@example.org"]["enabled"] is False, rows)
    expect(tool(daemon, "account", "list", "example.org"), 0, "2.0 GiB", "bob@example.org")
    expect(tool(daemon, "account", "set", "bob@example.org", "--enabled", "--quota", "1K"), 0)
    expect(tool(daemon, "account", "passwd", "bob@example.org", data=b"secret\n"), 0)
    expect(tool(daemon, "alias", "add", "info@example.org", "ann@example.org"), 0)
    expect(tool(daemon, "alias", "add", "info@example.org", "bob@example.org"), 0)
    check(len(tool(daemon, "alias", "list", "--json").json()) == 2)
    shown = tool(daemon, "account", "show", "ann@example.org", "--json").json()
    check(shown["aliases"] == ["info@example.org"] and shown["quota"] == 2 << 30, shown)
    expect(tool(daemon, "account", "show", "bob@example.org"), 0, "1.0 KiB")
    expect(tool(daemon, "alias", "delete", "info@example.org", "bob@example.org"), 0)
    check([r["target"] for r in tool(daemon, "alias", "list", "--json").json()] == ["ann@example.org"])
    expect(tool(daemon, "account", "show", "zoe@example.org"), NOUSER, "account list example.org")
    expect(tool(daemon, "account", "delete", "bob@example.org"), 0)
    expect(tool(daemon, "account", "show", "bob@example.org"), NOUSER)
    expect(tool(daemon, "account", "import", "-", data=b"joe@example.org:{PLAIN}x\nann@example.org:x\n"), 1, "1 accounts added")


LETTER = b"""From: =?utf-8?q?J=C3=BCrgen?= <j@example.com>
To: ann@example.org
Subject: Hello there
Message-ID: <letter@example.com>
Date: Tue, 3 Feb 2026 04:05:06 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

The first words.
.
--b
Content-Type: application/pdf
Content-Disposition: attachment; filename="bill.pdf"

x
--b--
"""


@with_daemon
def test_real_mail_is_delivered_listed_shown_and_traced(daemon):
    expect(tool(daemon, "account", "add", "ann@example.org"), 0)
    expect(deliver(daemon, "ann@example.org", data=LETTER), 0)
    rows = tool(daemon, "message", "list", "ann@example.org", "--json").json()
    check(len(rows) == 1, rows)
    message = rows[0]
    check(message["subject"] == "Hello there" and message["message_id"] == "<letter@example.com>", message)
    check(message["attachment"] is True and "Jürgen" in message["from"], message)
    check({"uid", "modseq", "flags", "internal_date", "octets", "lines", "digest", "envelope",
           "bodystructure", "preview", "store_ref"} <= set(message), message)  # fmt: skip
    expect(tool(daemon, "message", "list", "ann@example.org"), 0, "Hello there", "Jürgen")
    uid = str(message["uid"])
    shown = expect(tool(daemon, "message", "show", "ann@example.org", "INBOX", uid), 0, "bill.pdf", "The first words.")
    check("multipart/mixed" in shown.out, shown)
    stored = tool(daemon, "message", "cat", "ann@example.org", "INBOX", uid).raw
    check(without_trace(stored).replace(b"\r\n", b"\n") == LETTER, stored)
    check(daemon.messages("ann/new")[0] == stored)
    expect(tool(daemon, "message", "cat", "ann@example.org", "INBOX", "999"), 1, "message list ann@example.org INBOX")
    expect(tool(daemon, "message", "list", "ann@example.org", "Nowhere"), 1, "mailbox list")
    expect(tool(daemon, "mailbox", "list", "ann@example.org"), 0, "INBOX")
    for term in ("<letter@example.com>", "bob@example.com", "ann@example.org", message["delivery_id"]):
        found = expect(tool(daemon, "trace", term, "--json"), 0).json()
        check(found[0]["outcome"].startswith("250") and found[0]["uid"] == message["uid"], (term, found))
    expect(tool(daemon, "trace", "letter@example.com", "--since", "1h"), 0, "250 2.1.5")
    expect(tool(daemon, "trace", "<nothing@example.com>"), 1)
    check(tool(daemon, "stats", "--json").json()["counters"])
    expect(tool(daemon, "fsck"), 0, "mail and index agree")


@with_daemon
def test_real_mailboxes(daemon):
    expect(tool(daemon, "account", "add", "ann@example.org"), 0)
    expect(tool(daemon, "mailbox", "create", "ann@example.org", "Büro"), 0)
    expect(tool(daemon, "mailbox", "create", "ann@example.org", "Büro"), 1)
    expect(tool(daemon, "mailbox", "rename", "ann@example.org", "Büro", "Work"), 0)
    names = [r["name"] for r in tool(daemon, "mailbox", "list", "ann@example.org", "--json").json()]
    check("Work" in names and "Büro" not in names, names)
    expect(tool(daemon, "mailbox", "delete", "ann@example.org", "Work"), 0)
    expect(tool(daemon, "mailbox", "delete", "ann@example.org", "Work"), 1, "mailbox list ann@example.org")
    expect(tool(daemon, "mailbox", "list", "zoe@example.org"), NOUSER)


def listed(daemon, mailbox="INBOX"):
    rows = tool(daemon, "message", "list", "ann@example.org", mailbox, "--json").json()
    return [(r["uid"], sorted(r["flags"] + r["keywords"])) for r in rows]


@with_daemon
def test_real_messages_are_flagged(daemon):
    flag = lambda *words: tool(daemon, "message", "flag", "ann@example.org", "inbox", *words)  # noqa: E731
    expect(tool(daemon, "account", "add", "ann@example.org"), 0)
    expect(deliver(daemon, "ann@example.org"), 0)
    expect(flag("1", "\\Seen", "+$forwarded", "+Work", "later"), 0)
    check(listed(daemon) == [(1, ["$Forwarded", "Work", "\\Seen", "later"])], listed(daemon))
    name = os.listdir(daemon.mail_path("ann/cur"))
    check(len(name) == 1 and name[0].endswith(":2,PS"), name)
    expect(flag("1", "-work", "-\\seen", "-never", "+LATER"), 0)
    check(listed(daemon) == [(1, ["$Forwarded", "later"])], listed(daemon))
    for word in ("\\Recent", "a(b", "a b", "ä", "x" * 200):
        expect(flag("1", word), 1, "no flag")
    expect(flag("2", "work"), 1, "message list ann@example.org inbox")
    kept = listed(daemon)
    expect(flag("1", *[f"k{i}-" + "x" * 100 for i in range(50)]), 1, "too many keywords")
    check(listed(daemon) == kept)


@with_daemon
def test_real_messages_are_moved_and_deleted(daemon):
    message = lambda verb, *words: tool(daemon, "message", verb, "ann@example.org", *words)  # noqa: E731
    expect(tool(daemon, "account", "add", "ann@example.org"), 0)
    for _ in range(4):
        expect(deliver(daemon, "ann@example.org", data=LETTER), 0)
    expect(tool(daemon, "mailbox", "create", "ann@example.org", "Old"), 0)
    facts = message("show", "INBOX", "2", "--json").json()
    expect(message("flag", "INBOX", "2", "\\Flagged", "work"), 0)
    check(message("move", "INBOX", "2", "Old", "--json").json() == {"mailbox": "Old", "uid": 1})
    check([u for u, _ in listed(daemon)] == [1, 3, 4] and listed(daemon, "Old") == [(1, ["\\Flagged", "work"])])
    moved = message("show", "Old", "1", "--json").json()
    check(all(moved[k] == facts[k] for k in ("envelope", "digest", "octets", "preview", "delivery_id", "parts")), moved)
    check(len(daemon.messages("ann/.Old/cur")) == 1 and len(daemon.messages("ann/new")) == 3)
    expect(message("move", "INBOX", "2", "Old"), 1, "message list")
    expect(message("move", "INBOX", "3", "Nowhere"), 1)
    expect(message("move", "INBOX", "3", "inbox"), 1, "already")
    expect(message("delete", "INBOX", "3", "99"), 1, "99")
    check([u for u, _ in listed(daemon)] == [1, 3, 4], "nothing of it was carried out")
    check(message("delete", "INBOX", "3", "1", "3", "--json").json() == {"removed": 2})
    check([u for u, _ in listed(daemon)] == [4] and len(daemon.messages("ann/new")) == 1)
    expect(deliver(daemon, "ann@example.org", data=LETTER), 0)
    check([u for u, _ in listed(daemon)] == [4, 5], "no UID is given twice")
    expect(tool(daemon, "fsck"), 0, "mail and index agree")


@with_daemon
def test_real_changes_of_an_mbox(daemon):
    expect(deliver(daemon, "zoe@example.net"), 0)
    expect(tool(daemon, "message", "flag", "zoe@example.net", "INBOX", "1", "\\Seen", "work"), 0)
    row = tool(daemon, "message", "list", "zoe@example.net", "--json").json()[0]
    check(row["flags"] == ["\\Seen"] and row["keywords"] == ["work"], row)
    expect(tool(daemon, "message", "delete", "zoe@example.net", "INBOX", "1"), 1, "store mbox")
    check(len(daemon.messages("/example.net/zoe.mbox")) == 1)


@with_daemon
def test_real_refusals_of_deliver(daemon):
    expect(tool(daemon, "account", "add", "ann@example.org"), 0)
    expect(tool(daemon, "account", "add", "full@example.org", "--quota", "10"), 0)
    expect(tool(daemon, "account", "add", "off@example.org", "--disabled"), 0)
    expect(deliver(daemon, "zoe@example.org"), NOUSER, "550 5.1.1")
    expect(deliver(daemon, "full@example.org"), TEMPFAIL, "452 4.2.2")
    expect(deliver(daemon, "off@example.org"), UNAVAILABLE, "550 5.2.1")
    expect(deliver(daemon, "ann@elsewhere.example"), NOPERM, "550 5.7.1")
    expect(deliver(daemon, "ann@example.org", "zoe@example.org"), NOUSER)
    expect(deliver(daemon, "ann+x@example.org", "full@example.org"), TEMPFAIL)
    check(len(tool(daemon, "message", "list", "ann@example.org", "--json").json()) == 2)


@with_daemon
def test_real_hostile_subject_is_safe_in_tables(daemon):
    expect(tool(daemon, "account", "add", "ann@example.org"), 0)
    subject = "=?utf-8?q?a=1B]0;x=07b=E2=80=AEc?="
    data = f"From: x@example.com\nSubject: {subject}\n\n\x1b[2J text \u202e\n".encode()
    expect(deliver(daemon, "ann@example.org", data=data), 0)
    for arguments in (["list", "ann@example.org"], ["show", "ann@example.org", "INBOX", "1"]):
        result = expect(tool(daemon, "message", *arguments), 0)
        check(is_safe(result.out), result)


@with_daemon
def test_real_configuration_is_shown(daemon):
    expect(tool(daemon, "config", "check"), 0, "good")
    shown = expect(tool(daemon, "config", "show"), 0, 'hostname = "mx.example.org"').out
    copy = f"{daemon.folder}/copy.conf"
    with open(copy, "w") as f:
        f.write(shown)
    again = subprocess.run([DOORSTEP, "-c", copy, "config", "show"], capture_output=True, timeout=TIMEOUT)
    check(again.stdout.decode() == shown)
    check(tool(daemon, "config", "show", "--json").json())
    same = subprocess.run([DOORSTEPD, "-n", "-c", copy], capture_output=True, timeout=TIMEOUT)
    check(same.returncode == 0, same)


def running_daemons(folder):
    """Pids whose command line names the folder."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                if folder.encode() in f.read() and int(pid) != os.getpid():
                    found.append(int(pid))
        except OSError:
            pass
    return found


def test_fsck_content_finds_bytes_that_were_changed():
    daemon = Daemon()
    try:
        daemon.start()
        expect(tool(daemon, "account", "add", "ann@example.org"), 0)
        expect(deliver(daemon, "ann@example.org"), 0)
        expect(tool(daemon, "fsck", "--content"), 0, "mail and index agree")
        folder = f"{daemon.folder}/mail/example.org/ann/new"
        with open(f"{folder}/{os.listdir(folder)[0]}", "r+b") as f:
            f.seek(-2, os.SEEK_END)
            f.write(b"?")
        expect(tool(daemon, "fsck"), 0)
        expect(tool(daemon, "fsck", "--content"), 1, "content differs")
        expect(tool(daemon, "fsck", "--content", "--repair"), 0, "1 repaired")
        expect(tool(daemon, "fsck", "--content"), 0)
        check([r["uid"] for r in tool(daemon, "message", "list", "ann@example.org", "--json").json()] == [2])
    finally:
        daemon.end()


def test_offline_verbs_need_no_daemon_and_leave_none():
    daemon = Daemon()
    try:
        expect(tool(daemon, "account", "add", "ann@example.org"), 0)
        check([r["name"] for r in tool(daemon, "account", "list", "--json").json()] == ["ann@example.org"])
        expect(tool(daemon, "fsck"), 0)
        expect(tool(daemon, "account", "show", "zoe@example.org"), NOUSER)
        check(running_daemons(daemon.folder) == [], running_daemons(daemon.folder))
        expect(tool(daemon, "ping"), UNAVAILABLE)
        expect(deliver(daemon, "ann@example.org"), TEMPFAIL)
        daemon.start()
        expect(tool(daemon, "account", "show", "ann@example.org"), 0)
        daemon.end()
        expect(tool(daemon, "account", "list"), 0, "ann@example.org")
    finally:
        daemon.end()
        daemon.remove()


def test_offline_that_cannot_start_says_why():
    with Folder() as folder:
        os.rmdir(f"{folder.path}/state")
        with open(f"{folder.path}/state", "w"):
            pass
        result = tool(folder, "account", "list")
        check(result.status in (UNAVAILABLE, CONFIG) and "state" in result.err, result)


def main():
    unwind_on_sigterm()
    wanted = sys.argv[1:]
    tests = [(n, f) for n, f in globals().items() if n.startswith("test_")]
    passed = failed = 0
    for name, test in tests:
        if wanted and not any(w in name for w in wanted):
            continue
        try:
            test()
            passed += 1
        except Exception as e:  # a failure of one test; the others go on
            failed += 1
            text = str(e) if isinstance(e, AssertionError) else traceback.format_exc()
            where = traceback.extract_tb(e.__traceback__)
            line = next((t.lineno for t in where if t.name == name), where[-1].lineno)
            print(f"FAIL: {name[5:].replace('_', ' ')} (line {line})\n    " + text[:3000].replace("\n", "\n    "))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
