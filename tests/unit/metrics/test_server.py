"""The server of probes and metrics, among clients that mean it harm."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping

import pytest

from infomaniak_operator.metrics.http_server import Address, Answer, Guard, Page, Server, ServerLimits
from tests.unit.metrics.test_metrics import get

FINE: dict[str, Page] = {"/fine": lambda _: Answer(200, b"fine")}
PATIENT = ServerLimits(request_seconds=60.0, answer_seconds=60.0)
HASTY = ServerLimits(request_seconds=0.1, answer_seconds=0.1)


@contextlib.contextmanager
def served(
    pages: Mapping[str, Page] = FINE, limits: ServerLimits = PATIENT, guards: Mapping[str, Guard] | None = None
) -> Iterator[Server]:
    server = Server(Address("127.0.0.1", 0), pages, guards, limits)
    try:
        yield server
    finally:
        server.close()


def url(server: Server, path: str = "/fine") -> str:
    return f"http://127.0.0.1:{server.port}{path}"


def connected(server: Server, sent: bytes = b"", source: str = "127.0.0.1") -> socket.socket:
    one = socket.create_connection(("127.0.0.1", server.port), timeout=10, source_address=(source, 0))
    one.sendall(sent)
    return one


def rest(one: socket.socket) -> bytes:
    """All that comes until the other side ends it."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while piece := one.recv(65536):
            found += piece
    return found


def until(what: Callable[[], bool]) -> None:
    tick = threading.Event()
    for _ in range(2000):
        if what():
            return
        tick.wait(0.005)
    raise AssertionError("it never came about")


def test_a_client_that_holds_connections_open_holds_no_threads_and_stops_nobody() -> None:
    with served() as server, contextlib.ExitStack() as stack:
        before = set(threading.enumerate())
        for _ in range(300):
            stack.enter_context(contextlib.closing(connected(server, b"GET /fine HTTP/1.1\r\nX: ")))
        until(lambda: server.connections <= PATIENT.connections_of_client)
        assert len(set(threading.enumerate()) - before) <= PATIENT.threads
        assert get(url(server))[2] == "fine"
        assert len(set(threading.enumerate()) - before) <= PATIENT.threads


def test_nor_do_many_clients() -> None:
    with served() as server, contextlib.ExitStack() as stack:
        for number in range(200):
            stack.enter_context(contextlib.closing(connected(server, b"GET", f"127.0.1.{number % 20 + 1}")))
        assert get(url(server))[2] == "fine"
        assert server.connections <= PATIENT.connections + 1


def test_a_request_that_is_not_sent_in_time_is_given_up() -> None:
    with served(limits=HASTY) as server:
        for sent in (b"", b"GET /fine HTTP/1.1\r\n", b"G"):
            assert b" 408 " in rest(connected(server, sent))
        assert get(url(server))[2] == "fine"


def test_an_answer_that_is_not_taken_in_time_is_given_up() -> None:
    big = b"x" * (64 << 20)
    with served({"/big": lambda _: Answer(200, big)}, HASTY) as server:
        one = connected(server, b"GET /big HTTP/1.1\r\n\r\n")
        until(lambda: server.connections == 1)
        until(lambda: server.connections == 0)
        assert len(rest(one)) < len(big)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /fine HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n", 431),
        (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET /fine\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"\xff\x00 \xff \xff\r\n\r\n", 400),
        (b"GET /fine HTTP/1.1\r\nno header\r\n\r\n", 400),
        (b"GET /fine HTTP/1.1\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n", 400),
        (b"POST /fine HTTP/1.1\r\nContent-Length: 9\r\n\r\n", 405),
        (b"GET //[ HTTP/1.1\r\n\r\n", 404),
        (b"GET /fine?x HTTP/1.0\r\n\r\n", 200),
        (b"HEAD /fine HTTP/1.1\r\n\r\n", 200),
        (b"GET /fine HTTP/1.1\r\nConnection: keep-alive\r\n\r\nGET /fine HTTP/1.1\r\n\r\n", 200),
    ],
)
def test_whatever_is_sent_is_answered_once_and_the_connection_ends(sent: bytes, status: int) -> None:
    with served() as server:
        found = rest(connected(server, sent))
        assert found.startswith(b"HTTP/1.1 %d " % status)
        assert found.count(b"HTTP/1.1") == 1
        assert found.endswith(b"fine") == (b"GET" in sent and status == 200)


def test_pages_that_take_long_are_made_so_often_at_once_and_other_pages_are_answered() -> None:
    go, inside = threading.Event(), threading.Semaphore(0)

    def slow(_: str) -> Answer:
        inside.release()
        go.wait(20)
        return Answer(200, b"slow")

    with served({"/slow": slow, **FINE}) as server:
        asked = [connected(server, b"GET /slow HTTP/1.1\r\n\r\n") for _ in range(PATIENT.at_once_of_client)]
        until(lambda: server._answering["/slow", None] == len(asked))
        assert get(url(server, "/slow"))[0] == 503
        assert get(url(server))[2] == "fine"
        for one in asked:
            one.close()  # what is being made counts until it is made, though nobody waits for it
        assert get(url(server, "/slow"))[0] == 503
        go.set()
        until(lambda: not server._answering)
        assert get(url(server, "/slow"))[2] == "slow"


class Doorman:
    """Knows "friend", and takes long to find out about others."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def known(self, authorization: str) -> bool:
        return authorization == "friend"

    def refusal(self, authorization: str) -> Answer | None:
        if authorization == "friend":
            return None
        self.go.wait(20)
        return Answer(403, b"no", headers=(("X-Why", "stranger"),))


def test_who_is_known_does_not_wait_behind_strangers() -> None:
    doorman = Doorman()
    with served(guards={"/fine": doorman}) as server:
        strangers = [
            connected(server, b"GET /fine HTTP/1.1\r\nAuthorization: x\r\n\r\n", f"127.0.2.{number}")
            for number in range(1, 9)
        ]
        until(lambda: server._answering["/fine", None] == len(strangers))
        assert get(url(server), Authorization="friend")[2] == "fine"
        doorman.go.set()
        assert all(b"X-Why: stranger" in rest(one) and b"fine" not in rest(one) for one in strangers)


def test_a_guard_that_fails_lets_nobody_in() -> None:
    class Failing(Doorman):
        def refusal(self, authorization: str) -> Answer | None:
            raise ZeroDivisionError

    with served(guards={"/fine": Failing()}) as server:
        assert get(url(server))[0] == 500


def test_it_ends_with_connections_open() -> None:
    with served() as server:
        one = connected(server, b"GET")
        until(lambda: server.connections == 1)
    assert rest(one) == b""
    with pytest.raises(OSError, match="refused"):
        connected(server)
