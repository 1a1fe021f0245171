"""One call on its way through the proxy: who asks whom, and the ways in which it can end."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from multidict import CIMultiDict

from sandbox.fault_proxy import bodies
from sandbox.fault_proxy.plan import Call, Fault
from sandbox.fault_proxy.servers import Server

RETRY_AFTER_SECONDS = 1
"""What 429 and 503 say."""
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "content-length"})
_NOT_SENT = _HOP | {"host", "accept-encoding"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server has said."""

    status: int
    headers: CIMultiDict[str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """A call, and what is to happen to it.

    Attributes:
        server: whom it is for.
        request: as it came.
        body: of the request.
        call: what it asks for.
        fault: what happens to it.
        number: its place in the log.
    """

    server: Server
    request: web.Request
    body: bytes
    call: Call
    fault: Fault | None
    number: int


def serving(server: Server) -> ssl.SSLContext | None:
    """By what the proxy speaks TLS where the server does."""
    if not server.certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.certificate, server.key)
    return context


def sent_headers(request: web.Request) -> CIMultiDict[str]:
    """The caller's headers for the server."""
    return CIMultiDict((name, value) for name, value in request.headers.items() if name.lower() not in _NOT_SENT)


def passed_on(headers: Mapping[str, str], addresses: Mapping[str, str]) -> CIMultiDict[str]:
    """The server's headers for the caller."""
    passed: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        if name.lower() not in _HOP:
            passed.add(name, bodies.readdressed(value.encode(), addresses).decode())
    return passed


def response(answer: Answer) -> web.Response:
    """The server's answer for the caller."""
    return web.Response(status=answer.status, headers=answer.headers, body=answer.body)


def injected(side: str, status: int) -> web.Response:
    """An error of the proxy's own, in the form of a side."""
    headers = {"Content-Type": "application/json"}
    if status in (429, 503):
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return web.Response(status=status, headers=headers, body=bodies.error(side, status))


async def truncated(request: web.Request, answer: Answer) -> web.StreamResponse:
    """Half of an answer, and the end of the connection."""
    half = web.StreamResponse(status=answer.status, headers=answer.headers)
    half.content_length = len(answer.body) + 1
    await half.prepare(request)
    await half.write(answer.body[: len(answer.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return half


def reset(request: web.Request) -> None:
    """Close the caller's connection as a dying server would."""
    transport = request.transport
    if transport is None:
        return
    own: socket.socket | None = transport.get_extra_info("socket")
    if own is not None:
        with contextlib.suppress(OSError):
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
