"""What this process knows of load balancers' trees: who works on one, what was last seen of it, what was just made.

Octavia locks a load balancer with all that is under it for every change. So all that is ours and belongs to one tree
takes turns: the queue hands out one of them at a time (``Reconciler.shares``), and should two meet all the same, the
later one comes back. After a change the tree is PENDING; it is looked at ever
more rarely until it is not, by whichever reconcile comes first, and no worker waits meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infomaniak_operator.client.resources import L7Rule, LoadBalancerStatus, Member, OctaviaResource

FIRST_LOOK = 0.8
"""Seconds from a change to the first look at what became of it."""
LONGEST_LOOK = 5.0
"""Seconds between two looks, at most; they double until then."""
STUCK = 900.0
"""Seconds after which a tree that is still PENDING is reported as stuck, and looked at only rarely."""
STUCK_LOOK = 60.0
GONE = "DELETED"
_MOST = 10_000
"""How many trees are remembered: those of objects that are gone fall out in the end."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at a tree.

    Attributes:
        began: monotonic seconds when it began.
        provisioning: provisioning status of the load balancer.
        operating: its operating status.
        parts: provisioning and operating status of what is under it, by id.
        parts_began: monotonic seconds when the look that showed them began; 0.0 where none did.
    """

    began: float
    provisioning: str
    operating: str = ""
    parts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    parts_began: float = 0.0

    @property
    def pending(self) -> bool:
        """Whether the tree is locked."""
        return self.provisioning.startswith("PENDING")


@dataclass(frozen=True, slots=True)
class MembersSeen:
    """The members of a pool as they were listed.

    Attributes:
        rows: the members.
        updated_at: the load balancer's ``updated_at`` before they were listed.
        sure: whether that had been so for long enough that its seconds tell of every change.
    """

    rows: Sequence[Member]
    updated_at: str
    sure: bool


@dataclass(frozen=True, slots=True)
class RulesSeen:
    """The rules of an L7 policy as they were listed.

    Attributes:
        rows: the rules.
        updated_at: the load balancer's ``updated_at`` before they were listed.
        sure: whether that had been so for long enough that its seconds tell of every change.
    """

    rows: Sequence[L7Rule]
    updated_at: str
    sure: bool


class Tree:
    """One tree. But for ``acquire`` everything is for the reconcile that has it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.load_balancer_id: str | None = None
        self.seen: Seen | None = None
        self.written = float("-inf")
        self.pending_since: float | None = None
        self.next_look = 0.0
        self.touched = float("-inf")
        self.held_back_since: float | None = None
        self.bare = False
        self.made_of = 0  # the generation of the load balancer's spec that it was made of
        self.held: dict[str, OctaviaResource] = {}
        self.unknown: dict[str, float] = {}
        self.members: dict[str, MembersSeen] = {}
        self.rules: dict[str, RulesSeen] = {}
        self.believed: dict[str, float] = {}  # health monitors, and the monotonic seconds from which they are
        self._faces: dict[str, Hashable] = {}
        self._since: tuple[str, float] = ("", 0.0)

    def acquire(self) -> bool:
        """Have the tree to oneself; False if somebody else has. It never waits: a worker is everybody's."""
        return self._lock.acquire(blocking=False)

    def release(self) -> None:
        """Let others have it."""
        self._lock.release()

    @property
    def locked(self) -> bool:
        """Whether the tree is PENDING, as far as is known."""
        return self.pending_since is not None

    def wrote(self, now: float) -> None:
        """Note that a change was sent, whatever became of it: until a look tells otherwise the tree is PENDING."""
        self.written = now
        self.pending_since = now
        self.next_look = now + FIRST_LOOK

    def looked(self, seen: Seen, now: float) -> None:
        """Note what a look showed; one that began before the last change says nothing."""
        if seen.began < self.written:
            return
        self.seen = seen
        if not seen.pending:
            self.pending_since = None
            return
        if self.pending_since is None:
            self.pending_since = now
        # By time, not by looks: several objects of one tree may look within a moment.
        pending = max(now - self.pending_since, FIRST_LOOK)
        pause = STUCK_LOOK if self.stuck(now) else min(pending + FIRST_LOOK, LONGEST_LOOK)
        self.next_look = now + pause

    def stuck(self, now: float) -> bool:
        """Whether it has been PENDING for too long."""
        return self.pending_since is not None and now - self.pending_since > STUCK

    def touch(self, uid: str, face: Hashable, now: float) -> None:
        """Note how an object that belongs to the tree looks; a change of it is what a new tree is held back for."""
        if self._faces.get(uid) != face:
            self._faces[uid] = face
            self.touched = now

    def unmoved(self, updated_at: str, now: float) -> float:
        """For how many seconds the load balancer's ``updated_at`` has been seen as it is."""
        if self._since[0] != updated_at:
            self._since = (updated_at, now)
        return now - self._since[1]

    def status_of(self, row: OctaviaResource, made: float = float("-inf")) -> tuple[str, str]:
        """Provisioning and operating status of something under the tree: as last seen, else as its row says.

        Args:
            row: as it was made or listed.
            made: monotonic seconds before which it was not; a look that is older tells nothing of it.
        """
        if self.seen is not None and self.seen.parts_began > made and row["id"] in self.seen.parts:
            return self.seen.parts[row["id"]]
        return str(row.get("provisioning_status") or ""), str(row.get("operating_status") or "")


class Trees:
    """The trees, by the object that stands for them; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._trees: dict[str, Tree] = {}

    def of(self, uid: str) -> Tree:
        """The tree of an object, known or not."""
        with self._lock:
            tree = self._trees.pop(uid, None) or Tree()
            self._trees[uid] = tree
            while len(self._trees) > _MOST:
                del self._trees[next(iter(self._trees))]
            return tree

    def forget(self, uid: str) -> None:
        """Drop what is known of a tree that is no more."""
        with self._lock:
            self._trees.pop(uid, None)


def parts_of(statuses: LoadBalancerStatus) -> dict[str, tuple[str, str]]:
    """The states of all that a status tree names, by id."""
    return {
        str(each["id"]): (str(each["provisioning_status"]), str(each.get("operating_status") or ""))
        for each in _objects(statuses)
        if "id" in each and "provisioning_status" in each
    }


def members_of(statuses: LoadBalancerStatus, pool: str) -> dict[str, str]:
    """The operating states of a pool's members, by id: the pool may be in a status tree several times."""
    return {
        str(member["id"]): str(member.get("operating_status") or "")
        for each in _objects(statuses)
        if each.get("id") == pool
        for member in each.get("members") or ()
    }


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    """All objects of a status tree, a parent before what is in it."""
    if isinstance(value, Mapping):
        yield value
        value = tuple(value.values())
    if isinstance(value, list | tuple):
        for each in value:
            yield from _objects(each)
