"""What an older version had made when it was replaced: its objects with the statuses as it wrote them, and its cloud.

``recorded_0_1_0.json`` was written by the code of 0.1.0, on the fake cloud of its time::

    git worktree add /tmp/old 378d0b0
    cd /tmp/old && PYTHONPATH=operator:. python <this checkout>/tests/support/recorded.py <file>

``rolled_back_0_1_0.json`` is what 0.1.0 makes of what the present code had made, after a rollback and a resync::

    PYTHONPATH=operator:. python tests/support/recorded.py <between>
    cd /tmp/old && PYTHONPATH=operator:. python <this checkout>/tests/support/recorded.py <file> <between>

This file is all that is taken from here, with ``intent.py``; so it imports nothing that is newer.
"""

from __future__ import annotations

import copy
import importlib.util
import itertools
import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from tests.support.fake_cloud import FakeCloud
from tests.support.forest import Forest
from tests.support.objects import SECRET, custom, key_of

_HERE = Path(__file__).parent
FILE = _HERE / "recorded_0_1_0.json"
ROLLED_BACK = _HERE / "rolled_back_0_1_0.json"
EXAMPLES = ("office", "web")


def example(name: str) -> list[dict[str, Any]]:
    """The objects of an example, with the tests' Secret."""
    files = sorted((_HERE.parents[1] / "examples" / name).glob("*.yaml"))
    bodies = [body for path in files for body in yaml.safe_load_all(path.read_text())]
    return [
        custom(body["kind"], body["metadata"]["name"], {**body["spec"], "cloudCredentialsRef": {"secretName": SECRET}})
        for body in bodies
        if body["kind"] != "Secret"
    ]


def made(name: str, intent: ModuleType) -> Forest:
    """A world in which that example, or all that a variant of ``intent`` can set, is Ready."""
    if name in EXAMPLES:
        world = Forest(*example(name))
    else:
        world, spec = intent.started(name)
        world.apply(intent.body(intent.kind_of(name), spec))
    world.run()
    world.all_ready()
    world.clock.advance(60)
    return world


def taken_over(scene: Mapping[str, Any]) -> Forest:
    """That world in the hands of the present code, right after its start."""
    fake = FakeCloud(seed=99, external=None)
    for name, rows in scene["tables"].items():
        fake.tables[name].update(copy.deepcopy(rows))
    for row in fake.tables["floating_ips"].values():  # which the cloud in memory did not know then, and Neutron did
        row.setdefault("port_forwardings", [])
    for name, attribute in (("networks", "qos_policy_id"), ("ports", "qos_policy_id"), ("subnets", "subnetpool_id")):
        for row in fake.tables[name].values():
            row.setdefault(attribute, None)
    fake.neutron._moment = datetime.fromisoformat(scene["moment"])
    world = Forest(fake=fake, with_secret=False)
    world.clock.advance(scene["seconds"] - world.clock.monotonic())
    if hasattr(world, "_bodies"):  # the Forest of 0.1.0
        world._versions = itertools.count(1_000_000)
        for body in copy.deepcopy(scene["bodies"]):
            dict.__setitem__(world._bodies, key_of(body), body)
    else:
        world.kube.version = 1_000_000
        for body in scene["bodies"]:
            world.apply(body)
    world.restart()
    world.forget_calls()
    return world


def _record(file: Path) -> None:
    found = importlib.util.spec_from_file_location("intent", _HERE / "intent.py")
    assert found is not None
    assert found.loader is not None
    intent = importlib.util.module_from_spec(found)
    found.loader.exec_module(intent)
    _write(file, {name: _scene(made(name, intent)) for name in (*EXAMPLES, *intent.VARIANTS)})


def _roll_back(file: Path, newer: Path) -> None:
    scenes = {}
    for name, scene in json.loads(newer.read_text()).items():
        if name == "office":  # nothing in it but what the others have
            continue
        world = taken_over(scene)
        world.run()
        world.clock.advance(600)
        world.resync()
        world.run()
        world.all_ready()
        scenes[name] = _scene(world)
    _write(file, scenes)


def _scene(world: Forest) -> dict[str, Any]:
    bodies = world._bodies if hasattr(world, "_bodies") else world.kube._objects
    return {
        "bodies": list(bodies.values()),
        "tables": {name: rows for name, rows in world.fake.tables.items() if rows},
        "moment": world.fake.neutron._moment.isoformat(),
        "seconds": world.clock.monotonic(),
    }


def _write(file: Path, scenes: Mapping[str, Any]) -> None:
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(scene)}" for name, scene in scenes.items())
    file.write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    target, *rest = map(Path, sys.argv[1:])
    if rest:
        _roll_back(target, rest[0])
    else:
        _record(target)
