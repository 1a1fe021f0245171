"""One visit from beginning to end, in a worker thread: reconcile, then write what it came to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from infomaniak_operator.engine.attempt import VisitAttempt
from infomaniak_operator.engine.changes import Change
from infomaniak_operator.engine.conditions import READY, RECONCILING, STALLED
from infomaniak_operator.engine.contract import (
    FINALIZER,
    GROUP,
    Again,
    Aspect,
    BackOff,
    Clock,
    Gone,
    KubeObject,
    Next,
    Progress,
    Reason,
    Reconciler,
    Result,
    Superseded,
    Verdict,
    said_reason,
    said_status,
)
from infomaniak_operator.engine.events import EventRecorder
from infomaniak_operator.engine.finalizer import release_patch
from infomaniak_operator.engine.kube import Body, Conflict, Kube, KubeError, NotFound, ResourceType, Standby
from infomaniak_operator.engine.queue import Item
from infomaniak_operator.engine.status import status_patch
from infomaniak_operator.engine.store import Store

_FAILURES_TOLD = 3
"""After so many unexpected failures in a row the object says so."""

_log = logging.getLogger(__name__)


class Ending(StrEnum):
    """How a visit ended; the label of its metric."""

    DONE = "done"
    ABSENT = "absent"
    SUPERSEDED = "superseded"
    STANDBY = "standby"
    KUBE_ERROR = "kube_error"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the controller must know of a visit.

    Attributes:
        ending: how it ended.
        next: when to come back; only after ``DONE``.
        sequence: the store's sequence when the visit began: what changed later was not seen.
        uid: the object that was visited.
    """

    ending: Ending
    next: Next | None = None
    sequence: int = 0
    uid: str = ""


@dataclass(slots=True)
class Record:
    """What is remembered of one object (uid) between its visits."""

    memory: dict[str, Any] = field(default_factory=dict)
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


_IDENTITY = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp")
"""What is kept of the metadata of every object."""
_OURS = f"{GROUP}/"
"""How the annotations begin that concern us; others may hold a second copy of the object."""


def wrap(resource_type: ResourceType, body: Mapping[str, Any]) -> KubeObject:
    """What is held of an object of a kind; items of a LIST lack ``apiVersion`` and ``kind``, which are added.

    Neither who wrote which field nor the annotations of others: they are nobody's business here, and may be larger than
    all the rest.
    """
    whole = {"apiVersion": resource_type.api_version, "kind": resource_type.kind, **body}
    if resource_type.keep:
        kept, meta = resource_type.keep(whole), body.get("metadata") or {}
        identity = {name: meta[name] for name in _IDENTITY if name in meta}
        whole = {
            "apiVersion": whole["apiVersion"],
            "kind": whole["kind"],
            **kept,
            "metadata": {**identity, **(kept.get("metadata") or {})},
        }
    else:
        meta = dict(body.get("metadata") or {})
        meta.pop("managedFields", None)
        if annotations := meta.pop("annotations", None):
            ours = {name: value for name, value in annotations.items() if name.startswith(_OURS)}
            meta |= {"annotations": ours} if ours else {}
        whole["metadata"] = meta
    return KubeObject.of(whole, resource_type.kind)


class Visits:
    """Visits objects; safe to use from any thread, never twice at once for one key.

    Args:
        reconcilers: by kind.
        resources: by kind, how the API names it.
        kube: the API server.
        store: what is known.
        clock: the time.
        recorder: where Events go.
        own_change: told, in the worker thread, of what our own writes changed in the store.
    """

    def __init__(
        self,
        reconcilers: Mapping[str, Reconciler],
        resources: Mapping[str, ResourceType],
        *,
        kube: Kube,
        store: Store,
        clock: Clock,
        recorder: EventRecorder,
        own_change: Callable[[Change, bool], None],
    ) -> None:
        self._reconcilers = reconcilers
        self._resources = resources
        self._kube = kube
        self._store = store
        self._clock = clock
        self._recorder = recorder
        self._own_change = own_change
        self.records = Records()
        self.acting_since = clock.monotonic()

    def visit(self, item: Item) -> Outcome:
        """Visit an object. Raises nothing."""
        key = item.key
        sequence = self._store.sequence
        resource = self._store.get(key)
        if resource is None or (resource.deleting and FINALIZER not in resource.finalizers):
            return Outcome(Ending.ABSENT)
        record = self.records.of(resource.uid)
        attempt = VisitAttempt(
            resource,
            self._store,
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
            ending, following = self._visit(attempt, record)
        except Exception:  # noqa: BLE001 - a visit that fails is tried again, whatever it is
            _log.exception("%s: the visit failed unexpectedly", key)
            ending, following = Ending.FAILED, None
        return Outcome(ending, following, sequence, resource.uid)

    def refresh(self, resource: KubeObject) -> None:
        """Ask the API server for an object that is not, or may not be, as the store has it.

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
        change = self._store.upsert(found)
        if change:
            self._own_change(change, False)

    def _visit(self, attempt: VisitAttempt, record: Record) -> tuple[Ending, Next | None]:
        key = attempt.resource.key
        try:
            result = self._reconcile(attempt, record)
            return Ending.DONE if record.failures == 0 else Ending.FAILED, self._conclude(attempt.resource, result)
        except Superseded as signal:
            _log.debug("%s: superseded: %s", key, signal)
        except (Conflict, NotFound) as error:
            _log.debug("%s: changed or gone meanwhile: %s", key, error)
        except Standby as error:
            _log.info("%s: the visit ends: %s", key, error)
            return Ending.STANDBY, None
        except KubeError as error:
            _log.warning("%s: the API server: %s", key, error)
            return Ending.KUBE_ERROR, None
        try:
            self.refresh(attempt.resource)
        except KubeError as error:
            _log.warning("%s: the API server: %s", key, error)
            return Ending.KUBE_ERROR, None
        return Ending.SUPERSEDED, None

    def _reconcile(self, attempt: VisitAttempt, record: Record) -> Result | None:
        """The reconciler's result; None: it failed, and the status stays as it is.

        Raises:
            Superseded, KubeError: as the contract has it.
        """
        key = attempt.resource.key
        try:
            result = self._reconcilers[key.kind].reconcile(attempt)
        except (Superseded, KubeError):
            raise
        except Exception as error:  # noqa: BLE001 - a defect in one kind must not stop the others
            record.failures += 1
            _log.exception("%s: the reconciler failed, %d times in a row now", key, record.failures)
            return _failed(attempt.resource, error) if record.failures >= _FAILURES_TOLD else None
        record.failures = 0
        return result

    def _conclude(self, resource: KubeObject, result: Result | None) -> Next | None:
        """Write what a visit came to."""
        if result is None:
            return None
        if isinstance(result.next, Gone):
            patch = release_patch(resource)
            if patch:
                self._patch(resource, patch)
                if not resource.deleting:
                    return Again(0.0)  # given up, and still there: how it stands is for another visit to say
            return result.next
        key = resource.key
        resource_type = self._resources[key.kind]
        patch = None if resource_type.guarded else status_patch(resource, result, self._clock.now())
        if patch:
            self._patch_status(resource, patch)
        return result.next

    def _patch(self, resource: KubeObject, patch: Body) -> KubeObject:
        key = resource.key
        resource_type = self._resources[key.kind]
        return self._take(resource_type, self._kube.patch(resource_type, key.namespace, key.name, patch))

    def _patch_status(self, resource: KubeObject, patch: Body) -> KubeObject:
        key = resource.key
        resource_type = self._resources[key.kind]
        return self._take(resource_type, self._kube.patch_status(resource_type, key.namespace, key.name, patch))

    def _take(self, resource_type: ResourceType, body: Body) -> KubeObject:
        """Put the answer to a write of ours into the store at once: no visit starts from anything older."""
        written = wrap(resource_type, body)
        if written.deleting and not written.finalizers:
            self._lost(written)
            return written
        change = self._store.upsert(written)
        if change:
            self._own_change(change, True)
        return written

    def _lost(self, resource: KubeObject) -> None:
        change = self._store.delete(resource.key, resource.uid)
        if change:
            self._own_change(change, True)


def _failed(resource: KubeObject, error: Exception) -> Result:
    """What an object says whose reconciler fails again and again: the name of the error only, not its text."""
    message = (
        f"the operator itself fails on this object ({type(error).__name__}); its log says where; it goes on trying"
    )
    aspects: dict[str, Aspect] = {}
    for condition in resource.conditions:
        if condition["type"] not in (READY, RECONCILING, STALLED):
            message = str(condition.get("message", ""))
            aspects[condition["type"]] = Aspect(said_status(condition), said_reason(condition), message)
    return Result(Verdict(False, Reason.CLOUD_ERROR, message, Progress.RECONCILING, aspects), BackOff())
