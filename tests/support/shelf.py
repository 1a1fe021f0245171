"""A Lease without an API server."""

from __future__ import annotations

from dataclasses import replace

from infomaniak_operator.controller.kube.kube_api import Conflict, KubeError, NotFound, Unavailable
from infomaniak_operator.controller.leader.lease import LeaseRecord
from tests.support.clock import ManualClock


class Shelf:
    """One Lease, as an API server keeps it. ``source`` stands for the resource version."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.record: LeaseRecord | None = None
        self.version = 0
        self.fail: list[Exception | None] = []
        self.lose: list[bool] = []
        self.slow = 0.0
        self.missing: KubeError = Conflict("precondition failed: UID", 409)
        self.writes: list[tuple[float, str]] = []

    def get(self) -> LeaseRecord:
        self._answer()
        if self.record is None:
            raise NotFound("no lease", 404)
        return self.record

    def create(self, record: LeaseRecord) -> LeaseRecord:
        self._answer()
        if self.record is not None:
            raise Conflict("there is one", 409)
        return self._put(record)

    def replace(self, record: LeaseRecord) -> LeaseRecord:
        self._answer()
        if self.record is None:
            raise self.missing
        if record.source != self.version:
            raise Conflict("changed", 409)
        return self._put(record)

    def _answer(self) -> None:
        error = self.fail.pop(0) if self.fail else None
        if error:
            raise error

    def _put(self, record: LeaseRecord) -> LeaseRecord:
        self.version += 1
        self.record = replace(record, source=self.version)
        self.writes.append((self.clock.monotonic(), record.holder))
        self.clock.advance(self.slow)
        if self.lose and self.lose.pop(0):
            raise Unavailable("the answer was lost")
        return self.record
