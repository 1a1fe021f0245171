"""How the controller stands, for probes and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from infomaniak_operator.controller.work_queue import QueueStats


@dataclass(frozen=True, slots=True)
class Stats:
    """What the controller says of itself.

    Attributes:
        ready: every kind has been listed once.
        alive: the watching gave a sign of life lately, or is being started.
        acting: reconciles are made: everything is known, and this process leads.
        listed: by kind, whether it has been listed.
        objects: by kind, how many there are.
        queued: keys ready for a worker.
        running: reconciles under way.
        delayed: keys whose time has not come.
        oldest_seconds: how long the key longest ready has been so.
        queue: the queue's counters.
        beat_age: seconds since the watching's last sign of life.
        watch_restarts: how often the watching had to be started again.
        events_dropped: Kubernetes Events that were lost.
        defects: errors of the operator's own making that its parts had: each is logged, and tried again.
        longest_running_seconds: since the longest running reconcile began; 0 if none runs.
        hanging: a reconcile has been running for longer than any can.
        held_back: of those that are ready, the keys whose namespace, cloud or load balancer has its share of workers.
    """

    ready: bool
    alive: bool
    acting: bool
    listed: Mapping[str, bool]
    objects: Mapping[str, int]
    queued: int
    running: int
    delayed: int
    oldest_seconds: float
    queue: QueueStats
    beat_age: float
    watch_restarts: int
    events_dropped: int
    defects: int = 0
    longest_running_seconds: float = 0.0
    hanging: bool = False
    held_back: int = 0
