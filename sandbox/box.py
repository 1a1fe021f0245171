"""The sandbox as a whole."""

from __future__ import annotations

import json
import signal
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sandbox import cache, files, golang, images, logs, node_binaries, node_needs
from sandbox.configs import ADMIN_PASSWORD, REGION
from sandbox.environment import Environment
from sandbox.errors import SandboxError
from sandbox.faults import Faults
from sandbox.first import beside, foretell
from sandbox.kubernetes import COMPONENTS, Kubernetes
from sandbox.node import Node
from sandbox.openstack import PARTS, SERVICES, OpenStack
from sandbox.postgres import Postgres
from sandbox.process import Process
from sandbox.progress import Progress
from sandbox.rest import login

_QUOTAS = {"neutron": "v2.0/quotas", "octavia": "v2.0/lbaas/quotas"}
_LOAD_BALANCING = frozenset(
    {"load_balancer", "loadbalancer", "listener", "member", "pool", "health_monitor", "healthmonitor"}
)


def _silent(_: str) -> None:
    return


def _describe(openstack: OpenStack, kubernetes: Kubernetes, binaries: Mapping[str, Path]) -> Environment:
    admin = {
        "auth_url": openstack.auth_url,
        "username": "admin",
        "password": ADMIN_PASSWORD,
        "project_name": "admin",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "region_name": REGION,
    }
    return Environment(
        openstack.auth_url,
        REGION,
        kubernetes.kubeconfig,
        kubernetes.tool("kubectl", binaries["kubectl"]),
        kubernetes.tool("helm", binaries["helm"]),
        admin,
        openstack.projects,
    )


class Sandbox:
    """A real OpenStack and a real Kubernetes on this machine, with all their state in one folder.

    Args:
        state: the folder.
    """

    def __init__(self, state: Path) -> None:
        self.state = state.resolve()
        self._file = self.state / "environment.json"
        self._made_with = self.state / "made-with.json"

    @property
    def environment(self) -> Environment:
        """What it offers.

        Raises:
            SandboxError: it was not started.
        """
        try:
            return Environment.load(self._file)
        except FileNotFoundError:
            raise SandboxError(
                f"no sandbox was started in {self.state}: `python -m sandbox up --state {self.state}`"
            ) from None

    @contextmanager
    def _alone(self, progress: Progress = _silent) -> Iterator[None]:
        self.state.mkdir(parents=True, exist_ok=True)
        with cache.held(self.state / ".lock", f"at {self.state}", progress):
            yield

    def up(
        self,
        settle: float = 0.5,
        openstack: bool = True,
        kubernetes: bool = True,
        progress: Progress = print,
        *,
        helm: bool = False,
    ) -> Environment:
        """Start what does not run yet.

        Args:
            settle: seconds for which load balancers stay PENDING.
            openstack: whether its half is wanted.
            kubernetes: whether its half is wanted.
            progress: told what is going on.
            helm: whether ``Environment.helm`` is to be there; it takes minutes to build.

        Raises:
            SandboxError: a part does not come up; the message names its log.
        """
        if helm:
            golang.helm(progress)
        with self._alone(progress):
            parts = (*(PARTS if openstack else ()), *(COMPONENTS if kubernetes else ()))
            running = self.status()
            if self._file.exists() and all(running.get(part) for part in parts):
                if openstack:
                    self.set_settle(settle)
                return self.environment
            begin = time.monotonic()
            foretell(progress, openstack=openstack, kubernetes=kubernetes)
            binaries = golang.binary_paths()
            made_with = {
                "python": str(cache.openstack_folder() / "bin" / "python"),
                "binaries": {name: str(path) for name, path in binaries.items()},
            }
            files.write(self._made_with, json.dumps(made_with))
            cloud, cluster = self._halves(progress)

            def start_cloud() -> None:
                cache.openstack_python(progress)
                cloud.up(settle)

            def start_cluster() -> None:
                golang.kubernetes_binaries(progress)
                cluster.up()

            halves = {"OpenStack": (start_cloud, openstack), "Kubernetes": (start_cluster, kubernetes)}
            beside({name: start for name, (start, wanted) in halves.items() if wanted}, progress)
            environment = _describe(cloud, cluster, binaries)
            environment.save(self._file)
            progress(f"the sandbox is up after {cache.elapsed(begin)}, in {self.state}")
            return environment

    def _halves(self, progress: Progress = _silent) -> tuple[OpenStack, Kubernetes]:
        try:
            made = json.loads(self._made_with.read_text())
        except FileNotFoundError:  # nothing was started, so nothing will be run with them
            made = {"python": "", "binaries": {}}
        binaries = {name: Path(path) for name, path in made["binaries"].items()}
        openstack = OpenStack(self.state / "openstack", Path(made["python"]), progress)
        return openstack, Kubernetes(self.state / "kubernetes", binaries, progress)

    def up_node(self, progress: Progress = print) -> None:
        """Add a real node to the Kubernetes that runs here: Pods run then. Needs Linux and root.

        Args:
            progress: told what is going on.

        Raises:
            SandboxError: it cannot be here, or a part does not come up.
        """
        node_needs.install(progress)
        if why := node_needs.missing():
            raise SandboxError(why)
        binaries = node_binaries.build(progress)
        with self._alone():
            self.node(progress).up()
        images.load_pause(self.node(progress), binaries["pause"], self.state / "node" / "images")

    def node(self, progress: Progress = _silent) -> Node:
        """The real node; ``up_node`` starts it."""
        openstack, kubernetes = self._halves()
        runs = openstack.running()
        ports = {name: urlsplit(openstack.url(name)).port or 0 for name in SERVICES if runs.get(name)}
        binaries = {**golang.binary_paths(), **node_binaries.paths()}
        return Node(self.state / "node", binaries, kubernetes, ports, progress)

    def down(self) -> None:
        """End it; its state stays, and the next start goes on from there."""
        with self._alone():
            openstack, kubernetes = self._halves()
            self.node().down()
            kubernetes.down()
            openstack.down()

    def status(self) -> dict[str, bool]:
        """Which components run; those of a half that was never started are not named."""
        openstack, kubernetes = self._halves()
        return {**openstack.running(), **kubernetes.running(), **self.node().running()}

    def _component(self, name: str) -> Process | Postgres:
        openstack, kubernetes = self._halves()
        if name not in self.status():
            raise SandboxError(f"no component {name} was started here; there are: {', '.join(self.status())}")
        return openstack.process(name) if name in PARTS else kubernetes.process(name)

    def start(self, component: str) -> None:
        """Start one component and wait until it answers.

        Args:
            component: postgres, keystone, neutron, octavia, etcd, kube-apiserver or kube-controller-manager.

        Raises:
            SandboxError: there is no such component here, or it does not come up.
        """
        process = self._component(component)
        process.start()
        process.wait()

    def stop(self, component: str) -> None:
        """End one component."""
        self._component(component).stop()

    def pause(self, component: str) -> None:
        """Let one component hang: connections are taken, nothing is answered."""
        self._component(component).signal(signal.SIGSTOP)

    def resume(self, component: str) -> None:
        """Let it go on."""
        self._component(component).signal(signal.SIGCONT)

    def set_settle(self, seconds: float) -> None:
        """For how long load balancers stay PENDING, from now on."""
        self._halves()[0].settle(seconds)

    def break_load_balancer(self, load_balancer_id: str) -> None:
        """Have a load balancer go to ERROR, as when its driver has given up."""
        statement = f"UPDATE load_balancer SET provisioning_status = 'ERROR' WHERE id = '{uuid.UUID(load_balancer_id)}'"  # noqa: S608 - `uuid.UUID` lets nothing else through
        self._halves()[0]._sql("octavia", statement)  # noqa: SLF001 - one sandbox

    def set_quota(self, project: str, **limits: int) -> None:
        """Set a project's quotas, as an administrator.

        Args:
            project: ``alpha`` or ``beta``.
            limits: by Neutron's or Octavia's names (``network=3``, ``load_balancer=1``); -1: no limit.
        """
        environment = self.environment
        admin = login(environment.auth_url, "admin", ADMIN_PASSWORD, "admin")
        for service, path in _QUOTAS.items():
            balancing = service == "octavia"
            chosen = {name: limit for name, limit in limits.items() if (name in _LOAD_BALANCING) == balancing}
            if chosen:
                admin.put(
                    f"{self._halves()[0].url(service)}/{path}/{environment.projects[project].id}", {"quota": chosen}
                )

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """A kubeconfig with a token of a ServiceAccount."""
        return self._halves()[1].service_account_kubeconfig(namespace, name)

    @property
    def _control(self) -> Path:
        return self._halves()[0].control

    @property
    def _faults(self) -> Faults:
        return Faults(self._control)

    def set_faults(self, rules: Sequence[Mapping[str, Any]]) -> None:
        """Let calls fail; replaces the rules before.

        A rule is for the calls that match all of ``service``, ``method`` and ``path`` (a regular expression) that it
        has, ``count`` times at most, or by chance (``probability``, with ``seed``). It does any of: ``delay_before``
        and ``delay_after`` the service has done its work (seconds), ``status`` instead of the service,
        ``status_after`` it has done its work, ``reset`` the connection ``before`` or ``after``.

        Raises:
            ValueError: a rule has an unknown key, does nothing, or its path is no regular expression.
        """
        self._faults.set(rules)

    def clear_faults(self) -> None:
        """Let no call fail any more."""
        self._faults.clear()

    def faults_hit(self) -> int:
        """How many calls were hit since the rules were set; a call that is being delayed counts."""
        return self._faults.hit()

    def mark(self) -> int:
        """Where OpenStack's access log ends now."""
        return logs.position(self._control / "access.jsonl")

    def calls(self, since: int = 0) -> list[logs.Call]:
        """The calls to OpenStack that were answered since a mark."""
        return logs.calls(self._control / "access.jsonl", since)

    def kube_mark(self) -> int:
        """Where the API server's audit log ends now."""
        return logs.position(self._halves()[1].audit_log)

    def kube_calls(self, since: int = 0, user: str | None = None) -> list[logs.KubeCall]:
        """The calls to the API server that were answered since a mark."""
        return logs.kube_calls(self._halves()[1].audit_log, since, user)
