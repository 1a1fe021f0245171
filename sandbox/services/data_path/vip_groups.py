"""Each VIP's security group in Neutron, made and changed by Octavia's own network driver, as it does for an amphora.

A load balancer has a group ``lb-ID`` of the service's own project, with a rule for each listener and range that it
allows. Where its owner has chosen groups (``vip_sg_ids``), theirs are the rules for listeners, and its own has none.
The port's groups are these, in place of whatever else it had.
"""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

from octavia.common import constants, utils
from octavia.db import api as database
from octavia.db import repositories

from sandbox import files
from sandbox.services.data_path import told

_TOLD_SECONDS = 5.0


class VipGroups:
    """The groups of all load balancers' VIPs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: Any = None

    def bring(self, load_balancer: str, folder: Path, world: Path) -> None:
        """Bring one to the database, and wait until packets are let through by it.

        Args:
            load_balancer: its id.
            folder: its own, where it is kept what was told to Neutron: the same is not told twice.
            world: the folder of its world.
        """
        with database.get_session() as session:
            found = repositories.LoadBalancerRepository().get(session, id=load_balancer)
        if found is None or found.provisioning_status == constants.DELETED:
            return
        if found.provisioning_status == constants.PENDING_DELETE:
            if not found.vip.octavia_owned:  # else Octavia's driver library does it
                found.vip.load_balancer = found
                self._driver().deallocate_vip(found.vip)
            return
        known = folder / "group.json"
        wanted = _wanted(found)
        if known.exists() and known.read_text() == wanted:
            return
        self._driver().update_vip_sg(found, found.vip)
        folder.mkdir(parents=True, exist_ok=True)
        files.write(known, wanted)
        told.wait(world, time.time(), _TOLD_SECONDS)

    def _driver(self) -> Any:
        with self._lock:
            if self._made is None:
                driver = utils.get_network_driver()
                # The sandbox's quotas are a customer's. A cloud's own project has no limit.
                unlimited = {"security_groups": -1, "security_group_rules": -1}
                driver.network_proxy.update_quota(driver.project_id, **unlimited)
                self._made = driver
            return self._made


def _wanted(found: Any) -> str:
    """What the group depends on."""
    there = (one for one in found.listeners if one.provisioning_status != constants.PENDING_DELETE)
    listeners = sorted(
        [one.protocol, one.protocol_port, one.peer_port, sorted(item.cidr for item in one.allowed_cidrs)]
        for one in there
    )
    return json.dumps([found.vip.port_id, sorted(found.vip.sg_ids), listeners])
