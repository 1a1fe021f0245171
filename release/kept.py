"""The chart of the last release, kept in ``release/last``: what the present chart must be able to follow.

Beside it is what people wrote for that release, which no package has: sets of values, and objects of every kind.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from infomaniak_operator.api.kind import GROUP, VERSION
from infomaniak_operator.api.registry import KINDS
from release import dist
from release.chart import NAME, ROOT, Chart

FOLDER = ROOT / "release" / "last"
_OBJECTS = "objects.yaml"


def package(folder: Path = FOLDER) -> Path:
    """The package; there is exactly one.

    Raises:
        DistError: there is none, or there are several.
    """
    found = sorted(folder.glob("*.tgz"))
    if len(found) != 1:
        raise dist.DistError(f"{folder}: one package is to be there, not {[path.name for path in found]}")
    return found[0]


def version(folder: Path = FOLDER) -> str:
    """The version of the last release."""
    return package(folder).name.removeprefix(f"{NAME}-").removesuffix(".tgz")


def values(folder: Path = FOLDER) -> list[Path]:
    """The sets of values that the last release was tried with, beside its defaults."""
    return sorted(folder.glob("*-values.yaml"))


def defaults(folder: Path = FOLDER) -> str:
    """The last release's ``values.yaml``: every value there was."""
    return next(text for name, text in _files(folder) if name == f"{NAME}/values.yaml")


def objects(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """What the examples of the last release were."""
    return list(yaml.safe_load_all((folder / _OBJECTS).read_text(encoding="utf-8")))


def crds(folder: Path = FOLDER) -> list[dict[str, Any]]:
    """The last release's CRDs, without what the values say of their labels and annotations.

    No helm is needed: in the templates of CRDs its directives have lines of their own.
    """
    texts = [text for name, text in _files(folder) if re.fullmatch(rf"{NAME}/templates/crds/[^/]+\.yaml", name)]
    return [yaml.safe_load(re.sub(r"(?m)^\s*\{\{.*\}\}$", "", text)) for text in texts]


def sources(to: Path, root: Path = ROOT) -> None:
    """Write the tree that the last release was made of: the one of the commit that brought its chart.

    Args:
        to: an empty folder.
        root: a checkout with its history.

    Raises:
        DistError: the history is not there, or what it has is another version.
    """
    folder = root / FOLDER.relative_to(ROOT)
    wanted = version(folder)
    commit = _git(root, "log", "--max-count=1", "--format=%H", "--", str(package(folder))).decode().strip()
    if not commit:
        raise dist.DistError(f"the history of {wanted} is not here")
    with tarfile.open(fileobj=io.BytesIO(_git(root, "archive", "--format=tar", commit))) as archive:
        archive.extractall(to, filter="data")
    made = to / "operator" / "infomaniak_operator" / "__init__.py"
    # A shallow clone says that its first commit brought every file.
    if not made.exists() or f'__version__ = "{wanted}"' not in made.read_text(encoding="utf-8"):
        raise dist.DistError(f"the history of {wanted} is not here: commit {commit[:12]} is of another version")


def _git(root: Path, *words: str) -> bytes:
    done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, check=False)  # noqa: S603, S607 - the git on the PATH of who tests, with fixed words
    if done.returncode:
        raise dist.DistError(f"git {words[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def keep(folder: Path = FOLDER) -> list[Path]:
    """Put the present chart and the present examples in the place of the last release's; returns the files.

    Raises:
        DistError: versions disagree, or the changelog does not know of this one.
    """
    if problems := [*dist.disagreeing(), *dist.unwritten()]:
        raise dist.DistError("\n".join(problems))
    chart = Chart()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        # Only what could be packaged takes the former's place.
        made = chart.package(Path(scratch))
        for former in [*folder.glob("*.tgz"), *values(folder)]:
            former.unlink()
        shutil.copyfile(made, folder / made.name)
    for path in chart.values():
        shutil.copyfile(path, folder / path.name)
    text = yaml.safe_dump_all(_examples(), sort_keys=False)
    (folder / _OBJECTS).write_text(text, encoding="utf-8")
    return [package(folder), *values(folder), folder / _OBJECTS]


def _examples() -> Iterator[dict[str, Any]]:
    """The reference's example of each kind, and ``examples/``, each with a name of its own; no Secrets."""
    for kind, definition in KINDS.items():
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, "metadata": {"name": "reference"}}
        yield {**body, "spec": yaml.safe_load(definition.example)}
    for path in sorted((ROOT / "examples").glob("*/*.yaml")):
        for body in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if body and body["kind"] in KINDS:
                body["metadata"]["name"] = f"{path.parent.name}-{body['metadata']['name']}"
                yield body


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    with tarfile.open(package(folder)) as archive:
        for member in archive.getmembers():
            if (file := archive.extractfile(member)) is not None:
                yield member.name, file.read().decode()
