"""How long a call may take and how much may come of it: what a service sends can make nothing hang or grow."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import requests

ANSWER_BYTES = 16 * 2**20
"""The longest answer, as it is sent and unpacked: a page of some ten thousand rows."""
LOGIN_BYTES = 2**20
"""The longest answer of Keystone: a token with its catalogue has some ten thousand."""
ERROR_BYTES = 64 * 2**10
"""So much is read of the body of an error."""
HEAD_BYTES = 256 * 2**10
"""The longest head of an answer: status line and headers, those of interim answers (100) included."""
MOST_VALUES = 2_000_000
"""Values in an answer: an empty object is three bytes of JSON and sixty of memory."""
LIST_BYTES = 64 * 2**20
"""All pages of a list together."""
LIST_CALLS = 5
"""All pages of a list may take as long as so many calls."""
MOST_ROWS = 200_000
"""Rows of a list."""


class OverdueError(TimeoutError):
    """The time for a call is over, whatever the service is still sending."""


class TooMuchError(requests.RequestException):
    """A service sends more than any answer of it has."""


@dataclass(slots=True)
class _Allowance:
    ends: float
    seconds: float
    bytes: float
    outer: _Allowance | None


class CloudLimits:
    """What the calls of one session may take. Each thread has its own calls.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._calls = threading.local()

    @contextmanager
    def within(self, seconds: float = math.inf, most_bytes: float = math.inf) -> Iterator[None]:
        """Let what this thread does in the block take so much; within another such block, no more than that leaves."""
        outer = self._current
        ends = self._clock() + seconds
        if outer is not None and outer.ends <= ends:
            ends, seconds = outer.ends, outer.seconds
        self._calls.current = _Allowance(ends, seconds, most_bytes, outer)
        try:
            yield
        finally:
            self._calls.current = outer

    def remaining(self) -> float:
        """Seconds that are left; not above 0 if none are, and infinity outside of any block."""
        current = self._current
        return math.inf if current is None else current.ends - self._clock()

    def timeout(self, longest: float | None) -> float | None:
        """The timeout for one step on a socket: ``longest``, or what is left if that is less.

        Raises:
            OverdueError: nothing is left.
        """
        left = self.remaining()
        if left <= 0:
            current = self._current
            raise OverdueError(f"not over in {current.seconds if current else 0:g} s")
        shortest = left if longest is None else min(longest, left)
        return None if math.isinf(shortest) else shortest

    def received(self, count: int) -> None:
        """Bytes have come.

        Raises:
            TooMuchError: more than may come.
        """
        current = self._current
        while current is not None:
            current.bytes -= count
            if current.bytes < 0:
                raise TooMuchError("the answer is too long")
            current = current.outer

    @property
    def _current(self) -> _Allowance | None:
        current: _Allowance | None = getattr(self._calls, "current", None)
        return current
