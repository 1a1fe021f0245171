"""Specs of all kinds, out of the CRDs' own schemas: in order, nearly so, and hostile."""

from __future__ import annotations

import copy
import functools
import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from infomaniak_operator.api.common import PAUSED
from infomaniak_operator.api.kind import GROUP, VERSION
from infomaniak_operator.api.registry import KINDS
from tests.support.fuzz_schema import Schema, spec_of
from tests.support.fuzz_values import ADDRESSES, CIDRS, NUMBERS, TEXTS, at, junk, mutated, nested, places, put, text

Spec = dict[str, Any]
_EXAMPLES = Path(__file__).parents[2] / "examples"

LONG_NAME = ".".join("n" * 49 for _ in range(5)) + "." + "x" * 3
"""A name of 253 characters, the longest that there is."""
assert len(LONG_NAME) == 253

NAMES = ("g0", "g1", "g2", "g3", LONG_NAME)
"""The names of generated objects."""

_COLLECTIONS = {
    "InfomaniakNetwork": "networks", "Router": "routers", "SecurityGroup": "security_groups", "Port": "ports",
    "FloatingIP": "floating_ips",
    "LoadBalancer": "load_balancers", "Pool": "pools", "HealthMonitor": "health_monitors", "L7Policy": "l7_policies", "networkID": "networks", "subnetID": "subnets",
    "portID": "ports", "securityGroupIDs": "security_groups", "remoteGroupID": "security_groups",
}  # fmt: skip
"""What an id is of, by the field it is in, or by the kind whose ``import`` it is in."""
_ID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
_PATTERN = re.compile(r"self\.matches\('(.*?)'\)(?= |$|\)|\|)")
_ONE_OF = re.compile(r"^\[((?:has\(self\.\w+\)(?:, )?)+)\]\.filter\(x, x\)\.size\(\) == 1$")
_OR_IMPORT = re.compile(r"^has\(self\.(\w+)\) \|\| has\(self\.__import__\)$")
_HAS = re.compile(r"has\(self\.(\w+)\)")
_GOOD_ADDRESSES = ADDRESSES[:24]
_GOOD_CIDRS = CIDRS[:13]
_GOOD_TEXTS = (
    "a", "b", "web", "front", "office-v4", "web-v4", "X-Forwarded-For", "/healthz", "200", "200-204", "example.org.", "www.example.org",
    "HIGH:!aNULL", "https://barbican.example/v1/containers/c1", "session", "x" * 63, "é", "free text", "a b c", "80", "http", "tls",
    "\u202egnp.exe", "\U0001f4a9", "{{7*7}}", "a\nb", "x" * 200, "\x1b[31mred", "\x00", "[ik1r.a.b.c]", "note [ik1.a", "none",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """An object as a tenant sends it.

    Attributes:
        kind: its kind.
        name: its name.
        spec: what goes over the wire, whatever it is.
        annotations: its annotations.
        strict: the API server's ``fieldValidation``: unknown fields are refused, or dropped.
    """

    kind: str
    name: str
    spec: Any
    annotations: Mapping[str, str] = field(default_factory=dict)
    strict: str = "Strict"

    def body(self, namespace: str) -> dict[str, Any]:
        """The object, as JSON."""
        meta: dict[str, Any] = {"name": self.name, "namespace": namespace}
        if self.annotations:
            meta["annotations"] = dict(self.annotations)
        return {"apiVersion": f"{GROUP}/{VERSION}", "kind": self.kind, "metadata": meta, "spec": self.spec}

    def wire(self, namespace: str) -> bytes:
        """What is sent; a half of a surrogate pair as JSON can have it, NaN as only some can."""
        return json.dumps(self.body(namespace)).encode()


@functools.cache
def examples() -> dict[str, tuple[Spec, ...]]:
    """Specs that are in order, by kind: those of the reference and of ``examples/``, and some that have all there is."""
    found: dict[str, list[Spec]] = {name: [yaml.safe_load(kind.example)] for name, kind in KINDS.items()}
    for path in sorted(_EXAMPLES.rglob("*.yaml")):
        for body in yaml.safe_load_all(path.read_text()):
            if body["kind"] in found:
                found[body["kind"]].append(body["spec"])
    for kind, spec in _MORE:
        found[kind].append(spec)
    return {kind: tuple(_at_home(spec) for spec in specs) for kind, specs in found.items()}


def _at_home(spec: Spec) -> Spec:
    """The spec with the references and the credential of the world that it comes into."""

    def moved(value: Any) -> Any:
        if isinstance(value, list):
            return [moved(each) for each in value]
        if not isinstance(value, dict):
            return value
        return {name: _homely(name, moved(part)) for name, part in value.items()}

    return {**moved(spec), "cloudCredentialsRef": {"secretName": "infomaniak"}}


def _homely(name: str, value: Any) -> Any:
    if name in ("networkRef", "loadBalancerRef", "remoteGroupRef", "portRef"):
        return {"name": "base"}
    if name == "securityGroupRefs":
        return [{"name": "base"}]
    if name in ("poolRef", "defaultPoolRef"):
        return {"name": "bare"}
    return {"subnet": "v4", "listener": "http"}.get(name, value)


_MORE: tuple[tuple[str, Spec], ...] = (
    (
        "InfomaniakNetwork",
        {
            "name": "n", "description": "d", "tags": ["a", "b"], "adminStateUp": False, "mtu": 1400, "portSecurityEnabled": False,
            "dnsDomain": "example.org.", "deletionPolicy": "Retain",
            "subnets": [
                {"name": "a", "cidr": "10.7.0.0/24", "gateway": "none", "enableDHCP": False, "hostRoutes": [{"destination": "10.9.0.0/24", "nexthop": "10.7.0.9"}]},
                {"name": "b", "cidr": "2001:db8:7::/64", "ipv6AddressMode": "dhcpv6-stateless", "ipv6RAMode": "dhcpv6-stateless"},
            ],
        },
    ),
    ("InfomaniakNetwork", {"subnets": [{"name": "a", "subnetPoolID": "1b4e28ba-2fa1-41d2-883f-0016d3cca427", "prefixLength": 27, "gateway": "none"}], "qosPolicyID": "1b4e28ba-2fa1-41d2-883f-0016d3cca427"}),
    ("Router", {"interfaces": [{"networkRef": {"name": "base"}, "subnet": "v4"}], "externalGateway": {"networkName": "ext-floating1"}}),
    ("Router", {"externalGateway": {"networkName": "ext-floating1", "addresses": ["198.51.100.77", "2001:db8:7::7"]}}),
    ("Router", {"interfaces": [], "routes": [{"destination": "10.200.0.0/16", "nexthop": "10.1.0.9"}]}),
    ("SecurityGroup", {"keepDefaultEgress": False, "stateful": False, "rules": [{"direction": "egress", "protocol": 58, "etherType": "IPv6"}]}),
    ("SecurityGroup", {"rules": [{"direction": "ingress", "protocol": "icmp", "portRange": {"min": 8, "max": 0}}, {"direction": "ingress", "remoteGroupRef": {"name": "g0"}}]}),
    ("FloatingIP", {"externalNetwork": {"networkName": "ext-floating1"}, "loadBalancerRef": {"name": "base"}, "recreate": True}),
    ("FloatingIP", {"externalNetwork": {"networkName": "ext-floating1"}, "portRef": {"name": "base"}, "fixedAddress": "10.1.0.77"}),
    (
        "Port",
        {
            "networkRef": {"name": "base"}, "fixedIPs": [{"subnet": "v4", "address": "10.1.0.78"}, {"subnet": "v6"}], "macAddress": "fa:16:3e:00:00:42",
            "securityGroupRefs": [{"name": "base"}], "allowedAddressPairs": [{"address": "10.1.0.99"}, {"address": "2001:db8:20::/64", "mac": "fa:16:3e:00:00:43"}],
            "portSecurityEnabled": True, "adminStateUp": False, "name": "n", "description": "d", "tags": ["a", "b"],
        },
    ),
    ("Port", {"networkRef": {"name": "base"}, "fixedIPs": [], "portSecurityEnabled": False, "deletionPolicy": "Retain"}),
    ("LoadBalancer", {"vip": {"networkRef": {"name": "base"}, "subnet": "v4", "securityGroupRefs": [{"name": "base"}]}, "listeners": []}),
    (
        "LoadBalancer",
        {
            "vip": {"networkRef": {"name": "base"}}, "recovery": {"policy": "Recreate", "maxAttempts": 2},
            "listeners": [
                {"name": "u", "protocol": "UDP", "port": 53},
                {"name": "h", "protocol": "HTTP", "port": 80, "redirectToHTTPS": {"host": "www.example.org", "statusCode": 301}},
                {"name": "t", "protocol": "TERMINATED_HTTPS", "port": 443, "tls": {"barbicanContainer": "https://barbican.example/v1/containers/c1"}},
            ],
        },
    ),
    ("Pool", {"loadBalancerRef": {"name": "base"}, "protocol": "TCP", "algorithm": "SOURCE_IP", "members": []}),
    ("Pool", {"loadBalancerRef": {"name": "base"}, "protocol": "TCP", "algorithm": "ROUND_ROBIN", "portMembers": [{"portRef": {"name": "base"}, "port": 80, "weight": 2}]}),
    ("Pool", {"loadBalancerRef": {"name": "g0"}, "protocol": "HTTP", "algorithm": "ROUND_ROBIN", "membersFrom": {"serviceRef": {"name": "shop"}, "port": "http"}}),
    ("HealthMonitor", {"poolRef": {"name": "bare"}, "type": "TCP", "delay": 10, "timeout": 5, "maxRetries": 10, "maxRetriesDown": 1}),
    ("L7Policy", {"loadBalancerRef": {"name": "base"}, "listener": "http", "position": 1, "action": "REJECT", "rules": [{"type": "HEADER", "key": "X-A", "compareType": "REGEX", "value": "(", "invert": True}, {"type": "FILE_TYPE", "compareType": "EQUAL_TO", "value": "php"}]}),
    ("L7Policy", {"loadBalancerRef": {"name": "base"}, "listener": "http", "action": "REDIRECT_TO_URL", "redirectURL": "https://www.example.org/?q=1", "redirectHTTPCode": 308, "rules": [{"type": "COOKIE", "key": "c", "compareType": "ENDS_WITH", "value": "x"}]}),
    *((kind, {"import": {"id": _ID}, "managementPolicy": "Unmanaged"}) for kind in KINDS),
    *((kind, {"import": {"filter": {"name": "offered"}}}) for kind in KINDS if kind != "FloatingIP"),
)  # fmt: skip


class Specs:
    """Makes specs.

    Args:
        rng: where all comes from.
        offered: ids of things in the cloud that may be imported, by collection.
        forbidden: ids of others' things.
    """

    def __init__(self, rng: random.Random, offered: Mapping[str, str], forbidden: Sequence[str] = ()) -> None:
        self._rng = rng
        self._offered = offered
        self._ids = (*offered.values(), *forbidden, _ID)
        self._kind = ""

    def case(self, kind: str = "") -> Case:
        """An object of any kind."""
        rng = self._rng
        kind = kind or rng.choice(sorted(KINDS))
        annotations = {}
        if rng.random() < 0.08:
            short = rng.choice(("paused", "dry-run", "reconcile-at", "adopt-previous", "future"))
            annotations[f"{GROUP}/{short}"] = rng.choice(
                ("true", "false", "", "yes", text(rng).encode(errors="replace").decode())
            )
        strict = rng.choice(("Strict", "Strict", "Strict", "Ignore", "Warn"))
        return Case(kind, rng.choice(NAMES), self.spec(kind), annotations, strict)

    def spec(self, kind: str) -> Any:
        """A spec: a good one that was changed in few places, or one out of the schema, or a hostile one."""
        rng, schema = self._rng, spec_of(kind)
        self._kind = kind
        draw = rng.random()
        if draw < 0.55:
            return self.changed(schema, rng.choice(examples()[kind]), rng.choice((0, 1, 1, 2, 3)))
        if draw < 0.85:
            spec = self.fresh(schema, "spec")
            spec["cloudCredentialsRef"] = {"secretName": "infomaniak"}
            return self.changed(schema, spec, rng.choice((0, 0, 1)))
        return mutated(rng.choice(examples()[kind]), rng, rng.randrange(1, 4))

    def changed(self, schema: Schema, spec: Spec, times: int) -> Spec:
        """A copy of a spec with other values at some places: such as the schema allows, or just does not."""
        spec = copy.deepcopy(spec)
        for _ in range(times):
            path = self._rng.choice([path for path in places(spec) if path] or [()])
            found = _schema_at(schema, path)
            if found is None or not path:
                self._add(schema, spec)
            else:
                spec = self._change(schema, found, spec, path)
        return spec

    def _add(self, schema: Schema, spec: Spec) -> None:
        name = self._rng.choice(sorted(schema["properties"]))
        spec[name] = self.fresh(schema["properties"][name], name)

    def _change(self, whole: Schema, schema: Schema, spec: Spec, path: Any) -> Spec:
        rng = self._rng
        name = next(step for step in reversed(path) if isinstance(step, str))
        here = at(spec, path)
        match rng.randrange(9):
            case 0 if isinstance(path[-1], str):
                del at(spec, path[:-1])[path[-1]]
            case 1:
                self._add(whole, spec)
            case 2 if isinstance(here, list) and here:
                here.append(copy.deepcopy(rng.choice(here)))
            # Another change may have put a list where none goes.
            case 3 if isinstance(here, list) and "items" in schema:
                count = rng.choice((schema.get("maxItems", 3), schema.get("maxItems", 3) + 1, 0))
                put(spec, path, [self.fresh(schema["items"], name) for _ in range(count)])
            case 4 | 5:
                put(spec, path, self.edge(schema))
            case _:
                put(spec, path, self.fresh(schema, name))
        return spec

    def edge(self, schema: Schema) -> Any:
        """A value at the edge of what a schema allows, or just beyond, or of another type."""
        rng = self._rng
        kind = schema.get("type", "integer")
        if kind == "string":
            lengths = [schema.get("minLength", 0), schema.get("maxLength", 300)]
            length = max(0, rng.choice(lengths) + rng.choice((-1, 0, 1)))
            return rng.choice(("x" * length, "é" * length, text(rng), "1" * length, rng.choice(ADDRESSES + CIDRS)))
        if kind in ("integer", "number"):
            ends = [schema.get("minimum", 0), schema.get("maximum", 2**31)]
            return rng.choice((rng.choice(ends) + rng.choice((-1, 0, 1)), rng.choice(NUMBERS), float(rng.choice(ends))))
        if kind == "array" and rng.random() < 0.5:
            return []
        return rng.choice((junk(rng), nested(rng.choice((2, 50))), None, {}))

    def fresh(self, schema: Schema, name: str) -> Any:
        """A value that a schema allows, CEL rules as far as they are simple.

        Args:
            schema: of the value.
            name: the field it is for.
        """
        rng = self._rng
        if "enum" in schema:
            return rng.choice(schema["enum"])
        if schema.get("x-kubernetes-int-or-string"):
            low, high = schema.get("minimum", 0), schema.get("maximum", 65535)
            return rng.choice((rng.randint(low, high), "tcp", "udp", "icmp", "http", low, high, 6, 17))
        match schema["type"]:
            case "boolean":
                return rng.random() < 0.5
            case "integer" | "number":
                low, high = schema.get("minimum", 0), schema.get("maximum", 2**31)
                return rng.choice((low, high, rng.randint(low, high), min(high, low + rng.randrange(100))))
            case "array":
                return self._list(schema, name)
            case "object":
                return self._object(schema, name)
        return self._text(schema, name)

    def _list(self, schema: Schema, name: str) -> list[Any]:
        count = min(schema.get("maxItems", 3), max(schema.get("minItems", 0), self._rng.choice((0, 1, 1, 2, 3))))
        items = [self.fresh(schema["items"], name) for _ in range(count)]
        if schema.get("x-kubernetes-list-type") == "set":
            return list(dict.fromkeys(items))
        for key in schema.get("x-kubernetes-list-map-keys", ()):
            items = list({item.get(key): item for item in items}.values())
        return items

    def _object(self, schema: Schema, name: str) -> dict[str, Any]:
        rng = self._rng
        parts: Mapping[str, Schema] = schema.get("properties", {})
        wanted = set(schema.get("required", ()))
        never: set[str] = set()
        chance = 0.25 if name == "spec" else 0.4
        rules = [str(each["rule"]) for each in schema.get("x-kubernetes-validations", ())]
        for rule in rules:
            if found := _ONE_OF.match(rule):
                names = _HAS.findall(found[1])
                one = rng.choice(names)
                wanted.add(one)
                never |= set(names) - {one}
            elif rule == "has(self.id) != has(self.filter)":
                one, other = rng.sample(("id", "filter"), 2)
                wanted.add(one)
                never.add(other)
        wanted |= {part for part in parts if part not in never and rng.random() < chance}
        if "import" in wanted and name == "spec" and rng.random() < 0.7:
            wanted.discard("import")
        if "import" not in wanted:
            wanted |= {found[1] for rule in rules if (found := _OR_IMPORT.match(rule))}
        if not wanted and schema.get("minProperties"):
            wanted.add(rng.choice(sorted(parts)))
        return {part: self.fresh(parts[part], name if part == "name" else part) for part in parts if part in wanted}

    def _text(self, schema: Schema, name: str) -> str:
        rng = self._rng
        rules = [str(each["rule"]) for each in schema.get("x-kubernetes-validations", ())]
        if name.endswith(("Ref", "Refs")):
            return rng.choice(("base", "base", "bare", "bare", "g0", "g1", "g2", "absent", LONG_NAME))
        if name == "networkName":
            return rng.choice(("ext-floating1", "ext-floating1", "absent", text(rng).strip() or "x"))
        said = " ".join(rules)
        if "isCIDR(self)" in said:
            return rng.choice(_GOOD_CIDRS)
        if "isIP(self)" in said:
            return rng.choice(_GOOD_ADDRESSES)
        if "[0-9a-f]{8}-" in said:
            fitting = self._offered.get(_COLLECTIONS.get(name) or _COLLECTIONS.get(self._kind, ""))
            return fitting if fitting and rng.random() < 0.5 else rng.choice(self._ids)
        if name == "subnet":
            return rng.choice(("v4", "v4", "v6", "absent"))
        pool: Sequence[str] = _GOOD_TEXTS if rng.random() < 0.8 else TEXTS
        good = [each for each in pool if _fits(schema, rules, each)] or [
            each for each in _GOOD_TEXTS if _fits(schema, rules, each)
        ]
        return rng.choice(good or ["x"])


def _fits(schema: Schema, rules: Sequence[str], value: str) -> bool:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**6):
        return False
    for rule in rules:
        for pattern in _PATTERN.findall(rule):
            if (re.search(pattern.replace("\\\\", "\\"), value) is None) != rule.startswith("!"):
                return False
    return value.strip() == value


def _schema_at(schema: Schema, path: Sequence[str | int]) -> Schema | None:
    for step in path:
        found = schema.get("items") if isinstance(step, int) else schema.get("properties", {}).get(step)
        if found is None:
            return None
        schema = found
    return schema


def paused(case: Case) -> bool:
    """Whether it asks to be left alone, as the API server reads it."""
    return PAUSED in case.annotations
