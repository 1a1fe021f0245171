"""A status that this version did not write (a newer one did, or a hand) makes nothing raise, and is put right."""

from typing import Any

import pytest

from infomaniak_operator.client import CloudConnectionError
from infomaniak_operator.controller.dispatcher import in_order
from infomaniak_operator.controller.interfaces import Done, Key
from infomaniak_operator.reconcile.generic.outcomes import Unchanged
from tests.support.objects import network
from tests.support.world import World

ODD = ["WrittenByANewerVersion", "", "half a \ud800 pair", "x" * 5000, None, 7, ["Available"], {"a": 1}, ...]
TYPES = [
    "Ready",
    "Synced",
    "CredentialsValid",
    "ReverseDNS",
    "Healthy",
    "ReferencesResolved",
    "Reconciling",
    "Stalled",
    "Future",
]


def ready() -> tuple[World, Key]:
    world = World()
    key = world.apply(network())
    world.settle(key)
    return world, key


def _odd(world: World, key: Key, kind: str, field: str, value: Any) -> None:
    def write(body: dict[str, Any]) -> None:
        there = [each for each in body["status"]["conditions"] if each["type"] != kind]
        odd = {"type": kind, "status": "False", "reason": "Available", "message": "", "observedGeneration": 1}
        odd[field] = value
        body["status"]["conditions"] = [*there, {name: each for name, each in odd.items() if each is not ...}]

    world.poke(key, write)


@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.parametrize("field", ["reason", "status", "message", "observedGeneration", "type"])
@pytest.mark.parametrize("kind", TYPES)
def test_an_odd_condition_raises_nothing_and_is_put_right(monkeypatch, kind, field, value):
    world, key = ready()
    former = world.object(key).status
    for way in ("paused", "refused", "busy", "shallow", "as usual"):
        _odd(world, key, kind, field, value)
        if way == "paused":
            world.annotate(key, paused="true")
            world.reconcile(key)
            world.annotate(key, paused="")
        elif way == "refused":
            world.login = _fails
            world.restart()
            world.reconcile(key)
            world.login = lambda _: None
            world.restart()
        elif way == "busy":
            with monkeypatch.context() as patched:
                patched.setattr(world.reconcilers[key.kind]._actuator, "lock", _busy)
                world.reconcile(key)
        elif way == "shallow":
            world.reconcile(key, deep=False)
        else:
            world.reconcile(key)
        in_order(world.object(key), world.reconcilers[key.kind], world)
        for condition in world.object(key).status["conditions"]:
            if condition["type"] != "Ready":  # paused, it stays as it was
                assert all(isinstance(condition.get(name, ""), str) for name in ("reason", "status", "message")), way
    assert world.settle(key).next == Done()
    found = world.object(key).status
    for condition in (*former["conditions"], *found["conditions"]):
        condition.pop("lastTransitionTime")
    assert found == former


def _fails(_: Any) -> None:
    raise CloudConnectionError("no login")


def _busy(_: Any) -> Unchanged:
    return Unchanged(0.1)
