"""A fault that lasts: attempts come ever more rarely, the status stays as it is, and once it is over all goes on."""

import itertools

import pytest

from infomaniak_operator.client.classify import Words, by_status
from infomaniak_operator.controller.interfaces import Key
from tests.support.forest import Forest
from tests.support.objects import custom
from tests.support.trees import CHECK, LB, SITE, balancer, listener, member, monitor, network, pool, tree

NET = Key("InfomaniakNetwork", "shop", "web")
ROUTER = custom("Router", "web", {"interfaces": [{"networkRef": {"name": "web"}, "subnet": "web-v4"}]})


def failing(world, at, status, words="made up"):
    """Have all calls of that name fail until the flag is taken away; counts them."""
    on, count = [True], [0]

    def around(call, act):
        if not on or str(call) != at:
            return act()
        count[0] += 1
        changing = call.verb not in ("GET", "LIST")
        raise by_status(status, Words(None, words), what=at, changing=changing)

    world.cloud.around = around
    return on, count


@pytest.mark.parametrize("status", [404, 429, 500, 503])
def test_members_that_cannot_be_changed_are_tried_ever_more_rarely(status):
    world = tree()
    on, count = failing(world, "PUT members", status)
    writes = dict(world.status_writes)
    world.reconciles.clear()
    world.spec(SITE, members=[member(12)])
    world.run(600)
    assert count[0] <= 12
    assert sum(world.reconciles.values()) <= 40
    assert world.ready(SITE) == ("False", "CloudError")
    assert sum(world.status_writes.values()) - sum(writes.values()) <= 3  # it says so once
    assert world.told(SITE) == ["CloudError"]
    on.clear()
    world.run()
    world.all_ready()
    assert [row["address"] for row in world.table("members")] == ["10.40.0.12"]


@pytest.mark.parametrize(
    "at",
    ["DELETE networks", "DELETE routers", "DELETE floating_ips", "DELETE security_groups", "DELETE load_balancers"],
)
def test_what_is_listed_and_cannot_be_found_for_its_delete_is_no_hot_loop(at):
    address = custom("FloatingIP", "web", {"externalNetwork": {"networkName": "ext-floating1"}})
    group = custom("SecurityGroup", "web", {})
    world = Forest(network(), balancer(), pool(), monitor(), ROUTER, group, address)
    world.run()
    world.all_ready()
    on, count = failing(world, at, 404)
    for key in world.all_keys():
        world.delete(key)
    world.run(300)
    assert 0 < count[0] <= 12
    assert world.all_keys()
    on.clear()
    world.run()
    assert world.all_keys() == []
    assert [row["name"] for row in world.table("networks")] == ["ext-floating1"]


def by_hand(world, name):
    """A port that somebody made on the subnet of that name."""
    (row,) = [each for each in world.table("subnets") if each["name"] == name]
    spot = {"network_id": row["network_id"], "fixed_ips": [{"subnet_id": row["id"]}]}
    return world.others.ports.create(spot)["id"]


def two_subnets():
    world = Forest(network("web", "b"), ROUTER, balancer(), pool())
    world.run()
    world.all_ready()
    return world


def test_a_subnet_that_only_others_use_names_no_bystander_and_goes_soon_after_them():
    world = two_subnets()
    port = by_hand(world, "b")
    world.spec(NET, subnets=network()["spec"]["subnets"])
    world.run(100)
    assert world.ready(NET) == ("False", "InUse")
    assert "LoadBalancer" not in world.message(NET)
    assert "Router" not in world.message(NET)
    world.others.ports.delete(port)
    world.run(300)
    assert world.ready(NET) == ("True", "Available")


def test_a_subnet_that_objects_and_others_use_goes_when_both_are_away():
    world = two_subnets()
    port = by_hand(world, "b")
    router = Key("Router", "shop", "web")
    (other,) = [each["id"] for each in world.table("subnets") if each["name"] == "b"]
    world.spec(router, interfaces=[{"networkRef": {"name": "web"}, "subnet": "web-v4"}, {"subnetID": other}])
    world.run()
    world.spec(NET, subnets=network()["spec"]["subnets"])
    world.run(100)
    assert "used by Router shop/web: " in world.message(NET)
    assert "LoadBalancer" not in world.message(NET)
    world.forget_calls()
    world.run(600)
    assert 0 < world.calls()["DELETE subnets"] <= 10
    world.spec(router, interfaces=ROUTER["spec"]["interfaces"])
    world.run(30)
    assert world.ready(NET) == ("False", "InUse")
    world.others.ports.delete(port)
    world.run(300)
    assert world.ready(NET) == ("True", "Available")


@pytest.mark.parametrize("at", ["POST subnets", "PUT subnets"])
def test_a_conflict_that_is_no_use_names_nobody_and_is_tried_again(at):
    world = two_subnets()
    on, count = failing(world, at, 409, "a race within the service")
    subnets = network("web", "b")["spec"]["subnets"]
    changed = {"POST subnets": [*subnets, {"name": "c", "cidr": "10.49.0.0/24"}]}
    changed["PUT subnets"] = [{**subnets[0], "dnsNameservers": ["192.0.2.1"]}, subnets[1]]
    world.spec(NET, subnets=changed[at])
    world.run(60)
    assert 2 <= count[0] <= 8
    assert "LoadBalancer" not in world.message(NET)
    on.clear()
    world.run(120)
    assert world.ready(NET) == ("True", "Available")


@pytest.mark.parametrize("status", [400, 403, 405, 413])
@pytest.mark.parametrize("at", ["LIST networks", "LIST load_balancers", "LIST pools", "LIST ports"])
def test_who_may_not_look_blames_no_spec_and_goes_on_when_he_may(at, status):
    world = tree()
    on, count = failing(world, at, status, "Policy does not allow this request to be performed.")
    world.resync()
    world.run(600)
    for key in world.all_keys():  # nothing is known to be wrong
        assert world.ready(key) == ("True", "Available")
        assert world.progress(key) == ""
    asked = [key for key in world.all_keys() if world.says(key, "Synced") == ("Unknown", "CloudError")]
    assert asked
    assert all("Policy does not allow" in world.message(key, "Synced") for key in asked)
    world.spec(NET, description="more")
    world.spec(LB, listeners=[])
    world.run(600)
    said = {world.ready(key)[1] for key in world.all_keys()}
    assert "InvalidConfiguration" not in said
    assert not [key for key in world.all_keys() if world.progress(key) == "Stalled"]
    assert count[0] <= 60
    on.clear()
    world.run(330)
    world.all_ready()
    assert world.table("listeners") == []


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("at", ["DELETE networks", "DELETE load_balancers", "DELETE ports"])
def test_a_delete_that_is_refused_blames_no_spec_and_is_tried_again(at, status):
    world = tree()
    on, count = failing(world, at, status, "not now")
    for key in world.all_keys():
        world.delete(key)
    world.run(600)
    assert 2 <= count[0] <= 12
    assert world.all_keys()
    assert not [key for key in world.all_keys() if world.progress(key) == "Stalled"]
    assert "not now" in " ".join(world.message(key) for key in world.all_keys())
    on.clear()
    world.run(330)
    assert world.all_keys() == []


@pytest.mark.parametrize("at", ["PUT load_balancers", "POST listeners"])
def test_a_change_that_is_refused_is_still_the_spec_s_matter(at):
    world = tree()
    failing(world, at, 400, "Invalid input")
    world.spec(LB, description="x", listeners=[listener(), listener("b", 90, pool=None)])
    world.run(600)
    assert world.ready(LB) == ("False", "InvalidConfiguration")
    assert world.progress(LB) == "Stalled"


@pytest.mark.parametrize("status", ["PENDING_UPDATE", "PENDING_DELETE"])
@pytest.mark.parametrize(("collection", "key"), [("pools", SITE), ("health_monitors", CHECK)])
def test_a_part_that_stays_locked_in_a_tree_that_is_not_is_looked_at_ever_more_rarely(collection, key, status):
    world = tree()
    row = world.one(collection)
    row["provisioning_status"] = status
    world.resync()
    world.reconciles.clear()
    world.run(600)
    assert status in world.message(key)
    assert world.ready(key)[0] == "False"
    assert 3 <= world.reconciles[key] <= 30
    row["provisioning_status"] = "ACTIVE"
    world.run(120)
    world.all_ready()


def test_what_cannot_be_changed_in_a_tree_in_error_is_looked_at_ever_more_rarely():
    world = tree()
    world.one("load_balancers")["provisioning_status"] = "ERROR"
    world.spec(SITE, algorithm="LEAST_CONNECTIONS")
    world.spec(CHECK, delay=9)
    world.run(600)
    assert "is in ERROR in the cloud" in world.message(SITE)
    world.forget_calls()
    world.run(600)
    assert sum(world.calls().values()) <= 40
    world.one("load_balancers")["provisioning_status"] = "ACTIVE"
    world.run(330)
    world.all_ready()


@pytest.mark.parametrize("going", [False, True])
def test_what_cannot_be_changed_in_a_pool_in_error_is_tried_ever_more_rarely(going):
    """Octavia refuses it with 409, though nothing is PENDING; a Pool that is to go stays, for its monitor does."""
    world = tree()
    world.one("pools")["provisioning_status"] = "ERROR"
    if going:
        world.delete(SITE)
    world.one("health_monitors")["name"] = "drifted"
    world.resync()
    world.run(600)
    assert "immutable" in world.message(CHECK)
    world.forget_calls()
    world.reconciles.clear()
    world.run(600)
    assert len(world.changes()) <= 4
    assert sum(world.reconciles.values()) <= 30
    world.one("pools")["provisioning_status"] = "ACTIVE"
    world.run(330)
    assert world.ready(CHECK) == ("True", "Available")


@pytest.mark.parametrize("order", list(itertools.permutations((LB, SITE, CHECK))), ids=lambda keys: keys[0].kind)
def test_a_pool_that_is_to_go_and_its_monitor_do_not_wake_each_other_without_end(order):
    """Each attempt at the monitor locks the tree for a moment: the Pool is not to say so instead of why it stays."""
    world = tree()
    world.one("pools")["provisioning_status"] = "ERROR"
    world.delete(SITE)
    world.one("health_monitors")["name"] = "drifted"
    for key in (*order, *order):
        world.reconcile(key)
    world.forget_calls()
    world.run(300)
    assert len(world.changes()) <= 10
    assert world.ready(SITE) == ("False", "InUse")
    world.one("pools")["provisioning_status"] = "ACTIVE"
    world.delete(CHECK)
    world.delete(LB)
    world.run(330)
    assert world.all_keys() == [NET]


def test_what_waits_for_a_tree_in_error_is_woken_when_the_load_balancer_says_that_it_is_well():
    world = tree()
    world.one("load_balancers")["provisioning_status"] = "ERROR"
    world.resync()
    world.run()
    assert world.ready(LB) == ("False", "CloudError")
    world.spec(SITE, algorithm="LEAST_CONNECTIONS")
    world.run(1000)
    assert "is in ERROR in the cloud" in world.message(SITE)
    world.one("load_balancers")["provisioning_status"] = "ACTIVE"
    world.resync()
    world.run(20)
    world.all_ready()


@pytest.mark.parametrize("further", [(pool(), monitor()), (custom("SecurityGroup", "web", {}),)])
def test_how_a_listener_stands_is_what_the_resync_saw(further):
    world = tree(*further, listeners=[listener(pool=None)])
    for status in ("ERROR", "ONLINE", "DEGRADED"):
        world.one("listeners")["operating_status"] = status
        world.clock.advance(600)
        world.resync()
        world.run()
        assert [each["operatingStatus"] for each in world.object(LB).status["listeners"]] == [status]


def test_a_listener_in_error_is_not_ready():
    world = tree()
    (row,) = world.table("listeners")
    row["provisioning_status"] = "ERROR"  # a create that Octavia gave up: the load balancer is ACTIVE
    world.resync()
    world.run()
    assert world.ready(LB) == ("False", "CloudError")
    assert world.progress(LB) == "Stalled"
    assert f"listener {row['id']} is in ERROR in the cloud: change listener http" in world.message(LB)
    assert [each["provisioningStatus"] for each in world.object(LB).status["listeners"]] == ["ERROR"]
    assert world.ready(SITE) == ("True", "Available")
    # All else is done, and what is advised helps.
    world.spec(LB, listeners=[listener(), listener("more", 8080, pool=None)])
    world.run()
    assert {each["name"] for each in world.table("listeners")} == {"http", "more"}
    assert world.ready(LB) == ("False", "CloudError")
    world.spec(LB, listeners=[listener(connectionLimit=9), listener("more", 8080, pool=None)])
    world.run()
    world.all_ready()
