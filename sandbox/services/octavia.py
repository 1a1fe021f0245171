"""Octavia's API with a provider that does nothing, and a settler that moves PENDING states on as a driver would."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy
from octavia.api.drivers.noop_driver import driver as noop
from octavia_lib.api.drivers import exceptions

from sandbox.services import first_minute, monitor_refusals
from sandbox.services.amphora_ports import AmphoraPorts
from sandbox.services.settling import Settling

if TYPE_CHECKING:
    from sandbox.services.data_path.plane import Plane

LOG = logging.getLogger(__name__)
STEP = 0.1
_TABLES = {  # by the driver library's names, children first
    "members": "member",
    "healthmonitors": "health_monitor",
    "l7rules": "l7rule",
    "l7policies": "l7policy",
    "pools": "pool",
    "listeners": "listener",
    "loadbalancers": "load_balancer",
}
_PENDING = " UNION ALL ".join(
    f"SELECT '{kind}', id, provisioning_status FROM {table} WHERE provisioning_status LIKE 'PENDING%'"  # noqa: S608 - names of the table above
    for kind, table in _TABLES.items()
)


_POOL = "JOIN pool ON {0}.pool_id = pool.id JOIN load_balancer ON pool.load_balancer_id = load_balancer.id"
_LISTENER = (
    "JOIN listener ON {0}.listener_id = listener.id JOIN load_balancer ON listener.load_balancer_id = load_balancer.id"
)
_UNDER = {  # what a driver deletes along with a load balancer, in an order that the database takes
    "members": "member " + _POOL.format("member"),
    "healthmonitors": "health_monitor " + _POOL.format("health_monitor"),
    "l7rules": "l7rule JOIN l7policy ON l7rule.l7policy_id = l7policy.id " + _LISTENER.format("l7policy"),
    "l7policies": "l7policy " + _LISTENER.format("l7policy"),
    "listeners": "listener JOIN load_balancer ON listener.load_balancer_id = load_balancer.id",
    "pools": "pool JOIN load_balancer ON pool.load_balancer_id = load_balancer.id",
}
_ORPHANS = " UNION ALL ".join(
    f"SELECT '{kind}', {_TABLES[kind]}.id FROM {tables} WHERE load_balancer.provisioning_status = 'DELETED'"  # noqa: S608 - names of the tables above
    for kind, tables in _UNDER.items()
)


class _Provider(noop.NoopProviderDriver):  # type: ignore[misc]
    """Says that it makes no VIP ports, so that Octavia makes real ones in Neutron."""

    def create_vip_port(self, *_: Any, **__: Any) -> Any:
        raise exceptions.NotImplementedError(user_fault_string="no", operator_fault_string="no")


def application(control: Path) -> Any:
    """The WSGI application; its settler waits as many seconds as ``settle`` and ``boot`` in the control folder say."""
    noop.NoopProviderDriver = _Provider
    from octavia.wsgi import api  # noqa: PLC0415 - reads the command line when it is imported

    from sandbox.services.data_path import plane  # noqa: PLC0415 - takes Octavia as it was just configured

    amphorae = AmphoraPorts(control)
    first_minute.install(control)
    monitor_refusals.install(control)
    settler = _Settler(control, amphorae, plane.start(control))
    threading.Thread(target=settler.forever, daemon=True).start()
    threading.Thread(target=amphorae.forever, daemon=True).start()
    return api.application


class _Settler:
    def __init__(self, control: Path, amphorae: AmphoraPorts, plane: Plane) -> None:
        self._seconds = control / "settle"
        self._boot = control / "boot"
        self._amphorae = amphorae
        self._plane = plane
        self._settling = Settling()

    def forever(self) -> None:
        from octavia.api.drivers.driver_agent.driver_updater import DriverUpdater  # noqa: PLC0415

        updater = DriverUpdater()
        while True:
            time.sleep(STEP)
            try:
                states = self._plane.settled(self._due())
                if states:
                    updater.update_loadbalancer_status(states)
            except Exception:
                LOG.exception("the settler goes on")

    def _due(self) -> dict[str, list[dict[str, str]]]:
        """What has been PENDING for long enough, and what becomes of it."""
        from octavia.db import api as database  # noqa: PLC0415

        with database.get_engine().connect() as connection:
            rows = connection.execute(sqlalchemy.text(_PENDING)).fetchall()
            orphans = connection.execute(sqlalchemy.text(_ORPHANS)).fetchall()
            unready = self._amphorae.waited_for(connection)
        wait, boot = float(self._seconds.read_text()), float(self._boot.read_text())
        due: dict[str, list[dict[str, str]]] = {}
        for kind, row_id, status in self._settling.due(rows, time.monotonic(), wait, boot, unready):
            after = "DELETED" if status == "PENDING_DELETE" else "ACTIVE"
            one = {"id": row_id, "provisioning_status": after, "operating_status": "ONLINE"}
            due.setdefault(kind, []).append(one)
        listeners = any(kind == "listeners" for kind, _ in orphans)
        for kind, row_id in orphans:
            if kind != "pools" or not listeners:  # a pool that a listener has cannot go before it
                due.setdefault(kind, []).append({"id": row_id, "provisioning_status": "DELETED"})
        return due
