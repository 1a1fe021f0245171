"""The order of a listener's L7 policies: which place one takes among the others. Pure.

Octavia numbers the policies of a listener 1, 2, 3, whatever is asked for: one that is inserted, moved or deleted
shifts those behind it, those of others too. So a position in a spec is no number to be compared with the cloud's. It
says where a policy stands among the L7Policies of its listener, and each of them moves nobody but itself.
"""

from __future__ import annotations

from collections.abc import Sequence

Rank = tuple[float, str, str]
"""What the order goes by: the position in the spec; of two that are equal the older one, then the name."""
LAST: Rank = (float("inf"), "", "")
"""Of the policy that ``redirectToHTTPS`` stands for: it fits everything, so that nothing behind it would be asked."""


def misplaced(others: Sequence[Rank | None], wanted: Rank, slot: int) -> int:
    """How many of the others a policy would be on the wrong side of.

    Args:
        others: the ranks of the others, in their order in the cloud; None: of no matter.
        wanted: the rank of the policy.
        slot: how many of the others would be before it.
    """
    before = sum(1 for each in others[:slot] if each is not None and each > wanted)
    return before + sum(1 for each in others[slot:] if each is not None and each < wanted)


def slot_for(others: Sequence[Rank | None], wanted: Rank, now: int | None = None) -> int:
    """Where a policy is to be: how many of the others are before it.

    It stays where no other place is better. Every move leaves fewer pairs in the wrong order, whoever moves, so that
    several that change at once come to an end; and of two neighbours in the wrong order either can better it.

    Args:
        others: the ranks of the others, in their order in the cloud; None: of no matter.
        wanted: the rank of the policy.
        now: how many are before it; None: it is not there yet, and comes as late as may be.
    """
    slots = range(len(others) + 1)
    here = len(others) if now is None else now
    return min(slots, key=lambda slot: (misplaced(others, wanted, slot), abs(slot - here)))
