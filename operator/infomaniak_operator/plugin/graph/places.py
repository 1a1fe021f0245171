"""Where each object belongs: by what its spec refers to, else by the ids in specs and statuses. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from infomaniak_operator.controller.interfaces import Key
from infomaniak_operator.plugin.graph.topology import at, items, text
from infomaniak_operator.plugin.stack import Stack

Place = Key | str
"""An object, or what no object stands for: ``id:…`` or ``name:…``."""
NOWHERE = ""
"""The place of what cannot be told to be anywhere."""
_MOST_PORTS = 20
"""So many ports that an address forwards to are looked at."""


class Places:
    """The places of the objects of a stack."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._by_id: dict[tuple[str, str], Key] = {}
        self._subnets: dict[str, Key] = {}
        self._ids_of_names: dict[str, str] = {}
        for key in stack.keys:
            status = self._status(key)
            if found := text(status, "id"):
                self._by_id.setdefault((key.kind, found), key)
            if key.kind == "LoadBalancer" and (port := text(status, "vipPortID")):
                self._by_id.setdefault(("vip", port), key)
            if key.kind == "InfomaniakNetwork":
                self._subnets.update({text(each, "id"): key for each in items(status, "subnets")})
            name = text(self._gateway(key), "networkName")
            if name and (found := text(status, "externalNetworkID")):
                self._ids_of_names.setdefault(name, found)
        for key in self._kind("InfomaniakNetwork"):
            name, found = self._filtered(key), text(self._status(key), "id")
            if name and found and self._says_external(key):
                self._ids_of_names.setdefault(name, found)
        self._outsides = {self.outside_of_router(key) for key in self._kind("Router")}
        self._outsides |= {self._outside(key) for key in self._kind("FloatingIP")}
        self._outsides |= {self._canonical(key) for key in self._kind("InfomaniakNetwork") if self._says_external(key)}

    def outsides(self) -> list[Place]:
        """The external networks, in order."""
        return sorted(self._outsides - {NOWHERE}, key=lambda each: (self.name_of(each), str(each)))

    def is_outside(self, place: Place) -> bool:
        """Whether it is an external network."""
        return place != NOWHERE and self._canonical(place) in self._outsides

    def objects_of(self, outside: Place) -> list[Key]:
        """The objects that stand for an external network; one that is missing stands for itself."""
        found = [key for key in self._kind("InfomaniakNetwork") if self._canonical(key) == outside]
        return found or ([outside] if isinstance(outside, Key) else [])

    def name_of(self, outside: Place) -> str:
        """What people call an external network."""
        if isinstance(outside, Key):
            return self._filtered(outside) or outside.name
        kind, _, rest = outside.partition(":")
        if kind == "id":
            known = sorted(name for name, found in self._ids_of_names.items() if found == rest)
            filtered = [name for key in self.objects_of(outside) if (name := self._filtered(key))]
            return next(iter([*known, *filtered]), rest)
        return rest

    def outside_of_router(self, key: Key) -> Place:
        """The external network of a router."""
        return self._outside(key)

    def networks_of_router(self, key: Key) -> list[Place]:
        """The networks that a router joins, in the order of its interfaces."""
        found: list[Place] = []
        spec = self._spec(key)
        for each in items(spec, "interfaces"):
            if name := text(each, "networkRef", "name"):
                found.append(self._network(key.namespace, name))
            elif name := text(each, "portRef", "name"):
                found.append(self.network_of_port(Key("Port", key.namespace, name)))
            elif subnet := text(each, "subnetID"):
                found.append(self._subnets.get(subnet, f"id:subnet {subnet}"))
            elif (port := text(each, "portID")) and ("Port", port) in self._by_id:
                found.append(self.network_of_port(self._by_id["Port", port]))
        if not items(spec, "interfaces"):
            found += [
                self._subnets[subnet]
                for each in items(self._status(key), "interfaces")
                if (subnet := text(each, "subnetID")) in self._subnets
            ]
        return [each for each in dict.fromkeys(found) if each != NOWHERE]

    def network_of_balancer(self, key: Key) -> Place:
        """The network of a load balancer's VIP."""
        return self._network_by(key, at(self._spec(key), "vip"), "vip")

    def network_of_port(self, key: Key) -> Place:
        """The network of a port."""
        return self._network_by(key, self._spec(key), "")

    def balancer_of_pool(self, key: Key) -> Place:
        """The load balancer of a pool."""
        return self._referred(key, "LoadBalancer", "loadBalancerRef", "loadBalancerID")

    def balancer_of_policy(self, key: Key) -> Place:
        """The load balancer of an L7 policy."""
        return self._referred(key, "LoadBalancer", "loadBalancerRef", "loadBalancerID")

    def pool_of_monitor(self, key: Key) -> Place:
        """The pool of a health monitor."""
        return self._referred(key, "Pool", "poolRef", "poolID")

    def target(self, key: Key) -> Place:
        """Where a floating IP is drawn: at its target, else at its external network."""
        spec, status = self._spec(key), self._status(key)
        if name := text(spec, "loadBalancerRef", "name"):
            return Key("LoadBalancer", key.namespace, name)
        if name := text(spec, "portRef", "name"):
            return Key("Port", key.namespace, name)
        forwards = items(spec, "portForwardings")[:_MOST_PORTS]
        for each in forwards:
            if name := text(each, "portRef", "name"):
                return Key("Port", key.namespace, name)
        ids = [text(spec, "portID"), text(status, "portID"), *(text(each, "portID") for each in forwards)]
        for port in filter(None, ids):
            found = self._by_id.get(("Port", port)) or self._by_id.get(("vip", port))
            if found is not None:
                return found
        return self._outside(key)

    def _kind(self, kind: str) -> Iterator[Key]:
        return (key for key in self._stack.keys if key.kind == kind)

    def _spec(self, key: Key) -> object:
        found = self._stack.object(key)
        return found.spec if found else {}

    def _status(self, key: Key) -> object:
        found = self._stack.object(key)
        return found.json_status if found else {}

    def _gateway(self, key: Key) -> object:
        spec = self._spec(key)
        return at(spec, "externalGateway") or at(spec, "externalNetwork")

    def _filtered(self, key: Key) -> str:
        return text(self._spec(key), "import", "filter", "name")

    def _says_external(self, key: Key) -> bool:
        return at(self._spec(key), "import", "filter", "external") is True

    def _outside(self, key: Key) -> Place:
        """The external network that a router or a floating IP names, or has."""
        gateway = self._gateway(key)
        if name := text(gateway, "networkRef", "name"):
            return self._canonical(Key("InfomaniakNetwork", key.namespace, name))
        found = text(gateway, "networkID") or text(self._status(key), "externalNetworkID")
        if found:
            return f"id:{found}"
        name = text(gateway, "networkName")
        return self._canonical(f"name:{name}") if name else NOWHERE

    def _canonical(self, place: Place) -> Place:
        """An external network by its id, where that is known: several objects, and names, may stand for one."""
        if isinstance(place, Key):
            found = text(self._status(place), "id")
            return f"id:{found}" if found else place
        found = self._ids_of_names.get(place.removeprefix("name:"), "") if place.startswith("name:") else ""
        return f"id:{found}" if found else place

    def _network(self, namespace: str, name: str) -> Place:
        """A network by its object, or if it is external by what stands for that."""
        key = Key("InfomaniakNetwork", namespace, name)
        canonical = self._canonical(key)
        return canonical if canonical in self._outsides else key

    def _network_by(self, key: Key, source: object, prefix: str) -> Place:
        status = self._status(key)
        if name := text(source, "networkRef", "name"):
            return self._network(key.namespace, name)
        names = ("vipNetworkID", "vipSubnetID") if prefix else ("networkID", "subnetID")
        network = text(source, "networkID") or text(status, names[0])
        subnet = text(source, "subnetID") or text(status, names[1])
        if network and ("InfomaniakNetwork", network) in self._by_id:
            found = self._by_id["InfomaniakNetwork", network]
            return self._network(found.namespace, found.name)
        if subnet in self._subnets:
            return self._subnets[subnet]
        return f"id:{network}" if network else NOWHERE

    def _referred(self, key: Key, kind: str, reference: str, by_id: str) -> Place:
        if name := text(self._spec(key), reference, "name"):
            return Key(kind, key.namespace, name)
        return self._by_id.get((kind, text(self._status(key), by_id)), NOWHERE)
