"""The end of a load balancer and of what is under it: in any order, all of it, and nothing that is not ours."""

import random

import pytest

from infomaniak_operator.controller.interfaces import WaitingFor
from infomaniak_operator.reconcile.ownership.marks import Mark
from tests.support.forest import Forest, shuffled
from tests.support.objects import key_of
from tests.support.points import let_go
from tests.support.process import Killed
from tests.support.trees import CHECK, LB, SITE, balancer, listener, network, pool, tree, web

OCTAVIA = ("load_balancers", "listeners", "pools", "members", "health_monitors")


def nothing_left(world):
    assert world.all_keys() == []
    for collection in (*OCTAVIA, "ports", "routers", "floating_ips"):
        assert world.table(collection) == [], collection
    assert [row["name"] for row in world.table("networks")] == ["ext-floating1"]


def counts(world):
    return {name: len(world.table(name)) for name in OCTAVIA if world.table(name)}


def deleted_in_the_middle_of_its_replacement(spare):
    """Of a tree with one more pool: the operator is killed once that one is retired, and then it is deleted."""
    world = tree(pool(), spare)
    world.fail("PUT pools", Killed(), after=True)
    world.spec(key_of(spare), protocol="TCP")
    with pytest.raises(Killed):
        world.run()
    let_go(world)
    world.restart()
    world.delete(key_of(spare))
    world.run()
    return world


def test_a_pool_that_goes_in_the_middle_of_its_replacement_leaves_nothing():
    """Killed after its pool was retired and before its status forgot it: the pool it shows has the mark of a former."""
    spare = pool("spare")
    world = deleted_in_the_middle_of_its_replacement(spare)
    assert world.get(key_of(spare)) is None
    assert [row["name"] for row in world.table("pools")] == ["site"]
    world.delete(LB)
    world.delete(SITE)
    world.run()
    assert world.table("load_balancers") == []


def test_a_pool_that_is_retained_in_the_middle_of_its_replacement_stays():
    world = deleted_in_the_middle_of_its_replacement(pool("spare", deletionPolicy="Retain"))
    assert sorted(row["name"] for row in world.table("pools")) == ["site", "spare"]


def test_a_pool_that_is_retained_before_its_successor_is_made_stays():
    """Killed once status has forgotten the pool that was retired: it names none, and the former one is all there is."""
    spare = pool("spare", deletionPolicy="Retain")
    world = tree(pool(), spare)
    world.fail("POST pools", Killed())
    world.spec(key_of(spare), protocol="TCP")
    with pytest.raises(Killed):
        world.run()
    assert "id" not in world.object(key_of(spare)).status
    let_go(world)
    world.restart()
    world.delete(key_of(spare))
    world.run(300)
    assert world.get(key_of(spare)) is None
    rows = {row["name"]: row for row in world.table("pools")}
    assert sorted(rows) == ["site", "spare"]
    assert [Mark.parse(tag).released for tag in rows["spare"]["tags"]] == [True]


def test_what_is_left_of_a_load_balancer_that_is_retained_and_gone_stays():
    """Somebody deleted the load balancer in the cloud: the port of its VIP keeps the address, and is given up."""
    world = tree(pool(), deletionPolicy="Retain")
    port = world.one("load_balancers")["vip_port_id"]
    for key in (CHECK, SITE):
        if world.get(key):
            world.delete(key)
    world.run()
    world.others.load_balancers.delete(world.one("load_balancers")["id"], cascade=True)
    world.clock.advance(5)
    world.delete(LB)
    world.run(300)
    assert world.get(LB) is None
    (left,) = [row for row in world.table("ports") if row["id"] == port]
    assert Mark.parse(left["description"]).released


@pytest.mark.parametrize("seed", range(15))
def test_everything_at_once_in_any_order(seed):
    rng = random.Random(seed)
    world = Forest(*web())
    world.run()
    world.forget_calls()
    (order,) = shuffled(world.all_keys(), rng, 1)
    for key in order:
        world.delete(key)
        world.some(rng.randrange(4) if seed % 2 else 0)
    world.run()
    nothing_left(world)
    if seed % 2 == 0:
        assert [call for call in world.changes() if call.split()[1] in OCTAVIA] == ["DELETE load_balancers"]
        assert world.refused == []


@pytest.mark.parametrize("seed", range(15))
def test_everything_while_it_is_being_made(seed):
    rng = random.Random(seed)
    world = Forest(*shuffled(web(), rng, 1)[0])
    world.some(rng.randrange(40))
    for key in shuffled(world.all_keys(), rng, 1)[0]:
        world.delete(key)
        world.some(rng.randrange(4) if seed % 2 else 0)
    world.run()
    nothing_left(world)


def test_one_after_the_other_from_below():
    world = tree()
    world.spec(LB, listeners=[listener(pool=None)])
    world.run()
    for key in (CHECK, SITE, LB):
        world.delete(key)
        world.run()
        assert world.get(key) is None
    assert world.changes() == [
        "PUT listeners",
        "DELETE health_monitors",
        "DELETE pools",
        "DELETE load_balancers",
        "DELETE ports",
    ]


def test_only_a_monitor():
    world = tree()
    world.delete(CHECK)
    world.run()
    assert world.changes() == ["DELETE health_monitors"]
    assert counts(world) == {"load_balancers": 1, "listeners": 1, "pools": 1, "members": 1}
    world.all_ready()


def test_only_a_pool_waits_for_its_monitor_and_its_listener():
    world = tree()
    world.delete(SITE)
    world.run()
    assert world.ready(SITE) == ("False", "InUse")
    assert "HealthMonitor site" in world.message(SITE)
    world.delete(CHECK)
    world.run()
    assert world.get(CHECK) is None
    assert world.ready(SITE) == ("False", "InUse")
    assert "listener http of LoadBalancer web" in world.message(SITE)
    assert world.reconcile(SITE).next == WaitingFor(frozenset({LB}))
    world.spec(LB, listeners=[listener(pool=None)])
    world.run()
    assert world.get(SITE) is None
    assert counts(world) == {"load_balancers": 1, "listeners": 1}
    assert world.ready(LB) == ("True", "Available")
    assert world.refused == []


def test_a_load_balancer_alone_takes_its_pools_along_and_they_wait_for_another():
    world = tree()
    world.delete(LB)
    world.run()
    assert world.get(LB) is None
    assert counts(world) == {}
    assert world.table("ports") == []
    assert world.ready(SITE) == ("False", "WaitingForReference")
    assert world.ready(CHECK) == ("False", "WaitingForReference")
    world.apply(balancer(life=2))
    world.run()
    world.all_ready()
    assert counts(world) == dict.fromkeys(OCTAVIA, 1)
    for key in (LB, SITE, CHECK):
        world.delete(key)
    world.run()
    assert world.all_keys() == [key_of(network())]
    assert counts(world) == {}


@pytest.mark.parametrize("what", ["listener", "pool"])
def test_somebody_elses_inside_keeps_it_all(what):
    world = tree()
    own = world.one("load_balancers")["id"]
    body = {"loadbalancer_id": own, "name": "theirs"}
    if what == "listener":
        theirs = world.others.listeners.create({**body, "protocol": "TCP", "protocol_port": 22})
    else:
        theirs = world.others.pools.create({**body, "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN"})
    world.clock.advance(5)
    before = counts(world)
    world.forget_calls()
    for _ in range(2):  # and a resync has seen it
        world.resync()
        world.run()
    assert world.changes() == []
    world.delete(LB)
    world.run(120)
    assert world.ready(LB) == ("False", "InUse")
    assert theirs["id"] in world.message(LB)
    assert counts(world) == before
    assert world.changes() == []
    for key in (SITE, CHECK):
        world.delete(key)
    world.run(60)
    assert world.all_keys() == [key_of(network()), LB]  # what is asked to go by itself does
    getattr(world.others, f"{what}s").delete(theirs["id"])
    world.run()
    assert counts(world) == {}
    assert world.table("ports") == []
    assert world.all_keys() == [key_of(network())]


def test_a_retained_pool_keeps_its_load_balancer():
    world = tree(pool(deletionPolicy="Retain"))
    world.delete(LB)
    world.run(120)
    assert world.ready(LB) == ("False", "InUse")
    assert "Pool shop/site" in world.message(LB)
    assert counts(world) == {"load_balancers": 1, "listeners": 1, "pools": 1, "members": 1}
    world.spec(SITE, deletionPolicy="Delete")
    world.run()
    assert world.get(LB) is None
    assert counts(world) == {}


def test_retain_releases_the_marks_of_all_it_leaves():
    world = tree()
    before = counts(world)
    for key in (LB, SITE, CHECK):
        world.spec(key, deletionPolicy="Retain")
    world.run()
    for key in (LB, SITE, CHECK):
        world.delete(key)
    world.run()
    assert world.all_keys() == [key_of(network())]
    assert counts(world) == before
    for collection in ("load_balancers", "listeners", "pools", "health_monitors"):
        assert Mark.among(world.one(collection)["tags"]).released
    assert Mark.parse(world.one("ports")["description"]).released
    assert world.refused == []


@pytest.mark.parametrize("first", [LB, SITE, CHECK])
def test_retain_one_by_one(first):
    """Whoever is given up first, the rest is not harmed by it, and can be given up after it."""
    world = tree()
    before = counts(world)
    for key in (LB, SITE, CHECK):
        world.spec(key, deletionPolicy="Retain")
    world.run()
    for key in (first, LB, SITE, CHECK):
        if world.get(key) is not None:
            world.delete(key)
            world.run()
            assert world.get(key) is None or key == SITE, world.standing()
    world.run()
    assert counts(world) == before
    assert world.all_keys() == [key_of(network())]


def test_a_network_waits_for_its_load_balancer():
    world = tree()
    world.delete(key_of(network()))
    world.run(60)
    assert world.ready(key_of(network())) == ("False", "InUse")
    for key in (LB, SITE, CHECK):
        world.delete(key)
    world.run()
    nothing_left(world)


def test_one_that_is_gone_in_the_cloud_already():
    world = tree()
    world.others.load_balancers.delete(world.one("load_balancers")["id"], cascade=True)
    world.clock.advance(5)
    for key in (LB, SITE, CHECK):
        world.delete(key)
    world.run()
    assert world.all_keys() == [key_of(network())]
    assert world.table("ports") == []


def test_one_in_error_can_be_deleted():
    world = tree()
    world.one("load_balancers")["provisioning_status"] = "ERROR"
    for key in (LB, SITE, CHECK):
        world.delete(key)
    world.run()
    assert world.all_keys() == [key_of(network())]
    assert counts(world) == {}


def test_while_it_is_pending_it_waits():
    world = tree()
    world.settles = None
    world.spec(SITE, members=[])
    world.run(5)
    assert world.changes() == ["PUT members"]
    for key in (LB, SITE, CHECK):
        world.delete(key)
    world.run(30)
    assert world.changes() == ["PUT members"]
    assert world.ready(LB) == ("False", "Deleting")
    assert "PENDING_UPDATE" in world.message(LB)
    world.fake.settle()
    world.settles = 1.0
    world.run()
    assert world.all_keys() == [key_of(network())]
    assert counts(world) == {}
    assert world.refused == []


def test_a_user_that_is_stalled_by_something_else_still_keeps_what_it_uses():
    """Only what was deleted in the cloud, and is not made again, holds nothing any more."""
    world = tree()
    world.spec(LB, vip={"networkRef": {"name": "web"}, "subnet": "web-v4", "address": "10.40.0.77"})
    world.run(60)
    assert world.progress(LB) == "Stalled"
    world.forget_calls()
    used = key_of(network())
    world.delete(used)
    world.run(60)
    assert world.ready(used) == ("False", "InUse")
    assert "LoadBalancer web" in world.message(used)
    assert world.changes() == []
