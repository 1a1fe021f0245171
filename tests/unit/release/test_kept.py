"""The chart of the last release: one package, of a version that is not newer than the tree's, and readable without helm."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from infomaniak_operator import __version__
from infomaniak_operator.api.registry import KINDS
from release import dist, kept
from release.chart import ROOT


def test_one_package_that_the_changelog_knows_of() -> None:
    version = kept.version()
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(rf"^## {re.escape(version)} - ", changelog, re.MULTILINE)
    assert _numbers(version) <= _numbers(__version__)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


@pytest.mark.parametrize("names", [(), ("a-1.0.0.tgz", "a-1.1.0.tgz")])
def test_none_or_several_packages_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(dist.DistError, match="one package"):
        kept.package(tmp_path)


def test_its_crds_values_and_objects_are_there() -> None:
    crds = kept.crds()
    kinds = {crd["spec"]["names"]["kind"] for crd in crds}
    assert kinds <= set(KINDS), "a kind is gone: what of its objects, and of what they stand for in the cloud?"
    for crd in crds:
        assert crd["metadata"]["name"] == f"{crd['spec']['names']['plural']}.{crd['spec']['group']}"
        assert crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    objects = kept.objects()
    assert {each["kind"] for each in objects} == kinds
    named = [(each["kind"], each["metadata"]["name"]) for each in objects]
    assert len(set(named)) == len(named)
    assert "image" in yaml.safe_load(kept.defaults())
    assert kept.values()


def test_nothing_is_kept_that_is_not_released(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(dist, "__version__", "9.9.9")
    with pytest.raises(dist.DistError, match=r"(?s)Chart\.yaml: version is .*CHANGELOG\.md: no heading `## 9\.9\.9 - "):
        kept.keep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def _git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A repository in which 1.0.0 was released, and work on 1.1.0 went on."""
    root = tmp_path / "checkout"
    package, last = root / "operator" / "infomaniak_operator", root / "release" / "last"
    package.mkdir(parents=True)
    last.mkdir(parents=True)
    _git(tmp_path, "init", "--quiet", str(root))
    (last / "infomaniak-operator-1.0.0.tgz").write_bytes(b"chart")
    for version in ("1.0.0", "1.1.0"):
        (package / "__init__.py").write_text(f'__version__ = "{version}"\n')
        _git(root, "add", "--all")
        _git(root, "commit", "--quiet", "--message", version)
    return root


def test_the_last_release_s_tree_is_the_one_that_brought_its_chart(history: Path, tmp_path: Path) -> None:
    kept.sources(tmp_path / "old", history)
    text = (tmp_path / "old" / "operator" / "infomaniak_operator" / "__init__.py").read_text()
    assert text == '__version__ = "1.0.0"\n'


def test_a_clone_without_history_has_no_tree_of_the_last_release(history: Path, tmp_path: Path) -> None:
    _git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{history}", str(tmp_path / "shallow"))
    with pytest.raises(dist.DistError, match=r"the history of 1\.0\.0 is not here"):
        kept.sources(tmp_path / "old", tmp_path / "shallow")


def test_a_tree_without_git_has_no_history(tmp_path: Path) -> None:
    last = tmp_path / "release" / "last"
    last.mkdir(parents=True)
    (last / "infomaniak-operator-1.0.0.tgz").write_bytes(b"chart")
    with pytest.raises(dist.DistError, match="git log: "):
        kept.sources(tmp_path / "old", tmp_path)
