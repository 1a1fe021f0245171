"""Who else waits for room in a quota: for the message of one that waits. Pure.

Who waits says so in its own ``Ready`` condition, and for what. So all is known after a restart, too, and what is said
here does not change from reconcile to reconcile: those that wait longest are named, and of many only the magnitude is
told. What is in other namespaces is counted and never named.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject, Reason
from infomaniak_operator.reconcile.generic.outcomes import PAUSED, annotated

MOST_NAMED: Final = 3
"""So many are named."""
_STEPS: Final = (5, 10, 20, 50, 100, 200, 500, 1000)
"""What a count is more than: one that comes or goes among many is no reason to write the status of all of them."""
_NEEDED = re.compile(r"(?<!\d)\d{1,10} ([a-z][a-zIP ]{0,30}?)s? needed\b")

Waits = Mapping[frozenset[str], "Group"]
"""Those that wait, by what for."""


@dataclass(slots=True)
class Group:
    """Those that wait for the same types.

    Attributes:
        count: how many.
        by_namespace: them, those that came first first.
    """

    count: int = 0
    by_namespace: dict[str, dict[Key, str]] = field(default_factory=dict)


def waits_for(resource: KubeObject) -> frozenset[str]:
    """The types, as its message calls them, for which there was no room when an object was last reconciled."""
    ready = resource.condition("Ready") or {}
    message = ready.get("message")
    if ready.get("reason") != Reason.QUOTA_EXCEEDED.value or ready.get("status") != "False":
        return frozenset()
    if resource.deleting or annotated(resource, PAUSED) or not isinstance(message, str):
        return frozenset()
    return frozenset(_NEEDED.findall(message.partition(". ")[0]))


def waiting(view: CacheReader, kinds: Iterable[str], belongs: Callable[[KubeObject], bool]) -> Waits:
    """All that wait in a project.

    Args:
        view: the cache.
        kinds: the kinds that take something of a quota.
        belongs: whether an object is in the project.
    """
    found: dict[frozenset[str], list[KubeObject]] = {}
    for kind in kinds:
        for each in view.objects(kind):
            types = waits_for(each)
            if types and belongs(each):
                found.setdefault(types, []).append(each)
    groups = {}
    for types, objects in found.items():
        group = groups[types] = Group(len(objects))
        for each in sorted(objects, key=lambda one: (one.created, one.key)):
            group.by_namespace.setdefault(each.key.namespace, {})[each.key] = each.created
    return groups


def others(waits: Waits, key: Key, types: Iterable[str]) -> str:
    """What is said of the others that wait for any of these types; empty where nobody does.

    Args:
        waits: all that wait.
        key: whose message it is.
        types: what there is no room for.
    """
    wanted = frozenset(types)
    groups = [group for each, group in waits.items() if each & wanted]
    here = [group.by_namespace.get(key.namespace, {}) for group in groups]
    mine = sum(len(each) - (key in each) for each in here)
    elsewhere = sum(group.count for group in groups) - sum(map(len, here))
    first = heapq.merge(*([(created, one) for one, created in _first(each)] for each in here))
    named = [f"{one.kind} {one.name}" for _, one in first if one != key][:MOST_NAMED]
    said = ", ".join(named)
    if mine > MOST_NAMED:
        said += f" ({_about(mine)} in this namespace)"
    parts = [*([said] if named else []), *([f"{_about(elsewhere)} in other namespaces"] if elsewhere else [])]
    return f"; also waiting for it: {' and '.join(parts)}" if parts else ""


def _first(of: Mapping[Key, str]) -> Sequence[tuple[Key, str]]:
    """Those that came first: one more than are named, for it may be the one whose message it is."""
    return list(itertools.islice(of.items(), MOST_NAMED + 1))


def _about(count: int) -> str:
    step = max((each for each in _STEPS if each < count), default=None)
    return str(count) if step is None else f"more than {step}"
