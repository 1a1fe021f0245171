from typing import Any

from infomaniak_operator.controller.cache.event_handler import EventHandler
from infomaniak_operator.controller.cache.object_cache import ObjectCache
from infomaniak_operator.controller.cache.predicates import Change
from infomaniak_operator.controller.interfaces import Key, KubeObject
from tests.support.clock import ManualClock
from tests.support.toy import RESOURCES, key


def toy(name: str, version: int) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", "resourceVersion": str(version)}}


class Parts:
    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.relists: list[str] = []
        self.clock = ManualClock()
        self.cache = ObjectCache({})
        self.left: list[KubeObject] = []
        self.event_handler = EventHandler(
            RESOURCES,
            self.cache,
            self.clock,
            lambda change, own: self.changes.append(change),
            self.relists.append,
            left=self.left.append,
        )


def test_objects_go_into_the_cache_and_what_is_new_is_told() -> None:
    parts = Parts()
    parts.event_handler.event("Toy", None, toy("a", 1))
    parts.event_handler.event("Toy", "MODIFIED", toy("a", 1))
    parts.event_handler.event("Toy", "DELETED", toy("a", 2))
    assert [change.new is None for change in parts.changes] == [False, True]
    assert parts.cache.get(key("a")) is None


def test_a_secret_whose_label_comes_back_comes_back_and_a_deleted_toy_does_not() -> None:
    parts = Parts()
    for kind, back in (("Secret", True), ("Toy", False)):
        parts.event_handler.event(kind, "ADDED", toy("a", 1))
        parts.event_handler.event(kind, "DELETED", toy("a", 2))
        parts.event_handler.event(kind, "ADDED", toy("a", 3))
        assert (parts.cache.get(Key(kind, "default", "a")) is not None) is back
        parts = Parts()


def test_a_secret_that_lost_its_label_is_told_of_and_one_that_may_have_lost_it_while_it_goes() -> None:
    parts = Parts()
    parts.event_handler.event("Secret", "ADDED", toy("a", 1))
    parts.event_handler.event("Secret", "DELETED", toy("a", 2))
    assert [each.resource_version for each in parts.left] == ["2"]
    going = toy("b", 4)
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    parts.event_handler.event("Secret", "DELETED", going)
    parts.event_handler.event("Toy", "DELETED", toy("c", 5))
    assert [each.resource_version for each in parts.left] == ["2", "4"]


def test_a_second_list_of_one_watch_asks_once_for_a_list_of_ours() -> None:
    parts = Parts()
    parts.event_handler.event("Toy", None, toy("a", 1))
    parts.event_handler.event("Toy", "ADDED", toy("b", 2))
    assert parts.relists == []
    for name, version in (("a", 1), ("b", 2)):
        parts.event_handler.event("Toy", None, toy(name, version))
    assert parts.relists == ["Toy"]
    parts.event_handler.relist_begins("Toy")
    parts.event_handler.event("Toy", None, toy("b", 2))
    assert parts.relists == ["Toy", "Toy"], "what is heard after our LIST began may tell of another gap"


def test_the_list_of_a_new_watch_is_no_second_one() -> None:
    parts = Parts()
    parts.event_handler.event("Toy", None, toy("a", 1))
    parts.event_handler.begins()
    parts.event_handler.event("Toy", None, toy("a", 1))
    assert parts.relists == []


def test_everything_heard_is_a_sign_of_life() -> None:
    parts = Parts()
    for act in (
        parts.event_handler.beat,
        parts.event_handler.started,
        parts.event_handler.begins,
        lambda: parts.event_handler.event("Toy", "MODIFIED", toy("a", 1)),
    ):
        parts.clock.advance(50)
        assert parts.event_handler.age() == 50
        act()
        assert parts.event_handler.age() == 0
