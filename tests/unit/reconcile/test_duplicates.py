"""Marks are text that people copy: a double is deleted only where the operator knows that it made it."""

import copy

import pytest

from infomaniak_operator.client import Category, CloudTimeoutError
from infomaniak_operator.controller.interfaces import Stalled
from infomaniak_operator.reconcile.generic.duplicates import fits
from infomaniak_operator.reconcile.ownership.marks import described
from tests.support.forest import Forest
from tests.support.objects import custom, network, subnet
from tests.support.trees import LB, SITE, listener, member, tree
from tests.support.world import GRACE, World
from tests.unit.reconcile.test_dry_run import KINDS, copied, objects

V4 = subnet("v4", "10.1.0.0/24")


def unknown():
    return CloudTimeoutError("no answer in 30 s", category=Category.TRANSIENT, outcome_unknown=True)


def ready(**spec):
    world = World()
    key = world.apply(network(subnets=[V4], **spec))
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    world.cloud.take()
    world.told(key)
    return world, key


# What somebody copied.


@pytest.mark.parametrize("after", ["in this process", "after a restart"])
@pytest.mark.parametrize("key", KINDS, ids=lambda key: key.kind)
def test_what_somebody_copied_is_left_alone_and_told_of(key, after):
    world = Forest(*objects())
    world.run()
    world.all_ready()
    world.clock.advance(3600)
    before = world.object(key).status["id"]
    copied(world, key)
    cloud = copy.deepcopy(world.fake.tables)
    world.forget_calls()
    world.told(key)
    if after == "after a restart":
        world.restart()
    for _ in range(3):
        world.resync()
        world.run(600)
    assert world.fake.changes() == []
    assert world.fake.tables == cloud
    world.all_ready()
    assert world.object(key).status["id"] == before
    assert world.says(key, "Synced") == ("True", "Available")
    assert "00000000" in world.message(key, "Synced")
    assert world.told(key) == ["CopyLeftAlone"]


def test_an_old_router_with_a_copied_description_keeps_its_routes_its_interfaces_and_itself():
    world = World()
    net = world.apply(network(subnets=[V4]))
    interfaces = [{"networkRef": {"name": "front"}}]
    key = world.apply(custom("Router", "way", {"interfaces": interfaces, "description": "the way"}))
    world.settle(net)
    world.settle(key)
    ours = world.object(key).status["id"]
    old = world.others.routers.create({"name": "way of 2020"})
    lan = world.others.networks.create({"name": "lan"})
    item = {"network_id": lan["id"], "cidr": "10.8.0.0/24", "ip_version": 4, "name": "lan"}
    (under,) = world.others.subnets.create_many([item])
    world.others.routers.add_interface(old["id"], subnet_id=under["id"])
    routes = [{"destination": "10.99.0.0/24", "nexthop": "10.8.0.9"}]
    text = described("the way", world.mark(key))
    world.others.routers.update(old["id"], {"routes": routes, "description": text})
    tables = copy.deepcopy(world.fake.tables)
    world.cloud.take()
    for _ in range(2):
        world.settle(key)
        world.restart()
    assert world.cloud.writes() == []
    assert world.fake.tables == tables
    assert world.ready(key) == ("True", "Available")
    assert old["id"] in world.message(key, "Synced")
    world.delete(key)
    world.settle(key)
    assert world.get(key) is None
    assert ours not in world.fake.tables["routers"]
    assert world.fake.tables["routers"][old["id"]] == tables["routers"][old["id"]]
    assert world.fake.tables["ports"].keys() >= {
        p["id"] for p in tables["ports"].values() if p["device_id"] == old["id"]
    }


def test_of_several_of_which_none_is_known_none_is_touched():
    world = World()
    key = world.apply(network(subnets=[V4]))
    mark = world.mark(key).text
    rows = [world.others.networks.create({"name": "front", "description": mark}) for _ in range(3)]
    assert world.reconcile(key).next == Stalled()
    assert world.ready(key) == ("False", "Conflict")
    assert world.progress(key) == "Stalled"
    assert all(row["id"] in world.message(key) for row in rows)
    assert world.cloud.writes() == []
    assert world.object(key).finalizers == ()
    for row in rows[1:]:  # what the message says to do
        world.others.networks.update(row["id"], {"description": "a copy"})
    world.clock.advance(60)
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert world.object(key).status["id"] == rows[0]["id"]
    assert len(world.networks()) == 3


def test_a_copy_does_not_take_the_place_of_one_that_somebody_deleted():
    world, key = ready()
    ours = world.object(key).status["id"]
    twin = world.others.networks.create({"name": "front", "description": world.mark(key).text})
    world.others.networks.delete(ours)
    for _ in range(2):
        assert world.reconcile(key).next == Stalled()
        assert world.ready(key) == ("False", "Conflict")
        assert ours in world.message(key)
        assert twin["id"] in world.message(key)
        world.restart()
    assert world.cloud.writes() == []
    world.others.networks.update(twin["id"], {"description": "a copy"})
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert world.object(key).status["id"] not in (ours, twin["id"])
    assert len(world.networks()) == 2


@pytest.mark.parametrize("there", [True, False])
def test_a_deletion_takes_what_status_names_and_no_copy(there):
    world, key = ready()
    ours = world.object(key).status["id"]
    twin = world.others.networks.create({"name": "front", "description": world.mark(key).text})
    if not there:
        world.others.networks.delete(ours)
    world.restart()
    world.delete(key)
    world.settle(key)
    assert world.get(key) is None
    assert [row["id"] for row in world.networks()] == [twin["id"]]
    assert "CopyLeftAlone" in world.told(key)


# What the operator made itself.


def doubled(late, *, restart=False):
    """A network whose create was lost, made again after the grace, and then found to be carried out after all."""
    world = World()
    key = world.apply(network(subnets=[V4], description="d"))
    world.late("POST networks", late, unknown())
    world.reconcile(key)
    if restart:
        world.restart()
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    ours = world.object(key).status["id"]
    assert [row["id"] for row in world.networks()] == [ours]
    world.clock.advance(late)
    (other,) = [row for row in world.networks() if row["id"] != ours]
    world.told(key)
    world.cloud.take()
    return world, key, ours, other


@pytest.mark.parametrize("restart", [False, True])
def test_a_double_of_a_lost_create_goes(restart):
    world, key, ours, other = doubled(GRACE + 30, restart=restart)
    world.settle(key)
    assert [row["id"] for row in world.networks()] == [ours] != [other["id"]]
    assert world.cloud.writes() == ["DELETE networks"]
    assert world.told(key) == ["DoubleDeleted"]
    assert world.ready(key) == ("True", "Available")
    assert world.message(key, "Synced") == ""


@pytest.mark.parametrize("going", [False, True])
def test_a_double_that_came_to_hold_something_stays(going):
    world, key, _ours, other = doubled(GRACE + 30)
    item = {"network_id": other["id"], "name": "theirs", "cidr": "10.9.0.0/24", "ip_version": 4}
    world.others.subnets.create_many([item])
    if going:
        world.delete(key)
    world.settle(key)
    assert other["id"] in {row["id"] for row in world.networks()}
    assert "theirs" in {row["name"] for row in world.others.subnets.list()}
    assert "DoubleKept" in world.told(key)
    assert going or world.ready(key) == ("True", "Available")


def test_a_double_goes_with_its_object():
    world, key, *_ = doubled(GRACE + 30)
    world.delete(key)
    world.settle(key)
    assert world.get(key) is None
    assert world.networks() == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": "renamed"},
        {"description": "other text", "marked": True},
        {"mtu": 1300},
        {"created_at": "2020-01-01T00:00:00Z"},
        {"created_at": "2037-01-01T00:00:00Z"},
        {"created_at": None},
        {"created_at": "long ago"},
    ],
    ids=str,
)
def test_what_does_not_fit_the_lost_create_in_name_body_or_time_is_a_copy(change):
    world = World()
    key = world.apply(network(subnets=[V4], description="d", mtu=1400))
    world.fail("POST networks", unknown())
    world.reconcile(key)
    world.settle(key)
    row = dict(world.network())
    change = dict(change)
    if change.pop("marked", False):
        change["description"] = described(change["description"], world.mark(key))
    twin = {**row, "id": "00000000-0000-4000-8000-000000000000", **change}
    world.fake.tables["networks"][twin["id"]] = twin
    world.cloud.take()
    world.told(key)
    world.settle(key)
    assert world.cloud.writes() == []
    assert world.told(key) == ["CopyLeftAlone"]


def test_a_double_that_changed_hands_meanwhile_is_left():
    world, key, _ours, other = doubled(GRACE + 30)
    theirs = world.mark(key, cluster_id="another").text
    world.meanwhile("GET networks", lambda: world.others.networks.update(other["id"], {"description": theirs}))
    world.settle(key)
    assert len(world.networks()) == 2
    assert world.cloud.writes() == []


def test_two_lost_creates_make_no_conflict():
    """Both are known for the operator's own: the older stays."""
    world = World()
    key = world.apply(network(subnets=[V4]))
    world.late("POST networks", GRACE + 40, unknown())
    world.reconcile(key)
    while len(world.cloud.log) < 1 or str(world.cloud.log[-1]) != "POST networks":
        result = world.reconcile(key)
        world.clock.advance(getattr(result.next, "seconds", 1.0))
        if len(world.networks()) == 1:
            break
    world.clock.advance(GRACE + 60)
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert len(world.networks()) == 1


# Children.


def test_a_copied_subnet_stays_and_keeps_the_network():
    world, key = ready()
    ours = world.subnets()["v4"]
    text = described("lan", world.mark(key, "subnet/v4"))
    item = {"network_id": ours["network_id"], "cidr": "10.200.0.0/24", "ip_version": 4, "name": "theirs"}
    (theirs,) = world.others.subnets.create_many([{**item, "description": text}])
    world.cloud.take()
    for _ in range(2):
        world.settle(key)
        assert world.ready(key) == ("True", "Available")
        assert theirs["id"] in world.message(key, "Synced")
        world.restart()
    world.spec(key, subnets=[V4, subnet("more", "10.3.0.0/24")])
    world.settle(key)
    assert world.cloud.writes() == ["POST subnets"]
    world.spec(key, subnets=[])
    world.settle(key)
    assert set(world.subnets()) == {"theirs"}
    world.delete(key)
    world.reconcile(key)
    assert world.ready(key) == ("False", "InUse")
    assert theirs["id"] in world.message(key)
    assert set(world.subnets()) == {"theirs"}


def test_of_two_subnets_that_nothing_tells_apart_none_is_touched():
    world, key = ready()
    ours = world.subnets()["v4"]
    text = world.mark(key, "subnet/v4").text
    for number in (200, 201):
        cidr = f"10.{number}.0.0/24"
        item = {"network_id": ours["network_id"], "cidr": cidr, "ip_version": 4, "name": f"t{number}"}
        world.others.subnets.create_many([{**item, "description": text}])
    world.others.subnets.delete(ours["id"])
    world.poke(key, lambda body: (body["status"].pop("subnets"), body["status"].pop("appliedFields")))
    world.restart()
    world.cloud.take()
    world.reconcile(key)
    assert world.ready(key) == ("False", "Conflict")
    assert all(row["id"] in world.message(key) for row in world.subnets().values())
    assert world.cloud.writes() == []


def copied_listener(world, **fields):
    row = world.one("listeners")
    twin = {**copy.deepcopy(row), "id": "00000000-0000-4000-8000-000000000000", "protocol_port": 8080, **fields}
    world.fake.tables["listeners"][twin["id"]] = twin
    return twin


def test_a_copied_listener_stays_and_keeps_the_load_balancer():
    world = tree()
    twin = copied_listener(world)
    for _ in range(2):
        world.resync()
        world.run()
        world.all_ready()
        assert world.changes() == []
        assert twin["id"] in world.message(LB, "Synced")
        world.restart()
    world.spec(
        LB, listeners=[listener(port=8080, protocol="TCP")]
    )  # its port is taken: somebody else's, for all that is known
    world.run()
    assert world.ready(LB) == ("False", "Conflict")
    assert twin["id"] in world.message(LB)
    assert world.changes() == []
    world.delete(SITE)
    world.delete(LB)
    world.run(200)
    assert world.ready(LB) == ("False", "InUse")
    assert twin["id"] in world.message(LB)
    assert twin["id"] in world.fake.tables["listeners"]


def test_a_copied_vip_port_is_neither_taken_nor_deleted():
    world = tree(recovery={"policy": "Recreate"})
    port = world.one("load_balancers")["vip_port_id"]
    row = world.fake.tables["ports"][port]
    twin = {**copy.deepcopy(row), "id": "00000000-0000-4000-8000-000000000000", "created_at": "2020-01-01T00:00:00Z"}
    world.fake.tables["ports"][twin["id"]] = twin
    world.restart()
    world.one("load_balancers")["provisioning_status"] = "ERROR"
    world.resync()
    world.run()
    world.all_ready()
    assert world.one("load_balancers")["vip_port_id"] == port
    for key in world.all_keys():
        if key.kind != "InfomaniakNetwork":
            world.delete(key)
    world.run()
    assert world.get(LB) is None
    assert set(world.fake.tables["ports"]) == {twin["id"]}


def test_a_listener_whose_create_was_lost_in_a_replacement_is_found_again():
    world = tree()
    world.fake.fail_next("POST", "listeners", unknown(), after=True)
    world.spec(LB, listeners=[listener(port=81)])
    world.run(5)
    world.restart()
    world.run()
    world.all_ready()
    assert world.one("listeners")["protocol_port"] == 81
    assert "CopyLeftAlone" not in world.told(LB)


@pytest.mark.parametrize(
    ("body", "row", "same"),
    [
        ({"name": "a"}, {"name": "a", "id": "x"}, True),
        ({"name": "a"}, {"name": "b"}, False),
        ({"name": "a", "loadbalancer_id": "l"}, {"name": "a"}, True),
        ({"tags": ["a", "b"]}, {"tags": ["b", "a"]}, True),
        ({"tags": ["a"]}, {"tags": ["b", "a"]}, False),
        ({"tags": ["a"]}, {"tags": None}, False),
        ({"gateway": {"network_id": "n"}}, {"gateway": {"network_id": "n", "enable_snat": True}}, True),
        ({"gateway": {"network_id": "n"}}, {"gateway": None}, False),
        ({"fixed_ips": [{"subnet_id": "s"}]}, {"fixed_ips": [{"subnet_id": "s", "ip_address": "1"}]}, True),
        ({"fixed_ips": [{"subnet_id": "s"}]}, {"fixed_ips": [{"subnet_id": "t"}]}, False),
    ],
)
def test_what_fits(body, row, same):
    assert fits(body, row) is same


def test_a_copied_pool_is_neither_taken_nor_deleted_with_its_load_balancer():
    world = tree()
    row = world.one("pools")
    twin = {**copy.deepcopy(row), "id": "00000000-0000-4000-8000-000000000000", "listeners": []}
    world.fake.tables["pools"][twin["id"]] = twin
    world.spec(SITE, members=[member(12)])
    world.run()
    assert world.changes() == ["PUT members"]
    world.all_ready()
    world.delete(SITE)
    world.delete(LB)
    world.run(300)
    assert world.ready(LB) == ("False", "InUse")
    assert twin["id"] in world.message(LB)
    assert twin["id"] in world.fake.tables["pools"]
