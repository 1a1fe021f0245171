"""The operator's process is started while the API server is away, or does not let it in: it waits, and says so."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 60.0


class Process:
    """``infomaniak-operator run`` against a server."""

    def __init__(self, folder: Path, server: str, *arguments: str) -> None:
        config = folder / "config"
        config.write_text(
            f"""
apiVersion: v1
kind: Config
clusters: [{{name: c, cluster: {{server: "{server}"}}}}]
users: [{{name: u, user: {{token: t}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]
current-context: x
"""
        )
        self._log = folder / "log"
        command = [sys.executable, "-m", "infomaniak_operator.cli.main", "run", "--kubeconfig", str(config)]
        command += ["--health-address", "127.0.0.1:0", "--metrics-address", "", *arguments]
        self.child = subprocess.Popen(command, stderr=self._log.open("w"), env={**os.environ, "HOSTNAME": "test"})

    def log(self) -> str:
        return self._log.read_text()

    def until(self, what: Callable[[], Any]) -> Any:
        end = time.monotonic() + PATIENCE
        while not (found := what()):
            assert time.monotonic() < end, self.log()
            time.sleep(0.05)
        return found

    def probe(self, path: str) -> int:
        port = self.until(lambda: re.search(r"/healthz, /readyz on port (\d+)", self.log()))[1]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    def ends(self) -> tuple[int, float]:
        """Exit code, and the seconds it took from SIGTERM on."""
        began = time.monotonic()
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(PATIENCE), time.monotonic() - began


@contextlib.contextmanager
def started(folder: Path, server: str, *arguments: str) -> Iterator[Process]:
    process = Process(folder, server, *arguments)
    try:
        yield process
    finally:
        process.child.kill()
        process.child.wait()


@pytest.fixture(params=["away", "silent"])
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """An address where nobody answers: the connection is refused, or made and nothing more."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    if request.param == "away":
        listening.close()
    yield f"http://127.0.0.1:{port}"
    listening.close()


@pytest.mark.parametrize("arguments", [(), ("--cluster-id", "given", "--leader-elect", "--lease-namespace", "n")])
def test_it_waits_for_an_api_server_that_is_away_and_ends_when_it_is_told_to(server, arguments, tmp_path):
    with started(tmp_path, server, *arguments) as process:
        assert process.probe("/healthz") == 200
        assert process.probe("/readyz") == 503
        if "Connection refused" in process.log():
            process.until(lambda: process.log().count("; again in") >= 2)
        assert process.child.poll() is None
        code, seconds = process.ends()
        assert code == 0
        # The timeout of a call is 15 s: its end is not waited for.
        assert seconds < 10
        assert "Traceback" not in process.log()
        assert all(line.startswith("20") for line in process.log().splitlines()), "one line an entry"


REFUSALS = {401: "does not accept", 403: "a right is missing", 404: "CustomResourceDefinitions"}


@pytest.mark.parametrize("status", REFUSALS)
def test_what_only_a_person_can_give_is_named_and_asked_for_again_slowly(status, tmp_path):
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = b'{"kind": "Status", "message": "no, says the API server"}'
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    api = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    try:
        with started(tmp_path, f"http://127.0.0.1:{api.server_address[1]}") as process:
            process.until(lambda: "again in 10.0 s" in process.log())
            assert REFUSALS[status] in process.log()
            assert "no, says the API server" in process.log()
            assert process.probe("/healthz") == 200
            assert process.probe("/readyz") == 503
            assert process.ends()[0] == 0
            assert "Traceback" not in process.log()
            assert {path.split("?")[0] for path in asked} == {"/api/v1/namespaces/kube-system"}
    finally:
        api.shutdown()
        api.server_close()
