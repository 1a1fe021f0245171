"""Tenant isolation: where namespaces share a project, none names what may be another's."""

import re
from typing import Any

import pytest

from infomaniak_operator.api.model import Reach
from infomaniak_operator.client import Category, InfomaniakCloudError
from infomaniak_operator.controller.interfaces import FINALIZER, Key, Stalled
from infomaniak_operator.reconcile.generic.credential_settings import CredentialSettings, DefaultCredentials
from infomaniak_operator.reconcile.generic.tenancy import Isolation, TenantIsolation
from tests.support import trees
from tests.support.forest import Forest
from tests.support.objects import CREDENTIAL, custom, key_of, network, secret, subnet
from tests.support.reach import ALL, declared
from tests.support.world import PROJECT, REGION, World

ID = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
KMS = f"https://kms.example.com/v1/secrets/{ID}"
FREE = TenantIsolation(Isolation.NONE)


def default(*namespaces: str) -> CredentialSettings:
    return CredentialSettings(DefaultCredentials("operator", "own", None, frozenset(namespaces)))


SHARED = default("shop", "bank")


def world(*bodies: Any, settings: CredentialSettings = SHARED, isolation: TenantIsolation | None = None) -> World:
    """A cluster whose namespaces shop and bank use the operator's own credential."""
    there = [secret("own", namespace="operator"), *bodies]
    return World(*there, credentials=settings, with_secret=False, isolation=isolation)


def mine(kind: str, name: str = "mine", /, *, namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    """An object that uses the default credential; ``import_`` stands for ``import``."""
    if "import_" in spec:
        spec["import"] = spec.pop("import_")
    return custom(kind, name, {"cloudCredentialsRef": ..., **spec}, namespace=namespace)


def listener(**tls: Any) -> dict[str, Any]:
    return {"name": "a", "protocol": "TERMINATED_HTTPS", "port": 443, "tls": tls}


OWN_VIP = {"networkRef": {"name": "n"}, "subnet": "a"}
BALANCED = {"loadBalancerRef": {"name": "b"}, "protocol": "HTTP", "algorithm": "ROUND_ROBIN"}
OUTSIDE = {"networkName": "ext-floating1"}
REACHING: dict[tuple[str, str], dict[str, Any]] = {
    **{
        (kind, "spec.import"): {"import_": {"id": ID}}
        for kind in (
            [
                "InfomaniakNetwork",
                "Router",
                "SecurityGroup",
                "Port",
                "FloatingIP",
                "LoadBalancer",
                "Pool",
                "HealthMonitor",
            ]
        )
    },
    ("InfomaniakNetwork", "spec.subnets.subnetPoolID"): {"subnets": [{"name": "a", "subnetPoolID": ID}]},
    ("InfomaniakNetwork", "spec.qosPolicyID"): {"qosPolicyID": ID},
    ("Port", "spec.qosPolicyID"): {"networkRef": {"name": "n"}, "qosPolicyID": ID},
    ("Router", "spec.interfaces.subnetID"): {"interfaces": [{"subnetID": ID}]},
    ("Router", "spec.interfaces.portID"): {"interfaces": [{"portID": ID}]},
    ("SecurityGroup", "spec.rules.remoteGroupID"): {"rules": [{"direction": "ingress", "remoteGroupID": ID}]},
    ("Port", "spec.networkID"): {"networkID": ID},
    ("Port", "spec.fixedIPs.subnetID"): {"networkRef": {"name": "n"}, "fixedIPs": [{"subnetID": ID}]},
    ("Port", "spec.securityGroupIDs"): {"networkRef": {"name": "n"}, "securityGroupIDs": [ID]},
    ("FloatingIP", "spec.portID"): {"externalNetwork": OUTSIDE, "portID": ID},
    ("FloatingIP", "spec.portForwardings.portID"): {
        "externalNetwork": OUTSIDE,
        "portForwardings": [{"protocol": "tcp", "externalPort": 22, "portID": ID, "fixedAddress": "10.0.0.1"}],
    },
    ("FloatingIP", "spec.address"): {"externalNetwork": OUTSIDE, "address": "203.0.113.1"},
    ("LoadBalancer", "spec.vip.networkID"): {"vip": {"networkID": ID}},
    ("LoadBalancer", "spec.vip.subnetID"): {"vip": {"subnetID": ID}},
    ("LoadBalancer", "spec.vip.securityGroupIDs"): {"vip": {**OWN_VIP, "securityGroupIDs": [ID]}},
    ("LoadBalancer", "spec.vip.additionalVips.subnetID"): {"vip": {**OWN_VIP, "additionalVips": [{"subnetID": ID}]}},
    ("LoadBalancer", "spec.listeners.tls.barbicanContainer"): {
        "vip": OWN_VIP,
        "listeners": [listener(barbicanContainer=KMS)],
    },
    ("LoadBalancer", "spec.listeners.tls.sniBarbicanContainers"): {
        "vip": OWN_VIP,
        "listeners": [listener(sniBarbicanContainers=[KMS])],
    },
    ("LoadBalancer", "spec.listeners.tls.clientAuthentication.caBarbicanSecret"): {
        "vip": OWN_VIP,
        "listeners": [
            listener(secretRef={"name": "t"}, clientAuthentication={"mode": "OPTIONAL", "caBarbicanSecret": KMS})
        ],
    },
    ("LoadBalancer", "spec.listeners.tls.clientAuthentication.crlBarbicanSecret"): {
        "vip": OWN_VIP,
        "listeners": [
            listener(
                secretRef={"name": "t"},
                clientAuthentication={"mode": "OPTIONAL", "caSecretRef": {"name": "c"}, "crlBarbicanSecret": KMS},
            )
        ],
    },
    ("Pool", "spec.tls.caBarbicanSecret"): {**BALANCED, "tls": {"caBarbicanSecret": KMS}},
    ("Pool", "spec.tls.crlBarbicanSecret"): {
        **BALANCED,
        "tls": {"caSecretRef": {"name": "c"}, "crlBarbicanSecret": KMS},
    },
    ("Pool", "spec.tls.barbicanContainer"): {**BALANCED, "tls": {"barbicanContainer": KMS}},
    ("Pool", "spec.members.subnetID"): {**BALANCED, "members": [{"address": "10.0.0.1", "port": 1, "subnetID": ID}]},
}
"""A spec for every field that reaches all of a project."""


def test_every_field_that_reaches_all_of_a_project_is_tried_here() -> None:
    wanted = {
        (kind, place) for kind, place, _, info in ALL if any(each.reach is Reach.PROJECT for each in declared(info))
    }
    assert {each for each in REACHING if each[1] != "spec.import"} == wanted


@pytest.mark.parametrize(("kind", "place"), list(REACHING), ids=[f"{kind}:{place}" for kind, place in REACHING])
def test_it_is_refused_before_anything_is_asked_of_the_cloud_and_goes_without_a_trace(kind: str, place: str) -> None:
    cluster = world()
    key = cluster.apply(mine(kind, **REACHING[kind, place]))
    assert cluster.reconcile(key).next == Stalled()
    assert (cluster.ready(key), cluster.progress(key)) == (("False", "InvalidConfiguration"), "Stalled")
    said = cluster.message(key)
    assert re.sub(r"\[\d+]", "", said).startswith(f"{place} names ")
    assert "instead: " in said
    assert "--tenant-isolation-exempt" in said
    assert "bank" not in said  # who else there is, is nobody's business
    assert cluster.cloud.take() == []
    assert cluster.finalizers_added == {}
    cluster.delete(key)
    assert cluster.get(key) is None


@pytest.mark.parametrize(("kind", "place"), list(REACHING), ids=[f"{kind}:{place}" for kind, place in REACHING])
@pytest.mark.parametrize(
    ("settings", "isolation"),
    [
        (SHARED, FREE),
        (SHARED, TenantIsolation(exempt=frozenset({"shop"}))),
        (default("shop"), None),
        (default("*"), TenantIsolation(watched=("shop",))),
        (default("shop", "bank"), TenantIsolation(watched=("shop", "yard"))),
    ],
    ids=["none", "exempt", "one namespace", "one that is watched", "one of those that are watched"],
)
def test_it_is_not_refused_where_nobody_else_is_concerned(
    kind: str, place: str, settings: CredentialSettings, isolation: TenantIsolation | None
) -> None:
    cluster = world(settings=settings, isolation=isolation)
    key = cluster.apply(mine(kind, **REACHING[kind, place]))
    cluster.reconcile(key)
    assert "--tenant-isolation" not in cluster.message(key)


@pytest.mark.parametrize(
    ("settings", "isolation", "refused"),
    [
        (default("*"), None, True),
        (default("*"), TenantIsolation(watched=("shop", "bank")), True),
        (default("shop"), TenantIsolation(Isolation.STRICT), True),
        (default("shop"), TenantIsolation(Isolation.STRICT, exempt=frozenset({"shop"})), False),
        (default("*"), TenantIsolation(exempt=frozenset({"bank"})), True),
    ],
    ids=["all", "all that are watched", "strict", "strict but for this one", "another one is exempt"],
)
def test_whose_credential_is_shared(
    settings: CredentialSettings, isolation: TenantIsolation | None, refused: bool
) -> None:
    cluster = world(settings=settings, isolation=isolation)
    key = cluster.apply(mine("InfomaniakNetwork", import_={"id": ID}))
    cluster.reconcile(key)
    assert ("--tenant-isolation" in cluster.message(key)) == refused


def test_a_namespace_with_a_credential_of_its_own_is_its_own_master() -> None:
    cluster = world(secret())
    key = cluster.apply(network(import_={"id": ID}))
    cluster.reconcile(key)
    assert cluster.ready(key) == ("False", "WaitingForReference")
    assert ID in cluster.message(key)


def test_what_every_project_may_use_stays_usable() -> None:
    cluster = world()
    imported = {"filter": {"external": True}}
    public = cluster.fake.external_network_id
    reading = cluster.apply(mine("InfomaniakNetwork", "outside", managementPolicy="Unmanaged", import_=imported))
    router = cluster.apply(mine("Router", externalGateway={"networkID": public}))
    named = cluster.apply(mine("FloatingIP", externalNetwork=OUTSIDE))
    for key in (reading, router, named):
        cluster.settle(key)
        assert cluster.ready(key) == ("True", "Available"), cluster.message(key)


# What stands


def standing(**spec: Any) -> tuple[World, Key, str, str]:
    """A cluster in which a network of somebody else was imported, or joined, while that was allowed."""
    cluster = world(isolation=FREE)
    theirs = cluster.others.networks.create({"name": "theirs", "description": "made by hand"})
    item = {"network_id": theirs["id"], "name": "lan", "cidr": "10.1.0.0/24", "ip_version": 4}
    (lan,) = cluster.others.subnets.create_many([item])
    key = cluster.apply(mine("InfomaniakNetwork", import_={"id": theirs["id"]}, **spec))
    cluster.settle(key)
    assert cluster.ready(key) == ("True", "Available")
    return cluster, key, theirs["id"], lan["id"]


def test_what_was_imported_before_goes_on_without_a_write_and_may_still_be_changed() -> None:
    cluster, key, network_id, lan = standing()
    cluster.told_anew(isolation=TenantIsolation())
    written = cluster.status_writes[key]
    cluster.cloud.take()
    cluster.settle(key)
    assert cluster.ready(key) == ("True", "Available")
    assert (cluster.cloud.writes(), cluster.status_writes[key]) == ([], written)
    cluster.spec(key, mtu=1400)
    cluster.settle(key)
    assert cluster.ready(key) == ("True", "Available")
    assert cluster.network()["mtu"] == 1400
    cluster.others.subnets.delete(lan)
    cluster.delete(key)
    cluster.settle(key)
    assert cluster.get(key) is None
    assert network_id not in [each["id"] for each in cluster.networks()]  # it was taken over: it goes with its object


def test_what_was_only_read_before_is_read_on_and_not_taken_over() -> None:
    cluster, key, *_ = standing(managementPolicy="Unmanaged")
    cluster.told_anew(isolation=TenantIsolation())
    cluster.settle(key)
    assert cluster.ready(key) == ("True", "Available")
    before = cluster.network()
    cluster.cloud.take()
    cluster.spec(key, managementPolicy="Managed")
    assert cluster.reconcile(key).next == Stalled()
    assert cluster.ready(key) == ("False", "InvalidConfiguration")
    assert (cluster.network(), cluster.cloud.take()) == (before, [])
    cluster.delete(key)
    cluster.settle(key)
    assert (cluster.get(key), cluster.network()) == (None, before)


def test_an_id_that_is_in_use_may_stay_in_a_spec_that_changes_and_no_other_may_come() -> None:
    cluster, _, _, lan = standing(managementPolicy="Unmanaged")
    key = cluster.apply(mine("Router", interfaces=[{"subnetID": lan}]))
    cluster.settle(key)
    assert cluster.ready(key) == ("True", "Available")
    cluster.told_anew(isolation=TenantIsolation())
    cluster.spec(key, adminStateUp=False)
    cluster.settle(key)
    assert cluster.ready(key) == ("True", "Available")
    before = cluster.others.routers.list()
    cluster.cloud.take()
    cluster.spec(key, interfaces=[{"subnetID": lan}, {"subnetID": ID}])
    assert cluster.reconcile(key).next == Stalled()
    assert cluster.message(key).startswith("spec.interfaces[1].subnetID names a subnet ")
    assert (cluster.others.routers.list(), cluster.cloud.take()) == (before, [])
    cluster.spec(key, interfaces=[{"subnetID": lan}])
    cluster.settle(key)
    assert cluster.ready(key) == ("True", "Available")
    cluster.spec(key, interfaces=[{"subnetID": lan}, {"subnetID": ID}])
    cluster.reconcile(key)
    cluster.delete(key)  # a refused one that has something of its own takes that along, and nothing else
    cluster.settle(key)
    assert cluster.get(key) is None
    assert cluster.others.routers.list() == []
    assert [each["id"] for each in cluster.others.subnets.list()] == [lan]


def test_an_address_that_was_lost_is_not_taken_back_from_who_has_it_now() -> None:
    cluster = world(isolation=FREE)
    outside = next(each["id"] for each in cluster.others.networks.list() if each.get("router:external"))
    there = cluster.others.floating_ips.create({"floating_network_id": outside})
    spec = {"externalNetwork": OUTSIDE, "address": there["floating_ip_address"], "recreate": "Always"}
    key = cluster.apply(mine("FloatingIP", **spec))
    cluster.settle(key)
    assert cluster.ready(key) == ("True", "Available")
    cluster.told_anew(isolation=TenantIsolation())
    cluster.settle(key)
    cluster.others.floating_ips.delete(there["id"])
    theirs = cluster.others.floating_ips.create({"floating_network_id": outside})
    cluster.fake.tables["floating_ips"][theirs["id"]]["floating_ip_address"] = spec["address"]
    cluster.clock.advance(600)
    cluster.settle(key)
    assert cluster.others.floating_ips.get(theirs["id"])["description"] == theirs.get("description", "")
    assert "--tenant-isolation" in cluster.message(key)
    assert cluster.reconcile(key).next == Stalled()


def grouped() -> tuple[World, Key]:
    """A group that names another one, of which status shows nothing."""
    cluster = world(isolation=FREE)
    theirs = cluster.others.security_groups.create({"name": "theirs"})
    rules = [{"direction": "ingress", "remoteGroupID": theirs["id"]}]
    key = cluster.apply(mine("SecurityGroup", rules=rules))
    cluster.settle(key)
    assert cluster.ready(key) == ("True", "Available")
    cluster.told_anew(isolation=TenantIsolation())
    return cluster, key


def test_one_that_status_does_not_show_stays_while_the_spec_does_through_an_outage_too() -> None:
    cluster, key = grouped()
    cluster.fail("LIST security_groups", InfomaniakCloudError("busy", status=503, category=Category.TRANSIENT), times=3)
    cluster.reconcile(key)
    cluster.reconcile(key)
    assert "--tenant-isolation" not in cluster.message(key)
    cluster.settle(key)
    assert cluster.ready(key) == ("True", "Available")


@pytest.mark.parametrize("category", [Category.AUTHENTICATION, Category.QUOTA, Category.WAITING, Category.IN_USE])
def test_one_that_status_does_not_show_stays_though_the_operator_starts_while_it_is_not_ready(
    category: Category,
) -> None:
    cluster, key = grouped()
    cluster.fail("LIST security_groups", InfomaniakCloudError("refused", category=category), times=9)
    cluster.reconcile(key)
    assert cluster.ready(key)[0] == "False"
    cluster.restart()
    cluster.reconcile(key)
    assert "--tenant-isolation" not in cluster.message(key)
    cluster.cloud.around = lambda _call, act: act()
    cluster.settle(key)
    assert cluster.ready(key) == ("True", "Available")


@pytest.mark.parametrize("category", [Category.QUOTA, Category.WAITING, Category.IN_USE])
def test_it_stays_too_where_the_hash_of_what_it_was_is_another_or_gone(category: Category) -> None:
    cluster, key = grouped()
    # As 0.1.0 wrote it; while the cloud is still at work there is none.
    cluster.poke(key, lambda body: body["status"].update(inputsHash="of another version"))
    cluster.fail("LIST security_groups", InfomaniakCloudError("refused", category=category), times=9)
    cluster.reconcile(key)
    assert cluster.ready(key)[0] == "False"
    cluster.restart()
    cluster.cloud.around = lambda _call, act: act()
    cluster.settle(key)
    assert cluster.ready(key) == ("True", "Available")


@pytest.mark.parametrize("category", list(Category))
def test_no_failure_and_no_pause_lets_a_new_name_in(category: Category) -> None:
    cluster, key = grouped()
    cluster.fail("LIST security_groups", InfomaniakCloudError("refused", category=category), times=2)
    cluster.reconcile(key)
    cluster.annotate(key, paused="true")
    cluster.spec(key, rules=[{"direction": "ingress", "remoteGroupID": ID}])
    cluster.reconcile(key)
    cluster.restart()
    cluster.annotate(key, paused="")
    before = cluster.others.security_groups.list()
    for _ in range(3):
        cluster.reconcile(key)
        assert cluster.ready(key) == ("False", "InvalidConfiguration")
        cluster.restart()
    assert cluster.others.security_groups.list() == before


def test_one_that_status_does_not_show_is_refused_once_the_spec_changes_and_nothing_is_changed() -> None:
    cluster, key = grouped()
    before = cluster.others.security_groups.list()
    cluster.spec(key, description="new")
    cluster.reconcile(key)
    assert (cluster.ready(key), cluster.others.security_groups.list()) == (("False", "InvalidConfiguration"), before)


# What was made ready beforehand


def test_an_object_that_was_paused_when_it_came_is_refused_once_it_goes_on() -> None:
    cluster = world()
    key = cluster.apply(mine("InfomaniakNetwork", import_={"id": ID}))
    cluster.annotate(key, paused="true")
    cluster.reconcile(key)
    cluster.reconcile(key)
    cluster.annotate(key, paused="")
    cluster.reconcile(key)
    assert cluster.ready(key) == ("False", "InvalidConfiguration")
    assert cluster.cloud.take() == []


def test_an_object_that_was_there_before_its_namespace_was_served_is_refused() -> None:
    cluster = world(settings=default("bank"))
    key = cluster.apply(mine("InfomaniakNetwork", import_={"id": ID}))
    cluster.reconcile(key)
    assert cluster.ready(key) == ("False", "CredentialsInvalid")
    cluster.told_anew(credentials=SHARED)
    cluster.reconcile(key)
    assert cluster.ready(key) == ("False", "InvalidConfiguration")
    assert cluster.cloud.take() == []


def test_a_finalizer_set_by_hand_opens_no_way_round() -> None:
    cluster = world()
    theirs = cluster.others.networks.create({"name": "theirs"})
    body = mine("InfomaniakNetwork", import_={"id": theirs["id"]})
    body["metadata"]["finalizers"] = [FINALIZER]
    key = cluster.apply(body)
    cluster.reconcile(key)
    cluster.delete(key)
    cluster.settle(key)
    assert cluster.get(key) is None
    assert [each["id"] for each in cluster.networks()] == [theirs["id"]]


def test_a_dry_run_says_the_same() -> None:
    cluster = world()
    key = cluster.apply(mine("InfomaniakNetwork", import_={"id": ID}))
    cluster.annotate(key, dry_run="true")
    cluster.reconcile(key)
    assert cluster.ready(key) == ("False", "InvalidConfiguration")


# A load balancer is made together with its pools


def test_a_pool_that_has_come_to_name_a_subnet_is_left_out_of_the_tree_that_is_made() -> None:
    bodies = (trees.network(), trees.balancer(listeners=[trees.listener(pool=None)]), trees.pool())
    forest = Forest(*bodies, isolation=TenantIsolation(Isolation.STRICT))
    network_key = key_of(trees.network())
    forest.settle(network_key)
    forest.reconcile(trees.SITE)
    pool = forest.object(trees.SITE)
    assert FINALIZER in pool.finalizers  # it is enlisted, by what its spec said then
    forest.spec(trees.SITE, members=[trees.member(subnetID=ID)])
    for _ in range(30):  # it is held back until what may belong to it has come to rest
        forest.reconcile(trees.LB)
        forest.clock.advance(1)
    assert len(forest.others.load_balancers.list()) == 1
    assert forest.others.pools.list() == []
    forest.reconcile(trees.SITE)
    assert forest.ready(trees.SITE) == ("False", "InvalidConfiguration")


# A project that several credentials lead to

PROJECTS = TenantIsolation(Isolation.SHARED_PROJECT)


def two(**other: Any) -> tuple[World, Key]:
    """Namespaces with a Secret each; ``other`` is what the one of the bank holds instead."""
    cluster = World(secret(namespace="bank", data={**CREDENTIAL, **other}), isolation=PROJECTS)
    return cluster, cluster.apply(network("vault", namespace="bank", subnets=[subnet()]))


def test_a_project_is_shared_once_another_namespace_has_something_in_it() -> None:
    cluster, vault = two()
    before = cluster.apply(network(import_={"id": ID}))
    cluster.reconcile(before)
    assert cluster.ready(before) == ("False", "WaitingForReference")
    cluster.settle(vault)
    cluster.cloud.take()
    for key in (before, cluster.apply(network("other", import_={"id": cluster.object(vault).status["id"]}))):
        cluster.reconcile(key)
        assert cluster.ready(key) == ("False", "InvalidConfiguration")
        assert "bank" not in cluster.message(key)
        assert "vault" not in cluster.message(key)
    assert cluster.cloud.take() == []


def test_it_holds_for_both_and_not_for_one_that_is_exempt() -> None:
    cluster, vault = two()
    cluster.settle(vault)
    mine_ = cluster.apply(network("mine"))
    cluster.settle(mine_)
    theirs = cluster.apply(network("theirs", namespace="bank", import_={"id": ID}))
    cluster.reconcile(theirs)
    assert cluster.ready(theirs) == ("False", "InvalidConfiguration")
    cluster.told_anew(isolation=TenantIsolation(Isolation.SHARED_PROJECT, exempt=frozenset({"bank"})))
    cluster.reconcile(theirs)
    assert cluster.ready(theirs) == ("False", "WaitingForReference")


@pytest.mark.parametrize(
    "change",
    [{"projectID": "another"}, {"region": "another"}],
    ids=["another project", "another region"],
)
def test_what_is_elsewhere_does_not_count(change: dict[str, str]) -> None:
    cluster, vault = two()
    cluster.settle(vault)
    assert cluster.object(vault).status["projectID"] == PROJECT
    assert cluster.object(vault).status["region"] == REGION
    cluster.poke(vault, lambda body: body["status"].update(change))
    key = cluster.apply(network(import_={"id": ID}))
    cluster.reconcile(key)
    assert cluster.ready(key) == ("False", "WaitingForReference")


def test_a_cloud_that_calls_a_project_by_the_same_id_has_nobody_refused() -> None:
    cluster, vault = two(auth_url="https://keystone.example.com/v3")
    cluster.settle(vault)
    key = cluster.apply(network(import_={"id": ID}))
    cluster.reconcile(key)
    assert cluster.ready(key) == ("False", "WaitingForReference")
    cluster.apply(secret(namespace="bank", data={"nonsense": "1"}))  # where it leads is not known any more
    cluster.reconcile(key)
    assert cluster.ready(key) == ("False", "InvalidConfiguration")
