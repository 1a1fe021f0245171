"""Whether a create may be sent: the rule that keeps a create of unknown outcome from being made twice.

A service may finish a POST seconds after its caller gave up. So a create whose outcome is unknown is made again only
after two empty look-ups, the second begun at least ``grace`` seconds after the request could last have been sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

_MOST = 16
"""How many creates of unknown outcome are kept of one object: the newest."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A create that was sent and whose outcome is not known.

    Attributes:
        slot: what it was to make.
        body: what was sent.
        began: seconds since the epoch when it was sent.
        ended: seconds since the epoch when it was given up.
    """

    slot: str
    body: Mapping[str, object]
    began: float
    ended: float


@dataclass(slots=True)
class Creates:
    """What this process knows of the creates of one object, by slot (``""`` the object itself, else its child key).

    Attributes:
        claimed: this process set the finalizer, so no other process can have sent a create before.
        unknown: monotonic seconds at which a create of unknown outcome could last have been sent.
        sent: the creates of unknown outcome. Unlike ``unknown`` it outlives the one that was then found or made: what
            such a create makes later is a double that this process knows for its own.
        made: ids of what this process has made, the newest of them.
    """

    claimed: bool = False
    unknown: dict[str, float] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    made: list[str] = field(default_factory=list)

    def outstanding_since(self, slot: str, acting_since: float) -> float | None:
        """Since when a create of that slot may be under way unseen; None if there can be none.

        Args:
            slot: the slot.
            acting_since: monotonic seconds when this process became the one that acts.
        """
        sent = self.unknown.get(slot)
        if sent is not None:
            return sent
        return None if self.claimed else acting_since

    def failed(self, slot: str, now: float, *, outcome_unknown: bool) -> None:
        """Note that a create was answered by an error, or by nothing."""
        if outcome_unknown:
            self.unknown[slot] = now
        else:
            self.unknown.pop(slot, None)

    def remember(self, sent: Sent) -> None:
        """Keep a create of unknown outcome on record."""
        self.sent = [*self.sent, sent][-_MOST:]

    def answered(self, id_: str) -> None:
        """Keep on record what a create has made."""
        self.made = [*self.made, id_][-_MOST * 4 :]

    def lost(self, slot: str) -> Sequence[Sent]:
        """The creates of that slot whose outcome was not known."""
        return [sent for sent in self.sent if sent.slot == slot]

    def done(self, slot: str) -> None:
        """Note that the object of the slot is known: made, or found."""
        self.unknown.pop(slot, None)


@dataclass(frozen=True, slots=True)
class MayCreate:
    """Nothing of that slot is there, nor on its way."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """A create may still be under way: look again after that many seconds."""

    seconds: float


LATEST = 900.0
"""Seconds after its end in which a service may still carry out a create that nobody waits for any more."""


def may_create(
    outstanding_since: float | None, grace: float, now: Callable[[], float], look_again: Callable[[float], bool]
) -> MayCreate | NotYet | None:
    """Decide about a create after one look-up that came back empty.

    Args:
        outstanding_since: see ``Creates.outstanding_since``.
        grace: seconds after which a request that was sent has surely been finished by the service.
        now: monotonic seconds.
        look_again: looks up once more, by a LIST begun no earlier than the given time; whether it is still empty.

    Returns:
        ``MayCreate``, ``NotYet``, or None where the second look-up found the object after all.
    """
    if outstanding_since is None:
        return MayCreate()
    began = now()
    if began < outstanding_since + grace:
        return NotYet(outstanding_since + grace - began)
    return MayCreate() if look_again(began) else None
