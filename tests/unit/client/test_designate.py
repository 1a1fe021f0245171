# ruff: noqa: PLR0917 - a row of the table is a list of arguments
"""The raising form's Designate: routes, bodies without a wrapper, pages, its errors; and what a facade without a region does."""

from unittest.mock import MagicMock

import pytest

from infomaniak_operator.client import (
    BadRequestError,
    Category,
    CloudCredentials,
    CloudSession,
    InfomaniakNetworkClient,
    Operations,
    QuotaExceededError,
    ServiceError,
    ServiceMissingError,
)
from tests.support.fake_cloud_http import Reply

ID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
NAME = {
    "id": f"dc3-a:{ID}",
    "address": "198.51.100.7",
    "ptrdname": "mail.example.com.",
    "ttl": 300,
    "status": "PENDING",
}


def answering(wire, status, body):
    wire.answer = lambda _: Reply(status, body)


def test_the_route_has_the_region_and_the_body_no_wrapper(session, wire):
    answering(wire, 202, NAME)
    body = {"ptrdname": "mail.example.com.", "ttl": 300}
    assert Operations(session).reverse_dns.set(ID, body) == NAME
    (asked,) = wire.asked
    path = f"/dns/v2/reverse/floatingips/dc3-a%3A{ID}"
    assert (asked.method, asked.path.replace(":", "%3A"), asked.body) == ("PATCH", path, body)


def test_to_unset_is_a_null_and_the_answer_may_be_empty(session, wire):
    answering(wire, 202, None)
    assert Operations(session).reverse_dns.unset(ID) is None
    (asked,) = wire.asked
    assert (asked.method, asked.body) == ("PATCH", {"ptrdname": None})


@pytest.mark.parametrize(
    "body", [{}, {"ttl": 3}, {"ptrdname": None}, {"ptrdname": ""}, {"ptrname": "mail.example.com."}]
)
def test_a_body_without_a_name_or_with_a_misspelt_one_is_not_sent(session, wire, body):
    with pytest.raises(ValueError, match="ptrdname"):
        Operations(session).reverse_dns.set(ID, body)
    assert wire.asked == []


def test_all_pages_of_a_list_by_designates_own_links(session, wire):
    def answer(asked):
        after = dict(asked.query).get("marker")
        links = {} if after else {"next": "http://elsewhere/v2/zones?limit=1&marker=z1"}
        row = {"id": "z2" if after else "z1", "name": "e."}
        return Reply(200, {"zones": [row], "links": {"self": "x", **links}, "metadata": {"total_count": 2}})

    wire.answer = answer
    assert [row["id"] for row in Operations(session).zones.list(name="e.*")] == ["z1", "z2"]
    assert [dict(asked.query).get("name") for asked in wire.asked] == ["e.*", "e.*"]


@pytest.mark.parametrize("links", [7, [1], {"next": None}, {"next": "no marker"}])
def test_links_that_cannot_be_read_are_an_error_and_no_end(session, wire, links):
    answering(wire, 200, {"zones": [], "links": links})
    with pytest.raises(ServiceError):
        Operations(session).zones.list()


def test_a_change_is_never_repeated(session, wire):
    answering(wire, 503, {"code": 503, "type": "unknown"})
    with pytest.raises(ServiceError) as caught:
        Operations(session).reverse_dns.set(ID, {"ptrdname": "mail.example.com."})
    assert (caught.value.outcome_unknown, len(wire.asked)) == (True, 1)


ERRORS = [
    (400, {"code": 400, "type": "invalid_object", "message": "no dot"}, BadRequestError, Category.TERMINAL, "no dot"),
    (
        400,
        {"code": 400, "type": "invalid_object", "errors": {"errors": [{"path": "ttl", "message": "too high"}]}},
        BadRequestError,
        Category.TERMINAL,
        "ttl: too high",
    ),
    (
        413,
        {"code": 413, "type": "over_quota", "message": "Quota exceeded for zones."},
        QuotaExceededError,
        Category.QUOTA,
        "Quota exceeded for zones.",
    ),
]


@pytest.mark.parametrize(("status", "body", "kind", "category", "words"), ERRORS)
def test_designates_own_words(session, wire, status, body, kind, category, words):
    answering(wire, status, {**body, "request_id": "req-1"})
    with pytest.raises(kind) as caught:
        Operations(session).reverse_dns.set(ID, {"ptrdname": "mail.example.com."})
    assert (caught.value.error_type, caught.value.category) == (body["type"], category)
    assert words in caught.value.message


def test_a_cloud_without_designate_is_an_error_of_its_own(wire, monkeypatch):
    login = wire.login

    def without(who=""):
        reply = login(who)
        reply.body["token"]["catalog"] = [each for each in reply.body["token"]["catalog"] if each["type"] != "dns"]
        return reply

    monkeypatch.setattr(wire, "login", without)
    credentials = CloudCredentials(wire.auth_url, "app", None, "s3cret-value")
    session = CloudSession(credentials, sleep=lambda _: None)
    do = Operations(session).reverse_dns
    for ask in (do.list, lambda: do.get(ID), lambda: do.unset(ID)):
        with pytest.raises(ServiceMissingError, match="'dns' in region 'dc3-a'") as caught:
            ask()
        assert (caught.value.category, caught.value.outcome_unknown) == (Category.TERMINAL, False)
    assert wire.asked == []
    session.close()


def test_a_connection_for_no_region_is_said_and_asks_nothing(caplog):
    conn = MagicMock()
    conn.config.region_name = None
    client = InfomaniakNetworkClient(conn)
    assert client.get_reverse_dns(ID) is None
    assert client.set_reverse_dns(ID, "mail.example.com") is None
    assert client.unset_reverse_dns(ID) is False
    assert caplog.text.count("region_name") == 3
    assert conn.dns.mock_calls == []
