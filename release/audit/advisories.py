"""Known vulnerabilities, from a dump of OSV's database that somebody brought along."""

from __future__ import annotations

import json
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from release.sbom import Pin, normal

_ECOSYSTEM = "PyPI"


class AdvisoriesError(Exception):
    """The file cannot be read as what it is said to be."""


@dataclass(frozen=True, slots=True)
class Advisory:
    """A vulnerability of a package.

    Attributes:
        name: GHSA, PYSEC or CVE.
        aliases: its other names.
        summary: what it is.
        affected: the entries of OSV's ``affected`` for this package.
    """

    name: str
    aliases: tuple[str, ...]
    summary: str
    affected: tuple[Mapping[str, Any], ...]

    def concerns(self, version: str) -> bool:
        """Whether a version is affected."""
        return any(version in each.get("versions", ()) or _in_ranges(version, each) for each in self.affected)


def read(path: Path) -> dict[str, list[Advisory]]:
    """The advisories of a dump, by package.

    Args:
        path: a zip file with a JSON file for each, as OSV publishes it; or one such JSON file.

    Raises:
        AdvisoriesError: it is something else.
    """
    found: dict[str, list[Advisory]] = defaultdict(list)
    for document in _documents(path):
        try:
            for name, advisory in _advisories(document):
                found[name].append(advisory)
        except (KeyError, TypeError, AttributeError):
            raise AdvisoriesError(f"{path}: not in OSV's form") from None
    return dict(found)


def _documents(path: Path) -> Iterator[Any]:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                for name in packed.namelist():
                    if name.endswith(".json"):
                        yield json.loads(packed.read(name))
        else:
            yield json.loads(path.read_bytes())
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise AdvisoriesError(f"{path}: {error}") from None


def _advisories(document: Mapping[str, Any]) -> Iterator[tuple[str, Advisory]]:
    if document.get("withdrawn"):
        return
    by_package: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for each in document.get("affected", ()):
        package = each.get("package", {})
        if package.get("ecosystem") == _ECOSYSTEM:
            by_package[normal(package["name"])].append(each)
    aliases = tuple(map(str, document.get("aliases", ())))
    for name, affected in by_package.items():
        yield name, Advisory(str(document["id"]), aliases, str(document.get("summary", "")), tuple(affected))


def _in_ranges(version: str, affected: Mapping[str, Any]) -> bool:
    ranges = [each for each in affected.get("ranges", ()) if each.get("type") == "ECOSYSTEM"]
    return any(_in_range(Version(version), each.get("events", ())) for each in ranges)


def _in_range(version: Version, events: Iterable[Mapping[str, str]]) -> bool:
    """Whether a version lies behind an ``introduced`` and not behind its ``fixed``, as OSV's specification has it."""
    inside = False
    for kind, at in sorted((_at(event) for event in events), key=lambda each: each[1]):
        if kind == "introduced" and version >= at:
            inside = True
        if (kind == "fixed" and version >= at) or (kind == "last_affected" and version > at):
            inside = False
    return inside


def _at(event: Mapping[str, str]) -> tuple[str, Version]:
    kind, value = next(iter(event.items()))
    try:
        return kind, Version(value)
    except InvalidVersion:
        return kind, Version("0")


def concerning(advisories: Mapping[str, list[Advisory]], pin: Pin) -> list[Advisory]:
    """What is known of a pin."""
    return [each for each in advisories.get(pin.name, ()) if each.concerns(pin.version)]
