"""The key that a release is signed with: ECDSA on P-256, as cosign's own are."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PASSPHRASE = "COSIGN_PASSWORD"  # noqa: S105 - the name of a variable of the environment; cosign reads it, too
_COSIGN_KEYS = (b"BEGIN ENCRYPTED SIGSTORE PRIVATE KEY", b"BEGIN ENCRYPTED COSIGN PRIVATE KEY")


class SigningKeyError(Exception):
    """The key cannot be used; the message says why, and has nothing of the key in it."""


class Key:
    """A private key, which stays in this object.

    Args:
        private: the key.
    """

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private

    def __repr__(self) -> str:
        return f"Key({self.hint})"

    def sign(self, message: bytes) -> bytes:
        """The signature of a message: ECDSA of its SHA-256, as DER; it is checked before it is handed out."""
        signature = self._private.sign(message, ec.ECDSA(hashes.SHA256()))
        if not is_signed(self.public, message, signature):
            raise SigningKeyError("the key's two halves do not belong together")
        return signature

    @property
    def public(self) -> ec.EllipticCurvePublicKey:
        """The public half."""
        return self._private.public_key()

    @property
    def pem(self) -> str:
        """The public half as PEM, as ``cosign --key`` and ``openssl -verify`` read it."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.public.public_bytes(serialization.Encoding.PEM, form).decode()

    @property
    def hint(self) -> str:
        """Which key it is: the SHA-256 of the public half, in base64, as cosign writes it."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        der = self.public.public_bytes(serialization.Encoding.DER, form)
        return base64.b64encode(hashlib.sha256(der).digest()).decode()


def is_signed(public: ec.EllipticCurvePublicKey, message: bytes, signature: bytes) -> bool:
    """Whether a signature is this key's, of this message."""
    try:
        public.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def load(path: Path, passphrase: str | None) -> Key:
    """Read a key.

    Args:
        path: a PEM file, PKCS #8 or SEC 1.
        passphrase: of an encrypted one.

    Raises:
        SigningKeyError: it is not there, is no key on P-256, or the passphrase is wrong or missing.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SigningKeyError(f"{path}: {error.strerror}") from None
    if any(words in text for words in _COSIGN_KEYS):
        raise SigningKeyError(
            f"{path}: it is encrypted in cosign's own way, which only cosign reads. Make the key with openssl and give "
            "it to cosign by `cosign import-key-pair`; docs/releasing.md shows how"
        )
    try:
        found = serialization.load_pem_private_key(text, passphrase.encode() if passphrase else None)
    except TypeError:
        has = "is encrypted" if passphrase is None or not passphrase else "is not encrypted"
        raise SigningKeyError(f"{path}: it {has}; {PASSPHRASE} has the passphrase, if there is one") from None
    except (ValueError, UnsupportedAlgorithm):
        raise SigningKeyError(f"{path}: no private key as PEM, or {PASSPHRASE} has another passphrase") from None
    if not isinstance(found, ec.EllipticCurvePrivateKey) or not isinstance(found.curve, ec.SECP256R1):
        raise SigningKeyError(f"{path}: it is no ECDSA key on the curve P-256")
    return Key(found)
