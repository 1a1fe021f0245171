"""Pool: a pool of a load balancer, and its members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from infomaniak_operator.api.v1alpha1.pool import MAX_LISTED
from infomaniak_operator.client.bodies import PoolBody
from infomaniak_operator.client.resources import Pool as PoolRow
from infomaniak_operator.engine.contract import Key, KubeObject, Progress, Reason, Stuck, View, Waiting
from infomaniak_operator.reconcile import bystanders, child, endpoints, members, neutron, octavia, poolparts, treeplan
from infomaniak_operator.reconcile.actuator import Inputs, Plan, Step
from infomaniak_operator.reconcile.fields import Difference, Field, applied, body_of, changes
from infomaniak_operator.reconcile.marks import Mark
from infomaniak_operator.reconcile.outcome import Stop
from infomaniak_operator.reconcile.ownership import by_id
from infomaniak_operator.reconcile.poolparts import FORMER, MEMBERS
from infomaniak_operator.reconcile.resourcetypes import POOLS
from infomaniak_operator.reconcile.visit import Visit

BETWEEN_BATCHES = 1.1
"""Seconds between two changes of a pool's members: what comes meanwhile goes into one."""
_LAST_BATCH = "last batch of members"


def _persistence(value: Any) -> Any:
    """Both the spec's and Octavia's session persistence, without what is not set."""
    if not value:
        return None
    names = {"type": "type", "cookieName": "cookie_name", "timeoutSeconds": "persistence_timeout"}
    names["granularity"] = "persistence_granularity"
    return {names.get(name, name): each for name, each in value.items() if each is not None}


FIELDS = (
    Field("protocol", "protocol", mutable=False),
    Field("algorithm", "lb_algorithm"),
    Field("sessionPersistence", "session_persistence", default=None, to_api=_persistence, normal=_persistence),
    neutron.ADMIN_STATE,
    Field("description", "description", default=""),
)
_CHANGING = tuple(field for field in FIELDS if field.mutable)


def places(resource: KubeObject, view: View) -> list[str]:
    """The places of the fields that the spec sets.

    Raises:
        Unresolved: a member's subnet is not there yet.
    """
    names = ("tags", MEMBERS, "membersFrom")
    found = [*applied(_CHANGING, resource.spec), *(name for name in names if name in resource.spec)]
    if MEMBERS in resource.spec:
        found += members.places(members.resolve(resource, view))
    return found


def pool_body(spec: Mapping[str, Any], name: str, mark: Mark) -> PoolBody:
    """The attributes a pool is created with, its members and its load balancer apart."""
    return POOLS.body({"name": name, "tags": octavia.tags_of(spec, mark), **body_of(FIELDS, spec)})


class PoolActuator(child.ChildActuator[PoolRow, PoolBody]):
    """Knows how a Pool becomes a pool with members."""

    kind = octavia.POOL
    collection = POOLS
    noun = "pool"
    blocked_by = frozenset({octavia.MONITOR})
    optional = frozenset({endpoints.NODES.kind})

    def above(self, row: PoolRow) -> child.Above:
        """Its load balancer."""
        return {"loadbalancers": row.get("loadbalancers") or ()}

    def references(self, resource: KubeObject) -> Iterable[Key]:
        """The load balancer, the members' networks, the Service they follow."""
        balancer = treeplan.balancer_ref(resource)
        names = {item["networkRef"]["name"] for item in resource.spec.get(MEMBERS) or () if item.get("networkRef")}
        networks = [Key(neutron.NETWORK, resource.key.namespace, name) for name in sorted(names)]
        return [*([balancer] if balancer else []), *networks, *endpoints.watched(resource)]

    def resolve(self, resource: KubeObject, view: View) -> Inputs:
        """The load balancer's id and the members.

        Raises:
            Unresolved: the load balancer is missing or going, or a member's subnet or Service is not there yet.
        """
        found = child.balancer_inputs(resource, view)
        return {**found, MEMBERS: members.resolve(resource, view)}

    def enter(self, visit: Visit) -> None:
        """Take the tree; one that goes is not the pool that it has retired, which goes after it.

        Under ``Retain`` that stays the pool it shows: there may be no other.
        """
        super().enter(visit)
        if visit.id is None or not visit.resource.deleting or visit.spec.get("deletionPolicy") == "Retain":
            return
        if any(row["id"] == visit.id for row in poolparts.formers(visit)):
            visit.lost()  # who retired it was killed before status forgot it

    def enlist(self, visit: Visit, inputs: Inputs) -> None:
        """Be made with the load balancer, or wait for it.

        Raises:
            Stop: it is not there yet; or this does not fit a listener, and is the younger.
        """
        view = visit.attempt.view
        balancer = octavia.load_balancer_of(visit.resource, view)
        problem = treeplan.pool_problem(visit.resource, balancer)
        if problem:
            raise Stop(Reason.INVALID_CONFIGURATION, problem, Stuck(), Progress.STALLED)
        if child.needs_parent(visit, inputs, "loadBalancerID"):
            ref = treeplan.balancer_ref(visit.resource)
            assert ref is not None  # noqa: S101 - for the type checker
            child.wait_for_tree(visit, self, ref, "spec.loadBalancerRef")
        if visit.id and visit.resource.uid not in visit.tree.held:
            row = by_id(visit, self.collection, visit.rows(self.collection), visit.id)
            if row is not None and poolparts.is_former(visit, row):
                visit.lost()

    def held(self, visit: Visit) -> PoolRow | None:
        """The pool as the create of its tree has answered it, until it was Ready once."""
        row = child.held(visit, self.collection)
        if row is not None:
            visit.children["members"] = list(row.get("members") or ())
        return row

    def body(self, visit: Visit, inputs: Inputs) -> PoolBody:
        """The attributes of the pool's create; its members come after it."""
        body = pool_body(visit.spec, visit.name, visit.owner.mark())
        return {**body, "loadbalancer_id": inputs["loadBalancerID"]}

    def outline(self, visit: Visit, body: PoolBody) -> str:
        """The pool and how many members."""
        return f"pool {body['name']} ({body.get('protocol')}) with {len(visit.spec.get(MEMBERS) or ())} members"

    def applied(self, visit: Visit) -> list[str]:
        """The places of the fields that the spec sets."""
        return places(visit.resource, visit.attempt.view)

    def plan(self, visit: Visit, row: PoolRow, inputs: Inputs, *, new: bool) -> Plan:
        """The pool itself, then its members in one batch, then former selves.

        Raises:
            Stop: it is too early for another batch of members.
        """
        if new:
            return []
        child.stands_in(visit, self.above(row))
        elsewhere = self._elsewhere(row, inputs)
        if elsewhere and not octavia.is_adopted(visit, row):
            visit.fixed = elsewhere
            return []  # the tree that it is in is not the one that this visit has to itself
        found = [*elsewhere, *octavia.main_differences(visit, row, FIELDS)]
        fixed = [difference for difference in found if not difference.mutable]
        if fixed and not octavia.is_adopted(visit, row):
            if visit.imported:
                raise octavia.irreplaceable(self.noun, row, fixed)
            return [self._retire(visit, row, fixed)]
        steps = []
        if found:
            what = f"pool {row['id']}"
            steps.append(Step("update", what, "", str(row["id"]), None, changes(found), tuple(found)))
        steps += self._members(visit, row, inputs)
        if visit.resource.uid not in visit.tree.held:
            steps += self._formers(visit)
        return steps

    @staticmethod
    def _elsewhere(row: PoolRow, inputs: Inputs) -> list[Difference]:
        """That the pool is in another load balancer than ``loadBalancerRef`` says: a pool cannot move."""
        wanted, now = inputs.get("loadBalancerID"), poolparts.balancer_id(row)
        if not wanted or not now or wanted == now:
            return []
        return [Difference("loadBalancerRef", "loadbalancer_id", now, wanted, mutable=False)]

    @staticmethod
    def _retire(visit: Visit, row: PoolRow, fixed: list[Difference]) -> Step:
        """Have the pool count as a former one: another is made beside it, and the listeners go over to that."""
        tags = [*octavia.plain_tags(row), *(mark.text for mark in visit.owner.both_marks(FORMER))]
        return Step("update", f"pool {row['id']}", FORMER, str(row["id"]), None, {"tags": tags}, tuple(fixed), True)

    @staticmethod
    def _members(visit: Visit, row: PoolRow, inputs: Inputs) -> list[Step]:
        if not members.managed(visit.spec) and MEMBERS not in visit.applied and "membersFrom" not in visit.applied:
            return []
        rows = poolparts.there(visit, row)
        bodies = poolparts.wanted(visit, inputs, rows)
        found = members.changes(bodies, rows)
        if not found:
            if members.movers(inputs[MEMBERS], rows) or len(bodies) < len(inputs[MEMBERS]):
                visit.come_back(0.1)
            return []
        wait = visit.memory.get(_LAST_BATCH, float("-inf")) + BETWEEN_BATCHES - visit.attempt.clock.monotonic()
        if wait > 0 and not visit.dry_run:
            raise visit.again(Reason.UPDATING, "changes of members are gathered", wait)
        what = f"members of pool {row['id']} ({', '.join(found)[:300]})"
        return [Step("update", what, MEMBERS, str(row["id"]), None, {MEMBERS: bodies})]

    @staticmethod
    def _formers(visit: Visit) -> list[Step]:
        steps = []
        for row in poolparts.formers(visit):
            monitors = visit.attempt.view.objects(octavia.MONITOR, visit.resource.key.namespace)
            checked = any(each.status.get("id") == row.get("healthmonitor_id") for each in monitors)
            if row.get("listeners") or (row.get("healthmonitor_id") and checked):
                visit.come_back(1.0)  # listeners and monitor go over to the new one first
                continue
            steps.append(Step("delete", f"former pool {row['id']}", FORMER, str(row["id"])))
        return steps

    def act(self, visit: Visit, row: PoolRow, steps: Plan) -> PoolRow:
        """Carry out the first step.

        Raises:
            Stop: always; the tree is PENDING then.
        """
        del row
        raise octavia.first(visit, steps, lambda step: self._carry_out(visit, step))

    @staticmethod
    def _carry_out(visit: Visit, step: Step) -> None:
        do = visit.cloud.do
        if step.slot == FORMER:
            going = "is to go" if step.verb == "delete" else "is to be replaced by another"
            for row in visit.rows(POOLS):
                if row["id"] == step.id:
                    bystanders.check_pool(visit, row, going)
        with octavia.changing(visit):
            if step.slot == MEMBERS:
                # One that fails is held apart from the next by the back-off, which gathering would start anew.
                do.members.replace_all(step.id, step.body[MEMBERS])
                visit.memory[_LAST_BATCH] = visit.attempt.clock.monotonic()
            elif step.verb == "delete":
                do.pools.delete(step.id)
            else:
                do.pools.update(step.id, POOLS.body(step.body))
        if step.slot == FORMER and step.verb == "update":
            visit.lost()

    def report(self, visit: Visit, row: PoolRow, inputs: Inputs) -> str:
        """What is seen of the pool and its members.

        Raises:
            Stop: it is in ERROR.
        """
        rows = poolparts.there(visit, row)
        child.state(visit, row)
        listed = poolparts.reported(visit, rows)
        online = [each for each in listed if each["operatingStatus"] in ("ONLINE", "NO_MONITOR")]
        if rows or not inputs.get(MEMBERS):
            # By this the load balancer knows that a listener can go over to it: not before it has its members.
            visit.status["loadBalancerID"] = poolparts.balancer_id(row)
        visit.status["servicePort"] = endpoints.followed_port(visit.resource, visit.attempt.view)
        visit.status["memberCount"] = len(listed)
        visit.status["onlineMembers"] = len(online)
        visit.status[MEMBERS] = listed[:MAX_LISTED]
        visit.status = {name: value for name, value in visit.status.items() if value not in (None, [], "")}
        if listed and len(online) < len(listed):
            down = ", ".join(
                f"{each['address']} {each['port']} is {each['operatingStatus']}"
                for each in listed
                if each not in online
            )
            octavia.unhealthy(visit, f"{len(online)} of {len(listed)} members serve: {down}"[:1000])
        child.check(self.noun, visit, row)
        many = len(listed)
        return f"pool {row['id']} with {many} member{'' if many == 1 else 's'}"

    def remove(self, visit: Visit, row: PoolRow) -> None:
        """Delete the pool with its members; one whose load balancer is going goes with that.

        Raises:
            Stop: always: it is going, a listener uses it, it holds what is not ours, or the tree is locked.
        """
        balancer = octavia.load_balancer_of(visit.resource, visit.attempt.view)
        child.goes_with(balancer)
        used = treeplan.listeners_of(balancer, visit.resource) if balancer and not balancer.deleting else []
        if used and balancer:
            listed = ", ".join(str(item["name"]) for item in used)
            message = (
                f"pool {visit.name} is the default pool of listener {listed} of LoadBalancer {balancer.key.name}: it "
                "goes when that names another, or is deleted"
            )
            raise Stop(Reason.IN_USE, message, Waiting(frozenset({balancer.key})))
        raise child.delete(visit, self, row, lambda: bystanders.check_pool(visit, row, "is to go"))

    def vanish(self, visit: Visit) -> None:
        """Delete former selves.

        Raises:
            Stop: one is going, or the tree is locked.
        """
        former = next(iter(poolparts.formers(visit)), None)
        if former is not None:
            raise child.delete(visit, self, former, lambda: bystanders.check_pool(visit, former, "is to go"))
