# SPDX-License-Identifier: MIT
"""What is on stable storage after each system call, if the file system promises no more than POSIX:

 - octets of a file, once a sync of that file has begun after the write ended, and has returned;
 - a name, once a sync of its directory has begun after it was made, and has returned; and so for
   the name of the directory, and of each above it.

No real file system is as hard; what passes here passes on all of them."""

import functools
import os
import re

from strace_log import STRING

ARGUMENT = re.compile(r'\w+<(?P<folder>(?:[^<>\\]|->|\\.)*)>|"(?P<string>(?:[^"\\]|\\.)*)"')
LOGS = (".journal", "-wal")
BY_NUMBER = "/proc/self/fd/"

WRITES = {"write", "pwrite64", "writev", "pwritev", "pwritev2"}
WITH_OFFSET = {"pwrite64", "pwritev", "pwritev2"}
TRUNCATES = {"ftruncate", "truncate", "fallocate"}
BLIND = {"io_uring_setup", "copy_file_range", "sendfile", "splice"}  # not understood here: none may come


class Node:
    """A file or directory."""

    def __init__(self):
        self.written = 0  # when the last write or truncation began or ended
        self.synced = 0  # when the last sync that succeeded began
        self.octets = 0  # that were written in all
        self.pieces = []  # (when, offset, octets, marks) of each write, until something overwrites it
        self.names = {}  # of a directory: when each was made or removed
        self.next = 0  # where a write without an offset goes

    def is_clean(self):
        return self.written < self.synced

    def has(self, marks, octets=0):
        """Were all `marks` written at once, in so many octets, and are they on stable storage?"""
        return any(
            when < self.synced and n >= octets and found.issuperset(marks)
            for when, _, n, found in self.pieces
        )


class Storage:
    """Feed it begin() and end() of every call. `existing` are paths that were there before; `marks` is
    a pattern for the words in written octets that somebody will ask for."""

    def __init__(self, marks, existing=()):
        self.marks = f"(?=({marks}))"  # one may begin within another
        self.nodes = {}
        self.existing = set(existing)
        self.unnamed = {}  # descriptor number -> O_TMPFILE that it was opened for last
        self.now = 0
        self.begun = {}
        self.blind = set()
        self.on_overwritten = lambda path: None  # a file loses what was written before

    def node(self, path):
        return self.nodes.setdefault(path, Node())

    def begin(self, call):
        self.now += 1
        self.begun[id(call)] = self.now
        if call.name in WRITES | TRUNCATES and call.files:
            self.node(call.files[0]).written = self.now
        if call.name in WITH_OFFSET:
            self.overwrite(call.files[0], written_at(call))
        if call.name in BLIND:
            self.blind.add(call.name)

    def end(self, call):
        """What failed has changed nothing that anybody may rely on."""
        self.now += 1
        begun = self.begun.pop(id(call), self.now)
        handler = getattr(self, f"end_{GROUPS.get(call.name, call.name)}", None)
        if handler is not None and call.result >= 0:
            handler(call, begun)

    # ---- octets ----

    def end_write(self, call, _begun):
        node = self.node(call.files[0])
        offset = written_at(call) if call.name in WITH_OFFSET else node.next
        node.written = self.now
        node.octets += call.result
        node.next = offset + call.result
        node.pieces.append((self.now, offset, call.result, marks_in(self.marks, call.text)))

    def overwrite(self, path, offset):
        """In a log that begins anew nothing behind that offset counts any more; elsewhere the page at
        that offset does not."""
        node = self.node(path)
        is_log = path.endswith(LOGS)
        kept = [p for p in node.pieces if p[1] < offset or (not is_log and p[1] != offset)]
        if len(kept) < len(node.pieces):
            node.pieces = kept
            self.on_overwritten(path)

    def end_truncate(self, call, _begun):
        if call.files:
            self.node(call.files[0]).written = self.now

    def end_sync_file(self, call, begun):
        self.node(call.files[0]).synced = begun

    def end_sync_all(self, _call, begun):
        for node in self.nodes.values():
            node.synced = max(node.synced, begun)

    # ---- names ----

    def end_open(self, call, _begun):
        path = call.opened
        if "O_TMPFILE" in call.text:
            self.nodes[path] = Node()
            self.unnamed[str(call.result)] = path
        elif "O_CREAT" in call.text and path not in self.nodes and path not in self.existing:
            self.nodes[path] = Node()
            self.name(path)

    def end_mkdir(self, call, _begun):
        path = self.paths(call)[0]
        self.nodes[path] = Node()
        self.name(path)

    def end_link(self, call, _begun):
        old, new = self.paths(call)
        if old in self.nodes:
            self.nodes[new] = self.nodes[old]
        self.name(new)

    def end_rename(self, call, _begun):
        old, new = self.paths(call)
        self.forget(new)
        for path in [p for p in self.nodes if p == old or p.startswith(old + "/")]:
            self.nodes[new + path[len(old) :]] = self.nodes.pop(path)
        self.name(old)
        self.name(new)

    def end_unlink(self, call, _begun):
        path = self.paths(call)[0]
        self.forget(path)
        self.name(path)

    def forget(self, path):
        self.existing.discard(path)
        if self.nodes.pop(path, None) is not None:
            self.on_overwritten(path)

    def name(self, path):
        self.node(os.path.dirname(path)).names[os.path.basename(path)] = self.now

    def paths(self, call):
        """The paths that a call names, absolute."""
        found, folder = [], ""
        for m in ARGUMENT.finditer(call.text):
            text = m.group("string")
            if text is None:
                folder = m.group("folder")
            elif text.startswith(BY_NUMBER):
                found.append(self.unnamed.get(text[len(BY_NUMBER) :], text))
            else:
                found.append(os.path.normpath(os.path.join(folder, text)) if text else folder)
        return found

    # ---- questions ----

    def is_named(self, path):
        """Would the path lead there after a power cut?"""
        while path != "/":
            path, name = os.path.split(path)
            folder = self.nodes.get(path)
            if folder is not None and folder.names.get(name, 0) > folder.synced:
                return False
        return True

    def changed(self, since):
        """(path, is it on stable storage) of each file written and each name changed since then."""
        for path, node in self.nodes.items():
            if node.written > since:
                yield path, node.is_clean() and self.is_named(path)
            for name, when in node.names.items():
                if when > since:
                    yield f"{path}/{name}", when < node.synced and self.is_named(path)


GROUPS = {
    **dict.fromkeys(WRITES, "write"),
    **dict.fromkeys(TRUNCATES, "truncate"),
    **dict.fromkeys(["fsync", "fdatasync"], "sync_file"),
    **dict.fromkeys(["sync", "syncfs"], "sync_all"),
    **dict.fromkeys(["openat", "openat2", "creat"], "open"),
    **dict.fromkeys(["mkdir", "mkdirat"], "mkdir"),
    **dict.fromkeys(["link", "linkat"], "link"),
    **dict.fromkeys(["rename", "renameat", "renameat2"], "rename"),
    **dict.fromkeys(["unlink", "unlinkat", "rmdir"], "unlink"),
}


def written_at(call):
    """The offset that a call names."""
    numbers = STRING.sub('""', call.text).rsplit(",", 2 if call.name == "pwritev2" else 1)
    return int(numbers[1])


@functools.lru_cache(maxsize=None)
def marks_in(pattern, text):
    """Kept, because the same log is gone through several times."""
    return frozenset(re.findall(pattern, text))
