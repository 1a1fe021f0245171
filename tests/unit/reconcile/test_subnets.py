"""What Neutron gives a subnet that names neither gateway nor pools; and subnets whose range is from a subnet pool."""

import pytest

from infomaniak_operator.client import Category, CloudTimeoutError
from infomaniak_operator.client.errors import BadRequestError
from infomaniak_operator.controller.interfaces import Done
from infomaniak_operator.reconcile.neutron.subnets import default_gateway, default_pools
from infomaniak_operator.reconcile.ownership.marks import Mark
from tests.support.objects import network
from tests.support.world import GRACE, World


@pytest.mark.parametrize(
    ("cidr", "gateway", "pools"),
    [
        ("10.0.0.0/24", "10.0.0.1", [("10.0.0.2", "10.0.0.254")]),
        ("10.0.0.0/24", None, [("10.0.0.1", "10.0.0.254")]),
        ("10.0.0.0/24", "10.0.0.254", [("10.0.0.1", "10.0.0.253")]),
        ("10.0.0.0/24", "10.0.0.100", [("10.0.0.1", "10.0.0.99"), ("10.0.0.101", "10.0.0.254")]),
        ("10.0.0.0/24", "10.9.0.1", [("10.0.0.1", "10.0.0.254")]),
        ("10.0.0.0/30", "10.0.0.1", [("10.0.0.2", "10.0.0.2")]),
        ("10.0.0.0/31", "10.0.0.1", [("10.0.0.0", "10.0.0.0")]),
        ("10.0.0.0/32", None, [("10.0.0.0", "10.0.0.0")]),
        ("fd00::/64", "fd00::1", [("fd00::2", "fd00::ffff:ffff:ffff:ffff")]),
        ("fd00::/64", "fe80::1", [("fd00::1", "fd00::ffff:ffff:ffff:ffff")]),
        ("fd00::/126", None, [("fd00::1", "fd00::3")]),
        ("fd00::/127", None, [("fd00::1", "fd00::1")]),
        ("fd00::/128", None, [("fd00::", "fd00::")]),
        ("10.0.0.5/24", "10.0.0.1", [("10.0.0.2", "10.0.0.254")]),  # Neutron has it without the 5; others may not
    ],
)
def test_default_pools(cidr, gateway, pools):
    found = default_pools({"cidr": cidr, "gateway_ip": gateway})
    assert [(pool["start"], pool["end"]) for pool in found] == pools


@pytest.mark.parametrize(
    ("cidr", "gateway"),
    [
        ("10.0.0.0/24", "10.0.0.1"),
        ("fd00:0::/64", "fd00::"),
        ("10.0.0.5/24", "10.0.0.1"),
        ("255.255.255.255/32", "255.255.255.255"),
    ],
)
def test_default_gateway(cidr, gateway):
    assert default_gateway({"cidr": cidr}) == gateway


def from_pool(name, pool, **fields):
    """An item of ``spec.subnets`` without a CIDR."""
    return {"name": name, "subnetPoolID": pool, **fields}


def with_pool(**fields):
    """A world with a pool, a network with one subnet from it that is Ready, and the pool's id."""
    world = World()
    pool = world.fake.neutron.make_subnet_pool("10.64.0.0/16")
    key = world.apply(network(subnets=[from_pool("a", pool, **fields)]))
    return world, key, pool


def test_a_subnet_from_a_pool_shows_the_range_that_it_got():
    world, key, pool = with_pool()
    assert world.settle(key).next == Done()
    row = world.subnets()["a"]
    assert row["cidr"] == "10.64.0.0/26"
    shown = {"name": "a", "id": row["id"], "cidr": "10.64.0.0/26", "gateway": "10.64.0.1", "ipVersion": 4}
    assert world.object(key).status["subnets"] == [{**shown, "subnetPoolID": pool}]
    assert Mark.parse(row["description"]) == world.mark(key, "subnet/a")


def test_a_subnet_from_a_pool_stays_as_it_is_at_resyncs_and_restarts():
    world, key, _ = with_pool(prefixLength=27, ipVersion=4)
    assert world.settle(key).next == Done()
    before = dict(world.subnets()["a"])
    world.cloud.take()
    world.reconcile(key)
    assert not [call for call in world.cloud.take() if not call.startswith(("LIST", "GET"))]
    assert world.subnets()["a"] == before


def test_two_subnets_from_one_pool_come_in_one_call_and_each_keeps_its_own():
    world, key, pool = with_pool()
    world.apply(network(subnets=[from_pool("a", pool), from_pool("b", pool, prefixLength=28)]))
    assert world.settle(key).next == Done()
    there = world.subnets()
    assert [there[name]["cidr"] for name in ("a", "b")] == ["10.64.0.0/26", "10.64.0.64/28"]


def test_a_mutable_field_of_a_subnet_from_a_pool_changes_in_place():
    world, key, pool = with_pool(gateway="none")
    assert world.settle(key).next == Done()
    id_ = world.subnets()["a"]["id"]
    world.apply(network(subnets=[from_pool("a", pool, dnsNameservers=["9.9.9.9"])]))
    assert world.settle(key).next == Done()
    row = world.subnets()["a"]
    assert (row["id"], row["dns_nameservers"], row["gateway_ip"]) == (id_, ["9.9.9.9"], "10.64.0.1")


def test_an_answer_without_the_pool_replaces_no_subnet():
    """Not to be shown is not to be another one."""
    world, key, _ = with_pool()
    assert world.settle(key).next == Done()
    row = world.subnets()["a"]
    del world.fake.neutron.tables["subnets"][row["id"]]["subnetpool_id"]
    world.cloud.take()
    world.reconcile(key)
    assert not [call for call in world.cloud.take() if not call.startswith(("LIST", "GET"))]
    assert world.subnets()["a"]["id"] == row["id"]


def test_a_pool_that_is_not_there_is_told_with_its_field():
    world = World()
    gone = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
    key = world.apply(network(subnets=[from_pool("a", gone)]))
    for _ in range(3):
        world.reconcile(key)
    assert world.ready(key) == ("False", "InvalidConfiguration")
    assert gone in world.message(key)
    assert "spec.subnets[a].subnetPoolID: there is no such subnet pool" in world.message(key)


def test_a_pool_without_room_is_told_with_its_field_and_nothing_is_doubled():
    world, key, pool = with_pool()
    assert world.settle(key).next == Done()
    world.apply(network(subnets=[from_pool("a", pool), from_pool("b", pool, prefixLength=15)]))
    world.reconcile(key)
    assert "spec.subnets[b].subnetPoolID: the subnet pool has no room" in world.message(key, "Reconciling")
    assert list(world.subnets()) == ["a"]


def test_an_adopted_network_has_its_subnets_from_pools_known_by_their_names():
    world = World()
    pool = world.fake.neutron.make_subnet_pool("10.64.0.0/16")
    id_ = world.others.networks.create({"name": "theirs"})["id"]
    body = {"network_id": id_, "ip_version": 4, "subnetpool_id": pool}
    one, other = world.others.subnets.create_many([{**body, "name": "one"}, {**body, "name": "other"}])
    items = [from_pool("other", pool, dnsNameservers=["9.9.9.9"]), from_pool("one", pool, prefixLength=26)]
    key = world.apply(network(import_={"id": id_}, subnets=items))
    assert world.settle(key).next == Done()
    assert {name: row["id"] for name, row in world.subnets().items()} == {"one": one["id"], "other": other["id"]}
    assert [each["id"] for each in world.object(key).status["subnets"]] == [other["id"], one["id"]]


@pytest.mark.parametrize(
    ("said", "field"), [({"prefixLength": 27}, "prefixLength"), ({}, "subnetPoolID")], ids=["prefix length", "pool"]
)
def test_an_adopted_subnet_of_another_pool_or_size_is_a_conflict_and_stays(said, field):
    world = World()
    pool = world.fake.neutron.make_subnet_pool("10.64.0.0/16")
    id_ = world.others.networks.create({"name": "theirs"})["id"]
    body = {"network_id": id_, "ip_version": 4, "subnetpool_id": pool, "name": "one"}
    one = world.others.subnets.create(body)
    wanted = pool if said else world.fake.neutron.make_subnet_pool("10.65.0.0/16")
    key = world.apply(network(import_={"id": id_}, subnets=[from_pool("one", wanted, **said)]))
    world.settle(key)
    assert world.ready(key) == ("False", "Conflict")
    assert f"subnets[one].{field}" in world.message(key)
    assert list(world.subnets()) == ["one"]
    assert world.subnets()["one"]["id"] == one["id"]


def cloned(world, row, pool):
    """A subnet that somebody made like another one, its description with the mark included: the pool has room for it."""
    body = {name: row[name] for name in ("network_id", "ip_version", "name", "description")}
    return world.others.subnets.create({**body, "subnetpool_id": pool})["id"]


def ids(world):
    return {row["id"] for row in world.others.subnets.list()}


@pytest.mark.parametrize("restarts", [False, True])
def test_a_clone_of_a_subnet_from_a_pool_is_left_alone(restarts):
    world, key, pool = with_pool()
    world.settle(key)
    ours = world.subnets()["a"]
    theirs = cloned(world, ours, pool)
    if restarts:
        world.restart()
    world.cloud.take()
    world.settle(key)
    assert world.cloud.writes() == []
    assert world.ready(key) == ("True", "Available")
    assert theirs in world.message(key, "Synced")
    assert [each["id"] for each in world.object(key).status["subnets"]] == [ours["id"]]
    world.delete(key)
    world.reconcile(key)
    assert world.ready(key) == ("False", "InUse")
    assert ids(world) == {ours["id"], theirs}


def test_of_two_subnets_from_a_pool_with_one_mark_none_is_touched_if_status_names_neither():
    world, key, pool = with_pool()
    world.settle(key)
    ours = world.subnets()["a"]
    theirs = cloned(world, ours, pool)
    world.restart()
    del world.object(key).status["subnets"]
    world.cloud.take()
    world.settle(key)
    assert world.cloud.writes() == []
    assert world.ready(key) == ("False", "Conflict")
    assert ids(world) == {ours["id"], theirs}


def test_a_double_of_a_lost_create_from_a_pool_is_deleted():
    """This process has a record of it, so it is its own."""
    lost = CloudTimeoutError("no answer in 30 s", category=Category.TRANSIENT, outcome_unknown=True)
    world = World()
    pool = world.fake.neutron.make_subnet_pool("10.64.0.0/16")
    key = world.apply(network(subnets=[from_pool("a", pool)]))
    world.late("POST subnets", GRACE + 30, lost)
    world.settle(key)
    world.clock.advance(GRACE + 60)
    assert len(ids(world)) == 2
    world.cloud.take()
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert world.cloud.writes() == ["DELETE subnets"]


@pytest.mark.parametrize(
    ("error", "said", "advice"),
    [
        ("MaxPrefixSubnetAllocationError", "maximum allowed prefix is 28.", "with a shorter prefixLength"),
        ("MinPrefixSubnetAllocationError", "minimum allowed prefix is 8.", "with a longer prefixLength"),
        (
            "NetworkSubnetPoolAffinityError",
            "must be allocated from the same subnet pool.",
            "with the pool of the others",
        ),
    ],
)
def test_a_refusal_by_a_pool_is_told_with_what_to_do(error, said, advice):
    world, key, _ = with_pool(prefixLength=30)
    world.fail("POST subnets", BadRequestError(f"POST subnets: 400 {error}: {said}", status=400, error_type=error))
    world.settle(key)
    assert world.ready(key) == ("False", "InvalidConfiguration")
    assert advice in world.message(key)
    assert "no room" not in world.message(key)


def test_a_subnet_whose_pool_a_former_crd_has_pruned_stays():
    """As after a way back to a release whose CRD has no subnetPoolID."""
    world, key, pool = with_pool(prefixLength=27)
    world.settle(key)
    before = world.subnets()
    world.restart()
    world.spec(key, subnets=[{"name": "a"}])
    world.cloud.take()
    world.settle(key)
    assert world.ready(key) == ("False", "InvalidConfiguration")
    world.spec(key, subnets=[from_pool("a", pool, prefixLength=27)])
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert world.cloud.writes() == []
    assert world.subnets() == before


def test_of_two_subnets_of_the_name_none_is_adopted():
    world = World()
    pool = world.fake.neutron.make_subnet_pool("10.64.0.0/16")
    id_ = world.others.networks.create({"name": "theirs"})["id"]
    body = {"network_id": id_, "ip_version": 4, "subnetpool_id": pool, "name": "a"}
    one, other = world.others.subnets.create_many([body, body])
    key = world.apply(network(import_={"id": id_}, subnets=[from_pool("a", pool)]))
    for _ in range(3):
        world.reconcile(key)
        assert world.ready(key) == ("False", "Conflict")
        assert one["id"] in world.message(key)
        assert other["id"] in world.message(key)
    assert "POST subnets" not in world.cloud.writes()
    assert [each["description"] for each in world.others.subnets.list()] == ["", ""]
    world.others.subnets.update(other["id"], {"name": "b"})
    world.clock.advance(600)
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert [each["id"] for each in world.object(key).status["subnets"]] == [one["id"]]
