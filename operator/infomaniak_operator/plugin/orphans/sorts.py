"""The types of things in the cloud that can carry a mark, as people and the ``openstack`` client call them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infomaniak_operator.reconcile.openstack import resource_types as types
from infomaniak_operator.reconcile.openstack.resource_types import ResourceType
from infomaniak_operator.reconcile.openstack.scope import Cloud

Thing = Mapping[str, object]
"""A row as a service gave it."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a thing costs by the hour, whether it is used or not.

    Attributes:
        per_hour: in CHF.
    """

    per_hour: float


PRICES_AS_OF = "November 2026"
"""When users of Infomaniak's Public Cloud last told these prices."""
LOAD_BALANCER_PRICE, FLOATING_IP_PRICE = Price(0.0137), Price(0.00457)
HOURS_PER_MONTH = 730


@dataclass(frozen=True, slots=True)
class Sort:
    """One type.

    Attributes:
        name: what people call it.
        kinds: the kinds whose objects make it.
        command: the ``openstack`` command that shows one.
        rows: lists those of the project.
        inside: the type that it is a part of, and the attribute that names it.
        price: what it costs; None: nothing by itself.
        in_names: whether the mark is in the name.
        optional: whether a cloud may do without the service: then there is none of them.
        told_unmarked: whether one without a mark is told of where it is a part of something that is told of.
        with_parent: whether the object that has what it is a part of uses it, whatever mark it carries.
    """

    name: str
    kinds: tuple[str, ...]
    command: str
    rows: Callable[[Cloud], Sequence[Thing]]
    inside: tuple[str, str] | None = None
    price: Price | None = None
    in_names: bool = False
    optional: bool = False
    told_unmarked: bool = True
    with_parent: bool = False

    def parent(self, row: Thing) -> str | None:
        """The id of what it is a part of."""
        if self.inside is None:
            return None
        found = row.get(self.inside[1])
        first = next(iter(found), None) if isinstance(found, list | tuple) else found
        value = first.get("id") if isinstance(first, Mapping) else first
        return value if isinstance(value, str) else None

    def id_of(self, row: Thing) -> str:
        """What names it for a person and for the ``openstack`` client: Barbican's are named by their address."""
        return str((row.get("secret_ref") if self.in_names else None) or row.get("id") or "")

    def ids_of(self, row: Thing) -> tuple[str, ...]:
        """What objects may name it by."""
        id_ = row.get("id")
        found = (id_ if isinstance(id_, str) else "", self.id_of(row))
        return tuple(dict.fromkeys(each for each in found if each))

    def look(self, row: Thing) -> str:
        """The command that shows it."""
        return f"openstack {self.command} {shlex.quote(self.id_of(row))}"


def _of(collection: ResourceType[Any, Any]) -> Callable[[Cloud], Sequence[Thing]]:
    return lambda cloud: cloud.rows(collection, float("-inf"))


SORTS: tuple[Sort, ...] = (
    Sort("network", ("InfomaniakNetwork",), "network show", _of(types.NETWORKS)),
    Sort("subnet", ("InfomaniakNetwork",), "subnet show", _of(types.SUBNETS), ("network", "network_id")),
    Sort("router", ("Router",), "router show", _of(types.ROUTERS)),
    Sort("security group", ("SecurityGroup",), "security group show", _of(types.SECURITY_GROUPS)),
    Sort(
        "security group rule",
        ("SecurityGroup",),
        "security group rule show",
        _of(types.SECURITY_GROUP_RULES),
        ("security group", "security_group_id"),
        told_unmarked=False,
        with_parent=True,
    ),
    Sort("floating IP", ("FloatingIP",), "floating ip show", _of(types.FLOATING_IPS), price=FLOATING_IP_PRICE),
    Sort("load balancer", ("LoadBalancer",), "loadbalancer show", _of(types.LOAD_BALANCERS), price=LOAD_BALANCER_PRICE),
    Sort("port", ("Port", "LoadBalancer", "Router"), "port show", _of(types.PORTS)),
    Sort(
        "listener",
        ("LoadBalancer",),
        "loadbalancer listener show",
        _of(types.LISTENERS),
        ("load balancer", "loadbalancers"),
    ),
    Sort("pool", ("Pool",), "loadbalancer pool show", _of(types.POOLS), ("load balancer", "loadbalancers")),
    Sort(
        "health monitor",
        ("HealthMonitor",),
        "loadbalancer healthmonitor show",
        _of(types.HEALTH_MONITORS),
        ("pool", "pools"),
    ),
    Sort(
        "L7 policy",
        ("L7Policy", "LoadBalancer"),
        "loadbalancer l7policy show",
        _of(types.L7_POLICIES),
        ("listener", "listener_id"),
    ),
    Sort(
        "secret",
        ("LoadBalancer", "Pool"),
        "secret get",
        lambda cloud: cloud.secrets(float("-inf")),
        in_names=True,
        optional=True,
    ),
)
"""All of them; what a thing is a part of comes before it."""
