"""The facade on the real Keystone and Neutron: what it makes is what Neutron then shows, and its sentinels."""

import uuid

import pytest

from infomaniak_operator.client import AuthenticationError, CloudCredentials, CloudSession, InfomaniakNetworkClient

NOWHERE = "00000000-0000-4000-8000-000000000000"


def test_a_network_with_a_way_out_and_back(client: InfomaniakNetworkClient, do, env):
    name = f"facade-{uuid.uuid4().hex[:8]}"
    network = client.create_network(name, description="d", mtu=1400)
    assert set(network) == {"id", "name"}
    row = do.networks.get(network["id"])
    assert (row["name"], row["description"], row["mtu"]) == (name, "d", 1400)
    subnet = client.create_subnet(network["id"], name, "10.88.0.0/24", enable_dhcp=False, dns_nameservers=["1.1.1.1"])
    row = do.subnets.get(subnet["id"])
    assert (row["enable_dhcp"], row["dns_nameservers"], row["gateway_ip"]) == (False, ["1.1.1.1"], "10.88.0.1")
    assert [one["id"] for one in client.list_subnets(network["id"])] == [subnet["id"]]
    assert client.list_subnets(NOWHERE) == []
    assert client.get_subnet(subnet["id"])["is_dhcp_enabled"] is False

    router = client.create_router(name, external_network=env.external_network)
    assert client.add_router_interface(router["id"], subnet["id"])
    assert do.routers.get(router["id"])["external_gateway_info"]["network_id"]
    group = client.create_security_group(name, "d")
    rule = client.add_security_group_rule(group["id"], protocol="tcp", port_range_min=80, port_range_max=81)
    row = do.security_group_rules.get(rule["id"])
    assert (row["ethertype"], row["direction"], row["port_range_max"]) == ("IPv4", "ingress", 81)
    assert client.get_security_group(group["id"])["rules_count"] == 3
    assert client.list_security_group_rules(NOWHERE) == []
    # Neutron spells it in its own way; the caller finds what the caller gave.
    again = client.add_security_group_rule(group["id"], "egress", "UDP", 53, 53)
    assert (again["direction"], again["protocol"]) == ("egress", "UDP")
    assert do.security_group_rules.get(again["id"])["protocol"] == "udp"

    port = client.create_port(network["id"], name)
    assert [one["id"] for one in client.list_ports(device_id=router["id"])] != []
    assert client.list_ports(network_id=NOWHERE) == []
    address = client.allocate_floating_ip(env.external_network)
    assert client.associate_floating_ip(address["id"], port["id"])
    assert client.get_floating_ip(address["id"])["port_id"] == port["id"]
    assert client.update_floating_ip(address["id"], description="dns")["id"] == address["id"]
    assert do.floating_ips.get(address["id"])["description"] == "dns"
    assert client.get_quota()["networks"]["used"] >= 1

    assert client.delete_network(network["id"]) is False
    assert client.remove_router_interface(router["id"], subnet["id"]) is False
    assert client.disassociate_floating_ip(address["id"])
    assert client.get_floating_ip(address["id"])["port_id"] is None
    assert client.release_floating_ip(address["id"])
    assert client.remove_router_interface(router["id"], subnet["id"])
    assert client.delete_router(router["id"])
    assert client.delete_port(port["id"])
    assert client.delete_security_group_rule(rule["id"])
    assert client.delete_security_group(group["id"])
    assert client.delete_subnet(subnet["id"])
    assert client.delete_network(network["id"])
    assert client.get_network(network["id"]) is None


def test_sentinels(client: InfomaniakNetworkClient, caplog):
    assert client.create_subnet(NOWHERE, "n", "10.0.0.0/24") is None
    assert client.create_network("n", is_shared=True) is None
    assert client.create_router("n", external_network="nobody") is None
    assert client.allocate_floating_ip("nobody") is None
    assert client.add_router_interface(NOWHERE, NOWHERE) is False
    assert client.associate_floating_ip(NOWHERE, NOWHERE) is False
    assert client.add_security_group_rule(NOWHERE) is None
    assert client.get_router(NOWHERE) is None
    assert client.create_port(NOWHERE) is None
    assert len([one for one in caplog.records if one.levelname == "ERROR"]) == 9


def test_a_credential_that_keystone_refuses(env, credentials: CloudCredentials, caplog):
    wrong = InfomaniakNetworkClient.from_credentials(
        str(credentials.application_credential_id), "not-the-secret", env.auth_url, env.region
    )
    assert wrong.validate_connection() is False
    assert wrong.list_networks() == []
    assert wrong.create_network("n") is None
    assert "not-the-secret" not in caplog.text
    session = CloudSession(
        CloudCredentials(env.auth_url, str(credentials.application_credential_id), None, "not-the-secret")
    )
    with pytest.raises(AuthenticationError, match="wrong, expired or deleted"):
        _ = session.project_id


def test_a_credential_that_keystone_takes(client: InfomaniakNetworkClient):
    assert client.validate_connection() is True
