#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What was answered with 250 is there after a crash, once, with its UID. A power cut is played by
putting the mail and the indexes back as they were before: only the journal was on stable storage.
Ends in one line "N passed, N failed".

DOORSTEP and DOORSTEPD name the binaries. Arguments: parts of the names of the tests to run."""

import contextlib
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "session"))
sys.dont_write_bytecode = True

from private_daemon import DOORSTEP, DOORSTEPD, Daemon  # noqa: E402

ANN, BOB, ZOE = "ann@example.org", "bob@example.org", "zoe@example.net"


def check(condition, what=""):
    if not condition:
        raise AssertionError(what)


@contextlib.contextmanager
def daemon(**more):
    d = Daemon(**more)
    try:
        d.start()
        for name in (ANN, BOB):
            d.tool("account", "add", name)
        yield d
        if d.process is not None:
            d.end()
    finally:
        if d.process is not None:
            d.kill()
        d.remove()


def deliver(d, to, subject, body="Text.\r\n"):
    """One message to one or several; every recipient must get 250."""
    to = [to] if isinstance(to, str) else to
    with d.connect() as s, s.makefile("rb") as f:
        def say(line, code, times=1):
            s.sendall(line)
            for _ in range(times):
                answer = f.readline()
                while answer[3:4] == b"-":
                    answer = f.readline()
                check(answer.startswith(code), (line[:60], answer))

        check(f.readline().startswith(b"220"))
        say(b"LHLO client.example\r\n", b"250")
        say(b"MAIL FROM:<sender@example.com>\r\n", b"250")
        for one in to:
            say(f"RCPT TO:<{one}>\r\n".encode(), b"250")
        say(b"DATA\r\n", b"354")
        text = f"From: sender@example.com\r\nSubject: {subject}\r\n\r\n{body}.\r\n"
        say(text.encode(), b"250", len(to))


def rows(d, account=ANN, mailbox="INBOX"):
    return json.loads(d.tool("message", "list", account, mailbox, "--json"))


def seen(d, account=ANN, mailbox="INBOX"):
    """(UID, subject) of every message."""
    return [(r["uid"], r["subject"]) for r in rows(d, account, mailbox)]


def validity(d, account=ANN, mailbox="INBOX"):
    boxes = json.loads(d.tool("mailbox", "list", account, "--json"))
    return next(b["uid_validity"] for b in boxes if b["name"] == mailbox)


def log_line(d, event):
    """The last line of that event, as a dictionary."""
    lines = [x for x in d.log_text().splitlines() if f" {event} " in x or x.endswith(f" {event}")]
    check(lines, f"no {event} in the log:\n{d.log_text()[-3000:]}")
    return dict(w.split("=", 1) for w in lines[-1].split() if "=" in w)


def store_pid(d):
    for path in glob.glob("/proc/[0-9]*/status"):
        with contextlib.suppress(OSError):
            with open(path) as f:
                status = f.read()
            pid = int(path.split("/")[2])
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                command = f.read()
            if f"PPid:\t{d.process.pid}\n" in status and b"store" in command:
                return pid
    raise AssertionError("no store role")


def kill_store(d):
    pid = store_pid(d)
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(AssertionError):
            if store_pid(d) != pid:
                break
        time.sleep(0.02)
    d.tool("ping", "--wait", "60s")


def only_role_ended(d):
    """A role that we killed is no alarm."""
    text = [x for x in d.log_text().splitlines() if "role_ended" not in x]
    with open(d.log, "w") as f:
        f.write("\n".join(text) + "\n")


UNSYNCED = ("state/accounts", "mail")


class PowerCut:
    """with PowerCut(d): what is done inside was not synced when the power failed at its end, but for
    the journal and what is beside it in state_dir."""

    def __init__(self, d, start=True):
        self.d, self.start = d, start

    def __enter__(self):
        self.copy = self.d.folder + ".before"
        for part in UNSYNCED:
            shutil.copytree(f"{self.d.folder}/{part}", f"{self.copy}/{part}", symlinks=True)

    def __exit__(self, kind, *rest):
        if kind is None:
            cut_off(self.d)
            for part in UNSYNCED:
                shutil.rmtree(f"{self.d.folder}/{part}")
                shutil.copytree(f"{self.copy}/{part}", f"{self.d.folder}/{part}", symlinks=True)
        shutil.rmtree(self.copy)
        if kind is None and self.start:
            self.d.start()


def cut_off(d):
    """All roles at once: a store that saw main end would bring everything to stable storage."""
    store = store_pid(d)
    os.kill(store, signal.SIGSTOP)
    d.kill()
    os.kill(store, signal.SIGKILL)
    end = time.monotonic() + 30
    while os.path.exists(f"/proc/{store}") and time.monotonic() < end:
        time.sleep(0.01)


def some(d, n=5, to=ANN, first=1):
    for i in range(first, first + n):
        deliver(d, to, f"m{i}")


# ---- tests ----


def test_a_store_that_is_killed_keeps_the_uids_that_it_gave():
    with daemon() as d:
        some(d)
        kill_store(d)
        check(seen(d) == [(i, f"m{i}") for i in range(1, 6)], rows(d))
        check(log_line(d, "replayed")["kept"] == "0")
        some(d, 2, first=6)
        check(seen(d)[-1] == (7, "m7"), seen(d))
        check(len(d.messages("ann/new")) == 7)
        only_role_ended(d)


def test_mail_that_only_the_journal_has_comes_back_into_a_new_account():
    with daemon() as d:
        with PowerCut(d):
            some(d)
            wanted = validity(d)
        check(seen(d) == [(i, f"m{i}") for i in range(1, 6)], seen(d))
        check(validity(d) == wanted, "the UIDVALIDITY that clients saw")
        found = log_line(d, "replayed")
        check(found["rows"] == "5" and found["messages"] == "5" and found["kept"] == "0", found)
        check(all(r["facts_known"] and r["digest"] and r["delivery_id"] for r in rows(d)))
        some(d, 1, first=6)
        check(seen(d)[-1] == (6, "m6"))
        d.tool("fsck", "--content")


def test_mail_that_only_the_journal_has_comes_back_beside_older_mail():
    with daemon() as d:
        some(d, 3)
        before = validity(d)
        d.end()
        d.start()
        with PowerCut(d):
            some(d, 3, [ANN, BOB], first=4)
        check(seen(d) == [(i, f"m{i}") for i in range(1, 7)], seen(d))
        check(seen(d, BOB) == [(i, f"m{i + 3}") for i in range(1, 4)], seen(d, BOB))
        check(validity(d) == before)
        d.tool("fsck", "--content")


def test_an_mbox_comes_back_too():
    with daemon() as d:
        deliver(d, ZOE, "m1")
        d.end()
        d.start()
        with PowerCut(d):
            some(d, 2, ZOE, first=2)
        check(seen(d, ZOE) == [(1, "m1"), (2, "m2"), (3, "m3")], seen(d, ZOE))
        check(len(d.messages("/example.net/zoe.mbox")) == 3)
        d.tool("fsck", "--content")


def test_a_large_message_comes_back_from_its_file():
    with daemon() as d:
        body = "".join(f"{i:070d}\r\n" for i in range(40000))
        with PowerCut(d):
            deliver(d, [ANN, BOB], "large", body)
            check(os.listdir(f"{d.folder}/state/spool"), "it was not named by a file")
        for who in (ANN, BOB):
            check(seen(d, who) == [(1, "large")], seen(d, who))
            text = d.tool("message", "cat", who, "INBOX", "1").replace(b"\r\n", b"\n")
            check(text.endswith(body.encode().replace(b"\r\n", b"\n")), "its bytes")
        check(os.listdir(f"{d.folder}/state/spool") == [], "the file is needed no more")


def test_changes_survive():
    with daemon() as d:
        some(d, 6)
        d.tool("mailbox", "create", ANN, "Old")
        d.tool("mailbox", "create", ANN, "Older")
        d.end()
        d.start()
        with PowerCut(d):
            d.tool("message", "flag", ANN, "INBOX", "1", "\\Seen", "work")
            d.tool("message", "delete", ANN, "INBOX", "2", "3")
            d.tool("message", "move", ANN, "INBOX", "4", "Old")
            d.tool("message", "move", ANN, "Old", "1", "Older")
            d.tool("message", "move", ANN, "INBOX", "5", "Old")
        check(seen(d) == [(1, "m1"), (6, "m6")], seen(d))
        check(rows(d)[0]["flags"] == ["\\Seen"] and rows(d)[0]["keywords"] == ["work"], rows(d)[0])
        check(seen(d, ANN, "Old") == [(2, "m5")], seen(d, ANN, "Old"))
        check(seen(d, ANN, "Older") == [(1, "m4")], seen(d, ANN, "Older"))
        d.tool("fsck", "--content")


def test_changes_of_mail_that_only_the_journal_has_survive():
    with daemon() as d:
        deliver(d, ANN, "m0")
        d.tool("mailbox", "create", ANN, "Old")
        d.end()
        d.start()
        with PowerCut(d):
            some(d, 4)
            d.tool("message", "flag", ANN, "INBOX", "2", "\\Flagged")
            d.tool("message", "delete", ANN, "INBOX", "3")
            d.tool("message", "move", ANN, "INBOX", "4", "Old")
            d.tool("message", "flag", ANN, "Old", "1", "moved")
            d.tool("message", "delete", ANN, "INBOX", "5")
        check(seen(d) == [(1, "m0"), (2, "m1")], seen(d))
        check(rows(d)[1]["flags"] == ["\\Flagged"], rows(d))
        check(seen(d, ANN, "Old") == [(1, "m3")] and rows(d, ANN, "Old")[0]["keywords"] == ["moved"])
        deliver(d, ANN, "m9")
        check(seen(d)[-1] == (6, "m9"), f"UID 5 was given before: {seen(d)}")
        d.tool("fsck", "--content")


def test_a_mailbox_that_was_renamed_keeps_what_was_moved_into_it():
    with daemon() as d:
        some(d, 3)
        d.tool("mailbox", "create", ANN, "Old")
        d.tool("mailbox", "create", ANN, "Gone")
        d.end()
        d.start()
        with PowerCut(d):
            d.tool("message", "move", ANN, "INBOX", "1", "Old")
            d.tool("message", "move", ANN, "INBOX", "2", "Gone")
            d.tool("mailbox", "rename", ANN, "Old", "New")
            d.tool("mailbox", "delete", ANN, "Gone")
        check(seen(d) == [(3, "m3")], seen(d))
        check(seen(d, ANN, "New") == [(1, "m1")], seen(d, ANN, "New"))
        names = {b["name"] for b in json.loads(d.tool("mailbox", "list", ANN, "--json"))}
        check(names == {"INBOX", "New"}, names)


def test_messages_moved_in_another_order_than_they_came_keep_their_uids():
    """Their files lie where they were moved to, and the index does not know it."""
    with daemon() as d:
        d.tool("mailbox", "create", ANN, "Kept")
        d.end()
        index = f"{d.folder}/state/accounts/example.org/ann"
        shutil.copytree(index, f"{d.folder}/index")
        d.start()
        some(d)
        for uid in (5, 1, 3):
            d.tool("message", "move", ANN, "INBOX", str(uid), "Kept")
        cut_off(d)
        shutil.rmtree(index)
        os.rename(f"{d.folder}/index", index)
        d.start()
        check(seen(d, ANN, "Kept") == [(1, "m5"), (2, "m1"), (3, "m3")], seen(d, ANN, "Kept"))
        check(seen(d) == [(2, "m2"), (4, "m4")], seen(d))


def test_an_index_that_is_deleted_is_known_to_the_journal():
    with daemon() as d:
        some(d)
        wanted = validity(d)
        cut_off(d)
        for path in glob.glob(f"{d.folder}/state/accounts/example.org/ann/index*"):
            os.unlink(path)
        d.start()
        check(seen(d) == [(i, f"m{i}") for i in range(1, 6)], seen(d))
        check(validity(d) == wanted)


def test_a_message_that_is_torn_is_made_whole():
    with daemon() as d:
        some(d, 2)
        cut_off(d)
        for path in glob.glob(f"{d.mail_path('ann/new')}/*"):
            os.truncate(path, 17)
        d.start()
        d.tool("fsck", "--content")
        check(seen(d) == [(1, "m1"), (2, "m2")] and len(d.messages("ann/new")) == 2)


def test_a_replay_that_is_done_again_changes_nothing():
    with daemon() as d:
        deliver(d, ANN, "m0")
        d.tool("mailbox", "create", ANN, "Old")
        saved = d.folder + ".journal"
        with PowerCut(d, start=False):
            some(d, 4)
            d.tool("message", "delete", ANN, "INBOX", "2")
            d.tool("message", "move", ANN, "INBOX", "3", "Old")
        shutil.copytree(f"{d.folder}/state/journal", saved)
        d.start()
        wanted = seen(d), seen(d, ANN, "Old"), validity(d), len(d.messages("ann/new"))
        for _ in range(2):
            d.end()
            shutil.rmtree(f"{d.folder}/state/journal")
            shutil.copytree(saved, f"{d.folder}/state/journal")
            d.start()
            check(int(log_line(d, "replayed")["records"]) > 4)
            check((seen(d), seen(d, ANN, "Old"), validity(d), len(d.messages("ann/new"))) == wanted)
        shutil.rmtree(saved)


def test_a_replay_that_is_killed_again_and_again_ends_well():
    with daemon() as d:
        some(d, 2)
        d.tool("mailbox", "create", ANN, "Old")
        d.end()
        d.start()
        before = validity(d)
        with PowerCut(d, start=False):
            some(d, 12, [ANN, BOB, ZOE], first=3)
            d.tool("message", "delete", ANN, "INBOX", "4", "6")
            d.tool("message", "move", ANN, "INBOX", "5", "Old")
            d.tool("message", "flag", ANN, "INBOX", "3", "kept")
        for ms in (200, 240, 260, 280, 300, 320, 340, 360, 400, 450):
            with open(d.log, "ab") as log:
                d.process = subprocess.Popen([DOORSTEPD, "-c", d.configuration], stdout=log, stderr=log)
            time.sleep(ms / 1000)
            try:
                cut_off(d)
            except AssertionError:  # there was no store yet
                d.kill()
        d.start()
        check(seen(d) == [(i, f"m{i}") for i in range(1, 15) if i not in (4, 5, 6)], seen(d))
        check(seen(d, ANN, "Old") == [(1, "m5")], seen(d, ANN, "Old"))
        check(rows(d)[2]["keywords"] == ["kept"] and validity(d) == before, rows(d)[2])
        for who in (BOB, ZOE):
            check(seen(d, who) == [(i, f"m{i + 2}") for i in range(1, 13)], seen(d, who))
        d.tool("fsck", "--content")


def test_a_damaged_record_costs_itself_and_is_set_aside():
    with daemon() as d:
        with PowerCut(d, start=False):
            some(d, 4)
        hit = None
        for path in glob.glob(f"{d.folder}/state/journal/*.journal"):
            with open(path, "r+b") as f:
                text = f.read()
                at = text.find(b"Subject: m2")
                if at > 0:
                    f.seek(at)
                    f.write(b"X")
                    hit = path
        check(hit, "no journal has the message")
        d.start()
        check([s for _, s in seen(d)] == ["m1", "m3", "m4"], seen(d))
        check(log_line(d, "journal_damaged")["file"] == os.path.basename(hit))
        check(log_line(d, "replayed")["damaged"] == "1")
        status, said = status_of(d, "journal", "verify")
        check(status == 1 and "*.damaged" in said, said)
        check(len(glob.glob(f"{d.folder}/state/journal/*.damaged")) == 1)


def test_another_number_of_workers_reads_all_journals():
    with daemon(more="workers = 3\n") as d:
        for i in range(8):
            d.tool("account", "add", f"u{i}@example.org")
        with PowerCut(d, start=False):
            for i in range(8):
                deliver(d, [f"u{i}@example.org", ANN], f"m{i}")
        with open(d.configuration) as f:
            text = f.read()
        with open(d.configuration, "w") as f:
            f.write(text.replace("workers = 3", "workers = 1"))
        d.start()
        check(seen(d) == [(i + 1, f"m{i}") for i in range(8)], seen(d))
        for i in range(8):
            check(seen(d, f"u{i}@example.org") == [(1, f"m{i}")])


def with_domain(d, present):
    with open(d.configuration) as f:
        text = f.read()
    was, now = '"example.net"', '"example.com"'
    with open(d.configuration, "w") as f:
        f.write(text.replace(was, now) if not present else text.replace(now, was))


def test_mail_of_a_domain_that_is_gone_is_kept():
    with daemon() as d:
        large = "".join(f"{i:070d}\r\n" for i in range(40000))
        with PowerCut(d, start=False):
            some(d, 2, [ZOE, ANN])
            deliver(d, [ZOE, ANN], "large", large)
        with_domain(d, False)
        for end in (d.end, lambda: cut_off(d)):  # kept over a restart, too, and a crash
            d.start()
            stats = json.loads(d.tool("stats", "--json"))["counters"]
            check(stats["kept"] == 3, stats)
            check(seen(d) == [(1, "m1"), (2, "m2"), (3, "large")], "the others have theirs")
            check(len(os.listdir(f"{d.folder}/state/spool")) == 3)
            end()
        with_domain(d, True)
        d.start()
        check(json.loads(d.tool("stats", "--json"))["counters"]["kept"] == 0)
        check(seen(d, ZOE) == [(1, "m1"), (2, "m2"), (3, "large")], seen(d, ZOE))
        check(len(d.messages("/example.net/zoe.mbox")) == 3)
        d.tool("fsck", "--content")
        d.end()
        d.start()
        check(os.listdir(f"{d.folder}/state/spool") == [])


def status_of(d, *arguments):
    done = subprocess.run([DOORSTEP, "-c", d.configuration, *arguments], capture_output=True, timeout=120)
    return done.returncode, done.stdout.decode() + done.stderr.decode()


def test_kept_mail_goes_with_its_account():
    with daemon() as d:
        with PowerCut(d, start=False):
            some(d, 2, [ZOE, ANN])
        with_domain(d, False)
        d.start()
        kept = [r for r in json.loads(d.tool("journal", "show", "--json")) if r["kind"] == "kept"]
        check([(r["account"], r["uid"]) for r in kept] == [(ZOE, 1), (ZOE, 2)], kept)
        check(all("no store is configured" in r["cause"] for r in kept), kept)
        status, said = status_of(d, "journal", "replay")
        check(status == 1 and "2 kept" in said, said)
        check("no store is configured" in d.tool("journal", "show", ZOE).decode())
        check(json.loads(d.tool("journal", "show", "nobody@example.org", "--json")) == [])
        d.end()
        with_domain(d, True)
        d.start()
        d.tool("account", "delete", ANN)
        check(len(d.messages("ann/new")) == 2, "mail stays where it is")


def test_a_deleted_account_does_not_come_back():
    with daemon() as d:
        with PowerCut(d):
            some(d, 2, [ANN, BOB])
            d.tool("account", "delete", "--mail", ANN)
            d.tool("account", "delete", BOB)
            d.tool("account", "add", ANN)
            deliver(d, ANN, "new")
        check([s for _, s in seen(d)] == ["new"], seen(d))
        check(len(d.messages("ann/new")) == 1 and d.messages("bob/new") == [])


def test_the_journal_is_shown_and_verified():
    with daemon() as d:
        deliver(d, [ANN, BOB], "m1")
        d.tool("message", "flag", ANN, "INBOX", "1", "\\Seen")
        rows = json.loads(d.tool("journal", "show", "--json"))
        check({(r["kind"], r["account"], r["uid"]) for r in rows} ==
              {("message", ANN, 1), ("message", BOB, 1), ("flags", ANN, 1)}, rows)
        check(all(r["file"].endswith(".journal") and r["segment"] > 0 and r["offset"] > 0 for r in rows), rows)
        check({r["account"] for r in json.loads(d.tool("journal", "show", BOB, "--json"))} == {BOB})
        verified = json.loads(d.tool("journal", "verify", "--json"))
        check(verified["records"] >= 2 and verified["damaged"] == 0 and verified["live"] >= 1, verified)
        check("0 kept" in d.tool("journal", "replay").decode())
        d.end()
        check(json.loads(d.tool("journal", "show", "--json")) == [], "all was brought to stable storage")


def test_without_a_daemon_a_replay_says_what_it_did():
    with daemon() as d:
        with PowerCut(d, start=False):
            some(d, 3)
        said = json.loads(d.tool("journal", "replay", "--json"))
        check(said["at_start"]["messages"] == 3 and said["at_start"]["rows"] == 3 and said["kept"] == 0, said)
        check(len(d.messages("ann/new")) == 3)
        d.start()
        check(seen(d) == [(i, f"m{i}") for i in range(1, 4)])


def main():
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
