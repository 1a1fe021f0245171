"""The cluster DNS of a node on the loopback address: it answers, and goes on after nonsense."""

import asyncio
import contextlib
import socket

from sandbox.cluster_dns import query
from sandbox.dns_server import Dns

HOST = "127.0.0.1"


def test_the_dns_answers_over_the_network_and_goes_on_after_nonsense() -> None:
    async def go() -> tuple[bytes, bytes]:
        dns, loop = Dns({"web.shop": "10.96.5.6"}), asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: dns, (HOST, 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, contextlib.closing(transport):
            one.setblocking(False)
            one.connect(transport.get_extra_info("sockname"))
            one.send(b"nonsense")
            one.send(query("web.shop.svc", 7))
            first = await asyncio.wait_for(loop.sock_recv(one, 512), 10)
            dns.names = {"web.shop": "10.96.5.7"}
            one.send(query("web.shop.svc", 8))
            return first, await asyncio.wait_for(loop.sock_recv(one, 512), 10)

    first, second = asyncio.run(go())
    assert first[:2] == b"\x00\x07"
    assert first.endswith(bytes([10, 96, 5, 6]))
    assert second.endswith(bytes([10, 96, 5, 7]))
