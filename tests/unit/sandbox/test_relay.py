"""The relay that lets Pods reach the sandbox's services: bytes go through both ways, and ends are passed on."""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.process import free_ports

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def route() -> Iterator[tuple[int, int]]:
    """A relay's port and the port it leads to."""
    here, there = free_ports(2)
    command = [sys.executable, "-m", "sandbox.relay", f"127.0.0.1:{here}=127.0.0.1:{there}"]
    relay = subprocess.Popen(command, cwd=ROOT)
    try:
        for _ in range(200):
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", here)) == 0:
                    break
            time.sleep(0.05)
        yield here, there
    finally:
        relay.terminate()
        relay.wait(10)


def test_bytes_go_both_ways_and_ends_are_passed_on(route: tuple[int, int]) -> None:
    here, there = route
    heard = []
    with socket.create_server(("127.0.0.1", there)) as server:

        def serve() -> None:
            while not heard:  # the look whether the relay listens is a connection, too, and may come through late
                one, _ = server.accept()
                with one, contextlib.suppress(ConnectionError):
                    while data := one.recv(65536):
                        heard.append(data)
                    one.sendall(b"answer" * 50000)

        thread = threading.Thread(target=serve)
        thread.start()
        with socket.create_connection(("127.0.0.1", here), 10) as caller:
            caller.sendall(b"question" * 50000)
            caller.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: caller.recv(65536), b""))
        thread.join(10)
    assert b"".join(heard) == b"question" * 50000
    assert answer == b"answer" * 50000


def test_a_port_nobody_listens_on_is_a_closed_connection(route: tuple[int, int]) -> None:
    with socket.create_connection(("127.0.0.1", route[0]), 10) as caller:
        assert caller.recv(1) == b""
