"""What the controller is told once, at the start."""

from __future__ import annotations

from dataclasses import dataclass

MIN_RESYNC_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ManagerSettings:
    """The controller's knobs; all times in seconds.

    Attributes:
        workers: reconciles at once, each in its own thread.
        resync_seconds: how often every object is reconciled though nothing is known to have changed; at least 60.
        resync_jitter: the part of ``resync_seconds`` by which each kind's next resync comes earlier, at random, so that
            the kinds (and several operators) do not start theirs together.
        namespaces: the namespaces watched; empty means the whole cluster.
        backoff_base: delay after the first failure of an object; it doubles with every further one.
        backoff_max: the longest delay of a back-off.
        backoff_jitter: the part of a delay that is random, taken off its end.
        watch_backoff_max: the longest pause between two starts of the watching.
        sweep_delay: how long after the watches (re)started the cache is compared with a LIST, to drop what was
            deleted while nobody watched.
        watch_silence: liveness fails once the watching gave no sign of life for so long.
        reconcile_silence: liveness fails once a single reconcile has been running for so long.
        stop_seconds: how long running reconciles may take to end once the controller is told to stop.
        flush_seconds: how long unsent Events may hold up the end.
    """

    workers: int = 16
    resync_seconds: float = 600.0
    resync_jitter: float = 0.1
    namespaces: tuple[str, ...] = ()
    backoff_base: float = 1.0
    backoff_max: float = 300.0
    backoff_jitter: float = 0.3
    watch_backoff_max: float = 30.0
    sweep_delay: float = 3.0
    watch_silence: float = 120.0
    reconcile_silence: float = 600.0
    stop_seconds: float = 20.0
    flush_seconds: float = 3.0

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError("workers: at least 1")
        if self.resync_seconds < MIN_RESYNC_SECONDS:
            raise ValueError(f"resync_seconds: at least {MIN_RESYNC_SECONDS:g}")
        for name in ("resync_jitter", "backoff_jitter"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}: at least 0 and below 1")
        if not 0 < self.backoff_base <= self.backoff_max:
            raise ValueError("backoff_base: above 0 and not above backoff_max")
