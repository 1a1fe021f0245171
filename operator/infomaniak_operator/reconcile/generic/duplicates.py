"""Several things with one mark: which this operator can know that it made, and which are somebody's copies.

A mark is text: whoever clones a router in Horizon or by a script clones its description too. So a mark alone never is a
reason to delete. A double of ours can only come from a create whose answer was lost and that the service carried out
later than it is waited for; such creates are on record, in this process, with what they sent and when.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from infomaniak_operator.client.kinds import RowT
from infomaniak_operator.controller.interfaces import Reason
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.outcomes import Outcome, stalled
from infomaniak_operator.reconcile.generic.owned import mark_of
from infomaniak_operator.reconcile.generic.plan import Warned
from infomaniak_operator.reconcile.ownership.create_guard import LATEST
from infomaniak_operator.reconcile.ownership.marks import Owner, Standing, child_key, same_text

Row = Mapping[str, object]

SKEW = 60.0
"""Seconds by which the cloud's clock may differ from ours."""
_NAMED = 5
_MARKED = ("tags", "description")
"""Where a mark may be."""


def on_record(facts: Facts, slot: str, row: Row) -> bool:
    """Whether this process made it: it was told so, or a create whose outcome it never knew fits in body and time.

    Args:
        facts: of the object.
        slot: ``""`` or a child key.
        row: what was found.
    """
    if str(row["id"]) in facts.creates.made:
        return True
    made = _moment(row.get("created_at"))
    return made is not None and any(
        sent.began - SKEW <= made <= sent.ended + LATEST and fits(sent.body, row) for sent in facts.creates.lost(slot)
    )


def _moment(text: object) -> float | None:
    """Seconds since the epoch of ``created_at``: in Neutron with a Z, in Octavia without."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def fits(body: Row, row: Row) -> bool:
    """Whether something in the cloud is still as that create would have made it, with a mark of whatever version."""
    return all(
        (same_text if name in _MARKED else _same)(wanted, row[name]) for name, wanted in body.items() if name in row
    )


def _same(wanted: object, there: object) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(there, Mapping) and all(there.get(name) == value for name, value in wanted.items())
    if isinstance(wanted, list | tuple):
        items = list(there) if isinstance(there, Iterable) else []
        return len(items) == len(wanted) and all(any(_same(one, other) for other in items) for one in wanted)
    return bool(wanted == there)


def _fits_but_for_mark(body: Row, row: Row) -> bool:
    return fits({name: value for name, value in body.items() if name not in _MARKED}, row)


def sort_out(
    facts: Facts, noun: str, marked: Sequence[RowT], *, settled: bool
) -> tuple[RowT | None, list[RowT]] | Outcome:
    """Of the main objects with our mark, that in status apart: the one that is ours, and the others.

    Or the outcome where there are several, or there should be none, and nothing tells which this operator has made.

    Args:
        facts: of the object.
        noun: what people call them.
        marked: them, oldest first.
        settled: status names another, which is gone: what carries our mark is no reason to forget that.
    """
    made = [row for row in marked if on_record(facts, "", row)]
    if made:
        return made[0], [row for row in marked if row is not made[0]]
    if not marked or (len(marked) == 1 and not settled):
        return (marked[0] if marked else None), []
    return undecided(noun, marked, facts.id if settled else None)


def undecided(noun: str, rows: Sequence[Row], gone: str | None = None) -> Outcome:
    """The outcome where nothing tells which of several things is ours, or whether one is.

    Args:
        noun: what people call them.
        rows: them.
        gone: what status names, and what is not there any more.
    """
    ids = ", ".join(str(row["id"]) for row in rows[:_NAMED])
    if gone and len(rows) == 1:
        message = (
            f"{noun} {gone} is not there any more, and {noun} {ids} carries a copy of this object's mark, which "
            "the operator has no record of making; nothing is touched: take the mark out of the copy, or delete it"
        )
    else:
        message = (
            f"{noun}s {ids} carry this object's mark, or that of a former one of its name, and the operator has no "
            "record of which it made; nothing is touched: take the mark out of those that are copies, or delete them"
        )
    return stalled(Reason.CONFLICT, message)


def warnings(noun: str, rows: Iterable[Row]) -> list[Warned]:
    """What to say of others that carry our mark, and that are left alone; a few of them are enough."""
    return [
        Warned(
            "CopyLeftAlone",
            f"{noun} {row['id']} carries a copy of this object's mark, which the operator has no record of making; it "
            "is left alone: take the mark out of it, or delete it",
        )
        for row in list(rows)[:_NAMED]
    ]


_ByChild = dict[str, list[Row]]


def _by_child(facts: Facts, rows: Iterable[Row]) -> tuple[_ByChild, _ByChild, set[str]]:
    """The children with our mark, those of a former object of this name, and which marks of ours were given up."""
    mine: _ByChild = {}
    former: _ByChild = {}
    given_up: set[str] = set()
    for row in rows:
        mark = mark_of(row, facts.owner)
        if mark is None or not mark.child:
            continue
        standing = facts.owner.standing(mark)
        if standing is Standing.OURS:
            mine.setdefault(mark.child, []).append(row)
        elif standing is Standing.PREVIOUS:
            former.setdefault(mark.child, []).append(row)
        elif mark.released and facts.owner.wrote(mark):
            given_up.add(mark.child)
    return mine, former, given_up


@dataclass(frozen=True, slots=True)
class Copies:
    """Children that carry a mark of ours and that are not ours for all that is known.

    Attributes:
        rows: them.
        undecided: those of which nothing tells which is ours, so that none is: they are among ``rows``.
    """

    rows: Sequence[Row] = ()
    undecided: Sequence[Row] = ()

    def sift(self, rows: Iterable[RowT]) -> list[RowT]:
        """The others."""
        ids = {row["id"] for row in self.rows}
        return [row for row in rows if row["id"] not in ids]

    def of(self, slot: str, owner: Owner) -> bool:
        """Whether there is one of that slot's mark."""
        marks = (mark_of(row, owner) for row in self.rows)
        return any(mark is not None and mark.child == child_key(slot) for mark in marks)

    def __contains__(self, row: Row) -> bool:
        return any(row["id"] == each["id"] for each in self.rows)


def copies(
    facts: Facts,
    rows: Iterable[Row],
    known: Iterable[tuple[str, str]],
    wanted: Mapping[str, Row],
    applied: Iterable[str] = (),
    *,
    coming: Collection[str] = (),
    repeatable: Collection[str] = (),
) -> Copies:
    """Which of the children that carry a mark of ours are somebody's copies.

    Ours for sure is what status names, what is on record, and what is as wanted: a former process may have made that
    while it replaced one of its mark, and not have come to tell of it. Under one parent there is only one of it: two
    listeners cannot have one port, nor two subnets one CIDR. Two subnets of one pool can: to be as wanted says nothing
    of such a one. Where status names none, the only one of its mark is ours, too, if the spec or what was set of it
    says that there should be one, and none was given up (Unmanaged meanwhile). So is the only further one where status
    says that one was about to be made beside that which it names.

    What was made for a former object of this name comes with what it is in. Of several with one mark of such an object
    the one that is as wanted does.

    Args:
        facts: of the object.
        rows: the children.
        known: slot and id of each child that status names.
        wanted: the bodies that the children in the spec would be made with now, by their slots.
        applied: slots of which status says that they were set.
        coming: slots of which status says that one was about to be made.
        repeatable: slots of which the cloud takes a second one that is as wanted.
    """
    mine, former, given_up = _by_child(facts, rows)
    known = list(known)
    named, ids = named_so_far(facts, (slot for slot, _ in known)), {id_ for _, id_ in known}
    slot_of = {child_key(slot): slot for slot in {*named, *wanted, *applied}}
    found: list[Row] = []
    undecided: list[Row] = []
    settled = given_up.copy()  # one of that mark is known
    for child, alike in mine.items():
        slot = slot_of.get(child, "")
        sure = [
            row
            for row in alike
            if row["id"] in ids
            or on_record(facts, slot, row)
            or (slot in wanted and slot not in repeatable and fits(wanted[slot], row))
        ]
        if not sure and slot and slot not in named and child not in given_up and len(alike) == 1:
            sure = alike
        rest = [row for row in alike if row not in sure]
        if slot in coming and child not in given_up and len(rest) == 1:
            sure = alike
        settled |= {child} if sure else set()
        strange = [row for row in alike if row not in sure]
        found += strange
        if slot in wanted and slot not in named and child not in given_up and not sure:
            undecided += alike
    for child, alike in former.items():
        slot = slot_of.get(child, "")
        sure = [row for row in alike if row["id"] in ids]
        if not sure and child not in settled:
            like = [row for row in alike if slot in wanted and _fits_but_for_mark(wanted[slot], row)]
            sure = next((rows for rows in (alike, like) if len(rows) == 1), [])
            undecided += alike if slot in wanted and not sure else []
        found += [row for row in alike if row not in sure]
    return Copies(found, undecided)


def note_named(facts: Facts, slots: Iterable[str]) -> None:
    """Remember of which slots status names a child now."""
    facts.memory.slots_named |= set(slots)


def named_so_far(facts: Facts, slots: Iterable[str]) -> set[str]:
    """The slots of which status has named a child, for as long as this process knows the object.

    Once that child is gone, what carries its mark is a copy; but for what a create of unknown outcome may have made.
    """
    return (facts.memory.slots_named | set(slots)) - set(facts.creates.unknown)


def slots_of(facts: Facts, field: str, slot: Callable[[str], str]) -> list[str]:
    """The slots of the items of a list in the spec that were set, by ``status.appliedFields``.

    Args:
        facts: of the object.
        field: the list: ``subnets``.
        slot: the slot of an item of that name.
    """
    within = (
        place.removeprefix(f"{field}[").partition("]")[0] for place in facts.applied if place.startswith(f"{field}[")
    )
    return [slot(name) for name in dict.fromkeys(within)]
