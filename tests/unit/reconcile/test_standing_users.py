"""Users that stand go on as they were when what they refer to grows, fails for a while, or is deleted by mistake."""

import pytest

from infomaniak_operator.controller.interfaces import Key
from tests.support.forest import Forest
from tests.support.objects import custom, key_of
from tests.support.trees import LB, SITE, balancer, listener, member, monitor, network, pool, tree, web

NET = key_of(network())
ROUTER, ADDRESS = Key("Router", "shop", "web"), Key("FloatingIP", "shop", "web")
V4 = {"name": "web-v4", "cidr": "10.40.0.0/24"}
V4B = {"name": "web-b", "cidr": "10.41.0.0/24"}
SLAAC = {"name": "web-v6", "cidr": "2001:db8:40::/64", "ipv6AddressMode": "slaac", "ipv6RAMode": "slaac"}


def example():
    """``examples/web``, whose load balancer and router name no subnet, Ready."""
    world = Forest(*web())
    world.run()
    world.all_ready()
    world.clock.advance(60)
    world.forget_calls()
    return world


def unnamed(**spec):
    """A tree whose VIP, router and members name the network alone."""
    members = [{**member(11), "networkRef": {"name": "web"}}]
    router = custom("Router", "web", {"interfaces": [{"networkRef": {"name": "web"}}]})
    world = Forest(
        network(), balancer(vip={"networkRef": {"name": "web"}}, **spec), pool(members=members), monitor(), router
    )
    world.run()
    world.all_ready()
    world.clock.advance(60)
    world.forget_calls()
    return world


def vips(world):
    row = world.one("load_balancers")
    return row["vip_port_id"], row["vip_address"], row["vip_subnet_id"]


# A further subnet.


@pytest.mark.parametrize("further", [V4B, SLAAC], ids=["v4", "slaac"])
def test_a_further_subnet_changes_nothing_for_those_that_are_there(further):
    world = example()
    former = vips(world)
    spec = world.object(NET).spec
    world.spec(NET, subnets=[*spec["subnets"], further])
    world.run()
    world.all_ready()
    world.resync()
    world.run()
    world.all_ready()
    assert world.changes() == ["POST subnets"]
    assert vips(world) == former
    world.spec(LB, listeners=[*world.object(LB).spec["listeners"], listener("more", 8080, pool=None)])
    world.spec(ROUTER, routes=[{"destination": "10.9.0.0/16", "nexthop": "10.40.0.9"}])
    world.run()
    world.all_ready()
    assert "more" in {row["name"] for row in world.table("listeners")}
    assert world.one("routers")["routes"]


@pytest.mark.parametrize("further", [V4B, SLAAC], ids=["v4", "slaac"])
def test_what_is_made_again_is_made_where_it_was(further):
    world = unnamed()
    former = vips(world)
    ports = {port["id"]: port for port in world.table("ports")}
    interface = next(p["fixed_ips"][0]["subnet_id"] for p in ports.values() if "router" in p["device_owner"])
    world.spec(NET, subnets=[V4, further])
    world.run()
    world.all_ready()
    router = world.one("routers")["id"]
    world.others.routers.remove_interface(router, subnet_id=interface)
    world.others.routers.delete(router)
    world.resync()
    world.run()
    world.all_ready()
    assert world.one("routers")["id"] != router
    assert [each["subnetID"] for each in world.object(ROUTER).status["interfaces"]] == [interface]
    world.one("load_balancers")["provisioning_status"] = "ERROR"
    world.spec(LB, recovery={"policy": "Recreate"})
    world.run()
    assert vips(world)[1:] == former[1:]


def test_members_stay_in_their_subnet():
    world = unnamed()
    before = world.one("members")["subnet_id"]
    world.spec(NET, subnets=[V4, V4B])
    world.run()
    members = [{**member(number), "networkRef": {"name": "web"}} for number in (11, 12)]
    world.spec(SITE, members=members)
    world.run()
    world.all_ready()
    # A new one is where its address is.
    assert {row["address"]: row["subnet_id"] for row in world.table("members")} == {
        "10.40.0.11": before,
        "10.40.0.12": before,
    }


def test_a_member_outside_every_subnet_stays_where_it_was_and_a_new_one_must_say_where_it_is():
    far = {"address": "192.0.2.7", "port": 80, "networkRef": {"name": "web"}}
    world = tree(pool(members=[far]))
    world.spec(NET, subnets=[V4, V4B])
    world.run()
    world.resync()
    world.run()
    world.all_ready()
    world.spec(SITE, members=[far, {**far, "port": 81}])
    world.run(60)
    assert world.ready(SITE) == ("False", "WaitingForReference")
    assert "spec.members[1].subnet: name one of the subnets of web" in world.message(SITE)


def service(*ports):
    """A Service with these ports: name and number."""
    spec = {"ports": [{"name": name, "port": number, "protocol": "TCP"} for name, number in ports]}
    meta = {"name": "shop", "namespace": "shop", "uid": "service"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}


def endpoints(numbers, *ports):
    """Its EndpointSlice, with so many Pods, which listen on 8000 more than the Service."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "shop-1",
            "namespace": "shop",
            "uid": "slice",
            "labels": {"kubernetes.io/service-name": "shop"},
        },
        "addressType": "IPv4",
        "ports": [{"name": name, "port": 8000 + number, "protocol": "TCP"} for name, number in ports],
        "endpoints": [{"addresses": [f"10.40.0.{number}"], "conditions": {"ready": True}} for number in numbers],
    }


def test_a_further_port_of_a_service_changes_nothing_for_a_pool_that_names_none():
    source = {"serviceRef": {"name": "shop"}, "mode": "Endpoints"}
    only, both = [("", 80)], [("http", 80), ("admin", 90)]
    world = Forest(network(), balancer(), service(*only), endpoints([11], *only), pool(members=..., membersFrom=source))
    world.run()
    world.all_ready()
    assert world.object(SITE).status["servicePort"] == "80/TCP"
    world.apply(service(*both))
    world.apply(endpoints([11, 12], *both))
    world.run()
    world.all_ready()
    assert {(row["address"], row["protocol_port"]) for row in world.table("members")} == {
        ("10.40.0.11", 8080),
        ("10.40.0.12", 8080),
    }
    late = world.apply(pool("late", members=..., membersFrom=source))
    world.run()
    assert world.ready(late) == ("False", "WaitingForReference")
    assert "has several ports" in world.message(late)


def test_an_address_asked_for_says_which_subnet_is_meant():
    vip = {"networkRef": {"name": "web"}, "address": "10.41.0.9"}
    world = Forest(network("web", "web-b"), balancer(vip=vip, listeners=[]))
    world.run()
    world.all_ready()
    assert vips(world)[1] == "10.41.0.9"
    assert world.object(LB).status["vipSubnet"] == "web-b"


def test_a_new_choice_needs_a_name():
    world = Forest(network("web", "web-b"), balancer(vip={"networkRef": {"name": "web"}}, listeners=[]))
    world.run(60)
    assert world.ready(LB) == ("False", "WaitingForReference")
    assert "spec.vip.subnet: name one of the subnets of web; it has: web-v4, web-b" in world.message(LB)
    assert world.changes() == ["POST networks", "POST subnets"]


def test_the_vip_s_port_counts_as_a_choice_while_the_load_balancer_is_refused():
    world = Forest(network(), balancer(vip={"networkRef": {"name": "web"}}, listeners=[]))
    world.hide_quotas()
    world.fake.octavia.quotas["load_balancers"] = 0
    world.run(60)
    assert world.ready(LB) == ("False", "QuotaExceeded")
    world.spec(NET, subnets=[V4, SLAAC])
    world.run(60)
    assert world.ready(LB) == ("False", "QuotaExceeded")
    assert world.object(LB).status["vipAddress"].startswith("10.40.")
    world.fake.octavia.quotas["load_balancers"] = 5
    world.run()
    world.all_ready()


# Deleted by mistake, or failing.


def test_a_network_deleted_by_mistake_stops_nobody_who_is_in_it():
    world = example()
    world.delete(NET)
    world.run()
    assert world.ready(NET) == ("False", "InUse")
    world.spec(LB, listeners=[listener(pool=None)])
    world.spec(ROUTER, routes=[{"destination": "10.9.0.0/16", "nexthop": "10.40.0.9"}])
    world.run()
    assert world.ready(LB) == ("True", "Available")
    assert world.ready(ROUTER) == ("True", "Available")
    assert world.says(LB, "ReferencesResolved") == ("True", "Available")
    assert world.one("routers")["routes"]
    assert [row["name"] for row in world.table("listeners")] == ["http"]
    for key in [key for key in world.all_keys() if key.kind in ("HealthMonitor", "Pool")]:
        world.delete(key)
    world.run()
    assert world.table("pools") == []
    for key in (ADDRESS, LB, ROUTER):
        world.delete(key)
    world.run()
    assert world.get(NET) is None


def test_the_way_back_of_a_network_deleted_by_mistake():
    """As docs/operations.md tells it."""
    world = example()
    (own,) = [row for row in world.table("networks") if row["name"] == "web"]
    world.delete(NET)
    world.run()
    assert world.ready(NET) == ("False", "InUse")
    spec = world.object(NET).spec
    world.spec(NET, deletionPolicy="Retain")
    world.run()
    assert world.get(NET) is None
    assert world.ready(LB) == ("False", "WaitingForReference")
    assert world.object(LB).status["id"]
    world.apply(custom("InfomaniakNetwork", "web", {**spec, "import": {"id": own["id"]}}, life=2))
    world.run()
    world.all_ready()
    assert {call.split()[1] for call in world.changes()} <= {"networks", "subnets"}
    assert {call.split()[0] for call in world.changes()} == {"PUT"}


def test_a_network_that_goes_takes_nobody_new():
    world = example()
    world.delete(NET)
    world.run()
    late = world.apply(balancer("late", vip={"networkRef": {"name": "web"}}, listeners=[]))
    second = world.apply(custom("Router", "late", {"interfaces": [{"networkRef": {"name": "web"}}]}))
    world.run()
    for key in (late, second):
        assert world.ready(key) == ("False", "WaitingForReference")
        assert "InfomaniakNetwork web is being deleted" in world.message(key)


def test_a_router_that_stands_takes_no_further_network_that_is_going():
    other = custom("InfomaniakNetwork", "other", {"subnets": [{"name": "o", "cidr": "10.50.0.0/24"}]})
    holder = custom("Router", "holder", {"interfaces": [{"networkRef": {"name": "other"}}]})
    world = Forest(*web(), other, holder)
    world.run()
    world.all_ready()
    world.delete(key_of(other))
    world.run()
    world.spec(ROUTER, interfaces=[*world.object(ROUTER).spec["interfaces"], {"networkRef": {"name": "other"}}])
    world.run()
    assert world.ready(ROUTER) == ("False", "WaitingForReference")
    assert world.ready(key_of(holder)) == ("True", "Available")


def test_a_security_group_deleted_by_mistake_stays_on_the_vip():
    group = custom("SecurityGroup", "edge", {"rules": []})
    vip = {"networkRef": {"name": "web"}, "securityGroupRefs": [{"name": "edge"}]}
    world = tree(group, pool(), vip=vip)
    world.delete(key_of(group))
    world.run()
    assert world.ready(key_of(group)) == ("False", "InUse")
    world.spec(LB, listeners=[])
    world.run()
    assert world.ready(LB) == ("True", "Available")
    assert world.table("listeners") == []
    assert world.one("load_balancers")["vip_sg_ids"]
    world.spec(LB, vip={**vip, "securityGroupRefs": []})
    world.run()
    assert world.get(key_of(group)) is None


def test_a_group_deleted_by_mistake_leaves_those_ready_whose_rules_name_it():
    one = custom("SecurityGroup", "one", {"rules": []})
    rule = {"direction": "ingress", "protocol": "tcp", "remoteGroupRef": {"name": "one"}}
    two = custom("SecurityGroup", "two", {"rules": [rule]})
    world = Forest(one, two)
    world.run()
    world.all_ready()
    world.delete(key_of(one))
    world.run()
    assert world.ready(key_of(one)) == ("False", "InUse")
    assert world.ready(key_of(two)) == ("True", "Available")
    world.spec(key_of(two), rules=[rule, {**rule, "protocol": "udp"}])
    world.run()
    assert world.ready(key_of(two)) == ("False", "WaitingForReference")  # a further rule is a new use


def test_a_load_balancer_that_is_kept_keeps_its_pools_going_and_its_address():
    world = example()
    site = Key("Pool", "shop", "site")
    world.others.listeners.create(
        {
            "loadbalancer_id": world.one("load_balancers")["id"],
            "name": "theirs",
            "protocol": "TCP",
            "protocol_port": 22,
        }
    )
    world.run()
    world.fake.settle()
    world.delete(LB)
    world.run(120)
    assert world.ready(LB) == ("False", "InUse")
    world.spec(site, members=[member(77)])
    world.run(120)
    assert world.ready(site) == ("True", "Available")
    assert "10.40.0.77" in {row["address"] for row in world.table("members")}
    assert world.ready(ADDRESS) == ("True", "Available")
    assert world.one("floating_ips")["port_id"] == world.one("load_balancers")["vip_port_id"]
    stranger = next(row for row in world.table("listeners") if row["name"] == "theirs")
    world.others.listeners.delete(stranger["id"])
    world.fake.settle()
    world.run(600)
    assert world.get(LB) is None
    assert world.ready(ADDRESS) == ("False", "WaitingForReference")
    assert world.one("floating_ips")["port_id"] is None
    assert world.table("load_balancers") == []


@pytest.mark.parametrize("how", ["paused", "stalled", "credential"])
def test_a_network_that_is_not_ready_for_a_while_stops_nobody_who_is_in_it(how):
    world = unnamed()
    if how == "paused":
        world.annotate(NET, paused="true")
    elif how == "stalled":
        world.poke(NET, lambda body: body["spec"].update(description="x" * 300))
    else:
        world.spec(NET, cloudCredentialsRef={"secretName": "gone"})
    world.run(30)
    world.spec(LB, listeners=[])
    world.run(30)
    assert world.ready(LB) == ("True", "Available")
    assert world.table("listeners") == []
