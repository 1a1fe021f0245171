"""Whether a change that did not go well may have been carried out: by status, by what was answered, and by whom."""

import json

import openstack.exceptions as sdk
import pytest
import requests
from keystoneauth1 import exceptions as keystone

from infomaniak_operator.client import (
    Category,
    CloudConnectionError,
    InfomaniakCloudError,
    Operations,
    ServiceError,
    classify,
)
from infomaniak_operator.client.classify import Words, by_status, from_response, words_of
from tests.support.fake_cloud_http import Reply

OWN = [
    {"NeutronError": {"type": "Whatever", "message": "their words", "detail": ""}},
    {"faultcode": "Client", "faultstring": "their words", "debuginfo": None},
]
STRANGE = [b"<html><h1>no</h1></html>", b"", b"{", {}, [], None, "text"]

UNKNOWN_4XX = {408, 460, 499}
"""The server gave up waiting for the request, or the client had gone (460 and 499, of proxies)."""


def answer(status, body):
    response = requests.Response()
    response.status_code = status
    response._content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response.headers["content-type"] = "application/json"
    return response


def expected(status, body):
    if 400 <= status < 500:
        return status in UNKNOWN_4XX
    # Octavia's own 501: the provider cannot. It says so before it makes anything.
    return not (status == 501 and body in OWN)


@pytest.mark.parametrize("body", [*OWN, *STRANGE], ids=str)
def test_every_status_of_an_error(body):
    for status in range(300, 600):
        found = from_response(answer(status, body), what="POST /x", changing=True)
        assert found.outcome_unknown is expected(status, body), status
        assert found.status == status
        assert from_response(answer(status, body), what="GET /x").outcome_unknown is False


@pytest.mark.parametrize(
    "raised",
    [
        lambda response: requests.HTTPError(response=response),
        lambda response: sdk.HttpException("no", response=response),
        lambda response: keystone.HttpError("no", response=response, http_status=response.status_code),
    ],
)
def test_every_status_whoever_raises_it(raised):
    for status in range(300, 600):
        error = raised(answer(status, STRANGE[0]))
        assert classify(error, changing=True).outcome_unknown is expected(status, STRANGE[0]), status
        assert classify(error, changing=False).outcome_unknown is False


@pytest.mark.parametrize("status", [520, 521, 522, 523, 524, 525, 526, 527, 530, 561, 598, 599])
def test_what_a_proxy_makes_up_is_tried_again(status):
    found = by_status(status, Words(None, ""), changing=True)
    assert (type(found), found.category, found.outcome_unknown) == (ServiceError, Category.TRANSIENT, True)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 522, 524, 599])
def test_a_get_that_a_proxy_failed_is_repeated(session, wire, status):
    replies = iter([Reply(status, b"<html>"), Reply(200, {"networks": [{"id": "n"}]})])
    wire.answer = lambda _: next(replies)
    assert Operations(session).networks.list() == [{"id": "n"}]


CHANGES = {
    "create": lambda do: do.networks.create({"name": "n"}),
    "create of many": lambda do: do.security_group_rules.create_many([{"direction": "ingress"}]),
    "create of a tree": lambda do: do.load_balancers.create_tree({"name": "lb"}),
    "update": lambda do: do.networks.update("n1", {"name": "n"}),
    "delete": lambda do: do.networks.delete("n1"),
    "cascade": lambda do: do.load_balancers.delete("l", cascade=True),
    "member": lambda do: do.members.create("p", {"address": "10.0.0.1", "protocol_port": 80}),
    "members": lambda do: do.members.replace_all("p", [{"address": "10.0.0.1", "protocol_port": 80}]),
    "interface": lambda do: do.routers.add_interface("r", subnet_id="s"),
    "no interface": lambda do: do.routers.remove_interface("r", subnet_id="s"),
    "tags": lambda do: do.tags.replace("networks", "n1", ["t"]),
}


@pytest.mark.parametrize(
    "reply",
    [
        Reply(103, None),
        Reply(303, None, {"Location": "/x"}),
        Reply(408, None),
        Reply(499, b""),
        Reply(500, OWN[0]),
        Reply(501, b"<html>"),
        Reply(520, b"<html>"),
        Reply(524, b"<html>"),
        Reply(599, None),
        Reply(200, b"{"),
        Reply(201, b"<html>welcome</html>"),
        Reply(200, b"\xff\xfe\xfd"),
        Reply(200, b"[" * 100_000),
        Reply(201, b'{"network": ', {"Content-Length": "9999"}),
        Reply(201, b'{"network": {}}', {"Content-Length": "15, 16"}),
        Reply(201, b"not zipped", {"Content-Encoding": "gzip"}),
        Reply(drop=True),
    ],
    ids=lambda reply: f"{reply.status} {str(reply.body)[:20]} {reply.headers} {reply.drop}",
)
def test_a_change_that_may_have_been_carried_out(session, wire, reply):
    wire.answer = lambda _: reply
    for name, change in CHANGES.items():
        wire.asked.clear()
        with pytest.raises(InfomaniakCloudError) as caught:
            change(Operations(session))
        assert caught.value.outcome_unknown is True, name
        assert isinstance(caught.value, (ServiceError, CloudConnectionError)), name
        assert len(wire.asked) == 1, name


NO_ANSWER = [Reply(200, None), Reply(200, []), Reply(200, {}), Reply(200, 7), Reply(200, "text"), Reply(204, None)]
WITH_AN_ANSWER = ["create", "create of many", "create of a tree", "update", "member", "tags", "interface"]


@pytest.mark.parametrize("reply", NO_ANSWER, ids=lambda reply: f"{reply.status} {reply.body}")
def test_a_change_whose_answer_says_nothing_may_have_been_carried_out(session, wire, reply):
    wire.answer = lambda _: reply
    for name in WITH_AN_ANSWER:
        with pytest.raises(ServiceError) as caught:
            CHANGES[name](Operations(session))
        assert caught.value.outcome_unknown is True, name


@pytest.mark.parametrize("body", OWN, ids=str)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 413, 429, 451, 501])
def test_a_refusal_in_the_service_s_own_words_is_definite(session, wire, body, status):
    wire.answer = lambda _: Reply(status, body)
    for name, change in CHANGES.items():
        with pytest.raises(InfomaniakCloudError, match="their words") as caught:
            change(Operations(session))
        assert caught.value.outcome_unknown is False, name


def test_an_error_nobody_knows_is_no_refusal():
    """What is not known to come before the request was sent may come after it."""
    for error in (ValueError("what"), sdk.SDKException("what"), keystone.InvalidResponse(answer(200, {}))):
        assert classify(error, changing=True).outcome_unknown is True
        assert classify(error, changing=False).outcome_unknown is False


@pytest.mark.parametrize(
    "error", [sdk.ConfigException("no auth"), keystone.MissingAuthPlugin(), keystone.EndpointNotFound("no")]
)
def test_what_fails_before_anything_is_sent_is_definite(error):
    assert classify(error, changing=True).outcome_unknown is False


def test_a_body_is_the_services_own_or_not():
    assert all(words_of(body).own for body in OWN)
    assert not any(words_of(body, "text").own for body in ({}, [], None, "text", {"message": "m"}, {"error": ""}))
