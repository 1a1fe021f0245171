"""The bridge of a node's Pods, and the way from Pods to what listens on the machine's loopback address."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sandbox import cluster_dns
from sandbox.configs import ADMIN_PASSWORD
from sandbox.errors import SandboxError
from sandbox.iproute import ip
from sandbox.openstack import SERVICES
from sandbox.process import Process, answers
from sandbox.rest import login
from sandbox.service_table import API_SERVICE, DNS_SERVICE, RANGE

PODS = ipaddress.ip_network("10.244.213.0/24")
GATEWAY = str(PODS[1])
"""The machine, for Pods: the only thing outside of their network that they reach. Nothing is forwarded."""
_FOUND = {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
_BRIDGE_ADDRESS = "02:00:0a:f4:d5:01"
_TYPES = {"keystone": "identity", "neutron": "network", "octavia": "load-balancer"}


def _names_answered() -> bool:
    """Whether the DNS answers, with the address of the one Service that there always is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, suppress(OSError):
        one.settimeout(1)
        one.sendto(cluster_dns.query(f"kubernetes.default.svc.{cluster_dns.DOMAIN}"), (DNS_SERVICE, cluster_dns.PORT))
        return one.recv(512).endswith(ipaddress.IPv4Address(API_SERVICE).packed)
    return False


class Network:
    """The bridge and the relays of one node.

    Args:
        folder: the node's state.
        api: the API server's port on the loopback address.
        services: OpenStack's ports there, by service; empty where it does not run.
    """

    def __init__(self, folder: Path, api: int, services: Mapping[str, int]) -> None:
        self._folder = folder
        self._api = api
        self._services = services
        self.bridge = (
            f"sandbox-{hashlib.sha256(bytes(folder)).hexdigest()[:7]}"  # 15 characters are what a name may have
        )

    def relay(self) -> Process:
        """The process that listens on the bridge."""
        routes = [f"{API_SERVICE}:443=127.0.0.1:{self._api}"]
        routes += [f"{GATEWAY}:{port}=127.0.0.1:{port}" for port in self._services.values()]
        command = [sys.executable, "-m", "sandbox.relay", *routes]
        return Process("relay", self._folder, command, self._relays, _FOUND)

    def service_relay(self, kubeconfig: Path) -> Process:
        """The process that leads to the cluster's Services and answers for their names."""
        command = [sys.executable, "-m", "sandbox.service_relay", str(kubeconfig), self.bridge]
        return Process("service-relay", self._folder, command, _names_answered, _FOUND)

    def _relays(self) -> bool:
        urls = [f"http://{GATEWAY}:{port}/" for port in self._services.values()]
        return all(map(answers, urls))

    def up(self) -> None:
        """Make the bridge, unless it is there.

        Raises:
            SandboxError: this machine uses these addresses, as another node of a sandbox or of its own would.
        """
        for link in json.loads(ip("-json", "-4", "address", "show")):
            for one in link.get("addr_info", []):
                address = ipaddress.ip_address(one["local"])
                if (address in PODS or address in RANGE) and link["ifname"] != self.bridge:
                    raise SandboxError(f"{address}, which the node's Pods need, is in use here, on {link['ifname']}")
        if not Path("/sys/class/net", self.bridge).exists():
            # Without an address of its own a bridge changes it as Pods come and go, and those that stay lose their way.
            ip("link", "add", self.bridge, "address", _BRIDGE_ADDRESS, "type", "bridge")
            ip("address", "add", f"{GATEWAY}/{PODS.prefixlen}", "dev", self.bridge)
            for service in (API_SERVICE, DNS_SERVICE):
                ip("address", "add", f"{service}/32", "dev", self.bridge)
            ip("link", "set", self.bridge, "up")

    def down(self) -> None:
        """Take the bridge away."""
        if Path("/sys/class/net", self.bridge).exists():
            ip("link", "delete", self.bridge)

    def cni(self) -> dict[str, Any]:
        """The configuration of Pods' network. The plugin may not turn on the machine's forwarding: no ``isGateway``."""
        ranges = [[{"subnet": str(PODS), "gateway": GATEWAY}]]
        addresses = {"type": "host-local", "ranges": ranges, "dataDir": str(self._folder / "addresses")}
        bridge = {"type": "bridge", "bridge": self.bridge, "isGateway": False, "ipMasq": False}
        bridge["ipam"] = {**addresses, "routes": [{"dst": "0.0.0.0/0", "gw": GATEWAY}]}
        return {"cniVersion": "1.0.0", "name": "sandbox", "plugins": [bridge]}

    def catalogue(self, host: str) -> None:
        """Have Keystone's catalogue name the services by an address; on the machine itself, both ways lead there.

        Raises:
            SandboxError: Keystone refused.
        """
        if not self._services:
            return
        auth = f"http://127.0.0.1:{self._services['keystone']}/v3"
        admin = login(auth, "admin", ADMIN_PASSWORD, "admin")
        kinds = {service["id"]: service["type"] for service in admin.get(f"{auth}/services")["services"]}
        paths = {"identity": "/v3"}
        ports = {_TYPES[name]: self._services[name] for name in SERVICES}
        for endpoint in admin.get(f"{auth}/endpoints")["endpoints"]:
            kind = kinds[endpoint["service_id"]]
            url = f"http://{host}:{ports[kind]}{paths.get(kind, '')}"
            admin.call("PATCH", f"{auth}/endpoints/{endpoint['id']}", {"endpoint": {"url": url}})
