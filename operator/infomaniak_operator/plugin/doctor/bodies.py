"""What an operator shows of itself in Kubernetes: its Deployment and its Lease, whatever is in them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from infomaniak_operator.api.rights import LEASE

VERSION_LABEL = "app.kubernetes.io/version"
DEPLOYED = "app.kubernetes.io/part-of=infomaniak-operator,app.kubernetes.io/component=operator"
"""The labels of the operator's Deployment and Pods, as the chart sets them."""


def text(body: object, *path: str) -> str:
    """A text within what the API server gave; empty where there is none."""
    found = body
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else ""


def part(body: object, *path: str) -> Mapping[str, Any]:
    """A mapping within it; empty where there is none."""
    found = body
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def items(body: Mapping[str, Any], name: str) -> Sequence[Any]:
    """A list within it; empty where there is none."""
    found = body.get(name)
    return found if isinstance(found, list | tuple) else ()


@dataclass(frozen=True, slots=True)
class Deployed:
    """A Deployment of the operator.

    Attributes:
        namespace: where it is.
        name: its name.
        version: as its label says; empty: it does not say.
        arguments: of its container.
        wanted: how many replicas it should have.
        available: how many are available.
    """

    namespace: str
    name: str
    version: str
    arguments: tuple[str, ...]
    wanted: int
    available: int

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Deployed:
        """Read a Deployment."""
        spec, meta = part(body, "spec"), part(body, "metadata")
        containers = items(part(spec, "template", "spec"), "containers")
        arguments = [str(word) for each in containers if isinstance(each, Mapping) for word in items(each, "args")]
        return cls(
            text(meta, "namespace"),
            text(meta, "name"),
            text(meta, "labels", VERSION_LABEL),
            tuple(arguments),
            _count(spec.get("replicas"), 1),
            _count(part(body, "status").get("availableReplicas"), 0),
        )

    def values(self, option: str) -> tuple[str, ...]:
        """What an option of its command line is given, each time it stands there."""
        found = [word.partition("=")[2] for word in self.arguments if word.startswith(f"{option}=")]
        pairs = zip(self.arguments, self.arguments[1:], strict=False)
        return tuple(found + [value for name, value in pairs if name == option])

    @property
    def elects(self) -> bool:
        """Whether its replicas elect a leader."""
        return "--leader-elect" in self.arguments

    @property
    def lease(self) -> tuple[str, str]:
        """Namespace and name of its Lease."""
        return (*self.values("--lease-namespace"), self.namespace)[0], (*self.values("--lease-name"), LEASE)[0]

    @property
    def namespaces(self) -> frozenset[str]:
        """The namespaces that it watches; none: all."""
        named = self.values("--namespace")
        default = (each.partition("/")[0] for each in self.values("--default-credentials"))
        return frozenset((*named, *default)) if named else frozenset()

    def watches(self, namespace: str) -> bool:
        """Whether it watches a namespace."""
        return not self.namespaces or namespace in self.namespaces

    def __str__(self) -> str:
        return f"Deployment {self.namespace}/{self.name}"


def _count(value: object, absent: int) -> int:
    return value if isinstance(value, int) else absent


@dataclass(frozen=True, slots=True)
class Held:
    """A Lease of the operator's.

    Attributes:
        namespace: where it is.
        name: its name.
        holder: who holds it: the Pod's name, ``_`` and something random; empty: nobody.
        renewed: when it was last renewed, by the holder's clock; None where it does not say.
        duration: seconds for which others leave it alone after that.
        moved: whether it was renewed while it was looked at.
    """

    namespace: str
    name: str
    holder: str
    renewed: datetime | None
    duration: int
    moved: bool = False

    @classmethod
    def of(cls, body: Mapping[str, Any], *, moved: bool = False) -> Held:
        """Read a Lease."""
        spec, meta = part(body, "spec"), part(body, "metadata")
        return cls(
            text(meta, "namespace"),
            text(meta, "name"),
            text(spec, "holderIdentity"),
            time_of(text(spec, "renewTime")),
            _count(spec.get("leaseDurationSeconds"), 15),
            moved,
        )

    def live(self, now: datetime) -> bool:
        """Whether somebody holds it and renews it."""
        fresh = self.renewed is not None and abs(now - self.renewed) <= timedelta(seconds=self.duration)
        return bool(self.holder) and (self.moved or fresh)

    @property
    def replica(self) -> str:
        """The Pod, or machine, that holds it."""
        return self.holder.rpartition("_")[0] or self.holder

    def __str__(self) -> str:
        return f"Lease {self.namespace}/{self.name}"


def time_of(value: str) -> datetime | None:
    """A time of Kubernetes'; None where it is none."""
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
