"""What the checks go by: what was read, as it was read, and why what could not be read is not known. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from infomaniak_operator.api.kind import GROUP
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.client.credentials import CloudCredentials
from infomaniak_operator.client.errors import InfomaniakCloudError
from infomaniak_operator.controller.interfaces import KubeObject
from infomaniak_operator.plugin.doctor.bodies import Deployed, Held

T = TypeVar("T")


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
class Certificate:
    """A Secret with a certificate that objects name.

    Attributes:
        namespace: where it is.
        name: its name.
        labelled: whether it has the label by which the operator finds it.
        user: the first object that names it.
    """

    namespace: str
    name: str
    labelled: bool | Unknown
    user: KubeObject


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
        certificates: the Secrets with certificates that the objects name.
        certificates_left_out: how many further ones were not looked at.
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
    certificates: tuple[Certificate, ...]
    certificates_left_out: int
    clocks: tuple[Clock, ...]
