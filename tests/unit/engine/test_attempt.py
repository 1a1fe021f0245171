from typing import Any

import pytest

from infomaniak_operator.engine.attempt import VisitAttempt
from infomaniak_operator.engine.contract import FINALIZER, KubeObject, Superseded
from infomaniak_operator.engine.events import EventRecorder
from infomaniak_operator.engine.kube import Body, Conflict, Forbidden, KubeError, NotFound, Unavailable
from infomaniak_operator.engine.store import Store
from tests.support.clock import ManualClock
from tests.support.fake_kube import FakeKube, merge


def attempt(
    patched: list[Body], error: KubeError | None = None, status: dict[str, Any] | None = None, **metadata: Any
) -> VisitAttempt:
    meta = {"name": "a", "uid": "u", "resourceVersion": "7", **metadata}
    body = {"kind": "Toy", "metadata": meta, **({"status": status} if status else {})}

    def patch(resource: KubeObject, change: Body) -> KubeObject:
        patched.append(change)
        if error:
            raise error
        return KubeObject.of(
            merge(resource.body, {**change, "metadata": {**change["metadata"], "resourceVersion": "8"}})
        )

    clock = ManualClock()
    recorder = EventRecorder(FakeKube(), clock, "test", "test")
    return VisitAttempt(
        KubeObject.of(body),
        Store({}),
        {},
        clock,
        acting_since=1.0,
        fresh_after=2.0,
        patch=patch,
        patch_status=patch,
        recorder=recorder,
    )


def test_the_first_claim_writes_and_the_attempt_goes_on_with_the_newer_version() -> None:
    patched: list[Body] = []
    visit = attempt(patched, finalizers=["other/one"])
    assert visit.claim()
    assert visit.resource.finalizers == ("other/one", FINALIZER)
    assert visit.resource.resource_version == "8"
    assert not visit.claim()
    assert patched == [{"metadata": {"resourceVersion": "7", "finalizers": ["other/one", FINALIZER]}}]


def test_a_finalizer_that_is_there_needs_no_write() -> None:
    patched: list[Body] = []
    assert not attempt(patched, finalizers=[FINALIZER], deletionTimestamp="now").claim()
    assert patched == []


def test_what_is_being_deleted_cannot_be_claimed() -> None:
    patched: list[Body] = []
    with pytest.raises(Superseded):
        attempt(patched, deletionTimestamp="now", finalizers=["other/one"]).claim()
    assert patched == []


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (Conflict("changed", 409), Superseded),
        (NotFound("gone", 404), Superseded),
        (Forbidden("no", 403), Forbidden),
        (Unavailable("down"), Unavailable),
    ],
)
def test_a_claim_that_fails(error: KubeError, raised: type[Exception]) -> None:
    visit = attempt([], error)
    with pytest.raises(raised):
        visit.claim()
    assert FINALIZER not in visit.resource.finalizers


READY = {"conditions": [{"type": "Ready", "status": "True"}], "observedGeneration": 3}


def test_a_record_writes_the_kinds_own_fields_and_the_attempt_goes_on_with_the_newer_version() -> None:
    patched: list[Body] = []
    visit = attempt(patched, status={**READY, "id": "a", "gone": 1})
    assert visit.record({"id": "a", "appliedFields": ["mtu"], "nothing": None})
    assert patched == [
        {"metadata": {"resourceVersion": "7"}, "status": {"gone": None, "appliedFields": ["mtu"]}},
    ]
    assert visit.resource.resource_version == "8"
    assert visit.resource.status == {**READY, "id": "a", "appliedFields": ["mtu"]}
    assert not visit.record({"id": "a", "appliedFields": ["mtu"]})
    assert len(patched) == 1


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (Conflict("changed", 409), Superseded),
        (NotFound("gone", 404), Superseded),
        (Forbidden("no", 403), Forbidden),
        (Unavailable("down"), Unavailable),
    ],
)
def test_a_record_that_fails(error: KubeError, raised: type[Exception]) -> None:
    visit = attempt([], error)
    with pytest.raises(raised):
        visit.record({"appliedFields": ["mtu"]})
    assert visit.resource.status == {}


def test_it_shows_what_it_was_given() -> None:
    visit = attempt([])
    visit.memory["id"] = 1
    assert (visit.acting_since, visit.fresh_after, visit.memory, visit.view.objects("Toy")) == (1.0, 2.0, {"id": 1}, [])
