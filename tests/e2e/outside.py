"""What a user left on a machine outside the folders that are meant for it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

NOT_FILES = ("/proc", "/sys", "/dev/pts", "/dev/mqueue")


def existing(under: Path = Path("/")) -> dict[str, int]:
    """Every path there is, with the time of its last change in nanoseconds of the epoch."""
    return {path: info.st_mtime_ns for path, info in _all(under, set())}


def left_behind(uid: int, allowed: Sequence[Path], before: Mapping[str, int], under: Path = Path("/")) -> list[str]:
    """What a user left outside the folders that are theirs.

    Args:
        uid: the user.
        allowed: folders that are the user's.
        before: what there was before the user began, from `existing`.
        under: where to look.

    Returns:
        Paths that the user owns now, and files of others that everybody may write, each only if it is new or changed
        since. A new file of another owner is not counted: the user cannot have made it.
    """
    found = []
    for path, info in _all(under, {str(path) for path in allowed}):
        if before.get(path) == info.st_mtime_ns:
            continue
        open_to_all = stat.S_ISREG(info.st_mode) and info.st_mode & stat.S_IWOTH
        if info.st_uid == uid or (open_to_all and path in before):
            found.append(path)
    return sorted(found)


def _all(under: Path, without: set[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Everything under a folder, other file systems included, but for folders and what is no file at all."""
    for top, folders, names in os.walk(under):
        folders[:] = [name for name in folders if _joined(top, name) not in without | set(NOT_FILES)]
        for name in (*folders, *names):
            path = _joined(top, name)
            try:
                yield path, os.lstat(path)
            except OSError:  # gone in the meantime
                continue


def _joined(top: str, name: str) -> str:
    return f"{top.rstrip('/')}/{name}"


def processes(uid: int, proc: Path = Path("/proc")) -> list[str]:
    """What a user still runs, as commands."""
    found = []
    for entry in proc.iterdir():
        if entry.name.isdigit():
            try:
                if entry.stat().st_uid == uid:
                    found.append((entry / "cmdline").read_text(errors="replace").replace("\0", " ").strip())
            except OSError:  # gone in the meantime
                continue
    return sorted(filter(None, found))


def times(folders: Iterable[Path], without: Sequence[Path] = ()) -> dict[str, tuple[int, int]]:
    """Of everything in some folders: when it was changed, and how large it is."""
    skipped = {str(path) for path in without}
    return {path: (info.st_mtime_ns, info.st_size) for top in folders for path, info in _all(top, skipped)}


def changed(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> list[str]:
    """What is new, gone or different."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
