"""docs/networks.md has manifests that are valid, and tells of messages that the operator gives."""

import re
from pathlib import Path

import pytest
import yaml

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.reconcile.neutron import subnet_pools

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "networks.md").read_text()
MANIFESTS = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
TOLD = re.findall(r"^\| `([^`]+)`", PAGE, re.MULTILINE)


@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda each: each["metadata"]["name"])
def test_the_manifests_are_valid(manifest):
    KINDS[manifest["kind"]].parse(manifest["spec"])


def test_the_messages_are_the_operators():
    said = " ".join(each.text for each in subnet_pools._REFUSALS.values())
    assert TOLD
    assert [each for each in TOLD if each not in said] == []


def test_the_readme_leads_to_it():
    assert "(docs/networks.md)" in (ROOT / "README.md").read_text()
