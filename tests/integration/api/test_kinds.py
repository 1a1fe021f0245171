"""What holds for every kind on a real API server: status, columns, selectors, kubectl explain."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from infomaniak_operator.api.crd import NOT_SEEN, crd, object_schema
from infomaniak_operator.api.registry import KINDS
from sandbox import Environment
from tests.support.box import kubectl
from tests.support.crds import CONDITION, Server, body_of, sample


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_nobody_has_seen_does_not_read_as_ready(server: Server, kind: str) -> None:
    made = server.create(kind, yaml.safe_load(KINDS[kind].example))
    assert made["status"] == NOT_SEEN


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_of_status_is_kept(server: Server, kind: str) -> None:
    status = sample(object_schema(KINDS[kind])["properties"]["status"])
    name = server.create(kind, yaml.safe_load(KINDS[kind].example))["metadata"]["name"]
    assert server.set_status(kind, name, status)["status"] == status


@pytest.mark.parametrize("kind", KINDS)
def test_what_kubectl_get_shows(env: Environment, server: Server, kind: str) -> None:
    definition = KINDS[kind]
    kubectl(
        env,
        "apply",
        "-n",
        server.namespace,
        "-f",
        "-",
        stdin=json.dumps(body_of(kind, yaml.safe_load(definition.example))),
    )
    short = kubectl(env, "get", definition.short_names[0], "-n", server.namespace)
    assert short.splitlines()[0].split() == ["NAME", *(c.name.upper() for c in definition.columns if not c.wide)]
    wide = kubectl(env, "get", definition.short_names[0], "-n", server.namespace, "-o", "wide")
    assert wide.splitlines()[0].split() == ["NAME", *(c.name.upper() for c in definition.columns)]


def test_the_columns_are_filled(env: Environment, server: Server) -> None:
    name = server.create("InfomaniakNetwork", {})["metadata"]["name"]
    ranges = ((4, "10.0.0.0/24"), (6, "2001:db8::/64"), (4, "10.0.1.0/24"))
    subnets = [{"name": cidr, "id": cidr, "cidr": cidr, "ipVersion": version} for version, cidr in ranges]
    status = {"cloudStatus": "ACTIVE", "subnets": subnets, "conditions": [CONDITION]}
    server.set_status("InfomaniakNetwork", name, status)
    row = kubectl(env, "get", "inet", name, "-n", server.namespace, "--no-headers").split()
    assert row[:-1] == [name, "True", "Available", "ACTIVE", "10.0.0.0/24", "2001:db8::/64"]


def test_all_kinds_at_once(env: Environment, server: Server) -> None:
    names = set()
    for kind, definition in KINDS.items():
        made = server.create(kind, yaml.safe_load(definition.example))
        names.add(f"{definition.singular}.network.infomaniak.cloud/{made['metadata']['name']}")
    shown = kubectl(env, "get", "infomaniak", "-n", server.namespace, "-o", "name").split()
    assert names <= set(shown)


@pytest.mark.parametrize(
    ("kind", "selector", "none"),
    [
        ("Pool", "spec.loadBalancerRef.name=web", "spec.loadBalancerRef.name=other"),
        ("HealthMonitor", "spec.poolRef.name=web", "spec.poolRef.name=other"),
        ("L7Policy", "spec.loadBalancerRef.name=web", "spec.loadBalancerRef.name=other"),
        ("FloatingIP", "spec.loadBalancerRef.name=web", "spec.loadBalancerRef.name=other"),
        ("LoadBalancer", "spec.vip.networkRef.name=office", "spec.vip.networkRef.name=other"),
    ],
)
def test_field_selectors(env: Environment, server: Server, kind: str, selector: str, none: str) -> None:
    name = server.create(kind, yaml.safe_load(KINDS[kind].example))["metadata"]["name"]
    get = ("get", KINDS[kind].plural, "-n", server.namespace, "-o", "name")
    assert name in kubectl(env, *get, f"--field-selector={selector}")
    assert name not in kubectl(env, *get, f"--field-selector={none}")


@pytest.mark.parametrize(
    ("path", "fragments"),
    [
        (
            "inet.spec",
            ("What is absent is not managed", "subnets\t<[]Object>", "IPv6 at least 1280", "OpenStack: mtu."),
        ),
        (
            "inet.spec.subnets",
            (
                "name\t<string> -required-",
                "subnetPoolID\t<string>",
                "Cannot be changed: remove this subnet",
                "OpenStack: gateway_ip.",
            ),
        ),
        ("irouter.spec.externalGateway", ("enableSNAT\t<boolean>", "administrator's rights")),
        ("isg.spec.rules", ("protocol\t<Object>", "icmp", "OpenStack: port_range_min, port_range_max.")),
        ("ifip.spec.recreate", ("ENUM:", "Always", "the address is lost")),
        ("ilb.spec.listeners.timeouts", ("in milliseconds", "OpenStack: timeout_client_data.")),
        ("ipool.spec.membersFrom", ("drainSeconds\t<integer>", "in seconds")),
        ("ihm.status", ("conditions\t<[]Object>", "provisioningStatus")),
    ],
)
def test_kubectl_explain(env: Environment, server: Server, path: str, fragments: tuple[str, ...]) -> None:
    text = " ".join(kubectl(env, "explain", path).replace("\t", "~").split()).replace("~", "\t")
    for fragment in fragments:
        assert fragment in text


def test_an_unknown_field_is_refused_by_kubectl_apply(env: Environment, server: Server) -> None:
    body = json.dumps(body_of("InfomaniakNetwork", {"subnet": []}))
    said = kubectl(env, "apply", "-n", server.namespace, "-f", "-", stdin=body, check=False)
    assert 'strict decoding error: unknown field "spec.subnet"' in said


def test_a_spec_is_needed(env: Environment, server: Server) -> None:
    body = body_of("InfomaniakNetwork", {})
    del body["spec"]
    said = kubectl(env, "apply", "-n", server.namespace, "-f", "-", stdin=json.dumps(body), check=False)
    assert "spec: Required value" in said


def without_length_of_int_or_string(node: Any) -> Any:
    """What an API server before 1.34 sees when it estimates the cost of rules."""
    if isinstance(node, list):
        return [without_length_of_int_or_string(item) for item in node]
    if not isinstance(node, dict):
        return node
    hidden = {"maxLength"} if node.get("x-kubernetes-int-or-string") is True else set()
    return {name: without_length_of_int_or_string(part) for name, part in node.items() if name not in hidden}


@pytest.mark.parametrize("kind", KINDS)
def test_the_rules_are_cheap_enough_for_older_api_servers_too(env: Environment, server: Server, kind: str) -> None:
    body = json.dumps(without_length_of_int_or_string(crd(KINDS[kind])))
    apply = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-")
    assert "serverside-applied" in kubectl(env, *apply, stdin=body)
