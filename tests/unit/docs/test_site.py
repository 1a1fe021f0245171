"""The documentation as a site: each page is in its navigation, and its links lead to pages of the site."""

import posixpath
import re
from pathlib import Path

import pytest
import yaml

from release.site import PAGES, linked

TOP = Path(__file__).parents[3]
ALL = {str(path.relative_to(TOP / "docs")) for path in (TOP / "docs").rglob("*.md")} | set(PAGES.values())

_IMAGE = re.compile(r"!\[[^\[\]]*\]\(([^()\s]+)\)")


def listed(items: object) -> list[str]:
    match items:
        case str():
            return [items]
        case dict():
            return [page for each in items.values() for page in listed(each)]
        case list():
            return [page for each in items for page in listed(each)]
    raise AssertionError(items)


def test_each_page_stands_once_in_the_navigation() -> None:
    pages = listed(yaml.safe_load((TOP / "mkdocs.yml").read_text("utf-8"))["nav"])
    assert len(pages) == len(set(pages))
    assert set(pages) == ALL


@pytest.mark.parametrize("uri", sorted(ALL))
def test_links_lead_to_pages(uri: str) -> None:
    source = next((path for path, page in PAGES.items() if page == uri), f"docs/{uri}")
    text = linked((TOP / source).read_text("utf-8"), source)
    outside_code = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for image in _IMAGE.findall(outside_code):
        assert (TOP / "docs" / posixpath.dirname(uri) / image).is_file()
    for to in re.findall(r"\]\(([^()\s#]+)[^()\s]*\)", _IMAGE.sub("", outside_code)):
        if "://" not in to:
            assert posixpath.normpath(posixpath.join(posixpath.dirname(uri), to)) in ALL


def test_what_is_no_page_stays_as_text_and_code_stays_as_it_is() -> None:
    text = (
        "See [the shop](../examples/shop) and [x](../LICENSE), [safety](safety.md#a), [web](https://example.com/a).\n"
    )
    code = "```sh\n[a](../LICENSE)\n```\n"
    assert linked(text + code, "docs/ports.md") == (
        "See the shop and x, [safety](safety.md#a), [web](https://example.com/a).\n" + code
    )
    assert (
        linked("[a](docs/ports.md#b) [c](README.md) [d](#e)", "CONTRIBUTING.md")
        == "[a](ports.md#b) [c](index.md) [d](#e)"
    )
    assert linked("[a](../safety.md) [r](README.md)", "docs/reference/port.md") == "[a](../safety.md) [r](README.md)"
