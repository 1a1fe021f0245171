"""The external network by its name: an id that was looked up does not outlive the network."""

import pytest

from infomaniak_operator.client import BadRequestError
from infomaniak_operator.controller.interfaces import Stalled
from infomaniak_operator.reconcile.openstack.scope import EXTERNAL_FOR
from tests.support.fake_cloud import EXTERNAL
from tests.support.objects import custom
from tests.support.world import World

KINDS = {
    "Router": {"externalGateway": {"networkName": EXTERNAL}},
    "FloatingIP": {"externalNetwork": {"networkName": EXTERNAL}},
}


def lookups(world):
    return [call for call in world.fake.calls if call[:2] == ("LIST", "networks") and "router:external" in call[2]]


def used(world):
    """A cluster that has used the external network by its name, and so knows its id."""
    first = world.apply(custom("FloatingIP", "first", KINDS["FloatingIP"]))
    world.settle(first)
    assert len(lookups(world)) == 1
    return first


def where(world, kind):
    collection = {"Router": world.others.routers, "FloatingIP": world.others.floating_ips}[kind]
    row = collection.list()[-1]
    return row["floating_network_id"] if kind == "FloatingIP" else row["external_gateway_info"]["network_id"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_that_was_made_again_is_found_again(kind):
    world = World()
    used(world)
    world.fake.tables["floating_ips"].clear()
    del world.fake.tables["networks"][world.fake.external_network_id]
    again = world.fake.neutron.make_external(EXTERNAL)
    key = world.apply(custom(kind, "second", KINDS[kind]))
    world.reconcile(key)
    assert world.ready(key) == ("False", "CloudError")
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert where(world, kind) == again
    assert len(lookups(world)) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_that_is_external_no_more_is_not_stuck_with(kind):
    """Neutron answers 400, which is otherwise for a person to mend."""
    world = World()
    used(world)
    world.fake.tables["networks"][world.fake.external_network_id]["router:external"] = False
    world.fake.tables["networks"][world.fake.external_network_id]["shared"] = True
    again = world.fake.neutron.make_external(EXTERNAL)
    key = world.apply(custom(kind, "second", KINDS[kind]))
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert where(world, kind) == again


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_that_is_gone_for_good_is_waited_for(kind):
    world = World()
    used(world)
    world.fake.tables["floating_ips"].clear()
    del world.fake.tables["networks"][world.fake.external_network_id]
    key = world.apply(custom(kind, "second", KINDS[kind]))
    world.reconcile(key)
    world.clock.advance(60)
    world.reconcile(key)
    assert world.ready(key) == ("False", "WaitingForReference")
    assert EXTERNAL in world.message(key)


def test_a_name_that_went_to_another_network_is_followed_within_a_resync():
    world = World()
    used(world)
    world.fake.tables["networks"][world.fake.external_network_id]["name"] = "old"
    again = world.fake.neutron.make_external(EXTERNAL)
    world.clock.advance(EXTERNAL_FOR)
    key = world.apply(custom("Router", "second", KINDS["Router"]))
    world.settle(key)
    assert where(world, "Router") == again


def test_a_network_that_is_there_is_looked_up_once_a_resync():
    world = World()
    used(world)
    for number in range(5):
        world.clock.advance(EXTERNAL_FOR / 10)
        world.settle(world.apply(custom("FloatingIP", f"more-{number}", KINDS["FloatingIP"])))
    assert len(lookups(world)) == 1


def test_a_refusal_of_what_was_just_looked_up_is_for_a_person():
    world = World()
    used(world)
    for _ in range(2):  # the first one may be to blame on the id that was kept
        key = world.apply(custom("Router", "second", KINDS["Router"]))
        world.fail("POST routers", BadRequestError(f"Network {world.fake.external_network_id}: no", status=400))
        result = world.reconcile(key)
        world.clock.advance(5)
    assert world.ready(key) == ("False", "InvalidConfiguration")
    assert isinstance(result.next, Stalled)
    assert len(lookups(world)) == 2


def test_a_refusal_that_names_another_network_forgets_nothing():
    world = World()
    used(world)
    key = world.apply(custom("Router", "second", KINDS["Router"]))
    world.fail("POST routers", BadRequestError("Network elsewhere: no", status=400))
    assert isinstance(world.reconcile(key).next, Stalled)
    assert len(lookups(world)) == 1
