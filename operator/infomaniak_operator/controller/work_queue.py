"""The work queue: which object is to be reconciled, and when.

Like controller-runtime's: a key is handed out to one worker at a time; what is added meanwhile is handed out again once
it is done; a change cuts a delay short; failures delay a key longer and longer, with jitter. Beside it, the namespaces
take turns, and no namespace, cloud or load balancer has all workers: see ``fairness``. All methods belong to the event
loop's thread, but for those that only count.

The queue is bounded by the number of objects: a key is in it once.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum

from infomaniak_operator.controller.fairness import Busy, FairQueue, Lane, QueueLimits, lane_of
from infomaniak_operator.controller.interfaces import NO_SHARES, Key, Shares
from infomaniak_operator.controller.timers import Timer, Timers

_RESYNC_SHARE = 8
"""Of so many keys handed out one is a resync's, if there is one: a flood of changes does not stop the resyncs."""

_SLACK = 1000
"""So many entries of delays that are over may be kept, beside as many as there are delays."""


class Priority(IntEnum):
    """Changes come first, the keys of a resync after them."""

    CHANGE = 0
    RESYNC = 1


@dataclass(frozen=True, slots=True)
class Item:
    """A key handed out.

    Attributes:
        key: the object.
        since: monotonic seconds of the latest cause for this reconcile: an observation must not be older.
        queued: monotonic seconds since when it was ready to be handed out.
        priority: what it was queued as.
        deep: whether there is a cause beside a change of what the object refers to.
    """

    key: Key
    since: float
    queued: float
    priority: Priority
    deep: bool = True


@dataclass(slots=True)
class QueueStats:
    """Counters since the start, for metrics.

    Attributes:
        adds: keys that became ready or dirty.
        retries: rate-limited adds.
        handed_out: keys given to workers.
        waited_seconds: the sum of the times between ready and handed out.
    """

    adds: int = 0
    retries: int = 0
    handed_out: int = 0
    waited_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class BackOffPolicy:
    """The delay after the n-th failure in a row: ``base * 2^(n-1)`` up to ``longest``, less a random part."""

    base: float
    longest: float
    jitter: float

    def delay(self, failures: int, rng: random.Random, at_most: float = math.inf) -> float:
        """Seconds to wait after that many failures in a row (from 1); the random part is taken off the bound."""
        # 2.0 ** 1024 overflows; long before that the longest delay is reached.
        full = min(self.longest, at_most, self.base * 2.0 ** min(failures - 1, 64))
        return full * (1.0 - self.jitter * rng.random())


class WorkQueue:
    """The queue; see the module.

    Args:
        timers: the clock, with timers.
        rng: for the jitter.
        backoff: how failures delay.
        limits: how many keys of one namespace and of one cloud may be handed out at once; None: all.
        shares: what an object has in common with others.
    """

    def __init__(
        self,
        timers: Timers,
        rng: random.Random,
        backoff: BackOffPolicy,
        limits: QueueLimits | None = None,
        shares: Callable[[Key], Shares] = lambda _: NO_SHARES,
    ) -> None:
        self._timers = timers
        self._rng = rng
        self._backoff = backoff
        self._busy = Busy(limits)

        self._ready = tuple(FairQueue(self._busy, lambda key: lane_of(key, shares(key))) for _ in Priority)
        self._dirty: dict[Key, Item] = {}
        self._processing: dict[Key, Lane] = {}
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._order = itertools.count()
        self._alarm: tuple[float, Timer] | None = None
        self._getters: deque[asyncio.Future[None]] = deque()
        self._failures: dict[Key, int] = {}
        self._closed = False
        self.stats = QueueStats()

    def __len__(self) -> int:
        """Keys that are ready."""
        return sum(map(len, self._ready))

    @property
    def processing(self) -> int:
        """Keys handed out and not yet done."""
        return len(self._processing)

    @property
    def delayed(self) -> int:
        """Keys that wait for their time."""
        return len(self._due)

    @property
    def held_back(self) -> int:
        """Keys that are ready and passed over, for their namespace, cloud or load balancer has its share of workers."""
        return sum(ready.held_back for ready in self._ready)

    def oldest(self) -> float:
        """Seconds that the key longest ready has been so; 0 if none is."""
        heads = [item.queued for ready in self._ready for item in ready.items()]
        return self._timers.monotonic() - min(heads) if heads else 0.0

    def add(
        self, key: Key, since: float | None = None, priority: Priority = Priority.CHANGE, *, deep: bool = True
    ) -> None:
        """Have a key reconciled as soon as there is a worker.

        Args:
            key: the object.
            since: when the cause was known, monotonic seconds; now by default.
            priority: a key of a resync neither cuts a delay short nor overtakes a change.
            deep: False where the cause is only a change of something that the object refers to.
        """
        if self._closed:
            return
        now = self._timers.monotonic()
        if priority is Priority.RESYNC and key in self._due:
            return
        # What a delay was for is still to be done.
        deep = self._due.pop(key, None) is not None or deep
        self.stats.adds += 1
        item = Item(key, now if since is None else since, now, priority, deep)
        if key in self._processing:
            self._dirty[key] = _joined(self._dirty.get(key), item)
            return
        self._make_ready(item)

    def add_after(self, key: Key, seconds: float) -> None:
        """Have a key reconciled after a delay, or sooner if something happens; of two delays the shorter counts."""
        if self._closed:
            return
        if seconds <= 0:
            self.add(key)
            return
        # A reconcile that is due already comes before the delay is over, and is to do what the delay is for.
        if (ahead := self._dirty.get(key)) is not None:
            self._dirty[key] = replace(ahead, deep=True)
            return
        for ready in self._ready:
            if (ahead := ready.get(key)) is not None:
                ready.put(replace(ahead, deep=True))
                return
        due = self._timers.monotonic() + seconds
        if due >= self._due.get(key, float("inf")):
            return
        self._due[key] = due
        if len(self._heap) > _SLACK + 2 * len(self._due):
            # Most are of delays that were cut short: they would stay until their time.
            self._heap = [(at, next(self._order), each) for each, at in self._due.items()]
            heapq.heapify(self._heap)
        else:
            heapq.heappush(self._heap, (due, next(self._order), key))
        self._set_alarm()

    def add_rate_limited(self, key: Key, at_least: float = 0.0, at_most: float = math.inf) -> float:
        """Have a key reconciled after the delay its failures in a row have earned, this one included.

        Args:
            key: the object.
            at_least: not before so many seconds.
            at_most: not after so many.

        Returns:
            The delay in seconds.
        """
        failures = self._failures.get(key, 0) + 1
        self._failures[key] = failures
        self.stats.retries += 1
        delay = max(at_least, self._backoff.delay(failures, self._rng, at_most))
        self.add_after(key, delay)
        return delay

    def failures(self, key: Key) -> int:
        """Failures in a row."""
        return self._failures.get(key, 0)

    def forget(self, key: Key) -> None:
        """Count its failures from nought again."""
        self._failures.pop(key, None)

    def drop(self, key: Key) -> None:
        """Take a key off: it is no more. A reconcile under way is not disturbed."""
        self.forget(key)
        self._due.pop(key, None)
        self._dirty.pop(key, None)
        for ready in self._ready:
            ready.remove(key)

    async def get(self) -> Item | None:
        """The next key; None once the queue is closed.

        Every key got must be given back by ``done``, and who has given one back comes for the next: what has become
        free by it is for them, and they wake another where there is more.
        """
        while not self._closed:
            item = self._pop()
            if item is not None:
                if self._getters and self._promising:
                    self._wake()
                return item
            getter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._getters.append(getter)
            try:
                await getter
            except asyncio.CancelledError:
                # The key this one was woken for must not sleep on.
                if getter.done() and not getter.cancelled():
                    self._wake()
                raise
        return None

    def done(self, key: Key) -> None:
        """The reconcile has ended; what was added during it is ready now."""
        lane = self._processing.pop(key, None)
        if lane is not None:
            self._busy.give_back(lane)
            for ready in self._ready:
                ready.freed(lane)
        dirty = self._dirty.pop(key, None)
        if dirty is not None and not self._closed:
            self._due.pop(key, None)
            self._make_ready(dirty)

    def close(self) -> None:
        """Hand out nothing more and take nothing more."""
        self._closed = True
        if self._alarm:
            self._alarm[1].cancel()
            self._alarm = None
        while self._getters:
            self._wake()

    def _pop(self) -> Item | None:
        changes, resyncs = self._ready
        fair = self.stats.handed_out % _RESYNC_SHARE == _RESYNC_SHARE - 1
        found = (resyncs.take() or changes.take()) if fair else (changes.take() or resyncs.take())
        if found is None:
            return None
        item, lane = found
        self._processing[item.key] = lane
        self.stats.handed_out += 1
        self.stats.waited_seconds += self._timers.monotonic() - item.queued
        return item

    def _make_ready(self, item: Item) -> None:
        changes, resyncs = self._ready
        former = changes.get(item.key) or resyncs.get(item.key)
        joined = _joined(former, item)
        if former and former.priority is not joined.priority:
            self._ready[former.priority].remove(item.key)
        self._ready[joined.priority].put(joined)
        if former is None and self._getters and self._promising:
            self._wake()

    @property
    def _promising(self) -> bool:
        changes, resyncs = self._ready
        return changes.promising or resyncs.promising

    def _wake(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return

    def _set_alarm(self) -> None:
        # Entries whose delay was cut short or replaced stay in the heap until they come up.
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        if not self._heap:
            return
        due = self._heap[0][0]
        if self._alarm:
            if self._alarm[0] <= due:
                return
            self._alarm[1].cancel()
        self._alarm = (due, self._timers.call_later(due - self._timers.monotonic(), self._ring))

    def _ring(self) -> None:
        self._alarm = None
        now = self._timers.monotonic()
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                self.add(key)
        self._set_alarm()


def _joined(former: Item | None, later: Item) -> Item:
    """Two causes for one reconcile: the later one's time, the earlier one's place, the higher priority."""
    if former is None:
        return later
    return Item(
        later.key,
        max(former.since, later.since),
        former.queued,
        min(former.priority, later.priority),
        former.deep or later.deep,
    )
