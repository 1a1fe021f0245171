"""``python -m sandbox.relay ADDRESS:PORT=ADDRESS:PORT …``: bytes go through, both ways.

The sandbox's services listen on the loopback address, which is another one in each Pod. On the node's bridge this lets
Pods reach them, and only there: nothing is offered to the machine's own network.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable
from functools import partial


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError, RuntimeError):
        if writer.can_write_eof():
            writer.write_eof()


async def serve(listen: tuple[str, int], target: Callable[[], tuple[str, int]]) -> asyncio.Server:
    """Listen, and lead what comes to a target.

    Args:
        listen: an address and a port.
        target: asked for each connection; raises an OSError where there is none at the moment.
    """

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(*target())
        except OSError:  # as a port nobody listens on: the caller sees a connection that is closed
            writer.close()
            return
        try:
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
        finally:
            for end in (back, writer):
                end.close()

    return await asyncio.start_server(connected, *listen)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


async def _main(routes: list[str]) -> None:
    pairs = [route.split("=") for route in routes]
    servers = [await serve(_address(listen), partial(_address, target)) for listen, target in pairs]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(sys.argv[1:]))
