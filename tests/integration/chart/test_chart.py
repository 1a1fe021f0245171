"""The chart on the real API server: taken as it is, the same as ``crds/`` and ``deploy/``, and enough to work with."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from infomaniak_operator.cli.options import parse
from infomaniak_operator.reconcile.generic.credential_settings import DefaultCredentials
from infomaniak_operator.reconcile.generic.tenancy import Isolation
from release.chart import CHART, ROOT, Chart
from sandbox import Environment, Sandbox
from tests.integration.chart.conftest import NAME, Install, Release, arguments, documents, one
from tests.support.box import kubectl, until
from tests.support.running import User, network

SETS: Mapping[str, Sequence[Path]] = {
    "defaults": (),
    **{path.name.removesuffix("-values.yaml"): (path,) for path in sorted((CHART / "ci").glob("*.yaml"))},
}
SUBNETS = [{"name": "a", "cidr": "10.1.0.0/24"}]


@pytest.fixture(scope="module")
def prometheus(env: Environment) -> Iterator[None]:
    """The Prometheus operator's kinds, by name only."""
    crds = [_stub(kind) for kind in ("ServiceMonitor", "PodMonitor", "PrometheusRule")]
    text = yaml.safe_dump_all(crds)
    kubectl(env, "apply", "--server-side", "-f", "-", stdin=text)
    kubectl(env, "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    yield
    kubectl(env, "delete", "--wait=false", "-f", "-", stdin=text)


def _stub(kind: str) -> dict[str, Any]:
    plural, group = f"{kind.lower()}s", "monitoring.coreos.com"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural},
            "versions": [version],
        },
    }


@pytest.fixture(scope="module")
def namespaces(env: Environment) -> None:
    """Those that ``ci/*.yaml`` name, and the release's. They are empty, and stay: one that is going takes nothing."""
    for name in ("chart-dry", "team-a", "team-b", "shared"):
        kubectl(env, "apply", "-f", "-", stdin=f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}")


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
@pytest.mark.usefixtures("prometheus", "namespaces")
def test_the_api_server_takes_all_of_it(env: Environment, chart: Chart, values: Sequence[Path]) -> None:
    text = chart.render(values, namespace="chart-dry")
    said = kubectl(
        env,
        "apply",
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "--validate=strict",
        "-f",
        "-",
        stdin=text,
    )
    assert "Warning" not in said
    assert len(said.splitlines()) == len(documents(text))


@pytest.fixture(scope="module")
def schemas(env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The API server's own schemas, as kubeconform wants them: a file a kind, closed."""
    folder = tmp_path_factory.mktemp("schemas")
    definitions = json.loads(kubectl(env, "get", "--raw", "/openapi/v2"))["definitions"]
    for each in definitions.values():
        if "properties" in each:
            each.setdefault("additionalProperties", False)
    for name, kind in (("IntOrString", ["string", "integer"]), ("Quantity", ["string", "number"])):
        for full, each in definitions.items():
            if full.endswith(f".{name}"):
                each.update(type=kind)
                each.pop("format", None)
    (folder / "all.json").write_text(json.dumps({"definitions": definitions}))
    for full, each in definitions.items():
        for kind in each.get("x-kubernetes-group-version-kind", ()):
            suffix = "-".join(filter(None, (kind["group"].split(".")[0], kind["version"])))
            file = folder / f"{kind['kind'].lower()}-{suffix}.json"
            file.write_text(json.dumps({"$ref": f"all.json#/definitions/{full}"}))
    return folder


@pytest.mark.parametrize("values", SETS.values(), ids=SETS)
@pytest.mark.usefixtures("prometheus")
def test_kubeconform_takes_all_of_it(chart: Chart, schemas: Path, values: Sequence[Path]) -> None:
    text = chart.render(values)
    said = chart.conform(text, schemas)
    assert f"{len(documents(text))} resources found" in said
    assert "Invalid: 0, Errors: 0, Skipped: 0" in said


def test_kubeconform_would_notice(chart: Chart, schemas: Path) -> None:
    wrong = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": {"replica": 2}}
    with pytest.raises(Exception, match="replica"):
        chart.conform(yaml.safe_dump(wrong), schemas)


def test_it_is_what_crds_and_deploy_are(chart: Chart) -> None:
    rendered = _specs(documents(chart.render()))
    files = [*(ROOT / "crds").glob("*.yaml"), *(ROOT / "deploy").glob("*.yaml")]
    plain = _specs([each for path in files for each in documents(path.read_text())])
    assert {key: rendered.get(key) for key in plain} == plain


def _specs(objects: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What CRDs, roles and policies say, by kind and name; the chart names the Lease's Role apart."""
    parts = ("spec", "rules", "roleRef", "subjects")
    return {
        f"{each['kind']} {each['metadata']['name'].removesuffix('-leader')}": _unled(
            {part: each[part] for part in parts if part in each}
        )
        for each in objects
        if any(part in each for part in parts) and each["kind"] not in ("Deployment", "Service", "Pod")
    }


def _unled(parts: dict[str, Any]) -> dict[str, Any]:
    ref = parts.get("roleRef")
    return {**parts, "roleRef": {**ref, "name": ref["name"].removesuffix("-leader")}} if ref else parts


def test_the_operator_reads_its_arguments_as_the_values_say(chart: Chart) -> None:
    plain = parse(arguments(documents(chart.render())), {})
    assert plain.namespaces == ()
    assert plain.cluster_id is None
    assert plain.default_credentials is None
    assert plain.credentials_namespaces == ()
    assert (plain.tenant_isolation, plain.tenant_isolation_exempt) == (Isolation.DEFAULT_CREDENTIAL, ())
    assert plain.allowed_auth_urls == (
        "https://api.pub1.infomaniak.cloud/identity",
        "https://api.pub2.infomaniak.cloud/identity",
    )
    assert plain.lease is not None
    assert (plain.lease.namespace, plain.lease.name) == ("infomaniak-operator", "infomaniak-operator")

    told = parse(arguments(documents(chart.render(SETS["namespaced"]))), {})
    assert told.namespaces == ("team-a", "team-b")
    assert told.cluster_id == "production-1"
    assert told.default_credentials == DefaultCredentials("shared", "infomaniak", "infomaniak", frozenset({"team-a"}))
    assert told.credentials_namespaces == ("team-b",)

    told = parse(arguments(documents(chart.render(SETS["everything"]))), {})
    assert told.allowed_auth_urls == ("https://keystone.example.com/v3",)
    assert told.default_credentials is not None
    assert told.default_credentials.namespaces == frozenset({"*"})
    assert told.credentials_namespaces == ("team-a", "team-b")
    assert (told.tenant_isolation, told.tenant_isolation_exempt) == (Isolation.SHARED_PROJECT, ("platform",))
    assert (told.restore, told.log_level, told.resync_seconds, told.workers) == (True, "DEBUG", 120, 5)
    assert (told.health_poll_seconds, told.statistics_seconds, told.statistics_calls) == (2, 15, 2)
    assert (told.metrics_address.port, told.health_address.port) == (9090, 9091)
    assert told.lease is not None
    assert told.lease.name == "net-leader"

    told = parse(arguments(documents(chart.render(SETS["single"]))), {})
    assert told.lease is None


def refusals(box: Sandbox, since: int, release: Release) -> list[str]:
    """What the operator asked for and was not let."""
    return [f"{c.verb} {c.uri} {c.status}" for c in box.kube_calls(since, release.user) if c.status in (401, 403)]


def test_its_rights_are_enough_for_the_whole_cluster(
    box: Sandbox, env: Environment, namespace: str, install: Install
) -> None:
    user = User(env, namespace, env.projects["alpha"])
    mark = box.kube_mark()
    with install() as release:
        user.credentials()
        user.apply(network("n", subnets=SUBNETS))
        user.until_ready("inet", "n")
        health = one(release.objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["ports"][1]
        for page in ("healthz", "readyz"):
            with urllib.request.urlopen(f"http://127.0.0.1:{health['containerPort']}/{page}", timeout=5) as answer:
                assert answer.status == 200
        lease = kubectl(env, "get", "lease", NAME, "-n", release.namespace, "-o", "jsonpath={.spec.holderIdentity}")
        assert lease
        user.delete("inet", "n")
        assert refusals(box, mark, release) == []
        the_policy_is_in_force(env, namespace, release.user)


def the_policy_is_in_force(env: Environment, namespace: str, operator: str) -> None:
    """The operator can change nothing of a Secret but its finalizer; whose the Secret is, neither."""
    # kubectl reads before it patches: that right is lent for the test.
    kubectl(env, "create", "role", "reader", "-n", namespace, "--verb=get", "--resource=secrets")
    kubectl(env, "create", "rolebinding", "reader", "-n", namespace, "--role=reader", f"--user={operator}")
    kubectl(env, "create", "configmap", "one", "-n", namespace)
    uid = kubectl(env, "get", "configmap", "one", "-n", namespace, "-o", "jsonpath={.metadata.uid}")
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "one", "uid": uid}

    def patched(body: Mapping[str, Any], *more: str) -> str:
        patch = ("patch", "secret", "infomaniak", "-n", namespace, "--type=merge", "-p", json.dumps(body))
        return kubectl(env, *patch, *more, check=False)

    as_operator = (f"--as={operator}", "--dry-run=server")
    until(lambda: "no content of a Secret" in patched({"data": {"a": "eA=="}}, *as_operator), "the policy")
    patched({"metadata": {"ownerReferences": [owner]}})
    for owners in ([], [{**owner, "controller": True}]):
        assert "annotations or owners" in patched({"metadata": {"ownerReferences": owners}}, *as_operator)
    ours = {"metadata": {"finalizers": ["network.infomaniak.cloud/cleanup"]}}
    assert "patched" in patched(ours, *as_operator)
    kubectl(env, "create", "secret", "generic", "plain", "-n", namespace)
    hold = ("patch", "secret", "plain", "-n", namespace, "--type=merge", "-p", json.dumps(ours))
    assert "only to a Secret with the label" in kubectl(env, *hold, *as_operator, check=False)


@pytest.mark.slow
def test_its_rights_are_enough_for_single_namespaces_and_end_there(
    box: Sandbox, env: Environment, namespace: str, install: Install
) -> None:
    """With the default credential in a namespace of its own, which only one of two others may use."""
    shared, other = f"{namespace}-shared", f"{namespace}-other"
    for name in (shared, other):
        kubectl(env, "create", "namespace", name)
    user, elsewhere = User(env, namespace, env.projects["alpha"]), User(env, other, env.projects["alpha"])
    User(env, shared, env.projects["alpha"]).credentials("default")
    default = {"secretName": "default", "secretNamespace": shared, "allowedNamespaces": [namespace]}
    body = network("n", subnets=SUBNETS)
    del body["spec"]["cloudCredentialsRef"]
    watched = json.dumps([namespace, other])
    mark = box.kube_mark()
    try:
        with install(
            f"watch.namespaces={watched}", 'clusterID="test"', f"credentials.default={json.dumps(default)}"
        ) as release:
            # Those for people, and no other.
            roles = [each["metadata"]["name"] for each in release.objects if each["kind"].startswith("ClusterRole")]
            assert roles == [f"{NAME}-view", f"{NAME}-edit"]
            user.apply(body)
            elsewhere.apply(body)
            user.until_ready("inet", "n")
            elsewhere.until_condition("inet", "n", "Stalled", status="True", reason="CredentialsInvalid")
            rights_end(env, release.user, namespace)
            user.delete("inet", "n")
            elsewhere.delete("inet", "n")
            assert refusals(box, mark, release) == []
    finally:
        kubectl(env, "delete", "namespace", shared, other, "--wait=false")


def rights_end(env: Environment, operator: str, namespace: str) -> None:
    """What the operator may do in a namespace that it watches, and not in others."""
    for answer, verb, resource, where in (
        ("yes", "list", "secrets", namespace),
        ("no", "get", "secrets", namespace),
        ("no", "create", "secrets", namespace),
        ("no", "update", "infomaniaknetworks", namespace),
        ("no", "list", "secrets", "default"),
        ("no", "list", "infomaniaknetworks", "default"),
        ("no", "list", "nodes", "default"),
    ):
        said = kubectl(env, "auth", "can-i", verb, resource, "-n", where, f"--as={operator}", check=False)
        assert answer in said.split(), (verb, resource, where, said)
