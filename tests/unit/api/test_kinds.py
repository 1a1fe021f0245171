"""What must hold of every kind's CRD, whatever the kind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
import yaml

from infomaniak_operator.api.crd import crd, object_schema
from infomaniak_operator.api.registry import KINDS

Schema = Mapping[str, Any]
FORBIDDEN = {"anyOf", "oneOf", "allOf", "not", "$ref", "$defs", "title", "nullable", "const"}
NAMES = {
    "InfomaniakNetwork": ("infomaniaknetworks", "inet"),
    "Router": ("routers", "irouter"),
    "SecurityGroup": ("securitygroups", "isg"),
    "Port": ("ports", "iport"),
    "FloatingIP": ("floatingips", "ifip"),
    "LoadBalancer": ("loadbalancers", "ilb"),
    "Pool": ("pools", "ipool"),
    "HealthMonitor": ("healthmonitors", "ihm"),
    "L7Policy": ("l7policies", "il7"),
}


def nodes(schema: Schema, place: str) -> Iterator[tuple[str, Schema]]:
    """All nodes of a schema with their places; ``spec.subnets[].cidr``."""
    yield place, schema
    for name, part in schema.get("properties", {}).items():
        yield from nodes(part, f"{place}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{place}[]")
    if isinstance(schema.get("additionalProperties"), Mapping):
        yield from nodes(schema["additionalProperties"], f"{place}{{}}")


@cache
def schema_of(kind: str) -> Schema:
    return object_schema(KINDS[kind])


@cache
def parts(kind: str) -> list[tuple[str, Schema]]:
    properties = schema_of(kind)["properties"]
    return [*nodes(properties["spec"], "spec"), *nodes(properties["status"], "status")]


def test_the_kinds_and_their_names() -> None:
    assert {name: (kind.plural, *kind.short_names) for name, kind in KINDS.items()} == NAMES


@pytest.mark.parametrize("kind", KINDS)
def test_names_in_the_crd(kind: str) -> None:
    body = crd(KINDS[kind])
    plural, short = NAMES[kind]
    assert body["metadata"]["name"] == f"{plural}.network.infomaniak.cloud"
    assert body["spec"]["group"] == "network.infomaniak.cloud"
    assert body["spec"]["scope"] == "Namespaced"
    assert body["spec"]["names"] == {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural,
        "singular": kind.lower(),
        "shortNames": [short],
        "categories": ["infomaniak"],
    }
    (version,) = body["spec"]["versions"]
    assert (version["name"], version["served"], version["storage"]) == ("v1alpha1", True, True)
    assert version["subresources"] == {"status": {}}


@pytest.mark.parametrize("kind", KINDS)
def test_structural(kind: str) -> None:
    for place, node in parts(kind):
        assert not FORBIDDEN & set(node), place
        assert "type" in node or node.get("x-kubernetes-int-or-string"), place
        assert node.get("additionalProperties") is not False, place


@pytest.mark.parametrize("kind", KINDS)
def test_bounded(kind: str) -> None:
    for place, node in parts(kind):
        if (node.get("type") == "string" and "enum" not in node) or node.get("x-kubernetes-int-or-string"):
            assert "maxLength" in node, place
        if node.get("type") == "array":
            assert "maxItems" in node, place
            assert node.get("x-kubernetes-list-type") in ("atomic", "set", "map"), place
        if node.get("type") == "integer" and place.startswith("spec") and "enum" not in node:
            assert "minimum" in node, place
            assert "maximum" in node, place
        if "additionalProperties" in node:
            assert "maxProperties" in node, place


@pytest.mark.parametrize("kind", KINDS)
def test_described(kind: str) -> None:
    for place, node in parts(kind):
        if not place.endswith(("[]", "{}")):
            assert re.fullmatch(r"[A-Z0-9].*[.…]", node.get("description", ""), re.DOTALL), place


@pytest.mark.parametrize("kind", KINDS)
def test_no_defaults_but_the_status_nobody_has_written(kind: str) -> None:
    found = {place: node["default"] for place, node in parts(kind) if "default" in node}
    assert found == {"status": {"observedGeneration": -1}}


@pytest.mark.parametrize("kind", KINDS)
def test_every_rule_has_a_message_for_a_person(kind: str) -> None:
    for place, node in (*parts(kind), ("", schema_of(kind))):
        for rule in node.get("x-kubernetes-validations", ()):
            assert len(rule["message"]) > 15, (place, rule)
            assert "self" not in rule["message"].split(), (place, rule)


@pytest.mark.parametrize("kind", KINDS)
def test_cidr_and_ip_functions_are_guarded_against_what_is_none(kind: str) -> None:
    for place, node in parts(kind):
        for rule in node.get("x-kubernetes-validations", ()):
            text = rule["rule"]
            assert "cidr(" not in text.replace("isCIDR(", "") or "isCIDR(" in text, (place, text)
            assert not re.search(r"(?<!\.)\bip\(", text) or "isIP(" in text, (place, text)


@pytest.mark.parametrize("kind", KINDS)
def test_common_fields(kind: str) -> None:
    found = schema_of(kind)["properties"]
    spec, status = set(found["spec"]["properties"]), set(found["status"]["properties"])
    assert {"cloudCredentialsRef", "managementPolicy", "import", "deletionPolicy", "tags"} <= spec
    common = {"id", "projectID", "region", "appliedFields", "inputsHash", "observedGeneration", "conditions"}
    assert common <= status
    # What OpenStack has no attribute for is not offered.
    assert ("adminStateUp" in spec) == (kind not in ("SecurityGroup", "FloatingIP"))
    assert ("name" in spec) == (kind != "FloatingIP")
    assert ("description" in spec) == (kind != "HealthMonitor")


@pytest.mark.parametrize("kind", KINDS)
def test_fields_are_required_only_without_import(kind: str) -> None:
    assert "required" not in schema_of(kind)["properties"]["spec"]
    KINDS[kind].parse({"import": {"id": "1b4e28ba-2fa1-41d2-883f-0016d3cca427"}, "managementPolicy": "Unmanaged"})


@pytest.mark.parametrize("kind", KINDS)
def test_columns_and_selectors_lead_to_fields_that_are_there(kind: str) -> None:
    places = {re.sub(r"\[\]", "", place) for place, _ in parts(kind)} | {"metadata.creationTimestamp"}
    for path in (*(column.path for column in KINDS[kind].columns), *KINDS[kind].selectable):
        assert re.sub(r"\[[^]]*\]", "", path).removeprefix(".") in places, path


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_is_right(kind: str) -> None:
    spec = yaml.safe_load(KINDS[kind].example)
    parsed = KINDS[kind].parse(spec)
    assert parsed.model_dump(by_alias=True, exclude_unset=True) == spec
