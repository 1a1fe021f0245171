"""Stands for Neutron's DHCP agents: each subnet with DHCP has their ports, which count in the project's quota."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy

from sandbox.traits import load

LOG = logging.getLogger(__name__)
INTERVAL = 0.3
AGAIN = 20.0
"""Seconds until the next attempt at a subnet that had no address left."""

# What they cost in networks of the cloud's own no project sees.
_SUBNETS = """
SELECT s.id, s.network_id, s.project_id, count(p.id) FROM subnets s
LEFT JOIN ipallocations a ON a.subnet_id = s.id
LEFT JOIN ports p ON p.id = a.port_id AND p.device_owner = 'network:dhcp'
WHERE s.enable_dhcp AND NOT EXISTS (SELECT 1 FROM externalnetworks e WHERE e.network_id = s.network_id)
AND NOT EXISTS (SELECT 1 FROM networkrbacs r WHERE r.object_id = s.network_id AND r.target_project = '*')
GROUP BY s.id, s.network_id, s.project_id
"""
_USELESS = """
SELECT p.id FROM ports p WHERE p.device_owner = 'network:dhcp' AND NOT EXISTS (
SELECT 1 FROM ipallocations a JOIN subnets s ON s.id = a.subnet_id WHERE a.port_id = p.id AND s.enable_dhcp)
"""
_ALL = "SELECT p.id FROM ports p WHERE p.device_owner = 'network:dhcp'"


@dataclass(frozen=True, slots=True)
class _Subnet:
    id: str
    network_id: str
    project_id: str
    there: int


class DhcpPorts:
    """Makes and deletes the ports, by the calls that an agent's requests lead to.

    Args:
        control: the control folder, which says how many a subnet has.
    """

    def __init__(self, control: Path) -> None:
        self._control = control
        self._not_before: dict[str, float] = {}
        self._wanted = 0
        self._served: set[str] = set()

    def forever(self) -> None:
        """Go on until the process ends."""
        while True:
            time.sleep(INTERVAL)
            try:
                self._look(load(self._control).dhcp_ports)
            except Exception:
                LOG.exception("the DHCP ports go on")
                time.sleep(1)

    def _look(self, wanted: int) -> None:
        from neutron_lib import context  # noqa: PLC0415

        admin = context.get_admin_context()
        fewer = not wanted or wanted < self._wanted
        if wanted != self._wanted:
            self._served.clear()
            self._wanted = wanted
        self._delete(admin, [row[0] for row in _ask(admin, _ALL if fewer else _USELESS)])
        subnets = [_Subnet(*row) for row in _ask(admin, _SUBNETS)]
        self._served &= {subnet.id for subnet in subnets}
        for subnet in subnets:
            # Once each: a network that is being deleted loses its ports first, and is not to get others.
            if subnet.id not in self._served and self._not_before.get(subnet.id, 0.0) <= time.monotonic():
                self._create(admin, subnet, wanted - subnet.there)

    def _create(self, admin: Any, subnet: _Subnet, count: int) -> None:
        from neutron_lib import exceptions  # noqa: PLC0415
        from neutron_lib.plugins import directory, utils  # noqa: PLC0415

        port = {
            "name": "",
            "admin_state_up": True,
            "device_id": f"dhcp-sandbox-{subnet.network_id}",
            "device_owner": "network:dhcp",
            "network_id": subnet.network_id,
            "tenant_id": subnet.project_id,
            "fixed_ips": [{"subnet_id": subnet.id}],
        }
        try:
            for _ in range(count):
                utils.create_port(directory.get_plugin(), admin, {"port": port})
            self._served.add(subnet.id)
        except exceptions.IpAddressGenerationFailure:
            self._not_before[subnet.id] = time.monotonic() + AGAIN
        except (exceptions.NotFound, exceptions.InvalidInput) as gone:
            LOG.info("no DHCP port for subnet %s: %s", subnet.id, gone)

    @staticmethod
    def _delete(admin: Any, ports: Iterable[str]) -> None:
        from neutron_lib import exceptions  # noqa: PLC0415
        from neutron_lib.plugins import directory  # noqa: PLC0415

        for port in ports:
            try:
                directory.get_plugin().delete_port(admin, port)
            except exceptions.PortNotFound:
                continue


def _ask(admin: Any, statement: str, **values: Any) -> list[Any]:
    from neutron_lib.db import api  # noqa: PLC0415

    with api.CONTEXT_READER.using(admin):
        return list(admin.session.execute(sqlalchemy.text(statement), values).fetchall())
