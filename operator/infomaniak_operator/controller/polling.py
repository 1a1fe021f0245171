"""Looks, in rounds, for what has changed outside Kubernetes: objects that show it need not wait for their resync."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from infomaniak_operator.controller.interfaces import CacheReader, Key, Polled, Poller, PollTarget
from infomaniak_operator.controller.timers import Timers, sleep

OnPoll = Callable[[str], None]
"""Told of every look: ``unchanged``, ``changed`` or ``failed``."""

THREADS: Final = 4
"""So many places are looked at at once, and of one cloud one fewer."""
JITTER = 0.1
"""The part of the interval by which a round comes earlier, at random."""
_SHARE = 2.0
"""A place rests for so many times what its look took: one that answers slowly has a third of a thread at most."""
LONGEST_REST = 600.0
"""Seconds that a place which cannot be looked at rests, at the most."""

_log = logging.getLogger(__name__)


MIN_POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Rounds:
    """That a poller's places are looked at, and how often.

    Attributes:
        poller: knows the places.
        seconds: from one round to the next; 0: never, else at least 1.
        on_poll: told of every look, in the loop's thread.
    """

    poller: Poller
    seconds: float
    on_poll: OnPoll | None = None

    def __post_init__(self) -> None:
        if self.seconds and self.seconds < MIN_POLL_SECONDS:
            raise ValueError(f"seconds: 0, or at least {MIN_POLL_SECONDS:g}")


@dataclass(slots=True)
class _Rest:
    """Of a place: its failures in a row, when its last look began, and until when it is left alone (monotonic)."""

    failures: int = 0
    began: float = float("-inf")
    until: float = float("-inf")


class Polling:
    """Has a poller's places looked at, each once a round, and the objects reconciled that show something else.

    Args:
        rounds: the poller, and how often.
        view: the cache.
        found: has objects reconciled; called in the loop.
        timers: the clock.
        rng: for jitter.
    """

    def __init__(
        self,
        rounds: Rounds,
        view: CacheReader,
        found: Callable[[Iterable[Key]], None],
        timers: Timers,
        rng: random.Random,
    ) -> None:
        self._poller = rounds.poller
        self._view = view
        self._found = found
        self._timers = timers
        self._rng = rng
        self._seconds = rounds.seconds
        self._on_poll = rounds.on_poll
        self._waiting: dict[Hashable, PollTarget] = {}
        self._clouds: dict[Hashable, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._rests: dict[Hashable, _Rest] = {}
        self.defects = 0

    async def run(self) -> None:
        """Look, round after round, until it is cancelled. What is under way then is not heard any more."""
        # Its own: nobody waits at the end for one that waits for a cloud. One more, to know the places.
        threads = ThreadPoolExecutor(THREADS + 1, thread_name_prefix="poll")
        # The first at a random time: so that a restart's looks do not all come at once.
        pause = self._seconds * self._rng.uniform(0.1, 1.0)
        try:
            while True:
                await sleep(self._timers, pause)
                await self._round(threads)
                pause = self._seconds * (1.0 - JITTER * self._rng.random())
        finally:
            for task in self._tasks:
                task.cancel()
            threads.shutdown(wait=False, cancel_futures=True)

    async def _round(self, threads: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        try:
            targets = await loop.run_in_executor(threads, self._poller.targets, self._view)
        except Exception:  # noqa: BLE001 - the next round may do better, and nobody else would notice
            self.defects += 1
            _log.exception("what is to be polled cannot be told")
            return
        self._plan(targets)
        self._start(threads)

    def _plan(self, targets: Sequence[PollTarget]) -> None:
        """Have those wait for a thread that are neither being looked at nor left alone.

        Those that have not been looked at for longest come first: a round may end before all have had their turn.
        """
        now = self._timers.monotonic()
        there = {each.identity: each for each in targets}
        self._rests = {place: rest for place, rest in self._rests.items() if place in there or place in self._clouds}
        never = _Rest()
        due = [place for place in there if place not in self._clouds and self._rests.get(place, never).until <= now]
        due.sort(key=lambda place: self._rests.get(place, never).began)
        self._waiting = {place: there[place] for place in due}

    def _start(self, threads: ThreadPoolExecutor) -> None:
        for place, target in list(self._waiting.items()):
            busy = list(self._clouds.values())
            if len(busy) >= THREADS:
                return
            if busy.count(target.cloud) >= THREADS - 1:
                continue
            del self._waiting[place]
            self._clouds[place] = target.cloud
            self._rests.setdefault(place, _Rest()).began = self._timers.monotonic()
            task = asyncio.create_task(self._look(threads, target), name="poll")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _look(self, threads: ThreadPoolExecutor, target: PollTarget) -> None:
        try:
            polled = await asyncio.get_running_loop().run_in_executor(threads, target.poll)
        except Exception as error:  # noqa: BLE001 - one place must not keep the others from being looked at
            self.defects += 1
            _log.exception("%s could not be polled", target.name)
            polled = Polled(trouble=type(error).__name__)
        finally:
            del self._clouds[target.identity]
        self._settle(target, polled)
        self._start(threads)

    def _settle(self, target: PollTarget, polled: Polled) -> None:
        rest, now = self._rests[target.identity], self._timers.monotonic()
        pause = _SHARE * (now - rest.began)
        if polled.trouble:
            rest.failures += 1
            pause = max(pause, self._seconds * 2.0 ** min(rest.failures, 16))
            # The objects' own reconciles say it, too; here it is said when it begins.
            level = logging.WARNING if rest.failures == 1 else logging.DEBUG
            _log.log(level, "%s: what has changed there cannot be seen: %s", target.name, polled.trouble)
        else:
            rest.failures = 0
        rest.until = now + min(pause, LONGEST_REST)
        if self._on_poll:
            self._on_poll("failed" if polled.trouble else "changed" if polled.keys else "unchanged")
        if polled.keys:
            self._found(polled.keys)
