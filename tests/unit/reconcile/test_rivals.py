"""What another object of this cluster stands in the way of goes on when that one goes: it is woken, nobody waits for a resync."""

import pytest

from infomaniak_operator.controller.interfaces import Key
from tests.support import trees
from tests.support.forest import Forest
from tests.support.objects import custom, secret, subnet
from tests.support.objects import network as net

EXTERNAL = {"networkName": "ext-floating1"}
FRONT = {"interfaces": [{"networkRef": {"name": "front"}}]}


def router(name, namespace="shop", **spec):
    return custom("Router", name, {**FRONT, **spec}, namespace=namespace)


def key(kind, name, namespace="shop"):
    return Key(kind, namespace, name)


def two_routers():
    world = Forest(net(subnets=[subnet("v4", "10.1.0.0/24")]), router("one"))
    world.run()
    world.apply(router("two"))
    world.run()
    return world


def woken(world, waiting):
    """Run what is woken, with next to no time for a resync or a back-off, and see that it is Ready."""
    assert world.run(seconds=20) < 20
    assert world.ready(waiting) == ("True", "Available"), world.standing()
    assert world.progress(waiting) == ""


def test_a_second_router_on_a_subnet_says_who_has_it():
    world = two_routers()
    two = key("Router", "two")
    assert world.ready(two) == ("False", "Conflict")
    assert world.progress(two) == "Stalled"
    assert "Router shop/one" in world.message(two)


@pytest.mark.parametrize("goes", [lambda w, k: w.delete(k), lambda w, k: w.spec(k, interfaces=[])])
def test_a_second_router_comes_in_when_the_first_one_goes(goes):
    world = two_routers()
    goes(world, key("Router", "one"))
    woken(world, key("Router", "two"))


def test_a_router_that_is_about_to_go_is_waited_for():
    world = two_routers()
    one, two = key("Router", "one"), key("Router", "two")
    world.annotate(one, paused="true")
    world.delete(one)
    world.run(seconds=20)
    assert world.ready(two) == ("False", "WaitingForReference")
    assert world.progress(two) == "Reconciling"
    world.annotate(one, paused="")
    woken(world, two)


def test_a_router_of_another_namespace_is_not_named():
    world = Forest(net(subnets=[subnet("v4", "10.1.0.0/24")]), router("one"))
    world.run()
    world.apply(secret(namespace="office"))
    (there,) = world.others.subnets.list()
    world.apply(router("two", "office", interfaces=[{"subnetID": there["id"]}]))
    world.run()
    two = key("Router", "two", "office")
    assert world.ready(two) == ("False", "Conflict")
    assert "shop" not in world.message(two)
    world.delete(key("Router", "one"))
    woken(world, two)


def test_what_somebody_made_by_hand_is_a_matter_for_a_person():
    world = Forest(net(subnets=[subnet("v4", "10.1.0.0/24")]))
    world.run()
    (there,) = world.others.subnets.list()
    theirs = world.others.routers.create({"name": "theirs"})
    world.others.routers.add_interface(theirs["id"], subnet_id=there["id"])
    world.apply(router("two"))
    world.run()
    assert world.ready(key("Router", "two")) == ("False", "InvalidConfiguration")
    assert world.progress(key("Router", "two")) == "Stalled"


def test_a_subnet_goes_when_the_router_leaves_it():
    world = Forest(net(subnets=[subnet("v4", "10.1.0.0/24"), subnet("b", "10.2.0.0/24")]))
    world.run()
    (second,) = [row["id"] for row in world.others.subnets.list() if row["name"] == "b"]
    edge, front = key("Router", "edge"), key("InfomaniakNetwork", "front")
    world.apply(custom("Router", "edge", {"interfaces": [{"subnetID": second}]}))
    world.run()
    world.spec(front, subnets=[subnet("v4", "10.1.0.0/24")])
    world.run(seconds=3600)  # so that a back-off would have grown to minutes
    assert world.ready(front) == ("False", "InUse")
    assert "Router shop/edge" in world.message(front)
    world.spec(edge, interfaces=[])
    woken(world, front)


def test_an_interface_goes_when_the_address_leads_elsewhere():
    world = Forest(net(subnets=[subnet("v4", "10.1.0.0/24")]), router("one", externalGateway=EXTERNAL))
    world.run()
    port = world.others.ports.create({"network_id": world.network()["id"], "name": "a"})["id"]
    address, one = key("FloatingIP", "a"), key("Router", "one")
    world.apply(custom("FloatingIP", "a", {"externalNetwork": EXTERNAL, "portID": port}))
    world.run()
    world.spec(one, interfaces=[])
    world.run(seconds=3600)
    assert world.ready(one) == ("False", "InUse")
    assert "FloatingIP shop/a" in world.message(one)
    world.spec(address, portID=...)
    woken(world, one)


def test_a_load_balancer_gets_the_address_when_the_one_that_has_it_goes():
    vip = {"networkRef": {"name": "web"}, "subnet": "web-v4", "address": "10.40.0.77"}
    world = Forest(trees.network(), trees.balancer("one", vip=vip, listeners=[]))
    world.run()
    world.apply(trees.balancer("two", vip=vip, listeners=[]))
    world.run()
    two = key("LoadBalancer", "two")
    assert world.ready(two) == ("False", "Conflict")
    assert "LoadBalancer shop/one" in world.message(two)
    world.delete(key("LoadBalancer", "one"))
    woken(world, two)


def test_a_mark_that_an_object_of_this_cluster_gives_up():
    world = Forest(net(subnets=[]))
    world.run()
    row = world.network()
    world.apply(net("other", import_={"id": row["id"]}))
    world.run()
    other, front = key("InfomaniakNetwork", "other"), key("InfomaniakNetwork", "front")
    assert world.ready(other) == ("False", "Conflict")
    world.spec(front, deletionPolicy="Retain")
    world.delete(front)
    woken(world, other)


def test_an_address_that_belongs_to_another_object_until_that_gives_it_up():
    world = Forest()
    world.apply(custom("FloatingIP", "a", {"externalNetwork": EXTERNAL}))
    world.run()
    a, b = key("FloatingIP", "a"), key("FloatingIP", "b")
    wanted = world.object(a).status["address"]
    world.apply(custom("FloatingIP", "b", {"externalNetwork": EXTERNAL, "address": wanted}))
    world.run()
    assert world.ready(b) == ("False", "Conflict")
    world.spec(a, deletionPolicy="Retain")
    world.delete(a)
    woken(world, b)
    assert world.object(b).status["address"] == wanted


def test_a_refusal_of_something_else_names_nobody():
    vip = {"networkRef": {"name": "web"}, "subnet": "web-v4"}
    world = Forest(trees.network(), trees.balancer("one", vip=vip, listeners=[]))
    world.run()
    world.spec(key("InfomaniakNetwork", "web"), shared=True)
    world.run()
    assert world.ready(key("InfomaniakNetwork", "web")) == ("False", "InvalidConfiguration")
    assert "LoadBalancer" not in world.message(key("InfomaniakNetwork", "web"))
