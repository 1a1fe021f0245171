"""``python -m sandbox up | down | status | env | build``."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from sandbox import golang
from sandbox.box import Sandbox
from sandbox.errors import SandboxError
from sandbox.first import prepare
from sandbox.progress import Console
from sandbox.trouble import guarded


def main() -> int:
    """Read the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A real OpenStack and Kubernetes, here.")
    parser.add_argument("command", choices=["up", "down", "status", "env", "build"])
    parser.add_argument(
        "--state", type=Path, default=Path(".sandbox"), help="folder of its state (default %(default)s)"
    )
    parser.add_argument("--settle", type=float, default=0.5, help="seconds a load balancer stays PENDING")
    parser.add_argument("--only", choices=["openstack", "kubernetes"], help="up, build: just this half")
    parser.add_argument("--gitops", action="store_true", help="build: Argo CD's libraries as well, for their tests")
    parser.add_argument("--node", action="store_true", help="up: with a real node, on which Pods run (Linux, root)")
    parser.add_argument("--project", default="alpha", help="env: whose credentials")
    read = parser.parse_args()
    return guarded(lambda: _run(Sandbox(read.state), read))


def _run(box: Sandbox, read: argparse.Namespace) -> int:
    if read.command == "up":
        halves = {"openstack": read.only != "kubernetes", "kubernetes": read.only != "openstack"}
        environment = box.up(read.settle, **halves, progress=Console())
        if read.node:
            box.up_node(Console())
        print(f"OpenStack:  {environment.auth_url}\nKubernetes: {environment.kubeconfig}")
        state = shlex.quote(str(read.state))
        print(f'in a shell: eval "$({shlex.quote(sys.executable)} -m sandbox env --state {state})"')
    elif read.command == "build":
        prepare(Console(), openstack=read.only != "kubernetes", kubernetes=read.only != "openstack")
        if read.gitops:
            golang.gitops_tool(Console())
    elif read.command == "down":
        box.down()
    elif read.command == "env":
        print(box.environment.exports(read.project))
    else:
        status = box.status()
        if not status:
            raise SandboxError(f"no sandbox was started in {box.state}")
        for name, runs in status.items():
            print(f"{name:<26}{'runs' if runs else 'is down'}")
        return 0 if all(status.values()) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
