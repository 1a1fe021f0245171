"""The rules of Neutron that a client meets, in memory. Refusals carry Neutron's own status, type and words."""

from __future__ import annotations

from tests.support.fake_cloud_addresses import Addresses
from tests.support.fake_cloud_groups import Groups
from tests.support.fake_cloud_rules import network_of
from tests.support.fake_cloud_tables import OTHERS


class Neutron(Addresses, Groups):
    """All of it."""

    def make_external(self, name: str) -> str:
        """The external network, which belongs to the cloud; returns its id."""
        network = self._insert("networks", OTHERS, {**network_of({}), "name": name, "router:external": True})
        body = {"network_id": network["id"], "cidr": "198.51.100.0/24", "ip_version": 4, "enable_dhcp": False}
        self._create_subnet(OTHERS, body)
        return str(network["id"])
