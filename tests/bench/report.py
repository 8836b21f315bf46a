# SPDX-License-Identifier: MIT
"""Tables for people."""

import statistics
import sys

COLUMNS = "{:>5} {:>6} {:>5}  {:<15} {:>8} {:>7} {:>8} {:>8} {:>8} {:>9} {:>7}"
MB = 1e6
KIB = 1024


def name(load):
    return f"{load['connections']} x {load['kb']} KB x {load['recipients']}"


def progress(text):
    """One line that is written over, on a terminal; nothing elsewhere."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def ratio(row, rows):
    """Beside the peer with the same load, both with the script or both without."""
    peer = row["server"].replace("doorstep", "dovecot")
    for other in rows:
        if other["load"] == row["load"] and other["server"] == peer != row["server"]:
            return row["deliveries_per_s"] / max(other["deliveries_per_s"], 0.1)
    return None


def print_loads(rows):
    print("\nDeliveries: a message counts once for each of its recipients. CPU and memory are those of")
    print("all processes of a server together; RSS counts shared pages for each of them, PSS once.\n")
    print(
        COLUMNS.format(
            "conns", "size", "rcpts", "server", "deliv./s", "ratio", "p50 ms", "p99 ms",
            "CPU s/1k", "RSS MB", "PSS MB",
        )
    )
    for row in rows:
        load, beside = row["load"], ratio(row, rows)
        print(
            COLUMNS.format(
                load["connections"],
                f"{load['kb']} KB",
                load["recipients"],
                row["server"],
                f"{row['deliveries_per_s']:,.0f}",
                f"{beside:.2f}" if beside is not None else "",
                f"{row['p50_ms']:.1f}",
                f"{row['p99_ms']:.1f}",
                f"{row['cpu_s_per_1000']:.3f}",
                f"{row['peak_rss'] / MB:.0f}",
                f"{row['peak_pss'] / MB:.0f}",
            )
        )
        if row["refused"] or row["lost"]:
            print(f"      refused {row['refused']:.0f}, lost {row['lost']:.0f} (medians)")


def print_syncs(rows):
    print("\nSync calls a message (strace), and those of them that an answer waits for:")
    for row in rows:
        calls = ", ".join(f"{call} {n:.3f}" for call, n in row["calls"].items())
        print(
            f"  {name(row['load']):<16} {row['server']:<9} {row['syncs']:7.3f}"
            f" {row['waited_for']:7.3f}   {calls}; {row['messages_per_s']:,.0f} messages/s"
        )


def print_sieve(runs, rules):
    """Each run with the script by the one without it of the same round: what the disk does in a minute hits both."""
    print(f"\nDeliveries/s with a script of {rules} rules, of those without, round by round:")
    names = dict.fromkeys((tuple(run["load"].values()), run["server"].split()[0]) for run in runs)
    for load, server in names:
        with_script, without = (
            [run for run in runs if tuple(run["load"].values()) == load and run["server"] == server + rest]
            for rest in (" +sieve", "")
        )
        parts = [a["deliveries_per_s"] / max(b["deliveries_per_s"], 0.1) for a, b in zip(with_script, without)]
        cpu = middle(with_script, "cpu_s_per_1000") / max(middle(without, "cpu_s_per_1000"), 1e-9)
        each = ", ".join(f"{part:.0%}" for part in parts)
        print(f"  {name(with_script[0]['load']):<16} {server:<9} {statistics.median(parts):.0%} ({each}); CPU {cpu:.2f} times")


def middle(runs, key):
    return statistics.median(run[key] for run in runs)


def print_growth(found):
    print("\nAs the work grows (Doorstep; 10 KB, one recipient, medians):")
    for row in found["accounts"]:
        store = row["rss"]["store"] / MB
        print(
            f"  {row['accounts']:>7} accounts, {row['in_turn']:>7} in turn, 20 connections: "
            + growth_figures(row["runs"])
            + f", store RSS {store:.0f} MB"
        )
    for row in found["mailbox"]:
        print(
            f"  one mailbox of {row['messages']:>7} messages, {row['connections']:>2} connections: "
            + growth_figures(row["runs"])
        )


def growth_figures(runs):
    return (
        f"{middle(runs, 'deliveries_per_s'):,.0f}/s, p99 {middle(runs, 'p99_ms'):.1f} ms, "
        f"CPU {middle(runs, 'cpu_s_per_1000'):.3f} s/1k, PSS {middle(runs, 'peak_pss') / MB:.0f} MB"
    )


def print_memory(found):
    idle, large = found["idle_connections"], found["large_message"]
    print("\nIdle connections (after LHLO), growth of each process in KiB a connection:")
    for step in idle["steps"]:
        each = ", ".join(f"{role} {n / KIB:.2f}" for role, n in step["octets_each"].items())
        print(f"  up to {step['open']:>6}: {each}")
    print(f"  with {idle['held']} held: " + "; ".join(idle["answers"]))
    print(f"\nA message of {large['octets'] / MB:.0f} MB ({large['seconds']:.1f} s): {large['answer']}")
    each = ", ".join(f"{role} {n / MB:.2f}" for role, n in sorted(large["growth"].items()))
    print(f"  growth of each process at its peak, MB: {each}")


def print_machine(machine, runs):
    others = [run["other_cpus"] for run in runs]
    print(
        f"\n{machine['processors']} processors ({machine['model']}), {machine['memory'] / MB / KIB:.0f} GB, "
        f"Linux {machine['kernel']}, {machine['file_system']}; Dovecot {machine.get('dovecot', 'left out')}."
    )
    print(
        "Others than server and client (kernel threads that write back included) took "
        f"{statistics.median(others):.2f} processors, at most {max(others):.2f}."
    )
