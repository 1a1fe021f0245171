"""``python -m sandbox.service_relay KUBECONFIG BRIDGE``: what kube-proxy and a cluster's DNS do, in small.

Every second it looks at the Services. Their addresses are given to the node's bridge, connections to them go through
this process to a ready endpoint, and their names are answered for. So nothing is changed of the machine's own: not its
firewall, not its forwarding; and the addresses go with the bridge.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import http.client
import ipaddress
import itertools
import json
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from sandbox.cluster_dns import PORT, answer
from sandbox.errors import SandboxError
from sandbox.iproute import ip
from sandbox.relay import serve
from sandbox.service_table import DNS_SERVICE, RANGE, Place, Table, changes, table

_POLL_SECONDS = 1.0
_TIMEOUT_SECONDS = 10.0
_LISTS = ("/api/v1/services", "/apis/discovery.k8s.io/v1/endpointslices")


class Api:
    """The API server, asked over one connection for as long as it lasts.

    Args:
        kubeconfig: as the sandbox writes it.
    """

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        context = ssl.create_default_context(cafile=cluster["certificate-authority"])
        where = urlsplit(cluster["server"])
        self._connection = http.client.HTTPSConnection(
            where.hostname or "", where.port, timeout=_TIMEOUT_SECONDS, context=context
        )
        self._headers = {"Authorization": f"Bearer {user['token']}"}

    def table(self) -> Table:
        """The cluster's Services now. Blocks.

        Raises:
            SandboxError: it does not say.
        """
        services, slices = map(self._list, _LISTS)
        return table(services, slices)

    def _list(self, path: str) -> list[Mapping[str, Any]]:
        try:
            # Version 0 is what the API server has in its memory; etcd is not asked every second.
            self._connection.request("GET", f"{path}?resourceVersion=0", headers=self._headers)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()  # the next request makes a new one
            raise SandboxError(f"GET {path}: {type(error).__name__}: {error}") from error
        if response.status != http.client.OK:
            raise SandboxError(f"GET {path}: {response.status}")
        items: list[Mapping[str, Any]] = json.loads(text)["items"]
        return items


class Services:
    """The Services' addresses on the bridge, and what listens there.

    Args:
        bridge: its name.
        say: told what cannot be done.
    """

    def __init__(self, bridge: str, say: Callable[[str], None]) -> None:
        self._bridge = bridge
        self._say = say
        self._table = Table()
        self._addresses = _of_range(json.loads(ip("-json", "-4", "address", "show", "dev", bridge)))
        self._servers: dict[Place, asyncio.Server] = {}
        self._turn = itertools.count()

    def answer(self, asked: bytes) -> bytes | None:
        """The DNS's answer to a query."""
        return answer(asked, self._table.names)

    async def follow(self, wanted: Table) -> None:
        """Let it be as a table says. A port that cannot be opened is tried again by the next call."""
        self._table = wanted
        step = changes(self._addresses, self._servers.keys(), wanted)
        for place in step.close:
            self._servers.pop(place).close()
        for address in step.remove:
            ip("address", "delete", f"{address}/32", "dev", self._bridge)
            self._addresses.remove(address)
        for address in step.add:
            ip("address", "add", f"{address}/32", "dev", self._bridge)
            self._addresses.add(address)
        for place in step.open:
            try:
                self._servers[place] = await serve(place, functools.partial(self._target, place))
            except OSError as error:  # somebody on this machine listens on all addresses
                self._say(f"cannot listen on {place[0]}:{place[1]}: {error}")

    def _target(self, place: Place) -> Place:
        targets = self._table.routes.get(place)
        if not targets:  # a connection that was made as the place was closed
            raise ConnectionRefusedError
        return targets[next(self._turn) % len(targets)]


def _of_range(links: list[dict[str, Any]]) -> set[str]:
    found = {one["local"] for link in links for one in link.get("addr_info", [])}
    return {address for address in found if ipaddress.ip_address(address) in RANGE}


class Dns(asyncio.DatagramProtocol):
    """The DNS on its port.

    Args:
        answer: given what came; None: nothing is said to it.
    """

    def __init__(self, answer: Callable[[bytes], bytes | None]) -> None:
        self._answer = answer
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called once, before anything comes."""
        self._transport = cast("asyncio.DatagramTransport", transport)  # is one, but not by its class

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Called with what came from somebody."""
        said = self._answer(data)
        if said and self._transport:
            self._transport.sendto(said, addr)


def _sayer() -> Callable[[str], None]:
    """Prints what is new: what is wrong is wrong each second."""
    said = [""]

    def say(text: str) -> None:
        if text != said[0]:
            said[0] = text
            print(text, file=sys.stderr, flush=True)

    return say


async def _tables(api: Api, say: Callable[[str], None]) -> AsyncIterator[Table]:
    while True:
        try:
            yield await asyncio.to_thread(api.table)
        except SandboxError as error:  # all stays as it is until it answers again
            say(str(error))
        await asyncio.sleep(_POLL_SECONDS)


async def _main(kubeconfig: str, bridge: str) -> None:
    say = _sayer()
    services, dns = Services(bridge, say), None
    async for wanted in _tables(Api(Path(kubeconfig)), say):
        await services.follow(wanted)
        if dns is None:  # now that there is something to say
            loop = asyncio.get_running_loop()
            dns, _ = await loop.create_datagram_endpoint(lambda: Dns(services.answer), local_addr=(DNS_SERVICE, PORT))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(*sys.argv[1:]))
