"""``make dist``: the wheel, the chart's package, one install.yaml, and the bill of materials."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from infomaniak_operator import __version__
from release import sbom
from release.chart import CHART, NAME, ROOT, Chart

_NAMESPACE = f"""\
# infomaniak-operator {__version__}, from the chart with its defaults: `kubectl apply --server-side -f install.yaml`.
# The image's name is the only thing that must be changed.
apiVersion: v1
kind: Namespace
metadata:
  name: {NAME}
  labels:
    pod-security.kubernetes.io/enforce: restricted
"""
_BILL = f"{NAME}-{__version__}.cdx.json"
IMAGE_BILL = f"{NAME}.cdx.json"
"""The image's bill of materials, as ``make image`` writes it."""
_WITH_TAGS = ("README.md", "docs/install.md", "docs/verifying.md")
_TAG = re.compile(r"(?:/infomaniak-operator:|image\.tag=)(\d\S*)|infomaniak[-_]operator-(\d+\.\d+\.\d+)")


class DistError(Exception):
    """Something cannot be released as it is."""


def disagreeing() -> list[str]:
    """Where a version is another than the package's; the chart's README is helm-docs' to check."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    found = [(f"charts/{NAME}/Chart.yaml: {field}", str(chart[field])) for field in ("version", "appVersion")]
    for page in _WITH_TAGS:
        tags = {"".join(pair) for pair in _TAG.findall((ROOT / page).read_text(encoding="utf-8"))}
        found += [(f"{page}: a tag", tag) for tag in sorted(tags)]
    return [
        f"{where} is {version}, and the package's version is {__version__}"
        for where, version in found
        if version != __version__
    ]


def unwritten() -> list[str]:
    """What the changelog does not say of this version."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = re.search(rf"^## {re.escape(__version__)} - \d{{4}}-\d\d-\d\d$", text, re.MULTILINE)
    return [] if heading else [f"CHANGELOG.md: no heading `## {__version__} - YYYY-MM-DD`"]


def files(folder: Path) -> list[Path]:
    """What ``make`` makes: wheel, chart, install.yaml and bill of materials."""
    names = (f"infomaniak_operator-{__version__}-py3-none-any.whl", f"{NAME}-{__version__}.tgz", "install.yaml", _BILL)
    return [folder / name for name in names]


def make(folder: Path) -> list[Path]:
    """Make everything; returns the files.

    Raises:
        DistError: versions disagree, or the wheel cannot be built.
    """
    problems = disagreeing()
    if problems:
        raise DistError("\n".join(problems))
    folder.mkdir(parents=True, exist_ok=True)
    chart = Chart()
    sbom.written(ROOT / "requirements" / "run.txt", __version__, folder / _BILL)
    (folder / "install.yaml").write_text(f"{_NAMESPACE}{_without_tests(chart)}", encoding="utf-8")
    _wheel(folder)
    chart.package(folder)
    return files(folder)


def _without_tests(chart: Chart) -> str:
    """The defaults, without `helm test`'s Pod: kubectl would run it."""
    documents = chart.render().split("\n---\n")
    return "\n---\n".join(["", *(each.removeprefix("---\n") for each in documents if "helm.sh/hook" not in each)])


def _wheel(folder: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    environment = {"SOURCE_DATE_EPOCH": "315532800", **os.environ}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)  # noqa: S603 - this interpreter, with fixed words
    if done.returncode:
        raise DistError(f"the wheel: {done.stderr}")
