"""What is known of an object while it is reconciled: its spec and status, its marks, what was seen. Asks nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from infomaniak_operator.api.json_types import ANY, CommonSpec, CommonStatus, SpecField, StatusField
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.client.session import is_id
from infomaniak_operator.controller.interfaces import (
    CacheReader,
    Condition,
    KubeObject,
    Memory,
    Reason,
    said_reason,
    said_status,
)
from infomaniak_operator.reconcile.generic.outcomes import (
    CREDENTIALS_VALID,
    DRY_RUN,
    HEALTHY,
    REFERENCES_RESOLVED,
    REVERSE_DNS,
    SYNCED,
    annotated,
    stands_ready,
)
from infomaniak_operator.reconcile.generic.remembered import Remembered
from infomaniak_operator.reconcile.ownership.create_guard import Creates
from infomaniak_operator.reconcile.ownership.marks import Owner, short_uid


def owner_of(cluster_id: str, resource: KubeObject) -> Owner:
    """An object of this cluster as an owner of marks."""
    key = resource.key
    return Owner(cluster_id, key.kind, key.namespace, key.name, resource.uid)


def lives(view: CacheReader, uid: str) -> bool:
    """Whether an object of the cluster, of whatever kind, has the UID of that short form."""
    return any(short_uid(each.uid) == uid for kind in KINDS for each in view.objects(kind))


@dataclass(frozen=True, slots=True)
class Traits:
    """What is special in the status of a kind, and in its deletion.

    Attributes:
        outliving: the status fields that stay while the object in the cloud is made again: what it is made with again.
        elsewhere: the status fields that name something of the object in the cloud beside the main resource.
        timed: the status fields that are there while something is to be done by the mere passing of time.
        recovery: the status field that is there while the operator itself deletes the main resource to make it again.
        itself: the spec fields that name the main resource itself: another's, perhaps, once ours is gone.
        together: the kinds that go in one with this one: those that are going, too, do not keep it.
        locks: whether the service locks the resource for each change and carries it out later: what was sent is
            compared with the spec once that is over.
    """

    outliving: frozenset[StatusField] = frozenset()
    elsewhere: frozenset[StatusField] = frozenset()
    timed: frozenset[StatusField] = frozenset()
    recovery: StatusField | None = None
    itself: frozenset[SpecField] = frozenset()
    together: frozenset[str] = frozenset()
    locks: bool = False

    def waits_for_time(self, resource: KubeObject) -> bool:
        """Whether something is to be done by the mere passing of time."""
        return any(resource.json_status.get(name) for name in self.timed)


class Subject(Protocol):
    """The object that is reconciled, and what this process knows of it and of others. Nothing can be changed by it."""

    @property
    def resource(self) -> KubeObject:
        """The object as it stands."""

    @property
    def view(self) -> CacheReader:
        """The other objects."""

    @property
    def memory(self) -> Memory:
        """What this process remembers of the object between reconciles."""


@dataclass(slots=True)
class Facts:
    """All that a plan is made of.

    Attributes:
        request: the object, and the others.
        owner: the object as an owner of marks.
        status: the kind's status fields as they will be written, whatever the outcome.
        seen: what was seen in the cloud in this reconcile, kept up to date by the steps that are carried out. Each kind
            has types of its own for it.
        traits: of its kind.
        project_id: the project of its credential; empty before that is known.
        now: when the reconcile began, seconds since the epoch.
        moment: when it began, monotonic seconds.
        restore: whether the operator takes over what was made for objects of the same name that are no more.
        sees_all: whether all namespaces of the cluster are watched, so that no object of it is unknown.
    """

    request: Subject
    owner: Owner
    status: CommonStatus
    seen: Memory = field(default_factory=Memory)
    traits: Traits = Traits()
    project_id: str = ""
    now: float = 0.0
    moment: float = 0.0
    restore: bool = False
    sees_all: bool = False

    @property
    def resource(self) -> KubeObject:
        """The object."""
        return self.request.resource

    @property
    def view(self) -> CacheReader:
        """The other objects."""
        return self.request.view

    @property
    def spec(self) -> CommonSpec:
        """Its spec as written: a field that is not there is not managed. A kind reads its own by ``JsonKind.spec``."""
        return ANY.spec(self.request.resource)

    @property
    def memory(self) -> Remembered:
        """What this process remembers of the object."""
        return self.request.memory.of(Remembered)

    @property
    def creates(self) -> Creates:
        """What this process knows of its creates."""
        return self.request.memory.of(Creates)

    @property
    def name(self) -> str:
        """The name in the cloud: ``spec.name``, else the object's own."""
        return str(self.spec.get("name") or self.resource.key.name)

    @property
    def dry_run(self) -> bool:
        """Whether the object asks only to be told what would be done."""
        return annotated(self.resource, DRY_RUN)

    @property
    def imported(self) -> bool:
        """Whether the object stands for one that was made by others."""
        return bool(self.spec.get("import"))

    @property
    def unmanaged(self) -> bool:
        """Whether the object may only be read."""
        return self.spec.get("managementPolicy") == "Unmanaged"

    @property
    def recorded(self) -> list[str]:
        """The fields of the spec that status says we have set in the cloud: what else status shows goes with them."""
        return list(ANY.status(self.resource).get("appliedFields") or ())

    @property
    def applied(self) -> list[str]:
        """The fields of the spec that we have set in the cloud so far, or were about to set."""
        recorded = self.recorded
        held = self.memory.applied
        return recorded if not held else list(dict.fromkeys([*recorded, *held]))

    def manages(self, name: SpecField) -> bool:
        """Whether the spec lists parts of that name, or they still count as ours in the status that will be written."""
        return self.asks_for(name) or name in (self.status.get("appliedFields") or ())

    @property
    def was_ready(self) -> bool:
        """Whether the object was Ready at this very generation."""
        return stands_ready(self.resource)

    @property
    def working(self) -> Reason:
        """What the operator is about: ``Creating`` only as long as there is nothing of the object in the cloud."""
        if self.resource.deleting:
            return Reason.DELETING
        return Reason.UPDATING if ANY.status(self.resource).get("id") else Reason.CREATING

    @property
    def waited(self) -> bool:
        """Whether the object says that it waits for what it refers to."""
        ready = self.resource.condition("Ready") or {}
        return ready.get("status") == "False" and ready.get("reason") == Reason.WAITING_FOR_REFERENCE

    @property
    def stands(self) -> bool:
        """Whether the object says, at this very generation, why it is not Ready; not only that it is to be made."""
        ready = self.resource.condition("Ready") or {}
        on_the_way = (Reason.CREATING, Reason.WAITING_FOR_REFERENCE)
        now = ready.get("observedGeneration") == self.resource.generation and ready.get("status") != "True"
        return now and ready.get("reason") not in on_the_way

    @property
    def id(self) -> str | None:
        """The id in the cloud, as far as it is known: from a create whose status is not written yet, or from status.

        What status has and what is no id leads to nothing: the object is then looked for by its mark.
        """
        found = self.memory.id or self.status.get("id")
        return str(found) if is_id(found) else None

    def asks_for(self, *fields: SpecField) -> bool:
        """Whether the spec has one of these fields."""
        spec: Mapping[str, object] = self.spec
        return any(name in spec for name in fields)

    def shows(self, *fields: StatusField) -> bool:
        """Whether status, as it will be written, has a value for one of these fields."""
        status: Mapping[str, object] = self.status
        return any(status.get(name) for name in fields)

    def former(self) -> dict[str, Condition]:
        """The further conditions as they were before this reconcile."""
        found = {}
        for kind in (REFERENCES_RESOLVED, CREDENTIALS_VALID, SYNCED, REVERSE_DNS, HEALTHY):
            former = self.resource.condition(kind)
            if former is not None:
                message = str(former.get("message", ""))
                found[kind] = Condition(said_status(former), said_reason(former), message)
        return found
