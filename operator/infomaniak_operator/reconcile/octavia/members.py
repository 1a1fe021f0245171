"""The members of a pool: what they should be, all fields of all of them, and whether they are. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Final, NotRequired, TypedDict

from infomaniak_operator.api import json_types
from infomaniak_operator.client import kinds
from infomaniak_operator.client.bodies import MemberBody
from infomaniak_operator.client.resources import Member
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject
from infomaniak_operator.reconcile.generic.actuator import Unresolved, Unusable
from infomaniak_operator.reconcile.generic.fields import Field, address, applied, plain
from infomaniak_operator.reconcile.neutron.neutron_common import PORT, ready_reference, subnet_of
from infomaniak_operator.reconcile.octavia.service_endpoints import members_from

FIELDS: tuple[Field[json_types.MemberField], ...] = (
    Field("name", "name", default=""),
    Field("weight", "weight", default=1),
    Field("backup", "backup", default=False),
    Field("adminStateUp", "admin_state_up", default=True),
    Field("monitorAddress", "monitor_address", default=None, normal=address),
    Field("monitorPort", "monitor_port", default=None),
)
_API = ("address", "protocol_port", "subnet_id", *(field.api for field in FIELDS))
Identity = tuple[str, int]


class Wanted(TypedDict):
    """A member that a spec asks for.

    Attributes:
        address: as in ``Member``.
        protocol_port: as in ``Member``.
        subnet_id: as in ``Member``.
        spec: the fields that the spec sets.
    """

    address: str
    protocol_port: int
    subnet_id: NotRequired[str]
    spec: Mapping[str, object]


def identity(member: Wanted | Member | MemberBody) -> Identity:
    """By what a member is known: its address in one spelling, and its port."""
    return str(address(str(member["address"]))), int(member["protocol_port"])


def where(member: Wanted) -> str:
    """The place of a member in the spec."""
    host, port = identity(member)
    return f"members[{host} {port}]"


SOURCES: Final = ("members", "portMembers", "membersFrom")
"""The fields of a spec that say what the members are."""


def managed(names: Container[str]) -> bool:
    """Whether a spec says what the members are, or the fields that were set of it did."""
    return any(name in names for name in SOURCES)


def ports(resource: KubeObject) -> list[Key]:
    """The Ports that members are."""
    items = json_types.POOL.spec(resource).get("portMembers") or ()
    return [Key(PORT, resource.key.namespace, name) for name in sorted({item["portRef"]["name"] for item in items})]


def resolve(resource: KubeObject, view: CacheReader) -> list[Wanted]:
    """The members that a spec asks for: address, port, subnet, and the fields it sets, under ``spec``.

    Raises:
        Unresolved: a network, a subnet, a Port or the Service is not there yet.
        Unusable: a Port has an address and port that another member has.
    """
    spec = json_types.POOL.spec(resource)
    if "membersFrom" in spec:
        return [
            {"address": each["address"], "protocol_port": each["protocol_port"], "spec": {"weight": 1}}
            for each in members_from(resource, view)
        ]
    found: list[Wanted] = []
    taken: set[Identity] = set()
    known = {
        (str(address(each.get("address"))), each.get("port")): each.get("subnetID")
        for each in json_types.POOL.status(resource).get("members") or ()
    }
    for index, item in enumerate(spec.get("members") or ()):
        subnet = item.get("subnetID")
        if item.get("networkRef"):
            here = known.get((str(address(item["address"])), item["port"]))
            place, before = f"spec.members[{index}]", [here] if here else []
            subnet = subnet_of(resource, view, item, place, before, address=item["address"])["subnetID"]
        found.append(_wanted(item, item["address"], subnet))
        taken.add(identity(found[-1]))
    for index, each in enumerate(spec.get("portMembers") or ()):
        place = f"spec.portMembers[{index}]"
        member = _of_port(resource, view, each, place, known)
        if identity(member) in taken:
            key = _port_key(resource, each)
            message = f"{place}: {_name(identity(member))} of Port {key.name} is a member already"
            raise Unusable(key, f"{message}: take one of them out, or name another address of the Port")
        found.append(member)
        taken.add(identity(member))
    return found


def _wanted(item: json_types.Member | json_types.PortMember, host: str, subnet: str | None) -> Wanted:
    said: Mapping[str, object] = item
    member: Wanted = {
        "address": str(address(host)),
        "protocol_port": int(item["port"]),
        "spec": {field.spec: said[field.spec] for field in FIELDS if field.spec in said},
    }
    if subnet:
        member["subnet_id"] = str(subnet)
    return member


def _port_key(resource: KubeObject, item: json_types.PortMember) -> Key:
    return Key(PORT, resource.key.namespace, item["portRef"]["name"])


def _of_port(
    resource: KubeObject,
    view: CacheReader,
    item: json_types.PortMember,
    place: str,
    known: Mapping[tuple[str, int], str | None],
) -> Wanted:
    """A member that is a Port.

    Which of several addresses it has: the one that the item names, else one that is a member already, else the first.
    So a further address of the Port changes nothing. A member that is there keeps the subnet it was given, or was not.

    Args:
        resource: the Pool.
        view: the cache.
        item: of the spec.
        place: its place, for messages.
        known: the subnets of the members that status shows, by address and port.

    Raises:
        Unresolved: the Port is not there yet, or has no such address.
    """
    key = _port_key(resource, item)
    port, asked = view.get(key), address(item.get("address"))
    shown = json_types.PORT.status(port).get("fixedIPs") if port else None
    there = [(str(address(each.get("address"))), each.get("subnetID")) for each in shown or ()]
    fitting = [each for each in there if asked in (None, each[0])]
    standing = [each for each in fitting if (each[0], item["port"]) in known]
    if not standing:
        ready_reference(resource, view, key, f"{place}.portRef")
    if not fitting:
        wanted = f"address {asked}" if asked else "address"
        listed = ", ".join(host for host, _ in there) or "none"
        raise Unresolved(key, f"{place}: Port {key.name} has no {wanted} yet; it has: {listed}")
    host, subnet = (standing or fitting)[0]
    return _wanted(item, host, known.get((host, item["port"]), subnet))


def places(wanted: Iterable[Wanted]) -> list[str]:
    """The places of the fields that are set."""
    return [name for member in wanted for name in applied(FIELDS, member["spec"], where(member))]


def bodies(wanted: Sequence[Wanted], there: Sequence[Member], were_applied: Sequence[str]) -> list[MemberBody]:
    """All members with all they shall be: what is not managed stays as it is.

    Args:
        wanted: as ``resolve`` gives them.
        there: the members of the pool.
        were_applied: ``status.appliedFields``.
    """
    known = {identity(row): row for row in there}
    before = set(were_applied)
    found = []
    for member in wanted:
        row = known.get(identity(member))
        # Octavia knows a member by its address as text: one that is there keeps its spelling.
        body: dict[str, object] = {
            "address": row["address"] if row else member["address"],
            "protocol_port": member["protocol_port"],
        }
        subnet = member.get("subnet_id") or (row.get("subnet_id") if row else None)
        seen: Mapping[str, object] = row or {}
        if subnet:
            body["subnet_id"] = subnet
        for field in FIELDS:
            if field.spec in member["spec"]:
                body[field.api] = field.to_api(member["spec"][field.spec])
            elif f"{where(member)}.{field.spec}" in before:
                body[field.api] = field.default
            elif seen.get(field.api) is not None:
                body[field.api] = seen[field.api]
        found.append(kinds.MEMBERS.checked(body))
    return found


def movers(wanted: Sequence[Wanted], there: Sequence[Member]) -> list[Identity]:
    """The members whose subnet changes: Octavia keeps the old one unless they are taken out first."""
    known = {identity(row): row for row in there}
    return [
        identity(member)
        for member in wanted
        if identity(member) in known
        and member.get("subnet_id")
        and known[identity(member)].get("subnet_id")
        and known[identity(member)]["subnet_id"] != member["subnet_id"]
    ]


def changes(wanted: Sequence[MemberBody], there: Sequence[Member]) -> list[str]:
    """What differs, for people; empty if nothing does.

    Args:
        wanted: bodies.
        there: the members of the pool.
    """
    known, coming = {identity(row): row for row in there}, {identity(body): body for body in wanted}
    found = [f"+{_name(each)}" for each in coming if each not in known]
    found += [f"-{_name(each)}" for each in known if each not in coming]
    for each, body in coming.items():
        if each not in known:
            continue
        now: Mapping[str, object] = known[each]
        shall: Mapping[str, object] = body
        for api in _API[2:]:
            if api in shall and plain(address(now.get(api))) != plain(address(shall[api])):
                found.append(f"{_name(each)} {api} {now.get(api)} -> {shall[api]}")
    return found


def _name(each: Identity) -> str:
    host, port = each
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
