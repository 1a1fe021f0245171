"""From where a load balancer speaks to the members of a Pool, and to which ports: what a SecurityGroup may let in.

By the cache alone. What was asked for and what is there count together: a port is let in before its member comes, and
until the last member at it is gone.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from infomaniak_operator.api import json_types
from infomaniak_operator.client.session import is_id
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject
from infomaniak_operator.reconcile.generic.actuator import Unresolved
from infomaniak_operator.reconcile.generic.fields import address
from infomaniak_operator.reconcile.generic.outcomes import DRY_RUN, PAUSED, annotated
from infomaniak_operator.reconcile.neutron.member_rules import (
    MONITOR,
    Family,
    Protocol,
    Reached,
    Spot,
    in_a_row,
    monitors_of,
)
from infomaniak_operator.reconcile.octavia import compatibility, members, octavia_common

_SPOKEN: Mapping[str, Protocol] = {"UDP": "udp", "SCTP": "sctp"}
"""By the protocol of a pool, what is spoken to its members; TCP otherwise."""
_CHECKED_BY: Mapping[str, Protocol] = {"PING": "icmp", "UDP-CONNECT": "udp", "SCTP": "sctp"}
"""By the type of a health monitor, likewise."""
_KEEPS_CLIENTS = "ovn"
"""The driver whose packets come to the members with the clients' own addresses."""


@dataclass(frozen=True, slots=True)
class _Member:
    """A member: where it is, and where it is checked."""

    host: str
    port: int
    subnet: str
    check_host: str
    check_port: int


def checked_pool(monitor: KubeObject) -> Key | None:
    """What a HealthMonitor stands for: with its type, what is to be let in at the members of its Pool changes."""
    pool = compatibility.pool_ref(monitor)
    return monitors_of(pool) if pool else None


def reached(pool: KubeObject, view: CacheReader) -> Reached:
    """What is known of the members of a Pool.

    Args:
        pool: the Pool.
        view: the cache.
    """
    found = list(_members(pool, view))
    addresses = frozenset({each.host for each in found} | {each.check_host for each in found})
    balancer = octavia_common.load_balancer_of(pool, view)
    if why := _waits(pool, balancer):
        return Reached({"vip": [], "ways": [], "waits": f"Pool {pool.key.name}: {why}"}, addresses)
    vip = _vip(balancer) if balancer else []
    return Reached({"vip": vip, "ways": in_a_row(_spots(pool, view, found))}, addresses)


def _waits(pool: KubeObject, balancer: KubeObject | None) -> str:
    """Why it cannot be told what is to be let in; empty if it can."""
    if balancer is None:
        ref = compatibility.balancer_ref(pool)
        return f"there is no LoadBalancer {ref.name} yet" if ref else "no LoadBalancer stands for its load balancer"
    spec, status = json_types.LOAD_BALANCER.spec(balancer), json_types.LOAD_BALANCER.status(balancer)
    if _KEEPS_CLIENTS in (spec.get("provider"), status.get("provider")):
        return f"the driver {_KEEPS_CLIENTS} keeps the clients' addresses: write rules for these by remoteIPPrefix"
    if not _vip(balancer):
        return f"LoadBalancer {balancer.key.name} has no VIP yet"
    return "" if json_types.POOL.spec(pool).get("protocol") else "it does not say its protocol: write it in its spec"


def _vip(balancer: KubeObject) -> list[str]:
    """The subnets of a load balancer's VIPs."""
    status = json_types.LOAD_BALANCER.status(balancer)
    ids = [status.get("vipSubnetID"), *(each.get("subnetID") for each in status.get("additionalVips") or ())]
    return list(dict.fromkeys(str(each) for each in ids if is_id(each)))


def _members(pool: KubeObject, view: CacheReader) -> Iterator[_Member]:
    """The members that are there, and those that are to come.

    A subnet that the spec names by its id counts once a member is in it: the Pool may be refused for naming it. Where a
    member that is there is checked, status does not tell; the spec does, though another one of it cannot be resolved.
    """
    spec, shown, checked = json_types.POOL.spec(pool), _shown(pool), _checked(pool)
    for (host, port), subnet in shown.items():
        for check in (port, *checked.get(port, ())):
            yield _Member(host, port, subnet, host, check)
    unproved = {item.get("subnetID") for item in spec.get("members") or ()} - {None, *shown.values()}
    follows = _follows_its_spec(pool)
    for wanted in _wanted(pool, view):
        host, port = members.identity(wanted)
        there = shown.get((host, port))
        subnet = wanted.get("subnet_id") or there or ""
        if subnet in unproved or (there is None and not follows):
            continue
        check_host, check_port = (wanted["spec"].get(name) for name in ("monitorAddress", "monitorPort"))
        check = str(address(str(check_host or host)))
        yield _Member(host, port, subnet, check, check_port if isinstance(check_port, int) else port)


def _checked(pool: KubeObject) -> dict[int, set[int]]:
    """By the port of members, where else their spec has them checked."""
    spec = json_types.POOL.spec(pool)
    found: dict[int, set[int]] = {}
    for item in (*(spec.get("members") or ()), *(spec.get("portMembers") or ())):
        if check := item.get("monitorPort"):
            found.setdefault(item["port"], set()).add(check)
    return found


def _shown(pool: KubeObject) -> dict[members.Identity, str]:
    """The subnets of the members that status shows, by address and port; empty: the VIP's."""
    found: dict[members.Identity, str] = {}
    for each in json_types.POOL.status(pool).get("members") or ():
        host, port, subnet = str(address(str(each.get("address")))), each.get("port"), each.get("subnetID")
        if isinstance(port, int):
            found[host, port] = str(subnet) if is_id(subnet) else ""
    return found


def _wanted(pool: KubeObject, view: CacheReader) -> list[members.Wanted]:
    """The members that its spec asks for; none while that cannot be told, for then the Pool says why."""
    try:
        return members.resolve(pool, view)
    except Unresolved:
        return []


def _follows_its_spec(pool: KubeObject) -> bool:
    """Whether what its spec asks for comes to be in the cloud."""
    unmanaged = json_types.POOL.spec(pool).get("managementPolicy") == "Unmanaged"
    return not (pool.deleting or unmanaged or annotated(pool, PAUSED) or annotated(pool, DRY_RUN))


def _spots(pool: KubeObject, view: CacheReader, found: list[_Member]) -> Iterator[Spot]:
    """All that is spoken to the members: requests, and what their HealthMonitors send."""
    protocol = _SPOKEN.get(str(json_types.POOL.spec(pool).get("protocol")), "tcp")
    monitors = (each for each in view.referrers(pool.key) if each.key.kind == MONITOR)  # those that go check until then
    types = {str(json_types.HEALTH_MONITOR.spec(each).get("type")) for each in monitors}
    checks = {protocol, *(_CHECKED_BY.get(each, "tcp") for each in types)}
    for each in found:
        if family := _family(each.host):
            yield Spot(each.subnet, family, protocol, each.port)
        if family := _family(each.check_host):
            for check in sorted(checks):
                yield Spot(each.subnet, family, check, 0 if check == "icmp" else each.check_port)


def _family(host: str) -> Family | None:
    """The family of an address; None for what is none."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return None
    return "IPv4" if version == 4 else "IPv6"  # noqa: PLR2004 - IP's own number
