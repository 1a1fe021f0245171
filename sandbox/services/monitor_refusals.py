"""A database's conflict at the second TCP monitor of a fresh load balancer, which Octavia calls an invalid type.

Users of Infomaniak saw 400 ``TCP is not a valid option for type`` for what was accepted later. Octavia says so of
any conflict of its database in a create of a health monitor; it is the conflict that is made here, and nothing else.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sandbox.traits import load

FRESH = timedelta(minutes=10)
"""How old a load balancer is not, for its second monitor to be refused."""

Check = Callable[..., Any]


def install(control: Path) -> None:
    """Wrap the last thing that Octavia looks at before it writes a monitor that is created by itself, not in a tree.

    Args:
        control: the control folder, which says how often one is refused.
    """
    from octavia.api.v2.controllers.health_monitor import HealthMonitorController  # noqa: PLC0415

    name = "_test_lb_and_listener_and_pool_statuses"
    check: Check = getattr(HealthMonitorController, name)
    setattr(HealthMonitorController, name, _Refusing(check, control).method())


class _Refusing:
    def __init__(self, check: Check, control: Path) -> None:
        self._check = check
        self._control = control
        self._refused: Counter[str] = Counter()

    def method(self) -> Check:
        @functools.wraps(self._check)
        def checked(controller: Any, session: Any, monitor: Any) -> Any:
            found = self._check(controller, session, monitor)
            if monitor.type == "TCP" and hasattr(monitor, "pool_id"):
                self._conflict(session, str(monitor.pool_id))
            return found

        return checked

    def _conflict(self, session: Any, pool_id: str) -> None:
        """Be refused by the database, where it is the load balancer's second and was not refused often enough.

        Raises:
            DBDeadlock: it is.
        """
        from octavia.db import models  # noqa: PLC0415
        from oslo_db import exception  # noqa: PLC0415
        from oslo_utils import timeutils  # noqa: PLC0415

        pool = session.get(models.Pool, pool_id)
        balancer = pool.load_balancer
        others = [one for one in balancer.pools if one.health_monitor and one.health_monitor.type == "TCP"]
        fresh = balancer.created_at is not None and timeutils.utcnow() - balancer.created_at < FRESH
        if len(others) != 1 or not fresh or self._refused[balancer.id] >= load(self._control).monitor_refusals:
            return
        self._refused[balancer.id] += 1
        raise exception.DBDeadlock
