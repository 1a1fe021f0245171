"""Objects of load balancers' trees, and those of ``examples/web``."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml

from tests.support.forest import Forest
from tests.support.objects import SECRET, custom, key_of

_EXAMPLES = Path(__file__).parents[2] / "examples" / "web"


def web() -> list[dict[str, Any]]:
    """The objects of ``examples/web``, all made in the same second, with the tests' Secret."""
    found = []
    for body in _read():
        if body["kind"] != "Secret":
            spec = {**body["spec"], "cloudCredentialsRef": {"secretName": SECRET}}
            found.append(custom(body["kind"], body["metadata"]["name"], spec))
    return found


@functools.cache
def _read() -> list[Any]:
    return [body for path in sorted(_EXAMPLES.glob("*.yaml")) for body in yaml.safe_load_all(path.read_text())]


def listener(name: str = "http", port: int = 80, protocol: str = "HTTP", pool: str | None = "site", **more: Any) -> Any:
    """An item of ``spec.listeners``."""
    return {
        "name": name,
        "protocol": protocol,
        "port": port,
        **({"defaultPoolRef": {"name": pool}} if pool else {}),
        **more,
    }


def member(number: int = 11, port: int = 8080, **more: Any) -> Any:
    """An item of ``spec.members``."""
    return {"address": f"10.40.0.{number}", "port": port, **more}


def _custom(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    how = {field: spec.pop(field) for field in ("created", "life", "annotations") if field in spec}
    if "import_" in spec:
        spec["import"] = spec.pop("import_")
    return custom(kind, name, {field: value for field, value in spec.items() if value is not ...}, **how)


def network(name: str = "web", *names: str) -> dict[str, Any]:
    """A network with a subnet 10.40.0.0/24, and further ones of the given names."""
    subnets = [{"name": each, "cidr": f"10.{40 + number}.0.0/24"} for number, each in enumerate((f"{name}-v4", *names))]
    return custom("InfomaniakNetwork", name, {"subnets": subnets})


def balancer(name: str = "web", /, **spec: Any) -> dict[str, Any]:
    """A LoadBalancer on the network web, with one listener; ``...`` leaves a field out."""
    vip = {"networkRef": {"name": "web"}, "subnet": "web-v4"}
    return _custom("LoadBalancer", name, {"vip": vip, "listeners": [listener()], **spec})


def pool(name: str = "site", /, **spec: Any) -> dict[str, Any]:
    """A Pool of the LoadBalancer web, with one member."""
    usual = {"loadBalancerRef": {"name": "web"}, "protocol": "HTTP", "algorithm": "ROUND_ROBIN", "members": [member()]}
    return _custom("Pool", name, {**usual, **spec})


def monitor(name: str = "site", /, **spec: Any) -> dict[str, Any]:
    """A HealthMonitor of the Pool of its name."""
    usual = {"poolRef": {"name": name}, "type": "HTTP", "delay": 5, "timeout": 3, "maxRetries": 3}
    return _custom("HealthMonitor", name, {**usual, **spec})


def rule(value: str = "/api/", type: str = "PATH", compare: str = "STARTS_WITH", **more: Any) -> Any:  # noqa: A002
    """An item of ``spec.rules`` of an L7Policy."""
    return {"type": type, "compareType": compare, "value": value, **more}


def policy(name: str = "api", /, **spec: Any) -> dict[str, Any]:
    """An L7Policy of the listener http of the LoadBalancer web, which rejects what is under /api/."""
    usual = {"loadBalancerRef": {"name": "web"}, "listener": "http", "action": "REJECT", "rules": [rule()]}
    return _custom("L7Policy", name, {**usual, **spec})


LB, SITE, CHECK, API = key_of(balancer()), key_of(pool()), key_of(monitor()), key_of(policy())
"""The keys of the four as they are made here."""


def tree(*bodies: dict[str, Any], **spec: Any) -> Forest:
    """A world with a load balancer that is Ready, with its pool and monitor unless other objects are given."""
    world = Forest(network(), balancer(**spec), *(bodies or (pool(), monitor())))
    world.run()
    world.all_ready()
    world.clock.advance(60)
    world.forget_calls()
    for key in world.all_keys():
        world.told(key)
    return world


def calm(world: Forest) -> None:
    """All is Ready, nothing was refused by 409, and a resync changes nothing."""
    world.all_ready()
    assert world.refused == []
    world.clock.advance(600)
    world.forget_calls()
    world.resync()
    world.run()
    assert world.changes() == []
