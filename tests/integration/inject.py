# SPDX-License-Identifier: MIT
"""System calls from inside a running process: it is stopped with ptrace(2) where it waits in a call,
and made to do another one. So what is tried is tried by the real program, in its own sandbox."""

import ctypes
import os
import signal
import struct
import sys
import time

libc = ctypes.CDLL(None, use_errno=True)

CONTINUE, GETREGS, SETREGS, SINGLESTEP, SEIZE, INTERRUPT, DETACH = 7, 12, 13, 9, 0x4206, 0x4207, 17
WALL = 0x40000000
INSTRUCTION = b"\x0f\x05"  # syscall
IS_SUPPORTED = sys.platform == "linux" and os.uname().machine == "x86_64"

REGISTERS = (
    "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
    "fs_base gs_base ds es fs gs"
).split()
LAYOUT = struct.Struct(f"{len(REGISTERS)}Q")

CALLS = {
    "sendto": 44, "recvfrom": 45, "socket": 41, "connect": 42, "bind": 49, "listen": 50, "socketpair": 53,
    "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "kill": 62, "getpid": 39,
    "ptrace": 101, "setuid": 105, "capset": 126, "prctl": 157, "chroot": 161, "mount": 165,
    "tkill": 200, "keyctl": 250, "openat": 257, "mknodat": 259, "symlinkat": 266, "linkat": 265,
    "unshare": 272, "setns": 308, "perf_event_open": 298, "process_vm_readv": 310, "bpf": 321,
    "execveat": 322, "userfaultfd": 323, "mmap": 9, "prlimit64": 302, "personality": 135,
    "pidfd_open": 434, "io_uring_setup": 425, "clone3": 435, "open_by_handle_at": 304,
    "init_module": 175, "setgroups": 116, "unlinkat": 263, "renameat": 264, "fchmodat": 268,
    "memfd_create": 319, "msgget": 68, "shmget": 29, "add_key": 248, "rt_sigqueueinfo": 129,
}  # fmt: skip


class Stopped:
    """A thread that is stopped, and goes on at the end of the block, if it still lives."""

    def __init__(self, tid):
        self.tid = tid
        self.is_dead = False

    def _ptrace(self, request, address=0, data=0):
        got = libc.ptrace(
            request, self.tid, ctypes.c_void_p(address), ctypes.c_void_p(data)
        )
        if got < 0:
            raise OSError(ctypes.get_errno(), f"ptrace {request}")
        return got

    def _wait(self):
        """None: stopped again; else the signal that ended it."""
        _, status = os.waitpid(self.tid, WALL)
        if os.WIFSTOPPED(status):
            return None
        self.is_dead = True
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0

    def __enter__(self):
        """Stopped where it waits; one that is at work is left alone for a while."""
        self._ptrace(SEIZE)
        for _ in range(500):
            self._ptrace(INTERRUPT)
            self._wait()
            self.saved = self._registers()
            if self._memory(self.saved["rip"] - len(INSTRUCTION), size=2) == INSTRUCTION:
                return self
            self._ptrace(CONTINUE)
            time.sleep(0.02)
        raise OSError(f"{self.tid} waits in no call")

    def __exit__(self, *_):
        if not self.is_dead:
            self._set(self.saved)
            self._ptrace(DETACH)

    def _registers(self):
        space = ctypes.create_string_buffer(LAYOUT.size)
        self._ptrace(GETREGS, 0, ctypes.addressof(space))
        return dict(zip(REGISTERS, LAYOUT.unpack(space.raw)))

    def _set(self, registers):
        space = ctypes.create_string_buffer(LAYOUT.pack(*(registers[r] for r in REGISTERS)))
        self._ptrace(SETREGS, 0, ctypes.addressof(space))

    def _memory(self, address, data=None, size=0):
        fd = os.open(f"/proc/{self.tid}/mem", os.O_RDWR)
        try:
            return os.pwrite(fd, data, address) if data is not None else os.pread(fd, size, address)
        finally:
            os.close(fd)

    def call(self, number, *arguments):
        """The call's result (below 0: an errno), or "killed" and the signal's name. Arguments are
        numbers, or octets, which are put below the stack."""
        registers = dict(self.saved)
        registers["rip"] -= len(INSTRUCTION)
        room = (registers["rsp"] - 8192) & ~15
        values = []
        for argument in arguments:
            if isinstance(argument, bytes):
                self._memory(room, argument + b"\0")
                argument, room = room, (room + len(argument) + 16) & ~15
            values.append(argument & (1 << 64) - 1)
        registers |= dict(zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), values + [0] * 6))
        registers |= {"rax": number, "orig_rax": (1 << 64) - 1}
        self._set(registers)
        self._ptrace(SINGLESTEP)
        ended = self._wait()
        if ended is not None:
            return f"killed {signal.Signals(ended).name}"
        got = self._registers()["rax"]
        return got - (1 << 64) if got >= 1 << 63 else got
