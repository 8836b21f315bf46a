# SPDX-License-Identifier: MIT
"""Real filters as private instances: rspamd's proxy and OpenDKIM, whose DNS is a table of the test, and one
of sendmail's own library, as python3-milter wraps it. Each lives below a folder of its own."""

import json
import os
import shutil
import socket
import subprocess
import tempfile

from harness import HERE, Failure, expect, until
from private_daemon import free_ports

RSPAMD = """\
modules {{ path = "$PLUGINSDIR" }}
options {{
    filters = "dkim"
    pidfile = "{folder}/rspamd.pid"
    url_tld = "{folder}/top_level"
    tempdir = "{folder}"
    local_addrs = []
    control_socket = "{folder}/control.sock"
    dns {{
        timeout = 1s
        nameserver = ["127.0.0.1:{closed}"]
        fake_records = [
{records}
        ]
    }}
}}
logging {{ type = "file"; filename = "{folder}/log"; level = "info"; }}
worker "rspamd_proxy" {{
    bind_socket = "127.0.0.1:{port}"
    milter = yes
    timeout = 60s
    upstream "local" {{ default = yes; self_scan = yes; }}
    count = 1
}}
metric "default" {{ actions {{ reject = 10000 }} }}
dkim {{ }}
spf {{ }}
dmarc {{ }}
arc {{ }}
milter_headers {{
    use = ["authentication-results"]
    routines {{ authentication-results {{ remove = false; }} }}
}}
"""

OPENDKIM = """\
Socket local:{folder}/opendkim.sock
PidFile {folder}/opendkim.pid
Mode v
KeepAuthResults yes
AuthservID {authserv_id}
UMask 000
TestPublicKeys {folder}/keys
On-DNSError accept
BaseDirectory {folder}
TemporaryDirectory {folder}
"""


class Program:
    """A process of a folder of its own, ended by its id."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="doorstep-filter.")
        os.chmod(self.folder, 0o755)
        self.process = None

    def write(self, name, text):
        with open(f"{self.folder}/{name}", "w") as f:
            f.write(text)
        return f"{self.folder}/{name}"

    def start(self, *command):
        with open(f"{self.folder}/said", "wb") as said:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            until(self.answers, command[0], 60)
        except Exception as e:
            said = self.said()
            self.close()
            raise Failure(f"{command[0]} does not answer: {e}\n{said}") from None

    def answers(self):
        """Connected to and left again: each of them takes that for a client that is gone."""
        expect(self.process.poll() is None, f"status {self.process.poll()}")
        family, target = self.target
        with socket.socket(family) as s:
            return s.connect_ex(target) == 0

    def said(self):
        text = ""
        for name in ("said", "log"):
            if os.path.exists(f"{self.folder}/{name}"):
                with open(f"{self.folder}/{name}", errors="replace") as f:
                    text += f.read()[-3000:]
        return text

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)


class Rspamd(Program):
    """records: (name, type, text or None: there is none)."""

    def __init__(self, records):
        super().__init__()
        port, closed = free_ports(2)
        self.address = f"127.0.0.1:{port}"
        self.target = (socket.AF_INET, ("127.0.0.1", port))
        self.write("top_level", "com\norg\n")  # the public list takes it 20 s to compile
        configuration = self.write("rspamd.conf", RSPAMD.format(
            folder=self.folder, port=port, closed=closed, records="\n".join(map(self.record, records))))
        self.start("rspamd", "-f", "-i", "-c", configuration, "--var=DBDIR=" + self.folder,
                   "--var=RUNDIR=" + self.folder, "--var=LOGDIR=" + self.folder)

    @staticmethod
    def record(record):
        name, kind, text = record
        answer = f'replies = ["{text}"];' if text is not None else 'rcode = "norec";'
        return f'            {{ name = "{name}"; type = "{kind}"; {answer} }},'


class Opendkim(Program):
    def __init__(self, records, authserv_id):
        super().__init__()
        self.address = f"unix:{self.folder}/opendkim.sock"
        self.target = (socket.AF_UNIX, f"{self.folder}/opendkim.sock")
        self.write("keys", "".join(f"{name} {text}\n" for name, kind, text in records if "._domainkey." in name))
        configuration = self.write("opendkim.conf", OPENDKIM.format(folder=self.folder, authserv_id=authserv_id))
        self.start("opendkim", "-f", "-x", configuration)


class Sample(Program):
    """libmilter_sample.py, which does what it is told for each message: {stage: [word, arguments...], ...}."""

    def __init__(self):
        super().__init__()
        self.path = f"{self.folder}/sample.sock"
        self.address = f"unix:{self.path}"
        self.target = (socket.AF_UNIX, self.path)
        self.begin()

    def begin(self):
        if os.path.exists(self.path):
            os.unlink(self.path)  # it was killed
        self.does({})
        self.start("/usr/bin/python3", "-I", f"{HERE}/libmilter_sample.py", self.path, f"{self.folder}/does")
        os.chmod(self.path, 0o666)  # the library lets nobody else in

    def does(self, what):
        self.write("does", json.dumps(what))

    def close(self):
        if self.process is not None:
            self.process.kill()  # the library looks every five seconds whether it shall end
        super().close()
