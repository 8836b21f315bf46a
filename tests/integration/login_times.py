#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does the time of a refusal tell who exists? A report, not a timed test: it fails when a refusal is none.

    tests/integration/login_times.py [TRIES]

PLAIN with a wrong password for an account that exists, a name that nobody has, a disabled account and one
without a password, in random order over one unix socket. Welch's t of each kind against the first; below 4.5 the
two cannot be told apart. Hashing is cheap here, and takes longer than `delay`, which so hides nothing. The last
line is "N passed, N failed"."""

import base64
import math
import random
import sys
import time

from harness import Daemon, Tests, expect

KINDS = {
    "wrong password": "ann@example.org",
    "no such account": "zoe@example.org",
    "disabled": "off@example.org",
    "no password": "bob@example.org",
}
SETTINGS = """auth { hash_memory = 2M hash_operations = 1 delay = 1ms delay_max = 1ms session_failures = 100
    address_failures = 100000 account_failures = 100000 }
    limits { errors = 1000 }"""
TRIES_A_SESSION = 90
LIMIT = 4.5


def make_accounts(d):
    for name in ("ann", "off", "bob"):
        d.tool("account", "add", f"{name}@example.org")
    for name in ("ann", "off"):
        d.tool("account", "passwd", f"{name}@example.org", data=b"correct horse\n")
    d.tool("account", "set", "off@example.org", "--disabled")


def ask(f, s, line):
    s.sendall(line)
    while True:
        reply = f.readline()
        if reply[3:4] != b"-":
            return reply


def tries(d, order):
    """Seconds that each took, in that order of names."""
    took = []
    while len(took) < len(order):
        s = d.connect("smtp", "unix", timeout=60)
        f = s.makefile("rb")
        f.readline()
        ask(f, s, b"EHLO c.example\r\n")
        for name in order[len(took) : len(took) + TRIES_A_SESSION]:
            line = b"AUTH PLAIN " + base64.b64encode(f"\0{name}\0wrong".encode()) + b"\r\n"
            begin = time.perf_counter()
            reply = ask(f, s, line)
            took.append(time.perf_counter() - begin)
            expect(reply.startswith(b"535 5.7.8 "), f"{name}: {reply}")
        f.close()
        s.close()
    return took


def mean_and_variance(values):
    mean = sum(values) / len(values)
    return mean, sum((v - mean) ** 2 for v in values) / (len(values) - 1)


def welch(a, b):
    (mean_a, var_a), (mean_b, var_b) = mean_and_variance(a), mean_and_variance(b)
    return (mean_a - mean_b) / math.sqrt(var_a / len(a) + var_b / len(b))


def without_outliers(values):
    """What the machine did beside: the slowest tenth says nothing about us."""
    return sorted(values)[: len(values) * 9 // 10]


def report(d, count):
    order = [name for name in KINDS.values() for _ in range(count // len(KINDS))]
    random.shuffle(order)
    tries(d, order[:20])  # warm
    took = tries(d, order)
    by_name = {name: [t for n, t in zip(order, took) if n == name] for name in KINDS.values()}
    base = by_name[KINDS["wrong password"]]
    print(f"{len(order)} tries; milliseconds and Welch's t against a wrong password")
    for kind, name in KINDS.items():
        values = by_name[name]
        mean, _ = mean_and_variance(values)
        t, cut = welch(values, base), welch(without_outliers(values), without_outliers(base))
        verdict = "" if name == KINDS["wrong password"] else f"  {'same' if abs(t) < LIMIT else 'DIFFERENT'}"
        print(f"  {kind:16} {1000 * mean:7.3f} ms  t {t:6.2f}  without the slowest tenth {cut:6.2f}{verdict}")


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    t = Tests("login times")
    daemon = Daemon(in_smtp="auth = yes", more=SETTINGS + "\nlog_level = warning")
    try:
        daemon.start()
        make_accounts(daemon)
        t.run("refusals of four kinds", report, daemon, count)
        t.run("a good end", daemon.end)
    finally:
        daemon.remove()
    t.end()


if __name__ == "__main__":
    main()
