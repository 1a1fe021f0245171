"""Certificates for the demo: made here and kept in Barbican, from where Octavia has them."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from infomaniak_operator.client import CloudSession


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its key, in Barbican.

    Attributes:
        ref: its address there.
        fingerprint: SHA-256, as a client sees it.
    """

    ref: str
    fingerprint: str


def keep(session: CloudSession, name: str) -> Certificate:
    """Make a certificate that vouches for itself, and store it.

    Args:
        session: of somebody with the role ``creator``.
        name: whose it is.

    Raises:
        InfomaniakCloudError: Barbican refused.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(hours=1))
    certificate = builder.not_valid_after(now + dt.timedelta(days=30)).sign(key, hashes.SHA256())
    bundle = pkcs12.serialize_key_and_certificates(None, key, certificate, None, serialization.NoEncryption())
    body = {
        "name": name,
        "payload": base64.b64encode(bundle).decode(),
        "payload_content_type": "application/octet-stream",
        "payload_content_encoding": "base64",
    }
    made = session.request("key-manager", "POST", "/v1/secrets", body=body)
    der = certificate.public_bytes(serialization.Encoding.DER)
    return Certificate(str(made["secret_ref"]), hashlib.sha256(der).hexdigest())
