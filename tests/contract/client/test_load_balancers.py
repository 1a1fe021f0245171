"""Every operation on Octavia's objects, with bodies judged by what Octavia then returns."""

import pytest

from infomaniak_operator.client import (
    BadRequestError,
    Category,
    ConflictError,
    InfomaniakCloudError,
    InfomaniakNetworkClient,
    NotFoundError,
)
from tests.contract.client.conftest import Tree, until

NOWHERE = "00000000-0000-4000-8000-000000000000"


def shows(row, **expected):
    assert {name: row[name] for name in expected} == expected


def test_a_tree_is_made_in_one_call_with_all_that_was_sent(do, tree: Tree):
    shows(do.load_balancers.get(tree.row["id"]), description="d", tags=["t-lb"], vip_port_id=tree.port["id"])
    shows(
        do.listeners.get(tree.listener),
        protocol="HTTP",
        protocol_port=80,
        default_pool_id=tree.pool,
        connection_limit=123,
        insert_headers={"X-Forwarded-For": "true"},
        allowed_cidrs=["10.0.0.0/8"],
        timeout_client_data=51000,
        tags=["t-listener"],
    )
    pool = do.pools.get(tree.pool)
    shows(pool, name="web", lb_algorithm="LEAST_CONNECTIONS", tags=["t-pool"], healthmonitor_id=tree.monitor)
    assert pool["session_persistence"]["type"] == "HTTP_COOKIE"
    (member,) = do.members.list(tree.pool)
    shows(member, address="10.77.0.50", protocol_port=8080, weight=5, backup=True, subnet_id=tree.subnet, name="m1")


def test_what_the_sdk_drops_arrives(do, tree: Tree):
    """HealthMonitor http_version and domain_name are unknown to openstacksdk."""
    shows(
        do.health_monitors.get(tree.monitor),
        http_version=1.1,
        domain_name="example.org",
        max_retries_down=5,
        url_path="/health",
        http_method="HEAD",
        expected_codes="200-204",
        tags=["t-monitor"],
    )
    do.health_monitors.update(tree.monitor, {"domain_name": "example.com", "http_version": 1.1})
    tree.active()
    shows(do.health_monitors.get(tree.monitor), domain_name="example.com")


@pytest.mark.parametrize(
    ("collection", "body"),
    [
        ("pools", {"tls_enabled": True, "tls_container_ref": "http://barbican.example/v1/containers/none"}),
        ("pools", {"tls_enabled": True, "ca_tls_container_ref": "http://barbican.example/v1/secrets/none"}),
        (
            "listeners",
            {
                "protocol": "TERMINATED_HTTPS",
                "protocol_port": 443,
                "default_tls_container_ref": "http://barbican.example/v1/containers/none",
                "client_ca_tls_container_ref": "http://barbican.example/v1/secrets/none",
                "client_authentication": "MANDATORY",
                "client_crl_container_ref": "http://barbican.example/v1/secrets/none",
            },
        ),
    ],
)
def test_references_to_certificates_arrive(do, tree: Tree, collection, body):
    """There is no Barbican here: that Octavia goes and looks for the certificate shows that the reference arrived."""
    pool = {"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN"} if collection == "pools" else {}
    tree.active()
    with pytest.raises(InfomaniakCloudError) as caught:
        getattr(do, collection).create({"loadbalancer_id": tree.row["id"], "name": "tls", **pool, **body})
    told = str(caught.value).lower()
    assert any(word in told for word in ("barbican", "container", "certificate", "secret", "tls")), told


def test_filters_are_the_services_own(do, tree: Tree):
    lb = tree.row["id"]
    assert [row["id"] for row in do.load_balancers.list(name=tree.row["name"])] == [lb]
    assert [row["id"] for row in do.load_balancers.list(vip_port_id=tree.port["id"])] == [lb]
    assert [row["id"] for row in do.load_balancers.list(tags="t-lb", id=lb)] == [lb]
    assert [row["id"] for row in do.listeners.list(load_balancer_id=lb)] == [tree.listener]
    assert {row["name"] for row in do.pools.list(loadbalancer_id=lb)} == {"web", "spare"}
    assert [row["id"] for row in do.health_monitors.list(pool_id=tree.pool)] == [tree.monitor]
    assert [row["name"] for row in do.members.list(tree.pool, address="10.77.0.50")] == ["m1"]
    assert do.load_balancers.list(fields=["id"], id=lb) == [{"id": lb}]


@pytest.mark.parametrize(
    ("collection", "filters"),
    [
        ("load_balancers", {"name": "nobody"}),
        ("load_balancers", {"vip_port_id": NOWHERE}),
        ("load_balancers", {"vip_subnet_id": NOWHERE}),
        ("load_balancers", {"tags": "no-such-tag"}),
        ("listeners", {"load_balancer_id": NOWHERE}),
        ("listeners", {"name": "nobody"}),
        ("pools", {"loadbalancer_id": NOWHERE}),
        ("pools", {"name": "nobody"}),
        ("health_monitors", {"pool_id": NOWHERE}),
        ("health_monitors", {"name": "nobody"}),
    ],
)
def test_a_filter_that_matches_nothing_returns_nothing(do, tree: Tree, collection, filters):
    assert getattr(do, collection).list(**filters) == []


def test_each_part_can_be_made_changed_and_deleted(do, tree: Tree):
    lb = tree.row["id"]
    listener = do.listeners.create({"loadbalancer_id": lb, "protocol": "TCP", "protocol_port": 9000, "name": "l"})
    with pytest.raises(ConflictError) as caught:
        do.listeners.update(listener["id"], {"name": "too soon"})
    assert caught.value.category is Category.WAITING
    tree.active()
    with pytest.raises(ConflictError) as caught:
        do.listeners.create({"loadbalancer_id": lb, "protocol": "TCP", "protocol_port": 9000})
    assert caught.value.category is Category.TERMINAL
    do.listeners.update(listener["id"], {"connection_limit": 7, "admin_state_up": False})
    tree.active()
    shows(do.listeners.get(listener["id"]), connection_limit=7, admin_state_up=False)

    pool = do.pools.create({"listener_id": listener["id"], "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN"})
    tree.active()
    do.pools.update(pool["id"], {"lb_algorithm": "SOURCE_IP", "name": "p"})
    tree.active()
    shows(do.pools.get(pool["id"]), lb_algorithm="SOURCE_IP", name="p")
    monitor = do.health_monitors.create(
        {"pool_id": pool["id"], "type": "TCP", "delay": 5, "timeout": 3, "max_retries": 2}
    )
    tree.active()
    with pytest.raises(ConflictError) as caught:
        do.health_monitors.create({"pool_id": pool["id"], "type": "TCP", "delay": 5, "timeout": 3, "max_retries": 2})
    assert caught.value.category is Category.TERMINAL

    member = do.members.create(pool["id"], {"address": "10.77.0.60", "protocol_port": 80})
    tree.active()
    do.members.update(pool["id"], member["id"], {"weight": 9})
    tree.active()
    shows(do.members.get(pool["id"], member["id"]), weight=9)
    do.members.replace_all(
        pool["id"],
        [
            {"address": "10.77.0.60", "protocol_port": 80, "weight": 2, "monitor_port": 81},
            {"address": "10.77.0.61", "protocol_port": 80, "weight": 0},
        ],
    )
    tree.active()
    members = {row["address"]: row for row in do.members.list(pool["id"])}
    shows(members["10.77.0.60"], id=member["id"], weight=2, monitor_port=81)
    shows(members["10.77.0.61"], weight=0)

    do.members.delete(pool["id"], member["id"])
    tree.active()
    do.health_monitors.delete(monitor["id"])
    tree.active()
    do.pools.delete(pool["id"])
    tree.active()
    do.listeners.delete(listener["id"])
    tree.active()
    for collection, one in (("listeners", listener), ("pools", pool), ("health_monitors", monitor)):
        with pytest.raises(NotFoundError):
            getattr(do, collection).get(one["id"])


def test_the_load_balancer_itself_and_its_status_tree(do, tree: Tree):
    do.load_balancers.update(tree.row["id"], {"description": "other", "tags": ["t-lb", "new"]})
    row = tree.active()
    shows(row, description="other")
    assert sorted(row["tags"]) == ["new", "t-lb"]
    status = do.load_balancers.status_tree(tree.row["id"])["loadbalancer"]
    assert status["id"] == tree.row["id"]
    assert [one["id"] for one in status["listeners"]] == [tree.listener]
    with pytest.raises(BadRequestError) as caught:
        do.load_balancers.delete(tree.row["id"])
    assert caught.value.category is Category.IN_USE
    assert do.quotas.get()["load-balancer"]["load_balancer"] is not None


@pytest.mark.parametrize("collection", ["load_balancers", "listeners", "pools", "health_monitors"])
def test_what_is_not_there(do, collection):
    for call in (getattr(do, collection).get, getattr(do, collection).delete):
        with pytest.raises(NotFoundError):
            call(NOWHERE)


def test_a_body_that_octavia_refuses_says_so_in_its_words(do, tree: Tree):
    with pytest.raises(BadRequestError) as caught:
        do.listeners.create({"loadbalancer_id": tree.row["id"], "protocol": "NONSENSE", "protocol_port": 1})
    assert "NONSENSE" in str(caught.value)
    assert caught.value.request_id.startswith("req-")


def test_the_facade_on_the_same_tree(client: InfomaniakNetworkClient, tree: Tree):
    lb = tree.row["id"]
    tree.active()
    assert lb in [row["id"] for row in client.list_loadbalancers()]
    assert client.list_listeners(lb)[0]["loadbalancer_id"] == lb
    assert client.list_listeners(NOWHERE) == []
    assert {row["name"] for row in client.list_pools(lb)} == {"web", "spare"}
    assert client.list_pools(NOWHERE) == []
    (monitor,) = client.list_health_monitors(tree.pool)
    assert (monitor["id"], monitor["pool_id"]) == (tree.monitor, tree.pool)
    assert client.list_health_monitors(NOWHERE) == []

    made = client.create_listener(lb, "facade", "TCP", 9100, connection_limit=11)
    assert client.wait_for_load_balancer(lb, timeout=120, interval=1)
    assert tree.do.listeners.get(made["id"])["connection_limit"] == 11
    pool = client.create_pool("facade", "TCP", "ROUND_ROBIN", listener_id=made["id"])
    assert client.wait_for_load_balancer(lb, timeout=120, interval=1)
    member = client.add_pool_member(pool["id"], "10.77.0.70", 80, weight=3, name="m", subnet_id=tree.subnet)
    assert (member["address"], member["port"]) == ("10.77.0.70", 80)
    assert client.wait_for_load_balancer(lb, timeout=120, interval=1)
    check = client.create_health_monitor(pool["id"], "TCP", 5, 3, name="hm")
    assert check["pool_id"] == pool["id"]
    assert client.wait_for_load_balancer(lb, timeout=120, interval=1)
    assert client.update_member(pool["id"], member["id"], weight=4)["weight"] == 4
    assert client.wait_for_load_balancer(lb, timeout=120, interval=1)
    assert client.replace_pool_members(pool["id"], [{"address": "10.77.0.71", "protocol_port": 80, "weight": 6}])
    assert client.wait_for_load_balancer(lb, timeout=120, interval=1)
    assert [(row["address"], row["weight"]) for row in client.list_pool_members(pool["id"])] == [("10.77.0.71", 6)]
    assert client.delete_health_monitor(check["id"])
    assert client.wait_for_load_balancer(lb, timeout=120, interval=1)
    assert client.delete_pool(pool["id"])
    assert client.wait_for_load_balancer(lb, timeout=120, interval=1)
    assert client.delete_listener(made["id"])
    until(lambda: client.get_load_balancer(lb)["provisioning_status"] == "ACTIVE")


def test_the_facade_s_sentinels(client: InfomaniakNetworkClient, caplog):
    assert client.get_load_balancer(NOWHERE) is None
    assert client.create_listener(NOWHERE, "n", "TCP", 80) is None
    assert client.create_loadbalancer("n", NOWHERE) is None
    assert client.create_pool("n", "NONSENSE", "ROUND_ROBIN") is None
    assert client.add_pool_member(NOWHERE, "10.0.0.1", 80) is None
    assert client.list_pool_members(NOWHERE) == []
    assert client.create_health_monitor(NOWHERE, "TCP", 5, 3) is None
    assert client.update_listener(NOWHERE, name="n") is None
    assert client.replace_pool_members(NOWHERE, []) is False
    assert client.wait_for_load_balancer(NOWHERE, timeout=3, interval=1) is False
    assert len(caplog.records) >= 10
