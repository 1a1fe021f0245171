"""Pods behind a floating IP, replaced and scaled under load: HAProxy, the node's port, kube-proxy, Pod."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox import Sandbox
from sandbox.data_path import Asking, Tally, Target, World
from tests.e2e.cluster import IMAGE, SHOP, Cluster, StepError, Tell, until

_HERE = Path(__file__).resolve().parent
_APP, _PORT, _REPLICAS = "rolling", 8080, 3
_CLIENTS = 8
_TOLD_SECONDS = 5
"""How long a Pod that is to go serves on as before: until every kube-proxy has heard of it, and sends it nobody new."""
_DRAIN_SECONDS = 2
"""How long it then answers with the word that the connection ends."""
_STEADY_SECONDS = 2.0
_API = "network.infomaniak.cloud/v1alpha1"
_CREDENTIALS = {"cloudCredentialsRef": {"secretName": "infomaniak", "cloudName": "infomaniak"}}
_SECURITY = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}


@dataclass(frozen=True)
class Report:
    """What clients got, in one phase.

    Attributes:
        answers: how many requests were answered, by version.
        failures: how many were not at the first try, by how the client keeps its connections.
        why: the first of them, in words.
    """

    answers: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    why: Sequence[str] = ()

    @property
    def failed(self) -> int:
        """How many failed."""
        return sum(self.failures.values())

    def __str__(self) -> str:
        told = ", ".join(f"{count} by {version}" for version, count in sorted(self.answers.items()))
        wrong = "".join(f"; {count} {kind}" for kind, count in sorted(self.failures.items()))
        wrong += "".join(f"; {each}" for each in self.why)
        return f"{sum(self.answers.values()) + self.failed} requests: {told or 'none answered'}; {self.failed} failed{wrong}"


def report(tallies: Mapping[str, Tally]) -> Report:
    """What was counted. A request that had to be made again, for its kept connection was closed, counts as failed, too."""
    answers: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    for kind, tally in tallies.items():
        answers.update(tally.answers)
        failures[kind] += tally.failed + tally.again
    return Report(answers, +failures, [why for tally in tallies.values() for why in tally.failures])


def clients(world: World, address: str) -> Asking:
    """Clients in a project's world, half of which keep their connections."""
    url = f"http://{address}/"
    each = _CLIENTS // 2
    return Asking(world, Target("new", url, clients=each), Target("kept", url, keep_alive=True, clients=each))


def manifests(image: str, program: str) -> list[dict[str, Any]]:
    """What a user writes: the server, its Service, and the load balancer in front of it.

    Args:
        image: has Python.
        program: the server's text.
    """
    labels = {"app": _APP}
    container = {
        "name": "web",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["python3", "/app/web_server.py", str(_PORT), str(_DRAIN_SECONDS)],
        "env": [{"name": "VERSION", "value": "old"}],
        "ports": [{"name": "http", "containerPort": _PORT}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1},
        "lifecycle": {"preStop": {"sleep": {"seconds": _TOLD_SECONDS}}},
        "volumeMounts": [{"name": "app", "mountPath": "/app"}],
        "securityContext": _SECURITY,
    }
    spec = {
        "terminationGracePeriodSeconds": 30,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [{"name": "app", "configMap": {"name": _APP}}],
        "containers": [container],
    }
    metadata = {"name": _APP, "namespace": SHOP}

    def ours(kind: str, **spec: Any) -> dict[str, Any]:
        return {"apiVersion": _API, "kind": kind, "metadata": metadata, "spec": {**_CREDENTIALS, **spec}}

    deployment = {
        "replicas": _REPLICAS,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": spec},
    }
    service = {"type": "NodePort", "selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}
    listener = {"name": "http", "protocol": "HTTP", "port": 80, "defaultPoolRef": {"name": _APP}}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"web_server.py": program}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": deployment},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": service},
        ours("LoadBalancer", vip={"networkRef": {"name": "web"}}, listeners=[listener]),
        ours(
            "Pool",
            loadBalancerRef={"name": _APP},
            protocol="HTTP",
            algorithm="ROUND_ROBIN",
            membersFrom={"serviceRef": {"name": _APP}, "mode": "NodePort"},
        ),
        ours("HealthMonitor", poolRef={"name": _APP}, type="HTTP", delay=1, timeout=1, maxRetries=2, urlPath="/"),
        ours("FloatingIP", externalNetwork={"networkName": "ext-floating1"}, loadBalancerRef={"name": _APP}),
    ]


def run(box: Sandbox, cluster: Cluster, tag: str, tell: Tell) -> None:
    """All of it, where load balancers carry packets; with examples/web applied, for its network.

    Args:
        box: with a node that has the image.
        cluster: with the operator.
        tag: of the image that has Python.
        tell: told of each phase.

    Raises:
        StepError: a request failed, or who should have answered did not.
    """
    if "alpha" not in box.data_path.state.projects:
        tell(f"no requests were sent to Pods: the data path is {box.data_path.state}")
        return
    begin = time.monotonic()
    program = (_HERE / "web_server.py").read_text()
    bodies = {"apiVersion": "v1", "kind": "List", "items": manifests(f"{IMAGE}:{tag}", program)}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(bodies))
    cluster.all_ready()
    address = cluster.json("get", "floatingip", _APP, "-n", SHOP)["status"]["address"]
    world = box.world("alpha")
    asked = ("curl", "-sS", "--fail", "--max-time", "2", f"http://{address}/")
    until(lambda: world.execute(*asked).stdout == "old", f"a Pod answers at {address}", 60)
    tell(f"a Pool that follows a NodePort: {address} leads to Pods after {time.monotonic() - begin:.1f} s")
    with clients(world, address) as asking:
        time.sleep(_STEADY_SECONDS)
        _phase(tell, "  nothing changes", report(asking.take()), {"old"})
        begin = time.monotonic()
        cluster.kubectl("set", "env", f"deployment/{_APP}", "-n", SHOP, "VERSION=new")
        _until_rolled(cluster)
        _phase(tell, f"  a rolling update ({time.monotonic() - begin:.1f} s)", report(asking.take()), {"old", "new"})
        for replicas in (1, _REPLICAS):
            begin = time.monotonic()
            cluster.kubectl("scale", f"deployment/{_APP}", "-n", SHOP, f"--replicas={replicas}")
            _until_rolled(cluster)
            what = f"  scaled to {replicas} ({time.monotonic() - begin:.1f} s)"
            _phase(tell, what, report(asking.take()), {"new"})


def _until_rolled(cluster: Cluster) -> None:
    """Until it is as asked for, and those that go are gone."""
    cluster.kubectl("rollout", "status", f"deployment/{_APP}", "-n", SHOP, "--timeout=120s")
    wanted = cluster.json("get", "deployment", _APP, "-n", SHOP)["spec"]["replicas"]

    def gone() -> bool:
        return bool(len(cluster.json("get", "pods", "-n", SHOP, "-l", f"app={_APP}")["items"]) == wanted)

    until(gone, "the Pods that go are gone")


def _phase(tell: Tell, what: str, found: Report, versions: set[str]) -> None:
    tell(f"{what}: {found}")
    if found.failed:
        raise StepError(f"{what.strip()}: requests failed: {found}")
    if found.answers.keys() != versions:
        raise StepError(f"{what.strip()}: {sorted(versions)} should have answered: {found}")
