"""What manifests need before they are applied, as plain data: of the quota, and of what they refer to. Pure."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from itertools import combinations
from typing import Any

from infomaniak_operator.api.json_types import ANY
from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.plugin.preflight.manifests import Manifest, Manifests
from infomaniak_operator.reconcile.generic.needs import Needs

Report = dict[str, Any]


class Verdict(IntEnum):
    """What becomes of manifests that are applied. The value is the exit code."""

    READY = 0
    WAITS = 1
    CANNOT = 2

    def __str__(self) -> str:
        return {"READY": "Ready", "WAITS": "Waits", "CANNOT": "CannotWork"}[self.name]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with manifests.

    Attributes:
        verdict: what it leads to.
        check: what found it: ``schema``, ``quota``, ``reference``, ``cloud``, ``overlap``, ``credential``, ``server``.
        message: what is wrong, and what to do.
        key: the object; None: all of them.
        file: where that is.
    """

    verdict: Verdict
    check: str
    message: str
    key: Key | None = None
    file: str = ""


def schema(manifests: Iterable[Manifest]) -> Iterator[Problem]:
    """What is wrong with each by itself, and what is there twice."""
    places: dict[Key, list[str]] = {}
    for each in manifests:
        places.setdefault(each.resource.key, []).append(each.file)
        for text in each.problems:
            yield Problem(Verdict.CANNOT, "schema", text, each.resource.key, each.file)
    for key, files in places.items():
        if len(files) > 1:
            where = ", ".join(dict.fromkeys(files))
            yield Problem(Verdict.CANNOT, "schema", f"is there {len(files)} times ({where}): leave one", key, files[0])


def _of_network(spec: Mapping[str, Any]) -> Needs:
    subnets = spec.get("subnets") or ()
    dhcp = sum(bool(each.get("enableDHCP", True)) for each in subnets)
    return Needs({"network": 1, "subnet": len(subnets)}, dhcp)


def _of_router(spec: Mapping[str, Any]) -> Needs:
    legs = [each for each in spec.get("interfaces") or () if not (each.get("portRef") or each.get("portID"))]
    return Needs({"router": 1, "port": len(legs)})


def _of_balancer(spec: Mapping[str, Any]) -> Needs:
    listeners = spec.get("listeners") or ()
    away = sum("redirectToHTTPS" in each for each in listeners)
    return Needs({"load_balancer": 1, "port": 1, "listener": len(listeners), "l7policy": away, "l7rule": away})


def _with(name: str, **parts: str) -> Callable[[Mapping[str, Any]], Needs]:
    """One of a type, and as many of others as lists of the spec have items."""
    return lambda spec: Needs(
        {name: 1, **{other: sum(len(spec.get(one) or ()) for one in of.split()) for other, of in parts.items()}}
    )


_NEEDS: Mapping[str, Callable[[Mapping[str, Any]], Needs]] = {
    "InfomaniakNetwork": _of_network,
    "Router": _of_router,
    "SecurityGroup": _with("security_group", security_group_rule="rules"),
    "Port": _with("port"),
    "FloatingIP": lambda spec: Needs({"floatingip": 0 if spec.get("address") else 1}),
    "LoadBalancer": _of_balancer,
    "Pool": _with("pool", member="members portMembers"),
    "HealthMonitor": _with("health_monitor"),
    "L7Policy": _with("l7policy", l7rule="rules"),
}
"""What each kind takes, by the services' names for quotas."""


def needs(resource: KubeObject) -> Needs:
    """What an object takes of a quota at the least: all that its spec has made. What it imports is there."""
    spec: Mapping[str, Any] = ANY.spec(resource)
    if spec.get("import") or spec.get("managementPolicy") == "Unmanaged":
        return Needs()
    return _NEEDS[resource.key.kind](spec)


def difference(resource: KubeObject, there: KubeObject | None) -> Needs:
    """What an object takes beside what it has already."""
    wanted = needs(resource)
    if there is None or not ANY.status(there).get("id"):
        return wanted
    try:
        had = needs(there)
    except (AttributeError, TypeError):  # what is stored was valid to another version
        return Needs()
    names = wanted.counts.keys() | had.counts.keys()
    counts = {name: wanted.counts.get(name, 0) - had.counts.get(name, 0) for name in names}
    return Needs(counts, wanted.dhcp_subnets - had.dhcp_subnets)


def together(each: Iterable[Needs]) -> Needs:
    """Several needs as one."""
    found: Counter[str] = Counter()
    dhcp = 0
    for one in each:
        found.update(one.counts)
        dhcp += one.dhcp_subnets
    return Needs(dict(found), max(dhcp, 0))


def overlaps(there: Mapping[Key, KubeObject], of: Iterable[Manifest]) -> Iterator[Problem]:
    """Subnets behind one router whose ranges overlap, which Neutron refuses.

    Args:
        there: the objects of the files and of the cluster, those of the files first.
        of: the files, of which one of the objects must be.
    """
    files = {each.resource.key: each.file for each in of}
    for key, router in there.items():
        if key.kind != "Router":
            continue
        legs = list(_ranges(router, there))
        for (one, where, first), (other, elsewhere, second) in combinations(legs, 2):
            same = one == other and first == second
            involved = [each for each in (key, where, elsewhere) if each in files]
            if same or not involved or first.version != second.version or not first.overlaps(second):
                continue
            text = f"spec.interfaces: {one} ({first}) and {other} ({second}) overlap, and one router cannot have both"
            yield Problem(Verdict.CANNOT, "overlap", text, key, files[involved[0]])


_Range = ipaddress.IPv4Network | ipaddress.IPv6Network


def _ranges(router: KubeObject, there: Mapping[Key, KubeObject]) -> Iterator[tuple[str, Key, _Range]]:
    """The subnets behind a router that objects stand for: name, network and range."""
    legs = dict[str, Any](ANY.spec(router)).get("interfaces")
    for leg in legs if isinstance(legs, list | tuple) else ():
        ref = leg.get("networkRef") if isinstance(leg, Mapping) else None
        name = ref.get("name") if isinstance(ref, Mapping) else None
        key = Key("InfomaniakNetwork", router.key.namespace, str(name))
        network = there.get(key)
        items = dict[str, Any](ANY.spec(network)).get("subnets") if network else ()
        subnets = [each for each in items if isinstance(each, Mapping)] if isinstance(items, list | tuple) else []
        chosen = [each for each in subnets if each.get("name") == leg.get("subnet")] if leg.get("subnet") else subnets
        if len(chosen) == 1:
            try:
                found = ipaddress.ip_network(str(chosen[0].get("cidr")))
            except ValueError:
                continue
            yield f"subnet {chosen[0].get('name')} of InfomaniakNetwork {name}", key, found


def report(
    manifests: Manifests,
    there: Container[Key] | None,
    quota: Iterable[Report],
    problems: Iterable[Problem],
    not_checked: Iterable[str],
) -> Report:
    """What there is to say of manifests.

    Args:
        manifests: what there is in the files.
        there: the objects of the cluster; None where it could not be asked.
        quota: what is needed of each type, used and allowed.
        problems: what is wrong.
        not_checked: what could not be found out.
    """
    found = sorted(
        set(problems), key=lambda each: (-each.verdict, each.key or Key("", "", ""), each.check, each.message)
    )
    missed = list(dict.fromkeys(not_checked))
    verdict = max([each.verdict for each in found] + [Verdict.WAITS if missed else Verdict.READY])
    return {
        "verdict": str(verdict),
        "objects": [
            {
                "kind": each.resource.key.kind,
                "namespace": each.resource.key.namespace,
                "name": each.resource.key.name,
                "file": each.file,
                "action": "unknown" if there is None else "update" if each.resource.key in there else "create",
            }
            for each in manifests.found
        ],
        "ignored": dict(sorted(manifests.ignored.items())),
        "quota": list(quota),
        "problems": [_problem(each) for each in found],
        "notChecked": missed,
    }


def _problem(found: Problem) -> Report:
    kind, namespace, name = found.key or ("", "", "")
    return {
        "verdict": str(found.verdict),
        "check": found.check,
        "kind": kind,
        "namespace": namespace,
        "name": name,
        "file": found.file,
        "message": found.message,
    }


def worst(found: Report) -> Verdict:
    """The verdict of a report: the exit code."""
    return next(each for each in Verdict if str(each) == found["verdict"])
