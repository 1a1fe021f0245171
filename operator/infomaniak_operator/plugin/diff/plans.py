"""What the operator would do about objects: its own reconcilers, run here as a dry run that can change nothing.

Three things stand in the way of a change, each by itself: the objects carry the annotation of a dry run, the cloud is
read-only at its HTTP requests, and what a reconciler may write to Kubernetes raises here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from infomaniak_operator.api.json_types import ANY
from infomaniak_operator.client.credentials import CloudCredentials
from infomaniak_operator.controller.interfaces import Key, KubeObject, Memory, Reason, RequeueAfter, Result, WaitingFor
from infomaniak_operator.plugin.cluster import ClusterError
from infomaniak_operator.plugin.command import Usage
from infomaniak_operator.plugin.diff.view import Credentials, View
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.fields import Difference
from infomaniak_operator.reconcile.generic.outcomes import DRY_RUN, PAUSED, Ended, Outcome, Unchanged
from infomaniak_operator.reconcile.generic.owned import marks_of
from infomaniak_operator.reconcile.generic.plan import Step
from infomaniak_operator.reconcile.generic.reconciler import CloudReconciler, ReconcileSettings
from infomaniak_operator.reconcile.openstack.scope import Cloud, Clouds
from infomaniak_operator.reconcile.ownership.marks import VERSION, short_uid
from infomaniak_operator.reconcile.reconcilers import actuators, reconcilers

EARLIER = 60.0
"""Seconds by which the first of two attempts is dated back: what waits a moment to be made has waited by the second."""
_LONG_AGO = 86_400.0
"""Seconds since which no other process has acted: what the operator may be doing just now is not waited for."""


_OWN = (
    "the object names no Secret, so that the operator uses its own credential, which nobody else can read: name a "
    "credential of that project with --credentials or --clouds-yaml"
)


class Changed(Exception):  # noqa: N818 - it says what was tried
    """A reconciler tried to change something in Kubernetes, which a dry run never does: a defect."""


class Time(Protocol):
    """The time, as ``Surroundings`` has it."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    def now(self) -> float:
        """Seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one reconcile came to, as data.

    Attributes:
        ended: how it ended: a result where it came to its end, else an outcome.
        would: what it would do, for people; empty where nothing is to be done.
        steps: the same as data.
        fixed: in what cloud and spec differ that cannot be changed.
        held_back: what keeps it from doing all of it.
        remarks: what a person should see to though nothing is done about it.
    """

    ended: Result | Ended
    would: str = ""
    steps: Sequence[Step] = ()
    fixed: Sequence[Difference] = ()
    held_back: Sequence[Outcome] = ()
    remarks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """What there is to say of one object.

    Attributes:
        resource: as it is in the cluster.
        told: what the operator would do; None where that cannot be told.
        why: why it cannot be told.
        there: which objects there are, of those that it waits for.
        going: which of these are being deleted.
    """

    resource: KubeObject
    told: Told | None = None
    why: str = ""
    there: frozenset[Key] = frozenset()
    going: frozenset[Key] = frozenset()


@dataclass(slots=True)
class _Clock:
    time: Time
    earlier: float = 0.0

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self.time.monotonic() - self.earlier

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.time.now() - self.earlier


@dataclass(frozen=True, slots=True)
class Request:
    """One reconcile that can change nothing."""

    resource: KubeObject
    view: View
    clock: _Clock
    fresh_after: float
    memory: Memory = field(default_factory=Memory)
    deep: bool = True

    @property
    def acting_since(self) -> float:
        """Long ago, so that no create counts as under way."""
        return self.fresh_after - _LONG_AGO

    def add_finalizer(self) -> bool:
        """A dry run begins nothing.

        Raises:
            Changed: always.
        """
        raise Changed(f"{self.resource.key}: the finalizer would be set")

    def record(self, status: Mapping[str, object]) -> bool:
        """A dry run has nothing to write down.

        Raises:
            Changed: always.
        """
        del status
        raise Changed(f"{self.resource.key}: the status would be written")

    def event(self, reason: str, message: str, *, warning: bool = False) -> None:
        """What would be an Event is in what is told."""
        del reason, message, warning


class Planner:
    """Finds out what the operator would do.

    Args:
        view: the objects.
        connect: the cloud of a credential, in which nothing can be changed.
        cluster: the cluster's id, as the marks of ownership have it.
        credentials: where credentials come from.
        time: the time.
    """

    def __init__(
        self,
        view: View,
        connect: Callable[[CloudCredentials], Cloud],
        cluster: Callable[[], str],
        credentials: Credentials,
        time: Time,
    ) -> None:
        self._view, self._time, self._given = view, time, credentials.given is not None
        self._told: dict[Key, Told] = {}
        settings = ReconcileSettings(cluster, credentials, tell=self._tell)
        clouds = Clouds(lambda credentials: connect(credentials).read_only())
        self._reconcilers = {each.kind: each for each in reconcilers(clouds, settings)}
        self._collections = {each.kind: each.collection for each in actuators()}
        self._start = time.monotonic()

    def plans(self, objects: Iterable[KubeObject]) -> list[Planned]:
        """What is to be said of these objects. An object makes nothing fail but what is said of itself.

        Raises:
            Usage: the cluster's id is not the one in the marks.
        """
        return [self._plan(each) for each in objects]

    def _plan(self, resource: KubeObject) -> Planned:
        try:
            if not self._given and not ANY.spec(resource).get("cloudCredentialsRef"):
                return Planned(resource, why=_OWN)
            told = self._reconciled(resource)
            found = [each for key in _waited(told) if (each := self._view.get(key)) is not None]
        except Usage:
            raise
        except ClusterError as error:
            return Planned(resource, why=str(error))
        except Exception as error:  # noqa: BLE001 - what strangers wrote, or a defect of one kind, ends no other plan
            return Planned(resource, why=f"the plan cannot be made ({type(error).__name__})")
        there, going = ({each.key for each in found}, {each.key for each in found if each.deleting})
        return Planned(resource, told, there=frozenset(there), going=frozenset(going))

    def _reconciled(self, resource: KubeObject) -> Told:
        clock = _Clock(self._time, EARLIER)
        request = Request(_as_dry_run(resource), self._view, clock, self._start - EARLIER)
        told = self._run(request)
        if _waits_a_moment(told):
            clock.earlier = 0.0
            told = self._run(request)
        return told

    def _run(self, request: Request) -> Told:
        reconciler: CloudReconciler[Any, Any] = self._reconcilers[request.resource.key.kind]
        result = reconciler.reconcile(request)
        return self._told.pop(request.resource.key, None) or Told(result)

    def _tell(self, context: ReconcileContext, ended: Result | Ended) -> None:
        """Keep what a reconcile came to; called in it."""
        would = ""
        if context.resource.deleting or (isinstance(ended, Outcome) and ended.reason is Reason.CONFLICT):
            self._check_cluster(context)
        if isinstance(ended, Outcome) and ended.reason is Reason.DRY_RUN:
            would = ended.message.removeprefix("dry run: would ")
        self._told[context.resource.key] = Told(
            ended, would, list(context.steps), list(context.fixed), list(context.held_back), list(context.remarks)
        )

    def _check_cluster(self, context: ReconcileContext) -> None:
        """See that the mark on what status names, which is this object's, was made with this cluster's id."""
        collection = self._collections[context.resource.key.kind]
        id_ = context.id
        if id_ is None or context.connected is None:
            return
        row = next((each for each in context.rows(collection) if each["id"] == id_), None)
        for mark in marks_of(row) if row is not None else ():
            ours = mark.uid == short_uid(context.resource.uid) and mark.version == VERSION
            if ours and not context.owner.wrote(mark):
                raise Usage(
                    f"{context.resource.key} carries a mark that was not made with cluster id {context.owner.cluster}: "
                    "name the operator's with --cluster-id (the chart's value clusterID)."
                )


def _waited(told: Told) -> frozenset[Key]:
    """The objects that a reconcile came to wait for."""
    outcomes = [each for each in (told.ended, *told.held_back) if isinstance(each, Outcome)]
    return frozenset(key for each in outcomes if isinstance(each.next, WaitingFor) for key in each.next.keys)


def _waits_a_moment(told: Told) -> bool:
    """Whether another attempt may come to more: the operator waits a moment before it makes a load balancer."""
    ended = told.ended
    return isinstance(ended, Unchanged) or (isinstance(ended, Outcome) and isinstance(ended.next, RequeueAfter))


def _as_dry_run(resource: KubeObject) -> KubeObject:
    """The object as a dry run that is not paused: what would be done is asked for, whoever has stopped it."""
    body = json.loads(json.dumps(resource.body, default=str))
    annotations = {name: str(value) for name, value in _mapping(resource.metadata.get("annotations")).items()}
    annotations.pop(PAUSED, None)
    body["metadata"] = {**_mapping(body.get("metadata")), "annotations": {**annotations, DRY_RUN: "true"}}
    return KubeObject(resource.key, body)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
