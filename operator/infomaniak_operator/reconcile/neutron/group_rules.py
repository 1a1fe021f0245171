"""The rules of a security group as a set: one form for both sides, and the difference between them. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, replace

from infomaniak_operator.api import json_types
from infomaniak_operator.client.bodies import SecurityGroupRuleBody
from infomaniak_operator.client.resources import RuleMatch, SecurityGroupRule
from infomaniak_operator.reconcile.openstack.resource_types import SECURITY_GROUP_RULES

_NUMBERS = {"icmp": "1", "igmp": "2", "tcp": "6", "egp": "8", "udp": "17", "dccp": "33", "rsvp": "46", "gre": "47"}
_NUMBERS |= {"esp": "50", "ah": "51", "icmpv6": "58", "ipv6-icmp": "58", "ospf": "89", "pgm": "113", "vrrp": "112"}
_NUMBERS |= {"sctp": "132", "udplite": "136", "ipip": "4", "ipv6-encap": "41", "ipv6-frag": "44", "ipv6-route": "43"}
_NUMBERS |= {"ipv6-nonxt": "59", "ipv6-opts": "60"}
_NAMES = {number: name for name, number in reversed(_NUMBERS.items())}
_BY_NAME = "ipip"
"""The one protocol whose name and number Neutron's drivers do not agree on: 4 for OVN, 94 for iptables."""
_SAME_FOR_NEUTRON = {_BY_NAME: _NUMBERS[_BY_NAME], "ip": "0"}
"""Protocols that Neutron stores apart, and yet refuses as duplicates."""
_ANY = {"IPv4": "0.0.0.0/0", "IPv6": "::/0"}
_LAST_PORT = 65535
_WITH_PORTS = frozenset({"6", "17", "33", "132", "136"})


@dataclass(frozen=True, slots=True, order=True)
class ObservedRule:
    """One rule, in the one form in which two of the same effect are equal. Texts are empty where nothing is asked.

    Protocol 0 is a protocol of its own, and not the same as any.

    Attributes:
        direction: ingress or egress.
        ether_type: IPv4 or IPv6.
        protocol: its number, as text, or the name where Neutron tells the two apart; empty: any.
        low: first port, or ICMP type; empty: any.
        high: last port, or ICMP code; empty: any.
        prefix: remote CIDR; empty: any.
        group: id of the remote group; empty: any.
        addresses: id of the remote address group, which only others set; empty: any.
    """

    direction: str
    ether_type: str
    protocol: str
    low: str
    high: str
    prefix: str
    group: str
    addresses: str = ""

    @property
    def slot(self) -> ObservedRule:
        """The rule as Neutron compares it: it refuses a second one with the same slot."""
        return replace(self, protocol=_SAME_FOR_NEUTRON.get(self.protocol, self.protocol))

    def __str__(self) -> str:
        # Of a rule for the members of a Pool it is in status, and hashed in its mark: another text is another rule.
        ports = f" {self.low}-{self.high}" if self.low != self.high else f" {self.low}" if self.low else ""
        remote = self.prefix or self.group or self.addresses
        way = "from" if self.direction == "ingress" else "to"
        protocol = _NAMES.get(self.protocol, self.protocol) or "any"
        return f"{self.direction} {self.ether_type} {protocol}{ports} {way} {remote or 'anywhere'}"


def _protocol(value: object) -> str:
    text = "" if value is None else str(value).lower()
    if text in ("any", _BY_NAME):
        return "" if text == "any" else text
    return _NUMBERS.get(text, text)


def _prefix(value: object, ether_type: str) -> str:
    if not value:
        return ""
    text = str(ipaddress.ip_network(str(value), strict=False))
    return "" if text == _ANY.get(ether_type) else text


def observed(row: RuleMatch) -> ObservedRule:
    """A rule as Neutron shows it, or takes it."""
    family = str(row["ethertype"])
    number = _protocol(row.get("protocol"))
    if family == "IPv6" and number == _NUMBERS["icmp"]:  # Neutron makes it that of IPv6
        number = _NUMBERS["icmpv6"]
    ports = (row.get("port_range_min"), row.get("port_range_max"))
    low, high = ("" if port is None else str(port) for port in ports)
    if number in _WITH_PORTS and (low or "0") in ("0", "1") and high == str(_LAST_PORT):
        low = high = ""
    prefix = _prefix(row.get("remote_ip_prefix"), family)
    group, addresses = (str(value or "") for value in (row.get("remote_group_id"), row.get("remote_address_group_id")))
    return ObservedRule(str(row["direction"]), family, number, low, high, prefix, group, addresses)


def body(item: json_types.SecurityGroupRule, group_id: str, remote_group_id: str | None) -> SecurityGroupRuleBody:
    """The body of a rule's create, from an item of the spec."""
    ports = item.get("portRange")
    low, high = (ports.get("min"), ports.get("max")) if ports else (None, None)
    sent = {
        "security_group_id": group_id,
        "direction": item["direction"],
        "ethertype": item.get("etherType") or ether_type(item),
        "protocol": None if item.get("protocol") in (None, "any") else str(item["protocol"]),
        "port_range_min": low,
        "port_range_max": low if high is None and _numbered(item) else high,
        "remote_ip_prefix": item.get("remoteIPPrefix"),
        "remote_group_id": remote_group_id,
        "description": item.get("description"),
    }
    return SECURITY_GROUP_RULES.body({name: value for name, value in sent.items() if value is not None})


def _numbered(item: json_types.SecurityGroupRule) -> bool:
    return _protocol(item.get("protocol")) in _WITH_PORTS


def ether_type(item: json_types.SecurityGroupRule) -> str:
    """The family of a rule that names none: its prefix's, else IPv4 as in Neutron."""
    prefix = item.get("remoteIPPrefix")
    return "IPv6" if prefix and ":" in str(prefix) else "IPv4"


def default_egress() -> list[SecurityGroupRuleBody]:
    """The rules Neutron puts into a new group: everything may leave."""
    return [{"direction": "egress", "ethertype": family} for family in ("IPv4", "IPv6")]


def difference(
    wanted: Iterable[SecurityGroupRuleBody], rows: Iterable[SecurityGroupRule]
) -> tuple[list[SecurityGroupRuleBody], list[SecurityGroupRule]]:
    """Which rules are to be added, and which removed.

    Args:
        wanted: bodies of creates; two of one effect count once, the first.
        rows: the rules that are there. One whose description differs from a wanted one that names a description is
            made anew, since Neutron changes nothing of a rule.

    Returns:
        Bodies to create, rows to delete.
    """
    bodies: dict[ObservedRule, SecurityGroupRuleBody] = {}
    for one in wanted:
        bodies.setdefault(observed(one), one)
    surplus = []
    for row in rows:
        found = bodies.get(observed(row))
        if found is None or ("description" in found and (row.get("description") or "") != found["description"]):
            surplus.append(row)
        else:
            del bodies[observed(row)]
    return list(bodies.values()), surplus
