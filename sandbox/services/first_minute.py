"""What is withheld in the first minute of a health monitor: its members are called ONLINE, whatever they do.

Knows nothing of Octavia, and so is tried by itself; ``install`` puts it before Octavia's own entries: that of drivers,
and that of amphorae.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.traits import load

LOG = logging.getLogger(__name__)
INTERVAL = 0.5
Status = dict[str, Any]
Statuses = dict[str, list[Status]]
_UNHEALTHY = frozenset({"ERROR", "DEGRADED", "OFFLINE"})
_CHOSEN = frozenset({"DRAIN", "MAINT", "no check"})
"""States of a member that say nothing of its health."""
_KINDS = ("members", "pools", "listeners", "loadbalancers")

_YOUNG = """
SELECT 'members', m.id, h.created_at FROM health_monitor h JOIN member m ON m.pool_id = h.pool_id
WHERE m.enabled AND h.created_at > (now() AT TIME ZONE 'utc') - make_interval(secs => :seconds)
UNION ALL SELECT 'pools', h.pool_id, h.created_at FROM health_monitor h
WHERE h.created_at > (now() AT TIME ZONE 'utc') - make_interval(secs => :seconds)
UNION ALL SELECT 'loadbalancers', p.load_balancer_id, h.created_at FROM health_monitor h
JOIN pool p ON p.id = h.pool_id WHERE h.created_at > (now() AT TIME ZONE 'utc') - make_interval(secs => :seconds)
"""


@dataclass
class Withheld:
    """The statuses that were not passed on, the last of each object."""

    _rows: dict[tuple[str, str], str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def pretty(self, statuses: Mapping[str, list[Status]], young: frozenset[tuple[str, str]]) -> Statuses:
        """The same statuses, with ONLINE where a monitor is young; what they said is kept.

        Args:
            statuses: as a driver sends them.
            young: kind and id of the objects whose monitor is.
        """
        found: Statuses = {}
        with self._lock:
            for kind, rows in statuses.items():
                for row in rows:
                    key, health = (kind, str(row["id"])), row.get("operating_status")
                    if health is not None:
                        self._rows.pop(key, None)
                    if key in young and health in _UNHEALTHY and row.get("provisioning_status") != "DELETED":
                        self._rows[key] = str(health)
                        row = {**row, "operating_status": "ONLINE"}  # noqa: PLW2901 - the row as it is passed on
                    found.setdefault(kind, []).append(row)
        return found

    def due(self, young: frozenset[tuple[str, str]]) -> Statuses:
        """What is to be told now, for the minute is over."""
        found: Statuses = {}
        with self._lock:
            for kind, one in [key for key in self._rows if key not in young]:
                found.setdefault(kind, []).append({"id": one, "operating_status": self._rows.pop((kind, one))})
        return {kind: found[kind] for kind in _KINDS if kind in found}


def pretty_heartbeat(message: Mapping[str, Any], young: frozenset[tuple[str, str]]) -> dict[str, Any]:
    """An amphora's heartbeat with all members up where a monitor is young; the next one comes, so nothing is kept.

    Args:
        message: as Octavia's health manager takes it.
        young: kind and id of the objects whose monitor is.
    """
    pools = {}
    for name, pool in (message.get("pools") or {}).items():
        if ("pools", name.partition(":")[0]) in young:
            members = pool.get("members") or {}
            up = {one: health if health in _CHOSEN else "UP" for one, health in members.items()}
            pool = {**pool, "status": "UP", "members": up}  # noqa: PLW2901 - the pool as it is passed on
        pools[name] = pool
    return {**message, "pools": pools}


def install(control: Path) -> None:
    """Stand before Octavia's two entries for health, and tell the rest of the truth when its time has come.

    Args:
        control: the control folder, which says for how long.
    """
    from octavia.amphorae.drivers.health.heartbeat_udp import UpdateHealthDb  # noqa: PLC0415
    from octavia.api.drivers.driver_agent.driver_updater import DriverUpdater  # noqa: PLC0415

    beat: Callable[..., Any] = UpdateHealthDb.update_health

    @functools.wraps(beat)
    def beating(self: Any, health: Mapping[str, Any], srcaddr: Any) -> Any:
        seconds = load(control).first_minute
        return beat(self, pretty_heartbeat(health, _young(seconds)) if seconds else health, srcaddr)

    UpdateHealthDb.update_health = beating
    withheld = Withheld()
    update: Callable[..., Any] = DriverUpdater.update_loadbalancer_status

    @functools.wraps(update)
    def updating(self: Any, status: Statuses) -> Any:
        seconds = load(control).first_minute
        return update(self, withheld.pretty(status, _young(seconds)) if seconds else status)

    DriverUpdater.update_loadbalancer_status = updating
    threading.Thread(target=_tell, args=(withheld, update, control), daemon=True).start()


def _tell(withheld: Withheld, update: Callable[..., Any], control: Path) -> None:
    from octavia.api.drivers.driver_agent.driver_updater import DriverUpdater  # noqa: PLC0415

    updater = DriverUpdater()
    while True:
        time.sleep(INTERVAL)
        try:
            seconds = load(control).first_minute
            if due := withheld.due(_young(seconds) if seconds else frozenset()):
                update(updater, due)
        except Exception:
            LOG.exception("the first minute goes on")


def _young(seconds: float) -> frozenset[tuple[str, str]]:
    import sqlalchemy  # noqa: PLC0415
    from octavia.db import api  # noqa: PLC0415

    with api.get_engine().connect() as connection:
        rows = connection.execute(sqlalchemy.text(_YOUNG), {"seconds": seconds}).fetchall()
    return frozenset((row[0], row[1]) for row in rows)
