"""The rules that let a load balancer in at the members of a Pool: from where, to which ports. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NotRequired, TypedDict

from infomaniak_operator.client.bodies import SecurityGroupRuleBody
from infomaniak_operator.client.resources import Port, Subnet
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject
from infomaniak_operator.reconcile.generic.fields import address
from infomaniak_operator.reconcile.openstack.resource_types import SECURITY_GROUP_RULES

POOL: Final = "Pool"
MONITOR: Final = "HealthMonitor"
Protocol = Literal["tcp", "udp", "sctp", "icmp"]
Family = Literal["IPv4", "IPv6"]
ECHO: Mapping[Family, tuple[str, int]] = {"IPv4": ("icmp", 8), "IPv6": ("ipv6-icmp", 128)}
"""What a PING is: the protocol as Neutron names it, and the type of the request, whose code is 0."""
_VERSIONS: Mapping[Family, int] = {"IPv4": 4, "IPv6": 6}


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """One port of a member that the load balancer speaks to.

    Attributes:
        subnet: id of the subnet that the member was given; empty: it is reached from the VIP's.
        family: of the member's address.
        protocol: what is spoken.
        port: its number; 0 with icmp.
    """

    subnet: str
    family: Family
    protocol: Protocol
    port: int


class Way(TypedDict):
    """Ports in a row that the load balancer speaks to, both ends included; the rest as in ``Spot``."""

    subnet: str
    family: Family
    protocol: Protocol
    low: int
    high: int


class Access(TypedDict):
    """What a load balancer needs to reach the members of a Pool.

    Attributes:
        vip: ids of the subnets of its VIPs.
        ways: the ways to the members, in order.
        waits: why that is not all of it, for people; absent: it is.
    """

    vip: list[str]
    ways: list[Way]
    waits: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Reached:
    """What is known of the members of a Pool.

    Attributes:
        access: what their load balancer needs.
        addresses: where they are.
    """

    access: Access
    addresses: frozenset[str]


ReachedOf = Callable[[KubeObject, CacheReader], Reached]
"""What is known of the members of a Pool, by the cache alone. It is the kinds of Octavia that know."""


def monitors_of(pool: Key) -> Key:
    """The key that every HealthMonitor of a Pool stands for; no object can have that name."""
    return Key(MONITOR, pool.namespace, f"of Pool {pool.name}")


def in_a_row(spots: Iterable[Spot]) -> list[Way]:
    """The ways to those spots, as few as can be without a port that is not among them."""
    found: list[Way] = []
    for each in sorted(set(spots)):
        last = found[-1] if found else None
        same = last and (last["subnet"], last["family"], last["protocol"]) == (each.subnet, each.family, each.protocol)
        if last and same and each.port == last["high"] + 1:
            last["high"] = each.port
        else:
            found.append(
                {
                    "subnet": each.subnet,
                    "family": each.family,
                    "protocol": each.protocol,
                    "low": each.port,
                    "high": each.port,
                }
            )
    return found


def many(access: Access) -> int:
    """How many rules that may come to, at the most."""
    return sum(len({*access["vip"], way["subnet"]} - {""}) for way in access["ways"])


def subnets(access: Access) -> set[str]:
    """The ids of all subnets that the load balancer may speak from."""
    return {*access["vip"], *(way["subnet"] for way in access["ways"])} - {""}


def bodies(
    access: Access, known: Mapping[str, Subnet], group_id: str, description: str | None
) -> list[SecurityGroupRuleBody]:
    """The bodies of the rules' creates.

    A member that was given a subnet is reached from an address in that. Where it is in the VIP's network, an older
    Octavia has no address there, and speaks from the VIP's subnet.

    Args:
        access: what is to be let in.
        known: the subnets, by id; what is not among them adds nothing.
        group_id: the group.
        description: of the rules; None: none is asked for.
    """
    at_home = {known[each].get("network_id") for each in access["vip"] if each in known}
    found = []
    for way in access["ways"]:
        own = known.get(way["subnet"])
        sources = [way["subnet"]] if own else []
        if not way["subnet"] or (own and own.get("network_id") in at_home):
            sources += access["vip"]
        rows = [known[each] for each in dict.fromkeys(sources) if each in known]
        found += [
            _body(way, str(row["cidr"]), group_id, description)
            for row in rows
            if row.get("ip_version") == _VERSIONS[way["family"]]
        ]
    return found


def _body(way: Way, cidr: str, group_id: str, description: str | None) -> SecurityGroupRuleBody:
    protocol, low, high = str(way["protocol"]), way["low"], way["high"]
    if way["protocol"] == "icmp":
        (protocol, low), high = ECHO[way["family"]], 0
    sent = {
        "security_group_id": group_id,
        "direction": "ingress",
        "ethertype": way["family"],
        "protocol": protocol,
        "port_range_min": low,
        "port_range_max": high,
        "remote_ip_prefix": cidr,
        "description": description,
    }
    return SECURITY_GROUP_RULES.body({name: value for name, value in sent.items() if value is not None})


def outside(addresses: Iterable[str], ports: Sequence[Port], groups: Iterable[str]) -> list[str]:
    """The members at whose ports none of the groups is, so that packets to them may be dropped: ``10.0.0.9 (port …)``.

    An address that several ports have, in networks of their own, is well where one of them has a group. What no port
    of the project has is not told of, nor a port that filters nothing.

    Args:
        addresses: of members.
        ports: the project's.
        groups: the ids of all groups that let the load balancer in.
    """
    asked, letting = set(addresses), set(groups)
    at: dict[str, list[Port]] = {}
    for port in ports:
        for fixed in port.get("fixed_ips") or ():
            host = str(address(str(fixed.get("ip_address"))))
            if host in asked:
                at.setdefault(host, []).append(port)
    return [
        f"{host} (port {there[0]['id']})"
        for host, there in sorted(at.items())
        if all(each.get("port_security_enabled") is not False for each in there)
        and not any(letting & set(each.get("security_groups") or ()) for each in there)
    ]
