"""What a check comes to, and what all of them come to together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

LONGEST = 1000
"""Characters of a message: some of it is in the words of a cloud."""
MOST_NAMED = 10
"""So many things are named in a message; the rest is counted."""


class State(IntEnum):
    """How a check ends, the worst last."""

    OK = 0
    NOT_CHECKED = 1
    WARNING = 2
    WRONG = 3

    def __str__(self) -> str:
        return {"OK": "Ok", "NOT_CHECKED": "NotChecked", "WARNING": "Warning", "WRONG": "Wrong"}[self.name]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check comes to.

    Attributes:
        check: which: ``Operator``, ``Quota``.
        state: how it ends.
        message: what is so, in a sentence.
        action: what to do; empty where there is nothing to do.
    """

    check: str
    state: State
    message: str
    action: str = ""


def not_checked(check: str, why: str, action: str = "") -> Finding:
    """A check that could not be made, which is never one that is fine."""
    return Finding(check, State.NOT_CHECKED, f"Not checked: {why}", action)


def worst(findings: Iterable[Finding]) -> State:
    """The worst of some checks; nothing is wrong with none."""
    return max((each.state for each in findings), default=State.OK)


def exit_code(state: State) -> int:
    """0 all is fine, 1 only warnings or something that could not be checked, 2 something is wrong."""
    return {State.OK: 0, State.NOT_CHECKED: 1, State.WARNING: 1, State.WRONG: 2}[state]


def listed(names: Sequence[object]) -> str:
    """Some names for a message: the first few, and how many more there are."""
    shown = ", ".join(map(str, names[:MOST_NAMED]))
    return f"{shown} and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else shown


def as_data(findings: Sequence[Finding]) -> dict[str, Any]:
    """The findings as plain data."""
    return {
        "state": str(worst(findings)),
        "checks": [
            {"check": each.check, "state": str(each.state), "message": _cut(each.message), "action": _cut(each.action)}
            for each in findings
        ],
    }


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
