"""Copies of a mark, on every type of thing and at every turn: they stay as they are, whatever becomes of the object."""

import copy

import pytest

from tests.support import objects
from tests.support.forest import Forest
from tests.support.objects import key_of, subnet
from tests.support.trees import CHECK, LB, SITE, balancer, listener, monitor, pool, tree

HTTPS = {"host": "www.example.org"}
ADOPT = {"network.infomaniak.cloud/adopt-previous": "true"}
OLDER, NEWER = "2020-01-01T00:00:00Z", "2026-11-26T00:00:00Z"
NETWORK = key_of(objects.network())


def copied(world, collection, row, **fields):
    """Somebody made another with its description and tags; what it looked like."""
    twin = {**copy.deepcopy(row), "id": "00000000-0000-4000-8000-000000000000", "created_at": NEWER, **fields}
    world.fake.tables[collection][twin["id"]] = twin
    return copy.deepcopy(twin)


def copied_listener(world, **fields):
    return copied(world, "listeners", world.one("listeners"), protocol_port=81, default_pool_id=None, **fields)


def copied_subnet(world, **fields):
    (row,) = (each for each in world.table("subnets") if each["name"] == "v4")
    return copied(world, "subnets", row, cidr="10.9.0.0/24", gateway_ip="10.9.0.1", allocation_pools=[], **fields)


def vip_port(world):
    return world.fake.tables["ports"][world.one("load_balancers")["vip_port_id"]]


def stays(world, collection, twin, *, but=()):
    """That it is as it was."""
    there = world.fake.tables[collection].get(twin["id"])
    assert there is not None, world.changes()
    assert {name: value for name, value in there.items() if name not in but} == {
        name: value for name, value in twin.items() if name not in but
    }


def office(**spec):
    world = Forest(objects.network(subnets=[subnet()], **spec))
    world.run()
    world.all_ready()
    world.clock.advance(3600)
    world.forget_calls()
    return world


def torn_away(world, *keys):
    """The objects are no more, and nobody told the operator: their finalizers were taken off by hand."""
    for key in keys:
        world.vanish(key)
    world.restart()
    world.clock.advance(3600)


# What is taken over from a former object of the name.


@pytest.mark.parametrize("created", [OLDER, NEWER])
def test_a_copied_listener_is_not_taken_over_from_a_former_object(created):
    world = tree()
    ours = world.one("listeners")["id"]
    twin = copied_listener(world, created_at=created)
    torn_away(world, LB, SITE, CHECK)
    world.apply_all(make(life=2, annotations=ADOPT) for make in (balancer, pool, monitor))
    world.run(600)
    world.all_ready()
    stays(world, "listeners", twin)
    assert twin["id"] in world.message(LB, "Synced")
    assert [each["id"] for each in world.object(LB).status["listeners"]] == [ours]


@pytest.mark.parametrize("created", [OLDER, NEWER])
def test_a_copied_subnet_is_not_taken_over_from_a_former_object(created):
    world = office()
    (ours,) = (each["id"] for each in world.object(NETWORK).status["subnets"])
    twin = copied_subnet(world, created_at=created)
    torn_away(world, NETWORK)
    world.apply(objects.network(subnets=[subnet()], life=2))
    world.annotate(NETWORK, adopt_previous="true")
    world.run(600)
    world.all_ready()
    stays(world, "subnets", twin)
    assert twin["id"] in world.message(NETWORK, "Synced")
    assert [each["id"] for each in world.object(NETWORK).status["subnets"]] == [ours]


def test_of_several_of_a_former_object_none_is_taken_over():
    world = office()
    ours = world.fake.tables["networks"][world.object(NETWORK).status["id"]]
    twin = copied(world, "networks", ours, created_at=OLDER)
    torn_away(world, NETWORK)
    world.apply(objects.network(subnets=[subnet()], life=2))
    world.annotate(NETWORK, adopt_previous="true")
    world.run(600)
    assert world.ready(NETWORK) == ("False", "Conflict")
    assert ours["id"] in world.message(NETWORK)
    assert twin["id"] in world.message(NETWORK)
    assert world.changes() == []
    del world.fake.tables["networks"][twin["id"]]
    world.clock.advance(60)
    world.resync()
    world.run()
    world.all_ready()
    assert world.object(NETWORK).status["id"] == ours["id"]


def test_of_several_ports_of_a_former_object_none_is_taken_over():
    world = tree()
    ours = vip_port(world)
    ours.update(device_id="", device_owner="")
    twin = copied(world, "ports", ours, created_at=OLDER)
    torn_away(world, LB, SITE, CHECK)
    for collection in ("load_balancers", "listeners", "pools", "health_monitors"):
        world.fake.tables[collection].clear()
    world.apply_all(make(life=2, annotations=ADOPT) for make in (balancer, pool, monitor))
    world.run(600)
    assert world.ready(LB) == ("False", "Conflict")
    assert ours["id"] in world.message(LB)
    assert twin["id"] in world.message(LB)
    assert world.changes() == []


# What goes along with what it is in.


@pytest.mark.parametrize("going", ["pool", "load balancer"])
def test_a_copied_monitor_keeps_the_pool_that_it_is_in(going):
    world = tree(pool(), monitor(), pool("other"))
    (other,) = (each for each in world.table("pools") if each["name"] == "other")
    twin = copied(world, "health_monitors", world.one("health_monitors"), pool_id=other["id"])
    other["healthmonitor_id"] = twin["id"]
    held = key_of(pool("other"))
    for key in [held] if going == "pool" else [LB, SITE, CHECK, held]:
        world.delete(key)
    world.run(300)
    stays(world, "health_monitors", twin)
    kept = held if going == "pool" else LB
    assert world.ready(kept) == ("False", "InUse")
    assert twin["id"] in world.message(kept)


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("change", ["port of its listener", "load balancer", "redirect", "original gone"])
def test_a_copied_policy_stays(change, restart):
    world = tree(pool(), listeners=[listener(redirectToHTTPS=HTTPS), listener("other", 81, pool=None)])
    ours = world.one("l7policies")
    rows = {row["name"]: row for row in world.table("listeners")}
    holder = rows["http"] if change in ("redirect", "original gone") else rows["other"]
    twin = copied(world, "l7policies", ours, listener_id=holder["id"], redirect_prefix="https://shop.example.org")
    holder["l7policies"] = [*(holder.get("l7policies") or ()), {"id": twin["id"]}]
    match change:
        case "port of its listener":
            world.spec(LB, listeners=[listener(redirectToHTTPS=HTTPS), listener("other", 82, pool=None)])
        case "load balancer":
            world.delete(LB)
            world.delete(SITE)
        case "redirect":
            world.spec(LB, listeners=[listener(), listener("other", 81, pool=None)])
        case "original gone":
            world.others.l7_policies.delete(ours["id"])
            world.fake.settle()
    if restart:
        world.restart()
    world.resync()
    world.run(600)
    stays(world, "l7policies", twin, but=("position", "updated_at"))  # Octavia makes room for another
    rest = {row["id"] for row in world.table("l7policies")} - {twin["id"]}
    match change:
        case "redirect":
            assert not rest
            world.all_ready()
        case "original gone":
            assert len(rest) == 1
            world.all_ready()
            assert twin["id"] in world.message(LB, "Synced")
        case _:
            assert rest == {ours["id"]}
            assert world.ready(LB) == ("False", "InUse")
            assert twin["id"] in world.message(LB)


# The VIP's port.


@pytest.mark.parametrize("tree_is", ["there", "gone"])
def test_a_copy_of_a_vip_port_that_is_gone_is_not_deleted(tree_is):
    world = tree()
    ours = vip_port(world)
    twin = copied(world, "ports", ours, device_id="vm", device_owner="compute:nova")
    del world.fake.tables["ports"][ours["id"]]
    if tree_is == "gone":
        for collection in ("load_balancers", "listeners", "pools", "health_monitors"):
            world.fake.tables[collection].clear()
    else:
        world.resync()  # status forgets the port
        world.run(60)
    for key in (LB, SITE, CHECK):
        world.delete(key)
    world.run(600)
    assert world.get(LB) is None
    stays(world, "ports", twin)


@pytest.mark.parametrize("told", [False, True])
def test_a_copy_of_a_vip_port_does_not_take_its_place(told):
    world = tree()
    ours = vip_port(world)
    twin = copied(world, "ports", ours, device_id="", device_owner="")
    del world.fake.tables["ports"][ours["id"]]
    if told:  # that the port is gone
        world.resync()
        world.run(60)
        assert ours["id"] in world.message(LB)
    for collection in ("load_balancers", "listeners", "pools", "health_monitors"):
        world.fake.tables[collection].clear()
    world.resync()
    world.run(600)
    assert world.ready(LB) == ("False", "Conflict")
    assert told or ours["id"] in world.message(LB)
    assert twin["id"] in world.message(LB)
    stays(world, "ports", twin)
    assert world.table("load_balancers") == []


# Giving up.


@pytest.mark.parametrize("how", ["Retain", "Unmanaged"])
def test_who_gives_up_a_network_leaves_a_copied_subnet_alone(how):
    world = office()
    twin = copied_subnet(world)
    give_up(world, NETWORK, how)
    stays(world, "subnets", twin)


@pytest.mark.parametrize("how", ["Retain", "Unmanaged"])
def test_who_gives_up_a_load_balancer_leaves_what_is_copied_alone(how):
    world = tree()
    twin = copied_listener(world)
    port = copied(world, "ports", vip_port(world), device_id="vm")
    ours = world.object(LB).status["listeners"][0]["id"]
    give_up(world, LB, how)
    stays(world, "listeners", twin)
    stays(world, "ports", port)
    if how == "Unmanaged":
        world.spec(LB, managementPolicy="Managed")
        world.run(600)
        stays(world, "listeners", twin)
        stays(world, "ports", port)
        assert ours in world.fake.tables["listeners"]
        assert [each["id"] for each in world.object(LB).status["listeners"]] == [ours]


def give_up(world, key, how):
    if how == "Retain":
        world.spec(key, deletionPolicy="Retain")
        world.run(60)
        world.delete(key)
        world.run(600)
        assert world.get(key) is None
    else:
        world.spec(key, managementPolicy="Unmanaged", **{"import": {"id": world.object(key).status["id"]}})
        world.run(600)
        assert not world.object(key).finalizers


@pytest.mark.parametrize("restart", [False, True])
def test_a_copied_listener_outlives_the_original(restart):
    world = tree(pool(), listeners=[listener(), listener("other", 90, pool=None)])
    (row,) = (each for each in world.table("listeners") if each["name"] == "other")
    twin = copied(world, "listeners", row, protocol_port=91)
    world.spec(LB, listeners=[listener()])
    if restart:
        world.restart()
    for _ in range(3):
        world.run(600)
        world.resync()
    world.all_ready()
    stays(world, "listeners", twin)
    assert row["id"] not in world.fake.tables["listeners"]


@pytest.mark.parametrize("restart", [False, True])
def test_a_copied_subnet_outlives_the_original(restart):
    world = office()
    twin = copied_subnet(world)
    world.spec(NETWORK, subnets=[subnet("other", "10.7.0.0/24")])
    if restart:
        world.restart()
    for _ in range(3):
        world.run(600)
        world.resync()
    world.all_ready()
    stays(world, "subnets", twin)
    assert [each["name"] for each in world.object(NETWORK).status["subnets"]] == ["other"]


def test_a_copy_is_not_taken_for_a_listener_that_went_while_the_tree_was_locked():
    world = tree()
    ours = world.one("listeners")["id"]
    twin = copied_listener(world)
    del world.fake.tables["listeners"][ours]
    world.restart()
    world.settles = None
    world.one("load_balancers")["provisioning_status"] = "PENDING_UPDATE"
    world.resync()
    world.run(5)
    assert "listeners" not in world.object(LB).status
    world.settles = 1.5
    world.fake.settle()
    world.clock.advance(3600)
    world.resync()
    world.run()
    stays(world, "listeners", twin)
