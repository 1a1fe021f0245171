"""Certificates as cert-manager writes them into Secrets, and as nobody should."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from infomaniak_operator.controller.interfaces import GROUP
from tests.support.objects import NAMESPACE, uid_of
from tests.support.pems import pem

BEGAN = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
ENDS = dt.datetime(2099, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Link:
    """A certificate with its key: of a server, or of an authority."""

    certificate: x509.Certificate
    private: Any

    @property
    def cert(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key(self) -> str:
        return pem(self.private)


def link(
    name: str,
    issuer: Link | None = None,
    *,
    began: dt.datetime = BEGAN,
    ends: dt.datetime = ENDS,
    public: bool = False,
    key: Any = None,
) -> Link:
    """A certificate that an issuer vouches for, or it itself; ``public``: as of a public authority, with its address."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("web.example")]), critical=False)
    )
    if public:
        at = x509.UniformResourceIdentifier("http://ca.example/issuer.crt")
        found = x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, at)
        made = made.add_extension(x509.AuthorityInformationAccess([found]), critical=False)
    return Link(made.sign(issuer.private if issuer else key, hashes.SHA256()), key)


def authority(
    name: str,
    issuer: Link | None = None,
    *,
    began: dt.datetime = BEGAN,
    ends: dt.datetime = ENDS,
    key: Any = None,
    signs: bool = True,
) -> Link:
    """The certificate of an authority, as cert-manager makes one; ``signs``: whether its key may vouch for others."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(True, False, False, False, False, signs, signs, False, False)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Link(made.sign(issuer.private if issuer else key, hashes.SHA256()), key)


def revoking(by: Link, *gone: Link, began: dt.datetime = BEGAN, ends: dt.datetime = ENDS) -> str:
    """An authority's list of revoked certificates, as PEM."""
    made = x509.CertificateRevocationListBuilder().issuer_name(by.certificate.subject)
    made = made.last_update(began).next_update(ends)
    for one in gone:
        number = one.certificate.serial_number
        entry = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(began).build()
        made = made.add_revoked_certificate(entry)
    return made.sign(by.private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def encoded(**parts: str | bytes) -> dict[str, str]:
    """The data of a Secret: ``tls_crt`` stands for ``tls.crt``."""
    raw = {name: text.encode() if isinstance(text, str) else text for name, text in parts.items()}
    return {name.replace("_", "."): base64.b64encode(text).decode() for name, text in raw.items()}


def data_of(*chain: Link, key: str | None = None, **more: str) -> dict[str, str]:
    """The data of a Secret with that chain, the first link's key unless another is given."""
    return encoded(tls_crt="".join(each.cert for each in chain), tls_key=key or chain[0].key, **more)


def tls_secret(name: str, data: dict[str, str], *, labelled: bool = True, namespace: str = NAMESPACE) -> dict[str, Any]:
    """A Secret of type ``kubernetes.io/tls``, or of another type if it has no certificate of a server."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque" if data and "tls.crt" not in data else "kubernetes.io/tls",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid_of("Secret", namespace, name),
            **({"labels": {f"{GROUP}/tls": "true"}} if labelled else {}),
        },
        "data": data,
    }


def subject(payload: bytes) -> str:
    """Whose certificate it is, in PEM."""
    return x509.load_pem_x509_certificate(payload).subject.rfc4514_string()


def issuer(payload: bytes) -> str:
    """Whose list of revoked certificates it is, in PEM."""
    return x509.load_pem_x509_crl(payload).issuer.rfc4514_string()


def key_owner(payload: bytes) -> str:
    """Whose certificate is in a PKCS#12 bundle."""
    bundled = pkcs12.load_pkcs12(payload, None).cert
    assert bundled is not None
    return bundled.certificate.subject.rfc4514_string()


def inside(payload: bytes) -> list[str]:
    """What a secret of Barbican holds: the names of authorities, ``list of NAME``, or ``key of NAME``."""
    if b"BEGIN CERTIFICATE" in payload:
        return [each.subject.rfc4514_string() for each in x509.load_pem_x509_certificates(payload)]
    if b"BEGIN X509 CRL" in payload:
        return [f"list of {issuer(payload)}"]
    return [f"key of {key_owner(payload)}"]
