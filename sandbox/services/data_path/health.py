"""Health and statistics as HAProxy has them, brought into Octavia by its own health manager."""

from __future__ import annotations

import json
import time

from octavia.amphorae.drivers.health.heartbeat_udp import UpdateHealthDb, update_stats

from sandbox import files
from sandbox.services.data_path.balancer import Balancer
from sandbox.services.data_path.heartbeat import listeners, pools


def report(balancer: Balancer) -> None:
    """Ask HAProxy, and tell Octavia.

    Raises:
        OSError: HAProxy does not answer.
    """
    query, kept = balancer.query, balancer.folder / "counters.json"
    rows, states = query.show_stat(), query.get_pool_status()
    before = json.loads(kept.read_text()) if kept.exists() else {}
    found, now = listeners(rows, before)
    message = {"id": balancer.id, "ver": 3, "recv_time": time.time(), "listeners": found, "pools": pools(rows, states)}
    files.write(kept, json.dumps(now))
    if found:
        update_stats(message)
    UpdateHealthDb().update_health(message, balancer.id)
