from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from infomaniak_operator.controller.cache.kept import wrap
from infomaniak_operator.controller.cache.object_cache import ObjectCache
from infomaniak_operator.controller.cache.predicates import Change
from infomaniak_operator.controller.cache.relist import Relist
from infomaniak_operator.controller.cache.unlabelled import Unlabelled
from infomaniak_operator.controller.kube.event_recorder import EventRecorder
from infomaniak_operator.controller.kube.kube_api import SECRETS, Body, KubeType, Unavailable
from infomaniak_operator.controller.worker import Worker
from tests.support.clock import ManualClock
from tests.support.fake_kube import FakeKube
from tests.support.toy import RESOURCES, TOYS, ToyReconciler, key


def made(
    kube: FakeKube, *namespaces: str, resources: Mapping[str, KubeType] = RESOURCES
) -> tuple[Relist, ObjectCache, list[Change]]:
    toys, changes, clock = ToyReconciler(), [], ManualClock()
    cache = ObjectCache({"Toy": toys.references})

    def changed(change: Change, own: bool) -> None:
        changes.append(change)

    worker = Worker(
        {"Toy": toys},
        resources,
        kube=kube,
        cache=cache,
        clock=clock,
        recorder=EventRecorder(kube, clock, "test", "test"),
        own_change=changed,
    )
    return Relist(kube, resources, namespaces, cache=cache, refresh=worker.refresh, changed=changed), cache, changes


def test_it_fills_the_cache_from_the_namespaces_it_is_told() -> None:
    kube = FakeKube(page=1)
    for namespace in ("one", "two", "three"):
        kube.create(TOYS, "a", namespace, spec={})
    relist, cache, changes = made(kube, "one", "three")
    assert relist.list("Toy") == 0
    assert [each.key.namespace for each in cache.objects("Toy")] == ["one", "three"]
    assert len(changes) == 2
    assert relist.list("Toy") == 0
    assert len(changes) == 2, "what is known is no change"


def test_a_kind_that_has_namespaces_of_its_own_is_listed_there_alone() -> None:
    kube = FakeKube()
    for namespace in ("one", "two", "three"):
        kube.create(TOYS, "a", namespace, spec={})
    only = {**RESOURCES, "Toy": replace(TOYS, namespaces=("two",))}
    for watched in ((), ("one", "two")):
        relist, cache, _ = made(kube, *watched, resources=only)
        relist.list("Toy")
        assert [each.key.namespace for each in cache.objects("Toy")] == ["two"]


def test_what_has_lost_its_label_is_looked_for_in_the_namespaces_of_its_kind_alone() -> None:
    asked: list[str | None] = []

    class Asked(FakeKube):
        def list(self, resource: KubeType, namespace: str | None) -> Iterator[list[Body]]:
            asked.append(namespace)
            return super().list(resource, namespace)

    secrets = {"Secret": replace(SECRETS, namespaces=("one", "two"))}
    Unlabelled(Asked(), secrets, ()).sweep()
    Unlabelled(Asked(), {"Secret": SECRETS}, ("three",)).sweep()
    Unlabelled(Asked(), {"Secret": SECRETS}, ()).sweep()
    assert asked == ["one", "two", "three", None]


def test_what_is_gone_goes_and_only_that_of_the_namespaces_listed() -> None:
    kube = FakeKube()
    kube.create(TOYS, "gone", "one", spec={})
    kube.create(TOYS, "stays", "one", spec={})
    relist, cache, changes = made(kube, "one")
    relist.list("Toy")
    foreign = {"metadata": {"name": "foreign", "namespace": "two", "uid": "f", "resourceVersion": "1"}}
    cache.upsert(wrap(TOYS, foreign))
    kube.delete(TOYS, "gone", "one")
    assert relist.list("Toy") == 1
    assert [each.key.name for each in cache.objects("Toy")] == ["stays", "foreign"]
    assert changes[-1].new is None
    assert changes[-1].key == key("gone", "one")
    assert kube.calls["GET", "toys"] == 1, "only what is missing is asked for"


class Hiding(FakeKube):
    """A LIST that leaves out what is there: as if it had been made while the LIST went on."""

    def list(self, resource: KubeType, namespace: str | None) -> Iterator[list[Body]]:
        yield from (
            [each for each in page if each["metadata"]["name"] != "hidden"]
            for page in super().list(resource, namespace)
        )


def test_what_is_not_listed_but_there_is_kept() -> None:
    kube = Hiding()
    kube.create(TOYS, "seen", spec={})
    body = kube.create(TOYS, "hidden", spec={})
    relist, cache, _ = made(kube)
    cache.upsert(wrap(TOYS, body))
    kube.change(TOYS, "hidden", {"spec": {"colour": "blue"}})
    assert relist.list("Toy") == 0
    found = cache.get(key("hidden"))
    assert found
    assert found.spec == {"colour": "blue"}, "the GET's answer is taken in"


@pytest.mark.parametrize(("verb", "what"), [("LIST", "toys"), ("GET", "toys")])
def test_nothing_is_dropped_when_the_api_server_cannot_be_asked(verb: str, what: str) -> None:
    kube = FakeKube()
    kube.create(TOYS, "gone", spec={})
    relist, cache, _ = made(kube)
    relist.list("Toy")
    kube.delete(TOYS, "gone")

    def broken(called: str, on: str, _: str) -> Any:
        if (called, on) == (verb, what):
            raise Unavailable("down", 503)

    kube.before = broken
    with pytest.raises(Unavailable):
        relist.list("Toy")
    assert cache.get(key("gone"))
