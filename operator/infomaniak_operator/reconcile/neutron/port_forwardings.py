"""The port forwardings of a FloatingIP: what there is to be, and in what the cloud differs from that. Pure.

Neutron knows a forwarding by its protocol and its port outside: a second one is refused, so a create whose answer was
lost cannot be carried out twice. The socket inside, too, is forwarded to once only.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypedDict, cast

from infomaniak_operator.api import json_types
from infomaniak_operator.api.json_types import FLOATING_IP, PORT
from infomaniak_operator.client.bodies import PortForwardingBody
from infomaniak_operator.client.resources import FloatingIP as Address
from infomaniak_operator.client.resources import PortForwarding as Row
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject, Reason
from infomaniak_operator.reconcile.generic.actuator import Unresolved
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.fields import Difference, address
from infomaniak_operator.reconcile.generic.outcomes import Outcome, again, stalled
from infomaniak_operator.reconcile.generic.plan import Step

FIELD: Final = "portForwardings"
SLOTS: Final = "portForwarding/"
"""What the slots of all steps here begin with."""


class Inside(TypedDict, total=False):
    """What a forwarding leads to.

    Attributes:
        portID: the port in Neutron; None: it is not there yet, or is going.
        address: its address.
    """

    portID: str | None
    address: str | None


@dataclass(frozen=True, slots=True)
class Socket:
    """A port inside: the port in Neutron, its address, the protocol and the port number."""

    protocol: str
    port: str
    address: object
    number: int | None


def owns(facts: Facts) -> bool:
    """Whether the spec says which forwardings there are, or did until now."""
    return FIELD in FLOATING_IP.spec(facts) or FIELD in facts.applied


def wanted_any(of: Facts | KubeObject) -> bool:
    """Whether the spec asks for some."""
    return bool(FLOATING_IP.spec(of).get(FIELD))


def references(resource: KubeObject) -> list[Key]:
    """The Ports that they lead to."""
    refs = (item.get("portRef") for item in FLOATING_IP.spec(resource).get(FIELD) or ())
    return list(dict.fromkeys(Key("Port", resource.key.namespace, ref["name"]) for ref in refs if ref))


Way = Callable[[KubeObject, str], None]
"""Raises ``Unresolved`` while the Router is not Ready that leads from a Port to the outside; told the field, too."""


def resolve(resource: KubeObject, view: CacheReader, way: Way) -> list[Inside]:
    """What each of the spec's forwardings leads to, in its order. The others do not wait for one that is not there."""
    return [{"portID": None} if isinstance(found, Unresolved) else found for found in _resolved(resource, view, way)]


def missing(resource: KubeObject, view: CacheReader, way: Way) -> Unresolved | None:
    """The first of what they lead to that is not there, with the keys of all that may mend it."""
    found = [each for each in _resolved(resource, view, way) if isinstance(each, Unresolved)]
    others = [key for each in found for key in (each.key, *each.others)]
    return Unresolved(found[0].key, str(found[0]), others) if found else None


def _resolved(resource: KubeObject, view: CacheReader, way: Way) -> Iterator[Inside | Unresolved]:
    seen = FLOATING_IP.status(resource).get(FIELD) or ()
    known = {(each.get("protocol"), each.get("externalPort")): each for each in seen}
    for index, item in enumerate(FLOATING_IP.spec(resource).get(FIELD) or ()):
        ref = item.get("portRef")
        if ref is None:
            yield {"portID": item.get("portID"), "address": item.get("fixedAddress")}
            continue
        key = Key("Port", resource.key.namespace, ref["name"])
        field, port = f"spec.{FIELD}[{index}].portRef", view.get(key)
        former = known.get((item["protocol"], item["externalPort"])) or {}
        found = _of_port(port, key, field, item.get("fixedAddress"), former)
        if port is not None and not isinstance(found, Unresolved) and found.get("portID") != former.get("portID"):
            try:
                way(port, field)
            except Unresolved as not_yet:
                found = not_yet
        yield found


def _of_port(
    port: KubeObject | None,
    key: Key,
    field: str,
    fixed: str | None,
    former: json_types.PortForwardingStatus,
) -> Inside | Unresolved:
    if port is None:
        return Unresolved(key, f"{field}: there is no Port {key.name} in namespace {key.namespace} yet")
    if port.deleting:
        return Unresolved(key, f"{field}: Port {key.name} is being deleted")
    status = PORT.status(port)
    there = [str(each.get("address")) for each in status.get("fixedIPs") or ()]
    addresses = [each for each in there if _is_ipv4(each)]
    if not status.get("id") or not addresses:
        return Unresolved(key, f"{field}: Port {key.name} has no IPv4 address yet")
    if fixed and address(fixed) not in {address(each) for each in addresses}:
        return Unresolved(key, f"{field}: Port {key.name} has no address {fixed} yet; it has: {', '.join(addresses)}")
    kept = former.get("fixedAddress") if former.get("portID") == status.get("id") else None
    return {"portID": status.get("id"), "address": fixed or (kept if kept in addresses else addresses[0])}


def _is_ipv4(text: str) -> bool:
    try:
        return isinstance(ipaddress.ip_address(text), ipaddress.IPv4Address)
    except ValueError:
        return False


def steps(facts: Facts, row: Address, inside: Sequence[Inside]) -> tuple[list[Step], list[Step]]:
    """What is to be done: the deletions, then the changes with the creates.

    A forwarding whose port inside is not there is left as it is.
    """
    if not owns(facts):
        return [], []
    rows = {_key(each): each for each in row.get("port_forwardings") or ()}
    items = {slot_of(item): (item, spot) for item, spot in zip(_items(facts), inside, strict=False)}
    gone = [each for key, each in rows.items() if key not in items]
    bodies = {key: _body(item, spot) for key, (item, spot) in items.items() if spot.get("portID")}
    changed = {key: body for key, body in bodies.items() if key in rows and _socket(rows[key]) != _socket(body)}
    kept = [each for key, each in rows.items() if key in items]
    anew = [key for key, body in changed.items() if _in_the_way(body, rows[key], kept)]
    deletions = [_step("delete", row, each) for each in [*gone, *(rows[key] for key in anew)]]
    updates = [_update(row, rows[key], body) for key, body in changed.items() if key not in anew]
    creates = [_step("create", row, body) for key, body in bodies.items() if key not in rows or key in anew]
    return deletions, [*updates, *creates]


def deletions(row: Address) -> list[Step]:
    """What removes all of them: Neutron keeps an address that has any."""
    return [_step("delete", row, each) for each in row.get("port_forwardings") or ()]


def _items(facts: Facts) -> Sequence[json_types.PortForwarding]:
    return FLOATING_IP.spec(facts).get(FIELD) or ()


def slot_of(item: json_types.PortForwarding) -> str:
    """What a forwarding is known by."""
    return f"{SLOTS}{item['protocol']}/{item['externalPort']}"


def _key(row: Row) -> str:
    """The same of one in the cloud; one of a range of ports is never in a spec."""
    port = row.get("external_port")
    return f"{SLOTS}{row.get('protocol')}/{port or row['id']}"


def _body(item: json_types.PortForwarding, spot: Inside) -> PortForwardingBody:
    return {
        "protocol": item["protocol"],
        "external_port": item["externalPort"],
        "internal_port_id": str(spot.get("portID")),
        "internal_ip_address": str(spot.get("address")),
        "internal_port": item.get("internalPort") or item["externalPort"],
    }


def _socket(of: Row | PortForwardingBody) -> Socket:
    number = of.get("internal_port")
    where = address(of.get("internal_ip_address"))
    return Socket(str(of.get("protocol")), str(of.get("internal_port_id")), where, number)


def _in_the_way(body: PortForwardingBody, now: Row, rows: Iterable[Row]) -> bool:
    """Whether an update would be refused: Neutron takes no socket twice, not for a moment."""
    return any(_socket(each) == _socket(body) for each in rows if each["id"] != now["id"])


def shown(of: Row | PortForwardingBody) -> str:
    """A forwarding for people: ``tcp 443 -> 10.0.0.5:8443``."""
    inside = f"{of.get('internal_ip_address')}:{of.get('internal_port') or 'several'}"
    return f"{of.get('protocol')} {of.get('external_port') or 'several'} -> {inside}"


def _step(verb: Literal["create", "delete"], row: Address, of: Row | PortForwardingBody) -> Step:
    what = f"port forwarding {shown(of)} of floating IP {row.get('floating_ip_address')}"
    if verb == "delete":
        found = cast("Row", of)
        return Step("delete", what, _key(found), found["id"])
    slot = f"{SLOTS}{of.get('protocol')}/{of.get('external_port')}"
    return Step("create", what, slot, body=cast("PortForwardingBody", of))


def _update(row: Address, now: Row, body: PortForwardingBody) -> Step:
    what = f"port forwarding {body['protocol']} {body['external_port']} of floating IP {row.get('floating_ip_address')}"
    place = f"{FIELD}[{body['protocol']}/{body['external_port']}]"
    sent = {name: body.get(name) for name in ("internal_ip_address", "internal_port")}
    if now.get("internal_port_id") != body["internal_port_id"]:
        # Sent unchanged, it has Neutron 29 compare the new address with the former number, and refuse what is right.
        sent["internal_port_id"] = body["internal_port_id"]
    difference = Difference(place, "internal_ip_address", _inside(now), _inside(body))
    return Step("update", what, _key(now), now["id"], body=sent, differences=(difference,))


def _inside(of: Row | PortForwardingBody) -> str:
    return f"{of.get('internal_ip_address')}:{of.get('internal_port')} ({of.get('internal_port_id')})"


def status_of(row: Address) -> list[json_types.PortForwardingStatus]:
    """What status shows, in an order of its own: Neutron's is none."""
    return [_shown_in_status(each) for each in sorted(row.get("port_forwardings") or (), key=_key)]


def _shown_in_status(row: Row) -> json_types.PortForwardingStatus:
    found: json_types.PortForwardingStatus = {
        "protocol": row.get("protocol"),
        "externalPort": row.get("external_port"),
        "internalPort": row.get("internal_port"),
        "fixedAddress": row.get("internal_ip_address"),
        "portID": row.get("internal_port_id"),
    }
    kept = {name: value for name, value in found.items() if value is not None}
    return cast("json_types.PortForwardingStatus", kept)


def holders(resource: KubeObject, view: CacheReader, body: PortForwardingBody) -> list[KubeObject]:
    """The other FloatingIPs of this cluster that have the port inside as a whole, or forward to the same socket."""
    wanted = _socket(body)

    def has(other: KubeObject) -> bool:
        status = FLOATING_IP.status(other)
        return status.get("portID") == wanted.port or any(
            Socket(str(each.get("protocol")), str(each.get("portID")), address(each.get("fixedAddress")), number)
            == wanted
            for each in status.get(FIELD) or ()
            if (number := each.get("internalPort")) is not None
        )

    return [each for each in view.objects("FloatingIP") if each.uid != resource.uid and has(each)]


UNKNOWN: Final = stalled(
    Reason.INVALID_CONFIGURATION,
    "spec.portForwardings: this cloud's Neutron has no port forwardings (extension floating-ip-port-forwarding): take "
    "it out",
)
"""What is said where Neutron shows no such attribute."""


def of_others(row: Address) -> str:
    """Those that keep an address from being bound, or deleted."""
    names = ", ".join(shown(each) for each in row.get("port_forwardings") or ())
    return f"floating IP {row['floating_ip_address']} has port forwardings that others made: {names}"


def blocked(facts: Facts, row: Address, found: Sequence[Difference], gone: Sequence[Step]) -> Outcome | None:
    """Why an address cannot be bound, or its ports be forwarded: Neutron does not do both."""
    if any(each.api == "port_id" and each.wanted for each in found):
        if len(row.get("port_forwardings") or ()) > len(gone):
            message = f"{of_others(row)}: delete them first, or write portForwardings: [] to have them deleted"
            return again(Reason.IN_USE, message, 30.0)
        return None
    if wanted_any(facts) and row.get("port_id") and not found:
        message = (
            f"spec.portForwardings: floating IP {row['floating_ip_address']} is bound to port {row['port_id']} as a "
            "whole, and is not taken away: disassociate it first"
        )
        return stalled(Reason.CONFLICT, message)
    return None
