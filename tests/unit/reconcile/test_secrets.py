"""The guard of Secrets, in a whole engine over an API server in memory."""

from typing import Any

from infomaniak_operator.engine.contract import FINALIZER, Attempt, BackOff, Result
from infomaniak_operator.engine.kube import SECRETS
from infomaniak_operator.reconcile.secrets import SECOND_THOUGHT, SecretGuard
from tests.support.engine import Running, run, running
from tests.support.fake_kube import FakeKube
from tests.support.toy import AVAILABLE, TOYS, ToyReconciler, usual

LABELS = {"network.infomaniak.cloud/credentials": "true"}


def _finalizers(one: Running, name: str = "login") -> list[str]:
    secret = one.kube.read(SECRETS, name) or {}
    return list(secret.get("metadata", {}).get("finalizers") or ())


def _secret(kube: FakeKube) -> None:
    kube.create(SECRETS, "login", data={"key": "dmFsdWU="})
    kube.change(SECRETS, "login", {"metadata": {"labels": LABELS}})


def _stays(attempt: Attempt) -> Result:
    """A toy whose clean-up does not succeed yet."""
    return Result(AVAILABLE, BackOff()) if attempt.resource.deleting else usual(attempt)


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
