"""Components as processes: found again, ended with what they started, explained when they do not come up."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sandbox.errors import SandboxError
from sandbox.process import Process, answers, free_ports, port_free, surroundings

# Starts a child, says that it did, and stays.
PARENT = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
said = pathlib.Path(sys.argv[1])
said.with_suffix(".part").write_text(str(child.pid))
said.with_suffix(".part").rename(said)
time.sleep(600)
"""
Make = Callable[..., Process]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made = []

    def one(*command: str, ready: Callable[[], bool] = lambda: True) -> Process:
        made.append(Process("part", tmp_path, [sys.executable, "-c", *command], ready))
        return made[-1]

    yield one
    for process in made:
        process.stop()


def _alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_it_is_found_again_by_its_pid_file_and_not_started_twice(make: Make) -> None:
    process = make("import time; time.sleep(600)")
    process.start()
    again = make("import time; time.sleep(600)")
    again.start()
    assert again.pid == process.pid is not None
    again.stop()
    assert process.pid is None


def test_a_number_that_is_another_process_by_now_is_not_taken_for_it(make: Make, tmp_path: Path) -> None:
    process = make("import time; time.sleep(600)")
    process.start()
    pidfile = tmp_path / "run" / "part.pid"
    mine = pidfile.read_text()
    pidfile.write_text(f"{os.getpid()} 1")
    assert process.pid is None
    process.signal(signal.SIGTERM)  # would end this test
    pidfile.write_text(mine)


def test_it_ends_with_what_it_started_even_while_paused(make: Make, tmp_path: Path) -> None:
    said = tmp_path / "child"
    process = make(PARENT, str(said), ready=said.exists)
    process.start()
    process.wait(30)
    child = int(said.read_text())
    assert _alive(child)
    process.signal(signal.SIGSTOP)
    process.stop()
    assert not _alive(child)


def test_one_whose_starter_was_killed_before_it_wrote_the_number_down_is_ended_at_the_next_start(
    make: Make, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    lost = make(
        "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)", str(runs), ready=runs.exists
    )
    lost.start()
    # For a moment after its exec the kernel shows no environment of it yet, and so nothing by which it could be found.
    lost.wait(60)
    pid = lost.pid
    assert pid is not None
    (tmp_path / "run" / "part.pid").unlink()
    again = make("import time; time.sleep(600)")
    again.start()
    assert not _alive(pid)
    assert again.pid not in (None, pid)


def test_the_users_own_cloud_has_no_part_in_it_and_no_proxy_is_asked_for_the_loopback_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OS_CLOUD", "production")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("no_proxy", "intranet")
    found = surroundings()
    assert "OS_CLOUD" not in found
    assert found["NO_PROXY"] == found["no_proxy"] == "intranet,127.0.0.1,localhost"


def test_whether_it_answers_is_not_asked_of_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.delenv("no_proxy", raising=False)
        assert answers(f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()


def test_one_that_dies_while_it_starts_is_explained_with_its_log(make: Make) -> None:
    process = make("raise SystemExit('no such port')", ready=lambda: False)
    process.start()
    with pytest.raises(SandboxError, match=r"(?s)part ended while it started; its log is .*part\.log.*no such port"):
        process.wait(30)


def test_one_that_does_not_answer_is_named_with_its_log(make: Make) -> None:
    process = make("import time; time.sleep(600)", ready=lambda: False)
    process.start()
    with pytest.raises(SandboxError, match=r"part does not answer after 0 s; its log is .*part\.log"):
        process.wait(0)


def test_free_ports_are_free_differ_and_are_not_those_of_outgoing_connections() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert all(port_free(port) and port < lowest for port in ports)
