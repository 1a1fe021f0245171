"""Taking a whole tree down: for good, or to make it again where it is in ERROR and ``spec.recovery`` says so."""

from __future__ import annotations

from dataclasses import dataclass

from infomaniak_operator.api import json_types
from infomaniak_operator.client import InfomaniakCloudError, NotFoundError
from infomaniak_operator.client.resources import LoadBalancer
from infomaniak_operator.controller.interfaces import Reason, Retry
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.outcomes import Ended, Outcome, again, stalled
from infomaniak_operator.reconcile.generic.owned import by_id
from infomaniak_operator.reconcile.generic.plan import Plan, Step, only
from infomaniak_operator.reconcile.octavia import foreign_children, octavia_common, vip_port
from infomaniak_operator.reconcile.octavia.seen import SeenBalancer
from infomaniak_operator.reconcile.openstack.resource_types import PORTS

_ATTEMPTS = 3
_BACKOFF = 60
_NO_RECOVERY: json_types.Recovery = {"policy": "Never"}


@dataclass(slots=True)
class _Remembered:
    """Of a load balancer in ERROR: before when no further attempt is made, monotonic seconds."""

    next: float | None = None


def over(context: ReconcileContext) -> None:
    """Note that it is in ERROR no more, or is made again: the next time begins with a new pause."""
    context.request.memory.of(_Remembered).next = None


def in_the_way(context: ReconcileContext, row: LoadBalancer) -> Ended | None:
    """How the reconcile ends where a tree cannot be deleted now: it is locked, or holds what is not ours to delete.

    Raises:
        InfomaniakCloudError: the cloud could not be asked.
    """
    octavia_common.note(context, row)
    tree = octavia_common.tree_of(context)
    if str(row["provisioning_status"]).startswith("PENDING"):
        tree.pending_since = tree.pending_since or context.request.clock.monotonic()
        return octavia_common.waiting(context, tree)
    strangers = foreign_children.of_balancer(context, row)
    if not strangers:
        return None
    message = (
        f"load balancer {row['id']} holds what is not to be deleted with it: {'; '.join(strangers)}: delete or "
        "move it first"
    )
    return again(Reason.IN_USE, message, 15.0)


def delete_tree(context: ReconcileContext, row: LoadBalancer) -> Outcome:
    """Delete a load balancer with all that is under it; returns the outcome of waiting for its end.

    Raises:
        InfomaniakCloudError: the service refused.
    """
    tree = octavia_common.tree_of(context)
    try:
        with octavia_common.changing(context):
            context.cloud.do.load_balancers.delete(row["id"], cascade=True)
    except NotFoundError:
        return Outcome(Reason.DELETING, f"load balancer {row['id']} is gone", Retry())
    if context.resource.deleting:
        context.request.event("Deleted", f"deleted load balancer {row['id']} with all that is under it")
    return again(Reason.DELETING, f"load balancer {row['id']} is being deleted", tree.next_look - tree.written)


def _imported(row: LoadBalancer) -> Outcome:
    # The spec names what shall be changed in it, not all that it is: what comes after would not be the same.
    message = (
        f"load balancer {row['id']} is in ERROR in the cloud; it was imported, and spec.recovery does not apply to "
        "what was imported, for the spec does not hold all that is in it: have the cloud's support mend it, or delete "
        "it in the cloud and make another load balancer"
    )
    return stalled(Reason.CLOUD_ERROR, message)


SLOT = "recovery"
"""Of the step that deletes a load balancer to make it again."""


def wanted(facts: Facts) -> bool:
    """Whether a load balancer in ERROR is made again."""
    return _policy(facts).get("policy") == "Recreate" and not facts.unmanaged and not facts.imported


def look(context: ReconcileContext, row: LoadBalancer) -> None:
    """Look at a load balancer in ERROR, for ``plan`` to know: whose its VIP's port is, and since when it is in ERROR.

    Raises:
        InfomaniakCloudError: the ports could not be listed.
    """
    octavia_common.state(context, "ERROR", str(row.get("operating_status") or ""))
    if not wanted(context):
        return
    port_id = row.get("vip_port_id")
    port = by_id(context, PORTS, context.rows(PORTS), str(port_id)) if port_id else None
    context.seen.of(SeenBalancer).vip_port = [] if port is None else [port]
    memory = context.request.memory.of(_Remembered)
    attempts = _attempts(context)
    if memory.next is None and attempts < _most(context):
        pause = float(_policy(context).get("backoffSeconds") or _BACKOFF) * 2.0 ** (attempts - 1) if attempts else 0.0
        memory.next = context.moment + pause  # of the very moment that ``plan`` compares it with


def plan(facts: Facts, row: LoadBalancer) -> Plan:
    """What is done about a load balancer in ERROR: it is said, or it is deleted and made again on its VIP's port."""
    if facts.imported and not facts.unmanaged:
        return Plan(outcome=_imported(row))
    if not wanted(facts):
        return Plan(outcome=in_error(row))
    # What was not made for this object, an import that is left out of the spec by now, is not recovered.
    port = next(iter(facts.seen.of(SeenBalancer).vip_port or ()), None)
    if port is not None and not vip_port.is_ours(facts, port):
        message = (
            f"load balancer {row['id']} is in ERROR in the cloud; its VIP's port {port['id']} was not made for this "
            "object, so that it cannot be made again with the same address, and spec.recovery does not apply"
        )
        return Plan(outcome=stalled(Reason.CLOUD_ERROR, message))
    attempts = _attempts(facts)
    if attempts >= _most(facts):
        message = f"load balancer {row['id']} is in ERROR in the cloud again, after it was made anew {attempts} times"
        return Plan(outcome=stalled(Reason.CLOUD_ERROR, message))
    due = facts.request.memory.of(_Remembered).next
    if due is not None and facts.moment < due:
        message = f"load balancer {row['id']} is in ERROR in the cloud; it is made again in a while"
        return Plan(outcome=again(Reason.CLOUD_ERROR, message, due - facts.moment))
    what = f"load balancer {row['id']}, which is in ERROR, and make it again on the same VIP"
    return only([Step("delete", what, SLOT, row["id"])])


def in_error(row: LoadBalancer) -> Outcome:
    """The outcome for a load balancer in ERROR that is not made again by itself."""
    message = (
        f"load balancer {row['id']} is in ERROR in the cloud: nothing can be changed in it; delete this object, or set "
        "spec.recovery.policy to Recreate, by which it is made again with the same VIP"
    )
    return stalled(Reason.CLOUD_ERROR, message)


def act(context: ReconcileContext, row: LoadBalancer) -> Ended:
    """Delete a load balancer in ERROR, to make it again; returns how the reconcile ends.

    Raises:
        InfomaniakCloudError: the service refused.
    """
    if blocked := in_the_way(context, row):
        return blocked
    attempts, status = _attempts(context), json_types.LOAD_BALANCER.status(context)
    # Written before the deletion: killed right after it, the operator would else count from the beginning again.
    status["recoveryAttempts"] = attempts + 1
    context.record()
    try:
        going = delete_tree(context, row)
    except InfomaniakCloudError as error:
        if not error.outcome_unknown:
            status["recoveryAttempts"] = attempts or None
        raise
    over(context)
    count = f"attempt {attempts + 1} of {_most(context)}"
    message = f"load balancer {row['id']} is in ERROR: it is being deleted, and will be made again, {count}"
    context.request.event("Recovering", message, warning=True)
    return Outcome(Reason.CLOUD_ERROR, message, going.next)


def _policy(facts: Facts) -> json_types.Recovery:
    return json_types.LOAD_BALANCER.spec(facts).get("recovery") or _NO_RECOVERY


def _attempts(facts: Facts) -> int:
    tried = json_types.LOAD_BALANCER.status(facts).get("recoveryAttempts")
    return tried if isinstance(tried, int) else 0


def _most(facts: Facts) -> int:
    return int(_policy(facts).get("maxAttempts") or _ATTEMPTS)
