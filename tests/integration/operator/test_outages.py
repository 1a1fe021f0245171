"""A part of the cloud is away: the operator asks it now and then by a single request, keeps what it said, and goes on."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from demo.operator import OperatorProcess
from sandbox import Environment, Sandbox
from tests.support.box import until
from tests.support.manifests import bundle
from tests.support.outsider import project_user
from tests.support.running import User, network
from tests.support.tenants import AT_HOME, at_home, condition

pytestmark = pytest.mark.slow

SUBNETS = [{"name": "a", "cidr": "10.61.0.0/24"}, {"name": "b", "cidr": "10.62.0.0/24"}]
OTHERS = [f"other-{number}" for number in range(12)]
FIRST, WATCHED = 2.0, 6.0
"""Seconds until the operator has found out, and then seconds for which its calls are counted."""
AWAY = 8.0
"""Seconds for which Kubernetes is away."""


def test_who_is_away_is_asked_once_a_second_at_most_and_all_is_well_after(
    box: Sandbox, beta: User, running: OperatorProcess
) -> None:
    at_home(beta, SUBNETS)
    beta.apply(bundle(*(network(each, subnets=SUBNETS[:1]) for each in OTHERS)))
    for each in OTHERS:
        beta.until_ready("inet", each)
    pid = running.pid()
    for service in ("neutron", "octavia", "keystone"):
        box.set_faults([{"service": service, "status": 503}])
        try:
            _look(beta)
            time.sleep(FIRST)
            mark = box.mark()
            time.sleep(WATCHED)
            asked = [call for call in box.calls(mark) if call.by == "operator" and call.status == 503]
        finally:
            box.clear_faults()
        assert len(asked) <= WATCHED, service
        # What was Ready still is.
        assert len(_all(beta)) == len(AT_HOME) + len(OTHERS)
        assert [body["metadata"]["name"] for body in _all(beta) if condition(body)["status"] != "True"] == [], service
        _look(beta)
        until(lambda: all(condition(body, "Synced")["status"] == "True" for body in _all(beta)), "all is well after")
    assert running.pid() == pid
    said = running.log.read_text()
    assert "does not answer: one request asks now and then" in said
    assert "answers again" in said


@pytest.mark.parametrize("parts", [("etcd", "kube-apiserver"), ("etcd",)], ids="+".join)
def test_kubernetes_away_while_things_change_and_all_is_well_after(
    box: Sandbox, beta: User, running: OperatorProcess, parts: tuple[str, ...]
) -> None:
    beta.apply(bundle(*(network(each, subnets=SUBNETS[:1]) for each in OTHERS[:6])))
    for each in OTHERS[:6]:
        beta.until_ready("inet", each)
    there = {row["name"] for row in beta.networks()}
    pid = running.pid()
    beta.apply(bundle(*(network(each, subnets=SUBNETS[:1]) for each in OTHERS[6:])))
    beta.kubectl.run("delete", "inet", *OTHERS[:3], "-n", beta.namespace, "--wait=false")
    for each in parts:
        box.stop(each)
    time.sleep(AWAY)
    for each in parts:
        box.start(each)

    def settled() -> bool:
        bodies = _all(beta)
        return len(bodies) == len(OTHERS) - 3 and all(condition(body).get("status") == "True" for body in bodies)

    until(settled, "what was applied is Ready, and what was deleted is gone", 120)
    assert running.pid() == pid
    # Each once, with one subnet, and nothing else.
    wanted = sorted(OTHERS[3:])
    assert sorted(row["name"] for row in beta.networks() if row["name"] in (there | set(OTHERS))) == wanted
    assert all(len(beta.subnets(row["id"])) == 1 for row in beta.networks() if row["name"] in wanted)


def test_a_credential_that_is_revoked_is_not_tried_again_and_again_and_a_new_one_mends_it(
    box: Sandbox, env: Environment, beta: User, running: OperatorProcess
) -> None:
    gone = project_user(env, beta.project.name, "revoked")
    cloud = {"auth": gone.auth, "region_name": env.region}
    beta.apply(_secret(json.dumps({"clouds": {"infomaniak": cloud}})))
    beta.apply(bundle(*(network(each, subnets=SUBNETS[:1]) for each in OTHERS)))
    for each in OTHERS:
        beta.until_ready("inet", each)
    pid = running.pid()

    gone.disable()
    box.stop("neutron")  # which remembers for minutes that the token was good
    box.start("neutron")
    _look(beta)
    time.sleep(FIRST)
    mark = box.mark()
    time.sleep(WATCHED)
    asked = [call for call in box.calls(mark) if call.by == "operator"]
    assert len(asked) <= WATCHED
    until(lambda: all(_refused(body) for body in _all(beta)), "each says what is wrong")

    beta.credentials()
    until(lambda: all(condition(body).get("status") == "True" for body in _all(beta)), "all is well after")
    assert running.pid() == pid
    assert gone.auth["password"] not in running.log.read_text()


def _refused(body: dict[str, Any]) -> bool:
    valid, ready = condition(body, "CredentialsValid"), condition(body)
    return (valid["status"], ready["reason"]) == ("False", "CredentialsInvalid")


def _secret(clouds: str) -> dict[str, Any]:
    meta = {"name": "infomaniak", "labels": {"network.infomaniak.cloud/credentials": "true"}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"clouds.yaml": clouds}}


def _all(user: User) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = user.kubectl.json("get", "infomaniak", "-n", user.namespace)["items"]
    return found


def _look(user: User) -> None:
    """Have all be reconciled."""
    now = f"network.infomaniak.cloud/reconcile-at={time.time()}"
    user.kubectl.run("annotate", "--overwrite", "infomaniak", "--all", "-n", user.namespace, now)
