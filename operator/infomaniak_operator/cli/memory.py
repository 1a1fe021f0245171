"""The memory of this process, which holds credentials: neither written to a file when it crashes nor read by others."""

from __future__ import annotations

import ctypes
import logging
import resource

_PR_SET_DUMPABLE = 4

_log = logging.getLogger(__name__)


def keep_private() -> None:
    """Leave no core file, and let no other process of the same user read or trace this one.

    The limit alone is not enough: the kernel does not apply it where cores are piped to a program, and on most nodes
    they are. What a system cannot do is logged, and costs nothing else.
    """
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError) as error:
        _log.warning("the size of core files cannot be limited here: %s", error)
    try:
        failed = ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    except (OSError, AttributeError) as error:
        _log.warning("core dumps cannot be turned off here: %s", error)
        return
    if failed:
        _log.warning("core dumps cannot be turned off here: error %d", ctypes.get_errno())
