"""What a row must be like, attribute by attribute, for whoever goes by what it says.

A service, or what is in its place, may answer anything. A row whose description is a number has no mark that could be
read, and a list with such a row tells nothing of what is there: it is an error, and never an absence. With ``whole``,
``Operations`` refuses a row that lacks what every release of the service answers with, or has another type of value in
an attribute that is known here. What is not known here passes as it is.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from infomaniak_operator.client.kinds import ResourceKind
from infomaniak_operator.client.session import is_id

Check = Callable[[Any], bool]
"""Whether a value is of that type."""

_LARGEST = 2**63
"""Kubernetes has no larger integers, and no service counts so far."""


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -_LARGEST <= value < _LARGEST


def _number(value: Any) -> bool:
    """A version such as 1.1, which Octavia answers as a number."""
    return _count(value) or (isinstance(value, float) and -_LARGEST < value < _LARGEST)


def _address(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def _project(value: Any) -> bool:
    """A project, or all of them."""
    return value == "*" or is_id(value)


def _cidr(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return True


def _object(value: Any) -> bool:
    return isinstance(value, dict)


def _or_none(check: Check) -> Check:
    """None, or what the service writes in its place: the empty text."""
    return lambda value: value is None or value == "" or check(value)


def _many(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(check(each) for each in value)


def _record(needed: str = "", **checks: Check) -> Check:
    """An object with these attributes, of which some must be there."""
    names = frozenset(needed.split())

    def check(value: Any) -> bool:
        if not isinstance(value, dict) or not names <= value.keys():
            return False
        return all(each(value[name]) for name, each in checks.items() if name in value)

    return check


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rows of a collection are like.

    Attributes:
        checks: of each attribute that is known.
        needed: the attributes that every row has, unless others were asked for.
    """

    checks: Mapping[str, Check]
    needed: frozenset[str] = field(default=frozenset())

    def faults(self, row: Mapping[str, Any], *, whole: bool = True) -> Iterator[str]:
        """The attributes that are missing, or of another type.

        Args:
            row: an object with an id.
            whole: whether those must be there that are needed: not in a row within another.
        """
        if whole:
            yield from sorted(self.needed - row.keys())
        for name, check in self.checks.items():
            if name in row and not check(row[name]):
                yield name


_OPTIONAL_TEXT = _or_none(_text)
_OPTIONAL_ID = _or_none(is_id)
_OPTIONAL_COUNT = _or_none(_count)
_OPTIONAL_FLAG = _or_none(_flag)
_OPTIONAL_ADDRESS = _or_none(_address)
_TEXTS = _many(_text)
_IDS = _many(is_id)
_REFERENCES = _many(_record("id", id=is_id))
_ROUTES = _many(_record("destination nexthop", destination=_cidr, nexthop=_address))
_PLACES = _many(_record("subnet_id", subnet_id=is_id, ip_address=_OPTIONAL_ADDRESS))
_VIPS = _many(_record("subnet_id", subnet_id=_OPTIONAL_ID, ip_address=_OPTIONAL_ADDRESS))


def _neutron(needed: str, **checks: Check) -> Shape:
    common: dict[str, Check] = {
        "name": _text,
        "description": _OPTIONAL_TEXT,
        "project_id": _OPTIONAL_TEXT,
        "tags": _TEXTS,
        "revision_number": _count,
        "created_at": _OPTIONAL_TEXT,
        "updated_at": _OPTIONAL_TEXT,
        "status": _OPTIONAL_TEXT,
        "admin_state_up": _flag,
    }
    return Shape({**common, **checks}, frozenset(f"description project_id {needed}".split()))


def _octavia(needed: str, **checks: Check) -> Shape:
    common: dict[str, Check] = {
        "name": _OPTIONAL_TEXT,
        "description": _OPTIONAL_TEXT,
        "project_id": _OPTIONAL_TEXT,
        "tags": _TEXTS,
        "created_at": _OPTIONAL_TEXT,
        "updated_at": _OPTIONAL_TEXT,
        "provisioning_status": _text,
        "operating_status": _OPTIONAL_TEXT,
        "admin_state_up": _flag,
        "loadbalancers": _REFERENCES,
    }
    return Shape({**common, **checks}, frozenset(f"provisioning_status {needed}".split()))


_RULE = _neutron(
    "security_group_id direction ethertype protocol port_range_min port_range_max remote_ip_prefix remote_group_id",
    name=_OPTIONAL_TEXT,
    security_group_id=is_id,
    direction=_text,
    ethertype=_OPTIONAL_TEXT,
    protocol=lambda value: value is None or isinstance(value, str) or _count(value),
    port_range_min=_OPTIONAL_COUNT,
    port_range_max=_OPTIONAL_COUNT,
    remote_ip_prefix=_or_none(_cidr),
    remote_group_id=_OPTIONAL_ID,
    remote_address_group_id=_OPTIONAL_ID,
)


_OF_A_GROUP = _RULE.needed - {"description", "project_id"}


def _rule(value: Any) -> bool:
    """A rule in its group: Neutron shows there what it is, and without that it would be taken for another rule."""
    if not isinstance(value, dict) or not is_id(value.get("id")) or not value.keys() >= _OF_A_GROUP:
        return False
    return not any(_RULE.faults(value, whole=False))


_MEMBER = _octavia(
    "address protocol_port",
    address=_address,
    protocol_port=_count,
    weight=_OPTIONAL_COUNT,
    backup=_OPTIONAL_FLAG,
    subnet_id=_OPTIONAL_ID,
    monitor_address=_OPTIONAL_ADDRESS,
    monitor_port=_OPTIONAL_COUNT,
)
_MONITOR = _octavia(
    "name type tags",
    type=_text,
    delay=_count,
    timeout=_count,
    max_retries=_count,
    max_retries_down=_OPTIONAL_COUNT,
    http_method=_OPTIONAL_TEXT,
    url_path=_OPTIONAL_TEXT,
    expected_codes=_OPTIONAL_TEXT,
    http_version=_or_none(lambda value: _number(value) or _text(value)),
    domain_name=_OPTIONAL_TEXT,
    pools=_REFERENCES,
)
_L7_RULE = _octavia("type", type=_text, compare_type=_text, key=_OPTIONAL_TEXT, value=_OPTIONAL_TEXT, invert=_flag)
_FORWARDING = Shape(  # one of a range of ports has no external_port
    {
        "id": is_id,
        "protocol": _text,
        "external_port": _OPTIONAL_COUNT,
        "internal_port": _OPTIONAL_COUNT,
        "internal_port_id": is_id,
        "internal_ip_address": _address,
    },
    frozenset({"protocol", "internal_port_id", "internal_ip_address"}),
)
_PERSISTENCE = _record(
    "type",
    type=_text,
    cookie_name=_OPTIONAL_TEXT,
    persistence_timeout=_OPTIONAL_COUNT,
    persistence_granularity=_OPTIONAL_TEXT,
)


def _nested(shape: Shape) -> Check:
    """Rows within another row: ids alone, or whole, as in the answer to the create of a tree."""

    def check(value: Any) -> bool:
        return isinstance(value, dict) and is_id(value.get("id")) and not any(shape.faults(value, whole=False))

    return check


_POLICY = _octavia(
    "name tags action listener_id",
    action=_text,
    listener_id=is_id,
    position=_count,
    redirect_pool_id=_OPTIONAL_ID,
    redirect_url=_OPTIONAL_TEXT,
    redirect_prefix=_OPTIONAL_TEXT,
    redirect_http_code=_OPTIONAL_COUNT,
    rules=_many(_nested(_L7_RULE)),
)
_POOL = _octavia(
    "name tags protocol",
    protocol=_text,
    lb_algorithm=_text,
    session_persistence=lambda value: value is None or value == {} or _PERSISTENCE(value),
    members=_many(_nested(_MEMBER)),
    healthmonitor_id=_OPTIONAL_ID,
    healthmonitor=lambda value: not value or _nested(_MONITOR)(value),
    listeners=_REFERENCES,
    tls_enabled=_OPTIONAL_FLAG,
)
_LISTENER = _octavia(
    "name tags protocol protocol_port",
    protocol=_text,
    protocol_port=_count,
    connection_limit=_OPTIONAL_COUNT,
    default_pool_id=_OPTIONAL_ID,
    default_pool=lambda value: not value or _nested(_POOL)(value),
    insert_headers=_or_none(_object),
    allowed_cidrs=_or_none(_many(_cidr)),
    default_tls_container_ref=_OPTIONAL_TEXT,
    sni_container_refs=_or_none(_TEXTS),
    timeout_client_data=_OPTIONAL_COUNT,
    timeout_member_connect=_OPTIONAL_COUNT,
    timeout_member_data=_OPTIONAL_COUNT,
    timeout_tcp_inspect=_OPTIONAL_COUNT,
    tls_versions=_or_none(_TEXTS),
    tls_ciphers=_OPTIONAL_TEXT,
    alpn_protocols=_or_none(_TEXTS),
    l7policies=_many(_nested(_POLICY)),
)


def _designate(needed: str, **checks: Check) -> Shape:
    common: dict[str, Check] = {
        "description": _OPTIONAL_TEXT,
        "ttl": _OPTIONAL_COUNT,
        "status": _text,
        "action": _OPTIONAL_TEXT,
        "project_id": _OPTIONAL_TEXT,
        "created_at": _OPTIONAL_TEXT,
        "updated_at": _OPTIONAL_TEXT,
    }
    return Shape({**common, **checks}, frozenset(f"status {needed}".split()))


_SHAPES: Mapping[str, Shape] = {
    "rbac_policy": Shape(
        {"object_type": _text, "object_id": is_id, "action": _text, "target_tenant": _project},
        frozenset({"object_id", "target_tenant"}),
    ),
    "network": _neutron(
        "name",
        mtu=_OPTIONAL_COUNT,
        shared=_flag,
        port_security_enabled=_flag,
        dns_domain=_OPTIONAL_TEXT,
        qos_policy_id=_OPTIONAL_ID,
        subnets=_IDS,
        **{"router:external": _flag},
    ),
    "subnet": _neutron(
        "name network_id cidr ip_version",
        network_id=is_id,
        cidr=_cidr,
        ip_version=_count,
        gateway_ip=_OPTIONAL_ADDRESS,
        enable_dhcp=_flag,
        dns_nameservers=_many(_address),
        allocation_pools=_many(_record("start end", start=_address, end=_address)),
        host_routes=_ROUTES,
        ipv6_address_mode=_OPTIONAL_TEXT,
        ipv6_ra_mode=_OPTIONAL_TEXT,
        subnetpool_id=_OPTIONAL_ID,
        service_types=_TEXTS,
    ),
    "router": _neutron(
        "name",
        external_gateway_info=lambda value: (
            not value
            or _record(
                "network_id",
                network_id=is_id,
                enable_snat=_OPTIONAL_FLAG,
                external_fixed_ips=_VIPS,
            )(value)
        ),
        routes=_ROUTES,
    ),
    "security_group": _neutron(
        "name security_group_rules", stateful=_OPTIONAL_FLAG, shared=_OPTIONAL_FLAG, security_group_rules=_many(_rule)
    ),
    "security_group_rule": _RULE,
    "floatingip": _neutron(
        "floating_network_id floating_ip_address port_id fixed_ip_address",
        floating_network_id=is_id,
        floating_ip_address=_address,
        port_id=_OPTIONAL_ID,
        fixed_ip_address=_OPTIONAL_ADDRESS,
        router_id=_OPTIONAL_ID,
        port_forwardings=_many(_nested(_FORWARDING)),
    ),
    "port_forwarding": _FORWARDING,
    "port": _neutron(
        "name network_id device_owner device_id fixed_ips",
        network_id=is_id,
        fixed_ips=_PLACES,
        mac_address=_OPTIONAL_TEXT,
        security_groups=_IDS,
        allowed_address_pairs=_many(_object),
        device_id=_OPTIONAL_TEXT,
        device_owner=_OPTIONAL_TEXT,
        port_security_enabled=_flag,
        qos_policy_id=_OPTIONAL_ID,
    ),
    "loadbalancer": _octavia(
        "name tags vip_address vip_port_id",
        vip_address=_OPTIONAL_ADDRESS,
        vip_port_id=_OPTIONAL_ID,
        vip_subnet_id=_OPTIONAL_ID,
        vip_network_id=_OPTIONAL_ID,
        vip_sg_ids=_or_none(_IDS),
        additional_vips=_VIPS,
        provider=_OPTIONAL_TEXT,
        flavor_id=_OPTIONAL_ID,
        listeners=_many(_nested(_LISTENER)),
        pools=_many(_nested(_POOL)),
    ),
    "listener": _LISTENER,
    "pool": _POOL,
    "member": _MEMBER,
    "healthmonitor": _MONITOR,
    "l7policy": _POLICY,
    "rule": _L7_RULE,
    "reverse_name": _designate("address ptrdname ttl", address=_OPTIONAL_ADDRESS, ptrdname=_OPTIONAL_TEXT),
    "zone": _designate("name", name=_text, email=_OPTIONAL_TEXT, type=_text, serial=_OPTIONAL_COUNT),
    "secret": Shape(
        {
            "id": is_id,
            "name": _OPTIONAL_TEXT,
            "secret_ref": _text,
            "status": _text,
            "secret_type": _OPTIONAL_TEXT,
            "created": _OPTIONAL_TEXT,
        },
        frozenset({"secret_ref", "status"}),
    ),
    "recordset": _designate("name type records", name=_text, type=_text, records=_TEXTS, zone_id=is_id),
}


def shape_of(kind: ResourceKind[Any, Any]) -> Shape:
    """What the rows of a collection are like."""
    return _SHAPES[kind.one]


def _state(**parts: Check) -> Check:
    checks: dict[str, Check] = {
        "id": is_id,
        "name": _OPTIONAL_TEXT,
        "provisioning_status": _text,
        "operating_status": _OPTIONAL_TEXT,
        **parts,
    }
    return _record("id provisioning_status", **checks)


_MEMBER_STATE = _state(address=_OPTIONAL_ADDRESS, protocol_port=_OPTIONAL_COUNT)
_POOL_STATE = _state(
    members=_many(_MEMBER_STATE), health_monitor=lambda value: not value or _state(type=_OPTIONAL_TEXT)(value)
)
_LISTENER_STATE = _state(pools=_many(_POOL_STATE))
is_status_tree: Check = _record(
    "loadbalancer", loadbalancer=_state(listeners=_many(_LISTENER_STATE), pools=_many(_POOL_STATE))
)
"""Whether it is what Octavia answers as the states of a tree."""


def _counted(value: Any) -> bool:
    return _count(value) and value >= 0


is_statistics: Check = _record(
    "active_connections total_connections bytes_in bytes_out request_errors",
    active_connections=_counted,
    total_connections=_counted,
    bytes_in=_counted,
    bytes_out=_counted,
    request_errors=_counted,
)
"""Whether it is what Octavia answers as statistics: nothing has been counted less than never."""
