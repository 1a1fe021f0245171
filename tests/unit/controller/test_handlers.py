"""kopf's watching against a small API server that breaks as the test says."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from infomaniak_operator import handlers
from infomaniak_operator.controller.kube.kube_api import SECRETS
from infomaniak_operator.controller.kube.kube_http import loader
from infomaniak_operator.handlers import KopfWatch, connection, watching
from tests.support.box import until
from tests.support.toy import RESOURCES, TOYS

VERBS = ["get", "list", "watch"]
DISCOVERY: dict[str, Any] = {
    "/api": {"versions": ["v1"]},
    "/apis": {
        "groups": [
            {
                "name": TOYS.group,
                "versions": [{"version": "v1"}],
                "preferredVersion": {"version": "v1"},
            }
        ]
    },
    "/api/v1": {
        "resources": [
            {
                "name": "namespaces",
                "singularName": "namespace",
                "kind": "Namespace",
                "namespaced": False,
                "verbs": VERBS,
            },
            {"name": "secrets", "singularName": "secret", "kind": "Secret", "namespaced": True, "verbs": VERBS},
        ]
    },
    "/apis/test.infomaniak.cloud/v1": {
        "resources": [{"name": "toys", "singularName": "toy", "kind": "Toy", "namespaced": True, "verbs": VERBS}]
    },
}
TOY = {
    "apiVersion": TOYS.api_version,
    "kind": "Toy",
    "metadata": {"name": "a", "namespace": "default", "uid": "u", "resourceVersion": "5"},
}


class Api:
    """What the server says.

    Attributes:
        streams: what each watch of toys says before it ends, in turn; after the last they stay open.
        status: of LISTs.
        silent: paths to which the next request, a watch apart, is not answered.
        refused: the status that watches of toys are answered with, a moment after they came; 0: they are streams.
        unanswered: whether watches of anything else are never answered.
        writes: requests that were no GET.
        queries: of LISTs and watches of Secrets.
        asked: the paths of LISTs and watches.
    """

    def __init__(self) -> None:
        self.streams: list[list[Mapping[str, Any]]] = []
        self.status = 200
        self.silent: set[str] = set()
        self.refused = 0
        self.unanswered = False
        self.writes: list[str] = []
        self.queries: list[dict[str, list[str]]] = []
        self.asked: set[str] = set()
        self.closing = threading.Event()


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A watch that is given up breaks its connection: that is what is tested."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    told: Api

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        if url.path in self.told.silent and "watch" not in query:
            self.told.silent.discard(url.path)
            self.told.closing.wait(60)
            self.close_connection = True
        elif url.path in DISCOVERY:
            self.answer(200, DISCOVERY[url.path])
        elif self.told.status != 200:
            self.answer(self.told.status, {"kind": "Status", "message": "no", "code": self.told.status})
        else:
            toys = url.path.endswith("/toys")
            self.told.asked.add(url.path)
            if not toys:
                self.told.queries.append(query)
            if "watch" not in query:
                self.answer(200, {"metadata": {"resourceVersion": "5"}, "items": [TOY] if toys else []})
            elif toys and self.told.refused:
                time.sleep(0.3)
                self.answer(self.told.refused, {"kind": "Status", "message": "no", "code": self.told.refused})
            elif not toys and self.told.unanswered:
                self.told.closing.wait(60)
                self.close_connection = True
            elif toys and self.told.streams:
                self.stream(self.told.streams.pop(0))
            else:
                self.stream([], hold=True)

    def do_PATCH(self) -> None:
        self.told.writes.append(self.path)
        self.answer(200, {})

    do_POST = do_PUT = do_PATCH  # noqa: N815

    def answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, lines: list[Mapping[str, Any]], *, hold: bool = False) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        for line in lines:
            self.wfile.write(json.dumps(line).encode() + b"\n")
        self.wfile.flush()
        self.close_connection = True
        if hold:
            self.told.closing.wait(30)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Api, KopfWatch]]:
    told = Api()

    handler = type("TheHandler", (Handler,), {"told": told})
    server = Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    path = tmp_path / "kubeconfig"
    path.write_text(
        json.dumps(
            {
                "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
                "users": [{"name": "u", "user": {"token": "secret-1"}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )
    )
    monkeypatch.setattr(handlers, "_BACKOFFS", (0.01,))
    monkeypatch.setattr(handlers, "_RECONNECT_SECONDS", 0.01)
    yield told, KopfWatch(RESOURCES.values(), loader(path))
    told.closing.set()
    server.shutdown()
    server.server_close()


class Heard:
    """A sink that stops the watching once it has heard so much."""

    def __init__(self, stop: threading.Event, enough: int) -> None:
        self.events: list[tuple[str, str | None, str]] = []
        self.beats = self.starts = 0
        self._stop, self._enough = stop, enough

    def event(self, kind: str, change: str | None, body: Mapping[str, Any]) -> None:
        self.events.append((kind, change, body["metadata"]["name"]))
        if len(self.events) >= self._enough:
            self._stop.set()

    def started(self) -> None:
        self.starts += 1

    def beat(self) -> None:
        self.beats += 1


def ran(watch: KopfWatch, enough: int) -> tuple[Heard, BaseException | None]:
    """Run a watch to its end, which must come."""
    stop, raised = threading.Event(), []
    heard = Heard(stop, enough)

    def run() -> None:
        try:
            watch.run(heard, stop)
        except Exception as error:  # noqa: BLE001
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    return heard, raised[0] if raised else None


def error(code: int) -> dict[str, Any]:
    return {"type": "ERROR", "object": {"kind": "Status", "code": code, "message": "it broke"}}


def test_a_watch_error_ends_it_with_an_error(api: tuple[Api, KopfWatch], tmp_path: Path) -> None:
    told, _ = api
    watch = KopfWatch([TOYS], loader(tmp_path / "kubeconfig"))  # one alone: kopf gives the others 5 s to end
    told.streams = [[{"type": "MODIFIED", "object": TOY}, error(500)]]
    heard, raised = ran(watch, enough=100)
    assert raised
    assert heard.events[0] == ("Toy", None, "a")


def test_a_watch_that_is_refused_ends_it_though_another_is_not_answered(
    api: tuple[Api, KopfWatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kopf takes a watch that is told to end while it waits for its stream for one that is to go on, most of the time."""
    monkeypatch.setattr(handlers, "_BACKOFFS", (0.5, 1.0))
    monkeypatch.setattr(handlers, "_END_SECONDS", 7.0)
    told, watch = api
    told.refused, told.unanswered = 410, True
    _, raised = ran(watch, enough=100)
    assert raised


@pytest.mark.parametrize("stopped", [False, True])
def test_a_kopf_that_does_not_end_is_left_behind(
    api: tuple[Api, KopfWatch], monkeypatch: pytest.MonkeyPatch, stopped: bool
) -> None:
    """A part of it has failed, or it was told to end, and it waits for others that take no notice of being cancelled."""
    _, watch = api
    ignored: list[str] = []

    async def deaf() -> None:
        while len(ignored) < 3:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                ignored.append("cancelled")

    async def operator(*, stop_flag: asyncio.Event, **_: Any) -> None:
        if stopped:
            stop.set()
            await stop_flag.wait()
        stop_flag.set()
        await deaf()

    monkeypatch.setattr(handlers.kopf, "operator", operator)
    monkeypatch.setattr(handlers, "_END_SECONDS", 0.1)
    stop, raised = threading.Event(), []

    def run() -> None:
        try:
            watch.run(Heard(stop, 100), stop)
        except RuntimeError as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert (len(raised), len(ignored)) == (0 if stopped else 1, 3)


def test_a_missing_right_ends_it_with_an_error(api: tuple[Api, KopfWatch]) -> None:
    told, watch = api
    told.status = 403
    _, raised = ran(watch, enough=100)
    assert raised


def test_an_expired_version_is_listed_again_and_to_be_stopped_is_no_error(api: tuple[Api, KopfWatch]) -> None:
    told, watch = api
    told.streams = [[error(410)]]
    heard, raised = ran(watch, enough=2)
    assert raised is None
    assert heard.events == [("Toy", None, "a")] * 2
    assert (heard.starts, heard.beats >= 1) == (1, True)


def test_a_connection_that_ends_is_taken_up_again(api: tuple[Api, KopfWatch]) -> None:
    told, watch = api
    newer = {**TOY, "metadata": {**TOY["metadata"], "resourceVersion": "6"}}
    told.streams = [[], [{"type": "MODIFIED", "object": newer}]]
    heard, raised = ran(watch, enough=2)
    assert raised is None
    assert heard.events == [("Toy", None, "a"), ("Toy", "MODIFIED", "a")]


@pytest.mark.parametrize("path", ["/api", "/apis/test.infomaniak.cloud/v1", "/apis/test.infomaniak.cloud/v1/toys"])
def test_a_request_that_is_not_answered_is_given_up_soon(
    api: tuple[Api, KopfWatch], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that died without a word; until it is given up, nothing is heard of any kind, or of that one."""
    assert handlers._REQUEST_SECONDS <= 30
    monkeypatch.setattr(handlers, "_REQUEST_SECONDS", 0.3)
    told, watch = api
    told.silent = {path}
    heard, raised = ran(watch, enough=1)
    assert raised is None
    assert heard.events == [("Toy", None, "a")]


def test_a_user_without_a_name_can_watch_as_in_a_container(
    api: tuple[Api, KopfWatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 65532")

    monkeypatch.setattr("getpass.getuser", nameless)
    told, watch = api
    told.streams = [[{"type": "MODIFIED", "object": TOY}]]
    heard, raised = ran(watch, enough=2)
    assert raised is None
    assert heard.events == [("Toy", None, "a"), ("Toy", "MODIFIED", "a")]


def test_nothing_is_written_and_only_labelled_secrets_are_asked_for(api: tuple[Api, KopfWatch]) -> None:
    told, watch = api
    told.streams = [[error(410)], [error(410)]]
    ran(watch, enough=3)
    assert told.writes == []
    assert told.queries
    assert all(each["labelSelector"] == ["network.infomaniak.cloud/credentials=true"] for each in told.queries)
    assert {each["limit"][0] for each in told.queries if "watch" not in each} == {"25"}, "they may be large"


def test_a_kind_is_watched_in_its_own_namespaces_while_the_others_are_everywhere(
    api: tuple[Api, KopfWatch], tmp_path: Path
) -> None:
    told, _ = api
    secrets = replace(SECRETS, namespaces=("one", "two"))
    watch = watching([TOYS, secrets], loader(tmp_path / "kubeconfig"))
    everywhere = {
        f"/apis/{TOYS.api_version}/toys",
        "/api/v1/namespaces/one/secrets",
        "/api/v1/namespaces/two/secrets",
    }
    stop = threading.Event()
    heard = Heard(stop, enough=99)
    thread = threading.Thread(target=watch.run, args=(heard, stop), daemon=True)
    thread.start()

    def all_heard() -> bool:
        return bool(told.asked == everywhere and heard.starts and heard.beats and heard.events)

    until(all_heard, f"{everywhere}, started, alive, and an object heard of")
    stop.set()
    thread.join(30)
    assert not thread.is_alive()
    assert told.asked == everywhere
    assert heard.starts == 1
    assert [name for *_, name in heard.events] == ["a"]


def test_kinds_that_are_watched_in_the_same_namespaces_are_one_watch(tmp_path: Path) -> None:
    load = loader(tmp_path / "kubeconfig")
    assert isinstance(watching(RESOURCES.values(), load), KopfWatch)
    assert isinstance(watching([TOYS, replace(SECRETS, namespaces=("one",))], load, ["one"]), KopfWatch)


def test_two_selections_of_one_resource_are_watched_apart(api: tuple[Api, KopfWatch], tmp_path: Path) -> None:
    told, _ = api
    other = replace(SECRETS, kind="Other", label_selector="network.infomaniak.cloud/tls=true")
    watch = watching([TOYS, SECRETS, other], loader(tmp_path / "kubeconfig"))
    stop = threading.Event()
    heard = Heard(stop, enough=99)
    thread = threading.Thread(target=watch.run, args=(heard, stop), daemon=True)
    thread.start()
    wanted = {SECRETS.label_selector, other.label_selector}

    def selections() -> set[str]:
        return {each["labelSelector"][0] for each in told.queries if "labelSelector" in each}

    until(lambda: selections() == wanted and heard.starts and heard.beats, "both are asked for")
    stop.set()
    thread.join(30)
    assert not thread.is_alive()


def test_the_login_expires_so_that_a_token_is_read_again(api: tuple[Api, KopfWatch], tmp_path: Path) -> None:
    info = connection(loader(tmp_path / "kubeconfig")())
    assert (info.token, info.insecure, info.ca_path) == ("secret-1", None, None)
    assert info.server.startswith("http://127.0.0.1:")
    assert info.expiration is not None
    assert info.expiration.tzinfo is not None
