"""``make dist``: four files of one version, the same twice, and an install.yaml that the API server takes."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path

import yaml

from infomaniak_operator import __version__
from release import dist
from sandbox import Environment
from tests.integration.chart.conftest import documents
from tests.support.box import kubectl


def test_all_of_one_version_and_taken_by_the_api_server(env: Environment, tmp_path: Path) -> None:
    wheel, chart, install, bill = dist.make(tmp_path / "one")
    again = dist.make(tmp_path / "two")
    assert [path.read_bytes() for path in again[:2]] == [wheel.read_bytes(), chart.read_bytes()]
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"infomaniak_operator-{__version__}.dist-info/METADATA").decode()
        assert "infomaniak_operator/py.typed" in archive.namelist()
    assert f"\nVersion: {__version__}\n" in metadata
    with tarfile.open(chart) as archive:
        about = archive.extractfile("infomaniak-operator/Chart.yaml")
        assert about is not None
        assert yaml.safe_load(about.read())["appVersion"] == __version__
        assert not [name for name in archive.getnames() if "/tests/" in name or "/ci/" in name]
    assert json.loads(bill.read_text())["metadata"]["component"]["version"] == __version__

    objects = documents(install.read_text())
    assert objects[0]["kind"] == "Namespace"
    assert "Pod" not in {each["kind"] for each in objects}, "helm test's Pod would run at once"
    kubectl(env, "apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(objects[0]))
    said = kubectl(
        env,
        "apply",
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "--validate=strict",
        "-f",
        str(install),
    )
    assert said.count(" serverside-applied (server dry run)\n") == len(objects)
