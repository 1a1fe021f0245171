"""What a metering client is told of the real services, in both forms."""

import json
import uuid

import pytest

from infomaniak_operator.client import CloudSession, InfomaniakNetworkClient, Operations, parse_credentials

TYPES = (
    "networks",
    "subnets",
    "routers",
    "security_groups",
    "security_group_rules",
    "ports",
    "floating_ips",
    "load_balancers",
)


@pytest.fixture
def made(do: Operations, env):
    """A network, a bound floating IP and a free one."""
    name = f"usage-{uuid.uuid4().hex[:8]}"
    network = do.networks.create({"name": name})
    subnet = do.subnets.create({"network_id": network["id"], "cidr": "10.89.0.0/24", "ip_version": 4})
    (external,) = do.networks.list(name=env.external_network, **{"router:external": True})
    router = do.routers.create({"name": name, "external_gateway_info": {"network_id": external["id"]}})
    do.routers.add_interface(router["id"], subnet_id=subnet["id"])
    port = do.ports.create({"network_id": network["id"], "name": name})
    bound = do.floating_ips.create({"floating_network_id": external["id"], "port_id": port["id"]})
    free = do.floating_ips.create({"floating_network_id": external["id"]})
    yield {"network": network, "bound": bound, "free": free, "external": external}
    for address in (bound, free):
        do.floating_ips.delete(address["id"])
    do.ports.delete(port["id"])
    do.routers.remove_interface(router["id"], subnet_id=subnet["id"])
    do.routers.delete(router["id"])
    do.networks.delete(network["id"])


def test_both_forms_count_what_the_project_itself_has(do, client: InfomaniakNetworkClient, session, made, tree):
    found = do.usage()
    assert found.project_id == session.project_id
    for name in TYPES:
        one = getattr(found, name)
        own = {row["id"] for row in getattr(do, name).list() if row["project_id"] == session.project_id}
        assert set(one.created_at) == own
        assert one.count == len(own) > 0
        assert all(one.created_at.values()), name
        assert one.quota == -1 or one.quota >= one.count
    assert made["external"]["id"] not in found.networks.created_at
    assert made["external"]["id"] in {row["id"] for row in do.networks.list()}
    assert tree.row["id"] in found.load_balancers.created_at
    assert 1 <= found.floating_ips.in_use < found.floating_ips.count
    # As the quotas themselves count.
    used = do.quotas.get()["network"]
    assert found.networks.count == used["network"]["used"]
    assert found.floating_ips.count == used["floatingip"]["used"]
    assert found.ports.count == used["port"]["used"]
    assert json.loads(json.dumps(client.usage())) == found.as_dict()


def test_a_floating_ip_is_found_by_its_address(do, client: InfomaniakNetworkClient, made, caplog):
    for one in (made["bound"], made["free"]):
        for spelling in (one["floating_ip_address"], f"::ffff:{one['floating_ip_address']}"):
            assert do.find_floating_ip(spelling)["id"] == one["id"]
            assert client.find_floating_ip(spelling) == client.get_floating_ip(one["id"])
    assert do.find_floating_ip("192.0.2.1") is None
    assert client.find_floating_ip("192.0.2.1") is None
    assert caplog.records == []


def test_what_another_project_has_is_not_ours(do, session, env, made):
    other = next(name for name in env.projects if env.projects[name].id != session.project_id)
    with InfomaniakNetworkClient.from_credentials(
        env.projects[other].application_credential_id,
        env.projects[other].application_credential_secret,
        env.auth_url,
        env.region,
    ) as theirs:
        assert made["network"]["id"] not in theirs.usage()["networks"]["created_at"]
        assert theirs.find_floating_ip(made["free"]["floating_ip_address"]) is None


def test_an_administrator_who_sees_everything_counts_the_own_project_alone(env, made):
    session = CloudSession(parse_credentials(env.admin, None, [env.auth_url]), timeout_seconds=120.0)
    do = Operations(session)
    assert made["network"]["id"] in {row["id"] for row in do.networks.list()}
    found = do.usage()
    assert made["network"]["id"] not in found.networks.created_at
    assert set(found.networks.created_at) == {
        row["id"] for row in do.networks.list() if row["project_id"] == session.project_id
    }
    session.close()
