"""HealthMonitor: how the members of a pool are checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from infomaniak_operator.client import Category, InfomaniakCloudError
from infomaniak_operator.client.bodies import HealthMonitorBody
from infomaniak_operator.client.resources import HealthMonitor as Monitor
from infomaniak_operator.engine.contract import Key, KubeObject, Progress, Reason, Stuck, View, Waiting
from infomaniak_operator.reconcile import child, neutron, octavia, treeplan
from infomaniak_operator.reconcile.actuator import Inputs, Plan, Step, Unresolved
from infomaniak_operator.reconcile.fields import Difference, Field, applied, body_of, changes
from infomaniak_operator.reconcile.marks import Mark
from infomaniak_operator.reconcile.outcome import Stop, retained
from infomaniak_operator.reconcile.ownership import mark_of, whose_main
from infomaniak_operator.reconcile.resourcetypes import HEALTH_MONITORS, POOLS
from infomaniak_operator.reconcile.visit import Visit, owner_of


def _codes(value: Any) -> Any:
    return str(value).replace(" ", "") if value else None


def _version(value: Any) -> Any:
    return float(value) if value else None


def _of_http(default: str) -> Callable[[Monitor], str | None]:
    """A default that only monitors of these types have: Octavia refuses any value in another one."""
    return lambda row: default if row.get("type") in ("HTTP", "HTTPS") else None


FIELDS = (
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
    neutron.ADMIN_STATE,
)
_CHANGING = tuple(field for field in FIELDS if field.mutable)
_POOL = "poolID"
_SECOND = "already has a health monitor"
"""In Octavia's words where a pool has one."""
_HAS_ONE = 409


def places(spec: Mapping[str, Any]) -> list[str]:
    """The places of the fields that the spec sets."""
    return [*applied(_CHANGING, spec), *(["tags"] if "tags" in spec else [])]


def monitor_body(spec: Mapping[str, Any], name: str, mark: Mark) -> HealthMonitorBody:
    """The attributes a health monitor is created with, its pool apart."""
    return HEALTH_MONITORS.body({"name": name, "tags": octavia.tags_of(spec, mark), **body_of(FIELDS, spec)})


def _holds(monitor: KubeObject, pool: KubeObject) -> bool:
    """Whether a Pool that is Terminating stays for as long as this monitor of it does, whatever it says meanwhile."""
    used = monitor.status.get(_POOL)
    blocks = not retained(pool) and not monitor.deleting and bool(used) and pool.status.get("id") == used
    return blocks or child.stays(pool, used)


class HealthMonitorActuator(child.ChildActuator[Monitor, HealthMonitorBody]):
    """Knows how a HealthMonitor becomes a health monitor."""

    kind = octavia.MONITOR
    collection = HEALTH_MONITORS
    noun = "health monitor"
    blocked_by: frozenset[str] = frozenset()

    def above(self, row: Monitor) -> child.Above:
        """Its pool."""
        return {"pools": row.get("pools") or ()}

    def references(self, resource: KubeObject) -> Iterable[Key]:
        """The pool."""
        key = treeplan.pool_ref(resource)
        return [key] if key else []

    def resolve(self, resource: KubeObject, view: View) -> Inputs:
        """The pool's id; None while there is none yet.

        Raises:
            Unresolved: the pool is missing, or going.
        """
        key = treeplan.pool_ref(resource)
        if key is None:
            return {}
        found = view.get(key)
        if found is None:
            raise Unresolved(key, f"spec.poolRef: there is no Pool {key.name} in namespace {key.namespace} yet")
        if found.deleting and not _holds(resource, found):
            raise Unresolved(key, f"spec.poolRef: Pool {key.name} is being deleted")
        above = treeplan.balancer_ref(found)
        balancer = view.get(above) if above else None
        going = balancer and balancer.deleting and not child.stays(balancer, found.status.get("loadBalancerID"))
        if above and (balancer is None or going):
            # The Pool's status may still show what went with its load balancer.
            raise Unresolved(key, f"spec.poolRef: LoadBalancer {above.name} of Pool {key.name} is not there, or going")
        return {_POOL: found.status.get("id")}

    def enlist(self, visit: Visit, inputs: Inputs) -> None:
        """Be made with the pool, or wait for it.

        Raises:
            Stop: it is not there yet; or it has another monitor, or one of this type does not fit it.
        """
        key = treeplan.pool_ref(visit.resource)
        pool = visit.attempt.view.get(key) if key else None
        if key is None or pool is None:
            return
        view = visit.attempt.view
        problem = treeplan.monitor_problem(visit.resource, pool, view)
        if problem:
            older = treeplan.older_monitor(visit.resource, pool, view)
            until = Waiting(frozenset({older.key})) if older else Stuck()
            raise Stop(Reason.INVALID_CONFIGURATION, problem, until, Progress.STALLED)
        going = treeplan.going_monitor(visit.resource, pool, view)
        if going and visit.id is None:
            message = f"spec.poolRef: HealthMonitor {going.key.name} of Pool {pool.key.name} is being deleted first"
            raise Stop(Reason.WAITING_FOR_REFERENCE, message, Waiting(frozenset({going.key})))
        if child.needs_parent(visit, inputs, _POOL):
            child.wait_for_tree(visit, self, key, "spec.poolRef")

    def body(self, visit: Visit, inputs: Inputs) -> HealthMonitorBody:
        """The attributes of the monitor's create."""
        return {**monitor_body(visit.spec, visit.name, visit.owner.mark()), "pool_id": inputs[_POOL]}

    def refused(self, visit: Visit, error: InfomaniakCloudError) -> Exception:
        """A pool has one monitor: one that others have made on it is named."""
        if error.status != _HAS_ONE or error.category in (Category.WAITING, Category.QUOTA):
            return error
        key = treeplan.pool_ref(visit.resource)
        pool = visit.attempt.view.get(key) if key else None
        pool_id = pool.status.get("id") if pool else None
        others = visit.rows(self.collection, visit.attempt.clock.monotonic())
        for row in others:
            if pool_id and _pool_of(row) == pool_id and not whose_main(visit, row).ours:
                message = (
                    f"spec.poolRef: pool {pool_id} has health monitor {row.get('name') or 'without a name'} "
                    f"({row['id']}) already, which is not ours, and a pool has one: delete it, or import it by "
                    f"spec.import.id"
                )
                return Stop(Reason.CONFLICT, message, Stuck(), Progress.STALLED)
        return error

    def outline(self, visit: Visit, body: HealthMonitorBody) -> str:
        """The monitor and its type."""
        del visit
        return f"health monitor {body['name']} ({body.get('type')})"

    def rivals(self, visit: Visit, error: InfomaniakCloudError) -> list[KubeObject]:
        """The HealthMonitors of the same pool."""
        if _SECOND not in str(error):
            return []
        key = treeplan.pool_ref(visit.resource)
        pool = visit.attempt.view.get(key) if key else None
        return [
            each
            for each in visit.attempt.view.objects(self.kind)
            if pool and each.uid != visit.resource.uid and each.status.get("poolID") == pool.status.get("id", "")
        ]

    def applied(self, visit: Visit) -> list[str]:
        """The places of the fields that the spec sets."""
        return places(visit.spec)

    def plan(self, visit: Visit, row: Monitor, inputs: Inputs, *, new: bool) -> Plan:
        """What is to be changed; what cannot be in place is replaced: members go on serving meanwhile."""
        if new:
            return []
        child.stands_in(visit, self.above(row))
        found = octavia.main_differences(visit, row, FIELDS)
        wanted, now = inputs.get(_POOL), _pool_of(row)
        if wanted and wanted != now:
            elsewhere = Difference("poolRef", "pool_id", now, wanted, mutable=False)
            if octavia.is_adopted(visit, row) or _same_pool(visit, now):
                found.append(elsewhere)
            else:
                visit.fixed = [elsewhere]
                found = [each for each in found if each.mutable]
        what, here = f"health monitor {row['id']}", str(row["id"])
        fixed = [each for each in found if not each.mutable]
        if fixed and not octavia.is_adopted(visit, row):
            if visit.imported:
                raise octavia.irreplaceable(self.noun, row, fixed)
            return [Step("delete", what, "", here, differences=tuple(found), replaces=True)]
        return [Step("update", what, "", here, None, changes(found), tuple(found))] if found else []

    def act(self, visit: Visit, row: Monitor, steps: Plan) -> Monitor:
        """Carry out the step.

        Raises:
            Stop: always; the tree is PENDING then.
        """
        del row
        raise octavia.first(visit, steps, lambda step: self._carry_out(visit, step))

    def _carry_out(self, visit: Visit, step: Step) -> None:
        monitors = visit.cloud.do.health_monitors
        with octavia.changing(visit):
            if step.verb == "delete":
                monitors.delete(step.id)
            else:
                monitors.update(step.id, HEALTH_MONITORS.body(step.body))
        if step.verb == "delete":
            visit.lost()

    def report(self, visit: Visit, row: Monitor, inputs: Inputs) -> str:
        """What is seen of the monitor.

        Raises:
            Stop: it is in ERROR.
        """
        del inputs
        child.state(visit, row)
        visit.status["poolID"] = _pool_of(row)
        visit.status = {name: value for name, value in visit.status.items() if value not in (None, [], "")}
        child.check(self.noun, visit, row)
        return f"health monitor {row['id']} ({row.get('type')}) of pool {_pool_of(row)}"

    def remove(self, visit: Visit, row: Monitor) -> None:
        """Delete the monitor; one whose pool or load balancer is going goes with that.

        Raises:
            Stop: always: it is going, or the tree is locked.
        """
        view = visit.attempt.view
        child.goes_with(octavia.load_balancer_of(visit.resource, view))
        key = treeplan.pool_ref(visit.resource)
        child.goes_with(view.get(key) if key else None)
        raise child.delete(visit, self, row)


def _pool_of(row: Monitor) -> str | None:
    return octavia.parent(row.get("pools"))


def _same_pool(visit: Visit, pool_id: str | None) -> bool:
    """Whether the pool that a monitor is on is a former self of the one it is to be on, which has replaced it."""
    row = next((each for each in visit.rows(POOLS) if each["id"] == pool_id), None)
    key = treeplan.pool_ref(visit.resource)
    pool = visit.attempt.view.get(key) if key else None
    if row is None or pool is None:
        return True
    mark = mark_of(row)
    return mark is not None and owner_of(visit.owner.cluster, pool).wrote(mark)
