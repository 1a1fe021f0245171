"""What the API server makes of Router, SecurityGroup and FloatingIP at apply."""

from __future__ import annotations

from typing import Any

import pytest

from infomaniak_operator.api.registry import KINDS
from tests.support.crds import Server

ID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
OTHER_ID = "2b4e28ba-2fa1-41d2-883f-0016d3cca427"
NET = {"networkRef": {"name": "office"}}
EXT = {"networkName": "ext-floating1"}


def gateway(**fields: Any) -> dict[str, Any]:
    return {"externalGateway": fields}


def rule(**fields: Any) -> dict[str, Any]:
    return {"rules": [{"direction": "ingress", **fields}]}


ACCEPTED: dict[str, tuple[str, dict[str, Any]]] = {
    "router: empty": ("Router", {}),
    "router: all": (
        "Router",
        {
            "externalGateway": {"networkID": ID, "enableSNAT": True},
            "interfaces": [NET, {"subnetID": ID}, {"networkRef": {"name": "lab"}, "subnet": "a"}],
            "routes": [
                {"destination": "0.0.0.0/0", "nexthop": "10.0.0.1"},
                {"destination": "2001:db8::/32", "nexthop": "fe80::1"},
            ],
            "adminStateUp": True,
        },
    ),
    "router: two subnets of a network": ("Router", {"interfaces": [{**NET, "subnet": "a"}, {**NET, "subnet": "b"}]}),
    "router: nothing at all": ("Router", {"interfaces": [], "routes": []}),
    "group: empty": ("SecurityGroup", {}),
    "group: no rules": ("SecurityGroup", {"rules": [], "keepDefaultEgress": False, "stateful": False}),
    "group: one port": ("SecurityGroup", rule(protocol="tcp", portRange={"min": 22}, remoteIPPrefix="0.0.0.0/0")),
    "group: by number": ("SecurityGroup", rule(protocol=6, portRange={"min": 1, "max": 65535})),
    "group: a protocol of no name": ("SecurityGroup", rule(protocol=255)),
    "group: ping": ("SecurityGroup", rule(protocol="icmp", portRange={"min": 8, "max": 0})),
    "group: itself": ("SecurityGroup", rule(remoteGroupRef={"name": "itself"}, etherType="IPv6")),
    "group: IPv6 by its prefix": ("SecurityGroup", rule(protocol="icmpv6", remoteIPPrefix="2001:db8::/32")),
    "group: 100 rules": (
        "SecurityGroup",
        {"rules": [rule(protocol="tcp", portRange={"min": n})["rules"][0] for n in range(1, 101)]},
    ),
    "address: the least": ("FloatingIP", {"externalNetwork": EXT}),
    "address: a load balancer": ("FloatingIP", {"externalNetwork": EXT, "loadBalancerRef": {"name": "web"}}),
    "address: a port": (
        "FloatingIP",
        {"externalNetwork": {"networkID": ID}, "portID": ID, "fixedAddress": "10.0.0.9", "recreate": "Always"},
    ),
    "address: import": ("FloatingIP", {"import": {"filter": {"address": "203.0.113.9"}}}),
}

REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "gateway by nothing": (
        "Router",
        gateway(enableSNAT=True),
        "spec.externalGateway: Invalid value: exactly one of networkRef, networkID and networkName is needed",
    ),
    "gateway by two": ("Router", gateway(networkID=ID, networkName="x"), "exactly one of networkRef, networkID and"),
    "gateway by a name as id": ("Router", gateway(networkID="ext-floating1"), "must be an id of OpenStack"),
    "interface by nothing": ("Router", {"interfaces": [{}]}, "exactly one of networkRef and subnetID is needed"),
    "interface by both": (
        "Router",
        {"interfaces": [{**NET, "subnetID": ID}]},
        "exactly one of networkRef and subnetID",
    ),
    "interface: subnet without network": (
        "Router",
        {"interfaces": [{"subnet": "a", "subnetID": ID}]},
        "spec.interfaces[0].subnet: Invalid value: subnet names a subnet of networkRef",
    ),
    "interface twice": ("Router", {"interfaces": [NET, NET]}, "two interfaces lead to the same subnet; take one out"),
    "interface twice, by id": ("Router", {"interfaces": [{"subnetID": ID}, {"subnetID": ID}]}, "the same subnet"),
    "interface twice, once with the subnet's name": (
        "Router",
        {"interfaces": [NET, {**NET, "subnet": "a"}]},
        "the same",
    ),
    "route of two families": (
        "Router",
        {"routes": [{"destination": "10.0.0.0/8", "nexthop": "fe80::1"}]},
        "nexthop must be of the same IP version as destination",
    ),
    "route with host bits": ("Router", {"routes": [{"destination": "10.0.0.1/8", "nexthop": "10.0.0.1"}]}, "host bits"),
    "router: unknown field": ("Router", {"gateway": "x"}, 'unknown field "spec.gateway"'),
    "no direction": ("SecurityGroup", {"rules": [{}]}, "spec.rules[0].direction: Required value"),
    "no such direction": ("SecurityGroup", {"rules": [{"direction": "in"}]}, 'supported values: "ingress", "egress"'),
    "no such protocol": ("SecurityGroup", rule(protocol="http"), "must be a number from 0 to 255 or one of any, ah, "),
    "protocol number too big": (
        "SecurityGroup",
        rule(protocol=256),
        "spec.rules[0].protocol in body should be less than",
    ),
    "protocol number as text": ("SecurityGroup", rule(protocol="6"), "must be a number from 0 to 255"),
    "protocol neither": ("SecurityGroup", rule(protocol=True), "spec.rules[0].protocol"),
    "ports without protocol": ("SecurityGroup", rule(portRange={"min": 22}), "portRange needs a protocol with ports"),
    "ports of a protocol without": ("SecurityGroup", rule(protocol="gre", portRange={"min": 22}), "with ports"),
    "ports reversed": (
        "SecurityGroup",
        rule(protocol="tcp", portRange={"min": 443, "max": 80}),
        "portRange must lie within 1 to 65535 and not end before it starts",
    ),
    "port 0": ("SecurityGroup", rule(protocol="udp", portRange={"min": 0}), "must lie within 1 to 65535"),
    "port too big": ("SecurityGroup", rule(protocol="udp", portRange={"min": 65536}), "less than or equal to 65535"),
    "ICMP type too big": ("SecurityGroup", rule(protocol="icmp", portRange={"min": 256}), "portRange.min is the type"),
    "prefix of the other family": (
        "SecurityGroup",
        rule(etherType="IPv6", remoteIPPrefix="10.0.0.0/8"),
        "etherType does not fit remoteIPPrefix",
    ),
    "a bare address": ("SecurityGroup", rule(remoteIPPrefix="192.0.2.7"), "must be a network in CIDR notation"),
    "two remotes": (
        "SecurityGroup",
        rule(remoteIPPrefix="10.0.0.0/8", remoteGroupRef={"name": "x"}),
        "at most one of remoteIPPrefix, remoteGroupRef and remoteGroupID can be given",
    ),
    "ICMPv6 in IPv4": ("SecurityGroup", rule(protocol="icmpv6"), "this protocol belongs to IPv6: add etherType: IPv6"),
    "ICMPv6 by number in IPv4": ("SecurityGroup", rule(protocol=58, etherType="IPv4"), "belongs to IPv6"),
    "too many rules": (
        "SecurityGroup",
        {"rules": [rule(protocol=n)["rules"][0] for n in range(101)]},
        "spec.rules: Too many: 101: must have at most 100 items",
    ),
    "group: no admin state": ("SecurityGroup", {"adminStateUp": True}, 'unknown field "spec.adminStateUp"'),
    "address: no network": (
        "FloatingIP",
        {},
        "spec: Invalid value: externalNetwork is required, unless import names what to take over",
    ),
    "address: two targets": (
        "FloatingIP",
        {"externalNetwork": EXT, "portID": ID, "loadBalancerRef": {"name": "web"}},
        "at most one of loadBalancerRef and portID can be given",
    ),
    "address: fixed address without port": (
        "FloatingIP",
        {"externalNetwork": EXT, "fixedAddress": "10.0.0.9"},
        "fixedAddress is an address of the port in portID",
    ),
    "address: not one": ("FloatingIP", {"externalNetwork": EXT, "address": "203.0.113.0/24"}, "must be an IP address"),
    "address: no name": ("FloatingIP", {"externalNetwork": EXT, "name": "x"}, 'unknown field "spec.name"'),
}

FIP = {"externalNetwork": EXT}
CHANGES: dict[str, tuple[str, dict[str, Any], dict[str, Any], dict[str, Any] | None, str]] = {
    "router: everything": (
        "Router",
        {"externalGateway": EXT, "interfaces": [NET]},
        {"externalGateway": {"networkID": ID}, "interfaces": [], "routes": []},
        {"id": ID},
        "",
    ),
    "group: everything": (
        "SecurityGroup",
        rule(protocol="tcp"),
        {**rule(protocol="udp"), "stateful": False},
        {"id": ID},
        "",
    ),
    "address: its target": (
        "FloatingIP",
        {**FIP, "portID": ID},
        {**FIP, "loadBalancerRef": {"name": "x"}},
        {"id": ID},
        "",
    ),
    "address: another network": (
        "FloatingIP",
        FIP,
        {"externalNetwork": {"networkName": "other"}},
        {"id": ID},
        "externalNetwork cannot be changed once the address is there: create another FloatingIP",
    ),
    "address: another network before it is there": (
        "FloatingIP",
        FIP,
        {"externalNetwork": {"networkName": "other"}},
        None,
        "",
    ),
    "address: another address": (
        "FloatingIP",
        {**FIP, "address": "203.0.113.9"},
        {**FIP, "address": "203.0.113.8"},
        {"id": ID, "address": "203.0.113.9"},
        "address cannot be changed once there is one (status.address)",
    ),
    "address: a given one instead of the chosen": (
        "FloatingIP",
        FIP,
        {**FIP, "address": "203.0.113.8"},
        {"id": ID, "address": "203.0.113.9"},
        "address cannot be changed once there is one",
    ),
    "address: the chosen one written down": (
        "FloatingIP",
        FIP,
        {**FIP, "address": "203.0.113.9"},
        {"id": ID, "address": "203.0.113.9"},
        "",
    ),
}


@pytest.mark.parametrize(("kind", "spec"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepted(server: Server, kind: str, spec: dict[str, Any]) -> None:
    assert server.refusal(kind, spec) == ""
    KINDS[kind].parse(spec)


@pytest.mark.parametrize(("kind", "spec", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(server: Server, kind: str, spec: dict[str, Any], message: str) -> None:
    assert message in server.refusal(kind, spec)


@pytest.mark.parametrize(("kind", "old", "new", "status", "message"), CHANGES.values(), ids=CHANGES.keys())
def test_changes(
    server: Server, *, kind: str, old: dict[str, Any], new: dict[str, Any], status: dict[str, Any] | None, message: str
) -> None:
    said = server.refusal_of_change(kind, old, new, status)
    assert message in said
    assert bool(said) == bool(message)
