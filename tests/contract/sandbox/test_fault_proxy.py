"""The fault proxy before the real Keystone, Neutron, Octavia and API server."""

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.flow import operations
from sandbox import Environment, Sandbox
from sandbox.fault_proxy import Chance, Fault, FaultKind, FaultProxy, Listed, NoFaults
from tests.support.box import kubectl, until

NETWORKS = "neutron GET /v2.0/networks"


@pytest.fixture
def proxy(box: Sandbox, env: Environment) -> Iterator[FaultProxy]:
    proxy = box.fault_proxy()
    proxy.forget()
    yield proxy
    proxy.stop()


def _calls(proxy: FaultProxy) -> list[str]:
    return [line["call"] for line in proxy.calls() if "call" in line]


def test_the_catalogue_leads_through_it(proxy: FaultProxy, env: Environment) -> None:
    project = proxy.project(env.projects["alpha"])
    cloud = operations(project, proxy.auth_url)
    assert any(row["name"] == env.external_network for row in cloud.networks.list())
    cloud.load_balancers.list(project_id=project.id)
    calls = _calls(proxy)
    assert {"keystone POST /v3/auth/tokens", NETWORKS} <= set(calls)
    assert any(call.startswith("octavia GET") and call.endswith("/lbaas/loadbalancers") for call in calls)


def test_a_list_in_pages_is_whole(proxy: FaultProxy, env: Environment) -> None:
    cloud = operations(proxy.project(env.projects["alpha"]), proxy.auth_url)
    whole = {row["id"] for row in cloud.networks.list()}
    assert len(whole) > 1
    proxy.set(Listed({(NETWORKS, 0): Fault(FaultKind.PAGED, rows=1, seconds=0.01)}))
    assert {row["id"] for row in cloud.networks.list()} == whole
    assert _calls(proxy).count(NETWORKS) > len(whole)


def test_what_the_cloud_does_after_its_caller_is_gone(proxy: FaultProxy, env: Environment) -> None:
    project = env.projects["alpha"]
    through, beside = operations(proxy.project(project), proxy.auth_url), operations(project, env.auth_url)
    through.networks.list()
    proxy.set(Listed({("neutron POST /v2.0/networks", 0): Fault(FaultKind.RESET_WHILE, seconds=1.0)}))
    with pytest.raises(Exception, match=r"(?i)reset|aborted|disconnected|closed"):
        through.networks.create({"name": "late", "project_id": project.id})

    def made() -> list[str]:
        return [row["id"] for row in beside.networks.list(name="late", project_id=project.id)]

    assert made() == []
    (late,) = until(made, "the network is made all the same", 20.0)
    beside.networks.delete(late)


def test_kubectl_and_a_watch_go_through_it(proxy: FaultProxy, env: Environment, namespace: str) -> None:
    config = proxy.kubeconfig(env.kubeconfig)
    kubectl(env, f"--kubeconfig={config}", "create", "configmap", "one", "-n", namespace)
    assert f"kube POST /api/v1/namespaces/{namespace}/configmaps" in _calls(proxy)
    said = _watched(config, namespace)
    assert said[0]["object"]["metadata"]["name"] == "one"
    key = f"kube WATCH /api/v1/namespaces/{namespace}/configmaps"
    proxy.set(Listed({(key, 0): Fault(FaultKind.WATCH_GONE, seconds=0.5)}))
    assert _watched(config, namespace)[-1]["object"]["code"] == 410


def _watched(config: Path, namespace: str) -> list[dict]:
    body = json.loads(config.read_text())
    cluster, token = body["clusters"][0]["cluster"], body["users"][0]["user"]["token"]
    url = f"{cluster['server']}/api/v1/namespaces/{namespace}/configmaps?watch=true&timeoutSeconds=2"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    context = ssl.create_default_context(cafile=cluster["certificate-authority"])
    with urllib.request.urlopen(request, timeout=20, context=context) as answer:
        return [json.loads(line) for line in answer]


def test_the_same_seed_hits_the_same_calls(proxy: FaultProxy, env: Environment) -> None:
    def statuses() -> list[int]:
        proxy.set(Chance(5, 0.6))
        return [_status(f"{proxy.auth_url}/") for _ in range(12)]

    first = statuses()
    assert first == statuses()
    proxy.set(NoFaults())
    assert {_status(f"{proxy.auth_url}/") for _ in range(5)} == {200} != set(first)


def _status(url: str) -> int:
    """What is answered; 0 for a connection that is lost."""
    begin = time.monotonic()
    try:
        with urllib.request.urlopen(url, timeout=4) as answer:
            answer.read()
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, http.client.HTTPException):
        assert time.monotonic() - begin < 10
        return 0
