"""The embedded PostgreSQL, handled as the other components are."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from sandbox import files
from sandbox.errors import SandboxError

_LONGEST = 107 - len("/.s.PGSQL.5432")
"""Of a folder with a socket in it: the kernel takes no longer names."""
STOP_SECONDS = 20.0


class Postgres:
    """One PostgreSQL server; ``services.postgres`` starts it.

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
        self._elsewhere = folder.parent / "sockets"

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

    def start(self, *more: str) -> None:
        """Start it, and wait until it answers.

        Args:
            more: databases that are to be there as well.

        Raises:
            SandboxError: it does not come up.
        """
        sockets = self._sockets()
        if self.pid is None:  # its number may be another process's by now, for which PostgreSQL would not start
            for lock in (self._folder / "postmaster.pid", *sockets.glob(".s.PGSQL.*")):
                lock.unlink(missing_ok=True)
        self._run("up", str(self._folder), str(sockets), *self._databases, *more)
        files.write(self._address, f"postgresql://postgres:@/DATABASE?host={quote(str(sockets), safe='')}")

    def copy(self, target: Path) -> None:
        """Make a data folder like its own, while it runs and is used.

        Raises:
            SandboxError: it cannot be copied.
        """
        self._run("copy", str(self._folder), str(self._sockets()), str(target))

    def _sockets(self) -> Path:
        """The folder of its socket: its own, or where that has too long a name or a comma in it, a temporary one."""
        if _fits(self._folder):
            return self._folder
        if self._elsewhere.exists():
            known = Path(self._elsewhere.read_text())
            known.mkdir(mode=0o700, exist_ok=True)  # what tidies up the temporary folder may have taken it
            return known
        made = Path(tempfile.mkdtemp(prefix="infomaniak-"))
        if not _fits(made):
            made.rmdir()
            raise SandboxError(
                f"{self._folder} and {made.parent} cannot be the folder of a socket: choose a state folder with "
                f"at most {_LONGEST - len('/openstack/pg')} characters and no comma (make … SANDBOX=/short/path)"
            )
        files.write(self._elsewhere, str(made))
        return made

    def wait(self) -> None:
        """It answers when ``start`` returns."""

    def stop(self) -> None:
        """End it, and wait for that; a connection in use is cut."""
        for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            pid = self.pid
            if pid is None:
                break
            self.signal(signal.SIGCONT)
            os.kill(pid, how)
            deadline = time.monotonic() + STOP_SECONDS
            while self.pid == pid and time.monotonic() < deadline:
                time.sleep(0.02)

    def forget(self) -> None:
        """Remove what it has outside its folder, which is a folder for its socket at most; it must not run."""
        if self._elsewhere.exists():
            shutil.rmtree(self._elsewhere.read_text(), ignore_errors=True)
            self._elsewhere.unlink()

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


def _fits(folder: Path) -> bool:
    """Whether a socket may be in it: a comma would make it two, for PostgreSQL's clients."""
    return len(str(folder).encode()) <= _LONGEST and "," not in str(folder)
