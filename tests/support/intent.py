"""Specs in which everything is set that can be taken out again, and what takes it out."""

from __future__ import annotations

import copy
import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Any

from infomaniak_operator.client import InfomaniakCloudError
from infomaniak_operator.controller.interfaces import FINALIZER, Key, KubeObject, Superseded
from infomaniak_operator.controller.kube.kube_api import KubeError
from infomaniak_operator.reconcile.generic.fields import KEEP, Field
from infomaniak_operator.reconcile.neutron import network, port, router, security_group, subnets
from infomaniak_operator.reconcile.octavia import health_monitor, l7_policy, listeners, load_balancer, members, pool
from infomaniak_operator.reconcile.ownership.marks import Mark
from tests.support.forest import Forest
from tests.support.objects import custom
from tests.support.tapped import Call
from tests.support.world import World

TABLES: Mapping[str, tuple[Field, ...]] = {
    "InfomaniakNetwork": network.FIELDS,
    "InfomaniakNetwork subnets": subnets.FIELDS,
    "Router": router.FIELDS,
    "SecurityGroup": security_group.FIELDS,
    "Port": port.FIELDS,
    "LoadBalancer": load_balancer.FIELDS,
    "LoadBalancer listeners": listeners.FIELDS,
    "Pool": pool.FIELDS,
    "Pool members": members.FIELDS,
    "HealthMonitor": health_monitor.FIELDS,
    "L7Policy": l7_policy.FIELDS,
}
"""The tables of fields that there are, of kinds and of the items under them."""
NAMES = {
    "InfomaniakNetwork": "front",
    "Router": "edge",
    "SecurityGroup": "ssh",
    "Port": "server",
    "FloatingIP": "public",
    "LoadBalancer": "web",
    "Pool": "site",
    "HealthMonitor": "check",
    "L7Policy": "route",
}
TEXTS = {"description": "text", "tags": ["blue"]}


VARIANTS = (*NAMES, "LoadBalancer behind groups", "Port without port security")
"""The specs that ``full`` knows: one a kind, and some of what does not go beside another."""
NEEDS = {
    "LoadBalancer": ("Pool",),
    "Pool": ("LoadBalancer",),
    "HealthMonitor": ("LoadBalancer", "Pool"),
    "L7Policy": ("LoadBalancer", "Pool"),
}
"""What else must be there."""
UNTRIED = {
    "InfomaniakNetwork": {"shared"},  # takes an administrator's rights
    "L7Policy": {"redirectPrefix"},  # goes in the place of redirectURL
    # What these name is in Barbican.
    "LoadBalancer listeners": {each.spec for each in listeners.FIELDS if each.spec.startswith("tls.")},
}
TOGETHER = {"interfaces": {"routes"}, "httpVersion": {"domainName"}}
"""What cannot stay in a spec without the field."""


def kind_of(variant: str) -> str:
    """The kind of a variant."""
    return variant.split(maxsplit=1)[0]


def key(kind: str) -> Key:
    """The key of the one object of a kind."""
    return Key(kind, "shop", NAMES[kind])


def place() -> tuple[Forest, dict[str, str]]:
    """A world with what others have made: a network, a subnet, a way out and a security group; and the ids of these."""
    world = Forest(settles=1.0)
    others = world.others
    web = others.networks.create({"name": "web"})["id"]
    cidr = {"network_id": web, "name": "web-v4", "cidr": "10.40.0.0/24", "ip_version": 4}
    inside = others.subnets.create(cidr)["id"]
    back = others.networks.create({"name": "back"})["id"]
    cidr = {"network_id": back, "name": "back-v4", "cidr": "10.50.0.0/24", "ip_version": 4}
    behind = others.subnets.create(cidr)["id"]
    outside = next(row["id"] for row in others.networks.list() if row["router:external"])
    way = others.routers.create({"name": "theirs", "external_gateway_info": {"network_id": outside}})["id"]
    others.routers.add_interface(way, subnet_id=behind)
    ids = {
        "network": web,
        "subnet": inside,
        "port": others.ports.create({"network_id": back})["id"],
        "group": others.security_groups.create({"name": "theirs"})["id"],
        "policy": world.fake.neutron.make_qos_policy(),
    }
    return world, ids


def full(kind: str, ids: Mapping[str, str]) -> dict[str, Any]:
    """A spec with all that can be set and taken out again, and with nothing as it is by default."""
    everything: dict[str, dict[str, Any]] = {
        "InfomaniakNetwork": {
            "adminStateUp": False,
            "mtu": 1400,
            "portSecurityEnabled": False,
            "dnsDomain": "example.org.",
            "qosPolicyID": ids["policy"],
            "subnets": [
                {
                    "name": "v4",
                    "cidr": "10.1.0.0/24",
                    "gateway": "10.1.0.9",
                    "enableDHCP": False,
                    "dnsNameservers": ["192.0.2.1"],
                    "allocationPools": [{"start": "10.1.0.20", "end": "10.1.0.30"}],
                    "hostRoutes": [{"destination": "10.99.0.0/16", "nexthop": "10.1.0.8"}],
                    "description": "text",
                }
            ],
            **TEXTS,
        },
        "Router": {
            "adminStateUp": False,
            "externalGateway": {"networkName": "ext-floating1"},
            "interfaces": [{"subnetID": ids["subnet"]}],
            "routes": [{"destination": "10.99.0.0/16", "nexthop": "10.40.0.9"}],
            **TEXTS,
        },
        "SecurityGroup": {
            "stateful": False,
            "keepDefaultEgress": False,
            "rules": [
                {"direction": "ingress", "etherType": "IPv4", "protocol": "tcp", "portRange": {"min": 22, "max": 22}}
            ],
            **TEXTS,
        },
        "Port": {
            "networkID": ids["network"],
            "adminStateUp": False,
            "fixedIPs": [{"subnetID": ids["subnet"], "address": "10.40.0.77"}],
            "securityGroupIDs": [ids["group"]],
            "allowedAddressPairs": [{"address": "10.40.0.99"}],
            "qosPolicyID": ids["policy"],
            **TEXTS,
        },
        "FloatingIP": {"externalNetwork": {"networkName": "ext-floating1"}, "portID": ids["port"], **TEXTS},
        "LoadBalancer": {
            "adminStateUp": False,
            "vip": {"subnetID": ids["subnet"]},
            "listeners": [
                {
                    "name": "http",
                    "protocol": "HTTP",
                    "port": 80,
                    "adminStateUp": False,
                    "description": "text",
                    "allowedCIDRs": ["10.0.0.0/8"],
                    "connectionLimit": 7,
                    "insertHeaders": ["X-Forwarded-For"],
                    "timeouts": {"clientData": 7000, "memberConnect": 7001, "memberData": 7002, "tcpInspect": 7003},
                    "redirectToHTTPS": {"host": "www.example.org"},
                },
                {"name": "plain", "protocol": "HTTP", "port": 81, "defaultPoolRef": {"name": NAMES["Pool"]}},
            ],
            **TEXTS,
        },
        "Pool": {
            "loadBalancerRef": {"name": NAMES["LoadBalancer"]},
            "protocol": "HTTP",
            "algorithm": "ROUND_ROBIN",
            "sessionPersistence": {"type": "SOURCE_IP"},
            "adminStateUp": False,
            "members": [
                {
                    "address": "10.40.0.11",
                    "port": 8080,
                    "name": "one",
                    "weight": 7,
                    "backup": True,
                    "adminStateUp": False,
                    "monitorAddress": "10.40.0.12",
                    "monitorPort": 8081,
                }
            ],
            **TEXTS,
        },
        "HealthMonitor": {
            "poolRef": {"name": NAMES["Pool"]},
            "type": "HTTP",
            "delay": 5,
            "timeout": 3,
            "maxRetries": 3,
            "maxRetriesDown": 5,
            "httpMethod": "HEAD",
            "urlPath": "/x",
            "expectedCodes": "200,204",
            "httpVersion": "1.1",
            "domainName": "www.example.org",
            "adminStateUp": False,
            "tags": ["blue"],
        },
        "L7Policy": {
            "loadBalancerRef": {"name": NAMES["LoadBalancer"]},
            "listener": "plain",
            "position": 5,
            "action": "REDIRECT_TO_URL",
            "redirectURL": "https://www.example.org/x",
            "redirectHTTPCode": 308,
            "rules": [
                {"type": "HOST_NAME", "compareType": "EQUAL_TO", "value": "www.example.org"},
                {"type": "HEADER", "compareType": "CONTAINS", "key": "X-One", "value": "two", "invert": True},
            ],
            "adminStateUp": False,
            **TEXTS,
        },
    }
    if kind == "Port without port security":
        return {"networkID": ids["network"], "portSecurityEnabled": False}
    if kind == "LoadBalancer behind groups":  # Octavia takes no CIDRs beside them
        spec = everything["LoadBalancer"]
        spec["vip"]["securityGroupIDs"] = [ids["group"]]
        del spec["listeners"][0]["allowedCIDRs"]
        return spec
    return everything[kind]


def body(kind: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """The object of a kind."""
    return custom(kind, NAMES[kind], spec)


_PLACE = re.compile(r"(\w+)\[([^\]]+)\](?:\.(.+))?")
_ELSEWHERE = {"vip.securityGroups": "vip.securityGroupIDs", "securityGroups": "securityGroupIDs"}
"""Places in ``appliedFields`` that are not named as their fields are."""


def without(spec: Mapping[str, Any], places: Iterable[str]) -> dict[str, Any]:
    """The spec after these places of ``status.appliedFields`` were taken out of it."""
    found: dict[str, Any] = copy.deepcopy(dict(spec))
    for name in places:
        inside = _PLACE.fullmatch(name)
        if inside is None:
            _take(found, _ELSEWHERE.get(name, name))
            continue
        block, item, field = inside.groups()
        items = found.get(block) or []
        for each in list(items):
            if _named(each) == item:
                items.remove(each) if field is None else _take(each, field)
    return found


def _named(item: Mapping[str, Any]) -> str:
    return str(item["name"]) if "port" not in item or "protocol" in item else f"{item['address']} {item['port']}"


def _take(block: dict[str, Any], name: str) -> None:
    first, _, rest = name.partition(".")
    if rest:
        _take(block.get(first, {}), rest)
        if not block.get(first):
            block.pop(first, None)
    else:
        block.pop(first, None)


KEPT = {field.spec for table in TABLES.values() for field in table if field.default is KEEP} | {"position"}
"""Fields that stay as they are when they are taken out, or that cannot be taken out."""


def removable(places: Iterable[str]) -> list[str]:
    """The places that go back to the cloud's default when they are taken out."""
    return sorted(name for name in places if name.rsplit(".", 1)[-1] not in KEPT and name not in KEPT)


def started(variant: str) -> tuple[Forest, dict[str, Any]]:
    """A world in which all stands that an object of that variant needs, and the object's full spec."""
    world, ids = place()
    kind = kind_of(variant)
    for other in NEEDS.get(kind, ()):
        spec = full(other, ids)
        if (kind, other) == ("Pool", "LoadBalancer"):
            del spec["listeners"]
        world.apply(body(other, spec))
    world.run()
    return world, full(variant, ids)


def rest(world: Forest, seconds: float = 900.0) -> None:
    """Reconcile until nothing is left to do, whatever the API server answers, or the cloud."""
    end = world.clock.monotonic() + seconds
    while (left := end - world.clock.monotonic()) > 0:
        try:
            world.run(left)
        except (KubeError, Superseded, InfomaniakCloudError):
            continue
        return


def watch(world: World) -> None:
    """Check at every create, as it is sent, that status shows no id that would be taken for that of what is created.

    Of a child: no id of a former one that is gone, but where there is one with its mark besides.
    """
    world.cloud.watch = lambda call: _check_create(world, call)


def _check_create(world: World, call: Call) -> None:
    if call.verb != "POST":
        return
    bodies = call.args[0] if isinstance(call.args[0], list) else [call.args[0]]
    for sent in [each for body in bodies for each in _parts(body)]:
        mark = Mark.parse(sent.get("description")) or Mark.among(sent.get("tags"))
        for owner, child in itertools.product(_owners(world), ("", "vip")) if mark else ():
            own = world.mark(owner.key, child)
            if (own.uid, own.child) == (mark.uid, mark.child):  # of whatever version
                assert FINALIZER in owner.finalizers
                shown = owner.status.get("vipPortID" if child else "id")
                assert not shown, f"{call}: status of {owner.key} shows {shown}"
        for owner in _owners(world) if mark else ():
            for shown, child, collection in _children(owner):
                own = world.mark(owner.key, child)
                if (own.uid, own.child) == (mark.uid, mark.child) and shown not in world.fake.tables[collection]:
                    alike = [row for row in world.fake.tables[collection].values() if own.child in str(row)]
                    assert alike, f"{call}: status of {owner.key} shows {shown}, which is gone"


def _children(owner: KubeObject) -> list[tuple[str, str, str]]:
    """The children that a status names: id, child key, collection."""
    found = [(item.get("id"), f"subnet/{item['name']}", "subnets") for item in owner.status.get("subnets") or ()]
    for item in owner.status.get("listeners") or ():
        found.append((item.get("id"), f"listener/{item['name']}", "listeners"))
        found.append((item.get("redirectPolicyID"), f"redirect/{item['name']}", "l7policies"))
    return [each for each in found if each[0]]


def _owners(world: World) -> list[KubeObject]:
    return [each for kind in world.reconcilers for each in world.objects(kind)]


def _parts(body: Any) -> list[Mapping[str, Any]]:
    """A body and the bodies in it."""
    found: list[Mapping[str, Any]] = []
    if isinstance(body, Mapping):
        found.append(body)
    values = body.values() if isinstance(body, Mapping) else body if isinstance(body, list) else ()
    for value in values:
        found += _parts(value)
    return found
