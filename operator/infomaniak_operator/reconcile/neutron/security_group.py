"""SecurityGroup: a group in Neutron and its rules, kept as a set."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from typing_extensions import override

from infomaniak_operator.api import json_types
from infomaniak_operator.api.json_kind import Untyped
from infomaniak_operator.api.json_types import SECURITY_GROUP, SecurityGroupSpecField
from infomaniak_operator.client import Category, ConflictError, InfomaniakCloudError, NotFoundError
from infomaniak_operator.client.bodies import SecurityGroupBody, SecurityGroupRuleBody
from infomaniak_operator.client.resources import SecurityGroup as Group
from infomaniak_operator.client.resources import SecurityGroupRule, Subnet
from infomaniak_operator.controller.interfaces import (
    CacheReader,
    Key,
    KubeObject,
    Reason,
)
from infomaniak_operator.reconcile.generic.actuator import Dependency, Unusable
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.fields import Field, body_of
from infomaniak_operator.reconcile.generic.needs import Needs
from infomaniak_operator.reconcile.generic.outcomes import (
    REFERENCES_RESOLVED,
    Ended,
    Outcome,
    again,
    bounded,
    stalled,
)
from infomaniak_operator.reconcile.generic.owned import Keepers
from infomaniak_operator.reconcile.generic.plan import Plan, Step, Warned, only
from infomaniak_operator.reconcile.neutron import group_rules, member_rules, neutron_common
from infomaniak_operator.reconcile.neutron.member_rules import Access, ReachedOf
from infomaniak_operator.reconcile.openstack.resource_types import (
    PORTS,
    SECURITY_GROUP_RULES,
    SECURITY_GROUPS,
    SUBNETS,
)

FIELDS: tuple[Field[SecurityGroupSpecField], ...] = (Field("stateful", "stateful", default=True),)
_RULES: Final = "rules"
_EGRESS: Final = "keepDefaultEgress"
_RULE = "security_group_rule"
_DEFAULT = "SecurityGroupDefaultAlreadyExists"


_BY_POOL: Final = "Pool/"
MAX_OF_POOLS = 100
"""So many rules a group takes for the members of Pools; no more than Infomaniak gives a project."""
_MOST_OUTSIDE = 5
"""So many members outside of the group a message names."""

GroupInputs = Mapping[str, str | Access]
"""What the rules refer to: by the name of a group its id, by ``Pool/`` and the name of a Pool its members' access."""


@dataclass(slots=True)
class _Seen:
    """What a reconcile has seen of a security group.

    Attributes:
        rules: its rules, kept up to date; None: they were not looked for.
        subnets: those that load balancers may speak from, by id.
        outside: the members of Pools at whose ports no group is that lets the load balancer in.
    """

    rules: list[SecurityGroupRule] | None = None
    subnets: dict[str, Subnet] = field(default_factory=dict)
    outside: list[str] = field(default_factory=list)


class SecurityGroupActuator(neutron_common.NeutronActuator[Group, SecurityGroupBody, GroupInputs]):
    """Knows how a SecurityGroup becomes a group and its rules.

    Args:
        reached: what is known of the members of a Pool.
    """

    kind = "SecurityGroup"
    collection = SECURITY_GROUPS
    noun = "security group"
    quota = "security_group"
    depends_on = frozenset(
        {
            Dependency("SecurityGroup", keeps=True, optional=True),
            Dependency(member_rules.POOL, optional=True),
            Dependency(member_rules.MONITOR, optional=True),
        }
    )
    fields = FIELDS
    lists = ("description", "tags", _RULES, _EGRESS)

    def __init__(self, reached: ReachedOf) -> None:
        self._reached = reached

    @override
    def references(self, resource: KubeObject) -> Iterable[Key]:
        """The groups its rules refer to, itself apart, and the Pools, with the HealthMonitors that they have."""
        pools = _pools(resource)
        return [*self._groups(resource), *pools, *map(member_rules.monitors_of, pools)]

    def _groups(self, resource: KubeObject) -> list[Key]:
        names = {item["remoteGroupRef"]["name"] for item in _items(resource) if item.get("remoteGroupRef")}
        return [Key(self.kind, resource.key.namespace, name) for name in sorted(names - {resource.key.name})]

    @override
    def resolve(self, resource: KubeObject, view: CacheReader) -> GroupInputs:
        """The ids of the groups that are there, and what is known of the Pools that are.

        A missing one holds back its rules only: else two groups could wait for each other for ever.

        Raises:
            Unusable: the members of the Pools would take too many rules.
        """
        found: dict[str, str | Access] = {}
        for key in self._groups(resource):
            other = view.get(key)
            other_id = SECURITY_GROUP.status(other).get("id") if other is not None and not other.deleting else None
            if other_id:
                found[key.name] = str(other_id)
        rules = 0
        for key in _pools(resource):
            pool = view.get(key)
            if pool is None:
                continue
            access = self._reached(pool, view).access
            rules += member_rules.many(access)
            if rules > MAX_OF_POOLS:
                message = (
                    f"spec.rules: the members of Pool {key.name} are at so many ports that the group would have "
                    f"{rules} rules for the members of Pools, and it takes {MAX_OF_POOLS}: give the members ports in a "
                    "row, or write one rule for all of them in the place of poolRef. Until then the rules stay as they "
                    "are"
                )
                raise Unusable(key, message)
            found[_BY_POOL + key.name] = access
        return found

    @override
    def body(self, facts: Facts, inputs: GroupInputs) -> SecurityGroupBody:
        """The attributes of the group's create."""
        return neutron_common.creation(facts, SECURITY_GROUPS, body_of(FIELDS, facts.spec))

    @override
    def needs(self, context: ReconcileContext, inputs: GroupInputs, steps: Sequence[Step] | None) -> Needs:
        """The group, and its rules: as many as there are in the end, and those that are made before others go.

        How many come from Pools is known once it is made.
        """
        if steps is None:
            return Needs({self.quota: 1, _RULE: sum("poolRef" not in item for item in _items(context))})
        come = sum(step.verb == "create" for step in steps)
        return Needs({_RULE: come - sum(step.replaces for step in steps)})

    @override
    def refused(self, context: ReconcileContext, error: InfomaniakCloudError) -> Outcome | None:
        """Every project has a group named default from the start, and no second one."""
        if error.error_type != _DEFAULT:
            return None
        message = (
            f"the project has a security group named {context.name} from the start, and can have no second one: take "
            f"it over by spec.import.filter.name: {context.name}, or give this one another name in spec.name ({error})"
        )
        return stalled(Reason.INVALID_CONFIGURATION, message)

    @override
    def rivals(self, context: ReconcileContext, error: InfomaniakCloudError) -> list[KubeObject]:
        """The objects at whose ports it is; a group that refers to it keeps nothing from being deleted in Neutron."""
        if error.category is not Category.IN_USE:
            return []
        referrers = context.request.view.referrers(context.resource.key)
        return [each for each in referrers if each.key.kind != self.kind]

    @override
    def observe(self, context: ReconcileContext, row: Group, inputs: GroupInputs, *, new: bool) -> None:
        """Its rules, which come with it; the subnets that load balancers speak from, and the ports of the members."""
        seen = context.seen.of(_Seen)
        seen.rules = list(row.get("security_group_rules") or ())
        accesses = (_access(inputs, name) for name in inputs)
        ids = {id_ for access in accesses if access for id_ in member_rules.subnets(access)}
        if not ids or not _manages(context, _RULES):
            return
        there = {each["id"]: each for each in context.rows(SUBNETS)}
        for id_ in sorted(ids - there.keys()):  # of others: shared, or outside
            with contextlib.suppress(NotFoundError):
                there[id_] = context.cloud.do.subnets.get(id_)
        seen.subnets = {id_: there[id_] for id_ in sorted(ids) if id_ in there}
        seen.outside = self._outside(context, row["id"])

    def _outside(self, context: ReconcileContext, group_id: str) -> list[str]:
        """The members at whose ports none of the groups is that name their Pool."""
        view, found = context.request.view, []
        for key in _pools(context.resource):
            pool = view.get(key)
            addresses = self._reached(pool, view).addresses if pool else ()
            if addresses:
                others = (each for each in view.referrers(key) if each.key.kind == self.kind)
                ids = {group_id, *(str(SECURITY_GROUP.status(each).get("id")) for each in others)}
                found += member_rules.outside(addresses, context.rows(PORTS), ids)
        return list(dict.fromkeys(found))

    @override
    def plan(self, facts: Facts, row: Group, inputs: GroupInputs) -> Plan:
        """The group itself, then the rules that are missing, then those that are too many."""
        main = neutron_common.main_update(facts, row, self.noun, FIELDS)
        there = facts.seen.of(_Seen).rules or []
        ours = _manages(facts, _RULES)
        if not ours and not _manages(facts, _EGRESS):
            return only(main)
        warnings = _warnings(facts.seen.of(_Seen).outside)
        egress = {group_rules.observed(one) for one in group_rules.default_egress()}
        concerned = there if ours else [item for item in there if group_rules.observed(item) in egress]
        missing, surplus = group_rules.difference(self._wanted(facts, row["id"], inputs), concerned)
        going = self._going(facts)  # they stay while this one refers to them, and so do the rules
        surplus = [item for item in surplus if item.get("remote_group_id") not in going]
        anew = {group_rules.observed(body).slot for body in missing}
        steps = [*main]
        deletes = [
            Step(
                "delete",
                f"rule {group_rules.observed(item)}",
                _RULES,
                item["id"],
                replaces=group_rules.observed(item).slot in anew,
            )
            for item in surplus
        ]
        # A rule made anew must go first, for Neutron knows two of one effect as duplicates; else nothing is cut
        # before what replaces it is there.
        steps += [step for step in deletes if step.replaces]
        steps += [Step("create", f"rule {group_rules.observed(body)}", _RULES, body=body) for body in missing]
        return Plan([*steps, *(step for step in deletes if not step.replaces)], warnings=warnings)

    def _going(self, facts: Facts) -> set[str]:
        """The ids of groups that are being deleted though the spec refers to them."""
        found = (facts.view.get(key) for key in self._groups(facts.resource))
        ids = (SECURITY_GROUP.status(other).get("id") for other in found if other and other.deleting)
        return {str(each) for each in ids if each}

    @staticmethod
    def _stands(context: ReconcileContext, group_id: str, key: Key, seen: set[group_rules.ObservedRule]) -> bool:
        """Whether all rules that name a group which is going are there: they stay for as long as it does."""
        other = context.request.view.get(key)
        other_id = SECURITY_GROUP.status(other).get("id") if other else None
        if not other_id:
            return False
        items = [item for item in _items(context) if (ref := item.get("remoteGroupRef")) and ref["name"] == key.name]
        return all(group_rules.observed(group_rules.body(item, group_id, str(other_id))) in seen for item in items)

    def _wanted(self, facts: Facts, group_id: str, inputs: GroupInputs) -> list[SecurityGroupRuleBody]:
        wanted = []
        for item in _items(facts):
            if pool := item.get("poolRef"):
                access = _access(inputs, _BY_POOL + pool["name"])
                if access:
                    known = facts.seen.of(_Seen).subnets
                    wanted += member_rules.bodies(access, known, group_id, item.get("description"))
                continue
            ref = item.get("remoteGroupRef")
            remote = None
            if ref:
                remote = group_id if ref["name"] == facts.resource.key.name else _group(inputs, ref["name"])
                if remote is None:
                    continue
            wanted.append(group_rules.body(item, group_id, remote or item.get("remoteGroupID")))
        if SECURITY_GROUP.spec(facts).get(_EGRESS, True):
            wanted += [_in_group(group_id, one) for one in group_rules.default_egress()]
        return wanted

    @override
    def act(self, context: ReconcileContext, row: Group, steps: Sequence[Step]) -> Group | Ended:
        """Carry out the steps in order, the new rules in one call."""
        pending = [step for step in steps if step.verb == "create"]
        there = list(context.seen.of(_Seen).rules or ())
        for step in steps:
            if step.slot == _RULES and step.verb == "delete":
                if not step.replaces and pending:
                    added = self._add(context, there, pending)
                    if isinstance(added, Outcome):
                        return added
                    there, pending = added, []
                self._remove_rule(context, step.id)
                there = [item for item in there if item["id"] != step.id]
            elif step.slot != _RULES:
                row = neutron_common.act_on_main(context, self.collection, row, step)
        if pending:
            added = self._add(context, there, pending)
            if isinstance(added, Outcome):
                return added
            there = added
        context.seen.of(_Seen).rules = there
        return row

    @staticmethod
    def _remove_rule(context: ReconcileContext, rule_id: str) -> None:
        # It may be gone already, with the group it referred to.
        with context.changing(), contextlib.suppress(NotFoundError):
            context.cloud.do.security_group_rules.delete(rule_id)

    @staticmethod
    def _add(
        context: ReconcileContext, there: list[SecurityGroupRule], steps: list[Step]
    ) -> list[SecurityGroupRule] | Outcome:
        """Add rules in one atomic call. A repeated create doubles nothing: Neutron refuses a duplicate rule.

        Returns:
            The rules as they then are; or the outcome where rules have gone since they were looked at.

        Raises:
            InfomaniakCloudError: it was refused.
        """
        try:
            with context.changing():
                made = context.cloud.do.security_group_rules.create_many(
                    [SECURITY_GROUP_RULES.body(step.body) for step in steps]
                )
        except ConflictError as error:
            group_id = str(steps[0].body["security_group_id"])
            now = context.cloud.do.security_group_rules.list(security_group_id=group_id)
            if {rule["id"] for rule in now} == {rule["id"] for rule in there}:
                raise
            seen = {group_rules.observed(rule) for rule in now}
            left = [step for step in steps if group_rules.observed(SECURITY_GROUP_RULES.body(step.body)) not in seen]
            if not left:
                return now
            if len(left) < len(steps):  # a create finished late, or the group was shown without some of its rules
                return SecurityGroupActuator._add(context, now, left)
            return again(
                Reason.UPDATING, f"the rules of security group {group_id} have changed meanwhile: {error}", 0.0
            )
        return [*there, *made]

    @override
    def report(self, context: ReconcileContext, row: Group, inputs: GroupInputs) -> str | Outcome:
        """What is seen of the group; rules may wait for groups that are not there yet, or for Pools.

        A group that waits for a Pool is Ready: the members' Ports may wait for the group, and the Pool for the Ports.
        """
        rules = context.seen.of(_Seen).rules
        there = list(row.get("security_group_rules") or ()) if rules is None else rules
        status = SECURITY_GROUP.status(context)
        status["ruleCount"] = len(there)
        status["stateful"] = row.get("stateful")
        seen = {group_rules.observed(each) for each in there}
        absent = [key for key in self._groups(context.resource) if key.name not in inputs]
        waiting = _waiting(context, inputs)
        if waiting and not context.unmanaged:
            message = f"spec.rules: {'; '.join(waiting)}"
            context.set_condition(REFERENCES_RESOLVED, False, Reason.WAITING_FOR_REFERENCE, bounded(message))
        missing = [key for key in absent if not self._stands(context, row["id"], key, seen)]
        if missing and not context.unmanaged:
            names = ", ".join(key.name for key in missing)
            return context.wait_for(
                missing[0], f"spec.rules: rules wait for SecurityGroup {names}, which is not there yet"
            )
        many = len(there)
        return f"security group {row['id']} with {many} rule{'' if many == 1 else 's'}"

    @override
    def holds(self, context: ReconcileContext, row: Group) -> str:
        """Rules."""
        default = {group_rules.observed(rule) for rule in group_rules.default_egress()}
        there = row.get("security_group_rules") or ()
        return "it has rules" if any(group_rules.observed(rule) not in default for rule in there) else ""

    @override
    def removal(self, context: ReconcileContext, row: Group) -> Plan:
        """Delete the group. Its rules go with it, and so do those of other groups that refer to it.

        So it stays while others refer to it, or while it has rules that others made and the spec does not list rules.
        """
        found = [
            f"rule {group_rules.observed(each)} ({each['id']}), which others made"
            for each in self._of_others(context, row)
        ]
        found += self._users(context, row)
        if found:
            message = f"security group {row['id']} would take along what is not ours: {'; '.join(found)}"
            return Plan(outcome=again(Reason.IN_USE, f"{message}: delete that first", 30.0))
        return only([neutron_common.deletion(self.noun, row)])

    @staticmethod
    def _of_others(context: ReconcileContext, row: Group) -> list[SecurityGroupRule]:
        if _manages(context, _RULES):
            return []
        egress = {group_rules.observed(one) for one in group_rules.default_egress()}
        return [each for each in row.get("security_group_rules") or () if group_rules.observed(each) not in egress]

    def _users(self, context: ReconcileContext, row: Group) -> list[str]:
        """The rules that refer to the group, in groups that no SecurityGroup stands for: those know of each other."""
        keepers = Keepers(context.owner.cluster, context.request.view.objects(self.kind))
        return [
            f"rule {group_rules.observed(each)} ({each['id']}) of security group {group.get('name')} ({group['id']})"
            for group in context.rows(self.collection)
            if group["id"] != row["id"]
            for each in group.get("security_group_rules") or ()
            if each.get("remote_group_id") == row["id"] and keepers.of(group) is None
        ]


def _items(of: Untyped) -> list[json_types.SecurityGroupRule]:
    return list(SECURITY_GROUP.spec(of).get(_RULES) or ())


def _pools(resource: KubeObject) -> list[Key]:
    """The Pools whose members' rules are in the group."""
    names = {item["poolRef"]["name"] for item in _items(resource) if item.get("poolRef")}
    return [Key(member_rules.POOL, resource.key.namespace, name) for name in sorted(names)]


def _group(inputs: GroupInputs, name: str) -> str | None:
    """The id of a group."""
    found = inputs.get(name)
    return found if isinstance(found, str) else None


def _access(inputs: GroupInputs, name: str) -> Access | None:
    """What the members of a Pool need."""
    found = inputs.get(name)
    return None if isinstance(found, str) else found


def _waiting(context: ReconcileContext, inputs: GroupInputs) -> list[str]:
    """Why the rules for the members of Pools are not there, or not all of them."""
    known, found = context.seen.of(_Seen).subnets, []
    for key in _pools(context.resource):
        access = _access(inputs, _BY_POOL + key.name)
        if access is None:
            found.append(f"rules wait for Pool {key.name}, which is not there yet")
        elif "waits" in access:
            found.append(f"rules wait for {access['waits']}")
        elif unseen := sorted(member_rules.subnets(access) - known.keys()):
            found.append(f"Pool {key.name} is in subnets that this credential does not show: {', '.join(unseen)}")
    return found


def _warnings(outside: Sequence[str]) -> list[Warned]:
    """What is told of members at whose ports the group is not."""
    if not outside:
        return []
    more = f" and {len(outside) - _MOST_OUTSIDE} more" if len(outside) > _MOST_OUTSIDE else ""
    text = (
        f"members of Pools at whose ports the group is not, so that the load balancer may not reach them: "
        f"{', '.join(outside[:_MOST_OUTSIDE])}{more}"
    )
    return [Warned("MembersOutside", text)]


def _in_group(group_id: str, body: SecurityGroupRuleBody) -> SecurityGroupRuleBody:
    return {"security_group_id": group_id, **body}


def _manages(facts: Facts, field: SecurityGroupSpecField) -> bool:
    """Whether the spec names a field, or did until now."""
    return bool(SECURITY_GROUP.named(facts, field)) or field in facts.applied
