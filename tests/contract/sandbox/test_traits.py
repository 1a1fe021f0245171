"""In what the sandbox's OpenStack is as Infomaniak's, and that it is not where that is not wanted."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from sandbox import INFOMANIAK, Environment, Sandbox, Traits
from sandbox.configs import ADMIN_PASSWORD
from sandbox.rest import Rest, login
from tests.support.box import until
from tests.support.customer import Customer

LONG = 120.0


@contextmanager
def having(box: Sandbox, **traits: float | bool) -> Iterator[None]:
    """The sandbox with these traits, and afterwards as it was."""
    before = box.traits
    box.set_traits(replace(before, **traits))  # type: ignore[arg-type]
    try:
        yield
    finally:
        box.set_traits(before)


def made(customer: Customer, collection: str, **body: Any) -> dict[str, Any]:
    """Something of Neutron's, made."""
    one = {"networks": "network", "subnets": "subnet", "routers": "router", "ports": "port"}[collection]
    answer = customer.neutron("POST", collection, {one: body})
    assert answer.status == 201, answer.body
    return answer.body[one]


def network(customer: Customer, *cidrs: str) -> tuple[str, list[str]]:
    """A network with subnets; returns their ids."""
    found = made(customer, "networks", name="traits")["id"]
    subnets = [made(customer, "subnets", network_id=found, cidr=cidr, ip_version=4)["id"] for cidr in cidrs]
    return found, subnets


def of_the_cloud(customer: Customer) -> list[dict[str, Any]]:
    """The networks that are not the customer's own."""
    listed = customer.neutron("GET", "networks").body["networks"]
    return [row for row in listed if row["project_id"] != customer.project.id]


def ports(customer: Customer, network_id: str, **filters: str) -> list[dict[str, Any]]:
    """Those on a network that the customer sees."""
    query = "&".join(f"{name}={value}" for name, value in {"network_id": network_id, **filters}.items())
    return list(customer.neutron("GET", f"ports?{query}").body["ports"])


def active(customer: Customer, balancer: str) -> Callable[[], bool]:
    """Whether a load balancer is ACTIVE."""

    def look() -> bool:
        row = customer.octavia("GET", f"loadbalancers/{balancer}").body["loadbalancer"]
        return str(row["provisioning_status"]) == "ACTIVE"

    return look


@contextmanager
def load_balancer(customer: Customer, subnet: str) -> Iterator[str]:
    """One that is ACTIVE, and gone afterwards."""
    answer = customer.octavia("POST", "loadbalancers", {"loadbalancer": {"vip_subnet_id": subnet}})
    assert answer.status == 201, answer.body
    found = str(answer.body["loadbalancer"]["id"])
    try:
        until(active(customer, found), "load balancer ACTIVE", LONG)
        yield found
    finally:
        gone(customer, found)


def gone(customer: Customer, balancer: str) -> None:
    """Have it deleted, however busy it is."""

    def look() -> bool:
        customer.octavia("DELETE", f"loadbalancers/{balancer}?cascade=true")
        return customer.octavia("GET", f"loadbalancers/{balancer}").status == 404

    until(look, "load balancer gone", LONG)


@pytest.fixture
def admin(env: Environment) -> Rest:
    return login(env.auth_url, "admin", ADMIN_PASSWORD, "admin")


@pytest.fixture
def infomaniak(box: Sandbox) -> Iterator[None]:
    """Infomaniak's cloud with all its traits, whatever the run has else."""
    before = box.traits
    if before != INFOMANIAK:
        box.set_traits(INFOMANIAK)
    yield
    if before != INFOMANIAK:
        box.set_traits(before)


@pytest.mark.usefixtures("infomaniak")
def test_networks_and_what_is_seen_of_them(customer: Customer) -> None:
    listed = of_the_cloud(customer)
    seen = {row["name"]: (row["router:external"], row["shared"]) for row in listed}
    assert seen == {
        "ext-floating1": (True, False),
        "ext-provider1": (True, False),
        "ext-net1": (False, True),
        "ext-v6only1": (False, True),
    }
    by_name = {row["name"]: row for row in listed}
    assert [by_name[name]["mtu"] for name in ("ext-floating1", "ext-provider1")] == [8950, 8950]
    subnets = customer.neutron("GET", "subnets").body["subnets"]
    families = [row["ip_version"] for row in subnets if row["network_id"] == by_name["ext-net1"]["id"]]
    assert (families.count(4), families.count(6)) == (17, 1)
    external = {by_name[name]["id"] for name in ("ext-floating1", "ext-provider1")}
    assert [row for row in subnets if row["network_id"] in external] == []
    for hidden in by_name["ext-floating1"]["subnets"]:
        assert customer.neutron("GET", f"subnets/{hidden}").status == 404


@pytest.mark.usefixtures("infomaniak")
def test_a_shared_network_takes_ports_but_no_routers(customer: Customer) -> None:
    (shared,) = customer.neutron("GET", "networks?name=ext-net1").body["networks"]
    port = made(customer, "ports", network_id=shared["id"])
    assert sorted(":" in ip["ip_address"] for ip in port["fixed_ips"]) == [False, True]
    gateway = {"external_gateway_info": {"network_id": shared["id"]}}
    assert customer.neutron("POST", "routers", {"router": gateway}).status == 400


@pytest.mark.usefixtures("infomaniak")
def test_each_subnet_with_dhcp_costs_two_ports(customer: Customer) -> None:
    def quota() -> dict[str, int]:
        found = customer.neutron("GET", f"quotas/{customer.project.id}/details.json").body["quota"]["port"]
        return dict(found)

    before = quota()["used"]
    here, (first, second) = network(customer, "10.5.0.0/24", "10.5.1.0/24")

    def dhcp() -> list[str]:
        found = ports(customer, here, device_owner="network:dhcp")
        return sorted(ip["subnet_id"] for port in found for ip in port["fixed_ips"])

    until(lambda: dhcp() == sorted([first, first, second, second]), "DHCP ports", LONG)
    assert quota()["used"] == before + 4
    customer.neutron("PUT", f"subnets/{second}", {"subnet": {"enable_dhcp": False}})
    until(lambda: dhcp() == [first, first], "DHCP ports of the other subnet gone", LONG)
    # They hold neither the subnet nor the network.
    assert customer.neutron("DELETE", f"subnets/{first}").status == 204
    until(lambda: ports(customer, here) == [], "DHCP ports gone", LONG)
    assert customer.neutron("DELETE", f"networks/{here}").status == 204


@pytest.mark.usefixtures("infomaniak")
def test_quotas_are_small_and_hold(customer: Customer) -> None:
    quota = customer.neutron("GET", f"quotas/{customer.project.id}/details.json").body["quota"]
    names = ("port", "network", "subnet", "router", "floatingip", "security_group", "security_group_rule")
    limits = {name: quota[name]["limit"] for name in names}
    if -1 not in limits.values():  # else another test of the run has asked for room
        assert limits == {**dict.fromkeys(names, 10), "port": 20, "security_group_rule": 100}


@pytest.mark.usefixtures("infomaniak")
def test_a_routers_interface_is_a_replicated_one_and_its_gateway_unseen(customer: Customer) -> None:
    _, (subnet,) = network(customer, "10.5.0.0/24")
    (external,) = customer.neutron("GET", "networks?name=ext-floating1").body["networks"]
    router = made(customer, "routers", external_gateway_info={"network_id": external["id"]})
    assert router["external_gateway_info"]["enable_snat"] is True
    customer.neutron("PUT", f"routers/{router['id']}/add_router_interface", {"subnet_id": subnet})
    found = customer.neutron("GET", f"ports?device_id={router['id']}").body["ports"]
    assert [port["device_owner"] for port in found] == ["network:ha_router_replicated_interface"]
    assert {row["name"] for row in customer.neutron("GET", "networks").body["networks"] if "HA" in row["name"]} == set()
    customer.neutron("PUT", f"routers/{router['id']}/remove_router_interface", {"subnet_id": subnet})
    assert customer.neutron("DELETE", f"routers/{router['id']}").status == 204


@pytest.mark.usefixtures("infomaniak")
def test_no_api_of_default_rules(customer: Customer) -> None:
    assert customer.neutron("GET", "default-security-group-rules").status == 404
    aliases = [row["alias"] for row in customer.neutron("GET", "extensions").body["extensions"]]
    assert "security-group" in aliases
    assert "security-groups-default-rules" not in aliases


@pytest.mark.usefixtures("infomaniak")
def test_a_new_default_group_lets_no_mail_out(customer: Customer, admin: Rest) -> None:
    def default() -> dict[str, Any]:
        (group,) = customer.neutron("GET", "security-groups?name=default").body["security_groups"]
        return dict(group)

    neutron = customer.urls["network"]
    admin.call("DELETE", f"{neutron}/v2.0/security-groups/{default()['id']}")  # it may be older than the trait
    out = [rule for rule in default()["security_group_rules"] if rule["direction"] == "egress"]
    assert {rule["protocol"] for rule in out} == {"tcp", "udp", "icmp", "ipv6-icmp"}
    tcp = {
        (rule["ethertype"], rule["port_range_min"], rule["port_range_max"]) for rule in out if rule["protocol"] == "tcp"
    }
    assert tcp == {(family, *ports) for family in ("IPv4", "IPv6") for ports in ((1, 24), (26, 65535))}


@pytest.mark.usefixtures("infomaniak")
def test_the_provider_is_amphora_and_has_neither_flavors_nor_zones(customer: Customer) -> None:
    providers = customer.octavia("GET", "providers").body["providers"]
    assert sorted(row["name"] for row in providers) == ["amphora", "octavia"]
    assert customer.octavia("GET", "flavors").body["flavors"] == []
    assert customer.octavia("GET", "availabilityzones").body["availability_zones"] == []
    _, (subnet,) = network(customer, "10.5.0.0/24")
    with load_balancer(customer, subnet) as balancer:
        assert customer.octavia("GET", f"loadbalancers/{balancer}").body["loadbalancer"]["provider"] == "amphora"
        pool = {"loadbalancer_id": balancer, "protocol": "TCP", "lb_algorithm": "SOURCE_IP_PORT"}
        refused = customer.octavia("POST", "pools", {"pool": pool})
        assert (refused.status, "does not support SOURCE_IP_PORT" in refused.body["faultstring"]) == (501, True)


@pytest.mark.usefixtures("infomaniak")
def test_a_load_balancer_costs_one_port_and_has_two_of_anothers(customer: Customer) -> None:
    here, (subnet,) = network(customer, "10.5.0.0/24")

    def seen() -> list[tuple[bool, str]]:
        found = ports(customer, here, device_owner="Octavia")
        return sorted((row["project_id"] == customer.project.id, row["name"][:16]) for row in found)

    with load_balancer(customer, subnet):
        assert [own for own, _ in seen()] == [False, False, True]
        assert [name for own, name in seen() if not own] == ["octavia-lb-vrrp-"] * 2
        assert customer.neutron("DELETE", f"subnets/{subnet}").status == 409
    # Gone is gone: nothing of it is left on the network then.
    assert seen() == []
    assert customer.neutron("DELETE", f"subnets/{subnet}").status == 204


def monitor(customer: Customer, pool: str, kind: str = "TCP") -> tuple[int, str]:
    body = {"pool_id": pool, "type": kind, "delay": 5, "timeout": 3, "max_retries": 3}
    answer = customer.octavia("POST", "healthmonitors", {"healthmonitor": body})
    return answer.status, str(answer.body.get("faultstring", ""))


@pytest.mark.usefixtures("infomaniak")
def test_the_second_tcp_monitor_is_refused_twice_and_then_made(customer: Customer) -> None:
    _, (subnet,) = network(customer, "10.5.0.0/24")
    with load_balancer(customer, subnet) as balancer:
        pools = []
        for _ in range(4):
            body = {"loadbalancer_id": balancer, "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN"}
            pools.append(customer.octavia("POST", "pools", {"pool": body}).body["pool"]["id"])
            until(active(customer, balancer), "pool ACTIVE", LONG)

        def answered(pool: str, kind: str = "TCP") -> tuple[int, str]:
            found = monitor(customer, pool, kind)
            until(active(customer, balancer), "ACTIVE again", LONG)  # a refusal leaves nothing PENDING
            return found

        refused = (400, "TCP is not a valid option for type")
        assert answered(pools[0])[0] == 201
        assert answered(pools[1], "HTTP")[0] == 201
        assert [answered(pools[2]) for _ in range(3)] == [refused, refused, (201, "")]
        assert answered(pools[3])[0] == 201


def test_a_new_load_balancer_takes_as_long_as_said(box: Sandbox, customer: Customer) -> None:
    _, (subnet,) = network(customer, "10.5.0.0/24")
    box.set_settle(0.2, 4.0)
    try:
        begin = time.monotonic()
        with load_balancer(customer, subnet) as balancer:
            took = time.monotonic() - begin
            body = {"loadbalancer_id": balancer, "protocol": "TCP", "protocol_port": 80}
            assert took >= 4.0
            customer.octavia("POST", "listeners", {"listener": body})
            until(active(customer, balancer), "listener ACTIVE", LONG)
    finally:
        box.set_settle(0.5, 0.0)


@pytest.mark.parametrize("name", ["dhcp_ports", "amphora_ports", "monitor_refusals"])
def test_off_is_off(box: Sandbox, customer: Customer, name: str) -> None:
    """On a running sandbox, one without the others."""
    with having(box, **{name: 0}):
        here, (subnet,) = network(customer, "10.5.0.0/24")
        with load_balancer(customer, subnet) as balancer:
            answers = []
            for _ in range(2):
                body = {"loadbalancer_id": balancer, "protocol": "TCP", "lb_algorithm": "ROUND_ROBIN"}
                pool = customer.octavia("POST", "pools", {"pool": body}).body["pool"]["id"]
                until(active(customer, balancer), "pool ACTIVE", LONG)
                answers.append(monitor(customer, pool)[0])
                until(active(customer, balancer), "monitor ACTIVE", LONG)
            kinds = {row["device_owner"]: row["project_id"] for row in ports(customer, here)}
            foreign = [row for row in ports(customer, here) if row["project_id"] != customer.project.id]
        assert {
            "dhcp_ports": "network:dhcp" not in kinds,
            "amphora_ports": not foreign,
            "monitor_refusals": answers == [201, 201],
        }[name]


def test_plain_is_as_its_developers_ship_it(box: Sandbox, customer: Customer) -> None:
    """All at once, for Neutron and Octavia start again for it."""
    before = box.traits
    try:
        box.set_traits(Traits())
        (external,) = of_the_cloud(customer)
        assert external["name"] == "ext-floating1"
        assert len(customer.neutron("GET", f"subnets?network_id={external['id']}").body["subnets"]) == 1
        assert customer.neutron("GET", "default-security-group-rules").status == 200
        here, (subnet,) = network(customer, "10.5.0.0/24")
        assert customer.neutron("GET", f"networks/{here}").body["network"]["mtu"] == 1450
        router = made(customer, "routers")
        customer.neutron("PUT", f"routers/{router['id']}/add_router_interface", {"subnet_id": subnet})
        assert [port["device_owner"] for port in ports(customer, here)] == ["network:router_interface"]
        customer.neutron("PUT", f"routers/{router['id']}/remove_router_interface", {"subnet_id": subnet})
        providers = customer.octavia("GET", "providers").body["providers"]
        assert [row["name"] for row in providers] == ["noop_driver"]
    finally:
        box.set_traits(before)
