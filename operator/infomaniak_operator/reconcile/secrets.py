"""Secrets with credentials: kept from going while an object of ours needs them to clean up behind itself."""

from __future__ import annotations

from collections.abc import Iterable

from infomaniak_operator.engine.contract import (
    FINALIZER,
    NO_SHARES,
    Again,
    Attempt,
    Gone,
    Key,
    KubeObject,
    Next,
    Reason,
    Result,
    Settled,
    Shares,
    Verdict,
    View,
    Waiting,
)

SECOND_THOUGHT = 5.0
"""Seconds for which a Secret that goes is held although none of its users goes yet: the deletion of a namespace marks
its objects one after the other. Then it is let go: a rotation by delete and create, and what it held is in memory."""


class SecretGuard:
    """The ``Reconciler`` of Secrets. It writes nothing but our finalizer."""

    kind = "Secret"

    def references(self, resource: KubeObject) -> Iterable[Key]:
        """A Secret refers to nothing."""
        del resource
        return ()

    def shares(self, resource: KubeObject, view: View) -> Shares:
        """Nothing: no cloud is asked."""
        del resource, view
        return NO_SHARES

    def inputs_hash(self, resource: KubeObject, view: View) -> str | None:
        """There is no status to compare it with."""
        del resource, view
        return None

    def reconcile(self, attempt: Attempt) -> Result:
        """Hold it, or let it go."""
        secret = attempt.resource
        users = [user for user in attempt.view.referrers(secret.key) if FINALIZER in user.finalizers]
        if secret.deleting:
            return _result(self._going(attempt, users))
        if users:
            attempt.claim()
            return _result(Settled())
        return _result(Gone() if FINALIZER in secret.finalizers else Settled())

    @staticmethod
    def _going(attempt: Attempt, users: list[KubeObject]) -> Next:
        going = frozenset(user.key for user in users if user.deleting)
        if going:
            return Waiting(going)
        if not users:
            return Gone()
        now = attempt.clock.monotonic()
        since: float = attempt.memory.setdefault("going since", now)
        left = since + SECOND_THOUGHT - now
        return Again(left) if left > 0 else Gone()


def _result(following: Next) -> Result:
    return Result(Verdict(None, Reason.AVAILABLE), following)
