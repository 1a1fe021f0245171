"""The embedded PostgreSQL, handled as the other components are."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path


class Postgres:
    """One PostgreSQL server; ``services.postgres`` starts and ends it.

    Args:
        folder: its data folder.
        run: runs ``services.postgres`` with arguments in the services' environment; returns what it prints.
        databases: made where they are not there yet.
    """

    def __init__(self, folder: Path, run: Callable[..., str], databases: Sequence[str]) -> None:
        self._folder = folder
        self._run = run
        self._databases = databases
        self._address = folder.parent / "database"

    @property
    def address(self) -> str:
        """URL with DATABASE for the name; empty before the first start."""
        return self._address.read_text() if self._address.exists() else ""

    @property
    def pid(self) -> int | None:
        """The process id of the postmaster, if it is alive."""
        try:
            pid = int((self._folder / "postmaster.pid").read_text().split()[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError, IndexError, ValueError):
            return None
        return pid if str(self._folder).encode() in command else None

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            SandboxError: it does not come up.
        """
        self._address.write_text(self._run("up", str(self._folder), *self._databases).splitlines()[-1])

    def wait(self) -> None:
        """It answers when ``start`` returns."""

    def stop(self) -> None:
        """End it, and wait for that; a connection in use is cut."""
        if self.pid is not None:
            self.signal(signal.SIGCONT)
            self._run("down", str(self._folder))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and to its workers, each of which is a process group of its own."""
        pid = self.pid
        if pid is None:
            return
        workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for one in (pid, *map(int, workers)):
            try:
                os.kill(one, number)
            except ProcessLookupError:
                continue
