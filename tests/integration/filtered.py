# SPDX-License-Identifier: MIT
"""A daemon whose listeners ask filters, and what is found in its mailboxes afterwards."""

import re
import smtplib

from harness import Daemon, expect, message, without_trace

USERS = ("ann", "bob", "cid", "dan", "eve", "archive")


class Asked:
    """A daemon whose listeners ask these filters; `each`: SMTP the first one alone, LMTP the second."""

    def __init__(self, *milters, in_smtp="", each=False, **settings):
        self.milters = milters
        lines = "".join(
            f"milter m{i} {{ address = \"{m.address}\" {self.options(settings, i)} }}\n"
            for i, m in enumerate(milters)
        )
        names = [f'"m{i}"' for i in range(len(milters))]
        smtp, lmtp = (names[:1], names[1:]) if each else (names, names)
        self.daemon = Daemon(in_lmtp=f"milters = {{{', '.join(lmtp)}}}",
                             in_smtp=f"milters = {{{', '.join(smtp)}}} {in_smtp}", more=lines)
        self.daemon.start()
        self.daemon.tool("account", "import", "-", data="".join(f"{u}@example.org:\n" for u in USERS).encode())

    @staticmethod
    def options(settings, i):
        return " ".join(f"{k} = {v[i] if isinstance(v, (list, tuple)) else v}" for k, v in settings.items())

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for m in self.milters:
            m.close()
        if kind is None:
            self.daemon.end()
        else:
            with open(self.daemon.log) as f:
                print(f.read()[-3000:])
            self.daemon.kill()
        self.daemon.remove()

    def counted(self, name, **labels):
        """What the daemon's metrics say of one series."""
        text = self.daemon.tool("metrics").decode()
        wanted = "".join(f',{k}="{v}"' for k, v in labels.items())
        found = re.findall(rf'(?m)^doorstep_{name}{{role="outbound"{wanted}}} (\S+)$', text)
        expect(len(found) == 1, f"{name}{wanted}: {found}")
        return float(found[0])

    def client(self, protocol="lmtp"):
        kind = smtplib.LMTP if protocol == "lmtp" else smtplib.SMTP
        return kind("127.0.0.1", self.daemon.ports[protocol], timeout=120)

    def send(self, data=None, to=("ann@example.org",), sender="bob@example.com", protocol="smtp", options=()):
        """The code and text of the last reply, whatever it is."""
        try:
            with self.client(protocol) as client:
                client.sendmail(sender, list(to), data or message("hi"), mail_options=options)
        except smtplib.SMTPRecipientsRefused as refused:
            return list(refused.recipients.values())[0]
        except smtplib.SMTPResponseException as refused:
            return refused.smtp_code, refused.smtp_error
        except smtplib.SMTPServerDisconnected as gone:
            return 0, str(gone).encode()
        return 250, b""

    def stored(self, user="ann", folder="new"):
        return [without_trace(m) for m in self.daemon.messages(f"{user}/{folder}")]

    def one(self, user="ann", folder="new"):
        found = self.stored(user, folder)
        expect(len(found) == 1, f"{user} has {len(found)} messages")
        return found[0]


def plain(data):
    return data.replace(b"\r\n", b"\n")
