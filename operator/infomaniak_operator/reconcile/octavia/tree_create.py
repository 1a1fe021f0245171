"""A new tree in one POST: the load balancer, its listeners, every Pool, HealthMonitor and L7Policy that is ready."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from infomaniak_operator.api import json_types
from infomaniak_operator.client.bodies import L7PolicyBody, ListenerBody, LoadBalancerBody, PoolBody
from infomaniak_operator.client.resources import HealthMonitor, L7Policy, LoadBalancer, Pool
from infomaniak_operator.controller.interfaces import CacheReader, KubeObject
from infomaniak_operator.reconcile.generic.actuator import Unresolved
from infomaniak_operator.reconcile.generic.context import ReconcileContext, may_have_acted
from infomaniak_operator.reconcile.generic.facts import owner_of
from infomaniak_operator.reconcile.generic.outcomes import Unchanged
from infomaniak_operator.reconcile.octavia import (
    certificates,
    compatibility,
    first_minute,
    health_monitor,
    l7_fit,
    l7_policy,
    l7_rules,
    listeners,
    members,
    octavia_common,
)
from infomaniak_operator.reconcile.octavia.pool import places, pool_body, speaks_tls
from infomaniak_operator.reconcile.octavia.seen import SeenBalancer
from infomaniak_operator.reconcile.ownership.marks import Mark

QUIET = 0.3
"""Seconds for which nothing may have touched a new tree before it is made."""
LONGEST_HOLD = 1.0
"""Seconds for which it is held back by what comes, at most."""
LONGEST_WAIT = 10.0
"""Seconds for which it waits for what is there and has not been looked at yet, at most."""
NAMED_WAIT = 3.0
"""Seconds for which it waits for a pool or Secret that its listeners name and that is not there, at most: where many
things are applied, or a slow API server is asked, what follows in the same manifest is not there yet."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A Pool that is made with its load balancer, its members and its HealthMonitor."""

    pool: KubeObject
    members: list[members.Wanted]
    monitor: KubeObject | None


@dataclass(frozen=True, slots=True)
class Shoot:
    """An L7Policy that is made with its load balancer, and the Pool that it sends to."""

    policy: KubeObject
    pool: KubeObject | None


@dataclass(frozen=True, slots=True)
class Growth:
    """All that is made with a load balancer and its listeners."""

    branches: list[Branch] = field(default_factory=list)
    shoots: list[Shoot] = field(default_factory=list)


def hold_back(context: ReconcileContext) -> Unchanged | None:
    """Hold a new tree back until nothing touches it any more, and all that is to be in it has been looked at."""
    tree, now = octavia_common.tree_of(context), context.request.clock.monotonic()
    if tree.held_back_since is None:
        tree.held_back_since = now
    held = now - tree.held_back_since
    restless = now - tree.touched < QUIET and held < LONGEST_HOLD
    resource, view = context.resource, context.request.view
    to_come = held < NAMED_WAIT and (compatibility.absent(resource, view) or certificates.absent(resource, view))
    if restless or to_come or (held < LONGEST_WAIT and compatibility.not_reconciled(resource, view, _unresolved(view))):
        return Unchanged(QUIET)
    return None


def _unresolved(view: CacheReader) -> Callable[[KubeObject], bool]:
    """Whether a Pool cannot be made whatever its next reconcile finds, so that there is no use in waiting for that."""

    def found(pool: KubeObject) -> bool:
        try:
            members.resolve(pool, view)
        except Unresolved:
            return True
        return False

    return found


def branches(context: ReconcileContext) -> list[Branch]:
    """What is made with the load balancer; what is not ready or does not fit is left out."""
    if octavia_common.tree_of(context).bare:
        return []
    balancer, view = context.resource, context.request.view
    found: list[Branch] = []
    taken: set[str] = set()
    for pool in compatibility.pools_of(balancer, view):
        if not compatibility.enlisted(pool, balancer) or compatibility.misfit(balancer, pool) or context.barred(pool):
            continue
        if speaks_tls(json_types.POOL.spec(pool)):  # Octavia 19 answers 500 to a tree with such a pool in it
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
        monitor = compatibility.monitor_to_make(pool, balancer, view)
        if monitor is not None and not _recorded(
            monitor, health_monitor.places(json_types.HEALTH_MONITOR.spec(monitor))
        ):
            monitor = None
        found.append(Branch(pool, wanted, monitor))
    return found


def growth(context: ReconcileContext) -> Growth:
    """The Pools and the L7Policies, in their order, that are made with the load balancer."""
    found = branches(context)
    if octavia_common.tree_of(context).bare:
        return Growth()
    balancer, view = context.resource, context.request.view
    made = {branch.pool.key: branch.pool for branch in found}
    shoots = []
    for policy in l7_fit.policies_of(balancer, view):
        if not compatibility.enlisted(policy, balancer) or context.barred(policy):
            continue
        to = l7_fit.pool_ref(policy)
        pool = made.get(to) if to else None
        if (to and pool is None) or l7_fit.problem(policy, balancer, pool):
            continue
        if _recorded(policy, l7_policy.places(json_types.L7POLICY.spec(policy))):
            shoots.append(Shoot(policy, pool))
    return Growth(found, shoots)


def _recorded(child: KubeObject, wanted: Iterable[str]) -> bool:
    """Whether the status of a child says already which fields of it are about to be set."""
    return set(wanted) <= set(json_types.ANY.status(child).get("appliedFields") or ())


def has_children(context: ReconcileContext) -> bool:
    """Whether a create of the tree has anything beside the load balancer and its listeners in it."""
    found = growth(context)
    return bool(found.branches or found.shoots)


def outline(context: ReconcileContext) -> str:
    """The tree that would be made, for people."""
    items = ", ".join(f"{item['name']} ({item['protocol']} {item['port']})" for item in listeners.items_of(context))
    view, balancer = context.request.view, context.resource
    pools = ", ".join(
        pool.key.name
        for pool in compatibility.pools_of(balancer, view)
        if not pool.deleting and compatibility.misfit(balancer, pool) is None and not context.barred(pool)
    )
    policies = ", ".join(
        policy.key.name
        for policy in l7_fit.policies_of(balancer, view)
        if l7_fit.item_of(policy, balancer)
        and l7_fit.problem(policy, balancer, None) is None
        and not context.barred(policy)
    )
    more = f"; L7 policies {policies}" if policies else ""
    return f"listeners {items or 'none'}; pools {pools or 'none'}{more}"


def prepared(context: ReconcileContext, body: LoadBalancerBody) -> Callable[[], LoadBalancer]:
    """All that is to be sent, and what sends it; only the sending can be of unknown outcome."""
    found = growth(context)
    whole: LoadBalancerBody = {
        **body,
        "listeners": [
            _listener(context, item, found)
            for item in listeners.items_of(context)
            if not certificates.lacking(context, item)
        ],
        "pools": [_branch(context, branch) for branch in found.branches],
    }
    return lambda: _make(context, whole, found)


def by_itself(context: ReconcileContext, body: LoadBalancerBody) -> Callable[[], LoadBalancer]:
    """The same for a load balancer alone: what is to be in it follows, one by one."""
    return lambda: _make(context, {**body, "listeners": [], "pools": []}, Growth())


def _make(context: ReconcileContext, whole: LoadBalancerBody, found: Growth) -> LoadBalancer:
    """Send the POST; what it answers is held for those it was made for.

    Raises:
        InfomaniakCloudError: the service refused, or did not answer.
    """
    tree, clock = octavia_common.tree_of(context), context.request.clock
    try:
        row = context.cloud.do.load_balancers.create_tree(whole)
    except BaseException as error:
        if may_have_acted(error):
            for child in _children(found):
                tree.unknown[child.uid] = clock.monotonic()
        raise
    tree.wrote(clock.monotonic())
    tree.load_balancer_id, tree.made_of = str(row["id"]), context.resource.generation
    tree.bare, tree.held_back_since = False, None
    tree.unknown.clear()
    _hold(context, row, found)
    context.seen.of(SeenBalancer).listeners = list(row.get("listeners") or ())
    return row


def _name(resource: KubeObject) -> str:
    return str(json_types.ANY.spec(resource).get("name") or resource.key.name)


def _mark(context: ReconcileContext, resource: KubeObject) -> Mark:
    return owner_of(context.owner.cluster, resource).mark()


def _children(found: Growth) -> list[KubeObject]:
    pools = [branch.pool for branch in found.branches]
    monitors = [branch.monitor for branch in found.branches if branch.monitor]
    return [*pools, *monitors, *(shoot.policy for shoot in found.shoots)]


def _listener(context: ReconcileContext, item: json_types.Listener, found: Growth) -> ListenerBody:
    body = listeners.creation(context, item)
    ref = item.get(listeners.POOL_REF)
    pool = next((branch.pool for branch in found.branches if ref and branch.pool.key.name == ref["name"]), None)
    if pool:
        body["default_pool"] = {"name": _name(pool)}
    ours = [each for each in found.shoots if json_types.L7POLICY.spec(each.policy).get("listener") == item["name"]]
    policies = [*(_shoot(context, each) for each in ours), *(body.get("l7policies") or ())]
    for position, policy in enumerate(policies, 1):
        policy["position"] = position
    if policies:
        body["l7policies"] = policies
    return body


def _shoot(context: ReconcileContext, shoot: Shoot) -> L7PolicyBody:
    spec = json_types.L7POLICY.spec(shoot.policy)
    body = l7_policy.policy_body(spec, _name(shoot.policy), _mark(context, shoot.policy))
    body["rules"] = l7_rules.bodies(spec)
    if shoot.pool is not None:
        body["redirect_pool"] = {"name": _name(shoot.pool)}
    return body


def _branch(context: ReconcileContext, branch: Branch) -> PoolBody:
    body = pool_body(json_types.POOL.spec(branch.pool), _name(branch.pool), _mark(context, branch.pool))
    body["members"] = members.bodies(branch.members, (), ())
    monitor = branch.monitor
    if monitor is not None:
        spec = json_types.HEALTH_MONITOR.spec(monitor)
        body["healthmonitor"] = health_monitor.monitor_body(spec, _name(monitor), _mark(context, monitor))
    return body


def _hold(context: ReconcileContext, row: LoadBalancer, found: Growth) -> None:
    """Hold what was made until the status of each shows it."""
    tree = octavia_common.tree_of(context)
    tree.held = {context.resource.uid: row}
    by_tag = {tag: each for each in row.get("pools") or () for tag in each.get("tags") or ()}
    for branch in found.branches:
        pool = by_tag.get(_mark(context, branch.pool).text)
        if pool is None:
            continue
        inside: Pool = {**pool, "loadbalancers": [{"id": row["id"]}]}
        tree.held[branch.pool.uid] = inside
        monitor = pool.get("healthmonitor")
        if branch.monitor is not None and monitor:
            checking: HealthMonitor = {**monitor, "pools": [{"id": pool["id"]}]}
            tree.held[branch.monitor.uid] = checking
            first_minute.note(context, checking, new=True)
    shoots = {_mark(context, shoot.policy).text: shoot.policy.uid for shoot in found.shoots}
    for listener in row.get("listeners") or ():
        for policy in listener.get("l7policies") or ():
            for uid in (shoots[tag] for tag in policy.get("tags") or () if tag in shoots):
                made: L7Policy = {**policy, "listener_id": listener["id"]}
                tree.held[uid] = made
