"""What goes wrong in the controller's own parts is told, counted, and ends none of them."""

import asyncio
import random
from collections.abc import Iterable

import pytest

from infomaniak_operator.controller.interfaces import FINALIZER, CacheReader, Key, KubeObject
from infomaniak_operator.controller.kube.kube_api import Forbidden, Unavailable
from infomaniak_operator.controller.manager import Manager
from tests.support.clock import ManualClock
from tests.support.fake_kube import FakeKube, FakeWatch, failing
from tests.support.manager import SETTINGS, run, running
from tests.support.toy import RESOURCES, TOYS, ToyReconciler


def made(kube: FakeKube, name: str = "toy") -> None:
    kube.create(TOYS, name, spec={})


@pytest.mark.parametrize("when", ["start", "relist", "resync"])
def test_a_defect_in_a_list_is_told_once_counted_and_tried_again(when: str, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        kube = FakeKube()
        made(kube)
        if when == "start":
            kube.before = failing(ValueError("a defect"), "LIST", "toys", 3)  # type: ignore[arg-type]
        async with running(kube, wait=when != "start") as one:
            if when != "start":
                await one.quiet()
                await one.advance(60)  # the list after the watching's start
                await one.quiet()
                kube.before = failing(ValueError("a defect"), "LIST", "toys", 3)  # type: ignore[arg-type]
            before = kube.calls["LIST", "toys"]
            if when == "relist":
                one.watch.list_again()
            if when == "resync":
                await one.advance(600)
            for _ in range(400):
                await one.advance(0.5)
                await asyncio.sleep(0.002)
                if kube.calls["LIST", "toys"] >= before + 4 and one.manager.stats().ready:
                    break
            await one.quiet()
            assert one.manager.stats().defects == 3
            made(kube, "later")
            await one.until(lambda: "Ready" in one.conditions("later"), "it goes on")

    run(test())
    told = [each for each in caplog.records if "defect" in each.getMessage()]
    assert len(told) == 3
    assert [bool(each.exc_info) for each in told] == [True, False, False], "the traceback once"


class Unreadable(ToyReconciler):
    """Cannot tell what one object depends on, as where its spec is of a newer version."""

    def references(self, resource: KubeObject) -> Iterable[Key]:
        if resource.spec.get("odd") == "references":
            raise KeyError("odd")
        return super().references(resource)

    def inputs_hash(self, resource: KubeObject, view: CacheReader) -> str | None:
        if resource.spec.get("odd") == "inputs":
            raise KeyError("odd")
        return super().inputs_hash(resource, view)


@pytest.mark.parametrize("odd", ["references", "inputs"])
def test_an_object_that_cannot_be_read_stops_no_other(odd: str) -> None:
    async def test() -> None:
        kube = FakeKube()
        kube.create(TOYS, "odd", spec={"odd": odd}, metadata={"finalizers": [FINALIZER]})
        ready = {"type": "Ready", "status": "True", "observedGeneration": 1, "reason": "Available", "message": ""}
        status = {"inputsHash": "h", "observedGeneration": 1, "conditions": [ready]}
        kube.change(TOYS, "odd", {"status": status})
        made(kube, "fine")
        async with running(kube, Unreadable()) as one:
            await one.until(lambda: "Ready" in one.conditions("fine"), "at the start")
            kube.change(TOYS, "odd", {"metadata": {"labels": {"a": "b"}}})
            made(kube, "later")
            await one.until(lambda: "Ready" in one.conditions("later"), "later, too")

    run(test())


def test_the_cluster_is_asked_who_it_is_before_anything_else(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        kube, toys, stop, clock = FakeKube(), ToyReconciler(), asyncio.Event(), ManualClock()
        made(kube)
        errors: list[Exception] = [Unavailable("it is away"), Forbidden("no", 403), RuntimeError("a defect")]
        asked = []

        def introduce() -> None:
            asked.append(clock.monotonic())
            assert not kube.calls
            if errors:
                raise errors.pop(0)

        manager = Manager(
            [toys],
            kube,
            RESOURCES,
            clock,
            random.Random(7),
            SETTINGS,
            watch=FakeWatch(kube, RESOURCES.values()),
            introduce=introduce,
        )
        task = asyncio.create_task(manager.run(stop))
        for pause in (0.5, 10.0, 2.0):
            for _ in range(4000):
                if clock.planned:
                    break
                await asyncio.sleep(0.0025)
            assert not manager.stats().ready
            assert manager.stats().alive
            clock.advance(pause)
        for _ in range(4000):
            if toys.total:
                break
            await asyncio.sleep(0.0025)
        assert manager.stats().ready
        assert len(asked) == 4
        stop.set()
        await asyncio.wait_for(task, 20)

    run(test())
    said = [each.getMessage() for each in caplog.records if "who it is" in each.getMessage()]
    assert ["it is away" in said[0], "a right is missing" in said[1], "a defect" in said[2]] == [True] * 3
