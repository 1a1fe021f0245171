"""A load balancer, its Pool and a SecurityGroup that lets it in at the members."""

from __future__ import annotations

from typing import Any

from infomaniak_operator.controller.interfaces import Key
from infomaniak_operator.reconcile.neutron.group_rules import observed
from tests.support.forest import Forest
from tests.support.objects import custom
from tests.support.trees import SITE, balancer, network, pool

GROUP = Key("SecurityGroup", "shop", "web")
BY_POOL = {"poolRef": {"name": "site"}}
SSH = {"direction": "ingress", "protocol": "tcp", "portRange": {"min": 22}, "remoteIPPrefix": "192.0.2.0/24"}
TCP_8080 = "IPv4 tcp 8080 from 10.40.0.0/24"
TCP_9090 = "IPv4 tcp 9090 from 10.40.0.0/24"
TCP_22 = "IPv4 tcp 22 from 192.0.2.0/24"
PING = "IPv4 icmp 8-0 from 10.40.0.0/24"


def group(*rules: Any, name: str = "web", annotations: Any = None, **spec: Any) -> dict[str, Any]:
    """A SecurityGroup with memberRules for the Pool site; ``...`` leaves a field out."""
    whole = {"rules": list(rules), "memberRules": [BY_POOL], **spec}
    there = {field: each for field, each in whole.items() if each is not ...}
    return custom("SecurityGroup", name, there, annotations=annotations)


def left_over(world: Forest) -> None:
    """The Pool goes, and its pool stays."""
    world.spec(SITE, deletionPolicy="Retain")
    world.run()
    world.delete(SITE)


def rows(world: Forest, name: str = "web") -> list[dict[str, Any]]:
    """The rules of a group."""
    (row,) = [each for each in world.table("security_groups") if each["name"] == name]
    return [each for each in world.table("security_group_rules") if each["security_group_id"] == row["id"]]


def rules(world: Forest, name: str = "web") -> list[str]:
    """The rules of a group that let in, in short."""
    there = [each for each in rows(world, name) if each["direction"] == "ingress"]
    return sorted(str(observed(each)).removeprefix("ingress ") for each in there)


def tcp(port: int, group_id: str = "", cidr: str = "10.40.0.0/24") -> dict[str, Any]:
    """The body of a rule that lets in at a port."""
    body = {"direction": "ingress", "protocol": "tcp", "ethertype": "IPv4", "remote_ip_prefix": cidr}
    return {**body, "security_group_id": group_id, "port_range_min": port, "port_range_max": port}


def placed(*objects: Any, **options: Any) -> Forest:
    """A world in which all of it is Ready."""
    world = Forest(*objects, **options)
    world.run()
    world.all_ready()
    world.forget_calls()
    return world


def web(*more: Any, **spec: Any) -> Forest:
    """One with a network, a load balancer, its Pool, as the fields say, and a group."""
    return placed(network(), balancer(), pool(**spec), group(), *more)
