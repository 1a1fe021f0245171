"""The pages: is it alive, is it ready, how does it stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from infomaniak_operator.engine.facts import Facts
from infomaniak_operator.engine.lease import Lease
from infomaniak_operator.observe.server import Answer, Page


def probes(facts: Callable[[], Facts], lease: Lease | None) -> dict[str, Page]:
    """``/healthz`` and ``/readyz``.

    Args:
        facts: how the engine stands.
        lease: where there is leader election.
    """

    def healthz(_: str) -> Answer:
        now = facts()
        return _checked(
            {
                f"watch, last heard of {now.beat_age:.0f} s ago": now.alive,
                f"workers, the longest at its reconcile for {now.longest_running_seconds:.0f} s": not now.hanging,
            }
        )

    def readyz(_: str) -> Answer:
        now = facts()
        missing = ", ".join(kind for kind, listed in now.listed.items() if not listed)
        checks = {f"caches{f', not yet {missing}' if missing else ''}": now.ready}
        if lease:
            # One that waits is ready, too: it takes over without having to list anything.
            checks[f"lease, held by {lease.holder or 'nobody known'}"] = bool(lease.holder)
        return _checked(checks)

    return {"/healthz": healthz, "/readyz": readyz}


def metrics(registry: CollectorRegistry) -> dict[str, Page]:
    """``/metrics``."""

    def page(accept: str) -> Answer:
        try:
            encode, content_type = choose_encoder(accept)
        except Exception:  # noqa: BLE001 - a version that is none: whoever asks so gets the format that all can read
            encode, content_type = choose_encoder("")
        return Answer(HTTPStatus.OK, encode(registry), content_type)

    return {"/metrics": page}


def _checked(checks: Mapping[str, bool]) -> Answer:
    text = "".join(f"[{'+' if good else '-'}] {name}\n" for name, good in checks.items())
    return Answer(HTTPStatus.OK if all(checks.values()) else HTTPStatus.SERVICE_UNAVAILABLE, text.encode())
