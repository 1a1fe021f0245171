"""Asking the API server until it answers: nothing that goes wrong ends that, and everything that does is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from infomaniak_operator.controller.kube.kube_api import Forbidden, KubeError, NotFound, Unauthorized
from infomaniak_operator.controller.timers import Timers, sleep

_RIGHTS_SECONDS = 10.0
"""How long it takes, at least, until what only a person can give is asked for again."""

_log = logging.getLogger(__name__)


class Retrying:
    """Asks in threads of its own, which nobody waits for at the end of the process.

    Args:
        timers: the clock.
        longest: the longest pause between two attempts, seconds.
        threads: how many questions may be asked at once.
        failed: called in the loop after each attempt that failed.
    """

    def __init__(self, timers: Timers, longest: float, threads: int, failed: Callable[[], None]) -> None:
        self._timers = timers
        self._longest = longest
        self._failed = failed
        # Not the loop's: whose end waits for all of its threads, and one may be waiting for a server that is away.
        self.threads = ThreadPoolExecutor(threads, thread_name_prefix="kube")
        self.defects = 0

    async def ask(self, trouble: str, question: Callable[[], object]) -> None:
        """Ask until there is an answer.

        Args:
            trouble: what to say where there is none.
            question: blocks; raises ``KubeError``. What else it raises is a defect, and no reason to give up either.
        """
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            try:
                await loop.run_in_executor(self.threads, question)
            except Exception as error:  # noqa: BLE001 - a defect, too: nobody else would notice, or try again
                failures += 1
                pause = min(self._longest, 0.5 * 2.0 ** min(failures - 1, 16))
                if isinstance(error, KubeError):
                    lacking = _lacking(error)
                    pause = max(pause, min(_RIGHTS_SECONDS, self._longest)) if lacking else pause
                    _log.warning("%s (%s)%s; again in %.1f s", trouble, error, lacking, pause)
                else:
                    self.defects += 1
                    told = error if failures == 1 else None
                    what = type(error).__name__
                    _log.error("%s (a defect: %s); again in %.1f s", trouble, what, pause, exc_info=told)
                self._failed()
                await sleep(self._timers, pause)
            else:
                return


def _lacking(error: KubeError) -> str:
    """What the operator lacks, where only a person can give it; empty where it may come by itself."""
    if isinstance(error, Forbidden):
        return ": a right is missing, see deploy/rbac.yaml or the chart"
    if isinstance(error, Unauthorized):
        return ": the API server does not accept the operator's token or certificate"
    if isinstance(error, NotFound):
        return ": it is not there; are the CustomResourceDefinitions (crds/) applied?"
    return ""
