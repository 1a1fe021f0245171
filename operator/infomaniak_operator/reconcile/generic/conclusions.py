"""How a reconcile ends: the result that the controller writes, from its outcome and the conditions so far."""

from __future__ import annotations

from infomaniak_operator.controller.interfaces import (
    Conditions,
    Done,
    Progress,
    Reason,
    RequeueAfter,
    Result,
    said_reason,
    said_status,
)
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.outcomes import REFERENCES_RESOLVED, SYNCED, Outcome


def held_back(context: ReconcileContext) -> Outcome | None:
    """What could not be done, once all else is; None where there is no such thing."""
    if not context.held_back:
        return None
    # What only a person can mend is said first.
    worst = min(context.held_back, key=lambda outcome: outcome.progress is not Progress.STALLED)
    message = "; ".join(dict.fromkeys(outcome.message for outcome in (worst, *context.held_back)))
    context.set_condition(SYNCED, False, worst.reason, message)
    soonest = next((each.next for each in context.held_back if isinstance(each.next, RequeueAfter)), worst.next)
    return Outcome(worst.reason, message, soonest, worst.progress)


def result(context: ReconcileContext, outcome: Outcome) -> Result:
    """The result of a reconcile that ended early; the conditions that it did not come to stay as they were."""
    # An object that is Terminating is not Ready, and says what keeps it.
    if outcome.keep_ready and context.was_ready and not context.resource.deleting:
        former = context.resource.condition("Ready") or {}
        conditions = Conditions(
            True, Reason.AVAILABLE, str(former.get("message", "")), Progress.SETTLED, context.kept()
        )
    else:
        conditions = Conditions(False, outcome.reason, outcome.message, outcome.progress, context.kept())
    # A dry run leaves status as it is: it neither names what is not there, nor forgets what is gone.
    return Result(conditions, outcome.next, None if context.dry_run else dict(context.status))


def unchanged(context: ReconcileContext, seconds: float) -> Result:
    """The result that leaves the object as it stands, and comes back."""
    there = {kind: context.resource.condition(kind) for kind in ("Ready", "Reconciling", "Stalled")}
    ready = there["Ready"]
    old = ready is None or ready.get("observedGeneration") != context.resource.generation
    resolved = context.further.get(REFERENCES_RESOLVED)
    if ready is None or old or (context.waited and resolved is not None and resolved.status):
        conditions = Conditions(False, context.working, "waits for its turn", Progress.RECONCILING, context.kept())
        return Result(conditions, RequeueAfter(seconds))
    progress = Progress.STALLED if there["Stalled"] else Progress.SETTLED
    progress = Progress.RECONCILING if there["Reconciling"] else progress
    message = str(ready.get("message", ""))
    conditions = Conditions(said_status(ready), said_reason(ready), message, progress, context.former())
    return Result(conditions, RequeueAfter(seconds))


def settled(context: ReconcileContext) -> Result:
    """The result that leaves an object as it stands that is in order."""
    return Result(unchanged(context, 0.0).conditions, Done())
