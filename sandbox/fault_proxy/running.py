"""The proxy as a process of its own, beside a sandbox."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sandbox import files
from sandbox.environment import Environment, Project
from sandbox.fault_proxy.plan import KUBE, NoFaults, Plan
from sandbox.fault_proxy.servers import LOG_FILE, PLAN_FILE, SERVERS_FILE, Server
from sandbox.process import Process, free_ports, port_free

_ROOT = Path(__file__).resolve().parent.parent.parent


class FaultProxy:
    """The proxy of one sandbox.

    Args:
        folder: where its settings, its plan and its logs lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        command = [sys.executable, "-m", "sandbox.fault_proxy", str(folder)]
        environment = {"PYTHONPATH": str(_ROOT)}
        self._process = Process("fault-proxy", folder, command, self._answers, environment)

    def start(self, services: dict[str, str], kubeconfig: Path, certificates: Path) -> None:
        """Start it, unless it runs, and wait until it answers. Nothing fails at first.

        Args:
            services: OpenStack's, by name, with the root of each.
            kubeconfig: leads to the API server.
            certificates: the folder with the API server's ``apiserver.crt`` and ``apiserver.key``, which the proxy
                shows as its own: it has the same address.

        Raises:
            SandboxError: it does not come up.
        """
        if self._process.pid is not None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        api = json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
        ports = free_ports(len(services) + 1)
        cloud = [Server(name, url, port) for (name, url), port in zip(services.items(), ports, strict=False)]
        pair = [str(certificates / f"apiserver.{ending}") for ending in ("crt", "key")]
        servers = [*cloud, Server(KUBE, api, ports[-1], *pair)]
        files.write(self._folder / SERVERS_FILE, json.dumps([asdict(server) for server in servers]))
        self.set(NoFaults())
        self._process.start()
        self._process.wait(60)

    def stop(self) -> None:
        """End it."""
        self._process.stop()

    def set(self, plan: Plan) -> None:
        """What happens from now on; calls are counted anew."""
        files.write(self._folder / PLAN_FILE, json.dumps(plan.to_json()))

    @property
    def auth_url(self) -> str:
        """Keystone through the proxy; its catalogue leads through it, too."""
        return f"{self._server('keystone').proxy}/v3"

    def project(self, project: Project) -> Project:
        """A project's credential, which leads through the proxy."""
        return replace(project, auth_url=self.auth_url)

    def environment(self, environment: Environment) -> Environment:
        """A sandbox as it looks through the proxy."""
        projects = {name: self.project(project) for name, project in environment.projects.items()}
        return replace(environment, auth_url=self.auth_url, projects=projects)

    def kubeconfig(self, direct: Path) -> Path:
        """A kubeconfig of the same user that leads through the proxy."""
        body = json.loads(direct.read_text())
        body["clusters"][0]["cluster"]["server"] = self._server(KUBE).proxy
        path = self._folder / direct.name
        files.write(path, json.dumps(body), 0o600)
        return path

    def calls(self) -> Iterator[dict[str, Any]]:
        """What was asked, in the order in which it was answered; ``fault`` says what happened to it.

        A line with ``late`` tells what became of the call with that number ``n``, which the server did later.
        """
        path = self._folder / LOG_FILE
        if path.exists():
            for line in path.read_text().splitlines():
                yield json.loads(line)

    def forget(self) -> None:
        """Empty the log."""
        path = self._folder / LOG_FILE
        if path.exists():
            with path.open("r+") as log:
                log.truncate(0)

    def _server(self, side: str) -> Server:
        servers = [Server(**each) for each in json.loads((self._folder / SERVERS_FILE).read_text())]
        return next(server for server in servers if server.side == side)

    def _answers(self) -> bool:
        return not port_free(self._server(KUBE).port)
