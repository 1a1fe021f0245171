"""The interfaces of a Router at an address of their own, and by a port, on a cloud in memory."""

import pytest

from infomaniak_operator.client import ServiceError
from infomaniak_operator.reconcile.ownership.marks import Mark
from tests.support.forest import Forest
from tests.support.objects import custom, key_of, network, subnet

FRONT = {"networkRef": {"name": "front"}}
AT_NINE = {**FRONT, "address": "10.1.0.9"}
KEY = key_of(custom("Router", "edge", {}))
OWNER = "network:router_interface"


def edge(*interfaces, **spec):
    return custom("Router", "edge", {"interfaces": list(interfaces), **spec})


def placed(*bodies, **options):
    world = Forest(network(subnets=[subnet("v4", "10.1.0.0/24")]), *bodies, **options)
    world.run()
    return world


def legs(world):
    rows = [row for row in world.table("ports") if row["device_owner"] == OWNER]
    return sorted(ip["ip_address"] for row in rows for ip in row["fixed_ips"])


def spare(world):
    """Ports of ours that are no interfaces."""
    rows = [row for row in world.table("ports") if not row["device_owner"]]
    return [row for row in rows if Mark.parse(row["description"])]


def server(name, *addresses):
    return custom("Port", name, {**FRONT, "fixedIPs": [{"address": each} for each in addresses]})


def test_an_interface_at_an_address_and_nothing_more_at_the_resync():
    world = placed(edge(AT_NINE))
    world.all_ready()
    assert (legs(world), spare(world)) == (["10.1.0.9"], [])
    (shown,) = world.object(KEY).status["interfaces"]
    (leg,) = [row for row in world.table("ports") if row["device_owner"] == OWNER]
    assert (shown["address"], shown["portID"]) == ("10.1.0.9", leg["id"])
    assert world.changes()[-3:] == ["POST routers", "POST ports", "PUT routers"]
    world.forget_calls()
    world.clock.advance(600)
    world.resync()
    world.run()
    assert world.changes() == []


def test_it_changes_and_goes_back_to_the_gateway_s_address():
    world = placed(edge(AT_NINE))
    world.spec(KEY, interfaces=[{**FRONT, "address": "10.1.0.10"}])
    world.run()
    assert legs(world) == ["10.1.0.10"]
    world.spec(KEY, interfaces=[FRONT])
    world.run()
    assert legs(world) == ["10.1.0.10"], "without an address any will do"
    assert "portID" not in world.object(KEY).status["interfaces"][0]
    world.spec(KEY, interfaces=[])
    world.run()
    assert legs(world) == []
    world.spec(KEY, interfaces=[FRONT])
    world.run()
    assert (legs(world), spare(world)) == (["10.1.0.1"], [])
    world.all_ready()


def test_drift_is_put_back():
    world = placed(edge(AT_NINE))
    row = world.one("routers")
    (net,) = [each for each in world.table("subnets") if each["cidr"] == "10.1.0.0/24"]
    world.others.routers.remove_interface(row["id"], subnet_id=net["id"])
    world.others.routers.add_interface(row["id"], subnet_id=net["id"])
    world.clock.advance(600)
    world.resync()
    world.run()
    assert legs(world) == ["10.1.0.9"]
    world.all_ready()


@pytest.mark.parametrize("at", ["POST ports", "PUT routers"])
@pytest.mark.parametrize("after", [True, False])
def test_a_call_whose_answer_is_lost_leaves_one_interface_and_no_port(at, after):
    world = placed()
    world.fail(at, ServiceError("reset", outcome_unknown=True), after=after)
    world.apply(edge(AT_NINE))
    world.run()
    world.all_ready()
    assert (legs(world), spare(world)) == (["10.1.0.9"], [])


@pytest.mark.parametrize("then", ["deleted", "without it", "at another address"])
def test_a_port_that_became_no_interface_does_not_stay(then):
    world = placed()
    world.apply(edge())
    world.run()
    world.fail("PUT routers", ServiceError("away"), times=3)
    world.spec(KEY, interfaces=[AT_NINE])
    world.some(2)
    world.restart()
    assert len(spare(world)) == 1
    if then == "deleted":
        world.delete(KEY)
    else:
        world.spec(KEY, interfaces=[] if then == "without it" else [{**FRONT, "address": "10.1.0.10"}])
    world.run()
    assert spare(world) == []
    assert legs(world) == (["10.1.0.10"] if then == "at another address" else [])


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_deleted_it_leaves_nothing_and_retained_no_mark(policy):
    world = placed(edge(AT_NINE, deletionPolicy=policy))
    world.delete(KEY)
    world.run()
    assert world.get(KEY) is None
    assert legs(world) == ([] if policy == "Delete" else ["10.1.0.9"])
    marks = [Mark.parse(row["description"]) for row in world.table("ports")]
    assert all(mark is None or mark.released for mark in marks)


def test_an_address_that_somebody_has_is_waited_for():
    world = placed(server("one", "10.1.0.9"))
    world.apply(edge(AT_NINE))
    world.run(100)
    assert world.ready(KEY)[0] == "False"
    assert "10.1.0.9" in world.message(KEY) or "IpAddressAlreadyAllocated" in world.message(KEY)
    world.delete(key_of(server("one")))
    world.run()
    world.all_ready()
    assert legs(world) == ["10.1.0.9"]


def test_an_interface_by_a_port_and_what_becomes_of_the_port():
    world = placed(edge({"portRef": {"name": "leg"}}), server("leg", "10.1.0.7"))
    world.all_ready()
    assert legs(world) == ["10.1.0.7"]
    (shown,) = world.object(KEY).status["interfaces"]
    assert (shown["address"], shown["portID"]) == ("10.1.0.7", world.object(key_of(server("leg"))).status["id"])
    world.forget_calls()
    world.clock.advance(600)
    world.resync()
    world.run()
    assert world.changes() == []
    world.delete(key_of(server("leg")))
    world.run(100)
    assert world.ready(key_of(server("leg")))[1] == "InUse"
    world.delete(KEY)
    world.run()
    assert (world.all_keys(), legs(world)) == ([key_of(network(subnets=[]))], [])


def test_from_the_gateway_s_address_to_a_port_and_back():
    world = placed(edge(FRONT), server("leg", "10.1.0.7"))
    assert legs(world) == ["10.1.0.1"]
    world.spec(KEY, interfaces=[{"portRef": {"name": "leg"}}])
    world.run()
    assert legs(world) == ["10.1.0.7"]
    world.spec(KEY, interfaces=[AT_NINE])
    world.run()
    assert legs(world) == ["10.1.0.9"]
    world.all_ready()
    world.clock.advance(600)
    world.resync()
    world.run()
    world.all_ready()  # the Port, whose port went with the interface, has another one
    assert spare(world)[0]["fixed_ips"][0]["ip_address"] == "10.1.0.7"


def test_a_port_by_id_that_is_not_there_or_in_use():
    world = placed(edge({"portID": "5e2f6b0e-7c57-4b0e-9f3e-2f1c55e1f001"}))
    assert world.ready(KEY) == ("False", "WaitingForReference")
    assert "port 5e2f6b0e-7c57-4b0e-9f3e-2f1c55e1f001 is not there" in world.message(KEY)
    made = world.others.ports.create({"network_id": world.network()["id"], "device_id": "server"})
    world.spec(KEY, interfaces=[{"portID": made["id"]}])
    world.run(100)
    assert world.ready(KEY)[0] == "False"
    assert "attached device server" in world.message(KEY)
    free = world.others.ports.create({"network_id": world.network()["id"], "fixed_ips": [{"ip_address": "10.1.0.44"}]})
    world.spec(KEY, interfaces=[{"portID": free["id"]}])
    world.run()
    assert legs(world) == ["10.1.0.44"]
    world.all_ready()


def test_an_old_object_and_a_dry_run():
    world = placed(edge(FRONT))
    world.annotate(KEY, dry_run="true")
    world.spec(KEY, interfaces=[AT_NINE])
    world.run()
    assert (legs(world), spare(world)) == (["10.1.0.1"], [])
    assert "at 10.1.0.9" in world.message(KEY, "Synced")
    world.annotate(KEY, dry_run="")
    world.run()
    assert legs(world) == ["10.1.0.9"]
