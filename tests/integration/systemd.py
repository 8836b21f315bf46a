#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The systemd unit: how much systemd-analyze finds exposed, and that the daemon serves under what the
unit allows (service_manager.py says what of it can be shown without systemd as process 1)."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

import service_manager
from inside import release_program
from role_daemon import USER, Failure, check, needs_root, run, server, status_of, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
UNIT = f"{HERE}/../../contrib/systemd/doorstep.service.in"
DROP_IN = f"{HERE}/../../contrib/systemd/system-accounts.conf"
EXPOSURE_MAX = 1.5


@contextlib.contextmanager
def unit_file(*drop_ins):
    """The unit as it is installed, drop-ins behind it."""
    with tempfile.TemporaryDirectory() as folder, open(f"{folder}/doorstep.service", "w") as f:
        for source in (UNIT, *drop_ins):
            with open(source) as text:
                f.write(text.read().replace("@CMAKE_INSTALL_FULL_SBINDIR@", "/bin"))
        f.flush()
        os.symlink("/bin/true", f"{folder}/doorstepd")
        yield f.name


def exposure(*drop_ins):
    with unit_file(*drop_ins) as unit:
        done = subprocess.run(
            ["systemd-analyze", "security", "--no-pager", "--offline=yes", unit],
            capture_output=True,
            text=True,
        )
    found = re.search(r"Overall exposure level for .*: ([\d.]+)", done.stdout)
    check(found, f"it says {done.stdout!r} {done.stderr!r}")
    return float(found[1])


def the_unit_for_virtual_accounts_is_exposed_by_no_more_than_1_5():
    got = exposure()
    check(got <= EXPOSURE_MAX, f"exposure {got}")


def an_open_network_keeps_it_there():
    got = exposure_with("IPAddressAllow=any")
    check(got <= EXPOSURE_MAX, f"exposure {got}")


def exposure_with(*lines):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
        f.write("[Service]\n" + "\n".join(lines) + "\n")
        f.flush()
        return exposure(f.name)


def the_drop_in_for_system_accounts_is_understood():
    check(exposure(DROP_IN) < 3.5, f"exposure {exposure(DROP_IN)}")


def every_group_of_directives_is_explained():
    for source in (UNIT, DROP_IN):
        with open(source) as f:
            service = f.read().split("[Service]\n")[1].split("\n[Install]")[0]
        bare = [p.splitlines()[0] for p in service.split("\n\n") if not p.lstrip().startswith("#")]
        check(bare in ([], ["User=root"]), f"{source}: no comment above {bare}")


@contextlib.contextmanager
def under_the_unit():
    """A daemon under the unit's restrictions, not in /tmp, which it does not see."""
    tempfile.tempdir = "/var/lib"
    try:
        with server() as s:
            s.program = shutil.copy(release_program(), f"{s.folder}/doorstepd")
            s.user = None
            s.hand_over(USER)
            shutil.copy(release_program(), f"{s.folder}/doorstepd")
            yield s
    finally:
        tempfile.tempdir = None


@needs_root
def the_daemon_serves_under_the_unit():
    if shutil.which("systemd-analyze") is None:
        raise Failure("systemd-analyze is not installed")
    with under_the_unit() as s:
        s.start(preexec_fn=lambda: service_manager.enter(UNIT, USER, [s.folder]))
        s.deliver_soon("first")
        for name in ("edge", "store", "sorter"):
            for pid in s.roles(name):
                status = status_of(pid)
                check(status["Seccomp"] == "2", f"{name}: {status['Seccomp']}")
                check(status["CapBnd"] == "0" * 16, f"{name}: CapBnd {status['CapBnd']}")
        s.hang_up()
        s.wait_log("main.* info reloaded ")
        s.deliver_soon("second")
        (old,) = s.roles("store")
        os.kill(old, 9)
        s.wait_role("store", other_than=[old])
        s.deliver_soon("third")
        for sub in ("warning sandbox", "error sandbox"):
            check(sub not in s.log_text(), "a part of its own sandbox is missing")
        s.stop()


TESTS = [
    the_unit_for_virtual_accounts_is_exposed_by_no_more_than_1_5,
    an_open_network_keeps_it_there,
    the_drop_in_for_system_accounts_is_understood,
    every_group_of_directives_is_explained,
    the_daemon_serves_under_the_unit,
]

if __name__ == "__main__":
    sys.exit(run(TESTS))
