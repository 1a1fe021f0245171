"""The facade's reverse names, zones and records on the real Designate."""

from collections.abc import Iterator

import pytest

from infomaniak_operator.client import InfomaniakNetworkClient, Operations
from sandbox import Environment, Sandbox
from tests.contract.client.conftest import PROJECT, until
from tests.support.customer import Customer
from tests.support.extras import having
from tests.support.running import shared

pytestmark = pytest.mark.slow  # the sandbox gets a Designate


@pytest.fixture
def named(box: Sandbox, env: Environment) -> Iterator[InfomaniakNetworkClient]:
    """A client that logs in once Designate is in the catalogue."""
    shared(box).use("designate", lambda: having(box, "designate"))
    project = env.projects[PROJECT]
    with InfomaniakNetworkClient.from_credentials(
        project.application_credential_id, project.application_credential_secret, env.auth_url, env.region
    ) as client:
        yield client


def test_a_name_is_set_and_taken_away_in_one_call_each(named: InfomaniakNetworkClient, do: Operations) -> None:
    address = named.allocate_floating_ip("ext-floating1")
    assert address is not None
    none = {"id": address["id"], "address": address["floating_ip_address"], "ttl": None, "description": None}
    assert named.get_reverse_dns(address["id"]) == {**none, "hostname": None, "status": "INACTIVE"}
    made = named.set_reverse_dns(address["id"], "mail.example.com", ttl=300, description="d")
    full = {**none, "hostname": "mail.example.com.", "ttl": 300, "description": "d"}
    assert made == {**full, "status": "PENDING"}
    until(lambda: named.get_reverse_dns(address["id"]) == {**full, "status": "ACTIVE"})
    assert named.unset_reverse_dns(address["id"]) is True
    assert named.get_reverse_dns(address["id"]) == {**none, "hostname": None, "status": "INACTIVE"}
    assert named.unset_reverse_dns(address["id"]) is False  # it has none
    do.floating_ips.delete(address["id"])
    assert named.get_reverse_dns(address["id"]) is None


def test_zones_and_their_records_are_looked_up(named: InfomaniakNetworkClient, env: Environment) -> None:
    customer = Customer(env, env.projects[PROJECT])
    body = {"name": "lookup.example.", "email": "a@example.com", "ttl": 300}
    made = customer.designate("POST", "zones", body).body
    try:
        (zone,) = named.list_zones("lookup.example.")
        assert (zone["id"], zone["type"], zone["ttl"], zone["email"]) == (made["id"], "PRIMARY", 300, "a@example.com")
        assert zone["id"] in [each["id"] for each in named.list_zones()]
        assert {each["type"] for each in named.list_zone_records(zone["id"])} == {"SOA", "NS"}
        (servers,) = named.list_zone_records(zone["id"], type="NS")
        assert servers["records"] == ["ns1.sandbox.example."]
        assert named.list_zone_records(zone["id"], name="no.lookup.example.") == []
    finally:
        customer.designate("DELETE", f"zones/{made['id']}")
