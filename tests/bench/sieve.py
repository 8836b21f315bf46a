#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What Sieve costs: a script of fifty rules and a message of 10 KB. Doorstep's engine by itself (sieveload), and as a
process a run (doorstep sieve run) beside sieve-test of dovecot-sieve, which also reads a script that sievec has
compiled. It reports; it is no test and knows no threshold.

    tests/bench/sieve.py [--build DIR] [--rules N] [--octets N] [--seconds N] [--runs N]"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

HEAD = 'require ["fileinto", "imap4flags", "variables", "envelope", "regex", "copy", "relational"];\n'
RULES = (
    'if header :contains "subject" ["[list-{n}]", "digest {n}"] {{ fileinto "lists.l{n}"; stop; }}\n',
    'if address :is :domain ["from", "sender"] "customer{n}.example.com" {{ fileinto "customers.c{n}"; stop; }}\n',
    'if anyof (header :is "list-id" "<dev-{n}.lists.example.org>", header :contains ["to", "cc"] "dev-{n}@lists")'
    ' {{ addflag "$List{n}"; fileinto "dev.d{n}"; stop; }}\n',
    'if allof (envelope :domain "from" "shop{n}.example", header :matches "subject" "*order *{n} shipped*")'
    ' {{ set "order" "${{2}}"; fileinto "shops.s{n}"; stop; }}\n',
    'if allof (exists "x-priority", not size :over {n}00K, header :matches "x-mailer" "Ticket*{n}*")'
    ' {{ keep; redirect :copy "tickets{n}@example.org"; stop; }}\n',
)


def script(rules, rest='fileinto "Rest";\n'):
    return HEAD + "".join(RULES[n % len(RULES)].format(n=n) for n in range(rules)) + rest


def message(octets):
    head = (
        "Return-Path: <bob@example.com>\r\n"
        + "".join(
            f"Received: from mx{n}.example.net (mx{n}.example.net [192.0.2.{n}])\r\n\tby mx.example.org with ESMTPS"
            f" id 4Zabc{n};\r\n\tTue, 17 Nov 2026 10:0{n}:00 +0100\r\n"
            for n in range(5)
        )
        + "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=s1;\r\n\tbh=" + "A" * 44
        + ";\r\n\tb=" + "B" * 344 + "\r\n"
        "From: =?utf-8?Q?Bob_B=C3=BCttner?= <bob@example.com>\r\n"
        "To: Ann <ann@example.org>, Carl <carl@example.org>\r\nCc: team@example.org\r\n"
        "Subject: =?utf-8?B?UmU6IE1pdHRhZ2Vzc2VuIGFtIERvbm5lcnN0YWc=?=\r\n"
        "Date: Tue, 17 Nov 2026 10:00:00 +0100\r\nMessage-ID: <1@example.com>\r\nX-Mailer: Mutt 2.2\r\n"
        "X-Priority: 3\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    line = "The quick brown fox jumps over the lazy dog, and the dog does not mind.\r\n"
    return (head + line * ((octets - len(head)) // len(line) + 1)).encode()


def median_ms(command, runs, given=None):
    times = []
    for _ in range(runs):
        begin = time.monotonic()
        subprocess.run(command, input=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        times.append((time.monotonic() - begin) * 1000)
    return statistics.median(times)


def as_nobody(folder):
    """sieve-test runs as no root."""
    if os.getuid() != 0:
        return []
    for name in [folder, *(os.path.join(folder, n) for n in os.listdir(folder))]:
        os.chown(name, 65534, 65534)
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def processes(build, folder, runs):
    """A process a run, in milliseconds, by who runs."""
    source, mail = os.path.join(folder, "fifty.sieve"), os.path.join(folder, "message")
    with open(mail, "rb") as f:
        given = f.read()
    rows = {}
    tool = os.path.join(build, "src/doorstep/doorstep")
    if os.path.exists(tool):
        rows["doorstep sieve run"] = median_ms([tool, "sieve", "run", source], runs, given)
    if shutil.which("sieve-test") is None:
        return rows
    peer = as_nobody(folder) + ["env", f"HOME={folder}"]
    test = [*peer, "sieve-test", "-o", f"mail_location=maildir:{folder}/mail", "-o", "ssl=no"]
    rows["sieve-test, compiling"] = median_ms([*test, "-C", source, mail], runs)
    subprocess.run([*peer, "sievec", "-o", "ssl=no", source], check=True, stdout=subprocess.DEVNULL)
    rows["sieve-test, compiled before"] = median_ms([*test, source, mail], runs)
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--rules", type=int, default=50)
    parser.add_argument("--octets", type=int, default=10 * 1024)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--runs", type=int, default=50)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="doorstep-bench-sieve-") as folder:
        with open(os.path.join(folder, "fifty.sieve"), "w", encoding="utf-8") as f:
            f.write(script(a.rules))
        with open(os.path.join(folder, "message"), "wb") as f:
            f.write(message(a.octets))
        load = [os.path.join(a.build, "tests/bench/sieveload"), f"{folder}/fifty.sieve", f"{folder}/message"]
        engine = json.loads(subprocess.run([*load, str(a.seconds)], check=True, capture_output=True).stdout)
        print(f"{a.rules} rules, a message of {a.octets} octets")
        print(f"compile  {engine['compile_us']:8.1f} us   (99 %: {engine['compile_p99_us']:.1f})")
        print(f"run      {engine['run_us']:8.1f} us   (99 %: {engine['run_p99_us']:.1f})")
        for name, ms in processes(a.build, folder, a.runs).items():
            print(f"a process a run: {name:28} {ms:7.2f} ms")


if __name__ == "__main__":
    main()
