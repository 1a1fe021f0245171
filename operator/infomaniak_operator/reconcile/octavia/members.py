"""The members of a pool: what they should be, all fields of all of them, and whether they are. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NotRequired, TypedDict

from infomaniak_operator.api import json_types
from infomaniak_operator.client import kinds
from infomaniak_operator.client.bodies import MemberBody
from infomaniak_operator.client.resources import Member
from infomaniak_operator.controller.interfaces import CacheReader, KubeObject
from infomaniak_operator.reconcile.generic.fields import Field, address, applied, plain
from infomaniak_operator.reconcile.neutron.neutron_common import subnet_of
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


def managed(spec: json_types.PoolSpec) -> bool:
    """Whether the spec says what the members are."""
    return "members" in spec or "membersFrom" in spec


def resolve(resource: KubeObject, view: CacheReader) -> list[Wanted]:
    """The members that a spec asks for: address, port, subnet, and the fields it sets, under ``spec``.

    Raises:
        Unresolved: a network, a subnet or the Service is not there yet.
    """
    spec = json_types.POOL.spec(resource)
    if "membersFrom" in spec:
        return [
            {"address": each["address"], "protocol_port": each["protocol_port"], "spec": {"weight": 1}}
            for each in members_from(resource, view)
        ]
    found: list[Wanted] = []
    known = {
        (str(address(each.get("address"))), each.get("port")): str(each["subnetID"])
        for each in json_types.POOL.status(resource).get("members") or ()
        if each.get("subnetID")
    }
    for index, item in enumerate(spec.get("members") or ()):
        subnet = item.get("subnetID")
        if item.get("networkRef"):
            here = known.get((str(address(item["address"])), item["port"]))
            place, before = f"spec.members[{index}]", [here] if here else []
            subnet = subnet_of(resource, view, item, place, before, address=item["address"])["subnetID"]
        member: Wanted = {
            "address": str(address(item["address"])),
            "protocol_port": int(item["port"]),
            "spec": {field.spec: item[field.spec] for field in FIELDS if field.spec in item},
        }
        if subnet:
            member["subnet_id"] = str(subnet)
        found.append(member)
    return found


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
