"""Which Debian package a file of the base image comes from, by dpkg's own records."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_RECORDS = Path("var/lib/dpkg")


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package.

    Attributes:
        name: without its architecture.
        version: as Debian writes it, ``1:2.3-4+deb12u1``.
        architecture: ``amd64``, ``all``.
        record: its paragraph in dpkg's ``status``.
    """

    name: str
    version: str
    architecture: str
    record: str

    def purl(self, distribution: str) -> str:
        """Its package URL.

        Args:
            distribution: ``debian-12``.
        """
        version = self.version.replace(":", "%3A").replace("+", "%2B").replace("~", "~")
        return f"pkg:deb/debian/{self.name}@{version}?arch={self.architecture}&distro={distribution}"


def installed(root: Path) -> Iterator[Package]:
    """The packages that dpkg says are installed; none where there is no dpkg."""
    status = root / _RECORDS / "status"
    text = status.read_text(encoding="utf-8") if status.exists() else ""
    for paragraph in re.split(r"\n{2,}", text):
        fields = dict(re.findall(r"^([A-Z][A-Za-z-]*): (.*)$", paragraph, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            yield Package(fields["Package"], fields["Version"], fields["Architecture"], paragraph.strip("\n") + "\n")


def owners(root: Path, packages: Iterable[Package]) -> dict[Path, Package]:
    """The package of each file.

    Args:
        root: the base image's.
        packages: the installed ones.

    Returns:
        By absolute path without symbolic links among its folders, since dpkg notes ``/lib/x`` for ``/usr/lib/x``.
    """
    folders: dict[str, str] = {}
    found = {}
    top = os.path.realpath(root)
    for package in packages:
        for line in _listed(root, package):
            folder, _, name = line.rpartition("/")
            if folder not in folders:
                folders[folder] = os.path.realpath(f"{top}{folder}").removeprefix(top.rstrip("/"))
            found[Path(f"{folders[folder]}/{name}")] = package
    return found


def _listed(root: Path, package: Package) -> list[str]:
    info = root / _RECORDS / "info"
    for name in (f"{package.name}.list", f"{package.name}:{package.architecture}.list"):
        if (info / name).exists():
            return [line for line in (info / name).read_text(encoding="utf-8").splitlines() if line.count("/") > 1]
    return []


def distribution(root: Path) -> str:
    """``debian-12``, by ``os-release``; empty where that does not say."""
    file = root / "etc" / "os-release"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    fields = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', text, re.MULTILINE))
    return "-".join(filter(None, (fields.get("ID"), fields.get("VERSION_ID"))))
