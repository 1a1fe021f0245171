"""A kind for the engine's tests: a toy that refers to other toys and to a Secret, and does what the test says."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from infomaniak_operator.engine.contract import (
    NO_SHARES,
    Attempt,
    Gone,
    Key,
    KubeObject,
    Reason,
    Result,
    Settled,
    Shares,
    Verdict,
    View,
)
from infomaniak_operator.engine.kube import SECRETS, ResourceType

TOYS = ResourceType("Toy", "test.infomaniak.cloud", "v1", "toys")
RESOURCES = {"Toy": TOYS, "Secret": SECRETS}
AVAILABLE = Verdict(True, Reason.AVAILABLE, "all is well")

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

Script = Callable[[Attempt], Result]


def key(name: str, namespace: str = "default") -> Key:
    """A toy's key."""
    return Key("Toy", namespace, name)


def usual(attempt: Attempt) -> Result:
    """What a toy does unless told otherwise: claim, be Ready, go when deleted."""
    if attempt.resource.deleting:
        return Result(AVAILABLE, Gone())
    attempt.claim()
    return Result(
        AVAILABLE, Settled(), {"inputsHash": toy_hash(attempt.resource), "colour": attempt.resource.spec.get("colour")}
    )


def toy_hash(resource: KubeObject) -> str:
    """A hash of its spec."""
    return hashlib.sha256(json.dumps(resource.spec, sort_keys=True).encode()).hexdigest()[:16]


class ToyReconciler:
    """``Reconciler`` of toys.

    Attributes:
        scripts: by name, what to do instead of the usual.
        visits: by name, the ``fresh_after`` of each visit.
        overlaps: how often a toy was visited while it was being visited.
        order: the names of all that were visited, in that order.
    """

    kind = "Toy"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside: set[str] = set()
        self.scripts: dict[str, Script] = {}
        self.visits: dict[str, list[float]] = defaultdict(list)
        self.versions: dict[str, list[str]] = defaultdict(list)
        self.overlaps = 0
        self.order: list[str] = []

    @property
    def total(self) -> int:
        with self._lock:
            return sum(map(len, self.visits.values()))

    def references(self, resource: KubeObject) -> Iterable[Key]:
        namespace = resource.key.namespace
        yield from (key(name, namespace) for name in resource.spec.get("refs") or ())
        if secret := resource.spec.get("secret"):
            yield Key("Secret", namespace, secret)

    def shares(self, resource: KubeObject, view: View) -> Shares:
        alone, cloud = resource.spec.get("alone"), resource.spec.get("cloud")
        return Shares(alone, cloud) if alone or cloud else NO_SHARES

    def inputs_hash(self, resource: KubeObject, view: View) -> str | None:
        return toy_hash(resource)

    def reconcile(self, attempt: Attempt) -> Result:
        name = attempt.resource.key.name
        with self._lock:
            self.overlaps += name in self._inside
            self._inside.add(name)
            self.order.append(name)
            self.visits[name].append(attempt.fresh_after)
            self.versions[name].append(attempt.resource.resource_version)
        try:
            return self.scripts.get(name, usual)(attempt)
        finally:
            with self._lock:
                self._inside.discard(name)
