"""The user of a chaos run: nothing that he wants is lost, whatever the API server says."""

from typing import Any

import pytest

from tests.chaos.eyes import Refused
from tests.chaos.hands import User, fields_of
from tests.chaos.steps import APPLY, DELETE, RECREATE, Step

KEY = ("Port", "p0")
ONE, TWO = {"networkRef": {"name": "n0"}}, {"networkRef": {"name": "n0"}, "adminStateUp": False}


class Server:
    """One object; what raises next."""

    def __init__(self) -> None:
        self.there: dict[str, Any] | None = None
        self.next: list[Exception] = []
        self.made = 0

    def get(self, key):
        if self.next:
            raise self.next.pop(0)
        return self.there

    def apply(self, key, spec, there):
        if there is None:
            self.made += 1
        self.there = {"metadata": {"uid": f"uid-{self.made}"}, "spec": spec}
        return self.there

    def delete(self, key):
        if self.there:
            self.there["metadata"]["deletionTimestamp"] = "now"

    def objects(self):
        return {KEY: self.there} if self.there else {}


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def user(server: Server) -> User:
    return User(server)  # type: ignore[arg-type]


def step(do: str, spec: dict[str, Any] | None = None) -> Step:
    return Step(0.0, do, *KEY, spec=spec or {})


def test_what_is_created_anew_waits_until_the_former_one_is_gone(server, user):
    user.take(step(APPLY, ONE))
    user.act()
    user.take(step(RECREATE, TWO))
    user.act()
    assert (server.there["spec"], user.waiting) == (ONE, [KEY])
    server.there = None
    user.act()
    assert (server.there["spec"], user.waiting, server.made) == (TWO, [], 2)
    assert user.desired == {KEY: TWO}


def test_a_later_wish_takes_the_place_of_one_that_waits(server, user):
    user.take(step(APPLY, ONE))
    user.take(step(RECREATE, ONE))
    user.take(step(DELETE))
    user.act()
    assert (user.waiting, user.desired) == ([], {KEY: None})


@pytest.mark.parametrize("error", [OSError("away"), Refused(503, "tired"), Refused(409, "written in between")])
def test_what_the_api_server_could_not_take_is_tried_again(server, user, error):
    server.next = [error]
    user.take(step(APPLY, ONE))
    user.act()
    assert user.waiting == [KEY]
    user.act()
    assert (server.there["spec"], user.refused) == (ONE, [])


def test_what_the_api_server_refuses_is_told_and_not_tried_again(server, user):
    server.next = [Refused(422, "cannot be changed")]
    user.take(step(APPLY, ONE))
    user.act()
    assert (server.there, user.waiting, len(user.refused)) == (None, [], 1)


def test_what_went_with_a_former_one_is_applied_again(server, user):
    user.take(step(APPLY, ONE))
    user.act()
    server.there = None
    user.insist()
    assert server.there["spec"] == ONE


def test_what_is_deleted_with_retain_is_remembered(server, user):
    user.take(step(APPLY, {**ONE, "deletionPolicy": "Retain"}))
    user.act()
    server.there["status"] = {"id": "port-id"}
    user.take(step(DELETE))
    user.act()
    assert user.retained == {"uid-1": "port-id"}


@pytest.mark.parametrize("spec", [ONE, {**ONE, "deletionPolicy": "Retain", "import": {"id": "x"}}])
def test_nothing_else_is_retained(server, user, spec):
    user.take(step(APPLY, spec))
    user.act()
    user.take(step(DELETE))
    user.act()
    assert user.retained == {}


def test_the_fields_of_a_spec_have_the_auditors_names():
    spec = {"vip": {"subnet": "a"}, "listeners": [{"name": "web", "timeouts": {"clientData": 1}}], "name": "x"}
    assert fields_of(spec) == {
        *("vip", "vip.subnet", "listeners", "name"),
        *("listeners.web.name", "listeners.web.timeouts", "listeners.web.timeouts.clientData"),
    }
