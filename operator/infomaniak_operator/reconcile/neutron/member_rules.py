"""The rules that let a load balancer in at the members of a Pool: from where, to which ports. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NotRequired, Protocol, TypedDict

from infomaniak_operator.client.bodies import SecurityGroupRuleBody
from infomaniak_operator.client.resources import Subnet
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.openstack.resource_types import SECURITY_GROUP_RULES

POOL: Final = "Pool"
MONITOR: Final = "HealthMonitor"
Spoken = Literal["tcp", "udp", "sctp", "icmp"]
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
    protocol: Spoken
    port: int


class Way(TypedDict):
    """Ports in a row that the load balancer speaks to, both ends included; the rest as in ``Spot``."""

    subnet: str
    family: Family
    protocol: Spoken
    low: int
    high: int


class Access(TypedDict):
    """What a load balancer needs to reach the members of a Pool.

    Attributes:
        vip: ids of the subnets of its VIPs.
        ways: the ways to the members, in order.
        waits: why that is not all of it, for people; absent: it is.
        untold: why it cannot be told what else the Pool may still use, so that nothing may be taken from it, for
            people; empty: only for a moment. Absent: that is all.
    """

    vip: list[str]
    ways: list[Way]
    waits: NotRequired[str]
    untold: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Reached:
    """What is known of the members of a Pool.

    Attributes:
        access: what their load balancer needs.
        addresses: where they are.
    """

    access: Access
    addresses: frozenset[str]


class PoolMembers(Protocol):
    """What is known of the members of Pools. It is the kinds of Octavia that know."""

    def reached(self, pool: KubeObject, view: CacheReader, *, wished: bool = True) -> Reached:
        """What is known of the members of a Pool, by the cache alone.

        Args:
            pool: the Pool.
            view: the cache.
            wished: whether what its spec asks for counts beside what is there.
        """

    def more_in_cloud(self, context: ReconcileContext, pool: KubeObject) -> str:
        """Why the cloud may have more of a Pool than its status shows, for people; empty: it has not.

        Raises:
            InfomaniakCloudError: the cloud could not be asked.
        """

    def being_left(self, context: ReconcileContext, pool: KubeObject) -> bool:
        """Whether a Pool still serves in the cloud, and is about to serve no more.

        Raises:
            InfomaniakCloudError: the cloud could not be asked.
        """


def absent(pool: Key) -> Access:
    """What is known of a Pool that is not there: it may be on its way, or was given up and serves on."""
    return {"vip": [], "ways": [], "waits": f"Pool {pool.name}, which is not there yet", "untold": "it is not there"}


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


def subnets(access: Access) -> set[str]:
    """The ids of all subnets that the load balancer may speak from."""
    return {*access["vip"], *(way["subnet"] for way in access["ways"])} - {""}


def bodies(access: Access, known: Mapping[str, Subnet], group_id: str) -> list[SecurityGroupRuleBody]:
    """The bodies of the rules' creates.

    A member that was given a subnet is reached from an address in that. Where it is in the VIP's network, an older
    Octavia has no address there, and speaks from the VIP's subnet.

    Args:
        access: what is to be let in.
        known: the subnets, by id; what is not among them adds nothing.
        group_id: the group.
    """
    at_home = {known[each].get("network_id") for each in access["vip"] if each in known}
    found = []
    for way in access["ways"]:
        own = known.get(way["subnet"])
        sources = [way["subnet"]] if own else []
        if not way["subnet"] or (own and own.get("network_id") in at_home):
            sources += access["vip"]
        cidrs = (_cidr(known[each], way["family"]) for each in dict.fromkeys(sources) if each in known)
        found += [_body(way, cidr, group_id) for cidr in cidrs if cidr]
    return found


def _cidr(subnet: Subnet, family: Family) -> str:
    """From where in a subnet a load balancer speaks; empty where that is another family's, or anywhere at all."""
    try:
        network = ipaddress.ip_network(str(subnet.get("cidr")), strict=False)
    except ValueError:
        return ""
    return str(network) if network.version == _VERSIONS[family] and network.prefixlen else ""


def _body(way: Way, cidr: str, group_id: str) -> SecurityGroupRuleBody:
    protocol, low, high = str(way["protocol"]), way["low"], way["high"]
    if way["protocol"] == "icmp":
        (protocol, low), high = ECHO[way["family"]], 0
    return SECURITY_GROUP_RULES.body(
        {
            "security_group_id": group_id,
            "direction": "ingress",
            "ethertype": way["family"],
            "protocol": protocol,
            "port_range_min": low,
            "port_range_max": high,
            "remote_ip_prefix": cidr,
        }
    )
