"""Annotations by which people hold the operator back, or call it."""

import uuid
from collections.abc import Iterator

import pytest

from demo.kubectl import KubectlError
from sandbox import Sandbox
from tests.support.box import until
from tests.support.cloud_hands import changing, reconciled, until_event
from tests.support.manifests import bundle, floating_ip, router, security_group
from tests.support.running import User, network

SUBNETS = [{"name": "a", "cidr": "10.1.0.0/24", "dnsNameservers": ["9.9.9.9"]}]


@pytest.fixture
def user(user: User) -> Iterator[User]:
    """Whose objects are let go at the end, however the test ended."""
    yield user
    names = [f"network.infomaniak.cloud/{each}-" for each in ("paused", "dry-run")]

    def let_go() -> bool:
        try:
            user.kubectl.run("annotate", "infomaniak", "--all", "-n", user.namespace, *names)
        except KubectlError as error:
            if "NotFound" not in str(error):  # one was there when kubectl listed them, and has gone since
                raise
            return False
        return True

    until(let_go, "all are let go")


def without(user: User, kind: str, name: str, annotation: str) -> None:
    user.kubectl.run("annotate", kind, name, "-n", user.namespace, f"network.infomaniak.cloud/{annotation}-")


def annotated(body: dict, **annotations: str) -> dict:
    names = {f"network.infomaniak.cloud/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return {**body, "metadata": {**body["metadata"], "annotations": names}}


def test_paused_changes_nothing_and_leaves_ready_as_it_was(box: Sandbox, user: User) -> None:
    user.apply(network("n", subnets=SUBNETS))
    status = user.until_ready("inet", "n")["status"]
    user.annotate("inet", "n", paused="true")
    user.until_condition("inet", "n", "Synced", status="Unknown", reason="Paused")
    ours = (status["id"], status["subnets"][0]["id"])
    user.cloud.subnets.update(ours[1], {"dns_nameservers": ["1.1.1.1"]})
    mark = box.mark()
    user.patch("inet", "n", {"description": "later"})
    user.annotate("inet", "n", reconcile_at="1")
    user.apply(network("another"))
    user.until_ready("inet", "another")
    ready = user.condition("inet", "n", "Ready")
    assert (ready["status"], ready["reason"]) == ("True", "Available")
    user.delete("inet", "n", wait=False)
    until(lambda: user.get("inet", "n")["metadata"].get("deletionTimestamp"), "Terminating")
    # What somebody else is reconciled for meanwhile comes after all of that: its Ready says that the paused one was seen.
    user.apply(network("other"))
    user.until_ready("inet", "other")
    assert [call for call in changing(box, mark, user) if any(each in call for each in ours)] == []
    ready = user.condition("inet", "n", "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "Paused"), "it says what its deletion waits for"
    without(user, "inet", "n", "paused")
    until(lambda: user.get("inet", "n") is None, "deleted once it is not paused")
    assert status["id"] not in [each["id"] for each in user.networks()]


def test_paused_from_the_start_makes_nothing(box: Sandbox, user: User) -> None:
    mark = box.mark()
    user.apply(annotated(network("n", subnets=SUBNETS), paused="true"))
    ready = user.until_condition("inet", "n", "Ready", status="Unknown", reason="Paused")
    assert ready["message"]
    assert user.get("inet", "n")["metadata"].get("finalizers", []) == []
    assert changing(box, mark, user) == []
    user.annotate("inet", "n", paused="false")
    user.until_ready("inet", "n")


def test_reconcile_at_looks_now(user: User) -> None:
    user.apply(network("n", subnets=SUBNETS))
    (subnet,) = user.until_ready("inet", "n")["status"]["subnets"]
    user.cloud.subnets.update(subnet["id"], {"dns_nameservers": ["1.1.1.1"]})
    user.annotate("inet", "n", reconcile_at="2026-01-01T00:00:00Z")
    until(lambda: user.cloud.subnets.get(subnet["id"])["dns_nameservers"] == ["9.9.9.9"], "put back")


def test_dry_run_of_a_change_says_each_field_and_does_nothing(box: Sandbox, user: User) -> None:
    user.apply(network("n", description="before", subnets=SUBNETS))
    status = user.until_ready("inet", "n")["status"]
    (subnet,) = status["subnets"]
    user.annotate("inet", "n", dry_run="true")
    mark = box.mark()
    changed = [
        {"name": "a", "cidr": "10.1.0.0/24", "dnsNameservers": ["1.1.1.1"], "enableDHCP": False},
        {"name": "b", "cidr": "10.2.0.0/24"},
    ]
    user.apply(annotated(network("n", description="after", subnets=changed), dry_run="true"))
    synced = user.until_condition("inet", "n", "Synced", status="False", reason="DryRun")["message"]
    for part in (
        "description: before -> after",
        "subnets[a].dnsNameservers: ['9.9.9.9'] -> ['1.1.1.1']",
        "subnets[a].enableDHCP: True -> False",
        "create subnet b",
    ):
        assert part in synced, synced
    assert synced == until_event(user, "n", "DryRun", "create subnet b")
    reconciled(box, user, "inet", "n")
    assert changing(box, mark, user) == []
    assert user.cloud.subnets.get(subnet["id"])["dns_nameservers"] == ["9.9.9.9"]
    without(user, "inet", "n", "dry-run")
    body = user.until_ready("inet", "n")
    assert user.condition("inet", "n", "Synced")["status"] == "True"
    assert [s["name"] for s in body["status"]["subnets"]] == ["a", "b"]
    assert user.cloud.networks.get(status["id"])["description"].startswith("after [ik2.")


def test_dry_run_of_a_create_a_drift_and_a_deletion(box: Sandbox, user: User) -> None:
    mark = box.mark()
    user.apply(annotated(network("n", subnets=SUBNETS), dry_run="true"))
    synced = user.until_condition("inet", "n", "Synced", reason="DryRun")["message"]
    assert synced.startswith("would create network n")
    assert user.get("inet", "n")["metadata"].get("finalizers", []) == []
    assert changing(box, mark, user) == []
    without(user, "inet", "n", "dry-run")
    status = user.until_ready("inet", "n")["status"]

    user.annotate("inet", "n", dry_run="true")
    user.cloud.subnets.update(status["subnets"][0]["id"], {"dns_nameservers": ["1.1.1.1"]})
    mark = box.mark()
    user.annotate("inet", "n", reconcile_at="1")
    synced = user.until_condition("inet", "n", "Synced", status="False", reason="DryRun")["message"]
    assert "subnets[a].dnsNameservers: ['1.1.1.1'] -> ['9.9.9.9']" in synced
    # Nothing the user asked for is undone: it is Ready as before.
    assert user.condition("inet", "n", "Ready")["status"] == "True"

    user.delete("inet", "n", wait=False)
    until_event(user, "n", "DryRun", f"would delete network {status['id']}")
    assert changing(box, mark, user) == []
    without(user, "inet", "n", "dry-run")
    until(lambda: user.get("inet", "n") is None, "deleted once it is no dry run")


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_dry_run_of_a_deletion_says_what_becomes_of_it(box: Sandbox, user: User, policy: str) -> None:
    user.apply(security_group("g", deletionPolicy=policy))
    group_id = user.until_ready("isg", "g")["status"]["id"]
    user.annotate("isg", "g", dry_run="true")
    mark = box.mark()
    user.delete("isg", "g", wait=False)
    what = "delete" if policy == "Delete" else "release"
    until_event(user, "g", "DryRun", f"would {what} security group {group_id}")
    assert changing(box, mark, user) == []
    without(user, "isg", "g", "dry-run")
    until(lambda: user.get("isg", "g") is None, "gone")
    if policy == "Retain":
        assert user.cloud.security_groups.get(group_id)["description"].startswith("[ik2r.")
        user.cloud.security_groups.delete(group_id)


@pytest.mark.slow
def test_dry_run_of_the_other_kinds(box: Sandbox, user: User) -> None:
    text = f"dry-{uuid.uuid4().hex[:8]}"
    rule = {"direction": "ingress", "protocol": "tcp", "portRange": {"min": 22}}
    before = (
        network("n", subnets=SUBNETS),
        router("r"),
        security_group("g", rules=[rule]),
        floating_ip("f"),
    )
    user.apply(bundle(*before))
    for kind, name in (("inet", "n"), ("irouter", "r"), ("isg", "g"), ("ifip", "f")):
        user.until_ready(kind, name)
    mark = box.mark()
    after = (
        router("r", interfaces=[{"networkRef": {"name": "n"}}], externalGateway={"networkName": "ext-floating1"}),
        security_group("g", rules=[{**rule, "portRange": {"min": 23}}]),
        floating_ip("f", description=text),
    )
    user.apply(bundle(*(annotated(body, dry_run="true") for body in after)))
    said = {
        kind: user.until_condition(kind, name, "Synced", status="False", reason="DryRun")["message"]
        for kind, name in (("irouter", "r"), ("isg", "g"), ("ifip", "f"))
    }
    assert "externalGateway" in said["irouter"]
    assert "create interface" in said["irouter"]
    assert "create rule ingress IPv4 tcp 23" in said["isg"]
    assert "delete rule ingress IPv4 tcp 22" in said["isg"]
    assert f"description: none -> {text}" in said["ifip"]
    for kind, name in (("irouter", "r"), ("isg", "g"), ("ifip", "f")):
        reconciled(box, user, kind, name)
    assert changing(box, mark, user) == []
    user.kubectl.run("delete", "infomaniak", "--all", "-n", user.namespace, "--wait=false")
    for kind, name in (("irouter", "r"), ("isg", "g"), ("ifip", "f")):
        without(user, kind, name, "dry-run")
