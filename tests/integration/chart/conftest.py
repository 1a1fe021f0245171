"""The chart, rendered by helm and put into the sandbox's Kubernetes; there is no node, so the operator is a process."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.operator import OperatorProcess
from release.chart import Chart
from sandbox import Environment, Sandbox
from tests.support.box import kubectl
from tests.support.running import installed

RELEASE = "net"
NAME = "net-infomaniak-operator"
INSTALLED = (
    "CustomResourceDefinition",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)
"""What of the chart works without a node; the CRDs stay for the tests that follow."""


@dataclass(frozen=True)
class Release:
    """The chart as installed.

    Attributes:
        namespace: its own.
        objects: everything that was rendered.
        process: the operator, with the arguments of the Deployment.
    """

    namespace: str
    objects: Sequence[Mapping[str, Any]]
    process: OperatorProcess

    @property
    def user(self) -> str:
        """The operator's name for the API server."""
        return f"system:serviceaccount:{self.namespace}:{NAME}"


Install = Callable[..., AbstractContextManager[Release]]


@pytest.fixture(scope="session")
def chart() -> Chart:
    return Chart()


@pytest.fixture
def install(box: Sandbox, env: Environment, chart: Chart, tmp_path: Path) -> Iterator[Install]:
    """Installs the chart with values (``key=JSON``); ends with the test."""
    with ExitStack() as stack:

        @contextmanager
        def release(*sets: str) -> Iterator[Release]:
            namespace = f"chart-{uuid.uuid4().hex[:8]}"
            ports = [f"metrics.port={free_port()}", f"health.port={free_port()}", 'operator.logLevel="DEBUG"']
            where = f'credentials.allowedAuthURLs=["{env.auth_url}"]'
            text = chart.render((), [where, *ports, *sets], release=RELEASE, namespace=namespace)
            objects = documents(text)
            put = [each for each in objects if each["kind"] in INSTALLED]
            kubectl(env, "create", "namespace", namespace)
            stack.callback(kubectl, env, "delete", "namespace", namespace, "--wait=false")
            stack.callback(lambda: removed(env, put))

            def prepared() -> Path:
                manifest = yaml.safe_dump_all(put)
                kubectl(env, "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=manifest)
                kubectl(env, "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
                return box.service_account_kubeconfig(namespace, NAME)

            with installed(box, tmp_path, prepared, arguments(objects)[1:]) as process:
                yield Release(namespace, objects, process)

        yield release


def documents(text: str) -> list[dict[str, Any]]:
    """The objects of a text of YAML."""
    return [each for each in yaml.safe_load_all(text) if each]


def one(objects: Sequence[Mapping[str, Any]], kind: str) -> Mapping[str, Any]:
    """The only object of a kind."""
    (found,) = (each for each in objects if each["kind"] == kind)
    return found


def arguments(objects: Sequence[Mapping[str, Any]]) -> list[str]:
    """The arguments of the Deployment's container."""
    (container,) = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    return [str(each) for each in container["args"]]


def removed(env: Environment, objects: Sequence[Mapping[str, Any]]) -> None:
    """Delete what was installed, but for the CRDs: a right that is left over would hide one that is missing."""
    manifest = yaml.safe_dump_all(each for each in objects if each["kind"] != "CustomResourceDefinition")
    kubectl(env, "delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=manifest)


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
