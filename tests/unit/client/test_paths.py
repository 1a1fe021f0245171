"""What is no id comes into no path: ``../`` and ``?`` would make another request of it."""

import inspect

import pytest

from infomaniak_operator.client import CloudCredentials, InfomaniakNetworkClient

BAD = [
    "../routers/r1",
    "n1?force=true",
    "n1#x",
    "n1%2f..%2frouters",
    "n1/../../ports",
    "",
    ".",
    "..",
    "n 1",
    "n\r\nX: y",
]
IN_QUERY = {
    "list_subnets",
    "list_listeners",
    "list_pools",
    "list_security_group_rules",
    "list_ports",
    "list_health_monitors",
}
IN_BODY = {"create_subnet", "create_loadbalancer", "create_listener", "create_pool", "create_health_monitor"}
IN_BODY |= {"create_port", "add_security_group_rule"}
GOOD = {
    "payload": b"x",
    "cidr": "10.0.0.0/24",
    "port": 80,
    "delay": 5,
    "timeout": 3,
    "members": [],
    "protocol_port": 80,
}


BODY_IDS = {("add_router_interface", "subnet_id"), ("remove_router_interface", "subnet_id")}
BODY_IDS |= {("associate_floating_ip", "port_id"), ("add_pool_member", "subnet_id")}


def methods():
    for name, method in inspect.getmembers(InfomaniakNetworkClient, inspect.isfunction):
        parameters = [one for one in inspect.signature(method).parameters.values() if one.name != "self"]
        ids = [one.name for one in parameters if one.name.endswith("_id")]
        if name.startswith("_") or not ids or name in IN_QUERY | IN_BODY:
            continue
        others = {
            one.name: GOOD.get(one.name, "x")
            for one in parameters
            if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD and one.name not in ids
        }
        yield from (
            pytest.param((name, each, ids, others), id=f"{name}-{each}") for each in ids if (name, each) not in BODY_IDS
        )


@pytest.fixture
def client(wire):
    return InfomaniakNetworkClient._connected(CloudCredentials(wire.auth_url, "app", None, "s3cret-value"))


@pytest.mark.parametrize("call", list(methods()))
def test_an_id_that_is_none_is_not_sent(client, wire, caplog, call):
    name, which, ids, others = call
    for bad in BAD:
        found = getattr(client, name)(**{**dict.fromkeys(ids, "n1"), **others, which: bad})
        assert not found
        assert "is no id" in caplog.text
        caplog.clear()
    assert wire.asked == []


def test_the_name_of_an_external_network_comes_into_no_path(client, wire):
    client.allocate_floating_ip("../routers?x=y")
    paths = {asked.path for asked in wire.asked}
    assert all(".." not in path and "routers" not in path for path in paths)
    assert ("name", "../routers?x=y") in [pair for asked in wire.asked for pair in asked.query]
