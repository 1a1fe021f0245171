"""Of when that is which nft knows in a world: told by Neutron's process, waited for by Octavia's."""

from __future__ import annotations

import time
from pathlib import Path

from sandbox import files

_FILE = "told"
_STEP = 0.05


def tell(world: Path, read: float) -> None:
    """Say of when it is.

    Args:
        world: the world's folder.
        read: when it was begun to read it from Neutron, in seconds since the epoch.
    """
    files.write(world / _FILE, str(read))


def wait(world: Path, since: float, seconds: float) -> bool:
    """Wait until it is of then or later, but not for ever: Neutron may be at an end, or hang.

    Args:
        world: the world's folder.
        since: seconds since the epoch.
        seconds: for which to wait at most.

    Returns:
        Whether it came.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        told = world / _FILE
        if told.exists() and float(told.read_text()) >= since:
            return True
        time.sleep(_STEP)
    return False
