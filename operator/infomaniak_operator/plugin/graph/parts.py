"""What is said of single things in a picture: the lines of a network, a router, a port, the parts of a pool. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from infomaniak_operator.controller.interfaces import KubeObject
from infomaniak_operator.plugin.graph.topology import Health, Row, Rows, at, first, health_of_status, items, text

MOST_MEMBERS = 8
MOST_ROWS = 12
"""So many members of a pool, and so many lines of anything else, are shown; of the others it is said how many."""
MOST_LISTENERS = 20
_WITHOUT_PORT = ""


def spec_of(resource: KubeObject | None) -> object:
    """A spec, as JSON; nothing of what is missing."""
    return resource.spec if resource else {}


def status_of(resource: KubeObject | None) -> object:
    """A status, as JSON; nothing of what is missing."""
    return resource.json_status if resource else {}


def subnets(resource: KubeObject | None) -> Rows:
    """The subnets of a network: as the spec lists them, with what the status knows."""
    there = {text(each, "name"): each for each in items(status_of(resource), "subnets")}
    wished = {text(each, "name"): each for each in items(spec_of(resource), "subnets")}
    rows = []
    for name in [*wished, *(each for each in there if each not in wished)]:
        seen, asked = there.get(name, {}), wished.get(name, {})
        cidr = text(seen, "cidr") or text(asked, "cidr")
        gateway = text(seen, "gateway")
        detail = " · ".join(filter(None, (cidr, f"gateway {gateway}" if gateway else "")))
        rows.append(Row(name or "subnet", detail))
    return first(rows, MOST_ROWS)


def router_rows(resource: KubeObject, elsewhere: Sequence[Row]) -> Rows:
    """The lines of a router: its addresses outside, its routes, and the networks that are drawn elsewhere."""
    spec, status = spec_of(resource), status_of(resource)
    addresses = at(status, "externalAddresses")
    rows = (
        [Row(each, "external address") for each in addresses if isinstance(each, str)]
        if isinstance(addresses, list)
        else []
    )
    if at(spec, "externalGateway", "enableSNAT") is False:
        rows.append(Row("no SNAT"))
    rows += [Row(text(each, "destination"), f"by {text(each, 'nexthop')}") for each in items(spec, "routes")]
    return first([*rows, *elsewhere], MOST_ROWS)


def balancer_rows(resource: KubeObject | None) -> Rows:
    """The addresses of a load balancer."""
    spec, status = spec_of(resource), status_of(resource)
    vip = text(status, "vipAddress") or text(spec, "vip", "address")
    more = items(status, "additionalVips") or items(spec, "vip", "additionalVips")
    rows = [Row(vip, "VIP")] if vip else []
    return first([*rows, *(Row(text(each, "address"), "VIP") for each in more if text(each, "address"))], MOST_ROWS)


def port_rows(resource: KubeObject | None) -> Rows:
    """The addresses of a port, and what uses it."""
    spec, status = spec_of(resource), status_of(resource)
    addresses = items(status, "fixedIPs") or items(spec, "fixedIPs")
    rows = [Row(text(each, "address")) for each in addresses if text(each, "address")]
    owner = text(status, "deviceOwner")
    return first([*rows, *([Row(owner)] if owner else [])], MOST_ROWS)


def forwards(resource: KubeObject) -> Rows:
    """The single ports of an address that lead inside."""
    there = items(status_of(resource), "portForwardings") or items(spec_of(resource), "portForwardings")
    rows = []
    for each in there:
        outside, inside = text(each, "externalPort"), text(each, "internalPort") or text(each, "externalPort")
        target = text(each, "fixedAddress") or text(each, "portRef", "name") or text(each, "portID")
        rows.append(Row(f"{text(each, 'protocol')} {outside}", f"→ {address_and_port(target, inside)}"))
    return first(rows, MOST_ROWS)


def members(resource: KubeObject | None) -> Rows:
    """The members of a pool: those that are not well come first where there are many."""
    spec, status = spec_of(resource), status_of(resource)
    rows = [_member(each) for each in items(status, "members")]
    shown = {row.text for row in rows}
    rows += [
        Row(name, "draining", Health.PROGRESSING)
        for each in items(status, "draining")
        if (name := _called(each)) not in shown
    ]
    wished = [*items(spec, "members"), *items(spec, "portMembers")]
    return first(rows or [Row(_called(each), "not there yet", Health.UNKNOWN) for each in wished], MOST_MEMBERS)


def _member(member: Mapping[str, object]) -> Row:
    said = text(member, "operatingStatus")
    weight = text(member, "weight")
    detail = " · ".join(filter(None, (said, f"weight {weight}" if weight not in ("", "1") else "")))
    return Row(_called(member), detail, health_of_status(said))


def _called(member: Mapping[str, object]) -> str:
    return address_and_port(text(member, "address") or text(member, "portRef", "name"), text(member, "port"))


def address_and_port(address: str, port: str) -> str:
    """Both in one text, as a URL has them."""
    shown = f"[{address}]" if ":" in address else address
    return f"{shown}:{port}" if port else shown


def pool_line(resource: KubeObject | None) -> str:
    """What a pool is."""
    spec, status = spec_of(resource), status_of(resource)
    protocol = text(spec, "protocol") or text(status, "protocol")
    service = text(spec, "membersFrom", "serviceRef", "name")
    return " · ".join(filter(None, (protocol, text(spec, "algorithm"), f"Service {service}" if service else "")))


def monitor_row(name: str, health: Health, resource: KubeObject) -> Row:
    """What checks the members of a pool."""
    spec, status = spec_of(resource), status_of(resource)
    detail = " ".join(filter(None, (text(spec, "type") or text(status, "type"), text(spec, "urlPath"))))
    return Row(f"HealthMonitor {name}", detail, health)


def policy_row(name: str, health: Health, resource: KubeObject) -> Row:
    """What leads some requests of a listener elsewhere."""
    spec = spec_of(resource)
    target = text(spec, "poolRef", "name") or text(spec, "redirectURL") or text(spec, "redirectPrefix")
    rules = items(spec, "rules")
    asked = text(rules[0], "value") if rules else ""
    more = f" + {len(rules) - 1}" if len(rules) > 1 else ""
    return Row(name, f"{asked}{more} → {target or text(spec, 'action')}".strip(), health)
