"""`kubectl infomaniak orphans` and `graph` on the real services: what an object left is found, and nothing is changed."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from sandbox import Environment
from tests.integration.operator.test_plugin import SUBNETS, Run, runner
from tests.support.box import until
from tests.support.running import User, network


@pytest.fixture
def plugin(env: Environment) -> Run:
    return runner(env, env.kubeconfig)


def test_what_an_object_left_is_found_and_nothing_is_changed(user: User, env: Environment, plugin: Run) -> None:
    here = ["-n", user.namespace]
    asked = ["orphans", *here, "--allowed-auth-url", env.auth_url]
    user.apply(network("left", subnets=SUBNETS))
    user.apply(network("stays"))
    there = user.until_ready("inet", "left")["status"]
    stays = user.until_ready("inet", "stays")["status"]["id"]
    picture = plugin("graph", *here)
    assert (picture.returncode, picture.stderr) == (0, "")
    assert {"left", "stays"} <= set(ET.fromstring(picture.stdout).itertext())
    before = plugin(*asked, "-o", "json")
    assert before.returncode in (0, 1, 2), before.stderr
    assert there["id"] not in before.stdout
    user.annotate("inet", "left", paused="true")
    user.until_condition("inet", "left", "Synced", status="Unknown", reason="Paused")
    user.delete("inet", "left", wait=False)
    finalizers = json.dumps({"metadata": {"finalizers": None}})
    user.kubectl.run("patch", "inet", "left", *here, "--type=merge", "-p", finalizers)
    until(lambda: user.get("inet", "left") is None, "the object is gone")
    try:
        found = plugin(*asked, "-o", "json")
        assert found.stderr == ""
        report = json.loads(found.stdout)
        assert (report["notLooked"], report["warnings"]) == ([], [])
        assert report["project"] == user.project.id
        ours = {each["id"]: each for each in report["orphans"]}
        assert ours.keys() >= {there["id"], there["subnets"][0]["id"]}
        assert stays not in ours
        former = ours[there["id"]]["formerOwner"]
        assert (former["kind"], former["namespace"], former["name"]) == ("InfomaniakNetwork", user.namespace, "left")
        assert ours[there["id"]]["young"] is True
        assert plugin(*asked).returncode == found.returncode
        assert there["id"] in {each["id"] for each in user.networks()}
    finally:
        user.cloud.subnets.delete(there["subnets"][0]["id"])
        user.cloud.networks.delete(there["id"])
