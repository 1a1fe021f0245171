"""Ready keys in lanes, so that nobody has to wait for all that somebody else has queued.

The namespaces take turns, and in each namespace its lanes do: the objects that share a load balancer are one lane, all
others of one cloud another. A lane in which as many are being reconciled as may be is passed over until one of them is
done. Every step takes a time that does not depend on how many keys wait.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infomaniak_operator.controller.interfaces import NO_SHARES, Key, Shares

if TYPE_CHECKING:
    from infomaniak_operator.controller.work_queue import Item

Group = tuple[str, str]
"""What keys have in common, and of which only so many may be reconciled at once: its sort, and its name."""

NAMESPACE, CLOUD, ALONE = "namespace", "cloud", "alone"


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How many keys of one group may be handed out at once.

    Attributes:
        namespace: of one namespace.
        cloud: of one cloud.
    """

    namespace: int
    cloud: int

    @classmethod
    def of(cls, workers: int) -> QueueLimits:
        """What leaves the others some workers: a quarter for other namespaces, an eighth for other clouds."""
        return cls(max(1, workers - max(1, workers // 4)), max(1, workers - max(1, workers // 8)))


Lane = tuple[Group, ...]
"""The groups that a key belongs to, its namespace first. Keys with the same ones wait in one line."""


def lane_of(key: Key, shares: Shares) -> Lane:
    """The lane of a key."""
    namespace = (NAMESPACE, key.namespace)
    if shares is NO_SHARES:
        return (namespace,)
    alone = ((ALONE, shares.alone),) if shares.alone is not None else ()
    cloud = ((CLOUD, shares.cloud),) if shares.cloud is not None else ()
    return (namespace, *alone, *cloud)


class Busy:
    """How many keys of each group are handed out.

    Args:
        limits: how many may be; None: any number, but for what is to be worked on alone.
    """

    def __init__(self, limits: QueueLimits | None) -> None:
        self._limits = {ALONE: 1}
        if limits is not None:
            self._limits.update({NAMESPACE: limits.namespace, CLOUD: limits.cloud})
        self._counts: dict[Group, int] = {}

    def full(self, group: Group) -> bool:
        """Whether no further key of the group may be handed out."""
        count = self._counts.get(group)
        return count is not None and count >= self._limits.get(group[0], count + 1)

    def first_full(self, lane: Lane) -> Group | None:
        """The first group of a lane of which no further key may be handed out."""
        counts, limits = self._counts, self._limits
        for group in lane:
            count = counts.get(group)
            if count is not None and count >= limits.get(group[0], count + 1):
                return group
        return None

    def take(self, lane: Lane) -> Group | None:
        """Count a key that is handed out; gives the first group of its lane of which no further one may be."""
        counts, limits = self._counts, self._limits
        full = None
        for group in lane:
            count = counts[group] = counts.get(group, 0) + 1
            if full is None and count >= limits.get(group[0], count + 1):
                full = group
        return full

    def give_back(self, lane: Lane) -> None:
        """Count it no more."""
        for group in lane:
            left = self._counts[group] - 1
            if left:
                self._counts[group] = left
            else:
                del self._counts[group]


class _Line:
    """The keys that wait in one lane, in the order in which they came, with what they are ready for."""

    __slots__ = ("blocked_by", "items", "lane")

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.items: dict[Key, Item] = {}
        self.blocked_by: Group | None = None


class FairQueue:
    """The ready keys of one priority.

    Args:
        busy: what is handed out, of all priorities.
        lane_of: the lane that a key belongs to now.
    """

    def __init__(self, busy: Busy, lane_of: Callable[[Key], Lane]) -> None:
        self._busy = busy
        self._lane_of = lane_of
        self._lines: dict[Lane, _Line] = {}
        self._places: dict[Key, _Line] = {}
        self._turns: dict[str, dict[_Line, None]] = {}
        self._blocked: dict[Group, dict[_Line, None]] = {}
        self._freed: set[Group] = set()

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: Key) -> bool:
        return key in self._places

    def get(self, key: Key) -> Item | None:
        """What a key is ready for, if it is."""
        line = self._places.get(key)
        return None if line is None else line.items[key]

    def items(self) -> list[Item]:
        """All of them; from any thread."""
        lines = list(self._lines.values())  # each of the lists is one step, while others change what is listed
        return [item for line in lines for item in list(line.items.values())]

    @property
    def held_back(self) -> int:
        """Keys that are passed over, for as many of their group as may be are handed out; from any thread."""
        return sum(len(line.items) for lines in list(self._blocked.values()) for line in list(lines))

    @property
    def promising(self) -> bool:
        """Whether there may be a key to take."""
        return bool(self._turns or self._freed)

    def put(self, item: Item) -> None:
        """Have a key wait; what it waits for already is replaced, and it keeps its place."""
        line = self._places.get(item.key)
        if line is None:
            line = self._join(item.key, self._lane_of(item.key))
        line.items[item.key] = item

    def remove(self, key: Key) -> None:
        """Take a key off, if it is there."""
        line = self._places.get(key)
        if line is not None:
            self._leave(key, line)

    def freed(self, lane: Lane) -> None:
        """A key of that lane is handed out no more."""
        if self._blocked:
            self._freed.update(group for group in lane if group in self._blocked)

    def take(self) -> tuple[Item, Lane] | None:
        """The next key that may be handed out, which is counted as such; None if there is none."""
        while True:
            if self._freed:
                self._admit()
            for lines in self._turns.values():
                line = next(iter(lines))
                break
            else:
                return None
            full = self._busy.first_full(line.lane)
            if full is not None:
                self._block(line, full)
                continue
            key, item = next(iter(line.items.items()))
            now = self._lane_of(key)
            if now != line.lane:  # it refers to something else by now, or its cloud has become known
                self._leave(key, line)
                self._join(key, now).items[key] = item
                continue
            self._leave(key, line)
            full = self._busy.take(now)
            if full is not None and line.items:
                self._block(line, full)
            self._rotate(line)
            if self._freed:
                self._freed = {group for group in self._freed if not self._busy.full(group)}
            return item, now

    def _admit(self) -> None:
        """Let one lane of each group that has room again take its turn, after those that have one."""
        for group in list(self._freed):
            blocked = self._blocked.get(group)
            if not blocked or self._busy.full(group):
                self._freed.discard(group)
                continue
            line = next(iter(blocked))
            self._unblock(line)
            self._turns.setdefault(line.lane[0][1], {})[line] = None

    def _rotate(self, line: _Line) -> None:
        """A line has had its turn: the others of its namespace come before it, and other namespaces before that."""
        turns, namespace = self._turns, line.lane[0][1]
        lines = turns.get(namespace)
        if lines is None:
            return
        if len(lines) > 1 and line in lines:
            lines[line] = lines.pop(line)
        if len(turns) > 1:
            turns[namespace] = turns.pop(namespace)

    def _block(self, line: _Line, group: Group) -> None:
        self._end_turn(line)
        self._blocked.setdefault(group, {})[line] = None
        line.blocked_by = group

    def _unblock(self, line: _Line) -> None:
        group, line.blocked_by = line.blocked_by, None
        if group is None:
            return
        blocked = self._blocked[group]
        del blocked[line]
        if not blocked:
            del self._blocked[group]

    def _end_turn(self, line: _Line) -> None:
        namespace = line.lane[0][1]
        lines = self._turns.get(namespace)
        if lines is not None and lines.pop(line, line) is None and not lines:
            del self._turns[namespace]

    def _join(self, key: Key, lane: Lane) -> _Line:
        """Where a key is to be put; the caller puts it there at once."""
        line = self._lines.get(lane)
        if line is None:
            line = self._lines[lane] = _Line(lane)
            self._turns.setdefault(lane[0][1], {})[line] = None
        self._places[key] = line
        return line

    def _leave(self, key: Key, line: _Line) -> None:
        del self._places[key]
        del line.items[key]
        if not line.items:
            del self._lines[line.lane]
            self._unblock(line)
            self._end_turn(line)
