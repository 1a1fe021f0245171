"""Who may read the metrics."""

from __future__ import annotations

import logging

import pytest

from infomaniak_operator.controller.kube.kube_api import Unavailable
from infomaniak_operator.metrics.scrape_access import ALLOWED_FOR, DENIED_FOR, Access
from tests.support.clock import ManualClock
from tests.support.fake_kube import FakeKube, failing


def made() -> tuple[Access, FakeKube, ManualClock]:
    kube, clock = FakeKube(), ManualClock()
    kube.tokens = {"good": "prometheus", "other": "tenant"}
    kube.allowed = {("prometheus", "get", "/metrics")}
    return Access(kube, clock.monotonic), kube, clock


def status(access: Access, authorization: str) -> int:
    answer = access.refusal(authorization)
    return answer.status if answer else 200


@pytest.mark.parametrize(
    ("authorization", "wanted"),
    [
        ("Bearer good", 200),
        ("bearer good", 200),
        ("Bearer other", 403),
        ("Bearer unknown", 401),
        ("", 401),
        ("good", 401),
        ("Basic good", 401),
        ("Bearer ", 401),
        ("Bearer good good", 401),
        ("Bearer good\xff", 401),
        ("Bearer " + "x" * 100_000, 401),
    ],
)
def test_who_may_and_who_may_not(authorization: str, wanted: int) -> None:
    assert status(made()[0], authorization) == wanted


@pytest.mark.parametrize("authorization", ["", "good", "Bearer x\xff", "Bearer " + "x" * 100_000])
def test_what_cannot_be_a_token_is_not_asked_about(authorization: str) -> None:
    access, kube, _ = made()
    assert access.known(authorization)
    access.refusal(authorization)
    assert not kube.calls


@pytest.mark.parametrize(("token", "seconds", "calls"), [("good", ALLOWED_FOR, 2), ("x", DENIED_FOR, 1)])
def test_an_answer_is_good_for_a_while(token: str, seconds: float, calls: int) -> None:
    access, kube, clock = made()
    for _ in range(5):
        access.refusal(f"Bearer {token}")
    assert sum(kube.calls.values()) == calls
    assert access.known(f"Bearer {token}")
    clock.advance(seconds)
    assert not access.known(f"Bearer {token}")
    access.refusal(f"Bearer {token}")
    assert sum(kube.calls.values()) == 2 * calls


def test_a_right_that_is_taken_away_ends() -> None:
    access, kube, clock = made()
    assert status(access, "Bearer good") == 200
    kube.allowed.clear()
    clock.advance(ALLOWED_FOR)
    assert status(access, "Bearer good") == 403


def test_nobody_is_let_in_while_the_api_server_cannot_be_asked(caplog: pytest.LogCaptureFixture) -> None:
    access, kube, _ = made()
    for plural in ("tokenreviews", "subjectaccessreviews"):
        kube.before = failing(Unavailable("away: token good", 503), "POST", plural)
        with caplog.at_level(logging.DEBUG):
            assert status(access, "Bearer good") == 503
    kube.before = None
    assert status(access, "Bearer good") == 200
    assert "good" not in caplog.text


def test_bogus_tokens_neither_pile_up_nor_drive_out_who_is_known() -> None:
    access, _, _ = made()
    assert status(access, "Bearer good") == 200
    for number in range(1000):
        assert status(access, f"Bearer bogus{number}") == 401
    assert len(access._found) <= 256
    assert access.known("Bearer good")
    assert b"good" not in repr(access._found).encode()
