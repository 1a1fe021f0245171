"""The name that a floating IP leads back to (PTR), in Designate. Whatever becomes of it, the address stands."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import cast

from infomaniak_operator.api.json_types import FLOATING_IP
from infomaniak_operator.client import (
    Category,
    ForbiddenError,
    InfomaniakCloudError,
    NotFoundError,
    ReadOnlyError,
    ServiceMissingError,
)
from infomaniak_operator.client.bodies import ReverseNameBody
from infomaniak_operator.client.designate import reverse_key
from infomaniak_operator.client.resources import FloatingIP as Address
from infomaniak_operator.client.resources import ReverseName
from infomaniak_operator.client.session import is_id
from infomaniak_operator.controller.interfaces import Reason, RequeueAfter
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.failures import reason_of
from infomaniak_operator.reconcile.generic.outcomes import REVERSE_DNS, Outcome
from infomaniak_operator.reconcile.generic.owned import by_id
from infomaniak_operator.reconcile.generic.plan import Step
from infomaniak_operator.reconcile.neutron.reverse_name import (
    HOSTNAME,
    SLOT,
    Seen,
    concerns,
    not_taken,
    same_name,
    unsetting,
    wanted_name,
)
from infomaniak_operator.reconcile.openstack.resource_types import FLOATING_IPS

ACTIVE_WITHIN = 120.0
"""Seconds for which a name that is PENDING is looked at; one that stays so is left to the resync."""
LONGEST_LOOK = 5.0
"""Seconds between two looks at it, at most."""
FIRST_RETRY, LONGEST_RETRY = 30.0, 300.0
"""Seconds until Designate is asked again that could not be asked: at first, and at most."""
RELEASED_WITHIN = 120.0
"""Seconds for which a failing Designate may keep an address from being released."""
_PASSING = frozenset({Category.TRANSIENT, Category.WAITING, Category.IN_USE, Category.NOT_FOUND, Category.PRECONDITION})
"""The failures that pass by themselves; after others it is tried again at the resync, for a person must act."""


@dataclass(slots=True)
class _Remembered:
    """Of a FloatingIP, in monotonic seconds.

    Attributes:
        failing: since when Designate fails, or does not take over what it accepts.
        leaving: since when a name that is to go with its address could not be taken away.
        pending: since when the name is PENDING.
    """

    failing: float | None = None
    leaving: float | None = None
    pending: float | None = None


def look(context: ReconcileContext, row: Address, *, later: bool) -> None:
    """Ask Designate for the name, of an object that it concerns.

    A failure is a matter of the condition ``ReverseDNS`` alone.

    Args:
        context: the reconcile.
        row: the floating IP.
        later: whether the address itself is to be changed first: a Designate that hangs must not hold that up.
    """
    seen = context.seen.of(Seen)
    seen.later = later
    if later:
        return
    try:
        key = reverse_key(context.cloud.region, row["id"])
        names = context.cloud.reverse_names(context.list_after())
        seen.name = next((each for each in names if each["id"] == key), None)
        if seen.name is None:  # Designate leaves out what Neutron does not tell it, so that it is no absence
            raise NotFoundError(f"Designate does not show floating IP {row['id']} ({row.get('floating_ip_address')})")
        seen.former = _former(context, row)
    except InfomaniakCloudError as error:
        _failed(context, error)
    else:
        _show(context, seen.name, row)


def _failed(context: ReconcileContext, error: InfomaniakCloudError) -> None:
    context.seen.of(Seen).failure = error
    reason, message = reason_of(error), _explained(context, error)
    former = context.former().get(REVERSE_DNS)
    if former is None or (former.status, former.reason) != (False, reason):
        context.request.event(reason.value, message, warning=True)
    context.set_condition(REVERSE_DNS, False, reason, message)


def _explained(context: ReconcileContext, error: InfomaniakCloudError) -> str:
    """What a person should know, and do, before the cloud's own words."""
    field = "spec.reverseDNS"
    if wanted_name(context) is None:
        field = "spec.reverseDNS was taken out, and the name that it had set is still there"
    if isinstance(error, ServiceMissingError):
        what = "ask the provider's support for the reverse name, and take spec.reverseDNS out"
        return f"{field}: this cloud has no DNS service (Designate) in region {context.cloud.region}: {what}"
    if isinstance(error, ForbiddenError):
        text = "the credential may not change reverse names: give it a role that may, or take it out"
    elif error.category is Category.QUOTA:
        text = "the quota of Designate is used up: delete what is not needed there, or have it raised"
    elif error.category is Category.TERMINAL:
        text = "Designate does not take it: correct it"
    else:
        text = "Designate cannot be asked now; it is tried again by itself"
    return f"{field}: {text}: {error}"


def _show(context: ReconcileContext, name: ReverseName, row: Address) -> None:
    """Put into status what is seen; before a name is set, too: whose it is must be known should the address go."""
    found: dict[str, object] = {}
    if name.get("ptrdname"):
        found = {"hostname": str(name["ptrdname"]).rstrip("."), "ttl": name.get("ttl"), "status": name.get("status")}
    shown = {**found, "floatingIPID": context.seen.of(Seen).former or row["id"]}
    context.show("reverseDNS", {key: value for key, value in shown.items() if value is not None})


def _former(context: ReconcileContext, row: Address | None) -> str | None:
    """The floating IP that status says had the name before, where it is no more; one that is there is somebody's.

    Raises:
        InfomaniakCloudError: it could not be asked for.
    """
    found = (FLOATING_IP.status(context).get("reverseDNS") or {}).get("floatingIPID")
    if not is_id(found) or found == (row["id"] if row else context.id) or HOSTNAME not in context.applied:
        return None
    there = by_id(context, FLOATING_IPS, context.rows(FLOATING_IPS), str(found))
    return str(found) if there is None else None


def leaving(context: ReconcileContext, row: Address | None) -> list[Step]:
    """What takes away the names that were set, before the address goes; ``row`` None: it has gone already.

    Raises:
        InfomaniakCloudError: Neutron could not be asked whether a former address is gone.
    """
    if HOSTNAME not in context.applied:
        return []
    ids = [str(each) for each in (row["id"] if row else context.id, _former(context, row)) if each]
    address = row.get("floating_ip_address") if row else None
    return [unsetting(each, str(address or f"floating IP {each}")) for each in ids]


def act(context: ReconcileContext, row: Address | None, step: Step) -> Outcome | None:
    """Carry out a step. A failure is noted and said; it ends the reconcile only where the address is to go.

    Returns:
        How the reconcile ends; None where it goes on.

    Raises:
        ReadOnlyError: a dry run.
    """
    seen = context.seen.of(Seen)
    if seen.failure is not None:  # one that is not answered is enough
        context.undone.add(SLOT)
        return None
    seen.sent = True
    try:
        with context.changing():
            _send(context, row, step)
    except ReadOnlyError:
        raise
    except InfomaniakCloudError as error:
        context.undone.add(SLOT)
        if context.resource.deleting:
            return _stays(context, step, error)
        _failed(context, error)
    return None


def _send(context: ReconcileContext, row: Address | None, step: Step) -> None:
    seen, do = context.seen.of(Seen), context.cloud.do.reverse_dns
    if row is not None and step.body["ptrdname"] is not None:
        seen.name = do.set(step.id, cast("ReverseNameBody", step.body))
        seen.given_back = frozenset({"ttl", "description"} - step.body.keys())
        _show(context, seen.name, row)
        return
    with contextlib.suppress(NotFoundError):  # it has none: Designate does not ask Neutron for this
        do.unset(step.id)
    if row is None or context.resource.deleting:
        return
    if step.id != row["id"]:
        seen.former = None
        if seen.name is not None:
            _show(context, seen.name, row)
    elif seen.name is not None:
        gone = seen.name.copy()
        gone["ptrdname"], gone["status"] = None, "INACTIVE"
        seen.name = gone


def _stays(context: ReconcileContext, step: Step, error: InfomaniakCloudError) -> Outcome | None:
    """A name that could not be taken away: it is tried for a while, then the address goes without."""
    memory, now = context.request.memory.of(_Remembered), context.request.clock.monotonic()
    memory.leaving = now if memory.leaving is None else memory.leaving
    waited = now - memory.leaving
    if error.category in _PASSING and waited < RELEASED_WITHIN:
        left = RELEASED_WITHIN - waited
        message = (
            f"cannot be deleted yet: {step.what} could not be taken away from Designate; in {left:.0f} s at the latest "
            f"the address goes without that: {error}"
        )
        return Outcome(Reason.CLOUD_ERROR, message, RequeueAfter(min(5.0 + waited / 2, max(left, 0.1))))
    message = f"{step.what} stays in Designate, for it could not be taken away; have the provider see to it: {error}"
    context.request.event("ReverseNameStays", message, warning=True)
    return None


def report(context: ReconcileContext, row: Address) -> None:
    """Say in the condition ``ReverseDNS`` how the name stands, and have it looked at again where that is not final."""
    if context.unmanaged and wanted_name(context) is not None:
        look(context, row, later=False)
    seen, memory = context.seen.of(Seen), context.request.memory.of(_Remembered)
    now = context.request.clock.monotonic()
    if not concerns(context):
        context.drop("reverseDNS")
        return
    if seen.later:
        context.set_condition(REVERSE_DNS, False, Reason.UPDATING, "it is seen to once the address itself is in order")
        context.come_back(0.0)
        return
    left = not_taken(context, seen)
    if seen.failure is None and not left:
        memory.failing = None
        if seen.name is None or (wanted_name(context) is None and not seen.name.get("ptrdname")):
            context.drop("reverseDNS")
        else:
            _conclude(context, row, seen.name, memory, now)
        return
    memory.failing = now if memory.failing is None else memory.failing
    if seen.failure is None:
        message = f"spec.reverseDNS: Designate accepted it, and has not taken over all of it: {left}"
        context.set_condition(REVERSE_DNS, False, Reason.UPDATING, message)
    if seen.failure is None or seen.failure.category in _PASSING:
        context.come_back(min(FIRST_RETRY + (now - memory.failing) / 2, LONGEST_RETRY))


def _conclude(context: ReconcileContext, row: Address, name: ReverseName, memory: _Remembered, now: float) -> None:
    wanted = wanted_name(context) or {}
    shown = f"{row.get('floating_ip_address')} leads back to {same_name(name.get('ptrdname')) or 'nothing'}"
    status = name.get("status")
    if status != "PENDING":
        memory.pending = None
    if same_name(name.get("ptrdname")) != same_name(wanted.get("hostname")):  # Unmanaged: nothing is changed
        message = f"{shown}, and spec.reverseDNS says {wanted.get('hostname')}: it is only read (Unmanaged)"
        context.set_condition(REVERSE_DNS, False, Reason.CONFLICT, message)
    elif status == "ACTIVE":
        context.set_condition(REVERSE_DNS, True, Reason.AVAILABLE, shown)
    elif status == "PENDING":
        memory.pending = now if memory.pending is None else memory.pending
        waited = now - memory.pending
        message = f"{shown} in Designate; not all name servers have it yet (PENDING)"
        context.set_condition(REVERSE_DNS, False, Reason.UPDATING, message)
        if waited < ACTIVE_WITHIN:
            context.come_back(min(1.0 + waited / 4, LONGEST_LOOK))
    else:
        message = f"{shown} in Designate, which says {status}: the provider's name servers do not take it"
        context.set_condition(REVERSE_DNS, False, Reason.CLOUD_ERROR, message)
