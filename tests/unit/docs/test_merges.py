"""Nothing of a merge is left in what people read: linters read code alone."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "charts").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_has_marks_of_a_conflict(page: Path) -> None:
    marks = ("<" * 7 + " ", ">" * 7 + " ", "=" * 7 + "\n")
    with page.open() as lines:
        assert [number for number, line in enumerate(lines, 1) if line.startswith(marks)] == []
