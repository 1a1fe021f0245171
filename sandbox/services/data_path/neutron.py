"""Brings floating IPs and security groups into the worlds, as Neutron's agents would."""

from __future__ import annotations

import configparser
import logging
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2

from sandbox.data_path.settings import Settings
from sandbox.services.data_path import told
from sandbox.services.data_path.firewall import Forwarding, Network, Rule, ruleset

LOG = logging.getLogger(__name__)
INTERVAL = 0.5

_FLOATING = """
SELECT floating_ip_address, fixed_ip_address FROM floatingips
WHERE fixed_port_id IS NOT NULL AND router_id IS NOT NULL AND project_id = %s
"""
_FORWARDINGS = """
SELECT f.floating_ip_address, p.protocol, p.external_port_start, p.external_port_end, p.internal_ip_address,
  p.internal_port_start
FROM portforwardings p JOIN floatingips f ON p.floatingip_id = f.id WHERE f.project_id = %s
"""
_PORTS = """
SELECT a.ip_address, b.security_group_id FROM ports p JOIN ipallocations a ON a.port_id = p.id
JOIN portsecuritybindings s ON s.port_id = p.id AND s.port_security_enabled
LEFT JOIN securitygroupportbindings b ON b.port_id = p.id
WHERE p.project_id = %s AND p.device_owner NOT LIKE 'network:%%' AND (p.id <> ALL(%s) OR EXISTS (
  SELECT 1 FROM securitygroupportbindings own JOIN securitygroups g ON g.id = own.security_group_id
  WHERE own.port_id = p.id AND g.name = ANY(%s)))
"""
"""Routers' and DHCP's ports have no groups. A VIP's are those that Octavia gives it, from when it does."""
_VIPS = """
SELECT v.port_id, 'lb-' || b.id FROM vip v JOIN load_balancer b ON v.load_balancer_id = b.id
WHERE b.project_id = %s AND b.provisioning_status <> 'DELETED'
"""
"""Ports to which Octavia gives a group of its own, whoever made them, and the group's name."""
_RULES = """
SELECT security_group_id, direction, ethertype, protocol, port_range_min, port_range_max, remote_ip_prefix,
  remote_group_id, remote_address_group_id
FROM securitygrouprules WHERE security_group_id = ANY(%s)
"""
_ADDRESSES = "SELECT address_group_id, address FROM address_associations WHERE address_group_id = ANY(%s)"


def start(config: str, control: Path) -> None:
    """Do it from now on, wherever the sandbox says that there is a data path."""
    threading.Thread(target=_Agent(config, control).forever, daemon=True).start()


class _Agent:
    def __init__(self, config: str, control: Path) -> None:
        read = configparser.ConfigParser(interpolation=None)
        read.read(config)
        self._dsn = read["database"]["connection"].replace("postgresql+psycopg2", "postgresql", 1)
        self._control = control
        self._done: dict[str, tuple[int | None, str]] = {}
        """By project: what its world was told, and which of its worlds."""

    def forever(self) -> None:
        while True:
            try:
                self._session()
            except Exception:
                LOG.exception("floating IPs and security groups go on")
                time.sleep(1)

    def _session(self) -> None:
        with (
            closing(psycopg2.connect(self._dsn)) as neutron,
            closing(psycopg2.connect(self._dsn, dbname="octavia")) as octavia,
        ):
            neutron.autocommit = octavia.autocommit = True
            while True:
                time.sleep(INTERVAL)
                settings = Settings.load(self._control)
                if settings:
                    self._look(neutron, octavia, settings)

    def _look(self, neutron: Any, octavia: Any, settings: Settings) -> None:
        for project, folder in settings.worlds.items():
            begin = time.time()
            with neutron.cursor() as ours, octavia.cursor() as theirs:
                theirs.execute(_VIPS, (project,))
                network = _network(ours, project, dict(theirs.fetchall()))
            try:
                self._bring(settings, project, ruleset(network))
                told.tell(Path(folder), begin)
            except Exception:  # of one project; the next look tries again
                LOG.exception("the rules of project %s", project)

    def _bring(self, settings: Settings, project: str, text: str) -> None:
        world = settings.world(project)
        holder = world.process.pid if world else None
        if world is None or holder is None or self._done.get(project) == (holder, text):
            return
        tools = settings.tools
        done = world.execute(tools.nft, "-f", "-", stdin=text, environment=tools.environment, seconds=20.0)
        if done.returncode:
            raise RuntimeError(f"nft refused:\n{done.stderr.strip()[-2000:]}\n{text}")
        self._done[project] = holder, text


def _network(cursor: Any, project: str, vips: Mapping[str, str]) -> Network:
    cursor.execute(_FLOATING, (project,))
    floating = dict(cursor.fetchall())
    cursor.execute(_FORWARDINGS, (project,))
    forwardings = [
        Forwarding(address, protocol, first + offset, inner, inside + offset)
        for address, protocol, first, last, inner, inside in cursor.fetchall()
        for offset in range(last - first + 1)
    ]
    guarded: dict[str, list[str]] = {}
    cursor.execute(_PORTS, (project, list(vips), list(vips.values())))
    for address, group in cursor.fetchall():
        guarded.setdefault(address, []).extend([group] if group else [])
    used = sorted({group for groups in guarded.values() for group in groups})
    cursor.execute(_RULES, (used,))
    rows = cursor.fetchall()
    cursor.execute(_ADDRESSES, (sorted({row[-1] for row in rows if row[-1]}),))
    addresses: dict[str, list[str]] = {}
    for group, address in cursor.fetchall():
        addresses.setdefault(group, []).append(address)
    groups: dict[str, list[Rule]] = {group: [] for group in used}
    for group, direction, family, protocol, first, last, prefix, remote, named in rows:
        ports = None if first is None else (first, last)
        prefixes = addresses.get(named, []) if named else [prefix] if prefix else None
        groups[group].append(Rule(family, protocol or "", ports, prefixes, remote or "", direction))
    return Network(floating, forwardings, guarded, groups)
