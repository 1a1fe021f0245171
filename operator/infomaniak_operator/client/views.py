"""What the facade's results hold: for each kind its keys, and where openstacksdk keeps their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized
from typing import Any

Source = str | Callable[[Any], Any]
View = Mapping[str, Source]


def attribute(item: Any, name: str) -> Any:
    """An attribute of an SDK object, or of whatever else looks like one; None where it has none."""
    if isinstance(item, Mapping):
        return item.get(name)
    return getattr(item, name, None)


def shown(item: Any, view: View) -> dict[str, Any]:
    """A plain dict with exactly the view's keys."""
    return {key: source(item) if callable(source) else attribute(item, source) for key, source in view.items()}


def _same(*names: str) -> dict[str, Source]:
    return {name: name for name in names}


def _parent(lists: str, *names: str) -> Callable[[Any], Any]:
    """The id of what it belongs to: Octavia answers with a list of parents, of which there is at most one."""

    def find(item: Any) -> Any:
        parents = attribute(item, lists)
        if isinstance(parents, list) and parents:
            return attribute(parents[0], "id")
        return next((value for value in (attribute(item, name) for name in names) if isinstance(value, str)), None)

    return find


def _rules(item: Any) -> int:
    rules = attribute(item, "security_group_rules")
    return len(rules) if isinstance(rules, Sized) else 0


def echoing(view: View, **given: Any) -> View:
    """The view of what was just made, with the very values that the caller gave."""

    def fixed(value: Any) -> Source:
        return lambda _: value

    return {**view, **{name: fixed(value) for name, value in given.items()}}


NETWORK = {**_same("id", "name", "status", "is_shared"), "is_external": "is_router_external", "subnets": "subnet_ids"}
NEW_NETWORK = _same("id", "name")
SUBNET = _same("id", "name", "network_id", "cidr", "ip_version", "gateway_ip", "is_dhcp_enabled")
NEW_SUBNET = _same("id", "name", "cidr")
ROUTER = {**_same("id", "name", "status"), "external_gateway": "external_gateway_info"}
NEW_ROUTER = _same("id", "name")
SECURITY_GROUP = {**_same("id", "name", "description"), "rules_count": _rules}
NEW_SECURITY_GROUP = _same("id", "name")
SECURITY_GROUP_RULE = {
    **_same("id", "security_group_id", "direction", "protocol", "port_range_min", "port_range_max"),
    **_same("remote_ip_prefix", "remote_group_id"),
    "ethertype": "ether_type",
}
NEW_RULE = _same("id")
FLOATING_IP = _same("id", "floating_ip_address", "fixed_ip_address", "status", "port_id")
NEW_FLOATING_IP = _same("id", "floating_ip_address", "status")
PORT = _same("id", "name", "network_id", "status", "mac_address", "fixed_ips", "device_id", "device_owner")
LOADBALANCER = _same("id", "name", "vip_address", "operating_status", "provisioning_status")
NEW_LOADBALANCER = _same("id", "name", "vip_address")
LOADBALANCER_DETAIL = {**LOADBALANCER, **_same("vip_port_id", "vip_subnet_id")}
LISTENER = {
    **_same("id", "name", "protocol", "protocol_port"),
    "loadbalancer_id": _parent("load_balancers", "load_balancer_id", "loadbalancer_id"),
}
NEW_LISTENER = _same("id", "name")
POOL = _same("id", "name", "protocol", "lb_algorithm")
NEW_POOL = _same("id", "name")
MEMBER = _same("id", "name", "address", "protocol_port", "weight", "operating_status")
NEW_MEMBER = _same("id")
HEALTH_MONITOR = {
    **_same("id", "name", "type", "delay", "timeout", "max_retries"),
    "pool_id": _parent("pools", "pool_id"),
}
NEW_HEALTH_MONITOR = _same("id")
REVERSE_NAME = {
    "id": lambda item: str(attribute(item, "id")).rpartition(":")[2],
    **_same("address", "ttl", "description", "status"),
    "hostname": "ptrdname",
}
ZONE = _same("id", "name", "email", "type", "ttl", "serial", "status", "description")
RECORD_SET = _same("id", "name", "type", "ttl", "records", "status", "description")
NEW_SECRET = {
    "id": lambda item: str(attribute(item, "secret_ref")).rpartition("/")[2],
    **_same("name", "secret_ref"),
}
SECRET = {**NEW_SECRET, **_same("secret_type", "status", "created_at")}
QUOTA = _same("networks", "subnets", "ports", "routers", "floating_ips", "security_groups", "security_group_rules")
