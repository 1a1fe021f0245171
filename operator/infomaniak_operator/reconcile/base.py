"""The reconciler common to all kinds: the gates a visit passes, in order, before and after a kind's own knowledge."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic

from infomaniak_operator.api.registry import KINDS, InvalidSpec
from infomaniak_operator.client import InfomaniakCloudError
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.engine.conditions import as_it_should_be
from infomaniak_operator.engine.contract import (
    FINALIZER,
    Again,
    Aspect,
    Attempt,
    BackOff,
    Gone,
    Key,
    KubeObject,
    Progress,
    Reason,
    Result,
    Settled,
    Shares,
    Stuck,
    Verdict,
    View,
)
from infomaniak_operator.reconcile import credentials, deletion, failure, importing, presence, tenancy
from infomaniak_operator.reconcile.actuator import Actuator, Inputs, Plan, Row, Unresolved, Unusable
from infomaniak_operator.reconcile.cloud import Clouds
from infomaniak_operator.reconcile.credentials import CredentialSettings
from infomaniak_operator.reconcile.fields import shown
from infomaniak_operator.reconcile.marks import NoRoom
from infomaniak_operator.reconcile.octavia import tree_name
from infomaniak_operator.reconcile.outcome import (
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
from infomaniak_operator.reconcile.tenancy import TenantIsolation
from infomaniak_operator.reconcile.trees import Trees
from infomaniak_operator.reconcile.visit import NOT_TAKEN, PENDING_SINCE, SETTLED_WITH, Visit

_HASH_VERSION = 1
_MOST_MISSING = 10
"""So many of the missing references a message names."""
_WAITED = "waited for a reference"
"""Whether the last reconcile ended because a reference could not be resolved, in the object's memory."""


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
    """One kind's ``Reconciler``: the common way of going about it, around the kind's ``Actuator``."""

    def __init__(
        self, actuator: Actuator[RowT, BodyT], clouds: Clouds, settings: ReconcileSettings, trees: Trees | None = None
    ) -> None:
        self._actuator = actuator
        self._clouds = clouds
        self._settings = settings
        self._trees = trees or Trees()

    @property
    def kind(self) -> str:
        """The kind it is for."""
        return self._actuator.kind

    def references(self, resource: KubeObject) -> Iterable[Key]:
        """The Secret of the credential, and what the kind refers to."""
        source = self._settings.credentials.source(resource)
        return [*([source.secret] if source else []), *self._actuator.references(resource)]

    def shares(self, resource: KubeObject, view: View) -> Shares:
        """The load balancer it belongs to, which only one may change at a time, and the cloud of its credential."""
        source = self._settings.credentials.source(resource)
        return Shares(tree_name(resource, view), self._clouds.address_of(source.secret) if source else None)

    def inputs_hash(self, resource: KubeObject, view: View) -> str | None:
        """A hash of the spec, the resolved references and the credential; None while they cannot be known."""
        credential = self._settings.credentials.version(resource, view)
        if credential is None or resource.status.get("draining"):
            return None  # members that drain are a matter of time, too
        try:
            inputs = self._actuator.resolve(resource, view)
        except Unresolved:
            return None
        return _hash(resource, credential, inputs)

    def reconcile(self, attempt: Attempt) -> Result:
        """One visit: see the module."""
        visit = Visit.begin(attempt, self._settings.cluster, self._settings.create_grace, self._trees)
        visit.restore, visit.sees_all = self._settings.restore, self._settings.sees_all
        with visit.exits:
            return self._guarded(visit)

    def _guarded(self, visit: Visit) -> Result:
        try:
            return _kept(visit, self._visit(visit))
        except Unchanged as unchanged:
            return visit.unchanged(unchanged.seconds)
        except Stop as stop:
            return self._ended(visit, stop)
        except (InvalidSpec, Unusable, NoRoom) as error:  # no look at the cloud could mend it
            return self._ended(visit, Stop(Reason.INVALID_CONFIGURATION, str(error), Stuck(), Progress.STALLED))
        except Unresolved as missing:  # it went after the references had been resolved
            return self._ended(visit, visit.wait_for(missing.key, str(missing), missing.others))
        except InfomaniakCloudError as error:
            return self._ended(visit, failure.stop(visit, error, self._actuator.rivals))

    def _ended(self, visit: Visit, stop: Stop) -> Result:
        result = visit.result(stop)
        ready = visit.resource.condition("Ready") or {}
        news = (ready.get("status"), ready.get("reason")) != ("False", stop.reason.value)
        if stop.reason in _WORTH_AN_EVENT and news and result.verdict.ready is False:
            # Waiting is how a start looks, whatever the order of arrival; a person need not be warned.
            waits = stop.reason in (Reason.WAITING_FOR_REFERENCE, Reason.IN_USE)
            visit.attempt.event(stop.reason.value, stop.message, warning=not waits)
        return result

    def _visit(self, visit: Visit) -> Result:
        resource = visit.resource
        if resource.deleting and FINALIZER not in resource.finalizers:
            return Result(Verdict(None, Reason.DELETING), Gone())
        if annotated(resource, PAUSED):
            return _paused(visit)
        if not resource.deleting and not visit.attempt.deep and self._in_order(visit):
            return visit.settled()
        if resource.deleting:
            return deletion.delete(visit, self._actuator, lambda: self._connect(visit), restore=self._settings.restore)
        KINDS[self.kind].parse(resource.spec)
        self._check_tenancy(visit)
        found = self._look_up(visit)
        self._connect(visit)
        inputs = self._resolve(visit, found)
        presence.check(visit)
        if visit.unmanaged:
            row = presence.read_only(visit, self._actuator)
            return row if isinstance(row, Result) else self._as_seen(visit, row, inputs)
        return self._apply(visit, inputs)

    def _check_tenancy(self, visit: Visit, place: tenancy.Place | None = None) -> None:
        settings = self._settings
        tenancy.check(visit, settings.credentials, settings.isolation, place, settled=lambda: self._was_settled(visit))

    def _look_up(self, visit: Visit) -> Inputs | Unresolved:
        """What the references stand for, or which of them is missing: the object waits for that once it is connected.

        Raises:
            Unusable: what a reference leads to asks for what cannot be.
        """
        try:
            return self._actuator.resolve(visit.resource, visit.attempt.view)
        except Unusable:
            raise
        except Unresolved as missing:
            return missing

    def _in_order(self, visit: Visit) -> bool:
        """Whether nothing that decides what the cloud should be has changed since all was as it should be.

        Drift is for the round to find: what was only told of something else is no reason to ask the cloud.
        """
        resource = visit.resource
        return bool(
            visit.was_ready
            and resource.condition(SYNCED)
            # How the traffic goes has nothing to do with what the spec asks for.
            and as_it_should_be(resource, whatever=(HEALTHY,))
            and self._was_settled(visit)
        )

    def _was_settled(self, visit: Visit) -> bool:
        """Whether status shows that all was in order with this spec, these references and this credential."""
        known = visit.resource.status.get("inputsHash")
        return bool(known) and self.inputs_hash(visit.resource, visit.attempt.view) == known

    def _connect(self, visit: Visit) -> None:
        settings = self._settings
        cloud = credentials.connect(visit, settings.credentials, self._clouds)
        if not visit.resource.deleting:
            view = visit.attempt.view
            place = tenancy.Place(settings.credentials.address_of(visit.resource, view), cloud.project_id, cloud.region)
            self._check_tenancy(visit, place)
            visit.barred = lambda other: bool(
                tenancy.refusal(other, view, settings.credentials, settings.isolation, place)
            )
        self._actuator.enter(visit)

    def _resolve(self, visit: Visit, found: Inputs | Unresolved) -> Inputs:
        if isinstance(found, Unresolved):
            visit.memory[_WAITED] = True
            stop = visit.wait_for(found.key, f"{found}{self._also_missing(visit, found)}", found.others)
            self._actuator.without_reference(visit, found.key)
            raise stop from found
        visit.inputs = _digest({"spec": visit.spec, "inputs": found})
        if list(self._actuator.references(visit.resource)):
            visit.aspect(REFERENCES_RESOLVED, True, Reason.AVAILABLE)
        return found

    def _also_missing(self, visit: Visit, first: Unresolved) -> str:
        """What else is not there of all that it refers to: who is told of one at a time comes back for each."""
        resource, view = visit.resource, visit.attempt.view
        keys = dict.fromkeys(self._actuator.references(resource))
        missing = [
            f"{key.kind} {key.name}"
            for key in keys
            if key not in (first.key, resource.key, *first.others)
            and key.kind not in self._actuator.optional
            and view.get(key) is None
        ]
        if not missing:
            return ""
        more = f" and {len(missing) - _MOST_MISSING} more" if len(missing) > _MOST_MISSING else ""
        return f"; also missing: {', '.join(missing[:_MOST_MISSING])}{more}"

    def _apply(self, visit: Visit, inputs: Inputs) -> Result:
        actuator = self._actuator
        actuator.enlist(visit, inputs)
        if visit.memory.pop(_WAITED, False) and visit.waited and not visit.dry_run:
            # What follows may take the cloud long: until then the object would say that it waits for what is there.
            raise visit.again(visit.working, "all that it refers to is there", 0.0)
        held = actuator.held(visit)
        row = held or presence.locate(visit, actuator, restore=self._settings.restore)
        new = row is None
        if row is None:
            row = presence.create(visit, actuator, inputs)
        elif held:
            visit.known(row)
        else:
            presence.take(visit, actuator, row)
        plan = actuator.plan(visit, row, inputs, new=new)
        if plan:
            self._say(visit, row, plan, new=new)
            if presence.intend(visit, actuator, None if new else row):
                visit.record()
            row = actuator.act(visit, row, plan)
            _announce(visit, plan, new=new)
        elif visit.intended:
            raise visit.would()
        row = self._compare(visit, row, inputs, plan)
        _settle_applied(visit, actuator, changed=bool(plan), seen=actuator.pending(row) is None)
        return self._as_seen(visit, row, inputs)

    def _compare(self, visit: Visit, row: RowT, inputs: Inputs, plan: Plan) -> RowT:
        """Compare what the service has answered with the spec, before ``Synced`` is said.

        A create may let a field fall: an update mends that at once. What that does not mend either is said.

        Raises:
            Stop: the service has not taken over all of it.
        """
        actuator = self._actuator
        rest = actuator.unmet(visit, row, inputs)
        tried = {step.slot for step in plan if step.verb == "update"}
        if rest and all(step.verb == "update" and step.slot not in tried for step in rest):
            row = actuator.act(visit, row, rest)
            visit.attempt.event("Updated", "; ".join(str(step) for step in rest))
            rest = actuator.unmet(visit, row, inputs)
        if rest is None:
            return row
        if rest:
            visit.memory[NOT_TAKEN] = True
            text = "; ".join(str(step) for step in rest)
            visit.aspect(SYNCED, False, Reason.UPDATING, text)
            message = f"the cloud accepted the request and has not taken over all of it: {text}"
            raise Stop(Reason.UPDATING, message, BackOff(at_least=1.0), keep_ready=True)
        visit.memory.pop(NOT_TAKEN, None)
        visit.aspect(SYNCED, True, Reason.AVAILABLE, bounded("; ".join(visit.remarks)))
        return row

    def _say(self, visit: Visit, row: RowT, plan: Plan, *, new: bool) -> None:
        """Put what is about to be done into ``Synced``; only say it where that is all that is asked for.

        Raises:
            Stop: a dry run; or what an adoption changes is shown first.
        """
        text = bounded("; ".join(str(step) for step in plan))
        if visit.dry_run:
            raise presence.dry_run(visit, text)
        adopting = [step for step in plan if step.adopts]
        if adopting:
            importing.show(visit, self._actuator, row, adopting)
        if not new:
            visit.aspect(SYNCED, False, Reason.UPDATING, text)
            visit.claim()

    def _as_seen(self, visit: Visit, row: RowT, inputs: Inputs) -> Result:
        message = self._actuator.report(visit, row, inputs)
        actuator = self._actuator
        pending = actuator.pending(row)
        credential = self._settings.credentials.version(visit.resource, visit.attempt.view)
        if pending:
            visit.status.pop("inputsHash", None)
            reason = Reason.UPDATING if visit.was_ready else visit.working
            raise visit.again(reason, pending, actuator.pause(visit))
        visit.memory.pop(PENDING_SINCE, None)
        if visit.fixed:
            raise _unchangeable(visit, actuator.noun, row)
        if credential:
            visit.status["inputsHash"] = _hash(visit.resource, credential, inputs, unsettled=visit.unsettled)
        visit.memory[SETTLED_WITH] = visit.inputs
        verdict = Verdict(True, Reason.AVAILABLE, message, Progress.SETTLED, _without_former(visit))
        return Result(verdict, Settled() if visit.due is None else Again(visit.due), dict(visit.status))


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


def _settle_applied(visit: Visit, actuator: Actuator[RowT, BodyT], *, changed: bool, seen: bool) -> None:
    """Forget the fields that the spec no longer has, now that the cloud is seen without them.

    While a change may still be under way that sets one (whoever sent it was killed, or had no answer), it is not
    forgotten, and the object is looked at once more when that time is over.

    Args:
        visit: the visit.
        actuator: the kind.
        changed: whether something was changed.
        seen: whether the cloud was compared with the spec: what is locked is not.
    """
    wanted = set(actuator.applied(visit))
    dropped = set(visit.applied) - wanted
    seconds = visit.may_still_change()
    if seen and not seconds:
        visit.applied_is(wanted)
        return
    visit.intend(wanted)
    if seconds and (dropped or changed or not visit.was_ready):
        visit.unsettled = bool(dropped)
        visit.come_back(seconds)


def _kept(visit: Visit, result: Result) -> Result:
    """The result, unless a dry run would let the object go: it keeps its finalizer.

    Raises:
        Stop: it would.
    """
    if visit.dry_run and isinstance(result.next, Gone) and FINALIZER in visit.resource.finalizers:
        raise visit.would("let this object go: its finalizer is taken off")
    return result


def _paused(visit: Visit) -> Result:
    visit.aspect(SYNCED, None, Reason.PAUSED, f"paused by the annotation {PAUSED}: nothing is looked at or changed")
    if visit.resource.deleting:
        message = f"cannot be deleted yet: paused by the annotation {PAUSED}; it goes once that is taken off"
        if (visit.resource.condition("Ready") or {}).get("message") != message:
            visit.attempt.event(Reason.PAUSED.value, message)
        return Result(Verdict(False, Reason.PAUSED, message, aspects=visit.kept()), Settled())
    return Result(Verdict(None, Reason.PAUSED, "paused before the first visit", aspects=visit.kept()), Settled())


def _unchangeable(visit: Visit, noun: str, row: Row) -> Stop:
    """The outcome where all is done but what cannot be: fields that are set once and for all differ."""
    text = "; ".join(
        f"spec.{each.field} cannot be changed: {noun} {row['id']} has {shown(each.now)} and the spec says "
        f"{shown(each.wanted)}"
        for each in visit.fixed
    )
    message = f"{text}: give it back the value that is there, or create another {visit.resource.key.kind}"
    visit.aspect(SYNCED, False, Reason.INVALID_CONFIGURATION, message)
    return Stop(Reason.INVALID_CONFIGURATION, message, Stuck(), Progress.STALLED)


def _without_former(visit: Visit) -> Mapping[str, Aspect]:
    return dict(visit.aspects)


def _hash(resource: KubeObject, credential: str, inputs: Inputs, *, unsettled: bool = False) -> str:
    material: dict[str, Any] = {
        "version": _HASH_VERSION,
        "spec": resource.spec,
        "credential": credential,
        "inputs": inputs,
        # Asked for while nobody was there to hear it: the hash tells after a restart.
        "asked": resource.annotations.get(RECONCILE_AT),
    }
    if unsettled:
        material["unsettled"] = True  # never the hash that is looked for: so that a restart does not wait for the round
    return _digest(material)


def _digest(material: Mapping[str, Any]) -> str:
    text = json.dumps(material, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _announce(visit: Visit, plan: Plan, *, new: bool) -> None:
    """Publish what was done: an update the user asked for, or drift that was corrected."""
    if new:
        done = "; ".join(step.what for step in plan if step.verb == "create")
        if done:
            visit.attempt.event("Created", f"created {done}")
        return
    text = "; ".join(str(step) for step in plan)
    if visit.drifted:
        visit.attempt.event("DriftCorrected", f"the cloud was changed behind us; put back: {text}")
    else:
        visit.attempt.event("Updated", text)


Connect = Callable[[Visit], None]
