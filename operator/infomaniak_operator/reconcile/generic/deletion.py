"""Deletion: nothing of ours is left behind, and nothing that is not ours is touched."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

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
from infomaniak_operator.reconcile.generic.outcomes import Ended, Outcome
from infomaniak_operator.reconcile.generic.owned import (
    ADOPTING,
    by_id,
    check_project,
    clear_to_create,
    is_marked,
    main_rows,
    whose_main,
)
from infomaniak_operator.reconcile.generic.plan import Plan
from infomaniak_operator.reconcile.ownership.marks import Standing


def delete(
    context: ReconcileContext,
    actuator: Actuator[RowT, BodyT],
    connect: Callable[[], Ended | None],
    kept_by: Collection[str],
) -> Result | Ended:
    """Take the object out of the cloud, or give it up, as its deletionPolicy says.

    Args:
        context: the reconcile.
        actuator: the kind.
        connect: gets to the cloud; returns how the reconcile ends where it cannot.
        kept_by: the kinds whose reference to this one keeps it from being deleted.

    Returns:
        The result that lets the object go; or how the reconcile ends: it is in use, going, or not to be reached.

    Raises:
        InfomaniakCloudError: the cloud could not be asked, or refused.
    """
    gone = Result(Conditions(None, Reason.DELETING), Finalized())
    if context.unmanaged:
        return _let_go(context, actuator, connect) or gone
    retain = context.spec.get("deletionPolicy") == "Retain"
    reached = _reach(context, connect, retain=retain)
    if reached is not None:
        return gone if reached is _WITHOUT else reached
    row = _find(context, actuator)
    if isinstance(row, Ended):
        return row
    if row is None:
        return _see_to_the_rest(context, actuator, retain=retain) or gone
    if not whose_main(context, row).ours or _not_adopted(context, actuator, row):
        # Not ours to change, and no more is what lies in it, our marks or not: only the finalizer goes.
        message = f"{actuator.noun} {row['id']} is not (or not only) this object's, and stays with all that is in it"
        context.request.event("LeftAlone", message, warning=True)
        return gone
    ended = _release(context, actuator, row) if retain else _remove(context, actuator, row, kept_by)
    return ended or gone


def _let_go(
    context: ReconcileContext, actuator: Actuator[RowT, BodyT], connect: Callable[[], Ended | None]
) -> Ended | None:
    """Give up what an Unmanaged object still carries a mark on: it was Managed, and is deleted before that was done.

    Returns:
        How the reconcile ends where that is not all yet.
    """
    if FINALIZER not in context.resource.finalizers:
        return None
    reached = _reach(context, connect, retain=True)
    if reached is not None:
        return None if reached is _WITHOUT else reached
    rows = context.rows(actuator.collection)
    if context.id:
        row = by_id(context, actuator.collection, rows, context.id)
        return observe.let_go(context, actuator, row) if row is not None else None
    for row in main_rows(context, rows, Standing.OURS):
        if ended := observe.let_go(context, actuator, row):
            return ended
    return None


def _release(context: ReconcileContext, actuator: Actuator[RowT, BodyT], row: RowT) -> Ended | None:
    """Give up the marks on an object that stays; returns how the reconcile ends where that is not all."""
    if early := observe.too_early_to_give_up(context, actuator, row):
        return early
    if is_marked(context, row) or context.dry_run:
        plan = actuator.releasing(context, row)
        if context.dry_run:
            return context.would(str(plan) or f"release {actuator.noun} {row['id']}", plan.steps)
        if ended := observe.carry_out(context, actuator, row, plan):
            return ended
    context.request.event("Retained", f"{actuator.noun} {row['id']} stays in the cloud, its mark released")
    return None


def _remove(
    context: ReconcileContext, actuator: Actuator[RowT, BodyT], row: RowT, kept_by: Collection[str]
) -> Ended | None:
    """Delete an object and what belongs to it; returns how the reconcile ends where it may not, or is not gone yet."""
    in_use = _users(context, actuator, kept_by)
    plan = Plan(outcome=in_use) if in_use else actuator.removal(context, row)
    if context.dry_run:
        return _would(context, actuator, row, plan)
    try:
        ended = observe.carry_out(context, actuator, row, plan)
    except NotFoundError:
        # Somebody was quicker; the next reconcile finds out whether all of it is gone. A service may go on to list it.
        return Outcome(Reason.DELETING, f"{actuator.noun} {row['id']} is going", Retry())
    if ended is None:
        context.request.event("Deleted", f"deleted {actuator.noun} {row['id']}")
    return ended


def _would(context: ReconcileContext, actuator: Actuator[RowT, BodyT], row: RowT, plan: Plan) -> Outcome:
    """What a dry run says of a deletion: its steps, or what keeps it."""
    if not isinstance(plan.outcome, Outcome):
        return context.would(str(plan) or f"delete {actuator.noun} {row['id']}", plan.steps)
    context.held_back = [*context.held_back, plan.outcome]
    return context.would(f"delete {actuator.noun} {row['id']}, but not yet: {plan.outcome.message}")


def _see_to_the_rest(context: ReconcileContext, actuator: Actuator[RowT, BodyT], *, retain: bool) -> Ended | None:
    """What the main object has left behind, now that it is gone.

    Raises:
        InfomaniakCloudError: the service refused.
    """
    plan = actuator.leftovers(context, retain=retain)
    if plan.outcome:
        return plan.outcome
    if context.dry_run:
        return context.would(str(plan), plan.steps) if plan.steps else None
    context.warn(plan.warnings)
    return actuator.act_on_leftovers(context, plan.steps)


_WITHOUT = Outcome(Reason.DELETING, "the cloud cannot be reached, and nothing is to be done in it", Retry())
"""Where the cloud cannot be reached with this credential, and the object may go without."""


def _reach(context: ReconcileContext, connect: Callable[[], Ended | None], *, retain: bool) -> Ended | None:
    """Get to the cloud.

    Returns:
        None where it is reached; ``_WITHOUT``; or how the reconcile ends: there is no credential that can be used, it
        leads elsewhere, or what is to be changed is locked.

    Raises:
        InfomaniakCloudError: the cloud could not be asked.
    """
    try:
        ended = connect()
    except InfomaniakCloudError as error:
        if retain and error.category is Category.AUTHENTICATION:
            return _WITHOUT
        raise
    if isinstance(ended, Outcome):
        # What is locked was reached: the credential is good.
        return _WITHOUT if retain and context.locked is None else _still_here(ended)
    if ended is not None:
        return ended
    elsewhere = check_project(context)
    if elsewhere is None:
        return None
    return _WITHOUT if retain else _still_here(elsewhere)


def _still_here(outcome: Outcome) -> Outcome:
    """The same outcome; Ready is not kept while an object is Terminating."""
    return replace(outcome, message=f"cannot be deleted yet: {outcome.message}", keep_ready=False)


def _find(context: ReconcileContext, actuator: Actuator[RowT, BodyT]) -> RowT | Ended | None:
    """What the object stands for, ours or not; doubles are taken away at once. None: nothing of ours is left.

    Returns:
        Or how the reconcile ends: a create may still be under way.
    """
    rows = context.rows(actuator.collection)
    ours = main_rows(context, rows, Standing.OURS)
    row = by_id(context, actuator.collection, rows, context.id) if context.id else None
    if row is not None and (not whose_main(context, row).ours or _not_adopted(context, actuator, row)):
        return row
    others = [each for each in ours if each["id"] != context.id]
    if context.id is None:
        sorted_out = duplicates.sort_out(context, actuator.noun, others, settled=False)
        if isinstance(sorted_out, Outcome):
            return sorted_out
        row, others = sorted_out
    if ended := observe.remove_doubles(context, actuator, others):
        return ended
    settled = context.id is not None and "" not in context.creates.unknown
    if row is not None or settled or context.imported:
        return row

    def still_absent(not_before: float) -> bool:
        return not main_rows(context, context.rows(actuator.collection, not_before), Standing.OURS)

    appeared = f"{actuator.noun} {context.name} has appeared in the cloud"
    return clear_to_create(context, "", still_absent, appeared)


def _not_adopted(context: ReconcileContext, actuator: Actuator[RowT, BodyT], row: RowT) -> bool:
    """Whether the object was to be taken over and was not (yet), or is what an older object manages."""
    taken_over = actuator.takes_over(context) or ADOPTING in context.recorded
    if taken_over and not is_marked(context, row):
        return True
    return context.imported and importing.elder(context, actuator, row) is not None


def _is_used_by(user: KubeObject, actuator: Actuator[RowT, BodyT], kept_by: Collection[str]) -> bool:
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


def _users(context: ReconcileContext, actuator: Actuator[RowT, BodyT], kept_by: Collection[str]) -> Outcome | None:
    """The outcome where other objects of Kubernetes use it; they wake this one when they go."""
    referrers = context.request.view.referrers(context.resource.key)
    users = [user for user in referrers if _is_used_by(user, actuator, kept_by)]
    if not users:
        return None
    names = ", ".join(f"{user.key.kind} {user.key.name}" for user in users)
    message = f"{actuator.noun} {context.name} is used by {names}: it goes when they are deleted"
    return Outcome(Reason.IN_USE, message, WaitingFor(frozenset(user.key for user in users)))
