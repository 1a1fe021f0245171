"""The operator's process while something is done to it: what it takes of memory, processor and threads."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.process import free_ports, surroundings

_TICKS = os.sysconf("SC_CLK_TCK")
_QUIET = 0.05
"""An operator that takes less of a processor than this share is at rest."""


@dataclass(slots=True)
class Subject:
    """A running operator.

    Attributes:
        process: its process.
        health: the port of its probes.
        metrics: the port of its metrics.
        last: MiB at the highest and seconds of processor, when it was last looked at alive.
    """

    process: subprocess.Popen[bytes]
    health: int
    metrics: int
    last: tuple[int, float] = (0, 0.0)

    @property
    def ended(self) -> int | None:
        """Its exit code; None while it runs."""
        return self.process.poll()

    def cpu(self) -> float:
        """Seconds of processor so far, its own and the kernel's for it."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0

    def rss(self) -> int:
        """MiB that are resident now."""
        return self._status("VmRSS") // 1024

    def peak(self) -> int:
        """MiB that were resident at the highest since the start or the last ``forget_peak``."""
        return self._status("VmHWM") // 1024

    def forget_peak(self) -> None:
        """Measure the highest anew."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def threads(self) -> int:
        """How many threads it has."""
        return self._status("Threads")

    def rest(self, seconds: float = 60.0) -> None:
        """Wait until it has had next to nothing to do for two seconds, or so many seconds have passed."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and self.ended is None:
            before = self.cpu()
            time.sleep(2.0)
            if self.cpu() - before < 2.0 * _QUIET:
                return

    def until(self, done: Callable[[], bool], seconds: float) -> float | None:
        """Wait for something; the seconds it took, or None where it ended before or they were not enough."""
        began = time.monotonic()
        while time.monotonic() - began < seconds and self.ended is None:
            self.last = (self.peak() or self.last[0], round(self.cpu(), 1) or self.last[1])
            if done():
                return round(time.monotonic() - began, 1)
            time.sleep(0.1)
        return None

    def _proc(self, name: str) -> str:
        try:
            return Path(f"/proc/{self.process.pid}/{name}").read_text(encoding="ascii")
        except (FileNotFoundError, ProcessLookupError):
            return ""

    def _status(self, name: str) -> int:
        _, _, found = self._proc("status").partition(f"{name}:")
        return int(found.split()[0]) if found else 0


@contextmanager
def operator(python: Path, kubeconfig: Path, log: Path, *arguments: str) -> Iterator[Subject]:
    """An operator of the environment that ``python`` belongs to, with a cluster administrator's rights."""
    health, metrics = free_ports(2)
    words: Sequence[str] = (
        str(python),
        "-m",
        "infomaniak_operator.cli.main",
        "run",
        "--kubeconfig",
        str(kubeconfig),
        "--health-address",
        f"127.0.0.1:{health}",
        "--metrics-address",
        f"127.0.0.1:{metrics}",
        *arguments,
    )
    with log.open("ab") as out:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=surroundings(), cwd="/")
    # As many open files as a container has: what it holds is to be its own bound.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield Subject(process, health, metrics)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
