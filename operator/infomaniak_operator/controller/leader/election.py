"""The controller's part in the Lease: a thread keeps trying, and the event loop is told how it stands.

A thread of its own, for a loop or a pool that is busy for ten seconds would lose the Lease.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Protocol

from infomaniak_operator.controller.leader.lease import Lease

_JOIN_SECONDS = 8.0
"""An attempt under way, and giving the Lease back."""

_log = logging.getLogger(__name__)


class LeaseLost(Exception):  # noqa: N818 - what happened
    """This process led and does not any more: it must end, see ``controller.leader.lease``."""


class Leadership(Protocol):
    """What the controller asks of whoever decides which process acts. All of it belongs to the event loop."""

    async def lead(self) -> None:
        """Begin to try; return once this process leads."""

    async def lost(self) -> None:
        """Return once it led and does not any more."""

    async def resign(self) -> None:
        """Change nothing any more from now on, and let another lead at once. Raises nothing."""


class Election:
    """``Leadership`` by a Lease.

    Args:
        lease: this process's part in it.
    """

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leads = asyncio.Event()
        self._lost = asyncio.Event()

    async def lead(self) -> None:
        """Begin to try; return once this process leads."""
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._run, name="lease", daemon=True)
            self._thread.start()
        await self._leads.wait()

    async def lost(self) -> None:
        """Return once it led and does not any more."""
        await self._lost.wait()

    async def resign(self) -> None:
        """Stop trying; give the Lease back if it is held."""
        self._lease.halt()
        self._stop.set()
        if self._thread:
            await asyncio.to_thread(self._thread.join, _JOIN_SECONDS)

    def _run(self) -> None:
        seen = ""
        while not self._stop.is_set():
            try:
                held = self._lease.step()
            except Exception:  # noqa: BLE001 - whatever it is: the deadline decides
                held = self._lease.valid()
                _log.exception("the Lease: an attempt failed unexpectedly")
            if self._stop.is_set():
                break
            if self._lease.over:
                _log.error("the Lease is lost, to %s", self._lease.holder or "nobody known")
                self._tell(self._lost.set)
                return
            if self._lease.holder != seen:
                seen = self._lease.holder
                _log.info("the Lease is held by %s%s", seen or "nobody", ", this process" if held else "")
            if held:
                self._tell(self._leads.set)
            self._stop.wait(self._lease.times.retry)
        self._lease.give_back()

    def _tell(self, what: Callable[[], None]) -> None:
        if self._loop:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(what)
