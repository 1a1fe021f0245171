"""Keeps the watching going: starts it, starts it again when it breaks, and makes up for what was missed.

The watching itself is given (``handlers.KopfWatch``): it runs in a thread and an event loop of its own, since kopf,
when it ends, cancels every task of the loop it runs in.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from infomaniak_operator.engine.timing import Timers, sleep

_log = logging.getLogger(__name__)


class Sink(Protocol):
    """Where a watch puts what it hears; every method may be called from any thread and returns at once."""

    def event(self, kind: str, change: str | None, body: Mapping[str, Any]) -> None:
        """An object: ``ADDED``, ``MODIFIED``, ``DELETED``, or None for one that was there when the watch began."""

    def started(self) -> None:
        """The watching has begun."""

    def beat(self) -> None:
        """The watching is alive."""


class Watch(Protocol):
    """Something that watches all kinds."""

    def run(self, sink: Sink, stop: threading.Event) -> None:
        """Watch until ``stop`` is set.

        Raises:
            Exception: the watching broke; it may be started again.
        """


class Supervisor:
    """Runs a watch over and over.

    Args:
        watch: the watching.
        sink: where its events go.
        timers: the clock.
        backoff_max: the longest pause between two starts, seconds.
        on_start: called in the loop each time the watching has been started.
    """

    def __init__(
        self, watch: Watch, sink: Sink, timers: Timers, backoff_max: float, on_start: Callable[[], None]
    ) -> None:
        self._watch = watch
        self._sink = sink
        self._timers = timers
        self._backoff_max = backoff_max
        self._on_start = on_start
        self.restarts = 0

    async def run(self) -> None:
        """Watch until cancelled; then wait for the watching to end."""
        failures = 0
        while True:
            began = self._timers.monotonic()
            self._on_start()
            error = await self._once()
            if self._timers.monotonic() - began > 2 * self._backoff_max:
                failures = 0
            failures += 1
            self.restarts += 1
            pause = min(self._backoff_max, 0.5 * 2.0 ** min(failures - 1, 16))
            _log.warning("the watching ended (%s); it starts again in %.1f s", error or "without an error", pause)
            await sleep(self._timers, pause)

    async def _once(self) -> str | None:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[str | None] = loop.create_future()
        stop = threading.Event()

        def tell(error: str | None) -> None:
            if not ended.done():
                ended.set_result(error)

        def run() -> None:
            error: str | None = None
            try:
                self._watch.run(self._sink, stop)
            except BaseException as problem:  # noqa: BLE001 - a cancellation, too: whatever it is, it starts again
                error = f"{type(problem).__name__}: {problem}"
            try:
                loop.call_soon_threadsafe(tell, error)
            except RuntimeError:  # the loop is closed: nobody listens any more
                _log.debug("the watching ended after its listener")

        thread = threading.Thread(target=run, name="watch", daemon=True)
        thread.start()
        try:
            return await asyncio.shield(ended)
        except asyncio.CancelledError:
            stop.set()
            raise
        finally:
            if stop.is_set():
                await asyncio.to_thread(thread.join, 10.0)
