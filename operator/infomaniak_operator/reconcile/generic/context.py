"""What a reconcile acts with: its cloud, the API server, the record of what was sent, and the conditions so far."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, cast

from infomaniak_operator.api.json_types import ANY, CommonStatus, StatusField
from infomaniak_operator.client import InfomaniakCloudError, ReadOnlyError
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.client.resources import Resource
from infomaniak_operator.controller.interfaces import (
    FINALIZER,
    Condition,
    Done,
    ForeignCondition,
    Key,
    KubeObject,
    Progress,
    Reason,
    ReconcileRequest,
    WaitingFor,
)
from infomaniak_operator.reconcile.generic.facts import Facts, Traits, lives, owner_of
from infomaniak_operator.reconcile.generic.fields import Difference
from infomaniak_operator.reconcile.generic.outcomes import (
    HEALTHY,
    REFERENCES_RESOLVED,
    REVERSE_DNS,
    SYNCED,
    Ended,
    Outcome,
    Stop,
    bounded,
)
from infomaniak_operator.reconcile.generic.plan import Step, Warned
from infomaniak_operator.reconcile.generic.remembered import Remembered
from infomaniak_operator.reconcile.openstack.resource_types import ResourceType
from infomaniak_operator.reconcile.openstack.scope import Cloud
from infomaniak_operator.reconcile.ownership.create_guard import Sent

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


class Lock(Protocol):
    """What a reconcile has to itself while it changes the cloud, where the service locks several resources at once."""

    def check(self, context: ReconcileContext) -> Ended | None:
        """Before a change: make sure that the service has not locked them.

        Returns:
            How the reconcile ends where it has.

        Raises:
            InfomaniakCloudError: it could not be asked.
        """

    def changing(self, context: ReconcileContext) -> AbstractContextManager[None]:
        """Around a change."""


@dataclass(slots=True, kw_only=True)
class ReconcileContext(Facts):
    """The state of one reconcile.

    Attributes:
        request: the controller's side.
        further: the further conditions found so far.
        connected: the cloud of its credentials, once they are resolved.
        secret: the Secret that its credential comes from, once that is known.
        create_grace: seconds after which a create that was sent has surely been finished.
        exits: what is to be done when the reconcile ends.
        locked: what this reconcile has to itself, where its kind needs that, once it has.
        due: seconds until there is something more to do for an object that is in order.
        inputs: a digest of all that decides what the cloud should be, once it is resolved.
        unsettled: whether a field that the spec no longer has may still come to be set.
        intended: what a dry run would do before the plan, for people.
        steps: what a dry run would do in the cloud, as data, as far as it is more than a text.
        remarks: what a person should see to, though the object is in order.
        held_back: the outcomes of what could not be planned; they are said once all else is done.
        fixed: in what cloud and spec differ that cannot be changed, so that nothing is done about it but to say so.
        refused: how the last change that failed did.
        undone: the slots of the steps of a plan that failed without ending the reconcile.
        foreign: conditions of other objects that are to be written, see ``Result.foreign``.
        barred: whether another object of the tree names what it may not (tenant isolation), and so is left out.
        kept_apart: whether its namespace is held to its own objects (tenant isolation): nothing else may be told of.
        same_credential: whether another object has the same credential.
    """

    request: ReconcileRequest
    create_grace: float
    further: dict[str, Condition] = field(default_factory=dict)
    connected: Cloud | None = None
    secret: Key | None = None
    exits: ExitStack = field(default_factory=ExitStack)
    locked: Lock | None = None
    due: float | None = None
    inputs: str = ""
    unsettled: bool = False
    intended: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    held_back: Sequence[Outcome] = ()
    fixed: Sequence[Difference] = ()
    refused: BaseException | None = None
    undone: set[str] = field(default_factory=set)
    foreign: list[ForeignCondition] = field(default_factory=list)
    barred: Callable[[KubeObject], bool] = lambda _: False
    kept_apart: bool = False
    same_credential: Callable[[KubeObject], bool] = lambda _: False

    @classmethod
    def begin(
        cls, request: ReconcileRequest, cluster_id: str, create_grace: float, traits: Traits | None = None
    ) -> ReconcileContext:
        """Start from what the object says of itself."""
        resource = request.resource
        own = {name: value for name, value in resource.json_status.items() if name not in CONTROLLER_FIELDS}
        memory = request.memory.of(Remembered)
        if memory.first_heard is None:
            memory.first_heard = request.fresh_after
        return cls(
            request=request,
            owner=replace(owner_of(cluster_id, resource), lives=lambda uid: lives(request.view, uid)),
            status=cast("CommonStatus", own),
            traits=traits or Traits(),
            now=request.clock.now(),
            moment=request.clock.monotonic(),
            create_grace=create_grace,
        )

    def add_finalizer(self) -> bool:
        """Make sure that the finalizer is there, right before the first change of the cloud; see ``ReconcileRequest``.

        Raises:
            Stop: a dry run, which begins nothing in Kubernetes either.
        """
        if self.dry_run and FINALIZER not in self.resource.finalizers:
            raise Stop(self.would("begin to manage this object"))
        return self.request.add_finalizer()

    def would(self, plan: str = "", steps: Iterable[Step] = ()) -> Outcome:
        """The outcome of a dry run: what would be done, in a condition and an Event.

        Args:
            plan: what comes after what ``intended`` says already.
            steps: the same as data.
        """
        self.steps += steps
        text = bounded("would " + "; ".join([*self.intended, *([plan] if plan else [])]))
        self.set_condition(SYNCED, False, Reason.DRY_RUN, text)
        former = self.resource.condition(SYNCED) or {}
        if former.get("message") != text:
            self.request.event("DryRun", text)
        # An object that is Terminating is not Ready, whatever it was.
        keep_ready = not self.resource.deleting
        return Outcome(Reason.DRY_RUN, f"dry run: {text}", Done(), Progress.SETTLED, keep_ready=keep_ready)

    def remark(self, reason: str, text: str) -> None:
        """Warn, by an Event and in ``Synced``, of what a person should see to though the object is in order."""
        if text not in self.remarks:
            self.remarks.append(text)
        said = self.memory.remarked
        if text not in said:
            if len(said) > _MOST_REMARKS:  # what others do must not make it grow
                said.clear()
            said.add(text)
            self.request.event(reason, text, warning=True)

    def warn(self, warnings: Iterable[Warned]) -> None:
        """Say what a plan warns of."""
        for each in warnings:
            self.remark(each.reason, each.text)

    def connect(self, cloud: Cloud) -> None:
        """Work in that cloud; a dry run gets a face of it through which nothing can be changed."""
        self.connected = cloud.read_only() if self.dry_run else cloud

    @property
    def cloud(self) -> Cloud:
        """The cloud; only after the credentials were resolved."""
        if self.connected is None:
            raise RuntimeError("the credentials of this reconcile are not resolved yet")
        return self.connected

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
    def drifted(self) -> bool:
        """Whether a difference comes from the cloud: nothing that decides what it should be has changed since.

        That is more than the spec: what references lead to, and what is to be done by the mere passing of time.
        """
        unchanged = self.memory.done_with in (None, self.inputs)
        ours = self.traits.waits_for_time(self.resource) or self.memory.not_taken
        return self.was_ready and unchanged and not ours

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

    def drop(self, *fields: StatusField) -> None:
        """Have status show these fields no more."""
        status = cast("dict[str, object]", self.status)
        for name in fields:
            status.pop(name, None)

    def show(self, field: StatusField, value: object) -> None:
        """Have status show that."""
        cast("dict[str, object]", self.status)[field] = value

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
        for kind in {HEALTHY, REVERSE_DNS} & self.former().keys():
            self.set_condition(kind, None, Reason.EXTERNALLY_DELETED, message)

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
        return self.cloud.rows(collection, self.list_after(fresh_after), network_id)

    def list_after(self, fresh_after: float | None = None) -> float:
        """The monotonic second before which no list may have begun that this reconcile goes by.

        Args:
            fresh_after: not before that either.
        """
        return max(self._heard(), _or_never(self.memory.wrote), fresh_after or float("-inf"))

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
        clock = self.request.clock
        began, sent = clock.now(), clock.monotonic()
        try:
            yield
        except ReadOnlyError:  # nothing was sent: what is known of former creates stays
            raise
        except BaseException as error:
            self.refused = error
            unknown = may_have_acted(error)
            now = clock.monotonic()
            for slot in slots:
                self.creates.failed(slot, now, outcome_unknown=unknown)
            if unknown:
                self.placed()
                for slot, body in zip(slots, bodies, strict=False):
                    # As long as it took: were the wall clock set meanwhile, a copy of an hour later would count.
                    self.creates.remember(Sent(slot, body, began, began + (now - sent)))
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

    def wait_for(self, key: Key, message: str, others: Iterable[Key] = ()) -> Outcome:
        """The outcome of waiting for another object, or for any of some; an event of one of them wakes this one."""
        self.set_condition(REFERENCES_RESOLVED, False, Reason.WAITING_FOR_REFERENCE, message)
        return Outcome(Reason.WAITING_FOR_REFERENCE, message, WaitingFor(frozenset({key, *others})))

    def come_back(self, seconds: float) -> None:
        """Have an object that is in order reconciled again after that time, or sooner."""
        self.due = seconds if self.due is None else min(self.due, seconds)

    def kept(self) -> dict[str, Condition]:
        """The further conditions of this reconcile and, for those it did not come to, the former ones."""
        return {**self.former(), **self.further}
