"""Which L7Policies a load balancer has, in what order, and whether one fits its listener and its pool. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from infomaniak_operator.api import json_types
from infomaniak_operator.api.v1alpha1.l7_policy_types import MAX_POSITION
from infomaniak_operator.client.resources import L7Policy
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject
from infomaniak_operator.reconcile.generic.facts import owner_of
from infomaniak_operator.reconcile.generic.owned import Keepers, marks_of
from infomaniak_operator.reconcile.octavia import compatibility
from infomaniak_operator.reconcile.octavia.l7_order import LAST, Rank
from infomaniak_operator.reconcile.octavia.octavia_common import L7_POLICY, POOL

HTTP = ("HTTP", "TERMINATED_HTTPS")
"""The protocols in which there are requests to be seen."""
_CERTIFICATE = ("SSL_CONN_HAS_CERT", "SSL_VERIFY_RESULT", "SSL_DN_FIELD")
TO_POOL = "REDIRECT_TO_POOL"


def pool_ref(policy: KubeObject) -> Key | None:
    """The Pool that an L7Policy sends to."""
    ref = json_types.L7POLICY.spec(policy).get("poolRef")
    return Key(POOL, policy.key.namespace, ref["name"]) if ref else None


def rank(policy: KubeObject) -> Rank:
    """What the order of L7Policies goes by; one without a position comes after those that have one."""
    position = json_types.L7POLICY.spec(policy).get("position")
    return (float(MAX_POSITION + 1 if position is None else position), policy.created, policy.key.name)


def policies_of(balancer: KubeObject, view: CacheReader) -> list[KubeObject]:
    """The L7Policies that refer to a load balancer and stay, in their order."""
    found = [each for each in view.referrers(balancer.key) if each.key.kind == L7_POLICY and not each.deleting]
    return sorted(found, key=rank)


def on_listener(balancer: KubeObject, view: CacheReader, listener: str) -> list[KubeObject]:
    """Those of them that are for one listener and are made, or are to be made, by us."""
    return [
        each
        for each in policies_of(balancer, view)
        if (spec := json_types.L7POLICY.spec(each)).get("listener") == listener
        and spec.get("managementPolicy") != "Unmanaged"
    ]


def sending_to(pool: KubeObject, view: CacheReader) -> list[KubeObject]:
    """The L7Policies that refer to a pool, those that are being deleted too."""
    return [each for each in view.referrers(pool.key) if each.key.kind == L7_POLICY]


def item_of(policy: KubeObject, balancer: KubeObject) -> json_types.Listener | None:
    """The listener of an L7Policy, as the load balancer's spec has it."""
    name = json_types.L7POLICY.spec(policy).get("listener")
    items = json_types.LOAD_BALANCER.spec(balancer).get("listeners") or ()
    return next((item for item in items if item["name"] == name), None)


def listener_id(policy: KubeObject, balancer: KubeObject) -> str | None:
    """The id of its listener, by the load balancer's status; of two while one is replaced the one that stays."""
    name = json_types.L7POLICY.spec(policy).get("listener")
    shown = json_types.LOAD_BALANCER.status(balancer).get("listeners") or ()
    return next((str(each["id"]) for each in shown if each.get("name") == name and each.get("id")), None)


def is_listed(policy: KubeObject, balancer: KubeObject) -> bool:
    """Whether the load balancer has a listener of that name, in its spec or, where that lists none, in the cloud."""
    if "listeners" in json_types.LOAD_BALANCER.spec(balancer):
        return item_of(policy, balancer) is not None
    return listener_id(policy, balancer) is not None


def problem(policy: KubeObject, balancer: KubeObject, pool: KubeObject | None) -> str | None:
    """Why an L7Policy cannot be had, by its listener or its pool; None if it can."""
    item, spec = item_of(policy, balancer), json_types.L7POLICY.spec(policy)
    protocol = item["protocol"] if item else None
    if item and protocol not in HTTP:
        return (
            f"spec.listener: listener {item['name']} of LoadBalancer {balancer.key.name} speaks {protocol}, in which "
            f"there are no requests to be seen: an L7Policy needs one of protocol {' or '.join(HTTP)}"
        )
    if item and protocol != HTTP[1]:
        for number, rule in enumerate(spec.get("rules") or ()):
            if rule["type"] in _CERTIFICATE:
                return (
                    f"spec.rules[{number}]: type {rule['type']} looks at the client's certificate, but listener "
                    f"{item['name']} of LoadBalancer {balancer.key.name} speaks {protocol}: it needs one of protocol "
                    f"{HTTP[1]}"
                )
    if pool is None:
        return None
    above = compatibility.balancer_ref(pool)
    if above is not None and above != balancer.key:
        return (
            f"spec.poolRef: Pool {pool.key.name} belongs to LoadBalancer {above.name}, and a listener sends to pools "
            "of its own load balancer only: name another Pool"
        )
    speaks = json_types.POOL.spec(pool).get("protocol")
    if item and speaks and not compatibility.fits(item["protocol"], speaks):
        takes = ", ".join(sorted(compatibility.FITS[item["protocol"]]))
        return (
            f"spec.poolRef: listener {item['name']} of LoadBalancer {balancer.key.name} speaks {protocol} and sends to "
            f"pools of protocol {takes}, but Pool {pool.key.name} has {speaks}: change one of them"
        )
    return None


def elsewhere(pool: KubeObject, balancer_id: str | None) -> str | None:
    """Why a policy cannot send to an imported Pool: the cloud has it in another load balancer; None if it can."""
    inside = json_types.POOL.status(pool).get("loadBalancerID")
    if compatibility.balancer_ref(pool) is not None or not inside or balancer_id in (None, inside):
        return None
    return (
        f"spec.poolRef: Pool {pool.key.name} is in load balancer {inside}, and a listener sends to pools of its own "
        f"load balancer only, {balancer_id}: name another Pool"
    )


def ranks(cluster: str, balancer: KubeObject | None, view: CacheReader, rows: Sequence[L7Policy]) -> list[Rank | None]:
    """The ranks of some policies of a listener: of L7Policies with a position, and of ``redirectToHTTPS``.

    Args:
        cluster: names this cluster in marks.
        balancer: the LoadBalancer of the listener; None where no object stands for it.
        view: the cache.
        rows: the policies.
    """
    if balancer is None:
        return [None] * len(rows)
    keepers, owner = Keepers(cluster, policies_of(balancer, view)), owner_of(cluster, balancer)
    found: list[Rank | None] = []
    for row in rows:
        keeper = keepers.of(row)
        if keeper is not None and "position" in json_types.L7POLICY.spec(keeper):
            found.append(rank(keeper))
        elif keeper is None and any(owner.wrote(mark) for mark in marks_of(row)):
            found.append(LAST)
        else:
            found.append(None)
    return found
