"""The generated files: up to date, checked, rewritten, and no leftovers."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from infomaniak_operator.api.generate import files, main, stale
from infomaniak_operator.api.registry import KINDS

ROOT = Path(__file__).parents[3]


def test_what_is_committed_is_up_to_date() -> None:
    assert stale(ROOT, files()) == []


def test_one_crd_and_one_page_a_kind() -> None:
    wanted = {f"crds/{kind.crd_name}.yaml" for kind in KINDS.values()}
    wanted |= {f"docs/reference/{kind.singular}.md" for kind in KINDS.values()}
    chart = "charts/infomaniak-operator/templates"
    wanted |= {f"{chart}/crds/{kind.plural}.yaml" for kind in KINDS.values()}
    wanted |= {"docs/reference/README.md", "deploy/rbac.yaml", "deploy/argocd/health.yaml", f"{chart}/_rules.tpl"}
    wanted |= {"operator/infomaniak_operator/api/json_types.py"}
    assert set(files()) == wanted


def test_crds_are_plain_yaml_that_says_it_is_generated() -> None:
    for path, text in files().items():
        assert "Do not edit" in text.splitlines()[0]
        if path.startswith("crds/"):
            assert yaml.safe_load(text)["kind"] == "CustomResourceDefinition"
            assert "&id" not in text


def test_check_names_what_is_stale_and_write_mends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", str(tmp_path)]) == 0
    assert main(["--check", "--root", str(tmp_path)]) == 0
    page = tmp_path / "docs/reference/router.md"
    page.write_text(page.read_text() + "by hand\n")
    (tmp_path / "crds/pools.network.infomaniak.cloud.yaml").unlink()
    (tmp_path / "crds/old.yaml").write_text("left over")
    assert main(["--check", "--root", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    for fragment in ("router.md", "-by hand", "pools.network", "crds/old.yaml: no kind has it", "make generate"):
        assert fragment in said
    assert main(["--root", str(tmp_path)]) == 0
    assert main(["--check", "--root", str(tmp_path)]) == 0
    assert not (tmp_path / "crds/old.yaml").exists()
