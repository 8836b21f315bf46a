# SPDX-License-Identifier: MIT
"""Roles that die, hang, end or are replaced while mail arrives: what got 250 is there, once."""

import os
import signal
import subprocess
import threading
import time

from hostile_client import (
    ANN,
    QUEUED,
    Session,
    check_index,
    check_once,
    is_alive,
    listed,
    load,
    private_daemon,
    roles,
    server,
    subjects,
)
from harness import expect, until

FAST_SORT = 'timeouts { sort = "1s" }\n'


def kill_under_load(daemon, name, times=3):
    for _ in range(times):
        time.sleep(0.3)
        for pid in until(lambda: roles(daemon, name), f"a {name}"):
            os.kill(pid, signal.SIGKILL)
    time.sleep(0.3)


def alarms_but_ended_roles(daemon):
    """A role that we killed is no alarm; anything else is."""
    text = daemon.log_text()
    expect("signal=KILL" in text, "the log does not name the signal")
    lines = [x for x in text.splitlines() if "role_ended" not in x or "signal=KILL" not in x]
    with open(daemon.log, "w") as f:
        f.write("\n".join(lines) + "\n")


def killed_edges_lose_and_double_nothing():
    with server() as d:
        with load(d) as queues:
            kill_under_load(d, "edge")
        expect(sum(len(q.taken) for q in queues) > 4, "hardly anything was delivered")
        check_once(d, queues)
        alarms_but_ended_roles(d)


def killed_sorters_cost_nobody_a_message():
    with server(more="sorters = 2\n") as d:
        with load(d) as queues:
            kill_under_load(d, "sorter", 2)
        expect(sum(q.deferred for q in queues) == 0, "a message was deferred")
        check_once(d, queues)
        alarms_but_ended_roles(d)


def a_killed_store_loses_nothing():
    """A message that was published and has no row yet may be there twice when it is tried again
    (RFC 1047); never one that was answered at once."""
    with server() as d:
        with load(d) as queues:
            kill_under_load(d, "store", 2)
            until(lambda: all(len(q.taken) > 3 for q in queues), "service")
        found = subjects(d)
        for q in queues:
            for subject in q.taken:
                copies = found[subject]
                expect(1 <= copies <= q.tries[subject], f"{subject} is there {copies} times")
        check_index(d)
        alarms_but_ended_roles(d)


def sessions_stay_while_the_store_is_away():
    with server() as d:
        with Session(d) as half, Session(d) as idle:
            half.begin()
            half.send(b"Subject: half\r\n\r\n" + b"x" * 70000)
            idle.expect("LHLO c", "250")
            os.kill(roles(d, "store")[0], signal.SIGKILL)
            half.send(b"y" * 70000)
            got = half.finish()
            expect(got[0].startswith("451 4.3.0"), f"end of data got {got}")
            half.expect("NOOP", "250")
            idle.expect("MAIL FROM:<sender@example.com>", "250")
            code = idle.say(f"RCPT TO:<{ANN}>")
            expect(code[:3] in ("250", "451"), f"RCPT got {code}")

            def again():
                half.expect("RSET", "250")
                return half.deliver("Subject: whole\r\n\r\nz\r\n")[0].startswith("250")

            until(again, "service in the old session")
        expect(set(subjects(d)) == {"whole"}, f"found {subjects(d)}")
        alarms_but_ended_roles(d)


def an_edge_that_dies_in_data_leaves_nothing():
    with server() as d:
        with Session(d) as s:
            s.begin()
            s.send(b"Subject: half\r\n\r\n" + b"x" * 400000)
            os.kill(roles(d, "edge")[0], signal.SIGKILL)
        until(lambda: roles(d, "edge"), "another edge")

        def deliver():
            try:
                with Session(d) as s:
                    s.expect("LHLO c", "250")
                    return s.deliver("Subject: next\r\n\r\nz\r\n")[0].startswith("250")
            except OSError:
                return False

        until(deliver, "service")
        expect(dict(subjects(d)) == {"next": 1}, f"found {subjects(d)}")
        expect(os.listdir(f"{d.folder}/state/spool") == [], "the spool is not empty")
        alarms_but_ended_roles(d)


def stopped_sorters_are_replaced():
    with server(more="sorters = 1\n" + FAST_SORT) as d, Session(d) as s:
        s.expect("LHLO c", "250")
        s.begin()
        os.kill(roles(d, "sorter")[0], signal.SIGSTOP)
        got = s.finish()
        expect(got[0].startswith("250"), f"with a stopped sorter: {got}")
        got = s.deliver(QUEUED + "Subject: after\r\n\r\nx\r\n")
        expect(got[0].startswith("250"), f"after it: {got}")
        expect("sorter_lost" in d.log_text(), "the log does not say so")


def sigterm_under_load_answers_truly():
    """Its MTAs find their last messages delivered or not when the daemon is back, never twice."""
    with server(more='timeouts { drain = "2s" }\n') as d:
        with load(d) as queues:
            time.sleep(0.5)
            began = time.monotonic()
            d.terminate()
            status = d.process.wait(30)
            took = time.monotonic() - began
            expect(status == 0, f"ended with {status}")
            expect(took < 10, f"it took {took:.1f} s")
            taken = {subject for q in queues for subject in q.taken}
            expect(taken <= set(subjects(d)), "what got 250 is not there")
            d.start()
        check_once(d, queues)


def a_killed_main_loses_and_doubles_nothing():
    with server() as d:
        with load(d) as queues:
            for _ in range(2):
                time.sleep(0.5)
                d.kill()
                d.start()
            until(lambda: all(len(q.taken) > 3 for q in queues), "service")
        found = subjects(d)
        for q in queues:
            for subject in q.taken:
                copies = found[subject]
                expect(1 <= copies <= q.tries[subject], f"{subject} is there {copies} times")
        check_index(d)


def a_new_main_waits_for_what_a_killed_one_left():
    """Its store and edges end a moment later: until then the journal, the accounts and the sockets are theirs."""
    with server() as d:
        left = roles(d, "edge") + roles(d, "store")
        for pid in left:
            os.kill(pid, signal.SIGSTOP)
        d.kill()
        threading.Timer(1, lambda: [os.kill(pid, signal.SIGCONT) for pid in left]).start()
        d.start()
        expect(not any(is_alive(pid) for pid in left), "it served beside the old store")
        with Session(d) as s:
            s.expect("LHLO c", "250")
            expect(s.deliver("Subject: next\r\n\r\nz\r\n")[0].startswith("250"), "no service")


def no_store_outlives_main_in_the_middle_of_a_listing():
    """A worker waits for a sorter then, and whoever waits holds the account's index."""
    with server(more="sorters = 1\n") as d, Session(d) as s:
        s.expect("LHLO c", "250")
        expect(s.deliver("Subject: first\r\n\r\nx\r\n")[0].startswith("250"), "the first")
        for n in range(50):
            with open(d.mail_path(f"ann/new/{n}.other.host"), "w") as f:
                f.write(f"Subject: other {n}\n\nx\n")
        sorter = roles(d, "sorter")[0]
        os.kill(sorter, signal.SIGSTOP)
        store = roles(d, "store")[0]
        tool = [private_daemon.DOORSTEP, "-c", d.configuration, "message", "list", ANN]
        with subprocess.Popen(tool, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            time.sleep(0.5)
            d.kill()
            until(lambda: not is_alive(store), "the end of the store", 20)
            os.kill(sorter, signal.SIGKILL)
        d.start()
        expect(len(listed(d)) == 51, "not all is listed")


def sighup_under_load_loses_and_doubles_nothing():
    with server() as d:
        with load(d, 3) as queues:
            for _ in range(8):
                time.sleep(0.3)
                d.process.send_signal(signal.SIGHUP)
        expect(" reloaded " in d.log_text(), "it never reloaded")
        check_once(d, queues)


CHECKS = [
    killed_edges_lose_and_double_nothing,
    killed_sorters_cost_nobody_a_message,
    a_killed_store_loses_nothing,
    sessions_stay_while_the_store_is_away,
    an_edge_that_dies_in_data_leaves_nothing,
    stopped_sorters_are_replaced,
    sigterm_under_load_answers_truly,
    a_killed_main_loses_and_doubles_nothing,
    a_new_main_waits_for_what_a_killed_one_left,
    no_store_outlives_main_in_the_middle_of_a_listing,
    sighup_under_load_loses_and_doubles_nothing,
]
