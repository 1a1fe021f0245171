"""Files that are there whole or not at all: what is killed under way leaves none that the next start stumbles on."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write(path: Path, text: str, mode: int | None = None) -> None:
    """Write a file beside its place, and move it there.

    Args:
        path: its place.
        text: its content.
        mode: its rights, for what is secret; else those of any new file.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            os.fchmod(out.fileno(), _usual() if mode is None else mode)
            out.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _usual() -> int:
    """The rights of a new file. The process's mask can only be read by setting it, which threads would notice."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("Umask:"):
            return 0o666 & ~int(line.split()[1], 8)
    return 0o644
