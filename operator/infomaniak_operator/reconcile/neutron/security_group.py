"""SecurityGroup: a group in Neutron and its rules, kept as a set."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
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
    Progress,
    Reason,
    RequeueAfter,
    Stalled,
)
from infomaniak_operator.reconcile.generic.actuator import Dependency, Plan, Step
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.fields import Field, applied, body_of
from infomaniak_operator.reconcile.generic.outcomes import Stop
from infomaniak_operator.reconcile.generic.owned import Keepers
from infomaniak_operator.reconcile.neutron import group_rules, neutron_common
from infomaniak_operator.reconcile.openstack.resource_types import SECURITY_GROUP_RULES, SECURITY_GROUPS

FIELDS: tuple[Field[SecurityGroupSpecField], ...] = (Field("stateful", "stateful", default=True),)
_RULES: Final = "rules"
_EGRESS: Final = "keepDefaultEgress"
_DEFAULT = "SecurityGroupDefaultAlreadyExists"


GroupIds = Mapping[str, str]
"""The groups that the rules refer to, by name: their ids."""


class SecurityGroupActuator(neutron_common.NeutronActuator[Group, SecurityGroupBody, GroupIds]):
    """Knows how a SecurityGroup becomes a group and its rules."""

    kind = "SecurityGroup"
    collection = SECURITY_GROUPS
    noun = "security group"
    depends_on = frozenset({Dependency("SecurityGroup", keeps=True, optional=True)})

    def references(self, resource: KubeObject) -> Iterable[Key]:
        """The groups its rules refer to, itself apart."""
        names = {item["remoteGroupRef"]["name"] for item in _items(resource) if item.get("remoteGroupRef")}
        return [Key(self.kind, resource.key.namespace, name) for name in sorted(names - {resource.key.name})]

    def resolve(self, resource: KubeObject, view: CacheReader) -> GroupIds:
        """The ids of the groups that are there.

        A missing one holds back its rules only: else two groups could wait for each other for ever.
        """
        found = {}
        for key in self.references(resource):
            other = view.get(key)
            other_id = SECURITY_GROUP.status(other).get("id") if other is not None and not other.deleting else None
            if other_id:
                found[key.name] = str(other_id)
        return found

    @override
    def body(self, context: ReconcileContext, inputs: GroupIds) -> SecurityGroupBody:
        """The attributes of the group's create."""
        return neutron_common.creation(context, SECURITY_GROUPS, body_of(FIELDS, context.spec))

    def refused(self, context: ReconcileContext, error: InfomaniakCloudError) -> Exception:
        """Every project has a group named default from the start, and no second one."""
        if error.error_type != _DEFAULT:
            return error
        message = (
            f"the project has a security group named {context.name} from the start, and can have no second one: take "
            f"it over by spec.import.filter.name: {context.name}, or give this one another name in spec.name ({error})"
        )
        return Stop(Reason.INVALID_CONFIGURATION, message, Stalled(), Progress.STALLED)

    def rivals(self, context: ReconcileContext, error: InfomaniakCloudError) -> list[KubeObject]:
        """The objects at whose ports it is; a group that refers to it keeps nothing from being deleted in Neutron."""
        if error.category is not Category.IN_USE:
            return []
        referrers = context.request.view.referrers(context.resource.key)
        return [each for each in referrers if each.key.kind != self.kind]

    def applied(self, context: ReconcileContext) -> list[str]:
        """The places of the fields that the spec sets."""
        return [
            *applied(FIELDS, context.spec),
            *SECURITY_GROUP.named(context, "description", "tags", _RULES, _EGRESS),
        ]

    @override
    def plan(self, context: ReconcileContext, row: Group, inputs: GroupIds, *, new: bool) -> Plan:
        """The group itself, then the rules that are missing, then those that are too many."""
        context.children[_RULES] = list(row.get("security_group_rules") or ())
        return self._steps(context, row, inputs)

    def unmet(self, context: ReconcileContext, row: Group, inputs: GroupIds) -> Plan:
        """The same, by what was answered."""
        return self._steps(context, row, inputs)

    def _steps(self, context: ReconcileContext, row: Group, inputs: GroupIds) -> Plan:
        main = neutron_common.main_update(context, row, self.noun, FIELDS)
        there = context.children[_RULES]
        ours = _manages(context, _RULES)
        if not ours and not _manages(context, _EGRESS):
            return main
        egress = {group_rules.observed(one) for one in group_rules.default_egress()}
        concerned = there if ours else [item for item in there if group_rules.observed(item) in egress]
        missing, surplus = group_rules.difference(self._wanted(context, row["id"], inputs), concerned)
        going = self._going(context)  # they stay while this one refers to them, and so do the rules
        surplus = [item for item in surplus if item.get("remote_group_id") not in going]
        anew = {group_rules.observed(body).slot for body in missing}
        steps = [*main]
        deletes = [
            Step(
                "delete",
                f"rule {group_rules.observed(item)}",
                id=item["id"],
                replaces=group_rules.observed(item).slot in anew,
            )
            for item in surplus
        ]
        # A rule made anew must go first, for Neutron knows two of one effect as duplicates; else nothing is cut
        # before what replaces it is there.
        steps += [step for step in deletes if step.replaces]
        steps += [Step("create", f"rule {group_rules.observed(body)}", _RULES, body=body) for body in missing]
        return [*steps, *(step for step in deletes if not step.replaces)]

    def _going(self, context: ReconcileContext) -> set[str]:
        """The ids of groups that are being deleted though the spec refers to them."""
        found = (context.request.view.get(key) for key in self.references(context.resource))
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

    def _wanted(self, context: ReconcileContext, group_id: str, inputs: GroupIds) -> list[SecurityGroupRuleBody]:
        wanted = []
        for item in _items(context):
            ref = item.get("remoteGroupRef")
            remote = None
            if ref:
                remote = group_id if ref["name"] == context.resource.key.name else inputs.get(ref["name"])
                if remote is None:
                    continue
            wanted.append(group_rules.body(item, group_id, remote or item.get("remoteGroupID")))
        if SECURITY_GROUP.spec(context).get(_EGRESS, True):
            wanted += [_in_group(group_id, one) for one in group_rules.default_egress()]
        return wanted

    def act(self, context: ReconcileContext, row: Group, steps: Plan) -> Group:
        """Carry out the steps in order, the new rules in one call."""
        pending = [step for step in steps if step.verb == "create"]
        there = list(context.children[_RULES])
        for step in steps:
            if step.verb == "update":
                row = neutron_common.update_main(context, self.collection, row, step)
            elif step.verb == "delete":
                if not step.replaces:
                    there, pending = self._add(context, there, pending), []
                self._remove_rule(context, step.id)
                there = [item for item in there if item["id"] != step.id]
        context.children[_RULES] = self._add(context, there, pending)
        return row

    @staticmethod
    def _remove_rule(context: ReconcileContext, rule_id: str) -> None:
        # It may be gone already, with the group it referred to.
        with context.changing(), contextlib.suppress(NotFoundError):
            context.cloud.do.security_group_rules.delete(rule_id)

    @staticmethod
    def _add(context: ReconcileContext, there: list[SecurityGroupRule], steps: list[Step]) -> list[SecurityGroupRule]:
        """Add rules in one atomic call. A repeated create doubles nothing: Neutron refuses a duplicate rule.

        Raises:
            Stop: rules have gone since they were looked at.
            InfomaniakCloudError: it was refused.
        """
        if not steps:
            return there
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
            if len(left) < len(
                steps
            ):  # a former create finished late, or the group was shown without some of its rules
                return SecurityGroupActuator._add(context, now, left)
            message = f"the rules of security group {group_id} have changed meanwhile: {error}"
            raise context.again(Reason.UPDATING, message, 0.0) from error
        return [*there, *made]

    def report(self, context: ReconcileContext, row: Group, inputs: GroupIds) -> str:
        """What is seen of the group.

        Raises:
            Stop: rules wait for groups that are not there yet.
        """
        there = context.children.get(_RULES, list(row.get("security_group_rules") or ()))
        status = SECURITY_GROUP.status(context)
        status["ruleCount"] = len(there)
        status["stateful"] = row.get("stateful")
        seen = {group_rules.observed(each) for each in there}
        absent = [key for key in self.references(context.resource) if key.name not in inputs]
        missing = [key for key in absent if not self._stands(context, row["id"], key, seen)]
        if missing and not context.unmanaged:
            names = ", ".join(key.name for key in missing)
            raise context.wait_for(
                missing[0], f"spec.rules: rules wait for SecurityGroup {names}, which is not there yet"
            )
        many = len(there)
        return f"security group {row['id']} with {many} rule{'' if many == 1 else 's'}"

    @override
    def pending(self, row: Group) -> str | None:
        """A group has no state to wait for."""
        return None

    @override
    def may_make_again(self, context: ReconcileContext) -> bool:
        """A group of ours that somebody deleted is made again."""
        return True

    @override
    def holds(self, context: ReconcileContext, row: Group) -> str:
        """Rules."""
        default = {group_rules.observed(rule) for rule in group_rules.default_egress()}
        there = row.get("security_group_rules") or ()
        return "it has rules" if any(group_rules.observed(rule) not in default for rule in there) else ""

    def remove(self, context: ReconcileContext, row: Group) -> None:
        """Delete the group. Its rules go with it, and so do those of other groups that refer to it.

        Raises:
            Stop: it has rules that others made, where the spec does not say which it has, or others refer to it.
        """
        found = [
            f"rule {group_rules.observed(each)} ({each['id']}), which others made"
            for each in self._of_others(context, row)
        ]
        found += self._users(context, row)
        if found:
            message = f"security group {row['id']} would take along what is not ours: {'; '.join(found)}"
            raise Stop(Reason.IN_USE, f"{message}: delete that first", RequeueAfter(30.0))
        with context.changing():
            context.cloud.do.security_groups.delete(row["id"], if_revision=row.get("revision_number"))

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

    def release(self, context: ReconcileContext, row: Group) -> None:
        """Release the mark."""
        neutron_common.release_row(context, self.collection, row)


def _items(of: Untyped) -> list[json_types.SecurityGroupRule]:
    return list(SECURITY_GROUP.spec(of).get(_RULES) or ())


def _in_group(group_id: str, body: SecurityGroupRuleBody) -> SecurityGroupRuleBody:
    return {"security_group_id": group_id, **body}


def _manages(context: ReconcileContext, field: SecurityGroupSpecField) -> bool:
    """Whether the spec names a field, or did until now."""
    return bool(SECURITY_GROUP.named(context, field)) or field in context.applied
