"""Models as structural schemas: what is collapsed, inlined and refused."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import Field

from infomaniak_operator.api.model import ApiModel, Checked, Rule, listed
from infomaniak_operator.api.schema import NotStructuralError, structural


class Leaf(ApiModel):
    cel: ClassVar[tuple[Rule, ...]] = (Rule("leaf", "m"),)

    name: str = Field(description="its name")


class Tree(ApiModel):
    number: Annotated[int, Field(ge=1, le=9)] | None = Field(None, description="n")
    word: Literal["a", "b"] | None = Field(None, description="w")
    leaf: Leaf | None = Field(None, description="l", json_schema_extra={"minProperties": 1})
    leaves: Annotated[list[Leaf], Field(max_length=3)] | None = Field(
        None, description="ls", json_schema_extra=listed("map", "name")
    )
    labels: dict[str, Annotated[str, Field(max_length=5)]] | None = Field(None, max_length=2, description="m")
    port: (
        Annotated[
            int | str,
            Field(json_schema_extra={"x-kubernetes-int-or-string": True, "maxLength": 5}),
            Checked(Rule("port", "m")),
        ]
        | None
    ) = Field(None, description="p")


LEAF = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "description": "its name"}},
    "x-kubernetes-validations": [{"rule": "leaf", "message": "m"}],
}

EXPECTED: dict[str, Any] = {
    "number": {"type": "integer", "minimum": 1, "maximum": 9, "description": "n"},
    "word": {"type": "string", "enum": ["a", "b"], "description": "w"},
    "leaf": {**LEAF, "minProperties": 1, "description": "l"},
    "leaves": {
        "type": "array",
        "items": LEAF,
        "maxItems": 3,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "description": "ls",
    },
    "labels": {
        "type": "object",
        "additionalProperties": {"type": "string", "maxLength": 5},
        "maxProperties": 2,
        "description": "m",
    },
    "port": {
        "x-kubernetes-int-or-string": True,
        "maxLength": 5,
        "x-kubernetes-validations": [{"rule": "port", "message": "m"}],
        "description": "p",
    },
}


@pytest.mark.parametrize("field", EXPECTED)
def test_forms(field: str) -> None:
    assert structural(Tree)["properties"][field] == EXPECTED[field]


class TwoTypes(ApiModel):
    value: int | list[int]


class TwoTypesOrNone(ApiModel):
    value: int | list[int] | None = None


class Exclusive(ApiModel):
    value: Annotated[int, Field(gt=0)]


class Untyped(ApiModel):
    value: Any


class Constant(ApiModel):
    value: Literal["one"]


class Pair(ApiModel):
    value: tuple[int, str]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (TwoTypes, r"TwoTypes\.value: anyOf has no form"),
        (TwoTypesOrNone, r"TwoTypesOrNone\.value: anyOf has no form"),
        (Exclusive, r"Exclusive\.value: use ge and le"),
        (Untyped, r"Untyped\.value: a structural schema needs a type"),
        (Constant, r"Constant\.value: const has no form"),
        (Pair, r"Pair\.value: prefixItems has no form"),
    ],
)
def test_what_has_no_structural_form_is_refused(model: type[ApiModel], message: str) -> None:
    with pytest.raises(NotStructuralError, match=message):
        structural(model)
