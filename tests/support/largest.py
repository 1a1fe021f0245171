"""The largest objects that the schemas take: as many parts as may be, each with all that it may say, in long words."""

from __future__ import annotations

from typing import Any

from tests.support.fuzz_schema import Schema, status_of
from tests.support.manifests import manifest

Body = dict[str, Any]
_NAME = ".".join("n" * 49 for _ in range(5)) + ".xxx"
_TEXT, _NOTE = "n" * 255, "d" * 200
TAGS = [f"{number:02}" + "t" * 58 for number in range(50)]


def _id(number: int) -> str:
    return f"1b4e28ba-2fa1-41d2-883f-{number:012x}"


def _long(*groups: int) -> str:
    """An IPv6 address that has no shorter form."""
    filled = (0x2001, 0x1DB8, *(0xFFFF,) * (6 - len(groups)), *(0x1000 + each for each in groups))
    return ":".join(f"{each:x}" for each in filled)


def largest() -> dict[str, Body]:
    """One manifest of each kind whose spec is a list of parts, by kind, with finalizers, labels and annotations of others."""
    common = {"name": _TEXT, "description": _NOTE, "tags": TAGS, "cloudCredentialsRef": {"secretName": _NAME}}
    specs = {
        "InfomaniakNetwork": {"subnets": [_subnet(each) for each in range(32)]},
        "SecurityGroup": {"rules": [_rule(each) for each in range(100)]},
        "Router": {
            "interfaces": [{"networkRef": {"name": _NAME}, "subnet": f"{each:02}" + "s" * 61} for each in range(64)],
            "routes": [{"destination": f"2001:db8:{each:x}::/48", "nexthop": _long(each, 1)} for each in range(64)],
        },
        "Port": {
            "networkRef": {"name": _NAME},
            "fixedIPs": [{"subnet": f"{each:02}" + "s" * 61, "address": _long(each, 3)} for each in range(16)],
            "securityGroupRefs": [{"name": f"{each:02}{_NAME[2:]}"} for each in range(20)],
            "allowedAddressPairs": [
                {"address": f"2001:db8:{each:x}::/48", "mac": f"fa:16:3e:00:00:{each:02x}"} for each in range(64)
            ],
        },
        "Pool": {
            "loadBalancerRef": {"name": _NAME},
            "protocol": "HTTP",
            "algorithm": "ROUND_ROBIN",
            "members": [_member(each) for each in range(256)],
        },
        "LoadBalancer": {
            "vip": {
                "networkRef": {"name": _NAME},
                "subnet": "s" * 63,
                "additionalVips": [
                    {"networkRef": {"name": _NAME}, "subnet": f"{each}" + "v" * 62, "address": _long(each, 2)}
                    for each in range(8)
                ],
            },
            "listeners": [_listener(each) for each in range(32)],
        },
    }
    return {kind: _crowded(manifest(kind, "largest", **{**common, **spec})) for kind, spec in specs.items()}


def _crowded(body: Body) -> Body:
    """The same among strangers: what else stands in its metadata."""
    meta = {
        "labels": {f"example.org/label-{each}": "x" * 63 for each in range(200)},
        "annotations": {f"example.org/annotation-{each}": "x" * 2000 for each in range(100)},
        "finalizers": [f"example.org/finalizer-{each:03}" for each in range(200)],
    }
    return {**body, "metadata": {**body["metadata"], **meta}}


def _subnet(number: int) -> Body:
    net = f"2001:db8:{number:x}::"
    return {
        "name": f"{number:02}" + "s" * 61,
        "cidr": f"{net}/64",
        "ipVersion": 6,
        "gateway": f"{net}1",
        "enableDHCP": True,
        "dnsNameservers": [_long(number, each + 1) for each in range(8)],
        "allocationPools": [{"start": f"{net}{each + 16:x}00", "end": f"{net}{each + 16:x}ff"} for each in range(16)],
        "hostRoutes": [{"destination": f"2001:db8:{each + 256:x}::/48", "nexthop": f"{net}2"} for each in range(20)],
        "ipv6AddressMode": "dhcpv6-stateful",
        "ipv6RAMode": "dhcpv6-stateful",
        "description": _NOTE,
    }


def _rule(number: int) -> Body:
    return {
        "direction": "ingress",
        "etherType": "IPv6",
        "protocol": "udplite",
        "portRange": {"min": 1 + number, "max": 65535},
        "remoteIPPrefix": f"2001:db8:{number:x}::/48",
        "description": "d" * 255,
    }


def _member(number: int) -> Body:
    return {
        "address": _long(number, 1),
        "port": 1 + number,
        "name": _TEXT,
        "weight": 256,
        "backup": False,
        "networkRef": {"name": _NAME},
        "subnet": "s" * 63,
        "monitorAddress": _long(number, 2),
        "monitorPort": 65535,
        "adminStateUp": True,
    }


def _listener(number: int) -> Body:
    return {
        "name": f"{number:02}" + "l" * 61,
        "protocol": "TERMINATED_HTTPS",
        "port": 1 + number,
        "defaultPoolRef": {"name": _NAME},
        "allowedCIDRs": [f"2001:db8:{each:x}::/48" for each in range(100)],
        "timeouts": dict.fromkeys(("clientData", "memberConnect", "memberData", "tcpInspect"), 2073600000),
        "connectionLimit": 1000000,
        "insertHeaders": ["X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto"],
        "tls": {
            "barbicanContainer": "https://barbican.example/v1/containers/" + "c" * 200,
            "sniBarbicanContainers": [f"https://barbican.example/v1/containers/{each:0200}" for each in range(32)],
            "clientAuthentication": {
                "mode": "MANDATORY",
                "caBarbicanSecret": "https://barbican.example/v1/secrets/" + "a" * 200,
                "crlBarbicanSecret": "https://barbican.example/v1/secrets/" + "r" * 200,
            },
            "ciphers": ":".join(["ECDHE-ECDSA-AES256-GCM-SHA384"] * 68),
        },
        "description": _NOTE,
    }


def status(kind: str, parts: int = 256) -> Body:
    """A status of a kind with all fields that it has.

    Args:
        kind: of the object.
        parts: how many items each list has at most.
    """
    made: Body = _filled(status_of(kind), parts)
    return made


def _filled(schema: Schema, parts: int) -> Any:
    made: Any = {"boolean": True, "string": "x" * min(schema.get("maxLength", 64), 64)}.get(schema.get("type", ""), 1)
    if "enum" in schema:
        made = schema["enum"][0]
    elif schema.get("format") == "date-time":
        made = "2026-11-27T00:00:00Z"
    elif schema.get("type") == "object":
        made = {name: _filled(part, parts) for name, part in schema.get("properties", {}).items()}
    elif schema.get("type") == "array":
        made = [_item(schema["items"], each, parts) for each in range(min(parts, schema["maxItems"]))]
    return made


def _item(schema: Schema, number: int, parts: int) -> Any:
    """An item that no other is equal to, by whatever key."""
    made = _filled(schema, parts)
    if isinstance(made, str):
        return f"{number:04}" + made[4:]
    return {
        key: f"C{number:03}" + value[4:] if isinstance(value, str) and key in ("type", "name", "id") else value
        for key, value in made.items()
    }
