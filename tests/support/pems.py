"""Private authorities and what they vouch for, as PEM text."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Issued:
    """A certificate and its private key."""

    cert: str
    key: str


class Authority:
    """A private certificate authority."""

    def __init__(self, name: str) -> None:
        self._name, self._key = _name(name), ec.generate_private_key(ec.SECP256R1())
        self.cert = self._sign(self._name, self._key, ca=True)

    def issue(self, name: str) -> Issued:
        """A certificate for 127.0.0.1, of a server or of a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        return Issued(self._sign(_name(name), key, ca=False), pem(key))

    def revoking(self, *issued: Issued) -> str:
        """A list of revoked certificates."""
        began = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        made = x509.CertificateRevocationListBuilder().issuer_name(self._name)
        made = made.last_update(began).next_update(dt.datetime(2099, 1, 1, tzinfo=dt.UTC))
        for one in issued:
            number = x509.load_pem_x509_certificate(one.cert.encode()).serial_number
            gone = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(began).build()
            made = made.add_revoked_certificate(gone)
        return made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> str:
        began = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        usage = x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(began)
            .not_valid_after(dt.datetime(2099, 1, 1, tzinfo=dt.UTC))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .add_extension(issuer, False)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode()


def pem(key: ec.EllipticCurvePrivateKey, passphrase: str = "") -> str:
    """A private key as text."""
    sealed = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed).decode()
