"""Keeps the watching going: starts it, starts it again when it breaks, and makes up for what was missed.

The watching itself is given (``handlers.KopfWatch``): it runs in a thread and an event loop of its own, since kopf,
when it ends, cancels every task of the loop it runs in.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from infomaniak_operator.controller.timers import StartThread, Timers, sleep, start_thread

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.05
"""Between two looks at whether watches that run together are to end."""


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


class Together:
    """Several watches as one: it has started, and is alive, once all of them are, and it ends with the first of them.

    Args:
        watches: each watches its own kinds.
    """

    def __init__(self, watches: Sequence[Watch]) -> None:
        self._watches = tuple(watches)

    def run(self, sink: Sink, stop: threading.Event) -> None:
        """Watch until ``stop`` is set, each in a thread of its own.

        Raises:
            Exception: what the first of them that ended by itself raised.
        """
        ended = threading.Event()
        problems: list[BaseException] = []
        started, alive = _All(len(self._watches), sink.started), _All(len(self._watches), sink.beat)

        def watch(number: int, each: Watch) -> None:
            try:
                each.run(_Part(sink, number, started, alive), ended)
                if not ended.is_set():
                    problems.append(RuntimeError("a watch ended by itself"))
            except BaseException as problem:  # noqa: BLE001 - whatever it is, the others end with it
                problems.append(problem)
            finally:
                ended.set()

        threads = [
            threading.Thread(target=watch, args=(number, each), name=f"watch {number}", daemon=True)
            for number, each in enumerate(self._watches)
        ]
        for thread in threads:
            thread.start()
        while not ended.wait(_LOOK_SECONDS):
            if stop.is_set():
                ended.set()
        for thread in threads:
            thread.join()
        if problems:
            raise problems[0]


class _All:
    """Calls something each time that all of several parts have reported since the last time."""

    def __init__(self, parts: int, what: Callable[[], None]) -> None:
        self._parts = parts
        self._what = what
        self._lock = threading.Lock()
        self._reported: set[int] = set()

    def report(self, part: int) -> None:
        """One part."""
        with self._lock:
            self._reported.add(part)
            if len(self._reported) < self._parts:
                return
            self._reported.clear()
        self._what()


class _Part:
    """The ``Sink`` of one of several watches."""

    def __init__(self, sink: Sink, number: int, started: _All, alive: _All) -> None:
        self.event = sink.event
        self._number = number
        self._started = started
        self._alive = alive

    def started(self) -> None:
        """This one has begun."""
        self._started.report(self._number)

    def beat(self) -> None:
        """This one is alive."""
        self._alive.report(self._number)


class Watcher:
    """Runs a watch over and over.

    Args:
        watch: the watching.
        sink: where its events go.
        timers: the clock.
        backoff_max: the longest pause between two starts, seconds.
        on_start: called in the loop each time the watching has been started.
        start_thread: how its thread is started.
    """

    def __init__(  # noqa: PLR0917 - what it is made of, in the order of its docstring
        self,
        watch: Watch,
        sink: Sink,
        timers: Timers,
        backoff_max: float,
        on_start: Callable[[], None],
        start_thread: StartThread = start_thread,
    ) -> None:
        self._watch = watch
        self._sink = sink
        self._timers = timers
        self._backoff_max = backoff_max
        self._on_start = on_start
        self._start_thread = start_thread
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

        thread = self._start_thread("watch", run)
        try:
            return await asyncio.shield(ended)
        except asyncio.CancelledError:
            stop.set()
            raise
        finally:
            if stop.is_set():
                await asyncio.to_thread(thread.join, 10.0)
