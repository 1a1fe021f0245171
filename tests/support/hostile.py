"""A server that says what a script says, byte by byte: for answers that no HTTP library would send."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

PAUSE = 0.04
"""Seconds between two bytes that trickle."""

Script = Callable[["Talk"], None]


@dataclass
class Hostile:
    """Such a server, listening: ``script`` is what it does with each connection.

    Attributes:
        connections: how many there were.
        sent: bytes, all connections together, as far as they were taken.
    """

    port: int
    script: Script
    connections: int = 0
    sent: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Talk:
    """One connection."""

    def __init__(self, connection: socket.socket, server: Hostile) -> None:
        self.connection = connection
        self.server = server
        self.over = server.over
        self.body = b""

    def request(self) -> bytes:
        """Read a request, and return its head; ``body`` is what followed. Empty where the client is gone."""
        text = b""
        while b"\r\n\r\n" not in text:
            piece = self.connection.recv(65536)
            if not piece:
                return b""
            text += piece
        head, _, body = text.partition(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                while len(body) < int(line.split(b":")[1]):
                    body += self.connection.recv(65536)
        self.body = body
        return head

    def say(self, text: bytes) -> None:
        self.connection.sendall(text)
        self.server.sent += len(text)

    def trickle(self, text: bytes) -> None:
        """Say it byte by byte."""
        for place in range(len(text)):
            if self.over.wait(PAUSE):
                return
            self.say(text[place : place + 1])


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer that closes the connection."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def page(*ids: str, following: str | None = None) -> bytes:
    links = [{"rel": "next", "href": f"http://elsewhere/?marker={following}"}] if following else []
    return json.dumps({"networks": [{"id": one} for one in ids], "networks_links": links}).encode()


def packed(size: int) -> bytes:
    """So many blanks and an empty list, as gzip."""
    return gzip.compress(b" " * size + page(), 1)


@contextmanager
def hostile(script: Script) -> Iterator[Hostile]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    server = Hostile(listener.getsockname()[1], script)

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            connection.settimeout(10)
            server.script(Talk(connection, server))

    def listen() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                server.connections += 1
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    try:
        yield server
    finally:
        server.over.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
