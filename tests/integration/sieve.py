#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sieve scripts with the real daemon: how they are stored, and where the mail goes by LMTP. Ends in
one line "N passed, N failed"; DOORSTEP and DOORSTEPD name the binaries."""

import json
import subprocess

from harness import Daemon, Tests, expect
from private_daemon import DOORSTEP

DATAERR = 65
SETTINGS = "sieve { scripts = 3 script_size = 1K storage = 2K }"

GOOD = b'require "fileinto";\nif header :contains "subject" "list" { fileinto "Lists"; }\n'


def tool(daemon, *arguments, data=b""):
    return subprocess.run(
        [DOORSTEP, "-c", daemon.configuration, *arguments], input=data, capture_output=True, timeout=90
    )


def install(daemon, account, text, *options):
    return tool(daemon, "sieve", "install", account, "-", *options, data=text)


def scripts(daemon, account):
    """{name: is it active}"""
    rows = json.loads(daemon.tool("--json", "sieve", "list", account))
    return {row["name"]: row["active"] for row in rows}


# --- storing


def stored(daemon):
    daemon.tool("account", "add", "store@example.org")
    expect(scripts(daemon, "store@example.org") == {}, "a new account has scripts")
    done = install(daemon, "store@example.org", GOOD)
    expect(done.returncode == 0, f"not stored: {done}")
    expect(scripts(daemon, "store@example.org") == {"main": False}, "not listed")
    expect(daemon.tool("sieve", "get", "store@example.org", "main") == GOOD, "not the same octets")
    daemon.tool("sieve", "activate", "store@example.org", "main")
    expect(scripts(daemon, "store@example.org") == {"main": True}, "not active")
    install(daemon, "store@example.org", b"keep;\n", "--name", "über uns", "--activate")
    expect(scripts(daemon, "store@example.org") == {"main": False, "über uns": True}, "two active, or none")
    daemon.tool("sieve", "rename", "store@example.org", "über uns", "b")
    expect(scripts(daemon, "store@example.org") == {"main": False, "b": True}, "not renamed")
    daemon.tool("sieve", "deactivate", "store@example.org")
    expect(scripts(daemon, "store@example.org") == {"main": False, "b": False}, "still active")
    daemon.tool("sieve", "delete", "store@example.org", "b")
    expect(scripts(daemon, "store@example.org") == {"main": False}, "not deleted")


def refused(daemon):
    daemon.tool("account", "add", "bad@example.org")
    done = install(daemon, "bad@example.org", b'keep;\nfilinto "x";\n', "--name", "a")
    expect(done.returncode == DATAERR, f"status {done.returncode}")
    expect(b"a:2:1: error: " in done.stderr and b"^" in done.stderr, f"no report: {done.stderr}")
    expect(scripts(daemon, "bad@example.org") == {}, "stored all the same")
    done = install(daemon, "bad@example.org", b"keep;\xff\n")
    expect(done.returncode == DATAERR and b"UTF-8" in done.stderr, f"no UTF-8: {done}")


def active_stays(daemon):
    daemon.tool("account", "add", "active@example.org")
    install(daemon, "active@example.org", b"keep;\n", "--name", "a", "--activate")
    done = tool(daemon, "sieve", "delete", "active@example.org", "a")
    expect(done.returncode != 0 and b"deactivate" in done.stderr, f"deleted: {done}")
    for words in (["activate", "active@example.org", "b"], ["get", "active@example.org", "b"]):
        done = tool(daemon, "sieve", *words)
        expect(done.returncode != 0 and b"no such script" in done.stderr, f"{words}: {done}")
    done = install(daemon, "active@example.org", b"fileinto \"x\";\n", "--name", "a")
    expect(done.returncode == DATAERR, "a script that lacks its require")
    expect(daemon.tool("sieve", "get", "active@example.org", "a") == b"keep;\n", "replaced by a bad one")
    expect(scripts(daemon, "active@example.org") == {"a": True}, "not active any more")


def within_quotas(daemon):
    daemon.tool("account", "add", "quota@example.org")
    comment = b"#" * 700 + b"\n"
    for name in ("a", "b"):
        expect(install(daemon, "quota@example.org", comment, "--name", name).returncode == 0, name)
    done = install(daemon, "quota@example.org", comment, "--name", "c")
    expect(b"all scripts together" in done.stderr, f"storage: {done}")
    expect(install(daemon, "quota@example.org", comment, "--name", "b").returncode == 0, "b in its own place")
    expect(install(daemon, "quota@example.org", b"", "--name", "c").returncode == 0, "an empty script")
    done = install(daemon, "quota@example.org", b"", "--name", "d")
    expect(b"as many scripts" in done.stderr, f"count: {done}")
    done = install(daemon, "quota@example.org", b"#" * 1100, "--name", "a")
    expect(b"longer than allowed" in done.stderr, f"size: {done}")
    done = install(daemon, "quota@example.org", b"keep;", "--name", "x\ny")
    expect(b"cannot have that name" in done.stderr, f"name: {done}")


def unknown_accounts(daemon):
    done = tool(daemon, "sieve", "list", "nobody@example.org")
    expect(done.returncode == 67, f"status {done.returncode}")


def survives(daemon):
    daemon.tool("account", "add", "kill@example.org")
    install(daemon, "kill@example.org", GOOD, "--name", "a", "--activate")
    daemon.kill()
    daemon.start()
    expect(scripts(daemon, "kill@example.org") == {"a": True}, "lost by a kill")


def main():
    tests = Tests("sieve")
    daemon = Daemon(more=SETTINGS)
    try:
        daemon.start()
        tests.run("scripts are stored, listed, renamed, activated, deleted", stored, daemon)
        tests.run("what has errors is not stored, and the person sees why", refused, daemon)
        tests.run("the active script stays", active_stays, daemon)
        tests.run("scripts have quotas", within_quotas, daemon)
        tests.run("an account that is none", unknown_accounts, daemon)
        tests.run("what was stored survives a kill", survives, daemon)
        daemon.end()
    finally:
        daemon.remove()
    tests.end()


main()
