"""Neutron's arithmetic in memory: subnets and their pools, rules and their effect, filters. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, Any]
Many = list[Row]
"""For classes in which ``list`` is one of the five verbs."""


class Refused(Exception):  # noqa: N818 - an answer, made an error by the client
    """The service says no."""

    def __init__(self, status: int, error_type: str | None, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.message = message


ANY_RULE: Row = {
    "direction": "ingress",
    "ethertype": "IPv4",
    "protocol": None,
    "port_range_min": None,
    "port_range_max": None,
    "remote_ip_prefix": None,
    "remote_group_id": None,
    "remote_address_group_id": None,
}
_ALL_SAME = ("security_group_id", "direction", "ethertype")


def network_of(body: Row) -> Row:
    return {
        "name": "",
        "admin_state_up": True,
        "status": "ACTIVE",
        "shared": False,
        "mtu": 1450,
        "port_security_enabled": True,
        "router:external": False,
        "dns_domain": "",
        "qos_policy_id": None,
        "is_default": False,
        "availability_zone_hints": [],
        **body,
    }


def interface_of(router: Row, port: Row, subnet: Row) -> Row:
    return {
        "id": router["id"],
        "tenant_id": router["project_id"],
        "port_id": port["id"],
        "network_id": subnet["network_id"],
        "subnet_id": subnet["id"],
        "subnet_ids": [subnet["id"]],
    }


def invalid(message: str) -> Refused:
    return Refused(400, "InvalidInput", f"Invalid input for operation: {message}")


def passes(row: Row, name: str, value: Any) -> bool:
    wanted = value if isinstance(value, (list, tuple, set, frozenset)) else (value,)
    if name == "tags":
        return all(tag in row.get("tags", []) for one in wanted for tag in str(one).split(","))
    if name == "fixed_ips":
        pairs = [str(one).split("=", 1) for one in wanted]
        return any(all(str(ip.get(key)) == text for key, text in pairs) for ip in row.get("fixed_ips", []))
    have = row.get(name)
    if isinstance(have, bool):
        return any(str(one).lower() == str(have).lower() for one in wanted)
    return any(str(one) == str(have) for one in wanted)


def net_of(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise invalid(f"{text} is not in a CIDR format.") from None


def overlap(one: Any, other: Any) -> bool:
    return one.version == other.version and bool(one.overlaps(other))


def plain(address: Any) -> str | None:
    return None if address is None else str(ipaddress.ip_address(address))


def pools_of(net: Any, gateway: str | None) -> list[Row]:
    last = net.num_addresses - (2 if net.version == 4 and net.prefixlen < 31 else 1)
    first = 0 if net.version == 4 and net.prefixlen >= 31 else 1
    if gateway is None:
        return [{"start": str(net[first]), "end": str(net[last])}]
    place = int(ipaddress.ip_address(gateway)) - int(net.network_address)
    spans = [(first, min(place - 1, last)), (max(place + 1, first), last)]
    if not first <= place <= last:
        spans = [(first, last)]
    return [{"start": str(net[low]), "end": str(net[high])} for low, high in spans if low <= high]


def check_pools(net: Any, gateway: str | None, pools: Sequence[Mapping[str, Any]]) -> None:
    for pool in pools:
        low, high = ipaddress.ip_address(pool["start"]), ipaddress.ip_address(pool["end"])
        if low not in net or high not in net:
            message = f"The allocation pool {low}-{high} spans beyond the subnet cidr {net}."
            raise Refused(400, "OutOfBoundsAllocationPool", message)
        if low > high:
            raise Refused(400, "InvalidAllocationPool", f"The allocation pool {low}-{high} is not valid.")
        if gateway is not None and low <= ipaddress.ip_address(gateway) <= high:
            message = f"Gateway ip {gateway} conflicts with allocation pool {low}-{high}."
            raise Refused(409, "GatewayConflictWithAllocationPools", message)


def free_address(subnet: Row, taken: set[str]) -> str | None:
    for pool in subnet["allocation_pools"]:
        low, high = (int(ipaddress.ip_address(pool[end])) for end in ("start", "end"))
        for number in range(low, min(high, low + len(taken) + 1) + 1):
            address = str(type(ipaddress.ip_address(pool["start"]))(number))
            if address not in taken:
                return address
    return None


def addresses_of(port: Row) -> list[str]:
    return [ip["ip_address"] for ip in port["fixed_ips"]]


def subnets_of(port: Row) -> list[str]:
    return [ip["subnet_id"] for ip in port["fixed_ips"]]


PROTOCOLS = {
    "ah": 51,
    "dccp": 33,
    "egp": 8,
    "esp": 50,
    "gre": 47,
    "hopopt": 0,
    "icmp": 1,
    "igmp": 2,
    "ip": 0,
    "ipip": 4,
}
PROTOCOLS |= {"ipv6-encap": 41, "ipv6-frag": 44, "ipv6-icmp": 58, "icmpv6": 58, "ipv6-nonxt": 59, "ipv6-opts": 60}
PROTOCOLS |= {"ipv6-route": 43, "ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136}
PROTOCOLS |= {"vrrp": 112}
"""Neutron's names."""
_OF_IPV6 = {str(PROTOCOLS[name]) for name in PROTOCOLS if "v6" in name}
_NAME_OF = {str(number): name for name, number in PROTOCOLS.items() if name != "icmpv6"}


def protocol_of(value: Any, family: str) -> str | None:
    """A protocol as Neutron stores it."""
    if value in (None, "any"):
        return None
    text = str(value).lower()
    known = text in PROTOCOLS or (text.isdecimal() and int(text) <= 255)
    if not known:
        message = f"Security group rule protocol {value} not supported."
        raise Refused(400, "SecurityGroupRuleInvalidProtocol", message)
    if family == "IPv6":
        return {"icmp": "ipv6-icmp", "icmpv6": "ipv6-icmp", "1": "58"}.get(text, text)
    if str(PROTOCOLS.get(text, text)) in _OF_IPV6:
        message = f"Invalid ethertype {family} for protocol {text}."
        raise Refused(400, "SecurityGroupEthertypeConflictWithProtocol", message)
    return text


def effect_of(rule: Row) -> tuple[Any, ...]:
    """By what Neutron tells duplicates: a name and the number it knows for it are the same, 0 and any are not."""
    prefix = rule.get("remote_ip_prefix")
    remote = str(ipaddress.ip_network(prefix, strict=False)) if prefix else None
    remote = None if remote in ("0.0.0.0/0", "::/0") else remote
    protocol = protocol_of(rule.get("protocol"), rule["ethertype"])
    protocol = protocol if protocol in PROTOCOLS else _NAME_OF.get(str(protocol), protocol)
    ports = (rule.get("port_range_min"), rule.get("port_range_max"))
    ports = (None, None) if ports == (1, 65535) else ports
    groups = (rule.get("remote_group_id"), rule.get("remote_address_group_id"))
    return (*(rule.get(name) for name in _ALL_SAME), protocol, ports, remote, groups)


def no_doubles(bodies: Sequence[Row]) -> None:
    effects = [effect_of({**ANY_RULE, **body}) for body in bodies]
    if len(set(effects)) != len(effects):
        raise Refused(409, "DuplicateSecurityGroupRuleInPost", "Duplicate Security Group Rule in POST.")


def check_rule(rule: Row) -> None:
    low, high = rule["port_range_min"], rule["port_range_max"]
    if rule["remote_ip_prefix"] and rule["remote_group_id"]:
        message = "Only remote_ip_prefix or remote_group_id may be provided."
        raise Refused(400, "SecurityGroupMultipleRemoteEntites", message)
    if rule["remote_ip_prefix"]:
        family = ipaddress.ip_network(rule["remote_ip_prefix"], strict=False).version
        if rule["ethertype"] != f"IPv{family}":
            message = f"Conflicting value ethertype {rule['ethertype']} for CIDR {rule['remote_ip_prefix']}"
            raise Refused(400, "SecurityGroupRuleParameterConflict", message)
    if (low, high) != (None, None) and rule["protocol"] is None:
        message = "Must also specify protocol if port range is given."
        raise Refused(400, "SecurityGroupProtocolRequiredWithPorts", message)
    ranged = rule["protocol"] in ("tcp", "udp", "6", "17") and (low, high) != (None, None)
    if ranged and (low is None or high is None or low > high):
        message = "For TCP/UDP protocols, port_range_min must be <= port_range_max"
        raise Refused(400, "SecurityGroupInvalidPortRange", message)
