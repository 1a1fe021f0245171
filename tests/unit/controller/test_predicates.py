from typing import Any

import pytest

from infomaniak_operator.controller.cache.predicates import Change, concerns_itself, concerns_others
from infomaniak_operator.controller.interfaces import FINALIZER, KubeObject
from tests.support.fake_kube import merge
from tests.support.toy import key

BASE: dict[str, Any] = {
    "kind": "Toy",
    "metadata": {"name": "a", "namespace": "default", "uid": "u", "generation": 1, "finalizers": ["other/one"]},
    "spec": {"colour": "red"},
    "status": {
        "id": "1",
        "observedGeneration": 1,
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "Available", "message": "m", "lastTransitionTime": "t"}
        ],
    },
}
READY = BASE["status"]["conditions"][0]


def changed(patch: dict[str, Any]) -> Change:
    return Change(key("a"), KubeObject.of(BASE), KubeObject.of(merge(BASE, patch)))


@pytest.mark.parametrize(
    ("patch", "itself", "others"),
    [
        ({"metadata": {"resourceVersion": "9", "managedFields": [{}]}}, False, False),
        ({"metadata": {"generation": 2}, "spec": {"colour": "blue"}}, True, True),
        ({"metadata": {"annotations": {"network.infomaniak.cloud/reconcile-at": "now"}}}, True, False),
        ({"metadata": {"labels": {"a": "b"}}}, True, True),
        ({"metadata": {"deletionTimestamp": "now"}}, True, True),
        ({"metadata": {"finalizers": ["other/one", FINALIZER]}}, False, False),
        ({"metadata": {"finalizers": ["other/one", "foreign/two"]}}, True, False),
        ({"metadata": {"finalizers": None}}, True, False),
        ({"metadata": {"uid": "v"}}, True, True),
        ({"status": {"id": "2"}}, False, True),
        ({"status": {"observedGeneration": 2}}, False, False),
        ({"status": {"conditions": [{**READY, "message": "other", "lastTransitionTime": "later"}]}}, False, False),
        ({"status": {"conditions": [{**READY, "status": "False"}]}}, False, True),
        ({"status": {"conditions": [{**READY, "reason": "Creating"}]}}, False, True),
        ({"status": {"conditions": [{**READY, "observedGeneration": 2}]}}, False, True),
        ({"data": {"password": "x"}}, False, True),
    ],
)
def test_whom_a_difference_concerns(patch: dict[str, Any], itself: bool, others: bool) -> None:
    change = changed(patch)
    assert (concerns_itself(change), concerns_others(change)) == (itself, others)


def test_our_finalizer_taken_off_by_others_concerns_the_object() -> None:
    with_ours = KubeObject.of(merge(BASE, {"metadata": {"finalizers": [FINALIZER]}}))
    assert concerns_itself(Change(key("a"), with_ours, KubeObject.of(merge(BASE, {"metadata": {"finalizers": None}}))))


def test_new_and_gone() -> None:
    held = KubeObject.of(BASE)
    assert concerns_itself(Change(key("a"), None, held))
    assert concerns_others(Change(key("a"), None, held))
    assert not concerns_itself(Change(key("a"), held, None))
    assert concerns_others(Change(key("a"), held, None))
