"""Bad credentials, no Secret, no Keystone: a condition that says so, and Ready again by itself once mended."""

import base64
import json

import pytest

from sandbox import Sandbox
from tests.support.box import until
from tests.support.running import User, network

SUBNETS = [{"name": "a", "cidr": "10.1.0.0/24"}]


def test_secret_absent_then_there(user: User) -> None:
    user.kubectl.run("delete", "secret", "infomaniak", "-n", user.namespace)
    user.apply(network("n", subnets=SUBNETS))
    ready = user.until_condition("inet", "n", "Ready", reason="WaitingForReference")
    assert "network.infomaniak.cloud/credentials=true" in ready["message"]
    assert user.condition("inet", "n", "CredentialsValid")["status"] == "False"
    assert user.condition("inet", "n", "Stalled") == {}
    user.credentials()
    user.until_ready("inet", "n")


def test_secret_without_the_label_is_not_read(user: User) -> None:
    label = "network.infomaniak.cloud/credentials-"
    user.kubectl.run("label", "secret", "infomaniak", label, "-n", user.namespace)
    user.apply(network("n", subnets=SUBNETS))
    user.until_condition("inet", "n", "Ready", reason="WaitingForReference")
    user.kubectl.run("label", "secret", "infomaniak", "network.infomaniak.cloud/credentials=true", "-n", user.namespace)
    user.until_ready("inet", "n")


def test_refused_by_keystone_then_mended(user: User) -> None:
    secret = user.get("secret", "infomaniak")
    right = secret["data"]["clouds.yaml"]
    text = base64.b64decode(right).decode().replace(user.project.application_credential_secret, "wrong-secret")
    user.apply(json.dumps({**secret, "metadata": _meta(secret), "data": {"clouds.yaml": _encoded(text)}}))
    user.apply(network("n", subnets=SUBNETS))
    ready = user.until_condition("inet", "n", "Ready", reason="CredentialsInvalid")
    assert "wrong-secret" not in json.dumps(user.get("inet", "n"))
    assert ready["status"] == "False"
    assert user.condition("inet", "n", "Stalled")["status"] == "True"
    user.apply(json.dumps({**secret, "metadata": _meta(secret), "data": {"clouds.yaml": right}}))
    user.until_ready("inet", "n")


def test_a_secret_that_cannot_be_read_names_the_key(user: User) -> None:
    secret = user.get("secret", "infomaniak")
    user.apply(json.dumps({**secret, "metadata": _meta(secret), "data": {"clouds.yaml": _encoded("clouds: {}")}}))
    user.apply(network("n", subnets=SUBNETS))
    ready = user.until_condition("inet", "n", "Ready", reason="CredentialsInvalid")
    assert "clouds.yaml" in ready["message"]


def test_keystone_down_then_up(box: Sandbox, user: User) -> None:
    # A credential of its own: the operator has logged in with no other test's.
    user.credentials("second", box.customer("beta", "reader"))
    box.stop("keystone")
    try:
        body = network("n", subnets=SUBNETS)
        body["spec"]["cloudCredentialsRef"]["secretName"] = "second"
        user.apply(body)
        ready = user.until_condition("inet", "n", "Ready", reason="CloudError")
        assert ready["status"] == "False"
        assert user.condition("inet", "n", "Stalled") == {}
    finally:
        box.start("keystone")
    network_id = user.until_ready("inet", "n", 120)["status"]["id"]
    user.delete("inet", "n")
    until(lambda: network_id not in [n["id"] for n in user.networks()], "gone")


@pytest.mark.slow
def test_neutron_down_leaves_ready_as_it_was(box: Sandbox, user: User) -> None:
    user.apply(network("n", subnets=SUBNETS))
    status = user.until_ready("inet", "n")["status"]
    box.stop("neutron")
    try:
        user.annotate("inet", "n", reconcile_at="1")
        user.until_condition("inet", "n", "Synced", status="Unknown", reason="CloudError")
        assert user.condition("inet", "n", "Ready")["status"] == "True"
    finally:
        box.start("neutron")
    user.until_condition("inet", "n", "Synced", status="True")
    assert user.get("inet", "n")["status"]["id"] == status["id"]


def _meta(secret: dict) -> dict:
    return {"name": secret["metadata"]["name"], "labels": secret["metadata"]["labels"]}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
