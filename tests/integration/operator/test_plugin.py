"""`kubectl infomaniak`, found and run by kubectl itself, on what the operator has made of objects."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import Environment
from tests.support.box import kubectl, until
from tests.support.canary import Canary
from tests.support.manifests import bundle, floating_ip, router
from tests.support.running import User, network

SUBNETS = [{"name": "a", "cidr": "10.1.0.0/24"}]
Run = Callable[..., subprocess.CompletedProcess[str]]


def runner(env: Environment, kubeconfig: Path) -> Run:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        surroundings = {**os.environ, "PATH": path, "KUBECONFIG": str(kubeconfig)}
        return subprocess.run(
            [str(env.kubectl), "infomaniak", *words],
            env=surroundings,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def plugin(env: Environment) -> Run:
    return runner(env, env.kubeconfig)


def test_what_is_wrong_is_named_and_what_is_well_is_shown(user: User, plugin: Run) -> None:
    here = ["-n", user.namespace]
    user.apply(
        bundle(
            network("n", subnets=SUBNETS),
            router("r", interfaces=[{"networkRef": {"name": "n"}}]),
            floating_ip("f", loadBalancerRef={"name": "none"}),
        )
    )
    user.until_ready("inet", "n")
    user.until_ready("irouter", "r")
    user.until_condition("ifip", "f", "Ready", status="False", reason="WaitingForReference")
    why = plugin("why", "ifip/f", *here)
    assert (why.returncode, why.stderr) == (2, "")
    assert why.stdout.startswith("LoadBalancer/none: NotFound: ")
    tree = plugin("tree", *here)
    assert tree.returncode == 2
    assert "✓ InfomaniakNetwork/n\n└── ✓ Router/r\n" in tree.stdout
    assert "Blocked by: LoadBalancer/none  NotFound" in tree.stdout
    assert "Waiting for it: FloatingIP/f" in tree.stdout
    assert "\x1b" not in tree.stdout
    of_network = plugin("tree", "inet", "n", *here, "-o", "json")
    assert of_network.returncode == 0, of_network.stderr
    assert {each["name"] for each in json.loads(of_network.stdout)["items"]} == {"n", "r"}
    status = plugin("status", "inet/n", *here)
    assert status.returncode == 0, status.stderr
    there = (user.get("inet", "n") or {})["status"]
    assert all(text in status.stdout for text in (there["id"], "10.1.0.0/24", "Available", "Created"))


def test_an_object_is_paused_and_resumed(user: User, plugin: Run) -> None:
    here = ["-n", user.namespace]
    user.apply(network("n", subnets=SUBNETS))
    user.until_ready("inet", "n")
    assert plugin("pause", "inet/n", *here).returncode == 0
    user.until_condition("inet", "n", "Synced", status="Unknown", reason="Paused")
    assert "InfomaniakNetwork/n  [paused]" in plugin("tree", *here).stdout
    assert "is paused already" in plugin("pause", "inet/n", *here).stdout
    assert plugin("resume", "inet/n", *here).stdout == "InfomaniakNetwork/n is not paused any more.\n"
    assert plugin("resume", "inet/n", *here).stdout == "InfomaniakNetwork/n is not paused. Nothing was changed.\n"
    user.until_condition("inet", "n", "Synced", status="True")
    assert (user.get("inet", "n") or {})["spec"]["subnets"] == SUBNETS
    gone = plugin("pause", "inet/none", *here)
    assert (gone.returncode, gone.stdout) == (3, "")
    assert '"none" not found' in gone.stderr


def test_watching_ends_when_all_is_ready(user: User, plugin: Run) -> None:
    user.apply(network("n", subnets=SUBNETS))
    watched = plugin("tree", "--watch", "-n", user.namespace)
    assert (watched.returncode, watched.stderr) == (0, "")
    assert watched.stdout.rstrip().endswith("✓ InfomaniakNetwork/n")


def test_who_may_not_look_is_told_so_and_not_that_nothing_is_there(
    user: User, env: Environment, tmp_path: Path
) -> None:
    kubectl(env, "create", "serviceaccount", "looker", "-n", user.namespace)
    token = kubectl(env, "create", "token", "looker", "-n", user.namespace).strip()
    config: dict[str, Any] = yaml.safe_load(env.kubeconfig.read_text())
    config["users"] = [{"name": each["name"], "user": {"token": token}} for each in config["users"]]
    theirs = tmp_path / "kubeconfig"
    theirs.write_text(yaml.safe_dump(config))
    run = runner(env, theirs)
    refused = run("tree", "-n", user.namespace)
    assert (refused.returncode, refused.stdout) == (3, "")
    assert refused.stderr.startswith(f"error: Cannot list infomaniaknetworks in namespace {user.namespace}: ")
    assert "forbidden" in refused.stderr
    role = f"{user.namespace}-looks"
    view = ["--verb=get,list", "--resource=*.network.infomaniak.cloud"]
    kubectl(env, "create", "role", role, "-n", user.namespace, *view)
    kubectl(
        env,
        "create",
        "rolebinding",
        role,
        "-n",
        user.namespace,
        f"--role={role}",
        f"--serviceaccount={user.namespace}:looker",
    )
    until(lambda: run("tree", "-n", user.namespace).returncode == 0 or None, "the rights are known")
    assert run("tree", "-A").returncode == 3


def test_the_doctor_finds_what_is_wrong_with_a_real_installation(
    user: User, env: Environment, plugin: Run, tmp_path: Path
) -> None:
    user.apply(network("n", subnets=SUBNETS))
    user.until_ready("inet", "n")
    here = ["-n", user.namespace, "--operator-namespace", user.namespace]  # not where other tests have left Leases
    done = plugin("doctor", *here, "-o", "json")
    assert done.returncode in (0, 1), done.stdout + done.stderr
    found = {each["check"]: each for each in json.loads(done.stdout)["checks"]}
    fine = ("CustomResourceDefinitions", "Watched objects", "Permissions", "Credentials", "Login", "Clocks")
    assert {name: found[name]["message"] for name in fine if found[name]["state"] != "Ok"} == {}
    assert {"Quota", "Roles", "External networks"} <= set(found)
    assert user.project.id in found["Login"]["message"]
    assert all(service in found["Clocks"]["message"] for service in ("the API server", "Keystone", "Neutron"))
    assert "?  Operator" in plugin("doctor", *here).stdout  # in the sandbox it runs in no Pod
    bundle_of = tmp_path / "b.tar.gz"
    written = plugin("support-bundle", *here, "-f", str(bundle_of))
    assert written.returncode in (0, 1), written.stdout + written.stderr
    with tarfile.open(bundle_of) as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    Canary.of(env).folder(tmp_path / "unpacked", "the bundle")
    (networks,) = (tmp_path / "unpacked").glob("*/objects/infomaniaknetworks.json")
    assert [each["metadata"]["name"] for each in json.loads(networks.read_text())] == ["n"]
    (events,) = (tmp_path / "unpacked").glob("*/events.json")
    assert "Created" in {each["reason"] for each in json.loads(events.read_text())}
    label = ["label", "secret", "infomaniak", "-n", user.namespace]
    kubectl(env, *label, "network.infomaniak.cloud/credentials-")
    wrong = plugin("doctor", *here)
    kubectl(env, *label, "network.infomaniak.cloud/credentials=true")
    assert (wrong.returncode, wrong.stderr) == (2, "")
    assert "✗  Credentials" in wrong.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--context", "none"], "The kubeconfig cannot be used: "),
        (["--kubeconfig", "/nowhere/kubeconfig"], "The kubeconfig cannot be used: "),
    ],
)
def test_a_kubeconfig_that_is_none(plugin: Run, words: list[str], said: str) -> None:
    done = plugin("tree", *words)
    assert (done.returncode, done.stdout) == (3, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_an_api_server_that_does_not_answer(env: Environment, tmp_path: Path) -> None:
    config: dict[str, Any] = yaml.safe_load(env.kubeconfig.read_text())
    for each in config["clusters"]:
        each["cluster"]["server"] = "https://127.0.0.1:1"
    theirs = tmp_path / "kubeconfig"
    theirs.write_text(yaml.safe_dump(config))
    done = runner(env, theirs)("tree")
    assert (done.returncode, done.stdout) == (3, "")
    assert "does not answer" in done.stderr
    assert "Traceback" not in done.stderr
