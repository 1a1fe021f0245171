"""What a kind brings to the common reconciler: its references, its plan, and how each step is carried out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from typing_extensions import TypeVar, override

from infomaniak_operator.api.json_types import StatusField
from infomaniak_operator.client import InfomaniakCloudError
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.client.resources import Resource
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject
from infomaniak_operator.reconcile.generic.context import ReconcileContext, Traits
from infomaniak_operator.reconcile.generic.fields import Difference
from infomaniak_operator.reconcile.openstack.resource_types import ResourceType

Row = Resource
"""An object in the cloud, of whatever type."""
Inputs = Mapping[str, object]
"""The resolved references of an object: what stands in the cloud for them. JSON, for it is part of the inputs' hash."""
InputsT = TypeVar("InputsT", bound=Inputs, default=Inputs)
"""Those of one kind, as its actuator knows them."""


class Unresolved(Exception):  # noqa: N818 - an outcome, not an error
    """A reference that cannot be followed yet.

    Args:
        key: the object waited for.
        message: names it, and what it lacks.
        others: further ones, any of which may be what is waited for.
    """

    def __init__(self, key: Key, message: str, others: Iterable[Key] = ()) -> None:
        super().__init__(message)
        self.key = key
        self.others = tuple(others)


class Unusable(Unresolved):
    """What a reference leads to is there, and no cloud can be made to match it: somebody has to change one of the two.

    It is found before the cloud is asked anything.
    """


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the cloud that a plan holds.

    Attributes:
        verb: create, update or delete.
        what: the thing changed, for people: ``subnet front``.
        slot: which part of the object (``""`` the main object, else a child key): the key of the rule on creates.
        id: id of what is changed or deleted.
        revision: its revision number, tested by the service.
        body: what is sent.
        differences: the fields an update changes.
        replaces: whether it only makes room for a create of the same plan.
        adopts: whether it is the first change of something under the main object that others have made.
    """

    verb: Literal["create", "update", "delete"]
    what: str
    slot: str = ""
    id: str = ""
    revision: int | None = None
    body: Mapping[str, object] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    replaces: bool = False
    adopts: bool = False

    def __str__(self) -> str:
        detail = f" ({', '.join(str(difference) for difference in self.differences)})" if self.differences else ""
        return f"{self.verb} {self.what}{detail}"


Plan = Sequence[Step]


@dataclass(frozen=True, slots=True)
class Dependency:
    """A kind that a kind's references may lead to. It is declared here alone, on the one that depends.

    Attributes:
        kind: what is referred to.
        keeps: whether the reference keeps what it leads to from being deleted. Where it does not, the object loses what
            it referred to, and waits for another.
        optional: whether the object can be without it.
    """

    kind: str
    keeps: bool = False
    optional: bool = False


class Actuator(Protocol[RowT, BodyT, InputsT]):
    """One kind's knowledge. It keeps nothing of an object: every method gets what it needs.

    Those of Octavia share what is known of the load balancers' trees (``octavia.tree_state``).
    """

    kind: str
    """The kind in Kubernetes."""
    collection: ResourceType[RowT, BodyT]
    """The type of its main object in the cloud."""
    noun: str
    """What people call the main object: ``network``."""
    parts: StatusField | None
    """The list in spec and status that names what belongs to it; until the spec has it, status shows that of others."""
    depends_on: frozenset[Dependency]
    """The kinds that its references may lead to."""
    traits: Traits
    """What is special in its status, and in its deletion."""

    def references(self, resource: KubeObject) -> Iterable[Key]:
        """The keys the spec refers to, the Secret apart."""

    def resolve(self, resource: KubeObject, view: CacheReader) -> InputsT:
        """What the references stand for in the cloud.

        Raises:
            Unresolved: one is missing, going, or not there in the cloud yet.
            Unusable: one is there, and asks for what cannot be.
        """

    def alone(self, resource: KubeObject, view: CacheReader) -> str | None:
        """Names what only one reconcile at a time may work on; None: there is nothing of the kind.

        Called in the event loop, again and again: pure and cheap.
        """

    def holds(self, context: ReconcileContext, row: RowT) -> str:
        """What has come to belong to a duplicate of the main object since it was made, for people.

        Only what is made by one request that can be carried out twice is named: a second load balancer, say, cannot
        have the VIP's port that the first one has.

        Returns:
            The text; empty where it can go without loss.

        Raises:
            InfomaniakCloudError: the cloud could not be asked.
        """

    def without_reference(self, context: ReconcileContext, key: Key) -> None:
        """While the reference to ``key`` cannot be followed: have status show nothing that went with it.

        Raises:
            InfomaniakCloudError: the cloud could not be asked.
        """

    def lock(self, context: ReconcileContext) -> None:
        """Begin to work in the cloud, once the reconcile is connected.

        Raises:
            Unchanged: it is somebody else's turn.
            Stop: what is under way must end first.
        """

    def wait_for_parents(self, context: ReconcileContext, inputs: InputsT) -> None:
        """Before the main object is looked for: wait for what it can only be made in.

        Raises:
            Stop: that is not there yet.
        """

    def held(self, context: ReconcileContext) -> RowT | None:
        """The main object as a create has just answered it, where nothing has been changed since; else None."""

    def body(self, context: ReconcileContext, inputs: InputsT) -> BodyT:
        """The attributes the main object is created with, its mark included."""

    def outline(self, context: ReconcileContext, body: BodyT) -> str:
        """What a create would make, for people: ``network office``."""

    def prepare(self, context: ReconcileContext, inputs: InputsT, body: BodyT) -> Callable[[], RowT]:
        """Make what must be there before the main object, and work out all that is to be sent for that.

        Returns:
            What sends the create, once, and nothing else: whatever else fails must not count as a create of unknown
            outcome. It raises ``InfomaniakCloudError`` where the service refused, or did not answer.

        Raises:
            Stop, Unchanged: it is too early.
            InfomaniakCloudError: the service refused.
        """

    def refused(self, context: ReconcileContext, error: InfomaniakCloudError) -> Exception:
        """What the refusal of a create means, where the kind knows better: a ``Stop``, else the error itself."""

    def rivals(self, context: ReconcileContext, error: InfomaniakCloudError) -> list[KubeObject]:
        """The objects of this cluster that have what was just refused, or use it: a change of theirs may mend it."""

    def applied(self, context: ReconcileContext) -> list[str]:
        """The places of the fields that the spec sets (``status.appliedFields``)."""

    def find(self, context: ReconcileContext, rows: Iterable[RowT]) -> RowT | None:
        """An object of the project that nobody owns and the spec means, to be taken over instead of making one.

        Raises:
            Stop: the one that is meant cannot be had.
        """

    def takes_over(self, context: ReconcileContext) -> bool:
        """Whether the spec names something that others have made: then it is ours once it carries our mark."""

    def plan(self, context: ReconcileContext, row: RowT, inputs: InputsT, *, new: bool) -> Plan:
        """What is to be changed so that the cloud is as the spec says; ``new``: just made, nothing under it yet."""

    def act(self, context: ReconcileContext, row: RowT, steps: Plan) -> RowT:
        """Carry out the steps, in order; returns the main object as it then is."""

    def unmet(self, context: ReconcileContext, row: RowT, inputs: InputsT) -> Plan | None:
        """What the answers of the service still leave to be changed, without asking it anything.

        Returns:
            None where they do not tell yet.
        """

    def report(self, context: ReconcileContext, row: RowT, inputs: InputsT) -> str:
        """Put into ``context.status`` what is seen; returns the message of ``Ready``."""

    def pending(self, row: RowT) -> str | None:
        """What is still awaited of the main object (its provisioning state), or None if it is as good as it gets."""

    def pause(self, context: ReconcileContext) -> float:
        """Seconds to wait for what ``pending`` names."""

    def may_make_again(self, context: ReconcileContext) -> bool:
        """Whether one that somebody else deleted is to be made again."""

    def remove(self, context: ReconcileContext, row: RowT) -> None:
        """Delete the main object and what belongs to it.

        Raises:
            Stop: something under it is not ours.
            InfomaniakCloudError: the service refused.
        """

    def after_delete(self, context: ReconcileContext) -> None:
        """Once the main object is gone: remove what it leaves behind.

        Raises:
            Stop: something is still under way.
            InfomaniakCloudError: the service refused.
        """

    def release_rest(self, context: ReconcileContext) -> None:
        """Where the main object is not there, and the deletion policy is Retain: give up the marks of what it left.

        Raises:
            Stop: something is still under way.
            InfomaniakCloudError: the service refused.
        """

    def release(self, context: ReconcileContext, row: RowT) -> None:
        """Give up the marks on the main object and what belongs to it, and leave it all in place."""


class PlainActuator(Actuator[RowT, BodyT, InputsT]):
    """What every kind does that knows no better."""

    parts: StatusField | None = None
    depends_on: frozenset[Dependency] = frozenset()
    traits = Traits()

    @override
    def alone(self, resource: KubeObject, view: CacheReader) -> str | None:
        """Nothing: what others do does not stand in its way."""
        return None

    @override
    def holds(self, context: ReconcileContext, row: RowT) -> str:
        """Unless the kind knows better, nothing is deleted as a duplicate."""
        return "such a thing is never deleted as a double"

    @override
    def find(self, context: ReconcileContext, rows: Iterable[RowT]) -> RowT | None:
        """Nothing is taken over but by import."""
        return None

    def takes_over(self, context: ReconcileContext) -> bool:
        """What is imported."""
        return context.imported

    @override
    def refused(self, context: ReconcileContext, error: InfomaniakCloudError) -> Exception:
        """A refusal means what the error says."""
        return error

    @override
    def rivals(self, context: ReconcileContext, error: InfomaniakCloudError) -> list[KubeObject]:
        """None are known."""
        return []

    def without_reference(self, context: ReconcileContext, key: Key) -> None:
        """What a kind is in the cloud does not depend on what it refers to."""

    def after_delete(self, context: ReconcileContext) -> None:
        """Nothing is left behind."""

    def release_rest(self, context: ReconcileContext) -> None:
        """Nothing is left behind."""
