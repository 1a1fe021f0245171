"""A stack of 100 objects, as a company may have it, for what draws or reads many: some of it is not well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.support.objects import NAMESPACE, custom

_OUTSIDE = {"networkName": "ext-floating1"}
PAUSED = "network.infomaniak.cloud/paused"


def bodies(namespace: str = NAMESPACE) -> list[dict[str, Any]]:
    """The objects, without statuses."""
    return [_placed(each, namespace) for each in _bodies()]


def _placed(body: dict[str, Any], namespace: str) -> dict[str, Any]:
    return {**body, "metadata": {**body["metadata"], "namespace": namespace}}


def _bodies() -> Iterator[dict[str, Any]]:
    for number, name in enumerate(("production", "staging", "office", "management")):
        subnets = [{"name": f"{name}-v4", "cidr": f"10.{40 + number}.0.0/24"}]
        yield custom("InfomaniakNetwork", name, {"subnets": subnets})
        yield custom("SecurityGroup", f"{name}-servers", {"rules": []})
    for name, networks in (("north", ("production", "office")), ("south", ("staging", "management"))):
        interfaces = [{"networkRef": {"name": each}} for each in networks]
        yield custom("Router", name, {"externalGateway": _OUTSIDE, "interfaces": interfaces})
    for number in range(10):
        yield from _service(number, "production" if number < 7 else "staging")
    for number in range(35):
        network = ("office", "management", "production")[number % 3]
        spec = {"networkRef": {"name": network}, "securityGroupRefs": [{"name": f"{network}-servers"}]}
        yield custom("Port", f"server-{number:02}", spec)
    for number in range(4):
        target = {"portRef": {"name": f"server-{number * 3:02}"}} if number < 3 else {}
        yield custom("FloatingIP", f"public-{number}", {"externalNetwork": _OUTSIDE, **target})
    yield custom("LoadBalancer", "left-over", {"vip": {"networkRef": {"name": "not-there"}}})
    yield custom("FloatingIP", "left-over", {"externalNetwork": _OUTSIDE, "loadBalancerRef": {"name": "gone"}})


def _service(number: int, network: str) -> Iterator[dict[str, Any]]:
    name = f"service-{number}" if number else "a-service-whose-name-is-much-longer-than-any-box-has-room-for"
    ports = {"http": 80, "tls": 443} if number % 2 else {"tls": 443}
    pools = [f"{name}-{each}"[:60] for each in ports]
    listeners = [
        {"name": each, "protocol": "TCP", "port": port, "defaultPoolRef": {"name": pool}}
        for (each, port), pool in zip(ports.items(), pools, strict=True)
    ]
    paused = {PAUSED: "true"} if number == 5 else None
    spec = {"vip": {"networkRef": {"name": network}}, "listeners": listeners}
    yield custom("LoadBalancer", name, spec, annotations=paused)
    for place, pool in enumerate(pools):
        many = 45 if number == 3 and place == 0 else 2 + (number + place) % 3
        members = [{"address": f"10.40.{number}.{10 + each}", "port": 8080} for each in range(many)]
        spec = {"loadBalancerRef": {"name": name}, "protocol": "TCP", "algorithm": "ROUND_ROBIN", "members": members}
        yield custom("Pool", pool, spec)
        checked = {"poolRef": {"name": pool}, "type": "TCP", "delay": 5, "timeout": 3, "maxRetries": 3}
        yield custom("HealthMonitor", pool, checked)
    if number < 8:
        yield custom("FloatingIP", name, {"externalNetwork": _OUTSIDE, "loadBalancerRef": {"name": name}})
    if number == 1:
        yield custom("LoadBalancer", "internal", {"vip": {"networkRef": {"name": "office"}}})
