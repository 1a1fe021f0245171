"""Where objects name things of the cloud: as their own in a status, or otherwise. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from infomaniak_operator.api.json_types import ANY
from infomaniak_operator.controller.interfaces import KubeObject

_HOLDING = frozenset({"id", "vipPortID", "redirectPolicyID", "barbicanSecret"})
"""The fields of a status that show something as the object's own."""
_MOST_VALUES = 20_000
"""So many values of one object are looked at."""


@dataclass(frozen=True, slots=True)
class Named:
    """Where the ids of things stand in objects.

    Attributes:
        held: by id, the objects that show a thing as their own.
        named: by id, the objects that name it otherwise.
    """

    held: dict[str, list[str]] = field(default_factory=dict)
    named: dict[str, list[str]] = field(default_factory=dict)


def named_in(objects: Iterable[KubeObject]) -> Named:
    """Where the ids stand in the specs and statuses of objects; whatever is in them."""
    found = Named()
    for each in objects:
        told = f"{each.key.kind} {each.key.namespace}/{each.key.name}"
        reads = ANY.spec(each).get("managementPolicy") == "Unmanaged"
        for in_status, content in ((False, each.body.get("spec")), (True, each.body.get("status"))):
            for name, value in _texts(content):
                place = found.held if in_status and name in _HOLDING and not reads else found.named
                users = place.setdefault(value, [])
                if told not in users:
                    users.append(told)
    return found


def _texts(content: object) -> Iterator[tuple[str, str]]:
    """The texts in a spec or a status, each with the field that it stands in."""
    pending: list[tuple[str, object]] = [("", content)]
    for _ in range(_MOST_VALUES):
        if not pending:
            return
        name, value = pending.pop()
        if isinstance(value, Mapping):
            pending += [(str(key), each) for key, each in value.items()]
        elif isinstance(value, list | tuple):
            pending += [(name, each) for each in value]
        elif isinstance(value, str):
            yield name, value
