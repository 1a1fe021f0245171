"""What is in an image: no shell, no package manager, nothing that gives rights; and all of it in its bill of materials."""

from __future__ import annotations

import json
import re
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

BILL = "usr/share/sbom/infomaniak-operator.cdx.json"
_PROGRAMS = {"python3", "infomaniak-operator"}
_SHELLS = {"sh", "ash", "bash", "csh", "dash", "fish", "ksh", "mksh", "rbash", "tcsh", "zsh", "busybox", "toybox"}
_MANAGERS = {"apk", "apt", "apt-get", "conda", "dnf", "dpkg", "easy_install", "pip", "pip3", "rpm", "uv", "yum"}
_PACKAGES_OF_MANAGERS = re.compile(r"/(pip|uv|ensurepip|apt|apt_pkg)(/|-[0-9.]+\.dist-info/|-[^/]*\.whl$)")
_LABELS = ("title", "description", "licenses", "source", "version", "revision", "created", "base.name", "base.digest")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, folder or link of an image.

    Attributes:
        path: without a slash before it.
        kind: ``file``, ``folder``, ``link`` or ``other``.
        mode: its rights.
        owner: user and group.
        head: a file's first bytes; of the bill all of it.
    """

    path: str
    kind: str
    mode: int
    owner: tuple[int, int]
    head: bytes = b""


@dataclass(frozen=True, slots=True)
class Image:
    """An image as an archive has it.

    Attributes:
        layers: the digests of its layers.
        config: what it runs, as whom, with which labels.
        entries: its files by path.
    """

    layers: list[str]
    config: dict[str, Any]
    entries: dict[str, Entry]


def read(archive: Path) -> Image:
    """Read an archive as ``docker save`` writes it; a later layer's file takes the place of a former's."""
    with tarfile.open(archive) as tar:
        manifest = json.loads(_bytes(tar, "manifest.json"))[0]
        about = json.loads(_bytes(tar, manifest["Config"]))
        entries = {}
        for name in manifest["Layers"]:
            with tarfile.open(fileobj=tar.extractfile(name)) as layer:
                for member in layer:
                    entry = _entry(layer, member)
                    entries[entry.path] = entry
    return Image(about["rootfs"]["diff_ids"], about["config"], entries)


def _entry(layer: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    path = member.name.removeprefix("./").strip("/")
    kind = "file" if member.isfile() or member.islnk() else "folder" if member.isdir() else "link"
    kind = "other" if member.isdev() else kind
    file = layer.extractfile(member) if kind == "file" else None
    head = file.read(-1 if path == BILL else 4) if file else b""
    return Entry(path, kind, member.mode, (member.uid, member.gid), head)


def _bytes(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file is not None, name
    return file.read()


def problems(image: Image) -> list[str]:
    """What should not be as it is in an image; empty: all is as it should be."""
    found = [f"{entry.path}: {what}" for entry in image.entries.values() for what in _wrong(entry)]
    return [*found, *_unaccounted(image), *_settings(image.config)]


def _wrong(entry: Entry) -> list[str]:
    name = entry.path.rpartition("/")[2]
    writable = entry.mode & (stat.S_IWGRP | stat.S_IWOTH) and entry.kind != "link" and entry.path != "tmp"
    program = entry.kind == "file" and entry.mode & 0o111
    in_path = re.match(r"((usr|opt/venv)/(local/)?)?s?bin/", entry.path) is not None
    checks = {
        "a shell": name in _SHELLS and (program or in_path or entry.kind == "link"),
        "a package manager": name in _MANAGERS and (program or in_path),
        "a package manager's files": _PACKAGES_OF_MANAGERS.search(f"/{entry.path}") is not None,
        "setuid or setgid": bool(entry.mode & (stat.S_ISUID | stat.S_ISGID)),
        "a device": entry.kind == "other",
        "others than root may write it": bool(writable),
        "it does not belong to root": entry.owner != (0, 0),
        "a program of no use here": in_path
        and re.sub(r"[.]?[0-9.]*$", "", name) not in {"python", "infomaniak-operator"},
        "a script that may be run": bool(program) and entry.head[:2] == b"#!" and name not in _PROGRAMS,
    }
    return [what for what, wrong in checks.items() if wrong]


def _unaccounted(image: Image) -> list[str]:
    """Files that no component of the bill has, and what the bill has that is not there."""
    if BILL not in image.entries:
        return [f"{BILL}: not there"]
    bill = json.loads(image.entries[BILL].head)
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)):
        return [f"{BILL}: not as CycloneDX's schema has it: {error.data}"]
    listed: list[str] = []
    for component in [bill["metadata"]["component"], *bill["components"]]:
        if component["type"] == "file":
            listed.append(component["name"])
        else:
            listed += [place["location"] for place in component["evidence"]["occurrences"]]
    there = {f"/{path}" for path, entry in image.entries.items() if entry.kind == "file" and _counts(path)}
    twice = {path for path in listed if listed.count(path) > 1} if len(set(listed)) != len(listed) else set()
    return [
        *(f"{path}: not in the bill of materials" for path in sorted(there - set(listed))),
        *(f"{path}: in the bill of materials, but not there" for path in sorted(set(listed) - there)),
        *(f"{path}: twice in the bill of materials" for path in sorted(twice)),
    ]


def _counts(path: str) -> bool:
    """Bytecode comes from a file that is listed; the bill and the records of the packages are the list itself."""
    return "/__pycache__/" not in path and path != BILL and not path.startswith("var/lib/dpkg/status.d/")


def _settings(config: dict[str, Any]) -> list[str]:
    labels = config.get("Labels") or {}
    lacking = [name for name in _LABELS if not labels.get(f"org.opencontainers.image.{name}")]
    found = [f"no label org.opencontainers.image.{name}" for name in lacking]
    return (
        found
        if re.fullmatch(r"[1-9]\d*:[1-9]\d*", config.get("User", ""))
        else [*found, "it runs as root or by a name"]
    )
