"""A SecurityGroup that follows a Pool, with real packets: members in it are reached by its rule, and only so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox import Sandbox
from sandbox.data_path import Asking, Target, World
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.manifests import bundle, port, security_group
from tests.support.running import User
from tests.support.traffic import carrying
from tests.support.tree_hands import ILB, IPOOL, Row, listener, load_balancer, monitor, pool

pytestmark = pytest.mark.slow

HOST = "10.36.0.101"
SERVER, OTHER = f"{HOST}:8080", f"{HOST}:9090"
QUICK = {"delay": 1, "timeout": 1, "maxRetries": 1}
BY_POOL = [{"poolRef": {"name": "web"}}]


@pytest.fixture
def world(box: Sandbox, beta: User) -> Iterator[World]:
    """Where project beta's packets are, with a server at two ports."""
    with carrying(box) as path:
        world = path.world(beta.project.name)
        world.serve(SERVER, OTHER)
        yield world
        world.end(SERVER, OTHER)


def placed(beta: User, hands: ByHand, **group: Any) -> str:
    """A load balancer whose only member is a Port in a group; the address of its VIP."""
    net, (front,) = hands.network("lab", "10.36.0.0/24")
    fixed = [{"subnetID": front["id"], "address": HOST}]
    beta.apply(
        bundle(
            security_group("web", **group),
            port("one", networkID=net["id"], fixedIPs=fixed, securityGroupRefs=[{"name": "web"}]),
            load_balancer("lb", front["id"], listener("http", pool="web")),
            with_port(8080),
            monitor("web", "web", **QUICK),
        )
    )
    beta.until_ready(ILB, "lb")
    beta.until_ready(IPOOL, "web")
    return str(beta.until_ready(ILB, "lb")["status"]["vipAddress"])


def with_port(*ports: int) -> Row:
    """The Pool, with the Port as its members."""
    return pool("web", "lb", portMembers=[{"portRef": {"name": "one"}, "port": each} for each in ports])


def let_in(beta: User) -> set[int]:
    """The ports that the group lets in at."""
    group = beta.get("isg", "web")
    assert group
    rows = beta.cloud.security_group_rules.list(security_group_id=group["status"]["id"])
    return {
        each
        for row in rows
        if row["direction"] == "ingress" and row["port_range_min"]
        for each in range(row["port_range_min"], row["port_range_max"] + 1)
    }


def test_members_are_reached_by_the_rules_and_only_so(beta: User, hands: ByHand, world: World) -> None:
    vip = placed(beta, hands, rules=[])

    def answer() -> str:
        return world.execute("curl", "--silent", "--max-time", "2", f"http://{vip}/").stdout.strip()

    until(lambda: "503" in answer(), "no member is reached")
    beta.apply(security_group("web", rules=[], memberRules=BY_POOL))
    until(lambda: answer() == SERVER, "the member is reached")
    beta.apply(security_group("web", rules=[]))
    until(lambda: "503" in answer(), "no member is reached any more")


def test_no_request_is_lost_while_members_leave_a_port(beta: User, hands: ByHand, world: World) -> None:
    vip = placed(beta, hands, rules=[], memberRules=BY_POOL)
    with Asking(world, Target("web", f"http://{vip}/"), Target("kept", f"http://{vip}/", keep_alive=True)) as asking:
        until(lambda: all(told.answers and not told.failed for told in asking.take().values()), "all answer")
        for ports in ((8080, 9090), (9090,), (8080, 9090), (8080,)):
            beta.apply(with_port(*ports))
            until(lambda: let_in(beta) == set(ports), f"the rules for {ports}")  # noqa: B023 - called at once
        told = asking.take()
    assert {name: list(each.failures) for name, each in told.items() if each.failed} == {}
    assert all(set(each.answers) == {SERVER, OTHER} for each in told.values())
