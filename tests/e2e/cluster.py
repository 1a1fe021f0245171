"""The cluster of the end-to-end test: kubectl and helm, and what is asked of them again and again."""

import base64
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox import Environment

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "infomaniak-operator"
OPERATOR, SHOP = "infomaniak-operator", "shop"
"""Namespaces: of the operator, and of the objects."""
IMAGE = "localhost/infomaniak-operator"
Tell = Callable[[str], None]
_SELECTOR = "app.kubernetes.io/component=operator"


class StepError(Exception):
    """A step did not do what it should; the message says what."""


def until(what: Callable[[], Any], message: str, seconds: float = 90.0) -> Any:
    """Ask again until there is an answer."""
    deadline = time.monotonic() + seconds
    while not (answer := what()):
        if time.monotonic() > deadline:
            raise StepError(f"after {seconds:.0f} s still not: {message}")
        time.sleep(0.2)
    return answer


class Cluster:
    """One cluster, as its administrator sees it."""

    def __init__(self, env: Environment, values: dict[str, Any], folder: Path) -> None:
        self.env = env
        self._values = folder / "values.json"
        self._values.write_text(json.dumps(values))
        self._home = folder

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """What kubectl prints."""
        return self._run(str(self.env.kubectl), f"--kubeconfig={self.env.kubeconfig}", *words, stdin=stdin)

    def json(self, *words: str) -> Any:
        """What ``-o json`` gives."""
        return json.loads(self.kubectl(*words, "-o", "json"))

    def helm(self, *words: str) -> str:
        """What helm prints, in the operator's namespace."""
        return self._run(str(self.env.helm), f"--kubeconfig={self.env.kubeconfig}", "--namespace", OPERATOR, *words)

    def install(self, verb: str, tag: str, chart: Path = CHART, *more: str) -> None:
        """``helm install`` or ``helm upgrade`` of a chart (the present one) with an image and further values, and wait."""
        said = [word for value in (f"image.tag={tag}", *more) for word in ("--set", value)]
        self.helm(verb, OPERATOR, str(chart), "--values", str(self._values), *said, "--wait", "--timeout", "180s")

    def _run(self, *command: str, stdin: str | None = None) -> str:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=400, check=False)
        if done.returncode:
            said = f"{done.stdout}\n{done.stderr}".strip()  # helm test prints the Pod's log as its result
            raise StepError(f"{Path(command[0]).name} {' '.join(command[2:])}: {said}")
        return done.stdout

    def pods(self) -> list[dict[str, Any]]:
        """The operator's Pods that are not about to go."""
        found = self.json("get", "pods", "-n", OPERATOR, "-l", _SELECTOR)["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def settled(self, tag: str) -> list[dict[str, Any]]:
        """The operator's Pods once all old ones are gone and those left are Ready with an image."""

        def now() -> list[dict[str, Any]]:
            every = self.json("get", "pods", "-n", OPERATOR, "-l", _SELECTOR)["items"]
            fine = [pod for pod in every if is_ready(pod) and pod["spec"]["containers"][0]["image"] == f"{IMAGE}:{tag}"]
            return every if len(fine) == len(every) == 2 and self.leader() in {name(pod) for pod in every} else []

        pods: list[dict[str, Any]] = until(now, f"two Ready Pods with the image {tag}, one of which leads")
        return pods

    def holder(self) -> str:
        """Who holds the Lease; empty: nobody. A container that is started anew in the same Pod is somebody else."""
        leases = self.json("get", "leases", "-n", OPERATOR)["items"]
        return next((str(lease["spec"].get("holderIdentity") or "") for lease in leases), "")

    def leader(self) -> str:
        """The holder's Pod."""
        return self.holder().partition("_")[0]

    def watching(self) -> None:
        """Check that no operator lost its watching: it would go on, but only notice things late."""
        for pod in self.pods():
            log = self.kubectl("logs", "-n", OPERATOR, name(pod))
            if ended := [line for line in log.splitlines() if "the watching ended" in line]:
                raise StepError(f"the watching of {name(pod)} ended {len(ended)} times: {ended[0]}")

    def objects(self) -> list[dict[str, Any]]:
        """The operator's objects."""
        found: list[dict[str, Any]] = self.json("get", "infomaniak", "-n", SHOP)["items"]
        return found

    def ids(self) -> dict[str, str]:
        """Their ids in the cloud."""
        return {f"{one['kind']}/{name(one)}": one["status"].get("id", "") for one in self.objects()}

    def all_ready(self, seconds: float = 120.0) -> None:
        """Wait until each is Ready for what its spec says now."""

        def now() -> bool:
            found = self.objects()
            return bool(found) and all(is_ready(one) and is_current(one) for one in found)

        until(now, "all objects Ready", seconds)

    def namespace(self, called: str) -> None:
        """Make one that admits only Pods that keep to the standard "restricted"."""
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": called, "labels": labels}}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(body))

    def credentials(self, clouds_yaml: str, called: str = "infomaniak") -> None:
        """A labelled Secret; the examples name `infomaniak`."""
        metadata = {"name": called, "labels": {"network.infomaniak.cloud/credentials": "true"}}
        data = {"clouds.yaml": base64.b64encode(clouds_yaml.encode()).decode()}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
        self.kubectl("apply", "-n", SHOP, "-f", "-", stdin=json.dumps(body))


def name(body: dict[str, Any]) -> str:
    """An object's name."""
    return str(body["metadata"]["name"])


def uid_of(body: dict[str, Any]) -> str:
    """An object's UID."""
    return str(body["metadata"]["uid"])


def is_ready(body: dict[str, Any]) -> bool:
    """Whether its condition Ready is True."""
    conditions = body.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def is_current(body: dict[str, Any]) -> bool:
    """Whether its status is about its present spec."""
    return bool(body["status"].get("observedGeneration") == body["metadata"]["generation"])
