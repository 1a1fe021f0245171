"""What listeners have counted, as Prometheus reads it."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from infomaniak_operator.cli.options import parse
from infomaniak_operator.cli.wiring import build
from infomaniak_operator.client.resources import Statistics
from infomaniak_operator.controller.interfaces import Key
from infomaniak_operator.metrics.http_pages import metrics as metrics_page
from infomaniak_operator.metrics.listener_collector import ListenerCollector

SOME: Statistics = {
    "active_connections": 2,
    "total_connections": 7,
    "bytes_in": 2**62,
    "bytes_out": 3000,
    "request_errors": 1,
}
FAMILIES = {
    "infomaniak_operator_listener_active_connections": ("gauge", 2.0),
    "infomaniak_operator_listener_connections": ("counter", 7.0),
    "infomaniak_operator_listener_bytes_in": ("counter", float(2**62)),
    "infomaniak_operator_listener_bytes_out": ("counter", 3000.0),
    "infomaniak_operator_listener_request_errors": ("counter", 1.0),
}


def scraped(told: Any, *, acting: bool = True, left_out: int = 0) -> dict[str, Any]:
    registry = CollectorRegistry()
    registry.register(ListenerCollector(lambda: acting, lambda: told, lambda: left_out))
    text = metrics_page(registry)["/metrics"]("").body.decode()
    return {each.name: each for each in text_string_to_metric_families(text)}


def test_counters_and_a_gauge_by_the_names_of_the_loadbalancer_and_its_listener() -> None:
    found = scraped([(Key("LoadBalancer", "n", "web"), "http", SOME)])
    for name, (kind, value) in FAMILIES.items():
        family = found[name]
        assert family.type == kind
        (sample,) = family.samples
        assert sample.labels == {"namespace": "n", "name": "web", "listener": "http"}
        assert sample.value == value
        assert sample.name == (f"{name}_total" if kind == "counter" else name)
    assert found["infomaniak_operator_listener_statistics_left_out"].samples[0].value == 0


def test_that_some_are_left_out_is_told() -> None:
    assert scraped([], left_out=7)["infomaniak_operator_listener_statistics_left_out"].samples[0].value == 7


def test_of_two_replicas_one_tells() -> None:
    assert scraped([(Key("LoadBalancer", "n", "web"), "http", SOME)], acting=False) == {}


@pytest.mark.parametrize(("arguments", "there"), [([], False), (["--statistics-seconds=60"], True)])
def test_nothing_is_told_unless_it_is_asked_for(arguments: list[str], there: bool) -> None:
    operator = build(parse(["run", *arguments], {}), random.Random(1))
    rounds = [type(each._poller).__name__ for each in operator.manager._polling]
    assert rounds == ["HealthPoller", *(["StatisticsPoller"] if there else [])]
    operator.manager._acting = True
    text = metrics_page(operator.metrics.registry)["/metrics"]("").body.decode()
    assert bool(re.search(r"^# TYPE infomaniak_operator_listener_bytes_in_total counter$", text, re.MULTILINE)) is there
    operator.metrics.statistics_polled("unchanged")
    operator.metrics.statistics_polled("failed")
    text = metrics_page(operator.metrics.registry)["/metrics"]("").body.decode()
    for result in ("read", "failed"):
        assert f'infomaniak_operator_statistics_polls_total{{result="{result}"}} 1.0' in text
