"""What an object refers to goes in the middle of a reconcile: it waits for it, and nothing of it is a defect."""

import functools
import os
from typing import Any

import pytest

from tests.support.forest import Forest
from tests.support.objects import custom
from tests.support.trees import member, pool, web
from tests.support.world import PROJECT


def _bodies() -> list[dict[str, Any]]:
    """The example, a member whose subnet is a reference, one that is a Port, and two addresses for one target."""
    other = {"address": "10.40.0.99", "port": 80, "networkRef": {"name": "web"}, "subnet": "web-v4"}
    server = custom("Port", "server", {"networkRef": {"name": "web"}, "securityGroupRefs": [{"name": "web-servers"}]})
    by_port = [{"portRef": {"name": "server"}, "port": 80}]
    bodies = [*web(), server, pool("far", members=[member(), other], portMembers=by_port)]
    address = next(body for body in bodies if body["kind"] == "FloatingIP")
    second = {**address, "metadata": {**address["metadata"], "name": "second", "uid": "another"}}
    return [*bodies, second]


def _fresh() -> Forest:
    return Forest(*_bodies())


def _changed() -> Forest:
    """All is made and Ready, and each object's spec has changed."""
    world = _fresh()
    world.run(120)
    for key in world.all_keys():
        changed = {"description": "changed"} if key.kind in NEUTRON else {"tags": ["changed"]}
        world.spec(key, adminStateUp=True, **changed) if key.kind != "FloatingIP" else world.spec(key, **changed)
    return world


def _adopted() -> Forest:
    """All is there in the cloud, made by others, and is to be imported."""
    world = _fresh()
    world.run(120)
    ids = {key: world.object(key).status.get("id") for key in world.all_keys()}
    for collection in ("networks", "routers", "security_groups", "ports", "floating_ips"):
        for row in getattr(world.others, collection).list(project_id=PROJECT):
            getattr(world.others, collection).update(row["id"], {"description": ""})
    for collection in ("load_balancers", "listeners", "pools", "health_monitors"):
        for row in getattr(world.others, collection).list():
            getattr(world.others, collection).update(row["id"], {"tags": []})
            world.fake.settle()
    again = Forest(*_bodies(), fake=world.fake)
    for key in again.all_keys():
        if ids[key]:
            again.spec(key, **{"import": {"id": ids[key]}})
    return again


NEUTRON = ("InfomaniakNetwork", "Router", "SecurityGroup", "Port", "FloatingIP")
STATES = {"fresh": _fresh, "changed": _changed, "adopted": _adopted}
WHAT = sorted({body["kind"] for body in _bodies()} | {"Secret"})


@functools.cache
def _calls(state: str) -> int:
    world = STATES[state]()
    world.cloud.take()
    world.run(120)
    return len(world.cloud.take())


def _goes(world: Forest, kind: str, *, terminating: bool) -> None:
    for key in [each.key for each in world.objects(kind)]:
        if terminating:
            world.poke(key, lambda body: body["metadata"].update(deletionTimestamp="2026-11-25T10:00:00Z"))
        else:
            world.vanish(key)


@pytest.mark.parametrize("terminating", [True, False])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("kind", WHAT)
def test_a_reference_that_goes_in_the_middle_of_a_reconcile_is_no_defect(kind, state, terminating):
    calls = _calls(state)
    assert calls > 10
    stride = int(os.environ.get("GOING_STRIDE", "12"))  # 1: at every call
    for number in range((WHAT.index(kind) + terminating) % stride, calls, stride):
        world = STATES[state]()
        left = [number]

        def around(call, act, world=world, left=left):
            left[0] -= 1
            if left[0] == -1:
                _goes(world, kind, terminating=terminating)
            return act()

        world.cloud.around = around
        world.run(120)
