# SPDX-License-Identifier: MIT
"""How many sync calls a message costs, and how many of them an answer waits for. In a run of its own
under strace, which stops nothing but those calls, so that batches stay what they are."""

import collections
import os
import re
import tempfile
import time

CALLS = "fsync,fdatasync,syncfs,sync,sync_file_range,msync"
STRACE = ["strace", "-D", "-q", "-f", "--seccomp-bpf", "--decode-pids=comm", "-ttt"]
END_SECONDS = 10


def wait_written(output):
    """strace outlives the server for a moment."""
    end, size = time.monotonic() + END_SECONDS, -1
    while time.monotonic() < end and os.path.getsize(output) != size:
        size = os.path.getsize(output)
        time.sleep(0.5)


def parse(output, begin, end):
    """{(thread's name, call): how often}, between two times of the wall clock"""
    found = collections.Counter()
    with open(output, errors="replace") as f:
        for line in f:
            match = re.match(r"\d+<(.*?)> +([\d.]+) (\w+)\(", line)  # "resumed" was counted before
            if match is not None and begin <= float(match[2]) <= end:
                found[match[1], match[3]] += 1
    return found


def count(load, generator, server, seconds):
    """Per message. A thread that answers is one in whose hands messages are: what it syncs somebody
    waits for, be it the next message's client."""
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "strace")
        server.end()
        server.start([*STRACE, "-e", f"trace={CALLS}", "-o", output])
        load.run(generator, server, seconds)  # whatever is made at the first message is made
        begin = time.time()
        result = load.run(generator, server, seconds)
        end = time.time()
        server.end()
        wait_written(output)
        found = parse(output, begin, end)
    messages = max(result["messages"], 1)
    waited = sum(n for (thread, _), n in found.items() if server.answers(thread))
    calls = collections.Counter()
    for (thread, call), n in found.items():
        calls[f"{call} of {re.sub(r'-?[0-9]+$', '', thread)}"] += n
    return {
        "server": server.name,
        "load": load.as_dict(),
        "messages": messages,
        "messages_per_s": result["messages_per_s"],
        "syncs": sum(found.values()) / messages,
        "waited_for": waited / messages,
        "calls": {name: n / messages for name, n in calls.most_common()},
    }
