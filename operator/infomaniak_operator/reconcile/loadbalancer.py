"""LoadBalancer: the VIP's port, a load balancer and its listeners, made as one tree with its pools and monitors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, cast

from infomaniak_operator.client import Category, InfomaniakCloudError, Operations, kinds
from infomaniak_operator.client.bodies import LoadBalancerBody
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.client.resources import Listener
from infomaniak_operator.client.resources import LoadBalancer as Balancer
from infomaniak_operator.engine.contract import Key, KubeObject, Progress, Reason, Stuck, View
from infomaniak_operator.reconcile import (
    bystanders,
    failure,
    listeners,
    neutron,
    newtree,
    octavia,
    recovery,
    redirect,
    treeplan,
    vip,
)
from infomaniak_operator.reconcile.actuator import Inputs, Plan, Step
from infomaniak_operator.reconcile.fields import Difference, Field, address, applied, body_of, changes, unordered
from infomaniak_operator.reconcile.outcome import REFERENCES_RESOLVED, Stop
from infomaniak_operator.reconcile.ownership import clear_to_create
from infomaniak_operator.reconcile.resourcetypes import L7_POLICIES, LISTENERS, LOAD_BALANCERS, ResourceType
from infomaniak_operator.reconcile.trees import GONE
from infomaniak_operator.reconcile.visit import Visit

FIELDS = (
    neutron.ADMIN_STATE,
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


class LoadBalancerActuator(octavia.TreeActuator[Balancer, LoadBalancerBody]):
    """Knows how a LoadBalancer becomes a tree."""

    kind = octavia.LOAD_BALANCER
    collection = LOAD_BALANCERS
    noun = "load balancer"
    parts = _LISTENERS
    blocked_by: frozenset[str] = frozenset()
    optional = frozenset({octavia.POOL})

    def references(self, resource: KubeObject) -> Iterable[Key]:
        """What the VIP is in, and the pools of the listeners."""
        refs = [item[listeners.POOL_REF]["name"] for item in _items(resource) if item.get(listeners.POOL_REF)]
        return [
            *vip.references(resource),
            *(Key(octavia.POOL, resource.key.namespace, name) for name in sorted(set(refs))),
        ]

    def resolve(self, resource: KubeObject, view: View) -> Inputs:
        """The VIP's subnet and groups, and the pools of the listeners as far as they are there.

        Raises:
            Unresolved: the VIP's network or a security group is not there yet.
        """
        pools, protocols = {}, {}
        for item in _items(resource):
            pool = _pool_of(resource, view, item)
            if pool is None or pool.deleting:
                continue
            protocol = pool.spec.get("protocol")
            protocols[item["name"]] = protocol
            here = pool.status.get("loadBalancerID") == resource.status.get("id")
            if here and pool.status.get("id") and (protocol is None or treeplan.fits(item["protocol"], protocol)):
                pools[item["name"]] = str(pool.status["id"])
        return {**vip.resolve(resource, view), "pools": pools, "poolProtocols": protocols}

    def enlist(self, visit: Visit, inputs: Inputs) -> None:
        """Refuse what cannot go together, and hold a new tree back.

        Raises:
            Stop: a listener and its pool do not fit, and this is the younger.
            Unchanged: something has just come, which may belong to the tree.
        """
        del inputs
        problem = treeplan.balancer_problem(visit.resource, visit.attempt.view)
        if problem:
            raise Stop(Reason.INVALID_CONFIGURATION, problem, Stuck(), Progress.STALLED)
        if not visit.id and not visit.imported and visit.resource.uid not in visit.tree.held:
            newtree.hold_back(visit)

    def held(self, visit: Visit) -> Balancer | None:
        """The load balancer as the create of its tree has answered it, until it was Ready once."""
        row = cast("Balancer | None", visit.tree.held.get(visit.resource.uid))
        if row is None or visit.resource.status.get("inputsHash"):
            visit.tree.held.pop(visit.resource.uid, None)
            return None
        seen = visit.tree.seen
        if seen is not None and seen.began > visit.tree.written:
            if seen.provisioning == GONE:
                return None
            row = {**row, "provisioning_status": seen.provisioning, "operating_status": seen.operating}
        visit.children[_LISTENERS] = list(row.get("listeners") or ())
        return row

    def body(self, visit: Visit, inputs: Inputs) -> LoadBalancerBody:
        """The load balancer's own attributes; the VIP and the rest of the tree come with ``make``."""
        del inputs
        common = {
            "name": visit.name,
            "project_id": visit.cloud.project_id,
            "tags": octavia.tags_of(visit.spec, visit.owner.mark()),
        }
        return LOAD_BALANCERS.body({**common, **body_of(FIELDS, visit.spec)})

    def outline(self, visit: Visit, body: LoadBalancerBody) -> str:
        """The whole tree that would be made."""
        return f"load balancer {body['name']} with {newtree.outline(visit)}"

    def prepare(self, visit: Visit, inputs: Inputs, body: LoadBalancerBody) -> Callable[[], Balancer]:
        """Make the VIP's port, and see that it has an address; then one POST for the whole tree."""
        port = vip.ensure(visit, inputs)
        send = newtree.prepared(visit, {**body, **vip.attributes(visit, port, inputs)})

        def once() -> Balancer:
            row = send()
            vip.forget(visit)
            return row

        return once

    def refused(self, visit: Visit, error: InfomaniakCloudError) -> Exception:
        """A tree that is refused is made once more without its pools: each then tells by itself what is wrong."""
        tree = visit.tree
        vip.forget(visit)
        passing = error.outcome_unknown or error.category in (Category.TRANSIENT, Category.AUTHENTICATION)
        # The load balancers are what is too many: no pool is to blame, and all of it can be made at once later.
        passing = passing or (error.category is Category.QUOTA and _OWN_QUOTA in str(error).lower())
        if not passing and newtree.has_children(visit) and not tree.bare:
            tree.bare = True
            visit.attempt.event(
                failure.reason_of(error).value, f"together with its pools it is refused: {error}", warning=True
            )
            return visit.again(Reason.CREATING, f"made without its pools, for together it is refused: {error}", 0.0)
        return error

    def rivals(self, visit: Visit, error: InfomaniakCloudError) -> list[KubeObject]:
        """The LoadBalancers that have the address this one asks for."""
        me, wanted = visit.resource, (visit.spec.get("vip") or {}).get("address")
        if not wanted or error.error_type != neutron.ADDRESS_TAKEN:
            return []
        return [
            each
            for each in visit.attempt.view.objects(self.kind)
            if each.uid != me.uid and address(each.status.get("vipAddress")) == address(wanted)
        ]

    def applied(self, visit: Visit) -> list[str]:
        """The places of the fields that the spec sets."""
        named = [name for name in ("description", "tags") if name in visit.spec]
        item = visit.spec.get("vip") or {}
        groups = [_GROUPS] if "securityGroupRefs" in item or "securityGroupIDs" in item else []
        return [
            *applied(tuple(f for f in FIELDS if f.mutable), visit.spec),
            *named,
            *groups,
            *vip.applied(visit),
            *listeners.places(visit.spec),
        ]

    def plan(self, visit: Visit, row: Balancer, inputs: Inputs, *, new: bool) -> Plan:
        """The load balancer itself, then its listeners, then their redirects, then the mark of the VIP's port.

        Raises:
            Stop: it is locked, or in ERROR.
        """
        if _LISTENERS not in visit.children:  # not held, but listed
            octavia.note(visit, row)
        visit.held_back.clear()
        if new:
            return []
        status = str(row["provisioning_status"])
        if status.startswith("PENDING"):
            return []
        if status == "ERROR":
            recovery.recover(visit, row)
        rows = visit.children.get(_LISTENERS)
        if rows is None:
            rows = [each for each in visit.rows(LISTENERS) if octavia.under(each, row)]
            visit.children[_LISTENERS] = list(rows)
        steps = self._main(visit, row, inputs)
        steps += self._listeners(visit, row, rows, inputs)
        as_made = visit.resource.uid in visit.tree.held and visit.tree.made_of == visit.resource.generation
        if not as_made:
            if redirect.concerned(visit):
                named = {
                    item["name"]: found[0]
                    for item in _items(visit.resource)
                    if (found := listeners.of_item(visit, rows, item["name"]))
                }
                visit.children[redirect.POLICIES] = list(visit.rows(L7_POLICIES))
                steps += redirect.plan(visit, named, visit.children[redirect.POLICIES])
            steps += vip.plan(visit, row)
        return steps

    @staticmethod
    def _listeners(visit: Visit, row: Balancer, rows: list[Listener], inputs: Inputs) -> list[Step]:
        """What is to be done about the listeners: one that goes takes nothing along that is not ours."""
        steps = listeners.plan(visit, str(row["id"]), rows, inputs)
        going = {step.id for step in steps if step.verb == "delete"}
        keep = bystanders.policies(visit, [each for each in rows if each["id"] in going])
        if keep:
            visit.held_back.clear()
            steps = listeners.plan(visit, str(row["id"]), rows, inputs, keep)
        return steps

    @staticmethod
    def _main(visit: Visit, row: Balancer, inputs: Inputs) -> list[Step]:
        found = [*octavia.main_differences(visit, row, FIELDS), *vip.fixed(visit, row, inputs)]
        if not octavia.is_adopted(visit, row):
            visit.fixed = [difference for difference in found if not difference.mutable]
            found = [difference for difference in found if difference.mutable]
        if "groups" in inputs or _GROUPS in visit.applied:
            groups, now = list(inputs.get("groups") or ()), row.get("vip_sg_ids") or []
            if unordered(groups) != unordered(now):
                found.append(Difference(_GROUPS, "vip_sg_ids", now, groups))
        if not found:
            return []
        return [Step("update", f"load balancer {row['id']}", "", str(row["id"]), None, changes(found), tuple(found))]

    def act(self, visit: Visit, row: Balancer, steps: Plan) -> Balancer:
        """Carry out the first step.

        Raises:
            Stop: the tree is PENDING then; a change of the VIP's port alone leaves it as it is.
        """
        if steps[0].slot == vip.SLOT:
            vip.act(visit, steps[0])
            return row
        raise octavia.first(visit, steps, lambda step: self._carry_out(visit, row, step))

    def _carry_out(self, visit: Visit, row: Balancer, step: Step) -> None:
        do = visit.cloud.do
        if step.verb == "delete" and step.slot.startswith("redirect/"):
            bystanders.check_policy(visit, step.id)
        if step.verb == "create" and step.slot.startswith("listener/"):
            self._create_listener(visit, row, step)
            return
        if step.verb == "create" and step.slot.startswith("redirect/"):
            self._create_redirect(visit, step)
            return
        if step.slot.startswith("rule/"):
            self._create_rule(visit, step)
            return
        what = step.slot.split("/")[0].split(":")[0]
        with octavia.changing(visit):
            if what == "listener":
                _send(do, LISTENERS, step)
            elif what == "redirect":
                _send(do, L7_POLICIES, step)
            else:
                _send(do, LOAD_BALANCERS, step)

    @staticmethod
    def _create_listener(visit: Visit, row: Balancer, step: Step) -> None:
        name = step.slot.split("/", 1)[1]

        def still_absent(not_before: float) -> bool:
            rows = [each for each in visit.rows(LISTENERS, not_before) if octavia.under(each, row)]
            seen = {each["id"] for each in visit.children[_LISTENERS]}
            return all(each["id"] in seen for each in listeners.of_item(visit, rows, name))

        if not clear_to_create(visit, step.slot, still_absent, step.body):
            raise visit.again(Reason.CREATING, f"listener {name} has appeared in the cloud", 0.0)
        with visit.creating(step.slot, bodies=[step.body]), octavia.changing(visit):
            made = visit.cloud.do.listeners.create(LISTENERS.body(step.body))
        visit.creates.answered(str(made["id"]))

    @staticmethod
    def _create_redirect(visit: Visit, step: Step) -> None:
        seen = {each["id"] for each in visit.children[redirect.POLICIES]}

        def still_absent(not_before: float) -> bool:
            listed = visit.rows(L7_POLICIES, not_before)
            return all(each["id"] in seen for each in listed if each.get("listener_id") == step.body["listener_id"])

        if not clear_to_create(visit, step.slot, still_absent, step.body):
            raise visit.again(Reason.CREATING, f"the {step.what} has appeared in the cloud", 0.0)
        with visit.creating(step.slot, bodies=[step.body]), octavia.changing(visit):
            made = visit.cloud.do.l7_policies.create(L7_POLICIES.body(step.body))
        visit.creates.answered(str(made["id"]))

    @staticmethod
    def _create_rule(visit: Visit, step: Step) -> None:
        rules = visit.cloud.do.l7_rules

        def still_absent(not_before: float) -> bool:
            del not_before
            return not rules.list(step.id)

        if not clear_to_create(visit, step.slot, still_absent, step.body):
            raise visit.again(Reason.UPDATING, f"the {step.what} has appeared in the cloud", 0.0)
        with visit.creating(step.slot), octavia.changing(visit):
            rules.create(step.id, kinds.L7_RULES.checked(step.body))

    def report(self, visit: Visit, row: Balancer, inputs: Inputs) -> str:
        """What is seen of the load balancer and its listeners.

        Raises:
            Stop: it is in ERROR.
        """
        if _LISTENERS not in visit.children:
            octavia.note(visit, row)
        rows = visit.children.get(_LISTENERS)
        if rows is None:
            rows = [each for each in visit.rows(LISTENERS) if octavia.under(each, row)]
        status = visit.status
        octavia.state(visit, str(row["provisioning_status"]), str(row.get("operating_status") or ""))
        status["vipAddress"] = row.get("vip_address")
        status["vipPortID"] = None if vip.is_gone(visit) else row.get("vip_port_id")
        status["vipSubnetID"] = row.get("vip_subnet_id")
        status["vipNetworkID"] = row.get("vip_network_id")
        status["vipSubnet"] = _subnet_name(visit, row)
        status["vipSecurityGroupIDs"] = sorted(map(str, row.get("vip_sg_ids") or ()))[:_MOST_GROUPS]
        status["provider"] = row.get("provider")
        status["flavorID"] = row.get("flavor_id")
        status["additionalVips"] = [
            {"subnetID": each.get("subnet_id"), "address": each.get("ip_address")}
            for each in row.get("additional_vips") or ()
        ]
        status[_LISTENERS] = listeners.reported(visit, rows)
        visit.status = {name: value for name, value in status.items() if value not in (None, [], "")}
        if row["provisioning_status"] == "ERROR":
            recovery.recover(visit, row)
        if row["provisioning_status"] == "ACTIVE":
            visit.status.pop("recoveryAttempts", None)
            visit.memory.pop(recovery.NEXT, None)
        self._references(visit, inputs)
        visit.say_held_back()
        self._check_listeners(visit, rows)
        many = len(rows)
        return f"load balancer {row['id']} at {row.get('vip_address')} with {many} listener{'' if many == 1 else 's'}"

    @staticmethod
    def _check_listeners(visit: Visit, rows: list[Listener]) -> None:
        """Say so where one of the spec's listeners is in ERROR: Octavia keeps the load balancer ACTIVE then.

        Raises:
            Stop: one is.
        """
        names = {item["name"] for item in _items(visit.resource)}
        for each in visit.status.get(_LISTENERS) or ():
            if each["provisioningStatus"] == "ERROR" and each["name"] in names:
                row = next(found for found in rows if found["id"] == each["id"])
                advice = f"change listener {each['name']}, or take it out of the spec and put it in again"
                raise octavia.failed("listener", row, advice)

    @staticmethod
    def _references(visit: Visit, inputs: Inputs) -> None:
        """Say which listeners are without their pool; the others serve."""
        if visit.unmanaged:
            return
        there = inputs.get("pools") or {}
        items = [item for item in _items(visit.resource) if item.get(listeners.POOL_REF) and item["name"] not in there]
        foreign = {item["name"]: text for item in items if (text := _pool_of_another(visit, item))}
        lacking = [foreign.get(item["name"]) or _pool_to_come(visit, item) for item in items]
        if not lacking:
            return
        message = "; ".join(lacking)
        if foreign and (visit.resource.condition(REFERENCES_RESOLVED) or {}).get("message") != message:
            # A Pool that is not there yet will come; this one will not.
            visit.attempt.event(Reason.INVALID_CONFIGURATION.value, "; ".join(foreign.values()), warning=True)
        reason = Reason.INVALID_CONFIGURATION if foreign else Reason.WAITING_FOR_REFERENCE
        visit.aspect(REFERENCES_RESOLVED, False, reason, message)

    def remove(self, visit: Visit, row: Balancer) -> None:
        """Delete the whole tree by one call.

        Raises:
            Stop: always: it is going, is locked, or holds what is not ours to delete.
        """
        raise recovery.delete_tree(visit, row, lambda: vip.hold(visit, row))

    def vanish(self, visit: Visit) -> None:
        """Delete the VIP's port."""
        vip.remove(visit)
        visit.trees.forget(visit.resource.uid)

    def release(self, visit: Visit, row: Balancer) -> None:
        """Release the marks: of redirects and listeners, one by one, of the VIP's port, of the load balancer.

        Raises:
            Stop: there is more to release.
        """
        octavia.note(visit, row)
        under = [each for each in visit.rows(LISTENERS) if octavia.under(each, row)]
        ours = listeners.copies(visit, under).sift(under)
        redirects = [policy for _, policy, is_ours in bystanders.policies_under(visit, ours) if is_ours]
        if any(octavia.release_tags(visit, L7_POLICIES, each, child=None) for each in redirects) or any(
            octavia.release_tags(visit, LISTENERS, each, child=None) for each in ours
        ):
            raise visit.again(Reason.UPDATING, f"releasing load balancer {row['id']}", self.pause(visit))
        vip.release(visit, row)
        octavia.release_tags(visit, self.collection, row)


def _send(do: Operations, collection: ResourceType[RowT, BodyT], step: Step) -> None:
    """Carry out a step on the object that it is about."""
    there = collection.of(do)
    if step.verb == "create":
        there.create(collection.body(step.body))
    elif step.verb == "delete":
        there.delete(step.id)
    else:
        there.update(step.id, collection.body(step.body))


def _items(resource: KubeObject) -> list[Any]:
    return list(resource.spec.get(_LISTENERS) or ())


def _pool_of(resource: KubeObject, view: View, item: Any) -> KubeObject | None:
    ref = item.get(listeners.POOL_REF)
    return view.get(Key(octavia.POOL, resource.key.namespace, ref["name"])) if ref else None


def _pool_of_another(visit: Visit, item: Any) -> str | None:
    """What is wrong with a listener whose Pool belongs to another load balancer; None where it does not."""
    pool = _pool_of(visit.resource, visit.attempt.view, item)
    if pool is None:
        return None
    above, there = treeplan.balancer_ref(pool), pool.status.get("loadBalancerID")
    if above == visit.resource.key or (above is None and there in (None, visit.id)):
        return None
    whose = f"LoadBalancer {above.name}" if above else f"load balancer {there}"
    return (
        f"listener {item['name']}: Pool {pool.key.name} belongs to {whose}, and a listener takes a pool of its own "
        "load balancer only: name another Pool"
    )


def _pool_to_come(visit: Visit, item: Any) -> str:
    pool = _pool_of(visit.resource, visit.attempt.view, item)
    if pool is not None and pool.deleting:
        return f"listener {item['name']}: Pool {pool.key.name} is being deleted"
    return f"listener {item['name']} has no Pool {item[listeners.POOL_REF]['name']} yet"


def _subnet_name(visit: Visit, row: Balancer) -> str | None:
    """The name that ``vip.subnet`` has for the subnet of the VIP, where ``vip.networkRef`` says the network."""
    ref = (visit.spec.get("vip") or {}).get("networkRef")
    found = visit.attempt.view.get(Key(neutron.NETWORK, visit.resource.key.namespace, ref["name"])) if ref else None
    subnets = (found.status.get("subnets") or ()) if found else ()
    return next((str(each["name"]) for each in subnets if each["id"] == row.get("vip_subnet_id")), None)
