# SPDX-License-Identifier: MIT
"""A daemon that answers as a test wants: for what doorstepd never says, or not when it is asked to.
Serves the control socket (docs/control-protocol.md) or LMTP, in threads, below a temporary folder."""

import base64
import json
import os
import shutil
import socket
import tempfile
import threading

CONFIGURATION = """\
hostname = "mx.example.org"
state_dir = "{folder}/state"
listen lmtp {{
    address = {{"unix:{folder}/lmtp.sock"}}
}}
domain "example.org" {{
    accounts = "sqlite"
}}
limits {{
    message_size = "1M"
}}
"""


class Folder:
    """state_dir and a configuration, removed at the end."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="doorstep-tool.")
        os.mkdir(f"{self.path}/state", 0o700)
        self.configuration = f"{self.path}/doorstep.conf"
        with open(self.configuration, "w") as f:
            f.write(CONFIGURATION.format(folder=self.path))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


class Server:
    """Accepts on a unix socket and gives each connection to serve(), until closed."""

    def __init__(self, path):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(16)
        self.path = path
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.run, args=(connection,), daemon=True).start()

    def run(self, connection):
        try:
            with connection:
                self.serve(connection, connection.makefile("rb"))
        except OSError:
            pass  # the tool may leave when it wants

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)  # else accept() goes on, on whatever gets this number next
        self.listener.close()
        os.unlink(self.path)


class Control(Server):
    """answers: operation -> list of replies (dicts, or bytes to send as they are), or a function of
    the arguments that makes one. None hangs up. What was asked is kept in `asked`."""

    def __init__(self, folder, **answers):
        self.answers = answers
        self.asked = []
        super().__init__(f"{folder.path}/state/control.sock")

    def serve(self, connection, lines):
        for line in lines:
            request = json.loads(line)
            self.asked.append((request["op"], request["args"]))
            answer = self.answers[request["op"].replace(".", "_")]
            if callable(answer):
                answer = answer(request["args"])
            for reply in answer:
                if reply is None:
                    return
                raw = reply if isinstance(reply, bytes) else json.dumps(reply).encode() + b"\n"
                connection.sendall(raw)


def row(**members):
    return {"row": members}


def ok(**members):
    return {"ok": members}


def error(code, enhanced, text="it failed", cause=""):
    return {"error": {"code": code, "enhanced": enhanced, "text": text, "cause": cause}}


def pieces(octets, size=48 << 10):
    return [
        {"bytes": base64.b64encode(octets[i : i + size]).decode()}
        for i in range(0, len(octets), size)
    ] + [ok(octets=len(octets))]


class Lmtp(Server):
    """Answers each RCPT with the next of `rcpt`; after the dot one for each accepted recipient, from `answers`; with too few of these it hangs up. Commands and message are kept."""

    def __init__(self, folder, rcpt, answers, extensions=("SIZE", "8BITMIME", "SMTPUTF8")):
        self.rcpt = list(rcpt)
        self.answers = list(answers)
        self.extensions = extensions
        self.commands = []
        self.message = None
        super().__init__(f"{folder.path}/lmtp.sock")

    def serve(self, connection, lines):
        def say(text):
            connection.sendall(text.encode() + b"\r\n")

        accepted = 0
        say("220 mx.example.org ready")
        for line in lines:
            command = line.decode().rstrip("\r\n")
            self.commands.append(command)
            verb = command.split(" ")[0].upper()
            if verb == "LHLO":
                say("\r\n".join(f"250-{e}" for e in self.extensions) + "\r\n250 HELP")
            elif verb == "RCPT":
                accepted += self.rcpt[0].startswith("250")
                say(self.rcpt.pop(0))
            elif verb == "DATA":
                say("354 go on")
                self.read_message(lines)
                for answer in self.answers:
                    say(answer)
                if len(self.answers) < accepted:
                    return  # as a server that died would
            elif verb == "QUIT":
                return
            else:
                say("250 2.0.0 fine")

    def read_message(self, lines):
        self.message = b""
        for line in lines:
            if line == b".\r\n":
                return
            self.message += line[1:] if line.startswith(b".") else line
