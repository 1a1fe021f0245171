"""How long a whole stack takes, beside a plain script; ten at once; a hundred changes of members.

    python -m tests.bench.stack_bench [--state FOLDER] [--settle 0.5 --settle 5] [--only web,ten,members]

Runs on the sandbox (its own, unless ``--state`` names one that runs). Prints one JSON object: for each time that Octavia
stays PENDING the seconds and the calls of the operator and of the script in the same run, and their ratio. A 409 is an
answer that somebody tripped over the lock of a tree; none is wanted.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from demo.flow import ROOT, credentials_secret
from demo.show import ready
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.controller.interfaces import GROUP, VERSION
from infomaniak_operator.controller.kube.kube_api import KubeType
from infomaniak_operator.controller.kube.kube_http import HttpKube, loader
from sandbox import PLAIN, Sandbox
from sandbox.logs import Call
from tests.bench import stack_script
from tests.support.manifests import bundle, manifest
from tests.support.running import User, network, operator

WEB = ("network.yaml", "security-group.yaml", "load-balancer.yaml", "pools.yaml")
_TYPES = [KubeType(each.kind, GROUP, VERSION, each.plural) for each in KINDS.values()]
_PATIENCE = 300.0
_CHANGES = 100
_WITHIN = 10.0


class Bench:
    """The sandbox, its operator and one user of it."""

    def __init__(self, box: Sandbox) -> None:
        self.box = box
        self.env = box.environment
        self.kube = HttpKube(loader(self.env.kubeconfig), time.monotonic)
        self.count = 0

    def user(self) -> User:
        """A user in a namespace of its own, with a credential there."""
        self.count += 1
        project = self.env.projects["alpha"]
        user = User(self.env, f"bench-{os.getpid()}-{self.count}", project)
        user.kubectl.apply_text(
            json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": user.namespace}})
        )
        user.apply(credentials_secret(project))
        time.sleep(1.0)
        return user

    def objects(self, namespace: str, kinds: Iterable[str] = ()) -> list[Any]:
        """All objects of ours in a namespace."""
        wanted = set(kinds)
        return [
            body
            for each in _TYPES
            if not wanted or each.kind in wanted
            for page in self.kube.list(each, namespace)
            for body in page
        ]

    def until(self, done: Callable[[], bool], what: str) -> None:
        """Wait, looking ten times a second."""
        begin = time.monotonic()
        while not done():
            if time.monotonic() - begin > _PATIENCE:
                raise SystemExit(f"{what}: not within {_PATIENCE} s")
            time.sleep(0.1)

    def all_ready(self, namespace: str, count: int, kinds: Iterable[str] = ()) -> Callable[[], bool]:
        """Whether that many objects are there and Ready."""

        def done() -> bool:
            bodies = self.objects(namespace, kinds)
            return len(bodies) == count and all(ready(body) for body in bodies)

        return done

    def calls(self, mark: int, by: str) -> list[Call]:
        """What a program asked of OpenStack since a mark."""
        return [call for call in self.box.calls(mark) if call.by == by]

    def clean(self, user: User) -> None:
        """Delete all of a user's, and wait for its end."""
        user.kubectl.run("delete", "infomaniak", "--all", "-n", user.namespace, "--timeout=240s")
        user.kubectl.run("delete", "namespace", user.namespace, "--timeout=120s")


def web(bench: Bench) -> dict[str, Any]:
    """examples/web from apply to all Ready, beside the script."""
    user = bench.user()
    mark = bench.box.mark()
    begin = time.monotonic()
    user.kubectl.apply(*(ROOT / "examples" / "web" / name for name in WEB), namespace=user.namespace)
    bench.until(bench.all_ready(user.namespace, 9), "examples/web")
    ours = time.monotonic() - begin
    made = bench.calls(mark, "operator")
    bench.clean(user)

    conn = stack_script.connect(bench.env.projects["beta"])
    mark = bench.box.mark()
    begin = time.monotonic()
    there = stack_script.make(conn)
    theirs = time.monotonic() - begin
    script = bench.calls(mark, "stack-script")
    stack_script.unmake(conn, there)
    return {
        "operator": {"seconds": round(ours, 2), **_counted(made)},
        "script": {"seconds": round(theirs, 2), **_counted(script)},
        "ratio_of_time": round(ours / theirs, 2),
    }


def _counted(calls: list[Call]) -> dict[str, int]:
    return {"calls": len(calls), "conflicts": sum(call.status == 409 for call in calls)}


def _tree(name: str, ports: int = 2) -> list[dict[str, Any]]:
    listeners = [
        {"name": f"l{n}", "protocol": "HTTP", "port": 80 + n, "defaultPoolRef": {"name": f"{name}-{n}"}}
        for n in range(ports)
    ]
    found = [manifest("LoadBalancer", name, vip={"networkRef": {"name": "net"}}, listeners=listeners)]
    for n in range(ports):
        pool = f"{name}-{n}"
        members = [{"address": f"10.50.0.{10 + m}", "port": 8080} for m in range(3)]
        found.append(
            manifest(
                "Pool", pool, loadBalancerRef={"name": name}, protocol="HTTP", algorithm="ROUND_ROBIN", members=members
            )
        )
        found.append(
            manifest("HealthMonitor", pool, poolRef={"name": pool}, type="TCP", delay=5, timeout=3, maxRetries=3)
        )
    return found


_KINDS_OF_TREE = ("LoadBalancer", "Pool", "HealthMonitor")


def ten(bench: Bench) -> dict[str, Any]:
    """One tree, then ten at once, each with two listeners, pools and monitors, in a network that is there."""
    user = bench.user()
    user.apply(network("net", subnets=[{"name": "net-v4", "cidr": "10.50.0.0/24"}]))
    user.until_ready("inet", "net")
    mark = bench.box.mark()
    begin = time.monotonic()
    user.apply(bundle(*_tree("one")))
    bench.until(bench.all_ready(user.namespace, 5, _KINDS_OF_TREE), "one tree")
    one = time.monotonic() - begin
    user.kubectl.run("delete", "ilb,ipool,ihm", "--all", "-n", user.namespace, "--timeout=120s")
    many = 10
    begin = time.monotonic()
    user.apply(bundle(*(each for n in range(many) for each in _tree(f"t{n}"))))
    bench.until(bench.all_ready(user.namespace, 5 * many, _KINDS_OF_TREE), "ten trees")
    all_of_them = time.monotonic() - begin
    calls = bench.calls(mark, "operator")
    bench.clean(user)
    return {
        "one": {"seconds": round(one, 2)},
        "ten": {"seconds": round(all_of_them, 2)},
        "ratio_of_time": round(all_of_them / one, 2),
        **_counted(calls),
    }


def members(bench: Bench) -> dict[str, Any]:
    """A hundred changes of one pool's members in ten seconds."""
    user = bench.user()
    user.apply(network("net", subnets=[{"name": "net-v4", "cidr": "10.50.0.0/24"}]))
    user.apply(bundle(*_tree("burst", 1)))
    bench.until(bench.all_ready(user.namespace, 4), "the tree of the burst")
    pool = next(each for each in _TYPES if each.kind == "Pool")
    mark = bench.box.mark()
    begin = time.monotonic()
    wanted: list[dict[str, Any]] = []
    for change in range(_CHANGES):
        wanted = [{"address": f"10.50.0.{10 + n}", "port": 8080, "weight": 1 + (change + n) % 100} for n in range(3)]
        wanted += [{"address": f"10.50.0.{100 + change}", "port": 8080, "weight": 1}]
        bench.kube.patch(pool, user.namespace, "burst-0", {"spec": {"members": wanted}})
        pause = begin + _WITHIN * (change + 1) / _CHANGES - time.monotonic()
        time.sleep(max(0.0, pause))
    bench.until(bench.all_ready(user.namespace, 4), "the members of the burst")
    seconds = time.monotonic() - begin
    calls = bench.calls(mark, "operator")
    status = bench.kube.get(pool, user.namespace, "burst-0")["status"]
    there = user.cloud.members.list(status["id"])
    right = {(m["address"], m["weight"]) for m in there} == {(m["address"], m["weight"]) for m in wanted}
    bench.clean(user)
    return {
        "changes": _CHANGES,
        "seconds": round(seconds, 2),
        "batches": sum(call.method == "PUT" and call.path.endswith("/members") for call in calls),
        "members_right": right,
        **_counted(calls),
    }


_PARTS = {"web": web, "ten": ten, "members": members}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, default=None, help="a sandbox's state folder; its own by default")
    parser.add_argument("--settle", type=float, action="append", help="seconds of PENDING; several are measured")
    parser.add_argument("--only", default=",".join(_PARTS), help="which parts")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        box = Sandbox((arguments.state or Path(folder) / "box").resolve())
        box.up(progress=lambda _: None, traits=PLAIN)  # as the figures before were measured, and with room
        try:
            own = (
                Path(folder) / "operator"
            )  # what it writes is searched for secrets, which the sandbox's own files hold
            own.mkdir()
            found = _measure(box, own, arguments.settle or [0.5, 5.0], arguments.only.split(","))
        finally:
            if arguments.state is None:
                box.down()
    print(json.dumps({"cpus": os.cpu_count(), "machine": platform.machine(), "pending": found}, indent=2))


def _measure(box: Sandbox, folder: Path, settles: list[float], parts: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with operator(box, folder):
        bench = Bench(box)
        warm = bench.user()  # the services' first calls are slow, for whoever makes them
        warm.apply(network("net", subnets=[{"name": "net-v4", "cidr": "10.50.0.0/24"}]))
        warm.apply(bundle(*_tree("warm", 1)))
        bench.until(bench.all_ready(warm.namespace, 4), "warming up")
        bench.clean(warm)
        for settle in settles:
            box.set_settle(settle)
            found[f"{settle:g} s"] = {name: _PARTS[name](bench) for name in parts}
    return found


if __name__ == "__main__":
    main()
