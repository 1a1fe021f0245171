"""How long one namespace waits for what another has queued: 3,000 objects on one load balancer, and one object elsewhere.

    python -m tests.bench.fairness_bench [--objects 3000] [--workers 16]

The objects of namespace "many" belong to one load balancer (its ``Tree`` is taken for the 25 ms that a reconcile
lasts), and are all written at once; right after it ten objects of namespace "few" are. Prints the seconds until these
are Ready, as one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time

from infomaniak_operator.controller.interfaces import (
    Conditions,
    Progress,
    Reason,
    ReconcileRequest,
    RequeueAfter,
    Result,
)
from infomaniak_operator.controller.manager import Manager
from infomaniak_operator.controller.manager_settings import ManagerSettings
from infomaniak_operator.controller.timers import SystemClock
from infomaniak_operator.reconcile.octavia.tree_state import Tree
from tests.support.fake_kube import FakeKube, FakeWatch
from tests.support.toy import RESOURCES, TOYS, ToyReconciler, usual

BUSY, WORK, FEW = 0.1, 0.025, 10


class OnOneTree(ToyReconciler):
    """Its toys of namespace "many" have one load balancer."""

    def __init__(self) -> None:
        super().__init__()
        self.tree, self.busy = Tree(), 0

    def reconcile(self, request: ReconcileRequest) -> Result:
        if request.resource.key.namespace != "many":
            return usual(request)
        if not self.tree.acquire():
            self.busy += 1
            return Result(Conditions(None, Reason.UPDATING, "busy", Progress.RECONCILING), RequeueAfter(BUSY))
        try:
            time.sleep(WORK)
            return usual(request)
        finally:
            self.tree.release()


async def run(count: int, workers: int) -> dict[str, float]:
    """Run it."""
    kube, toys, stop = FakeKube(), OnOneTree(), asyncio.Event()
    watch = FakeWatch(kube, RESOURCES.values())
    manager = Manager(
        [toys], kube, RESOURCES, SystemClock(), random.Random(), ManagerSettings(workers=workers), watch=watch
    )
    running = asyncio.create_task(manager.run(stop))
    while not manager.stats().ready:  # noqa: ASYNC110
        await asyncio.sleep(0.01)

    def write() -> None:
        for number in range(count):
            kube.create(TOYS, f"many-{number}", "many", spec={"alone": "lb"})
        for number in range(FEW):
            kube.create(TOYS, f"few-{number}", "few", spec={})

    def ready() -> int:
        few = [each for each in kube.held(TOYS) if each["metadata"]["namespace"] == "few"]
        return sum(bool(each.get("status")) for each in few)

    began = time.perf_counter()
    await asyncio.to_thread(write)
    written = time.perf_counter()
    while ready() < FEW:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    waited = time.perf_counter() - written
    found = {
        "objects": count,
        "workers": workers,
        "written_in_seconds": round(written - began, 2),
        "others_ready_after_seconds": round(waited, 2),
        "in_vain": toys.busy,
    }
    stop.set()
    await running
    return found


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=3000)
    parser.add_argument("--workers", type=int, default=16)
    options = parser.parse_args()
    print(json.dumps(asyncio.run(run(options.objects, options.workers)), indent=2))


if __name__ == "__main__":
    main()
