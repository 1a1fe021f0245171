import logging
import threading
import time

import pytest

from infomaniak_operator.client import (
    AuthenticationError,
    BadRequestError,
    Call,
    Category,
    CloudConnectionError,
    CloudCredentials,
    CloudSession,
    CloudTimeoutError,
    InfomaniakCloudError,
    NotFoundError,
    Operations,
    PreconditionFailedError,
    ServiceError,
)
from infomaniak_operator.client.transport import date_of
from tests.support.fake_cloud_http import REQUEST_ID, Asked, Reply

NETWORK = {"network": {"id": "n1", "name": "n"}}


def neutron_error(status: int, kind: str, message: str) -> Reply:
    return Reply(status, {"NeutronError": {"type": kind, "message": message, "detail": ""}})


def test_who_and_where_come_from_the_token(session, wire):
    assert (session.project_id, session.region) == ("p1", "dc3-a")
    assert wire.logins == 1


@pytest.mark.parametrize("wanted", ["nowhere", None])
def test_a_region_that_is_not_there_names_those_there_are(wire, credentials, wanted):
    wire.regions = ["dc3-a", "dc4-a"]
    session = CloudSession(CloudCredentials(**{**_as_dict(credentials), "region": wanted}))
    with pytest.raises(AuthenticationError, match="dc3-a, dc4-a"):
        Operations(session).networks.list()
    assert wire.asked == []


def _as_dict(credentials):
    return {name: getattr(credentials, name) for name in credentials.__dataclass_fields__}


def test_a_region_in_the_credential_is_used(wire, credentials):
    wire.regions = ["dc3-a", "dc4-a"]
    session = CloudSession(CloudCredentials(**{**_as_dict(credentials), "region": "dc4-a"}))
    assert session.region == "dc4-a"


def test_threads_share_one_login_and_the_connections(wire, credentials):
    session = CloudSession(credentials, pool_size=16)
    networks = Operations(session).networks
    failures = []
    start = threading.Barrier(32)

    def work() -> None:
        start.wait()
        try:
            for _ in range(10):
                networks.list()
        except Exception as error:  # noqa: BLE001 - reported below
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert wire.logins == 1
    assert len(wire.asked) == 320


def test_an_expired_token_is_renewed_once_and_the_request_repeated(session, wire):
    networks = Operations(session).networks
    wire.answer = lambda asked: Reply(201, NETWORK)
    networks.create({"name": "n"})
    wire.valid_tokens.clear()
    networks.create({"name": "n"})
    assert wire.logins == 2
    assert [asked.headers["x-auth-token"] for asked in wire.asked] == ["token-1", "token-1", "token-2"]


def test_threads_with_one_expired_token_login_once(session, wire):
    networks = Operations(session).networks
    networks.list()
    wire.valid_tokens.clear()
    start = threading.Barrier(16)

    def work() -> None:
        start.wait()
        networks.list()

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wire.logins == 2


def test_a_token_that_is_refused_again_is_an_error(session, wire):
    wire.answer = lambda _: Reply(401, {"error": {"code": 401, "title": "Unauthorized", "message": "no"}})
    with pytest.raises(AuthenticationError) as caught:
        Operations(session).networks.create({"name": "n"})
    assert caught.value.outcome_unknown is False
    assert len(wire.asked) == 2


@pytest.mark.parametrize(
    ("reply", "kind", "category"),
    [
        (
            Reply(401, {"error": {"code": 401, "message": "wrong", "title": "Unauthorized"}}),
            AuthenticationError,
            Category.AUTHENTICATION,
        ),
        (
            Reply(404, {"error": {"code": 404, "message": "no such credential"}}),
            AuthenticationError,
            Category.AUTHENTICATION,
        ),
        (Reply(429, {}), ServiceError, Category.TRANSIENT),
        (Reply(503, {}), ServiceError, Category.TRANSIENT),
        (Reply(302, None, {"Location": "http://127.0.0.1:1/elsewhere"}), InfomaniakCloudError, None),
        (Reply(200, {"nothing": "here"}), ServiceError, Category.TRANSIENT),
        (Reply(drop=True), CloudConnectionError, Category.TRANSIENT),
    ],
)
def test_a_login_that_fails(session, wire, reply, kind, category):
    wire.login_reply = reply
    with pytest.raises(kind) as caught:
        Operations(session).networks.create({"name": "n"})
    assert category in (None, caught.value.category)
    assert caught.value.outcome_unknown is False
    assert "s3cret-value" not in str(caught.value)
    assert wire.asked == []


def test_keystone_that_is_not_there_is_a_connection_failure():
    session = CloudSession(
        CloudCredentials("http://127.0.0.1:1/v3", application_credential_id="a", application_credential_secret="b")
    )
    with pytest.raises(CloudConnectionError) as caught:
        _ = session.project_id
    assert (caught.value.category, caught.value.outcome_unknown) == (Category.TRANSIENT, False)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_a_get_is_repeated_and_gets_through(session, wire, status):
    replies = iter([Reply(status, {}), Reply(drop=True), Reply(200, {"networks": [{"id": "n"}]})])
    wire.answer = lambda _: next(replies)
    assert Operations(session).networks.list() == [{"id": "n"}]


def test_a_get_is_given_up_after_three(session, wire):
    wire.answer = lambda _: Reply(503, {})
    with pytest.raises(ServiceError):
        Operations(session).networks.list()
    assert len(wire.asked) == 3


@pytest.mark.parametrize("reply", [Reply(503, {}), Reply(drop=True), Reply(504, {})])
@pytest.mark.parametrize(
    "change",
    [
        lambda do: do.networks.create({"name": "n"}),
        lambda do: do.networks.update("n1", {"name": "n"}),
        lambda do: do.networks.delete("n1"),
    ],
)
def test_a_change_is_never_repeated_and_its_outcome_is_unknown(session, wire, reply, change):
    wire.answer = lambda _: reply
    with pytest.raises(InfomaniakCloudError) as caught:
        change(Operations(session))
    assert len(wire.asked) == 1
    assert caught.value.outcome_unknown is True
    assert caught.value.category is Category.TRANSIENT


def test_a_service_that_refuses_the_connection_did_nothing(session, wire):
    session.project_id  # noqa: B018 - logs in
    wire.address = "http://127.0.0.1:1"
    wire.valid_tokens.clear()
    other = CloudSession(session.credentials)
    with pytest.raises(CloudConnectionError) as caught:
        Operations(other).networks.create({"name": "n"})
    assert caught.value.outcome_unknown is False


def test_no_answer_in_time_is_a_timeout_of_unknown_outcome(credentials, wire):
    done = threading.Event()

    def slow(_: Asked) -> Reply:
        done.wait(10)
        return Reply(201, NETWORK)

    wire.answer = slow
    session = CloudSession(credentials, timeout_seconds=0.2)
    try:
        with pytest.raises(CloudTimeoutError) as created:
            Operations(session).networks.create({"name": "n"})
        with pytest.raises(CloudTimeoutError) as listed:
            Operations(session).networks.list()
    finally:
        done.set()
    assert created.value.outcome_unknown is True
    assert listed.value.outcome_unknown is False
    assert len(wire.asked) == 2  # a GET that timed out is not asked again either


def test_an_error_keeps_the_service_s_words_type_and_request_id(session, wire):
    wire.answer = lambda _: neutron_error(404, "NetworkNotFound", "Network n1 could not be found.")
    with pytest.raises(NotFoundError) as caught:
        Operations(session).networks.get("n1")
    error = caught.value
    assert (error.status, error.error_type, error.request_id) == (404, "NetworkNotFound", REQUEST_ID)
    assert str(error) == (
        f"GET /v2.0/networks/{{id}}: 404 NetworkNotFound: Network n1 could not be found. (request {REQUEST_ID})"
    )


def test_a_redirect_is_followed_nowhere(session, wire):
    wire.answer = lambda _: Reply(302, None, {"Location": f"{wire.address}/elsewhere"})
    with pytest.raises(ServiceError) as caught:
        Operations(session).networks.list()
    assert caught.value.category is Category.TERMINAL
    assert len(wire.asked) == 1


def test_an_answer_that_is_no_json_is_an_error(session, wire):
    wire.answer = lambda _: Reply(201, b"<html>hello</html>")
    with pytest.raises(ServiceError) as caught:
        Operations(session).networks.create({"name": "n"})
    assert caught.value.outcome_unknown is True


def test_the_account_of_calls_has_templates_and_no_ids(credentials, wire):
    calls: list[Call] = []
    session = CloudSession(credentials, on_call=calls.append)
    wire.answer = lambda _: Reply(200, NETWORK)
    do = Operations(session)
    do.networks.get("n1")
    wire.answer = lambda _: Reply(drop=True)
    with pytest.raises(CloudConnectionError):
        do.networks.delete("n1")
    wire.answer = lambda _: neutron_error(409, "NetworkInUse", "in use")
    with pytest.raises(InfomaniakCloudError):
        do.networks.delete("n1")
    told = [(call.service, call.method, call.route, call.status, call.request_id) for call in calls]
    assert told == [
        ("identity", "POST", "/v3/auth/tokens", 201, REQUEST_ID),
        ("network", "GET", "/v2.0/networks/{id}", 200, REQUEST_ID),
        ("network", "DELETE", "/v2.0/networks/{id}", None, None),
        ("network", "DELETE", "/v2.0/networks/{id}", 409, REQUEST_ID),
    ]
    assert all(call.seconds > 0 for call in calls)


class Stood(Exception):  # noqa: N818 - a test's own
    pass


def test_before_change_can_stop_a_change_but_is_not_asked_for_reads_and_logins(credentials, wire):
    asked = []

    def stop() -> None:
        asked.append(1)
        raise Stood

    calls = []
    session = CloudSession(credentials, before_change=stop, on_call=calls.append)
    do = Operations(session)
    do.networks.list()
    assert asked == []
    for change in (
        lambda: do.networks.create({"name": "n"}),
        lambda: do.networks.update("n1", {"name": "n"}),
        lambda: do.networks.delete("n1"),
    ):
        with pytest.raises(Stood):
            change()
    assert [one.method for one in wire.asked] == ["GET"]
    assert [call.method for call in calls] == ["POST", "GET"]  # the login, and the LIST
    assert len(asked) == 3


def test_when_the_token_expires_is_known_without_asking(credentials, wire):
    session = CloudSession(credentials)
    assert session.token_expires is None
    assert wire.logins == 0
    session.login()
    assert session.token_expires == session.login().expires.timestamp()
    assert wire.logins == 1


def test_before_change_is_asked_again_before_the_repetition_with_a_new_token(credentials, wire):
    asked = []
    session = CloudSession(credentials, before_change=lambda: asked.append(1))
    wire.answer = lambda _: Reply(201, NETWORK)
    do = Operations(session)
    do.networks.create({"name": "n"})
    wire.valid_tokens.clear()
    do.networks.create({"name": "n"})
    assert len(asked) == 3


def test_a_revision_goes_as_if_match(session, wire):
    wire.answer = lambda _: neutron_error(412, "RevisionNumberConstraintFailed", "Constrained to 3")
    with pytest.raises(PreconditionFailedError):
        Operations(session).networks.update("n1", {"name": "x"}, if_revision=3)
    with pytest.raises(PreconditionFailedError):
        Operations(session).networks.delete("n1", if_revision=3)
    assert [asked.headers["if-match"] for asked in wire.asked] == ["revision_number=3"] * 2


@pytest.mark.parametrize("bad", ["", "a/b", "..", ".", "a?b", "a b", "ä"])
def test_what_is_no_id_is_never_sent(session, wire, bad):
    for call in (Operations(session).networks.get, Operations(session).networks.delete):
        with pytest.raises(ValueError, match="no id"):
            call(bad)
    assert wire.asked == []


def test_nothing_of_a_secret_is_shown_or_logged(session, wire, caplog):
    caplog.set_level(logging.DEBUG)
    wire.answer = lambda _: neutron_error(400, "HTTPBadRequest", "no")
    with pytest.raises(BadRequestError) as caught:
        Operations(session).networks.create({"name": "n"})
    everything = f"{session!r} {caught.value!r} {caplog.text}"
    assert "s3cret-value" not in everything
    assert "token-1" not in everything


def test_the_catalogue_must_not_lead_from_https_to_http():
    from infomaniak_operator.client.login import endpoint_of  # noqa: PLC0415

    class Catalog:
        def get_endpoints_data(self, **_):
            return {"network": [type("E", (), {"url": "http://plain/network", "region_name": "r"})]}

    access = type("A", (), {"service_catalog": Catalog()})
    assert endpoint_of(access, "network", "r", secure=False) == "http://plain/network"
    with pytest.raises(ServiceError, match="not https"):
        endpoint_of(access, "network", "r", secure=True)


def test_a_netrc_is_not_read(session, wire, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password theirs\n")
    monkeypatch.setenv("NETRC", str(netrc))
    Operations(session).networks.list()
    assert "authorization" not in wire.asked[0].headers


@pytest.mark.parametrize(
    "expires",
    [None, "", "never", 7, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2999-13-45T00:00:00Z", [], {}],
)
def test_a_token_whose_end_cannot_be_read_is_a_documented_error_and_breaks_nothing(credentials, wire, expires):
    def reply(ends):
        whole = good()
        token = {name: value for name, value in whole.body["token"].items() if name != "expires_at"}
        return Reply(201, {"token": token if ends is None else {**token, "expires_at": ends}}, whole.headers)

    good = wire.login
    wire.login = lambda: reply(expires)
    session = CloudSession(credentials)
    for _ in range(2):
        try:
            session.login()
        except InfomaniakCloudError as error:
            assert error.category is Category.TRANSIENT  # noqa: PT017 - either is right
        assert session.token_expires is None or isinstance(session.token_expires, float)


def test_a_credential_that_is_refused_after_it_worked_is_tried_by_one_and_not_by_a_thousand(credentials, wire):
    now = [0.0]
    session = CloudSession(credentials, sleep=lambda _: None, refused_for=5.0, now=lambda: now[0])
    do = Operations(session)
    assert do.networks.list() == []
    wire.valid_tokens.clear()
    wire.login_reply = Reply(401, {})
    wire.asked.clear()
    logins = wire.logins
    for second in range(60):
        now[0] = float(second)
        for _ in range(20):
            with pytest.raises(AuthenticationError) as caught:
                do.networks.list()
    assert caught.value.category is Category.AUTHENTICATION
    assert len(wire.asked) == 1  # whose 401 it was; who has no token asks nothing
    assert wire.logins - logins == 12
    wire.login_reply = None
    now[0] = 65.0
    assert do.networks.list() == []


@pytest.mark.parametrize(
    ("issued", "expires"),
    [
        ("2001-01-01T00:00:00.000000Z", "2001-01-01T01:00:00.000000Z"),
        ("2901-01-01T00:00:00.000000Z", "2901-01-01T01:00:00.000000Z"),
    ],
    ids=["ahead", "behind"],
)
def test_a_token_lasts_as_long_as_keystone_says_wherever_this_machine_s_clock_stands(
    credentials, wire, issued, expires
):
    """A wall clock that is ahead of Keystone's by more than a token's life had it log in before each request."""
    wire.issued_at, wire.expires_at = issued, expires
    now = [1000.0]
    do = Operations(CloudSession(credentials, sleep=lambda _: None, now=lambda: now[0]))
    for _ in range(58):
        do.networks.list()
        now[0] += 60.0
    assert wire.logins == 1
    do.networks.list()  # two minutes before its end: the next one, in time
    assert wire.logins == 2
    assert all(asked.headers["x-auth-token"] in ("token-1", "token-2") for asked in wire.asked)


@pytest.mark.parametrize(
    ("issued", "expires", "logins"),
    [
        ("2026-01-01T00:00:00.000000Z", "2026-01-01T00:01:00.000000Z", 2),  # of a minute: for half of it
        ("2026-01-01T00:00:00.000000Z", "2025-12-31T23:00:00.000000Z", 1),  # its end tells nothing: until it is refused
        ("soon", "2026-01-01T00:00:00.000000Z", 1),
    ],
)
def test_a_token_of_an_odd_life_is_not_asked_for_before_each_request(credentials, wire, issued, expires, logins):
    wire.issued_at, wire.expires_at = issued, expires
    now = [1000.0]
    do = Operations(CloudSession(credentials, sleep=lambda _: None, now=lambda: now[0]))
    for _ in range(6):
        do.networks.list()
        now[0] += 9.0
    assert wire.logins == logins
    wire.valid_tokens.clear()
    do.networks.list()
    assert wire.logins == logins + 1


@pytest.mark.parametrize(
    ("date", "said"),
    [
        ("Sat, 28 Nov 2026 12:00:00 GMT", 1795867200.0),
        (None, None),
        ("yesterday", None),
        ("", None),
        ("Sat, 99 Nov 2026 12:00:00 GMT", None),
        ("Sat, 28 Nov 99999999 12:00:00 GMT", None),
    ],
)
def test_the_time_that_a_header_says(date, said):
    assert date_of(date) == said


def test_the_account_of_a_call_says_what_time_it_is_there(credentials, wire):
    calls: list[Call] = []
    session = CloudSession(credentials, on_call=calls.append)
    wire.answer = lambda _: Reply(200, NETWORK)
    began = time.time()
    Operations(session).networks.get("n1")
    assert len(calls) == 2
    assert all(began - 2 < call.date < time.time() + 2 for call in calls)
    wire.answer = lambda _: Reply(drop=True)
    with pytest.raises(CloudConnectionError):
        Operations(session).networks.delete("n1")
    assert calls[-1].date is None
