"""How a picture of the network comes of the objects of a cluster: each has its place below what it is in. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from infomaniak_operator.controller.interfaces import Key
from infomaniak_operator.plugin.graph import parts
from infomaniak_operator.plugin.graph.places import NOWHERE, Place, Places
from infomaniak_operator.plugin.graph.topology import (
    Address,
    Balancer,
    Head,
    Health,
    Listener,
    Network,
    Outside,
    Pool,
    Port,
    Router,
    Row,
    Topology,
    first,
    head_of,
    health_of,
    health_of_status,
    items,
    text,
)
from infomaniak_operator.plugin.stack import Stack

NETWORK, ROUTER, ADDRESS, BALANCER = "InfomaniakNetwork", "Router", "FloatingIP", "LoadBalancer"
POOL, MONITOR, POLICY, PORT = "Pool", "HealthMonitor", "L7Policy", "Port"


def topology(stack: Stack, where: str) -> Topology:
    """What the picture shows.

    Args:
        stack: the objects.
        where: of which namespace, in words.
    """
    return _Builder(stack, where).topology()


class _Builder:
    """Puts each object in its place, once. What is referred to and missing has a place, too."""

    def __init__(self, stack: Stack, where: str) -> None:
        self._stack, self._where = stack, where
        self._places = Places(stack)
        self._several = len({key.namespace for key in stack.keys}) > 1
        self._placed: set[Key] = set()
        self._addresses = self._by_place(ADDRESS, self._places.target)
        self._pools = self._by_place(POOL, self._places.balancer_of_pool)
        self._monitors = self._by_place(MONITOR, self._places.pool_of_monitor)
        self._policies = self._by_place(POLICY, self._places.balancer_of_policy)
        self._balancers = self._by_place(BALANCER, self._places.network_of_balancer)
        self._ports = self._by_place(PORT, self._places.network_of_port)
        wanted = [each for each in (*self._pools, *self._policies, *self._addresses) if isinstance(each, Key)]
        for each in sorted({each for each in wanted if each not in set(stack.keys)}):
            if each.kind in (BALANCER, PORT):  # what is missing is in no network
                (self._balancers if each.kind == BALANCER else self._ports).setdefault(NOWHERE, []).append(each)

    def topology(self) -> Topology:
        """All of it."""
        routers: dict[Place, list[Key]] = self._by_place(ROUTER, self._places.outside_of_router)
        drawn: dict[Place, Key] = {}
        for place in sorted(routers, key=lambda each: (each == NOWHERE, str(each))):  # those with a way out come first
            for router in routers[place]:
                for network in self._places.networks_of_router(router):
                    if not self._places.is_outside(network):
                        drawn.setdefault(network, router)
        outsides = [each for each in self._places.outsides() if each != NOWHERE]
        outside_parts = tuple(self._outside(each, routers.get(each, ()), drawn) for each in outsides)
        apart = tuple(self._router(each, drawn) for each in routers.get(NOWHERE, ()))
        inside = dict.fromkeys(
            [
                *(each for each in self._keys(NETWORK) if not self._places.is_outside(each)),
                *sorted((each for each in (*self._balancers, *self._ports) if each != NOWHERE), key=str),
                *([NOWHERE] if self._balancers.get(NOWHERE) or self._ports.get(NOWHERE) else []),
            ]
        )
        alone = [each for each in inside if each not in drawn and not self._places.is_outside(each)]
        networks = tuple(self._network(each) for each in alone)
        lost = tuple(self._address(each, leads=True) for each in self._addresses.get(NOWHERE, ()))
        if lost:
            outside_parts = (*outside_parts, Outside(_unknown("external network", "not known yet"), addresses=lost))
        others = tuple(self._head(key) for key in self._stack.keys if key not in self._placed)
        counts: dict[Health, int] = {}
        for key in self._stack.keys:
            health = health_of(self._stack.standing(key))
            counts[health] = counts.get(health, 0) + 1
        failed = tuple(
            f"{key.kind} {self._name(key)}"
            for key in self._stack.keys
            if health_of(self._stack.standing(key)) is Health.FAILED
        )
        return Topology(self._where, outside_parts, apart, networks, others, counts, failed)

    def _keys(self, kind: str) -> list[Key]:
        return [key for key in self._stack.keys if key.kind == kind]

    def _by_place(self, kind: str, place: Callable[[Key], Place]) -> dict[Place, list[Key]]:
        found: dict[Place, list[Key]] = {}
        for key in self._keys(kind):
            found.setdefault(place(key), []).append(key)
        return found

    def _name(self, key: Key) -> str:
        return f"{key.namespace}/{key.name}" if self._several else key.name

    def _head(self, key: Key) -> Head:
        self._placed.add(key)
        return head_of(self._stack, key, named_with_namespace=self._several)

    def _outside(self, place: Place, routers: Iterable[Key], drawn: Mapping[Place, Key]) -> Outside:
        heads = [self._head(key) for key in self._places.objects_of(place)]
        name = self._places.name_of(place)
        health = heads[0].health if heads else Health.UNKNOWN
        head = Head("external network", name, health, heads[0].notes if heads else (), heads[0].said if heads else "")
        rows = first([Row(f"{each.noun} {each.name}", "", each.health) for each in heads], parts.MOST_ROWS)
        inside = Network(
            _unknown("network", "directly outside"), first([], 0), self._balancers_in(place), self._ports_in(place)
        )
        return Outside(
            head,
            rows,
            tuple(self._address(each, leads=True) for each in self._addresses.get(place, ())),
            tuple(self._router(each, drawn) for each in routers),
            inside if inside.balancers or inside.ports else None,
        )

    def _router(self, key: Key, drawn: Mapping[Place, Key]) -> Router:
        networks = self._places.networks_of_router(key)
        own = [each for each in networks if drawn.get(each) == key]
        elsewhere = [
            Row(self._place_name(each), f"drawn at {drawn[each].name}" if each in drawn else "outside")
            for each in networks
            if each not in own
        ]
        rows = parts.router_rows(self._stack.object(key), elsewhere)  # type: ignore[arg-type]
        return Router(self._head(key), rows, tuple(self._network(each) for each in own))

    def _place_name(self, place: Place) -> str:
        return self._name(place) if isinstance(place, Key) else place.partition(":")[2]

    def _network(self, place: Place) -> Network:
        if isinstance(place, Key):
            head, rows = self._head(place), parts.subnets(self._stack.object(place))
        else:
            name = "not known" if place == NOWHERE else place.partition(":")[2]
            head, rows = _unknown("network", name), first([], 0)
        return Network(head, rows, self._balancers_in(place), self._ports_in(place))

    def _balancers_in(self, place: Place) -> tuple[Balancer, ...]:
        found = [self._balancer(each) for each in self._balancers.get(place, ())]
        if place == NOWHERE and self._pools.get(NOWHERE):  # pools that name no load balancer that is known
            found.append(
                Balancer(
                    _unknown("load balancer", "not known"),
                    first([], 0),
                    (),
                    (),
                    tuple(self._pool(each) for each in self._pools[NOWHERE]),
                )
            )
        return tuple(found)

    def _ports_in(self, place: Place) -> tuple[Port, ...]:
        return tuple(
            Port(self._head(each), parts.port_rows(self._stack.object(each)), self._addresses_of(each))
            for each in self._ports.get(place, ())
        )

    def _addresses_of(self, target: Key) -> tuple[Address, ...]:
        return tuple(self._address(each, leads=False) for each in self._addresses.get(target, ()))

    def _address(self, key: Key, *, leads: bool) -> Address:
        resource = self._stack.object(key)
        address = text(parts.status_of(resource), "address") or text(parts.spec_of(resource), "address")
        port = text(parts.status_of(resource), "portID") or text(parts.spec_of(resource), "portID")
        forwards = parts.forwards(resource) if resource else first([], 0)
        said = (f"→ port {port}" if port else "not associated") if leads and not forwards.shown else ""
        return Address(self._head(key), address, said, forwards)

    def _balancer(self, key: Key) -> Balancer:
        resource = self._stack.object(key)
        spec, status = parts.spec_of(resource), parts.status_of(resource)
        wished = {text(each, "name"): each for each in items(spec, "listeners")}
        there = {text(each, "name"): each for each in items(status, "listeners")}
        names = [*wished, *(each for each in there if each not in wished)]
        pools = list(self._pools.get(key, ()))
        for each in (
            *wished.values(),
            *(parts.spec_of(self._stack.object(one)) for one in self._policies.get(key, ())),
        ):
            name = text(each, "defaultPoolRef", "name") or text(each, "poolRef", "name")
            pool = Key(POOL, key.namespace, name)
            if name and pool not in pools and self._stack.object(pool) is None:  # it is missing
                pools.append(pool)
        listeners = tuple(
            self._listener(key, name, wished.get(name, {}), there.get(name, {}), pools)
            for name in names[: parts.MOST_LISTENERS]
        )
        more = len(names) - parts.MOST_LISTENERS
        return Balancer(
            self._head(key),
            parts.balancer_rows(resource),
            self._addresses_of(key),
            (*listeners, *self._stray_policies(key, names, pools)),
            tuple(self._pool(each) for each in pools),
            f"+ {more} more listeners" if more > 0 else "",
        )

    def _listener(
        self, key: Key, name: str, spec: Mapping[str, object], status: Mapping[str, object], pools: Sequence[Key]
    ) -> Listener:
        policies = [each for each in self._policies.get(key, ()) if self._listener_of(each) == name]
        port, protocol = text(spec, "port"), text(spec, "protocol")
        rows, targets = self._policy_rows(policies, spec)
        wanted = [text(spec, "defaultPoolRef", "name"), *targets]
        places = [Key(POOL, key.namespace, each) for each in wanted if each]
        return Listener(
            name,
            f"{protocol} :{port}" if port else protocol,
            health_of_status(text(status, "operatingStatus")),
            first(rows, parts.MOST_ROWS),
            tuple(dict.fromkeys(pools.index(each) for each in places if each in pools)),
        )

    def _listener_of(self, policy: Key) -> str:
        return text(parts.spec_of(self._stack.object(policy)), "listener")

    def _policy_rows(self, policies: Iterable[Key], spec: object) -> tuple[list[Row], list[str]]:
        host = text(spec, "redirectToHTTPS", "host")
        rows, targets = ([Row("redirect", f"→ https://{host}")] if host else []), []
        for each in policies:
            resource, head = self._stack.object(each), self._head(each)
            if resource is not None:
                rows.append(parts.policy_row(head.name, head.health, resource))
                targets.append(text(parts.spec_of(resource), "poolRef", "name"))
        return rows, targets

    def _stray_policies(self, key: Key, names: Sequence[str], pools: Sequence[Key]) -> tuple[Listener, ...]:
        """L7 policies of listeners that the load balancer does not have, or that are not shown."""
        shown = set(names[: parts.MOST_LISTENERS])
        stray = [each for each in self._policies.get(key, ()) if self._listener_of(each) not in shown]
        if not stray:
            return ()
        rows, targets = self._policy_rows(stray, {})
        places = [Key(POOL, key.namespace, each) for each in targets if each]
        found = tuple(dict.fromkeys(pools.index(each) for each in places if each in pools))
        return (Listener("other listeners", "", Health.UNKNOWN, first(rows, parts.MOST_ROWS), found),)

    def _pool(self, key: Key) -> Pool:
        resource = self._stack.object(key)
        monitors = []
        for each in self._monitors.get(key, ()):
            head, monitor = self._head(each), self._stack.object(each)
            if monitor is not None:
                monitors.append(parts.monitor_row(head.name, head.health, monitor))
        return Pool(self._head(key), parts.pool_line(resource), tuple(monitors), parts.members(resource))


def _unknown(noun: str, name: str) -> Head:
    """Of what no object stands for."""
    return Head(noun, name, Health.UNKNOWN)
