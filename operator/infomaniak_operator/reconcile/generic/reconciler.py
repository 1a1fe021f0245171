"""The reconciler common to all kinds: what a reconcile passes, in order, before and after a kind's own part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic

from infomaniak_operator.api.json_types import ANY
from infomaniak_operator.api.registry import KINDS, InvalidSpec
from infomaniak_operator.client import InfomaniakCloudError
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.controller.interfaces import (
    FINALIZER,
    CacheReader,
    Conditions,
    Done,
    Finalized,
    Key,
    KubeObject,
    Progress,
    Reason,
    ReconcileRequest,
    RequeueAfter,
    Result,
    Retry,
    Shares,
    Stalled,
    as_it_should_be,
)
from infomaniak_operator.reconcile.generic import credential_settings, deletion, failures, importing, observe, tenancy
from infomaniak_operator.reconcile.generic.actuator import Actuator, Inputs, Plan, Row, Unresolved, Unusable
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.credential_settings import CredentialSettings
from infomaniak_operator.reconcile.generic.fields import shown
from infomaniak_operator.reconcile.generic.outcomes import (
    HEALTHY,
    PAUSED,
    RECONCILE_AT,
    REFERENCES_RESOLVED,
    SYNCED,
    Stop,
    Unchanged,
    annotated,
    bounded,
)
from infomaniak_operator.reconcile.generic.owned import check_project
from infomaniak_operator.reconcile.generic.tenancy import TenantIsolation
from infomaniak_operator.reconcile.openstack.scope import Clouds
from infomaniak_operator.reconcile.ownership.marks import NoRoom

_HASH_VERSION = 1
_MOST_MISSING = 10
"""So many of the missing references a message names."""


@dataclass(frozen=True, slots=True)
class ReconcileSettings:
    """What all reconcilers are told.

    Attributes:
        cluster_id: names this cluster in the marks: the UID of the kube-system Namespace, or the chart's ``clusterID``.
            What is called for it first, where it is only known once the API server has been asked.
        credentials: where credentials come from and where they may lead.
        create_grace: seconds after which a create that was sent has surely been finished by the service.
        restore: take over what was made for objects of the same name that are no more (restore from a backup).
        isolation: which namespaces may name nothing in the cloud that another namespace may own.
        sees_all: whether all namespaces are watched. Where they are not, an object may live and not be seen.
    """

    cluster_id: str | Callable[[], str]
    credentials: CredentialSettings = field(default_factory=CredentialSettings)
    create_grace: float = 60.0
    restore: bool = False
    isolation: TenantIsolation = field(default_factory=TenantIsolation)
    sees_all: bool = False

    @property
    def cluster(self) -> str:
        """The cluster's id."""
        return self.cluster_id if isinstance(self.cluster_id, str) else self.cluster_id()


class CloudReconciler(Generic[RowT, BodyT]):
    """One kind's ``Reconciler``: the common way of going about it, around the kind's ``Actuator``.

    Args:
        actuator: the kind.
        clouds: the connections.
        settings: what all reconcilers are told.
        kept_by: the kinds whose reference to this one keeps it from being deleted (``Dependency.keeps`` of theirs).
    """

    def __init__(
        self,
        actuator: Actuator[RowT, BodyT],
        clouds: Clouds,
        settings: ReconcileSettings,
        kept_by: Collection[str] = (),
    ) -> None:
        self._actuator = actuator
        self._clouds = clouds
        self._settings = settings
        self._kept_by = frozenset(kept_by)

    @property
    def kind(self) -> str:
        """The kind it is for."""
        return self._actuator.kind

    def references(self, resource: KubeObject) -> Iterable[Key]:
        """The Secret of the credential, and what the kind refers to."""
        source = self._settings.credentials.source(resource)
        return [*([source.secret] if source else []), *self._actuator.references(resource)]

    def shares(self, resource: KubeObject, view: CacheReader) -> Shares:
        """What only one reconcile at a time may work on, and the cloud of its credential."""
        source = self._settings.credentials.source(resource)
        return Shares(self._actuator.alone(resource, view), self._clouds.address_of(source.secret) if source else None)

    def inputs_hash(self, resource: KubeObject, view: CacheReader) -> str | None:
        """A hash of the spec, the resolved references and the credential; None while they cannot be known."""
        credential = self._settings.credentials.version(resource, view)
        if credential is None or self._actuator.traits.waits_for_time(resource):
            return None
        try:
            inputs = self._actuator.resolve(resource, view)
        except Unresolved:
            return None
        return _hash(resource, credential, inputs)

    def reconcile(self, request: ReconcileRequest) -> Result:
        """One reconcile: see the module."""
        context = ReconcileContext.begin(
            request, self._settings.cluster, self._settings.create_grace, self._actuator.traits
        )
        context.restore, context.sees_all = self._settings.restore, self._settings.sees_all
        with context.exits:
            return self._guarded(context)

    def _guarded(self, context: ReconcileContext) -> Result:
        try:
            return _kept(context, self._reconcile(context))
        except Unchanged as unchanged:
            return context.unchanged(unchanged.seconds)
        except Stop as stop:
            return self._ended(context, stop)
        except (InvalidSpec, Unusable, NoRoom) as error:  # no look at the cloud could mend it
            return self._ended(context, Stop(Reason.INVALID_CONFIGURATION, str(error), Stalled(), Progress.STALLED))
        except Unresolved as missing:  # it went after the references had been resolved
            return self._ended(context, context.wait_for(missing.key, str(missing), missing.others))
        except InfomaniakCloudError as error:
            return self._ended(context, failures.stop(context, error, self._actuator.rivals))

    def _ended(self, context: ReconcileContext, stop: Stop) -> Result:
        result = context.result(stop)
        ready = context.resource.condition("Ready") or {}
        news = (ready.get("status"), ready.get("reason")) != ("False", stop.reason.value)
        if stop.reason in _WORTH_AN_EVENT and news and result.conditions.ready is False:
            # Waiting is how a start looks, whatever the order of arrival; a person need not be warned.
            waits = stop.reason in (Reason.WAITING_FOR_REFERENCE, Reason.IN_USE)
            context.request.event(stop.reason.value, stop.message, warning=not waits)
        return result

    def _reconcile(self, context: ReconcileContext) -> Result:
        resource = context.resource
        if resource.deleting and FINALIZER not in resource.finalizers:
            return Result(Conditions(None, Reason.DELETING), Finalized())
        if annotated(resource, PAUSED):
            return _paused(context)
        if not resource.deleting and not context.request.deep and self._in_order(context):
            return context.settled()
        if resource.deleting:
            return deletion.delete(context, self._actuator, lambda: self._connect(context), self._kept_by)
        KINDS[self.kind].parse(resource.spec)
        self._check_tenancy(context)
        found = self._look_up(context)
        self._connect(context)
        inputs = self._resolve(context, found)
        check_project(context)
        if context.unmanaged:
            row = observe.read_only(context, self._actuator)
            return row if isinstance(row, Result) else self._as_seen(context, row, inputs)
        return self._apply(context, inputs)

    def _check_tenancy(self, context: ReconcileContext, place: tenancy.Place | None = None) -> None:
        settings = self._settings
        tenancy.check(
            context, settings.credentials, settings.isolation, place, settled=lambda: self._was_settled(context)
        )

    def _look_up(self, context: ReconcileContext) -> Inputs | Unresolved:
        """What the references stand for, or which of them is missing: the object waits for that once it is connected.

        Raises:
            Unusable: what a reference leads to asks for what cannot be.
        """
        try:
            return self._actuator.resolve(context.resource, context.request.view)
        except Unusable:
            raise
        except Unresolved as missing:
            return missing

    def _in_order(self, context: ReconcileContext) -> bool:
        """Whether nothing that decides what the cloud should be has changed since all was as it should be.

        Drift is for the resync to find: what was only told of something else is no reason to ask the cloud.
        """
        resource = context.resource
        return bool(
            context.was_ready
            and resource.condition(SYNCED)
            # How the traffic goes has nothing to do with what the spec asks for.
            and as_it_should_be(resource, whatever=(HEALTHY,))
            and self._was_settled(context)
        )

    def _was_settled(self, context: ReconcileContext) -> bool:
        """Whether status shows that all was in order with this spec, these references and this credential."""
        known = ANY.status(context.resource).get("inputsHash")
        return bool(known) and self.inputs_hash(context.resource, context.request.view) == known

    def _connect(self, context: ReconcileContext) -> None:
        settings = self._settings
        cloud = credential_settings.connect(context, settings.credentials, self._clouds)
        if not context.resource.deleting:
            view = context.request.view
            place = tenancy.Place(
                settings.credentials.address_of(context.resource, view), cloud.project_id, cloud.region
            )
            self._check_tenancy(context, place)
            context.barred = lambda other: bool(
                tenancy.refusal(other, view, settings.credentials, settings.isolation, place)
            )
        self._actuator.lock(context)

    def _resolve(self, context: ReconcileContext, found: Inputs | Unresolved) -> Inputs:
        if isinstance(found, Unresolved):
            context.memory.waited = True
            stop = context.wait_for(found.key, f"{found}{self._also_missing(context, found)}", found.others)
            self._actuator.without_reference(context, found.key)
            raise stop from found
        context.inputs = _digest({"spec": context.spec, "inputs": found})
        if list(self._actuator.references(context.resource)):
            context.set_condition(REFERENCES_RESOLVED, True, Reason.AVAILABLE)
        return found

    def _also_missing(self, context: ReconcileContext, first: Unresolved) -> str:
        """What else is not there of all that it refers to: who is told of one at a time comes back for each."""
        resource, view = context.resource, context.request.view
        keys = dict.fromkeys(self._actuator.references(resource))
        optional = {each.kind for each in self._actuator.depends_on if each.optional}
        missing = [
            f"{key.kind} {key.name}"
            for key in keys
            if key not in (first.key, resource.key, *first.others)
            and key.kind not in optional
            and view.get(key) is None
        ]
        if not missing:
            return ""
        more = f" and {len(missing) - _MOST_MISSING} more" if len(missing) > _MOST_MISSING else ""
        return f"; also missing: {', '.join(missing[:_MOST_MISSING])}{more}"

    def _apply(self, context: ReconcileContext, inputs: Inputs) -> Result:
        actuator = self._actuator
        actuator.wait_for_parents(context, inputs)
        waited, context.memory.waited = context.memory.waited, False
        if waited and context.waited and not context.dry_run:
            # What follows may take the cloud long: until then the object would say that it waits for what is there.
            raise context.again(context.working, "all that it refers to is there", 0.0)
        held = actuator.held(context)
        row = held or observe.locate(context, actuator, restore=self._settings.restore)
        new = row is None
        if row is None:
            row = observe.create(context, actuator, inputs)
        elif held:
            context.known(row)
        else:
            observe.take(context, actuator, row)
        plan = actuator.plan(context, row, inputs, new=new)
        if plan:
            self._say(context, row, plan, new=new)
            if observe.intend(context, actuator, None if new else row):
                context.record()
            row = actuator.act(context, row, plan)
            _announce(context, plan, new=new)
        elif context.intended:
            raise context.would()
        row = self._compare(context, row, inputs, plan)
        _settle_applied(context, actuator, changed=bool(plan), seen=actuator.pending(row) is None)
        return self._as_seen(context, row, inputs)

    def _compare(self, context: ReconcileContext, row: RowT, inputs: Inputs, plan: Plan) -> RowT:
        """Compare what the service has answered with the spec, before ``Synced`` is said.

        A create may let a field fall: an update mends that at once. What that does not mend either is said.

        Raises:
            Stop: the service has not taken over all of it.
        """
        actuator = self._actuator
        rest = actuator.unmet(context, row, inputs)
        tried = {step.slot for step in plan if step.verb == "update"}
        if rest and all(step.verb == "update" and step.slot not in tried for step in rest):
            row = actuator.act(context, row, rest)
            context.request.event("Updated", "; ".join(str(step) for step in rest))
            rest = actuator.unmet(context, row, inputs)
        if rest is None:
            return row
        if rest:
            context.memory.not_taken = True
            text = "; ".join(str(step) for step in rest)
            context.set_condition(SYNCED, False, Reason.UPDATING, text)
            message = f"the cloud accepted the request and has not taken over all of it: {text}"
            raise Stop(Reason.UPDATING, message, Retry(at_least=1.0), keep_ready=True)
        context.memory.not_taken = False
        context.set_condition(SYNCED, True, Reason.AVAILABLE, bounded("; ".join(context.remarks)))
        return row

    def _say(self, context: ReconcileContext, row: RowT, plan: Plan, *, new: bool) -> None:
        """Put what is about to be done into ``Synced``; only say it where that is all that is asked for.

        Raises:
            Stop: a dry run; or what an adoption changes is shown first.
        """
        text = bounded("; ".join(str(step) for step in plan))
        if context.dry_run:
            raise context.would(text)
        adopting = [step for step in plan if step.adopts]
        if adopting:
            importing.show(context, self._actuator, row, adopting)
        if not new:
            context.set_condition(SYNCED, False, Reason.UPDATING, text)
            context.add_finalizer()

    def _as_seen(self, context: ReconcileContext, row: RowT, inputs: Inputs) -> Result:
        message = self._actuator.report(context, row, inputs)
        actuator = self._actuator
        pending = actuator.pending(row)
        credential = self._settings.credentials.version(context.resource, context.request.view)
        if pending:
            context.drop("inputsHash")
            reason = Reason.UPDATING if context.was_ready else context.working
            raise context.again(reason, pending, actuator.pause(context))
        context.memory.pending_since = None
        if context.fixed:
            raise _unchangeable(context, actuator.noun, row)
        if credential:
            context.status["inputsHash"] = _hash(context.resource, credential, inputs, unsettled=context.unsettled)
        context.memory.done_with = context.inputs
        conditions = Conditions(True, Reason.AVAILABLE, message, Progress.SETTLED, dict(context.further))
        return Result(conditions, Done() if context.due is None else RequeueAfter(context.due), dict(context.status))


_WORTH_AN_EVENT = frozenset(
    {
        Reason.CLOUD_ERROR,
        Reason.QUOTA_EXCEEDED,
        Reason.INVALID_CONFIGURATION,
        Reason.CREDENTIALS_INVALID,
        Reason.CONFLICT,
        Reason.IN_USE,
        Reason.WAITING_FOR_REFERENCE,
        Reason.EXTERNALLY_DELETED,
    }
)


def _settle_applied(context: ReconcileContext, actuator: Actuator[RowT, BodyT], *, changed: bool, seen: bool) -> None:
    """Forget the fields that the spec no longer has, now that the cloud is seen without them.

    While a change may still be under way that sets one (whoever sent it was killed, or had no answer), it is not
    forgotten, and the object is looked at once more when that time is over.

    Args:
        context: the reconcile.
        actuator: the kind.
        changed: whether something was changed.
        seen: whether the cloud was compared with the spec: what is locked is not.
    """
    wanted = set(actuator.applied(context))
    dropped = set(context.applied) - wanted
    seconds = context.may_still_change()
    if seen and not seconds:
        context.applied_is(wanted)
        return
    context.intend(wanted)
    if seconds and (dropped or changed or not context.was_ready):
        context.unsettled = bool(dropped)
        context.come_back(seconds)


def _kept(context: ReconcileContext, result: Result) -> Result:
    """The result, unless a dry run would let the object go: it keeps its finalizer.

    Raises:
        Stop: it would.
    """
    if context.dry_run and isinstance(result.next, Finalized) and FINALIZER in context.resource.finalizers:
        raise context.would("let this object go: its finalizer is taken off")
    return result


def _paused(context: ReconcileContext) -> Result:
    message = f"paused by the annotation {PAUSED}: nothing is looked at or changed"
    context.set_condition(SYNCED, None, Reason.PAUSED, message)
    if context.resource.deleting:
        message = f"cannot be deleted yet: paused by the annotation {PAUSED}; it goes once that is taken off"
        if (context.resource.condition("Ready") or {}).get("message") != message:
            context.request.event(Reason.PAUSED.value, message)
        return Result(Conditions(False, Reason.PAUSED, message, further=context.kept()), Done())
    return Result(Conditions(None, Reason.PAUSED, "paused before the first reconcile", further=context.kept()), Done())


def _unchangeable(context: ReconcileContext, noun: str, row: Row) -> Stop:
    """The outcome where all is done but what cannot be: fields that are set once and for all differ."""
    text = "; ".join(
        f"spec.{each.field} cannot be changed: {noun} {row['id']} has {shown(each.now)} and the spec says "
        f"{shown(each.wanted)}"
        for each in context.fixed
    )
    message = f"{text}: give it back the value that is there, or create another {context.resource.key.kind}"
    context.set_condition(SYNCED, False, Reason.INVALID_CONFIGURATION, message)
    return Stop(Reason.INVALID_CONFIGURATION, message, Stalled(), Progress.STALLED)


def _hash(resource: KubeObject, credential: str, inputs: Inputs, *, unsettled: bool = False) -> str:
    material: dict[str, object] = {
        "version": _HASH_VERSION,
        "spec": resource.spec,
        "credential": credential,
        "inputs": inputs,
        # Asked for while nobody was there to hear it: the hash tells after a restart.
        "asked": resource.annotations.get(RECONCILE_AT),
    }
    if unsettled:
        # Never the hash that is looked for: so that a restart does not wait for the resync.
        material["unsettled"] = True
    return _digest(material)


def _digest(material: Mapping[str, object]) -> str:
    text = json.dumps(material, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _announce(context: ReconcileContext, plan: Plan, *, new: bool) -> None:
    """Publish what was done: an update the user asked for, or drift that was corrected."""
    if new:
        done = "; ".join(step.what for step in plan if step.verb == "create")
        if done:
            context.request.event("Created", f"created {done}")
        return
    text = "; ".join(str(step) for step in plan)
    if context.drifted:
        context.request.event("DriftCorrected", f"the cloud was changed behind us; put back: {text}")
    else:
        context.request.event("Updated", text)


Connect = Callable[[ReconcileContext], None]
