"""The types of objects in the cloud, each with its name and its collection: what a kind names instead of a text.

A type knows how its objects look (``client.resources``) and what a body of it may set (``client.bodies``), so that mypy
follows a row from the list to the status, and refuses a misspelt attribute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic

from infomaniak_operator.client import Operations, kinds
from infomaniak_operator.client.bodies import (
    FloatingIPBody,
    HealthMonitorBody,
    L7PolicyBody,
    ListenerBody,
    LoadBalancerBody,
    NetworkBody,
    PoolBody,
    PortBody,
    RouterBody,
    SecurityGroupBody,
    SecurityGroupRuleBody,
    SubnetBody,
)
from infomaniak_operator.client.collections import Collection
from infomaniak_operator.client.kinds import BodyT, ResourceKind, RowT
from infomaniak_operator.client.resources import (
    FloatingIP,
    HealthMonitor,
    L7Policy,
    Listener,
    LoadBalancer,
    Network,
    Pool,
    Port,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
)


@dataclass(frozen=True, slots=True)
class ResourceType(Generic[RowT, BodyT]):
    """One type of objects in the cloud.

    Attributes:
        name: the attribute of ``Operations`` that is its collection.
        kind: the names that the service knows.
        of: its collection in a cloud.
    """

    name: str
    kind: ResourceKind[RowT, BodyT]
    of: Callable[[Operations], Collection[RowT, BodyT]]

    def __str__(self) -> str:
        return self.name

    def body(self, attributes: Mapping[str, object]) -> BodyT:
        """A body, put together from tables of fields or a step of a plan.

        Raises:
            ValueError: the type has no such attribute.
        """
        return self.kind.checked(attributes)


NETWORKS: ResourceType[Network, NetworkBody] = ResourceType("networks", kinds.NETWORKS, lambda do: do.networks)
SUBNETS: ResourceType[Subnet, SubnetBody] = ResourceType("subnets", kinds.SUBNETS, lambda do: do.subnets)
ROUTERS: ResourceType[Router, RouterBody] = ResourceType("routers", kinds.ROUTERS, lambda do: do.routers)
SECURITY_GROUPS: ResourceType[SecurityGroup, SecurityGroupBody] = ResourceType(
    "security_groups", kinds.SECURITY_GROUPS, lambda do: do.security_groups
)
SECURITY_GROUP_RULES: ResourceType[SecurityGroupRule, SecurityGroupRuleBody] = ResourceType(
    "security_group_rules", kinds.SECURITY_GROUP_RULES, lambda do: do.security_group_rules
)
FLOATING_IPS: ResourceType[FloatingIP, FloatingIPBody] = ResourceType(
    "floating_ips", kinds.FLOATING_IPS, lambda do: do.floating_ips
)
PORTS: ResourceType[Port, PortBody] = ResourceType("ports", kinds.PORTS, lambda do: do.ports)
LOAD_BALANCERS: ResourceType[LoadBalancer, LoadBalancerBody] = ResourceType(
    "load_balancers", kinds.LOAD_BALANCERS, lambda do: do.load_balancers
)
LISTENERS: ResourceType[Listener, ListenerBody] = ResourceType("listeners", kinds.LISTENERS, lambda do: do.listeners)
POOLS: ResourceType[Pool, PoolBody] = ResourceType("pools", kinds.POOLS, lambda do: do.pools)
HEALTH_MONITORS: ResourceType[HealthMonitor, HealthMonitorBody] = ResourceType(
    "health_monitors", kinds.HEALTH_MONITORS, lambda do: do.health_monitors
)
L7_POLICIES: ResourceType[L7Policy, L7PolicyBody] = ResourceType(
    "l7_policies", kinds.L7_POLICIES, lambda do: do.l7_policies
)
