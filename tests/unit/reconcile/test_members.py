"""The members of a pool: all of their fields at once, and only if something differs."""

import pytest

from infomaniak_operator.reconcile.generic.actuator import Unresolved
from infomaniak_operator.reconcile.octavia import members
from tests.support.objects import key_of
from tests.support.trees import member, network, pool
from tests.support.world import World


def wanted(*items, **more):
    world = World(pool(members=list(items), **more))
    return members.resolve(world.object(key_of(pool())), world)


def row(address="10.40.0.11", port=8080, **more):
    usual = {"name": "", "weight": 1, "backup": False, "admin_state_up": True, "subnet_id": None}
    return {"id": f"id-{address}-{port}", "address": address, "protocol_port": port, **usual, **more} | {
        name: more.get(name) for name in ("monitor_address", "monitor_port")
    }


def test_a_new_member_has_only_what_the_spec_says():
    assert members.bodies(wanted(member(11), member(12, weight=0, backup=True, name="x")), [], []) == [
        {"address": "10.40.0.11", "protocol_port": 8080},
        {"address": "10.40.0.12", "protocol_port": 8080, "weight": 0, "backup": True, "name": "x"},
    ]


def test_what_is_not_managed_stays_as_it_is_and_is_sent():
    """An omitted field of a batch goes back to Octavia's default."""
    there = [
        row(weight=7, backup=True, name="theirs", admin_state_up=False, monitor_port=9, monitor_address="10.40.0.9")
    ]
    (body,) = members.bodies(wanted(member(11)), there, [])
    assert body == {
        "address": "10.40.0.11",
        "protocol_port": 8080,
        "name": "theirs",
        "weight": 7,
        "backup": True,
        "admin_state_up": False,
        "monitor_address": "10.40.0.9",
        "monitor_port": 9,
    }
    assert members.changes([body], there) == []


def test_a_field_taken_out_goes_back_to_its_default_only_if_it_was_ours():
    there = [row(weight=7, backup=True, monitor_port=9)]
    before = members.places(wanted(member(11, weight=7, monitorPort=9)))
    assert before == ["members[10.40.0.11 8080].weight", "members[10.40.0.11 8080].monitorPort"]
    (body,) = members.bodies(wanted(member(11)), there, before)
    assert (body["weight"], body["backup"], body["monitor_port"]) == (1, True, None)
    assert members.changes([body], there) == [
        "10.40.0.11:8080 weight 7 -> 1",
        "10.40.0.11:8080 monitor_port 9 -> None",
    ]


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ([], ["+10.40.0.11:8080"]),
        ([row(weight=3), row("10.40.0.12")], ["-10.40.0.12:8080"]),
        ([row(port=81)], ["+10.40.0.11:8080", "-10.40.0.11:81"]),
        ([row(weight=5)], ["10.40.0.11:8080 weight 5 -> 3"]),
        ([row(weight=3)], []),
    ],
)
def test_what_differs(there, said):
    found = members.bodies(wanted(member(11, weight=3)), there, [])
    assert members.changes(found, there) == said


def test_ipv6_in_any_spelling_is_one_member_and_keeps_the_spelling_it_has():
    items = [{"address": "FD00:0:0:1::11", "port": 80, "weight": 2}]
    assert members.bodies(wanted(*items), [], []) == [{"address": "fd00:0:0:1::11", "protocol_port": 80, "weight": 2}]
    there = [row("fd00::1:0:0:0:11", 80, weight=2)]
    (body,) = members.bodies(wanted(*items), there, [])
    assert body["address"] == "fd00::1:0:0:0:11"  # Octavia knows it by its text
    assert members.changes([body], there) == []
    assert members.changes([body], [row("fd00::2", 80)]) == ["+[fd00:0:0:1::11]:80", "-[fd00::2]:80"]


def test_an_address_of_the_monitor_in_any_spelling():
    there = [row(monitor_address="fd00::1")]
    found = members.bodies(wanted(member(11, monitorAddress="FD00:0::1")), there, [])
    assert members.changes(found, there) == []


def test_who_moves_to_another_subnet():
    items = [member(11, subnetID="new"), member(12, subnetID="new"), member(13), member(14, subnetID="new")]
    there = [
        row(subnet_id="old"),
        row("10.40.0.12", subnet_id="new"),
        row("10.40.0.13", subnet_id="old"),
        row("10.40.0.15"),
    ]
    assert members.movers(wanted(*items), there) == [("10.40.0.11", 8080)]
    found = members.bodies(wanted(*items), there, [])
    assert [body.get("subnet_id") for body in found] == ["new", "new", "old", "new"]


def test_a_member_that_gets_a_subnet_and_has_none():
    """The batch sets it: it need not be taken out first."""
    there = [row()]
    items = wanted(member(11, subnetID="new"))
    assert members.changes(members.bodies(items, there, []), there) == ["10.40.0.11:8080 subnet_id None -> new"]
    assert members.movers(items, there) == []


def test_a_network_that_is_not_there_is_named():
    with pytest.raises(Unresolved) as caught:
        wanted(member(11), member(12, networkRef={"name": "web"}, subnet="web-v4"))
    assert caught.value.key == key_of(network())
    assert "spec.members[1].networkRef" in str(caught.value)


def test_of_several_subnets_the_one_that_the_address_lies_in_is_meant():
    """Nobody has to name the subnet: a member's address says which it is."""
    subnets = [
        {"name": "web-v4", "id": "v4", "cidr": "10.40.0.0/24", "ipVersion": 4},
        {"name": "web-v6", "id": "v6", "cidr": "2001:db8:40::/64", "ipVersion": 6},
    ]
    there = {
        **network(),
        "status": {"id": "web-id", "subnets": subnets, "conditions": [{"type": "Ready", "status": "True"}]},
    }
    six = {"address": "2001:db8:40::11", "port": 8080, "networkRef": {"name": "web"}}
    world = World(pool(members=[member(11, networkRef={"name": "web"}), six]), there)
    found = members.resolve(world.object(key_of(pool())), world)
    assert [each.get("subnet_id") for each in found] == ["v4", "v6"]


def test_who_says_what_the_members_are():
    assert [members.managed(spec) for spec in ({"members": []}, {"membersFrom": {}}, {})] == [True, True, False]
