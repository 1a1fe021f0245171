"""Time and threads as the controller takes them: a ``Clock``, timers that go by it, work in the background."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Protocol

from infomaniak_operator.controller.interfaces import Clock


class Timer(Protocol):
    """A call planned for later."""

    def cancel(self) -> None:
        """Take it back; harmless once it has run."""


class Timers(Clock, Protocol):
    """A clock that can also call back later, in the event loop's thread."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback`` after that many seconds."""


class Background(Protocol):
    """Work that goes on beside the event loop."""

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, for at most so many seconds."""


StartThread = Callable[[str, Callable[[], None]], Background]
"""Starts work in the background: its name, and what to run until that returns."""


def start_thread(name: str, run: Callable[[], None]) -> Background:
    """Run it in a thread that does not keep the process from ending."""
    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread


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
