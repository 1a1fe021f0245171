"""Pods behind a floating IP, replaced and scaled under load: HAProxy, the node's port, kube-proxy, Pod; or HAProxy, Pod.

Of two applications one is reached at the node's port. The other's Pods are members themselves, and have a readiness gate.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox import Sandbox
from sandbox.data_path import Asking, Tally, Target, World
from tests.e2e.cluster import IMAGE, SHOP, Cluster, StepError, Tell, is_ready, name, until

_HERE = Path(__file__).resolve().parent
_APP, _GATED, _PORT, _REPLICAS = "rolling", "gated", 8080, 3
_GATED_AT = 81
"""The listener's port."""
_CLIENTS, _MANY = 8, 32
_TOLD_SECONDS = 5
"""How long a Pod that is to go serves on as before: until every kube-proxy has heard of it, and sends it nobody new."""
_DRAIN_SECONDS = 2
"""How long it then answers with the word that the connection ends."""
_MEMBER_DRAINS_SECONDS = 3
"""How long a member that goes is kept at weight 0."""
_HELD_SECONDS = 3.0
"""How long is looked whether a Pod goes before it may: Kubernetes takes tenths of a second."""
_GATE_SECONDS = 150.0
"""Until the first Pods have passed: in a new health monitor's first minute none does."""
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
        closed: how many kept connections were closed with nothing under way, where that is no failure.
    """

    answers: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    why: Sequence[str] = ()
    closed: int = 0

    @property
    def failed(self) -> int:
        """How many failed."""
        return sum(self.failures.values())

    @property
    def asked(self) -> int:
        """All requests."""
        return sum(self.answers.values()) + self.failed

    def and_then(self, other: Report) -> Report:
        """Both phases as one."""
        answers, failures = Counter(self.answers), Counter(self.failures)
        answers.update(other.answers)
        failures.update(other.failures)
        return Report(answers, failures, [*self.why, *other.why], self.closed + other.closed)

    def __str__(self) -> str:
        told = ", ".join(f"{count} by {version}" for version, count in sorted(self.answers.items()))
        wrong = "".join(f"; {count} {kind}" for kind, count in sorted(self.failures.items()))
        wrong += "".join(f"; {each}" for each in self.why)
        wrong += f"; {self.closed} kept connections were closed between two requests" if self.closed else ""
        return f"{self.asked} requests: {told or 'none answered'}; {self.failed} failed{wrong}"


def report(tallies: Mapping[str, Tally], *, may_close: bool = False) -> Report:
    """What was counted. A request that had to be made again, for its kept connection was closed, counts as failed, too.

    Args:
        tallies: by how the clients keep their connections.
        may_close: whether it does not: HAProxy's former process closes what it has kept when its members change.
    """
    answers: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    for kind, tally in tallies.items():
        answers.update(tally.answers)
        failures[kind] += tally.failed + (0 if may_close else tally.again)
    closed = sum(tally.again for tally in tallies.values()) if may_close else 0
    return Report(answers, +failures, [why for tally in tallies.values() for why in tally.failures], closed)


def clients(world: World, address: str, count: int) -> Asking:
    """Clients in a project's world, half of which keep their connections."""
    url = f"http://{address}/"
    each = count // 2
    return Asking(world, Target("new", url, clients=each), Target("kept", url, keep_alive=True, clients=each))


def manifests(image: str, program: str) -> list[dict[str, Any]]:
    """What a user writes: both applications with their Services, and the load balancer in front of them.

    Args:
        image: has Python.
        program: the server's text.
    """
    listeners = [
        {"name": name, "protocol": "HTTP", "port": port, "defaultPoolRef": {"name": name}}
        for name, port in ((_APP, 80), (_GATED, _GATED_AT))
    ]
    pods = {"mode": "Endpoints", "drainSeconds": _MEMBER_DRAINS_SECONDS}
    gate = {"readinessGates": [{"conditionType": f"network.infomaniak.cloud/pool-{_GATED}"}]}
    return [
        _body("v1", "ConfigMap", _APP, data={"web_server.py": program}),
        _ours("LoadBalancer", _APP, vip={"networkRef": {"name": "web"}}, listeners=listeners),
        _ours("FloatingIP", _APP, externalNetwork={"networkName": "ext-floating1"}, loadBalancerRef={"name": _APP}),
        *_application(_APP, image, _TOLD_SECONDS, {}, {"mode": "NodePort"}),
        *_application(_GATED, image, _MEMBER_DRAINS_SECONDS + _TOLD_SECONDS, gate, pods),
    ]


def _application(
    name: str, image: str, serves_on: int, of_pod: dict[str, Any], follows: dict[str, Any]
) -> list[dict[str, Any]]:
    """A Deployment with its Service, and the Pool that follows it.

    Args:
        name: of each of them.
        image: has Python.
        serves_on: seconds for which a Pod that is to go serves on as before.
        of_pod: what the Pods' spec has beside.
        follows: how the Pool follows the Service.
    """
    labels = {"app": name}
    container = {
        "name": "web",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["python3", "/app/web_server.py", str(_PORT), str(_DRAIN_SECONDS)],
        "env": [{"name": "VERSION", "value": "old"}],
        "ports": [{"name": "http", "containerPort": _PORT}],
        "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1},
        "lifecycle": {"preStop": {"sleep": {"seconds": serves_on}}},
        "volumeMounts": [{"name": "app", "mountPath": "/app"}],
        "securityContext": _SECURITY,
    }
    spec = {
        "terminationGracePeriodSeconds": 30,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [{"name": "app", "configMap": {"name": _APP}}],
        "containers": [container],
        **of_pod,
    }
    deployment = {
        "replicas": _REPLICAS,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": spec},
    }
    service = {"type": "NodePort", "selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}
    pool = {"loadBalancerRef": {"name": _APP}, "protocol": "HTTP", "algorithm": "ROUND_ROBIN"}
    return [
        _body("apps/v1", "Deployment", name, spec=deployment),
        _body("v1", "Service", name, spec=service),
        _ours("Pool", name, **pool, membersFrom={"serviceRef": {"name": name}, **follows}),
        _ours(
            "HealthMonitor", name, poolRef={"name": name}, type="HTTP", delay=1, timeout=1, maxRetries=2, urlPath="/"
        ),
    ]


def _body(version: str, kind: str, name: str, **rest: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": SHOP}, **rest}


def _ours(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return _body(_API, kind, name, spec={**_CREDENTIALS, **spec})


def prepare(box: Sandbox, cluster: Cluster, tag: str) -> None:
    """Apply both applications; with examples/web applied, for its network. Before `run`, for a health monitor's first minute.

    Args:
        box: with a node that has the image.
        cluster: with the operator, which sees to readiness gates.
        tag: of the image that has Python.
    """
    if "alpha" not in box.data_path.state.projects:
        return
    program = (_HERE / "web_server.py").read_text()
    bodies = {"apiVersion": "v1", "kind": "List", "items": manifests(f"{IMAGE}:{tag}", program)}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(bodies))
    cluster.all_ready()

    def followed() -> bool:
        pool = cluster.json("get", "pool.network.infomaniak.cloud", _GATED, "-n", SHOP)
        return bool(pool["status"].get("memberCount") == _REPLICAS)

    until(followed, "all Pods with a gate are members")
    cluster.all_ready()


def run(box: Sandbox, cluster: Cluster, requests: int, tell: Tell) -> None:
    """All of it, where load balancers carry packets.

    Args:
        box: prepared.
        cluster: prepared.
        requests: how many are to be made, at least, while Pods with a gate are replaced.
        tell: told of each phase.

    Raises:
        StepError: a request failed, or who should have answered did not.
    """
    if "alpha" not in box.data_path.state.projects:
        tell(f"no requests were sent to Pods: the data path is {box.data_path.state}")
        return
    address = cluster.json("get", "floatingip", _APP, "-n", SHOP)["status"]["address"]
    world = box.world("alpha")
    asked = ("curl", "-sS", "--fail", "--max-time", "2", f"http://{address}/")
    until(lambda: world.execute(*asked).stdout == "old", f"a Pod answers at {address}", 60)
    tell(f"a Pool that follows a NodePort: {address} leads to Pods")
    with clients(world, address, _CLIENTS) as asking:
        time.sleep(_STEADY_SECONDS)
        _phase(tell, "  nothing changes", report(asking.take()), {"old"})
        begin = time.monotonic()
        _replace(cluster, _APP, "new")
        _until_rolled(cluster, _APP)
        _phase(tell, f"  a rolling update ({time.monotonic() - begin:.1f} s)", report(asking.take()), {"old", "new"})
        for replicas in (1, _REPLICAS):
            begin = time.monotonic()
            cluster.kubectl("scale", f"deployment/{_APP}", "-n", SHOP, f"--replicas={replicas}")
            _until_rolled(cluster, _APP)
            what = f"  scaled to {replicas} ({time.monotonic() - begin:.1f} s)"
            _phase(tell, what, report(asking.take()), {"new"})
    begin = time.monotonic()
    until(
        lambda: _believed(cluster), "the new health monitor is believed that all Pods with a gate are up", _GATE_SECONDS
    )
    waited = time.monotonic() - begin
    tell(f"a Pool that follows Pods with a readiness gate: all are up (waited {waited:.1f} s more for that)")
    _gated(box, cluster, f"{address}:{_GATED_AT}", requests, tell)


def _gated(box: Sandbox, cluster: Cluster, address: str, requests: int, tell: Tell) -> None:
    """Replace the Pods with a gate, and again until so many requests were made meanwhile."""
    with clients(box.world("alpha"), address, _MANY) as asking:
        time.sleep(_STEADY_SECONDS)
        _phase(tell, "  nothing changes", report(asking.take()), {"old"})
        versions, begin = ["old", "new"], time.monotonic()
        with _hanging(box, "octavia"):
            _replace(cluster, _GATED, versions[-1])
            _nobody_goes(cluster)
        _until_rolled(cluster, _GATED)
        found = report(asking.take(), may_close=True)
        while found.asked < requests:
            versions.append(f"new {len(versions)}")
            _replace(cluster, _GATED, versions[-1])
            _until_rolled(cluster, _GATED)
            found = found.and_then(report(asking.take(), may_close=True))
        updates, seconds = len(versions) - 1, time.monotonic() - begin
        what = f"  {updates} rolling update{'' if updates == 1 else 's'}, at first without Octavia ({seconds:.1f} s)"
        _phase(tell, what, found, set(versions))
    if (passed := _passed(cluster)) != _REPLICAS:
        raise StepError(f"{passed} of {_REPLICAS} Pods have passed the readiness gate")


@contextmanager
def _hanging(box: Sandbox, component: str) -> Iterator[None]:
    """A part of the sandbox answers nothing for as long as this lasts."""
    box.pause(component)
    try:
        yield
    finally:
        box.resume(component)


def _nobody_goes(cluster: Cluster) -> None:
    """Check that no Pod is to go though a new one would be Ready but for its gate.

    Raises:
        StepError: one is.
    """

    def waits() -> list[dict[str, Any]]:
        return [pod for pod in _pods(cluster, _GATED) if _says(pod, "ContainersReady") and not is_ready(pod)]

    until(waits, "a new Pod is ready but for its gate")
    time.sleep(_HELD_SECONDS)
    going = [name(pod) for pod in _pods(cluster, _GATED) if "deletionTimestamp" in pod["metadata"]]
    if going or not waits():
        raise StepError(f"while Octavia answers nothing, a new Pod passes its gate, or others go: {going}")


def _believed(cluster: Cluster) -> bool:
    """Whether all Pods with a gate are Ready, and up by a health monitor whose first minute is over.

    Why their gates are open is not asked: the first Pods may have come before the monitor was made.
    """
    pool = cluster.json("get", "pool.network.infomaniak.cloud", _GATED, "-n", SHOP)
    up = pool["status"].get("onlineMembers") == _REPLICAS
    return up and sum(map(is_ready, _pods(cluster, _GATED))) == _REPLICAS


def _passed(cluster: Cluster) -> int:
    """How many Pods have passed their gate, by the health monitor's word, and are Ready."""
    gate = f"network.infomaniak.cloud/pool-{_GATED}"
    return sum(_says(pod, gate) == "Healthy" and is_ready(pod) for pod in _pods(cluster, _GATED))


def _pods(cluster: Cluster, app: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = cluster.json("get", "pods", "-n", SHOP, "-l", f"app={app}")["items"]
    return found


def _says(pod: dict[str, Any], condition: str) -> str:
    """The reason for which a condition of a Pod is True, where it is; the kubelet gives none for its own."""
    listed = pod["status"].get("conditions", [])
    found = (one for one in listed if one["type"] == condition and one["status"] == "True")
    return next((one.get("reason") or condition for one in found), "")


def _replace(cluster: Cluster, app: str, version: str) -> None:
    """Begin to replace all Pods of an application by others of that version."""
    cluster.kubectl("set", "env", f"deployment/{app}", "-n", SHOP, f"VERSION={version}")


def _until_rolled(cluster: Cluster, app: str) -> None:
    """Until it is as asked for, and those that go are gone."""
    cluster.kubectl("rollout", "status", f"deployment/{app}", "-n", SHOP, "--timeout=120s")
    wanted = cluster.json("get", "deployment", app, "-n", SHOP)["spec"]["replicas"]

    def gone() -> bool:
        return len(_pods(cluster, app)) == wanted

    until(gone, "the Pods that go are gone")


def _phase(tell: Tell, what: str, found: Report, versions: set[str]) -> None:
    tell(f"{what}: {found}")
    if found.failed:
        raise StepError(f"{what.strip()}: requests failed: {found}")
    if found.answers.keys() != versions:
        raise StepError(f"{what.strip()}: {sorted(versions)} should have answered: {found}")
