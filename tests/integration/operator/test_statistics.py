"""What has gone through a listener is in the metrics; HAProxy has counted it, and Octavia told of it."""

import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from demo.operator import OperatorProcess
from sandbox import Sandbox
from sandbox.data_path import World
from tests.support.box import until
from tests.support.manifests import bundle, manifest
from tests.support.running import User, metrics_port
from tests.support.second import instead_of
from tests.support.traffic import carrying

pytestmark = pytest.mark.slow

SERVER = "10.79.0.11:8080"
LISTENER = "infomaniak_operator_listener_"


def site() -> list[dict]:
    """A load balancer with a listener that is asked, and one that nobody asks."""
    http = {"name": "http", "protocol": "HTTP", "port": 80, "defaultPoolRef": {"name": "counted"}}
    quiet = {"name": "quiet", "protocol": "HTTP", "port": 81, "defaultPoolRef": {"name": "counted"}}
    way = {"protocol": "HTTP", "algorithm": "ROUND_ROBIN", "members": [{"address": "10.79.0.11", "port": 8080}]}
    return [
        manifest("InfomaniakNetwork", "counted", subnets=[{"name": "counted-v4", "cidr": "10.79.0.0/24"}]),
        manifest("LoadBalancer", "counted", vip={"networkRef": {"name": "counted"}}, listeners=[http, quiet]),
        manifest("Pool", "counted", loadBalancerRef={"name": "counted"}, **way),
    ]


@pytest.fixture
def world(box: Sandbox, beta: User) -> Iterator[World]:
    """Where packets of project beta are carried, with a server."""
    with carrying(box) as path:
        found = path.world(beta.project.name)
        found.serve(SERVER)
        yield found
        found.end(SERVER)


@pytest.fixture
def counting(
    running: OperatorProcess, box: Sandbox, beta: User, world: World, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """An operator that reads what listeners have counted, and has cleaned up before the shared one runs."""
    options = ("--statistics-seconds", "10", "--statistics-calls", "2", "--namespace", beta.namespace)
    with instead_of(running, box, tmp_path_factory.mktemp("counting"), *options) as process:
        yield process
        beta.kubectl.run("delete", "infomaniak", "--all", "-n", beta.namespace, "--timeout=120s")


def told(process: OperatorProcess, user: User) -> dict[str, dict[str, float]]:
    """What the metrics tell of the user's listeners, by listener."""
    with urllib.request.urlopen(f"http://127.0.0.1:{metrics_port(process)}/metrics", timeout=10) as page:
        text = page.read().decode()
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith(LISTENER) and "listener" in sample.labels:
                assert (sample.labels["namespace"], sample.labels["name"]) == (user.namespace, "counted")
                found.setdefault(sample.labels["listener"], {})[sample.name.removeprefix(LISTENER)] = sample.value
    return found


def test_connections_and_bytes_are_told_until_the_load_balancer_goes(
    counting: OperatorProcess, beta: User, world: World
) -> None:
    beta.apply(bundle(*site()))
    vip = beta.until_ready("ilb", "counted")["status"]["vipAddress"]
    beta.until_ready("ipool", "counted")
    until(lambda: world.execute("curl", "-sSf", "--max-time", "5", f"http://{vip}/").returncode == 0, "it answers", 60)
    for _ in range(9):
        assert world.execute("curl", "-sSf", "--max-time", "5", f"http://{vip}/").returncode == 0

    def counted() -> bool:
        listeners = told(counting, beta)
        return listeners.get("http", {}).get("connections_total", 0) >= 10 and "quiet" in listeners

    until(counted, "the connections are told", 60)
    listeners = told(counting, beta)
    assert listeners["http"]["bytes_in_total"] >= 10 * 60
    assert listeners["http"]["bytes_out_total"] >= 10 * 100
    assert listeners["http"]["request_errors_total"] == 0
    assert set(listeners["quiet"].values()) == {0.0}
    beta.kubectl.run("delete", "ilb", "counted", "-n", beta.namespace, "--wait=false")
    until(lambda: not told(counting, beta), "they are told no more", 30)
