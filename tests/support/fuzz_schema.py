"""The CRDs' own schemas, and a validator for what they say of a value without CEL: what an API server checks first."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

CRDS = Path(__file__).parents[2] / "crds"
Schema = Mapping[str, Any]


@functools.cache
def schemas() -> dict[str, Schema]:
    """The schema of each kind, as ``crds/`` has it."""
    found = {}
    for path in sorted(CRDS.glob("*.yaml")):
        crd = yaml.safe_load(path.read_text())
        found[crd["spec"]["names"]["kind"]] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


def spec_of(kind: str) -> Schema:
    """The schema of a kind's spec."""
    schema: Schema = schemas()[kind]["properties"]["spec"]
    return schema


def status_of(kind: str) -> Schema:
    """The schema of a kind's status."""
    schema: Schema = schemas()[kind]["properties"]["status"]
    return schema


def faults(schema: Schema, value: Any, path: str = "") -> Iterator[str]:
    """What is wrong with a value, place by place; CEL rules are not looked at.

    Args:
        schema: of the value.
        value: as JSON has it.
        path: where it is.
    """
    if schema.get("x-kubernetes-int-or-string"):
        kind = "integer" if _is("integer", value) else "string" if isinstance(value, str) else ""
    else:
        kind = schema["type"] if _is(schema["type"], value) else ""
    if not kind:
        yield f"{path}: {type(value).__name__} for {schema.get('type', 'int-or-string')}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: not one of {schema['enum']}"
    yield from {"object": _object, "array": _array, "string": _string}.get(kind, _number)(schema, value, path)


def _is(kind: str, value: Any) -> bool:
    if kind == "integer":
        whole = isinstance(value, float) and math.isfinite(value) and value == int(value)
        return (isinstance(value, int) and not isinstance(value, bool)) or whole
    types = {"object": Mapping, "array": list, "string": str, "boolean": bool, "number": (int, float)}
    return isinstance(value, types[kind])


def _object(schema: Schema, value: Any, path: str) -> Iterator[str]:
    parts = schema.get("properties", {})
    others = schema.get("additionalProperties")
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}.{name}: missing"
    if len(value) < schema.get("minProperties", 0):
        yield f"{path}: fewer than {schema['minProperties']} fields"
    for name, part in value.items():
        if name in parts:
            yield from faults(parts[name], part, f"{path}.{name}")
        elif isinstance(others, Mapping):
            yield from faults(others, part, f"{path}.{name}")
        else:
            yield f"{path}.{name}: unknown"


def _array(schema: Schema, value: Any, path: str) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", math.inf):
        yield f"{path}: {len(value)} items"
    if keys := schema.get("x-kubernetes-list-map-keys"):
        names = [repr([item.get(key) for key in keys]) for item in value if isinstance(item, Mapping)]
        if len(set(names)) != len(names):
            yield f"{path}: one item is there twice"
    for number, item in enumerate(value):
        yield from faults(schema["items"], item, f"{path}[{number}]")


def _string(schema: Schema, value: str, path: str) -> Iterator[str]:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", math.inf):
        yield f"{path}: {len(value)} characters"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path}: does not match {schema['pattern']}"
    if schema.get("format") == "date-time":
        try:
            datetime.fromisoformat(value)
        except ValueError:
            yield f"{path}: no time"
    try:
        value.encode()
    except UnicodeEncodeError:
        yield f"{path}: no UTF-8"


def _number(schema: Schema, value: Any, path: str) -> Iterator[str]:
    if "minimum" in schema and value < schema["minimum"]:
        yield f"{path}: below {schema['minimum']}"
    if "maximum" in schema and value > schema["maximum"]:
        yield f"{path}: above {schema['maximum']}"
