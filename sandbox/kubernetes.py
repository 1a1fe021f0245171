"""etcd, kube-apiserver and kube-controller-manager on the loopback address."""

from __future__ import annotations

import json
import secrets
import shlex
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from sandbox import files
from sandbox.cluster_addresses import API_RANGE, MACHINE
from sandbox.errors import SandboxError
from sandbox.process import Process, answers, free_ports, port_free
from sandbox.progress import Progress

COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager")
_CONTROLLERS = (
    "namespace-controller,garbage-collector-controller,serviceaccount-controller,serviceaccount-token-controller,"
    "deployment-controller,replicaset-controller,endpointslice-controller"
)
_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [
        {"level": "None", "userGroups": ["system:nodes"]},
        {"level": "None", "users": ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler"]},
        {"level": "Metadata"},
    ],
}
_ADMIN, _MANAGER = "admin", "system:kube-controller-manager"
NODE, NODE_USER, SCHEDULER_USER = "localhost", "system:node:localhost", "system:kube-scheduler"
"""A node of this name is asked for its Pods' logs on the loopback address: the API server looks it up by its name."""
_NODE_CONTROLLERS = (
    "node-lifecycle-controller,pod-garbage-collector-controller,root-ca-certificate-publisher-controller,"
    "disruption-controller,job-controller"
)
_LISTENING = ("etcd", "etcd-peer", "kube-apiserver")
_LOOPBACK = "127.0.0.1"
_CALLED = "kubernetes"
"""A name in the API server's certificate, for where it is asked at an address that is not."""
_TOKEN_LIFETIME = "720h"  # noqa: S105 - a duration


class Kubernetes:
    """One control plane.

    Args:
        folder: its state folder.
        binaries: by name.
        progress: told what is going on.
    """

    def __init__(self, folder: Path, binaries: Mapping[str, Path], progress: Progress) -> None:
        self._folder = folder
        self._binaries = binaries
        self._progress = progress

    @property
    def kubeconfig(self) -> Path:
        """Of a cluster administrator."""
        return self._folder / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        """What the API server was asked, one JSON object a line."""
        return self._folder / "log" / "audit.jsonl"

    @property
    def port(self) -> int:
        """The API server's, on the loopback address."""
        return self._ports()["kube-apiserver"]

    @property
    def _for_node(self) -> Path:
        """Says that there is a node, whose Pods more controllers look after than are started without one."""
        return self._folder / "for-node"

    def serve_node(self, wanted: bool) -> None:
        """Have the controllers that a node's Pods need, or no longer; restarts the controller-manager where it changes.

        Raises:
            SandboxError: it does not come up.
        """
        if wanted == self._for_node.exists():
            return
        manager = self.process("kube-controller-manager")
        running = manager.pid is not None
        manager.stop()
        if wanted:
            self._for_node.touch()
        else:
            self._for_node.unlink()
        if running:
            self.process("kube-controller-manager").start()

    def kubeconfig_of(self, user: str, host: str = _LOOPBACK) -> Path:
        """A kubeconfig of a part of Kubernetes, which must be one that was given a token at the first start.

        Args:
            user: the part.
            host: the address at which it finds the API server.

        Raises:
            SandboxError: it was not.
        """
        path = self._folder / f"kubeconfig-{user.replace(':', '-')}"
        self._write_config(path, self._token(user), host)
        return path

    def _ports(self) -> dict[str, int]:
        ports: dict[str, int] = json.loads((self._folder / "ports.json").read_text())
        return ports

    def process(self, name: str) -> Process:
        """A component's process."""
        ports = self._ports()
        command = {
            "etcd": self._etcd,
            "kube-apiserver": self._apiserver,
            "kube-controller-manager": self._manager,
        }[name](ports)
        ready = {
            "etcd": lambda: answers(f"http://127.0.0.1:{ports['etcd']}/health"),
            "kube-apiserver": self._serves,
            "kube-controller-manager": lambda: True,
        }[name]
        return Process(name, self._folder, command, ready)

    def _etcd(self, ports: Mapping[str, int]) -> list[str]:
        client, peer = f"http://127.0.0.1:{ports['etcd']}", f"http://127.0.0.1:{ports['etcd-peer']}"
        return [
            str(self._binaries["etcd"]),
            f"--data-dir={self._folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _apiserver(self, ports: Mapping[str, int]) -> list[str]:
        folder = self._folder
        return [
            str(self._binaries["kube-apiserver"]),
            f"--etcd-servers=http://127.0.0.1:{ports['etcd']}",
            f"--cert-dir={folder / 'certs'}",
            f"--secure-port={ports['kube-apiserver']}",
            "--bind-address=127.0.0.1",
            f"--advertise-address={MACHINE}",  # where the Service `kubernetes` leads, once there is a node
            f"--service-cluster-ip-range={API_RANGE}",
            "--authorization-mode=RBAC",
            f"--token-auth-file={folder / 'tokens.csv'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={folder / 'sa.pub'}",
            f"--service-account-signing-key-file={folder / 'sa.key'}",
            f"--audit-policy-file={folder / 'audit-policy.json'}",
            f"--audit-log-path={self.audit_log}",
            "--audit-log-format=json",
            "--audit-log-maxsize=100000",  # megabytes: never turned over, for a mark is a place in it
        ]

    def _manager(self, ports: Mapping[str, int]) -> list[str]:
        del ports
        return [
            str(self._binaries["kube-controller-manager"]),
            f"--kubeconfig={self._folder / 'kubeconfig-manager'}",
            f"--service-account-private-key-file={self._folder / 'sa.key'}",
            f"--root-ca-file={self._folder / 'certs' / 'apiserver.crt'}",
            "--use-service-account-credentials=false",
            "--leader-elect=false",
            "--secure-port=0",
            f"--controllers={_CONTROLLERS}{',' + _NODE_CONTROLLERS if self._for_node.exists() else ''}",
        ]

    def _serves(self) -> bool:
        request = urllib.request.Request(  # noqa: S310 - always https, on the loopback address
            f"{self._server()}/readyz", headers={"Authorization": f"Bearer {self._token(_ADMIN)}"}
        )
        context = ssl._create_unverified_context()  # noqa: S323, SLF001 - its own certificate, on the loopback address
        try:
            direct = urllib.request.build_opener(
                urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
            )
            with direct.open(request, timeout=5):
                return True
        except (OSError, urllib.error.HTTPError):
            return False

    def _server(self, host: str = _LOOPBACK) -> str:
        return f"https://{host}:{self._ports()['kube-apiserver']}"

    def _token(self, user: str) -> str:
        lines = (line.split(",") for line in (self._folder / "tokens.csv").read_text().splitlines())
        found = next((token for token, name, *_ in lines if name == user), "")
        if not found:
            raise SandboxError(f"{self._folder} was made by an older sandbox, without {user}: use a new folder")
        return found

    def up(self) -> None:
        """Start it.

        Raises:
            SandboxError: a part does not come up.
        """
        begin = time.monotonic()
        (self._folder / "log").mkdir(parents=True, exist_ok=True)
        if not (self._folder / "sa.pub").exists():
            self._keys()
            self._key_pair()
        if not any(self.running().values()):
            self._choose_ports()
        for name in COMPONENTS:
            process = self.process(name)
            process.start()
            process.wait()
            if name == "kube-apiserver":  # which has made its certificate by now
                self._write_config(self.kubeconfig, self._token(_ADMIN))
                self._write_config(self._folder / "kubeconfig-manager", self._token(_MANAGER))
        self._progress(f"Kubernetes answers after {time.monotonic() - begin:.0f} s")

    def _choose_ports(self) -> None:
        """Those of the last start, where nobody took one of them since."""
        path = self._folder / "ports.json"
        if not path.exists() or not all(map(port_free, self._ports().values())):
            files.write(path, json.dumps(dict(zip(_LISTENING, free_ports(len(_LISTENING)), strict=True))))

    def _keys(self) -> None:
        folder = self._folder
        users = dict.fromkeys((_ADMIN, _MANAGER, SCHEDULER_USER), "system:masters")
        users[NODE_USER] = '"system:masters,system:nodes"'
        lines = (f"{secrets.token_hex(16)},{user},{user},{groups}\n" for user, groups in users.items())
        files.write(folder / "tokens.csv", "".join(lines), 0o600)
        files.write(folder / "audit-policy.json", json.dumps(_AUDIT))

    def _key_pair(self) -> None:
        """That of the ServiceAccounts' tokens. The public half is written last: where it is, all is."""
        key, public = self._folder / "sa.key", self._folder / "sa.pub"
        files.write(key, _openssl("genrsa", "2048"), 0o600)
        files.write(public, _openssl("rsa", "-in", str(key), "-pubout"))

    def tool(self, name: str, program: Path) -> Path:
        """A program for this cluster's users that keeps what it caches here, instead of in the user's home folder.

        Args:
            name: what it is called.
            program: what is run.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        here = self._folder / "tools"
        here.mkdir(exist_ok=True)
        places = {"KUBECACHEDIR": here / "kubectl-cache", "KUBERC": "off"}
        places |= {f"HELM_{kind}_HOME": here / f"helm-{kind.lower()}" for kind in ("CACHE", "CONFIG", "DATA")}
        words = " ".join(f"{variable}={shlex.quote(str(place))}" for variable, place in places.items())
        path = here / name
        text = f'#!/bin/sh\n{words} exec {shlex.quote(str(program))} "$@"\n'
        if not path.exists() or path.read_text() != text:
            files.write(path, text, 0o755)
        return path

    def _write_config(self, path: Path, token: str, host: str = _LOOPBACK) -> None:
        files.write(path, json.dumps(self._config(token, host)), 0o600)

    def _config(self, token: str, host: str) -> dict[str, object]:
        """A kubeconfig (JSON is YAML). The certificate is the API server's own, made at its first start."""
        cluster = {"server": self._server(host), "certificate-authority": str(self._folder / "certs" / "apiserver.crt")}
        if host != _LOOPBACK:
            cluster["tls-server-name"] = _CALLED
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "sandbox", "cluster": cluster}],
            "users": [{"name": "sandbox", "user": {"token": token}}],
            "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "sandbox"}}],
            "current-context": "sandbox",
        }

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """A kubeconfig with a token of a ServiceAccount, which must be there.

        Raises:
            SandboxError: it is not.
        """
        kubectl = [str(self.tool("kubectl", self._binaries["kubectl"])), f"--kubeconfig={self.kubeconfig}"]
        kubectl += ["-n", namespace]
        done = subprocess.run(  # noqa: S603 - the sandbox's own kubectl; no shell takes the name apart
            [*kubectl, "create", "token", name, f"--duration={_TOKEN_LIFETIME}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise SandboxError(f"no token for ServiceAccount {namespace}/{name}: {done.stderr.strip()}")
        path = self._folder / f"kubeconfig-{namespace}-{name}"
        self._write_config(path, done.stdout.strip())
        return path

    def down(self) -> None:
        """End it."""
        if (self._folder / "ports.json").exists():
            for name in reversed(COMPONENTS):
                self.process(name).stop()

    def running(self) -> dict[str, bool]:
        """Which components run; none of them is named before the first start."""
        if not (self._folder / "ports.json").exists():
            return {}
        return {name: self.process(name).pid is not None for name in COMPONENTS}


def _openssl(*words: str) -> str:
    try:
        done = subprocess.run(["openssl", *words], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603, S607 - the openssl on the user's PATH, with words of the sandbox's
    except FileNotFoundError:
        raise SandboxError("there is no `openssl` on your PATH, which makes keys for Kubernetes: install it") from None
    if done.returncode:
        raise SandboxError(f"openssl {words[0]} failed: {done.stderr}")
    return done.stdout
