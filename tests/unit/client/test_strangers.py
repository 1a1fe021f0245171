"""What strangers answer: whatever it is, an error that is documented comes of it, and nothing hangs or grows."""

import contextlib
import copy
import time

import pytest

from infomaniak_operator.client import (
    AuthenticationError,
    Category,
    CloudSession,
    InfomaniakCloudError,
    NotFoundError,
    Operations,
    ServiceError,
    rest,
)
from infomaniak_operator.client.classify import words_of
from infomaniak_operator.client.redact import redacted
from tests.support.fake_cloud_http import Reply

ODD = ["\ud800", "a\x00b\x1b[31m", "x" * 200_000, {"deep": [1, {"a": None}]}, 7, ["a", "b"], True]


def printable(text):
    return text.isprintable() and len(text) <= 2200 and text.encode()


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: str(odd)[:10].encode("ascii", "replace").decode())
def test_what_an_error_says_can_be_shown(session, wire, odd):
    for body in (
        {"NeutronError": {"type": odd, "message": odd}},
        {"NeutronError": odd},
        {"faultstring": odd},
        {"error": {"message": odd, "title": odd}},
        {"message": odd},
        odd,
    ):
        wire.answer = lambda _, body=body: Reply(404, body)
        with pytest.raises(NotFoundError) as caught:
            Operations(session).networks.get("n")
        assert printable(str(caught.value))
        assert printable(caught.value.error_type or "none")


def test_a_page_full_of_brackets_takes_no_time():
    began = time.process_time()
    words_of(None, "<" * 1_000_000)
    assert time.process_time() - began < 2.0


@pytest.mark.parametrize("word", ["secret", "token", "a", "secret-", "secret: bearer ", "password ", "gAAAAA"])
def test_a_text_full_of_what_looks_like_a_secret_takes_no_time(word):
    began = time.process_time()
    redacted(word * (20_000 // len(word)))
    assert time.process_time() - began < 2.0


@pytest.mark.parametrize("charset", ["idna", "undefined", "punycode", "utf-7", "nonsense", "zlib_codec", "utf-16"])
@pytest.mark.parametrize("status", [200, 404])
def test_no_charset_of_an_answer_raises_or_takes_long(session, wire, charset, status):
    """Python has codecs that raise whatever is to be done about errors, and some that take the square of the length."""
    for body in (b"a-" + b"zzzz9" * 100_000, b'{"network": {"id": "n"}, "message": "no"}'):
        headers = {"Content-Type": f"application/json; charset={charset}"}
        wire.answer = lambda _, body=body, headers=headers: Reply(status, body, headers)
        began = time.process_time()
        with contextlib.suppress(InfomaniakCloudError):
            Operations(session).networks.get("n")
        assert time.process_time() - began < 2.0


def test_a_page_in_an_older_charset_can_be_read(session, wire):
    headers = {"Content-Type": "text/html; charset=ISO-8859-1"}
    wire.answer = lambda _: Reply(404, "<h1>Entr\u00e9e introuvable</h1>".encode("latin-1"), headers)
    with pytest.raises(NotFoundError, match="Entr\u00e9e introuvable"):
        Operations(session).networks.get("n")


@pytest.mark.parametrize("bad", ["req-\u00e9", "x" * 10_000, "a b", "<script>"])
def test_what_is_no_request_id_is_left_out(session, wire, bad):
    wire.answer = lambda _: Reply(404, {}, {"X-Openstack-Request-Id": bad})
    with pytest.raises(NotFoundError) as caught:
        Operations(session).networks.get("n")
    assert caught.value.request_id is None


@pytest.mark.parametrize("row", [None, 7, "row", [], {}, {"id": None}, {"id": 7}, {"id": ""}, {"id": "../x"}], ids=str)
def test_a_row_without_an_id_is_an_error(session, wire, row):
    do = Operations(session)
    wire.answer = lambda _: Reply(200, {"networks": [{"id": "n"}, row], "network": row})
    for call in (do.networks.list, lambda: do.networks.list(fields=["id"]), lambda: do.networks.get("n")):
        with pytest.raises(ServiceError) as caught:
            call()
        assert caught.value.outcome_unknown is False
    for change in (
        lambda: do.networks.create({"name": "n"}),
        lambda: do.networks.create_many([{"name": "n"}]),
        lambda: do.networks.update("n", {"name": "n"}),
    ):
        with pytest.raises(ServiceError) as caught:
            change()
        assert caught.value.outcome_unknown is True


@pytest.mark.parametrize("listeners", [7, [7], ["x"], [{"name": "x"}], [{"id": ["x"]}], {"a": 1}], ids=str)
def test_of_chosen_attributes_those_that_are_there_are_looked_at(session, wire, listeners):
    """The operator's own session relies on rows; what was not asked for is missing, and that is no fault."""
    do = Operations(session, whole=True)
    wire.answer = lambda _: Reply(200, {"loadbalancers": [{"id": "l", "listeners": [{"id": "x"}]}]})
    assert do.load_balancers.list(fields=["id", "listeners"]) == [{"id": "l", "listeners": [{"id": "x"}]}]
    wire.answer = lambda _: Reply(200, {"loadbalancers": [{"id": "l", "listeners": listeners}]})
    with pytest.raises(ServiceError, match="'listeners'"):
        do.load_balancers.list(fields=["id", "listeners"])


def test_rows_hold_what_was_asked_for(session, wire):
    wire.answer = lambda _: Reply(200, {"networks": [{"name": None}, {"name": "\ud800"}]})
    assert Operations(session).networks.list(fields=["name"]) == [{"name": None}, {"name": "\ud800"}]


@pytest.mark.parametrize(
    "links",
    [
        7, "next", {"rel": "next"}, [None], [7], [{"rel": "next"}], [{"rel": "next", "href": None}],
        [{"rel": "next", "href": "http://[/?marker=1"}], [{"rel": "next", "href": "http://x/networks"}],
        [{"rel": "next", "href": "http://x/networks?limit=2"}],
    ],
    ids=str,
)  # fmt: skip
def test_a_link_that_leads_nowhere_is_never_a_whole_list(session, wire, links):
    wire.answer = lambda _: Reply(200, {"networks": [{"id": "n"}], "networks_links": links})
    with pytest.raises(ServiceError, match="page"):
        Operations(session).networks.list()
    assert len(wire.asked) == 1


@pytest.mark.parametrize("links", [None, [], [{"rel": "previous", "href": "http://x/?marker=1"}]])
def test_a_page_without_a_next_one_is_the_last(session, wire, links):
    wire.answer = lambda _: Reply(200, {"networks": [{"id": "n"}], "networks_links": links})
    assert Operations(session).networks.list() == [{"id": "n"}]


def test_the_next_page_is_asked_for_with_our_own_filters(session, wire):
    """A link that has lost them would lead to what belongs to others."""
    replies = iter(
        [
            {"networks": [{"id": "a"}], "networks_links": [{"rel": "next", "href": "?marker=a&limit=1&project_id=b"}]},
            {"networks": [{"id": "b"}]},
        ]
    )
    wire.answer = lambda _: Reply(200, next(replies))
    Operations(session).networks.list(project_id="p1")
    assert wire.asked[1].query == [("project_id", "p1"), ("marker", "a"), ("limit", "1")]


def test_pages_without_end_are_an_error(session, wire, monkeypatch):
    monkeypatch.setattr(rest, "MOST_PAGES", 20)

    def page(asked):
        number = int(dict(asked.query).get("marker", 0)) + 1
        return Reply(200, {"networks": [], "networks_links": [{"rel": "next", "href": f"?marker={number}"}]})

    wire.answer = page
    with pytest.raises(ServiceError, match="pages"):
        Operations(session).networks.list()
    assert len(wire.asked) == 20


class Token:
    """A token that is not as it should be."""

    def __init__(self, wire):
        self._good = wire.login().body
        wire.logins = 0

    def without(self, *path, value=None, gone=False):
        body = copy.deepcopy(self._good)
        place = body
        for step in path[:-1]:
            place = place[step]
        if gone:
            del place[path[-1]]
        else:
            place[path[-1]] = value
        return body


TOKENS = [
    lambda token: [],
    lambda token: 7,
    lambda token: None,
    lambda token: "token",
    lambda token: {"token": None},
    lambda token: {"token": []},
    lambda token: {"token": {}},
    lambda token: token.without("token", "expires_at", gone=True),
    lambda token: token.without("token", "expires_at", value="soon"),
    lambda token: token.without("token", "expires_at", value=None),
    lambda token: token.without("token", "catalog", value=7),
    lambda token: token.without("token", "catalog", value=[None]),
    lambda token: token.without("token", "catalog", value=[{}]),
    lambda token: token.without("token", "catalog", 0, "endpoints", value=None),
    lambda token: token.without("token", "catalog", 0, "endpoints", 0, "url", gone=True),
    lambda token: token.without("token", "catalog", 0, "endpoints", 0, "url", value=None),
    lambda token: token.without("token", "catalog", 0, "endpoints", 0, "url", value="ftp://x"),
    lambda token: token.without("token", "catalog", 0, "endpoints", 0, "interface", gone=True),
    lambda token: token.without("token", "catalog", 0, "endpoints", 0, "url", value="http://" + "a" * 300 + "/"),
    lambda token: token.without("token", "catalog", 0, "endpoints", 0, "url", value="http://[::1/"),
    lambda token: token.without("token", "project", value=7),
    lambda token: token.without("token", "project", value={}),
]


@pytest.mark.parametrize("number", range(len(TOKENS)))
def test_a_token_that_is_none(session, wire, number):
    wire.login_reply = Reply(201, TOKENS[number](Token(wire)), {"X-Subject-Token": "token-1"})
    do = Operations(session)
    for call in (
        do.networks.list,
        lambda: do.networks.create({"name": "n"}),
        lambda: do.quotas.get(),
        lambda: session.project_id,
        lambda: session.region,
        lambda: session.token_expires,
    ):
        error = failure_of(call)
        assert error is None or printable(str(error))
    assert any(
        failure_of(call) for call in (do.networks.list, lambda: do.load_balancers.list(), lambda: session.project_id)
    )


def failure_of(call):
    """The documented error that it raises, if it raises one; any other error is the test's."""
    try:
        call()
    except InfomaniakCloudError as error:
        return error
    return None


@pytest.mark.parametrize("value", ["soon", None, 7])
def test_a_token_whose_end_cannot_be_read_is_not_kept(session, wire, value):
    wire.login_reply = Reply(
        201, Token(wire).without("token", "expires_at", value=value), {"X-Subject-Token": "token-9"}
    )
    wire.valid_tokens.add("token-9")
    for _ in range(2):
        with pytest.raises(ServiceError) as caught:
            Operations(session).networks.list()
        assert caught.value.category is Category.TRANSIENT
    wire.login_reply = None
    assert Operations(session).networks.list() == []


@pytest.mark.parametrize("headers", [{}, {"X-Subject-Token": "a\u00e9\x01"}])
def test_a_login_without_a_token(session, wire, headers):
    wire.login_reply = Reply(201, Token(wire).without("token", "methods", value=[]), headers)
    with pytest.raises(InfomaniakCloudError) as caught:
        Operations(session).networks.create({"name": "n"})
    assert caught.value.category is not Category.AUTHENTICATION


# ── 401 ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_fresh_token_that_a_service_refuses_passes(session, wire):
    """Keystone takes the credential: nobody has anything to mend there."""
    wire.answer = lambda _: Reply(401, {"error": {"code": 401, "title": "Unauthorized", "message": "no"}})
    for call in (lambda do: do.networks.list(), lambda do: do.networks.create({"name": "n"})):
        wire.asked.clear()
        with pytest.raises(AuthenticationError, match="fresh token") as caught:
            call(Operations(session))
        assert (caught.value.category, caught.value.status) == (Category.TRANSIENT, 401)
        assert caught.value.outcome_unknown is False
        assert len(wire.asked) == 2
    assert wire.logins == 3  # one login for each 401, beside the first


def test_one_refused_token_is_one_login(session, wire):
    replies = iter([Reply(401, {}), Reply(200, {"networks": []})])
    wire.answer = lambda _: next(replies)
    assert Operations(session).networks.list() == []
    assert wire.logins == 2


def test_a_credential_that_keystone_refuses_is_a_persons_to_mend(session, wire):
    Operations(session).networks.list()
    wire.valid_tokens.clear()
    wire.login_reply = Reply(401, {"error": {"code": 401, "title": "Unauthorized", "message": "no"}})
    for _ in range(2):
        with pytest.raises(AuthenticationError) as caught:
            Operations(session).networks.list()
        assert caught.value.category is Category.AUTHENTICATION


@pytest.mark.parametrize("status", [400, 403, 404, 405, 429, 451, 499, 500, 520])
def test_a_page_of_a_proxy_in_keystones_place_is_no_refusal_of_the_credential(session, wire, status):
    wire.login_reply = Reply(status, b"<html><h1>Maintenance</h1></html>")
    with pytest.raises(ServiceError) as caught:
        Operations(session).networks.list()
    assert caught.value.category is Category.TRANSIENT
    assert "Maintenance" in str(caught.value)
    assert caught.value.status == status


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_keystones_own_refusal_is(session, wire, status):
    wire.login_reply = Reply(status, {"error": {"code": status, "title": "No", "message": "their words"}})
    with pytest.raises(AuthenticationError, match="their words") as caught:
        Operations(session).networks.list()
    assert caught.value.category is Category.AUTHENTICATION


@pytest.mark.parametrize(
    ("body", "fresh"),
    [
        ({"error": {"code": 401, "title": "Unauthorized", "message": "It requires authentication."}}, False),
        ({"error": {"code": 401, "title": "Unauthorized", "message": "It requires authentication."}}, True),
        (b"<html>Down for maintenance.</html>", False),
    ],
)
def test_their_sentence_and_what_it_means_are_one_sentence(session, wire, body, fresh):
    if fresh:
        wire.answer = lambda _: Reply(401, body)
    else:
        wire.login_reply = Reply(401 if isinstance(body, dict) else 404, body)
    with pytest.raises(InfomaniakCloudError, match=r"(authentication|maintenance): ") as caught:
        Operations(session).networks.list()
    assert ".:" not in str(caught.value)


def test_a_host_that_cannot_be_is_a_connection_failure(credentials):
    session = CloudSession(type(credentials)("http://" + "a" * 300 + ".example/v3", "app", None, "secret"))
    with pytest.raises(InfomaniakCloudError) as caught:
        _ = session.project_id
    assert caught.value.category is Category.TRANSIENT
