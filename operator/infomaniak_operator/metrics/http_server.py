"""A small HTTP server for probes and metrics, in threads of its own: it answers whatever the operator is busy with.

Everybody in the cluster may be able to reach it, so all of it is bounded: connections, of one client and of all, the
size and the time of a request, the time that an answer takes to be taken, what is being answered at once, and the
threads. There is one request a connection. Where there are too many connections the oldest gives way, of the client
that has most: so a client that holds connections open holds up only itself, and the kubelet's probes are answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

_HIGHEST_PORT = 65535
_CHUNK = 65536

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page says."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()


Page = Callable[[str], Answer]
"""Makes an answer; is given the request's ``Accept``."""


class Guard(Protocol):
    """Decides who may have a page, by the request's ``Authorization``."""

    def known(self, authorization: str) -> bool:
        """Whether the answer is known without asking anybody."""

    def refusal(self, authorization: str) -> Answer | None:
        """What to say instead of the page; None: the client may have it. Blocks."""


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """The bounds of a server.

    Attributes:
        connections: open at once.
        connections_of_client: of them those of one address.
        request_bytes: of a request, headers and all.
        request_seconds: from the connection's beginning to the request's end.
        answer_seconds: for the client to take the answer.
        at_once: requests for one page that are being answered or wait for it.
        at_once_of_client: of them those of one address.
        threads: that make one page, and that ask whether a client may have it.
    """

    connections: int = 64
    connections_of_client: int = 16
    request_bytes: int = 16384
    request_seconds: float = 5.0
    answer_seconds: float = 10.0
    at_once: int = 16
    at_once_of_client: int = 4
    threads: int = 2


LIMITS = ServerLimits()


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; an empty host: everywhere."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address | None:
        """Read ``:8080``, ``127.0.0.1:8080`` or ``[::1]:8080``; empty: None, which is nowhere.

        Raises:
            ValueError: it is none of these.
        """
        if not text:
            return None
        host, colon, port = text.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        bracketed = host != bare
        if not colon or not port.isdecimal() or int(port) > _HIGHEST_PORT or (":" in bare and not bracketed):
            raise ValueError(f"{text!r} is no address: write :8080, 127.0.0.1:8080 or [::1]:8080")
        return cls(bare, int(port))


class Server:
    """Serves pages until it is closed.

    Args:
        address: where.
        pages: by path.
        guards: by path, who may have a page; everybody where there is none.
        limits: the bounds.

    Attributes:
        port: where it listens: the port asked for, or the one that was free if that was 0.

    Raises:
        OSError: it cannot listen there.
    """

    def __init__(
        self,
        address: Address,
        pages: Mapping[str, Page],
        guards: Mapping[str, Guard] | None = None,
        limits: ServerLimits = LIMITS,
    ) -> None:
        self._socket = _listen(address)
        self.port = int(self._socket.getsockname()[1])
        self._pages = pages
        self._guards = guards or {}
        self._limits = limits
        self._clients: dict[asyncio.Task[None], str] = {}  # the oldest first
        self._answering: Counter[tuple[str, str | None]] = Counter()
        self._threads = {path: ThreadPoolExecutor(limits.threads, f"http {path}") for path in pages}
        self._asking = ThreadPoolExecutor(limits.threads, "http guard")
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"http :{self.port}", daemon=True)
        self._thread.start()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._clients)

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(self._limits.request_seconds)
        for each in (*self._threads.values(), self._asking):
            each.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except Exception:  # noqa: BLE001 - probes will tell, and the log why
            _log.exception("probes and metrics are served no more")
        finally:
            self._loop.close()
            self._socket.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(
            self._accepted, sock=self._socket, limit=self._limits.request_bytes, backlog=self._limits.connections
        )
        await self._ended.wait()
        server.close()
        tasks = list(self._clients)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection; the oldest of the client that has most gives way where there are too many."""
        peer = writer.get_extra_info("peername")
        client = str(peer[0]) if peer else ""
        task = self._loop.create_task(self._connection(reader, writer, client))
        self._clients[task] = client
        task.add_done_callback(lambda done: self._clients.pop(done, None))
        counts = Counter(self._clients.values())
        if counts[client] > self._limits.connections_of_client:
            self._evict(client)
        elif len(self._clients) > self._limits.connections:
            self._evict(counts.most_common(1)[0][0])

    def _evict(self, client: str) -> None:
        oldest = next(task for task, whose in self._clients.items() if whose == client)
        del self._clients[oldest]
        oldest.cancel()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, client: str) -> None:
        try:
            answer, with_body = await self._answered(reader, client)
            async with asyncio.timeout(self._limits.answer_seconds):
                await _send(writer, answer, with_body=with_body)
        except (OSError, EOFError, asyncio.CancelledError, TimeoutError):
            # A client that went away, is slow or has too many is no news.
            writer.transport.abort()
        except Exception:  # noqa: BLE001 - one request must not end the others
            _log.exception("a request for metrics or a probe broke off")
            writer.transport.abort()
        else:
            writer.close()

    async def _answered(self, reader: asyncio.StreamReader, client: str) -> tuple[Answer, bool]:
        try:
            async with asyncio.timeout(self._limits.request_seconds):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _plain(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE), True
        except TimeoutError:
            return _plain(HTTPStatus.REQUEST_TIMEOUT), True
        request = _Request.parse(head)
        if request is None:
            return _plain(HTTPStatus.BAD_REQUEST), True
        if request.method not in ("GET", "HEAD"):
            return _plain(HTTPStatus.METHOD_NOT_ALLOWED, (("Allow", "GET, HEAD"),)), True
        page = self._pages.get(request.path)
        if page is None:
            text = f"here are {', '.join(self._pages)}\n"
            return Answer(HTTPStatus.NOT_FOUND, text.encode()), request.method == "GET"
        return await self._page(page, request, client), request.method == "GET"

    async def _page(self, page: Page, request: _Request, client: str) -> Answer:
        limits, whole, part = self._limits, (request.path, None), (request.path, client)
        if self._answering[whole] >= limits.at_once or self._answering[part] >= limits.at_once_of_client:
            return _plain(HTTPStatus.SERVICE_UNAVAILABLE, (("Retry-After", "1"),))
        guard = self._guards.get(request.path)

        def made() -> Answer:
            return (guard.refusal(request.authorization) if guard else None) or page(request.accept)

        # Who has to be asked about waits apart, so that strangers do not keep out those who are known.
        asking = guard is not None and not guard.known(request.authorization)
        self._answering.update((whole, part))
        future = self._loop.run_in_executor(self._asking if asking else self._threads[request.path], made)
        future.add_done_callback(lambda done: self._answered_one(done, whole, part))
        try:
            # Though the client be gone, what is being made for it counts until it is made.
            return await asyncio.shield(future)
        except Exception:  # noqa: BLE001 - a probe must be answered
            _log.exception("%s could not be answered", request.path)
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"failed; the operator's log says why\n")

    def _answered_one(self, done: asyncio.Future[Answer], *counted: tuple[str, str | None]) -> None:
        if not done.cancelled():
            done.exception()  # nobody may be there any more to take it
        for each in counted:
            self._answering[each] -= 1
            if not self._answering[each]:
                del self._answering[each]


@dataclass(frozen=True, slots=True)
class _Request:
    """A request, as far as it counts."""

    method: str
    path: str
    accept: str
    authorization: str

    @classmethod
    def parse(cls, head: bytes) -> _Request | None:
        """Read its head; None if it is none."""
        first, *lines = head.decode("latin-1").split("\r\n")
        words = first.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):  # noqa: PLR2004 - method, target, version
            return None
        found: dict[str, str] = {}
        for line in filter(None, lines):
            name, colon, value = line.partition(":")
            if not colon or name != name.strip():
                return None
            if name.lower() == "authorization" and "authorization" in found:
                return None
            found[name.lower()] = value.strip()
        path = words[1].partition("?")[0]
        return cls(words[0], path, found.get("accept", ""), found.get("authorization", ""))


def _plain(status: HTTPStatus, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(status, f"{status.phrase}\n".encode(), headers=headers)


async def _send(writer: asyncio.StreamWriter, answer: Answer, *, with_body: bool) -> None:
    lines = [
        f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
        "Server: infomaniak-operator",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(answer.body)}",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
        *(f"{name}: {value}" for name, value in answer.headers),
    ]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    body = memoryview(answer.body if with_body else b"")
    # In pieces: of what a slow client has not taken only one is held for it alone.
    for start in range(0, len(body), _CHUNK):
        writer.write(body[start : start + _CHUNK])
        await writer.drain()
    await writer.drain()


def _listen(address: Address) -> socket.socket:
    if address.host:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        return _bound(family, address.host, address.port)
    try:
        return _bound(socket.AF_INET6, "::", address.port)
    except OSError:
        # A node without IPv6, or the port is taken: then this one says so.
        return _bound(socket.AF_INET, "", address.port)


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # IPv4 too, where the address is everywhere.
            with contextlib.suppress(OSError):
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listening.bind((host, port))
        listening.listen(LIMITS.connections)
    except BaseException:
        listening.close()
        raise
    listening.setblocking(False)
    return listening
