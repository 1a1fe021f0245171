"""``python -m sandbox.dns_server KUBECONFIG``: a cluster's DNS, in small: it answers for the names of Services.

Every second it looks at the Services. It runs in the node's network namespace, at the address that Pods ask.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from sandbox.cluster_addresses import DNS_SERVICE
from sandbox.cluster_dns import PORT, answer, names
from sandbox.errors import SandboxError

_POLL_SECONDS = 1.0
_TIMEOUT_SECONDS = 10.0
# Version 0 is what the API server has in its memory; etcd is not asked every second.
_PATH = "/api/v1/services?resourceVersion=0"


class Api:
    """The API server, asked over one connection for as long as it lasts.

    Args:
        kubeconfig: as the sandbox writes it.
    """

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        context = ssl.create_default_context(cafile=cluster["certificate-authority"])
        context.check_hostname = False  # the file is the API server's own certificate: nobody else can show it
        where = urlsplit(cluster["server"])
        self._connection = http.client.HTTPSConnection(
            where.hostname or "", where.port, timeout=_TIMEOUT_SECONDS, context=context
        )
        self._headers = {"Authorization": f"Bearer {user['token']}"}

    def services(self) -> Iterable[Mapping[str, Any]]:
        """The cluster's Services now. Blocks.

        Raises:
            SandboxError: it does not say.
        """
        try:
            self._connection.request("GET", _PATH, headers=self._headers)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()  # the next request makes a new one
            raise SandboxError(f"GET {_PATH}: {type(error).__name__}: {error}") from error
        if response.status != http.client.OK:
            raise SandboxError(f"GET {_PATH}: {response.status}")
        items: list[Mapping[str, Any]] = json.loads(text)["items"]
        return items


class Dns(asyncio.DatagramProtocol):
    """The DNS on its port.

    Attributes:
        names: the addresses now, by ``SERVICE.NAMESPACE``.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names = names
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called once, before anything comes."""
        self._transport = cast("asyncio.DatagramTransport", transport)  # is one, but not by its class

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Called with what came from somebody."""
        said = answer(data, self.names)
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


async def _every_second(api: Api, say: Callable[[str], None]) -> AsyncIterator[Mapping[str, str]]:
    while True:
        try:
            yield names(await asyncio.to_thread(api.services))
        except SandboxError as error:  # all stays as it is until it answers again
            say(str(error))
        await asyncio.sleep(_POLL_SECONDS)


async def _main(kubeconfig: str) -> None:
    dns, serves = Dns({}), False
    async for dns.names in _every_second(Api(Path(kubeconfig)), _sayer()):
        if not serves:  # now that there is something to say
            loop = asyncio.get_running_loop()
            await loop.create_datagram_endpoint(lambda: dns, local_addr=(DNS_SERVICE, PORT))
            serves = True


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(*sys.argv[1:]))
