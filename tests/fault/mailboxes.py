# SPDX-License-Identifier: MIT
"""What is in a mailbox: by the files on the disk, and by what the control socket answers."""

import json
import socket

from private_daemon import Failure, without_trace

CONTROL_SECONDS = 60


def contents(daemon, account, folder=""):
    """All messages of an account's INBOX, or of a folder of its Maildir, without the trace fields."""
    user, domain = account.split("@")
    if domain == "example.net":
        found = [m.split(b"\n", 1)[-1].rstrip(b"\n") + b"\n" for m in daemon.messages(f"/{domain}/{user}.mbox")]
    else:
        where = f"{user}/.{folder}" if folder else user
        found = [m for sub in ("new", "cur") for m in daemon.messages(f"{where}/{sub}")]
    return [without_trace(m) for m in found]


def ask(daemon, op, **arguments):
    """Rows and the last line of the control socket's answer: what the tool would print, for less."""
    with socket.socket(socket.AF_UNIX) as s, s.makefile("rwb") as f:
        s.settimeout(CONTROL_SECONDS)
        s.connect(f"{daemon.state}/control.sock")
        f.write(json.dumps({"op": op, "args": arguments}).encode() + b"\n")
        f.flush()
        rows = []
        for line in f:
            said = json.loads(line)
            if "row" in said:
                rows.append(said["row"])
            elif "error" in said:
                raise Failure(f"{op} {arguments}: {said['error']}")
            elif "ok" in said:
                return rows, said["ok"]
    raise Failure(f"{op} {arguments}: the control socket was closed")


def name_in(row):
    return row["message_id"].strip("<>").removesuffix("@letters")


def inbox_rows(daemon, account):
    return ask(daemon, "message.list", account=account, mailbox="INBOX")[0]


def listing(daemon, account):
    """UIDVALIDITY, and the name under each UID, of an INBOX."""
    boxes, _ = ask(daemon, "mailbox.list", account=account)
    validity = next((b["uid_validity"] for b in boxes if b["name"] == "INBOX"), 0)
    rows = inbox_rows(daemon, account) if validity else []
    return validity, [(row["uid"], name_in(row)) for row in rows]
