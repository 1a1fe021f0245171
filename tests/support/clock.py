"""Time that goes only where a test moves it."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class ManualTimer:
    """A call planned for later."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class ManualClock:
    """``timers.Timers`` for tests; ``advance`` belongs to the event loop's thread.

    Args:
        monotonic: where it begins.
        now: where the seconds since the epoch begin.
        tick: how far each look moves it: what begins later is later, then.
    """

    def __init__(self, monotonic: float = 1000.0, now: float = 1_800_000_000.0, tick: float = 0.0) -> None:
        self._monotonic = monotonic
        self._epoch = now - monotonic
        self._tick = tick
        self._order = itertools.count()
        self._timers: list[tuple[float, int, ManualTimer]] = []

    def monotonic(self) -> float:
        self._monotonic += self._tick
        return self._monotonic

    def now(self) -> float:
        return self._epoch + self.monotonic()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> ManualTimer:
        timer = ManualTimer(callback)
        heapq.heappush(self._timers, (self._monotonic + max(0.0, seconds), next(self._order), timer))
        return timer

    def jump(self, seconds: float) -> None:
        """Have somebody set the wall clock: what it says moves, and no time passes."""
        self._epoch += seconds

    @property
    def planned(self) -> list[float]:
        """Seconds until each call that is planned, the next one first."""
        return sorted(due - self._monotonic for due, _, timer in self._timers if timer.callback)

    def advance(self, seconds: float) -> None:
        """Let time pass, with all that falls due in it."""
        end = self._monotonic + seconds
        while self._timers and self._timers[0][0] <= end:
            due, _, timer = heapq.heappop(self._timers)
            self._monotonic = max(self._monotonic, due)  # a callback may have taken time itself
            callback, timer.callback = timer.callback, None
            if callback:
                callback()
        self._monotonic = max(self._monotonic, end)
