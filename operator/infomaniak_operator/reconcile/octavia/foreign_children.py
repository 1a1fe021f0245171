"""What a delete in Octavia would take along that is not ours: it is named, and nothing is deleted.

Octavia deletes all that is under what it deletes. So before a load balancer, a pool, a listener or an L7 policy goes,
what is under it is listed, and matched in our own code: no filter is trusted for a delete. Rows tell whether there is
anything of a type, and only then it is listed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from infomaniak_operator.api import json_types
from infomaniak_operator.client import NotFoundError
from infomaniak_operator.client.kinds import RowT
from infomaniak_operator.client.resources import L7Policy, Listener, LoadBalancer, Pool, Reference
from infomaniak_operator.controller.interfaces import KubeObject, Reason
from infomaniak_operator.reconcile.generic.actuator import Row
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.outcomes import Outcome, again, named, retained
from infomaniak_operator.reconcile.generic.owned import Keepers, by_id, mark_of, with_named
from infomaniak_operator.reconcile.octavia import https_redirect, listeners, members, octavia_common
from infomaniak_operator.reconcile.openstack.resource_types import HEALTH_MONITORS, L7_POLICIES, LISTENERS, POOLS

NOBODY = "which no object of this cluster stands for"
REPLACED = "is to be replaced by another"
"""Of a pool: what is about to happen to it."""


def of_balancer(context: ReconcileContext, row: LoadBalancer) -> list[str]:
    """What under a load balancer is neither part of it nor of objects that go with it.

    What the load balancer itself names, and a list lacks, is asked for by its id: it would go along unseen.
    """
    after = context.request.clock.monotonic()
    listed = with_named(context, LISTENERS, context.rows(LISTENERS, after), _ids(row.get("listeners")))
    under = [each for each in listed if octavia_common.under(each, row)]
    strange = listeners.copies(context, under)
    ours = [each for each in under if each not in strange and listeners.is_ours(context, each)]
    found = [f"listener {_named(each)}" for each in under if each not in ours]
    found += policies(context, ours, after).values()
    kept, keepers = [], _keepers(context, octavia_common.POOL)
    pools = with_named(context, POOLS, context.rows(POOLS, after), _ids(row.get("pools")))
    for each in pools:
        if not octavia_common.under(each, row):
            continue
        keeper = keepers.of(each)
        if keeper is None:
            found.append(f"pool {_named(each)}, {NOBODY}")
        elif _copied(each, keeper, pools):
            found.append(f"pool {each['id']}, carrying a copy of the mark of {named(keeper, context.resource)}")
        elif why := _stays(context, keeper):
            found.append(f"pool {each['id']} of {named(keeper, context.resource)}, {why}")
        else:
            kept.append((each, keeper))
    found += _monitors(context, [each for each, _ in kept], after)
    for each, keeper in kept:
        found += _members(context, each, keeper)
    return found


def _stays(context: ReconcileContext, keeper: KubeObject) -> str:
    """Why what another object stands for does not go along; nothing where it does.

    What was imported goes along only for good: where the reconciled object stays, what goes is made again afterwards,
    and of what was imported the spec does not say all.
    """
    if retained(keeper):
        return "whose deletionPolicy is Retain"
    for_good = context.resource.deleting or keeper.deleting
    return "which has imported it" if not for_good and json_types.ANY.spec(keeper).get("import") else ""


def _ids(references: Sequence[Reference] | None) -> list[str]:
    return [str(each["id"]) for each in references or ()]


def _copied(row: Row, keeper: KubeObject, rows: Iterable[Row]) -> bool:
    """Whether it carries the mark of an object that stands for another, or of which nothing tells which it stands for.

    Args:
        row: a pool, a health monitor or an L7 policy.
        keeper: whose mark it carries.
        rows: all there are of its type.
    """
    mark, known = mark_of(row), json_types.ANY.status(keeper).get("id")
    if mark is None or mark.child or known == row["id"]:
        return False
    others = (mark_of(each) for each in rows if each["id"] != row["id"])
    return known is not None or any(each is not None and each.alike(mark) for each in others)


def of_pool(context: ReconcileContext, row: Pool) -> list[str]:
    """What under a pool of the reconciled Pool, or sending to it, is not ours."""
    after = context.request.clock.monotonic()
    found = [*_monitors(context, [row], after, alone=True), *_members(context, row, context.resource)]
    users = {each["id"] for each in row.get("listeners") or ()}
    if users:
        balancers = context.request.view.objects(octavia_common.LOAD_BALANCER)
        found += [
            f"listener {_named(each)}, which sends to it"
            for each in context.rows(LISTENERS, after)
            if each["id"] in users and not any(_part_of(context, each, balancer) for balancer in balancers)
        ]
    return found


def in_pool(context: ReconcileContext, row: Pool, going: str, *, former: bool = False) -> Outcome | None:
    """The outcome where something in a pool that goes, or is replaced, or something that uses it, is not ours.

    Args:
        context: the reconcile of its Pool.
        row: the pool.
        going: what is about to happen to it: ``is to go``.
        former: whether another is to be, or is, in its place: policies of others would stay on it. One that goes for
            good is kept by Octavia for as long.
    """
    found = of_pool(context, row)
    if former:
        found += _sending(context, row)
    if not found:
        return None
    message = f"pool {row['id']} {going}, but holds what is not ours: {'; '.join(found)}: delete or move that first"
    return again(Reason.IN_USE, message, 30.0)


def _sending(context: ReconcileContext, row: Pool) -> list[str]:
    """The L7 policies of others that send to a pool: they would stay on the one that is replaced."""
    keepers = _keepers(context, octavia_common.L7_POLICY)
    return [
        f"L7 policy {_named(each)}, which sends to it"
        for each in context.rows(L7_POLICIES, context.request.clock.monotonic())
        if each.get("redirect_pool_id") == row["id"] and keepers.of(each) is None
    ]


def policies(context: ReconcileContext, rows: Iterable[Listener], after: float | None = None) -> dict[str, str]:
    """By the id of the listener, the L7 policies and rules under some of our listeners that are not ours."""
    found: dict[str, list[str]] = {}
    under = list(policies_under(context, rows, after))
    keepers = _keepers(context, octavia_common.L7_POLICY)
    for holder, policy, ours in under:
        id_ = holder["id"]
        keeper = None if ours else keepers.of(policy)
        if ours:
            names = _rules(context, policy)
        elif keeper is None:
            names = [f"L7 policy {_named(policy)} of listener {holder.get('name') or id_}"]
        elif _copied(policy, keeper, [each for _, each, _ in under]):
            names = [f"L7 policy {policy['id']}, carrying a copy of the mark of {named(keeper, context.resource)}"]
        elif why := _stays(context, keeper):
            names = [f"L7 policy {policy['id']} of {named(keeper, context.resource)}, {why}"]
        else:
            names = []
        if names:
            found.setdefault(id_, []).extend(names)
    return {id_: "; ".join(names) for id_, names in found.items()}


def policies_under(
    context: ReconcileContext, rows: Iterable[Listener], after: float | None = None
) -> Iterator[tuple[Listener, L7Policy, bool]]:
    """The L7 policies under some listeners of ours; asked for only where there are any.

    Yields:
        The listener, the policy, and whether that is ours.
    """
    holders = [each for each in rows if each.get("l7policies")]
    listed = https_redirect.listed(context, holders, after) if holders else ()
    for holder in holders:
        under = [policy for policy in listed if policy.get("listener_id") == holder["id"]]
        ours, _ = https_redirect.sort_out(context, listeners.name_of(context, holder), under)
        yield from ((holder, policy, policy in ours) for policy in under)


def in_policy(context: ReconcileContext, id_: str) -> Outcome | None:
    """The outcome where a redirect of ours that goes has rules that are not ours."""
    policy = by_id(context, L7_POLICIES, context.rows(L7_POLICIES), id_)
    found = _rules(context, policy) if policy is not None else []
    if not found:
        return None
    message = f"L7 policy {id_} is to go, but holds what is not ours: {'; '.join(found)}: delete that first"
    return again(Reason.IN_USE, message, 30.0)


def _rules(context: ReconcileContext, policy: L7Policy) -> list[str]:
    """The rules of a redirect of ours that others have added: it is made with one."""
    if len(policy.get("rules") or ()) <= 1:
        return []
    listed = _listed(lambda: context.cloud.do.l7_rules.list(policy["id"]))
    ours = [each for each in listed if all(each.get(name) == value for name, value in https_redirect.RULE.items())][:1]
    return [
        f"L7 rule {each['id']} ({each.get('type')} {each.get('compare_type')} {each.get('value')}) of L7 policy "
        f"{_named(policy)}"
        for each in listed
        if each not in ours
    ]


def _monitors(context: ReconcileContext, pools: Sequence[Pool], after: float, *, alone: bool = False) -> list[str]:
    """The health monitors of some pools that do not go with them; ``alone``: the load balancer stays."""
    ids = {each["id"] for each in pools if each.get("healthmonitor_id")}
    found: list[str] = []
    if not ids:
        return found
    keepers = _keepers(context, octavia_common.MONITOR)
    monitors = context.rows(HEALTH_MONITORS, after)
    for each in monitors:
        above = octavia_common.parent(each.get("pools"))
        if above not in ids:
            continue
        keeper = keepers.of(each)
        if keeper is None:
            found.append(f"health monitor {_named(each)} of pool {above}, {NOBODY}")
        elif _copied(each, keeper, monitors):
            whom = named(keeper, context.resource)
            found.append(f"health monitor {each['id']} of pool {above}, carrying a copy of the mark of {whom}")
        elif why := _stays(context, keeper):
            found.append(f"health monitor {each['id']} of {named(keeper, context.resource)}, {why}")
        elif alone and not keeper.deleting and "poolRef" not in json_types.HEALTH_MONITOR.spec(keeper):
            found.append(f"health monitor {each['id']} of {named(keeper, context.resource)}")
    return found


def _members(context: ReconcileContext, pool: Pool, keeper: KubeObject) -> list[str]:
    """The members of a pool, where its Pool does not say which it has."""
    applied = json_types.ANY.status(keeper).get("appliedFields") or ()
    if not pool.get("members") or members.managed(json_types.POOL.spec(keeper)) or members.managed(applied):
        return []
    listed = _listed(lambda: context.cloud.do.members.list(pool["id"]))
    names = ", ".join(f"{each['address']} {each['protocol_port']}" for each in listed)
    return [f"members {names} of pool {pool['id']}, which {keeper.key} does not list"] if listed else []


def _listed(ask: Callable[[], list[RowT]]) -> list[RowT]:
    try:
        return ask()
    except NotFoundError:
        return []


def _keepers(context: ReconcileContext, kind: str) -> Keepers:
    return Keepers(context.owner.cluster, context.request.view.objects(kind))


def _part_of(context: ReconcileContext, row: Listener, balancer: KubeObject) -> bool:
    return listeners.is_part_of(context.owner.cluster, balancer, row)


def _named(row: Row) -> str:
    return f"{row.get('name') or 'without a name'} ({row['id']})"
