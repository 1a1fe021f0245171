"""A controller with toys against a real API server, in a thread of its own."""

from __future__ import annotations

import asyncio
import random
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infomaniak_operator.controller.cache.watcher import Sink
from infomaniak_operator.controller.kube.kube_api import KubeType
from infomaniak_operator.controller.kube.kube_http import HttpKube, loader
from infomaniak_operator.controller.manager import Manager
from infomaniak_operator.controller.manager_settings import ManagerSettings
from infomaniak_operator.controller.timers import SystemClock
from infomaniak_operator.handlers import KopfWatch
from tests.support.box import until
from tests.support.toy import RESOURCES, ToyReconciler


class BreakableWatch(KopfWatch):
    """kopf's watching, which a test can break and hold down."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.up = threading.Event()
        self.up.set()
        self._inner: threading.Event | None = None

    def break_it(self) -> None:
        """End it as an error would, and hold it down until ``up`` is set."""
        self.up.clear()
        if self._inner:
            self._inner.set()

    def run(self, sink: Sink, stop: threading.Event) -> None:
        while not self.up.wait(0.02):
            if stop.is_set():
                return
        inner = self._inner = threading.Event()
        ended = threading.Event()

        def follow() -> None:
            while not ended.is_set() and not inner.is_set():
                if stop.wait(0.02):
                    inner.set()

        follower = threading.Thread(target=follow)
        follower.start()
        try:
            super().run(sink, inner)
        finally:
            ended.set()
            follower.join()
        if not stop.is_set():
            raise RuntimeError("broken by the test")


class RealController:
    """A running controller, and what it asked of the API server."""

    def __init__(
        self,
        kubeconfig: Path,
        namespaces: tuple[str, ...],
        toys: ToyReconciler,
        resources: Mapping[str, KubeType],
        **settings: Any,
    ) -> None:
        self.toys = toys
        self.calls: Counter[tuple[str, str, int]] = Counter()
        load = loader(kubeconfig)
        clock = SystemClock()
        values: dict[str, Any] = {"sweep_delay": 1.0, "backoff_base": 0.2, "backoff_max": 2.0, "watch_backoff_max": 1.0}
        self.kube = HttpKube(load, clock.monotonic, on_call=self._called)
        self.watch = BreakableWatch(resources.values(), load, namespaces)
        self.manager = Manager(
            [toys],
            self.kube,
            resources,
            clock,
            random.Random(),
            ManagerSettings(namespaces=namespaces, **{**values, **settings}),
            watch=self.watch,
            instance="test",
        )

    def _called(self, verb: str, plural: str, status: int, _: float) -> None:
        self.calls[verb, plural, status] += 1

    @property
    def writes(self) -> int:
        """The PATCHes of toys that were carried out."""
        return self.calls["PATCH", "toys", 200]


@contextmanager
def real_controller(
    kubeconfig: Path,
    *namespaces: str,
    toys: ToyReconciler | None = None,
    resources: Mapping[str, KubeType] = RESOURCES,
    **settings: Any,
) -> Iterator[RealController]:
    """Run a controller; it must end without an error, and in time."""
    made = RealController(kubeconfig, namespaces, toys or ToyReconciler(), resources, **settings)
    stop = asyncio.Event()
    loop = asyncio.new_event_loop()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            loop.run_until_complete(made.manager.run(stop))
            loop.run_until_complete(loop.shutdown_default_executor())
        except BaseException as error:  # noqa: BLE001
            errors.append(error)
        finally:
            loop.close()

    thread = threading.Thread(target=run, name="controller")
    thread.start()
    try:
        until(lambda: errors or made.manager.stats().ready, "the controller is ready", 30)
        yield made
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(40)
        made.kube.close()
    assert not thread.is_alive()
    assert not errors, errors
