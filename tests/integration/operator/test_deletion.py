"""Deletion on the real Neutron: whatever the order, nothing of ours is left, and what is to stay stays."""

import json
import uuid

import pytest

from demo.operator import OperatorProcess
from sandbox import Sandbox
from tests.support.box import until
from tests.support.cloud_hands import changing, until_event
from tests.support.manifests import bundle, floating_ip, interface, router, security_group
from tests.support.running import User, network

pytestmark = pytest.mark.slow

SUBNETS = [{"name": "a", "cidr": "10.1.0.0/24"}, {"name": "b", "cidr": "10.2.0.0/24"}]
COLLECTIONS = ("networks", "subnets", "routers", "security_groups", "floating_ips", "ports")


def office(prefix: str) -> dict:
    """A network of each sort of use, with names of its own in the cloud."""
    allow = {"direction": "ingress", "protocol": "tcp", "portRange": {"min": 80}}
    return bundle(
        network("one", name=f"{prefix}-one", subnets=SUBNETS),
        network("two", name=f"{prefix}-two", subnets=[{"name": "c", "cidr": "10.3.0.0/24"}]),
        router(
            "out",
            name=f"{prefix}-out",
            externalGateway={"networkName": "ext-floating1"},
            interfaces=[interface("one", "a"), interface("one", "b"), interface("two")],
        ),
        security_group("front", name=f"{prefix}-front", rules=[{**allow, "remoteGroupRef": {"name": "back"}}]),
        security_group("back", name=f"{prefix}-back", rules=[{**allow, "remoteGroupRef": {"name": "front"}}]),
        floating_ip("address", description=prefix),
    )


def marked(user: User, prefix: str) -> list[str]:
    """What there is in the project of the office of that prefix."""
    rows = [
        (collection, row)
        for collection in COLLECTIONS
        for row in getattr(user.cloud, collection).list(project_id=user.project.id)
    ]
    texts = ("name", "description")
    return [f"{what} {row['id']}" for what, row in rows if any(str(row.get(t) or "").startswith(prefix) for t in texts)]


def all_ready(user: User) -> dict[str, dict]:
    """Wait for the whole office; returns its objects."""
    names = {"inet": ("one", "two"), "irouter": ("out",), "isg": ("front", "back"), "ifip": ("address",)}
    return {f"{kind}/{name}": user.until_ready(kind, name) for kind, each in names.items() for name in each}


@pytest.fixture
def prefix() -> str:
    return f"del-{uuid.uuid4().hex[:8]}"


def test_retain_leaves_all_in_place_and_releases_the_marks(user: User, prefix: str) -> None:
    user.apply(network("n", name=prefix, subnets=SUBNETS, deletionPolicy="Retain", description="kept"))
    status = user.until_ready("inet", "n")["status"]
    user.delete("inet", "n")
    there = user.cloud.networks.get(status["id"])
    assert there["description"].startswith("kept [ik2r.")
    assert {s["id"] for s in user.subnets(there["id"])} == {s["id"] for s in status["subnets"]}
    assert all(s["description"].startswith("[ik2r.") for s in user.subnets(there["id"]))
    assert there["id"] in until_event(user, "n", "Retained")
    # Another object of the same name neither takes it over nor minds it.
    user.apply(network("n", name=prefix, subnets=SUBNETS))
    assert user.until_ready("inet", "n")["status"]["id"] != there["id"]
    user.cloud.networks.delete(there["id"])


def test_retain_of_the_other_kinds(user: User, prefix: str) -> None:
    keep = {"deletionPolicy": "Retain"}
    bodies = {
        "irouter": router("x", name=prefix, **keep),
        "isg": security_group("x", name=prefix, **keep),
        "ifip": floating_ip("x", description=prefix, **keep),
    }
    user.apply(bundle(*bodies.values()))
    ids = {kind: user.until_ready(kind, "x")["status"]["id"] for kind in bodies}
    for kind in bodies:
        user.delete(kind, "x")
    rows = {
        "irouter": user.cloud.routers.get(ids["irouter"]),
        "isg": user.cloud.security_groups.get(ids["isg"]),
        "ifip": user.cloud.floating_ips.get(ids["ifip"]),
    }
    assert all("[ik2r." in row["description"] for row in rows.values()), rows
    user.cloud.routers.delete(ids["irouter"])
    user.cloud.security_groups.delete(ids["isg"])
    user.cloud.floating_ips.delete(ids["ifip"])


@pytest.mark.parametrize("dead", ["refused by Keystone", "no Secret", "not to be read"])
def test_retain_with_dead_credentials_goes_without_a_call(
    box: Sandbox, user: User, running: OperatorProcess, prefix: str, dead: str
) -> None:
    user.apply(network("n", name=prefix, deletionPolicy="Retain"))
    network_id = user.until_ready("inet", "n")["status"]["id"]
    running.stop()  # nothing of the credential is remembered
    if dead == "no Secret":
        user.kubectl.run("delete", "secret", "infomaniak", "-n", user.namespace, "--wait=false")
        bare = json.dumps({"metadata": {"finalizers": None}})  # somebody takes off what guards it
        user.kubectl.run("patch", "secret", "infomaniak", "-n", user.namespace, "--type=merge", "-p", bare)
    else:
        secret = user.get("secret", "infomaniak")
        right = user.project.clouds_yaml()
        wrong = right.replace(user.project.application_credential_secret, "not-this-one")
        text = wrong if dead == "refused by Keystone" else "clouds: {}"
        body = {"metadata": {"name": "infomaniak", "labels": secret["metadata"]["labels"]}}
        user.apply(json.dumps({"apiVersion": "v1", "kind": "Secret", **body, "stringData": {"clouds.yaml": text}}))
    mark = box.mark()
    running.start()
    user.delete("inet", "n")
    assert [c for c in box.calls(mark) if c.service == "neutron" and c.project == user.project.id] == []
    assert user.cloud.networks.get(network_id)["description"].startswith("[ik2.")
    user.cloud.networks.delete(network_id)


def test_delete_with_dead_credentials_waits_and_says_so(user: User, prefix: str) -> None:
    user.apply(network("n", name=prefix))
    user.until_ready("inet", "n")
    wrong = user.project.clouds_yaml().replace(user.project.application_credential_secret, "not-this-one")
    labels = {"network.infomaniak.cloud/credentials": "true"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "infomaniak", "labels": labels}}
    user.apply(json.dumps({**secret, "stringData": {"clouds.yaml": wrong}}))
    user.until_condition("inet", "n", "Ready", reason="CredentialsInvalid")
    user.delete("inet", "n", wait=False)
    until(lambda: (user.get("inet", "n") or {})["metadata"].get("deletionTimestamp"), "Terminating")
    user.until_condition("inet", "n", "Ready", status="False", reason="CredentialsInvalid")
    user.credentials()
    until(lambda: user.get("inet", "n") is None, "gone once the credential is mended")
    assert marked(user, prefix) == []


def test_a_whole_office_deleted_at_once_goes_in_its_own_order(user: User, prefix: str) -> None:
    """Networks with a router on them, groups that refer to each other: one command, whatever its order."""
    user.apply(office(prefix))
    all_ready(user)
    assert len(marked(user, prefix)) >= 6
    user.kubectl.run("delete", "infomaniak", "--all", "-n", user.namespace, "--timeout=90s")
    assert marked(user, prefix) == []


def test_a_network_under_a_router_says_who_uses_it(user: User, prefix: str) -> None:
    user.apply(office(prefix))
    all_ready(user)
    user.delete("inet", "one", wait=False)
    message = user.until_condition("inet", "one", "Ready", reason="InUse")["message"]
    assert "Router out" in message
    user.delete("irouter", "out")
    until(lambda: user.get("inet", "one") is None, "gone once the router is")


def test_a_namespace_with_everything_in_it_ends_clean(user: User, prefix: str) -> None:
    """The credentials' Secret is in it too: whatever goes first, nothing is left in the cloud."""
    user.apply(office(prefix))
    all_ready(user)
    user.kubectl.run("delete", "namespace", user.namespace, "--timeout=110s")
    assert marked(user, prefix) == []


def test_a_namespace_deleted_while_the_operator_is_away_ends_clean(
    user: User, running: OperatorProcess, prefix: str
) -> None:
    """Nothing of the credential is remembered: its Secret must have been kept from going."""
    user.apply(office(prefix))
    all_ready(user)
    running.stop()
    user.kubectl.run("delete", "namespace", user.namespace, "--wait=false")
    until(lambda: user.get("secret", "infomaniak")["metadata"].get("deletionTimestamp"), "the Secret is Terminating")
    running.start()
    user.kubectl.run("wait", "--for=delete", f"namespace/{user.namespace}", "--timeout=110s")
    assert marked(user, prefix) == []


def test_the_secret_deleted_first_does_not_strand_the_objects(user: User, prefix: str) -> None:
    user.apply(office(prefix))
    all_ready(user)
    user.kubectl.run("delete", "secret", "infomaniak", "-n", user.namespace, "--wait=false")
    user.kubectl.run("delete", "infomaniak", "--all", "-n", user.namespace, "--timeout=90s")
    assert marked(user, prefix) == []


def test_deleted_before_it_was_ever_made_makes_nothing(box: Sandbox, user: User, prefix: str) -> None:
    """Waiting for a Secret that never comes, then deleted: it goes, without a call."""
    user.kubectl.run("delete", "secret", "infomaniak", "-n", user.namespace)
    mark = box.mark()
    user.apply(network("n", name=prefix))
    user.until_condition("inet", "n", "Ready", reason="WaitingForReference")
    user.delete("inet", "n")
    assert changing(box, mark, user) == []


def test_gone_in_the_cloud_already_is_done(box: Sandbox, user: User, prefix: str) -> None:
    user.apply(network("n", name=prefix, subnets=SUBNETS))
    network_id = user.until_ready("inet", "n")["status"]["id"]
    user.cloud.networks.delete(network_id)
    mark = box.mark()
    user.delete("inet", "n")
    assert [call for call in changing(box, mark, user) if call.startswith("POST")] == []
