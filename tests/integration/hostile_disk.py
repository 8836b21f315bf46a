# SPDX-License-Identifier: MIT
"""Disks that are full, indexes that are damaged, Maildirs that others change, paths that others planted."""

import contextlib
import glob
import os
import random
import shutil
import sqlite3
import subprocess
import threading
import time

from hostile_client import (
    ANN,
    QUEUED,
    Session,
    check_index,
    listed,
    load,
    mailbox_row,
    server,
    subjects,
)
from harness import expect, until

IS_ROOT = os.geteuid() == 0


def needs_root(check):
    if not IS_ROOT:
        check.skip_because = "needs root, to mount a small disk"
    return check


# --- full ---


@contextlib.contextmanager
def small_disk(where, options):
    """A server whose folder `where` is a disk of its own."""
    mounted = []

    def mount(daemon):
        path = f"{daemon.folder}/{where}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], check=True)
        mounted.append(path)

    try:
        with server(before=mount, more='journal_size = 4M\nlimits { message_memory = "64K" }\n') as d:
            yield d, f"{d.folder}/{where}"
    finally:
        for path in mounted:
            subprocess.run(["umount", "-l", path], check=False)


def fill(path, leave):
    """A file that takes all but `leave` octets."""
    name = f"{path}/filler"
    disk = os.statvfs(path)
    with open(name, "wb") as f:
        f.write(b"\0" * max(0, disk.f_bavail * disk.f_frsize - leave))
    return name


def free_octets(path):
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize


def full_disk_is_452(where):
    with small_disk(where, "size=8m,mode=0700") as (d, path), Session(d) as s:
        s.expect("LHLO c", "250")
        expect(s.deliver("Subject: first\r\n\r\nx\r\n")[0][:3] == "250", "the first")
        filler = fill(path, 100_000)
        before = free_octets(path)
        got = s.deliver(QUEUED + "Subject: large\r\n\r\n" + ("x" * 98 + "\r\n") * 20_000)
        expect(got[0].startswith("452 4.3.1"), f"on a full disk: {got}")
        expect(d.half_written() == [], f"left in tmp: {d.half_written()}")
        expect(free_octets(path) >= before - 65536, "its space did not return")
        fill_rest(path)
        for n in range(3):
            got = s.deliver(f"Subject: small {n}\r\n\r\n" + "x" * 20_000 + "\r\n")
            expect(got[0][:3] in ("250", "452"), f"on a disk with no octet left: {got}")
        os.remove(filler)
        for name in glob.glob(f"{path}/rest*"):
            os.remove(name)
        got = s.deliver(QUEUED + "Subject: large\r\n\r\n" + ("x" * 98 + "\r\n") * 20_000)
        expect(got[0].startswith("250"), f"with space again: {got}")
        expect(subjects(d)["large"] == 1, f"found {subjects(d)}")
        check_index(d)


def fill_rest(path):
    with contextlib.suppress(OSError), open(f"{path}/rest", "wb", buffering=0) as f:
        while True:
            f.write(b"\0" * 4096)


@needs_root
def a_full_mail_disk_is_452_and_the_space_returns():
    full_disk_is_452("mail")


@needs_root
def a_full_state_disk_is_452_and_the_space_returns():
    full_disk_is_452("state")


@needs_root
def no_inode_left_is_a_temporary_refusal():
    with small_disk("mail", "size=8m,nr_inodes=40,mode=0700") as (d, path), Session(d) as s:
        s.expect("LHLO c", "250")
        expect(s.deliver("Subject: first\r\n\r\nx\r\n")[0][:3] == "250", "the first")
        made = []
        with contextlib.suppress(OSError):
            for n in range(100):
                made.append(f"{path}/f{n}")
                open(made[-1], "wb").close()
        got = s.deliver("Subject: second\r\n\r\nx\r\n")
        expect(got[0].startswith("452 4.3.1"), f"without inodes: {got}")
        for name in made[:-1]:
            os.remove(name)
        got = s.deliver("Subject: third\r\n\r\nx\r\n")
        expect(got[0].startswith("250"), f"with inodes again: {got}")
        expect(set(subjects(d)) == {"first", "third"}, f"found {subjects(d)}")
        check_index(d)


# --- damaged indexes ---


def index_path(daemon):
    return f"{daemon.folder}/state/accounts/example.org/ann/index.sqlite"


def flip_bits(path):
    size, choose = os.path.getsize(path), random.Random(7)
    with open(path, "r+b") as f:
        for _ in range(size // 40):
            f.seek(choose.randrange(100, size))
            f.write(bytes([choose.randrange(256)]))


def cut_in_half(path):
    os.truncate(path, os.path.getsize(path) // 2)


def empty(path):
    os.truncate(path, 0)


def overwrite_first_page(path):
    with open(path, "r+b") as f:
        f.write(b"\xff" * 4096)


def delete(path):
    for name in glob.glob(path + "*"):
        os.remove(name)


def deliver_some(session, first, count):
    for n in range(first, first + count):
        got = session.deliver(QUEUED + f"Subject: n{n}\r\n\r\nx\r\n")
        expect(got[0].startswith("250"), f"message {n}: {got}")


def survives(d, damage, how):
    """20 messages, damage while it runs or while it is stopped, 5 more: all are listed."""
    with Session(d) as s:
        s.expect("LHLO c", "250")
        deliver_some(s, 0, 20)
    validity = mailbox_row(d)["uid_validity"]
    uids = {row["uid"] for row in listed(d)}
    if how == "while it is stopped":
        d.end()
    damage(index_path(d))
    if how == "while it is stopped":
        d.start()
    with Session(d) as s:
        s.expect("LHLO c", "250")
        deliver_some(s, 20, 5)
    expect(len(subjects(d)) == 25 and len(listed(d)) == 25, f"{len(listed(d))} listed")
    check_index(d)
    row = mailbox_row(d)
    same = row["uid_validity"] == validity and uids < {r["uid"] for r in listed(d)}
    expect(row["uid_validity"] > validity or same, "UIDVALIDITY did not rise")


def a_damaged_index_is_rebuilt(damage, how):
    with server() as d:
        survives(d, damage, how)
        d.end()
        d.start()
        check_index(d)
        expect(len(listed(d)) == 25, f"{len(listed(d))} listed after a restart")


def damaged(damage, how):
    def check():
        a_damaged_index_is_rebuilt(damage, how)

    check.__name__ = f"an_index_is_rebuilt_after_{damage.__name__}_{how}".replace(" ", "_")
    return check


DAMAGE = [
    damaged(act, how)
    for act in (flip_bits, cut_in_half, empty, overwrite_first_page, delete)
    for how in ("while it is stopped", "while it runs")
]


def put_wal_into_file(path):
    """While no daemon runs: as long as pages stand in the WAL, nobody reads them from the file."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    expect(busy == 0, "somebody else has the index open")


def an_index_larger_than_its_cache_is_renewed_while_it_runs():
    """What SQLite reads again from the disk is damaged: any look may be the one that finds it."""
    with server() as d:
        with Session(d) as s:
            s.expect("LHLO c", "250")
            deliver_some(s, 0, 1)
        for n in range(900):
            with open(d.mail_path(f"ann/new/{n}.other.host"), "w") as f:
                f.write(f"Subject: other {n}\nFrom: a@example.com\n\n" + "preview " * 50 + "\n")
        expect(len(listed(d)) == 901, "not all is listed")
        validity = mailbox_row(d)["uid_validity"]
        d.end()
        put_wal_into_file(index_path(d))
        d.start()
        expect(len(listed(d)) == 901, "not all is listed after a restart")
        empty(index_path(d))
        with Session(d) as s:
            s.expect("LHLO c", "250")
            deliver_some(s, 1, 5)
        check_index(d)
        expect(mailbox_row(d)["uid_validity"] > validity, "UIDVALIDITY did not rise")
        expect(glob.glob(index_path(d) + ".damaged-*"), "the damaged one was not kept")


def a_maildir_that_was_moved_away_begins_anew():
    """An operator restores a mailbox: mail goes where its path leads, not into the old folder. The
    path of a Maildir is looked at once a second."""
    with server() as d, Session(d) as s:
        s.expect("LHLO c", "250")
        deliver_some(s, 0, 2)
        old = d.mail_path("ann") + ".old"
        os.rename(d.mail_path("ann"), old)
        time.sleep(1)
        deliver_some(s, 2, 2)
        expect(set(subjects(d)) == {"n2", "n3"}, f"found {subjects(d)}")
        check_index(d)
        os.rename(d.mail_path("ann"), old + "er")
        os.rename(old, d.mail_path("ann"))
        time.sleep(1)
        deliver_some(s, 4, 1)
        expect(set(subjects(d)) == {"n0", "n1", "n4"}, f"found {subjects(d)}")
        check_index(d)


# --- other programs ---


def others_may_change_the_maildir_while_mail_arrives():
    """A mail reader that moves, flags, deletes and adds while four MTAs deliver."""
    with server() as d:
        ended, added, removed = threading.Event(), [], set()
        choose = random.Random(3)

        def reader():
            n = 0
            folder = d.mail_path("ann")
            while not ended.wait(0.01):
                with contextlib.suppress(OSError):
                    for name in os.listdir(f"{folder}/new")[:3]:
                        os.rename(f"{folder}/new/{name}", f"{folder}/cur/{name}:2,S")
                    for name in choose.sample(sorted(os.listdir(f"{folder}/cur")), 1):
                        if choose.random() < 0.3:
                            os.remove(f"{folder}/cur/{name}")
                            removed.add(name.split(":")[0])
                        else:
                            flagged = name.split(":")[0] + ":2,FS"
                            os.rename(f"{folder}/cur/{name}", f"{folder}/cur/{flagged}")
                    n += 1
                    with open(f"{folder}/tmp/other.{n}", "w") as f:
                        f.write(f"Subject: other-{n}\n\nx\n")
                    os.rename(f"{folder}/tmp/other.{n}", f"{folder}/new/{n}.other.host")
                    added.append(n)
                    if n % 5 == 0:
                        listed(d)

        thread = threading.Thread(target=reader, daemon=True)
        with load(d) as queues:
            until(lambda: os.path.isdir(d.mail_path("ann/new")), "the Maildir")
            thread.start()
            time.sleep(2)
        ended.set()
        thread.join(10)
        check_index(d)
        flags = {row["store_ref"].split(":")[0]: set(row["flags"]) for row in listed(d)}
        for name in os.listdir(d.mail_path("ann/cur")):
            got = flags[name.split(":")[0]]
            want = {{"S": "\\Seen", "F": "\\Flagged"}[c] for c in name.split(":2,")[1]}
            expect(got == want, f"{name} has {got}")
        total = sum(subjects(d).values()) + len(removed)
        expect(total == len(added) + sum(len(q.taken) for q in queues), f"{total} messages")
        fsck_finds_nothing(d)


def fsck_finds_nothing(daemon):
    daemon.tool("fsck", ANN)


# --- planted ---


def planted(where, plant):
    """Something lies where ann's mail should: nothing is written outside, a temporary answer, the log
    names the path, and bob gets his mail."""
    with server(accounts=("ann", "bob")) as d, Session(d) as s:
        outside = f"{d.folder}/outside"
        os.makedirs(f"{outside}/new")
        for name in ("cur", "tmp"):
            os.mkdir(f"{outside}/{name}")
        target = d.mail_path(where)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        plant(target, outside)
        s.expect("LHLO c", "250")
        got = s.deliver("Subject: s\r\n\r\nx\r\n", ANN, "bob@example.org")
        if where == "ann/tmp" and got[0].startswith("250"):  # unnamed files need none
            expect(len(d.messages("ann/new")) == 1, "ann: 250 and nothing there")
        else:
            expect(got[0].startswith("451 4.3.0"), f"ann: {got[0]}")
            expect("example.org/ann" in d.log_text(), "the log does not name the path")
        expect(got[1].startswith("250"), f"bob: {got[1]}")
        found = [n for _, _, names in os.walk(outside) for n in names]
        expect(found == [], f"written outside: {found}")


def symlink(target, outside):
    os.symlink(outside, target)


def fifo(target, _):
    os.mkfifo(target)


def regular_file(target, _):
    open(target, "w").close()


def dangling(target, _):
    os.symlink("/nonexistent/doorstep", target)


def nothing_planted_is_followed():
    for where, plant in (
        ("ann", symlink),
        ("ann", fifo),
        ("ann", dangling),
        ("ann/new", symlink),
        ("ann/new", regular_file),
        ("ann/cur", symlink),
        ("ann/tmp", symlink),
        ("ann/tmp", dangling),
    ):
        planted(where, plant)


def planted_mbox_files_are_refused():
    """A symbolic link, a second name, a FIFO, a folder in the place of an mbox."""
    def second_name(target, outside):
        with open(f"{outside}/victim", "w") as f:
            f.write("kept\n")
        os.link(f"{outside}/victim", target)

    def link_to_file(target, outside):
        with open(f"{outside}/victim", "w") as f:
            f.write("kept\n")
        os.symlink(f"{outside}/victim", target)

    def folder(target, _):
        os.mkdir(target)

    with server() as d, Session(d) as s:
        outside = f"{d.folder}/outside"
        s.expect("LHLO c", "250")
        for plant in (second_name, link_to_file, fifo, folder):
            shutil.rmtree(outside, ignore_errors=True)
            os.mkdir(outside)
            name = plant.__name__.replace("_", "")
            target = d.mail_path(f"/example.net/{name}.mbox")
            os.makedirs(os.path.dirname(target), exist_ok=True)
            plant(target, outside)
            got = s.deliver("Subject: s\r\n\r\nx\r\n", f"{name}@example.net")
            expect(got[0].startswith("451 4.3.0"), f"{name}: {got}")
            expect(target in d.log_text() or name in d.log_text(), f"{name}: not in the log")
            for victim in glob.glob(f"{outside}/*"):
                with open(victim) as f:
                    expect(f.read() == "kept\n", f"{name}: written to")


CHECKS = [
    a_full_mail_disk_is_452_and_the_space_returns,
    a_full_state_disk_is_452_and_the_space_returns,
    no_inode_left_is_a_temporary_refusal,
    *DAMAGE,
    an_index_larger_than_its_cache_is_renewed_while_it_runs,
    a_maildir_that_was_moved_away_begins_anew,
    others_may_change_the_maildir_while_mail_arrives,
    nothing_planted_is_followed,
    planted_mbox_files_are_refused,
]
