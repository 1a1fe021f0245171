"""What the Services of a cluster come to on its node: names, addresses, and where their connections are led."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from sandbox.kubernetes import API_RANGE

RANGE = ipaddress.ip_network(API_RANGE)
API_SERVICE, DNS_SERVICE = str(RANGE[1]), str(RANGE[10])
"""Of the Service ``kubernetes``, and of the DNS: where kubeadm puts them. The API server gives out the first addresses
of the range only to Services that ask for one."""
_RESERVED = frozenset({API_SERVICE, DNS_SERVICE})
Place = tuple[str, int]
"""An address and a port."""


@dataclass(frozen=True)
class Table:
    """A cluster's Services at one moment.

    Attributes:
        names: the addresses, by ``SERVICE.NAMESPACE``.
        routes: which endpoints there are for each address and port of a Service. One without a ready endpoint is not
            there: a port that nobody listens on refuses, as kube-proxy does it.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    routes: Mapping[Place, tuple[Place, ...]] = field(default_factory=dict)

    @property
    def addresses(self) -> frozenset[str]:
        """What the node has to have; those it always has are not among them."""
        return frozenset(self.names.values()) - _RESERVED


@dataclass(frozen=True)
class Changes:
    """What makes a node be as a table says; places are closed before their addresses go, and opened after they come."""

    close: frozenset[Place]
    remove: frozenset[str]
    add: frozenset[str]
    open: frozenset[Place]


def changes(addresses: AbstractSet[str], listening: AbstractSet[Place], table: Table) -> Changes:
    """What is to be done.

    Args:
        addresses: what the node has of the range. The reserved ones are left as they are.
        listening: where it listens.
        table: how it should be.
    """
    has = addresses - _RESERVED
    return Changes(
        close=frozenset(listening - table.routes.keys()),
        remove=frozenset(has - table.addresses),
        add=table.addresses - has,
        open=frozenset(table.routes.keys() - listening),
    )


def table(services: Iterable[Mapping[str, Any]], slices: Iterable[Mapping[str, Any]]) -> Table:
    """The table of a cluster's Services (those with an IPv4 address of the range) and EndpointSlices."""
    by_service: dict[str, list[Mapping[str, Any]]] = {}
    for one in slices:
        owner = one["metadata"].get("labels", {}).get("kubernetes.io/service-name", "")
        by_service.setdefault(f"{owner}.{one['metadata']['namespace']}", []).append(one)
    names: dict[str, str] = {}
    routes: dict[Place, tuple[Place, ...]] = {}
    for service in services:
        address = str(service["spec"].get("clusterIP") or "None")
        if address == "None" or ipaddress.ip_address(address) not in RANGE:
            continue
        name = f"{service['metadata']['name']}.{service['metadata']['namespace']}"
        names[name] = address
        if address in _RESERVED:
            continue
        for port in service["spec"].get("ports") or []:
            found = tuple(sorted(set(_targets(by_service.get(name, []), port.get("name") or ""))))
            if found and _tcp(port):
                routes[address, port["port"]] = found
    return Table(names, routes)


def _targets(slices: Iterable[Mapping[str, Any]], port_name: str) -> Iterator[Place]:
    """The ready endpoints; their ports have the names of the Service's, and numbers of their own in each slice."""
    for one in slices:
        if one["addressType"] != "IPv4":
            continue
        named = (port for port in one.get("ports") or [] if (port.get("name") or "") == port_name)
        ports = [port["port"] for port in named if port.get("port") and _tcp(port)]
        for endpoint in one.get("endpoints") or []:
            if endpoint.get("conditions", {}).get("ready") is not False:  # not said is ready, by its definition
                yield from ((endpoint["addresses"][0], port) for port in ports)


def _tcp(port: Mapping[str, Any]) -> bool:
    return (port.get("protocol") or "TCP") == "TCP"
