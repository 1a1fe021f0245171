"""Clients that ask at addresses of a world all the time, and count what they get."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from sandbox.data_path.world import ALONE, World
from sandbox.errors import SandboxError
from sandbox.process import MARK

_ASKER = Path(__file__).resolve().parent / "asker.py"
_SECONDS = 30.0
FOREIGN = "192.0.2.7"
"""An address of no project's network."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where is asked, and how.

    Attributes:
        name: by which it is told what was counted.
        url: of HTTP or HTTPS; a certificate is looked at, and not verified.
        keep_alive: whether a client keeps its connection for the next request.
        clients: how many ask beside each other.
        pause: seconds between an answer and the same client's next request.
        timeout: seconds for which an answer is waited for.
        source: the address that the requests come from.
        host: the name that is asked for; empty: what the URL says.
    """

    name: str
    url: str
    keep_alive: bool = False
    clients: int = 2
    pause: float = 0.02
    timeout: float = 5.0
    source: str = FOREIGN
    host: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """What one target has answered.

    Attributes:
        answers: how many, by the server's name; by the status where it does not say its name.
        certificates: how many, by the SHA-256 of the certificate.
        failed: requests without an answer, or with a status of 400 and more.
        failures: the first of them, in words.
        again: how often a kept connection was closed, so that its next request took a new one.
        gap: the longest time without an answer, in seconds.
    """

    answers: Mapping[str, int]
    certificates: Mapping[str, int]
    failed: int
    failures: Sequence[str]
    again: int
    gap: float

    @property
    def asked(self) -> int:
        """All requests."""
        return sum(self.answers.values()) + self.failed


class Asking:
    """Clients that ask for as long as this is entered.

    Args:
        world: where they are.
        targets: what they ask.

    Attributes:
        targets: the same.
    """

    def __init__(self, world: World, *targets: Target) -> None:
        self._world = world
        self.targets = targets

    def __enter__(self) -> Self:
        command = self._world.enter(*ALONE, str(_ASKER), json.dumps([asdict(each) for each in self.targets]))
        self._said = tempfile.TemporaryFile()
        self._line, theirs = socket.socketpair()
        self._line.settimeout(_SECONDS)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own script
                command,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._said,
                env={name: value for name, value in os.environ.items() if name != MARK},
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()  # which ends them
        self._process.wait(_SECONDS)
        self._said.close()

    def take(self) -> dict[str, Tally]:
        """What was counted since this was last called, by the targets' names.

        Raises:
            SandboxError: the clients have ended, or tell nothing.
        """
        try:
            self._line.sendall(b"\n")
            with self._line.makefile("rb") as told:
                line = told.readline()
        except OSError as error:
            raise self._ended(str(error)) from None
        if not line:
            raise self._ended("no answer")
        return {name: Tally(**told) for name, told in json.loads(line).items()}

    def _ended(self, why: str) -> SandboxError:
        self._said.seek(0)
        said = self._said.read().decode(errors="replace")[-2000:]
        return SandboxError(f"the clients in the world of {self._world.name} have ended: {why}; {said}")
