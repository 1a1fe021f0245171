"""What people write today: examples/web by openstacksdk, one thing after the other, each awaited. For comparison."""

from __future__ import annotations

from typing import Any

import openstack
import yaml

from sandbox import Project

WAIT = 0.5
"""Seconds between two looks at a load balancer: openstacksdk's own default is 2."""


def connect(project: Project) -> Any:
    """openstacksdk's connection, as from a clouds.yaml."""
    cloud = yaml.safe_load(project.clouds_yaml())["clouds"]["infomaniak"]
    return openstack.connect(app_name="stack-script", **cloud)


def make(conn: Any) -> dict[str, Any]:
    """Make all of examples/web; returns what is to be deleted."""
    network, lb = conn.network, conn.load_balancer
    external = network.find_network("ext-floating1")
    net = network.create_network(name="web", description="web servers")
    subnet = network.create_subnet(
        network_id=net.id, name="web-v4", ip_version=4, cidr="10.40.0.0/24", dns_nameservers=["9.9.9.9"]
    )
    router = network.create_router(name="web", external_gateway_info={"network_id": external.id})
    network.add_interface_to_router(router, subnet_id=subnet.id)
    group = network.create_security_group(name="web-servers", description="what the load balancer may reach")
    for port in (8080, 8443):
        network.create_security_group_rule(
            security_group_id=group.id,
            direction="ingress",
            ether_type="IPv4",
            protocol="tcp",
            port_range_min=port,
            port_range_max=port,
            remote_ip_prefix="10.40.0.0/24",
        )
    balancer = lb.create_load_balancer(name="web", description="the shop", vip_subnet_id=subnet.id)

    def settled() -> None:
        lb.wait_for_load_balancer(balancer.id, interval=WAIT)

    settled()
    site = lb.create_pool(
        name="site",
        loadbalancer_id=balancer.id,
        protocol="HTTP",
        lb_algorithm="ROUND_ROBIN",
        session_persistence={"type": "HTTP_COOKIE"},
    )
    settled()
    tls = lb.create_pool(name="site-tls", loadbalancer_id=balancer.id, protocol="TCP", lb_algorithm="LEAST_CONNECTIONS")
    settled()
    for pool, port, address, more in (
        (site, 8080, "10.40.0.11", {"weight": 10}),
        (site, 8080, "10.40.0.12", {"weight": 10}),
        (site, 8080, "10.40.0.99", {"name": "sorry", "backup": True}),
        (tls, 8443, "10.40.0.11", {}),
        (tls, 8443, "10.40.0.12", {}),
    ):
        lb.create_member(pool.id, address=address, protocol_port=port, **more)
        settled()
    checks = {"delay": 5, "timeout": 3, "max_retries": 3}
    lb.create_health_monitor(
        pool_id=site.id, name="site", type="HTTP", url_path="/healthz", expected_codes="200", **checks
    )
    settled()
    lb.create_health_monitor(pool_id=tls.id, name="site-tls", type="TLS-HELLO", **checks)
    settled()
    lb.create_listener(
        load_balancer_id=balancer.id,
        name="http",
        protocol="HTTP",
        protocol_port=80,
        default_pool_id=site.id,
        insert_headers={"X-Forwarded-For": "true", "X-Forwarded-Proto": "true"},
    )
    settled()
    lb.create_listener(
        load_balancer_id=balancer.id,
        name="tls",
        protocol="TCP",
        protocol_port=443,
        default_pool_id=tls.id,
        timeout_client_data=60000,
    )
    settled()
    address = network.create_ip(floating_network_id=external.id, port_id=balancer.vip_port_id)
    return {"address": address, "balancer": balancer, "router": router, "subnet": subnet, "net": net, "group": group}


def unmake(conn: Any, made: dict[str, Any]) -> None:
    """Delete it again; not measured."""
    conn.network.delete_ip(made["address"])
    conn.load_balancer.delete_load_balancer(made["balancer"].id, cascade=True)
    conn.load_balancer.wait_for_delete(made["balancer"], interval=WAIT, wait=60)
    conn.network.remove_interface_from_router(made["router"], subnet_id=made["subnet"].id)
    conn.network.delete_router(made["router"])
    conn.network.delete_network(made["net"])
    conn.network.delete_security_group(made["group"])
