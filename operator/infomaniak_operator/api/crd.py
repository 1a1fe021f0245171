"""A kind's definition as a CustomResourceDefinition."""

from __future__ import annotations

from typing import Any

from infomaniak_operator.api.common import object_rules
from infomaniak_operator.api.kind import CATEGORY, GROUP, VERSION, Column, Kind
from infomaniak_operator.api.model import VALIDATIONS
from infomaniak_operator.api.schema import structural

NOT_SEEN = {"observedGeneration": -1}
"""The status of an object that nobody has looked at: without it, tools would take the object for ready."""


def crd(kind: Kind[Any]) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind, as the API server takes it."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": kind.crd_name, "labels": {"app.kubernetes.io/part-of": "infomaniak-operator"}},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.kind,
                "listKind": f"{kind.kind}List",
                "plural": kind.plural,
                "singular": kind.singular,
                "shortNames": list(kind.short_names),
                "categories": [CATEGORY],
            },
            "versions": [_version(kind)],
        },
    }


def _version(kind: Kind[Any]) -> dict[str, Any]:
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(column) for column in kind.columns],
        "schema": {"openAPIV3Schema": object_schema(kind)},
    }
    if kind.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in kind.selectable]
    return version


def _column(column: Column) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": column.name,
        "type": column.type,
        "jsonPath": column.path,
        "description": column.description,
    }
    if column.wide:
        found["priority"] = 1
    return found


def object_schema(kind: Kind[Any]) -> dict[str, Any]:
    """The schema of a whole object of the kind."""
    spec = structural(kind.spec)
    spec["description"] = (
        "What is wanted. What is absent is not managed: the cloud's own default or present value stays. What the "
        "operator has set and is taken out goes back to the cloud's default."
    )
    status = structural(kind.status)
    status["description"] = "What is there. Written by the operator alone."
    status["default"] = NOT_SEEN
    version = "APIVersion defines the versioned schema of this representation of an object."
    return {
        "type": "object",
        "description": kind.summary,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": version},
            "kind": {"type": "string", "description": "Kind is the REST resource that this object represents."},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
        VALIDATIONS: [rule.schema() for rule in (*object_rules(), *kind.rules)],
    }
