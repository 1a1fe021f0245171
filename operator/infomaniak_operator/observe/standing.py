"""What is read at each scrape: how the engine and its objects stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from infomaniak_operator.engine.conditions import READY, RECONCILING, RESTING, STALLED
from infomaniak_operator.engine.contract import KubeObject, View
from infomaniak_operator.engine.facts import Facts
from infomaniak_operator.engine.lease import Lease
from infomaniak_operator.observe.metrics import QUEUE

_OWN = "infomaniak_operator_"
CONDITIONS = RESTING | {READY, RECONCILING, STALLED}
"""The types of conditions that are told."""


class Standing(Collector):
    """Collects from a running engine, in the thread of the scrape.

    Args:
        facts: how the engine stands.
        view: the objects.
        kinds: whose conditions are told.
        lease: where there is leader election: the Lease, and its name.
        token_expiries: when each token in use expires, seconds since the epoch.
        names: whether conditions are told of each object, by its name, instead of being counted.
    """

    def __init__(
        self,
        facts: Callable[[], Facts],
        view: View,
        kinds: Iterable[str],
        *,
        lease: tuple[Lease, str] | None = None,
        token_expiries: Callable[[], Iterable[float]] = tuple,
        names: bool = False,
    ) -> None:
        self._facts = facts
        self._view = view
        self._kinds = tuple(kinds)
        self._lease = lease
        self._token_expiries = token_expiries
        self._names = names

    def describe(self) -> Iterable[Metric]:
        """Nothing: so that registering does not already collect."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All of it."""
        facts = self._facts()
        yield _gauge("workqueue_depth", "Keys that are due.", facts.queued)
        yield _counter("workqueue_adds", "Keys that became due.", facts.queue.adds)
        yield _counter("workqueue_retries", "Keys put off after a failure.", facts.queue.retries)
        yield _plain(_OWN + "queue_delayed", "Keys whose time has not come.", facts.delayed)
        yield _plain(_OWN + "queue_oldest_seconds", "How long the key longest due has been so.", facts.oldest_seconds)
        yield _plain(
            _OWN + "queue_held_back",
            "Keys that are due while their namespace, cloud or load balancer has its share of workers.",
            facts.held_back,
        )
        yield _plain(_OWN + "visits_running", "Visits under way.", facts.running)
        text = "How long the longest running reconcile has been so."
        yield _plain(_OWN + "longest_running_seconds", text, facts.longest_running_seconds)
        yield _plain(_OWN + "watch_beat_age_seconds", "Since the watching's last sign of life.", facts.beat_age)
        restarts = CounterMetricFamily(_OWN + "watch_restarts", "How often the watching was started again.")
        restarts.add_metric([], facts.watch_restarts)
        yield restarts
        dropped = CounterMetricFamily(_OWN + "events_dropped", "Kubernetes Events that were lost.")
        dropped.add_metric([], facts.events_dropped)
        yield dropped
        defects = CounterMetricFamily(_OWN + "defects", "Errors of the operator's own making; its log has them.")
        defects.add_metric([], facts.defects)
        yield defects
        if self._lease:
            lease, name = self._lease
            status = GaugeMetricFamily("leader_election_master_status", "1: this process leads.", labels=["name"])
            status.add_metric([name], float(lease.valid()))
            yield status
        expiries = list(self._token_expiries())
        if expiries:
            text = "When the first of the tokens in use expires."
            yield _plain(_OWN + "openstack_token_expiry_timestamp_seconds", text, min(expiries))
        if facts.acting:
            # Of two replicas one tells: sums over both are right.
            yield from self._objects(facts)

    def _objects(self, facts: Facts) -> Iterator[Metric]:
        objects = GaugeMetricFamily(_OWN + "objects", "Objects by kind.", labels=["kind"])
        place = ["namespace", "name"] if self._names else []
        conditions = GaugeMetricFamily(
            _OWN + "resource_condition",
            "The status that each condition has now; always 1."
            if self._names
            else "How many objects have a condition in that status.",
            labels=["kind", *place, "type", "status"],
        )
        for kind in self._kinds:
            objects.add_metric([kind], facts.objects.get(kind, 0))
            counts: Counter[tuple[str, ...]] = Counter()
            for each in self._view.objects(kind):
                where = (each.key.namespace, each.key.name) if self._names else ()
                counts.update((kind, *where, *said) for said in _said(each))
            for labels, count in counts.items():
                conditions.add_metric(labels, count)
        yield objects
        yield conditions


def _said(resource: KubeObject) -> set[tuple[str, str]]:
    """Type and status of each condition that is known: a user may write any into a status, and each were a series."""
    found = set()
    for condition in resource.conditions:
        kind, status = str(condition["type"]), condition.get("status")
        if kind in CONDITIONS and status in ("True", "False", "Unknown"):
            found.add((kind, str(status)))
    return found


def _gauge(name: str, text: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["name"])
    family.add_metric([QUEUE], value)
    return family


def _counter(name: str, text: str, value: float) -> Metric:
    family = CounterMetricFamily(name, text, labels=["name"])
    family.add_metric([QUEUE], value)
    return family


def _plain(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)
