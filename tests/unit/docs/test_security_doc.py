"""docs/security.md names tests that exist, and SECURITY.md the release that gets fixes; both are to be found."""

import ast
import re
from pathlib import Path

import pytest

from infomaniak_operator import __version__
from infomaniak_operator.api.rights import RIGHTS
from tests.support.python_source import parsed

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "security.md").read_text()
POLICY = (ROOT / "SECURITY.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)
SECTIONS = re.findall(r"^### (.+)\n((?:(?!^##).*\n)*)", PAGE.split("## The table")[1], re.MULTILINE)


def functions(path: str) -> set[str]:
    tree = parsed(ROOT / path)
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_test_that_it_names_exists() -> None:
    assert len(NAMED) > 50
    missing = [
        f"{path}::{name}"
        for path, name in NAMED
        if not (ROOT / path).is_file() or (name and name not in functions(path))
    ]
    assert missing == []


def test_every_test_of_the_two_attackers_is_named() -> None:
    """Something that is tried and is not in the table would be told to nobody."""
    for path in ("tests/security/test_one_namespace.py", "tests/security/test_cloud_project.py"):
        tests = {name for name in functions(path) if name.startswith("test_")}
        named = {name for where, name in NAMED if where == path}
        assert tests - named == set(), path


@pytest.mark.parametrize(("title", "text"), SECTIONS, ids=[title for title, _ in SECTIONS])
def test_each_row_says_what_is_tried_what_stops_it_and_which_test_holds_that(title: str, text: str) -> None:
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    assert rows, title
    for row in rows:
        tried, stops, test = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert tried, row
        assert stops, row
        assert test.startswith("`tests/"), row


def test_all_seven_attackers_are_there() -> None:
    assert len(SECTIONS) == 7


def test_what_is_not_stopped_is_said_with_what_to_do() -> None:
    text = PAGE.split("## What is not stopped")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")][2:]
    assert len(rows) >= 8
    assert all(len(row) == 2 and all(row) for row in rows)
    secrets = next(right for right in RIGHTS if right.resources == ("secrets",))
    assert ("list" in secrets.verbs) == ("reads every Secret in the namespaces it watches" in text)


def test_the_newest_minor_release_is_the_supported_one() -> None:
    minor = ".".join(__version__.split(".")[:2])
    assert f"| {minor}.x | yes |" in POLICY


def test_it_invents_no_address() -> None:
    assert not re.findall(r"[\w.]+@[\w.]+|https?://|PGP", POLICY)


def test_both_are_linked_from_the_readme_and_lead_to_places_that_are_there() -> None:
    readme = (ROOT / "README.md").read_text()
    for page in ("docs/security.md", "SECURITY.md"):
        assert f"]({page})" in readme
    for where, text in ((ROOT / "docs", PAGE), (ROOT, POLICY)):
        for link in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", text):
            assert (where / link).exists(), link
    anchors = {
        re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-")
        for line in PAGE.splitlines()
        if line.startswith("#")
    }
    for anchor in re.findall(r"\(#([\w-]+)\)", PAGE) + re.findall(r"security\.md#([\w-]+)", POLICY):
        assert anchor in anchors
