"""Import: which object of the cloud a person means, by id or by filter, and what adopting it would change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from infomaniak_operator.api.json_types import ANY
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.controller.interfaces import KubeObject, Progress, Reason, WaitingFor
from infomaniak_operator.reconcile.generic.actuator import Actuator
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.fields import address
from infomaniak_operator.reconcile.generic.outcomes import SYNCED, Outcome, again, bounded, named, stalled
from infomaniak_operator.reconcile.generic.owned import (
    Whose,
    by_id,
    conflict,
    is_weak,
    text_of,
    whose_main,
    why_not_taken,
)
from infomaniak_operator.reconcile.generic.plan import Step
from infomaniak_operator.reconcile.ownership.marks import Standing

LOOK_AGAIN = 60.0
"""Seconds between two looks for an object that is not there yet."""


def find(context: ReconcileContext, actuator: Actuator[RowT, BodyT], rows: Sequence[RowT]) -> RowT | Outcome:
    """The object that ``spec.import`` means; or why there is none (it may come), are several, or it is another's.

    Args:
        context: the reconcile.
        actuator: the kind.
        rows: all objects of the type in the project.

    Raises:
        InfomaniakCloudError: the cloud could not be asked.
    """
    wanted = context.spec["import"]
    if wanted.get("id"):
        row = by_id(context, actuator.collection, rows, wanted["id"])
        if row is None:
            message = (
                f"spec.import.id: there is no {actuator.noun} {wanted['id']} in project {context.cloud.project_id}"
            )
            return again(Reason.WAITING_FOR_REFERENCE, message, LOOK_AGAIN)
        found: RowT | Outcome = row
    else:
        found = _by_filter(context, actuator, wanted.get("filter") or {})
    if isinstance(found, Outcome):
        return found
    if shared := second(context, actuator, found):
        return shared
    if context.unmanaged:
        return found
    owned = whose_main(context, found)
    if owned is Whose.FOREIGN:
        return conflict(context, actuator.noun, found, Standing.FOREIGN)
    # Who names it by import means it: of a former object only what could be another's needs more than that.
    weak = owned is Whose.PREVIOUS and is_weak(context.owner, found)
    if weak and (why := why_not_taken(context, found)):
        return conflict(context, actuator.noun, found, Standing.PREVIOUS, why)
    return found


def _by_filter(
    context: ReconcileContext, actuator: Actuator[RowT, BodyT], wanted: Mapping[str, object]
) -> RowT | Outcome:
    asked = {name: value for name, value in api_filter(wanted).items() if name not in ("tags", "description")}
    # The service's answer is matched once more: a near match (a longer name, a neighbour's address) is none.
    listed = actuator.collection.of(context.cloud.do).list(**asked)
    found: list[RowT] = [row for row in listed if matches(row, wanted)]
    shown = ", ".join(f"{name}={value}" for name, value in wanted.items())
    if not found:
        message = f"spec.import.filter: no {actuator.noun} matches {shown} in project {context.cloud.project_id}"
        return again(Reason.WAITING_FOR_REFERENCE, message, LOOK_AGAIN)
    if len(found) > 1:
        ids = ", ".join(str(row["id"]) for row in found[:5])
        message = (
            f"spec.import.filter: {len(found)} {actuator.noun}s match {shown} ({ids}): narrow it down, or use "
            "spec.import.id"
        )
        return stalled(Reason.INVALID_CONFIGURATION, message)
    return found[0]


_API = {
    "external": "router:external",
    "address": "floating_ip_address",
    "externalNetworkID": "floating_network_id",
    "loadBalancerID": "loadbalancer_id",
}
"""The attributes that are not called as the filter's field is, but for the spelling: ``port_id`` for ``portID``."""
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


_ADDRESSES = frozenset({"address", "vipAddress"})


def api_filter(wanted: Mapping[str, object]) -> dict[str, Any]:
    """Attribute and value; the services compare addresses as text, in the spelling they give them."""
    return {_attribute(name): address(value) if name in _ADDRESSES else value for name, value in wanted.items()}


def _attribute(field: str) -> str:
    return _API.get(field) or _HUMP.sub("_", field).lower()


def matches(row: Mapping[str, object], wanted: Mapping[str, object]) -> bool:
    """Whether an object of the cloud is one that a filter means."""
    for name, value in api_filter(wanted).items():
        if name == "tags":
            there = cast("Iterable[object]", row.get("tags") or ())
            if not set(value) <= set(there):
                return False
        elif name == "description":
            if text_of(row) != value:
                return False
        elif row.get(name) != value:
            return False
    return True


def second(context: ReconcileContext, actuator: Actuator[RowT, BodyT], row: RowT) -> Outcome | None:
    """The outcome for the younger of two objects that manage one object of the cloud; the end of the older wakes it."""
    other = elder(context, actuator, row)
    if other is None:
        return None
    message = (
        f"{actuator.noun} {row['id']} is managed by {named(other, context.resource)}, which is older: two objects "
        "must not manage one; with managementPolicy Unmanaged this one may read it"
    )
    return Outcome(Reason.CONFLICT, message, WaitingFor(frozenset({other.key})), Progress.STALLED)


def elder(context: ReconcileContext, actuator: Actuator[RowT, BodyT], row: RowT) -> KubeObject | None:
    """The older object of Kubernetes that manages the same, if there is one. Who only reads excludes nobody.

    Nor does who is in another project than the thing itself is: what a project shares can be seen from others, whose
    import is in vain, and must not keep its owner from it.
    """
    if context.unmanaged:
        return None
    me, owner = context.resource, row.get("project_id")
    at_home = owner is not None and owner == context.cloud.project_id
    for other in context.request.view.objects(actuator.kind):
        reads = ANY.spec(other).get("managementPolicy") == "Unmanaged"
        if reads or other.uid == me.uid or ANY.status(other).get("id") != row["id"]:
            continue
        if at_home and ANY.status(other).get("projectID") not in (None, owner):
            continue
        if (other.created, other.key.namespace, other.key.name) < (me.created, me.key.namespace, me.key.name):
            return other
    return None


def show(
    context: ReconcileContext, actuator: Actuator[RowT, BodyT], row: RowT, steps: Sequence[Step]
) -> Outcome | None:
    """Say what an adoption would change, of the main object or of what is under it, before it is changed.

    Returns:
        The outcome where an immutable field differs (Conflict), or where something was not shown yet: the next
        reconcile acts. None where all was shown.
    """
    fixed = [d for step in steps for d in step.differences if not d.mutable]
    if fixed:
        text = "; ".join(str(difference) for difference in fixed)
        message = f"{actuator.noun} {row['id']} cannot be adopted, for what differs cannot be changed in place: {text}"
        return stalled(Reason.CONFLICT, message)
    marking = [bool(step.differences) and all(d.field == "mark" for d in step.differences) for step in steps]
    shown = [step for step, only in zip(steps, marking, strict=True) if not only]
    text = bounded("; ".join(str(step) for step in shown))
    said = str((context.resource.condition(SYNCED) or {}).get("message") or "")
    if text == said or all(str(step) in said for step in shown):
        return None
    context.known(row)
    context.set_condition(SYNCED, False, Reason.UPDATING, text)
    context.request.event("Adopting", f"{actuator.noun} {row['id']} is adopted and will be changed: {text}")
    return again(Reason.UPDATING, f"adopting {actuator.noun} {row['id']}: {text}", 1.0)
