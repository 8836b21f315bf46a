# SPDX-License-Identifier: MIT
"""What idle connections and a large message cost each of Doorstep's processes."""

import os
import resource
import time

import processes
import servers

IDLE_STEPS = (1000, 10000)
DESCRIPTORS = 32768  # on both sides of 10,000 connections
LARGE_OCTETS = 50 * 1000 * 1000
CHUNK = b"x" * 76 + b"\r\n"


class Client:
    """One LMTP connection; every call waits for its reply."""

    def __init__(self, server):
        self.socket = server.connect()
        self.reply()
        self.say(b"LHLO client.example\r\n")

    def reply(self):
        """The last line of a reply."""
        got = b""
        while True:
            lines = got.split(b"\n")[:-1]
            if lines and lines[-1][3:4] != b"-":
                return lines[-1].decode(errors="replace").rstrip("\r")
            piece = self.socket.recv(4096)
            if not piece:
                raise SystemExit("doorstep closed a connection: " + got.decode(errors="replace"))
            got += piece

    def say(self, line):
        self.socket.sendall(line)
        return self.reply()

    def deliver(self, user, octets=1000):
        """The answer to a message of so many octets."""
        self.say(b"MAIL FROM:<load@client.example>\r\n")
        self.say(f"RCPT TO:<{user}@{servers.DOMAIN}>\r\n".encode())
        self.say(b"DATA\r\n")
        self.socket.settimeout(120)
        self.socket.sendall(f"Subject: {octets} octets\r\n\r\n".encode())
        piece = CHUNK * 512
        for _ in range(octets // len(piece)):
            self.socket.sendall(piece)
        self.socket.sendall(CHUNK * (octets % len(piece) // len(CHUNK)))
        return self.say(b".\r\n")

    def close(self):
        self.socket.close()


def roles(server):
    """{pid: role}; main is what was started."""
    found = {}
    for pid in processes.tree(server.pid):
        words = processes.read(f"/proc/{pid}/cmdline").split("\0")
        found[pid] = words[words.index("--role") + 1] if "--role" in words else "main"
    return found


def resident(server):
    """RSS by role; that of the largest process where a role has several."""
    sizes = {}
    for pid, role in roles(server).items():
        sizes[role] = max(sizes.get(role, 0), processes.memory(pid, "VmRSS"))
    return sizes


def growth(before, after, count=1):
    return {role: (after[role] - before[role]) / count for role in sorted(after)}


def idle_connections(server):
    """Octets a connection, by role, between the steps; and whether mail still goes through."""
    held, steps, before = [], [], resident(server)
    for wanted in IDLE_STEPS:
        already = len(held)
        while len(held) < wanted:
            held.append(Client(server))
        time.sleep(0.5)
        after = resident(server)
        steps.append({"open": wanted, "octets_each": growth(before, after, wanted - already)})
        before = after
    newcomer = Client(server)
    answers = [newcomer.deliver("idle"), held[0].deliver("idle"), held[-1].say(b"NOOP\r\n")]
    newcomer.close()
    for client in held:
        client.close()
    return {"steps": steps, "held": len(held), "answers": answers}


def large_message(server):
    """How much each process grew over what it had before, at its peak."""
    client = Client(server)
    client.deliver("large")
    known = roles(server)
    before = {pid: processes.memory(pid, "VmRSS") for pid in known}
    for pid in known:
        processes.reset_peak(pid)
    began = time.monotonic()
    answer = client.deliver("large", LARGE_OCTETS)
    seconds = time.monotonic() - began
    grown = {}
    for pid, role in known.items():
        more = processes.memory(pid, "VmHWM") - before[pid]
        grown[role] = max(grown.get(role, 0), more)
    client.close()
    return {"octets": LARGE_OCTETS, "seconds": seconds, "answer": answer, "growth": grown}


def raise_descriptors():
    """Both sides of 10,000 connections need them; where they are refused fewer are held."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    for limit in (max(hard, DESCRIPTORS), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            return
        except ValueError:  # only root may raise the hard limit, and not everywhere
            continue


def with_server(folder, build, check):
    server = servers.Doorstep(os.path.join(folder, check.__name__), build, connections=11000)
    try:
        server.start()
        time.sleep(0.5)
        return check(server)
    finally:
        server.end()


def measure(folder, build):
    raise_descriptors()
    result = {}
    for check in (idle_connections, large_message):
        os.mkdir(os.path.join(folder, check.__name__), 0o755)
        result[check.__name__] = with_server(folder, build, check)
    return result
