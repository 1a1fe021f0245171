"""The authorities whose certificates are taken, and what they have revoked, as Secrets have them. Pure.

As in ``x509_chain``, nothing of what a stranger wrote is in a message but names that certificates show to everybody.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from infomaniak_operator.reconcile.octavia.x509_chain import (
    AUTHORITY,
    LONGEST_RSA,
    SHORTEST_RSA,
    InvalidCertificateError,
    certificates_in,
    date,
    decoded,
    fingerprint_of,
    is_root,
    named,
)

REVOKED: Final = "ca.crl"
_BEGIN_LIST, _END_LIST = b"-----BEGIN X509 CRL-----", b"-----END X509 CRL-----"
MAX_LISTS = 10
"""Lists of revoked certificates in one Secret: one for each authority of a chain."""


@dataclass(frozen=True, slots=True)
class Authorities:
    """The authorities of which one must have issued what the other side shows.

    Attributes:
        fingerprint: SHA-256 of them, in hex: what they are known by; never that of a server's chain.
        not_before: seconds since the epoch: when the first of them begins.
        not_after: seconds since the epoch: when the last of them ends. Until then one of them can vouch.
        ends_last: which that is, for people.
    """

    fingerprint: str
    not_before: float
    not_after: float
    ends_last: str
    _certificates: tuple[x509.Certificate, ...] = field(repr=False, compare=False)

    def bundle(self) -> bytes:
        """All of them as PEM, and nothing else of what the Secret holds: as Octavia takes them from Barbican."""
        return b"".join(each.public_bytes(Encoding.PEM) for each in self._certificates)

    def problem_at(self, now: float) -> str | None:
        """Why they can vouch for nobody at that time, and what to do; None where they can.

        Args:
            now: seconds since the epoch.
        """
        if now >= self.not_after:
            return f"{AUTHORITY}: {self.ends_last} has expired ({date(self.not_after)}): renew it"
        if now < self.not_before:
            return f"{AUTHORITY} is not valid before {date(self.not_before)}: it is used from then on"
        return None

    def signed(self, revoked: RevocationLists) -> bool:
        """Whether the first list is of the first authority: Octavia takes no other."""
        try:
            return revoked.first.is_signature_valid(self._certificates[0].public_key())  # type: ignore[arg-type]
        except (ValueError, TypeError, UnsupportedAlgorithm):
            return False


@dataclass(frozen=True, slots=True)
class RevocationLists:
    """What authorities have revoked.

    Attributes:
        fingerprint: SHA-256 of the lists, in hex: what they are known by.
        not_before: seconds since the epoch.
        not_after: seconds since the epoch: when the first of them ends; infinite: never.
        first: the first list.
    """

    fingerprint: str
    not_before: float
    not_after: float
    first: x509.CertificateRevocationList = field(repr=False, compare=False)
    _pem: bytes = field(repr=False, compare=False)

    def bundle(self) -> bytes:
        """All of them as PEM."""
        return self._pem

    def problem_at(self, now: float) -> str | None:
        """Why nobody would go by them at that time, and what to do; None where one would.

        Args:
            now: seconds since the epoch.
        """
        if now >= self.not_after:
            return (
                f"{REVOKED} has expired ({date(self.not_after)}), and by an expired list every certificate is refused: "
                "store the authority's next one"
            )
        if now < self.not_before:
            return f"{REVOKED} is not valid before {date(self.not_before)}: it is used from then on"
        return None


def read_authorities(data: Mapping[str, str]) -> Authorities:
    """The authorities that the data of a Secret hold.

    Args:
        data: by key, in base64, as the API server gives it.

    Raises:
        InvalidCertificateError: they cannot be used.
    """
    otherwise = ": store the certificate of the authority there, as cert-manager does"
    found = list(dict.fromkeys(certificates_in(decoded(data, AUTHORITY, otherwise), AUTHORITY)))
    for each in found:
        if not _is_authority(each):
            raise InvalidCertificateError(
                f"{AUTHORITY}: {named(each)} is no certificate of an authority: store there what has issued the "
                "certificates that are to be taken"
            )
        _check_key(each)
    try:
        ends = [each.not_valid_after_utc.timestamp() for each in found]
        begins = [each.not_valid_before_utc.timestamp() for each in found]
    except (ValueError, OverflowError):
        raise InvalidCertificateError(f"{AUTHORITY}: the time until which it is valid cannot be read") from None
    last = max(range(len(found)), key=ends.__getitem__)
    fingerprint = fingerprint_of([AUTHORITY.encode(), *(each.public_bytes(Encoding.DER) for each in found)])
    return Authorities(fingerprint, min(begins), ends[last], named(found[last]), tuple(found))


def _check_key(certificate: x509.Certificate) -> None:
    """Refuse a key that TLS does not use, or that would take long to verify by.

    Raises:
        InvalidCertificateError: it is one.
    """
    try:
        key = certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, rsa.RSAPublicKey):
        if not SHORTEST_RSA <= key.key_size <= LONGEST_RSA:
            raise InvalidCertificateError(
                f"{AUTHORITY}: {named(certificate)} has an RSA key of {key.key_size} bits: take one of {SHORTEST_RSA} "
                f"to {LONGEST_RSA}"
            )
    elif not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        raise InvalidCertificateError(
            f"{AUTHORITY}: {named(certificate)} has a key of a sort that TLS does not use: take an RSA or an EC key"
        )


def _is_authority(certificate: x509.Certificate) -> bool:
    """Whether a certificate may vouch for others."""
    try:
        found = certificate.extensions
        try:
            if not found.get_extension_for_class(x509.BasicConstraints).value.ca:
                return False
        except x509.ExtensionNotFound:
            return certificate.version is x509.Version.v1 and is_root(certificate)
        try:
            return found.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
        except x509.ExtensionNotFound:
            return True
    except (x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError, TypeError, UnsupportedAlgorithm):
        return False


def read_revoked(data: Mapping[str, str]) -> RevocationLists:
    """The lists of revoked certificates that the data of a Secret hold.

    Args:
        data: by key, in base64, as the API server gives it.

    Raises:
        InvalidCertificateError: they cannot be used.
    """
    otherwise = ": store the authority's list of revoked certificates there, in PEM"
    content = decoded(data, REVOKED, otherwise)
    blocks = [part.partition(_END_LIST)[0] for part in content.split(_BEGIN_LIST)[1:]]
    if not blocks:
        raise InvalidCertificateError(f"{REVOKED} holds no list in PEM ({_BEGIN_LIST.decode()})")
    if len(blocks) > MAX_LISTS:
        raise InvalidCertificateError(f"{REVOKED} holds {len(blocks)} lists: leave {MAX_LISTS} at most")
    try:
        lists = [x509.load_pem_x509_crl(_BEGIN_LIST + each + _END_LIST + b"\n") for each in blocks]
        begins = [each.last_update_utc.timestamp() for each in lists]
        ends = [each.next_update_utc.timestamp() if each.next_update_utc else math.inf for each in lists]
        encodings = [each.public_bytes(Encoding.DER) for each in lists]
        pem = b"".join(each.public_bytes(Encoding.PEM) for each in lists)
    except (ValueError, TypeError, OverflowError, UnsupportedAlgorithm):
        raise InvalidCertificateError(f"{REVOKED} holds a list that cannot be read") from None
    return RevocationLists(fingerprint_of([REVOKED.encode(), *encodings]), max(begins), min(ends), lists[0], pem)
