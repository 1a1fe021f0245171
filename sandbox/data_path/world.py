"""One network world: user, network and process namespaces, held by one process and entered by others."""

from __future__ import annotations

import ipaddress
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox import files
from sandbox.errors import SandboxError
from sandbox.process import MARK, Process

_HOLDER = Path(__file__).resolve().parent / "holder.py"
_SERVER = Path(__file__).resolve().parent / "server.py"
_PING = Path(__file__).resolve().parent / "ping.py"
_USER = ("--user", "--map-root-user")
_NAMESPACES = ("--net", "--pid", "--fork", "--kill-child")
ALONE = (sys.executable, "-I", "-S")
"""Our own scripts' interpreter: they take nothing but the standard library."""
_ENTER = {_USER: ("--user", "--preserve-credentials"), (): ()}
_SECONDS = 60.0
_PORTS = 1 << 16


def kind() -> tuple[str, ...]:
    """How namespaces are made here: with one of users, or as root without; found by trying.

    Raises:
        SandboxError: not at all.
    """
    missing = [name for name in ("unshare", "nsenter") if not shutil.which(name)]
    if missing:
        raise SandboxError(f"{' and '.join(missing)} (of util-linux) cannot be found")
    said = ""
    for user in (_USER, ()) if os.geteuid() == 0 else (_USER,):
        command = ["unshare", *user, *_NAMESPACES, "true"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - fixed words
        if done.returncode == 0:
            return user
        said = said or done.stderr.strip()
    raise SandboxError(f"no namespaces can be made here ({said})")


class World:
    """A project's network world.

    Args:
        name: the project's.
        folder: its state.
        user: how its namespaces are made, as `kind` says.
    """

    def __init__(self, name: str, folder: Path, user: tuple[str, ...] = _USER) -> None:
        self.name = name
        self.folder = folder
        self._user = user
        self._file = folder / "world.json"

    @property
    def process(self) -> Process:
        """Its holder: whatever was started in the world ends with it."""
        command = ["unshare", *self._user, *_NAMESPACES, *ALONE, str(_HOLDER), str(self._file)]
        return Process(f"world-{self.name}", self.folder, command, lambda: self._inside() is not None)

    def _inside(self) -> int | None:
        """The first process in it, as its holder started it; None: it does not run."""
        try:
            pid = int(json.loads(self._file.read_text())["pid"])
            parent = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            return None
        return pid if parent == self.process.pid else None

    def start(self) -> None:
        """Start it, unless it runs.

        Raises:
            SandboxError: it does not come up.
        """
        (self.folder / "balancers").mkdir(parents=True, exist_ok=True)
        check = self.folder / "ping"
        files.write(check, f'#!/bin/sh\nexec {shlex.join([*ALONE, str(_PING)])} "$@"\n', 0o700)
        self.process.start()
        self.process.wait(_SECONDS)

    def stop(self) -> None:
        """End it, and all that runs in it."""
        for server in self.servers():
            server.stop()
        self.process.stop()

    @property
    def pid(self) -> int:
        """Of the first process in it.

        Raises:
            SandboxError: it does not run.
        """
        pid = self._inside()
        if pid is None:
            raise SandboxError(f"the network world of {self.name} does not run")
        return pid

    def enter(self, *command: str) -> list[str]:
        """The command that runs another one in the world.

        Raises:
            SandboxError: it does not run.
        """
        return ["nsenter", "--target", str(self.pid), *_ENTER[self._user], "--net", "--pid", "--", *command]

    def execute(
        self,
        *command: str,
        source: str = "",
        seconds: float = 60.0,
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the world, to its end.

        Args:
            command: of it.
            source: the address that it comes from, where it is a ``curl``; else one foreign to every project.
            seconds: for which it may run.
            environment: beside this process's own.
            cwd: its folder.
            stdin: what it reads.

        Raises:
            SandboxError: the world does not run, or a source is asked for that cannot be had.
            subprocess.TimeoutExpired: it took longer.
        """
        return subprocess.run(  # noqa: S603 - the caller's own command
            self.enter(*sourced(command, source)),
            capture_output=True,
            text=True,
            input=stdin if stdin is not None else "",
            timeout=seconds,
            check=False,
            cwd=cwd,
            # What a service starts here is not the service's own, and does not end with it.
            env={**{name: value for name, value in os.environ.items() if name != MARK}, **(environment or {})},
        )

    def serve(self, *spots: str, certificate: Path | None = None, clients: Path | None = None) -> None:
        """Start a small HTTP server at each place; it answers with its name.

        Args:
            spots: ``ADDRESS:PORT``.
            certificate: a PEM file with certificate and key: it speaks TLS.
            clients: a PEM file with an authority: it speaks only to those who show a certificate of it.

        Raises:
            SandboxError: the world does not run, a place or a file is none, or one does not come up.
        """
        tls = [each for each in (certificate, clients) if each is not None]
        for spot in spots:
            check_spot(spot)
        for file in tls:
            if not file.is_file():
                raise SandboxError(f"there is no file {file}")
        servers = [self._server(spot, *tls) for spot in spots]
        for spot, server in zip(spots, servers, strict=True):
            # One that speaks otherwise than is asked for now is another one.
            spoken, speaks = self._ready(spot).with_suffix(".tls"), json.dumps([str(each.resolve()) for each in tls])
            if server.pid is not None and spoken.exists() and spoken.read_text() != speaks:
                server.stop()
            if server.pid is None:
                self._ready(spot).unlink(missing_ok=True)
                files.write(spoken, speaks)
            server.start()
        for server in servers:
            server.wait(_SECONDS)

    def end(self, *spots: str) -> None:
        """End the servers at these places."""
        for spot in spots:
            self._server(spot).stop()

    def server(self, spot: str) -> Process:
        """The server at a place, to pause it or to ask whether it runs."""
        return self._server(spot)

    def servers(self) -> list[Process]:
        """Those that run."""
        found = sorted((self.folder / "servers" / "run").glob("*.pid"))
        each = [Process(path.stem, self.folder / "servers", [], lambda: True) for path in found]
        return [server for server in each if server.pid is not None]

    def _ready(self, spot: str) -> Path:
        return self.folder / "servers" / f"{spot.replace('/', '_')}.ready"

    def _server(self, spot: str, *tls: Path) -> Process:
        ready = self._ready(spot)
        (self.folder / "servers").mkdir(parents=True, exist_ok=True)
        server = self.enter(*ALONE, str(_SERVER), spot, str(ready), *map(str, tls))
        # What stays outside of the world waits for the server, and buries it: a signal is for the server alone.
        command = ["env", "--ignore-signal=TERM", *server]
        return Process(ready.stem, self.folder / "servers", command, ready.exists)


def check_spot(spot: str) -> None:
    """Find out whether a server can be there.

    Raises:
        SandboxError: it is no ``ADDRESS:PORT``.
    """
    address, _, port = spot.rpartition(":")
    try:
        ipaddress.ip_address(address.strip("[]"))
        good = port.isascii() and port.isdecimal() and 0 < int(port) < _PORTS
    except ValueError:
        good = False
    if not good:
        raise SandboxError(f"{spot} is no ADDRESS:PORT, as 10.40.0.11:8080 and [2001:db8::1]:80 are")


def sourced(command: Sequence[str], source: str) -> list[str]:
    """A command that comes from an address.

    Raises:
        SandboxError: it is no ``curl``, the one that can be told.
    """
    if not source:
        return list(command)
    if Path(command[0]).name != "curl":
        raise SandboxError(f"only curl can be told the address that it comes from, not {command[0]}")
    return [command[0], "--interface", source, *command[1:]]
