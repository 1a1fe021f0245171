"""What the cache keeps of an object. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infomaniak_operator.controller.interfaces import GROUP, KubeObject
from infomaniak_operator.controller.kube.kube_api import KubeType

_IDENTITY = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")
"""What is kept of the metadata of every object."""
_OURS = f"{GROUP}/"
"""How the annotations begin that concern us; others may hold a second copy of the object."""


def wrap(resource_type: KubeType, body: Mapping[str, Any]) -> KubeObject:
    """What is held of an object of a kind; items of a LIST lack ``apiVersion`` and ``kind``, which are added.

    Neither who wrote which field nor the annotations of others: they are nobody's business here, and may be larger than
    all the rest.
    """
    whole = {"apiVersion": resource_type.api_version, "kind": resource_type.kind, **body}
    if resource_type.keep:
        kept, meta = resource_type.keep(whole), body.get("metadata") or {}
        identity = {name: meta[name] for name in _IDENTITY if name in meta}
        whole = {
            "apiVersion": whole["apiVersion"],
            "kind": whole["kind"],
            **kept,
            "metadata": {**identity, **(kept.get("metadata") or {})},
        }
    else:
        meta = dict(body.get("metadata") or {})
        meta.pop("managedFields", None)
        if annotations := meta.pop("annotations", None):
            ours = {name: value for name, value in annotations.items() if name.startswith(_OURS)}
            meta |= {"annotations": ours} if ours else {}
        whole["metadata"] = meta
    return KubeObject.of(whole, resource_type.kind)
