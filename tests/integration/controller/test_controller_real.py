"""The controller with toys against a real API server: what only the real one can show."""

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from infomaniak_operator.controller.interfaces import Conditions, Progress, Reason, ReconcileRequest, Result, WaitingFor
from infomaniak_operator.controller.kube.kube_api import SECRETS
from sandbox import Environment, Sandbox
from tests.support.box import kubectl, until
from tests.support.kube_hands import Hands
from tests.support.real_controller import RealController, real_controller
from tests.support.toy import TOYS, ToyReconciler, key, usual
from tests.support.toy_crd import install


@pytest.fixture
def hands(env: Environment) -> Iterator[Hands]:
    install(env)
    name = f"controller-{uuid.uuid4().hex[:8]}"
    kubectl(env, "create", "namespace", name)
    made = Hands(env.kubeconfig, name)
    yield made
    made.clear(TOYS)
    kubectl(env, "delete", "namespace", name, "--wait=false")


def ready(body: dict[str, Any] | None) -> bool:
    """Ready at this generation."""
    for each in ((body or {}).get("status") or {}).get("conditions") or ():
        if each["type"] == "Ready" and body:
            current = each["observedGeneration"] == body["metadata"]["generation"]
            return bool(each["status"] == "True" and current)
    return False


def until_ready(hands: Hands, name: str) -> dict[str, Any]:
    return until(lambda: found if ready(found := hands.read(TOYS, name)) else None, f"{name} is Ready")


def create_many(hands: Hands, count: int) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: hands.create(TOYS, f"t{number}", spec={"number": number}), range(count)))


def all_ready(hands: Hands, count: int) -> bool:
    found = hands.all(TOYS)
    return len(found) == count and all(map(ready, found))


def settled(one: RealController) -> bool:
    stats = one.manager.stats()
    return stats.queued == stats.running == 0


def test_a_life_takes_two_one_and_one_write_and_is_told_in_events(hands: Hands, env: Environment) -> None:
    toys = ToyReconciler()

    def telling(request: ReconcileRequest) -> Result:
        if not request.resource.deleting:
            request.event("Created", "made it")
        return usual(request)

    toys.scripts["a"] = telling
    # The whole cluster: the way it is usually run.
    with real_controller(env.kubeconfig, toys=toys) as one:
        hands.create(TOYS, "a", spec={"colour": "red"})
        until_ready(hands, "a")
        until(lambda: settled(one), "settled")  # what is written can be read before its writer has the answer
        assert one.writes == 2
        hands.change(TOYS, "a", {"spec": {"colour": "blue"}})
        assert until_ready(hands, "a")["status"]["colour"] == "blue"
        until(lambda: settled(one), "settled")
        assert one.writes == 3
        until(lambda: "made it" in kubectl(env, "-n", hands.namespace, "describe", "toy", "a"), "the Event is shown")
        kubectl(env, "-n", hands.namespace, "delete", "toy", "a", "--timeout=20s")
        until(lambda: settled(one), "settled")
        assert one.writes == 4
        assert len(toys.reconciles["a"]) == 3
        assert one.calls["GET", "toys", 200] >= 1
        assert not [call for call in one.calls if call[2] >= 400]


@pytest.mark.slow
def test_five_hundred_at_once_and_all_away_again(hands: Hands, env: Environment) -> None:
    with real_controller(env.kubeconfig, hands.namespace) as one:
        create_many(hands, 500)
        # The controller is asked, not the API server: to list 500 objects ten times a second would be the greater load.
        until(lambda: one.toys.total >= 500 and settled(one), "500 are reconciled", 120)
        assert all_ready(hands, 500)
        assert one.writes == 1000
        kubectl(env, "-n", hands.namespace, "delete", "toys", "--all", "--wait=false")
        until(lambda: settled(one) and not one.manager.view.objects("Toy"), "all are gone", 120)
        assert hands.all(TOYS) == []
        assert one.writes == 1500
        assert one.toys.overlaps == 0
        assert len(one.manager._worker.records) == 0


def test_a_restart_writes_nothing_and_reconciles_only_what_differs(hands: Hands, env: Environment) -> None:
    with real_controller(env.kubeconfig, hands.namespace):
        create_many(hands, 20)
        until(lambda: all_ready(hands, 20), "all are Ready")
    hands.change(TOYS, "t7", {"spec": {"colour": "changed while nobody was there"}})
    with real_controller(env.kubeconfig, hands.namespace) as one:
        until_ready(hands, "t7")
        until(lambda: settled(one), "settled")
        assert set(one.toys.reconciles) == {"t7"}
        assert one.writes == 1


def test_what_is_deleted_and_made_while_the_watch_is_down_is_found(hands: Hands, env: Environment) -> None:
    toys = ToyReconciler()
    creating = Conditions(False, Reason.WAITING_FOR_REFERENCE, "gone must go", Progress.RECONCILING)
    awaited = frozenset({key("gone", hands.namespace)})
    toys.scripts["gone"] = lambda request: Result(Conditions(True, Reason.AVAILABLE), WaitingFor(frozenset()))

    def waiter(request: ReconcileRequest) -> Result:
        if request.resource.deleting or request.view.get(key("gone", hands.namespace)) is None:
            return usual(request)
        return Result(creating, WaitingFor(awaited))

    toys.scripts["waiter"] = waiter
    with real_controller(env.kubeconfig, hands.namespace, toys=toys) as one:
        hands.create(TOYS, "gone", spec={})
        until_ready(hands, "gone")
        hands.create(TOYS, "waiter", spec={})
        until(lambda: toys.reconciles["waiter"], "waiter is reconciled")
        one.watch.break_it()
        until(lambda: one.manager.stats().watch_restarts >= 1, "the watching has ended")
        hands.delete(TOYS, "gone")
        hands.create(TOYS, "new", spec={})
        assert not ready(hands.read(TOYS, "waiter"))
        one.watch.up.set()
        until_ready(hands, "new")
        until_ready(hands, "waiter")
        assert one.manager.view.get(key("gone", hands.namespace)) is None


def test_nothing_is_lost_when_the_api_server_goes_away_and_comes_back(
    hands: Hands, env: Environment, box: Sandbox
) -> None:
    toys, held, go = ToyReconciler(), threading.Event(), threading.Event()

    def slow(request: ReconcileRequest) -> Result:
        held.set()
        assert go.wait(60)
        return usual(request)

    with real_controller(env.kubeconfig, hands.namespace, toys=toys) as one:
        create_many(hands, 10)
        until(lambda: all_ready(hands, 10), "all are Ready")
        toys.scripts["t3"] = slow
        hands.change(TOYS, "t3", {"spec": {"colour": "blue"}})
        assert held.wait(20)
        box.stop("kube-apiserver")
        try:
            go.set()
            # The status of t3 cannot be written: the reconcile is repeated until it can.
            until(lambda: one.calls["PATCH", "toys", 0] >= 2, "it was tried in vain")
        finally:
            box.start("kube-apiserver")
        until_ready(hands, "t3")
        # The watches are there again, too.
        hands.create(TOYS, "after", spec={})
        until_ready(hands, "after")
        hands.delete(TOYS, "t5")
        until(lambda: hands.read(TOYS, "t5") is None, "t5 is gone")
        until(lambda: one.manager.stats().alive and settled(one), "settled")
        assert toys.overlaps == 0
        assert one.manager.stats().ready


def test_credentials_are_heard_of_and_other_secrets_are_not(hands: Hands, env: Environment) -> None:
    label = {"labels": {"network.infomaniak.cloud/credentials": "true"}}
    with real_controller(env.kubeconfig, hands.namespace) as one:
        reconciles = one.toys.reconciles["a"]
        hands.create(TOYS, "a", spec={"secret": "login"})
        until_ready(hands, "a")
        hands.create(SECRETS, "stranger", stringData={"password": "x"})
        hands.create(SECRETS, "login", metadata=label, stringData={"password": "x"})
        until(lambda: len(reconciles) == 2, "the Secret wakes who refers to it")
        hands.change(SECRETS, "login", {"stringData": {"password": "y"}})
        until(lambda: len(reconciles) == 3, "its change does, too")
        assert [each.key.name for each in one.manager.view.objects("Secret")] == ["login"]
