# SPDX-License-Identifier: MIT
"""What is done to a store while its calls are counted. act() may fail, as the sweep wants it to; complete()
does what a client would do then, until it is done."""

import json
import time

from target import Failure, RETRY_SECONDS

ANN = "ann@example.org"
ZOE = "zoe@example.net"  # an mbox
SIX = [f"u{n}@example.org" for n in range(5)] + [ZOE]
TWENTY = [f"u{n}@example.org" for n in range(18)] + [ZOE, "yan@example.net"]
EX_TEMPFAIL = 75


class Delivery:
    """One message for some recipients that have had mail before."""

    quiet_seconds = 0.02  # without any call: what follows the answer at once is counted too
    commands = False

    def __init__(self, name, recipients):
        self.name = name
        self.recipients = recipients
        self.count = 0

    def begin(self, target):
        for r in self.recipients:
            target.add(r)
        target.retry("first", self.recipients)

    def prepare(self, target):
        self.count += 1
        self.message = f"m{self.count}"
        self.left = self.recipients

    def act(self, target):
        """Answers that are no success."""
        self.left = target.deliver(self.message, self.left)
        return [target.answers[self.message, r][-1] for r in self.left]

    def complete(self, target):
        target.retry(self.message, self.left)

    def check(self, target):
        pass


class DeliveryAndRest(Delivery):
    """... and what the store does afterwards: rows, checkpoint."""

    quiet_seconds = 0.5


class FirstDelivery(Delivery):
    """One message for an account that has never had any: folders, index, INBOX."""

    def begin(self, target):
        pass

    def prepare(self, target):
        self.count += 1
        self.message = f"m{self.count}"
        self.left = [f"new{self.count}@example.org"]
        target.add(self.left[0])


class DeliveryAfterStart(FirstDelivery):
    """The second message for an account whose index is not open yet."""

    def prepare(self, target):
        super().prepare(target)
        target.retry("first", self.left)
        target.restart()


class NewMailbox:
    """doorstep mailbox create"""

    quiet_seconds = 0.02
    commands = True

    def __init__(self, name):
        self.name = name
        self.made = []

    def begin(self, target):
        target.add(ANN)
        target.retry("first", [ANN])

    def prepare(self, target):
        self.message = f"Box{len(self.made)}"
        self.made.append(self.message)

    def act(self, target):
        self.status, said = target.tool("mailbox", "create", ANN, self.message)
        return [] if self.status == 0 else [f"status {self.status}: {said}"]

    def listed(self, target):
        return {row["name"] for row in json.loads(target.daemon.tool("mailbox", "list", ANN, "--json"))}

    def complete(self, target):
        until = time.monotonic() + RETRY_SECONDS
        while self.message not in self.listed(target):
            if time.monotonic() > until:
                raise Failure(f"{self.message} cannot be made")
            target.tool("mailbox", "create", ANN, self.message)

    def check(self, target):
        missing = set(self.made) - self.listed(target)
        if missing:
            target.problems.append(f"mailboxes that were made are gone: {missing}")
