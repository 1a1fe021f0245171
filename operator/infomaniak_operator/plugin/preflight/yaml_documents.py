"""Reads manifests that a stranger may have written, in YAML or JSON: bounded in memory, and linear in time.

Plain values, lists, mappings, and aliases as far as they stay small: what an alias stands for counts each time it is
used. No tags and no merge keys: nothing is constructed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

MAX_DOCUMENTS = 1000
"""Of one file."""
MAX_VALUES = 100_000
"""Of one file, with what aliases stand for."""
MAX_DEPTH = 64
_LONGEST_UNQUOTED = 64
"""No number, date or the like is longer; what is, is text."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)|[-+]?0x[0-9a-fA-F]+|[-+]?0o[0-7]+")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {
    **{spelled: True for word in ("true", "yes", "on") for spelled in (word, word.title(), word.upper())},
    **{spelled: False for word in ("false", "no", "off") for spelled in (word, word.title(), word.upper())},
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
}
"""What is no text without quotes, as kubectl reads it."""


class Unreadable(ValueError):  # noqa: N818 - it says what the text is
    """A text is no manifest, or more of one than is read. The message names the line."""


def documents(text: str) -> list[Any]:
    """The documents in a text, the empty ones left out.

    Raises:
        Unreadable: it is neither YAML nor JSON as it is read here.
    """
    if text.lstrip()[:1] in ("{", "["):
        try:
            found = list(_json(text))
        except (ValueError, RecursionError):
            pass  # YAML in flow style, perhaps; and if not, that says what is wrong
        else:
            _measure(found)
            return _some(found)
    composer = _Composer()
    try:
        with closing(_events(text)) as events:
            for event in events:
                composer.take(event)
    except Unreadable:
        raise
    except yaml.MarkedYAMLError as error:
        _refuse(error.problem_mark or error.context_mark, str(error.problem or error.context or "it is no YAML"))
    except Exception as error:  # noqa: BLE001 - whatever a parser may raise over the text of a stranger
        raise Unreadable(f"it is no YAML ({type(error).__name__})") from None
    return _some(composer.documents)


def _events(text: str) -> Generator[yaml.Event]:
    yield from yaml.parse(text, Loader=_LOADER)


def _some(found: Iterable[Any]) -> list[Any]:
    return [each for each in found if each is not None]


def _json(text: str) -> Generator[Any]:
    """One JSON text after another, as kubectl takes them."""
    decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_number)
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found, at = decoder.raw_decode(text, at)
        yield found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _measure(found: list[Any]) -> None:
    """Raises: Unreadable: it is too large, or nested too deep."""
    if len(found) > MAX_DOCUMENTS:
        raise Unreadable(f"it has more than {MAX_DOCUMENTS} documents")
    pending, count = [(each, 1) for each in found], 0
    while pending:
        value, depth = pending.pop()
        count += 1
        if count > MAX_VALUES:
            raise Unreadable(f"it has more than {MAX_VALUES} values")
        if depth > MAX_DEPTH:
            raise Unreadable(f"it is nested more than {MAX_DEPTH} deep")
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        pending += [(each, depth + 1) for each in inner]


@dataclass(slots=True)
class _Open:
    """A list or a mapping that is not at its end yet.

    Attributes:
        value: what is in it so far.
        anchor: its name, for aliases.
        key: of a mapping, the key whose value comes next.
        has_key: whether there is one.
        began: how many values there were before it.
        deepest: how deep the values in it go.
    """

    value: list[Any] | dict[str, Any]
    anchor: str | None = None
    key: str = ""
    has_key: bool = False
    began: int = 0
    deepest: int = 1


@dataclass(slots=True)
class _Composer:
    """Puts together what the parser tells of, without recursion."""

    documents: list[Any] = field(default_factory=list)
    _open: list[_Open] = field(default_factory=list)
    _anchors: dict[str, tuple[Any, int, int]] = field(default_factory=dict)
    _count: int = 0

    def take(self, event: yaml.Event) -> None:
        """Take in the next event.

        Raises:
            Unreadable: it is one that is not read.
        """
        if isinstance(event, yaml.DocumentStartEvent):
            if len(self.documents) >= MAX_DOCUMENTS:
                _refuse(event.start_mark, f"it has more than {MAX_DOCUMENTS} documents")
            self._anchors.clear()
            self._open = [_Open([])]
        elif isinstance(event, yaml.DocumentEndEvent):
            self.documents += self._open.pop().value
        elif isinstance(event, yaml.CollectionEndEvent):
            done = self._open.pop()
            above = self._open[-1]
            above.deepest = max(above.deepest, done.deepest + 1)
            if done.anchor:
                self._anchors[done.anchor] = (done.value, self._count - done.began, done.deepest)
        elif isinstance(event, yaml.NodeEvent):
            self._node(event)

    def _node(self, event: yaml.NodeEvent) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._alias(event)
            return
        tag = event.tag if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) else None
        if tag is not None:
            _refuse(event.start_mark, f"the tag {tag[:60]!r} is not read here: write a plain value")
        self._add(1, 0, event)
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event)
            if event.anchor:
                self._anchors[event.anchor] = (value, 1, 0)
            self._put(value, event)
            return
        inner = _Open({} if isinstance(event, yaml.MappingStartEvent) else [], event.anchor, began=self._count - 1)
        self._put(inner.value, event)
        self._open.append(inner)

    def _alias(self, event: yaml.AliasEvent) -> None:
        if event.anchor not in self._anchors:
            _refuse(event.start_mark, "an alias stands for nothing that is complete before it")
        value, count, depth = self._anchors[event.anchor]
        self._add(count, depth, event)
        self._open[-1].deepest = max(self._open[-1].deepest, depth + 1)
        self._put(value, event)

    def _add(self, count: int, depth: int, event: yaml.NodeEvent) -> None:
        self._count += count
        if self._count > MAX_VALUES:
            _refuse(event.start_mark, f"it has more than {MAX_VALUES} values, aliases written out")
        if len(self._open) + depth > MAX_DEPTH:
            _refuse(event.start_mark, f"it is nested more than {MAX_DEPTH} deep")

    def _put(self, value: object, event: yaml.NodeEvent) -> None:
        where = self._open[-1]
        if isinstance(where.value, list):
            where.value.append(value)
        elif where.has_key:
            where.value[where.key] = value
            where.has_key = False
        elif isinstance(value, list | dict):
            _refuse(event.start_mark, "a key in it is no text")
        else:
            self._key(where, value, event)

    @staticmethod
    def _key(where: _Open, value: object, event: yaml.NodeEvent) -> None:
        name = event.value if isinstance(event, yaml.ScalarEvent) else str(value)
        if name == "<<" and isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
            _refuse(event.start_mark, "a merge key (<<) is not read here: write out what it stands for")
        if name in where.value:
            _refuse(event.start_mark, f"the key {name[:60]!r} is there twice")
        where.key, where.has_key = name, True


def _scalar(event: yaml.ScalarEvent) -> str | int | float | bool | None:
    text = event.value
    if not event.implicit[0] or len(text) > _LONGEST_UNQUOTED:
        return str(text)
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else str(text)


def _refuse(mark: object, why: str) -> NoReturn:
    line = getattr(mark, "line", None)
    where = "" if line is None else f"line {line + 1}: "
    raise Unreadable(f"{where}{why}")
