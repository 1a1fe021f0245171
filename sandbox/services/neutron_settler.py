"""Stands for Neutron's agents: bound ports and associated floating IPs become ACTIVE, freed ones DOWN."""

from __future__ import annotations

import configparser
import logging
import time

import psycopg2

LOG = logging.getLogger(__name__)
INTERVAL = 0.3

_PORTS = """
UPDATE ports SET status = 'ACTIVE' WHERE status = 'DOWN' AND admin_state_up AND device_id <> ''
RETURNING standard_attr_id
"""
_ASSOCIATED = """
UPDATE floatingips SET status = 'ACTIVE'
WHERE status <> 'ACTIVE' AND fixed_port_id IS NOT NULL AND router_id IS NOT NULL RETURNING standard_attr_id
"""
_FREE = (
    "UPDATE floatingips SET status = 'DOWN' WHERE status <> 'DOWN' AND fixed_port_id IS NULL RETURNING standard_attr_id"
)
_REVISION = """
UPDATE standardattributes SET revision_number = revision_number + 1, updated_at = now() AT TIME ZONE 'utc'
WHERE id = ANY(%s)
"""


class Settler:
    """Sets states by the database, as an agent's report would, revision number included.

    Args:
        config: Neutron's configuration file, for the address of the database.
    """

    def __init__(self, config: str) -> None:
        read = configparser.ConfigParser(interpolation=None)
        read.read(config)
        url = read["database"]["connection"]
        self._dsn = url.replace("postgresql+psycopg2", "postgresql", 1)

    def forever(self) -> None:
        """Settle until the process ends."""
        while True:
            try:
                self._session()
            except psycopg2.Error as error:
                LOG.warning("the settler goes on after: %s", error)
                time.sleep(1)

    def _session(self) -> None:
        connection = psycopg2.connect(self._dsn)
        connection.autocommit = False
        while True:
            time.sleep(INTERVAL)
            with connection, connection.cursor() as cursor:
                for statement in (_PORTS, _ASSOCIATED, _FREE):
                    cursor.execute(statement)
                    changed = [row[0] for row in cursor.fetchall()]
                    if changed:
                        cursor.execute(_REVISION, (changed,))
