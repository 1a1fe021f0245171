"""Trees of load balancers whose operator is killed at any point: one of each at the end, nothing leaked, and calm."""

import functools
import itertools

import pytest

from tests.support import intent
from tests.support.forest import Forest
from tests.support.objects import key_of
from tests.support.points import WAYS, Points, let_go
from tests.support.process import Killed
from tests.support.trees import CHECK, LB, SITE, balancer, listener, member, monitor, pool
from tests.support.world import GRACE

BOTH = [listener(), listener("tls", 443, "TCP", "secure")]


def place():
    """A world with a subnet, and the place of a VIP in it."""
    world = Forest()
    network = world.others.networks.create({"name": "web"})
    cidr = {"network_id": network["id"], "name": "web-v4", "cidr": "10.40.0.0/24", "ip_version": 4}
    return world, {"subnetID": world.others.subnets.create(cidr)["id"]}


# A scenario makes a world with something to be done.


def whole():
    world, vip = place()
    world.apply_all([balancer(vip=vip), pool(members=[member(11), member(12, weight=5)]), monitor()])
    return world


def settled(*more, **spec):
    """A tree that stands."""
    world, vip = place()
    world.apply_all([balancer(vip=vip, **spec), pool(), monitor(), *more])
    world.run()
    world.all_ready()
    return world


def late_pool():
    world = settled(pool("secure", protocol="TCP", members=[member(11, 8443)]), listeners=[BOTH[0]])
    world.delete(key_of(pool("secure")))
    world.run()
    world.apply_all([pool("secure", protocol="TCP", members=[member(11, 8443)], life=2), monitor("secure", type="TCP")])
    world.spec(LB, listeners=BOTH)
    return world


def members_change():
    world = settled()
    world.spec(SITE, members=[member(11, weight=7), member(13)])
    return world


def pool_replaced():
    world = settled(listeners=[listener(protocol="TCP")])
    world.spec(SITE, protocol="TCP")
    world.spec(CHECK, type="TCP")
    return world


def monitor_replaced():
    world = settled()
    world.spec(CHECK, type="TCP")
    return world


def listener_moved():
    world = settled()
    world.spec(LB, listeners=[listener(port=81), listener("more", 82)])
    return world


def deleted():
    world = settled()
    for key in (LB, SITE, CHECK):
        world.delete(key)
    return world


def pool_deleted():
    world = settled(pool("spare"), monitor("spare"))
    for key in (key_of(monitor("spare")), key_of(pool("spare"))):
        world.delete(key)
    return world


def retained():
    world = settled(deletionPolicy="Retain")
    for key in (SITE, CHECK):
        world.spec(key, deletionPolicy="Retain")
    world.run()
    for key in (LB, SITE, CHECK):
        world.delete(key)
    return world


def lost():
    world = settled()
    world.others.load_balancers.delete(world.one("load_balancers")["id"], cascade=True)
    world.clock.advance(5)
    world.resync()
    return world


def recovered():
    world = settled(recovery={"policy": "Recreate"})
    world.one("load_balancers")["provisioning_status"] = "ERROR"
    world.clock.advance(60)
    world.resync()
    return world


SCENARIOS = [retained, whole, late_pool, members_change, pool_replaced, monitor_replaced, listener_moved]
SCENARIOS += [deleted, pool_deleted, lost, recovered]


MANY = 30
"""Of a scenario with more points only every other write to Kubernetes is tried."""


def everywhere():
    """Every scenario, every point, and what can be told apart there."""
    for scenario in SCENARIOS:
        world = scenario()
        counted = Points(world)
        world.run()
        writes = itertools.count()
        for at, what in enumerate(counted.passed):
            if what == "write" and next(writes) % 2 and len(counted.passed) > MANY:
                continue
            for when in WAYS[what]:
                yield pytest.param(scenario, at, when, id=f"{scenario.__name__}-{at}-{when}")


@functools.cache
def undisturbed(scenario):
    """What a scenario comes to if nothing happens to it."""
    world = scenario()
    world.run()
    world.clock.advance(GRACE)
    return world.picture(), world.all_keys()


@pytest.mark.parametrize(("scenario", "at", "when"), list(everywhere()))
def test_killed_at_any_point(scenario, at, when):
    world = scenario()
    intent.watch(world)
    Points(world, at, when)
    with pytest.raises(Killed):
        world.run()
    let_go(world)
    world.restart()
    world.run()
    world.clock.advance(GRACE)
    world.resync()
    world.run()
    picture, keys = undisturbed(scenario)
    assert world.picture() == picture
    assert world.all_keys() == keys
    world.all_ready()
    world.clock.advance(GRACE)
    world.forget_calls()
    world.resync()
    world.run()
    assert world.changes() == []
