# ruff: noqa: PLR0917 - a row of the table is a list of arguments
"""The facade in front of doubles, as scripts have them: what comes back is what the caller gave, nothing is raised."""

from unittest.mock import MagicMock, Mock

import pytest

from infomaniak_operator.client import InfomaniakNetworkClient


def answered(**attributes):
    """What a double answers a create with: an id and a name, and for all else something that nobody asked for."""
    item = Mock(id="x", **attributes)
    item.name = "theirs"
    return item


ECHOES = [
    ("add_security_group_rule", ("g", "egress", "TCP"), {}, "network.create_security_group_rule",
     {"id": "x", "direction": "egress", "protocol": "TCP"}),
    ("add_security_group_rule", ("g",), {"protocol": 6}, "network.create_security_group_rule",
     {"id": "x", "direction": "ingress", "protocol": 6}),
    ("add_security_group_rule", ("g",), {}, "network.create_security_group_rule",
     {"id": "x", "direction": "ingress", "protocol": None}),
    ("create_listener", ("l", "lis", "HTTP", 80), {}, "load_balancer.create_listener",
     {"id": "x", "name": "theirs", "protocol": "HTTP"}),
    ("create_pool", ("pool", "HTTP", "ROUND_ROBIN", "i"), {}, "load_balancer.create_pool",
     {"id": "x", "name": "theirs", "protocol": "HTTP"}),
    ("add_pool_member", ("o", "2001:DB8::7", "8080"), {}, "load_balancer.create_member",
     {"id": "x", "address": "2001:DB8::7", "port": "8080"}),
    ("create_health_monitor", ("o", "HTTP", 5, 3), {}, "load_balancer.create_health_monitor",
     {"id": "x", "type": "HTTP", "pool_id": "o"}),
]  # fmt: skip
"""Of each method that makes something, what the caller gave and must find again."""


def double(conn, path):
    service, name = path.split(".")
    return getattr(getattr(conn, service), name)


OTHER = {
    "direction": "ingrESS", "protocol": "other", "address": "192.0.2.9", "protocol_port": 1, "port": 1, "type": "PING",
    "pool_id": "other", "pools": [{"id": "other"}],
}  # fmt: skip


@pytest.mark.parametrize("answer", [answered(), answered(**OTHER), {"id": "x", "name": "theirs", **OTHER}])
@pytest.mark.parametrize(("operation", "args", "kwargs", "path", "shown"), ECHOES)
def test_what_the_caller_gave_comes_back_whatever_the_answer_shows(operation, args, kwargs, path, shown, answer):
    conn = Mock()
    double(conn, path).return_value = answer
    assert getattr(InfomaniakNetworkClient(conn), operation)(*args, **kwargs) == shown


@pytest.mark.parametrize(
    ("operation", "args", "path", "answer", "shown"),
    [
        ("create_network", ("net",), "network.create_network", answered(), {"id": "x", "name": "theirs"}),
        # The service writes a range in its own way, and chooses an address: both are its to say.
        ("create_subnet", ("n", "sub", "10.0.0.7/24"), "network.create_subnet", answered(cidr="10.0.0.0/24"),
         {"id": "x", "name": "theirs", "cidr": "10.0.0.0/24"}),
        ("create_router", ("r",), "network.create_router", answered(), {"id": "x", "name": "theirs"}),
        ("create_security_group", ("g",), "network.create_security_group", answered(), {"id": "x", "name": "theirs"}),
        ("create_loadbalancer", ("lb", "s"), "load_balancer.create_load_balancer", answered(vip_address="10.0.0.9"),
         {"id": "x", "name": "theirs", "vip_address": "10.0.0.9"}),
    ],
)  # fmt: skip
def test_what_the_service_decides_comes_from_its_answer(operation, args, path, answer, shown):
    conn = Mock()
    double(conn, path).return_value = answer
    assert getattr(InfomaniakNetworkClient(conn), operation)(*args) == shown


TWICE = [
    ("create_subnet", ("n", "sub", "10.0.0.0/24"), "is_dhcp_enabled", None),
    ("add_security_group_rule", ("g",), "ether_type", None),
    ("create_loadbalancer", ("lb", "s"), "vip_subnet_id", None),
    ("create_listener", ("l", "lis", "TCP", 80), "load_balancer_id", None),
    ("create_listener", ("l", "lis", "TCP", 80), "protocol_port", None),
    ("add_pool_member", ("o", "10.0.0.7", 80), "protocol_port", None),
    ("create_health_monitor", ("o", "TCP", 5, 3), "type", None),
]


@pytest.mark.parametrize(("operation", "args", "name", "sentinel"), TWICE)
def test_an_argument_given_twice_is_an_error_like_others(caplog, operation, args, name, sentinel):
    """Once by the method's own name, once by openstacksdk's: which one was meant, nobody knows."""
    conn = MagicMock()
    assert getattr(InfomaniakNetworkClient(conn), operation)(*args, **{name: "x"}) is sentinel
    assert conn.network.method_calls + conn.load_balancer.method_calls == []
    assert [(r.levelname, operation in r.message) for r in caplog.records] == [("ERROR", True)]
    assert name in caplog.text


LISTS = [
    ("list_networks", (), "network.networks"),
    ("list_subnets", (), "network.subnets"),
    ("list_routers", (), "network.routers"),
    ("list_security_groups", (), "network.security_groups"),
    ("list_security_group_rules", (), "network.security_group_rules"),
    ("list_floating_ips", (), "network.ips"),
    ("list_ports", (), "network.ports"),
    ("list_loadbalancers", (), "load_balancer.load_balancers"),
    ("list_listeners", (), "load_balancer.listeners"),
    ("list_pools", (), "load_balancer.pools"),
    ("list_pool_members", ("o",), "load_balancer.members"),
    ("list_health_monitors", (), "load_balancer.health_monitors"),
]


@pytest.mark.parametrize(("operation", "args", "path"), LISTS)
@pytest.mark.parametrize("item", [answered(), {"id": "x", "name": "theirs"}])
def test_a_double_that_has_little_is_listed_with_what_it_has(operation, args, path, item):
    conn = Mock()
    double(conn, path).return_value = [item, item]
    rows = getattr(InfomaniakNetworkClient(conn), operation)(*args)
    assert [row["id"] for row in rows] == ["x", "x"]


@pytest.mark.parametrize("broken", [None, 7, Mock(), RuntimeError("no service")])
@pytest.mark.parametrize(("operation", "args", "path"), LISTS)
def test_a_list_that_is_none_is_an_error(caplog, operation, args, path, broken):
    conn = Mock()
    double(conn, path).return_value = broken
    assert getattr(InfomaniakNetworkClient(conn), operation)(*args) == []
    assert operation in caplog.text


def test_the_connection_may_be_given_by_its_name():
    conn = Mock()
    client = InfomaniakNetworkClient(connection=conn)
    assert (client._conn, client._service_name) == (conn, "network")
