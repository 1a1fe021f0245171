"""How long objects take to become Ready, from what is heard of them."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

from infomaniak_operator.controller.cache.predicates import Change
from infomaniak_operator.controller.interfaces import READY, KubeObject

_JUST_NOW = 2.0
"""Timestamps of Kubernetes are whole seconds: of what is younger, the time it was heard of is nearer the truth."""


class Stopwatch:
    """Counts, for each object, from when it came, was changed, or ceased to be Ready. Safe to use from any thread.

    Args:
        now: seconds since the epoch: only to tell how old is what was there before.
        seconds: monotonic seconds, which nobody sets meanwhile.
    """

    def __init__(self, now: Callable[[], float], seconds: Callable[[], float]) -> None:
        self._now = now
        self._seconds = seconds
        self._lock = threading.Lock()
        self._since: dict[str, float] = {}

    def changed(self, change: Change) -> float | None:
        """Take note of a change.

        Returns:
            Seconds the object took, if by this change it is Ready; else None.
        """
        old, new = change.old, change.new
        with self._lock:
            if old and (new is None or old.uid != new.uid):
                self._since.pop(old.uid, None)
            if new is None:
                return None
            if new.deleting:
                self._since.pop(new.uid, None)
                return None
            if not is_ready(new):
                if new.uid not in self._since:
                    self._since[new.uid] = self._start(old, new)
                return None
            since = self._since.pop(new.uid, None)
        return None if since is None else self._seconds() - since

    def _start(self, old: KubeObject | None, new: KubeObject) -> float:
        now, seconds = self._now(), self._seconds()
        if old and old.uid == new.uid:
            return seconds
        condition = new.condition(READY)
        text = str(condition.get("lastTransitionTime", "")) if condition else new.created
        try:
            known = dt.datetime.fromisoformat(text).timestamp()
        except (ValueError, OverflowError, OSError):  # the last two: a year that is none here
            return seconds
        return seconds if now - known < _JUST_NOW else seconds - (now - known)


def is_ready(resource: KubeObject) -> bool:
    """Whether an object is Ready, at the generation it has now."""
    ready = resource.condition(READY) or {}
    return ready.get("status") == "True" and ready.get("observedGeneration") == resource.generation
