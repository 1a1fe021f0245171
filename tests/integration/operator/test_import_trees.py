"""Import of load balancers, pools and monitors: reading what others made, taking it over, giving it up."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from infomaniak_operator.reconcile.ownership.marks import Mark
from sandbox import Sandbox
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.cloud_hands import reasons, until_event
from tests.support.manifests import manifest
from tests.support.running import User
from tests.support.tree_hands import (
    IHM,
    ILB,
    IPOOL,
    Row,
    by_hand,
    looked_at,
    made,
    members_of,
    sent,
    unlocked,
)
from tests.support.unordered import unordered

KINDS = {ILB: "LoadBalancer", IPOOL: "Pool", IHM: "HealthMonitor"}


def tree(user: User, subnet_id: str) -> tuple[str, Row]:
    """A load balancer with two listeners, a pool, a member and a monitor that a person made; the name of all of it."""
    name = f"hand-{uuid.uuid4().hex[:8]}"
    check = {"name": name, "type": "HTTP", "delay": 5, "timeout": 3, "max_retries": 2, "url_path": "/up"}
    servers: Row = {"name": name, "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "healthmonitor": check}
    servers["members"] = [{"address": "10.35.0.11", "protocol_port": 8080, "weight": 7, "name": "one"}]
    web = {"name": "web", "protocol": "HTTP", "protocol_port": 80, "connection_limit": 70, "default_pool": servers}
    own: Row = {"name": "own", "protocol": "TCP", "protocol_port": 22}
    body = {"name": name, "description": "by hand", "tags": ["theirs"], "vip_subnet_id": subnet_id}
    row = user.cloud.load_balancers.create_tree({**body, "listeners": [web, own]})
    unlocked(user, row["id"])
    return name, row


def rows(user: User, whole: Row) -> list[Row]:
    """All of the tree as it is in Octavia."""
    (pool,) = whole["pools"]
    found: list[Mapping[str, Any]] = [
        user.cloud.load_balancers.get(whole["id"]),
        *sorted(user.cloud.listeners.list(load_balancer_id=whole["id"]), key=lambda row: str(row["name"])),
        user.cloud.pools.get(pool["id"]),
        user.cloud.health_monitors.get(pool["healthmonitor"]["id"]),
    ]
    return [unordered(row) for row in found]


def marks(user: User, whole: Row) -> list[str]:
    """How each of them is marked, in the order of ``rows``."""
    found = [Mark.among(row["tags"]) for row in rows(user, whole)]
    return ["none" if mark is None else "released" if mark.released else "ours" for mark in found]


def test_unmanaged_only_reads(box: Sandbox, beta: User, hands: ByHand) -> None:
    _, (front,) = hands.network("lab", "10.35.0.0/24")
    name, whole = tree(beta, front["id"])
    (pool,) = whole["pools"]
    before = rows(beta, whole)
    asked: dict[str, Row] = {
        ILB: {"filter": {"vipAddress": whole["vip_address"], "description": "by hand"}},
        IPOOL: {"id": pool["id"]},
        IHM: {"filter": {"name": name, "type": "HTTP"}},
    }
    mark = box.mark()
    status = {
        kind: made(beta, kind, manifest(KINDS[kind], "x", managementPolicy="Unmanaged", import_=wanted))
        for kind, wanted in asked.items()
    }
    balancer = status[ILB]
    assert (balancer["id"], balancer["vipAddress"], balancer["vipPortID"]) == (
        whole["id"],
        whole["vip_address"],
        whole["vip_port_id"],
    )
    assert [each["name"] for each in balancer["listeners"]] == ["own", "web"]
    assert (status[IPOOL]["id"], status[IPOOL]["loadBalancerID"]) == (pool["id"], whole["id"])
    assert [(each["address"], each["weight"]) for each in status[IPOOL]["members"]] == [("10.35.0.11", 7)]
    assert (status[IHM]["id"], status[IHM]["poolID"]) == (pool["healthmonitor"]["id"], pool["id"])
    # The monitor is too new for its members to be believed. A load balancer that is only read knows of no monitors.
    assert {kind: beta.condition(kind, "x", "Healthy")["status"] for kind in KINDS} == {
        ILB: "True",
        IPOOL: "Unknown",
        IHM: "True",
    }
    for kind in KINDS:
        looked_at(box, beta, kind, "x")
        assert (beta.get(kind, "x") or {})["metadata"].get("finalizers", []) == []

    # Deleted by them: said, and not made again. What is deleted here stays there.
    for kind in KINDS:
        beta.delete(kind, "x")
    assert sent(box, mark, beta) == []
    assert rows(beta, whole) == before
    beta.apply(manifest("LoadBalancer", "x", managementPolicy="Unmanaged", import_={"id": whole["id"]}))
    beta.until_ready(ILB, "x")
    beta.cloud.load_balancers.delete(whole["id"], cascade=True)
    until(lambda: whole["id"] not in {row["id"] for row in beta.cloud.load_balancers.list()}, "the end of the tree")
    beta.annotate(ILB, "x", reconcile_at="gone")
    gone = beta.until_condition(ILB, "x", "Ready", status="False", reason="ExternallyDeleted")
    assert whole["id"] in gone["message"]


@pytest.mark.slow
def test_managed_shows_the_difference_first_then_adopts_and_retain_gives_all_up(
    box: Sandbox, beta: User, hands: ByHand
) -> None:
    _, (front,) = hands.network("lab", "10.35.0.0/24")
    name, whole = tree(beta, front["id"])
    (pool,) = whole["pools"]
    common: dict[str, Any] = {"import_": {"filter": {"name": name}}, "deletionPolicy": "Retain"}
    web = {"name": "web", "protocol": "HTTP", "port": 80, "defaultPoolRef": {"name": "x"}}
    balancer = manifest("LoadBalancer", "x", **common, description="ours", listeners=[{**web, "connectionLimit": 50}])
    beta.apply(balancer)
    shown = until_event(beta, "x", "Adopting", "load balancer")
    assert "description: by hand -> ours" in shown
    assert "listeners[web].connectionLimit: 70 -> 50" in shown
    assert beta.until_ready(ILB, "x")["status"]["id"] == whole["id"]
    members = [{"address": "10.35.0.11", "port": 8080}, {"address": "10.35.0.12", "port": 8080}]
    beta.apply(manifest("Pool", "x", **common, algorithm="SOURCE_IP", members=members))
    shown = until_event(beta, "x", "Adopting", "pool")
    assert "algorithm: ROUND_ROBIN -> SOURCE_IP" in shown
    assert "+10.35.0.12:8080" in shown
    assert beta.until_ready(IPOOL, "x")["status"]["id"] == pool["id"]
    beta.apply(manifest("HealthMonitor", "x", **common, delay=9))
    assert "delay: 5 -> 9" in until_event(beta, "x", "Adopting", "health monitor")
    assert beta.until_ready(IHM, "x")["status"]["id"] == pool["healthmonitor"]["id"]
    unlocked(beta, whole["id"])

    # What the spec does not name stays as it was, and what is not in it stays somebody else's.
    there, own, listener, servers, check = rows(beta, whole)
    assert marks(beta, whole) == ["ours", "none", "ours", "ours", "ours"]
    assert (there["name"], there["description"], "theirs" in there["tags"]) == (name, "ours", True)
    assert (listener["connection_limit"], listener["default_pool_id"]) == (50, pool["id"])
    assert (own["name"], servers["lb_algorithm"], servers["name"]) == ("own", "SOURCE_IP", name)
    assert (check["delay"], check["url_path"]) == (9, "/up")
    found = members_of(beta, pool["id"])
    assert {spot: (row["weight"], row["name"]) for spot, row in found.items()} == {
        "10.35.0.11 8080": (7, "one"),
        "10.35.0.12 8080": (1, ""),
    }
    mark = box.mark()
    for kind in KINDS:
        looked_at(box, beta, kind, "x")
    assert sent(box, mark, beta) == []
    assert "own" in {str(row["name"]) for row in rows(beta, whole)}, "the listener of somebody else"

    # Given up: all of it stays, and nothing but the marks is changed.
    for kind in (IHM, IPOOL, ILB):
        beta.delete(kind, "x")
    unlocked(beta, whole["id"])
    assert marks(beta, whole) == ["released", "none", "released", "released", "released"]
    assert rows(beta, whole)[0]["description"] == "ours"
    assert members_of(beta, pool["id"]).keys() == found.keys()
    assert {"Retained", "Adopting"} <= set(reasons(beta, "x"))

    # An immutable difference is a conflict, and nothing is changed.
    mark = box.mark()
    beta.apply(manifest("Pool", "x", import_={"id": pool["id"]}, protocol="PROXY"))
    stalled = beta.until_condition(IPOOL, "x", "Stalled", status="True", reason="Conflict")
    assert "protocol: HTTP -> PROXY" in stalled["message"]
    beta.delete(IPOOL, "x")
    beta.apply(manifest("HealthMonitor", "x", import_={"id": pool["healthmonitor"]["id"]}, type="TCP"))
    stalled = beta.until_condition(IHM, "x", "Stalled", status="True", reason="Conflict")
    assert "type: HTTP -> TCP" in stalled["message"]
    beta.delete(IHM, "x")
    assert sent(box, mark, beta) == []
    by_hand(beta, whole["id"], lambda: beta.cloud.load_balancers.update(whole["id"], {"name": "done"}))
    beta.cloud.load_balancers.delete(whole["id"], cascade=True)
    until(lambda: whole["id"] not in {row["id"] for row in beta.cloud.load_balancers.list()}, "the end of the tree")
