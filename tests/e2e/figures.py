"""What is measured: the image's size, how fast a Pod starts, how much memory it takes at rest."""

import datetime as dt
import json
import time
from pathlib import Path
from typing import Any

from sandbox import images
from tests.e2e.cluster import IMAGE, OPERATOR, Cluster, StepError, name, until

_MOST_MB = 60.0
"""Of the whole image; the operator alone, on a base of Debian and Python, once was as much."""


def size(archive: Path) -> str:
    """How large the image is; too much is a failure."""
    layers = [each / 1e6 for each in images.layer_sizes(archive)]
    if sum(layers) > _MOST_MB:
        raise StepError(f"the image has {sum(layers):.1f} MB (compressed); at most {_MOST_MB:.0f} are wanted")
    parts = " and ".join(f"{each:.1f} MB" for each in layers)
    return f"image: {sum(layers):.1f} MB compressed, in layers of {parts} (wanted: at most {_MOST_MB:.0f})"


def version(cluster: Cluster) -> str:
    """A Pod of the image that prints its version, within the rules."""
    cluster.namespace(OPERATOR)
    until(lambda: "default" in cluster.kubectl("get", "serviceaccounts", "-n", OPERATOR), "the ServiceAccount default")
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}
    container = {"name": "version", "image": f"{IMAGE}:one", "imagePullPolicy": "Never", "args": ["version"]}
    spec = {
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{**container, "securityContext": security}],
    }
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "version", "namespace": OPERATOR}, "spec": spec}
    begin = time.monotonic()
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(pod))

    def phase() -> str:
        return str(cluster.json("get", "pod", "version", "-n", OPERATOR)["status"].get("phase"))

    until(lambda: phase() in {"Succeeded", "Failed"}, "the Pod `version` has ended")
    seconds, said = time.monotonic() - begin, cluster.kubectl("logs", "version", "-n", OPERATOR).strip()
    if phase() != "Succeeded":
        raise StepError(f"the Pod `version` failed: {said}")
    cluster.kubectl("delete", "pod", "version", "-n", OPERATOR, "--wait=true")
    return f"a Pod of the image says its version, {said}, and is done {seconds:.1f} s after it was asked for"


def start(cluster: Cluster) -> str:
    """How long the operator's Pods took, from their containers' start to Ready: in whole seconds, as Kubernetes notes."""
    took = []
    for pod in cluster.pods():
        ready = next(one for one in pod["status"]["conditions"] if one["type"] == "Ready")
        began = pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
        took.append((_at(ready["lastTransitionTime"]) - _at(began)).total_seconds())
    return f"from a container's start to Ready: {' and '.join(f'{seconds:.0f} s' for seconds in sorted(took))}"


def _at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def memory(cluster: Cluster, stats: dict[str, Any]) -> str:
    """What the Pods take, as the kubelet measures it."""
    wanted = {name(pod): "waits" for pod in cluster.pods()}
    wanted[cluster.leader()] = "leads"
    found = []
    for pod in stats["pods"]:
        about = pod["containers"][0]["memory"] if pod.get("containers") else {}
        if (role := wanted.get(pod["podRef"]["name"])) and "rssBytes" in about:
            found.append(f"{about['rssBytes'] / 2**20:.0f} MiB ({role})")
    return f"memory of the Pods (RSS): {', '.join(sorted(found)) or 'not measured yet'}"
