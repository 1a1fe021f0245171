"""Several things with one mark: which this operator can know that it made, and which are somebody's copies.

A mark is text: whoever clones a router in Horizon or by a script clones its description too. So a mark alone never is a
reason to delete. A double of ours can only come from a create whose answer was lost and that the service carried out
later than it is waited for; such creates are on record, in this process, with what they sent and when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.client.resources import SecurityGroupRule
from infomaniak_operator.engine.contract import Progress, Reason, Stuck
from infomaniak_operator.reconcile import rules
from infomaniak_operator.reconcile.creation import LATEST
from infomaniak_operator.reconcile.marks import Standing, child_key, same_text
from infomaniak_operator.reconcile.outcome import Stop
from infomaniak_operator.reconcile.ownership import mark_of
from infomaniak_operator.reconcile.resourcetypes import PORTS, SUBNETS, ResourceType
from infomaniak_operator.reconcile.visit import Visit

Row = Mapping[str, Any]

SKEW = 60.0
"""Seconds by which the cloud's clock may differ from ours."""
_NAMED = 5
_NAMED_SLOTS = "slots that status has named"
_GATEWAY = "network:router_gateway"
_MARKED = ("tags", "description")
"""Where a mark may be."""


def on_record(visit: Visit, slot: str, row: Row) -> bool:
    """Whether this process made it: it was told so, or a create whose outcome it never knew fits in body and time.

    Args:
        visit: the visit.
        slot: ``""`` or a child key.
        row: what was found.
    """
    if str(row["id"]) in visit.creates.made:
        return True
    made = _moment(row.get("created_at"))
    return made is not None and any(
        sent.began - SKEW <= made <= sent.ended + LATEST and fits(sent.body, row) for sent in visit.creates.lost(slot)
    )


def _moment(text: Any) -> float | None:
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


def _same(wanted: Any, there: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(there, Mapping) and all(there.get(name) == value for name, value in wanted.items())
    if isinstance(wanted, list | tuple):
        there = list(there or ())
        return len(there) == len(wanted) and all(any(_same(one, other) for other in there) for one in wanted)
    return bool(wanted == there)


def _fits_but_for_mark(body: Row, row: Row) -> bool:
    return fits({name: value for name, value in body.items() if name not in _MARKED}, row)


def holds(visit: Visit, collection: ResourceType[RowT, BodyT], row: Row) -> str:
    """What has come to belong to a double since it was made, for people; empty where it can go without loss.

    Only what is made by one request that can be carried out twice is named here: a second load balancer, say, cannot
    have the VIP's port that the first one has.

    Raises:
        InfomaniakCloudError: it could not be asked.
    """
    here = row["id"]

    after = visit.attempt.clock.monotonic()
    match collection.name:
        case "networks":
            found = "it has subnets" if any(each["network_id"] == here for each in visit.rows(SUBNETS, after)) else ""
        case "routers":
            legs = [each for each in visit.rows(PORTS, after) if each.get("device_id") == here]
            used = row.get("routes") or any(each.get("device_owner") != _GATEWAY for each in legs)
            found = "it has interfaces or routes" if used else ""
        case "security_groups":
            default = {rules.observed(rule) for rule in rules.default_egress()}
            there: Iterable[SecurityGroupRule] = row.get("security_group_rules") or ()
            more = any(rules.observed(rule) not in default for rule in there)
            found = "it has rules" if more else ""
        case "floating_ips":
            found = "it is bound to a port" if row.get("port_id") else ""
        case "pools":
            parts = ("members", "listeners", "healthmonitor_id")
            found = "it has members, a monitor or a listener" if any(row.get(part) for part in parts) else ""
        case _:
            found = "such a thing is never deleted as a double"
    return found


def sort_out(visit: Visit, noun: str, marked: Sequence[RowT], *, settled: bool) -> tuple[RowT | None, list[RowT]]:
    """Of the main objects with our mark, that in status apart: the one that is ours, and the others.

    Args:
        visit: the visit.
        noun: what people call them.
        marked: them, oldest first.
        settled: status names another, which is gone: what carries our mark is no reason to forget that.

    Raises:
        Stop: there are several, or there should be none, and nothing tells which this operator has made.
    """
    made = [row for row in marked if on_record(visit, "", row)]
    if made:
        return made[0], [row for row in marked if row is not made[0]]
    if not marked or (len(marked) == 1 and not settled):
        return (marked[0] if marked else None), []
    raise undecided(noun, marked, visit.id if settled else None)


def undecided(noun: str, rows: Sequence[Row], gone: str | None = None) -> Stop:
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
    return Stop(Reason.CONFLICT, message, Stuck(), Progress.STALLED)


def warn(visit: Visit, noun: str, rows: Iterable[Row]) -> None:
    """Say that others carry our mark, and that they are left alone; a few of them are enough."""
    for row in list(rows)[:_NAMED]:
        visit.remark(
            "CopyLeftAlone",
            f"{noun} {row['id']} carries a copy of this object's mark, which the operator has no record of making; it "
            "is left alone: take the mark out of it, or delete it",
        )


_ByChild = dict[str, list[Row]]


def _by_child(visit: Visit, rows: Iterable[Row]) -> tuple[_ByChild, _ByChild, set[str]]:
    """The children with our mark, those of a former object of this name, and which marks of ours were given up."""
    mine: _ByChild = {}
    former: _ByChild = {}
    given_up: set[str] = set()
    for row in rows:
        mark = mark_of(row, visit.owner)
        if mark is None or not mark.child:
            continue
        standing = visit.owner.standing(mark)
        if standing is Standing.OURS:
            mine.setdefault(mark.child, []).append(row)
        elif standing is Standing.PREVIOUS:
            former.setdefault(mark.child, []).append(row)
        elif mark.released and visit.owner.wrote(mark):
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

    def __contains__(self, row: Row) -> bool:
        return any(row["id"] == each["id"] for each in self.rows)


def copies(
    visit: Visit,
    rows: Iterable[Row],
    known: Iterable[tuple[str, str]],
    wanted: Mapping[str, Row],
    applied: Iterable[str] = (),
) -> Copies:
    """Which of the children that carry a mark of ours are somebody's copies.

    Ours for sure is what status names, what is on record, and what is as wanted: a former process may have made that
    while it replaced one of its mark, and not have come to tell of it. Under one parent there is only one of it: two
    listeners cannot have one port, nor two subnets one CIDR. Where status names none, the only one of its mark is ours,
    too, if the spec or what was set of it says that there should be one, and none was given up (Unmanaged meanwhile).

    What was made for a former object of this name comes with what it is in. Of several with one mark of such an object
    the one that is as wanted does.

    Args:
        visit: the visit.
        rows: the children.
        known: slot and id of each child that status names.
        wanted: the bodies that the children in the spec would be made with now, by their slots.
        applied: slots of which status says that they were set.
    """
    mine, former, given_up = _by_child(visit, rows)
    known = list(known)
    named, ids = named_so_far(visit, (slot for slot, _ in known)), {id_ for _, id_ in known}
    slot_of = {child_key(slot): slot for slot in {*named, *wanted, *applied}}
    found: list[Row] = []
    undecided: list[Row] = []
    settled = given_up.copy()  # one of that mark is known
    for child, alike in mine.items():
        slot = slot_of.get(child, "")
        sure = [
            row
            for row in alike
            if row["id"] in ids or on_record(visit, slot, row) or (slot in wanted and fits(wanted[slot], row))
        ]
        if not sure and slot and slot not in named and child not in given_up and len(alike) == 1:
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


def named_so_far(visit: Visit, slots: Iterable[str]) -> set[str]:
    """The slots of which status has named a child, for as long as this process knows the object.

    Once that child is gone, what carries its mark is a copy; but for what a create of unknown outcome may have made.
    """
    found: set[str] = visit.memory.setdefault(_NAMED_SLOTS, set())
    found |= set(slots)
    return found - set(visit.creates.unknown)


def slots_of(visit: Visit, field: str, slot: Callable[[str], str]) -> list[str]:
    """The slots of the items of a list in the spec that were set, by ``status.appliedFields``.

    Args:
        visit: the visit.
        field: the list: ``subnets``.
        slot: the slot of an item of that name.
    """
    within = (
        place.removeprefix(f"{field}[").partition("]")[0] for place in visit.applied if place.startswith(f"{field}[")
    )
    return [slot(name) for name in dict.fromkeys(within)]
