"""What the controller relies on of a watch: kopf's on the real API server, and the one in memory."""

import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from infomaniak_operator.controller.cache.watcher import Watch
from tests.contract.kube.conftest import Server
from tests.support.toy import SECRETS, TOYS

LABELS = {"labels": {"network.infomaniak.cloud/credentials": "true"}}


class Heard:
    """A sink that tests take from."""

    def __init__(self) -> None:
        self.events: queue.Queue[tuple[str, str | None, Mapping[str, Any]]] = queue.Queue()
        self.begun = threading.Event()
        self.beats = 0

    def event(self, kind: str, change: str | None, body: Mapping[str, Any]) -> None:
        self.events.put((kind, change, body))

    def started(self) -> None:
        self.begun.set()

    def beat(self) -> None:
        self.beats += 1

    def next(self) -> tuple[str, str | None, str]:
        kind, change, body = self.events.get(timeout=20)
        self.body = body
        return kind, change, body["metadata"]["name"]


@contextmanager
def watching(watch: Watch) -> Iterator[Heard]:
    heard, stop = Heard(), threading.Event()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            watch.run(heard, stop)
        except Exception as error:  # noqa: BLE001
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert heard.begun.wait(20)
        yield heard
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()
    assert not errors, "to be stopped is not an error"


def test_a_life(server: Server) -> None:
    server.hands.create(TOYS, "a", spec={"colour": "red"})
    with watching(server.watch) as heard:
        assert heard.next() == ("Toy", None, "a")
        assert heard.body["spec"] == {"colour": "red"}
        server.hands.change(TOYS, "a", {"spec": {"colour": "blue"}})
        assert heard.next() == ("Toy", "MODIFIED", "a")
        modified = int(heard.body["metadata"]["resourceVersion"])
        server.hands.delete(TOYS, "a")
        assert heard.next() == ("Toy", "DELETED", "a")
        assert int(heard.body["metadata"]["resourceVersion"]) > modified
        server.hands.create(TOYS, "b", spec={})
        assert heard.next() == ("Toy", "ADDED", "b")
        assert "finalizers" not in heard.body["metadata"], "nothing is put on an object by watching it"
        assert "annotations" not in heard.body["metadata"]


def test_secrets_without_the_label_are_never_heard_of(server: Server) -> None:
    server.hands.create(TOYS, "first", spec={})
    server.hands.create(SECRETS, "stranger", data={})
    with watching(server.watch) as heard:
        assert heard.next() == ("Toy", None, "first")
        server.hands.create(SECRETS, "login", data={"a": "eA=="})
        server.hands.change(SECRETS, "login", {"metadata": LABELS})
        assert heard.next() == ("Secret", "ADDED", "login")
        assert heard.body["data"] == {"a": "eA=="}
        server.hands.change(SECRETS, "login", {"metadata": {"labels": None}})
        assert heard.next() == ("Secret", "DELETED", "login")
        assert heard.events.empty()
