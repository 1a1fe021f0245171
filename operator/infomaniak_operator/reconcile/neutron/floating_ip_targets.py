"""Which FloatingIP has a target, which is about to leave it, and who goes first where several change places. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from infomaniak_operator.api.json_types import FLOATING_IP, LOAD_BALANCER
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject
from infomaniak_operator.reconcile.generic.fields import address
from infomaniak_operator.reconcile.generic.outcomes import CREDENTIALS_VALID, DRY_RUN, PAUSED, annotated

KIND = "FloatingIP"


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
    ref = spec.get("loadBalancerRef")
    if ref:
        balancer = view.get(Key("LoadBalancer", other.key.namespace, ref["name"]))
        if balancer is None or balancer.deleting:
            return False
        return bool(LOAD_BALANCER.status(balancer).get("vipPortID") == target.port)
    if port := spec.get("portID"):
        return Target(str(port), spec.get("fixedAddress")).meets(target)
    # Taken out of the spec: given up only if it was set by it.
    return not {"portID", "loadBalancerRef"} & set(FLOATING_IP.status(other).get("appliedFields") or ())


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
