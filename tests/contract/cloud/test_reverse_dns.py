"""Reverse names of floating IPs: the fake Designate and the real one."""

import time
from collections.abc import Iterator

import pytest

from infomaniak_operator.client import BadRequestError, CloudSession, NotFoundError, Operations, parse_credentials
from tests.contract.cloud.conftest import Side
from tests.support.extras import having
from tests.support.fake_cloud import FakeCloud
from tests.support.running import shared

REAL = pytest.param("real", marks=pytest.mark.slow)  # the sandbox gets a Designate


@pytest.fixture(params=["fake", REAL])
def named(request: pytest.FixtureRequest) -> Iterator[Side]:
    """A project of a cloud that has Designate. ``settle`` has its names be ACTIVE."""
    if request.param == "fake":
        fake = FakeCloud()
        do, other = fake.operations("alpha"), fake.operations("beta")
        yield Side(do, other, "alpha", fake.quotas.update, fake.settle, share=lambda _: None)
        return
    box, env = request.getfixturevalue("box"), request.getfixturevalue("env")
    shared(box).use("designate", lambda: having(box, "designate"))
    sessions = [
        CloudSession(parse_credentials({"clouds.yaml": env.projects[name].clouds_yaml()}, None, [env.auth_url]))
        for name in ("alpha", "beta")
    ]
    do, other = (Operations(session, whole=True) for session in sessions)
    side = Side(do, other, sessions[0].project_id, lambda _: None, lambda: time.sleep(1.5), share=lambda _: None)
    try:
        yield side
    finally:
        side.clean()
        for session in sessions:
            session.close()


NONE = {"ptrdname": None, "ttl": None, "description": None, "status": "INACTIVE", "action": "NONE"}


def seen(row: dict) -> dict:
    return {name: row[name] for name in NONE}


def test_a_name_is_set_changed_and_taken_away(named: Side) -> None:
    address = named.address()
    do, id_ = named.do.reverse_dns, address["id"]
    row = do.get(id_)
    assert (row["id"], row["address"]) == (f"dc3-a:{id_}", address["floating_ip_address"])
    assert seen(row) == NONE
    assert row in do.list()
    with pytest.raises(NotFoundError):
        do.unset(id_)

    made = do.set(id_, {"ptrdname": "Mail.example.com."})
    assert seen(made) == {**NONE, "ptrdname": "Mail.example.com.", "ttl": 3600, "status": "PENDING", "action": "CREATE"}
    named.settle()
    full = {"ptrdname": "mx.example.com.", "ttl": 0, "description": "d"}
    assert seen(do.set(id_, full)) == {**full, "status": "PENDING", "action": "UPDATE"}
    named.settle()
    assert seen(do.get(id_)) == {**full, "status": "ACTIVE", "action": "NONE"}
    # What a body leaves out is set back.
    changed = do.set(id_, {"ptrdname": "mx.example.com."})
    assert (changed["ttl"], changed["description"]) == (3600, None)

    assert do.unset(id_) is None
    assert seen(do.get(id_)) == NONE
    again = do.set(id_, {"ptrdname": "mx.example.com."})
    assert (again["ptrdname"], again["action"]) == ("mx.example.com.", "CREATE")
    do.unset(id_)


def test_a_name_can_be_taken_away_once_the_address_is_gone(named: Side) -> None:
    address = named.address()
    do, id_ = named.do.reverse_dns, address["id"]
    do.set(id_, {"ptrdname": "mail.example.com."})
    named.settle()
    named.do.floating_ips.delete(id_)
    for ask in (lambda: do.get(id_), lambda: do.set(id_, {"ptrdname": "mail.example.com."})):
        with pytest.raises(NotFoundError):
            ask()
    assert not [row for row in do.list() if id_ in row["id"]]
    do.unset(id_)
    with pytest.raises(NotFoundError):
        do.unset(id_)


def test_another_projects_address_is_not_there(named: Side) -> None:
    address = named.address()
    named.do.reverse_dns.set(address["id"], {"ptrdname": "mail.example.com."})
    theirs = named.other.reverse_dns
    assert not [row for row in theirs.list() if address["id"] in row["id"]]
    for ask in (
        lambda: theirs.get(address["id"]),
        lambda: theirs.set(address["id"], {"ptrdname": "evil.example.com."}),
        lambda: theirs.unset(address["id"]),
    ):
        with pytest.raises(NotFoundError):
            ask()
    named.do.reverse_dns.unset(address["id"])


@pytest.mark.parametrize(
    "body",
    [
        {"ptrdname": "no.dot"},
        {"ptrdname": "-a.example.com."},
        {"ptrdname": f"{'a.' * 126}ab."},
        {"ptrdname": "a.example.com.", "ttl": -1},
        {"ptrdname": "a.example.com.", "ttl": 2147483648},
        {"ptrdname": "a.example.com.", "description": "x" * 161},
    ],
    ids=lambda body: str(body)[:40],
)
def test_what_is_refused(named: Side, body: dict) -> None:
    address = named.address()
    with pytest.raises(BadRequestError) as caught:
        named.do.reverse_dns.set(address["id"], body)
    assert caught.value.error_type == "invalid_object"
    assert seen(named.do.reverse_dns.get(address["id"])) == NONE


def test_the_bounds_themselves_are_taken(named: Side) -> None:
    address = named.address()
    longest = f"{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 61}."
    row = named.do.reverse_dns.set(address["id"], {"ptrdname": longest, "ttl": 2147483647, "description": "x" * 160})
    assert (row["ptrdname"], row["ttl"]) == (longest, 2147483647)
    named.do.reverse_dns.unset(address["id"])
