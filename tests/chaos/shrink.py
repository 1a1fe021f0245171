"""Makes a list that fails shorter: delta debugging (ddmin), with the failing itself as the only judge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def shrink(items: Sequence[T], fails: Callable[[list[T]], bool], tries: int = 100) -> list[T]:
    """A shorter list that still fails, in the same order; none of its parts can be left out, if there were tries enough.

    Args:
        items: a list that fails.
        fails: whether a list does.
        tries: how often it may be asked.
    """
    kept, parts = list(items), 2
    while len(kept) >= 1 and tries > 0:
        size = max(1, -(-len(kept) // parts))
        for begin in range(0, len(kept), size):
            shorter = kept[:begin] + kept[begin + size :]
            if tries <= 0:
                return kept
            tries -= 1
            if fails(shorter):
                kept, parts = shorter, max(parts - 1, 2)
                break
        else:
            if size == 1:
                return kept
            parts = min(len(kept), parts * 2)
    return kept
