"""What the Octavia kinds share: their turn at the tree, marked tags, one change at a time, states and health."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar, cast

from typing_extensions import override

from infomaniak_operator.api import json_types
from infomaniak_operator.api.json_kind import StatusT
from infomaniak_operator.client import Category, InfomaniakCloudError, NotFoundError
from infomaniak_operator.client.kinds import BodyT
from infomaniak_operator.client.resources import (
    HealthMonitor,
    Listener,
    LoadBalancer,
    OctaviaResource,
    Pool,
    Reference,
)
from infomaniak_operator.client.session import is_id
from infomaniak_operator.controller.interfaces import (
    FINALIZER,
    CacheReader,
    Key,
    KubeObject,
    Reason,
    RequeueAfter,
    Retry,
)
from infomaniak_operator.reconcile.generic.actuator import InputsT, PlainActuator, Row
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts, Traits
from infomaniak_operator.reconcile.generic.fields import Difference, Field, differences, place, unordered
from infomaniak_operator.reconcile.generic.outcomes import HEALTHY, Ended, Outcome, Unchanged, again, stalled
from infomaniak_operator.reconcile.generic.owned import mark_to_release
from infomaniak_operator.reconcile.generic.plan import Step
from infomaniak_operator.reconcile.octavia.tree_state import FIRST_LOOK, GONE, STUCK_LOOK, Seen, Tree, Trees, parts_of
from infomaniak_operator.reconcile.openstack.resource_types import ResourceType
from infomaniak_operator.reconcile.ownership.marks import Mark, plain

OctaviaT = TypeVar("OctaviaT", bound=OctaviaResource)
LOAD_BALANCER = "LoadBalancer"
POOL = "Pool"
MONITOR = "HealthMonitor"
L7_POLICY = "L7Policy"
IN_A_TREE = frozenset({LOAD_BALANCER, POOL, MONITOR, L7_POLICY})
BUSY = 0.1
"""Seconds until the next attempt where another reconcile has the tree."""
FRESH = 3.0
"""Seconds for which a look that showed a tree unlocked is good enough for a change."""
_HEALTHY = ("ONLINE", "NO_MONITOR")


# ── whose tree ──


def load_balancer_of(resource: KubeObject, view: CacheReader) -> KubeObject | None:
    """The LoadBalancer an object belongs to, as far as references and status tell."""
    if resource.key.kind == LOAD_BALANCER:
        return resource
    namespace = resource.key.namespace
    above = _pool_above(resource)
    if above:
        pool = view.get(above)
        return load_balancer_of(pool, view) if pool else None
    if ref := json_types.POOL.spec(resource).get("loadBalancerRef"):
        return view.get(Key(LOAD_BALANCER, namespace, ref["name"]))
    wanted = json_types.POOL.status(resource).get("loadBalancerID")
    balancers = view.objects(LOAD_BALANCER, namespace) if wanted else ()
    found = (each for each in balancers if json_types.LOAD_BALANCER.status(each).get("id") == wanted)
    return next(found, None)


def _pool_above(resource: KubeObject) -> Key | None:
    """The Pool that a HealthMonitor refers to."""
    ref = json_types.HEALTH_MONITOR.spec(resource).get("poolRef") if resource.key.kind == MONITOR else None
    return Key(POOL, resource.key.namespace, ref["name"]) if ref else None


def tree_name(resource: KubeObject, view: CacheReader) -> str | None:
    """Names the tree that an object is in, the same for all of one tree; None where it is in none, or nothing tells."""
    namespace, kind = resource.key.namespace, resource.key.kind
    if kind not in IN_A_TREE:
        return None
    above = _pool_above(resource)
    if above:
        pool = view.get(above)
        return tree_name(pool, view) if pool else None
    if ref := json_types.POOL.spec(resource).get("loadBalancerRef"):
        return str(Key(LOAD_BALANCER, namespace, ref["name"]))
    owner = load_balancer_of(resource, view)
    return str(owner.key) if owner else None


class TreeLock:
    """A tree that a reconcile has to itself: the ``Lock`` of the kinds of Octavia."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def check(self, context: ReconcileContext) -> Ended | None:
        """Before a change: see ``gate``."""
        return gate(context)

    def changing(self, context: ReconcileContext) -> AbstractContextManager[None]:
        """Around a change: see the function ``changing``."""
        return changing(context)


def tree_of(context: ReconcileContext) -> Tree:
    """The tree that a reconcile has to itself; only after ``lock``."""
    if not isinstance(context.locked, TreeLock):
        raise TypeError("this reconcile has not locked its tree yet")
    return context.locked.tree


def lock(context: ReconcileContext, trees: Trees) -> Ended | None:
    """Have the tree to oneself, unlocked; or come back: another reconcile has it, or it is PENDING."""
    resource = context.resource
    owner = load_balancer_of(resource, context.request.view)
    tree = trees.of(owner.uid if owner else resource.uid)
    if not tree.acquire():
        return Unchanged(BUSY)
    context.exits.callback(tree.release)
    context.locked = TreeLock(tree)
    now = context.request.clock.monotonic()
    tree.touch(resource.uid, (resource.generation, FINALIZER in resource.finalizers, resource.deleting), now)
    unknown = tree.unknown.pop(resource.uid, None)
    if unknown is not None:
        context.creates.unknown.setdefault("", unknown)
    known = json_types.LOAD_BALANCER.status(owner).get("id") if owner else None
    if is_id(known):
        tree.load_balancer_id = str(known)
    if not tree.locked or tree.load_balancer_id is None:
        return None
    _publish(context)
    if now < tree.next_look:
        return waiting(context, tree)
    seen = look(context)
    if isinstance(seen, Outcome):
        return seen
    return waiting(context, tree) if tree_of(context).locked else None


def _publish(context: ReconcileContext) -> None:
    """Have the status of what was just made show its id, while the tree is still PENDING: others wait for it."""
    row = tree_of(context).held.get(context.resource.uid)
    if row is None:
        return
    context.known(row)
    kind = context.resource.key.kind
    if kind == POOL and (balancer := parent(cast("Pool", row).get("loadbalancers"))):
        json_types.POOL.status(context)["loadBalancerID"] = balancer
    if kind == MONITOR and (pool := parent(cast("HealthMonitor", row).get("pools"))):
        json_types.HEALTH_MONITOR.status(context)["poolID"] = pool


def look(context: ReconcileContext) -> Seen | Outcome:
    """Look at the tree: one call. The outcome is for where nothing tells which load balancer it is.

    Raises:
        InfomaniakCloudError: it could not be asked for.
    """
    tree, clock = tree_of(context), context.request.clock
    if tree.load_balancer_id is None:
        kind = context.resource.key.kind
        message = (
            f"the cloud does not tell which load balancer this {kind} is in: it is being made, or being deleted; it is "
            "looked for again"
        )
        return again(Reason.DELETING if context.resource.deleting else Reason.WAITING_FOR_REFERENCE, message, 5.0)
    began = clock.monotonic()
    try:
        found = context.cloud.do.load_balancers.status_tree(tree.load_balancer_id)["loadbalancer"]
    except NotFoundError:
        seen = Seen(began, GONE)
    else:
        status = str(found["provisioning_status"])
        seen = Seen(began, status, str(found.get("operating_status") or ""), parts_of(found), began)
    tree.looked(seen, clock.monotonic())
    return seen


def waiting(context: ReconcileContext, tree: Tree) -> Ended:
    """The outcome of waiting until the tree is unlocked: what was Ready, or Stalled, stays so.

    So does what is going and in use: to say one, then the other, would wake its users, and they may lock the tree.
    """
    now = context.request.clock.monotonic()
    seconds = max(tree.next_look - now, 0.05)
    if context.resource.deleting:
        stays = (context.resource.condition("Ready") or {}).get("reason") == Reason.IN_USE
    else:
        stays = bool(context.resource.condition("Stalled")) and context.resource.uid not in tree.held
    if stays and context.stands and not tree.stuck(now):
        return Unchanged(seconds)
    status = tree.seen.provisioning if tree.seen and tree.seen.pending else "being changed"
    message = f"load balancer {tree.load_balancer_id} is {status} in the cloud"
    reason = Reason.CREATING if status == "PENDING_CREATE" else context.working
    if tree.stuck(now):
        message += (
            ", for more than a quarter of an hour: it is stuck, and only the cloud's support can free it; nothing is "
            "sent to it"
        )
        reason = Reason.CLOUD_ERROR
    if context.resource.deleting:
        reason = Reason.DELETING
    return Outcome(reason, message, RequeueAfter(seconds), keep_ready=True)


class TreeActuator(PlainActuator[OctaviaT, BodyT, InputsT]):
    """What the four kinds' actuators have in common: the tree that they lock, and its states.

    Args:
        trees: what is known of load balancers.
    """

    noun: str
    traits = Traits(together=IN_A_TREE, locks=True)

    def __init__(self, trees: Trees) -> None:
        self.trees = trees

    @override
    def alone(self, resource: KubeObject, view: CacheReader) -> str | None:
        """The tree."""
        return tree_name(resource, view)

    @override
    def lock(self, context: ReconcileContext) -> Ended | None:
        """Have the tree to itself."""
        return lock(context, self.trees)

    @override
    def pending(self, row: OctaviaT) -> str | None:
        """Ready when ACTIVE."""
        if row["provisioning_status"] == "ACTIVE":
            return None
        return f"{self.noun} {row['id']} is {row['provisioning_status']} in the cloud"

    @override
    def pause(self, context: ReconcileContext) -> float:
        """Until the next look at the tree; ever longer for a part that stays PENDING in a tree that is not locked."""
        now = context.request.clock.monotonic()
        if tree_of(context).pending_since is None:
            return min(FIRST_LOOK + context.memory.pending_for(now) / 4, STUCK_LOOK)
        return max(tree_of(context).next_look - now, 0.05)


# ── changes ──


def gate(context: ReconcileContext) -> Ended | None:
    """Before a change: make sure that the tree is unlocked; returns how the reconcile ends where it is not.

    Raises:
        InfomaniakCloudError: it could not be asked for.
    """
    tree = tree_of(context)
    now = context.request.clock.monotonic()
    seen = tree.seen
    if seen is None or seen.began < max(tree.written, now - FRESH):
        looked = look(context)
        if isinstance(looked, Outcome):
            return looked
        seen = looked
    if seen.provisioning == "ACTIVE":
        return None
    if seen.pending:
        return waiting(context, tree)
    gone = seen.provisioning == GONE
    what = "is not there any more" if gone else f"is in {seen.provisioning} in the cloud, which locks all of it"
    message = f"load balancer {tree.load_balancer_id} {what}"
    reason = Reason.EXTERNALLY_DELETED if gone else Reason.CLOUD_ERROR
    # Its LoadBalancer wakes this one; where there is none, it is looked at ever more rarely.
    return Outcome(Reason.DELETING if context.resource.deleting else reason, message, Retry(at_least=5.0))


@contextmanager
def changing(context: ReconcileContext) -> Iterator[None]:
    """Around a change of the tree: after it, what was seen before counts no more."""
    try:
        with context.changing():
            yield
    except InfomaniakCloudError as error:
        if error.outcome_unknown or error.category is Category.WAITING:
            tree_of(context).wrote(context.request.clock.monotonic())
        raise
    else:
        tree_of(context).wrote(context.request.clock.monotonic())
    finally:
        tree_of(context).held.clear()


def first(context: ReconcileContext, steps: Sequence[Step], carry_out: Callable[[Step], Ended | None]) -> Ended:
    """Carry out the first step of a plan; the tree is PENDING then, and the next reconcile sees to the rest.

    Args:
        context: the reconcile.
        steps: of the plan.
        carry_out: sends the step; returns how the reconcile ends where it is too early for it.

    Raises:
        InfomaniakCloudError: the service refused.
    """
    if locked := gate(context):
        return locked
    step = steps[0]
    if too_early := carry_out(step):
        return too_early
    tree = tree_of(context)
    pause = tree.next_look - tree.written
    if context.resource.deleting:
        if step.verb == "delete":
            context.request.event("Deleted", f"deleted {step.what}")
        return again(Reason.DELETING, f"{step.what} is being deleted", pause)
    if step.verb == "create":
        context.request.event("Created", f"created {step.what}")
    elif context.drifted:
        context.request.event("DriftCorrected", f"the cloud was changed behind us; put back: {step.done}")
    else:
        context.request.event("Updated", step.done)
    return again(Reason.UPDATING, "; ".join(str(each) for each in steps), pause)


def note(context: ReconcileContext, row: LoadBalancer) -> None:
    """Take the state of a load balancer that was listed for this reconcile as a look at its tree."""
    began = max(context.request.fresh_after, context.memory.wrote or float("-inf"))
    tree = tree_of(context)
    tree.load_balancer_id = str(row["id"])
    if tree.seen is not None and tree.seen.began >= began:
        return
    status, operating = str(row["provisioning_status"]), str(row.get("operating_status") or "")
    before = tree.seen
    if before is None or before.pending or before.began < tree.written:
        seen = Seen(began, status, operating)
    else:  # a list tells nothing of what is under it: that is as old as it was
        seen = Seen(began, status, operating, before.parts, before.parts_began)
    tree.looked(seen, context.request.clock.monotonic())


# ── marks ──


def tags_of(users: Iterable[str] | None, mark: Mark) -> list[str]:
    """The tags something is created with: the user's, then the mark."""
    return [*(users or ()), mark.text]


def plain_tags(row: Row) -> list[str]:
    """The tags without those that are marks."""
    return plain(row.get("tags"))


def tag_difference(
    facts: Facts,
    item: json_types.CommonSpec,
    row: Row,
    child: str = "",
    prefix: str = "",
    *,
    marks: Iterable[Mark] | None = None,
) -> list[Difference]:
    """How the tags differ: the user's where they are managed, and the mark always.

    Args:
        facts: of the object.
        item: the spec, or an item of it.
        row: what there is.
        child: which child of the object it is.
        prefix: the place of the item in the spec.
        marks: those to write; by default the one of that child.
    """
    now, users = list(row.get("tags") or ()), plain_tags(row)
    unmanaged = [] if place(prefix, "tags") in facts.applied else users
    wanted = list(item["tags"] or ()) if "tags" in item else unmanaged
    if any(unordered(now) == unordered([*wanted, *right]) for right in facts.owner.spellings(child)):
        return []
    whole = [*wanted, *(mark.text for mark in marks or [facts.owner.mark(child)])]
    named = unordered(wanted) != unordered(users)
    return [Difference(place(prefix, "tags") if named else "mark", "tags", now if not named else users, whole)]


def main_differences(facts: Facts, row: OctaviaResource, table: Iterable[Field[str]]) -> list[Difference]:
    """In which managed fields the main object differs from the spec; those that cannot change, too."""
    found = differences(table, facts.spec, row, facts.applied)
    if ("name" in facts.spec or not facts.imported) and row.get("name") != facts.name:
        found.append(Difference("name", "name", row.get("name"), facts.name))
    return [*found, *tag_difference(facts, facts.spec, row)]


def irreplaceable(noun: str, row: Row, fixed: Iterable[Difference]) -> Outcome:
    """The outcome where what was imported differs in what cannot be changed in place: another would not be the same."""
    text = "; ".join(str(difference) for difference in fixed)
    message = (
        f"{noun} {row['id']} was imported, so that it is never replaced, and what differs cannot be changed in place: "
        f"{text}: put the spec back, or delete this object and make another"
    )
    return stalled(Reason.CONFLICT, message)


def release_steps(
    facts: Facts, noun: str, row: OctaviaResource, *, child: str | None = "", slot: str = ""
) -> list[Step]:
    """The step that rewrites the mark of one object as released; none for one that carries none of ours.

    Args:
        facts: of the object.
        noun: what people call it.
        row: what may carry the mark.
        child: which part of the object it is; None: any.
        slot: of the step.
    """
    mark = mark_to_release(facts, row, child)
    if mark is None:
        return []
    tags = [*plain_tags(row), mark.text]
    return [Step("release", f"{noun} {row['id']}", slot, str(row["id"]), body={"tags": tags})]


def release(context: ReconcileContext, collection: ResourceType[OctaviaT, BodyT], step: Step) -> Ended | None:
    """Carry out a step of ``release_steps``; returns how the reconcile ends where the tree is locked.

    Raises:
        InfomaniakCloudError: the service refused.
    """
    if locked := gate(context):
        return locked
    with changing(context):
        collection.of(context.cloud.do).update(step.id, collection.body(step.body))
    return None


def parent(references: Sequence[Reference] | None) -> str | None:
    """The id of what a row is in (``loadbalancers``, ``pools``); None where it tells of none, as when it is going."""
    return str(references[0]["id"]) if references else None


def under(part: Listener | Pool, balancer: LoadBalancer) -> bool:
    """Whether a listener or a pool is in that load balancer."""
    return any(each["id"] == balancer["id"] for each in part.get("loadbalancers") or ())


# ── states ──


def without_empty(status: StatusT) -> StatusT:
    """A status without the fields that say nothing."""
    return cast("StatusT", {name: value for name, value in status.items() if value not in (None, [], "")})


def state(context: ReconcileContext, provisioning: str, operating: str) -> None:
    """Put the two states into status, and the health into its condition."""
    status = json_types.LOAD_BALANCER.status(context)  # the other kinds of a tree have the same two fields
    status["provisioningStatus"] = provisioning
    status["operatingStatus"] = operating
    if operating in _HEALTHY:
        context.set_condition(HEALTHY, True, Reason.AVAILABLE, f"operating status {operating}")
    elif operating:
        context.set_condition(HEALTHY, False, Reason.CLOUD_ERROR, f"operating status {operating}")


def unhealthy(context: ReconcileContext, message: str) -> None:
    """Say in the condition what is not well."""
    context.set_condition(HEALTHY, False, Reason.CLOUD_ERROR, message)


def failed(noun: str, row: Row, advice: str) -> Outcome:
    """The outcome where something is in ERROR."""
    return stalled(Reason.CLOUD_ERROR, f"{noun} {row['id']} is in ERROR in the cloud: {advice}")
