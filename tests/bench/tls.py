#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What TLS costs: memory of idle connections, and what a client that behaves sees while another one does
nothing but handshakes. It reports; it is no test and knows no threshold.

    tests/bench/tls.py [--build DIR] [--rate N] [--seconds N] [--idle N] [--key ec|2048]"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests", "integration"), os.path.join(ROOT, "tests", "session")]


def arguments():
    parser = argparse.ArgumentParser(description="Measures TLS.")
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--idle", type=int, default=2000)
    parser.add_argument("--key", default="ec")
    return parser.parse_args()


def edge_of(main):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                name, rest = f.read().rsplit(")", 1)
        except OSError:
            continue
        if "(doorstep-edge" in name and int(rest.split()[1]) == main:
            return int(pid)
    raise SystemExit("there is no edge")


def memory(pid):
    """KiB of its own."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return sum(int(l.split()[1]) for l in f if l.startswith(("Private_Dirty", "Private_Clean")))


def cpu(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def flood(options, port, threads=16):
    return subprocess.run(
        [f"{options.build}/tests/bench/tlsflood", "handshakes", str(port), str(options.rate),
         str(options.seconds), str(threads)],
        capture_output=True,
        text=True,
        start_new_session=True,  # with a share of the CPU of its own, as on another host
    ).stdout.strip()


def deliver(port, over, latencies):
    """One message after the other, in plain, the next 10 ms after the last: each one's time."""
    from tls_client import Client

    c = Client(port)
    c.want(220)
    c.want(250, "EHLO client.example.com")
    n = 0
    while not over.is_set():
        begun = time.monotonic()
        c.deliver("ann@example.org", body=f"Subject: {n}\r\n\r\nA line.\r\n")
        latencies.append((time.monotonic() - begun) * 1000)
        n += 1
        time.sleep(0.01)


def percentiles(values):
    values = sorted(values)
    at = lambda p: values[min(len(values) - 1, int(len(values) * p))]
    return f"{len(values)} messages, p50 {at(0.5):.1f} ms, p99 {at(0.99):.1f} ms, max {values[-1]:.1f} ms"


def beside(port, work):
    over, latencies = threading.Event(), []
    client = threading.Thread(target=deliver, args=(port, over, latencies))
    client.start()
    try:
        said = work()
    finally:
        over.set()
        client.join()
    return said, percentiles(latencies)


def idle(options, port, edge):
    before = memory(edge)
    client = subprocess.Popen(
        [f"{options.build}/tests/bench/tlsflood", "idle", str(port), str(options.idle)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    held = int(client.stdout.readline())
    time.sleep(1)
    grown = memory(edge) - before
    client.communicate("")
    return f"{held} idle connections: {grown / max(1, held):.1f} KiB each"


def measure(options):
    from certificates import Authority
    from private_daemon import Daemon, free_ports

    folder = tempfile.mkdtemp(prefix="doorstep-bench-tls.")
    (port,) = free_ports(1)
    pair = Authority(folder, "bench").issue("mx", ["mx.example.org"], kind=options.key)
    daemon = Daemon(
        more=f"""
            limits {{ connections = 20000 }}
            log_level = "warning"
            listen smtp {{ address = {{"127.0.0.1:{port}"}} tls = implicit {pair.settings()} }}
        """
    )
    try:
        daemon.start()
        daemon.tool("account", "add", "ann@example.org")
        edge = edge_of(daemon.process.pid)
        print(idle(options, port, edge))
        _, alone = beside(daemon.ports["smtp"], lambda: time.sleep(options.seconds))
        print(f"a client alone:        {alone}")
        before = cpu(edge)
        said, flooded = beside(daemon.ports["smtp"], lambda: flood(options, port))
        print(f"beside the handshakes: {flooded}")
        print(f"{said}; the edge took {cpu(edge) - before:.1f} s of CPU in {options.seconds} s")
    finally:
        daemon.end()
        daemon.remove()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    options = arguments()
    os.environ["DOORSTEPD"] = f"{options.build}/src/doorstepd/doorstepd"
    os.environ["DOORSTEP"] = f"{options.build}/src/doorstep/doorstep"
    measure(options)


if __name__ == "__main__":
    main()
