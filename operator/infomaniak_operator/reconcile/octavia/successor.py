"""A pool in the place of another: what keeps it from being made, and the former one, which is taken back then.

A pool that is to be replaced is retired first, for two of one mark could not be told apart. Where Octavia then refuses
the other, the retired one is taken back: it serves all the time, and its members would be followed by nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from infomaniak_operator.api import json_types
from infomaniak_operator.client import Category, InfomaniakCloudError
from infomaniak_operator.client.resources import Pool
from infomaniak_operator.controller.interfaces import KubeObject, Reason
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.failures import reason_of
from infomaniak_operator.reconcile.generic.outcomes import RECONCILE_AT, Outcome, again, stalled
from infomaniak_operator.reconcile.octavia import compatibility, member_cache, octavia_common
from infomaniak_operator.reconcile.octavia.seen import SeenPool

_FINAL: Final = frozenset({Category.TERMINAL, Category.UNREADABLE, Category.QUOTA})
"""How Octavia refuses a pool that it will not take in a moment either."""
_AGAIN, _REFUSED_AGAIN = 600.0, 3600.0
"""Seconds until another is tried again where something else than the spec is to blame, and where that may be: what the
cloud forbids it may come to allow."""


@dataclass(slots=True)
class _Remembered:
    """Of a Pool: the pool that was refused in the place of another.

    Attributes:
        body: what was sent.
        message: Octavia's words.
        reason: what that means.
        final: whether a person has to mend it, as a rule in the spec.
        until: monotonic seconds until which it is not sent again.
        asked: the annotation ``reconcile-at`` as it was then: by another one a person has it sent again.
    """

    body: Mapping[str, object] | None = None
    message: str = ""
    reason: Reason = Reason.CLOUD_ERROR
    final: bool = False
    until: float = 0.0
    asked: str | None = None


def refused(context: ReconcileContext, error: InfomaniakCloudError) -> Outcome | None:
    """The outcome where Octavia refuses a pool that was to be in the place of another; None for any other failure."""
    body = context.seen.of(SeenPool).sent
    if error.outcome_unknown or error.category not in _FINAL or body is None or former(context) is None:
        return None
    known = context.request.memory.of(_Remembered)
    known.body, known.message, known.reason = body, str(error).rstrip("."), reason_of(error)
    known.final, known.asked = error.category is Category.TERMINAL, context.resource.annotations.get(RECONCILE_AT)
    known.until = context.request.clock.monotonic() + (_REFUSED_AGAIN if known.final else _AGAIN)
    # While another may yet come to be seen, nothing is taken back.
    return again(known.reason, f"{known.message}; the former pool is taken back", context.may_still_change())


def refusal(facts: Facts, row: Pool, body: Mapping[str, object]) -> Outcome | None:
    """The outcome where just that was refused before; None where it may be tried."""
    known = facts.request.memory.of(_Remembered)
    asked = facts.resource.annotations.get(RECONCILE_AT)
    if known.body != body or facts.moment >= known.until or known.asked != asked:
        return None
    message = (
        f"pool {row['id']} is to be replaced by another, which is refused: {known.message}: this one serves, and its "
        "members are followed; correct the spec, or put it back"
    )
    if known.final:  # tried again by what comes after that hour: a resync, say
        return stalled(known.reason, f"{message}; where the cloud was to blame, annotate it with {RECONCILE_AT}")
    return again(known.reason, message, known.until - facts.moment)


def former(context: ReconcileContext) -> Pool | None:
    """The pool that was retired last, one that listeners use before any other; None where none was."""
    found = member_cache.formers(context)
    return max(found, key=lambda row: (bool(row.get("listeners")), str(row.get("created_at", ""))), default=None)


def users(facts: Facts, row: Pool) -> list[KubeObject]:
    """The HealthMonitors and L7Policies that are on a former pool, and go over to the one in its place."""
    space = facts.resource.key.namespace
    monitors = facts.view.objects(octavia_common.MONITOR, space)
    policies = facts.view.objects(octavia_common.L7_POLICY, space)
    checking = row.get("healthmonitor_id")
    return [
        *(each for each in monitors if checking and json_types.ANY.status(each).get("id") == checking),
        *(each for each in policies if json_types.L7POLICY.status(each).get("poolID") == row["id"]),
    ]


def staying(row: Pool, using: list[KubeObject]) -> str:
    """What a person is told of those that do not go over by themselves; nothing where all do.

    Args:
        row: a former pool.
        using: the objects that use it; the load balancer, too, where its listeners do.
    """
    rest = [f"{each.key.kind} {each.key.name} {why}" for each in using if (why := compatibility.at_rest(each))]
    if not rest:
        return ""
    return f"former pool {row['id']} stays, for {' and '.join(rest)} and goes on using it; have it go on"
