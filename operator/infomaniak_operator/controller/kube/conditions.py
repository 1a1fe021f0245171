"""The conditions of an object: written by this module alone, from what a reconciler says of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from infomaniak_operator.controller.interfaces import READY, RECONCILING, STALLED, Condition, Conditions, Progress

MAX_MESSAGE = 32768
"""The API conventions' bound on a condition's message."""

_REQUEST_ID = re.compile(r"\breq-[0-9a-fA-F-]{8,}")

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]")
"""What a terminal acts upon, or what puts the characters into another order."""

Body = dict[str, Any]
"""A condition as the API server has it."""


def bodies(conditions: Conditions, former: Sequence[Mapping[str, Any]], generation: int, now: float) -> list[Body]:
    """The conditions as they are written.

    Args:
        conditions: how the object stands.
        former: ``status.conditions`` as they are.
        generation: the generation that was reconciled.
        now: seconds since the epoch.

    Returns:
        The whole list: ``Reconciling`` or ``Stalled`` first, which kstatus looks at first, then ``Ready``, then the
        others by name. ``lastTransitionTime`` is the former one unless the status differs; a message that differs
        from the former by nothing but a request id is the former one: an error that repeats itself is written once.
    """
    before = {str(each.get("type")): each for each in former}
    built: list[Body] = []
    for kind, progress in ((RECONCILING, Progress.RECONCILING), (STALLED, Progress.STALLED)):
        if conditions.progress is progress:
            condition = Condition(True, conditions.reason, conditions.message)
            built.append(_condition(kind, condition, before.get(kind), generation, now))
    if keeps_ready(conditions, former):
        built.append(dict(before[READY]))
    else:
        condition = Condition(conditions.ready, conditions.reason, conditions.message)
        built.append(_condition(READY, condition, before.get(READY), generation, now))
    reserved = (READY, RECONCILING, STALLED)
    built.extend(
        _condition(kind, condition, before.get(kind), generation, now)
        for kind, condition in sorted(conditions.further.items())
        if kind not in reserved
    )
    return built


def keeps_ready(conditions: Conditions, former: Iterable[Mapping[str, Any]]) -> bool:
    """Whether ``Ready`` stays as it was: nothing new is said of it, and something was said before."""
    return conditions.ready is None and any(each.get("type") == READY for each in former)


def same_message(one: str, other: str) -> bool:
    """Whether two messages say the same, whatever the ids of the requests they speak of."""
    return _REQUEST_ID.sub("req-", one) == _REQUEST_ID.sub("req-", other)


def without_request_ids(message: str) -> str:
    """The message with every request id made the same, to compare by."""
    return _REQUEST_ID.sub("req-", message)


def timestamp(now: float) -> str:
    """Seconds since the epoch as Kubernetes writes times."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def printable(text: str) -> str:
    """The text as it can be written as UTF-8: JSON can hold halves of surrogate pairs, which nothing else takes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def readable(text: str, limit: int) -> str:
    """The text as it may be shown to people, on a terminal too: no control characters but tabs and ends of lines.

    Args:
        text: what a tenant or a cloud may have had a part in, of any length.
        limit: as much of it as is kept.
    """
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", printable(cut(text, limit)))


def cut(message: str, limit: int) -> str:
    """The message, or as much of it as the limit allows, with an ellipsis."""
    return message if len(message) <= limit else message[: limit - 1] + "…"


def _condition(kind: str, condition: Condition, former: Mapping[str, Any] | None, generation: int, now: float) -> Body:
    status = {True: "True", False: "False", None: "Unknown"}[condition.status]
    message = readable(condition.message, MAX_MESSAGE)
    since = timestamp(now)
    if former and former.get("status") == status:
        since = str(former.get("lastTransitionTime") or since)
        said = str(former.get("message", ""))
        if former.get("reason") == condition.reason and same_message(said, message):
            message = said
    return {
        "type": kind,
        "status": status,
        "observedGeneration": generation,
        "lastTransitionTime": since,
        "reason": printable(str(condition.reason)),
        "message": message,
    }
