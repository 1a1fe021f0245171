"""The Secrets of Kubernetes that hold certificates: what is kept of one, and what is read in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

from infomaniak_operator.controller.interfaces import GROUP, CacheReader, Key, KubeObject
from infomaniak_operator.reconcile.octavia.x509_chain import (
    MAX_BYTES,
    PARTS,
    Certificate,
    InvalidCertificateError,
    read,
)

LABEL = f"{GROUP}/tls"
"""Only Secrets with this label, value ``true``, are watched and used."""
KIND: Final = "CertificateSecret"
"""What the cache knows them as: those with credentials are watched apart, and are guarded."""
_TOO_LARGE = "!" * (MAX_BYTES * 4 // 3 + 8)
"""In the place of what is larger than is looked at."""


class CertificateContent(Mapping[str, str]):
    """Of a Secret's ``data`` what can be a certificate, and what was read in it: both go with the Secret.

    Args:
        data: the Secret's, as the API server gives it.
    """

    def __init__(self, data: object) -> None:
        found = data if isinstance(data, Mapping) else {}
        texts = {name: str(found[name] or "") for name in PARTS if name in found}
        self._data = {name: text if len(text) < len(_TOO_LARGE) else _TOO_LARGE for name, text in texts.items()}
        self._lock = threading.Lock()
        self._read: Certificate | str | None = None

    def __repr__(self) -> str:
        return f"CertificateContent({sorted(self._data)})"

    def __getitem__(self, name: str) -> str:
        return self._data[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def certificate(self) -> Certificate | str:
        """What it holds, read once; or what is wrong with it."""
        with self._lock:
            if self._read is None:
                try:
                    self._read = read(self._data)
                except InvalidCertificateError as error:
                    self._read = str(error)
                except Exception as error:  # noqa: BLE001 - what a stranger wrote is never a defect of ours
                    self._read = f"it cannot be read ({type(error).__name__})"
            return self._read


def keep_certificate(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is held of such a Secret, beside its identity: its label, and what can be a certificate."""
    labels = ((body.get("metadata") or {}).get("labels")) or {}
    held = {"labels": {name: value for name, value in labels.items() if name == LABEL}}
    return {"metadata": held, "data": CertificateContent(body.get("data"))}


def key_of(namespace: str, name: str) -> Key:
    """The Secret of that name, as one that holds a certificate."""
    return Key(KIND, namespace, name)


def certificate_of(secret: KubeObject) -> Certificate | str:
    """What a Secret holds; or what is wrong with it."""
    data = secret.body.get("data")
    content = data if isinstance(data, CertificateContent) else CertificateContent(data)
    return content.certificate()


def look_up(view: CacheReader, namespace: str, name: str) -> Certificate | str | None:
    """What the Secret of that name holds, or what is wrong with it; None where there is none with the label."""
    secret = view.get(key_of(namespace, name))
    return None if secret is None or secret.deleting else certificate_of(secret)
