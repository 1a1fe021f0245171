"""A pool whose members follow a Service: they come at once, drain, and go; and the VIP's security groups."""

import datetime as dt

import pytest

from infomaniak_operator.cli.cluster import SERVICES, SLICES
from infomaniak_operator.reconcile.octavia.service_endpoints import SERVICE_NAME
from tests.support.forest import Forest
from tests.support.objects import NAMESPACE, custom, key_of
from tests.support.trees import CHECK, LB, SITE, balancer, calm, monitor, network, pool, tree


def service():
    port = {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}
    meta = {"name": "shop", "namespace": NAMESPACE, "uid": "service"}
    return {
        "apiVersion": "v1",
        "kind": SERVICES.kind,
        "metadata": meta,
        "spec": {"ports": [port], "selector": {"a": "b"}},
    }


def endpoints(*numbers):
    """The EndpointSlice of the Service, with so many Pods that are ready."""
    items = [
        {"addresses": [f"10.40.0.{n}"], "conditions": {"ready": True}, "targetRef": {"kind": "Pod", "name": f"p{n}"}}
        for n in numbers
    ]
    labels = {SERVICE_NAME: "shop"}
    meta = {"name": "shop-1", "namespace": NAMESPACE, "uid": "slice", "labels": labels}
    ports = [{"name": "http", "port": 8080, "protocol": "TCP"}]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": SLICES.kind,
        "metadata": meta,
        "addressType": "IPv4",
        "ports": ports,
        "endpoints": items,
    }


def following(*numbers, seconds=30, **more):
    source = {"serviceRef": {"name": "shop"}, "port": "http", "mode": "Endpoints", "drainSeconds": seconds}
    world = Forest(network(), balancer(), service(), endpoints(*numbers), monitor())
    world.apply(pool(members=..., membersFrom=source, **more))
    world.run()
    world.all_ready()
    world.forget_calls()
    return world


def weights(world):
    return {row["address"]: row["weight"] for row in world.table("members")}


def test_they_are_made_with_the_tree():
    world = Forest(network(), balancer(), monitor(), endpoints(11, 12))
    source = {"serviceRef": {"name": "shop"}, "port": "http", "mode": "Endpoints"}
    world.apply(pool(members=..., membersFrom=source))
    world.run()
    assert world.ready(LB) == ("True", "Available")
    assert world.ready(SITE) == ("False", "WaitingForReference")
    world.apply(service())
    world.run()
    calm(world)
    assert weights(world) == {"10.40.0.11": 1, "10.40.0.12": 1}


def test_one_that_goes_drains_first():
    world = following(11, 12)
    world.apply(endpoints(12, 13))
    world.run(10)
    assert weights(world) == {"10.40.0.11": 0, "10.40.0.12": 1, "10.40.0.13": 1}
    assert world.changes() == ["PUT members"]
    assert [item["address"] for item in world.object(SITE).status["draining"]] == ["10.40.0.11"]
    assert world.ready(SITE) == ("True", "Available")
    world.run(60)
    assert weights(world) == {"10.40.0.12": 1, "10.40.0.13": 1}
    assert world.changes() == ["PUT members", "PUT members"]
    assert "draining" not in world.object(SITE).status
    calm(world)


def test_one_that_comes_back_while_it_drains_serves_again():
    world = following(11, 12)
    world.apply(endpoints(12))
    world.run(10)
    world.apply(endpoints(11, 12))
    world.run(10)
    assert weights(world) == {"10.40.0.11": 1, "10.40.0.12": 1}
    world.run(60)
    assert weights(world) == {"10.40.0.11": 1, "10.40.0.12": 1}
    calm(world)


def test_a_restart_while_one_drains():
    world = following(11, 12)
    world.apply(endpoints(12))
    world.run(10)
    world.restart()
    world.run(10)
    assert weights(world) == {"10.40.0.11": 0, "10.40.0.12": 1}
    world.run(60)
    assert weights(world) == {"10.40.0.12": 1}
    calm(world)


def test_a_rollout_is_few_calls():
    """Twenty Pods are replaced within twenty seconds."""
    world = following(*range(11, 31), seconds=5)
    for number in range(20):
        world.apply(endpoints(*range(12 + number, 32 + number)))
        world.run(1)
    world.run(30)
    assert sorted(weights(world)) == sorted(f"10.40.0.{n}" for n in range(31, 51))
    assert world.calls()["PUT members"] <= 20
    calm(world)


def test_nobody_is_left_and_somebody_comes():
    world = following(11, seconds=0)
    world.apply(endpoints())
    world.run()
    assert weights(world) == {}
    world.all_ready()
    world.apply(endpoints(12))
    world.run()
    assert weights(world) == {"10.40.0.12": 1}
    calm(world)


def test_from_following_to_a_list():
    world = following(11)
    world.spec(SITE, membersFrom=..., members=[{"address": "10.40.0.70", "port": 1}])
    world.run()
    assert weights(world) == {"10.40.0.70": 1}
    calm(world)


# The VIP.


@pytest.mark.parametrize("last", [[], None])
def test_security_groups_of_the_vip(last):
    world = tree()
    for name in ("one", "two"):
        world.apply(custom("SecurityGroup", name, {"rules": []}))
    world.run()
    ids = {row["name"]: row["id"] for row in world.table("security_groups")}
    vip = balancer()["spec"]["vip"]
    for names in (["one"], ["two", "one"], ["two"]):
        world.spec(LB, vip={**vip, "securityGroupRefs": [{"name": name} for name in names]})
        world.run()
        assert sorted(world.one("load_balancers")["vip_sg_ids"]) == sorted(ids[name] for name in names)
    world.spec(LB, vip=vip if last is None else {**vip, "securityGroupRefs": last})
    world.run()
    assert world.one("load_balancers")["vip_sg_ids"] == []
    calm(world)


def test_a_given_address_and_further_vips():
    world = Forest(network("web", "more"), pool(), monitor())
    vip = {**balancer()["spec"]["vip"], "address": "10.40.0.77"}
    vip["additionalVips"] = [{"networkRef": {"name": "web"}, "subnet": "more", "address": "10.41.0.78"}]
    world.apply(balancer(vip=vip))
    world.run()
    calm(world)
    row = world.one("load_balancers")
    assert row["vip_address"] == "10.40.0.77"
    assert [each["ip_address"] for each in row["additional_vips"]] == ["10.41.0.78"]
    status = world.object(LB).status
    assert (status["vipAddress"], status["additionalVips"][0]["address"]) == ("10.40.0.77", "10.41.0.78")
    assert key_of(network()) in world.all_keys()


def crowd(count):
    """The EndpointSlice of the Service, with so many Pods that are ready."""
    slices = endpoints()
    slices["endpoints"] = [
        {"addresses": [f"10.40.{n // 250}.{n % 250 + 1}"], "conditions": {"ready": True}} for n in range(count)
    ]
    return slices


def test_more_members_than_a_status_holds_are_refused_before_the_cloud_is_asked():
    source = {"serviceRef": {"name": "shop"}, "port": "http", "mode": "Endpoints"}
    world = Forest(network(), balancer(), service(), crowd(4097))
    world.run()
    world.forget_calls()
    world.apply(pool(members=..., membersFrom=source))
    world.reconcile(SITE)
    assert not world.calls()
    assert world.ready(SITE) == ("False", "InvalidConfiguration")
    assert world.says(SITE, "Stalled")[0] == "True"
    message = "spec.membersFrom: Service shop gives 4097 members, and a Pool can follow 4096 at most: "
    assert world.message(SITE).startswith(f"{message}have the Service select fewer Pods")
    world.run(60)
    assert world.table("pools") == []
    world.apply(crowd(3))
    world.run()
    calm(world)
    assert len(weights(world)) == 3


def test_a_service_that_has_grown_too_large_leaves_the_members_as_they_are():
    world = following(11, 12)
    world.apply(crowd(4097))
    world.run(60)
    assert world.ready(SITE) == ("False", "InvalidConfiguration")
    assert world.changes() == []
    assert weights(world) == {"10.40.0.11": 1, "10.40.0.12": 1}
    world.apply(endpoints(11, 12, 13))
    world.run()
    world.all_ready()
    assert len(weights(world)) == 3


def test_a_pool_with_more_members_than_that_is_deleted_like_any_other():
    world = following(11, 12)
    world.apply(crowd(4097))
    world.run(60)
    for key in (CHECK, SITE, LB):
        world.delete(key)
    world.run()
    assert world.table("pools") == []


def test_of_more_members_than_a_status_holds_it_shows_the_first_and_how_many_there_are():
    """Others may add members where the spec lists none."""
    world = tree(pool(members=...))
    places = [{"address": f"10.40.{n // 250}.{n % 250 + 1}", "protocol_port": 80} for n in range(4097)]
    world.others.members.replace_all(world.one("pools")["id"], places)
    world.resync()
    world.run()
    world.all_ready()
    status = world.object(SITE).status
    assert (len(status["members"]), status["memberCount"]) == (4096, 4097)


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
def test_a_wall_clock_that_is_set_while_one_drains(seconds):
    """Ahead it would cut connections short; back it would keep the member for another half minute."""
    world = following(11, 12)
    world.apply(endpoints(12))
    world.run(10)
    world.clock.jump(seconds)
    world.reconcile(SITE)
    world.run(15)
    assert weights(world) == {"10.40.0.11": 0, "10.40.0.12": 1}
    world.run(10)
    assert weights(world) == {"10.40.0.12": 1}
    # The next one drains by the clock as it is now, which its status tells.
    world.apply(endpoints())
    world.run(5)
    (left,) = world.object(SITE).status["draining"]
    until = dt.datetime.fromisoformat(left["until"]).timestamp()
    assert until - world.clock.now() == pytest.approx(25, abs=2)
    world.restart()
    world.run(15)
    assert weights(world) == {"10.40.0.12": 0}
    world.run(30)
    assert weights(world) == {}
