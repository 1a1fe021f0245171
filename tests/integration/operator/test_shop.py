"""examples/shop as its README says: one ``kubectl apply``, then each request of its table by curl, with real packets."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.flow import ROOT, credentials_secret
from demo.operator import OperatorProcess
from infomaniak_operator.client import NotFoundError
from sandbox import Sandbox
from sandbox.data_path import World
from sandbox.logs import Call
from tests.support.canary import Canary
from tests.support.customer import Customer
from tests.support.extras import having
from tests.support.running import User, operator, started
from tests.support.traffic import carrying

pytestmark = pytest.mark.slow  # the sandbox gets a Barbican and a Designate, and carries packets

FOLDER = ROOT / "examples" / "shop"
README = (FOLDER / "README.md").read_text()
BODIES = [body for path in sorted(FOLDER.glob("*.yaml")) for body in yaml.safe_load_all(path.read_text())]
POOLS = {
    body["metadata"]["name"]: {f"{each['address']}:{each['port']}" for each in body["spec"]["members"]}
    for body in BODIES
    if body["kind"] == "Pool"
}
HOSTS = ("shop", "blog")
NOT_VERIFIED = 60
"""What curl's exit code is then."""
WRITES = {
    "neutron": [
        *("POST floatingips", "POST networks", "POST ports", "POST routers", "POST security-group-rules"),
        *("POST security-groups", "POST subnets", "PUT add_router_interface"),
    ],
    "barbican": ["POST secrets", "POST secrets"],
    "octavia": ["POST loadbalancers"],
    "designate": ["PATCH floatingips"],
}
"""All that is changed in the cloud until all is Ready."""


@contextmanager
def _beside_both(box: Sandbox, folder: Path) -> Iterator[OperatorProcess]:
    with having(box, "barbican", "designate"), operator(box, folder, "--create-grace-seconds=4") as process:
        yield process


@pytest.fixture
def running(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> OperatorProcess:
    """The operator, in a sandbox that has Barbican and Designate."""
    return started(
        box,
        "the operator beside Barbican and Designate",
        lambda: _beside_both(box, tmp_path_factory.mktemp("operator")),
    )


def blocks(heading: str, language: str) -> list[str]:
    """What the README shows in that language under a heading."""
    (section,) = re.findall(rf"^## {heading}\n(.*?)(?=^## |\Z)", README, re.DOTALL | re.MULTILINE)
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


class Shell:
    """A user's shell, in a copy of the examples, with a kubectl that knows its cluster and namespace."""

    def __init__(self, folder: Path, box: Sandbox, namespace: str) -> None:
        self.folder = folder
        env = box.environment
        kubectl = folder / "bin" / "kubectl"
        kubectl.parent.mkdir()
        command = shlex.join([str(env.kubectl), f"--kubeconfig={env.kubeconfig}", "-n", namespace])
        kubectl.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        kubectl.chmod(0o700)

    def run(self, text: str) -> str:
        """What it prints."""
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def world(box: Sandbox, beta: User) -> Iterator[World]:
    """Where the packets are, with all servers of the example."""
    spots = sorted(set().union(*POOLS.values()))
    with carrying(box) as path:
        world = path.world(beta.project.name)
        world.serve(*spots)
        yield world
        world.end(*spots)


@pytest.fixture
def shell(box: Sandbox, beta: User, tmp_path: Path) -> Iterator[Shell]:
    """Whose examples/shop has a credential filled in, with the role ``creator``."""
    copy = tmp_path / "examples" / "shop"
    copy.mkdir(parents=True)
    for path in FOLDER.glob("*.yaml"):
        (copy / path.name).write_text(path.read_text())
    (copy / "credentials.yaml").write_text(credentials_secret(box.customer("beta", "creator")))
    yield Shell(tmp_path, box, beta.namespace)
    beta.kubectl.run("delete", "infomaniak", "--all", "-n", beta.namespace, "--timeout=120s")


def test_the_shop(box: Sandbox, beta: User, world: World, shell: Shell, running: OperatorProcess) -> None:
    folder = shell.folder
    barbican = Customer(box.environment, box.customer("beta", "creator")).barbican

    def kept() -> list[Any]:
        return [each["name"] for each in barbican("GET", "secrets?limit=100").body["secrets"]]

    (certificates,) = blocks("The certificates", "sh")
    (apply,) = blocks("Apply it", "sh")
    shell.run(certificates)
    mark = box.mark()
    print("\n" + shell.run(apply))
    calls = [call for call in box.calls(mark) if call.by == "operator"]
    print(f"{len(calls)} calls")
    assert [f"{call.method} {call.path} {call.status}" for call in calls if call.status >= 400] == []
    assert {service: changes(calls, service) for service in WRITES} == WRITES
    assert len(kept()) == 2
    told = {reason for name in ("shop", "api", "blog") for reason, _ in beta.events(name)}
    assert not told & {"DriftCorrected", "CloudError", "InvalidConfiguration", "Conflict"}

    # The name that the address leads back to.
    status = (beta.get("ifip", "shop") or {})["status"]
    assert beta.cloud.reverse_dns.get(status["id"])["ptrdname"] == "shop.example.com."

    # What the README asks first, then each row of its table.
    (asking,) = blocks("Ask it", "sh")
    line, request = asking.strip().splitlines()
    address = shell.run(f"{line}\necho $address").strip()
    assert address == status["address"]
    said = world.execute("bash", "-c", request, environment={"address": address}, cwd=folder)
    assert said.stdout.strip() in POOLS["shop"], said.stderr
    rows = re.findall(r"^\| `(https?://[^`]+)` \| (.*?) \|$", README, re.MULTILINE)
    assert len(rows) > 8
    assert {url: answer(world, address, url, folder) for url, _ in rows} == dict(rows)

    # Each host has its own certificate: the other's authority does not vouch for it.
    for host, other in (("shop", "blog"), ("blog", "shop")):
        url = f"https://{host}.example.com/"
        refused = ask(world, address, url, "--cacert", f"{other}.crt", cwd=folder)
        assert refused.returncode == NOT_VERIFIED, refused.stdout

    (delete,) = blocks("Take it away", "sh")
    shell.run(delete)
    assert kept() == []
    with pytest.raises(NotFoundError):
        beta.cloud.reverse_dns.get(status["id"])
    assert [row for row in beta.networks() if row["name"] == "shop"] == []
    keys = {name: (folder / f"{name}.key").read_text() for name in HOSTS}
    events = repr(beta.kubectl.json("get", "events", "-n", beta.namespace))
    assert Canary(keys).found(events + running.log.read_text(errors="replace")) == []


def changes(calls: Sequence[Call], service: str) -> list[str]:
    """What was asked of a service that changes something, without ids."""
    asked = [call for call in calls if call.service == service and call.method != "GET"]
    words = [[word for word in call.path.split("/") if re.fullmatch(r"[a-z_-]+", word)] for call in asked]
    return sorted(f"{call.method} {each[-1]}" for call, each in zip(asked, words, strict=True))


def ask(world: World, address: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """What curl gets where the names lead to that address."""
    return world.execute("curl", "-sS", "--max-time", "10", "--connect-to", f"::{address}:", *arguments, cwd=cwd)


def answer(world: World, address: str, url: str, cwd: Path) -> str:
    """What a request gets, in the words of the README's table.

    The certificate is verified, with the name of its host; of a host that has none only the answer counts.
    """
    host = url.split("/")[2].partition(".")[0]
    trusted = ["--cacert", f"{host}.crt"] if host in HOSTS else ["--insecure"]
    times = 6 if host in HOSTS else 1
    done = ask(world, address, *trusted, "-w", "%{http_code} %{redirect_url}\n", *[url] * times, cwd=cwd)
    assert done.returncode == 0, (url, done.stderr)
    found = set(done.stdout.split("\n")) - {""}
    pools = [name for name, servers in POOLS.items() if found == servers | {"200 "}]
    if pools:
        return f"from Pool `{pools[0]}`"
    statuses = {line for line in found if re.match(r"\d{3} ", line)}
    (status,) = statuses
    code, _, where = status.partition(" ")
    return f"{code} to `{where}`" if where else code
