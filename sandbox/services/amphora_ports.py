"""Stands for the part of Octavia's worker that gives amphorae their ports, in the service's own project."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sqlalchemy

from sandbox.traits import load

LOG = logging.getLogger(__name__)
INTERVAL = 0.2
# The data path has a row of its own there, without a port.
_PLUGGED = "SELECT id, vrrp_port_id FROM amphora WHERE load_balancer_id = :id AND vrrp_port_id IS NOT NULL"
_LACKING = """
SELECT lb.id, vip.network_id, vip.subnet_id FROM load_balancer lb JOIN vip ON vip.load_balancer_id = lb.id
WHERE lb.provisioning_status = 'PENDING_CREATE' AND vip.port_id IS NOT NULL
AND NOT EXISTS (SELECT 1 FROM amphora a WHERE a.load_balancer_id = lb.id AND a.vrrp_port_id IS NOT NULL)
"""
_LEFT = """
SELECT DISTINCT lb.id FROM load_balancer lb JOIN amphora a ON a.load_balancer_id = lb.id
WHERE lb.provisioning_status IN ('PENDING_DELETE', 'DELETED') AND a.vrrp_port_id IS NOT NULL
"""
_INSERT = """
INSERT INTO amphora (id, load_balancer_id, vrrp_port_id, vrrp_ip, ha_ip, ha_port_id, role, status,
cert_busy, created_at)
SELECT :amphora, vip.load_balancer_id, :port, :address, vip.ip_address, vip.port_id, :role, 'ALLOCATED', false,
now() AT TIME ZONE 'utc' FROM vip WHERE vip.load_balancer_id = :id
"""
_FORGET = "DELETE FROM amphora WHERE load_balancer_id = :id AND vrrp_port_id IS NOT NULL"
_ROLES = ("MASTER", "BACKUP")


class AmphoraPorts:
    """Plugs each new load balancer's amphorae into its network before it is ACTIVE, and unplugs them before it is gone.

    Args:
        control: the control folder, which says how many one has.
    """

    def __init__(self, control: Path) -> None:
        self._control = control

    def waited_for(self, connection: Any) -> set[str]:
        """The load balancers that are not through with what they are at, by their ports.

        Args:
            connection: to Octavia's database.
        """
        lacking = _LACKING if load(self._control).amphora_ports else ""
        return {row[0] for statement in filter(None, (lacking, _LEFT)) for row in _ask(connection, statement)}

    def forever(self) -> None:
        """Go on until the process ends."""
        while True:
            time.sleep(INTERVAL)
            try:
                self._look(load(self._control).amphora_ports)
            except Exception:
                LOG.exception("the amphorae's ports go on")
                time.sleep(1)

    def _look(self, wanted: int) -> None:
        from octavia.db import api  # noqa: PLC0415

        with api.get_engine().connect() as connection:
            lacking = list(_ask(connection, _LACKING)) if wanted else []
            left = [row[0] for row in _ask(connection, _LEFT)]
        for balancer in left:
            self._unplug(balancer)
        for balancer, network, subnet in lacking:
            try:
                self._plug(balancer, network, subnet, wanted)
            except Exception:
                LOG.exception("load balancer %s goes to ERROR", balancer)
                self._unplug(balancer)
                _give_up(balancer)

    @staticmethod
    def _plug(balancer: str, network: str, subnet: str, wanted: int) -> None:
        from octavia.common import utils  # noqa: PLC0415
        from octavia.db import api  # noqa: PLC0415

        driver = utils.get_network_driver()
        ports = []
        try:
            for _ in range(wanted):
                amphora = str(uuid.uuid4())
                fixed = [{"subnet_id": subnet}]
                ports.append((amphora, driver.create_port(network, name=f"octavia-lb-vrrp-{amphora}", fixed_ips=fixed)))
        finally:  # the rows are written together: with the first of them all are there
            with api.get_engine().begin() as connection:
                for number, (amphora, port) in enumerate(ports):
                    values = {"amphora": amphora, "port": port.id, "address": port.fixed_ips[0].ip_address}
                    values |= {"id": balancer, "role": _ROLES[number % len(_ROLES)]}
                    connection.execute(sqlalchemy.text(_INSERT), values)

    @staticmethod
    def _unplug(balancer: str) -> None:
        from octavia.common import utils  # noqa: PLC0415
        from octavia.db import api  # noqa: PLC0415

        with api.get_engine().connect() as connection:
            rows = list(_ask(connection, _PLUGGED, id=balancer))
        for _, port in rows:
            utils.get_network_driver().delete_port(port)
        with api.get_engine().begin() as connection:
            connection.execute(sqlalchemy.text(_FORGET), {"id": balancer})


def _give_up(balancer: str) -> None:
    from octavia.api.drivers.driver_agent.driver_updater import DriverUpdater  # noqa: PLC0415

    failed = {"id": balancer, "provisioning_status": "ERROR", "operating_status": "OFFLINE"}
    DriverUpdater().update_loadbalancer_status({"loadbalancers": [failed]})


def _ask(connection: Any, statement: str, **values: str) -> Iterable[Any]:
    return list(connection.execute(sqlalchemy.text(statement), values).fetchall())
