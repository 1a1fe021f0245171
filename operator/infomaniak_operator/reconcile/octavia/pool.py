"""Pool: a pool of a load balancer, and its members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from typing_extensions import override

from infomaniak_operator.api import json_types
from infomaniak_operator.api.v1alpha1.pool_types import MAX_LISTED
from infomaniak_operator.client.bodies import MemberBody, PoolBody
from infomaniak_operator.client.resources import Pool as PoolRow
from infomaniak_operator.controller.interfaces import (
    CacheReader,
    Key,
    KubeObject,
    Progress,
    Reason,
    Stalled,
    WaitingFor,
)
from infomaniak_operator.reconcile.generic.actuator import Dependency, Plan, Step
from infomaniak_operator.reconcile.generic.context import ReconcileContext, Traits
from infomaniak_operator.reconcile.generic.fields import Difference, Field, applied, body_of, changes
from infomaniak_operator.reconcile.generic.outcomes import Stop
from infomaniak_operator.reconcile.generic.owned import by_id, is_adopted
from infomaniak_operator.reconcile.neutron import neutron_common
from infomaniak_operator.reconcile.octavia import (
    compatibility,
    foreign_children,
    member_cache,
    members,
    octavia_common,
    service_endpoints,
    tree_child,
)
from infomaniak_operator.reconcile.octavia.member_cache import FORMER, MEMBERS, PoolInputs
from infomaniak_operator.reconcile.openstack.resource_types import POOLS
from infomaniak_operator.reconcile.ownership.marks import Mark

BETWEEN_BATCHES = 1.1
"""Seconds between two changes of a pool's members: what comes meanwhile goes into one."""


@dataclass(slots=True)
class _Remembered:
    """Of a Pool: when its members were last changed, monotonic seconds."""

    last_batch: float = float("-inf")


def _persistence(value: Mapping[str, object] | None) -> dict[str, object] | None:
    """Both the spec's and Octavia's session persistence, without what is not set."""
    if not value:
        return None
    names = {"type": "type", "cookieName": "cookie_name", "timeoutSeconds": "persistence_timeout"}
    names["granularity"] = "persistence_granularity"
    return {names.get(name, name): each for name, each in value.items() if each is not None}


FIELDS: tuple[Field[json_types.PoolSpecField], ...] = (
    Field("protocol", "protocol", mutable=False),
    Field("algorithm", "lb_algorithm"),
    Field("sessionPersistence", "session_persistence", default=None, to_api=_persistence, normal=_persistence),
    neutron_common.ADMIN_STATE,
    Field("description", "description", default=""),
)
_CHANGING = tuple(field for field in FIELDS if field.mutable)


def places(resource: KubeObject, view: CacheReader) -> list[str]:
    """The places of the fields that the spec sets.

    Raises:
        Unresolved: a member's subnet is not there yet.
    """
    spec = json_types.POOL.spec(resource)
    found = [*applied(_CHANGING, spec), *json_types.POOL.named(resource, "tags", *members.SOURCES)]
    if "membersFrom" not in spec:
        found += members.places(members.resolve(resource, view))
    return found


def pool_body(spec: json_types.PoolSpec, name: str, mark: Mark) -> PoolBody:
    """The attributes a pool is created with, its members and its load balancer apart."""
    return POOLS.body({"name": name, "tags": octavia_common.tags_of(spec.get("tags"), mark), **body_of(FIELDS, spec)})


class PoolActuator(tree_child.ChildActuator[PoolRow, PoolBody, PoolInputs]):
    """Knows how a Pool becomes a pool with members."""

    kind = octavia_common.POOL
    collection = POOLS
    noun = "pool"
    depends_on = frozenset(
        {
            Dependency(octavia_common.LOAD_BALANCER),
            Dependency(neutron_common.NETWORK),
            Dependency(neutron_common.PORT, keeps=True),
            Dependency(service_endpoints.SERVICE),
            Dependency(service_endpoints.SLICE),
            Dependency(service_endpoints.NODE, optional=True),
        }
    )
    traits = Traits(timed=frozenset({"draining"}), together=octavia_common.IN_A_TREE)

    def above(self, row: PoolRow) -> tree_child.Above:
        """Its load balancer."""
        return {"loadbalancers": row.get("loadbalancers") or ()}

    def references(self, resource: KubeObject) -> Iterable[Key]:
        """The load balancer, the members' networks and Ports, the Service they follow."""
        balancer = compatibility.balancer_ref(resource)
        items = json_types.POOL.spec(resource).get(MEMBERS) or ()
        names = {item["networkRef"]["name"] for item in items if item.get("networkRef")}
        networks = [Key(neutron_common.NETWORK, resource.key.namespace, name) for name in sorted(names)]
        own = [*networks, *members.ports(resource)]
        return [*([balancer] if balancer else []), *own, *service_endpoints.watched(resource)]

    def resolve(self, resource: KubeObject, view: CacheReader) -> PoolInputs:
        """The load balancer's id and the members.

        Raises:
            Unresolved: the load balancer is missing or going, or a member's subnet or Service is not there yet.
        """
        found = tree_child.balancer_inputs(resource, view)
        return {**found, MEMBERS: members.resolve(resource, view)}

    def lock(self, context: ReconcileContext) -> None:
        """Take the tree; one that goes is not the pool that it has retired, which goes after it.

        Under ``Retain`` that stays the pool it shows: there may be no other.
        """
        super().lock(context)
        if context.id is None or not context.resource.deleting or context.spec.get("deletionPolicy") == "Retain":
            return
        if any(row["id"] == context.id for row in member_cache.formers(context)):
            context.lost()  # who retired it was killed before status forgot it

    def wait_for_parents(self, context: ReconcileContext, inputs: PoolInputs) -> None:
        """Be made with the load balancer, or wait for it.

        Raises:
            Stop: it is not there yet; or this does not fit a listener, and is the younger.
        """
        view = context.request.view
        balancer = octavia_common.load_balancer_of(context.resource, view)
        problem = compatibility.pool_problem(context.resource, balancer)
        if problem:
            raise Stop(Reason.INVALID_CONFIGURATION, problem, Stalled(), Progress.STALLED)
        if tree_child.needs_parent(context, inputs, "loadBalancerID"):
            ref = compatibility.balancer_ref(context.resource)
            assert ref is not None  # noqa: S101 - for the type checker
            tree_child.wait_for_tree(context, self, ref, "spec.loadBalancerRef")
        if context.id and context.resource.uid not in octavia_common.tree_of(context).held:
            row = by_id(context, self.collection, context.rows(self.collection), context.id)
            if row is not None and member_cache.is_former(context, row):
                context.lost()

    def held(self, context: ReconcileContext) -> PoolRow | None:
        """The pool as the create of its tree has answered it, until it was Ready once."""
        row = tree_child.held(context, self.collection)
        if row is not None:
            context.children["members"] = list(row.get("members") or ())
        return row

    def body(self, context: ReconcileContext, inputs: PoolInputs) -> PoolBody:
        """The attributes of the pool's create; its members come after it."""
        body = pool_body(json_types.POOL.spec(context), context.name, context.owner.mark())
        return {**body, "loadbalancer_id": cast("str", inputs["loadBalancerID"])}

    def outline(self, context: ReconcileContext, body: PoolBody) -> str:
        """The pool and how many members."""
        spec = json_types.POOL.spec(context)
        many = len(spec.get(MEMBERS) or ()) + len(spec.get("portMembers") or ())
        return f"pool {body['name']} ({body.get('protocol')}) with {many} members"

    def applied(self, context: ReconcileContext) -> list[str]:
        """The places of the fields that the spec sets."""
        return places(context.resource, context.request.view)

    def plan(self, context: ReconcileContext, row: PoolRow, inputs: PoolInputs, *, new: bool) -> Plan:
        """The pool itself, then its members in one batch, then former selves.

        Raises:
            Stop: it is too early for another batch of members.
        """
        if new:
            return []
        tree_child.stands_in(context, self.above(row))
        elsewhere = self._elsewhere(row, inputs)
        if elsewhere and not is_adopted(context, row):
            context.fixed = elsewhere
            return []  # the tree that it is in is not the one that this reconcile has to itself
        found = [*elsewhere, *octavia_common.main_differences(context, row, FIELDS)]
        fixed = [difference for difference in found if not difference.mutable]
        if fixed and not is_adopted(context, row):
            if context.imported:
                raise octavia_common.irreplaceable(self.noun, row, fixed)
            return [self._retire(context, row, fixed)]
        steps = []
        if found:
            what = f"pool {row['id']}"
            steps.append(Step("update", what, "", str(row["id"]), None, changes(found), tuple(found)))
        steps += self._members(context, row, inputs)
        if context.resource.uid not in octavia_common.tree_of(context).held:
            steps += self._formers(context)
        return steps

    @staticmethod
    def _elsewhere(row: PoolRow, inputs: PoolInputs) -> list[Difference]:
        """That the pool is in another load balancer than ``loadBalancerRef`` says: a pool cannot move."""
        wanted, now = inputs.get("loadBalancerID"), member_cache.balancer_id(row)
        if not wanted or not now or wanted == now:
            return []
        return [Difference("loadBalancerRef", "loadbalancer_id", now, wanted, mutable=False)]

    @staticmethod
    def _retire(context: ReconcileContext, row: PoolRow, fixed: list[Difference]) -> Step:
        """Have the pool count as a former one: another is made beside it, and the listeners go over to that."""
        tags = [*octavia_common.plain_tags(row), *(mark.text for mark in context.owner.both_marks(FORMER))]
        return Step("update", f"pool {row['id']}", FORMER, str(row["id"]), None, {"tags": tags}, tuple(fixed), True)

    @staticmethod
    def _members(context: ReconcileContext, row: PoolRow, inputs: PoolInputs) -> list[Step]:
        if not members.managed(json_types.POOL.spec(context)) and not members.managed(context.applied):
            return []
        rows = member_cache.there(context, row)
        bodies = member_cache.wanted(context, inputs, rows)
        found = members.changes(bodies, rows)
        if not found:
            if members.movers(inputs[MEMBERS], rows) or len(bodies) < len(inputs[MEMBERS]):
                context.come_back(0.1)
            return []
        wait = context.request.memory.of(_Remembered).last_batch + BETWEEN_BATCHES - context.request.clock.monotonic()
        if wait > 0 and not context.dry_run:
            raise context.again(Reason.UPDATING, "changes of members are gathered", wait)
        what = f"members of pool {row['id']} ({', '.join(found)[:300]})"
        return [Step("update", what, MEMBERS, str(row["id"]), None, {MEMBERS: bodies})]

    @staticmethod
    def _formers(context: ReconcileContext) -> list[Step]:
        steps = []
        for row in member_cache.formers(context):
            monitors = context.request.view.objects(octavia_common.MONITOR, context.resource.key.namespace)
            checked = any(json_types.ANY.status(each).get("id") == row.get("healthmonitor_id") for each in monitors)
            if row.get("listeners") or (row.get("healthmonitor_id") and checked):
                context.come_back(1.0)  # listeners and monitor go over to the new one first
                continue
            steps.append(Step("delete", f"former pool {row['id']}", FORMER, str(row["id"])))
        return steps

    @override
    def act(self, context: ReconcileContext, row: PoolRow, steps: Plan) -> PoolRow:
        """Carry out the first step.

        Raises:
            Stop: always; the tree is PENDING then.
        """
        raise octavia_common.first(context, steps, lambda step: self._carry_out(context, step))

    @staticmethod
    def _carry_out(context: ReconcileContext, step: Step) -> None:
        do = context.cloud.do
        if step.slot == FORMER:
            going = "is to go" if step.verb == "delete" else "is to be replaced by another"
            row = by_id(context, POOLS, context.rows(POOLS), step.id)
            if row is not None:
                foreign_children.check_pool(context, row, going)
        with octavia_common.changing(context):
            if step.slot == MEMBERS:
                # One that fails is held apart from the next by the back-off, which gathering would start anew.
                do.members.replace_all(step.id, cast("list[MemberBody]", step.body[MEMBERS]))
                context.request.memory.of(_Remembered).last_batch = context.request.clock.monotonic()
            elif step.verb == "delete":
                do.pools.delete(step.id)
            else:
                do.pools.update(step.id, POOLS.body(step.body))
        if step.slot == FORMER and step.verb == "update":
            context.lost()

    def report(self, context: ReconcileContext, row: PoolRow, inputs: PoolInputs) -> str:
        """What is seen of the pool and its members.

        Raises:
            Stop: it is in ERROR.
        """
        rows = member_cache.there(context, row)
        tree_child.state(context, row)
        listed = member_cache.reported(context, rows)
        online = [each for each in listed if each["operatingStatus"] in ("ONLINE", "NO_MONITOR")]
        status = json_types.POOL.status(context)
        if rows or not inputs.get(MEMBERS):
            # By this the load balancer knows that a listener can go over to it: not before it has its members.
            status["loadBalancerID"] = member_cache.balancer_id(row)
        status["servicePort"] = service_endpoints.followed_port(context.resource, context.request.view)
        status["memberCount"] = len(listed)
        status["onlineMembers"] = len(online)
        status[MEMBERS] = listed[:MAX_LISTED]
        context.status = octavia_common.without_empty(status)
        if listed and len(online) < len(listed):
            down = ", ".join(
                f"{each['address']} {each['port']} is {each['operatingStatus']}"
                for each in listed
                if each not in online
            )
            octavia_common.unhealthy(context, f"{len(online)} of {len(listed)} members serve: {down}"[:1000])
        tree_child.check(self.noun, context, row)
        many = len(listed)
        return f"pool {row['id']} with {many} member{'' if many == 1 else 's'}"

    @override
    def holds(self, context: ReconcileContext, row: PoolRow) -> str:
        """Members, listeners, a monitor."""
        used = row.get("members") or row.get("listeners") or row.get("healthmonitor_id")
        return "it has members, a monitor or a listener" if used else ""

    def remove(self, context: ReconcileContext, row: PoolRow) -> None:
        """Delete the pool with its members; one whose load balancer is going goes with that.

        Raises:
            Stop: always: it is going, a listener uses it, it holds what is not ours, or the tree is locked.
        """
        balancer = octavia_common.load_balancer_of(context.resource, context.request.view)
        tree_child.goes_with(balancer)
        used = compatibility.listeners_of(balancer, context.resource) if balancer and not balancer.deleting else []
        if used and balancer:
            listed = ", ".join(str(item["name"]) for item in used)
            message = (
                f"pool {context.name} is the default pool of listener {listed} of LoadBalancer {balancer.key.name}: it "
                "goes when that names another, or is deleted"
            )
            raise Stop(Reason.IN_USE, message, WaitingFor(frozenset({balancer.key})))
        raise tree_child.delete(context, self, row, lambda: foreign_children.check_pool(context, row, "is to go"))

    def after_delete(self, context: ReconcileContext) -> None:
        """Delete former selves.

        Raises:
            Stop: one is going, or the tree is locked.
        """
        former = next(iter(member_cache.formers(context)), None)
        if former is not None:
            raise tree_child.delete(
                context, self, former, lambda: foreign_children.check_pool(context, former, "is to go")
            )

    def release_rest(self, context: ReconcileContext) -> None:
        """Give up the marks of former selves: one replaced by another that was not made any more is all there is.

        Raises:
            Stop: the tree is locked.
        """
        for former in member_cache.formers(context):
            octavia_common.release_tags(context, self.collection, former, child=FORMER)
