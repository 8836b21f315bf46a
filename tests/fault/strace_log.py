# SPDX-License-Identifier: MIT
"""Reads a log of strace -f -y: each system call as it begins and as it ends, in the order in which
the kernel saw them."""

import re
from dataclasses import dataclass, field

CALLS = (
    "openat,openat2,creat,read,recvfrom,recvmsg,write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,fsync,fdatasync,"
    "syncfs,sync,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,"
    "ftruncate,truncate,fallocate,copy_file_range,sendfile,splice,io_uring_setup"
)
OCTETS = 1 << 20  # of each string: what the journal gathers into one write
COMMAND = ["strace", "-D", "-f", "-y", "-s", str(OCTETS), "-e", f"trace={CALLS}", "-e", "signal=none"]

PLACE = r"(?:[^<>\\]|->|\\.)*"
DESCRIPTOR = re.compile(rf"(-?\w+)<({PLACE})>(\(deleted\))?")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
WHOLE = re.compile(rf"(\w+)\((.*)\)\s+= (-?\d+|\?)(?:<({PLACE})>)?")
UNFINISHED = re.compile(r"(\w+)\((.*) <unfinished \.\.\.>$")
RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)$")


@dataclass
class Call:
    """One system call; `result` is None while it runs."""

    name: str
    text: str  # the arguments, as printed
    result: int | None = None
    opened: str = ""  # where the descriptor leads that it gave
    files: list = field(default_factory=list)  # where its descriptors lead, in order

    def strings(self):
        return STRING.findall(self.text)


def make_call(name, text, result=None, opened=""):
    files = [m.group(2) for m in DESCRIPTOR.finditer(STRING.sub('""', text))]
    return Call(name, text, result, opened or "", files)


def events(lines):
    """(True, call) as each call begins, (False, the same call) as it ends."""
    running = {}
    for line in lines:
        process, _, rest = line.rstrip("\n").partition(" ")
        rest = rest.lstrip()
        if found := UNFINISHED.match(rest):
            running[process] = make_call(*found.groups())
            yield True, running[process]
            continue
        if found := RESUMED.match(rest):
            begun = running.pop(process, None)
            if begun is None:
                continue
            found = WHOLE.match(f"{begun.name}({begun.text}{found.group(2)}")
            if found is not None and found.group(3) != "?":
                ended = make_call(found.group(1), found.group(2), int(found.group(3)), found.group(4))
                begun.text, begun.result = ended.text, ended.result
                begun.opened, begun.files = ended.opened, ended.files
                yield False, begun
            continue
        found = WHOLE.match(rest)
        if found is not None and found.group(3) != "?":
            call = make_call(found.group(1), found.group(2), int(found.group(3)), found.group(4))
            yield True, call
            yield False, call
