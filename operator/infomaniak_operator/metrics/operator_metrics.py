"""Metrics for Prometheus, by the names that people's dashboards know from operators made with controller-runtime.

Labels hold kinds and closed lists, and names of objects only where the operator is told so: never an id of the cloud,
never anything of a credential.
"""

from __future__ import annotations

import platform
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

from infomaniak_operator.client.transport import Call
from infomaniak_operator.controller.cache.predicates import Change
from infomaniak_operator.metrics.probes import Stopwatch

QUEUE = "infomaniak-operator"
"""The one queue's name, in the metrics of work queues."""

RESULTS = {
    "Done": "success",
    "Stalled": "success",
    "WaitingFor": "success",
    "Finalized": "success",
    "absent": "success",
    "done": "success",
    "RequeueAfter": "requeue_after",
    "superseded": "requeue",
    "standby": "requeue",
    "Retry": "error",
    "kube_error": "error",
    "failed": "error",
}
"""How a reconcile ended, in controller-runtime's words. A mistake of a person (Stalled) is no error of the operator."""

_RECONCILE = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_CALL = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_QUEUE_TIMES = (0.001, 0.01, 0.1, 1, 10, 60, 600)
_READY = (1, 2, 3, 5, 10, 20, 30, 60, 120, 300, 600, 1800)


_CODES = frozenset(
    {200, 201, 202, 204, 300, 301, 302, 400, 401, 403, 404, 405, 409, 412, 413, 429, 500, 501, 502, 503, 504}
)


def _code(status: int | None) -> str:
    """A status as a label: what a server makes up (it may be any number) counts by its class."""
    if not status:
        return "0"
    return str(status) if status in _CODES else f"{status // 100}xx" if 100 <= status <= 599 else "other"  # noqa: PLR2004 - the codes that HTTP has


class Metrics:
    """The hooks of controller, API server and cloud, and what they count. Safe to use from any thread.

    Args:
        now: seconds since the epoch.
        seconds: monotonic seconds.
        version: the operator's.
    """

    def __init__(self, now: Callable[[], float], seconds: Callable[[], float], version: str) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._stopwatch = Stopwatch(now, seconds)
        self._reconciles = Counter(
            "controller_runtime_reconcile", "Reconciles by how they ended.", ["controller", "result"], registry=registry
        )
        self._errors = Counter(
            "controller_runtime_reconcile_errors", "Reconciles that failed.", ["controller"], registry=registry
        )
        self._seconds = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "How long reconciles take.",
            ["controller"],
            buckets=_RECONCILE,
            registry=registry,
        )
        self._waited = Histogram(
            "workqueue_queue_duration_seconds",
            "How long keys are due before they are reconciled.",
            ["name"],
            buckets=_QUEUE_TIMES,
            registry=registry,
        ).labels(QUEUE)
        self._worked = Histogram(
            "workqueue_work_duration_seconds",
            "How long reconciles take, of all kinds.",
            ["name"],
            buckets=_QUEUE_TIMES,
            registry=registry,
        ).labels(QUEUE)
        self._kube = Counter(
            "rest_client_requests",
            "Requests to the API server; not those of the watching, nor of the Lease.",
            ["code", "method"],
            registry=registry,
        )
        self._cloud = Histogram(
            "infomaniak_operator_openstack_request_duration_seconds",
            "Requests to OpenStack; code 0: no answer.",
            ["service", "method", "code"],
            buckets=_CALL,
            registry=registry,
        )
        self._drift = Counter(
            "infomaniak_operator_drift_detected",
            "Objects found changed in the cloud, and put back.",
            ["kind"],
            registry=registry,
        )
        self._polls = Counter(
            "infomaniak_operator_health_polls",
            "Looks at how a project's load balancers do, by what they came to: unchanged, changed or failed.",
            ["result"],
            registry=registry,
        )
        self._statistics = Counter(
            "infomaniak_operator_statistics_polls",
            "Looks at what a project's listeners have counted, by what they came to: read or failed.",
            ["result"],
            registry=registry,
        )
        self._ready = Histogram(
            "infomaniak_operator_time_to_ready_seconds",
            "From when an object came, was changed or ceased to be Ready, until it is Ready.",
            ["kind"],
            buckets=_READY,
            registry=registry,
        )
        build = Gauge(
            "infomaniak_operator_build_info", "What runs; always 1.", ["version", "python"], registry=registry
        )
        build.labels(version, platform.python_version()).set(1)

    def reconciled(self, kind: str, ending: str, seconds: float, due: float) -> None:
        """Count a reconcile: its kind, how it ended, its seconds, the seconds it was due before."""
        controller, result = kind.lower(), RESULTS.get(ending, "success")
        self._reconciles.labels(controller, result).inc()
        if result == "error":
            self._errors.labels(controller).inc()
        self._seconds.labels(controller).observe(seconds)
        self._waited.observe(due)
        self._worked.observe(seconds)

    def changed(self, change: Change, acting: bool) -> None:
        """Count what has become Ready, if this process acts; what another does is its own to count."""
        seconds = self._stopwatch.changed(change)
        if seconds is not None and acting:
            self._ready.labels(change.key.kind).observe(seconds)

    def event(self, kind: str, reason: str, warning: bool) -> None:
        """Count an Event, if it is one of those that are counted."""
        del warning
        if reason == "DriftCorrected":
            self._drift.labels(kind).inc()

    def polled(self, result: str) -> None:
        """Count a look at how a project's load balancers do."""
        self._polls.labels(result).inc()

    def statistics_polled(self, result: str) -> None:
        """Count a look at what a project's listeners have counted."""
        self._statistics.labels("failed" if result == "failed" else "read").inc()

    def kube_called(self, verb: str, plural: str, status: int, seconds: float) -> None:
        """Count a request to the API server; status 0 where there was no answer."""
        del plural, seconds
        self._kube.labels(str(status) if status else "<error>", verb).inc()

    def cloud_called(self, call: Call) -> None:
        """Count a request to OpenStack."""
        self._cloud.labels(call.service, call.method, _code(call.status)).observe(call.seconds)
