"""Ready keys in lanes, so that nobody has to wait for all that somebody else has queued.

The namespaces take turns, and in each namespace its lanes do: the objects that share a load balancer are one lane, all
others of one cloud another. A lane in which as many are being reconciled as may be is passed over until one of them is
done. Every step takes a time that does not depend on how many keys wait.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infomaniak_operator.engine.contract import Key, Shares

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


@dataclass(frozen=True, slots=True)
class Lane:
    """The groups that a key belongs to. Keys with the same ones wait in one line."""

    namespace: str
    alone: str | None = None
    cloud: str | None = None

    @classmethod
    def of(cls, key: Key, shares: Shares) -> Lane:
        """The lane of a key."""
        return cls(key.namespace, shares.alone, shares.cloud)

    def groups(self) -> Iterator[Group]:
        """The groups of its keys."""
        yield NAMESPACE, self.namespace
        if self.alone is not None:
            yield ALONE, self.alone
        if self.cloud is not None:
            yield CLOUD, self.cloud


class Busy:
    """How many keys of each group are handed out.

    Args:
        limits: how many may be; None: any number, but for what is to be worked on alone.
    """

    def __init__(self, limits: Limits | None) -> None:
        self._limits = limits
        self._counts: Counter[Group] = Counter()

    def full(self, group: Group) -> bool:
        """Whether no further key of the group may be handed out."""
        sort = group[0]
        if sort == ALONE:
            limit = 1
        elif self._limits is None:
            return False
        else:
            limit = self._limits.namespace if sort == NAMESPACE else self._limits.cloud
        return self._counts[group] >= limit if group in self._counts else False

    def take(self, lane: Lane) -> None:
        """Count a key that is handed out."""
        for group in lane.groups():
            self._counts[group] += 1

    def give_back(self, lane: Lane) -> None:
        """Count it no more."""
        for group in lane.groups():
            self._counts[group] -= 1
            if self._counts[group] <= 0:
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
        self._freed.update(group for group in lane.groups() if group in self._blocked)

    def take(self) -> tuple[Item, Lane] | None:
        """The next key that may be handed out, which is counted as such; None if there is none."""
        while True:
            self._admit()
            lane = self._next()
            if lane is None:
                return None
            full = next((group for group in lane.groups() if self._busy.full(group)), None)
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
            self._rotate(lane)
            self._busy.take(lane)
            return self._items.pop(key), lane

    def _admit(self) -> None:
        """Let one lane of each group that has room again take its turn, after those that have one."""
        for group in list(self._freed):
            blocked = self._blocked.get(group)
            if not blocked or self._busy.full(group):
                self._freed.discard(group)
                continue
            lane = next(iter(blocked))
            self._unblock(lane)
            self._turns.setdefault(lane.namespace, {})[lane] = None

    def _next(self) -> Lane | None:
        for lanes in self._turns.values():
            return next(iter(lanes))
        return None

    def _rotate(self, lane: Lane) -> None:
        lanes = self._turns.pop(lane.namespace, None)
        if lanes is None:
            return
        if lane in lanes:
            lanes[lane] = lanes.pop(lane)
        self._turns[lane.namespace] = lanes

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
        lanes = self._turns.get(lane.namespace)
        if lanes is not None and lanes.pop(lane, lane) is None and not lanes:
            del self._turns[lane.namespace]

    def _join(self, key: Key, lane: Lane) -> None:
        self._lanes[key] = lane
        if lane not in self._waiting:
            self._waiting[lane] = {}
            self._turns.setdefault(lane.namespace, {})[lane] = None
        self._waiting[lane][key] = None

    def _leave(self, key: Key) -> None:
        lane = self._lanes.pop(key)
        waiting = self._waiting[lane]
        del waiting[key]
        if not waiting:
            del self._waiting[lane]
            self._unblock(lane)
            self._end_turn(lane)
