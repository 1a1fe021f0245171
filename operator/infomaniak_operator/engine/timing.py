"""Time as the engine takes it: the clock of the contract, and timers that go by it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from infomaniak_operator.engine.contract import Clock


class Timer(Protocol):
    """A call planned for later."""

    def cancel(self) -> None:
        """Take it back; harmless once it has run."""


class Timers(Clock, Protocol):
    """A clock that can also call back later, in the event loop's thread."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` after that many seconds."""


class SystemClock:
    """The machine's own time."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` in the running event loop after that many seconds."""
        return asyncio.get_running_loop().call_later(seconds, callback)


async def sleep(timers: Timers, seconds: float) -> None:
    """Wait that many seconds by ``timers``; can be cancelled."""
    done = asyncio.Event()
    timer = timers.call_later(max(0.0, seconds), done.set)
    try:
        await done.wait()
    finally:
        timer.cancel()
