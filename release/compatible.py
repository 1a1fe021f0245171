"""What of a changed CRD would break who uses it: compared are the last release's and the present one.

Counted is what an object that is stored or kept in git, or a program that reads one, may rely on. More is never a
fault: a new field, value or version, a wider bound, a rule less. Texts, columns and the order of things do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

Schema = Mapping[str, Any]
_AT_MOST = ("maximum", "maxLength", "maxItems", "maxProperties")
_AT_LEAST = ("minimum", "minLength", "minItems", "minProperties")
_STRICTER = ("exclusiveMaximum", "exclusiveMinimum", "uniqueItems")
_LOOSER = ("nullable", "x-kubernetes-preserve-unknown-fields")
_SAME = (
    # What an absent field stands for, also in objects that are stored.
    "default",
    "type",
    "x-kubernetes-int-or-string",
    # How server-side apply merges, and whose a list's items are.
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
)
_UNJUDGED = ("pattern", "format", "multipleOf", "allOf", "anyOf", "oneOf", "not")
"""Whether one of these takes less than another is not for a program to say; without it everything is taken."""
_NAMES = ("kind", "listKind", "plural", "singular")


class Weight(Enum):
    """How sure it is."""

    BREAKS = "breaks"
    LOOK = "look at"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that changed.

    Attributes:
        where: the CRD, its version and the field.
        what: what is not as it was.
        weight: whether it breaks something, or somebody has to say so.
    """

    where: str
    what: str
    weight: Weight = Weight.BREAKS

    def __str__(self) -> str:
        return f"{self.weight.value}: {self.where}: {self.what}"


def crds(old: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """What changed for the worse from some CRDs to others.

    Args:
        old: all of the last release.
        new: all there are now; more than there were is fine.
    """
    present = {body["metadata"]["name"]: body["spec"] for body in new}
    found: list[Finding] = []
    for body in old:
        name = body["metadata"]["name"]
        found += _crd(name, body["spec"], present[name]) if name in present else [Finding(name, "the CRD is gone")]
    return found


def _crd(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Finding]:
    pairs = [(field, old[field], new[field]) for field in ("group", "scope")]
    pairs += [(field, old["names"].get(field), new["names"].get(field)) for field in _NAMES]
    yield from (Finding(name, f"{field} was {was}, is {now}") for field, was, now in pairs if was != now)
    for field in ("shortNames", "categories"):
        for word in _gone(old["names"].get(field, ()), new["names"].get(field, ())):
            yield Finding(name, f"{word} is gone from {field}")
    versions = {version["name"]: version for version in new["versions"]}
    for version in old["versions"]:
        yield from _version(f"{name} {version['name']}", version, versions.get(version["name"]))


def _version(where: str, old: Mapping[str, Any], new: Mapping[str, Any] | None) -> Iterator[Finding]:
    if new is None and old["storage"]:
        # Also one that is not served: the API server refuses a CRD without a version that objects are stored in.
        yield Finding(where, "objects are stored in this version, and it is gone")
    if not old["served"]:
        return
    if new is None or not new["served"]:
        yield Finding(where, "it is not served any more")
        return
    for name in _gone(old.get("subresources", {}), new.get("subresources", {})):
        yield Finding(where, f"the subresource {name} is gone")
    paths = [[each["jsonPath"] for each in version.get("selectableFields", ())] for version in (old, new)]
    for path in _gone(*paths):
        yield Finding(where, f"objects cannot be selected by {path} any more")
    yield from schema(old["schema"]["openAPIV3Schema"], new["schema"]["openAPIV3Schema"], f"{where} ")


def schema(old: Schema, new: Schema, where: str = "") -> Iterator[Finding]:
    """What changed for the worse from a structural schema to another.

    Args:
        old: what was.
        new: what is.
        where: what to put before a field's path.
    """
    yield from _bounds(old, new, where)
    yield from _words(old, new, where)
    yield from _rules(old, new, where)
    yield from _fields(old, new, where)
    if "items" in old and "items" in new:
        yield from schema(old["items"], new["items"], f"{where}[]")
    was, now = old.get("additionalProperties"), new.get("additionalProperties")
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        yield from schema(was, now, f"{where}.*")
    elif was and now is not True and was != now:
        yield Finding(where, "fewer additional properties are taken")


def _bounds(old: Schema, new: Schema, where: str) -> Iterator[Finding]:
    for words, sign in ((_AT_MOST, 1), (_AT_LEAST, -1)):
        for word in words:
            was, now = old.get(word), new.get(word)
            if now is not None and (was is None or sign * now < sign * was):
                yield Finding(where, f"{word} was {_shown(was)}, is {now}")


def _words(old: Schema, new: Schema, where: str) -> Iterator[Finding]:
    for word in _STRICTER:
        if new.get(word) and not old.get(word):
            yield Finding(where, f"{word} is new")
    for word in _LOOSER:
        if old.get(word) and not new.get(word):
            yield Finding(where, f"{word} is gone")
    for word in _SAME:
        was, now = old.get(word), new.get(word)
        if was != now:
            yield Finding(where, f"{word} was {_shown(was)}, is {_shown(now)}")
    if "enum" in new:
        if "enum" not in old:
            yield Finding(where, f"only these are taken now: {', '.join(map(str, new['enum']))}")
        for value in _gone(old.get("enum", ()), new["enum"]):
            yield Finding(where, f"the value {value} is not taken any more")


def _rules(old: Schema, new: Schema, where: str) -> Iterator[Finding]:
    for word in _UNJUDGED:
        was, now = old.get(word), new.get(word)
        if now is not None and was != now:
            yield Finding(where, f"{word} was {_shown(was)}, is {_shown(now)}", Weight.LOOK)
    told = [
        {(rule["rule"], rule.get("optionalOldSelf")) for rule in each.get("x-kubernetes-validations", ())}
        for each in (old, new)
    ]
    for text, _ in sorted(told[1] - told[0], key=str):
        yield Finding(where, f"the rule is new or another: {text}", Weight.LOOK)


def _fields(old: Schema, new: Schema, where: str) -> Iterator[Finding]:
    was, now = old.get("properties", {}), new.get("properties", {})
    for name in _gone(was, now):
        yield Finding(f"{where}.{name}", "the field is gone")
    for name in _gone(new.get("required", ()), old.get("required", ())):
        # With a default it is never absent: defaults are filled in first.
        if "default" not in now.get(name, {}):
            yield Finding(f"{where}.{name}", "the field is required now")
    for name, part in was.items():
        if name in now:
            yield from schema(part, now[name], f"{where}.{name}")


def _gone(old: Iterable[Any], new: Iterable[Any]) -> list[Any]:
    present = list(new)
    return [each for each in old if each not in present]


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)
