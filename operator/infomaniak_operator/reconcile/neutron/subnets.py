"""The subnets of a network: which of them are ours, and what is to be done about each. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from infomaniak_operator.api import json_types
from infomaniak_operator.api.json_types import INFOMANIAK_NETWORK, SubnetField, SubnetStatus
from infomaniak_operator.client.bodies import SubnetBody
from infomaniak_operator.client.resources import AllocationPool, Subnet
from infomaniak_operator.controller.interfaces import Reason
from infomaniak_operator.reconcile.generic import duplicates
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.fields import (
    Difference,
    Field,
    address,
    addresses,
    body_of,
    changes,
    differences,
    place,
    records,
)
from infomaniak_operator.reconcile.generic.outcomes import Outcome, stalled
from infomaniak_operator.reconcile.generic.owned import Whose, whose, with_named
from infomaniak_operator.reconcile.generic.plan import Plan, Step
from infomaniak_operator.reconcile.neutron.neutron_common import description_difference
from infomaniak_operator.reconcile.openstack.resource_types import SUBNETS
from infomaniak_operator.reconcile.ownership.marks import described

_NAMED = 5
"""How many of them a message names."""
NO_GATEWAY = "none"
"""What ``gateway`` says for a subnet without one."""


def _network(row: Subnet) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(str(row["cidr"]), strict=False)


def default_gateway(row: Subnet) -> str:
    """The gateway Neutron gives a subnet that names none: its first address, in IPv6 the anycast one of the routers."""
    network = _network(row)
    has_next = int(network.broadcast_address) < 2**network.max_prefixlen - 1 or network.num_addresses > 1
    return str(network.network_address + (1 if network.version == 4 and has_next else 0))  # noqa: PLR2004 - IP versions


def _hosts(row: Subnet) -> tuple[int, int]:
    """The first and the last address that Neutron hands out of a subnet."""
    network = _network(row)
    first, last = int(network.network_address), int(network.broadcast_address)
    if first == last or (network.version == 4 and network.prefixlen > 30):  # noqa: PLR2004 - /31 and /32 have hosts only
        return first, last
    return first + 1, last - (1 if network.version == 4 else 0)  # noqa: PLR2004 - no broadcast in IPv6


def default_pools(row: Subnet) -> list[AllocationPool]:
    """The allocation pools Neutron gives a subnet that names none: all of it but the gateway."""
    kind = type(_network(row).network_address)
    first, last = _hosts(row)
    gateway = row.get("gateway_ip")
    cut = int(ipaddress.ip_address(gateway)) if gateway else None
    spans = [(first, last)] if cut is None or not first <= cut <= last else [(first, cut - 1), (cut + 1, last)]
    return [{"start": str(kind(a)), "end": str(kind(b))} for a, b in spans if a <= b]


def _made_by_neutron(row: Subnet) -> bool:
    """Whether the allocation pools are Neutron's own: all addresses, but one for a gateway."""
    first, last = _hosts(row)
    pools = row.get("allocation_pools") or ()
    size = sum(int(ipaddress.ip_address(p["end"])) - int(ipaddress.ip_address(p["start"])) + 1 for p in pools)
    return size >= last - first


FIELDS: tuple[Field[SubnetField], ...] = (
    Field("cidr", "cidr", normal=address, mutable=False),
    Field("subnetPoolID", "subnetpool_id", mutable=False),
    Field("prefixLength", "prefixlen", mutable=False),
    Field("ipVersion", "ip_version", mutable=False),
    Field("ipv6AddressMode", "ipv6_address_mode", mutable=False),
    Field("ipv6RAMode", "ipv6_ra_mode", mutable=False),
    Field(
        "gateway",
        "gateway_ip",
        default=default_gateway,
        to_api=lambda value: None if value == NO_GATEWAY else value,
        normal=address,
    ),
    Field("enableDHCP", "enable_dhcp", default=True),
    Field("dnsNameservers", "dns_nameservers", default=[], normal=addresses),
    Field("allocationPools", "allocation_pools", default=default_pools, normal=records),
    Field("hostRoutes", "host_routes", default=[], normal=records),
)


def slot(name: str) -> str:
    """The child key of a subnet in marks and in the record of creates."""
    return f"subnet/{name}"


def prefix(name: str) -> str:
    """The place of a subnet in the spec."""
    return f"subnets[{name}]"


def creation(facts: Facts, network_id: str, item: json_types.Subnet) -> SubnetBody:
    """The body of a subnet's create."""
    name = item["name"]
    mark = facts.owner.mark(slot(name))
    cidr = item.get("cidr")
    version = item.get("ipVersion") or (ipaddress.ip_network(cidr, strict=False).version if cidr else 4)
    common = {
        "network_id": network_id,
        "project_id": facts.project_id,
        "name": name,
        "description": described(str(item.get("description") or ""), mark),
    }
    return SUBNETS.body({**common, **body_of(FIELDS, item), "ip_version": version})


def is_ours(facts: Facts, row: Subnet) -> bool:
    """Whether a subnet under our network is ours: by its mark, or because status names it."""
    return whose(facts.owner, row, child=None, inside=True, recorded=_ids(facts).values()).ours


def _ids(facts: Facts) -> dict[str, str]:
    """The subnets of ours that status names. Before the spec listed any, status shows those of others."""
    if "subnets" not in facts.recorded:
        return {}
    return {str(item["name"]): str(item["id"]) for item in _shown(facts)}


def _shown(facts: Facts) -> Sequence[SubnetStatus]:
    return INFOMANIAK_NETWORK.status(facts.resource).get("subnets") or ()


def under(context: ReconcileContext, network_id: str) -> list[Subnet]:
    """The subnets of a network: those that are listed, and those that status names and that are there all the same.

    Raises:
        InfomaniakCloudError: they could not be listed, or asked for.
    """
    rows = with_named(context, SUBNETS, context.rows(SUBNETS), _ids(context).values())
    return [row for row in rows if row["network_id"] == network_id]


def forget(context: ReconcileContext, slots: Iterable[str], rows: Iterable[Subnet]) -> None:
    """Have status forget subnets that are gone, before the create of others in their place is sent.

    Who comes after a crash finds none named, and so takes the only one of the mark for what was made last. Where there
    is a copy of the mark nothing would tell the two apart: what status names stays.

    Raises:
        Superseded, KubeError: it could not be written, so nothing must be made.
    """
    if "subnets" not in context.recorded:
        return
    strange = copies(context, rows)
    going = {each for each in slots if not strange.of(each, context.owner)}
    status = INFOMANIAK_NETWORK.status(context)
    shown = list(status.get("subnets") or ())
    kept = [item for item in shown if slot(item["name"]) not in going]
    if len(kept) < len(shown):
        status["subnets"] = kept
        context.record()


def copies(facts: Facts, rows: Iterable[Subnet]) -> duplicates.Copies:
    """The subnets that carry a copy of a mark of ours.

    What status shows under a mark of ours is ours, whether or not we set it: while marks are given up, nothing counts
    as set by us any more.
    """
    known = [(slot(item["name"]), str(item["id"])) for item in _shown(facts)]
    rows = list(rows)
    items = INFOMANIAK_NETWORK.spec(facts).get("subnets") or () if rows else ()
    wanted = {slot(item["name"]): creation(facts, rows[0]["network_id"], item) for item in items}
    applied = duplicates.slots_of(facts, "subnets", slot)
    # A second subnet of one pool gets another range: whoever clones one makes one that is as wanted.
    from_pools = {slot(item["name"]) for item in items if "cidr" not in item}
    return duplicates.copies(facts, rows, known, wanted, applied, repeatable=from_pools)


def match(facts: Facts, rows: Iterable[Subnet], item: json_types.Subnet) -> Subnet | None:
    """The subnet of the cloud that an item of the spec stands for.

    By its mark, else by status (the mark was lost), by the mark it had before it was given up (Unmanaged meanwhile),
    or, on an imported network, if nobody owns it: by its CIDR, or where the spec names a pool by its name, if only one
    has it.
    """
    name = str(item["name"])
    known = _ids(facts).get(name)
    recorded = (known,) if known else ()
    # Of several with one mark the one in status stays, else the oldest.
    rows = sorted(rows, key=lambda row: (row["id"] != known, str(row.get("created_at", "")), str(row["id"])))
    standing = [(whose(facts.owner, row, child=slot(name), inside=True, recorded=recorded), row) for row in rows]
    for wanted in (Whose.OURS, Whose.LOST):
        for found, row in standing:
            if found is wanted:
                return row
    meant = _meant(facts, item, [row for found, row in standing if found is Whose.STRANGER])
    return meant[0] if len(meant) == 1 else None


def _meant(facts: Facts, item: json_types.Subnet, strangers: Iterable[Subnet]) -> list[Subnet]:
    """The subnets of nobody that an item may mean: on an imported network only. A name may be that of several."""
    return [row for row in strangers if facts.imported and _is_it(item, row)]


def _is_it(item: json_types.Subnet, row: Subnet) -> bool:
    """Whether a subnet that nobody owns is the one that an item means."""
    cidr = item.get("cidr")
    return address(row["cidr"]) == address(cidr) if cidr else row.get("name") == item["name"]


def note_named(context: ReconcileContext) -> None:
    """Remember which subnets status names now."""
    duplicates.note_named(context, map(slot, _ids(context)))


def plan(facts: Facts, network_id: str, rows: Iterable[Subnet]) -> Plan:
    """What is to be done about the subnets: first what goes, then what changes, then what is new.

    A subnet whose CIDR, pool or IPv6 modes differ is another one of the same name: the old one goes, a new one comes. A
    network imported without ``subnets`` leaves those it has alone. One whose addresses a subnet of somebody else has
    is left out, and held back; the rest proceeds. Nothing is done where nothing tells which of several subnets with one
    mark is ours.
    """
    if "subnets" not in INFOMANIAK_NETWORK.spec(facts) and "subnets" not in facts.applied:
        return Plan()
    rows = list(rows)
    strange = copies(facts, rows)
    if strange.undecided:
        return Plan(outcome=duplicates.undecided("subnet", strange.undecided))
    rows = strange.sift(rows)
    updates, creates, held_back = [], [], []
    kept: set[str] = set()
    for item in INFOMANIAK_NETWORK.spec(facts).get("subnets") or ():
        name = item["name"]
        row = match(facts, rows, item)
        found = _differences(facts, item, row) if row is not None else []
        fixed = [d for d in found if not d.mutable]
        if row is None or (fixed and not _adopting(facts, row)):
            taken = _taken(facts, item, rows)
            if taken is not None:
                held_back.append(taken)
                kept |= {row["id"]} if row is not None else set()
                continue
            creates.append(Step("create", f"subnet {name}", slot(name), body=creation(facts, network_id, item)))
            continue
        kept.add(row["id"])
        if found:
            adopts = not is_ours(facts, row)
            revision, body = row.get("revision_number"), changes(found)
            updates.append(
                Step("update", f"subnet {name}", slot(name), row["id"], revision, body, tuple(found), adopts=adopts)
            )
    making = {step.body.get("name") for step in creates}
    going = [row for row in rows if row["id"] not in kept and is_ours(facts, row)]
    deletes = [_delete(row, replaces=row.get("name") in making) for row in going]
    steps = [*deletes, *updates, *creates]
    return Plan(steps=steps, held_back=held_back, warnings=duplicates.warnings("subnet", strange.rows))


def _delete(row: Subnet, *, replaces: bool) -> Step:
    what = f"subnet {row.get('name')} ({row['cidr']})"
    return Step("delete", what, id=row["id"], revision=row.get("revision_number"), replaces=replaces)


def _taken(facts: Facts, item: json_types.Subnet, rows: Iterable[Subnet]) -> Outcome | None:
    """Why a subnet cannot be made: one of somebody else has its addresses, or several may be meant."""
    slot_ = slot(item["name"])
    strangers = [row for row in rows if whose(facts.owner, row, child=slot_, inside=True) is Whose.STRANGER]
    if len(meant := _meant(facts, item, strangers)) > 1:
        ids = ", ".join(str(row["id"]) for row in meant[:_NAMED])
        message = (
            f"spec.subnets: subnets {ids} are all named {item['name']}, and nothing tells which of them is to be taken "
            "over: rename or delete those that are not"
        )
        return stalled(Reason.CONFLICT, message)
    wanted = ipaddress.ip_network(str(item["cidr"]), strict=False) if item.get("cidr") else None
    for row in rows:
        other = _network(row)
        if wanted is None or wanted.version != other.version or is_ours(facts, row):
            continue
        if wanted.overlaps(other):
            message = (
                f"spec.subnets: the addresses of subnet {item['name']} ({item['cidr']}) are those of subnet "
                f"{row.get('name') or 'without a name'} ({row['id']}, {row['cidr']}), which is not ours: delete it, or "
                "choose another cidr"
            )
            return stalled(Reason.CONFLICT, message)
    return None


def _adopting(facts: Facts, row: Subnet) -> bool:
    """Whether the subnet was made by others and is about to be taken over: it is never replaced."""
    return facts.imported and not is_ours(facts, row)


def _differences(facts: Facts, item: json_types.Subnet, row: Subnet) -> list[Difference]:
    name = item["name"]
    seen = {**row, "prefixlen": _network(row).prefixlen}
    # Another subnet would take its place: so not because of an attribute that the answer lacks.
    table = tuple(field for field in FIELDS if field.mutable or field.api in seen)
    found = _with_pools(facts, item, row, differences(table, item, seen, facts.applied, prefix(name)))
    if row.get("name") != name:
        found.append(Difference(place(prefix(name), "name"), "name", row.get("name"), name))
    description = description_difference(facts, item, row, slot(name), prefix(name))
    return [*found, *([description] if description else [])]


def _with_pools(facts: Facts, item: json_types.Subnet, row: Subnet, found: list[Difference]) -> list[Difference]:
    """Make room for a gateway that moves: Neutron refuses one that lies in the pools it made around the former one."""
    gateway = next((difference.wanted for difference in found if difference.api == "gateway_ip"), None)
    if gateway is None or "allocationPools" in item:
        return found
    where = place(prefix(item["name"]), "allocationPools")
    if where not in facts.applied and not _made_by_neutron(row):
        return found
    wanted, now = default_pools({**row, "gateway_ip": str(gateway)}), row.get("allocation_pools")
    rest = [difference for difference in found if difference.api != "allocation_pools"]
    if records(now) == records(wanted):
        return rest
    return [*rest, Difference(where, "allocation_pools", now, wanted)]


def reported(rows: Iterable[Subnet], context: ReconcileContext) -> list[SubnetStatus]:
    """The subnets as status shows them: ours, in the order of the spec; all there are if the spec lists none."""
    rows = list(rows)
    own = copies(context, rows).sift(rows)
    shown = []
    for item in INFOMANIAK_NETWORK.spec(context).get("subnets") or ():
        row = match(context, own, item)
        if row is not None:
            shown.append((str(item["name"]), row))
    if not context.manages("subnets"):
        named = ((str(row.get("name") or row["id"]), row) for row in rows)
        shown = sorted(named, key=lambda item: (item[0], str(item[1]["id"])))
    return [_status(name, row) for name, row in shown]


def _status(name: str, row: Subnet) -> SubnetStatus:
    found: SubnetStatus = {"name": name, "id": row["id"], "cidr": row["cidr"], "ipVersion": row["ip_version"]}
    if gateway := row.get("gateway_ip"):
        found["gateway"] = gateway
    if pool := row.get("subnetpool_id"):
        found["subnetPoolID"] = pool
    return found
