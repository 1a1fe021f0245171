"""What is read at each scrape: how the controller and its objects stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from infomaniak_operator.controller.interfaces import READY, RECONCILING, RESTING, STALLED, CacheReader, KubeObject
from infomaniak_operator.controller.leader.lease import Lease
from infomaniak_operator.controller.stats import Stats
from infomaniak_operator.metrics.operator_metrics import QUEUE

_OWN = "infomaniak_operator_"
CONDITIONS = RESTING | {READY, RECONCILING, STALLED}
"""The types of conditions that are told."""


class ObjectCollector(Collector):
    """Collects from a running controller, in the thread of the scrape.

    Args:
        stats: how the controller stands.
        view: the objects.
        kinds: whose conditions are told.
        lease: where there is leader election: the Lease, and its name.
        token_expiries: when each token in use expires, seconds since the epoch.
        quota_use: of each type, which share of its quota is used where most is.
        names: whether conditions are told of each object, by its name, instead of being counted.
    """

    def __init__(
        self,
        stats: Callable[[], Stats],
        view: CacheReader,
        kinds: Iterable[str],
        *,
        lease: tuple[Lease, str] | None = None,
        token_expiries: Callable[[], Iterable[float]] = tuple,
        quota_use: Callable[[], Mapping[str, float]] = dict,
        names: bool = False,
    ) -> None:
        self._stats = stats
        self._view = view
        self._kinds = tuple(kinds)
        self._lease = lease
        self._token_expiries = token_expiries
        self._quota_use = quota_use
        self._names = names

    def describe(self) -> Iterable[Metric]:
        """Nothing: so that registering does not already collect."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All of it."""
        stats = self._stats()
        yield _gauge("workqueue_depth", "Keys that are due.", stats.queued)
        yield _counter("workqueue_adds", "Keys that became due.", stats.queue.adds)
        yield _counter("workqueue_retries", "Keys put off after a failure.", stats.queue.retries)
        yield _plain(_OWN + "queue_delayed", "Keys whose time has not come.", stats.delayed)
        yield _plain(_OWN + "queue_oldest_seconds", "How long the key longest due has been so.", stats.oldest_seconds)
        yield _plain(
            _OWN + "queue_held_back",
            "Keys that are due while their namespace, cloud or load balancer has its share of workers.",
            stats.held_back,
        )
        yield _plain(_OWN + "visits_running", "Reconciles under way.", stats.running)
        text = "How long the longest running reconcile has been so."
        yield _plain(_OWN + "longest_running_seconds", text, stats.longest_running_seconds)
        yield _plain(_OWN + "watch_beat_age_seconds", "Since the watching's last sign of life.", stats.beat_age)
        restarts = CounterMetricFamily(_OWN + "watch_restarts", "How often the watching was started again.")
        restarts.add_metric([], stats.watch_restarts)
        yield restarts
        dropped = CounterMetricFamily(_OWN + "events_dropped", "Kubernetes Events that were lost.")
        dropped.add_metric([], stats.events_dropped)
        yield dropped
        defects = CounterMetricFamily(_OWN + "defects", "Errors of the operator's own making; its log has them.")
        defects.add_metric([], stats.defects)
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
        if shares := self._quota_use():
            text = "Which share of its quota a type takes, in the project that takes most; as it was last read."
            used = GaugeMetricFamily(_OWN + "quota_used_ratio", text, labels=["resource"])
            for name, share in sorted(shares.items()):
                used.add_metric([name], share)
            yield used
        if stats.acting:
            # Of two replicas one tells: sums over both are right.
            yield from self._objects(stats)

    def _objects(self, stats: Stats) -> Iterator[Metric]:
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
            objects.add_metric([kind], stats.objects.get(kind, 0))
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
