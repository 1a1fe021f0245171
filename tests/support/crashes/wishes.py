"""What must be in the cloud for a spec, as docs/reference says it: attribute by attribute, in the services' own words.

Nothing here comes from the operator. A field that a spec does not name is as the cloud makes it by default: nobody else
touches such a field in the lives that are audited.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
Spec = Mapping[str, Any]
TABLES = {
    "InfomaniakNetwork": "networks",
    "Router": "routers",
    "SecurityGroup": "security_groups",
    "Port": "ports",
    "FloatingIP": "floating_ips",
    "LoadBalancer": "load_balancers",
    "Pool": "pools",
    "HealthMonitor": "health_monitors",
    "L7Policy": "l7policies",
}
"""Where what an object stands for is."""
_UP = {"adminStateUp": ("admin_state_up", True)}
_FIELDS: dict[str, dict[str, tuple[str, Any]]] = {
    "networks": {
        **_UP,
        "mtu": ("mtu", ...),
        "portSecurityEnabled": ("port_security_enabled", True),
        "dnsDomain": ("dns_domain", ""),
    },
    "subnets": {"enableDHCP": ("enable_dhcp", True), "dnsNameservers": ("dns_nameservers", [])},
    "routers": _UP,
    "security_groups": {"stateful": ("stateful", True)},
    "ports": _UP,
    "floating_ips": {},
    "load_balancers": _UP,
    "listeners": {
        **_UP,
        "protocol": ("protocol", ...),
        "port": ("protocol_port", ...),
        "allowedCIDRs": ("allowed_cidrs", None),
        "connectionLimit": ("connection_limit", -1),
        "timeouts.clientData": ("timeout_client_data", 50000),
        "timeouts.memberConnect": ("timeout_member_connect", 5000),
        "timeouts.memberData": ("timeout_member_data", 50000),
        "timeouts.tcpInspect": ("timeout_tcp_inspect", 0),
    },
    "pools": {**_UP, "protocol": ("protocol", ...), "algorithm": ("lb_algorithm", ...)},
    "members": {
        **_UP,
        "address": ("address", ...),
        "port": ("protocol_port", ...),
        "name": ("name", ""),
        "weight": ("weight", 1),
        "backup": ("backup", False),
        "monitorAddress": ("monitor_address", None),
        "monitorPort": ("monitor_port", None),
    },
    "health_monitors": {
        **_UP,
        "type": ("type", ...),
        "delay": ("delay", ...),
        "timeout": ("timeout", ...),
        "maxRetries": ("max_retries", ...),
        "maxRetriesDown": ("max_retries_down", 3),
        "httpVersion": ("http_version", None),
        "domainName": ("domain_name", None),
    },
    "l7policies": {
        **_UP,
        "action": ("action", ...),
        "redirectURL": ("redirect_url", None),
        "redirectPrefix": ("redirect_prefix", None),
        "redirectHTTPCode": ("redirect_http_code", ...),
    },
}
"""By table and field: the attribute, and its default; ``...``: it has none, or none to go back to."""
_HTTP = {"httpMethod": ("http_method", "GET"), "urlPath": ("url_path", "/"), "expectedCodes": ("expected_codes", "200")}


@dataclass(frozen=True, slots=True)
class Either:
    """One of several values is right."""

    values: tuple[Any, ...]


def attributes(table: str, spec: Spec) -> dict[str, Any]:
    """The plain attributes of a row, and what they must be."""
    fields = dict(_FIELDS[table])
    if table == "health_monitors" and spec.get("type") in ("HTTP", "HTTPS"):
        fields |= _HTTP
    found = {}
    for field, (attribute, default) in fields.items():
        value: Any = spec
        for part in field.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        value = default if value is None else value
        if value is not ...:
            found[attribute] = value
    if found.get("http_version"):
        found["http_version"] = Either(
            (found["http_version"], float(found["http_version"]))
        )  # Octavia answers a number
    if table == "listeners" and not found["allowed_cidrs"]:
        found["allowed_cidrs"] = Either((None, []))
    return found


def subnet(item: Spec) -> dict[str, Any]:
    """The attributes of a subnet."""
    net = ipaddress.ip_network(item["cidr"])
    first = net.network_address + (1 if net.version == 4 else 0)
    gateway = item.get("gateway", str(first))
    found = {**attributes("subnets", item), "name": item["name"], "cidr": item["cidr"], "ip_version": net.version}
    found["gateway_ip"] = None if gateway == "none" else gateway
    found["ipv6_ra_mode"], found["ipv6_address_mode"] = item.get("ipv6RAMode"), item.get("ipv6AddressMode")
    found["host_routes"] = [
        {"destination": r["destination"], "nexthop": r["nexthop"]} for r in item.get("hostRoutes") or ()
    ]
    pools = item.get("allocationPools")
    if pools is not None:
        found["allocation_pools"] = [{"start": each["start"], "end": each["end"]} for each in pools]
    elif net.version == 4:
        found["allocation_pools"] = _all_but(net, found["gateway_ip"])
    return found


def _all_but(net: Any, gateway: str | None) -> Any:
    """All addresses but the gateway; where the gateway has moved, those of then or those of now."""
    first, last = int(net.network_address) + 1, int(net.broadcast_address) - 1

    def without(address: int) -> list[dict[str, str]]:
        spans = [(first, address - 1), (address + 1, last)]
        return [
            {"start": str(ipaddress.ip_address(low)), "end": str(ipaddress.ip_address(high))}
            for low, high in spans
            if low <= high
        ]

    now = int(ipaddress.ip_address(gateway)) if gateway else 0
    return Either((without(now), without(first), [{"start": str(net[1]), "end": str(net[-2])}]))


def rule(item: Spec, groups: Mapping[str, str]) -> tuple[Any, ...]:
    """What tells a rule of a group from another one."""
    prefix = item.get("remoteIPPrefix")
    family = item.get("etherType") or ("IPv6" if ":" in (prefix or "") else "IPv4")
    ports = item.get("portRange") or {}
    low, protocol = ports.get("min"), item.get("protocol")
    high = ports.get("max", None if str(protocol).startswith("icmp") else low)
    group = item.get("remoteGroupID") or groups.get((item.get("remoteGroupRef") or {}).get("name", ""))
    protocol = None if protocol in (None, "any") else str(protocol)
    return item["direction"], family, protocol, low, high, prefix, group


def let_in(pool: Spec, cidr: str) -> list[tuple[Any, ...]]:
    """The rules by which the load balancer reaches the members of a pool over TCP, no two of whose ports are in a row."""
    ports = {item["port"] for item in pool.get("members") or ()}
    return [("ingress", "IPv4", "tcp", port, port, cidr, None) for port in sorted(ports)]


EGRESS = [("egress", family, None, None, None, None, None) for family in ("IPv4", "IPv6")]
"""The rules of a new group."""


def rule_of(row: Row) -> tuple[Any, ...]:
    """The same of a rule in the cloud."""
    names = "direction ethertype protocol port_range_min port_range_max remote_ip_prefix remote_group_id"
    return tuple(row[name] for name in names.split())


def redirect(item: Spec) -> dict[str, Any] | None:
    """The attributes of the L7 policy of a listener, or None."""
    target = item.get("redirectToHTTPS")
    if not target:
        return None
    port = target.get("port", 443)
    return {
        "action": "REDIRECT_PREFIX",
        "redirect_prefix": f"https://{target['host']}" + ("" if port == 443 else f":{port}"),
        "redirect_http_code": target.get("statusCode", 302),
    }


def policy_rules(spec: Spec) -> list[tuple[Any, ...]]:
    """What tells the rules of an L7 policy from others; all are in force."""
    names = ("type", "compareType", "key", "value")
    return sorted(
        (*(str(item.get(name)) for name in names), item.get("invert", False), True) for item in spec.get("rules") or ()
    )


def policy_rule_of(row: Row) -> tuple[Any, ...]:
    """The same of a rule in the cloud."""
    texts = (str(row[name]) for name in ("type", "compare_type", "key", "value"))
    return (*texts, row["invert"], row["admin_state_up"])


def answer_code(spec: Spec) -> int | None:
    """``redirect_http_code`` of an L7 policy."""
    by_address = spec.get("action") in ("REDIRECT_TO_URL", "REDIRECT_PREFIX")
    return spec.get("redirectHTTPCode", 302) if by_address else None


def headers(item: Spec) -> dict[str, str]:
    """``insert_headers`` of a listener."""
    return dict.fromkeys(item.get("insertHeaders") or (), "true")


def persistence(spec: Spec) -> dict[str, Any] | None:
    """``session_persistence`` of a pool, as far as the spec says it."""
    wanted = spec.get("sessionPersistence")
    if not wanted:
        return None
    return {"type": wanted["type"], "cookie_name": wanted.get("cookieName")}


def wrong(row: Row, wanted: Mapping[str, Any]) -> list[str]:
    """The attributes that are not as they must be."""
    found = []
    for name, value in wanted.items():
        right = value.values if isinstance(value, Either) else (value,)
        if row.get(name) not in right:
            found.append(f"{name} is {row.get(name)!r}, not {right[0]!r}")
    return found
