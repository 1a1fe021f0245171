"""The operator as a process of its own, running with the rights of its own ServiceAccount and no others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox import files
from sandbox.process import started, surroundings

STOP_SECONDS = 20.0

_QUIET = {"INFOMANIAK_OPERATOR_METRICS_ADDRESS": "", "INFOMANIAK_OPERATOR_HEALTH_ADDRESS": ""}
"""Several of them run on one machine, so that none may take the default ports; arguments can give others."""


class OperatorProcess:
    """Starts and stops ``infomaniak-operator run``.

    Args:
        folder: where its log and its process id are kept.
        kubeconfig: of the operator's ServiceAccount.
        arguments: further arguments of ``run``.
        environment: further environment variables.
        module: that is run, with the words of the command line.

    Attributes:
        log: what it says, after what former processes of the folder have said.
        log_begins: where in it the process that was started last begins, in bytes.
    """

    def __init__(
        self,
        folder: Path,
        kubeconfig: Path,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        *,
        module: str = "infomaniak_operator.cli.main",
    ) -> None:
        self._module = module
        self.log = folder / "operator.log"
        self.log_begins = 0
        self._pidfile = folder / "operator.pid"
        self._kubeconfig = kubeconfig
        self._arguments = arguments
        self._environment = environment or {}

    def start(self) -> int:
        """Start it, unless it runs; returns its process id."""
        running = self.pid()
        if running is not None:
            return running
        command = [sys.executable, "-m", self._module, "run", "--kubeconfig", str(self._kubeconfig)]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log_begins = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - this interpreter, with words of the demo's
                [*command, *self._arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**surroundings(), **_QUIET, **self._environment},
            )
        files.write(self._pidfile, f"{process.pid} {started(process.pid)}")
        return process.pid

    def pid(self) -> int | None:
        """The process id, if it is alive."""
        try:
            pid, when = self._pidfile.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if _alive(int(pid)) and started(int(pid)) == when else None

    def kill(self) -> None:
        """Kill it as a crash would: no clean-up, no last write."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, and wait for it; kill it where it does not."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        pid = self.pid()
        if pid is not None:
            os.kill(pid, how)
            deadline = time.monotonic() + STOP_SECONDS
            while _alive(pid) and time.monotonic() < deadline:
                time.sleep(0.05)
            if _alive(pid):
                os.kill(pid, signal.SIGKILL)
        self._pidfile.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        done, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # not a child of this process: another `demo` started it
    else:
        return done == 0
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
