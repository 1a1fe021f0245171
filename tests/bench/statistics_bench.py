"""What the statistics of many listeners cost the operator, without the cloud's answers: ``python -m tests.bench.statistics_bench``.

Prints one JSON object: seconds of processor, and KiB of the page. The cloud is in memory and answers at once.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from prometheus_client import CollectorRegistry

from infomaniak_operator.controller.interfaces import Key, KubeObject
from infomaniak_operator.metrics.http_pages import metrics
from infomaniak_operator.metrics.listener_collector import ListenerCollector
from infomaniak_operator.reconcile.generic.credential_settings import CredentialSettings
from infomaniak_operator.reconcile.octavia.statistics_poller import MOST_LISTENERS, Pace, StatisticsPoller
from infomaniak_operator.reconcile.openstack.scope import Cloud, Clouds
from tests.support.objects import KUBE_SYSTEM, custom, secret

EACH = 2
"""Listeners of a load balancer."""


class _Cloud:
    """Octavia and a cache with so many load balancers."""

    def __init__(self, count: int) -> None:
        self.calls = 0
        self.load_balancers = self.listeners = self
        spec = {"cloudCredentialsRef": {"secretName": "infomaniak"}, "managementPolicy": "Unmanaged"}
        self._rows: list[dict[str, Any]] = []
        self._objects = {each.key: each for each in [KubeObject.of(secret())]}
        for number in range(count):
            name = f"lb-{number}"
            listeners = [{"id": f"{name}-{one}", "name": f"listener-{one}"} for one in range(EACH)]
            body = custom("LoadBalancer", name, spec)
            body["status"] = {"id": name, "projectID": "alpha", "region": "dc3-a", "listeners": listeners}
            self._rows.append({"id": name, "listeners": listeners})
            resource = KubeObject.of(body)
            self._objects[resource.key] = resource

    def list(self, *, project_id: str, fields: Sequence[str]) -> Any:
        del project_id, fields
        return self._rows

    def statistics(self, listener: str) -> Any:
        self.calls += 1
        names = ("active_connections", "total_connections", "bytes_in", "bytes_out", "request_errors")
        return dict.fromkeys(names, 10**9 + len(listener))

    def get(self, key: Key) -> KubeObject | None:
        return self._objects.get(key)

    def objects(self, kind: str, namespace: str | None = None) -> Any:
        del namespace
        return [each for each in self._objects.values() if each.key.kind == kind]


def _seconds(what: Callable[[], object]) -> float:
    began = time.process_time()
    what()
    return round(time.process_time() - began, 3)


def main() -> None:
    """Measure, and print it."""
    ticks = itertools.count()
    cloud: Any = _Cloud(MOST_LISTENERS)

    def now() -> float:
        return next(ticks) / 1e6

    clouds = Clouds(lambda _: Cloud(cloud, lambda: ("alpha", "dc3-a"), now))
    poller = StatisticsPoller(clouds, CredentialSettings(), lambda: KUBE_SYSTEM, now, Pace(60.0, EACH))
    rounds = 0
    began = time.process_time()
    while len(list(poller.told(cloud))) < MOST_LISTENERS:
        for target in poller.targets(cloud):
            target.poll()
        rounds += 1
    each_round = round((time.process_time() - began) / rounds, 3)
    registry = CollectorRegistry()
    registry.register(ListenerCollector(lambda: True, lambda: poller.told(cloud), lambda: poller.left_out))
    page = metrics(registry)["/metrics"]
    print(
        json.dumps(
            {
                "load balancers": MOST_LISTENERS,
                "listeners": MOST_LISTENERS * EACH,
                "told": MOST_LISTENERS,
                "rounds until all are read": rounds,
                "requests of a round": round(cloud.calls / rounds) + 1,
                "seconds of processor a round": each_round,
                "seconds of processor a scrape": _seconds(lambda: page("")),
                "KiB of the page": round(len(page("").body) / 1024),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
