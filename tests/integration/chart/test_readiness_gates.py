"""Readiness gates with the chart's rights, on the real API server with its EndpointSlice controller, and the real Octavia."""

from __future__ import annotations

import json
import re
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from infomaniak_operator.api.rights import Scope, pairs, rights
from infomaniak_operator.cli.cluster import NODE_TYPE, PODS, SERVICES, SLICES
from infomaniak_operator.controller.kube.kube_api import KubeError, Rejected
from infomaniak_operator.controller.kube.kube_http import HttpKube, loader
from infomaniak_operator.reconcile.octavia.service_endpoints import SERVICE_NAME
from sandbox import Environment, Sandbox
from tests.integration.chart.conftest import NAME, Install, Release
from tests.integration.chart.test_rights import used
from tests.support.box import kubectl, until
from tests.support.kube_hands import Hands
from tests.support.manifests import bundle
from tests.support.running import User, network
from tests.support.tree_hands import IPOOL, load_balancer, members_of, pool, status_of

pytestmark = pytest.mark.slow

GATE = "network.infomaniak.cloud/pool-web"
DOCS = Path(__file__).parents[3] / "docs" / "load-balancers.md"


def test_a_pod_passes_its_gate_once_the_load_balancer_has_it(
    box: Sandbox, env: Environment, namespace: str, install: Install
) -> None:
    user, kube = User(env, namespace, env.projects["alpha"]), Hands(env.kubeconfig, namespace)
    policy = the_policy_of_the_docs()
    mark = box.kube_mark()
    kubectl(env, "apply", "-f", "-", stdin=policy)
    node, nodes = f"gates-{namespace}", Hands(env.kubeconfig, "")
    nodes.create(NODE_TYPE, node)  # without it the EndpointSlice controller leaves the Pod out
    try:
        with install("readinessGates=true") as release:
            user.credentials()
            user.apply(network("n", subnets=[{"name": "a", "cidr": "10.1.0.0/24"}]))
            subnet = user.until_ready("inet", "n")["status"]["subnets"][0]["id"]
            kube.create(SERVICES, "web", spec={"ports": [{"port": 80, "targetPort": 8080}], "selector": {"app": "web"}})
            source = {"serviceRef": {"name": "web"}, "mode": "Endpoints"}
            user.apply(bundle(load_balancer("lb", subnet), pool("web", "lb", membersFrom=source)))
            web = user.until_ready(IPOOL, "web")["status"]["id"]
            a_pod(env, kube, "one", node)
            assert gates(kube, "one") == [GATE]

            # Its kubelet: the containers are ready, the Pod is not.
            kubelet(kube, "one", "10.1.0.11", ContainersReady="True", Ready="False")
            seen = until(lambda: endpoint(kube), "its endpoint")
            assert seen["conditions"] == {"ready": False, "serving": False, "terminating": False}
            said = until(lambda: condition(kube, "one", GATE), "what is said at the gate", 20)
            said = until(lambda: opened(kube, "one"), f"an open gate; it says {said}", 30)
            assert said["reason"] == "Registered"
            assert set(members_of(user, web)) == {"10.1.0.11 8080"}
            assert condition(kube, "one", "ContainersReady")["status"] == "True", "what the kubelet said is still there"
            until(lambda: "waitingPods" not in status_of(user, IPOOL, "web"), "nobody waits")

            # Its kubelet sees the gate; then the endpoint is ready, and the member goes on as it is.
            kubelet(kube, "one", "10.1.0.11", ContainersReady="True", Ready="True", **{GATE: "True"})
            until(lambda: (endpoint(kube) or {})["conditions"]["ready"] or None, "a ready endpoint")
            user.until_ready(IPOOL, "web")
            assert set(members_of(user, web)) == {"10.1.0.11 8080"}
            it_can_change_nothing_else_of_a_pod(box, release, namespace)
            user.kubectl.run("delete", "infomaniak", "--all", "-n", namespace, "--timeout=120s")
    finally:
        kubectl(env, "delete", "pods", "--all", "-n", namespace, "--force", "--grace-period=0", "--ignore-not-found")
        nodes.delete(NODE_TYPE, node)
        kubectl(env, "delete", "-f", "-", stdin=policy)
    granted = pairs(rights(Scope.READINESS_GATES)) - {("", "pods", "get")}  # get: as for all that is watched
    until(lambda: granted <= used(box.kube_calls(mark, release.user)), "all rights on Pods in the audit log", 20)
    # The policy's refusals are of what we tried in its name; a right that is missing would be another.
    refused = [f"{call.verb} {call.uri}" for call in box.kube_calls(mark, release.user) if call.status == 403]
    assert refused == []


def the_policy_of_the_docs() -> str:
    """The two objects that docs/load-balancers.md shows."""
    (found,) = [
        text for text in re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL) if "kind: Mutating" in text
    ]
    return found


def a_pod(env: Environment, kube: Hands, name: str, node: str) -> None:
    """A Pod with the label by which the policy gives it its gate, once the policy has arrived."""
    labels = {"app": "web", "network.infomaniak.cloud/readiness-gate": "web"}
    spec = {"containers": [{"name": "c", "image": "example.com/none"}], "nodeName": node}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}
    make = ("create", "-n", kube.namespace, "-o", "json", "-f", "-")
    until(lambda: GATE in kubectl(env, *make, "--dry-run=server", stdin=json.dumps(body), check=False), "a gate", 30)
    kubectl(env, *make, stdin=json.dumps(body))


def gates(kube: Hands, name: str) -> list[str]:
    body = kube.read(PODS, name) or {}
    return [each["conditionType"] for each in body["spec"].get("readinessGates") or ()]


def kubelet(kube: Hands, name: str, address: str, **conditions: str) -> None:
    """Say of a Pod what its kubelet would."""
    listed = [{"type": kind, "status": status} for kind, status in conditions.items()]
    status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": listed}
    kube.change(PODS, f"{name}/status", {"status": status})


def condition(kube: Hands, name: str, kind: str) -> dict[str, Any]:
    body = kube.read(PODS, name) or {}
    return next((each for each in body["status"].get("conditions") or () if each["type"] == kind), {})


def opened(kube: Hands, name: str) -> dict[str, Any] | None:
    found = condition(kube, name, GATE)
    return found if found.get("status") == "True" else None


def endpoint(kube: Hands) -> dict[str, Any] | None:
    """The one endpoint of the Service."""
    found = [
        each
        for piece in kube.all(SLICES)
        if piece["metadata"]["labels"].get(SERVICE_NAME) == "web"
        for each in piece["endpoints"] or ()
    ]
    return found[0] if found else None


def it_can_change_nothing_else_of_a_pod(box: Sandbox, release: Release, namespace: str) -> None:
    """Whoever has the operator's token neither makes the Pod look Ready, nor ends it."""
    stolen = HttpKube(loader(box.service_account_kubeconfig(release.namespace, NAME)), time.monotonic)
    for patch in (
        {"status": {"conditions": [{"type": "Ready", "status": "False"}]}},
        {"status": {"phase": "Succeeded"}},
        {"metadata": {"labels": {"app": "another"}}},
    ):
        with pytest.raises(KubeError, match="the operator changes"):
            stolen.patch_condition(PODS, namespace, "one", patch)
    with pytest.raises(Rejected, match="immutable"):  # a Pod of that name that is another one
        stolen.patch_condition(
            PODS, namespace, "one", {"metadata": {"uid": str(uuid.uuid4())}, "status": {"conditions": []}}
        )
    stolen.close()
