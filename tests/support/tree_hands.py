"""Load balancers, pools, monitors and policies: their manifests, and what a user's second pair of eyes sees of them in Octavia."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from infomaniak_operator.client import ConflictError
from infomaniak_operator.reconcile.ownership.marks import Mark
from sandbox import Sandbox
from tests.support.box import until
from tests.support.manifests import manifest
from tests.support.running import User

Row = dict[str, Any]
ILB, IPOOL, IHM, IL7 = "ilb", "ipool", "ihm", "il7"
COLLECTIONS = {ILB: "load_balancers", IPOOL: "pools", IHM: "health_monitors", IL7: "l7_policies"}
CHECK = {"type": "HTTP", "delay": 5, "timeout": 3, "maxRetries": 2}
_looks = itertools.count()


def load_balancer(name: str, subnet_id: str, /, *listeners: Row, **spec: Any) -> Row:
    """A LoadBalancer on a subnet that somebody else made, unless the spec says otherwise."""
    items = {"listeners": list(listeners)} if listeners else {}
    return manifest("LoadBalancer", name, **{"vip": {"subnetID": subnet_id}, **items, **spec})


def listener(name: str, protocol: str = "HTTP", port: int = 80, /, *, pool: str | None = None, **fields: Any) -> Row:
    """A listener of a LoadBalancer's spec."""
    ref = {"defaultPoolRef": {"name": pool}} if pool else {}
    return {"name": name, "protocol": protocol, "port": port, **ref, **fields}


def pool(name: str, balancer: str = "lb", /, *members: Row, **spec: Any) -> Row:
    """A Pool of a LoadBalancer; it names its members only if some are given, or its spec does."""
    items = {"members": list(members)} if members else {}
    common = {"loadBalancerRef": {"name": balancer}, "protocol": "HTTP", "algorithm": "ROUND_ROBIN"}
    return manifest("Pool", name, **{**common, **items, **spec})


def member(address: str, port: int = 8080, **fields: Any) -> Row:
    """A member of a Pool's spec."""
    return {"address": address, "port": port, **fields}


def monitor(name: str, pool_name: str, /, **spec: Any) -> Row:
    """A HealthMonitor of a Pool."""
    return manifest("HealthMonitor", name, **{"poolRef": {"name": pool_name}, **CHECK, **spec})


def rule(type_: str, value: str, compare: str = "EQUAL_TO", **fields: Any) -> Row:
    """A rule of an L7Policy's spec."""
    return {"type": type_, "compareType": compare, "value": value, **fields}


def policy(name: str, listener_name: str, /, *rules: Row, balancer: str = "lb", **spec: Any) -> Row:
    """An L7Policy of a LoadBalancer's listener, which refuses unless its spec says otherwise."""
    usual = {"loadBalancerRef": {"name": balancer}, "listener": listener_name, "action": "REJECT", "rules": list(rules)}
    return manifest("L7Policy", name, **{**usual, **spec})


def made(user: User, kind: str, body: Row) -> Row:
    """Apply it and wait until it is Ready; its status."""
    user.apply(body)
    status: Row = user.until_ready(kind, body["metadata"]["name"])["status"]
    return status


def status_of(user: User, kind: str, name: str) -> Row:
    """The status of an object that is there."""
    found: Row = (user.get(kind, name) or {}).get("status") or {}
    return found


def row_of(user: User, kind: str, name: str) -> Row:
    """The object in Octavia that one of ours stands for."""
    row: Row = getattr(user.cloud, COLLECTIONS[kind]).get(status_of(user, kind, name)["id"])
    return row


def listeners_of(user: User, balancer_id: str) -> dict[str, Row]:
    """The listeners of a load balancer, by name."""
    rows = user.cloud.listeners.list(load_balancer_id=balancer_id)
    return {str(row["name"]): row for row in rows}


def policies_of(user: User, listener_id: str) -> list[Row]:
    """The L7 policies of a listener with their rules, in full."""
    rows = user.cloud.l7_policies.list(listener_id=listener_id)
    return [{**row, "rules": list(user.cloud.l7_rules.list(row["id"]))} for row in rows]


def user_tags(row: Row) -> list[str]:
    """The tags without the mark, of which there must be one."""
    plain = [tag for tag in row["tags"] if Mark.among([tag]) is None]
    assert len(row["tags"]) == len(plain) + 1, row["tags"]
    return sorted(plain)


def by_hand(user: User, balancer_id: str, change: Callable[[], Any]) -> Any:
    """Somebody else's change in a tree, as soon as that takes one; returns when it is unlocked again."""

    def attempt() -> tuple[Any] | None:
        try:
            return (change(),)
        except ConflictError:  # the tree is locked
            return None

    (answer,) = until(attempt, f"a change of load balancer {balancer_id} by hand")
    unlocked(user, balancer_id)
    return answer


def unlocked(user: User, balancer_id: str) -> Row:
    """The load balancer, once it is ACTIVE."""

    def look() -> Row | None:
        row: Row = user.cloud.load_balancers.get(balancer_id)
        return row if row["provisioning_status"] == "ACTIVE" else None

    return until(look, f"load balancer {balancer_id} ACTIVE")


def look_again(user: User, kind: str, name: str) -> None:
    """Ask for a reconcile that looks at the cloud."""
    user.annotate(kind, name, reconcile_at=f"look-{next(_looks)}")


def sent(box: Sandbox, mark: int, user: User) -> list[str]:
    """The operator's calls that were to change something in Octavia since a mark."""
    calls = [c for c in box.calls(mark) if c.service == "octavia" and c.project == user.project.id]
    return [f"{c.method} {c.path.split('/lbaas/')[-1]}" for c in calls if c.by == "operator" and c.method != "GET"]


def members_of(user: User, pool_id: str) -> dict[str, Row]:
    """The members of a pool, by address and port as they are spelt in the cloud."""
    return {f"{row['address']} {row['protocol_port']}": row for row in user.cloud.members.list(pool_id)}


def looked_at(box: Sandbox, user: User, kind: str, name: str) -> None:
    """Have an object reconciled and wait until that is over: a further reconcile has begun to look at the cloud."""
    path = f"/{COLLECTIONS[kind].replace('_', '')}"
    for _ in range(2):
        mark = box.mark()
        look_again(user, kind, name)

        def seen(mark: int = mark) -> bool:
            return any(call.method == "GET" and call.path.endswith(path) for call in box.calls(mark))

        until(seen, f"a reconcile of {kind} {name}")
    user.until_ready(kind, name)
