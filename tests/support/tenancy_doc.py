"""The table of docs/tenancy.md: ``tests/unit/api/test_reach.py`` compares it with what the kinds declare."""

import re
from pathlib import Path

from infomaniak_operator.api.registry import KINDS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tenancy.md"
_ROW = re.compile(r"^\| (?P<kind>\w+|every kind) \| (?P<fields>[^|]+) \| (?P<reach>\w+) \|")


def table() -> dict[tuple[str, str], str]:
    """Kind and field of each row, and how far it says the field reaches."""
    found: dict[tuple[str, str], str] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        row = _ROW.match(line)
        if row is None:
            continue
        kinds = list(KINDS) if row["kind"] == "every kind" else [row["kind"]]
        for field in re.findall(r"`([^`]+)`", row["fields"]):
            for kind in kinds:
                assert (kind, field) not in found, f"{kind} {field} stands there twice"
                found[kind, field] = row["reach"]
    return found
