"""Items of lists that are there twice, by the keys that the schema names: the API server refuses them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from infomaniak_operator.api.crd import crd
from infomaniak_operator.api.registry import KINDS


def doubled(kind: str, spec: Mapping[str, Any]) -> Iterator[str]:
    """What is in a list of a spec twice.

    Args:
        kind: a kind of this API.
        spec: one that its schema takes otherwise.
    """
    yield from _doubled(_schema(kind), "spec", spec)


@cache
def _schema(kind: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = crd(KINDS[kind])["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][
        "spec"
    ]
    return found


def _doubled(schema: Mapping[str, Any], place: str, value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield from _doubled(inner, f"{place}.{name}", value[name])
    elif isinstance(value, list):
        items = schema.get("items", {})
        seen: set[str] = set()
        for index, each in enumerate(value):
            key = _key(schema, items, each)
            if key is not None and key in seen:
                yield f"{place}[{index}]: {key} is in the list before; leave one"
            seen.add(key or "")
            yield from _doubled(items, f"{place}[{index}]", each)


def _key(schema: Mapping[str, Any], items: Mapping[str, Any], item: object) -> str | None:
    """What tells an item of a list from the others; None where nothing has to."""
    sort = schema.get("x-kubernetes-list-type")
    if sort == "set":
        return json.dumps(item, sort_keys=True)
    if sort != "map" or not isinstance(item, Mapping):
        return None
    names: Sequence[str] = schema.get("x-kubernetes-list-map-keys", ())
    properties = items.get("properties", {})
    return ", ".join(f"{name} {item.get(name, properties.get(name, {}).get('default'))}" for name in names)
