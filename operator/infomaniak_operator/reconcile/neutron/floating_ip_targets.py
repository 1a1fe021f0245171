"""Which FloatingIP has a target, which is about to leave it, and who goes first where several change places. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from infomaniak_operator.api.json_types import FLOATING_IP, LOAD_BALANCER, PORT
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject
from infomaniak_operator.reconcile.generic.fields import address
from infomaniak_operator.reconcile.generic.outcomes import CREDENTIALS_VALID, DRY_RUN, PAUSED, annotated

KIND = "FloatingIP"
Place = tuple[str | None, frozenset[str]]
"""The name of the InfomaniakNetwork that an object's spec says it is in, and the ids of its subnets."""


@dataclass(frozen=True, slots=True)
class TargetField:
    """A field of a spec that names what an address leads to by reference.

    Attributes:
        name: the field.
        kind: the kind that it refers to.
        noun: what people call the port of such an object.
        port: its id, as the object's status shows it.
        place: where it is.
        address: which of its addresses of IPv4 counts where it has several and the spec names none.
    """

    name: Literal["loadBalancerRef", "portRef"]
    kind: str
    noun: str
    port: Callable[[KubeObject], str | None]
    place: Callable[[KubeObject], Place]
    address: Callable[[KubeObject], str | None] = lambda _: None


def _vip_port(target: KubeObject) -> str | None:
    return LOAD_BALANCER.status(target).get("vipPortID")


def _vip_place(target: KubeObject) -> Place:
    vip = LOAD_BALANCER.spec(target).get("vip") or {}
    ref = vip.get("networkRef")
    subnet = LOAD_BALANCER.status(target).get("vipSubnetID")
    return ref["name"] if ref else None, frozenset({subnet} if subnet else ())


def _vip_address(target: KubeObject) -> str | None:
    """The VIP's own address, or else its first of IPv4; Neutron wants to be told where there are several."""
    status = LOAD_BALANCER.status(target)
    there = [status.get("vipAddress"), *(each.get("address") for each in status.get("additionalVips") or ())]
    found = [each for each in there if each and ":" not in each]
    return found[0] if len(found) > 1 else None


def _port(target: KubeObject) -> str | None:
    return PORT.status(target).get("id")


def place_of(target: KubeObject) -> Place:
    """Where a Port is."""
    ref = PORT.spec(target).get("networkRef")
    subnets = (each.get("subnetID") for each in PORT.status(target).get("fixedIPs") or ())
    return ref["name"] if ref else None, frozenset(each for each in subnets if each)


BY_REFERENCE = (
    TargetField("loadBalancerRef", "LoadBalancer", "VIP port", _vip_port, _vip_place, _vip_address),
    TargetField("portRef", "Port", "port", _port, place_of),
)
FIELDS: tuple[Literal["loadBalancerRef", "portRef", "portID"], ...] = (*(each.name for each in BY_REFERENCE), "portID")
"""The fields of a spec that say what an address leads to; one of them at most is there."""


def reference(resource: KubeObject) -> tuple[TargetField, Key] | None:
    """What an address leads to by reference; None where it leads nowhere, or to a port by its id."""
    for each in BY_REFERENCE:
        if ref := FLOATING_IP.spec(resource).get(each.name):
            return each, Key(each.kind, resource.key.namespace, ref["name"])
    return None


@dataclass(frozen=True, slots=True)
class Target:
    """What a floating IP leads to: a port, and which of its addresses where one is named."""

    port: str
    fixed: str | None = None

    def meets(self, other: Target) -> bool:
        """Whether only one floating IP can lead to both: it is the same address of the same port, or may be."""
        known = self.fixed and other.fixed
        return self.port == other.port and (not known or address(self.fixed) == address(other.fixed))


def has(resource: KubeObject) -> Target | None:
    """What an object leads to by its status."""
    status = FLOATING_IP.status(resource)
    port = status.get("portID")
    return Target(str(port), status.get("fixedAddress")) if port else None


def keeps(other: KubeObject, target: Target, view: CacheReader) -> bool:
    """Whether an object that has a target is to keep it, as far as its spec says."""
    if other.deleting:
        return False
    spec = FLOATING_IP.spec(other)
    if spec.get("managementPolicy") == "Unmanaged":
        return True
    referred = reference(other)
    if referred:
        field, key = referred
        found = view.get(key)
        there = found is not None and not found.deleting and field.port(found) == target.port
        return there and Target(target.port, spec.get("fixedAddress")).meets(target)
    if port := spec.get("portID"):
        return Target(str(port), spec.get("fixedAddress")).meets(target)
    # Taken out of the spec: given up only if it was set by it.
    return not {*FIELDS} & set(FLOATING_IP.status(other).get("appliedFields") or ())


def can_move(other: KubeObject) -> bool:
    """Whether nothing keeps an object from being reconciled."""
    valid = other.condition(CREDENTIALS_VALID) or {}
    held = annotated(other, PAUSED) or annotated(other, DRY_RUN) or other.deleting
    return not held and valid.get("status") != "False"


@dataclass(frozen=True, slots=True)
class Chain:
    """Who waits for whom until one can move: the first has what is wanted, the second what the first wants, ...

    Attributes:
        holders: the objects.
        circle: whether the last one wants what the one that waits has: then nobody moves unless one lets go first.
    """

    holders: Sequence[KubeObject]
    circle: bool = False

    def first_to_let_go(self, waiting: KubeObject) -> bool:
        """Whether the object that waits is the one that lets go: the same one, whoever asks."""
        return self.circle and waiting.key < min(each.key for each in self.holders)


def chain(
    waiting: KubeObject,
    now: Target | None,
    wanted: Target,
    view: CacheReader,
    next_of: Callable[[KubeObject], Target | None],
) -> Chain:
    """Follow who has what.

    Args:
        waiting: the object that wants the target.
        now: what it leads to now.
        wanted: the target.
        view: the cache.
        next_of: what an object is to lead to next; None where that is nothing, or is not there yet.
    """
    others = [each for each in view.objects(KIND) if each.uid != waiting.uid and has(each)]
    found: list[KubeObject] = []
    while True:
        target = wanted
        holder = next((each for each in others if (there := has(each)) and there.meets(target)), None)
        if holder is None or holder in found:
            return Chain(found)
        found.append(holder)
        if keeps(holder, target, view) or not can_move(holder):
            return Chain(found)
        following = next_of(holder)
        if following is None:
            return Chain(found)
        if now is not None and now.meets(following):
            return Chain(found, circle=True)
        wanted = following
