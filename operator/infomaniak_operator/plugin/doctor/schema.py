"""How the schema of a CustomResourceDefinition that is installed differs from the plugin's own. Pure.

The schemas are compared and no version is asked for: CustomResourceDefinitions from crds/ carry none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from infomaniak_operator.api.crd import object_schema
from infomaniak_operator.api.kind import VERSION, Kind
from infomaniak_operator.api.registry import KINDS

_DEEPEST = 30
_WORDS = frozenset({"description", "title", "example"})
"""What says nothing of what is allowed."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How a schema differs.

    Attributes:
        missing: fields that the plugin knows and it does not: it is older.
        unknown: fields that it has and the plugin does not know: it is newer.
        otherwise: whether the fields are the same, and something else of it is not.
    """

    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    otherwise: bool

    def __bool__(self) -> bool:
        return bool(self.missing or self.unknown or self.otherwise)


def version_of(definition: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The version of a CustomResourceDefinition that the operator uses; None where it is not there."""
    spec = definition.get("spec")
    versions = spec.get("versions") if isinstance(spec, Mapping) else None
    for each in versions if isinstance(versions, list) else ():
        if isinstance(each, Mapping) and each.get("name") == VERSION:
            return each
    return None


def compared(definition: Mapping[str, Any], kind: Kind[Any]) -> Difference:
    """A CustomResourceDefinition that is installed, compared with what the plugin has of the kind."""
    found = (version_of(definition) or {}).get("schema")
    theirs: object = found.get("openAPIV3Schema") if isinstance(found, Mapping) else None
    wanted, meaning = _ours(kind.kind)
    there = frozenset(_fields(theirs, "", 0))
    missing, unknown = sorted(wanted - there), sorted(there - wanted)
    otherwise = not missing and not unknown and _meaning(theirs, 0) != meaning
    return Difference(tuple(missing), tuple(unknown), otherwise)


@cache
def _ours(kind: str) -> tuple[frozenset[str], object]:
    """The fields and the meaning of the plugin's own schema, which takes a while to make."""
    schema = object_schema(KINDS[kind])
    return frozenset(_fields(schema, "", 0)), _meaning(schema, 0)


def _fields(schema: object, place: str, depth: int) -> Iterator[str]:
    """The fields that a schema knows: ``spec.listeners[].port``."""
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return
    properties = schema.get("properties")
    for name, inner in properties.items() if isinstance(properties, Mapping) else ():
        here = f"{place}.{name}" if place else str(name)
        yield here
        yield from _fields(inner, here, depth + 1)
    yield from _fields(schema.get("items"), f"{place}[]", depth + 1)
    yield from _fields(schema.get("additionalProperties"), f"{place}{{}}", depth + 1)


def _meaning(schema: object, depth: int) -> object:
    """A schema without its words, in which a field may have any name."""
    if depth > 2 * _DEEPEST:
        return None
    if isinstance(schema, list):
        return [_meaning(each, depth + 1) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    found = {name: _meaning(each, depth + 1) for name, each in schema.items() if name not in _WORDS}
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        found["properties"] = {name: _meaning(each, depth + 1) for name, each in properties.items()}
    return found
