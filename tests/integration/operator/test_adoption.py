"""Objects made anew from the same manifests, after a restore from a backup; and two clusters in one project."""

import json
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from demo.operator import OperatorProcess
from infomaniak_operator.reconcile.ownership.marks import Owner, described, user_text
from sandbox import Environment, Sandbox
from tests.support.box import kubectl, until
from tests.support.cloud_hands import changing, reconciled
from tests.support.manifests import bundle, floating_ip, manifest, port, router, security_group
from tests.support.running import User, network
from tests.support.second import beside, instead_of

pytestmark = pytest.mark.slow

SUBNETS = [{"name": "a", "cidr": "10.1.0.0/24"}]
KINDS = {"inet": "networks", "irouter": "routers", "isg": "security_groups", "iport": "ports", "ifip": "floating_ips"}
NAMES = {
    "inet": "InfomaniakNetwork",
    "irouter": "Router",
    "isg": "SecurityGroup",
    "iport": "Port",
    "ifip": "FloatingIP",
}


@pytest.fixture
def unique() -> str:
    """A description that nothing else has."""
    return f"adopt-{uuid.uuid4().hex[:8]}"


def one_of_each(unique: str) -> dict:
    return bundle(
        network("x", description=unique, subnets=SUBNETS),
        router("x", description=unique, interfaces=[{"networkRef": {"name": "x"}}]),
        security_group("x", description=unique, rules=[{"direction": "ingress", "protocol": "tcp"}]),
        port("x", description=unique, networkRef={"name": "x"}),
        floating_ip("x", description=unique),
    )


def in_the_cloud(user: User, unique: str) -> dict[str, list[str]]:
    """The ids of what carries that description, by kind."""
    found = {}
    for kind, collection in KINDS.items():
        rows = getattr(user.cloud, collection).list(project_id=user.project.id)
        found[kind] = sorted(row["id"] for row in rows if str(row["description"]).startswith(unique))
    return found


def lose_and_apply_again(user: User, running: OperatorProcess, manifests: dict) -> None:
    """What a restore into a new cluster comes to: the objects are there again, with other UIDs and without status."""
    running.stop()
    for kind in KINDS:
        user.kubectl.run("delete", kind, "x", "-n", user.namespace, "--wait=false")
        user.kubectl.run("patch", kind, "x", "-n", user.namespace, "--type=merge", "-p", _NO_FINALIZERS)
    until(lambda: not any(user.get(kind, "x") for kind in KINDS), "all gone from Kubernetes")
    user.apply(manifests)


_NO_FINALIZERS = json.dumps({"metadata": {"finalizers": None}})


@pytest.fixture
def restored(user: User, running: OperatorProcess, unique: str) -> Iterator[dict[str, list[str]]]:
    """One object a kind, Ready, then lost and applied again, the operator stopped; the ids in the cloud by kind."""
    user.apply(one_of_each(unique))
    for kind in KINDS:
        user.until_ready(kind, "x")
    there = in_the_cloud(user, unique)
    assert all(len(ids) == 1 for ids in there.values())
    lose_and_apply_again(user, running, one_of_each(unique))
    yield there
    running.start()
    for kind in KINDS:  # what was never adopted would stay in the cloud
        user.annotate(kind, "x", adopt_previous="true")
    for kind in KINDS:
        user.until_ready(kind, "x")


def test_restored_objects_double_nothing_and_are_adopted_on_demand(
    box: Sandbox, user: User, running: OperatorProcess, unique: str, restored: dict[str, list[str]]
) -> None:
    mark = box.mark()
    running.start()
    for kind in ("inet", "isg", "ifip"):
        message = user.until_condition(kind, "x", "Ready", reason="Conflict")["message"]
        assert restored[kind][0] in message
        assert "network.infomaniak.cloud/adopt-previous=true" in message
        assert user.condition(kind, "x", "Stalled")["status"] == "True"
    for kind in ("irouter", "iport"):
        user.until_condition(kind, "x", "Ready", reason="WaitingForReference")
    assert changing(box, mark, user) == []
    for kind in KINDS:
        user.annotate(kind, "x", adopt_previous="true")
    bodies = {kind: user.until_ready(kind, "x") for kind in KINDS}
    assert {kind: [body["status"]["id"]] for kind, body in bodies.items()} == restored
    assert in_the_cloud(user, unique) == restored
    assert [call for call in changing(box, mark, user) if not call.startswith("PUT")] == []
    (subnet,) = user.subnets(restored["inet"][0])
    assert bodies["inet"]["status"]["subnets"][0]["id"] == subnet["id"]
    # Ours from now on: nothing is asked any more.
    user.kubectl.run("annotate", "inet", "x", "-n", user.namespace, "network.infomaniak.cloud/adopt-previous-")
    reconciled(box, user, "inet", "x")
    assert user.condition("inet", "x", "Ready")["status"] == "True"


@pytest.mark.slow
def test_restored_objects_are_adopted_by_the_operators_restore_flag(
    box: Sandbox, user: User, running: OperatorProcess, *, unique: str, restored: dict[str, list[str]], tmp_path: Path
) -> None:
    mark = box.mark()
    with instead_of(running, box, tmp_path, "--restore"):
        bodies = {kind: user.until_ready(kind, "x") for kind in KINDS}
    assert {kind: [body["status"]["id"]] for kind, body in bodies.items()} == restored
    assert in_the_cloud(user, unique) == restored
    assert [call for call in changing(box, mark, user) if not call.startswith("PUT")] == []


def remarked(user: User, there: dict[str, list[str]], uids: dict[str, str]) -> None:
    """Have what is in the cloud carry the marks that 0.1.0 would have given it."""
    cluster = user.kubectl.json("get", "namespace", "kube-system")["metadata"]["uid"]
    for kind, collection in KINDS.items():
        owner = Owner(cluster, NAMES[kind], user.namespace, "x", uids[kind])
        rows = getattr(user.cloud, collection)
        (id_,) = there[kind]
        text = user_text(rows.get(id_)["description"])
        assert rows.get(id_)["description"] == described(text, owner.mark())
        rows.update(id_, {"description": described(text, owner.old_mark())})
        for subnet in user.subnets(id_) if kind == "inet" else ():
            user.cloud.subnets.update(subnet["id"], {"description": owner.old_mark("subnet/a").text})


def _says(user: User, kind: str, why: str) -> bool:
    return why in user.condition(kind, "x", "Ready").get("message", "")


def test_restored_objects_with_marks_of_version_1_need_the_administrator(
    box: Sandbox, user: User, running: OperatorProcess, *, unique: str, tmp_path: Path
) -> None:
    """Not the annotation, nor an operator that does not see all there is, but the flag: and then the marks are new."""
    user.apply(one_of_each(unique))
    uids = {kind: user.until_ready(kind, "x")["metadata"]["uid"] for kind in KINDS}
    there = in_the_cloud(user, unique)
    lose_and_apply_again(user, running, one_of_each(unique))
    try:
        remarked(user, there, uids)
        for kind in KINDS:
            user.annotate(kind, "x", adopt_previous="true")
        mark = box.mark()
        for name, why, options in (
            ("plain", "--restore", ()),
            ("narrow", "does not watch all namespaces", ("--restore", "--namespace", user.namespace)),
        ):
            (tmp_path / name).mkdir()
            with beside(box, tmp_path / name, *options):
                for kind in ("inet", "isg", "ifip"):
                    until(partial(_says, user, kind, why), f"{kind}: {why}")
                    assert user.condition(kind, "x", "Ready")["reason"] == "Conflict"
            assert changing(box, mark, user) == []
    finally:
        running.start()
    with instead_of(running, box, tmp_path, "--restore"):
        bodies = {kind: user.until_ready(kind, "x") for kind in KINDS}
    assert {kind: [body["status"]["id"]] for kind, body in bodies.items()} == there
    assert in_the_cloud(user, unique) == there
    assert [call for call in changing(box, mark, user) if not call.startswith("PUT")] == []
    (subnet,) = user.subnets(there["inet"][0])
    described_so = [getattr(user.cloud, KINDS[kind]).get(there[kind][0])["description"] for kind in KINDS]
    assert all("[ik2." in text and "[ik1." not in text for text in [*described_so, subnet["description"]])


def test_what_0_1_0_has_marked_keeps_its_mark_until_its_text_is_written(
    box: Sandbox, user: User, running: OperatorProcess, *, unique: str
) -> None:
    user.apply(one_of_each(unique))
    uids = {kind: user.until_ready(kind, "x")["metadata"]["uid"] for kind in KINDS}
    there = in_the_cloud(user, unique)
    remarked(user, there, uids)
    mark = box.mark()
    for kind in KINDS:
        reconciled(box, user, kind, "x")
    assert changing(box, mark, user) == []
    patch = json.dumps({"spec": {"description": f"{unique} changed"}})
    user.kubectl.run("patch", "isg", "x", "-n", user.namespace, "--type=merge", "-p", patch)
    group = there["isg"][0]
    until(lambda: "changed [ik2." in user.cloud.security_groups.get(group)["description"], "the new text")
    assert "[ik1." in user.cloud.networks.get(there["inet"][0])["description"]


def test_a_restored_object_that_was_not_adopted_is_deleted_without_the_cloud(
    box: Sandbox, user: User, running: OperatorProcess, restored: dict[str, list[str]], unique: str
) -> None:
    running.start()
    user.until_condition("isg", "x", "Ready", reason="Conflict")
    mark = box.mark()
    user.delete("isg", "x")
    assert changing(box, mark, user) == []
    assert user.cloud.security_groups.get(restored["isg"][0])
    user.apply(security_group("x", description=unique, rules=[{"direction": "ingress", "protocol": "tcp"}]))


@pytest.fixture
def other_namespace(env: Environment) -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:8]}"
    kubectl(env, "create", "namespace", name)
    yield name
    kubectl(env, "delete", "namespace", name, "--wait=false")


def test_two_clusters_in_one_project_never_touch_each_other(
    box: Sandbox,
    env: Environment,
    user: User,
    running: OperatorProcess,
    *,
    other_namespace: str,
    unique: str,
    tmp_path: Path,
) -> None:
    """The same names in one project, by two operators with two cluster ids."""
    users = {"one": user, "two": User(env, other_namespace, user.project)}
    users["two"].credentials()
    running.stop()
    folders = {name: tmp_path / name for name in users}
    for folder in folders.values():
        folder.mkdir()
    one = ("--cluster-id", "cluster-one", "--namespace", user.namespace)
    two = ("--cluster-id", "cluster-two", "--namespace", other_namespace)
    try:
        with beside(box, folders["one"], *one) as first, beside(box, folders["two"], *two):
            for each in users.values():
                each.apply(one_of_each(unique))
            ids = {
                name: {kind: each.until_ready(kind, "x")["status"]["id"] for kind in KINDS}
                for name, each in users.items()
            }
            both = in_the_cloud(user, unique)
            assert both == {kind: sorted({ids["one"][kind], ids["two"][kind]}) for kind in KINDS}
            assert all(len(each) == 2 for each in both.values())
            # What is the other's can be neither adopted nor deleted.
            mark = box.mark()
            taker = manifest("InfomaniakNetwork", "taker", import_={"id": ids["one"]["inet"]}, description="mine")
            users["two"].apply(taker)
            users["two"].until_condition("inet", "taker", "Ready", reason="Conflict")
            users["two"].delete("inet", "taker")
            reconciled(box, user, "inet", "x")
            reconciled(box, users["two"], "inet", "x")
            assert changing(box, mark, user) == []
            users["two"].kubectl.run("delete", "infomaniak", "--all", "-n", other_namespace, "--timeout=90s")
            assert in_the_cloud(user, unique) == {kind: [ids["one"][kind]] for kind in KINDS}
            # A cluster that starts anew finds its own, and only its own.
            first.kill()
            first.start()
            user.kubectl.run("delete", "infomaniak", "--all", "-n", user.namespace, "--timeout=90s")
            assert in_the_cloud(user, unique) == {kind: [] for kind in KINDS}
    finally:
        running.start()
