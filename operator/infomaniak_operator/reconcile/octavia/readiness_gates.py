"""Readiness gates: a Pod that lists a Pool among its ``readinessGates`` is Ready once the load balancer can use it.

A Pod with a gate that is not open is not Ready, and its endpoints are neither ``ready`` nor ``serving``. So such a Pod
becomes a member by its ``ContainersReady``, which waits for no gate. A gate that was opened stays open: what befalls
the member later is for the health monitor to see, and no reason to take the Pod from everybody else. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from infomaniak_operator.api import json_types
from infomaniak_operator.api.json_kind import JsonKind
from infomaniak_operator.controller.interfaces import GROUP, CacheReader, ForeignCondition, Key, KubeObject

POD = "Pod"
PREFIX = f"{GROUP}/pool-"
"""How the condition types of all gates begin; the name of the Pool follows."""
CONTAINERS_READY = "ContainersReady"
REGISTERED, HEALTHY, NOT_YET, UNHEALTHY, NEW_MONITOR = "Registered", "Healthy", "NotYet", "NotHealthy", "NewMonitor"

Place = tuple[str, int]
"""What a member is known by: its address, in the canonical spelling, and its port."""


class Gate(TypedDict, total=False):
    """An item of ``spec.readinessGates``."""

    conditionType: str


class PodSpec(TypedDict, total=False):
    """What is read of a Pod's spec."""

    readinessGates: list[Gate]


_POD: JsonKind[PodSpec, Mapping[str, object], str] = JsonKind(POD)


def gate(pool: KubeObject) -> str:
    """The condition type that stands for a Pool."""
    return f"{PREFIX}{pool.key.name}"


def pods(namespace: str) -> Key:
    """What a Pool refers to whose members are Pods: the controller lets every Pod with a gate of ours stand for it."""
    return Key(POD, namespace, "")


def gates_of(pod: KubeObject) -> list[str]:
    """The gates of ours that a Pod lists."""
    listed = _POD.spec(pod).get("readinessGates") or ()
    return [kind for each in listed if (kind := str(each.get("conditionType"))).startswith(PREFIX)]


def gated(endpoint: Mapping[str, Any], pool: KubeObject, view: CacheReader) -> KubeObject | None:
    """The Pod that an endpoint of the Pool's namespace is, where it lists the gate of that Pool; else None."""
    target = endpoint.get("targetRef") or {}
    if target.get("kind") != POD or not target.get("name"):
        return None
    pod = view.get(Key(POD, pool.key.namespace, str(target["name"])))
    if pod is None or pod.uid != target.get("uid") or gate(pool) not in gates_of(pod):
        return None
    return pod


def waits_only_for_gates(pod: KubeObject) -> bool:
    """Whether the Pod would be Ready but for its gates."""
    ready = pod.condition(CONTAINERS_READY) or {}
    return not pod.deleting and ready.get("status") == "True"


def is_open(pod: KubeObject, pool: KubeObject) -> bool:
    """Whether the Pod has passed the Pool's gate."""
    return (pod.condition(gate(pool)) or {}).get("status") == "True"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A Pod whose gate is not open.

    Attributes:
        pod: the Pod.
        places: the members that it is.
    """

    pod: KubeObject
    places: tuple[Place, ...]


def conditions(
    pool: KubeObject,
    waiting: Iterable[Waiting],
    listed: Sequence[json_types.MemberStatus],
    *,
    monitored: bool,
    doubted: bool,
) -> list[ForeignCondition]:
    """What each Pod that waits is told.

    Args:
        pool: the Pool.
        waiting: the Pods.
        listed: the members as they were seen.
        monitored: whether the pool has a health monitor.
        doubted: whether that is in its first minute, in which it calls all members ONLINE.
    """
    seen = {(each["address"], each["port"]): each for each in listed}
    found = []
    for each in waiting:
        is_up, reason, message = _verdict(each.places, seen, monitored=monitored, doubted=doubted)
        found.append(ForeignCondition(each.pod.key, each.pod.uid, gate(pool), is_up, reason, message))
    return found


def _verdict(
    places: Sequence[Place], seen: Mapping[Place, json_types.MemberStatus], *, monitored: bool, doubted: bool
) -> tuple[bool, str, str]:
    for place in places:
        name, member = f"{place[0]} {place[1]}", seen.get(place)
        if member is None:
            return False, NOT_YET, f"the pool does not have member {name} yet"
        provisioning, operating = member.get("provisioningStatus"), member.get("operatingStatus")
        if provisioning != "ACTIVE":
            return False, NOT_YET, f"the load balancer is taking member {name} over ({provisioning})"
        if monitored and operating not in ("ONLINE", "NO_MONITOR"):
            return False, UNHEALTHY, f"member {name} is {operating}"
    if doubted:
        return False, NEW_MONITOR, "the health monitor is new: in its first minute it calls all members ONLINE"
    if monitored:
        return True, HEALTHY, "the health monitor calls it ONLINE"
    return True, REGISTERED, "the load balancer has it as a member; the pool has no health monitor"
