"""Rounds of looks at what may change outside Kubernetes, by a clock that only the test moves."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from typing_extensions import override

from infomaniak_operator.controller.interfaces import CacheReader, Key, Polled, PollTarget
from infomaniak_operator.controller.polling import LONGEST_REST, THREADS, Polling, Rounds
from tests.support.clock import ManualClock
from tests.support.loop import StillLoop

EVERY = 60.0
ONE = Key("Pool", "team", "one")


class Loop(StillLoop):
    """The looks of places that hang are carried out when the test says so, as if threads waited for their clouds."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock.monotonic, lambda error: None)
        self.hanging: dict[str, Callable[[], None]] = {}

    @override
    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        place = getattr(func, "__self__", None)
        if not (isinstance(place, Place) and place.hangs):
            return super().run_in_executor(executor, func, *args)
        future = self.create_future()

        def end() -> None:
            result = func(*args)
            if not future.cancelled():
                future.set_result(result)

        self.hanging[place.name] = end
        return future

    def release(self, name: str) -> None:
        self.hanging.pop(name)()
        self.run_until_idle()


@dataclass(eq=False)
class Place:
    """A place to look at."""

    name: str
    world: "World"
    cloud: str = "cloud"
    hangs: bool = False
    says: Polled | Exception = field(default_factory=Polled)
    takes: float = 0.0

    @property
    def identity(self) -> Hashable:
        return self.name

    def poll(self) -> Polled:
        self.world.looks[self.name] += 1
        self.world.clock.advance(self.takes)
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


class World:
    """A ``Polling``, its loop and its places."""

    def __init__(self, *names: str, seconds: float = EVERY) -> None:
        self.clock = ManualClock()
        self.loop = Loop(self.clock)
        self.places = {name: Place(name, self) for name in names}
        self.looks: Counter[str] = Counter()
        self.found: list[Key] = []
        self.told: Counter[str] = Counter()
        self.failing: Exception | None = None
        self.polling = Polling(
            Rounds(self, seconds, lambda result: self.told.update([result])),
            self,  # type: ignore[arg-type] - no cache is needed
            lambda keys: self.found.extend(keys),
            self.clock,
            random.Random(3),
        )
        self.task = self.loop.create_task(self.polling.run())
        self.loop.run_until_idle()

    def targets(self, view: CacheReader) -> Sequence[PollTarget]:
        if self.failing:
            raise self.failing
        return list(self.places.values())

    def go(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            self.loop.run_until_idle()


@contextmanager
def world(*names: str, **options: Any) -> Iterator[World]:
    one = World(*names, **options)
    try:
        yield one
        assert not one.task.done()
    finally:
        one.task.cancel()
        one.loop.run_until_idle()
    assert one.task.cancelled()


def test_each_place_is_looked_at_once_in_each_interval() -> None:
    with world("a", "b") as one:
        one.go(EVERY)
        assert one.looks == {"a": 1, "b": 1}
        one.go(10 * EVERY)
        assert one.looks["a"] == one.looks["b"]
        assert 10 <= one.looks["a"] - 1 <= 12  # a round comes up to a tenth earlier
        assert one.told == {"unchanged": 2 * one.looks["a"]}


def test_what_is_found_is_reconciled() -> None:
    with world("a") as one:
        one.places["a"].says = Polled((ONE,))
        one.go(EVERY)
        assert (one.found, one.told) == ([ONE], {"changed": 1})


def test_what_was_seen_before_the_trouble_counts() -> None:
    with world("a") as one:
        one.places["a"].says = Polled((ONE,), "503 from the load balancers")
        one.go(EVERY)
        assert (one.found, one.told) == ([ONE], {"failed": 1})


def test_a_place_in_trouble_is_looked_at_ever_more_rarely_and_the_others_as_before() -> None:
    with world("down", "up") as one:
        one.places["down"].says = Polled(trouble="503")
        one.go(3600)
        assert one.looks["up"] >= 60
        assert 6 <= one.looks["down"] <= 9  # 2, 4, 8 minutes, then every ten
        assert one.found == []
        one.places["down"].says = Polled()
        one.go(LONGEST_REST + EVERY)
        before = one.looks["down"]
        one.go(10 * EVERY)
        assert one.looks["down"] - before >= 10


@pytest.mark.parametrize("error", [RuntimeError("a defect"), KeyError("id")])
def test_a_defect_ends_nothing_and_is_counted(error: Exception) -> None:
    with world("odd", "other") as one:
        one.places["odd"].says = error
        one.go(EVERY)
        one.go(EVERY)
        assert one.looks["other"] == 2
        assert one.polling.defects == 1
        assert one.told["failed"] == 1


def test_places_that_cannot_be_told_are_asked_for_in_the_next_round() -> None:
    with world("a") as one:
        one.failing = RuntimeError("a defect")
        one.go(EVERY)
        assert (one.looks.total(), one.polling.defects) == (0, 1)
        one.failing = None
        one.go(EVERY)
        assert one.looks["a"] == 1


def test_a_look_that_hangs_is_not_made_twice_and_keeps_no_other_from_its_own() -> None:
    with world("hung", "other") as one:
        one.places["hung"].hangs = True
        one.go(5 * EVERY)
        assert one.looks["other"] >= 5
        assert list(one.loop.hanging) == ["hung"]
        one.loop.release("hung")
        assert one.looks["hung"] == 1


def test_one_cloud_that_hangs_leaves_a_thread_to_the_others() -> None:
    with world(*(f"hung-{number}" for number in range(10)), "other") as one:
        for name, place in one.places.items():
            place.hangs, place.cloud = name != "other", "good" if name == "other" else "bad"
        one.go(EVERY)
        assert len(one.loop.hanging) == THREADS - 1
        assert one.looks["other"] == 1


def test_more_places_than_threads_take_turns() -> None:
    with world(*(f"p{number}" for number in range(10))) as one:
        for number, place in enumerate(one.places.values()):
            place.hangs, place.cloud = True, f"cloud {number}"
        one.go(EVERY)
        seen = []
        while one.loop.hanging:
            assert len(one.loop.hanging) <= THREADS
            seen.append(next(iter(one.loop.hanging)))
            one.loop.release(seen[-1])
        assert sorted(seen) == sorted(one.places)


def test_more_places_than_a_round_has_time_for_take_turns_all_the_same() -> None:
    with world(*(f"p{number}" for number in range(40)), seconds=1.0) as one:
        for place in one.places.values():
            place.hangs = True
        for _ in range(60):
            one.go(0.1)
            for name in list(one.loop.hanging)[:1]:  # ten a second
                one.loop.release(name)
        assert set(one.looks) == set(one.places)


def test_a_slow_place_has_a_share_of_a_thread() -> None:
    with world("slow", seconds=2.0) as one:
        one.places["slow"].takes = 10.0
        begin = one.clock.monotonic()
        one.go(500)
        assert one.looks["slow"] * 10.0 <= 0.36 * (one.clock.monotonic() - begin)
        assert one.looks["slow"] >= 8


def test_after_its_end_nothing_is_heard_of_what_was_under_way() -> None:
    one = World("a")
    one.places["a"].hangs, one.places["a"].says = True, Polled((ONE,))
    one.go(EVERY)
    one.task.cancel()
    one.loop.run_until_idle()
    one.loop.release("a")
    assert one.task.cancelled()
    assert one.found == []
    one.go(3 * EVERY)
    assert one.looks == {"a": 1}


def test_a_place_that_is_no_more_is_forgotten() -> None:
    with world("a", "b") as one:
        one.places["a"].says = Polled(trouble="503")
        one.go(EVERY)
        del one.places["a"]
        one.go(2 * EVERY)
        assert list(one.polling._rests) == ["b"]


def test_rounds_are_a_second_apart_at_least_or_never_come() -> None:
    nobody: Any = None
    with pytest.raises(ValueError, match="at least 1"):
        Rounds(nobody, 0.5)
    assert Rounds(nobody, 0.0).seconds == 0
