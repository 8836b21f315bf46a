#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The metrics role of a real daemon: the text is OpenMetrics by a parser that is not ours, the numbers are those of what
was done, they never fall when a role dies, and every name that contrib/ and docs/ use is there. And JSON log lines."""

import glob
import http.client
import json
import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
import time

from harness import ROOT, Daemon, Tests, expect, message, until

PARSER = """
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
samples = {}
for family in text_string_to_metric_families(sys.stdin.read()):
    for s in family.samples:
        key = s.name + "".join(sorted(f"|{k}={v}" for k, v in s.labels.items()))
        assert key not in samples, key
        samples[key] = s.value
json.dump(samples, sys.stdout)
"""
HOSTILE = "\x1b[31mevil"


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


def ask(path, method="GET", url="/metrics", body=None):
    connection = UnixConnection(path)
    connection.request(method, url, body=body)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response, text


def python_with_parser():
    for python in ("python3", "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import prometheus_client"], capture_output=True).returncode == 0:
            return python
    return None


def read(path, python):
    """Every sample by its name and labels, as a strict parser sees them."""
    text = ask(path)[1]
    parsed = subprocess.run([python, "-c", PARSER], input=text, capture_output=True, text=True, timeout=60)
    expect(parsed.returncode == 0, parsed.stderr)
    return json.loads(parsed.stdout)


def value(samples, name, **labels):
    return samples[name + "".join(sorted(f"|{k}={v}" for k, v in labels.items()))]


def check_http(path):
    response, text = ask(path)
    expect(response.status == 200, response.status)
    expect(response.getheader("Content-Type") == "application/openmetrics-text; version=1.0.0; charset=utf-8", "type")
    expect(text.endswith("\n# EOF\n"), text[-40:])
    expect(ask(path, "HEAD")[1] == "", "HEAD has a body")
    expect(ask(path, url="/")[0].status == 404, "/ is not 404")
    expect(ask(path, "POST", body="x" * 100000)[0].status == 405, "POST is not 405")


def check_hostile_http(path):
    for octets in (b"\x00" * 5000, b"GET /metrics HTTP/9.9\r\n\r\n", b"GET " + b"/" * 100000, b"\r\n" * 1000, b""):
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        try:
            s.sendall(octets)
        except BrokenPipeError:
            pass  # it had heard enough
        s.close()
    check_http(path)


def deliver(daemon):
    with smtplib.LMTP(f"{daemon.folder}/lmtp.sock") as client:
        for name in ("x", "y"):  # one a message: smtplib reads one answer
            client.sendmail("bob@example.com", [f"{name}@example.net"], message(f"counted {name}"))
        code = client.docmd("MAIL FROM:<bob@example.com>")[0]
        expect(code == 250, code)
        code = client.docmd("RCPT TO:<nobody@example.org>")[0]
        expect(code == 550, code)


def check_numbers(daemon, path, python):
    before = read(path, python)
    deliver(daemon)
    after = read(path, python)

    def more(name, **labels):
        return value(after, name, **labels) - value(before, name, **labels)

    expect(more("doorstep_sessions_total", role="edge", protocol="lmtp") == 1, "sessions")
    expect(more("doorstep_messages_total", role="edge", protocol="lmtp") == 2, "messages")
    expect(more("doorstep_rcpt_total", role="store", outcome="rcpt_ok") == 2, "rcpt_ok")
    expect(more("doorstep_rcpt_total", role="store", outcome="no_such_user") == 1, "no_such_user")
    expect(more("doorstep_answers_total", role="store", outcome="delivered") == 2, "answers")
    expect(more("doorstep_delivered_total", role="store", driver="mbox") == 2, "driver")
    expect(more("doorstep_message_size_bytes_count", role="store") == 2, "size")
    for stage in ("sort", "queue", "stage", "journal", "publish"):
        count = more("doorstep_stage_duration_seconds_count", role="store", stage=stage)
        expect(count == 2, f"{stage}: {count}")
    expect(1 <= more("doorstep_batch_deliveries_count", role="store") <= 2, "batches")
    expect(more("doorstep_batch_deliveries_sum", role="store") == 2, "deliveries in batches")


def children(pid, name):
    found = []
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            stat = open(path).read()
        except OSError:
            continue
        if f"({name})" in stat and stat.rsplit(")", 1)[1].split()[1] == str(pid):
            found.append(int(path.split("/")[2]))
    return found


def check_counters_stay(daemon, path, python, main):
    deliver(daemon)
    before = read(path, python)
    for name, role in (("doorstep-edge", "edge"), ("doorstep-store", "store"), ("doorstep-metric", "metrics")):
        for pid in children(main, name):
            os.kill(pid, signal.SIGKILL)
        until(lambda: alive(path) and count(path, python, role) > count_of(before, role), f"{role} comes back")
    after = until(lambda: settled(path, python), "the roles serve again")
    fallen = [k for k in before if k.split("|")[0].endswith(("_total", "_count", "_bucket")) and after[k] < before[k]]
    expect(not fallen, f"counters fell: {fallen}")
    expect(value(after, "doorstep_role_deaths_total", role="main", of="store") == 1, "deaths of the store")


def alive(path):
    try:
        return ask(path)[0].status == 200
    except OSError:
        return False
    except http.client.HTTPException:
        return False


def count_of(samples, role):
    return value(samples, "doorstep_role_starts_total", role="main", of=role)


def count(path, python, role):
    try:
        return count_of(read(path, python), role)
    except (OSError, http.client.HTTPException):
        return 0


def settled(path, python):
    samples = read(path, python)
    return samples if value(samples, "doorstep_role_deaths_total", role="main", of="metrics") == 1 else None


def check_names(path, python):
    """Whatever a dashboard, an alert or the documentation names exists; and the documentation names all."""
    known = {k.split("|")[0] for k in read(path, python)}
    families = {re.sub(r"_(bucket|count|sum)$", "", k) for k in known}
    for name in ("contrib/prometheus/alerts.yml", "contrib/grafana/doorstep.json", "docs/metrics.md"):
        used = set(re.findall(r"\bdoorstep_[a-z_]+", open(os.path.join(ROOT, name)).read()))
        expect(used, f"{name} names nothing")
        expect(not used - known - families, f"{name} names what is not there: {used - known - families}")
    listed = set(re.findall(r"^\| `(doorstep_[a-z_]+)`", open(os.path.join(ROOT, "docs/metrics.md")).read(), re.M))
    missing = {f for f in families if f not in listed}
    expect(not missing, f"docs/metrics.md lacks {missing}")


def check_tool(daemon):
    text = daemon.tool("metrics").decode()
    expect("doorstep_sessions_open{" in text and text.endswith("# EOF\n"), text[-100:])
    with smtplib.LMTP(f"{daemon.folder}/lmtp.sock") as client:

        def with_a_record_that_waits():  # for its checkpoint, which comes some seconds later
            client.sendmail("bob@example.com", ["slow.ann@example.net"], message(f"at {time.time()}"))
            seen = json.loads(daemon.tool("top", "--once", "--json"))
            return seen if any(0 < w["oldest_record_age_seconds"] < 600 for w in seen["workers"].values()) else None

        seen = until(with_a_record_that_waits, "a record that waits")
        text = daemon.tool("top", "--once").decode()
    expect(seen["sessions"] == 1 and seen["processes_died"] == 0, str(seen))
    expect(seen["protocols"]["lmtp"]["sessions"] == 1 and seen["protocols"]["smtp"]["sessions"] == 0, "by protocol")
    expect(seen["workers"]["0"]["checkpoint_age_seconds"] >= 0 and "1" in seen["workers"], str(seen["workers"]))
    slow = [a for a in seen["slow_accounts"] if a["account"] == "slow.ann@example.net"]
    expect(len(slow) == 1 and slow[0]["deliveries"] >= 1, str(seen["slow_accounts"]))
    expect(slow[0]["longest_seconds"] >= slow[0]["mean_seconds"] > 0, str(slow))
    for line in ("messages_per_second", "protocol", "worker", "slowest accounts", "slow.ann@example.net"):
        expect(line in text, f"{line} in {text}")
    expect("\033" not in text, "no terminal, no screen")


def check_dashboard():
    board = json.load(open(os.path.join(ROOT, "contrib/grafana/doorstep.json")))
    expect(len({p["id"] for p in board["panels"]}) == len(board["panels"]) > 10, "panels")
    expect(all(t["expr"].count("(") == t["expr"].count(")") for p in board["panels"] for t in p["targets"]), "brackets")


def check_alerts():
    done = subprocess.run(
        ["promtool", "check", "rules", os.path.join(ROOT, "contrib/prometheus/alerts.yml")],
        capture_output=True, text=True, timeout=60,
    )
    expect(done.returncode == 0, done.stdout + done.stderr)


def check_json_lines(daemon):
    with smtplib.LMTP(f"{daemon.folder}/lmtp.sock") as client:
        client.ehlo_or_helo_if_needed()
        client.docmd("XFORWARD IDENT=12345")
        client.docmd(f"MAIL FROM:<{HOSTILE}@example.com>")
        client.docmd("MAIL FROM:<bob@example.com>")
        client.docmd('RCPT TO:<"a b"@example.net>')
        client.data(message("a line"))

    def lines():
        return [json.loads(line) for line in open(daemon.log) if line.startswith("{")]

    line = until(lambda: next((e for e in lines() if e["event"] == "delivery"), None), "a line for the delivery")
    expect(line["queue_id"] == "12345" and line["from"] == "bob@example.com" and line["mailbox"] == "INBOX", str(line))
    for stage in ("receive", "sort", "queue", "stage", "journal", "publish", "total"):
        expect(isinstance(line[f"{stage}_us"], int) and line[f"{stage}_us"] >= 0, stage)
    expect(line["outcome"] == "250 2.1.5" and line["octets"] > 0 and line["id"], str(line))
    text = open(daemon.log, "rb").read()
    expect(all(32 <= c < 127 or c == 10 for c in text), "octets that are no plain ASCII")
    expect(all(t.startswith(b"{") for t in text.splitlines()), "a line that is no JSON")


def with_daemon(tests, more, checks):
    daemon = Daemon(more=more)
    try:
        daemon.start()
        checks(daemon)
        tests.run("the daemon ends well", daemon.end)
    finally:
        daemon.remove()


def main():
    tests = Tests("metrics")
    python = python_with_parser()
    folder = tempfile.mkdtemp(prefix="doorstep-metrics.")
    path = f"{folder}/metrics.sock"
    os.chmod(folder, 0o755)

    def numbers(daemon):
        tests.run("GET, HEAD, and nothing else", check_http, path)
        tests.run("requests that are none cost nobody else", check_hostile_http, path)
        tests.run("the numbers are those of what was done", check_numbers, daemon, path, python)
        tests.run("the tool shows the same", check_tool, daemon)
        tests.run("names in contrib and docs exist", check_names, path, python)

    def deaths(daemon):
        tests.run("no counter falls when roles die", check_counters_stay, daemon, path, python, daemon.process.pid)
        daemon.kill()

    def lines(daemon):
        tests.run("JSON lines, and one for each delivery", check_json_lines, daemon)

    tests.run("the dashboard", check_dashboard)
    if tests.has("promtool", "the alert rules"):
        tests.run("the alert rules", check_alerts)
    section = f'metrics {{ address = {{"unix:{path}"}} }}'
    if python is None:
        tests.skip("the numbers", "python3-prometheus-client is not installed")
    else:
        with_daemon(tests, section, numbers)
        with_daemon(tests, section, deaths)
    with_daemon(tests, 'log_format = "json"', lines)
    shutil.rmtree(folder)
    tests.end()


if __name__ == "__main__":
    main()
