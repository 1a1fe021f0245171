"""What the API server makes of an InfomaniakNetwork at apply."""

from __future__ import annotations

from typing import Any

import pytest

from infomaniak_operator.api.registry import KINDS
from tests.support.crds import Server

KIND = "InfomaniakNetwork"
ID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
OTHER_ID = "2b4e28ba-2fa1-41d2-883f-0016d3cca427"


def with_subnet(**fields: Any) -> dict[str, Any]:
    return {"subnets": [{"name": "a", "cidr": "10.0.0.0/24", **fields}]}


def with_v6(**fields: Any) -> dict[str, Any]:
    return {"subnets": [{"name": "a", "cidr": "2001:db8::/64", **fields}]}


def from_pool(**fields: Any) -> dict[str, Any]:
    return {"subnets": [{"name": "a", "subnetPoolID": ID, **fields}]}


def pools(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"start": start, "end": end} for start, end in pairs]


ACCEPTED: dict[str, dict[str, Any]] = {
    "empty": {},
    "no subnets": {"subnets": []},
    "all of a v4 subnet": with_subnet(
        ipVersion=4,
        gateway="10.0.0.254",
        enableDHCP=True,
        dnsNameservers=["9.9.9.9"],
        allocationPools=pools(("10.0.0.10", "10.0.0.20"), ("10.0.0.30", "10.0.0.40")),
        hostRoutes=[{"destination": "192.168.0.0/16", "nexthop": "10.0.0.2"}],
        description="the first",
    ),
    "all of a v6 subnet": with_v6(
        ipVersion=6,
        gateway="2001:db8::1",
        ipv6AddressMode="dhcpv6-stateful",
        ipv6RAMode="dhcpv6-stateful",
        dnsNameservers=["2620:fe::fe"],
        allocationPools=pools(("2001:db8::10", "2001:db8::ff")),
        hostRoutes=[{"destination": "2001:db8:1::/48", "nexthop": "2001:db8::2"}],
    ),
    "a subnet from a pool": from_pool(),
    "all of a subnet from a pool": from_pool(
        prefixLength=27,
        ipVersion=4,
        gateway="none",
        enableDHCP=False,
        dnsNameservers=["9.9.9.9"],
        hostRoutes=[{"destination": "192.168.0.0/16", "nexthop": "10.0.0.2"}],
        description="from a pool",
    ),
    "all of a v6 subnet from a pool": from_pool(
        prefixLength=64, ipVersion=6, ipv6AddressMode="slaac", ipv6RAMode="slaac", dnsNameservers=["2620:fe::fe"]
    ),
    "a v4 subnet from a pool beside a v6 subnet": {
        "subnets": [{"name": "a", "subnetPoolID": ID}, {"name": "b", "cidr": "2001:db8::/64"}]
    },
    "two subnets from two pools, of one address scope": {
        "subnets": [{"name": "a", "subnetPoolID": ID}, {"name": "b", "subnetPoolID": OTHER_ID}]
    },
    "no gateway": with_subnet(gateway="none"),
    "link-local gateway": with_v6(gateway="fe80::1"),
    "RA mode alone": with_v6(ipv6RAMode="slaac"),
    "everything else": {
        "name": "anything at all",
        "description": "x" * 200,
        "mtu": 1400,
        "portSecurityEnabled": False,
        "shared": False,
        "dnsDomain": "example.org.",
        "qosPolicyID": ID,
        "observeShares": True,
        "adminStateUp": False,
        "tags": ["a", "kubernetes.io/cluster/web", "a,b"],
        "cloudCredentialsRef": {"secretName": "infomaniak", "cloudName": "infomaniak"},
        "managementPolicy": "Managed",
        "deletionPolicy": "Retain",
    },
    "small MTU without IPv6": {"mtu": 68, **with_subnet()},
    "import by id, read only": {"import": {"id": ID}, "managementPolicy": "Unmanaged"},
    "import by filter": {"import": {"filter": {"name": "ext-floating1", "external": True}}},
    "a /31": with_subnet(cidr="10.0.0.0/31", gateway="10.0.0.0"),
    "as many subnets as there may be": {"subnets": [{"name": f"s{i}", "cidr": f"10.0.{i}.0/24"} for i in range(32)]},
}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "bad CIDR": (
        with_subnet(cidr="10.0.0.0/33"),
        'spec.subnets[0].cidr: Invalid value: "10.0.0.0/33": must be a network in CIDR notation, such as 10.0.0.0/24',
    ),
    "no prefix": (with_subnet(cidr="10.0.0.0"), "must be a network in CIDR notation"),
    "host bits": (with_subnet(cidr="10.0.0.5/24"), "has host bits set: write the address of the network itself"),
    "v6 host bits": (with_v6(cidr="2001:db8::1/64"), "has host bits set"),
    "wrong IP version": (with_subnet(ipVersion=6), "ipVersion does not fit cidr"),
    "no such IP version": (with_subnet(ipVersion=5), "Unsupported value: 5"),
    "gateway outside": (
        with_subnet(gateway="10.0.1.1"),
        "spec.subnets[0].gateway: Invalid value: gateway 10.0.1.1 lies outside 10.0.0.0/24; take an address of the subnet",
    ),
    "v6 gateway outside": (with_v6(gateway="2001:db9::1"), "gateway 2001:db9::1 lies outside 2001:db8::/64"),
    "gateway of the other family": (with_subnet(gateway="fe80::1"), "gateway must be of the same IP version as cidr"),
    "gateway no address": (with_subnet(gateway="None"), "must be an IP address, or the word none for no gateway"),
    "gateway the network itself": (with_subnet(gateway="10.0.0.0"), "must not be the address of the network itself"),
    "overlap": (
        {"subnets": [{"name": "a", "cidr": "10.0.0.0/16"}, {"name": "b", "cidr": "10.0.9.0/24"}]},
        "spec.subnets: Invalid value: the subnets of a network must not overlap; give each its own range",
    ),
    "the same range twice": (
        {"subnets": [{"name": "a", "cidr": "10.0.0.0/24"}, {"name": "b", "cidr": "10.0.0.0/24"}]},
        "must not overlap",
    ),
    "duplicate names": (
        {"subnets": [{"name": "a", "cidr": "10.0.0.0/24"}, {"name": "a", "cidr": "10.0.1.0/24"}]},
        'spec.subnets[1]: Duplicate value: {"name":"a"}',
    ),
    "name with a blank": ({"subnets": [{"name": "a b", "cidr": "10.0.0.0/24"}]}, "must consist of letters, digits"),
    "no CIDR": ({"subnets": [{"name": "a"}]}, "a subnet takes exactly one of cidr and subnetPoolID"),
    "CIDR and pool": (with_subnet(subnetPoolID=ID), "a subnet takes exactly one of cidr and subnetPoolID"),
    "pool by its name": (from_pool(subnetPoolID="tenants"), "must be an id of OpenStack, such as"),
    "prefix length with a CIDR": (with_subnet(prefixLength=24), "prefixLength goes with subnetPoolID"),
    "prefix length 0": (from_pool(prefixLength=0), "should be greater than or equal to 1"),
    "prefix length 129": (from_pool(prefixLength=129, ipVersion=6), "should be less than or equal to 128"),
    "prefix length of IPv6 in IPv4": (from_pool(prefixLength=64), "prefixLength is 32 at most"),
    "gateway with a pool": (
        from_pool(gateway="10.0.0.1"),
        "spec.subnets[0].gateway: Invalid value: gateway does not go with subnetPoolID",
    ),
    "allocation pools with a pool": (
        from_pool(allocationPools=pools(("10.0.0.10", "10.0.0.20"))),
        "allocationPools do not go with subnetPoolID",
    ),
    "IPv6 modes with a pool that is not said to be of IPv6": (
        from_pool(ipv6AddressMode="slaac"),
        "ipv6AddressMode and ipv6RAMode are for IPv6 subnets only; take them out, or write ipVersion: 6",
    ),
    "slaac with a pool on a /56": (
        from_pool(ipVersion=6, prefixLength=56, ipv6RAMode="slaac"),
        "slaac and dhcpv6-stateless need a /64 network: write prefixLength: 64",
    ),
    "name server of the other family with a pool": (
        from_pool(dnsNameservers=["2620:fe::fe"]),
        "dnsNameservers must be of the same IP version",
    ),
    "host route of the other family with a pool": (
        from_pool(ipVersion=6, hostRoutes=[{"destination": "192.168.0.0/16", "nexthop": "10.0.0.2"}]),
        "hostRoutes must be of the same IP version",
    ),
    "one subnet from a pool, one not": (
        {"subnets": [{"name": "a", "subnetPoolID": ID}, {"name": "b", "cidr": "10.0.0.0/24"}]},
        "spec.subnets: Invalid value: the subnets of one IP version of a network all come from subnet pools, or none",
    ),
    "small MTU and an IPv6 subnet from a pool": ({"mtu": 1279, **from_pool(ipVersion=6)}, "IPv6 needs an MTU of 1280"),
    "unknown field": ({"cidr": "10.0.0.0/24"}, 'strict decoding error: unknown field "spec.cidr"'),
    "unknown field of a subnet": (with_subnet(gatewayIP="10.0.0.1"), 'unknown field "spec.subnets[0].gatewayIP"'),
    "mtu too small": ({"mtu": 67}, "spec.mtu in body should be greater than or equal to 68"),
    "mtu too big": ({"mtu": 9217}, "spec.mtu in body should be less than or equal to 9216"),
    "mtu too small for IPv6": ({"mtu": 1279, **with_v6()}, "IPv6 needs an MTU of 1280 or more"),
    "pool outside": (
        with_subnet(allocationPools=pools(("10.0.0.10", "10.0.1.20"))),
        "allocationPools lie outside cidr",
    ),
    "pool of the other family": (with_subnet(allocationPools=pools(("fe80::1", "fe80::2"))), "lie outside cidr"),
    "pool reversed": (
        with_subnet(allocationPools=pools(("10.0.0.100", "10.0.0.20"))),
        "spec.subnets[0].allocationPools[0].end: Invalid value: the range ends before it starts: swap start and end",
    ),
    "pools overlap": (
        with_subnet(allocationPools=pools(("10.0.0.10", "10.0.0.20"), ("10.0.0.20", "10.0.0.30"))),
        "allocationPools overlap; give each its own range",
    ),
    "pool in a pool": (
        with_subnet(allocationPools=pools(("10.0.0.12", "10.0.0.15"), ("10.0.0.10", "10.0.0.20"))),
        "allocationPools overlap",
    ),
    "gateway in a pool": (
        with_subnet(gateway="10.0.0.15", allocationPools=pools(("10.0.0.10", "10.0.0.20"))),
        "gateway lies in one of the allocationPools; take it out of the pools",
    ),
    "pool end no address": (with_subnet(allocationPools=pools(("10.0.0.10", "x"))), "must be an IP address"),
    "IPv6 mode on IPv4": (with_subnet(ipv6RAMode="slaac"), "ipv6AddressMode and ipv6RAMode are for IPv6 subnets only"),
    "IPv6 modes differ": (
        with_v6(ipv6RAMode="slaac", ipv6AddressMode="dhcpv6-stateful"),
        "ipv6AddressMode and ipv6RAMode must be the same where both are given",
    ),
    "IPv6 mode without DHCP": (
        with_v6(ipv6RAMode="slaac", enableDHCP=False),
        "ipv6AddressMode and ipv6RAMode need DHCP",
    ),
    "slaac on a /56": (with_v6(cidr="2001:db8::/56", ipv6AddressMode="slaac"), "slaac and dhcpv6-stateless need a /64"),
    "no such mode": (with_v6(ipv6RAMode="SLAAC"), 'supported values: "slaac", "dhcpv6-stateful", "dhcpv6-stateless"'),
    "name server of the other family": (
        with_subnet(dnsNameservers=["2620:fe::fe"]),
        "dnsNameservers must be of the same",
    ),
    "host route of the other family": (
        with_subnet(hostRoutes=[{"destination": "2001:db8::/32", "nexthop": "2001:db8::1"}]),
        "hostRoutes must be of the same IP version as cidr",
    ),
    "host route to no network": (
        with_subnet(hostRoutes=[{"destination": "10.1.0.1/16", "nexthop": "10.0.0.2"}]),
        "has host bits set",
    ),
    "QoS policy by its name": ({"qosPolicyID": "slow"}, "must be an id of OpenStack, such as"),
    "shares in words": ({"observeShares": "yes"}, "observeShares"),
    "no QoS policy": ({"qosPolicyID": ""}, "should be at least 1 chars long"),
    "domain without its dot": ({"dnsDomain": "example.org"}, "must be a domain in lower case with its final dot"),
    "long description": ({"description": "x" * 201}, "spec.description: Too long: may not be more than 200"),
    "forged mark": ({"description": "mine [ik2.aaaa.bbbb.cccc]"}, "must not end like the operator's own mark"),
    "forged mark of version 1": ({"description": "mine [ik1.aaaa.bbbb]"}, "must not end like the operator's own mark"),
    "forged mark that is released": (
        {"description": "[ik2r.aaaa.bbbb]\n"},
        "must not end like the operator's own mark",
    ),
    "forged mark of a version to come": ({"description": "[ik17.a]"}, "must not end like the operator's own mark"),
    "forged mark among the tags": ({"tags": ["[ik2.aaaa.bbbb]"]}, "must not begin with [ik and a digit"),
    "forged mark of version 1 among the tags": ({"tags": ["[ik1"]}, "must not begin with [ik and a digit"),
    "forged mark of a subnet": (
        with_subnet(description="[ik2.aaaa.bbbb]"),
        "must not end like the operator's own mark",
    ),
    "the same tag twice": ({"tags": ["a", "a"]}, 'spec.tags[1]: Duplicate value: "a"'),
    "too many subnets": (
        {"subnets": [{"name": f"s{i}", "cidr": f"10.0.{i}.0/24"} for i in range(33)]},
        "spec.subnets: Too many: 33: must have at most 32 items",
    ),
    "Unmanaged without import": (
        {"managementPolicy": "Unmanaged"},
        "spec.managementPolicy: Invalid value: managementPolicy Unmanaged needs import, which says what to read",
    ),
    "import by both": (
        {"import": {"id": ID, "filter": {"name": "x"}}},
        "spec.import: Invalid value: import takes exactly one of id and filter",
    ),
    "import by neither": ({"import": {}}, "import takes exactly one of id and filter"),
    "import by an empty filter": (
        {"import": {"filter": {}}},
        "spec.import.filter in body should have at least 1 properties",
    ),
    "import by a name as id": ({"import": {"id": "my-network"}}, "must be an id of OpenStack, such as"),
    "no Secret's name": (
        {"cloudCredentialsRef": {"cloudName": "x"}},
        "spec.cloudCredentialsRef.secretName: Required value",
    ),
}

A = {"name": "a", "cidr": "10.0.0.0/24"}
B = {"name": "b", "cidr": "10.0.1.0/24"}
V6 = {"name": "v6", "cidr": "2001:db8::/64"}

CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "CIDR": (
        {"subnets": [A]},
        {"subnets": [{**A, "cidr": "10.0.2.0/24"}]},
        "spec.subnets[0].cidr: Invalid value: cidr cannot be changed: remove this subnet and add one under another name",
    ),
    "CIDR of the second, with the order turned": (
        {"subnets": [A, B]},
        {"subnets": [{**B, "cidr": "10.0.2.0/24"}, A]},
        "spec.subnets[0].cidr: Invalid value: cidr cannot be changed",
    ),
    "IP version": (
        {"subnets": [{**A, "ipVersion": 4}]},
        {"subnets": [{**A, "ipVersion": 6}]},
        "ipVersion does not fit cidr",
    ),
    "RA mode": (
        {"subnets": [{**V6, "ipv6RAMode": "slaac"}]},
        {"subnets": [{**V6, "ipv6RAMode": "dhcpv6-stateful"}]},
        "ipv6RAMode cannot be changed: remove this subnet and add one under another name",
    ),
    "RA mode taken out": (
        {"subnets": [{**V6, "ipv6RAMode": "slaac"}]},
        {"subnets": [V6]},
        "ipv6RAMode cannot be changed",
    ),
    "address mode added": (
        {"subnets": [V6]},
        {"subnets": [{**V6, "ipv6AddressMode": "slaac"}]},
        "ipv6AddressMode cannot be changed",
    ),
    "the same CIDR in another spelling": ({"subnets": [{**V6, "cidr": "2001:DB8:0::/64"}]}, {"subnets": [V6]}, ""),
    "the same CIDR longer": ({"subnets": [V6]}, {"subnets": [{**V6, "cidr": "2001:db8:0:0::/64"}]}, ""),
    "a pool instead of the CIDR": (
        {"subnets": [A]},
        {"subnets": [{"name": "a", "subnetPoolID": ID}]},
        "spec.subnets[0].cidr: Invalid value: cidr cannot be changed: remove this subnet and add one under another name",
    ),
    "another pool": (
        from_pool(),
        from_pool(subnetPoolID=OTHER_ID),
        "subnetPoolID cannot be changed: remove this subnet and add one under another name",
    ),
    "the CIDR instead of its pool": (from_pool(), {"subnets": [A]}, "subnetPoolID cannot be changed"),
    "prefix length of a pool added": (from_pool(), from_pool(prefixLength=26), "prefixLength cannot be changed"),
    "prefix length of a pool changed": (
        from_pool(prefixLength=27),
        from_pool(prefixLength=26),
        "spec.subnets[0].prefixLength: Invalid value: prefixLength cannot be changed",
    ),
    "IP version with a pool": (from_pool(), from_pool(ipVersion=6), "ipVersion cannot be changed"),
    "IP version with a pool said": (from_pool(), from_pool(ipVersion=4), ""),
    "what is mutable with a pool": (
        from_pool(),
        from_pool(gateway="none", enableDHCP=False, dnsNameservers=["1.1.1.1"]),
        "",
    ),
    "another prefix length": (
        {"subnets": [V6]},
        {"subnets": [{**V6, "cidr": "2001:db8::/65"}]},
        "cidr cannot be changed",
    ),
    "another subnet in its place": ({"subnets": [A]}, {"subnets": [{**A, "name": "c", "cidr": "10.0.2.0/24"}]}, ""),
    "one added, one removed": ({"subnets": [A, B]}, {"subnets": [B, V6]}, ""),
    "what is mutable": (
        {"mtu": 1400, "subnets": [{**A, "gateway": "10.0.0.1"}]},
        {
            "mtu": 1500,
            "name": "n",
            "qosPolicyID": ID,
            "subnets": [{**A, "gateway": "none", "enableDHCP": False, "dnsNameservers": ["1.1.1.1"]}],
        },
        "",
    ),
    "credentials": (
        {"cloudCredentialsRef": {"secretName": "a"}},
        {"cloudCredentialsRef": {"secretName": "b", "cloudName": "c"}},
        "",
    ),
}

IMPORTS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], str]] = {
    "another id": (
        {"import": {"id": ID}},
        {"import": {"id": OTHER_ID}},
        {"id": ID},
        "spec.import: Invalid value: this object already stands for something in the cloud, whose id is in status.id",
    ),
    "another id, nothing found yet": ({"import": {"id": ID}}, {"import": {"id": OTHER_ID}}, {}, ""),
    "another filter": (
        {"import": {"filter": {"name": "a"}}},
        {"import": {"filter": {"name": "b"}}},
        {"id": ID},
        "already stands for something in the cloud",
    ),
    "filter to the id found": ({"import": {"filter": {"name": "a"}}}, {"import": {"id": ID}}, {"id": ID}, ""),
    "import of what it made itself, to release it": (
        {},
        {"import": {"id": ID}, "managementPolicy": "Unmanaged"},
        {"id": ID},
        "",
    ),
    "import of something else": ({}, {"import": {"id": OTHER_ID}}, {"id": ID}, "already stands for something"),
    "import taken out": ({"import": {"id": ID}}, {}, {"id": ID}, ""),
    "other fields of an import": ({"import": {"id": ID}}, {"import": {"id": ID}, "mtu": 1400}, {"id": ID}, ""),
}


def test_null_is_absent(server: Server) -> None:
    made = server.create(KIND, {"mtu": None, "subnets": None}, dry_run=True)
    assert made["spec"] == {}


@pytest.mark.parametrize("spec", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepted(server: Server, spec: dict[str, Any]) -> None:
    assert server.refusal(KIND, spec) == ""
    KINDS[KIND].parse(spec)


@pytest.mark.parametrize(("spec", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(server: Server, spec: dict[str, Any], message: str) -> None:
    assert message in server.refusal(KIND, spec)


@pytest.mark.parametrize(("old", "new", "message"), CHANGES.values(), ids=CHANGES.keys())
def test_changes(server: Server, old: dict[str, Any], new: dict[str, Any], message: str) -> None:
    said = server.refusal_of_change(KIND, old, new)
    assert message in said
    assert bool(said) == bool(message)


@pytest.mark.parametrize(("old", "new", "status", "message"), IMPORTS.values(), ids=IMPORTS.keys())
def test_imports(
    server: Server, old: dict[str, Any], new: dict[str, Any], status: dict[str, Any], message: str
) -> None:
    said = server.refusal_of_change(KIND, old, new, status)
    assert message in said
    assert bool(said) == bool(message)
