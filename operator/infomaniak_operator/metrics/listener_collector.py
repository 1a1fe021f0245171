"""What the listeners of load balancers have counted, as it was last read: see ``docs/operations.md``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from infomaniak_operator.client.resources import Statistics
from infomaniak_operator.controller.interfaces import Key

_OWN = "infomaniak_operator_"
_LABELS = ("namespace", "name", "listener")


class ListenerCollector(Collector):
    """Tells what has been read, at each scrape. It asks no cloud.

    The values are the cloud's own. Where one goes back (a listener that was made again), Prometheus takes it for a
    counter that began anew, as it is.

    Args:
        acting: whether this process acts: of two replicas one tells.
        told: what is known: the LoadBalancer, the listener's name, what it has counted.
        left_out: of how many listeners nothing is told, because there are too many.
    """

    def __init__(
        self,
        acting: Callable[[], bool],
        told: Callable[[], Iterable[tuple[Key, str, Statistics]]],
        left_out: Callable[[], int],
    ) -> None:
        self._acting = acting
        self._told = told
        self._left_out = left_out

    def describe(self) -> Iterable[Metric]:
        """Nothing: so that registering does not already collect."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """All of it."""
        if not self._acting():
            return
        active = GaugeMetricFamily(_OWN + "listener_active_connections", "Connections that are open.", labels=_LABELS)
        connections = CounterMetricFamily(_OWN + "listener_connections", "Connections that were taken.", labels=_LABELS)
        bytes_in = CounterMetricFamily(_OWN + "listener_bytes_in", "Bytes from clients.", labels=_LABELS)
        bytes_out = CounterMetricFamily(_OWN + "listener_bytes_out", "Bytes to clients.", labels=_LABELS)
        errors = CounterMetricFamily(
            _OWN + "listener_request_errors", "Requests that could not be read.", labels=_LABELS
        )
        for key, listener, counted in self._told():
            labels = (key.namespace, key.name, listener)
            active.add_metric(labels, counted["active_connections"])
            connections.add_metric(labels, counted["total_connections"])
            bytes_in.add_metric(labels, counted["bytes_in"])
            bytes_out.add_metric(labels, counted["bytes_out"])
            errors.add_metric(labels, counted["request_errors"])
        yield from (active, connections, bytes_in, bytes_out, errors)
        text = "Listeners of which nothing is told, because there are too many."
        yield GaugeMetricFamily(_OWN + "listener_statistics_left_out", text, value=self._left_out())
