"""What a metering client is told, in both forms, and what it is never told: a 0 that nobody counted."""

import json
from datetime import UTC, datetime
from unittest.mock import MagicMock

import pytest
from openstack.load_balancer.v2 import _proxy as octavia_proxy
from openstack.load_balancer.v2 import load_balancer as sdk_load_balancer
from openstack.network.v2 import _proxy as neutron_proxy
from openstack.network.v2 import network as sdk_network

from infomaniak_operator.client import InfomaniakCloudError, InfomaniakNetworkClient, Operations, ServiceError, usage
from tests.support.fake_cloud_http import Reply

AT = "2026-11-27T08:00:00Z"
PATHS = {
    "/network/v2.0/networks": "networks",
    "/network/v2.0/subnets": "subnets",
    "/network/v2.0/routers": "routers",
    "/network/v2.0/security-groups": "security_groups",
    "/network/v2.0/security-group-rules": "security_group_rules",
    "/network/v2.0/ports": "ports",
    "/network/v2.0/floatingips": "floatingips",
    "/network/v2/lbaas/loadbalancers": "loadbalancers",
}
LIMITS = {
    "network": 10, "subnet": 20, "router": 5, "security_group": 6, "security_group_rule": 100, "port": -1,
    "floatingip": 7,
}  # fmt: skip
TYPES = [
    "networks", "subnets", "routers", "security_groups", "security_group_rules", "ports", "floating_ips",
    "load_balancers",
]  # fmt: skip


def row(name, project="p1", at=AT, **more):
    return {"id": name, "project_id": project, "created_at": at, **more}


ROWS = {
    "networks": [row("n1"), row("n2", "other", shared=True), row("n3", "admin")],
    "subnets": [row("s1"), row("s2")],
    "routers": [],
    "security_groups": [row("g1")],
    "security_group_rules": [row(f"u{number}") for number in range(4)],
    "ports": [row("p1"), row("p2", "")],
    "floatingips": [row("f1", port_id="p1"), row("f2", port_id=None), row("f3", "other", port_id="x")],
    "loadbalancers": [row("l1", at="2026-11-27T08:00:00"), row("l2", at=None)],
}
SHOWN = {
    "project_id": "p1",
    "networks": {"count": 1, "quota": 10, "created_at": {"n1": AT}},
    "subnets": {"count": 2, "quota": 20, "created_at": {"s1": AT, "s2": AT}},
    "routers": {"count": 0, "quota": 5, "created_at": {}},
    "security_groups": {"count": 1, "quota": 6, "created_at": {"g1": AT}},
    "security_group_rules": {"count": 4, "quota": 100, "created_at": {f"u{number}": AT for number in range(4)}},
    "ports": {"count": 1, "quota": -1, "created_at": {"p1": AT}},
    "floating_ips": {"count": 2, "quota": 7, "in_use": 1, "created_at": {"f1": AT, "f2": AT}},
    "load_balancers": {"count": 2, "quota": 3, "created_at": {"l1": AT, "l2": None}},
}


def serving(rows=ROWS, limits=None, balancers=None):
    def answer(asked):
        if "/quotas/" in asked.path:
            if "lbaas" in asked.path:
                return Reply(200, {"quota": {"load_balancer": 3} if balancers is None else balancers})
            quota = {name: {"limit": limit, "used": 0, "reserved": 0} for name, limit in LIMITS.items()}
            return Reply(200, {"quota": quota if limits is None else limits})
        many = PATHS[asked.path]
        return Reply(200, {many: rows[many]})

    return answer


@pytest.fixture
def do(session):
    return Operations(session)


def test_what_a_project_has(do, wire):
    wire.answer = serving()
    found = do.usage()
    assert found.project_id == "p1"
    assert (found.networks.count, found.networks.quota, found.networks.in_use) == (1, 10, None)
    assert found.networks.created_at == {"n1": datetime(2026, 11, 27, 8, tzinfo=UTC)}
    assert (found.floating_ips.count, found.floating_ips.in_use) == (2, 1)
    assert found.load_balancers.created_at == {"l1": datetime(2026, 11, 27, 8, tzinfo=UTC), "l2": None}
    assert json.loads(json.dumps(found.as_dict())) == SHOWN


def test_it_is_ten_calls_each_for_the_project_alone(do, wire):
    wire.answer = serving()
    do.usage()
    assert all(asked.method == "GET" for asked in wire.asked)
    lists = [asked for asked in wire.asked if "/quotas/" not in asked.path]
    assert sorted(asked.path for asked in lists) == sorted(PATHS)
    assert all(("project_id", "p1") in asked.query for asked in lists)
    assert len(wire.asked) == 10


def test_everything_is_counted_from_all_pages(do, wire):
    def answer(asked):
        if asked.path != "/network/v2.0/ports":
            return serving()(asked)
        number = int(dict(asked.query).get("marker", "0"))
        body = {"ports": [row(str(number + 1))]}
        if number < 2:
            body["ports_links"] = [{"rel": "next", "href": f"http://x/?marker={number + 1}"}]
        return Reply(200, body)

    wire.answer = answer
    assert do.usage().ports.count == 3
    assert len(wire.asked) == 12


@pytest.mark.parametrize(
    "reply", [Reply(404, {}), Reply(403, {}), Reply(501, {}), Reply(200, {}), Reply(200, b"<html>")]
)
def test_a_list_that_fails_is_no_zero(do, wire, reply):
    for path in PATHS:
        wire.answer = lambda asked, path=path: reply if asked.path == path else serving()(asked)
        with pytest.raises(InfomaniakCloudError):
            do.usage()


@pytest.mark.parametrize("odd", [{"id": "x"}, {"id": "x", "project_id": None}, {"id": "x", "project_id": 7}], ids=str)
def test_a_row_of_nobody_is_neither_counted_nor_passed_over(do, wire, odd):
    for many in PATHS.values():
        wire.answer = serving({**ROWS, many: [*ROWS[many], odd]})
        with pytest.raises(ServiceError, match="cannot be counted"):
            do.usage()


@pytest.mark.parametrize("at", ["yesterday", "", 7, {}, None, "\ud800", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_is_none_is_none(do, wire, at):
    wire.answer = serving({**ROWS, "networks": [row("n1", at=at)]})
    assert do.usage().networks.created_at == {"n1": None}


def test_the_same_row_on_two_pages_is_one(do, wire):
    wire.answer = serving({**ROWS, "networks": [row("n1"), row("n1")]})
    assert do.usage().networks.count == 1


@pytest.mark.parametrize("quota", [{}, {**dict.fromkeys(LIMITS, 7)}, {**dict.fromkeys(LIMITS)}])
def test_a_quota_that_is_not_there_is_an_error(do, wire, quota):
    wire.answer = serving(limits=quota)
    with pytest.raises(ServiceError, match="quota"):
        do.usage()


@pytest.mark.parametrize("quota", [{}, {"load_balancer": None}, {"load_balancer": "3"}])
def test_a_quota_of_load_balancers_that_is_not_there_is_an_error(do, wire, quota):
    wire.answer = serving(balancers=quota)
    with pytest.raises(ServiceError, match="load_balancers"):
        do.usage()


# ── the facade ───────────────────────────────────────────────────────────────────────────────────────────────────────

LISTS = {
    "networks": "network.networks",
    "subnets": "network.subnets",
    "routers": "network.routers",
    "security_groups": "network.security_groups",
    "security_group_rules": "network.security_group_rules",
    "ports": "network.ports",
    "floatingips": "network.ips",
    "loadbalancers": "load_balancer.load_balancers",
}
SDK_LIMITS = {"floatingip": "floating_ips"}


def method(conn, path):
    service, name = path.split(".")
    return getattr(getattr(conn, service), name)


@pytest.fixture
def conn():
    conn = MagicMock()
    conn.current_project_id = "p1"
    quota = {SDK_LIMITS.get(name, f"{name}s"): {"limit": limit, "used": 0} for name, limit in LIMITS.items()}
    conn.network.get_quota.return_value = quota
    conn.load_balancer.get_quota.return_value = {"load_balancers": 3}
    for many, path in LISTS.items():
        method(conn, path).return_value = iter(ROWS[many])
    return conn


def test_the_facade_says_the_same(conn):
    assert json.loads(json.dumps(InfomaniakNetworkClient(conn).usage())) == SHOWN
    for path in LISTS.values():
        method(conn, path).assert_called_once_with(project_id="p1")
    conn.network.get_quota.assert_called_once_with("p1", details=True)
    conn.load_balancer.get_quota.assert_called_once_with("p1")
    assert len(conn.network.method_calls + conn.load_balancer.method_calls) == 10


def test_the_facade_counts_openstacksdk_s_own_objects(conn):
    conn.network.networks.return_value = [sdk_network.Network(id="n9", project_id="p1", created_at=AT)]
    conn.load_balancer.load_balancers.return_value = [
        sdk_load_balancer.LoadBalancer(id="l9", project_id="p1", created_at="2026-11-27T08:00:00")
    ]
    found = InfomaniakNetworkClient(conn).usage()
    assert found["networks"]["created_at"] == {"n9": AT}
    assert found["load_balancers"]["created_at"] == {"l9": AT}


def test_openstacksdk_has_what_is_called():
    for path in (*LISTS.values(), "network.get_quota", "load_balancer.get_quota"):
        service, name = path.split(".")
        proxy = {"network": neutron_proxy.Proxy, "load_balancer": octavia_proxy.Proxy}[service]
        assert callable(getattr(proxy, name))


def broken():
    yield row("x")
    raise RuntimeError("page two")


@pytest.mark.parametrize("what", [*LISTS.values(), "network.get_quota", "load_balancer.get_quota"])
def test_the_facade_gives_none_where_anything_fails(conn, caplog, what):
    for failure in ({"side_effect": RuntimeError("page two")}, {"side_effect": None, "return_value": broken()}):
        method(conn, what).configure_mock(**failure)
        assert InfomaniakNetworkClient(conn).usage() is None
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "usage failed" in caplog.text


def test_the_facade_gives_none_without_a_project(conn, caplog):
    conn.current_project_id = None
    assert InfomaniakNetworkClient(conn).usage() is None
    assert "project" in caplog.text


def test_lists_without_end_are_given_up(conn, monkeypatch):
    monkeypatch.setattr(usage, "MOST_ROWS", 50)
    seen = []

    def endless():
        while True:
            seen.append(1)
            yield row(str(len(seen)))

    conn.network.ports.return_value = endless()
    assert InfomaniakNetworkClient(conn).usage() is None
    assert len(seen) == 51


def test_the_types_are_those_of_the_docs():
    assert list(usage.TYPES) == TYPES
