"""``python -m sandbox up | down | status | env | build | serve-http | exec``."""

from __future__ import annotations

import argparse
import ipaddress
import shlex
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

from sandbox import golang
from sandbox.box import Sandbox
from sandbox.data_path.world import sourced
from sandbox.errors import SandboxError
from sandbox.extras import EXTRAS, KEY_ROLES
from sandbox.first import prepare
from sandbox.progress import Console
from sandbox.traits import MOODS, TRAIT_NAMES, Traits
from sandbox.trouble import guarded

_LONGEST = 3600.0


def main() -> int:
    """Read the command line; returns the exit code."""
    read = _parser().parse_args()
    return guarded(lambda: _run(Sandbox(read.state), read))


def _parser() -> argparse.ArgumentParser:
    state = argparse.ArgumentParser(add_help=False)
    state.add_argument("--state", type=Path, default=Path(".sandbox"), help="folder of its state (default %(default)s)")
    half = argparse.ArgumentParser(add_help=False)
    half.add_argument("--only", choices=["openstack", "kubernetes"], help="just this half")
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A real OpenStack and Kubernetes, here.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", parents=[state, half], help="start what does not run")
    up.add_argument("--settle", type=_seconds, help="seconds a load balancer stays PENDING (at first 0.5)")
    up.add_argument("--boot", type=_seconds, help="seconds a new one does at least (at first 0; Infomaniak: 79)")
    up.add_argument("--as", dest="mood", choices=MOODS, help="whose cloud it is like (at first: infomaniak)")
    up.add_argument(
        "--trait", action="append", default=[], metavar="NAME=VALUE", help=f"one of {', '.join(TRAIT_NAMES)}"
    )
    for option, what in (("with", "from now on"), ("without", "again; what it holds stays")):
        told = f"{option} this service {what}"
        up.add_argument(f"--{option}", action="append", choices=EXTRAS, default=[], help=told)
    up.add_argument("--key-role", choices=KEY_ROLES, help="what Barbican asks for (first creator, as Infomaniak)")
    up.add_argument("--node", action="store_true", help="with a real node, on which Pods run (Linux, root)")
    up.add_argument("--data-path", action="store_true", help="load balancers carry packets (Linux)")
    commands.add_parser("down", parents=[state], help="end it; its state stays")
    commands.add_parser("status", parents=[state], help="what runs")
    env = commands.add_parser("env", parents=[state], help="variables for a shell")
    env.add_argument("--project", default="alpha", help="whose credentials")
    env.add_argument("--role", action="append", default=[], help="one more role, such as Barbican's creator")
    build = commands.add_parser("build", parents=[state, half], help="only what is built once")
    build.add_argument("--gitops", action="store_true", help="Argo CD's libraries as well, for their tests")
    serve = commands.add_parser("serve-http", parents=[state], help="small servers, until they are stopped")
    serve.add_argument("--stop", action="store_true", help="end them")
    serve.add_argument("--certificate", type=Path, help="PEM file with certificate and key: they speak TLS")
    serve.add_argument("project", help="in whose network")
    serve.add_argument("spots", nargs="+", metavar="ADDRESS:PORT", help="where")
    run = commands.add_parser("exec", parents=[state], help="run a command where all addresses of a project are")
    told = "of curl: the address it comes from"
    run.add_argument("--from", dest="source", type=_address, metavar="ADDRESS", help=told)
    run.add_argument("project", help="in whose network")
    run.add_argument("run", nargs="+", metavar="COMMAND", help="after --")
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= _LONGEST:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {_LONGEST:.0f} seconds")
    return seconds


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no address") from None


def _traits(box: Sandbox, read: argparse.Namespace) -> Traits | None:
    """What was asked for; None: nothing."""
    if read.mood is None and not read.trait:
        return None
    return (MOODS[read.mood] if read.mood else box.traits).with_texts(read.trait)


def _run(box: Sandbox, read: argparse.Namespace) -> int:
    if read.command == "up":
        _up(box, read)
    elif read.command == "build":
        prepare(Console(), openstack=read.only != "kubernetes", kubernetes=read.only != "openstack")
        if read.gitops:
            golang.gitops_tool(Console())
    elif read.command == "down":
        box.down()
    elif read.command == "env":
        customer = {read.project: box.customer(read.project, *read.role)}
        print(replace(box.environment, projects=customer).exports(read.project))
    elif read.command == "serve-http":
        _ = box.environment  # without a sandbox, that is what is said
        world = box.world(read.project)
        if read.stop:
            world.end(*read.spots)
        else:
            world.serve(*read.spots, certificate=read.certificate)
    elif read.command == "exec":
        _ = box.environment
        command = box.world(read.project).enter(*sourced(read.run, read.source or ""))
        return subprocess.run(command, check=False).returncode  # noqa: S603 - the caller's own command
    else:
        return _status(box)
    return 0


def _up(box: Sandbox, read: argparse.Namespace) -> None:
    chosen = getattr(read, "with")
    if both := sorted(set(chosen) & set(read.without)):
        raise SandboxError(f"--with and --without {both[0]}: only one of them")
    if read.only == "kubernetes" and (chosen or read.data_path):
        raise SandboxError("--data-path and --with belong to OpenStack: leave out --only kubernetes")
    halves = {"openstack": read.only != "kubernetes", "kubernetes": read.only != "openstack"}
    environment = box.up(
        read.settle,
        **halves,
        progress=Console(),
        traits=_traits(box, read),
        boot=read.boot,
        with_services=chosen,
        without_services=read.without,
        key_role=read.key_role,
        data_path=read.data_path,
    )
    if read.node:
        box.up_node(Console())
    if halves["openstack"]:
        print(f"OpenStack:  {environment.auth_url}")
    if halves["kubernetes"]:
        print(f"Kubernetes: {environment.kubeconfig}")
    if halves["openstack"]:
        print(f"data path:  {box.data_path.state}")
    state = shlex.quote(str(read.state))
    print(f'in a shell: eval "$({shlex.quote(sys.executable)} -m sandbox env --state {state})"')


def _status(box: Sandbox) -> int:
    status = box.status()
    if not status:
        raise SandboxError(f"no sandbox was started in {box.state}")
    memory = box.memory()
    for name, runs in status.items():
        print(f"{name:<26}{f'runs {_mib(memory.get(name, 0)):>8}' if runs else 'is down'}")
    print(f"memory:    {_mib(sum(memory.values()))}")
    print(f"data path: {box.data_path.state}")
    for world in box.data_path.there():
        if spots := sorted(server.name for server in world.servers()):
            print(f"servers:   {world.name} {', '.join(spots)}")
    on = [name for name, value in asdict(box.traits).items() if value]
    print(f"traits:    {', '.join(on) or 'none (plain)'}")
    return 0 if all(status.values()) else 1


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"


if __name__ == "__main__":
    sys.exit(main())
