"""The lives of each kind: made with all that a spec can say, changed in every sort of way, meddled with, lost, deleted."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from infomaniak_operator.controller.interfaces import Key
from tests.support.chains import authority, link, revoking
from tests.support.crashes.auditor import mark_of
from tests.support.crashes.run import Act, Life
from tests.support.crashes.stage import Stage
from tests.support.intent import TEXTS, full

Spec = Mapping[str, Any]
OUTSIDE = {"networkName": "ext-floating1"}
NET, EDGE = Key("InfomaniakNetwork", "shop", "front"), Key("Router", "shop", "edge")
SSH, SERVER = Key("SecurityGroup", "shop", "ssh"), Key("Port", "shop", "server")
PUBLIC, WEB = Key("FloatingIP", "shop", "public"), Key("LoadBalancer", "shop", "web")
SITE, CHECK = Key("Pool", "shop", "site"), Key("HealthMonitor", "shop", "check")
ROUTE, BLOCK = Key("L7Policy", "shop", "route"), Key("L7Policy", "shop", "block")


def put(key: Key, spec: Spec | Callable[[Stage], Spec], name: str = "") -> Act:
    """An object is applied."""
    return Act(
        name or f"{key.name} is made",
        lambda stage: stage.apply(key.kind, key.name, spec(stage) if callable(spec) else spec),
    )


def set_(name: str, key: Key, /, **fields: Any) -> Act:
    """Fields of a spec are changed; ``...`` takes one out."""
    return Act(name, lambda stage: stage.world.spec(key, **fields))


def by_others(name: str, do: Callable[[Stage], object], *keys: Key) -> Act:
    """Somebody else changes something in the cloud, and a resync comes."""

    def act(stage: Stage) -> None:
        do(stage)
        stage.world.clock.advance(5)
        stage.world.resync()

    return Act(name, act, about=keys)


def delete(*keys: Key) -> Act:
    """Objects are deleted."""
    names = " and ".join(key.name for key in keys)
    return Act(f"{names} deleted", lambda stage: stage.delete(*keys))


def update(table: str, key: Key, /, **values: Any) -> Callable[[Stage], object]:
    """Others change attributes of what an object stands for."""
    return lambda stage: getattr(stage.world.others, table).update(stage.row(key)["id"], values)


def remove(table: str, key: Key, **how: Any) -> Callable[[Stage], object]:
    """Others delete what an object stands for."""
    return lambda stage: getattr(stage.world.others, table).delete(stage.row(key)["id"], **how)


# -- networks

V4 = {
    "name": "v4",
    "cidr": "10.1.0.0/24",
    "gateway": "10.1.0.9",
    "enableDHCP": False,
    "dnsNameservers": ["192.0.2.1"],
    "allocationPools": [{"start": "10.1.0.20", "end": "10.1.0.30"}],
    "hostRoutes": [{"destination": "10.99.0.0/16", "nexthop": "10.1.0.8"}],
    "description": "text",
}
V6 = {"name": "v6", "cidr": "2001:db8:1::/64"}
PLAIN_V4 = {"name": "v4", "cidr": "10.1.0.0/24"}
NETWORK = {
    "mtu": 1400,
    "adminStateUp": False,
    "portSecurityEnabled": False,
    "dnsDomain": "example.org.",
    "subnets": [V4, V6],
    **TEXTS,
}


def _subnet(stage: Stage, name: str) -> Any:
    under = stage.row(NET)["id"]
    return next(r for r in stage.tables["subnets"].values() if r["network_id"] == under and r["name"] == name)


def _network_drifts(stage: Stage) -> None:
    update("networks", NET, name="drifted", mtu=1300, description="", admin_state_up=True)(stage)
    stage.world.others.subnets.update(_subnet(stage, "v4")["id"], {"enable_dhcp": True, "description": ""})


NETWORKS = (
    Life(
        "network",
        (
            put(NET, NETWORK),
            set_("fields change", NET, mtu=1420, adminStateUp=True, description="other", tags=["red"], name="office"),
            set_("fields go", NET, portSecurityEnabled=..., dnsDomain=..., description=..., tags=..., name=...),
            set_(
                "subnets change",
                NET,
                subnets=[{**PLAIN_V4, "enableDHCP": False}, {"name": "new", "cidr": "10.4.0.0/24"}],
            ),
            by_others("drift", _network_drifts, NET),
            by_others("subnet lost", lambda s: s.world.others.subnets.delete(_subnet(s, "v4")["id"]), NET),
            by_others("network lost", remove("networks", NET), NET),
            set_("subnets go", NET, subnets=[]),
            delete(NET),
        ),
    ),
    Life(
        "network touched",
        (
            put(NET, {**NETWORK, "deletionPolicy": "Retain"}),
            set_("fields go", NET, portSecurityEnabled=..., description=..., tags=..., subnets=[PLAIN_V4]),
            set_("fields come", NET, portSecurityEnabled=False, description="text", tags=["blue"], subnets=[V4]),
            delete(NET),
        ),
        touched=True,
    ),
)

# -- routers


def router(stage: Stage) -> Spec:
    """A router with all it can have."""
    return {
        "adminStateUp": False,
        "externalGateway": OUTSIDE,
        "interfaces": [{"networkRef": {"name": "front"}, "subnet": "v4"}, {"subnetID": stage.ids["subnet"]}],
        "routes": [{"destination": "10.99.0.0/16", "nexthop": "10.1.0.8"}],
        **TEXTS,
    }


def _router_drifts(stage: Stage) -> None:
    update("routers", EDGE, routes=[], name="drifted", description="", external_gateway_info=None)(stage)
    stage.world.others.routers.remove_interface(stage.row(EDGE)["id"], subnet_id=_subnet(stage, "v6")["id"])


def _router_lost(stage: Stage) -> None:
    row, others = stage.row(EDGE), stage.world.others
    for port in list(stage.tables["ports"].values()):
        if port["device_id"] == row["id"] and port["device_owner"] == "network:router_interface":
            others.routers.remove_interface(row["id"], port_id=port["id"])
    others.routers.delete(row["id"])


ROUTERS = (
    Life(
        "router",
        (
            put(NET, {"subnets": [PLAIN_V4, V6]}),
            put(EDGE, router),
            set_("interfaces change", EDGE, interfaces=[{"networkRef": {"name": "front"}, "subnet": "v6"}], routes=[]),
            set_("fields go", EDGE, externalGateway=..., adminStateUp=..., description=..., tags=..., routes=...),
            set_("gateway comes", EDGE, externalGateway=OUTSIDE, name="way"),
            by_others("drift", _router_drifts, EDGE),
            by_others("lost", _router_lost, EDGE),
            set_("interfaces go", EDGE, interfaces=...),
            delete(EDGE),
        ),
    ),
    Life(
        "router touched",
        (
            put(NET, {"subnets": [PLAIN_V4, V6]}),
            put(EDGE, router),
            set_("all goes", EDGE, externalGateway=..., interfaces=..., routes=..., description=...),
            set_(
                "it comes back",
                EDGE,
                externalGateway=OUTSIDE,
                interfaces=[{"networkRef": {"name": "front"}, "subnet": "v4"}],
            ),
            delete(EDGE, NET),
        ),
        touched=True,
    ),
)

AT_NINE = {"networkRef": {"name": "front"}, "subnet": "v4", "address": "10.1.0.9"}


def _interface_drifts(stage: Stage) -> None:
    row, others = stage.row(EDGE), stage.world.others
    others.routers.remove_interface(row["id"], subnet_id=_subnet(stage, "v4")["id"])
    others.routers.add_interface(row["id"], subnet_id=_subnet(stage, "v4")["id"])


ROUTERS += (
    Life(
        "interfaces at an address",
        (
            put(NET, {"subnets": [PLAIN_V4, V6]}),
            put(EDGE, {"interfaces": [AT_NINE]}),
            set_("another address", EDGE, interfaces=[{**AT_NINE, "address": "10.1.0.10"}]),
            by_others("drift", _interface_drifts, EDGE),
            set_("the gateway's", EDGE, interfaces=[{"networkRef": {"name": "front"}, "subnet": "v6"}]),
            set_("it comes back", EDGE, interfaces=[AT_NINE]),
            delete(EDGE),
        ),
    ),
)

# -- groups

TCP22 = {"direction": "ingress", "etherType": "IPv4", "protocol": "tcp", "portRange": {"min": 22, "max": 22}}
TCP80 = {"direction": "ingress", "protocol": "tcp", "portRange": {"min": 80}, "remoteIPPrefix": "10.0.0.0/8"}
ICMP6 = {"direction": "egress", "etherType": "IPv6", "protocol": "ipv6-icmp"}
GROUP = {"stateful": False, "keepDefaultEgress": False, "rules": [TCP22, TCP80, ICMP6], **TEXTS}


def _group_drifts(stage: Stage) -> None:
    row, others = stage.row(SSH), stage.world.others
    update("security_groups", SSH, name="drifted", description="")(stage)
    others.security_group_rules.create({"security_group_id": row["id"], "direction": "ingress", "protocol": "udp"})
    ours = [r for r in stage.tables["security_group_rules"].values() if r["security_group_id"] == row["id"]]
    others.security_group_rules.delete(ours[0]["id"])


GROUPS = (
    Life(
        "group",
        (
            put(SSH, GROUP),
            set_("rules change", SSH, rules=[TCP80, {**TCP22, "description": "mine"}], description="other"),
            set_("egress comes", SSH, keepDefaultEgress=True, stateful=..., tags=..., description=...),
            by_others("drift", _group_drifts, SSH),
            by_others("lost", remove("security_groups", SSH), SSH),
            set_("rules go", SSH, rules=...),
            delete(SSH),
        ),
    ),
    Life(
        "group touched",
        (put(SSH, {}), set_("rules come", SSH, rules=[TCP22]), set_("rules go", SSH, rules=...), delete(SSH)),
        touched=True,
    ),
)

# -- ports


def port(stage: Stage) -> Spec:
    """A port with all it can have."""
    return {
        "networkRef": {"name": "front"},
        "adminStateUp": False,
        "fixedIPs": [{"subnet": "v4", "address": "10.1.0.77"}],
        "securityGroupIDs": [stage.ids["group"]],
        "securityGroupRefs": [{"name": "ssh"}],
        "allowedAddressPairs": [{"address": "10.1.0.99"}],
        **TEXTS,
    }


PORTS = (
    Life(
        "port",
        (
            put(NET, {"subnets": [PLAIN_V4]}),
            put(SSH, {"rules": [TCP22]}),
            put(SERVER, port),
            set_("addresses change", SERVER, fixedIPs=[{"subnet": "v4", "address": "10.1.0.78"}], adminStateUp=True),
            set_("groups go", SERVER, securityGroupRefs=..., securityGroupIDs=..., allowedAddressPairs=..., tags=...),
            set_("no security", SERVER, portSecurityEnabled=False, description=...),
            set_("security", SERVER, portSecurityEnabled=..., securityGroupRefs=[{"name": "ssh"}], tags=["red"]),
            by_others("drift", update("ports", SERVER, name="drifted", description="", security_groups=[]), SERVER),
            by_others("lost", remove("ports", SERVER), SERVER),
            delete(SERVER),
        ),
    ),
)

# -- addresses

WAY = {"externalGateway": OUTSIDE, "interfaces": [{"networkRef": {"name": "front"}, "subnet": "v4"}]}


def _unbind(stage: Stage) -> None:
    update("floating_ips", PUBLIC, port_id=None, description="")(stage)


def _loses_its_way(stage: Stage) -> None:
    remove("floating_ips", PUBLIC)(stage)
    stage.auditor.may_wait[PUBLIC.kind, PUBLIC.name] = {"ExternallyDeleted"}


ADDRESSES = (
    Life(
        "address",
        (
            put(NET, {"subnets": [PLAIN_V4]}),
            put(EDGE, WAY),
            put(SERVER, {"networkRef": {"name": "front"}}),
            put(PUBLIC, {"externalNetwork": OUTSIDE, "portRef": {"name": "server"}, "recreate": "Always", **TEXTS}),
            Act("moved", lambda s: s.world.spec(PUBLIC, portRef=..., portID=s.ids["port"], tags=["red"])),
            set_("unbound", PUBLIC, portID=..., description=..., tags=...),
            set_("bound", PUBLIC, portRef={"name": "server"}),
            by_others("drift", _unbind, PUBLIC),
            by_others("lost", remove("floating_ips", PUBLIC), PUBLIC),
            delete(PUBLIC),
        ),
    ),
    Life(
        "address lost for ever",
        (
            put(NET, {"subnets": [PLAIN_V4]}),
            put(EDGE, WAY),
            put(SERVER, {"networkRef": {"name": "front"}}),
            put(PUBLIC, {"externalNetwork": OUTSIDE, "portRef": {"name": "server"}}),
            by_others("lost", _loses_its_way),
            delete(EDGE),
        ),
        minds=("same", "gone"),
    ),
)

SSH_IN = {"protocol": "tcp", "externalPort": 2201, "internalPort": 22, "portRef": {"name": "server"}}
DNS_IN = {"protocol": "udp", "externalPort": 53, "portRef": {"name": "server"}}


def _forwardings_drift(stage: Stage) -> None:
    row, others = stage.row(PUBLIC), stage.world.others
    first = row["port_forwardings"][0]
    inside = {"internal_port_id": first["internal_port_id"], "internal_ip_address": first["internal_ip_address"]}
    others.port_forwardings.delete(row["id"], first["id"])
    body = {"protocol": "tcp", "external_port": 99, "internal_port": 99, **inside}
    others.port_forwardings.create(row["id"], body)


ADDRESSES += (
    Life(
        "port forwardings",
        (
            put(NET, {"subnets": [PLAIN_V4]}),
            put(EDGE, WAY),
            put(SERVER, {"networkRef": {"name": "front"}}),
            put(PUBLIC, {"externalNetwork": OUTSIDE, "portForwardings": [SSH_IN, DNS_IN]}),
            set_("one changes", PUBLIC, portForwardings=[{**SSH_IN, "internalPort": 2222}, DNS_IN]),
            set_("they change places", PUBLIC, portForwardings=[{**SSH_IN, "protocol": "udp"}, DNS_IN]),
            by_others("drift", _forwardings_drift, PUBLIC),
            set_("as a whole", PUBLIC, portForwardings=..., portRef={"name": "server"}),
            set_("its ports", PUBLIC, portRef=..., portForwardings=[SSH_IN]),
            delete(PUBLIC),
        ),
    ),
)

# -- trees


def vip(stage: Stage) -> Spec:
    """Where the VIP is."""
    return {"subnetID": stage.ids["subnet"]}


_NO_IDS: Mapping[str, str] = defaultdict(str)
"""None of these is about something of the cloud."""
HTTP, PLAIN = full("LoadBalancer", _NO_IDS)["listeners"]
POOL, MONITOR = full("Pool", _NO_IDS), full("HealthMonitor", _NO_IDS)
OTHER_MEMBER = {"address": "10.40.0.13", "port": 8080}
PLAIN_POOL = {"loadBalancerRef": {"name": "web"}, "protocol": "HTTP", "algorithm": "ROUND_ROBIN"}
PLAIN_MONITOR = {"poolRef": {"name": "site"}, "type": "TCP", "delay": 5, "timeout": 3, "maxRetries": 3}


def whole(stage: Stage, *, plain: bool = False, **spec: Any) -> None:
    """A load balancer, its pool and its monitor are applied at once."""
    usual = {"vip": vip(stage), "listeners": [PLAIN]} if plain else {"vip": vip(stage), "adminStateUp": False, **TEXTS}
    stage.apply(WEB.kind, WEB.name, {"listeners": [HTTP, PLAIN], **usual, **spec})
    more = {"deletionPolicy": spec["deletionPolicy"]} if "deletionPolicy" in spec else {}
    members = {"members": [OTHER_MEMBER]}
    stage.apply(SITE.kind, SITE.name, {**({**PLAIN_POOL, **members} if plain else POOL), **more})
    stage.apply(CHECK.kind, CHECK.name, {**(PLAIN_MONITOR if plain else MONITOR), **more})


def _tree_drifts(stage: Stage) -> None:
    others = stage.world.others
    for table, key in (("load_balancers", WEB), ("pools", SITE), ("health_monitors", CHECK)):
        update(table, key, name="drifted", tags=[])(stage)
        stage.world.clock.advance(2)
    for row in list(stage.tables["listeners"].values()):
        if row["load_balancer_id"] == stage.row(WEB)["id"]:
            others.listeners.update(row["id"], {"tags": [], "name": row["name"], "default_pool_id": None})
            stage.world.clock.advance(2)
    others.members.replace_all(stage.row(SITE)["id"], [{"address": "10.40.0.99", "protocol_port": 9}])


def _in_error(stage: Stage) -> None:
    stage.row(WEB)["provisioning_status"] = "ERROR"


_RECOVERS = {"policy": "Recreate", "backoffSeconds": 10}
_TREE = functools.partial(whole, plain=True)
TREES = (
    Life(
        "tree",
        (
            Act("made", whole),
            set_(
                "listeners change",
                WEB,
                adminStateUp=True,
                description="other",
                listeners=[
                    {
                        **HTTP,
                        "adminStateUp": True,
                        "connectionLimit": 8,
                        "redirectToHTTPS": {"host": "two.example.org", "port": 8443},
                    },
                    {"name": "more", "protocol": "TCP", "port": 90},
                    PLAIN,
                ],
            ),
            set_(
                "listeners go",
                WEB,
                description=...,
                tags=...,
                listeners=[{"name": "http", "protocol": "HTTP", "port": 80}, PLAIN],
            ),
            set_(
                "members change", SITE, members=[{**OTHER_MEMBER, "weight": 3}, {"address": "10.40.0.11", "port": 8080}]
            ),
            set_("pool fields go", SITE, sessionPersistence=..., adminStateUp=..., description=..., tags=...),
            set_(
                "monitor fields go",
                CHECK,
                maxRetriesDown=...,
                httpMethod=...,
                domainName=...,
                adminStateUp=...,
                tags=...,
            ),
            delete(CHECK),
            put(CHECK, PLAIN_MONITOR, "monitor is made alone"),
            set_("pool is left", WEB, listeners=[{"name": "http", "protocol": "HTTP", "port": 80}]),
            delete(CHECK, SITE),
        ),
    ),
    Life(
        "tree replaced",
        (
            Act("made", _TREE),
            set_("listener moves", WEB, listeners=[{**PLAIN, "port": 82, "protocol": "TCP"}]),
            set_("pool replaced", SITE, protocol="TCP", members=[{**OTHER_MEMBER, "weight": 2}]),
            set_("monitor replaced", CHECK, type="PING", adminStateUp=False),
            set_("listeners gone", WEB, listeners=[]),
            delete(WEB, SITE, CHECK),
        ),
    ),
    Life(
        "tree touched",
        (
            Act("made", _TREE),
            set_("listener moves", WEB, listeners=[{**PLAIN, "port": 82, "protocol": "TCP"}]),
            set_("pool replaced", SITE, protocol="TCP", members=[{**OTHER_MEMBER, "weight": 2}]),
            set_("monitor replaced", CHECK, type="PING", adminStateUp=False),
            delete(WEB, SITE, CHECK),
        ),
        touched=True,
    ),
    Life(
        "tree meddled with",
        (
            Act("made", lambda stage: _TREE(stage, recovery=_RECOVERS)),
            by_others("drift", _tree_drifts, WEB, SITE, CHECK),
            by_others("monitor lost", remove("health_monitors", CHECK), CHECK),
            by_others("pool lost", remove("pools", SITE), SITE),
            by_others("error", _in_error, WEB),
            by_others("lost", remove("load_balancers", WEB, cascade=True), WEB, SITE),
        ),
    ),
    Life(
        "tree one by one",
        (
            Act(
                "balancer is made",
                lambda stage: stage.apply(WEB.kind, WEB.name, {"vip": vip(stage), "listeners": [PLAIN]}),
            ),
            put(SITE, PLAIN_POOL),
            put(CHECK, PLAIN_MONITOR),
            delete(CHECK),
            set_("pool is left", WEB, listeners=[{"name": "plain", "protocol": "HTTP", "port": 81}]),
            delete(SITE),
            delete(WEB),
        ),
        minds=("same", "gone"),
    ),
)


def _with_group(stage: Stage) -> None:
    """A load balancer and its pool, and a group that lets it in at the members, are applied at once."""
    stage.apply(SSH.kind, SSH.name, {"rules": [TCP22], "memberRules": [{"poolRef": {"name": "site"}}]})
    stage.apply(WEB.kind, WEB.name, {"vip": vip(stage), "listeners": [PLAIN]})
    stage.apply(SITE.kind, SITE.name, {**PLAIN_POOL, "members": [OTHER_MEMBER]})


def _rule_goes(stage: Stage) -> None:
    rows = stage.tables["security_group_rules"].values()
    ours = [each for each in rows if each["port_range_min"] == 9090]
    stage.world.others.security_group_rules.delete(ours[0]["id"])


TREES += (
    Life(
        "group of a pool",
        (
            Act("made", _with_group),
            set_("members change", SITE, members=[{"address": "10.40.0.11", "port": 9090}]),
            by_others("drift", _rule_goes, SSH),
            set_("pool is left", WEB, listeners=[{"name": "plain", "protocol": "HTTP", "port": 81}]),
            set_("let in no more", SSH, memberRules=...),
            delete(SITE),
            delete(SSH, WEB),
        ),
        minds=("same", "gone"),
    ),
)


_HOST = {"type": "HOST_NAME", "compareType": "EQUAL_TO", "value": "www.example.org"}
_PATH = {"type": "PATH", "compareType": "STARTS_WITH", "value": "/x"}
_BARE = {"name": "plain", "protocol": "HTTP", "port": 81}
TO_SITE = {
    "loadBalancerRef": {"name": "web"},
    "listener": "plain",
    "position": 1,
    "action": "REDIRECT_TO_POOL",
    "poolRef": {"name": "site"},
    "rules": [_HOST],
}
REFUSING = {**TO_SITE, "position": 2, "action": "REJECT", "poolRef": ..., "rules": [_HOST, _PATH]}


def _routed(stage: Stage, **spec: Any) -> None:
    """A load balancer whose pool only a policy uses, and a policy with all that there is, are applied at once."""
    stage.apply(WEB.kind, WEB.name, {"vip": vip(stage), "listeners": [_BARE], **spec})
    stage.apply(SITE.kind, SITE.name, PLAIN_POOL)
    stage.apply(ROUTE.kind, ROUTE.name, TO_SITE)


def _rules_by_hand(stage: Stage) -> None:
    """Others change a rule of a policy, add one, and move the policy."""
    others, policy = stage.world.others, stage.row(ROUTE)["id"]
    (rule,) = others.l7_rules.list(policy)
    others.l7_rules.update(policy, rule["id"], {"value": "by.hand"})
    stage.world.clock.advance(2)
    others.l7_rules.create(policy, {"type": "PATH", "compare_type": "CONTAINS", "value": "hand"})
    stage.world.clock.advance(2)
    others.l7_policies.update(policy, {"position": 2, "tags": [], "action": "REJECT"})


POLICIES = (
    Life(
        "policies",
        (
            Act("made", _routed),
            put(BLOCK, {name: value for name, value in REFUSING.items() if value is not ...}, "another comes"),
            set_("they change places", ROUTE, position=3),
            set_(
                "all of it changes",
                ROUTE,
                **{**full("L7Policy", _NO_IDS), "loadBalancerRef": {"name": "web"}, "poolRef": ...},
            ),
            set_("fields go", ROUTE, redirectHTTPCode=..., adminStateUp=..., tags=..., description=..., rules=[_PATH]),
            set_("the listener moves", WEB, listeners=[{**_BARE, "port": 82}]),
            delete(BLOCK, SITE),
            delete(WEB, ROUTE),
        ),
        minds=("same", "gone"),
    ),
    Life(
        "policies meddled with",
        (
            Act("made", lambda stage: _routed(stage, recovery=_RECOVERS)),
            put(BLOCK, {name: value for name, value in REFUSING.items() if value is not ...}),
            by_others("drift", _rules_by_hand, ROUTE, BLOCK),
            by_others("lost", remove("l7_policies", ROUTE), ROUTE),
            set_("the pool is replaced", SITE, protocol="PROXY"),
            by_others("error", _in_error, WEB),
            delete(ROUTE, SITE),
        ),
        minds=("same",),
    ),
)

# -- TLS by Secrets

_AUTHORITIES = [authority(name) for name in ("first", "second")]
_SERVERS = [link("web", issuer=each) for each in _AUTHORITIES]
_TRUST = {"caSecretRef": {"name": "trusted"}, "crlSecretRef": {"name": "trusted"}}
_POOL_TLS = {
    **_TRUST,
    "secretRef": {"name": "shown"},
    "versions": ["TLSv1.3"],
    "ciphers": "TLS_AES_256_GCM_SHA384",
    "alpnProtocols": ["http/1.1"],
}


def _door(mode: str = "MANDATORY", **more: Any) -> Spec:
    tls = {"secretRef": {"name": "shown"}, "clientAuthentication": {"mode": mode, **_TRUST}, **more}
    tls = {name: value for name, value in tls.items() if value is not ...}
    return {"name": "door", "protocol": "TERMINATED_HTTPS", "port": 443, "tls": tls, "defaultPoolRef": {"name": "site"}}


def _store(stage: Stage, which: int) -> None:
    ca, server = _AUTHORITIES[which], _SERVERS[which]
    stage.store("trusted", ca_crt=ca.cert, ca_crl=revoking(ca))
    stage.store("shown", tls_crt=server.cert, tls_key=server.key)


def _secured(stage: Stage) -> None:
    _store(stage, 0)
    stage.apply(WEB.kind, WEB.name, {"vip": vip(stage), "listeners": [_door()]})
    stage.apply(SITE.kind, SITE.name, {**PLAIN_POOL, "tls": _POOL_TLS})


def _tls_drifts(stage: Stage) -> None:
    gone = {"ca_tls_container_ref": None, "crl_container_ref": None, "tls_container_ref": None}
    update("pools", SITE, **gone)(stage)
    stage.world.clock.advance(2)
    gone = {"client_authentication": "NONE", "client_ca_tls_container_ref": None, "client_crl_container_ref": None}
    (door,) = [row["id"] for row in stage.tables["listeners"].values() if row["name"] == "door"]
    stage.world.others.listeners.update(door, gone)


TLS = (
    Life(
        "TLS",
        (
            Act("made", _secured),
            Act("renewed", lambda stage: _store(stage, 1)),
            by_others("drift", _tls_drifts, WEB, SITE),
            set_("listener asks nobody", WEB, listeners=[_door(clientAuthentication=...)]),
            set_("pool's TLS goes", SITE, tls=...),
            delete(WEB, SITE),
        ),
    ),
)

# -- taken over, given up, kept


def waits(key: Key, *reasons: str) -> Callable[[Stage], None]:
    """From now on an object waits; without reasons, not any more."""

    def tell(stage: Stage) -> None:
        stage.auditor.may_wait.pop((key.kind, key.name), None)
        if reasons:
            stage.auditor.may_wait[key.kind, key.name] = set(reasons)

    return tell


def acts(*does: Callable[[Stage], object]) -> Callable[[Stage], None]:
    """Several things at once."""

    def all_of_them(stage: Stage) -> None:
        for do in does:
            do(stage)

    return all_of_them


def _theirs(stage: Stage, *, default: bool = True) -> None:
    """Others have a network and a balancer with a pool and a monitor, which objects of ours read."""
    others, auditor = stage.world.others, stage.auditor
    network = others.networks.create({"name": "theirs", "description": "of theirs"})["id"]
    subnet = others.subnets.create({"network_id": network, "name": "v4", "cidr": "10.7.0.0/24", "ip_version": 4})["id"]
    monitor = {"name": "check", "type": "TCP", "delay": 5, "timeout": 3, "max_retries": 3}
    pool = {"name": "site", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "healthmonitor": monitor}
    listener = {"name": "plain", "protocol": "HTTP", "protocol_port": 81}
    listener |= {"default_pool": {"name": "site"}} if default else {}
    body = {"name": "theirs", "vip_subnet_id": subnet, "listeners": [listener], "pools": [pool]}
    made = others.load_balancers.create_tree(body)
    stage.world.clock.advance(5)
    found = {"networks": network, "subnets": subnet, "load_balancers": made["id"], "ports": made["vip_port_id"]}
    found |= {"pools": made["pools"][0]["id"], "health_monitors": made["pools"][0]["healthmonitor"]["id"]}
    found |= {"listeners": made["listeners"][0]["id"]}
    for table, id_ in found.items():
        stage.ids[f"theirs {table}"] = id_
        auditor.others[table, id_] = dict(stage.tables[table][id_])


_READ = {
    NET: ("networks", {}),
    WEB: ("load_balancers", {}),
    SITE: ("pools", {"loadBalancerRef": {"name": "web"}}),
    CHECK: ("health_monitors", {"poolRef": {"name": "site"}}),
}


def _read(stage: Stage) -> None:
    _theirs(stage)
    for key, (table, spec) in _READ.items():
        given = {"import": {"id": stage.ids[f"theirs {table}"]}, "managementPolicy": "Unmanaged"}
        stage.apply(key.kind, key.name, {**spec, **given})


def _read_network(stage: Stage) -> None:
    _theirs(stage)
    given = {"import": {"id": stage.ids["theirs networks"]}, "managementPolicy": "Unmanaged"}
    stage.apply(NET.kind, NET.name, given)
    # The load balancer and its port would be in the way of the network.
    stage.world.others.load_balancers.delete(stage.ids["theirs load_balancers"], cascade=True)
    stage.world.clock.advance(5)
    for at in list(stage.auditor.others):
        if at[1] not in stage.tables[at[0]]:
            stage.auditor.others.pop(at)


def _adopt_network(stage: Stage) -> None:
    for name in ("networks", "subnets"):
        at = name, stage.ids[f"theirs {name}"]
        stage.auditor.others.pop(at, None)
        stage.auditor.may_stay.add(at)
    items = [{"name": "v4", "cidr": "10.7.0.0/24", "enableDHCP": False}]
    stage.world.spec(NET, managementPolicy="Managed", description="ours", mtu=1400, subnets=items)


def _adopt(stage: Stage) -> None:
    for name in ("networks", "subnets", "load_balancers", "listeners", "pools", "health_monitors", "ports"):
        at = name, stage.ids[f"theirs {name}"]
        stage.auditor.others.pop(at, None)
        stage.auditor.may_stay.add(at)
    _manage(stage)


def _manage(stage: Stage) -> None:
    for key in _READ:
        stage.world.spec(key, managementPolicy="Managed")
    stage.world.spec(NET, description="ours", subnets=[{"name": "v4", "cidr": "10.7.0.0/24", "enableDHCP": False}])
    stage.world.spec(WEB, tags=["ours"], listeners=[{**PLAIN, "connectionLimit": 9}])
    stage.world.spec(SITE, algorithm="SOURCE_IP", members=[{"address": "10.7.0.9", "port": 80}])
    stage.world.spec(CHECK, delay=9, name="ours")


def _give_up(stage: Stage) -> None:
    for key in _READ:
        id_ = stage.world.object(key).status["id"]
        fields = dict.fromkeys(
            ("description", "subnets", "tags", "listeners", "algorithm", "members", "delay", "name"), ...
        )
        stage.world.spec(key, **fields, managementPolicy="Unmanaged", **{"import": {"id": id_}})


def _extra_listener(stage: Stage) -> None:
    body = {"loadbalancer_id": stage.row(WEB)["id"], "name": "extra", "protocol": "HTTP", "protocol_port": 90}
    stage.by_hand("listeners", body)


def _their_monitor(stage: Stage) -> None:
    more = {"type": "TCP", "delay": 5, "timeout": 3, "max_retries": 3}
    stage.by_hand("health_monitors", {"pool_id": stage.row(SITE)["id"], "name": "theirs", **more})


def _their_policy(stage: Stage) -> None:
    (listener,) = [r for r in stage.tables["listeners"].values() if r["load_balancer_id"] == stage.row(WEB)["id"]]
    stage.by_hand("l7_policies", {"listener_id": listener["id"], "name": "theirs", "action": "REJECT"})


def _vip_unmarked(stage: Stage) -> None:
    stage.world.others.ports.update(stage.row(WEB)["vip_port_id"], {"description": "by hand"})


def _balancer(stage: Stage, *listeners: Spec) -> None:
    stage.apply(WEB.kind, WEB.name, {"vip": vip(stage), "listeners": list(listeners)})


def _parentless(stage: Stage) -> None:
    """For some seconds Octavia answers as it does while a tree is on its way: without what a pool or a monitor is in."""
    octavia, clock = stage.world.fake.octavia, stage.world.clock
    shown, until = octavia._shown, clock.monotonic() + 10.0

    def answer(collection: str, row: Any, *, whole: bool = False) -> Any:
        found = shown(collection, row, whole=whole)
        parents = {"pools": "loadbalancers", "health_monitors": "pools"}.get(collection)
        return {**found, parents: []} if parents and clock.monotonic() < until else found

    octavia._shown = answer  # type: ignore[method-assign]


def _edited_parentless(stage: Stage) -> None:
    _parentless(stage)
    stage.world.restart()  # who has just begun has to ask
    stage.world.spec(SITE, algorithm="SOURCE_IP")
    stage.world.spec(CHECK, delay=9)


def _deleted_parentless(stage: Stage) -> None:
    _parentless(stage)
    stage.world.restart()
    stage.delete(CHECK, SITE)


def _adopt_pool(stage: Stage) -> None:
    """A pool and a monitor are adopted whose load balancer no object stands for."""
    _theirs(stage, default=False)
    for key, table in ((SITE, "pools"), (CHECK, "health_monitors")):
        at = table, stage.ids[f"theirs {table}"]
        stage.auditor.others.pop(at)
        stage.auditor.may_stay.add(at)
        stage.apply(key.kind, key.name, {"import": {"id": at[1]}})


BARE_LISTENER = {"name": "plain", "protocol": "HTTP", "port": 81}
EXTRA = {"name": "extra", "protocol": "HTTP", "port": 90}
_ONE_POOL = Act("made", lambda s: (_balancer(s, BARE_LISTENER), s.apply(SITE.kind, SITE.name, PLAIN_POOL)))
HANDS = (
    Life(
        "tree with the port's mark lost",
        (
            Act("made", lambda stage: _balancer(stage, BARE_LISTENER)),
            by_others("port unmarked", _vip_unmarked, WEB),
            delete(WEB),
        ),
    ),
    Life(
        "tree with a listener by hand",
        (
            Act("made", lambda stage: _balancer(stage, BARE_LISTENER)),
            by_others("listener by hand", _extra_listener),
            Act(
                "asked for", acts(lambda s: s.world.spec(WEB, listeners=[BARE_LISTENER, EXTRA]), waits(WEB, "Conflict"))
            ),
            Act("not asked for", acts(lambda s: s.world.spec(WEB, listeners=[BARE_LISTENER]), waits(WEB))),
            Act("deleted", acts(lambda s: s.delete(WEB), waits(WEB, "InUse"))),
        ),
        minds=("same", "gone"),
    ),
    Life(
        "tree with a monitor by hand",
        (
            _ONE_POOL,
            by_others("monitor by hand", _their_monitor),
            Act("replaced", acts(lambda s: s.world.spec(SITE, protocol="TCP"), waits(SITE, "InUse"))),
            Act("pool deleted", lambda stage: stage.delete(SITE)),
        ),
        minds=("same",),
    ),
    Life(
        "tree with a policy by hand",
        (
            Act("made", lambda stage: _balancer(stage, BARE_LISTENER)),
            by_others("policy by hand", _their_policy),
            Act(
                "moved",
                acts(lambda s: s.world.spec(WEB, listeners=[{**BARE_LISTENER, "port": 82}]), waits(WEB, "InUse")),
            ),
            Act("deleted", lambda stage: stage.delete(WEB)),
        ),
        minds=("same", "gone"),
    ),
)

ODD = (
    Life(
        "tree without parents",
        (
            Act("adopted", _adopt_pool),
            Act("edited", _edited_parentless),
            Act("deleted", _deleted_parentless),
        ),
        minds=("same",),  # as for "adopted"
    ),
)


def _restored(stage: Stage) -> None:
    for key in (NET, WEB):
        stage.estranged(key)
        stage.restore(key)
        waits(key, "Conflict")(stage)


def _taken_over(stage: Stage) -> None:
    for key in (NET, WEB):
        uid = stage.world.object(key).uid
        for name, rows in stage.tables.items():
            for id_, row in rows.items():
                if (mark := mark_of(row)) and mark.uid == uid:
                    stage.auditor.may_stay.add((name, id_))
        stage.restore(key, adopt_previous="true")


OWNERS = (
    Life(
        "adopted",
        (Act("read", _read), Act("adopted", _adopt), Act("given up", _give_up), Act("adopted again", _manage)),
        minds=("same",),  # what is taken over in part is in the way of a deletion, as docs/safety.md has it
    ),
    Life(
        "network adopted",
        (
            Act("read", _read_network),
            Act("adopted", _adopt_network),
            Act("given up", lambda s: s.world.spec(NET, description=..., subnets=..., managementPolicy="Unmanaged")),
            Act("adopted again", _adopt_network),
            delete(NET),
        ),
        minds=("same", "back"),
    ),
    Life(
        "restored",
        (
            Act("made", lambda s: (s.apply(NET.kind, NET.name, {"subnets": [PLAIN_V4]}), _balancer(s, BARE_LISTENER))),
            Act("restored", _restored),
            Act("deleted", acts(lambda s: s.delete(), waits(NET), waits(WEB))),
        ),
        minds=("same", "gone"),
    ),
    Life(
        "taken over",
        (
            Act("made", lambda s: (s.apply(NET.kind, NET.name, {"subnets": [PLAIN_V4]}), _balancer(s, BARE_LISTENER))),
            Act("taken over", _taken_over),
            delete(NET, WEB),
        ),
        minds=("same", "gone"),
    ),
    Life(
        "retained",
        (
            put(NET, {"subnets": [PLAIN_V4], "deletionPolicy": "Retain"}),
            put(EDGE, {**WAY, "deletionPolicy": "Retain"}),
            put(SSH, {"rules": [TCP22], "deletionPolicy": "Retain"}),
            put(SERVER, {"networkRef": {"name": "front"}, "deletionPolicy": "Retain"}),
            put(PUBLIC, {"externalNetwork": OUTSIDE, "portRef": {"name": "server"}, "deletionPolicy": "Retain"}),
            Act("tree made", lambda stage: _TREE(stage, deletionPolicy="Retain")),
            Act("all deleted", lambda stage: stage.delete()),
        ),
        minds=("same", "gone"),
    ),
)

ALL = (*HANDS, *ODD, *OWNERS, *NETWORKS, *ROUTERS, *GROUPS, *PORTS, *ADDRESSES, *TREES, *POLICIES, *TLS)
