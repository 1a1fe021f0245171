"""Octavia's API with a provider that does nothing, and a settler that moves PENDING states on as a driver would."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

from octavia.api.drivers.noop_driver import driver as noop
from octavia_lib.api.drivers import exceptions

LOG = logging.getLogger(__name__)
STEP = 0.1


class _Provider(noop.NoopProviderDriver):  # type: ignore[misc]
    """Says that it makes no VIP ports, so that Octavia makes real ones in Neutron."""

    def create_vip_port(self, *_: Any, **__: Any) -> Any:
        raise exceptions.NotImplementedError(user_fault_string="no", operator_fault_string="no")


def application(control: Path) -> Any:
    """The WSGI application; its settler waits as many seconds as ``settle`` in the control folder says."""
    noop.NoopProviderDriver = _Provider
    from octavia.wsgi import api  # noqa: PLC0415 - reads the command line when it is imported

    threading.Thread(target=_Settler(control / "settle").forever, daemon=True).start()
    return api.application


class _Settler:
    def __init__(self, seconds: Path) -> None:
        self._seconds = seconds
        self._since: dict[str, float] = {}

    def forever(self) -> None:
        from octavia.api.drivers.driver_agent.driver_updater import DriverUpdater  # noqa: PLC0415

        updater = DriverUpdater()
        while True:
            time.sleep(STEP)
            try:
                states = self._due()
                if any(states.values()):
                    updater.update_loadbalancer_status(states)
            except Exception:
                LOG.exception("the settler goes on")

    def _due(self) -> dict[str, list[dict[str, str]]]:
        """What has been PENDING for long enough, and what becomes of it."""
        from octavia.db import api as database  # noqa: PLC0415
        from octavia.db import models  # noqa: PLC0415

        kinds = {
            "members": models.Member,
            "healthmonitors": models.HealthMonitor,
            "pools": models.Pool,
            "listeners": models.Listener,
            "loadbalancers": models.LoadBalancer,
        }
        wait, now = float(self._seconds.read_text()), time.monotonic()
        pending: dict[str, list[tuple[str, str]]] = {}
        session = database.get_session()
        with session.begin():
            for kind, model in kinds.items():
                rows = session.query(model.id, model.provisioning_status)
                pending[kind] = rows.filter(model.provisioning_status.like("PENDING%")).all()
        ids = {row_id for rows in pending.values() for row_id, _ in rows}
        self._since = {row_id: self._since.get(row_id, now) for row_id in ids}
        return {
            kind: [
                {
                    "id": row_id,
                    "provisioning_status": "DELETED" if status == "PENDING_DELETE" else "ACTIVE",
                    "operating_status": "ONLINE",
                }
                for row_id, status in rows
                if now - self._since[row_id] >= wait
            ]
            for kind, rows in pending.items()
        }
