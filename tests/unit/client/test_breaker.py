"""While a service is away one request asks now and then, whoever wants something of it; then all goes on."""

from __future__ import annotations

import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
import requests

from infomaniak_operator.client import (
    Breakers,
    CloudAwayError,
    CloudConnectionError,
    CloudSession,
    InfomaniakCloudError,
    Operations,
    ServiceError,
)
from tests.support.fake_cloud_http import Reply

SERVICE = ("network", "cloud.example:9696")


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Service:
    """One that is asked through breakers."""

    def __init__(self) -> None:
        self.watch = Watch()
        self.told: list[bool] = []
        self.breakers = Breakers(self.watch, lambda _service, _address, away: self.told.append(away))
        self.asked: list[float] = []
        self.status: int | None = None
        self.silent_to: set[str] = set()

    def ask(self, who: str = "one", *, changing: bool = False) -> None:
        with self.breakers.asking(*SERVICE, who, changing=changing) as asked:
            self.asked.append(self.watch.now)
            if self.status is None or who in self.silent_to:
                asked.failed(requests.ConnectionError("refused"))
            else:
                asked.answered(self.status)

    def away(self) -> None:
        for _ in range(5):
            self.ask()
        self.asked.clear()


@pytest.fixture
def service() -> Service:
    return Service()


def refused(service: Service, who: str = "one", *, changing: bool = False) -> bool:
    try:
        service.ask(who, changing=changing)
    except CloudAwayError:
        return True
    return False


def test_a_thousand_who_ask_for_ten_minutes_make_less_than_a_request_a_second(service: Service) -> None:
    for second in range(600):
        service.watch.now = float(second)
        for _ in range(1000):
            refused(service)
    assert len([at for at in service.asked if at == 0.0]) == 5
    assert len(service.asked) < 75
    pauses = [b - a for a, b in pairwise(service.asked[4:])]
    assert max(pauses) <= 11  # who waits finds out soon
    assert service.told == [True]


def test_once_it_answers_everybody_may_ask_at_once(service: Service) -> None:
    service.away()
    service.watch.now = 2.0
    service.status = 200
    service.ask()
    assert not any(refused(service, changing=True) for _ in range(100))
    assert service.told == [True, False]


@pytest.mark.parametrize("status", [200, 201, 400, 401, 403, 404, 409, 429, 500])
def test_whatever_the_service_itself_says_is_an_answer(service: Service, status: int) -> None:
    service.status = status
    assert not any(refused(service) for _ in range(50))


@pytest.mark.parametrize("status", [502, 503, 504])
def test_who_answers_in_its_place_is_none(service: Service, status: int) -> None:
    service.status = status
    assert [refused(service) for _ in range(7)] == [False] * 5 + [True] * 2


def test_failures_between_answers_are_no_outage(service: Service) -> None:
    for each in range(100):
        service.watch.now = each / 2
        service.status = 200 if each % 5 == 4 else None
        assert not refused(service)


def test_a_burst_of_failures_right_after_an_answer_is_none_either(service: Service) -> None:
    service.status = 200
    service.ask()
    service.status = None
    service.watch.now = 1.9
    assert not any(refused(service) for _ in range(50))
    service.watch.now = 2.1
    assert [refused(service) for _ in range(2)] == [False, True]


def test_who_gets_no_answer_keeps_nobody_else_from_the_service(service: Service) -> None:
    """A tenant whose requests alone fail asks all the time; another one comes now and then, and is served."""
    service.status, service.silent_to = 200, {"mallory"}
    waited = []
    for tick in range(3000):  # tenths of a second
        service.watch.now = tick / 10
        for _ in range(5):
            refused(service, "mallory")
        if tick % 300 == 299:
            begin = service.watch.now
            calls = iter([False, False, True, False, True])  # a reconcile: looks and changes
            changing = next(calls)
            while True:
                if not refused(service, "home", changing=changing):
                    changing = next(calls, None)
                    if changing is None:
                        break
                service.watch.now += 0.05
                refused(service, "mallory")
            waited.append(service.watch.now - begin)
    assert max(waited) < 3.0


def test_each_of_many_who_have_not_failed_yet_may_ask_but_one_a_second_in_all(service: Service) -> None:
    service.away()
    for tick in range(600):
        service.watch.now = tick / 10
        for each in range(100):
            refused(service, f"tenant {each}", changing=each % 2 == 0)
    assert 50 <= len(service.asked) <= 61


def test_a_change_never_finds_out_whether_it_is_back(service: Service) -> None:
    service.away()
    service.watch.now = 100.0
    assert refused(service, changing=True)
    assert not refused(service)


def test_one_finds_out_and_the_others_do_not_wait_for_it(service: Service) -> None:
    service.away()
    service.watch.now = 100.0
    with service.breakers.asking(*SERVICE, "one", changing=False) as asked:
        assert refused(service)
        service.watch.now = 130.0
        assert refused(service)
        asked.failed(TimeoutError())
    assert refused(service)  # the pause begins at the end of the request


def test_whoever_was_to_find_out_and_was_stopped_leaves_it_to_the_next(service: Service) -> None:
    service.away()
    service.watch.now = 100.0
    with pytest.raises(KeyError), service.breakers.asking(*SERVICE, "one", changing=False):
        raise KeyError
    assert not refused(service)


def test_what_was_under_way_when_it_went_prolongs_nothing(service: Service) -> None:
    with service.breakers.asking(*SERVICE, "one", changing=False) as asked:
        service.away()
        service.watch.now = 0.9
        asked.failed(TimeoutError())
    service.watch.now = 1.1
    assert not refused(service)


@pytest.mark.parametrize("error", [ssl.SSLError("no trust"), requests.exceptions.InvalidURL("x"), KeyError("defect")])
def test_a_credential_s_own_trouble_is_none_of_the_service_s(service: Service, error: Exception) -> None:
    for _ in range(50):
        with service.breakers.asking(*SERVICE, "one", changing=False) as asked:
            asked.failed(error)
    assert not refused(service)


def test_another_service_and_another_address_are_not_concerned(service: Service) -> None:
    service.away()
    for other in (("network", "elsewhere.example:9696"), ("load-balancer", SERVICE[1])):
        with service.breakers.asking(*other, "one", changing=True):
            pass


def test_addresses_without_end_do_not_take_memory_without_end(service: Service) -> None:
    for each in range(3000):
        with service.breakers.asking("network", f"{each}.example", "one", changing=False) as asked:
            asked.failed(TimeoutError())
    assert len(service.breakers._services) <= 1000


def test_many_threads_at_once_send_one(service: Service) -> None:
    service.away()
    service.watch.now = 5.0
    barrier = threading.Barrier(16)

    def ask(_: int) -> bool:
        barrier.wait()
        return refused(service)

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(ask, range(16))) == [False] + [True] * 15


# Through a session.


def sessions(credentials, breakers, count=3):
    return [CloudSession(credentials, sleep=lambda _: None, breakers=breakers) for _ in range(count)]


def test_sessions_share_what_one_finds_out(credentials, wire):
    watch = Watch()
    first, *others = sessions(credentials, Breakers(watch))
    for each in others:
        each.login()
    wire.answer = lambda _: Reply(503, {})
    for _ in range(2):
        with pytest.raises(InfomaniakCloudError):
            Operations(first).networks.list()
    sent = len(wire.asked)
    assert sent == 5
    for other in others:
        with pytest.raises(CloudAwayError) as caught:
            Operations(other).networks.create({"name": "n"})
        assert not caught.value.outcome_unknown
    assert len(wire.asked) == sent
    wire.answer = lambda _: Reply(200, {"networks": []})
    watch.now = 2.0
    assert Operations(others[0]).networks.list() == []
    assert Operations(first).networks.list() == []


def test_while_keystone_is_away_nobody_logs_in(credentials, wire):
    watch = Watch()
    opened = sessions(credentials, Breakers(watch), 40)
    wire.login_reply = Reply(503, {})
    kinds = []
    for each in opened:
        with pytest.raises(InfomaniakCloudError) as caught:
            _ = each.project_id
        kinds.append(type(caught.value))
    assert kinds == [ServiceError] * 5 + [CloudAwayError] * 35
    wire.login_reply = None
    watch.now = 2.0
    assert [each.project_id for each in opened]


def test_without_breakers_each_request_is_sent(credentials, wire):
    session = CloudSession(credentials, sleep=lambda _: None)
    wire.answer = lambda _: Reply(drop=True)
    for _ in range(10):
        with pytest.raises(CloudConnectionError) as caught:
            Operations(session).networks.list()
        assert not isinstance(caught.value, CloudAwayError)
    assert len(wire.asked) == 30
