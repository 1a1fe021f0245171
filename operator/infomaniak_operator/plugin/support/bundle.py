"""The files of a bundle, what is told of them, and the archive. Pure."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

MOST_BYTES = 8 * 2**20
"""Of one file."""
MOST_ALTOGETHER = 32 * 2**20
INDEX = "README.txt"
_HEAD = """\
A support bundle of kubectl infomaniak {version}, made on {when} for {where}.

It has the objects of this API with their statuses, their Events, what `kubectl infomaniak doctor` says, and how the
operator runs. Names, addresses and ids of projects and resources are in it: read it before you send it.

Never in it: Secrets; managedFields; annotations that are not of this API; values of environment variables; schemas of
CustomResourceDefinitions. Passwords, tokens and private keys are written as ***. So is what is in the {secrets} Secrets
that could be read, in many encodings.
"""


@dataclass(slots=True)
class Bundle:
    """What is collected, within its bounds.

    Attributes:
        files: the content of each file, by name.
        told: what each file is.
        left_out: what is missing, and why.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def room(self) -> int:
        """How many bytes the next file may have."""
        return max(0, min(MOST_BYTES, MOST_ALTOGETHER - sum(map(len, self.files.values()))))

    def add_list(self, name: str, what: str, rows: Iterable[object], total: int) -> None:
        """Add a list as JSON: the rows for which there is room. No more of them are asked for.

        Args:
            name: of the file.
            what: the rows are, in the plural.
            rows: what JSON can hold.
            total: how many they are.
        """
        written: list[str] = []
        room = self.room - 4
        for row in rows:
            text = json.dumps(row, indent=1)
            room -= len(text) + 2
            if room < 0:
                break
            written.append(text)
        if len(written) < total:
            self.left_out.append(f"{name}: {total - len(written)} of {total} ({what}), for its size.")
        joined = ",\n".join(written)
        self._add(name, f"{what}: {len(written)}", f"[\n{joined}\n]\n".encode())

    def add_data(self, name: str, what: str, value: Mapping[str, Any]) -> None:
        """Add something small as JSON."""
        self._add(name, what, f"{json.dumps(value, indent=1)}\n".encode())

    def add_log(self, name: str, what: str, text: str) -> None:
        """Add a log: its end, if there is no room for all of it."""
        raw = text.encode("utf-8", "replace")
        if len(raw) > self.room:
            self.left_out.append(f"{name}: all but the last {self.room} bytes, for its size.")
            raw = raw[len(raw) - self.room :]
        self._add(name, what, raw)

    def add_text(self, name: str, what: str, text: str) -> None:
        """Add something small as it is."""
        self._add(name, what, text.encode("utf-8", "replace"))

    def _add(self, name: str, what: str, raw: bytes) -> None:
        self.files[name], self.told[name] = raw, what

    def index(self, *, version: str, when: datetime, where: str, secrets: int) -> str:
        """What is inside, and what is not."""
        lines = [_HEAD.format(version=version, when=when.isoformat(timespec="seconds"), where=where, secrets=secrets)]
        lines += [
            "Inside:",
            *(f"  {name}  ({len(self.files[name])} bytes): {what}" for name, what in self.told.items()),
        ]
        lines += ["", "Left out:", *(f"  {each}" for each in self.left_out or ["nothing"])]
        return "\n".join(lines) + "\n"


def archive(files: Iterable[tuple[str, bytes]], folder: str, when: datetime) -> bytes:
    """The files as a tar.gz, which says nothing of who made it on which machine."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as tar:
        for name, content in files:
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mtime, entry.mode = len(content), int(when.timestamp()), 0o600
            tar.addfile(entry, io.BytesIO(content))
    return raw.getvalue()
