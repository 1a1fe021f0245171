"""What a pool is made of besides itself: its members as they were last seen, and former selves that are to go."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from infomaniak_operator.api import json_types
from infomaniak_operator.client import NotFoundError, kinds
from infomaniak_operator.client.bodies import MemberBody
from infomaniak_operator.client.resources import Member, Pool
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts
from infomaniak_operator.reconcile.generic.fields import address
from infomaniak_operator.reconcile.generic.owned import Whose, whose
from infomaniak_operator.reconcile.octavia import members, octavia_common, tree_child
from infomaniak_operator.reconcile.octavia.draining import drain
from infomaniak_operator.reconcile.octavia.seen import SeenPool
from infomaniak_operator.reconcile.octavia.tree_state import MembersSeen
from infomaniak_operator.reconcile.openstack.resource_types import LOAD_BALANCERS, POOLS

FORMER = "former"
"""The child key of a pool that another one has replaced."""
MEMBERS: Final = "members"
_UNMOVED = 2.0
"""Seconds for which ``updated_at``, which counts whole seconds, must have stood still to tell of every change."""


class PoolInputs(tree_child.BalancerInputs, total=False):
    """What the references of a Pool stand for.

    Attributes:
        members: those that its spec asks for.
        waiting: the Pods that wait at its gate.
        certificates: the fingerprint of what each Secret holds, or what is wrong with it.
    """

    members: list[members.Wanted]
    waiting: list[str]
    certificates: dict[str, str]


def balancer_id(row: Pool) -> str | None:
    """The load balancer that a pool is in."""
    return octavia_common.parent(row.get("loadbalancers"))


def formers(context: ReconcileContext) -> list[Pool]:
    """Pools that this one has replaced, and that are still there."""
    return [row for row in context.rows(POOLS) if is_former(context, row)]


def is_former(facts: Facts, row: Pool) -> bool:
    """Whether a pool was retired already."""
    return whose(facts.owner, row, child=FORMER) is Whose.OURS


def there(context: ReconcileContext, row: Pool) -> list[Member]:
    """The members of the pool: listed only where the load balancer has moved since they were.

    Raises:
        InfomaniakCloudError: they could not be listed.
    """
    seen = context.seen.of(SeenPool)
    if seen.members is not None:
        return seen.members
    tree, clock = octavia_common.tree_of(context), context.request.clock
    pool = str(row["id"])
    stamp = ""
    for balancer in context.rows(LOAD_BALANCERS):
        if balancer["id"] == balancer_id(row) and balancer["provisioning_status"] == "ACTIVE":
            octavia_common.note(context, balancer)
            stamp = str(balancer.get("updated_at") or "")
    known = tree.members.get(pool)
    if stamp and known is not None and known.sure and known.updated_at == stamp:
        rows = list(known.rows)
        if tree.seen is None or tree.seen.parts_began < context.request.fresh_after:
            octavia_common.look(context)
    else:
        sure = bool(stamp) and tree.unmoved(stamp, clock.monotonic()) >= _UNMOVED
        rows = _listed(context, row)
        tree.members[pool] = MembersSeen(rows, stamp, sure)
        seen.listed = True
    seen.members = rows
    return rows


def _listed(context: ReconcileContext, row: Pool) -> list[Member]:
    """The members of a pool: those listed, and those that status names, and the pool too, and the list lacks.

    The pool itself tells which of them it still has, so that only what a list lacks by mistake costs a request.
    """
    members_of, pool = context.cloud.do.members, str(row["id"])
    try:
        rows = list(members_of.list(pool))
    except NotFoundError:
        return []
    known = {str(each["id"]) for each in rows}
    here = {str(each["id"]) for each in row.get("members") or ()}
    shown = {str(each["id"]) for each in json_types.POOL.status(context.resource).get(MEMBERS) or () if each.get("id")}
    for each in sorted((shown & here) - known):
        with contextlib.suppress(NotFoundError):
            rows.append(members_of.get(pool, each))
    return rows


@dataclass(frozen=True, slots=True)
class Wanted:
    """The members that a pool shall have.

    Attributes:
        members: all of them, those that drain included.
        draining: those that drain, for status; None where there is no such thing.
        due: seconds until the next one has drained.
    """

    members: list[MemberBody]
    draining: list[json_types.DrainingMember] | None = None
    due: float | None = None


def wanted(facts: Facts, inputs: PoolInputs, rows: Sequence[Member]) -> Wanted:
    """All members as they shall be, those that drain included, and which drain."""
    bodies = members.bodies(inputs[MEMBERS], rows, facts.applied)
    source = json_types.POOL.spec(facts).get("membersFrom")
    if source is None:
        movers = set(members.movers(inputs[MEMBERS], rows))
        # Taken out first: the next change brings them back, on their new subnet.
        return Wanted([body for body in bodies if members.identity(body) not in movers])
    before = json_types.POOL.status(facts).get("draining") or []
    seen = facts.seen.of(SeenPool).now
    now = facts.now if seen is None else seen
    found = drain(bodies, rows, before, int(source.get("drainSeconds") or 0), now)
    known = {members.identity(row): row for row in rows}
    filled = [_filled(body, known.get(members.identity(body))) for body in found.members]
    return Wanted(filled, list(found.draining), None if found.next_in is None else max(found.next_in, 0.1))


def _filled(body: MemberBody, row: Member | None) -> MemberBody:
    """A member with all its fields: those not said are as they are."""
    if row is None:
        return body
    seen: Mapping[str, object] = row
    kept = {field.api: seen[field.api] for field in members.FIELDS if seen.get(field.api) is not None}
    subnet = {"subnet_id": row["subnet_id"]} if row.get("subnet_id") else {}
    return kinds.MEMBERS.checked({**subnet, **kept, **body})


def reported(context: ReconcileContext, rows: Sequence[Member]) -> list[json_types.MemberStatus]:
    """The members for status, by address and port."""
    found: list[json_types.MemberStatus] = []
    for row in sorted(rows, key=members.identity):
        fresh = context.seen.of(SeenPool).listed
        states = (str(row.get("provisioning_status") or ""), str(row.get("operating_status") or ""))
        provisioning, operating = states if fresh else octavia_common.tree_of(context).status_of(row)
        shown: json_types.MemberStatus = {
            "address": members.identity(row)[0],
            "port": int(row["protocol_port"]),
            "id": row.get("id"),
            "weight": row.get("weight"),
            "provisioningStatus": provisioning,
            "operatingStatus": operating,
        }
        if subnet := row.get("subnet_id"):
            shown["subnetID"] = subnet
        # What load balancers need to reach is told by this: a SecurityGroup may let them in.
        if checked_at := row.get("monitor_address"):
            shown["monitorAddress"] = str(address(checked_at))
        if (port := row.get("monitor_port")) is not None:
            shown["monitorPort"] = int(port)
        found.append(shown)
    return found
