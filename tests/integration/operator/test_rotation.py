"""Credentials that change under a running operator, the operator's own ones, and where credentials may lead."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.operator import OperatorProcess
from sandbox import Environment, Sandbox
from tests.support.box import kubectl, until
from tests.support.cloud_hands import changing, reconciled, until_event
from tests.support.manifests import manifest
from tests.support.running import User, network
from tests.support.second import instead_of

pytestmark = pytest.mark.slow

SUBNETS = [{"name": "a", "cidr": "10.1.0.0/24"}]
LABELS = {"network.infomaniak.cloud/credentials": "true"}


def secret(clouds: str, name: str = "infomaniak") -> str:
    meta = {"name": name, "labels": LABELS}
    return json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"clouds.yaml": clouds}})


def wrong(user: User) -> str:
    return user.project.clouds_yaml().replace(user.project.application_credential_secret, "was-revoked")


def works(user: User, name: str, text: str) -> None:
    """The object can be changed in the cloud."""
    user.patch("inet", name, {"description": text})
    body = user.until_ready("inet", name)
    assert user.cloud.networks.get(body["status"]["id"])["description"].startswith(text)


def test_rotated_by_an_edit(user: User) -> None:
    """The credential in use is revoked and replaced in the same Secret: picked up by its event, nothing restarted."""
    right = base64.b64decode(user.get("secret", "infomaniak")["data"]["clouds.yaml"]).decode()
    user.apply(network("n", subnets=SUBNETS))
    network_id = user.until_ready("inet", "n")["status"]["id"]
    user.apply(secret(wrong(user)))
    user.until_condition("inet", "n", "CredentialsValid", status="False")
    ready = user.until_condition("inet", "n", "Ready", reason="CredentialsInvalid")
    assert "was-revoked" not in json.dumps(user.get("inet", "n"))
    assert "was-revoked" not in until_event(user, "n", "CredentialsInvalid")
    assert ready["status"] == "False"
    user.apply(secret(right))
    body = user.until_ready("inet", "n")
    assert body["status"]["id"] == network_id
    works(user, "n", "after the edit")


def test_rotated_by_delete_and_create(user: User) -> None:
    user.apply(network("n", subnets=SUBNETS))
    before = user.until_ready("inet", "n")
    user.kubectl.run("delete", "secret", "infomaniak", "-n", user.namespace, "--timeout=60s")
    user.until_condition("inet", "n", "CredentialsValid", status="False", reason="WaitingForReference")
    # Nothing is known to be wrong with the network itself.
    assert user.condition("inet", "n", "Ready")["status"] == "True"
    assert user.condition("inet", "n", "Stalled") == {}
    user.credentials()
    user.until_condition("inet", "n", "CredentialsValid", status="True")
    assert user.until_ready("inet", "n")["status"]["id"] == before["status"]["id"]
    works(user, "n", "after the new one")


def test_a_new_credential_of_the_same_project_takes_over(user: User, env: Environment) -> None:
    """Plain keys, and a user instead of an application credential: another credential of the same project."""
    user.apply(network("n", subnets=SUBNETS))
    network_id = user.until_ready("inet", "n")["status"]["id"]
    plain = {
        "auth_url": env.auth_url,
        "application_credential_id": user.project.application_credential_id,
        "application_credential_secret": user.project.application_credential_secret,
        "region_name": env.region,
    }
    meta = {"name": "plain", "labels": LABELS}
    user.apply(json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": plain}))
    body = network("n", subnets=SUBNETS, description="by the plain keys")
    body["spec"]["cloudCredentialsRef"] = {"secretName": "plain"}
    user.apply(body)
    assert user.until_ready("inet", "n")["status"]["id"] == network_id
    assert user.cloud.networks.get(network_id)["description"].startswith("by the plain keys")


def test_a_credential_of_another_project_is_refused(box: Sandbox, env: Environment, user: User) -> None:
    """It would find nothing there, and take that for "deleted": refused instead, and nothing is touched in either."""
    user.apply(network("n", subnets=SUBNETS))
    body = user.until_ready("inet", "n")
    other = User(env, user.namespace, env.projects["beta"])
    mark = box.mark()
    user.credentials(project=other.project)
    message = user.until_condition("inet", "n", "Ready", reason="Conflict")["message"]
    assert user.project.id in message
    assert other.project.id in message
    assert user.condition("inet", "n", "Stalled")["status"] == "True"
    user.patch("inet", "n", {"description": "for whom?"})
    until(lambda: user.condition("inet", "n", "Ready").get("observedGeneration") == 2, "the change was seen")
    user.delete("inet", "n", wait=False)
    user.until_condition("inet", "n", "Ready", reason="Conflict")
    assert changing(box, mark, user) == []
    assert changing(box, mark, other) == []
    user.credentials()
    until(lambda: user.get("inet", "n") is None, "deleted once the right credential is back")
    assert body["status"]["id"] not in [each["id"] for each in user.networks()]


def test_a_host_that_is_not_allowed_is_refused_by_name(box: Sandbox, env: Environment, user: User) -> None:
    elsewhere = user.project.clouds_yaml().replace(env.auth_url, "http://keystone.example.org:5000/v3")
    user.apply(secret(elsewhere))
    user.apply(network("n", subnets=SUBNETS))
    message = user.until_condition("inet", "n", "Ready", reason="CredentialsInvalid")["message"]
    assert "--allowed-auth-url" in message
    assert "keystone.example.org" in message
    assert user.condition("inet", "n", "Stalled")["status"] == "True"
    assert user.project.application_credential_secret not in json.dumps(user.get("inet", "n"))
    user.credentials()
    user.until_ready("inet", "n")


@pytest.fixture
def operators_own(env: Environment) -> Iterator[str]:
    """A namespace with the operator's own credential, which users cannot read."""
    name = "operators-own"
    kubectl(env, "create", "namespace", name)
    kubectl(env, "apply", "-n", name, "-f", "-", stdin=secret(env.projects["alpha"].clouds_yaml(), "default"))
    yield name
    kubectl(env, "delete", "namespace", name, "--wait=false")


def test_default_credentials_only_for_the_namespaces_allowed(
    box: Sandbox, env: Environment, user: User, running: OperatorProcess, *, operators_own: str, tmp_path: Path
) -> None:
    allowed, denied = user, User(env, "default", user.project)
    default = ("--default-credentials", f"{operators_own}/default:infomaniak")
    with instead_of(
        running, box, tmp_path, *default, "--default-credentials-namespace", allowed.namespace
    ):  # the shared operator has no default: its objects must be gone before it is back
        body = manifest("InfomaniakNetwork", "n", subnets=SUBNETS)
        del body["spec"]["cloudCredentialsRef"]
        allowed.apply(body)
        mark = box.mark()
        denied.apply(body)
        ready = allowed.until_ready("inet", "n")
        assert ready["status"]["projectID"] == env.projects["alpha"].id
        message = denied.until_condition("inet", "n", "Ready", reason="CredentialsInvalid")["message"]
        assert "default" in message
        assert "spec.cloudCredentialsRef" in message
        assert denied.condition("inet", "n", "Stalled")["status"] == "True"
        denied.delete("inet", "n")
        allowed.delete("inet", "n")
        posts = [call for call in changing(box, mark, user) if call.startswith("POST") and "/networks" in call]
        assert len(posts) == 1


def test_nothing_of_a_secret_is_told(box: Sandbox, user: User, running: OperatorProcess) -> None:
    """Neither in status, nor in Events, nor in the operator's log: with a good credential and with a bad one."""
    user.apply(network("n", subnets=SUBNETS))
    user.until_ready("inet", "n")
    user.apply(secret(wrong(user)))
    user.until_condition("inet", "n", "Ready", reason="CredentialsInvalid")
    told = json.dumps(user.get("inet", "n")) + json.dumps(user.events("n")) + running.log.read_text()
    for value in (user.project.application_credential_secret, "was-revoked"):
        assert value not in told
    user.credentials()
    user.until_ready("inet", "n")
    reconciled(box, user, "inet", "n")
