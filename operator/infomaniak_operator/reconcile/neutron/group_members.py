"""What a SecurityGroup has for the members of Pools: whose a rule is, what is wanted, and what may not go yet.

A rule for members carries a mark of the group in its description, and ``status.appliedFields`` says for which Pools it
is there. The mark tells it from a rule of others where ``spec.rules`` says nothing; the record says what is not to go
while it cannot be told what a Pool uses, a rule of ``spec.rules`` that members need as well included.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from infomaniak_operator.api.json_kind import Untyped
from infomaniak_operator.api.json_types import SECURITY_GROUP, MemberRules
from infomaniak_operator.client import InfomaniakCloudError, NotFoundError
from infomaniak_operator.client.bodies import SecurityGroupRuleBody
from infomaniak_operator.client.resources import SecurityGroupRule, Subnet
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.plan import Warned
from infomaniak_operator.reconcile.neutron import group_rules, member_rules, members_outside
from infomaniak_operator.reconcile.neutron.member_rules import Access, PoolMembers
from infomaniak_operator.reconcile.openstack.resource_types import SECURITY_GROUP_RULES, SUBNETS
from infomaniak_operator.reconcile.ownership.marks import Mark, child_key, described

FIELD: Final = "memberRules"
MOST = 100
"""So many rules a group takes for the members of Pools; no more than Infomaniak gives a project."""
LOOK_AGAIN = 15.0
"""Seconds until the cloud is asked again whether a Pool still uses what is to go."""
LINGERS = 5.0
"""Seconds for which a Pool that the spec names no more is let in, for listeners may be about to go over from it: what
is applied at once comes one after the other."""
RARELY = 300.0
"""The same at most, for what stays long."""
TOLD_AFTER = 60.0
"""Seconds after which it is told what the cloud still has: what is under way is done by then."""
_MORE_THAN_STATUS = "the cloud has more than its status shows: "
_BEING_LEFT = "listeners or L7Policies that are to have another pool still have this one"

Accesses = Mapping[str, Access]
"""By the name of a Pool what its members need."""


@dataclass(slots=True)
class SeenMembers:
    """What a reconcile has seen of what a group is to let in.

    Attributes:
        formers: the Pools that the spec no longer names, and that listeners are about to leave.
        subnets: those that load balancers may speak from, by id.
        kept: by the name of a Pool, why what it has stays for now, as the cloud says.
        failed: why the cloud could not be asked; empty: it could.
        stood: the seconds for which something has stayed because of the cloud, or it could not be asked.
        outside: the members at whose ports no group is that lets the load balancer in.
        places: the rules that are there for members, or are about to be, for the record.
    """

    formers: dict[str, Access] = field(default_factory=dict)
    subnets: dict[str, Subnet] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    failed: str = ""
    stood: float = 0.0
    outside: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Left:
    """What a process remembers of what goes.

    Attributes:
        since: since when the spec names Pools no more of which there are rules, by their names.
        stands: since when something has stayed because of the cloud, or it could not be asked; None: all is well.
    """

    since: dict[str, float] = field(default_factory=dict)
    stands: float | None = None


@dataclass(frozen=True, slots=True)
class LetIn:
    """What a group is to have for the members of Pools.

    Attributes:
        bodies: the rules that are to be there.
        stays: the ids of further ones that stay.
        places: what counts as set by us, for the record.
        untold: by the name of a Pool, why it cannot be told what it uses.
        refused: why none is added and none removed, for people; empty: that is as it should be.
    """

    bodies: list[SecurityGroupRuleBody]
    stays: frozenset[str]
    places: list[str]
    untold: Mapping[str, str]
    refused: str = ""


def items(of: Untyped) -> list[MemberRules]:
    """The items of the spec."""
    return list(SECURITY_GROUP.spec(of).get(FIELD) or ())


def pools(resource: KubeObject) -> list[Key]:
    """The Pools that the spec names, and those of which there are rules."""
    names = {item["poolRef"]["name"] for item in items(resource)} | recorded(
        SECURITY_GROUP.status(resource).get("appliedFields")
    ).keys()
    return [Key(member_rules.POOL, resource.key.namespace, name) for name in sorted(names)]


def _place(pool: str, rule: str) -> str:
    return f"{FIELD}[{pool}].{rule}"


def _child(rule: group_rules.ObservedRule) -> str:
    """The child key in the mark of a rule for members."""
    return f"{FIELD}/{rule}"


def recorded(applied: object) -> dict[str, set[str]]:
    """By the names of Pools, the rules that are there for their members, as ``status.appliedFields`` says."""
    found: dict[str, set[str]] = {}
    for each in applied if isinstance(applied, list | tuple) else ():
        head, bracket, rule = str(each).partition("].")
        field_, opened, pool = head.partition("[")
        if field_ == FIELD and bracket and opened and pool:
            found.setdefault(pool, set()).add(rule)
    return found


def accesses(resource: KubeObject, view: CacheReader, members: PoolMembers) -> dict[str, Access]:
    """What the Pools need that the spec names.

    That a Pool cannot be told for a moment is no input: it would have the group reconciled for each change of a Pool.
    Where it matters it is looked at, see ``look``.
    """
    found: dict[str, Access] = {}
    for item in items(resource):
        key = Key(member_rules.POOL, resource.key.namespace, item["poolRef"]["name"])
        pool = view.get(key)
        access = found[key.name] = members.reached(pool, view).access if pool else member_rules.absent(key)
        if access.get("untold") == "":
            del access["untold"]
    return found


def is_marked(facts: Facts, row: SecurityGroupRule) -> bool:
    """Whether a rule in a group of ours carries the mark of this very rule: ours, or of who had the group before.

    A mark that was copied to another rule is of no use there. A group that does not ask for memberRules leaves what was
    there before it.
    """
    mark = Mark.parse(row.get("description"))
    if mark is None or mark.released or mark.child != child_key(_child(group_rules.observed(row))):
        return False
    inherits = facts.asks_for(FIELD) or FIELD in facts.applied
    return facts.owner.wrote(mark) or (inherits and not facts.owner.lives(mark.uid))


def is_for_members(body: Mapping[str, object]) -> bool:
    """Whether the body of a create is that of a rule that only members need."""
    mark = Mark.parse(body.get("description"))
    return mark is not None and mark.child == child_key(_child(group_rules.observed(SECURITY_GROUP_RULES.body(body))))


def known(facts: Facts) -> set[str]:
    """The rules that are there for the members of Pools, by the record."""
    return set[str]().union(*recorded(facts.applied).values())


def is_ours(facts: Facts, row: SecurityGroupRule, known: Collection[str]) -> bool:
    """Whether a rule is there for members, by its mark or by the record."""
    return str(group_rules.observed(row)) in known or is_marked(facts, row)


def let_in(facts: Facts, group_id: str, asked: Accesses, there: Sequence[SecurityGroupRule]) -> LetIn:
    """What a group is to have for the members of Pools. Pure.

    Args:
        facts: of the group.
        group_id: its id in the cloud.
        asked: what the Pools need that the spec names.
        there: its rules.
    """
    seen, record = facts.seen.of(SeenMembers), recorded(facts.applied)
    texts = {item["poolRef"]["name"]: str(item.get("description") or "") for item in items(facts)}
    bodies: dict[group_rules.ObservedRule, SecurityGroupRuleBody] = {}
    needs: dict[str, set[str]] = {}
    for name, access in {**seen.formers, **asked}.items():
        mine = {group_rules.observed(body): body for body in member_rules.bodies(access, seen.subnets, group_id)}
        needs[name] = {str(rule) for rule in mine}
        for rule, body in mine.items():
            description = described(texts.get(name, ""), facts.owner.mark(_child(rule)))
            bodies.setdefault(rule, SECURITY_GROUP_RULES.body({**body, "description": description}))
    untold = _untold(seen, asked)
    if seen.failed:  # it is not known either whether listeners are about to leave a Pool that the spec names no more
        untold = {**dict.fromkeys(record, seen.failed), **untold}
    on_record = set[str]().union(*record.values())
    held = set[str]().union(*(record.get(name, ()) for name in untold))
    rows = {row["id"]: group_rules.observed(row) for row in there}
    marked = {row["id"] for row in there if is_marked(facts, row)}
    stays = {
        id_
        for id_, rule in rows.items()
        if rule not in bodies and (str(rule) in held or (untold and id_ in marked and str(rule) not in on_record))
    }
    many = len(bodies) + len(stays)
    if many > MOST:
        named = f"{'Pools' if len(needs) > 1 else 'Pool'} {members_outside.some(needs)}"
        message = (
            f"spec.{FIELD}: the members of {named} are at so many "
            f"ports that the group would have {many} rules for them, and it takes {MOST}: give the members ports in a "
            "row, or write one rule for all of them in spec.rules in the place of this. Until then the rules for "
            "members stay as they are"
        )
        stays = {id_ for id_, rule in rows.items() if id_ in marked or str(rule) in on_record}
        places = [_place(name, rule) for name, rules in record.items() for rule in rules]
        return LetIn([], frozenset(stays), places, untold, message)
    others = {str(rule) for id_, rule in rows.items() if id_ not in marked} - on_record if not _lists(facts) else set()
    places = []
    for name in {**needs, **untold}:
        rules = needs.get(name, set())
        kept = record.get(name, set()) if name in untold else set()
        places += [_place(name, rule) for rule in sorted((rules | kept) - others)]
    return LetIn(list(bodies.values()), frozenset(stays), places, untold)


def _lists(facts: Facts) -> bool:
    """Whether all of the group's rules are ours."""
    return facts.asks_for("rules") or "rules" in facts.applied


def _untold(seen: SeenMembers, asked: Accesses) -> dict[str, str]:
    """By the names of Pools, why it cannot be told what they use; empty: for a moment."""
    found: dict[str, str] = {}
    for name, access in {**seen.formers, **asked}.items():
        unseen = sorted(member_rules.subnets(access) - seen.subnets.keys())
        if seen.failed:
            found[name] = seen.failed
        elif "untold" in access:
            found[name] = access["untold"]
        elif name in seen.kept:
            found[name] = seen.kept[name]
        elif unseen:
            found[name] = f"it is in subnets that this credential does not show: {', '.join(unseen)}"
    return found


def surplus(facts: Facts, let: LetIn, there: Iterable[SecurityGroupRule]) -> list[SecurityGroupRule]:
    """The rules for members that nobody needs any more."""
    needed, on_record = {group_rules.observed(body) for body in let.bodies}, known(facts)
    return [
        row
        for row in there
        if row["id"] not in let.stays and group_rules.observed(row) not in needed and is_ours(facts, row, on_record)
    ]


def look(
    context: ReconcileContext, group_id: str, asked: Accesses, there: Sequence[SecurityGroupRule], members: PoolMembers
) -> None:
    """See from which subnets members are reached; and what else Pools use, where there is something to go.

    What cannot be asked for takes no rule away, and keeps none of ``spec.rules`` waiting.
    """
    seen, left = context.seen.of(SeenMembers), context.request.memory.of(_Left)
    formers = recorded(context.applied).keys() - asked.keys()
    # A Pool may be taken out, put in, and taken out again.
    left.since = {name: since for name, since in left.since.items() if name in formers}
    if not asked and not formers:
        left.stands = None
        return
    try:
        _look_at_subnets(context, asked)
        if surplus(context, let_in(context, group_id, asked, there), there):
            _look_at_pools(context, asked, members)
    except InfomaniakCloudError as error:
        seen.failed = f"the cloud could not be asked: {error}"
    now = context.request.clock.monotonic()
    left.stands = (now if left.stands is None else left.stands) if seen.kept or seen.failed else None
    seen.stood = 0.0 if left.stands is None else now - left.stands
    seen.places = let_in(context, group_id, asked, there).places
    with contextlib.suppress(InfomaniakCloudError):  # it is only a warning that is lost
        seen.outside = members_outside.look(context, group_id, _named(context), members)


def _look_at_subnets(context: ReconcileContext, asked: Accesses) -> None:
    seen = context.seen.of(SeenMembers)
    ids = {id_ for access in asked.values() for id_ in member_rules.subnets(access)} - seen.subnets.keys()
    if not ids:
        return
    there = {each["id"]: each for each in context.rows(SUBNETS)}
    for id_ in sorted(ids - there.keys()):  # of others: shared, or outside
        with contextlib.suppress(NotFoundError):
            there[id_] = context.cloud.do.subnets.get(id_)
    seen.subnets |= {id_: there[id_] for id_ in sorted(ids) if id_ in there}


def _look_at_pools(context: ReconcileContext, asked: Accesses, members: PoolMembers) -> None:
    """What the cloud has of the Pools, those that the spec no longer names and that listeners are to leave included."""
    seen, view, now = context.seen.of(SeenMembers), context.request.view, context.request.clock.monotonic()
    formers, left = recorded(context.applied).keys() - asked.keys(), context.request.memory.of(_Left)
    left.since = {name: left.since.get(name, now) for name in formers}
    for name, pool in _there(context, sorted(formers)):
        if now - left.since[name] < LINGERS or members.being_left(context, pool):
            seen.formers[name] = members.reached(pool, view, wished=False).access
            seen.kept[name] = _BEING_LEFT
    _look_at_subnets(context, seen.formers)
    for name, pool in _there(context, asked):
        if "untold" in asked[name]:
            continue
        if "untold" in members.reached(pool, view).access:  # for a moment
            seen.kept[name] = ""
        elif why := members.more_in_cloud(context, pool):
            seen.kept[name] = f"{_MORE_THAN_STATUS}{why}"


def _named(context: ReconcileContext) -> dict[str, KubeObject]:
    """The Pools that the spec names, as far as they are there."""
    return dict(_there(context, [item["poolRef"]["name"] for item in items(context)]))


def _there(context: ReconcileContext, names: Iterable[str]) -> Iterator[tuple[str, KubeObject]]:
    for name in names:
        pool = context.request.view.get(Key(member_rules.POOL, context.resource.key.namespace, name))
        if pool is not None:
            yield name, pool


def look_again(seen: SeenMembers) -> float | None:
    """Seconds until the cloud is asked again; None: nothing is to be asked. What stays long is asked for rarely."""
    if not seen.failed and not seen.kept:
        return None
    # What fails may keep new rules waiting, too.
    return min(max(LINGERS if seen.formers else LOOK_AGAIN, seen.stood / 4), TOLD_AFTER if seen.failed else RARELY)


def waiting(context: ReconcileContext, asked: Accesses) -> list[str]:
    """Why the rules for the members of Pools are not there, or not all of them."""
    seen, found = context.seen.of(SeenMembers), []
    for name, access in asked.items():
        if "waits" in access:
            found.append(f"rules wait for {access['waits']}")
        elif seen.failed:
            found.append(f"rules for Pool {name} wait: {seen.failed}")
        elif unseen := sorted(member_rules.subnets(access) - seen.subnets.keys()):
            found.append(f"Pool {name} is in subnets that this credential does not show: {', '.join(unseen)}")
    return found


def warnings(facts: Facts, let: LetIn) -> list[Warned]:
    """What is told of rules that stay, and of members at whose ports the group is not."""
    found = []
    seen = facts.seen.of(SeenMembers)
    under_way = (_MORE_THAN_STATUS, _BEING_LEFT) if seen.stood < TOLD_AFTER else ()
    whys = {name: why for name, why in let.untold.items() if why and not why.startswith(under_way)}
    if let.stays and whys and not let.refused:
        named = "; ".join(f"Pool {name}: {whys[name]}" for name in list(whys)[: members_outside.MOST_NAMED])
        text = (
            f"{len(let.stays)} rule{'' if len(let.stays) == 1 else 's'} for members of Pools that may not need them "
            f"any more stay, for it cannot be told: {named}. They go once it can, or once the Pool is taken out of "
            f"spec.{FIELD}"
        )
        found.append(Warned("MemberRulesKept", text))
    left = [name for name in seen.formers if whys.get(name, "").startswith(_BEING_LEFT)]
    if left:
        text = f"Pool {members_outside.some(left)} is let in though spec.{FIELD} names it no more: {_BEING_LEFT}"
        found.append(Warned("MemberRulesKept", text))
    outside = seen.outside
    if outside:
        text = (
            f"members of Pools at whose ports the group is not, so that the load balancer may not reach them: "
            f"{members_outside.some(outside)}"
        )
        found.append(Warned("MembersOutside", text))
    return found
