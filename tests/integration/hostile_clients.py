# SPDX-License-Identifier: MIT
"""Clients that flood, stall, and say too much: bounded memory, a clear answer, everybody else goes on."""

import os
import resource
import subprocess
import threading
import time

from hostile_client import (
    ANN,
    QUEUED,
    Gone,
    Session,
    check_index,
    listed,
    roles,
    server,
    subjects,
    weighed,
)
from harness import expect, until
from private_daemon import DOORSTEP

MB = 1024 * 1024


def all_at_once(count, act):
    """act(n) in `count` threads that set out together; what each returned."""
    start, got = threading.Barrier(count), [None] * count

    def one(n):
        start.wait()
        got[n] = act(n)

    threads = [threading.Thread(target=one, args=(n,), daemon=True) for n in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    return got


def send_what_goes(s, octets, seconds=3):
    """Sends until the peer takes nothing more; how much it took."""
    s.settimeout(0.5)
    sent, end = 0, time.monotonic() + seconds
    while sent < len(octets) and time.monotonic() < end:
        try:
            sent += s.send(octets[sent : sent + 65536])
        except OSError:
            break
    return sent


MANY = "limits { commands = 200000 }\n"


def who_never_reads_is_held_back_and_closed():
    with weighed(8, more=MANY + 'timeouts { write = "1s" }\n') as d:
        with d.connect("lmtp", "unix") as flood:
            flood.send(b"LHLO c\r\n")
            commands = b"NOOP\r\n" * 100_000
            taken = send_what_goes(flood, commands)
            expect(taken < len(commands), "it read 100,000 commands of a client that reads nothing")
            with Session(d) as s:
                s.expect("LHLO c", "250")
                expect(s.deliver("Subject: beside\r\n\r\nx\r\n")[0][:3] == "250", "no service")
            until(lambda: "client does not read" in d.log_text(), "its end")


def who_reads_gets_every_reply_to_a_hundred_thousand_commands():
    with weighed(8, more=MANY) as d, Session(d, "unix") as s:
        s.expect("LHLO c", "250")
        sender = threading.Thread(target=s.send, args=(b"NOOP\r\n" * 100_000,), daemon=True)
        sender.start()
        for _ in range(100_000):
            got = s.reply()
            expect(got.startswith("250"), got)
        sender.join(10)


def a_thousand_connections_and_one_delivery():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most[1], most[1]))
    count = min(1200, most[1] - 200)
    limit = f"limits {{ connections = {count} }}\n"
    with weighed(40, more=limit) as d:
        held = []
        try:
            while len(held) < count:
                s = d.connect("lmtp", timeout=10)
                held.append(s)
                if s.recv(200).startswith(b"421"):
                    break
            expect(len(held) - 1 <= count, f"{len(held)} connections of {count}")
            expect(len(held) > count * 0.85, f"only {len(held)} connections of {count}")
            with d.connect("lmtp", timeout=10) as s:
                expect(s.recv(200).startswith(b"421 4.3.2"), "over the limit: no 421")
            with Session(d, "unix") as s:
                s.expect("LHLO c", "250")
                expect(s.deliver("Subject: beside\r\n\r\nx\r\n")[0][:3] == "250", "no service")
        finally:
            for s in held:
                s.close()
        with Session(d) as s:
            s.expect("LHLO c", "250")


def stream(session, octets, total):
    """`total` octets of one kind; the peer may end the connection before."""
    sent = 0
    try:
        while sent < total:
            session.send(octets)
            sent += len(octets)
    except OSError:
        pass


def a_command_of_100_mb_costs_no_memory():
    with weighed(4) as d, Session(d) as s:
        stream(s, b"A" * MB, 100 * MB)
        try:
            s.send(b"\r\n")
            expect(s.reply().startswith("500 5.5.2"), "no 500")
        except (Gone, OSError):
            pass
        with Session(d) as other:
            other.expect("LHLO c", "250")


def a_line_of_100_mb_costs_no_memory(in_header):
    limit = 'limits { message_size = "200M" message_memory = "256K" }\ntimeouts { sort = "30s" }\n'
    with weighed(8, more=limit) as d, Session(d, timeout=120) as s:
        s.begin()
        s.send(b"Subject: " if in_header else b"Subject: long\r\n\r\n")
        stream(s, b"A" * MB, 100 * MB)
        got = s.finish()
        expect(got[0].startswith("250"), f"a line of 100 MB: {got}")
        rows = listed(d)
        expect(len(rows) == 1 and rows[0]["octets"] > 100 * MB, "it is not listed")


def a_header_line_of_100_mb_costs_no_memory():
    a_line_of_100_mb_costs_no_memory(True)


def a_body_line_of_100_mb_costs_no_memory():
    a_line_of_100_mb_costs_no_memory(False)


def one_octet_too_much_is_552_and_the_spool_does_not_grow():
    size = 2 * MB
    limit = 'limits { message_size = "2M" message_memory = "64K" }\n'
    text = b"Subject: s\r\n\r\n"
    text += (b"x" * 98 + b"\r\n") * ((size - len(text)) // 100)
    text += b"y" * (size - len(text) - 2) + b"\r\n"
    with weighed(4, more=limit) as d, Session(d) as s:
        s.begin()
        s.send(text + b".\r\n")
        got = s.reply()
        expect(got.startswith("250"), f"{size} octets: {got}")
        for extra in (1, 20 * MB):
            s.expect("MAIL FROM:<sender@example.com>", "250")
            s.expect(f"RCPT TO:<{ANN}>", "250")
            s.expect("DATA", "354")
            for at in range(0, extra - 1, MB):
                s.send(b"z" * min(MB, extra - 1 - at))
            s.send(b"z" + text + b".\r\n")
            got = s.reply()
            expect(got.startswith("552 5.3.4"), f"{extra} octets too much: {got}")
            expect(spooled(d) <= size, f"{spooled(d)} octets are in the spool")
        expect(len(listed(d)) == 1, "what was refused is listed")


def spooled(daemon):
    """Octets of unnamed files that the store holds."""
    total, pid = 0, roles(daemon, "store")[0]
    for fd in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{fd}"
        try:
            if "/spool/" in os.readlink(path):
                total += os.stat(path).st_size
        except OSError:
            pass
    return total


def the_control_socket_is_for_its_owner():
    with server() as d:
        os.chmod(d.folder, 0o755)
        os.chmod(f"{d.folder}/state", 0o755)
        os.chmod(f"{d.folder}/state/control.sock", 0o777)
        tool = f"{d.folder}/doorstep"
        subprocess.run(["cp", DOORSTEP, tool], check=True)
        done = subprocess.run(
            ["setpriv", "--reuid=games", "--regid=games", "--clear-groups", "--", tool]
            + ["-c", d.configuration, "account", "list"],
            capture_output=True,
            timeout=60,
        )
        said = (done.stdout + done.stderr).decode()
        expect(done.returncode != 0 and ANN not in said, f"another user was served: {said}")
        d.tool("account", "list")


if os.geteuid() != 0:
    the_control_socket_is_for_its_owner.skip_because = "needs root"


def sixty_four_at_the_quota_overshoot_by_one_at_most():
    with server() as d:
        d.tool("account", "set", ANN, "--quota-messages", "10")
        sessions = [Session(d) for _ in range(64)]
        for s in sessions:
            s.expect("LHLO c", "250")
            s.begin()
            s.send("Subject: one of many\r\n")
        got = all_at_once(64, lambda n: sessions[n].finish())
        for s in sessions:
            s.close()
        delivered = [g for g in got if g is not None and g[0].startswith("250")]
        full = [g for g in got if g is not None and g[0].startswith("452 4.2.2")]
        expect(len(delivered) + len(full) == 64, f"other answers: {got[:5]}")
        there = sum(subjects(d).values())
        expect(there == len(delivered), f"{there} messages for {len(delivered)} times 250")
        expect(10 <= there <= 11, f"{there} messages in a mailbox for 10")


def sixteen_connections_one_message_one_copy():
    text = QUEUED + "Subject: same\r\n\r\nThe same bytes.\r\n"
    with server() as d:
        sessions = [Session(d) for _ in range(16)]
        for s in sessions:
            s.begin()
            s.send(text)
        got = all_at_once(16, lambda n: sessions[n].finish())
        for s in sessions:
            s.close()
        expect(all(g is not None and g[0].startswith("250") for g in got), f"answers: {got}")
        expect(dict(subjects(d)) == {"same": 1}, f"found {subjects(d)}")
        check_index(d)


def half_messages_of_many_clients_leave_nothing():
    with server(more='limits { message_memory = "4K" memory = "1M" }\n') as d:
        sessions = [Session(d) for _ in range(60)]
        for s in sessions:
            s.begin()
            s.send(b"Subject: half\r\n\r\n" + b"x" * 30_000)
        for s in sessions:
            s.close()
        until(lambda: spooled(d) == 0, "an empty spool")
        expect(listed(d) == [], "half a message is listed")


CHECKS = [
    who_never_reads_is_held_back_and_closed,
    who_reads_gets_every_reply_to_a_hundred_thousand_commands,
    a_thousand_connections_and_one_delivery,
    a_command_of_100_mb_costs_no_memory,
    a_header_line_of_100_mb_costs_no_memory,
    a_body_line_of_100_mb_costs_no_memory,
    one_octet_too_much_is_552_and_the_spool_does_not_grow,
    the_control_socket_is_for_its_owner,
    sixty_four_at_the_quota_overshoot_by_one_at_most,
    sixteen_connections_one_message_one_copy,
    half_messages_of_many_clients_leave_nothing,
]
