"""In what Infomaniak's cloud is unlike others: the same in memory and in the sandbox."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from infomaniak_operator.client import BadRequestError, Category, ConflictError, NotFoundError
from sandbox import INFOMANIAK, Sandbox
from tests.contract.cloud.conftest import Side
from tests.support.balancing import ROBIN
from tests.support.box import until

TWO = 2


@pytest.fixture(autouse=True, scope="module")
def _all_traits(box: Sandbox) -> Iterator[None]:
    """The real one is in all as Infomaniak's here, quotas apart."""
    before = box.traits
    box.set_traits(replace(INFOMANIAK, small_quotas=False))
    yield
    box.set_traits(before)


def dhcp_ports(cloud: Side, network: str) -> list[Any]:
    return list(cloud.do.ports.list(network_id=network, device_owner="network:dhcp"))


def served(cloud: Side, network: str, *subnets: str) -> None:
    """Wait until each of the subnets has its two ports, and no other has one."""

    def look() -> bool:
        found = [ip["subnet_id"] for port in dhcp_ports(cloud, network) for ip in port["fixed_ips"]]
        return sorted(found) == sorted([*subnets] * TWO)

    until(look, "the ports of DHCP")


def test_a_subnet_with_dhcp_costs_two_ports_of_the_project(cloud: Side) -> None:
    network = cloud.network("10.0.0.0/24", "10.0.1.0/24")
    served(cloud, network["id"], *network["subnets"])
    assert {port["project_id"] for port in dhcp_ports(cloud, network["id"])} == {cloud.project}
    static = cloud.subnet(network, "10.0.2.0/24", enable_dhcp=False)
    served(cloud, network["id"], *network["subnets"])
    cloud.do.subnets.update(static["id"], {"enable_dhcp": True})
    served(cloud, network["id"], *network["subnets"], static["id"])
    cloud.do.subnets.update(static["id"], {"enable_dhcp": False})
    served(cloud, network["id"], *network["subnets"])
    # They are in nobody's way.
    cloud.do.subnets.delete(network["subnets"][0])
    served(cloud, network["id"], network["subnets"][1])
    cloud.do.networks.delete(network["id"])


def test_the_ports_of_dhcp_are_counted(cloud: Side) -> None:
    def used() -> int:
        return int(cloud.do.quotas.get()["network"]["port"]["used"])

    before = used()
    network = cloud.network("10.0.0.0/24")
    served(cloud, network["id"], *network["subnets"])
    assert used() == before + TWO


def test_the_networks_of_the_cloud(cloud: Side) -> None:
    rows = {row["name"]: row for row in cloud.do.networks.list() if row["project_id"] != cloud.project}
    assert {name: (row["router:external"], row["shared"]) for name, row in rows.items()} == {
        "ext-floating1": (True, False),
        "ext-provider1": (True, False),
        "ext-net1": (False, True),
        "ext-v6only1": (False, True),
    }
    assert {rows[name]["mtu"] for name in ("ext-floating1", "ext-provider1")} == {8950}
    assert cloud.do.subnets.list(network_id=rows["ext-floating1"]["id"]) == []
    with pytest.raises(NotFoundError):
        cloud.do.subnets.get(rows["ext-floating1"]["subnets"][0])
    assert len(cloud.do.subnets.list(network_id=rows["ext-net1"]["id"])) == 18  # 17 of IPv4


def test_a_shared_network_is_no_way_out_but_takes_ports(cloud: Side) -> None:
    (shared,) = cloud.do.networks.list(name="ext-net1")
    port = cloud.port(shared)
    assert sorted(":" in ip["ip_address"] for ip in port["fixed_ips"]) == [False, True]
    with pytest.raises(BadRequestError):
        cloud.do.routers.create({"name": cloud.name(), "external_gateway_info": {"network_id": shared["id"]}})
    with pytest.raises(BadRequestError):
        cloud.do.floating_ips.create({"floating_network_id": shared["id"]})


def test_a_routers_interface_is_a_replicated_one(cloud: Side) -> None:
    network = cloud.network("10.0.0.0/24")
    router = cloud.router(*network["subnets"])
    ports = cloud.do.ports.list(device_id=router["id"])
    assert [port["device_owner"] for port in ports] == ["network:ha_router_replicated_interface"]
    assert cloud.do.ports.list(device_owner="network:router_gateway") == []
    with pytest.raises(ConflictError) as refused:
        cloud.do.ports.delete(ports[0]["id"])
    assert refused.value.error_type == "ServicePortInUse"


def test_a_load_balancer_costs_the_port_of_its_vip(cloud: Side) -> None:
    network = cloud.network("10.0.0.0/24")
    (subnet,) = network["subnets"]
    made = cloud.do.load_balancers.create({"name": cloud.name(), "vip_subnet_id": subnet})
    assert (cloud.settled(made["id"]) or {})["provider"] == "amphora"

    def seen() -> list[bool]:
        return sorted(
            port["project_id"] == cloud.project
            for port in cloud.do.ports.list(network_id=network["id"], device_owner="Octavia")
        )

    assert seen() == [False, False, True]
    cloud.do.load_balancers.delete(made["id"])
    assert cloud.settled(made["id"]) is None
    assert seen() == []


def test_the_second_tcp_monitor_passes_at_the_third_try(cloud: Side) -> None:
    network = cloud.network("10.0.0.0/24")
    made = cloud.do.load_balancers.create({"name": cloud.name(), "vip_subnet_id": network["subnets"][0]})
    cloud.settled(made["id"])
    pools = []
    for _ in range(3):
        pools.append(cloud.do.pools.create({"loadbalancer_id": made["id"], "protocol": "TCP", **ROBIN})["id"])
        cloud.settled(made["id"])

    def create(pool: str) -> Any:
        body = {"pool_id": pool, "type": "TCP", "delay": 5, "timeout": 3, "max_retries": 3}
        found = cloud.do.health_monitors.create(body)
        cloud.settled(made["id"])
        return found

    assert create(pools[0])["type"] == "TCP"
    for _ in range(2):
        with pytest.raises(BadRequestError) as refused:
            create(pools[1])
        assert (refused.value.category, refused.value.outcome_unknown) == (Category.TRANSIENT, False)
        assert "TCP is not a valid option for type" in str(refused.value)
        assert cloud.do.load_balancers.get(made["id"])["provisioning_status"] == "ACTIVE"
    assert create(pools[1])["type"] == "TCP"
    assert create(pools[2])["type"] == "TCP"
