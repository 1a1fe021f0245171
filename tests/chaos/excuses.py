"""Which objects need not be Ready, or may be still there, by what the specs alone say. Nothing else is an excuse."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.chaos.universe import Key

Objects = Mapping[Key, Mapping[str, Any]]


def terminating(body: Mapping[str, Any]) -> bool:
    """Whether it is being deleted."""
    return "deletionTimestamp" in body["metadata"]


def references(key: Key, spec: Mapping[str, Any]) -> Iterator[Key]:
    """What an object cannot be without."""
    kind, name = key
    for leg in spec.get("interfaces") or ():
        yield "InfomaniakNetwork", leg["networkRef"]["name"]
    for place in ("externalGateway", "externalNetwork", "vip"):
        if "networkRef" in (spec.get(place) or {}):
            yield "InfomaniakNetwork", spec[place]["networkRef"]["name"]
    if "networkRef" in spec:
        yield "InfomaniakNetwork", spec["networkRef"]["name"]
    groups = [*(spec.get("securityGroupRefs") or ()), *((spec.get("vip") or {}).get("securityGroupRefs") or ())]
    if kind == "SecurityGroup":
        groups += [rule["remoteGroupRef"] for rule in spec.get("rules") or () if "remoteGroupRef" in rule]
    yield from (("SecurityGroup", group["name"]) for group in groups if key != ("SecurityGroup", group["name"]))
    for field, target in (("loadBalancerRef", "LoadBalancer"), ("poolRef", "Pool"), ("portRef", "Port")):
        if field in spec:
            yield target, spec[field]["name"]
    yield from (("Port", member["portRef"]["name"]) for member in spec.get("portMembers") or ())
    del name


def pools_of(spec: Mapping[str, Any]) -> Iterator[Key]:
    """The Pools that listeners send to; a listener is made without one that is not there."""
    for listener in spec.get("listeners") or ():
        if "defaultPoolRef" in listener:
            yield "Pool", listener["defaultPoolRef"]["name"]


def excuse(key: Key, objects: Objects, seen: tuple[Key, ...] = ()) -> str:
    """Why a living object need not be Ready; empty: it must be."""
    spec = objects[key]["spec"]
    for target in references(key, spec):
        if target not in objects:
            return f"{'/'.join(target)} is not there"
        if terminating(objects[target]):
            return f"{'/'.join(target)} is being deleted"
        if key[0] != "SecurityGroup" and target not in seen and (why := excuse(target, objects, (*seen, key))):
            return f"{'/'.join(target)}: {why}"
    own = {"InfomaniakNetwork": _network, "Router": _router, "FloatingIP": _address}.get(key[0])
    return own(key, objects) if own else ""


def _subnets(name: str, objects: Objects) -> set[str]:
    body = objects.get(("InfomaniakNetwork", name))
    return {subnet["name"] for subnet in (body or {}).get("spec", {}).get("subnets") or ()}


def _legs(objects: Objects) -> set[tuple[str, str]] | None:
    """What the router is to connect; None: nobody says."""
    body = objects.get(("Router", "r0"))
    interfaces = body["spec"].get("interfaces") if body else []
    return None if interfaces is None else {(leg["networkRef"]["name"], leg["subnet"]) for leg in interfaces}


def _network(key: Key, objects: Objects) -> str:
    """A subnet that a router's interface is on cannot go."""
    lacking = [leg for leg in _legs(objects) or () if leg[0] == key[1] and leg[1] not in _subnets(key[1], objects)]
    return f"the router keeps {lacking}" if lacking else ""


def _router(key: Key, objects: Objects) -> str:
    for leg in _legs(objects) or ():
        if leg[1] not in _subnets(leg[0], objects):
            return f"there is no subnet {leg}"
    for other, body in objects.items():
        if other[0] == "FloatingIP" and _unreachable(body["spec"], objects):
            return f"{'/'.join(other)} may keep its way out"
    del key
    return ""


def _address(key: Key, objects: Objects) -> str:
    spec = objects[key]["spec"]
    if why := _unreachable(spec, objects):
        return why
    return excuse(("Router", "r0"), objects) if _has_target(objects[key]) else ""


def _unreachable(spec: Mapping[str, Any], objects: Objects) -> str:
    target = spec.get("loadBalancerRef") or spec.get("portRef")
    if not target:
        return ""
    router = objects.get(("Router", "r0"))
    if router is None or terminating(router):
        return "there is no router"
    if "externalGateway" not in router["spec"]:
        return "the router has no gateway"
    legs = _legs(objects)
    network = f"n{target['name'][-1]}"
    return "" if legs is not None and (network, "a") in legs else f"the router is not on {network}"


def in_use(key: Key, objects: Objects) -> str:
    """Why an object that is being deleted may still be there; empty: it must be gone."""
    for other, body in objects.items():
        uses = [*references(other, body["spec"]), *pools_of(body["spec"])]
        if other != key and key in uses:
            return f"{'/'.join(other)} uses it"
    if key == ("Router", "r0"):
        using = [other for other, body in objects.items() if other[0] == "FloatingIP" and _has_target(body)]
        return f"{using} may lead through it" if using else ""
    return ""


def _has_target(body: Mapping[str, Any]) -> bool:
    return "loadBalancerRef" in body["spec"] or "portRef" in body["spec"]
