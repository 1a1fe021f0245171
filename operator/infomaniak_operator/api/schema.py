"""A pydantic model as a structural OpenAPI v3 schema, the only form that a CustomResourceDefinition takes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from infomaniak_operator.api.model import VALIDATIONS, ApiModel

_DROPPED = frozenset({"title", "additionalProperties", "$defs"})
_LEFT_OVER = ("anyOf", "oneOf", "allOf", "not", "$ref", "const", "prefixItems", "patternProperties")


class NotStructuralError(ValueError):
    """A model says something that a structural schema cannot."""


def structural(model: type[ApiModel]) -> dict[str, Any]:
    """The structural schema of a model.

    Args:
        model: the model; every string, list and map in it must be bounded, every field described.

    Raises:
        NotStructuralError: the model uses what Kubernetes has no form for; the message names the place.
    """
    whole = model.model_json_schema(by_alias=True)
    return _node(whole, whole.get("$defs", {}), model.__name__)


def _node(node: Mapping[str, Any], defs: Mapping[str, Any], place: str) -> dict[str, Any]:
    """One schema node, its references inlined, its optionals collapsed, its parts likewise."""
    node = _collapsed(_inlined(node, defs), defs)
    if node.get("x-kubernetes-int-or-string"):
        return {name: value for name, value in node.items() if name not in {"anyOf", "title", "default"}}
    for keyword in _LEFT_OVER:
        if keyword in node:
            raise NotStructuralError(f"{place}: {keyword} has no form in a structural schema")
    values = node.get("additionalProperties")
    found = {name: copy.deepcopy(value) for name, value in node.items() if name not in _DROPPED}
    if found.get("default", ...) is None:
        del found["default"]
    if "exclusiveMinimum" in found or "exclusiveMaximum" in found:
        raise NotStructuralError(f"{place}: use ge and le, for exclusive bounds are booleans in OpenAPI v3.0")
    if "properties" in found:
        parts = found["properties"].items()
        found["properties"] = {name: _node(part, defs, f"{place}.{name}") for name, part in parts}
    if "items" in found:
        found["items"] = _node(found["items"], defs, f"{place}[]")
    if isinstance(values, Mapping):
        found["additionalProperties"] = _node(values, defs, f"{place}{{}}")
    if "type" not in found:
        raise NotStructuralError(f"{place}: a structural schema needs a type everywhere")
    return found


def _inlined(node: Mapping[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    """The node with what its ``$ref`` stands for; what is said beside the reference counts more."""
    found = dict(node)
    while "$ref" in found:
        name = str(found.pop("$ref")).removeprefix("#/$defs/")
        found = _merged(defs[name], found)
    return found


def _collapsed(node: dict[str, Any], defs: Mapping[str, Any]) -> dict[str, Any]:
    """``X | None`` as X: in Kubernetes every field may be absent, and none may be null."""
    options = node.get("anyOf")
    if options is None:
        return node
    real = [option for option in options if option.get("type") != "null"]
    if len(real) != 1:
        return node
    rest = {name: value for name, value in node.items() if name != "anyOf"}
    return _merged(_inlined(real[0], defs), rest)


def _merged(inner: Mapping[str, Any], outer: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a field counts more than what is said of its type; the rules of both hold."""
    found = {**inner, **outer}
    together = [*inner.get(VALIDATIONS, ()), *outer.get(VALIDATIONS, ())]
    return {**found, VALIDATIONS: together} if together else found
