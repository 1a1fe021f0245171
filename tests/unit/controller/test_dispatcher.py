from typing import Any

import pytest

from infomaniak_operator.controller.cache.object_cache import ObjectCache
from infomaniak_operator.controller.dispatcher import Waiters, in_order
from infomaniak_operator.controller.interfaces import FINALIZER, KubeObject
from tests.support.fake_kube import merge
from tests.support.toy import ToyReconciler, key, toy_hash

A, B, C = key("a"), key("b"), key("c")


def test_waiters_wait_for_what_they_said_last() -> None:
    waiters = Waiters()
    waiters.wait(A, [B, C])
    waiters.wait(B, [C])
    assert (waiters.of(B), waiters.of(C)) == ([A], [A, B])
    waiters.wait(A, [B])
    assert (waiters.of(B), waiters.of(C)) == ([A], [B])
    waiters.drop(A)
    waiters.drop(A)
    assert (waiters.of(B), waiters.of(A)) == ([], [])


READY = {"type": "Ready", "status": "True", "observedGeneration": 3}
FINE: dict[str, Any] = {
    "kind": "Toy",
    "metadata": {"name": "a", "uid": "u", "generation": 3, "finalizers": [FINALIZER]},
    "spec": {"colour": "red"},
}
FINE["status"] = {"inputsHash": toy_hash(KubeObject.of(FINE)), "observedGeneration": 3, "conditions": [READY]}


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ({}, True),
        ({"status": {"inputsHash": "other"}}, False),
        ({"status": {"inputsHash": None}}, False),
        ({"status": {"observedGeneration": 2}}, False),
        ({"status": {"conditions": [{**READY, "status": "False"}]}}, False),
        ({"status": {"conditions": [{**READY, "observedGeneration": 2}]}}, False),
        ({"status": None}, False),
        ({"spec": {"colour": "blue"}}, False),
        ({"metadata": {"deletionTimestamp": "now"}}, False),
        ({"metadata": {"deletionTimestamp": "now", "finalizers": ["other/one"]}}, True),
    ],
)
def test_what_may_wait_for_its_resync_after_a_start(patch: dict[str, Any], expected: bool) -> None:
    assert in_order(KubeObject.of(merge(FINE, patch)), ToyReconciler(), ObjectCache({})) is expected


def test_inputs_that_cannot_be_known_are_not_in_order() -> None:
    class Unknowing(ToyReconciler):
        def inputs_hash(self, resource: Any, view: Any) -> None:  # type: ignore[override]
            return None

    assert not in_order(KubeObject.of(FINE), Unknowing(), ObjectCache({}))
