#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What floods cost: very many connections, slow ones, a client that connects in a loop, and inputs without end. For each
what a well-behaved client beside them waits, what the edge grows by, and the CPU time of all processes; then the same
input twice as long, again and again. tls.py does the same for TLS. Bounded in number and in time."""

import argparse
import os
import resource
import socket
import subprocess
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[1:1] = [os.path.join(ROOT, "tests", "integration"), os.path.join(ROOT, "tests", "session")]  # behind this folder

from tls import beside, edge_of, memory  # noqa: E402  (of this folder)

SECONDS_MAX = 120  # for one input
TO = "ann@example.org"
MIB = 1 << 20


def arguments():
    parser = argparse.ArgumentParser(description="Measures floods.")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--idle", type=int, default=10000)
    parser.add_argument("--slow", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--doublings", type=int, default=3)
    parser.add_argument("--only", choices=("connections", "inputs"))
    return parser.parse_args()


# --- processes ---


def family(main):
    """main and the processes that it started."""
    pids = [main]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        if parent == main:
            pids.append(int(pid))
    return pids


def cpu_ms(main):
    """Of all its processes and their threads, by the scheduler's own count."""
    total = 0
    for pid in family(main):
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                    total += int(f.read().split()[0])
        except OSError:
            pass
    return total / 1e6


def resident(pid, field):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith(field))


class Peak:
    """What a process grew by at most, in KiB."""

    def __init__(self, pid):
        self.pid = pid
        with open(f"/proc/{pid}/clear_refs", "w") as f:
            f.write("5")
        self.before = resident(pid, "VmRSS")

    def grown(self):
        return resident(self.pid, "VmHWM") - self.before


# --- clients ---


def open_session(port):
    s = socket.create_connection(("127.0.0.1", port), 60)
    s.recv(1000)
    s.sendall(b"LHLO client.example.com\r\n")
    read_reply(s)
    return s


def read_reply(s):
    said = b""
    while not any(line[3:4] == b" " for line in said.split(b"\r\n")[:-1]):
        more = s.recv(65536)
        if not more:
            return said
        said += more
    return said


def open_message(port):
    s = open_session(port)
    for line in (b"MAIL FROM:<bob@example.com>", b"RCPT TO:<%s>" % TO.encode(), b"DATA"):
        s.sendall(line + b"\r\n")
        read_reply(s)
    return s


def drain(s, over):
    """Reads what is said, so that nobody waits for us."""
    try:
        while s.recv(65536):
            pass
    except OSError:
        pass
    over.set()


def pour(s, pieces):
    """All of them, or until the other side has closed; how many octets it took."""
    over, sent, end = threading.Event(), 0, time.monotonic() + SECONDS_MAX
    reader = threading.Thread(target=drain, args=(s, over), daemon=True)
    reader.start()
    try:
        for piece in pieces:
            if over.is_set() or time.monotonic() > end:
                break
            s.sendall(piece)
            sent += len(piece)
        s.sendall(b"\r\nQUIT\r\n")
    except OSError:
        pass
    over.wait(SECONDS_MAX)
    s.close()
    return sent


def repeated(text, octets, block=256 * 1024):
    whole = text * max(1, block // len(text))
    for _ in range(octets // len(whole)):
        yield whole
    yield text * (octets % len(whole) // len(text))


# --- inputs without end: n is what is doubled ---


def long_line(port, n):
    return pour(open_session(port), repeated(b"x", n))


def long_line_in_message(port, n):
    def pieces():
        yield from repeated(b"x", n)
        yield b"\r\n.\r\n"

    return pour(open_message(port), pieces())


def header_lines(port, n):
    def pieces():
        yield from repeated(b"A: b\r\n", 6 * n)
        yield b"\r\nx\r\n.\r\n"

    return pour(open_message(port), pieces())


def mime_levels(port, n):
    def pieces():
        for i in range(n):
            yield b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (i, i)
        yield b"\r\nx\r\n.\r\n"

    def gathered():
        block = b""
        for piece in pieces():
            block += piece
            if len(block) > 65536:
                yield block
                block = b""
        yield block

    return pour(open_message(port), gathered())


def recipients(port, n):
    s = open_session(port)
    s.sendall(b"MAIL FROM:<bob@example.com>\r\n")
    read_reply(s)
    line = b"RCPT TO:<nobody@example.org>\r\n"
    return pour(s, repeated(line, n * len(line), 16384))


# name, function, whole size, base of the doublings
INPUTS = (
    ("a command line of 1 GiB", long_line, 1 << 30, 128 * 1024),
    ("a line of 1 GiB in a message", long_line_in_message, 1 << 30, 6 * MIB),
    ("1,000,000 header lines", header_lines, 1000000, 500000),
    ("100,000 MIME levels", mime_levels, 100000, 50000),
    ("1,000,000 recipients", recipients, 1000000, 1200),
)


def cost(daemon, edge, function, n):
    peak, before = Peak(edge), cpu_ms(daemon.process.pid)
    took = function(daemon.ports["lmtp"], n)
    settle(daemon.process.pid)
    return took, cpu_ms(daemon.process.pid) - before, peak.grown()


def settle(main):
    """What was begun is done when nobody runs any more."""
    last = cpu_ms(main)
    for _ in range(600):
        time.sleep(0.1)
        now = cpu_ms(main)
        if now - last < 1:
            return
        last = now


def inputs(daemon, edge, options):
    for name, function, whole, base in INPUTS:
        cost(daemon, edge, function, base)  # whoever is to be open is open
        took, spent, grown = cost(daemon, edge, function, whole)
        print(f"{name}: {took / MIB:.1f} MiB taken, CPU {spent / 1000:.2f} s, edge grew by {grown} KiB", flush=True)
        figures = [min(cost(daemon, edge, function, base << i)[1] for _ in range(3)) for i in range(options.doublings + 1)]
        ratios = ", ".join(f"{b / a:.2f}" for a, b in zip(figures, figures[1:]))
        shown = ", ".join(f"{f:.0f}" for f in figures)
        print(f"    doubled {options.doublings} times: {shown} ms of CPU, ratios {ratios}", flush=True)


# --- connections ---

CONNECT = """
import socket, sys, time
end, n = time.monotonic() + float(sys.argv[2]), 0
while time.monotonic() < end:
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0")
    s.connect(("127.0.0.1", int(sys.argv[1])))
    s.close()
    n += 1
print(n)
"""



def idle(daemon, edge, count):
    before, held = memory(edge), []
    for _ in range(count):
        held.append(open_session(daemon.ports["lmtp"]))
    time.sleep(1)
    grown = memory(edge) - before
    _, said = beside(daemon.ports["smtp"], lambda: time.sleep(5))
    print(f"{len(held)} idle connections: {grown / len(held):.1f} KiB each; beside them {said}", flush=True)
    for s in held:
        s.close()


def slow(daemon, edge, count, seconds):
    """Each is in a message and sends an octet at a time; all together some hundred a second."""
    before = memory(edge)
    senders = [open_message(daemon.ports["lmtp"]) for _ in range(count)]
    grown = memory(edge) - before

    def drip():
        end, i = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            senders[i % count].send(b"x")
            i += 1
            time.sleep(0.001)
        return i

    octets, said = beside(daemon.ports["smtp"], drip)
    print(f"{count} slow senders ({octets / seconds:.0f} octets/s): {grown / count:.1f} KiB each; beside them {said}", flush=True)
    for s in senders:
        s.close()


def loop(daemon, seconds):
    """One client opens and closes as fast as it can; a reset spares it the wait of TIME_WAIT."""
    client = [sys.executable, "-c", CONNECT, str(daemon.ports["lmtp"]), str(seconds)]

    def connect():  # a process, and a session of its own: another host would have its own CPU too
        return int(subprocess.run(client, capture_output=True, text=True, start_new_session=True).stdout)

    before = cpu_ms(daemon.process.pid)
    n, said = beside(daemon.ports["smtp"], connect)
    spent = cpu_ms(daemon.process.pid) - before
    print(f"{n / seconds:.0f} connections a second in a loop (CPU {spent / seconds / 10:.0f} %): beside them {said}", flush=True)


def connections(daemon, edge, options):
    _, alone = beside(daemon.ports["smtp"], lambda: time.sleep(options.seconds))
    print(f"a client alone: {alone}", flush=True)
    idle(daemon, edge, options.idle)  # first: memory that others gave back would be taken again
    slow(daemon, edge, options.slow, options.seconds)
    loop(daemon, options.seconds)


def main():
    options = arguments()
    os.environ["DOORSTEPD"] = f"{options.build}/src/doorstepd/doorstepd"
    os.environ["DOORSTEP"] = f"{options.build}/src/doorstep/doorstep"
    from private_daemon import Daemon

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for part in (connections, inputs):
        if options.only not in (None, part.__name__):
            continue
        daemon = Daemon(more='edges = 1\nlog_level = "warning"\nlimits { connections = 20000 }')
        try:
            daemon.start()
            daemon.tool("account", "add", TO)
            part(daemon, edge_of(daemon.process.pid), options)
        finally:
            daemon.end()
            daemon.remove()


if __name__ == "__main__":
    main()
