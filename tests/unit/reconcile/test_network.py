"""An InfomaniakNetwork from its create through its changes: what is called, and what is said."""

import pytest

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.controller.interfaces import FINALIZER, Done
from infomaniak_operator.reconcile.ownership.marks import Mark, described, user_text
from tests.support.objects import network, subnet
from tests.support.world import PROJECT, REGION, World

V4 = subnet("v4", "10.1.0.0/24")
V6 = subnet("v6", "fd00:1::/64", ipv6AddressMode="slaac", ipv6RAMode="slaac")


def made(**spec):
    """A world in which the network is Ready, and its key."""
    spec.setdefault("subnets", [V4, V6])
    world = World()
    key = world.apply(network(**spec))
    assert world.settle(key).next == Done()
    assert world.ready(key) == ("True", "Available")
    world.cloud.take()
    world.told(key)
    return world, key


def test_a_network_with_its_subnets_takes_three_calls_and_one_reconcile():
    world = World()
    key = world.apply(network(subnets=[V4, V6], mtu=1400, description="the front", adminStateUp=True))
    result = world.reconcile(key)
    assert result.next == Done()
    assert world.cloud.take() == ["LIST networks", "GET quotas", "POST networks", "POST subnets"]
    assert world.finalizers_added[key] == 1
    assert world.status_writes[key] == 2  # what is about to be set, and what came of it
    row = world.network()
    assert (row["name"], row["mtu"], user_text(row["description"])) == ("front", 1400, "the front")
    assert Mark.parse(row["description"]) == world.mark(key)
    for name, item in world.subnets().items():
        assert item["network_id"] == row["id"]
        assert Mark.parse(item["description"]) == world.mark(key, f"subnet/{name}")
    assert world.told(key) == ["Created", "Created"]


def test_what_status_says():
    world, key = made(mtu=1400)
    status = dict(world.object(key).status)
    row, there = world.network(), world.subnets()
    assert status["id"] == row["id"]
    assert (status["projectID"], status["region"]) == (PROJECT, REGION)
    assert status["cloudStatus"] == "ACTIVE"
    assert [(s["name"], s["id"], s["ipVersion"]) for s in status["subnets"]] == [
        ("v4", there["v4"]["id"], 4),
        ("v6", there["v6"]["id"], 6),
    ]
    assert status["subnets"][0]["gateway"] == "10.1.0.1"
    assert "mtu" in status["appliedFields"]
    assert status["inputsHash"]
    assert world.says(key, "CredentialsValid") == ("True", "Available")
    assert world.says(key, "Synced") == ("True", "Available")
    assert world.progress(key) == ""
    own = {name: value for name, value in status.items() if name != "conditions"}
    KINDS["InfomaniakNetwork"].status.model_validate(own)  # the schema knows every field


def test_the_finalizer_is_there_before_the_first_create():
    world = World()
    key = world.apply(network())
    seen = []
    world.meanwhile("POST networks", lambda: seen.append(world.object(key).finalizers))
    world.settle(key)
    assert seen == [(FINALIZER,)]


def test_a_further_reconcile_changes_nothing():
    world, key = made(description="x", tags=["blue"], mtu=1400)
    before = dict(world.object(key).status)
    for restart in (False, True, False):
        if restart:
            world.restart()
        world.reconcile(key)
        assert world.cloud.writes() == []
        assert world.object(key).status == before
        assert world.status_writes[key] == 2
    assert world.told(key) == []


def test_the_hash_of_the_inputs_foretells_that_nothing_is_to_be_done():
    world, key = made()
    reconciler = world.reconcilers[key.kind]
    assert reconciler.inputs_hash(world.object(key), world) == world.object(key).status["inputsHash"]
    world.spec(key, mtu=1400)
    assert reconciler.inputs_hash(world.object(key), world) != world.object(key).status["inputsHash"]


def test_a_look_asked_for_while_nobody_heard_it_is_due_after_a_restart():
    world, key = made()
    reconciler = world.reconcilers[key.kind]
    assert reconciler.inputs_hash(world.object(key), world) == world.object(key).status["inputsHash"]
    world.annotate(key, reconcile_at="now")
    assert reconciler.inputs_hash(world.object(key), world) != world.object(key).status["inputsHash"]
    world.settle(key)
    assert reconciler.inputs_hash(world.object(key), world) == world.object(key).status["inputsHash"]


def test_tags_cost_one_more_call():
    world = World()
    key = world.apply(network(tags=["blue", "eu"], subnets=[V4]))
    world.settle(key)
    assert sorted(world.network()["tags"]) == ["blue", "eu"]
    assert sorted(world.cloud.writes()) == ["POST networks", "POST subnets", "PUT tags"]


MUTABLE = [
    ("adminStateUp", "admin_state_up", False, True),
    ("mtu", "mtu", 1400, 1450),
    ("portSecurityEnabled", "port_security_enabled", False, True),
    ("dnsDomain", "dns_domain", "example.org.", ""),
    ("name", "name", "other-name", "front"),
]
SUBNET_MUTABLE = [
    ("enableDHCP", "enable_dhcp", False, True),
    ("dnsNameservers", "dns_nameservers", ["10.1.0.53", "10.1.0.54"], []),
    ("gateway", "gateway_ip", "10.1.0.254", "10.1.0.1"),
    ("allocationPools", "allocation_pools", [{"start": "10.1.0.100", "end": "10.1.0.150"}], None),
    ("hostRoutes", "host_routes", [{"destination": "10.9.0.0/16", "nexthop": "10.1.0.9"}], []),
]


@pytest.mark.parametrize(("field", "api", "value", "default"), MUTABLE)
def test_a_field_changed_by_the_user_is_one_put_of_just_that(field, api, value, default):
    world, key = made()
    world.spec(key, **{field: value})
    world.reconcile(key)
    (call,) = [call for call in world.cloud.log if call.writing]
    assert str(call) == "PUT networks"
    assert call.args[1] == {api: value}
    assert world.network()[api] == value
    assert world.ready(key) == ("True", "Available")
    assert world.told(key) == ["Updated"]


@pytest.mark.parametrize(("field", "api", "value", "default"), MUTABLE)
def test_a_field_changed_in_the_cloud_is_put_back(field, api, value, default):
    world, key = made(**{field: value})
    world.others.networks.update(world.network()["id"], {api: default})
    world.reconcile(key)
    assert world.cloud.writes() == ["PUT networks"]
    assert world.network()[api] == value
    assert world.ready(key) == ("True", "Available")
    (event,) = world.events[key]
    assert event.reason == "DriftCorrected"
    assert field in event.message


@pytest.mark.parametrize(("field", "api", "value", "default"), [row for row in MUTABLE if row[0] != "name"])
def test_a_field_the_spec_does_not_name_is_left_alone(field, api, value, default):
    world, key = made()
    world.others.networks.update(world.network()["id"], {api: value})
    world.reconcile(key)
    assert world.cloud.writes() == []
    assert world.network()[api] == value


@pytest.mark.parametrize(("field", "api", "value", "default"), MUTABLE)
def test_a_field_taken_out_goes_back_to_the_default_where_there_is_one(field, api, value, default):
    world, key = made(**{field: value})
    world.spec(key, **{field: ...})
    world.reconcile(key)
    kept = field == "mtu"  # the service has no default that one could ask for
    assert world.network()[api] == (value if kept else default)
    assert world.cloud.writes() == ([] if kept else ["PUT networks"])
    assert field not in world.object(key).status["appliedFields"]
    # from now on it is not ours any more
    world.others.networks.update(world.network()["id"], {api: value})
    world.reconcile(key)
    assert world.cloud.writes() == (["PUT networks"] if field == "name" else [])


def test_a_description_is_changed_and_its_mark_stays():
    world, key = made(description="one")
    world.spec(key, description="two")
    world.reconcile(key)
    assert world.network()["description"] == described("two", world.mark(key))
    world.spec(key, description=...)
    world.reconcile(key)
    assert world.network()["description"] == world.mark(key).text
    assert world.cloud.writes() == ["PUT networks", "PUT networks"]


def test_tags_are_a_set_and_go_when_they_were_ours():
    world, key = made(tags=["blue", "eu"])
    world.others.tags.replace("networks", world.network()["id"], ["eu", "blue"])
    world.reconcile(key)
    assert world.cloud.writes() == []
    world.others.tags.replace("networks", world.network()["id"], ["eu", "red"])
    world.reconcile(key)
    assert sorted(world.network()["tags"]) == ["blue", "eu"]
    assert world.told(key) == ["DriftCorrected"]
    world.spec(key, tags=...)
    world.reconcile(key)
    assert world.network()["tags"] == []
    world.others.tags.replace("networks", world.network()["id"], ["theirs"])
    world.cloud.take()
    world.reconcile(key)
    assert world.cloud.writes() == []


@pytest.mark.parametrize(("field", "api", "value", "default"), SUBNET_MUTABLE)
def test_a_field_of_a_subnet_changed_by_the_user_is_one_put(field, api, value, default):
    world, key = made()
    world.spec(key, subnets=[{**V4, field: value}, V6])
    world.reconcile(key)
    (call,) = [call for call in world.cloud.log if call.writing]
    assert str(call) == "PUT subnets"
    assert call.args[0] == world.subnets()["v4"]["id"]
    assert call.args[1][api] == value
    assert world.subnets()["v4"][api] == value
    assert world.ready(key) == ("True", "Available")
    assert world.told(key) == ["Updated"]


@pytest.mark.parametrize(("field", "api", "value", "default"), SUBNET_MUTABLE)
def test_a_field_of_a_subnet_changed_in_the_cloud_is_put_back(field, api, value, default):
    world, key = made(subnets=[{**V4, field: value}, V6])
    there = world.subnets()["v4"]
    drift = {api: default if default is not None else [{"start": "10.1.0.200", "end": "10.1.0.210"}]}
    if api == "gateway_ip":
        drift["allocation_pools"] = [{"start": "10.1.0.2", "end": "10.1.0.254"}]
    world.others.subnets.update(there["id"], drift)
    world.settle(key)
    assert world.cloud.writes() == ["PUT subnets"]
    assert world.subnets()["v4"][api] == value
    (event,) = world.events[key]
    assert event.reason == "DriftCorrected"
    assert f"subnets[v4].{field}" in event.message


@pytest.mark.parametrize(("field", "api", "value", "default"), SUBNET_MUTABLE)
def test_a_field_of_a_subnet_taken_out_goes_back_to_the_default(field, api, value, default):
    world, key = made(subnets=[{**V4, field: value}, V6])
    world.spec(key, subnets=[V4, V6])
    world.settle(key)
    if default is None:
        default = [{"start": "10.1.0.2", "end": "10.1.0.254"}]
    assert world.subnets()["v4"][api] == default
    assert world.cloud.writes() == ["PUT subnets"]
    world.others.subnets.update(world.subnets()["v4"]["id"], {"enable_dhcp": False})
    world.reconcile(key)
    assert world.cloud.writes() == []


def test_a_gateway_moves_though_neutron_made_pools_around_the_former_one():
    world, key = made()
    for gateway in ("10.1.0.254", "10.1.0.7", "none", "10.1.0.1", "10.1.0.254"):
        world.spec(key, subnets=[{**V4, "gateway": gateway}, V6])
        world.settle(key)
        assert world.ready(key) == ("True", "Available"), world.message(key)
        assert world.subnets()["v4"]["gateway_ip"] == (None if gateway == "none" else gateway)
    world.reconcile(key)
    assert world.cloud.writes().count("PUT subnets") == 5


def test_subnets_come_and_go():
    world, key = made(subnets=[V4])
    world.spec(key, subnets=[V4, V6, subnet("more", "10.2.0.0/24")])
    world.settle(key)
    assert sorted(world.subnets()) == ["more", "v4", "v6"]
    assert world.cloud.writes() == ["POST subnets"]  # all in one
    world.spec(key, subnets=[V6])
    world.settle(key)
    assert sorted(world.subnets()) == ["v6"]
    assert world.cloud.writes() == ["DELETE subnets", "DELETE subnets"]
    assert [item["name"] for item in world.object(key).status["subnets"]] == ["v6"]
    world.spec(key, subnets=[])
    world.settle(key)
    assert world.subnets() == {}
    assert "subnets" not in world.object(key).status or world.object(key).status["subnets"] == []


def test_subnets_taken_out_of_the_spec_altogether_go_too():
    world, key = made(subnets=[V4])
    world.spec(key, subnets=...)
    world.settle(key)
    assert world.subnets() == {}


def test_another_cidr_under_the_same_name_is_another_subnet():
    world, key = made()
    former = world.subnets()["v4"]["id"]
    world.spec(key, subnets=[subnet("v4", "10.1.0.0/25"), V6])
    world.settle(key)
    assert world.cloud.writes() == ["DELETE subnets", "POST subnets"]
    there = world.subnets()["v4"]
    assert there["id"] != former
    assert there["cidr"] == "10.1.0.0/25"
    assert world.object(key).status["subnets"][0]["id"] == there["id"]


def test_a_subnet_deleted_in_the_cloud_is_made_again():
    world, key = made()
    world.others.subnets.delete(world.subnets()["v4"]["id"])
    world.settle(key)
    assert sorted(world.subnets()) == ["v4", "v6"]
    assert world.told(key) == ["DriftCorrected"]


@pytest.mark.parametrize("spec", [{}, {"subnets": []}, {"subnets": [V4]}])
def test_a_subnet_somebody_added_is_never_taken_for_ours(spec):
    world = World()
    key = world.apply(network(**spec))
    world.settle(key)
    theirs = {"network_id": world.network()["id"], "name": "theirs", "cidr": "10.7.0.0/24", "ip_version": 4}
    (row,) = world.others.subnets.create_many([theirs])
    for _ in range(2):
        world.reconcile(key)
    world.spec(key, subnets=[V4, V6])
    world.settle(key)
    world.spec(key, subnets=[V6])
    world.settle(key)
    world.spec(key, subnets=...)
    world.settle(key)
    assert world.subnets()["theirs"] == row


def test_a_subnet_somebody_added_is_not_taken_for_ours_when_the_first_attempt_to_add_ours_fails():
    world = World()
    key = world.apply(network())
    world.settle(key)
    theirs = {"network_id": world.network()["id"], "name": "v4", "cidr": "10.7.0.0/24", "ip_version": 4}
    (row,) = world.others.subnets.create_many([theirs])
    world.reconcile(key)
    assert [item["name"] for item in world.object(key).status["subnets"]] == ["v4"]
    world.spec(key, subnets=[V4])
    world.fail("POST subnets", ConnectionError("defect"))
    with pytest.raises(ConnectionError):
        world.reconcile(key)
    world.settle(key)
    rows = world.others.subnets.list()
    assert row in rows
    assert sorted(item["cidr"] for item in rows) == ["10.1.0.0/24", "10.7.0.0/24"]


def test_a_network_that_is_not_active_yet_is_waited_for():
    world = World()
    key = world.apply(network())
    world.settle(key)
    row = world.fake.tables["networks"][world.network()["id"]]
    row["status"] = "BUILD"
    world.reconcile(key)
    assert world.ready(key) == ("False", "Updating")
    assert world.progress(key) == "Reconciling"
    row["status"] = "ACTIVE"
    world.settle(key)
    assert world.ready(key) == ("True", "Available")


def test_one_that_does_not_get_ready_is_asked_for_ever_more_rarely():
    world = World()
    key = world.apply(network(subnets=[]))
    world.settle(key)
    world.fake.tables["networks"][world.network()["id"]]["status"] = "ERROR"
    waits = []
    while not waits or waits[-1] < 30:
        for _ in range(3):  # by time, whatever else wakes it
            waited = world.reconcile(key).next.seconds
        waits.append(waited)
        world.clock.advance(waited)
    assert waits[0] == pytest.approx(1.0, abs=0.1)
    assert waits == sorted(waits)
    assert len(waits) < 25
    assert "ERROR" in world.message(key)
