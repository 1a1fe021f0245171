"""What a picture is made of, and how wide a text is. All places and sizes are whole pixels. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace

from infomaniak_operator.plugin.graph.topology import Health

ELLIPSIS = "…"
_WIDTHS = {
    0.34: " .,ijlI'|/\\J·",
    0.42: ":;!()[]-",
    0.5: 'frt`*_"',
    0.6: "cksvxyz?",
    0.65: "abdeghnopquL0123456789$EFTS{}",
    0.72: "ABCKPRVXYZ",
    0.86: "DGHNOQUw+=<>~#&^→",
    1.02: "mMW%@…",
}
"""How wide a character is at the most, in parts of the size: as in DejaVu Sans, the widest that a browser takes."""
_WIDTH_OF = {each: width for width, those in _WIDTHS.items() for each in those}
_BOLD = 1.12
_UNKNOWN = 1.1
_MOST_CHARACTERS = 200
"""Of a text no more is looked at; the whole of it is in its title."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle.

    Attributes:
        x: of its left edge.
        y: of its upper edge.
        width: its width.
        height: its height.
        style: what it stands for: a class of the style sheet.
        radius: of its corners.
        title: what is said of it in full.
    """

    x: int
    y: int
    width: int
    height: int
    style: str
    radius: int = 8
    title: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text.

    Attributes:
        x: of its left end; with ``right`` of its right end.
        y: of its base line.
        shown: what is written.
        style: a class of the style sheet.
        size: of the letters.
        limit: so wide it may be.
        whole: the whole text, where it is shortened.
        right: whether it ends at ``x``.
    """

    x: int
    y: int
    shown: str
    style: str
    size: int
    limit: int
    whole: str = ""
    right: bool = False

    @property
    def needs_clip(self) -> bool:
        """Whether it has characters whose width is not known here."""
        return any(each not in _WIDTH_OF for each in self.shown)


@dataclass(frozen=True, slots=True)
class Sign:
    """How something stands, by shape and by colour."""

    x: int
    y: int
    health: Health
    size: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line from point to point.

    Attributes:
        points: its corners.
        curved: whether it swings from the first point to the last.
        arrow: whether it has a point at its end.
    """

    points: tuple[tuple[int, int], ...]
    curved: bool = False
    arrow: bool = False


Item = Box | Text | Sign | Line


@dataclass(frozen=True, slots=True)
class Drawing:
    """A part of the picture, from its own upper left corner.

    Attributes:
        width: its width.
        height: its height.
        items: what is drawn, the lowest first.
        anchor: where a line from above ends, from the left.
    """

    width: int
    height: int
    items: tuple[Item, ...] = ()
    anchor: int = 0

    def at(self, x: int, y: int) -> tuple[Item, ...]:
        """What is drawn, moved there."""
        return tuple(_moved(each, x, y) for each in self.items)


def _moved(item: Item, x: int, y: int) -> Item:
    if isinstance(item, Line):
        return replace(item, points=tuple((px + x, py + y) for px, py in item.points))
    return replace(item, x=item.x + x, y=item.y + y)


def plain(value: str) -> str:
    """Text of others as one line in which nothing turns the direction or has no place."""
    return "".join(each if each.isprintable() else " " for each in value).strip()


def width_of(text: str, size: int, *, bold: bool = False) -> int:
    """How wide a text is at the most, in pixels."""
    total = sum(_width(each) for each in text)
    return int(total * size * (_BOLD if bold else 1.0)) + 1


def _width(character: str) -> float:
    known = _WIDTH_OF.get(character)
    if known is not None:
        return known
    return 0.0 if unicodedata.combining(character) else _UNKNOWN


def fitted(text: str, size: int, limit: int, *, bold: bool = False) -> str:
    """As much of a text as has room, with an ellipsis where something is left out; empty where nothing has room."""
    if len(text) <= _MOST_CHARACTERS and width_of(text, size, bold=bold) <= limit:
        return text
    room = (limit - 1) / (size * (_BOLD if bold else 1.0)) - _width(ELLIPSIS)
    kept = 0
    for each in text[:_MOST_CHARACTERS]:
        room -= _width(each)
        if room < 0:
            break
        kept += 1
    return text[:kept].rstrip(" ·") + ELLIPSIS if kept else ""


def written(
    value: str, x: int, y: int, limit: int, *, style: str = "", size: int = 11, bold: bool = False, right: bool = False
) -> Text:
    """A text in the room that there is, shortened if need be."""
    whole = plain(value)
    shown = fitted(whole, size, limit, bold=bold)
    return Text(x, y, shown, style, size, limit, "" if shown == whole else whole, right)


def shelves(widths: Iterable[int], most: int, gap: int) -> list[list[int]]:
    """Which of some things stand side by side: their places in the order given, shelf by shelf."""
    found: list[list[int]] = []
    room = 0
    for place, width in enumerate(widths):
        if found and width + gap <= room:
            found[-1].append(place)
            room -= width + gap
        else:
            found.append([place])
            room = most - width
    return found
