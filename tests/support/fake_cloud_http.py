"""Keystone and a service as one small HTTP server on this machine: for what happens on the wire."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

REQUEST_ID = "req-11111111-2222-3333-4444-555555555555"


@dataclass
class Asked:
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: Any


@dataclass
class Reply:
    """What is answered; ``drop`` breaks the connection without an answer."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False


class WireCloud:
    """A cloud on the wire: ``answer`` decides what a service replies to a request.

    Attributes:
        logins: how often somebody logged in, or tried.
        logins_of: the same by the id of the application credential.
        refused: the ids of those that Keystone does not take.
        issued_at, expires_at: of each token, by Keystone's clock.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.regions = ["dc3-a"]
        self.asked: list[Asked] = []
        self.logins = 0
        self.logins_of: Counter[str] = Counter()
        self.refused: set[str] = set()
        self.login_reply: Reply | None = None
        self.issued_at, self.expires_at = "2026-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z"
        self.valid_tokens: set[str] = set()
        self.answer: Callable[[Asked], Reply] = lambda _: Reply(200, {"networks": []})
        self.lock = threading.Lock()

    @property
    def auth_url(self) -> str:
        return f"{self.address}/identity/v3"

    def login(self, who: str = "") -> Reply:
        with self.lock:
            self.logins += 1
            self.logins_of[who] += 1
            if self.login_reply is not None:
                return self.login_reply
            if who in self.refused:
                return Reply(401, {"error": {"code": 401, "title": "Unauthorized", "message": "not this one"}})
            token = f"token-{self.logins}"
            self.valid_tokens.add(token)
        endpoints = [
            {
                "id": f"e{i}",
                "interface": "public",
                "region": region,
                "region_id": region,
                "url": f"{self.address}/network",
            }
            for i, region in enumerate(self.regions)
        ]
        catalog = [
            {"type": kind, "name": kind, "id": kind, "endpoints": endpoints} for kind in ("network", "load-balancer")
        ]
        # With its version, as Designate's mostly is: the SDK would ask for the versions there are.
        names = [{**each, "url": f"{self.address}/dns/v2"} for each in endpoints]
        catalog.append({"type": "dns", "name": "dns", "id": "dns", "endpoints": names})
        keys = [{**each, "url": f"{self.address}/key-manager/v1"} for each in endpoints]
        catalog.append({"type": "key-manager", "name": "keys", "id": "keys", "endpoints": keys})
        body = {
            "token": {
                "methods": ["application_credential"],
                "user": {"id": "u", "name": "u", "domain": {"id": "d", "name": "d"}},
                "project": {"id": "p1", "name": "p1", "domain": {"id": "d", "name": "d"}},
                "expires_at": self.expires_at,
                "issued_at": self.issued_at,
                "catalog": catalog,
            }
        }
        return Reply(201, body, {"X-Subject-Token": token})

    def reply(self, asked: Asked) -> Reply:
        if asked.path.endswith("/auth/tokens"):
            identity = asked.body["auth"]["identity"]
            return self.login(str((identity.get("application_credential") or {}).get("id")))
        if asked.path.rstrip("/") == "/key-manager/v1":  # the SDK asks Barbican for the versions there are
            links = [{"rel": "self", "href": f"{self.address}/key-manager/v1/"}]
            return Reply(200, {"version": {"id": "v1", "status": "CURRENT", "links": links}})
        with self.lock:
            self.asked.append(asked)
            if asked.headers.get("x-auth-token") not in self.valid_tokens:
                return Reply(401, {"error": {"code": 401, "title": "Unauthorized", "message": "no such token"}})
        return self.answer(asked)


@contextmanager
def wire_cloud(tls: ssl.SSLContext | None = None) -> Iterator[WireCloud]:
    """Such a cloud, listening; with TLS where a context for it is given."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            text = self.rfile.read(length)
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = parse_qsl(parts.query, keep_blank_values=True)
            body = json.loads(text) if text else None
            reply = cloud.reply(Asked(self.command, parts.path, query, headers, body))
            if reply.drop:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            raw = (
                reply.body
                if isinstance(reply.body, bytes)
                else b""
                if reply.body is None
                else json.dumps(reply.body).encode()
            )
            self.send_response(reply.status)
            usual = {"X-Openstack-Request-Id": REQUEST_ID, "Content-Type": "application/json"}
            for name, value in {**usual, **reply.headers}.items():
                self.send_header(name, value)
            if "Content-Length" in reply.headers:  # another than it has: the body is cut short
                self.close_connection = True
            else:
                self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass  # a client that hung up: what the tests of timeouts do

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    cloud = WireCloud(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield cloud
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
