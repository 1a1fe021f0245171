"""SecurityGroup: a group in Neutron and its rules, kept as a set."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from infomaniak_operator.api import json_types
from infomaniak_operator.api.json_kind import Untyped
from infomaniak_operator.api.json_types import SECURITY_GROUP, SecurityGroupSpecField
from infomaniak_operator.client import Category, ConflictError, InfomaniakCloudError, NotFoundError
from infomaniak_operator.client.bodies import SecurityGroupBody, SecurityGroupRuleBody
from infomaniak_operator.client.resources import SecurityGroup as Group
from infomaniak_operator.client.resources import SecurityGroupRule
from infomaniak_operator.controller.interfaces import (
    CacheReader,
    Key,
    KubeObject,
    Reason,
)
from infomaniak_operator.reconcile.generic.actuator import Dependency
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
from infomaniak_operator.reconcile.generic.plan import Plan, Step, only
from infomaniak_operator.reconcile.neutron import group_members, group_rules, member_rules, neutron_common
from infomaniak_operator.reconcile.neutron.group_members import LetIn, SeenMembers
from infomaniak_operator.reconcile.neutron.member_rules import Access, PoolMembers
from infomaniak_operator.reconcile.openstack.resource_types import SECURITY_GROUP_RULES, SECURITY_GROUPS

FIELDS: tuple[Field[SecurityGroupSpecField], ...] = (Field("stateful", "stateful", default=True),)
_RULES: Final = "rules"
_EGRESS: Final = "keepDefaultEgress"
_RULE = "security_group_rule"
_DEFAULT = "SecurityGroupDefaultAlreadyExists"


_BY_POOL: Final = "Pool/"

GroupInputs = Mapping[str, str | Access]
"""What the rules refer to: by the name of a group its id, by ``Pool/`` and the name of a Pool what its members need."""


@dataclass(slots=True)
class _Seen:
    """What a reconcile has seen of a security group: its rules, kept up to date; None: it was not looked for."""

    rules: list[SecurityGroupRule] | None = None


class SecurityGroupActuator(neutron_common.NeutronActuator[Group, SecurityGroupBody, GroupInputs]):
    """Knows how a SecurityGroup becomes a group and its rules.

    Args:
        members: what is known of the members of Pools.
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
    lists = ("description", "tags", _RULES, _EGRESS, group_members.FIELD)

    def __init__(self, members: PoolMembers) -> None:
        self._members = members

    @override
    def references(self, resource: KubeObject) -> Iterable[Key]:
        """The groups its rules refer to, itself apart, and the Pools, with the HealthMonitors that they have."""
        pools = group_members.pools(resource)
        return [*self._groups(resource), *pools, *map(member_rules.monitors_of, pools)]

    def _groups(self, resource: KubeObject) -> list[Key]:
        names = {item["remoteGroupRef"]["name"] for item in _items(resource) if item.get("remoteGroupRef")}
        return [Key(self.kind, resource.key.namespace, name) for name in sorted(names - {resource.key.name})]

    @override
    def resolve(self, resource: KubeObject, view: CacheReader) -> GroupInputs:
        """The ids of the groups that are there, and what the members of the Pools need.

        A missing one holds back its rules only: else two groups could wait for each other for ever.
        """
        needs = group_members.accesses(resource, view, self._members)
        found: dict[str, str | Access] = {f"{_BY_POOL}{name}": access for name, access in needs.items()}
        for key in self._groups(resource):
            other = view.get(key)
            other_id = SECURITY_GROUP.status(other).get("id") if other is not None and not other.deleting else None
            if other_id:
                found[key.name] = str(other_id)
        return found

    @override
    def body(self, facts: Facts, inputs: GroupInputs) -> SecurityGroupBody:
        """The attributes of the group's create."""
        return neutron_common.creation(facts, SECURITY_GROUPS, body_of(FIELDS, facts.spec))

    @override
    def needs(self, context: ReconcileContext, inputs: GroupInputs, steps: Sequence[Step] | None) -> Needs:
        """The group, and its rules: as many as there are in the end, and those that are made before others go.

        How many there are for the members of Pools is known once it is made.
        """
        if steps is None:
            return Needs({self.quota: 1, _RULE: len(_items(context))})
        creates = [step for step in steps if step.verb == "create"]
        # Those of the spec are made first: they do not wait until there is room for the others, too.
        come = sum(not group_members.is_for_members(step.body) for step in creates) or len(creates)
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
        """Its rules, which come with it; what the members of Pools need, and still use."""
        there = context.seen.of(_Seen).rules = list(row.get("security_group_rules") or ())
        if not context.unmanaged:
            group_members.look(context, row["id"], _accesses(inputs), there, self._members)

    @override
    def applied(self, facts: Facts) -> list[str]:
        """The places of the fields that the spec sets, and which rules are there for the members of which Pools."""
        return [*super().applied(facts), *facts.seen.of(SeenMembers).places]

    @override
    def plan(self, facts: Facts, row: Group, inputs: GroupInputs) -> Plan:
        """The group itself, then the rules that are missing, then those that are too many."""
        main = neutron_common.main_update(facts, row, self.noun, FIELDS)
        there = facts.seen.of(_Seen).rules or []
        let = group_members.let_in(facts, row["id"], _accesses(inputs), there)
        missing, surplus = self._difference(facts, row["id"], inputs, let)
        going = self._going(facts)  # they stay while this one refers to them, and so do the rules
        surplus = [item for item in surplus if item.get("remote_group_id") not in going]
        known = group_members.known(facts)
        anew = {group_rules.observed(body).slot for body in missing}
        steps = [*main]
        deletes = [
            Step(
                "delete",
                f"rule {group_rules.observed(item)}",
                _RULES,
                item["id"],
                replaces=group_rules.observed(item).slot in anew,
                owed=str(group_rules.observed(item)) in known,  # a Pool does without it, whatever the spec says
            )
            for item in surplus
        ]
        # A rule made anew must go first, for Neutron knows two of one effect as duplicates; else nothing is cut
        # before what replaces it is there.
        steps += [step for step in deletes if step.replaces]
        steps += [Step("create", f"rule {group_rules.observed(body)}", _RULES, body=body) for body in missing]
        held_back = [stalled(Reason.INVALID_CONFIGURATION, let.refused)] if let.refused else []
        warnings = group_members.warnings(facts, let)
        return Plan([*steps, *(step for step in deletes if not step.replaces)], held_back=held_back, warnings=warnings)

    def _difference(
        self, facts: Facts, group_id: str, inputs: GroupInputs, let: LetIn
    ) -> tuple[list[SecurityGroupRuleBody], list[SecurityGroupRule]]:
        """The bodies of the rules that are missing, and the rules that are too many and ours to remove.

        What members need, or may need, is not made anew for the sake of its description: it would be missing meanwhile,
        or, where it stays, be a duplicate.
        """
        there = facts.seen.of(_Seen).rules or []
        ours, egress_too = _manages(facts, _RULES), _manages(facts, _EGRESS)
        wanted = self._wanted(facts, group_id, inputs) if ours else []
        if (ours or egress_too) and SECURITY_GROUP.spec(facts).get(_EGRESS, True):
            wanted += [_in_group(group_id, one) for one in group_rules.default_egress()]
        listed, mine = set(map(group_rules.observed, wanted)), {group_rules.observed(one): one for one in let.bodies}
        rows = [(group_rules.observed(row), row) for row in there]
        stands = {
            rule
            for rule, row in rows
            if rule in mine or row["id"] in let.stays or (rule in listed and group_members.is_marked(facts, row))
        }
        wanted = [_plain(body) if group_rules.observed(body) in stands else body for body in (*wanted, *let.bodies)]
        missing, surplus = group_rules.difference(wanted, there)
        missing = [mine[rule] if (rule := group_rules.observed(body)) not in listed else body for body in missing]
        egress, known = set(map(group_rules.observed, group_rules.default_egress())), group_members.known(facts)
        surplus = [
            row
            for row in surplus
            if row["id"] not in let.stays
            and (
                ours or (egress_too and group_rules.observed(row) in egress) or group_members.is_ours(facts, row, known)
            )
        ]
        return missing, surplus

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
            ref = item.get("remoteGroupRef")
            remote = None
            if ref:
                remote = group_id if ref["name"] == facts.resource.key.name else _group(inputs, ref["name"])
                if remote is None:
                    continue
            wanted.append(group_rules.body(item, group_id, remote or item.get("remoteGroupID")))
        return wanted

    @override
    def act(self, context: ReconcileContext, row: Group, steps: Sequence[Step]) -> Group | Ended:
        """Carry out the steps in order, the new rules in one call, those that only members need in a second one.

        What is wrong with these, a quota that has no room for them all included, keeps no rule of the spec waiting.
        """
        pending = [step for step in steps if step.verb == "create"]
        there = list(context.seen.of(_Seen).rules or ())
        for step in steps:
            if step.slot == _RULES and step.verb == "delete":
                if not step.replaces and pending:
                    added = self._add_all(context, there, pending)
                    if isinstance(added, Outcome):
                        return added
                    there, pending = added, []
                self._remove_rule(context, step.id)
                there = [item for item in there if item["id"] != step.id]
            elif step.slot != _RULES:
                row = neutron_common.act_on_main(context, self.collection, row, step)
        if pending:
            added = self._add_all(context, there, pending)
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

    @classmethod
    def _add_all(
        cls, context: ReconcileContext, there: list[SecurityGroupRule], steps: list[Step]
    ) -> list[SecurityGroupRule] | Outcome:
        """Add rules, those of the spec first; see ``_add``."""
        for wanted in (False, True):
            batch = [step for step in steps if group_members.is_for_members(step.body) is wanted]
            added = cls._add(context, there, batch) if batch else there
            if isinstance(added, Outcome):
                return added
            there = added
        return there

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
        if not context.unmanaged:
            self._tell_of_members(context, inputs)
        missing = [key for key in absent if not self._stands(context, row["id"], key, seen)]
        if missing and not context.unmanaged:
            names = ", ".join(key.name for key in missing)
            return context.wait_for(
                missing[0], f"spec.rules: rules wait for SecurityGroup {names}, which is not there yet"
            )
        many = len(there)
        return f"security group {row['id']} with {many} rule{'' if many == 1 else 's'}"

    @staticmethod
    def _tell_of_members(context: ReconcileContext, inputs: GroupInputs) -> None:
        """Say what the rules for members wait for, and look again at what is not to go yet."""
        if waiting := group_members.waiting(context, _accesses(inputs)):
            message = bounded(f"spec.{group_members.FIELD}: {'; '.join(waiting)}")
            context.set_condition(REFERENCES_RESOLVED, False, Reason.WAITING_FOR_REFERENCE, message)
        seen = context.seen.of(SeenMembers)
        again_in = group_members.look_again(seen)
        if again_in is not None:
            context.unsettled = True
            context.come_back(again_in)

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
        known = group_members.known(context)
        return [
            each
            for each in row.get("security_group_rules") or ()
            if group_rules.observed(each) not in egress and not group_members.is_ours(context, each, known)
        ]

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


def _group(inputs: GroupInputs, name: str) -> str | None:
    """The id of a group."""
    found = inputs.get(name)
    return found if isinstance(found, str) else None


def _accesses(inputs: GroupInputs) -> dict[str, Access]:
    """By the name of a Pool what its members need."""
    return {name.removeprefix(_BY_POOL): each for name, each in inputs.items() if not isinstance(each, str)}


def _plain(body: SecurityGroupRuleBody) -> SecurityGroupRuleBody:
    """A rule whatever its description."""
    return SECURITY_GROUP_RULES.body({name: value for name, value in body.items() if name != "description"})


def _in_group(group_id: str, body: SecurityGroupRuleBody) -> SecurityGroupRuleBody:
    return {"security_group_id": group_id, **body}


def _manages(facts: Facts, field: SecurityGroupSpecField) -> bool:
    """Whether the spec names a field, or did until now."""
    return bool(SECURITY_GROUP.named(facts, field)) or field in facts.applied
