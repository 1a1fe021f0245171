"""The base of all models of the API: camelCase outside, snake_case inside, closed, and never null."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

_WORDS = ("id", "ids", "dhcp", "cidr", "cidrs", "ra", "ip", "snat", "url", "https", "mtu", "dns", "http")
VALIDATIONS = "x-kubernetes-validations"


def camel(name: str) -> str:
    """The name outside: ``enable_dhcp`` is ``enableDHCP``, ``ipv6_ra_mode`` is ``ipv6RAMode``."""
    first, *rest = name.split("_")
    spelled = {"ids": "IDs", "cidrs": "CIDRs"}
    return first + "".join(
        spelled.get(word, word.upper() if word in _WORDS else to_camel(word).title()) for word in rest
    )


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule in CEL, checked by the API server at ``kubectl apply``.

    Attributes:
        rule: the expression; ``self``, and ``oldSelf`` where only changes are checked.
        message: what a person reads if it does not hold: what is wrong and what to do.
        path: the field at fault, below ``self``: ``.gateway``.
        expression: the message as an expression, where it can name values; ``message`` if that fails.
    """

    rule: str
    message: str
    path: str | None = None
    expression: str | None = None

    def schema(self) -> dict[str, str]:
        """The rule as the CRD has it."""
        found = {"rule": self.rule, "message": self.message}
        if self.path:
            found["fieldPath"] = self.path
        if self.expression:
            found["messageExpression"] = self.expression
        return found


@dataclass(frozen=True, slots=True)
class Checked:
    """Annotation of a type with rules: ``Annotated[str, Checked(Rule(...))]``."""

    rules: tuple[Rule, ...]

    def __init__(self, *found: Rule) -> None:
        object.__setattr__(self, "rules", found)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The type's schema, with the rules."""
        schema = handler(core)
        return {**schema, VALIDATIONS: [*schema.get(VALIDATIONS, ()), *(rule.schema() for rule in self.rules)]}


def about(
    text: str, *, absent: str | None = None, changes: str | None = "Can be changed", api: str | None = None
) -> str:
    """A field's description, always in the same order.

    Args:
        text: what it is, with units, without the full stop.
        absent: what holds if the field is left out.
        changes: what a later change does; None where the question does not arise.
        api: the attribute of OpenStack it stands for.
    """
    parts = [f"{text}."]
    parts += [f"If absent: {absent}."] if absent else []
    parts += [f"{changes}."] if changes else []
    parts += [f"OpenStack: {api}."] if api else []
    return " ".join(parts)


FIXED = "Cannot be changed"
"""For ``about``: what is set once and for all."""


def listed(kind: str, *keys: str) -> dict[str, Any]:
    """``json_schema_extra`` that says how a list merges: atomic, a set, or a map by these keys."""
    return {"x-kubernetes-list-type": kind, **({"x-kubernetes-list-map-keys": list(keys)} if keys else {})}


def immutable(name: str, advice: str) -> tuple[Rule, ...]:
    """The rules on the parent that keep an optional field as it was first set.

    ``self == oldSelf`` on the field alone could be got round by removing it and setting it again.

    Args:
        name: the field, as spelled in the spec.
        advice: what to do instead.
    """
    text = f"{name} cannot be changed: {advice}"
    return (
        Rule(f"!has(oldSelf.{name}) || has(self.{name})", text),
        Rule(f"!has(oldSelf.{name}) || !has(self.{name}) || self.{name} == oldSelf.{name}", text, f".{name}"),
    )


class ApiModel(BaseModel):
    """A closed object of the API.

    ``None`` in Python stands for "absent"; a null from outside is refused, since it could mean two things.
    """

    model_config = ConfigDict(
        alias_generator=camel, extra="forbid", frozen=True, strict=True, validate_by_name=False, validate_by_alias=True
    )

    cel: ClassVar[tuple[Rule, ...]] = ()
    """The rules on the object as a whole; those of base classes count too."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema, with the rules; a class's own fields come before those of its bases."""
        schema = handler.resolve_ref_schema(handler(core))
        parts = schema.get("properties", {})
        own = {cls.model_fields[name].alias for name in cls.__annotations__ if name in cls.model_fields}
        schema["properties"] = dict(sorted(parts.items(), key=lambda part: part[0] not in own))
        found = [rule.schema() for base in reversed(cls.__mro__) for rule in base.__dict__.get("cel", ())]
        if found:
            schema[VALIDATIONS] = found
        return schema

    @model_validator(mode="before")
    @classmethod
    def _no_nulls(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            empty = [str(name) for name, item in value.items() if item is None]
            if empty:
                names = ", ".join(sorted(empty))
                raise ValueError(f"{names} is null; leave it out to have it not managed, or write [] for none")
        return value


class Spec(ApiModel):
    """The base of every kind's ``spec``."""


class Status(ApiModel):
    """The base of every kind's ``status``."""
