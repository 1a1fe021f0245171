"""Whom a connection trusts, and as whom it shows itself: an SSL context from PEM text. No file is left behind."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util.ssl_ import create_urllib3_context

from infomaniak_operator.client.errors import InvalidCredentialsError

_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
_KEY = "PRIVATE KEY-----"


def tls_context(cacert: str | None, cert: str | None, key: str | None) -> ssl.SSLContext | None:
    """How to speak TLS; None where it is as everywhere: the public authorities are trusted, and nothing is shown.

    Args:
        cacert: the certificates (PEM) of the authorities to trust, in place of the public ones.
        cert: the certificate (PEM) to show, with those that lead to its authority.
        key: its private key (PEM), not encrypted; None: it is in ``cert``.

    Raises:
        InvalidCredentialsError: what is given is none of that; the message never holds any of it.
    """
    if not (cacert or cert or key):
        return None
    context = create_urllib3_context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.check_hostname = True
    if cacert:
        _must_hold("cacert", cacert, _CERTIFICATE)
        try:
            context.load_verify_locations(cadata=cacert)
        except (ssl.SSLError, ValueError, TypeError):
            raise InvalidCredentialsError("the key 'cacert' holds a certificate that cannot be read") from None
    else:
        context.load_verify_locations(cafile=DEFAULT_CA_BUNDLE_PATH)
    if cert or key:
        _show(context, cert, key)
    return context


def _show(context: ssl.SSLContext, cert: str | None, key: str | None) -> None:
    if not cert:
        raise InvalidCredentialsError("the key 'cert' is missing: 'key' is the private key of a certificate")
    _must_hold("cert", cert, _CERTIFICATE)
    private = key or cert
    _must_hold("key", private, _KEY)
    if "ENCRYPTED" in private:
        raise InvalidCredentialsError("the key 'key' holds an encrypted private key: give it without a passphrase")
    try:
        # OpenSSL reads these from files alone. It would ask the terminal for a passphrase, were there none here.
        with _file(f"{cert}\n{key}\n" if key else cert) as path:
            context.load_cert_chain(path, password="")
    except (ssl.SSLError, ValueError, TypeError):
        raise InvalidCredentialsError("the keys 'cert' and 'key' cannot be read, or do not belong together") from None
    except OSError as error:
        raise InvalidCredentialsError(f"the key 'cert' cannot be used here: {error.strerror}") from None


def _must_hold(name: str, text: str, words: str) -> None:
    if words not in text:
        raise InvalidCredentialsError(f"the key {name!r} must hold PEM text ({words}), not the path of a file")


@contextmanager
def _file(text: str) -> Iterator[str]:
    """A file with that content for a moment: in memory where the system can do that, else one that is ours alone."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        descriptor = os.memfd_create("pem", os.MFD_CLOEXEC)
        path = f"/proc/self/fd/{descriptor}"
    else:
        descriptor, path = tempfile.mkstemp()  # 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            yield path
    finally:
        if not path.startswith("/proc/"):
            with suppress(OSError):
                Path(path).unlink()
