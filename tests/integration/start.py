#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How doorstepd starts, and why it refuses to: options, users, sockets, the service manager."""

import contextlib
import grp
import os
import pwd
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import time

from role_daemon import (
    DOORSTEP,
    DOORSTEPD,
    IS_ROOT,
    USER,
    Client,
    check,
    is_alive,
    needs_root,
    run,
    server,
    status_of,
    wait_for,
)

EX_USAGE, EX_UNAVAILABLE, EX_CONFIG = 64, 69, 78


# --- options ---


def n_checks_a_good_file_and_exits():
    with server() as s:
        done = subprocess.run(s.command("-n"), capture_output=True, timeout=60)
        check(done.returncode == 0, f"status {done.returncode}: {done.stderr}")
        check(done.stdout == b"configuration is fine\n", f"it says {done.stdout}")
        check(not os.path.exists(f"{s.folder}/state"), "a check has made state_dir")


def n_names_file_and_line_of_each_error():
    with server(more='domian "x" {\n}\nlimits {\n    recipients = many\n}') as s:
        said = s.refuse("-n", status=EX_CONFIG)
        lines = re.findall(re.escape(s.configuration) + r":(\d+): ", said)
        check(len(lines) >= 1, f"no file:line in {said!r}")
        check("domain" in said, f"the nearest name is missing in {said!r}")


def a_start_with_a_bad_file_says_the_same():
    with server(more='domian "x" {\n}') as s:
        check(s.configuration in s.refuse(status=EX_CONFIG), "the file is not named")


def a_missing_file_is_named():
    with server() as s:
        os.unlink(s.configuration)
        check(s.configuration in s.refuse("-n", status=EX_CONFIG), "the file is not named")


def options_are_checked():
    for options in (["--frobnicate"], ["rest"], ["--role"], ["--role", "edge"], ["-c"]):
        done = subprocess.run([DOORSTEPD, *options], capture_output=True, timeout=60)
        check(done.returncode == EX_USAGE, f"{options}: status {done.returncode}")
    done = subprocess.run([DOORSTEPD, "--version"], capture_output=True, timeout=60)
    check(re.fullmatch(rb"doorstepd \d+\.\d+\.\d+\n", done.stdout), f"version is {done.stdout}")


def a_second_daemon_is_refused_and_told_whose_it_is():
    with server() as s:
        s.start()
        said = s.refuse(status=EX_UNAVAILABLE)
        check(f"already_running pid={s.process.pid} " in said, f"it says {said!r}")
        s.deliver_soon("after")
        check(os.path.exists(s.socket_path), "the first one's socket is gone")
        s.stop()


def a_role_that_cannot_start_ends_the_daemon():
    with server() as s:
        os.makedirs(f"{s.folder}/state/delivery.log")  # where a file is to be
        s.launch()
        s.wait_end(expected=1)
        check("error cannot_start" in s.log_text(), "the log does not say so")


def offline_serves_the_control_socket_only():
    with server() as s:
        s.launch("--offline")
        wait_for(lambda: s.process.poll() is None and s.roles("sorter"), "its sorters")
        wait_for(lambda: os.path.exists(f"{s.folder}/state/control.sock"), "the control socket")
        check(s.roles("edge") == [], "there is an edge")
        check(not os.path.exists(s.socket_path), "it listens")
        control = socket.socket(socket.AF_UNIX)
        control.connect(f"{s.folder}/state/control.sock")
        control.close()
        s.stop()
        check(" info " not in s.log_text(), "it is not quiet")


# --- users ---


@needs_root
def the_owner_of_the_mail_is_the_store():
    with server(top=f'user = "{USER}"') as s:
        s.start()
        s.deliver_soon("first")
        owner = pwd.getpwnam(USER)
        for path, mode in (("state", 0o700), ("state/accounts", 0o700), ("mail", 0o755)):
            st = os.stat(f"{s.folder}/{path}")
            check(st.st_uid == owner.pw_uid, f"{path} belongs to {st.st_uid}")
            check(stat.S_IMODE(st.st_mode) == mode, f"{path} has mode {st.st_mode:o}")
        control = os.stat(f"{s.folder}/state/control.sock")
        check(stat.S_IMODE(control.st_mode) == 0o600, f"control.sock has {control.st_mode:o}")
        check(control.st_uid == owner.pw_uid, "control.sock is not the owner's")
        check(status_of(s.roles("store")[0])["Uid"].split() == [str(owner.pw_uid)] * 4, "uid")
        check(os.stat(f"{s.folder}/mail/example.net/ann.mbox").st_uid == owner.pw_uid, "mbox")
        check("store_is_root" not in s.log_text(), "a warning that is not true")
        s.stop()


@needs_root
def without_user_the_owner_of_state_dir_is_the_store():
    with server() as s:
        for name in ("state", "mail"):
            os.mkdir(f"{s.folder}/{name}", 0o700)
            os.chown(f"{s.folder}/{name}", pwd.getpwnam(USER).pw_uid, pwd.getpwnam(USER).pw_gid)
        s.start()
        s.deliver_soon("first")
        uid = str(pwd.getpwnam(USER).pw_uid)
        check(status_of(s.roles("store")[0])["Uid"].split() == [uid] * 4, "the store's uid")
        s.stop()


@needs_root
def what_exists_keeps_its_owner():
    with server(top=f'user = "{USER}"') as s:
        os.mkdir(f"{s.folder}/mail", 0o750)
        s.start()
        st = os.stat(f"{s.folder}/mail")
        check((st.st_uid, stat.S_IMODE(st.st_mode)) == (0, 0o750), "it was changed")
        s.stop()


@needs_root
def users_that_cannot_be_are_refused():
    for top, why in (
        ('sandbox_user = "root"', "never run as root"),
        ('sandbox_user = "no-such-user-here"', "no such user"),
        ('user = "no-such-user-here"', "no such user"),
    ):
        with server(top=top) as s:
            check(why in s.refuse(status=EX_CONFIG), f"{top}: it does not say {why!r}")


@needs_root
def a_configuration_that_a_role_may_write_is_refused():
    with server() as s:
        os.chmod(s.configuration, 0o666)
        check("config_is_writable" in s.refuse(status=EX_CONFIG), "everybody may write it")
    with server(top=f'user = "{USER}"') as s:
        os.chown(s.configuration, pwd.getpwnam(USER).pw_uid, 0)
        check("config_is_writable" in s.refuse(status=EX_CONFIG), "the store owns it")


def a_state_dir_that_others_may_write_is_refused():
    with server() as s:
        os.mkdir(f"{s.folder}/state")
        for mode in (0o777, 0o770):
            os.chmod(f"{s.folder}/state", mode)
            check("state_dir_is_writable" in s.refuse(status=EX_UNAVAILABLE), f"mode {mode:o}")
        os.chmod(f"{s.folder}/state", 0o755)
        s.start()
        s.stop()


HAND = """
domain "example.edu" {{
    accounts = "passwd"
    store = "system"
}}
store system {{
    driver = "mbox"
    path = "{path}/%{{user}}.mbox"
}}
"""


@contextlib.contextmanager
def server_with_system_accounts(uid_min):
    with server(top=f'user = "{USER}"\nuid_min = {uid_min}') as s:
        os.mkdir(f"{s.folder}/spool")
        os.chmod(f"{s.folder}/spool", 0o1777)
        s.more = HAND.format(path=f"{s.folder}/spool")
        s.configure()
        s.start()
        yield s


@needs_root
def a_hand_has_the_uid_of_the_account():
    with server_with_system_accounts(uid_min=1) as s:
        wait_for(lambda: delivered(s, "news@example.edu"), "delivery to a system account")
        hand = s.roles("hand")
        check(len(hand) == 1, f"{len(hand)} hands")
        news = pwd.getpwnam("news")
        status = status_of(hand[0])
        check(status["Uid"].split() == [str(news.pw_uid)] * 4, f"its uid is {status['Uid']}")
        check(status["Gid"].split() == [str(news.pw_gid)] * 4, f"its gid is {status['Gid']}")
        check(status["CapEff"] == "0" * 16 and status["NoNewPrivs"] == "1", "it has privileges")
        check(os.stat(f"{s.folder}/spool/news.mbox").st_uid == news.pw_uid, "the file's owner")
        s.stop()
        wait_for(lambda: not os.path.exists(f"/proc/{hand[0]}"), "the end of the hand", 20)


def delivered(s, to):
    with contextlib.closing(s.client()) as c:
        c.begin_data(to)
        return c.say("Subject: x\r\n\r\nbody\r\n.").startswith("250")


@needs_root
def another_hand_takes_the_place_of_one_that_ended():
    with server_with_system_accounts(uid_min=1) as s:
        wait_for(lambda: delivered(s, "news@example.edu"), "delivery to a system account")
        (hand,) = s.roles("hand")
        os.kill(hand, signal.SIGKILL)
        wait_for(lambda: not is_alive(hand), "the end of the hand", 20)
        done = subprocess.run(
            [DOORSTEP, "-c", s.configuration, "message", "list", "news@example.edu"],
            capture_output=True,
        )
        check(done.returncode == 0, f"message list: {done.stderr.decode()}")
        s.stop()


@needs_root
def no_hand_below_uid_min():
    with server_with_system_accounts(uid_min=1000) as s:
        with contextlib.closing(s.client()) as c:
            c.expect("LHLO client.example.com", "250")
            c.expect("MAIL FROM:<sender@example.com>", "250")
            got = c.say("RCPT TO:<news@example.edu>")
            if got.startswith("250"):
                c.expect("DATA", "354")
                got = c.say("Subject: x\r\n\r\nbody\r\n.")
        check(got[:1] in ("4", "5"), f"the answer was {got}")
        check(s.roles("hand") == [], "there is a hand")
        s.stop()


# --- sockets ---


def a_stale_unix_socket_is_replaced():
    with server() as s:
        with socket.socket(socket.AF_UNIX) as old:
            old.bind(s.socket_path)
            old.listen()
        s.start()
        with contextlib.closing(Client(s.socket_path)) as c:
            check(c.greeting.startswith("220"), c.greeting)
        s.stop()
        check(not os.path.exists(s.socket_path), "it is still there")


def a_unix_socket_that_answers_is_left_alone():
    with server() as s, socket.socket(socket.AF_UNIX) as other:
        other.bind(s.socket_path)
        other.listen()
        check("somebody else listens" in s.refuse(status=EX_UNAVAILABLE), "it does not say why")
        other.settimeout(30)
        other.accept()[0].close()  # how it found out; a short backlog holds no other one
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(s.socket_path)


def a_file_in_place_of_the_socket_is_left_alone():
    with server() as s:
        with open(s.socket_path, "w") as f:
            f.write("precious")
        s.refuse(status=EX_UNAVAILABLE)
        with open(s.socket_path) as f:
            check(f.read() == "precious", "it was overwritten")


def a_unix_socket_has_the_mode_that_was_asked_for():
    with server() as s:
        s.addresses = [f"unix:{s.socket_path},mode=0620", f"127.0.0.1:{s.ports[0]}"]
        s.configure()
        s.start()
        check(stat.S_IMODE(os.stat(s.socket_path).st_mode) == 0o620, "another mode")
        s.stop()


@needs_root
def a_unix_socket_has_owner_and_group_and_its_folder_is_made():
    with server() as s:
        path = f"{s.folder}/run/deep/lmtp.sock"
        s.addresses = [
            f"unix:{path},mode=0660,owner={USER},group=mail",
            f"127.0.0.1:{s.ports[0]}",
        ]
        s.configure()
        s.start()
        st = os.stat(path)
        check(st.st_uid == pwd.getpwnam(USER).pw_uid, f"owner {st.st_uid}")
        check(st.st_gid == grp.getgrnam("mail").gr_gid, f"group {st.st_gid}")
        check(stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o755, "the folder's mode")
        s.stop()


def an_address_that_is_taken_refuses_the_start():
    with server() as s, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        s.addresses = [f"127.0.0.1:{taken.getsockname()[1]}"]
        s.configure()
        check("Address already in use" in s.refuse(status=EX_UNAVAILABLE), "it does not say why")
        check(not os.path.exists(f"{s.folder}/state/control.sock"), "the control socket is left")


@needs_root
def an_address_family_that_is_missing_is_skipped():
    """A network namespace of its own, where IPv6 is switched off."""
    with server() as s:
        s.addresses = [f"127.0.0.1:{s.ports[0]}", f"[::1]:{s.ports[0]}"]
        s.configure()
        script = 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; ip link set lo up; exec "$@"'
        command = ["unshare", "--net", "sh", "-c", script, "sh", *s.command()]
        if subprocess.run([*command[:4], "exit 0"], capture_output=True).returncode != 0:
            check(False, "no network namespace can be made here")
        with open(s.log, "ab") as log:
            s.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        s.wait_log("main.* info ready ")
        check(re.search(r"warning listen_skipped address=\[::1\]", s.log_text()), "no warning")
        s.stop()


def too_few_descriptors_lower_the_connections():
    with server(user=USER if IS_ROOT else None, more="limits {\n    connections = 5000\n}") as s:
        lower = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (512, 512))  # noqa: E731
        s.launch(preexec_fn=lower)
        s.wait_log("main.* info ready ")
        check("connections_lowered wanted=5000 possible=384" in s.log_text(), "no warning")
        s.deliver_soon("first")
        s.stop()


# --- the service manager ---


def activated(s, sockets):
    """Start with these sockets as descriptors 3, 4, ..., as sd_listen_fds(3) has it."""

    def arrange():
        for i, given in enumerate(sockets):
            os.dup2(given.fileno(), 100 + i)
        for i in range(len(sockets)):
            os.dup2(100 + i, 3 + i, inheritable=True)

    command = s.command()
    shell = f'LISTEN_PID=$$ LISTEN_FDS={len(sockets)}; export LISTEN_PID LISTEN_FDS; exec "$@"'
    with open(s.log, "ab") as log:
        s.process = subprocess.Popen(
            ["sh", "-c", shell, "sh", *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=arrange,
            pass_fds=range(3, 3 + len(sockets)),
        )


def sockets_of_the_service_manager_are_taken_by_address():
    with server() as s, socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
        tcp.bind(("127.0.0.1", s.ports[0]))
        unix.bind(s.socket_path)
        with socket.socket() as stray:
            stray.bind(("127.0.0.1", 0))
            for given in (tcp, unix, stray):
                given.listen()
            early = socket.create_connection(("127.0.0.1", s.ports[0]), 60)  # before the start
            activated(s, [stray, unix, tcp])
            check(early.makefile("rb").readline().startswith(b"220"), "no greeting")
            s.wait_log("main.* info ready ")
            check("warning activation descriptor=3" in s.log_text(), "no word about the stray")
        with contextlib.closing(Client(s.socket_path)) as c:
            check(c.greeting.startswith("220"), c.greeting)
        early.close()
        s.stop()
        check(os.path.exists(s.socket_path), "the service manager's socket was removed")


class Manager:
    """The other end of NOTIFY_SOCKET."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(60)

    def wait(self, line):
        while True:
            lines = self.socket.recv(4096).decode().split("\n")
            if any(have == line or have.startswith(line) for have in lines):
                return lines


def the_service_manager_is_told(address, variable):
    with server() as s:
        manager = Manager(address(s))
        environment = dict(os.environ, NOTIFY_SOCKET=variable(s), WATCHDOG_USEC="300000")
        s.launch(env=environment)
        check(any("accepting mail" in x for x in manager.wait("READY=1")), "no STATUS")
        if IS_ROOT:
            for name in ("edge", "store", "sorter"):
                with open(f"/proc/{s.wait_role(name)}/environ") as f:
                    check("NOTIFY_SOCKET" not in f.read(), f"{name} has NOTIFY_SOCKET")
        manager.wait("WATCHDOG=1")
        manager.wait("WATCHDOG=1")
        s.hang_up()
        lines = manager.wait("RELOADING=1")
        check(any(x.startswith("MONOTONIC_USEC=") for x in lines), "no MONOTONIC_USEC")
        manager.wait("READY=1")
        with open(s.configuration, "a") as f:
            f.write("nonsense\n")
        s.hang_up()
        manager.wait("STATUS=reload refused")
        s.process.send_signal(signal.SIGTERM)
        manager.wait("STOPPING=1")
        s.wait_end()


def a_notify_socket_with_a_path():
    the_service_manager_is_told(lambda s: f"{s.folder}/notify", lambda s: f"{s.folder}/notify")


def an_abstract_notify_socket():
    name = f"doorstep-test-{os.getpid()}"
    the_service_manager_is_told(lambda s: "\0" + name, lambda s: "@" + name)


def the_watchdog_of_another_process_is_not_ours():
    with server() as s:
        manager = Manager(f"{s.folder}/notify")
        environment = dict(
            os.environ,
            NOTIFY_SOCKET=f"{s.folder}/notify",
            WATCHDOG_USEC="100000",
            WATCHDOG_PID="1",
        )
        s.launch(env=environment)
        manager.wait("READY=1")
        time.sleep(0.5)
        manager.socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            check("WATCHDOG" not in manager.socket.recv(4096).decode(), "it pings")
        s.stop()


TESTS = [
    n_checks_a_good_file_and_exits,
    n_names_file_and_line_of_each_error,
    a_start_with_a_bad_file_says_the_same,
    a_missing_file_is_named,
    options_are_checked,
    a_second_daemon_is_refused_and_told_whose_it_is,
    a_role_that_cannot_start_ends_the_daemon,
    offline_serves_the_control_socket_only,
    the_owner_of_the_mail_is_the_store,
    without_user_the_owner_of_state_dir_is_the_store,
    what_exists_keeps_its_owner,
    users_that_cannot_be_are_refused,
    a_configuration_that_a_role_may_write_is_refused,
    a_state_dir_that_others_may_write_is_refused,
    a_hand_has_the_uid_of_the_account,
    another_hand_takes_the_place_of_one_that_ended,
    no_hand_below_uid_min,
    a_stale_unix_socket_is_replaced,
    a_unix_socket_that_answers_is_left_alone,
    a_file_in_place_of_the_socket_is_left_alone,
    a_unix_socket_has_the_mode_that_was_asked_for,
    a_unix_socket_has_owner_and_group_and_its_folder_is_made,
    an_address_that_is_taken_refuses_the_start,
    an_address_family_that_is_missing_is_skipped,
    too_few_descriptors_lower_the_connections,
    sockets_of_the_service_manager_are_taken_by_address,
    a_notify_socket_with_a_path,
    an_abstract_notify_socket,
    the_watchdog_of_another_process_is_not_ours,
]

if __name__ == "__main__":
    sys.exit(run(TESTS))
