"""The server in the Pods of the rolling update: ``python3 web_server.py PORT DRAIN``. It answers with its version.

It ends as a server should that others keep connections to. When it is asked to, it still answers, and says with each
answer that this connection ends; nobody can then send a request into a connection that is about to close.
"""

import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ENDING = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer after a moment, as one who has something to do."""
        time.sleep(0.01)
        body = os.environ["VERSION"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Server", os.environ["VERSION"])  # by which clients count
        if ENDING.is_set():
            self.send_header("Connection", "close")  # the class closes it then, too
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
        """Keep quiet."""


class Server(ThreadingHTTPServer):
    """Listens; it does not ask for its own name, for there is none."""

    request_queue_size = 256
    daemon_threads = True

    def server_bind(self) -> None:
        """Bind, and no more."""
        self.socket.bind(self.server_address)


def main() -> None:
    """Serve until the end is asked for, and for the drain's seconds after that."""
    port, drain = int(sys.argv[1]), float(sys.argv[2])
    signal.signal(signal.SIGTERM, lambda *_: ENDING.set())
    server = Server(("0.0.0.0", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while not ENDING.wait(60):
        pass
    time.sleep(drain)


if __name__ == "__main__":
    main()
