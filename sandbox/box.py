"""The sandbox as a whole."""

from __future__ import annotations

import json
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sandbox import cache, customers, files, golang, images, logs, memory, node_binaries, node_needs
from sandbox.configs import ADMIN_PASSWORD, REGION
from sandbox.data_path import DataPath, World, packages
from sandbox.data_path.packages import Tools
from sandbox.environment import Environment, Project
from sandbox.errors import SandboxError
from sandbox.extras import EXTRAS
from sandbox.fault_proxy import FaultProxy
from sandbox.faults import Faults
from sandbox.first import beside, foretell
from sandbox.kubernetes import COMPONENTS, Kubernetes
from sandbox.node import Node
from sandbox.openstack import OpenStack
from sandbox.postgres import Postgres
from sandbox.process import Process
from sandbox.progress import Progress
from sandbox.rest import login
from sandbox.traits import INFOMANIAK, Traits

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
        try:
            self.state.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError, FileNotFoundError) as error:
            raise SandboxError(f"{self.state} cannot be a folder ({error.strerror}): choose another --state") from None
        with cache.held(self.state / ".lock", f"at {self.state}", progress):
            yield

    def up(
        self,
        settle: float | None = 0.5,
        openstack: bool = True,
        kubernetes: bool = True,
        progress: Progress = print,
        *,
        helm: bool = False,
        traits: Traits | None = None,
        boot: float | None = 0.0,
        with_services: Sequence[str] = (),
        without_services: Sequence[str] = (),
        key_role: str | None = None,
        data_path: bool = False,
        on_kubernetes: Callable[[Path, Path], object] = lambda _kubectl, _kubeconfig: None,
    ) -> Environment:
        """Start what does not run yet.

        Args:
            settle: seconds for which load balancers stay PENDING; None: as before, and 0.5 at first.
            openstack: whether its half is wanted.
            kubernetes: whether its half is wanted.
            progress: told what is going on.
            helm: whether ``Environment.helm`` is to be there; it takes minutes to build.
            traits: what its OpenStack is to be like; None: as it was, or as Infomaniak's at the first start.
            boot: seconds for which a new load balancer stays PENDING, if more than ``settle``; None: as before.
            with_services: services that OpenStack has from now on, ``barbican`` and ``designate``.
            without_services: those of them that it has no longer; what they hold stays.
            key_role: what Barbican asks of who stores and reads: ``creator``, as Infomaniak's (so it is at first), or
                ``member``; None: as before.
            data_path: whether load balancers of all projects are to carry packets; where that cannot be, ``data_path``
                says why, and all else is there.
            on_kubernetes: called with kubectl and the kubeconfig of an administrator as soon as Kubernetes answers;
                OpenStack takes longer. What it raises is raised here.

        Raises:
            SandboxError: a part does not come up; the message names its log.
        """
        if helm:
            golang.helm(progress)
        with self._alone(progress):
            extras = self._checked(openstack=openstack).extras
            changed = extras.choose(with_services=with_services, without_services=without_services, key_role=key_role)
            parts = (*(self._halves()[0].parts if openstack else ()), *(COMPONENTS if kubernetes else ()))
            running = self.status()
            if not changed and self._file.exists() and all(running.get(part) for part in parts):
                if openstack:
                    self.set_settle(settle, boot)
                    if traits is not None and traits != self.traits:
                        self._halves()[0].set_traits(traits)
                    self._start_data_path(progress, wanted=data_path)
                if kubernetes:
                    on_kubernetes(self.environment.kubectl, self.environment.kubeconfig)
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
                cloud.up(settle, boot, traits)

            def start_cluster() -> None:
                golang.kubernetes_binaries(progress)
                cluster.up()
                on_kubernetes(cluster.tool("kubectl", binaries["kubectl"]), cluster.kubeconfig)

            halves = {"OpenStack": (start_cloud, openstack), "Kubernetes": (start_cluster, kubernetes)}
            beside({name: start for name, (start, wanted) in halves.items() if wanted}, progress)
            environment = _describe(cloud, cluster, binaries)
            environment.save(self._file)
            if changed:
                self.node().follow_services()
            if openstack:
                self._start_data_path(progress, wanted=data_path)
            progress(f"the sandbox is up after {cache.elapsed(begin)}, in {self.state}")
            return environment

    def _checked(self, *, openstack: bool) -> OpenStack:
        """OpenStack, before anything is started; what would be in its way is said now."""
        cloud = self._halves()[0]
        if openstack:
            cloud.check()
        return cloud

    def _start_data_path(self, progress: Progress, *, wanted: bool) -> None:
        """Start it where it is wanted, or was: its worlds may have ended, with OpenStack or while it went on."""
        path = self.data_path
        projects = path.state.projects or path.ended
        if wanted or projects:
            path.up(progress, () if wanted else projects)
            self._reach_node()

    def _reach_node(self) -> None:
        """Let the worlds that run reach the node, where both are there."""
        if tools := self.data_path.tools:
            self.node().reach(self.data_path.there(), tools)

    @property
    def data_path(self) -> DataPath:
        """Where load balancers carry packets, with what can be asked of it."""
        cloud = self._halves()[0]
        ids = {name: project.id for name, project in cloud.projects.items()}
        return DataPath(self.state / "data-path", cloud.control, ids)

    def world(self, project: str) -> World:
        """A project's network world, in which all its addresses are: to serve at one, and to ask one.

        Raises:
            SandboxError: it has none.
        """
        return self.data_path.world(project)

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
        tools, binaries = packages.find(progress), node_binaries.build(progress)
        with self._alone():
            self.node(progress, tools).up()
            self._reach_node()
        images.load_pause(self.node(progress), binaries["pause"], self.state / "node" / "images")

    def node(self, progress: Progress = _silent, tools: Tools | None = None) -> Node:
        """The real node; ``up_node`` starts it, with tools."""
        openstack, kubernetes = self._halves()
        runs = openstack.running()
        ports = {name: urlsplit(openstack.url(name)).port or 0 for name in openstack.services if runs.get(name)}
        binaries = {**golang.binary_paths(), **node_binaries.paths()}
        return Node(self.state / "node", binaries, kubernetes, ports, progress, tools=tools)

    def fault_proxy(self) -> FaultProxy:
        """The proxy that lets calls fail, started where it does not run; both halves must.

        Raises:
            SandboxError: it does not come up.
        """
        cloud, _ = self._halves()
        proxy = FaultProxy(self.state / "fault-proxy")
        services = {name: cloud.url(name) for name in cloud.services}
        proxy.start(services, self.environment.kubeconfig, self.state / "kubernetes" / "certs")
        return proxy

    def down(self) -> None:
        """End it; its state stays, and the next start goes on from there."""
        if not self.state.exists():
            return
        FaultProxy(self.state / "fault-proxy").stop()
        with self._alone():
            openstack, kubernetes = self._halves()
            self.node().down()
            kubernetes.down()
            openstack.down()
            self.data_path.down(with_sandbox=True)

    def status(self) -> dict[str, bool]:
        """Which components run; those of a half that was never started are not named."""
        openstack, kubernetes = self._halves()
        return {**openstack.running(), **kubernetes.running(), **self.node().running(), **self.data_path.running()}

    def memory(self) -> dict[str, int]:
        """Memory of each component that runs, in bytes, with all that it started; their sum is the whole sandbox's."""
        folders = ("openstack", "kubernetes", "node", "data-path/*", "data-path/*/servers")
        files_of = (path for folder in folders for path in self.state.glob(f"{folder}/run/*.pid"))
        found = {path.stem: Process(path.stem, path.parent.parent, [], lambda: True).pid for path in files_of}
        found["postgres"] = self._halves()[0].process("postgres").pid
        return memory.taken({name: pid for name, pid in found.items() if pid is not None})

    def _component(self, name: str) -> Process | Postgres:
        openstack, kubernetes = self._halves()
        if name not in self.status():
            how = f" (`python -m sandbox up --with {name}`)" if name in EXTRAS else ""
            raise SandboxError(f"no component {name} was started here{how}; there are: {', '.join(self.status())}")
        if name in self.data_path.running():
            return self.world(name.removeprefix("world-")).process
        return openstack.process(name) if name in openstack.parts else kubernetes.process(name)

    def start(self, component: str) -> None:
        """Start one component and wait until it answers.

        Args:
            component: postgres, keystone, neutron, octavia, etcd, kube-apiserver or kube-controller-manager; barbican
                or designate where ``up`` was asked for it.

        Raises:
            SandboxError: there is no such component here, or it does not come up.
        """
        process = self._component(component)
        process.start()
        process.wait()
        if component.startswith("world-"):
            self._reach_node()

    def stop(self, component: str) -> None:
        """End one component."""
        self._component(component).stop()

    def pause(self, component: str) -> None:
        """Let one component hang: connections are taken, nothing is answered."""
        self._component(component).signal(signal.SIGSTOP)

    def resume(self, component: str) -> None:
        """Let it go on."""
        self._component(component).signal(signal.SIGCONT)

    def set_settle(self, seconds: float | None, boot: float | None = None) -> None:
        """For how long load balancers stay PENDING, from now on, and a new one at least; None: that stays as it is."""
        self._halves()[0].settle(seconds, boot)

    @property
    def traits(self) -> Traits:
        """In what its OpenStack is as Infomaniak's; before the first start, in what it will be."""
        cloud = self._halves()[0]
        return cloud.traits if cloud.seeded else INFOMANIAK

    def set_traits(self, traits: Traits) -> None:
        """Have its OpenStack be like that from now on: ``PLAIN``, say, or ``replace(box.traits, dhcp_ports=0)``.

        Neutron or Octavia starts again where it has to. What is there already stays as it was made.

        Raises:
            SandboxError: a service does not come up, or a project uses a network that is to be hidden.
        """
        self._halves()[0].set_traits(traits)

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

    def customer(self, project: str, *roles: str) -> Project:
        """A project, with a credential that has further roles than a customer's two; the same at each call.

        Args:
            project: ``alpha`` or ``beta``.
            roles: the further ones, such as Barbican's ``creator``.

        Raises:
            SandboxError: there is no such project, or no such role (``creator`` comes with Barbican).
        """
        projects = self.environment.projects
        if project not in projects:
            raise SandboxError(f"there is no project {project}; there are: {', '.join(projects)}")
        with self._alone():
            return customers.with_roles(self.state / "openstack", projects[project], roles)

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
