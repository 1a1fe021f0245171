import json
from typing import Any

import pytest

from infomaniak_operator.controller.interfaces import Condition, Conditions, Done, KubeObject, Progress, Reason, Result
from infomaniak_operator.controller.kube.status_patch import merge_patch, status_patch, wished
from tests.support.fake_kube import merge

NOW = 1_800_000_000.0
READY = Conditions(True, Reason.AVAILABLE, "fine")


def toy(status: dict[str, Any] | None = None, generation: int = 2) -> KubeObject:
    meta = {"name": "a", "namespace": "n", "generation": generation, "resourceVersion": "7"}
    return KubeObject.of({"kind": "Toy", "metadata": meta, **({"status": status} if status is not None else {})})


def result(status: dict[str, Any] | None, conditions: Conditions = READY) -> Result:
    return Result(conditions, Done(), status)


def test_the_kinds_fields_are_whole_and_the_controller_s_are_its_own() -> None:
    former = toy({"id": "1", "old": "x", "observedGeneration": -1})
    given = {"id": "2", "observedGeneration": 99, "conditions": [], "nothing": None, "deep": [{"a": None, "b": 1}]}
    status = wished(former, result(given), NOW)
    assert (status["id"], status["observedGeneration"], status["deep"]) == ("2", 2, [{"b": 1}])
    assert [each["type"] for each in status["conditions"]] == ["Ready"]
    assert not {"old", "nothing"} & set(status)


def test_what_leaves_ready_as_it_was_has_observed_nothing_new() -> None:
    """A paused object that was changed: who reads the generation first, as kstatus does, must not take it for done."""
    paused = Conditions(
        None, Reason.PAUSED, "", Progress.SETTLED, {"Synced": Condition(None, Reason.PAUSED, "hands off")}
    )
    before = {"type": "Ready", "status": "True", "observedGeneration": 1, "lastTransitionTime": "t"}
    kept = wished(toy({"id": "1", "observedGeneration": 1, "conditions": [before]}), result(None, paused), NOW)
    assert kept["observedGeneration"] == 1
    assert [each["observedGeneration"] for each in kept["conditions"]] == [1, 2]
    never = wished(toy({"observedGeneration": -1}), result(None, paused), NOW)
    assert (never["observedGeneration"], never["conditions"][0]["status"]) == (2, "Unknown")


def test_none_leaves_the_kinds_fields() -> None:
    assert wished(toy({"id": "1"}), result(None), NOW)["id"] == "1"


def test_written_only_if_it_differs_and_against_the_version_that_was_reconciled() -> None:
    first = status_patch(toy(), result({"id": "1"}), NOW)
    assert first
    assert first["metadata"] == {"resourceVersion": "7"}
    written = toy(merge({}, first["status"]))
    assert status_patch(written, result({"id": "1"}), NOW + 500) is None
    assert status_patch(written, result({"id": "2"}), NOW)["status"] == {"id": "2"}  # type: ignore[index]
    assert status_patch(written, result({}), NOW)["status"] == {"id": None}  # type: ignore[index]


def test_an_error_that_repeats_itself_is_written_once() -> None:
    def failed(number: int) -> Result:
        message = f"503 busy (req-0000000{number}-bbbb-cccc-dddd-eeeeeeeeeeee)"
        further = {"Synced": Condition(False, Reason.CLOUD_ERROR, message)}
        return result({}, Conditions(False, Reason.CLOUD_ERROR, message, Progress.RECONCILING, further))

    first = status_patch(toy(), failed(1), NOW)
    assert first
    assert status_patch(toy(merge({}, first["status"])), failed(2), NOW) is None


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        ({}, {}, {}),
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1}, {"a": 2, "b": 3}, {"a": 2, "b": 3}),
        ({"a": 1, "b": 2}, {"b": 2}, {"a": None}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"x": 1, "z": 3}}, {"a": {"y": None, "z": 3}}),
        ({"a": {"x": 1}}, {"a": {}}, {"a": {"x": None}}),
        ({"a": {"x": 1}}, {"a": [1]}, {"a": [1]}),
        ({"a": [1, 2]}, {"a": [2]}, {"a": [2]}),
        ({}, {"a": {}}, {"a": {}}),
        ({"a": 1}, {"a": {"x": {"y": 1}}}, {"a": {"x": {"y": 1}}}),
    ],
)
def test_merge_patch(old: dict[str, Any], new: dict[str, Any], patch: dict[str, Any]) -> None:
    assert merge_patch(old, new) == patch
    assert merge(old, patch) == new


def test_no_text_of_a_tenant_or_a_cloud_makes_a_status_that_the_api_server_refuses() -> None:
    odd = {"name\ud800": {"a\udfff": ["b\ud800"]}}
    conditions = Conditions(False, "Odd\ud800", "m\ud800\x00\x1b[2J" + "y" * 100_000, Progress.STALLED)
    status = wished(toy(), result(odd, conditions), NOW)
    json.dumps(status, ensure_ascii=False).encode()
    for condition in status["conditions"]:
        assert len(condition["message"]) <= 32768
        assert condition["message"].isprintable()
