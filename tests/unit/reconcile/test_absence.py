"""A list that lacks what status names is no absence: that is asked for by id, and only 404 says that it is gone."""

import copy

import pytest

from infomaniak_operator.client import Category, CloudTimeoutError
from tests.support import intent, objects
from tests.support.forest import Forest
from tests.support.objects import custom, key_of, subnet
from tests.support.points import let_go
from tests.support.process import Killed
from tests.support.trees import CHECK, LB, SITE, balancer, calm, listener, member, monitor, network, pool, tree
from tests.support.world import GRACE

HTTPS = {"host": "www.example.org"}
NETWORK = key_of(objects.network())
TRANSIENT = Category.TRANSIENT
ROUTER = {"externalGateway": {"networkName": "ext-floating1"}}
ROUTER["interfaces"] = [{"networkRef": {"name": "web"}, "subnet": "web-v4"}]
RULE = {"direction": "ingress", "etherType": "IPv4", "protocol": "tcp", "portRange": {"min": 22, "max": 22}}


def leaves_out(world, collection, *ids):
    """Every list of the collection lacks these rows; what is asked for by id is there."""

    def around(call, act):
        found = act()
        return [row for row in found if row["id"] not in ids] if str(call) == f"LIST {collection}" else found

    world.cloud.around = around


def office():
    """One of everything that status names, and of what stands in a list of the spec."""
    world = Forest(
        network(),
        custom("Router", "edge", ROUTER),
        custom("SecurityGroup", "ssh", {"rules": [RULE]}),
        custom("FloatingIP", "public", {"externalNetwork": {"networkName": "ext-floating1"}}),
        balancer(listeners=[listener(redirectToHTTPS=HTTPS)]),
        pool(members=[member(11), member(12)]),
        monitor(),
    )
    world.run()
    world.all_ready()
    world.clock.advance(600)
    world.forget_calls()
    return world


def names(status):
    """All that a status says but for what is of the moment."""
    return {name: value for name, value in status.items() if name not in ("conditions", "inputsHash")}


EVERYTHING = ["networks", "subnets", "routers", "security_groups", "floating_ips", "ports", "load_balancers"]
EVERYTHING += ["listeners", "pools", "members", "health_monitors", "l7_policies"]
TABLE = {"l7_policies": "l7policies"}


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("collection", EVERYTHING)
def test_nothing_is_made_again_for_a_list_that_lacks_it(collection, restart):
    world = office()
    rows = [
        row for row in world.table(TABLE.get(collection, collection)) if collection == "members" or "[ik2." in str(row)
    ]
    assert rows
    shown = {key: names(world.object(key).status) for key in world.all_keys()}
    for row in rows:
        if restart:
            world.restart()
        leaves_out(world, collection, row["id"])
        for _ in range(2):
            world.clock.advance(600)
            world.resync()
            world.run()
            assert world.changes() == []
            world.all_ready()
    assert {key: names(world.object(key).status) for key in world.all_keys()} == shown
    assert {key: world.told(key) for key in shown if "CopyLeftAlone" in world.told(key)} == {}


def interfaces(world):
    return [row["id"] for row in world.table("ports") if "interface" in row["device_owner"]]


@pytest.mark.parametrize("nowhere", [False, True])
def test_an_interface_that_no_list_shows_is_not_doubled(nowhere):
    """It has no id of its own; Neutron takes a subnet once for each router, and says so."""
    world = office()
    there = interfaces(world)
    lists = []

    def around(call, act):
        found = act()
        if str(call) == "LIST ports" and (nowhere or "device_id" not in call.kwargs):
            lists.append(call)
            return [row for row in found if row["id"] not in there]
        return found

    world.cloud.around = around
    for _ in range(2):
        world.clock.advance(600)
        world.resync()
        world.run()
        world.all_ready()
    assert lists
    assert interfaces(world) == there
    assert all(str(call).endswith("routers") for call in world.cloud.log if call.writing)


def test_a_rule_that_its_group_does_not_show_is_not_doubled():
    world = office()
    there = {row["id"] for row in world.table("security_group_rules")}

    def around(call, act):
        found = act()
        if str(call) == "LIST security_groups":
            return [{**row, "security_group_rules": row["security_group_rules"][:-1]} for row in found]
        return found

    world.cloud.around = around
    for _ in range(2):
        world.clock.advance(600)
        world.resync()
        world.run()
        world.all_ready()
    assert {row["id"] for row in world.table("security_group_rules")} == there
    assert world.calls()["POST security_group_rules"] <= 2


def test_rules_that_are_missing_come_though_the_group_does_not_show_all_of_its_own():
    world = office()
    key = key_of(custom("SecurityGroup", "ssh", {}))

    def around(call, act):
        found = act()
        if str(call) == "LIST security_groups":
            return [{**row, "security_group_rules": row["security_group_rules"][:-1]} for row in found]
        return found

    world.cloud.around = around
    world.spec(key, rules=[RULE, {**RULE, "portRange": {"min": 80}}])
    world.run(60)
    world.all_ready()
    ports = [row["port_range_min"] for row in world.table("security_group_rules") if row["direction"] == "ingress"]
    assert sorted(port for port in ports if port) == [22, 80]


@pytest.mark.parametrize("restart", [False, True])
def test_a_redirect_that_is_shown_without_its_rule_does_not_get_a_second(restart):
    world = office()
    if restart:
        world.restart()

    def around(call, act):
        found = act()
        return [{**row, "rules": []} for row in found] if str(call) == "LIST l7_policies" else found

    world.cloud.around = around
    for _ in range(2):
        world.clock.advance(600)
        world.resync()
        world.run()
        world.all_ready()
    assert world.changes() == []
    assert len(world.table("l7rules")) == 1


def test_the_vip_s_port_is_used_again_though_no_list_shows_it():
    world = tree()
    port = world.one("load_balancers")["vip_port_id"]
    world.others.load_balancers.delete(world.one("load_balancers")["id"], cascade=True)
    world.clock.advance(5)
    leaves_out(world, "ports", port)
    world.restart()
    world.resync()
    world.run()
    world.all_ready()
    assert "POST ports" not in world.changes()
    assert world.one("load_balancers")["vip_port_id"] == port


# What is to go goes, though no list shows it.


def test_a_subnet_that_leaves_the_spec_is_deleted_though_no_list_shows_it():
    world = Forest(objects.network(subnets=[subnet(), subnet("v6", "fd00:1::/64")]))
    world.run()
    (gone,) = [row["id"] for row in world.table("subnets") if row["name"] == "v6"]
    leaves_out(world, "subnets", gone)
    world.spec(NETWORK, subnets=[subnet()])
    world.run()
    let_go(world)
    world.all_ready()
    assert [row["name"] for row in world.table("subnets") if row["name"]] == ["v4"]


def test_a_listener_that_leaves_the_spec_is_deleted_though_no_list_shows_it():
    world = tree(pool(), listeners=[listener(), listener("more", 81, pool=None)])
    (gone,) = [row["id"] for row in world.table("listeners") if row["name"] == "more"]
    leaves_out(world, "listeners", gone)
    world.spec(LB, listeners=[listener()])
    world.run()
    let_go(world)
    assert [row["name"] for row in world.table("listeners")] == ["http"]
    calm(world)


def test_a_redirect_that_leaves_the_spec_is_deleted_though_no_list_shows_it():
    world = tree(pool(), listeners=[listener(redirectToHTTPS=HTTPS)])
    leaves_out(world, "l7_policies", world.one("l7policies")["id"])
    world.spec(LB, listeners=[listener()])
    world.run()
    let_go(world)
    assert world.table("l7policies") == []
    calm(world)


@pytest.mark.parametrize("restart", [False, True])
def test_the_vip_s_port_goes_with_its_load_balancer_though_no_list_shows_it(restart):
    world = tree()
    leaves_out(world, "ports", world.one("load_balancers")["vip_port_id"])
    if restart:
        world.restart()
    for key in (LB, SITE, CHECK):
        world.delete(key)
    world.run()
    assert world.get(LB) is None
    assert world.table("ports") == []


@pytest.mark.parametrize("collection", ["subnets", "listeners", "l7_policies", "ports"])
def test_a_mark_is_released_though_no_list_shows_what_carries_it(collection):
    world = office()
    table = world.fake.tables[TABLE.get(collection, collection)]
    (row,) = [each for each in table.values() if "[ik2." in str(each)]
    before = str(row["tags"] if "provisioning_status" in row else row["description"])
    for key in world.all_keys():
        world.spec(key, deletionPolicy="Retain")
    world.run()
    leaves_out(world, collection, row["id"])
    for key in world.all_keys():
        world.delete(key)
    world.run()
    now = table[row["id"]]
    assert str(now["tags"] if "provisioning_status" in now else now["description"]) != before


# What guards a delete is asked for by id, too.


def test_a_recovery_sees_a_port_of_others_that_no_list_shows():
    world = tree(recovery={"policy": "Recreate"})
    row = world.one("load_balancers")
    port = world.fake.tables["ports"][row["vip_port_id"]]
    port.update(description="", device_owner="Octavia")
    world.poke(LB, lambda body: body["status"].update(appliedFields=["listeners"]))
    row["provisioning_status"] = "ERROR"
    leaves_out(world, "ports", port["id"])
    world.clock.advance(60)
    world.resync()
    world.run()
    assert "DELETE load_balancers" not in world.changes()
    assert "was not made for this object" in world.message(LB)


def test_a_pool_that_no_list_shows_is_not_replaced_with_what_others_made_in_it():
    world = tree(pool())
    row = world.one("pools")
    check = {"pool_id": row["id"], "type": "PING", "delay": 5, "timeout": 3, "max_retries": 3}
    theirs = world.others.health_monitors.create(check)
    world.clock.advance(5)
    leaves_out(world, "pools", row["id"])
    world.spec(LB, listeners=[])
    world.run()
    world.forget_calls()
    world.spec(SITE, protocol="TCP")
    world.run(60)
    assert world.changes() == []
    assert theirs["id"] in world.message(SITE)


def test_a_redirect_that_no_list_shows_is_not_deleted_with_the_rules_of_others():
    world = tree(pool(), listeners=[listener(redirectToHTTPS=HTTPS)])
    policy = world.one("l7policies")
    rule = world.others.l7_rules.create(policy["id"], {"type": "PATH", "compare_type": "STARTS_WITH", "value": "/x"})
    world.clock.advance(5)
    leaves_out(world, "l7_policies", policy["id"])
    world.spec(LB, listeners=[listener()])
    world.run(60)
    assert "DELETE l7policies" not in world.changes()
    assert rule["id"] in world.message(LB)


def test_a_monitor_stays_on_a_pool_that_no_list_shows():
    world = tree()
    former = world.one("pools")
    for key in (SITE, LB):
        world.spec(key, deletionPolicy="Retain")
    world.run()
    world.delete(SITE)
    world.run()
    below = {"loadbalancer_id": world.one("load_balancers")["id"], "name": "other", "protocol": "HTTP"}
    other = world.others.pools.create({**below, "lb_algorithm": "ROUND_ROBIN"})
    world.clock.advance(5)
    leaves_out(world, "pools", former["id"])
    world.forget_calls()
    world.apply(pool(life=2, import_={"id": other["id"]}))
    world.run()
    world.resync()
    world.run()
    assert "DELETE health_monitors" not in world.changes()
    assert former["id"] in world.message(CHECK)


def test_status_keeps_a_listener_that_no_list_shows_while_the_tree_is_pending():
    world = tree()
    shown = [each["id"] for each in world.object(LB).status["listeners"]]
    world.one("load_balancers")["provisioning_status"] = "PENDING_UPDATE"
    leaves_out(world, "listeners", *shown)
    world.restart()
    world.resync()
    world.some(6)
    assert "GET listeners" in world.calls()
    assert [each["id"] for each in world.object(LB).status["listeners"]] == shown


def test_members_that_others_have_taken_out_are_not_asked_for_one_by_one():
    world = tree(pool(members=[member(number) for number in range(11, 31)]))
    world.others.members.replace_all(world.one("pools")["id"], [])
    world.clock.advance(5)
    world.forget_calls()
    world.resync()
    world.run()
    world.all_ready()
    assert len(world.table("members")) == 20
    assert "GET members" not in world.calls()


# A 404 is an absence, and what we have deleted ourselves need not be asked for.


@pytest.mark.parametrize("collection", ["subnets", "listeners", "l7policies"])
def test_what_is_gone_is_asked_for_once_and_made_again(collection):
    world = office()
    if collection == "subnets":
        world = Forest(objects.network(subnets=[subnet()]))
        world.run()
    (row,) = [each for each in world.table(collection) if "[ik2." in str(each)]
    getattr(world.others, collection).delete(row["id"])
    world.clock.advance(600)
    world.forget_calls()
    world.resync()
    world.run()
    world.all_ready()
    assert world.calls()[f"GET {collection}"] == 1
    assert row["id"] not in [each["id"] for each in world.table(collection)]
    calm(world)


def test_what_we_have_deleted_ourselves_is_not_asked_for():
    world = tree(pool(), listeners=[listener(redirectToHTTPS=HTTPS), listener("more", 81, pool=None)])
    world.spec(LB, listeners=[listener(protocol="TCP", port=80, pool=None)])
    world.run()
    world.all_ready()
    world.spec(LB, listeners=[listener("more", 81, pool=None)])
    world.run()
    world.all_ready()
    assert not [each for each in world.calls() if each in ("GET listeners", "GET l7policies")]


def test_a_row_of_another_project_is_not_ours_because_a_status_shows_its_id():
    world = tree()
    theirs = world.fake.operations("beta")
    net = theirs.networks.create({"name": "theirs", "shared": False})
    cidr = {"network_id": net["id"], "name": "x", "cidr": "10.70.0.0/24", "ip_version": 4}
    sub = theirs.subnets.create(cidr)
    port = theirs.ports.create({"network_id": net["id"], "fixed_ips": [{"subnet_id": sub["id"]}]})
    asked = []

    def around(call, act):
        if str(call) == "GET ports" and call.args == (port["id"],):
            asked.append(call)
            return dict(world.fake.tables["ports"][port["id"]])  # as the owner of its network sees it
        return act()

    world.poke(LB, lambda body: body["status"].update(vipPortID=port["id"]))
    world.cloud.around = around
    for key in (LB, SITE, CHECK):
        world.delete(key)
    world.run(300)
    assert asked
    assert ("DELETE", "ports", port["id"]) not in world.fake.calls


@pytest.mark.parametrize("then", ["made again", "dropped"])
@pytest.mark.parametrize("collection", ["subnets", "listeners", "l7policies"])
def test_where_there_is_a_copy_status_does_not_forget_what_was_gone(collection, then):
    """Else who comes after a crash would take the copy for what was made last."""
    world = Forest(network()) if collection == "subnets" else office()
    world.run()
    (row,) = [each for each in world.table(collection) if "[ik2." in str(each)]
    twin = {**copy.deepcopy(row), "id": "00000000-0000-4000-8000-000000000000"}
    key, drop = LB, {"listeners": []}
    match collection:
        case "subnets":
            twin.update(cidr="10.9.0.0/24", gateway_ip="10.9.0.1", allocation_pools=[])
            key, drop = key_of(network()), {"subnets": []}
        case "listeners":
            twin.update(protocol_port=91, default_pool_id=None, l7policies=[])
        case _:
            twin.update(redirect_prefix="https://shop.example.org")
            drop = {"listeners": [listener()]}
    world.fake.tables[collection][twin["id"]] = copy.deepcopy(twin)
    getattr(world.others, collection).delete(row["id"])
    world.clock.advance(600)
    world.resync()
    dies(world, f"POST {collection.replace('l7p', 'l7_p')}", "before")
    with pytest.raises(Killed):
        world.run()
    let_go(world)
    world.restart()
    if then == "dropped":
        world.spec(key, **drop)
    for _ in range(2):
        world.run()
        world.resync()
    world.all_ready()
    there = {id_: each for id_, each in world.fake.tables[collection].items() if "[ik2." in str(each)}
    assert len(there) == (1 if then == "dropped" else 2)
    assert {**there[twin["id"]], "updated_at": "", "position": 1} == {**twin, "updated_at": "", "position": 1}


# A child is replaced, the operator dies before status shows the new one, and the user takes it out of the spec.


def dies(world, at, how, nth=1):
    """The process dies of the nth call of that name: right before it is carried out, after it, or so much before."""
    left = [nth]

    def around(call, act):
        if str(call) == at:
            left[0] -= 1
            if not left[0]:
                if how == "after":
                    act()
                if how == "late":
                    world.finish_later(15.0, act)
                raise Killed
        return act()

    world.cloud.around = around


def dies_and_drops(world, key, drop, at, how):
    intent.watch(world)
    dies(world, at, how)
    with pytest.raises(Killed):
        world.run()
    world.spec(key, **drop)
    let_go(world)
    world.restart()
    world.run()
    world.clock.advance(GRACE)
    world.resync()
    world.run()
    world.all_ready()
    assert "CopyLeftAlone" not in world.told(key)
    for each in world.all_keys():
        world.delete(each)
    world.run()
    assert world.get(key) is None, world.message(key)


HOW = pytest.mark.parametrize("how", ["before", "after", "late"])


@HOW
@pytest.mark.parametrize("why", ["replaced", "gone"])
def test_a_subnet_whose_replacement_was_made_by_who_died_of_it_goes(why, how):
    world = Forest(objects.network(subnets=[subnet(), subnet("v6", "fd00:1::/64")]))
    world.run()
    if why == "replaced":
        world.spec(NETWORK, subnets=[subnet(), subnet("v6", "fd00:2::/64")])
    else:
        (gone,) = [row["id"] for row in world.table("subnets") if row["name"] == "v6"]
        world.others.subnets.delete(gone)
        world.clock.advance(600)
        world.resync()
    dies_and_drops(world, NETWORK, {"subnets": [subnet()]}, "POST subnets", how)
    assert [row for row in world.table("subnets") if row["name"]] == []


@HOW
@pytest.mark.parametrize("why", ["port", "protocol", "gone"])
def test_a_listener_whose_replacement_was_made_by_who_died_of_it_goes(why, how):
    world = tree(pool(), listeners=[listener(), listener("more", 81, "HTTP", None)])
    match why:
        case "port":  # the new one comes first
            world.spec(LB, listeners=[listener(), listener("more", 82, "HTTP", None)])
        case "protocol":  # the former one goes first
            world.spec(LB, listeners=[listener(), listener("more", 81, "TCP", None)])
        case "gone":
            (gone,) = [row["id"] for row in world.table("listeners") if row["name"] == "more"]
            world.others.listeners.delete(gone)
            world.clock.advance(600)
            world.resync()
    dies_and_drops(world, LB, {"listeners": [listener()]}, "POST listeners", how)
    assert world.table("listeners") == []


@pytest.mark.parametrize("then", ["stays", "dies"])
def test_a_listener_that_moves_before_status_has_named_it_is_no_copy(then):
    """The tree was made by a request without an answer, and its listener is elsewhere in the spec by the time it is found."""
    world = Forest(network(), balancer(listeners=[listener(pool=None)]), settles=0.01)
    world.late("POST load_balancers", 20.0, CloudTimeoutError("no answer", category=TRANSIENT, outcome_unknown=True))
    while "POST load_balancers" not in [str(call) for call in world.cloud.log]:
        world.some(1)
    world.spec(LB, listeners=[listener(port=81, pool=None)])
    if then == "dies":
        world.run(15)
        dies(world, "POST listeners", "after")
        with pytest.raises(Killed):
            world.run()
        let_go(world)
        world.restart()
        world.spec(LB, listeners=[])
    world.run()
    world.all_ready()
    assert "CopyLeftAlone" not in world.told(LB)
    assert [row["protocol_port"] for row in world.table("listeners")] == ([81] if then == "stays" else [])


@HOW
def test_a_redirect_that_was_made_again_by_who_died_of_it_goes(how):
    world = tree(pool(), listeners=[listener(redirectToHTTPS=HTTPS)])
    world.others.l7_policies.delete(world.one("l7policies")["id"])
    world.clock.advance(600)
    world.resync()
    dies_and_drops(world, LB, {"listeners": [listener()]}, "POST l7_policies", how)
    assert world.table("l7policies") == []


def test_a_network_does_not_go_with_a_subnet_of_others_that_no_list_shows():
    """The network itself names its subnets."""
    world = office()
    home = next(row for row in world.table("networks") if "[ik2." in row["description"])
    theirs = world.others.subnets.create(
        {"network_id": home["id"], "name": "theirs", "cidr": "10.99.0.0/24", "ip_version": 4}
    )
    for key in world.all_keys():
        if key.kind != "InfomaniakNetwork":
            world.delete(key)
    world.run()
    leaves_out(world, "subnets", theirs["id"])
    (key,) = world.all_keys()
    world.delete(key)
    world.run(60)
    assert world.ready(key) == ("False", "InUse")
    assert theirs["id"] in world.message(key)
    assert any(row["id"] == theirs["id"] for row in world.table("subnets"))


@pytest.mark.parametrize("what", ["listeners", "pools"])
def test_a_load_balancer_does_not_go_with_what_others_put_under_it_and_no_list_shows(what):
    """The load balancer itself names its listeners and pools."""
    world = tree()
    own = world.one("load_balancers")["id"]
    body = {"loadbalancer_id": own, "name": "theirs", "protocol": "TCP"}
    more = {"protocol_port": 22} if what == "listeners" else {"lb_algorithm": "ROUND_ROBIN"}
    theirs = getattr(world.others, what).create({**body, **more})
    world.fake.settle()
    world.clock.advance(600)
    leaves_out(world, what, theirs["id"])
    world.delete(LB)
    world.run(60)
    assert world.ready(LB) == ("False", "InUse")
    assert theirs["id"] in world.message(LB)
    assert any(row["id"] == theirs["id"] for row in world.table(what))
