"""The members of Pools at whose ports no group is that lets their load balancer in: they are only told of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from infomaniak_operator.api import json_types
from infomaniak_operator.api.json_types import SECURITY_GROUP
from infomaniak_operator.client.resources import Port
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import owner_of
from infomaniak_operator.reconcile.generic.fields import address
from infomaniak_operator.reconcile.neutron.member_rules import PoolMembers
from infomaniak_operator.reconcile.neutron.neutron_common import PORT
from infomaniak_operator.reconcile.openstack.resource_types import PORTS
from infomaniak_operator.reconcile.ownership.marks import Mark, short_uid

MOST_NAMED = 5
"""So many members or Pools a message names."""
Fronts = Mapping[str, Sequence[Port]]
"""The ports at addresses."""


def fronts(addresses: Iterable[str], ports: Iterable[Port]) -> Fronts:
    """The ports that are at these addresses.

    Args:
        addresses: of members.
        ports: those that may be told of.
    """
    asked, at = set(addresses), dict[str, list[Port]]()
    for port in ports:
        for fixed in port.get("fixed_ips") or ():
            host = str(address(str(fixed.get("ip_address"))))
            if host in asked:
                at.setdefault(host, []).append(port)
    return at


def outside(
    pool: str, addresses: Iterable[str], at: Fronts, groups: Iterable[str], named: Mapping[str, str] | None = None
) -> list[str]:
    """The members at whose ports none of the groups is, so that packets to them may be dropped.

    An address that several ports have, in networks of their own, is well where one of them has a group. What no port
    of the project has is not told of, nor a port that filters nothing.

    Args:
        pool: name of the Pool.
        addresses: of its members.
        at: the ports at these addresses, and perhaps at others.
        groups: the ids of all groups that let the load balancer in.
        named: the names of the Ports of the namespace by the ids of what they are in the cloud.

    Returns:
        For people: ``10.0.0.9 of Pool site (Port app-1)``, or by the port's id where it is no Port's.
    """
    letting, names = set(groups), named or {}
    return [
        f"{host} of Pool {pool} ({f'Port {names[id_]}' if (id_ := there[0]['id']) in names else f'port {id_}'})"
        for host in sorted(addresses)
        if (there := at.get(host))
        and all(each.get("port_security_enabled") is not False for each in there)
        and not any(letting.intersection(each.get("security_groups") or ()) for each in there)
    ]


def look(context: ReconcileContext, group_id: str, pools: Mapping[str, KubeObject], members: PoolMembers) -> list[str]:
    """The members at whose ports none of the groups is that name their Pool.

    Args:
        context: of a SecurityGroup.
        group_id: its id in the cloud.
        pools: those that it names, by name.
        members: what is known of their members.

    Raises:
        InfomaniakCloudError: the cloud could not be asked.
    """
    view = context.request.view
    addresses = {name: members.reached(pool, view).addresses for name, pool in pools.items()}
    if not any(addresses.values()):
        return []
    at = fronts(set[str]().union(*addresses.values()), _told(context))
    ports = view.objects(PORT, context.resource.key.namespace)
    named = {str(json_types.PORT.status(each).get("id")): each.key.name for each in ports}
    found: dict[str, None] = {}
    for name, hosts in addresses.items():
        ids = {group_id, *_letting(view, pools[name].key, context.resource.key.kind)}
        found |= dict.fromkeys(outside(name, hosts, at, ids, named))
    return list(found)


def _letting(view: CacheReader, pool: Key, kind: str) -> Iterator[str]:
    """The ids of the groups whose specs name a Pool."""
    for each in view.referrers(pool):
        named = SECURITY_GROUP.spec(each).get("memberRules") or () if each.key.kind == kind else ()
        if any(item["poolRef"]["name"] == pool.name for item in named):
            yield str(SECURITY_GROUP.status(each).get("id"))


def _told(context: ReconcileContext) -> list[Port]:
    """The ports that may be told of: those of the project, or of the namespace where it is held to its own objects."""
    rows = context.rows(PORTS)
    if not context.kept_apart:
        return list(rows)
    there = context.request.view.objects(PORT, context.resource.key.namespace)
    owners = {short_uid(each.uid): owner_of(context.owner.cluster, each) for each in there}
    marks = ((row, Mark.parse(row.get("description"))) for row in rows)
    return [row for row, mark in marks if mark and (owner := owners.get(mark.uid)) and owner.wrote(mark)]


def some(names: Iterable[str]) -> str:
    """Some names, as many as a message takes, and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
    return f"{', '.join(listed[:MOST_NAMED])}{more}"
