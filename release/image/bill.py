"""The bill of materials of the image (CycloneDX 1.6): every file in it belongs to one component.

A component is a Python package, a Debian package that files were copied from, the interpreter where that is none of
Debian's, or a single file with its SHA-256. Each lists its files (``evidence.occurrences``). Bytecode and links are not
listed: they come from a file that is.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import platform
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from release import sbom
from release.image.debian import Package

PLACE = Path("/usr/share/sbom/infomaniak-operator.cdx.json")
"""Where the bill is in the image."""
RECORDS = Path("/var/lib/dpkg/status.d")
"""Where scanners look for the Debian packages of an image without dpkg."""


class BillError(Exception):
    """The image is not what the lock says."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A Python package as it is installed.

    Attributes:
        name: normalised.
        version: its version.
        files: absolute paths, in the image.
    """

    name: str
    version: str
    files: frozenset[Path]


def installed(root: Path, environment: Path) -> Iterator[Installed]:
    """The Python packages of an image, by the records that pip left.

    Args:
        root: the image's.
        environment: the virtual environment's absolute path in it.
    """
    for folder in sorted((root / environment.relative_to("/")).glob("lib/python3*/site-packages/*.dist-info")):
        about = HeaderParser().parsestr((folder / "METADATA").read_text(encoding="utf-8"))
        site = Path("/") / folder.parent.relative_to(root)
        with (folder / "RECORD").open(encoding="utf-8", newline="") as file:
            listed = frozenset(site / row[0] for row in csv.reader(file) if row and not row[0].startswith(".."))
        yield Installed(sbom.normal(about["Name"]), about["Version"], listed)


def contents(root: Path) -> Iterator[Path]:
    """The files of an image as absolute paths, without bytecode and links."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.parent.name != "__pycache__":
            yield Path("/") / path.relative_to(root)


@dataclass(frozen=True, slots=True)
class Image:
    """What is known of an image.

    Attributes:
        root: its file system.
        environment: the virtual environment's absolute path in it.
        library: the standard library's.
        owners: the Debian package of each file that was copied from the base image.
        distribution: ``debian-12``.
    """

    root: Path
    environment: Path
    library: Path
    owners: Mapping[Path, Package]
    distribution: str

    def bill(self, lock: str, version: str, made: dt.datetime) -> dict[str, Any]:
        """The bill of the Python packages, and beside these all else.

        Args:
            lock: the lock file's text.
            version: the operator's.
            made: when; part of the bill.

        Raises:
            BillError: a Python package is there that the lock does not name, or in another version.
        """
        there = {package.name: package for package in installed(self.root, self.environment)}
        pins = [pin for pin in sbom.pins(lock) if pin.name in there]
        agreed = {pin.name: pin.version for pin in pins} | {sbom.NAME: version}
        if wrong := sorted(name for name, package in there.items() if agreed.get(name) != package.version):
            raise BillError(f"installed, but not as the lock says: {', '.join(wrong)}")
        result = sbom.bill_of(pins, version, made, identity=lock + self._digest())
        places = _places(self, there)
        for component in [result["metadata"]["component"], *result["components"]]:
            component["evidence"] = _occurrences(places.pop(component["name"], []))
        result["components"] += list(self._rest(places))
        return result

    def _digest(self) -> str:
        """Of all files' names and contents."""
        found = hashlib.sha256()
        for path in contents(self.root):
            found.update(f"{path}\0".encode() + hashlib.sha256(self._bytes(path)).digest())
        return found.hexdigest()

    def _bytes(self, path: Path) -> bytes:
        return (self.root / path.relative_to("/")).read_bytes()

    def _rest(self, places: dict[str, list[Path]]) -> Iterator[dict[str, Any]]:
        for package in sorted(set(self.owners.values()), key=lambda one: one.name):
            purl = package.purl(self.distribution)
            kind = {"type": "library", "bom-ref": purl, "name": package.name, "version": package.version, "purl": purl}
            yield {**kind, "evidence": _occurrences(places.pop(purl, []))}
        if interpreter := places.pop("", []):
            yield {**_interpreter(), "evidence": _occurrences(interpreter)}
        for name in sorted(places):
            digest = hashlib.sha256(self._bytes(Path(name))).hexdigest()
            hashes = [{"alg": "SHA-256", "content": digest}]
            yield {"type": "file", "bom-ref": f"file:{name}", "name": name, "hashes": hashes}


def _places(image: Image, there: Mapping[str, Installed]) -> dict[str, list[Path]]:
    """The files of each component: by a Python package's name, a Debian package's URL, or a file's own path."""
    by_file = {file: package.name for package in there.values() for file in package.files}
    found = defaultdict(list)
    for path in contents(image.root):
        if path == PLACE or path.parent == RECORDS:
            continue
        if path in by_file:
            found[by_file[path]].append(path)
        elif path.parent == image.environment / "bin":
            found[sbom.NAME].append(path)
        elif path in image.owners:
            found[image.owners[path].purl(image.distribution)].append(path)
        else:
            found["" if _is_interpreter(image, path) else str(path)].append(path)
    return found


def _is_interpreter(image: Image, path: Path) -> bool:
    """Whether a file of no package belongs to the interpreter, as in the images that Docker publishes."""
    below = image.library.parent.parent
    named = path.name.startswith(("python3", "libpython3")) and below in path.parents
    return image.library in path.parents or named


def _interpreter() -> dict[str, Any]:
    version = platform.python_version()
    purl = f"pkg:generic/python@{version}"
    cpe = f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*"
    return {"type": "platform", "bom-ref": purl, "name": "python", "version": version, "cpe": cpe, "purl": purl}


def _occurrences(paths: Iterable[Path]) -> dict[str, Any]:
    return {"occurrences": [{"location": path} for path in sorted(map(str, paths))]}
