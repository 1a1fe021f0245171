"""What is to be done, as data: the steps of a plan, and what else there is to say of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from infomaniak_operator.api.json_types import StatusField
from infomaniak_operator.reconcile.generic.fields import Difference
from infomaniak_operator.reconcile.generic.outcomes import Ended, Outcome

_PAST = {"create": "created", "update": "updated", "delete": "deleted", "release": "released"}


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the cloud that a plan holds.

    Attributes:
        verb: create, update, delete, or release: rewrite a mark as given up.
        what: the thing changed, for people: ``subnet front``.
        slot: which part of the object (``""`` the main object, else a child key): the key of the rule on creates.
        id: id of what is changed or deleted.
        revision: its revision number, tested by the service.
        body: what is sent.
        differences: the fields an update changes.
        replaces: whether it only makes room for a create of the same plan.
        adopts: whether it is the first change of something under the main object that others have made.
        owed: whether the object is Ready without it, and it has not been done before: its difference is no drift.
    """

    verb: Literal["create", "update", "delete", "release"]
    what: str
    slot: str = ""
    id: str = ""
    revision: int | None = None
    body: Mapping[str, object] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    replaces: bool = False
    adopts: bool = False
    owed: bool = False

    def __str__(self) -> str:
        return f"{self.verb} {self._detailed}"

    @property
    def done(self) -> str:
        """What was done, once it is: ``updated network n (mtu: 1500 -> 1400)``."""
        return f"{_PAST[self.verb]} {self._detailed}"

    @property
    def _detailed(self) -> str:
        detail = f" ({', '.join(str(difference) for difference in self.differences)})" if self.differences else ""
        return f"{self.what}{detail}"


@dataclass(frozen=True, slots=True)
class Warned:
    """What a person should see to though nothing is done about it.

    Attributes:
        reason: of the Event.
        text: what there is.
    """

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done about an object, and what follows from what was seen. It is made without asking anybody.

    Attributes:
        steps: the changes, in order.
        outcome: how the reconcile ends instead of carrying them out; None where they are carried out.
        held_back: the outcomes of what cannot be done; they are said once all else is.
        fixed: in what cloud and spec differ that cannot be changed, so that it is only said.
        warnings: what is said in ``Synced`` and by an Event.
        due: seconds until there is something more to do for an object that is in order.
        shown: status fields that go with the plan; None takes one off.
    """

    steps: Sequence[Step] = ()
    outcome: Ended | None = None
    held_back: Sequence[Outcome] = ()
    fixed: Sequence[Difference] = ()
    warnings: Sequence[Warned] = ()
    due: float | None = None
    shown: Mapping[StatusField, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return "; ".join(str(step) for step in self.steps)

    def and_then(self, other: Plan) -> Plan:
        """This plan followed by another one."""
        dues = [each for each in (self.due, other.due) if each is not None]
        return Plan(
            steps=[*self.steps, *other.steps],
            outcome=self.outcome or other.outcome,
            held_back=[*self.held_back, *other.held_back],
            fixed=[*self.fixed, *other.fixed],
            warnings=[*self.warnings, *other.warnings],
            due=min(dues, default=None),
            shown={**self.shown, **other.shown},
        )


def past(steps: Iterable[Step]) -> str:
    """What was done by some steps."""
    return "; ".join(step.done for step in steps)


def only(steps: Iterable[Step]) -> Plan:
    """A plan of steps alone."""
    return Plan(steps=list(steps))
