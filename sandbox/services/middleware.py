"""What stands before each service: faults on demand, and a log of every call."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import socket
import struct
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]


class Dropped(Exception):  # noqa: N818 - a signal, not an error
    """The connection was closed without an answer."""


class Faults:
    """The rules of the control file, and how often each was used; shared by all processes of all services.

    Args:
        folder: where ``faults.json`` lies; rules are counted in ``faults-hit.json``.
    """

    def __init__(self, folder: Path) -> None:
        self._rules = folder / "faults.json"
        self._hits = folder / "faults-hit.json"

    def match(self, service: str, method: str, path: str) -> dict[str, Any] | None:
        """The first rule that is for this call and not used up; using it is counted."""
        try:
            rules = json.loads(self._rules.read_text())
        except (FileNotFoundError, ValueError):
            return None
        for rule in rules:
            if rule.get("service") not in (None, service) or rule.get("method") not in (None, method):
                continue
            if not re.search(rule.get("path", ""), path):
                continue
            if self._take(rule):
                return dict(rule)
        return None

    def _take(self, rule: dict[str, Any]) -> bool:
        with self._hits.open("a+") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            handle.seek(0)
            hits = json.loads(handle.read() or "{}")
            seen, taken = hits.get(rule["id"], [0, 0])
            chosen = _chosen(rule, seen) and (rule.get("count") is None or taken < rule["count"])
            hits[rule["id"]] = [seen + 1, taken + chosen]
            handle.seek(0)
            handle.truncate()
            handle.write(json.dumps(hits))
        return bool(chosen)


def _chosen(rule: dict[str, Any], seen: int) -> bool:
    """Whether the call of that number is hit: by chance, but the same chance for the same seed."""
    probability = rule.get("probability")
    if probability is None:
        return True
    number = int.from_bytes(hashlib.sha256(f"{rule.get('seed', 0)}:{seen}".encode()).digest()[:8], "big")
    return bool(number / 2**64 < probability)


class Middleware:
    """Wraps a service's application.

    Args:
        app: the service.
        service: its name in the log and in the rules.
        folder: the control folder.
    """

    def __init__(self, app: App, service: str, folder: Path) -> None:
        self._app = app
        self._service = service
        self._faults = Faults(folder)
        self._log = os.open(folder / "access.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one call."""
        begin = time.time()
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        rule = self._faults.match(self._service, environ["REQUEST_METHOD"], path) or {}
        status = "000 dropped"
        try:
            time.sleep(rule.get("delay_before", 0))
            if rule.get("reset") == "before":
                _drop(environ)
            if "status" in rule:
                status = f"{rule['status']} Injected"
                return _injected(self._service, rule["status"], start_response)
            status, headers, body = _answer(self._app, environ)
            time.sleep(rule.get("delay_after", 0))
            if rule.get("reset") == "after":
                _drop(environ)
            if "status_after" in rule:
                status = f"{rule['status_after']} Injected"
                return _injected(self._service, rule["status_after"], start_response)
            start_response(status, headers)
            return body
        finally:
            self._write(environ, path, status, begin)

    def _write(self, environ: Environ, path: str, status: str, begin: float) -> None:
        line = {
            "at": begin,
            "service": self._service,
            "method": environ["REQUEST_METHOD"],
            "path": path,
            "query": environ.get("QUERY_STRING", ""),
            "status": int(status.split(maxsplit=1)[0]),
            "seconds": round(time.time() - begin, 4),
            "project": environ.get("HTTP_X_PROJECT_ID", ""),
            "user": environ.get("HTTP_X_USER_ID", ""),
            "agent": environ.get("HTTP_USER_AGENT", ""),
        }
        os.write(self._log, (json.dumps(line) + "\n").encode())


def _answer(app: App, environ: Environ) -> tuple[str, list[tuple[str, str]], list[bytes]]:
    """The application's whole answer: it has done its work before any fault after it."""
    got: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        del exc_info
        got[:] = [status, headers]

    result = app(environ, start)
    try:
        body = list(result)
    finally:
        close = getattr(result, "close", None)
        if close:
            close()
    return got[0], got[1], body


def _injected(service: str, status: int, start_response: StartResponse) -> list[bytes]:
    """An error in the form that the service gives its own."""
    message = "injected by the sandbox"
    body = json.dumps(
        {
            "keystone": {"error": {"code": status, "message": message, "title": "Injected"}},
            "neutron": {"NeutronError": {"type": "InjectedFault", "message": message, "detail": ""}},
            "octavia": {"faultcode": "Server", "faultstring": message, "debuginfo": None},
            "barbican": {"code": status, "title": "Injected", "description": message},
            "designate": {"code": status, "type": "injected", "message": message},
        }[service]
    )
    start_response(f"{status} Injected", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body.encode()]


def _drop(environ: Environ) -> None:
    """Close the connection as a dying server would: a reset, no answer.

    Raises:
        Dropped: always.
    """
    connection = environ["sandbox.channel"].socket
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    environ["sandbox.channel"].will_close = True
    connection.shutdown(socket.SHUT_RDWR)
    raise Dropped
