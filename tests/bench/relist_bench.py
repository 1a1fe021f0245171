"""What it costs when all objects are listed anew: `python -m tests.bench.relist_bench [--objects 5000]`.

Networks and routers of twenty namespaces, over the real controller and reconcilers, the API server and the cloud in
memory. Measured are the LIST after a watch that was cut, in which nothing has changed; one in whose gap a hundredth of the
objects went, changed and came, and nothing told of it; a restart; and a resync of all. Prints one JSON object: seconds, MiB
above what there was before, requests to the API server and to the cloud.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from infomaniak_operator.controller.interfaces import FINALIZER, Key
from infomaniak_operator.reconcile.ownership.marks import Owner, user_text
from tests.support.forest import Forest
from tests.support.objects import custom, key_of, secret

NAMESPACES = 20
KINDS = ("InfomaniakNetwork", "Router")


def resident(field: str) -> float:
    """MiB, by ``VmRSS`` (now) or ``VmHWM`` (at the highest)."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.split(f"{field}:")[1].split()[0]) / 1024


class Bench:
    """A world with many objects, all of them Ready.

    Args:
        count: how many.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.world = Forest(latency=0.0, with_secret=False)
        self.world.fake.neutron.quotas = dict.fromkeys(self.world.fake.neutron.quotas, -1)
        self.world.apply_all([secret(namespace=f"team-{number}") for number in range(NAMESPACES)])
        made = min(count, 2 * NAMESPACES)
        self.keys = [self.world.apply(self.body(number)) for number in range(made)]
        self.world.run(3600.0, most=20 * made)
        self.world.all_ready()
        self.keys += [self._like(number) for number in range(made, count)]
        self.world.restart()
        self.world.run(3600.0, most=20 * count)
        self.world.all_ready()
        self.world.clock.advance(3600.0)

    def _like(self, number: int) -> Key:
        """An object as the operator would have made it: like the first of its namespace and kind, for that costs a list each."""
        world, body = self.world, self.body(number)
        model = world.object(key_of(self.body(number % (2 * NAMESPACES))))
        (rows,) = [rows for rows in world.fake.tables.values() if model.status["id"] in rows]
        id_ = str(uuid.UUID(int=number))
        former = rows[model.status["id"]]
        description = f"{user_text(former['description'])} {self._mark(body)}".strip()
        rows[id_] = {**former, "id": id_, "name": body["metadata"]["name"], "description": description}
        status = json.loads(json.dumps(model.status).replace(model.status["id"], id_))
        meta = {**model.body["metadata"], **body["metadata"], "finalizers": [FINALIZER]}
        return world.apply({**body, "metadata": meta, "status": status})

    def _mark(self, body: dict[str, Any]) -> str:
        meta = body["metadata"]
        return Owner(self.world.cluster_id, body["kind"], meta["namespace"], meta["name"], meta["uid"]).mark().text

    @staticmethod
    def body(number: int, **spec: Any) -> dict[str, Any]:
        """The object of that number."""
        return custom(KINDS[number % 2], f"o{number}", spec, namespace=f"team-{number % NAMESPACES}")

    def phase(self, act: Callable[[], object]) -> dict[str, Any]:
        """Do something, let all that follows of it happen, and say what it cost."""
        world = self.world
        world.forget_calls()
        world.kube.calls.clear()
        reconciles = sum(world.reconciles.values())
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")
        before, began = resident("VmRSS"), time.process_time()
        act()
        world.run(1200.0, most=20 * self.count)
        found = {
            "cpu_seconds": round(time.process_time() - began, 1),
            "mib_at_the_highest": round(resident("VmHWM") - before),
            "reconciles": sum(world.reconciles.values()) - reconciles,
            "api_server": dict(_sorted(Counter({" ".join(key): n for key, n in world.kube.calls.items()}))),
            "cloud": dict(_sorted(world.calls())),
        }
        world.all_ready()
        return found

    def relist(self) -> None:
        """Each kind is listed, as after a watch that was cut."""
        for kind in KINDS:
            self.world.process.manager._lister.list(kind)

    def gap(self) -> tuple[list[Key], list[Key], list[Key]]:
        """Objects go, change and come while the watch is cut, and nobody is told; which."""
        world, few = self.world, max(1, self.count // 100)
        gone, changed = self.keys[:few], self.keys[few : 2 * few]
        world.process.deaf = True
        for key in gone:
            world.delete(key)
        for key in changed:
            world.spec(key, description="changed")
        come = [world.apply(self.body(self.count + number)) for number in range(few)]
        world.process._unheard.clear()
        world.process.deaf = False
        return gone, changed, come

    def known(self) -> set[Key]:
        """The objects that the operator knows."""
        view = self.world.process.manager.view
        return {each.key for kind in KINDS for each in view.objects(kind)}

    def run(self, *, resync: bool = True) -> dict[str, Any]:
        """All phases; a resync takes as long as all others together, and more."""
        found = {"relist, nothing has changed": self.phase(self.relist)}
        gone, changed, come = self.gap()
        found["relist after a gap"] = self.phase(self.relist)
        expected = {*self.keys, *come} - {*gone}
        assert self.known() == expected, "nothing is missed"
        assert all(self.world.object(key).spec["description"] == "changed" for key in changed)
        found["restart"] = self.phase(self.world.restart)
        assert self.known() == expected
        if resync:
            found["resync of all"] = self.phase(self.world.resync)
        return found


def _sorted(calls: Counter[str]) -> list[tuple[str, int]]:
    return sorted(calls.items())


def main() -> None:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=5000)
    parser.add_argument("--no-resync", action="store_true", help="without the resync, which takes minutes")
    options = parser.parse_args()
    began = time.monotonic()
    found = Bench(options.objects).run(resync=not options.no_resync)
    machine = {"objects": options.objects, "cpus": os.cpu_count(), "python": platform.python_version()}
    load = round(os.getloadavg()[0], 1)
    print(json.dumps({**machine, "load": load, "seconds": round(time.monotonic() - began), **found}, indent=2))


if __name__ == "__main__":
    main()
