"""The pages: is it alive, is it ready, how does it stand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from infomaniak_operator.controller.leader.lease import Lease
from infomaniak_operator.controller.stats import Stats
from infomaniak_operator.metrics.http_server import Answer, Page


def probes(stats: Callable[[], Stats], lease: Lease | None) -> dict[str, Page]:
    """``/healthz`` and ``/readyz``.

    Args:
        stats: how the controller stands.
        lease: where there is leader election.
    """

    def healthz(_: str) -> Answer:
        now = stats()
        return _checked(
            {
                f"watch, last heard of {now.beat_age:.0f} s ago": now.alive,
                f"workers, the longest at its reconcile for {now.longest_running_seconds:.0f} s": not now.hanging,
            }
        )

    def readyz(_: str) -> Answer:
        now = stats()
        missing = ", ".join(kind for kind, listed in now.listed.items() if not listed)
        checks = {f"caches{f', not yet {missing}' if missing else ''}": now.ready}
        if lease:
            # One that waits is ready, too: it takes over without having to list anything.
            checks[f"lease, held by {lease.holder or 'nobody known'}"] = bool(lease.holder)
        return _checked(checks)

    return {"/healthz": healthz, "/readyz": readyz}


_KEPT = 1.0
"""Seconds for which the metrics are told again as they are: however many ask, they are made once in that time."""


def metrics(registry: CollectorRegistry, now: Callable[[], float] = time.monotonic) -> dict[str, Page]:
    """``/metrics``.

    Args:
        registry: what is told.
        now: monotonic seconds.
    """
    lock = threading.Lock()
    kept: dict[str, tuple[float, Answer]] = {}

    def page(accept: str) -> Answer:
        try:
            encode, content_type = choose_encoder(accept)
        except Exception:  # noqa: BLE001 - the library does not foresee every header; what all understand will do
            encode, content_type = choose_encoder("")
        with lock:
            at, answer = kept.get(content_type, (float("-inf"), None))
            if answer is None or now() >= at + _KEPT:
                answer = Answer(HTTPStatus.OK, encode(registry), content_type)
                kept.clear()  # one form is asked for; another is made anew
                kept[content_type] = (now(), answer)
            return answer

    return {"/metrics": page}


def _checked(checks: Mapping[str, bool]) -> Answer:
    text = "".join(f"[{'+' if good else '-'}] {name}\n" for name, good in checks.items())
    status = HTTPStatus.OK if all(checks.values()) else HTTPStatus.SERVICE_UNAVAILABLE
    return Answer(status, text.encode("utf-8", "replace"))
