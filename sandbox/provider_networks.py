"""The networks that the cloud itself owns, for its projects to use: Infomaniak's names, addresses of nobody's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.environment import EXTERNAL_NETWORK
from sandbox.rest import Rest


@dataclass(frozen=True, slots=True)
class ProviderNetwork:
    """One of them.

    Attributes:
        name: its name.
        cidrs: of its subnets.
        external: whether routers and floating IPs can be on it; else ports of projects can.
        always: whether projects see it whatever the traits are.
    """

    name: str
    cidrs: tuple[str, ...]
    external: bool
    always: bool = False

    def shown(self, visible: bool) -> dict[str, bool]:
        """The attribute by which projects see it, or do not."""
        return {"router:external" if self.external else "shared": visible}


NETWORKS = (
    ProviderNetwork(EXTERNAL_NETWORK, ("198.18.0.0/16",), external=True, always=True),
    ProviderNetwork("ext-provider1", ("203.0.113.0/24",), external=True),
    ProviderNetwork(
        "ext-net1", (*(f"198.19.{number}.0/24" for number in range(17)), "2001:db8:0:1::/64"), external=False
    ),
    ProviderNetwork("ext-v6only1", ("2001:db8:0:2::/64",), external=False),
)


def make(admin: Rest, neutron: str, project: str) -> None:
    """Make all of them, visible.

    Args:
        admin: an administrator.
        neutron: Neutron's root.
        project: the administrator's project, which is to have no quotas: they are more than a customer may have.

    Raises:
        SandboxError: Neutron refused.
    """
    unlimited = dict.fromkeys(("network", "subnet", "port", "router", "security_group", "security_group_rule"), -1)
    admin.put(f"{neutron}/v2.0/quotas/{project}", {"quota": unlimited})
    for number, network in enumerate(NETWORKS, start=1):
        body = {
            "name": network.name,
            "provider:network_type": "flat",
            "provider:physical_network": f"physnet{number}",
            **network.shown(True),
        }
        made = admin.post(f"{neutron}/v2.0/networks", {"network": body})["network"]
        subnets = [_subnet(network, cidr, made["id"]) for cidr in network.cidrs]
        admin.post(f"{neutron}/v2.0/subnets", {"subnets": subnets})


def _subnet(network: ProviderNetwork, cidr: str, network_id: str) -> dict[str, Any]:
    return {
        "network_id": network_id,
        "name": f"{network.name} {cidr}",
        "cidr": cidr,
        "ip_version": 6 if ":" in cidr else 4,
        "enable_dhcp": not network.external,
    }


def show(admin: Rest, neutron: str, visible: bool) -> None:
    """Have projects see those that depend on the traits, or not.

    Raises:
        SandboxError: Neutron refused: a project uses one that was to be hidden.
    """
    found = admin.get(f"{neutron}/v2.0/networks?fields=id&fields=name")["networks"]
    ids = {each["name"]: each["id"] for each in found}
    for network, body in _to_be_shown(visible):
        admin.put(f"{neutron}/v2.0/networks/{ids[network.name]}", {"network": body})


def _to_be_shown(visible: bool) -> Iterator[tuple[ProviderNetwork, Mapping[str, bool]]]:
    yield from ((network, network.shown(visible)) for network in NETWORKS if not network.always)
