"""Rules of a security group: what is sent for an item of the spec, and how it reads."""

import pytest

from infomaniak_operator.reconcile.neutron.group_rules import body, default_egress, difference, ether_type, observed

IN = {"direction": "ingress"}
OUT = {"direction": "egress"}


def sent(**fields):
    return {"security_group_id": "g", "direction": "ingress", "ethertype": "IPv4", **fields}


@pytest.mark.parametrize(
    ("item", "remote", "expected"),
    [
        (IN, None, sent()),
        (OUT, None, sent(direction="egress")),
        ({**IN, "etherType": "IPv6"}, None, sent(ethertype="IPv6")),
        ({**IN, "remoteIPPrefix": "2001:db8::/32"}, None, sent(ethertype="IPv6", remote_ip_prefix="2001:db8::/32")),
        ({**IN, "remoteIPPrefix": "10.0.0.0/8"}, None, sent(remote_ip_prefix="10.0.0.0/8")),
        ({**IN, "protocol": "any"}, None, sent()),
        ({**IN, "protocol": 6}, None, sent(protocol="6")),
        (
            {**IN, "protocol": "tcp", "portRange": {"min": 22}},
            None,
            sent(protocol="tcp", port_range_min=22, port_range_max=22),
        ),
        (
            {**IN, "protocol": "udp", "portRange": {"min": 1, "max": 9}},
            None,
            sent(protocol="udp", port_range_min=1, port_range_max=9),
        ),
        ({**IN, "protocol": "icmp", "portRange": {"min": 8}}, None, sent(protocol="icmp", port_range_min=8)),
        (
            {**IN, "protocol": 1, "portRange": {"min": 8, "max": 0}},
            None,
            sent(protocol="1", port_range_min=8, port_range_max=0),
        ),
        ({**IN, "remoteGroupRef": {"name": "x"}}, "h", sent(remote_group_id="h")),
        ({**IN, "description": "why"}, None, sent(description="why")),
        ({**IN, "description": ""}, None, sent(description="")),
    ],
)
def test_what_is_sent(item, remote, expected):
    assert body(item, "g", remote) == expected


@pytest.mark.parametrize(
    ("prefix", "family"), [(None, "IPv4"), ("0.0.0.0/0", "IPv4"), ("::/0", "IPv6"), ("fd00::/8", "IPv6")]
)
def test_the_family_of_a_rule_that_names_none(prefix, family):
    assert ether_type({**IN, "remoteIPPrefix": prefix}) == family


@pytest.mark.parametrize(
    ("item", "text"),
    [
        (IN, "ingress IPv4 any from anywhere"),
        ({**OUT, "etherType": "IPv6"}, "egress IPv6 any to anywhere"),
        ({**IN, "protocol": "tcp", "portRange": {"min": 22}}, "ingress IPv4 tcp 22 from anywhere"),
        ({**IN, "remoteIPPrefix": "10.0.0.0/8"}, "ingress IPv4 any from 10.0.0.0/8"),
    ],
)
def test_how_a_rule_reads(item, text):
    assert str(observed(body(item, "g", None))) == text


def test_the_default_egress_is_there_already_in_a_new_group():
    rows = [{**one, "id": str(place), "protocol": None} for place, one in enumerate(default_egress())]
    assert difference(default_egress(), rows) == ([], [])


@pytest.mark.parametrize(
    ("wanted", "there", "anew"),
    [(None, "old", False), ("old", "old", False), ("new", "old", True), ("", "old", True), ("", None, False)],
)
def test_a_description_is_managed_only_where_the_spec_names_one(wanted, there, anew):
    item = IN if wanted is None else {**IN, "description": wanted}
    row = {"id": "1", "direction": "ingress", "ethertype": "IPv4", "description": there}
    missing, surplus = difference([body(item, "g", None)], [row])
    assert (len(missing), len(surplus)) == ((1, 1) if anew else (0, 0))


def _rule(protocol, family="IPv4"):
    return observed({**IN, "ethertype": family, "protocol": protocol})


_SAME = [
    ("IPv4", (None, "any")),
    ("IPv4", ("0", 0)),
    ("IPv4", ("ipip",)),
    ("IPv4", ("4", 4)),
    ("IPv4", ("94", 94)),
    ("IPv4", ("ip",)),
    ("IPv4", ("hopopt",)),
    ("IPv4", ("tcp", "TCP", "6", 6)),
    ("IPv4", ("icmp", "1", 1)),
    ("IPv4", ("igmp", 2)),
    ("IPv4", ("pgm", "113")),
    ("IPv6", (None, "any")),
    ("IPv6", ("0",)),
    ("IPv6", ("icmp", "icmpv6", "ipv6-icmp", "1", 1, "58", 58)),
    ("IPv6", ("ipv6-encap", "41")),
]


@pytest.mark.parametrize("place", range(len(_SAME)))
def test_protocols_are_the_same_only_where_neutron_and_all_its_drivers_take_them_for_the_same(place):
    family, spellings = _SAME[place]
    (one,) = {_rule(each, family) for each in spellings}
    for other, (its_family, different) in enumerate(_SAME):
        if other != place:
            assert one not in {_rule(each, its_family) for each in different}


def test_a_rule_of_an_address_group_is_not_the_rule_of_anywhere():
    narrow = {"id": "1", **IN, "ethertype": "IPv4", "remote_address_group_id": "a"}
    missing, surplus = difference([body(IN, "g", None)], [narrow])
    assert (len(missing), surplus) == (1, [narrow])


@pytest.mark.parametrize("family", [None, "", "ipv4", "0x0800"])
def test_a_rule_of_a_family_that_is_not_known_is_none_of_ours(family):
    row = {"id": "r", **sent(ethertype=family, remote_ip_prefix="0.0.0.0/0")}
    assert observed(row) != observed(sent())
    assert str(observed(row)).startswith("ingress ")
