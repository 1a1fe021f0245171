"""A SecurityGroup that follows a Pool, with real packets: members in it are reached by its rule, and only so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox import Sandbox
from sandbox.data_path import World
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.manifests import bundle, port, security_group
from tests.support.running import User
from tests.support.traffic import carrying
from tests.support.tree_hands import ILB, IPOOL, listener, load_balancer, monitor, pool

pytestmark = pytest.mark.slow

SERVER = "10.36.0.101:8080"
QUICK = {"delay": 1, "timeout": 1, "maxRetries": 1}


@pytest.fixture
def world(box: Sandbox, beta: User) -> Iterator[World]:
    """Where project beta's packets are, with a server."""
    with carrying(box) as path:
        world = path.world(beta.project.name)
        world.serve(SERVER)
        yield world
        world.end(SERVER)


def test_members_are_reached_by_the_rule_and_only_so(beta: User, hands: ByHand, world: World) -> None:
    host = SERVER.partition(":")[0]
    net, (front,) = hands.network("lab", "10.36.0.0/24")
    fixed = [{"subnetID": front["id"], "address": host}]
    beta.apply(
        bundle(
            security_group("web", rules=[]),
            port("one", networkID=net["id"], fixedIPs=fixed, securityGroupRefs=[{"name": "web"}]),
            load_balancer("lb", front["id"], listener("http", pool="web")),
            pool("web", "lb", portMembers=[{"portRef": {"name": "one"}, "port": 8080}]),
            monitor("web", "web", **QUICK),
        )
    )
    beta.until_ready(ILB, "lb")
    beta.until_ready(IPOOL, "web")
    vip = beta.until_ready(ILB, "lb")["status"]["vipAddress"]

    def answer() -> str:
        return world.execute("curl", "--silent", "--max-time", "2", f"http://{vip}/").stdout.strip()

    until(lambda: "503" in answer(), "no member is reached")
    beta.apply(security_group("web", rules=[{"direction": "ingress", "poolRef": {"name": "web"}}]))
    until(lambda: answer() == SERVER, "the member is reached")
    beta.apply(security_group("web", rules=[]))
    until(lambda: "503" in answer(), "no member is reached any more")
