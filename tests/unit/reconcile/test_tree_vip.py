"""The VIP's port over a load balancer's life: addresses that Neutron adds to it, and a port that is gone."""

import pytest

from tests.support.forest import Forest
from tests.support.objects import key_of
from tests.support.trees import CHECK, LB, SITE, balancer, calm, listener, monitor, network, pool, tree, web

SLAAC = {"ip_version": 6, "ipv6_address_mode": "slaac", "ipv6_ra_mode": "slaac"}


def with_another_address(world):
    (v4,) = [row for row in world.table("subnets") if row["name"] == "web-v4"]
    world.others.subnets.create({"network_id": v4["network_id"], "name": "v6", "cidr": "2001:db8:40::/64", **SLAAC})
    assert len(world.one("ports")["fixed_ips"]) == 2


def gone_in_the_cloud(world):
    world.others.load_balancers.delete(world.one("load_balancers")["id"], cascade=True)
    world.clock.advance(5)
    world.forget_calls()


def later(world):
    world.clock.advance(600)
    world.forget_calls()
    world.resync()
    world.run()


@pytest.mark.parametrize("restart", [True, False])
@pytest.mark.parametrize("subnet", ["web-v4", None])
def test_a_tree_is_made_again_whole_on_a_port_that_has_got_another_address(restart, subnet):
    vip = {"networkRef": {"name": "web"}, **({"subnet": subnet} if subnet else {})}
    world = tree(vip=vip)
    before = world.picture()["load_balancers"]
    address, port = world.one("load_balancers")["vip_address"], world.one("ports")["id"]
    with_another_address(world)
    gone_in_the_cloud(world)
    if restart:
        world.restart()
    world.resync()
    world.run()
    calm(world)
    assert [call for call in world.changes() if "POST" in call] == []
    row = world.one("load_balancers")
    assert (row["vip_address"], row["vip_port_id"]) == (address, port)
    assert world.picture()["load_balancers"] == before


def test_a_tree_that_is_made_again_takes_one_request():
    world = tree()
    with_another_address(world)
    gone_in_the_cloud(world)
    world.resync()
    world.run()
    assert world.changes() == ["POST load_balancers"]
    assert world.refused == []


def test_an_address_that_comes_between_the_port_and_the_load_balancer():
    world = Forest(network(), balancer())
    world.fake.on_call = lambda method, collection, _: (
        with_another_address(world) if (method, collection) == ("POST", "load_balancers") else None
    )
    world.run(20)
    world.fake.on_call = None
    world.run()
    assert world.ready(LB) == ("True", "Available")
    assert [call for call in world.changes() if call == "POST load_balancers"] == ["POST load_balancers"]


# A port that is gone.


def test_a_port_that_was_deleted_by_hand_is_said_and_nothing_is_deleted():
    world = tree(recovery={"policy": "Recreate"})
    port = world.one("ports")
    world.others.ports.delete(port["id"])
    later(world)
    for _ in range(2):
        assert world.ready(LB) == ("False", "ExternallyDeleted")
        assert world.progress(LB) == "Stalled"
        assert world.says(LB, "Synced") == ("False", "ExternallyDeleted")
        assert port["id"] in world.message(LB)
        assert "delete" in world.message(LB)
        assert "vipPortID" not in world.object(LB).status
        assert world.changes() == []
        world.restart()
        later(world)
    assert world.told(LB) == ["ExternallyDeleted"]
    assert world.ready(SITE) == ("True", "Available")


def test_without_its_port_a_load_balancer_still_follows_its_spec():
    world = tree()
    world.others.ports.delete(world.one("ports")["id"])
    later(world)
    world.spec(LB, listeners=[listener(connectionLimit=9)])
    world.run()
    assert world.changes() == ["PUT listeners"]
    assert world.one("listeners")["connection_limit"] == 9
    assert world.ready(LB) == ("False", "ExternallyDeleted")


@pytest.mark.parametrize("free", [True, False])
def test_what_the_message_advises_mends_it(free):
    world = Forest(network())
    world.run()
    (subnet,) = [row for row in world.table("subnets") if row["name"] == "web-v4"]
    body = {"network_id": subnet["network_id"], "name": "theirs"}
    lower = world.others.ports.create(body)["id"]  # an address that Neutron would choose first
    world.apply_all([balancer(), pool(), monitor()])
    world.run()
    address = world.one("load_balancers")["vip_address"]
    world.others.ports.delete(lower)
    world.others.ports.delete(world.one("ports")["id"])
    later(world)
    assert world.ready(LB) == ("False", "ExternallyDeleted")
    if not free:
        world.others.ports.create({**body, "fixed_ips": [{"ip_address": address}]})
    gone_in_the_cloud(world)
    world.resync()
    world.run()
    assert len(world.refused) == (0 if free else 1)  # the address is somebody's
    world.refused.clear()
    calm(world)
    assert (world.one("load_balancers")["vip_address"] == address) is free
    assert len(world.table("members")) == len(world.table("health_monitors")) == 1


def test_a_port_that_is_gone_stands_in_no_deletion_s_way():
    world = tree()
    world.others.ports.delete(world.one("ports")["id"])
    later(world)
    for key in (LB, SITE, CHECK, key_of(network())):
        world.delete(key)
    world.run()
    assert world.all_keys() == []


def test_a_floating_ip_says_that_its_target_has_no_port():
    world = Forest(*web())
    world.run()
    world.all_ready()
    world.others.ports.delete(world.object(LB).status["vipPortID"])
    later(world)
    (address,) = [key for key in world.all_keys() if key.kind == "FloatingIP"]
    assert world.ready(address) == ("False", "WaitingForReference")
    assert "no VIP port" in world.message(address)


def test_an_imported_load_balancer_on_a_port_that_is_not_to_be_seen_is_ready():
    world = Forest(network())
    world.run()
    (subnet,) = [row for row in world.table("subnets") if row["name"] == "web-v4"]
    row = world.others.load_balancers.create_tree({"vip_subnet_id": subnet["id"], "name": "theirs"})
    world.clock.advance(5)
    world.fake.tables["ports"][row["vip_port_id"]]["project_id"] = "another"
    world.apply(balancer(import_={"id": row["id"]}, vip=..., listeners=...))
    world.run()
    later(world)
    world.all_ready()
