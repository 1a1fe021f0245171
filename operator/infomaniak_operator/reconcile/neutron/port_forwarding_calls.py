"""The calls that make, change and delete the port forwardings of a FloatingIP, and what their refusals mean."""

from __future__ import annotations

import contextlib
from typing import cast

from infomaniak_operator.client import BadRequestError, ConflictError, InfomaniakCloudError, NotFoundError
from infomaniak_operator.client.bodies import PortForwardingBody
from infomaniak_operator.client.resources import FloatingIP as Address
from infomaniak_operator.client.resources import PortForwarding as Row
from infomaniak_operator.controller.interfaces import Progress, Reason, Retry, WaitingFor
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.outcomes import Outcome, named, stalled, stands_ready
from infomaniak_operator.reconcile.generic.plan import Step
from infomaniak_operator.reconcile.neutron import port_forwardings

_NO_WAY = "is not reachable from subnet"
"""In Neutron's words where no router leads from the port inside to the external network."""
NO_PORT = "PortNotFound"


def act(context: ReconcileContext, row: Address, step: Step) -> Address:
    """Carry out one step.

    Returns:
        The floating IP as it then is.

    Raises:
        InfomaniakCloudError: it was refused.
    """
    do = context.cloud.do.port_forwardings
    rows = [each for each in row.get("port_forwardings") or () if each["id"] != step.id]
    if step.verb == "delete":
        with context.changing(), contextlib.suppress(NotFoundError):
            do.delete(row["id"], step.id)
    elif step.verb == "update":
        with context.changing():
            rows.append(do.update(row["id"], step.id, cast("PortForwardingBody", step.body)))
    else:
        rows.append(_create(context, row, cast("PortForwardingBody", step.body)))
    changed = row.copy()
    changed["port_forwardings"] = rows
    return changed


def _create(context: ReconcileContext, row: Address, body: PortForwardingBody) -> Row:
    """Make one; one that is there already is what was wanted: the answer to a former attempt was lost."""
    do = context.cloud.do.port_forwardings
    try:
        with context.changing():
            return do.create(row["id"], body)
    except (BadRequestError, ConflictError):
        wanted = body.items()
        for each in do.list(row["id"], protocol=body["protocol"], external_port=body["external_port"]):
            there: dict[str, object] = {**each}
            if all(there.get(name) == value for name, value in wanted):
                return each
        raise


def no_way(error: InfomaniakCloudError) -> bool:
    """Whether it was refused for want of a router between the port inside and the external network."""
    return _NO_WAY in str(error)


def refused(context: ReconcileContext, error: InfomaniakCloudError, step: Step) -> Outcome | None:
    """What the refusal of one means, while the others go on; None where the error itself says it."""
    place = f"spec.{port_forwardings.FIELD}[{step.slot.removeprefix(port_forwardings.SLOTS)}]"
    if error.error_type == NO_PORT:
        message = f"{place}: the port that it leads to is not there: {error}"
        return Outcome(Reason.WAITING_FOR_REFERENCE, message, Retry(at_least=5.0))
    if not isinstance(error, BadRequestError | ConflictError):
        return None
    view = context.request.view
    body = cast("PortForwardingBody", {**step.body, "protocol": step.slot.split("/")[1]})
    others = port_forwardings.holders(context.resource, view, body)
    if others:
        names = " and ".join(named(each, context.resource) for each in others)
        stays = all(stands_ready(each) and not each.deleting for each in others)
        waiting = WaitingFor(frozenset(each.key for each in others))
        message = f"{place}: the port inside has the address of {names}, or is forwarded to there: {error}"
        progress = Progress.STALLED if stays else Progress.RECONCILING
        return Outcome(Reason.CONFLICT, message, waiting, progress)
    if isinstance(error, BadRequestError):
        return stalled(Reason.INVALID_CONFIGURATION, f"{place}: {error}")
    return stalled(Reason.CONFLICT, f"{place}: {error}")
