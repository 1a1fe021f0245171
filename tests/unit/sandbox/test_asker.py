"""What clients that ask all the time count."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import RemoteDisconnected
from typing import Any

import pytest

from sandbox.data_path.asker import Client, FailedError, Tally
from sandbox.data_path.asking import Tally as Told


def test_answers_failures_and_the_longest_time_without_an_answer_are_counted() -> None:
    tally = Tally(10.0)
    tally.answered("a", "", 10.5)
    tally.failed("reset")
    tally.again()
    tally.answered("b", "cert", 12.0)
    told = Told(**tally.take(12.25))
    assert (told.asked, told.failed, told.again, told.gap) == (3, 1, 1, 1.5)
    assert (told.answers, told.certificates, told.failures) == ({"a": 1, "b": 1}, {"cert": 1}, ["reset"])
    assert Told(**tally.take(15.0)).gap == 3.0, "a gap goes on over a look"


def test_of_many_failures_the_first_are_told_and_all_are_counted() -> None:
    tally = Tally(0.0)
    for number in range(100):
        tally.failed(f"{number}")
    told = Told(**tally.take(1.0))
    assert (told.failed, len(told.failures), told.failures[0]) == (100, 10, "0")


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    status = 200
    hangs_up = False

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = self.hangs_up  # without a word before

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@contextmanager
def _client(tally: Tally, *, keep_alive: bool, **handler: Any) -> Iterator[Client]:
    kind = type("Own", (_Handler,), handler)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    target = {"url": url, "keep_alive": keep_alive, "timeout": 5.0, "source": "127.0.0.1", "pause": 0}
    try:
        yield Client(target, tally)
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("keep_alive", "repeated"), [(True, 2), (False, 0)])
def test_a_kept_connection_that_was_closed_is_no_failure_and_the_request_is_sent_again(
    keep_alive: bool, repeated: int
) -> None:
    tally = Tally(0.0)
    with _client(tally, keep_alive=keep_alive, hangs_up=True) as client:
        assert [client.ask() for _ in range(3)] == ["200"] * 3
    assert tally.take(0.0)["again"] == repeated


def test_a_status_that_says_so_is_a_failure_and_a_redirect_is_none() -> None:
    tally = Tally(0.0)
    with _client(tally, keep_alive=False, status=503) as client, pytest.raises(FailedError, match="status 503"):
        client.ask()
    with _client(tally, keep_alive=False, status=302) as client:
        assert client.ask() == "302"


class _Dead(_Handler):
    """Hangs up on whoever asks, without a word."""

    def do_GET(self) -> None:
        self.close_connection = True


def test_who_is_hung_up_on_or_refused_at_the_first_try_has_failed() -> None:
    with _client(Tally(0.0), keep_alive=False, do_GET=_Dead.do_GET) as client, pytest.raises(RemoteDisconnected):
        client.ask()
    with pytest.raises(ConnectionRefusedError):
        client.ask()  # its server is gone
