"""The thread that keeps the Lease, and a controller that acts only while it leads."""

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from infomaniak_operator.controller.interfaces import CacheReader, Polled, PollTarget, ReconcileRequest, Result
from infomaniak_operator.controller.kube.kube_api import Standby
from infomaniak_operator.controller.leader.election import Election, LeaseLost
from infomaniak_operator.controller.leader.lease import Lease, LeaseTimes
from infomaniak_operator.controller.manager import Manager
from infomaniak_operator.controller.polling import Rounds
from tests.support.clock import ManualClock
from tests.support.fake_kube import FakeKube, FakeWatch
from tests.support.manager import SETTINGS, run
from tests.support.shelf import Shelf
from tests.support.toy import RESOURCES, TOYS, ToyReconciler, key, usual

OFTEN = LeaseTimes(duration=15, renew_deadline=10.0, retry=0.01)


class Throne:
    """``Leadership`` that a test gives and takes."""

    def __init__(self) -> None:
        self.given, self.taken = asyncio.Event(), asyncio.Event()
        self.asked = self.resigned = False
        self.on_resign: Any = None

    async def lead(self) -> None:
        self.asked = True
        await self.given.wait()

    async def lost(self) -> None:
        await self.taken.wait()

    async def resign(self) -> None:
        self.resigned = True
        if self.on_resign:
            self.on_resign()


class Places:
    """A ``Poller`` of one place, which counts the looks at it."""

    identity = cloud = name = "place"

    def __init__(self) -> None:
        self.looks = 0

    def targets(self, view: CacheReader) -> Sequence[PollTarget]:
        return [self]

    def poll(self) -> Polled:
        self.looks += 1
        return Polled((key("toy"), key("nobody")))


class Realm:
    """A controller and who decides whether it acts."""

    def __init__(self) -> None:
        self.places = Places()
        self.kube, self.toys, self.clock, self.throne = FakeKube(), ToyReconciler(), ManualClock(), Throne()
        self.watch = FakeWatch(self.kube, RESOURCES.values())
        self.endings: list[str] = []
        self.stop = asyncio.Event()
        self.manager = Manager(
            [self.toys],
            self.kube,
            RESOURCES,
            self.clock,
            random.Random(7),
            SETTINGS,
            watch=self.watch,
            on_reconcile=lambda kind, ending, seconds, due: self.endings.append(ending),
            rounds=[Rounds(self.places, 10.0)],
            leadership=self.throne,
        )

    async def until(self, what: Any) -> None:
        for _ in range(4000):
            if what():
                return
            await asyncio.sleep(0.0025)
        raise AssertionError("it never came about")


@asynccontextmanager
async def realm(expected: type[BaseException] | None = None) -> AsyncIterator[Realm]:
    made = Realm()
    task = asyncio.create_task(made.manager.run(made.stop))
    try:
        yield made
    finally:
        made.stop.set()
        if expected:
            with pytest.raises(expected):
                await asyncio.wait_for(task, 20)
        else:
            await asyncio.wait_for(task, 20)


def test_while_another_leads_everything_is_known_and_nothing_reconciled() -> None:
    async def test() -> None:
        async with realm() as one:
            one.kube.create(TOYS, "before", spec={"colour": "red"})
            await one.until(lambda: one.throne.asked and one.watch.starts)
            one.kube.create(TOYS, "later", spec={"colour": "red"})
            await one.until(lambda: one.manager.stats().objects["Toy"] == 2)
            stats = one.manager.stats()
            assert (stats.ready, stats.acting, stats.queued, one.toys.total) == (True, False, 0, 0)

            one.clock.advance(100.0)
            one.throne.given.set()
            await one.until(lambda: one.toys.total == 2)
            assert one.manager.acting_since == one.clock.monotonic()
            assert one.manager.stats().acting
            one.kube.create(TOYS, "last", spec={"colour": "red"})
            await one.until(lambda: one.toys.total == 3)

    run(test())


def test_only_the_leader_polls_and_what_it_finds_is_reconciled() -> None:
    async def test() -> None:
        async with realm(LeaseLost) as one:
            one.kube.create(TOYS, "toy", spec={})
            await one.until(lambda: one.throne.asked and one.watch.starts)
            one.clock.advance(100.0)
            await asyncio.sleep(0.02)
            assert one.places.looks == 0
            one.throne.given.set()
            await one.until(lambda: one.toys.total == 1 and one.clock.planned)
            one.clock.advance(10.0)
            await one.until(lambda: one.toys.total == 2)
            assert one.places.looks == 1
            one.throne.taken.set()
            await one.until(lambda: not one.manager.stats().acting)
            one.clock.advance(100.0)
            await asyncio.sleep(0.02)
            assert one.places.looks == 1

    run(test())


def test_its_loss_ends_the_controller_and_the_reconciles_quietly(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        inside, go = threading.Event(), threading.Event()

        def slow(request: ReconcileRequest) -> Result:
            inside.set()
            assert go.wait(10)
            raise Standby("not sent: this process does not lead")

        async with realm(LeaseLost) as one:
            one.toys.scripts["toy"] = slow
            one.throne.given.set()
            one.kube.create(TOYS, "toy", spec={})
            await one.until(inside.is_set)
            one.throne.taken.set()
            await asyncio.sleep(0.02)
            go.set()
            await one.until(lambda: one.endings == ["standby"])
            assert one.toys.total == 1

    run(test())
    assert not [each for each in caplog.records if each.levelname in ("WARNING", "ERROR")]


def test_told_to_end_the_lease_goes_after_the_reconciles() -> None:
    async def test() -> None:
        inside, go, order = threading.Event(), threading.Event(), []

        def slow(request: ReconcileRequest) -> Result:
            inside.set()
            assert go.wait(10)
            order.append("reconcile")
            return usual(request)

        async with realm() as one:
            one.toys.scripts["toy"] = slow
            one.throne.on_resign = lambda: order.append("resigned")
            one.throne.given.set()
            one.kube.create(TOYS, "toy", spec={})
            await one.until(inside.is_set)
            one.stop.set()
            await asyncio.sleep(0.02)
            assert not order
            go.set()
        assert order == ["reconcile", "resigned"]

    run(test())


def test_told_to_end_while_it_waits() -> None:
    async def test() -> None:
        async with realm() as one:
            await one.until(lambda: one.throne.asked)
        assert one.throne.resigned

    run(test())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def elections(clock: ManualClock, shelf: Shelf, *names: str) -> list[Election]:
    return [Election(Lease(shelf, name, clock.now, clock.monotonic, OFTEN)) for name in names]


def test_one_leads_gives_it_back_and_the_other_leads(clock: ManualClock) -> None:
    async def test() -> None:
        one, other = elections(clock, Shelf(clock), "one", "other")
        await asyncio.wait_for(one.lead(), 5)
        waits = asyncio.create_task(other.lead())
        await asyncio.sleep(0.1)
        assert not waits.done()
        await one.resign()
        await asyncio.wait_for(waits, 5)
        await other.resign()

    run(test())


def test_the_loop_hears_of_the_loss(clock: ManualClock) -> None:
    async def test() -> None:
        shelf = Shelf(clock)
        (one,) = elections(clock, shelf, "one")
        await asyncio.wait_for(one.lead(), 5)
        clock.advance(11)
        await asyncio.wait_for(one.lost(), 5)
        written = len(shelf.writes)
        await one.resign()
        assert len(shelf.writes) == written

    run(test())


def test_a_defect_in_an_attempt_does_not_end_the_trying(clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        shelf = Shelf(clock)
        shelf.fail = [ZeroDivisionError()]
        (one,) = elections(clock, shelf, "one")
        await asyncio.wait_for(one.lead(), 5)
        await one.resign()

    run(test())
    assert "failed unexpectedly" in caplog.text
