"""The Secrets of Kubernetes that hold certificates: what is kept of one, and what is read in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from infomaniak_operator.controller.interfaces import GROUP, CacheReader, Key
from infomaniak_operator.reconcile.octavia.x509_authority import (
    REVOKED,
    Authorities,
    RevocationLists,
    read_authorities,
    read_revoked,
)
from infomaniak_operator.reconcile.octavia.x509_chain import (
    AUTHORITY,
    CERTIFICATE,
    KEY,
    MAX_BYTES,
    Certificate,
    InvalidCertificateError,
    read,
)

Content = Certificate | Authorities | RevocationLists
"""What can be read in a Secret, and be kept in Barbican."""

LABEL = f"{GROUP}/tls"
"""Only Secrets with this label, value ``true``, are watched and used."""
KIND: Final = "CertificateSecret"
"""What the cache knows them as: those with credentials are watched apart, and are guarded."""
_READ: Mapping[str, Callable[[Mapping[str, str]], Content]] = {
    CERTIFICATE: read,
    AUTHORITY: read_authorities,
    REVOKED: read_revoked,
}
"""How each content is read, by the key of the Secret that it begins in."""
_KEPT = frozenset({CERTIFICATE, KEY, AUTHORITY, REVOKED})
"""The keys of a Secret that are held."""
_TOO_LARGE = "!" * (MAX_BYTES * 4 // 3 + 8)
"""In the place of what is larger than is looked at."""


class CertificateContent(Mapping[str, str]):
    """Of a Secret's ``data`` what can be a certificate, and what was read in it: both go with the Secret.

    Args:
        data: the Secret's, as the API server gives it.
    """

    def __init__(self, data: object) -> None:
        found = data if isinstance(data, Mapping) else {}
        texts = {name: str(found[name] or "") for name in sorted(_KEPT) if name in found}
        self._data = {name: text if len(text) < len(_TOO_LARGE) else _TOO_LARGE for name, text in texts.items()}
        self._lock = threading.Lock()
        self._read: dict[str, Content | str] = {}

    def __repr__(self) -> str:
        return f"CertificateContent({sorted(self._data)})"

    def __getitem__(self, name: str) -> str:
        return self._data[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def content(self, part: str) -> Content | str:
        """What it holds, read once; or what is wrong with it.

        Args:
            part: the key that it begins in: ``tls.crt``, ``ca.crt`` or ``ca.crl``.
        """
        with self._lock:
            if part not in self._read:
                try:
                    self._read[part] = _READ[part](self._data)
                except InvalidCertificateError as error:
                    self._read[part] = str(error)
                except Exception as error:  # noqa: BLE001 - what a stranger wrote is never a defect of ours
                    self._read[part] = f"it cannot be read ({type(error).__name__})"
            return self._read[part]


def keep_certificate(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is held of such a Secret, beside its identity: its label, and what can be a certificate."""
    labels = ((body.get("metadata") or {}).get("labels")) or {}
    held = {"labels": {name: value for name, value in labels.items() if name == LABEL}}
    return {"metadata": held, "data": CertificateContent(body.get("data"))}


def key_of(namespace: str, name: str) -> Key:
    """The Secret of that name, as one that holds a certificate."""
    return Key(KIND, namespace, name)


def look_up(view: CacheReader, namespace: str, name: str, part: str) -> Content | str | None:
    """What the Secret of that name holds, or what is wrong with it; None where there is none with the label.

    Args:
        view: the objects.
        namespace: of the Secret.
        name: of the Secret.
        part: the key that the content begins in.
    """
    secret = view.get(key_of(namespace, name))
    if secret is None or secret.deleting:
        return None
    data = secret.body.get("data")
    return (data if isinstance(data, CertificateContent) else CertificateContent(data)).content(part)
