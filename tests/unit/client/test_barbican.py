"""The raising form's Barbican: addresses, pages that are counted off, and nothing of a payload in any message."""

import base64
import random

import pytest

from infomaniak_operator.client import (
    CloudCredentials,
    ForbiddenError,
    InfomaniakCloudError,
    InfomaniakNetworkClient,
    Operations,
    QuotaExceededError,
    ServiceError,
)
from infomaniak_operator.client.barbican import secret_id
from tests.support.fake_cloud_http import Reply

PAYLOAD = base64.b64encode(random.Random(7).randbytes(600)).decode()


def ref(name):
    return f"https://keys.example/v1/secrets/{name}"


def row(number):
    return {"secret_ref": ref(f"s{number}"), "name": f"n{number}", "status": "ACTIVE", "created": "2026"}


def test_the_id_is_the_end_of_the_address(session, wire):
    wire.answer = lambda _: Reply(201, {"secret_ref": ref("abc")})
    made = Operations(session, whole=True).secrets.create({"name": "n", "payload": PAYLOAD})
    assert made == {"id": "abc", "secret_ref": ref("abc"), "name": "n", "status": "ACTIVE"}
    (asked,) = wire.asked
    assert (asked.method, asked.path, asked.body) == (
        "POST",
        "/key-manager/v1/secrets",
        {"name": "n", "payload": PAYLOAD},
    )


BAD = [None, 7, "", "abc", "https://k/v1/secrets/", "https://k/v1/secrets/../x", "ftp://k/v1/secrets/a"]
BAD += ["https://k/v1/secrets/a?b", "https://k/v1/containers/a", "https://k/v1/secrets/a b"]
BAD += [f"https://{'k' * 300}/v1/secrets/a"]


@pytest.mark.parametrize("bad", BAD)
def test_what_is_no_address_is_no_secret(session, wire, bad):
    assert secret_id(bad) is None
    wire.answer = lambda _: Reply(201, {"secret_ref": bad})
    with pytest.raises(ServiceError) as refused:
        Operations(session).secrets.create({"name": "n", "payload": PAYLOAD})
    assert refused.value.outcome_unknown


def test_all_pages(session, wire):
    rows = [row(number) for number in range(250)]

    def answer(asked):
        start = int(dict(asked.query)["offset"])
        page = rows[start : start + 100]
        more = {"next": "https://elsewhere.example/"} if start + 100 < len(rows) else {}
        return Reply(200, {"secrets": page, "total": len(rows), **more})

    wire.answer = answer
    found = Operations(session, whole=True).secrets.list()
    assert [each["id"] for each in found] == [f"s{number}" for number in range(250)]
    assert [dict(asked.query)["offset"] for asked in wire.asked] == ["0", "100", "200"]


@pytest.mark.parametrize("moved", ["total", "twice"])
def test_a_list_that_changes_while_it_is_read_is_no_list(session, wire, moved):
    def answer(asked):
        start = int(dict(asked.query)["offset"])
        total = 150 - (moved == "total" and start > 0)
        first = start - (moved == "twice" and start > 0)
        page = [row(number) for number in range(first, min(first + 100, total))]
        return Reply(200, {"secrets": page, "total": total, **({} if start else {"next": "x"})})

    wire.answer = answer
    with pytest.raises(ServiceError, match="changed while"):
        Operations(session).secrets.list()


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (403, {"code": 403, "title": "Forbidden", "description": "not allowed - please review"}, ForbiddenError),
        (403, {"code": 403, "title": "Forbidden", "description": "Quota reached for project p"}, QuotaExceededError),
    ],
)
def test_barbicans_own_words(session, wire, status, body, error):
    wire.answer = lambda _: Reply(status, body)
    with pytest.raises(error, match=f"Forbidden: {body['description']}"):
        Operations(session).secrets.list()


def test_a_request_id_that_repeats_the_payload_is_not_told(session, wire):
    wire.answer = lambda _: Reply(400, {"code": 400}, {"X-Openstack-Request-Id": f"req-{'a1B2' * 8}"})
    with pytest.raises(InfomaniakCloudError, match="400: the answer repeats what was sent") as refused:
        Operations(session).secrets.create({"name": "n", "payload": "a1B2" * 8})
    assert "a1B2" not in f"{refused.value!r} {refused.value} {vars(refused.value)}"


@pytest.mark.parametrize(
    "part", [PAYLOAD, PAYLOAD[100:160], PAYLOAD[:40], PAYLOAD[-33:], f"{PAYLOAD[50:90]}\n{PAYLOAD[90:120]}"]
)
@pytest.mark.parametrize("status", [400, 403, 500])
def test_an_answer_that_repeats_the_payload_is_not_told(session, wire, caplog, part, status):
    wire.answer = lambda _: Reply(status, {"code": status, "title": "Bad", "description": f"'{part}' is no payload"})
    with pytest.raises(Exception, match=f"{status}: the answer repeats what was sent") as refused:
        Operations(session).secrets.create({"name": "n", "payload": PAYLOAD})
    assert part[:16] not in str(refused.value) + repr(refused.value.__cause__) + repr(vars(refused.value))

    client = InfomaniakNetworkClient._connected(CloudCredentials(wire.auth_url, "app", None, "s3cret", region="dc3-a"))
    assert client.create_secret("n", base64.b64decode(PAYLOAD)) is None
    assert part[:16] not in caplog.text
