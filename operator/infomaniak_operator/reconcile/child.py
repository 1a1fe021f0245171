"""What Pool and HealthMonitor have in common: they are made with their tree, or later in it, and go with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from infomaniak_operator.client import NotFoundError
from infomaniak_operator.engine.contract import FINALIZER, Key, KubeObject, Reason, View, Waiting
from infomaniak_operator.reconcile import octavia, presence, treeplan
from infomaniak_operator.reconcile.actuator import Inputs, Row, Unresolved
from infomaniak_operator.reconcile.outcome import HEALTHY, REFERENCES_RESOLVED, Stop, retained
from infomaniak_operator.reconcile.ownership import by_id, check_project
from infomaniak_operator.reconcile.visit import Visit

_LOOKS = "looks for its end"
_LONGEST_PAUSE = 30.0


class ChildActuator(octavia.TreeActuator):
    """What both kinds' actuators share."""

    collection: str

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

    def held(self, visit: Visit) -> Row | None:
        """The object as the create of its tree has answered it, until it was Ready once."""
        return held(visit)

    def prepare(self, visit: Visit, inputs: Inputs, body: dict[str, Any]) -> Callable[[], Row]:
        """See that the tree takes a change; then one POST."""
        pool = inputs.get("poolID")
        stands_in(visit, {"pools": [{"id": pool}]} if pool else {})
        octavia.gate(visit)
        collection = getattr(visit.cloud.do, self.collection)

        def send() -> Row:
            with octavia.changing(visit):
                made: Row = collection.create(body)
            return made

        return send

    def release(self, visit: Visit, row: Row) -> None:
        """Release the mark."""
        stands_in(visit, row)
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


def wait_for_tree(visit: Visit, actuator: Any, parent: Key, field: str) -> NoReturn:
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


def held(visit: Visit) -> Row | None:
    """What the create of the tree has answered for this object, with the states seen since, until it was Ready once."""
    tree, uid = visit.tree, visit.resource.uid
    row = tree.held.get(uid)
    if row is None or visit.resource.status.get("inputsHash"):
        tree.held.pop(uid, None)
        return None
    row = _with_state(visit, row)
    if row is None:
        tree.held.pop(uid)
    return row


def _with_state(visit: Visit, row: Row) -> Row | None:
    """The row with the states that were seen since; None where it is gone."""
    tree = visit.tree
    seen = tree.seen
    if seen is None or seen.began < tree.written:
        return row
    if row["id"] in seen.parts:
        provisioning, operating = seen.parts[row["id"]]
        return {**row, "provisioning_status": provisioning, "operating_status": operating}
    if seen.provisioning == "ACTIVE":
        # A status tree does not show what no listener uses.
        try:
            found: Row = getattr(visit.cloud.do, _COLLECTIONS[visit.resource.key.kind]).get(row["id"])
        except NotFoundError:
            return None
        return {**row, **{name: found[name] for name in ("provisioning_status", "operating_status")}}
    return row


_COLLECTIONS = {octavia.POOL: "pools", octavia.MONITOR: "health_monitors"}


def state(visit: Visit, row: Row) -> None:
    """Put the states into status and ``Healthy``."""
    octavia.state(visit, str(row["provisioning_status"]), str(row.get("operating_status") or ""))


def check(noun: str, visit: Visit, row: Row) -> None:
    """Say so where it is in ERROR.

    Raises:
        Stop: it is.
    """
    if row["provisioning_status"] == "ERROR":
        raise octavia.failed(
            noun, row, f"change {visit.resource.key.kind} {visit.name}, or delete it and make it again"
        )


def stands_in(visit: Visit, row: Row) -> None:
    """Learn from the cloud which load balancer it is in, where no object of Kubernetes tells (an import, an orphan)."""
    tree = visit.tree
    if tree.load_balancer_id is not None:
        return
    above = octavia.parent(row, "pools")
    holders = [each for each in visit.rows("pools") if each["id"] == above] if above else [row]
    tree.load_balancer_id = next((found for each in holders if (found := octavia.parent(each, "loadbalancers"))), None)


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


def delete(visit: Visit, actuator: Any, row: Row, check: Callable[[], None] = lambda: None) -> Stop:
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
    stands_in(visit, row)
    octavia.gate(visit)
    check()
    with octavia.changing(visit):
        getattr(visit.cloud.do, actuator.collection).delete(row["id"])
    visit.attempt.event("Deleted", f"deleted {actuator.noun} {row['id']}")
    return visit.again(Reason.DELETING, f"{actuator.noun} {row['id']} is being deleted", tree.next_look - tree.written)
