"""Stands for Designate's producer, worker and name servers: what is PENDING becomes ACTIVE, or goes.

It says what they would say, by the methods of Designate's central service that they call. So serials rise, and the
states of zones and records are Designate's own doing.
"""

from __future__ import annotations

import logging
import time
from typing import Any

LOG = logging.getLogger(__name__)
INTERVAL = 0.3


class Settler:
    """Settles what is PENDING.

    Args:
        central: Designate's central service.
        context: an administrator's, for all projects.
    """

    def __init__(self, central: Any, context: Any) -> None:
        self._central = central
        self._context = context

    def forever(self) -> None:
        """Settle until the process ends."""
        while True:
            time.sleep(INTERVAL)
            try:
                self.once()
            except Exception:
                LOG.exception("the settler goes on")

    def once(self) -> None:
        """Settle what is PENDING now."""
        storage = self._central.storage
        for zone in storage.find_zones(self._context, {"increment_serial": True}):  # what the producer looks for
            if zone.action != "DELETE":
                serial = self._central.increment_zone_serial(self._context, zone)
                # The zone itself may be ACTIVE again by now, its records are not before this.
                self._central.update_status(self._context, zone.id, "SUCCESS", serial)
        for zone in storage.find_zones(self._context, {"status": "PENDING"}):  # what the worker is told of
            self._central.update_status(self._context, zone.id, "SUCCESS", zone.serial, zone.action)
