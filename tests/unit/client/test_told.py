"""What we say ourselves is not cut where a secret is a common word; what others say is, whatever is beside it."""

import random

import pytest

from infomaniak_operator.client import InfomaniakCloudError, Operations
from infomaniak_operator.client.credentials import CloudCredentials
from infomaniak_operator.client.errors import AuthenticationError, explained
from infomaniak_operator.client.redact import hidden, redacted
from infomaniak_operator.client.session import CloudSession
from infomaniak_operator.client.told import Told, own, told
from tests.support.fake_cloud_http import Reply

HINT = "the application credential or its secret is wrong, expired or deleted"
COMMON = ["wrong", "login", "secret", "the", "GET", "networks", "or", "e", " ", "fresh token", HINT]


def failed(wire, secret, said, *, fresh=False, times=1):
    """The error of a cloud that says that."""
    session = CloudSession(CloudCredentials(wire.auth_url, "app", None, secret), sleep=lambda _: None, refused_for=60)
    reply = Reply(401, {"error": {"code": 401, "title": "Unauthorized", "message": said}})
    if fresh:
        wire.answer = lambda _: reply
    else:
        wire.login_reply = reply
    for _ in range(times):
        with pytest.raises(InfomaniakCloudError) as caught:
            Operations(session).networks.list()
    return caught.value


@pytest.mark.parametrize("secret", COMMON)
@pytest.mark.parametrize("times", [1, 3])
def test_our_sentence_about_a_login_is_whole(wire, secret, times):
    error = failed(wire, secret, f"they say <{secret}> no", times=times)
    text = error.message
    assert text.startswith("login: 401 ")
    assert text.endswith(f": {HINT}")
    assert error.args == (error.message,)
    theirs = text.removeprefix("login: 401 ").removesuffix(f": {HINT}")
    assert secret not in theirs.replace("***", "")
    assert "***" in theirs


@pytest.mark.parametrize("secret", COMMON)
def test_our_sentence_about_a_token_is_whole(wire, secret):
    text = failed(wire, secret, f"<{secret}>", fresh=True).message
    meaning = "the service refuses a fresh token, though Keystone takes the credential"
    assert text.startswith("GET /v2.0/networks: 401 ")
    assert text.endswith(f": {meaning}")
    assert secret not in text.removeprefix("GET /v2.0/networks: 401 ").removesuffix(f": {meaning}").replace("***", "")


@pytest.mark.parametrize("secret", ["*", "**", "***", " *"])
def test_a_refusal_that_answers_for_many_does_not_grow(wire, secret):
    """Each that raises it again hides what is hidden: of a secret that looks like the mark, too."""
    said = "a ** b * c"
    assert len(str(failed(wire, secret, said, times=3))) <= len(str(failed(wire, secret, said))) + 3


@pytest.mark.parametrize("text", ["a * b ** c **** d", told("* {x} y*{y}", x="a ** b", y="*")])
@pytest.mark.parametrize("secret", ["*", "**", "***", "****"])
def test_a_secret_that_looks_like_the_mark_is_hidden_once(text, secret):
    once = hidden(text, [secret])
    assert hidden(once, [secret]) == once
    assert len(once) <= len(text) + 6


def test_a_secret_that_begins_in_their_words_and_ends_in_ours_is_hidden(wire):
    secret = f"x: {HINT}"
    text = str(failed(wire, secret, "x"))
    assert secret not in text
    assert "***" in text


def test_a_request_id_that_repeats_the_secret_is_hidden(wire):
    session = CloudSession(CloudCredentials(wire.auth_url, "app", None, "s3cret-value"), sleep=lambda _: None)
    wire.answer = lambda _: Reply(500, {}, {"X-Openstack-Request-Id": "req-s3cret-value"})
    with pytest.raises(InfomaniakCloudError) as caught:
        Operations(session).networks.create({"name": "n"})
    assert "s3cret-value" not in f"{caught.value} {caught.value.request_id}"


def test_our_own_words_in_their_mouth_are_theirs(wire):
    text = failed(wire, "wrong", f"{HINT}; login: wrong").message
    assert text.count("wrong") == 1
    assert text.endswith(HINT)


def test_what_is_taken_apart_is_hidden_as_a_whole():
    """A text that has lost its places is all of others: it is better to hide too much."""
    text = told("{said}: wrong", said="no")
    assert hidden(text, ["wrong"]) == "no: wrong"
    for plain in (str(text), text[0:], f"{text}", text.strip(), "".join(text)):
        assert hidden(plain, ["wrong"]) == "no: ***"


def test_twice_is_as_once():
    once = hidden(told("wrong: {said}: {more}", said="wrong", more=told("so wrong {x}", x="wrong")), ["wrong"])
    assert once == "wrong: ***: so wrong ***"
    assert isinstance(once, Told)
    assert hidden(once, ["wrong"]) == once


def test_a_value_that_looks_like_a_place_is_a_value():
    assert told("{said}: {{end}}", said="{more}") == "{more}: {end}"


def test_explained_joins_two_sentences():
    assert explained("They say no. ", "it is so") == "They say no: it is so"
    assert (
        hidden(explained(told("login: {x}. ", x="login."), "it is a login"), ["login"]) == "login: ***: it is a login"
    )
    assert hidden(explained(own("login."), "so"), ["login"]) == "login: so"


def test_the_log_of_the_client_keeps_our_words_too():
    error = AuthenticationError(told("login: {said}: wrong", said="wrong"), request_id="wrong")
    assert redacted(error.told(), ["wrong"]) == "login: ***: wrong (request ***)"


def test_of_anything_at_random_what_is_left_of_a_secret_is_ours():
    """Wherever it still stands in the text, each of its places lies within our own words."""
    random_ = random.Random(7)
    for _ in range(3000):
        parts = [("".join(random_.choices("ab ", k=random_.randrange(6))), random_.random() < 0.5) for _ in range(5)]
        text = told(
            "".join(f"{{p{n}}}" for n in range(5)), **{f"p{n}": own(t) if o else t for n, (t, o) in enumerate(parts)}
        )
        secret = "".join(random_.choices("ab", k=random_.randrange(1, 4)))
        shown = hidden(text, [secret])
        at = shown.find(secret)
        while at >= 0:
            assert any(begin <= at and at + len(secret) <= end for begin, end in shown.ours), (parts, secret, shown)
            at = shown.find(secret, at + 1)
        for begin, end in shown.ours:
            assert "*" not in shown[begin:end]
