"""The HTTP side against a server that answers as the test says."""

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infomaniak_operator.controller.kube.kube_api import (
    SECRETS,
    Conflict,
    Forbidden,
    KubeError,
    KubeType,
    NotFound,
    Rejected,
    Standby,
    Unauthorized,
    Unavailable,
)
from infomaniak_operator.controller.kube.kube_http import HttpKube, loader
from tests.support.clock import ManualClock
from tests.support.kube_hands import Hands
from tests.support.toy import TOYS


class Answers:
    """What the server says, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, str]] = []
        self.answers: list[tuple[int, Any]] = []
        self.token: str | None = None
        self.delay = 0.0
        self.headers: dict[str, str] = {}


@pytest.fixture
def answers() -> Iterator[tuple[Answers, str]]:
    told = Answers()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            token = self.headers.get("Authorization", "")
            told.asked.append((self.command, self.path, self.headers.get("Content-Type", ""), body))
            if told.delay:
                time.sleep(told.delay)
            status, answer = told.answers.pop(0) if told.answers else (200, {"kind": "Toy"})
            if told.token is not None and token != f"Bearer {told.token}":
                status, answer = 401, {"kind": "Status", "message": "Unauthorized"}
            data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):  # the client did not wait
                self.wfile.write(data)

        do_GET = do_POST = do_PATCH = handle_any  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield told, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def config(folder: Path, url: str, token: str = "secret-1") -> Path:
    path = folder / "kubeconfig"
    content = {
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(content))
    return path


def made(path: Path, clock: ManualClock | None = None, **other: Any) -> HttpKube:
    return HttpKube(loader(path), (clock or ManualClock()).monotonic, **other)


def test_where_what_is_asked(answers: tuple[Answers, str], tmp_path: Path) -> None:
    told, url = answers
    kube = made(config(tmp_path, url))
    kube.get(TOYS, "n", "a")
    kube.patch(TOYS, "n", "a", {"metadata": {}})
    kube.patch_status(TOYS, "n", "a", {"status": {}})
    kube.create_event("n", {"kind": "Event"})
    kube.patch_event("n", "e", {"count": 2})
    kube.get(KubeType("Namespace", "", "v1", "namespaces"), "", "kube-system")
    toys, merge = "/apis/test.infomaniak.cloud/v1/namespaces/n/toys", "application/merge-patch+json"
    assert told.asked == [
        ("GET", f"{toys}/a", "", ""),
        ("PATCH", f"{toys}/a", merge, '{"metadata": {}}'),
        ("PATCH", f"{toys}/a/status", merge, '{"status": {}}'),
        ("POST", "/api/v1/namespaces/n/events", "application/json", '{"kind": "Event"}'),
        ("PATCH", "/api/v1/namespaces/n/events/e", merge, '{"count": 2}'),
        ("GET", "/api/v1/namespaces/kube-system", "", ""),
    ]


def test_list_follows_the_pages(answers: tuple[Answers, str], tmp_path: Path) -> None:
    told, url = answers
    told.answers = [(200, {"metadata": {"continue": "more"}, "items": [1]}), (200, {"metadata": {}, "items": [2]})]
    assert list(made(config(tmp_path, url)).list(TOYS, None)) == [[1], [2]]
    path = "/apis/test.infomaniak.cloud/v1/toys?limit=100"
    assert [asked[1] for asked in told.asked] == [path, f"{path}&continue=more"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (422, Rejected),
        (429, Unavailable),
        (500, Unavailable),
        (504, Unavailable),
    ],
)
def test_errors_are_types_with_the_servers_words(
    answers: tuple[Answers, str], tmp_path: Path, status: int, kind: type[KubeError]
) -> None:
    told, url = answers
    told.answers = [(status, {"kind": "Status", "message": "its own words"})] * 2
    with pytest.raises(kind, match=r"GET toys n/a: .* its own words") as raised:
        made(config(tmp_path, url)).get(TOYS, "n", "a")
    assert type(raised.value) is kind
    assert raised.value.status == status
    assert "secret-1" not in str(raised.value)


def test_no_answer_a_late_one_and_nonsense_are_unavailable(answers: tuple[Answers, str], tmp_path: Path) -> None:
    told, url = answers
    with pytest.raises(Unavailable) as refused:
        made(config(tmp_path, "http://127.0.0.1:1")).get(TOYS, "n", "a")
    assert refused.value.status is None
    told.answers = [(200, "<html>")]
    with pytest.raises(Unavailable):
        made(config(tmp_path, url)).get(TOYS, "n", "a")
    told.delay = 0.5
    with pytest.raises(Unavailable, match="timed out"):
        made(config(tmp_path, url), timeout_seconds=0.05).get(TOYS, "n", "a")


def test_a_token_is_read_again_after_a_401_and_now_and_then(answers: tuple[Answers, str], tmp_path: Path) -> None:
    told, url = answers
    clock = ManualClock()
    path = config(tmp_path, url, "one")
    kube = made(path, clock, reload_seconds=300)
    told.token = "one"
    kube.get(TOYS, "n", "a")
    told.token = "two"
    with pytest.raises(Unauthorized):
        kube.get(TOYS, "n", "a")
    config(tmp_path, url, "two")
    kube.get(TOYS, "n", "a")
    told.token = "three"
    config(tmp_path, url, "three")
    told.asked.clear()
    clock.advance(301)
    kube.get(TOYS, "n", "a")
    assert len(told.asked) == 1, "the new token was read before it was needed"


def test_a_kubeconfig_that_cannot_be_read_is_unavailable(tmp_path: Path) -> None:
    for content in (None, "{}", "not: [yaml"):
        path = tmp_path / "broken"
        if content is not None:
            path.write_text(content)
        with pytest.raises(Unavailable):
            made(path).get(TOYS, "n", "a")


def test_every_call_is_told(answers: tuple[Answers, str], tmp_path: Path) -> None:
    told, url = answers
    calls: list[tuple[str, str, int]] = []
    kube = made(
        config(tmp_path, url), on_call=lambda verb, plural, status, seconds: calls.append((verb, plural, status))
    )
    told.answers = [(200, {}), (404, {"message": "no"})]
    kube.get(TOYS, "n", "a")
    with pytest.raises(NotFound):
        kube.get(TOYS, "n", "a")
    assert calls == [("GET", "toys", 200), ("GET", "toys", 404)]


def test_what_changes_nothing_is_sent_and_what_would_is_not(answers: tuple[Answers, str], tmp_path: Path) -> None:
    told, url = answers
    calls: list[str] = []

    def stop() -> None:
        raise Standby("not sent")

    kube = made(config(tmp_path, url), before_change=stop, on_call=lambda verb, *_: calls.append(verb))
    kube.get(TOYS, "n", "a")
    for change in (
        lambda: kube.patch(TOYS, "n", "a", {}),
        lambda: kube.patch_status(TOYS, "n", "a", {}),
        lambda: kube.create_event("n", {}),
        lambda: kube.patch_event("n", "a", {}),
    ):
        with pytest.raises(Standby):
            change()
    assert [verb for verb, *_ in told.asked] == ["GET"]
    assert calls == ["GET"]
    # A question is posted and changes nothing: a replica that waits has metrics, too.
    assert kube.review(KubeType("TokenReview", "authentication.k8s.io", "v1", "tokenreviews"), {"spec": {}})
    assert [verb for verb, *_ in told.asked] == ["GET", "POST"]


def test_the_last_look_is_had_again_before_the_repetition_with_a_new_token(
    answers: tuple[Answers, str], tmp_path: Path
) -> None:
    told, url = answers
    asked: list[int] = []
    kube = made(config(tmp_path, url), before_change=lambda: asked.append(1))
    told.answers = [(401, {}), (200, {})]
    kube.patch(TOYS, "n", "a", {})
    assert len(asked) == 2


@pytest.mark.parametrize(("what", "page"), [(SECRETS, 10), (SECRETS.unselected, 100), (TOYS, 100)])
def test_large_objects_are_asked_for_few_at_once(
    what: KubeType, page: int, answers: tuple[Answers, str], tmp_path: Path
) -> None:
    """A Secret may be of a megabyte and more, and all of a page are in memory."""
    told, url = answers
    told.answers = [(200, {"metadata": {}, "items": []})]
    list(made(config(tmp_path, url)).list(what, None))
    assert f"limit={page}" in re.split("[?&]", told.asked[0][1])


def too_many(times: int) -> list[tuple[int, Any]]:
    return [(429, {"kind": "Status", "message": "storage is (re)initializing"})] * times


def test_what_is_answered_with_429_is_sent_again_when_the_api_server_says(
    answers: tuple[Answers, str], tmp_path: Path
) -> None:
    told, url = answers
    slept: list[float] = []
    checks: list[None] = []
    kube = made(config(tmp_path, url), sleep=slept.append, before_change=lambda: checks.append(None))
    told.headers = {"Retry-After": "1"}
    told.answers = too_many(2)
    assert kube.get(TOYS, "n", "a") == {"kind": "Toy"}
    told.answers = too_many(1)
    kube.create_event("n", {"kind": "Event"})
    assert slept == [1.0, 1.0, 1.0]
    assert [asked[0] for asked in told.asked] == ["GET"] * 3 + ["POST"] * 2
    assert told.asked[3] == told.asked[4]
    assert len(checks) == 2, "the Lease is looked at before each time"


@pytest.mark.parametrize(
    ("header", "sent", "waits"),
    [
        ({"Retry-After": "1"}, 4, [1.0] * 3),
        ({"Retry-After": "86400"}, 4, [2.0] * 3),
        ({"Retry-After": "0"}, 4, [0.0] * 3),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 1, []),
        ({"Retry-After": "9" * 5000}, 1, []),
        ({"Retry-After": "-1"}, 1, []),
        ({}, 1, []),
    ],
)
def test_it_is_sent_a_few_times_and_never_waits_for_long(
    answers: tuple[Answers, str], tmp_path: Path, header: dict[str, str], sent: int, waits: list[float]
) -> None:
    told, url = answers
    slept: list[float] = []
    told.headers = header
    told.answers = too_many(10)
    with pytest.raises(Unavailable, match=r"429 storage is \(re\)initializing"):
        made(config(tmp_path, url), sleep=slept.append).get(TOYS, "n", "a")
    assert (len(told.asked), slept) == (sent, waits)


def test_what_the_tests_do_as_a_user_is_sent_again_too(answers: tuple[Answers, str], tmp_path: Path) -> None:
    told, url = answers
    hands = Hands(config(tmp_path, url), "n")
    told.headers = {"Retry-After": "0"}
    told.answers = [*too_many(2), (200, {"items": []}), *too_many(1), (200, {"kind": "Toy"})]
    assert hands.all(TOYS) == []
    assert hands.create(TOYS, "a") == {"kind": "Toy"}
    assert len(told.asked) == 5


def test_a_request_that_has_taken_long_is_not_sent_again(answers: tuple[Answers, str], tmp_path: Path) -> None:
    told, url = answers
    clock = ManualClock()
    told.headers = {"Retry-After": "1"}
    told.answers = too_many(10)
    kube = made(config(tmp_path, url), clock, sleep=lambda _: clock.advance(3.0))
    with pytest.raises(Unavailable):
        kube.get(TOYS, "n", "a")
    assert len(told.asked) == 3
