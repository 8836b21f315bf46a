#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the index lost is found again in the store: facts made a second time are those of the delivery, and
an index made anew lists every message. What an owner wrote is not lost with it, and not without a word when its own
file is damaged."""

import contextlib
import json
import os
import random
import sqlite3
import sys

from harness import Daemon, Tests, expect

PARTS = (
    "Subject: parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Type: text/plain\r\n\r\none\r\ntwo\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nthree\r\n--b--\r\n"
).encode()
PLAIN = b"From: bob@example.com\r\nSubject: plain\r\n\r\nOne line.\r\n"
BARE = b"Subject: bare\r\n\r\na bare\nline end\r\n"  # kept with CRLF
ACCOUNT = "ann@example.org"
OWNER = "bob@example.org"
SCRIPT = (
    b'require ["fileinto", "special-use", "mboxmetadata"];\n'
    b'if metadata "Here" "/private/colour" "red" { fileinto :specialuse "\\\\Junk" "Here"; }\n'
)
LINES = b"".join(b"# line %d of a script that fills some pages\n" % n for n in range(250))


class Checks:
    def __init__(self, daemon):
        self.daemon = daemon
        self.index = f"{daemon.folder}/state/accounts/example.org/ann/index.sqlite"

    def show(self, uid):
        return json.loads(self.daemon.tool("message", "show", ACCOUNT, "INBOX", str(uid), "--json"))

    def without_daemon(self, change):
        self.daemon.end()
        change()
        self.daemon.start()

    def forget_facts(self):
        with contextlib.closing(sqlite3.connect(self.index)) as c, c:
            expect(c.execute("DELETE FROM facts").rowcount == 3, "three messages have facts")

    def facts(self):
        """Offsets count from behind our trace fields, both times."""
        before = [self.show(uid) for uid in (1, 2, 3)]
        self.without_daemon(self.forget_facts)
        for old in before:
            new = self.show(old["uid"])
            for field in ("octets", "lines", "parts", "envelope", "bodystructure", "preview", "digest"):
                expect(new[field] == old[field], f"{field}: {old[field]} became {new[field]}")

    def lose_index(self):
        for suffix in ("", "-wal"):
            if os.path.exists(self.index + suffix):
                os.unlink(self.index + suffix)

    def rebuilt(self):
        old = json.loads(self.daemon.tool("mailbox", "list", ACCOUNT, "--json"))[0]
        subjects = {m["subject"] for m in json.loads(self.daemon.tool("message", "list", ACCOUNT, "--json"))}
        self.without_daemon(self.lose_index)
        self.daemon.tool("deliver", "-f", "", "-r", ACCOUNT, data=PLAIN)
        new = json.loads(self.daemon.tool("mailbox", "list", ACCOUNT, "--json"))[0]
        listed = json.loads(self.daemon.tool("message", "list", ACCOUNT, "--json"))
        expect(new["uid_validity"] > old["uid_validity"], f"UIDVALIDITY {old} {new}")
        expect(len(listed) == 4 and {m["subject"] for m in listed} == subjects, listed)


class Personal:
    """One account whose owner has written something, and one that has not."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.folder = f"{daemon.folder}/state/accounts/example.org/bob"
        self.choice = random.Random(1)
        self.sent = 0

    def path(self, name):
        return f"{self.folder}/{name}"

    def write(self):
        path = f"{self.daemon.folder}/script"
        for name, text, options in (("main", SCRIPT, ["--activate"]), ("other", LINES + b"keep;\n", [])):
            with open(path, "wb") as f:
                f.write(text)
            self.daemon.tool("sieve", "install", OWNER, path, "--name", name, *options)
        self.daemon.tool("mailbox", "create", OWNER, "Before")
        self.daemon.tool("mailbox", "special-use", OWNER, "Before", "\\Junk")
        self.daemon.tool("mailbox", "annotate", OWNER, "Before", "/private/colour", "red")
        self.daemon.tool("mailbox", "rename", OWNER, "Before", "Here")

    def scripts(self):
        rows = json.loads(self.daemon.tool("--json", "sieve", "list", OWNER))
        return {r["name"]: r["active"] for r in rows}

    def boxes(self):
        return {r["name"]: r for r in json.loads(self.daemon.tool("--json", "mailbox", "list", OWNER))}

    def filed(self):
        """Is mail filed by the script? A message more, and where it went."""
        before = self.boxes()
        self.sent += 1
        self.daemon.tool("deliver", "-f", "", "-r", OWNER, data=b"Subject: %d\r\n\r\nx\r\n" % self.sent)
        after = self.boxes()
        gained = [n for n in after if after[n]["messages"] > before.get(n, {"messages": 0})["messages"]]
        expect(len(gained) == 1, f"{before} {after}")
        return gained[0]

    def is_whole(self, when):
        expect(self.filed() == "Here", f"{when}: mail is not filed by the script")
        expect(self.scripts() == {"main": True, "other": False}, f"{when}: {self.scripts()}")
        expect(self.boxes()["Here"]["special_use"] == "\\Junk", f"{when}: {self.boxes()}")
        shown = json.loads(self.daemon.tool("--json", "mailbox", "metadata", OWNER, "Here"))
        expect(shown == [{"annotation": "/private/colour", "value": "red"}], f"{when}: {shown}")

    def hurt(self, name, how):
        self.daemon.end()
        if os.path.exists(self.path(name)):
            how(self.path(name))
        self.daemon.start()

    def cut(self, path):
        os.truncate(path, os.path.getsize(path) * 2 // 3)

    def flip(self, path):
        with open(path, "rb+") as f:
            size = os.path.getsize(path)
            for _ in range(16 if size else 0):
                f.seek(at := self.choice.randrange(size))
                octet = f.read(1)[0]
                f.seek(at)
                f.write(bytes([octet ^ 1 << self.choice.randrange(8)]))

    def index_is_lost(self):
        """Also before there is any mail in INBOX, which would tell that there was an index."""
        self.write()
        self.is_whole("at first")
        for name in ("index.sqlite", "index.sqlite-wal"):
            for how in (os.unlink, self.cut, self.flip):
                self.hurt(name, how)
                self.is_whole(f"{name}, {how.__name__}")

    def none_without_need(self):
        quiet = f"{self.daemon.folder}/state/accounts/example.org/ann"
        expect(not [n for n in os.listdir(quiet) if n.startswith("personal")], os.listdir(quiet))

    def rescued(self):
        """Mail goes on, and what can be read is there again."""
        with open(self.path("personal.sqlite"), "rb") as f:
            whole = f.read()
        at = whole.index(LINES[:40])

        def turn(path):
            with open(path, "rb+") as f:
                f.seek(at)
                f.write(b"#!")

        self.hurt("personal.sqlite", turn)
        self.is_whole("a text with another octet")
        expect("personal_damaged" in self.daemon.log_text(), "nothing is said of it")
        aside = [n for n in os.listdir(self.folder) if n.startswith("personal.sqlite.damaged-") and "wal" not in n]
        expect(len(aside) == 1, f"{os.listdir(self.folder)}")
        for how in (self.flip, self.cut):
            self.hurt("personal.sqlite", how)
            where = self.filed()
            expect(where == ("Here" if self.scripts().get("main") else "INBOX"), f"filed into {where}")
            self.hurt("personal.sqlite", lambda path: self.put(path, whole))
            self.is_whole("put back")

    def put(self, path, octets):
        with open(path, "wb") as f:
            f.write(octets)

    def deleted(self):
        self.hurt("personal.sqlite", os.unlink)
        expect(self.filed() == "INBOX" and self.scripts() == {}, "an account without scripts")
        self.write_again()

    def write_again(self):
        self.daemon.tool("mailbox", "delete", OWNER, "Here")
        self.write()
        self.is_whole("written again")

    def into_index(self, damage=lambda connection: None):
        """As an older program left it."""
        self.daemon.end()
        with contextlib.closing(sqlite3.connect(self.path("personal.sqlite"))) as c:
            scripts = c.execute("SELECT name, text, hash, is_active, changed FROM scripts").fetchall()
            (use,) = c.execute("SELECT mailbox, special_use FROM uses").fetchall()
            (note,) = c.execute("SELECT mailbox, name, value FROM annotations").fetchall()
        os.unlink(self.path("personal.sqlite"))
        with contextlib.closing(sqlite3.connect(self.path("index.sqlite"))) as c, c:
            c.executemany("INSERT INTO scripts (name, text, hash, is_active, changed) VALUES (?, ?, ?, ?, ?)", scripts)
            c.execute("UPDATE mailboxes SET special_use = ? WHERE name = ?", (use[1], use[0]))
            c.execute("INSERT INTO annotations SELECT id, ?, ? FROM mailboxes WHERE name = ?", (*note[1:], note[0]))
            c.execute("ALTER TABLE account DROP COLUMN has_personal")
            c.execute("PRAGMA user_version = 6")
            (application,) = c.execute("PRAGMA application_id").fetchone()
            c.execute(f"PRAGMA application_id = {application - 1}")
        with contextlib.closing(sqlite3.connect(self.path("index.sqlite"))) as c:
            damage(c)
        self.daemon.start()

    def break_script(self, connection):
        """A page in the middle of a text: nobody meets it who does not read all of that."""
        (octets,) = connection.execute("PRAGMA page_size").fetchone()
        with open(self.path("index.sqlite"), "rb+") as f:
            pages = [n for n in range(os.path.getsize(f.name) // octets) if b"fills some pages" in self.page(f, n, octets)]
            f.seek(pages[1] * octets)
            f.write(b"\xff" * octets)

    def page(self, f, n, octets):
        f.seek(n * octets)
        return f.read(octets)

    def unmovable(self):
        """What can be read is there, and mail waits for nothing else."""
        self.into_index(self.break_script)
        expect(self.filed() == "Here", "mail is not filed by the script that can be read")
        expect(self.scripts() == {"main": True}, f"{self.scripts()}")
        self.write_again()

    def moved(self):
        self.into_index()
        self.is_whole("moved out of the index")
        self.daemon.end()
        with contextlib.closing(sqlite3.connect(self.path("index.sqlite"))) as c:
            left = c.execute("SELECT (SELECT count(*) FROM scripts) + (SELECT count(*) FROM annotations)").fetchone()
        expect(left == (0,), f"left in the index: {left}")
        self.daemon.start()
        self.is_whole("and after a start")

    def gone(self):
        self.daemon.tool("account", "delete", OWNER, "--mail")
        expect(not os.path.exists(self.path("personal.sqlite")), "it outlives its account")


def main():
    tests = Tests("rebuild")
    daemon = Daemon()
    try:
        daemon.start()
        daemon.tool("account", "add", ACCOUNT)
        for data in (PARTS, PLAIN, BARE):
            daemon.tool("deliver", "-f", "bob@example.com", "-r", ACCOUNT, data=data)
        checks = Checks(daemon)
        tests.run("facts made again are the same", checks.facts)
        tests.run("a lost index is made anew", checks.rebuilt)
        daemon.tool("account", "add", OWNER)
        personal = Personal(daemon)
        tests.run("what an owner wrote outlives the index", personal.index_is_lost)
        tests.run("who wrote nothing has no file for it", personal.none_without_need)
        tests.run("a damaged one is rescued, and mail goes on", personal.rescued)
        tests.run("a deleted one is an account without scripts", personal.deleted)
        tests.run("what can be read in a damaged older index is moved", personal.unmovable)
        tests.run("what lies in an older index is moved", personal.moved)
        tests.run("it goes with its account", personal.gone)
    finally:
        tests.run("the daemon ends well", daemon.end)
        daemon.remove()
    tests.end()


if __name__ == "__main__":
    sys.exit(main())
