"""Three thousand objects of one namespace, all due at once, and one of another: counted in reconciles, not in seconds."""

from __future__ import annotations

import asyncio

from infomaniak_operator.controller.interfaces import Key
from tests.support.fake_kube import FakeKube
from tests.support.manager import SETTINGS, run, running
from tests.support.toy import TOYS

FLOOD = 3000
MOST = 4 * SETTINGS.workers
"""Reconciles of others that may come before one's own: those under way, and a turn or two."""


def test_an_object_of_another_namespace_waits_for_a_few_only() -> None:
    async def test() -> None:
        kube = FakeKube()
        for number in range(FLOOD):
            kube.create(TOYS, f"flood-{number}", "mallory", spec={"alone": f"balancer-{number % 7}"})
        async with running(kube) as one:
            await one.until(lambda: one.toys.total > 50, "the flood has begun")
            for number in range(20):
                kube.create(TOYS, f"home-{number}", "home", spec={})
                key = Key("Toy", "home", f"home-{number}")
                # How long the event takes to come is another matter: the flood goes on meanwhile.
                while one.manager.view.get(key) is None:  # noqa: ASYNC110 - nothing tells, and each turn counts
                    await asyncio.sleep(0)
                before = one.toys.total
                assert before < FLOOD, "the flood is over: nothing is shown"
                await one.until(lambda number=number: one.toys.reconciles.get(f"home-{number}"), "it is reconciled")
                own = f"home-{number}"
                assert one.toys.order.index(own) - before <= MOST

    run(test())
