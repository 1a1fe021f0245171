"""A real node: containerd, runc, kubelet and kube-proxy: Pods run, and Services lead to them. Needs Linux and root.

All of it lives in the sandbox's folder, in a network namespace of its own, and in a mount namespace, in which the
places that kubelet and containerd insist on (/run, /var/lib, /var/log) are folders of the sandbox. So nothing of the
machine's own is touched, neither its firewall nor its forwarding, and all mounts are gone with the last process.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sandbox import node_config
from sandbox.cluster_addresses import MACHINE, NODE_ADDRESS
from sandbox.data_path import World
from sandbox.data_path.packages import Tools
from sandbox.errors import SandboxError
from sandbox.kubernetes import NODE, NODE_USER, SCHEDULER_USER, Kubernetes
from sandbox.node_network import Network
from sandbox.process import Process, answers, free_ports, port_free
from sandbox.progress import Progress

COMPONENTS = ("network", "relay", "cluster-dns", "containerd", "kube-scheduler", "kubelet", "kube-proxy")
_OWN = ("run", "var/lib", "var/log")
_CGROUPS = Path("/sys/fs/cgroup")
_GONE_SECONDS = 10.0
_TUNED = (
    *("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops"),
    *("kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"),
)
"""What a kubelet sets in the machine's kernel as it starts, and what is set back when the node ends."""


class Node:
    """The node of one sandbox; there is one on a machine at most.

    Args:
        folder: its state.
        binaries: by name.
        kubernetes: the control plane, which runs.
        services: OpenStack's ports on the loopback address, by service.
        progress: told what is going on.
        tools: has nft, which kube-proxy runs; None: nothing will be started.
    """

    def __init__(
        self,
        folder: Path,
        binaries: Mapping[str, Path],
        kubernetes: Kubernetes,
        services: Mapping[str, int],
        progress: Progress,
        *,
        tools: Tools | None = None,
    ) -> None:
        self._tools = tools
        self._folder = folder
        self._binaries = binaries
        self._kubernetes = kubernetes
        self._services = services
        self._progress = progress
        self._socket = folder / "containerd.sock"
        self._mark = folder / "before.json"  # from just before the start to the end; holds how the machine was

    @property
    def _network(self) -> Network:
        return Network(self._folder, self._kubernetes.port, self._services, self._port)

    @property
    def _port(self) -> int:
        """The kubelet's."""
        return int(json.loads((self._folder / "ports.json").read_text())["kubelet"])

    def process(self, name: str) -> Process:
        """A component's process."""
        if name == "network":
            return self._network.holder()
        if name == "relay":
            return self._network.relay()
        if name == "cluster-dns":
            return self._network.cluster_dns(self._kubernetes.kubeconfig_of(NODE_USER, MACHINE))
        makers = {
            "containerd": (self._containerd, self._containerd_answers),
            "kube-scheduler": (self._scheduler, lambda: True),
            "kubelet": (self._kubelet, self._kubelet_answers),
            "kube-proxy": (self._proxy, self._proxy_answers),
        }
        command, ready = makers[name]
        path = f"{self._binaries['containerd'].parent}:/usr/sbin:/usr/bin:/sbin:/bin"
        environment = {"PATH": path}
        if name == "kube-proxy" and self._tools:
            environment = {"PATH": f"{Path(self._tools.nft).parent}:{path}", **self._tools.environment}
        return Process(name, self._folder, command(), ready, environment)

    def _containerd(self) -> list[str]:
        binds = [["mount", "--bind", str(self._folder / "own" / place), f"/{place}"] for place in _OWN]
        serve = ["exec", str(self._binaries["containerd"]), "--config", str(self._folder / "containerd.toml")]
        script = " && ".join(shlex.join(command) for command in (*binds, serve))
        return self._network.inside("unshare", "--mount", "--propagation", "private", "--", "/bin/sh", "-c", script)

    def _kubelet(self) -> list[str]:
        inside = self.process("containerd").pid
        return [
            *("nsenter", "--mount", "--net", "--target", str(inside), "--", str(self._binaries["kubelet"])),
            f"--config={self._folder / 'kubelet.json'}",
            f"--kubeconfig={self._kubernetes.kubeconfig_of(NODE_USER, MACHINE)}",
            f"--hostname-override={NODE}",
            f"--node-ip={NODE_ADDRESS}",
            f"--root-dir={self._folder / 'kubelet'}",
        ]

    def _proxy(self) -> list[str]:
        program = str(self._binaries["kube-proxy"])
        return self._network.inside(program, f"--config={self._folder / 'kube-proxy.json'}")

    def _scheduler(self) -> list[str]:
        return [
            str(self._binaries["kube-scheduler"]),
            f"--kubeconfig={self._kubernetes.kubeconfig_of(SCHEDULER_USER)}",
            "--leader-elect=false",
            "--secure-port=0",
        ]

    def _containerd_answers(self) -> bool:
        return subprocess.run([*self._ctr(), "version"], capture_output=True, timeout=60, check=False).returncode == 0  # noqa: S603 - the sandbox's own ctr

    def _kubelet_answers(self) -> bool:
        return answers(f"http://{NODE_ADDRESS}:{node_config.KUBELET_HEALTH}/healthz")

    def _proxy_answers(self) -> bool:
        """Whether its rules are there: before that it answers, too, but that they are not."""
        return answers(f"http://{NODE_ADDRESS}:{node_config.PROXY_HEALTH}/healthz", well=True)

    def _ctr(self) -> list[str]:
        return [str(self._binaries["ctr"]), "--address", str(self._socket), "--namespace", "k8s.io"]

    def up(self) -> None:
        """Start it; returns when it is Ready.

        Raises:
            SandboxError: a part does not come up, or a kubelet runs on this machine.
        """
        running = self.running()
        if running and all(running.values()):
            return
        if self._tools is None:
            raise SandboxError("a node is started with nft only")
        begin = time.monotonic()
        if self._mark.exists() and not running.get("network"):
            self.down()  # what still runs is in a namespace that nothing leads to any more
        if not self._mark.exists():
            if found := next(_pods_cgroups(), None):
                raise SandboxError(f"a kubelet runs on this machine, or did: it has {found}")
            self._write()
        self._start("network")
        self._network.up(self._tools)
        self._kubernetes.serve_node(wanted=True)
        self._network.catalogue(MACHINE)
        for name in COMPONENTS:
            if name == "kube-proxy":  # which begins with the node's address
                self._await_ready()
            self._start(name)
        self._progress(f"the node is Ready after {time.monotonic() - begin:.0f} s")

    def _start(self, name: str) -> None:
        process = self.process(name)
        process.start()
        process.wait()

    def reach(self, worlds: Iterable[World], tools: Tools) -> None:
        """Let network worlds reach the node's address, and so its node ports, where the node runs.

        Args:
            worlds: which run.
            tools: the data path's.

        Raises:
            SandboxError: a world does not run.
        """
        if self.running().get("network"):
            for world in worlds:
                self._network.reach(world, tools)

    def follow_services(self) -> None:
        """Let Pods reach the services that OpenStack has now, where the node runs.

        Raises:
            SandboxError: the relay does not come up.
        """
        if not self.running().get("relay"):
            return
        relay = self.process("relay")
        relay.stop()
        relay.start()
        relay.wait()
        self._network.catalogue(MACHINE)

    def _write(self) -> None:
        for name in ("cni", *(f"own/{place}" for place in _OWN)):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        path = self._folder / "ports.json"
        if not path.exists() or not port_free(self._port):
            path.write_text(json.dumps({"kubelet": free_ports(1)[0]}))
        toml = node_config.containerd(self._folder, self._socket, self._binaries)
        (self._folder / "containerd.toml").write_text(toml)
        (self._folder / "kubelet.json").write_text(
            json.dumps(node_config.kubelet(self._folder, self._socket, self._port))
        )
        kubeconfig = self._kubernetes.kubeconfig_of(NODE_USER, MACHINE)
        (self._folder / "kube-proxy.json").write_text(json.dumps(node_config.kube_proxy(kubeconfig, NODE)))
        (self._folder / "cni" / "10-sandbox.conflist").write_text(json.dumps(self._network.cni()))
        found = {name: path.read_text() for name in _TUNED if (path := Path("/proc/sys", name)).exists()}
        self._mark.write_text(json.dumps(found))

    def _await_ready(self, seconds: float = 120.0) -> None:
        wanted = f"--timeout={seconds:.0f}s"
        program = self._kubernetes.tool("kubectl", self._binaries["kubectl"])
        kubectl = [str(program), f"--kubeconfig={self._kubernetes.kubeconfig}"]
        deadline = time.monotonic() + seconds
        command = [*kubectl, "wait", "--for=condition=Ready", f"node/{NODE}", wanted]
        while subprocess.run(command, capture_output=True, timeout=seconds + 30, check=False).returncode:  # noqa: S603 - the sandbox's own kubectl
            if time.monotonic() > deadline:
                raise SandboxError(f"the node is not Ready; see {self._folder / 'log' / 'kubelet.log'}")
            time.sleep(0.2)

    def load(self, archive: Path) -> None:
        """Give it the images of an archive, as ``docker save`` and ``buildah push docker-archive:`` write it.

        Raises:
            SandboxError: containerd refused it.
        """
        command = [*self._ctr(), "images", "import", "--local", str(archive)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)  # noqa: S603 - the sandbox's own ctr, with a file of the caller's
        if done.returncode:
            raise SandboxError(f"containerd does not take {archive}: {done.stderr.strip()}")

    def stats(self) -> dict[str, Any]:
        """What the kubelet measures of the Pods; asked itself, for the API server forwards nothing to the machine."""
        context = ssl._create_unverified_context()  # noqa: S323, SLF001 - its own certificate, on the loopback address
        url = f"https://127.0.0.1:{self._port}/stats/summary"
        with urllib.request.urlopen(url, timeout=30, context=context) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def kill_pod(self, uid: str) -> None:
        """Kill what runs in a Pod, as a loss of power does: nobody is asked to end, and Kubernetes is told nothing."""
        for pid in self.processes(uid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def processes(self, uid: str) -> list[int]:
        """What runs in a Pod, its `pause` included: process ids as the machine's root sees them."""
        return sorted(set(_in_pods(f"pod{uid}")))  # a process may be in a cgroup of each controller

    def running(self) -> dict[str, bool]:
        """Which components run; none of them is named before the first start."""
        if not (self._folder / "ports.json").exists():
            return {}
        return {name: (self._folder / "run" / f"{name}.pid").exists() and self._alive(name) for name in COMPONENTS}

    def _alive(self, name: str) -> bool:
        return Process(name, self._folder, [], lambda: True).pid is not None

    def down(self) -> None:
        """End it and every Pod on it; what was on the machine before is all that is left."""
        if not self._mark.exists():
            return
        with suppress(SandboxError, OSError):  # where Keystone is down: its next start writes the catalogue anew
            self._network.catalogue("127.0.0.1")
        for name in reversed(COMPONENTS):  # the kubelet first: it would bring back what ends
            if name == "containerd":
                self._end_pods()
            Process(name, self._folder, [], lambda: True).stop()
        self._network.down()
        self._kubernetes.serve_node(wanted=False)
        for name, value in json.loads(self._mark.read_text()).items():
            if Path("/proc/sys", name).read_text() != value:
                Path("/proc/sys", name).write_text(value)
        self._mark.unlink()

    def _end_pods(self) -> None:
        """Kill what runs in Pods and what looks after it: the cgroups are this node's, or it had not come up."""
        deadline = time.monotonic() + _GONE_SECONDS
        while (left := [*_in_pods(), *self._shims()]) and time.monotonic() < deadline:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
        for folder in sorted(_pods_cgroups(), key=lambda path: -len(path.parts)):
            with suppress(OSError):
                folder.rmdir()

    def _shims(self) -> Iterator[int]:
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and str(self._socket).encode() in (entry / "cmdline").read_bytes():
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                    if words[0].endswith(b"containerd-shim-runc-v2"):
                        yield int(entry.name)


def _pods_cgroups() -> Iterator[Path]:
    """The cgroups of Pods on this machine: in one tree, or in one for each controller."""
    for top in (*_CGROUPS.glob("kubepods"), *_CGROUPS.glob("*/kubepods")):
        yield from (Path(folder) for folder, _, _ in os.walk(top))


def _in_pods(part: str = "") -> Iterator[int]:
    for folder in _pods_cgroups():
        if part not in str(folder):
            continue
        with suppress(OSError):
            yield from map(int, (folder / "cgroup.procs").read_text().split())
