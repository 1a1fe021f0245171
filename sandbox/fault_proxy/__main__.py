"""``python -m sandbox.fault_proxy FOLDER``: the proxy, until it is told to end."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

from sandbox.fault_proxy.edge import Edge
from sandbox.fault_proxy.servers import SERVERS_FILE, Server


async def _main(folder: Path) -> None:
    servers = [Server(**each) for each in json.loads((folder / SERVERS_FILE).read_text())]
    edge = Edge(folder, servers)
    await edge.start()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await edge.stop()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
