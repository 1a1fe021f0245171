"""One reconcile from beginning to end, in a worker thread: reconcile, then write what it came to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from infomaniak_operator.controller.cache.kept import wrap
from infomaniak_operator.controller.cache.object_cache import ObjectCache
from infomaniak_operator.controller.cache.predicates import Change
from infomaniak_operator.controller.interfaces import (
    FINALIZER,
    READY,
    RECONCILING,
    STALLED,
    Clock,
    Condition,
    Conditions,
    Finalized,
    ForeignCondition,
    KubeObject,
    Memory,
    Next,
    Progress,
    Reason,
    Reconciler,
    RequeueAfter,
    Result,
    Retry,
    Superseded,
    said_reason,
    said_status,
)
from infomaniak_operator.controller.kube.event_recorder import EventRecorder
from infomaniak_operator.controller.kube.finalizer import release_patch
from infomaniak_operator.controller.kube.kube_api import (
    Body,
    Conflict,
    Kube,
    KubeError,
    KubeType,
    NotFound,
    Rejected,
    Standby,
)
from infomaniak_operator.controller.kube.status_patch import foreign_condition_patch, status_patch
from infomaniak_operator.controller.work_queue import Item
from infomaniak_operator.controller.worker_request import WorkerRequest

_FAILURES_TOLD = 3
"""After so many unexpected failures in a row the object says so."""

_log = logging.getLogger(__name__)


class Ending(StrEnum):
    """How a reconcile ended; the label of its metric."""

    DONE = "done"
    ABSENT = "absent"
    SUPERSEDED = "superseded"
    STANDBY = "standby"
    KUBE_ERROR = "kube_error"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the dispatcher must know of a reconcile.

    Attributes:
        ending: how it ended.
        next: when to come back; only after ``DONE``.
        sequence: the cache's sequence when the reconcile began: what changed later was not seen.
        uid: the object that was reconciled.
    """

    ending: Ending
    next: Next | None = None
    sequence: int = 0
    uid: str = ""


@dataclass(slots=True)
class Record:
    """What is remembered of one object (uid) between its reconciles."""

    memory: Memory = field(default_factory=Memory)
    failures: int = 0


class Records:
    """The records by uid; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: dict[str, Record] = {}

    def __len__(self) -> int:
        return len(self._records)

    def of(self, uid: str) -> Record:
        """The record of an object, made if there is none."""
        with self._lock:
            return self._records.setdefault(uid, Record())

    def drop(self, uid: str) -> None:
        """Forget an object."""
        with self._lock:
            self._records.pop(uid, None)


class Worker:
    """Reconciles objects; safe to use from any thread, never twice at once for one key.

    Args:
        reconcilers: by kind.
        resources: by kind, how the API names it.
        kube: the API server.
        cache: what is known.
        clock: the time.
        recorder: where Events go.
        own_change: told, in the worker thread, of what our own writes changed in the cache.
    """

    def __init__(
        self,
        reconcilers: Mapping[str, Reconciler],
        resources: Mapping[str, KubeType],
        *,
        kube: Kube,
        cache: ObjectCache,
        clock: Clock,
        recorder: EventRecorder,
        own_change: Callable[[Change, bool], None],
    ) -> None:
        self._reconcilers = reconcilers
        self._resources = resources
        self._kube = kube
        self._cache = cache
        self._clock = clock
        self._recorder = recorder
        self._own_change = own_change
        self.records = Records()
        self.acting_since = clock.monotonic()

    def reconcile(self, item: Item) -> Outcome:
        """Reconcile an object. Raises nothing."""
        key = item.key
        sequence = self._cache.sequence
        resource = self._cache.get(key)
        if resource is None or (resource.deleting and FINALIZER not in resource.finalizers):
            return Outcome(Ending.ABSENT)
        record = self.records.of(resource.uid)
        request = WorkerRequest(
            resource,
            self._cache,
            record.memory,
            self._clock,
            acting_since=self.acting_since,
            fresh_after=item.since,
            deep=item.deep,
            patch=self._patch,
            patch_status=self._patch_status,
            recorder=self._recorder,
        )
        try:
            ending, following = self._reconcile(request, record)
        except Exception:  # noqa: BLE001 - a reconcile that fails is tried again, whatever it is
            _log.exception("%s: the reconcile failed unexpectedly", key)
            ending, following = Ending.FAILED, None
        return Outcome(ending, following, sequence, resource.uid)

    def refresh(self, resource: KubeObject) -> None:
        """Ask the API server for an object that is not, or may not be, as the cache has it.

        Raises:
            KubeError: it could not be asked.
        """
        key = resource.key
        resource_type = self._resources[key.kind]
        if resource_type.label_selector:
            return  # asking for one by name takes a right that we do not have; the watch will tell
        try:
            found = wrap(resource_type, self._kube.get(resource_type, key.namespace, key.name))
        except NotFound:
            self._lost(resource)
            return
        change = self._cache.upsert(found)
        if change:
            self._own_change(change, False)

    def _reconcile(self, request: WorkerRequest, record: Record) -> tuple[Ending, Next | None]:
        key = request.resource.key
        try:
            result = self._ask(request, record)
            return Ending.DONE if record.failures == 0 else Ending.FAILED, self._conclude(request.resource, result)
        except Superseded as signal:
            _log.debug("%s: superseded: %s", key, signal)
        except (Conflict, NotFound) as error:
            _log.debug("%s: changed or gone meanwhile: %s", key, error)
        except Standby as error:
            _log.info("%s: the reconcile ends: %s", key, error)
            return Ending.STANDBY, None
        except KubeError as error:
            _log.warning("%s: the API server: %s", key, error)
            return Ending.KUBE_ERROR, None
        try:
            self.refresh(request.resource)
        except KubeError as error:
            _log.warning("%s: the API server: %s", key, error)
            return Ending.KUBE_ERROR, None
        return Ending.SUPERSEDED, None

    def _ask(self, request: WorkerRequest, record: Record) -> Result | None:
        """The reconciler's result; None: it failed, and the status stays as it is.

        Raises:
            Superseded, KubeError: as ``Reconciler.reconcile`` has it.
        """
        key = request.resource.key
        try:
            result = self._reconcilers[key.kind].reconcile(request)
        except (Superseded, KubeError):
            raise
        except Exception as error:  # noqa: BLE001 - a defect in one kind must not stop the others
            record.failures += 1
            _log.exception("%s: the reconciler failed, %d times in a row now", key, record.failures)
            return _failed(request.resource, error) if record.failures >= _FAILURES_TOLD else None
        record.failures = 0
        return result

    def _conclude(self, resource: KubeObject, result: Result | None) -> Next | None:
        """Write what a reconcile came to."""
        if result is None:
            return None
        if isinstance(result.next, Finalized):
            patch = release_patch(resource)
            if patch:
                self._patch(resource, patch)
                if not resource.deleting:
                    return RequeueAfter(0.0)  # given up, and still there: how it stands is for another reconcile to say
            return result.next
        key = resource.key
        resource_type = self._resources[key.kind]
        patch = None if resource_type.guarded else status_patch(resource, result, self._clock.now())
        if patch:
            self._patch_status(resource, patch)
        for each in result.foreign:
            self._say_elsewhere(each)
        return result.next

    def _say_elsewhere(self, wanted: ForeignCondition) -> None:
        """Write a condition of an object that is not ours, unless it is there so, or the object is another by now."""
        resource_type, there = self._resources.get(wanted.key.kind), self._cache.get(wanted.key)
        if resource_type is None or there is None or there.uid != wanted.uid:
            return
        patch = foreign_condition_patch(there, wanted, self._clock.now())
        if patch is None:
            return
        key = wanted.key
        try:
            self._take(resource_type, self._kube.patch_condition(resource_type, key.namespace, key.name, patch))
        except (Conflict, NotFound, Rejected) as error:  # it has changed or gone meanwhile, or is another one by now
            _log.info("%s: condition %s is not written: %s", key, wanted.type, error)

    def _patch(self, resource: KubeObject, patch: Body) -> KubeObject:
        key = resource.key
        resource_type = self._resources[key.kind]
        return self._take(resource_type, self._kube.patch(resource_type, key.namespace, key.name, patch))

    def _patch_status(self, resource: KubeObject, patch: Body) -> KubeObject:
        key = resource.key
        resource_type = self._resources[key.kind]
        return self._take(resource_type, self._kube.patch_status(resource_type, key.namespace, key.name, patch))

    def _take(self, resource_type: KubeType, body: Body) -> KubeObject:
        """Put the answer to a write of ours into the cache at once: no reconcile starts from anything older."""
        written = wrap(resource_type, body)
        if written.deleting and not written.finalizers:
            self._lost(written)
            return written
        change = self._cache.upsert(written)
        if change:
            self._own_change(change, True)
        return written

    def _lost(self, resource: KubeObject) -> None:
        change = self._cache.delete(resource.key, resource.uid)
        if change:
            self._own_change(change, True)


def _failed(resource: KubeObject, error: Exception) -> Result:
    """What an object says whose reconciler fails again and again: the name of the error only, not its text."""
    message = (
        f"the operator itself fails on this object ({type(error).__name__}); its log says where; it goes on trying"
    )
    further: dict[str, Condition] = {}
    for condition in resource.conditions:
        if condition["type"] not in (READY, RECONCILING, STALLED):
            message = str(condition.get("message", ""))
            further[condition["type"]] = Condition(said_status(condition), said_reason(condition), message)
    return Result(Conditions(False, Reason.CLOUD_ERROR, message, Progress.RECONCILING, further), Retry())
