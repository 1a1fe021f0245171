"""A certificate with its chain and its key, as ``kubernetes.io/tls`` has them: read, and judged. Pure.

What a stranger wrote is read here, so nothing of it is ever in a message but names that certificates show to everybody.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import AuthorityInformationAccessOID

CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
AUTHORITY: Final = "ca.crt"
MAX_BYTES = 64 * 1024
"""Of each part. Barbican takes much less; more is not looked at."""
MAX_CHAIN = 10
"""Certificates of one chain: clients give up earlier."""
SHORTEST_RSA, LONGEST_RSA = 2048, 8192
"""Bits: HAProxy refuses a shorter key, and each handshake with a longer one would cost it seconds."""
_LONGEST_NAME = 80
_PROOF = b"infomaniak-operator"
_TLS = ": it must be a Secret of type kubernetes.io/tls"

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey


class InvalidCertificateError(ValueError):
    """It cannot be used. The message says what is wrong and what to do, and has nothing of the key."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that a server can show, with its key.

    Attributes:
        fingerprint: SHA-256 of the certificates, in hex: what they are known by. The key follows from the first.
        not_before: seconds since the epoch.
        not_after: seconds since the epoch: when the first of them ends.
        ends_first: which that is, for people.
    """

    fingerprint: str
    not_before: float
    not_after: float
    ends_first: str
    _chain: tuple[x509.Certificate, ...] = field(repr=False, compare=False)
    _key: PrivateKey = field(repr=False, compare=False)

    def bundle(self) -> bytes:
        """All of it as PKCS#12, without a passphrase: as Octavia takes it from Barbican."""
        first, *others = self._chain
        return pkcs12.serialize_key_and_certificates(None, self._key, first, others, serialization.NoEncryption())

    def problem_at(self, now: float) -> str | None:
        """Why no client would take it at that time, and what to do; None where one would.

        Args:
            now: seconds since the epoch.
        """
        if now >= self.not_after:
            return (
                f"{CERTIFICATE}: {self.ends_first} has expired ({date(self.not_after)}): renew it (see whether "
                "cert-manager can)"
            )
        if now < self.not_before:
            return f"{CERTIFICATE} is not valid before {date(self.not_before)}: it is used from then on"
        return None


def read(data: Mapping[str, str]) -> Certificate:
    """What the data of a Secret hold.

    Args:
        data: by key, in base64, as the API server gives it.

    Raises:
        InvalidCertificateError: it cannot be used.
    """
    chain = certificates_in(decoded(data, CERTIFICATE, _TLS), CERTIFICATE)
    if len(chain) > MAX_CHAIN:
        raise InvalidCertificateError(f"{CERTIFICATE} holds {len(chain)} certificates: leave {MAX_CHAIN} at most")
    key = _private_key(decoded(data, KEY, _TLS))
    _check_key(chain, key)
    _check_order(chain)
    authorities = certificates_in(decoded(data, AUTHORITY), AUTHORITY) if data.get(AUTHORITY) else []
    _check_end(chain, authorities[:MAX_CHAIN])
    try:
        ends = [each.not_valid_after_utc.timestamp() for each in chain]
        begins = [each.not_valid_before_utc.timestamp() for each in chain]
    except (ValueError, OverflowError):
        raise InvalidCertificateError(f"{CERTIFICATE}: the time until which it is valid cannot be read") from None
    first = min(range(len(chain)), key=ends.__getitem__)
    fingerprint = fingerprint_of(each.public_bytes(serialization.Encoding.DER) for each in chain)
    return Certificate(fingerprint, max(begins), ends[first], named(chain[first]), tuple(chain), key)


def fingerprint_of(encodings: Iterable[bytes]) -> str:
    """SHA-256 of several things in their order, in hex."""
    digest = hashlib.sha256()
    for each in encodings:
        digest.update(len(each).to_bytes(4, "big") + each)
    return digest.hexdigest()


def decoded(data: Mapping[str, str], name: str, otherwise: str = "") -> bytes:
    """One key of a Secret's data.

    Args:
        data: by key, in base64.
        name: the key.
        otherwise: what to say, and do, where it is not there.

    Raises:
        InvalidCertificateError: it is not there, too large, or no base64.
    """
    text = data.get(name)
    if not text:
        raise InvalidCertificateError(f"it has no {name}{otherwise}")
    if len(text) > MAX_BYTES * 4 // 3 + 4:
        raise InvalidCertificateError(f"{name} is larger than {MAX_BYTES} bytes: leave only what belongs there")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidCertificateError(f"{name} is not base64") from None


def certificates_in(content: bytes, name: str) -> list[x509.Certificate]:
    """The certificates in a text of PEM.

    Raises:
        InvalidCertificateError: there are none, or they cannot be read.
    """
    try:
        return x509.load_pem_x509_certificates(content)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidCertificateError(
            f"{name} holds no certificates in PEM that can be read (-----BEGIN CERTIFICATE-----)"
        ) from None


def _private_key(content: bytes) -> PrivateKey:
    try:
        # Unchecked, for to check the numbers of a large key takes seconds; what it signs is checked below.
        key = serialization.load_pem_private_key(content, None, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        raise InvalidCertificateError(f"{KEY} has a passphrase: store it without one") from None
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidCertificateError(
            f"{KEY} holds no private key in PEM that can be read (-----BEGIN PRIVATE KEY-----)"
        ) from None
    if not isinstance(key, PrivateKey):
        raise InvalidCertificateError(f"{KEY} is of a sort that TLS does not use: make it an RSA or an EC key")
    if isinstance(key, rsa.RSAPrivateKey) and not SHORTEST_RSA <= key.key_size <= LONGEST_RSA:
        raise InvalidCertificateError(
            f"{KEY} is an RSA key of {key.key_size} bits: take one of {SHORTEST_RSA} to {LONGEST_RSA}"
        )
    return key


def _check_key(chain: Sequence[x509.Certificate], key: PrivateKey) -> None:
    """Refuse a key that is another's.

    Raises:
        InvalidCertificateError: it is.
    """
    mine = _public(key.public_key())
    fits = [_public_of(each) == mine for each in chain]
    if not fits[0] and any(fits):
        owner = named(chain[fits.index(True)])
        raise InvalidCertificateError(
            f"{CERTIFICATE} is in the wrong order: the certificate that {KEY} belongs to ({owner}) must come first, "
            "then each issuer behind what it has issued"
        )
    if not fits[0] or not _signs(key):
        raise InvalidCertificateError(f"{KEY} does not fit {CERTIFICATE}: it is the key of another certificate")


def _signs(key: PrivateKey) -> bool:
    """Whether what the private part signs is what the public part takes."""
    try:
        if isinstance(key, rsa.RSAPrivateKey):
            signed = key.sign(_PROOF, padding.PKCS1v15(), hashes.SHA256())
            key.public_key().verify(signed, _PROOF, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePrivateKey):
            how = ec.ECDSA(hashes.SHA256())
            key.public_key().verify(key.sign(_PROOF, how), _PROOF, how)
        else:
            key.public_key().verify(key.sign(_PROOF), _PROOF)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm, SystemError):
        return False
    return True


def _check_order(chain: Sequence[x509.Certificate]) -> None:
    """Refuse a chain that does not lead from each certificate to its issuer.

    Raises:
        InvalidCertificateError: it does not.
    """
    if len(set(chain)) != len(chain):
        raise InvalidCertificateError(f"{CERTIFICATE} holds the same certificate twice: leave one of them")
    for at, each in enumerate(chain[:-1]):
        if _issued(each, chain[at + 1]):
            continue
        if any(_issued(each, other) for other in chain if other is not each) or is_root(each):
            raise InvalidCertificateError(
                f"{CERTIFICATE} is in the wrong order: behind {named(each)} must come what has issued it, and so on"
            )
        raise InvalidCertificateError(_missing(each))


def _check_end(chain: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate]) -> None:
    """Refuse a chain that ends before an authority that clients know.

    Raises:
        InvalidCertificateError: it does.
    """
    last = chain[-1]
    if is_root(last):
        return
    if authorities:
        if last in authorities or any(_issued(last, each) for each in authorities):
            return
        raise InvalidCertificateError(f"{_missing(last)}, or take {AUTHORITY} out, which is not of its issuer")
    # What public authorities issue names the address of its issuer's certificate; they issue nothing from their roots.
    if len(chain) == 1 and _names_issuer(last):
        raise InvalidCertificateError(_missing(last))


def _missing(of: x509.Certificate) -> str:
    return (
        f"{CERTIFICATE} lacks the intermediate certificate that has issued {named(of)} ({_text(of, 'issuer')}): put "
        "it behind that one"
    )


def _issued(subject: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        subject.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def is_root(certificate: x509.Certificate) -> bool:
    """Whether a certificate names itself as its issuer."""
    try:
        return certificate.issuer == certificate.subject
    except ValueError:
        return False


def _names_issuer(certificate: x509.Certificate) -> bool:
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
        return any(each.access_method == AuthorityInformationAccessOID.CA_ISSUERS for each in found)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError, TypeError, UnsupportedAlgorithm):
        return False


def _public_of(certificate: x509.Certificate) -> bytes | None:
    try:
        return _public(certificate.public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _public(key: object) -> bytes:
    how = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(*how)  # type: ignore[attr-defined, no-any-return]


def named(certificate: x509.Certificate) -> str:
    """Whose a certificate is, for people."""
    return _text(certificate, "subject")


def _text(certificate: x509.Certificate, which: str) -> str:
    """What a certificate says of itself or of its issuer: short, and nothing in it that cannot be printed."""
    try:
        text = str(getattr(certificate, which).rfc4514_string())
    except (ValueError, TypeError):
        return "a certificate whose name cannot be read"
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: _LONGEST_NAME + 1])
    text = text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"
    return text or "a certificate without a name"


def date(moment: float) -> str:
    """A time, in seconds since the epoch, for people."""
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
