"""Several watches as one."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from infomaniak_operator.controller.cache.watcher import Sink, Together

Act = Callable[[Sink, threading.Event], None]


class Heard:
    """A sink that counts."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str | None, str]] = []
        self.beats = self.starts = 0

    def event(self, kind: str, change: str | None, body: Mapping[str, Any]) -> None:
        self.events.append((kind, change, body["metadata"]["name"]))

    def started(self) -> None:
        self.starts += 1

    def beat(self) -> None:
        self.beats += 1


class Scripted:
    """A watch that does what it is told, and then watches until it is to stop."""

    def __init__(self, act: Act = lambda sink, stop: None) -> None:
        self._act = act
        self.ended = False

    def run(self, sink: Sink, stop: threading.Event) -> None:
        try:
            self._act(sink, stop)
            assert stop.wait(30)
        finally:
            self.ended = True


def run(*watches: Scripted, stop: threading.Event | None = None) -> Heard:
    stop = stop or threading.Event()
    heard = Heard()
    Together(watches).run(heard, stop)
    return heard


def test_it_ends_with_all_of_them_when_it_is_to_stop() -> None:
    stop = threading.Event()
    watches = [Scripted(), Scripted(lambda sink, _: stop.set())]
    run(*watches, stop=stop)
    assert [each.ended for each in watches] == [True, True]


def test_one_that_breaks_ends_the_others_and_is_told_of() -> None:
    def breaks(sink: Sink, stop: threading.Event) -> None:
        raise ValueError("broken")

    watches = [Scripted(), Scripted(breaks)]
    with pytest.raises(ValueError, match="broken"):
        run(*watches)
    assert [each.ended for each in watches] == [True, True]


def test_one_that_ends_by_itself_is_an_error_too() -> None:
    class Ends(Scripted):
        def run(self, sink: Sink, stop: threading.Event) -> None:
            self.ended = True

    watches = [Scripted(), Ends()]
    with pytest.raises(RuntimeError, match="by itself"):
        run(*watches)
    assert watches[0].ended


def test_it_has_begun_and_is_alive_only_once_all_of_them_are() -> None:
    stop, first = threading.Event(), threading.Event()
    seen: list[tuple[int, int]] = []
    heard = Heard()

    def one(sink: Sink, _: threading.Event) -> None:
        sink.started()
        sink.beat()
        sink.beat()
        first.set()

    def other(sink: Sink, _: threading.Event) -> None:
        assert first.wait(30)
        seen.append((heard.starts, heard.beats))
        sink.started()
        sink.beat()
        seen.append((heard.starts, heard.beats))
        sink.event("Toy", None, {"metadata": {"name": "a"}})
        stop.set()

    Together([Scripted(one), Scripted(other)]).run(heard, stop)
    assert seen == [(0, 0), (1, 1)]
    assert heard.events == [("Toy", None, "a")]
