# SPDX-License-Identifier: MIT
"""aiosmtpd as a next hop with faults: `aiosmtpd_hop.py PORT FOLDER CERTIFICATE KEY`. A message is refused, put
off or kept by what its recipients are called. Run by relay_real.py with the system's Python."""

import asyncio
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP

port, folder, certificate, key = int(sys.argv[1]), *sys.argv[2:5]


class Handler:
    count = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("unknown"):
            return "550 5.1.1 no such user"
        if address.startswith("busy"):
            return "450 4.2.1 come again"
        if address.startswith("crash"):
            raise RuntimeError("as it was told")  # aiosmtpd answers 500 for it
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        if any(a.startswith("slow") for a in envelope.rcpt_tos):
            await asyncio.sleep(0.5)
        if any(a.startswith("spam") for a in envelope.rcpt_tos):
            return "554 5.7.1 not here"
        Handler.count += 1
        with open(f"{folder}/.new", "wb") as f:
            f.write(envelope.content)
        os.rename(f"{folder}/.new", f"{folder}/{Handler.count}")
        return "250 2.6.0 kept"


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Handler(), tls_context=context, enable_SMTPUTF8=True, hostname="hop.example"),
        "127.0.0.1", port)
    async with server:
        await server.serve_forever()


asyncio.run(main())
