"""One component of the sandbox: a process of its own, found again by its pid file."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sandbox import files, trouble
from sandbox.errors import SandboxError

STOP_SECONDS = 4.0
"""All state is in the databases: what does not end by then can be killed."""


MARK = "INFOMANIAK_SANDBOX_PART"
"""In the environment of a component: what has it from a component that is gone is ended when that is started anew."""
_LOOPBACK = "127.0.0.1,localhost"
_PORTS = range(20000, 32000)
"""Below those that Linux gives to outgoing connections, one of which could take a port before its server does."""


def port_free(port: int) -> bool:
    """Whether nobody listens on a port of the loopback address."""
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on now."""
    tried = iter(random.SystemRandom().sample(_PORTS, len(_PORTS)))
    return [next(port for port in tried if port_free(port)) for _ in range(count)]


class Process:
    """A component.

    Args:
        name: for messages.
        folder: where its log and its pid file lie.
        command: what is run.
        environment: further environment variables.
        ready: whether it answers; asked again until it does.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        command: Sequence[str],
        ready: Callable[[], bool],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = folder / "log" / f"{name}.log"
        self._pidfile = folder / "run" / f"{name}.pid"
        self._command = list(command)
        self._environment = dict(environment or {})
        self._ready = ready

    @property
    def pid(self) -> int | None:
        """Its process id, if it is alive and still the one we started."""
        try:
            pid, when = self._pidfile.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if started(int(pid)) == when else None

    def start(self) -> None:
        """Start it, unless it runs."""
        if self.pid is not None:
            return
        for parent in (self.log.parent, self._pidfile.parent):
            parent.mkdir(parents=True, exist_ok=True)
        for lost in _marked(str(self._pidfile)):
            os.kill(lost, signal.SIGKILL)
            deadline = time.monotonic() + STOP_SECONDS
            while started(lost) and time.monotonic() < deadline:  # it may hold what the new one needs
                time.sleep(0.02)
        with self.log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - the sandbox's own servers
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**surroundings(), **self._environment, MARK: str(self._pidfile)},
            )
        files.write(self._pidfile, f"{process.pid} {started(process.pid)}")

    def wait(self, seconds: float = 300.0) -> None:
        """Wait until it answers.

        Raises:
            SandboxError: it died, or does not answer in time.
        """
        deadline = time.monotonic() + seconds
        while not self._ready():
            if self.pid is None:
                raise SandboxError(
                    f"{self.name} ended while it started; its log is {self.log} and ends:\n{self._tail()}\n"
                    f"{trouble.advice(self._tail(), self.log.parent, trouble.STATE_GB, building=False)}".rstrip()
                )
            if time.monotonic() > deadline:
                raise SandboxError(f"{self.name} does not answer after {seconds:.0f} s; its log is {self.log}")
            time.sleep(0.1)

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:]) if self.log.exists() else "(empty)"

    def stop(self) -> None:
        """End it and what it started; kill it where it does not go."""
        pid = self.pid
        if pid is None:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while _group_alive(pid):
            if time.monotonic() > deadline:
                self.signal(signal.SIGKILL)
                break
            time.sleep(0.02)
        self._pidfile.unlink(missing_ok=True)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and what it started."""
        pid = self.pid
        if pid is not None:
            try:
                os.killpg(pid, number)
            except ProcessLookupError:
                return


def surroundings() -> dict[str, str]:
    """The caller's environment without his cloud, and with the loopback address never asked of a proxy."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    beside = ",".join(filter(None, (mine.get("NO_PROXY") or mine.get("no_proxy"), _LOOPBACK)))
    return {**mine, "NO_PROXY": beside, "no_proxy": beside}


def _marked(pidfile: str) -> list[int]:
    """What was started for a pid file that was never written, since whoever started it was killed in between."""
    mark, found = f"{MARK}={pidfile}".encode(), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # another user's, or gone
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found


def started(pid: int) -> str | None:
    """When a process was started, in ticks: tells it from a later one with the same number. None if there is none."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def _group_alive(pid: int) -> bool:
    started(pid)
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(url: str, *, well: bool = False) -> bool:
    """Whether an HTTP server answers at a URL.

    Args:
        url: where.
        well: whether it has to say that all is well; else it may say whatever it will.
    """
    try:
        with _DIRECT.open(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        return not well
    except (OSError, ValueError):
        return False
