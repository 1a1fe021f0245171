"""Pool: a pool of a load balancer, and its members."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast

from typing_extensions import override

from infomaniak_operator.api import json_types
from infomaniak_operator.api.v1alpha1.pool_types import MAX_LISTED
from infomaniak_operator.client import InfomaniakCloudError
from infomaniak_operator.client.bodies import MemberBody, PoolBody
from infomaniak_operator.client.resources import Pool as PoolRow
from infomaniak_operator.controller.interfaces import (
    CacheReader,
    Key,
    KubeObject,
    Reason,
    WaitingFor,
)
from infomaniak_operator.reconcile.generic import quota
from infomaniak_operator.reconcile.generic.actuator import Dependency
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts, Traits
from infomaniak_operator.reconcile.generic.fields import (
    Difference,
    Field,
    applied,
    body_of,
    changes,
    differences,
    unordered,
)
from infomaniak_operator.reconcile.generic.outcomes import (
    DRY_RUN,
    REFERENCES_RESOLVED,
    Ended,
    Outcome,
    again,
    annotated,
    stalled,
)
from infomaniak_operator.reconcile.generic.owned import by_id, is_adopted
from infomaniak_operator.reconcile.generic.plan import Plan, Step, Warned, only
from infomaniak_operator.reconcile.neutron import neutron_common
from infomaniak_operator.reconcile.octavia import (
    certificate_secret,
    certificate_store,
    certificates,
    compatibility,
    first_minute,
    foreign_children,
    member_cache,
    members,
    octavia_common,
    readiness_gates,
    service_endpoints,
    successor,
    tls_refs,
    tree_child,
)
from infomaniak_operator.reconcile.octavia.member_cache import FORMER, MEMBERS, PoolInputs
from infomaniak_operator.reconcile.octavia.seen import SeenPool
from infomaniak_operator.reconcile.openstack.resource_types import POOLS
from infomaniak_operator.reconcile.ownership.marks import Mark

BETWEEN_BATCHES = 1.1
"""Seconds between two changes of a pool's members: what comes meanwhile goes into one."""
_FIRST_LOOK, _LAST_LOOK = 2.0, 30.0
"""Seconds between two looks at members whose Pods wait for them to be ONLINE."""
_GOING_OVER, _STAYS = 60.0, 30.0
"""Seconds that others need to go over to another pool at the most, and between two looks at a former one after that."""


@dataclass(slots=True)
class _Remembered:
    """Of a Pool.

    Attributes:
        last_batch: when its members were last changed, monotonic seconds.
        epoch: the wall clock's seconds less the monotonic ones, as they were when nothing drained yet.
        waiting: how many Pods wait at its gate.
        waiting_since: since when it is so many, monotonic seconds.
        former_since: since when there has been a former pool, monotonic seconds; None: there is none.
    """

    last_batch: float = float("-inf")
    epoch: float | None = None
    waiting: int = 0
    waiting_since: float = 0.0
    former_since: float | None = None


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
TLS_FIELDS: tuple[Field[json_types.PoolTlsField], ...] = (
    Field(tls_refs.CA, "ca_tls_container_ref", default=None),
    Field(tls_refs.CRL, "crl_container_ref", default=None),
    Field("barbicanContainer", "tls_container_ref", default=None),
    Field("versions", "tls_versions", normal=unordered),
    Field("ciphers", "tls_ciphers"),
    Field("alpnProtocols", "alpn_protocols", normal=unordered),
)
_TLS: Final = "tls"


def places(resource: KubeObject, view: CacheReader) -> list[str]:
    """The places of the fields that the spec sets.

    Raises:
        Unresolved: a member's subnet is not there yet.
    """
    spec = json_types.POOL.spec(resource)
    found = [*applied(_CHANGING, spec), *json_types.POOL.named(resource, "tags", _TLS, *members.SOURCES)]
    found += applied(TLS_FIELDS, tls_refs.placed_pool(spec), _TLS)
    if "membersFrom" not in spec:
        found += members.places(members.resolve(resource, view))
    return found


def pool_body(spec: json_types.PoolSpec, name: str, mark: Mark) -> PoolBody:
    """The attributes a pool is created with, its members and its load balancer apart."""
    return POOLS.body({"name": name, "tags": octavia_common.tags_of(spec.get("tags"), mark), **body_of(FIELDS, spec)})


def speaks_tls(spec: json_types.PoolSpec) -> bool:
    """Whether a pool is to speak TLS to its members."""
    tls = spec.get(_TLS)
    return tls is not None and tls.get("enabled", True)


class PoolActuator(tree_child.ChildActuator[PoolRow, PoolBody, PoolInputs]):
    """Knows how a Pool becomes a pool with members."""

    kind = octavia_common.POOL
    collection = POOLS
    noun = "pool"
    quota = "pool"
    depends_on = frozenset(
        {
            Dependency(octavia_common.LOAD_BALANCER),
            Dependency(neutron_common.NETWORK),
            Dependency(neutron_common.PORT, keeps=True),
            Dependency(service_endpoints.SERVICE),
            Dependency(service_endpoints.SLICE),
            Dependency(service_endpoints.NODE, optional=True),
            Dependency(readiness_gates.POD, optional=True),
            Dependency(certificate_secret.KIND, optional=True),
        }
    )
    traits = Traits(
        outliving=frozenset({"certificates"}),
        timed=frozenset({"draining", "waitingPods"}),
        together=octavia_common.IN_A_TREE,
        locks=True,
    )

    @override
    def above(self, row: PoolRow) -> tree_child.Above:
        """Its load balancer."""
        return {"loadbalancers": row.get("loadbalancers") or ()}

    @override
    def references(self, resource: KubeObject) -> Iterable[Key]:
        """The load balancer, the members' networks and Ports, the Service they follow, the Secrets of TLS."""
        balancer = compatibility.balancer_ref(resource)
        items = json_types.POOL.spec(resource).get(MEMBERS) or ()
        names = {item["networkRef"]["name"] for item in items if item.get("networkRef")}
        networks = [Key(neutron_common.NETWORK, resource.key.namespace, name) for name in sorted(names)]
        own = [*networks, *members.ports(resource)]
        own += tls_refs.references(resource)
        return [*([balancer] if balancer else []), *own, *service_endpoints.watched(resource)]

    @override
    def resolve(self, resource: KubeObject, view: CacheReader) -> PoolInputs:
        """The load balancer's id, the members, and what the Secrets of TLS hold.

        Raises:
            Unresolved: the load balancer is missing or going, or a member's subnet or Service is not there yet.
        """
        found = cast("PoolInputs", dict(tree_child.balancer_inputs(resource, view)))
        found[MEMBERS] = members.resolve(resource, view)
        # A Pod that comes in the place of another is no other member, and is looked at all the same.
        if waiting := [each.pod.uid for each in service_endpoints.waiting(resource, view)]:
            found["waiting"] = waiting
        if held := certificates.resolve(resource, view):  # of who names none, the hash is as it was
            found["certificates"] = held
        return found

    @override
    def lock(self, context: ReconcileContext) -> Ended | None:
        """Take the tree; one that goes is not the pool that it has retired, which goes after it.

        Under ``Retain`` that stays the pool it shows: there may be no other.
        """
        if ended := super().lock(context):
            return ended
        if context.id is None or not context.resource.deleting or context.spec.get("deletionPolicy") == "Retain":
            return None
        if any(row["id"] == context.id for row in member_cache.formers(context)):
            context.lost()  # who retired it was killed before status forgot it
        return None

    @override
    def prerequisites(self, context: ReconcileContext, inputs: PoolInputs) -> Ended | None:
        """Be made with the load balancer, or wait for it; a younger Pool that does not fit a listener is not made."""
        view = context.request.view
        balancer = octavia_common.load_balancer_of(context.resource, view)
        problem = compatibility.pool_problem(context.resource, balancer)
        if problem and context.id is None:
            return stalled(Reason.INVALID_CONFIGURATION, problem)
        if tree_child.needs_parent(context, inputs, "loadBalancerID"):
            ref = compatibility.balancer_ref(context.resource)
            assert ref is not None  # noqa: S101 - for the type checker
            return tree_child.wait_for_tree(context, self, ref, "spec.loadBalancerRef")
        if context.id and context.resource.uid not in octavia_common.tree_of(context).held:
            row = by_id(context, self.collection, context.rows(self.collection), context.id)
            if row is not None and member_cache.is_former(context, row):
                context.lost()
        return None

    @override
    def held(self, context: ReconcileContext) -> PoolRow | None:
        """The pool as the create of its tree has answered it, until it was Ready once."""
        row = tree_child.held(context, self.collection)
        if row is not None:
            context.seen.of(SeenPool).members = list(row.get("members") or ())
        return row

    @override
    def body(self, facts: Facts, inputs: PoolInputs) -> PoolBody:
        """The attributes of the pool's create; its members come after it."""
        spec = json_types.POOL.spec(facts)
        body = pool_body(spec, facts.name, facts.owner.mark())
        tls = POOLS.body({"tls_enabled": speaks_tls(spec), **body_of(TLS_FIELDS, certificates.effective_pool(facts))})
        return {**body, **(tls if _TLS in spec else {}), "loadbalancer_id": cast("str", inputs["loadBalancerID"])}

    @override
    def prepare(self, context: ReconcileContext, inputs: PoolInputs, body: PoolBody) -> Callable[[], PoolRow] | Ended:
        """Store what it names by Secrets; then one POST. Without these, or former ones, it would speak to anybody."""
        if too_early := certificate_store.ensure(context):
            return too_early
        if certificates.lacking_in_pool(context, former=True):
            self._tell(context)
            held_back = [*context.held_back, *certificates.plan(context).held_back]
            return held_back[0] if held_back else again(Reason.CREATING, "what tls names is stored in Barbican", 1.0)
        whole = self.body(context, inputs)
        context.seen.of(SeenPool).sent = whole
        return super().prepare(context, inputs, whole)

    @override
    def refused(self, context: ReconcileContext, error: InfomaniakCloudError) -> Outcome | None:
        """One that was to be in the place of another is given up for that."""
        return successor.refused(context, error)

    @override
    def find(self, context: ReconcileContext, rows: Iterable[PoolRow]) -> PoolRow | Outcome | None:
        """The pool that was retired last, where it is as the spec says again, or there can be no other in its place.

        Not while another may yet come to be seen.
        """
        former = None if context.creates.unknown or context.may_still_change() else successor.former(context)
        if former is None:
            return None
        inputs = self.resolve(context.resource, context.request.view)
        fixed = self._fixed(context, former, inputs)
        if self._elsewhere(former, inputs) or (fixed and not self._keeps(context, former, inputs, fixed)):
            return None
        if not context.dry_run:
            context.known(former)
        return former

    def _keeps(self, context: ReconcileContext, row: PoolRow, inputs: PoolInputs, fixed: Sequence[Difference]) -> bool:
        """Find out whether a pool that is to be replaced stays; asked before the one that serves is given up."""
        if self._stays(context, row, inputs, fixed) is not None:
            return True
        seen = context.seen.of(SeenPool)
        seen.kept = quota.shortage(context, self.needs(context, inputs, None))
        seen.kept = seen.kept or foreign_children.in_pool(context, row, foreign_children.REPLACED, former=True)
        return seen.kept is not None

    @override
    def outline(self, context: ReconcileContext, body: PoolBody) -> str:
        """The pool and how many members."""
        spec = json_types.POOL.spec(context)
        many = len(spec.get(MEMBERS) or ()) + len(spec.get("portMembers") or ())
        return f"pool {body['name']} ({body.get('protocol')}) with {many} members"

    @override
    def applied(self, facts: Facts) -> list[str]:
        """The places of the fields that the spec sets, of what the pool still trusts, and of what is in Barbican."""
        found = places(facts.resource, facts.view)
        there = facts.seen.of(SeenPool).tls
        found += [each for each in certificates.still_trusted(facts, TLS_FIELDS, there, _TLS) if each not in found]
        return [*found, *certificates.applied(facts)]

    @override
    def observe(self, context: ReconcileContext, row: PoolRow, inputs: PoolInputs, *, new: bool) -> None:
        """Its members, and the pools that it has replaced."""
        if new:
            return
        context.seen.of(SeenPool).tls = row
        tree_child.stands_in(context, self.above(row))
        certificate_store.look(context)
        fixed, adopted = self._fixed(context, row, inputs), is_adopted(context, row)
        other = context.imported or self._elsewhere(row, inputs)
        if fixed and not adopted and (other or not self._keeps(context, row, inputs, fixed)):
            return
        if _manages_members(context):
            member_cache.there(context, row)
            last = context.request.memory.of(_Remembered).last_batch
            context.seen.of(SeenPool).batch_in = last + BETWEEN_BATCHES - context.request.clock.monotonic()
            context.seen.of(SeenPool).now = self._steady(context)
        if context.resource.uid not in octavia_common.tree_of(context).held:
            # One that is taken back is marked as a former one until the plan is carried out.
            formers = [each for each in member_cache.formers(context) if each["id"] != row["id"]]
            known, context.seen.of(SeenPool).formers = context.request.memory.of(_Remembered), formers
            known.former_since = (known.former_since or context.moment) if formers else None

    def _fixed(self, facts: Facts, row: PoolRow, inputs: PoolInputs) -> list[Difference]:
        """In what of a pool that cannot be changed in place it differs from the spec."""
        found = self._differences(facts, row)
        return [*self._elsewhere(row, inputs), *(difference for difference in found if not difference.mutable)]

    @staticmethod
    def _differences(facts: Facts, row: PoolRow) -> list[Difference]:
        """In which managed fields the pool differs from the spec.

        Whether it speaks TLS counts as what cannot be changed in place: HAProxy takes that over for new members alone,
        and goes on as before with those that are there.
        """
        found = octavia_common.main_differences(facts, row, FIELDS)
        now, wanted = bool(row.get("tls_enabled")), speaks_tls(json_types.POOL.spec(facts))
        if now != wanted and (facts.asks_for(_TLS) or _TLS in facts.applied):
            found.append(Difference(_TLS, "tls_enabled", now, wanted, mutable=False))
        return [*found, *differences(TLS_FIELDS, certificates.effective_pool(facts, row), row, facts.applied, _TLS)]

    @override
    def plan(self, facts: Facts, row: PoolRow, inputs: PoolInputs) -> Plan:
        """The pool itself, then its members in one batch, then former selves."""
        elsewhere, adopted = self._elsewhere(row, inputs), is_adopted(facts, row)
        if elsewhere and not adopted:
            return Plan(fixed=elsewhere)  # the tree that it is in is not the one that this reconcile has to itself
        fixed = self._fixed(facts, row, inputs)
        secrets = certificates.plan(facts).and_then(self._unfit(facts, row))
        if fixed and not adopted:
            if facts.imported:
                return Plan(outcome=octavia_common.irreplaceable(self.noun, row, fixed))
            stays = self._stays(facts, row, inputs, fixed)
            if stays is None:  # in a dry run nothing is stored before
                return secrets.and_then(only([self._retire(facts, row, fixed)]))
            secrets, found = secrets.and_then(stays), self._meanwhile(facts, row)
        else:
            found = [*elsewhere, *self._differences(facts, row)]
        steps = []
        if found:
            what = f"pool {row['id']}"
            steps.append(Step("update", what, "", str(row["id"]), None, changes(found), tuple(found)))
        rows = [row, *facts.seen.of(SeenPool).formers]
        changed = secrets.and_then(only(steps)).and_then(self._members(facts, row, inputs))
        return changed.and_then(self._formers(facts)).and_then(certificates.unused(facts, rows))

    def _stays(self, facts: Facts, row: PoolRow, inputs: PoolInputs, fixed: Sequence[Difference]) -> Plan | None:
        """Why a pool that is to be replaced stays until there can be another; None where it is replaced.

        It is kept up until then. What ``certificates.plan`` says is not said again.
        """
        if facts.imported or self._elsewhere(row, inputs):
            return None
        if certificates.lacking_in_pool(facts):
            return Plan()
        balancer = octavia_common.load_balancer_of(facts.resource, facts.view)
        both = facts.dry_run and balancer is not None and annotated(balancer, DRY_RUN)  # it is only told, of both
        if balancer and row.get("listeners") and not both and (why := compatibility.at_rest(balancer)):
            # Its monitor would go over to the new one, and the listeners not.
            message = (
                f"pool {row['id']} is to be replaced by another ({'; '.join(map(str, fixed))}), but LoadBalancer "
                f"{balancer.key.name}, which takes the listeners over to that, {why}: until it does, this one serves"
            )
            return Plan(held_back=[Outcome(Reason.IN_USE, message, WaitingFor(frozenset({balancer.key}), 30.0))])
        if self._unfit(facts, row).held_back:
            return Plan()  # no listener would go over, and nobody would follow the members of the one that serves
        kept = facts.seen.of(SeenPool).kept
        if kept is None and "loadBalancerID" in inputs:
            kept = successor.refusal(facts, row, self.body(facts, inputs))
        return Plan(held_back=[kept]) if kept else None

    @staticmethod
    def _unfit(facts: Facts, row: PoolRow) -> Plan:
        """What is said where a listener cannot have such a pool; the members are followed all the same."""
        balancer = octavia_common.load_balancer_of(facts.resource, facts.view)
        problem = compatibility.misfit(balancer, facts.resource) if balancer and not balancer.deleting else None
        if problem is None:
            return Plan()
        message = f"spec.protocol: {problem}: change one of them; until then pool {row['id']} stays as it is"
        return Plan(held_back=[stalled(Reason.INVALID_CONFIGURATION, f"{message}, and its members are followed")])

    def _meanwhile(self, facts: Facts, row: PoolRow) -> list[Difference]:
        """What is changed of a pool that stays only until there can be another.

        What goes with its protocol waits for the other, and so does all of TLS where that comes or goes: without an
        authority it would speak to anybody until then.
        """
        found = self._differences(facts, row)
        fixed = {each.field for each in found if not each.mutable}
        waiting = {"sessionPersistence"} if "protocol" in fixed else set()
        waiting |= {f"{_TLS}.{field.spec}" for field in TLS_FIELDS} if _TLS in fixed else set()
        return [each for each in found if each.mutable and each.field not in waiting]

    @override
    def act(self, context: ReconcileContext, row: PoolRow, steps: Sequence[Step]) -> PoolRow | Ended:
        """Carry out the first step. What is stored in Barbican leaves the tree as it is, and comes first, or last."""
        if any(map(certificates.is_step, steps)):
            if ended := certificate_store.act(context, steps):
                return ended
            steps = [step for step in steps if not certificates.is_step(step)]
            if not steps:
                return row
        if steps[0].verb == "release" and len(steps) > 1:
            locked = octavia_common.release(context, self.collection, steps[0])
            return locked or again(Reason.UPDATING, f"releasing pool {row['id']}", self.pause(context))
        return super().act(context, row, steps)

    @staticmethod
    def _elsewhere(row: PoolRow, inputs: PoolInputs) -> list[Difference]:
        """That the pool is in another load balancer than ``loadBalancerRef`` says: a pool cannot move."""
        wanted, now = inputs.get("loadBalancerID"), member_cache.balancer_id(row)
        if not wanted or not now or wanted == now:
            return []
        return [Difference("loadBalancerRef", "loadbalancer_id", now, wanted, mutable=False)]

    @staticmethod
    def _retire(facts: Facts, row: PoolRow, fixed: list[Difference]) -> Step:
        """Have the pool count as a former one: another is made beside it, and the listeners go over to that."""
        tags = [*octavia_common.plain_tags(row), *(mark.text for mark in facts.owner.both_marks(FORMER))]
        what = f"pool {row['id']}, which another pool replaces"
        return Step("update", what, FORMER, str(row["id"]), None, {"tags": tags}, tuple(fixed), True)

    @staticmethod
    def _members(facts: Facts, row: PoolRow, inputs: PoolInputs) -> Plan:
        if not _manages_members(facts):
            return Plan()
        seen = facts.seen.of(SeenPool)
        rows = seen.members or []
        wanted = member_cache.wanted(facts, inputs, rows)
        shown: dict[json_types.StatusField, object] = {"draining": wanted.draining}
        found = members.changes(wanted.members, rows)
        if not found:
            unfinished = members.movers(inputs[MEMBERS], rows) or len(wanted.members) < len(inputs[MEMBERS])
            return Plan(due=0.1 if unfinished else wanted.due, shown=shown)
        if seen.batch_in > 0 and not facts.dry_run:
            wait = again(Reason.UPDATING, "changes of members are gathered", seen.batch_in)
            return Plan(outcome=wait, due=wanted.due, shown=shown)
        what = f"members of pool {row['id']} ({', '.join(found)[:300]})"
        step = Step("update", what, MEMBERS, str(row["id"]), None, {MEMBERS: wanted.members})
        return Plan(steps=[step], due=wanted.due, shown=shown)

    @staticmethod
    def _formers(facts: Facts) -> Plan:
        steps, due, warnings = [], None, []
        since = facts.request.memory.of(_Remembered).former_since
        pause = _STAYS if since is not None and facts.moment - since > _GOING_OVER else 1.0
        balancer = octavia_common.load_balancer_of(facts.resource, facts.view)
        for row in facts.seen.of(SeenPool).formers:
            using = successor.users(facts, row)
            using += [balancer] if balancer and row.get("listeners") else []
            if staying := successor.staying(row, using):
                warnings.append(Warned("FormerPoolStays", staying))
            if row.get("listeners") or using:
                due = _STAYS if staying else pause  # listeners, monitor and policies go over to the new one first
                continue
            steps.append(_delete_former(row))
        return Plan(steps=steps, due=due, warnings=warnings)

    @override
    def send(self, context: ReconcileContext, step: Step) -> Ended | None:
        """Send one step."""
        do = context.cloud.do
        if step.slot == FORMER or step.verb == "delete":
            going = "is to go" if step.verb == "delete" else foreign_children.REPLACED
            row, former = by_id(context, POOLS, context.rows(POOLS), step.id), step.slot == FORMER
            if row is not None and (held := foreign_children.in_pool(context, row, going, former=former)):
                return held
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
        return None

    @override
    def report(self, context: ReconcileContext, row: PoolRow, inputs: PoolInputs) -> str | Outcome:
        """What is seen of the pool and its members; it may be in ERROR."""
        rows = member_cache.there(context, row)
        tree_child.state(context, row)
        listed = member_cache.reported(context, rows)
        online = [each for each in listed if each["operatingStatus"] in ("ONLINE", "NO_MONITOR")]
        status = json_types.POOL.status(context)
        if rows or not inputs.get(MEMBERS):
            # By this the load balancer knows that a listener can go over to it: not before it has its members.
            status["loadBalancerID"] = member_cache.balancer_id(row)
        status["protocol"] = row.get("protocol")
        status["servicePort"] = service_endpoints.followed_port(context.resource, context.request.view)
        status["memberCount"] = len(listed)
        monitors = first_minute.monitor_of(context, row)
        if any(each["operatingStatus"] == "ERROR" for each in listed):
            first_minute.has_looked(context, monitors)
        new = first_minute.doubt(context, monitors)
        status["onlineMembers"] = None if new else len(online)
        status["waitingPods"] = self._open_gates(context, listed, monitored=bool(monitors), doubted=new)
        status[MEMBERS] = listed[:MAX_LISTED]
        if not context.unmanaged:
            rows_there = [row, *context.seen.of(SeenPool).formers]
            unsettled = bool(context.may_still_change())
            status["certificates"] = certificates.reported(context, rows_there, unsettled=unsettled)
            self._tell(context)
        context.status = octavia_common.without_empty(status)
        if listed and len(online) < len(listed):
            down = ", ".join(
                f"{each['address']} {each['port']} is {each['operatingStatus']}"
                for each in listed
                if each not in online
            )
            octavia_common.unhealthy(context, f"{len(online)} of {len(listed)} members serve: {down}"[:1000])
        many = len(listed)
        return (
            tree_child.failure(self.noun, context, row)
            or f"pool {row['id']} with {many} member{'' if many == 1 else 's'}"
        )

    @staticmethod
    def _steady(context: ReconcileContext) -> float:
        """Seconds since the epoch, by which members drain: who sets the wall clock meanwhile cuts no connection short.

        Status has to tell until when they drain, for the next process; so only that one looks at the wall clock anew.
        """
        remembered = context.request.memory.of(_Remembered)
        if remembered.epoch is None or not json_types.POOL.status(context.resource).get("draining"):
            remembered.epoch = context.now - context.moment
        return remembered.epoch + context.moment

    @staticmethod
    def _tell(context: ReconcileContext) -> None:
        """Say which Secrets of TLS cannot be used."""
        if unusable := certificates.unresolved(context):
            reasons = {reason for reason, _ in unusable}
            invalid = Reason.INVALID_CONFIGURATION in reasons
            reason = Reason.INVALID_CONFIGURATION if invalid else Reason.WAITING_FOR_REFERENCE
            context.set_condition(REFERENCES_RESOLVED, False, reason, "; ".join(message for _, message in unusable))

    @staticmethod
    def _open_gates(
        context: ReconcileContext, listed: list[json_types.MemberStatus], *, monitored: bool, doubted: bool
    ) -> int | None:
        """Tell the Pods that wait how it stands; returns how many go on waiting, for which the pool is looked at again.

        The longer the same number waits, the rarer are the looks.
        """
        remembered, now = context.request.memory.of(_Remembered), context.request.clock.monotonic()
        waiting = [] if context.unmanaged else service_endpoints.waiting(context.resource, context.view)
        told = readiness_gates.conditions(context.resource, waiting, listed, monitored=monitored, doubted=doubted)
        context.foreign += told
        left = sum(not each.status for each in told)
        if left != remembered.waiting:
            remembered.waiting, remembered.waiting_since = left, now
        if not left:
            return None
        waited = now - remembered.waiting_since
        context.come_back(min(max(_FIRST_LOOK, waited / 4), _LAST_LOOK))
        return left

    @override
    def holds(self, context: ReconcileContext, row: PoolRow) -> str:
        """Members, listeners, a monitor."""
        used = row.get("members") or row.get("listeners") or row.get("healthmonitor_id")
        return "it has members, a monitor or a listener" if used else ""

    @override
    def removal(self, context: ReconcileContext, row: PoolRow) -> Plan:
        """Delete the pool with its members; one whose load balancer is going goes with that.

        It stays while a listener uses it, or goes over to something else, or it holds what is not ours.
        """
        kept = self._kept(context, row)
        return Plan(outcome=kept) if kept else self.deletion(context, row)

    @staticmethod
    def _kept(context: ReconcileContext, row: PoolRow) -> Outcome | None:
        """Why a pool is not deleted now."""
        balancer = octavia_common.load_balancer_of(context.resource, context.request.view)
        if goes := tree_child.goes_with(balancer):
            return goes
        if first := _policies_first(context, row):
            return first
        used = compatibility.listeners_of(balancer, context.resource) if balancer and not balancer.deleting else []
        if used and balancer:
            listed = ", ".join(str(item["name"]) for item in used)
            message = (
                f"pool {context.name} is the default pool of listener {listed} of LoadBalancer {balancer.key.name}: it "
                "goes when that names another, or is deleted"
            )
            return Outcome(Reason.IN_USE, message, WaitingFor(frozenset({balancer.key})))
        ids = {str(each["id"]) for each in row.get("listeners") or ()}
        over = compatibility.going_over(balancer, ids) if balancer and ids else []
        if over and balancer:
            message = (
                f"pool {context.name} serves listener {', '.join(over)} of LoadBalancer {balancer.key.name} until that "
                "has its other pool, or its redirect"
            )
            return Outcome(Reason.IN_USE, message, WaitingFor(frozenset({balancer.key}), 15.0))
        return None

    @override
    def releasing(self, context: ReconcileContext, row: PoolRow) -> Plan:
        """Give up the marks of former selves, then its own: without that nobody would look after them any more."""
        formers = [each for each in member_cache.formers(context) if each["id"] != row["id"]]
        first = [octavia_common.release_steps(context, self.noun, each, child=FORMER, slot=FORMER) for each in formers]
        return only([*(step for steps in first for step in steps), *super().releasing(context, row).steps])

    @override
    def leftovers(self, context: ReconcileContext, *, retain: bool) -> Plan:
        """Former selves, one replaced by another that was not made any more; and what Barbican has of ours."""
        formers = member_cache.formers(context)
        for each in formers:
            tree_child.stands_in(context, self.above(each))
        if not retain:
            for each in formers:
                if kept := self._kept(context, each):
                    return Plan(outcome=kept)
            # What a former one shows to members goes after it.
            going = only(_delete_former(each) for each in formers)
            return going if formers else certificate_store.removal(context)
        released = (
            octavia_common.release_steps(context, self.noun, each, child=FORMER, slot=FORMER) for each in formers
        )
        return only(step for steps in released for step in steps)

    @override
    def act_on_leftovers(self, context: ReconcileContext, steps: Sequence[Step]) -> Ended | None:
        """Delete former selves, or give up their marks, one at a time."""
        for step in steps:
            if certificates.is_step(step):
                certificate_store.delete(context, step)
            elif step.verb == "delete":
                return octavia_common.first(context, [step], lambda each: self.send(context, each))
            elif locked := octavia_common.release(context, self.collection, step):
                return locked
        return None


def _manages_members(facts: Facts) -> bool:
    """Whether the spec says which members there are, or did until now."""
    return bool(members.managed(json_types.POOL.spec(facts)) or members.managed(facts.applied))


def _policies_first(context: ReconcileContext, row: PoolRow) -> Outcome | None:
    """The outcome while L7Policies send to a pool that is to go: Octavia keeps it for as long.

    Those that refer to it and stay have kept it already; these are being deleted, or are just changed to another.
    """
    view, id_ = context.request.view, row["id"]
    there = (each for each in view.objects(octavia_common.L7_POLICY, context.resource.key.namespace))
    users = [
        each
        for each in there
        if json_types.L7POLICY.status(each).get("poolID") == id_
        and json_types.L7POLICY.spec(each).get("managementPolicy") != "Unmanaged"
    ]
    if not users:
        return None
    names = ", ".join(each.key.name for each in users)
    message = f"pool {context.name} is sent to by L7Policy {names}: it goes once they are gone, or send elsewhere"
    return Outcome(Reason.IN_USE, message, WaitingFor(frozenset(each.key for each in users), 15.0))


def _delete_former(row: PoolRow) -> Step:
    return Step("delete", f"former pool {row['id']}", FORMER, str(row["id"]))
