"""A small HTTP server for probes and metrics, in threads of its own: it answers whatever the operator is busy with."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_SILENCE = 5.0
"""Seconds that a client may keep a thread waiting."""

_HIGHEST_PORT = 65535

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a page says."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


Page = Callable[[str], Answer]
"""Makes an answer; is given the request's ``Accept``."""


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

    Raises:
        OSError: it cannot listen there.
    """

    def __init__(self, address: Address, pages: Mapping[str, Page]) -> None:
        self._server = _listen(address, _handler(pages))
        self._thread = threading.Thread(target=self._server.serve_forever, name=f"http :{self.port}", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens: the port asked for, or the one that was free if that was 0."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


class _V4(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""
        del request, client_address
        _log.debug("a request for metrics or a probe broke off", exc_info=True)


class _V6(_V4):
    address_family = socket.AF_INET6

    def server_bind(self) -> None:
        """Take IPv4 too, where the address is everywhere."""
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def _listen(address: Address, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    if address.host:
        kind = _V6 if ":" in address.host else _V4
        return kind((address.host, address.port), handler)
    try:
        return _V6(("::", address.port), handler)
    except OSError:
        # A node without IPv6, or the port is taken: then this one says so.
        return _V4(("", address.port), handler)


def _handler(pages: Mapping[str, Page]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _SILENCE
        server_version = "infomaniak-operator"
        sys_version = ""

        def do_GET(self) -> None:
            page = pages.get(urlsplit(self.path).path)
            if page is None:
                answer = Answer(HTTPStatus.NOT_FOUND, f"here are {', '.join(pages)}\n".encode())
            else:
                try:
                    answer = page(self.headers.get("Accept", ""))
                except Exception:  # noqa: BLE001 - a probe must be answered
                    _log.exception("%s could not be answered", self.path)
                    answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"failed; the operator's log says why\n")
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            del format, args

    return Handler
