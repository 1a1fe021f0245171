"""The Secret of a credential: held while it is needed, and nothing but the finalizer of it can be changed."""

import time

import pytest

from demo.flow import OPERATOR_NAMESPACE
from demo.operator import OperatorProcess
from infomaniak_operator.engine.contract import FINALIZER
from infomaniak_operator.engine.kube import SECRETS, KubeError
from infomaniak_operator.engine.kube_http import HttpKube, loader
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
