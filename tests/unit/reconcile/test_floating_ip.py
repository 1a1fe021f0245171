"""A FloatingIP: an address, and what it leads to."""

import pytest

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.client import BadRequestError, Category
from infomaniak_operator.controller.interfaces import Done, Key, RequeueAfter, Stalled, WaitingFor
from infomaniak_operator.reconcile.ownership.marks import Mark
from tests.support.objects import custom, network, secret, subnet
from tests.support.world import World

EXTERNAL = {"externalNetwork": {"networkName": "ext-floating1"}}


def prepared(*, routed=True):
    """A world with a network with two ports, and a way out of it."""
    world = World()
    world.settle(world.apply(network(subnets=[subnet("v4", "10.1.0.0/24")])))
    spec = {"externalGateway": EXTERNAL["externalNetwork"], "interfaces": [{"networkRef": {"name": "front"}}]}
    if routed:
        world.settle(world.apply(custom("Router", "edge", spec)))
    network_id = world.network()["id"]
    ports = [world.others.ports.create({"network_id": network_id, "name": name})["id"] for name in ("a", "b")]
    world.cloud.take()
    return world, ports


def address(world, **spec):
    return world.apply(custom("FloatingIP", "public", {**EXTERNAL, **spec}))


def the_one(world):
    (row,) = world.others.floating_ips.list()
    return row


def test_an_address_that_leads_nowhere():
    world, _ = prepared()
    key = address(world)
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert Mark.parse(the_one(world)["description"]) == world.mark(key)
    status = {name: value for name, value in world.object(key).status.items() if name != "conditions"}
    KINDS["FloatingIP"].status.model_validate(status)
    assert status["address"] == the_one(world)["floating_ip_address"]
    world.cloud.take()
    world.reconcile(key)
    assert world.cloud.writes() == []


def test_the_target_comes_changes_and_goes_and_the_address_stays():
    world, (one, two) = prepared()
    key = address(world, portID=one)
    world.settle(key)
    kept = the_one(world)
    assert kept["port_id"] == one
    world.spec(key, portID=two)
    world.settle(key)
    assert the_one(world)["port_id"] == two
    world.spec(key, portID=...)
    world.settle(key)
    assert the_one(world)["port_id"] is None
    assert (the_one(world)["id"], the_one(world)["floating_ip_address"]) == (kept["id"], kept["floating_ip_address"])


def test_an_associated_address_that_is_still_down_is_looked_at_by_time_and_not_for_ever():
    world, (one, two) = prepared()
    key = address(world, portID=one)
    rows = world.fake.tables["floating_ips"]
    world.settle(key)
    rows[the_one(world)["id"]]["status"] = "DOWN"  # as Neutron has it until its agents have been at it
    began = world.clock.monotonic()
    for _ in range(20):  # whatever else wakes it, however often: time counts
        assert world.reconcile(key).next.seconds <= 1.1
    waits = []
    while isinstance(following := world.reconcile(key).next, RequeueAfter):
        waits.append(following.seconds)
        world.clock.advance(following.seconds)
    assert world.ready(key) == ("True", "Available")
    assert following == Done()
    assert 120 <= world.clock.monotonic() - began < 126
    assert max(waits) <= 5
    assert len(waits) < 35
    rows[the_one(world)["id"]]["status"] = "ACTIVE"
    assert world.reconcile(key).next == Done()
    assert world.object(key).status["cloudStatus"] == "ACTIVE"
    rows[the_one(world)["id"]]["status"] = "DOWN"
    assert world.reconcile(key).next == RequeueAfter(1.0)
    world.spec(key, portID=two)
    world.settle(key)
    rows[the_one(world)["id"]]["status"] = "DOWN"
    assert world.reconcile(key).next == RequeueAfter(1.0)  # another port begins anew
    world.spec(key, portID=...)
    world.settle(key)
    assert (world.reconcile(key).next, world.object(key).status["cloudStatus"]) == (Done(), "DOWN")


@pytest.mark.parametrize("seconds", [3.0, 49.0, 100.0])
def test_active_is_shown_within_seconds_of_its_being_so(seconds):
    world, (one, _) = prepared()
    rows = world.fake.tables["floating_ips"]
    key = address(world, portID=one)
    world.reconcile(key)
    row = rows[the_one(world)["id"]]
    row["status"] = "DOWN"
    up = world.clock.monotonic() + seconds
    world.clock.call_later(seconds, lambda: row.update(status="ACTIVE"))
    world.settle(key)
    assert world.object(key).status["cloudStatus"] == "ACTIVE"
    assert world.clock.monotonic() - up <= 5.1


def test_a_target_without_a_way_out_is_waited_for_and_no_address_is_lost():
    world, (one, _) = prepared(routed=False)
    key = address(world, portID=one)
    waits = []
    for _ in range(7):
        for _ in range(3):  # what else wakes it does not put it off
            waited = world.reconcile(key).next.seconds
        waits.append(round(waited))
        world.clock.advance(waited)
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    assert world.ready(key) == ("False", "WaitingForReference")
    assert world.progress(key) == "Reconciling"
    assert "Router" in world.message(key)
    spec = {"externalGateway": EXTERNAL["externalNetwork"], "interfaces": [{"networkRef": {"name": "front"}}]}
    world.settle(world.apply(custom("Router", "edge", spec)))
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert the_one(world)["port_id"] == one


def test_a_port_that_is_not_there_is_waited_for():
    world, (one, _) = prepared()
    nowhere = "5e2f6b0e-7c57-4b0e-9f3e-2f1c55e1f001"
    key = address(world, portID=nowhere)
    world.reconcile(key)
    assert world.ready(key) == ("False", "WaitingForReference")
    assert nowhere in world.message(key)
    assert world.others.floating_ips.list() == []
    world.spec(key, portID=one)
    world.settle(key)
    assert the_one(world)["port_id"] == one


def test_another_address_of_the_same_port_is_named_as_what_changes():
    world, _ = prepared()
    network_id = world.network()["id"]
    fixed = [{"ip_address": "10.1.0.70"}, {"ip_address": "10.1.0.71"}]
    port = world.others.ports.create({"network_id": network_id, "fixed_ips": fixed})["id"]
    key = address(world, portID=port, fixedAddress="10.1.0.70")
    world.settle(key)
    world.told(key)
    world.spec(key, fixedAddress="10.1.0.71")
    world.settle(key)
    assert (the_one(world)["port_id"], the_one(world)["fixed_ip_address"]) == (port, "10.1.0.71")
    (event,) = world.events[key]
    assert event.message.endswith("(fixedAddress: 10.1.0.70 -> 10.1.0.71)")


def test_a_port_that_another_address_gives_up_is_taken_then():
    """Two addresses change places one after the other, in whichever order they are reconciled."""
    world, (one, two) = prepared()
    blue = world.apply(custom("FloatingIP", "blue", {**EXTERNAL, "portID": one}))
    green = world.apply(custom("FloatingIP", "green", {**EXTERNAL, "portID": two}))
    world.settle(blue)
    world.settle(green)
    world.spec(green, portID=one)
    assert world.reconcile(green).next == WaitingFor(frozenset({blue}))
    assert world.ready(green) == ("False", "Conflict")
    assert world.progress(green) == "Stalled"
    assert "FloatingIP shop/blue" in world.message(green)
    world.spec(blue, portID=...)
    assert world.reconcile(green).next == WaitingFor(frozenset({blue}))
    assert world.ready(green) == ("False", "WaitingForReference")
    world.settle(blue)
    world.settle(green)
    assert world.ready(green) == ("True", "Available")
    assert world.object(green).status["portID"] == one


def test_a_lost_address_is_not_replaced_by_another_unless_the_spec_says_so():
    world, _ = prepared()
    key = address(world)
    world.settle(key)
    lost = the_one(world)["id"]
    world.others.floating_ips.delete(lost)
    assert world.reconcile(key).next == Stalled()
    assert world.ready(key) == ("False", "ExternallyDeleted")
    for part in (lost, "spec.recreate: Always", "delete this object"):
        assert part in world.message(key)
    assert world.others.floating_ips.list() == []
    world.spec(key, recreate="Always")
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert len(world.others.floating_ips.list()) == 1


def test_a_lost_address_holds_up_nobody():
    world, (one, _) = prepared()
    key, edge = address(world, portID=one), Key("Router", "shop", "edge")
    world.settle(key)
    assert world.object(key).status["routerID"] == world.object(edge).status["id"]
    world.delete(edge)
    world.reconcile(edge)
    assert world.ready(edge) == ("False", "InUse")
    lost = the_one(world)["id"]
    world.others.floating_ips.delete(lost)
    world.reconcile(key)
    status = {name for name in world.object(key).status if name not in ("conditions", "observedGeneration")}
    assert status == {"id", "projectID", "region", "appliedFields"}
    assert lost in world.message(key)
    world.settle(edge)
    assert world.get(edge) is None


@pytest.mark.parametrize("policy", ["Unmanaged", "Managed"])
def test_an_imported_router_that_is_lost_does_not_hold_up_its_network(policy):
    world, _ = prepared()
    (network_key,) = (each.key for each in world.objects("InfomaniakNetwork"))
    edge = Key("Router", "shop", "edge")
    row = world.object(edge).status["id"]
    world.spec(edge, managementPolicy=policy, **{"import": {"id": row}})
    world.settle(edge)
    world.others.routers.remove_interface(row, subnet_id=world.subnets()["v4"]["id"])
    world.others.routers.delete(row)
    world.reconcile(edge)
    assert world.ready(edge) == ("False", "ExternallyDeleted")
    for port in world.others.ports.list(network_id=world.network()["id"]):
        world.others.ports.delete(port["id"])
    world.delete(network_key)
    world.settle(network_key)
    assert world.get(network_key) is None


@pytest.mark.parametrize("bound", [False, True])
def test_an_address_of_the_project_that_is_asked_for(bound):
    world, (one, _) = prepared()
    body = {"floating_network_id": world.fake.external_network_id, **({"port_id": one} if bound else {})}
    theirs = world.others.floating_ips.create(body)
    key = address(world, address=theirs["floating_ip_address"])
    world.settle(key)
    assert the_one(world)["id"] == theirs["id"]
    if bound:
        assert world.ready(key) == ("False", "Conflict")
        assert the_one(world) == theirs
    else:
        assert world.ready(key) == ("True", "Available")
        assert Mark.parse(the_one(world)["description"]) == world.mark(key)


def test_it_goes():
    world, (one, _) = prepared()
    key = address(world, portID=one)
    world.settle(key)
    world.delete(key)
    world.settle(key)
    assert world.get(key) is None
    assert world.others.floating_ips.list() == []


def test_an_address_that_was_to_be_taken_over_and_never_was_is_not_released():
    """Its object may have a finalizer and the id by then, and not the mark: the change by which it comes was refused."""
    world = World()
    row = world.others.floating_ips.create({"floating_network_id": world.fake.external_network_id})
    key = address(world, address=row["floating_ip_address"], description="ours")
    world.fail("PUT floating_ips", BadRequestError("no", category=Category.TERMINAL), times=9)
    world.settle(key)
    assert world.object(key).status["id"] == row["id"]
    world.delete(key)
    world.settle(key)
    assert world.get(key) is None
    assert row["id"] in world.fake.tables["floating_ips"]
    assert "LeftAlone" in world.told(key)


def test_the_address_of_another_namespace_that_has_the_target_is_not_named():
    world, (one, _) = prepared()
    world.apply(secret(namespace="bank"))
    spec = {**EXTERNAL, "portID": one}
    vault = world.apply(custom("FloatingIP", "vault", spec, namespace="bank"))
    world.settle(vault)
    assert world.ready(vault) == ("True", "Available")
    key = address(world, portID=one)
    world.reconcile(key)
    world.reconcile(key)
    assert world.ready(key) == ("False", "Conflict")
    assert "another namespace" in world.message(key)
    assert "vault" not in world.message(key)
    assert "bank" not in world.message(key)


def test_an_address_whose_port_is_gone_shows_no_target():
    world, (one, _) = prepared()
    key = address(world, portID=one)
    world.settle(key)
    world.others.ports.delete(one)
    world.reconcile(key)
    assert world.ready(key) == ("False", "WaitingForReference")
    status = world.object(key).status
    assert {"portID", "fixedAddress", "routerID"} & set(status) == set()
    assert status["cloudStatus"] == "DOWN"
    assert status["address"] == the_one(world)["floating_ip_address"]


def test_an_address_that_somebody_deleted_is_not_called_synced_and_shows_no_target():
    world, (one, _) = prepared()
    key = address(world, portID=one)
    world.settle(key)
    was = world.object(key).status
    world.others.floating_ips.delete(the_one(world)["id"])
    world.reconcile(key)
    assert world.says(key, "Synced") == ("False", "ExternallyDeleted")
    status = world.object(key).status
    assert {"portID", "fixedAddress", "routerID", "cloudStatus"} & set(status) == set()
    assert status["id"] == was["id"]


# ── a Port by reference ──


def with_port(**spec):
    """A world with a network, a way out of it, and a Port named web; and its key."""
    world, _ = prepared()
    key = world.apply(custom("Port", "web", {"networkRef": {"name": "front"}, **spec}))
    world.settle(key)
    world.cloud.take()
    return world, key


def test_an_address_that_leads_to_a_port_by_reference():
    world, port = with_port()
    key = address(world, portRef={"name": "web"})
    world.settle(key)
    assert world.ready(key) == ("True", "Available"), world.message(key)
    assert the_one(world)["port_id"] == world.object(port).status["id"]
    assert world.object(key).status["fixedAddress"] == world.object(port).status["fixedIPs"][0]["address"]
    assert "portRef" in world.object(key).status["appliedFields"]
    other = world.apply(custom("Port", "other", {"networkRef": {"name": "front"}}))
    world.settle(other)
    kept = the_one(world)["floating_ip_address"]
    world.spec(key, portRef={"name": "other"})
    world.settle(key)
    assert the_one(world)["port_id"] == world.object(other).status["id"]
    world.spec(key, portRef=...)
    world.settle(key)
    assert (the_one(world)["port_id"], the_one(world)["floating_ip_address"]) == (None, kept)


def test_which_address_of_the_port_it_leads_to():
    world, _ = with_port(fixedIPs=[{"address": "10.1.0.20"}, {"address": "10.1.0.21"}])
    key = address(world, portRef={"name": "web"}, fixedAddress="10.1.0.21")
    world.settle(key)
    assert world.ready(key) == ("True", "Available"), world.message(key)
    assert the_one(world)["fixed_ip_address"] == "10.1.0.21"
    world.spec(key, fixedAddress="10.1.0.20")
    world.settle(key)
    assert the_one(world)["fixed_ip_address"] == "10.1.0.20"


def test_a_port_that_is_not_there_yet_is_waited_for_and_no_address_is_taken():
    world, _ = prepared()
    key = address(world, portRef={"name": "web"})
    port = Key("Port", "shop", "web")
    assert world.reconcile(key).next == WaitingFor(frozenset({port}))
    assert world.ready(key) == ("False", "WaitingForReference")
    assert "spec.portRef: Port web has no port yet" in world.message(key)
    assert world.others.floating_ips.list() == []
    world.apply(custom("Port", "web", {"networkRef": {"name": "front"}}))
    assert world.reconcile(key).next == WaitingFor(frozenset({port}))
    world.settle(port)
    world.settle(key)
    assert world.ready(key) == ("True", "Available"), world.message(key)


def test_a_port_goes_though_an_address_leads_to_it_and_the_address_is_kept_and_waits():
    world, port = with_port()
    key = address(world, portRef={"name": "web"})
    world.settle(key)
    kept = the_one(world)
    world.delete(port)
    world.settle(port)
    assert world.get(port) is None
    assert world.reconcile(key).next == WaitingFor(frozenset({port}))
    assert world.ready(key) == ("False", "WaitingForReference")
    assert "Port web has no port; the address is kept" in world.message(key)
    assert (the_one(world)["id"], the_one(world)["port_id"]) == (kept["id"], None)
    world.settle(world.apply(custom("Port", "web", {"networkRef": {"name": "front"}}, life=2)))
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert the_one(world)["port_id"] == world.object(port).status["id"]
    assert the_one(world)["floating_ip_address"] == kept["floating_ip_address"]


def test_an_address_leads_on_to_a_port_that_waits_to_go_and_none_is_led_to_it():
    world, port = with_port()
    key = address(world, portRef={"name": "web"})
    world.settle(key)
    world.others.ports.update(world.object(port).status["id"], {"device_id": "x", "device_owner": "compute:nova"})
    world.delete(port)
    world.reconcile(port)
    assert world.ready(port) == ("False", "InUse")
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    other = world.apply(custom("FloatingIP", "other", {**EXTERNAL, "portRef": {"name": "web"}}))
    world.reconcile(other)
    assert world.ready(other) == ("False", "WaitingForReference")
    assert len(world.others.floating_ips.list()) == 1


def test_a_port_that_somebody_deleted_is_followed_to_the_one_that_is_made_again():
    world, port = with_port()
    key = address(world, portRef={"name": "web"})
    world.settle(key)
    former = world.object(port).status["id"]
    world.others.ports.delete(former)
    world.settle(port)
    world.settle(key)
    assert world.ready(key) == ("True", "Available"), world.message(key)
    assert the_one(world)["port_id"] == world.object(port).status["id"] != former


def test_the_way_out_of_a_ports_network_is_waited_for():
    world = World()
    world.settle(world.apply(network(subnets=[subnet("v4", "10.1.0.0/24")])))
    world.settle(world.apply(custom("Port", "web", {"networkRef": {"name": "front"}})))
    spec = {"externalGateway": EXTERNAL["externalNetwork"], "interfaces": [{"networkRef": {"name": "front"}}]}
    router = world.apply(custom("Router", "edge", spec))
    key = address(world, portRef={"name": "web"})
    world.cloud.take()
    assert world.reconcile(key).next == WaitingFor(frozenset({router}))
    assert "spec.portRef: Router edge, the way to the outside, is not Ready yet" in world.message(key)
    assert world.cloud.writes() == []
    world.settle(router)
    world.settle(key)
    assert world.ready(key) == ("True", "Available")


def test_two_addresses_change_places_between_two_ports():
    world, one = with_port()
    two = world.apply(custom("Port", "other", {"networkRef": {"name": "front"}}))
    world.settle(two)
    first = world.apply(custom("FloatingIP", "a", {**EXTERNAL, "portRef": {"name": "web"}}))
    second = world.apply(custom("FloatingIP", "b", {**EXTERNAL, "portRef": {"name": "other"}}))
    for key in (first, second):
        world.settle(key)
    before = {row["port_id"]: row["id"] for row in world.others.floating_ips.list()}
    world.spec(first, portRef={"name": "other"})
    world.spec(second, portRef={"name": "web"})
    for _ in range(4):
        for key in (first, second):
            world.settle(key)
    after = {row["port_id"]: row["id"] for row in world.others.floating_ips.list()}
    ids = [world.object(key).status["id"] for key in (one, two)]
    assert {after[ids[0]], after[ids[1]]} == set(before.values())
    assert after[ids[0]] == before[ids[1]]
    assert world.ready(first) == world.ready(second) == ("True", "Available")
