"""A load balancer that is stuck, broken or gone: what is said of it, and how it comes back."""

import itertools

import pytest

from infomaniak_operator.controller.interfaces import Stalled
from tests.support.forest import Forest
from tests.support.trees import CHECK, LB, SITE, balancer, member, monitor, network, pool, tree, web


def breaks(world):
    world.one("load_balancers")["provisioning_status"] = "ERROR"
    world.resync()


def vip(world):
    row = world.one("load_balancers")
    return row["vip_port_id"], row["vip_address"]


# ERROR.


def test_error_is_said_and_nothing_is_done_unless_asked_for():
    world = tree()
    breaks(world)
    world.run()
    assert world.ready(LB) == ("False", "CloudError")
    assert world.progress(LB) == "Stalled"
    assert "spec.recovery.policy" in world.message(LB)
    assert world.reconcile(LB).next == Stalled()
    assert world.changes() == []
    world.spec(LB, recovery={"policy": "Recreate"})
    world.run()
    world.all_ready()


def test_a_tree_that_cannot_be_changed_says_so_on_whom_it_concerns():
    world = tree()
    world.one("load_balancers")["provisioning_status"] = "ERROR"
    world.spec(SITE, members=[member(12)])
    world.run(60)
    assert world.ready(SITE) == ("False", "CloudError")
    assert "ERROR" in world.message(SITE)
    assert world.changes() == []
    world.one("load_balancers")["provisioning_status"] = "ACTIVE"
    world.run()
    assert world.ready(SITE) == ("True", "Available")


def test_recreate_keeps_the_port_the_address_and_the_floating_ip():
    world = Forest(*web())
    world.spec(LB, recovery={"policy": "Recreate"})
    world.run()
    world.all_ready()
    before, address, old = vip(world), world.one("floating_ips"), world.one("load_balancers")["id"]
    picture = world.picture()
    world.forget_calls()
    breaks(world)
    world.run()
    world.all_ready()
    assert world.one("load_balancers")["id"] != old
    assert vip(world) == before
    assert world.one("floating_ips") == address
    assert world.picture() == picture
    assert world.changes() == ["DELETE load_balancers", "POST load_balancers"]
    assert "recoveryAttempts" not in world.object(LB).status
    assert "Recovering" in world.told(LB)
    assert world.refused == []


def test_the_first_attempt_is_made_by_the_reconcile_that_sees_the_error():
    world = tree(recovery={"policy": "Recreate"})
    breaks(world)
    world.forget_calls()
    world.reconcile(LB)
    assert world.changes() == ["DELETE load_balancers"]


def test_recoveries_are_bounded_and_ever_further_apart():
    world = tree(recovery={"policy": "Recreate", "maxAttempts": 3, "backoffSeconds": 100})
    made = []
    settle = world.fake.octavia.settle

    def fails():
        settle()
        for row in world.table("load_balancers"):
            row["provisioning_status"] = "ERROR"

    def watch(method, collection, subject):
        if (method, collection) == ("POST", "load_balancers"):
            made.append(world.clock.monotonic())

    world.fake.octavia.settle = fails
    world.fake.on_call = watch
    breaks(world)
    world.run(5000)
    assert len(made) == 3
    assert [round((b - a) / 100) for a, b in itertools.pairwise(made)] == [1, 2]
    assert world.ready(LB) == ("False", "CloudError")
    assert world.progress(LB) == "Stalled"
    assert "3 times" in world.message(LB)
    assert world.object(LB).status["recoveryAttempts"] == 3
    world.restart()
    world.run(5000)
    assert len(made) == 3
    assert len(world.table("ports")) == 1


def test_a_pool_in_error_says_so():
    world = tree()
    world.one("pools")["provisioning_status"] = "ERROR"
    world.resync()
    world.run(60)
    assert world.ready(SITE) == ("False", "CloudError")
    assert world.progress(SITE) == "Stalled"
    assert world.ready(LB) == ("True", "Available")


# PENDING.


def test_a_tree_that_stays_pending_is_reported_after_a_quarter_of_an_hour_and_hardly_looked_at():
    world = tree()
    world.settles = None
    world.spec(SITE, members=[member(12)])
    world.run(800)
    assert world.ready(SITE) == ("False", "Updating")
    assert "PENDING_UPDATE" in world.message(SITE)
    assert world.calls()["GET status"] < 200
    world.run(400)
    assert world.ready(SITE) == ("False", "CloudError")
    assert "stuck" in world.message(SITE)
    assert world.progress(SITE) == "Reconciling"
    world.forget_calls()
    world.run(3600)
    assert world.calls()["GET status"] <= 62
    assert world.changes() == []
    assert world.ready(LB) == ("True", "Available")
    world.fake.settle()
    world.run(120)
    world.all_ready()


def test_looks_grow_rarer_while_a_tree_is_made():
    world = Forest(network(), settles=80.0)
    world.run()
    world.forget_calls()
    world.apply_all([balancer(), pool(), monitor()])
    took = world.run()
    world.all_ready()
    assert took < 90
    assert world.calls()["GET status"] <= 22
    assert world.refused == []


def test_the_newest_spec_wins_by_one_put():
    world = tree()
    world.settles = None
    world.spec(LB, description="other")
    world.run(3)
    assert world.changes() == ["PUT load_balancers"]
    for number in (12, 13, 14):
        world.spec(SITE, members=[member(number)])
        world.run(3)
    world.spec(CHECK, delay=9)
    world.run(3)
    world.spec(CHECK, delay=10)
    world.run(3)
    assert world.changes() == ["PUT load_balancers"]
    assert world.ready(LB) == ("False", "Updating")
    world.settles = 1.0
    world.fake.settle()
    world.run()
    world.all_ready()
    assert sorted(world.changes()) == ["PUT health_monitors", "PUT load_balancers", "PUT members"]
    assert (world.one("members")["address"], world.one("health_monitors")["delay"]) == ("10.40.0.14", 10)
    assert world.refused == []


def test_a_burst_of_member_changes_is_gathered():
    world = tree()
    world.settles = 0.05
    for number in range(12, 42):
        world.spec(SITE, members=[member(number)])
        world.run(0.1)
    world.run()
    world.all_ready()
    assert world.one("members")["address"] == "10.40.0.41"
    assert world.calls()["PUT members"] <= 5


def test_a_change_by_somebody_else_is_waited_for():
    world = tree()
    world.settles = None
    world.others.load_balancers.update(world.one("load_balancers")["id"], {"description": "x"})
    world.forget_calls()
    world.spec(SITE, members=[member(12)])
    world.run(20)
    assert world.changes() == []
    assert world.refused == []
    world.settles = 1.0
    world.fake.settle()
    world.run()
    world.all_ready()


# Gone.


def test_one_that_somebody_deleted_is_made_again_on_the_same_port():
    world = tree()
    before = vip(world)
    picture = world.picture()
    world.others.load_balancers.delete(world.one("load_balancers")["id"], cascade=True)
    world.clock.advance(5)
    world.forget_calls()
    world.resync()
    world.run()
    world.all_ready()
    assert vip(world) == before
    assert world.changes() == ["POST load_balancers"]
    assert world.picture() == picture
    assert "ExternallyDeleted" in world.told(LB)


@pytest.mark.parametrize("first", [LB, SITE, CHECK])
def test_whoever_finds_out_first(first):
    world = tree()
    picture = world.picture()
    world.others.load_balancers.delete(world.one("load_balancers")["id"], cascade=True)
    world.clock.advance(5)
    world.annotate(first, reconcile_at="now")
    world.run(120)
    world.resync()
    world.run()
    world.all_ready()
    assert world.picture() == picture


def test_a_vip_port_that_somebody_deleted():
    world = tree(recovery={"policy": "Recreate"})
    world.fake.tables["ports"].clear()
    breaks(world)
    world.run()
    world.all_ready()
    assert (
        world.object(LB).status["vipPortID"] == world.one("ports")["id"] == world.one("load_balancers")["vip_port_id"]
    )


@pytest.mark.parametrize("what", ["pools", "health_monitors", "listeners"])
def test_a_part_that_somebody_deleted_is_made_again(what):
    world = tree()
    picture = world.picture()
    getattr(world.others, what).delete(world.one(what)["id"])
    world.clock.advance(5)
    world.forget_calls()
    world.resync()
    world.run()
    world.resync()
    world.run()
    world.all_ready()
    assert world.picture() == picture
    assert world.refused == []


def test_drift_is_put_back():
    world = tree()
    picture = world.picture()
    changes = {
        "load_balancers": {"description": "x", "name": "y", "tags": []},
        "listeners": {"name": "z", "connection_limit": 5, "default_pool_id": None},
        "pools": {"lb_algorithm": "SOURCE_IP", "tags": ["t"]},
        "health_monitors": {"delay": 50},
    }
    for collection, body in changes.items():
        getattr(world.others, collection).update(world.one(collection)["id"], body)
        world.clock.advance(5)
    world.others.members.replace_all(world.one("pools")["id"], [{"address": "10.40.0.66", "protocol_port": 1}])
    world.clock.advance(5)
    world.resync()
    world.run()
    world.all_ready()
    for name in ("description", "connection_limit"):
        picture["load_balancers"][0].pop(name, None)
    after = world.picture()
    assert after["members"] == picture["members"]
    assert after["health_monitors"] == picture["health_monitors"]
    assert after["listeners"][0]["default_pool_id"] == "site"
    assert after["listeners"][0]["connection_limit"] == 5  # nobody manages it
    assert world.refused == []


@pytest.mark.parametrize("odd", ["many", [], {}, -1.5, "3"])
def test_attempts_that_are_no_number_are_none(odd):
    world = tree(recovery={"policy": "Recreate"})
    breaks(world)
    world.poke(LB, lambda body: body["status"].update(recoveryAttempts=odd))
    world.run()
    assert world.ready(LB) == ("True", "Available")
