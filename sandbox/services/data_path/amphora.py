"""Octavia's own amphora driver, with a client that keeps files and starts HAProxy here.

So certificates are read by Octavia's certificate manager, and the configuration is rendered by its templates: what is
sent to an amphora's agent elsewhere is what HAProxy gets here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from octavia.amphorae.drivers.haproxy.rest_api_driver import HaproxyAmphoraLoadBalancerDriver
from octavia.common import constants
from octavia.common.jinja.haproxy.combined_listeners.jinja_cfg import JinjaTemplater
from octavia.common.jinja.lvs.jinja_cfg import LvsJinjaTemplater
from octavia.db import api as database
from octavia.db import repositories
from oslo_config import cfg
from stevedore import driver as stevedore_driver

from sandbox.services.data_path.balancer import SOCKET, Balancer
from sandbox.services.data_path.text import adapted

CERTIFICATES = "certificates"
"""The folder of certificates, as seen from a load balancer's own."""
_GONE = (constants.DELETED, constants.PENDING_DELETE)
_API = "1.0"


def configure() -> None:
    """Let Octavia look for certificates where HAProxy, which runs in its folder, finds them."""
    cfg.CONF.set_override("base_cert_dir", CERTIFICATES, group="haproxy_amphora")
    cfg.CONF.set_override("connection_logging", False, group="haproxy_amphora")


class _Client:
    """What the driver believes to be an amphora's agent.

    Args:
        balancer: the HAProxy.
    """

    def __init__(self, balancer: Balancer) -> None:
        self._balancer = balancer
        self.config = ""

    def get_info(self, *_: Any, **__: Any) -> dict[str, str]:
        return {"haproxy_version": self._balancer.version}

    def get_details(self, *_: Any, **__: Any) -> dict[str, str]:
        return {}

    def get_cert_md5sum(self, _: Any, load_balancer: str, name: str, **__: Any) -> str:
        path = self._certificate(load_balancer, name)
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() if path.exists() else ""

    def upload_cert_pem(self, _: Any, load_balancer: str, name: str, pem: bytes) -> None:
        path = self._certificate(load_balancer, name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(pem)

    def _certificate(self, load_balancer: str, name: str) -> Path:
        return self._balancer.folder / CERTIFICATES / load_balancer / name

    def upload_config(self, _: Any, __: str, config: str, **___: Any) -> None:
        self.config = config

    def reload_listener(self, *_: Any, **__: Any) -> None:
        """Nothing yet: it is done once for the whole load balancer, when all was uploaded."""

    delete_listener = upload_udp_config = reload_listener


class _Driver(HaproxyAmphoraLoadBalancerDriver):  # type: ignore[misc]
    def __init__(self, client: _Client) -> None:
        self.clients = {_API: client}
        self.cert_manager: Any = stevedore_driver.DriverManager(
            namespace="octavia.cert_manager", name=cfg.CONF.certificates.cert_manager, invoke_on_load=True
        ).driver
        self.jinja_combo = _Templater(
            base_amp_path=".", base_crt_dir=CERTIFICATES, log_http="/", log_server="/", connection_logging=False
        )
        self.lvs_jinja = LvsJinjaTemplater()


class _Templater(JinjaTemplater):  # type: ignore[misc]
    def build_config(self, *arguments: Any, **named: Any) -> str:
        return str(super().build_config(*arguments, **{**named, "socket_path": SOCKET}))


def apply(balancer: Balancer) -> bool:
    """Bring a load balancer's HAProxy to what the database says.

    Args:
        balancer: the HAProxy.

    Returns:
        Whether one is to run.

    Raises:
        BalancerError: HAProxy refused; the one before goes on.
    """
    with database.get_session() as session:
        found = repositories.LoadBalancerRepository().get(session, id=balancer.id)
        if found is None or found.provisioning_status in _GONE:
            _amphora(balancer.id, constants.DELETED)
            balancer.stop()
            return False
        _amphora(balancer.id, constants.AMPHORA_ALLOCATED)
        there = (one for one in found.listeners if one.provisioning_status not in _GONE)
        listeners = sorted(there, key=lambda one: one.id)
        text = _rendered(balancer, listeners)
        if not text:
            balancer.stop()
            return False
        vips = [found.vip.ip_address, *(one.ip_address for one in found.additional_vips)]
        text = adapted(text, balancer.id, vips, str(balancer.world.folder / "ping"))
    balancer.apply(f"{text}# certificates: {_fingerprint(balancer.folder / CERTIFICATES)}\n")
    return True


def _rendered(balancer: Balancer, listeners: Sequence[Any]) -> str:
    """The configuration as Octavia makes it; empty: there is nothing for HAProxy to do.

    A listener whose certificate cannot be read is left out, and set to ERROR by the driver.
    """
    client = _Client(balancer)
    empty = dict.fromkeys(
        ("lb_network_ip", "vrrp_ip", "ha_ip", "vrrp_port_id", "ha_port_id", "vrrp_interface", "vrrp_priority")
    )
    own = {"id": balancer.id, "role": constants.ROLE_STANDALONE, "status": constants.AMPHORA_ALLOCATED}
    amphora = SimpleNamespace(**empty, **own, api_version=_API)
    # Not the database's own object: what is on its way out is no longer among its listeners.
    tree = SimpleNamespace(id=balancer.id, listeners=list(listeners))
    _Driver(client).update_amphora_listeners(tree, amphora)
    return client.config


def _fingerprint(folder: Path) -> str:
    """Changes with the certificates, so that HAProxy, which reads them at its start, is reloaded."""
    found = hashlib.sha256()
    for path in sorted(folder.glob("**/*.pem")):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()


def _amphora(load_balancer: str, status: str) -> None:
    """The row by which Octavia's health manager finds the load balancer of a heartbeat."""
    amphorae = repositories.AmphoraRepository()
    with database.get_session() as session, session.begin():
        if amphorae.get(session, id=load_balancer) is not None:
            amphorae.update(session, load_balancer, status=status)
        elif status != constants.DELETED:
            role = constants.ROLE_STANDALONE
            amphorae.create(session, id=load_balancer, load_balancer_id=load_balancer, status=status, role=role)


def failed(load_balancer: str) -> set[str]:
    """Ids of the listeners that the driver has set to ERROR."""
    with database.get_session() as session, session.begin():
        query = repositories.ListenerRepository()
        rows, _ = query.get_all(session, load_balancer_id=load_balancer, provisioning_status=constants.ERROR)
        return {row.id for row in rows}
