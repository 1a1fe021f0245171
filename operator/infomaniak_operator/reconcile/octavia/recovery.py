"""Taking a whole tree down: for good, or to make it again where it is in ERROR and ``spec.recovery`` says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from infomaniak_operator.api import json_types
from infomaniak_operator.client import InfomaniakCloudError, NotFoundError
from infomaniak_operator.client.resources import LoadBalancer
from infomaniak_operator.controller.interfaces import Progress, Reason, RequeueAfter, Retry, Stalled
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.outcomes import Stop
from infomaniak_operator.reconcile.generic.owned import by_id
from infomaniak_operator.reconcile.octavia import foreign_children, octavia_common, vip_port
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


def delete_tree(context: ReconcileContext, row: LoadBalancer, before: Callable[[], None] = lambda: None) -> Stop:
    """Delete a load balancer with all that is under it; returns the outcome of waiting for its end.

    Args:
        context: the reconcile.
        row: the load balancer.
        before: called once it is clear that it may be deleted, right before the call.

    Raises:
        Stop: it is locked, or holds what is not ours to delete.
        InfomaniakCloudError: the service refused, or could not be asked.
    """
    octavia_common.note(context, row)
    tree = octavia_common.tree_of(context)
    if str(row["provisioning_status"]).startswith("PENDING"):
        tree.pending_since = tree.pending_since or context.request.clock.monotonic()
        raise octavia_common.waiting(context, tree)
    strangers = foreign_children.of_balancer(context, row)
    if strangers:
        message = (
            f"load balancer {row['id']} holds what is not to be deleted with it: {'; '.join(strangers)}: delete or "
            "move it first"
        )
        raise Stop(Reason.IN_USE, message, RequeueAfter(15.0))
    before()
    try:
        with octavia_common.changing(context):
            context.cloud.do.load_balancers.delete(row["id"], cascade=True)
    except NotFoundError:
        return Stop(Reason.DELETING, f"load balancer {row['id']} is gone", Retry())
    if context.resource.deleting:
        context.request.event("Deleted", f"deleted load balancer {row['id']} with all that is under it")
    return context.again(Reason.DELETING, f"load balancer {row['id']} is being deleted", tree.next_look - tree.written)


def _imported(row: LoadBalancer) -> Stop:
    # The spec names what shall be changed in it, not all that it is: what comes after would not be the same.
    message = (
        f"load balancer {row['id']} is in ERROR in the cloud; it was imported, and spec.recovery does not apply to "
        "what was imported, for the spec does not hold all that is in it: have the cloud's support mend it, or delete "
        "it in the cloud and make another load balancer"
    )
    return Stop(Reason.CLOUD_ERROR, message, Stalled(), Progress.STALLED)


def _check_origin(context: ReconcileContext, row: LoadBalancer) -> None:
    """Refuse to recover what was not made for this object: an import that is left out of the spec by now.

    Raises:
        Stop: its VIP's port is somebody else's, Octavia's own say.
        InfomaniakCloudError: the ports could not be listed.
    """
    port_id = row.get("vip_port_id")
    port = by_id(context, PORTS, context.rows(PORTS), str(port_id)) if port_id else None
    if port is not None and not vip_port.is_ours(context, port):
        message = (
            f"load balancer {row['id']} is in ERROR in the cloud; its VIP's port {port['id']} was not made for this "
            "object, so that it cannot be made again with the same address, and spec.recovery does not apply"
        )
        raise Stop(Reason.CLOUD_ERROR, message, Stalled(), Progress.STALLED)


def recover(context: ReconcileContext, row: LoadBalancer) -> None:
    """A load balancer in ERROR: say so, or take it down, after which it is made again on the same VIP's port.

    Raises:
        Stop: always.
    """
    octavia_common.state(context, "ERROR", str(row.get("operating_status") or ""))
    wanted = json_types.LOAD_BALANCER.spec(context).get("recovery") or _NO_RECOVERY
    advice = "nothing can be changed in it"
    if context.imported and not context.unmanaged:
        raise _imported(row)
    if wanted.get("policy") != "Recreate" or context.unmanaged:
        hint = (
            f"load balancer {row['id']} is in ERROR in the cloud: {advice}; delete this object, or set "
            "spec.recovery.policy to Recreate, by which it is made again with the same VIP"
        )
        raise Stop(Reason.CLOUD_ERROR, hint, Stalled(), Progress.STALLED)
    _check_origin(context, row)
    tried = json_types.LOAD_BALANCER.status(context).get("recoveryAttempts")
    attempts = tried if isinstance(tried, int) else 0
    most = int(wanted.get("maxAttempts") or _ATTEMPTS)
    if attempts >= most:
        message = f"load balancer {row['id']} is in ERROR in the cloud again, after it was made anew {attempts} times"
        raise Stop(Reason.CLOUD_ERROR, message, Stalled(), Progress.STALLED)
    now = context.request.clock.monotonic()
    memory = context.request.memory.of(_Remembered)
    due = memory.next
    if due is None:
        pause = float(wanted.get("backoffSeconds") or _BACKOFF) * 2.0 ** (attempts - 1) if attempts else 0.0
        due = memory.next = now + pause
    if now < due:
        message = f"load balancer {row['id']} is in ERROR in the cloud; it is made again in a while"
        raise Stop(Reason.CLOUD_ERROR, message, RequeueAfter(due - now))
    if context.dry_run:
        raise context.would(f"delete load balancer {row['id']}, which is in ERROR, and make it again on the same VIP")
    context.add_finalizer()

    def count() -> None:
        # Written before the deletion: killed right after it, the operator would else count from the beginning again.
        json_types.LOAD_BALANCER.status(context)["recoveryAttempts"] = attempts + 1
        context.record()

    try:
        going = delete_tree(context, row, count)
    except InfomaniakCloudError as error:
        if not error.outcome_unknown:
            json_types.LOAD_BALANCER.status(context)["recoveryAttempts"] = attempts or None
        raise
    over(context)
    message = f"load balancer {row['id']} is in ERROR: it is deleted and made again, attempt {attempts + 1} of {most}"
    context.request.event("Recovering", message, warning=True)
    raise Stop(Reason.CLOUD_ERROR, message, going.next)
