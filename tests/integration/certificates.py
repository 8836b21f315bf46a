# SPDX-License-Identifier: MIT
"""Certificates that a test makes itself: authorities, servers, clients, good ones and others."""

import datetime
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
UNTIL_NOW = (-20, -1)  # days: expired
FROM_TOMORROW = (1, 20)


def new_key(kind):
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=int(kind))


def key_text(key, passphrase=None):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(passphrase)
        if passphrase
        else serialization.NoEncryption(),
    )


class Pair:
    """A certificate and its key, in files."""

    def __init__(self, folder, name, certificate, key, chain=()):
        self.folder, self.name = folder, name
        self.certificate, self.key = certificate, key
        self.chain = chain
        self.pem = f"{folder}/{name}.pem"
        self.key_pem = f"{folder}/{name}.key"
        self.write(self.pem, b"".join(self.text(c) for c in (certificate, *chain)))
        self.write(self.key_pem, key_text(key))

    @staticmethod
    def text(certificate):
        return certificate.public_bytes(serialization.Encoding.PEM)

    @staticmethod
    def write(path, octets):
        """Whole or not at all, as those who renew certificates do it."""
        with open(os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
            f.write(octets)
        os.rename(f"{path}.new", path)

    @property
    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def replace(self, other):
        """The files of this one get what the other has."""
        self.write(self.pem, b"".join(self.text(c) for c in (other.certificate, *other.chain)))
        self.write(self.key_pem, key_text(other.key))

    def settings(self):
        return f'certificate = {{"{self.pem}"}} key = {{"{self.key_pem}"}}'


class Authority:
    def __init__(self, folder, name):
        self.folder = folder
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = new_key("ec")
        self.certificate = self.sign(self.name, self.key, (-30, 300), [], True)
        self.pem = f"{folder}/{name}.ca.pem"
        Pair.write(self.pem, Pair.text(self.certificate))

    def sign(self, subject, key, days, names, is_authority=False):
        now = datetime.datetime.utcnow()
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + days[0] * DAY)
            .not_valid_after(now + days[1] * DAY)
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, name, hosts=(), days=(-1, 60), kind="ec", emails=(), subject=None):
        """`name` is that of the files."""
        key = new_key(kind)
        names = [x509.DNSName(h) for h in hosts] + [x509.RFC822Name(e) for e in emails]
        common = subject or (hosts[0] if hosts else name)
        distinguished = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
        certificate = self.sign(distinguished, key, days, names)
        return Pair(self.folder, name, certificate, key, (self.certificate,))
