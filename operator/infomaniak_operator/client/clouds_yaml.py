"""Reads a ``clouds.yaml`` that a stranger may have written: a closed reader, linear in time, bounded in memory.

It takes mappings, lists and plain values, and nothing else of YAML: no aliases (564 bytes of them can stand for
gigabytes), no anchors, no tags, no second document. Nothing is constructed: a date that is none stays the text it is.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any

import yaml

from infomaniak_operator.client.errors import InvalidCredentialsError

CLOUDS_YAML = "clouds.yaml"
MAX_BYTES = 65_536
"""So much may be in one credential, all keys together."""
_MAX_DEPTH = 16
_MAX_NODES = 4096
_MAX_UNQUOTED = 64
"""No number, date or the like is longer; what is, is text."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_TRUE = frozenset({"true", "yes", "on"})
_FALSE = frozenset({"false", "no", "off"})


class Unquoted(str):
    """What YAML takes for something else than text, as it is written; true and false in one spelling."""

    __slots__ = ()


Value = str | None | list["Value"] | dict[str, "Value"]
"""What there is in a file: a text, nothing, a list or a mapping."""


def read(text: str) -> Value:
    """The content of a ``clouds.yaml``; None where it is empty.

    Raises:
        InvalidCredentialsError: it is no YAML, or of a kind that is not read here; the message names the line.
    """
    composer = _Composer()
    try:
        with closing(_events(text)) as events:
            for event in events:
                composer.take(event)
    except InvalidCredentialsError:
        raise
    except yaml.MarkedYAMLError as error:
        raise _refused(error.problem_mark or error.context_mark) from None
    except Exception:  # noqa: BLE001 - whatever a parser may raise over the text of a stranger
        raise _refused(None) from None
    return composer.result


def _events(text: str) -> Generator[yaml.Event]:
    yield from yaml.parse(text, Loader=_LOADER)


class _Composer:
    """Puts together what the parser tells of, without recursion."""

    def __init__(self) -> None:
        self._open: list[list[Value] | dict[str, Value]] = [[]]
        self._keys: list[str | None] = [None]
        self._nodes = 0
        self._documents = 0

    @property
    def result(self) -> Value:
        """The one document there was."""
        return next(iter(self._open[0]), None)

    def take(self, event: yaml.Event) -> None:
        """Take in the next event.

        Raises:
            InvalidCredentialsError: it is one that is not read.
        """
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _refused(event.start_mark, "it has more than one document")
        elif isinstance(event, yaml.NodeEvent):
            self._node(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
            self._keys.pop()

    def _node(self, event: yaml.NodeEvent) -> None:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _refused(event.start_mark, "it has an anchor or an alias: write out what that stands for")
        tag = event.tag if isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)) else None
        if tag is not None:
            raise _refused(event.start_mark, "it has a tag: write a plain value")
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise _refused(event.start_mark, f"it has more than {_MAX_NODES} values")
        if isinstance(event, yaml.ScalarEvent):
            self._put(_scalar(event), event)
            return
        inner: list[Value] | dict[str, Value] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._put(inner, event)
        self._open.append(inner)
        self._keys.append(None)
        if len(self._open) > _MAX_DEPTH:
            raise _refused(event.start_mark, f"it is nested more than {_MAX_DEPTH} deep")

    def _put(self, value: Value, event: yaml.NodeEvent) -> None:
        where, key = self._open[-1], self._keys[-1]
        if isinstance(where, list):
            where.append(value)
        elif key is not None:
            where[key] = value
            self._keys[-1] = None
        elif isinstance(value, str):
            self._keys[-1] = value
        else:
            raise _refused(event.start_mark, "a key in it is no text")


def _scalar(event: yaml.ScalarEvent) -> str | None:
    text = event.value
    if not event.implicit[0] or len(text) > _MAX_UNQUOTED:
        return text
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers
    for tag, pattern in (*resolvers.get(text[:1], ()), *resolvers.get(None, ())):
        if pattern.match(text):
            if tag == f"{_TAG}null":
                return None
            if tag == f"{_TAG}bool":
                lowered = text.lower()
                return Unquoted("true" if lowered in _TRUE else "false" if lowered in _FALSE else text)
            return Unquoted(text)
    return text


def _refused(mark: Any, why: str = "") -> InvalidCredentialsError:
    where = f" (line {mark.line + 1})" if mark else ""
    return InvalidCredentialsError(
        f"the key {CLOUDS_YAML!r} is no YAML{where}{' as it is read here: ' if why else ''}{why}"
    )
