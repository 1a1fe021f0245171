"""A process that is ended at any of the points that can be seen from outside."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from infomaniak_operator.client import InfomaniakCloudError
from tests.support.process import Killed
from tests.support.world import World

LATE = 20.0
"""Seconds after the death of its caller that a call is carried out, where it is carried out late."""
WAYS = {"look": (), "write": ("after",), "change": ("after", "late")}
"""What can be told apart at a point: who dies before one leaves the world as who dies after the one before it."""


class Points:
    """Counts what a process does that can be seen from outside, and ends it at one of these points.

    Attributes:
        passed: what was done so far: ``look`` (at the cloud), ``change`` (of the cloud), ``write`` (to Kubernetes).
    """

    def __init__(self, world: World, at: int | None = None, when: str = "before") -> None:
        self.world, self.at, self.when = world, at, when
        self.passed: list[str] = []
        world.cloud.around = lambda call, act: self._pass(act, "change" if call.writing else "look")
        world.on_kube = lambda _, act: self._pass(act, "write")

    def _pass(self, act: Callable[[], Any], what: str) -> Any:
        here = len(self.passed)
        self.passed.append(what)
        if here != self.at:
            return act()
        if self.when == "after":
            with contextlib.suppress(InfomaniakCloudError):
                act()
        elif self.when == "late":
            self.world.finish_later(LATE, act)
        raise Killed


def let_go(world: World) -> None:
    """Nothing stands in the way any more."""
    world.cloud.around = lambda _, act: act()
    world.on_kube = lambda _, act: act()
