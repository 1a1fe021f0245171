"""What one reconcile works with: the object, its cloud, what is known so far, and how it ends early."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, TypedDict, cast

from infomaniak_operator.api.json_types import ANY, CommonSpec, CommonStatus, SpecField, StatusField
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.client import InfomaniakCloudError, ReadOnlyError
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.client.resources import (
    FixedIP,
    L7Policy,
    Listener,
    Member,
    Resource,
    SecurityGroupRule,
    Subnet,
)
from infomaniak_operator.client.session import is_id
from infomaniak_operator.controller.interfaces import (
    FINALIZER,
    CacheReader,
    Condition,
    Conditions,
    Done,
    Key,
    KubeObject,
    Progress,
    Reason,
    ReconcileRequest,
    RequeueAfter,
    Result,
    WaitingFor,
    said_reason,
    said_status,
)
from infomaniak_operator.reconcile.generic.fields import Difference
from infomaniak_operator.reconcile.generic.outcomes import (
    CREDENTIALS_VALID,
    DRY_RUN,
    HEALTHY,
    REFERENCES_RESOLVED,
    SYNCED,
    Stop,
    annotated,
    bounded,
    stands_ready,
)
from infomaniak_operator.reconcile.generic.remembered import Remembered
from infomaniak_operator.reconcile.openstack.resource_types import ResourceType
from infomaniak_operator.reconcile.openstack.scope import Cloud
from infomaniak_operator.reconcile.ownership.create_guard import Creates, Sent
from infomaniak_operator.reconcile.ownership.marks import Owner, short_uid

CONTROLLER_FIELDS = frozenset({"conditions", "observedGeneration"})
SHARED = 2.0
"""Seconds by which a list may be older than the event, for an object that has nothing in the cloud yet."""
_OUTLIVING: frozenset[StatusField] = frozenset({"projectID", "region", "appliedFields"})
"""The status fields that outlive the object in the cloud, whatever its kind."""

_IDENTITY: frozenset[StatusField] = frozenset({"id", "projectID", "region", "appliedFields"})

_MOST_DELETED = 64
"""So many ids of children that this process has deleted are remembered of an object."""
_MOST_APPLIED = 4096
"""So many items ``status.appliedFields`` may have."""
_MOST_REMARKS = 100


def owner_of(cluster_id: str, resource: KubeObject) -> Owner:
    """An object of this cluster as an owner of marks."""
    key = resource.key
    return Owner(cluster_id, key.kind, key.namespace, key.name, resource.uid)


def may_have_acted(error: BaseException) -> bool:
    """Whether a create that failed so may have been carried out.

    Only the service's own refusal says that nothing was made; after any other failure, a defect of ours included, the
    outcome is unknown.
    """
    return not isinstance(error, InfomaniakCloudError) or error.outcome_unknown


def _or_never(moment: float | None) -> float:
    return float("-inf") if moment is None else moment


def _item_of(place: str) -> str | None:
    """The item of a list that a place is in (``subnets[front]``); None where it is in none."""
    return place[: place.rindex("]") + 1] if "]" in place else None


def _lives(view: CacheReader, uid: str) -> bool:
    """Whether an object of the cluster, of whatever kind, has the UID of that short form."""
    return any(short_uid(each.uid) == uid for kind in KINDS for each in view.objects(kind))


@dataclass(frozen=True, slots=True)
class Traits:
    """What is special in the status of a kind, and in its deletion.

    Attributes:
        outliving: the status fields that stay while the object in the cloud is made again: what it is made with again.
        elsewhere: the status fields that name something of the object in the cloud beside the main resource.
        timed: the status fields that are there while something is to be done by the mere passing of time.
        recovery: the status field that is there while the operator itself deletes the main resource to make it again.
        itself: the spec fields that name the main resource itself: another's, perhaps, once ours is gone.
        together: the kinds that go in one with this one: those that are going, too, do not keep it.
    """

    outliving: frozenset[StatusField] = frozenset()
    elsewhere: frozenset[StatusField] = frozenset()
    timed: frozenset[StatusField] = frozenset()
    recovery: StatusField | None = None
    itself: frozenset[SpecField] = frozenset()
    together: frozenset[str] = frozenset()

    def waits_for_time(self, resource: KubeObject) -> bool:
        """Whether something is to be done by the mere passing of time."""
        return any(resource.json_status.get(name) for name in self.timed)


class Lock(Protocol):
    """What a reconcile has to itself while it changes the cloud, where the service locks several resources at once."""

    def check(self, context: ReconcileContext) -> None:
        """Before a change: make sure that the service has not locked them.

        Raises:
            Stop: it has.
            InfomaniakCloudError: it could not be asked.
        """

    def changing(self, context: ReconcileContext) -> AbstractContextManager[None]:
        """Around a change."""


class Leg(TypedDict, total=False):
    """What counts of the port of a router's interface: the subnets that it is on.

    Attributes:
        fixed_ips: as in ``Port``.
    """

    fixed_ips: list[FixedIP]


class Children(TypedDict, total=False):
    """What was seen under a main object in this reconcile; what is not there was not looked for.

    Attributes:
        subnets: of a network.
        interfaces: of a router: their ports.
        rules: of a security group.
        listeners: of a load balancer.
        l7policies: all of the project.
        members: of a pool.
        listed: there, and empty, where the members were listed in this reconcile.
    """

    subnets: list[Subnet]
    interfaces: list[Leg]
    rules: list[SecurityGroupRule]
    listeners: list[Listener]
    l7policies: list[L7Policy]
    members: list[Member]
    listed: list[Member]


@dataclass(slots=True)
class ReconcileContext:
    """The state of one reconcile.

    Attributes:
        request: the controller's side.
        owner: the object as an owner of marks.
        status: the kind's status fields as they will be written, whatever the outcome.
        further: the further conditions found so far.
        connected: the cloud of its credentials, once they are resolved.
        children: what was seen under the main object, kept up to date by the steps carried out.
        create_grace: seconds after which a create that was sent has surely been finished.
        traits: of its kind.
        exits: what is to be done when the reconcile ends.
        locked: what this reconcile has to itself, where its kind needs that, once it has.
        due: seconds until there is something more to do for an object that is in order.
        inputs: a digest of all that decides what the cloud should be, once it is resolved.
        unsettled: whether a field that the spec no longer has may still come to be set.
        intended: what a dry run would do before the plan, for people.
        remarks: what a person should see to, though the object is in order.
        restore: whether the operator takes over what was made for objects of the same name that are no more.
        held_back: the outcomes of what could not be planned; they are said once all else is done.
        fixed: in what cloud and spec differ that cannot be changed, so that nothing is done about it but to say so.
        refused: how the last change that failed did.
        barred: whether another object of the tree names what it may not (tenant isolation), and so is left out.
        sees_all: whether all namespaces of the cluster are watched, so that no object of it is unknown.
    """

    request: ReconcileRequest
    owner: Owner
    create_grace: float
    status: CommonStatus
    further: dict[str, Condition] = field(default_factory=dict)
    connected: Cloud | None = None
    children: Children = field(default_factory=Children)
    traits: Traits = Traits()
    exits: ExitStack = field(default_factory=ExitStack)
    locked: Lock | None = None
    due: float | None = None
    inputs: str = ""
    unsettled: bool = False
    intended: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    restore: bool = False
    held_back: list[Stop] = field(default_factory=list)
    fixed: list[Difference] = field(default_factory=list)
    refused: BaseException | None = None
    barred: Callable[[KubeObject], bool] = lambda _: False
    sees_all: bool = False

    @classmethod
    def begin(
        cls, request: ReconcileRequest, cluster_id: str, create_grace: float, traits: Traits | None = None
    ) -> ReconcileContext:
        """Start from what the object says of itself."""
        resource = request.resource
        own = {name: value for name, value in resource.json_status.items() if name not in CONTROLLER_FIELDS}
        status = cast("CommonStatus", own)
        owner = replace(owner_of(cluster_id, resource), lives=lambda uid: _lives(request.view, uid))
        memory = request.memory.of(Remembered)
        if memory.first_heard is None:
            memory.first_heard = request.fresh_after
        return cls(request, owner, create_grace, status, traits=traits or Traits())

    @property
    def resource(self) -> KubeObject:
        """The object."""
        return self.request.resource

    @property
    def spec(self) -> CommonSpec:
        """Its spec as written: a field that is not there is not managed. A kind reads its own by ``JsonKind.spec``."""
        return ANY.spec(self.request.resource)

    @property
    def memory(self) -> Remembered:
        """What this process remembers of the object."""
        return self.request.memory.of(Remembered)

    @property
    def creates(self) -> Creates:
        """What this process knows of its creates."""
        return self.request.memory.of(Creates)

    def add_finalizer(self) -> bool:
        """Make sure that the finalizer is there, right before the first change of the cloud; see ``ReconcileRequest``.

        Raises:
            Stop: a dry run, which begins nothing in Kubernetes either.
        """
        if self.dry_run and FINALIZER not in self.resource.finalizers:
            raise self.would("begin to manage this object")
        return self.request.add_finalizer()

    def would(self, plan: str = "") -> Stop:
        """The outcome of a dry run: what would be done, in a condition and an Event.

        Args:
            plan: what comes after what ``intended`` says already.
        """
        text = bounded("would " + "; ".join([*self.intended, *([plan] if plan else [])]))
        self.set_condition(SYNCED, False, Reason.DRY_RUN, text)
        former = self.resource.condition(SYNCED) or {}
        if former.get("message") != text:
            self.request.event("DryRun", text)
        # An object that is Terminating is not Ready, whatever it was.
        keep_ready = not self.resource.deleting
        return Stop(Reason.DRY_RUN, f"dry run: {text}", Done(), Progress.SETTLED, keep_ready=keep_ready)

    def remark(self, reason: str, text: str) -> None:
        """Warn, by an Event and in ``Synced``, of what a person should see to though the object is in order."""
        self.remarks.append(text)
        said = self.memory.remarked
        if text not in said:
            if len(said) > _MOST_REMARKS:  # what others do must not make it grow
                said.clear()
            said.add(text)
            self.request.event(reason, text, warning=True)

    def connect(self, cloud: Cloud) -> None:
        """Work in that cloud; a dry run gets a face of it through which nothing can be changed."""
        self.connected = cloud.read_only() if self.dry_run else cloud

    @property
    def cloud(self) -> Cloud:
        """The cloud; only after the credentials were resolved."""
        if self.connected is None:
            raise RuntimeError("the credentials of this reconcile are not resolved yet")
        return self.connected

    @property
    def name(self) -> str:
        """The name in the cloud: ``spec.name``, else the object's own."""
        return str(self.spec.get("name") or self.resource.key.name)

    @property
    def dry_run(self) -> bool:
        """Whether the object asks only to be told what would be done."""
        return annotated(self.resource, DRY_RUN)

    @property
    def imported(self) -> bool:
        """Whether the object stands for one that was made by others."""
        return bool(self.spec.get("import"))

    @property
    def unmanaged(self) -> bool:
        """Whether the object may only be read."""
        return self.spec.get("managementPolicy") == "Unmanaged"

    @property
    def recorded(self) -> list[str]:
        """The fields of the spec that status says we have set in the cloud: what else status shows goes with them."""
        return list(ANY.status(self.resource).get("appliedFields") or ())

    @property
    def applied(self) -> list[str]:
        """The fields of the spec that we have set in the cloud so far, or were about to set."""
        recorded = self.recorded
        held = self.memory.applied
        return recorded if not held else list(dict.fromkeys([*recorded, *held]))

    def intend(self, places: Iterable[str]) -> None:
        """Put into status, as it will be written, that these fields are about to be set by us."""
        wanted = set(places)
        whole = wanted | set(self.applied)
        if len(whole) > _MOST_APPLIED:
            # What is under an item that the spec no longer lists goes with the item: it can be done without.
            items = {_item_of(place) for place in wanted}
            whole = {place for place in whole if _item_of(place) in (None, *items)} | wanted
        self.status["appliedFields"] = sorted(whole)

    def record(self) -> None:
        """Write down what is about to be done, before the call that does it: who comes after a crash knows of it.

        Nothing is written where status says so already. Whatever becomes of this reconcile, the fields count as set.

        Raises:
            Superseded, KubeError: it could not be written, so nothing must be done.
        """
        if self.dry_run:  # nothing is about to be done
            return
        self.request.record(self.status)
        self.memory.applied = self.recorded

    def applied_is(self, places: Iterable[str]) -> None:
        """Put into status that these fields are set by us and, as the cloud was seen without them, no others."""
        self.status["appliedFields"] = sorted(places)
        self.memory.applied = self.status.get("appliedFields")

    def manages(self, name: SpecField) -> bool:
        """Whether the spec lists parts of that name, or they still count as ours in the status that will be written."""
        return self.asks_for(name) or name in (self.status.get("appliedFields") or ())

    def give_up(self) -> None:
        """Nothing counts as set by us any more."""
        self.drop("appliedFields")
        self.memory.applied = None

    def may_still_change(self) -> float:
        """Seconds for which a change that was sent may still come to be seen; 0.0 where none is under way.

        That is one of this process that was not answered, or one of the process before this one. What this reconcile
        sees is at least as new as ``fresh_after``.
        """
        sent = max([_or_never(self.memory.unsettled), *self.creates.unknown.values()])
        if not self.creates.claimed:
            sent = max(sent, self.request.acting_since)
        until = sent + self.create_grace
        if self.request.fresh_after >= until:
            return 0.0
        return max(until - self.request.clock.monotonic(), 0.1)

    @property
    def was_ready(self) -> bool:
        """Whether the object was Ready at this very generation."""
        return stands_ready(self.resource)

    @property
    def working(self) -> Reason:
        """What the operator is about: ``Creating`` only as long as there is nothing of the object in the cloud."""
        if self.resource.deleting:
            return Reason.DELETING
        return Reason.UPDATING if ANY.status(self.resource).get("id") else Reason.CREATING

    @property
    def waited(self) -> bool:
        """Whether the object says that it waits for what it refers to."""
        ready = self.resource.condition("Ready") or {}
        return ready.get("status") == "False" and ready.get("reason") == Reason.WAITING_FOR_REFERENCE

    @property
    def stands(self) -> bool:
        """Whether the object says, at this very generation, why it is not Ready; not only that it is to be made."""
        ready = self.resource.condition("Ready") or {}
        on_the_way = (Reason.CREATING, Reason.WAITING_FOR_REFERENCE)
        now = ready.get("observedGeneration") == self.resource.generation and ready.get("status") != "True"
        return now and ready.get("reason") not in on_the_way

    @property
    def drifted(self) -> bool:
        """Whether a difference comes from the cloud: nothing that decides what it should be has changed since.

        That is more than the spec: what references lead to, and what is to be done by the mere passing of time.
        """
        unchanged = self.memory.done_with in (None, self.inputs)
        ours = self.traits.waits_for_time(self.resource) or self.memory.not_taken
        return self.was_ready and unchanged and not ours

    @property
    def id(self) -> str | None:
        """The id in the cloud, as far as it is known: from a create whose status is not written yet, or from status.

        What status has and what is no id leads to nothing: the object is then looked for by its mark.
        """
        found = self.memory.id or self.status.get("id")
        return str(found) if is_id(found) else None

    def known(self, row: Resource) -> None:
        """Hold on to the identity of the object in the cloud."""
        self.memory.id = row["id"]
        self.status["id"] = row["id"]
        self.placed()

    def placed(self) -> None:
        """Hold on to where the object is, or may come to be."""
        self.memory.project_id = self.status["projectID"] = self.cloud.project_id
        self.memory.region = self.status["region"] = self.cloud.region

    def place(self, field: Literal["projectID", "region"]) -> str | None:
        """Where the object is, or may be: ``projectID`` or ``region``, as far as it is known."""
        held = {"projectID": self.memory.project_id, "region": self.memory.region}[field]
        found = ANY.status(self.resource).get(field) or held
        return str(found) if found else None

    def _keep_only(self, fields: Collection[str]) -> None:
        self.status = cast("CommonStatus", {name: each for name, each in self.status.items() if name in fields})

    def asks_for(self, *fields: SpecField) -> bool:
        """Whether the spec has one of these fields."""
        spec: Mapping[str, object] = self.spec
        return any(name in spec for name in fields)

    def shows(self, *fields: StatusField) -> bool:
        """Whether status, as it will be written, has a value for one of these fields."""
        status: Mapping[str, object] = self.status
        return any(status.get(name) for name in fields)

    def drop(self, *fields: StatusField) -> None:
        """Have status show these fields no more."""
        status = cast("dict[str, object]", self.status)
        for name in fields:
            status.pop(name, None)

    def lost(self) -> None:
        """Forget the identity, and what was seen of it: the object in the cloud is gone."""
        self.memory.id = None
        if self.asks_for(*self.traits.itself):
            self.memory.stood = None
        self._keep_only(_OUTLIVING | self.traits.outliving)

    def lost_for_good(self, message: str) -> None:
        """Forget what was seen of the object, but not which it was: it is gone, and is not made again.

        Others go by these fields (a Router that is to be deleted, by ``routerID``), and nothing will mend them later.
        """
        self._keep_only(_IDENTITY)
        if HEALTHY in self.former():
            self.set_condition(HEALTHY, None, Reason.EXTERNALLY_DELETED, message)

    def rows(
        self,
        collection: ResourceType[RowT, BodyT],
        fresh_after: float | None = None,
        network_id: str | None = None,
    ) -> Sequence[RowT]:
        """All objects of a type in the project, from a LIST begun after what this reconcile must have seen.

        With a network: all that is seen in it, whosever it is. That is only to be read: ownership is looked up in the
        project.
        """
        floor = max(self._heard(), _or_never(self.memory.wrote), fresh_after or float("-inf"))
        return self.cloud.rows(collection, floor, network_id)

    def _heard(self) -> float:
        """Since when a list must have begun, as far as events go.

        For an object that this process has followed from its beginning, and that has written nothing yet, a list that
        began after the object was first heard of tells all there can be of it: so a crowd of new ones shares its lists.
        """
        first = _or_never(self.memory.first_heard)
        followed = self.creates.claimed or FINALIZER not in self.resource.finalizers
        if self.id or self.imported or self.memory.wrote is not None or self.creates.unknown or not followed:
            return self.request.fresh_after
        return max(first, self.request.fresh_after - SHARED)

    def wrote(self) -> None:
        """Note that something was just changed in the cloud: what was listed before counts no more for this object."""
        self.memory.wrote = self.request.clock.monotonic()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Around a request that changes something: whatever its outcome, what was listed before counts no more."""
        try:
            yield
        except BaseException as error:
            self.refused = error
            if may_have_acted(error):
                self.memory.unsettled = self.request.clock.monotonic()
            raise
        finally:
            self.wrote()

    @property
    def deleted(self) -> Sequence[str]:
        """The ids of children whose deletion was answered to this process, the newest of them."""
        return self.memory.deleted

    def has_deleted(self, id_: str) -> None:
        """Hold on to the id of a child whose deletion was answered."""
        self.memory.deleted = [*self.deleted, id_][-_MOST_DELETED:]

    def about_to_create(self) -> None:
        """Hold on to where the object may come to be, before the create is sent.

        Not for one that was refused already: else status would be written to and fro with every attempt.
        """
        if not self.memory.create_refused:
            self.placed()

    def _nowhere(self) -> None:
        """A create was refused: where there is nothing else, the object is bound to no project."""
        if self.id or self.creates.unknown or self.shows(*self.traits.elsewhere):
            return
        self.memory.create_refused = True
        self.memory.project_id = self.memory.region = None
        self.drop("projectID", "region")

    @contextmanager
    def creating(self, *slots: str, bodies: Sequence[Mapping[str, object]] = ()) -> Iterator[None]:
        """Around a create: keeps the record on creates, by which none is repeated blindly.

        Only the service's own refusal says that nothing was made; after any other failure, a defect of ours included,
        the create may have been carried out.

        Args:
            slots: what is created.
            bodies: what is sent for each, by which a double of it can be told from a copy.
        """
        began = self.request.clock.now()
        try:
            yield
        except ReadOnlyError:  # nothing was sent: what is known of former creates stays
            raise
        except BaseException as error:
            self.refused = error
            unknown = may_have_acted(error)
            now = self.request.clock.monotonic()
            for slot in slots:
                self.creates.failed(slot, now, outcome_unknown=unknown)
            if unknown:
                self.placed()
                for slot, body in zip(slots, bodies, strict=False):
                    self.creates.remember(Sent(slot, body, began, self.request.clock.now()))
            else:
                self._nowhere()
            raise
        finally:
            self.wrote()
        for slot in slots:
            self.creates.done(slot)

    def set_condition(self, kind: str, status: bool | None, reason: Reason, message: str = "") -> None:
        """Set a further condition."""
        self.further[kind] = Condition(status, reason, message)

    def wait_for(self, key: Key, message: str, others: Iterable[Key] = ()) -> Stop:
        """The outcome of waiting for another object, or for any of some; an event of one of them wakes this one."""
        self.set_condition(REFERENCES_RESOLVED, False, Reason.WAITING_FOR_REFERENCE, message)
        return Stop(Reason.WAITING_FOR_REFERENCE, message, WaitingFor(frozenset({key, *others})))

    def again(self, reason: Reason, message: str, seconds: float) -> Stop:
        """The outcome of waiting for the cloud."""
        return Stop(reason, message, RequeueAfter(seconds))

    def say_held_back(self) -> None:
        """Say what could not be done, once all else is.

        Raises:
            Stop: there is such a thing.
        """
        if not self.held_back:
            return
        # What only a person can mend is said first.
        worst = min(self.held_back, key=lambda stop: stop.progress is not Progress.STALLED)
        message = "; ".join(dict.fromkeys(stop.message for stop in (worst, *self.held_back)))
        self.set_condition(SYNCED, False, worst.reason, message)
        soonest = next((stop.next for stop in self.held_back if isinstance(stop.next, RequeueAfter)), worst.next)
        raise Stop(worst.reason, message, soonest, worst.progress)

    def result(self, stop: Stop) -> Result:
        """The result of a reconcile that ended early; the conditions that it did not come to stay as they were."""
        # An object that is Terminating is not Ready, and says what keeps it.
        if stop.keep_ready and self.was_ready and not self.resource.deleting:
            former = self.resource.condition("Ready") or {}
            conditions = Conditions(
                True, Reason.AVAILABLE, str(former.get("message", "")), Progress.SETTLED, self.kept()
            )
        else:
            conditions = Conditions(False, stop.reason, stop.message, stop.progress, self.kept())
        # A dry run leaves status as it is: it neither names what is not there, nor forgets what is gone.
        return Result(conditions, stop.next, None if self.dry_run else dict(self.status))

    def unchanged(self, seconds: float) -> Result:
        """The result that leaves the object as it stands, and comes back."""
        there = {kind: self.resource.condition(kind) for kind in ("Ready", "Reconciling", "Stalled")}
        ready = there["Ready"]
        old = ready is None or ready.get("observedGeneration") != self.resource.generation
        resolved = self.further.get(REFERENCES_RESOLVED)
        if ready is None or old or (self.waited and resolved is not None and resolved.status):
            conditions = Conditions(False, self.working, "waits for its turn", Progress.RECONCILING, self.kept())
            return Result(conditions, RequeueAfter(seconds))
        progress = Progress.STALLED if there["Stalled"] else Progress.SETTLED
        progress = Progress.RECONCILING if there["Reconciling"] else progress
        message = str(ready.get("message", ""))
        conditions = Conditions(said_status(ready), said_reason(ready), message, progress, self.former())
        return Result(conditions, RequeueAfter(seconds))

    def come_back(self, seconds: float) -> None:
        """Have an object that is in order reconciled again after that time, or sooner."""
        self.due = seconds if self.due is None else min(self.due, seconds)

    def settled(self) -> Result:
        """The result that leaves an object as it stands that is in order."""
        result = self.unchanged(0.0)
        return Result(result.conditions, Done())

    def former(self) -> dict[str, Condition]:
        """The further conditions as they were before this reconcile."""
        found = {}
        for kind in (REFERENCES_RESOLVED, CREDENTIALS_VALID, SYNCED, HEALTHY):
            former = self.resource.condition(kind)
            if former is not None:
                message = str(former.get("message", ""))
                found[kind] = Condition(said_status(former), said_reason(former), message)
        return found

    def kept(self) -> dict[str, Condition]:
        """The further conditions of this reconcile and, for those it did not come to, the former ones."""
        return {**self.former(), **self.further}
