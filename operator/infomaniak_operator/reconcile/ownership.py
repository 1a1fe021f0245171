"""Which object of the cloud is the one an owner stands for: by its id, by its mark, or because a person says so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

from infomaniak_operator.client import NotFoundError
from infomaniak_operator.client.kinds import BodyT, RowT
from infomaniak_operator.engine.contract import KubeObject, Next, Progress, Reason, Stuck, Waiting
from infomaniak_operator.reconcile.actuator import Row
from infomaniak_operator.reconcile.creation import LATEST, MayCreate, NotYet, Sent, may_create
from infomaniak_operator.reconcile.marks import Mark, Owner, Standing, released, user_text
from infomaniak_operator.reconcile.outcome import ADOPT_PREVIOUS, Stop, Unchanged, annotated, with_article
from infomaniak_operator.reconcile.resourcetypes import ResourceType
from infomaniak_operator.reconcile.visit import Visit, owner_of


def mark_of(row: Mapping[str, Any]) -> Mark | None:
    """The mark an object carries, where the operator puts it: at the end of a Neutron description, in Octavia's tags.

    Anywhere else it is somebody's text: a description in Octavia, a tag in Neutron, a name.
    """
    if "provisioning_status" in row:  # what everything in Octavia has, and nothing in Neutron
        return Mark.among(row.get("tags"))
    return Mark.parse(row.get("description"))


def text_of(row: Mapping[str, Any]) -> str:
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
    row: Mapping[str, Any],
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
    mark = mark_of(row)
    standing = owner.standing(mark)
    if any(owner.standing(each) is Standing.FOREIGN for each in _further_marks(row)):
        return Whose.FOREIGN  # one mark of somebody else is enough, wherever among the tags it stands
    if mark is None or standing is Standing.UNMARKED:
        given_up = mark is not None and child is not None and mark == released(owner.mark(child))
        if row.get("id") in recorded or given_up:
            return Whose.LOST
        return Whose.OURS if inside and listed else Whose.STRANGER
    fits = bool(mark.child) if child is None else mark.child == owner.mark(child).child
    if standing is Standing.FOREIGN or not fits:
        return Whose.FOREIGN
    return Whose.OURS if standing is Standing.OURS or inside else Whose.PREVIOUS


def _further_marks(row: Mapping[str, Any]) -> list[Mark]:
    """The marks beside the first one: only a list of tags has room for several."""
    tags = row.get("tags") or () if "provisioning_status" in row else ()
    return [mark for tag in tags if (mark := Mark.among([tag]))][1:]


def whose_main(visit: Visit, row: Mapping[str, Any]) -> Whose:
    """Whose a main object is: its id is on record in status, or in memory after a create."""
    return whose(visit.owner, row, recorded=(visit.id,) if visit.id else ())


def is_marked(visit: Visit, row: Mapping[str, Any]) -> bool:
    """Whether a main object carries our mark: one that is to be adopted, or has lost it, does not."""
    return whose(visit.owner, row) is Whose.OURS


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
            self._by_uid[owner_of(cluster_id, each).mark().uid] = each
            if each.status.get("id"):
                self._by_id.setdefault(str(each.status["id"]), []).append(each)

    def of(self, row: Mapping[str, Any]) -> KubeObject | None:
        """The object that this belongs to; None where nobody stands for it.

        It may be the main object, or a child: a pool that is to go for another has a child's mark.
        """
        mark = mark_of(row)
        marked = self._by_uid.get(mark.uid) if mark else None
        candidates: list[KubeObject] = [*([marked] if marked else []), *self._by_id.get(str(row["id"]), ())]
        for each in candidates:
            owner, recorded = owner_of(self._cluster, each), each.status.get("id")
            main = whose(owner, row, recorded=(recorded,) if recorded else ())
            if main.ours or whose(owner, row, child=None).ours:
                return each
        return None


def main_rows(visit: Visit, rows: Iterable[RowT], standing: Standing) -> list[RowT]:
    """The main objects (no children) of that standing, oldest first."""
    found = []
    for row in rows:
        mark = mark_of(row)
        if mark is not None and not mark.child and visit.owner.standing(mark) is standing:
            found.append(row)
    return sorted(found, key=lambda row: (str(row.get("created_at", "")), str(row["id"])))


def check_project(visit: Visit) -> None:
    """Refuse a credential that leads elsewhere than where the object is: a 404 there would mean nothing.

    Raises:
        Stop: another project, or another region.
    """
    for field, here in (("projectID", visit.cloud.project_id), ("region", visit.cloud.region)):
        there = visit.place(field)
        if there and there != here:
            what = "project" if field == "projectID" else "region"
            message = (
                f"the credential leads to {what} {here}, but "
                f"{visit.id or 'what was made for this object'} is in {what} {there}: give back a credential of "
                f"{what} {there}, or make a new object for {what} {here}"
            )
            raise Stop(Reason.CONFLICT, message, Stuck(), Progress.STALLED)


def by_id(visit: Visit, collection: ResourceType[RowT, BodyT], rows: Iterable[RowT], wanted: str) -> RowT | None:
    """The object of that id, from the list, else by asking for it; None only if the service says 404.

    Raises:
        InfomaniakCloudError: it could not be asked.
    """
    listed = next((row for row in rows if row["id"] == wanted), None)
    if listed is not None:
        return listed
    try:
        return collection.of(visit.cloud.do).get(wanted)
    except NotFoundError:
        return None


def conflict(visit: Visit, noun: str, row: Row, standing: Standing) -> Stop:
    """The outcome where another owner's mark is on the object."""
    if standing is Standing.PREVIOUS:
        message = (
            f"{noun} {row['id']} was made for {with_article(visit.resource.key.kind)} of this name that is no more: "
            f"to take it over, annotate this one with {ADOPT_PREVIOUS}=true; else delete it in the cloud"
        )
    else:
        message = (
            f"{noun} {row['id']} belongs to another object or another cluster (mark {_mark_text(row)}); "
            "it is left alone"
        )
    return Stop(Reason.CONFLICT, message, until_released(visit, row), Progress.STALLED)


def until_released(visit: Visit, row: Row) -> Next:
    """What ends a conflict over something that is marked: its owner, where that is an object of this cluster."""
    mark = mark_of(row)
    kind, cluster = visit.resource.key.kind, visit.owner.cluster
    owners = [
        each.key
        for each in visit.attempt.view.objects(kind)
        if mark is not None and owner_of(cluster, each).standing(mark) is Standing.OURS
    ]
    return Waiting(frozenset(owners)) if owners else Stuck()


def _mark_text(row: Row) -> str:
    mark = mark_of(row)
    return mark.text if mark else "none"


def may_take_previous(visit: Visit, *, restore: bool) -> bool:
    """Whether what was made for an object of the same name, now gone, may be taken over."""
    return restore or annotated(visit.resource, ADOPT_PREVIOUS)


def by_mark(visit: Visit, noun: str, rows: Sequence[RowT], *, restore: bool) -> tuple[RowT | None, list[RowT]]:
    """The object that carries our mark, and its doubles.

    Raises:
        Stop: there is none, but one of a former object of this name that nobody said to take over.
    """
    ours = main_rows(visit, rows, Standing.OURS)
    if ours:
        return ours[0], ours[1:]
    previous = main_rows(visit, rows, Standing.PREVIOUS)
    if not previous:
        return None, []
    if not may_take_previous(visit, restore=restore):
        raise conflict(visit, noun, previous[0], Standing.PREVIOUS)
    return previous[0], previous[1:]


def clear_to_create(
    visit: Visit, slot: str, still_absent: Callable[[float], bool], body: Mapping[str, Any] | None = None
) -> bool:
    """Whether a create of that slot may be sent now, after a look-up that found nothing.

    Args:
        visit: the visit.
        slot: ``""`` or a child key.
        still_absent: looks up by a LIST begun no earlier than the given monotonic second.
        body: what is to be sent, and what a former process would have sent: kept on record where one may have.

    Returns:
        False if the second look-up found it after all: plan anew.

    Raises:
        Stop: a create of unknown outcome may still be under way.
    """
    clock = visit.attempt.clock
    since = visit.creates.outstanding_since(slot, visit.attempt.acting_since)
    answer = may_create(since, visit.create_grace, clock.monotonic, still_absent)
    if isinstance(answer, NotYet):
        what = f"{visit.resource.key.kind} {visit.name}" + (f", {slot}" if slot else "")
        message = (
            f"a create of {what} may still be under way in the cloud: it counts as lost if nothing is to be seen "
            f"{visit.create_grace:.0f} s after it was sent"
        )
        # What appears is mostly there within seconds: look soon, then ever more rarely.
        gone_by = visit.create_grace - answer.seconds
        pause = min(max(gone_by, 1.0), max(answer.seconds, 0.1))
        if visit.stands and slot not in visit.creates.unknown and not visit.resource.deleting:
            # Only a restart has made the outcome unknown: what the former process said of the object is still so.
            raise Unchanged(pause)
        raise visit.again(visit.working, message, pause)
    if not isinstance(answer, MayCreate):
        return False
    if since is not None and slot not in visit.creates.unknown and body is not None:
        # Until it took over, a former process may have sent one that the service is still to carry out.
        taken_over = clock.now() - (clock.monotonic() - visit.attempt.acting_since)
        visit.creates.remember(Sent(slot, body, taken_over - LATEST, taken_over))
    return True
