# SPDX-License-Identifier: MIT
"""What logdisk.c has written down, and the disks as a power cut would have left them at any point of it.

A disk keeps its promise of a flush and no other: what was written since may be there, or not, in any
order, in pieces of 4 KiB."""

import random
import struct
from dataclasses import dataclass

ENTRY = struct.Struct("=cBxxIQ")
BLOCK = 4096  # what a disk writes all or nothing of


@dataclass
class Entry:
    type: str  # W written, F flushed, N note
    disk: int
    offset: int
    data: bytes


def read_log(path):
    entries = []
    with open(path, "rb") as f:
        while len(head := f.read(ENTRY.size)) == ENTRY.size:
            kind, disk, octets, offset = ENTRY.unpack(head)
            data = f.read(octets)
            if len(data) < octets:  # it ended in the middle
                break
            entries.append(Entry(kind.decode(), disk, offset, data))
    return entries


class Replay:
    """Images that go forward through a log. `on_note` hears each note as it is passed."""

    def __init__(self, entries, images, on_note):
        self.entries = entries
        self.files = [open(image, "r+b", buffering=0) for image in images]
        self.waiting = [[] for _ in images]  # written since the disk's last flush
        self.on_note = on_note
        self.at = 0

    def go_to(self, point):
        """The images hold what is certain after so many entries; `waiting` is what is not."""
        for entry in self.entries[self.at : point]:
            if entry.type == "W":
                self.waiting[entry.disk].append(entry)
            elif entry.type == "N":
                self.on_note(entry.data)
            else:
                for written in self.waiting[entry.disk]:
                    put(self.files[entry.disk], written.offset, written.data)
                self.waiting[entry.disk].clear()
        self.at = point

    def pieces(self, disk, how, seed):
        """(offset, octets) of what else may be on the disk: nothing, everything, or some of it."""
        if how == "nothing":
            return
        chance = random.Random(seed)
        for entry in self.waiting[disk]:
            fate = "whole" if how == "everything" else chance.choice(["whole", "gone", "torn"])
            if fate == "whole":
                yield entry.offset, entry.data
            elif fate == "torn":
                yield from torn(entry, chance)

    def close(self):
        for f in self.files:
            f.close()


def torn(entry, chance):
    """Some of its blocks, cut where the disk's blocks are."""
    at = 0
    while at < len(entry.data):
        n = BLOCK - (entry.offset + at) % BLOCK
        if chance.random() < 0.5:
            yield entry.offset + at, entry.data[at : at + n]
        at += n


def put(f, offset, data):
    f.seek(offset)
    f.write(data)
