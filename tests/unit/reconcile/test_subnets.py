"""What Neutron gives a subnet that names neither gateway nor pools."""

import pytest

from infomaniak_operator.reconcile.neutron.subnets import default_gateway, default_pools


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
