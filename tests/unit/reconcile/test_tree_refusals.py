"""What a load balancer refuses, or has not: known at once, said where people look, and never taken for a lost create."""

import pytest

from infomaniak_operator.reconcile.octavia import tree_create
from tests.support.forest import Forest
from tests.support.objects import key_of
from tests.support.trees import CHECK, LB, SITE, balancer, listener, monitor, network, pool, tree

SLAAC = {"name": "web-v6", "cidr": "2001:db8:40::/64", "ipv6AddressMode": "slaac", "ipv6RAMode": "slaac"}
MORE = key_of(pool("more"))


def told(world, key):
    return [(event.reason, event.message) for event in world.events.get(key, ())]


# A refusal is an answer.


def test_a_tree_refused_for_one_pool_too_many_costs_the_others_nothing_and_is_said():
    world = Forest(network())
    world.run()
    world.fake.quotas["pools"] = 1
    listeners = [listener(), listener("more", 81, pool="more")]
    world.apply_all([balancer(listeners=listeners), pool(), pool("more")])
    world.run(15)
    assert sorted([world.ready(SITE), world.ready(MORE)]) == [("False", "QuotaExceeded"), ("True", "Available")]
    (refusal,) = [message for reason, message in told(world, LB) if reason == "QuotaExceeded"]
    assert "uota" in refusal
    assert "pools" in refusal
    refused = SITE if world.ready(SITE)[0] == "False" else MORE
    assert "QuotaExceeded" in [reason for reason, _ in told(world, refused)]
    world.fake.quotas["pools"] = -1
    world.run()
    world.all_ready()


def test_what_a_tree_was_made_without_is_looked_for_before_it_is_made():
    """A service may refuse a tree and leave a part of it all the same."""
    world = Forest(network())
    world.run()
    world.fake.quotas["pools"] = 0
    world.apply_all([balancer(), pool()])
    world.run(4)
    world.fake.quotas["pools"] = -1
    lost = world.others.pools.create(
        {
            "loadbalancer_id": world.one("load_balancers")["id"],
            "name": "site",
            "protocol": "HTTP",
            "lb_algorithm": "ROUND_ROBIN",
            "tags": [world.mark(SITE).text],
        }
    )
    world.run()
    world.all_ready()
    assert world.one("pools")["id"] == lost["id"]


@pytest.mark.parametrize("kind", ["listeners", "pools", "health_monitors"])
def test_a_definite_refusal_of_a_part_is_tried_again_as_soon_as_it_can_be(kind):
    world = tree(pool(), listeners=[])
    world.fake.quotas[kind] = 0 if kind != "pools" else 1
    key = {
        "listeners": LB,
        "pools": MORE,
        "health_monitors": CHECK,
    }[kind]
    if kind == "listeners":
        world.spec(LB, listeners=[listener()])
    else:
        world.apply(pool("more") if kind == "pools" else monitor())
    world.run(20)
    assert world.ready(key) == ("False", "QuotaExceeded")
    assert "QuotaExceeded" in [reason for reason, _ in told(world, key)]
    world.fake.quotas[kind] = -1
    world.annotate(key, reconcile_at="now")
    world.run(20)
    assert world.ready(key) == ("True", "Available")


def test_a_defect_before_the_request_is_no_create_of_unknown_outcome(monkeypatch):
    def broken(*_):
        raise IndexError("a defect of ours")

    world = Forest(network(), balancer())
    with monkeypatch.context() as patch:
        patch.setattr(tree_create, "_listener", broken)
        with pytest.raises(IndexError):
            world.run(20)
    assert world.table("load_balancers") == []
    assert world.run(20) < 10
    world.all_ready()


# What is sent.


@pytest.mark.parametrize("name", ["n" * 252, "n" * 255, "é" * 255, "名" * 253])
def test_a_long_name_is_taken_whole_and_what_is_named_after_it_is_cut(name):
    world = Forest(network(), balancer(name=name, description="d" * 200))
    world.run()
    world.all_ready()
    assert world.one("load_balancers")["name"] == name
    (port,) = [row for row in world.table("ports") if row["id"] == world.one("load_balancers")["vip_port_id"]]
    assert port["name"] == f"{name[:251]}-vip"


def test_a_vip_on_a_network_without_a_subnet_says_so_and_waits_for_one():
    world = Forest(network())
    bare = world.others.networks.create({"name": "bare", "project_id": "alpha"})
    world.apply(balancer(vip={"networkID": bare["id"]}, listeners=[]))
    world.run(100)
    assert world.ready(LB) == ("False", "WaitingForReference")
    assert f"spec.vip.networkID: network {bare['id']} has no subnet" in world.message(LB)
    assert world.says(LB, "ReferencesResolved") == ("False", "WaitingForReference")
    assert "WaitingForReference" in world.told(LB)
    assert world.table("ports") == []
    world.others.subnets.create({"network_id": bare["id"], "cidr": "10.9.0.0/24", "ip_version": 4})
    world.run(100)
    assert world.ready(LB) == ("True", "Available")


# Whose pool?


def test_a_listener_that_names_another_load_balancer_s_pool_says_whose_it_is():
    world = tree()
    other = world.apply(balancer("other"))
    world.run()
    assert world.ready(other) == ("True", "Available")
    assert world.says(other, "ReferencesResolved")[0] == "False"
    text = world.message(other, "ReferencesResolved")
    assert "listener http: Pool site belongs to LoadBalancer web" in text
    assert [message for _, message in told(world, other) if "LoadBalancer web" in message] == [text]
    world.resync()
    world.run()
    assert len([message for _, message in told(world, other) if "LoadBalancer web" in message]) == 1
    world.spec(other, listeners=[listener(pool=None)])
    world.run()
    world.all_ready()
    assert world.says(other, "ReferencesResolved") == ("True", "Available")


def test_a_listener_that_names_an_imported_pool_of_another_load_balancer_says_so():
    world = tree()
    theirs = world.others.pools.create(
        {
            "loadbalancer_id": world.one("load_balancers")["id"],
            "name": "theirs",
            "protocol": "HTTP",
            "lb_algorithm": "ROUND_ROBIN",
        }
    )
    world.run()
    world.fake.settle()
    world.apply(
        pool(
            "theirs",
            import_={"id": theirs["id"]},
            managementPolicy="Unmanaged",
            loadBalancerRef=...,
            members=...,
            protocol=...,
            algorithm=...,
        )
    )
    other = world.apply(balancer("other", listeners=[listener(pool="theirs")]))
    world.run()
    text = world.message(other, "ReferencesResolved")
    assert f"Pool theirs belongs to load balancer {theirs['loadbalancers'][0]['id']}" in text


# What status shows.


def test_the_vip_shown_before_the_load_balancer_is_made_is_the_one_it_will_have():
    spec = {"subnets": [{"name": "web-v4", "cidr": "10.40.0.0/24"}, SLAAC]}
    for subnets in (spec["subnets"], spec["subnets"][::-1]):
        world = Forest({**network(), "spec": {**network()["spec"], "subnets": subnets}}, balancer(listeners=[]))
        world.hide_quotas()
        world.fake.quotas["load_balancers"] = 0
        world.run(60)
        assert world.ready(LB) == ("False", "QuotaExceeded")
        shown = world.object(LB).status
        assert shown["vipAddress"].startswith("10.40.0.")
        world.fake.quotas["load_balancers"] = 1
        world.run()
        assert world.object(LB).status["vipAddress"] == shown["vipAddress"]
        assert world.object(LB).status["vipSubnetID"] == shown["vipSubnetID"]


def test_a_pool_without_its_load_balancer_shows_nothing_that_went_with_it():
    world = tree()
    world.delete(LB)
    world.run()
    assert world.get(LB) is None
    for key in (SITE, CHECK):
        assert world.ready(key) == ("False", "WaitingForReference")
        assert world.says(key, "Healthy")[0] != "True"
        left = set(world.object(key).status)
        assert left <= {"conditions", "observedGeneration", "projectID", "region", "appliedFields"}, left


def test_a_pool_that_was_kept_without_its_load_balancer_keeps_its_id():
    world = tree(deletionPolicy="Retain")
    kept = world.object(SITE).status["id"]
    world.delete(LB)
    world.run()
    assert world.get(LB) is None
    assert world.ready(SITE) == ("False", "WaitingForReference")
    assert world.object(SITE).status["id"] == kept


# Recovery.


PARTS = ("listeners", "pools", "members", "health_monitors")


def slow_to_clear_up(world, seconds):
    """A service whose load balancer is gone a while before what was under it, as some drivers have it."""
    settle = world.fake.octavia.settle

    def slow():
        going = any(row["provisioning_status"] == "PENDING_DELETE" for row in world.table("load_balancers"))
        before = {name: dict(world.fake.tables[name]) for name in PARTS}
        settle()
        for name in PARTS if going else ():
            left = {key: row for key, row in before[name].items() if key not in world.fake.tables[name]}
            world.fake.tables[name].update(left)
            world.clock.call_later(
                seconds, lambda rows=world.fake.tables[name], left=left: [rows.pop(key) for key in left]
            )

    world.fake.octavia.settle = slow


@pytest.mark.parametrize("late", [0.0, 1.0])
def test_a_recovery_does_not_wait_for_those_that_wait_for_it(late):
    world = tree(pool(), pool("more"), monitor(), recovery={"policy": "Recreate"})
    if late:
        slow_to_clear_up(world, late)
    world.one("load_balancers")["provisioning_status"] = "ERROR"
    world.resync()
    world.run(8.0)
    world.all_ready()
    assert world.changes() == ["DELETE load_balancers", "POST load_balancers"]


def test_a_recovery_does_not_wait_for_a_pool_that_cannot_be_made():
    away = {"address": "10.40.0.12", "port": 80, "networkRef": {"name": "away"}, "subnet": "away-v4"}
    world = Forest(
        network(), network("away"), balancer(recovery={"policy": "Recreate"}), pool(), pool("more", members=[away])
    )
    world.run()
    world.all_ready()
    world.spec(key_of(network("away")), subnets=[])
    world.run(20)
    sent = []
    world.fake.on_call = lambda method, collection, _: (
        sent.append((method, world.clock.monotonic())) if collection == "load_balancers" else None
    )
    world.one("load_balancers")["provisioning_status"] = "ERROR"
    world.resync()
    world.run(120)
    assert world.ready(LB) == ("True", "Available")
    assert world.ready(SITE) == ("True", "Available")
    assert world.ready(MORE) == ("False", "WaitingForReference")
    at = dict(sent)
    assert at["POST"] - at["DELETE"] < 8


def test_an_imported_pool_that_went_with_its_load_balancer_keeps_the_id_it_stands_for():
    world = tree()
    body = {"loadbalancer_id": world.one("load_balancers")["id"], "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"}
    theirs = world.others.pools.create({"name": "theirs", **body})
    world.fake.settle()
    spec = {"import_": {"id": theirs["id"]}, "members": ..., "protocol": ..., "algorithm": ...}
    key = world.apply(pool("theirs", **spec))
    world.run()
    world.all_ready()
    world.delete(LB)
    world.run()
    assert world.get(LB) is None
    assert world.ready(key) == ("False", "WaitingForReference")
    assert world.says(key, "Healthy")[0] == "Unknown"
    assert world.object(key).status["id"] == theirs["id"]
