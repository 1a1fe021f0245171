"""The reconciler common to all kinds: what a reconcile passes, in order, before and after a kind's own part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
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
    as_it_should_be,
)
from infomaniak_operator.reconcile.generic import (
    conclusions,
    credential_settings,
    deletion,
    failures,
    importing,
    observe,
    quota,
    tenancy,
)
from infomaniak_operator.reconcile.generic.actuator import Actuator, Inputs, Row, Unresolved, Unusable
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.credential_settings import CredentialSettings
from infomaniak_operator.reconcile.generic.fields import shown
from infomaniak_operator.reconcile.generic.outcomes import (
    HEALTHY,
    PAUSED,
    RECONCILE_AT,
    REFERENCES_RESOLVED,
    SYNCED,
    Ended,
    Outcome,
    Stop,
    Unchanged,
    again,
    annotated,
    bounded,
    stalled,
)
from infomaniak_operator.reconcile.generic.owned import check_project
from infomaniak_operator.reconcile.generic.plan import Plan, past
from infomaniak_operator.reconcile.generic.tenancy import TenantIsolation
from infomaniak_operator.reconcile.openstack.scope import Clouds
from infomaniak_operator.reconcile.ownership.marks import NoRoom

_HASH_VERSION = 1
_MOST_MISSING = 10
"""So many of the missing references a message names."""


def _nobody(context: ReconcileContext, ended: Result | Ended) -> None:
    """Nobody is told how a reconcile has ended but the object itself."""
    del context, ended


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
        tell: told of each reconcile how it has ended, and with what it was done; it must change nothing.
    """

    cluster_id: str | Callable[[], str]
    credentials: CredentialSettings = field(default_factory=CredentialSettings)
    create_grace: float = 60.0
    restore: bool = False
    isolation: TenantIsolation = field(default_factory=TenantIsolation)
    sees_all: bool = False
    tell: Callable[[ReconcileContext, Result | Ended], None] = _nobody

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
            result = self._guarded(context)
        if context.foreign and not context.dry_run:
            return replace(result, foreign=tuple(context.foreign))
        return result

    def _guarded(self, context: ReconcileContext) -> Result:
        ended: Result | Ended
        try:
            ended = self._reconcile(context)
        except Stop as stop:
            ended = stop.outcome
        except (InvalidSpec, Unusable, NoRoom) as error:  # no look at the cloud could mend it
            ended = stalled(Reason.INVALID_CONFIGURATION, str(error))
        except Unresolved as missing:  # it went after the references had been resolved
            ended = context.wait_for(missing.key, str(missing), missing.others)
        except InfomaniakCloudError as error:
            ended = failures.outcome(context, error, self._actuator.rivals, self._actuator.advice)
        if isinstance(ended, Result):
            ended = _kept(context, ended)
        self._settings.tell(context, ended)
        if isinstance(ended, Unchanged):
            return conclusions.unchanged(context, ended.seconds)
        return ended if isinstance(ended, Result) else self._ended(context, ended)

    def _ended(self, context: ReconcileContext, outcome: Outcome) -> Result:
        result = conclusions.result(context, outcome)
        ready = context.resource.condition("Ready") or {}
        news = (ready.get("status"), ready.get("reason")) != ("False", outcome.reason.value)
        if outcome.reason in _WORTH_AN_EVENT and news and result.conditions.ready is False:
            # Waiting is how a start looks, whatever the order of arrival; a person need not be warned.
            waits = outcome.reason in (Reason.WAITING_FOR_REFERENCE, Reason.IN_USE)
            context.request.event(outcome.reason.value, outcome.message, warning=not waits)
        return result

    def _reconcile(self, context: ReconcileContext) -> Result | Ended:
        resource = context.resource
        if resource.deleting and FINALIZER not in resource.finalizers:
            return Result(Conditions(None, Reason.DELETING), Finalized())
        if annotated(resource, PAUSED):
            return _paused(context)
        if not resource.deleting and not context.request.deep and self._in_order(context):
            return conclusions.settled(context)
        if resource.deleting:
            return deletion.delete(context, self._actuator, lambda: self._connect(context), self._kept_by)
        KINDS[self.kind].parse(resource.spec)
        if refused := self._refusal(context):
            return refused
        found = self._look_up(context)
        if ended := self._connect(context):
            return ended
        inputs = self._resolve(context, found)
        if isinstance(inputs, Outcome):
            return inputs
        if elsewhere := check_project(context):
            return elsewhere
        return self._read(context, inputs) if context.unmanaged else self._apply(context, inputs)

    def _read(self, context: ReconcileContext, inputs: Inputs) -> Result | Ended:
        """Look at what an Unmanaged object stands for."""
        row = observe.read_only(context, self._actuator)
        return row if isinstance(row, Result | Ended) else self._as_seen(context, row, inputs)

    def _refusal(self, context: ReconcileContext, place: tenancy.Place | None = None) -> Outcome | None:
        """Why the object may not name what it names (tenant isolation)."""
        settings = self._settings
        return tenancy.check(
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

    def _connect(self, context: ReconcileContext) -> Ended | None:
        """Get to the cloud, and have to oneself what is shared; returns how the reconcile ends where that fails."""
        settings = self._settings
        cloud = credential_settings.connect(context, settings.credentials, self._clouds)
        if isinstance(cloud, Outcome):
            return cloud
        if not context.resource.deleting:
            view = context.request.view
            place = tenancy.Place(
                settings.credentials.address_of(context.resource, view), cloud.project_id, cloud.region
            )
            if refused := self._refusal(context, place):
                return refused
            context.barred = lambda other: bool(
                tenancy.refusal(other, view, settings.credentials, settings.isolation, place)
            )
            context.kept_apart = tenancy.kept_apart(
                context.resource, view, settings.credentials, settings.isolation, place
            )
            own = settings.credentials.used_by(context.resource, view)
            context.same_credential = lambda other: settings.credentials.used_by(other, view) == own
        return self._actuator.lock(context)

    def _resolve(self, context: ReconcileContext, found: Inputs | Unresolved) -> Inputs | Outcome:
        if isinstance(found, Unresolved):
            context.memory.waited = True
            waiting = context.wait_for(found.key, f"{found}{self._also_missing(context, found)}", found.others)
            return self._actuator.without_reference(context, found.key) or waiting
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

    def _apply(self, context: ReconcileContext, inputs: Inputs) -> Result | Ended:
        """Find the main object or make it, plan, carry the plan out, and say how it stands."""
        actuator = self._actuator
        if ended := actuator.prerequisites(context, inputs):
            return ended
        waited, context.memory.waited = context.memory.waited, False
        if waited and context.waited and not context.dry_run:
            # What follows may take the cloud long: until then the object would say that it waits for what is there.
            return again(context.working, "all that it refers to is there", 0.0)
        held = actuator.held(context)
        row = held if held is not None else observe.locate(context, actuator)
        if isinstance(row, Ended):
            return row
        new = row is None
        if row is None:
            row = observe.create(context, actuator, inputs)
            if isinstance(row, Ended):
                return row
        actuator.observe(context, row, inputs, new=new)
        plan = Plan() if new and context.traits.locks else actuator.plan(context, row, inputs)
        if held is not None:
            context.known(row)
        elif not new and (shown_first := observe.take(context, actuator, row, plan)):
            return shown_first
        self._note(context, plan)
        done = self._carry_out(context, row, inputs, plan, new=new)
        if isinstance(done, Ended):
            return done
        compared = self._compare(context, done, inputs, plan)
        if isinstance(compared, Ended):
            return compared
        _settle_applied(context, actuator, changed=bool(plan.steps), seen=actuator.pending(compared) is None)
        return self._as_seen(context, compared, inputs)

    @staticmethod
    def _note(context: ReconcileContext, plan: Plan) -> None:
        """Take over what a plan has to say."""
        context.held_back, context.fixed = plan.held_back, plan.fixed
        context.warn(plan.warnings)
        for name, value in plan.shown.items():
            if value is None:
                context.drop(name)
            else:
                context.show(name, value)
        if plan.due is not None:
            context.come_back(plan.due)

    def _carry_out(
        self, context: ReconcileContext, row: RowT, inputs: Inputs, plan: Plan, *, new: bool
    ) -> RowT | Ended:
        """Carry out a plan; returns the main object as it then is, or how the reconcile ends."""
        if plan.outcome:
            return plan.outcome
        if not plan.steps:
            return context.would() if context.intended else row
        # What a new one has under it was looked at before it was made.
        short = None if new else quota.shortage(context, self._actuator.needs(context, inputs, plan.steps))
        if short is not None and context.dry_run:
            context.held_back = [*context.held_back, short]
        if told := self._say(context, row, plan, new=new):
            return told
        if short is not None:
            context.set_condition(SYNCED, False, short.reason, short.message)
            return short
        if observe.intend(context, self._actuator, None if new else row):
            context.record()
        done = self._actuator.act(context, row, plan.steps)
        if not isinstance(done, Ended):
            _announce(context, plan, new=new)
        return done

    def _compare(self, context: ReconcileContext, row: RowT, inputs: Inputs, plan: Plan) -> RowT | Ended:
        """Compare what the service has answered with the spec, before ``Synced`` is said.

        A create may let a field fall: an update mends that at once. What that does not mend either is said.

        Returns:
            The main object; or how the reconcile ends where the service has not taken over all of it.
        """
        actuator = self._actuator
        if context.traits.locks:
            # What a create or an update made of it is compared by the plan once it is no longer locked.
            if str(row.get("provisioning_status")).startswith("PENDING"):
                return row
            left = Plan()
        else:
            # Where nothing was sent, the same values would give the same plan.
            left = self._left(context, row, inputs) if plan.steps else plan
            tried = {step.slot for step in plan.steps if step.verb == "update"}
            untried = all(step.verb == "update" and step.slot not in tried for step in left.steps)
            if left.steps and not left.outcome and untried:
                done = actuator.act(context, row, left.steps)
                if isinstance(done, Ended):
                    return done
                row = done
                context.request.event("Updated", past(left.steps))
                left = self._left(context, row, inputs)
        if left.outcome:
            return left.outcome
        if left.steps:
            context.memory.not_taken = True
            text = str(left)
            context.set_condition(SYNCED, False, Reason.UPDATING, text)
            message = f"the cloud accepted the request and has not taken over all of it: {text}"
            return Outcome(Reason.UPDATING, message, Retry(at_least=1.0), keep_ready=True)
        context.memory.not_taken = False
        context.set_condition(SYNCED, True, Reason.AVAILABLE, bounded("; ".join(context.remarks)))
        return row

    def _left(self, context: ReconcileContext, row: RowT, inputs: Inputs) -> Plan:
        """What is still to be done by what the service has answered."""
        plan = self._actuator.plan(context, row, inputs)
        self._note(context, plan)
        return plan

    def _say(self, context: ReconcileContext, row: RowT, plan: Plan, *, new: bool) -> Outcome | None:
        """Put what is about to be done into ``Synced``; end there where it is only to be said, or said first."""
        text = bounded(str(plan))
        if context.dry_run:
            return context.would(text, plan.steps)
        adopting = [step for step in plan.steps if step.adopts]
        if adopting and (shown_first := importing.show(context, self._actuator, row, adopting)):
            return shown_first
        if not new:
            context.set_condition(SYNCED, False, Reason.UPDATING, text)
            context.add_finalizer()
        return None

    def _as_seen(self, context: ReconcileContext, row: RowT, inputs: Inputs) -> Result | Ended:
        actuator = self._actuator
        message = actuator.report(context, row, inputs)
        if undone := conclusions.held_back(context):
            return undone
        if isinstance(message, Outcome):
            return message
        pending = actuator.pending(row)
        credential = self._settings.credentials.version(context.resource, context.request.view)
        if pending:
            context.drop("inputsHash")
            return again(Reason.UPDATING if context.was_ready else context.working, pending, actuator.pause(context))
        context.memory.pending_since = None
        if context.fixed:
            return _unchangeable(context, actuator.noun, row)
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


def _kept(context: ReconcileContext, result: Result) -> Result | Outcome:
    """The result, unless a dry run would let the object go: it keeps its finalizer, and says so."""
    if context.dry_run and isinstance(result.next, Finalized) and FINALIZER in context.resource.finalizers:
        return context.would("let this object go: its finalizer is taken off")
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


def _unchangeable(context: ReconcileContext, noun: str, row: Row) -> Outcome:
    """The outcome where all is done but what cannot be: fields that are set once and for all differ."""
    text = "; ".join(
        f"spec.{each.field} cannot be changed: {noun} {row['id']} has {shown(each.now)} and the spec says "
        f"{shown(each.wanted)}"
        for each in context.fixed
    )
    message = f"{text}: give it back the value that is there, or create another {context.resource.key.kind}"
    context.set_condition(SYNCED, False, Reason.INVALID_CONFIGURATION, message)
    return stalled(Reason.INVALID_CONFIGURATION, message)


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
        created = "; ".join(step.what for step in plan.steps if step.verb == "create")
        if created:
            context.request.event("Created", f"created {created}")
        return
    done = [step for step in plan.steps if step.slot not in context.undone]
    put_back = [step for step in done if context.drifted and not step.owed]
    if put_back:
        context.request.event("DriftCorrected", f"the cloud was changed behind us; put back: {past(put_back)}")
    if updated := [step for step in done if step not in put_back]:
        context.request.event("Updated", past(updated))
