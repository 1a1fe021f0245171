import json
import threading

import pytest

from infomaniak_operator.controller.interfaces import KubeObject
from infomaniak_operator.controller.kube.event_recorder import MAX_MESSAGE, EventRecorder
from infomaniak_operator.controller.kube.kube_api import Forbidden, NotFound
from tests.support.clock import ManualClock
from tests.support.fake_kube import FakeKube, failing

TOY = KubeObject.of(
    {"apiVersion": "g/v1", "kind": "Toy", "metadata": {"name": "a" * 253, "namespace": "n", "uid": "u"}}
)


def recorder(kube: FakeKube, clock: ManualClock | None = None) -> EventRecorder:
    return EventRecorder(kube, clock or ManualClock(), "infomaniak-operator", "pod-1")


def test_the_same_said_again_is_one_event_with_a_count() -> None:
    kube, clock = FakeKube(), ManualClock()
    made = recorder(kube, clock)
    for number in range(3):
        made.publish(TOY, "Failed", f"busy (req-0000000{number}-bbbb-cccc-dddd-eeeeeeeeeeee)", warning=True)
        clock.advance(60)
    made.publish(TOY, "Created", "x" * 5000)
    made.start()
    assert made.close(10)
    failed, created = kube.events
    assert (failed["reason"], failed["type"], failed["count"]) == ("Failed", "Warning", 3)
    assert failed["firstTimestamp"] < failed["lastTimestamp"]
    assert failed["involvedObject"]["uid"] == "u"
    assert failed["involvedObject"]["apiVersion"] == "g/v1"
    assert len(failed["metadata"]["name"]) <= 253
    assert (created["type"], len(created["message"])) == ("Normal", MAX_MESSAGE)
    assert kube.calls["POST", "events"] == 2


def sent(made: EventRecorder) -> None:
    """Wait until all is sent."""
    with made._more:
        assert made._more.wait_for(lambda: not made._pending and not made._busy, 10)


def test_later_ones_patch_the_first_and_make_it_anew_once_it_is_forgotten() -> None:
    kube = FakeKube()
    made = recorder(kube)
    made.start()
    for _ in range(2):
        made.publish(TOY, "Failed", "busy")
        sent(made)
    assert [each["count"] for each in kube.events] == [2]
    kube.before = failing(NotFound("expired", 404), "PATCH", "events")
    made.publish(TOY, "Failed", "busy")
    assert made.close(10)
    assert kube.calls["POST", "events"] == 2


def test_a_failure_never_matters() -> None:
    kube = FakeKube()
    kube.before = failing(Forbidden("no", 403), "POST", "events")
    made = recorder(kube)
    made.start()
    made.publish(TOY, "One", "")
    sent(made)
    made.publish(TOY, "Two", "")
    assert made.close(10)
    assert made.dropped == 1
    assert [each["reason"] for each in kube.events] == ["Two"]


def assert_held(held: threading.Event) -> None:
    assert held.wait(10)


def test_the_queue_is_bounded_and_closing_does_not_wait_for_ever() -> None:
    kube, held = FakeKube(), threading.Event()
    kube.before = lambda verb, what, name: assert_held(held)
    made = recorder(kube)
    for number in range(2100):
        made.publish(TOY, "Many", str(number))
    assert made.dropped == 100
    made.start()
    assert not made.close(0.05)
    held.set()


def test_what_the_cloud_says_never_ends_the_events() -> None:
    """JSON can hold half of a surrogate pair, which cannot be written as UTF-8."""
    kube = FakeKube()
    made = recorder(kube)
    made.start()
    made.publish(TOY, "Failed", "the cloud says \ud800")
    made.publish(TOY, "Failed", "all is well")
    assert made.close(10)
    assert [each["message"] for each in kube.events] == ["the cloud says ?", "all is well"]
    assert made.dropped == 0


HOSTILE = ["x\ud800", "x\x00\x1b[2J", "x\u202e\u2028", "y" * 300_000, "line\nline"]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_ends_the_thread_nor_is_lost(text: str) -> None:
    kube = FakeKube()
    made = EventRecorder(kube, ManualClock(), "infomaniak-operator", f"pod-{text[:50]}")
    made.start()
    made.publish(TOY, f"Failed{text}", text)
    made.publish(TOY, "Created", "fine")
    assert made.close(10)
    odd, fine = kube.events
    assert (fine["message"], made.dropped) == ("fine", 0)
    json.dumps(odd, ensure_ascii=False).encode()  # as the API server takes it
    assert len(odd["message"]) <= MAX_MESSAGE
    assert len(odd["reason"]) <= 128
    assert odd["message"].replace("\n", "").isprintable()
    assert ("\n" in odd["message"]) == ("\n" in text)


def test_a_namespace_full_of_events_costs_others_none() -> None:
    kube = FakeKube()
    made = recorder(kube)
    for number in range(5000):
        made.publish(TOY, "Failed", f"of {number}")
    other = KubeObject.of(
        {"apiVersion": "g/v1", "kind": "Toy", "metadata": {"name": "o", "namespace": "o", "uid": "o"}}
    )
    for number in range(10):
        made.publish(other, "Failed", f"other {number}")
    dropped = made.dropped
    assert 0 < dropped < 5000
    made.start()
    assert made.close(20)
    assert sum(each["metadata"]["namespace"] == "o" for each in kube.events) == 10
    assert len(kube.events) == 5010 - dropped
    assert not made._waiting


def test_without_a_thread_what_is_pending_is_sent_when_it_is_asked_for() -> None:
    kube, started = FakeKube(), []

    class Idle:
        def join(self, timeout: float | None = None) -> None:
            return

    def start(name, run):
        started.append(name)
        return Idle()

    made = EventRecorder(kube, ManualClock(), "infomaniak-operator", "pod-1", start_thread=start)
    made.start()
    made.publish(TOY, "Failed", "busy")
    made.publish(TOY, "Created", "there")
    assert started == ["events"]
    assert kube.events == []
    made.send_pending()
    assert [each["reason"] for each in kube.events] == ["Failed", "Created"]
    made.publish(TOY, "Failed", "busy")
    assert not made.close(0)  # it says that one was not sent
