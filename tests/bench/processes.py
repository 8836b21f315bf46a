# SPDX-License-Identifier: MIT
"""What a server's processes took: CPU and memory, read from /proc. A server is its main process and all
that descend from it."""

import os
import threading

TICKS = os.sysconf("SC_CLK_TCK")
SAMPLE_SECONDS = 0.25


def read(path):
    with open(path) as f:
        return f.read()


def stat(pid):
    """(parent, CPU seconds, those of reaped children included), or None when it is gone."""
    try:
        fields = read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
    except OSError:
        return None
    return int(fields[1]), sum(map(int, fields[11:15])) / TICKS


def tree(main):
    parents = {}
    for name in os.listdir("/proc"):
        found = stat(name) if name.isdigit() else None
        if found is not None:
            parents[int(name)] = found[0]
    family, new = [], [main]
    while new:
        family += new
        new = [pid for pid, parent in parents.items() if parent in new]
    return family


def cpu_seconds(main):
    return sum(found[1] for pid in tree(main) if (found := stat(pid)) is not None)


def machine_cpu_seconds():
    """What all of the machine's processors did: user, nice, system, interrupts."""
    fields = [int(n) for n in read("/proc/stat").split("\n", 1)[0].split()[1:]]
    return sum(fields[i] for i in (0, 1, 2, 5, 6)) / TICKS


def memory(pid, key):
    """A size in octets: VmRSS, VmHWM of /proc/PID/status."""
    for line in read(f"/proc/{pid}/status").splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    return 0


def resident(pids):
    """(RSS, PSS) of them together: PSS counts a page that n share as one nth for each."""
    rss = pss = 0
    for pid in pids:
        try:
            lines = read(f"/proc/{pid}/smaps_rollup").splitlines()
        except OSError:
            continue
        rss += sum(int(line.split()[1]) for line in lines if line.startswith("Rss:")) * 1024
        pss += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024
    return rss, pss


def reset_peak(pid):
    """VmHWM begins anew at what the process has now."""
    with open(f"/proc/{pid}/clear_refs", "w") as f:
        f.write("5")


class PeakSampler(threading.Thread):
    """Peaks of the sums over all processes of a server while it is used as a context."""

    def __init__(self, main):
        super().__init__()
        self.main = main
        self.rss = self.pss = 0
        self.is_over = threading.Event()

    def run(self):
        while not self.is_over.wait(SAMPLE_SECONDS):
            rss, pss = resident(tree(self.main))
            self.rss, self.pss = max(self.rss, rss), max(self.pss, pss)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.join()
