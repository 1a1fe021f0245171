"""A new tree: the load balancer, its listeners, and every Pool and HealthMonitor that is ready for it, in one POST."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infomaniak_operator.client.bodies import ListenerBody, LoadBalancerBody, PoolBody
from infomaniak_operator.client.resources import HealthMonitor, LoadBalancer, Pool
from infomaniak_operator.engine.contract import KubeObject, View
from infomaniak_operator.reconcile import healthmonitor, listeners, members, treeplan
from infomaniak_operator.reconcile.actuator import Unresolved
from infomaniak_operator.reconcile.marks import Mark
from infomaniak_operator.reconcile.outcome import Unchanged
from infomaniak_operator.reconcile.pool import places, pool_body
from infomaniak_operator.reconcile.visit import Visit, may_have_acted, owner_of

QUIET = 0.3
"""Seconds for which nothing may have touched a new tree before it is made."""
LONGEST_HOLD = 1.0
"""Seconds for which it is held back by what comes, at most."""
LONGEST_WAIT = 10.0
"""Seconds for which it waits for what is there and has not been looked at yet, at most."""
NAMED_WAIT = 3.0
"""Seconds for which it waits for a pool that its listeners name and that is not there, at most: where many things are
applied, or a slow API server is asked, what follows in the same manifest is not there yet."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A Pool that is made with its load balancer, its members and its HealthMonitor."""

    pool: KubeObject
    members: list[dict[str, Any]]
    monitor: KubeObject | None


def hold_back(visit: Visit) -> None:
    """Hold a new tree back until nothing touches it any more, and all that is to be in it has been looked at.

    Raises:
        Unchanged: something has just come, which may belong to it.
    """
    tree, now = visit.tree, visit.attempt.clock.monotonic()
    if tree.held_back_since is None:
        tree.held_back_since = now
    held = now - tree.held_back_since
    restless = now - tree.touched < QUIET and held < LONGEST_HOLD
    resource, view = visit.resource, visit.attempt.view
    to_come = held < NAMED_WAIT and treeplan.absent(resource, view)
    if restless or to_come or (held < LONGEST_WAIT and treeplan.unvisited(resource, view, _unresolved(view))):
        raise Unchanged(QUIET)


def _unresolved(view: View) -> Callable[[KubeObject], bool]:
    """Whether a Pool cannot be made whatever its next visit finds, so that there is no use in waiting for that."""

    def found(pool: KubeObject) -> bool:
        try:
            members.resolve(pool, view)
        except Unresolved:
            return True
        return False

    return found


def branches(visit: Visit) -> list[Branch]:
    """What is made with the load balancer; what is not ready or does not fit is left out."""
    if visit.tree.bare:
        return []
    balancer, view = visit.resource, visit.attempt.view
    found: list[Branch] = []
    taken: set[str] = set()
    for pool in treeplan.pools_of(balancer, view):
        if not treeplan.enlisted(pool, balancer) or treeplan.misfit(balancer, pool) or visit.barred(pool):
            continue
        try:
            wanted = members.resolve(pool, view)
            recorded = _recorded(pool, places(pool, view))
        except Unresolved:
            continue
        if not recorded:
            continue
        if _name(pool) in taken:  # in one tree pools are told apart by their names
            continue
        taken.add(_name(pool))
        monitor = treeplan.monitor_to_make(pool, balancer, view)
        if monitor is not None and not _recorded(monitor, healthmonitor.places(monitor.spec)):
            monitor = None
        found.append(Branch(pool, wanted, monitor))
    return found


def _recorded(child: KubeObject, wanted: Iterable[str]) -> bool:
    """Whether the status of a child says already which fields of it are about to be set."""
    return set(wanted) <= set(child.status.get("appliedFields") or ())


def has_children(visit: Visit) -> bool:
    """Whether a create of the tree has anything beside the load balancer and its listeners in it."""
    return bool(branches(visit))


def outline(visit: Visit) -> str:
    """The tree that would be made, for people."""
    items = ", ".join(
        f"{item['name']} ({item['protocol']} {item['port']})" for item in visit.spec.get("listeners") or ()
    )
    view, balancer = visit.attempt.view, visit.resource
    pools = ", ".join(
        pool.key.name
        for pool in treeplan.pools_of(balancer, view)
        if not pool.deleting and treeplan.misfit(balancer, pool) is None and not visit.barred(pool)
    )
    return f"listeners {items or 'none'}; pools {pools or 'none'}"


def prepared(visit: Visit, body: LoadBalancerBody) -> Callable[[], LoadBalancer]:
    """All that is to be sent, and what sends it; only the sending can be of unknown outcome."""
    found = branches(visit)
    whole: LoadBalancerBody = {
        **body,
        "listeners": [_listener(visit, item, found) for item in visit.spec.get("listeners") or ()],
        "pools": [_branch(visit, branch) for branch in found],
    }
    return lambda: _make(visit, whole, found)


def _make(visit: Visit, whole: LoadBalancerBody, found: list[Branch]) -> LoadBalancer:
    """Send the POST; what it answers is held for those it was made for.

    Raises:
        InfomaniakCloudError: the service refused, or did not answer.
    """
    tree, clock = visit.tree, visit.attempt.clock
    try:
        row = visit.cloud.do.load_balancers.create_tree(whole)
    except BaseException as error:
        if may_have_acted(error):
            for child in _children(found):
                tree.unknown[child.uid] = clock.monotonic()
        raise
    tree.wrote(clock.monotonic())
    tree.load_balancer_id, tree.made_of = str(row["id"]), visit.resource.generation
    tree.bare, tree.held_back_since = False, None
    tree.unknown.clear()
    _hold(visit, row, found)
    visit.children["listeners"] = list(row.get("listeners") or ())
    return row


def _name(resource: KubeObject) -> str:
    return str(resource.spec.get("name") or resource.key.name)


def _mark(visit: Visit, resource: KubeObject) -> Mark:
    return owner_of(visit.owner.cluster, resource).mark()


def _children(found: list[Branch]) -> list[KubeObject]:
    return [*(branch.pool for branch in found), *(branch.monitor for branch in found if branch.monitor)]


def _listener(visit: Visit, item: Mapping[str, Any], found: list[Branch]) -> ListenerBody:
    body = listeners.creation(visit, item)
    ref = (item.get(listeners.POOL_REF) or {}).get("name")
    pool = next((branch.pool for branch in found if branch.pool.key.name == ref), None)
    if pool:
        body["default_pool"] = {"name": _name(pool)}
    return body


def _branch(visit: Visit, branch: Branch) -> PoolBody:
    body = pool_body(branch.pool.spec, _name(branch.pool), _mark(visit, branch.pool))
    body["members"] = members.bodies(branch.members, (), ())
    monitor = branch.monitor
    if monitor is not None:
        body["healthmonitor"] = healthmonitor.monitor_body(monitor.spec, _name(monitor), _mark(visit, monitor))
    return body


def _hold(visit: Visit, row: LoadBalancer, found: list[Branch]) -> None:
    """Hold what was made until the status of each shows it."""
    tree = visit.tree
    tree.held = {visit.resource.uid: row}
    by_tag = {tag: each for each in row.get("pools") or () for tag in each.get("tags") or ()}
    for branch in found:
        pool = by_tag.get(_mark(visit, branch.pool).text)
        if pool is None:
            continue
        inside: Pool = {**pool, "loadbalancers": [{"id": row["id"]}]}
        tree.held[branch.pool.uid] = inside
        monitor = pool.get("healthmonitor")
        if branch.monitor is not None and monitor:
            checking: HealthMonitor = {**monitor, "pools": [{"id": pool["id"]}]}
            tree.held[branch.monitor.uid] = checking
