"""Members of a Pool that are Ports: their addresses come from what the Port has."""

import pytest

from infomaniak_operator.controller.interfaces import Key
from tests.support.forest import Forest
from tests.support.objects import custom, network, subnet

LB, POOL = Key("LoadBalancer", "shop", "lb"), Key("Pool", "shop", "site")
ONE, TWO = Key("Port", "shop", "one"), Key("Port", "shop", "two")
NETS = [subnet("v4", "10.1.0.0/24"), subnet("back", "10.2.0.0/24"), subnet("v6", "2001:db8:1::/64")]


def port(name="one", **spec):
    return custom("Port", name, {"networkRef": {"name": "front"}, "fixedIPs": [{"subnet": "v4"}], **spec})


def pool(*members, **spec):
    base = {"loadBalancerRef": {"name": "lb"}, "protocol": "HTTP", "algorithm": "ROUND_ROBIN"}
    return custom("Pool", "site", {**base, "portMembers": list(members), **spec})


def member(name="one", number=8080, **fields):
    return {"portRef": {"name": name}, "port": number, **fields}


def balancer():
    listener = {"name": "http", "protocol": "HTTP", "port": 80, "defaultPoolRef": {"name": "site"}}
    return custom(
        "LoadBalancer", "lb", {"vip": {"networkRef": {"name": "front"}, "subnet": "v4"}, "listeners": [listener]}
    )


def place(*bodies):
    world = Forest(network(subnets=NETS), balancer(), *bodies)
    world.run()
    world.forget_calls()
    return world


def members(world):
    return sorted((row["address"], row["protocol_port"]) for row in world.table("members"))


def address(world, key):
    return world.object(key).status["fixedIPs"][0]["address"]


def test_members_come_with_the_tree_and_go():
    world = Forest(network(subnets=NETS), port(), port("two"), balancer(), pool(member(weight=7), member("two")))
    world.run()
    world.all_ready()
    assert members(world) == sorted([(address(world, ONE), 8080), (address(world, TWO), 8080)])
    v4 = next(row["id"] for row in world.table("subnets") if row["name"] == "v4")
    assert {row["subnet_id"] for row in world.table("members")} == {v4}
    assert {row["weight"] for row in world.table("members")} == {7, 1}
    world.forget_calls()
    world.clock.advance(600)
    world.resync()
    world.run()
    assert world.changes() == []
    world.spec(POOL, portMembers=[member("two", weight=3)])
    world.run()
    assert members(world) == [(address(world, TWO), 8080)]
    assert {row["weight"] for row in world.table("members")} == {3}
    world.spec(POOL, portMembers=...)
    world.run()
    assert members(world) == []
    world.all_ready()


def test_beside_members_that_are_listed_by_their_addresses():
    world = place(port(), pool(member(), members=[{"address": "10.1.0.200", "port": 80}]))
    world.all_ready()
    assert members(world) == sorted([(address(world, ONE), 8080), ("10.1.0.200", 80)])
    assert world.object(POOL).status["memberCount"] == 2


def test_a_port_that_comes_late_is_waited_for():
    world = place(pool(member()))
    assert world.ready(POOL) == ("False", "WaitingForReference")
    assert "spec.portMembers[0].portRef: there is no Port one in namespace shop yet" in world.message(POOL)
    world.apply(port())
    world.run()
    world.all_ready()
    assert members(world) == [(address(world, ONE), 8080)]


def test_which_of_several_addresses():
    spots = [{"subnet": "v6", "address": "2001:db8:1::9"}, {"address": "10.2.0.9"}, {"address": "10.1.0.99"}]
    world = place(port(fixedIPs=spots), pool(member()))
    world.all_ready()
    assert members(world) == [("10.1.0.99", 8080)]  # the first of IPv4
    world.spec(POOL, portMembers=[member(address="2001:DB8:1::9")])
    world.run()
    world.all_ready()
    assert members(world) == [("2001:db8:1::9", 8080)]
    # The one that is there stays, though the spec does not name it any more, and whatever the Port gets beside it.
    world.spec(POOL, portMembers=[member()])
    world.spec(ONE, fixedIPs=[*spots, {"address": "10.1.0.8"}])
    world.run()
    world.all_ready()
    assert members(world) == [("2001:db8:1::9", 8080)]
    world.spec(ONE, fixedIPs=spots[1:])
    world.run()
    world.all_ready()
    assert members(world) == [("10.1.0.99", 8080)]


def test_an_address_that_the_port_does_not_have_is_waited_for():
    world = place(port(fixedIPs=[{"address": "10.1.0.99"}]), pool(member(address="10.1.0.98")))
    assert world.ready(POOL) == ("False", "WaitingForReference")
    assert "Port one has no address 10.1.0.98 yet; it has: 10.1.0.99" in world.message(POOL)
    world.spec(ONE, fixedIPs=[{"address": "10.1.0.99"}, {"address": "10.1.0.98"}])
    world.run()
    world.all_ready()
    assert members(world) == [("10.1.0.98", 8080)]


def test_a_port_without_an_address_is_waited_for():
    world = place(port(fixedIPs=[]), pool(member()))
    assert "Port one has no address yet; it has: none" in world.message(POOL)


def test_another_address_of_the_port_is_another_member_by_one_call():
    world = place(port(fixedIPs=[{"address": "10.1.0.99"}]), pool(member()))
    world.forget_calls()
    world.spec(ONE, fixedIPs=[{"address": "10.1.0.98"}])
    world.run()
    world.all_ready()
    assert members(world) == [("10.1.0.98", 8080)]
    assert world.changes() == ["PUT ports", "PUT members"]


@pytest.mark.parametrize(
    "spec",
    [
        {"members": [{"address": "10.1.0.99", "port": 8080}]},
        {"portMembers": [member(), member(address="10.1.0.99")]},
    ],
    ids=["by address", "twice"],
)
def test_a_member_twice_is_refused_before_the_cloud_is_asked(spec):
    world = place(port(fixedIPs=[{"address": "10.1.0.99"}]), pool(member(), **spec))
    assert world.ready(POOL) == ("False", "InvalidConfiguration")
    assert world.progress(POOL) == "Stalled"
    assert "10.1.0.99:8080 of Port one is a member already" in world.message(POOL)
    assert members(world) == []


def test_a_member_that_was_listed_by_its_address_becomes_a_port_and_is_not_touched():
    world = place(port(fixedIPs=[{"address": "10.1.0.99"}]))
    world.apply(pool(portMembers=..., members=[{"address": "10.1.0.99", "port": 8080}]))
    world.run()
    world.all_ready()
    world.forget_calls()
    world.spec(POOL, members=..., portMembers=[member()])
    world.run()
    world.all_ready()
    assert world.changes() == []
    assert members(world) == [("10.1.0.99", 8080)]


def test_a_port_is_kept_by_the_pool_that_has_it_and_the_pool_serves_on():
    world = place(port(), pool(member()))
    world.delete(ONE)
    world.run()
    assert world.ready(ONE) == ("False", "InUse")
    assert "Pool site" in world.message(ONE)
    assert world.ready(POOL) == ("True", "Available")
    assert len(members(world)) == 1
    world.forget_calls()
    world.spec(POOL, portMembers=[])
    world.run()
    assert world.get(ONE) is None
    assert members(world) == []
    assert world.changes() == ["PUT members", "DELETE ports"]  # nobody else gets its address while it is a member


def test_a_member_that_is_listed_by_its_address_keeps_no_port():
    world = place(port(fixedIPs=[{"address": "10.1.0.99"}]), port("two"), pool(member("two")))
    world.spec(POOL, members=[{"address": "10.1.0.99", "port": 80, "networkRef": {"name": "front"}, "subnet": "v4"}])
    world.run()
    world.all_ready()
    world.delete(ONE)
    world.run()
    assert world.get(ONE) is None
    assert len(members(world)) == 2


def test_all_is_deleted_at_once():
    world = place(port(), port("two"), pool(member(), member("two")))
    for key in world.all_keys():
        world.delete(key)
    world.run()
    assert world.all_keys() == []
    assert not world.table("ports")


def test_a_port_that_somebody_deleted_comes_back_with_another_address_and_the_member_follows():
    world = place(port(), pool(member()))
    taken = address(world, ONE)
    world.others.ports.delete(world.object(ONE).status["id"])
    world.others.ports.create({"network_id": world.network()["id"], "fixed_ips": [{"ip_address": taken}]})
    world.resync()
    world.run()
    world.all_ready()
    assert address(world, ONE) != taken
    assert members(world) == [(address(world, ONE), 8080)]


def test_a_dry_run_names_the_members():
    body = pool(member())
    body["metadata"]["annotations"] = {"network.infomaniak.cloud/dry-run": "true"}
    world = Forest(network(subnets=NETS), port(), balancer(), body)
    world.run()
    assert "create pool site" in world.message(POOL, "Synced")
    assert world.table("pools") == []
