"""Services that answer slowly, without end, or far too much: a call ends with a documented error, and in its time.

What trickles here is whole and right in the end: without a limit for the whole call it would be a good answer.
"""

import threading

import pytest

from infomaniak_operator.client import (
    BadRequestError,
    CloudCredentials,
    CloudSession,
    CloudTimeoutError,
    InfomaniakCloudError,
    InfomaniakNetworkClient,
    NotFoundError,
    Operations,
    ServiceError,
)
from tests.support.hostile import Hostile, Talk, answer, hostile, packed, page

SECONDS = 0.3
MIB = 2**20


def calls(do: Operations):
    return [lambda: do.networks.list(), lambda: do.networks.create({"name": "n"}), lambda: do.networks.delete("n1")]


def served(talk: Talk, whole: bytes) -> None:
    talk.request()
    talk.say(whole)


def trickled(talk: Talk, head: bytes, rest: bytes) -> None:
    talk.request()
    talk.say(head)
    talk.trickle(rest)


def chunked(talk: Talk) -> None:
    talk.request()
    talk.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
    body = page("n1")
    talk.trickle(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))


OK = answer(page("n1"))
HEAD, BODY = OK.split(b"\r\n\r\n")
SLOW = {
    "head": lambda talk: trickled(talk, b"", OK),
    "body": lambda talk: trickled(talk, HEAD + b"\r\n\r\n", BODY),
    "chunks": chunked,
    "interim answers": lambda talk: trickled(talk, b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2 + OK),
    "error": lambda talk: trickled(talk, b"HTTP/1.1 404 Not Found\r\nContent-Length: 30\r\n\r\n", b" " * 30),
}


@pytest.fixture
def service(wire):
    """A hostile service beside a good Keystone."""
    with hostile(lambda talk: None) as server:
        wire.address = server.address
        yield server


@pytest.fixture
def quick(credentials, service):
    session = CloudSession(credentials, timeout_seconds=SECONDS, sleep=lambda _: None)
    _ = session.project_id
    yield session
    session.close()


@pytest.mark.parametrize("how", SLOW)
def test_what_trickles_ends_with_the_call_s_time(quick, service: Hostile, how):
    service.script = SLOW[how]
    for number, call in enumerate(calls(Operations(quick))):
        with pytest.raises(CloudTimeoutError, match=r"not over in 0\.3 s") as caught:
            call()
        assert caught.value.outcome_unknown is (number > 0)


def test_a_keystone_that_trickles_is_a_timeout_and_nothing_is_sent():
    for script in SLOW.values():
        with hostile(script) as server:
            session = CloudSession(
                CloudCredentials(f"{server.address}/v3", "app", None, "s3cret"), timeout_seconds=SECONDS
            )
            with pytest.raises(CloudTimeoutError) as caught:
                Operations(session).networks.create({"name": "n"})
            assert caught.value.outcome_unknown is False


def test_threads_that_wait_for_one_login_wait_no_longer_than_it_may_take():
    """Else each of them waits for all before it: with sixteen workers, for a quarter of an hour."""
    with hostile(lambda talk: talk.over.wait(10)) as server:
        session = CloudSession(CloudCredentials(f"{server.address}/v3", "app", None, "s3cret"), timeout_seconds=SECONDS)
        caught: list[Exception] = []
        start = threading.Barrier(8)

        def work() -> None:
            start.wait()
            try:
                Operations(session).networks.list()
            except InfomaniakCloudError as error:
                caught.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [type(error) for error in caught] == [CloudTimeoutError] * 8
        assert server.connections < 4


@pytest.mark.parametrize("first", [b"", b"\x16\x03\x03\x40\x00"], ids=["silent", "trickling"])
def test_a_tls_handshake_that_does_not_end(first):
    def shake(talk: Talk) -> None:
        talk.connection.recv(65536)
        talk.trickle(first + b"\x02" * 40 if first else b"")
        talk.over.wait(0 if first else 2)

    with hostile(shake) as server:
        credentials = CloudCredentials(f"https://127.0.0.1:{server.port}/v3", "app", None, "s3cret")
        session = CloudSession(credentials, timeout_seconds=SECONDS)
        with pytest.raises(CloudTimeoutError):
            _ = session.project_id


def test_the_repetitions_of_a_get_are_within_its_time(quick, service: Hostile):
    def unavailable(talk: Talk) -> None:
        talk.request()
        talk.over.wait(0.2)
        talk.say(answer(b"{}", "503 Unavailable"))

    service.script = unavailable
    with pytest.raises(ServiceError):
        Operations(quick).networks.list()
    assert service.connections == 1  # the next one would begin after 0.4 s


def test_pages_that_go_on_and_on_end_with_the_list_s_time(quick, service: Hostile):
    def further(talk: Talk) -> None:
        talk.request()
        talk.over.wait(0.15)
        number = service.connections
        talk.say(answer(page(f"n{number}", following=f"n{number}" if number < 20 else None)))

    service.script = further
    with pytest.raises(CloudTimeoutError, match=r"not over in 1\.5 s"):
        Operations(quick).networks.list()


# ── far too much ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def patient(credentials, service):
    session = CloudSession(credentials, timeout_seconds=10.0, sleep=lambda _: None)
    _ = session.project_id
    yield session
    session.close()


def blanks(size: int) -> bytes:
    return page("n1").ljust(size)


LONG = {
    "long": lambda talk: served(talk, answer(blanks(17 * MIB))),
    "without end": lambda talk: (talk.request(), talk.say(b"HTTP/1.1 200 OK\r\n\r\n"), talk.say(blanks(40 * MIB))),
    "packed": lambda talk: served(talk, answer(packed(64 * MIB), "200 OK", "Content-Encoding: gzip")),
    "packed twice": lambda talk: served(talk, answer(twice(64 * MIB), "200 OK", "Content-Encoding: gzip, gzip")),
    "many values": lambda talk: served(talk, answer(b'{"networks": [], "more": [' + b"{}," * 2_100_000 + b"{}]}")),
}


def twice(size: int) -> bytes:
    import gzip  # noqa: PLC0415 - here only

    return gzip.compress(packed(size), 1)


@pytest.mark.parametrize("how", LONG)
def test_an_answer_that_is_too_long_is_an_error_and_asked_for_once(patient, service: Hostile, how):
    service.script = LONG[how]
    do = Operations(patient)
    with pytest.raises(ServiceError, match="the answer") as listed:
        do.networks.list()
    assert service.connections == 1
    with pytest.raises(ServiceError, match="the answer") as made:
        do.networks.create({"name": "n"})
    assert (listed.value.outcome_unknown, made.value.outcome_unknown) == (False, True)


@pytest.mark.parametrize(
    "line", [b"X-A: " + b"a" * 60_000 + b"\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"], ids=["headers", "interim answers"]
)
def test_a_head_that_is_too_long_is_an_error(patient, service: Hostile, line):
    def flood(talk: Talk) -> None:
        talk.request()
        talk.say(b"HTTP/1.1 200 OK\r\n" if line.startswith(b"X") else b"")
        talk.say(line * (2 * MIB // len(line)))
        talk.say(b"\r\n" if line.startswith(b"X") else b"HTTP/1.1 200 OK\r\n\r\n")
        talk.say(b"Content-Length: 0\r\n\r\n")

    service.script = flood
    with pytest.raises(ServiceError, match="too long") as caught:
        Operations(patient).networks.create({"name": "n"})
    assert caught.value.outcome_unknown is True


def test_all_pages_together_are_within_bounds(patient, service: Hostile):
    def large(talk: Talk) -> None:
        number = service.connections
        served(talk, answer(page(f"n{number}", following=f"n{number}" if number < 9 else None).ljust(15 * MIB)))

    service.script = large
    with pytest.raises(ServiceError, match="too long"):
        Operations(patient).networks.list()
    assert service.connections == 5


@pytest.mark.parametrize("charset", ["", "; charset=punycode", "; charset=utf-7", "; charset=none-such"])
def test_an_error_s_body_is_read_in_part_and_whatever_its_charset(patient, service: Hostile, charset):
    """To decode ``punycode`` takes the square of the length: a MiB costs minutes, 16 an afternoon."""
    body = b"x-" + b"a" * MIB
    service.script = lambda talk: served(talk, answer(body, "400 Bad", f"Content-Type: text/plain{charset}"))
    with pytest.raises(BadRequestError, match="400 x-aaaa") as caught:
        Operations(patient).networks.create({"name": "n"})
    assert caught.value.outcome_unknown is False


@pytest.mark.parametrize("status", ["201 Created", "400 Bad"])
def test_an_answer_of_keystone_is_read_whatever_its_charset(status):
    """keystoneauth believes what the answer says of it."""
    body = b"x-" + b"a" * (MIB - 9)
    whole = answer(body, status, "Content-Type: application/json; charset=punycode", "X-Subject-Token: t")
    with hostile(lambda talk: served(talk, whole)) as server:
        session = CloudSession(CloudCredentials(f"{server.address}/v3", "app", None, "s3cret"), timeout_seconds=10.0)
        with pytest.raises(ServiceError):
            _ = session.project_id


def test_a_good_answer_s_charset_counts_for_nothing_either(patient, service: Hostile):
    whole = answer(page("n1"), "200 OK", "Content-Type: application/json; charset=punycode")
    service.script = lambda talk: served(talk, whole)
    assert Operations(patient).networks.list() == [{"id": "n1"}]


def test_an_error_s_first_words_are_kept(patient, service: Hostile):
    body = b"<h1>gone</h1>" + b"x" * MIB
    service.script = lambda talk: served(talk, answer(body, "404 Not Found"))
    with pytest.raises(NotFoundError, match="gone"):
        Operations(patient).networks.get("n1")


def test_a_packed_answer_is_read(patient, service: Hostile):
    service.script = lambda talk: served(talk, answer(packed(1), "200 OK", "Content-Encoding: gzip"))
    assert Operations(patient).networks.list() == []


def test_a_service_s_cookies_are_not_kept(patient, service: Hostile):
    seen = []

    def cookie(talk: Talk) -> None:
        seen.append(talk.request().lower())
        talk.say(answer(page(), "200 OK", "Set-Cookie: a=b; Path=/"))

    service.script = cookie
    for _ in range(2):
        Operations(patient).networks.list()
    assert [b"cookie:" in head for head in seen] == [False, False]


# ── the facade ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_facade_ends_a_list_without_end(monkeypatch, caplog):
    from infomaniak_operator.client import base  # noqa: PLC0415 - its bound

    monkeypatch.setattr(base, "MOST_ROWS", 10)

    class Endless:
        class network:  # noqa: N801 - as openstacksdk names it
            @staticmethod
            def networks():
                while True:
                    yield {"id": "n"}

    assert InfomaniakNetworkClient(Endless()).list_networks() == []
    assert "more than 10 rows" in caplog.text


def test_the_facade_follows_no_redirect(wire, caplog):
    """The token would go along."""
    seen = []

    def elsewhere(talk: Talk) -> None:
        seen.append(talk.request())
        talk.say(answer(page("n1")))

    from tests.support.fake_cloud_http import Reply  # noqa: PLC0415

    with hostile(elsewhere) as server:
        wire.answer = lambda _: Reply(302, None, {"Location": f"{server.address}/v2.0/networks"})
        client = InfomaniakNetworkClient._connected(
            CloudCredentials(wire.auth_url, application_credential_id="app", application_credential_secret="s3cret")
        )
        assert client.list_networks() == []
    assert seen == []
