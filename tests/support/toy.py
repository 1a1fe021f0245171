"""A kind for the controller's tests: a toy that refers to other toys and to a Secret, and does what the test says."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from infomaniak_operator.controller.interfaces import (
    NO_SHARES,
    CacheReader,
    Conditions,
    Done,
    Finalized,
    Key,
    KubeObject,
    Reason,
    ReconcileRequest,
    Result,
    Shares,
)
from infomaniak_operator.controller.kube.kube_api import SECRETS, KubeType

TOYS = KubeType("Toy", "test.infomaniak.cloud", "v1", "toys")
RESOURCES = {"Toy": TOYS, "Secret": SECRETS}
AVAILABLE = Conditions(True, Reason.AVAILABLE, "all is well")

CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "toys.test.infomaniak.cloud"},
    "spec": {
        "group": TOYS.group,
        "scope": "Namespaced",
        "names": {"kind": "Toy", "plural": "toys", "singular": "toy", "listKind": "ToyList"},
        "versions": [
            {
                "name": TOYS.version,
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
        ],
    },
}

Script = Callable[[ReconcileRequest], Result]


def key(name: str, namespace: str = "default") -> Key:
    """A toy's key."""
    return Key("Toy", namespace, name)


def usual(request: ReconcileRequest) -> Result:
    """What a toy does unless told otherwise: have the finalizer, be Ready, go when deleted."""
    if request.resource.deleting:
        return Result(AVAILABLE, Finalized())
    request.add_finalizer()
    return Result(
        AVAILABLE, Done(), {"inputsHash": toy_hash(request.resource), "colour": request.resource.spec.get("colour")}
    )


def toy_hash(resource: KubeObject) -> str:
    """A hash of its spec."""
    return hashlib.sha256(json.dumps(resource.spec, sort_keys=True).encode()).hexdigest()[:16]


class ToyReconciler:
    """``Reconciler`` of toys.

    Attributes:
        scripts: by name, what to do instead of the usual.
        reconciles: by name, the ``fresh_after`` of each reconcile.
        overlaps: how often a toy was reconciled while it was being reconciled.
        order: the names of all that were reconciled, in that order.
    """

    kind = "Toy"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside: set[str] = set()
        self.scripts: dict[str, Script] = {}
        self.reconciles: dict[str, list[float]] = defaultdict(list)
        self.versions: dict[str, list[str]] = defaultdict(list)
        self.overlaps = 0
        self.order: list[str] = []

    @property
    def total(self) -> int:
        with self._lock:
            return sum(map(len, self.reconciles.values()))

    def references(self, resource: KubeObject) -> Iterable[Key]:
        namespace = resource.key.namespace
        yield from (key(name, namespace) for name in resource.spec.get("refs") or ())
        if secret := resource.spec.get("secret"):
            yield Key("Secret", namespace, secret)

    def shares(self, resource: KubeObject, view: CacheReader) -> Shares:
        alone, cloud = resource.spec.get("alone"), resource.spec.get("cloud")
        return Shares(alone, cloud) if alone or cloud else NO_SHARES

    def inputs_hash(self, resource: KubeObject, view: CacheReader) -> str | None:
        return toy_hash(resource)

    def reconcile(self, request: ReconcileRequest) -> Result:
        name = request.resource.key.name
        with self._lock:
            self.overlaps += name in self._inside
            self._inside.add(name)
            self.order.append(name)
            self.reconciles[name].append(request.fresh_after)
            self.versions[name].append(request.resource.resource_version)
        try:
            return self.scripts.get(name, usual)(request)
        finally:
            with self._lock:
                self._inside.discard(name)
