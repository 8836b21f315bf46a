#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""contrib/quickstart as a person runs it: --check, with its ports taken, and until Ctrl-C. Builds
into build/ like a person's first run. Ends in one line "N passed, N failed"."""

import os
import shutil
import signal
import socket
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
QUICKSTART = [f"{ROOT}/contrib/quickstart", "--no-install"]
TIMEOUT = 900  # the first run builds


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def running():
    """Command lines of all doorstepd that serve a quickstart below this tree."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                line = f.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"{ROOT}/quickstart" in line and "doorstepd" in line:
            found.append(line)
    return found


def leftovers():
    return [n for n in os.listdir(ROOT) if n.startswith("quickstart-check.")]


def test_check_finds_both_messages_and_leaves_nothing():
    before = leftovers()
    done = subprocess.run([*QUICKSTART, "--check"], capture_output=True, timeout=TIMEOUT)
    check(done.returncode == 0, done)
    out = done.stdout.decode()
    check(out.count("found again byte for byte") == 2, out)
    check(leftovers() == before and running() == [], (leftovers(), running()))


def test_taken_ports_are_passed_over():
    taken = []
    for port in (2424, 2525):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            s.listen()
        except OSError:
            pass  # taken by somebody else: as good
        taken.append(s)
    try:
        done = subprocess.run([*QUICKSTART, "--check"], capture_output=True, timeout=TIMEOUT)
    finally:
        for s in taken:
            s.close()
    out = done.stdout.decode()
    check(done.returncode == 0, done)
    check("LMTP 2424" not in out and "SMTP 2525" not in out, out)


def test_it_runs_until_interrupted():
    folder = f"{ROOT}/quickstart"
    if os.path.exists(folder):
        print("skip: ./quickstart is somebody's already")
        return
    process = subprocess.Popen(
        QUICKSTART, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("The configuration is"):
                break
        check("It runs until you press Ctrl-C" in said, said)
        tool = [f"{ROOT}/build/src/doorstep/doorstep", "-c", f"{folder}/doorstep.conf"]
        check(subprocess.run([*tool, "ping"], capture_output=True).returncode == 0, said)
        second = subprocess.run(QUICKSTART, capture_output=True, timeout=TIMEOUT)
        check(second.returncode == 1 and b"runs already" in second.stderr, second)
        os.killpg(process.pid, signal.SIGINT)
        check(process.wait(60) == 130, process.returncode)
        check(running() == [], running())
        check(subprocess.run([*tool, "ping"], capture_output=True).returncode == 69, "it answers still")
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def test_wrong_arguments_are_refused():
    done = subprocess.run([*QUICKSTART, "--frobnicate"], capture_output=True, timeout=TIMEOUT)
    check(done.returncode == 64 and b"--check" in done.stderr, done)


def main():
    passed = failed = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        try:
            test()
            passed += 1
        except Exception as e:  # a failure of one test; the others go on
            failed += 1
            print(f"FAIL: {name[5:].replace('_', ' ')}\n    {str(e)[-3000:]}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
