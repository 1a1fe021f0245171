"""The load balancer as a tree: what Kubernetes says of it and what Octavia says, line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infomaniak_operator.client import Operations

Body = Mapping[str, Any]


def _line(depth: int, name: str, status: Mapping[str, Any], keys: tuple[str, str], detail: str = "") -> str:
    states = f"{status.get(keys[0], '?')} {status.get(keys[1], '?')}"
    return f"{'  ' * depth}{name}{'  ' + detail if detail else ''}  {states}"


_KUBERNETES = ("provisioningStatus", "operatingStatus")
_OCTAVIA = ("provisioning_status", "operating_status")


def in_kubernetes(bodies: Sequence[Body]) -> str:
    """The trees as the status of their objects tells of them.

    Args:
        bodies: LoadBalancers, Pools, HealthMonitors and FloatingIPs of one namespace.
    """
    by = {kind: [body for body in bodies if body["kind"] == kind] for kind in _KINDS}
    lines = []
    for balancer in by["LoadBalancer"]:
        name, status = balancer["metadata"]["name"], balancer.get("status") or {}
        public = [
            body["status"].get("address", "")
            for body in by["FloatingIP"]
            if (body["spec"].get("loadBalancerRef") or {}).get("name") == name
        ]
        lines.append(f"{' '.join(public) or 'no public address'} -> {status.get('vipAddress')}")
        lines.append(_line(0, f"LoadBalancer {name}", status, _KUBERNETES))
        states = {item["name"]: item for item in status.get("listeners") or ()}
        pools = [body for body in by["Pool"] if body["spec"].get("loadBalancerRef", {}).get("name") == name]
        for item in balancer["spec"].get("listeners") or ():
            spot = f"{item['protocol']} {item['port']}"
            lines.append(_line(1, f"listener {item['name']}", states.get(item["name"], {}), _KUBERNETES, spot))
            wanted = (item.get("defaultPoolRef") or {}).get("name")
            for pool in pools:
                if pool["metadata"]["name"] == wanted:
                    lines += _pool_in_kubernetes(pool, by["HealthMonitor"])
    return "\n".join(lines)


_KINDS = ("LoadBalancer", "Pool", "HealthMonitor", "FloatingIP")


def _pool_in_kubernetes(pool: Body, monitors: Sequence[Body]) -> list[str]:
    name, status = pool["metadata"]["name"], pool.get("status") or {}
    lines = [_line(2, f"Pool {name}", status, _KUBERNETES, pool["spec"]["protocol"])]
    lines += [
        _line(3, f"{member['address']} {member['port']}", member, _KUBERNETES, f"weight {member['weight']}")
        for member in status.get("members") or ()
    ]
    for monitor in monitors:
        if monitor["spec"].get("poolRef", {}).get("name") == name:
            title, kind = f"HealthMonitor {monitor['metadata']['name']}", str(monitor["spec"]["type"])
            lines.append(_line(3, title, monitor["status"], _KUBERNETES, kind))
    return lines


def in_octavia(cloud: Operations, ids: Sequence[str]) -> str:
    """The same trees as Octavia and Neutron tell of them.

    Args:
        cloud: the project.
        ids: of the load balancers.
    """
    lines = []
    for balancer in map(cloud.load_balancers.get, ids):
        addresses = cloud.floating_ips.list(port_id=balancer["vip_port_id"])
        public = " ".join(row["floating_ip_address"] for row in addresses)
        lines.append(f"{public or 'no public address'} -> {balancer['vip_address']}")
        lines.append(_line(0, f"load balancer {balancer['name']}", balancer, _OCTAVIA))
        for reference in balancer["listeners"]:
            listener = cloud.listeners.get(reference["id"])
            spot = f"{listener['protocol']} {listener['protocol_port']}"
            lines.append(_line(1, f"listener {listener['name']}", listener, _OCTAVIA, spot))
            if pool_id := listener.get("default_pool_id"):
                lines += _pool_in_octavia(cloud, pool_id)
    return "\n".join(lines)


def _pool_in_octavia(cloud: Operations, pool_id: str) -> list[str]:
    pool = cloud.pools.get(pool_id)
    lines = [_line(2, f"pool {pool['name']}", pool, _OCTAVIA, pool["protocol"])]
    members = cloud.members.list(pool_id)
    for member in sorted(members, key=lambda row: (str(row["address"]), int(row["protocol_port"]))):
        where = f"{member['address']} {member['protocol_port']}"
        lines.append(_line(3, where, member, _OCTAVIA, f"weight {member['weight']}"))
    if monitor_id := pool.get("healthmonitor_id"):
        monitor = cloud.health_monitors.get(monitor_id)
        lines.append(_line(3, f"health monitor {monitor['name']}", monitor, _OCTAVIA, monitor["type"]))
    return lines
