"""The members that a Service of Kubernetes stands for: its ready endpoints, or the ready nodes at its node port.

Pure: it reads what the cache has of Services, EndpointSlices and Nodes. Only those of their fields are there that
``cli.cluster`` keeps: one that is to be read here must be kept there.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from infomaniak_operator.api import json_types
from infomaniak_operator.api.json_kind import JsonKind
from infomaniak_operator.api.v1alpha1.pool_types import MAX_LISTED
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject
from infomaniak_operator.reconcile.generic.actuator import Unresolved, Unusable
from infomaniak_operator.reconcile.octavia import readiness_gates

SERVICE = "Service"
SLICE = "EndpointSlice"
NODE = "Node"
NODES = Key(NODE, "", "")
"""What a Pool refers to whose members are nodes: the controller lets every Node stand for it."""

SERVICE_NAME = "kubernetes.io/service-name"
"""The label of an EndpointSlice that names its Service."""
EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
"""The label of a Node that no load balancer is to use, whatever its value."""

_FIELD = "spec.membersFrom"


class ServicePort(TypedDict, total=False):
    """A port of a Service."""

    name: str
    port: int
    protocol: str
    nodePort: int


class ServiceSpec(TypedDict, total=False):
    """What is read of a Service's spec."""

    ports: list[ServicePort]


class EndpointMember(TypedDict):
    """Where a member is, as Octavia says it."""

    address: str
    protocol_port: int


class NodeAddress(TypedDict, total=False):
    """An address of a Node."""

    type: str
    address: str


class NodeStatus(TypedDict, total=False):
    """What is read of a Node's status."""

    addresses: list[NodeAddress]


_SERVICE: JsonKind[ServiceSpec, Mapping[str, object], str] = JsonKind(SERVICE)
_NODE: JsonKind[Mapping[str, object], NodeStatus, str] = JsonKind(NODE)
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def watched(resource: KubeObject) -> list[Key]:
    """The keys a Pool refers to for its ``membersFrom``: none without it.

    Args:
        resource: the Pool.
    """
    source = json_types.POOL.spec(resource).get("membersFrom")
    if not source:
        return []
    service = Key(SERVICE, resource.key.namespace, str(source["serviceRef"]["name"]))
    return [service, NODES if source["mode"] == "NodePort" else readiness_gates.pods(resource.key.namespace)]


def members_from(resource: KubeObject, view: CacheReader) -> list[EndpointMember]:
    """The members that a Pool's ``membersFrom`` stands for now; none without it.

    Args:
        resource: the Pool.
        view: what is known of the Service, its EndpointSlices and the Nodes.

    Returns:
        Octavia's attributes ``address`` (in the canonical spelling) and ``protocol_port``, each pair once, IPv4 first,
        then by address and port.

    Raises:
        Unresolved: the Service or its port is not there, or cannot be used in this mode.
        Unusable: there are more members than a status can list.
    """
    source = json_types.POOL.spec(resource).get("membersFrom")
    if not source:
        return []
    service_key, *_ = watched(resource)
    service = view.get(service_key)
    if service is None:
        raise Unresolved(
            service_key,
            f"{_FIELD}.serviceRef: there is no Service {service_key.name} in namespace {service_key.namespace} yet",
        )
    port = _port(service, source.get("port"), json_types.POOL.status(resource).get("servicePort"))
    if source["mode"] == "NodePort":
        found = _at_nodes(service, port, source.get("nodeSelector") or {}, view)
    else:
        found = {place for each in _endpoints(resource, service, port, view) if each.serves for place in each.places}
    if len(found) > MAX_LISTED:
        raise Unusable(
            service_key,
            f"{_FIELD}: Service {service_key.name} gives {len(found)} members, and a Pool can follow {MAX_LISTED} at "
            "most: have the Service select fewer Pods, or spread them over several Services with a Pool each; in mode "
            "NodePort, select fewer nodes by nodeSelector. Until then the members stay as they are",
        )
    ordered = sorted(found, key=lambda each: (each[0].version, int(each[0]), each[1]))
    return [{"address": str(address), "protocol_port": number} for address, number in ordered]


def waiting(resource: KubeObject, view: CacheReader) -> list[readiness_gates.Waiting]:
    """The Pods that are to be members and whose gate is not open, sorted by key.

    Raises:
        Unresolved: as ``members_from`` has it.
    """
    source = json_types.POOL.spec(resource).get("membersFrom")
    service = view.get(watched(resource)[0]) if source else None
    if not source or service is None or source["mode"] == "NodePort":
        return []
    port = _port(service, source.get("port"), json_types.POOL.status(resource).get("servicePort"))
    places: dict[Key, set[tuple[str, int]]] = {}
    found: dict[Key, KubeObject] = {}
    for each in _endpoints(resource, service, port, view):
        pod = each.pod
        if pod is not None and each.serves and not pod.deleting and not readiness_gates.is_open(pod, resource):
            found[pod.key] = pod
            places.setdefault(pod.key, set()).update((str(address), number) for address, number in each.places)
    return [readiness_gates.Waiting(found[key], tuple(sorted(places[key]))) for key in sorted(found)]


def followed_port(resource: KubeObject, view: CacheReader) -> str | None:
    """The Service's port that a Pool follows, as its status shows it: ``80/TCP``; None where it is not to be found."""
    source = json_types.POOL.spec(resource).get("membersFrom")
    service = view.get(watched(resource)[0]) if source else None
    if not source or service is None:
        return None
    try:
        return _number(_port(service, source.get("port"), json_types.POOL.status(resource).get("servicePort")))
    except Unresolved:
        return None


def _port(service: KubeObject, wanted: int | str | None, followed: str | None) -> ServicePort:
    """The port of the Service that is meant, by its name or number.

    If none is named: the one that is followed already, else the only one. So a further port changes nothing.

    Raises:
        Unresolved: there is none, or more than one.
    """
    ports = list(_SERVICE.spec(service).get("ports") or ())
    there = ", ".join(map(_called, ports)) or "none"
    if wanted is None:
        here = [each for each in ports if _number(each) == followed]
        if len(ports) == 1 or len(here) == 1:
            return (here or ports)[0]
        if ports:
            message = f"Service {service.key.name} has several ports ({there}): say which one, by name or number"
        else:
            message = f"Service {service.key.name} has no port; give it one"
        raise Unresolved(service.key, f"{_FIELD}.port: {message}")
    # The name of a port has a letter in it: digits alone are a number, though in quotes.
    number = int(wanted) if str(wanted).isdecimal() else None
    found = [each for each in ports if (each.get("port") == number if number else each.get("name") == wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        message = f"Service {service.key.name} has several ports {wanted} ({there}): say which one by its name"
    else:
        message = f"Service {service.key.name} has no port {wanted}; it has: {there}"
    raise Unresolved(service.key, f"{_FIELD}.port: {message}")


def _number(port: ServicePort) -> str:
    return f"{port.get('port')}/{port.get('protocol') or 'TCP'}"


def _called(port: ServicePort) -> str:
    number = _number(port)
    return f"{port['name']} ({number})" if port.get("name") else number


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """An endpoint of a Service.

    Attributes:
        places: where it is.
        serves: whether it is to get new connections.
        pod: the Pod that it is, where that lists the gate of the Pool.
    """

    places: frozenset[tuple[_Address, int]]
    serves: bool
    pod: KubeObject | None


def _endpoints(pool: KubeObject, service: KubeObject, port: ServicePort, view: CacheReader) -> Iterable[_Endpoint]:
    """The endpoints of a Service, at what its port leads to (which may differ from slice to slice)."""
    for each in view.objects(SLICE, service.key.namespace):
        # The names of an FQDN slice are nothing a member can have.
        if each.labels.get(SERVICE_NAME) != service.key.name or each.body.get("addressType") == "FQDN":
            continue
        numbers = [
            int(item["port"])
            for item in each.body.get("ports") or ()
            if item.get("port") and (item.get("name") or "") == (port.get("name") or "")
        ]
        for endpoint in each.body.get("endpoints") or ():
            # All addresses of an endpoint lead to the same place, and only the first is to be used.
            address = _first(_addresses(endpoint.get("addresses") or ()))
            if address is not None:
                pod = readiness_gates.gated(endpoint, pool, view)
                yield _Endpoint(frozenset((address, number) for number in numbers), _serves(endpoint, pod), pod)


def _serves(endpoint: Mapping[str, Any], pod: KubeObject | None) -> bool:
    """Whether an endpoint is to get new connections. Unknown readiness counts as ready, as the API has it.

    One that is not ready is a Pod, perhaps, that only waits for its gates.
    """
    conditions = endpoint.get("conditions") or {}
    if conditions.get("terminating"):
        return False
    return conditions.get("ready") is not False or (pod is not None and readiness_gates.waits_only_for_gates(pod))


def _at_nodes(
    service: KubeObject, port: ServicePort, selector: Mapping[str, str], view: CacheReader
) -> set[tuple[_Address, int]]:
    """The nodes that can be used, at the Service's node port.

    Raises:
        Unresolved: the Service has no node port, or nodes cannot be seen.
    """
    number = port.get("nodePort")
    if not number:
        raise Unresolved(
            service.key,
            f"{_FIELD}.mode NodePort: port {_called(port)} of Service {service.key.name} has no nodePort; make the "
            "Service one of type NodePort, or use mode Endpoints",
        )
    nodes = view.objects(NODE)
    if not nodes:
        # Not an empty list: members must not go because of a right that the operator lacks.
        raise Unresolved(
            NODES,
            f"{_FIELD}.mode NodePort: no Node is known. An operator that watches single namespaces (--namespace) has "
            "no right to see Nodes: let it watch all, or use mode Endpoints",
        )
    addresses = [_node_address(node) for node in nodes if _usable(node, selector)]
    return {(address, int(number)) for address in addresses if address}


def _usable(node: KubeObject, selector: Mapping[str, str]) -> bool:
    ready = node.condition("Ready") or {}
    return (
        not node.deleting
        and ready.get("status") == "True"
        and EXCLUDED not in node.labels
        and all(node.labels.get(name) == value for name, value in selector.items())
    )


def _node_address(node: KubeObject) -> _Address | None:
    """A node's InternalIP, IPv4 if it has one: one address a node, or it would get more than its share."""
    there = _NODE.status(node).get("addresses") or ()
    internal = [each.get("address") for each in there if each.get("type") == "InternalIP"]
    addresses = list(_addresses(internal))
    return _first([each for each in addresses if each.version == 4] or addresses)  # noqa: PLR2004 - IP's own number


def _addresses(texts: Iterable[object]) -> Iterable[_Address]:
    """What is an address among them; other text (a host's name, an old spelling with zeros, a zone) is left out."""
    for text in texts:
        try:
            address = ipaddress.ip_address(str(text))
        except ValueError:
            continue
        if "%" not in str(address):
            yield address


def _first(addresses: Iterable[_Address]) -> _Address | None:
    return next(iter(addresses), None)
