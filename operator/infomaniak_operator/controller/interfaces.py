"""What the controller and the reconcilers say to each other: objects in, results out.

The controller calls ``Reconciler.reconcile(request)`` in a worker thread, never twice at once for one object. With the
``Result`` it does all that concerns Kubernetes: status, conditions, finalizer, Events, the next reconcile. A reconciler
never speaks to Kubernetes but through its ``ReconcileRequest``.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, NamedTuple, Protocol, TypeVar

GROUP = "network.infomaniak.cloud"
VERSION = "v1alpha1"
FINALIZER = f"{GROUP}/cleanup"
"""The finalizer of every object that owns something in the cloud."""


PartT = TypeVar("PartT")


class Key(NamedTuple):
    """The identity of an object in the queue and the cache: kind, namespace and name.

    A tuple, for its hash and its order are asked for some thirty times in each reconcile.
    """

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class KubeObject:
    """One version of an object, as the API server gave it. ``body`` is shared: read it, never write it."""

    key: Key
    body: Mapping[str, Any] = field(repr=False)
    """Not in the repr: it may be a Secret's."""

    @classmethod
    def of(cls, body: Mapping[str, Any], kind: str | None = None) -> KubeObject:
        """Wrap a body; ``kind`` is for items of a LIST, which come without one."""
        meta = body.get("metadata", {})
        return cls(Key(kind or str(body["kind"]), meta.get("namespace", ""), meta["name"]), body)

    @property
    def metadata(self) -> Mapping[str, Any]:
        """``metadata``."""
        return self.body.get("metadata") or {}

    @property
    def uid(self) -> str:
        """``metadata.uid``."""
        return str(self.metadata.get("uid", ""))

    @property
    def generation(self) -> int:
        """``metadata.generation``: rises with every change of the spec."""
        return int(self.metadata.get("generation", 0))

    @property
    def resource_version(self) -> str:
        """``metadata.resourceVersion``."""
        return str(self.metadata.get("resourceVersion", ""))

    @property
    def created(self) -> str:
        """``metadata.creationTimestamp`` (RFC 3339, sorts as text)."""
        return str(self.metadata.get("creationTimestamp", ""))

    @property
    def deleting(self) -> bool:
        """Whether the object is Terminating."""
        return bool(self.metadata.get("deletionTimestamp"))

    @property
    def finalizers(self) -> tuple[str, ...]:
        """``metadata.finalizers``."""
        return tuple(self.metadata.get("finalizers") or ())

    @property
    def annotations(self) -> Mapping[str, str]:
        """``metadata.annotations``."""
        return self.metadata.get("annotations") or {}

    @property
    def labels(self) -> Mapping[str, str]:
        """``metadata.labels``."""
        return self.metadata.get("labels") or {}

    @property
    def spec(self) -> object:
        """``spec``: a mapping, which only what knows the kind can read."""
        return self.body.get("spec") or {}

    @property
    def status(self) -> object:
        """``status``: a mapping, empty where there is none, which only what knows the kind can read."""
        return self.json_status

    @property
    def json_status(self) -> Mapping[str, Any]:
        """``status`` for what treats all its fields alike, or reads those that are the controller's."""
        found = self.body.get("status")
        return found if isinstance(found, Mapping) else {}

    @property
    def conditions(self) -> list[Mapping[str, Any]]:
        """``status.conditions``, without what is no condition: a newer version, or a hand, may have written it."""
        found = self.json_status.get("conditions")
        items = found if isinstance(found, list | tuple) else ()
        return [each for each in items if isinstance(each, Mapping) and isinstance(each.get("type"), str)]

    def condition(self, kind: str) -> Mapping[str, Any] | None:
        """The condition of that type in ``status.conditions``, or None."""
        return next((each for each in self.conditions if each["type"] == kind), None)


class Reason(StrEnum):
    """The closed list of reasons that conditions use."""

    AVAILABLE = "Available"
    CREATING = "Creating"
    UPDATING = "Updating"
    DELETING = "Deleting"
    WAITING_FOR_REFERENCE = "WaitingForReference"
    IN_USE = "InUse"
    CLOUD_ERROR = "CloudError"
    QUOTA_EXCEEDED = "QuotaExceeded"
    INVALID_CONFIGURATION = "InvalidConfiguration"
    CREDENTIALS_INVALID = "CredentialsInvalid"
    CONFLICT = "Conflict"
    PAUSED = "Paused"
    DRY_RUN = "DryRun"
    EXTERNALLY_DELETED = "ExternallyDeleted"


READY = "Ready"
RECONCILING = "Reconciling"
STALLED = "Stalled"

RESTING = frozenset({READY, "ReferencesResolved", "CredentialsValid", "Synced", "ReverseDNS", "Healthy"})
"""The types that are True, or not there, while all is as it should be."""

MAX_REASON = 1024
"""The API conventions' bound on a condition's reason."""


def said_reason(condition: Mapping[str, Any]) -> str:
    """The reason that a condition has: as it is, for a newer version may know more of them; one there must be."""
    reason = condition.get("reason")
    if isinstance(reason, str) and reason.isascii() and reason:
        return reason[:MAX_REASON]
    return Reason.AVAILABLE if condition.get("status") == "True" else Reason.CLOUD_ERROR


def said_status(condition: Mapping[str, Any]) -> bool | None:
    """The status that a condition has: True, False, or None for Unknown and all else."""
    return {"True": True, "False": False}.get(str(condition.get("status")))


def as_it_should_be(resource: KubeObject, *, whatever: Iterable[str] = ()) -> bool:
    """Whether every condition says that nothing is to be done: ``Ready`` is True, and so are the others that are there.

    Args:
        resource: the object.
        whatever: the types that may say anything. A type that only another version knows is never among them: what it
            means is not known, so the object is looked at, and the condition goes.
    """
    if resource.conditions != resource.json_status.get("conditions", []):
        return False  # there is something that is no condition
    said = {each["type"]: each.get("status") for each in resource.conditions}
    if said.pop(RECONCILING, "False") != "False" or said.pop(STALLED, "False") != "False":
        return False
    return said.get(READY) == "True" and all(
        kind in RESTING and status == "True" for kind, status in said.items() if kind not in whatever
    )


class Progress(Enum):
    """Which of the two kstatus conditions is there: neither, ``Reconciling``, or ``Stalled``."""

    SETTLED = "settled"
    RECONCILING = "reconciling"
    STALLED = "stalled"


@dataclass(frozen=True, slots=True)
class Condition:
    """One further condition: ``status`` is True, False, or None for Unknown.

    ``reason`` is a ``Reason``, or what the condition said before, see ``said_reason``.
    """

    status: bool | None
    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Conditions:
    """How an object stands, from which the controller, the one author of conditions, writes them.

    Attributes:
        ready: the ``Ready`` condition: True or False; None leaves the former ``Ready`` as it was (paused), and gives
            Unknown where there was none.
        reason: reason of ``Ready`` and of ``Reconciling`` or ``Stalled``.
        message: for a person: names the object waited for, the field at fault, the cloud's own words, its request id.
        progress: which of ``Reconciling`` and ``Stalled`` is there.
        further: the other conditions by type (``ReferencesResolved``, ``CredentialsValid``, ``Synced``, ``ReverseDNS``,
            ``Healthy``).
            One left out is removed.
    """

    ready: bool | None
    reason: str
    message: str = ""
    progress: Progress = Progress.SETTLED
    further: Mapping[str, Condition] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """All is as wished: reconcile again at the next resync, or when something changes."""


@dataclass(frozen=True, slots=True)
class RequeueAfter:
    """Reconcile again, quietly, after that many seconds (PENDING in the cloud, a grace time, an object in use)."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Retry:
    """A passing failure: reconcile again after the object's own rising delay with jitter.

    Attributes:
        at_least: seconds that the delay has at the least.
        at_most: seconds that it has at the most: the attempt itself costs nothing.
    """

    at_least: float = 0.0
    at_most: float = math.inf


@dataclass(frozen=True, slots=True)
class WaitingFor:
    """Waits for objects: an event of one of these keys wakes it, as do those ``Reconciler.references`` names.

    With ``seconds`` it is reconciled after that time all the same: no event may tell of what stands in its way.
    """

    keys: frozenset[Key]
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Stalled:
    """A person must change something: reconcile when the object or what it refers to changes, and at each resync."""


@dataclass(frozen=True, slots=True)
class Finalized:
    """Nothing is left in the cloud (or nothing is to be taken from it): the finalizer goes. Status is not written.

    An object that had the finalizer and is not Terminating is reconciled again at once.
    """


Next = Done | RequeueAfter | Retry | WaitingFor | Stalled | Finalized


@dataclass(frozen=True, slots=True)
class ForeignCondition:
    """A condition to be written into the status of an object that is not ours: a readiness gate of a Pod.

    Attributes:
        key: the object.
        uid: which of that name is meant: another one is left alone.
        type: the condition's.
        status: its status.
        reason: one word.
        message: for a person.
    """

    key: Key
    uid: str
    type: str
    status: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Result:
    """What one reconcile came to.

    Attributes:
        conditions: how the object stands.
        next: when to come back.
        status: the kind's own status fields, whole: a field left out is removed. ``observedGeneration`` and
            ``conditions`` are the controller's. None leaves the kind's fields as they are.
        foreign: conditions of other objects, written after the status, each only where it is not there so already.
    """

    conditions: Conditions
    next: Next
    status: Mapping[str, object] | None = None
    foreign: Sequence[ForeignCondition] = ()


class Superseded(Exception):  # noqa: N818 - a signal, not an error
    """The object has changed or gone since this reconcile began: the controller drops it and reconciles again."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What an object has in common with others, so that they take turns.

    Attributes:
        alone: names what only one reconcile at a time may work on; None: there is nothing of the kind.
        cloud: names the cloud that answers its requests, as far as it is known.
    """

    alone: str | None = None
    cloud: str | None = None


NO_SHARES = Shares()


class CacheReader(Protocol):
    """Read access to the cache: what was last heard of every watched object, the operator's own writes included."""

    def get(self, key: Key) -> KubeObject | None:
        """The object, or None if there is none."""

    def objects(self, kind: str, namespace: str | None = None) -> list[KubeObject]:
        """All objects of a kind, in one namespace or in all, sorted by key."""

    def referrers(self, key: Key) -> list[KubeObject]:
        """The objects whose ``references`` name this key, sorted by key."""


class Clock(Protocol):
    """Time, injected."""

    def monotonic(self) -> float:
        """Seconds that never go back: for delays and deadlines."""

    def now(self) -> float:
        """Seconds since the epoch, UTC: for timestamps that people read."""


class Memory:
    """What this process remembers of one object (uid) between its reconciles; gone with the process, or the object.

    Each part of a reconciler has a type of its own for what it remembers, made without arguments at first use.
    """

    def __init__(self) -> None:
        self._parts: dict[type[Any], Any] = {}

    def of(self, part: type[PartT]) -> PartT:
        """What is remembered of that type."""
        found: PartT | None = self._parts.get(part)
        if found is None:
            found = self._parts[part] = part()
        return found


class ReconcileRequest(Protocol):
    """One reconcile of one object: all a reconciler may see and do in Kubernetes. Used from one worker thread."""

    @property
    def resource(self) -> KubeObject:
        """The object as it stands; ``add_finalizer`` and ``record`` replace it by the newer version."""

    @property
    def view(self) -> CacheReader:
        """The other objects."""

    @property
    def memory(self) -> Memory:
        """What this process remembers of the object between reconciles: ids of creates until status shows them."""

    @property
    def clock(self) -> Clock:
        """The time."""

    @property
    def acting_since(self) -> float:
        """Monotonic seconds when this process became the one that acts: a former one sent no request later."""

    @property
    def fresh_after(self) -> float:
        """Monotonic seconds: an observation of the cloud that began earlier says nothing about this reconcile."""

    @property
    def deep(self) -> bool:
        """Whether the reconcile has a cause of its own: the object was written, its resync or its delay has come.

        False where only something it refers to has changed: if that leaves the inputs as they were, there is nothing
        to do.
        """

    def add_finalizer(self) -> bool:
        """Make sure the finalizer is there, right before the first writing cloud call.

        Returns:
            True if this call set it, False if it was there.

        Raises:
            Superseded: the object has changed or gone meanwhile.
            KubeError: the API server could not be asked (the controller backs off).
        """

    def record(self, status: Mapping[str, object]) -> bool:
        """Write the kind's own status fields at once, ahead of the call to the cloud that they are about.

        Conditions and ``observedGeneration`` stay as they are.

        Args:
            status: the kind's own status fields, whole, as in ``Result.status``.

        Returns:
            True if this call wrote them, False if they were so already.

        Raises:
            Superseded: the object has changed or gone meanwhile.
            KubeError: the API server could not be asked, or its answer was lost (the controller backs off).
        """

    def event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Publish a Kubernetes Event on the object; it is sent later and never fails the reconcile."""


class Reconciler(Protocol):
    """One kind's logic. Instances hold no state that matters: it must be right after a restart at any point."""

    @property
    def kind(self) -> str:
        """The kind it is for."""

    def references(self, resource: KubeObject) -> Iterable[Key]:
        """The keys this object depends on (Secrets too): a change of one of them wakes it. Pure and cheap."""

    def shares(self, resource: KubeObject, view: CacheReader) -> Shares:
        """What it has in common with others. Called in the event loop, again and again: pure and cheap."""

    def inputs_hash(self, resource: KubeObject, view: CacheReader) -> str | None:
        """A hash of all that decides what the cloud should be; None if it cannot be known yet.

        An object that is Ready with the same ``status.inputsHash`` after a restart waits for the resync.
        """

    def reconcile(self, request: ReconcileRequest) -> Result:
        """Observe, decide, act. Deletion too: when ``request.resource.deleting``, clean up and return ``Finalized``.

        Any exception but ``Superseded`` is a defect or a Kubernetes failure: the controller logs it and backs off.
        """


@dataclass(frozen=True, slots=True)
class Polled:
    """What a look at a place outside Kubernetes came to.

    Attributes:
        keys: the objects whose status says something else than was seen, each to be reconciled.
        trouble: why the place could not be looked at, or not to the end; empty if it could. Then nothing is concluded
            from what was not seen, and the next look is later.
    """

    keys: tuple[Key, ...] = ()
    trouble: str = ""


class PollTarget(Protocol):
    """A place outside Kubernetes that is looked at by itself: one project, with one credential."""

    @property
    def identity(self) -> Hashable:
        """Which place it is, the same from round to round. It may hold a credential: it is never shown."""

    @property
    def cloud(self) -> str:
        """Names the cloud that answers: no single one has all threads."""

    @property
    def name(self) -> str:
        """What the log calls it."""

    def poll(self) -> Polled:
        """Look at it. Called in a thread, never twice at once for one place; it changes nothing.

        Any exception is a defect: the controller logs it and comes back later.
        """


class Poller(Protocol):
    """Finds what has changed where nothing tells of it, so that objects need not wait for their resync."""

    def targets(self, view: CacheReader) -> Sequence[PollTarget]:
        """The places there are to look at now. Called in a thread; asks nothing but the cache."""
