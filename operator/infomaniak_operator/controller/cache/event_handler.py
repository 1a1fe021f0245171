"""The controller's end of the watching: takes objects in, and notices what a watch cannot say."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from infomaniak_operator.controller.cache.kept import wrap
from infomaniak_operator.controller.cache.object_cache import ObjectCache
from infomaniak_operator.controller.cache.predicates import Change
from infomaniak_operator.controller.interfaces import Clock, KubeObject
from infomaniak_operator.controller.kube.kube_api import KubeType


class EventHandler:
    """The controller's ``Sink``; safe to use from any thread.

    Args:
        resources: the kinds that are watched.
        cache: where objects go.
        clock: the time.
        changed: told of what was new: the change, and False, for it is not by a write of ours.
        relist: told of a kind of which deletions may have gone unnoticed.
        left: told of an object whose labels no longer fit, or that is gone: of one that is being deleted, the API
            server does not tell which of the two it is.
    """

    def __init__(
        self,
        resources: Mapping[str, KubeType],
        cache: ObjectCache,
        clock: Clock,
        changed: Callable[[Change, bool], None],
        relist: Callable[[str], None],
        *,
        left: Callable[[KubeObject], None],
    ) -> None:
        self._resources = resources
        self._cache = cache
        self._clock = clock
        self._changed = changed
        self._relist = relist
        self._left = left
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._relisted: set[str] = set()
        self._beat = clock.monotonic()

    def age(self) -> float:
        """Seconds since the last sign of life."""
        return self._clock.monotonic() - self._beat

    def begins(self) -> None:
        """A new watching begins: it will list everything once."""
        with self._lock:
            self._seen.clear()
            self._relisted.clear()
        self.beat()

    def relist_begins(self, kind: str) -> None:
        """A LIST of ours is about to begin: it answers for all that was heard so far."""
        with self._lock:
            self._relisted.discard(kind)

    def started(self) -> None:
        """The watching has begun."""
        self.beat()

    def beat(self) -> None:
        """The watching is alive."""
        self._beat = self._clock.monotonic()

    def event(self, kind: str, change: str | None, body: Mapping[str, Any]) -> None:
        """Take an object in."""
        self.beat()
        found = wrap(self._resources[kind], body)
        if change == "DELETED":
            # An object whose labels no longer fit is said to be deleted, too; it comes back if they fit again.
            left_at = found if self._resources[kind].label_selector else None
            happened = self._cache.delete(found.key, found.uid, left_at)
            with self._lock:
                self._seen.discard(found.uid)
            if left_at:
                self._left(found)
        else:
            happened = self._cache.upsert(found)
            self._heard(kind, found.uid, listed=change is None)
        if happened:
            self._changed(happened, False)

    def _heard(self, kind: str, uid: str, *, listed: bool) -> None:
        """A watch lists but once: an object listed after it was heard of tells of a second LIST (410).

        What was deleted before that LIST will never be heard of: it must be looked for.
        """
        with self._lock:
            again = listed and uid in self._seen and kind not in self._relisted
            self._seen.add(uid)
            if again:
                self._relisted.add(kind)
        if again:
            self._relist(kind)
