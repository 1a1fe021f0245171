"""One reconcile as the reconciler sees it: the ``ReconcileRequest`` of ``interfaces``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from infomaniak_operator.controller.cache.predicates import Change, concerns_others
from infomaniak_operator.controller.interfaces import CacheReader, Clock, Key, KubeObject, Memory, Superseded
from infomaniak_operator.controller.kube.event_recorder import EventRecorder
from infomaniak_operator.controller.kube.finalizer import finalizer_patch
from infomaniak_operator.controller.kube.kube_api import Body, Conflict, NotFound
from infomaniak_operator.controller.kube.status_patch import record_patch

Patch = Callable[[KubeObject, Body], KubeObject]
"""Writes an object's metadata, or its status, and takes the answer in; raises ``KubeError``."""


_log = logging.getLogger(__name__)


class SteadyReader:
    """The cache, in which an object that was once asked for stays as it was, to the end of one reconcile.

    Else what was found there at first could be gone, or be another one, when it is asked for again a call later. What
    happens to it meanwhile wakes those that refer to it. Lists are always what the cache holds now.

    A newer version that differs in nothing others may go by is as good, and is what a later reconcile will find: that a
    Secret is held by our finalizer now, say.
    """

    def __init__(self, view: CacheReader) -> None:
        self._view = view
        self._asked: dict[Key, KubeObject | None] = {}

    def get(self, key: Key) -> KubeObject | None:
        """The object as it was when it was first asked for, or None if there was none."""
        now = self._view.get(key)
        if key not in self._asked:
            self._asked[key] = now
        asked = self._asked[key]
        if asked and now and asked.uid == now.uid and not concerns_others(Change(key, asked, now)):
            return now
        return asked

    def objects(self, kind: str, namespace: str | None = None) -> list[KubeObject]:
        """All objects of a kind, in one namespace or in all, sorted by key."""
        return self._view.objects(kind, namespace)

    def referrers(self, key: Key) -> list[KubeObject]:
        """The objects whose ``references`` name this key, sorted by key."""
        return self._view.referrers(key)


class WorkerRequest:
    """The state of one reconcile; used by one worker thread.

    Args:
        resource: the object as the cache has it.
        view: the cache.
        memory: what is remembered of the object's uid.
        clock: the time.
        acting_since: monotonic seconds since when this process acts.
        fresh_after: monotonic seconds: no observation may be older.
        deep: whether there is a cause beside a change of what the object refers to.
        patch: how the finalizer is written.
        patch_status: how the status is written.
        recorder: where Events go.
    """

    def __init__(
        self,
        resource: KubeObject,
        view: CacheReader,
        memory: Memory,
        clock: Clock,
        *,
        acting_since: float,
        fresh_after: float,
        deep: bool = True,
        patch: Patch,
        patch_status: Patch,
        recorder: EventRecorder,
    ) -> None:
        self._resource = resource
        self._view = SteadyReader(view)
        self._memory = memory
        self._clock = clock
        self._acting_since = acting_since
        self._fresh_after = fresh_after
        self._deep = deep
        self._patch = patch
        self._patch_status = patch_status
        self._recorder = recorder

    @property
    def resource(self) -> KubeObject:
        """The object as it stands."""
        return self._resource

    @property
    def view(self) -> CacheReader:
        """The other objects."""
        return self._view

    @property
    def memory(self) -> Memory:
        """What this process remembers of the object between reconciles."""
        return self._memory

    @property
    def clock(self) -> Clock:
        """The time."""
        return self._clock

    @property
    def acting_since(self) -> float:
        """When this process became the one that acts, monotonic seconds."""
        return self._acting_since

    @property
    def fresh_after(self) -> float:
        """No observation of the cloud may have begun earlier, monotonic seconds."""
        return self._fresh_after

    @property
    def deep(self) -> bool:
        """Whether there is a cause beside a change of what the object refers to."""
        return self._deep

    def add_finalizer(self) -> bool:
        """Make sure the finalizer is there; see ``ReconcileRequest``.

        Raises:
            Superseded: the object has changed, is being deleted, or has gone.
            KubeError: the API server could not be asked.
        """
        patch = finalizer_patch(self._resource)
        if patch is None:
            return False
        if self._resource.deleting:
            # The API server lets nobody add a finalizer now: the object is as good as gone.
            raise Superseded(f"{self._resource.key} is being deleted without our finalizer")
        try:
            self._resource = self._patch(self._resource, patch)
        except (Conflict, NotFound) as error:
            raise Superseded(str(error)) from error
        return True

    def record(self, status: Mapping[str, Any]) -> bool:
        """Write the kind's own status fields at once; see ``ReconcileRequest``.

        Raises:
            Superseded: the object has changed or gone.
            KubeError: the API server could not be asked.
        """
        patch = record_patch(self._resource, status)
        if patch is None:
            return False
        try:
            self._resource = self._patch_status(self._resource, patch)
        except (Conflict, NotFound) as error:
            raise Superseded(str(error)) from error
        return True

    def event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """Publish an Event on the object, and log it."""
        _log.log(logging.WARNING if warning else logging.INFO, "%s: %s: %s", self._resource.key, reason, message)
        self._recorder.publish(self._resource, reason, message, warning=warning)
