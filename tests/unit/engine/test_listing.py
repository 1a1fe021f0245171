from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from infomaniak_operator.engine.changes import Change
from infomaniak_operator.engine.events import EventRecorder
from infomaniak_operator.engine.kube import SECRETS, Body, ResourceType, Unavailable
from infomaniak_operator.engine.leftovers import Leftovers
from infomaniak_operator.engine.listing import Listing
from infomaniak_operator.engine.store import Store
from infomaniak_operator.engine.visits import Visits, wrap
from tests.support.clock import ManualClock
from tests.support.fake_kube import FakeKube
from tests.support.toy import RESOURCES, TOYS, ToyReconciler, key


def made(
    kube: FakeKube, *namespaces: str, resources: Mapping[str, ResourceType] = RESOURCES
) -> tuple[Listing, Store, list[Change]]:
    toys, changes, clock = ToyReconciler(), [], ManualClock()
    store = Store({"Toy": toys.references})

    def changed(change: Change, own: bool) -> None:
        changes.append(change)

    visits = Visits(
        {"Toy": toys},
        resources,
        kube=kube,
        store=store,
        clock=clock,
        recorder=EventRecorder(kube, clock, "test", "test"),
        own_change=changed,
    )
    return Listing(kube, resources, namespaces, store=store, visits=visits, changed=changed), store, changes


def test_it_fills_the_store_of_the_namespaces_it_is_told() -> None:
    kube = FakeKube(page=1)
    for namespace in ("one", "two", "three"):
        kube.create(TOYS, "a", namespace, spec={})
    listing, store, changes = made(kube, "one", "three")
    assert listing.list("Toy") == 0
    assert [each.key.namespace for each in store.objects("Toy")] == ["one", "three"]
    assert len(changes) == 2
    assert listing.list("Toy") == 0
    assert len(changes) == 2, "what is known is no change"


def test_a_kind_that_has_namespaces_of_its_own_is_listed_there_alone() -> None:
    kube = FakeKube()
    for namespace in ("one", "two", "three"):
        kube.create(TOYS, "a", namespace, spec={})
    only = {**RESOURCES, "Toy": replace(TOYS, namespaces=("two",))}
    for watched in ((), ("one", "two")):
        listing, store, _ = made(kube, *watched, resources=only)
        listing.list("Toy")
        assert [each.key.namespace for each in store.objects("Toy")] == ["two"]


def test_what_has_lost_its_label_is_looked_for_in_the_namespaces_of_its_kind_alone() -> None:
    asked: list[str | None] = []

    class Asked(FakeKube):
        def list(self, resource: ResourceType, namespace: str | None) -> Iterator[list[Body]]:
            asked.append(namespace)
            return super().list(resource, namespace)

    secrets = {"Secret": replace(SECRETS, namespaces=("one", "two"))}
    Leftovers(Asked(), secrets, ()).sweep()
    Leftovers(Asked(), {"Secret": SECRETS}, ("three",)).sweep()
    Leftovers(Asked(), {"Secret": SECRETS}, ()).sweep()
    assert asked == ["one", "two", "three", None]


def test_what_is_gone_goes_and_only_that_of_the_namespaces_listed() -> None:
    kube = FakeKube()
    kube.create(TOYS, "gone", "one", spec={})
    kube.create(TOYS, "stays", "one", spec={})
    listing, store, changes = made(kube, "one")
    listing.list("Toy")
    foreign = {"metadata": {"name": "foreign", "namespace": "two", "uid": "f", "resourceVersion": "1"}}
    store.upsert(wrap(TOYS, foreign))
    kube.delete(TOYS, "gone", "one")
    assert listing.list("Toy") == 1
    assert [each.key.name for each in store.objects("Toy")] == ["stays", "foreign"]
    assert changes[-1].new is None
    assert changes[-1].key == key("gone", "one")
    assert kube.calls["GET", "toys"] == 1, "only what is missing is asked for"


class Hiding(FakeKube):
    """A LIST that leaves out what is there: as if it had been made while the LIST went on."""

    def list(self, resource: ResourceType, namespace: str | None) -> Iterator[list[Body]]:
        yield from (
            [each for each in page if each["metadata"]["name"] != "hidden"]
            for page in super().list(resource, namespace)
        )


def test_what_is_not_listed_but_there_is_kept() -> None:
    kube = Hiding()
    kube.create(TOYS, "seen", spec={})
    body = kube.create(TOYS, "hidden", spec={})
    listing, store, _ = made(kube)
    store.upsert(wrap(TOYS, body))
    kube.change(TOYS, "hidden", {"spec": {"colour": "blue"}})
    assert listing.list("Toy") == 0
    found = store.get(key("hidden"))
    assert found
    assert found.spec == {"colour": "blue"}, "the GET's answer is taken in"


@pytest.mark.parametrize(("verb", "what"), [("LIST", "toys"), ("GET", "toys")])
def test_nothing_is_dropped_when_the_api_server_cannot_be_asked(verb: str, what: str) -> None:
    kube = FakeKube()
    kube.create(TOYS, "gone", spec={})
    listing, store, _ = made(kube)
    listing.list("Toy")
    kube.delete(TOYS, "gone")

    def broken(called: str, on: str, _: str) -> Any:
        if (called, on) == (verb, what):
            raise Unavailable("down", 503)

    kube.before = broken
    with pytest.raises(Unavailable):
        listing.list("Toy")
    assert store.get(key("gone"))
