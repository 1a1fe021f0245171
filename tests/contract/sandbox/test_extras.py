"""Barbican and Designate as components: there where they are asked for, and handled as the others are."""

import socket
import urllib.parse
import uuid

import pytest

from sandbox import Environment, Sandbox, SandboxError
from tests.support.box import until
from tests.support.customer import Customer
from tests.support.keys import Keys
from tests.support.running import shared

TYPES = {"barbican": "key-manager", "designate": "dns"}


def _zone(customer: Customer) -> str:
    body = {"name": f"z{uuid.uuid4().hex[:8]}.example.", "email": "a@example.com"}
    made = customer.designate("POST", "zones", body)
    assert made.status == 202, made.body
    return f"zones/{made.body['id']}"


def _types(env: Environment) -> set[str]:
    return set(TYPES.values()) & set(Customer(env, env.projects["beta"]).urls)


def test_they_come_to_a_running_sandbox_and_go_and_their_data_stay(
    request: pytest.FixtureRequest, box: Sandbox, env: Environment
) -> None:
    shared(box).end()
    if set(TYPES) & set(box.status()):
        pytest.skip("SANDBOX_STATE names a sandbox that has them for good")
    said: list[str] = []
    assert _types(env) == set()
    others = {name: box._component(name).pid for name in ("postgres", "keystone", "neutron")}
    try:
        box.up(with_services=["designate"], progress=said.append)
        assert _types(env) == {"dns"}
        zone = _zone(Customer(env, env.projects["beta"]))
        box.up(with_services=["barbican"], progress=said.append)
        assert _types(env) == {"dns", "key-manager"}
        keys = Keys(Customer(env, box.customer("beta", "creator")))
        ref = keys.secret("kept")
        assert {name: box._component(name).pid for name in others} == others
    finally:
        box.up(without_services=list(TYPES), progress=said.append)
    assert _types(env) == set()
    assert not set(TYPES) & set(box.status())
    with pytest.raises(SandboxError, match=r"no component barbican .*--with"):
        box.start("barbican")

    request.getfixturevalue("full")
    again = Customer(env, box.customer("beta", "creator"))
    assert again.designate("DELETE", zone).status == 202
    moved = ref.replace(keys.customer.urls["key-manager"], again.urls["key-manager"])
    assert again.barbican("GET", f"{moved}/payload", Accept="text/plain").body == "kept"
    assert again.barbican("DELETE", moved).status == 204


@pytest.mark.parametrize("service", TYPES)
def test_a_restart_keeps_the_data(full: Sandbox, keeper: Keys, service: str) -> None:
    user = keeper.customer
    ref, zone = keeper.secret("kept"), _zone(user)
    full.stop(service)
    try:
        assert full.status()[service] is False
        with pytest.raises(OSError):
            user.call("GET", user.urls[TYPES[service]])
    finally:
        full.start(service)
    assert user.barbican("GET", f"{ref}/payload", Accept="text/plain").body == "kept"
    # What was PENDING as it ended is settled by the one after it.
    until(lambda: user.designate("GET", zone).body["status"] == "ACTIVE", "the zone ACTIVE")
    user.designate("DELETE", zone)
    until(lambda: user.designate("GET", zone).status == 404, "the zone gone")


def test_a_restart_of_their_database_is_got_over(full: Sandbox, keeper: Keys) -> None:
    user = keeper.customer
    ref, zone = keeper.secret("kept"), _zone(user)
    full.stop("postgres")
    full.start("postgres")
    until(lambda: user.barbican("GET", ref).status == 200, "Barbican's answer")
    until(lambda: user.designate("GET", zone).status == 200, "Designate's answer")
    user.designate("DELETE", zone)
    until(lambda: user.designate("GET", zone).status == 404, "the zone gone")


@pytest.mark.parametrize("service", TYPES)
def test_a_paused_one_hangs_and_goes_on(full: Sandbox, keeper: Keys, service: str) -> None:
    address = urllib.parse.urlsplit(keeper.customer.urls[TYPES[service]])
    full.pause(service)
    try:
        with socket.create_connection((address.hostname, address.port), timeout=1) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            with pytest.raises(TimeoutError):
                connection.recv(1)
    finally:
        full.resume(service)
    assert keeper.customer.call("GET", keeper.customer.urls[TYPES[service]]).status in (200, 300)


CALLS = {"barbican": ("secrets", "title"), "designate": ("zones", "message")}


@pytest.mark.parametrize("service", TYPES)
def test_faults_hit_it_in_its_own_form_and_its_calls_are_logged(full: Sandbox, keeper: Keys, service: str) -> None:
    user, (collection, words) = keeper.customer, CALLS[service]
    ask = getattr(user, service)
    full.set_faults([{"service": service, "method": "GET", "path": f"/{collection}$", "count": 1, "status": 503}])
    mark = full.mark()
    refused = ask("GET", collection)
    assert (refused.status, refused.body["code"]) == (503, 503)
    assert "injected" in refused.body[words].lower()
    assert full.faults_hit() == 1
    assert ask("GET", collection).status == 200
    mine = [call for call in full.calls(mark) if call.service == service]
    assert [(call.method, call.path.rsplit("/", 1)[1], call.status) for call in mine] == [
        ("GET", collection, 503),
        ("GET", collection, 200),
    ]
    assert [call.project for call in mine] == ["", user.project.id]  # the first never came to be authenticated


def test_what_is_done_before_a_connection_breaks_is_done(full: Sandbox, keeper: Keys) -> None:
    full.set_faults([{"service": "designate", "method": "POST", "path": "/zones$", "count": 1, "reset": "after"}])
    name = f"z{uuid.uuid4().hex[:8]}.example."
    with pytest.raises(OSError):
        keeper.customer.designate("POST", "zones", {"name": name, "email": "a@example.com"})
    (made,) = keeper.customer.designate("GET", f"zones?name={name}").body["zones"]
    keeper.customer.designate("DELETE", f"zones/{made['id']}")


def test_a_service_that_is_none_is_refused(box: Sandbox) -> None:
    with pytest.raises(SandboxError, match="manila: there are barbican, designate"):
        box.up(with_services=["manila"])


def test_a_role_that_is_none_is_refused_and_a_customer_is_made_once(full: Sandbox) -> None:
    with pytest.raises(SandboxError, match=r"no role gardener; there are: .*creator"):
        full.customer("beta", "gardener")
    one = full.customer("beta", "creator")
    assert (full.state / "openstack" / "customers.json").stat().st_mode & 0o077 == 0
    assert one == full.customer("beta", "creator")
    assert (one.id, full.customer("beta")) == (full.environment.projects["beta"].id, full.environment.projects["beta"])
