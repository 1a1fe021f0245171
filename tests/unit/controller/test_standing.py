"""Kinds that stand for keys others refer to, of which only a part is held."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from infomaniak_operator.controller.cache.kept import wrap
from infomaniak_operator.controller.cache.object_cache import ObjectCache
from infomaniak_operator.controller.cache.predicates import Change
from infomaniak_operator.controller.cache.relist import Relist
from infomaniak_operator.controller.interfaces import (
    Conditions,
    Key,
    KubeObject,
    Reason,
    ReconcileRequest,
    Result,
    WaitingFor,
)
from infomaniak_operator.controller.kube.event_recorder import EventRecorder
from infomaniak_operator.controller.kube.kube_api import KubeType
from infomaniak_operator.controller.worker import Worker
from tests.support.clock import ManualClock
from tests.support.fake_kube import FakeKube
from tests.support.manager import run, running
from tests.support.toy import RESOURCES, TOYS, ToyReconciler, key

PLACES = key("places")


def whose(piece: KubeObject) -> Key | None:
    name = piece.labels.get("of")
    return key(name, piece.key.namespace) if name else None


def kept(body: Mapping[str, Any]) -> dict[str, Any]:
    meta = body["metadata"]
    return {"metadata": {"labels": meta.get("labels") or {}}, "spec": {"colour": body["spec"].get("colour")}}


PIECES = KubeType("Piece", "parts.k8s.io", "v1", "pieces", stands_for=whose)
PLACE = KubeType("Place", "", "v1", "places", cluster_scoped=True, keep=kept, stands_for=lambda _: PLACES)
KINDS = {**RESOURCES, "Piece": PIECES, "Place": PLACE}


def of(name: str) -> dict[str, Any]:
    return {"labels": {"of": name}}


def test_a_piece_that_cannot_be_read_keeps_no_other_from_being_known() -> None:
    """No schema has checked what another controller's kind holds."""

    def odd(piece: KubeObject) -> Key | None:
        if piece.labels.get("of") == "unreadable":
            raise AttributeError("'int' object has no attribute 'get'")
        return whose(piece)

    async def test() -> None:
        resources = {**RESOURCES, "Piece": replace(PIECES, stands_for=odd)}
        kube = FakeKube()
        kube.create(PIECES, "first", metadata=of("unreadable"), spec={})
        async with running(kube, resources=resources) as one:
            one.kube.create(TOYS, "left", spec={"refs": ["a"]})
            await one.quiet()
            one.kube.create(PIECES, "odd", metadata=of("unreadable"), spec={})
            one.kube.create(PIECES, "fine", metadata=of("a"), spec={})
            await one.until(lambda: len(one.toys.reconciles["left"]) == 2, "the other came through")

    run(test())


def test_a_piece_wakes_those_that_refer_to_what_it_stands_for_before_and_after_the_change() -> None:
    async def test() -> None:
        async with running(resources=KINDS) as one:
            one.kube.create(TOYS, "left", spec={"refs": ["a"]})
            one.kube.create(TOYS, "right", spec={"refs": ["b"]})
            one.kube.create(TOYS, "alone", spec={})
            await one.quiet()
            reconciles = one.toys.reconciles

            def counts() -> tuple[int, int, int]:
                return len(reconciles["left"]), len(reconciles["right"]), len(reconciles["alone"])

            assert counts() == (1, 1, 1)
            one.kube.create(PIECES, "p", metadata=of("a"), spec={})
            await one.until(lambda: counts() == (2, 1, 1), "it came")
            one.kube.change(PIECES, "p", {"spec": {"colour": "red"}})
            await one.until(lambda: counts() == (3, 1, 1), "it changed")
            one.kube.change(PIECES, "p", {"metadata": of("b")})
            await one.until(lambda: counts() == (4, 2, 1), "it left one for the other")
            one.kube.change(PIECES, "p", {"metadata": {"labels": None}})
            await one.until(lambda: counts() == (4, 3, 1), "it stands for nothing")
            one.kube.change(PIECES, "p", {"metadata": of("b")})
            await one.until(lambda: counts() == (4, 4, 1), "and again for something")
            one.kube.delete(PIECES, "p")
            await one.until(lambda: counts() == (4, 5, 1), "it went")
            await one.quiet()
            assert counts() == (4, 5, 1)
            assert not any(ending[0] != "Toy" for ending in one.endings), "only toys are reconciled"

    run(test())


def test_what_is_not_kept_wakes_nobody() -> None:
    async def test() -> None:
        kube = FakeKube()
        kube.create(PLACE, "n", "", spec={"colour": "red", "heard": 0})
        async with running(kube, resources=KINDS) as one:
            one.kube.create(TOYS, "toy", spec={"refs": ["places"]})
            await one.quiet()
            place = Key("Place", "", "n")
            for beat in range(1, 4):
                version = kube.change(PLACE, "n", {"spec": {"heard": beat}}, "")["metadata"]["resourceVersion"]

                def heard(version: str = version) -> bool:
                    held = one.manager.view.get(place)
                    return held is not None and held.resource_version == version

                await one.until(heard, "a heartbeat is heard")
            await one.quiet()
            assert len(one.toys.reconciles["toy"]) == 1
            held = one.manager.view.get(place)
            assert held
            assert held.spec == {"colour": "red"}, "nor is it held"
            kube.change(PLACE, "n", {"spec": {"colour": "blue"}}, "")
            await one.until(lambda: len(one.toys.reconciles["toy"]) == 2, "what counts is told")

    run(test())


def test_what_happens_during_the_reconcile_that_waits_for_the_key_is_seen() -> None:
    async def test() -> None:
        kube, toys = FakeKube(), ToyReconciler()

        def waits(request: ReconcileRequest) -> Result:
            if len(toys.reconciles["toy"]) == 1:
                kube.create(PIECES, "p", metadata=of("there-is-none"), spec={})
                assert_heard()
            awaited = key("there-is-none")
            return Result(Conditions(False, Reason.WAITING_FOR_REFERENCE), WaitingFor(frozenset({awaited})))

        toys.scripts["toy"] = waits
        async with running(kube, toys, resources=KINDS) as one:

            def assert_heard() -> None:
                for _ in range(1000):
                    if one.manager.view.get(Key("Piece", "default", "p")):
                        return
                    threading.Event().wait(0.002)
                raise AssertionError("not heard")

            kube.create(TOYS, "toy", spec={})
            await one.until(lambda: len(toys.reconciles["toy"]) == 2, "it is reconciled once more")
            kube.change(PIECES, "p", {"spec": {"colour": "red"}})
            await one.until(lambda: len(toys.reconciles["toy"]) == 3, "and woken while it waits")

    run(test())


def test_only_the_identity_and_what_is_kept_is_held() -> None:
    body = {
        "metadata": {
            "name": "n",
            "uid": "u",
            "resourceVersion": "7",
            "deletionTimestamp": "2026-11-25T10:00:00Z",
            "annotations": {"a": "b"},
            "managedFields": [{}],
            "labels": {"x": "y"},
        },
        "spec": {"colour": "red", "other": 1},
        "status": {"images": []},
    }
    found = wrap(PLACE, body)
    assert found.key == Key("Place", "", "n")
    assert (found.uid, found.resource_version, found.deleting, found.labels) == ("u", "7", True, {"x": "y"})
    assert set(found.metadata) == {"name", "uid", "resourceVersion", "deletionTimestamp", "labels"}
    assert {name: found.body[name] for name in found.body if name != "metadata"} == {
        "apiVersion": "v1",
        "kind": "Place",
        "spec": {"colour": "red"},
    }


def test_a_kind_without_namespaces_is_listed_whole_where_single_ones_are_watched() -> None:
    kube, clock, toys = FakeKube(), ManualClock(), ToyReconciler()
    cache, changes = ObjectCache({"Toy": toys.references}, {"Place": lambda _: PLACES}), list[Change]()

    def changed(change: Change, own: bool) -> None:
        changes.append(change)

    recorder = EventRecorder(kube, clock, "test", "test")
    worker = Worker({"Toy": toys}, KINDS, kube=kube, cache=cache, clock=clock, recorder=recorder, own_change=changed)
    relist = Relist(kube, KINDS, ("one", "two"), cache=cache, refresh=worker.refresh, changed=changed)
    kube.create(PLACE, "n", "", spec={})
    kube.create(PLACE, "m", "", spec={})
    relist.list("Place")
    assert [each.key for each in cache.objects("Place")] == [Key("Place", "", "m"), Key("Place", "", "n")]
    assert kube.calls["LIST", "places"] == 1
    before = cache.sequence
    kube.delete(PLACE, "n", "")
    assert relist.list("Place") == 1
    assert cache.names(changes[-1]) == {Key("Place", "", "n"), PLACES}
    assert cache.changed_since([PLACES], before)
    assert not cache.changed_since([PLACES], cache.sequence)
