"""The rights that the operator uses, each with why: the one list that RBAC is generated from.

``tests/integration/chart/test_rights.py`` compares it with what the API server's audit says that the operator asked
for: a right that is granted and never used fails there, and so does one that is used and not granted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from infomaniak_operator.api.kind import GROUP
from infomaniak_operator.api.registry import KINDS

LEASE = "infomaniak-operator"
"""The Lease's name, unless the operator is told another."""

READ = ("get", "list", "watch")
PLURALS = tuple(kind.plural for kind in KINDS.values())


class Scope(Enum):
    """Where, and when, a right is granted."""

    WATCHED = "watched"
    """In all namespaces, or in those that are watched."""
    CREDENTIALS = "credentials"
    """In all namespaces, or in those whose Secrets are read."""
    CLUSTER = "cluster"
    """Only where the whole cluster is watched: it is about what is in no namespace."""
    CLUSTER_ID = "clusterID"
    """Only where the cluster's id is not given as an option."""
    LEADER = "leader"
    """In the operator's own namespace, for leader election."""
    READINESS_GATES = "readinessGates"
    """In all namespaces, or in those that are watched, only where readiness gates of Pods are minded."""
    METRICS = "metrics"
    """In the whole cluster, only where metrics are told to those alone who may read them."""


@dataclass(frozen=True, slots=True)
class Right:
    """A rule of RBAC.

    Attributes:
        scope: where it is granted.
        group: API group, empty for the core one.
        resources: plurals, or ``plural/subresource``.
        verbs: what may be done.
        why: a sentence or two for whoever reviews it.
        names: only objects of these names; empty: all.
    """

    scope: Scope
    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    why: str
    names: tuple[str, ...] = ()


RIGHTS = (
    Right(
        Scope.WATCHED,
        GROUP,
        PLURALS,
        (*READ, "patch"),
        "What users write is read; the finalizer is set by a patch of the object. `spec` is never written.",
    ),
    Right(
        Scope.WATCHED,
        GROUP,
        tuple(f"{plural}/status" for plural in PLURALS),
        ("patch",),
        "How the object stands.",
    ),
    Right(
        Scope.WATCHED,
        "",
        ("services",),
        READ,
        "What the members of a Pool follow (spec.membersFrom). Only read; here as for the operator's own kinds `get` "
        "is for one that was not in a LIST and may yet be there.",
    ),
    Right(Scope.WATCHED, "discovery.k8s.io", ("endpointslices",), READ, "The endpoints of such a Service."),
    Right(
        Scope.WATCHED,
        "",
        ("events",),
        ("create", "patch"),
        "What happened, for `kubectl describe`; a repeated Event is counted up.",
    ),
    Right(
        Scope.CREDENTIALS,
        "",
        ("secrets",),
        ("list", "watch", "patch"),
        f"Credentials and certificates: only Secrets with the label {GROUP}/credentials=true or {GROUP}/tls=true are "
        "read and watched. RBAC knows no labels, so whoever has this right can list all Secrets there. Those with the "
        "first are patched to set a finalizer; the admission policy sees to it that nothing else of a Secret can be "
        "changed. Of the others only the metadata is listed, to take that finalizer off one that has lost its label.",
    ),
    Right(
        Scope.CLUSTER,
        "",
        ("nodes",),
        READ,
        "The members of a Pool whose membersFrom has mode NodePort. Nodes are in no namespace.",
    ),
    Right(
        Scope.CLUSTER_ID,
        "",
        ("namespaces",),
        ("get",),
        "The UID of kube-system is the cluster's id in the marks of ownership.",
        ("kube-system",),
    ),
    Right(
        Scope.LEADER, "coordination.k8s.io", ("leases",), ("create",), "The Lease is made once, by the first leader."
    ),
    Right(
        Scope.LEADER,
        "coordination.k8s.io",
        ("leases",),
        ("get", "update"),
        "It is looked at, and renewed by the leader every few seconds.",
        (LEASE,),
    ),
    Right(
        Scope.READINESS_GATES,
        "",
        ("pods",),
        READ,
        "Which Pods wait at the readiness gate of a Pool (--readiness-gates), and whether their containers are ready.",
    ),
    Right(
        Scope.READINESS_GATES,
        "",
        ("pods/status",),
        ("patch",),
        "A gate is a condition of the Pod. The admission policy sees to it that nothing else of a Pod can be changed.",
    ),
    Right(
        Scope.METRICS,
        "authentication.k8s.io",
        ("tokenreviews",),
        ("create",),
        "Who asks for the metrics (--metrics-authorization).",
    ),
    Right(
        Scope.METRICS,
        "authorization.k8s.io",
        ("subjectaccessreviews",),
        ("create",),
        "Whether they may have them.",
    ),
)


def rights(*scopes: Scope) -> list[Right]:
    """The rights of some scopes, in the list's order."""
    return [right for right in RIGHTS if right.scope in scopes]


def pairs(granted: Iterable[Right]) -> set[tuple[str, str, str]]:
    """Group, resource and verb of each thing that is granted."""
    return {(right.group, resource, verb) for right in granted for resource in right.resources for verb in right.verbs}
