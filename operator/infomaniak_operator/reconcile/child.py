"""What Pool and HealthMonitor have in common: they are made with their tree, or later in it, and go with it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypedDict, cast

from infomaniak_operator.client import NotFoundError
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.client.resources import OctaviaResource, Reference
from infomaniak_operator.engine.contract import FINALIZER, Key, KubeObject, Reason, View, Waiting
from infomaniak_operator.reconcile import octavia, presence, treeplan
from infomaniak_operator.reconcile.actuator import Actuator, Inputs, Unresolved
from infomaniak_operator.reconcile.octavia import OctaviaT
from infomaniak_operator.reconcile.outcome import HEALTHY, REFERENCES_RESOLVED, Stop, retained
from infomaniak_operator.reconcile.ownership import by_id, check_project
from infomaniak_operator.reconcile.resourcetypes import POOLS, ResourceType
from infomaniak_operator.reconcile.visit import Visit

_LOOKS = "looks for its end"
_LONGEST_PAUSE = 30.0


class Above(TypedDict, total=False):
    """What a pool or a health monitor is in.

    Attributes:
        loadbalancers: as in ``Pool``.
        pools: as in ``HealthMonitor``.
    """

    loadbalancers: Sequence[Reference]
    pools: Sequence[Reference]


class ChildActuator(octavia.TreeActuator[OctaviaT, BodyT], ABC):
    """What both kinds' actuators share."""

    collection: ResourceType[OctaviaT, BodyT]

    @abstractmethod
    def above(self, row: OctaviaT) -> Above:
        """What it is in."""

    def without_reference(self, visit: Visit, key: Key) -> None:
        """One that went with its load balancer has no id, no members and no health any more.

        Raises:
            InfomaniakCloudError: it could not be asked for.
        """
        if key.kind not in (octavia.LOAD_BALANCER, octavia.POOL) or visit.id is None or visit.unmanaged:
            return
        check_project(visit)
        visit.aspect(HEALTHY, None, Reason.WAITING_FOR_REFERENCE, "what it belongs to is not there, or going")
        # What is imported and gone is not made again: its id says what is missing.
        if not visit.imported and by_id(visit, self.collection, visit.rows(self.collection), visit.id) is None:
            visit.lost()

    def held(self, visit: Visit) -> OctaviaT | None:
        """The object as the create of its tree has answered it, until it was Ready once."""
        return held(visit, self.collection)

    def prepare(self, visit: Visit, inputs: Inputs, body: BodyT) -> Callable[[], OctaviaT]:
        """See that the tree takes a change; then one POST."""
        pool = inputs.get("poolID")
        stands_in(visit, {"pools": [{"id": pool}]} if pool else {})
        octavia.gate(visit)
        collection = self.collection.of(visit.cloud.do)

        def send() -> OctaviaT:
            with octavia.changing(visit):
                return collection.create(body)

        return send

    def release(self, visit: Visit, row: OctaviaT) -> None:
        """Release the mark."""
        stands_in(visit, self.above(row))
        octavia.release_tags(visit, self.collection, row)


def balancer_inputs(resource: KubeObject, view: View) -> dict[str, Any]:
    """The load balancer's id; None while there is none yet, nothing where no load balancer is referred to.

    Raises:
        Unresolved: it is missing, or going.
    """
    key = treeplan.balancer_ref(resource)
    if key is None:
        return {}
    found = view.get(key)
    if found is None:
        message = f"spec.loadBalancerRef: there is no LoadBalancer {key.name} in namespace {key.namespace} yet"
        raise Unresolved(key, message)
    if found.deleting and not stays(found, resource.status.get("loadBalancerID")):
        raise Unresolved(key, f"spec.loadBalancerRef: LoadBalancer {key.name} is being deleted")
    return {"loadBalancerID": found.status.get("id")}


def stays(parent: KubeObject, used: Any) -> bool:
    """Whether a parent that is Terminating is kept by something, so that those in it already go on as they were."""
    kept = (parent.condition("Ready") or {}).get("reason") == Reason.IN_USE.value
    return kept and bool(used) and parent.status.get("id") == used


def needs_parent(visit: Visit, inputs: Inputs, name: str) -> bool:
    """Whether what it is to be made in is not there yet."""
    return name in inputs and inputs[name] is None and visit.resource.uid not in visit.tree.held


def wait_for_tree(visit: Visit, actuator: Actuator[RowT, BodyT], parent: Key, field: str) -> NoReturn:
    """Take the finalizer, by which the load balancer knows that this can be made with it, and wait.

    Raises:
        Stop: always.
    """
    check_project(visit)
    message = (
        f"{field}: {parent.kind} {parent.name} is not in the cloud yet; this is made together with it{_why(visit)}"
    )
    if visit.id:
        rows = visit.rows(actuator.collection)
        if by_id(visit, actuator.collection, rows, visit.id) is not None:
            # It goes with the load balancer, a moment later perhaps, of which nothing tells: it is looked for.
            gone = f"{field}: {parent.kind} {parent.name} is not in the cloud (any more)"
            visit.aspect(REFERENCES_RESOLVED, False, Reason.WAITING_FOR_REFERENCE, gone)
            raise visit.again(Reason.WAITING_FOR_REFERENCE, gone, _pause(visit))
        visit.lost()
    visit.memory.pop(_LOOKS, None)
    if visit.dry_run:
        raise presence.dry_run(visit, f"create {actuator.noun} {visit.name} in {parent.kind} {parent.name}")
    if visit.unmanaged or visit.imported:
        raise visit.wait_for(parent, f"{field}: {parent.kind} {parent.name} is not in the cloud yet{_why(visit)}")
    if FINALIZER not in visit.resource.finalizers and visit.claim():
        visit.creates.claimed = True
        resource = visit.resource
        face = (resource.generation, True, resource.deleting)
        visit.tree.touch(resource.uid, face, visit.attempt.clock.monotonic())
    visit.intend(actuator.applied(visit))  # written with the waiting, before the tree is made
    raise visit.wait_for(parent, message)


def _why(visit: Visit) -> str:
    """What is wrong with the load balancer that it cannot be made with; nothing where that is on its way."""
    balancer = octavia.load_balancer_of(visit.resource, visit.attempt.view)
    stalled = balancer.condition("Stalled") if balancer else None
    return f". LoadBalancer {balancer.key.name}: {stalled.get('message', '')}" if balancer and stalled else ""


def _pause(visit: Visit) -> float:
    """Seconds until the next look for one that is to go with its load balancer; ever more."""
    looks = int(visit.memory.get(_LOOKS, 0))
    visit.memory[_LOOKS] = looks + 1
    return min(0.5 * 2.0 ** min(looks, 10), _LONGEST_PAUSE)


def held(visit: Visit, collection: ResourceType[OctaviaT, BodyT]) -> OctaviaT | None:
    """What the create of the tree has answered for this object, with the states seen since, until it was Ready once."""
    tree, uid = visit.tree, visit.resource.uid
    row = cast("OctaviaT | None", tree.held.get(uid))  # what was made for this object is of its type
    if row is None or visit.resource.status.get("inputsHash"):
        tree.held.pop(uid, None)
        return None
    row = _with_state(visit, collection, row)
    if row is None:
        tree.held.pop(uid)
    return row


def _with_state(visit: Visit, collection: ResourceType[OctaviaT, BodyT], row: OctaviaT) -> OctaviaT | None:
    """The row with the states that were seen since; None where it is gone."""
    tree = visit.tree
    seen = tree.seen
    if seen is None or seen.began < tree.written:
        return row
    if row["id"] in seen.parts:
        return _in_states(row, *seen.parts[row["id"]])
    if seen.provisioning == "ACTIVE":
        # A status tree does not show what no listener uses.
        try:
            found = collection.of(visit.cloud.do).get(row["id"])
        except NotFoundError:
            return None
        return _in_states(row, found["provisioning_status"], found["operating_status"])
    return row


def _in_states(row: OctaviaT, provisioning: str, operating: str) -> OctaviaT:
    """The same row in other states."""
    found = row.copy()
    found["provisioning_status"], found["operating_status"] = provisioning, operating
    return found


def state(visit: Visit, row: OctaviaResource) -> None:
    """Put the states into status and ``Healthy``."""
    octavia.state(visit, str(row["provisioning_status"]), str(row.get("operating_status") or ""))


def check(noun: str, visit: Visit, row: OctaviaResource) -> None:
    """Say so where it is in ERROR.

    Raises:
        Stop: it is.
    """
    if row["provisioning_status"] == "ERROR":
        raise octavia.failed(
            noun, row, f"change {visit.resource.key.kind} {visit.name}, or delete it and make it again"
        )


def stands_in(visit: Visit, above: Above) -> None:
    """Learn from the cloud which load balancer it is in, where no object of Kubernetes tells (an import, an orphan)."""
    tree = visit.tree
    if tree.load_balancer_id is not None:
        return
    balancers = [above.get("loadbalancers")]
    pool = octavia.parent(above.get("pools"))
    if pool:
        balancers = [each.get("loadbalancers") for each in visit.rows(POOLS) if each["id"] == pool]
    tree.load_balancer_id = next((found for each in balancers if (found := octavia.parent(each))), None)


def goes_with(parent: KubeObject | None) -> None:
    """Leave it to a parent that is going to take this along.

    Raises:
        Stop: it does.
    """
    if parent is None or not parent.deleting or FINALIZER not in parent.finalizers:
        return
    if retained(parent) or stays(parent, parent.status.get("id")):
        return
    message = f"goes with {parent.key.kind} {parent.key.name}, which is being deleted"
    raise Stop(Reason.DELETING, message, Waiting(frozenset({parent.key})))


def delete(
    visit: Visit, actuator: ChildActuator[OctaviaT, BodyT], row: OctaviaT, check: Callable[[], None] = lambda: None
) -> Stop:
    """Delete it; returns the outcome of waiting for its end.

    Args:
        visit: the visit.
        actuator: the kind.
        row: the object.
        check: refuses, right before the delete, where it would take along what is not ours.

    Raises:
        Stop: the tree is locked, or ``check`` refuses.
        InfomaniakCloudError: the service refused.
    """
    tree = visit.tree
    stands_in(visit, actuator.above(row))
    octavia.gate(visit)
    check()
    with octavia.changing(visit):
        actuator.collection.of(visit.cloud.do).delete(row["id"])
    visit.attempt.event("Deleted", f"deleted {actuator.noun} {row['id']}")
    return visit.again(Reason.DELETING, f"{actuator.noun} {row['id']} is being deleted", tree.next_look - tree.written)
