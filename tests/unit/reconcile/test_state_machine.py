"""Hypothesis moves users, others, faults and time; what is in the cloud at the end is what the specs say, and no more.

The promise of docs/safety.md is the only oracle: after the faults have stopped, the cloud is the same as if the objects
that there are had been applied to an empty project; after all objects are deleted, only what others made is left.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from infomaniak_operator.client import (
    Category,
    CloudTimeoutError,
    ConflictError,
    InfomaniakCloudError,
    ServiceError,
)
from infomaniak_operator.controller.interfaces import Superseded
from infomaniak_operator.controller.kube.kube_api import KubeError
from infomaniak_operator.reconcile.ownership.marks import Mark
from tests.support import intent
from tests.support.forest import Forest
from tests.support.objects import custom, key_of
from tests.support.points import let_go
from tests.support.process import Killed
from tests.support.trees import balancer, listener, member, monitor, policy, pool
from tests.support.world import GRACE

TEXTS = [{"description": "one", "tags": ["x"]}, {"description": "two", "tags": ["x", "y"]}]
WEB, MORE = {"name": "web-v4", "cidr": "10.40.0.0/24"}, {"name": "more", "cidr": "10.41.0.0/24"}
WAY_OUT = {"networkName": "ext-floating1"}
INSIDE = {"networkRef": {"name": "web"}, "subnet": "web-v4"}
ROUTE = {"destination": "10.99.0.0/16", "nexthop": "10.40.0.9"}
RULE = {"direction": "ingress", "etherType": "IPv4", "protocol": "tcp"}


def _web(**spec: Any) -> dict[str, Any]:
    return custom("InfomaniakNetwork", "web", spec)


def _several(make: Callable[..., dict[str, Any]], *specs: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [make(**spec, **text) for spec in specs for text in TEXTS]


# Each of the objects that there may be, with the specs that it may have: every field is in all of them, for one that
# is taken out may stay as it is.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "network": _several(
        _web, {"subnets": [WEB], "mtu": 1450}, {"subnets": [WEB, MORE], "mtu": 1450}, {"subnets": [WEB], "mtu": 1400}
    ),
    "router": _several(
        lambda **spec: custom("Router", "edge", spec),
        {"externalGateway": WAY_OUT, "interfaces": [INSIDE]},
        {"externalGateway": WAY_OUT, "interfaces": [INSIDE], "routes": [ROUTE]},
    ),
    "group": _several(
        lambda **spec: custom("SecurityGroup", "ssh", spec),
        {"rules": [{**RULE, "portRange": {"min": 22}}]},
        {"rules": [{**RULE, "portRange": {"min": port}} for port in (80, 443)]},
    ),
    "balancer": _several(
        balancer,
        {"listeners": [listener()]},
        {"listeners": [listener(port=81)]},
        {"listeners": [listener(), listener("more", 8080, pool="spare")]},
    ),
    "site": _several(pool, {"members": [member(11)]}, {"members": [member(11, weight=5), member(12)]}),
    "spare": _several(functools.partial(pool, "spare"), {"members": []}, {"members": [member(13)]}),
    "monitor": [monitor(delay=delay) for delay in (5, 9)],
    "policy": [policy(), policy(action="REDIRECT_TO_POOL", poolRef={"name": "spare"})],
    "address": _several(
        lambda **spec: custom("FloatingIP", "public", {"externalNetwork": WAY_OUT, "recreate": "Always", **spec}),
        {"loadBalancerRef": {"name": "web"}},
    ),
}
ORDER = list(VARIANTS)
"""What comes later refers to what comes before, but for a load balancer, which names its pools."""


class Faults:
    """What happens to the next calls: the n-th fails in a way, or ends the process."""

    def __init__(self, world: Forest) -> None:
        self.world = world
        self.planned: dict[int, str] = {}
        self.writes: set[int] = set()
        self.calls, self.kube = itertools.count(), itertools.count()
        world.cloud.around = self._call
        world.on_kube = self._write

    def plan(self, distance: int, how: str) -> None:
        """The call that is so far away."""
        self.planned[self._seen(self.calls) + distance] = how

    def die_at_write(self, distance: int) -> None:
        """The process ends at the write to Kubernetes that is so far away."""
        self.writes.add(self._seen(self.kube) + distance)

    def _seen(self, counter: itertools.count[int]) -> int:
        return counter.__reduce__()[1][0]  # type: ignore[no-any-return, index]

    def _call(self, call: Any, act: Callable[[], Any]) -> Any:
        how = self.planned.pop(next(self.calls), None)
        if how is None:
            return act()
        unknown = CloudTimeoutError("no answer", category=Category.TRANSIENT, outcome_unknown=True)
        if how == "refused":
            raise ServiceError("slow down", status=429, category=Category.TRANSIENT)
        if how == "busy":
            raise ConflictError("busy", status=409, category=Category.WAITING)
        if how == "before" or not call.writing:
            raise unknown
        if how in ("late", "late, killed"):
            self.world.finish_later(GRACE / 3, act)
        else:
            with contextlib.suppress(InfomaniakCloudError):
                act()
        raise Killed if "killed" in how else unknown

    def _write(self, _: str, act: Callable[[], Any]) -> Any:
        if next(self.kube) not in self.writes:
            return act()
        act()
        raise Killed


class Tenant(RuleBasedStateMachine):
    """A tenant's objects, and what may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.world = world()
        self.faults = Faults(self.world)
        self.lives: Counter[str] = Counter()
        intent.watch(self.world)
        for name in ORDER:
            self._apply(name, VARIANTS[name][0])
        self.world.run()

    # What users do.

    @rule(name=st.sampled_from(ORDER), number=st.integers(0, 5))
    def apply(self, name: str, number: int) -> None:
        """``kubectl apply``, unless the object is Terminating."""
        self._apply(name, VARIANTS[name][number % len(VARIANTS[name])])

    @rule(numbers=st.tuples(*[st.integers(0, 5)] * len(ORDER)))
    def apply_all(self, numbers: tuple[int, ...]) -> None:
        """``kubectl apply -f`` of a folder."""
        for name, number in zip(ORDER, numbers, strict=True):
            self._apply(name, VARIANTS[name][number % len(VARIANTS[name])])

    @rule(name=st.sampled_from(ORDER))
    def delete(self, name: str) -> None:
        """``kubectl delete``."""
        if self.world.get(key_of(VARIANTS[name][0])):
            self.world.delete(key_of(VARIANTS[name][0]))

    @rule()
    def delete_all(self) -> None:
        """``kubectl delete namespace``."""
        for name in ORDER:
            self.delete(name)

    # What others do to what is ours.

    @precondition(lambda self: self.ours())
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        """Somebody deletes something of ours, where the cloud lets them."""
        collection, id_ = data.draw(st.sampled_from(self.ours()))
        with contextlib.suppress(InfomaniakCloudError):
            options = {"cascade": True} if collection == "load_balancers" else {}
            getattr(self.world.others, collection).delete(id_, **options)

    @precondition(lambda self: self.ours())
    @rule(data=st.data())
    def drift(self, data: st.DataObject) -> None:
        """Somebody renames something of ours, or takes its plain tags away: all specs have both."""
        collection, id_ = data.draw(st.sampled_from(self.ours()))
        with contextlib.suppress(InfomaniakCloudError):
            if "name" in self.world.fake.tables[collection][id_] and data.draw(st.booleans()):
                getattr(self.world.others, collection).update(id_, {"name": "renamed"})
            elif collection in self.world.fake.octavia.names:
                tags = self.world.fake.tables[collection][id_]["tags"]
                marks = [tag for tag in tags if Mark.parse(tag)]
                getattr(self.world.others, collection).update(id_, {"tags": marks})
            else:
                self.world.others.tags.replace(collection, id_, [])

    # What goes wrong.

    @rule(
        distance=st.integers(0, 12),
        how=st.sampled_from(["refused", "busy", "before", "after", "late", "after, killed", "late, killed"]),
    )
    def fail(self, distance: int, how: str) -> None:
        """A call of the near future fails."""
        self.faults.plan(distance, how)

    @rule(distance=st.integers(0, 8))
    def die(self, distance: int) -> None:
        """The process ends after a write to Kubernetes of the near future."""
        self.faults.die_at_write(distance)

    @rule()
    def restart(self) -> None:
        """The Pod is moved."""
        self.world.restart()

    # Time.

    @rule(reconciles=st.integers(1, 12))
    def go_on(self, reconciles: int) -> None:
        """A few reconciles."""
        self._going(lambda: self.world.some(reconciles))

    @rule()
    def resync(self) -> None:
        """All objects, with a fresh look at the cloud, until nothing is left to do."""
        self.world.resync()
        self._going(self.world.run)

    @rule(seconds=st.sampled_from([1.0, 20.0, GRACE + 1]))
    def wait(self, seconds: float) -> None:
        """Time goes by while nobody is at work."""
        self.world.clock.advance(seconds)

    # The end.

    def teardown(self) -> None:
        """The cloud is as the objects say; without them it holds what others made."""
        let_go(self.world)
        self._rest()
        self._away()
        for name in ORDER:
            if self.world.get(key_of(VARIANTS[name][0])) is None:
                self._apply(name, VARIANTS[name][0])
        self._rest()
        self.world.all_ready()
        bodies = [self.world.object(key_of(VARIANTS[name][0])).body for name in ORDER]
        assert self.world.picture() == undisturbed(
            json.dumps(
                [(body["metadata"]["uid"], body["spec"], body["kind"], body["metadata"]["name"]) for body in bodies]
            )
        )
        self.world.clock.advance(GRACE)
        self.world.forget_calls()
        self.world.resync()
        self.world.run()
        assert self.world.changes() == []
        self.delete_all()
        self._rest()
        assert [key for key in self.world.all_keys() if self.world.get(key)] == []
        assert self.world.picture() == world().picture()

    def ours(self) -> list[tuple[str, str]]:
        """What carries a mark, in an order that the tables give.

        A VIP's port is left out: no spec gives it a name, and one that is lost is for a person to decide.
        """
        return [
            (collection, id_)
            for collection, rows in self.world.fake.tables.items()
            if collection != "ports" and hasattr(self.world.others, collection)
            for id_, row in rows.items()
            if Mark.parse(row.get("description")) or Mark.among(row.get("tags"))
        ]

    def _apply(self, name: str, body: dict[str, Any]) -> None:
        key = key_of(body)
        standing = self.world.get(key)
        if standing is None:
            self.lives[name] += 1
            made = custom(key.kind, key.name, body["spec"], life=self.lives[name])
            self.world.apply(made)
        elif not standing.deleting:
            self.world.apply({**standing.body, "spec": body["spec"]})

    def _going(self, what: Callable[[], object]) -> None:
        try:
            what()
        except Killed:
            self.world.restart()
        except (KubeError, Superseded, InfomaniakCloudError):
            pass

    def _rest(self) -> None:
        for _ in range(3):
            intent.rest(self.world)
            self.world.clock.advance(GRACE + 1)
            self.world.resync()
        intent.rest(self.world)

    def _away(self) -> None:
        """What is Terminating waits for what refers to it: that is deleted, too."""
        for _ in ORDER:
            terminating = [n for n in ORDER if (at := self.world.get(key_of(VARIANTS[n][0]))) and at.deleting]
            if not terminating:
                return
            first = min(ORDER.index(name) for name in (*terminating, "balancer"))
            for name in ORDER[first:]:
                self.delete(name)
            self._rest()
        raise AssertionError(f"{terminating} stay Terminating")


def world() -> Forest:
    """A project in which others have things of the names that the objects use."""
    made = Forest()
    theirs = made.others.networks.create({"name": "web", "description": "not of the operator"})
    made.others.subnets.create({"network_id": theirs["id"], "name": "web-v4", "cidr": "10.40.0.0/24", "ip_version": 4})
    made.others.security_groups.create({"name": "ssh"})
    made.others.routers.create({"name": "edge"})
    return made


@functools.cache
def undisturbed(bodies: str) -> dict[str, list[Any]]:
    """What the objects come to where nothing happens."""
    made = world()
    for uid, spec, kind, name in json.loads(bodies):
        body = custom(kind, name, spec)
        body["metadata"]["uid"] = uid
        made.apply(body)
    made.run()
    made.all_ready()
    return made.picture()


QUIET = settings(deadline=None, database=None, print_blob=True, suppress_health_check=list(HealthCheck))


def test_a_short_search_that_is_the_same_each_time() -> None:
    run_state_machine_as_test(
        Tenant, settings=settings(QUIET, max_examples=20, stateful_step_count=25, derandomize=True)
    )


@pytest.mark.full
def test_a_long_search_that_is_another_each_time() -> None:
    run_state_machine_as_test(Tenant, settings=settings(QUIET, max_examples=2000, stateful_step_count=50))
