"""Who is told the metrics, and that probes are told to everybody."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest

from infomaniak_operator.cli.options import Options
from infomaniak_operator.cli.serving import serving
from infomaniak_operator.cli.wiring import Operator
from infomaniak_operator.metrics.http_server import Address
from infomaniak_operator.metrics.operator_metrics import Metrics
from infomaniak_operator.metrics.scrape_access import Access
from tests.support.clock import ManualClock
from tests.support.fake_kube import FakeKube
from tests.unit.metrics.test_metrics import STATS, get


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize(
    ("protected", "token", "status"),
    [
        (False, "", 200),
        (True, "", 401),
        (True, "Bearer x", 401),
        (True, "Bearer tenant", 403),
        (True, "Bearer ok", 200),
    ],
)
def test_metrics_behind_the_api_server_s_word_and_probes_before_it(protected: bool, token: str, status: int) -> None:
    clock, kube = ManualClock(), FakeKube()
    kube.tokens = {"ok": "prometheus", "tenant": "tenant"}
    kube.allowed = {("prometheus", "get", "/metrics")}
    manager: Any = SimpleNamespace(stats=lambda: STATS)
    access = Access(kube, clock.monotonic) if protected else None
    clouds: Any = None
    operator = Operator(manager, clouds, Metrics(clock.now, clock.monotonic, "1"), None, access)
    port = free_port()
    address = Address("127.0.0.1", port)
    with serving(Options(metrics_address=address, health_address=address), operator):
        assert get(f"http://127.0.0.1:{port}/metrics", Authorization=token)[0] == status
        assert get(f"http://127.0.0.1:{port}/healthz")[0] == 200
    assert bool(kube.calls) == (protected and bool(token))
