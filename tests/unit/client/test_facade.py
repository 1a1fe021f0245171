# ruff: noqa: PLR0917 - a row of the table is a list of arguments
import logging
from types import SimpleNamespace
from unittest.mock import MagicMock, call

import pytest
from keystoneauth1 import exceptions as keystone
from openstack import exceptions as sdk
from openstack.dns.v2 import _proxy as designate_proxy
from openstack.key_manager.v1 import _proxy as barbican_proxy
from openstack.load_balancer.v2 import _proxy as octavia_proxy
from openstack.network.v2 import _proxy as neutron_proxy

from infomaniak_operator.client import InfomaniakNetworkClient, InfomaniakOpenStackBase, InvalidCredentialsError


@pytest.fixture
def conn():
    found = MagicMock()
    found.config.region_name = "dc3-a"
    return found


@pytest.fixture
def client(conn):
    return InfomaniakNetworkClient(conn)


def thing(**attributes):
    return SimpleNamespace(**attributes)


NET = thing(id="n", name="net", status="ACTIVE", is_shared=False, is_router_external=True, subnet_ids=["s"])
NET_SHOWN = {"id": "n", "name": "net", "status": "ACTIVE", "is_shared": False, "is_external": True, "subnets": ["s"]}
SUB = thing(id="s", name="sub", network_id="n", cidr="10.0.0.0/24", ip_version=4, gateway_ip=None, is_dhcp_enabled=True)
ROUTER = thing(id="r", name="router", status="ACTIVE", external_gateway_info={"network_id": "x"})
GROUP = thing(id="g", name="group", description="d", security_group_rules=[{}, {}])
RULE = thing(
    id="u", security_group_id="g", direction="ingress", protocol="tcp", port_range_min=1, port_range_max=2,
    remote_ip_prefix=None, remote_group_id=None, ether_type="IPv4",
)  # fmt: skip
ADDRESS = thing(id="f", floating_ip_address="1.2.3.4", fixed_ip_address="10.0.0.5", status="ACTIVE", port_id="p")
PORT = thing(
    id="p", name="port", network_id="n", status="DOWN", mac_address="m", fixed_ips=[], device_id="", device_owner=""
)
LB = thing(
    id="l", name="lb", vip_address="10.0.0.9", operating_status="ONLINE", provisioning_status="ACTIVE",
    vip_port_id="p", vip_subnet_id="s",
)  # fmt: skip
LISTENER = thing(
    id="i", name="lis", protocol="TCP", protocol_port=80, load_balancers=[{"id": "l"}], load_balancer_id=None
)
POOL = thing(id="o", name="pool", protocol="TCP", lb_algorithm="ROUND_ROBIN")
MEMBER = thing(id="m", name="mem", address="10.0.0.7", protocol_port=8080, weight=3, operating_status="ONLINE")
MONITOR = thing(id="h", name="hm", type="TCP", delay=5, timeout=3, max_retries=2, pools=[{"id": "o"}], pool_id=None)


def keys(item, *names):
    return {name: getattr(item, name) for name in names}


SUB_SHOWN = keys(SUB, "id", "name", "network_id", "cidr", "ip_version", "gateway_ip", "is_dhcp_enabled")
ROUTER_SHOWN = {"id": "r", "name": "router", "status": "ACTIVE", "external_gateway": {"network_id": "x"}}
GROUP_SHOWN = {"id": "g", "name": "group", "description": "d", "rules_count": 2}
ADDRESS_SHOWN = keys(ADDRESS, "id", "floating_ip_address", "fixed_ip_address", "status", "port_id")
LB_SHOWN = keys(LB, "id", "name", "vip_address", "operating_status", "provisioning_status")
LISTENER_SHOWN = {"id": "i", "name": "lis", "protocol": "TCP", "protocol_port": 80, "loadbalancer_id": "l"}
POOL_SHOWN = keys(POOL, "id", "name", "protocol", "lb_algorithm")
MEMBER_SHOWN = keys(MEMBER, "id", "name", "address", "protocol_port", "weight", "operating_status")
MONITOR_SHOWN = {"id": "h", "name": "hm", "type": "TCP", "delay": 5, "timeout": 3, "max_retries": 2, "pool_id": "o"}
RULE_SHOWN = {**keys(RULE, "id", "security_group_id", "direction", "protocol", "port_range_min", "port_range_max"),
              "remote_ip_prefix": None, "remote_group_id": None, "ethertype": "IPv4"}  # fmt: skip
PORT_SHOWN = vars(PORT)
NAME = thing(id="dc3-a:f", address="1.2.3.4", ptrdname="mail.example.com.", ttl=300, description="d", status="PENDING")
NAME_SHOWN = {**keys(NAME, "address", "ttl", "description", "status"), "id": "f", "hostname": "mail.example.com."}
ZONE = thing(
    id="z", name="e.", email="a@e", type="PRIMARY", ttl=60, serial=1, status="ACTIVE", description=None, pool_id="o"
)
ZONE_SHOWN = keys(ZONE, "id", "name", "email", "type", "ttl", "serial", "status", "description")
RECORDS = thing(id="r", name="a.e.", type="A", ttl=60, records=["1.2.3.4"], status="ACTIVE", description=None)
RECORDS_SHOWN = vars(RECORDS)

SECRET = thing(
    id="https://k/v1/secrets/s", secret_ref="https://k/v1/secrets/s", name="n", secret_type="opaque",
    status="ACTIVE", created_at="2026-11-28T00:00:00",
)  # fmt: skip
SECRET_SHOWN = {**keys(SECRET, "name", "secret_ref", "secret_type", "status", "created_at"), "id": "s"}

LISTS = [
    ("list_networks", (), {}, "network.networks", call(), NET, NET_SHOWN),
    ("list_subnets", (), {}, "network.subnets", call(), SUB, SUB_SHOWN),
    ("list_subnets", ("n",), {}, "network.subnets", call(network_id="n"), SUB, SUB_SHOWN),
    ("list_routers", (), {}, "network.routers", call(), ROUTER, ROUTER_SHOWN),
    ("list_security_groups", (), {}, "network.security_groups", call(), GROUP, GROUP_SHOWN),
    (
        "list_security_group_rules",
        ("g",),
        {},
        "network.security_group_rules",
        call(security_group_id="g"),
        RULE,
        RULE_SHOWN,
    ),
    ("list_floating_ips", (), {}, "network.ips", call(), ADDRESS, ADDRESS_SHOWN),
    ("list_ports", (), {"device_id": "d"}, "network.ports", call(device_id="d"), PORT, PORT_SHOWN),
    ("list_loadbalancers", (), {}, "load_balancer.load_balancers", call(), LB, LB_SHOWN),
    ("list_listeners", (), {}, "load_balancer.listeners", call(), LISTENER, LISTENER_SHOWN),
    ("list_listeners", ("l",), {}, "load_balancer.listeners", call(load_balancer_id="l"), LISTENER, LISTENER_SHOWN),
    ("list_pools", ("l",), {}, "load_balancer.pools", call(loadbalancer_id="l"), POOL, POOL_SHOWN),
    ("list_pool_members", ("o",), {}, "load_balancer.members", call("o"), MEMBER, MEMBER_SHOWN),
    ("list_health_monitors", ("o",), {}, "load_balancer.health_monitors", call(pool_id="o"), MONITOR, MONITOR_SHOWN),
]
ROWS = [
    ("create_network", ("net",), {}, "network.create_network", call(name="net", is_shared=False), NET, keys(NET, "id", "name")),
    ("create_network", ("net", "d", True), {"mtu": 1400}, "network.create_network",
     call(name="net", description="d", is_shared=True, mtu=1400), NET, keys(NET, "id", "name")),
    ("get_network", ("n",), {}, "network.get_network", call("n"), NET, NET_SHOWN),
    ("update_network", ("n",), {"name": "x"}, "network.update_network", call("n", name="x"), NET, NET_SHOWN),
    ("create_subnet", ("n", "sub", "10.0.0.0/24"), {}, "network.create_subnet",
     call(network_id="n", name="sub", cidr="10.0.0.0/24", ip_version=4, is_dhcp_enabled=True), SUB, keys(SUB, "id", "name", "cidr")),
    ("create_subnet", ("n", "sub", "fd00::/64", 6, "fd00::1", False, ["::1"]), {"ipv6_ra_mode": None}, "network.create_subnet",
     call(network_id="n", name="sub", cidr="fd00::/64", ip_version=6, gateway_ip="fd00::1", is_dhcp_enabled=False,
          dns_nameservers=["::1"]), SUB, keys(SUB, "id", "name", "cidr")),
    ("get_subnet", ("s",), {}, "network.get_subnet", call("s"), SUB, SUB_SHOWN),
    ("update_subnet", ("s",), {"gateway_ip": None}, "network.update_subnet", call("s", gateway_ip=None), SUB, SUB_SHOWN),
    ("create_router", ("router",), {}, "network.create_router", call(name="router"), ROUTER, keys(ROUTER, "id", "name")),
    ("get_router", ("r",), {}, "network.get_router", call("r"), ROUTER, ROUTER_SHOWN),
    ("update_router", ("r",), {"name": "x"}, "network.update_router", call("r", name="x"), ROUTER, ROUTER_SHOWN),
    ("create_security_group", ("group",), {}, "network.create_security_group", call(name="group", description=""), GROUP,
     keys(GROUP, "id", "name")),
    ("get_security_group", ("g",), {}, "network.get_security_group", call("g"), GROUP, GROUP_SHOWN),
    ("update_security_group", ("g",), {"name": "x"}, "network.update_security_group", call("g", name="x"), GROUP, GROUP_SHOWN),
    ("add_security_group_rule", ("g",), {}, "network.create_security_group_rule",
     call(security_group_id="g", direction="ingress", ether_type="IPv4"), RULE,
     {"id": "u", "direction": "ingress", "protocol": None}),
    ("add_security_group_rule", ("g", "egress", "tcp", 1, 2, "::/0", "IPv6"), {"description": "d"}, "network.create_security_group_rule",
     call(security_group_id="g", direction="egress", protocol="tcp", port_range_min=1, port_range_max=2, remote_ip_prefix="::/0",
          ether_type="IPv6", description="d"), RULE, {"id": "u", "direction": "egress", "protocol": "tcp"}),
    ("get_floating_ip", ("f",), {}, "network.get_ip", call("f"), ADDRESS, ADDRESS_SHOWN),
    ("update_floating_ip", ("f",), {"description": "d"}, "network.update_ip", call("f", description="d"), ADDRESS, ADDRESS_SHOWN),
    ("create_port", ("n",), {}, "network.create_port", call(network_id="n"), PORT, PORT_SHOWN),
    ("get_port", ("p",), {}, "network.get_port", call("p"), PORT, PORT_SHOWN),
    ("update_port", ("p",), {"name": "x"}, "network.update_port", call("p", name="x"), PORT, PORT_SHOWN),
    ("create_loadbalancer", ("lb", "s"), {}, "load_balancer.create_load_balancer", call(name="lb", vip_subnet_id="s"), LB,
     keys(LB, "id", "name", "vip_address")),
    ("create_loadbalancer", ("lb", "s", "10.0.0.9"), {"provider": "amphora"}, "load_balancer.create_load_balancer",
     call(name="lb", vip_subnet_id="s", vip_address="10.0.0.9", provider="amphora"), LB, keys(LB, "id", "name", "vip_address")),
    ("get_load_balancer", ("l",), {}, "load_balancer.get_load_balancer", call("l"), LB,
     {**LB_SHOWN, "vip_port_id": "p", "vip_subnet_id": "s"}),
    ("update_load_balancer", ("l",), {"name": "x"}, "load_balancer.update_load_balancer", call("l", name="x"), LB,
     {**LB_SHOWN, "vip_port_id": "p", "vip_subnet_id": "s"}),
    ("create_listener", ("l", "lis", "TCP", 80), {"connection_limit": 9}, "load_balancer.create_listener",
     call(load_balancer_id="l", name="lis", protocol="TCP", protocol_port=80, connection_limit=9), LISTENER,
     keys(LISTENER, "id", "name", "protocol")),
    ("get_listener", ("i",), {}, "load_balancer.get_listener", call("i"), LISTENER, LISTENER_SHOWN),
    ("update_listener", ("i",), {"name": "x"}, "load_balancer.update_listener", call("i", name="x"), LISTENER, LISTENER_SHOWN),
    ("create_pool", ("pool", "TCP", "ROUND_ROBIN", "i"), {}, "load_balancer.create_pool",
     call(name="pool", protocol="TCP", lb_algorithm="ROUND_ROBIN", listener_id="i"), POOL, keys(POOL, "id", "name", "protocol")),
    ("create_pool", ("pool", "TCP", "ROUND_ROBIN"), {"loadbalancer_id": "l"}, "load_balancer.create_pool",
     call(name="pool", protocol="TCP", lb_algorithm="ROUND_ROBIN", loadbalancer_id="l"), POOL, keys(POOL, "id", "name", "protocol")),
    ("get_pool", ("o",), {}, "load_balancer.get_pool", call("o"), POOL, POOL_SHOWN),
    ("update_pool", ("o",), {"name": "x"}, "load_balancer.update_pool", call("o", name="x"), POOL, POOL_SHOWN),
    ("add_pool_member", ("o", "10.0.0.7", 8080), {}, "load_balancer.create_member",
     call("o", address="10.0.0.7", protocol_port=8080, weight=1), MEMBER, {"id": "m", "address": "10.0.0.7", "port": 8080}),
    ("add_pool_member", ("o", "10.0.0.7", 8080, 0, "mem", "s"), {"backup": True}, "load_balancer.create_member",
     call("o", address="10.0.0.7", protocol_port=8080, weight=0, name="mem", subnet_id="s", backup=True), MEMBER,
     {"id": "m", "address": "10.0.0.7", "port": 8080}),
    ("get_member", ("o", "m"), {}, "load_balancer.get_member", call("m", "o"), MEMBER, MEMBER_SHOWN),
    ("update_member", ("o", "m"), {"weight": 2}, "load_balancer.update_member", call("m", "o", weight=2), MEMBER, MEMBER_SHOWN),
    ("create_health_monitor", ("o", "TCP", 5, 3), {}, "load_balancer.create_health_monitor",
     call(pool_id="o", type="TCP", delay=5, timeout=3, max_retries=3), MONITOR, {"id": "h", "type": "TCP", "pool_id": "o"}),
    ("create_health_monitor", ("o", "HTTP", 5, 3, 2, "hm"), {"url_path": "/"}, "load_balancer.create_health_monitor",
     call(pool_id="o", type="HTTP", delay=5, timeout=3, max_retries=2, name="hm", url_path="/"), MONITOR,
     {"id": "h", "type": "HTTP", "pool_id": "o"}),
    ("get_health_monitor", ("h",), {}, "load_balancer.get_health_monitor", call("h"), MONITOR, MONITOR_SHOWN),
    ("update_health_monitor", ("h",), {"delay": 9}, "load_balancer.update_health_monitor", call("h", delay=9), MONITOR, MONITOR_SHOWN),
]  # fmt: skip
ROWS += [
    ("get_reverse_dns", ("f",), {}, "dns.get_floating_ip", call("dc3-a:f"), NAME, NAME_SHOWN),
    ("set_reverse_dns", ("f", "mail.example.com"), {}, "dns.update_floating_ip",
     call("dc3-a:f", ptrdname="mail.example.com."), NAME, NAME_SHOWN),
    ("set_reverse_dns", ("f", "mail.example.com.", 0, "d"), {}, "dns.update_floating_ip",
     call("dc3-a:f", ptrdname="mail.example.com.", ttl=0, description="d"), NAME, NAME_SHOWN),
]  # fmt: skip
ROWS += [
    ("create_secret", ("n", b"x"), {}, "key_manager.create_secret",
     call(name="n", payload="eA==", payload_content_type="application/octet-stream", payload_content_encoding="base64"),
     SECRET, {"id": "s", "name": "n", "secret_ref": "https://k/v1/secrets/s"}),
]  # fmt: skip
LISTS += [
    ("list_secrets", (), {}, "key_manager.secrets", call(), SECRET, SECRET_SHOWN),
    ("list_secrets", ("n",), {}, "key_manager.secrets", call(name="n"), SECRET, SECRET_SHOWN),
    ("list_zones", (), {}, "dns.zones", call(), ZONE, ZONE_SHOWN),
    ("list_zones", ("e.",), {}, "dns.zones", call(name="e."), ZONE, ZONE_SHOWN),
    ("list_zone_records", ("z",), {}, "dns.recordsets", call("z"), RECORDS, RECORDS_SHOWN),
    ("list_zone_records", ("z", "a.e.", "A"), {}, "dns.recordsets", call("z", name="a.e.", type="A"), RECORDS, RECORDS_SHOWN),
]  # fmt: skip
DONE = [
    ("delete_network", ("n",), {}, "network.delete_network", call("n")),
    ("delete_subnet", ("s",), {}, "network.delete_subnet", call("s")),
    ("delete_router", ("r",), {}, "network.delete_router", call("r")),
    ("add_router_interface", ("r", "s"), {}, "network.add_interface_to_router", call("r", subnet_id="s")),
    ("remove_router_interface", ("r", "s"), {}, "network.remove_interface_from_router", call("r", subnet_id="s")),
    ("delete_security_group", ("g",), {}, "network.delete_security_group", call("g")),
    ("delete_security_group_rule", ("u",), {}, "network.delete_security_group_rule", call("u")),
    ("associate_floating_ip", ("f", "p"), {}, "network.update_ip", call("f", port_id="p")),
    ("disassociate_floating_ip", ("f",), {}, "network.update_ip", call("f", port_id=None)),
    ("release_floating_ip", ("f",), {}, "network.delete_ip", call("f")),
    ("unset_reverse_dns", ("f",), {}, "dns.patch",
     call("/reverse/floatingips/dc3-a:f", json={"ptrdname": None}, raise_exc=True)),
    ("delete_secret", ("s",), {}, "key_manager.delete_secret", call("s")),
    ("delete_port", ("p",), {}, "network.delete_port", call("p")),
    ("delete_loadbalancer", ("l",), {}, "load_balancer.delete_load_balancer", call("l", cascade=False)),
    ("delete_loadbalancer", ("l",), {"cascade": True}, "load_balancer.delete_load_balancer", call("l", cascade=True)),
    ("wait_for_load_balancer", ("l", 9, 1), {}, "load_balancer.wait_for_load_balancer", call("l", interval=1, wait=9)),
    ("delete_listener", ("i",), {}, "load_balancer.delete_listener", call("i")),
    ("delete_pool", ("o",), {}, "load_balancer.delete_pool", call("o")),
    ("remove_pool_member", ("o", "m"), {}, "load_balancer.delete_member", call("m", "o")),
    ("delete_health_monitor", ("h",), {}, "load_balancer.delete_health_monitor", call("h")),
    ("replace_pool_members", ("o", [{"address": "10.0.0.7", "protocol_port": 80}]), {}, "load_balancer.put",
     call("/lbaas/pools/o/members", json={"members": [{"address": "10.0.0.7", "protocol_port": 80}]}, raise_exc=True)),
]  # fmt: skip


def method(conn, path):
    service, name = path.split(".")
    return getattr(getattr(conn, service), name)


def calls(conn):
    return (
        conn.network.method_calls
        + conn.load_balancer.method_calls
        + conn.dns.method_calls
        + conn.key_manager.method_calls
    )


@pytest.mark.parametrize(("operation", "args", "kwargs", "path", "expected", "item", "shown"), LISTS)
def test_a_list_is_one_call_and_plain_dicts(client, conn, operation, args, kwargs, path, expected, item, shown):
    method(conn, path).return_value = iter([item, item])
    assert getattr(client, operation)(*args, **kwargs) == [shown, shown]
    assert method(conn, path).mock_calls == [expected]
    assert len(calls(conn)) == 1


@pytest.mark.parametrize(("operation", "args", "kwargs", "path", "expected", "item", "shown"), ROWS)
def test_an_object_is_one_call_and_a_plain_dict(client, conn, operation, args, kwargs, path, expected, item, shown):
    method(conn, path).return_value = item
    assert getattr(client, operation)(*args, **kwargs) == shown
    assert method(conn, path).mock_calls == [expected]
    assert len(calls(conn)) == 1


@pytest.mark.parametrize(("operation", "args", "kwargs", "path", "expected"), DONE)
def test_an_act_is_one_call(client, conn, operation, args, kwargs, path, expected):
    assert getattr(client, operation)(*args, **kwargs) is True
    assert method(conn, path).mock_calls == [expected]
    assert len(calls(conn)) == 1


@pytest.mark.parametrize(
    "path", sorted({row[3] for row in (*LISTS, *ROWS, *DONE)} | {"network.find_network", "network.create_ip"})
)
def test_openstacksdk_has_what_is_called(path):
    proxies = {"network": neutron_proxy.Proxy, "load_balancer": octavia_proxy.Proxy, "dns": designate_proxy.Proxy}
    proxies["key_manager"] = barbican_proxy.Proxy
    service, name = path.split(".")
    assert callable(getattr(proxies[service], name))


class Unprintable(Exception):  # noqa: N818 - a test's own
    def __str__(self):
        raise RuntimeError("not even this")


ERRORS = [
    sdk.NotFoundException("no"),
    sdk.ConflictException("no"),
    sdk.SDKException("no"),
    keystone.ConnectFailure("no"),
    keystone.Unauthorized("no"),
    TimeoutError("no"),
    ValueError("no"),
    KeyError("no"),
    AttributeError("no"),
    RuntimeError("no"),
    StopIteration("no"),
    Unprintable(),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_whatever_is_raised_is_logged_and_becomes_a_sentinel(client, conn, caplog, error):
    for operation, args, kwargs, path, sentinel in [
        *((*row[:4], []) for row in LISTS),
        *((*row[:4], None) for row in ROWS),
        *((*row[:4], False) for row in DONE),
    ]:
        caplog.clear()
        method(conn, path).side_effect = error
        result = getattr(client, operation)(*args, **kwargs)
        assert result == sentinel
        assert type(result) is type(sentinel)
        assert [(r.levelname, r.name) for r in caplog.records] == [("ERROR", "infomaniak_operator.client")]
        assert operation in caplog.text
        assert caplog.records[0].exc_info is None


@pytest.mark.parametrize(("operation", "args", "kwargs", "path", "expected", "item", "shown"), LISTS)
def test_a_list_that_breaks_half_way_is_no_part_of_a_list(
    client, conn, caplog, operation, args, kwargs, path, expected, item, shown
):
    def some():
        yield item
        raise keystone.ConnectFailure("page two")

    method(conn, path).side_effect = lambda *_, **__: some()
    assert getattr(client, operation)(*args, **kwargs) == []
    assert "page two" in caplog.text


def test_a_connection_whose_service_cannot_even_be_reached(caplog):
    class Broken:
        @property
        def network(self):
            raise RuntimeError("no such service")

    client = InfomaniakNetworkClient(connection=Broken())
    assert (client.list_networks(), client.get_network("n"), client.delete_network("n")) == ([], None, False)
    assert client.list_loadbalancers() == []
    assert client.validate_connection() is False


@pytest.mark.parametrize(
    "text",
    ["token=hunter2", "{'password': 'hunter2'}", 'secret: "hunter2"', "X-Auth-Token: hunter2", "Authorization: Bearer hunter2",
     "application_credential_secret=hunter2&x=1"],
)  # fmt: skip
def test_what_looks_like_a_secret_is_not_logged(client, conn, caplog, text):
    conn.network.networks.side_effect = Exception(f"failed with {text}")
    client.list_networks()
    assert "failed with" in caplog.text
    assert "hunter2" not in caplog.text


def test_its_own_secret_is_never_logged(caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    client = InfomaniakNetworkClient.from_credentials("id", "hunter2", "https://127.0.0.1:1/v3")
    client._conn = MagicMock()
    client._conn.network.networks.side_effect = Exception("they say hunter2 is wrong")
    assert client.list_networks() == []
    assert "they say *** is wrong" in caplog.text
    assert "hunter2" not in repr(client)


def test_the_names_of_networks_are_resolved(client, conn):
    conn.network.find_network.return_value = thing(id="ext")
    conn.network.create_router.return_value = ROUTER
    conn.network.create_ip.return_value = ADDRESS
    assert client.create_router("router", external_network="ext-floating1") == {"id": "r", "name": "router"}
    assert client.allocate_floating_ip("ext-floating1") == keys(ADDRESS, "id", "floating_ip_address", "status")
    assert calls(conn) == [
        call.find_network("ext-floating1"),
        call.create_router(name="router", external_gateway_info={"network_id": "ext"}),
        call.find_network("ext-floating1"),
        call.create_ip(floating_network_id="ext"),
    ]


def test_a_network_that_does_not_exist_makes_nothing(client, conn, caplog):
    conn.network.find_network.return_value = None
    assert client.create_router("router", external_network="nope") is None
    assert client.allocate_floating_ip("nope") is None
    assert {name for name, _, _ in calls(conn)} == {"find_network"}
    assert "nope" in caplog.text


def test_members_with_a_misspelt_attribute_are_not_sent(client, conn):
    assert client.replace_pool_members("o", [{"addres": "x"}]) is False
    assert calls(conn) == []


def test_quotas(client, conn):
    kinds = ("networks", "subnets", "ports", "routers", "floating_ips", "security_groups", "security_group_rules")
    conn.network.get_quota.return_value = thing(**{kind: {"limit": 1, "used": 0} for kind in kinds})
    assert client.get_quota() == {kind: {"limit": 1, "used": 0} for kind in kinds}
    assert calls(conn) == [call.get_quota(conn.current_project_id, details=True)]


@pytest.mark.parametrize(
    ("item", "parent"),
    [
        (thing(load_balancers=[], load_balancer_id="l", id="i"), "l"),
        (thing(load_balancers=None, load_balancer_id=None, id="i"), None),
        (thing(loadbalancer_id="l", id="i"), "l"),
        ({"load_balancers": [{"id": "l"}], "id": "i"}, "l"),
    ],
)
def test_whose_listener_it_is(client, conn, item, parent):
    conn.load_balancer.listeners.return_value = [item]
    assert client.list_listeners()[0]["loadbalancer_id"] == parent


ENV = {"INFOMANIAK_APP_CREDENTIAL_ID": "id", "INFOMANIAK_APP_CREDENTIAL_SECRET": "s"}


@pytest.mark.parametrize("missing", sorted(ENV))
def test_a_missing_variable_is_named(missing):
    with pytest.raises(InvalidCredentialsError, match=missing):
        InfomaniakOpenStackBase.from_env({name: value for name, value in ENV.items() if name != missing})
    with pytest.raises(ValueError, match=missing):
        InfomaniakOpenStackBase.from_env({**ENV, missing: ""})


@pytest.mark.parametrize("missing", sorted(ENV))
def test_a_variable_of_blanks_is_missing(missing):
    with pytest.raises(InvalidCredentialsError, match=f"{missing} not set"):
        InfomaniakOpenStackBase.from_env({**ENV, missing: " \n"})


def test_blanks_around_a_variable_do_not_count():
    """As a file has them whose content a shell or a container puts there."""
    values = {"AUTH_URL": "https://api.pub2.infomaniak.cloud/identity/v3", "REGION": "dc4-a", "PROJECT_ID": "p"}
    client = InfomaniakNetworkClient.from_env({**ENV, **{f"INFOMANIAK_{n}": f" {v}\n" for n, v in values.items()}})
    assert client._conn.session.auth.auth_url == values["AUTH_URL"]
    assert (client._conn.config.get_region_name(), client._project_id) == ("dc4-a", "p")
    client = InfomaniakNetworkClient.from_env({**ENV, **{f"INFOMANIAK_{name}": " " for name in values}})
    assert (client._conn.config.get_region_name(), client._project_id) == ("dc3-a", None)
    client = InfomaniakNetworkClient.from_credentials("id", "s", f" {values['AUTH_URL']}/\n")
    assert client._conn.session.auth.auth_url == values["AUTH_URL"]


def test_the_environment_of_the_process_is_used(monkeypatch):
    for name, value in ENV.items():
        monkeypatch.setenv(name, value)
    client = InfomaniakNetworkClient.from_env()
    assert client._conn.session.auth.auth_url == "https://api.pub1.infomaniak.cloud/identity/v3"
    assert client._conn.config.get_region_name() == "dc3-a"
    assert client._service_name == "network"


def test_all_variables_are_used():
    client = InfomaniakNetworkClient.from_env(
        {**ENV, "INFOMANIAK_AUTH_URL": "https://api.pub2.infomaniak.cloud/identity/v3/", "INFOMANIAK_REGION": "dc4-a",
         "INFOMANIAK_PROJECT_ID": "p"}
    )  # fmt: skip
    assert client._conn.session.auth.auth_url == "https://api.pub2.infomaniak.cloud/identity/v3"
    assert client._conn.config.get_region_name() == "dc4-a"
    assert client._project_id == "p"


def test_a_clouds_yaml(tmp_path):
    path = tmp_path / "clouds.yaml"
    path.write_text(
        "clouds: {a: {auth: {auth_url: 'https://x.example/v3', application_credential_id: i, "
        "application_credential_secret: s}, region_name: r}}"
    )
    assert InfomaniakNetworkClient.from_clouds_yaml(path, "a")._conn.config.get_region_name() == "r"


def test_every_call_of_its_own_connections_has_a_timeout_and_a_pool_that_fits():
    session = InfomaniakNetworkClient.from_credentials("id", "s")._conn.session
    assert session.timeout == 30.0
    for url in ("https://x", "http://x"):
        assert session.session.get_adapter(url)._pool_maxsize == 64


def test_it_is_a_context_manager(conn):
    with InfomaniakNetworkClient(conn) as client:
        assert client.validate_connection() is True
    conn.close.assert_called_once_with()
    conn.close.side_effect = RuntimeError
    client.close()


def test_validation(client, conn, caplog):
    conn.identity.get.side_effect = keystone.Unauthorized("revoked")
    assert client.validate_connection() is False
    assert "revoked" in caplog.text
    conn.identity.get.side_effect = None
    client._project_id = "mine"
    conn.current_project_id = "other"
    assert client.validate_connection() is False
    conn.current_project_id = "mine"
    assert client.validate_connection() is True
