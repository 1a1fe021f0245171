"""A Port: a port of its own among the many that a project has, with its addresses, its groups and its MAC."""

import pytest

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.client import Category, CloudTimeoutError
from infomaniak_operator.client.resources import Port
from infomaniak_operator.controller.interfaces import FINALIZER, Key, RequeueAfter, Stalled, WaitingFor
from infomaniak_operator.reconcile.neutron import fixed_ips
from infomaniak_operator.reconcile.ownership.marks import Mark, user_text
from tests.support.objects import custom, network, subnet
from tests.support.world import GRACE, World

NET = Key("InfomaniakNetwork", "shop", "front")
SLAAC = {"ipv6AddressMode": "slaac", "ipv6RAMode": "slaac"}
SERVER = {"device_id": "7f1a6f1e-0000-4000-8000-000000000001", "device_owner": "compute:nova"}
MAC = "fa:16:3e:00:00:42"


def lost():
    return CloudTimeoutError("no answer in 30 s", category=Category.TRANSIENT, outcome_unknown=True)


def prepared(*subnets, **spec):
    """A world with a network, and what others have on it."""
    world = World()
    world.settle(world.apply(network(subnets=list(subnets) or [subnet("v4", "10.1.0.0/24")], **spec)))
    world.others.ports.create({"network_id": world.network()["id"], "name": "theirs"})
    world.cloud.take()
    return world


def port(name="web", /, **spec):
    return custom("Port", name, {"networkRef": {"name": "front"}, **spec})


def ready(*subnets, network_spec=None, **spec):
    world = prepared(*subnets, **(network_spec or {}))
    key = world.apply(port(**spec))
    world.settle(key)
    assert world.ready(key) == ("True", "Available"), world.message(key)
    world.told(key)
    world.cloud.take()
    return world, key


def row_of(world, key):
    return world.others.ports.get(world.object(key).status["id"])


def hosts(world, key):
    return sorted(spot["ip_address"] for spot in row_of(world, key)["fixed_ips"])


def group(world, name="web", **spec):
    key = world.apply(custom("SecurityGroup", name, spec))
    world.settle(key)
    return world.object(key).status["id"]


def default_group(world):
    (row,) = world.others.security_groups.list(name="default")
    return row["id"]


def test_a_port_with_nothing_but_its_network():
    world = prepared()
    key = world.apply(port())
    world.settle(key)
    assert world.ready(key) == ("True", "Available"), world.message(key)
    assert world.cloud.take() == ["LIST ports", "POST ports"]
    row = row_of(world, key)
    assert Mark.parse(row["description"]) == world.mark(key)
    assert (row["name"], row["network_id"]) == ("web", world.network()["id"])
    status = {name: value for name, value in world.object(key).status.items() if name != "conditions"}
    KINDS["Port"].status.model_validate(status)
    assert status["networkID"] == row["network_id"]
    assert status["macAddress"] == row["mac_address"]
    assert [each["address"] for each in status["fixedIPs"]] == hosts(world, key)
    assert status["securityGroupIDs"] == [default_group(world)]
    assert (status["cloudStatus"], status.get("deviceID")) == ("DOWN", None)
    world.reconcile(key)
    assert world.cloud.take() == ["LIST ports"]


ALL = {
    "fixedIPs": [{"subnet": "v4", "address": "10.1.0.9"}, {"address": "10.1.0.10"}],
    "macAddress": MAC,
    "securityGroupRefs": [{"name": "web"}],
    "allowedAddressPairs": [{"address": "10.1.0.99"}, {"address": "10.2.0.0/24", "mac": "fa:16:3e:00:00:43"}],
    "portSecurityEnabled": True,
    "adminStateUp": False,
    "description": "text",
}


def test_all_that_can_be_said_is_one_call():
    world = prepared()
    own = group(world)
    theirs = world.others.security_groups.create({"name": "theirs"})["id"]
    world.cloud.take()
    key = world.apply(port(**ALL, securityGroupIDs=[theirs]))
    world.settle(key)
    assert world.ready(key) == ("True", "Available"), world.message(key)
    assert world.cloud.take() == ["LIST ports", "POST ports"]
    row = row_of(world, key)
    assert hosts(world, key) == ["10.1.0.10", "10.1.0.9"]
    assert (row["mac_address"], row["admin_state_up"], user_text(row["description"])) == (MAC, False, "text")
    assert set(row["security_groups"]) == {own, theirs}
    pairs = {(pair["ip_address"], pair["mac_address"]) for pair in row["allowed_address_pairs"]}
    assert pairs == {("10.1.0.99", MAC), ("10.2.0.0/24", "fa:16:3e:00:00:43")}
    world.reconcile(key)
    assert world.cloud.writes() == []


@pytest.mark.parametrize(
    ("before", "after", "attribute", "there", "taken_out"),
    [
        ({"name": "a"}, {"name": "b"}, "name", "b", "web"),
        ({"adminStateUp": False}, {"adminStateUp": True}, "admin_state_up", True, True),
        ({"tags": ["a"]}, {"tags": ["b", "c"]}, "tags", ["b", "c"], []),
        (
            {"allowedAddressPairs": [{"address": "10.1.0.9"}]},
            {"allowedAddressPairs": [{"address": "10.9.0.0/24", "mac": MAC}]},
            "allowed_address_pairs",
            [{"ip_address": "10.9.0.0/24", "mac_address": MAC}],
            [],
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_field_is_changed_put_back_and_taken_out(before, after, attribute, there, taken_out):
    world, key = ready(**before)
    untouched = row_of(world, key)[attribute]
    world.spec(key, **after)
    world.settle(key)
    assert row_of(world, key)[attribute] == there
    assert world.told(key) == ["Updated"]
    world.cloud.take()
    world.reconcile(key)
    assert world.cloud.writes() == []
    by_hand = {attribute: untouched} if attribute != "tags" else None
    if by_hand:
        world.others.ports.update(row_of(world, key)["id"], by_hand)
    else:
        world.others.tags.replace("ports", row_of(world, key)["id"], untouched)
    world.settle(key)
    assert row_of(world, key)[attribute] == there
    assert world.told(key) == ["DriftCorrected"]
    world.spec(key, **dict.fromkeys(after, ...))
    world.settle(key)
    assert row_of(world, key)[attribute] == taken_out
    assert not set(after) & set(world.object(key).status["appliedFields"])


def test_what_the_spec_does_not_name_is_left_as_it_is():
    world, key = ready()
    other = world.others.security_groups.create({"name": "other"})["id"]
    changed = {
        "security_groups": [other],
        "allowed_address_pairs": [{"ip_address": "10.1.0.9", "mac_address": MAC}],
        "admin_state_up": False,
        "fixed_ips": [{"ip_address": "10.1.0.77"}],
    }
    world.others.ports.update(row_of(world, key)["id"], changed)
    world.settle(key)
    assert world.cloud.writes() == []
    row = row_of(world, key)
    assert (row["security_groups"], row["admin_state_up"]) == ([other], False)
    assert row["allowed_address_pairs"] == changed["allowed_address_pairs"]
    assert [each["address"] for each in world.object(key).status["fixedIPs"]] == ["10.1.0.77"]


# ── addresses ──


def test_an_address_that_stays_listed_stays():
    world, key = ready(fixedIPs=[{"subnet": "v4"}])
    (first,) = hosts(world, key)
    world.spec(key, fixedIPs=[{"address": "10.1.0.50"}, {"subnet": "v4"}])
    world.settle(key)
    assert hosts(world, key) == sorted([first, "10.1.0.50"])
    world.spec(key, fixedIPs=[{"address": "10.1.0.50"}])
    world.settle(key)
    assert hosts(world, key) == ["10.1.0.50"]
    world.others.ports.update(row_of(world, key)["id"], {"fixed_ips": [{"ip_address": "10.1.0.51"}]})
    world.settle(key)
    assert hosts(world, key) == ["10.1.0.50"]
    world.spec(key, fixedIPs=[])
    world.settle(key)
    assert (hosts(world, key), world.ready(key)) == ([], ("True", "Available"))
    assert "fixedIPs" not in world.object(key).status
    assert "no address" in world.message(key)


def test_addresses_that_are_taken_out_of_the_spec_stay():
    world, key = ready(fixedIPs=[{"address": "10.1.0.50"}, {"subnet": "v4"}])
    before = hosts(world, key)
    world.spec(key, fixedIPs=...)
    world.settle(key)
    assert (hosts(world, key), world.cloud.writes()) == (before, [])
    assert "fixedIPs" not in world.object(key).status["appliedFields"]


def test_an_address_that_a_subnet_hands_out_by_itself_is_no_drift():
    subnets = [subnet("v4"), subnet("v6", "2001:db8:1::/64", **SLAAC)]
    world, key = ready(*subnets, fixedIPs=[{"subnet": "v4", "address": "10.1.0.9"}])
    assert len(hosts(world, key)) == 2
    world.reconcile(key)
    assert world.cloud.writes() == []
    assert world.object(key).status["fixedIPs"][0]["address"] == "10.1.0.9"
    world.spec(key, fixedIPs=[{"subnet": "v4", "address": "10.1.0.9"}, {"subnet": "v6"}])
    world.settle(key)
    assert world.cloud.writes() == []
    assert world.ready(key) == ("True", "Available")


def test_a_further_subnet_of_the_network_changes_nothing():
    world, key = ready(fixedIPs=[{"subnet": "v4"}])
    world.spec(NET, subnets=[subnet("v4", "10.1.0.0/24"), subnet("more", "10.2.0.0/24")])
    world.settle(NET)
    world.cloud.take()
    world.settle(key)
    assert world.cloud.writes() == []


SPOTS = [{"subnet_id": "one", "ip_address": "10.1.0.9"}, {"subnet_id": "two", "ip_address": "2001:db8::9"}]
BY_ITSELF = {"subnet_id": "six", "ip_address": "2001:db8:1:0:f816:3eff:fe00:42"}


@pytest.mark.parametrize(
    ("wanted", "there", "asked"),
    [
        ([{"subnet_id": "one"}, {"ip_address": "2001:DB8::9"}], SPOTS, None),
        ([{"ip_address": "10.1.0.9"}, {"subnet_id": "two"}], SPOTS[::-1], None),
        ([{"subnet_id": "one"}], SPOTS, [SPOTS[0]]),
        ([{"subnet_id": "one"}], [SPOTS[0], BY_ITSELF], None),
        ([{"subnet_id": "one"}, {"subnet_id": "six"}], [SPOTS[0], BY_ITSELF], None),
        ([], [BY_ITSELF], None),
        ([], [SPOTS[1]], []),
        ([{"subnet_id": "one"}] * 2, [SPOTS[0]], [SPOTS[0], {"subnet_id": "one"}]),
        # Who names a subnet only does not take what the other one names.
        ([{"subnet_id": "one"}, {"ip_address": "10.1.0.9"}], [SPOTS[0]], [{"subnet_id": "one"}, SPOTS[0]]),
        (
            [{"subnet_id": "two", "ip_address": "10.1.0.9"}],
            [SPOTS[0]],
            [{"subnet_id": "two", "ip_address": "10.1.0.9"}],
        ),
    ],
)
def test_which_addresses_are_asked_for(wanted, there, asked):
    row: Port = {"id": "p", "mac_address": MAC, "fixed_ips": there}
    assert fixed_ips.changed(wanted, row) == asked


@pytest.mark.parametrize("mac", [None, "", "none", "fa:16:3e:00:00:41"])
def test_only_what_is_made_from_the_ports_own_mac_is_there_by_itself(mac):
    assert fixed_ips.automatic(BY_ITSELF, MAC)
    assert not fixed_ips.automatic(BY_ITSELF, mac)
    assert not fixed_ips.automatic({"ip_address": "what"}, MAC)


# ── security ──


def test_groups_come_change_and_go_back_to_the_projects_default_one():
    world = prepared()
    one, two = group(world, "one"), group(world, "two")
    key = world.apply(port(securityGroupRefs=[{"name": "one"}]))
    world.settle(key)
    assert row_of(world, key)["security_groups"] == [one]
    world.spec(key, securityGroupRefs=[{"name": "two"}], securityGroupIDs=[one])
    world.settle(key)
    assert set(row_of(world, key)["security_groups"]) == {one, two}
    assert set(world.object(key).status["securityGroupIDs"]) == {one, two}
    world.others.ports.update(row_of(world, key)["id"], {"security_groups": []})
    world.settle(key)
    assert set(row_of(world, key)["security_groups"]) == {one, two}
    world.spec(key, securityGroupRefs=[], securityGroupIDs=...)
    world.settle(key)
    assert row_of(world, key)["security_groups"] == []
    world.spec(key, securityGroupRefs=...)
    world.settle(key)
    assert row_of(world, key)["security_groups"] == [default_group(world)]
    assert world.ready(key) == ("True", "Available")
    world.cloud.take()
    world.reconcile(key)
    assert world.cloud.take() == ["LIST ports"]  # what is not managed any more is not looked up


def test_a_list_without_the_default_group_takes_no_group_away():
    world = prepared()
    mine = group(world, "one")
    key = world.apply(port(securityGroupRefs=[{"name": "one"}]))
    world.settle(key)
    table = world.fake.tables["security_groups"]
    hidden = table.pop(default_group(world))
    world.spec(key, securityGroupRefs=...)
    world.settle(key)
    assert row_of(world, key)["security_groups"] == [mine]
    table[hidden["id"]] = hidden


def test_port_security_takes_groups_and_pairs_with_it_and_brings_the_default_group_back():
    world, key = ready(allowedAddressPairs=[{"address": "10.1.0.9"}])
    world.spec(key, portSecurityEnabled=False, allowedAddressPairs=...)
    world.settle(key)
    row = row_of(world, key)
    assert (row["port_security_enabled"], row["security_groups"], row["allowed_address_pairs"]) == (False, [], [])
    assert world.ready(key) == ("True", "Available"), world.message(key)
    world.reconcile(key)
    world.spec(key, portSecurityEnabled=True)
    world.settle(key)
    row = row_of(world, key)
    assert (row["port_security_enabled"], row["security_groups"]) == (True, [default_group(world)])
    world.others.ports.update(row["id"], {"port_security_enabled": False, "security_groups": []})
    world.settle(key)
    row = row_of(world, key)
    assert (row["port_security_enabled"], row["security_groups"]) == (True, [default_group(world)])


@pytest.mark.parametrize("of_network", [True, False])
def test_port_security_that_is_taken_out_is_as_the_network_says(of_network):
    spec = {"portSecurityEnabled": of_network}
    world, key = ready(network_spec=spec, portSecurityEnabled=not of_network)
    assert row_of(world, key)["port_security_enabled"] is not of_network
    world.spec(key, portSecurityEnabled=...)
    world.settle(key)
    row = row_of(world, key)
    assert row["port_security_enabled"] is of_network
    assert row["security_groups"] == ([default_group(world)] if of_network else [])
    assert world.ready(key) == ("True", "Available"), world.message(key)


def test_pairs_on_a_network_without_port_security_are_refused_in_the_clouds_words():
    world = prepared(portSecurityEnabled=False)
    key = world.apply(port(allowedAddressPairs=[{"address": "10.1.0.9"}]))
    assert world.reconcile(key).next == Stalled()
    assert world.ready(key) == ("False", "InvalidConfiguration")
    assert "Port Security must be enabled" in world.message(key)


def test_a_pair_without_a_mac_is_no_drift_whatever_the_spelling():
    world, key = ready(allowedAddressPairs=[{"address": "2001:DB8::9"}, {"address": "10.1.0.9"}])
    for _ in range(2):
        world.reconcile(key)
    assert world.cloud.writes() == []
    assert world.ready(key) == ("True", "Available")


# ── references ──


def test_what_it_refers_to_is_waited_for():
    world = World()
    spec = {"fixedIPs": [{"subnet": "late"}], "securityGroupRefs": [{"name": "web"}]}
    key = world.apply(port(**spec))
    assert world.reconcile(key).next == WaitingFor(frozenset({NET}))
    assert "also missing: SecurityGroup web" in world.message(key)
    world.settle(world.apply(network(subnets=[subnet("v4", "10.1.0.0/24")])))
    assert world.reconcile(key).next == WaitingFor(frozenset({NET}))
    assert "has no subnet late yet; it has: v4" in world.message(key)
    world.spec(NET, subnets=[subnet("v4", "10.1.0.0/24"), subnet("late", "10.2.0.0/24")])
    world.settle(NET)
    assert world.reconcile(key).next == WaitingFor(frozenset({Key("SecurityGroup", "shop", "web")}))
    group(world)
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert hosts(world, key)[0].startswith("10.2.0.")


def test_a_port_that_stands_goes_on_while_its_network_is_to_go():
    world, key = ready(description="a")
    world.delete(NET)
    assert world.reconcile(NET).next == WaitingFor(frozenset({key}))
    assert world.ready(NET) == ("False", "InUse")
    assert "Port web" in world.message(NET)
    world.spec(key, description="b")
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert user_text(row_of(world, key)["description"]) == "b"
    world.delete(key)
    world.settle(key)
    world.others.ports.delete(world.others.ports.list(name="theirs")[0]["id"])
    world.settle(NET)
    assert world.get(NET) is None


def test_a_group_is_kept_by_the_port_it_is_at():
    world = prepared()
    group(world)
    mine = Key("SecurityGroup", "shop", "web")
    key = world.apply(port(securityGroupRefs=[{"name": "web"}]))
    world.settle(key)
    world.delete(mine)
    assert world.reconcile(mine).next == WaitingFor(frozenset({key}))
    world.delete(key)
    world.settle(key)
    world.settle(mine)
    assert world.get(mine) is None


def test_a_network_by_its_id_that_is_not_there_is_waited_for():
    world = prepared()
    nobody = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
    key = world.apply(port(networkRef=..., networkID=nobody))
    assert isinstance(world.reconcile(key).next, RequeueAfter)
    assert world.ready(key) == ("False", "WaitingForReference")
    assert nobody in world.message(key)
    world.spec(key, networkID=world.network()["id"])
    world.settle(key)
    assert world.ready(key) == ("True", "Available")


# ── what cannot be changed ──


@pytest.mark.parametrize(("field", "value"), [("macAddress", "fa:16:3e:00:00:99"), ("networkRef", {"name": "other"})])
def test_what_is_set_once_and_for_all_is_said_and_all_else_is_done(field, value):
    world, key = ready()
    world.settle(world.apply(network("other", subnets=[subnet("v4", "10.9.0.0/24")])))
    world.cloud.take()
    world.spec(key, **{field: value, "description": "new"})
    world.settle(key)
    assert world.ready(key) == ("False", "InvalidConfiguration")
    assert world.progress(key) == "Stalled"
    assert f"spec.{field} cannot be changed" in world.message(key)
    assert user_text(row_of(world, key)["description"]) == "new"
    assert world.cloud.writes() == ["PUT ports"]


def test_an_address_and_a_mac_that_another_port_has_are_waited_for():
    world, key = ready(fixedIPs=[{"address": "10.1.0.9"}], macAddress=MAC)
    other = world.apply(port("other", fixedIPs=[{"address": "10.1.0.9"}]))
    assert world.reconcile(other).next == WaitingFor(frozenset({key}))
    assert world.ready(other) == ("False", "Conflict")
    assert "web has it already" in world.message(other)
    third = world.apply(port("third", macAddress=MAC))
    assert world.reconcile(third).next == WaitingFor(frozenset({key}))
    assert "web has it already" in world.message(third)
    world.delete(key)
    world.settle(key)
    for each in (other, third):
        world.settle(each)
        assert world.ready(each) == ("True", "Available"), world.message(each)


# ── import, adoption ──


def of_others(world, **body):
    network_id = world.network()["id"]
    return world.others.ports.create({"network_id": network_id, "name": "vm", "description": "theirs", **body})


@pytest.mark.parametrize(
    "chosen",
    [
        {"name": "vm"},
        {"macAddress": MAC},
        {"deviceID": SERVER["device_id"]},
        {"description": "theirs"},
        {"networkID": None, "name": "vm"},
    ],
    ids=lambda value: next(iter(value)),
)
def test_an_import_by_filter_only_reads(chosen):
    world = prepared()
    row = of_others(world, mac_address=MAC, **SERVER)
    wanted = {**chosen, **({"networkID": row["network_id"]} if "networkID" in chosen else {})}
    spec = {"managementPolicy": "Unmanaged", "import": {"filter": wanted}, "networkRef": ...}
    key = world.apply(port(**spec))
    world.settle(key)
    assert world.ready(key) == ("True", "Available"), world.message(key)
    status = world.object(key).status
    assert (status["id"], status["deviceID"], status["deviceOwner"]) == (row["id"], *SERVER.values())
    assert (world.cloud.writes(), world.object(key).finalizers) == ([], ())
    world.delete(key)
    world.settle(key)
    assert world.others.ports.get(row["id"]) == row


def test_an_adoption_is_shown_first_and_leaves_what_the_spec_does_not_name():
    world = prepared()
    row = of_others(world, allowed_address_pairs=[{"ip_address": "10.1.0.99"}], **SERVER)
    key = world.apply(port(**{"import": {"id": row["id"]}, "networkRef": ..., "adminStateUp": False}))
    world.reconcile(key)
    assert world.cloud.writes() == []
    assert "adminStateUp: True -> False" in world.message(key, "Synced")
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    now = world.others.ports.get(row["id"])
    assert (now["name"], now["admin_state_up"], user_text(now["description"])) == ("vm", False, "theirs")
    assert now["allowed_address_pairs"] == row["allowed_address_pairs"]
    assert Mark.parse(now["description"]) == world.mark(key)
    world.spec(key, managementPolicy="Unmanaged")
    world.settle(key)
    assert Mark.parse(world.others.ports.get(row["id"])["description"]).released
    assert world.object(key).finalizers == ()


def test_an_immutable_difference_is_a_conflict():
    world = prepared()
    row = of_others(world)
    key = world.apply(port(**{"import": {"id": row["id"]}, "macAddress": MAC, "networkRef": ...}))
    world.settle(key)
    assert world.ready(key) == ("False", "Conflict")
    assert "macAddress" in world.message(key)
    assert world.others.ports.get(row["id"]) == row


def test_the_port_of_a_vip_is_its_load_balancers():
    world = prepared()
    balancer = world.apply(custom("LoadBalancer", "lb", {"vip": {"networkRef": {"name": "front"}}}))
    while world.ready(balancer)[0] != "True":
        world.reconcile(balancer)
        world.fake.settle()
        world.clock.advance(5)
    row = world.others.ports.get(world.object(balancer).status["vipPortID"])
    key = world.apply(port(**{"import": {"id": row["id"]}, "networkRef": ...}))
    world.settle(key)
    assert world.ready(key) == ("False", "Conflict")
    assert "belongs to another object" in world.message(key)
    assert world.others.ports.get(row["id"])["description"] == row["description"]


# ── dry run ──


def test_a_dry_run_says_what_it_would_do():
    world = prepared()
    body = port(description="a")
    body["metadata"]["annotations"] = {"network.infomaniak.cloud/dry-run": "true"}
    key = world.apply(body)
    world.reconcile(key)
    assert (world.cloud.writes(), world.object(key).finalizers) == ([], ())
    assert "would create port web" in world.message(key, "Synced")
    world.annotate(key, dry_run="")
    world.settle(key)
    world.annotate(key, dry_run="true")
    world.cloud.take()
    world.spec(key, fixedIPs=[{"address": "10.1.0.77"}])
    world.reconcile(key)
    assert "fixedIPs" in world.message(key, "Synced")
    world.delete(key)
    world.reconcile(key)
    assert "would delete port" in world.message(key, "Synced")
    assert world.cloud.writes() == []


# ── deletion ──


@pytest.mark.parametrize(
    "device",
    [
        SERVER,
        {"device_id": "lb-7f1a6f1e", "device_owner": "Octavia"},
        {"device_id": "r", "device_owner": "network:router_interface"},
        {"device_id": "", "device_owner": "network:vip"},
        {"device_id": "somebody", "device_owner": ""},
    ],
    ids=lambda value: value["device_owner"] or "nobody",
)
def test_a_port_that_something_uses_is_not_deleted(device):
    world, key = ready()
    row = row_of(world, key)
    world.others.ports.update(row["id"], device)
    world.delete(key)
    result = world.reconcile(key)
    assert isinstance(result.next, RequeueAfter)
    assert world.ready(key) == ("False", "InUse")
    for each in filter(None, device.values()):
        assert each in world.message(key)
        assert each in world.object(key).status.values()
    assert world.cloud.writes() == []
    world.others.ports.update(row["id"], {"device_id": "", "device_owner": ""})
    world.settle(key)
    assert world.get(key) is None
    assert [each["name"] for each in world.others.ports.list()] == ["theirs"]


def test_what_comes_to_use_it_in_the_last_moment_keeps_it():
    world, key = ready()
    row = row_of(world, key)
    world.meanwhile("DELETE ports", lambda: world.others.ports.update(row["id"], SERVER))
    world.delete(key)
    for _ in range(3):
        world.reconcile(key)
    assert world.ready(key) == ("False", "InUse")
    assert world.others.ports.get(row["id"])["device_id"] == SERVER["device_id"]


def test_retain_leaves_it_and_releases_the_mark():
    world, key = ready(deletionPolicy="Retain", description="text")
    row = row_of(world, key)
    world.delete(key)
    world.settle(key)
    assert world.get(key) is None
    now = world.others.ports.get(row["id"])
    assert (user_text(now["description"]), Mark.parse(now["description"]).released) == ("text", True)


def test_who_is_deleted_before_it_was_made_leaves_nothing():
    world = prepared()
    key = world.apply(port())
    world.fail("POST ports", lost())
    world.reconcile(key)
    world.delete(key)
    world.settle(key)
    world.clock.advance(GRACE + 1)
    world.settle(key)
    assert world.get(key) is None
    assert [each["name"] for each in world.others.ports.list()] == ["theirs"]


# ── creates, copies ──


def test_a_create_whose_answer_is_lost_is_found_by_its_mark():
    world = prepared()
    key = world.apply(port(fixedIPs=[{"address": "10.1.0.9"}]))
    world.fail("POST ports", lost(), after=True)
    world.reconcile(key)
    world.settle(key)
    assert world.ready(key) == ("True", "Available"), world.message(key)
    assert hosts(world, key) == ["10.1.0.9"]
    assert len(world.others.ports.list()) == 2


def test_a_double_that_nothing_uses_is_deleted_and_one_with_an_address_that_leads_to_it_stays():
    for led in (False, True):
        world = prepared()
        gateway = {
            "externalGateway": {"networkName": "ext-floating1"},
            "interfaces": [{"networkRef": {"name": "front"}}],
        }
        world.settle(world.apply(custom("Router", "edge", gateway)))
        key = world.apply(port())
        world.late("POST ports", GRACE + 5, lost())
        world.reconcile(key)
        world.settle(key)
        mine = world.object(key).status["id"]
        world.clock.advance(30)
        ids = {each["id"] for each in world.others.ports.list(name="web")}
        assert len(ids) == 2
        (double,) = ids - {mine}
        if led:
            external = world.others.networks.list(name="ext-floating1")[0]["id"]
            world.others.floating_ips.create({"floating_network_id": external, "port_id": double})
        world.settle(key)
        assert {each["id"] for each in world.others.ports.list(name="web")} == ({mine, double} if led else {mine})
        assert world.told(key)[-1] == ("DoubleKept" if led else "DoubleDeleted")


def test_a_copy_of_the_mark_is_left_alone():
    world, key = ready()
    row = row_of(world, key)
    copy = of_others(world, description=row["description"])
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert "CopyLeftAlone" in world.told(key)
    world.delete(key)
    world.settle(key)
    assert world.get(key) is None
    assert world.others.ports.get(copy["id"]) == copy


def test_one_that_somebody_deleted_is_made_again():
    world, key = ready(fixedIPs=[{"address": "10.1.0.9"}], macAddress=MAC)
    former = row_of(world, key)["id"]
    world.others.ports.delete(former)
    world.settle(key)
    assert world.ready(key) == ("True", "Available"), world.message(key)
    assert (row_of(world, key)["id"] != former, hosts(world, key)) == (True, ["10.1.0.9"])
    assert row_of(world, key)["mac_address"] == MAC


def test_a_lost_mark_is_put_back_and_the_mark_of_another_is_a_conflict():
    world, key = ready()
    row = row_of(world, key)
    world.others.ports.update(row["id"], {"description": "by hand"})
    world.settle(key)
    assert Mark.parse(row_of(world, key)["description"]) == world.mark(key)
    assert user_text(row_of(world, key)["description"]) == "by hand"
    other = world.apply(port("other"))
    world.settle(other)
    world.others.ports.update(row["id"], {"description": row_of(world, other)["description"]})
    world.settle(key)
    assert world.ready(key) == ("False", "Conflict")
    assert FINALIZER in world.object(key).finalizers


def test_a_port_that_is_being_built_is_waited_for():
    world, key = ready()
    world.fake.tables["ports"][row_of(world, key)["id"]]["status"] = "BUILD"
    assert isinstance(world.reconcile(key).next, RequeueAfter)
    assert world.ready(key) == ("False", "Updating")
    world.fake.tables["ports"][row_of(world, key)["id"]].update(status="ACTIVE", **SERVER)
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert world.object(key).status["deviceOwner"] == "compute:nova"


@pytest.mark.parametrize("status", ["BUILD", "ERROR"])
def test_a_port_that_is_switched_off_is_waited_for_too(status):
    world, key = ready(adminStateUp=False)
    world.fake.tables["ports"][row_of(world, key)["id"]]["status"] = status
    world.reconcile(key)
    assert world.ready(key) == ("False", "Updating")
    assert status in world.message(key)
