"""Whether an answer of a service is what a TypedDict says of it: its keys, and the types of its values."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

_HINTS: dict[type, dict[str, Any]] = {}


def misfits(value: Any, hint: Any, place: str = "") -> Iterator[str]:
    """What does not fit, for people.

    Args:
        value: decoded JSON.
        hint: a TypedDict, or the type of a field of one.
        place: where it is.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if typing.is_typeddict(hint):
        yield from _of_dict(value, hint, place)
    elif origin in (typing.Union, types.UnionType):
        found = [list(misfits(value, each, place)) for each in arguments]
        if all(found):
            yield min(found, key=len)[0]
    elif origin in (typing.Required, typing.NotRequired):
        yield from misfits(value, arguments[0], place)
    elif origin is list:
        yield from _list(value, arguments[0], place)
    elif origin is dict:
        yield from _map(value, arguments[1], place)
    elif hint is object:
        return
    elif not isinstance(value, (int, float) if hint is float else hint) or (hint is int and isinstance(value, bool)):
        yield f"{place}: {value!r} is no {hint.__name__}"


def _of_dict(value: Any, hint: Any, place: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{place}: {value!r} is no object"
        return
    fields = _HINTS.setdefault(hint, typing.get_type_hints(hint))
    for name, each in value.items():
        if name in fields:
            yield from misfits(each, fields[name], f"{place}.{name}")
        else:
            yield f"{place}.{name}: {hint.__name__} does not know it"


def _list(value: Any, hint: Any, place: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{place}: {value!r} is no list"
        return
    for number, each in enumerate(value):
        yield from misfits(each, hint, f"{place}[{number}]")


def _map(value: Any, hint: Any, place: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{place}: {value!r} is no object"
        return
    for name, each in value.items():
        yield from misfits(each, hint, f"{place}.{name}")
