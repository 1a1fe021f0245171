"""The Secret of a credential: held while it is needed, and nothing but the finalizer of it can be changed."""

import time

import pytest

from demo.flow import OPERATOR_NAMESPACE
from demo.operator import OperatorProcess
from infomaniak_operator.controller.interfaces import FINALIZER
from infomaniak_operator.controller.kube.kube_api import SECRETS, KubeError
from infomaniak_operator.controller.kube.kube_http import HttpKube, loader
from sandbox import Sandbox
from tests.support.box import until
from tests.support.running import User, network

SUBNETS = [{"name": "a", "cidr": "10.1.0.0/24"}]


def _held(user: User) -> bool:
    secret = user.get("secret", "infomaniak") or {"metadata": {}}
    return FINALIZER in (secret["metadata"].get("finalizers") or ())


def test_a_namespace_goes_with_its_secret_even_over_a_restart(user: User, running: OperatorProcess) -> None:
    user.apply(network("n", subnets=SUBNETS))
    network_id = user.until_ready("inet", "n")["status"]["id"]
    until(lambda: _held(user), "the Secret is held")
    running.kill()
    user.kubectl.run("delete", "secret", "infomaniak", "-n", user.namespace, "--wait=false")
    user.kubectl.run("delete", "inet", "n", "-n", user.namespace, "--wait=false")
    running.start()
    until(lambda: user.get("inet", "n") is None, "the network object gone", 90)
    until(lambda: user.get("secret", "infomaniak") is None, "the Secret gone", 90)
    assert network_id not in [n["id"] for n in user.networks()]


def test_one_that_loses_its_label_while_the_operator_is_down_goes_after_its_start(
    user: User, running: OperatorProcess
) -> None:
    user.apply(network("n", subnets=SUBNETS))
    user.until_ready("inet", "n")
    until(lambda: _held(user), "the Secret is held")
    running.kill()
    user.kubectl.run("label", "secret", "infomaniak", "-n", user.namespace, "network.infomaniak.cloud/credentials-")
    user.kubectl.run("delete", "secret", "infomaniak", "-n", user.namespace, "--wait=false")
    running.start()
    until(lambda: user.get("secret", "infomaniak") is None, "the Secret gone", 90)
    user.credentials()
    user.until_condition("inet", "n", "CredentialsValid", status="True")


def test_one_that_loses_its_label_while_it_goes_is_gone(user: User) -> None:
    user.apply(network("n", subnets=SUBNETS))
    user.until_ready("inet", "n")
    until(lambda: _held(user), "the Secret is held")
    user.annotate("inet", "n", paused="true")
    user.kubectl.run("delete", "inet", "n", "-n", user.namespace, "--wait=false")
    user.kubectl.run("delete", "secret", "infomaniak", "-n", user.namespace, "--wait=false")
    user.kubectl.run("label", "secret", "infomaniak", "-n", user.namespace, "network.infomaniak.cloud/credentials-")
    until(lambda: user.get("secret", "infomaniak") is None, "the Secret gone", 90)
    user.until_condition("inet", "n", "Ready", status="False", reason="Paused")
    user.credentials()
    user.annotate("inet", "n", paused="false")
    until(lambda: user.get("inet", "n") is None, "the network object gone", 90)


def test_a_rotation_by_delete_and_create(user: User) -> None:
    user.apply(network("n", subnets=SUBNETS))
    user.until_ready("inet", "n")
    until(lambda: _held(user), "the Secret is held")
    user.kubectl.run("delete", "secret", "infomaniak", "-n", user.namespace, "--timeout=60s")
    user.credentials()
    until(lambda: _held(user), "the new Secret is held")
    user.until_condition("inet", "n", "CredentialsValid", status="True")
    assert user.condition("inet", "n", "Ready")["status"] == "True"


@pytest.mark.parametrize(
    ("patch", "says"),
    [
        ({"data": {"clouds.yaml": "eA=="}}, "changes no content"),
        ({"metadata": {"labels": {"a": "b"}}}, "changes no labels"),
        ({"metadata": {"annotations": {"a": "b"}}}, "changes no labels, annotations"),
        ({"metadata": {"finalizers": ["other/finalizer"]}}, "no finalizer of a Secret but its own"),
    ],
    ids=["content", "label", "annotation", "finalizer"],
)
def test_the_operators_rights_end_at_its_finalizer(box: Sandbox, user: User, patch: dict, says: str) -> None:
    kubeconfig = box.service_account_kubeconfig(OPERATOR_NAMESPACE, "infomaniak-operator")
    kube = HttpKube(loader(kubeconfig), time.monotonic)
    with pytest.raises(KubeError, match=says):
        kube.patch(SECRETS, user.namespace, "infomaniak", patch)


def patched(box: Sandbox, user: User, name: str, finalizers: list[str]) -> list[str]:
    """A Secret's finalizers, as the operator's own ServiceAccount sets them: what the Secret has then."""
    kubeconfig = box.service_account_kubeconfig(OPERATOR_NAMESPACE, "infomaniak-operator")
    patch = {"metadata": {"finalizers": finalizers}}
    body = HttpKube(loader(kubeconfig), time.monotonic).patch(SECRETS, user.namespace, name, patch)
    return list(body["metadata"].get("finalizers") or ())


@pytest.mark.parametrize("label", [None, "false", "TRUE", ""], ids=["none", "false", "in capitals", "empty"])
def test_the_operator_cannot_hold_a_secret_that_is_no_credential(box: Sandbox, user: User, label: str | None) -> None:
    user.kubectl.run("create", "secret", "generic", "plain", "-n", user.namespace, "--from-literal=a=b")
    if label is not None:
        user.kubectl.run(
            "label", "secret", "plain", "-n", user.namespace, f"network.infomaniak.cloud/credentials={label}"
        )
    with pytest.raises(KubeError, match="only to a Secret with the label"):
        patched(box, user, "plain", [FINALIZER])
    assert "finalizers" not in (user.get("secret", "plain") or {})["metadata"]


def test_the_operator_may_hold_a_credential_and_let_it_go_though_it_has_lost_its_label(
    box: Sandbox, user: User, running: OperatorProcess
) -> None:
    running.stop()  # it would let it go itself
    assert patched(box, user, "infomaniak", [FINALIZER]) == [FINALIZER]
    user.kubectl.run("label", "secret", "infomaniak", "-n", user.namespace, "network.infomaniak.cloud/credentials-")
    assert patched(box, user, "infomaniak", [FINALIZER]) == [FINALIZER]  # no change is none
    assert patched(box, user, "infomaniak", []) == []
    with pytest.raises(KubeError, match="only to a Secret with the label"):
        patched(box, user, "infomaniak", [FINALIZER])
