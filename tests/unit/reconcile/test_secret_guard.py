"""The guard of Secrets, in a whole controller over an API server in memory."""

import asyncio
from typing import Any

import pytest

from infomaniak_operator.controller.interfaces import FINALIZER, ReconcileRequest, Result, Retry
from infomaniak_operator.controller.kube.kube_api import SECRETS, Conflict, Unavailable
from infomaniak_operator.reconcile.generic.secret_guard import SECOND_THOUGHT, SecretGuard
from tests.support.fake_kube import FakeKube, failing
from tests.support.manager import Running, run, running
from tests.support.toy import AVAILABLE, TOYS, ToyReconciler, usual

LABELS = {"network.infomaniak.cloud/credentials": "true"}


def _finalizers(one: Running, name: str = "login") -> list[str]:
    secret = one.kube.read(SECRETS, name) or {}
    return list(secret.get("metadata", {}).get("finalizers") or ())


def _secret(kube: FakeKube) -> None:
    kube.create(SECRETS, "login", data={"key": "dmFsdWU="})
    kube.change(SECRETS, "login", {"metadata": {"labels": LABELS}})


def _stays(request: ReconcileRequest) -> Result:
    """A toy whose clean-up does not succeed yet."""
    return Result(AVAILABLE, Retry()) if request.resource.deleting else usual(request)


def test_it_is_held_while_an_object_of_ours_uses_it_and_no_longer() -> None:
    async def test() -> None:
        async with running(others=[SecretGuard()]) as one:
            _secret(one.kube)
            await one.quiet()
            assert _finalizers(one) == [], "nobody uses it"
            one.kube.create(TOYS, "toy", spec={"secret": "login"})
            await one.until(lambda: _finalizers(one) == [FINALIZER], "held")
            assert (one.kube.read(SECRETS, "login") or {}).get("status") is None
            one.kube.delete(TOYS, "toy")
            await one.until(lambda: _finalizers(one) == [], "let go")

    run(test())


def test_it_stays_until_what_needs_it_is_gone() -> None:
    toys = ToyReconciler()
    toys.scripts["toy"] = _stays

    async def test() -> None:
        async with running(toys=toys, others=[SecretGuard()]) as one:
            _secret(one.kube)
            one.kube.create(TOYS, "toy", spec={"secret": "login"})
            await one.until(lambda: _finalizers(one) == [FINALIZER], "held")
            one.kube.delete(SECRETS, "login")
            one.kube.delete(TOYS, "toy")
            await one.advance(SECOND_THOUGHT + 60)
            await one.quiet()
            assert _finalizers(one) == [FINALIZER], "the toy still needs it"
            toys.scripts["toy"] = usual
            await one.advance(600)
            await one.until(lambda: one.kube.read(TOYS, "toy") is None, "the toy is gone")
            await one.until(lambda: one.kube.read(SECRETS, "login") is None, "and the Secret with it")

    run(test())


def test_a_rotation_by_delete_and_create_is_let_through() -> None:
    async def test() -> None:
        async with running(others=[SecretGuard()]) as one:
            _secret(one.kube)
            one.kube.create(TOYS, "toy", spec={"secret": "login"})
            await one.until(lambda: _finalizers(one) == [FINALIZER], "held")
            one.kube.delete(SECRETS, "login")
            await one.quiet()
            assert one.kube.read(SECRETS, "login") is not None, "its users may be about to go"
            await one.advance(SECOND_THOUGHT + 0.1)
            await one.until(lambda: one.kube.read(SECRETS, "login") is None, "let go")
            _secret(one.kube)
            await one.until(lambda: _finalizers(one) == [FINALIZER], "the new one is held")

    run(test())


def test_one_that_loses_its_label_keeps_nothing_of_ours() -> None:
    async def test() -> None:
        async with running(others=[SecretGuard()]) as one:
            _secret(one.kube)
            one.kube.create(TOYS, "toy", spec={"secret": "login"})
            await one.until(lambda: _finalizers(one) == [FINALIZER], "held")
            gone: dict[str, Any] = {"metadata": {"labels": {"network.infomaniak.cloud/credentials": None}}}
            one.kube.change(SECRETS, "login", gone)
            await one.until(lambda: _finalizers(one) == [], "let go")

    run(test())


# What happened while nobody was there.

UNLABELLED: dict[str, Any] = {"metadata": {"labels": {"network.infomaniak.cloud/credentials": None}}}


def _left(kube: FakeKube, name: str = "login", namespace: str = "default", *, label: bool = False) -> None:
    """A Secret as a former process left it, with our finalizer."""
    held = {"finalizers": ["other/one", FINALIZER], **({"labels": LABELS} if label else {})}
    kube.create(SECRETS, name, namespace, data={"key": "dmFsdWU="}, metadata=held)


def _has(kube: FakeKube, name: str = "login", namespace: str = "default") -> bool:
    secret = kube.read(SECRETS, name, namespace) or {}
    return FINALIZER in (secret.get("metadata", {}).get("finalizers") or ())


@pytest.mark.parametrize("user", [True, False])
@pytest.mark.parametrize("going", [True, False])
def test_one_that_lost_its_label_while_the_operator_was_down_is_let_go_at_the_start(going: bool, user: bool) -> None:
    async def test() -> None:
        kube = FakeKube(page=1)
        for number in range(3):
            _left(kube, f"login{number}")
            kube.create(SECRETS, f"of-others{number}", data={"key": "dmFsdWU="}, metadata={"finalizers": ["other/one"]})
        if going:
            kube.delete(SECRETS, "login1")
        if user:
            kube.create(TOYS, "toy", spec={"secret": "login1"}, metadata={"finalizers": [FINALIZER]})
        async with running(kube, others=[SecretGuard()]):
            pass
        async with running(kube, others=[SecretGuard()]) as one:
            await one.until(lambda: not any(_has(kube, f"login{number}") for number in range(3)), "let go")
            for name in ("login0", "of-others0"):
                assert (kube.read(SECRETS, name) or {})["metadata"]["finalizers"] == ["other/one"]
            assert (kube.read(SECRETS, "login0") or {})["data"] == {"key": "dmFsdWU="}

    run(test())


def test_only_in_the_namespaces_that_are_watched() -> None:
    async def test() -> None:
        kube = FakeKube()
        for namespace in ("one", "two", "three"):
            _left(kube, namespace=namespace)
        async with running(kube, others=[SecretGuard()], namespaces=("one", "two")) as one:
            await one.until(lambda: not _has(kube, namespace="one") and not _has(kube, namespace="two"), "let go")
            assert _has(kube, namespace="three")

    run(test())


@pytest.mark.parametrize("user", ["none", "one of another Secret", "the one it had, renamed"])
def test_one_whose_last_user_went_while_the_operator_was_down_is_let_go(user: str) -> None:
    async def test() -> None:
        kube = FakeKube()
        _left(kube, label=True)
        _left(kube, "elsewhere", "namespace-without-objects", label=True)
        if user != "none":
            kube.create(TOYS, "toy", spec={"secret": "renamed"}, metadata={"finalizers": [FINALIZER]})
            kube.create(SECRETS, "renamed", data={}, metadata={"labels": LABELS})
        async with running(kube, others=[SecretGuard()]) as one:
            await one.until(lambda: not _has(kube) and not _has(kube, "elsewhere", "namespace-without-objects"), "go")
            if user != "none":
                await one.until(lambda: _has(kube, "renamed"), "held")

    run(test())


def test_one_that_loses_its_label_while_it_goes_is_let_go() -> None:
    """The API server tells of it as of one that is gone."""
    toys = ToyReconciler()
    toys.scripts["toy"] = _stays

    async def test() -> None:
        async with running(toys=toys, others=[SecretGuard()]) as one:
            _secret(one.kube)
            one.kube.create(TOYS, "toy", spec={"secret": "login"})
            await one.until(lambda: _finalizers(one) == [FINALIZER], "held")
            one.kube.delete(TOYS, "toy")
            one.kube.delete(SECRETS, "login")
            await one.quiet()
            one.kube.change(SECRETS, "login", UNLABELLED)
            await one.until(lambda: one.clock.planned, "soon")
            for _ in range(3):
                await one.advance(2)
                await one.quiet()
            await one.until(lambda: one.kube.read(SECRETS, "login") is None, "gone")

    run(test())


@pytest.mark.parametrize("error", [Unavailable("down"), Conflict("changed"), RuntimeError("a defect")])
def test_one_that_cannot_be_let_go_is_tried_again(error: Exception) -> None:
    async def test() -> None:
        async with running(others=[SecretGuard()]) as one:
            _secret(one.kube)
            one.kube.create(TOYS, "toy", spec={"secret": "login"})
            await one.until(lambda: _finalizers(one) == [FINALIZER], "held")
            await one.quiet()
            one.kube.before = failing(error, "PATCH", "secrets", times=2)  # type: ignore[arg-type]
            one.kube.change(SECRETS, "login", UNLABELLED)
            for _ in range(400):
                await one.advance(1)
                await asyncio.sleep(0.002)
                if not _finalizers(one):
                    return
            raise AssertionError("it keeps the finalizer")

    run(test())
