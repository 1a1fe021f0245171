"""How fast the controller is by itself: many toys, an API server in memory, reconcilers that do nothing.

    python -m tests.bench.controller_bench [--objects 3000] [--workers 16]

Prints one JSON object: for create, update, a resync, a restart and delete the seconds, the reconciles a second and the
PATCHes an object; what 3,000 objects cost the API server and the processor when the cloud takes no time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infomaniak_operator.controller.manager import Manager
from infomaniak_operator.controller.manager_settings import ManagerSettings
from infomaniak_operator.controller.timers import SystemClock
from tests.support.fake_kube import FakeKube, FakeWatch
from tests.support.toy import RESOURCES, TOYS, ToyReconciler, key


@dataclass
class Bench:
    """One API server in memory, and what is measured on it."""

    kube: FakeKube
    count: int
    workers: int

    def patches(self) -> int:
        return sum(number for (verb, what), number in self.kube.calls.items() if verb == "PATCH" and what != "events")

    async def phase(self, toys: ToyReconciler, act: Callable[[], None], done: Callable[[], bool]) -> dict[str, float]:
        patches, before, cpu, began = self.patches(), toys.total, time.process_time(), time.perf_counter()
        await asyncio.to_thread(act)
        while not done():  # noqa: ASYNC110 - no event tells when a bench is over
            await asyncio.sleep(0.05)
        seconds = time.perf_counter() - began
        reconciled = toys.total - before
        return {
            "seconds": round(seconds, 2),
            "cpu_seconds": round(time.process_time() - cpu, 2),
            "reconciles": reconciled,
            "reconciles_per_second": round(reconciled / seconds),
            "patches_per_object": round((self.patches() - patches) / self.count, 3),
        }

    def manager(self, toys: ToyReconciler) -> Manager:
        return Manager(
            [toys],
            self.kube,
            RESOURCES,
            SystemClock(),
            random.Random(),
            ManagerSettings(workers=self.workers),
            watch=FakeWatch(self.kube, RESOURCES.values()),
        )

    def ready(self, colour: str) -> bool:
        found = self.kube.peek(TOYS)
        return len(found) == self.count and all((each.get("status") or {}).get("colour") == colour for each in found)

    async def run(self) -> dict[str, Any]:
        names = [f"toy-{number}" for number in range(self.count)]
        found: dict[str, Any] = {}
        toys, stop = ToyReconciler(), asyncio.Event()
        manager = self.manager(toys)
        running = asyncio.create_task(manager.run(stop))
        while not manager.stats().ready:  # noqa: ASYNC110
            await asyncio.sleep(0.01)

        def create() -> None:
            for name in names:
                self.kube.create(TOYS, name, spec={"colour": "red"})

        def idle() -> bool:
            stats = manager.stats()
            return stats.queued == stats.running == 0

        def update() -> None:
            for name in names:
                self.kube.change(TOYS, name, {"spec": {"colour": "blue"}})

        found["create"] = await self.phase(
            toys, create, lambda: toys.total >= self.count and idle() and self.ready("red")
        )
        seen = toys.total
        found["update"] = await self.phase(
            toys, update, lambda: toys.total >= seen + self.count and idle() and self.ready("blue")
        )
        loop, before = asyncio.get_running_loop(), toys.total
        found["resync"] = await self.phase(
            toys,
            lambda: asyncio.run_coroutine_threadsafe(_call(lambda: manager._dispatcher.resync("Toy")), loop).result(),
            lambda: toys.total >= before + self.count and idle(),
        )
        stop.set()
        await running

        again, stop = ToyReconciler(), asyncio.Event()
        second = self.manager(again)
        tasks: list[asyncio.Task[None]] = []
        found["restart"] = await self.phase(
            again,
            lambda: tasks.append(asyncio.run_coroutine_threadsafe(_start(second, stop), loop).result()),
            lambda: second.stats().ready and second.stats().objects["Toy"] == self.count and second._live,
        )

        def delete() -> None:
            for name in names:
                self.kube.delete(TOYS, name)

        found["delete"] = await self.phase(
            again,
            delete,
            lambda: not self.kube.peek(TOYS) and second.view.get(key(names[-1])) is None,
        )
        stop.set()
        await tasks[0]
        found["overlaps"] = toys.overlaps + again.overlaps
        return found


async def _call(what: Callable[[], None]) -> None:
    what()


async def _start(manager: Manager, stop: asyncio.Event) -> asyncio.Task[None]:
    return asyncio.create_task(manager.run(stop))


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=3000)
    parser.add_argument("--workers", type=int, default=16)
    options = parser.parse_args()
    found = asyncio.run(Bench(FakeKube(), options.objects, options.workers).run())
    machine = {
        "objects": options.objects,
        "workers": options.workers,
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "max_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps({**machine, **found}, indent=2))


if __name__ == "__main__":
    main()
