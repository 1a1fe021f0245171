"""Ready keys in lanes, so that nobody has to wait for all that somebody else has queued.

The namespaces take turns, and in each namespace its lanes do: the objects that share a load balancer are one lane, all
others of one cloud another. A lane in which as many are being reconciled as may be is passed over until one of them is
done. Every step takes a time that does not depend on how many keys wait.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infomaniak_operator.engine.contract import NO_SHARES, Key, Shares

if TYPE_CHECKING:
    from infomaniak_operator.engine.queue import Item

Group = tuple[str, str]
"""What keys have in common, and of which only so many may be reconciled at once: its sort, and its name."""

NAMESPACE, CLOUD, ALONE = "namespace", "cloud", "alone"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many keys of one group may be handed out at once.

    Attributes:
        namespace: of one namespace.
        cloud: of one cloud.
    """

    namespace: int
    cloud: int

    @classmethod
    def of(cls, workers: int) -> Limits:
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

    def __init__(self, limits: Limits | None) -> None:
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

    def take(self, lane: Lane) -> None:
        """Count a key that is handed out."""
        for group in lane:
            self._counts[group] = self._counts.get(group, 0) + 1

    def give_back(self, lane: Lane) -> None:
        """Count it no more."""
        for group in lane:
            left = self._counts[group] - 1
            if left:
                self._counts[group] = left
            else:
                del self._counts[group]


class Lanes:
    """The ready keys of one priority.

    Args:
        busy: what is handed out, of all priorities.
        lane_of: the lane that a key belongs to now.
    """

    def __init__(self, busy: Busy, lane_of: Callable[[Key], Lane]) -> None:
        self._busy = busy
        self._lane_of = lane_of
        self._items: dict[Key, Item] = {}
        self._lanes: dict[Key, Lane] = {}
        self._waiting: dict[Lane, dict[Key, None]] = {}
        self._turns: dict[str, dict[Lane, None]] = {}
        self._blocked: dict[Group, dict[Lane, None]] = {}
        self._blocked_by: dict[Lane, Group] = {}
        self._freed: set[Group] = set()

    def __len__(self) -> int:
        return len(self._items)

    def __contains__(self, key: Key) -> bool:
        return key in self._items

    def get(self, key: Key) -> Item | None:
        """What a key is ready for, if it is."""
        return self._items.get(key)

    def items(self) -> list[Item]:
        """All of them; from any thread."""
        return list(self._items.values())  # one step, while others change it

    @property
    def held_back(self) -> int:
        """Keys that are passed over, for as many of their group as may be are handed out; from any thread."""
        return sum(len(self._waiting.get(lane, ())) for lane in list(self._blocked_by))

    @property
    def promising(self) -> bool:
        """Whether there may be a key to take."""
        return bool(self._turns or self._freed)

    def put(self, item: Item) -> None:
        """Have a key wait; what it waits for already is replaced, and it keeps its place."""
        if item.key not in self._items:
            self._join(item.key, self._lane_of(item.key))
        self._items[item.key] = item

    def remove(self, key: Key) -> None:
        """Take a key off, if it is there."""
        if self._items.pop(key, None) is not None:
            self._leave(key)

    def freed(self, lane: Lane) -> None:
        """A key of that lane is handed out no more."""
        if self._blocked:
            self._freed.update(group for group in lane if group in self._blocked)

    def take(self) -> tuple[Item, Lane] | None:
        """The next key that may be handed out, which is counted as such; None if there is none."""
        while True:
            self._admit()
            lane = self._next()
            if lane is None:
                return None
            full = self._busy.first_full(lane)
            if full is not None:
                self._block(lane, full)
                continue
            key = next(iter(self._waiting[lane]))
            now = self._lane_of(key)
            if now != lane:  # it refers to something else by now, or its cloud has become known
                self._leave(key)
                self._join(key, now)
                continue
            self._leave(key)
            self._busy.take(lane)
            full = self._busy.first_full(lane) if lane in self._waiting else None
            if full is not None:
                self._block(lane, full)
            self._rotate(lane)
            if self._freed:
                self._freed = {group for group in self._freed if not self._busy.full(group)}
            return self._items.pop(key), lane

    def _admit(self) -> None:
        """Let one lane of each group that has room again take its turn, after those that have one."""
        if not self._freed:
            return
        for group in list(self._freed):
            blocked = self._blocked.get(group)
            if not blocked or self._busy.full(group):
                self._freed.discard(group)
                continue
            lane = next(iter(blocked))
            self._unblock(lane)
            self._turns.setdefault(lane[0][1], {})[lane] = None

    def _next(self) -> Lane | None:
        for lanes in self._turns.values():
            return next(iter(lanes))
        return None

    def _rotate(self, lane: Lane) -> None:
        lanes = self._turns.pop(lane[0][1], None)
        if lanes is None:
            return
        if lane in lanes:
            lanes[lane] = lanes.pop(lane)
        self._turns[lane[0][1]] = lanes

    def _block(self, lane: Lane, group: Group) -> None:
        self._end_turn(lane)
        self._blocked.setdefault(group, {})[lane] = None
        self._blocked_by[lane] = group

    def _unblock(self, lane: Lane) -> None:
        group = self._blocked_by.pop(lane, None)
        if group is None:
            return
        blocked = self._blocked[group]
        del blocked[lane]
        if not blocked:
            del self._blocked[group]

    def _end_turn(self, lane: Lane) -> None:
        lanes = self._turns.get(lane[0][1])
        if lanes is not None and lanes.pop(lane, lane) is None and not lanes:
            del self._turns[lane[0][1]]

    def _join(self, key: Key, lane: Lane) -> None:
        self._lanes[key] = lane
        if lane not in self._waiting:
            self._waiting[lane] = {}
            self._turns.setdefault(lane[0][1], {})[lane] = None
        self._waiting[lane][key] = None

    def _leave(self, key: Key) -> None:
        lane = self._lanes.pop(key)
        waiting = self._waiting[lane]
        del waiting[key]
        if not waiting:
            del self._waiting[lane]
            self._unblock(lane)
            self._end_turn(lane)
