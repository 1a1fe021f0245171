"""The rules across the objects of one tree, and which of them a new load balancer is made with. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from infomaniak_operator.api import json_types
from infomaniak_operator.controller.interfaces import FINALIZER, STALLED, CacheReader, Key, KubeObject
from infomaniak_operator.reconcile.generic.outcomes import DRY_RUN, PAUSED, annotated
from infomaniak_operator.reconcile.octavia.octavia_common import L7_POLICY, LOAD_BALANCER, MONITOR, POOL

FITS: Mapping[str, frozenset[str]] = {
    "TCP": frozenset({"HTTP", "HTTPS", "PROXY", "PROXYV2", "TCP"}),
    "HTTP": frozenset({"HTTP", "PROXY", "PROXYV2"}),
    "HTTPS": frozenset({"HTTPS", "PROXY", "PROXYV2", "TCP"}),
    "TERMINATED_HTTPS": frozenset({"HTTP", "PROXY", "PROXYV2"}),
    "UDP": frozenset({"UDP"}),
    "SCTP": frozenset({"SCTP"}),
    "PROMETHEUS": frozenset(),
}
"""Which protocols of a pool a listener's protocol goes with."""
_DATAGRAM = ("UDP", "SCTP")
_DATAGRAM_MONITORS = ("UDP-CONNECT", "SCTP")
_ANY_MONITOR = ("HTTP", "TCP")


def younger(one: KubeObject, other: KubeObject) -> bool:
    """Whether the first of two objects is the younger; of two made in the same second the first is."""
    return one.created >= other.created


def fits(listener_protocol: str, pool_protocol: str | None) -> bool:
    """Whether a listener can have such a pool."""
    return pool_protocol in FITS.get(listener_protocol, frozenset())


def listeners_of(balancer: KubeObject, pool: KubeObject) -> list[json_types.Listener]:
    """The listeners of a load balancer whose default pool this is."""
    return [
        item
        for item in json_types.LOAD_BALANCER.spec(balancer).get("listeners") or ()
        if (ref := item.get("defaultPoolRef")) and ref["name"] == pool.key.name
    ]


def at_rest(balancer: KubeObject) -> str:
    """Why a load balancer changes none of its listeners: ``is paused``; empty where it does change them."""
    if json_types.LOAD_BALANCER.spec(balancer).get("managementPolicy") == "Unmanaged":
        return "is only read (managementPolicy: Unmanaged)"
    if annotated(balancer, PAUSED):
        return "is paused"
    return "is in a dry run" if annotated(balancer, DRY_RUN) else ""


def going_over(balancer: KubeObject, listener_ids: Collection[str]) -> list[str]:
    """The listeners that have a pool in the cloud, and are about to get a redirect or another pool instead of it.

    None where the load balancer does not change them: it goes or is paused, or a person must mend it first.

    Args:
        balancer: the load balancer; its spec does not name the pool any more.
        listener_ids: the listeners that have it in the cloud.
    """
    stalled = balancer.condition(STALLED) or {}
    held = stalled.get("status") == "True" and stalled.get("observedGeneration") == balancer.generation
    if balancer.deleting or held or at_rest(balancer):
        return []
    status = json_types.LOAD_BALANCER.status(balancer)
    having = {str(item["name"]) for item in status.get("listeners") or () if item.get("id") in listener_ids}
    applied = status.get("appliedFields") or ()
    return [
        str(item["name"])
        for item in json_types.LOAD_BALANCER.spec(balancer).get("listeners") or ()
        if item["name"] in having
        and f"listeners[{item['name']}].defaultPoolRef" in applied
        and (item.get("defaultPoolRef") or item.get("redirectToHTTPS"))
    ]


def misfit(balancer: KubeObject, pool: KubeObject) -> str | None:
    """What does not go together between a load balancer and a pool; None where all does."""
    protocol = json_types.POOL.spec(pool).get("protocol")
    for item in listeners_of(balancer, pool):
        if protocol and not fits(item["protocol"], protocol):
            takes = ", ".join(sorted(FITS.get(item["protocol"], ()))) or "none"
            return (
                f"listener {item['name']} of LoadBalancer {balancer.key.name} speaks {item['protocol']} and takes a "
                f"pool of protocol {takes}, but Pool {pool.key.name} has {protocol}"
            )
    return None


def pool_problem(pool: KubeObject, balancer: KubeObject | None) -> str | None:
    """Why a Pool cannot be had, where it is the younger of the two; None if it can."""
    if balancer is None or balancer.deleting or not younger(pool, balancer):
        return None
    problem = misfit(balancer, pool)
    return f"spec.protocol: {problem}: change one of them" if problem else None


def balancer_problem(balancer: KubeObject, view: CacheReader) -> str | None:
    """Why a LoadBalancer cannot be had, where it is the younger; None if it can."""
    for pool in pools_of(balancer, view):
        if not pool.deleting and not younger(pool, balancer):
            problem = misfit(balancer, pool)
            if problem:
                return f"spec.listeners: {problem}: change one of them"
    return None


def monitor_problem(monitor: KubeObject, pool: KubeObject, view: CacheReader) -> str | None:
    """Why a HealthMonitor cannot be had; None if it can."""
    other = older_monitor(monitor, pool, view)
    if other is not None:
        return (
            f"spec.poolRef: Pool {pool.key.name} has the HealthMonitor {other.key.name} already, which is older, "
            "and a pool has one: delete one of them"
        )
    kind = json_types.HEALTH_MONITOR.spec(monitor).get("type")
    protocol = json_types.POOL.spec(pool).get("protocol")
    if not kind or not protocol or not younger(monitor, pool):
        return None
    if protocol in _DATAGRAM and kind not in (*_ANY_MONITOR, *_DATAGRAM_MONITORS):
        allowed = ", ".join(sorted((*_ANY_MONITOR, *_DATAGRAM_MONITORS)))
        return f"spec.type: Pool {pool.key.name} has protocol {protocol}, whose members are checked by {allowed}"
    if protocol not in _DATAGRAM and kind in _DATAGRAM_MONITORS:
        return f"spec.type: {kind} is for pools of protocol UDP or SCTP, but Pool {pool.key.name} has {protocol}"
    return None


def older_monitor(monitor: KubeObject, pool: KubeObject, view: CacheReader) -> KubeObject | None:
    """The HealthMonitor that the pool has already; a pool has one."""
    others = (each for each in monitors_of(pool, view) if each.uid != monitor.uid and _before(each, monitor))
    return next(others, None)


def going_monitor(monitor: KubeObject, pool: KubeObject, view: CacheReader) -> KubeObject | None:
    """A HealthMonitor that is being deleted, and may still be the pool's in the cloud."""
    others = (each for each in view.referrers(pool.key) if each.key.kind == MONITOR and each.uid != monitor.uid)
    return next((each for each in others if each.deleting and FINALIZER in each.finalizers), None)


def _before(one: KubeObject, other: KubeObject) -> bool:
    return (one.created, one.key.name) < (other.created, other.key.name)


def pools_of(balancer: KubeObject, view: CacheReader) -> list[KubeObject]:
    """The Pools that refer to a load balancer."""
    return [each for each in view.referrers(balancer.key) if each.key.kind == POOL]


def monitors_of(pool: KubeObject, view: CacheReader) -> list[KubeObject]:
    """The HealthMonitors that refer to a pool and stay."""
    return [each for each in view.referrers(pool.key) if each.key.kind == MONITOR and not each.deleting]


def pool_ref(resource: KubeObject) -> Key | None:
    """The Pool that an object refers to."""
    ref = json_types.HEALTH_MONITOR.spec(resource).get("poolRef")
    return Key(POOL, resource.key.namespace, ref["name"]) if ref else None


def balancer_ref(resource: KubeObject) -> Key | None:
    """The LoadBalancer that an object refers to."""
    ref = json_types.POOL.spec(resource).get("loadBalancerRef")
    return Key(LOAD_BALANCER, resource.key.namespace, ref["name"]) if ref else None


def enlisted(child: KubeObject, balancer: KubeObject) -> bool:
    """Whether a child is ready to be made together with its load balancer: it has its finalizer, and no id."""
    spec = json_types.ANY.spec(child)
    return (
        FINALIZER in child.finalizers
        and not child.deleting
        and not json_types.ANY.status(child).get("id")
        and spec.get("managementPolicy") != "Unmanaged"
        and not spec.get("import")
        and not annotated(child, PAUSED)
        and not annotated(child, DRY_RUN)
        and spec.get("cloudCredentialsRef") == json_types.ANY.spec(balancer).get("cloudCredentialsRef")
    )


def absent(balancer: KubeObject, view: CacheReader) -> bool:
    """Whether a listener names a Pool that is not there."""
    refs = [item.get("defaultPoolRef") for item in json_types.LOAD_BALANCER.spec(balancer).get("listeners") or ()]
    return any(ref and view.get(Key(POOL, balancer.key.namespace, ref["name"])) is None for ref in refs)


def not_reconciled(
    balancer: KubeObject, view: CacheReader, hopeless: Callable[[KubeObject], bool] = lambda _: False
) -> bool:
    """Whether an object of the tree has not been looked at yet since it came, or since the former tree went.

    It may be about to enlist: one that is new, or still shows what was in a load balancer that is no more.

    Args:
        balancer: the load balancer.
        view: the cache.
        hopeless: whether a Pool cannot be made in any case.
    """
    pools = [pool for pool in pools_of(balancer, view) if not hopeless(pool)]
    policies = (each for each in view.referrers(balancer.key) if each.key.kind == L7_POLICY)
    monitors = (each for pool in pools for each in monitors_of(pool, view))
    children: Iterable[KubeObject] = [*pools, *monitors, *policies]
    return any(
        not each.deleting and (not json_types.ANY.status(each).get("conditions") or _stale(each)) for each in children
    )


def _stale(child: KubeObject) -> bool:
    settled = annotated(child, PAUSED) or annotated(child, DRY_RUN)
    spec, status = json_types.ANY.spec(child), json_types.ANY.status(child)
    ours = spec.get("managementPolicy") != "Unmanaged" and not spec.get("import")
    behind = FINALIZER in child.finalizers and status.get("observedGeneration") != child.generation
    return (bool(status.get("id")) or behind) and ours and not settled


def monitor_to_make(pool: KubeObject, balancer: KubeObject, view: CacheReader) -> KubeObject | None:
    """The HealthMonitor that a pool is made with."""
    for each in monitors_of(pool, view):
        if enlisted(each, balancer) and monitor_problem(each, pool, view) is None:
            return each
    return None
