"""The proxy before a small server: what the caller sees, and what the server has done."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sandbox.fault_proxy.edge import Edge
from sandbox.fault_proxy.plan import Fault, FaultKind, Listed
from sandbox.fault_proxy.servers import LOG_FILE, PLAN_FILE, Server
from sandbox.process import free_ports

ID = "4e8e5957-649f-477b-9e5b-f1f75b21c03c"
THINGS, THING = "/v2.0/things", f"/v2.0/things/{ID}"
POST, LIST, GET = "neutron POST /v2.0/things", "neutron GET /v2.0/things", "neutron GET /v2.0/things/*"


@dataclass
class Site:
    """The server, and the proxy before it."""

    url: str
    kube: str
    server: str
    folder: Path
    session: aiohttp.ClientSession
    edge: Edge | None = None
    made: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    name: str = "one"
    stream: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)

    def plan(self, **faults: Fault) -> None:
        """The first call of each of these fails: ``POST``, ``LIST``, ``GET``, ``WATCH``."""
        keys = {"POST": POST, "LIST": LIST, "GET": GET, "WATCH": "kube WATCH /api/v1/secrets"}
        rows = {(keys[name], 0): fault for name, fault in faults.items()}
        (self.folder / PLAN_FILE).write_text(json.dumps(Listed(rows).to_json()))

    async def post(self) -> int:
        async with self.session.post(self.url + THINGS, json={"x": 1}) as answer:
            await answer.read()
            return answer.status

    async def get(self, path: str = THINGS) -> Any:
        async with self.session.get(self.url + path) as answer:
            return json.loads(await answer.read())

    async def until(self, what: Callable[[], bool]) -> None:
        """Wait for it."""
        for _ in range(1500):
            if what():
                return
            await asyncio.sleep(0.01)
        raise AssertionError("it never came about")

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / LOG_FILE).read_text().splitlines()]


@asynccontextmanager
async def _site(folder: Path) -> AsyncIterator[Site]:
    ports = free_ports(3)
    site = Site("", "", f"http://127.0.0.1:{ports[0]}", folder, aiohttp.ClientSession())

    async def create(request: web.Request) -> web.Response:
        site.made.append(json.loads(await request.read())["x"])
        site.types.append(request.headers.get("Content-Type", ""))
        return web.json_response({"thing": {"id": ID}}, status=201)

    async def several(request: web.Request) -> web.Response:
        site.queries.append(request.query_string)
        rows = [{"id": ID, "self": site.server + THING}] * len(site.made) + [{"id": "old"}]
        return web.json_response({"things": rows})

    async def single(_: web.Request) -> web.Response:
        return web.json_response({"thing": {"id": ID, "name": site.name}})

    async def watch(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse()
        await stream.prepare(request)
        while True:
            await stream.write(await site.stream.get())

    app = web.Application()
    app.add_routes([web.post(THINGS, create), web.get(THINGS, several), web.get(THING, single)])
    app.add_routes([web.get("/api/v1/secrets", watch)])
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", ports[0]).start()
    # Kubernetes without TLS here; the contract test has it with TLS.
    # The server is behind both; its address is replaced by that of the last.
    site.edge = Edge(folder, [Server("kube", site.server, ports[2]), Server("neutron", site.server, ports[1])])
    site.url = f"http://127.0.0.1:{ports[1]}"
    site.kube = f"http://127.0.0.1:{ports[2]}"
    await site.edge.start()
    try:
        yield site
    finally:
        await site.session.close()
        await site.edge.stop()
        await runner.cleanup()


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Callable[[Site], Awaitable[None]]], None]:
    def go(test: Callable[[Site], Awaitable[None]]) -> None:
        async def inside() -> None:
            async with _site(tmp_path) as site:
                await asyncio.wait_for(test(site), 20)

        asyncio.run(inside())

    return go


def test_without_faults_all_goes_through_and_addresses_are_the_proxys(run):
    async def test(site: Site) -> None:
        assert await site.post() == 201
        answer = await site.get()
        assert answer["things"][0]["self"] == site.url + THING
        assert [(line["call"], line["status"]) for line in site.log()] == [(POST, 201), (LIST, 200)]

    run(test)


def test_no_header_is_added_to_what_the_caller_sends(run):
    async def test(site: Site) -> None:
        bare = {"data": b'{"x": 1}', "skip_auto_headers": ("Content-Type",)}
        async with site.session.post(site.url + THINGS, **bare) as answer:
            assert answer.status == 201
        assert site.types == [""]

    run(test)


@pytest.mark.parametrize(
    ("fault", "status", "made"),
    [
        (Fault(FaultKind.STATUS, status=503), 503, 0),
        (Fault(FaultKind.STATUS_AFTER, status=504), 504, 1),
        (Fault(FaultKind.SLOW, seconds=0.1), 201, 1),
    ],
)
def test_errors_before_and_after_the_server_has_done_it(run, fault, status, made):
    async def test(site: Site) -> None:
        site.plan(POST=fault)
        assert await site.post() == status
        assert len(site.made) == made
        assert await site.post() == 201  # the next one is well
        assert site.log()[0]["fault"] == fault.to_json()

    run(test)


@pytest.mark.parametrize(
    ("kind", "made_at_once", "made_later"),
    [
        (FaultKind.RESET, 0, 0),
        (FaultKind.RESET_AFTER, 1, 1),
        (FaultKind.RESET_WHILE, 0, 1),
        (FaultKind.TRUNCATED, 1, 1),
    ],
)
def test_a_lost_connection_and_what_the_server_did(run, kind, made_at_once, made_later):
    async def test(site: Site) -> None:
        site.plan(POST=Fault(kind, seconds=0.5 if kind is FaultKind.RESET_WHILE else 0))
        with pytest.raises(aiohttp.ClientError):
            await site.post()
        assert len(site.made) == made_at_once
        await site.until(lambda: len(site.made) >= made_later)
        await asyncio.sleep(0.2)  # and no more than that
        assert len(site.made) == made_later
        late = [line for line in site.log() if "late" in line]
        assert [line["status"] for line in late] == ([201] if kind is FaultKind.RESET_WHILE else [])

    run(test)


@pytest.mark.parametrize(("kind", "made"), [(FaultKind.HANG, 0), (FaultKind.HANG_AFTER, 1), (FaultKind.HANG_WHILE, 1)])
def test_nothing_is_answered_until_the_caller_gives_up(run, kind, made):
    async def test(site: Site) -> None:
        site.plan(POST=Fault(kind, seconds=0.6 if kind is FaultKind.HANG_WHILE else 0))
        asking = asyncio.create_task(site.post())
        at_once = 1 if kind is FaultKind.HANG_AFTER else 0
        await site.until(lambda: len(site.made) >= at_once)
        await asyncio.sleep(0.2)
        assert len(site.made) == at_once
        assert not asking.done()
        asking.cancel()  # the caller is gone
        await site.until(lambda: len(site.made) >= made)
        await asyncio.sleep(0.2)  # and no more than that
        assert len(site.made) == made

    run(test)


def test_a_list_lacks_what_was_made_in_the_last_seconds(run):
    async def test(site: Site) -> None:
        site.plan(LIST=Fault(FaultKind.STALE, seconds=2.0))
        await site.post()
        assert [row["id"] for row in (await site.get())["things"]] == ["old"]
        assert [row["id"] for row in (await site.get())["things"]] == [ID, "old"]

    run(test)


def test_what_is_asked_for_by_id_is_as_it_was(run):
    async def test(site: Site) -> None:
        (site.folder / PLAN_FILE).write_text(
            json.dumps(Listed({(GET, 1): Fault(FaultKind.STALE, seconds=5.0)}).to_json())
        )
        assert (await site.get(THING))["thing"]["name"] == "one"
        site.name = "two"
        assert [(await site.get(THING))["thing"]["name"] for _ in range(2)] == ["one", "two"]

    run(test)


def test_a_list_is_asked_for_in_pages(run):
    async def test(site: Site) -> None:
        site.plan(LIST=Fault(FaultKind.PAGED, rows=2, seconds=0.05))
        await site.get(f"{THINGS}?project_id=p")
        await site.get(f"{THINGS}?project_id=p")
        assert site.queries == ["project_id=p&limit=2", "project_id=p"]

    run(test)


async def _heard(site: Site) -> bytes:
    """What comes of a watch, to its end."""
    heard = b""
    async with site.session.get(f"{site.kube}/api/v1/secrets?watch=true") as answer:
        try:
            async for chunk in answer.content.iter_any():
                heard += chunk
        except aiohttp.ClientError:
            heard += b"(reset)"
    return heard


@pytest.mark.parametrize(
    ("kind", "heard"),
    [
        (FaultKind.WATCH_CUT, b"event\n(reset)"),
        (FaultKind.WATCH_DEAF, b"(reset)"),
        (FaultKind.WATCH_GONE, b'"code": 410}}\n'),
        (FaultKind.WATCH_ERROR, b'"code": 500}}\n'),
    ],
)
def test_a_watch_ends_in_its_own_ways(run, kind, heard):
    async def test(site: Site) -> None:
        site.plan(WATCH=Fault(kind, seconds=0.3))
        site.stream.put_nowait(b"event\n")
        said = await _heard(site)
        assert said.endswith(heard)
        assert said.startswith(b"event\n") == (kind is not FaultKind.WATCH_DEAF)

    run(test)


def test_a_server_that_is_away_is_a_lost_connection(run):
    async def test(site: Site) -> None:
        (port,) = free_ports(1)
        away = Edge(site.folder, [Server("octavia", "http://127.0.0.1:1", port)])
        await away.start()
        try:
            with pytest.raises(aiohttp.ClientError):
                async with site.session.get(f"http://127.0.0.1:{port}/"):
                    pass
        finally:
            await away.stop()

    run(test)


def test_a_new_plan_counts_calls_anew(run):
    async def test(site: Site) -> None:
        for _ in range(2):
            site.plan(POST=Fault(FaultKind.STATUS, status=500))
            assert [await site.post(), await site.post()] == [500, 201]

    run(test)
