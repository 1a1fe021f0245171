"""What others have made under ours: a delete that would take it along does not happen, and says what is in its way."""

import pytest

from tests.support.objects import key_of
from tests.support.trees import CHECK, LB, SITE, calm, listener, member, monitor, network, pool, tree

MONITOR = {"type": "TCP", "delay": 9, "timeout": 3, "max_retries": 2}
POLICY = {"action": "REJECT", "name": "theirs"}
RULE = {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/private"}
HTTPS = {"host": "www.example.org"}


def by_hand(world, collection, *within, **body):
    made = getattr(world.others, collection).create(*within, body)
    world.clock.advance(60)
    world.forget_calls()
    return made


def keeps(world, key, made, *, seconds=200):
    """That the object waits and names what is in its way; and what is in its way is as it was."""
    world.run(seconds)
    assert world.ready(key) == ("False", "InUse"), world.standing()
    assert made["id"] in world.message(key) or made.get("address", "-") in world.message(key)
    assert made["id"] in {row["id"] for rows in world.fake.tables.values() for row in rows.values()}
    assert not [call for call in world.changes() if call.startswith("DELETE")], world.changes()


def place_of(world, collection):
    return world.one(collection)["id"]


# A monitor.


def test_a_monitor_of_others_keeps_its_pool():
    world = tree(pool(), listeners=[listener(pool=None)])
    made = by_hand(world, "health_monitors", **MONITOR, pool_id=place_of(world, "pools"))
    world.delete(SITE)
    keeps(world, SITE, made)
    world.others.health_monitors.delete(made["id"])
    world.run()
    assert world.get(SITE) is None
    assert world.table("pools") == []


@pytest.mark.parametrize("name", ["pool", "all"])
def test_a_monitor_of_others_keeps_its_load_balancer(name):
    world = tree(pool())
    made = by_hand(world, "health_monitors", **MONITOR, pool_id=place_of(world, "pools"))
    world.delete(LB)
    if name == "all":
        world.delete(SITE)
    keeps(world, LB, made)


def test_a_monitor_of_others_keeps_a_load_balancer_from_its_recovery():
    world = tree(pool(), recovery={"policy": "Recreate"})
    made = by_hand(world, "health_monitors", **MONITOR, pool_id=place_of(world, "pools"))
    world.one("load_balancers")["provisioning_status"] = "ERROR"
    world.resync()
    keeps(world, LB, made)


def test_a_monitor_of_others_keeps_a_pool_from_being_replaced():
    world = tree(pool())
    made = by_hand(world, "health_monitors", **MONITOR, pool_id=place_of(world, "pools"))
    world.spec(SITE, protocol="PROXY")
    keeps(world, SITE, made)
    assert world.changes() == []
    world.others.health_monitors.delete(made["id"])
    world.run()
    calm(world)
    assert world.one("pools")["protocol"] == "PROXY"


def test_a_retained_monitor_keeps_its_pool_from_the_load_balancer_s_end():
    world = tree()
    world.spec(CHECK, deletionPolicy="Retain")
    world.run()
    world.delete(LB)
    keeps(world, LB, world.one("health_monitors"))
    assert "HealthMonitor shop/site" in world.message(LB)


def test_our_own_monitor_keeps_nothing():
    world = tree()
    world.others.health_monitors.update(place_of(world, "health_monitors"), {"tags": []})  # status names it
    world.clock.advance(5)
    for key in (LB, SITE, CHECK):
        world.delete(key)
    world.run()
    assert world.all_keys() == [key_of(network())]


# Members.


@pytest.mark.parametrize("which", [SITE, LB])
def test_members_of_others_keep_a_pool_that_does_not_list_any(which):
    world = tree(pool(members=...), listeners=[listener(pool=None)])
    made = by_hand(world, "members", place_of(world, "pools"), address="10.40.0.77", protocol_port=80)
    world.delete(which)
    keeps(world, which, made)


def test_members_of_others_keep_a_pool_that_does_not_list_any_from_being_replaced():
    world = tree(pool(members=...))
    made = by_hand(world, "members", place_of(world, "pools"), address="10.40.0.77", protocol_port=80)
    world.spec(SITE, protocol="PROXY")
    keeps(world, SITE, made)
    assert world.changes() == []


def test_members_that_the_spec_lists_are_the_pool_s_own():
    world = tree(pool(members=[member(11)]))
    by_hand(world, "members", place_of(world, "pools"), address="10.40.0.77", protocol_port=80)
    for key in (LB, SITE):
        world.delete(key)
    world.run()
    assert world.all_keys() == [key_of(network())]


def test_a_pool_that_a_listener_of_others_sends_to_stays():
    world = tree(pool(), listeners=[listener(pool=None)])
    pool_id = place_of(world, "pools")
    own = place_of(world, "load_balancers")
    body = {"name": "theirs", "protocol": "HTTP", "protocol_port": 8080, "loadbalancer_id": own}
    made = by_hand(world, "listeners", **body, default_pool_id=pool_id)
    world.delete(SITE)
    keeps(world, SITE, made)
    assert world.fake.tables["listeners"][made["id"]]["default_pool_id"] == pool_id


# Policies and rules.


CHANGES = {
    "port": [listener(port=81)],
    "protocol": [listener(protocol="TCP")],
    "gone": [listener("other", 90)],
    "gone, and its port with it": [listener("other", 80)],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_policy_of_others_keeps_its_listener(change):
    world = tree(pool(protocol="PROXY"))
    before = world.one("listeners")["id"]
    made = by_hand(world, "l7_policies", **POLICY, listener_id=before)
    world.spec(LB, listeners=[*CHANGES[change], listener("more", 99, pool=None)])
    keeps(world, LB, made)
    assert before in world.message(LB)
    names = sorted(row["name"] for row in world.table("listeners"))
    assert names == (["http", "more", "other"] if change == "gone" else ["http", "more"])  # the rest proceeds
    world.others.l7_policies.delete(made["id"])
    world.run()
    calm(world)
    assert before not in {row["id"] for row in world.table("listeners")}


def test_a_policy_of_others_keeps_the_load_balancer():
    world = tree()
    made = by_hand(world, "l7_policies", **POLICY, listener_id=place_of(world, "listeners"))
    world.delete(LB)
    keeps(world, LB, made)


@pytest.mark.parametrize("end", ["load balancer", "listener", "redirect"])
def test_a_rule_of_others_under_our_redirect_keeps_it(end):
    world = tree(pool(), listeners=[listener(redirectToHTTPS=HTTPS)])
    made = by_hand(world, "l7_rules", place_of(world, "l7policies"), **RULE)
    if end == "load balancer":
        world.delete(LB)
    else:
        world.spec(LB, listeners=[listener()] if end == "redirect" else [listener(port=81, redirectToHTTPS=HTTPS)])
    keeps(world, LB, made)


@pytest.mark.parametrize("end", ["load balancer", "listener", "redirect"])
def test_our_redirect_keeps_nothing(end):
    world = tree(pool(), listeners=[listener(redirectToHTTPS=HTTPS)])
    if end == "load balancer":
        for key in (LB, SITE):
            world.delete(key)
        world.run()
        assert world.all_keys() == [key_of(network())]
        return
    world.spec(LB, listeners=[listener()] if end == "redirect" else [listener(port=81, redirectToHTTPS=HTTPS)])
    world.run()
    calm(world)
    assert len(world.table("l7policies")) == (0 if end == "redirect" else 1)


def test_what_is_looked_at_before_a_delete_costs_a_list_of_each_type_at_most():
    world = tree(pool(), monitor(), listeners=[listener(redirectToHTTPS=HTTPS)])
    for key in (LB, SITE, CHECK):
        world.delete(key)
    world.run()
    calls = world.calls()
    assert {name: calls[f"LIST {name}"] for name in ("listeners", "l7policies", "l7rules", "members")} == {
        "listeners": 1,
        "l7policies": 1,
        "l7rules": 0,
        "members": 0,
    }


def test_a_load_balancer_without_policies_and_monitors_is_deleted_without_a_look_at_them():
    world = tree(pool())
    for key in (LB, SITE):
        world.delete(key)
    world.run()
    assert not {name for name in world.calls() if name.endswith(("l7policies", "health_monitors"))}
