"""LoadBalancer: the VIP's port, a load balancer and its listeners, made as one tree with its pools and monitors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, cast

from typing_extensions import override

from infomaniak_operator.api import json_types
from infomaniak_operator.client import Category, ForbiddenError, InfomaniakCloudError, Operations, kinds
from infomaniak_operator.client.bodies import LoadBalancerBody
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.client.resources import Listener
from infomaniak_operator.client.resources import LoadBalancer as Balancer
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject, Reason
from infomaniak_operator.reconcile.generic import failures
from infomaniak_operator.reconcile.generic.actuator import Dependency
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts, Traits
from infomaniak_operator.reconcile.generic.fields import (
    Difference,
    Field,
    applied,
    body_of,
    changes,
    unordered,
)
from infomaniak_operator.reconcile.generic.needs import Needs
from infomaniak_operator.reconcile.generic.outcomes import REFERENCES_RESOLVED, Ended, Outcome, again, stalled
from infomaniak_operator.reconcile.generic.owned import clear_to_create, is_adopted
from infomaniak_operator.reconcile.generic.plan import Plan, Step, only
from infomaniak_operator.reconcile.neutron import neutron_common
from infomaniak_operator.reconcile.octavia import (
    certificate_secret,
    certificate_store,
    certificates,
    compatibility,
    first_minute,
    foreign_children,
    https_redirect,
    listener_trust,
    listeners,
    octavia_common,
    octavia_vip,
    recovery,
    tls_refs,
    tree_create,
    vip_port,
)
from infomaniak_operator.reconcile.octavia.seen import SeenBalancer
from infomaniak_operator.reconcile.octavia.tree_state import GONE
from infomaniak_operator.reconcile.openstack.resource_types import L7_POLICIES, LISTENERS, LOAD_BALANCERS, ResourceType

FIELDS = (
    neutron_common.ADMIN_STATE,
    Field("description", "description", default=""),
    # Octavia knows one driver by two names.
    Field("provider", "provider", normal=lambda name: "amphora" if name == "octavia" else name, mutable=False),
    Field("flavorID", "flavor_id", mutable=False),
)
_LISTENERS: Final = "listeners"
_GROUPS = "vip.securityGroups"
_MOST_GROUPS = 64
"""How many security groups of the VIP status shows."""
_TREE = "tree"
"""The slot of the step that deletes a load balancer with all that is under it."""
_OF_NO_POOL = frozenset({Category.TRANSIENT, Category.AUTHENTICATION, Category.UNREADABLE})
"""Refusals of a tree that no pool of it is to blame for: a Pool names no certificate."""
_OWN_QUOTA = "resources: load balancer"
"""In Octavia's words where a project may have no further load balancer."""


class LoadBalancerActuator(octavia_common.TreeActuator[Balancer, LoadBalancerBody, listeners.BalancerInputs]):
    """Knows how a LoadBalancer becomes a tree."""

    kind = octavia_common.LOAD_BALANCER
    collection = LOAD_BALANCERS
    noun = "load balancer"
    quota = "load_balancer"
    parts: json_types.StatusField | None = _LISTENERS
    depends_on = frozenset(
        {
            Dependency(neutron_common.NETWORK, keeps=True),
            Dependency("SecurityGroup", keeps=True),
            Dependency(octavia_common.POOL, optional=True),
            Dependency(certificate_secret.KIND, optional=True),
        }
    )
    traits = Traits(
        outliving=frozenset(
            {
                "vipPortID",
                "vipAddress",
                "vipNetworkID",
                "vipSubnetID",
                "vipSubnet",
                "vipSecurityGroupIDs",
                "additionalVips",
                "recoveryAttempts",
                "certificates",
            }
        ),
        elsewhere=frozenset({"vipPortID"}),
        recovery="recoveryAttempts",
        together=octavia_common.IN_A_TREE,
        locks=True,
    )
    """One that is made again keeps its VIP's port, and what is bound to that, in the subnets that were once chosen."""

    @override
    def references(self, resource: KubeObject) -> Iterable[Key]:
        """What the VIP is in, and the pools and Secrets of the listeners."""
        refs = [
            item[listeners.POOL_REF]["name"] for item in listeners.items_of(resource) if item.get(listeners.POOL_REF)
        ]
        return [
            *vip_port.references(resource),
            *(Key(octavia_common.POOL, resource.key.namespace, name) for name in sorted(set(refs))),
            *tls_refs.references(resource),
        ]

    @override
    def resolve(self, resource: KubeObject, view: CacheReader) -> listeners.BalancerInputs:
        """The VIP's subnet and groups, and the pools and certificates of the listeners as far as they are there.

        Raises:
            Unresolved: the VIP's network or a security group is not there yet.
        """
        pools: dict[str, str] = {}
        protocols: dict[str, str | None] = {}
        for item in listeners.items_of(resource):
            pool = _pool_of(resource, view, item)
            if pool is None or pool.deleting:
                continue
            protocol = json_types.POOL.spec(pool).get("protocol")
            protocols[item["name"]] = protocol
            seen = json_types.POOL.status(pool)
            here = seen.get("loadBalancerID") == json_types.LOAD_BALANCER.status(resource).get("id")
            if here and seen.get("id") and (protocol is None or compatibility.fits(item["protocol"], protocol)):
                pools[item["name"]] = str(seen["id"])
        inputs: listeners.BalancerInputs = {
            **vip_port.resolve(resource, view),
            "pools": pools,
            "poolProtocols": protocols,
            "certificates": certificates.resolve(resource, view),
        }
        if not inputs["certificates"]:  # of who names none, the hash is as it was
            del inputs["certificates"]
        return inputs

    @override
    def prerequisites(self, context: ReconcileContext, inputs: listeners.BalancerInputs) -> Ended | None:
        """Refuse what cannot go together, and hold a new tree back."""
        problem = compatibility.balancer_problem(context.resource, context.request.view)
        if problem:
            return stalled(Reason.INVALID_CONFIGURATION, problem)
        if context.id or context.imported or context.resource.uid in octavia_common.tree_of(context).held:
            return None
        return tree_create.hold_back(context)

    @override
    def held(self, context: ReconcileContext) -> Balancer | None:
        """The load balancer as the create of its tree has answered it, until it was Ready once."""
        row = cast("Balancer | None", octavia_common.tree_of(context).held.get(context.resource.uid))
        if row is None or json_types.ANY.status(context.resource).get("inputsHash"):
            octavia_common.tree_of(context).held.pop(context.resource.uid, None)
            return None
        seen = octavia_common.tree_of(context).seen
        if seen is not None and seen.began > octavia_common.tree_of(context).written:
            if seen.provisioning == GONE:
                return None
            row = {**row, "provisioning_status": seen.provisioning, "operating_status": seen.operating}
        context.seen.of(SeenBalancer).listeners = list(row.get("listeners") or ())
        return row

    @override
    def body(self, facts: Facts, inputs: listeners.BalancerInputs) -> LoadBalancerBody:
        """The load balancer's own attributes; the VIP and the rest of the tree come with ``make``."""
        common = {
            "name": facts.name,
            "project_id": facts.project_id,
            "tags": octavia_common.tags_of(facts.spec.get("tags"), facts.owner.mark()),
        }
        return LOAD_BALANCERS.body({**common, **body_of(FIELDS, facts.spec)})

    @override
    def outline(self, context: ReconcileContext, body: LoadBalancerBody) -> str:
        """The whole tree that would be made."""
        return f"load balancer {body['name']} with {tree_create.outline(context)}"

    @override
    def needs(self, context: ReconcileContext, inputs: listeners.BalancerInputs, steps: Sequence[Step] | None) -> Needs:
        """The load balancer, and its VIP's port unless there is one. Pools too many are left out of the tree."""
        if steps is not None:
            return Needs()
        return Needs({self.quota: 1, "port": int(vip_port.is_to_be_made(context))})

    @override
    def prepare(
        self, context: ReconcileContext, inputs: listeners.BalancerInputs, body: LoadBalancerBody
    ) -> Callable[[], Balancer] | Ended:
        """Make the VIP's port, and see that it has an address; store certificates; then one POST for the whole tree."""
        try:
            port = vip_port.ensure(context, inputs)
        except ForbiddenError as error:
            octavias = octavia_vip.attributes(context, inputs, error)
            if octavias is None:
                raise
            vip_port.left_to_octavia(context)
            return tree_create.by_itself(context, {**body, **octavias})
        if isinstance(port, Ended):
            return port
        if too_early := certificate_store.ensure(context):
            return too_early
        attributes = vip_port.attributes(context, port, inputs)
        if isinstance(attributes, Outcome):
            return attributes
        send = tree_create.prepared(context, {**body, **attributes})

        def once() -> Balancer:
            row = send()
            vip_port.forget(context)
            return row

        return once

    @override
    def refused(self, context: ReconcileContext, error: InfomaniakCloudError) -> Outcome | None:
        """A tree that is refused is made once more without its pools: each then tells by itself what is wrong."""
        tree = octavia_common.tree_of(context)
        vip_port.forget(context)
        passing = error.outcome_unknown or error.category in _OF_NO_POOL
        # The load balancers are what is too many: no pool is to blame, and all of it can be made at once later.
        passing = passing or (error.category is Category.QUOTA and _OWN_QUOTA in str(error).lower())
        if passing or tree.bare or not tree_create.has_children(context):
            return None
        tree.bare = True
        context.request.event(
            failures.reason_of(error).value, f"together with its pools it is refused: {error}", warning=True
        )
        return again(Reason.CREATING, f"made without its pools, for together it is refused: {error}", 0.0)

    @override
    def rivals(self, context: ReconcileContext, error: InfomaniakCloudError) -> list[KubeObject]:
        """The objects that have the address this one asks for."""
        wanted = vip_port.vip(context).get("address")
        if not wanted or error.error_type != neutron_common.ADDRESS_TAKEN:
            return []
        return neutron_common.having_address(context.resource, context.request.view, [wanted])

    @override
    def applied(self, facts: Facts) -> list[str]:
        """The places of the fields that the spec sets, and of what goes only once something else can come.

        These are redirects that stand until a pool is there instead, and whom listeners still trust.
        """
        named = json_types.LOAD_BALANCER.named(facts, "description", "tags")
        seen = facts.seen.of(SeenBalancer)
        judging = any(f".{tls_refs.CLIENTS}." in each for each in facts.applied)
        rows = listeners.by_name(facts, seen.listeners or ()) if seen.policies or judging else {}
        places = listeners.places(json_types.LOAD_BALANCER.spec(facts))
        groups = [_GROUPS] if neutron_common.names_groups(vip_port.vip(facts)) else []
        return [
            *applied(tuple(f for f in FIELDS if f.mutable), facts.spec),
            *named,
            *groups,
            *vip_port.applied(facts),
            *certificates.applied(facts),
            *places,
            *(each for each in https_redirect.standing(facts, rows, seen.policies or ()) if each not in places),
            *(each for each in listeners.still_trusting(facts, rows) if each not in places),
        ]

    @override
    def observe(self, context: ReconcileContext, row: Balancer, inputs: listeners.BalancerInputs, *, new: bool) -> None:
        """Its listeners, what keeps those that are to go, their redirects, and the VIP's port."""
        listeners.note_named(context)  # also of one that is locked: its status may name fewer afterwards
        seen = context.seen.of(SeenBalancer)
        if seen.listeners is None:  # not held, but listed
            octavia_common.note(context, row)
        status = str(row["provisioning_status"])
        if new or status.startswith("PENDING"):
            return
        if status == "ERROR":
            recovery.look(context, row)
            return
        certificate_store.look(context)
        rows = seen.listeners = listeners.under(context, row) if seen.listeners is None else seen.listeners
        going = {step.id for step in listeners.plan(context, row["id"], rows, inputs).steps if step.verb == "delete"}
        holders = [each for each in rows if each["id"] in going]
        seen.kept = foreign_children.policies(context, holders)
        tree = octavia_common.tree_of(context)
        as_made = context.resource.uid in tree.held and tree.made_of == context.resource.generation
        if as_made:
            return
        if https_redirect.concerned(context):
            seen.policies = https_redirect.listed(context, rows)
            https_redirect.note_found(context, listeners.by_name(context, rows), seen.policies)
        vip_port.look(context, row)

    @override
    def plan(self, facts: Facts, row: Balancer, inputs: listeners.BalancerInputs) -> Plan:
        """The load balancer itself, then its listeners and their redirects, then the mark of the VIP's port."""
        status = str(row["provisioning_status"])
        if status.startswith("PENDING"):
            return Plan()
        if status == "ERROR":
            return recovery.plan(facts, row)
        seen = facts.seen.of(SeenBalancer)
        rows = seen.listeners or []
        changes = listeners.plan(facts, row["id"], rows, inputs, seen.kept)
        if seen.policies is not None:
            there = listeners.by_name(facts, rows)
            redirects = https_redirect.plan(facts, there, seen.policies)
            changes = https_redirect.around(changes, redirects, listeners.without_pool(facts, there, inputs))
        changes = certificates.plan(facts).and_then(self._main(facts, row, inputs)).and_then(changes)
        return changes.and_then(vip_port.plan(facts, row)).and_then(certificates.unused(facts, rows))

    @staticmethod
    def _main(facts: Facts, row: Balancer, inputs: listeners.BalancerInputs) -> Plan:
        found = [*octavia_common.main_differences(facts, row, FIELDS), *vip_port.fixed(facts, row, inputs)]
        fixed: list[Difference] = []
        if not is_adopted(facts, row):
            fixed = [difference for difference in found if not difference.mutable]
            found = [difference for difference in found if difference.mutable]
        if "groups" in inputs or _GROUPS in facts.applied:
            groups, now = list(inputs.get("groups") or ()), row.get("vip_sg_ids") or []
            if unordered(groups) != unordered(now):
                found.append(Difference(_GROUPS, "vip_sg_ids", now, groups))
        if not found:
            return Plan(fixed=fixed)
        step = Step("update", f"load balancer {row['id']}", "", str(row["id"]), None, changes(found), tuple(found))
        return Plan(steps=[step], fixed=fixed)

    @override
    def act(self, context: ReconcileContext, row: Balancer, steps: Sequence[Step]) -> Balancer | Ended:
        """Carry out the first step, after which the tree is PENDING; a change of the VIP's port leaves it as it is."""
        if any(map(certificates.is_step, steps)):
            if ended := certificate_store.act(context, steps):
                return ended
            steps = [step for step in steps if not certificates.is_step(step)]
            if not steps:
                return row
        step = steps[0]
        if step.verb == "release":
            return self._release(context, row, steps)
        if step.slot == vip_port.SLOT:
            vip_port.act(context, step)
            return row
        if step.slot == recovery.SLOT:
            return recovery.act(context, row)
        if step.slot == _TREE:
            vip_port.hold(context, row)
            return recovery.delete_tree(context, row)
        return octavia_common.first(context, steps, lambda step: self._send(context, row, step))

    def _send(self, context: ReconcileContext, row: Balancer, step: Step) -> Ended | None:
        do = context.cloud.do
        what = step.slot.split("/")[0].split(":")[0]
        if step.verb == "create":
            if what == "listener":
                return self._create_listener(context, row, step)
            return self._create_redirect(context, step) if what == "redirect" else self._create_rule(context, step)
        if step.verb == "delete" and what == "redirect" and (held := foreign_children.in_policy(context, step.id)):
            return held
        try:
            with octavia_common.changing(context):
                if what == "listener":
                    _send(do, LISTENERS, step)
                elif what == "redirect":
                    _send(do, L7_POLICIES, step)
                else:
                    _send(do, LOAD_BALANCERS, step)
        except InfomaniakCloudError as error:
            if listener_trust.refused(context, step, context.seen.of(SeenBalancer).listeners or (), error):
                return again(Reason.UPDATING, f"{step.what}: {error}", 0.0)
            raise
        if step.verb == "delete":
            context.has_deleted(step.id)
        return None

    @staticmethod
    def _create_listener(context: ReconcileContext, row: Balancer, step: Step) -> Ended | None:
        name = step.slot.split("/", 1)[1]

        there = context.seen.of(SeenBalancer).listeners or []

        def still_absent(not_before: float) -> bool:
            rows = [each for each in context.rows(LISTENERS, not_before) if octavia_common.under(each, row)]
            seen = {each["id"] for each in there}
            return all(each["id"] in seen for each in listeners.of_item(context, rows, name))

        appeared = f"listener {name} has appeared in the cloud"
        if too_early := clear_to_create(context, step.slot, still_absent, appeared, step.body):
            return too_early
        listeners.announce(context, name, there)
        with context.creating(step.slot, bodies=[step.body]), octavia_common.changing(context):
            made = context.cloud.do.listeners.create(LISTENERS.body(step.body))
        context.creates.answered(str(made["id"]))
        return None

    @staticmethod
    def _create_redirect(context: ReconcileContext, step: Step) -> Ended | None:
        seen = {each["id"] for each in context.seen.of(SeenBalancer).policies or ()}

        def still_absent(not_before: float) -> bool:
            listed = context.rows(L7_POLICIES, not_before)
            return all(each["id"] in seen for each in listed if each.get("listener_id") == step.body["listener_id"])

        appeared = f"the {step.what} has appeared in the cloud"
        if too_early := clear_to_create(context, step.slot, still_absent, appeared, step.body):
            return too_early
        https_redirect.forget(context, step.slot, str(step.body["listener_id"]))
        with context.creating(step.slot, bodies=[step.body]), octavia_common.changing(context):
            made = context.cloud.do.l7_policies.create(L7_POLICIES.body(step.body))
        context.creates.answered(str(made["id"]))
        return None

    @staticmethod
    def _create_rule(context: ReconcileContext, step: Step) -> Ended | None:
        rules = context.cloud.do.l7_rules

        def still_absent(not_before: float) -> bool:
            del not_before
            return not rules.list(step.id)

        appeared = f"the {step.what} has appeared in the cloud"
        if too_early := clear_to_create(context, step.slot, still_absent, appeared, step.body):
            return too_early
        with context.creating(step.slot), octavia_common.changing(context):
            rules.create(step.id, kinds.L7_RULES.checked(step.body))
        return None

    @override
    def report(self, context: ReconcileContext, row: Balancer, inputs: listeners.BalancerInputs) -> str | Outcome:
        """What is seen of the load balancer and its listeners; it may be in ERROR."""
        rows = context.seen.of(SeenBalancer).listeners
        if rows is None:
            octavia_common.note(context, row)
            rows = listeners.under(context, row)
        status = json_types.LOAD_BALANCER.status(context)
        octavia_common.state(context, str(row["provisioning_status"]), str(row.get("operating_status") or ""))
        first_minute.doubt(context, octavia_common.tree_of(context).believed)
        status["vipAddress"] = row.get("vip_address")
        status["vipPortID"] = None if vip_port.is_gone(context) else row.get("vip_port_id")
        status["vipSubnetID"] = row.get("vip_subnet_id")
        status["vipNetworkID"] = row.get("vip_network_id")
        status["vipSubnet"] = _subnet_name(context, row)
        status["vipSecurityGroupIDs"] = sorted(map(str, row.get("vip_sg_ids") or ()))[:_MOST_GROUPS]
        status["provider"] = row.get("provider")
        status["flavorID"] = row.get("flavor_id")
        status["additionalVips"] = [
            {"subnetID": each.get("subnet_id"), "address": each.get("ip_address")}
            for each in row.get("additional_vips") or ()
        ]
        status[_LISTENERS] = listeners.reported(context, rows)
        if not context.unmanaged:
            unsettled = bool(context.may_still_change())
            status["certificates"] = certificates.reported(context, rows, unsettled=unsettled)
        context.status = octavia_common.without_empty(status)
        if row["provisioning_status"] == "ERROR":
            return recovery.in_error(row)
        if row["provisioning_status"] == "ACTIVE":
            context.drop("recoveryAttempts")
            recovery.over(context)
        self._references(context, inputs)
        many = len(rows)
        return (
            self._failed_listener(context, rows)
            or f"load balancer {row['id']} at {row.get('vip_address')} with {many} listener{'' if many == 1 else 's'}"
        )

    @staticmethod
    def _failed_listener(context: ReconcileContext, rows: list[Listener]) -> Outcome | None:
        """The outcome where one of the spec's listeners is in ERROR: Octavia keeps the load balancer ACTIVE then."""
        names = {item["name"] for item in listeners.items_of(context.resource)}
        for each in json_types.LOAD_BALANCER.status(context).get(_LISTENERS) or ():
            if each.get("provisioningStatus") == "ERROR" and each["name"] in names:
                row = next(found for found in rows if found["id"] == each["id"])
                advice = f"change listener {each['name']}, or take it out of the spec and put it in again"
                return octavia_common.failed("listener", row, advice)
        return None

    @staticmethod
    def _references(context: ReconcileContext, inputs: listeners.BalancerInputs) -> None:
        """Say which listeners are without their pool; the others serve."""
        if context.unmanaged:
            return
        there = inputs.get("pools") or {}
        items = [
            item
            for item in listeners.items_of(context.resource)
            if item.get(listeners.POOL_REF) and item["name"] not in there
        ]
        foreign = {item["name"]: text for item in items if (text := _pool_of_another(context, item))}
        lacking = [foreign.get(item["name"]) or _pool_to_come(context, item) for item in items]
        unusable = certificates.unresolved(context)
        lacking += [message for _, message in unusable]
        if not lacking:
            return
        message = "; ".join(lacking)
        if foreign and (context.resource.condition(REFERENCES_RESOLVED) or {}).get("message") != message:
            # A Pool that is not there yet will come; this one will not.
            context.request.event(Reason.INVALID_CONFIGURATION.value, "; ".join(foreign.values()), warning=True)
        invalid = foreign or any(each is Reason.INVALID_CONFIGURATION for each, _ in unusable)
        reason = Reason.INVALID_CONFIGURATION if invalid else Reason.WAITING_FOR_REFERENCE
        context.set_condition(REFERENCES_RESOLVED, False, reason, message)

    @override
    def removal(self, context: ReconcileContext, row: Balancer) -> Plan:
        """Delete the whole tree by one call, unless it is locked, or holds what is not ours to delete."""
        if blocked := recovery.in_the_way(context, row):
            return Plan(outcome=blocked)
        return only([Step("delete", f"load balancer {row['id']} with all that is under it", _TREE, str(row["id"]))])

    @override
    def leftovers(self, context: ReconcileContext, *, retain: bool) -> Plan:
        """The VIP's port, for its address is what outlives a load balancer; and what Barbican has of ours."""
        if retain:
            return vip_port.releasing_left(context)
        return vip_port.removal(context).and_then(certificate_store.removal(context))

    @override
    def act_on_leftovers(self, context: ReconcileContext, steps: Sequence[Step]) -> Ended | None:
        """Delete the VIP's port and certificates, or give up its mark; nothing is known of the tree any more."""
        for step in steps:
            if certificates.is_step(step):
                certificate_store.delete(context, step)
            else:
                vip_port.act(context, step)
        if not any(step.verb == "release" for step in steps):
            self.trees.forget(context.resource.uid)
        return None

    @override
    def releasing(self, context: ReconcileContext, row: Balancer) -> Plan:
        """The marks of redirects and listeners, of the VIP's port, of the load balancer."""
        octavia_common.note(context, row)
        under = listeners.under(context, row)
        ours = listeners.copies(context, under).sift(under)
        steps: list[Step] = []
        for _, policy, is_ours in foreign_children.policies_under(context, ours):
            if is_ours:
                slot = f"redirect:{policy['id']}"
                steps += octavia_common.release_steps(context, "L7 policy", policy, child=None, slot=slot)
        for each in ours:
            steps += octavia_common.release_steps(context, "listener", each, child=None, slot=f"listener:{each['id']}")
        steps += vip_port.releasing(context, row)
        return only([*steps, *octavia_common.release_steps(context, self.noun, row)])

    def _release(self, context: ReconcileContext, row: Balancer, steps: Sequence[Step]) -> Balancer | Ended:
        """Give up marks: those in the tree one by one, for each change locks it; the load balancer's is the last."""
        for step in steps:
            if step.slot == vip_port.SLOT:
                vip_port.act(context, step)
                continue
            if step.slot.startswith("redirect:"):
                locked = octavia_common.release(context, L7_POLICIES, step)
            elif step.slot:
                locked = octavia_common.release(context, LISTENERS, step)
            else:
                return octavia_common.release(context, self.collection, step) or row
            return locked or again(Reason.UPDATING, f"releasing load balancer {row['id']}", self.pause(context))
        return row


def _send(do: Operations, collection: ResourceType[RowT, BodyT], step: Step) -> None:
    """Carry out a step on the object that it is about."""
    there = collection.of(do)
    if step.verb == "create":
        there.create(collection.body(step.body))
    elif step.verb == "delete":
        there.delete(step.id)
    else:
        there.update(step.id, collection.body(step.body))


def _pool_of(resource: KubeObject, view: CacheReader, item: json_types.Listener) -> KubeObject | None:
    ref = item.get(listeners.POOL_REF)
    return view.get(Key(octavia_common.POOL, resource.key.namespace, ref["name"])) if ref else None


def _pool_of_another(context: ReconcileContext, item: json_types.Listener) -> str | None:
    """What is wrong with a listener whose Pool belongs to another load balancer; None where it does not."""
    pool = _pool_of(context.resource, context.request.view, item)
    if pool is None:
        return None
    above, there = compatibility.balancer_ref(pool), json_types.POOL.status(pool).get("loadBalancerID")
    if above == context.resource.key or (above is None and there in (None, context.id)):
        return None
    whose = f"LoadBalancer {above.name}" if above else f"load balancer {there}"
    return (
        f"listener {item['name']}: Pool {pool.key.name} belongs to {whose}, and a listener takes a pool of its own "
        "load balancer only: name another Pool"
    )


def _pool_to_come(context: ReconcileContext, item: json_types.Listener) -> str:
    pool = _pool_of(context.resource, context.request.view, item)
    if pool is not None and pool.deleting:
        return f"listener {item['name']}: Pool {pool.key.name} is being deleted"
    return f"listener {item['name']} has no Pool {item[listeners.POOL_REF]['name']} yet"


def _subnet_name(context: ReconcileContext, row: Balancer) -> str | None:
    """The name that ``vip.subnet`` has for the subnet of the VIP, where ``vip.networkRef`` says the network."""
    ref = vip_port.vip(context).get("networkRef")
    found = (
        context.request.view.get(Key(neutron_common.NETWORK, context.resource.key.namespace, ref["name"]))
        if ref
        else None
    )
    subnets = (json_types.INFOMANIAK_NETWORK.status(found).get("subnets") or ()) if found else ()
    return next((str(each["name"]) for each in subnets if each["id"] == row.get("vip_subnet_id")), None)
