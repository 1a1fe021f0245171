"""``python asker.py TARGETS``: asks at addresses all the time, as several clients do, and tells by JSON what it got.

TARGETS is a JSON list of objects, with the fields of `sandbox.data_path.asking.Target`. Each line on standard input is
answered by one line: what was counted for each target since the line before. The end of the input ends it.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import ssl
import sys
import threading
import time
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

_KEPT = 10
"""So many failures of each target are told by their words."""
_GOOD = range(200, 400)
_CLOSED = (ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected)


class FailedError(Exception):
    """A request was not answered as it should be; the message says how."""


class Tally:
    """What one target's clients have got since they were last asked.

    Args:
        now: monotonic time, in seconds.
    """

    def __init__(self, now: float) -> None:
        self._lock = threading.Lock()
        self._last = now
        self._begin()

    def _begin(self) -> None:
        self._answers: Counter[str] = Counter()
        self._certificates: Counter[str] = Counter()
        self._failures: list[str] = []
        self._failed = self._again = 0
        self._gap = 0.0

    def answered(self, name: str, certificate: str, now: float) -> None:
        """A request was answered well."""
        with self._lock:
            self._answers[name] += 1
            if certificate:
                self._certificates[certificate] += 1
            self._gap, self._last = max(self._gap, now - self._last), now

    def failed(self, why: str) -> None:
        """A request was not."""
        with self._lock:
            self._failed += 1
            if len(self._failures) < _KEPT:
                self._failures.append(why)

    def again(self) -> None:
        """A connection was closed while nothing was under way on it, so that its next request takes another."""
        with self._lock:
            self._again += 1

    def take(self, now: float) -> dict[str, Any]:
        """What was counted, and begin anew; a gap goes on."""
        with self._lock:
            told = {
                "answers": dict(self._answers),
                "certificates": dict(self._certificates),
                "failed": self._failed,
                "failures": self._failures,
                "again": self._again,
                "gap": max(self._gap, now - self._last),
            }
            self._begin()
            return told


class Client:
    """Asks at one target, one request after the other.

    Args:
        target: its fields.
        tally: where it counts.
    """

    def __init__(self, target: dict[str, Any], tally: Tally) -> None:
        self._target = target
        self._tally = tally
        parts = urlsplit(target["url"])
        self._path = parts.path or "/"
        named: dict[str, Any] = {"timeout": target["timeout"], "source_address": (target["source"], 0)}
        if parts.scheme == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                parts.hostname or "", parts.port, context=context, **named
            )
        else:
            self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, **named)
        self._certificate = ""

    def forever(self) -> None:
        """Ask until the process ends."""
        while True:
            try:
                name = self.ask()
            except (FailedError, OSError, http.client.HTTPException) as error:
                self._connection.close()
                self._tally.failed(f"{type(error).__name__}: {error}")
            else:
                self._tally.answered(name, self._certificate, time.monotonic())
            time.sleep(self._target["pause"])

    def ask(self) -> str:
        """Who answers one request: by its name, else by the status.

        Raises:
            FailedError, OSError, HTTPException: nobody, or not well.
        """
        kept = self._connection.sock is not None
        try:
            return self._once()
        except _CLOSED:
            if not kept:
                raise
        # What HTTP has clients do where a kept connection was closed meanwhile; curl and browsers do it, too.
        self._connection.close()
        self._tally.again()
        return self._once()

    def _once(self) -> str:
        if self._connection.sock is None:
            self._connection.connect()
            found = getattr(self._connection.sock, "getpeercert", None)
            self._certificate = hashlib.sha256(found(binary_form=True)).hexdigest() if found else ""
        headers = {} if self._target["keep_alive"] else {"Connection": "close"}
        if host := self._target.get("host"):
            headers["Host"] = host
        self._connection.request("GET", self._path, headers=headers)
        answer = self._connection.getresponse()
        answer.read()
        if not self._target["keep_alive"]:
            self._connection.close()
        if answer.status not in _GOOD:
            raise FailedError(f"status {answer.status}")
        return answer.headers.get("X-Server") or str(answer.status)


def main() -> None:
    """Start the clients, and answer for them."""
    tallies = {}
    for target in json.loads(sys.argv[1]):
        tally = tallies[target["name"]] = Tally(time.monotonic())
        for _ in range(target["clients"]):
            threading.Thread(target=Client(target, tally).forever, daemon=True).start()
    for _ in sys.stdin:
        print(json.dumps({name: tally.take(time.monotonic()) for name, tally in tallies.items()}), flush=True)


if __name__ == "__main__":
    main()
