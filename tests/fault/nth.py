# SPDX-License-Identifier: MIT
"""Steers nth.so: gives it an order, and says which calls it counted. The structs are those of nth.h."""

import ctypes
import errno
import mmap
import os
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CALLS_MAX = 16384
COUNT, KILL, TORN, FAIL, SHORT = range(5)


class Order(ctypes.Structure):
    _fields_ = [
        ("kind", ctypes.c_uint32),
        ("nth", ctypes.c_uint32),
        ("error", ctypes.c_int32),
        ("match", ctypes.c_char * 256),
    ]


class Call(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char * 24),
        ("path", ctypes.c_char * 232),
        ("inode", ctypes.c_uint64),
        ("thread", ctypes.c_char * 16),
        ("is_hit", ctypes.c_uint32),
    ]


class Seen:
    """A call that was counted."""

    def __init__(self, call):
        self.name, self.path = call.name.decode(), call.path.decode()
        self.thread = call.thread.decode()
        self.inode, self.is_hit = call.inode, call.is_hit != 0


class Memory(ctypes.Structure):
    _fields_ = [
        ("order", Order),
        ("then", Order),
        ("daemon", ctypes.c_uint32),
        ("armed", ctypes.c_uint32),
        ("counted", ctypes.c_uint32),
        ("starts", ctypes.c_uint32),
        ("pid", ctypes.c_int32),
        ("hits", ctypes.c_uint32),
        ("calls", ctypes.c_uint32),
        ("syncing", ctypes.c_uint32),
        ("hit", Call * 2),
        ("call", Call * CALLS_MAX),
    ]


def order(kind, nth, error=None, match=""):
    return Order(kind, nth, getattr(errno, error) if error else 0, match.encode())


class Nth:
    """One library and one page of memory; each daemon is started with its `environment`."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="doorstep-nth.")
        self.library = f"{self.folder}/nth.so"
        subprocess.run(
            ["cc", "-O1", "-shared", "-fPIC", "-D_GNU_SOURCE", "-Wno-nonnull-compare", "-o", self.library,
             f"{HERE}/nth.c"],
            check=True,
        )
        self.path = f"{self.folder}/control"
        with open(self.path, "w+b") as f:
            f.truncate(ctypes.sizeof(Memory))
            self.mapped = mmap.mmap(f.fileno(), 0)
        self.memory = Memory.from_buffer(self.mapped)

    def environment(self, root):
        """Of the next daemon: stores that are left from the one before are counted no more."""
        self.memory.daemon += 1
        return {
            "LD_PRELOAD": self.library,
            "NTH_CONTROL": self.path,
            "NTH_ROOT": f"{root}/",
            "NTH_DAEMON": str(self.memory.daemon),
        }

    def arm(self, first, then=None):
        m = self.memory
        m.armed = 0
        m.order = first
        m.then = then if then is not None else order(COUNT, 0)
        m.counted = m.hits = m.calls = 0
        m.armed = 1

    def count(self):
        """Calls are counted, none is hit."""
        self.arm(order(COUNT, 0))

    def disarm(self):
        self.memory.armed = 0

    def counted(self):
        return self.memory.counted

    def is_store_gone(self):
        return not os.path.exists(f"/proc/{self.memory.pid}/exe")  # a zombie has none

    def hits(self):
        """What was hit, as "linkat mail/example.org/ann/new/..." """
        m = self.memory
        return [describe(m.hit[n]) for n in range(min(m.hits, 2))]

    def calls(self):
        """Every call since arm()."""
        m = self.memory
        if m.calls > CALLS_MAX:
            raise OverflowError(f"{m.calls} calls are more than nth.h holds")
        return [Seen(c) for c in m.call[: m.calls]]

    def wait_quiet(self, seconds, at_most=20):
        """Until for so long no call was counted and no sync ran; false: it never became quiet."""
        last, since = self.memory.calls, time.monotonic()
        until = since + at_most
        while time.monotonic() - since < seconds:
            time.sleep(0.005)
            if self.memory.calls != last or self.memory.syncing > 0:
                last, since = self.memory.calls, time.monotonic()
            if since > until:
                return False
        return True

    def remove(self):
        for name in (self.library, self.path):
            os.unlink(name)
        os.rmdir(self.folder)


def describe(call):
    return f"{call.name.decode()} {call.path.decode()}"
