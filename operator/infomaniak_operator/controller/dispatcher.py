"""The loop: changes in, reconciles out. All but ``due`` runs in the event loop's thread; reconciles run in theirs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor

from infomaniak_operator.controller.cache.object_cache import ObjectCache
from infomaniak_operator.controller.cache.predicates import Change, concerns_itself, concerns_others, hold_changed
from infomaniak_operator.controller.interfaces import (
    FINALIZER,
    READY,
    CacheReader,
    Clock,
    Key,
    KubeObject,
    Reconciler,
    RequeueAfter,
    Retry,
    WaitingFor,
    as_it_should_be,
)
from infomaniak_operator.controller.work_queue import Item, Priority, WorkQueue
from infomaniak_operator.controller.worker import Ending, Outcome, Worker

OnReconcile = Callable[[str, str, float, float], None]
"""Told of every reconcile: kind, how it ended (``Ending`` or ``Next``, by name), its seconds, those it was due."""

_log = logging.getLogger(__name__)


class Waiters:
    """Who waits for whom, beyond the references: an event of a key wakes those that wait for it."""

    def __init__(self) -> None:
        self._waits: dict[Key, frozenset[Key]] = {}
        self._waiters: dict[Key, dict[Key, None]] = {}

    def wait(self, key: Key, keys: Iterable[Key]) -> None:
        """``key`` waits for all of ``keys``, and for nothing else any more."""
        self.drop(key)
        waits = frozenset(keys)
        if waits:
            self._waits[key] = waits
        for each in waits:
            self._waiters.setdefault(each, {})[key] = None

    def drop(self, key: Key) -> None:
        """``key`` waits for nothing."""
        for each in self._waits.pop(key, ()):
            waiters = self._waiters[each]
            waiters.pop(key, None)
            if not waiters:
                del self._waiters[each]

    def of(self, key: Key) -> list[Key]:
        """Who waits for ``key``, in the order in which they began to."""
        return list(self._waiters.get(key, ()))


class Dispatcher:
    """Turns changes into keys, keys into reconciles, and what they came to into the next reconcile.

    Args:
        reconcilers: by kind; objects of other kinds (Services) are only referred to.
        cache: what is known.
        queue: what is to do.
        worker: carries one reconcile out, in a thread of its own for each.
        clock: the time.
        on_reconcile: told of every reconcile.
        guarded: the kinds that are reconciled when the hold of those that refer to them changes.
    """

    def __init__(
        self,
        reconcilers: Mapping[str, Reconciler],
        *,
        cache: ObjectCache,
        queue: WorkQueue,
        worker: Worker,
        clock: Clock,
        on_reconcile: OnReconcile | None = None,
        guarded: frozenset[str] = frozenset(),
    ) -> None:
        self._reconcilers = reconcilers
        self._cache = cache
        self._queue = queue
        self._worker = worker
        self._clock = clock
        self._on_reconcile = on_reconcile
        self._guarded = guarded & set(reconcilers)
        self._waiters = Waiters()
        self._superseded: set[Key] = set()
        self._started: dict[Key, float] = {}

    def longest_running(self) -> float:
        """Seconds since the longest running reconcile began; 0 if none runs. From any thread."""
        started = list(self._started.values())
        return self._clock.monotonic() - min(started) if started else 0.0

    def react(self, change: Change, since: float, *, own: bool = False) -> None:
        """Queue whom a change concerns.

        Args:
            change: what happened.
            since: when it was heard, monotonic seconds.
            own: it is a write of ours, which is no reason to reconcile the object again.
        """
        key = change.key
        if change.old and (change.new is None or change.reborn):
            self._worker.records.drop(change.old.uid)
            if change.new is None:
                self._queue.drop(key)
                self._waiters.drop(key)
                self._superseded.discard(key)
        if not own and key.kind in self._reconcilers and concerns_itself(change):
            self._queue.add(key, since)
        if concerns_others(change):
            # In the same order in every process, so that what happened can be made to happen again.
            for name in sorted(self._cache.names(change)):
                for each in dict.fromkeys((*self._cache.referrer_keys(name), *self._waiters.of(name))):
                    if each != key:
                        self._queue.add(each, since, deep=False)
        if self._guarded and key.kind in self._reconcilers and hold_changed(change):
            for each in sorted(self._guards(change)):
                self._queue.add(each, since)

    def _guards(self, change: Change) -> set[Key]:
        """The guarded objects that either version of an object refers to."""
        versions = [version for version in (change.old, change.new) if version is not None]
        return {each for version in versions for each in self._cache.refs(version) if each.kind in self._guarded}

    def due(self) -> list[Key]:
        """The objects that are not known to be in order; the others wait for their resync. For any thread."""
        return [
            resource.key
            for kind, reconciler in self._reconcilers.items()
            for resource in self._cache.objects(kind)
            if not in_order(resource, reconciler, self._cache)
        ]

    def begin(self, due: Iterable[Key]) -> None:
        """Queue, after a start, the objects that are due."""
        for key in due:
            self._queue.add(key)

    def resync(self, kind: str) -> None:
        """Queue all objects of a kind, after all changes; they share one moment that observations must not predate."""
        start = self._clock.monotonic()
        for resource in self._cache.objects(kind):
            self._queue.add(resource.key, start, Priority.RESYNC)

    def found(self, keys: Iterable[Key]) -> None:
        """Queue objects that show something else than was just seen outside Kubernetes, if they are still there.

        They share one moment that observations must not predate: now, so that these are younger than what was seen.
        """
        since = self._clock.monotonic()
        for key in keys:
            if self._cache.get(key) is not None:
                self._queue.add(key, since)

    async def work(self, executor: Executor) -> None:
        """Reconcile one object after the other until the queue is closed. Several of these run at once."""
        loop = asyncio.get_running_loop()
        while item := await self._queue.get():
            started = self._started[item.key] = self._clock.monotonic()
            label = "failed"
            try:
                outcome = await loop.run_in_executor(executor, self._worker.reconcile, item)
                label = self._settle(item, outcome)
            except Exception:  # noqa: BLE001 - a worker must not end
                _log.exception("%s: could not be settled", item.key)
                self._queue.add_rate_limited(item.key)
            finally:
                del self._started[item.key]
                self._queue.done(item.key)
                if self._on_reconcile:
                    ended = self._clock.monotonic()
                    self._on_reconcile(item.key.kind, label, ended - started, started - item.queued)

    def _settle(self, item: Item, outcome: Outcome) -> str:
        key = item.key
        held = self._cache.get(key)
        if outcome.uid and (held is None or held.uid != outcome.uid):
            self._worker.records.drop(outcome.uid)
        if held is None:
            self._queue.drop(key)
            self._waiters.drop(key)
            self._superseded.discard(key)
            return outcome.ending.value
        self._waiters.drop(key)
        if outcome.ending is Ending.SUPERSEDED:
            # The newest version is in the cache by now; only a second time in a row is worth a pause.
            if key in self._superseded:
                self._queue.add_rate_limited(key)
            else:
                self._superseded.add(key)
                self._queue.add(key)
            return outcome.ending.value
        self._superseded.discard(key)
        if outcome.ending is Ending.STANDBY:
            return outcome.ending.value  # nothing comes after: this process ends
        if outcome.ending in (Ending.KUBE_ERROR, Ending.FAILED):
            self._queue.add_rate_limited(key)
            return outcome.ending.value
        self._plan(key, outcome)
        return type(outcome.next).__name__ if outcome.next else outcome.ending.value

    def _plan(self, key: Key, outcome: Outcome) -> None:
        following = outcome.next
        if isinstance(following, Retry):
            self._queue.add_rate_limited(key, following.at_least, following.at_most)
            return
        self._queue.forget(key)
        if isinstance(following, RequeueAfter):
            self._queue.add_after(key, following.seconds)
        elif isinstance(following, WaitingFor):
            self._waiters.wait(key, following.keys - {key})
            if following.seconds is not None:
                self._queue.add_after(key, following.seconds)
            # What happened to them while the reconcile was going on woke nobody.
            if self._cache.changed_since(following.keys - {key}, outcome.sequence):
                self._queue.add(key)


def in_order(resource: KubeObject, reconciler: Reconciler, view: CacheReader) -> bool:
    """Whether an object was as it should be, at this generation, from the very inputs there are now.

    Whatever a condition says is not (Synced is Unknown, say, for it was paused) may have changed while nobody looked.
    An object whose finalizer somebody took off (``kubectl replace``) reads the same; it gets it back at its resync.
    """
    if resource.deleting:
        return FINALIZER not in resource.finalizers
    ready = resource.condition(READY) or {}
    known = resource.json_status.get("inputsHash")
    if not (
        known
        and as_it_should_be(resource)
        and ready.get("observedGeneration") == resource.generation
        and resource.json_status.get("observedGeneration") == resource.generation
    ):
        return False
    try:
        return bool(reconciler.inputs_hash(resource, view) == known)
    except Exception:  # noqa: BLE001 - one object that cannot be read must not keep the others from their start
        _log.exception("%s: what it depends on cannot be told", resource.key)
        return False
