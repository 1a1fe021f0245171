"""The port forwardings of a FloatingIP, on a cloud in memory: made, changed, put back, removed; and what stands in their way."""

import pytest

from infomaniak_operator.client import ServiceError
from tests.support.forest import Forest
from tests.support.objects import custom, key_of, network, subnet

EXTERNAL = {"externalNetwork": {"networkName": "ext-floating1"}}
WAY = {"externalGateway": EXTERNAL["externalNetwork"], "interfaces": [{"networkRef": {"name": "front"}}]}
SSH = {"protocol": "tcp", "externalPort": 2201, "internalPort": 22, "portRef": {"name": "one"}}
WEB = {"protocol": "tcp", "externalPort": 443, "portRef": {"name": "two"}}
KEY = key_of(custom("FloatingIP", "public", {}))


def port(name, *addresses, life=1):
    fixed = {"fixedIPs": [{"address": each} for each in addresses]}
    return custom("Port", name, {"networkRef": {"name": "front"}, **fixed}, life=life)


def address(*forwardings, **spec):
    listed = {"portForwardings": list(forwardings)} if forwardings else {}
    return custom("FloatingIP", "public", {**EXTERNAL, **listed, **spec})


def placed(*more):
    """A network with a way out, two Ports, and what else there is to be."""
    world = Forest(
        network(subnets=[subnet("v4", "10.1.0.0/24")]),
        custom("Router", "edge", WAY),
        port("one", "10.1.0.11"),
        port("two", "10.1.0.12", "10.1.0.13"),
        *more,
    )
    world.run()
    return world


def forwarded(world):
    rows = world.one("floating_ips")["port_forwardings"]
    return sorted(
        f"{each['protocol']} {each['external_port']} -> {each['internal_ip_address']}:{each['internal_port']}"
        for each in rows
    )


def by_hand(world, external=8080, inside="10.1.0.12", number=80, port_name="two"):
    (there,) = [row for row in world.table("ports") if row["name"] == port_name]
    body = {"protocol": "tcp", "external_port": external, "internal_port_id": there["id"]}
    body |= {"internal_ip_address": inside, "internal_port": number}
    return world.others.port_forwardings.create(world.one("floating_ips")["id"], body)


BOTH = ["tcp 2201 -> 10.1.0.11:22", "tcp 443 -> 10.1.0.12:443"]


def test_all_at_once_in_any_order_and_nothing_more_at_the_resync():
    world = Forest(
        address(SSH, WEB),
        port("two", "10.1.0.12", "10.1.0.13"),
        custom("Router", "edge", WAY),
        port("one", "10.1.0.11"),
        network(subnets=[subnet("v4", "10.1.0.0/24")]),
    )
    world.run()
    world.all_ready()
    assert forwarded(world) == BOTH
    assert (world.calls()["POST floating_ips"], world.calls()["POST port_forwardings"]) == (1, 2)
    assert "2 port forwardings" in world.message(KEY)
    shown = world.object(KEY).status["portForwardings"]
    assert [(each["externalPort"], each["fixedAddress"]) for each in shown] == [(2201, "10.1.0.11"), (443, "10.1.0.12")]
    world.forget_calls()
    world.clock.advance(600)
    world.resync()
    world.run()
    assert world.changes() == []
    assert (world.calls()["LIST floating_ips"], world.calls()["LIST port_forwardings"]) == (1, 0)


def test_one_comes_one_changes_and_one_goes_by_one_call_each():
    world = placed(address(SSH, WEB))
    ids = {each["external_port"]: each["id"] for each in world.one("floating_ips")["port_forwardings"]}
    world.forget_calls()
    world.spec(KEY, portForwardings=[{**SSH, "internalPort": 2222}, {**WEB, "protocol": "udp"}])
    world.run()
    assert forwarded(world) == ["tcp 2201 -> 10.1.0.11:2222", "udp 443 -> 10.1.0.12:443"]
    assert world.changes() == ["DELETE port_forwardings", "PUT port_forwardings", "POST port_forwardings"]
    assert ids[2201] in {each["id"] for each in world.one("floating_ips")["port_forwardings"]}
    world.spec(KEY, portForwardings=[{**SSH, "portRef": {"name": "two"}, "fixedAddress": "10.1.0.13"}])
    world.run()
    assert forwarded(world) == ["tcp 2201 -> 10.1.0.13:22"]
    world.all_ready()


def test_two_that_change_places_inside():
    world = placed(address({**SSH, "externalPort": 1}, {**SSH, "externalPort": 2, "portRef": {"name": "two"}}))
    world.spec(
        KEY, portForwardings=[{**SSH, "externalPort": 2}, {**SSH, "externalPort": 1, "portRef": {"name": "two"}}]
    )
    world.run()
    assert forwarded(world) == ["tcp 1 -> 10.1.0.12:22", "tcp 2 -> 10.1.0.11:22"]
    world.all_ready()
    assert world.refused == []


@pytest.mark.parametrize("drift", ["deleted", "added", "changed"])
def test_drift_is_put_back(drift):
    world = placed(address(SSH, WEB))
    row = world.one("floating_ips")
    first = next(each["id"] for each in row["port_forwardings"] if each["external_port"] == 2201)
    if drift == "deleted":
        world.others.port_forwardings.delete(row["id"], first)
    elif drift == "added":
        by_hand(world)
    else:
        world.others.port_forwardings.update(row["id"], first, {"internal_port": 2222})
    world.clock.advance(600)
    world.resync()
    world.run()
    assert forwarded(world) == BOTH
    assert "DriftCorrected" in " ".join(world.told(KEY))


@pytest.mark.parametrize("taken", [{"portForwardings": []}, {"portForwardings": ...}])
def test_taken_out_of_the_spec_they_go_and_the_address_stays(taken):
    world = placed(address(SSH, WEB))
    id_ = world.one("floating_ips")["id"]
    world.spec(KEY, **taken)
    world.run()
    assert (forwarded(world), world.one("floating_ips")["id"]) == ([], id_)
    world.all_ready()


def test_those_of_others_stay_where_the_spec_lists_none_and_keep_the_address():
    world = placed(address())
    by_hand(world)
    world.clock.advance(600)
    world.resync()
    world.run()
    assert forwarded(world) == ["tcp 8080 -> 10.1.0.12:80"]
    world.spec(KEY, portRef={"name": "one"})
    world.run(100)
    assert world.ready(KEY) == ("False", "InUse")
    assert "tcp 8080 -> 10.1.0.12:80: delete them first, or write portForwardings: []" in world.message(KEY)
    assert world.refused == []
    world.spec(KEY, portForwardings=[])
    world.run()
    assert world.one("floating_ips")["fixed_ip_address"] == "10.1.0.11"
    world.all_ready()


def test_from_a_port_as_a_whole_to_its_ports_and_back():
    world = placed(address(portRef={"name": "one"}, description="it stays"))
    id_ = world.one("floating_ips")["id"]
    world.spec(KEY, portRef=..., portForwardings=[SSH, WEB])
    world.run()
    assert forwarded(world) == BOTH
    assert world.one("floating_ips")["port_id"] is None
    world.spec(KEY, portRef={"name": "one"}, portForwardings=...)
    world.run()
    row = world.one("floating_ips")
    assert (row["id"], row["fixed_ip_address"], row["port_forwardings"]) == (id_, "10.1.0.11", [])
    world.all_ready()
    assert world.refused == []


def test_a_port_that_is_not_there_holds_up_no_other_one():
    world = placed(address(SSH, {**WEB, "portRef": {"name": "late"}}))
    assert forwarded(world) == ["tcp 2201 -> 10.1.0.11:22"]
    assert world.ready(KEY) == ("False", "WaitingForReference")
    assert "spec.portForwardings[1].portRef: there is no Port late" in world.message(KEY)
    world.apply(port("late", "10.1.0.21"))
    world.run()
    assert forwarded(world) == ["tcp 2201 -> 10.1.0.11:22", "tcp 443 -> 10.1.0.21:443"]
    world.all_ready()


def test_a_port_goes_and_comes_back_at_another_address():
    world = placed(address(SSH, WEB))
    world.delete(key_of(port("one")))
    world.run()
    assert forwarded(world) == ["tcp 443 -> 10.1.0.12:443"]
    assert world.ready(KEY) == ("False", "WaitingForReference")
    world.apply(port("one", "10.1.0.31", life=2))
    world.run()
    assert forwarded(world) == ["tcp 2201 -> 10.1.0.31:22", "tcp 443 -> 10.1.0.12:443"]
    world.all_ready()
    world.spec(key_of(port("one")), fixedIPs=[{"address": "10.1.0.32"}])
    world.run()
    assert "tcp 2201 -> 10.1.0.32:22" in forwarded(world)
    world.all_ready()


def test_without_a_way_out_they_are_waited_for_and_the_address_is_there():
    world = Forest(
        network(subnets=[subnet("v4", "10.1.0.0/24")]),
        port("one", "10.1.0.11"),
        address(SSH),
    )
    world.run(120)
    assert world.ready(KEY) == ("False", "WaitingForReference")
    assert "a Router with a gateway there" in world.message(KEY)
    assert world.calls()["POST port_forwardings"] < 10
    world.apply(custom("Router", "edge", WAY))
    world.run()
    assert forwarded(world) == ["tcp 2201 -> 10.1.0.11:22"]
    world.all_ready()


def test_what_neutron_refuses_is_said_with_its_place_and_the_others_are_made():
    wrong = {"protocol": "tcp", "externalPort": 80, "fixedAddress": "10.1.0.99"}
    world = placed(address())
    (one,) = [row for row in world.table("ports") if row["name"] == "one"]
    world.spec(KEY, portForwardings=[{**wrong, "portID": one["id"]}, SSH])
    world.run()
    assert forwarded(world) == ["tcp 2201 -> 10.1.0.11:22"]
    assert (world.ready(KEY), world.progress(KEY)) == (("False", "InvalidConfiguration"), "Stalled")
    assert "spec.portForwardings[tcp/80]: " in world.message(KEY)
    assert "10.1.0.99" in world.message(KEY)
    world.spec(KEY, portForwardings=[SSH])
    world.run()
    world.all_ready()


@pytest.mark.parametrize("how", [{"portRef": {"name": "one"}}, {"portForwardings": [SSH]}])
def test_one_moves_from_an_address_to_another_one_whichever_is_changed_first(how):
    other = custom("FloatingIP", "other", {**EXTERNAL, **how})
    world = placed(other)
    world.apply(address(SSH))
    world.run(200)
    assert world.ready(KEY) == ("False", "Conflict")
    assert "has the address of FloatingIP shop/other" in world.message(KEY)
    world.forget_calls()
    world.clock.advance(100)
    assert world.changes() == []
    world.spec(key_of(other), portRef=..., portForwardings=...)
    world.run(60)
    world.all_ready()
    rows = {row["id"]: len(row["port_forwardings"]) for row in world.table("floating_ips")}
    assert sorted(rows.values()) == [0, 1]


@pytest.mark.parametrize("after", [True, False])
def test_a_create_whose_answer_is_lost_is_made_once(after):
    world = placed(address())
    world.fail("POST port_forwardings", ServiceError("reset", outcome_unknown=True), after=after)
    world.spec(KEY, portForwardings=[SSH, WEB])
    world.run()
    assert forwarded(world) == BOTH
    world.all_ready()


def test_a_create_that_comes_late_is_taken_for_what_it_is():
    world = placed(address())
    world.late("POST port_forwardings", 2.0, ServiceError("timeout", outcome_unknown=True))
    world.spec(KEY, portForwardings=[SSH])
    world.run()
    assert forwarded(world) == ["tcp 2201 -> 10.1.0.11:22"]
    world.all_ready()


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_deleted_they_go_first_and_retained_they_stay(policy):
    world = placed(address(SSH, WEB, deletionPolicy=policy))
    world.delete(KEY)
    world.run()
    assert world.get(KEY) is None
    if policy == "Retain":
        assert forwarded(world) == BOTH
    else:
        assert world.table("floating_ips") == []
    assert world.refused == []


def test_an_import_leaves_them_an_adoption_shows_first_what_it_would_do_and_unmanaged_reads():
    world = placed()
    (external,) = [row for row in world.table("networks") if row["router:external"]]
    made = world.others.floating_ips.create({"floating_network_id": external["id"], "description": "it outlives"})
    world.others.tags.replace("floating_ips", made["id"], ["ingress", "prod"])
    by_hand(world)
    theirs = ["tcp 8080 -> 10.1.0.12:80"]
    found = {"filter": {"tags": ["ingress"], "description": "it outlives"}}
    read = world.apply(custom("FloatingIP", "read", {"managementPolicy": "Unmanaged", "import": found}))
    world.run()
    assert world.object(read).status["portForwardings"][0]["externalPort"] == 8080
    world.delete(read)
    world.apply(custom("FloatingIP", "public", {"import": found}))
    world.run()
    assert forwarded(world) == theirs
    assert world.object(KEY).status["id"] == made["id"]
    world.annotate(KEY, dry_run="true")
    world.spec(KEY, portForwardings=[SSH])
    world.run()
    assert forwarded(world) == theirs
    said = world.message(KEY, "Synced")
    assert "delete port forwarding tcp 8080" in said
    assert "create port forwarding tcp 2201 -> 10.1.0.11:22" in said
    world.annotate(KEY, dry_run="")
    world.run()
    assert forwarded(world) == ["tcp 2201 -> 10.1.0.11:22"]
    world.all_ready()


def test_an_imported_address_that_is_bound_is_not_taken_away_for_its_ports():
    world = placed()
    (external,) = [row for row in world.table("networks") if row["router:external"]]
    (two,) = [row for row in world.table("ports") if row["name"] == "two"]
    body = {"floating_network_id": external["id"], "port_id": two["id"], "fixed_ip_address": "10.1.0.12"}
    made = world.others.floating_ips.create(body)
    world.apply(custom("FloatingIP", "public", {"import": {"id": made["id"]}, "portForwardings": [SSH]}))
    world.run()
    assert world.ready(KEY) == ("False", "Conflict")
    assert "disassociate it first" in world.message(KEY)
    assert world.one("floating_ips")["port_id"] == two["id"]
    world.others.floating_ips.update(made["id"], {"port_id": None})
    world.clock.advance(600)
    world.resync()
    world.run()
    assert forwarded(world) == ["tcp 2201 -> 10.1.0.11:22"]


def test_a_cloud_without_them_is_told():
    world = placed(address())
    del world.one("floating_ips")["port_forwardings"]
    world.spec(KEY, portForwardings=[SSH])
    world.run()
    assert world.ready(KEY) == ("False", "InvalidConfiguration")
    assert "this cloud's Neutron has no port forwardings" in world.message(KEY)


def test_a_range_of_others_is_removed_where_the_spec_lists_them():
    world = placed(address(SSH))
    row = world.one("floating_ips")
    (two,) = [each for each in world.table("ports") if each["name"] == "two"]
    spot = {"internal_port_id": two["id"], "internal_ip_address": "10.1.0.12"}
    row["port_forwardings"] = [*row["port_forwardings"], {"id": row["id"], "protocol": "udp", **spot}]
    world.clock.advance(600)
    world.resync()
    world.run()
    assert forwarded(world) == ["tcp 2201 -> 10.1.0.11:22"]


def balancer(*further):
    vip = {"networkRef": {"name": "front"}, "subnet": "v4", "address": "10.1.0.50"}
    more = [{"networkRef": {"name": "front"}, "subnet": "w4", "address": each} for each in further]
    return custom("LoadBalancer", "web", {"vip": {**vip, **({"additionalVips": more} if more else {})}})


def test_one_of_several_vips_is_led_to_the_other_one_and_the_vip_s_own_by_default():
    two = network(subnets=[subnet("v4", "10.1.0.0/24"), subnet("w4", "10.2.0.0/24")])
    legs = [{"networkRef": {"name": "front"}, "subnet": each} for each in ("v4", "w4")]
    world = Forest(
        two,
        custom("Router", "edge", {**WAY, "interfaces": legs}),
        balancer("10.2.0.50"),
        address(loadBalancerRef={"name": "web"}),
    )
    world.run()
    world.all_ready()
    assert world.one("floating_ips")["fixed_ip_address"] == "10.1.0.50"
    world.spec(KEY, fixedAddress="10.2.0.50")
    world.run()
    assert world.one("floating_ips")["fixed_ip_address"] == "10.2.0.50"
    world.others.floating_ips.update(
        world.one("floating_ips")["id"],
        {"port_id": world.one("floating_ips")["port_id"], "fixed_ip_address": "10.1.0.50"},
    )
    world.clock.advance(600)
    world.resync()
    world.run()
    assert world.one("floating_ips")["fixed_ip_address"] == "10.2.0.50"
    world.spec(KEY, fixedAddress="10.9.9.9")
    world.run()
    assert world.ready(KEY)[0] == "False"
    assert "10.9.9.9" in world.message(KEY)
    world.spec(KEY, fixedAddress="10.1.0.50")
    world.run()
    world.all_ready()
