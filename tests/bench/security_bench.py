"""What one tenant, or one cloud, can take from an operator: `make bench-security`.

    python -m tests.bench.security_bench [--python VENV/bin/python] [--state FOLDER] [--only credentials,large,...]

The operator is a process of its own, on the sandbox's real API server and beside a cloud on the wire that does what the
part is about. ``--python`` names the environment of another version of it, which is measured by the same script.
Prints one JSON object. All is counted, or seconds of processor and MiB of the process, but for the waits: those end
with what they wait for, at the latest after ``PATIENCE``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.flow import ROOT
from demo.kubectl import Kubectl
from sandbox import Sandbox
from tests.bench.cluster import Cluster, is_ready, said
from tests.bench.subject import Subject, operator
from tests.support.fake_cloud_http import Asked, Reply, WireCloud, wire_cloud
from tests.support.hostile import Talk, answer, hostile, packed, page

PATIENCE = 90.0
CALL_SECONDS = 5
KIB, MIB = 2**10, 2**20
NETWORK = {
    "id": "shared-1",
    "name": "shared",
    "status": "ACTIVE",
    "admin_state_up": True,
    "project_id": "of-the-provider",
    "router:external": True,
    "shared": False,
    "subnets": [],
    "mtu": 1500,
    "description": "",
    "tags": [],
}


def clouds_yaml(cloud: WireCloud, who: str) -> str:
    """A credential for a cloud."""
    return (
        f"clouds:\n  one:\n    auth_type: v3applicationcredential\n    auth:\n      auth_url: {cloud.auth_url}\n"
        f"      application_credential_id: {who}\n      application_credential_secret: s3cret-{who}\n"
        "    region_name: dc3-a\n"
    )


def networks(asked: Asked) -> Reply:
    """A Neutron with one network."""
    if asked.path.endswith("/networks"):
        return Reply(200, {"networks": [NETWORK]})
    if asked.path.endswith(f"/networks/{NETWORK['id']}"):
        return Reply(200, {"network": NETWORK})
    return Reply(200, {asked.path.rpartition("/")[2]: []})


@dataclass
class Bench:
    """What all parts use.

    Attributes:
        python: of the environment that is measured.
        kubeconfig: of a cluster administrator.
        cluster: the API server.
        cloud: a cloud on the wire.
        folder: for logs.
        scale: what the numbers of objects are divided by, to try the bench.
    """

    python: Path
    kubeconfig: Path
    cluster: Cluster
    cloud: WireCloud
    folder: Path
    scale: int

    def many(self, count: int) -> int:
        return max(1, count // self.scale)

    @contextmanager
    def operator(self, *arguments: str) -> Iterator[Subject]:
        log = self.folder / "operator.log"
        with operator(
            self.python, self.kubeconfig, log, "--allowed-auth-url", self.cloud.auth_url, *arguments
        ) as subject:
            yield subject

    def fresh(self) -> None:
        """Begin a part with nothing there."""
        self.cluster.clean()
        self.cloud.answer = networks
        self.cloud.refused = set()

    def user(self, namespace: str, name: str) -> None:
        """A credential and an object that uses it."""
        self.cluster.secret(namespace, name, {"clouds.yaml": clouds_yaml(self.cloud, f"{namespace}-{name}")})
        self.cluster.network(namespace, name, name)

    def ready(self, namespace: str, count: int) -> Callable[[], bool]:
        return lambda: sum(map(is_ready, self.cluster.networks(namespace))) == count


# -- credentials: one Secret against everybody


def bombs(cloud: WireCloud) -> dict[str, str]:
    """What a tenant may write into a Secret."""
    names = "abcdefgh"
    aliases = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
        for before, name in zip(names, names[1:] + "i", strict=True)
    )
    aliases += f"clouds: {{one: {{auth: {{auth_url: '{cloud.auth_url}'}}, verify: *i}}}}\n"
    good = clouds_yaml(cloud, "victim")
    return {
        "a good one": good,
        "400 bytes of aliases": aliases,
        "256 KiB of ballast": good + "ballast: [" + "a," * (128 * KIB - 100) + "a]\n",
        "5,000 brackets": "[" * 5000,
        "a date that is none": "clouds: {one: {auth: {auth_url: 2026-99-99}}}",
    }


def credentials(bench: Bench) -> dict[str, Any]:
    """Each of them before a start, beside somebody else's object; then five more versions of it."""
    return {name: _bomb(bench, text) for name, text in bombs(bench.cloud).items()}


def _bomb(bench: Bench, text: str) -> dict[str, Any]:
    bench.fresh()
    cluster = bench.cluster
    for namespace in ("victims", "attackers"):
        cluster.namespace(namespace)
    bench.user("victims", "one")
    cluster.secret("attackers", "bomb", {"clouds.yaml": text})
    said_before = {"type": "Ready", "status": "True", "reason": "Available", "message": "", "observedGeneration": 1}
    said_before["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    status = {"observedGeneration": 1, "inputsHash": "0123456789abcdef", "conditions": [said_before]}
    cluster.network("attackers", "bomb", "bomb", status)

    def settled() -> bool:
        told = said(cluster.networks("attackers")[0], "CredentialsValid").get("status")
        return bench.ready("victims", 1)() and told in ("True", "False")

    with bench.operator() as subject:
        began = subject.until(settled, PATIENCE)
        if began is not None:
            subject.rest()
        peak, cpu = subject.last if subject.ended is not None else (subject.peak(), round(subject.cpu(), 1))
        found: dict[str, Any] = {"peak_mib": peak, "cpu_seconds": cpu}
        found |= {"exit_code": subject.ended, "others_ready": bench.ready("victims", 1)()}
        told = said(cluster.networks("attackers")[0], "CredentialsValid")
        found["condition"] = told.get("reason")
        if began is not None:
            before = subject.cpu()
            for version in range(5):
                changed = {"stringData": {"clouds.yaml": f"{text}\n# {version}\n"}}
                cluster.change_secret("attackers", "bomb", changed)
                time.sleep(1.0)
            subject.rest()
            found["cpu_seconds_per_version"] = round((subject.cpu() - before) / 5, 2)
            found["peak_mib"] = subject.peak()
    return found


# -- memory


def large(bench: Bench) -> dict[str, Any]:
    """200 labelled Secrets of 1 MiB at a start."""
    bench.fresh()
    bench.cluster.namespace("large")
    with bench.operator() as subject:
        subject.until(lambda: _probe(subject, "/readyz"), PATIENCE)
        subject.rest()
        empty = subject.rss()
    count, ballast = bench.many(200), random.Random(1).randbytes(MIB - 200)

    def make(number: int) -> None:
        bench.cluster.secret("large", f"s{number}", {"ballast": ballast})

    bench.cluster.all(make, range(count))
    with bench.operator() as subject:
        subject.until(lambda: _probe(subject, "/readyz"), PATIENCE)
        subject.rest()
        return {"secrets": count, "empty_mib": empty, "peak_mib": subject.peak(), "rest_mib": subject.rss()}


def churn(bench: Bench) -> dict[str, Any]:
    """500 credentials in use, each by an object, while 5,000 Secrets of others come and go, twice."""
    bench.fresh()
    cluster, namespaces, each = bench.cluster, bench.many(50), 10
    names = [f"team-{number}" for number in range(namespaces)]
    for name in [*names, "churn"]:
        cluster.namespace(name)
    cluster.all(lambda which: bench.user(*which), [(name, f"n{number}") for name in names for number in range(each)])
    count = namespaces * each
    logins = bench.cloud.logins
    with bench.operator() as subject:
        took = subject.until(lambda: sum(map(is_ready, cluster.networks())) == count, 5 * PATIENCE)
        subject.rest()
        found: dict[str, Any] = {
            "credentials": count,
            "all_ready": took is not None,
            "logins": bench.cloud.logins - logins,
            "rest_mib": subject.rss(),
        }
        secrets = bench.many(5_000)
        for turn in ("first", "second"):
            subject.forget_peak()
            before = subject.cpu()
            cluster.all(lambda number: _come_and_go(cluster, number), range(secrets))
            subject.rest()
            found[f"after_{turn}_churn"] = {
                "secrets": secrets,
                "rest_mib": subject.rss(),
                "peak_mib": subject.peak(),
                "cpu_seconds": round(subject.cpu() - before, 1),
            }
            print(found, file=sys.stderr, flush=True)
        logins = bench.cloud.logins
        for name in names:
            cluster.touch(name, "n0", "once more")
        subject.rest()
        found["logins_when_one_in_ten_is_reconciled_again"] = bench.cloud.logins - logins
    return found


def _come_and_go(cluster: Cluster, number: int) -> None:
    """A Secret is made, changed, and deleted; every second one loses its label first."""
    name = f"s{number}"
    ballast = f"clouds: {{one: {{auth: {{password: '{number:08}{'x' * 8 * KIB}'}}}}}}"
    cluster.secret("churn", name, {"clouds.yaml": ballast})
    cluster.change_secret("churn", name, {"stringData": {"clouds.yaml": f"{ballast}\n"}})
    if number % 2:
        cluster.change_secret("churn", name, {"metadata": {"labels": None}})
    cluster.drop_secret("churn", name)


# -- turns


def turns(bench: Bench) -> dict[str, Any]:
    """One load balancer with 3,000 objects against everybody; 64 credentials that are refused against one that works."""
    words = [str(bench.python), "-m", "tests.bench.fairness_bench", "--objects", str(bench.many(3000))]
    where = _source(bench.python)
    done = subprocess.run(words, cwd=where, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    return {"one_load_balancer": json.loads(done.stdout), "refused_credentials": _refused(bench)}


def _refused(bench: Bench) -> dict[str, Any]:
    bench.fresh()
    cluster, cloud, count = bench.cluster, bench.cloud, 64
    for name in ("victims", "attackers"):
        cluster.namespace(name)
    bench.user("victims", "one")
    with bench.operator() as subject:
        subject.until(bench.ready("victims", 1), PATIENCE)
        cloud.refused = {f"attackers-bogus{number}" for number in range(count)}
        cluster.all(lambda number: bench.user("attackers", f"bogus{number}"), range(count))
        subject.until(lambda: all(cloud.logins_of[name] for name in cloud.refused), PATIENCE)
        before, turns_taken = cloud.logins_of["victims-one"], 5
        for turn in range(turns_taken):
            tried = {name: cloud.logins_of[name] for name in cloud.refused}
            time.sleep(6.0)  # until then the last refusal answers
            cluster.all(lambda number, turn=turn: cluster.touch("attackers", f"bogus{number}", str(turn)), range(count))
            subject.until(lambda tried=tried: all(cloud.logins_of[name] > tried[name] for name in tried), PATIENCE)
            asked = len(cloud.asked)
            cluster.touch("victims", "one", str(turn))
            subject.until(lambda asked=asked: len(cloud.asked) > asked, PATIENCE)
        return {"reconciles": turns_taken, "logins_again": cloud.logins_of["victims-one"] - before}


# -- endpoints


def _trickle(talk: Talk) -> None:
    talk.request()
    talk.say(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    talk.trickle(b" " * 100_000)


def _long(talk: Talk) -> None:
    talk.request()
    blanks, rest = b" " * MIB, page()
    length = 300 * MIB + len(rest)
    talk.say(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n".encode())
    for _ in range(300):
        talk.say(blanks)
    talk.say(rest)


def _bomb_of_gzip() -> Callable[[Talk], None]:
    whole = answer(packed(300 * MIB), "200 OK", "Content-Type: application/json", "Content-Encoding: gzip")

    def script(talk: Talk) -> None:
        talk.request()
        talk.say(whole)

    return script


def _endless() -> Callable[[Talk], None]:
    numbers = iter(range(1, 10**9))

    def script(talk: Talk) -> None:
        talk.request()
        number = next(numbers)
        ids = [f"n{number}-{row}" for row in range(1000)]
        talk.say(answer(page(*ids, following=ids[-1]), "200 OK", "Content-Type: application/json"))

    return script


def _error(talk: Talk) -> None:
    """In a codec whose decoder takes the square of the length."""
    talk.request()
    body = b"a" * (512 * KIB) + b"-" + b"a" * (512 * KIB)
    talk.say(answer(body, "400 Bad Request", "Content-Type: text/html; charset=punycode"))


ENDPOINTS: dict[str, Callable[[], Callable[[Talk], None]]] = {
    "a body that trickles": lambda: _trickle,
    "300 MiB of answer": lambda: _long,
    "300 MiB of answer, packed": _bomb_of_gzip,
    "pages without end": _endless,
    "1 MiB of error in punycode": lambda: _error,
}


def endpoints(bench: Bench) -> dict[str, Any]:
    """A cloud whose Neutron is broken or hostile: until its object says so, with five seconds for a call."""
    return {name: _endpoint(bench, script()) for name, script in ENDPOINTS.items()}


def _endpoint(bench: Bench, script: Callable[[Talk], None]) -> dict[str, Any]:
    bench.fresh()
    bench.cluster.namespace("victims")
    address = bench.cloud.address
    auth_url = bench.cloud.auth_url
    with (
        hostile(script) as server,
        operator(
            bench.python,
            bench.kubeconfig,
            bench.folder / "operator.log",
            "--allowed-auth-url",
            auth_url,
            "--cloud-timeout-seconds",
            str(CALL_SECONDS),
        ) as subject,
    ):
        subject.until(lambda: _probe(subject, "/readyz"), PATIENCE)
        subject.rest()
        empty, before = subject.rss(), subject.cpu()
        bench.cluster.secret("victims", "one", {"clouds.yaml": clouds_yaml(bench.cloud, "victim")})
        time.sleep(2.0)  # until the operator knows of the Secret
        bench.cloud.address = server.address
        try:
            bench.cluster.network("victims", "one", "one")

            def told() -> str | None:
                ready = said(bench.cluster.networks("victims")[0], "Ready")
                return str(ready.get("reason")) if ready else None

            took = subject.until(lambda: bool(server.connections and told()), PATIENCE)
            return {
                "told": told(),
                "after_seconds": took,
                "requests": server.connections,
                "sent_mib": round(server.sent / MIB, 1),
                "more_mib_at_the_highest": subject.peak() - empty,
                "cpu_seconds": round(subject.cpu() - before, 1),
                "exit_code": subject.ended,
            }
        finally:
            bench.cloud.address = address


# -- probes


def _probe(subject: Subject, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{subject.health}{path}", timeout=5) as reply:
            return bool(reply.status == 200)
    except (OSError, urllib.error.HTTPError):
        return False


def probes(bench: Bench) -> dict[str, Any]:
    """One client that holds 2,000 connections to each of the two ports, and says nothing."""
    bench.fresh()
    count, looks = bench.many(2000), 10
    with bench.operator() as subject, ExitStack() as held:
        subject.until(lambda: _probe(subject, "/readyz"), PATIENCE)
        subject.rest()
        before = {"threads": subject.threads(), "rss_mib": subject.rss()}
        subject.forget_peak()
        for port in (subject.health, subject.metrics):
            for _ in range(count):
                connection = held.enter_context(socket.socket())
                connection.setblocking(False)
                connection.connect_ex(("127.0.0.1", port))
        most = answered = 0
        for _ in range(looks):
            most = max(most, subject.threads())
            answered += _probe(subject, "/healthz")
            time.sleep(0.5)
        with_them = {"threads": max(most, subject.threads()), "rss_mib": subject.peak()}
        return {"connections": 2 * count, "before": before, "with_them": with_them, "probes_of_10_answered": answered}


PARTS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "credentials": credentials,
    "large": large,
    "churn": churn,
    "turns": turns,
    "endpoints": endpoints,
    "probes": probes,
}


def _source(python: Path) -> Path:
    """Where the source is that an environment runs."""
    code = "import infomaniak_operator; print(infomaniak_operator.__file__)"
    done = subprocess.run([str(python), "-c", code], cwd="/", capture_output=True, text=True, check=True)
    return Path(done.stdout.strip()).parent.parent.parent


def _commit(source: Path) -> str:
    done = subprocess.run(
        ["git", "-C", str(source), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="of the environment to measure")
    parser.add_argument("--state", type=Path, default=None, help="a sandbox's state folder; its own by default")
    parser.add_argument("--only", default=",".join(PARTS), help="which parts")
    parser.add_argument("--scale", type=int, default=1, help="divide all numbers of objects by this, to try the bench")
    options = parser.parse_args()
    python = options.python.absolute()
    with tempfile.TemporaryDirectory() as folder, wire_cloud() as cloud:
        box = Sandbox((options.state or Path(folder) / "box").resolve())
        environment = box.up(openstack=False, progress=lambda _: None)
        try:
            kubectl = Kubectl(environment.kubectl, environment.kubeconfig)
            kubectl.apply(ROOT / "crds")
            kubectl.run("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
            cluster = Cluster(environment.kubeconfig)
            bench = Bench(python, environment.kubeconfig, cluster, cloud, Path(folder), options.scale)
            found = {}
            for name in options.only.split(","):
                print(f"{name} ...", file=sys.stderr, flush=True)
                found[name] = PARTS[name](bench)
                print(json.dumps(found[name]), file=sys.stderr, flush=True)
            bench.fresh()
        finally:
            if options.state is None:
                box.down()
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "commit": _commit(_source(python))}
    print(json.dumps({**machine, **found}, indent=2))


if __name__ == "__main__":
    main()
