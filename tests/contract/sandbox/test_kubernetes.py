"""In what the sandbox's Kubernetes must be true."""

import json

from sandbox import Environment, Sandbox
from tests.support.box import kubectl, until


def _config_map(name: str, **metadata: object) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}})


def test_a_namespace_is_deleted_with_all_in_it(env: Environment) -> None:
    kubectl(env, "create", "namespace", "going")
    kubectl(env, "apply", "-n", "going", "-f", "-", stdin=_config_map("x"))
    kubectl(env, "delete", "namespace", "going", "--timeout=60s")
    assert "NotFound" in kubectl(env, "get", "configmap", "x", "-n", "going", check=False)


def test_garbage_is_collected(env: Environment, namespace: str) -> None:
    kubectl(env, "apply", "-n", namespace, "-f", "-", stdin=_config_map("owner"))
    uid = json.loads(kubectl(env, "get", "configmap", "owner", "-n", namespace, "-o", "json"))["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    kubectl(env, "apply", "-n", namespace, "-f", "-", stdin=_config_map("owned", ownerReferences=[owner]))
    kubectl(env, "delete", "configmap", "owner", "-n", namespace)
    until(
        lambda: "NotFound" in kubectl(env, "get", "configmap", "owned", "-n", namespace, check=False), "owned one gone"
    )


def test_a_service_accounts_token_has_its_rights_and_no_others(box: Sandbox, env: Environment, namespace: str) -> None:
    kubectl(env, "create", "serviceaccount", "reader", "-n", namespace)
    kubectl(env, "create", "role", "reader", "--verb=get,list", "--resource=configmaps", "-n", namespace)
    kubectl(
        env, "create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={namespace}:reader", "-n", namespace
    )
    config = box.service_account_kubeconfig(namespace, "reader")
    mark = box.kube_mark()
    asked = f"--kubeconfig={config}"
    assert "Forbidden" not in kubectl(env, asked, "get", "configmaps", "-n", namespace)
    assert "Forbidden" in kubectl(env, asked, "get", "secrets", "-n", namespace, check=False)
    user = f"system:serviceaccount:{namespace}:reader"
    seen = [(c.verb, c.resource, c.status) for c in box.kube_calls(mark, user) if c.resource]
    assert ("list", "configmaps", 200) in seen
    assert ("list", "secrets", 403) in seen
