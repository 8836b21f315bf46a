#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Limits that need more than one dialogue to be met: TLS handshakes at once, what a proxy says of TLS, and a flood on TCP
beside the unix socket. Numbers are those of the metrics role. The last line is "N passed, N failed"."""

import glob
import http.client
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import threading

from certificates import Authority
from harness import ROOT, Daemon, Tests, expect, trace_of, until
from private_daemon import free_ports
from tls_client import Client, context

FOLDER = tempfile.mkdtemp(prefix="doorstep-limits.")
EHLO = "EHLO client.example.com"
LHLO = "LHLO client.example.com"
ACCOUNTS = "ann bob cid dan".split()


class Metrics(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


class Setup:
    """A daemon with accounts and numbers; a `with` block ends it, and looks how it ended."""

    def __init__(self, more="", **sections):
        self.metrics = f"{tempfile.mkdtemp(dir=FOLDER)}/metrics.sock"
        self.opened = []  # a client that stays would be waited for at the end
        self.daemon = Daemon(more=f'metrics {{ address = "unix:{self.metrics}" }}\nedges = 1\n{more}', **sections)

    def __enter__(self):
        self.daemon.start()
        for user in ACCOUNTS:
            self.daemon.tool("account", "add", f"{user}@example.org")
        return self

    def __exit__(self, failure, *_):
        for c in self.opened:
            c.socket.close()
        try:
            if failure is None:
                self.daemon.end()
        finally:
            if self.daemon.process is not None:
                self.daemon.kill()
            self.daemon.remove()

    def value(self, name, label=""):
        """Of a sample, all roles together."""
        connection = Metrics(self.metrics)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        found = re.findall(rf"^{name}(\{{[^}}]*\}})? (\S+)", text, re.MULTILINE)
        return sum(float(number) for labels, number in found if label in labels)

    def hits(self, limit):
        return self.value("doorstep_limits_hit_total", f'limit="{limit}"')

    def client(self, protocol="lmtp", transport="tcp"):
        self.opened.append(Plain(self.daemon.connect(protocol, transport, 60)))
        return self.opened[-1]


class Plain(Client):
    """A client on a socket that is there already, greeted."""

    def __init__(self, connected, greeting=220):
        self.socket, self.name, self.rest = connected, "mx.example.org", b""
        self.want(greeting)


# --- handshakes at once ---


def stall(port):
    """A connection that holds a place for a handshake, and never begins one."""
    return socket.create_connection(("127.0.0.1", port), 60)


def handshakes(busy):
    """One at a time; what a handshake may take while others wait is `busy`."""
    ca = Authority(FOLDER, f"ca-{busy}")
    pair = ca.issue(f"mx-{busy}", ["mx.example.org"])
    (port,) = free_ports(1)
    setup = Setup(
        in_smtp="tls = offered\n" + pair.settings(),
        in_lmtp="tls = offered\n" + pair.settings(),
        more=f"""
            limits {{ handshakes = 1 exempt = {{}} }}
            timeouts {{ handshake = 3s handshake_busy = {busy} }}
            listen smtp {{ address = {{"127.0.0.1:{port}"}} tls = implicit {pair.settings()} }}
        """,
    )
    return setup, port, ca


def one_that_stalls_is_not_waited_for():
    setup, port, ca = handshakes("200ms")
    with setup:
        stalled = stall(port)
        until(lambda: setup.value("doorstep_tls_handshakes_open") == 1, "a handshake is under way")
        c = setup.client("smtp")
        c.want(250, EHLO)
        c.start_tls(context(ca.pem))  # waits for its 220
        c.want(250, EHLO)
        c.deliver("ann@example.org")
        expect(stalled.recv(1) == b"", "the one that stalls is still there")
        expect(setup.hits("handshakes") == 1, "the limit was not counted")
        expect(setup.hits("timeout_handshake") == 1, "its end was not counted")
        implicit = Client(port, context(ca.pem))
        implicit.want(220)
        until(lambda: setup.value("doorstep_tls_handshakes_open") == 0, "no handshake is under way")
        expect(setup.value("doorstep_tls_handshakes_waiting") == 0, "somebody still waits")
        for c in (c, implicit):
            c.socket.close()


def too_many_hear_421():
    setup, port, ca = handshakes("3s")
    with setup:
        holder = stall(port)
        until(lambda: setup.value("doorstep_tls_handshakes_open") == 1, "a handshake is under way")
        time.sleep(0.5)  # so that it is the next to begin when the first one's time is over, and not over itself
        waiters = [stall(port)]
        until(lambda: setup.value("doorstep_tls_handshakes_waiting") == 1, "another waits")
        c = setup.client("smtp")
        c.want(250, EHLO)
        c.send(b"STARTTLS\r\n")
        until(lambda: setup.value("doorstep_tls_handshakes_waiting") == 2, "STARTTLS waits")
        waiters.append(stall(port))
        local = setup.client("lmtp", "unix")  # the MTA beside us waits for nobody
        local.want(250, LHLO)
        local.start_tls(context(ca.pem))
        local.want(250, LHLO)
        local.deliver("bob@example.org")
        expect(holder.recv(1) == b"", "the first one is still there")
        c.want("421 4.7.0")
        c.is_closed()
        expect(waiters[1].recv(1) == b"", "one that waited in vain under implicit TLS is still there")
        expect(setup.hits("handshakes") == 3, "not all that waited were counted")
        for gone in (*waiters, local.socket):
            gone.close()


def those_that_vanish_make_room():
    setup, port, ca = handshakes("3s")
    with setup:
        crowd = [stall(port) for _ in range(20)]
        until(lambda: setup.value("doorstep_tls_handshakes_waiting") == 19, "all others wait")
        for gone in crowd:
            gone.close()
        c = Client(port, context(ca.pem))
        c.want(220)
        c.want(250, EHLO)
        c.deliver("cid@example.org")
        until(lambda: setup.value("doorstep_tls_handshakes_open") == 0, "no handshake is under way")
        c.socket.close()


# --- TLS that a proxy ended ---


def tlv(kind, value):
    return struct.pack(">BH", kind, len(value)) + value


def ssl_tlv(flags, verify, *parts):
    return tlv(0x20, struct.pack(">BI", flags, verify) + b"".join(parts))


def header(*tlvs):
    body = socket.inet_aton("192.0.2.7") + socket.inet_aton("192.0.2.1") + struct.pack(">HH", 56324, 25) + b"".join(tlvs)
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", len(body)) + body


VERSION = tlv(0x21, b"TLSv1.3")
CIPHER = tlv(0x23, b"TLS_AES_256_GCM_SHA384")
ANN = tlv(0x22, b"ann@example.org")


def proxied_setup():
    ca = Authority(FOLDER, "ca-proxied")
    pair = ca.issue("mx-proxied", ["mx.example.org"])
    (port,) = free_ports(1)
    trust = 'proxy_protocol = yes proxy_trusted = {"127.0.0.1/32"} tls = offered ' + pair.settings()
    setup = Setup(
        in_smtp=trust,
        more=f"""
            listen smtp {{ address = {{"127.0.0.1:{port}"}} require = client_cert auth = yes {trust}
                client_ca = "{ca.pem}" }}
        """,
    )
    return setup, port, ca


def behind(port, *tlvs):
    s = socket.create_connection(("127.0.0.1", port), 60)
    s.sendall(header(*tlvs))
    return Plain(s)


def a_proxys_tls_is_the_sessions(setup):
    c = behind(setup.daemon.ports["smtp"], ssl_tlv(0x01, 1, VERSION, CIPHER), tlv(0x02, b"mx.example.org"), tlv(0x01, b"smtp"))
    said = c.want(250, EHLO)
    expect("STARTTLS" not in said and "250-REQUIRETLS" in said, said)
    c.want("503 5.5.1", "STARTTLS")
    c.deliver("ann@example.org", parameters=" REQUIRETLS")
    (stored,) = setup.daemon.messages("ann/new")
    trace = "\n".join(trace_of(stored))
    expect(re.search(r"\(using TLSv1\.3 with cipher TLS_AES_256_GCM_SHA384\) by .* with ESMTPS id ", trace), trace)
    log = setup.daemon.log_text()
    expect(re.search(r" tls id=\S+ version=TLSv1\.3 cipher=TLS_AES_256_GCM_SHA384 server_name=mx.example.org .*by=proxy", log), log[-2000:])
    expect(re.search(r" proxied .*alpn=smtp authority=mx\.example\.org", log), log[-2000:])


def without_tls_starttls_is_offered(setup):
    c = behind(setup.daemon.ports["smtp"], ssl_tlv(0x00, 0, VERSION))
    said = c.want(250, EHLO)
    expect("250-STARTTLS" in said and "REQUIRETLS" not in said, said)


def its_certificate_counts_when_it_was_good(setup, port):
    c = behind(port, ssl_tlv(0x05, 0, VERSION, CIPHER, ANN))
    c.want(250, EHLO)
    c.deliver("bob@example.org")
    for flags, verify in ((0x01, 0), (0x05, 18), (0x04, 0)):
        c = behind(port, ssl_tlv(flags, verify, VERSION, CIPHER, ANN))
        c.want(250, EHLO)
        c.want("530 5.7.0", "MAIL FROM:<bob@example.com>")


def its_certificate_logs_in(setup, port):
    c = behind(port, ssl_tlv(0x05, 0, VERSION, CIPHER, ANN))
    said = c.want(250, EHLO)
    expect("EXTERNAL" in said and "PLUS" not in said, said)
    c.want("235", "AUTH EXTERNAL =")
    c.deliver("cid@example.org")
    (stored,) = setup.daemon.messages("cid/new")
    expect(b"with ESMTPSA id" in stored, stored[:600])


def hostile_texts_stay_texts(setup):
    c = behind(setup.daemon.ports["smtp"], ssl_tlv(0x01, 1, tlv(0x21, b"TLS(v) \xff"), tlv(0x23, b")\\evil(")))
    c.want(250, EHLO)
    c.deliver("dan@example.org")
    (stored,) = setup.daemon.messages("dan/new")
    trace = "\n".join(trace_of(stored))
    expect("(using TLS?v? ? with cipher ??evil?)" in trace, trace)
    s = socket.create_connection(("127.0.0.1", setup.daemon.ports["smtp"]), 60)
    s.sendall(header(ssl_tlv(0x01, 1, tlv(0x21, b"TLSv1.3\r\n220"))))
    expect(s.recv(1) == b"", "a header with control octets was taken")


def starttls_behind_a_proxy(setup, ca):
    """TLS of our own takes the place of nothing, and what came with the header is its first."""
    c = behind(setup.daemon.ports["smtp"])
    c.want(250, EHLO)
    c.start_tls(context(ca.pem))
    c.want(250, EHLO)


# --- each limit is met, answered and counted ---


class Stopped:
    """A role that does not run while the block does."""

    def __init__(self, setup, role):
        self.pids = [pid for pid in children(setup.daemon.process.pid) if role_of(pid) == role]
        expect(self.pids, f"there is no {role}")

    def __enter__(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)

    def __exit__(self, *_):
        for pid in self.pids:
            os.kill(pid, signal.SIGCONT)


def children(main):
    with open(f"/proc/{main}/task/{main}/children") as f:
        return [int(pid) for pid in f.read().split()]


def role_of(pid):
    with open(f"/proc/{pid}/comm") as f:
        return f.read().strip().removeprefix("doorstep-")


def greeted(setup, transport="tcp"):
    c = setup.client("lmtp", transport)
    c.want(250, LHLO)
    return c


def begun(setup, sender="bob@example.com"):
    c = greeted(setup)
    c.want(250, f"MAIL FROM:<{sender}>")
    return c


def counted(setup, limit):
    until(lambda: setup.hits(limit) > 0, f"{limit} is counted")


def small_limits():
    return Setup(
        more="""
            limits { message_size = 64K recipients = 2 command_line = 512 errors = 3 transactions = 2 }
            timeouts { data = 300ms write = 300ms }
        """
    )


def message_size(setup):
    greeted(setup).want("552 5.3.4", "MAIL FROM:<bob@example.com> SIZE=65537")
    counted(setup, "message_size")


def recipients(setup):
    c = begun(setup)
    for user in ("ann", "bob"):
        c.want(250, f"RCPT TO:<{user}@example.org>")
    c.want("452 4.5.3", "RCPT TO:<cid@example.org>")
    counted(setup, "recipients")


def command_line(setup):
    greeted(setup).want("500 5.5.2", "NOOP " + "x" * 600)
    counted(setup, "command_line")


def errors(setup):
    c = greeted(setup)
    for _ in range(3):
        c.want("500", "WHAT")
    c.want("421 4.7.0", "WHAT")
    c.is_closed()
    counted(setup, "errors")


def transactions(setup):
    c = greeted(setup)
    for _ in range(2):
        c.deliver("ann@example.org")
    c.want("421 4.7.0", "MAIL FROM:<bob@example.com>")
    counted(setup, "transactions")


def data_in_time(setup):
    c = begun(setup)
    c.want(250, "RCPT TO:<ann@example.org>")
    c.want(354, "DATA")
    c.want("421 4.4.2")
    counted(setup, "timeout_data")


def reading_in_time(setup):
    """Replies that nobody reads fill the socket, then the connection is closed."""
    c = greeted(setup, "unix")
    try:
        c.send((LHLO + "\r\n").encode() * 900)
    except ConnectionError:
        pass
    counted(setup, "timeout_write")
    c.is_closed()


def slow_parts(timeouts):
    return Setup(
        more=f"""
            limits {{ lookups = 88 memory = 1M message_memory = 64K exempt = {{}} unknown_recipients = none tarpit_recipients = none }}
            timeouts {{ {timeouts} }}
            sorters = 1
        """
    )


def questions_are_bounded(setup):
    """The store hangs, and finds more questions than it may ask at a time when it goes on. Clients from the network
    leave a quarter of the places to those who are near, who come last here."""
    local = setup.client("lmtp", "unix")
    local.want(250, LHLO)
    local.want(250, "MAIL FROM:<bob@example.com>")
    near = b"".join(b"RCPT TO:<near%d@example.org>\r\n" % k for k in range(16))
    clients = [begun(setup) for _ in range(4)]
    before = setup.value("doorstep_received_bytes_total")
    lines = [b"".join(b"RCPT TO:<u%d.%d@example.org>\r\n" % (i, k) for k in range(64)) for i in range(4)]
    with Stopped(setup, "store"):
        for c, said in zip(clients, lines):
            c.send(said)
        size = sum(len(said) for said in lines)
        until(lambda: setup.value("doorstep_received_bytes_total") >= before + size, "the edge has read it all")
        local.send(near)
        size += len(near)
        until(lambda: setup.value("doorstep_received_bytes_total") >= before + size, "the edge has read that, too")
    codes = {c.read()[:9] for c in clients for _ in range(64)}
    expect(codes == {"550 5.1.1", "451 4.3.2"}, codes)
    codes = {local.read()[:9] for _ in range(16)}
    expect(codes == {"550 5.1.1"}, f"who is near got {codes}")
    counted(setup, "lookups")


def answers_in_time(setup):
    c = begun(setup)
    with Stopped(setup, "store"):
        c.want("451 4.3.0", "RCPT TO:<ann@example.org>")
    counted(setup, "timeout_answer")


def waits_for_a_sorter(setup):
    first, second = (begun(setup) for _ in range(2))
    with Stopped(setup, "sorter"):
        for c in (first, second):
            c.want(250, "RCPT TO:<ann@example.org>")
            c.want(354, "DATA")
            c.send(b"Subject: x\r\n\r\nhi\r\n.\r\n")
            if c is first:  # of two in one turn the sorter would be given both
                until(lambda: setup.value("doorstep_queued", 'queue="sort"') > 0, "the first is there")
        counted(setup, "sort_wait")
    said = sorted(c.read()[:9] for c in (first, second))
    expect(said == ["250 2.1.5", "451 4.3.2"], said)


def memory_of_envelopes(setup):
    """Long envelopes of messages that wait: a quarter of what messages may have in memory."""
    waiting = []
    with Stopped(setup, "sorter"):
        for _ in range(8):
            c = begun(setup)
            lines = "".join(f"RCPT TO:<ann+{i:055d}@example.org>\r\n" for i in range(1000))
            c.send(lines.encode())
            for _ in range(1000):
                c.want(250)
            c.want(354, "DATA")
            c.send(b"Subject: x\r\n\r\nhi\r\n.\r\n")
            waiting.append(c)
        counted(setup, "memory")
    codes = {c.read()[:9] for c in waiting}
    expect("451 4.3.0" in codes, codes)


def disk_free():
    """A disk of its own, filled by somebody else and emptied again."""
    disk = tempfile.mkdtemp(dir=FOLDER)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", disk], check=True)
    try:
        with Setup(more="limits { disk_free = 2M }", state=f"{disk}/state") as setup:
            greeted(setup).deliver("ann@example.org")
            with open(f"{disk}/ballast", "wb") as f:
                free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
                f.write(b"x" * (free - (1 << 20)))
            c = greeted(setup)
            until(lambda: c.say("RSET") and c.say("MAIL FROM:<bob@example.com>").startswith("452 4.3.1"), "452")
            counted(setup, "disk_free")
            os.unlink(f"{disk}/ballast")
            until(lambda: c.say("MAIL FROM:<bob@example.com>").startswith("250"), "mail is taken again")
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


# --- a flood on TCP ---


def flood(ports, over):
    """Connections from many addresses, held while there is room, at once tried again."""
    held, n = [], 0
    while not over.is_set():
        s = socket.socket()
        s.settimeout(5)
        try:
            s.bind((f"127.0.{1 + n % 4}.{1 + n % 50}", 0))
            s.connect(("127.0.0.1", ports[n % len(ports)]))
            held.append(s)
        except OSError:
            s.close()
        n += 1
        for old in held[:-300]:
            old.close()
        del held[:-300]
    for s in held:
        s.close()


def mail_beside_a_flood():
    setup = Setup(more="limits { connections = 100 network_connections = 10 exempt = {} }")
    with setup:
        over = threading.Event()
        ports = (setup.daemon.ports["smtp"], setup.daemon.ports["lmtp"])
        threads = [threading.Thread(target=flood, args=(ports, over)) for _ in range(2)]
        for t in threads:
            t.start()
        try:
            counted(setup, "connections")
            for i in range(8):
                c = greeted(setup, "unix")
                c.deliver(f"{ACCOUNTS[i % len(ACCOUNTS)]}@example.org")
                c.want(221, "QUIT")
                c.socket.close()
        finally:
            over.set()
            for t in threads:
                t.join()
        expect(sum(len(setup.daemon.messages(f"{user}/new")) for user in ACCOUNTS) == 8, "not all mail arrived")


def one_network_is_not_all():
    """Half of all places for one network; another one still gets in."""
    with Setup(more="limits { connections = 100 network_connections = 10 exempt = {} }") as setup:
        port = setup.daemon.ports["lmtp"]

        def connect(address):
            s = socket.socket()
            s.settimeout(30)
            s.bind((address, 0))
            s.connect(("127.0.0.1", port))
            return s

        ours = [connect("127.0.0.2") for _ in range(10)]
        for s in ours:
            Plain(s)
        Plain(connect("127.0.0.2"), 421)
        counted(setup, "network_connections")
        Plain(connect("127.0.0.3")).want(250, LHLO)
        for s in ours:
            s.close()


def the_table_has_each_limit():
    """docs/limits.md names every counter, and the defaults that rows.c has."""
    with open(f"{ROOT}/include/doorstep/metrics_labels.h") as f:
        counters = re.findall(r'VALUE\(METRICS_LIMIT_\w+, "(\w+)"\)', f.read())
    with open(f"{ROOT}/docs/limits.md") as f:
        rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in f if line.startswith("| `")]
    named = {counter for row in rows for counter in re.findall(r"`(\w+)`", row[2])}
    expect(named == set(counters), f"{named ^ set(counters)}")
    with open(f"{ROOT}/src/config/rows.c") as f:
        source = f.read()
    for row in rows:
        setting = re.findall(r"`(\w+)`", row[0])[0]
        default = re.search(rf'{{"{setting}", KIND_\w+, [\w |]+, "(\w+)",\s[^}}]*AT\(settings_(limits|timeouts)', source)
        expect(default is not None, f"rows.c has no {setting}")
        expect(row[1].startswith(default.group(1)), f"{setting}: {row[1]!r}, not {default.group(1)!r}")


def each_limit_is_met_by_a_test():
    """Every counter is looked at by a check here or by a dialogue, where its log line is: limit_hit() makes both."""
    with open(f"{ROOT}/include/doorstep/metrics_labels.h") as f:
        counters = set(re.findall(r'VALUE\(METRICS_LIMIT_\w+, "(\w+)"\)', f.read()))
    with open(__file__) as f:
        met = set(re.findall(r'(?:counted\(setup, |hits\()"(\w+)"\)', f.read()))
    for path in glob.glob(f"{ROOT}/tests/session/*.txt"):
        with open(path, "rb") as f:
            met |= set(re.findall(r"^log: .*limit name=(\w+)", f.read().decode(errors="replace"), re.MULTILINE))
    expect(counters <= met, f"no test meets {counters - met}")


def name(check):
    return check.__name__.replace("_", " ")


def main():
    tests = Tests("limits")
    try:
        for check in (one_that_stalls_is_not_waited_for, too_many_hear_421, those_that_vanish_make_room):
            tests.run(name(check), check)
        setup, port, ca = proxied_setup()
        with setup:
            for check in (a_proxys_tls_is_the_sessions, without_tls_starttls_is_offered, hostile_texts_stay_texts):
                tests.run(name(check), check, setup)
            for check in (its_certificate_counts_when_it_was_good, its_certificate_logs_in):
                tests.run(name(check), check, setup, port)
            tests.run(name(starttls_behind_a_proxy), starttls_behind_a_proxy, setup, ca)
        with small_limits() as setup:
            for check in (message_size, recipients, command_line, errors, transactions, data_in_time, reading_in_time):
                tests.run(name(check), check, setup)
        for check, timeouts in (
            (questions_are_bounded, "answer = 1min"),
            (answers_in_time, "answer = 300ms"),
            (waits_for_a_sorter, "sort = 1min sort_wait = 300ms"),
            (memory_of_envelopes, "sort = 1min sort_wait = 1min"),
        ):
            with slow_parts(timeouts) as setup:
                tests.run(name(check), check, setup)
        for check in (
            mail_beside_a_flood, one_network_is_not_all, the_table_has_each_limit, each_limit_is_met_by_a_test,
        ):  # fmt: skip
            tests.run(name(check), check)
        if os.geteuid() == 0:
            tests.run(name(disk_free), disk_free)
        else:
            tests.skip(name(disk_free), "needs root")
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)
    tests.end()


if __name__ == "__main__":
    main()
