"""An operator running as its own process against the sandbox, and a user's hands: kubectl and a second pair of eyes."""

from __future__ import annotations

import fcntl
import functools
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from demo.flow import OPERATOR_NAMESPACE, ROOT, credentials_secret, operations
from demo.kubectl import TYPES, Kubectl
from demo.operator import OperatorProcess
from demo.show import ready
from infomaniak_operator.client import Operations
from infomaniak_operator.controller.kube.kube_api import SECRETS, NotFound
from infomaniak_operator.controller.kube.kube_http import HttpKube, loader
from sandbox import Environment, Project, Sandbox
from tests.support.box import until
from tests.support.canary import Canary
from tests.support.extras import having

USER = f"system:serviceaccount:{OPERATOR_NAMESPACE}:infomaniak-operator"

_RESOURCES = {**TYPES, "secret": SECRETS}


class User:
    """What a user of the cluster does, in one namespace."""

    def __init__(self, env: Environment, namespace: str, project: Project) -> None:
        self.kubectl = Kubectl(env.kubectl, env.kubeconfig)
        self._kube = HttpKube(loader(env.kubeconfig), time.monotonic)
        self.namespace = namespace
        self.project = project
        self.cloud: Operations = operations(project, env.auth_url)

    def apply(self, body: Mapping[str, Any] | str) -> None:
        self.kubectl.apply_text(body if isinstance(body, str) else json.dumps(body), self.namespace)

    def credentials(self, name: str = "infomaniak", project: Project | None = None) -> None:
        self.apply(credentials_secret(project or self.project, name))

    def get(self, kind: str, name: str) -> dict[str, Any] | None:
        """The object, or None. Not by kubectl: it is asked ten times a second while something is awaited."""
        try:
            return dict(self._kube.get(_RESOURCES[kind], self.namespace, name))
        except NotFound:
            return None

    def condition(self, kind: str, name: str, condition: str) -> dict[str, Any]:
        body = self.get(kind, name) or {}
        conditions = (body.get("status") or {}).get("conditions") or ()
        return next((c for c in conditions if c["type"] == condition), {})

    def until_ready(self, kind: str, name: str, seconds: float = 60.0) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            body = self.get(kind, name)
            return body if body and ready(body) else None

        try:
            return until(look, f"{kind} {name} Ready", seconds)
        except AssertionError as error:
            raise AssertionError(
                f"{error}: {json.dumps((self.get(kind, name) or {}).get('status'), indent=1)}"
            ) from None

    def until_condition(self, kind: str, name: str, condition: str, **wanted: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found = self.condition(kind, name, condition)
            return found if found and all(found.get(k) == v for k, v in wanted.items()) else None

        return until(look, f"{kind} {name} {condition} {wanted}; it is {self.condition(kind, name, condition)}")

    def delete(self, kind: str, name: str, *, wait: bool = True) -> None:
        self.kubectl.run("delete", kind, name, "-n", self.namespace, f"--wait={str(wait).lower()}", "--timeout=90s")

    def annotate(self, kind: str, name: str, **annotations: str) -> None:
        pairs = [f"network.infomaniak.cloud/{key.replace('_', '-')}={value}" for key, value in annotations.items()]
        self.kubectl.run("annotate", "--overwrite", kind, name, "-n", self.namespace, *pairs)

    def patch(self, kind: str, name: str, spec: Mapping[str, Any]) -> None:
        body = json.dumps({"spec": spec})
        self.kubectl.run("patch", kind, name, "-n", self.namespace, "--type=merge", "-p", body)

    def networks(self) -> list[dict[str, Any]]:
        return list(self.cloud.networks.list(project_id=self.project.id))

    def subnets(self, network_id: str) -> list[dict[str, Any]]:
        return list(self.cloud.subnets.list(network_id=network_id))

    def events(self, name: str) -> list[tuple[str, str]]:
        listed = self.kubectl.json("get", "events", "-n", self.namespace)["items"]
        return [(e["reason"], e.get("message", "")) for e in listed if e["involvedObject"]["name"] == name]


def network(name: str, /, **spec: Any) -> dict[str, Any]:
    """An InfomaniakNetwork with the credentials of ``User.credentials``."""
    return {
        "apiVersion": "network.infomaniak.cloud/v1alpha1",
        "kind": "InfomaniakNetwork",
        "metadata": {"name": name},
        "spec": {"cloudCredentialsRef": {"secretName": "infomaniak", "cloudName": "infomaniak"}, **spec},
    }


@contextmanager
def operator(box: Sandbox, folder: Path, *arguments: str) -> Iterator[OperatorProcess]:
    """An operator with the rights of its ServiceAccount and no others; CRDs and RBAC are applied."""

    def install() -> Path:
        kubectl = Kubectl(box.environment.kubectl, box.environment.kubeconfig)
        kubectl.apply(ROOT / "crds", ROOT / "deploy")
        kubectl.run("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        return box.service_account_kubeconfig(OPERATOR_NAMESPACE, "infomaniak-operator")

    with installed(box, folder, install, ["--allowed-auth-url", box.environment.auth_url, *arguments]) as process:
        yield process


@contextmanager
def installed(
    box: Sandbox, folder: Path, install: Callable[[], Path], arguments: Sequence[str]
) -> Iterator[OperatorProcess]:
    """An operator with these arguments of ``run``, and the rights of the kubeconfig that ``install`` gives."""
    with _alone(box):
        process = OperatorProcess(folder, install(), arguments, tell_all(folder))
        process.start()
        try:
            yield process
            told_nothing(box.environment, process)
        finally:
            process.stop()
            Canary.of(box.environment).folder(folder, "what the operator wrote")


def tell_all(folder: Path) -> dict[str, str]:
    """The environment of an operator whose log, metrics and temporary files are looked through at its end.

    It does not poll health unless an argument says so: tests tell by its calls whether a reconcile has looked.
    """
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    log = {"INFOMANIAK_OPERATOR_LOG_LEVEL": "DEBUG", "TMPDIR": str(folder / "tmp")}
    log["INFOMANIAK_OPERATOR_HEALTH_POLL_SECONDS"] = "0"
    return {**log, "INFOMANIAK_OPERATOR_METRICS_ADDRESS": "127.0.0.1:0"}


def told_nothing(env: Environment, process: OperatorProcess) -> None:
    """No secret is in what everybody may see of an operator that runs.

    Raises:
        SecretFoundError: one is.
    """
    pid = process.pid()
    if pid is None:
        return  # the test has ended it
    canary = Canary.of(env)
    canary.process(pid, "the operator's process")

    canary.metrics(f"127.0.0.1:{metrics_port(process)}")


def metrics_port(process: OperatorProcess) -> str:
    """Where an operator that has started serves its metrics."""

    def served() -> str | None:
        # Not what a former process of the same folder has said: nobody listens there any more.
        said = process.log.read_bytes()[process.log_begins :].decode(errors="replace")
        ports = re.findall(r"/metrics.* on port (\d+)", said)
        return ports[-1] if ports else None

    return until(served, "the operator says where its metrics are", 30.0)


ShareT = TypeVar("ShareT")


class Shared:
    """What tests that follow each other share of a sandbox: an operator, and what was set up for it.

    A fixture for a whole folder of tests is not that: pytest ends it with the session, where the folder is no package.
    Two such fixtures of one process would wait for each other for ever, for only one operator may run on a cluster.
    """

    def __init__(self) -> None:
        self._name = ""
        self._value: Any = None
        self._open = ExitStack()

    def use(self, name: str, make: Callable[[], AbstractContextManager[ShareT]]) -> ShareT:
        """What is shared under that name: as it is, else made, once what is there under another name has ended."""
        if name != self._name:
            self.end()
            self._value = self._open.enter_context(make())
            self._name = name
        value: ShareT = self._value
        return value

    def end(self) -> None:
        """End it."""
        self._name, self._value = "", None
        self._open.close()


@functools.cache
def shared(box: Sandbox) -> Shared:
    """What is shared of a sandbox in this process."""
    del box
    return Shared()


def started(box: Sandbox, name: str, make: Callable[[], AbstractContextManager[OperatorProcess]]) -> OperatorProcess:
    """The operator of that name, which tests share. It runs, though the test before may have stopped it.

    Args:
        box: the sandbox.
        name: what it is called among what is shared.
        make: makes it where another one is shared now, which then ends.
    """
    process = shared(box).use(name, make)
    process.start()
    return process


@contextmanager
def _alone(box: Sandbox) -> Iterator[None]:
    """Two operators of one cluster would make everything twice: a second test run on the same sandbox waits."""
    shared(box).end()
    with (box.state / "operator.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def beside_barbican(box: Sandbox, folder: Path) -> Iterator[OperatorProcess]:
    """An operator, in a sandbox that has Barbican for as long."""
    with having(box, "barbican"), operator(box, folder, "--create-grace-seconds=4") as process:
        yield process
