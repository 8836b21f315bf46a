#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Main and its roles while they run: how each is confined, that each comes back, reload, drain."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import time

from role_daemon import (
    IS_ROOT,
    USER,
    Client,
    Failure,
    check,
    is_alive,
    needs_root,
    run,
    server,
    status_of,
    wait_for,
)

NO_CAPABILITIES = "0" * 16


# --- confined ---


def check_confined(pid, name):
    for thread in os.listdir(f"/proc/{pid}/task"):
        status = status_of(pid, thread)
        check(status["NoNewPrivs"] == "1", f"{name}: NoNewPrivs {status['NoNewPrivs']}")
        check(status["Seccomp"] == "2", f"{name}: Seccomp {status['Seccomp']}")
        check(status["CapEff"] == NO_CAPABILITIES, f"{name}: CapEff {status['CapEff']}")
        check(status["CapPrm"] == NO_CAPABILITIES, f"{name}: CapPrm {status['CapPrm']}")
        uids = set(status["Uid"].split() + status["Gid"].split())
        check(not IS_ROOT or "0" not in uids, f"{name}: uid or gid 0 in {uids}")


def check_descriptors(pid, name):
    """Standard error is the log; beside it no file that has a name is open."""
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:  # closed since it was listed: a connection that ended
            continue
        named = target.startswith("/") and not target.startswith(("/dev/null", "/memfd:"))
        check(fd == "2" or not named, f"{name}: descriptor {fd} is {target}")


@needs_root
def edge_and_sorters_are_confined_in_every_thread():
    with server() as s:
        s.start()
        s.deliver_soon("first")
        for name in ("edge", "sorter"):
            for pid in s.roles(name):
                check_confined(pid, name)
                check_descriptors(pid, name)
        s.stop()


@needs_root
def the_store_of_root_has_no_capability():
    with server() as s:
        s.start()
        for thread in os.listdir(f"/proc/{s.roles('store')[0]}/task"):
            status = status_of(s.roles("store")[0], thread)
            check(status["CapEff"] == NO_CAPABILITIES, f"CapEff {status['CapEff']}")
            check(status["NoNewPrivs"] == "1", "NoNewPrivs is not set")
        s.stop()


@needs_root
def started_by_an_ordinary_user_all_roles_are_that_user_and_confined():
    with server(user=USER) as s:
        s.start()
        s.deliver_soon("first")
        for name in ("edge", "sorter"):
            for pid in s.roles(name):
                check_confined(pid, name)
        uids = {status_of(p)["Uid"] for n in ("edge", "store", "sorter") for p in s.roles(n)}
        check(len(uids) == 1 and "0" not in uids.pop().split(), "roles differ in uid")
        s.stop()


def processes(s):
    return [p for n in ("edge", "store", "sorter") for p in s.roles(n)]


def roles_end_when_main_is_killed():
    with server() as s:
        s.start()
        wait_for(lambda: len(processes(s)) == 4, "an edge, a store and two sorters")
        pids = processes(s)
        s.process.kill()
        s.process.wait()
        wait_for(lambda: not any(is_alive(p) for p in pids), "the end of all roles", 20)


# --- come back ---


def killed_role_comes_back(name):
    with server() as s:
        s.start()
        s.deliver_soon("before")
        old = s.roles(name)
        os.kill(old[0], signal.SIGKILL)
        s.wait_log(f"main.* role_ended role={name} .*signal=KILL")
        new = s.wait_role(name, other_than=old)
        check(new not in old, "the same process")
        s.deliver_soon("after")
        check("before" in s.mailbox(), "what was delivered before is gone")
        s.stop()


def a_killed_edge_comes_back():
    killed_role_comes_back("edge")


def a_killed_store_comes_back():
    killed_role_comes_back("store")


def a_killed_sorter_comes_back():
    killed_role_comes_back("sorter")


def a_session_outlives_the_store():
    with server() as s:
        s.start()
        client = s.client()
        client.deliver("first")
        os.kill(s.roles("store")[0], signal.SIGKILL)

        def deliver():
            client.expect("RSET", "250")
            client.expect("MAIL FROM:<sender@example.com>", "250")
            got = client.say("RCPT TO:<ann@example.net>")
            check(got[:3] in ("250", "451"), f"RCPT without a store: {got}")
            return got.startswith("250")

        wait_for(deliver, "a recipient in the old session")
        client.expect("DATA", "354")
        client.expect("Subject: second\r\n\r\nbody\r\n.", "250")
        check("second" in s.mailbox(), "the second message is not there")
        s.stop()


def restarts_slow_down():
    with server() as s:
        s.start()
        killed = []
        for _ in range(4):
            killed.append(s.wait_role("edge", other_than=killed))
            os.kill(killed[-1], signal.SIGKILL)
        s.wait_log("restart role=edge .*wait_ms=800")
        for wait in (100, 200, 400):
            check(f"wait_ms={wait}\n" in s.log_text(), f"no wait of {wait} ms")
        s.deliver_soon("after")
        s.stop()


# --- a role alone, with this script as main ---

DOOR_VERSION = 1
MAIN_SETTINGS, MAIN_EDGE_DOOR, MAIN_GO = 1, 4, 8
ROLE_READY, STORE_KILL_EDGE = 32, 36
EDGE_RCPT, EDGE_DATA, STORE_RCPT = 64, 66, 96


def frame(kind, body=b"", number=0):
    return struct.pack("<HHIQ", DOOR_VERSION, kind, len(body), number) + body


def receive(door, wanted):
    """The body of the next frame of this kind; a packet holds one frame or several, and what is
    behind the one that is wanted goes with it."""
    while True:
        packet = door.recv(1 << 17)
        check(packet != b"", "the role has closed its door")
        while packet != b"":
            kind, size = struct.unpack_from("<HI", packet, 2)
            body, packet = packet[16 : 16 + size], packet[16 + size :]
            if kind == wanted:
                return body


def pack_text(text):
    return struct.pack("<I", len(text)) + text


@contextlib.contextmanager
def lone_store():
    """A store alone: the server, main's door to it, an edge's door to it."""
    pair = lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # noqa: E731
    (ours, theirs), (edge, edge_end) = pair(), pair()
    with server() as s, open(s.configuration) as text, ours, theirs, edge, edge_end:
        ours.settimeout(60)
        for name in ("state", "mail"):
            os.mkdir(f"{s.folder}/{name}")
        with open(s.log, "ab") as log:
            s.process = subprocess.Popen(
                [s.program, "--role", "store"],
                stdin=subprocess.DEVNULL,
                stderr=log,
                preexec_fn=lambda: os.dup2(theirs.fileno(), 3, inheritable=True),
                pass_fds=[3],
            )
        socket.send_fds(ours, [frame(MAIN_SETTINGS)], [text.fileno()])
        socket.send_fds(ours, [frame(MAIN_EDGE_DOOR, struct.pack("<I", 5))], [edge_end.fileno()])
        edge_end.close()
        ours.send(frame(MAIN_GO, b"\1"))
        receive(ours, ROLE_READY)
        yield s, ours, edge
        ours.shutdown(socket.SHUT_RDWR)  # as when main dies
        s.wait_end()


def a_store_has_an_edge_ended_that_breaks_its_door():
    with lone_store() as (_, ours, edge):
        edge.send(frame(EDGE_DATA, b"of no transaction", 77))
        check(receive(ours, STORE_KILL_EDGE) == struct.pack("<I", 5), "another slot")


def a_store_outlives_an_edge_that_dies_with_questions_on_the_way():
    with lone_store() as (s, ours, edge):
        null = struct.pack("<B", 1) + pack_text(b"") + pack_text(b"")
        to = struct.pack("<B", 0) + pack_text(b"ann") + pack_text(b"elsewhere.example")
        question = b"\0" + to + null + struct.pack("<Q", 0)
        edge.send(frame(EDGE_RCPT, question, 1))
        receive(edge, STORE_RCPT)  # the next ones are answered at once
        os.kill(s.process.pid, signal.SIGSTOP)
        for number in range(2, 7):
            edge.send(frame(EDGE_RCPT, question, number))
        edge.close()
        os.kill(s.process.pid, signal.SIGCONT)
        s.wait_log("edge_gone slot=5")
        other, other_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with other, other_end:
            other.settimeout(60)
            body = struct.pack("<I", 6)
            socket.send_fds(ours, [frame(MAIN_EDGE_DOOR, body)], [other_end.fileno()])
            other.send(frame(EDGE_RCPT, question, 1))
            receive(other, STORE_RCPT)


# --- reload ---


def a_bad_file_keeps_the_old_configuration():
    with server() as s:
        s.start()
        edge = s.roles("edge")
        s.more = 'domain "example.com" {\n    accuonts = "any"\n}'
        s.configure()
        with open(s.configuration) as f:
            line = 1 + [n for n, text in enumerate(f) if "accuonts" in text][0]
        s.hang_up()
        s.wait_log(f"error config error=.*{s.configuration}:{line}: .*accounts")
        s.wait_log("error reload_refused")
        s.deliver_soon("after")
        check(s.roles("edge") == edge, "the edge was replaced all the same")
        s.stop()


def a_good_file_replaces_the_roles_and_keeps_sessions():
    with server() as s:
        s.start()
        old_edge, old_store = s.roles("edge")[0], s.roles("store")[0]
        old_session = s.client()
        old_session.expect("LHLO client.example.com", "250")
        s.more = (
            'domain "example.com" {\n    accounts = "any"\n    store = "mbox"\n}\n'
            f'listen smtp {{\n    address = {{"127.0.0.1:{s.ports[1]}"}}\n}}'
        )
        s.addresses = s.addresses[1:]  # the unix socket goes
        s.configure()
        s.hang_up()
        s.wait_log("main.* info reloaded ")
        check(s.wait_role("store") != old_store, "the store was not replaced")
        check(s.wait_role("edge", other_than=[old_edge]), "the edge was not replaced")
        check(not os.path.exists(s.socket_path), "the old unix socket is still there")

        new = s.client(to=s.ports[1])
        check("ESMTP" in new.greeting, f"the new listener says {new.greeting}")
        new.close()
        new = s.client()
        new.deliver("to the new domain", "bob@example.com")
        check("to the new domain" in s.mailbox("bob", "example.com"), "it is not there")

        check(is_alive(old_edge), "the old edge left its session")
        old_session.expect("MAIL FROM:<sender@example.com>", "250")
        old_session.expect("RCPT TO:<ann@example.net>", "250")
        old_session.expect("DATA", "354")
        old_session.expect("Subject: in the old session\r\n\r\nbody\r\n.", "250")
        old_session.expect("QUIT", "221")
        wait_for(lambda: not is_alive(old_edge), "the end of the old edge", 20)
        s.stop()


def no_connection_is_refused_during_a_reload():
    with server() as s:
        s.start()
        for n in range(1, 4):
            s.hang_up()
            while len([x for x in s.log_text().splitlines() if " reloaded " in x]) < n:
                client = s.client()  # a refused connection is an exception
                check(client.greeting.startswith("220"), client.greeting)
                client.close()
        s.deliver_soon("after")
        s.stop()


def reload_refused(change, why):
    with server() as s:
        s.start()
        change(s)
        s.hang_up()
        s.wait_log(f"error reload_refused .*{why}")
        s.deliver_soon("after")
        s.stop()


def state_dir_cannot_change_at_a_reload():
    def change(s):
        with open(s.configuration) as f:
            s.configure(f.read().replace("/state", "/other"))

    reload_refused(change, "state_dir can change only by a restart")


def user_cannot_change_at_a_reload():
    def change(s):
        s.top = f'user = "{USER}"'
        s.configure()

    reload_refused(change, "user can change only by a restart")


def an_address_that_is_taken_refuses_the_reload():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        def change(s):
            s.addresses.append(f"127.0.0.1:{taken.getsockname()[1]}")
            s.configure()

        reload_refused(change, "an address cannot be bound")


# --- drain ---


def sigterm_lets_a_transaction_finish():
    with server() as s:
        s.start()
        idle, busy = s.client(), s.client()
        idle.expect("LHLO client.example.com", "250")
        busy.begin_data()
        busy.socket.sendall(b"Subject: half\r\n\r\nfirst line\r\n")
        s.process.send_signal(signal.SIGTERM)
        got = idle.reply()
        check(got.startswith("421"), f"the idle session got {got!r}")
        try:
            Client(s.ports[0])
            raise Failure("a new connection was taken")
        except (OSError, UnicodeError):
            pass
        busy.expect("last line\r\n.", "250")
        s.wait_end()
        check("first line\nlast line" in s.mailbox(), "what got 250 is not there")
        check(not os.path.exists(s.socket_path), "the unix socket is still there")
        check(not os.path.exists(f"{s.folder}/state/control.sock"), "the control socket is there")


def a_signal_to_the_whole_group_drains_too():
    """Ctrl-C in a terminal, or a service manager that signals every process."""
    with server() as s:
        s.start(start_new_session=True)
        client = s.client()
        client.begin_data()
        client.socket.sendall(b"Subject: half\r\n\r\n")
        os.killpg(s.process.pid, signal.SIGINT)
        s.wait_log("to=draining_edges")
        client.expect("the other half\r\n.", "250")
        s.wait_end()
        check("the other half" in s.mailbox(), "what got 250 is not there")


def a_transaction_that_does_not_end_is_cut_off():
    with server(more="timeouts {\n    drain = 1s\n}") as s:
        s.start()
        client = s.client()
        client.begin_data()
        client.socket.sendall(b"Subject: never ends\r\n\r\n")
        began = time.monotonic()
        s.process.send_signal(signal.SIGTERM)
        got = client.reply()
        check(got.startswith("421") or got == "", f"the client got {got!r}")
        s.wait_end()
        check(time.monotonic() - began < 20, "it took too long")
        check("never ends" not in s.mailbox(), "half a message was delivered")


def a_second_sigterm_ends_at_once():
    with server() as s:
        s.start()
        client = s.client()
        client.begin_data()
        s.process.send_signal(signal.SIGTERM)
        s.wait_log("to=draining_edges")
        began = time.monotonic()
        s.process.send_signal(signal.SIGTERM)
        s.wait_end(expected=1)
        check(time.monotonic() - began < 8, "it waited all the same")


TESTS = [
    edge_and_sorters_are_confined_in_every_thread,
    the_store_of_root_has_no_capability,
    started_by_an_ordinary_user_all_roles_are_that_user_and_confined,
    roles_end_when_main_is_killed,
    a_killed_edge_comes_back,
    a_killed_store_comes_back,
    a_killed_sorter_comes_back,
    a_session_outlives_the_store,
    restarts_slow_down,
    a_store_has_an_edge_ended_that_breaks_its_door,
    a_store_outlives_an_edge_that_dies_with_questions_on_the_way,
    a_bad_file_keeps_the_old_configuration,
    a_good_file_replaces_the_roles_and_keeps_sessions,
    no_connection_is_refused_during_a_reload,
    state_dir_cannot_change_at_a_reload,
    user_cannot_change_at_a_reload,
    an_address_that_is_taken_refuses_the_reload,
    sigterm_lets_a_transaction_finish,
    a_signal_to_the_whole_group_drains_too,
    a_transaction_that_does_not_end_is_cut_off,
    a_second_sigterm_ends_at_once,
]

if __name__ == "__main__":
    sys.exit(run(TESTS))
