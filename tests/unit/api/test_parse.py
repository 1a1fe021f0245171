"""What ``parse`` refuses although an API server, perhaps with older CRDs, let it through."""

from __future__ import annotations

from typing import Any

import pytest

from infomaniak_operator.api.registry import KINDS, InvalidSpec
from infomaniak_operator.api.v1alpha1.network_types import InfomaniakNetworkSpec

V4 = {"name": "a", "cidr": "10.0.0.0/24"}
V6 = {"name": "b", "cidr": "2001:db8::/64"}


def network(**fields: Any) -> dict[str, Any]:
    return {"subnets": [{**V4, **fields}]}


def network6(*pools: tuple[str, str], **fields: Any) -> dict[str, Any]:
    return {"subnets": [{**V6, "allocationPools": [{"start": a, "end": b} for a, b in pools], **fields}]}


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "unknown field": (
        "InfomaniakNetwork",
        {"vlan": 4},
        "spec.vlan: is not known to this version of the operator; take it out, or upgrade the operator",
    ),
    "unknown field below": ("InfomaniakNetwork", network(vlan=4), "spec.subnets[0].vlan: is not known to this version"),
    "null": ("InfomaniakNetwork", {"mtu": None}, "spec: mtu is null; leave it out to have it not managed"),
    "missing": (
        "InfomaniakNetwork",
        {"subnets": [{"name": "a"}]},
        "spec.subnets[0]: a subnet takes exactly one of cidr and subnetPoolID",
    ),
    "wrong type": ("InfomaniakNetwork", {"mtu": "big"}, "spec.mtu: input should be a valid integer"),
    "a number as text": (
        "InfomaniakNetwork",
        {"mtu": "1500"},
        "spec.mtu: input should be a valid integer (it is '1500')",
    ),
    "a word for yes": ("InfomaniakNetwork", {"shared": "yes"}, "spec.shared: input should be a valid boolean"),
    "out of range": (
        "InfomaniakNetwork",
        {"mtu": 67},
        "spec.mtu: input should be greater than or equal to 68 (it is 67)",
    ),
    "no such word": (
        "InfomaniakNetwork",
        {"deletionPolicy": "Keep"},
        "spec.deletionPolicy: input should be 'Delete' or",
    ),
    "bad CIDR": ("InfomaniakNetwork", network(cidr="10.0.0.0/40"), "spec.subnets[0].cidr: '10.0.0.0/40' is not a CIDR"),
    "no prefix": ("InfomaniakNetwork", network(cidr="10.0.0.0"), "'10.0.0.0' is not a CIDR; write one such as"),
    "host bits": ("InfomaniakNetwork", network(cidr="10.0.0.5/24"), "has host bits set; write 10.0.0.0/24"),
    "gateway": ("InfomaniakNetwork", network(gateway="nope"), "spec.subnets[0].gateway: 'nope' is not an IP address"),
    "IP version": ("InfomaniakNetwork", network(ipVersion=6), "ipVersion 6 does not fit cidr 10.0.0.0/24"),
    "IPv6 pool reversed, which CEL cannot see": (
        "InfomaniakNetwork",
        network6(("2001:db8::20", "2001:db8::10")),
        "spec.subnets[0]: allocation pool 2001:db8::20 to 2001:db8::10 ends before it starts; swap the two",
    ),
    "IPv6 pools overlap, which CEL cannot see": (
        "InfomaniakNetwork",
        network6(("2001:db8::30", "2001:db8::40"), ("2001:db8::10", "2001:db8::30")),
        "allocation pools 2001:db8::10 to 2001:db8::30 and 2001:db8::30 to 2001:db8::40 overlap",
    ),
    "IPv6 gateway in a pool, which CEL cannot see": (
        "InfomaniakNetwork",
        network6(("2001:db8::10", "2001:db8::20"), gateway="2001:db8::11"),
        "gateway 2001:db8::11 lies in an allocation pool; take it out of the pools",
    ),
    "pool outside": ("InfomaniakNetwork", network6(("2001:db9::1", "2001:db9::2")), "lies outside 2001:db8::/64"),
    "route": (
        "Router",
        {"routes": [{"destination": "x/8", "nexthop": "10.0.0.1"}]},
        "spec.routes[0].destination: 'x/8' is",
    ),
    "protocol": (
        "SecurityGroup",
        {"rules": [{"direction": "ingress", "protocol": "http"}]},
        "'http' is no protocol: write a number from 0 to 255 or one of any, ah",
    ),
    "protocol number": ("SecurityGroup", {"rules": [{"direction": "egress", "protocol": 256}]}, "256 is no protocol"),
}


@pytest.mark.parametrize(("kind", "spec", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(kind: str, spec: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        KINDS[kind].parse(spec)
    assert message in str(caught.value)


def test_all_problems_are_named() -> None:
    with pytest.raises(InvalidSpec) as caught:
        KINDS["InfomaniakNetwork"].parse({"mtu": 1, "vlan": 2, "subnets": [{"name": "a", "cidr": "x"}]})
    assert len(caught.value.problems) == 3
    assert str(caught.value) == "; ".join(caught.value.problems)


def test_absent_empty_and_given_are_told_apart() -> None:
    spec = KINDS["InfomaniakNetwork"].parse({"subnets": [{**V4, "dnsNameservers": [], "enableDHCP": False}]})
    assert isinstance(spec, InfomaniakNetworkSpec)
    assert spec.model_fields_set == {"subnets"}
    assert spec.subnets is not None
    (subnet,) = spec.subnets
    assert subnet.model_fields_set == {"name", "cidr", "dns_nameservers", "enable_dhcp"}
    assert subnet.dns_nameservers == []
    assert subnet.gateway is None


def test_what_is_parsed_cannot_be_changed() -> None:
    spec = KINDS["InfomaniakNetwork"].parse({"mtu": 1500})
    with pytest.raises(ValueError, match="frozen"):
        spec.mtu = 1400
