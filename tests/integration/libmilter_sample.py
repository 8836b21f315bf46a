# SPDX-License-Identifier: MIT
"""A filter of sendmail's own library (python3-milter): SOCKET, and a FILE of JSON that says what it does at
each stage, read as each session begins. It is no test by itself."""

import json
import os
import signal
import sys

import Milter

VERDICTS = {
    "accept": Milter.ACCEPT, "reject": Milter.REJECT, "tempfail": Milter.TEMPFAIL, "discard": Milter.DISCARD,
    "skip": Milter.SKIP,
}


class Sample(Milter.Base):
    def __init__(self):
        with open(sys.argv[2]) as f:
            self.plan = json.load(f)
        self.pieces = 0

    def at(self, stage):
        for word, *arguments in self.plan.get(stage, []):
            if word in VERDICTS:
                return VERDICTS[word]
            if word == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            elif word == "reply":
                self.setreply(*arguments)
                return Milter.REJECT if arguments[0][0] == "5" else Milter.TEMPFAIL
            elif word == "replacebody":
                self.replacebody(arguments[0].encode() * arguments[1])
            else:
                getattr(self, word)(*arguments)  # addheader, chgheader, addrcpt, delrcpt, quarantine ...
        return Milter.CONTINUE

    @Milter.noreply
    def connect(self, name, family, address):
        return Milter.CONTINUE

    def hello(self, name):
        return self.at("helo")

    def envfrom(self, sender, *parameters):
        return self.at("mail")

    def envrcpt(self, recipient, *parameters):
        return self.at("rcpt")

    def data(self):
        return self.at("data")

    def header(self, name, value):
        return self.at("header")

    def eoh(self):
        return self.at("eoh")

    def body(self, piece):
        self.pieces += 1
        return self.at("body") if self.pieces == self.plan.get("piece", 1) else Milter.CONTINUE

    def eom(self):
        return self.at("eom")

    def unknown(self, command):
        return self.at("unknown")


Milter.factory = Sample
Milter.set_flags(Milter.CURR_ACTS)
Milter.runmilter("doorstep-sample", sys.argv[1], 30)
