"""Addresses that two subnets both have: the message names the objects and subnets, not only the cloud's ids."""

import pytest

from tests.support.forest import Forest
from tests.support.objects import NAMESPACE, custom, key_of, network, subnet

ONE = network("one", subnets=[subnet("front", "10.1.0.0/24")])
OTHER = network("other", subnets=[subnet("back", "10.1.0.0/25"), subnet("apart", "10.2.0.0/24")])


def router(*interfaces):
    return custom("Router", "r", {"interfaces": list(interfaces)})


def at(name, subnet_name):
    return {"networkRef": {"name": name}, "subnet": subnet_name}


@pytest.mark.parametrize("first", [True, False])
def test_the_subnets_of_both_networks_are_named(first):
    legs = [at("one", "front"), at("other", "back")]
    body = router(*(legs if first else reversed(legs)))
    world = Forest(ONE, OTHER, body)
    world.run(60.0)
    key = key_of(body)
    assert world.ready(key) == ("False", "InvalidConfiguration")
    message = world.message(key)
    assert message.startswith("spec.interfaces: ")
    assert f"subnet front of InfomaniakNetwork {NAMESPACE}/one (10.1.0.0/24)" in message
    assert f"subnet back of InfomaniakNetwork {NAMESPACE}/other (10.1.0.0/25)" in message
    assert "take one of them out" in message
    assert "overlaps with cidr" in message  # the cloud's own words
    world.spec(key, interfaces=[at("one", "front"), at("other", "apart")])
    world.run(60.0)
    assert world.ready(key) == ("True", "Available")


def test_one_that_no_object_stands_for_is_named_by_its_id_and_field():
    world = Forest(ONE)
    theirs = world.others.networks.create({"name": "by hand"})
    made = world.others.subnets.create({"network_id": theirs["id"], "cidr": "10.1.0.0/25", "ip_version": 4})
    key = world.apply(router(at("one", "front"), {"subnetID": made["id"]}))
    world.run(60.0)
    message = world.message(key)
    assert f"subnet front of InfomaniakNetwork {NAMESPACE}/one (10.1.0.0/24)" in message
    assert f"subnet {made['id']} (10.1.0.0/25)" in message


def test_an_object_of_another_namespace_is_not_named():
    world = Forest(ONE)
    world.apply(network("secret-name", namespace="elsewhere", subnets=[subnet("back", "10.1.0.0/25")]))
    theirs = world.others.networks.create({"name": "by hand"})
    made = world.others.subnets.create({"network_id": theirs["id"], "cidr": "10.1.0.0/25", "ip_version": 4})
    other = next(each for each in world.objects("InfomaniakNetwork") if each.key.namespace == "elsewhere")
    shown = [{"name": "back", "id": made["id"], "cidr": "10.1.0.0/25"}]
    world.poke(other.key, lambda body: body.setdefault("status", {}).update(id=theirs["id"], subnets=shown))
    key = world.apply(router(at("one", "front"), {"subnetID": made["id"]}))
    world.run(30.0)
    message = world.message(key)
    assert "front" in message
    assert "secret-name" not in message
    assert f"subnet {made['id']} (10.1.0.0/25)" in message


@pytest.mark.parametrize(
    "subnets", [None, "text", [3], [{"id": 5}], [{"name": {"a": 1}, "id": "x"}], [{"id": "x"}]], ids=repr
)
def test_whatever_a_status_holds_nothing_raises(subnets):
    body = router(at("one", "front"), at("other", "back"))
    world = Forest(ONE, OTHER, network("odd"), body)
    world.run(60.0)
    world.poke(key_of(network("odd")), lambda one: one["status"].update(subnets=subnets))
    world.run(60.0)
    assert "subnet front of InfomaniakNetwork" in world.message(key_of(body))


def test_a_subnet_whose_addresses_one_has_that_cannot_be_seen_is_named():
    world = Forest(network("one", subnets=[subnet("front", "10.1.0.0/24")]))
    world.run(30.0)
    key = key_of(ONE)
    id_ = world.object(key).status["id"]
    hidden = {"network_id": id_, "cidr": "10.3.0.0/24", "ip_version": 4}
    made = world.others.subnets.create(hidden)
    world.fake.tables["subnets"][made["id"]]["project_id"] = "others"
    world.spec(key, subnets=[subnet("front", "10.1.0.0/24"), subnet("new", "10.3.0.0/25")])
    world.run(30.0)
    message = world.message(key)
    assert world.ready(key) == ("False", "InvalidConfiguration")
    assert message.startswith("spec.subnets[new].cidr: ")
    assert "overlaps with another subnet" in message
