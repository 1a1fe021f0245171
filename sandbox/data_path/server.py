"""``python server.py ADDRESS:PORT READY [CERTIFICATE [CLIENTS]]``: a small HTTP server that answers with its name.

``/status/503`` is answered with that status, ``/request`` with what was asked, as JSON: the caller's address, the
headers, and what the PROXY protocol (version 1 or 2) had said before. ``/set/NAME=VALUE`` sets that cookie, and
``/after/2`` takes so many seconds. Any other path gets the name.
"""

from __future__ import annotations

import http.server
import json
import signal
import socket
import socketserver
import ssl
import struct
import sys
import time
from pathlib import Path
from typing import Any

_V2 = b"\r\n\r\n\0\r\nQUIT\n"


def proxied(connection: socket.socket) -> dict[str, Any]:
    """Take what the PROXY protocol says from the beginning of a connection; empty: it says nothing."""
    start = connection.recv(12, socket.MSG_PEEK | socket.MSG_WAITALL)
    if start == _V2:
        command, family, length = struct.unpack("!12xBBH", _exactly(connection, 16))
        rest = _exactly(connection, length)
        if not command & 0x0F:
            return {"version": 2, "source": "LOCAL"}
        size = 4 if family >> 4 == 1 else 16
        address = socket.inet_ntop(socket.AF_INET if size == 4 else socket.AF_INET6, rest[:size])  # noqa: PLR2004
        return {"version": 2, "source": address}
    if start.startswith(b"PROXY "):
        line = b""
        while not line.endswith(b"\r\n"):
            line += _exactly(connection, 1)
        words = line.decode("ascii").split()
        return {"version": 1, "source": words[2] if len(words) > 2 else words[1]}  # noqa: PLR2004
    return {}


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = connection.recv(count, socket.MSG_WAITALL)
    if len(data) < count:
        raise ConnectionError("the caller has gone")
    return data


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer on a kept connection waits for an acknowledgement, 40 ms
    name = ""
    context: ssl.SSLContext | None = None

    def setup(self) -> None:
        """Take the PROXY protocol's header, then speak TLS where that is wanted."""
        self.request.settimeout(60.0)
        self.proxy = proxied(self.request)
        if self.context:
            self.request = self.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def do_GET(self) -> None:
        """Answer with the name, or with what was asked."""
        status = int(self.path.rpartition("/")[2]) if self.path.startswith("/status/") else 200
        body = f"{self.name}\n"
        if self.path.startswith("/request"):
            told = {"server": self.name, "peer": self.client_address[0], "path": self.path, "proxy": self.proxy}
            body = json.dumps({**told, "headers": dict(self.headers.items())}) + "\n"
        if self.path.startswith("/after/"):
            time.sleep(float(self.path.rpartition("/")[2]))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Server", self.name)
        if self.path.startswith("/set/"):
            self.send_header("Set-Cookie", self.path.rpartition("/")[2])
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body.encode())

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's name
        """Keep quiet: a monitor asks all the time."""


class Server(socketserver.ThreadingTCPServer):
    """Listens. Not the HTTP server of the library, which asks for its own name, where there are no names."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet: a monitor that only connects is no error."""


def main() -> None:
    """Listen, say so, and serve until the end."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # which whoever started this ignores
    spot, ready, *certificate = sys.argv[1:]
    address, _, port = spot.rpartition(":")
    Handler.name = spot
    if certificate:
        Handler.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            Handler.context.load_cert_chain(certificate[0])
        except (OSError, ssl.SSLError) as error:
            sys.exit(f"{certificate[0]} is no PEM file with a certificate and its key: {error}")
        if certificate[1:]:
            Handler.context.verify_mode = ssl.CERT_REQUIRED
            Handler.context.load_verify_locations(certificate[1])
    address = address.strip("[]")
    Server.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        server = Server((address, int(port)), Handler)
    except OSError as error:
        sys.exit(f"nothing can listen at {spot}: {error.strerror}")
    Path(ready).touch()
    server.serve_forever()


if __name__ == "__main__":
    main()
