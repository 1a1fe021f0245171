"""The end of the process: in order if there is time for it, and within a Pod's 30 seconds in any case."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Callable

RECONCILE_SECONDS = 12.0
"""How long reconciles under way may take to end; what they leave undone is found by the next process."""

GRACE_SECONDS = 25.0
"""After which the process ends wherever it is: a Pod that is told to stop is killed after 30."""

_THREADS_SECONDS = 0.5
_INTERRUPTED = 130

_log = logging.getLogger(__name__)


def _after(seconds: float, act: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


class Shutdown:
    """Ends the process: by itself at the first signal, at once at the second one or when the grace is over.

    Args:
        stop: set at the first signal, in the event loop's thread.
        exit_now: ends the process without any clean-up: ``os._exit``.
        grace: seconds from the first signal.
        after: calls a function after so many seconds, in a thread that does not keep the process.
    """

    def __init__(
        self,
        stop: asyncio.Event,
        exit_now: Callable[[int], object] = os._exit,
        grace: float = GRACE_SECONDS,
        after: Callable[[float, Callable[[], None]], object] = _after,
    ) -> None:
        self._stop = stop
        self._exit = exit_now
        self._grace = grace
        self._after = after

    def signalled(self) -> None:
        """A signal has come."""
        if self._stop.is_set():
            _log.warning("told twice to end: the process ends at once")
            self._exit(_INTERRUPTED)
            return
        _log.info("told to end")
        self._stop.set()
        # Nobody stops it: it goes with the process, and until then there may always be something that hangs.
        self._after(self._grace, self._over)

    def _over(self) -> None:
        _log.error("not at its end after %g s: the process ends at once", self._grace)
        self._exit(1)


def leave(code: int, exit_now: Callable[[int], object] = os._exit) -> int:
    """End without waiting for reconciles and polls that hang in a call; else give the code back.

    Python waits for the threads of a pool at its end, and a call to the cloud may take a minute; one to an API server
    that is away, a quarter of one.

    Args:
        code: the exit code.
        exit_now: ends the process without any clean-up.
    """
    deadline = time.monotonic() + _THREADS_SECONDS
    threads = [thread for thread in threading.enumerate() if thread.name.startswith(("reconcile", "kube", "poll"))]
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    hanging = sum(thread.is_alive() for thread in threads)
    if hanging:
        _log.warning("%d calls are left in the middle", hanging)
        logging.shutdown()
        sys.stdout.flush()
        exit_now(code)
    return code
