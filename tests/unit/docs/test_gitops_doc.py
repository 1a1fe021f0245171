"""docs/gitops.md has the table that the tools were asked for, and manifests that go with what it says of them."""

import re
from pathlib import Path

import pytest
import yaml

from infomaniak_operator.api.argocd import health_settings
from infomaniak_operator.api.kind import GROUP
from infomaniak_operator.api.registry import KINDS
from tests.support.statuses import DEGRADED, FAILED, TABLE, Standing, table

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "gitops.md").read_text()
EXAMPLES = {
    body["kind"]: body for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) for body in [yaml.safe_load(text)]
}


def test_the_table_is_the_tests() -> None:
    assert table() in PAGE


def test_the_application_does_as_the_page_says() -> None:
    application = EXAMPLES["Application"]
    assert application["metadata"]["finalizers"] == ["resources-finalizer.argocd.argoproj.io"]
    policy = application["spec"]["syncPolicy"]
    assert policy["automated"] == {"prune": True, "selfHeal": True}
    assert set(policy["syncOptions"]) == {"ServerSideApply=true", "PruneLast=true", "ApplyOutOfSyncOnly=true"}
    assert EXAMPLES["Kustomization"]["spec"]["dependsOn"]


def test_a_check_for_every_kind_and_nothing_else() -> None:
    settings = yaml.safe_load(health_settings(KINDS.values()))
    assert settings["metadata"]["name"] == "argocd-cm"
    assert set(settings["data"]) == {f"resource.customizations.health.{GROUP}_{kind}" for kind in KINDS}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_every_status_is_one_of_the_operators(row: Standing) -> None:
    conditions = {each["type"]: each["status"] for each in row.body().get("status", {}).get("conditions", ())}
    assert not {"Stalled", "Reconciling"} <= set(conditions)
    older = "changed since" in row.name and row.says == "not looked at"
    assert (row.argocd == DEGRADED) == (row.kstatus == FAILED) == ("Stalled" in conditions and not older)
