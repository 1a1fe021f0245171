"""What a kind brings to the common reconciler: seven methods, and abilities that have a default."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from typing_extensions import TypeVar, override

from infomaniak_operator.api.json_types import StatusField
from infomaniak_operator.client import InfomaniakCloudError
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.client.resources import Resource
from infomaniak_operator.controller.interfaces import CacheReader, Key, KubeObject
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts, Traits
from infomaniak_operator.reconcile.generic.needs import Needs
from infomaniak_operator.reconcile.generic.outcomes import Ended, Outcome
from infomaniak_operator.reconcile.generic.plan import Plan, Step
from infomaniak_operator.reconcile.openstack.resource_types import ResourceType

Row = Resource
"""An object in the cloud, of whatever type."""
Inputs = Mapping[str, object]
"""The resolved references of an object: what stands in the cloud for them. JSON, for it is part of the inputs' hash."""
InputsT = TypeVar("InputsT", bound=Inputs, default=Inputs)
"""Those of one kind, as its actuator knows them."""
RowT_contra = TypeVar("RowT_contra", bound=Row, contravariant=True)
BodyT_contra = TypeVar("BodyT_contra", bound=Mapping[str, object], contravariant=True)
InputsT_contra = TypeVar("InputsT_contra", bound=Inputs, contravariant=True)


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


class Kind(Protocol[RowT, BodyT, InputsT]):
    """What every kind has to say for itself. It keeps nothing of an object: every method gets what it needs."""

    kind: str
    """The kind in Kubernetes."""
    collection: ResourceType[RowT, BodyT]
    """The type of its main object in the cloud."""
    noun: str
    """What people call the main object: ``network``."""

    def references(self, resource: KubeObject) -> Iterable[Key]:
        """The keys the spec refers to, the Secret apart."""

    def resolve(self, resource: KubeObject, view: CacheReader) -> InputsT:
        """What the references stand for in the cloud.

        Raises:
            Unresolved: one is missing, going, or not there in the cloud yet.
            Unusable: one is there, and asks for what cannot be.
        """

    def body(self, facts: Facts, inputs: InputsT) -> BodyT | Outcome:
        """The attributes the main object is created with, its mark included; or why it cannot be."""

    def observe(self, context: ReconcileContext, row: RowT, inputs: InputsT, *, new: bool) -> None:
        """Look at what is under the main object, and whatever else the plan needs, and put it into the context.

        Args:
            context: the reconcile.
            row: the main object.
            inputs: the resolved references.
            new: whether it was just made, with nothing under it yet.

        Raises:
            InfomaniakCloudError: the cloud could not be asked.
        """

    def plan(self, facts: Facts, row: RowT, inputs: InputsT) -> Plan:
        """What is to be changed so that the cloud is as the spec says. Pure: it asks nobody, and changes nothing."""

    def act(self, context: ReconcileContext, row: RowT, steps: Sequence[Step]) -> RowT | Ended:
        """Carry out steps of ``plan``, ``removal``, ``releasing`` or ``leftovers``, in order.

        Returns:
            The main object as it then is; or how the reconcile ends, where the rest has to wait.

        Raises:
            InfomaniakCloudError: the service refused.
        """

    def report(self, context: ReconcileContext, row: RowT, inputs: InputsT) -> str | Outcome:
        """Put into ``context.status`` what is seen; returns the message of ``Ready``, or why it is not Ready."""


class Sharing(Protocol):
    """The ability to work on what several objects share."""

    def alone(self, resource: KubeObject, view: CacheReader) -> str | None:
        """Names what only one reconcile at a time may work on; None: there is nothing of the kind.

        Called in the event loop, again and again: pure and cheap.
        """

    def lock(self, context: ReconcileContext) -> Ended | None:
        """Begin to work in the cloud, once the reconcile is connected; or end, where somebody else is at work."""


class Creation(Protocol[RowT, BodyT_contra, InputsT_contra]):
    """The ability to be made in ways of its own."""

    def prerequisites(self, context: ReconcileContext, inputs: InputsT_contra) -> Ended | None:
        """Before the main object is looked for: look up what only the cloud tells, wait for what it is to be made in.

        Raises:
            InfomaniakCloudError: the cloud could not be asked.
        """

    def held(self, context: ReconcileContext) -> RowT | None:
        """The main object as a create has just answered it, where nothing has been changed since; else None."""

    def outline(self, context: ReconcileContext, body: BodyT_contra) -> str:
        """What a create would make, for people: ``network office``."""

    def needs(self, context: ReconcileContext, inputs: InputsT_contra, steps: Sequence[Step] | None) -> Needs:
        """What a plan takes of the project's quota, at the least.

        Args:
            context: the reconcile.
            inputs: the resolved references.
            steps: the plan's; None: all that is made where there is nothing yet.

        Raises:
            InfomaniakCloudError: the cloud could not be asked.
        """

    def prepare(
        self, context: ReconcileContext, inputs: InputsT_contra, body: BodyT_contra
    ) -> Callable[[], RowT] | Ended:
        """Make what must be there before the main object, and work out all that is to be sent for that.

        Returns:
            What sends the create, once, and nothing else: whatever else fails must not count as a create of unknown
            outcome. It raises ``InfomaniakCloudError`` where the service refused, or did not answer. Or how the
            reconcile ends, where it is too early.

        Raises:
            InfomaniakCloudError: the service refused.
        """

    def refused(self, context: ReconcileContext, error: InfomaniakCloudError) -> Outcome | None:
        """What the refusal of a create means, where the kind knows better than the error; else None."""

    def find(self, context: ReconcileContext, rows: Iterable[RowT]) -> RowT | Outcome | None:
        """An object of the project that nobody owns and the spec means, to be taken over; or why it cannot be had."""

    def takes_over(self, context: ReconcileContext) -> bool:
        """Whether the spec names something that others have made: then it is ours once it carries our mark."""

    def may_make_again(self, context: ReconcileContext) -> bool:
        """Whether one that somebody else deleted is to be made again."""

    def went_with(self, context: ReconcileContext) -> str:
        """What the operator itself deleted that has taken the main resource along; empty where somebody else did."""


class Deletion(Protocol[RowT_contra]):
    """The ability to go in ways of its own. What is done is data, as in ``plan``; it may look before it says."""

    def removal(self, context: ReconcileContext, row: RowT_contra) -> Plan:
        """What deletes the main object and what belongs to it; its outcome where something under it is not ours.

        Raises:
            InfomaniakCloudError: the cloud could not be asked.
        """

    def releasing(self, context: ReconcileContext, row: RowT_contra) -> Plan:
        """What gives up the marks on the main object and what belongs to it, and leaves it all in place.

        Raises:
            InfomaniakCloudError: the cloud could not be asked.
        """

    def leftovers(self, context: ReconcileContext, *, retain: bool) -> Plan:
        """Once the main object is gone: what removes what it has left behind, or gives up the marks on that.

        Raises:
            InfomaniakCloudError: the cloud could not be asked.
        """

    def act_on_leftovers(self, context: ReconcileContext, steps: Sequence[Step]) -> Ended | None:
        """Carry out ``leftovers``; returns how the reconcile ends where the rest has to wait.

        Raises:
            InfomaniakCloudError: the service refused.
        """

    def holds(self, context: ReconcileContext, row: RowT_contra) -> str:
        """What has come to belong to a duplicate of the main object since it was made, for people.

        Only what is made by one request that can be carried out twice is named: a second load balancer, say, cannot
        have the VIP's port that the first one has.

        Returns:
            The text; empty where it can go without loss.

        Raises:
            InfomaniakCloudError: the cloud could not be asked.
        """


class Reporting(Protocol[RowT_contra]):
    """The ability to tell of its state and of failures in ways of its own."""

    def applied(self, facts: Facts) -> list[str]:
        """The places of the fields that the spec sets (``status.appliedFields``)."""

    def pending(self, row: RowT_contra) -> str | None:
        """What is still awaited of the main object (its provisioning state), or None if it is as good as it gets."""

    def pause(self, context: ReconcileContext) -> float:
        """Seconds to wait for what ``pending`` names."""

    def rivals(self, context: ReconcileContext, error: InfomaniakCloudError) -> list[KubeObject]:
        """The objects of this cluster that have what was just refused, or use it: a change of theirs may mend it."""

    def advice(self, context: ReconcileContext, error: InfomaniakCloudError) -> str:
        """Which fields what was just refused is about, and what a person should do; empty where it is not known."""

    def without_reference(self, context: ReconcileContext, key: Key) -> Outcome | None:
        """While the reference to ``key`` cannot be followed: have status show nothing that went with it.

        Raises:
            InfomaniakCloudError: the cloud could not be asked.
        """


class Actuator(
    Kind[RowT, BodyT, InputsT],
    Sharing,
    Creation[RowT, BodyT, InputsT],
    Deletion[RowT],
    Reporting[RowT],
    Protocol[RowT, BodyT, InputsT],
):
    """All that the common reconciler asks of a kind. Those of Octavia share what is known of the trees."""

    parts: StatusField | None
    """The list in spec and status that names what belongs to it; until the spec has it, status shows that of others."""
    depends_on: frozenset[Dependency]
    """The kinds that its references may lead to."""
    traits: Traits
    """What is special in its status, and in its deletion."""


class PlainActuator(Actuator[RowT, BodyT, InputsT]):
    """The abilities of a kind that knows no better: alone in the cloud, made by one request."""

    parts: StatusField | None = None
    quota: str = ""
    """The service's name for the quota of the main object."""
    depends_on: frozenset[Dependency] = frozenset()
    traits = Traits()

    @override
    def alone(self, resource: KubeObject, view: CacheReader) -> str | None:
        """Nothing: what others do does not stand in its way."""
        return None

    @override
    def lock(self, context: ReconcileContext) -> Ended | None:
        """The service takes all comers."""
        return None

    @override
    def observe(self, context: ReconcileContext, row: RowT, inputs: InputsT, *, new: bool) -> None:
        """The main object is all there is."""

    @override
    def prerequisites(self, context: ReconcileContext, inputs: InputsT) -> Ended | None:
        """There is nothing to wait for but the references."""
        return None

    @override
    def held(self, context: ReconcileContext) -> RowT | None:
        """What a create answers is used in the same reconcile."""
        return None

    @override
    def outline(self, context: ReconcileContext, body: BodyT) -> str:
        """The noun and the name."""
        return f"{self.noun} {body.get('name', context.name)}"

    @override
    def needs(self, context: ReconcileContext, inputs: InputsT, steps: Sequence[Step] | None) -> Needs:
        """The main object."""
        return Needs({self.quota: 1}) if self.quota and steps is None else Needs()

    @override
    def prepare(self, context: ReconcileContext, inputs: InputsT, body: BodyT) -> Callable[[], RowT] | Ended:
        """One POST."""
        collection = self.collection.of(context.cloud.do)
        return lambda: collection.create(body)

    @override
    def refused(self, context: ReconcileContext, error: InfomaniakCloudError) -> Outcome | None:
        """A refusal means what the error says."""
        return None

    @override
    def find(self, context: ReconcileContext, rows: Iterable[RowT]) -> RowT | Outcome | None:
        """Nothing is taken over but by import."""
        return None

    @override
    def takes_over(self, context: ReconcileContext) -> bool:
        """What is imported."""
        return context.imported

    @override
    def may_make_again(self, context: ReconcileContext) -> bool:
        """One of ours that somebody deleted is made again."""
        return True

    @override
    def went_with(self, context: ReconcileContext) -> str:
        """Nothing takes it along."""
        return ""

    @override
    def leftovers(self, context: ReconcileContext, *, retain: bool) -> Plan:
        """Nothing is left behind."""
        return Plan()

    @override
    def act_on_leftovers(self, context: ReconcileContext, steps: Sequence[Step]) -> Ended | None:
        """Nothing is left behind."""
        return None

    @override
    def holds(self, context: ReconcileContext, row: RowT) -> str:
        """Nothing is deleted as a duplicate."""
        return "such a thing is never deleted as a double"

    @override
    def rivals(self, context: ReconcileContext, error: InfomaniakCloudError) -> list[KubeObject]:
        """None are known."""
        return []

    @override
    def advice(self, context: ReconcileContext, error: InfomaniakCloudError) -> str:
        """The error's own words say it all."""
        return ""

    @override
    def without_reference(self, context: ReconcileContext, key: Key) -> Outcome | None:
        """What a kind is in the cloud does not depend on what it refers to."""
        return None
