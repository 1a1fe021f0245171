"""What is reconciled at once after a start: every object that a condition, or anything else, does not call in order."""

from typing import Any

import pytest

from infomaniak_operator.api.common import CONDITIONS
from infomaniak_operator.controller.cache.object_cache import ObjectCache
from infomaniak_operator.controller.dispatcher import in_order
from infomaniak_operator.controller.interfaces import KubeObject, Reason
from tests.support.toy import ToyReconciler, toy_hash

VIEW = ObjectCache({})
STATUSES = ("True", "False", "Unknown", "Maybe")
REASONS = (*Reason, "WrittenByANewerVersion")
RESTING = {"Ready", "ReferencesResolved", "CredentialsValid", "Synced", "ReverseDNS", "Healthy"}
"""The types that are True, or not there, while all is as it should be; the others are there only while it is not."""


def _condition(kind: Any, status: Any = "True", reason: Any = "Available") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": "", "observedGeneration": 1}


def _toy(*conditions: Any, **status: Any) -> KubeObject:
    body: dict[str, Any] = {
        "kind": "Toy",
        "metadata": {"name": "a", "namespace": "default", "uid": "u", "generation": 1},
        "spec": {"colour": "red"},
    }
    known = {"inputsHash": toy_hash(KubeObject.of(body)), "observedGeneration": 1, "conditions": list(conditions)}
    return KubeObject.of({**body, "status": {**known, **status}})


def _in_order(*conditions: Any, **status: Any) -> bool:
    return in_order(_toy(*conditions, **status), ToyReconciler(), VIEW)


def test_all_types_are_tried() -> None:
    assert set(CONDITIONS) == RESTING | {"Reconciling", "Stalled"}


def test_an_object_that_is_as_it_should_be_waits_for_the_resync() -> None:
    assert _in_order(_condition("Ready"))
    assert _in_order(*map(_condition, sorted(RESTING)))


@pytest.mark.parametrize("reason", REASONS)
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("kind", [*CONDITIONS, "OfANewerVersion"])
def test_any_condition_that_is_not_as_it_should_be_means_look_now(kind: str, status: str, reason: str) -> None:
    others = [_condition(each) for each in sorted(RESTING - {kind})]
    # A condition that this version does not know may say anything.
    as_it_should_be = status == "True" if kind in RESTING else status == "False" and kind in CONDITIONS
    assert _in_order(*others, _condition(kind, status, reason)) is as_it_should_be


@pytest.mark.parametrize("odd", ["text", None, 3, [], {}, {"type": 3}, {"type": ["Ready"], "status": {}}])
def test_a_condition_that_is_none_means_look_now(odd: Any) -> None:
    assert not _in_order(_condition("Ready"), odd)


@pytest.mark.parametrize("odd", ["text", None, 3, {"type": "Ready"}])
def test_conditions_that_are_no_list_mean_look_now(odd: Any) -> None:
    assert not _in_order(conditions=odd)


def test_a_spec_whose_references_cannot_be_read_means_look_now() -> None:
    class Failing(ToyReconciler):
        def inputs_hash(self, resource: KubeObject, view: Any) -> str | None:
            raise KeyError("written by a newer version")

    assert not in_order(_toy(_condition("Ready")), Failing(), VIEW)
