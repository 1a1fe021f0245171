"""HealthMonitor: how the members of a pool are checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypedDict, cast

from typing_extensions import override

from infomaniak_operator.api import json_types
from infomaniak_operator.client import Category, InfomaniakCloudError
from infomaniak_operator.client.bodies import HealthMonitorBody
from infomaniak_operator.client.resources import HealthMonitor as Monitor
from infomaniak_operator.controller.interfaces import (
    CacheReader,
    Key,
    KubeObject,
    Progress,
    Reason,
    Stalled,
    WaitingFor,
)
from infomaniak_operator.reconcile.generic.actuator import Dependency, Unresolved
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts, owner_of
from infomaniak_operator.reconcile.generic.fields import Difference, Field, applied, body_of, changes
from infomaniak_operator.reconcile.generic.outcomes import Ended, Outcome, retained, stalled
from infomaniak_operator.reconcile.generic.owned import by_id, is_adopted, mark_of, whose_main
from infomaniak_operator.reconcile.generic.plan import Plan, Step, only
from infomaniak_operator.reconcile.neutron import neutron_common
from infomaniak_operator.reconcile.octavia import compatibility, first_minute, octavia_common, tree_child
from infomaniak_operator.reconcile.octavia.seen import SeenMonitor
from infomaniak_operator.reconcile.openstack.resource_types import HEALTH_MONITORS, POOLS
from infomaniak_operator.reconcile.ownership.marks import Mark


def _codes(value: str | float | None) -> str | None:
    return str(value).replace(" ", "") if value else None


def _version(value: str | float | None) -> float | None:
    return float(value) if value else None


def _of_http(default: str) -> Callable[[Monitor], str | None]:
    """A default that only monitors of these types have: Octavia refuses any value in another one."""
    return lambda row: default if row.get("type") in ("HTTP", "HTTPS") else None


FIELDS: tuple[Field[json_types.HealthMonitorSpecField], ...] = (
    Field("type", "type", mutable=False),
    Field("delay", "delay"),
    Field("timeout", "timeout"),
    Field("maxRetries", "max_retries"),
    Field("maxRetriesDown", "max_retries_down", default=3),
    Field("httpMethod", "http_method", default=_of_http("GET")),
    Field("urlPath", "url_path", default=_of_http("/")),
    Field("expectedCodes", "expected_codes", default=_of_http("200"), normal=_codes),
    Field("httpVersion", "http_version", default=None, to_api=_version, normal=_version),
    Field("domainName", "domain_name", default=None),
    neutron_common.ADMIN_STATE,
)
_CHANGING = tuple(field for field in FIELDS if field.mutable)
_POOL: Final = "poolID"
_SECOND = "already has a health monitor"
"""In Octavia's words where a pool has one."""
_HAS_ONE = 409


def places(spec: json_types.HealthMonitorSpec) -> list[str]:
    """The places of the fields that the spec sets."""
    return [*applied(_CHANGING, spec), *(["tags"] if "tags" in spec else [])]


def monitor_body(spec: json_types.HealthMonitorSpec, name: str, mark: Mark) -> HealthMonitorBody:
    """The attributes a health monitor is created with, its pool apart."""
    return HEALTH_MONITORS.body(
        {"name": name, "tags": octavia_common.tags_of(spec.get("tags"), mark), **body_of(FIELDS, spec)}
    )


def _holds(monitor: KubeObject, pool: KubeObject) -> bool:
    """Whether a Pool that is Terminating stays for as long as this monitor of it does, whatever it says meanwhile."""
    used = json_types.HEALTH_MONITOR.status(monitor).get(_POOL)
    blocks = (
        not retained(pool) and not monitor.deleting and bool(used) and json_types.POOL.status(pool).get("id") == used
    )
    return blocks or tree_child.stays(pool, used)


class MonitorInputs(TypedDict, total=False):
    """The pool that it checks; None while there is none yet."""

    poolID: str | None


class HealthMonitorActuator(tree_child.ChildActuator[Monitor, HealthMonitorBody, MonitorInputs]):
    """Knows how a HealthMonitor becomes a health monitor."""

    kind = octavia_common.MONITOR
    collection = HEALTH_MONITORS
    noun = "health monitor"
    quota = "health_monitor"
    depends_on = frozenset({Dependency(octavia_common.POOL, keeps=True)})

    @override
    def above(self, row: Monitor) -> tree_child.Above:
        """Its pool."""
        return {"pools": row.get("pools") or ()}

    @override
    def references(self, resource: KubeObject) -> Iterable[Key]:
        """The pool."""
        key = compatibility.pool_ref(resource)
        return [key] if key else []

    @override
    def resolve(self, resource: KubeObject, view: CacheReader) -> MonitorInputs:
        """The pool's id; None while there is none yet.

        Raises:
            Unresolved: the pool is missing, or going.
        """
        key = compatibility.pool_ref(resource)
        if key is None:
            return {}
        found = view.get(key)
        if found is None:
            raise Unresolved(key, f"spec.poolRef: there is no Pool {key.name} in namespace {key.namespace} yet")
        if found.deleting and not _holds(resource, found):
            raise Unresolved(key, f"spec.poolRef: Pool {key.name} is being deleted")
        above = compatibility.balancer_ref(found)
        balancer = view.get(above) if above else None
        status = json_types.POOL.status(found)
        going = balancer and balancer.deleting and not tree_child.stays(balancer, status.get("loadBalancerID"))
        if above and (balancer is None or going):
            # The Pool's status may still show what went with its load balancer.
            raise Unresolved(key, f"spec.poolRef: LoadBalancer {above.name} of Pool {key.name} is not there, or going")
        return {_POOL: status.get("id")}

    @override
    def prerequisites(self, context: ReconcileContext, inputs: MonitorInputs) -> Ended | None:
        """Be made with the pool, or wait for it; it may have another monitor, or one of this type may not fit it."""
        key = compatibility.pool_ref(context.resource)
        pool = context.request.view.get(key) if key else None
        if key is None or pool is None:
            return None
        view = context.request.view
        problem = compatibility.monitor_problem(context.resource, pool, view)
        if problem:
            older = compatibility.older_monitor(context.resource, pool, view)
            until = WaitingFor(frozenset({older.key})) if older else Stalled()
            return Outcome(Reason.INVALID_CONFIGURATION, problem, until, Progress.STALLED)
        going = compatibility.going_monitor(context.resource, pool, view)
        if going and context.id is None:
            message = f"spec.poolRef: HealthMonitor {going.key.name} of Pool {pool.key.name} is being deleted first"
            return Outcome(Reason.WAITING_FOR_REFERENCE, message, WaitingFor(frozenset({going.key})))
        if tree_child.needs_parent(context, inputs, _POOL):
            return tree_child.wait_for_tree(context, self, key, "spec.poolRef")
        return None

    @override
    def body(self, facts: Facts, inputs: MonitorInputs) -> HealthMonitorBody:
        """The attributes of the monitor's create."""
        return {
            **monitor_body(json_types.HEALTH_MONITOR.spec(facts), facts.name, facts.owner.mark()),
            "pool_id": cast("str", inputs[_POOL]),
        }

    @override
    def prepare(
        self, context: ReconcileContext, inputs: MonitorInputs, body: HealthMonitorBody
    ) -> Callable[[], Monitor] | Ended:
        """See that the tree takes a change; then one POST, with which the monitor's first minute begins."""
        send = super().prepare(context, inputs, body)
        if isinstance(send, Ended):
            return send

        def made() -> Monitor:
            row = send()
            first_minute.note(context, row, new=True)
            return row

        return made

    @override
    def refused(self, context: ReconcileContext, error: InfomaniakCloudError) -> Outcome | None:
        """A pool has one monitor: one that others have made on it is named."""
        if error.status != _HAS_ONE or error.category in (Category.WAITING, Category.QUOTA):
            return None
        key = compatibility.pool_ref(context.resource)
        pool = context.request.view.get(key) if key else None
        pool_id = json_types.POOL.status(pool).get("id") if pool else None
        others = context.rows(self.collection, context.request.clock.monotonic())
        for row in others:
            if pool_id and _pool_of(row) == pool_id and not whose_main(context, row).ours:
                message = (
                    f"spec.poolRef: pool {pool_id} has health monitor {row.get('name') or 'without a name'} "
                    f"({row['id']}) already, which is not ours, and a pool has one: delete it, or import it by "
                    f"spec.import.id"
                )
                return stalled(Reason.CONFLICT, message)
        return None

    @override
    def outline(self, context: ReconcileContext, body: HealthMonitorBody) -> str:
        """The monitor and its type."""
        return f"health monitor {body['name']} ({body.get('type')})"

    @override
    def rivals(self, context: ReconcileContext, error: InfomaniakCloudError) -> list[KubeObject]:
        """The HealthMonitors of the same pool."""
        if _SECOND not in str(error):
            return []
        key = compatibility.pool_ref(context.resource)
        pool = context.request.view.get(key) if key else None
        if pool is None:
            return []
        pool_id = json_types.POOL.status(pool).get("id", "")
        return [
            each
            for each in context.request.view.objects(self.kind)
            if each.uid != context.resource.uid and json_types.HEALTH_MONITOR.status(each).get(_POOL) == pool_id
        ]

    @override
    def applied(self, facts: Facts) -> list[str]:
        """The places of the fields that the spec sets."""
        return places(json_types.HEALTH_MONITOR.spec(facts))

    @override
    def observe(self, context: ReconcileContext, row: Monitor, inputs: MonitorInputs, *, new: bool) -> None:
        """Which load balancer it is in, and whether the pool it is on was replaced."""
        if new:
            return
        tree_child.stands_in(context, self.above(row))
        wanted, now = inputs.get(_POOL), _pool_of(row)
        if wanted and wanted != now and not is_adopted(context, row):
            context.seen.of(SeenMonitor).pool_replaced = _same_pool(context, now)

    @override
    def plan(self, facts: Facts, row: Monitor, inputs: MonitorInputs) -> Plan:
        """What is to be changed; what cannot be in place is replaced: members go on serving meanwhile."""
        found, fixed = octavia_common.main_differences(facts, row, FIELDS), []
        adopted = is_adopted(facts, row)
        wanted, now = inputs.get(_POOL), _pool_of(row)
        if wanted and wanted != now:
            elsewhere = Difference("poolRef", "pool_id", now, wanted, mutable=False)
            if adopted or facts.seen.of(SeenMonitor).pool_replaced:
                found.append(elsewhere)
            else:
                fixed = [elsewhere]
                found = [each for each in found if each.mutable]
        what, here = f"health monitor {row['id']}", str(row["id"])
        replaced = [each for each in found if not each.mutable]
        if replaced and not adopted:
            if facts.imported:
                return Plan(outcome=octavia_common.irreplaceable(self.noun, row, replaced))
            return only([Step("delete", what, "", here, differences=tuple(found), replaces=True)])
        steps = [Step("update", what, "", here, None, changes(found), tuple(found))] if found else []
        return Plan(steps=steps, fixed=fixed)

    @override
    def send(self, context: ReconcileContext, step: Step) -> Ended | None:
        """Send one step."""
        monitors = context.cloud.do.health_monitors
        with octavia_common.changing(context):
            if step.verb == "delete":
                monitors.delete(step.id)
            else:
                monitors.update(step.id, HEALTH_MONITORS.body(step.body))
        if step.replaces:
            context.lost()
        return None

    @override
    def report(self, context: ReconcileContext, row: Monitor, inputs: MonitorInputs) -> str | Outcome:
        """What is seen of the monitor; it may be in ERROR."""
        tree_child.state(context, row)
        first_minute.note(context, row)
        status = json_types.HEALTH_MONITOR.status(context)
        status["poolID"], status["type"] = _pool_of(row), row.get("type")
        context.status = octavia_common.without_empty(status)
        failed = tree_child.failure(self.noun, context, row)
        return failed or f"health monitor {row['id']} ({row.get('type')}) of pool {_pool_of(row)}"

    @override
    def removal(self, context: ReconcileContext, row: Monitor) -> Plan:
        """Delete the monitor; one whose pool or load balancer is going goes with that."""
        view = context.request.view
        key = compatibility.pool_ref(context.resource)
        balancer = octavia_common.load_balancer_of(context.resource, view)
        for parent in (balancer, view.get(key) if key else None):
            if goes := tree_child.goes_with(parent):
                return Plan(outcome=goes)
        return self.deletion(context, row)


def _pool_of(row: Monitor) -> str | None:
    return octavia_common.parent(row.get("pools"))


def _same_pool(context: ReconcileContext, pool_id: str | None) -> bool:
    """Whether the pool that a monitor is on is a former self of the one it is to be on, which has replaced it."""
    row = by_id(context, POOLS, context.rows(POOLS), pool_id) if pool_id else None
    key = compatibility.pool_ref(context.resource)
    pool = context.request.view.get(key) if key else None
    if row is None or pool is None:
        return True
    mark = mark_of(row)
    return mark is not None and owner_of(context.owner.cluster, pool).wrote(mark)
