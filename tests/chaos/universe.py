"""The objects that chaos is made with: few of each kind, which refer to each other, each with many forms.

Every form is valid by itself: what a reference leads to may be missing. Nothing here is known of how the operator works.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

Spec = dict[str, Any]
Key = tuple[str, str]
"""Kind and name."""

CREDENTIALS = {"secretName": "infomaniak", "cloudName": "infomaniak"}
EXTERNAL = "ext-floating1"
PLURALS = {
    "InfomaniakNetwork": "infomaniaknetworks",
    "Router": "routers",
    "SecurityGroup": "securitygroups",
    "Port": "ports",
    "FloatingIP": "floatingips",
    "LoadBalancer": "loadbalancers",
    "Pool": "pools",
    "HealthMonitor": "healthmonitors",
    "L7Policy": "l7policies",
}
KEYS: tuple[Key, ...] = (
    ("InfomaniakNetwork", "n0"),
    ("InfomaniakNetwork", "n1"),
    ("InfomaniakNetwork", "n2"),
    ("InfomaniakNetwork", "internet"),
    ("Router", "r0"),
    ("SecurityGroup", "g0"),
    ("SecurityGroup", "g1"),
    ("Port", "p0"),
    ("Port", "p1"),
    ("Port", "p2"),
    ("FloatingIP", "f0"),
    ("FloatingIP", "f1"),
    ("LoadBalancer", "l0"),
    ("LoadBalancer", "l1"),
    ("Pool", "o0"),
    ("Pool", "o1"),
    ("Pool", "o2"),
    ("HealthMonitor", "m0"),
    ("HealthMonitor", "m1"),
    ("L7Policy", "w0"),
    ("L7Policy", "w1"),
    ("L7Policy", "w2"),
    ("InfomaniakNetwork", "kept0"),
    ("SecurityGroup", "kept0"),
    ("FloatingIP", "kept0"),
    ("InfomaniakNetwork", "given0"),
    ("SecurityGroup", "given0"),
    ("FloatingIP", "given0"),
    ("LoadBalancer", "given0"),
)
POOLS = {"l0": ("o0", "o2"), "l1": ("o1",)}
"""The pools of each load balancer."""
WATCHED = {"w0": ("l0", "web"), "w1": ("l0", "web"), "w2": ("l1", "away")}
"""The listener of each L7 policy."""
BROKEN = ("l1", "o1", "m1", "w2")
"""The tree that goes to ERROR. Others make nothing in it: they could not take it back any more, and it would be in the way."""
RECREATED = "Always"
RECOVERY = {"policy": "Recreate", "maxAttempts": 50, "backoffSeconds": 10}
"""Recovers as often as it is broken."""
GIVEN = "given"
"""The name, the description or the tag of what others have made for ours to read or to take over."""


def fixed(key: Key) -> bool:
    """Whether an object has one form, and neither the user nor others touch it."""
    return key[1] == "internet"


def is_given(key: Key) -> bool:
    """Whether an object imports what others have made; it may always be deleted, and leaves that."""
    return key[1].startswith(GIVEN)


def is_kept(key: Key) -> bool:
    """Whether an object may be deleted with Retain; nothing refers to it, for what is retained would be in the way."""
    return key[1].startswith("kept")


def number(name: str) -> int:
    """The number at the end of a name."""
    return int(name[-1])


def some_spec(key: Key, draw: random.Random) -> Spec:
    """One of the many forms of an object.

    Args:
        key: which.
        draw: where chance comes from.
    """
    kind, name = key
    if name == "internet":
        read = {"managementPolicy": "Unmanaged", "import": {"filter": {"name": EXTERNAL, "external": True}}}
        return {"cloudCredentialsRef": CREDENTIALS, **read}
    if is_given(key):
        return {"cloudCredentialsRef": CREDENTIALS, **_imported(kind, draw)}
    spec: Spec = {"cloudCredentialsRef": CREDENTIALS, **_MAKERS[kind](name, draw)}
    if kind != "HealthMonitor":
        _maybe(spec, draw, description=lambda: f"{name} {draw.choice(('one', 'two', 'three'))}")
    if kind not in ("FloatingIP", "HealthMonitor") and draw.random() < 0.3:
        spec["name"] = f"{name}-{draw.choice('abc')}"
    if kind not in ("SecurityGroup", "FloatingIP"):
        _maybe(spec, draw, 0.3, adminStateUp=lambda: draw.random() < 0.5)
    if is_kept(key):
        _maybe(spec, draw, 0.6, deletionPolicy=lambda: draw.choice(("Retain", "Retain", "Delete")))
    return spec


def _imported(kind: str, draw: random.Random) -> Spec:
    """Read, or taken over and kept; what the spec does not name stays as others have made it."""
    wanted = {"tags": [GIVEN]} if kind == "FloatingIP" else {"name": GIVEN}
    spec: Spec = {"import": {"filter": wanted}, "deletionPolicy": "Retain"}
    if draw.random() < 0.35:
        return {**spec, "managementPolicy": "Unmanaged"}
    return {**spec, "description": f"taken over {draw.randrange(9)}"}


def _maybe(spec: Spec, draw: random.Random, chance: float = 0.5, **fields: Callable[[], Any]) -> None:
    for name, make in fields.items():
        if draw.random() < chance:
            spec[name] = make()


def _network(name: str, draw: random.Random) -> Spec:
    spec: Spec = {}
    if name in ("n2", "kept0"):  # nobody uses it, so that anything may change
        _maybe(spec, draw, portSecurityEnabled=lambda: draw.random() < 0.5)
    chances = {"b": 0.9 if name == "n1" else 0.5, "v6": 0.5}  # a Port is on one of them
    names = ["a", *(each for each, chance in chances.items() if draw.random() < chance)]
    if name in ("n2", "kept0") and draw.random() < 0.2:
        names = []
    spec["subnets"] = [_subnet(number(name), each, draw) for each in names]
    return spec


def cidr(network: str, subnet: str) -> str:
    """The range of a subnet."""
    n = number(network)
    return {"a": f"10.1{n}.0.0/24", "b": f"10.1{n}.1.0/24", "v6": f"2001:db8:1{n}::/64"}[subnet]


def _subnet(network: int, name: str, draw: random.Random) -> Spec:
    subnet: Spec = {"name": name, "cidr": cidr(f"n{network}", name)}
    if name == "v6":
        return {**subnet, "ipv6AddressMode": "slaac", "ipv6RAMode": "slaac"}
    _maybe(subnet, draw, dnsNameservers=lambda: draw.choice(([], ["9.9.9.9"], ["9.9.9.9", "149.112.112.112"])))
    _maybe(subnet, draw, 0.3, enableDHCP=lambda: draw.random() < 0.5)
    _maybe(subnet, draw, 0.3, description=lambda: draw.choice(("left", "right")))
    return subnet


def _router(name: str, draw: random.Random) -> Spec:
    del name
    spec: Spec = {}
    if draw.random() < 0.85:
        named = {"networkName": EXTERNAL}
        spec["externalGateway"] = named if draw.random() < 0.6 else {"networkRef": {"name": "internet"}}
    legs = [("n0", "a"), ("n1", "a"), ("n0", "b"), ("n1", "b")]
    chosen = [leg for leg, chance in zip(legs, (0.85, 0.85, 0.3, 0.4), strict=True) if draw.random() < chance]
    _maybe(spec, draw, 0.9, interfaces=lambda: [_interface(*leg, draw) for leg in chosen])
    if ("n0", "a") in chosen and "interfaces" in spec:
        routes = [{"destination": f"192.168.{draw.randrange(3)}.0/24", "nexthop": "10.10.0.9"}]
        _maybe(spec, draw, 0.4, routes=lambda: draw.choice(([], routes)))
    return spec


def _interface(network: str, subnet: str, draw: random.Random) -> Spec:
    """At the gateway's address; on the subnets that no load balancer is on also at another one, or by a Port."""
    leg: Spec = {"networkRef": {"name": network}, "subnet": subnet}
    if (network, subnet) == ("n1", "b") and draw.random() < 0.5:
        return {"portRef": {"name": "p2"}}
    if subnet == "b" and draw.random() < 0.5:
        leg["address"] = f"10.1{number(network)}.1.{draw.choice((8, 9))}"
    return leg


def _group(name: str, draw: random.Random) -> Spec:
    other = "g1" if name == "g0" else "g0"
    rules = [
        {"direction": "ingress", "protocol": "tcp", "portRange": {"min": 22}, "remoteIPPrefix": "0.0.0.0/0"},
        {"direction": "ingress", "protocol": "tcp", "portRange": {"min": 8000, "max": 8100}},
        {"direction": "ingress", "protocol": "icmp"},
        {"direction": "ingress", "etherType": "IPv6", "protocol": "tcp", "portRange": {"min": 443}},
        {"direction": "egress", "protocol": "udp", "remoteIPPrefix": "10.0.0.0/8", "description": "out"},
        {"direction": "ingress", "protocol": "udp", "portRange": {"min": 53}, "remoteGroupRef": {"name": name}},
        {"direction": "ingress", "protocol": "tcp", "portRange": {"min": 5432}, "remoteGroupRef": {"name": other}},
    ]
    if name == "kept0":  # what is retained would keep the other group
        rules.pop()
    spec: Spec = {}
    _maybe(spec, draw, 0.85, rules=lambda: [rule for rule in rules if draw.random() < 0.5])
    _maybe(spec, draw, 0.2, keepDefaultEgress=lambda: draw.random() < 0.5)
    return spec


def _port(name: str, draw: random.Random) -> Spec:
    if name == "p2":  # for a router's interface
        return {"networkRef": {"name": "n1"}, "fixedIPs": [{"subnet": "b", "address": "10.11.1.70"}]}
    n = number(name)
    spec: Spec = {"networkRef": {"name": f"n{n}"}}
    somewhere, there = {"subnet": "a"}, {"subnet": "a", "address": f"10.1{n}.0.{draw.choice((60, 61))}"}
    _maybe(spec, draw, 0.9, fixedIPs=lambda: [draw.choice((somewhere, there, there))])
    groups = [{"name": group} for group in ("g0", "g1") if draw.random() < 0.4]
    _maybe(spec, draw, securityGroupRefs=lambda: groups)
    pairs = [{"address": f"10.1{n}.0.{draw.choice((200, 201))}"}]
    _maybe(spec, draw, 0.4, allowedAddressPairs=lambda: draw.choice(([], pairs)))
    return spec


def _floating_ip(name: str, draw: random.Random) -> Spec:
    n = number(name)
    spec: Spec = {"externalNetwork": {"networkName": EXTERNAL}, "recreate": RECREATED}
    if name == "kept0":
        return spec
    forwarded = {"portForwardings": [each for each in _forwardings(n, draw) if draw.random() < 0.7]}
    targets: list[Spec] = [{}, {"loadBalancerRef": {"name": f"l{n}"}}, {"portRef": {"name": f"p{n}"}}, forwarded]
    return {**spec, **draw.choice(targets), **({"portForwardings": []} if draw.random() < 0.1 else {})}


def _forwardings(n: int, draw: random.Random) -> list[Spec]:
    port = {"name": f"p{n}"}
    return [
        {"protocol": "tcp", "externalPort": 2201, "internalPort": draw.choice((22, 2222)), "portRef": port},
        {"protocol": "udp", "externalPort": draw.choice((53, 54)), "internalPort": 53, "portRef": port},
        {"protocol": draw.choice(("tcp", "udp")), "externalPort": 8080, "portRef": port},
    ]


def _load_balancer(name: str, draw: random.Random) -> Spec:
    n = number(name)
    spec: Spec = {"vip": {"networkRef": {"name": f"n{n}"}, "subnet": "a"}}
    if name == "l1" and draw.random() < 0.5:
        spec["vip"]["securityGroupRefs"] = [{"name": draw.choice(("g0", "g1"))}]
    if name in BROKEN:
        spec["recovery"] = RECOVERY
    else:
        _maybe(spec, draw, 0.3, recovery=lambda: draw.choice(({"policy": "Never"}, RECOVERY)))
    away = 0.7 if name == "l1" else 0.4
    names = [each for each, chance in (("web", 0.85), ("tcp", 0.5), ("away", away)) if draw.random() < chance]
    spec["listeners"] = [_listener(name, each, draw) for each in names]
    return spec


def _listener(owner: str, name: str, draw: random.Random) -> Spec:
    ports = {"web": (80, 8080), "tcp": (443, 8443), "away": (8000, 8001)}
    listener: Spec = {
        "name": name,
        "protocol": "TCP" if name == "tcp" else "HTTP",
        "port": draw.choice(ports[name]) if draw.random() < 0.3 else ports[name][0],
    }
    if name == "away":
        return {**listener, "redirectToHTTPS": {"host": draw.choice(("a.example.org", "b.example.org"))}}
    _maybe(listener, draw, 0.8, defaultPoolRef=lambda: {"name": draw.choice(POOLS[owner])})
    _maybe(listener, draw, 0.4, connectionLimit=lambda: draw.choice((100, 200)))
    _maybe(listener, draw, 0.3, timeouts=lambda: {"clientData": draw.choice((30000, 60000))})
    if owner == "l0":  # not together with groups of the VIP
        _maybe(listener, draw, 0.3, allowedCIDRs=lambda: draw.choice((["10.0.0.0/8"], ["10.0.0.0/8", "192.0.2.0/24"])))
    if name == "web":
        _maybe(listener, draw, 0.3, insertHeaders=lambda: draw.choice(([], ["X-Forwarded-For"])))
    return listener


def _pool(name: str, draw: random.Random) -> Spec:
    owner = "l1" if name == "o1" else "l0"
    spec: Spec = {
        "loadBalancerRef": {"name": owner},
        "protocol": "HTTP" if draw.random() < 0.85 else "PROXY",
        "algorithm": draw.choice(("ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP")),
    }
    _maybe(spec, draw, 0.9, members=lambda: _members(number(owner), draw))
    _maybe(spec, draw, 0.3, sessionPersistence=lambda: {"type": draw.choice(("SOURCE_IP", "HTTP_COOKIE"))})
    if name != "o2":
        port = {"portRef": {"name": f"p{number(owner)}"}, "port": 8080}
        _maybe(spec, draw, 0.25, portMembers=lambda: [port])
    return spec


def _members(network: int, draw: random.Random) -> list[Spec]:
    members = []
    for last in (51, 52, 53):
        if draw.random() < 0.6:
            member: Spec = {"address": f"10.1{network}.0.{last}", "port": 80}
            _maybe(member, draw, weight=lambda: draw.choice((0, 1, 5)))
            _maybe(member, draw, 0.2, backup=lambda: draw.random() < 0.5)
            members.append(member)
    return members


def _monitor(name: str, draw: random.Random) -> Spec:
    spec: Spec = {
        "poolRef": {"name": f"o{number(name)}"},
        "type": draw.choice(("HTTP", "TCP")),
        "delay": draw.choice((5, 10)),
        "timeout": draw.choice((3, 4)),
        "maxRetries": draw.choice((2, 3)),
    }
    if spec["type"] == "HTTP":
        _maybe(spec, draw, urlPath=lambda: draw.choice(("/", "/health")))
        _maybe(spec, draw, 0.3, expectedCodes=lambda: draw.choice(("200", "200-204")))
    return spec


_RULES: tuple[Spec, ...] = (
    {"type": "HOST_NAME", "compareType": "EQUAL_TO", "value": "www.example.org"},
    {"type": "PATH", "compareType": "STARTS_WITH", "value": "/x"},
    {"type": "PATH", "compareType": "REGEX", "value": "^/[0-9]+$", "invert": True},
    {"type": "HEADER", "compareType": "CONTAINS", "key": "X-Kind", "value": "chaos"},
)
_ACTIONS: tuple[Spec, ...] = (
    {"action": "REJECT"},
    {"action": "REDIRECT_TO_URL", "redirectURL": "https://www.example.org/there"},
    {"action": "REDIRECT_PREFIX", "redirectPrefix": "https://www.example.org"},
)


def _policy(name: str, draw: random.Random) -> Spec:
    owner, listener = WATCHED[name]
    to_pool: Spec = {"action": "REDIRECT_TO_POOL", "poolRef": {"name": draw.choice(POOLS[owner])}}
    action = to_pool if draw.random() < 0.4 else draw.choice(_ACTIONS)
    rules = [rule for rule in _RULES if draw.random() < 0.4] or [draw.choice(_RULES)]
    spec: Spec = {"loadBalancerRef": {"name": owner}, "listener": listener, **action, "rules": rules}
    _maybe(spec, draw, 0.7, position=lambda: draw.choice((10, 20, 30)))
    if action["action"] in ("REDIRECT_TO_URL", "REDIRECT_PREFIX"):
        _maybe(spec, draw, 0.4, redirectHTTPCode=lambda: draw.choice((301, 307)))
    return spec


_MAKERS: Mapping[str, Callable[[str, random.Random], Spec]] = {
    "InfomaniakNetwork": _network,
    "Router": _router,
    "SecurityGroup": _group,
    "Port": _port,
    "FloatingIP": _floating_ip,
    "LoadBalancer": _load_balancer,
    "Pool": _pool,
    "HealthMonitor": _monitor,
    "L7Policy": _policy,
}
