"""What must stand in status before a call is made, for whoever comes after a crash to know it."""

import pytest

from infomaniak_operator.client import BadRequestError, Category, CloudTimeoutError
from infomaniak_operator.reconcile.ownership.marks import Mark
from tests.support import intent
from tests.support.objects import custom, network, subnet
from tests.support.points import let_go
from tests.support.process import Killed
from tests.support.trees import CHECK, LB, SITE, calm, listener, pool, tree
from tests.support.world import GRACE, REGION, World

LATE = 15.0


def dies_at(world, at, *, how, nth=1):
    """The process dies at the nth call of that name: the call is not made, is carried out, or is so much later."""
    left = [nth]

    def around(call, act):
        if str(call) != at or not left[0]:
            return act()
        left[0] -= 1
        if left[0]:
            return act()
        if how == "after":
            act()
        if how == "late":
            world.finish_later(LATE, act)
        raise Killed

    world.cloud.around = around


def comes_back(world):
    let_go(world)
    world.restart()


# No create while status shows the id of a former object.


@pytest.mark.parametrize("touched", [False, True])
@pytest.mark.parametrize("how", ["before", "after", "late"])
def test_a_pool_that_is_replaced_is_deleted_while_the_new_one_is_on_its_way(touched, how):
    world = tree(listeners=[listener(protocol="TCP")])
    intent.watch(world)
    touches = [1] if touched else []

    def around(call, act):
        if str(call) == "PUT pools" and touches:
            touches.clear()
            world.annotate(SITE, reconcile_at="now")  # the status write that follows is answered by 409
        if str(call) != "POST pools":
            return act()
        if how == "after":
            act()
        if how == "late":
            world.finish_later(LATE, act)
        raise Killed

    world.cloud.around = around
    world.spec(SITE, protocol="TCP")
    with pytest.raises(Killed):
        world.run()
    world.spec(LB, listeners=[listener(protocol="TCP", pool=None)])
    for key in (CHECK, SITE):
        world.delete(key)
    comes_back(world)
    world.run()
    world.clock.advance(GRACE)
    assert world.table("pools") == []
    world.delete(LB)
    world.run()
    assert world.table("load_balancers") == world.table("ports") == []


@pytest.mark.parametrize("how", ["before", "after", "late"])
def test_a_load_balancer_whose_port_is_gone_too_is_deleted_while_a_new_port_is_on_its_way(how):
    world = tree()
    intent.watch(world)
    world.others.load_balancers.delete(world.one("load_balancers")["id"], cascade=True)
    world.clock.advance(5)
    (port,) = [row for row in world.table("ports") if row["name"] == "web-vip"]
    world.others.ports.delete(port["id"])
    world.restart()
    world.resync()
    dies_at(world, "POST ports", how=how)
    with pytest.raises(Killed):
        world.run()
    for key in (LB, SITE, CHECK):
        world.delete(key)
    comes_back(world)
    world.run()
    world.clock.advance(GRACE)
    assert world.all_keys() == [
        network_key for network_key in world.all_keys() if network_key.kind == "InfomaniakNetwork"
    ]
    assert world.table("ports") == world.table("load_balancers") == []


# What is counted.


def test_a_recovery_counts_though_the_operator_dies_of_it():
    world = tree(recovery={"policy": "Recreate", "maxAttempts": 2, "backoffSeconds": 10})
    world.one("load_balancers")["provisioning_status"] = "ERROR"
    deletes = []

    def around(call, act):
        if str(call) == "DELETE load_balancers":
            deletes.append(call)
            act()
            raise Killed
        made = act()
        if str(call) == "POST load_balancers":
            world.fake.tables["load_balancers"][made["id"]]["provisioning_status"] = "ERROR"
        return made

    world.cloud.around = around
    for _ in range(6):
        try:
            world.clock.advance(60)
            world.resync()
            world.run(60)
        except Killed:
            world.restart()
    assert len(deletes) == 2
    assert world.progress(LB) == "Stalled"
    assert "2 times" in world.message(LB)


def test_a_recovery_that_is_refused_does_not_count():
    world = tree(recovery={"policy": "Recreate", "maxAttempts": 1})
    world.one("load_balancers")["provisioning_status"] = "ERROR"
    world.fail("DELETE load_balancers", BadRequestError("no", status=400, category=Category.TERMINAL))
    world.clock.advance(60)
    world.resync()
    world.run()
    assert not world.object(LB).status.get("recoveryAttempts")
    let_go(world)
    world.resync()
    world.run()
    calm(world)


# Given up, and taken back.


@pytest.mark.parametrize("how", ["before", "after"])
def test_one_that_was_given_up_is_adopted_anew_though_the_operator_died_in_between(how):
    world = World()
    key = world.apply(network(description="text", tags=["blue"], subnets=[subnet()]))
    world.settle(key)
    id_ = world.object(key).status["id"]
    world.spec(key, managementPolicy="Unmanaged", description=..., tags=..., **{"import": {"id": id_}})
    puts = []

    def around(call, act):
        if str(call) != "PUT networks":
            return act()
        puts.append(call)
        if how == "after":
            act()
        raise Killed

    world.cloud.around = around
    with pytest.raises(Killed):
        world.settle(key)
    assert puts
    comes_back(world)
    world.spec(key, managementPolicy="Managed")
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    row = world.network()
    assert row["tags"] == ["blue"]
    assert row["description"].startswith("text ")


@pytest.mark.parametrize("at", ["PUT networks", "PUT subnets"])
def test_what_is_given_up_while_its_adoption_is_on_its_way_carries_no_mark_in_the_end(at):
    """The operator dies, the user takes the adoption back, and only then the mark arrives: nobody would take it off."""
    world = World()
    row = world.others.networks.create({"name": "theirs"})
    cidr = {"network_id": row["id"], "name": "v4", "cidr": "10.1.0.0/24", "ip_version": 4}
    under = world.others.subnets.create(cidr)
    key = world.apply(network(import_={"id": row["id"]}, managementPolicy="Unmanaged"))
    world.settle(key)
    world.spec(key, managementPolicy="Managed", description="ours", subnets=[subnet(enableDHCP=False)])
    dies_at(world, at, how="late")
    with pytest.raises(Killed):
        world.settle(key)
    comes_back(world)
    world.spec(key, managementPolicy="Unmanaged", description=..., subnets=...)
    world.settle(key)
    world.clock.advance(GRACE)
    world.settle(key)
    rows = world.fake.tables["networks"][row["id"]], world.fake.tables["subnets"][under["id"]]
    marks = [Mark.parse(each["description"]) for each in rows]
    assert [mark for mark in marks if mark and not mark.released] == []
    assert world.object(key).finalizers == ()
    assert world.ready(key) == ("True", "Available")


@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.parametrize("how", ["before", "after", "late"])
def test_one_that_is_deleted_before_it_is_given_up_leaves_no_mark(seen, how):
    """Chaos: the user takes an adoption back, and deletes the object while the operator still waits for a change."""
    world = World()
    row = world.others.networks.create({"name": "theirs"})
    key = world.apply(network(import_={"id": row["id"]}, description="ours"))
    dies_at(world, "PUT networks", how=how)
    with pytest.raises(Killed):
        world.settle(key)
    comes_back(world)
    world.spec(key, managementPolicy="Unmanaged", description=...)
    if seen:
        world.reconcile(key)
    world.delete(key)
    world.settle(key)
    world.clock.advance(GRACE)
    assert world.get(key) is None
    mark = Mark.parse(world.network()["description"])
    assert mark is None or mark.released
    assert not [call for call in world.cloud.writes() if call.startswith("DELETE")]


@pytest.mark.parametrize("seen", [False, True])
def test_a_tree_that_is_deleted_before_it_is_given_up_leaves_no_mark(seen):
    world = tree()
    id_ = world.one("load_balancers")["id"]
    world.restart()
    world.spec(LB, managementPolicy="Unmanaged", vip=..., listeners=..., **{"import": {"id": id_}})
    if seen:
        world.reconcile(LB)
    world.delete(LB)
    world.run()
    world.clock.advance(GRACE)
    assert world.get(LB) is None
    rows = [row for name in ("load_balancers", "listeners") for row in world.table(name)]
    assert rows
    assert [mark for mark in (Mark.among(row["tags"]) for row in rows) if mark and not mark.released] == []


def test_an_unmanaged_one_that_never_managed_anything_goes_without_a_look_at_the_cloud():
    world = World()
    row = world.others.networks.create({"name": "theirs"})
    key = world.apply(network(import_={"id": row["id"]}, managementPolicy="Unmanaged"))
    world.settle(key)
    world.cloud.take()
    world.delete(key)
    assert world.get(key) is None
    assert world.cloud.take() == []


def test_a_subnet_that_is_on_its_way_when_its_network_is_retained_carries_no_mark_in_the_end():
    world = World()
    key = world.apply(network(deletionPolicy="Retain", subnets=[subnet()]))
    dies_at(world, "POST subnets", how="late")
    with pytest.raises(Killed):
        world.settle(key)
    world.delete(key)
    comes_back(world)
    world.settle(key)
    world.clock.advance(GRACE)
    assert world.get(key) is None
    marks = [Mark.parse(each["description"]) for each in (world.network(), world.subnets()["v4"])]
    assert [mark.released for mark in marks if mark] == [True, True]


def test_a_listener_that_is_on_its_way_when_its_tree_is_retained_carries_no_mark_in_the_end():
    world = tree(pool(deletionPolicy="Retain"), deletionPolicy="Retain")
    dies_at(world, "POST listeners", how="late")
    world.spec(LB, listeners=[listener(), listener("more", 81)])
    with pytest.raises(Killed):
        world.run()
    for key in (LB, SITE):
        world.delete(key)
    comes_back(world)
    world.run()
    world.clock.advance(GRACE)
    assert [each.kind for each in world.all_keys()] == ["InfomaniakNetwork"]
    assert len(world.table("listeners")) == 2
    rows = [row for name in ("load_balancers", "listeners", "pools") for row in world.table(name)]
    assert [Mark.among(row["tags"]).released for row in rows] == [True] * 4


def test_long_after_the_start_nothing_is_waited_for():
    world = World()
    row = world.others.networks.create({"name": "theirs"})
    key = world.apply(network(import_={"id": row["id"]}))
    world.settle(key)
    world.spec(key, managementPolicy="Unmanaged")
    before = world.clock.monotonic()
    world.settle(key)
    assert world.object(key).finalizers == ()
    assert world.clock.monotonic() - before < 5


# Where it is.


def test_a_crash_at_the_create_does_not_let_another_project_think_that_nothing_is_there():
    world = World()
    key = world.apply(network())
    dies_at(world, "POST networks", how="late")
    with pytest.raises(Killed):
        world.settle(key)
    comes_back(world)
    world.project = ("another", REGION)
    world.settle(key)
    assert world.ready(key) == ("False", "Conflict")
    assert "alpha" in world.message(key)
    world.project = ("alpha", REGION)
    world.restart()
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert len(world.networks()) == 1


def test_a_create_that_is_refused_over_and_over_writes_status_no_more():
    world = World()
    key = world.apply(network(mtu=1400))
    world.fail("POST networks", BadRequestError("no", status=400, category=Category.TERMINAL), times=9)
    world.reconcile(key)
    world.reconcile(key)
    written = world.status_writes[key]
    for _ in range(4):
        world.clock.advance(60)
        world.reconcile(key)
    assert world.status_writes[key] == written
    assert "projectID" not in world.object(key).status


# How often it is written.


def test_only_what_was_not_set_before_is_written_ahead():
    world = World()
    key = world.apply(network(mtu=1400, description="one", subnets=[subnet()]))
    world.settle(key)
    assert world.records[key] == 1
    for fields, more in (
        ({"mtu": 1420}, 0),
        ({"description": "two"}, 0),
        ({"portSecurityEnabled": False}, 1),
        ({"portSecurityEnabled": True}, 0),
        ({"portSecurityEnabled": ...}, 0),
        ({"tags": ["blue"], "dnsDomain": "example.org."}, 1),
    ):
        before = world.records[key]
        world.spec(key, **fields)
        world.settle(key)
        assert world.ready(key) == ("True", "Available")
        assert world.records[key] - before == more, fields
    written = world.status_writes[key]
    world.reconcile(key)
    world.restart()
    world.reconcile(key)
    assert world.status_writes[key] == written


def test_what_cannot_be_written_is_not_done():
    world = World()
    key = world.apply(network(mtu=1400))

    def refuse(what, act):
        if what == "record":
            raise RuntimeError("the API server is away")
        return act()

    world.on_kube = refuse
    with pytest.raises(RuntimeError):
        world.reconcile(key)
    assert world.cloud.writes() == []
    world.on_kube = lambda _, act: act()
    world.settle(key)
    world.on_kube = refuse
    world.spec(key, portSecurityEnabled=False)
    world.cloud.take()
    with pytest.raises(RuntimeError):
        world.reconcile(key)
    assert world.cloud.writes() == []


# What others have made.


def test_subnets_of_others_are_not_ours_because_the_spec_was_about_to_list_some():
    """Status shows all subnets of an imported network, until the spec lists some: from then on only our own."""
    world = World()
    row = world.others.networks.create({"name": "theirs"})
    cidr = {"network_id": row["id"], "name": "theirs", "cidr": "10.9.0.0/24", "ip_version": 4}
    world.others.subnets.create(cidr)
    key = world.apply(network(import_={"id": row["id"]}))
    world.settle(key)
    assert [item["name"] for item in world.object(key).status["subnets"]] == ["theirs"]
    world.spec(key, subnets=[subnet()])
    for how in ("before", "after"):
        dies_at(world, "POST subnets", how=how)
        with pytest.raises(Killed):
            world.settle(key)
        comes_back(world)
    world.spec(key, subnets=...)
    for _ in range(3):
        world.settle(key)
        world.clock.advance(GRACE)
    assert sorted(world.subnets()) == ["theirs"]
    assert [item["name"] for item in world.object(key).status["subnets"]] == ["theirs"]


def test_an_unanswered_change_is_looked_for_once_more_when_it_must_have_arrived():
    world = World()
    rule = {"direction": "ingress", "etherType": "IPv4", "protocol": "tcp", "portRange": {"min": 22, "max": 22}}
    key = world.apply(custom("SecurityGroup", "ssh", {}))
    world.settle(key)
    world.spec(key, rules=[rule])
    lost = CloudTimeoutError("no answer", category=Category.TRANSIENT, outcome_unknown=True)
    world.late("POST security_group_rules", LATE, lost)
    world.reconcile(key)
    world.spec(key, rules=...)
    let_go(world)
    world.settle(key)
    (row,) = [each for each in world.fake.tables["security_groups"].values() if each["name"] == "ssh"]
    there = [
        each for each in world.fake.tables["security_group_rules"].values() if each["security_group_id"] == row["id"]
    ]
    assert sorted(each["direction"] for each in there) == ["egress", "egress"]
    assert world.says(key, "Synced") == ("True", "Available")
