"""From the last release's chart to the present one and back, on a real API server: no object and no field is lost.

There is no node, so what Pods make of it is `make e2e-node`'s to show.
"""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from infomaniak_operator.api.common import PAUSED
from release import kept
from release.chart import CHART, ROOT, Chart, ChartError
from sandbox import Environment, Sandbox
from tests.integration.chart.conftest import documents
from tests.support.box import kubectl
from tests.support.crds import Server, install_crds, sample
from tests.support.running import shared

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")

GONE: Mapping[str, str] = {}
"""What the last release's chart installs and the present one does not ("Kind/name"), and why: an upgrade deletes it."""
FIXED = {"Deployment": ("spec", "selector"), "RoleBinding": ("roleRef",), "ClusterRoleBinding": ("roleRef",)}
"""What Kubernetes lets nobody change of an object that is there."""
RELEASE = "grows"
VALUES = {"replicas": 3, "commonLabels": {"team": "platform"}, "operator": {"logLevel": "DEBUG"}}
OLD_CRDS = kept.crds()
OLD_NAMES = {body["metadata"]["name"] for body in OLD_CRDS}
PRESENT_CRDS = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "crds").glob("*.yaml"))]


@pytest.fixture(scope="session")
def released() -> Chart:
    """The last release's chart."""
    return Chart(path=kept.package())


def named(body: Mapping[str, Any]) -> str:
    return f"{body['kind']}/{body['metadata']['name']}"


def installed(text: str) -> dict[str, dict[str, Any]]:
    """What of a chart stays in the cluster: not the Pod of ``helm test``."""
    hook = "helm.sh/hook"
    return {named(each): each for each in documents(text) if hook not in each["metadata"].get("annotations", {})}


def fixed(body: Mapping[str, Any]) -> Any:
    part: Any = body
    for word in FIXED.get(body["kind"], ()):
        part = part[word]
    return part if body["kind"] in FIXED else None


def test_the_last_releases_values_are_taken_and_give_the_same_objects(chart: Chart, released: Chart) -> None:
    gone = set()
    for values in ([], *([path] for path in kept.values())):
        old, new = (
            installed(each.render(values, release=RELEASE, namespace="somewhere")) for each in (released, chart)
        )
        gone |= old.keys() - new.keys()
        for name in old.keys() & new.keys():
            assert fixed(new[name]) == fixed(old[name]), (values, name)
    assert gone == set(GONE)


def test_every_value_of_the_last_release_is_taken(chart: Chart, tmp_path: Path) -> None:
    every = tmp_path / "values.yaml"
    every.write_text(kept.defaults())
    assert documents(chart.render([every]))


def test_a_value_that_is_gone_would_be_noticed(tmp_path: Path) -> None:
    shutil.copytree(CHART, tmp_path / "chart")
    path = tmp_path / "chart" / "values.schema.json"
    schema = json.loads(path.read_text())
    del schema["properties"]["metrics"]["properties"]["podMonitor"]
    path.write_text(json.dumps(schema))
    with pytest.raises(ChartError, match="podMonitor"):
        Chart(path=tmp_path / "chart").render(kept.values()[:1])


@dataclass(frozen=True)
class Hands:
    """Those of the cluster's administrator, and of a user in a namespace.

    Attributes:
        env: the cluster.
        home: the release's namespace.
        namespace: the user's.
    """

    env: Environment
    home: str
    namespace: str

    def helm(self, *words: str) -> None:
        command = [str(self.env.helm), f"--kubeconfig={self.env.kubeconfig}", "--namespace", self.home, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"helm {' '.join(words)}: {done.stderr}"

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        return kubectl(self.env, "--namespace", self.namespace, *words, stdin=stdin)

    def json(self, *words: str, stdin: str | None = None) -> list[dict[str, Any]]:
        return list(json.loads(self.kubectl(*words, "-o", "json", stdin=stdin))["items"])

    def crds(self, wanted: Sequence[Mapping[str, Any]] = OLD_CRDS) -> list[dict[str, Any]]:
        return self.json("get", *(f"crd/{body['metadata']['name']}" for body in wanted), "--show-managed-fields")

    def only_helm_owns_the_crds(self) -> None:
        """As in a cluster where nothing but helm ever applied them: other tests did, by kubectl."""
        for crd in self.crds():
            fields = crd["metadata"]["managedFields"]
            owners = [each for each in fields if each["manager"] == "helm" or each.get("subresource") == "status"]
            patch = json.dumps([{"op": "replace", "path": "/metadata/managedFields", "value": owners}])
            self.kubectl("patch", named(crd), "--type=json", "-p", patch)

    def objects(self) -> dict[str, dict[str, Any]]:
        """The user's objects, whole."""
        kinds = ",".join(body["metadata"]["name"] for body in OLD_CRDS)
        return {named(body): body for body in self.json("get", kinds)}

    def uids(self, manifest: str) -> dict[str, str]:
        """Those of what there is of a manifest's objects."""
        there = self.json("get", "--namespace", self.home, "--ignore-not-found", "-f", "-", stdin=manifest)
        return {named(body): body["metadata"]["uid"] for body in there}

    def apply(self, bodies: Sequence[Mapping[str, Any]], *words: str) -> None:
        text = yaml.safe_dump_all(bodies)
        said = self.kubectl("apply", "--server-side", "--validate=strict", *words, "-f", "-", stdin=text)
        assert said.count("serverside-applied") == len(said.splitlines()) == len(bodies), said


@pytest.fixture
def hands(box: Sandbox, env: Environment, namespace: str) -> Iterator[Hands]:
    """As where the last release was never followed by another: no kind that it does not have.

    The release is gone afterwards, and the CRDs are the present ones.
    """
    shared(box).end()  # an operator would wait for the kinds that go
    for body in PRESENT_CRDS:
        if (name := body["metadata"]["name"]) not in OLD_NAMES:
            kubectl(env, "delete", "crd", name, "--ignore-not-found", "--timeout=60s")
    made = Hands(env, f"grows-{uuid.uuid4().hex[:8]}", namespace)
    kubectl(env, "create", "namespace", made.home)
    yield made
    try:
        made.helm("uninstall", RELEASE, "--ignore-not-found")
    finally:
        install_crds(env)
        kubectl(env, "delete", "namespace", made.home, "--wait=false")


def written() -> list[dict[str, Any]]:
    """The last release's examples. No operator that happens to run is to touch them."""
    bodies = kept.objects()
    for body in bodies:
        body["metadata"]["annotations"] = {PAUSED: "true"}
    return bodies


def renamed(bodies: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found = copy.deepcopy(list(bodies))
    for body in found:
        body["metadata"]["name"] += "-anew"
    return found


def schemas(crds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {f"{named(crd)} {each['name']}": each["schema"] for crd in crds for each in crd["spec"]["versions"]}


def stored_as_said(crds: Sequence[Mapping[str, Any]]) -> None:
    for crd in crds:
        (storage,) = (each["name"] for each in crd["spec"]["versions"] if each["storage"])
        assert crd["status"]["storedVersions"] == [storage]
        conditions = {each["type"]: each["status"] for each in crd["status"]["conditions"]}
        assert conditions == {"NamesAccepted": "True", "Established": "True"}


def test_upgrade_and_rollback_lose_nothing(hands: Hands, chart: Chart, released: Chart, tmp_path: Path) -> None:
    file = tmp_path / "values.json"
    file.write_text(json.dumps(VALUES))
    given = ("--values", str(file))
    manifests = [
        yaml.safe_dump_all(installed(each.render([file], release=RELEASE, namespace=hands.home)).values())
        for each in (released, chart)
    ]

    hands.helm("install", RELEASE, str(kept.package()), *given, "--take-ownership", "--force-conflicts")
    hands.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    hands.only_helm_owns_the_crds()
    old_crds = hands.crds()
    assert schemas(old_crds) == schemas(OLD_CRDS)
    bodies = written()
    hands.apply(bodies)
    user = Server(hands.env, hands.namespace)
    for crd in OLD_CRDS:
        status = sample(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"])
        user.set_status(crd["spec"]["names"]["kind"], "reference", status)
    objects, uids = hands.objects(), hands.uids(manifests[0])
    assert len(objects) == len(bodies)
    assert uids.keys() == {named(body) for body in documents(manifests[0])}

    for words, manifest, wanted in (
        (("upgrade", RELEASE, str(CHART), *given), manifests[1], PRESENT_CRDS),
        (("rollback", RELEASE, "1"), manifests[0], OLD_CRDS),
        (("upgrade", RELEASE, str(CHART), *given), manifests[1], PRESENT_CRDS),  # the new kinds' CRDs have stayed
    ):
        hands.helm(*words)
        crds, there = hands.crds(), hands.uids(manifest)
        assert {named(crd): crd["metadata"]["uid"] for crd in crds} == {
            named(crd): crd["metadata"]["uid"] for crd in old_crds
        }
        assert {name: there.get(name) for name in uids.keys() - set(GONE)} == {
            name: uid for name, uid in uids.items() if name not in GONE
        }
        present = hands.crds(wanted)
        assert schemas(present) == schemas(wanted), words
        stored_as_said(present)
        assert hands.objects() == objects, words
        hands.apply(bodies, "--dry-run=server")
        # Of an object that is there a field that is no longer valid is let through while it stays as it is.
        hands.apply(renamed(bodies), "--dry-run=server")
