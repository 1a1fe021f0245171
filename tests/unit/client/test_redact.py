"""Nothing of a secret is shown, in whatever form it comes back."""

import base64
import html
import json
import logging
import re
from urllib.parse import quote, quote_plus

import pytest

from infomaniak_operator.client import InfomaniakCloudError, Operations
from infomaniak_operator.client.credentials import CloudCredentials
from infomaniak_operator.client.redact import Hiding, hidden, redacted
from infomaniak_operator.client.session import CloudSession
from tests.support.fake_cloud_http import Reply

SECRET = 'Cor/rect "horse"  batt+ery\\ stäple&'

FORMS = {
    "plain": SECRET,
    "url": quote(SECRET, safe=""),
    "url with slashes": quote(SECRET),
    "form": quote_plus(SECRET),
    "lower hex": re.sub("%..", lambda found: found[0].lower(), quote(SECRET, safe="")),
    "url twice": quote(quote(SECRET, safe=""), safe=""),
    "json": json.dumps(SECRET),
    "json, as it is": json.dumps(SECRET, ensure_ascii=False),
    "json in json": json.dumps(json.dumps({"a": SECRET})),
    "python": repr(SECRET),
    "html": html.escape(SECRET),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64 for urls": base64.urlsafe_b64encode(SECRET.encode()).decode(),
    "basic": base64.b64encode(f"user:{SECRET}".encode()).decode(),
    "basic, other": base64.b64encode(f"users:{SECRET}:x".encode()).decode(),
    "basic, third": base64.b64encode(f"user1s:{SECRET}:xy".encode()).decode(),
    "blanks joined": " ".join(SECRET.split()),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_known_secret_is_hidden_in_each_form(form):
    shown = hidden(f"they say <{FORMS[form]}> is wrong", [SECRET])
    assert "***" in shown
    assert shown.startswith("they say <")
    assert shown.endswith("> is wrong")
    left = shown.removeprefix("they say <").removesuffix("> is wrong")
    # Of base64 the ends stay, which also hold bits of what is beside the secret; of JSON its quotes.
    assert len(left.replace("***", "")) <= (20 if "basic" in form or "in json" in form else 4)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password: my pass word", "password: ***"),
        ("password=my pass word; code 3", "password=***; code 3"),
        ('{"password": "my pass, word", "code": 3}', '{"password": ***, "code": 3}'),
        (r'{"password": "my \"pass word", "code": 3}', '{"password": ***, "code": 3}'),
        (r'"{\"password\": \"my pass word\", \"code\": 3}"', r'"{\"password\": ***\", \"code\": 3}"'),
        ("{'secret': 'my pass word'}", "{'secret': ***}"),
        ("X-Auth-Token: abc def\nHost: here", "X-Auth-Token: ***\nHost: here"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ***"),
        ("the password is wrong", "the password is wrong"),
        ("?token=abc&name=n", "?token=***&name=n"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_to_its_end(text, shown):
    assert redacted(text) == shown


def test_nothing_else_is_touched():
    text = "network 3 could not be found: Basic things"
    assert redacted(text, [SECRET]) == hidden(text, [SECRET]) == text


@pytest.mark.parametrize("form", ["plain", "url", "json", "base64"])
def test_a_service_that_repeats_the_secret_is_not_repeated(wire, form, caplog):
    """The operator puts what a service says into conditions and Events."""
    caplog.set_level(logging.DEBUG)
    session = CloudSession(CloudCredentials(wire.auth_url, "app", None, SECRET), sleep=lambda _: None)
    said = {"NeutronError": {"type": FORMS[form], "message": f"no {FORMS[form]} for token-1", "detail": ""}}
    wire.answer = lambda _: Reply(400, said)
    with pytest.raises(InfomaniakCloudError) as caught:
        Operations(session).networks.create({"name": "n"})
    wire.valid_tokens.clear()
    wire.login_reply = Reply(401, {"error": {"code": 401, "title": "No", "message": f"no {FORMS[form]}"}})
    with pytest.raises(InfomaniakCloudError) as refused:
        Operations(session).networks.list()
    for error in (caught.value, refused.value):
        everything = f"{error} {error!r} {error.error_type} {caplog.text}"
        assert "***" in str(error)
        assert FORMS[form] not in everything
        assert "horse" not in everything
        assert "token-1" not in str(error)


def test_many_texts_are_freed_of_the_same_secrets():
    hiding = Hiding(["one-secret", "", "another-secret"])
    texts = ["one-secret, another-secret", "password: one more", "nothing"]
    assert [hiding.hidden(each) for each in texts] == ["***, ***", "password: one more", "nothing"]
    assert [hiding.redacted(each) for each in texts] == ["***, ***", "password: ***", "nothing"]
    narrowed = hiding.within("\0".join(texts[1:]))
    assert [narrowed.hidden(each) for each in texts[1:]] == texts[1:]
    assert hiding.within(texts[0]).hidden(texts[0]) == "***, ***"
