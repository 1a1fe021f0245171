"""One table of how objects stand, and what the real tools make of each: Argo CD, kstatus, kubectl and helm."""

import json
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from infomaniak_operator.api.registry import KINDS
from sandbox import Environment
from tests.support.box import kubectl
from tests.support.crds import install_crds
from tests.support.gitops import SETTINGS, GitOps
from tests.support.statuses import CURRENT, TABLE, Standing

pytestmark = pytest.mark.slow

ON_SERVER = [row for row in TABLE if row.on_server]
# Of what is written into the cluster here nobody takes care: an operator would.
HOLD = "test.infomaniak.cloud/hold"


def by_name(of: Callable[[Standing], Any], rows: list[Standing] | tuple[Standing, ...] = TABLE) -> dict[str, Any]:
    return {row.name: of(row) for row in rows}


def test_argo_cd_and_kstatus(gitops: GitOps) -> None:
    found = dict(zip((row.name for row in TABLE), gitops.health([row.body() for row in TABLE]), strict=True))
    assert by_name(lambda row: found[row.name]["argocd"]["status"]) == by_name(lambda row: row.argocd)
    assert by_name(lambda row: found[row.name]["kstatus"]["status"]) == by_name(lambda row: row.kstatus)
    wrong = {
        row.name: found[row.name]["argocd"]["message"]
        for row in TABLE
        if row.says not in found[row.name]["argocd"]["message"]
    }
    assert wrong == {}


def test_argo_cd_knows_every_kind(gitops: GitOps) -> None:
    rows = [row for row in TABLE if row.name in ("Ready", "just applied")]
    for kind in KINDS:
        found = gitops.health([{**row.body(), "kind": kind} for row in rows])
        assert [each["argocd"]["status"] for each in found] == [row.argocd for row in rows], kind
    (other,) = gitops.health([{**rows[0].body(), "kind": "Unknown"}])
    assert other["argocd"]["message"] == "no check"


def test_the_checks_are_added_beside_the_settings_that_are_there(env: Environment, namespace: str) -> None:
    there = {"admin.enabled": "false", "resource.customizations": "argoproj.io/Application: {}\n"}
    labels = {"app.kubernetes.io/name": "argocd-cm", "app.kubernetes.io/part-of": "argocd"}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm", "labels": labels}, "data": there}
    kubectl(env, "apply", "-n", namespace, "-f", "-", stdin=json.dumps(body))
    patch = ("patch", "configmap", "argocd-cm", "-n", namespace, "--type=merge")
    kubectl(env, *patch, f"--patch-file={SETTINGS}")
    data = json.loads(kubectl(env, "get", "configmap", "argocd-cm", "-n", namespace, "-o", "json"))["data"]
    assert {name: data[name] for name in there} == there
    assert len(data) == len(there) + len(KINDS)


class Shelf:
    """A namespace in which every row of the table is an object, as the operator left it."""

    def __init__(self, env: Environment, namespace: str, folder: Path) -> None:
        self.env = env
        self.namespace = namespace
        self._folder = folder

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        return kubectl(self.env, "-n", self.namespace, *arguments, stdin=stdin, check=check)

    def helm(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.env.helm), f"--kubeconfig={self.env.kubeconfig}", "-n", self.namespace, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    def put(self, number: int, row: Standing) -> None:
        """Install the row's object by a chart of its own, and write its status as the operator did."""
        body, name = row.body(), f"row-{number}"
        meta = {"name": name, "finalizers": [HOLD]}
        wanted = {**{field: body[field] for field in ("apiVersion", "kind", "spec")}, "metadata": meta}
        chart = self._folder / name
        (chart / "templates").mkdir(parents=True)
        (chart / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: 0.1.0\n")
        (chart / "templates" / "object.yaml").write_text(json.dumps(wanted))
        done = self.helm("install", name, str(chart))
        assert done.returncode == 0, done.stderr
        what = f"{body['kind']}/{name}".lower()
        deleting = "deletionTimestamp" in body["metadata"]
        if deleting:
            body["metadata"]["generation"] = body["status"]["observedGeneration"]
        if body["metadata"]["generation"] > 1:
            # A generation ago it was another; helm finds it as its chart has it.
            for text in ("another still", body["spec"].get("description", "")):
                self.kubectl("patch", what, "--type=merge", "-p", json.dumps({"spec": {"description": text}}))
        self._write(what, body)
        if deleting:
            self.kubectl("delete", what, "--wait=false")

    def _write(self, what: str, body: dict[str, Any]) -> None:
        there = json.loads(self.kubectl("get", what, "-o", "json"))["metadata"]["generation"]
        ahead = there - body["metadata"]["generation"]
        status = _later(body["status"], ahead)
        if status["observedGeneration"] > 0:
            self.kubectl("patch", what, "--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))

    def waited(self, number: int, row: Standing) -> bool:
        what = f"{row.body()['kind']}/row-{number}".lower()
        return "condition met" in self.kubectl("wait", "--for=condition=Ready", "--timeout=1s", what, check=False)

    def upgraded(self, number: int) -> bool:
        name = f"row-{number}"
        done = self.helm("upgrade", name, str(self._folder / name), "--wait", "--timeout=6s")
        # A failure for any other reason than not being there yet is none of the table's.
        assert done.returncode == 0 or re.search(r"status: (InProgress|Terminating|Failed)", done.stderr), done.stderr
        return done.returncode == 0


def _later(status: dict[str, Any], by: int) -> dict[str, Any]:
    """The same status of an object that is so many generations older."""
    moved = {**status, "conditions": [dict(each) for each in status.get("conditions", ())]}
    for each in (moved, *moved["conditions"]):
        if each["observedGeneration"] > 0:
            each["observedGeneration"] += by
    return moved


@pytest.fixture(scope="module")
def shelf(env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    install_crds(env)
    namespace = f"health-{uuid.uuid4().hex[:8]}"
    kubectl(env, "create", "namespace", namespace)
    shelf = Shelf(env, namespace, tmp_path_factory.mktemp("charts"))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(shelf.put, range(len(ON_SERVER)), ON_SERVER))
    yield shelf
    there = json.loads(shelf.kubectl("get", "infomaniak", "-o", "json"))["items"]
    for body in there:
        what = f"{body['kind']}/{body['metadata']['name']}".lower()
        shelf.kubectl("patch", what, "--type=merge", "-p", '{"metadata": {"finalizers": null}}')
    kubectl(env, "delete", "namespace", namespace, "--wait=false")


def test_kubectl_wait(shelf: Shelf) -> None:
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(by_name(bool, ON_SERVER), pool.map(shelf.waited, range(len(TABLE)), ON_SERVER), strict=True))
    assert found == by_name(lambda row: row.ready, ON_SERVER)


def test_helm_wait(shelf: Shelf) -> None:
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(by_name(bool, ON_SERVER), pool.map(shelf.upgraded, range(len(ON_SERVER))), strict=True))
    assert found == by_name(lambda row: row.kstatus == CURRENT, ON_SERVER)


def test_the_cluster_has_what_the_table_says(shelf: Shelf, gitops: GitOps) -> None:
    there = json.loads(shelf.kubectl("get", "infomaniak", "-o", "json"))["items"]
    there.sort(key=lambda body: int(body["metadata"]["name"].removeprefix("row-")))
    found = [each["argocd"]["status"] for each in gitops.health(there)]
    assert dict(zip(by_name(bool, ON_SERVER), found, strict=True)) == by_name(lambda row: row.argocd, ON_SERVER)
