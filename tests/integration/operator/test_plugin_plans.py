"""``kubectl infomaniak diff`` and ``preflight``, run by kubectl, against the real API server and the real Neutron."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from infomaniak_operator.plugin.cluster import Cluster
from sandbox import Environment
from tests.integration.operator.test_plugin import SUBNETS, Run, runner
from tests.support.manifests import bundle, router
from tests.support.running import User, network


@pytest.fixture
def plugin(env: Environment) -> Run:
    return runner(env, env.kubeconfig)


def test_what_manifests_need_is_told_and_what_the_operator_has_made_is_no_difference(
    user: User, plugin: Run, env: Environment, tmp_path: Path
) -> None:
    here = ["-n", user.namespace, "-o", "json", "--allowed-auth-url", env.auth_url]
    stack = bundle(network("n", subnets=SUBNETS), router("r", interfaces=[{"networkRef": {"name": "n"}}]))
    path = tmp_path / "stack.yaml"
    path.write_text(yaml.safe_dump_all(stack["items"]))
    before = plugin("preflight", "-f", str(path), "--server-dry-run", *here)
    assert (before.returncode, before.stderr) == (0, ""), before.stdout
    needed = {each["type"]: each["needed"] - each["ofDHCP"] for each in json.loads(before.stdout)["quota"]}
    assert needed == {"network": 1, "subnet": 1, "router": 1, "port": 1}
    assert user.get("inet", "n") is None  # the dry run has kept nothing
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(yaml.safe_dump(network("w", subnets=[{**SUBNETS[0], "gateway": "10.99.0.1"}])))
    refused = plugin("preflight", "-f", str(wrong), "--server-dry-run", *here)
    assert refused.returncode == 2
    (problem,) = json.loads(refused.stdout)["problems"]
    assert (problem["check"], problem["name"]) == ("server", "w")
    assert "gateway" in problem["message"]

    user.apply(stack)
    user.until_ready("inet", "n")
    user.until_ready("irouter", "r")
    same = plugin("diff", *here)
    assert (same.returncode, same.stderr) == (0, ""), same.stdout
    assert {each["verdict"] for each in json.loads(same.stdout)["items"]} == {"Nothing"}

    assert plugin("pause", "inet/n", "-n", user.namespace).returncode == 0
    try:
        user.apply(network("n", subnets=[*SUBNETS, {"name": "b", "cidr": "10.2.0.0/24"}], description="another"))
        before_it = user.get("inet", "n") or {}
        told = plugin("diff", "inet/n", *here)
        (item,) = json.loads(told.stdout)["items"]
        assert (told.returncode, item["verdict"], item["notes"]) == (2, "NeedsYou", ["paused"])
        fields = {each["field"]: (each["cloud"], each["spec"]) for step in item["changes"] for each in step["fields"]}
        assert fields["description"] == ("", "another")
        assert fields["cidr"] == (None, "10.2.0.0/24")
        after = user.get("inet", "n") or {}
        for name in ("generation", "annotations", "finalizers"):
            assert after["metadata"][name] == before_it["metadata"][name]
        assert len(user.cloud.subnets.list(network_id=after["status"]["id"])) == 1
    finally:  # what is paused would not go
        plugin("resume", "inet/n", "-n", user.namespace)
    user.until_condition("inet", "n", "Synced", status="True")
    assert plugin("diff", *here).returncode == 0


def test_what_members_follow_is_listed_as_the_operator_reads_it(user: User, env: Environment) -> None:
    port = {"name": "web", "port": 80, "protocol": "TCP"}
    meta = {"name": "web", "namespace": user.namespace}
    user.apply({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"type": "NodePort", "ports": [port]}})
    slices = {"name": "web-1", "namespace": user.namespace, "labels": {"kubernetes.io/service-name": "web"}}
    endpoints = [{"addresses": ["10.1.0.9"], "conditions": {"ready": True}}]
    user.apply(
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": slices,
            "addressType": "IPv4",
            "ports": [{"name": "web", "port": 8080}],
            "endpoints": endpoints,
        }
    )
    cluster = Cluster(str(env.kubeconfig))
    (service,) = cluster.others("Service", user.namespace)
    assert service.key == ("Service", user.namespace, "web")
    assert service.body["spec"]["ports"][0]["nodePort"] >= 30_000
    (found,) = cluster.others("EndpointSlice", user.namespace)
    assert found.labels["kubernetes.io/service-name"] == "web"
    assert found.body["endpoints"][0]["addresses"] == ["10.1.0.9"]
    assert found.body["addressType"] == "IPv4"
    assert {each.key.kind for each in cluster.others("Node", None)} <= {"Node"}
