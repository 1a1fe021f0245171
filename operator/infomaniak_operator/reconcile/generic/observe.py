"""Finding the main object in the cloud, making it, adopting it, and keeping to one of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from infomaniak_operator.api.json_types import ANY
from infomaniak_operator.client import InfomaniakCloudError, NotFoundError, ReadOnlyError
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.client.resources import NeutronResource
from infomaniak_operator.controller.interfaces import (
    FINALIZER,
    Conditions,
    Finalized,
    Reason,
    Result,
)
from infomaniak_operator.reconcile.generic import duplicates, importing, quota
from infomaniak_operator.reconcile.generic.actuator import Actuator, Inputs
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.outcomes import SYNCED, Ended, Outcome, again, stalled
from infomaniak_operator.reconcile.generic.owned import (
    ADOPTING,
    Whose,
    by_id,
    by_mark,
    clear_to_create,
    conflict,
    holder,
    is_marked,
    main_rows,
    whose_main,
    why_not_taken,
)
from infomaniak_operator.reconcile.generic.plan import Plan, Step
from infomaniak_operator.reconcile.ownership.marks import Standing


def locate(context: ReconcileContext, actuator: Actuator[RowT, BodyT]) -> RowT | Ended | None:
    """The main object in the cloud; None where it is to be made.

    Returns:
        Or how the reconcile ends: it belongs to somebody else, or is gone and must not be made again.

    Raises:
        InfomaniakCloudError: the cloud could not be asked.
    """
    rows = context.rows(actuator.collection)
    if context.id:
        row = by_id(context, actuator.collection, rows, context.id)
        ours = main_rows(context, rows, Standing.OURS)
        if row is not None:
            return _in_status(context, actuator, row, [each for each in ours if each["id"] != row["id"]])
        return _lost(context, actuator, ours)
    if context.imported:
        return importing.find(context, actuator, rows)
    found = by_mark(context, actuator.noun, rows)
    if isinstance(found, Outcome):
        return found
    marked, others = found
    if marked is not None and others:
        sorted_out = duplicates.sort_out(context, actuator.noun, [marked, *others], settled=False)
        if isinstance(sorted_out, Outcome):
            return sorted_out
        marked, others = sorted_out
    if marked is not None and whose_main(context, marked) is Whose.FOREIGN:  # by its status, or by a second mark
        return conflict(context, actuator.noun, marked, Standing.FOREIGN)
    if ended := remove_doubles(context, actuator, others):
        return ended
    return marked if marked is not None else actuator.find(context, rows)


def _in_status(
    context: ReconcileContext, actuator: Actuator[RowT, BodyT], row: RowT, others: Sequence[RowT]
) -> RowT | Ended:
    """The object that status names, unless it is not ours to have.

    Args:
        context: the reconcile.
        actuator: the kind.
        row: the object.
        others: what carries our mark, too.
    """
    found = whose_main(context, row)
    if found is Whose.FOREIGN:
        return conflict(context, actuator.noun, row, Standing.FOREIGN)
    if found is Whose.PREVIOUS and (why := why_not_taken(context, row)):
        return conflict(context, actuator.noun, row, Standing.PREVIOUS, why)
    if context.imported and (shared := importing.second(context, actuator, row)):
        return shared
    return remove_doubles(context, actuator, others) or row


def _lost(context: ReconcileContext, actuator: Actuator[RowT, BodyT], marked: Sequence[RowT] = ()) -> Outcome:
    """The outcome where somebody deleted the object in the cloud: it is made again by the next reconcile, if it may be.

    Args:
        context: the reconcile.
        actuator: the kind.
        marked: what carries our mark all the same.
    """
    if not context.imported:
        sorted_out = duplicates.sort_out(context, actuator.noun, marked, settled=True)
        if isinstance(sorted_out, Outcome):
            return sorted_out
    gone = context.id
    reason, message = Reason.EXTERNALLY_DELETED, f"{actuator.noun} {gone} was deleted in the cloud by somebody else"
    if context.traits.recovery and context.shows(context.traits.recovery):
        reason, message = Reason.CLOUD_ERROR, f"{actuator.noun} {gone} was deleted for its recovery"
    elif above := actuator.went_with(context):
        reason, message = Reason.WAITING_FOR_REFERENCE, f"{actuator.noun} {gone} went with {above}"
    if context.imported or not actuator.may_make_again(context):
        context.set_condition(SYNCED, False, Reason.EXTERNALLY_DELETED, message)
        context.lost_for_good(message)
        # Of what is ours only a floating IP is not made again by itself: another address is not the same.
        way_on = "import another" if context.imported else "set spec.recreate: Always to have another one made"
        return stalled(Reason.EXTERNALLY_DELETED, f"{message}: {way_on}, or delete this object")
    if context.dry_run:
        # It is not there, so that it is not Ready either.
        again_made = f"{actuator.noun} {context.name}"
        told = context.would(f"create {again_made} again: {message}", [Step("create", again_made)])
        return replace(told, keep_ready=False)
    context.set_condition(SYNCED, False, reason, message)
    context.lost()
    # Status forgets the id before the create is sent: who finds an id there, whatever befell this process, may take
    # "not found" for "gone", and need not reckon with a create that is under way.
    return again(reason, f"{message}; it is made again", 0.0)


def create(context: ReconcileContext, actuator: Actuator[RowT, BodyT], inputs: Inputs) -> RowT | Ended:
    """Make the main object, by one request that is never repeated blindly.

    Returns:
        What was made; or how the reconcile ends: in a dry run, or where a create may still be under way.

    Raises:
        InfomaniakCloudError: the service refused, or did not answer.
    """
    body = actuator.body(context, inputs)
    if isinstance(body, Outcome):
        return body
    short = quota.shortage(context, actuator.needs(context, inputs, None))
    if context.dry_run:
        context.held_back = [*context.held_back, *([short] if short else [])]
        outline = actuator.outline(context, body)
        text = f"create {outline}{f'; {short.message}' if short else ''}"
        return context.would(text, [Step("create", outline, body=body)])
    if short:
        return short
    return _make(context, actuator, inputs, body)


def _make(context: ReconcileContext, actuator: Actuator[RowT, BodyT], inputs: Inputs, body: BodyT) -> RowT | Ended:
    if context.add_finalizer():
        context.creates.claimed = True

    def still_absent(not_before: float) -> bool:
        rows = context.rows(actuator.collection, not_before)
        return not main_rows(context, rows, Standing.OURS)

    appeared = f"{actuator.noun} {context.name} has appeared in the cloud"
    if too_early := clear_to_create(context, "", still_absent, appeared, body):
        return too_early
    context.about_to_create()
    intend(context, actuator)
    # With it status forgets the identity of a former object: who finds an id there, whatever befell this process, may
    # take "not found" for "gone", and need not reckon with a create that is under way.
    context.record()
    send = actuator.prepare(context, inputs, body)
    if isinstance(send, Ended):
        return send
    try:
        with context.creating("", bodies=[body]):
            row = send()
            context.known(row)
        context.creates.answered(str(row["id"]))
    except ReadOnlyError:
        raise
    except InfomaniakCloudError as error:
        known = actuator.refused(context, error)
        if known is None:
            raise
        return known
    context.request.event("Created", f"created {actuator.noun} {row['id']}")
    return row


def intend(context: ReconcileContext, actuator: Actuator[RowT, BodyT], row: RowT | None = None) -> bool:
    """Note in status which fields are about to be set; whether status does not say so yet, as it is written.

    Args:
        context: the reconcile.
        actuator: the kind.
        row: what they are set on, where it was there before.
    """
    places = actuator.applied(context)
    if row is not None and "appliedFields" not in ANY.status(context.resource) and not is_marked(context, row):
        places = [*places, ADOPTING]
    if actuator.parts and actuator.parts in places and actuator.parts not in context.recorded:
        context.drop(actuator.parts)  # those of others: from now on only our own stand there
    context.intend(places)
    return not set(context.status.get("appliedFields") or ()) <= set(context.recorded)


def take(context: ReconcileContext, actuator: Actuator[RowT, BodyT], row: RowT, plan: Plan) -> Ended | None:
    """Hold on to an object that was found, ours or to be adopted; its mark comes with the first update.

    Args:
        context: the reconcile.
        actuator: the kind.
        row: the object.
        plan: what is to be changed in it.

    Returns:
        How the reconcile ends where an adoption cannot be, or what it would change is shown first; else None.
    """
    if context.dry_run:
        if context.id == row["id"]:
            context.known(row)
        else:
            context.intended.append(f"take over {actuator.noun} {row['id']}")
        return None
    # Unmanaged until now, perhaps.
    never_applied = context.id is None or "appliedFields" not in ANY.status(context.resource)
    former = whose_main(context, row) is Whose.PREVIOUS
    adopted = former or (never_applied and not is_marked(context, row))
    if adopted and (first := plan.outcome or importing.show(context, actuator, row, plan.steps)):
        return first
    if FINALIZER not in context.resource.finalizers:
        context.add_finalizer()
    context.known(row)
    context.creates.done("")
    return None


def read_only(context: ReconcileContext, actuator: Actuator[RowT, BodyT]) -> RowT | Result | Ended:
    """The object an Unmanaged one stands for; nothing is written, and a mark of ours is given up.

    Returns:
        The object; the result that lets the finalizer go where it was Managed before; or how the reconcile ends where
        there is none, or more than one.
    """
    rows = context.rows(actuator.collection)
    row = by_id(context, actuator.collection, rows, context.id) if context.id else None
    if context.id and row is None:
        return _lost(context, actuator)
    found: RowT | Outcome = row if row is not None else importing.find(context, actuator, rows)
    if isinstance(found, Outcome):
        return found
    if FINALIZER in context.resource.finalizers:
        if ended := let_go(context, actuator, found):
            return ended
        return Result(Conditions(None, Reason.AVAILABLE, further=context.kept()), Finalized(), None)
    context.known(found)
    context.give_up()  # nothing is managed any more: who takes it back, adopts it
    return found


def let_go(context: ReconcileContext, actuator: Actuator[RowT, BodyT], row: RowT) -> Ended | None:
    """Give up what an Unmanaged object managed before; returns how the reconcile ends where that is not all yet."""
    if early := too_early_to_give_up(context, actuator, row):
        return early
    if is_marked(context, row):
        if ended := _release(context, actuator, row):
            return ended
        context.request.event("Released", f"{actuator.noun} {row['id']} is no longer managed")
    return None


def too_early_to_give_up(context: ReconcileContext, actuator: Actuator[RowT, BodyT], row: RowT) -> Outcome | None:
    """The outcome where a change of the process before this one may still be under way.

    A mark that arrives once nobody looks any more would stay on what others own from then on: that of a part that was
    being made, or of what was being adopted.
    """
    if context.dry_run or "appliedFields" not in ANY.status(context.resource):
        return None
    seconds = context.may_still_change()
    if not seconds:
        return None
    message = f"a change of {actuator.noun} {row['id']} may still be under way: it is given up after that"
    return again(Reason.DELETING if context.resource.deleting else Reason.UPDATING, message, seconds)


def _release(context: ReconcileContext, actuator: Actuator[RowT, BodyT], row: RowT) -> Ended | None:
    """Give up the marks on an object that was Managed; returns how the reconcile ends where that is not all."""
    plan = actuator.releasing(context, row)
    if context.dry_run:
        return context.would(str(plan) or f"release {actuator.noun} {row['id']}", plan.steps)
    # First of all nothing counts as set by us: who is Managed again after a crash adopts it anew.
    context.give_up()
    context.record()
    return carry_out(context, actuator, row, plan)


def carry_out(context: ReconcileContext, actuator: Actuator[RowT, BodyT], row: RowT, plan: Plan) -> Ended | None:
    """Carry out a plan that ends an object's management; returns how the reconcile ends where that is not all."""
    if plan.outcome or not plan.steps:
        return plan.outcome
    done = actuator.act(context, row, plan.steps)
    return done if isinstance(done, Ended) else None


def remove_doubles(context: ReconcileContext, actuator: Actuator[RowT, BodyT], others: Sequence[RowT]) -> Ended | None:
    """Delete the further objects with our mark that this operator knows it made; of all others only say that they are.

    Each is read anew before, and goes alone: what has come to belong to it keeps it.

    Returns:
        How the reconcile ends where one is going and locks others meanwhile, or is locked; else None.
    """
    for listed in others:
        if not duplicates.on_record(context, "", listed) or holder(context, listed) is not None:
            context.warn(duplicates.warnings(actuator.noun, [listed]))
            continue
        try:
            row = actuator.collection.of(context.cloud.do).get(listed["id"])
        except NotFoundError:
            continue
        if not is_marked(context, row) or not duplicates.on_record(context, "", row):
            continue
        holds = actuator.holds(context, row)
        if holds:
            text = f"{actuator.noun} {row['id']} is a double of this object, made by a lost request, and stays: {holds}"
            context.remark("DoubleKept", text)
        elif context.dry_run:
            context.intended.append(f"delete {actuator.noun} {row['id']}, a double of this object")
            context.steps.append(Step("delete", f"{actuator.noun} {row['id']}", id=str(row["id"])))
        elif ended := _remove(context, actuator, row):
            return ended
    return None


def _remove(context: ReconcileContext, actuator: Actuator[RowT, BodyT], row: RowT) -> Ended | None:
    collection = actuator.collection.of(context.cloud.do)
    try:
        if context.locked is not None:
            if ended := context.locked.check(context):
                return ended
            with context.locked.changing(context):
                collection.delete(row["id"])
        else:
            with context.changing():
                collection.delete(row["id"], if_revision=cast("NeutronResource", row).get("revision_number"))
    except NotFoundError:
        return None
    except InfomaniakCloudError as error:
        context.remark("DoubleKept", f"{actuator.noun} {row['id']} is a double of this object and stays: {error}")
        return None
    context.request.event("DoubleDeleted", f"deleted {actuator.noun} {row['id']}, a double of this object")
    if context.locked is None:
        return None
    return again(Reason.UPDATING, f"{actuator.noun} {row['id']}, a double, is being deleted", 1.0)
