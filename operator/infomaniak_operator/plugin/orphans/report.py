"""What carries a mark of this cluster and has no owner: decided from lists that were read, as plain data. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.plugin.orphans.former import Former, Trace, full_uid
from infomaniak_operator.plugin.orphans.naming import Named, named_in
from infomaniak_operator.plugin.orphans.sorts import HOURS_PER_MONTH, PRICES_AS_OF, SORTS, Sort, Thing
from infomaniak_operator.reconcile.generic.facts import owner_of
from infomaniak_operator.reconcile.generic.owned import marks_of
from infomaniak_operator.reconcile.ownership.marks import Mark, short_uid, user_text

Report = dict[str, Any]

YOUNG = timedelta(minutes=10)
"""What is younger may be about to be written into a status, or about to go."""
WHY_STAYS = (
    "The operator never deletes these: a mark is text that people copy, and only an object's own record proves that a "
    "thing is its own. Look at each before you delete it."
)


@dataclass(frozen=True, slots=True)
class Looked:
    """What was read.

    Attributes:
        cluster: the cluster id.
        project: id of the project.
        region: its region.
        rows: the rows by the name of the type; a type that could not be listed is not in it.
        failed: why a type could not be listed.
        objects: those of all namespaces, as they were before and after the cloud was read.
        namespaces: where objects may have been.
        names: names that objects may have had, told by a person.
        now: the present time.
        unserved: the kinds that the API server does not serve: nobody knows whether there are objects of them.
    """

    cluster: str
    project: str
    region: str
    rows: Mapping[str, Sequence[Thing]]
    failed: Mapping[str, str]
    objects: Sequence[KubeObject]
    namespaces: Sequence[str]
    names: Sequence[str]
    now: datetime
    unserved: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Found:
    """A thing that carries marks, or is a part of one that does and is told of.

    Attributes:
        sort: its type.
        row: as the service gave it.
        marks: those that it carries and that were not given up.
        given_up: whether all that it carries were.
    """

    sort: Sort
    row: Thing
    marks: tuple[Mark, ...]
    given_up: bool


def orphans(looked: Looked) -> Report:
    """The report.

    ``orphans`` has what is of this cluster and has no owner, ``unknown`` what has no owner here and may be another
    cluster's, ``released`` what was given up on purpose, ``claimed`` what an object shows as its own under a mark that
    is not its.
    """
    living = {short_uid(each.uid): each for each in looked.objects}
    named = named_in(looked.objects)
    marked = list(_marked(looked.rows))
    ownerless = [each for each in marked if not any(mark.uid in living for mark in each.marks)]
    former = Former(looked.cluster, looked.namespaces, _names(looked))
    owners = former.owners([trace for each in ownerless for trace in _traces(each)])
    kept = _kept(looked.rows, living, named)
    lists: dict[str, list[Report]] = {"orphans": [], "unknown": [], "released": [], "claimed": []}
    told: dict[tuple[str, str], tuple[str, Key | None]] = {}
    for each in ownerless:
        which = _which(each, owners, named, kept)
        if which == "orphans" and not looked.unserved.isdisjoint(each.sort.kinds):
            which = "unknown"
        key = next((found for mark in each.marks if (found := owners.get(mark))), None)
        lists[which].append(_item(looked, each, key, named))
        told[each.sort.name, str(each.row.get("id"))] = which, key
    for each, which, key in _inside(looked.rows, told):
        lists[which].append(_item(looked, each, key, named))
    for items in lists.values():
        items.sort(key=_order)
    return {
        "cluster": looked.cluster,
        "project": looked.project,
        "region": looked.region,
        **lists,
        "cost": _cost(lists["orphans"]),
        "notLooked": [{"type": name, "message": said} for name, said in looked.failed.items()],
        "warnings": [*_warnings(looked, marked, living, former), *_claims(ownerless, named)],
        "why": WHY_STAYS,
    }


def exit_code(report: Report) -> int:
    """0 none, 1 it could not be looked everywhere or told of everything, 2 there are orphans."""
    if report["notLooked"] or report["warnings"]:
        return 1
    if any(not each["young"] for each in report["orphans"]):
        return 2
    return 1 if report["orphans"] or report["unknown"] else 0


def _marked(rows: Mapping[str, Sequence[Thing]]) -> Iterator[_Found]:
    for sort in SORTS:
        for row in rows.get(sort.name, ()):
            marks = _marks(sort, row)
            if marks:
                standing = tuple(each for each in marks if not each.released)
                yield _Found(sort, row, standing, not standing)


def _marks(sort: Sort, row: Thing) -> list[Mark]:
    return Mark.all_in(row.get("name")) if sort.in_names else marks_of(row)


def _kept(
    rows: Mapping[str, Sequence[Thing]], living: Mapping[str, KubeObject], named: Named
) -> frozenset[tuple[str, str]]:
    """What an object has, by type and id: it carries the mark of one, or one shows it as its own."""
    return frozenset(
        (sort.name, id_)
        for sort in SORTS
        for row in rows.get(sort.name, ())
        if isinstance(id_ := row.get("id"), str)
        and (id_ in named.held or any(each.uid in living for each in _marks(sort, row) if not each.released))
    )


def _which(found: _Found, owners: Mapping[Mark, Key | None], named: Named, kept: frozenset[tuple[str, str]]) -> str:
    """In which list something without an owner is told of."""
    sort = found.sort
    if found.given_up:
        return "released"
    if _in_status(found, named):
        return "claimed"
    # Neutron changes no rule: after adopt-previous it has the former mark for good, and the group's object uses it.
    if sort.with_parent and sort.inside and (sort.inside[0], sort.parent(found.row) or "") in kept:
        return "claimed"
    return "orphans" if all(mark in owners for mark in found.marks) else "unknown"


def _claims(ownerless: Sequence[_Found], named: Named) -> Iterator[str]:
    claimed = [each for each in ownerless if not each.given_up and _in_status(each, named)]
    if claimed:
        yield (
            f"{len(claimed)} of what is claimed carries another object's mark, and only a status says whose it is. "
            "Whoever may write a status can claim a thing: look at each."
        )


def _in_status(found: _Found, named: Named) -> bool:
    """Whether an object shows it as its own in its status, which says no more than that somebody wrote so."""
    return not named.held.keys().isdisjoint(found.sort.ids_of(found.row))


def _inside(
    rows: Mapping[str, Sequence[Thing]], told: dict[tuple[str, str], tuple[str, Key | None]]
) -> Iterator[tuple[_Found, str, Key | None]]:
    """What carries no mark and is a part of an orphan: with the list in which it is told of."""
    for sort in SORTS:
        if sort.inside is None or not sort.told_unmarked:
            continue
        for row in rows.get(sort.name, ()):
            above = told.get((sort.inside[0], sort.parent(row) or ""))
            if above is not None and above[0] in ("orphans", "unknown") and not _marks(sort, row):
                told[sort.name, str(row.get("id"))] = above
                yield _Found(sort, row, (), False), *above


def _traces(found: _Found) -> Iterator[Trace]:
    name = found.row.get("name")
    names = (name,) if isinstance(name, str) and name and not found.sort.in_names else ()
    for mark in found.marks:
        yield Trace(mark, found.sort.kinds, names)


def _names(looked: Looked) -> list[str]:
    """Names that an object may have had: told by a person, of living objects, of whatever is in the project."""
    in_cloud = (row.get("name") for rows in looked.rows.values() for row in rows)
    return [
        *looked.names,
        *(each.key.name for each in looked.objects),
        *(name for name in in_cloud if isinstance(name, str) and name),
    ]


def _item(looked: Looked, found: _Found, former: Key | None, named: Named) -> Report:
    sort, row = found.sort, found.row
    since = _since(row)
    parent = sort.parent(row)
    mark = found.marks[0] if found.marks else None
    users = [each for id_ in sort.ids_of(row) for each in (*named.held.get(id_, ()), *named.named.get(id_, ()))]
    return {
        "type": sort.name,
        "id": sort.id_of(row),
        "name": _called(sort, row),
        "marked": bool(found.marks) or found.given_up,
        "mark": mark.text if mark else "",
        "formerOwner": {
            "uid": full_uid(mark.uid) if mark else "",
            "kind": former.kind if former else "",
            "namespace": former.namespace if former else "",
            "name": former.name if former else "",
            "existsAnew": former is not None and any(each.key == former for each in looked.objects),
        },
        "inside": {"type": sort.inside[0], "id": parent} if sort.inside and parent else None,
        "since": since.isoformat().replace("+00:00", "Z") if since else "",
        "young": since is not None and looked.now - since < YOUNG,
        "namedBy": list(dict.fromkeys(users)),
        "costPerHour": sort.price.per_hour if sort.price and not _is_free(row) else None,
        "look": sort.look(row),
    }


def _called(sort: Sort, row: Thing) -> str:
    if sort.in_names:
        return user_text(row.get("name"))
    return str(row.get("name") or row.get("floating_ip_address") or "")


def _is_free(row: Thing) -> bool:
    """IPv6 is free."""
    return ":" in str(row.get("floating_ip_address") or "")


def _since(row: Thing) -> datetime | None:
    """When it was made; None where the service does not say so in a way that can be read."""
    try:
        found = datetime.fromisoformat(str(row.get("created_at") or row.get("created") or ""))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _order(item: Report) -> tuple[object, ...]:
    former = item["formerOwner"]
    types = [each.name for each in SORTS]
    whose = (former["namespace"], former["name"], former["kind"], former["uid"]) if former["uid"] else ("~",) * 4
    return (*whose, types.index(item["type"]), item["name"], item["id"])


def _cost(items: Iterable[Report]) -> Report:
    """What is charged of the orphans, type by type."""
    charged = [each for each in items if each["costPerHour"] is not None]
    lines = []
    for name in dict.fromkeys(each["type"] for each in charged):
        each_hour = next(each["costPerHour"] for each in charged if each["type"] == name)
        count = sum(each["type"] == name for each in charged)
        lines.append({"type": name, "count": count, "eachPerHour": each_hour, "perMonth": _month(count * each_hour)})
    return {
        "currency": "CHF",
        "pricesAsOf": PRICES_AS_OF,
        "hoursPerMonth": HOURS_PER_MONTH,
        "lines": lines,
        "perMonth": _month(sum(each["costPerHour"] for each in charged)),
    }


def _month(per_hour: float) -> float:
    return round(per_hour * HOURS_PER_MONTH, 2)


def _warnings(
    looked: Looked, marked: Iterable[_Found], living: Mapping[str, KubeObject], former: Former
) -> Iterator[str]:
    """What makes the report less than it should be."""
    said = [
        owner_of(looked.cluster, living[mark.uid]).wrote(mark)
        for each in marked
        for mark in each.marks
        if mark.uid in living
    ]
    if said and not any(said):
        yield (
            f"No mark of what living objects own is of cluster id {looked.cluster}: the operator runs with another "
            "one. Name it with --cluster-id."
        )
    for kind in sorted(looked.unserved):
        yield (
            f"The API server does not serve {kind}: whether there are objects of it is not known, and what such an "
            "object may have made is under unknown."
        )
    if former.exhausted:
        yield "There are more marks than names could be tried for: some under unknown may be orphans."
