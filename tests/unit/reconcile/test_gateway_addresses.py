"""A router's own addresses outside: set, followed and put back by one PUT that names the network; never without a gateway."""

import pytest

from infomaniak_operator.controller.interfaces import Done, Key
from infomaniak_operator.reconcile.neutron import gateway_addresses
from tests.support.objects import custom
from tests.support.world import PROJECT, World

EXTERNAL = "ext-floating1"
EDGE = Key("Router", "shop", "edge")
A, B, C = "198.51.100.77", "198.51.100.78", "198.51.100.79"


def outside(*addresses, **more):
    named = {"addresses": list(addresses)} if addresses else {}
    return {"networkName": EXTERNAL, **named, **more}


def administered():
    """A world whose credential has an administrator's rights."""
    world = World()
    world.fake.neutron.administrators.add(PROJECT)
    return world


def settled(world, gateway, name="edge"):
    key = world.apply(custom("Router", name, {"externalGateway": gateway} if gateway else {}))
    world.settle(key)
    return key


def gateway_of(world, name="edge"):
    (row,) = [each for each in world.others.routers.list() if each["name"] == name]
    return row["external_gateway_info"]


def hosts(world, name="edge"):
    return sorted(ip["ip_address"] for ip in gateway_of(world, name)["external_fixed_ips"])


def test_addresses_through_their_life():
    world = administered()
    network = world.fake.external_network_id
    key = settled(world, outside(A))
    assert world.ready(key) == ("True", "Available"), world.message(key)
    assert hosts(world) == world.object(key).status["externalAddresses"] == [A]
    settled(world, outside(B, A))
    assert hosts(world) == [A, B]
    settled(world, outside(B))
    assert hosts(world) == [B]
    (row,) = world.others.routers.list()
    info = {"network_id": network, "external_fixed_ips": [{"ip_address": C}]}
    world.others.routers.update(row["id"], {"external_gateway_info": info})
    assert hosts(world) == [C]
    world.reconcile(key)
    assert hosts(world) == [B]
    assert settled(world, outside()) == key
    assert (gateway_of(world)["network_id"], hosts(world)) == (network, [B])
    assert world.settle(key).next == Done()


def test_what_is_in_order_is_not_sent_whatever_the_order_of_the_list():
    world = administered()
    key = settled(world, outside(A, B))
    world.cloud.take()
    settled(world, outside(B, A))
    world.reconcile(key)
    assert world.cloud.writes() == []


def test_addresses_that_the_spec_does_not_name_are_left_as_they_are():
    world = administered()
    key = settled(world, outside())
    (row,) = world.others.routers.list()
    info = {"network_id": world.fake.external_network_id, "external_fixed_ips": [{"ip_address": C}]}
    world.others.routers.update(row["id"], {"external_gateway_info": info})
    world.cloud.take()
    world.reconcile(key)
    assert world.cloud.writes() == []
    assert hosts(world) == [C]


def test_another_field_of_the_gateway_goes_with_the_addresses():
    """Each PUT says all that the spec says, so that none of it is lost by the other."""
    world = administered()
    settled(world, outside(A))
    settled(world, outside(A, enableSNAT=False))
    assert hosts(world) == [A]
    assert gateway_of(world)["enable_snat"] is False


def test_a_customer_reads_what_to_do_and_the_gateway_stands():
    world = World()
    key = settled(world, outside())
    before = gateway_of(world)
    settled(world, outside(A))
    assert world.ready(key) == ("False", "InvalidConfiguration")
    said = world.message(key)
    assert "spec.externalGateway.addresses takes an administrator's rights" in said
    assert "take it out, or use a credential that may" in said
    assert "403" in said
    assert gateway_of(world) == before
    settled(world, outside())
    assert world.ready(key) == ("True", "Available")


def test_an_address_that_another_router_has_is_waited_for():
    world = administered()
    settled(world, outside(A))
    second = settled(world, outside(A), "second")
    assert world.ready(second) == ("False", "Conflict")
    assert "Router shop/edge has it already" in world.message(second)
    assert hosts(world) == [A]


@pytest.mark.parametrize(
    ("wanted", "there", "sent"),
    [
        ([A], [A], None),
        ([A], [A, "2001:db8::9"], None),
        (["2001:DB8:0::9"], [A, "2001:db8::9"], None),
        ([A], [B, "2001:db8::9"], [A, "2001:db8::9"]),
        ([A], [A, B], [A]),
        (["2001:db8::8"], [A, "2001:db8::9"], ["2001:db8::8", A]),
        ([A, "2001:db8::9"], [A], [A, "2001:db8::9"]),
        ([A], [], [A]),
        ([A], ["odd"], [A, "odd"]),
    ],
)
def test_the_addresses_of_the_other_ip_version_are_left_and_sent_along(wanted, there, sent):
    now = {"network_id": "n", "external_fixed_ips": [{"subnet_id": "s", "ip_address": each} for each in there]}
    asked = {"network_id": "n", "external_fixed_ips": [{"ip_address": each} for each in wanted]}
    assert gateway_addresses.same(now, asked) == (sent is None)
    full = gateway_addresses.with_others(now, asked)
    assert full["network_id"] == "n"
    if sent is not None:
        assert [each["ip_address"] for each in full["external_fixed_ips"]] == sent


def test_nothing_of_the_former_network_is_sent_with_another_one():
    now = {"network_id": "n", "external_fixed_ips": [{"subnet_id": "s", "ip_address": "2001:db8::9"}]}
    asked = {"network_id": "m", "external_fixed_ips": [{"ip_address": A}]}
    assert gateway_addresses.with_others(now, asked) == asked


def no_snat(world, **more):
    """Somebody switches SNAT off."""
    (row,) = world.others.routers.list()
    info = {"network_id": world.fake.external_network_id, "enable_snat": False, **more}
    world.others.routers.update(row["id"], {"external_gateway_info": info})


def test_snat_that_somebody_has_switched_off_stays_off_where_the_spec_says_nothing_of_it():
    """Neutron switches it on with each PUT of the gateway that does not name it."""
    world = administered()
    key = settled(world, outside(A))
    no_snat(world, external_fixed_ips=[{"ip_address": A}])
    settled(world, outside(B))
    assert (hosts(world), gateway_of(world)["enable_snat"]) == ([B], False)
    no_snat(world, external_fixed_ips=[{"ip_address": C}])
    world.reconcile(key)
    assert (hosts(world), gateway_of(world)["enable_snat"]) == ([B], False)


def test_snat_is_not_sent_where_it_is_on_for_that_may_take_more_rights():
    world = administered()
    key = settled(world, outside(A))
    world.cloud.take()
    world.spec(key, externalGateway=outside(B))
    world.settle(key)
    (sent,) = [call for call in world.cloud.log if str(call) == "PUT routers"]
    info = {"network_id": world.fake.external_network_id, "external_fixed_ips": [{"ip_address": B}]}
    assert sent.args[1] == {"external_gateway_info": info}


def test_a_dry_run_says_which_addresses_would_come():
    world = administered()
    key = settled(world, outside(A))
    world.annotate(key, dry_run="true")
    world.spec(key, externalGateway=outside(B, A))
    world.settle(key)
    assert f"externalGateway: {A} -> {A}, {B}" in world.message(key, "Synced")
    assert hosts(world) == [A]


def test_where_snat_changes_a_dry_run_names_the_network():
    world = administered()
    network = world.fake.external_network_id
    key = settled(world, outside(A))
    world.annotate(key, dry_run="true")
    world.spec(key, externalGateway=outside(A, enableSNAT=False))
    world.settle(key)
    said = world.message(key, "Synced")
    assert f"externalGateway: {network} -> " in said
    assert "'enable_snat': False" in said
