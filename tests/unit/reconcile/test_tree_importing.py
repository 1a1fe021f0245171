"""Load balancers, pools and monitors that others made: read, adopted, given back."""

import pytest

from infomaniak_operator.controller.interfaces import FINALIZER
from infomaniak_operator.reconcile.ownership.marks import Mark, Owner
from tests.support.forest import Forest
from tests.support.objects import key_of, uid_of
from tests.support.trees import CHECK, LB, SITE, balancer, listener, member, monitor, network, pool


def by_hand():
    """A world in which somebody else has made a tree: listener http, pool site with a member, a monitor."""
    world = Forest(network())
    world.run()
    (subnet,) = [row for row in world.table("subnets") if row["name"] == "web-v4"]
    body = {"vip_subnet_id": subnet["id"], "name": "theirs", "description": "by hand", "tags": ["old"]}
    listeners = [{"name": "http", "protocol": "HTTP", "protocol_port": 80, "default_pool": {"name": "site"}}]
    check = {"name": "check", "type": "HTTP", "delay": 7, "timeout": 3, "max_retries": 2}
    members = [{"address": "10.40.0.11", "protocol_port": 8080, "weight": 4}]
    site = {"name": "site", "protocol": "HTTP", "lb_algorithm": "SOURCE_IP", "members": members, "healthmonitor": check}
    world.others.load_balancers.create_tree({**body, "listeners": listeners, "pools": [site]})
    world.clock.advance(5)
    world.forget_calls()
    return world, {name: world.one(name)["id"] for name in ("load_balancers", "listeners", "pools", "health_monitors")}


def imported(ids, **spec):
    """The three objects that stand for it, with nothing managed but what is given."""
    bare = dict.fromkeys(("vip", "listeners", "loadBalancerRef", "poolRef", "protocol", "algorithm", "members"), ...)
    bare |= dict.fromkeys(("type", "delay", "timeout", "maxRetries"), ...)
    bodies = (balancer, pool, monitor)
    names = ("load_balancers", "pools", "health_monitors")
    more = {balancer: spec.pop("balancer", {}), pool: spec.pop("pool", {}), monitor: spec.pop("monitor", {})}
    made = [
        body(import_={"id": ids[name]}, **{**bare, **spec, **more[body]})
        for body, name in zip(bodies, names, strict=True)
    ]
    for each in made:
        each["spec"] = {name: value for name, value in each["spec"].items() if value is not ...}
    return made


def calm(world):
    world.all_ready()
    world.clock.advance(600)
    world.forget_calls()
    world.resync()
    world.run()
    assert world.changes() == []


def test_unmanaged_ones_only_read():
    world, ids = by_hand()
    before = world.picture()
    world.apply_all(imported(ids, managementPolicy="Unmanaged"))
    world.run()
    calm(world)
    assert world.picture() == before
    for key, name in ((LB, "load_balancers"), (SITE, "pools"), (CHECK, "health_monitors")):
        assert world.object(key).status["id"] == ids[name]
        assert FINALIZER not in world.object(key).finalizers
    assert world.object(LB).status["listeners"][0]["name"] == "http"
    assert world.object(SITE).status["members"][0]["address"] == "10.40.0.11"
    for key in (LB, SITE, CHECK):
        world.delete(key)
    world.run()
    assert world.picture() == before


@pytest.mark.parametrize("wanted", [{"name": "theirs"}, {"vipAddress": None}])
def test_by_a_filter(wanted):
    world, ids = by_hand()
    wanted = {name: value or world.one("load_balancers")["vip_address"] for name, value in wanted.items()}
    body = imported(ids, managementPolicy="Unmanaged")[0]
    body["spec"]["import"] = {"filter": wanted}
    world.apply(body)
    world.run()
    assert world.object(LB).status["id"] == ids["load_balancers"]


def test_by_an_address_in_another_spelling():
    world, ids = by_hand()
    world.one("load_balancers")["vip_address"] = "2001:db8::9"
    body = imported(ids, managementPolicy="Unmanaged")[0]
    body["spec"]["import"] = {"filter": {"vipAddress": "2001:DB8:0::9"}}
    world.apply(body)
    world.run()
    assert world.object(LB).status["id"] == ids["load_balancers"]


def test_adoption_sets_the_marks_and_leaves_the_rest():
    world, ids = by_hand()
    world.apply_all(imported(ids))
    world.run()
    calm(world)
    assert Mark.among(world.one("load_balancers")["tags"]) == world.mark(LB)
    assert Mark.among(world.one("pools")["tags"]) == world.mark(SITE)
    assert Mark.among(world.one("health_monitors")["tags"]) == world.mark(CHECK)
    row = world.one("load_balancers")
    assert (row["name"], row["description"], "old" in row["tags"]) == ("theirs", "by hand", True)
    assert Mark.among(world.one("listeners")["tags"]) is None
    assert world.one("members")["weight"] == 4
    assert world.refused == []


def test_adoption_shows_first_what_it_changes():
    world, ids = by_hand()
    more = {"pool": {"algorithm": "ROUND_ROBIN", "members": [member(12)]}, "monitor": {"delay": 9}}
    world.apply_all(imported(ids, balancer={"listeners": [listener(pool=None, connectionLimit=3)]}, **more))
    world.run()
    calm(world)
    assert world.one("listeners")["id"] == ids["listeners"]
    assert world.one("listeners")["connection_limit"] == 3
    assert Mark.among(world.one("listeners")["tags"]) == world.mark(LB, "listener/http")
    assert world.one("pools")["lb_algorithm"] == "ROUND_ROBIN"
    assert world.one("members")["address"] == "10.40.0.12"
    assert world.one("health_monitors")["delay"] == 9
    for key in (LB, SITE, CHECK):
        assert "Adopting" in world.told(key)


@pytest.mark.parametrize(
    ("which", "spec", "key"),
    [
        ("pool", {"protocol": "PROXY"}, SITE),
        ("monitor", {"type": "TCP"}, CHECK),
        ("balancer", {"vip": {"networkRef": {"name": "web"}, "address": "10.40.0.200"}}, LB),
        ("balancer", {"provider": "other"}, LB),
    ],
)
def test_what_cannot_be_changed_is_a_conflict(which, spec, key):
    world, ids = by_hand()
    world.apply_all(imported(ids, **{which: spec}))
    world.run(100)
    assert world.ready(key) == ("False", "Conflict"), world.standing()
    assert world.progress(key) == "Stalled"
    assert Mark.among(world.one({LB: "load_balancers", SITE: "pools", CHECK: "health_monitors"}[key])["tags"]) is None


def test_adopted_ones_are_deleted_with_all_that_is_adopted():
    world, ids = by_hand()
    parts = {"balancer": {"listeners": [listener(pool=None)]}, "pool": {"members": [member(11)]}}
    world.apply_all(imported(ids, **parts))
    world.run()
    calm(world)
    for key in (LB, SITE, CHECK):
        world.delete(key)
    world.run()
    assert world.all_keys() == [key_of(network())]
    for name in ("load_balancers", "listeners", "pools", "health_monitors", "ports"):
        assert world.table(name) == [], name


def test_an_adopted_load_balancer_with_parts_that_are_not_is_not_deleted():
    world, ids = by_hand()
    world.apply(imported(ids)[0])
    world.run()
    calm(world)
    world.delete(LB)
    world.run(60)
    assert world.ready(LB) == ("False", "InUse")
    assert ids["pools"] in world.message(LB)
    assert ids["listeners"] in world.message(LB)
    world.spec(LB, deletionPolicy="Retain")
    world.run()
    assert world.get(LB) is None
    assert Mark.among(world.one("load_balancers")["tags"]).released


def test_an_adopted_pool_with_members_that_are_not_is_not_deleted():
    world, ids = by_hand()
    world.apply_all(imported(ids, balancer={"listeners": [listener(pool=None)]}))
    world.run()
    calm(world)
    for key in (LB, SITE, CHECK):
        world.delete(key)
    world.run(60)
    assert world.ready(LB) == ("False", "InUse")
    assert "10.40.0.11 8080" in world.message(LB)
    assert world.one("members")["weight"] == 4


@pytest.mark.parametrize(("place", "key"), [(0, LB), (1, SITE), (2, CHECK)])
def test_one_of_another_owner_is_left_alone(place, key):
    world, ids = by_hand()
    name = ("load_balancers", "pools", "health_monitors")[place]
    foreign = Owner("another", key.kind, key.namespace, key.name, uid_of(key.kind, key.namespace, key.name)).mark()
    world.fake.tables[name][ids[name]]["tags"] = [foreign.text]
    world.apply(imported(ids)[place])
    world.run(100)
    assert world.ready(key) == ("False", "Conflict")
    world.delete(key)
    world.run(100)
    assert world.get(key) is None
    assert world.one(name)["tags"] == [foreign.text]


def test_given_back_and_taken_again():
    world = Forest(network(), balancer(), pool(), monitor())
    world.run()
    ids = {key: world.object(key).status["id"] for key in (LB, SITE, CHECK)}
    for key in (LB, SITE, CHECK):
        world.spec(key, managementPolicy="Unmanaged", **{"import": {"id": ids[key]}})
    world.run()
    world.all_ready()
    for name in ("load_balancers", "listeners", "pools", "health_monitors"):
        assert Mark.among(world.one(name)["tags"]).released, name
    for key in (LB, SITE, CHECK):
        assert FINALIZER not in world.object(key).finalizers
        world.spec(key, managementPolicy="Managed")
    world.run()
    calm(world)
    for key, name in ((LB, "load_balancers"), (SITE, "pools"), (CHECK, "health_monitors")):
        assert Mark.among(world.one(name)["tags"]) == world.mark(key)
        assert world.object(key).status["id"] == ids[key]


def test_a_pool_of_ours_in_a_load_balancer_of_others():
    world, ids = by_hand()
    lb, *_ = imported(ids, managementPolicy="Unmanaged")
    world.apply_all([lb, pool("mine", members=[member(33)])])
    world.run()
    calm(world)
    assert {row["name"] for row in world.table("pools")} == {"site", "mine"}
    world.delete(key_of(pool("mine")))
    world.run()
    assert {row["name"] for row in world.table("pools")} == {"site"}
    assert world.refused == []


def test_restored_objects_take_over_what_was_made_for_their_namesakes():
    world = Forest(network(), balancer(), pool(), monitor(), restore=True)
    world.run()
    before = {
        name: world.one(name)["id"] for name in ("load_balancers", "listeners", "pools", "health_monitors", "ports")
    }
    for body in (balancer, pool, monitor):
        key = key_of(body())
        world.poke(key, lambda body: body["metadata"].update(finalizers=[]))
        world.delete(key)
        world.apply(body(life=2))
    world.restart()
    world.run()
    calm(world)
    assert {name: world.one(name)["id"] for name in before} == before
    assert Mark.among(world.one("listeners")["tags"]) == world.mark(LB, "listener/http")
    assert world.refused == []


# An import is never deleted to be made again, nor changed before it was shown.


def errors(world, ids):
    world.fake.tables["load_balancers"][ids["load_balancers"]]["provisioning_status"] = "ERROR"


@pytest.mark.parametrize("adopted", [False, True])
@pytest.mark.parametrize("left_out", [False, True])
def test_a_load_balancer_that_was_imported_is_not_recovered(adopted, left_out):
    """The spec does not hold all that is in it, and the address of its VIP would be lost."""
    world, ids = by_hand()
    body = imported(ids, balancer={"recovery": {"policy": "Recreate"}})[0]
    if not adopted:
        errors(world, ids)
    world.apply(body)
    world.run()
    if adopted:
        assert world.ready(LB) == ("True", "Available")
        if left_out:  # `import` may be left out once status has the id
            world.spec(LB, **{"import": ...})
            world.run()
        errors(world, ids)
    before = world.picture()
    world.forget_calls()
    for _ in range(3):
        world.resync()
        world.run(1200)
        world.restart()
    assert world.changes() == []
    assert world.picture() == before
    assert world.ready(LB) == ("False", "CloudError")
    assert world.progress(LB) == "Stalled"
    for word in (ids["load_balancers"], "ERROR", "does not apply"):
        assert word in world.message(LB)
    world.fake.tables["load_balancers"][ids["load_balancers"]]["provisioning_status"] = "ACTIVE"
    world.resync()
    world.run()
    assert world.ready(LB) == ("True", "Available")


def test_an_imported_listener_is_not_replaced_by_one_on_another_port():
    world, ids = by_hand()
    before = world.picture()
    body = imported(ids, balancer={"listeners": [listener(port=81, pool=None)]})[0]
    world.apply(body)
    world.run()
    world.resync()
    world.run()
    assert world.ready(LB) == ("False", "Conflict")
    assert ids["listeners"] in world.message(LB)
    assert world.picture() == before
    assert world.finalizers_added.get(LB) is None


@pytest.mark.parametrize(
    ("key", "name", "fields"), [(SITE, "pools", {"protocol": "PROXY"}), (CHECK, "health_monitors", {"type": "TCP"})]
)
def test_what_was_imported_is_never_replaced(key, name, fields):
    """What is not in the spec (members, say) would be lost: it is not there in the one that comes instead."""
    world, ids = by_hand()
    world.apply_all(imported(ids, pool={"description": "ours"}))
    world.run()
    world.all_ready()
    before = world.picture()
    world.forget_calls()
    world.spec(key, **fields)
    world.run()
    world.resync()
    world.run()
    assert world.changes() == []
    assert world.picture() == before
    assert world.ready(key) == ("False", "Conflict")
    assert "imported" in world.message(key)
    assert world.object(key).status["id"] == ids[name]
    world.spec(key, **dict.fromkeys(fields, ...))
    world.run()
    world.all_ready()


def test_a_listener_that_is_adopted_later_is_shown_first_too():
    world, ids = by_hand()
    world.apply(imported(ids)[0])
    world.run()
    world.all_ready()
    world.told(LB)
    world.forget_calls()
    world.spec(LB, listeners=[listener(pool=None, connectionLimit=7)])
    world.settles = None
    world.some(1)
    assert world.changes() == []
    assert "connectionLimit" in world.message(LB, "Synced")
    assert "Adopting" in world.told(LB)
    world.settles = 1.0
    world.run()
    world.all_ready()
    assert world.one("listeners")["connection_limit"] == 7
    assert world.one("listeners")["id"] == ids["listeners"]
