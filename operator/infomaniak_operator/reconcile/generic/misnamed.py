"""Which fields of a spec name by its id what the cloud does not show the project. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from infomaniak_operator.api import reach
from infomaniak_operator.api.reach import NamedResource
from infomaniak_operator.api.registry import KINDS, InvalidSpec
from infomaniak_operator.client import InfomaniakCloudError
from infomaniak_operator.controller.interfaces import KubeObject

_LEADS_NOWHERE = frozenset(
    {
        "NetworkNotFound",
        "PortNotFound",
        "QosPolicyNotFound",
        "SecurityGroupNotFound",
        "SubnetNotFound",
        "SubnetPoolNotFound",
    }
)
"""Neutron's types of such an answer. Others speak of what is between two things, both of which may be there."""
_ID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_ITEM = re.compile(r"(\w+)\[(\d+)\]")
_MOST_NAMED = 5


def leading_nowhere(resource: KubeObject, error: InfomaniakCloudError) -> list[NamedResource]:
    """What the spec names by an id, and an answer says is not there; not what the object itself stands for."""
    if error.error_type not in _LEADS_NOWHERE:
        return []
    said, itself = error.message.lower(), str(resource.json_status.get("id")).lower()
    try:
        spec = KINDS[resource.key.kind].parse(resource.spec)
    except InvalidSpec:
        return []
    ids = ((each, each.value.lower()) for each in reach.named(spec) if _ID.fullmatch(each.value))
    return [each for each, id_ in ids if id_ in said and id_ != itself]


def places(resource: KubeObject, named: Sequence[NamedResource]) -> str:
    """The fields, as messages have them: ``spec.subnets[front].subnetPoolID``."""
    return shown([_by_name(resource.spec, each.place) for each in named])


def shown(fields: Sequence[str]) -> str:
    """Some fields, for a message."""
    fields = list(dict.fromkeys(fields))
    more = f" and {len(fields) - _MOST_NAMED} more" if len(fields) > _MOST_NAMED else ""
    return ", ".join(fields[:_MOST_NAMED]) + more


def advice(resource: KubeObject, named: Sequence[NamedResource]) -> str:
    """What a person should know of it: the fields, and what to do; empty where there is nothing to say."""
    if not named:
        return ""
    what = named[0].names.what.partition(" ")[2]
    to_do = "correct the id, or have it shared with the project"
    return f"{places(resource, named)}: there is no such {what} that the project may use; {to_do}"


def _by_name(spec: object, place: str) -> str:
    """A place with the names of items that have one, for their numbers."""
    here, found = spec, ["spec"]
    for part in place.split(".")[1:]:
        item = _ITEM.fullmatch(part)
        here = here.get(item[1] if item else part) if isinstance(here, Mapping) else None
        shown_as = part
        if item and isinstance(here, list | tuple):
            here = here[int(item[2])]
            name = here.get("name") if isinstance(here, Mapping) else None
            shown_as = f"{item[1]}[{name}]" if isinstance(name, str) else part
        found.append(shown_as)
    return ".".join(found)
