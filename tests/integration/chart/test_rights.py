"""The rights that are granted are those that are used: by the API server's own audit, in both directions."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterable

import pytest

from infomaniak_operator.api.rights import PLURALS, RIGHTS, Scope, pairs, rights
from sandbox import Environment, Sandbox
from sandbox.logs import KubeCall
from tests.integration.chart.conftest import Install, Release
from tests.support.box import kubectl, until
from tests.support.manifests import bundle, floating_ip, interface, port, router, security_group
from tests.support.running import User, network
from tests.support.tree_hands import IL7, ILB, IPOOL, listener, load_balancer, member, monitor, policy, pool, rule

pytestmark = pytest.mark.slow

Right = tuple[str, str, str]

GONE_UNSEEN = (
    "only for an object that a LIST did not show and of which no DELETED had come, or whose patch was a conflict: "
    "test_listing.py, and tests/contract/kube"
)
UNUSED: dict[Right, str] = {
    **{("network.infomaniak.cloud", plural, "get"): GONE_UNSEEN for plural in PLURALS},
    ("", "services", "get"): GONE_UNSEEN,
    ("", "nodes", "get"): GONE_UNSEEN,
    ("discovery.k8s.io", "endpointslices", "get"): GONE_UNSEEN,
    ("", "events", "patch"): "only where the same is said again within an hour",
}
"""What is granted and need not be seen in this test, and why it is needed all the same."""

USUAL = [right for right in RIGHTS if right.scope not in (Scope.METRICS, Scope.READINESS_GATES)]
"""What is granted by default."""

KINDS = {
    "inet": "n",
    "irouter": "r",
    "isg": "g",
    "iport": "t",
    "ifip": "f",
    ILB: "lb",
    IPOOL: "p",
    "ihm": "m",
    IL7: "l7",
}


def used(calls: Iterable[KubeCall]) -> set[Right]:
    """Group, resource and verb of each call; what every authenticated user may ask (discovery) has no resource."""
    return {(_group(call.uri), call.resource, call.verb) for call in calls if call.resource}


def _group(uri: str) -> str:
    parts = uri.strip("/").split("/")
    return parts[1] if parts[0] == "apis" else ""


@pytest.mark.parametrize("named", [False, True], ids=["Secrets of all namespaces", "Secrets of one namespace"])
def test_no_right_is_granted_that_is_not_used_nor_used_that_is_not_granted(
    box: Sandbox, env: Environment, namespace: str, install: Install, named: bool
) -> None:
    user = User(env, namespace, env.projects["alpha"])
    mark = box.kube_mark()
    with install(*([f'credentials.namespaces=["{namespace}"]'] if named else [])) as release:
        lists = {where: may_list_secrets(env, release, where) for where in (namespace, "default")}
        assert lists == {namespace: True, "default": not named}
        user.credentials()
        user.apply(network("n", subnets=[{"name": "a", "cidr": "10.1.0.0/24"}]))
        status = user.until_ready("inet", "n")["status"]
        user.apply(
            bundle(
                router("r", interfaces=[interface("n")]),
                security_group("g"),
                port("t", networkRef={"name": "n"}),
                floating_ip("f"),
                load_balancer("lb", status["subnets"][0]["id"], listener("web", pool="p")),
                pool("p", "lb", member("10.1.0.9")),
                monitor("m", "p"),
                policy("l7", "web", rule("PATH", "/private", "STARTS_WITH")),
            )
        )
        for kind, name in KINDS.items():
            user.until_ready(kind, name, 120)
        for kind, name in KINDS.items():
            user.patch(kind, name, {"description": "changed"} if kind != "ihm" else {"delay": 9})
        for kind, name in KINDS.items():
            generation = (user.get(kind, name) or {})["metadata"]["generation"]
            until(
                lambda kind=kind, name=name, generation=generation: (
                    (user.get(kind, name) or {})["status"]["observedGeneration"] == generation
                ),
                f"{kind} {name} seen",
            )
        user.kubectl.run("delete", "infomaniak", "--all", "-n", namespace, "--timeout=120s")

    def calls() -> list[KubeCall]:
        return box.kube_calls(mark, release.user)

    reached = {call.uri.partition("/secrets")[0] for call in calls() if call.resource == "secrets"}
    here = f"/api/v1/namespaces/{namespace}"
    assert reached == ({here} if named else {"/api/v1", here}), "here it is patched"
    # A watch comes into the audit log when it has ended.
    watches = {right for right in pairs(USUAL) if right[2] == "watch"}
    until(lambda: watches <= used(calls()), f"all of {sorted(watches)} in the audit log", 20)
    assert [f"{call.verb} {call.uri}" for call in calls() if call.status == 403] == []
    granted, seen = pairs(USUAL), used(calls())
    assert seen - granted == set(), "used and not granted (and yet let through: by whom?)"
    assert granted - seen - set(UNUSED) == set(), "granted and not used"
    assert set(UNUSED) - granted == set(), "excused, and not granted any more"


def may_list_secrets(env: Environment, release: Release, namespace: str) -> bool:
    said = kubectl(env, "auth", "can-i", "list", "secrets", "-n", namespace, f"--as={release.user}", check=False)
    return "yes" in said.split()


def test_a_credential_in_a_namespace_that_is_not_named_is_not_read_and_the_object_says_so(
    box: Sandbox, env: Environment, namespace: str, install: Install
) -> None:
    """The default credential lies in another one that is not named either, and is read there."""
    mark = box.kube_mark()
    own, named = f"{namespace}-own", f"{namespace}-named"
    for name in (own, named):
        kubectl(env, "create", "namespace", name)
    try:
        user, there = User(env, namespace, env.projects["alpha"]), User(env, named, env.projects["alpha"])
        for each in (user, there, User(env, own, env.projects["alpha"])):
            each.credentials()
        default = {"secretName": "infomaniak", "secretNamespace": own, "allowedNamespaces": [namespace]}
        values = (f'credentials.namespaces=["{named}"]', f"credentials.default={json.dumps(default)}")
        with install(*values) as release:
            asking, lent = network("asking"), network("lent")
            del lent["spec"]["cloudCredentialsRef"]
            user.apply(bundle(asking, lent))
            there.apply(network("n"))
            said = user.until_condition("inet", "asking", "Stalled", status="True", reason="CredentialsInvalid")
            assert f"reads no Secrets in namespace {namespace}" in said["message"]
            user.until_ready("inet", "lent")
            there.until_ready("inet", "n")
            for each in (user, there):
                each.kubectl.run("delete", "infomaniak", "--all", "-n", each.namespace, "--timeout=60s")
        calls = box.kube_calls(mark, release.user)
        reached = {call.uri.partition("/secrets")[0] for call in calls if call.resource == "secrets"}
        assert reached == {f"/api/v1/namespaces/{name}" for name in (own, named)}
        assert [f"{call.verb} {call.uri}" for call in calls if call.status == 403] == []
    finally:
        kubectl(env, "delete", "namespace", own, named, "--wait=false")


def test_the_rights_to_ask_who_reads_the_metrics_are_used_where_that_is_wanted(
    box: Sandbox, env: Environment, install: Install
) -> None:
    """By a real API server: who has no token, one that may not, and one that may."""
    mark = box.kube_mark()
    with install("metrics.authorization.enabled=true") as release:
        where = release.namespace
        port = next(each["spec"]["ports"][0]["port"] for each in release.objects if each["kind"] == "Service")
        for name in ("reader", "stranger"):
            kubectl(env, "create", "serviceaccount", name, "-n", where)
        role = next(name for name in names(release, "ClusterRole") if name.endswith("-metrics-reader"))
        kubectl(env, "create", "clusterrolebinding", where, f"--clusterrole={role}", f"--serviceaccount={where}:reader")
        try:
            until(lambda: status(port), "an answer")
            assert status(port) == 401
            assert status(port, "no-token") == 401
            assert status(port, kubectl(env, "create", "token", "stranger", "-n", where).strip()) == 403
            assert status(port, kubectl(env, "create", "token", "reader", "-n", where).strip()) == 200
        finally:
            kubectl(env, "delete", "clusterrolebinding", where)
    wanted = pairs(rights(Scope.METRICS))
    until(lambda: wanted <= used(box.kube_calls(mark, release.user)), "both reviews in the audit log", 20)


def names(release: Release, kind: str) -> list[str]:
    return [each["metadata"]["name"] for each in release.objects if each["kind"] == kind]


def status(port: int, token: str = "") -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{port}/metrics", headers=headers)
        ) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError:
        return 0  # nobody listens yet
