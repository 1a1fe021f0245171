"""One process of the operator, in a test's hands: the real controller with the real reconcilers, one reconcile at a time."""

from __future__ import annotations

import asyncio
import atexit
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infomaniak_operator.controller.cache.watcher import Sink
from infomaniak_operator.controller.interfaces import (
    FINALIZER,
    CacheReader,
    Key,
    KubeObject,
    Reconciler,
    ReconcileRequest,
    Result,
    Shares,
)
from infomaniak_operator.controller.kube.kube_api import Body, KubeType, Unavailable
from infomaniak_operator.controller.manager import Manager
from infomaniak_operator.controller.manager_settings import ManagerSettings
from infomaniak_operator.controller.work_queue import Item, WorkQueue
from tests.support.clock import ManualClock
from tests.support.fake_kube import FakeKube
from tests.support.loop import StillLoop
from tests.support.objects import CANARY

SETTINGS = ManagerSettings(workers=1, resync_seconds=1e9, sweep_delay=1e9, backoff_jitter=0.0, flush_seconds=0.0)
"""One worker, and no resync nor LIST of its own accord: a test says when."""

OnKube = Callable[[str, Callable[[], Any]], Any]
"""What a test puts around a write to Kubernetes: it gets what is written (``add_finalizer``, ``record``, ``status`` or
``finalizer``) and what carries it out."""


class Killed(BaseException):
    """The process is no more: nothing may catch it, and nothing of its memory survives."""


@dataclass(frozen=True, slots=True)
class Told:
    """An Event."""

    reason: str
    message: str
    warning: bool


class Seen:
    """What can be seen of the operator in Kubernetes, whichever process it was.

    Attributes:
        events: what was published, by key; one that is said again is there again.
        status_writes: how often a status was written, by key.
        records: how often it was written in mid-reconcile, ahead of a call to the cloud; in ``status_writes``, too.
        finalizers_added: how often the finalizer was set, by key.
    """

    def __init__(self) -> None:
        self.events: dict[Key, list[Told]] = {}
        self.status_writes: Counter[Key] = Counter()
        self.records: Counter[Key] = Counter()
        self.finalizers_added: Counter[Key] = Counter()

    def count(self, what: str, key: Key) -> None:
        """Count a write."""
        if what == "add_finalizer":
            self.finalizers_added[key] += 1
        if what == "record":
            self.records[key] += 1
        if what in ("record", "status"):
            self.status_writes[key] += 1


@dataclass(slots=True)
class Reconciled:
    """What one reconcile came to.

    Attributes:
        key: of which object; None: none has been handed out.
        ending: how it ended, as in the metrics.
        result: what the reconciler said.
        raised: what the reconciler, or the last write to Kubernetes, raised.
    """

    key: Key | None = None
    ending: str = ""
    result: Result | None = None
    raised: BaseException | None = None


class Operator:
    """A process that begins to act when it is made.

    Args:
        kube: the API server.
        resources: the kinds, by name.
        clock: the time.
        reconcilers: by kind; another one may be put in its place at any time.
        seen: what is seen of it.
        on_kube: what is put around its writes to Kubernetes.

    Attributes:
        manager: the controller.
        queue: its work queue.
        dead: whether it was killed: nothing that it asks the API server for gets through any more.
        deaf: whether its watch tells it nothing for now; what it missed comes once it is not.
    """

    def __init__(
        self,
        kube: FakeKube,
        resources: Mapping[str, KubeType],
        clock: ManualClock,
        reconcilers: Mapping[str, Reconciler],
        *,
        seen: Seen,
        on_kube: OnKube,
    ) -> None:
        self.dead = self.deaf = False
        self._kube = kube
        self._clock = clock
        self._last = Reconciled()
        self._unheard: list[tuple[str, str, Body]] = []
        self._loop = StillLoop(clock.monotonic, self._died)
        self._connection = _Connection(self, kube, seen, on_kube)
        self._reconciling = False
        self._queue: list[HandedOut] = []
        self.manager = Manager(
            [_Watched(self, kind, reconcilers) for kind in reconcilers],
            self._connection,
            resources,
            clock,
            random.Random(7),
            SETTINGS,
            watch=_Unused(),
            on_reconcile=self._ended,
            instance="test",
            make_queue=self._make_queue,
            start_thread=lambda name, run: _Idle(),
        )
        (self.queue,) = self._queue
        kube.follow(resources.values(), self._hear, self)
        self._stop = asyncio.Event()
        self._task = self._loop.create_task(self.manager.run(self._stop))
        _running.add(self)
        self._loop.run_until_idle()
        assert not self._task.done(), self._task.exception()

    def reconcile(self, key: Key | None = None) -> Reconciled:
        """Let the worker reconcile one object: the next one of the queue, or the one of that key, which must be ready.

        Raises:
            Killed: the process was killed in the middle of it.
            Exception: the reconciler failed unexpectedly.
        """
        assert not self.dead, "a process that was killed does nothing; restart the world"
        self._last = Reconciled()
        self.queue.hand_out(key)
        self.catch_up()
        last = self._last
        assert last.key is not None, "nothing was handed out"
        if self.dead or self._task.done():
            self.end()
            raise last.raised or AssertionError("the controller has ended")
        if last.ending == "failed" and last.raised:
            raise last.raised
        return last

    def catch_up(self) -> None:
        """Take in all that has happened so far, and send the Events."""
        self._listen()
        if not self._loop.is_running():
            self._loop.run_until_idle()
            if self._listen():
                self._loop.run_until_idle()
        if not self.dead:
            self.manager._recorder.send_pending()

    def resync(self) -> None:
        """Queue all objects, as the resync of each kind does."""
        for kind in self.manager._reconcilers:
            self.manager._dispatcher.resync(kind)

    def kill(self) -> None:
        """End it at once: nothing that it would still do is done."""
        self.dead = True
        self.end()

    def end(self) -> None:
        """End it."""
        if self not in _running:
            return
        _running.discard(self)
        self._kube.unsubscribe(self)
        self._stop.set()
        self._loop.run_until_idle()
        assert self._task.done()
        self._task.exception()

    def _make_queue(self, *arguments: Any) -> WorkQueue:
        queue = HandedOut(*arguments)
        queue.on_hand_out = self._handed_out
        self._queue.append(queue)
        return queue

    def _handed_out(self, item: Item) -> None:
        self._last.key = item.key

    def _ended(self, kind: str, ending: str, seconds: float, due: float) -> None:
        self._last.ending = ending

    def _died(self, error: BaseException) -> None:
        self.dead = True
        self._last.raised = error

    def _hear(self, resource: KubeType, change: str, body: Body) -> None:
        # The answer to a write of its own comes before the watch tells of it.
        self._unheard.append((resource.kind, change, body))
        if not self._connection.writing:
            self._listen()

    def _listen(self) -> bool:
        """Take in what the watch has told by now; whether that was anything."""
        if self.deaf or not self._unheard:
            return False
        taken, self._unheard = self._unheard, []
        for each in taken:
            self.manager.sink.event(*each)
        return True


class HandedOut(WorkQueue):
    """The work queue, which hands out a key only when it is told to, and the one that it is told to.

    Attributes:
        on_hand_out: told of every key that is handed out.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.on_hand_out: Callable[[Item], object] = lambda _: None
        self._asked: list[Key | None] = []
        self._gate: asyncio.Future[None] | None = None
        self._over = False

    def hand_out(self, key: Key | None) -> None:
        """Hand out one key that is ready: this one, or the next one."""
        self._asked.append(key)
        self._open()

    def close(self) -> None:
        """Hand out nothing more."""
        self._over = True
        super().close()
        self._open()

    async def get(self) -> Item | None:
        """The next key, once it may be handed out."""
        while not self._asked and not self._over:
            self._gate = asyncio.get_running_loop().create_future()
            await self._gate
        if self._over:
            return None
        asked, passed = self._asked.pop(0), []
        while (item := await super().get()) and asked not in (None, item.key):
            self.done(item.key)
            passed.append(item)
        for each in passed:
            self.add(each.key, each.since, each.priority, deep=each.deep)
        if item:
            self.on_hand_out(item)
        return item

    def ready(self, key: Key) -> bool:
        """Whether a key may be handed out."""
        return any(key in fair_queue for fair_queue in self._ready)

    def withdraw(self, key: Key) -> None:
        """Have a key neither ready nor delayed; its failures are remembered."""
        failures = self.failures(key)
        self.drop(key)
        if failures:
            self._failures[key] = failures

    def due(self, key: Key | None = None) -> float | None:
        """When the delay of a key, or the first delay of all, is over, monotonic seconds; None: there is none."""
        return min(self._due.values(), default=None) if key is None else self._due.get(key)

    def _open(self) -> None:
        if self._gate and not self._gate.done():
            self._gate.set_result(None)


class _Connection:
    """The API server as one process reaches it."""

    def __init__(self, process: Operator, kube: FakeKube, seen: Seen, on_kube: OnKube) -> None:
        self._process = process
        self._kube = kube
        self._seen = seen
        self._on_kube = on_kube
        self._events: dict[str, tuple[Key, str, bool]] = {}
        self.writing = 0

    def get(self, resource: KubeType, namespace: str, name: str) -> Body:
        self._alive()
        return self._kube.get(resource, namespace, name)

    def list(self, resource: KubeType, namespace: str | None) -> Iterator[list[Body]]:
        self._alive()
        return self._kube.list(resource, namespace)

    def patch(self, resource: KubeType, namespace: str, name: str, patch: Body) -> Body:
        what = "add_finalizer" if FINALIZER in (patch["metadata"].get("finalizers") or ()) else "finalizer"
        key = Key(resource.kind, namespace, name)
        return self._write(what, key, lambda: self._kube.patch(resource, namespace, name, patch))

    def patch_status(self, resource: KubeType, namespace: str, name: str, patch: Body) -> Body:
        what = "record" if self._process._reconciling else "status"
        key = Key(resource.kind, namespace, name)
        CANARY.absent(f"the status of {key}", json.dumps(patch))
        return self._write(what, key, lambda: self._kube.patch_status(resource, namespace, name, patch))

    def patch_condition(self, resource: KubeType, namespace: str, name: str, patch: Body) -> Body:
        key = Key(resource.kind, namespace, name)
        return self._write("condition", key, lambda: self._kube.patch_condition(resource, namespace, name, patch))

    def create_event(self, namespace: str, event: Body) -> Body:
        self._alive()
        about, name = event["involvedObject"], event["metadata"]["name"]
        key = Key(about["kind"], about["namespace"], about["name"])
        created = self._kube.create_event(namespace, event)
        self._events[name] = key, event["reason"], event["type"] == "Warning"
        self._tell(name, event["message"], event["count"])
        return created

    def patch_event(self, namespace: str, name: str, patch: Body) -> Body:
        self._alive()
        (former,) = [each["count"] for each in self._kube.events if each["metadata"]["name"] == name]
        patched = self._kube.patch_event(namespace, name, patch)
        self._tell(name, patch["message"], patch["count"] - former)
        return patched

    def review(self, resource: KubeType, body: Body) -> Body:
        self._alive()
        return self._kube.review(resource, body)

    def _tell(self, name: str, message: str, times: int) -> None:
        key, reason, warning = self._events[name]
        CANARY.absent(f"an Event of {key}", f"{reason} {message}")
        self._seen.events.setdefault(key, []).extend([Told(reason, message, warning)] * times)

    def _write(self, what: str, key: Key, act: Callable[[], Body]) -> Body:
        self._alive()

        def carry_out() -> Body:
            self.writing += 1
            try:
                answer = act()
            finally:
                self.writing -= 1
            self._seen.count(what, key)
            answers.append(answer)
            return answer

        answers: list[Body] = []
        try:
            self._on_kube(what, carry_out)
        except BaseException as error:
            self._process._last.raised = error
            raise
        (answer,) = answers
        return answer

    def _alive(self) -> None:
        if self._process.dead:
            raise Unavailable("this process is no more")


class _Watched:
    """A reconciler, of which what it says is noted."""

    def __init__(self, process: Operator, kind: str, reconcilers: Mapping[str, Reconciler]) -> None:
        self.kind = kind
        self._process = process
        self._reconcilers = reconcilers

    def references(self, resource: KubeObject) -> Iterable[Key]:
        return self._reconcilers[self.kind].references(resource)

    def shares(self, resource: KubeObject, view: CacheReader) -> Shares:
        return self._reconcilers[self.kind].shares(resource, view)

    def inputs_hash(self, resource: KubeObject, view: CacheReader) -> str | None:
        return self._reconcilers[self.kind].inputs_hash(resource, view)

    def reconcile(self, request: ReconcileRequest) -> Result:
        last = self._process._last
        self._process._reconciling = True
        try:
            last.result = self._reconcilers[self.kind].reconcile(request)
        except BaseException as error:
            last.raised = error
            raise
        finally:
            self._process._reconciling = False
        return last.result


class _Unused:
    """The watch: what happens is told to the controller at once."""

    def run(self, sink: Sink, stop: object) -> None:
        raise AssertionError("no thread was started for it")


class _Idle:
    """A thread that was not started."""

    def join(self, timeout: float | None = None) -> None:
        return


_running: set[Operator] = set()


def end_all() -> None:
    """End all processes that run."""
    for each in list(_running):
        each.kill()


atexit.register(end_all)
