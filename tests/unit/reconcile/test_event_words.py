"""An Event says what has happened in the past tense: who reads it, reads it afterwards."""

import re

import pytest

from infomaniak_operator.controller.interfaces import Key
from tests.support.forest import Forest
from tests.support.objects import NAMESPACE, network, subnet
from tests.support.recorded import example
from tests.support.world import World

AFTERWARDS = {"Created", "Updated", "Deleted", "DriftCorrected"}
IMPERATIVE = re.compile(r"(?:^|[;:] )(?:create|update|delete|release) ")
PAST = re.compile(r"(?:^|put back: |; )(?:created|updated|deleted|released) |let go of")


def told(world):
    return [(each.reason, each.message) for events in world.events.values() for each in events]


def test_of_a_network_that_is_changed_drifts_and_goes():
    world = World()
    key = world.apply(network("n", mtu=1400, subnets=[subnet("a", "10.1.0.0/24")]))
    world.settle(key)
    world.spec(key, mtu=1300, subnets=[subnet("b", "10.2.0.0/24")])
    world.settle(key)
    world.others.networks.update(world.network()["id"], {"mtu": 1450})
    world.clock.advance(600)
    world.settle(key)
    world.delete(key)
    world.settle(key)
    found = told(world)
    assert {reason for reason, _ in found} >= AFTERWARDS
    for reason, message in found:
        if reason in AFTERWARDS:
            assert PAST.search(message), message
            assert not IMPERATIVE.search(message), message
    assert any("updated network" in message and "(mtu: 1400 -> 1300)" in message for _, message in found)
    assert any("put back: updated network" in message for _, message in found)
    assert any("deleted subnet a" in message and "created subnet b" in message for _, message in found)


@pytest.mark.parametrize("name", ["web", "office", "routing"])
def test_of_the_examples(name):
    world = Forest(*example(name))
    world.run(120.0)
    for kind in ("LoadBalancer", "Pool"):
        for each in world.objects(kind):
            world.spec(Key(kind, NAMESPACE, each.key.name), description="another")
    world.run(120.0)
    for each in world.all_keys():
        world.delete(each)
    world.run(300.0)
    found = [message for reason, message in told(world) if reason in AFTERWARDS]
    assert found
    assert [message for message in found if IMPERATIVE.search(message) or not PAST.search(message)] == []
