"""Tables of fields: what is sent, what differs, what goes back to its default."""

import pytest

from infomaniak_operator.reconcile.generic.fields import (
    KEEP,
    Difference,
    Field,
    address,
    addresses,
    applied,
    body_of,
    changes,
    differences,
    records,
    unordered,
)

TABLE = (
    Field("mtu", "mtu"),
    Field("up", "admin_state_up", default=True),
    Field("peer", "peer_address", default=lambda row: row["base"], normal=address),
    Field("kind", "type", default="plain", mutable=False),
    Field("off", "enabled", default=True, to_api=lambda value: not value),
)


def found(spec, row, were_applied=(), prefix=""):
    return {d.field: (d.now, d.wanted) for d in differences(TABLE, spec, row, were_applied, prefix)}


@pytest.mark.parametrize(
    ("spec", "row", "were_applied", "expected"),
    [
        ({}, {"mtu": 9000, "admin_state_up": False}, [], {}),  # absent: not managed
        ({"mtu": 1400}, {"mtu": 1400}, [], {}),
        ({"mtu": 1400}, {"mtu": 1500}, [], {"mtu": (1500, 1400)}),
        ({"mtu": 1400}, {}, [], {"mtu": (None, 1400)}),
        ({"up": False}, {"admin_state_up": True}, [], {"up": (True, False)}),
        ({"up": False}, {"admin_state_up": None}, [], {"up": (None, False)}),  # null is not False
        ({"off": True}, {"enabled": True}, [], {"off": (True, False)}),
        ({"off": True}, {"enabled": False}, [], {}),
        ({"peer": "2001:DB8::0001"}, {"peer_address": "2001:db8::1"}, [], {}),
        # taken out of the spec: back to the default only if we had set it, and only if there is one
        ({}, {"admin_state_up": False}, ["up"], {"up": (False, True)}),
        ({}, {"admin_state_up": True}, ["up"], {}),
        ({}, {"mtu": 1400}, ["mtu"], {}),
        ({}, {"type": "odd"}, ["kind"], {}),
        ({}, {"peer_address": "10.0.0.9", "base": "10.0.0.1"}, ["peer"], {"peer": ("10.0.0.9", "10.0.0.1")}),
        ({}, {"admin_state_up": False}, ["other.up"], {}),
    ],
)
def test_differences(spec, row, were_applied, expected):
    assert found(spec, row, were_applied) == expected


def test_a_field_of_an_item_has_the_place_of_the_item():
    assert found({"up": False}, {"admin_state_up": True}, prefix="subnets[a]") == {"subnets[a].up": (True, False)}
    assert found({}, {"admin_state_up": False}, ["subnets[a].up"], "subnets[a]") == {"subnets[a].up": (False, True)}
    assert found({}, {"admin_state_up": False}, ["subnets[b].up"], "subnets[a]") == {}


def test_a_field_that_cannot_be_changed_says_so():
    (difference,) = differences(TABLE, {"kind": "odd"}, {"type": "plain"})
    assert difference == Difference("kind", "type", "plain", "odd", mutable=False)


def test_a_create_holds_only_what_the_spec_names():
    assert body_of(TABLE, {"up": False, "off": True, "stranger": 1}) == {"admin_state_up": False, "enabled": False}
    assert applied(TABLE, {"up": False, "stranger": 1}, "subnets[a]") == ["subnets[a].up"]


def test_an_update_holds_only_what_differs():
    assert changes(differences(TABLE, {"mtu": 1, "up": True}, {"mtu": 2, "admin_state_up": True})) == {"mtu": 1}


@pytest.mark.parametrize(
    ("normal", "one", "other", "same"),
    [
        (address, "10.0.0.0/24", "10.0.0.7/24", True),
        (address, "FD00::1", "fd00:0::1", True),
        (address, "10.0.0.1", "10.0.0.2", False),
        (address, "", None, True),
        (address, "not an address", "not an address", True),
        (addresses, ["fd00::1", "10.0.0.1"], ["FD00:0::1", "10.0.0.1"], True),
        (addresses, ["10.0.0.1", "10.0.0.2"], ["10.0.0.2", "10.0.0.1"], False),  # the order of name servers counts
        (addresses, None, [], True),
        (unordered, ["b", "a"], ["a", "b"], True),
        (unordered, ["a", "a"], ["a"], False),
        (
            records,
            [{"start": "fd00::1", "end": "fd00::9"}, {"start": "fd00::20", "end": "fd00::100"}],
            [{"end": "FD00::100", "start": "fd00::20"}, {"end": "fd00::9", "start": "fd00:0::1"}],
            True,
        ),
        (records, [{"destination": "10.0.0.0/8", "nexthop": "10.0.0.1"}], [{"destination": "10.0.0.0/8"}], False),
        (records, None, [], True),
    ],
)
def test_two_spellings(normal, one, other, same):
    assert (normal(one) == normal(other)) is same


def test_a_difference_reads_well():
    assert str(Difference("mtu", "mtu", 1500, 1400)) == "mtu: 1500 -> 1400"
    assert str(Difference("dns", "dns", [], None)) == "dns: none -> none"
    assert len(str(Difference("dns", "dns", "x" * 500, "y" * 500))) < 180
    assert str(KEEP) == "KEEP"
