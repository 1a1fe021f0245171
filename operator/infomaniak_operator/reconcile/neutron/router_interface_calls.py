"""The calls that make and remove the interfaces of a Router, and the ports of those at an address of their own."""

from __future__ import annotations

import contextlib

from infomaniak_operator.client import BadRequestError, ConflictError, NotFoundError
from infomaniak_operator.client.resources import Router
from infomaniak_operator.controller.interfaces import Reason
from infomaniak_operator.reconcile.generic import misnamed
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.outcomes import Outcome, again
from infomaniak_operator.reconcile.generic.plan import Step
from infomaniak_operator.reconcile.neutron import overlaps
from infomaniak_operator.reconcile.neutron.router_interfaces import (
    Leg,
    Seen,
    child_of,
    of_router,
    subnets,
)
from infomaniak_operator.reconcile.openstack.resource_types import PORTS
from infomaniak_operator.reconcile.ownership.marks import described

_IS_THERE = "Router already has a port on subnet"
"""In Neutron's words where a router has the interface."""


def act(context: ReconcileContext, row: Router, step: Step) -> Outcome | None:
    """Carry out a step on an interface.

    Returns:
        How the reconcile ends where its subnet or its port is not there; else None.

    Raises:
        InfomaniakCloudError: it was refused.
    """
    seen = context.seen.of(Seen)
    there = seen.interfaces or []
    subnet, at = step.body.get("subnet_id"), step.body.get("ip_address")
    if step.verb == "delete":
        with context.changing():
            context.cloud.do.routers.remove_interface(row["id"], subnet_id=str(subnet))
        seen.interfaces = [leg for leg in there if subnet not in subnets([leg])]
        return None
    port = step.body.get("port_id")
    if at and not port:
        port = _make_port(context, str(subnet), str(at))
    added = _add(context, row, port=str(port)) if port else _add(context, row, subnet=str(subnet))
    if isinstance(added, Outcome):
        return added
    seen.interfaces = [*there, added]
    seen.spare = [each for each in seen.spare if each["id"] != port]
    return None


def act_on_port(context: ReconcileContext, step: Step) -> None:
    """Delete a port that was made for an interface and is none, or give up the mark of one that is.

    Raises:
        InfomaniakCloudError: it was refused.
    """
    with context.changing(), contextlib.suppress(NotFoundError):
        if step.verb == "delete":
            context.cloud.do.ports.delete(step.id)
        else:
            context.cloud.do.ports.update(step.id, PORTS.body(step.body))
    seen = context.seen.of(Seen)
    seen.spare = [each for each in seen.spare if each["id"] != step.id]


def _make_port(context: ReconcileContext, subnet: str, at: str) -> str:
    """Make the port of an interface, marked: whoever comes after a crash hands it to the router, or deletes it."""
    network = context.cloud.do.subnets.get(subnet)["network_id"]
    body = PORTS.body(
        {
            "network_id": network,
            "name": context.name,
            "description": described("", context.owner.mark(child_of(subnet))),
            "fixed_ips": [{"subnet_id": subnet, "ip_address": at}],
            "project_id": context.project_id,
        }
    )
    with context.changing():
        made = context.cloud.do.ports.create(body)
    seen = context.seen.of(Seen)
    seen.spare = [*seen.spare, made]
    return made["id"]


def _add(
    context: ReconcileContext, row: Router, *, subnet: str | None = None, port: str | None = None
) -> Leg | Outcome:
    """Add an interface; one that is there already is what was wanted.

    Neutron refuses an interface that the router has: a former attempt whose answer was lost, or one that no list
    shows. An interface on a subnet has no id of its own that could be asked for: Neutron's word counts.

    Returns:
        The interface; or the outcome where what it is to be on is not there.

    Raises:
        InfomaniakCloudError: it was refused.
    """
    try:
        with context.changing():
            added = context.cloud.do.routers.add_interface(row["id"], subnet_id=subnet, port_id=port)
        if port is not None:
            return _leg(context, port)
        return {"id": str(added.get("port_id")), "fixed_ips": [{"subnet_id": str(added.get("subnet_id") or subnet)}]}
    except (BadRequestError, ConflictError) as error:
        legs = of_router(context.cloud.do.ports.list(device_id=row["id"]), row["id"])
        wanted = next(
            (leg for leg in legs if port in (leg.get("id"), None) and (port or subnet in subnets([leg]))), None
        )
        if wanted is not None:
            return wanted
        if subnet is None or f"{_IS_THERE} {subnet}" not in str(error):
            raise
        return {"fixed_ips": [{"subnet_id": subnet}]}
    except NotFoundError as error:
        view = context.request.view
        what = f"port {port}" if port is not None else overlaps.subnet_named(context.resource, view, str(subnet))
        wrong = misnamed.leading_nowhere(context.resource, error)
        where = f"{misnamed.places(context.resource, wrong)}: " if wrong else ""
        return again(Reason.WAITING_FOR_REFERENCE, f"{where}{what} is not there (any more): {error}", 10.0)


def _leg(context: ReconcileContext, port: str) -> Leg:
    known = [each for each in context.seen.of(Seen).spare if each["id"] == port]
    row = known[0] if known else context.cloud.do.ports.get(port)
    return {"id": port, "fixed_ips": row.get("fixed_ips") or []}
