"""The whole controller over an API server in memory."""

import asyncio
import threading
from typing import Any

import pytest

from infomaniak_operator.controller.interfaces import (
    FINALIZER,
    Conditions,
    Done,
    Finalized,
    Key,
    KubeObject,
    Progress,
    Reason,
    ReconcileRequest,
    RequeueAfter,
    Result,
    Retry,
    Stalled,
    Superseded,
    WaitingFor,
)
from infomaniak_operator.controller.kube.kube_api import (
    SECRETS,
    Conflict,
    Forbidden,
    KubeError,
    NotFound,
    Rejected,
    Unavailable,
)
from tests.support.fake_kube import FakeKube, failing
from tests.support.manager import Running, run, running
from tests.support.toy import AVAILABLE, TOYS, ToyReconciler, key, toy_hash, usual

CREATING = Conditions(False, Reason.CREATING, "not yet", Progress.RECONCILING)


def made(kube: FakeKube, name: str = "toy", **spec: Any) -> None:
    kube.create(TOYS, name, spec=spec)


def body(one: Running, name: str = "toy") -> dict[str, Any]:
    found = one.kube.read(TOYS, name)
    assert found
    return found


def test_create_update_delete_take_two_one_and_one_write() -> None:
    async def test() -> None:
        async with running() as one:
            made(one.kube, colour="red")
            await one.until(lambda: "Ready" in one.conditions("toy"))
            await one.quiet()
            assert one.writes() == 2
            assert body(one)["metadata"]["finalizers"] == [FINALIZER]
            assert body(one)["status"]["observedGeneration"] == 1

            one.kube.change(TOYS, "toy", {"spec": {"colour": "blue"}})
            await one.until(lambda: body(one)["status"]["colour"] == "blue")
            await one.quiet()
            assert one.writes() == 3
            assert body(one)["status"]["observedGeneration"] == 2

            one.kube.delete(TOYS, "toy")
            await one.until(lambda: one.kube.read(TOYS, "toy") is None)
            await one.quiet()
            assert one.writes() == 4
            # Three causes, three reconciles: no echo of a write of ours caused one.
            assert len(one.toys.reconciles["toy"]) == 3

    run(test())


def test_a_change_during_a_reconcile_is_reconciled_afterwards_and_never_at_once() -> None:
    async def test() -> None:
        toys, inside, go = ToyReconciler(), threading.Event(), threading.Event()

        def slow(request: ReconcileRequest) -> Result:
            inside.set()
            assert go.wait(10)
            return usual(request)

        toys.scripts["toy"] = slow
        async with running(toys=toys) as one:
            made(one.kube, colour="red")
            await one.until(inside.is_set)
            for colour in ("blue", "green"):
                one.kube.change(TOYS, "toy", {"spec": {"colour": colour}})
            await one.until(one.heard)
            assert len(toys.reconciles["toy"]) == 1
            go.set()
            await one.until(lambda: body(one).get("status", {}).get("colour") == "green")
            await one.quiet()
            assert toys.overlaps == 0

    run(test())


def test_again_and_back_off_wait_their_time_and_a_change_cuts_it_short() -> None:
    async def test() -> None:
        toys = ToyReconciler()
        following: list[Any] = [RequeueAfter(30)]
        toys.scripts["toy"] = lambda request: Result(CREATING, following[0])
        async with running(toys=toys) as one:
            reconciles = toys.reconciles["toy"]
            made(one.kube)
            await one.until(lambda: len(reconciles) == 1)
            await one.quiet()
            await one.advance(29)
            await one.quiet()
            assert len(reconciles) == 1
            await one.advance(1)
            await one.until(lambda: len(reconciles) == 2)
            assert reconciles[1] == one.clock.monotonic()
            await one.quiet()
            # A change does not wait for the 30 seconds.
            one.kube.change(TOYS, "toy", {"metadata": {"annotations": {"network.infomaniak.cloud/reconcile-at": "x"}}})
            await one.until(lambda: len(reconciles) == 3)
            await one.quiet()
            following[0] = Retry(at_least=5)
            await one.advance(30)
            await one.until(lambda: len(reconciles) == 4)
            await one.quiet()
            await one.advance(4.9)
            assert one.manager.stats().delayed == 1
            await one.advance(0.1)
            await one.until(lambda: len(reconciles) == 5)
            await one.quiet()
            assert one.writes() == 1

    run(test())


def test_back_off_rises_and_is_forgotten_after_a_success() -> None:
    async def test() -> None:
        toys = ToyReconciler()
        toys.scripts["toy"] = lambda request: Result(CREATING, Retry())
        async with running(toys=toys) as one:
            reconciles = toys.reconciles["toy"]
            made(one.kube)
            for number, seconds in enumerate((1, 2, 4, 8), start=1):
                await one.until(lambda number=number: len(reconciles) == number)
                await one.quiet()
                await one.advance(seconds - 0.01)
                await one.quiet()
                assert len(reconciles) == number
                await one.advance(0.01)
            await one.until(lambda: len(reconciles) == 5)
            toys.scripts["toy"] = lambda request: Result(AVAILABLE, Done())
            await one.quiet()
            await one.advance(16)
            await one.until(lambda: len(reconciles) == 6)
            toys.scripts["toy"] = lambda request: Result(CREATING, Retry())
            await one.quiet()
            one.kube.change(TOYS, "toy", {"spec": {"a": 1}})
            await one.until(lambda: len(reconciles) == 7)
            await one.quiet()
            await one.advance(1)
            await one.until(lambda: len(reconciles) == 8)

    run(test())


def test_a_conflict_on_the_status_is_reconciled_again_with_the_newest_version() -> None:
    async def test() -> None:
        toys, kube = ToyReconciler(), FakeKube()
        async with running(kube, toys) as one:
            # The watch is deaf: what the user does right before the write is heard of by the 409 alone.
            one.watch.filter = lambda change, heard: heard["spec"].get("colour") != "blue"

            def meddle(verb: str, what: str, name: str) -> None:
                if what == "toys/status" and kube.read(TOYS, "toy")["spec"]["colour"] == "red":  # type: ignore[index]
                    kube.change(TOYS, "toy", {"spec": {"colour": "blue"}})

            kube.before = meddle
            made(kube, colour="red")
            await one.until(lambda: body(one).get("status", {}).get("colour") == "blue")
            assert len(toys.reconciles["toy"]) == 2
            assert ("Toy", "superseded") in one.endings
            assert toys.versions["toy"] == sorted(toys.versions["toy"], key=int)

    run(test())


def test_conflicts_without_end_are_retried_with_a_rising_delay() -> None:
    async def test() -> None:
        kube = FakeKube()
        kube.before = failing(Conflict("always", 409), "PATCH", "toys/status", 1000)
        async with running(kube) as one:
            made(kube)
            reconciles = one.toys.reconciles["toy"]
            await one.until(lambda: len(reconciles) == 2)
            await one.quiet()
            assert len(reconciles) == 2
            await one.advance(1)
            await one.until(lambda: len(reconciles) == 3)
            await one.quiet()
            await one.advance(1.9)
            await one.quiet()
            assert len(reconciles) == 3

    run(test())


def test_an_object_that_is_gone_at_the_write_is_dropped() -> None:
    async def test() -> None:
        toys, kube = ToyReconciler(), FakeKube()
        toys.scripts["toy"] = lambda request: Result(CREATING, Retry())
        async with running(kube, toys) as one:
            one.watch.filter = lambda change, heard: change != "DELETED"

            def meanwhile(verb: str, what: str, name: str) -> None:
                if what == "toys/status" and kube.read(TOYS, "toy"):
                    kube.delete(TOYS, "toy")

            kube.before = meanwhile
            made(kube)
            await one.until(lambda: ("Toy", "superseded") in one.endings)
            await one.until(lambda: one.manager.view.get(key("toy")) is None)
            await one.advance(1000)
            await one.quiet()
            assert len(toys.reconciles["toy"]) == 1
            assert len(one.manager._worker.records) == 0

    run(test())


@pytest.mark.parametrize("error", [Unavailable("down", 503), Forbidden("no", 403), Rejected("schema", 422)])
def test_a_write_that_fails_is_tried_again_after_the_back_off(error: KubeError) -> None:
    async def test() -> None:
        kube = FakeKube()
        kube.before = failing(error, "PATCH", "toys/status")
        async with running(kube) as one:
            made(kube)
            await one.until(lambda: ("Toy", "kube_error") in one.endings)
            await one.quiet()
            assert "status" not in body(one)
            await one.advance(1)
            await one.until(lambda: "Ready" in one.conditions("toy"))

    run(test())


def test_a_finalizer_refused_by_a_change_supersedes_the_reconcile() -> None:
    async def test() -> None:
        toys, kube, raised = ToyReconciler(), FakeKube(), []

        def adding(request: ReconcileRequest) -> Result:
            try:
                request.add_finalizer()
            except Superseded:
                raised.append(request.resource.spec["colour"])
                raise
            return usual(request)

        toys.scripts["toy"] = adding

        def meddle(verb: str, what: str, name: str) -> None:
            if (verb, what) == ("PATCH", "toys") and not raised:
                kube.before = None
                kube.change(TOYS, "toy", {"spec": {"colour": "blue"}})

        kube.before = meddle
        async with running(kube, toys) as one:
            made(kube, colour="red")
            await one.until(lambda: body(one).get("status", {}).get("colour") == "blue")
            assert raised == ["red"]

    run(test())


def test_what_is_recorded_is_there_before_the_reconcile_goes_on_and_wakes_nobody_anew() -> None:
    async def test() -> None:
        toys, seen = ToyReconciler(), []

        def recording(request: ReconcileRequest) -> Result:
            request.add_finalizer()
            wrote = request.record({"appliedFields": ["colour"]})
            there = one.kube.read(TOYS, "toy")
            assert there
            seen.append((wrote, dict(there["status"]), request.record({"appliedFields": ["colour"]})))
            return Result(AVAILABLE, Done(), {"appliedFields": ["colour"], "colour": request.resource.spec["colour"]})

        toys.scripts["toy"] = recording
        async with running(toys=toys) as one:
            made(one.kube, colour="red")
            await one.until(lambda: "Ready" in one.conditions("toy"))
            await one.quiet()
            assert seen == [(True, {"appliedFields": ["colour"]}, False)]
            assert body(one)["status"]["colour"] == "red"
            assert one.writes() == 3
            assert len(toys.reconciles["toy"]) == 1

    run(test())


def test_a_record_refused_by_a_change_supersedes_the_attempt() -> None:
    async def test() -> None:
        toys, kube, done = ToyReconciler(), FakeKube(), []

        def recording(request: ReconcileRequest) -> Result:
            request.add_finalizer()
            request.record({"appliedFields": ["colour"]})
            done.append(request.resource.spec["colour"])
            return usual(request)

        toys.scripts["toy"] = recording

        def meddle(verb: str, what: str, name: str) -> None:
            if (verb, what) == ("PATCH", "toys/status"):
                kube.before = None
                kube.change(TOYS, "toy", {"spec": {"colour": "blue"}})

        kube.before = meddle
        async with running(kube, toys) as one:
            made(kube, colour="red")
            await one.until(lambda: body(one).get("status", {}).get("colour") == "blue")
            assert done == ["blue"]

    run(test())


def test_nothing_is_done_where_the_record_cannot_be_written() -> None:
    async def test() -> None:
        toys, kube, done = ToyReconciler(), FakeKube(), []

        def recording(request: ReconcileRequest) -> Result:
            request.record({"appliedFields": ["colour"]})
            done.append(request.resource.spec["colour"])
            return usual(request)

        toys.scripts["toy"] = recording
        kube.before = failing(Unavailable("down"), "PATCH", "toys/status")
        async with running(kube, toys) as one:
            made(kube, colour="red")
            await one.until(lambda: ("Toy", "kube_error") in one.endings)
            await one.quiet()
            assert done == []
            await one.advance(1)
            await one.until(lambda: done == ["red"])

    run(test())


def test_foreign_finalizers_stay_and_the_reconcile_sees_its_own() -> None:
    async def test() -> None:
        toys, added = ToyReconciler(), []

        def adding(request: ReconcileRequest) -> Result:
            if not request.resource.deleting:
                added.append(
                    (request.add_finalizer(), request.add_finalizer(), FINALIZER in request.resource.finalizers)
                )
            return usual(request)

        toys.scripts["toy"] = adding
        async with running(toys=toys) as one:
            one.kube.create(TOYS, "toy", spec={}, metadata={"finalizers": ["other/one"]})
            await one.until(lambda: "Ready" in one.conditions("toy"))
            assert added == [(True, False, True)]
            assert body(one)["metadata"]["finalizers"] == ["other/one", FINALIZER]
            one.kube.delete(TOYS, "toy")
            await one.until(lambda: body(one)["metadata"]["finalizers"] == ["other/one"])
            await one.quiet()
            reconciles = len(toys.reconciles["toy"])
            one.kube.change(TOYS, "toy", {"metadata": {"finalizers": None}})
            await one.quiet()
            assert one.manager.view.get(key("toy")) is None
            assert len(toys.reconciles["toy"]) == reconciles

    run(test())


def test_waiting_is_woken_by_the_event_of_what_it_waits_for_and_by_nothing_else() -> None:
    async def test() -> None:
        toys = ToyReconciler()
        toys.scripts["waiter"] = lambda request: Result(CREATING, WaitingFor(frozenset({key("user")})))
        async with running(toys=toys) as one:
            reconciles = toys.reconciles["waiter"]
            made(one.kube, "user", colour="red")
            await one.until(lambda: "Ready" in one.conditions("user"))
            made(one.kube, "waiter")
            await one.until(lambda: len(reconciles) == 1)
            await one.quiet()
            await one.advance(200)
            made(one.kube, "stranger")
            one.kube.change(TOYS, "user", {"metadata": {"annotations": {"a": "b"}}})
            await one.quiet()
            assert len(reconciles) == 1
            one.kube.change(TOYS, "user", {"spec": {"colour": "blue"}})
            await one.until(lambda: len(reconciles) >= 2)
            await one.quiet()
            before = len(reconciles)
            one.kube.delete(TOYS, "user")
            await one.until(lambda: len(reconciles) > before)

    run(test())


def test_waiting_that_says_for_how_long_is_over_then_too() -> None:
    async def test() -> None:
        toys = ToyReconciler()
        toys.scripts["waiter"] = lambda request: Result(CREATING, WaitingFor(frozenset({key("user")}), 60.0))
        async with running(toys=toys) as one:
            reconciles = toys.reconciles["waiter"]
            made(one.kube, "user", colour="red")
            await one.until(lambda: "Ready" in one.conditions("user"))
            made(one.kube, "waiter")
            await one.until(lambda: len(reconciles) == 1)
            await one.quiet()
            await one.advance(59)
            await one.quiet()
            assert len(reconciles) == 1
            await one.advance(2)
            await one.until(lambda: len(reconciles) == 2)
            one.kube.change(TOYS, "user", {"spec": {"colour": "blue"}})
            await one.until(lambda: len(reconciles) >= 3)

    run(test())


def test_what_happens_to_the_awaited_while_the_reconcile_goes_on_is_not_missed() -> None:
    async def test() -> None:
        toys, inside, go = ToyReconciler(), threading.Event(), threading.Event()

        def waiter(request: ReconcileRequest) -> Result:
            inside.set()
            assert go.wait(10)
            return Result(CREATING, WaitingFor(frozenset({key("late")})))

        toys.scripts["waiter"] = waiter
        async with running(toys=toys) as one:
            made(one.kube, "waiter")
            await one.until(inside.is_set)
            made(one.kube, "late")
            await one.until(lambda: "Ready" in one.conditions("late"))
            go.set()
            await one.until(lambda: len(toys.reconciles["waiter"]) == 2)
            await one.quiet()
            assert len(toys.reconciles["waiter"]) == 2

    run(test())


def test_references_wake_their_referrers_secrets_too_but_only_with_the_label() -> None:
    async def test() -> None:
        async with running() as one:
            reconciles = one.toys.reconciles["toy"]
            made(one.kube, "toy", refs=["other"], secret="login")
            await one.quiet()
            assert len(reconciles) == 1
            label = {"labels": {"network.infomaniak.cloud/credentials": "true"}}
            one.kube.create(SECRETS, "login", data={"a": "eA=="})
            made(one.kube, "stranger")
            await one.quiet()
            assert len(reconciles) == 1
            assert one.manager.view.get(Key("Secret", "default", "login")) is None
            one.kube.change(SECRETS, "login", {"metadata": label})
            await one.until(lambda: len(reconciles) == 2)
            one.kube.change(SECRETS, "login", {"data": {"a": "eQ=="}})
            await one.until(lambda: len(reconciles) == 3)
            one.kube.change(SECRETS, "login", {"metadata": {"labels": None}})
            await one.until(lambda: len(reconciles) == 4)
            assert one.manager.view.get(Key("Secret", "default", "login")) is None
            one.kube.change(SECRETS, "login", {"metadata": label})
            await one.until(lambda: len(reconciles) == 5)
            made(one.kube, "other")
            await one.until(lambda: "Ready" in one.conditions("other"))
            await one.quiet()
            assert "other" not in {each.key.name for each in one.manager.view.referrers(key("toy"))}
            assert [each.key.name for each in one.manager.view.referrers(key("other"))] == ["toy"]
            assert len(reconciles) > 5

    run(test())


def test_memory_lasts_between_reconciles_and_goes_with_the_object() -> None:
    async def test() -> None:
        toys, seen = ToyReconciler(), []

        def remember(request: ReconcileRequest) -> Result:
            seen.append(dict(request.memory.of(dict)))
            request.memory.of(dict)["id"] = request.resource.uid
            return usual(request)

        toys.scripts["toy"] = remember
        async with running(toys=toys) as one:
            made(one.kube)
            await one.quiet()
            uid = body(one)["metadata"]["uid"]
            one.kube.change(TOYS, "toy", {"spec": {"a": 1}})
            await one.quiet()
            one.kube.delete(TOYS, "toy")
            await one.until(lambda: one.kube.read(TOYS, "toy") is None)
            await one.quiet()
            assert len(one.manager._worker.records) == 0
            made(one.kube)
            await one.quiet()
            assert seen == [{}, {"id": uid}, {"id": uid}, {}]

    run(test())


def settled(kube: FakeKube, name: str, **status: Any) -> None:
    """A toy that an earlier process left Ready."""
    kube.create(TOYS, name, spec={"colour": "red"}, metadata={"finalizers": [FINALIZER]})
    found = kube.read(TOYS, name)
    assert found
    when = "2026-11-25T08:00:00Z"
    ready = {"type": "Ready", "status": "True", "observedGeneration": 1, "lastTransitionTime": when}
    ready.update(reason="Available", message="all is well")
    content = {"inputsHash": toy_hash(KubeObject.of(found)), "colour": "red", "observedGeneration": 1}
    kube.change(TOYS, name, {"status": {**content, "conditions": [ready], **status}})


def test_after_a_restart_only_what_may_be_wrong_is_reconciled_and_nothing_is_written() -> None:
    async def test() -> None:
        kube = FakeKube(page=2)
        for number in range(5):
            settled(kube, f"fine{number}")
        settled(kube, "other-inputs", inputsHash="other")
        settled(kube, "not-ready", conditions=[])
        settled(kube, "not-observed", observedGeneration=0)
        async with running(kube) as one:
            await one.quiet()
            assert set(one.toys.reconciles) == {"other-inputs", "not-ready", "not-observed"}
            assert not any(name.startswith("fine") for name in one.toys.reconciles)
            before = one.writes()
            await one.advance(600)
            await one.until(lambda: one.toys.total == 3 + 8)
            await one.quiet()
            assert one.writes() == before == 3
            # All of one resync may share one LIST of the cloud.
            assert len({one.toys.reconciles[f"fine{number}"][0] for number in range(5)}) == 1

    run(test())


def test_resyncs_come_back_jittered_and_reconcile_the_stalled_too() -> None:
    async def test() -> None:
        toys = ToyReconciler()
        stalled = Conditions(False, Reason.CONFLICT, "no", Progress.STALLED)
        toys.scripts["toy"] = lambda request: Result(stalled, Stalled())
        async with running(toys=toys, resync_seconds=100) as one:
            made(one.kube)
            await one.quiet()
            assert {"Stalled", "Ready"} == set(one.conditions("toy"))
            for number in range(2, 6):
                await one.advance(100)
                await one.until(lambda number=number: len(toys.reconciles["toy"]) >= number)
                await one.quiet()
            assert len(toys.reconciles["toy"]) <= 6
            assert one.writes() == 1

    run(test())


def test_what_was_deleted_while_the_watch_was_down_is_swept_and_wakes_who_waits() -> None:
    async def test() -> None:
        toys = ToyReconciler()
        toys.scripts["waiter"] = lambda request: Result(CREATING, WaitingFor(frozenset({key("gone")})))
        toys.scripts["gone"] = lambda request: Result(AVAILABLE, Done())
        async with running(toys=toys) as one:
            for name in ("gone", "stays", "waiter"):
                made(one.kube, name)
            await one.quiet()
            await one.advance(10)
            await one.quiet()
            one.watch.up.clear()
            one.watch.break_it()
            await one.until(lambda: one.manager.stats().watch_restarts == 1)
            one.kube.delete(TOYS, "gone")
            made(one.kube, "new")
            one.watch.up.set()
            await one.advance(0.5)
            await one.until(lambda: one.watch.starts == 2)
            await one.until(lambda: "Ready" in one.conditions("new"), "the new list brings what is new")
            assert one.manager.view.get(key("gone")) is not None
            reconciles = len(toys.reconciles["waiter"])
            await one.advance(3)
            await one.until(lambda: one.manager.view.get(key("gone")) is None)
            await one.until(lambda: len(toys.reconciles["waiter"]) == reconciles + 1)
            assert one.manager.view.get(key("stays")) is not None
            await one.quiet()
            assert len(toys.reconciles["stays"]) == 1

    run(test())


def test_what_was_deleted_before_a_second_list_of_the_same_watch_is_swept() -> None:
    async def test() -> None:
        toys = ToyReconciler()
        toys.scripts["gone"] = lambda request: Result(AVAILABLE, Done())
        async with running(toys=toys) as one:
            made(one.kube, "gone")
            made(one.kube, "stays")
            await one.quiet()
            await one.advance(10)  # past the LIST that follows a start
            await one.quiet()
            one.watch.filter = lambda change, heard: change != "DELETED"
            one.kube.delete(TOYS, "gone")
            one.watch.list_again()
            await one.until(lambda: one.manager._relists["Toy"].done() is False)
            await one.advance(3)
            await one.until(lambda: one.manager.view.get(key("gone")) is None)

    run(test())


def test_the_watching_is_started_again_with_a_rising_pause() -> None:
    async def test() -> None:
        async with running() as one:
            starts = 1
            for pause in (0.5, 1.0, 2.0):
                await one.until(lambda starts=starts: one.watch.starts == starts)
                one.watch.break_it()
                await one.until(lambda starts=starts: one.manager.stats().watch_restarts == starts)
                await asyncio.sleep(0)
                await one.advance(pause - 0.01)
                assert one.watch.starts == starts
                await one.advance(0.01)
                starts += 1
            await one.until(lambda: one.watch.starts == starts)
            made(one.kube)
            await one.until(lambda: "Ready" in one.conditions("toy"))

    run(test())


def test_an_unexpected_error_leaves_the_status_and_after_three_says_so_without_its_text() -> None:
    async def test() -> None:
        toys = ToyReconciler()

        def broken(request: ReconcileRequest) -> Result:
            raise ValueError("password=hunter2")

        async with running(toys=toys) as one:
            made(one.kube)
            await one.quiet()
            former = body(one)["status"]
            toys.scripts["toy"] = broken
            one.kube.change(TOYS, "toy", {"metadata": {"labels": {"a": "b"}}})
            for number, pause in enumerate((1, 2), start=2):
                await one.until(lambda number=number: len(toys.reconciles["toy"]) == number)
                await one.quiet()
                assert body(one)["status"] == former
                await one.advance(pause)
            await one.until(lambda: one.conditions("toy")["Ready"]["status"] == "False")
            said = one.conditions("toy")
            assert said["Reconciling"]["reason"] == "CloudError"
            assert "ValueError" in said["Ready"]["message"]
            assert "hunter2" not in str(body(one))
            await one.quiet()
            del toys.scripts["toy"]
            await one.advance(4)
            await one.until(lambda: one.conditions("toy")["Ready"]["status"] == "True")
            assert "Reconciling" not in one.conditions("toy")

    run(test())


def test_nothing_is_reconciled_before_every_kind_is_listed() -> None:
    async def test() -> None:
        kube, toys = FakeKube(), ToyReconciler()
        made(kube)
        kube.before = failing(Unavailable("down"), "LIST", "secrets", 2)

        async with running(kube, toys, wait=False) as one:
            await one.until(lambda: kube.calls["LIST", "secrets"] == 1)
            assert not one.manager.stats().ready
            assert toys.total == 0
            await one.until(lambda: bool(one.clock.planned))
            await one.advance(0.5)
            await one.until(lambda: kube.calls["LIST", "secrets"] == 2)
            assert toys.total == 0
            await one.until(lambda: bool(one.clock.planned))
            await one.advance(1.0)
            await one.until(lambda: one.manager.stats().ready)
            await one.until(lambda: toys.total == 1)

    run(test())


def test_stopping_waits_for_the_reconciles_that_are_under_way_and_sends_events() -> None:
    async def test() -> None:
        toys, inside, go = ToyReconciler(), threading.Event(), threading.Event()

        def slow(request: ReconcileRequest) -> Result:
            inside.set()
            assert go.wait(10)
            request.event("Created", "made it")
            return usual(request)

        toys.scripts["toy"] = slow
        async with running(toys=toys) as one:
            made(one.kube)
            await one.until(inside.is_set)
            one.stop.set()
            await asyncio.sleep(0)
            made(one.kube, "late")
            go.set()
        assert one.conditions("toy")["Ready"]["status"] == "True"
        assert [each["reason"] for each in one.kube.events] == ["Created"]
        assert "late" not in toys.reconciles

    run(test())


def test_liveness_goes_with_the_watchs_beats() -> None:
    async def test() -> None:
        async with running() as one:
            assert one.manager.stats().alive
            await one.advance(119)
            assert one.manager.stats().alive
            await one.advance(2)
            assert not one.manager.stats().alive
            one.manager._event_handler.beat()
            assert one.manager.stats().alive

    run(test())


def test_a_reconcile_that_does_not_end_is_told_of_and_others_go_on() -> None:
    async def test() -> None:
        toys, inside, go = ToyReconciler(), threading.Event(), threading.Event()

        def hanging(request: ReconcileRequest) -> Result:
            inside.set()
            assert go.wait(10)
            return usual(request)

        toys.scripts["toy"] = hanging
        async with running(toys=toys, reconcile_silence=100.0) as one:
            made(one.kube)
            await one.until(inside.is_set)
            await one.advance(60)
            made(one.kube, "other")
            await one.until(lambda: "Ready" in one.conditions("other"))
            await one.until(lambda: one.manager.stats().running == 1)
            assert (one.manager.stats().longest_running_seconds, one.manager.stats().hanging) == (60.0, False)
            await one.advance(41)
            assert one.manager.stats().hanging
            go.set()
            await one.quiet()
            assert (one.manager.stats().longest_running_seconds, one.manager.stats().hanging) == (0.0, False)

    run(test())


def test_a_deleted_object_without_our_finalizer_is_left_alone() -> None:
    async def test() -> None:
        toys = ToyReconciler()
        toys.scripts["toy"] = lambda request: Result(AVAILABLE, Done())
        async with running(toys=toys) as one:
            one.kube.create(TOYS, "toy", spec={}, metadata={"finalizers": ["other/one"]})
            await one.quiet()
            one.kube.delete(TOYS, "toy")
            await one.until(lambda: ("Toy", "absent") in one.endings)
            assert len(toys.reconciles["toy"]) == 1

    run(test())


def test_gone_of_a_living_object_takes_the_finalizer_off_once() -> None:
    async def test() -> None:
        toys = ToyReconciler()
        async with running(toys=toys) as one:
            made(one.kube)
            await one.quiet()
            toys.scripts["toy"] = lambda request: Result(AVAILABLE, Finalized())
            one.kube.change(TOYS, "toy", {"spec": {"managed": False}})
            await one.until(lambda: "finalizers" not in body(one)["metadata"])
            await one.quiet()
            assert one.writes() == 3
            assert len(toys.reconciles["toy"]) == 3  # the last one may say how it stands, now that it is given up

    run(test())


def test_a_release_of_an_object_already_gone_is_fine() -> None:
    async def test() -> None:
        kube = FakeKube()
        async with running(kube) as one:
            made(kube)
            await one.quiet()
            kube.before = failing(NotFound("gone", 404), "PATCH", "toys")
            kube.delete(TOYS, "toy")
            await one.until(lambda: kube.read(TOYS, "toy") is None)
            await one.quiet()
            assert "kube_error" not in {ending for _, ending in one.endings}

    run(test())
