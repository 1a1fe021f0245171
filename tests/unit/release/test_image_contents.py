"""What ``make e2e-node`` asks of the image finds each thing that must not be in it."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import contents

LABELS = {
    f"org.opencontainers.image.{name}": "x"
    for name in (
        "title",
        "description",
        "licenses",
        "source",
        "version",
        "revision",
        "created",
        "base.name",
        "base.digest",
    )
}
FINE: dict[str, dict[str, Any]] = {
    "usr/bin/python3.11": {"mode": 0o755, "text": b"\x7fELF"},
    "usr/bin/python3": {"link": "python3.11"},
    "opt/venv/bin/python3": {"link": "/usr/bin/python3"},
    "opt/venv/bin/infomaniak-operator": {"mode": 0o755, "text": b"#!/opt/venv/bin/python\n"},
    "usr/lib/python3.11/os.py": {},
    "usr/lib/python3.11/__pycache__/os.cpython-311.pyc": {},
    "var/lib/dpkg/status.d/libc6": {},
    "tmp": {"mode": 0o1777, "folder": True},
}
LISTED = ["/usr/bin/python3.11", "/opt/venv/bin/infomaniak-operator", "/usr/lib/python3.11/os.py"]


def _layer(files: dict[str, dict[str, Any]]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, about in files.items():
            member, text = tarfile.TarInfo(name), about.get("text", b"")
            member.mode, member.size = about.get("mode", 0o644), len(text)
            member.uid = member.gid = about.get("owner", 0)
            member.type = tarfile.DIRTYPE if about.get("folder") else member.type
            if "link" in about:
                member.type, member.linkname, member.mode = tarfile.SYMTYPE, about["link"], 0o777
            tar.addfile(member, io.BytesIO(text))
    return out.getvalue()


def _archive(path: Path, *layers: dict[str, dict[str, Any]], user: str = "65532:65532", labels: Any = LABELS) -> Path:
    names = [f"{number}.tar" for number in range(len(layers))]
    config = {"config": {"User": user, "Labels": labels}, "rootfs": {"diff_ids": names}}
    parts = {name: {"text": _layer(layer)} for name, layer in zip(names, layers, strict=True)}
    parts["config.json"] = {"text": json.dumps(config).encode()}
    parts["manifest.json"] = {"text": json.dumps([{"Config": "config.json", "Layers": names}]).encode()}
    path.write_bytes(_layer(parts))
    return path


def _bill(listed: list[str], **other: Any) -> dict[str, dict[str, Any]]:
    places = {"evidence": {"occurrences": [{"location": path} for path in listed]}}
    component = {"type": "application", "name": "infomaniak-operator", **places}
    bill = {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": component}, "components": []}
    return {contents.BILL: {"text": json.dumps({**bill, **other}).encode()}}


def test_the_bill_has_to_be_one(tmp_path: Path) -> None:
    image = contents.read(_archive(tmp_path / "image.tar", FINE, _bill(LISTED, specVersion=16)))
    (found,) = contents.problems(image)
    assert found.startswith(f"{contents.BILL}: not as CycloneDX's schema has it")


def test_an_image_as_it_should_be(tmp_path: Path) -> None:
    image = contents.read(_archive(tmp_path / "image.tar", FINE, _bill(LISTED)))
    assert contents.problems(image) == []
    assert image.layers == ["0.tar", "1.tar"]


@pytest.mark.parametrize(
    ("path", "about", "said"),
    [
        ("usr/bin/dash", {"mode": 0o755, "text": b"\x7fELF"}, "a shell"),
        ("bin/sh", {"link": "/usr/bin/python3"}, "a shell"),
        ("opt/tools/busybox", {"mode": 0o755, "text": b"\x7fELF"}, "a shell"),
        ("usr/bin/dpkg", {"mode": 0o755, "text": b"\x7fELF"}, "a package manager"),
        ("opt/venv/bin/pip3", {"mode": 0o755}, "a package manager"),
        ("opt/venv/lib/python3.11/site-packages/pip/__init__.py", {}, "a package manager's files"),
        ("usr/share/python-wheels/pip-23.0.1-py3-none-any.whl", {}, "a package manager's files"),
        ("usr/lib/libx.so", {"mode": 0o4755}, "setuid or setgid"),
        ("usr/lib/liby.so", {"mode": 0o2755}, "setuid or setgid"),
        ("etc/open", {"mode": 0o666}, "others than root may write it"),
        ("srv", {"mode": 0o777, "folder": True}, "others than root may write it"),
        ("etc/mine", {"owner": 65532}, "it does not belong to root"),
        ("usr/bin/tar", {"mode": 0o755, "text": b"\x7fELF"}, "a program of no use here"),
        ("opt/venv/bin/kopf", {"mode": 0o755, "text": b"#!/opt/venv/bin/python\n"}, "a program of no use here"),
        ("usr/lib/hook.py", {"mode": 0o755, "text": b"#!/usr/bin/python3\n"}, "a script that may be run"),
    ],
)
def test_what_must_not_be_there_is_found(tmp_path: Path, path: str, about: dict[str, Any], said: str) -> None:
    listed = LISTED if "link" in about or about.get("folder") else [*LISTED, f"/{path}"]
    image = contents.read(_archive(tmp_path / "image.tar", FINE, {path: about}, _bill(listed)))
    assert f"{path}: {said}" in contents.problems(image)


def test_the_bill_has_every_file_once(tmp_path: Path) -> None:
    listed = [*LISTED[1:], LISTED[1], "/etc/gone"]
    image = contents.read(_archive(tmp_path / "image.tar", FINE, _bill(listed)))
    assert contents.problems(image) == [
        "/usr/bin/python3.11: not in the bill of materials",
        "/etc/gone: in the bill of materials, but not there",
        "/opt/venv/bin/infomaniak-operator: twice in the bill of materials",
    ]
    bare = contents.read(_archive(tmp_path / "bare.tar", FINE))
    assert contents.problems(bare) == [f"{contents.BILL}: not there"]


@pytest.mark.parametrize("user", ["", "0", "0:0", "root", "nonroot", "65532:0"])
def test_it_runs_as_a_number_that_is_not_root(tmp_path: Path, user: str) -> None:
    image = contents.read(_archive(tmp_path / "image.tar", FINE, _bill(LISTED), user=user))
    assert contents.problems(image) == ["it runs as root or by a name"]


def test_labels_are_wanted(tmp_path: Path) -> None:
    labels = {**LABELS, "org.opencontainers.image.base.digest": ""}
    image = contents.read(_archive(tmp_path / "image.tar", FINE, _bill(LISTED), labels=labels))
    assert contents.problems(image) == ["no label org.opencontainers.image.base.digest"]
