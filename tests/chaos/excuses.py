"""Which objects need not be Ready, or may be still there, by what the specs alone say. Nothing else is an excuse."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
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
        if "portRef" in leg:
            yield "Port", leg["portRef"]["name"]
        else:
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
    for to in [*(spec.get("portMembers") or ()), *(spec.get("portForwardings") or ())]:
        yield "Port", to["portRef"]["name"]
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
    own = _OWN.get(key[0])
    return own(key, objects) if own else ""


def _subnets(name: str, objects: Objects) -> set[str]:
    body = objects.get(("InfomaniakNetwork", name))
    return {subnet["name"] for subnet in (body or {}).get("spec", {}).get("subnets") or ()}


def _legs(objects: Objects) -> set[tuple[str, str]] | None:
    """What the router is to connect; None: nobody says."""
    body = objects.get(("Router", "r0"))
    interfaces = body["spec"].get("interfaces") if body else []
    return None if interfaces is None else {place for leg in interfaces for place in places(leg, objects)}


def places(leg: Mapping[str, Any], objects: Objects) -> Iterator[tuple[str, str]]:
    """The networks and subnets that an interface is on; the one of a Port that is not there is on none."""
    if "portRef" not in leg:
        yield leg["networkRef"]["name"], leg["subnet"]
        return
    port = objects.get(("Port", leg["portRef"]["name"]))
    for address in (port or {}).get("spec", {}).get("fixedIPs") or ():
        yield port["spec"]["networkRef"]["name"], address["subnet"]  # type: ignore[index]


def _network(key: Key, objects: Objects) -> str:
    """A subnet that a router's interface or a port is on cannot go."""
    used = {*(_legs(objects) or ())}
    for (kind, _), body in objects.items():
        if kind == "Port":
            used |= {
                (body["spec"]["networkRef"]["name"], each["subnet"]) for each in body["spec"].get("fixedIPs") or ()
            }
    lacking = [place for place in sorted(used) if place[0] == key[1] and place[1] not in _subnets(key[1], objects)]
    return f"{lacking} is in use" if lacking else ""


def _port(key: Key, objects: Objects) -> str:
    spec = objects[key]["spec"]
    there = _subnets(spec["networkRef"]["name"], objects)
    lacking = [each["subnet"] for each in spec.get("fixedIPs") or () if each["subnet"] not in there]
    return f"there is no subnet {lacking}" if lacking else ""


def _policy(key: Key, objects: Objects) -> str:
    spec = objects[key]["spec"]
    listeners = objects["LoadBalancer", spec["loadBalancerRef"]["name"]]["spec"].get("listeners") or ()
    there = spec["listener"] in {listener["name"] for listener in listeners}
    return "" if there else f"there is no listener {spec['listener']}"


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
    where = _target(spec, objects)
    if where is None:
        return ""
    if not where:
        return "its Port may be in any subnet"
    router = objects.get(("Router", "r0"))
    if router is None or terminating(router):
        return "there is no router"
    if "externalGateway" not in router["spec"]:
        return "the router has no gateway"
    legs = _legs(objects)
    return "" if legs is not None and where in legs else f"the router is not on {where}"


def _target(spec: Mapping[str, Any], objects: Objects) -> tuple[str, ...] | None:
    """The network and the subnet that an address leads to; None: nowhere; empty: the cloud has chosen the subnet."""
    forwarded = [each["portRef"] for each in spec.get("portForwardings") or ()]
    if "loadBalancerRef" in spec:
        return f"n{spec['loadBalancerRef']['name'][-1]}", "a"
    port = spec.get("portRef") or (forwarded[0] if forwarded else None)
    if port is None:
        return None
    body = objects.get(("Port", port["name"]))
    if body is None:
        return f"n{port['name'][-1]}", "a"
    subnets = [each["subnet"] for each in body["spec"].get("fixedIPs") or ()]
    return (body["spec"]["networkRef"]["name"], subnets[0]) if subnets else ()


def in_use(key: Key, objects: Objects, lost: Container[Key] = ()) -> str:
    """Why an object that is being deleted may still be there; empty: it must be gone.

    Args:
        key: of the object.
        objects: all that are there.
        lost: those whose own thing others have deleted for good, so that it uses nothing any more.
    """
    for other, body in objects.items():
        uses = [*references(other, body["spec"]), *pools_of(body["spec"])]
        if other != key and key in uses:
            return f"{'/'.join(other)} uses it"
    if key == ("Router", "r0"):
        addresses = [other for other in objects if other[0] == "FloatingIP" and other not in lost]
        using = [other for other in addresses if _has_target(objects[other])]
        return f"{using} may lead through it" if using else ""
    return ""


def _has_target(body: Mapping[str, Any]) -> bool:
    spec = body["spec"]
    return "loadBalancerRef" in spec or "portRef" in spec or bool(spec.get("portForwardings"))


_OWN = {
    "InfomaniakNetwork": _network,
    "Router": _router,
    "FloatingIP": _address,
    "Port": _port,
    "L7Policy": _policy,
}
"""What may be in the way of each kind, beside references that lead to nothing."""
