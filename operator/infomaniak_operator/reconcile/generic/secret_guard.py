"""Secrets with credentials: kept from going while an object of ours needs them to clean up behind itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from typing_extensions import override

from infomaniak_operator.controller.interfaces import (
    FINALIZER,
    NO_SHARES,
    CacheReader,
    Conditions,
    Done,
    Finalized,
    Key,
    KubeObject,
    Next,
    Reason,
    Reconciler,
    ReconcileRequest,
    RequeueAfter,
    Result,
    Shares,
    WaitingFor,
)

SECOND_THOUGHT = 5.0
"""Seconds for which a Secret that goes is held although none of its users goes yet: the deletion of a namespace marks
its objects one after the other. Then it is let go: a rotation by delete and create, and what it held is in memory."""


@dataclass(slots=True)
class _Remembered:
    """Of a Secret that goes: since when, monotonic seconds."""

    going_since: float | None = None


class SecretGuard(Reconciler):
    """The ``Reconciler`` of Secrets. It writes nothing but our finalizer."""

    kind = "Secret"

    @override
    def references(self, resource: KubeObject) -> Iterable[Key]:
        """A Secret refers to nothing."""
        return ()

    @override
    def shares(self, resource: KubeObject, view: CacheReader) -> Shares:
        """Nothing: no cloud is asked."""
        return NO_SHARES

    @override
    def inputs_hash(self, resource: KubeObject, view: CacheReader) -> str | None:
        """There is no status to compare it with."""
        return None

    def reconcile(self, request: ReconcileRequest) -> Result:
        """Hold it, or let it go."""
        secret = request.resource
        users = [user for user in request.view.referrers(secret.key) if FINALIZER in user.finalizers]
        if secret.deleting:
            return _result(self._going(request, users))
        if users:
            request.add_finalizer()
            return _result(Done())
        return _result(Finalized() if FINALIZER in secret.finalizers else Done())

    @staticmethod
    def _going(request: ReconcileRequest, users: list[KubeObject]) -> Next:
        going = frozenset(user.key for user in users if user.deleting)
        if going:
            return WaitingFor(going)
        if not users:
            return Finalized()
        now = request.clock.monotonic()
        memory = request.memory.of(_Remembered)
        memory.going_since = now if memory.going_since is None else memory.going_since
        left = memory.going_since + SECOND_THOUGHT - now
        return RequeueAfter(left) if left > 0 else Finalized()


def _result(following: Next) -> Result:
    return Result(Conditions(None, Reason.AVAILABLE), following)
