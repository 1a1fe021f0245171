"""The network of a node: a namespace of its own, one way to the machine, and one to each network world.

All that a node needs of forwarding, of routes and of a firewall is its namespace's. Of the machine's own there is one
end of a veth, with an address and two routes, and they go with the node.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from sandbox import cluster_dns
from sandbox.cluster_addresses import (
    API_SERVICE,
    DNS_SERVICE,
    EVERY,
    GATEWAY,
    LINK,
    MACHINE,
    NODE_ADDRESS,
    PODS,
    RANGE,
    WORLDS,
)
from sandbox.configs import ADMIN_PASSWORD
from sandbox.data_path import World
from sandbox.data_path.packages import Tools
from sandbox.errors import SandboxError
from sandbox.extras import TYPES
from sandbox.iproute import ip, nft, run
from sandbox.process import Process, answers
from sandbox.rest import login

_FOUND = {"PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
_TYPES = {"keystone": "identity", "neutron": "network", "octavia": "load-balancer", **TYPES}
_TO_MACHINE, _TO_NODE = "machine", "node"
"""What the ends of a veth are called in a namespace that is the sandbox's own."""


def _names_answered() -> bool:
    """Whether the DNS answers, with the address of the one Service that there always is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, suppress(OSError):
        one.settimeout(1)
        one.sendto(cluster_dns.query(f"kubernetes.default.svc.{cluster_dns.DOMAIN}"), (DNS_SERVICE, cluster_dns.PORT))
        return one.recv(512).endswith(ipaddress.IPv4Address(API_SERVICE).packed)
    return False


def guard(ports: Iterable[int]) -> str:
    """Rules for nft, by which only the machine comes to some ports: a kubelet does whatever it is told."""
    listed = ", ".join(map(str, ports))
    rule = f'iifname != {{ "lo", "{_TO_MACHINE}" }} tcp dport {{ {listed} }} drop'
    return f"table inet sandbox {{ chain in {{ type filter hook input priority 0; {rule}; }}; }}\n"


def translated(address: str) -> str:
    """Rules for nft, by which a world comes to the node from one address.

    A load balancer speaks from its VIP, and two projects may have the same.
    """
    chain = f'chain out {{ type nat hook postrouting priority 100; oifname "{_TO_NODE}" snat to {address}; }};'
    return f"table ip node\ndelete table ip node\ntable ip node {{ {chain} }}\n"


def free_address(taken: Iterable[str]) -> str:
    """The first address for a world that none has yet.

    Raises:
        SandboxError: there is none left.
    """
    used = set(taken)
    for address in WORLDS.hosts():
        if str(address) not in used:
            return str(address)
    raise SandboxError(f"no address of {WORLDS} is left for one more network world")


class Network:
    """The network of one node.

    Args:
        folder: the node's state.
        api: the API server's port on the loopback address.
        services: OpenStack's ports there, by service; empty where it does not run.
        kubelet: the kubelet's port, the same in the node and on the loopback address.
    """

    def __init__(self, folder: Path, api: int, services: Mapping[str, int], kubelet: int) -> None:
        self._folder = folder
        self._api = api
        self._services = services
        self._kubelet = kubelet
        self.link = f"sandbox-{_short(bytes(folder))}"  # 15 characters are what a name may have

    def holder(self) -> Process:
        """The process that holds the namespace until others are in it."""
        command = ["unshare", "--net", "--", "sleep", "infinity"]
        return Process("network", self._folder, command, self._apart)

    def _apart(self) -> bool:
        with suppress(OSError):
            return Path(f"/proc/{self._pid}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()
        return False

    @property
    def _pid(self) -> int:
        """Of the holder.

        Raises:
            SandboxError: it does not run.
        """
        pid = Process("network", self._folder, [], lambda: True).pid
        if pid is None:
            raise SandboxError("the node's network namespace is not there")
        return pid

    def inside(self, *command: str) -> list[str]:
        """The command that runs another one in the namespace.

        Raises:
            SandboxError: it is not there.
        """
        return [*_within(self._pid), *command]

    def relay(self) -> Process:
        """The process that leads from the node to what listens on the loopback address, and to the kubelet."""
        routes = [f"{MACHINE}:{port}=127.0.0.1:{port}" for port in (self._api, *self._services.values())]
        # The API server asks for logs at the node's name, which is that of the loopback address.
        routes.append(f"127.0.0.1:{self._kubelet}={NODE_ADDRESS}:{self._kubelet}")
        command = [sys.executable, "-m", "sandbox.relay", *routes]
        return Process("relay", self._folder, command, self._relays, _FOUND)

    def cluster_dns(self, kubeconfig: Path) -> Process:
        """The process that answers for the Services' names."""
        command = self.inside(sys.executable, "-m", "sandbox.dns_server", str(kubeconfig))
        return Process("cluster-dns", self._folder, command, _names_answered, _FOUND)

    def _relays(self) -> bool:
        urls = [f"http://{MACHINE}:{port}/" for port in self._services.values()]
        return all(map(answers, urls))

    def up(self, tools: Tools) -> None:
        """Set the namespace up, whose holder runs, unless it is.

        Raises:
            SandboxError: this machine uses these addresses, as another node of a sandbox or of its own would.
        """
        inside = self.inside()
        if any(link["ifname"] == _TO_MACHINE for link in json.loads(ip("-json", "link", "show", inside=inside))):
            return
        self.down()  # of a namespace that is gone
        for link in json.loads(ip("-json", "-4", "address", "show")):
            for one in link.get("addr_info", []):
                address = ipaddress.ip_address(one["local"])
                if any(address in each for each in EVERY):
                    raise SandboxError(f"{address}, which the node needs, is in use here, on {link['ifname']}")
        ip("link", "add", self.link, "type", "veth", "peer", "name", _TO_MACHINE, "netns", str(self._pid))
        ip("address", "add", f"{MACHINE}/{LINK.prefixlen}", "dev", self.link)
        ip("link", "set", self.link, "up")
        for name in ("lo", _TO_MACHINE):
            ip("link", "set", name, "up", inside=inside)
        ip("address", "add", f"{NODE_ADDRESS}/{LINK.prefixlen}", "dev", _TO_MACHINE, inside=inside)
        ip("address", "add", f"{DNS_SERVICE}/32", "dev", "lo", inside=inside)
        for network in (PODS, RANGE):
            ip("route", "add", str(network), "via", NODE_ADDRESS, "dev", self.link)
        run("/bin/sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward", inside=inside)  # of this namespace
        nft(tools, guard([self._kubelet]), inside)

    def reach(self, world: World, tools: Tools) -> None:
        """Lead from a network world, in which all addresses are its own, to node and Pods; unless it leads there.

        Raises:
            SandboxError: one of both does not run.
        """
        there, name = _within(world.pid), f"world-{_short(world.name.encode())}"
        if any(link["ifname"] == _TO_NODE for link in json.loads(ip("-json", "link", "show", inside=there))):
            return
        inside = self.inside()
        routes = json.loads(ip("-json", "-4", "route", "show", inside=inside))
        address = free_address(str(route["dst"]) for route in routes)
        ends = (["name", _TO_NODE, "netns", str(world.pid)], ["name", name, "netns", str(self._pid)])
        ip("link", "add", *ends[0], "type", "veth", "peer", *ends[1])
        ip("link", "set", name, "up", inside=inside)
        ip("route", "add", f"{address}/32", "dev", name, inside=inside)
        ip("address", "add", f"{address}/32", "dev", _TO_NODE, inside=there)
        ip("link", "set", _TO_NODE, "up", inside=there)
        # Where all addresses are local the table of local ones decides, and in it the longer prefix.
        where = ["dev", _TO_NODE, "scope", "link", "src", address, "table", "local"]
        ip("route", "add", f"{NODE_ADDRESS}/32", *where, inside=there)
        by_node = ["via", NODE_ADDRESS, "dev", _TO_NODE, "onlink", "src", address, "table", "local"]
        ip("route", "add", str(PODS), *by_node, inside=there)
        nft(tools, translated(address), there)

    def down(self) -> None:
        """Take the machine's end away, with all that leads there.

        Raises:
            SandboxError: it stays.
        """
        there = Path("/sys/class/net", self.link)
        if there.exists():
            try:
                ip("link", "delete", self.link)
            except SandboxError:
                if there.exists():  # else it went with its other end: the kernel takes a namespace away in its own time
                    raise

    def cni(self) -> dict[str, Any]:
        """The configuration of Pods' network.

        Each Pod has a way of its own to the node: on a bridge, answers of a Pod that is reached by a Service would go
        to the asking one past the node, unless the kernel is told to show it what only crosses the bridge.
        """
        ranges = [[{"subnet": str(PODS), "gateway": GATEWAY}]]
        addresses = {"type": "host-local", "ranges": ranges, "dataDir": str(self._folder / "addresses")}
        ipam = {**addresses, "routes": [{"dst": "0.0.0.0/0", "gw": GATEWAY}]}
        way = {"type": "ptp", "ipMasq": False, "ipam": ipam}
        return {"cniVersion": "1.0.0", "name": "sandbox", "plugins": [way]}

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
        ports = {_TYPES[name]: port for name, port in self._services.items()}
        for endpoint in admin.get(f"{auth}/endpoints")["endpoints"]:
            kind = kinds[endpoint["service_id"]]
            if kind not in ports:  # of a service that this sandbox does not have any more
                continue
            url = f"http://{host}:{ports[kind]}{paths.get(kind, '')}"
            admin.call("PATCH", f"{auth}/endpoints/{endpoint['id']}", {"endpoint": {"url": url}})


def _short(name: bytes) -> str:
    return hashlib.sha256(name).hexdigest()[:7]


def _within(pid: int) -> Sequence[str]:
    """The command by which root runs another one in a process's network namespace."""
    return ["nsenter", "--net", "--target", str(pid), "--"]
