"""The HAProxy of one load balancer: started, reloaded, asked and ended. Everything of it is in one folder."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

from octavia.amphorae.backends.utils.haproxy_query import HAProxyQuery

from sandbox import files
from sandbox.data_path.packages import Tools
from sandbox.data_path.world import World

_SECONDS = 20.0
_ANSWER_SECONDS = 5.0
_STATS = "stats.sock"
SOCKET = f"unix@{_STATS}"
"""In the configuration: by a name that is short in whatever folder, for HAProxy runs in its own."""


class BalancerError(Exception):
    """HAProxy does not take its configuration, or does not start; the message is its own."""


class Query(HAProxyQuery):  # type: ignore[misc]
    """Octavia's own reader of statistics, that does not wait for ever, nor mind how long the folder's name is.

    Args:
        folder: the load balancer's.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(_STATS)
        self._folder = folder

    def _query(self, query: str) -> str:
        folder = os.open(self._folder, os.O_PATH | os.O_DIRECTORY)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as one:
                one.settimeout(_ANSWER_SECONDS)
                one.connect(f"/proc/self/fd/{folder}/{_STATS}")
                one.sendall(f"{query}\n".encode())
                data = b""
                while more := one.recv(65536):
                    data += more
        finally:
            os.close(folder)
        return data.decode("ascii", "replace").rstrip()


class Balancer:
    """One load balancer's HAProxy.

    Args:
        world: where it runs.
        tools: the program.
        load_balancer: its id.
    """

    def __init__(self, world: World, tools: Tools, load_balancer: str) -> None:
        self.world = world
        self.id = load_balancer
        self.folder = world.folder / "balancers" / load_balancer
        self._tools = tools

    @property
    def version(self) -> str:
        """Of HAProxy, as an amphora says it."""
        return ".".join(map(str, self._tools.version))

    @property
    def query(self) -> Query:
        """Its statistics."""
        return Query(self.folder)

    def pid(self) -> str:
        """Its number within the world, as it says itself; empty: it does not answer."""
        try:
            return str(self.query.show_info()["Pid"])
        except (OSError, KeyError, IndexError):
            return ""

    def apply(self, text: str) -> None:
        """Bring it to a configuration; what it has already needs no reload.

        Raises:
            BalancerError: it refused.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        config, old = self.folder / "haproxy.cfg", self.pid()
        if old and config.exists() and config.read_text() == text:
            return
        if not old:
            self._kill()
        files.write(self.folder / "next.cfg", text)
        state = self.folder / self.id / "servers-state"
        state.parent.mkdir(exist_ok=True)
        if not old or not self.query.save_state(str(state)):
            state.write_text("1\n")  # a file of this version that knows of nobody
        # As an amphora's reload does: the new one takes over the listening sockets, and what waits in them.
        over = ["-x", _STATS, "-sf", old] if old else []
        command = [self._tools.haproxy, "-D", "-f", "next.cfg", "-p", "pid", *over]
        done = self.world.execute(*command, cwd=self.folder, environment=self._tools.environment, seconds=_SECONDS)
        if done.returncode:
            raise BalancerError(f"HAProxy refused {self.folder / 'next.cfg'}: {done.stderr.strip()[-2000:]}")
        (self.folder / "next.cfg").replace(config)

    def stop(self) -> None:
        """End it, and forget its folder."""
        self._kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _kill(self) -> None:
        """End the process that was started last: two may listen at one address, and one that hangs would get its share.

        The file with its number goes with the world, in which the number is another's next time.
        """
        path = self.folder / "pid"
        if path.exists():
            self.world.execute("/bin/sh", "-c", f"kill -KILL {int(path.read_text())}", seconds=_SECONDS)
            path.unlink()
