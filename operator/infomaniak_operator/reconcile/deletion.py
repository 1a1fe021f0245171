"""Deletion: nothing of ours is left behind, and nothing that is not ours is touched."""

from __future__ import annotations

from collections.abc import Callable

from infomaniak_operator.client import Category, InfomaniakCloudError, NotFoundError
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.engine.contract import FINALIZER, BackOff, Gone, KubeObject, Reason, Result, Verdict, Waiting
from infomaniak_operator.reconcile import doubles, importing, presence
from infomaniak_operator.reconcile.actuator import Actuator
from infomaniak_operator.reconcile.marks import Standing
from infomaniak_operator.reconcile.outcome import Stop
from infomaniak_operator.reconcile.ownership import (
    ADOPTING,
    by_id,
    check_project,
    clear_to_create,
    is_marked,
    main_rows,
    whose_main,
)
from infomaniak_operator.reconcile.visit import Visit


def delete(visit: Visit, actuator: Actuator[RowT, BodyT], connect: Callable[[], object], *, restore: bool) -> Result:
    """Take the object out of the cloud, or give it up, as its deletionPolicy says.

    Raises:
        Stop: it is in use, or not to be reached.
        InfomaniakCloudError: the cloud could not be asked, or refused.
    """
    del restore  # what was made for a former object is no reason to delete it
    gone = Result(Verdict(None, Reason.DELETING), Gone())
    if visit.unmanaged:
        return gone
    retain = visit.spec.get("deletionPolicy") == "Retain"
    if not _reach(visit, connect, retain=retain):
        return gone
    row = _find(visit, actuator)
    if row is None:
        actuator.vanish(visit)
        return gone
    if not whose_main(visit, row).ours or _not_adopted(visit, actuator, row):
        # Not ours to change, and no more is what lies in it, our marks or not: only the finalizer goes.
        message = f"{actuator.noun} {row['id']} is not (or not only) this object's, and stays with all that is in it"
        visit.attempt.event("LeftAlone", message, warning=True)
        return gone
    if visit.dry_run:
        raise presence.dry_run(visit, f"{'release' if retain else 'delete'} {actuator.noun} {row['id']}")
    if retain:
        if is_marked(visit, row):
            actuator.release(visit, row)
        visit.attempt.event("Retained", f"{actuator.noun} {row['id']} stays in the cloud, its mark released")
        return gone
    _check_users(visit, actuator)
    try:
        actuator.remove(visit, row)
    except NotFoundError:
        # Somebody was quicker; the next visit finds out whether all of it is gone. A service may go on to list it.
        raise Stop(Reason.DELETING, f"{actuator.noun} {row['id']} is going", BackOff()) from None
    visit.attempt.event("Deleted", f"deleted {actuator.noun} {row['id']}")
    return gone


def _reach(visit: Visit, connect: Callable[[], object], *, retain: bool) -> bool:
    """Get to the cloud; False where it cannot be reached with this credential and the object may go without.

    Raises:
        Stop: there is no credential that can be used, or it leads elsewhere.
        InfomaniakCloudError: the cloud could not be asked.
    """
    try:
        connect()
    except Stop as stop:
        # Where the tree was entered the credential is good: it is only locked for now.
        if retain and visit.locked is None:
            return False
        raise _still_here(stop) from stop
    except InfomaniakCloudError as error:
        if retain and error.category is Category.AUTHENTICATION:
            return False
        raise
    try:
        check_project(visit)
    except Stop as stop:
        if retain:
            return False
        raise _still_here(stop) from stop
    return True


def _still_here(stop: Stop) -> Stop:
    """The same outcome; Ready is not kept while an object is Terminating."""
    return Stop(stop.reason, f"cannot be deleted yet: {stop.message}", stop.next, stop.progress)


def _find(visit: Visit, actuator: Actuator[RowT, BodyT]) -> RowT | None:
    """What the object stands for, ours or not; doubles are taken away at once. None: nothing of ours is left.

    Raises:
        Stop: a create may still be under way.
    """
    rows = visit.rows(actuator.collection)
    ours = main_rows(visit, rows, Standing.OURS)
    row = by_id(visit, actuator.collection, rows, visit.id) if visit.id else None
    if row is not None and (not whose_main(visit, row).ours or _not_adopted(visit, actuator, row)):
        return row
    others = [each for each in ours if each["id"] != visit.id]
    if visit.id is None:
        row, others = doubles.sort_out(visit, actuator.noun, others, settled=False)
    presence.remove_doubles(visit, actuator, others)
    settled = visit.id is not None and "" not in visit.creates.unknown
    if row is not None or settled or visit.imported:
        return row

    def still_absent(not_before: float) -> bool:
        return not main_rows(visit, visit.rows(actuator.collection, not_before), Standing.OURS)

    if not clear_to_create(visit, "", still_absent):
        raise visit.again(Reason.DELETING, f"{actuator.noun} {visit.name} has appeared in the cloud", 0.0)
    return None


def _not_adopted(visit: Visit, actuator: Actuator[RowT, BodyT], row: RowT) -> bool:
    """Whether the object was to be taken over and was not (yet), or is what an older object manages."""
    taken_over = actuator.takes_over(visit) or ADOPTING in visit.recorded
    if taken_over and not is_marked(visit, row):
        return True
    return visit.imported and importing.elder(visit, actuator, row) is not None


_TREE = frozenset({"LoadBalancer", "Pool", "HealthMonitor"})


def _uses(user: KubeObject, actuator: Actuator[RowT, BodyT]) -> bool:
    """Whether a referrer may hold something of this object in the cloud.

    One of the same kind, or of the same tree, that is going itself holds nothing up: two groups that refer to each
    other go together, and so do a pool and its monitor.
    """
    ready = user.condition("Ready") or {}
    if user.condition("Stalled") and ready.get("reason") == Reason.EXTERNALLY_DELETED:
        return False  # it is gone, and is not made again
    if user.deleting and (user.key.kind == actuator.kind or {user.key.kind, actuator.kind} <= _TREE):
        return False
    return user.key.kind in actuator.blocked_by and (FINALIZER in user.finalizers or bool(user.status.get("id")))


def _check_users(visit: Visit, actuator: Actuator[RowT, BodyT]) -> None:
    """Refuse to delete what other objects of Kubernetes use; they wake this one when they go.

    Raises:
        Stop: it is in use.
    """
    users = [user for user in visit.attempt.view.referrers(visit.resource.key) if _uses(user, actuator)]
    if users:
        names = ", ".join(f"{user.key.kind} {user.key.name}" for user in users)
        message = f"{actuator.noun} {visit.name} is used by {names}: it goes when they are deleted"
        raise Stop(Reason.IN_USE, message, Waiting(frozenset(user.key for user in users)))
