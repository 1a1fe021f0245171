"""docs/coverage.md says which test shows which field: every field of the kinds that are reconciled, and tests that exist."""

import re
from pathlib import Path

import pytest

from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.reconcile.reconcilers import actuators

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "coverage.md").read_text()
COMMON = PAGE.split("## All kinds", 1)[1]
TESTS = "\n".join(path.read_text() for path in (ROOT / "tests" / "integration").rglob("test_*.py"))


def _fields(text: str) -> set[str]:
    return set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


@pytest.mark.parametrize("kind", [actuator.kind for actuator in actuators()])
def test_every_field_has_its_line(kind: str) -> None:
    section = PAGE.split(f"## {kind} (", 1)[1].split("\n## ", 1)[0]
    model = KINDS[kind].spec
    fields = {field.alias or name for name, field in model.model_fields.items()}
    assert fields == _fields(section) | _fields(COMMON)


def test_every_test_named_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    missing = {name for name in named if f"def {name}(" not in TESTS}
    assert not missing
