import gc
import threading
from typing import Any

import pytest

from infomaniak_operator.controller.cache.kept import wrap
from infomaniak_operator.controller.cache.object_cache import ObjectCache
from infomaniak_operator.controller.interfaces import GROUP, Key, KubeObject
from tests.support.toy import TOYS, ToyReconciler, key


def toy(name: str, version: str, uid: str | None = None, namespace: str = "default", **spec: Any) -> KubeObject:
    meta = {"name": name, "namespace": namespace, "uid": uid or f"uid-{name}", "resourceVersion": version}
    return KubeObject.of({"kind": "Toy", "metadata": meta, "spec": spec})


def cache(*toys: KubeObject) -> ObjectCache:
    made = ObjectCache({"Toy": ToyReconciler().references})
    for each in toys:
        made.upsert(each)
    return made


@pytest.mark.parametrize(
    ("held", "heard", "taken"),
    [
        ("9", "10", True),
        ("10", "9", False),
        ("10", "10", False),
        ("abc", "abd", True),
        ("abd", "abc", True),
        ("abc", "abc", False),
    ],
)
def test_only_a_newer_version_is_taken(held: str, heard: str, taken: bool) -> None:
    made = cache(toy("a", held))
    assert (made.upsert(toy("a", heard)) is not None) is taken
    found = made.get(key("a"))
    assert found
    assert found.resource_version == (heard if taken else held)


def test_an_event_older_than_the_answer_to_our_own_write_changes_nothing() -> None:
    made = cache(toy("a", "5"))
    made.upsert(toy("a", "8", colour="ours"))
    assert made.upsert(toy("a", "7", colour="old")) is None
    found = made.get(key("a"))
    assert found
    assert found.spec == {"colour": "ours"}


def test_what_is_gone_does_not_come_back_by_a_late_answer_but_a_new_one_of_the_name_does() -> None:
    made = cache(toy("a", "5"))
    change = made.delete(key("a"), "uid-a")
    assert change
    assert change.new is None
    assert made.upsert(toy("a", "9")) is None
    assert made.get(key("a")) is None
    assert made.delete(key("a"), "uid-a") is None
    assert made.upsert(toy("a", "10", uid="another"))


def test_what_left_a_selection_comes_back_with_a_newer_version_only() -> None:
    made = cache(toy("a", "5"))
    assert made.delete(key("a"), "uid-a", toy("a", "6"))
    assert made.upsert(toy("a", "5")) is None
    assert made.upsert(toy("a", "6")) is None
    assert made.upsert(toy("a", "7"))
    assert made.upsert(toy("a", "8"))


def test_the_deletion_of_a_former_object_of_the_name_does_not_touch_the_new_one() -> None:
    made = cache(toy("a", "5"))
    change = made.upsert(toy("a", "9", uid="another"))
    assert change
    assert change.reborn
    assert made.delete(key("a"), "uid-a") is None
    assert made.get(key("a"))
    assert made.upsert(toy("a", "11")) is None, "the former one is known to be gone"


def test_objects_and_referrers_are_sorted_and_follow_the_references() -> None:
    made = cache(
        toy("b", "1", refs=["x"]), toy("a", "2", refs=["x", "y"]), toy("c", "3", namespace="other", refs=["x"])
    )
    assert [str(each.key) for each in made.objects("Toy")] == ["Toy default/a", "Toy default/b", "Toy other/c"]
    assert [each.key.name for each in made.objects("Toy", "other")] == ["c"]
    assert made.objects("Nothing") == []
    assert [each.key.name for each in made.referrers(key("x"))] == ["a", "b"]
    assert [each.name for each in made.referrer_keys(key("x"))] == ["b", "a"]  # as they came, in every process
    made.upsert(toy("a", "4", refs=["y"]))
    assert [each.key.name for each in made.referrers(key("x"))] == ["b"]
    made.delete(key("b"), "uid-b")
    assert made.referrers(key("x")) == []
    assert made.referrer_keys(key("y")) == [key("a")]
    assert (len(made), made.count("Toy"), made.count("Secret")) == (2, 2, 0)


def test_changed_since_tells_of_what_others_can_see_only() -> None:
    made = cache(toy("a", "1"), toy("b", "2"))
    since = made.sequence
    made.upsert(toy("a", "3"))
    assert not made.changed_since([key("a"), key("b")], since)
    made.upsert(toy("a", "4", colour="red"))
    assert made.changed_since([key("a")], since)
    assert not made.changed_since([key("b")], since)
    since = made.sequence
    made.delete(key("b"), "uid-b")
    assert made.changed_since([key("b")], since)
    since = made.sequence
    made.upsert(toy("b", "9", uid="another"))
    assert made.changed_since([key("b")], since)
    assert not made.changed_since([key("never")], 0)


def test_missing_is_what_was_there_at_the_mark_unheard_of_since_and_not_listed() -> None:
    made = cache(toy("gone", "1"), toy("listed", "2"), toy("heard", "3"), toy("elsewhere", "4", namespace="other"))
    mark = made.mark("Toy", "default")
    made.upsert(toy("heard", "8"))
    made.upsert(toy("new", "9"))
    assert [each.key.name for each in made.missing(mark, [key("listed")])] == ["gone"]
    everywhere = made.mark("Toy")
    assert {each.key.name for each in made.missing(everywhere, [])} == {"gone", "listed", "heard", "new", "elsewhere"}


def test_a_secret_is_not_in_the_repr() -> None:
    secret = KubeObject(
        Key("Secret", "default", "login"), {"metadata": {"name": "login"}, "data": {"password": "hunter2"}}
    )
    assert "hunter2" not in repr(secret)


def test_readers_and_writers_in_many_threads() -> None:
    made, errors = cache(), []

    def write(name: str) -> None:
        for version in range(1, 200):
            made.upsert(toy(name, str(version), refs=[f"x{version % 3}"]))

    def read() -> None:
        try:
            for _ in range(200):
                for each in made.objects("Toy"):
                    made.referrers(key("x1"))
                    assert each.uid
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=write, args=(f"t{number}",)) for number in range(4)]
    threads += [threading.Thread(target=read) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not errors
    assert {each.resource_version for each in made.objects("Toy")} == {"199"}
    assert len(made.referrers(key("x1"))) == 4


def labelled(number: int, version: str = "5") -> KubeObject:
    meta = {"name": f"s{number}", "namespace": "default", "uid": f"uid-{number}", "resourceVersion": version}
    return KubeObject.of({"kind": "Secret", "metadata": meta, "data": {"a": f"{number}" * 100}})


def test_nothing_is_held_of_a_secret_that_is_gone_or_has_lost_its_label() -> None:
    made, kept = ObjectCache({}), []
    for number, left in ((1, False), (2, True)):
        one = labelled(number)
        made.upsert(one)
        gone = labelled(number, "6")
        made.delete(one.key, one.uid, gone if left else None)
        kept += [one.body, gone.body]
        del one, gone
    for body in kept:
        holders = [each for each in gc.get_referrers(body) if isinstance(each, KubeObject)]
        assert holders == []


def test_what_is_remembered_of_former_objects_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infomaniak_operator.controller.cache.object_cache._TOMBSTONES", 10)
    made = ObjectCache({})
    for number in range(50):
        made.upsert(toy("a", str(number), uid=f"uid-{number}"))
    assert len(made._gone) == 10
    for number in range(50, 100):
        made.upsert(toy(f"b{number}", str(number)))
        made.delete(key(f"b{number}"), f"uid-b{number}", toy("b", str(number + 1)))
    assert len(made._gone) == 10


def test_of_an_object_neither_the_managers_of_its_fields_nor_the_annotations_of_others_are_held() -> None:
    body = {
        "metadata": {
            "name": "a",
            "namespace": "default",
            "uid": "u",
            "generation": 3,
            "labels": {"x": "y"},
            "managedFields": [{"manager": "kubectl"}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", f"{GROUP}/paused": "true"},
        },
        "spec": {"colour": "red"},
    }
    found = wrap(TOYS, body)
    assert found.metadata == {
        "name": "a",
        "namespace": "default",
        "uid": "u",
        "generation": 3,
        "labels": {"x": "y"},
        "annotations": {f"{GROUP}/paused": "true"},
    }
    assert found.spec == {"colour": "red"}
    assert "managedFields" in body["metadata"], "what is given stays as it is"


@pytest.mark.parametrize("meta", [{"annotations": None}, {"annotations": {}}, {"annotations": {"a": "b"}}, {}])
def test_an_object_without_annotations_of_ours_has_none(meta: dict[str, Any]) -> None:
    found = wrap(TOYS, {"metadata": {"name": "a", **meta}})
    assert found.annotations == {}


def test_what_is_known_already_costs_no_look_at_its_references() -> None:
    """Every write of ours is heard of twice: in its answer, and from the watch."""
    asked = []
    made = ObjectCache({"Toy": lambda resource: asked.append(resource.resource_version) or ()})
    made.upsert(toy("a", "5"))
    assert made.upsert(toy("a", "5")) is None
    assert made.upsert(toy("a", "4")) is None
    assert asked == ["5"]
