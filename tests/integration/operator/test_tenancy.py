"""Two namespaces that share the operator's own credential: one tries all it can name of the other's, on the real cloud."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.operator import OperatorProcess
from sandbox import Environment, Sandbox
from tests.support.box import kubectl, until
from tests.support.byhand import ByHand
from tests.support.manifests import EXTERNAL, gateway, imported_external, interface, manifest
from tests.support.running import User
from tests.support.second import instead_of
from tests.support.unordered import unordered

Row = dict[str, Any]
COLLECTIONS = [
    "networks",
    "subnets",
    "ports",
    "routers",
    "security_groups",
    "security_group_rules",
    "floating_ips",
    "load_balancers",
    "listeners",
    "pools",
    "health_monitors",
]
MOVING = ("updated_at", "revision_number", "operating_status", "provisioning_status", "status", "security_group_rules")
"""What a cloud writes by itself while it comes to rest, and what has no order and is listed apart."""


@dataclass(frozen=True)
class Tenants:
    """Two namespaces without a Secret of their own, which use a third one's.

    Attributes:
        one: the victim.
        other: who tries.
        run: starts an operator with further arguments, in place of the shared one.
    """

    one: User
    other: User
    run: Callable[..., Any]


@pytest.fixture
def tenants(
    box: Sandbox, env: Environment, namespace: str, running: OperatorProcess, tmp_path: Path
) -> Iterator[Tenants]:
    box.set_quota("beta", network=-1, subnet=-1, port=-1, router=-1, security_group=-1, security_group_rule=-1)
    box.set_quota("beta", floatingip=-1)
    names = [f"{namespace}-{each}" for each in ("one", "other", "own")]
    for name in names:
        kubectl(env, "create", "namespace", name)
    one, other, own = (User(env, name, env.projects["beta"]) for name in names)
    own.credentials()
    served = [f"--default-credentials-namespace={each.namespace}" for each in (one, other)]

    def run(*arguments: str) -> Any:
        default = f"--default-credentials={own.namespace}/infomaniak"
        return instead_of(running, box, tmp_path, default, *served, *arguments)

    yield Tenants(one, other, run)
    with run("--tenant-isolation=none"):
        for user in (one, other):
            user.kubectl.run("delete", "infomaniak", "--all", "-n", user.namespace, "--timeout=120s")
    for name in names:
        kubectl(env, "delete", "namespace", name, "--wait=false")


@pytest.fixture
def hands(tenants: Tenants) -> Iterator[ByHand]:
    """Somebody else in the project, who uses neither Kubernetes nor marks."""
    hands = ByHand(tenants.one.cloud)
    yield hands
    assert hands.clean() == []


def plain(kind: str, name: str, /, **spec: Any) -> Row:
    """An object that names no credential."""
    body = manifest(kind, name, **spec)
    del body["spec"]["cloudCredentialsRef"]
    return body


def without_credential(body: Row) -> Row:
    return {**body, "spec": {k: v for k, v in body["spec"].items() if k != "cloudCredentialsRef"}}


def picture(user: User) -> dict[str, list[Row]]:
    """All that is in the project, but for what the cloud itself keeps moving."""
    found = {}
    for name in COLLECTIONS:
        rows = getattr(user.cloud, name).list(project_id=user.project.id)
        found[name] = sorted(
            ({k: v for k, v in unordered(row).items() if k not in MOVING} for row in rows),
            key=lambda row: str(row["id"]),
        )
    return found


def ready(user: User, kind: str, body: Row) -> Row:
    user.apply(body)
    status: Row = user.until_ready(kind, body["metadata"]["name"], 120)["status"]
    return status


VIP = {"networkRef": {"name": "n"}, "subnet": "a"}
POOL = {"loadBalancerRef": {"name": "lb"}, "protocol": "HTTP", "algorithm": "ROUND_ROBIN"}


def theirs(user: User) -> dict[str, str]:
    """One of each kind, made by the operator for the victim, with its mark; the ids by what they are of."""
    network = ready(user, "inet", plain("InfomaniakNetwork", "n", subnets=[{"name": "a", "cidr": "10.31.0.0/24"}]))
    router = ready(user, "irouter", plain("Router", "r", interfaces=[interface("n")], **gateway()))
    group = ready(user, "isg", plain("SecurityGroup", "g", rules=[]))
    floating = ready(user, "ifip", plain("FloatingIP", "f", externalNetwork={"networkName": EXTERNAL}))
    balancer = ready(user, "ilb", plain("LoadBalancer", "lb", vip=VIP))
    pool = ready(user, "ipool", plain("Pool", "p", **POOL))
    check = {"poolRef": {"name": "p"}, "type": "TCP", "delay": 5, "timeout": 3, "maxRetries": 2}
    monitor = ready(user, "ihm", plain("HealthMonitor", "m", **check))
    return {
        "InfomaniakNetwork": network["id"],
        "subnet": network["subnets"][0]["id"],
        "Router": router["id"],
        "SecurityGroup": group["id"],
        "FloatingIP": floating["id"],
        "address": floating["address"],
        "LoadBalancer": balancer["id"],
        "port": balancer["vipPortID"],
        "Pool": pool["id"],
        "HealthMonitor": monitor["id"],
    }


def by_hand(hands: ByHand) -> dict[str, str]:
    """The same without marks, as far as a hand would make it."""
    network, (subnet,) = hands.network("by-hand", "10.32.0.0/24")
    outside = hands.cloud.networks.list(name=EXTERNAL)[0]["id"]
    floating = hands.make("floating_ips", floating_network_id=outside)
    return {
        "InfomaniakNetwork": network["id"],
        "subnet": subnet["id"],
        "Router": hands.make("routers", name="by-hand")["id"],
        "SecurityGroup": hands.make("security_groups", name="by-hand")["id"],
        "FloatingIP": floating["id"],
        "address": floating["floating_ip_address"],
        "port": hands.port(network["id"])["id"],
    }


def attempts(found: dict[str, str]) -> list[tuple[str, str, Row]]:
    """Every field that can name one of these things: kind, the field, and an object."""
    kinds = [each for each in found if each[0].isupper()]
    group, subnet, network, port = (found[each] for each in ("SecurityGroup", "subnet", "InfomaniakNetwork", "port"))
    outside = {"externalNetwork": {"networkName": EXTERNAL}}
    member = {"address": "10.31.0.9", "port": 80, "subnetID": subnet}
    own = [
        *((kind, "spec.import", {"import_": {"id": found[kind]}}) for kind in kinds),
        *((kind, "spec.import", {"import_": {"id": found[kind]}, "managementPolicy": "Unmanaged"}) for kind in kinds),
        ("InfomaniakNetwork", "spec.import", {"import_": {"filter": {"name": "by-hand"}}}),
        ("FloatingIP", "spec.import", {"import_": {"filter": {"address": found["address"]}}}),
        ("FloatingIP", "spec.import", {"import_": {"filter": {"portID": port}}}),
        ("FloatingIP", "spec.address", {**outside, "address": found["address"]}),
        ("FloatingIP", "spec.portID", {**outside, "portID": port}),
        ("Router", "spec.interfaces[0].subnetID", {"interfaces": [{"subnetID": subnet}]}),
        ("SecurityGroup", "spec.rules[0].remoteGroupID", {"rules": [{"direction": "ingress", "remoteGroupID": group}]}),
        ("LoadBalancer", "spec.vip.networkID", {"vip": {"networkID": network}}),
        ("LoadBalancer", "spec.vip.subnetID", {"vip": {"subnetID": subnet}}),
        ("LoadBalancer", "spec.vip.securityGroupIDs[0]", {"vip": {**VIP, "securityGroupIDs": [group]}}),
        (
            "LoadBalancer",
            "spec.vip.additionalVips[0].subnetID",
            {"vip": {**VIP, "additionalVips": [{"subnetID": subnet}]}},
        ),
        ("Pool", "spec.members[0].subnetID", {**POOL, "members": [member]}),
    ]
    return [(kind, field, plain(kind, f"try-{number}", **spec)) for number, (kind, field, spec) in enumerate(own)]


SHORT = {
    "InfomaniakNetwork": "inet",
    "Router": "irouter",
    "SecurityGroup": "isg",
    "FloatingIP": "ifip",
    "LoadBalancer": "ilb",
    "Pool": "ipool",
    "HealthMonitor": "ihm",
}


def test_nothing_of_another_namespace_is_reached_and_nothing_changes(tenants: Tenants, hands: ByHand) -> None:
    one, other = tenants.one, tenants.other
    with tenants.run():
        marked, unmarked = theirs(one), by_hand(hands)
        before = picture(one)
        for found in (marked, unmarked):
            tried = attempts(found)
            for _, _, body in tried:
                other.apply(body)
            for kind, field, body in tried:
                name = body["metadata"]["name"]
                said = other.until_condition(SHORT[kind], name, "Stalled", status="True", reason="InvalidConfiguration")
                assert said["message"].startswith(f"{field} names "), said
                assert one.namespace not in said["message"]
            other.kubectl.run("delete", "infomaniak", "--all", "-n", other.namespace, "--timeout=60s")
        assert picture(one) == before
        for kind, name in {"inet": "n", "irouter": "r", "isg": "g", "ifip": "f", "ilb": "lb", "ipool": "p"}.items():
            assert one.condition(kind, name, "Ready")["status"] == "True", (kind, name)


def test_what_every_project_may_use_can_still_be_named(tenants: Tenants) -> None:
    with tenants.run():
        outside = ready(tenants.other, "inet", without_credential(imported_external()))
        ready(tenants.other, "irouter", plain("Router", "r", **gateway(networkID=outside["id"])))
        ready(tenants.other, "ifip", plain("FloatingIP", "f", externalNetwork={"networkRef": {"name": "outside"}}))


def test_without_isolation_a_namespace_deletes_what_it_imports_and_with_it_goes_on_with_what_it_has(
    tenants: Tenants, hands: ByHand
) -> None:
    """What is kept off by the tests above happens otherwise; and an upgrade breaks nothing that runs."""
    network, (subnet,) = hands.network("by-hand", "10.33.0.0/24")
    lost = hands.make("security_groups", name="lost")["id"]
    user = tenants.other
    with tenants.run("--tenant-isolation=none"):
        ready(user, "isg", plain("SecurityGroup", "g", import_={"id": lost}))
        user.delete("isg", "g")
        assert lost not in [each["id"] for each in user.cloud.security_groups.list(project_id=user.project.id)]
        ready(user, "inet", plain("InfomaniakNetwork", "n", import_={"id": network["id"]}, deletionPolicy="Retain"))
        ready(user, "irouter", plain("Router", "r", interfaces=[{"subnetID": subnet["id"]}]))
        before = picture(user)
        versions = {
            name: (user.get(kind, name) or {})["metadata"]["resourceVersion"]
            for kind, name in (("inet", "n"), ("irouter", "r"))
        }
    with tenants.run():
        for kind, name in (("inet", "n"), ("irouter", "r")):
            user.annotate(kind, name, reconcile_at="1")
        ready(user, "isg", plain("SecurityGroup", "later", rules=[]))  # by then the others were looked at
        user.delete("isg", "later")
        assert picture(user) == before
        for kind, name in (("inet", "n"), ("irouter", "r")):
            assert user.condition(kind, name, "Ready")["status"] == "True"
            assert (user.get(kind, name) or {})["metadata"]["resourceVersion"] != versions[name]  # the annotation alone
        user.patch("irouter", "r", {"adminStateUp": False})
        until(
            lambda: not user.cloud.routers.get((user.get("irouter", "r") or {})["status"]["id"])["admin_state_up"],
            "off",
        )
        user.until_ready("irouter", "r")
        user.patch(
            "irouter",
            "r",
            {"interfaces": [{"subnetID": subnet["id"]}, {"subnetID": "1b4e28ba-2fa1-41d2-883f-0016d3cca427"}]},
        )
        said = user.until_condition("irouter", "r", "Stalled", status="True", reason="InvalidConfiguration")
        assert said["message"].startswith("spec.interfaces[1].subnetID names ")
        user.delete("irouter", "r")
        user.delete("inet", "n")
