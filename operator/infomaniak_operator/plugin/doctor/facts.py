"""What the checks go by: what was read, as it was read, and why what could not be read is not known. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias, TypeVar

from infomaniak_operator.api.kind import GROUP
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.api.rights import LEASE
from infomaniak_operator.client.credentials import CloudCredentials
from infomaniak_operator.client.errors import InfomaniakCloudError
from infomaniak_operator.controller.interfaces import KubeObject

T = TypeVar("T")

VERSION_LABEL = "app.kubernetes.io/version"
DEPLOYED = "app.kubernetes.io/part-of=infomaniak-operator,app.kubernetes.io/component=operator"
"""The labels of the operator's Deployment and Pods, as the chart sets them."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Something that could not be asked for: that is never "there is none".

    Attributes:
        why: for a person.
        absent: whether the API server said that there is no such thing.
    """

    why: str
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Right:
    """Something that the plugin needs to be allowed to do.

    Attributes:
        verb: of RBAC.
        group: API group, empty for the core one.
        resources: plurals.
        without: what does not work without it.
        needed: whether nothing of the plugin works without it.
    """

    verb: str
    group: str
    resources: tuple[str, ...]
    without: str
    needed: bool = False


_PLURALS = tuple(kind.plural for kind in KINDS.values())
RIGHTS = (
    Right("list", GROUP, _PLURALS, "no command works on them", needed=True),
    Right("patch", GROUP, _PLURALS, "pause, resume and reconcile do not work on them"),
    Right("list", "", ("events",), "status shows no Events"),
    Right("get", "", ("secrets",), "commands that ask the cloud need --clouds-yaml"),
)
"""What the plugin needs."""


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


@dataclass(frozen=True, slots=True)
class Clock:
    """How somebody's clock goes.

    Attributes:
        whose: the API server's, a service's.
        ahead: seconds that it is ahead of this machine's.
    """

    whose: str
    ahead: float


@dataclass(frozen=True, slots=True)
class Unusable:
    """A credential that cannot be used as it is written.

    Attributes:
        why: which key, what is wrong with it, and what to do; it holds no value.
    """

    why: str


Asked: TypeAlias = T | InfomaniakCloudError
"""What a service answered, or how it refused."""


@dataclass(frozen=True, slots=True)
class Project:
    """What a cloud says to a credential.

    Attributes:
        identity: project id and region, or why there is no login; nothing else is asked then.
        services: by service, None where it let the credential list, or how it refused.
        network_quota: what Neutron allows, and what is used.
        load_balancer_quota: what Octavia allows.
        counts: how many there are of each type of Octavia's.
        external: names and ids of the external networks.
    """

    identity: Asked[tuple[str, str]]
    services: Mapping[str, Asked[None]]
    network_quota: Asked[Mapping[str, object]] | None = None
    load_balancer_quota: Asked[Mapping[str, object]] | None = None
    counts: Asked[Mapping[str, int]] | None = None
    external: Asked[Sequence[tuple[str, str]]] | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential that objects use.

    Attributes:
        source: ``Secret web/infomaniak``, or the name of a file.
        namespace: of the Secret; empty for a file.
        name: of the Secret; empty for a file.
        labelled: whether it has the label by which the operator finds it; a file has none to have.
        content: the credential, or why it cannot be used or read.
        unsafe: whether it leads to an address to which this machine sends no password.
        project: what the cloud says; None where it was not asked.
        users: the objects that use it.
    """

    source: str
    namespace: str
    name: str
    labelled: bool
    content: CloudCredentials | Unusable | Unknown
    unsafe: bool
    project: Project | None
    users: tuple[KubeObject, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was read.

    Attributes:
        now: the API server's time where it says it, else this machine's.
        namespace: the one asked about; None: all.
        server_version: the API server's.
        served: plurals that are served.
        definitions: the CustomResourceDefinitions by kind; None in it: there is none.
        deployments: the operator's.
        leases: the operator's.
        objects: of the namespaces asked about.
        rights: whether the user may do what the plugin needs, by right and plural.
        credentials: those that the objects use.
        left_out: how many further ones were not looked at.
        clocks: of those that were asked.
    """

    now: datetime
    namespace: str | None
    server_version: str
    served: frozenset[str] | Unknown
    definitions: Mapping[str, Mapping[str, Any] | None] | Unknown
    deployments: tuple[Deployed, ...] | Unknown
    leases: tuple[Held, ...] | Unknown
    objects: tuple[KubeObject, ...] | Unknown
    rights: Mapping[tuple[Right, str], bool | Unknown]
    credentials: tuple[Credential, ...]
    left_out: int
    clocks: tuple[Clock, ...]
