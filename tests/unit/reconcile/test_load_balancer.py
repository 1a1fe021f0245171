"""A load balancer with all that belongs to it: in any order the same tree, by few calls, and none of them refused."""

import functools
import random

import pytest

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.reconcile.generic.owned import mark_of
from infomaniak_operator.reconcile.ownership.marks import Mark
from tests.support.forest import Forest, shuffled
from tests.support.objects import key_of
from tests.support.trees import CHECK, LB, SITE, balancer, listener, member, monitor, network, pool, tree, web

TREE = ("LoadBalancer", "Pool", "HealthMonitor")


@functools.cache
def at_once():
    """examples/web applied by one command: what it comes to."""
    world = Forest()
    world.apply_all(web())
    world.run()
    world.all_ready()
    return world.picture()


def the_same_tree(world):
    world.run()
    world.all_ready()
    assert world.picture() == at_once()
    assert [str(error) for error in world.refused] == []
    calls = [call for call in world.changes() if call.split()[1] in ("ports", "load_balancers")]
    assert calls == ["POST ports", "POST load_balancers"]
    assert len([row for row in world.table("ports") if row["name"] == "web-vip"]) == 1
    world.clock.advance(600)
    world.forget_calls()
    world.resync()
    world.run()
    assert world.changes() == []


@pytest.mark.parametrize("seed", range(12))
def test_all_at_once_in_any_order(seed):
    world = Forest()
    (order,) = shuffled(web(), random.Random(seed), 1)
    world.apply_all(order)
    world.run()
    (tree,) = [call.args[0] for call in world.cloud.log if call.writing and call.collection in world.fake.octavia.names]
    assert [(item["name"], item["default_pool"]["name"]) for item in tree["listeners"]] == [
        ("http", "site"),
        ("tls", "site-tls"),
    ]
    parts = {item["name"]: (len(item["members"]), item["healthmonitor"]["name"]) for item in tree["pools"]}
    assert parts == {"site": (3, "site"), "site-tls": (2, "site-tls")}
    the_same_tree(world)


@pytest.mark.parametrize("seed", range(15))
def test_one_after_the_other_in_any_order(seed):
    rng = random.Random(seed)
    world = Forest(settles=rng.choice([0.3, 1.5, 8.0]))
    (order,) = shuffled(web(), rng, 1)
    for body in order:
        world.apply(body)
        world.some(rng.randrange(8))
    the_same_tree(world)


@pytest.mark.parametrize("seed", range(12))
def test_one_after_the_other_each_at_its_end(seed):
    world = Forest()
    (order,) = shuffled(web(), random.Random(seed), 1)
    for body in order:
        world.apply(body)
        world.run()
    the_same_tree(world)


# Calls.


def test_the_calls_of_a_new_tree():
    bodies = [body for body in web() if body["kind"] in TREE]
    world = Forest(*(body for body in web() if body["kind"] == "InfomaniakNetwork"))
    world.run()
    world.forget_calls()
    world.apply_all(bodies)
    world.run(30.0)
    calls = world.calls()
    # A tree that is held back is looked for anew before it is made.
    assert calls.pop("LIST load_balancers") <= 3
    assert calls.pop("GET status") <= 3
    # One with a new health monitor is due again, and so looks when its pools tell it of themselves.
    assert calls.pop("LIST listeners", 0) <= 1
    assert calls.pop("LIST ports") <= 2
    assert calls.pop("GET quotas") <= 2  # of both services
    assert calls == {"POST ports": 1, "POST load_balancers": 1}
    # Waiting, its id while it is PENDING, and Ready; beside these what is about to be set.
    written = {key: world.status_writes[key] - world.records.get(key, 0) for key in world.all_keys()}
    assert max(written.values()) <= 5
    assert world.records == {key_of(body): 1 for body in web() if body["kind"] in ("InfomaniakNetwork", "LoadBalancer")}
    assert max(world.reconciles.values()) <= 10


def test_a_resync_of_trees_in_order_changes_nothing_and_shares_its_lists():
    world = Forest(network())
    for name in ("web", "blog"):
        world.apply(balancer(name, listeners=[listener(pool=name)]))
        world.apply(pool(name, loadBalancerRef={"name": name}))
        world.apply(monitor(name))
    world.run()
    world.all_ready()
    before = {key: world.object(key).resource_version for key in world.all_keys()}
    for _ in range(3):
        world.clock.advance(600)
        world.forget_calls()
        world.resync()
        world.run()
    calls = world.calls()
    assert {name: count for name, count in calls.items() if name.startswith("LIST")} == {
        f"LIST {name}": 1
        for name in ("networks", "subnets", "ports", "load_balancers", "listeners", "pools", "health_monitors")
    }
    assert calls["GET status"] == 2
    assert sum(calls.values()) == 9  # a VIP's port that is gone, or has lost its mark, is seen
    assert {key: world.object(key).resource_version for key in world.all_keys()} == before


def test_a_change_of_members_is_one_put():
    world = tree()
    world.spec(SITE, members=[member(11, weight=3), member(12)])
    world.run()
    calls = world.calls()
    assert calls.pop("LIST members") <= 2
    assert calls.pop("LIST load_balancers") <= 2
    assert calls.pop("LIST pools") <= 2
    assert calls.pop("GET status") <= 3
    assert calls == {"PUT members": 1}
    world.all_ready()


def test_what_status_says():
    world = tree()
    for key, kind in ((LB, "LoadBalancer"), (SITE, "Pool"), (CHECK, "HealthMonitor")):
        status = {name: value for name, value in world.object(key).status.items() if name != "conditions"}
        KINDS[kind].status.model_validate(status)  # the schema knows every field
        assert status["provisioningStatus"] == "ACTIVE"
        assert status["operatingStatus"] == "ONLINE"
        assert world.says(key, "Healthy") == ("True", "Available")
        assert world.says(key, "Synced") == ("True", "Available")
        assert world.progress(key) == ""
    row = world.one("load_balancers")
    status = world.object(LB).status
    assert (status["id"], status["vipAddress"], status["vipPortID"]) == (
        row["id"],
        row["vip_address"],
        world.one("ports")["id"],
    )
    assert [(item["name"], item["id"]) for item in status["listeners"]] == [("http", world.one("listeners")["id"])]
    assert world.object(SITE).status["loadBalancerID"] == row["id"]
    assert world.object(CHECK).status["poolID"] == world.one("pools")["id"]
    (shown,) = world.object(SITE).status["members"]
    assert (shown["address"], shown["port"], shown["operatingStatus"]) == ("10.40.0.11", 8080, "ONLINE")


def test_the_marks():
    world = tree()
    assert Mark.among(world.one("load_balancers")["tags"]) == world.mark(LB)
    assert Mark.among(world.one("listeners")["tags"]) == world.mark(LB, "listener/http")
    assert Mark.among(world.one("pools")["tags"]) == world.mark(SITE)
    assert Mark.among(world.one("health_monitors")["tags"]) == world.mark(CHECK)
    assert mark_of(world.one("ports"), world.owner(LB)) == world.mark(LB, "vip")
    assert world.one("ports")["description"] == world.with_both_marks("VIP of load balancer web", LB, "vip")
