"""What Octavia says of a body by itself, in memory: attributes, defaults, ranges, what does not go together. Pure."""

from __future__ import annotations

import copy
import ipaddress
from collections.abc import Mapping
from typing import Any

from infomaniak_operator.client import kinds
from tests.support.fake_cloud_rules import Refused, Row

KINDS = {
    "load_balancers": kinds.LOAD_BALANCERS,
    "listeners": kinds.LISTENERS,
    "pools": kinds.POOLS,
    "members": kinds.MEMBERS,
    "health_monitors": kinds.HEALTH_MONITORS,
    "l7policies": kinds.L7_POLICIES,
    "l7rules": kinds.L7_RULES,
}
NOUNS = {
    "load_balancers": "Load Balancer",
    "listeners": "Listener",
    "pools": "Pool",
    "members": "Member",
    "health_monitors": "Health Monitor",
    "l7policies": "L7 Policy",
    "l7rules": "L7 Rule",
}
QUOTAS = {**dict.fromkeys(KINDS, -1), "load_balancers": 10}
_ARGUMENTS = {
    "load_balancers": "load_balancer.loadbalancer",
    "listeners": "listener_.listener",
    "pools": "pool_.pool",
    "members": "member_.member",
    "health_monitors": "health_monitor_.healthmonitor",
    "l7policies": "l7policy_.l7policy",
    "l7rules": "rule_.rule",
}
_FIXED = {
    "load_balancers": "project_id vip_address vip_network_id vip_port_id vip_subnet_id additional_vips provider flavor_id "
    "availability_zone listeners pools",
    "listeners": "loadbalancer_id protocol protocol_port default_pool l7policies",
    "pools": "loadbalancer_id listener_id protocol members healthmonitor",
    "members": "address protocol_port subnet_id",
    "health_monitors": "pool_id type",
    "l7policies": "listener_id rules",
    "l7rules": "",
}
"""What a POST takes and a PUT does not."""
_NEVER = {"members": {"vnic_type"}, "l7rules": {"name"}}
"""What the client lets pass and Octavia does not take."""
_REQUIRED = {
    "load_balancers": "",
    "listeners": "loadbalancer_id protocol protocol_port",
    "pools": "protocol lb_algorithm",
    "members": "address protocol_port",
    "health_monitors": "pool_id type delay timeout max_retries",
    "l7policies": "listener_id action",
    "l7rules": "type compare_type value",
}
_PARENTS = {"loadbalancer_id", "pool_id", "listener_id"}
_DEFAULTS: dict[str, Row] = {
    "load_balancers": {"provider": "amphora", "flavor_id": None, "availability_zone": None}
    | {"vip_qos_policy_id": None, "vip_sg_ids": [], "vip_vnic_type": "normal", "additional_vips": []},
    "listeners": {"connection_limit": -1, "default_pool_id": None, "insert_headers": {}, "allowed_cidrs": None}
    | {"default_tls_container_ref": None, "sni_container_refs": [], "client_ca_tls_container_ref": None}
    | {"client_authentication": "NONE", "client_crl_container_ref": None, "timeout_client_data": 50000}
    | {"timeout_member_connect": 5000, "timeout_member_data": 50000, "timeout_tcp_inspect": 0}
    | dict.fromkeys(("tls_ciphers", "tls_versions", "alpn_protocols", "hsts_max_age"))
    | {"hsts_include_subdomains": False, "hsts_preload": False},
    "pools": {"session_persistence": None, "tls_enabled": False}
    | dict.fromkeys(("tls_container_ref", "ca_tls_container_ref", "crl_container_ref", "tls_ciphers"))
    | dict.fromkeys(("tls_versions", "alpn_protocols")),
    "members": {"weight": 1, "backup": False, "subnet_id": None, "monitor_address": None, "monitor_port": None}
    | {"vnic_type": "normal"},
    "health_monitors": {"max_retries_down": 3, "http_method": None, "url_path": None, "expected_codes": None}
    | {"http_version": None, "domain_name": None},
    "l7policies": {"redirect_pool_id": None, "redirect_url": None, "redirect_prefix": None}
    | {"redirect_http_code": None},
    "l7rules": {"key": None, "invert": False},
}
_DESCRIBED = {"load_balancers", "listeners", "pools", "l7policies"}
_ONE_OF: dict[tuple[str, str], str] = {
    ("listeners", "protocol"): "HTTPS TERMINATED_HTTPS TCP UDP PROMETHEUS SCTP HTTP",
    ("listeners", "client_authentication"): "NONE OPTIONAL MANDATORY",
    ("pools", "protocol"): "HTTP HTTPS PROXY PROXYV2 TCP UDP SCTP",
    ("pools", "lb_algorithm"): "ROUND_ROBIN LEAST_CONNECTIONS SOURCE_IP SOURCE_IP_PORT",
    ("health_monitors", "type"): "HTTP HTTPS PING SCTP TCP TLS-HELLO UDP-CONNECT",
    ("l7policies", "action"): "REDIRECT_TO_URL REDIRECT_TO_POOL REDIRECT_PREFIX REJECT",
    ("l7rules", "type"): "HOST_NAME PATH FILE_TYPE HEADER COOKIE SSL_CONN_HAS_CERT SSL_VERIFY_RESULT SSL_DN_FIELD",
    ("l7rules", "compare_type"): "REGEX STARTS_WITH ENDS_WITH CONTAINS EQUAL_TO",
}
_RANGES = {
    "protocol_port": (1, 65535),
    "monitor_port": (1, 65535),
    "weight": (0, 256),
    "max_retries": (1, 10),
    "max_retries_down": (1, 10),
    "delay": (0, None),
    "timeout": (0, None),
}
_FITTING = {
    "TCP": "HTTP HTTPS PROXY PROXYV2 TCP",
    "HTTP": "HTTP PROXY PROXYV2",
    "HTTPS": "HTTPS PROXY PROXYV2 TCP",
    "TERMINATED_HTTPS": "HTTP PROXY PROXYV2",
    "UDP": "UDP",
    "SCTP": "SCTP",
    "PROMETHEUS": "",
}
_HEADERS = {"X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"}
_BY_HTTP = ("http_method", "url_path", "expected_codes")
_HTTP = {"http_method": "GET", "url_path": "/", "expected_codes": "200"}
_DATAGRAMS = ("UDP", "SCTP")


def invalid(detail: str) -> Refused:
    return Refused(400, None, f"Validation failure: {detail}")


def no_option(value: Any, option: str) -> Refused:
    return Refused(400, None, f"{value} is not a valid option for {option}")


def not_found(noun: str, id: str, status: int = 404) -> Refused:  # noqa: A002 - the API says id
    return Refused(status, None, f"{noun} {id} not found.")


def immutable(noun: str, id: str) -> Refused:  # noqa: A002 - the API says id
    return Refused(409, None, f"{noun} {id} is immutable and cannot be updated.")


def transport(protocol: str) -> str:
    return protocol if protocol in _DATAGRAMS else "TCP"


def defaults(collection: str) -> Row:
    described = {"description": ""} if collection in _DESCRIBED else {}
    named = {"name": ""} if collection != "l7rules" else {}
    return {**named, **described, "admin_state_up": True, "tags": [], **copy.deepcopy(_DEFAULTS[collection])}


def check_body(collection: str, body: Mapping[str, Any], *, put: bool = False, nested: bool = False) -> None:
    """What Octavia says before it looks at anything else.

    Args:
        collection: of what.
        body: of the request, or a part of it.
        put: whether it is to change something.
        nested: whether it is part of a tree, where the parent is known.
    """
    taken = KINDS[collection].attributes - (set() if nested else {"redirect_pool"})
    taken = taken - _NEVER.get(collection, set()) - (set(_FIXED[collection].split()) if put else set())
    unknown = sorted(set(body) - taken)
    if unknown:
        raise Refused(400, None, f"Unknown attribute for argument {_ARGUMENTS[collection]}: {unknown[0]}")
    for name in () if put else _REQUIRED[collection].split():
        if body.get(name) is None and not (nested and name in _PARENTS):
            raise _wrong(name, None, "Mandatory field missing.")
    for name, value in body.items():
        if value is not None:
            _check_value(collection, name, value)


def _wrong(name: str, value: Any, why: str) -> Refused:
    return Refused(400, None, f"Invalid input for field/attribute {name}. Value: '{value}'. {why}")


def _check_value(collection: str, name: str, value: Any) -> None:
    choice = _ONE_OF.get((collection, name), "").split()
    if choice and value not in choice:
        raise _wrong(name, value, f"Value should be one of: {', '.join(choice)}")
    low, high = _RANGES.get(name, (None, None))
    if low is not None and value < low:
        raise _wrong(name, value, f"Value should be greater or equal to {low}")
    if high is not None and value > high:
        raise _wrong(name, value, f"Value should be lower or equal to {high}")
    if name in ("address", "monitor_address", "vip_address"):
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise _wrong(name, value, "Value should be IPv4 or IPv6 format") from None


def check_protocols(listener: str, pool: str) -> None:
    if pool not in _FITTING[listener].split():
        raise invalid(f"The pool protocol '{pool}' is invalid while the listener protocol is '{listener}'.")


def check_listener(listener: Row, vips: list[str], groups: list[str]) -> None:
    """A listener as it would be."""
    protocol, headers = listener["protocol"], listener["insert_headers"] or {}
    if headers and protocol not in ("HTTP", "TERMINATED_HTTPS"):
        raise no_option("insert-headers", f"a {protocol} protocol listener.")
    unknown = [name for name in headers if name not in _HEADERS and not name.startswith("X-SSL-Client-")]
    if unknown:
        raise no_option(f"dict_keys({list(headers)})", "insert_headers")
    certificate = listener["default_tls_container_ref"] or listener["sni_container_refs"]
    if certificate and protocol not in ("TERMINATED_HTTPS", "PROMETHEUS"):
        raise invalid(f"Certificate container references are not allowed on {protocol} protocol listeners.")
    if protocol == "TERMINATED_HTTPS" and not certificate:
        raise invalid(
            f"An SNI or default certificate container reference must be provided for {protocol} protocol listeners."
        )
    if listener["allowed_cidrs"] and groups:
        raise invalid("Allowed CIDRs are not allowed when using custom VIP Security Groups.")
    for cidr in listener["allowed_cidrs"] or ():
        if not any((":" in cidr) == (":" in vip) for vip in vips):
            raise invalid(f"CIDR {cidr} IP version incompatible with all VIPs {vips} IP version.")


def persistence(wanted: Mapping[str, Any] | None, before: Mapping[str, Any] | None, protocol: str) -> Row | None:
    """The session persistence a pool gets."""
    if not wanted:
        return None
    empty = dict.fromkeys(("type", "cookie_name", "persistence_timeout", "persistence_granularity"))
    made = {**empty, "type": (before or {}).get("type"), **wanted}
    if made["type"] not in ("SOURCE_IP", "HTTP_COOKIE", "APP_COOKIE"):
        raise _wrong("type", made["type"], "Value should be one of: SOURCE_IP, HTTP_COOKIE, APP_COOKIE")
    if protocol in _DATAGRAMS and made["cookie_name"]:
        raise invalid("Cookie names are not supported for UDP/SCTP pools.")
    if protocol in _DATAGRAMS and made["type"] != "SOURCE_IP":
        raise invalid(f"Session persistence of type {made['type']} is not supported for UDP/SCTP protocol pools.")
    if protocol not in _DATAGRAMS and (made["persistence_timeout"] or made["persistence_granularity"]):
        raise invalid("persistence_timeout and persistence_granularity is only for UDP and SCTP protocol pools.")
    if made["cookie_name"] and made["type"] != "APP_COOKIE":
        raise invalid('Field "cookie_name" can only be specified with session persistence of type "APP_COOKIE".')
    if made["type"] == "APP_COOKIE" and not made["cookie_name"]:
        raise invalid('Field "cookie_name" must be specified when using the "APP_COOKIE" session persistence type.')
    return made


def check_monitor(monitor: Row, body: Mapping[str, Any], protocol: str) -> Row:
    """A monitor as it would be; a change may null what has a default."""
    kind = monitor["type"]
    if protocol in _DATAGRAMS and kind not in ("UDP-CONNECT", "SCTP", "TCP", "HTTP"):
        only = "UDP-CONNECT/SCTP/TCP/HTTP"
        raise invalid(f"The associated pool protocol is {protocol}, so only a {only} health monitor is supported.")
    if protocol not in _DATAGRAMS and kind in ("UDP-CONNECT", "SCTP"):
        raise invalid(f"The {kind} type is only supported for pools of type UDP/SCTP.")
    if kind not in ("HTTP", "HTTPS"):
        for name in _BY_HTTP:
            if body.get(name):
                raise no_option(name, f"health monitors of type {kind}")
    else:
        monitor = {**monitor, **{name: value for name, value in _HTTP.items() if not monitor[name]}}
    for name in ("delay", "max_retries", "timeout"):
        if monitor[name] is None:
            raise no_option(None, name)
    if monitor["domain_name"] and not monitor["http_version"]:
        raise invalid("'http_version' must be specified when 'domain_name' is provided.")
    if monitor["domain_name"] and float(monitor["http_version"]) < 1.1:
        raise no_option(f"http_version {monitor['http_version']}", "health monitors HTTP 1.1 domain name health check")
    return monitor


def policy_values(body: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> Row:
    """What a policy gets from a body: the action decides what of the rest counts."""
    values = {name: value for name, value in body.items() if name not in ("position", "rules", "redirect_pool")}
    target = {"REDIRECT_TO_URL": "redirect_url", "REDIRECT_PREFIX": "redirect_prefix"}
    target |= {"REDIRECT_TO_POOL": "redirect_pool_id"}
    implied = [action for action, name in target.items() if values.get(name)]
    if values.get("redirect_pool_id") and len(implied) > 1 and values.get("action") in (None, "REDIRECT_PREFIX"):
        raise _policy("Cannot specify redirect_pool_id and redirect_url or redirect_prefix at the same time")
    action = values.get("action") or (implied[0] if implied else (before or {}).get("action"))
    if "action" in values and action in target and not values.get(target[action]):
        needed = target[action] + (" or redirect_pool" if action == "REDIRECT_TO_POOL" else "")
        raise _policy(f"{needed} must not be None")
    if not implied and "action" not in values:
        return values
    code = values.get("redirect_http_code") or (before or {}).get("redirect_http_code") or 302
    by_address = action in ("REDIRECT_TO_URL", "REDIRECT_PREFIX")
    cleared = {name: None for other, name in target.items() if other != action}
    return {**values, **cleared, "action": action, "redirect_http_code": code if by_address else None}


def _policy(message: str) -> Refused:
    return Refused(400, None, f"Invalid L7 Policy arguments: {message}")
