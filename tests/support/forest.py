"""A world in which all objects are visited as the engine would: who is woken by what, memory, delays, one at a time.

The load balancers of its cloud take a while for every change, and every call takes a moment.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from infomaniak_operator.cli.cluster import SLICES
from infomaniak_operator.client import InfomaniakCloudError
from infomaniak_operator.engine.changes import Change, concerns_itself, concerns_others
from infomaniak_operator.engine.contract import Again, BackOff, Gone, Key, KubeObject, Superseded, Waiting
from infomaniak_operator.engine.controller import Waiters, in_order
from tests.support.world import World

_LONGEST_BACKOFF = 300.0


class _Bodies(dict[Key, Any]):
    """The objects; every change of one is told."""

    def __init__(self, told: Callable[[Key, Any, Any], None]) -> None:
        super().__init__()
        self._told = told

    def __setitem__(self, key: Key, body: Any) -> None:
        former = self.get(key)
        super().__setitem__(key, body)
        self._told(key, former, body)

    def __delitem__(self, key: Key) -> None:
        former = self[key]
        super().__delitem__(key)
        self._told(key, former, None)


class Forest(World):
    """Objects that are all visited, until nothing is left to do.

    Args:
        bodies: objects that are there from the start.
        settles: seconds that a load balancer is PENDING after a change; None: until a test has the cloud settle.
        latency: seconds that a call to the cloud takes.

    Attributes:
        visits: how often each object was visited.
        refused: the refusals by 409.
        spent: the seconds of all runs.
    """

    def __init__(
        self, *bodies: Mapping[str, Any], settles: float | None = 1.5, latency: float = 0.01, **options: Any
    ) -> None:
        super().__init__(**options)
        self.settles, self.latency = settles, latency
        self.visits: Counter[Key] = Counter()
        self.refused: list[InfomaniakCloudError] = []
        self._ready: dict[Key, tuple[float, bool]] = {}
        self._due: dict[Key, float] = {}
        self._failures: Counter[Key] = Counter()
        self._waiters = Waiters()
        self._visiting: Key | None = None
        watched = _Bodies(self._told)
        for key, body in self._bodies.items():
            dict.__setitem__(watched, key, body)
        self._bodies = watched
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
                self.clock.later(self.settles, self.fake.settle)

    # What the engine does.

    def _told(self, key: Key, old: Any, new: Any) -> None:
        """Queue whom a change concerns, as the engine's controller does."""
        change = Change(key, KubeObject.of(old) if old else None, KubeObject.of(new) if new else None)
        if change.old and (new is None or change.reborn):
            self._memory.pop(change.old.uid, None)
            if new is None:
                self._drop(key)
        own = key == self._visiting
        if not own and key.kind in self.reconcilers and concerns_itself(change):
            self._add(key)
        if concerns_others(change):
            for name in sorted({key, *_stood_for(change)}):
                for each in sorted(({other.key for other in self.referrers(name)} | self._waiters.of(name)) - {key}):
                    self._add(each, deep=False)

    def _drop(self, key: Key) -> None:
        for known in (self._ready, self._due, self._failures):
            known.pop(key, None)  # type: ignore[attr-defined]
        self._waiters.drop(key)

    def _add(self, key: Key, *, deep: bool = True) -> None:
        deep = self._due.pop(key, None) is not None or deep
        since, was_deep = self._ready.get(key, (0.0, False))
        self._ready[key] = max(since, self.clock.monotonic()), deep or was_deep

    def _after(self, key: Key, seconds: float) -> None:
        if seconds <= 0:
            self._add(key)
        elif key not in self._ready:
            self._due[key] = min(self.clock.monotonic() + seconds, self._due.get(key, float("inf")))

    def _rate_limited(self, key: Key, at_least: float = 0.0) -> None:
        self._failures[key] += 1
        self._after(key, max(at_least, min(_LONGEST_BACKOFF, 2.0 ** (self._failures[key] - 1))))

    def _step(self, key: Key) -> None:
        """Visit one object, and plan its next visit."""
        since, deep = self._ready.pop(key)
        if key not in self._bodies:
            return
        self.visits[key] += 1
        self._visiting = key
        try:
            result = self.visit(key, fresh_after=since, deep=deep)
        except Superseded:
            self._add(key)
            return
        except Exception:
            self._rate_limited(key)
            raise
        finally:
            self._visiting = None
        if result is None or key not in self._bodies:
            return
        self._waiters.drop(key)
        if isinstance(result.next, BackOff):
            self._rate_limited(key, result.next.at_least)
            return
        self._failures.pop(key, None)
        match result.next:
            case Again(seconds):
                self._after(key, seconds)
            case Waiting(keys, seconds):
                self._waiters.wait(key, keys - {key})
                if seconds is not None:
                    self._after(key, seconds)
            case Gone():
                self._after(key, 0.0)

    def restart(self) -> None:
        super().restart()
        self._ready, self._due, self._failures, self._waiters = {}, {}, Counter(), Waiters()
        for kind, reconciler in self.reconcilers.items():
            for resource in self.objects(kind):
                if not in_order(resource, reconciler, self):
                    self._add(resource.key)

    def round(self) -> None:
        """Have all objects visited, with what one LIST of each type shows."""
        start = self.clock.monotonic()
        for key in sorted(key for key in self._bodies if key.kind in self.reconcilers):
            if key not in self._due:
                self._ready[key] = start, True

    # What a test does.

    def apply_all(self, bodies: Iterable[Mapping[str, Any]]) -> list[Key]:
        """``kubectl apply`` of many."""
        return [self.apply(body) for body in bodies]

    def some(self, visits: int) -> None:
        """A few visits, as the queue hands them out, and the time between them."""
        for _ in range(visits):
            if self._ready:
                self._step(next(iter(self._ready)))
            elif self._due:
                self.clock.advance(max(0.0, min(self._due.values()) - self.clock.monotonic()))
                self._ring()

    def run(self, seconds: float = 900.0, most: int = 3000) -> float:
        """Visit until nothing is left to do, or that much time has gone by; returns how much has.

        Args:
            seconds: of the clock.
            most: visits; more of them are a hot loop.
        """
        start = self.clock.monotonic()
        end = start + seconds
        for _ in range(most):
            self._ring()
            if self._ready:
                self._step(next(iter(self._ready)))
            elif not self._due:
                return self.clock.monotonic() - start
            elif (due := min(self._due.values())) >= end:
                self.clock.advance(end - self.clock.monotonic())
                return seconds
            else:
                self.clock.advance(due - self.clock.monotonic())
        raise AssertionError(f"a hot loop: {most} visits, {self.visits.most_common(5)}, {self.standing()}")

    def _ring(self) -> None:
        now = self.clock.monotonic()
        for key, due in list(self._due.items()):
            if due <= now:
                self._add(key)

    def all_keys(self) -> list[Key]:
        """All objects that are reconciled."""
        return sorted(key for key in self._bodies if key.kind in self.reconcilers)

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
        """The calls since the last ``forget_calls``; a look at a tree's states is ``GET status``."""
        return Counter(
            f"{method} {'status' if isinstance(subject, tuple) and 'status' in subject else collection}"
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


def _stood_for(change: Change) -> set[Key]:
    """The Services whose EndpointSlice has changed."""
    if change.key.kind != SLICES.kind or SLICES.stands_for is None:
        return set()
    versions = [version for version in (change.old, change.new) if version is not None]
    return {key for version in versions if (key := SLICES.stands_for(version)) is not None}


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
