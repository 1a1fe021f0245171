from typing import Any

import pytest

from infomaniak_operator.controller.cache.object_cache import ObjectCache
from infomaniak_operator.controller.interfaces import FINALIZER, KubeObject, Memory, Superseded
from infomaniak_operator.controller.kube.event_recorder import EventRecorder
from infomaniak_operator.controller.kube.kube_api import Body, Conflict, Forbidden, KubeError, NotFound, Unavailable
from infomaniak_operator.controller.worker_request import WorkerRequest
from tests.support.clock import ManualClock
from tests.support.fake_kube import FakeKube, merge


def made(
    patched: list[Body], error: KubeError | None = None, status: dict[str, Any] | None = None, **metadata: Any
) -> WorkerRequest:
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
    return WorkerRequest(
        KubeObject.of(body),
        ObjectCache({}),
        Memory(),
        clock,
        acting_since=1.0,
        fresh_after=2.0,
        patch=patch,
        patch_status=patch,
        recorder=recorder,
    )


def test_the_finalizer_is_written_once_and_the_reconcile_goes_on_with_the_newer_version() -> None:
    patched: list[Body] = []
    request = made(patched, finalizers=["other/one"])
    assert request.add_finalizer()
    assert request.resource.finalizers == ("other/one", FINALIZER)
    assert request.resource.resource_version == "8"
    assert not request.add_finalizer()
    assert patched == [{"metadata": {"resourceVersion": "7", "finalizers": ["other/one", FINALIZER]}}]


def test_a_finalizer_that_is_there_needs_no_write() -> None:
    patched: list[Body] = []
    assert not made(patched, finalizers=[FINALIZER], deletionTimestamp="now").add_finalizer()
    assert patched == []


def test_what_is_being_deleted_gets_no_finalizer() -> None:
    patched: list[Body] = []
    with pytest.raises(Superseded):
        made(patched, deletionTimestamp="now", finalizers=["other/one"]).add_finalizer()
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
def test_a_finalizer_that_cannot_be_written(error: KubeError, raised: type[Exception]) -> None:
    request = made([], error)
    with pytest.raises(raised):
        request.add_finalizer()
    assert FINALIZER not in request.resource.finalizers


READY = {"conditions": [{"type": "Ready", "status": "True"}], "observedGeneration": 3}


def test_a_record_writes_the_kinds_own_fields_and_the_reconcile_goes_on_with_the_newer_version() -> None:
    patched: list[Body] = []
    request = made(patched, status={**READY, "id": "a", "gone": 1})
    assert request.record({"id": "a", "appliedFields": ["mtu"], "nothing": None})
    assert patched == [
        {"metadata": {"resourceVersion": "7"}, "status": {"gone": None, "appliedFields": ["mtu"]}},
    ]
    assert request.resource.resource_version == "8"
    assert request.resource.status == {**READY, "id": "a", "appliedFields": ["mtu"]}
    assert not request.record({"id": "a", "appliedFields": ["mtu"]})
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
    request = made([], error)
    with pytest.raises(raised):
        request.record({"appliedFields": ["mtu"]})
    assert request.resource.status == {}


def test_it_shows_what_it_was_given() -> None:
    request = made([])
    request.memory.of(dict)["id"] = 1
    assert (request.acting_since, request.fresh_after, request.view.objects("Toy")) == (1.0, 2.0, [])
    assert request.memory.of(dict) == {"id": 1}
