"""How much memory what runs here takes: a page that several processes have in common counts once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

_PROC = Path("/proc")


def families(roots: Mapping[str, int], parents: Mapping[int, int]) -> dict[str, list[int]]:
    """The processes of each component: its own, and all that come from it.

    Args:
        roots: first processes, by the component's name.
        parents: each process's parent. What a component has let go is its own again where that is the first process of
            a world, and nobody's else.
    """
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    found = {}
    for name, root in roots.items():
        mine = [root]
        for pid in mine:  # grows
            mine += children.get(pid, [])
        found[name] = mine
    return found


def taken(roots: Mapping[str, int]) -> dict[str, int]:
    """Memory of each component, in bytes: proportional shares (PSS), whose sum is what all take together.

    Args:
        roots: first processes, by the component's name.
    """
    return {name: sum(map(_share, pids)) for name, pids in families(roots, _parents(_pids())).items()}


def _pids() -> Iterable[int]:
    return [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]


def _parents(pids: Iterable[int]) -> dict[int, int]:
    found = {}
    for pid in pids:
        stat = _read(pid, "stat")
        if stat:
            found[pid] = int(stat.rpartition(")")[2].split()[1])
    return found


def _share(pid: int) -> int:
    return share(_read(pid, "smaps_rollup"))


def share(rollup: str) -> int:
    """The proportional share that a kernel's ``smaps_rollup`` names, in bytes; of an ended process's: none."""
    rows = (line.split() for line in rollup.splitlines())
    return next((int(row[1]) * 1024 for row in rows if row[0] == "Pss:"), 0)


def _read(pid: int, name: str) -> str:
    try:
        return (_PROC / str(pid) / name).read_text()
    except OSError:  # it has ended, or is another user's
        return ""
