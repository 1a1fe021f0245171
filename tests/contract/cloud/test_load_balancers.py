import re

import pytest

from infomaniak_operator.client import (
    BadRequestError,
    Category,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    QuotaExceededError,
    ServiceError,
)
from tests.support.balancing import (
    BALANCER,
    CHECK,
    LISTENER,
    MEMBER,
    MONITOR,
    POLICY,
    POOL,
    ROBIN,
    RULE,
    refused,
    states,
)
from tests.support.fake_cloud import FakeCloud

NOWHERE = "00000000-0000-4000-8000-000000000000"
NOTHING_COUNTED = dict.fromkeys(
    ("active_connections", "total_connections", "bytes_in", "bytes_out", "request_errors"), 0
)


def test_a_tree_from_one_call(cloud):
    do = cloud.do
    network = cloud.network("10.0.0.0/24")
    port = cloud.port(network)
    policy = {"action": "REDIRECT_TO_URL", "redirect_url": "https://x.org/", "redirect_http_code": 301}
    policy["rules"] = [{"type": "PATH", "compare_type": "STARTS_WITH", "value": "/a"}]
    pool = {"name": "p", **ROBIN, "session_persistence": {"type": "HTTP_COOKIE"}, "healthmonitor": CHECK}
    pool["members"] = [{"address": "10.0.0.5", "protocol_port": 8080, "tags": ["t"]}]
    # A policy may send to a pool that no listener has; those of a listener get the places that they ask for.
    aside = {"name": "aside", "action": "REDIRECT_TO_POOL", "redirect_pool": {"name": "q"}, "position": 2}
    before = {"name": "before", "action": "REJECT", "position": 1, "rules": policy["rules"]}
    tree = do.load_balancers.create_tree(
        {
            "name": cloud.name(),
            "description": "d",
            "tags": ["kubernetes.io/a,b"],
            "vip_port_id": port["id"],
            "listeners": [
                {"name": "l", "protocol": "HTTP", "protocol_port": 80, "default_pool": pool, "l7policies": [policy]},
                {
                    "name": "m",
                    "protocol": "HTTP",
                    "protocol_port": 81,
                    "default_pool": {"name": "p"},
                    "l7policies": [before, aside],
                },
            ],
            "pools": [{"name": "q", **ROBIN}],
        }
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?", tree["created_at"])  # no zone
    balancer = tree["id"]
    pools = {one["name"]: one for one in tree["pools"]}
    first, second = sorted(tree["listeners"], key=lambda one: one["protocol_port"])
    assert (set(tree), set(first)) == (BALANCER, LISTENER)
    assert [set(one) for one in pools.values()] == [POOL | {"healthmonitor"}] * 2
    assert set(pools) == {"p", "q"}
    p, q = pools["p"]["id"], pools["q"]["id"]
    (member,), monitor = pools["p"]["members"], pools["p"]["healthmonitor"]
    assert (set(member), set(monitor), pools["q"]["healthmonitor"], pools["q"]["members"]) == (
        MEMBER,
        MONITOR,
        None,
        [],
    )
    assert first["default_pool_id"] == second["default_pool_id"] == p
    seen = [(one["name"], one["position"], one["redirect_pool_id"], len(one["rules"])) for one in second["l7policies"]]
    assert sorted(seen) == [("aside", 2, q, 0), ("before", 1, None, 1)]
    (made,) = first["l7policies"]
    assert (set(made), set(made["rules"][0]), made["position"]) == (POLICY, RULE, 1)
    assert (made["redirect_http_code"], made["listener_id"]) == (301, first["id"])
    assert states(tree, first, pools["p"], monitor, made) == [("PENDING_CREATE", "OFFLINE")] * 5
    # By chance Octavia still holds the pool as it was before its monitor, and says so of the member until that is checked.
    assert states(member)[0] in [("PENDING_CREATE", "OFFLINE"), ("PENDING_CREATE", "NO_MONITOR")]
    assert [row["updated_at"] for row in (tree, first, pools["p"], monitor, member)] == [None] * 5
    for locked in (
        lambda: do.listeners.update(first["id"], {"name": "x"}),
        lambda: do.pools.update(q, {"name": "x"}),
        lambda: do.members.create(p, {"address": "10.0.0.6", "protocol_port": 1}),
    ):
        refused(locked, ConflictError, Category.WAITING, "is immutable and cannot be updated")
    for itself in (
        lambda: do.load_balancers.update(balancer, {"name": "x"}),
        lambda: do.load_balancers.delete(balancer, cascade=True),
    ):
        refused(
            itself, ConflictError, Category.WAITING, f"Invalid state PENDING_CREATE of loadbalancer resource {balancer}"
        )

    row = cloud.settled(balancer)
    assert set(row) == BALANCER
    assert states(row) == [("ACTIVE", "ONLINE")]
    assert row["updated_at"] > row["created_at"]
    assert (row["description"], row["tags"], row["vip_sg_ids"], row["additional_vips"]) == (
        "d",
        ["kubernetes.io/a,b"],
        [],
        [],
    )
    assert row["vip_port_id"] == port["id"]
    assert row["vip_address"] == port["fixed_ips"][0]["ip_address"]
    assert {one["id"] for one in row["pools"]} == {p, q}
    assert {one["id"] for one in row["listeners"]} == {first["id"], second["id"]}
    assert do.ports.get(port["id"])["device_id"] == do.ports.get(port["id"])["device_owner"] == ""
    listener, whole, bare = do.listeners.get(first["id"]), do.pools.get(p), do.pools.get(q)
    assert set(listener) == LISTENER | {"loadbalancers"}
    assert listener["loadbalancers"] == whole["loadbalancers"] == [{"id": balancer}]
    assert listener["l7policies"] == [{"id": made["id"]}]
    assert (listener["allowed_cidrs"], listener["insert_headers"], listener["connection_limit"]) == (None, {}, -1)
    assert set(whole) == POOL | {"loadbalancers", "healthmonitor_id"}
    assert set(bare) == POOL | {"loadbalancers"}
    assert sorted(one["id"] for one in whole["listeners"]) == sorted([first["id"], second["id"]])
    assert (whole["members"], whole["healthmonitor_id"]) == ([{"id": member["id"]}], monitor["id"])
    assert whole["session_persistence"]["type"] == "HTTP_COOKIE"
    assert do.health_monitors.get(monitor["id"])["pools"] == [{"id": p}]
    assert do.members.get(p, member["id"])["tags"] == ["t"]
    status = do.load_balancers.status_tree(balancer)["loadbalancer"]
    assert (status["id"], status["provisioning_status"], status["operating_status"]) == (balancer, "ACTIVE", "ONLINE")
    under = {one["id"]: one["pools"] for one in status["listeners"]}
    assert set(under) == {first["id"], second["id"]}
    (shown,) = under[first["id"]]
    assert shown["id"] == p
    assert shown["members"][0]["address"] == "10.0.0.5"
    assert set(shown["members"][0]) == {
        *("id", "name", "address", "protocol_port", "provisioning_status", "operating_status")
    }
    assert set(shown["health_monitor"]) == {"id", "name", "type", "provisioning_status", "operating_status"}
    (seen,) = do.load_balancers.list(id=balancer, fields=("id", "tags", "listeners"))
    assert (seen["tags"], {one["id"] for one in seen["listeners"]}) == (row["tags"], set(under))
    for counted in (do.load_balancers.statistics(balancer), do.listeners.statistics(first["id"])):
        assert counted == NOTHING_COUNTED

    children = f"Cannot delete Load Balancer {balancer} - it has children"
    refused(lambda: do.load_balancers.delete(balancer), BadRequestError, Category.IN_USE, children)
    do.load_balancers.delete(balancer, cascade=True)
    assert cloud.settled(balancer) is None
    assert do.load_balancers.list(name=row["name"]) == []
    for collection, gone in ((do.load_balancers, balancer), (do.listeners, NOWHERE)):
        with pytest.raises(NotFoundError):
            collection.statistics(gone)
    assert do.ports.get(port["id"])["fixed_ips"] == port["fixed_ips"]


def test_where_it_listens(cloud):
    do = cloud.do
    network = cloud.network("10.0.0.0/24")
    (subnet,) = network["subnets"]

    def create(**body):
        return lambda: do.load_balancers.create({"name": cloud.name(), **body})

    refused(create(), BadRequestError, Category.TERMINAL, "VIP must contain one of")
    refused(
        create(vip_subnet_id=network["id"]), BadRequestError, Category.TERMINAL, f"Subnet {network['id']} not found"
    )
    refused(create(vip_port_id=subnet), BadRequestError, Category.TERMINAL, f"Port {subnet} not found")
    taken = cloud.port(network, device_id="server")
    refused(create(vip_port_id=taken["id"]), BadRequestError, Category.TERMINAL, "is already used by device server")
    address = taken["fixed_ips"][0]["ip_address"]
    # 409 from the amphora provider, 500 from one without ports of its own.
    with pytest.raises((ConflictError, ServiceError)):
        create(vip_subnet_id=subnet, vip_address=address)()

    row = create(vip_subnet_id=subnet)()
    port = do.ports.get(row["vip_port_id"])
    assert port["name"] == f"octavia-lb-{row['id']}"
    assert (port["device_owner"], port["device_id"]) == ("Octavia", f"lb-{row['id']}")
    assert port["fixed_ips"] == [{"subnet_id": subnet, "ip_address": row["vip_address"]}]
    used = f"is already used by device lb-{row['id']}"
    refused(create(vip_port_id=port["id"]), BadRequestError, Category.TERMINAL, used)
    cloud.settled(row["id"])
    do.load_balancers.delete(row["id"])
    assert states(do.load_balancers.get(row["id"])) == [("PENDING_DELETE", "ONLINE")]
    assert cloud.settled(row["id"]) is None
    with pytest.raises(NotFoundError):
        do.ports.get(port["id"])

    wrong = {"protocol": "HTTP", "protocol_port": 80, "default_pool": {"name": "p", **ROBIN, "protocol": "UDP"}}
    fits = "The pool protocol 'UDP' is invalid while the listener protocol is 'HTTP'"
    refused(create(vip_subnet_id=subnet, listeners=[wrong]), BadRequestError, Category.TERMINAL, fits)
    assert not [one for one in do.load_balancers.list() if cloud.mine(one)]
    (left,) = do.ports.list(network_id=network["id"], device_owner="Octavia")
    do.ports.delete(left["id"])
    unnamed = {"protocol": "HTTP", "protocol_port": 80, "default_pool": ROBIN}
    refused(
        create(vip_port_id=cloud.port(network)["id"], listeners=[unnamed]), BadRequestError, Category.TERMINAL, "named"
    )


def test_quota_and_other_projects(cloud, balancer):
    cloud.limit({"load_balancers": 1})
    body = {"name": cloud.name(), "vip_subnet_id": balancer["vip_subnet_id"]}
    met = "Quota has been met for resources: Load Balancer"
    refused(lambda: cloud.do.load_balancers.create(body), QuotaExceededError, Category.QUOTA, met)
    mine = "Policy does not allow this request"
    (listener,) = balancer["listeners"]
    for call in (
        lambda: cloud.other.load_balancers.get(balancer["id"]),
        lambda: cloud.other.load_balancers.status_tree(balancer["id"]),
        lambda: cloud.other.load_balancers.statistics(balancer["id"]),
        lambda: cloud.other.listeners.statistics(listener["id"]),
        lambda: cloud.other.listeners.delete(listener["id"]),
        lambda: cloud.other.pools.create({"loadbalancer_id": balancer["id"], **ROBIN}),
    ):
        refused(call, ForbiddenError, Category.TERMINAL, mine)
    assert not cloud.other.load_balancers.list(id=balancer["id"])
    nowhere = "Subnet .* not found"
    with pytest.raises(BadRequestError, match=nowhere):
        cloud.other.load_balancers.create(body)


def test_the_fake_settles_when_it_is_told():
    cloud = FakeCloud()
    do = cloud.operations()
    network = do.networks.create({"name": "n"})
    subnet = do.subnets.create({"network_id": network["id"], "cidr": "10.0.0.0/24", "ip_version": 4})
    made = do.load_balancers.create({"name": "a", "vip_subnet_id": subnet["id"]})
    assert states(do.load_balancers.get(made["id"])) == [("PENDING_CREATE", "OFFLINE")]
    cloud.settle()
    assert states(do.load_balancers.get(made["id"])) == [("ACTIVE", "ONLINE")]
    cloud.settles_at_once = True
    assert states(do.load_balancers.update(made["id"], {"name": "b"})) == [("PENDING_UPDATE", "ONLINE")]
    assert states(do.load_balancers.get(made["id"])) == [("ACTIVE", "ONLINE")]
    cloud.tables["load_balancers"][made["id"]]["provisioning_status"] = "ERROR"
    cloud.settle()
    state = "Invalid state ERROR"
    refused(lambda: do.load_balancers.update(made["id"], {}), ConflictError, Category.WAITING, state)
    do.load_balancers.delete(made["id"])
    assert cloud.tables["load_balancers"] == cloud.tables["ports"] == {}
    assert [call[:2] for call in cloud.changes()][-3:] == [
        ("PUT", "load_balancers"),
        ("PUT", "load_balancers"),
        ("DELETE", "load_balancers"),
    ]


def test_a_load_balancer_on_a_port_with_several_addresses(cloud):
    network = cloud.network("10.0.0.0/24")
    (v4,) = network["subnets"]
    port = cloud.port(network, fixed_ips=[{"subnet_id": v4}])
    v6 = cloud.subnet(network, "2001:db8:2::/64", ipv6_address_mode="slaac", ipv6_ra_mode="slaac")["id"]
    address = next(ip["ip_address"] for ip in port["fixed_ips"])
    body = {"name": cloud.name(), "vip_port_id": port["id"]}
    why = "VIP port's subnet could not be determined"
    refused(lambda: cloud.do.load_balancers.create_tree(body), BadRequestError, Category.TERMINAL, why)
    for more in ({"vip_address": address}, {"vip_subnet_id": v4}):
        row = cloud.do.load_balancers.create_tree({**body, **more})
        assert (row["vip_address"], row["vip_subnet_id"], row["vip_port_id"]) == (address, v4, port["id"])
        cloud.settled(row["id"])
        cloud.do.load_balancers.delete(row["id"], cascade=True)
        cloud.settled(row["id"])
    assert v6 in {ip["subnet_id"] for ip in cloud.do.ports.get(port["id"])["fixed_ips"]}  # it outlives both


def test_a_vip_port_that_was_made_by_the_customer_can_be_deleted_under_its_load_balancer(cloud):
    network = cloud.network("10.0.0.0/24")
    port = cloud.port(network)
    row = cloud.do.load_balancers.create_tree({"name": cloud.name(), "vip_port_id": port["id"]})
    cloud.settled(row["id"])
    cloud.do.ports.delete(port["id"])
    seen = cloud.do.load_balancers.get(row["id"])
    assert (seen["vip_port_id"], seen["provisioning_status"]) == (port["id"], "ACTIVE")
    again = cloud.do.ports.create(
        {"network_id": network["id"], "name": cloud.name(), "fixed_ips": [{"ip_address": row["vip_address"]}]}
    )
    assert again["fixed_ips"][0]["ip_address"] == row["vip_address"]  # Neutron gives it to another
    cloud.do.load_balancers.delete(row["id"], cascade=True)
    assert cloud.settled(row["id"]) is None
