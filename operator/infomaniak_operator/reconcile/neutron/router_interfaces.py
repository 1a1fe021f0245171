"""The interfaces of a Router: which there are to be, which there are, and the steps between the two. Pure.

An interface at an address of its own is a port that the operator makes, marks and then hands to the router; Neutron
deletes it with the interface. An address can be had once: so a create of such a port that comes late makes no double.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypedDict

from infomaniak_operator.api.json_types import PORT, ROUTER, InterfaceStatus
from infomaniak_operator.client.resources import FixedIP, Port, Router
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.fields import address
from infomaniak_operator.reconcile.generic.owned import whose
from infomaniak_operator.reconcile.generic.plan import Step
from infomaniak_operator.reconcile.neutron import neutron_common
from infomaniak_operator.reconcile.neutron.neutron_common import subnet_of

FIELD: Final = "interfaces"
SLOTS: Final = "interface/"
"""What the slots of all steps on them begin with, and the child keys in the marks of their ports."""
SPARE: Final = "port"
"""The slot of the steps on ports that are no interfaces yet, or no longer ours."""
OWNERS: Final = frozenset(
    {
        "network:router_interface",
        "network:router_interface_distributed",
        "network:ha_router_replicated_interface",
    }
)


class Wanted(TypedDict, total=False):
    """What the spec's interfaces stand for. What few have is not there: all is part of the inputs' hash.

    Attributes:
        subnets: the subnets of those that name one.
        addresses: the addresses there, by subnet, of those that name one.
        ports: the ports of those that name one.
    """

    subnets: list[str]
    addresses: dict[str, str]
    ports: list[str]


class Leg(TypedDict, total=False):
    """What counts of the port of a router's interface.

    Attributes:
        id: as in ``Port``.
        fixed_ips: as in ``Port``.
    """

    id: str
    fixed_ips: list[FixedIP]


@dataclass(slots=True)
class Seen:
    """What a reconcile has seen of a router's interfaces, kept up to date.

    Attributes:
        interfaces: their ports; None: they were not looked for.
        spare: ports with our mark that nothing uses.
    """

    interfaces: list[Leg] | None = None
    spare: list[Port] = field(default_factory=list)


def references(resource: KubeObject) -> list[Key]:
    """The networks and the Ports of its interfaces."""
    items = ROUTER.spec(resource).get(FIELD) or ()
    networks = {item["networkRef"]["name"] for item in items if item.get("networkRef")}
    ports = {item["portRef"]["name"] for item in items if item.get("portRef")}
    own = [Key(neutron_common.NETWORK, resource.key.namespace, name) for name in sorted(networks)]
    return [*own, *(Key(neutron_common.PORT, resource.key.namespace, name) for name in sorted(ports))]


def resolve(resource: KubeObject, view: CacheReader) -> Wanted:
    """The subnets, addresses and ports of its interfaces.

    Raises:
        Unresolved: a network, a subnet or a Port is not there yet.
    """
    known = {str(each.get("subnetID")) for each in ROUTER.status(resource).get(FIELD) or ()}
    found: Wanted = {"subnets": []}
    for index, item in enumerate(ROUTER.spec(resource).get(FIELD) or ()):
        place = f"spec.{FIELD}[{index}]"
        if ref := item.get("portRef"):
            key = Key(neutron_common.PORT, resource.key.namespace, ref["name"])
            port = neutron_common.ready_reference(resource, view, key, f"{place}.portRef")
            found.setdefault("ports", []).append(str(PORT.status(port).get("id")))
            continue
        if item.get("portID"):
            found.setdefault("ports", []).append(str(item["portID"]))
            continue
        at = item.get("address")
        subnet = item.get("subnetID") or subnet_of(resource, view, item, place, known, address=at)["subnetID"]
        found["subnets"].append(str(subnet))
        if at:
            found.setdefault("addresses", {})[str(subnet)] = at
    return found


def owns(facts: Facts) -> bool:
    """Whether the spec says which interfaces there are, or did until now."""
    return FIELD in ROUTER.spec(facts) or FIELD in facts.applied


def at_addresses(facts: Facts) -> bool:
    """Whether ports may be there that were made for interfaces: some have an address of their own, or had."""
    now = ROUTER.spec(facts).get(FIELD) or ()
    shown = ROUTER.status(facts.resource).get(FIELD) or ()
    return any("address" in item for item in now) or any(each.get("portID") for each in shown)


def child_of(subnet: str) -> str:
    """The child key in the mark of an interface's port."""
    return f"{SLOTS}{subnet}"


def subnets(legs: Iterable[Leg | Port]) -> set[str]:
    """The subnets that ports are on."""
    return {str(ip["subnet_id"]) for leg in legs for ip in leg.get("fixed_ips") or ()}


def is_ours(facts: Facts, port: Port) -> bool:
    """Whether a port was made for an interface of this Router."""
    return any(whose(facts.owner, port, child=child_of(subnet)).ours for subnet in subnets([port]))


def of_router(rows: Iterable[Port], router: str) -> list[Leg]:
    """The ports of a router's interfaces."""
    return [
        {"id": port["id"], "fixed_ips": port.get("fixed_ips") or []}
        for port in rows
        if port.get("device_id") == router and port.get("device_owner") in OWNERS
    ]


def spare(facts: Facts, rows: Iterable[Port]) -> list[Port]:
    """The ports made for its interfaces that are none yet."""
    return [port for port in rows if not port.get("device_id") and is_ours(facts, port)]


def at(leg: Leg | Port, subnet: str, wanted: str | None) -> bool:
    """Whether a port is on a subnet, at that address where one is wanted."""
    here = [ip for ip in leg.get("fixed_ips") or () if ip["subnet_id"] == subnet]
    return bool(here) and (wanted is None or any(address(ip["ip_address"]) == address(wanted) for ip in here))


def steps(facts: Facts, row: Router, wanted: Wanted, seen: Seen) -> tuple[list[Step], list[Step]]:
    """The interfaces that go, with ports that are left over, and those that come."""
    if not owns(facts):
        return [], []
    legs = seen.interfaces or []
    there, addresses = subnets(legs), wanted.get("addresses") or {}
    ids = {leg.get("id") for leg in legs}
    ports = list(dict.fromkeys(wanted.get("ports") or ()))
    kept = subnets(leg for leg in legs if leg.get("id") in ports)
    come = [interface(row, "create", port=port) for port in ports if port not in ids]
    left = list(seen.spare)
    for subnet in dict.fromkeys(wanted.get("subnets") or ()):
        here = addresses.get(subnet)
        if any(at(leg, subnet, here) for leg in legs):
            kept.add(subnet)
            continue
        made = next((port for port in left if here and at(port, subnet, here)), None)
        left = [port for port in left if port is not made]
        come.append(interface(row, "create", subnet, here, made["id"] if made else None))
    gone = [interface(row, "delete", subnet) for subnet in sorted(there - kept)]
    return [*gone, *(left_over(port) for port in left)], come


def interface(
    row: Router,
    verb: Literal["create", "delete"],
    subnet: str | None = None,
    at_address: str | None = None,
    port: str | None = None,
) -> Step:
    """The step that makes or removes an interface."""
    where = f"on subnet {subnet}" if subnet else f"by port {port}"
    what = f"interface of router {row['id']} {where}{f' at {at_address}' if at_address else ''}"
    body = {"subnet_id": subnet, "ip_address": at_address, "port_id": port}
    sent = {name: value for name, value in body.items() if value is not None}
    return Step(verb, what, f"{SLOTS}{subnet or port}", row["id"], body=sent)


def left_over(port: Port) -> Step:
    """The step that deletes a port made for an interface that is wanted no more."""
    return Step("delete", f"port {port['id']}, made for an interface", SPARE, port["id"])


def status_of(wanted: Wanted, legs: Sequence[Leg], *, owned: bool) -> list[InterfaceStatus]:
    """What status shows: with address and port where the spec names one of the two."""
    addresses, ports = wanted.get("addresses") or {}, wanted.get("ports") or ()
    named = subnets(leg for leg in legs if leg.get("id") in ports)
    names = [*(wanted.get("subnets") or ()), *sorted(named)] if owned else sorted(subnets(legs))
    found: list[InterfaceStatus] = []
    for subnet in dict.fromkeys(names):
        shown: InterfaceStatus = {"subnetID": subnet}
        leg = next((each for each in legs if at(each, subnet, None)), None)
        if leg is not None and (subnet in addresses or leg.get("id") in ports):
            here = next(ip for ip in leg.get("fixed_ips") or () if ip["subnet_id"] == subnet)
            shown["address"], shown["portID"] = here["ip_address"], leg.get("id")
        found.append(shown)
    return found
