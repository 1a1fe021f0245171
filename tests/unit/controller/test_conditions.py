from typing import Any

import pytest

from infomaniak_operator.controller.interfaces import Condition, Conditions, Progress, Reason
from infomaniak_operator.controller.kube.conditions import MAX_MESSAGE, bodies, cut

NOW = 1_800_000_000.0
AT = "2027-01-15T08:00:00Z"
BEFORE = "2026-01-01T00:00:00Z"


def condition(kind: str, status: str, reason: str = "Available", message: str = "", **other: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "observedGeneration": 1,
        "lastTransitionTime": BEFORE,
        "reason": reason,
        "message": message,
        **other,
    }


@pytest.mark.parametrize(
    ("progress", "ready", "types"),
    [
        (Progress.SETTLED, True, ["Ready"]),
        (Progress.RECONCILING, False, ["Reconciling", "Ready"]),
        (Progress.STALLED, False, ["Stalled", "Ready"]),
        (Progress.RECONCILING, True, ["Reconciling", "Ready"]),
    ],
)
def test_ready_is_always_there_and_one_of_the_two_at_most(progress: Progress, ready: bool, types: list[str]) -> None:
    built = bodies(Conditions(ready, Reason.UPDATING, "why", progress), (), 3, NOW)
    assert [each["type"] for each in built] == types
    assert all(each["observedGeneration"] == 3 and each["lastTransitionTime"] == AT for each in built)
    assert all((each["reason"], each["message"]) == ("Updating", "why") for each in built)
    assert built[-1]["status"] == str(ready)


def test_further_conditions_follow_by_name_and_one_left_out_is_removed() -> None:
    further = {"Synced": Condition(None, Reason.PAUSED, "p"), "Healthy": Condition(False, Reason.CLOUD_ERROR)}
    former = [condition("CredentialsValid", "True"), condition("Reconciling", "True")]
    built = bodies(Conditions(True, Reason.AVAILABLE, further=further), former, 1, NOW)
    assert [(each["type"], each["status"]) for each in built] == [
        ("Ready", "True"),
        ("Healthy", "False"),
        ("Synced", "Unknown"),
    ]


def test_a_further_condition_cannot_pose_as_one_of_the_three() -> None:
    further = {"Stalled": Condition(True, Reason.CONFLICT), "Ready": Condition(True, Reason.AVAILABLE)}
    built = bodies(Conditions(False, Reason.CREATING, "", Progress.RECONCILING, further), (), 1, NOW)
    assert [each["type"] for each in built] == ["Reconciling", "Ready"]


def test_the_time_changes_with_the_status_only() -> None:
    former = [condition("Ready", "True"), condition("Healthy", "True")]
    further = {"Healthy": Condition(False, Reason.CLOUD_ERROR, "m")}
    ready, healthy = bodies(Conditions(True, Reason.UPDATING, "other", further=further), former, 2, NOW)
    assert (ready["lastTransitionTime"], ready["message"], ready["observedGeneration"]) == (BEFORE, "other", 2)
    assert healthy["lastTransitionTime"] == AT


def test_none_leaves_the_former_ready_and_gives_unknown_where_there_was_none() -> None:
    former = condition("Ready", "False", "Creating", "so it was")
    conditions = Conditions(None, Reason.PAUSED, "paused")
    assert bodies(conditions, [former], 5, NOW) == [former]
    (ready,) = bodies(conditions, (), 5, NOW)
    assert (ready["status"], ready["reason"]) == ("Unknown", "Paused")


@pytest.mark.parametrize(
    ("reason", "message", "kept"),
    [
        (Reason.CLOUD_ERROR, "503 busy (req-11111111-2222-3333-4444-555555555555)", True),
        (Reason.CLOUD_ERROR, "504 busy (req-11111111-2222-3333-4444-555555555555)", False),
        (Reason.QUOTA_EXCEEDED, "503 busy (req-11111111-2222-3333-4444-555555555555)", False),
    ],
)
def test_a_message_that_differs_by_a_request_id_only_is_the_former_one(
    reason: Reason, message: str, kept: bool
) -> None:
    said = "503 busy (req-aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee)"
    former = [condition("Ready", "False", "CloudError", said)]
    (ready,) = bodies(Conditions(False, reason, message), former, 1, NOW)
    assert (ready["message"] == said) is kept


def test_long_messages_are_cut() -> None:
    (ready,) = bodies(Conditions(False, Reason.CLOUD_ERROR, "x" * 40000), (), 1, NOW)
    assert len(ready["message"]) == MAX_MESSAGE
    assert ready["message"].endswith("x…")
    assert cut("abc", 3) == "abc"
