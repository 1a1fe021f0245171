"""The controller, put together: reconcilers in, a running operator out."""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from infomaniak_operator.controller.cache.event_handler import EventHandler
from infomaniak_operator.controller.cache.object_cache import ObjectCache
from infomaniak_operator.controller.cache.predicates import Change
from infomaniak_operator.controller.cache.relist import Relist
from infomaniak_operator.controller.cache.unlabelled import Unlabelled
from infomaniak_operator.controller.cache.watcher import Sink, Watch, Watcher
from infomaniak_operator.controller.dispatcher import Dispatcher, OnReconcile
from infomaniak_operator.controller.fairness import QueueLimits
from infomaniak_operator.controller.interfaces import (
    FINALIZER,
    NO_SHARES,
    CacheReader,
    Key,
    KubeObject,
    Reconciler,
    Shares,
)
from infomaniak_operator.controller.kube.event_recorder import EventRecorder
from infomaniak_operator.controller.kube.kube_api import Kube, KubeType, Standby, Unavailable
from infomaniak_operator.controller.leader.election import Leadership, LeaseLost
from infomaniak_operator.controller.manager_settings import ManagerSettings
from infomaniak_operator.controller.polling import Polling, Rounds
from infomaniak_operator.controller.retrying import Retrying
from infomaniak_operator.controller.stats import Stats
from infomaniak_operator.controller.timers import StartThread, Timers, sleep, start_thread
from infomaniak_operator.controller.work_queue import BackOffPolicy, WorkQueue
from infomaniak_operator.controller.worker import Worker

COMPONENT = "infomaniak-operator"
"""Who the Events say they are from."""

_RELIST_SECONDS = 1.0
"""How long after a watch's second LIST ours begins: time for kopf to tell of all it found."""

MakeQueue = Callable[[Timers, random.Random, BackOffPolicy, QueueLimits, Callable[[Key], Shares]], WorkQueue]

_log = logging.getLogger(__name__)


class Manager:
    """Runs reconcilers against a Kubernetes API server.

    Args:
        reconcilers: one a kind.
        kube: the API server.
        resources: by kind, how the API names it: those of the reconcilers, and those they only refer to (Services).
        clock: time and timers; ``timers.SystemClock`` but for tests.
        rng: for jitter.
        settings: the knobs.
        watch: the watching; ``handlers.KopfWatch`` but for tests.
        on_reconcile: told of every reconcile, in the loop's thread: kind, ending, its seconds, the seconds it was due.
        on_change: told, in any thread, of every change of an object, and whether this process acts.
        on_event: told, in any thread, of every Event published: kind, reason, and whether it is a warning.
        rounds: what is looked at outside Kubernetes while this process acts, and how often.
        instance: which process this is, in Events.
        introduce: asks the API server for what must be known before anything is done; blocks, and is called until it
            raises nothing.
        leadership: decides whether this process acts; None: it always does.
        make_queue: makes the work queue, of the arguments of ``WorkQueue``; a test's hands out one key at a time.
        start_thread: starts what goes on in the background: the watching, and the sending of Events. All else that
            blocks is given to the event loop's ``run_in_executor``.
    """

    def __init__(  # noqa: PLR0917 - what it is made of, in the order of its docstring
        self,
        reconcilers: Iterable[Reconciler],
        kube: Kube,
        resources: Mapping[str, KubeType],
        clock: Timers,
        rng: random.Random,
        settings: ManagerSettings,
        *,
        watch: Watch,
        on_reconcile: OnReconcile | None = None,
        on_change: Callable[[Change, bool], None] | None = None,
        on_event: Callable[[str, str, bool], None] | None = None,
        rounds: Iterable[Rounds] = (),
        instance: str = "",
        introduce: Callable[[], None] | None = None,
        leadership: Leadership | None = None,
        make_queue: MakeQueue = WorkQueue,
        start_thread: StartThread = start_thread,
    ) -> None:
        by_kind = {each.kind: each for each in reconcilers}
        unknown = set(by_kind) - set(resources)
        if unknown:
            raise ValueError(f"no resource is given for {', '.join(sorted(unknown))}")
        self._reconcilers = by_kind
        self._resources = resources
        self._clock = clock
        self._rng = rng
        self._settings = settings
        self._cache = ObjectCache(
            {kind: each.references for kind, each in by_kind.items()},
            {kind: each.stands_for for kind, each in resources.items() if each.stands_for},
        )
        self._queue = make_queue(
            clock,
            rng,
            BackOffPolicy(settings.backoff_base, settings.backoff_max, settings.backoff_jitter),
            QueueLimits.of(settings.workers),
            self._shares,
        )
        self._on_change = on_change
        self._leadership = leadership
        self._recorder = EventRecorder(
            kube, clock, COMPONENT, instance or os.environ.get("HOSTNAME", COMPONENT), on_event, start_thread
        )
        self._worker = Worker(
            by_kind,
            resources,
            kube=kube,
            cache=self._cache,
            clock=clock,
            recorder=self._recorder,
            own_change=self._changed,
        )
        self._dispatcher = Dispatcher(
            by_kind,
            cache=self._cache,
            queue=self._queue,
            worker=self._worker,
            clock=clock,
            on_reconcile=on_reconcile,
            guarded=frozenset(kind for kind, each in resources.items() if each.guarded),
        )
        self._lister = Relist(
            kube, resources, settings.namespaces, cache=self._cache, refresh=self._worker.refresh, changed=self._changed
        )
        self._event_handler = EventHandler(resources, self._cache, clock, self._changed, self._relist, left=self._left)
        self._watcher = Watcher(
            watch, self._event_handler, clock, settings.watch_backoff_max, self._watch_starts, start_thread
        )
        self._polling = [
            Polling(each, self._cache, self._dispatcher.found, clock, rng) for each in rounds if each.seconds
        ]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._live = False
        self._acting = False
        self._listed = dict.fromkeys(resources, False)
        self._relists: dict[str, asyncio.Task[None]] = {}
        self._introduce = introduce
        self._introduced = introduce is None
        self._unlabelled = Unlabelled(kube, resources, settings.namespaces)
        self._sweep = asyncio.Event()
        self._defects = 0
        self._retrying = Retrying(clock, settings.watch_backoff_max, len(resources) + 4, self._not_answered)

    @property
    def view(self) -> CacheReader:
        """What is known of all objects."""
        return self._cache

    @property
    def sink(self) -> Sink:
        """Where the watch puts what it hears."""
        return self._event_handler

    @property
    def acting_since(self) -> float:
        """Monotonic seconds since when this process acts: from ``run`` on, or since it leads."""
        return self._worker.acting_since

    def stats(self) -> Stats:
        """How things stand; from any thread."""
        age = self._event_handler.age()
        longest = self._dispatcher.longest_running()
        return Stats(
            ready=self._introduced and all(self._listed.values()),
            alive=age < self._settings.watch_silence,
            acting=self._acting,
            listed=dict(self._listed),
            objects={kind: self._cache.count(kind) for kind in self._resources},
            queued=len(self._queue),
            running=self._queue.processing,
            delayed=self._queue.delayed,
            oldest_seconds=self._queue.oldest(),
            held_back=self._queue.held_back,
            queue=self._queue.stats,
            beat_age=age,
            watch_restarts=self._watcher.restarts,
            events_dropped=self._recorder.dropped,
            defects=self._defects + self._retrying.defects + sum(each.defects for each in self._polling),
            longest_running_seconds=longest,
            hanging=longest > self._settings.reconcile_silence,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set; then end: no new reconciles, running ones end, Events are sent.

        Raises:
            LeaseLost: this process led and does not any more; it must end.
            Exception: a defect ended a part of the controller; the process should end, too.
        """
        self._loop = asyncio.get_running_loop()
        self._worker.acting_since = self._clock.monotonic()
        self._recorder.start()
        pool = ThreadPoolExecutor(self._settings.workers, thread_name_prefix="reconcile")
        workers: list[asyncio.Task[None]] = []
        others: list[asyncio.Task[None]] = []
        stopped = asyncio.create_task(stop.wait(), name="stop")
        try:
            filling = asyncio.create_task(self._fill(), name="fill")
            others.append(filling)
            await _first(stopped, filling)
            if not stop.is_set():
                others.clear()  # all is known
                self._live = True
                others += [asyncio.create_task(self._resyncs(kind), name=f"resyncs {kind}") for kind in self._resources]
                others.append(asyncio.create_task(self._watcher.run(), name="watcher"))
                await self._lead(stopped, others)
            if not stop.is_set():
                workers += await self._act(pool)
                others.append(asyncio.create_task(self._sweeping(), name="unlabelled"))
                others += [asyncio.create_task(each.run(), name="polling") for each in self._polling]
                await _first(stopped, *workers, *others)
        finally:
            stopped.cancel()
            await self._end(pool, workers, others)

    async def _lead(self, stopped: asyncio.Task[Any], others: list[asyncio.Task[None]]) -> None:
        """Wait, with all that is known kept up to date, until this process leads; its loss ends the controller."""
        if self._leadership is None:
            return
        others.append(asyncio.create_task(_lost(self._leadership), name="lost"))
        leading = asyncio.create_task(self._leadership.lead(), name="lead")
        try:
            await _first(stopped, leading, *others)
        finally:
            leading.cancel()
        # Who led before has sent nothing since.
        self._worker.acting_since = self._clock.monotonic()

    async def _act(self, pool: ThreadPoolExecutor) -> list[asyncio.Task[None]]:
        """Begin to reconcile. What changed before is found by how the objects stand, as after any start."""
        self._acting = True
        # In a thread: it reads all that people have written, credentials too.
        due = await asyncio.to_thread(self._dispatcher.due)
        self._dispatcher.begin(due)
        _log.info("%d objects are known, %d to be reconciled now", len(self._cache), len(due))
        return [
            asyncio.create_task(self._dispatcher.work(pool), name=f"worker {number}")
            for number in range(self._settings.workers)
        ]

    async def _end(
        self, pool: ThreadPoolExecutor, workers: list[asyncio.Task[None]], others: list[asyncio.Task[None]]
    ) -> None:
        self._live = self._acting = False
        self._queue.close()
        others += self._relists.values()
        for task in others:
            task.cancel()
        if workers:
            _, late = await asyncio.wait(workers, timeout=self._settings.stop_seconds)
            if late:
                _log.warning("%d reconciles did not end in %g s", len(late), self._settings.stop_seconds)
            for task in late:
                task.cancel()
        await asyncio.to_thread(self._recorder.close, self._settings.flush_seconds)
        if self._leadership:
            # Before the watching has ended, which may take seconds: another is waiting.
            await self._leadership.resign()
        await asyncio.gather(*workers, *others, return_exceptions=True)
        for each in (pool, self._retrying.threads):
            each.shutdown(wait=False, cancel_futures=True)

    async def _fill(self) -> None:
        """List every kind, each until it succeeds: nothing is decided before all is known."""
        if self._introduce:
            await self._retrying.ask("the cluster cannot be asked who it is", self._introduce)
            self._introduced = True
        await asyncio.gather(*(self._list(kind) for kind in self._resources))

    async def _list(self, kind: str) -> None:
        await self._retrying.ask(f"{kind} cannot be listed", lambda: self._lister.list(kind))
        self._listed[kind] = True
        if kind in self._unlabelled.kinds:
            self._sweep.set()

    def _not_answered(self) -> None:
        if not self._live:
            # The watching has not begun yet, and to kill this process would not mend it.
            self._event_handler.beat()

    async def _sweeping(self) -> None:
        """Let go, at the start, after each LIST and when one is heard to have left, what left the selection."""
        while True:
            self._sweep.clear()
            await self._retrying.ask("what has lost its label cannot be let go", self._swept)
            await self._sweep.wait()
            await sleep(self._clock, _RELIST_SECONDS)

    def _swept(self) -> None:
        try:
            done = self._unlabelled.sweep()
        except Standby:
            return  # nothing comes after: this process ends
        if not done:
            raise Unavailable("some keep our finalizer")

    async def _resyncs(self, kind: str) -> None:
        seconds, jitter = self._settings.resync_seconds, self._settings.resync_jitter
        # The first one at a random time, so that the kinds' resyncs, and a restart's, do not fall together.
        pause = seconds * self._rng.uniform(0.5, 1.0)
        while True:
            await sleep(self._clock, pause)
            await self._list(kind)
            if self._acting and kind in self._reconcilers:
                self._dispatcher.resync(kind)
            pause = max(1.0, seconds * (1.0 - jitter * self._rng.random()))

    def _watch_starts(self) -> None:
        self._event_handler.begins()
        for kind in self._resources:
            self._list_soon(kind, self._settings.sweep_delay)

    def _list_soon(self, kind: str, delay: float) -> None:
        """List a kind a little later, once whatever LIST of it is under way or planned is over or given up."""
        if self._live:
            planned = self._relists.get(kind)
            if planned:
                planned.cancel()
            self._relists[kind] = asyncio.create_task(self._list_later(kind, delay), name=f"list {kind}")

    async def _list_later(self, kind: str, delay: float) -> None:
        await sleep(self._clock, delay)
        self._event_handler.relist_begins(kind)
        await self._list(kind)

    def _relist(self, kind: str) -> None:
        """Find what went unnoticed before a watch's second LIST; from any thread."""
        self._in_loop(lambda: self._list_soon(kind, _RELIST_SECONDS))

    def _left(self, resource: KubeObject) -> None:
        """An object has left the selection, or has gone: nothing of ours stays on it. From any thread."""
        if self._acting and resource.key.kind in self._unlabelled.kinds and FINALIZER in resource.finalizers:
            self._in_loop(lambda: self._let_go(resource))

    def _let_go(self, resource: KubeObject) -> None:
        if self._loop is None or resource.deleting:  # then it is most likely gone
            self._sweep.set()
            return

        def ended(release: asyncio.Future[bool]) -> None:
            if release.cancelled() or release.exception() or not release.result():
                self._sweep.set()

        threads, let_go = self._retrying.threads, self._unlabelled.let_go
        self._loop.run_in_executor(threads, let_go, resource).add_done_callback(ended)

    def _changed(self, change: Change, own: bool) -> None:
        """Queue whom a change concerns, once this process acts; from any thread."""
        if self._on_change:
            self._on_change(change, self._acting)
        since = self._clock.monotonic()
        if self._acting:
            self._in_loop(lambda: self._dispatcher.react(change, since, own=own))

    def _shares(self, key: Key) -> Shares:
        reconciler, resource = self._reconcilers.get(key.kind), self._cache.get(key)
        if reconciler is None or resource is None:
            return NO_SHARES
        try:
            return reconciler.shares(resource, self._cache)
        except Exception:  # noqa: BLE001 - an odd object must not keep others from their turn
            _log.debug("%s: what it shares cannot be told", key, exc_info=True)
            return NO_SHARES

    def _in_loop(self, what: Callable[[], None]) -> None:
        def carefully() -> None:
            try:
                what()
            except Exception:  # noqa: BLE001 - nobody would notice what the next resync has to make up for
                self._defects += 1
                _log.exception("a change could not be taken in")

        if self._live and self._loop:
            try:
                self._loop.call_soon_threadsafe(carefully)
            except RuntimeError:
                _log.debug("the loop has ended")


async def _lost(leadership: Leadership) -> None:
    await leadership.lost()
    raise LeaseLost("this process led and does not any more")


async def _first(*tasks: asyncio.Task[Any]) -> None:
    """Wait until the first of them has ended; raise what ended it."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
