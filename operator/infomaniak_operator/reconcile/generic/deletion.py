"""Deletion: nothing of ours is left behind, and nothing that is not ours is touched."""

from __future__ import annotations

from collections.abc import Callable, Collection

from infomaniak_operator.api.json_types import ANY
from infomaniak_operator.client import Category, InfomaniakCloudError, NotFoundError
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.controller.interfaces import (
    FINALIZER,
    Conditions,
    Finalized,
    KubeObject,
    Reason,
    Result,
    Retry,
    WaitingFor,
)
from infomaniak_operator.reconcile.generic import duplicates, importing, observe
from infomaniak_operator.reconcile.generic.actuator import Actuator
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.outcomes import Stop
from infomaniak_operator.reconcile.generic.owned import (
    ADOPTING,
    by_id,
    check_project,
    clear_to_create,
    is_marked,
    main_rows,
    whose_main,
)
from infomaniak_operator.reconcile.ownership.marks import Standing


def delete(
    context: ReconcileContext, actuator: Actuator[RowT, BodyT], connect: Callable[[], object], kept_by: Collection[str]
) -> Result:
    """Take the object out of the cloud, or give it up, as its deletionPolicy says.

    Args:
        context: the reconcile.
        actuator: the kind.
        connect: gets to the cloud.
        kept_by: the kinds whose reference to this one keeps it from being deleted.

    Raises:
        Stop: it is in use, or not to be reached.
        InfomaniakCloudError: the cloud could not be asked, or refused.
    """
    gone = Result(Conditions(None, Reason.DELETING), Finalized())
    if context.unmanaged:
        return gone
    retain = context.spec.get("deletionPolicy") == "Retain"
    if not _reach(context, connect, retain=retain):
        return gone
    row = _find(context, actuator)
    if row is None:
        _see_to_the_rest(context, actuator, retain=retain)
        return gone
    if not whose_main(context, row).ours or _not_adopted(context, actuator, row):
        # Not ours to change, and no more is what lies in it, our marks or not: only the finalizer goes.
        message = f"{actuator.noun} {row['id']} is not (or not only) this object's, and stays with all that is in it"
        context.request.event("LeftAlone", message, warning=True)
        return gone
    if context.dry_run:
        raise context.would(f"{'release' if retain else 'delete'} {actuator.noun} {row['id']}")
    if retain:
        if is_marked(context, row):
            actuator.release(context, row)
        context.request.event("Retained", f"{actuator.noun} {row['id']} stays in the cloud, its mark released")
        return gone
    _check_users(context, actuator, kept_by)
    try:
        actuator.remove(context, row)
    except NotFoundError:
        # Somebody was quicker; the next reconcile finds out whether all of it is gone. A service may go on to list it.
        raise Stop(Reason.DELETING, f"{actuator.noun} {row['id']} is going", Retry()) from None
    context.request.event("Deleted", f"deleted {actuator.noun} {row['id']}")
    return gone


def _see_to_the_rest(context: ReconcileContext, actuator: Actuator[RowT, BodyT], *, retain: bool) -> None:
    """What the main object has left behind, now that it is gone.

    Raises:
        Stop: something is still under way.
        InfomaniakCloudError: the service refused.
    """
    if not retain:
        actuator.after_delete(context)
    elif not context.dry_run:
        actuator.release_rest(context)


def _reach(context: ReconcileContext, connect: Callable[[], object], *, retain: bool) -> bool:
    """Get to the cloud; False where it cannot be reached with this credential and the object may go without.

    Raises:
        Stop: there is no credential that can be used, or it leads elsewhere.
        InfomaniakCloudError: the cloud could not be asked.
    """
    try:
        connect()
    except Stop as stop:
        # What is locked was reached: the credential is good.
        if retain and context.locked is None:
            return False
        raise _still_here(stop) from stop
    except InfomaniakCloudError as error:
        if retain and error.category is Category.AUTHENTICATION:
            return False
        raise
    try:
        check_project(context)
    except Stop as stop:
        if retain:
            return False
        raise _still_here(stop) from stop
    return True


def _still_here(stop: Stop) -> Stop:
    """The same outcome; Ready is not kept while an object is Terminating."""
    return Stop(stop.reason, f"cannot be deleted yet: {stop.message}", stop.next, stop.progress)


def _find(context: ReconcileContext, actuator: Actuator[RowT, BodyT]) -> RowT | None:
    """What the object stands for, ours or not; doubles are taken away at once. None: nothing of ours is left.

    Raises:
        Stop: a create may still be under way.
    """
    rows = context.rows(actuator.collection)
    ours = main_rows(context, rows, Standing.OURS)
    row = by_id(context, actuator.collection, rows, context.id) if context.id else None
    if row is not None and (not whose_main(context, row).ours or _not_adopted(context, actuator, row)):
        return row
    others = [each for each in ours if each["id"] != context.id]
    if context.id is None:
        row, others = duplicates.sort_out(context, actuator.noun, others, settled=False)
    observe.remove_doubles(context, actuator, others)
    settled = context.id is not None and "" not in context.creates.unknown
    if row is not None or settled or context.imported:
        return row

    def still_absent(not_before: float) -> bool:
        return not main_rows(context, context.rows(actuator.collection, not_before), Standing.OURS)

    if not clear_to_create(context, "", still_absent):
        raise context.again(Reason.DELETING, f"{actuator.noun} {context.name} has appeared in the cloud", 0.0)
    return None


def _not_adopted(context: ReconcileContext, actuator: Actuator[RowT, BodyT], row: RowT) -> bool:
    """Whether the object was to be taken over and was not (yet), or is what an older object manages."""
    taken_over = actuator.takes_over(context) or ADOPTING in context.recorded
    if taken_over and not is_marked(context, row):
        return True
    return context.imported and importing.elder(context, actuator, row) is not None


def _uses(user: KubeObject, actuator: Actuator[RowT, BodyT], kept_by: Collection[str]) -> bool:
    """Whether a referrer may hold something of this object in the cloud.

    One of the same kind that is going itself holds nothing up, nor one of a kind that goes in one with this one: two
    groups that refer to each other go together, and so do a pool and its monitor.
    """
    ready = user.condition("Ready") or {}
    if user.condition("Stalled") and ready.get("reason") == Reason.EXTERNALLY_DELETED:
        return False  # it is gone, and is not made again
    if user.deleting and user.key.kind in {actuator.kind, *actuator.traits.together}:
        return False
    return user.key.kind in kept_by and (FINALIZER in user.finalizers or bool(ANY.status(user).get("id")))


def _check_users(context: ReconcileContext, actuator: Actuator[RowT, BodyT], kept_by: Collection[str]) -> None:
    """Refuse to delete what other objects of Kubernetes use; they wake this one when they go.

    Raises:
        Stop: it is in use.
    """
    users = [user for user in context.request.view.referrers(context.resource.key) if _uses(user, actuator, kept_by)]
    if users:
        names = ", ".join(f"{user.key.kind} {user.key.name}" for user in users)
        message = f"{actuator.noun} {context.name} is used by {names}: it goes when they are deleted"
        raise Stop(Reason.IN_USE, message, WaitingFor(frozenset(user.key for user in users)))
