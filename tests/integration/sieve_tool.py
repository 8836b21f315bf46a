#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""doorstep sieve check, run, explain and suite: the tool alone, without daemon and configuration; and explain with an
account, whose active script the daemon has. The last line is "N passed, N failed"."""

import json
import os
import subprocess
import tempfile

from harness import Tests, expect
from private_daemon import DOORSTEP, Daemon

MESSAGE = b"""From: Bob <bob@example.com>
To: ann@example.org
Subject: Hello world
Message-ID: <1@example.com>

A line.
"""

FOLDER = tempfile.TemporaryDirectory(prefix="doorstep-sieve-tool-")


def write(name, text):
    path = os.path.join(FOLDER.name, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode())
    return path


def tool(*arguments, given=b""):
    return subprocess.run(
        [DOORSTEP, "-c", "/nonexistent", "sieve", *arguments], input=given, capture_output=True, timeout=120
    )


def text_of(result, status):
    said = result.stdout.decode() + result.stderr.decode()
    expect(result.returncode == status, f"ended with {result.returncode}, not {status}: {said}")
    return said


def run_json(script, *options, status=0, given=MESSAGE):
    return json.loads(text_of(tool("run", "--json", *options, write("s.sieve", script), given=given), status))


def names(outcome):
    return [a["action"] for a in outcome["actions"]]


def has(text, *parts):
    for part in parts:
        expect(part in text, f"no {part!r} in: {text}")


# ---- check


def a_right_script_says_nothing():
    expect(text_of(tool("check", write("a.sieve", 'require "fileinto";\nfileinto "X";\n')), 0) == "", "it says something")


def each_mistake_has_its_place():
    path = write("b.sieve", 'keep;\nfilinto "x";\nif header :foo "a" "b" {}\n')
    has(
        text_of(tool("check", path), 65),
        f"{path}:2:1: error: unknown command 'filinto'",
        f"{path}:3:11: error: unknown tag ':foo'",
        "          ^",
    )


def a_warning_is_no_refusal():
    has(text_of(tool("check", write("w.sieve", "stop;\nkeep;\n")), 0), "warning: this is never reached")


def check_prints_json():
    notes = json.loads(text_of(tool("check", "--json", write("b.sieve", "filinto;")), 65))
    expect(notes[0]["line"] == 1 and notes[0]["severity"] == "error", notes)


def what_moves_terminals_is_escaped():
    said = text_of(tool("check", write("e.sieve", '"\x1b[2J"; foo "\x1b[1m";')), 65)
    expect("\x1b" not in said, "an escape came through")


def a_missing_file_is_no_script():
    has(text_of(tool("check", os.path.join(FOLDER.name, "none")), 66), "No such file")


def octets_that_are_no_text_do_no_harm():
    text_of(tool("check", write("x.sieve", bytes(range(256)) * 40)), 65)
    text_of(tool("check", write("y.sieve", b"")), 0)
    text_of(tool("check", write("z.sieve", b"(" * 100000)), 65)


def programs_are_the_administrators():
    path = write("p.sieve", 'require "vnd.dovecot.pipe"; pipe "x";')
    text_of(tool("check", path), 65)
    text_of(tool("check", "--administrator", path), 0)


# ---- run


def nothing_said_is_kept():
    outcome = run_json("")
    expect(outcome == {"actions": [], "implicit_keep": True, "errors": []}, outcome)


def actions_have_names_and_details():
    outcome = run_json(
        'require ["fileinto", "copy", "imap4flags"]; fileinto :copy :flags "\\\\Seen" "Junk"; redirect "x@example.net";'
    )
    expect(names(outcome) == ["fileinto", "redirect"], outcome)
    first, second = outcome["actions"]
    expect(first["mailbox"] == "Junk" and first["flags"] == ["\\Seen"] and first["copy"] is True, first)
    expect(second["address"] == "x@example.net" and second["copy"] is False, second)
    expect(outcome["implicit_keep"] is False, outcome)


def a_discard_is_an_action():
    outcome = run_json("discard;")
    expect(names(outcome) == ["discard"] and outcome["implicit_keep"] is False, outcome)


def the_envelope_is_as_given():
    script = 'require "envelope"; if envelope "from" "" { discard; } if envelope "to" "c@d" { keep; }'
    expect(names(run_json(script, "--from", "", "--to", "c@d")) == ["discard", "keep"], "null sender")
    expect(names(run_json(script, "--from", "<>", "--to", "<c@d>")) == ["discard", "keep"], "brackets")
    expect(names(run_json(script)) == [], "of the header")
    expect(names(run_json('require "envelope"; if envelope "from" "bob@example.com" { discard; }')) == ["discard"], "From")


def a_refused_script_is_65():
    outcome = run_json("filinto;", status=65)
    expect(outcome["actions"] == [] and outcome["errors"][0]["line"] == 1, outcome)
    has(text_of(tool("run", write("r.sieve", "filinto;"), given=MESSAGE), 65), "r.sieve:1:1: error:")


def a_script_that_fails_keeps():
    outcome = run_json(
        'require ["variables"]; set "a" "no address"; discard; redirect "${a}";', status=1
    )
    expect(outcome["actions"] == [] and outcome["implicit_keep"] is True and len(outcome["errors"]) == 1, outcome)


def people_read_lines():
    said = text_of(tool("run", write("r.sieve", 'redirect "x@example.net";'), given=MESSAGE), 0)
    expect(said == 'redirect to "x@example.net" (line 1)\n', said)
    expect(text_of(tool("run", write("k.sieve", ""), given=MESSAGE), 0) == 'keep "INBOX" (implicit)\n', "implicit keep")


def a_vacation_says_what_it_would_send():
    vacation = run_json('require "vacation"; vacation :days 3 "Away";', "--to", "ann@example.org")["actions"][0]
    expect(vacation["action"] == "vacation" and vacation["to"] == "bob@example.com", vacation)
    expect(vacation["text"] == "Away" and vacation["seconds"] == 3 * 86400, vacation)


def messages_may_be_anything():
    for given in (b"", b"\n", b"no header at all", bytes(range(256)) * 100, b"From x\nSubject: s\n\n", b"a" * 100000):
        expect(run_json('if header :contains "subject" "zz" { discard; }', given=given)["implicit_keep"] is True, given)


# ---- explain


def each_test_shows_its_values_and_each_action_its_reason():
    path = write("why.sieve", 'if header :contains "subject" "world" {\n    discard;\n} else {\n    keep;\n}\n')
    has(
        text_of(tool("explain", path, given=MESSAGE), 0),
        '1 if header :contains "subject" "world" {',
        'header: "Hello world" matches "world"',
        "header is true",
        "=> discard, because header in line 1 is true",
    )


def an_else_says_that_nothing_was_true():
    path = write("else.sieve", 'if header "subject" "x" {\n    discard;\n} else {\n    keep;\n}\n')
    said = text_of(tool("explain", path, given=MESSAGE), 0)
    has(said, '"Hello world" does not match "x"', "=> keep, because nothing before the else in line 3 was true")


def explain_prints_json():
    path = write("why.sieve", 'if header :contains "subject" "world" { discard; }')
    steps = json.loads(text_of(tool("explain", "--json", path, given=MESSAGE), 0))["steps"]
    values = [s for s in steps if s["kind"] == "value"]
    expect(values[0]["value"] == "Hello world" and values[0]["key"] == "world" and values[0]["is_true"], steps)


def explain_account(daemon, *options, given=MESSAGE):
    command = [DOORSTEP, "-c", daemon.configuration, "sieve", "explain", *options, "ann@example.org"]
    return subprocess.run(command, input=given, capture_output=True, timeout=120)


def of_an_account_it_is_the_active_script():
    daemon = Daemon()
    try:
        daemon.start()
        daemon.tool("account", "add", "ann@example.org")
        has(text_of(explain_account(daemon), 66), "ann@example.org has no active script")
        part = write("part.sieve", 'if header :contains "subject" "world" { discard; }')
        whole = write("whole.sieve", 'require "include"; include "part"; keep;')
        daemon.tool("sieve", "install", "ann@example.org", part)
        daemon.tool("sieve", "install", "--activate", "ann@example.org", whole)
        said = text_of(explain_account(daemon), 0)
        has(said, '"Hello world" matches "world"', "=> discard, because include in line 1 runs and header", "=> keep")
        daemon.end()
    finally:
        daemon.remove()


def what_an_account_has_is_seen():
    """explain ACCOUNT and try: special uses, ids, annotations and lists as a delivery sees them."""
    daemon = Daemon()
    to, friends = "ann@example.org", f"{daemon.folder}/friends"
    with open(friends, "w") as f:
        f.write("# ours\n\nBob@Example.com\n")
    with open(daemon.configuration, "a") as f:
        f.write('sieve { metadata = {"/shared/motd=hello"} }\n')
        f.write(f'sieve_list ":addrbook:%64efault" {{ file = "{friends}" }}\n')
    try:
        daemon.start()
        daemon.tool("account", "add", to)
        for name in ("Spam", "Other"):
            daemon.tool("mailbox", "create", to, name)
        daemon.tool("mailbox", "special-use", to, "Spam", "\\Junk")
        daemon.tool("mailbox", "annotate", to, "Spam", "/private/comment", "for rubbish")
        daemon.tool("mailbox", "annotate", to, "", "/private/comment", "an account")
        ids = {row["name"]: row["id"] for row in json.loads(daemon.tool("--json", "mailbox", "list", to))}
        tests = (
            'specialuse_exists "\\\\Junk"',
            'specialuse_exists "Spam" "\\\\junk"',
            'not specialuse_exists "Other" "\\\\Junk"',
            'not specialuse_exists "\\\\Sent"',
            f'mailboxidexists ["{ids["Spam"]}", "{ids["Other"]}"]',
            'not mailboxidexists "Fnone"',
            'mailboxexists ["inbox", "Spam"]',
            'not mailboxexists "Nowhere"',
            'metadata "Spam" "/private/Comment" "for rubbish"',
            'not metadataexists "Other" "/private/comment"',
            'servermetadata "/private/comment" "an account"',
            'servermetadata "/shared/motd" "hello"',
            'not servermetadataexists "/shared/none"',
            'address :list "from" "urn:ietf:params:sieve:addrbook:DEFAULT"',
            'string :comparator "i;octet" "${0}" "Bob@Example.com"',
            'not address :list "to" ":addrbook:default"',
            'not valid_ext_list "tag:example.com,2026:none"',
        )
        script = (
            'require ["fileinto", "special-use", "mailbox", "mailboxid", "mboxmetadata", "servermetadata", "extlists",\n'
            '"variables"];\n' + "".join(f"if not {test} {{ discard; stop; }}\n" for test in tests)
        )
        daemon.tool("sieve", "install", "--activate", to, write("facts.sieve", script + "keep;"))
        given = b"From: Bob <bob@example.com>\nTo: ann@example.org\nSubject: facts\n\nx\n"
        said = json.loads(text_of(explain_account(daemon, "--json", given=given), 0))
        expect(names(said) == ["keep"], said["steps"][-3:])
        daemon.tool("deliver", "--from", "bob@example.com", to, data=given)
        tried = json.loads(daemon.tool("--json", "sieve", "try", "-", to))
        expect((tried["tried"], tried["elsewhere"], tried["failed"]) == (1, 0, 0), tried)
        where = f'fileinto :specialuse "\\\\Junk" "Other"; fileinto :mailboxid "{ids["Spam"]}" "Nowhere";'
        moved = write("moved.sieve", script + where)
        for mailbox, elsewhere in (("INBOX", 1), ("Spam", 0)):
            tried = json.loads(daemon.tool("--json", "sieve", "try", moved, to))
            expect((tried["tried"], tried["elsewhere"], tried["failed"]) == (1, elsewhere, 0), tried)
            if mailbox == "INBOX":
                daemon.tool("message", "move", to, "INBOX", "1", "Spam")
        daemon.end()
    finally:
        daemon.remove()


# ---- suite

SUITE = """require ["vnd.dovecot.testsuite", "variables", "fileinto"];
test "it passes" { if not true { test_fail "never"; } }
test "it fails" { test_fail "because"; }
test "the next one runs all the same" { set "x" "y"; }
"""


def each_test_is_a_line():
    path = write("suite/one.svtest", SUITE)
    said = text_of(tool("suite", path), 1)
    has(said, f"ok {path}: it passes\n", f"not ok {path}: it fails: because\n", f"ok {path}: the next one", "\n2 passed, 1 failed\n")


def folders_are_searched_and_broken_files_cost_themselves_alone():
    write("many/a.svtest", 'require "vnd.dovecot.testsuite"; test "one" { }')
    write("many/deep/b.svtest", 'require ["vnd.dovecot.testsuite", "no.such.extension"]; test "two" { }')
    write("many/c.svtest", "this is no script")
    write("many/d.svtest", 'require "vnd.dovecot.testsuite"; test "three" { } test_fail "outside"; test "four" { }')
    write("many/not-a-test.sieve", "nonsense")
    said = text_of(tool("suite", os.path.join(FOLDER.name, "many")), 1)
    has(said, "no.such.extension", "outside of a test: outside", "\n2 passed, 3 failed\n")


def nothing_to_run_is_said():
    os.makedirs(os.path.join(FOLDER.name, "empty"), exist_ok=True)
    text_of(tool("suite", os.path.join(FOLDER.name, "empty")), 66)
    has(text_of(tool("suite", os.path.join(FOLDER.name, "missing")), 1), "0 passed, 1 failed")


def relative_paths_work():
    write("rel/x.svtest", 'require ["vnd.dovecot.testsuite"]; test "s" { if not test_script_compile "s.sieve" { test_fail "no"; } }')
    write("rel/s.sieve", "keep;")
    result = subprocess.run([DOORSTEP, "sieve", "suite", "x.svtest"], cwd=os.path.join(FOLDER.name, "rel"), capture_output=True)
    has(result.stdout.decode(), "ok x.svtest: s\n1 passed, 0 failed\n")


def nothing_hangs_a_suite():
    many = ", ".join(['"again.sieve"'] * 8)
    write("hang/again.sieve", f'require "vnd.dovecot.testsuite"; if test_multiscript [{many}] {{ }}')
    write("hang/a.svtest", f'require "vnd.dovecot.testsuite"; test "again" {{ if test_multiscript [{many}] {{ }} }}')
    write("hang/b.svtest", 'require "vnd.dovecot.testsuite"; test "fifo" { if test_script_compile "fifo" { test_fail "read"; } }')
    os.mkfifo(os.path.join(FOLDER.name, "hang", "fifo"))
    has(text_of(tool("suite", os.path.join(FOLDER.name, "hang")), 0), "2 passed, 0 failed")


def main():
    tests = Tests("sieve tool")
    for check in (
        a_right_script_says_nothing,
        each_mistake_has_its_place,
        a_warning_is_no_refusal,
        check_prints_json,
        what_moves_terminals_is_escaped,
        a_missing_file_is_no_script,
        octets_that_are_no_text_do_no_harm,
        programs_are_the_administrators,
        nothing_said_is_kept,
        actions_have_names_and_details,
        a_discard_is_an_action,
        the_envelope_is_as_given,
        a_refused_script_is_65,
        a_script_that_fails_keeps,
        people_read_lines,
        a_vacation_says_what_it_would_send,
        messages_may_be_anything,
        each_test_shows_its_values_and_each_action_its_reason,
        an_else_says_that_nothing_was_true,
        explain_prints_json,
        of_an_account_it_is_the_active_script,
        what_an_account_has_is_seen,
        each_test_is_a_line,
        folders_are_searched_and_broken_files_cost_themselves_alone,
        nothing_to_run_is_said,
        relative_paths_work,
        nothing_hangs_a_suite,
    ):
        tests.run(check.__name__.replace("_", " "), check)
    FOLDER.cleanup()
    tests.end()


if __name__ == "__main__":
    main()
