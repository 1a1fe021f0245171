"""The real process: a crash leaves no core behind, and nobody but root reads its memory."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.pems import Authority

PATIENCE = 60.0
UNLIMITED = 'ulimit -c "$(ulimit -H -c)"; exec "$@"'
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc, and prctl, are Linux's")
pytestmark = LINUX


def crashed(command: list[str], folder: Path, ready: Callable[[int], bool] = lambda _: True) -> int:
    """The wait status of a program that may write a core, as far as we may let it, and was told to abort."""
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(["/bin/sh", "-c", UNLIMITED, "sh", *command], cwd=folder, stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE
        while not ready(child.pid):
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)
        os.kill(child.pid, signal.SIGABRT)
        _, status = os.waitpid(child.pid, 0)
    finally:
        child.kill()
    return status


def cores(folder: Path) -> list[Path]:
    return [each for each in folder.iterdir() if each.name != "log" and each.stat().st_size > 10_000]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a core would be: on a system that writes them."""
    if not resource.getrlimit(resource.RLIMIT_CORE)[1]:
        pytest.skip("this session may write no cores at all (ulimit -H -c 0), so nothing would be shown")
    plain = tmp_path / "plain"
    plain.mkdir()
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
    if not os.WCOREDUMP(crashed(sleeping, plain, lambda pid: "python" in _command(pid))):
        pytest.skip("this system writes no cores at all, so nothing would be shown")
    there = tmp_path / "operator"
    there.mkdir()
    return there


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]


WITHOUT_LIMIT = "import resource; resource.setrlimit = lambda *_: None"
"""As where cores are piped to a program: the kernel does not ask for the limit then."""
RUN = "import sys; from infomaniak_operator.cli.main import main; sys.exit(main(sys.argv[1:]))"


def operator(folder: Path, before: str) -> tuple[list[str], Callable[[int], bool]]:
    """The command, and whether it has come to where it would hold credentials: it asks the API server."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        server = f"http://127.0.0.1:{taken.getsockname()[1]}"  # where nobody will listen
    config = folder.parent / "config"
    config.write_text(
        f"apiVersion: v1\nkind: Config\nclusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n"
        "users: [{name: u, user: {token: t}}]\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
        "current-context: x\n"
    )
    command = [sys.executable, "-c", f"{before}\n{RUN}", "run", "--kubeconfig", str(config)]
    command += ["--health-address", "127.0.0.1:0", "--metrics-address", ""]
    return command, lambda _: "watching" in (folder / "log").read_text()


def limits(pid: int) -> list[str]:
    """The soft and the hard limit."""
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return next(line for line in lines if line.startswith("Max core file size")).split()[4:6]


@pytest.mark.parametrize("before", ["", WITHOUT_LIMIT], ids=["as it is", "the limit is not asked for"])
def test_a_crash_leaves_no_core(folder: Path, before: str) -> None:
    command, started = operator(folder, before)
    seen: list[list[str]] = []

    def ready(pid: int) -> bool:
        if started(pid):
            seen.append(limits(pid))
        return bool(seen)

    status = crashed(command, folder, ready)
    assert os.WTERMSIG(status) == signal.SIGABRT
    assert (seen == [["0", "0"]]) is not bool(before)
    assert not os.WCOREDUMP(status)
    assert cores(folder) == []


AS_A_USER = """
import ctypes, os, sys
from infomaniak_operator.cli.memory import keep_private
from infomaniak_operator.client.tls import tls_context

def readable():
    try:
        return bool(open(f"/proc/{os.getpid()}/environ").read())
    except PermissionError:
        return False

cert, key = sys.stdin.read().split("=====")
tls_context(None, cert, key)  # what is imported for it may be in root's home
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # the kernel turned it off by itself
print(readable())
keep_private()
print(readable())
print(tls_context(None, cert, key) is not None)
"""


def test_it_is_closed_to_its_own_user_and_a_client_certificate_is_read_all_the_same() -> None:
    """OpenSSL reads one from a file in memory, by /proc/self, which belongs to root then."""
    shown = Authority("clients").issue("operator")
    done = subprocess.run(
        [sys.executable, "-c", AS_A_USER],
        input=f"{shown.cert}====={shown.key}",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["True", "False", "True"], done.stderr
