"""A cluster for reconcilers, in memory: it holds objects, makes visits, and does with results what the engine does.

Time is a manual clock that moves a little with every look at it, so that what begins later is later.
"""

from __future__ import annotations

import copy
import heapq
import itertools
import json
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from infomaniak_operator.engine.attempt import SteadyView
from infomaniak_operator.engine.contract import (
    FINALIZER,
    Again,
    BackOff,
    Gone,
    Key,
    KubeObject,
    Reconciler,
    Result,
    Superseded,
    View,
)
from infomaniak_operator.engine.status import merge_patch, wished, without_nulls
from tests.support.objects import CANARY, key_of


class Killed(BaseException):
    """The process is no more: nothing may catch it, and nothing of its memory survives."""


class ManualClock:
    """Seconds that a test moves. Each look moves them by a microsecond."""

    def __init__(self, start: float = 1000.0) -> None:
        self._now = start
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()

    def monotonic(self) -> float:
        self._now += 1e-6
        return self._now

    def now(self) -> float:
        return 1.8e9 + self.monotonic()

    def later(self, seconds: float, what: Callable[[], object]) -> None:
        """Have something happen when that much time has gone by."""
        heapq.heappush(self._due, (self._now + seconds, next(self._order), what))

    def advance(self, seconds: float) -> None:
        """Let time go by, and happen what falls due in it."""
        end = self._now + seconds
        while self._due and self._due[0][0] <= end:
            due, _, what = heapq.heappop(self._due)
            self._now = max(self._now, due)
            what()
        self._now = max(self._now, end)


@dataclass(frozen=True, slots=True)
class Told:
    """An Event."""

    reason: str
    message: str
    warning: bool


class Cluster:
    """Objects, and visits to them.

    Attributes:
        clock: its time.
        events: what was published, by key.
        status_writes: how often a status was written, by key.
        records: how often it was written in mid-visit, ahead of a call to the cloud; counted in ``status_writes``, too.
        claims: how often the finalizer was set, by key.
        on_kube: called with ``claim``, ``record``, ``status`` or ``finalizer`` and what carries it out: the place to fail or kill.
    """

    def __init__(self, *bodies: Mapping[str, Any]) -> None:
        self.clock = ManualClock()
        self.events: dict[Key, list[Told]] = {}
        self.status_writes: dict[Key, int] = {}
        self.records: dict[Key, int] = {}
        self.claims: dict[Key, int] = {}
        self.on_kube: Callable[[str, Callable[[], Any]], Any] = lambda _, act: act()
        self.reconcilers: dict[str, Reconciler] = {}
        self._bodies: dict[Key, dict[str, Any]] = {}
        self._memory: dict[str, MutableMapping[str, Any]] = {}
        self._versions = itertools.count(1)
        self._acting_since = self.clock.monotonic()
        for body in bodies:
            self.apply(body)
        self.clock.advance(3600)  # the process has been at work for long, unless a test restarts it

    # What a user does.

    def apply(self, body: Mapping[str, Any]) -> Key:
        """``kubectl apply``: a new object, or another spec and annotations for the one that is there."""
        body = copy.deepcopy(dict(body))
        key = key_of(body)
        former = self._bodies.get(key)
        if former is not None:
            meta = {**former["metadata"], "annotations": body["metadata"].get("annotations") or {}}
            if former.get("spec") != body.get("spec"):
                meta["generation"] = int(meta.get("generation", 1)) + 1
            body = {**former, **{k: v for k, v in body.items() if k not in ("status", "metadata")}, "metadata": meta}
        self._put(key, body)
        return key

    def spec(self, key: Key, **fields: Any) -> None:
        """Change fields of the spec; ``...`` takes one out."""
        spec = {**self._bodies[key]["spec"], **fields}
        spec = {name: value for name, value in spec.items() if value is not ...}
        self.apply({**self._bodies[key], "spec": spec})

    def annotate(self, key: Key, **annotations: str) -> None:
        """Set annotations of ours by their short names, ``_`` for ``-``; an empty one takes it away."""
        named = {f"network.infomaniak.cloud/{name.replace('_', '-')}": value for name, value in annotations.items()}
        former = self._bodies[key]["metadata"].get("annotations") or {}
        merged = {name: value for name, value in {**former, **named}.items() if value}
        body = self._bodies[key]
        self.apply({**body, "metadata": {**body["metadata"], "annotations": merged}})

    def delete(self, key: Key) -> None:
        """``kubectl delete``: at once without a finalizer, else Terminating."""
        body = copy.deepcopy(self._bodies[key])
        if not body["metadata"].get("finalizers"):
            del self._bodies[key]
            return
        body["metadata"]["deletionTimestamp"] = "2026-11-25T10:00:00Z"
        if "generation" in body["metadata"]:  # as the API server does
            body["metadata"]["generation"] += 1
        self._put(key, body)

    def poke(self, key: Key, change: Callable[[dict[str, Any]], object]) -> None:
        """Write an object as nobody should."""
        body = copy.deepcopy(self._bodies[key])
        change(body)
        self._put(key, body)

    # What can be seen.

    def get(self, key: Key) -> KubeObject | None:
        body = self._bodies.get(key)
        return KubeObject.of(body) if body is not None else None

    def object(self, key: Key) -> KubeObject:
        """The object, which must be there."""
        return KubeObject.of(self._bodies[key])

    def objects(self, kind: str, namespace: str | None = None) -> list[KubeObject]:
        keys = sorted(key for key in self._bodies if key.kind == kind and namespace in (None, key.namespace))
        return [KubeObject.of(self._bodies[key]) for key in keys]

    def referrers(self, key: Key) -> list[KubeObject]:
        found = []
        for other in sorted(self._bodies):
            reconciler = self.reconcilers.get(other.kind)
            if reconciler is not None and key in set(reconciler.references(self.object(other))):
                found.append(self.object(other))
        return found

    def ready(self, key: Key) -> tuple[str, str]:
        """Status and reason of ``Ready``."""
        return self.says(key, "Ready")

    def says(self, key: Key, kind: str) -> tuple[str, str]:
        """Status and reason of a condition; empty where it is not there."""
        found = self.object(key).condition(kind) or {}
        return str(found.get("status", "")), str(found.get("reason", ""))

    def message(self, key: Key, kind: str = "Ready") -> str:
        """Message of a condition."""
        return str((self.object(key).condition(kind) or {}).get("message", ""))

    def progress(self, key: Key) -> str:
        """Which of Reconciling and Stalled is there, or nothing."""
        there = [kind for kind in ("Reconciling", "Stalled") if self.object(key).condition(kind)]
        assert len(there) <= 1
        return "".join(there)

    def told(self, key: Key) -> list[str]:
        """The reasons of the Events since the last time."""
        told = [event.reason for event in self.events.get(key, ())]
        self.events[key] = []
        return told

    # What the operator's process does.

    def restart(self) -> None:
        """Another process takes over: it remembers nothing, and acts from now on."""
        self._memory.clear()
        self._acting_since = self.clock.monotonic()

    def visit(self, key: Key, *, fresh_after: float | None = None, deep: bool = True) -> Result | None:
        """One visit, its result carried out; to be made again where the object has changed meanwhile.

        None where the object is gone.

        Args:
            key: which object.
            fresh_after: monotonic seconds; the beginning of the visit if left out.
            deep: False for a visit that only a change of something it refers to has caused.
        """
        if key not in self._bodies:
            return None
        attempt = _Attempt(self, key, self.clock.monotonic() if fresh_after is None else fresh_after, deep=deep)
        result = self.reconcilers[key.kind].reconcile(attempt)
        return result if self._carry_out(attempt.resource, result) else Result(result.verdict, Again(0.0))

    def settle(self, key: Key, visits: int = 50) -> Result | None:
        """Visit until nothing is left to do but to wait for a change, letting time go by as asked for."""
        for _ in range(visits):
            result = self.visit(key)
            match result.next if result else None:
                case Again(seconds):
                    self.clock.advance(seconds)
                case BackOff(at_least):
                    self.clock.advance(max(at_least, 1.0))
                case Gone() if key in self._bodies and not self.object(key).deleting:
                    continue
                case _:
                    return result
        raise AssertionError(f"{key} does not settle in {visits} visits: {self._bodies[key].get('status')}")

    def _carry_out(self, resource: KubeObject, result: Result) -> bool:
        """Write what a visit came to; False where the object has changed meanwhile, and nothing is written."""
        key = resource.key
        current = self.get(key)
        if current is None or current.resource_version != resource.resource_version:
            return False
        body = {**resource.body, "metadata": dict(resource.metadata)}
        if isinstance(result.next, Gone):

            def release() -> None:
                meta = body["metadata"]
                meta["finalizers"] = [name for name in meta.get("finalizers") or () if name != FINALIZER]
                if meta.get("deletionTimestamp") and not meta["finalizers"]:
                    del self._bodies[key]
                else:
                    self._put(key, body)

            self.on_kube("finalizer", release)
            return True
        status = copy.deepcopy(wished(resource, result, self.clock.now()))  # the reconciler may go on with its own
        if merge_patch(resource.status, status):

            def write() -> None:
                self._put(key, {**body, "status": status})
                self.status_writes[key] = self.status_writes.get(key, 0) + 1

            self.on_kube("status", write)
        return True

    def _put(self, key: Key, body: dict[str, Any]) -> None:
        CANARY.absent(f"the status of {key}", json.dumps(body.get("status")))
        body["metadata"]["resourceVersion"] = str(next(self._versions))
        self._bodies[key] = body


def _engine_fields(status: Mapping[str, Any]) -> dict[str, Any]:
    return {name: status[name] for name in ("conditions", "observedGeneration") if name in status}


class _Attempt:
    """The contract's ``Attempt``."""

    def __init__(self, cluster: Cluster, key: Key, fresh_after: float, *, deep: bool) -> None:
        self._cluster = cluster
        self._key = key
        self._resource = cluster.object(key)
        self._fresh_after = fresh_after
        self._view = SteadyView(cluster)
        self.deep = deep
        # Held to the end: the object may go meanwhile, and what is remembered of it.
        self._memory = cluster._memory.setdefault(self._resource.uid, {})

    @property
    def resource(self) -> KubeObject:
        return self._resource

    @property
    def view(self) -> View:
        return self._view

    @property
    def memory(self) -> MutableMapping[str, Any]:
        return self._memory

    @property
    def clock(self) -> ManualClock:
        return self._cluster.clock

    @property
    def acting_since(self) -> float:
        return self._cluster._acting_since

    @property
    def fresh_after(self) -> float:
        return self._fresh_after

    def claim(self) -> bool:
        if FINALIZER in self._resource.finalizers:
            return False

        def patch() -> None:
            former = self._cluster._bodies.get(self._key)
            if former is None or former["metadata"].get("deletionTimestamp"):
                raise Superseded(f"{self._key} goes, or is gone")
            body = {**former, "metadata": dict(former["metadata"])}
            body["metadata"]["finalizers"] = [*(body["metadata"].get("finalizers") or ()), FINALIZER]
            self._cluster._put(self._key, body)
            self._cluster.claims[self._key] = self._cluster.claims.get(self._key, 0) + 1

        self._cluster.on_kube("claim", patch)
        self._resource = self._cluster.object(self._key)
        return True

    def record(self, status: Mapping[str, Any]) -> bool:
        cluster, resource = self._cluster, self._resource
        wanted = {**copy.deepcopy(without_nulls(status)), **_engine_fields(resource.status)}
        if not merge_patch(resource.status, wanted):
            return False

        def write() -> None:
            current = cluster.get(self._key)
            if current is None or current.resource_version != resource.resource_version:
                raise Superseded(f"{self._key} has changed meanwhile")
            body = {**current.body, "metadata": dict(current.metadata)}
            cluster._put(self._key, {**body, "status": wanted})
            cluster.status_writes[self._key] = cluster.status_writes.get(self._key, 0) + 1
            cluster.records[self._key] = cluster.records.get(self._key, 0) + 1

        cluster.on_kube("record", write)
        self._resource = cluster.object(self._key)
        return True

    def event(self, reason: str, message: str, *, warning: bool = False) -> None:
        CANARY.absent(f"an Event of {self._key}", f"{reason} {message}")
        self._cluster.events.setdefault(self._key, []).append(Told(reason, message, warning))
