"""What docs/gitops.md shows is taken by Argo CD's and Flux's own CRDs, to the last field."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import Environment
from tests.support.box import kubectl, until
from tests.support.gitops import ROOT, go_module

pytestmark = pytest.mark.slow

FLUX = "github.com/fluxcd/kustomize-controller@v1.9.6"
ARGO = "github.com/argoproj/argo-cd/v3@v3.5.7"
SHOWN = [
    body
    for block in re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "gitops.md").read_text(), re.DOTALL)
    for body in yaml.safe_load_all(block)
]


@pytest.fixture(scope="module")
def tools(env: Environment) -> Iterator[Environment]:
    """The API server with both tools' CRDs."""
    flux = go_module(FLUX) / "config" / "crd" / "bases" / "kustomize.toolkit.fluxcd.io_kustomizations.yaml"
    crds: list[Path] = [go_module(ARGO) / "manifests" / "crds" / "application-crd.yaml", flux]
    for crd in crds:
        kubectl(env, "apply", "--server-side", "-f", str(crd))
        # kubectl wait fails where there are no conditions yet.
        wait = ("wait", "--for=condition=Established", "-f", str(crd), "--timeout=30s")
        until(lambda wait=wait: "condition met" in kubectl(env, *wait, check=False), f"{crd.name} is established")
    yield env
    for crd in crds:
        kubectl(env, "delete", "-f", str(crd))


def taken(env: Environment, namespace: str, body: dict[str, Any], *, check: bool = True) -> str:
    body = {**body, "metadata": {**body["metadata"], "namespace": namespace}}
    strict = ["--server-side", "--dry-run=server", "--validate=strict"]
    return kubectl(env, "apply", *strict, "-f", "-", stdin=yaml.safe_dump(body), check=check)


def test_there_is_one_for_the_operator_one_for_objects_and_one_for_flux() -> None:
    kinds = [f"{body['kind']}/{body['metadata']['name']}" for body in SHOWN]
    assert kinds == ["Application/infomaniak-operator", "Application/shop", "Kustomization/shop"]


@pytest.mark.parametrize("body", SHOWN, ids=lambda body: f"{body['kind']}-{body['metadata']['name']}")
def test_it_is_taken(tools: Environment, namespace: str, body: dict[str, Any]) -> None:
    assert "serverside-applied" in taken(tools, namespace, body)
    wrong = {**body, "spec": {**body["spec"], "isNoField": True}}
    assert "isNoField" in taken(tools, namespace, wrong, check=False)


def test_the_operators_leads_to_the_chart_and_its_values() -> None:
    source = SHOWN[0]["spec"]["source"]
    assert (ROOT / source["path"] / "Chart.yaml").exists()
    known = yaml.safe_load((ROOT / source["path"] / "values.yaml").read_text())
    for section, values in source["helm"]["valuesObject"].items():
        assert set(values) <= set(known[section])
