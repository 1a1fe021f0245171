"""``python -m sandbox.services.serve SERVICE``: one service under waitress, in as many processes as asked for.

Waitress works a request to its end even where the caller has gone: as the real servers do, and as the rule on creates
of unknown outcome needs to be tested.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from waitress import create_server
from waitress.channel import HTTPChannel
from waitress.task import WSGITask

from sandbox.services.middleware import Middleware
from sandbox.traits import load

_MODULES = {"keystone": "keystone.wsgi.api", "neutron": "neutron.wsgi.api"}
# Most of a start is imports: done once, before the workers part. They start no threads and open no connections.
_BEFORE_THE_FORK = {
    "neutron": (
        "neutron.server",
        "neutron.plugins.ml2.plugin",
        "neutron.services.l3_router.l3_router_plugin",
        "neutron.services.portforwarding.pf_plugin",
    )
}


class _Task(WSGITask):  # type: ignore[misc]
    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        environ["sandbox.channel"] = self.channel
        return environ


class _Channel(HTTPChannel):  # type: ignore[misc]
    task_class = _Task


def _application(service: str, config: str, control: Path, first: bool) -> Any:
    if service in ("barbican", "designate"):
        sys.argv = [service]
        own = importlib.import_module(f"sandbox.services.{service}")
        return own.application() if service == "barbican" else own.application(config)
    sys.argv = [service, "--config-file", config]
    if service == "octavia":
        octavia = importlib.import_module("sandbox.services.octavia")
        return octavia.application(control)
    if service == "neutron" and load(control).default_rules_hidden:
        _without_default_rules_api()
    module = importlib.import_module(_MODULES[service])
    if service == "neutron" and first:
        settle = importlib.import_module("sandbox.services.neutron_settler").Settler(config)
        threading.Thread(target=settle.forever, daemon=True).start()
        dhcp = importlib.import_module("sandbox.services.dhcp_ports").DhcpPorts(control)
        threading.Thread(target=dhcp.forever, daemon=True).start()
        importlib.import_module("sandbox.services.data_path.neutron").start(config, control)
    if service == "neutron":
        # Neutron loads its policy at the first request, and two at once see it half loaded: 403.
        importlib.import_module("neutron.policy").init()
    return module.application


def _without_default_rules_api() -> None:
    """Have Neutron be one that does not know this extension: its path is answered with Neutron's own 404."""
    plugin = importlib.import_module("neutron.plugins.ml2.plugin")
    extension = importlib.import_module("neutron.extensions.security_groups_default_rules")
    plugin.Ml2Plugin._supported_extension_aliases.remove(extension.ALIAS)  # noqa: SLF001 - where Neutron keeps the list


def _serve(service: str, config: str, control: Path, listening: socket.socket, first: bool) -> None:
    app = Middleware(_application(service, config, control, first), service, control)
    server = create_server(app, sockets=[listening], threads=12, channel_timeout=300)
    server.channel_class = _Channel
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # ends at once, whatever the service would rather do first
    server.run()


def main() -> None:
    """Bind the port, fork the workers, and end with them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("service", choices=["keystone", "neutron", "octavia", "barbican", "designate"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--config", required=True)
    parser.add_argument("--control", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    read = parser.parse_args()
    listening = socket.create_server(("127.0.0.1", read.port), backlog=256)
    for module in _BEFORE_THE_FORK.get(read.service, ()):
        importlib.import_module(module)
    gc.freeze()  # the collector writes into all that it looks at, and so would each worker have its own copy
    for _ in range(1, read.workers):
        if os.fork() == 0:
            _serve(read.service, read.config, read.control, listening, first=False)
            os._exit(0)
    _serve(read.service, read.config, read.control, listening, first=True)


if __name__ == "__main__":
    main()
