"""Finding the main object in the cloud, making it, adopting it, and keeping to one of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from infomaniak_operator.client import InfomaniakCloudError, NotFoundError, ReadOnlyError
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.client.resources import NeutronResource
from infomaniak_operator.engine.contract import (
    FINALIZER,
    Gone,
    Progress,
    Reason,
    Result,
    Stuck,
    Verdict,
)
from infomaniak_operator.reconcile import doubles, importing, octavia
from infomaniak_operator.reconcile.actuator import Actuator, Inputs
from infomaniak_operator.reconcile.marks import Standing
from infomaniak_operator.reconcile.outcome import SYNCED, Stop
from infomaniak_operator.reconcile.ownership import (
    ADOPTING,
    Whose,
    by_id,
    by_mark,
    check_project,
    clear_to_create,
    conflict,
    holder,
    is_marked,
    main_rows,
    whose_main,
    why_not_taken,
)
from infomaniak_operator.reconcile.visit import Visit

check = check_project


def locate(visit: Visit, actuator: Actuator[RowT, BodyT], *, restore: bool) -> RowT | None:
    """The main object in the cloud, or None where it is to be made.

    Raises:
        Stop: it belongs to somebody else, or is gone and must not be made again.
        InfomaniakCloudError: the cloud could not be asked.
    """
    rows = visit.rows(actuator.collection)
    if visit.id:
        row = by_id(visit, actuator.collection, rows, visit.id)
        if row is not None:
            found = whose_main(visit, row)
            if found is Whose.FOREIGN:
                raise conflict(visit, actuator.noun, row, Standing.FOREIGN)
            if found is Whose.PREVIOUS and (why := why_not_taken(visit, row, restore=restore)):
                raise conflict(visit, actuator.noun, row, Standing.PREVIOUS, why)
            if visit.imported:
                importing.only_one(visit, actuator, row)
            remove_doubles(visit, actuator, [r for r in main_rows(visit, rows, Standing.OURS) if r["id"] != row["id"]])
            return row
        _lost(visit, actuator, main_rows(visit, rows, Standing.OURS))
    if visit.imported:
        return importing.find(visit, actuator, rows)
    marked, others = by_mark(visit, actuator.noun, rows, restore=restore)
    if marked is not None and others:
        marked, others = doubles.sort_out(visit, actuator.noun, [marked, *others], settled=False)
    if marked is not None and whose_main(visit, marked) is Whose.FOREIGN:  # by its status, or by a second mark
        raise conflict(visit, actuator.noun, marked, Standing.FOREIGN)
    remove_doubles(visit, actuator, others)
    return marked if marked is not None else actuator.find(visit, rows)


def _lost(visit: Visit, actuator: Actuator[RowT, BodyT], marked: Sequence[RowT] = ()) -> None:
    """Somebody deleted the object in the cloud.

    Args:
        visit: the visit.
        actuator: the kind.
        marked: what carries our mark all the same.

    Raises:
        Stop: it must not be made again.
    """
    if not visit.imported:
        doubles.sort_out(visit, actuator.noun, marked, settled=True)
    gone = visit.id
    message = f"{actuator.noun} {gone} was deleted in the cloud by somebody else"
    if visit.status.get("recoveryAttempts"):
        message = f"{actuator.noun} {gone} was deleted for its recovery"
    if visit.imported or not actuator.may_make_again(visit):
        visit.aspect(SYNCED, False, Reason.EXTERNALLY_DELETED, message)
        visit.lost_for_good(message)
        # Of what is ours only a floating IP is not made again by itself: another address is not the same.
        way_on = "import another" if visit.imported else "set spec.recreate: Always to have another one made"
        hint = f"{way_on}, or delete this object"
        raise Stop(Reason.EXTERNALLY_DELETED, f"{message}: {hint}", Stuck(), Progress.STALLED)
    if visit.dry_run:
        stop = dry_run(visit, f"create {actuator.noun} {visit.name} again: {message}")
        stop.keep_ready = False  # it is not there
        raise stop
    visit.aspect(SYNCED, False, Reason.EXTERNALLY_DELETED, message)
    visit.lost()
    # Status forgets the id before the create is sent: who finds an id there, whatever befell this process, may take
    # "not found" for "gone", and need not reckon with a create that is under way.
    raise visit.again(Reason.EXTERNALLY_DELETED, f"{message}; it is made again", 0.0)


def create(visit: Visit, actuator: Actuator[RowT, BodyT], inputs: Inputs) -> RowT:
    """Make the main object, by one request that is never repeated blindly.

    Raises:
        Stop: a dry run, or a create that may still be under way.
        InfomaniakCloudError: the service refused, or did not answer.
    """
    body = actuator.body(visit, inputs)
    if visit.dry_run:
        raise dry_run(visit, f"create {actuator.outline(visit, body)}")
    if visit.claim():
        visit.creates.claimed = True

    def still_absent(not_before: float) -> bool:
        rows = visit.rows(actuator.collection, not_before)
        return not main_rows(visit, rows, Standing.OURS)

    if not clear_to_create(visit, "", still_absent, body):
        raise visit.again(Reason.CREATING, f"{actuator.noun} {visit.name} has appeared in the cloud", 0.0)
    visit.about_to_create()
    intend(visit, actuator)
    # With it status forgets the identity of a former object: who finds an id there, whatever befell this process, may
    # take "not found" for "gone", and need not reckon with a create that is under way.
    visit.record()
    send = actuator.prepare(visit, inputs, body)
    try:
        with visit.creating("", bodies=[body]):
            row = send()
            visit.known(row)
        visit.creates.answered(str(row["id"]))
    except ReadOnlyError:
        raise
    except InfomaniakCloudError as error:
        raise actuator.refused(visit, error) from error
    visit.attempt.event("Created", f"created {actuator.noun} {row['id']}")
    return row


def intend(visit: Visit, actuator: Actuator[RowT, BodyT], row: RowT | None = None) -> bool:
    """Note in status which fields are about to be set; whether status does not say so yet, as it is written.

    Args:
        visit: the visit.
        actuator: the kind.
        row: what they are set on, where it was there before.
    """
    places = actuator.applied(visit)
    if row is not None and "appliedFields" not in visit.resource.status and not is_marked(visit, row):
        places = [*places, ADOPTING]
    if actuator.parts in places and actuator.parts not in visit.recorded:
        visit.status.pop(actuator.parts, None)  # those of others: from now on only our own stand there
    visit.intend(places)
    return not set(visit.status["appliedFields"]) <= set(visit.recorded)


def take(visit: Visit, actuator: Actuator[RowT, BodyT], row: RowT) -> None:
    """Hold on to an object that was found, ours or to be adopted; its mark comes with the first update.

    Raises:
        Stop: what an adoption would change is shown first.
    """
    if visit.dry_run:
        if visit.id == row["id"]:
            visit.known(row)
        else:
            visit.intended.append(f"take over {actuator.noun} {row['id']}")
        return
    never_applied = visit.id is None or "appliedFields" not in visit.resource.status  # Unmanaged until now, perhaps
    former = whose_main(visit, row) is Whose.PREVIOUS
    if former or (never_applied and not is_marked(visit, row)):
        importing.show_first(visit, actuator, row)
    if FINALIZER not in visit.resource.finalizers:
        visit.claim()
    visit.known(row)
    visit.creates.done("")


def read_only(visit: Visit, actuator: Actuator[RowT, BodyT]) -> RowT | Result:
    """The object an Unmanaged one stands for; nothing is written, and a mark of ours is given up.

    Returns:
        The object, or the result that lets the finalizer go where it was Managed before.

    Raises:
        Stop: there is none, or more than one.
    """
    rows = visit.rows(actuator.collection)
    row = by_id(visit, actuator.collection, rows, visit.id) if visit.id else None
    if visit.id and row is None:
        _lost(visit, actuator)
    if row is None:
        row = importing.find(visit, actuator, rows)
    if FINALIZER in visit.resource.finalizers:
        if is_marked(visit, row):
            if visit.dry_run:
                raise dry_run(visit, f"release {actuator.noun} {row['id']}")
            # First of all nothing counts as set by us: who is Managed again after a crash adopts it anew.
            visit.give_up()
            visit.record()
            actuator.release(visit, row)
            visit.attempt.event("Released", f"{actuator.noun} {row['id']} is no longer managed")
        return Result(Verdict(None, Reason.AVAILABLE, aspects=visit.kept()), Gone(), None)
    visit.known(row)
    visit.give_up()  # nothing is managed any more: who takes it back, adopts it
    return row


def remove_doubles(visit: Visit, actuator: Actuator[RowT, BodyT], others: Sequence[RowT]) -> None:
    """Delete the further objects with our mark that this operator knows it made; of all others only say that they are.

    Each is read anew before, and goes alone: what has come to belong to it keeps it.

    Raises:
        Stop: one is going, and locks a load balancer's tree meanwhile.
    """
    for listed in others:
        if not doubles.on_record(visit, "", listed) or holder(visit, listed) is not None:
            doubles.warn(visit, actuator.noun, [listed])
            continue
        try:
            row = actuator.collection.of(visit.cloud.do).get(listed["id"])
        except NotFoundError:
            continue
        if not is_marked(visit, row) or not doubles.on_record(visit, "", row):
            continue
        holds = doubles.holds(visit, actuator.collection, row)
        if holds:
            text = f"{actuator.noun} {row['id']} is a double of this object, made by a lost request, and stays: {holds}"
            visit.remark("DoubleKept", text)
        elif visit.dry_run:
            visit.intended.append(f"delete {actuator.noun} {row['id']}, a double of this object")
        else:
            _remove(visit, actuator, row)


def _remove(visit: Visit, actuator: Actuator[RowT, BodyT], row: RowT) -> None:
    collection = actuator.collection.of(visit.cloud.do)
    try:
        if visit.locked is not None:
            octavia.gate(visit)
            with octavia.changing(visit):
                collection.delete(row["id"])
        else:
            with visit.changing():
                collection.delete(row["id"], if_revision=cast("NeutronResource", row).get("revision_number"))
    except NotFoundError:
        return
    except InfomaniakCloudError as error:
        visit.remark("DoubleKept", f"{actuator.noun} {row['id']} is a double of this object and stays: {error}")
        return
    visit.attempt.event("DoubleDeleted", f"deleted {actuator.noun} {row['id']}, a double of this object")
    if visit.locked is not None:
        raise visit.again(Reason.UPDATING, f"{actuator.noun} {row['id']}, a double, is being deleted", 1.0)


def dry_run(visit: Visit, plan: str) -> Stop:
    """The outcome of a dry run: the plan, in a condition and an Event."""
    return visit.would(plan)
