"""A running controller over a ``FakeKube``, for unit tests."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from infomaniak_operator.controller.interfaces import Key, Reconciler
from infomaniak_operator.controller.kube.kube_api import KubeType
from infomaniak_operator.controller.manager import Manager
from infomaniak_operator.controller.manager_settings import ManagerSettings
from tests.support.clock import ManualClock
from tests.support.fake_kube import FakeKube, FakeWatch
from tests.support.toy import RESOURCES, TOYS, ToyReconciler

SETTINGS = ManagerSettings(workers=4, backoff_jitter=0.0, stop_seconds=5.0, flush_seconds=5.0)


@dataclass
class Running:
    """The parts of one running controller."""

    manager: Manager
    kube: FakeKube
    watch: FakeWatch
    toys: ToyReconciler
    clock: ManualClock
    stop: asyncio.Event
    endings: list[tuple[str, str]]

    async def until(self, what: Callable[[], Any], message: str = "") -> None:
        """Let threads and loop go on until something is so."""
        for _ in range(4000):
            if what():
                return
            await asyncio.sleep(0.0025)
        raise AssertionError(f"it never came about: {message}")

    async def quiet(self) -> None:
        """Until all events have been heard and nothing is ready or running."""
        calm = 0
        for _ in range(4000):
            stats = self.manager.stats()
            current = self.heard() and stats.queued == 0 and stats.running == 0 and stats.ready
            calm = calm + 1 if current else 0
            if calm >= 8:
                return
            await asyncio.sleep(0.0025)
        raise AssertionError(f"never quiet: {self.manager.stats()}")

    def heard(self) -> bool:
        """Whether the cache has the versions that the API server has, as far as the watch is up."""
        held = {each.key: each.resource_version for each in self.manager.view.objects("Toy")}
        there = {
            Key("Toy", body["metadata"]["namespace"], body["metadata"]["name"]): body["metadata"]["resourceVersion"]
            for body in self.kube._listed(TOYS, None)
        }
        return held == there or not self.watch.up.is_set()

    async def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await asyncio.sleep(0)

    def conditions(self, name: str) -> dict[str, dict[str, Any]]:
        body = self.kube.read(TOYS, name) or {}
        return {each["type"]: each for each in (body.get("status") or {}).get("conditions") or ()}

    def writes(self) -> int:
        return sum(count for (verb, what), count in self.kube.calls.items() if verb == "PATCH" and what != "events")


@asynccontextmanager
async def running(
    kube: FakeKube | None = None,
    toys: ToyReconciler | None = None,
    *,
    wait: bool = True,
    others: Iterable[Reconciler] = (),
    resources: Mapping[str, KubeType] = RESOURCES,
    **changes: Any,
) -> AsyncIterator[Running]:
    """A controller that runs until the block ends, and must end without an error.

    Args:
        kube: the API server; a new one by default.
        toys: the reconciler; a new one by default.
        others: further reconcilers.
        resources: the kinds, by name.
        wait: begin the block once the watching has started.
        changes: to the settings.
    """
    kube, toys, clock, stop = kube or FakeKube(), toys or ToyReconciler(), ManualClock(), asyncio.Event()
    watch = FakeWatch(kube, resources.values())
    endings: list[tuple[str, str]] = []
    manager = Manager(
        [toys, *others],
        kube,
        resources,
        clock,
        random.Random(7),
        replace(SETTINGS, **changes),
        watch=watch,
        on_reconcile=lambda kind, ending, seconds, due: endings.append((kind, ending)),
        instance="test",
    )
    task = asyncio.create_task(manager.run(stop))
    one = Running(manager, kube, watch, toys, clock, stop, endings)
    try:
        if wait:
            await one.until(lambda: task.done() or watch.starts > 0, "the watching starts")
        yield one
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run one test's coroutine."""
    asyncio.run(asyncio.wait_for(test, 60))
