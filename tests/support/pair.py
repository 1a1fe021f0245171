"""Two operators of one cluster, of which one leads."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.flow import OPERATOR_NAMESPACE
from demo.kubectl import Kubectl
from demo.operator import OperatorProcess
from sandbox import Sandbox
from tests.support.box import until
from tests.support.canary import Canary
from tests.support.running import tell_all

LEASE = "infomaniak-operator"
_PORT = re.compile(r"(/metrics|/healthz).* on port (\d+)")


class Replica:
    """One of them: its process, its log and its ports."""

    def __init__(self, process: OperatorProcess) -> None:
        self.process = process

    @property
    def said(self) -> str:
        return self.process.log.read_text() if self.process.log.exists() else ""

    @property
    def leads(self) -> bool:
        return "this process" in self.said

    @property
    def lost(self) -> bool:
        return "the Lease is lost" in self.said

    def port(self, page: str) -> int:
        def look() -> int | None:
            found = [int(port) for name, port in _PORT.findall(self.said) if name == page]
            return found[-1] if found else None

        return until(look, f"the port of {page}")

    def signal(self, number: signal.Signals) -> None:
        pid = self.process.pid()
        assert pid is not None
        os.kill(pid, number)


class Pair:
    """The two, and what the Lease says."""

    def __init__(self, box: Sandbox, folder: Path) -> None:
        self._box = box
        self._folder = folder
        self._kubeconfig = box.service_account_kubeconfig(OPERATOR_NAMESPACE, "infomaniak-operator")
        self._kubectl = Kubectl(box.environment.kubectl, box.environment.kubeconfig)
        self.replicas: list[Replica] = []

    def start(self, name: str, *arguments: str) -> Replica:
        """One more."""
        common = [
            *("--allowed-auth-url", self._box.environment.auth_url, "--create-grace-seconds", "4"),
            *("--leader-elect", "--lease-namespace", OPERATOR_NAMESPACE),
            *("--metrics-address", "127.0.0.1:0", "--health-address", "127.0.0.2:0"),
        ]
        folder = self._folder / name
        replica = Replica(OperatorProcess(folder, self._kubeconfig, [*common, *arguments], tell_all(folder)))
        replica.process.start()
        self.replicas.append(replica)
        return replica

    def leading(self, name: str) -> Replica:
        """One more that leads; nobody else does yet."""
        replica = self.start(name)
        until(lambda: replica.leads, f"{name} leads", 30)
        return replica

    def waiting(self, name: str) -> Replica:
        """One more that knows everything and waits."""
        replica = self.start(name)
        until(lambda: "the Lease is held by" in replica.said, f"{name} waits", 30)
        return replica

    def holder(self) -> str:
        """Who holds the Lease; empty: nobody, or there is none."""
        found = self._kubectl.run(
            *("get", "lease", LEASE, "-n", OPERATOR_NAMESPACE, "--ignore-not-found"),
            *("-o", "jsonpath={.spec.holderIdentity}"),
        )
        return str(found).strip()

    def forget(self) -> None:
        """No Lease, so that the next one need not wait for a dead one's."""
        self._kubectl.run("delete", "lease", LEASE, "-n", OPERATOR_NAMESPACE, "--ignore-not-found")


@contextmanager
def pair(running: OperatorProcess, box: Sandbox, folder: Path) -> Iterator[Pair]:
    """Room for two instead of the operator that a package's tests share."""
    running.stop()
    two = Pair(box, folder)
    two.forget()
    try:
        yield two
    finally:
        for replica in two.replicas:
            if replica.process.pid() is not None:
                replica.signal(signal.SIGCONT)
            replica.process.stop()
        Canary.of(box.environment).folder(folder, "what the operators wrote")
        two.forget()
        running.start()
