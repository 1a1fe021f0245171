"""What the services were asked: for counting calls, which are the true cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """A call to OpenStack.

    Attributes:
        at: when it came in, seconds since the epoch.
        service: keystone, neutron or octavia.
        method: the HTTP method.
        path: without the query.
        query: the query.
        status: the answer's status; 0: the connection was dropped.
        seconds: how long it took.
        project: id of the caller's project, where it was authenticated.
        user: id of the caller.
        agent: its User-Agent.
    """

    at: float
    service: str
    method: str
    path: str
    query: str
    status: int
    seconds: float
    project: str
    user: str
    agent: str

    @property
    def by(self) -> str:
        """The program that called, by its User-Agent: ``operator`` (for ``infomaniak-operator/1.0 …``), ``octavia``."""
        return (self.agent.replace("/", " ").split() or [""])[0].removeprefix("infomaniak-")


@dataclass(frozen=True, slots=True)
class KubeCall:
    """A call to the API server.

    Attributes:
        user: the caller.
        verb: get, list, watch, create, update, patch, delete …
        uri: path and query.
        status: the answer's status.
        resource: ``resource`` or ``resource/subresource``.
    """

    user: str
    verb: str
    uri: str
    status: int
    resource: str


def _lines(path: Path, since: int) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with path.open("rb") as handle:
        handle.seek(since)
        for line in handle:
            if line.endswith(b"\n"):
                yield json.loads(line)


def position(path: Path) -> int:
    """Where the log ends now."""
    return path.stat().st_size if path.exists() else 0


def calls(path: Path, since: int) -> list[Call]:
    """The calls to OpenStack logged since a position."""
    return [Call(**line) for line in _lines(path, since)]


def kube_calls(path: Path, since: int, user: str | None) -> list[KubeCall]:
    """The calls to the API server logged since a position."""
    found = []
    for line in _lines(path, since):
        who = line.get("user", {}).get("username", "")
        if user is not None and who != user:
            continue
        ref = line.get("objectRef") or {}
        resource = "/".join(filter(None, (ref.get("resource", ""), ref.get("subresource", ""))))
        status = (line.get("responseStatus") or {}).get("code", 0)
        found.append(KubeCall(who, line["verb"], line["requestURI"], status, resource))
    return found
