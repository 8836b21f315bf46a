# SPDX-License-Identifier: MIT
"""Called by tests/bench/run, which has built and installed what this needs. Loads go over all servers
in turn, round after round, so that whatever else the machine does hits all alike."""

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import growth
import memory
import processes
import report
import servers
import sieve
import syncs

USERS = 1000
KB = 1024
ALL_LOADS = [(s, kb, r) for r in (1, 50) for kb in (1, 10, 100) for s in (1, 20, 100)]
QUICK_LOADS = [(1, 10, 1), (20, 10, 1), (100, 10, 1), (20, 10, 50)]


class Load:
    """So many connections, each with one message in flight."""

    def __init__(self, connections, kb, recipients, users=USERS, name="u"):
        self.connections, self.kb, self.recipients = connections, kb, recipients
        self.users, self.name = users, name

    def as_dict(self):
        return {"connections": self.connections, "kb": self.kb, "recipients": self.recipients}

    def run(self, generator, server, seconds):
        """lmtpload's own figures and what the server took for it."""
        command = [generator, "-s", self.connections, "-b", self.kb * KB, "-r", self.recipients]
        command += ["-u", self.users, "-n", self.name, "-t", seconds, "-d", servers.DOMAIN, f"127.0.0.1:{server.port}"]
        os.sync()  # what the run before left to be written is not this one's
        began, machine = time.monotonic(), processes.machine_cpu_seconds()
        cpu = processes.cpu_seconds(server.pid)
        with processes.PeakSampler(server.pid) as peak:
            done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, text=True)
        cpu = processes.cpu_seconds(server.pid) - cpu
        machine = processes.machine_cpu_seconds() - machine
        if done.returncode == 2:
            raise SystemExit("lmtpload could not do its work")
        result = json.loads(done.stdout)
        others = (machine - cpu - result["client_cpu_s"]) / (time.monotonic() - began)
        return result | {
            "server": server.name,
            "load": self.as_dict(),
            "cpu_s_per_1000": cpu * 1000 / max(result["delivered"], 1),
            "peak_rss": peak.rss,
            "peak_pss": peak.pss,
            "other_cpus": max(others, 0),
        }


def medians(runs):
    """One row a load and server."""
    groups = {}
    for run in runs:
        groups.setdefault((tuple(run["load"].values()), run["server"]), []).append(run)
    rows = []
    for (_, server), group in groups.items():
        row = {"load": group[0]["load"], "server": server, "runs": len(group)}
        for key, value in group[0].items():
            if isinstance(value, (int, float)):
                row[key] = statistics.median(run[key] for run in group)
        rows.append(row)
    return rows


def parse_load(text):
    """CONNECTIONSxKBxRECIPIENTS"""
    try:
        connections, kb, recipients = (int(n) for n in text.split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not like 20x10x1") from None
    return connections, kb, recipients


def measure(options, beside, generator):
    loads = [Load(*values) for values in options.loads]
    runs = []
    for server in beside:  # every account exists and was used once
        Load(20, 1, 1).run(generator, server, options.warm_up)
        Load(20, 1, 50).run(generator, server, options.warm_up)
    for number in range(options.rounds):
        for load in loads:
            report.progress(f"round {number + 1} of {options.rounds}: {report.name(load.as_dict())}")
            for server in beside:
                runs.append(load.run(generator, server, options.seconds))
    report.progress("")
    return runs


def count_syncs(options, beside, generator):
    """Of every load with one recipient or several, once: what a message costs is no matter of luck."""
    loads = [Load(*values) for values in options.loads]
    return [syncs.count(load, generator, s, options.seconds) for load in loads for s in beside]


def machine(folder):
    found = subprocess.run(
        ["findmnt", "-n", "-o", "FSTYPE", "-T", folder], capture_output=True, text=True, check=False
    )
    model = [line for line in processes.read("/proc/cpuinfo").splitlines() if "model name" in line]
    return {
        "processors": os.cpu_count(),
        "model": model[0].split(":", 1)[1].strip() if model else platform.machine(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "kernel": platform.release(),
        "file_system": found.stdout.strip() or "unknown file system",
        "load_average": os.getloadavg()[0],
    }


def on_terminate(*_):
    raise SystemExit("ended")  # so that the servers are ended and the folder goes


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--json")
    parser.add_argument("--dir")
    parser.add_argument("--no-dovecot", action="store_true")
    parser.add_argument("--load", type=parse_load, action="append", dest="loads")
    parser.add_argument("--slow-sync", type=int, metavar="MS")
    parser.add_argument("--sieve", type=int, metavar="RULES")
    parser.add_argument("--syncs", action="store_true")
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--no-memory", action="store_true")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    options.rounds = options.rounds or (2 if options.quick else 3)
    options.loads = options.loads or (QUICK_LOADS if options.quick else ALL_LOADS)
    options.warm_up = 3
    return options


def measure_all(options, folder, beside, result):
    """Into result, and on the terminal as it comes."""
    generator = f"{options.build}/tests/bench/lmtpload"
    for server in beside:
        server.start()
    result["runs"] = measure(options, beside, generator)
    result["medians"] = medians(result["runs"])
    report.print_loads(result["medians"])
    if options.sieve is not None:
        report.print_sieve(result["runs"], options.sieve)
    if options.syncs:
        result["syncs"] = count_syncs(options, beside, generator)
        report.print_syncs(result["syncs"])
    for server in beside:
        server.end()
    if options.growth:
        result["growth"] = growth.measure(
            folder, options.build, Load, options.seconds, options.rounds
        )
        report.print_growth(result["growth"])
    if not options.no_memory:
        result["memory"] = memory.measure(folder, options.build)
        report.print_memory(result["memory"])
    report.print_machine(result["machine"], result["runs"])


def write_script(folder, rules, with_dovecot):
    """A script that looks at everything and files nothing elsewhere; compiled, where that is needed."""
    path = f"{folder}/rules.sieve"
    with open(path, "w") as f:
        f.write(sieve.script(rules, rest=""))
    os.chmod(path, 0o644)
    if with_dovecot:
        subprocess.run(["sievec", path], check=True)
    return path


def all_servers(options, folder):
    """Those that are measured: each without a script and, where that is asked for, one more with it."""
    scripts = [None]
    if options.sieve is not None:
        scripts.append(write_script(folder, options.sieve, not options.no_dovecot))
    found = [servers.Doorstep(folder, options.build, script=script) for script in scripts]
    if not options.no_dovecot:
        found += [servers.Dovecot(folder, script) for script in scripts]
    return found


def main():
    options = parse()
    signal.signal(signal.SIGTERM, on_terminate)
    folder = tempfile.mkdtemp(prefix="bench.", dir=options.dir or options.build)
    os.chmod(folder, 0o755)  # the servers' own users go through it
    if options.slow_sync is not None:
        library = f"{options.build}/tests/bench/slowsync.so"
        servers.Server.slow_sync = (library, options.slow_sync)
    beside = all_servers(options, folder)
    result = {"machine": machine(folder), "rounds": options.rounds, "seconds": options.seconds}
    result["slow_sync_ms"] = options.slow_sync or 0
    result["sieve_rules"] = options.sieve or 0
    if not options.no_dovecot:
        result["machine"]["dovecot"] = servers.Dovecot.version()
    try:
        measure_all(options, folder, beside, result)
    finally:
        for server in beside:
            server.end()
        shutil.rmtree(folder, ignore_errors=True)
    if options.json:
        with open(options.json, "w") as f:
            json.dump(result, f, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
