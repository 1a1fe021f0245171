"""A Router: gateway, interfaces, routes."""

import pytest

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.controller.interfaces import Key, WaitingFor
from infomaniak_operator.reconcile.ownership.marks import Mark
from tests.support.objects import custom, network, subnet
from tests.support.world import World

GATEWAY = {"networkName": "ext-floating1"}
FRONT = {"networkRef": {"name": "front"}, "subnet": "v4"}
BACK = {"networkRef": {"name": "back"}}
NETWORK = Key("InfomaniakNetwork", "shop", "front")


def prepared():
    world = World()
    for name, cidr in (("front", "10.1.0.0/24"), ("back", "10.2.0.0/24")):
        world.settle(world.apply(network(name, subnets=[subnet("v4", cidr)])))
    world.cloud.take()
    return world


def ready(**spec):
    world = prepared()
    spec = {"externalGateway": GATEWAY, "interfaces": [FRONT], **spec}
    key = world.apply(custom("Router", "edge", spec))
    world.settle(key)
    assert world.ready(key) == ("True", "Available"), world.message(key)
    world.told(key)
    world.cloud.take()
    return world, key


def router(world):
    (row,) = world.others.routers.list()
    return row


def inside(world):
    """The names of the networks the router has interfaces on."""
    ports = [port for port in world.others.ports.list() if port["device_owner"] == "network:router_interface"]
    names = {row["id"]: row["name"] for row in world.networks()}
    return sorted(names[port["network_id"]] for port in ports)


def test_a_router_with_gateway_and_interface():
    world, key = ready()
    row = router(world)
    assert Mark.parse(row["description"]) == world.mark(key)
    assert row["external_gateway_info"]["network_id"] == world.fake.external_network_id
    assert inside(world) == ["front"]
    status = {name: value for name, value in world.object(key).status.items() if name != "conditions"}
    KINDS["Router"].status.model_validate(status)
    assert status["externalAddresses"]
    world.reconcile(key)
    assert world.cloud.writes() == []
    assert world.told(key) == []


def test_it_waits_for_its_network():
    world = World()
    key = world.apply(custom("Router", "edge", {"interfaces": [FRONT]}))
    assert world.reconcile(key).next == WaitingFor(frozenset({NETWORK}))
    assert world.ready(key) == ("False", "WaitingForReference")
    assert world.says(key, "ReferencesResolved") == ("False", "WaitingForReference")
    assert "front" in world.message(key)
    assert world.cloud.writes() == []


def test_an_external_network_that_is_not_there_is_named_with_those_that_are():
    world = prepared()
    key = world.apply(custom("Router", "edge", {"externalGateway": {"networkName": "ext-net1"}}))
    world.reconcile(key)
    assert world.ready(key) == ("False", "WaitingForReference")
    assert "ext-net1" in world.message(key)
    assert "ext-floating1" in world.message(key)
    assert world.cloud.writes() == []


def test_interfaces_come_and_go():
    world, key = ready()
    world.spec(key, interfaces=[FRONT, BACK])
    world.settle(key)
    assert inside(world) == ["back", "front"]
    world.spec(key, interfaces=[BACK])
    world.settle(key)
    assert inside(world) == ["back"]
    assert len(world.object(key).status["interfaces"]) == 1
    world.spec(key, interfaces=...)
    world.settle(key)
    assert inside(world) == []
    assert "interfaces" not in world.object(key).status


def test_drift_is_corrected():
    world, key = ready()
    (front,) = [s["id"] for s in world.others.subnets.list() if s["cidr"] == "10.1.0.0/24"]
    world.others.routers.remove_interface(router(world)["id"], subnet_id=front)
    world.others.routers.update(router(world)["id"], {"external_gateway_info": {}, "name": "drifted"})
    world.settle(key)
    assert inside(world) == ["front"]
    assert router(world)["name"] == "edge"
    assert router(world)["external_gateway_info"]["network_id"] == world.fake.external_network_id
    assert world.told(key) == ["DriftCorrected"]


def test_routes_come_and_go_with_their_interfaces():
    route = {"destination": "10.9.0.0/16", "nexthop": "10.2.0.9"}
    world, key = ready()
    world.spec(key, interfaces=[FRONT, BACK], routes=[route])
    world.settle(key)
    assert router(world)["routes"] == [route]
    world.spec(key, interfaces=[FRONT], routes=[])
    world.settle(key)
    assert world.ready(key) == ("True", "Available"), world.message(key)
    assert (router(world)["routes"], inside(world)) == ([], ["front"])


def test_a_gateway_taken_out_goes():
    world, key = ready()
    world.spec(key, externalGateway=...)
    world.settle(key)
    assert not router(world)["external_gateway_info"]
    assert "externalAddresses" not in world.object(key).status


def test_a_network_stays_until_its_router_is_gone_and_both_go_in_any_order():
    world, key = ready()
    world.delete(NETWORK)
    assert world.reconcile(NETWORK).next == WaitingFor(frozenset({key}))
    assert world.ready(NETWORK) == ("False", "InUse")
    assert "Router edge" in world.message(NETWORK)
    world.delete(key)
    world.settle(key)
    assert world.others.routers.list() == []
    world.settle(NETWORK)
    assert [row["name"] for row in world.networks()] == ["back"]


@pytest.mark.parametrize("managed", [True, False])
def test_interfaces_of_others_keep_a_router_that_lists_none(managed):
    world, key = ready(interfaces=[FRONT] if managed else ...)
    (back,) = [s["id"] for s in world.others.subnets.list() if s["cidr"] == "10.2.0.0/24"]
    if not managed:
        world.others.routers.add_interface(router(world)["id"], subnet_id=back)
        world.reconcile(key)
        assert world.object(key).status["interfaces"] == [{"subnetID": back}]
    world.delete(key)
    world.reconcile(key)
    if managed:
        assert world.others.routers.list() == []
    else:
        assert world.ready(key) == ("False", "InUse")
        assert inside(world) == ["back"]


def test_a_router_stays_while_an_address_of_ours_leads_through_it():
    world, key = ready()
    port = world.others.ports.create({"network_id": world.object(NETWORK).status["id"]})
    spec = {"externalNetwork": GATEWAY, "portID": port["id"]}
    public = world.apply(custom("FloatingIP", "public", spec))
    world.settle(public)
    world.delete(key)
    world.cloud.take()
    assert world.reconcile(key).next == WaitingFor(frozenset({public}))
    assert world.ready(key) == ("False", "InUse")
    assert "FloatingIP shop/public" in world.message(key)
    assert world.cloud.writes() == []
    world.delete(public)
    world.settle(public)
    world.settle(key)
    assert world.get(key) is None
    assert world.others.routers.list() == []
