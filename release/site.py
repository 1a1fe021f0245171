"""The documentation as a site: hooks of MkDocs, see ``mkdocs.yml``.

The pages are written to be read in the repository, too. So links lead to files; those that lead out of ``docs/`` become
links to pages of the site where the file is one, and plain text where it is not.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parent.parent
PAGES: Mapping[str, str] = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "reporting.md",
    "charts/infomaniak-operator/README.md": "chart.md",
    "examples/shop/README.md": "shop.md",
}
"""The files outside ``docs/`` that are pages, and how the site calls them."""
_HOME = {"README.md": "index.md"}
"""What links lead to instead: the site has a first page of its own."""
_FENCE = re.compile(r"^(```|~~~)", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[(?P<text>(?:[^\[\]]|\[[^\[\]]*\])*)\]\((?P<to>[^()\s]+)\)")


def linked(text: str, source: str) -> str:
    """A page as the site has it.

    Args:
        text: Markdown.
        source: the file's path in the repository, such as ``docs/install.md``.
    """
    here = posixpath.dirname(_uri(source) or "")

    def place(match: re.Match[str]) -> str:
        path, hash_, anchor = match["to"].partition("#")
        if not path or "://" in path or path.startswith("mailto:"):
            return match[0]
        uri = _uri(posixpath.normpath(posixpath.join(posixpath.dirname(source), path)))
        if uri is None:
            return match["text"]
        return f"[{match['text']}]({posixpath.relpath(uri, here or '.')}{hash_}{anchor})"

    return "".join(part if fenced else _LINK.sub(place, part) for part, fenced in _parts(text))


def _uri(path: str) -> str | None:
    """How the site calls a file of the repository; None where it has no page of it."""
    known = {**PAGES, **_HOME}
    if path in known:
        return known[path]
    if not path.startswith("docs/"):
        return None
    inside = path.removeprefix("docs/")
    # A folder is its README.
    return inside if posixpath.splitext(inside)[1] else f"{inside}/README.md"


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, and whether each is inside a code block."""
    fenced, begin = False, 0
    for match in _FENCE.finditer(text):
        yield text[begin : match.start()], fenced
        begin, fenced = match.start(), not fenced
    yield text[begin:], fenced


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that lie outside ``docs/``."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - the site alone has MkDocs

    for source, uri in PAGES.items():
        files.append(File.generated(config, uri, content=(TOP / source).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:  # noqa: ARG001 - MkDocs names them
    """Have the links of a page lead to pages of the site."""
    uri = str(page.file.src_uri)
    sources = {each: source for source, each in PAGES.items()}
    return linked(markdown, sources.get(uri, f"docs/{uri}"))
