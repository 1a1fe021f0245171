"""Which object of the cloud is the one an owner stands for: by its id, by its mark, or because a person says so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from enum import Enum

from infomaniak_operator.api.json_types import ANY, FLOATING_IP, StatusField
from infomaniak_operator.client import NotFoundError
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.client.session import is_id
from infomaniak_operator.controller.interfaces import KubeObject, Next, Progress, Reason, Stalled, WaitingFor
from infomaniak_operator.reconcile.generic.actuator import Row
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.facts import Facts, owner_of
from infomaniak_operator.reconcile.generic.outcomes import (
    ADOPT_PREVIOUS,
    Ended,
    Outcome,
    Unchanged,
    again,
    annotated,
    named,
    stalled,
    with_article,
)
from infomaniak_operator.reconcile.openstack.resource_types import ResourceType
from infomaniak_operator.reconcile.ownership.create_guard import LATEST, MayCreate, NotYet, Sent, may_create
from infomaniak_operator.reconcile.ownership.marks import (
    OLD,
    Mark,
    Owner,
    Standing,
    child_key,
    released,
    short_uid,
    user_text,
)


def mark_of(row: Mapping[str, object], owner: Owner | None = None) -> Mark | None:
    """The mark an object carries, where the operator puts it: at the end of a Neutron description, in Octavia's tags.

    Anywhere else it is somebody's text: a description in Octavia, a tag in Neutron, a name.

    Args:
        row: the object as the service gave it.
        owner: from whose side it is seen: of its own marks the one that counts is told.
    """
    return next(iter(marks_of(row, owner)), None)


def marks_of(row: Mapping[str, object], owner: Owner | None = None) -> list[Mark]:
    """All the marks an object carries; of two of one owner's the one that counts.

    0.1.0 takes a mark of version 2 for text and adds its own. Of the two, that of version 2 says more, but where they
    differ (0.1.0 has given the thing up, say) that of version 1 is the newer one.
    """
    in_octavia = "provisioning_status" in row  # what everything in Octavia has, and nothing in Neutron
    marks = Mark.all_among(row.get("tags")) if in_octavia else Mark.all_in(row.get("description"))
    mine = [mark for mark in marks if owner.wrote(mark)] if owner is not None and len(marks) > 1 else []
    old = next((mark for mark in mine if mark.version == OLD), None)
    new = next((mark for mark in mine if mark.version != OLD), None)
    if old is None or new is None:
        return marks
    outdone = old if new.alike(old) else new
    return [mark for mark in marks if mark != outdone]


def text_of(row: Mapping[str, object]) -> str:
    """An object's description, without the mark that Neutron's have."""
    text = row.get("description")
    return str(text or "") if "provisioning_status" in row else user_text(text)


class Whose(Enum):
    """Whose an object of the cloud is, seen from one object of Kubernetes."""

    OURS = "ours"
    """It carries our mark, or it is part of what is ours."""
    LOST = "lost"
    """It is ours by what is on record, and its mark is gone: the mark is put back."""
    PREVIOUS = "previous"
    """It was made for an object of this name that is no more; it is taken over only where somebody says so."""
    FOREIGN = "foreign"
    """It carries the mark of somebody else, or a mark of ours that is for something else."""
    STRANGER = "stranger"
    """It carries no mark, and nothing says that it is ours."""

    @property
    def ours(self) -> bool:
        """Whether it may be changed and deleted."""
        return self in (Whose.OURS, Whose.LOST)


def whose(
    owner: Owner,
    row: Mapping[str, object],
    *,
    child: str | None = "",
    inside: bool = False,
    recorded: Collection[str] = (),
    listed: bool = False,
) -> Whose:
    """Whose an object is. This decides it for every type of thing, whether it is found, changed, given up or deleted.

    Args:
        owner: from whose side it is seen.
        row: the object as the service gave it.
        child: what it would be to the owner: ``""`` the main object, a child key (``listener/http``) that very child,
            None any child.
        inside: whether it lies in an object that is ours, or that was taken over: then what was made for the former
            owner of that object is ours as well.
        recorded: the ids that status or memory show for such a thing of ours.
        listed: whether the spec lists what it is a part of, and such parts carry no mark (members, rules, interfaces).
    """
    marks = marks_of(row, owner)
    mark = marks[0] if marks else None
    standing = owner.standing(mark)
    if any(owner.standing(each) is Standing.FOREIGN for each in marks[1:]):
        return Whose.FOREIGN  # one mark of somebody else is enough, wherever among the tags it stands
    if mark is None or standing is Standing.UNMARKED:
        given_up = mark is not None and child is not None and owner.wrote(mark) and mark.child == child_key(child)
        if row.get("id") in recorded or given_up:
            return Whose.LOST
        return Whose.OURS if inside and listed else Whose.STRANGER
    fits = bool(mark.child) if child is None else mark.child == child_key(child)
    if standing is Standing.FOREIGN or not fits:
        return Whose.FOREIGN
    return Whose.OURS if standing is Standing.OURS or inside else Whose.PREVIOUS


def whose_main(facts: Facts, row: Mapping[str, object]) -> Whose:
    """Whose a main object is: its id is on record in status, or in memory after a create.

    What another living object owns by its status is that object's, whatever the mark on it says: marks are copied and
    lost. Only our own mark together with our own record is more.
    """
    found = whose(facts.owner, row, recorded=(facts.id,) if facts.id else ())
    if found is Whose.FOREIGN or (found is Whose.OURS and row.get("id") == facts.id):
        return found
    return Whose.FOREIGN if holder(facts, row) else found


def holder(facts: Facts, row: Mapping[str, object], field: StatusField = "id") -> KubeObject | None:
    """The other object of this cluster, of the reconciled one's kind, that owns a thing by its status; None for none.

    Who only reads (Unmanaged) owns nothing, and who is yet to take it over neither.

    Args:
        facts: of the object.
        row: the thing.
        field: where a status shows the id of such a thing.
    """
    for other in facts.view.objects(facts.resource.key.kind):
        if other.uid == facts.resource.uid or str(other.json_status.get(field)) != str(row.get("id")):
            continue
        if ANY.spec(other).get("managementPolicy") != "Unmanaged" and not _yet_to_adopt(other):
            return other
    return None


ADOPTING = "import"
"""Among the fields that we have set, until the cloud is seen with our mark: it was somebody else's before."""


def _yet_to_adopt(resource: KubeObject) -> bool:
    """Whether an object shows what it was told to take over, and has not marked it yet."""
    applied = ANY.status(resource).get("appliedFields")
    named = ANY.spec(resource).get("import") or FLOATING_IP.spec(resource).get("address")  # that of no other kind
    return bool(named) and (applied is None or ADOPTING in applied)


def is_marked(facts: Facts, row: Mapping[str, object]) -> bool:
    """Whether a main object carries our mark: one that is to be adopted, or has lost it, does not."""
    return whose(facts.owner, row) is Whose.OURS


class Keepers:
    """Which of some objects of Kubernetes, all of one kind, stands for a thing in the cloud.

    Args:
        cluster_id: names this cluster in marks.
        objects: those that may.
    """

    def __init__(self, cluster_id: str, objects: Iterable[KubeObject]) -> None:
        self._cluster = cluster_id
        self._by_uid: dict[str, KubeObject] = {}
        self._by_id: dict[str, list[KubeObject]] = {}
        for each in objects:
            self._by_uid[short_uid(each.uid)] = each
            if recorded := ANY.status(each).get("id"):
                self._by_id.setdefault(str(recorded), []).append(each)

    def of(self, row: Mapping[str, object]) -> KubeObject | None:
        """The object that this belongs to; None where nobody stands for it.

        It may be the main object, or a child: a pool that is to go for another has a child's mark.
        """
        mark = mark_of(row)
        marked = self._by_uid.get(mark.uid) if mark else None
        candidates: list[KubeObject] = [*([marked] if marked else []), *self._by_id.get(str(row["id"]), ())]
        for each in candidates:
            owner, recorded = owner_of(self._cluster, each), ANY.status(each).get("id")
            main = whose(owner, row, recorded=(recorded,) if recorded else ())
            if main.ours or whose(owner, row, child=None).ours:
                return each
        return None


def _mentions(row: Mapping[str, object], uid: str) -> bool:
    """Whether a row has that short UID where marks are; without it there, none of its marks is that owner's."""
    if "provisioning_status" not in row:
        text = row.get("description")
        return isinstance(text, str) and uid in text
    tags = row.get("tags")
    return isinstance(tags, Iterable) and any(isinstance(each, str) and uid in each for each in tags)


def main_rows(facts: Facts, rows: Iterable[RowT], standing: Standing) -> list[RowT]:
    """The main objects (no children) of that standing, oldest first."""
    found = []
    uid = short_uid(facts.owner.uid)
    for row in rows:
        if standing is Standing.OURS and not _mentions(row, uid):
            continue  # each object looks through all rows of its project: to read all their marks takes far longer
        mark = mark_of(row, facts.owner)
        if mark is not None and not mark.child and facts.owner.standing(mark) is standing:
            found.append(row)
    return sorted(found, key=lambda row: (str(row.get("created_at", "")), str(row["id"])))


def check_project(context: ReconcileContext) -> Outcome | None:
    """Refuse a credential that leads elsewhere than where the object is: a 404 there would mean nothing."""
    for what, here, there in (
        ("project", context.cloud.project_id, context.place("projectID")),
        ("region", context.cloud.region, context.place("region")),
    ):
        if there and there != here:
            message = (
                f"the credential leads to {what} {here}, but "
                f"{context.id or 'what was made for this object'} is in {what} {there}: give back a credential of "
                f"{what} {there}, or make a new object for {what} {here}"
            )
            return stalled(Reason.CONFLICT, message)
    return None


def by_id(
    context: ReconcileContext, collection: ResourceType[RowT, BodyT], rows: Iterable[RowT], wanted: str
) -> RowT | None:
    """The object of that id, from the list, else by asking for it; None only if the service says 404, or it is no id.

    Raises:
        InfomaniakCloudError: it could not be asked.
    """
    listed = next((row for row in rows if row["id"] == wanted), None)
    if listed is not None:
        return listed
    if not is_id(wanted):  # a status may hold anything; nothing can have it, and no path is made of it
        return None
    try:
        return collection.of(context.cloud.do).get(wanted)
    except NotFoundError:
        return None


def with_named(
    context: ReconcileContext, collection: ResourceType[RowT, BodyT], rows: Iterable[RowT], ids: Iterable[str]
) -> list[RowT]:
    """The rows of a list, and what status names and the list lacks: a list alone is no absence.

    What this process itself has deleted is not asked for: that a list lacks it is what was to be expected. Nor does
    anything of another project count, whatever a status says: the list has none of that either.

    Args:
        context: the reconcile.
        collection: where the rows are from.
        rows: what was listed.
        ids: by status; each that is not listed costs a request.

    Raises:
        InfomaniakCloudError: it could not be asked.
    """
    found = list(rows)
    known = {str(row["id"]) for row in found} | set(context.deleted)
    for each in dict.fromkeys(ids):
        row = by_id(context, collection, (), each) if each not in known else None
        if row is not None and row.get("project_id") in (None, context.cloud.project_id):
            found.append(row)
    return found


def conflict(facts: Facts, noun: str, row: Row, standing: Standing, why: str = "") -> Outcome:
    """The outcome where an object is another owner's.

    Args:
        facts: of the object.
        noun: what people call the object.
        row: the object.
        standing: PREVIOUS or FOREIGN.
        why: for PREVIOUS, why it is not taken over: see ``why_not_taken``.
    """
    other = holder(facts, row)
    if other is not None:
        whom = named(other, facts.resource)
        message = f"{noun} {row['id']} belongs to {whom}, whose status shows it; it is left alone"
    elif standing is Standing.PREVIOUS:
        message = (
            f"{noun} {row['id']} was made for {with_article(facts.resource.key.kind)} of this name that is no more: "
            f"{why}; else delete it in the cloud"
        )
    else:
        message = (
            f"{noun} {row['id']} belongs to another object or another cluster (mark {_mark_text(row)}); "
            "it is left alone"
        )
    return Outcome(Reason.CONFLICT, message, until_released(facts, row), Progress.STALLED)


def until_released(facts: Facts, row: Row) -> Next:
    """What ends a conflict over something that is marked: its owner, where that is an object of this cluster."""
    mark = mark_of(row)
    kind, cluster = facts.resource.key.kind, facts.owner.cluster
    owners = {
        each.key
        for each in facts.view.objects(kind)
        if mark is not None
        and each.uid != facts.resource.uid
        and owner_of(cluster, each).standing(mark) is Standing.OURS
    }
    other = holder(facts, row)
    owners |= {other.key} if other is not None else set()
    return WaitingFor(frozenset(owners)) if owners else Stalled()


def _mark_text(row: Row) -> str:
    mark = mark_of(row)
    return mark.text if mark else "none"


def is_weak(owner: Owner, row: Row) -> bool:
    """Whether only a mark of version 1, whose hash of the name others can meet on purpose, says whose a thing was."""
    former = [mark for mark in marks_of(row, owner) if owner.standing(mark) is Standing.PREVIOUS]
    return all(mark.version == OLD for mark in former)


def why_not_taken(facts: Facts, row: Row, *, name: str | None = None) -> str:
    """What is missing before a thing of a former object of this name may be taken over; empty where it may.

    A mark of version 2 says for sure that it was made for an object of this place, so who may write this object decides
    (the annotation), or the administrator (``--restore``). A mark of version 1 does not: whoever chooses names can find
    one with the same hash. So only the administrator decides, and only where nothing says that it may be another's:
    all namespaces are watched, no other object of the cluster has the hash, and what it is called in the cloud is this
    object's own name (a floating IP has none).

    Args:
        facts: of the object.
        row: the thing, which is ``Whose.PREVIOUS``.
        name: what it should be called in the cloud; the object's name by default. ``spec.name`` proves nothing: anybody
            can set it.
    """
    if not is_weak(facts.owner, row):
        said = facts.restore or annotated(facts.resource, ADOPT_PREVIOUS)
        return "" if said else f"to take it over, annotate this one with {ADOPT_PREVIOUS}=true"
    by_hand = "take its mark out of it and name its id in spec.import"
    weak = "its mark is of version 1, whose short hash of the name can be met on purpose"
    if not facts.sees_all:
        return f"{weak}, and this operator does not watch all namespaces: to take it over, {by_hand}"
    if rivals := _same_old_place(facts):
        others = " and ".join(f"{each.key.kind} {each.key.name}" for each in rivals if _near(facts, each))
        return f"{weak}, and {others or 'an object of another namespace'} has the same one: to take it over, {by_hand}"
    if row.get("name") not in (None, name or facts.resource.key.name):
        return f"{weak}, and it is called {row['name']!r} in the cloud: to take it over, {by_hand}"
    if not facts.restore:
        return f"{weak}: to take it over, have the administrator start the operator with --restore, or {by_hand}"
    return ""


def _near(facts: Facts, other: KubeObject) -> bool:
    return other.key.namespace == facts.resource.key.namespace


def _same_old_place(facts: Facts) -> list[KubeObject]:
    """The other objects of this kind with the place that marks of version 1 have for the reconciled one."""
    place, cluster = facts.owner.old_place, facts.owner.cluster
    others = (each for each in facts.view.objects(facts.resource.key.kind) if each.uid != facts.resource.uid)
    return [each for each in others if owner_of(cluster, each).old_place == place]


def by_mark(facts: Facts, noun: str, rows: Sequence[RowT]) -> tuple[RowT | None, list[RowT]] | Outcome:
    """The object that carries our mark, and its doubles; or why one of a former object of this name is not taken."""
    ours = main_rows(facts, rows, Standing.OURS)
    if ours:
        return ours[0], ours[1:]
    previous = main_rows(facts, rows, Standing.PREVIOUS)
    if not previous:
        return None, []
    if why := next(filter(None, (why_not_taken(facts, each) for each in previous)), ""):
        return conflict(facts, noun, previous[0], Standing.PREVIOUS, why)
    return previous[0], previous[1:]


def clear_to_create(
    context: ReconcileContext,
    slot: str,
    still_absent: Callable[[float], bool],
    appeared: str,
    body: Mapping[str, object] | None = None,
) -> Ended | None:
    """Make sure, after a look-up that found nothing, that a create of that slot may be sent now.

    Args:
        context: the reconcile.
        slot: ``""`` or a child key.
        still_absent: looks up by a LIST begun no earlier than the given monotonic second.
        appeared: says what has appeared where a second look-up finds it after all, and a new plan is needed.
        body: what is to be sent, and what a former process would have sent: kept on record where one may have.

    Returns:
        None where it may be sent. Else how the reconcile ends: a create of unknown outcome may still be under way, or
        it has appeared.

    Raises:
        InfomaniakCloudError: the cloud could not be asked.
    """
    clock = context.request.clock
    since = context.creates.outstanding_since(slot, context.request.acting_since)
    answer = may_create(since, context.create_grace, clock.monotonic, still_absent)
    if isinstance(answer, NotYet):
        what = f"{context.resource.key.kind} {context.name}" + (f", {slot}" if slot else "")
        message = (
            f"a create of {what} may still be under way in the cloud: it counts as lost if nothing is to be seen "
            f"{context.create_grace:.0f} s after it was sent"
        )
        # What appears is mostly there within seconds: look soon, then ever more rarely.
        gone_by = context.create_grace - answer.seconds
        pause = min(max(gone_by, 1.0), max(answer.seconds, 0.1))
        if context.stands and slot not in context.creates.unknown and not context.resource.deleting:
            # Only a restart has made the outcome unknown: what the former process said of the object is still so.
            return Unchanged(pause)
        return again(context.working, message, pause)
    if not isinstance(answer, MayCreate):
        return again(Reason.DELETING if context.resource.deleting else Reason.CREATING, appeared, 0.0)
    if since is not None and slot not in context.creates.unknown and body is not None:
        # Until it took over, a former process may have sent one that the service is still to carry out.
        taken_over = clock.now() - (clock.monotonic() - context.request.acting_since)
        context.creates.remember(Sent(slot, body, taken_over - LATEST, taken_over))
    return None


def mark_to_release(facts: Facts, row: Row, child: str | None) -> Mark | None:
    """The mark, as it is once it is given up, of what carries one of ours; None for all else.

    Args:
        facts: of the object.
        row: what may carry the mark.
        child: which part of the object it is; None: any.
    """
    mark = mark_of(row, facts.owner)
    if mark is None or whose(facts.owner, row, child=child, inside=True) is not Whose.OURS:
        return None
    return released(facts.owner.anew(mark))


def is_adopted(facts: Facts, row: Row) -> bool:
    """Whether the object was somebody else's until now."""
    if is_marked(facts, row):
        return False
    return whose_main(facts, row) is Whose.PREVIOUS or "appliedFields" not in ANY.status(facts.resource)
