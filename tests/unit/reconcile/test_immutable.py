"""What cannot be changed and differs from the cloud is never Synced: it is said, with what to do; the rest is done."""

import pytest

from infomaniak_operator.controller.interfaces import Key, Stalled
from tests.support.forest import Forest
from tests.support.objects import custom, key_of
from tests.support.trees import CHECK, LB, SITE, balancer, listener, member, monitor, network, pool, tree

UNNAMED = {"networkRef": {"name": "web"}}
NOBODY = "5e2f6b0e-7c57-4b0e-9f3e-2f1c55e1f001"
TWO = [{"name": "web-v4", "cidr": "10.40.0.0/24"}, {"name": "web-b", "cidr": "10.41.0.0/24"}]


def standing(*bodies):
    """A tree whose spec names nothing but the network of the VIP; the network has a second subnet by now."""
    world = tree(*bodies, vip=UNNAMED)
    world.spec(key_of(network()), subnets=TWO)
    world.run()
    world.all_ready()
    world.forget_calls()
    world.told(LB)
    return world


def is_refused(world, key, *parts):
    assert world.ready(key) == ("False", "InvalidConfiguration")
    assert world.progress(key) == "Stalled"
    assert world.says(key, "Synced") == ("False", "InvalidConfiguration")
    for part in (*parts, "cannot be changed"):
        assert part in world.message(key)
        assert part in world.message(key, "Synced")
    assert world.told(key).count("InvalidConfiguration") == 1
    assert world.reconcile(key).next == Stalled()


CHANGES = {
    "provider": ({"provider": "ovn"}, ("spec.provider", "amphora", "ovn")),
    "flavor": ({"flavorID": NOBODY}, ("spec.flavorID", "none", NOBODY)),
    "subnet": ({"vip": {**UNNAMED, "subnet": "web-b"}}, ("spec.vip.subnet",)),
    "address": ({"vip": {**UNNAMED, "address": "10.40.0.250"}}, ("spec.vip.address", "10.40.0.250")),
    "network": ({"vip": {"networkID": NOBODY}}, ("spec.vip.networkID", NOBODY)),
    "subnet by id": ({"vip": {"subnetID": NOBODY}}, ("spec.vip.subnetID", NOBODY)),
    "more": ({"vip": {**UNNAMED, "additionalVips": [{"subnetID": NOBODY}]}}, ("spec.vip.additionalVips", NOBODY)),
}


@pytest.mark.parametrize(("change", "parts"), CHANGES.values(), ids=CHANGES.keys())
def test_a_load_balancer_that_is_to_be_what_it_is_not(change, parts):
    """The API server refuses most of it; it cannot while the load balancer is being made, nor what refers by name."""
    world = standing()
    before = world.one("load_balancers")
    # What can be done is done.
    world.spec(LB, **change, listeners=[listener(), listener("more", 81, pool=None)])
    world.run()
    is_refused(world, LB, *parts)
    assert len(world.table("listeners")) == 2
    assert world.one("load_balancers")["id"] == before["id"]
    world.resync()
    world.run()
    assert world.ready(LB) == ("False", "InvalidConfiguration")
    assert [call for call in world.changes() if "load_balancers" in call] == []
    world.spec(LB, **{name: ... for name in change if name != "vip"}, vip=UNNAMED)
    world.run()
    world.all_ready()


def test_what_the_cloud_has_may_be_written_down():
    world = standing()
    row = world.one("load_balancers")
    named = {**UNNAMED, "subnet": "web-v4", "address": row["vip_address"]}
    for change in ({"provider": row["provider"]}, {"vip": named}, {"provider": "octavia"}):
        world.spec(LB, **change)
        world.run()
        world.all_ready()
    assert world.changes() == []
    assert world.told(LB) == []
    assert world.object(LB).status["vipSubnet"] == "web-v4"


def test_a_spec_that_changed_while_it_was_being_made():
    world = Forest(network(), balancer(listeners=[]))
    world.run()
    late = balancer("late", listeners=[])
    key = world.apply(late)
    made = world.fake.octavia.settle

    world.fake.on_call = lambda method, collection, _: (
        world.spec(key, provider="ovn") if (method, collection) == ("POST", "load_balancers") else None
    )
    world.run()
    world.fake.on_call = lambda *_: None
    world.fake.octavia.settle = made
    world.run()
    is_refused(world, key, "spec.provider", "amphora", "ovn")


def test_an_imported_load_balancer_whose_vip_is_written_down_wrong():
    world = tree()
    own = world.one("load_balancers")["id"]
    world.spec(LB, deletionPolicy="Retain")
    for key in (CHECK, SITE, LB):
        world.spec(key, deletionPolicy="Retain")
        world.delete(key)
    world.run()
    assert world.get(LB) is None
    again = world.apply(balancer("again", import_={"id": own}, vip=..., listeners=...))
    world.run()
    assert world.ready(again) == ("True", "Available"), world.message(again)
    world.told(again)
    world.spec(again, vip={"networkID": NOBODY})
    world.run()
    is_refused(world, again, "spec.vip.networkID", NOBODY)
    world.spec(again, vip={"networkRef": {"name": "web"}, "subnet": "web-v4"})
    world.run()
    assert world.ready(again) == ("True", "Available")


def imported(kind, collection, name):
    """A pool or monitor made by hand in a tree of ours, imported and taken over without a reference."""
    world = tree(pool(), pool("more", members=[]), monitor())
    if kind == "Pool":
        world.apply(balancer("other", listeners=[]))
        world.run()
        balancers = {row["name"]: row["id"] for row in world.table("load_balancers")}
        body = {"loadbalancer_id": balancers["web"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    else:
        pools = {row["name"]: row["id"] for row in world.table("pools")}
        body = {"pool_id": pools["more"], "type": "TCP", "delay": 5, "timeout": 3, "max_retries": 3}
    row = getattr(world.others, collection).create({"name": name, **body})
    world.fake.settle()
    key = world.apply(custom(kind, name, {"import": {"id": row["id"]}}))
    world.run()
    assert world.ready(key) == ("True", "Available"), world.message(key)
    world.told(key)
    world.forget_calls()
    return world, key, row


def test_a_pool_that_is_to_be_in_another_load_balancer():
    world, key, row = imported("Pool", "pools", "theirs")
    world.spec(key, loadBalancerRef={"name": "other"}, members=[member(9)])
    world.run(120)
    is_refused(world, key, "spec.loadBalancerRef", row["loadbalancers"][0]["id"])
    assert world.changes() == []
    world.spec(key, loadBalancerRef={"name": "web"})
    world.run()
    world.all_ready()
    assert world.changes() == ["PUT members"]


def test_a_monitor_that_is_to_be_another_pool_s():
    world, key, row = imported("HealthMonitor", "health_monitors", "theirs")
    world.delete(CHECK)
    world.run()
    world.forget_calls()
    world.spec(key, poolRef={"name": "site"}, delay=7)
    world.run(120)
    is_refused(world, key, "spec.poolRef", row["pools"][0]["id"])
    assert "DELETE health_monitors" not in world.changes()
    assert world.one("health_monitors")["delay"] == 7
    world.spec(key, poolRef={"name": "more"})
    world.run()
    assert world.ready(key) == ("True", "Available")


def test_a_monitor_follows_its_pool_when_that_is_replaced():
    world = tree()
    world.spec(LB, listeners=[])
    world.run()
    former = world.one("pools")["id"]
    world.spec(SITE, protocol="TCP")
    world.run()
    world.all_ready()
    assert world.one("pools")["id"] != former
    (checked,) = world.others.health_monitors.list()
    assert checked["pools"] == [{"id": world.one("pools")["id"]}]


def test_a_floating_ip_that_is_to_be_of_another_network():
    world = Forest()
    theirs = world.others.floating_ips.create({"floating_network_id": world.fake.external_network_id})
    key = world.apply(custom("FloatingIP", "a", {"import": {"id": theirs["id"]}}))
    world.run()
    world.all_ready()
    world.told(key)
    world.forget_calls()
    world.spec(key, externalNetwork={"networkID": NOBODY}, description="mine")
    world.run()
    is_refused(world, key, "spec.externalNetwork", NOBODY, world.fake.external_network_id)
    assert world.one("floating_ips")["description"].startswith("mine")
    for right in ({"networkName": "ext-floating1"}, {"networkID": world.fake.external_network_id}):
        world.spec(key, externalNetwork=right)
        world.run()
        world.all_ready()


def test_a_floating_ip_that_names_its_network_costs_no_further_call():
    key = Key("FloatingIP", "shop", "a")
    world = Forest(custom("FloatingIP", "a", {"externalNetwork": {"networkName": "ext-floating1"}}))
    world.run()
    world.restart()
    world.forget_calls()
    world.resync()
    world.run()
    assert world.ready(key) == ("True", "Available")
    assert world.calls() == {"LIST floating_ips": 1}
