"""What ``diff`` says, as plain data: for each object what the operator would do, field by field. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Any

from infomaniak_operator.api.json_types import ANY
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.controller.interfaces import Key, Progress, Reason, Result, WaitingFor
from infomaniak_operator.plugin.diff.plans import Planned, Told
from infomaniak_operator.reconcile.generic.fields import Difference
from infomaniak_operator.reconcile.generic.outcomes import DRY_RUN, PAUSED, Outcome, Unchanged, annotated
from infomaniak_operator.reconcile.generic.plan import Step
from infomaniak_operator.reconcile.ownership.marks import plain as without_marks
from infomaniak_operator.reconcile.ownership.marks import user_text

Report = dict[str, Any]

_HIDDEN = ("payload", "secret", "password")
"""What the name of an attribute has in it whose value is never shown."""
_NOT_OF_THE_CLOUD = frozenset({"cloudCredentialsRef", "deletionPolicy", "import", "managementPolicy", "recovery"})
"""The fields of a spec that are about the operator."""
_HOLDS_UP = ("paused", "dry run")
"""The notes on an object about which nothing is done."""
_NOISE = frozenset({"project_id", "tenant_id"})
"""Attributes of which nobody has to be told."""
_A_PERSON = frozenset(
    {
        Reason.CONFLICT,
        Reason.CREDENTIALS_INVALID,
        Reason.EXTERNALLY_DELETED,
        Reason.INVALID_CONFIGURATION,
        Reason.IN_USE,
        Reason.QUOTA_EXCEEDED,
    }
)
"""The reasons that the operator does not get over by itself."""


class Verdict(IntEnum):
    """What there is to do about an object. The value is the exit code."""

    NOTHING = 0
    CHANGES = 1
    NEEDS_YOU = 2
    UNKNOWN = 3

    def __str__(self) -> str:
        return self.name.title().replace("_", "")


def report(found: Iterable[Planned], told: Container[Key], missing: Mapping[Key, Sequence[str]]) -> Report:
    """What there is to do about objects.

    Args:
        found: what the operator would do about each, and about what those wait for.
        told: those that are told of.
        missing: which references of an object lead to nothing, in words.
    """
    planned = {each.resource.key: each for each in found}
    verdicts = _together(planned, {key for key, texts in missing.items() if texts})
    items = [item(each, verdicts[key], missing.get(key, ())) for key, each in planned.items() if key in told]
    worst_of = max((verdicts[key] for key in planned if key in told), default=Verdict.NOTHING)
    return {"verdict": str(worst_of), "items": items}


def _together(planned: Mapping[Key, Planned], wanting: Container[Key]) -> dict[Key, Verdict]:
    """The verdicts: what misses an object needs somebody, and what waits for what needs somebody needs the same."""
    verdicts = {key: _verdict(each, wanting=key in wanting) for key, each in planned.items()}
    waiting: dict[Key, list[Key]] = {}
    for key, each in planned.items():
        for other in each.there:
            waiting.setdefault(other, []).append(key)
    pending = [key for key, verdict in verdicts.items() if verdict is Verdict.NEEDS_YOU]
    while pending:
        for key in waiting.get(pending.pop(), ()):
            if verdicts[key] is Verdict.CHANGES:
                verdicts[key] = Verdict.NEEDS_YOU
                pending.append(key)
    return verdicts


def worst(found: Report) -> Verdict:
    """The verdict of a report: the exit code."""
    return Verdict[_member(found["verdict"])]


def _verdict(found: Planned, *, wanting: bool) -> Verdict:
    """The verdict on an object by itself: what is held up is not done, and what it misses is for somebody to make."""
    verdict, _, _ = _judged(found)
    held_up = verdict is Verdict.CHANGES and any(each in _HOLDS_UP for each in _notes(found))
    return Verdict.NEEDS_YOU if held_up or (wanting and verdict is not Verdict.UNKNOWN) else verdict


def item(found: Planned, verdict: Verdict, missing: Sequence[str] = ()) -> Report:
    """One object.

    Args:
        found: what the operator would do.
        verdict: what that comes to.
        missing: which of its references lead to nothing.

    Returns:
        ``verdict``; ``reason`` and ``message``, where there is something to say; ``changes``: what would be done, each
        with ``action``, ``what``, ``id`` and ``fields``; ``unchangeable``: the fields that differ and stay as they are;
        ``blockedBy``: what keeps the operator from doing all of it.
    """
    key = found.resource.key
    _, reason, message = _judged(found)
    told = found.told or Told(Unchanged(0.0))
    spec = ANY.spec(found.resource)
    return {
        "kind": key.kind,
        "namespace": key.namespace,
        "name": key.name,
        "verdict": str(verdict),
        "reason": reason,
        "message": message,
        "notes": _notes(found),
        "changes": [_step(each, spec) for each in told.steps],
        "unchangeable": [_difference(each) for each in told.fixed],
        "blockedBy": [*(each.message for each in told.held_back), *(missing if _goes_on(told) else ())],
        "remarks": list(told.remarks),
    }


def _member(text: str) -> str:
    return next(each.name for each in Verdict if str(each) == text)


def _goes_on(told: Told) -> bool:
    """Whether the operator goes about it although something is missing: else it says so itself."""
    return isinstance(told.ended, Result) or (isinstance(told.ended, Outcome) and bool(told.would))


def _judged(found: Planned) -> tuple[Verdict, str, str]:
    """The verdict on an object, with one word and a sentence about it."""
    told = found.told
    if told is None:
        return Verdict.UNKNOWN, "Unknown", found.why
    ended = told.ended
    if isinstance(ended, Unchanged):
        return Verdict.CHANGES, "Pending", "waits for its turn in the cloud"
    if isinstance(ended, Result):
        if ended.conditions.ready is False:
            return Verdict.NEEDS_YOU, str(ended.conditions.reason), ended.conditions.message
        return Verdict.NOTHING, "", ""
    if ended.reason is not Reason.DRY_RUN:
        return _of(ended, found), str(ended.reason), f"{ended.message}{_missing(ended, found.there)}"
    kept = [_of(each, found) for each in told.held_back]
    return max([Verdict.CHANGES, *kept]), str(Reason.DRY_RUN), told.would


def _missing(outcome: Outcome, there: Container[Key]) -> str:
    """Which of the objects that it waits for do not exist, in words."""
    keys = outcome.next.keys if isinstance(outcome.next, WaitingFor) else ()
    names = sorted(f"{each.kind}/{each.name}" for each in keys if each.kind in KINDS and each not in there)
    return f" ({', '.join(names)} {'does' if len(names) == 1 else 'do'} not exist)" if names else ""


def _of(outcome: Outcome, found: Planned) -> Verdict:
    """What an outcome that is no plan comes to.

    Args:
        outcome: how the reconcile ended.
        found: which of the objects that it waits for there are, and which of them are going.
    """
    if outcome.reason is Reason.CLOUD_ERROR:
        return Verdict.UNKNOWN if outcome.progress is not Progress.STALLED else Verdict.NEEDS_YOU
    keys = outcome.next.keys if isinstance(outcome.next, WaitingFor) else frozenset[Key]()
    if outcome.reason is Reason.IN_USE and keys and keys <= found.going:
        return Verdict.CHANGES  # what uses it goes, too, and then it goes
    if outcome.progress is Progress.STALLED or outcome.reason in _A_PERSON:
        return Verdict.NEEDS_YOU
    if outcome.reason is not Reason.WAITING_FOR_REFERENCE:
        return Verdict.CHANGES
    # Something of this cluster comes to be there; what is going does not, nor a network that nobody has made.
    comes = isinstance(outcome.next, WaitingFor) and keys <= found.there - found.going
    return Verdict.CHANGES if comes else Verdict.NEEDS_YOU


def _notes(found: Planned) -> list[str]:
    resource = found.resource
    try:
        notes = [said for name, said in ((PAUSED, "paused"), (DRY_RUN, "dry run")) if annotated(resource, name)]
    except (AttributeError, TypeError):  # a stranger has written something else than texts
        notes = []
    return [*notes, *(["being deleted"] if resource.deleting else [])]


def _step(step: Step, spec: Mapping[str, object]) -> Report:
    fields = [_difference(each) for each in step.differences]
    if step.verb == "create" and not step.slot:  # the object itself, with all that is under it
        fields = [
            {"field": place, "attribute": "", "cloud": None, "spec": _value(place.rpartition(".")[2], value)}
            for place, value in _spelled({name: each for name, each in spec.items() if name not in _NOT_OF_THE_CLOUD})
        ]
    elif step.verb == "create":
        fields = [
            {"field": name, "attribute": name, "cloud": None, "spec": _value(name, value)}
            for name, value in step.body.items()
            if not _hidden(name) and name not in _NOISE and _value(name, value) not in (None, "", [], {})
        ]
    return {"action": step.verb, "what": step.what, "id": step.id, "fields": fields}


def _difference(found: Difference) -> Report:
    wanted = found.wanted if found.read_as is None else found.read_as
    if _hidden(found.api):
        return {"field": found.field, "attribute": found.api, "cloud": "(hidden)", "spec": "(hidden)"}
    api = "" if found.field == "mark" else found.api  # a mark that comes or stays is nothing to read, but for itself
    return {
        "field": found.field,
        "attribute": found.api,
        "cloud": _value(api, found.now),
        "spec": _value(api, wanted),
    }


def _value(attribute: str, value: object) -> object:
    """A value as JSON has it: without marks, and without what is hidden, at any depth."""
    if attribute == "description":
        return user_text(value)
    if attribute == "tags" and isinstance(value, list | tuple):
        return [str(each) for each in without_marks(value)]
    if isinstance(value, Mapping):
        return {str(name): _value(str(name), each) for name, each in value.items() if not _hidden(str(name))}
    if isinstance(value, list | tuple | set | frozenset):
        return [_value("", each) for each in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _hidden(name: str) -> bool:
    return any(each in name.lower() for each in _HIDDEN)


def _spelled(value: object, place: str = "") -> Iterator[tuple[str, object]]:
    """A spec field by field, each with its full place: ``subnets[front].cidr``."""
    if isinstance(value, Mapping) and value:
        for name, each in value.items():
            yield from _spelled(each, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list | tuple) and any(isinstance(each, Mapping) for each in value):
        for index, each in enumerate(value):
            name = each.get("name") if isinstance(each, Mapping) else None
            rest = {one: what for one, what in each.items() if one != "name"} if name else each
            yield from _spelled(rest, f"{place}[{name or index}]")
    else:
        yield place, value
