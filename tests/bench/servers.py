# SPDX-License-Identifier: MIT
"""The servers that are measured: each private, on a free port of loopback, with folders of its own, and
ended by its process id. Both take any user of example.com and make its Maildir at the first message."""

import os
import signal
import socket
import subprocess
import time

import processes

START_SECONDS = 30
END_SECONDS = 60
DOMAIN = "example.com"
MAIL_UID = 61099  # nobody's: the mail of both servers belongs to it when they are started by root

DOORSTEP_CONFIGURATION = """\
hostname = "mx.example.com"
state_dir = "{folder}/state"
log_level = "warning"
listen lmtp {{
    address = {{"127.0.0.1:{port}"}}
}}
domain "example.com" {{
    accounts = "any"
}}
store maildir {{
    path = "{folder}/mail/%{{domain}}/%{{user}}"
}}
limits {{
    connections = {connections}
}}
{sieve}"""

DOVECOT_CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = lmtp
ssl = no
default_process_limit = 400
default_client_limit = 2000
first_valid_uid = 1
mail_location = maildir:~/Maildir
mail_fsync = optimized
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={uid} gid={uid} home={folder}/mail/%n allow_all_users=yes
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
import_environment = TZ LD_PRELOAD SLOWSYNC_MS
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
namespace inbox {{
  inbox = yes
}}
{sieve}"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """name, port and pid of something that speaks LMTP."""

    configuration = ""
    name = ""
    slow_sync = None  # of all servers: (the library that is preloaded, milliseconds)
    with_script = ""  # how the configuration names a Sieve script that runs for every message

    def __init__(self, folder, script=None, **values):
        """script: a file; its server is called "NAME +sieve"."""
        self.name = type(self).name + (" +sieve" if script else "")
        self.folder = os.path.join(folder, self.name.replace(" +", "-"))
        self.port = free_port()
        self.process = None
        os.mkdir(self.folder, 0o755)
        for name in ("state", "mail", "run"):
            os.mkdir(f"{self.folder}/{name}", 0o755)
            if os.geteuid() == 0:
                self.give(f"{self.folder}/{name}")
        self.file = f"{self.folder}/server.conf"
        with open(self.file, "w") as f:
            f.write(
                self.configuration.format(
                    folder=self.folder,
                    port=self.port,
                    uid=MAIL_UID,
                    sieve=self.with_script.format(script=script) if script else "",
                    **values,
                )
            )

    def give(self, folder):
        os.chown(folder, MAIL_UID, MAIL_UID)

    def command(self):
        raise NotImplementedError

    def environment(self):
        if Server.slow_sync is None:
            return None
        library, ms = Server.slow_sync
        return os.environ | {"LD_PRELOAD": library, "SLOWSYNC_MS": str(ms)}

    def check_slow_sync(self):
        """A process that did without the library would be measured with a faster disk."""
        for pid in processes.tree(self.pid):
            if Server.slow_sync[0] not in processes.read(f"/proc/{pid}/maps"):
                raise SystemExit(f"{self.name}: process {pid} has no slow syncs")

    @property
    def pid(self):
        return self.process.pid

    def start(self, wrapper=()):
        """wrapper: words in front of the command, which must leave it our child."""
        with open(f"{self.folder}/output", "ab") as output:
            self.process = subprocess.Popen(
                [*wrapper, *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.environment(),
            )
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                self.connect().close()
                if Server.slow_sync is not None:
                    self.check_slow_sync()
                return
            except OSError:
                time.sleep(0.1)
        with open(f"{self.folder}/output", errors="replace") as output:
            raise SystemExit(f"{self.name} does not start:\n{output.read()[-2000:]}")

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port), 30)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def end(self):
        if self.process is None:
            return
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Doorstep(Server):
    configuration = DOORSTEP_CONFIGURATION
    name = "doorstep"
    with_script = 'sieve {{\n    before = {{"{script}"}}\n}}\n'

    def __init__(self, folder, build, connections=2000, script=None):
        self.build = build
        super().__init__(folder, script, connections=connections)

    def command(self):
        return [f"{self.build}/src/doorstepd/doorstepd", "-c", self.file]

    @staticmethod
    def answers(thread):
        """Does what this thread waits for delay an answer?"""
        return thread.startswith("worker-")


class Dovecot(Server):
    """Maildir with the syncs that Dovecot does by default (mail_fsync = optimized)."""

    configuration = DOVECOT_CONFIGURATION
    name = "dovecot"
    with_script = (
        "protocol lmtp {{\n  mail_plugins = sieve\n}}\nplugin {{\n  sieve_before = {script}\n}}\n"
    )

    def give(self, folder):
        if folder.endswith("/mail"):  # the others are its master's
            super().give(folder)

    def command(self):
        return ["dovecot", "-F", "-c", self.file]

    @staticmethod
    def answers(thread):
        return thread == "lmtp"

    @staticmethod
    def version():
        done = subprocess.run(["dovecot", "--version"], capture_output=True, text=True, check=False)
        return done.stdout.strip()
