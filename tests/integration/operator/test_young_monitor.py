"""The first minute of a health monitor with real packets: who is dead is never counted with the living."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sandbox import Sandbox
from sandbox.data_path import World
from tests.support.box import until
from tests.support.byhand import ByHand
from tests.support.running import User
from tests.support.traffic import carrying
from tests.support.tree_hands import ILB, IPOOL, listener, load_balancer, member, members_of, monitor, pool, status_of

pytestmark = pytest.mark.slow

ALIVE, DEAD = "10.34.0.101", "10.34.0.102"
QUICK = {"delay": 1, "timeout": 1, "maxRetries": 1}
MINUTE = 60.0


@pytest.fixture
def world(box: Sandbox, beta: User) -> Iterator[World]:
    """Where project beta's packets are, in a cloud that calls members ONLINE for the first minute of a monitor."""
    before = box.traits
    with carrying(box) as path:
        box.set_traits(replace(before, first_minute=MINUTE))
        world = path.world(beta.project.name)
        world.serve(f"{ALIVE}:8080")
        yield world
        world.end(f"{ALIVE}:8080")
        box.set_traits(before)


def _said(user: User) -> tuple[str, object, dict[str, str]]:
    """Whether the pool is Healthy, how many members it calls online, and how it says that each is."""
    status = status_of(user, IPOOL, "site")
    members = {each["address"]: each.get("operatingStatus", "") for each in status.get("members") or ()}
    return user.condition(IPOOL, "site", "Healthy").get("status", ""), status.get("onlineMembers"), members


def test_the_dead_are_not_called_online_and_the_living_are_when_it_is_known(
    beta: User, hands: ByHand, world: World
) -> None:
    del world
    _, (front,) = hands.network("lab", "10.34.0.0/24")
    beta.apply(pool("site", "lb", member(ALIVE), member(DEAD)))
    beta.apply(monitor("site", "site", **QUICK))
    beta.apply(load_balancer("lb", front["id"], listener("web", pool="site")))
    beta.until_ready(ILB, "lb")
    begin = time.monotonic()
    beta.until_ready("ihm", "site")
    pool_id = beta.until_ready(IPOOL, "site")["status"]["id"]

    def called() -> set[str]:
        return {str(row["operating_status"]) for row in members_of(beta, pool_id).values()}

    until(lambda: called() == {"ONLINE"}, "the cloud calls both ONLINE", 20)
    seen: list[tuple[float, str, object]] = []

    def known() -> bool:
        healthy, online, members = _said(beta)
        seen.append((time.monotonic() - begin, healthy, online))
        return members == {ALIVE: "ONLINE", DEAD: "ERROR"}

    until(known, f"one member ONLINE, and one in ERROR; it is {_said(beta)}", MINUTE + 60)
    assert seen[-1][0] > MINUTE / 2, "the cloud has told nothing before"
    assert {(healthy, online) for _, healthy, online in seen[:-1]} <= {("Unknown", None), ("False", 1)}, seen
    assert _said(beta)[:2] == ("False", 1)
    assert f"{DEAD} 8080 is ERROR" in beta.condition(IPOOL, "site", "Healthy")["message"]
