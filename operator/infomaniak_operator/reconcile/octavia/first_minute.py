"""The first minute of a health monitor, in which Octavia calls its members ONLINE whatever they do.

What is bad is believed at once; what is good is not told until the minute is well over, or the monitor has called a
member bad, and so has looked.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from infomaniak_operator.client.resources import HealthMonitor, Pool
from infomaniak_operator.controller.interfaces import Reason
from infomaniak_operator.reconcile.generic.context import ReconcileContext
from infomaniak_operator.reconcile.generic.outcomes import HEALTHY
from infomaniak_operator.reconcile.octavia import octavia_common
from infomaniak_operator.reconcile.openstack.resource_types import HEALTH_MONITORS

MINUTE = 60.0
LATE = 15.0
"""By how many seconds the truth may come after it: amphorae speak every ten, and the cloud's times are whole ones."""
_MOST = 1000
"""How many monitors of one tree are remembered; what is forgotten is looked up again."""
UNBELIEVED = "a health monitor is new: in its first minute the cloud calls members ONLINE, whatever they do"


def note(context: ReconcileContext, monitor: HealthMonitor, *, new: bool = False) -> None:
    """Remember from when on a monitor is believed.

    The cloud's clock says how old it is at the first sight of it, and ours the rest: one that is ahead delays nothing
    for longer than that.

    Args:
        context: the reconcile.
        monitor: as the cloud shows it.
        new: it was made this very moment, whatever the clocks say.
    """
    believed = octavia_common.tree_of(context).believed
    if monitor["id"] not in believed:
        if len(believed) >= _MOST:
            believed.clear()
        age = 0.0 if new else context.request.clock.now() - _made(monitor)
        left = MINUTE + LATE - age
        believed[monitor["id"]] = context.request.clock.monotonic() + min(max(left, 0.0), MINUTE + LATE)


def _made(monitor: HealthMonitor) -> float:
    """When it was made, by the cloud's clock; long ago where it does not say."""
    try:
        made = datetime.fromisoformat(str(monitor.get("created_at")))
    except ValueError:
        return 0.0
    return (made if made.tzinfo else made.replace(tzinfo=UTC)).timestamp()


def monitor_of(context: ReconcileContext, pool: Pool) -> list[str]:
    """The monitor of a pool, looked up where this process has not seen it yet."""
    held = pool.get("healthmonitor")
    found = pool.get("healthmonitor_id") or (held["id"] if held else None)
    if not found:
        return []
    if found not in octavia_common.tree_of(context).believed:
        for row in context.rows(HEALTH_MONITORS):
            if row["id"] == found:
                note(context, row)
    return [found]


def has_looked(context: ReconcileContext, monitors: Iterable[str]) -> None:
    """Believe monitors from now on, whatever their age: one that calls a member ERROR has looked at the members."""
    believed, now = octavia_common.tree_of(context).believed, context.request.clock.monotonic()
    for each in monitors:
        believed[each] = min(believed.get(each, now), now)


def doubt(context: ReconcileContext, monitors: Iterable[str]) -> bool:
    """Whether one of them is new. Then nothing is called healthy, and the object comes back at the minute's end."""
    believed, now = octavia_common.tree_of(context).believed, context.request.clock.monotonic()
    left = max((believed.get(each, now) - now for each in monitors), default=0.0)
    if left <= 0:
        return False
    said = context.further.get(HEALTHY)
    if said is not None and said.status:
        context.set_condition(HEALTHY, None, Reason.UPDATING, UNBELIEVED)
    context.come_back(left + 0.1)
    return True
