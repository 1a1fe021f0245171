"""What the API server makes of Router, SecurityGroup, Port and FloatingIP at apply."""

from __future__ import annotations

from typing import Any

import pytest

from infomaniak_operator.api.registry import KINDS
from tests.support.crds import Server

ID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
OTHER_ID = "2b4e28ba-2fa1-41d2-883f-0016d3cca427"
NET = {"networkRef": {"name": "office"}}
EXT = {"networkName": "ext-floating1"}
MAC = "fa:16:3e:00:00:42"


def gateway(**fields: Any) -> dict[str, Any]:
    return {"externalGateway": fields}


def rule(**fields: Any) -> dict[str, Any]:
    return {"rules": [{"direction": "ingress", **fields}]}


def members(*pools: str) -> dict[str, Any]:
    return {"memberRules": [{"poolRef": {"name": each}} for each in pools]}


def port(**fields: Any) -> dict[str, Any]:
    return {**NET, **fields}


def pairs(*items: dict[str, Any]) -> dict[str, Any]:
    return port(allowedAddressPairs=list(items))


WHOLE = "must be the whole name of a host, such as mail.example.com"


def forwarding(**fields: Any) -> dict[str, Any]:
    """A FloatingIP with one port forwarding; None takes a field out of it."""
    whole = {"protocol": "tcp", "externalPort": 22, "portRef": {"name": "web"}, **fields}
    return {"externalNetwork": EXT, "portForwardings": [{k: v for k, v in whole.items() if v is not None}]}


def named(**fields: Any) -> dict[str, Any]:
    return {"externalNetwork": EXT, "reverseDNS": fields}


ACCEPTED: dict[str, tuple[str, dict[str, Any]]] = {
    "router: empty": ("Router", {}),
    "router: 16 addresses outside": ("Router", gateway(networkID=ID, addresses=[f"192.0.2.{n}" for n in range(16)])),
    "router: all": (
        "Router",
        {
            "externalGateway": {"networkID": ID, "enableSNAT": True, "addresses": ["192.0.2.7", "2001:db8::7"]},
            "interfaces": [NET, {"subnetID": ID}, {"networkRef": {"name": "lab"}, "subnet": "a"}],
            "routes": [
                {"destination": "0.0.0.0/0", "nexthop": "10.0.0.1"},
                {"destination": "2001:db8::/32", "nexthop": "fe80::1"},
            ],
            "adminStateUp": True,
        },
    ),
    "router: two subnets of a network": ("Router", {"interfaces": [{**NET, "subnet": "a"}, {**NET, "subnet": "b"}]}),
    "router: interfaces of each sort": (
        "Router",
        {
            "interfaces": [
                {**NET, "address": "10.0.0.9"},
                {"subnetID": ID, "address": "2001:db8::9"},
                {"portRef": {"name": "a"}},
                {"portRef": {"name": "b"}},
                {"portID": ID},
            ]
        },
    ),
    "router: nothing at all": ("Router", {"interfaces": [], "routes": []}),
    "group: empty": ("SecurityGroup", {}),
    "group: no rules": ("SecurityGroup", {"rules": [], "keepDefaultEgress": False, "stateful": False}),
    "group: one port": ("SecurityGroup", rule(protocol="tcp", portRange={"min": 22}, remoteIPPrefix="0.0.0.0/0")),
    "group: by number": ("SecurityGroup", rule(protocol=6, portRange={"min": 1, "max": 65535})),
    "group: a protocol of no name": ("SecurityGroup", rule(protocol=255)),
    "group: ping": ("SecurityGroup", rule(protocol="icmp", portRange={"min": 8, "max": 0})),
    "group: itself": ("SecurityGroup", rule(remoteGroupRef={"name": "itself"}, etherType="IPv6")),
    "group: what pools need": (
        "SecurityGroup",
        {
            **rule(),
            "memberRules": [{"poolRef": {"name": "web"}, "description": "the shop"}, {"poolRef": {"name": "x"}}],
        },
    ),
    "group: what 20 pools need, and no list of rules": ("SecurityGroup", members(*(f"{n:0253}" for n in range(20)))),
    "group: no members": ("SecurityGroup", {"memberRules": []}),
    "group: IPv6 by its prefix": ("SecurityGroup", rule(protocol="icmpv6", remoteIPPrefix="2001:db8::/32")),
    "group: 100 rules": (
        "SecurityGroup",
        {"rules": [rule(protocol="tcp", portRange={"min": n})["rules"][0] for n in range(1, 101)]},
    ),
    "address: a name": ("FloatingIP", named(hostname="mail.example.com")),
    "address: a name, all": (
        "FloatingIP",
        named(hostname="xn--mx-1.EXAMPLE.com.", ttl=2147483647, description="x" * 160),
    ),
    "address: a name, longest": ("FloatingIP", named(hostname=f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 61}", ttl=0)),
    "address: the least": ("FloatingIP", {"externalNetwork": EXT}),
    "address: a load balancer": ("FloatingIP", {"externalNetwork": EXT, "loadBalancerRef": {"name": "web"}}),
    "address: a port": (
        "FloatingIP",
        {"externalNetwork": {"networkID": ID}, "portID": ID, "fixedAddress": "10.0.0.9", "recreate": "Always"},
    ),
    "address: a Port": (
        "FloatingIP",
        {"externalNetwork": EXT, "portRef": {"name": "web"}, "fixedAddress": "10.0.0.9"},
    ),
    "address: one of a load balancer's": (
        "FloatingIP",
        {"externalNetwork": EXT, "loadBalancerRef": {"name": "web"}, "fixedAddress": "10.0.0.9"},
    ),
    "address: its ports": ("FloatingIP", forwarding(protocol="udp", internalPort=22)),
    "address: its ports, one by id": ("FloatingIP", forwarding(portRef=None, portID=ID, fixedAddress="10.0.0.9")),
    "address: 32 ports": (
        "FloatingIP",
        {
            "externalNetwork": EXT,
            "portForwardings": [forwarding(externalPort=n)["portForwardings"][0] for n in range(1, 33)],
        },
    ),
    "address: no ports beside a target": (
        "FloatingIP",
        {"externalNetwork": EXT, "portForwardings": [], "portRef": {"name": "web"}},
    ),
    "address: import": ("FloatingIP", {"import": {"filter": {"address": "203.0.113.9"}}}),
    "port: the least": ("Port", port()),
    "port: by id": ("Port", {"networkID": ID, "fixedIPs": [{"subnetID": ID}]}),
    "port: all": (
        "Port",
        port(
            fixedIPs=[{"subnet": "a", "address": "10.0.0.9"}, {"address": "2001:db8::9"}, {"subnetID": ID}],
            macAddress=MAC,
            securityGroupRefs=[{"name": "web"}],
            securityGroupIDs=[ID],
            allowedAddressPairs=[{"address": "10.0.0.0/24"}, {"address": "10.0.0.9", "mac": MAC}],
            portSecurityEnabled=True,
            adminStateUp=False,
            name="n",
            description="d",
            tags=["t"],
        ),
    ),
    "port: nothing at all": (
        "Port",
        port(fixedIPs=[], securityGroupRefs=[], allowedAddressPairs=[], portSecurityEnabled=False),
    ),
    "port: a QoS policy": ("Port", port(qosPolicyID=ID)),
    "port: 16 addresses": ("Port", port(fixedIPs=[{"address": f"10.0.0.{n}"} for n in range(16)])),
    "port: 64 pairs": ("Port", pairs(*({"address": f"10.0.{n}.0/24", "mac": MAC} for n in range(64)))),
    "port: two addresses of a subnet": ("Port", port(fixedIPs=[{"subnet": "a"}, {"subnet": "a"}])),
    "port: import": ("Port", {"import": {"filter": {"macAddress": MAC, "networkID": ID, "deviceID": "a server"}}}),
}

REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "port: QoS policy by its name": ("Port", port(qosPolicyID="slow"), "must be an id of OpenStack, such as"),
    "gateway by nothing": (
        "Router",
        gateway(enableSNAT=True),
        "spec.externalGateway: Invalid value: exactly one of networkRef, networkID and networkName is needed",
    ),
    "gateway: no address": ("Router", gateway(networkID=ID, addresses=[]), "should have at least 1 items"),
    "gateway: an address that is none": ("Router", gateway(networkID=ID, addresses=["192.0.2.0/24"]), "must be an IP"),
    "gateway: an address twice": (
        "Router",
        gateway(networkID=ID, addresses=["2001:db8::7", "2001:DB8:0::7"]),
        "addresses names an address twice",
    ),
    "gateway: 17 addresses": (
        "Router",
        gateway(networkID=ID, addresses=[f"192.0.2.{n}" for n in range(17)]),
        "must have at most 16 items",
    ),
    "gateway by two": ("Router", gateway(networkID=ID, networkName="x"), "exactly one of networkRef, networkID and"),
    "gateway by a name as id": ("Router", gateway(networkID="ext-floating1"), "must be an id of OpenStack"),
    "interface by nothing": ("Router", {"interfaces": [{}]}, "exactly one of networkRef, subnetID, portRef and portID"),
    "interface by both": (
        "Router",
        {"interfaces": [{**NET, "subnetID": ID}]},
        "exactly one of networkRef, subnetID, portRef and portID",
    ),
    "interface: subnet without network": (
        "Router",
        {"interfaces": [{"subnet": "a", "subnetID": ID}]},
        "spec.interfaces[0].subnet: Invalid value: subnet names a subnet of networkRef",
    ),
    "interface twice, by Port": ("Router", {"interfaces": [{"portRef": {"name": "a"}}] * 2}, "the same subnet or port"),
    "interface twice, by a port": ("Router", {"interfaces": [{"portID": ID}] * 2}, "the same subnet or port"),
    "interface by a Port at an address": (
        "Router",
        {"interfaces": [{"portRef": {"name": "a"}, "address": "10.0.0.9"}]},
        "address is an address of the subnet in networkRef or subnetID; a port has its own",
    ),
    "interface at a network": (
        "Router",
        {"interfaces": [{**NET, "address": "10.0.0.0/24"}]},
        "must be an IP address",
    ),
    "interface by a Port and a network": (
        "Router",
        {"interfaces": [{**NET, "portRef": {"name": "a"}}]},
        "exactly one of networkRef, subnetID, portRef and portID",
    ),
    "interface twice": (
        "Router",
        {"interfaces": [NET, NET]},
        "two interfaces lead to the same subnet or port; take one",
    ),
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
    "a rule by a pool": ("SecurityGroup", rule(poolRef={"name": "x"}), 'unknown field "spec.rules[0].poolRef"'),
    "a pool twice": (
        "SecurityGroup",
        members("web", "shop", "web"),
        "two items of memberRules name the same Pool: one is enough for all of its members; take the other out",
    ),
    "members of no pool": ("SecurityGroup", {"memberRules": [{"description": "x"}]}, "spec.memberRules[0].poolRef"),
    "members of a pool without a name": ("SecurityGroup", members(""), "spec.memberRules[0].poolRef.name"),
    "members with a port": (
        "SecurityGroup",
        {"memberRules": [{"poolRef": {"name": "x"}, "protocol": "tcp"}]},
        'unknown field "spec.memberRules[0].protocol"',
    ),
    "members of too many pools": (
        "SecurityGroup",
        members(*(f"p{number}" for number in range(21))),
        "spec.memberRules: Too many: 21: must have at most 20 items",
    ),
    "members with a long description": (
        "SecurityGroup",
        {"memberRules": [{"poolRef": {"name": "x"}, "description": "x" * 201}]},
        "spec.memberRules[0].description",
    ),
    "ICMPv6 in IPv4": ("SecurityGroup", rule(protocol="icmpv6"), "this protocol belongs to IPv6: add etherType: IPv6"),
    "ICMPv6 by number in IPv4": ("SecurityGroup", rule(protocol=58, etherType="IPv4"), "belongs to IPv6"),
    "too many rules": (
        "SecurityGroup",
        {"rules": [rule(protocol=n)["rules"][0] for n in range(101)]},
        "spec.rules: Too many: 101: must have at most 100 items",
    ),
    "group: no admin state": ("SecurityGroup", {"adminStateUp": True}, 'unknown field "spec.adminStateUp"'),
    "address: an empty name": ("FloatingIP", named(), "spec.reverseDNS.hostname: Required value"),
    "address: one label": ("FloatingIP", named(hostname="mail"), WHOLE),
    "address: one label and a dot": ("FloatingIP", named(hostname="mail."), WHOLE),
    "address: an address for a name": ("FloatingIP", named(hostname="2001:db8::1"), WHOLE),
    "address: a wildcard": ("FloatingIP", named(hostname="*.example.com"), WHOLE),
    "address: an underscore": ("FloatingIP", named(hostname="a_b.example.com"), WHOLE),
    "address: two dots": ("FloatingIP", named(hostname="mail..example.com"), WHOLE),
    "address: a hyphen at the end": ("FloatingIP", named(hostname="mail-.example.com"), WHOLE),
    "address: a label too long": ("FloatingIP", named(hostname=f"{'a' * 64}.example.com"), WHOLE),
    "address: a line feed": ("FloatingIP", named(hostname="mail.example.com\n"), WHOLE),
    "address: a name too long": ("FloatingIP", named(hostname="a." * 126 + "ab"), "spec.reverseDNS.hostname: Too long"),
    "address: a TTL too long": (
        "FloatingIP",
        named(hostname="mail.example.com", ttl=2147483648),
        "spec.reverseDNS.ttl: Invalid value: 2147483648: spec.reverseDNS.ttl in body should be less than or equal",
    ),
    "address: a TTL below 0": ("FloatingIP", named(hostname="mail.example.com", ttl=-1), "spec.reverseDNS.ttl"),
    "address: a name's text too long": (
        "FloatingIP",
        named(hostname="mail.example.com", description="x" * 161),
        "spec.reverseDNS.description: Too long",
    ),
    "address: no network": (
        "FloatingIP",
        {},
        "spec: Invalid value: externalNetwork is required, unless import names what to take over",
    ),
    "address: two targets": (
        "FloatingIP",
        {"externalNetwork": EXT, "portID": ID, "loadBalancerRef": {"name": "web"}},
        "at most one of loadBalancerRef, portRef and portID can be given",
    ),
    "address: a Port, and a port by its id": (
        "FloatingIP",
        {"externalNetwork": EXT, "portID": ID, "portRef": {"name": "web"}},
        "at most one of loadBalancerRef, portRef and portID can be given",
    ),
    "address: fixed address without port": (
        "FloatingIP",
        {"externalNetwork": EXT, "fixedAddress": "10.0.0.9"},
        "fixedAddress is an address of what is in loadBalancerRef, portRef or portID",
    ),
    **{
        f"address: ports beside {name}": (
            "FloatingIP",
            {**forwarding(), name: ID if name == "portID" else {"name": "web"}},
            "an address with portForwardings leads to no port as a whole",
        )
        for name in ("loadBalancerRef", "portRef", "portID")
    },
    "address: a port twice": (
        "FloatingIP",
        {"externalNetwork": EXT, "portForwardings": forwarding()["portForwardings"] * 2},
        "spec.portForwardings[1]: Duplicate value",
    ),
    "address: to one port twice": (
        "FloatingIP",
        {
            "externalNetwork": EXT,
            "portForwardings": [
                *forwarding(internalPort=443)["portForwardings"],
                *forwarding(externalPort=443)["portForwardings"],
            ],
        },
        "two port forwardings of one protocol lead to the same port inside",
    ),
    "address: a port to nowhere": (
        "FloatingIP",
        forwarding(portRef=None),
        "exactly one of portRef and portID is needed",
    ),
    "address: a port to two": (
        "FloatingIP",
        forwarding(portID=ID, fixedAddress="10.0.0.9"),
        "exactly one of portRef and portID is needed",
    ),
    "address: a port by id, and no address": (
        "FloatingIP",
        forwarding(portRef=None, portID=ID),
        "fixedAddress is needed with portID",
    ),
    "address: a port to IPv6": ("FloatingIP", forwarding(fixedAddress="2001:db8::1"), "must be an IPv4 address"),
    "address: a port to no address": ("FloatingIP", forwarding(fixedAddress="a"), "must be an IP address"),
    "address: port 0": (
        "FloatingIP",
        forwarding(externalPort=0),
        "spec.portForwardings[0].externalPort: Invalid value",
    ),
    "address: port 65536": (
        "FloatingIP",
        forwarding(internalPort=65536),
        "spec.portForwardings[0].internalPort: Invalid value",
    ),
    "address: a port of ICMP": (
        "FloatingIP",
        forwarding(protocol="icmp"),
        'spec.portForwardings[0].protocol: Unsupported value: "icmp"',
    ),
    "address: a range of ports": (
        "FloatingIP",
        forwarding(externalPortRange="80:90"),
        'unknown field "spec.portForwardings[0].externalPortRange"',
    ),
    "address: 33 ports": (
        "FloatingIP",
        {
            "externalNetwork": EXT,
            "portForwardings": [forwarding(externalPort=n)["portForwardings"][0] for n in range(1, 34)],
        },
        "spec.portForwardings: Too many",
    ),
    "address: not one": ("FloatingIP", {"externalNetwork": EXT, "address": "203.0.113.0/24"}, "must be an IP address"),
    "address: no name": ("FloatingIP", {"externalNetwork": EXT, "name": "x"}, 'unknown field "spec.name"'),
    "port: no network": ("Port", {}, "spec: Invalid value: exactly one of networkRef and networkID is needed, unless"),
    "port: two networks": ("Port", port(networkID=ID), "exactly one of networkRef and networkID is needed"),
    "port: two networks, imported": (
        "Port",
        port(networkID=ID, **{"import": {"id": ID}}),
        "networkRef and networkID both say which network the port is in",
    ),
    "port: a subnet's name without network": (
        "Port",
        {"networkID": ID, "fixedIPs": [{"subnet": "a"}]},
        "spec.fixedIPs: Invalid value: fixedIPs[].subnet names a subnet of networkRef; without networkRef use subnetID",
    ),
    "port: an address by nothing": ("Port", port(fixedIPs=[{}]), "one of subnet, subnetID and address is needed"),
    "port: an address in two subnets": (
        "Port",
        port(fixedIPs=[{"subnet": "a", "subnetID": ID}]),
        "subnet and subnetID both say where the address is; take one of them out",
    ),
    "port: an address twice": (
        "Port",
        port(fixedIPs=[{"address": "2001:db8::9"}, {"subnet": "a", "address": "2001:DB8:0::9"}]),
        "fixedIPs names an address twice; take one of them out",
    ),
    "port: too many addresses": (
        "Port",
        port(fixedIPs=[{"address": f"10.0.0.{n}"} for n in range(17)]),
        "spec.fixedIPs: Too many: 17: must have at most 16 items",
    ),
    "port: a MAC in upper case": ("Port", port(macAddress=MAC.upper()), "must be a MAC address in lower case"),
    "port: no MAC": ("Port", port(macAddress="fa163e000042"), "must be a MAC address in lower case, such as"),
    "port: a pair with host bits": ("Port", pairs({"address": "10.0.0.9/24"}), "without host bits, such as"),
    "port: a pair that is no address": ("Port", pairs({"address": "web"}), "must be an IP address, such as"),
    "port: a pair twice": (
        "Port",
        pairs({"address": "10.0.0.9"}, {"address": "10.0.0.8"}, {"address": "10.0.0.9"}),
        "allowedAddressPairs names a pair twice; take one of them out",
    ),
    "port: groups without port security": (
        "Port",
        port(portSecurityEnabled=False, securityGroupRefs=[{"name": "web"}]),
        "security groups and allowedAddressPairs need port security",
    ),
    "port: pairs without port security": (
        "Port",
        {**pairs({"address": "10.0.0.9"}), "portSecurityEnabled": False},
        "security groups and allowedAddressPairs need port security",
    ),
    "port: too many groups": (
        "Port",
        port(
            securityGroupRefs=[{"name": f"g{n}"} for n in range(11)],
            securityGroupIDs=[ID[:-2] + f"{n:02}" for n in range(10)],
        ),
        "at most 20 security groups can be given",
    ),
    "port: an empty filter": ("Port", {"import": {"filter": {}}}, "should have at least 1 properties"),
    "port: unknown field": ("Port", port(deviceID="x"), 'unknown field "spec.deviceID"'),
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
    "port: everything that can be changed": (
        "Port",
        {**pairs({"address": "10.0.0.9"}), "fixedIPs": [{"subnet": "a"}], "securityGroupRefs": [{"name": "a"}]},
        port(fixedIPs=[], securityGroupIDs=[ID], portSecurityEnabled=True, adminStateUp=False, qosPolicyID=ID),
        {"id": ID, "networkID": ID, "macAddress": MAC},
        "",
    ),
    "port: another network": (
        "Port",
        port(),
        {"networkRef": {"name": "other"}},
        {"id": ID, "networkID": OTHER_ID},
        "networkRef cannot be changed: create another Port, for a port cannot move",
    ),
    "port: another network by id": (
        "Port",
        {"networkID": ID},
        {"networkID": OTHER_ID},
        {"id": ID, "networkID": ID},
        "networkID cannot be changed: create another Port",
    ),
    "port: another MAC": (
        "Port",
        port(macAddress=MAC),
        port(macAddress="fa:16:3e:00:00:43"),
        {"id": ID, "macAddress": MAC},
        "macAddress cannot be changed: create another Port; to change the MAC of a port takes an administrator's rights",
    ),
    "port: a MAC instead of the chosen one": (
        "Port",
        port(),
        port(macAddress="fa:16:3e:00:00:43"),
        {"id": ID, "macAddress": MAC},
        "macAddress cannot be changed once there is one (status.macAddress)",
    ),
    "port: the chosen MAC written down": ("Port", port(), port(macAddress=MAC), {"id": ID, "macAddress": MAC}, ""),
    "port: another MAC before it is there": ("Port", port(), port(macAddress=MAC), None, ""),
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
