"""What breaks users of a CRD is found, what does not is not; and from the last release's CRDs nothing is broken."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest
import yaml

from infomaniak_operator.api.model import Rule
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.api.v1alpha1.listener_types import Tls
from infomaniak_operator.api.v1alpha1.router_interface_types import RouterInterface
from infomaniak_operator.api.v1alpha1.router_types import ExternalGateway
from infomaniak_operator.api.v1alpha1.security_group_types import SecurityGroupSpec
from infomaniak_operator.api.v1alpha1.subnet_types import Subnet
from release import kept
from release.chart import ROOT
from release.compatible import Weight, crds, schema

_SPELLING = "an address or a network in another spelling is no change any more: the rule lets more through"


def _rules(kind: str, *, why: str, first: bool = False) -> dict[str, str]:
    """The rules of a kind on the object as a whole; those on the first setting of a field, or the others."""
    where = f"look at: {KINDS[kind].crd_name} v1alpha1 : the rule is new or another: "
    return {where + rule.rule: why for rule in KINDS[kind].rules if ("once there is one" in rule.message) == first}


def _texts(rule: str, why: str, paths: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """One rule on several fields of several kinds."""
    return {
        f"look at: {KINDS[kind].crd_name} v1alpha1 .spec.{path}: the rule is new or another: {rule}": why
        for kind, all_of_it in paths.items()
        for path in all_of_it
    }


_MARK = (
    "A text or a tag that looks like a mark of any version is refused, where only version 1 was. Nobody writes one but "
    "who copies it from the cloud; where an object has one, the API server judges it only once that field is changed."
)
_MOVED = "Were rules of the spec: now they know status, and take in addition what corrects a value that was refused."
_PORTS = "About fields that are new, or takes in addition what these say: an object that is stored has none of them."
_POOLS = "About a field that is new: an object that is stored does not have it."
_CERTIFICATES = "About fields that are new, or takes in addition what these say: a Secret instead of an address."
_GATEWAY_ADDRESSES = "About a field that is new: an object that is stored has none of it."
_SUBNET_POOLS = "About fields that are new, or takes in addition what these say: a subnet pool instead of a range."
_INTERFACES = (
    "Takes in addition what is new: an interface by a port, or at an address. What it says of networks and subnets is as "
    "it was."
)


def _of(kind: str, place: str, why: str, rules: Iterable[Rule]) -> dict[str, str]:
    """The rules of one field of a kind."""
    where = f"look at: {KINDS[kind].crd_name} v1alpha1 .spec{place}: the rule is new or another: "
    return {where + rule.rule: why for rule in rules}


def _names_a_pool(rule: Rule) -> bool:
    """Whether a rule on a subnet knows of subnet pools; those that ask for a CIDR first do not judge them."""
    return any(part in rule.rule for part in ("has(self.cidr)", "subnetPoolID", "prefixLength)", "self.prefixLength"))


_OLD = tuple(kind for kind in KINDS if kind not in ("Port", "L7Policy"))
"""The kinds that the last release has."""
LOOKED_AT: Mapping[str, str] = {
    **{
        f"look at: {KINDS[kind].crd_name} v1alpha1 .spec: the rule is new or another: {rule.rule}": _PORTS
        for kind in ("FloatingIP", "Pool")
        for rule in KINDS[kind].spec.cel
        if "portRef" in rule.rule or "portMembers" in rule.rule or "self.tls" in rule.rule
    },
    **_of("LoadBalancer", ".listeners[].tls", _CERTIFICATES, Tls.cel),
    **_of("Router", ".externalGateway", _GATEWAY_ADDRESSES, ExternalGateway.cel),
    **_of("InfomaniakNetwork", ".subnets[]", _SUBNET_POOLS, [r for r in Subnet.cel if _names_a_pool(r)]),
    **_of(
        "InfomaniakNetwork", "", _SUBNET_POOLS, [r for r in KINDS["InfomaniakNetwork"].spec.cel if ".cidr" in r.rule]
    ),
    **_of("SecurityGroup", "", _POOLS, [each for each in SecurityGroupSpec.cel if "memberRules" in each.rule]),
    **_of(
        "Router",
        ".interfaces[]",
        _INTERFACES,
        [rule for rule in RouterInterface.cel if "self.subnet)" not in rule.rule],
    ),
    **_of("Router", "", _INTERFACES, [rule for rule in KINDS["Router"].spec.cel if "self.interfaces" in rule.rule]),
    **_rules("LoadBalancer", why=_MOVED),
    **_rules("Pool", why=_MOVED),
    **_rules("HealthMonitor", why=_MOVED),
    **_rules("FloatingIP", why="Takes in addition what corrects a value that was refused."),
    **_rules("FloatingIP", first=True, why=_SPELLING),
    **_rules(
        "LoadBalancer",
        first=True,
        why="Stricter, and meant: what was refused to be changed could be set for the first time, and was ignored. An "
        "object that is stored stays valid, for only a change is judged.",
    ),
    **_texts(
        r"!self.matches('\\[ik[0-9]+r?[.][^ ]*\\]\\s*$')",
        _MARK,
        {
            **{kind: ["description"] for kind in _OLD if kind != "HealthMonitor"},
            "InfomaniakNetwork": ["description", "subnets[].description"],
            "LoadBalancer": ["description", "listeners[].description"],
        },
    ),
    **_texts(r"!self.matches('^\\[ik[0-9]')", _MARK, {kind: ["tags[]", "import.filter.tags[]"] for kind in _OLD}),
}
"""What a program cannot judge, as it says it, and why it breaks nobody. Emptied when a release is kept."""
PRESENT = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "crds").glob("*.yaml"))]


def test_from_the_last_release_nothing_is_broken() -> None:
    assert {str(finding) for finding in crds(kept.crds(), PRESENT)} == set(LOOKED_AT)


def test_an_older_crd_makes_no_rule_of_what_it_does_not_know() -> None:
    """What it prunes of a SecurityGroup are whole rules: what was left of one would let in anything from anywhere."""
    old, new = (
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        for crds_of in (kept.crds(), PRESENT)
        for crd in crds_of
        if crd["metadata"]["name"] == KINDS["SecurityGroup"].crd_name
    )
    assert "memberRules" in new
    assert "memberRules" not in old
    assert set(new["rules"]["items"]["properties"]) == set(old["rules"]["items"]["properties"])


SIZE = {"type": "integer", "minimum": 1, "maximum": 9, "default": 4}
SPEC = {
    "type": "object",
    "required": ["name"],
    "x-kubernetes-validations": [{"rule": "self.size > 1", "message": "too small"}],
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 10, "pattern": "^[a-z]+$"},
        "size": SIZE,
        "mode": {"type": "string", "enum": ["on", "off"], "nullable": True},
        "labels": {"type": "object", "maxProperties": 5, "additionalProperties": {"type": "string", "maxLength": 5}},
        "parts": {
            "type": "array",
            "maxItems": 4,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["id"],
            "items": {
                "type": "object",
                "required": ["id"],
                "properties": {"id": {"type": "string"}, "rest": {"x-kubernetes-preserve-unknown-fields": True}},
            },
        },
    },
}
STATUS = {"type": "object", "properties": {"id": {"type": "string"}}}
CRD: dict[str, Any] = {
    "metadata": {"name": "things.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"kind": "Thing", "plural": "things", "shortNames": ["th"], "categories": ["all"]},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "selectableFields": [{"jsonPath": ".spec.name"}],
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "required": ["spec"],
                        "properties": {"spec": SPEC, "status": STATUS},
                    }
                },
            }
        ],
    },
}
Change = Callable[[dict[str, Any]], object]
"""Of a CRD's spec, made in place."""


def changed(change: Change) -> dict[str, Any]:
    body = copy.deepcopy(CRD)
    change(body["spec"])
    return body


def within(path: str, change: Change) -> Change:
    """A change of the part of the schema at a path."""

    def made(spec: dict[str, Any]) -> None:
        part = spec["versions"][0]["schema"]["openAPIV3Schema"]
        for word in path.split("."):
            part = (
                part["items"]
                if word == "[]"
                else part["additionalProperties"]
                if word == "*"
                else part["properties"][word]
            )
        change(part)

    return made


def put(path: str, **fields: Any) -> Change:
    return within(
        path,
        lambda part: part.update(
            {name.replace("X_", "x-kubernetes-").replace("_", "-"): value for name, value in fields.items()}
        ),
    )


def drop(path: str, field: str) -> Change:
    return within(path, lambda part: part.pop(field))


def rule(text: str, **more: Any) -> list[dict[str, Any]]:
    return [{"rule": text, "message": "too small", **more}]


def field(path: str, name: str, part: Mapping[str, Any], *, required: bool = False) -> Change:
    """A new field."""

    def made(into: dict[str, Any]) -> None:
        into["properties"][name] = dict(part)
        into["required"] = [*into.get("required", ()), *([name] if required else ())]

    return within(path, made)


V1 = "things.example.com v1 "
BREAKING: list[tuple[Change, list[str]]] = [
    (lambda spec: spec.update(scope="Cluster"), ["breaks: things.example.com: scope was Namespaced, is Cluster"]),
    (
        lambda spec: spec["names"].update(plural="thingies"),
        ["breaks: things.example.com: plural was things, is thingies"],
    ),
    (lambda spec: spec["names"].update(shortNames=[]), ["breaks: things.example.com: th is gone from shortNames"]),
    (lambda spec: spec["names"].pop("categories"), ["breaks: things.example.com: all is gone from categories"]),
    (
        lambda spec: spec["versions"][0].update(served=False),
        ["breaks: things.example.com v1: it is not served any more"],
    ),
    (
        lambda spec: spec["versions"][0].update(name="v2"),
        [
            "breaks: things.example.com v1: objects are stored in this version, and it is gone",
            "breaks: things.example.com v1: it is not served any more",
        ],
    ),
    (
        lambda spec: spec["versions"][0].pop("subresources"),
        ["breaks: things.example.com v1: the subresource status is gone"],
    ),
    (
        lambda spec: spec["versions"][0].pop("selectableFields"),
        ["breaks: things.example.com v1: objects cannot be selected by .spec.name any more"],
    ),
    (within("spec", lambda part: part["properties"].pop("mode")), [f"breaks: {V1}.spec.mode: the field is gone"]),
    (within("status", lambda part: part["properties"].pop("id")), [f"breaks: {V1}.status.id: the field is gone"]),
    (
        within("spec.parts.[]", lambda part: part["properties"].pop("rest")),
        [f"breaks: {V1}.spec.parts[].rest: the field is gone"],
    ),
    (put("spec", required=["name", "mode"]), [f"breaks: {V1}.spec.mode: the field is required now"]),
    (field("spec", "more", {"type": "string"}, required=True), [f"breaks: {V1}.spec.more: the field is required now"]),
    (put("spec.name", type="integer"), [f"breaks: {V1}.spec.name: type was string, is integer"]),
    (put("spec.name", maxLength=9), [f"breaks: {V1}.spec.name: maxLength was 10, is 9"]),
    (put("spec.name", minLength=2), [f"breaks: {V1}.spec.name: minLength was 1, is 2"]),
    (put("spec.size", maximum=8), [f"breaks: {V1}.spec.size: maximum was 9, is 8"]),
    (put("spec.size", minimum=2), [f"breaks: {V1}.spec.size: minimum was 1, is 2"]),
    (put("spec.size", exclusiveMaximum=True), [f"breaks: {V1}.spec.size: exclusiveMaximum is new"]),
    (put("spec.parts", maxItems=3), [f"breaks: {V1}.spec.parts: maxItems was 4, is 3"]),
    (put("spec.parts", minItems=1), [f"breaks: {V1}.spec.parts: minItems was none, is 1"]),
    (put("spec.labels", maxProperties=0), [f"breaks: {V1}.spec.labels: maxProperties was 5, is 0"]),
    (put("spec.labels.*", maxLength=4), [f"breaks: {V1}.spec.labels.*: maxLength was 5, is 4"]),
    (drop("spec.labels", "additionalProperties"), [f"breaks: {V1}.spec.labels: fewer additional properties are taken"]),
    (put("spec.parts.[].id", maxLength=4), [f"breaks: {V1}.spec.parts[].id: maxLength was none, is 4"]),
    (put("spec.mode", enum=["on", "auto"]), [f"breaks: {V1}.spec.mode: the value off is not taken any more"]),
    (put("spec.name", enum=["a", "b"]), [f"breaks: {V1}.spec.name: only these are taken now: a, b"]),
    (drop("spec.mode", "nullable"), [f"breaks: {V1}.spec.mode: nullable is gone"]),
    (
        drop("spec.parts.[].rest", "x-kubernetes-preserve-unknown-fields"),
        [f"breaks: {V1}.spec.parts[].rest: x-kubernetes-preserve-unknown-fields is gone"],
    ),
    (put("spec.parts", X_list_type="atomic"), [f"breaks: {V1}.spec.parts: x-kubernetes-list-type was map, is atomic"]),
    (put("spec.size", default=5), [f"breaks: {V1}.spec.size: default was 4, is 5"]),
    (put("spec.mode", default="on"), [f"breaks: {V1}.spec.mode: default was none, is on"]),
    (drop("spec.size", "default"), [f"breaks: {V1}.spec.size: default was 4, is none"]),
    (put("spec.name", pattern="^[a-y]+$"), [f"look at: {V1}.spec.name: pattern was ^[a-z]+$, is ^[a-y]+$"]),
    (put("spec.mode", pattern="^o"), [f"look at: {V1}.spec.mode: pattern was none, is ^o"]),
    (put("spec.size", format="int32"), [f"look at: {V1}.spec.size: format was none, is int32"]),
    (
        put("spec", X_validations=rule("self.size > 2")),
        [f"look at: {V1}.spec: the rule is new or another: self.size > 2"],
    ),
    (
        put("spec.name", X_validations=rule("self == oldSelf", optionalOldSelf=True)),
        [f"look at: {V1}.spec.name: the rule is new or another: self == oldSelf"],
    ),
]


@pytest.mark.parametrize(
    ("change", "found"), BREAKING, ids=[found[-1].removeprefix("breaks: ") for _, found in BREAKING]
)
def test_what_breaks_is_found(change: Change, found: list[str]) -> None:
    assert [str(finding) for finding in crds([CRD], [changed(change)])] == found


@pytest.mark.parametrize("name", ["kind", "listKind", "plural", "singular"])
def test_each_name_counts(name: str) -> None:
    (finding,) = crds([CRD], [changed(lambda spec: spec["names"].update({name: "other"}))])
    assert finding.what.startswith(f"{name} was ")


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        (Weight.BREAKS, {"minProperties": 1, "minItems": 1, "exclusiveMinimum": True, "exclusiveMaximum": True}),
        (Weight.BREAKS, {"uniqueItems": True, "x-kubernetes-int-or-string": True, "x-kubernetes-map-type": "atomic"}),
        (Weight.BREAKS, {"x-kubernetes-list-type": "set", "x-kubernetes-list-map-keys": ["x"]}),
        (Weight.LOOK, {"multipleOf": 2, "allOf": [{}], "anyOf": [{}], "oneOf": [{}], "not": {}, "format": "ipv4"}),
    ],
)
def test_each_word_that_takes_less_counts(weight: Weight, words: Mapping[str, Any]) -> None:
    found = {finding.what.split()[0]: finding.weight for finding in schema({}, words)}
    assert found == dict.fromkeys(words, weight)
    assert list(schema(words, words)) == []


def test_a_crd_that_is_gone_is_found() -> None:
    assert [str(finding) for finding in crds([CRD], [])] == ["breaks: things.example.com: the CRD is gone"]


HARMLESS: dict[str, Change] = {
    "nothing": lambda spec: None,
    "a short name more": lambda spec: spec["names"].update(shortNames=["th", "thing"]),
    "a version more": lambda spec: spec["versions"].append({**spec["versions"][0], "name": "v2", "storage": False}),
    "a column": lambda spec: spec["versions"][0].update(additionalPrinterColumns=[{"name": "Size"}]),
    "a field more": field("spec.parts.[]", "more", {"type": "string", "maxLength": 3}),
    "a field more that is required and has a default": field("spec", "more", SIZE, required=True),
    "a field that is required no more": put("spec", required=[]),
    "wider bounds": put("spec.size", minimum=0, maximum=10),
    "no bounds": within("spec.size", lambda part: [part.pop("minimum"), part.pop("maximum")]),
    "a value more": put("spec.mode", enum=["on", "off", "auto"]),
    "no pattern": drop("spec.name", "pattern"),
    "no rule": drop("spec", "x-kubernetes-validations"),
    "another message": put("spec", X_validations=[{"rule": "self.size > 1", "message": "bigger!"}]),
    "a description": put("spec.name", description="what it is called"),
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_what_breaks_nobody_is_not(change: Change) -> None:
    assert crds([CRD], [changed(change)]) == []


def parts(root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every object of a schema that has fields."""
    if root.get("properties"):
        yield root
    for part in root.get("properties", {}).values():
        yield from parts(part)
    if "items" in root:
        yield from parts(root["items"])


@pytest.mark.parametrize("body", PRESENT, ids=[body["spec"]["names"]["kind"] for body in PRESENT])
def test_every_field_of_ours_would_be_missed(body: Mapping[str, Any]) -> None:
    (version,) = body["spec"]["versions"]
    root = version["schema"]["openAPIV3Schema"]
    less = copy.deepcopy(root)
    for part in parts(less):
        for name, was in list(part["properties"].items()):
            del part["properties"][name]
            (finding,) = schema(root, less)
            assert finding.where.endswith(f".{name}")
            assert finding.what == "the field is gone"
            part["properties"][name] = was
