# SPDX-License-Identifier: MIT
"""The form of a dialogue, and how one is held.

Each *.txt file gets a doorstepd of its own. A line of it is one step; `#` at the start of a line, or
behind two spaces, begins a comment. Set-up, in any order:

    lmtp | smtp             protocol of the connection (lmtp)
    tcp | unix              transport (tcp)
    bytewise                send octet by octet
    config: TEXT            a line more of configuration; config-lmtp:, config-smtp:,
                            config-domain:, config-maildir: inside that section
    account: NAME ARGS      doorstep account add NAME@example.org ARGS (ann and bob exist anyway)
    alias: ARGS             doorstep alias add ARGS

Steps:

    C: TEXT                 the client says TEXT and CRLF
    C< TEXT                 the client sends TEXT alone; \\r \\n \\t \\0 \\\\ \\xHH are octets,
                            \\{1000,TEXT} is TEXT a thousand times
    S: PATTERN              the server's next line; * matches anything
    S* N PATTERN            the server's next N lines, each
    S+ PATTERN              the server's next reply, of one or more lines; each must match
    with: PATTERN           one line of the reply of S+ matches; without: none does
    silence                 nothing comes for a while
    eof                     the server closes
    close | reset | half    the client closes; breaks the connection (RST); ends sending
    connect [lmtp|smtp] [tcp|unix]   another connection takes the place of this one
    aside | back            keeps this connection for later; closes the one after it, and goes back
    wait SECONDS
    tool: ARGS              doorstep ARGS; says: PATTERN - one line of what it printed matches
    disk: PATH N, ...       so many messages in PATH: ann/new, or /example.net/zoe.mbox
    stored: PATH TEXT       the newest message there is TEXT (escapes as in C<), behind our trace
    trace: PATH PATTERN     one trace field of the newest message there, unfolded, matches
    untraced: PATH PATTERN  no trace field does
    index: NAME N           so many messages in NAME's INBOX, says the index
    index: NAME KEY=PATTERN the last of them has these values
    file: PATH TEXT         writes TEXT (escapes) into PATH: mail/example.org/..., state/...
    log: PATTERN            one line of the daemon's log matches
    restart | kill          SIGTERM, or SIGKILL, and a new start; the connection is forgotten
    term                    SIGTERM alone; what is under way goes on

After the last step the daemon must end well on SIGTERM with nothing in any tmp folder."""

import json
import os
import re
import shlex
import socket
import struct
import time

from private_daemon import Daemon, Failure, trace_of, without_trace

SILENCE_SECONDS = 0.3
DISK_SECONDS = 5


ESCAPE = re.compile(r"\\(?:\{(\d+),((?:[^}\\]|\\.)*)\}|x([0-9a-fA-F]{2})|(.))", re.S)


def unescape(text):
    """The octets that a step means, UTF-8 where it is not ASCII."""

    def replace(found):
        times, repeated, octet, other = found.groups()
        if times:
            return ESCAPE.sub(replace, repeated) * int(times)
        if octet:
            return chr(int(octet, 16))
        return {"r": "\r", "n": "\n", "t": "\t", "0": "\0"}.get(other, other)

    octets = text.encode().decode("latin-1")  # one character an octet
    return ESCAPE.sub(replace, octets).encode("latin-1")


def matches(line, pattern):
    """Only * is special: brackets and question marks are frequent in mail."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), line, re.S) is not None


class Line:
    def __init__(self, number, text):
        self.number = number
        text = text.rstrip("\n")
        found = re.match(r"(.*?)(?:\s{2,}#.*)?$", text)
        self.text = found.group(1) if not text.startswith("C<") else text
        self.verb, _, self.rest = self.text.partition(" ")

class Dialogue:
    SET_UP = ("lmtp", "smtp", "tcp", "unix", "bytewise", "config:", "config-lmtp:", "config-smtp:",
              "config-domain:", "config-maildir:", "account:", "alias:")

    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as f:
            lines = [Line(n, text) for n, text in enumerate(f, 1)]
        lines = [line for line in lines if line.text.strip() and not line.text.startswith("#")]
        self.set_up = [line for line in lines if line.verb in self.SET_UP]
        self.steps = [line for line in lines if line.verb not in self.SET_UP]
        self.protocol, self.transport, self.bytewise = "lmtp", "tcp", False
        self.accounts, self.aliases = {"ann": [], "bob": []}, []
        self.settings = {}
        self.socket = None
        self.received = b""
        self.aside = []
        self.reply = []
        self.printed = []
        for line in self.set_up:
            self.prepare(line)

    def prepare(self, line):
        if line.verb in ("lmtp", "smtp"):
            self.protocol = line.verb
        elif line.verb in ("tcp", "unix"):
            self.transport = line.verb
        elif line.verb == "bytewise":
            self.bytewise = True
        elif line.verb == "account:":
            name, *arguments = shlex.split(line.rest)
            self.accounts[name] = arguments
        elif line.verb == "alias:":
            self.aliases.append(shlex.split(line.rest))
        else:
            section = line.verb.rstrip(":").replace("config-", "in_").replace("config", "more")
            self.settings[section] = self.settings.get(section, "") + line.rest + "\n"

    # --- steps ---

    def connect(self):
        self.socket = self.daemon.connect(self.protocol, self.transport)
        self.received = b""

    def send(self, octets):
        if self.socket is None:
            self.connect()
        pieces = [octets]
        if self.bytewise:
            pieces = [octets[i : i + 1] for i in range(len(octets))]
        try:
            for piece in pieces:
                self.socket.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass  # what the server said before it closed is still to be read

    def read_line(self):
        if self.socket is None:
            self.connect()
        while b"\n" not in self.received:
            try:
                got = self.socket.recv(65536)
            except socket.timeout:
                raise Failure("the server says nothing") from None
            except ConnectionResetError:
                got = b""
            if not got:
                raise Failure(f"the server closed; left: {self.received!r}")
            self.received += got
        line, self.received = self.received.split(b"\n", 1)
        if not line.endswith(b"\r"):
            raise Failure(f"a reply without CRLF: {line!r}")
        return line[:-1].decode("utf-8", "backslashreplace")

    def step_client(self, rest):
        self.send(rest.encode() + b"\r\n")

    def step_raw(self, rest):
        self.send(unescape(rest))

    def step_server(self, pattern):
        line = self.read_line()
        if not matches(line, pattern):
            raise Failure(f"the server said: {line}")

    def step_server_lines(self, rest):
        times, _, pattern = rest.partition(" ")
        for _ in range(int(times)):
            self.step_server(pattern)

    def step_reply(self, pattern):
        self.reply = []
        while not self.reply or self.reply[-1][3:4] == "-":
            self.reply.append(self.read_line())
        for line in self.reply:
            if not matches(line, pattern):
                raise Failure(f"the server said: {line}")

    def step_with(self, pattern):
        if not any(matches(line[4:], pattern) for line in self.reply):
            raise Failure("not in the reply:\n" + "\n".join(self.reply))

    def step_without(self, pattern):
        if any(matches(line[4:], pattern) for line in self.reply):
            raise Failure("in the reply:\n" + "\n".join(self.reply))

    def step_silence(self, _):
        if self.socket is None:
            self.connect()
        before = self.socket.gettimeout()
        self.socket.settimeout(SILENCE_SECONDS)
        try:
            self.received += self.socket.recv(65536)
        except socket.timeout:
            pass
        self.socket.settimeout(before)
        if self.received:
            raise Failure(f"the server said: {self.received!r}")

    def step_eof(self, _):
        try:
            while got := self.socket.recv(65536):
                self.received += got
        except socket.timeout:
            raise Failure("the server does not close") from None
        except ConnectionResetError:
            pass
        if self.received:
            raise Failure(f"the server said: {self.received!r}")
        self.step_close(None)

    def step_close(self, _):
        if self.socket is not None:
            self.socket.close()
        self.socket = None

    def step_reset(self, _):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.step_close(None)

    def step_half(self, _):
        self.socket.shutdown(socket.SHUT_WR)

    def step_connect(self, rest):
        self.step_close(None)
        for word in rest.split():
            if word in ("lmtp", "smtp"):
                self.protocol = word
            elif word in ("tcp", "unix"):
                self.transport = word
            else:
                raise Failure(f"connect {word}?")
        self.connect()

    def step_aside(self, _):
        self.aside.append((self.socket, self.received))
        self.socket = None

    def step_back(self, _):
        self.step_close(None)
        self.socket, self.received = self.aside.pop()

    def step_wait(self, rest):
        time.sleep(float(rest))

    def step_tool(self, rest):
        words = shlex.split(rest.replace("{folder}", self.daemon.folder))
        self.printed = self.daemon.tool(*words).decode(errors="replace").splitlines()

    def step_says(self, pattern):
        if not any(matches(line, pattern) for line in self.printed):
            raise Failure("the tool printed:\n" + "\n".join(self.printed))

    def step_disk(self, rest):
        """What the daemon gives up after its client left may take a moment to be gone."""
        wanted = [part.split() for part in rest.split(",")]
        end = time.monotonic() + DISK_SECONDS
        while True:
            there = [(path, len(self.daemon.messages(path)), int(n)) for path, n in wanted]
            wrong = [f"{path} holds {n}" for path, n, want in there if n != want]
            if not wrong:
                return
            if time.monotonic() > end:
                raise Failure(", ".join(wrong))
            time.sleep(0.05)

    def newest(self, path):
        messages = self.daemon.messages(path)
        if not messages:
            raise Failure(f"{path} is empty")
        return messages[-1]

    def step_stored(self, rest):
        path, _, text = rest.partition(" ")
        stored, wanted = without_trace(self.newest(path)), unescape(text)
        if stored != wanted:
            raise Failure(f"stored: {stored!r}\nwanted: {wanted!r}")

    def step_trace(self, rest):
        path, _, pattern = rest.partition(" ")
        fields = trace_of(self.newest(path))
        if not any(matches(field, pattern) for field in fields):
            raise Failure("the trace is:\n" + "\n".join(fields))

    def step_untraced(self, rest):
        path, _, pattern = rest.partition(" ")
        for field in trace_of(self.newest(path)):
            if matches(field, pattern):
                raise Failure(f"the trace has {field}")

    def step_index(self, rest):
        name, *wanted = rest.split()
        try:
            printed = self.daemon.tool("message", "list", f"{name}@example.org", "--json")
        except Failure as failure:
            if "has had no mail yet" not in str(failure):
                raise
            printed = b"[]"
        listed = json.loads(printed)
        if len(wanted) == 1 and wanted[0].isdigit():
            if len(listed) != int(wanted[0]):
                raise Failure(f"the index has {len(listed)}")
            return
        if not listed:
            raise Failure("the index has none")
        for pair in wanted:
            key, _, pattern = pair.partition("=")
            value = listed[-1].get(key)
            text = value if isinstance(value, str) else json.dumps(value)
            if not matches(text, pattern):
                raise Failure(f"the index has {key}={text}")

    def step_file(self, rest):
        path, _, text = rest.partition(" ")
        path = f"{self.daemon.folder}/{path}"
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "wb") as f:
            f.write(unescape(text))

    def step_log(self, pattern):
        end = time.monotonic() + DISK_SECONDS
        while not any(matches(line, pattern) for line in self.daemon.log_text().splitlines()):
            if time.monotonic() > end:
                raise Failure("no such line in the log")
            time.sleep(0.05)

    def step_restart(self, _):
        self.step_close(None)
        self.daemon.end()
        self.daemon.start()

    def step_kill(self, _):
        self.step_close(None)
        self.daemon.kill()
        self.daemon.start()

    def step_term(self, _):
        self.daemon.terminate()

    STEPS = {
        "C:": step_client,
        "C<": step_raw,
        "S:": step_server,
        "S*": step_server_lines,
        "S+": step_reply,
        "with:": step_with,
        "without:": step_without,
        "silence": step_silence,
        "eof": step_eof,
        "close": step_close,
        "reset": step_reset,
        "half": step_half,
        "connect": step_connect,
        "aside": step_aside,
        "back": step_back,
        "wait": step_wait,
        "tool:": step_tool,
        "says:": step_says,
        "disk:": step_disk,
        "stored:": step_stored,
        "trace:": step_trace,
        "untraced:": step_untraced,
        "index:": step_index,
        "file:": step_file,
        "log:": step_log,
        "restart": step_restart,
        "kill": step_kill,
        "term": step_term,
    }

    # --- a run ---

    def talk(self):
        self.daemon.start()
        for name, arguments in self.accounts.items():
            self.daemon.tool("account", "add", f"{name}@example.org", *arguments)
        for arguments in self.aliases:
            self.daemon.tool("alias", "add", *arguments)
        for line in self.steps:
            if line.verb not in self.STEPS:
                raise Failure(f"line {line.number}: no such step: {line.text}")
            try:
                self.STEPS[line.verb](self, line.rest)
            except Failure as failure:
                raise Failure(f"line {line.number}: {line.text}\n{failure}") from None
        self.step_close(None)
        half_written = self.daemon.half_written()
        if half_written:
            raise Failure("left half-written: " + ", ".join(half_written))

    def run(self):
        """None, or what went wrong."""
        self.daemon = Daemon(**self.settings)
        try:
            wrong = self.parts()
            if wrong and os.path.exists(self.daemon.log):
                wrong += ["the end of the log:"] + self.daemon.log_text().splitlines()[-12:]
        finally:
            self.daemon.remove()
        return "\n".join(wrong) or None

    def parts(self):
        wrong = []
        for part in (self.talk, self.daemon.end):
            try:
                part()
            except (Failure, OSError, ValueError) as failure:
                wrong.append(str(failure) or repr(failure))
        return wrong
