"""The security rules of ruff hold everywhere but in the tests, and who sets one aside says why, in that line."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LINT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]


def _security(rules: list[str]) -> list[str]:
    return [rule for rule in rules if re.fullmatch(r"S\d*|ALL", rule)]


def test_no_security_rule_is_set_aside_for_a_folder() -> None:
    assert LINT["select"] == ["ALL"]
    assert _security(LINT["ignore"]) == []
    aside = {pattern: _security(rules) for pattern, rules in LINT["per-file-ignores"].items()}
    assert {pattern for pattern, rules in aside.items() if rules} == {"tests/**"}


def _aside(folder: str) -> list[str]:
    """The lines of a folder that set a rule aside, or all of a file's."""
    return [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in path.read_text().splitlines()
        if re.search(r"#\s*(noqa|ruff:|nosec)", line)
    ]


@pytest.mark.parametrize("folder", ["operator", "release", "sandbox", "demo"])
def test_a_security_rule_is_set_aside_in_a_line_with_a_reason(folder: str) -> None:
    blanket_or_security = re.compile(r"#\s*(ruff:|nosec|noqa(?!: [A-Z]+\d)|noqa:.*\bS\d)")
    found = [line for line in _aside(folder) if folder == "operator" or blanket_or_security.search(line)]
    assert [line for line in found if not re.search(r"# noqa: [A-Z]+\d+(, [A-Z]+\d+)* - \S", line)] == []
