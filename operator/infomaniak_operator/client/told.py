"""A text of which some is ours, word for word, and the rest is what others say. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from string import Formatter
from typing import Self


class Told(str):
    """A text that knows which places of it are our own fixed words.

    Whatever is done to it (a slice, a format) gives a plain text, all of which counts as that of others.

    Attributes:
        ours: where our own words are: begin and end of each place, in order, apart from each other.
    """

    __slots__ = ("ours",)
    ours: tuple[tuple[int, int], ...]

    def __new__(cls, text: str, ours: Iterable[tuple[int, int]] = ()) -> Self:
        """A text, and the places in it that are ours."""
        found = super().__new__(cls, text)
        found.ours = tuple((begin, end) for begin, end in ours if begin < end)
        return found

    def within(self, begin: int, end: int) -> bool:
        """Whether all of a place is in one of ours."""
        return any(first <= begin and end <= last for first, last in self.ours)

    def cut(self, length: int) -> Told:
        """Its first so many characters."""
        return Told(str(self)[:length], ((begin, min(end, length)) for begin, end in self.ours))

    def with_hidden(self, begin: int, end: int, mark: str) -> Told:
        """With a mark in place of what is there."""
        moved = len(mark) - (end - begin)
        ours = []
        for first, last in self.ours:
            ours += [(first, min(last, begin)), (max(first, end) + moved, last + moved)]
        text = str(self)
        return Told(f"{text[:begin]}{mark}{text[end:]}", ((a, b) for a, b in ours if a < b))


def own(text: str) -> Told:
    """A text that is all ours: a constant of this program, never what was read anywhere."""
    return Told(text, [(0, len(text))])


def told(template: str, /, **values: object) -> Told:
    """A sentence of ours with what others say in it.

    Args:
        template: our words, with ``{name}`` for each value.
        values: what is put in: the words of others, but for what is ours in a ``Told``.
    """
    text, ours = "", list[tuple[int, int]]()
    for literal, name, _, _ in Formatter().parse(template):
        ours.append((len(text), len(text) + len(literal)))
        text += literal
        if name is not None:
            value = values[name]
            inner = value.ours if isinstance(value, Told) else ()
            ours += [(begin + len(text), end + len(text)) for begin, end in inner]
            text += str(value)
    return Told(text, ours)
