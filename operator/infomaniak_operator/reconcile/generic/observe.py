"""Finding the main object in the cloud, making it, adopting it, and keeping to one of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from infomaniak_operator.api.json_types import ANY
from infomaniak_operator.client import InfomaniakCloudError, NotFoundError, ReadOnlyError
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.client.resources import NeutronResource
from infomaniak_operator.controller.interfaces import (
    FINALIZER,
    Conditions,
    Finalized,
    Progress,
    Reason,
    Result,
    Stalled,
)
from infomaniak_operator.reconcile.generic import duplicates, importing
from infomaniak_operator.reconcile.generic.actuator import Actuator, Inputs
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.outcomes import SYNCED, Stop
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
from infomaniak_operator.reconcile.ownership.marks import Standing


def locate(context: ReconcileContext, actuator: Actuator[RowT, BodyT], *, restore: bool) -> RowT | None:
    """The main object in the cloud, or None where it is to be made.

    Raises:
        Stop: it belongs to somebody else, or is gone and must not be made again.
        InfomaniakCloudError: the cloud could not be asked.
    """
    rows = context.rows(actuator.collection)
    if context.id:
        row = by_id(context, actuator.collection, rows, context.id)
        if row is not None:
            found = whose_main(context, row)
            if found is Whose.FOREIGN:
                raise conflict(context, actuator.noun, row, Standing.FOREIGN)
            if found is Whose.PREVIOUS and (why := why_not_taken(context, row, restore=restore)):
                raise conflict(context, actuator.noun, row, Standing.PREVIOUS, why)
            if context.imported:
                importing.only_one(context, actuator, row)
            remove_doubles(
                context, actuator, [r for r in main_rows(context, rows, Standing.OURS) if r["id"] != row["id"]]
            )
            return row
        _lost(context, actuator, main_rows(context, rows, Standing.OURS))
    if context.imported:
        return importing.find(context, actuator, rows)
    marked, others = by_mark(context, actuator.noun, rows, restore=restore)
    if marked is not None and others:
        marked, others = duplicates.sort_out(context, actuator.noun, [marked, *others], settled=False)
    if marked is not None and whose_main(context, marked) is Whose.FOREIGN:  # by its status, or by a second mark
        raise conflict(context, actuator.noun, marked, Standing.FOREIGN)
    remove_doubles(context, actuator, others)
    return marked if marked is not None else actuator.find(context, rows)


def _lost(context: ReconcileContext, actuator: Actuator[RowT, BodyT], marked: Sequence[RowT] = ()) -> None:
    """Somebody deleted the object in the cloud.

    Args:
        context: the reconcile.
        actuator: the kind.
        marked: what carries our mark all the same.

    Raises:
        Stop: it must not be made again.
    """
    if not context.imported:
        duplicates.sort_out(context, actuator.noun, marked, settled=True)
    gone = context.id
    message = f"{actuator.noun} {gone} was deleted in the cloud by somebody else"
    if context.traits.recovery and context.shows(context.traits.recovery):
        message = f"{actuator.noun} {gone} was deleted for its recovery"
    if context.imported or not actuator.may_make_again(context):
        context.set_condition(SYNCED, False, Reason.EXTERNALLY_DELETED, message)
        context.lost_for_good(message)
        # Of what is ours only a floating IP is not made again by itself: another address is not the same.
        way_on = "import another" if context.imported else "set spec.recreate: Always to have another one made"
        hint = f"{way_on}, or delete this object"
        raise Stop(Reason.EXTERNALLY_DELETED, f"{message}: {hint}", Stalled(), Progress.STALLED)
    if context.dry_run:
        stop = context.would(f"create {actuator.noun} {context.name} again: {message}")
        stop.keep_ready = False  # it is not there
        raise stop
    context.set_condition(SYNCED, False, Reason.EXTERNALLY_DELETED, message)
    context.lost()
    # Status forgets the id before the create is sent: who finds an id there, whatever befell this process, may take
    # "not found" for "gone", and need not reckon with a create that is under way.
    raise context.again(Reason.EXTERNALLY_DELETED, f"{message}; it is made again", 0.0)


def create(context: ReconcileContext, actuator: Actuator[RowT, BodyT], inputs: Inputs) -> RowT:
    """Make the main object, by one request that is never repeated blindly.

    Raises:
        Stop: a dry run, or a create that may still be under way.
        InfomaniakCloudError: the service refused, or did not answer.
    """
    body = actuator.body(context, inputs)
    if context.dry_run:
        raise context.would(f"create {actuator.outline(context, body)}")
    if context.add_finalizer():
        context.creates.claimed = True

    def still_absent(not_before: float) -> bool:
        rows = context.rows(actuator.collection, not_before)
        return not main_rows(context, rows, Standing.OURS)

    if not clear_to_create(context, "", still_absent, body):
        raise context.again(Reason.CREATING, f"{actuator.noun} {context.name} has appeared in the cloud", 0.0)
    context.about_to_create()
    intend(context, actuator)
    # With it status forgets the identity of a former object: who finds an id there, whatever befell this process, may
    # take "not found" for "gone", and need not reckon with a create that is under way.
    context.record()
    send = actuator.prepare(context, inputs, body)
    try:
        with context.creating("", bodies=[body]):
            row = send()
            context.known(row)
        context.creates.answered(str(row["id"]))
    except ReadOnlyError:
        raise
    except InfomaniakCloudError as error:
        raise actuator.refused(context, error) from error
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


def take(context: ReconcileContext, actuator: Actuator[RowT, BodyT], row: RowT) -> None:
    """Hold on to an object that was found, ours or to be adopted; its mark comes with the first update.

    Raises:
        Stop: what an adoption would change is shown first.
    """
    if context.dry_run:
        if context.id == row["id"]:
            context.known(row)
        else:
            context.intended.append(f"take over {actuator.noun} {row['id']}")
        return
    # Unmanaged until now, perhaps.
    never_applied = context.id is None or "appliedFields" not in ANY.status(context.resource)
    former = whose_main(context, row) is Whose.PREVIOUS
    if former or (never_applied and not is_marked(context, row)):
        importing.show_first(context, actuator, row)
    if FINALIZER not in context.resource.finalizers:
        context.add_finalizer()
    context.known(row)
    context.creates.done("")


def read_only(context: ReconcileContext, actuator: Actuator[RowT, BodyT]) -> RowT | Result:
    """The object an Unmanaged one stands for; nothing is written, and a mark of ours is given up.

    Returns:
        The object, or the result that lets the finalizer go where it was Managed before.

    Raises:
        Stop: there is none, or more than one.
    """
    rows = context.rows(actuator.collection)
    row = by_id(context, actuator.collection, rows, context.id) if context.id else None
    if context.id and row is None:
        _lost(context, actuator)
    if row is None:
        row = importing.find(context, actuator, rows)
    if FINALIZER in context.resource.finalizers:
        if is_marked(context, row):
            if context.dry_run:
                raise context.would(f"release {actuator.noun} {row['id']}")
            # First of all nothing counts as set by us: who is Managed again after a crash adopts it anew.
            context.give_up()
            context.record()
            actuator.release(context, row)
            context.request.event("Released", f"{actuator.noun} {row['id']} is no longer managed")
        return Result(Conditions(None, Reason.AVAILABLE, further=context.kept()), Finalized(), None)
    context.known(row)
    context.give_up()  # nothing is managed any more: who takes it back, adopts it
    return row


def remove_doubles(context: ReconcileContext, actuator: Actuator[RowT, BodyT], others: Sequence[RowT]) -> None:
    """Delete the further objects with our mark that this operator knows it made; of all others only say that they are.

    Each is read anew before, and goes alone: what has come to belong to it keeps it.

    Raises:
        Stop: one is going, and locks others meanwhile.
    """
    for listed in others:
        if not duplicates.on_record(context, "", listed) or holder(context, listed) is not None:
            duplicates.warn(context, actuator.noun, [listed])
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
        else:
            _remove(context, actuator, row)


def _remove(context: ReconcileContext, actuator: Actuator[RowT, BodyT], row: RowT) -> None:
    collection = actuator.collection.of(context.cloud.do)
    try:
        if context.locked is not None:
            context.locked.check(context)
            with context.locked.changing(context):
                collection.delete(row["id"])
        else:
            with context.changing():
                collection.delete(row["id"], if_revision=cast("NeutronResource", row).get("revision_number"))
    except NotFoundError:
        return
    except InfomaniakCloudError as error:
        context.remark("DoubleKept", f"{actuator.noun} {row['id']} is a double of this object and stays: {error}")
        return
    context.request.event("DoubleDeleted", f"deleted {actuator.noun} {row['id']}, a double of this object")
    if context.locked is not None:
        raise context.again(Reason.UPDATING, f"{actuator.noun} {row['id']}, a double, is being deleted", 1.0)
