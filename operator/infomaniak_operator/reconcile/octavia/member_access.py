"""From where a load balancer speaks to the members of a Pool, and to which ports: what a SecurityGroup may let in.

What was asked for and what is there count together, of members, protocols and checks: a port is let in before its
member comes, and until the last member at it is gone. Statuses say what is there; where they do not say all of it,
nothing may be taken from a group.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeGuard

from typing_extensions import override

from infomaniak_operator.api import json_types
from infomaniak_operator.client.session import is_id
from infomaniak_operator.controller.interfaces import RECONCILING, STALLED, CacheReader, Key, KubeObject
from infomaniak_operator.reconcile.generic.actuator import Unresolved
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import owner_of
from infomaniak_operator.reconcile.generic.fields import address
from infomaniak_operator.reconcile.generic.outcomes import DRY_RUN, PAUSED, annotated, retained, stands_ready
from infomaniak_operator.reconcile.generic.owned import Whose, whose
from infomaniak_operator.reconcile.neutron.member_rules import (
    MONITOR,
    Access,
    Family,
    PoolMembers,
    Reached,
    Spoken,
    Spot,
    in_a_row,
    monitors_of,
)
from infomaniak_operator.reconcile.octavia import compatibility, members, octavia_common
from infomaniak_operator.reconcile.octavia.member_cache import FORMER
from infomaniak_operator.reconcile.openstack.resource_types import HEALTH_MONITORS, LOAD_BALANCERS, POOLS

_SPOKEN: Mapping[str, Spoken] = {"UDP": "udp", "SCTP": "sctp"}
"""By the protocol of a pool, what is spoken to its members; TCP otherwise."""
_CHECKED_BY: Mapping[str, Spoken] = {"PING": "icmp", "UDP-CONNECT": "udp", "SCTP": "sctp"}
"""By the type of a health monitor, likewise."""
_LAST_PORT = 65535
_KEEPS_CLIENTS = "ovn"
"""The driver whose packets come to the members with the clients' own addresses."""


@dataclass(frozen=True, slots=True)
class _Member:
    """A member: where it is, and where it is checked."""

    host: str
    port: int
    subnet: str
    check_host: str
    check_port: int


def checked_pool(monitor: KubeObject) -> Key | None:
    """What a HealthMonitor stands for: with its type, what is to be let in at the members of its Pool changes.

    Of whatever body: one that cannot be read stands for nothing.
    """
    spec = monitor.spec
    ref = spec.get("poolRef") if isinstance(spec, Mapping) else None
    name = ref.get("name") if isinstance(ref, Mapping) else None
    if not isinstance(name, str) or not name:
        return None
    return monitors_of(Key(octavia_common.POOL, monitor.key.namespace, name))


class MembersOfPools(PoolMembers):
    """What is known of the members of Pools, by their objects, and by the pools and health monitors of the project."""

    @override
    def reached(self, pool: KubeObject, view: CacheReader, *, wished: bool = True) -> Reached:
        """What is known of the members of a Pool, by the cache alone."""
        found = list(_members(pool, view, wished=wished))
        addresses = frozenset({each.host for each in found} | {each.check_host for each in found})
        balancer = octavia_common.load_balancer_of(pool, view)
        untold = _untold(pool, balancer, view)
        if why := _waits(pool, balancer):
            return Reached(
                {"vip": [], "ways": [], "waits": f"Pool {pool.key.name}: {why}", "untold": untold or why}, addresses
            )
        vip = _vip(balancer) if balancer else []
        access: Access = {"vip": vip, "ways": in_a_row(_spots(pool, view, found, wished=wished))}
        if untold is not None:
            access["untold"] = untold
        return Reached(access, addresses)

    @override
    def more_in_cloud(self, context: ReconcileContext, pool: KubeObject) -> str:
        """A pool that this one has replaced, a change under way, a monitor that no HealthMonitor stands for."""
        status, view = json_types.POOL.status(pool), context.request.view
        if status.get("projectID") != context.cloud.project_id:
            return "its load balancer is in another project"
        if pending := _pending(context, pool):
            return pending
        owner, id_ = owner_of(context.owner.cluster, pool), status.get("id")
        spoken, checks = _spoken(pool, wished=True), _checks(pool, view, wished=True)
        for row in context.rows(POOLS):
            if whose(owner, row, child=FORMER) is Whose.OURS:
                return f"pool {row['id']}, which it has replaced, is still there"
            if row["id"] == id_ and row.get("provisioning_status") != "ACTIVE":
                return f"pool {id_} is {row.get('provisioning_status')}"
            if row["id"] == id_ and _SPOKEN.get(str(row.get("protocol")), "tcp") not in spoken:
                return f"pool {id_} has protocol {row.get('protocol')}"
        for check in context.rows(HEALTH_MONITORS):
            if id_ and octavia_common.parent(check.get("pools")) == id_:
                type_ = str(check.get("type"))
                if _CHECKED_BY.get(type_, "tcp") not in checks:
                    return f"health monitor {check['id']} of type {type_} checks its members"
        return ""

    @override
    def being_left(self, context: ReconcileContext, pool: KubeObject) -> bool:
        """Listeners and policies that have it in the cloud, and are to have another one.

        One that is being deleted is there until it is gone; what stays then was left to itself.
        """
        if pool.deleting:
            return not retained(pool)
        view, id_ = context.request.view, json_types.POOL.status(pool).get("id")
        if not id_:
            return False
        for each in view.objects(octavia_common.L7_POLICY, pool.key.namespace):
            spec, ours = json_types.L7POLICY.spec(each), not compatibility.at_rest(each)
            leaves = each.deleting or _id_of(pool, view, spec.get("poolRef")) != id_
            if ours and leaves and json_types.L7POLICY.status(each).get("poolID") == id_:
                return True
        balancer = octavia_common.load_balancer_of(pool, view)
        if balancer is None or balancer.deleting or compatibility.at_rest(balancer) or _stalled(balancer):
            return False  # its listeners go over to nothing
        listeners = json_types.LOAD_BALANCER.spec(balancer).get("listeners")
        if listeners is None or any(_id_of(pool, view, item.get("defaultPoolRef")) == id_ for item in listeners):
            return False
        # Octavia shows what a listener is to have as soon as it is told so, and does it later.
        return bool(_pending(context, pool)) or any(
            row["id"] == id_ and row.get("listeners") for row in context.rows(POOLS)
        )


def _id_of(pool: KubeObject, view: CacheReader, ref: json_types.Ref | None) -> str | None:
    """What a reference beside a Pool leads to in the cloud; several objects may stand for one pool."""
    found = view.get(Key(octavia_common.POOL, pool.key.namespace, ref["name"])) if ref else None
    return json_types.POOL.status(found).get("id") if found else None


def _stalled(balancer: KubeObject) -> bool:
    stalled = balancer.condition(STALLED) or {}
    return stalled.get("status") == "True" and stalled.get("observedGeneration") == balancer.generation


def _pending(context: ReconcileContext, pool: KubeObject) -> str:
    """What the load balancer of a Pool is about; empty: nothing is under way."""
    id_ = json_types.POOL.status(pool).get("loadBalancerID")
    states = (str(row.get("provisioning_status")) for row in context.rows(LOAD_BALANCERS) if row["id"] == id_)
    return next((f"load balancer {id_} is {state}" for state in states if state.startswith("PENDING")), "")


def _untold(pool: KubeObject, balancer: KubeObject | None, view: CacheReader) -> str | None:
    """Why statuses do not say all that a Pool may use in the cloud; empty: for a moment; None: they do."""
    status = json_types.POOL.status(pool)
    if json_types.POOL.spec(pool).get("managementPolicy") == "Unmanaged":
        return "it is only read (managementPolicy: Unmanaged), and others change it"
    if pool.deleting:
        return "its pool stays (deletionPolicy: Retain)" if retained(pool) else ""
    if balancer is None:
        return "its LoadBalancer is not there"
    for each in (pool, *_monitors(pool, view)):
        if each.deleting and retained(each):
            return f"the monitor of {each.key} stays (deletionPolicy: Retain)"
        why = _unsettled(each)
        if why is not None:
            return why
    if not status.get("id") or not status.get("protocol") or balancer.deleting:
        return ""
    shown = status.get("members") or ()
    if (status.get("memberCount") or 0) > len(shown):
        return f"its status lists {len(shown)} of {status.get('memberCount')} members"
    lacking = [each for each in _monitors(pool, view) if not json_types.HEALTH_MONITOR.status(each).get("type")]
    return f"{lacking[0].key} does not say its type" if lacking else None


def _unsettled(resource: KubeObject) -> str | None:
    """Why the cloud may not be as an object says; empty: for a moment; None: it is."""
    if stands_ready(resource) and (resource.condition(RECONCILING) or {}).get("status") != "True":
        return None
    if annotated(resource, PAUSED):
        return f"{resource.key} is paused"
    if annotated(resource, DRY_RUN):
        return f"{resource.key} is in a dry run"
    ready = resource.condition("Ready") or {}
    now = ready.get("observedGeneration") == resource.generation and ready.get("status") == "False"
    reconciling = (resource.condition(RECONCILING) or {}).get("status") == "True"
    return f"{resource.key} is not Ready ({ready.get('reason')})" if now and not reconciling else ""


def _waits(pool: KubeObject, balancer: KubeObject | None) -> str:
    """Why it cannot be told what is to be let in; empty if it can."""
    if balancer is None:
        ref = compatibility.balancer_ref(pool)
        return f"there is no LoadBalancer {ref.name} yet" if ref else "no LoadBalancer stands for its load balancer"
    spec, status = json_types.LOAD_BALANCER.spec(balancer), json_types.LOAD_BALANCER.status(balancer)
    if _KEEPS_CLIENTS in (spec.get("provider"), status.get("provider")):
        return f"the driver {_KEEPS_CLIENTS} keeps the clients' addresses: write rules for these by remoteIPPrefix"
    if not _vip(balancer):
        return f"LoadBalancer {balancer.key.name} has no VIP yet"
    return "" if _spoken(pool, wished=True) else "it does not say its protocol: write it in its spec"


def _vip(balancer: KubeObject) -> list[str]:
    """The subnets of a load balancer's VIPs."""
    status = json_types.LOAD_BALANCER.status(balancer)
    ids = [status.get("vipSubnetID"), *(each.get("subnetID") for each in status.get("additionalVips") or ())]
    return list(dict.fromkeys(str(each) for each in ids if is_id(each)))


def _members(pool: KubeObject, view: CacheReader, *, wished: bool) -> Iterator[_Member]:
    """The members that are there, and those that are to come.

    A subnet that the spec names by its id counts once a member is in it: the Pool may be refused for naming it.
    """
    spec, shown = json_types.POOL.spec(pool), _shown(pool)
    yield from shown.values()
    subnets = {each.subnet for each in shown.values()}
    unproved = {item.get("subnetID") for item in spec.get("members") or ()} - {None, *subnets}
    follows = wished and _followed(pool)
    for wanted in _wanted(pool, view) if follows else ():
        host, port = members.identity(wanted)
        there = shown.get((host, port))
        subnet = wanted.get("subnet_id") or (there.subnet if there else "")
        if subnet in unproved:
            continue
        check_host, check_port = (wanted["spec"].get(name) for name in ("monitorAddress", "monitorPort"))
        check = str(address(str(check_host or host)))
        yield _Member(host, port, subnet, check, check_port if isinstance(check_port, int) else port)
    # Those that a spec which cannot be resolved as a whole has checked elsewhere, as far as they are there.
    items = (*(spec.get("members") or ()), *(spec.get("portMembers") or ())) if follows else ()
    checked = {(item["port"], item["monitorPort"]) for item in items if item.get("monitorPort")}
    for each in shown.values():
        for port, check_port in checked:
            if port == each.port:
                yield _Member(each.host, each.port, each.subnet, each.check_host, check_port)


def _shown(pool: KubeObject) -> dict[members.Identity, _Member]:
    """The members that status shows, by address and port; with an empty subnet: they are reached from the VIP's."""
    found: dict[members.Identity, _Member] = {}
    for each in json_types.POOL.status(pool).get("members") or ():
        host, port, subnet = str(address(str(each.get("address")))), each.get("port"), each.get("subnetID")
        check_host, check_port = each.get("monitorAddress"), each.get("monitorPort")
        if _is_port(port):
            check = str(address(str(check_host or host)))
            checked = check_port if _is_port(check_port) else port
            found[host, port] = _Member(host, port, str(subnet) if is_id(subnet) else "", check, checked)
    return found


def _is_port(value: object) -> TypeGuard[int]:
    """Whether a status tells of a port: one that is none would have Neutron refuse the group's own rules, too."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LAST_PORT


def _wanted(pool: KubeObject, view: CacheReader) -> list[members.Wanted]:
    """The members that its spec asks for; none while that cannot be told, for then the Pool says why."""
    try:
        return members.resolve(pool, view)
    except Unresolved:
        return []


def _followed(resource: KubeObject) -> bool:
    """Whether what the spec of an object asks for comes to be in the cloud."""
    unmanaged = json_types.ANY.spec(resource).get("managementPolicy") == "Unmanaged"
    return not (resource.deleting or unmanaged or annotated(resource, PAUSED) or annotated(resource, DRY_RUN))


def _monitors(pool: KubeObject, view: CacheReader) -> list[KubeObject]:
    """The HealthMonitors of a Pool; those that go check until then."""
    return [each for each in view.referrers(pool.key) if each.key.kind == MONITOR]


def _spoken(pool: KubeObject, *, wished: bool) -> set[Spoken]:
    """What is spoken to the members, and is to be; where that is not known, what the spec says whatever comes of it."""
    there, asked = json_types.POOL.status(pool).get("protocol"), json_types.POOL.spec(pool).get("protocol")
    counts = (wished and _followed(pool)) or not there
    return {_SPOKEN.get(str(each), "tcp") for each in (there, asked if counts else None) if each}


def _checks(pool: KubeObject, view: CacheReader, *, wished: bool) -> set[Spoken]:
    """By what the members are checked, and are to be; without a monitor as they are spoken to."""
    found = _spoken(pool, wished=wished)
    for each in _monitors(pool, view):
        spec, status = json_types.HEALTH_MONITOR.spec(each), json_types.HEALTH_MONITOR.status(each)
        there, asked = status.get("type"), spec.get("type")
        counts = (wished and _followed(each)) or not there
        found |= {_CHECKED_BY.get(str(type_), "tcp") for type_ in (there, asked if counts else None) if type_}
    return found


def _spots(pool: KubeObject, view: CacheReader, found: list[_Member], *, wished: bool) -> Iterator[Spot]:
    """All that is spoken to the members: requests, and what their HealthMonitors send."""
    spoken, checks = _spoken(pool, wished=wished), _checks(pool, view, wished=wished)
    families = {host: _family(host) for each in found for host in (each.host, each.check_host)}
    for each in found:
        if family := families[each.host]:
            for protocol in spoken:
                yield Spot(each.subnet, family, protocol, each.port)
        if family := families[each.check_host]:
            for check in checks:
                yield Spot(each.subnet, family, check, 0 if check == "icmp" else each.check_port)


def _family(host: str) -> Family | None:
    """The family of an address; None for what is none."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return None
    return "IPv4" if version == 4 else "IPv6"  # noqa: PLR2004 - IP's own number
