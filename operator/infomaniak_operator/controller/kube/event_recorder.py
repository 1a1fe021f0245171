"""Kubernetes Events: written by ourselves, aggregated, in the background; that one is lost never matters.

core/v1 Events, since those are what ``kubectl describe`` and ``kubectl get events`` show with their count.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infomaniak_operator.controller.interfaces import Clock, KubeObject
from infomaniak_operator.controller.kube.conditions import printable, readable, timestamp, without_request_ids
from infomaniak_operator.controller.kube.kube_api import Kube, KubeError, NotFound
from infomaniak_operator.controller.timers import Background, StartThread, start_thread

MAX_REASON = 128
MAX_MESSAGE = 1024
"""What the API server accepts in an Event's message."""

_BOUND = 2000
"""So many may wait to be sent. Beyond it, one of the namespace that has most gives way: the others' are not lost for
its sake."""
_KNOWN = 4000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Subject:
    uid: str
    reason: str
    message: str
    warning: bool
    namespace: str


@dataclass(slots=True)
class _Record:
    """One Event: how often it happened, and under which name it was written."""

    reference: dict[str, Any]
    message: str
    count: int
    first: str
    last: str
    name: str | None = None


class EventRecorder:
    """Takes Events from any thread and writes them from one of its own.

    Args:
        kube: the API server.
        clock: for the times in them.
        component: who says so.
        instance: which process of it, for instance the pod's name.
        on_event: told of every Event published, in the thread that does: kind, reason, and whether it is a warning.
        start_thread: how the thread that writes them is started.
    """

    def __init__(  # noqa: PLR0917 - what it is made of, in the order of its docstring
        self,
        kube: Kube,
        clock: Clock,
        component: str,
        instance: str,
        on_event: Callable[[str, str, bool], None] | None = None,
        start_thread: StartThread = start_thread,
    ) -> None:
        self._kube = kube
        self._clock = clock
        self._component = component
        self._instance = printable(instance)
        self._on_event = on_event
        self._known: OrderedDict[_Subject, _Record] = OrderedDict()
        self._pending: OrderedDict[_Subject, None] = OrderedDict()
        self._waiting: Counter[str] = Counter()
        self._more = threading.Condition()
        self._busy = False
        self._closed = False
        self._start_thread = start_thread
        self._thread: Background | None = None
        self.dropped = 0

    def publish(self, resource: KubeObject, reason: str, message: str, *, warning: bool = False) -> None:
        """Say that something happened to an object; the same said again raises the count."""
        if self._on_event:
            self._on_event(resource.key.kind, reason, warning)
        message, reason = readable(message, MAX_MESSAGE), readable(reason, MAX_REASON)
        subject = _Subject(resource.uid, reason, without_request_ids(message), warning, resource.key.namespace)
        now = timestamp(self._clock.now())
        with self._more:
            record = self._known.get(subject)
            if self._closed or (subject not in self._pending and not self._room(subject.namespace)):
                self.dropped += 1
                return
            if record is None:
                record = self._known[subject] = _Record(_reference(resource), message, 0, now, now)
            record.count += 1
            record.last = now
            record.message = message
            self._known.move_to_end(subject)
            while len(self._known) > _KNOWN:
                oldest, _ = self._known.popitem(last=False)
                self._settle(oldest)
            if subject not in self._pending:
                self._pending[subject] = None
                self._waiting[subject.namespace] += 1
            self._more.notify_all()

    def _room(self, namespace: str) -> bool:
        """Whether there is room for one of a namespace, or one of another has given way."""
        if len(self._pending) < _BOUND:
            return True
        fullest, most = self._waiting.most_common(1)[0]
        if self._waiting.get(namespace, 0) + 1 >= most:
            return False
        self._settle(next(each for each in self._pending if each.namespace == fullest))
        self.dropped += 1
        return True

    def _settle(self, subject: _Subject) -> None:
        """It waits no more."""
        if subject in self._pending:
            del self._pending[subject]
            self._waiting[subject.namespace] -= 1
            if not self._waiting[subject.namespace]:
                del self._waiting[subject.namespace]

    def start(self) -> None:
        """Begin to send."""
        self._thread = self._start_thread("events", self._run)

    def close(self, timeout: float) -> bool:
        """Send what is pending, for at most ``timeout`` seconds, and end.

        Returns:
            Whether all was sent.
        """
        with self._more:
            self._closed = True
            self._more.notify_all()
            sent = self._more.wait_for(lambda: not self._pending and not self._busy, timeout)
            self._pending.clear()
            self._waiting.clear()
        if self._thread:
            self._thread.join(timeout)
        return sent

    def send_pending(self) -> None:
        """Send what is pending, in this thread. Used where no thread of its own does."""
        while self._send_next():
            pass

    def _run(self) -> None:
        while True:
            with self._more:
                self._more.wait_for(lambda: self._pending or self._closed)
            if not self._send_next() and self._closed:
                return

    def _send_next(self) -> bool:
        """Send the Event that has been pending longest; False if there is none."""
        with self._more:
            if not self._pending:
                return False
            subject = next(iter(self._pending))
            self._settle(subject)
            record = self._known[subject]
            self._busy = True
        try:
            self._send(subject, record)
        finally:
            with self._more:
                self._busy = False
                self._more.notify_all()
        return True

    def _send(self, subject: _Subject, record: _Record) -> None:
        try:
            with self._more:
                body = self._body(subject, record)
            namespace = body["metadata"]["namespace"]
            if record.name:
                changed = {name: body[name] for name in ("count", "lastTimestamp", "message")}
                try:
                    self._kube.patch_event(namespace, record.name, changed)
                except NotFound:  # the API server forgets Events after an hour
                    record.name = None
                else:
                    return
            self._kube.create_event(namespace, body)
            record.name = body["metadata"]["name"]
        except KubeError as error:
            self.dropped += 1
            _log.debug("an Event was lost: %s", error)
        except Exception:  # noqa: BLE001 - the thread must not end
            self.dropped += 1
            _log.exception("an Event was lost")

    def _body(self, subject: _Subject, record: _Record) -> dict[str, Any]:
        reference = record.reference
        said = f"{subject.uid}/{subject.reason}/{subject.message}/{self._instance}/{record.first}/{record.last}"
        suffix = hashlib.sha256(said.encode()).hexdigest()[:16]
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                # As client-go names them; the object's name is cut so that the whole is a valid name.
                "name": f"{reference['name'][:200].rstrip('.-')}.{suffix}",
                "namespace": reference["namespace"] or "default",
            },
            "involvedObject": reference,
            "reason": subject.reason,
            "message": record.message,
            "type": "Warning" if subject.warning else "Normal",
            "count": record.count,
            "firstTimestamp": record.first,
            "lastTimestamp": record.last,
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "reportingInstance": self._instance,
        }


def _reference(resource: KubeObject) -> dict[str, Any]:
    return {
        "apiVersion": resource.body.get("apiVersion", ""),
        "kind": resource.key.kind,
        "namespace": resource.key.namespace,
        "name": resource.key.name,
        "uid": resource.uid,
        "resourceVersion": resource.resource_version,
    }
