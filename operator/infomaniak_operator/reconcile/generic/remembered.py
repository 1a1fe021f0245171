"""What every kind remembers of an object between its reconciles, in this process alone. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field

from infomaniak_operator.reconcile.openstack.scope import Cloud


@dataclass(slots=True)
class Remembered:
    """What is remembered of one object. All of it can be lost at any moment: it must be right without.

    Attributes:
        first_heard: monotonic seconds: what was listed before this is older than the object.
        wrote: monotonic seconds of this process's last change of it in the cloud.
        unsettled: monotonic seconds at which a change of unknown outcome could last have been sent.
        id: of the main resource, from a create that status does not show yet.
        project_id: the project where it is, or may come to be.
        region: likewise.
        applied: the fields that were recorded as set by us: they hold though a status be lost.
        create_refused: its create was refused: nothing of it is anywhere.
        done_with: ``ReconcileContext.inputs`` as they were when the object was last in order.
        not_taken: the service accepted the last change and did not take over all of it.
        pending_since: monotonic seconds since when the main resource has not been ready.
        waited: the last reconcile ended because a reference could not be resolved.
        stood: the generation at which the object was Ready: what it names then is in use.
        cloud: the connection of its credential: a Secret may go before the object does.
        quota_told: the quotas of which an Event has told that they are nearly used up.
        remarked: the remarks that an Event was published of.
        slots_named: the child keys of which status has named a child.
        deleted: the ids of children whose deletion was answered, the newest.
    """

    first_heard: float | None = None
    wrote: float | None = None
    unsettled: float | None = None
    id: str | None = None
    project_id: str | None = None
    region: str | None = None
    applied: list[str] | None = None
    create_refused: bool = False
    done_with: str | None = None
    not_taken: bool = False
    pending_since: float | None = None
    waited: bool = False
    stood: int | None = None
    cloud: Cloud | None = None
    quota_told: set[str] = field(default_factory=set)
    remarked: set[str] = field(default_factory=set)
    slots_named: set[str] = field(default_factory=set)
    deleted: list[str] = field(default_factory=list)

    def pending_for(self, now: float) -> float:
        """For how many seconds the main resource has not been ready; from now on, where it was."""
        if self.pending_since is None:
            self.pending_since = now
        return now - self.pending_since
