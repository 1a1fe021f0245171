"""The proxy itself: one port for each server behind it."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import ssl
import time
from collections import Counter, OrderedDict
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import yarl
from aiohttp import web
from multidict import CIMultiDict

from sandbox.fault_proxy import bodies
from sandbox.fault_proxy.exchange import (
    Answer,
    Exchange,
    injected,
    passed_on,
    reset,
    response,
    sent_headers,
    serving,
    truncated,
)
from sandbox.fault_proxy.plan import KUBE, WATCH, Fault, FaultKind, NoFaults, Plan, call_of, load
from sandbox.fault_proxy.servers import LOG_FILE, PLAN_FILE, Server

HANG_SECONDS = 120.0
"""A caller without a timeout gets an end all the same."""
SERVER_SECONDS = 60.0
MADE_SECONDS = 30.0
_KEPT_ANSWERS = 500
_K = FaultKind
T = TypeVar("T")


class Edge:
    """Carries out what the plan says.

    Args:
        folder: where ``plan.json`` is read and ``calls.jsonl`` is written.
        servers: what is behind it.
    """

    def __init__(self, folder: Path, servers: list[Server]) -> None:
        self._plan_file = folder / PLAN_FILE
        self._log = os.open(folder / LOG_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._servers = servers
        self._addresses = {server.url: server.proxy for server in servers}
        self._plan: Plan = NoFaults()
        self._read_at = 0
        self._made: dict[str, float] = {}
        self._answers: OrderedDict[str, tuple[float, Answer]] = OrderedDict()
        self._ordinals: Counter[str] = Counter()
        self._numbers = itertools.count()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._runners: list[web.AppRunner] = []
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def start(self) -> None:
        """Listen."""
        for server in self._servers:
            verify = ssl.create_default_context(cafile=server.certificate) if server.certificate else True
            self._sessions[server.side] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=verify),
                timeout=aiohttp.ClientTimeout(total=None, connect=10),
                auto_decompress=False,
                skip_auto_headers=("Accept", "Content-Type", "User-Agent"),  # as the caller has sent it, or not
            )
            app = web.Application(client_max_size=2**26)
            app.router.add_route("*", "/{path:.*}", self._handler(server))
            # A caller that goes ends its handler; what is on its way to the server is a task of its own.
            runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", server.port, ssl_context=serving(server)).start()
            self._runners.append(runner)

    async def stop(self) -> None:
        """Listen no more; what is still to be done at a server is done first."""
        for runner in self._runners:
            await runner.cleanup()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for session in self._sessions.values():
            await session.close()
        os.close(self._log)

    def _handler(self, server: Server) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._handle(server, request)

        return handle

    def _current(self) -> Plan:
        """The plan in force. A new one counts calls anew."""
        try:
            changed = self._plan_file.stat().st_mtime_ns
        except FileNotFoundError:
            return self._plan
        if changed != self._read_at:
            self._plan, self._read_at = load(self._plan_file.read_text()), changed
            self._ordinals.clear()
        return self._plan

    async def _handle(self, server: Server, request: web.Request) -> web.StreamResponse:
        plan = self._current()
        call = call_of(server.side, request.method, request.path, request.query)
        ordinal = self._ordinals[call.key]
        self._ordinals[call.key] += 1
        fault = plan.fault(call, ordinal)
        number, begin = next(self._numbers), time.time()
        line = {"n": number, "at": round(begin, 3), "call": call.key, "ordinal": ordinal}
        if fault:
            line["fault"] = fault.to_json()
        body, status = await request.read(), 0
        exchange = Exchange(server, request, body, call, fault, number)
        try:
            answer = await (self._watch(exchange) if call.method == WATCH else self._answer(exchange))
            status = answer.status
            return answer
        finally:
            self._write({**line, "status": status, "seconds": round(time.time() - begin, 3)})

    def _write(self, line: Mapping[str, Any]) -> None:
        os.write(self._log, (json.dumps(line) + "\n").encode())

    async def _answer(self, exchange: Exchange) -> web.StreamResponse:
        fault = exchange.fault
        if fault is None:
            return response(await self._forward(exchange))
        before = await self._before(exchange, fault)
        if before is not None:
            return before
        answer = await self._forward(exchange, _in_pages(exchange, fault))
        return await self._after(exchange, fault, answer)

    async def _before(self, exchange: Exchange, fault: Fault) -> web.StreamResponse | None:
        """What the caller gets without the server being asked first."""
        call, request, kind = exchange.call, exchange.request, fault.kind
        if kind is _K.STATUS:
            return injected(call.side, fault.status)
        if kind in (_K.RESET, _K.HANG):
            return await self._lost(request, hang=kind is _K.HANG)
        if kind in (_K.RESET_WHILE, _K.HANG_WHILE):
            self._begin(self._late(exchange, fault.seconds))
            return await self._lost(request, hang=kind is _K.HANG_WHILE)
        if kind is _K.STALE and call.one:
            kept = self._answers.get(request.raw_path)
            return response(kept[1]) if kept and time.monotonic() - kept[0] <= fault.seconds else None
        if kind is _K.PAGED:
            await asyncio.sleep(fault.seconds)
        return None

    async def _after(self, exchange: Exchange, fault: Fault, answer: Answer) -> web.StreamResponse:
        """What becomes of the server's answer."""
        call, request, kind = exchange.call, exchange.request, fault.kind
        if kind is _K.STATUS_AFTER:
            return injected(call.side, fault.status)
        if kind in (_K.RESET_AFTER, _K.HANG_AFTER):
            return await self._lost(request, hang=kind is _K.HANG_AFTER)
        if kind is _K.SLOW:
            await asyncio.sleep(fault.seconds)
        if kind is _K.TRUNCATED:
            return await truncated(request, answer)
        if kind is _K.STALE and not call.one:
            young = {each for each, when in self._made.items() if time.monotonic() - when <= fault.seconds}
            answer = Answer(answer.status, answer.headers, bodies.without(answer.body, young))
        return response(answer)

    async def _late(self, exchange: Exchange, seconds: float) -> None:
        await asyncio.sleep(seconds)
        answer = await self._forward(exchange)
        self._write({"late": exchange.number, "at": round(time.time(), 3), "status": answer.status})

    async def _lost(self, request: web.Request, *, hang: bool) -> web.StreamResponse:
        if hang:
            await asyncio.sleep(HANG_SECONDS)
        reset(request)
        return web.Response(status=502)

    async def _forward(self, exchange: Exchange, path: str | None = None) -> Answer:
        """The server's answer. What changes something is done to its end though the caller is gone."""
        task: asyncio.Task[Answer] = self._begin(self._ask(exchange, path))
        if exchange.call.method in ("GET", "HEAD"):
            try:
                return await task
            finally:
                task.cancel()
        return await asyncio.shield(task)

    def _begin(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # the one who waits for it is told; nobody may be left to

    async def _ask(self, exchange: Exchange, path: str | None = None) -> Answer:
        request, side = exchange.request, exchange.call.side
        url = yarl.URL(exchange.server.url + (path or request.raw_path), encoded=True)
        limit = aiohttp.ClientTimeout(total=SERVER_SECONDS)
        arguments: dict[str, Any] = {"headers": sent_headers(request), "data": exchange.body or None}
        try:
            async with self._sessions[side].request(
                request.method, url, timeout=limit, allow_redirects=False, **arguments
            ) as said:
                body = bodies.readdressed(await said.read(), self._addresses)
                answer = Answer(said.status, passed_on(said.headers, self._addresses), body)
        except (aiohttp.ClientError, TimeoutError):  # the server itself is away
            reset(request)
            return Answer(502, CIMultiDict(), b"")
        self._remember(exchange, answer)
        return answer

    def _remember(self, exchange: Exchange, answer: Answer) -> None:
        now, call, path = time.monotonic(), exchange.call, exchange.request.raw_path
        if call.side == KUBE or not 200 <= answer.status < 300:  # noqa: PLR2004 - HTTP's successes
            return
        if call.method == "POST":
            self._made = {each: when for each, when in self._made.items() if now - when <= MADE_SECONDS}
            self._made |= dict.fromkeys(bodies.ids_in(answer.body), now)
        if call.method == "GET" and call.one:
            self._answers[path] = now, answer
            self._answers.move_to_end(path)
            if len(self._answers) > _KEPT_ANSWERS:
                self._answers.popitem(last=False)

    async def _watch(self, exchange: Exchange) -> web.StreamResponse:
        request, fault = exchange.request, exchange.fault
        if fault and fault.kind is _K.STATUS:
            return injected(KUBE, fault.status)
        url = yarl.URL(exchange.server.url + request.raw_path, encoded=True)
        try:
            async with self._sessions[KUBE].get(url, headers=sent_headers(request)) as answer:
                stream = web.StreamResponse(status=answer.status, headers=passed_on(answer.headers, {}))
                await stream.prepare(request)
                if await _streamed(answer, stream, fault):
                    return stream
        except aiohttp.ClientError:
            reset(request)
            return web.Response(status=502)
        if fault and fault.kind in (_K.WATCH_GONE, _K.WATCH_ERROR):
            await stream.write(bodies.watch_error(410 if fault.kind is _K.WATCH_GONE else 500))
            await stream.write_eof()
        else:
            reset(request)
        return stream


async def _streamed(answer: aiohttp.ClientResponse, stream: web.StreamResponse, fault: Fault | None) -> bool:
    """Pass a stream on; whether it has come to its own end, and not to that which a fault sets."""
    deaf = fault is not None and fault.kind is _K.WATCH_DEAF
    try:
        async with asyncio.timeout(fault.seconds if fault else None):
            async for chunk in answer.content.iter_any():
                if not deaf:
                    await stream.write(chunk)
    except TimeoutError:
        return False
    return True


def _in_pages(exchange: Exchange, fault: Fault) -> str | None:
    """The path that asks for a page, where that is to be."""
    if fault.kind is not _K.PAGED or "limit" in exchange.request.query:
        return None
    return exchange.request.url.update_query(limit=str(fault.rows)).raw_path_qs
