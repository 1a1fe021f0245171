"""What Pool, HealthMonitor and L7Policy have in common: they are made with their tree, or later in it, and go."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict, cast

from typing_extensions import override

from infomaniak_operator.api import json_types
from infomaniak_operator.client import NotFoundError
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.client.resources import OctaviaResource, Reference
from infomaniak_operator.controller.interfaces import FINALIZER, CacheReader, Key, KubeObject, Reason, WaitingFor
from infomaniak_operator.reconcile.generic.actuator import Actuator, Inputs, InputsT, Unresolved
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.outcomes import (
    HEALTHY,
    REFERENCES_RESOLVED,
    Ended,
    Outcome,
    again,
    retained,
)
from infomaniak_operator.reconcile.generic.owned import by_id, check_project
from infomaniak_operator.reconcile.generic.plan import Plan, Step, only
from infomaniak_operator.reconcile.octavia import compatibility, octavia_common
from infomaniak_operator.reconcile.octavia.octavia_common import OctaviaT
from infomaniak_operator.reconcile.openstack.resource_types import LISTENERS, POOLS, ResourceType

_LONGEST_PAUSE = 30.0


@dataclass(slots=True)
class _Remembered:
    """Of a child whose load balancer goes: how often its end was looked for."""

    looks: int = 0


class Above(TypedDict, total=False):
    """What a pool, a health monitor or an L7 policy is in.

    Attributes:
        loadbalancers: as in ``Pool``.
        pools: as in ``HealthMonitor``.
        listener: the listener of an L7 policy.
    """

    loadbalancers: Sequence[Reference]
    pools: Sequence[Reference]
    listener: str


class BalancerInputs(TypedDict, total=False):
    """The load balancer that it is to be in; None while there is none yet."""

    loadBalancerID: str | None


class ChildActuator(octavia_common.TreeActuator[OctaviaT, BodyT, InputsT], ABC):
    """What the three kinds' actuators share."""

    collection: ResourceType[OctaviaT, BodyT]

    @abstractmethod
    def above(self, row: OctaviaT) -> Above:
        """What it is in."""

    @override
    def without_reference(self, context: ReconcileContext, key: Key) -> Outcome | None:
        """One that went with its load balancer has no id, no members and no health any more.

        Raises:
            InfomaniakCloudError: it could not be asked for.
        """
        above = key.kind in (octavia_common.LOAD_BALANCER, octavia_common.POOL)
        if not above or context.id is None or context.unmanaged:
            return None
        if elsewhere := check_project(context):
            return elsewhere
        context.set_condition(HEALTHY, None, Reason.WAITING_FOR_REFERENCE, "what it belongs to is not there, or going")
        # What is imported and gone is not made again: its id says what is missing.
        if not context.imported and by_id(context, self.collection, context.rows(self.collection), context.id) is None:
            context.lost()
        return None

    @override
    def went_with(self, context: ReconcileContext) -> str:
        """A load balancer that is being made again (``spec.recovery``)."""
        balancer = octavia_common.load_balancer_of(context.resource, context.request.view)
        if balancer is None or not json_types.LOAD_BALANCER.status(balancer).get("recoveryAttempts"):
            return ""
        return f"LoadBalancer {balancer.key.name}, which was in ERROR and is made again (spec.recovery)"

    @override
    def held(self, context: ReconcileContext) -> OctaviaT | None:
        """The object as the create of its tree has answered it, until it was Ready once."""
        return held(context, self.collection)

    @override
    def prepare(self, context: ReconcileContext, inputs: InputsT, body: BodyT) -> Callable[[], OctaviaT] | Ended:
        """See that the tree takes a change; then one POST."""
        pool = inputs.get("poolID")
        stands_in(context, {"pools": [{"id": str(pool)}]} if pool else {})
        if locked := octavia_common.gate(context):
            return locked
        collection = self.collection.of(context.cloud.do)

        def send() -> OctaviaT:
            with octavia_common.changing(context):
                return collection.create(body)

        return send

    @override
    def act(self, context: ReconcileContext, row: OctaviaT, steps: Sequence[Step]) -> OctaviaT | Ended:
        """Carry out the first step: the tree is PENDING then. A mark that is given up is the last of all."""
        if steps[0].verb == "release":
            return octavia_common.release(context, self.collection, steps[0]) or row
        return octavia_common.first(context, steps, lambda step: self.send(context, step))

    @abstractmethod
    def send(self, context: ReconcileContext, step: Step) -> Ended | None:
        """Send one step; returns how the reconcile ends where it would take along what is not ours.

        Raises:
            InfomaniakCloudError: the service refused.
        """

    @override
    def releasing(self, context: ReconcileContext, row: OctaviaT) -> Plan:
        """Give up the mark."""
        stands_in(context, self.above(row))
        return only(octavia_common.release_steps(context, self.noun, row))

    def deletion(self, context: ReconcileContext, row: OctaviaT) -> Plan:
        """Delete the object alone."""
        stands_in(context, self.above(row))
        return only([Step("delete", f"{self.noun} {row['id']}", "", str(row["id"]))])


def balancer_inputs(resource: KubeObject, view: CacheReader) -> BalancerInputs:
    """The load balancer's id; None while there is none yet, nothing where no load balancer is referred to.

    Raises:
        Unresolved: it is missing, or going.
    """
    key = compatibility.balancer_ref(resource)
    if key is None:
        return {}
    found = view.get(key)
    if found is None:
        message = f"spec.loadBalancerRef: there is no LoadBalancer {key.name} in namespace {key.namespace} yet"
        raise Unresolved(key, message)
    if found.deleting and not stays(found, json_types.POOL.status(resource).get("loadBalancerID")):
        raise Unresolved(key, f"spec.loadBalancerRef: LoadBalancer {key.name} is being deleted")
    return {"loadBalancerID": json_types.ANY.status(found).get("id")}


def stays(parent: KubeObject, used: str | None) -> bool:
    """Whether a parent that is Terminating is kept by something, so that those in it already go on as they were."""
    kept = (parent.condition("Ready") or {}).get("reason") == Reason.IN_USE.value
    return kept and bool(used) and json_types.ANY.status(parent).get("id") == used


def needs_parent(context: ReconcileContext, inputs: Inputs, name: str) -> bool:
    """Whether what it is to be made in is not there yet."""
    return name in inputs and inputs[name] is None and context.resource.uid not in octavia_common.tree_of(context).held


def wait_for_tree(
    context: ReconcileContext, actuator: Actuator[RowT, BodyT, InputsT], parent: Key, field: str
) -> Outcome:
    """Take the finalizer, by which the load balancer knows that this can be made with it, and wait."""
    if elsewhere := check_project(context):
        return elsewhere
    message = (
        f"{field}: {parent.kind} {parent.name} is not in the cloud yet; this is made together with it{_why(context)}"
    )
    if context.id:
        rows = context.rows(actuator.collection)
        if by_id(context, actuator.collection, rows, context.id) is not None:
            # It goes with the load balancer, a moment later perhaps, of which nothing tells: it is looked for.
            gone = f"{field}: {parent.kind} {parent.name} is not in the cloud (any more)"
            context.set_condition(REFERENCES_RESOLVED, False, Reason.WAITING_FOR_REFERENCE, gone)
            return again(Reason.WAITING_FOR_REFERENCE, gone, _pause(context))
        context.lost()
    context.request.memory.of(_Remembered).looks = 0
    if context.dry_run:
        what = f"{actuator.noun} {context.name} in {parent.kind} {parent.name}"
        return context.would(f"create {what}", [Step("create", what)])
    if context.unmanaged or context.imported:
        return context.wait_for(parent, f"{field}: {parent.kind} {parent.name} is not in the cloud yet{_why(context)}")
    if FINALIZER not in context.resource.finalizers and context.add_finalizer():
        context.creates.claimed = True
        resource = context.resource
        face = (resource.generation, True, resource.deleting)
        octavia_common.tree_of(context).touch(resource.uid, face, context.request.clock.monotonic())
    context.intend(actuator.applied(context))  # written with the waiting, before the tree is made
    return context.wait_for(parent, message)


def _why(context: ReconcileContext) -> str:
    """What is wrong with the load balancer that it cannot be made with; nothing where that is on its way."""
    balancer = octavia_common.load_balancer_of(context.resource, context.request.view)
    stalled = balancer.condition("Stalled") if balancer else None
    return f". LoadBalancer {balancer.key.name}: {stalled.get('message', '')}" if balancer and stalled else ""


def _pause(context: ReconcileContext) -> float:
    """Seconds until the next look for one that is to go with its load balancer; ever more."""
    memory = context.request.memory.of(_Remembered)
    memory.looks += 1
    return min(0.5 * 2.0 ** min(memory.looks - 1, 10), _LONGEST_PAUSE)


def held(context: ReconcileContext, collection: ResourceType[OctaviaT, BodyT]) -> OctaviaT | None:
    """What the create of the tree has answered for this object, with the states seen since, until it was Ready once."""
    tree, uid = octavia_common.tree_of(context), context.resource.uid
    row = cast("OctaviaT | None", tree.held.get(uid))  # what was made for this object is of its type
    if row is None or json_types.ANY.status(context.resource).get("inputsHash"):
        tree.held.pop(uid, None)
        return None
    row = _with_state(context, collection, row)
    if row is None:
        tree.held.pop(uid)
    return row


def _with_state(context: ReconcileContext, collection: ResourceType[OctaviaT, BodyT], row: OctaviaT) -> OctaviaT | None:
    """The row with the states that were seen since; None where it is gone."""
    tree = octavia_common.tree_of(context)
    seen = tree.seen
    if seen is None or seen.began < tree.written:
        return row
    if row["id"] in seen.parts:
        return _in_states(row, *seen.parts[row["id"]])
    if seen.provisioning == "ACTIVE":
        # A status tree does not show what no listener uses.
        try:
            found = collection.of(context.cloud.do).get(row["id"])
        except NotFoundError:
            return None
        return _in_states(row, found["provisioning_status"], found["operating_status"])
    return row


def _in_states(row: OctaviaT, provisioning: str, operating: str) -> OctaviaT:
    """The same row in other states."""
    found = row.copy()
    found["provisioning_status"], found["operating_status"] = provisioning, operating
    return found


def state(context: ReconcileContext, row: OctaviaResource) -> None:
    """Put the states into status and ``Healthy``."""
    octavia_common.state(context, str(row["provisioning_status"]), str(row.get("operating_status") or ""))


def failure(noun: str, context: ReconcileContext, row: OctaviaResource) -> Outcome | None:
    """The outcome where it is in ERROR; else None."""
    if row["provisioning_status"] != "ERROR":
        return None
    return octavia_common.failed(
        noun, row, f"change {context.resource.key.kind} {context.name}, or delete it and make it again"
    )


def stands_in(context: ReconcileContext, above: Above) -> None:
    """Learn from the cloud which load balancer it is in, where no object of Kubernetes tells (an import, an orphan)."""
    tree = octavia_common.tree_of(context)
    if tree.load_balancer_id is not None:
        return
    balancers = [above.get("loadbalancers")]
    pool = octavia_common.parent(above.get("pools"))
    if pool:
        balancers = [each.get("loadbalancers") for each in context.rows(POOLS) if each["id"] == pool]
    if listener := above.get("listener"):
        balancers = [each.get("loadbalancers") for each in context.rows(LISTENERS) if each["id"] == listener]
    tree.load_balancer_id = next((found for each in balancers if (found := octavia_common.parent(each))), None)


def goes_with(parent: KubeObject | None) -> Outcome | None:
    """The outcome where a parent that is going takes this along; else None."""
    if parent is None or not parent.deleting or FINALIZER not in parent.finalizers:
        return None
    if retained(parent) or stays(parent, json_types.ANY.status(parent).get("id")):
        return None
    message = f"goes with {parent.key.kind} {parent.key.name}, which is being deleted"
    return Outcome(Reason.DELETING, message, WaitingFor(frozenset({parent.key})))
