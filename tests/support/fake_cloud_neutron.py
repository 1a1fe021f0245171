"""The rules of Neutron that a client meets, in memory. Refusals carry Neutron's own status, type and words."""

from __future__ import annotations

from sandbox import provider_networks
from tests.support.fake_cloud_addresses import Addresses
from tests.support.fake_cloud_groups import Groups
from tests.support.fake_cloud_rules import Row, network_of
from tests.support.fake_cloud_subnet_pools import pool_of
from tests.support.fake_cloud_tables import OTHERS


class Neutron(Addresses, Groups):
    """All of it."""

    def make_external(self, name: str, cidr: str = "198.51.100.0/24") -> str:
        """An external network, which belongs to the cloud; returns its id."""
        body = {"name": name, "router:external": True, "mtu": 8950 if self.traits.mtu_1500 else 1450}
        network = self._insert("networks", OTHERS, network_of(body))
        body = {"network_id": network["id"], "cidr": cidr, "ip_version": 4, "enable_dhcp": False}
        self._create_subnet(OTHERS, body)
        return str(network["id"])

    def make_subnet_pool(self, prefix: str, default: int = 26, smallest: int = 8) -> str:
        """A subnet pool of the cloud's, which all projects may use; returns its id."""
        made = self.new_id()
        self.subnet_pools[made] = pool_of(prefix, default, smallest)
        return made

    def make_qos_policy(self) -> str:
        """A QoS policy of the cloud's, which all projects may use; returns its id."""
        made = self.new_id()
        self.qos_policies = {*(self.qos_policies or ()), made}
        return made

    def plug(self, network: Row, subnet_id: str, body: Row) -> Row:
        """A port of the cloud's own on a project's network."""
        return self._port(OTHERS, network, [{"subnet_id": subnet_id}], body)

    def make_others(self) -> None:
        """The cloud's other networks, as the sandbox has them: a second external one, and two that are just shared."""
        for each in provider_networks.NETWORKS:
            if each.always:
                continue
            if each.external:
                self.make_external(each.name, *each.cidrs)
                continue
            network = self._insert("networks", OTHERS, network_of({"name": each.name, "shared": True, "mtu": 8950}))
            for cidr in each.cidrs:
                version = 6 if ":" in cidr else 4
                self._create_subnet(OTHERS, {"network_id": network["id"], "cidr": cidr, "ip_version": version})
