"""One object that nobody expected must not stop the controller for all: whatever is asked of it, at a start and later.

The schemas refuse most of this. They may be older than the operator, or switched off by who restores a backup; and the
first fault of this class, a Secret, had no schema at all.
"""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client import generate_latest

from infomaniak_operator.cli.wiring import resources
from infomaniak_operator.controller.cache.kept import wrap
from infomaniak_operator.controller.cache.object_cache import ObjectCache
from infomaniak_operator.controller.dispatcher import in_order
from infomaniak_operator.controller.interfaces import FINALIZER, GROUP, KubeObject
from infomaniak_operator.controller.kube.kube_api import KubeType
from infomaniak_operator.controller.manager import Manager
from infomaniak_operator.metrics.object_collector import ObjectCollector
from infomaniak_operator.metrics.operator_metrics import Metrics
from infomaniak_operator.reconcile.generic.secret_guard import SecretGuard
from infomaniak_operator.reconcile.reconcilers import actuators
from tests.support.bombs import HOSTILE
from tests.support.clock import ManualClock
from tests.support.fake_kube import FakeKube, FakeWatch
from tests.support.manager import SETTINGS, run
from tests.support.objects import CANARY, NAMESPACE, network, secret, subnet
from tests.support.world import World

TYPES = resources()
KINDS = [actuator.kind for actuator in actuators()]
ODD: Mapping[str, Any] = {
    "null": None,
    "a number": 7,
    "a huge number": 10**400,
    "text": "x",
    "halves of a pair": "\ud800\udfff",
    "a list": ["x", None, {}, []],
    "an object": {"x": None},
    "names": [{"name": None}, {"name": 7}, {"name": "\ud800"}, {}],
    "deep": None,  # see below
    "many": [{"name": f"n{number}", "cidr": "x"} for number in range(5000)],
}
FIELDS = ("cloudCredentialsRef", "loadBalancerRef", "poolRef", "membersFrom", "subnets", "interfaces", "rules", "vip")
FIELDS += (
    "listeners",
    "members",
    "externalGateway",
    "externalNetwork",
    "import",
    "tags",
    "description",
    "securityGroupRefs",
)


def deep(levels: int = 100) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = {"a": [value]}
    return value


def value(name: str) -> Any:
    return deep() if name == "deep" else ODD[name]


def hostile(kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Spec and status of an object of a kind, by what is wrong with them."""
    for name in ODD:
        yield f"spec is {name}", {"spec": value(name)}
        yield f"status is {name}", {"spec": {}, "status": value(name)}
        yield f"conditions are {name}", {"spec": {}, "status": {"conditions": value(name), "inputsHash": "x"}}
        for field in FIELDS:
            yield f"{field} is {name}", {"spec": {field: value(name)}}
    inner = {"secretName": "infomaniak"}
    for name in ODD:
        status = {"id": value(name), "projectID": value(name), "appliedFields": value(name), "subnets": value(name)}
        status |= {
            "listeners": value(name),
            "members": value(name),
            "draining": value(name),
            "servicePort": value(name),
        }
        yield f"what status says is {name}", {"spec": {"cloudCredentialsRef": inner}, "status": status}
        for ref in ("serviceRef", "name", "networkRef", "secretName"):
            odd = {ref: value(name), "mode": "Endpoints"}
            yield (
                f"{ref} within is {name}",
                {
                    "spec": {
                        "cloudCredentialsRef": odd,
                        "membersFrom": odd,
                        "loadBalancerRef": odd,
                        "poolRef": odd,
                        "vip": odd,
                    }
                },
            )
        yield (
            f"{kind}'s items are {name}",
            {
                "spec": {
                    "interfaces": [value(name)],
                    "listeners": [value(name)],
                    "rules": [value(name)],
                    "subnets": [value(name)],
                }
            },
        )


def body(kind: str, name: str, content: Mapping[str, Any], **meta: Any) -> dict[str, Any]:
    kind_of = TYPES[kind]
    metadata = {
        "name": name,
        "namespace": "mallory",
        "uid": f"uid-{kind}-{name}",
        "resourceVersion": "1",
        "generation": 1,
    }
    return {
        "apiVersion": kind_of.api_version,
        "kind": kind,
        "metadata": {**metadata, "creationTimestamp": "2026-11-25T08:00:00Z", **meta},
        **content,
    }


ANNOTATIONS = {f"{GROUP}/paused": "\ud800", f"{GROUP}/dry-run": "x" * 200_000, f"{GROUP}/reconcile-at": "\x00"}
QUESTIONS = ("shares", "references", "inputs_hash")


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_asked_of_a_reconciler_is_answered_or_fails_for_that_object_alone(kind: str) -> None:
    """Each of the questions that the controller asks, by way of the controller: it holds whatever they raise."""
    world = World()
    reconciler = world.reconcilers[kind]
    cache = _cache(world)
    for number, (_, content) in enumerate(hostile(kind)):
        for meta in ({}, {"annotations": ANNOTATIONS, "finalizers": [FINALIZER, ""], "labels": {"x": "\ud800"}}):
            found = wrap(TYPES[kind], body(kind, f"o{number}", content, **meta))
            cache.upsert(found)
            in_order(found, reconciler, cache)
            cache.delete(found.key, found.uid)


def _cache(world: World) -> ObjectCache:
    stands = {kind: each.stands_for for kind, each in TYPES.items() if each.stands_for}
    return ObjectCache({kind: each.references for kind, each in world.reconcilers.items()}, stands)


class Whole:
    """The controller with the reconcilers of all kinds, its metrics, an API server and a cloud in memory."""

    def __init__(self, kube: FakeKube) -> None:
        self.kube, self.clock, self.stop = kube, ManualClock(), asyncio.Event()
        self.world = World()
        self.world.fake.settles_at_once = True
        self.metrics = Metrics(self.clock.now, self.clock.monotonic, "test")
        self.watch = FakeWatch(kube, TYPES.values())
        self.manager = Manager(
            [*self.world.reconcilers.values(), SecretGuard()],
            kube,
            TYPES,
            self.clock,
            random.Random(3),
            replace(SETTINGS, workers=4),
            watch=self.watch,
            on_reconcile=self.metrics.reconciled,
            on_change=self.metrics.changed,
            on_event=self.metrics.event,
            instance="test",
        )
        self.metrics.registry.register(ObjectCollector(self.manager.stats, self.manager.view, KINDS, names=True))

    async def until(self, what: Callable[[], Any], why: str) -> None:
        for _ in range(8000):
            if what():
                return
            await asyncio.sleep(0.005)
        raise AssertionError(f"it never came about: {why}; {self.manager.stats()}")

    def ready(self, name: str) -> bool:
        found = self.kube.read(TYPES["InfomaniakNetwork"], name, NAMESPACE) or {}
        conditions = (found.get("status") or {}).get("conditions") or ()
        return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _put(kube: FakeKube, kind: KubeType, made: Mapping[str, Any]) -> None:
    meta = {
        name: each for name, each in made["metadata"].items() if name not in ("name", "namespace", "resourceVersion")
    }
    content = {name: each for name, each in made.items() if name not in ("apiVersion", "kind", "metadata")}
    kube.create(kind, made["metadata"]["name"], made["metadata"]["namespace"], metadata=meta, **content)


def _mallory(kube: FakeKube, again: str = "") -> None:
    """All of it, at once: objects of all kinds, Secrets, Services and slices."""
    for kind in KINDS:
        for number, (_, content) in enumerate(hostile(kind)):
            if number % 9 == len(again):  # some at the start, others later: all of them are asked one by one above
                meta = {"annotations": {f"{GROUP}/made-up": "x"}, "finalizers": [FINALIZER]}
                _put(kube, TYPES[kind], body(kind, f"o{number}{again}", content, **meta))
    for number, text in enumerate(HOSTILE.values()):
        raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        bad = secret(f"infomaniak-{number}{again}", namespace="mallory", data={})
        bad["data"] = {"clouds.yaml": base64.b64encode(raw).decode()}
        _put(kube, TYPES["Secret"], bad)
    for number, odd in enumerate((None, [], "text", {"auth_url": None}, {"auth_url": 7}, {"auth_url": "é"})):
        bad = secret(f"data-{number}{again}", namespace="mallory", data={})
        _put(kube, TYPES["Secret"], {**bad, "data": odd})
    slice_of = {"labels": {"kubernetes.io/service-name": "\ud800"}}
    for number, odd in enumerate((None, [], [None], [{}], [{"addresses": None}], [{"addresses": ["x", 7, None]}])):
        content = {"addressType": odd, "ports": None, "endpoints": [each for each in odd or () if each]}
        _put(kube, TYPES["EndpointSlice"], body("EndpointSlice", f"s{number}{again}", content, **slice_of))
        _put(kube, TYPES["Service"], body("Service", f"v{number}{again}", {"spec": {"ports": odd, "selector": odd}}))


def test_a_start_and_a_day_among_hostile_objects() -> None:
    async def test() -> None:
        kube = FakeKube()
        _mallory(kube)
        _put(kube, TYPES["Secret"], secret())
        _put(kube, TYPES["InfomaniakNetwork"], network("first", subnets=[subnet()]))
        whole = Whole(kube)
        task = asyncio.create_task(whole.manager.run(whole.stop))
        try:
            await whole.until(lambda: task.done() or whole.ready("first"), "the first is Ready")
            assert not task.done(), task.exception()
            _mallory(kube, again="-again")
            whole.watch.list_again()
            _put(kube, TYPES["InfomaniakNetwork"], network("second", subnets=[subnet(cidr="10.2.0.0/24")]))
            await whole.until(lambda: task.done() or whole.ready("second"), "the second is Ready")
            for odd in kube.held(TYPES["Router"])[:5]:
                kube.change(TYPES["Router"], odd["metadata"]["name"], {"metadata": {"finalizers": None}}, "mallory")
                kube.delete(TYPES["Router"], odd["metadata"]["name"], "mallory")
            _put(kube, TYPES["InfomaniakNetwork"], network("third", subnets=[subnet(cidr="10.3.0.0/24")]))
            await whole.until(lambda: task.done() or whole.ready("third"), "the third is Ready")
            assert not task.done()
            text = generate_latest(whole.metrics.registry).decode()
            assert "infomaniak_operator_objects" in text
            CANARY.absent("metrics", text)
            assert whole.manager.stats().defects == 0
        finally:
            whole.stop.set()
            await asyncio.wait_for(task, 30)

    run(test())


def test_the_table_is_worth_something() -> None:
    """Some of it does raise where nothing is around it: else nothing would be shown above."""
    world = World()
    raised = set()
    for kind in KINDS:
        for name, content in hostile(kind):
            found = KubeObject.of(body(kind, "x", content))
            for ask in QUESTIONS:
                try:
                    answer = getattr(world.reconcilers[kind], ask)
                    list(answer(found)) if ask == "references" else answer(found, world)
                except Exception as error:  # noqa: BLE001 - which they are is what is looked for
                    raised.add((ask, type(error).__name__, name))
    assert {ask for ask, _, _ in raised} == set(QUESTIONS)
