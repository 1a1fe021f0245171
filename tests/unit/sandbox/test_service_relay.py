"""The stand-in for kube-proxy and cluster DNS on the loopback address: it listens, leads, and answers."""

import asyncio
import contextlib
import json
import socket

import pytest

from sandbox import service_relay
from sandbox.cluster_dns import query
from sandbox.process import free_ports
from sandbox.service_relay import Dns, Services
from sandbox.service_table import API_SERVICE, DNS_SERVICE, Table

HOST = "127.0.0.1"
Bridge = list[tuple[str, ...]]


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    """What is done to the bridge, which has the addresses there always are and one that was left behind."""
    calls: Bridge = []
    has = [{"local": local} for local in ("10.244.213.1", API_SERVICE, DNS_SERVICE, "10.96.9.9")]

    def ip(*words: str) -> str:
        if "show" not in words:
            calls.append(words)
        return json.dumps([{"addr_info": has}])

    monkeypatch.setattr(service_relay, "ip", ip)
    return calls


async def _speaker(word: bytes) -> tuple[asyncio.Server, tuple[str, int]]:
    """A server that says a word to whoever comes."""

    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(word)
        writer.close()

    server = await asyncio.start_server(speak, HOST, 0)
    return server, server.sockets[0].getsockname()


async def _heard(place: tuple[str, int]) -> bytes:
    reader, writer = await asyncio.open_connection(*place)
    heard = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return heard


def test_connections_are_led_to_the_endpoints_there_are_by_turns(done: Bridge) -> None:
    async def go() -> None:
        (one, first), (two, second) = await _speaker(b"one"), await _speaker(b"two")
        place = (HOST, free_ports(1)[0])
        services = Services("bridge", pytest.fail)
        await services.follow(Table({}, {place: (first, second)}))
        assert [await _heard(place) for _ in range(4)] in ([b"one", b"two"] * 2, [b"two", b"one"] * 2)
        await services.follow(Table({}, {place: (second,)}))
        assert {await _heard(place) for _ in range(3)} == {b"two"}
        await services.follow(Table())
        with pytest.raises(ConnectionRefusedError):
            await _heard(place)
        for server in (one, two):
            server.close()

    asyncio.run(go())


def test_the_bridge_gets_the_services_addresses_and_loses_others(done: Bridge) -> None:
    async def go() -> None:
        services = Services("bridge", pytest.fail)
        await services.follow(Table({"web.shop": "10.96.5.6"}))
        await services.follow(Table({"web.shop": "10.96.5.6"}))
        await services.follow(Table())

    asyncio.run(go())
    assert done == [
        ("address", "delete", "10.96.9.9/32", "dev", "bridge"),
        ("address", "add", "10.96.5.6/32", "dev", "bridge"),
        ("address", "delete", "10.96.5.6/32", "dev", "bridge"),
    ]


def test_a_port_that_is_taken_is_said_and_tried_again(done: Bridge) -> None:
    async def go() -> None:
        taken, place = await _speaker(b"taken")
        said: list[str] = []
        services = Services("bridge", said.append)
        server, there = await _speaker(b"there")
        await services.follow(Table({}, {place: (there,)}))
        assert len(said) == 1
        assert f"{place[0]}:{place[1]}" in said[0]
        assert await _heard(place) == b"taken"
        taken.close()
        await services.follow(Table({}, {place: (there,)}))
        assert await _heard(place) == b"there"
        server.close()

    asyncio.run(go())


def test_the_dns_answers_over_the_network_and_goes_on_after_nonsense(done: Bridge) -> None:
    async def go() -> bytes:
        services = Services("bridge", pytest.fail)
        await services.follow(Table({"web.shop": "10.96.5.6"}))
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: Dns(services.answer), (HOST, 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, contextlib.closing(transport):
            one.setblocking(False)
            one.connect(transport.get_extra_info("sockname"))
            one.send(b"nonsense")
            one.send(query("web.shop.svc", 7))
            return await asyncio.wait_for(loop.sock_recv(one, 512), 10)

    packet = asyncio.run(go())
    assert packet[:2] == b"\x00\x07"
    assert packet.endswith(bytes([10, 96, 5, 6]))
