"""LoadBalancer: the VIP's port, a load balancer and its listeners, made as one tree with its pools and monitors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, cast

from typing_extensions import override

from infomaniak_operator.api import json_types
from infomaniak_operator.client import Category, InfomaniakCloudError, Operations, kinds
from infomaniak_operator.client.bodies import LoadBalancerBody
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.client.resources import Listener
from infomaniak_operator.client.resources import LoadBalancer as Balancer
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject, Progress, Reason, Stalled
from infomaniak_operator.reconcile.generic import failures
from infomaniak_operator.reconcile.generic.actuator import Dependency, Plan, Step
from infomaniak_operator.reconcile.generic.context import ReconcileContext, Traits
from infomaniak_operator.reconcile.generic.fields import (
    Difference,
    Field,
    applied,
    body_of,
    changes,
    unordered,
)
from infomaniak_operator.reconcile.generic.outcomes import REFERENCES_RESOLVED, Stop
from infomaniak_operator.reconcile.generic.owned import clear_to_create, is_adopted
from infomaniak_operator.reconcile.neutron import neutron_common
from infomaniak_operator.reconcile.octavia import (
    compatibility,
    foreign_children,
    https_redirect,
    listeners,
    octavia_common,
    recovery,
    tree_create,
    vip_port,
)
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
_OWN_QUOTA = "resources: load balancer"
"""In Octavia's words where a project may have no further load balancer."""


class LoadBalancerActuator(octavia_common.TreeActuator[Balancer, LoadBalancerBody, listeners.BalancerInputs]):
    """Knows how a LoadBalancer becomes a tree."""

    kind = octavia_common.LOAD_BALANCER
    collection = LOAD_BALANCERS
    noun = "load balancer"
    parts: json_types.StatusField | None = _LISTENERS
    depends_on = frozenset(
        {
            Dependency(neutron_common.NETWORK, keeps=True),
            Dependency("SecurityGroup", keeps=True),
            Dependency(octavia_common.POOL, optional=True),
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
            }
        ),
        elsewhere=frozenset({"vipPortID"}),
        recovery="recoveryAttempts",
        together=octavia_common.IN_A_TREE,
    )
    """One that is made again keeps its VIP's port, and what is bound to that, in the subnets that were once chosen."""

    def references(self, resource: KubeObject) -> Iterable[Key]:
        """What the VIP is in, and the pools of the listeners."""
        refs = [
            item[listeners.POOL_REF]["name"] for item in listeners.items_of(resource) if item.get(listeners.POOL_REF)
        ]
        return [
            *vip_port.references(resource),
            *(Key(octavia_common.POOL, resource.key.namespace, name) for name in sorted(set(refs))),
        ]

    def resolve(self, resource: KubeObject, view: CacheReader) -> listeners.BalancerInputs:
        """The VIP's subnet and groups, and the pools of the listeners as far as they are there.

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
        return {**vip_port.resolve(resource, view), "pools": pools, "poolProtocols": protocols}

    @override
    def wait_for_parents(self, context: ReconcileContext, inputs: listeners.BalancerInputs) -> None:
        """Refuse what cannot go together, and hold a new tree back.

        Raises:
            Stop: a listener and its pool do not fit, and this is the younger.
            Unchanged: something has just come, which may belong to the tree.
        """
        problem = compatibility.balancer_problem(context.resource, context.request.view)
        if problem:
            raise Stop(Reason.INVALID_CONFIGURATION, problem, Stalled(), Progress.STALLED)
        if not context.id and not context.imported and context.resource.uid not in octavia_common.tree_of(context).held:
            tree_create.hold_back(context)

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
        context.children[_LISTENERS] = list(row.get("listeners") or ())
        return row

    @override
    def body(self, context: ReconcileContext, inputs: listeners.BalancerInputs) -> LoadBalancerBody:
        """The load balancer's own attributes; the VIP and the rest of the tree come with ``make``."""
        common = {
            "name": context.name,
            "project_id": context.cloud.project_id,
            "tags": octavia_common.tags_of(context.spec.get("tags"), context.owner.mark()),
        }
        return LOAD_BALANCERS.body({**common, **body_of(FIELDS, context.spec)})

    def outline(self, context: ReconcileContext, body: LoadBalancerBody) -> str:
        """The whole tree that would be made."""
        return f"load balancer {body['name']} with {tree_create.outline(context)}"

    def prepare(
        self, context: ReconcileContext, inputs: listeners.BalancerInputs, body: LoadBalancerBody
    ) -> Callable[[], Balancer]:
        """Make the VIP's port, and see that it has an address; then one POST for the whole tree."""
        port = vip_port.ensure(context, inputs)
        send = tree_create.prepared(context, {**body, **vip_port.attributes(context, port, inputs)})

        def once() -> Balancer:
            row = send()
            vip_port.forget(context)
            return row

        return once

    def refused(self, context: ReconcileContext, error: InfomaniakCloudError) -> Exception:
        """A tree that is refused is made once more without its pools: each then tells by itself what is wrong."""
        tree = octavia_common.tree_of(context)
        vip_port.forget(context)
        passing = error.outcome_unknown or error.category in (Category.TRANSIENT, Category.AUTHENTICATION)
        # The load balancers are what is too many: no pool is to blame, and all of it can be made at once later.
        passing = passing or (error.category is Category.QUOTA and _OWN_QUOTA in str(error).lower())
        if not passing and tree_create.has_children(context) and not tree.bare:
            tree.bare = True
            context.request.event(
                failures.reason_of(error).value, f"together with its pools it is refused: {error}", warning=True
            )
            return context.again(Reason.CREATING, f"made without its pools, for together it is refused: {error}", 0.0)
        return error

    def rivals(self, context: ReconcileContext, error: InfomaniakCloudError) -> list[KubeObject]:
        """The objects that have the address this one asks for."""
        wanted = vip_port.vip(context).get("address")
        if not wanted or error.error_type != neutron_common.ADDRESS_TAKEN:
            return []
        return neutron_common.having_address(context.resource, context.request.view, [wanted])

    def applied(self, context: ReconcileContext) -> list[str]:
        """The places of the fields that the spec sets."""
        named = json_types.LOAD_BALANCER.named(context, "description", "tags")
        groups = [_GROUPS] if neutron_common.names_groups(vip_port.vip(context)) else []
        return [
            *applied(tuple(f for f in FIELDS if f.mutable), context.spec),
            *named,
            *groups,
            *vip_port.applied(context),
            *listeners.places(json_types.LOAD_BALANCER.spec(context)),
        ]

    def plan(self, context: ReconcileContext, row: Balancer, inputs: listeners.BalancerInputs, *, new: bool) -> Plan:
        """The load balancer itself, then its listeners, then their redirects, then the mark of the VIP's port.

        Raises:
            Stop: it is locked, or in ERROR.
        """
        if _LISTENERS not in context.children:  # not held, but listed
            octavia_common.note(context, row)
        context.held_back.clear()
        if new:
            return []
        status = str(row["provisioning_status"])
        if status.startswith("PENDING"):
            return []
        if status == "ERROR":
            recovery.recover(context, row)
        rows = context.children.get(_LISTENERS)
        if rows is None:
            rows = context.children[_LISTENERS] = listeners.under(context, row)
        steps = self._main(context, row, inputs)
        steps += self._listeners(context, row, rows, inputs)
        as_made = (
            context.resource.uid in octavia_common.tree_of(context).held
            and octavia_common.tree_of(context).made_of == context.resource.generation
        )
        if not as_made:
            if https_redirect.concerned(context):
                named = {
                    item["name"]: found[0]
                    for item in listeners.items_of(context.resource)
                    if (found := listeners.of_item(context, rows, item["name"]))
                }
                context.children[https_redirect.POLICIES] = https_redirect.listed(context, rows)
                steps += https_redirect.plan(context, named, context.children[https_redirect.POLICIES])
            steps += vip_port.plan(context, row)
        return steps

    @staticmethod
    def _listeners(
        context: ReconcileContext, row: Balancer, rows: list[Listener], inputs: listeners.BalancerInputs
    ) -> list[Step]:
        """What is to be done about the listeners: one that goes takes nothing along that is not ours."""
        steps = listeners.plan(context, str(row["id"]), rows, inputs)
        going = {step.id for step in steps if step.verb == "delete"}
        keep = foreign_children.policies(context, [each for each in rows if each["id"] in going])
        if keep:
            context.held_back.clear()
            steps = listeners.plan(context, str(row["id"]), rows, inputs, keep)
        return steps

    @staticmethod
    def _main(context: ReconcileContext, row: Balancer, inputs: listeners.BalancerInputs) -> list[Step]:
        found = [*octavia_common.main_differences(context, row, FIELDS), *vip_port.fixed(context, row, inputs)]
        if not is_adopted(context, row):
            context.fixed = [difference for difference in found if not difference.mutable]
            found = [difference for difference in found if difference.mutable]
        if "groups" in inputs or _GROUPS in context.applied:
            groups, now = list(inputs.get("groups") or ()), row.get("vip_sg_ids") or []
            if unordered(groups) != unordered(now):
                found.append(Difference(_GROUPS, "vip_sg_ids", now, groups))
        if not found:
            return []
        return [Step("update", f"load balancer {row['id']}", "", str(row["id"]), None, changes(found), tuple(found))]

    def act(self, context: ReconcileContext, row: Balancer, steps: Plan) -> Balancer:
        """Carry out the first step.

        Raises:
            Stop: the tree is PENDING then; a change of the VIP's port alone leaves it as it is.
        """
        if steps[0].slot == vip_port.SLOT:
            vip_port.act(context, steps[0])
            return row
        raise octavia_common.first(context, steps, lambda step: self._carry_out(context, row, step))

    def _carry_out(self, context: ReconcileContext, row: Balancer, step: Step) -> None:
        do = context.cloud.do
        if step.verb == "delete" and step.slot.startswith("redirect/"):
            foreign_children.check_policy(context, step.id)
        if step.verb == "create" and step.slot.startswith("listener/"):
            self._create_listener(context, row, step)
            return
        if step.verb == "create" and step.slot.startswith("redirect/"):
            self._create_redirect(context, step)
            return
        if step.slot.startswith("rule/"):
            self._create_rule(context, step)
            return
        what = step.slot.split("/")[0].split(":")[0]
        with octavia_common.changing(context):
            if what == "listener":
                _send(do, LISTENERS, step)
            elif what == "redirect":
                _send(do, L7_POLICIES, step)
            else:
                _send(do, LOAD_BALANCERS, step)
        if step.verb == "delete":
            context.has_deleted(step.id)

    @staticmethod
    def _create_listener(context: ReconcileContext, row: Balancer, step: Step) -> None:
        name = step.slot.split("/", 1)[1]

        def still_absent(not_before: float) -> bool:
            rows = [each for each in context.rows(LISTENERS, not_before) if octavia_common.under(each, row)]
            seen = {each["id"] for each in context.children[_LISTENERS]}
            return all(each["id"] in seen for each in listeners.of_item(context, rows, name))

        if not clear_to_create(context, step.slot, still_absent, step.body):
            raise context.again(Reason.CREATING, f"listener {name} has appeared in the cloud", 0.0)
        listeners.announce(context, name, context.children[_LISTENERS])
        with context.creating(step.slot, bodies=[step.body]), octavia_common.changing(context):
            made = context.cloud.do.listeners.create(LISTENERS.body(step.body))
        context.creates.answered(str(made["id"]))

    @staticmethod
    def _create_redirect(context: ReconcileContext, step: Step) -> None:
        seen = {each["id"] for each in context.children[https_redirect.POLICIES]}

        def still_absent(not_before: float) -> bool:
            listed = context.rows(L7_POLICIES, not_before)
            return all(each["id"] in seen for each in listed if each.get("listener_id") == step.body["listener_id"])

        if not clear_to_create(context, step.slot, still_absent, step.body):
            raise context.again(Reason.CREATING, f"the {step.what} has appeared in the cloud", 0.0)
        https_redirect.forget(context, step.slot, str(step.body["listener_id"]))
        with context.creating(step.slot, bodies=[step.body]), octavia_common.changing(context):
            made = context.cloud.do.l7_policies.create(L7_POLICIES.body(step.body))
        context.creates.answered(str(made["id"]))

    @staticmethod
    def _create_rule(context: ReconcileContext, step: Step) -> None:
        rules = context.cloud.do.l7_rules

        def still_absent(not_before: float) -> bool:
            del not_before
            return not rules.list(step.id)

        if not clear_to_create(context, step.slot, still_absent, step.body):
            raise context.again(Reason.UPDATING, f"the {step.what} has appeared in the cloud", 0.0)
        with context.creating(step.slot), octavia_common.changing(context):
            rules.create(step.id, kinds.L7_RULES.checked(step.body))

    def report(self, context: ReconcileContext, row: Balancer, inputs: listeners.BalancerInputs) -> str:
        """What is seen of the load balancer and its listeners.

        Raises:
            Stop: it is in ERROR.
        """
        if _LISTENERS not in context.children:
            octavia_common.note(context, row)
        rows = context.children.get(_LISTENERS)
        if rows is None:
            rows = listeners.under(context, row)
        status = json_types.LOAD_BALANCER.status(context)
        octavia_common.state(context, str(row["provisioning_status"]), str(row.get("operating_status") or ""))
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
        context.status = octavia_common.without_empty(status)
        if row["provisioning_status"] == "ERROR":
            recovery.recover(context, row)
        if row["provisioning_status"] == "ACTIVE":
            context.drop("recoveryAttempts")
            recovery.over(context)
        self._references(context, inputs)
        context.say_held_back()
        self._check_listeners(context, rows)
        many = len(rows)
        return f"load balancer {row['id']} at {row.get('vip_address')} with {many} listener{'' if many == 1 else 's'}"

    @staticmethod
    def _check_listeners(context: ReconcileContext, rows: list[Listener]) -> None:
        """Say so where one of the spec's listeners is in ERROR: Octavia keeps the load balancer ACTIVE then.

        Raises:
            Stop: one is.
        """
        names = {item["name"] for item in listeners.items_of(context.resource)}
        for each in json_types.LOAD_BALANCER.status(context).get(_LISTENERS) or ():
            if each.get("provisioningStatus") == "ERROR" and each["name"] in names:
                row = next(found for found in rows if found["id"] == each["id"])
                advice = f"change listener {each['name']}, or take it out of the spec and put it in again"
                raise octavia_common.failed("listener", row, advice)

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
        if not lacking:
            return
        message = "; ".join(lacking)
        if foreign and (context.resource.condition(REFERENCES_RESOLVED) or {}).get("message") != message:
            # A Pool that is not there yet will come; this one will not.
            context.request.event(Reason.INVALID_CONFIGURATION.value, "; ".join(foreign.values()), warning=True)
        reason = Reason.INVALID_CONFIGURATION if foreign else Reason.WAITING_FOR_REFERENCE
        context.set_condition(REFERENCES_RESOLVED, False, reason, message)

    def remove(self, context: ReconcileContext, row: Balancer) -> None:
        """Delete the whole tree by one call.

        Raises:
            Stop: always: it is going, is locked, or holds what is not ours to delete.
        """
        raise recovery.delete_tree(context, row, lambda: vip_port.hold(context, row))

    def after_delete(self, context: ReconcileContext) -> None:
        """Delete the VIP's port."""
        vip_port.remove(context)
        self.trees.forget(context.resource.uid)

    def release_rest(self, context: ReconcileContext) -> None:
        """Give up the mark of the VIP's port: its address is what outlives a load balancer."""
        vip_port.release_left(context)

    def release(self, context: ReconcileContext, row: Balancer) -> None:
        """Release the marks: of redirects and listeners, one by one, of the VIP's port, of the load balancer.

        Raises:
            Stop: there is more to release.
        """
        octavia_common.note(context, row)
        under = listeners.under(context, row)
        ours = listeners.copies(context, under).sift(under)
        redirects = [policy for _, policy, is_ours in foreign_children.policies_under(context, ours) if is_ours]
        if any(octavia_common.release_tags(context, L7_POLICIES, each, child=None) for each in redirects) or any(
            octavia_common.release_tags(context, LISTENERS, each, child=None) for each in ours
        ):
            raise context.again(Reason.UPDATING, f"releasing load balancer {row['id']}", self.pause(context))
        vip_port.release(context, row)
        octavia_common.release_tags(context, self.collection, row)


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
