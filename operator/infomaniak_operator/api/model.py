"""The base of all models of the API: camelCase outside, snake_case inside, closed, and never null."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
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
    spelled = {"ids": "IDs", "cidrs": "CIDRs", "ips": "IPs"}
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


class Reach(Enum):
    """How far a field that names something in the cloud reaches."""

    PROJECT = "project"
    """To whatever there is in the credential's project, whoever made it."""
    PUBLIC = "public"
    """To what every project may use: the service takes nothing else there."""
    WITHIN = "within"
    """No further than what it stands beside: an address of a subnet that another field names."""


@dataclass(frozen=True, slots=True)
class Names:
    """Annotation of a field that names something in the cloud: ``Annotated[CloudId | None, Names(...)]``.

    Attributes:
        what: what it names, with its article: ``a subnet``.
        reach: how far it reaches.
        instead: what to write where it is refused, or why it need not be.
        shown: the fields of ``status``, by their own names, that show the value once it is in use; of an item of a list
            as well. None: status does not show it.
    """

    what: str
    reach: Reach
    instead: str
    shown: tuple[str, ...] = ()


FIXED = "Cannot be changed"
"""For ``about``: what is set once and for all."""


def listed(kind: str, *keys: str) -> dict[str, Any]:
    """``json_schema_extra`` that says how a list merges: atomic, a set, or a map by these keys."""
    return {"x-kubernetes-list-type": kind, **({"x-kubernetes-list-map-keys": list(keys)} if keys else {})}


REFUSED = (
    "(has(oldSelf.status) && has(oldSelf.status.conditions) && oldSelf.status.conditions.exists(c, "
    "c.type == 'Ready' && c.status == 'False' && "
    "c.reason in ['Conflict', 'InvalidConfiguration', 'WaitingForReference']))"
)
"""What the operator has refused, or cannot follow, may be corrected: it compares with the cloud whatever is written."""


def _has(root: str, path: str) -> str:
    """Whether a field of the spec is there, with all above it."""
    parts = path.split(".")
    return " && ".join(f"has({root}.spec.{'.'.join(parts[: end + 1])})" for end in range(len(parts)))


Same = Callable[[str, str], str]
"""Whether two values are the same, in CEL: addresses have several spellings."""


def _equal(one: str, other: str) -> str:
    return f"{one} == {other}"


def _known(path: str, field: str, same: Same) -> str:
    """Whether a field of the spec says what status shows."""
    return (
        f"({_has('self', path)} && has(oldSelf.status) && has(oldSelf.status.{field}) && "
        f"{same(f'self.spec.{path}', f'oldSelf.status.{field}')})"
    )


def immutable(path: str, advice: str, known: str | None = None, same: Same = _equal) -> Rule:
    """The rule on the object as a whole that keeps an optional field of the spec as it was first set.

    On the whole, for there status is in reach. ``self == oldSelf`` on the field alone could be got round by removing it
    and setting it again.

    Args:
        path: the field, below ``spec``: ``vip.subnet``.
        advice: what to do instead.
        known: the field of status that shows its value in the cloud, if one does.
        same: when two values are the same.
    """
    kept_as_it_is = f"({_has('self', path)} && {same(f'self.spec.{path}', f'oldSelf.spec.{path}')})"
    back = f" || {_known(path, known, same)}" if known else ""
    return Rule(
        f"!({_has('oldSelf', path)}) || {kept_as_it_is}{back} || {REFUSED}",
        f"{path.rsplit('.', maxsplit=1)[-1]} cannot be changed: {advice}",
        f".spec.{path}",
    )


def kept(path: str, advice: str) -> Rule:
    """The rule on the object as a whole by which a field of the spec that is there stays there."""
    text = f"{path.rsplit('.', maxsplit=1)[-1]} cannot be changed: {advice}"
    return Rule(f"!({_has('oldSelf', path)}) || ({_has('self', path)}) || {REFUSED}", text, f".spec.{path}")


def first_setting(path: str, advice: str, known: str, since: str = "id", same: Same = _equal) -> Rule:
    """The rule by which an immutable field that was left out may later be set to nothing but what is in the cloud.

    Args:
        path: the field, below ``spec``.
        advice: what to do instead.
        known: the field of status that shows its value in the cloud.
        since: the field of status that is there once the value is settled.
        same: when two values are the same.
    """
    made = f"has(oldSelf.status) && has(oldSelf.status.{since})"
    return Rule(
        f"({_has('oldSelf', path)}) || !({_has('self', path)}) || !({made}) || {_known(path, known, same)} || "
        f"{REFUSED}",
        f"{path} cannot be changed once there is one (status.{known}): {advice}",
        f".spec.{path}",
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
