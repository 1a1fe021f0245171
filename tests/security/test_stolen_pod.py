"""Who has the operator's Pod has its ServiceAccount: all that the real API server lets that do, and what it does not."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from infomaniak_operator.api.rights import RIGHTS, Right, Scope
from infomaniak_operator.cli.wiring import resources
from infomaniak_operator.controller.interfaces import FINALIZER
from infomaniak_operator.controller.kube.kube_api import SECRETS, KubeError
from infomaniak_operator.controller.kube.kube_http import HttpKube, loader
from sandbox import Environment, Sandbox
from tests.support.box import kubectl, until
from tests.support.largest import largest, status
from tests.support.running import network
from tests.support.tenants import rendered

pytestmark = pytest.mark.slow

RELEASE, NAME = "stolen", "stolen-infomaniak-operator"
PUT = ("CustomResourceDefinition", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
PUT += ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
LARGEST = largest()
EVERYBODYS = {
    ("authorization.k8s.io", "selfsubjectaccessreviews", "create"),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "create"),
    ("authentication.k8s.io", "selfsubjectreviews", "create"),
}
"""What Kubernetes lets everybody do who is known to it: ask what they may."""


@dataclass(frozen=True)
class Stolen:
    """The chart as installed, and what its token can be used for.

    Attributes:
        env: the sandbox.
        namespace: the operator's.
        tenant: a namespace with a credential, a plain Secret and an object.
        kubeconfig: with the token.
    """

    env: Environment
    namespace: str
    tenant: str
    kubeconfig: Any

    def __call__(self, *words: str, stdin: str | None = None) -> str:
        """kubectl with the token; what it says, refused or not."""
        return kubectl(self.env, f"--kubeconfig={self.kubeconfig}", *words, stdin=stdin, check=False)

    def may(self, verb: str, what: str, *more: str) -> bool:
        return self("auth", "can-i", verb, what, *more).strip().splitlines()[-1] == "yes"


@pytest.fixture(scope="module")
def stolen(box: Sandbox, env: Environment) -> Iterator[Stolen]:
    tag = uuid.uuid4().hex[:6]
    namespace, tenant = f"stolen-{tag}", f"tenant-{tag}"
    chart = rendered(env, release=RELEASE, namespace=namespace)
    objects = [each for each in chart if each["kind"] in PUT]
    text = yaml.safe_dump_all(objects)
    gone = yaml.safe_dump_all(each for each in objects if each["kind"] != "CustomResourceDefinition")
    for each in (namespace, tenant):
        kubectl(env, "create", "namespace", each)
    try:
        kubectl(env, "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)
        kubectl(env, "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        label = "network.infomaniak.cloud/credentials=true"
        for name in ("credential", "plain"):
            kubectl(
                env, "create", "secret", "generic", name, "-n", tenant, "--from-literal=password=a-secret-of-theirs"
            )
        kubectl(env, "label", "secret", "credential", "-n", tenant, label)
        kubectl(env, "create", "configmap", "theirs", "-n", tenant, "--from-literal=a=b")
        kubectl(
            env,
            "apply",
            "-n",
            tenant,
            "-f",
            "-",
            stdin=json.dumps(network("n", subnets=[{"name": "a", "cidr": "10.1.0.0/24"}])),
        )
        yield Stolen(env, namespace, tenant, box.service_account_kubeconfig(namespace, NAME))
    finally:
        kubectl(env, "delete", "infomaniak", "--all", "-n", tenant, "--timeout=60s")
        kubectl(env, "delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=gone)
        kubectl(env, "delete", "namespace", namespace, tenant, "--wait=false")


def rules(stolen: Stolen, namespace: str) -> set[tuple[str, ...]]:
    """Group, resource, verb and, where they are limited, name: all that the API server says that it may in a namespace."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    said = json.loads(stolen("create", "--validate=false", "-o", "json", "-f", "-", stdin=json.dumps(review)))["status"]
    assert not said.get("incomplete")
    return {
        (group, resource, verb, *([name] if name else []))
        for rule in said["resourceRules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames") or [""]
    }


def listed(right: Right, lease: str) -> set[tuple[str, ...]]:
    """What the list of rights says, in the same form."""
    names = [lease if "leases" in right.resources else each for each in right.names] or [""]
    return {
        (right.group, resource, verb, *([name] if name else []))
        for resource in right.resources
        for verb in right.verbs
        for name in names
    }


def test_it_may_do_what_the_list_of_rights_says_and_nothing_else(stolen: Stolen) -> None:
    by_an_option = (Scope.METRICS, Scope.READINESS_GATES)
    everywhere = [right for right in RIGHTS if right.scope not in (Scope.LEADER, *by_an_option)]
    at_home = [*everywhere, *(right for right in RIGHTS if right.scope is Scope.LEADER)]
    wanted = {each for right in everywhere for each in listed(right, NAME)} | EVERYBODYS
    assert rules(stolen, stolen.tenant) == wanted
    assert rules(stolen, stolen.namespace) == wanted | {each for right in at_home for each in listed(right, NAME)}


@pytest.mark.parametrize(
    ("verb", "what"),
    [
        ("create", "pods"),
        ("get", "pods"),
        ("create", "pods/exec"),
        ("get", "pods/log"),
        ("create", "deployments.apps"),
        ("create", "jobs.batch"),
        ("get", "configmaps"),
        ("get", "secrets"),
        ("create", "secrets"),
        ("update", "secrets"),
        ("delete", "secrets"),
        ("create", "serviceaccounts/token"),
        ("impersonate", "users"),
        ("create", "clusterrolebindings.rbac.authorization.k8s.io"),
        ("escalate", "clusterroles.rbac.authorization.k8s.io"),
        ("update", "validatingadmissionpolicies.admissionregistration.k8s.io"),
        ("update", "customresourcedefinitions.apiextensions.k8s.io"),
        ("get", "namespaces"),
        ("create", "infomaniaknetworks.network.infomaniak.cloud"),
        ("update", "infomaniaknetworks.network.infomaniak.cloud"),
        ("delete", "infomaniaknetworks.network.infomaniak.cloud"),
        ("create", "tokenreviews.authentication.k8s.io"),
    ],
)
def test_it_may_not(stolen: Stolen, verb: str, what: str) -> None:
    for namespace in (stolen.tenant, stolen.namespace, "kube-system"):
        assert not stolen.may(verb, what, "-n", namespace)


def test_it_can_list_every_secret(stolen: Stolen) -> None:
    """What docs/security.md says plainly: RBAC knows no labels. Credentials by namespace (`watch.namespaces`) bound it."""
    found = json.loads(stolen("get", "secrets", "-n", stolen.tenant, "-o", "json"))["items"]
    assert {each["metadata"]["name"] for each in found} >= {"credential", "plain"}
    assert "Forbidden" in stolen("get", "secret", "plain", "-n", stolen.tenant)


@pytest.mark.parametrize("name", ["credential", "plain"])
@pytest.mark.parametrize(
    "patch",
    [
        {"data": {"password": base64.b64encode(b"mine").decode()}},
        {"stringData": {"password": "mine"}},
        {"data": None},
        {"type": "kubernetes.io/service-account-token"},
        {"immutable": True},
        {"metadata": {"labels": {"network.infomaniak.cloud/credentials": "true", "x": "y"}}},
        {"metadata": {"annotations": {"kubernetes.io/service-account.name": "admin"}}},
        {"metadata": {"finalizers": ["mallory.example/stay"]}},
        {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "theirs", "uid": "x"}]}},
    ],
    ids=lambda patch: next(iter(patch.get("metadata", patch))) if isinstance(patch, dict) else str(patch),
)
def test_of_a_secret_it_can_change_nothing_but_our_finalizer(stolen: Stolen, patch: dict[str, Any], name: str) -> None:
    before = kubectl(stolen.env, "get", "secret", name, "-n", stolen.tenant, "-o", "json")
    kube = HttpKube(loader(stolen.kubeconfig), time.monotonic)
    with pytest.raises(KubeError, match=r"(?i)denied|cannot be|invalid|immutable|uid"):
        kube.patch(SECRETS, stolen.tenant, name, patch)
    assert kubectl(stolen.env, "get", "secret", name, "-n", stolen.tenant, "-o", "json") == before


def test_that_finalizer_it_can(stolen: Stolen) -> None:
    """On a credential: so that what is refused above is refused by what it says, not by a right that is missing."""
    kube = HttpKube(loader(stolen.kubeconfig), time.monotonic)
    for finalizers in ([FINALIZER], None):
        kube.patch(SECRETS, stolen.tenant, "credential", {"metadata": {"finalizers": finalizers}})


@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"description": "stolen"}},
        {"spec": {"deletionPolicy": "Delete"}},
        {"spec": None},
        {"metadata": {"labels": {"x": "y"}}},
        {"metadata": {"annotations": {"network.infomaniak.cloud/adopt-previous": "true"}}},
        {"metadata": {"finalizers": ["mallory.example/stay"]}},
    ],
    ids=json.dumps,
)
def test_of_our_objects_it_can_change_nothing_but_finalizer_and_status(stolen: Stolen, patch: dict[str, Any]) -> None:
    """RBAC has no right for a finalizer alone: the admission policy draws the line."""
    kube, inet = HttpKube(loader(stolen.kubeconfig), time.monotonic), resources()["InfomaniakNetwork"]
    before = kube.get(inet, stolen.tenant, "n")
    with pytest.raises(KubeError, match=r"(?i)the operator changes no|invalid|required"):
        kube.patch(inet, stolen.tenant, "n", patch)
    assert kube.get(inet, stolen.tenant, "n") == before
    for finalizers in ([FINALIZER], None):
        kube.patch(inet, stolen.tenant, "n", {"metadata": {"finalizers": finalizers}})


@pytest.mark.parametrize("kind", LARGEST)
def test_the_policy_can_be_evaluated_for_the_largest_object(stolen: Stolen, kind: str) -> None:
    """CEL has a budget, and what exceeds it is denied: the operator could neither finish nor report such an object."""
    body = {**LARGEST[kind], "metadata": {**LARGEST[kind]["metadata"], "namespace": stolen.tenant}}
    kubectl(stolen.env, "apply", "--server-side", "-f", "-", stdin=json.dumps(body))
    kube, resource = HttpKube(loader(stolen.kubeconfig), time.monotonic), resources()[kind]
    theirs = body["metadata"]["finalizers"]
    try:
        for finalizers in ([*theirs, FINALIZER], theirs, [FINALIZER, *theirs]):
            kube.patch(resource, stolen.tenant, "largest", {"metadata": {"finalizers": finalizers}})
            for parts in (256, 100):
                kube.patch_status(resource, stolen.tenant, "largest", {"status": status(kind, parts)})
        with pytest.raises(KubeError, match="the operator changes no spec"):
            kube.patch(resource, stolen.tenant, "largest", {"spec": {"description": "stolen"}})
        with pytest.raises(KubeError, match="the operator changes no finalizer of an object but its own"):
            kube.patch(resource, stolen.tenant, "largest", {"metadata": {"finalizers": [*theirs[1:], FINALIZER]}})
    finally:
        off = '{"metadata": {"finalizers": null}}'
        kubectl(stolen.env, "patch", resource.plural, "largest", "-n", stolen.tenant, "--type=merge", "-p", off)
        kubectl(stolen.env, "delete", resource.plural, "largest", "-n", stolen.tenant, "--timeout=60s")


def test_the_policy_can_be_evaluated_for_the_largest_secret(stolen: Stolen) -> None:
    """With 1,000 keys, close to the 1 MiB that a Secret may have."""
    data = {f"key-{each:03}": base64.b64encode(b"x" * 700).decode() for each in range(1000)}
    meta = LARGEST["Pool"]["metadata"]
    label = {"network.infomaniak.cloud/credentials": "true"}
    meta = {**meta, "namespace": stolen.tenant, "labels": {**meta["labels"], **label}}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data}
    kubectl(stolen.env, "apply", "--server-side", "-f", "-", stdin=json.dumps(body))
    kube = HttpKube(loader(stolen.kubeconfig), time.monotonic)
    theirs = meta["finalizers"]
    try:
        for finalizers in ([*theirs, FINALIZER], theirs, [FINALIZER, *theirs]):
            kube.patch(SECRETS, stolen.tenant, "largest", {"metadata": {"finalizers": finalizers}})
        with pytest.raises(KubeError, match="the operator changes no content of a Secret"):
            kube.patch(SECRETS, stolen.tenant, "largest", {"data": {"key-999": "bWluZQ=="}})
    finally:
        off = '{"metadata": {"finalizers": null}}'
        kubectl(stolen.env, "patch", "secret", "largest", "-n", stolen.tenant, "--type=merge", "-p", off)
        kubectl(stolen.env, "delete", "secret", "largest", "-n", stolen.tenant, "--timeout=60s")


def test_with_namespaced_credentials_it_sees_those_namespaces_alone(
    box: Sandbox, env: Environment, stolen: Stolen
) -> None:
    """The chart with `watch.namespaces`: Roles there in place of a ClusterRole."""
    values = [f'watch.namespaces=["{stolen.tenant}"]', 'clusterID="c"']
    chart = rendered(env, *values, release="narrow", namespace=stolen.namespace)
    kinds = ("ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
    objects = yaml.safe_dump_all(each for each in chart if each["kind"] in kinds)
    kubectl(env, "apply", "--server-side", "-f", "-", stdin=objects)
    try:
        narrow = Stolen(
            env,
            stolen.namespace,
            stolen.tenant,
            box.service_account_kubeconfig(stolen.namespace, "narrow-infomaniak-operator"),
        )
        until(lambda: narrow.may("list", "secrets", "-n", stolen.tenant), "its Role is there")
        for namespace in ("kube-system", "default", stolen.namespace):
            assert not narrow.may("list", "secrets", "-n", namespace)
            assert not narrow.may("patch", "infomaniaknetworks.network.infomaniak.cloud", "-n", namespace)
        assert not narrow.may("list", "nodes")
    finally:
        kubectl(env, "delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=objects)
