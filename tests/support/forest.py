"""A world in which all objects are reconciled, as the queue hands them out, until nothing is left to do.

The load balancers of its cloud take a while for every change, and every call takes a moment.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from infomaniak_operator.client import InfomaniakCloudError
from infomaniak_operator.controller.interfaces import Key
from tests.support.world import World


class Forest(World):
    """Objects that are all reconciled, until nothing is left to do.

    Args:
        bodies: objects that are there from the start.
        settles: seconds that a load balancer is PENDING after a change; None: until a test has the cloud settle.
        latency: seconds that a call to the cloud takes.

    Attributes:
        reconciles: how often each object was reconciled.
        refused: the refusals by 409.
    """

    def __init__(
        self, *bodies: Mapping[str, Any], settles: float | None = 1.5, latency: float = 0.01, **options: Any
    ) -> None:
        super().__init__(**options)
        self.settles, self.latency = settles, latency
        self.reconciles: Counter[Key] = Counter()
        self.refused: list[InfomaniakCloudError] = []
        self._perform, self.fake.perform = self.fake.perform, self._call  # type: ignore[method-assign]
        self.apply_all(bodies)

    def _call(self, method: str, collection: str, subject: Any, act: Callable[[], Any]) -> Any:
        self.clock.advance(self.latency)
        try:
            return self._perform(method, collection, subject, act)
        except InfomaniakCloudError as error:
            if error.status == 409:
                self.refused.append(error)
            raise
        finally:
            if self.settles is not None and method not in ("LIST", "GET") and collection in self.fake.octavia.names:
                self.clock.call_later(self.settles, self.fake.settle)

    def apply_all(self, bodies: Iterable[Mapping[str, Any]]) -> list[Key]:
        """``kubectl apply`` of many."""
        return [self.apply(body) for body in bodies]

    def resync(self) -> None:
        """Have all objects reconciled, with what one LIST of each type shows."""
        self.process.catch_up()
        self.process.resync()

    def some(self, reconciles: int) -> None:
        """A few reconciles, as the queue hands them out, and the time between them."""
        for _ in range(reconciles):
            self.process.catch_up()
            if len(self.process.queue):
                self._next()
            elif (due := self.process.queue.due()) is not None:
                self.clock.advance(max(0.0, due - self.clock.monotonic()))

    def run(self, seconds: float = 900.0, most: int = 3000) -> float:
        """Reconcile until nothing is left to do, or that much time has gone by; returns how much has.

        Args:
            seconds: of the clock.
            most: reconciles; more of them are a hot loop.
        """
        start = self.clock.monotonic()
        end = start + seconds
        for _ in range(most):
            self.process.catch_up()
            if len(self.process.queue):
                self._next()
            elif (due := self.process.queue.due()) is None:
                return self.clock.monotonic() - start
            elif due >= end:
                self.clock.advance(end - self.clock.monotonic())
                return seconds
            else:  # it may be due already: the time that a look takes is on the clock, too
                self.clock.advance(max(0.0, due - self.clock.monotonic()))
        raise AssertionError(f"a hot loop: {most} reconciles, {self.reconciles.most_common(5)}, {self.standing()}")

    def _next(self) -> None:
        done = self.process.reconcile()
        if done.key and done.ending != "absent":
            self.reconciles[done.key] += 1

    def all_keys(self) -> list[Key]:
        """All objects that are reconciled."""
        return sorted(each.key for kind in self.reconcilers for each in self.objects(kind))

    def standing(self) -> dict[str, str]:
        """How each object stands."""
        return {
            f"{key.kind}/{key.name}": " ".join((*self.ready(key), self.progress(key), self.message(key)))
            for key in self.all_keys()
        }

    def all_ready(self) -> None:
        """That all objects are Ready, and nothing is said against any."""
        bad = {key: self.message(key) for key in self.all_keys() if self.ready(key) != ("True", "Available")}
        assert not bad, bad
        assert not [key for key in self.all_keys() if self.progress(key)]

    def calls(self) -> Counter[str]:
        """The calls since the last ``forget_calls``; those of ``/status`` and ``/stats`` are named so."""
        return Counter(
            f"{method} {next((part for part in _PARTS if isinstance(subject, tuple) and part in subject), collection)}"
            for method, collection, subject in self.fake.calls
        )

    def forget_calls(self) -> None:
        """Count anew."""
        self.fake.calls.clear()
        self.cloud.log.clear()

    def changes(self) -> list[str]:
        """The changing calls since the last ``forget_calls``, in their order."""
        return [f"{method} {collection}" for method, collection, _ in self.fake.changes()]

    def table(self, collection: str) -> list[dict[str, Any]]:
        """What there is of a type, without a call."""
        return list(self.fake.tables[collection].values())

    def one(self, collection: str) -> dict[str, Any]:
        """The one there is."""
        (row,) = self.table(collection)
        return row

    def picture(self) -> dict[str, list[Any]]:
        """What is in the cloud, with names for ids, and without what differs from run to run."""
        return picture(self.fake.tables)


_PARTS = ("status", "stats")
"""What is asked for of an object beside itself."""
_UNSTABLE = frozenset(
    {"id", "revision_number", "created_at", "updated_at", "mac_address", "fixed_ips", "ip_address", "fixed_ip_address"}
    | {"floating_ip_address", "external_fixed_ips", "vip_address", "operating_status"}
)


def picture(tables: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, list[Any]]:
    """A cloud's tables, with names for ids, and without what differs from run to run."""
    names = {
        id_: str(row.get("name") or row.get("cidr") or row.get("address") or name)
        for name, rows in tables.items()
        for id_, row in rows.items()
    }

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: plain(each) for name, each in sorted(value.items()) if name not in _UNSTABLE}
        if isinstance(value, list | tuple):
            return sorted((plain(each) for each in value), key=repr)
        return names.get(value, value) if isinstance(value, str) else value

    return {name: sorted((plain(row) for row in rows.values()), key=repr) for name, rows in tables.items()}


def shuffled(things: Iterable[Any], random: Any, most: int) -> list[tuple[Any, ...]]:
    """So many different orders, at random; all of them where there are no more."""
    things = list(things)
    if len(things) <= 5:
        orders = list(itertools.permutations(things))
        return random.sample(orders, min(most, len(orders)))
    return [tuple(random.sample(things, len(things))) for _ in range(most)]
