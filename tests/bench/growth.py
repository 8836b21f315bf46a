# SPDX-License-Identifier: MIT
"""What a delivery costs as the work grows: many accounts of which some are active, all of them in
turn, and a mailbox with very many messages. Doorstep alone, beside its own figures for few."""

import os
import subprocess

import memory
import servers

ACTIVE = 1000
ACCOUNTS = (10000, 100000)
MESSAGES = 100000
FILL_SECONDS = 3600


def fill(generator, server, *options):
    command = [generator, "-s", "20", "-b", "1024", "-t", FILL_SECONDS, "-d", servers.DOMAIN]
    command += [*options, f"127.0.0.1:{server.port}"]
    done = subprocess.run([str(c) for c in command], stdout=subprocess.DEVNULL)
    if done.returncode != 0:
        raise SystemExit("a message was refused or lost while mailboxes were filled")


def accounts(make_load, generator, server, seconds, rounds):
    """Each step of ACCOUNTS: those that are active, and all in turn."""
    rows, known = [], 0
    for count in (ACTIVE, *ACCOUNTS):
        fill(generator, server, "-u", count, "-r", 50, "-m", (count + 49) // 50)
        known = max(known, count)
        for users in sorted({ACTIVE, count}):
            load = make_load(20, 10, 1, users=users)
            load.run(generator, server, seconds)  # whoever is to be open is open
            runs = [load.run(generator, server, seconds) for _ in range(rounds)]
            rows.append({"accounts": known, "in_turn": users, "runs": runs, "rss": rss(server)})
    return rows


def mailbox(make_load, generator, server, seconds, rounds):
    """One account's mail, one connection and twenty: an empty INBOX and one of MESSAGES."""
    fill(generator, server, "-n", "large", "-u", 1, "-m", MESSAGES)
    rows = []
    for connections in (1, 20):
        for name, count in (("small", 0), ("large", MESSAGES)):
            load = make_load(connections, 10, 1, users=1, name=name)
            load.run(generator, server, 1)
            runs = [load.run(generator, server, seconds) for _ in range(rounds)]
            rows.append({"messages": count, "connections": connections, "runs": runs})
    return rows


def rss(server):
    return memory.resident(server)


def measure(folder, build, make_load, seconds, rounds):
    generator = f"{build}/tests/bench/lmtpload"
    result = {}
    for check in (accounts, mailbox):
        place = os.path.join(folder, f"growth-{check.__name__}")
        os.mkdir(place, 0o755)
        server = servers.Doorstep(place, build)
        try:
            server.start()
            result[check.__name__] = check(make_load, generator, server, seconds, rounds)
        finally:
            server.end()
    return result
