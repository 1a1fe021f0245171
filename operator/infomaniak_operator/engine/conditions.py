"""The conditions of an object: written by this module alone, from a reconciler's verdict. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from infomaniak_operator.engine.contract import Aspect, KubeObject, Progress, Verdict

READY = "Ready"
RECONCILING = "Reconciling"
STALLED = "Stalled"

RESTING = frozenset({READY, "ReferencesResolved", "CredentialsValid", "Synced", "Healthy"})
"""The types that are True, or not there, while all is as it should be."""

MAX_MESSAGE = 32768
"""The API conventions' bound on a condition's message."""

_REQUEST_ID = re.compile(r"\breq-[0-9a-fA-F-]{8,}")

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]")
"""What a terminal acts upon, or what puts the characters into another order."""

Condition = dict[str, Any]


def conditions(verdict: Verdict, former: Sequence[Mapping[str, Any]], generation: int, now: float) -> list[Condition]:
    """The conditions that say what the verdict says.

    Args:
        verdict: how the object stands.
        former: ``status.conditions`` as they are.
        generation: the generation that was visited.
        now: seconds since the epoch.

    Returns:
        The whole list: ``Reconciling`` or ``Stalled`` first, which kstatus looks at first, then ``Ready``, then the
        others by name. ``lastTransitionTime`` is the former one unless the status differs; a message that differs
        from the former by nothing but a request id is the former one: an error that repeats itself is written once.
    """
    before = {str(each.get("type")): each for each in former}
    built: list[Condition] = []
    for kind, progress in ((RECONCILING, Progress.RECONCILING), (STALLED, Progress.STALLED)):
        if verdict.progress is progress:
            aspect = Aspect(True, verdict.reason, verdict.message)
            built.append(_condition(kind, aspect, before.get(kind), generation, now))
    if keeps_ready(verdict, former):
        built.append(dict(before[READY]))
    else:
        aspect = Aspect(verdict.ready, verdict.reason, verdict.message)
        built.append(_condition(READY, aspect, before.get(READY), generation, now))
    reserved = (READY, RECONCILING, STALLED)
    built.extend(
        _condition(kind, aspect, before.get(kind), generation, now)
        for kind, aspect in sorted(verdict.aspects.items())
        if kind not in reserved
    )
    return built


def keeps_ready(verdict: Verdict, former: Iterable[Mapping[str, Any]]) -> bool:
    """Whether ``Ready`` stays as it was: nothing new is said of it, and something was said before."""
    return verdict.ready is None and any(each.get("type") == READY for each in former)


def as_it_should_be(resource: KubeObject, *, whatever: Iterable[str] = ()) -> bool:
    """Whether every condition says that nothing is to be done: ``Ready`` is True, and so are the others that are there.

    Args:
        resource: the object.
        whatever: the types that may say anything. A type that only another version knows is never among them: what it
            means is not known, so the object is looked at, and the condition goes.
    """
    if resource.conditions != resource.status.get("conditions", []):
        return False  # there is something that is no condition
    said = {each["type"]: each.get("status") for each in resource.conditions}
    if said.pop(RECONCILING, "False") != "False" or said.pop(STALLED, "False") != "False":
        return False
    return said.get(READY) == "True" and all(
        kind in RESTING and status == "True" for kind, status in said.items() if kind not in whatever
    )


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


def _condition(kind: str, aspect: Aspect, former: Mapping[str, Any] | None, generation: int, now: float) -> Condition:
    status = {True: "True", False: "False", None: "Unknown"}[aspect.status]
    message = readable(aspect.message, MAX_MESSAGE)
    since = timestamp(now)
    if former and former.get("status") == status:
        since = str(former.get("lastTransitionTime") or since)
        said = str(former.get("message", ""))
        if former.get("reason") == aspect.reason and same_message(said, message):
            message = said
    return {
        "type": kind,
        "status": status,
        "observedGeneration": generation,
        "lastTransitionTime": since,
        "reason": printable(str(aspect.reason)),
        "message": message,
    }
