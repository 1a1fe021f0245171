"""Import: read only, adopted, refused."""

import pytest

from infomaniak_operator.api.common import Filter, Import
from infomaniak_operator.api.registry import KINDS
from infomaniak_operator.client import BadRequestError, Category, InfomaniakCloudError
from infomaniak_operator.controller.interfaces import FINALIZER, Done, RequeueAfter, Stalled, WaitingFor
from infomaniak_operator.controller.kube.conditions import MAX_MESSAGE
from infomaniak_operator.reconcile.generic import importing, outcomes
from infomaniak_operator.reconcile.ownership.marks import Mark, Owner, described
from infomaniak_operator.reconcile.reconcilers import actuators
from tests.support.forest import Forest
from tests.support.objects import custom, key_of, network, secret, subnet, uid_of
from tests.support.reach import parts
from tests.support.world import PROJECT, World

V4 = subnet("v4", "10.1.0.0/24")


def world_with(**fields):
    """A world with one network of somebody else, with a subnet; returns both."""
    world = World()
    row = world.others.networks.create({"name": "theirs", "description": "made by hand", **fields})
    item = {"network_id": row["id"], "name": "lan", "cidr": "10.1.0.0/24", "ip_version": 4}
    world.others.subnets.create_many([item])
    return world, world.network()


def imported(world, row=None, *, filter_=None, name="front", **spec):
    by = {"filter": filter_} if filter_ else {"id": row["id"]}
    return world.apply(network(name, import_=by, **spec))


# Unmanaged


def test_an_unmanaged_import_only_reads():
    world, row = world_with(mtu=1400)
    before = world.network(), world.subnets()
    key = imported(world, row, managementPolicy="Unmanaged", mtu=1300, description="not ours to say")
    assert world.reconcile(key).next == Done()
    world.reconcile(key)
    assert world.ready(key) == ("True", "Available")
    assert world.cloud.writes() == []
    assert world.finalizers_added == {}
    assert world.object(key).finalizers == ()
    status = world.object(key).status
    assert (status["id"], status["mtu"]) == (row["id"], 1400)
    assert [item["name"] for item in status["subnets"]] == ["lan"]
    assert (world.network(), world.subnets()) == before
    world.delete(key)
    assert world.get(key) is None
    assert (world.network(), world.subnets()) == before


def test_an_unmanaged_import_of_what_another_owns_is_only_a_look():
    world, row = world_with()
    mark = Owner("another", "InfomaniakNetwork", "shop", "front", "u").mark()
    world.others.networks.update(row["id"], {"description": mark.text})
    key = imported(world, row, managementPolicy="Unmanaged")
    world.reconcile(key)
    assert world.ready(key) == ("True", "Available")
    assert world.cloud.writes() == []


def test_what_an_unmanaged_one_reads_follows_the_cloud():
    world, row = world_with()
    key = imported(world, row, managementPolicy="Unmanaged")
    world.reconcile(key)
    world.others.networks.update(row["id"], {"mtu": 1280})
    world.reconcile(key)
    assert world.object(key).status["mtu"] == 1280


def test_an_unmanaged_one_that_is_deleted_in_the_cloud_stalls():
    world, row = world_with()
    key = imported(world, row, managementPolicy="Unmanaged")
    world.reconcile(key)
    world.others.networks.delete(row["id"])
    assert world.reconcile(key).next == Stalled()
    assert world.ready(key) == ("False", "ExternallyDeleted")
    assert world.says(key, "Synced") == ("False", "ExternallyDeleted")
    assert "cloudStatus" not in world.object(key).status
    assert world.progress(key) == "Stalled"
    assert world.networks() == []


def test_two_subnets_of_one_name_are_no_trouble():
    world, row = world_with()
    item = {"network_id": row["id"], "name": "lan", "cidr": "10.2.0.0/24", "ip_version": 4}
    world.others.subnets.create_many([item])
    key = imported(world, row, managementPolicy="Unmanaged")
    world.reconcile(key)
    assert world.ready(key) == ("True", "Available")
    assert len(world.object(key).status["subnets"]) == 2


# By filter


@pytest.mark.parametrize(
    "filter_",
    [
        {"name": "theirs"},
        {"description": "made by hand"},
        {"tags": ["blue"]},
        {"tags": ["kubernetes.io/cluster/web"]},
        {"tags": ["a,b", "blue"]},
        {"name": "theirs", "tags": ["eu", "blue"], "description": "made by hand"},
    ],
)
def test_a_filter_finds_the_one_it_means(filter_):
    world, row = world_with()
    world.others.tags.replace("networks", row["id"], ["blue", "eu", "kubernetes.io/cluster/web", "a,b"])
    other = world.others.networks.create({"name": "theirs-too", "description": "made by hand, too"})
    world.others.tags.replace("networks", other["id"], ["a", "b", "kubernetes.io"])
    key = imported(world, filter_=filter_, managementPolicy="Unmanaged")
    world.reconcile(key)
    assert world.object(key).status.get("id") == row["id"]


def test_no_match_is_waited_for():
    world, row = world_with()
    key = imported(world, filter_={"name": "their"}, managementPolicy="Unmanaged")  # a near match is none
    result = world.reconcile(key)
    assert isinstance(result.next, RequeueAfter)
    assert world.ready(key) == ("False", "WaitingForReference")
    assert world.progress(key) == "Reconciling"
    assert "name=their" in world.message(key)
    world.others.networks.update(row["id"], {"name": "their"})
    world.reconcile(key)
    assert world.ready(key) == ("True", "Available")


def test_two_matches_are_an_error_that_names_both():
    world, row = world_with()
    other = world.others.networks.create({"name": "theirs"})
    key = imported(world, filter_={"name": "theirs"}, managementPolicy="Unmanaged")
    assert world.reconcile(key).next == Stalled()
    assert world.progress(key) == "Stalled"
    assert row["id"] in world.message(key)
    assert other["id"] in world.message(key)


def test_a_filter_is_resolved_once():
    world, row = world_with()
    key = imported(world, filter_={"name": "theirs"}, managementPolicy="Unmanaged")
    world.reconcile(key)
    world.others.networks.update(row["id"], {"name": "renamed"})
    world.others.networks.create({"name": "theirs"})
    world.reconcile(key)
    assert world.object(key).status["id"] == row["id"]
    assert world.ready(key) == ("True", "Available")


def test_an_id_that_is_not_there_is_waited_for():
    world, _ = world_with()
    key = imported(world, {"id": "11111111-2222-3333-4444-555555555555"})
    assert isinstance(world.reconcile(key).next, RequeueAfter)
    assert world.ready(key) == ("False", "WaitingForReference")
    assert "spec.import.id" in world.message(key)
    assert len(world.networks()) == 1


# Managed


def test_an_adoption_without_a_difference_sets_the_mark_and_no_more():
    world, row = world_with()
    key = imported(world, row)
    assert world.settle(key).next == Done()
    after = world.network()
    assert after["description"] == described("made by hand", world.mark(key))
    assert after["name"] == "theirs"
    assert world.cloud.writes() == ["PUT networks"]
    assert world.finalizers_added[key] == 1
    assert Mark.parse(world.subnets()["lan"]["description"]) is None  # not in the spec, so not ours


def test_an_adoption_shows_the_difference_before_it_writes():
    world, row = world_with(mtu=1420)
    key = imported(world, row, mtu=1400, subnets=[{**V4, "enableDHCP": False}])
    result = world.reconcile(key)
    assert isinstance(result.next, RequeueAfter)
    assert world.cloud.writes() == []
    assert world.object(key).finalizers == ()
    assert world.says(key, "Synced") == ("False", "Updating")
    for word in ("mtu", "1420", "1400", "enableDHCP"):
        assert word in world.message(key, "Synced")
    assert world.told(key) == ["Adopting"]
    world.settle(key)
    assert world.network()["mtu"] == 1400
    assert world.ready(key) == ("True", "Available")
    (there,) = world.subnets().values()
    assert (there["name"], there["enable_dhcp"]) == ("v4", False)
    assert Mark.parse(there["description"]) == world.mark(key, "subnet/v4")


def test_what_was_shown_is_not_shown_for_ever():
    world, row = world_with()
    key = imported(world, row, mtu=1400)
    world.reconcile(key)
    world.restart()
    world.reconcile(key)
    assert world.network()["mtu"] == 1400


def test_a_field_taken_out_before_it_was_ever_set_leaves_the_cloud_as_it_was():
    world, row = world_with(port_security_enabled=False)
    key = imported(world, row, portSecurityEnabled=True)
    world.reconcile(key)
    world.spec(key, portSecurityEnabled=...)
    world.settle(key)
    assert world.network()["port_security_enabled"] is False
    assert world.ready(key) == ("True", "Available")


def test_what_cannot_be_changed_is_a_conflict_and_nothing_is_touched():
    world, row = world_with()
    before = world.network(), world.subnets()
    modes = {"ipv6AddressMode": "slaac", "ipv6RAMode": "slaac"}
    key = imported(world, row, subnets=[{**V4, **modes}], mtu=1400)
    assert world.reconcile(key).next == Stalled()
    assert world.ready(key) == ("False", "Conflict")
    assert world.progress(key) == "Stalled"
    assert "ipv6AddressMode" in world.message(key)
    assert (world.network(), world.subnets()) == before
    world.delete(key)
    world.settle(key)
    assert world.get(key) is None
    assert (world.network(), world.subnets()) == before


def test_what_another_owns_is_a_conflict():
    world, row = world_with()
    mark = Owner("another", "InfomaniakNetwork", "shop", "front", "u").mark()
    world.others.networks.update(row["id"], {"description": mark.text})
    key = imported(world, row, mtu=1400)
    assert world.reconcile(key).next == Stalled()
    assert world.ready(key) == ("False", "Conflict")
    assert world.cloud.writes() == []
    world.delete(key)
    world.settle(key)
    assert world.get(key) is None
    assert len(world.networks()) == 1


def test_a_description_without_room_for_the_mark_is_for_a_person_to_mend():
    world, row = world_with()
    world.others.networks.update(row["id"], {"description": "x" * 255})
    key = imported(world, row)
    assert world.reconcile(key).next == Stalled()
    assert world.ready(key) == ("False", "InvalidConfiguration")
    assert world.cloud.writes() == []


def test_of_two_objects_that_manage_one_id_the_younger_is_the_conflict():
    world, row = world_with()
    old = imported(world, row, name="old")
    young = imported(world, row, name="ayoung")
    world.poke(young, lambda body: body["metadata"].update(creationTimestamp="2026-11-25T08:00:01Z"))
    for key in (old, young, old, young):
        world.reconcile(key)
    assert world.ready(old) == ("True", "Available")
    assert world.ready(young) == ("False", "Conflict")
    assert "old" in world.message(young)
    assert world.reconcile(young).next == WaitingFor(frozenset({old})), "the end of the older one wakes it"
    world.delete(young)
    world.settle(young)
    assert world.get(young) is None
    assert Mark.parse(world.network()["description"]) in (None, world.mark(old))
    assert len(world.networks()) == 1


def test_of_two_that_were_looked_at_together_the_younger_gives_way():
    world, row = world_with()
    one = imported(world, row, name="one")
    two = imported(world, row, name="two")
    for key in (one, two):  # each saw the other without an id
        world.poke(key, lambda body: body["status"].update(id=row["id"]))
    world.reconcile(two)
    assert world.ready(two) == ("False", "Conflict")
    assert world.cloud.writes() == []
    world.reconcile(one)
    assert world.ready(one) == ("True", "Available")


SECRETS = {"bank": secret(namespace="bank")}


def in_bank(world, row, *, created="2026-11-25T08:00:01Z", **spec):
    """A younger import of the same in another namespace."""
    if world.get(key_of(SECRETS["bank"])) is None:
        world.apply(SECRETS["bank"])
    body = network("vault", namespace="bank", import_={"id": row["id"]}, **spec)
    body["metadata"]["creationTimestamp"] = created
    return world.apply(body)


def told(world, key):
    """All that a person of its namespace can read of it."""
    events = [event.message for event in world.events.get(key, ())]
    return " ".join([*(c.get("message", "") for c in world.object(key).status["conditions"]), *events])


@pytest.mark.parametrize("by", ["id", "filter"])
def test_who_only_reads_excludes_nobody_and_is_excluded_by_nobody(by):
    world, row = world_with()
    how = {"filter_": {"name": "theirs"}} if by == "filter" else {}
    one = imported(world, row, managementPolicy="Unmanaged", **how)
    two = in_bank(world, row, managementPolicy="Unmanaged")
    three = imported(world, row, name="more", managementPolicy="Unmanaged")
    for _ in range(2):
        for key in (three, two, one):
            world.settle(key)
    for key in (one, two, three):
        assert world.ready(key) == ("True", "Available")
        assert world.object(key).status["id"] == row["id"]
    assert world.cloud.writes() == []


@pytest.mark.parametrize("first", ["who reads", "who manages"])
def test_one_manages_what_another_reads(first):
    world, row = world_with()
    created = "2026-11-25T07:00:00Z" if first == "who reads" else "2026-11-25T09:00:00Z"
    manages = imported(world, row, mtu=1400)
    reads = in_bank(world, row, created=created, managementPolicy="Unmanaged")
    order = (reads, manages) if first == "who reads" else (manages, reads)
    for key in (*order, *order):
        world.settle(key)
    assert world.ready(reads) == world.ready(manages) == ("True", "Available")
    assert world.network()["mtu"] == 1400
    assert Mark.parse(world.network()["description"]) == world.mark(manages)
    world.delete(reads)
    world.settle(manages)
    assert world.ready(manages) == ("True", "Available")
    assert "shop" not in told(world, reads) if world.get(reads) else True


@pytest.mark.parametrize("marked", [True, False])
def test_of_two_in_two_namespaces_the_younger_is_told_no_name(marked):
    world, row = world_with()
    old = imported(world, row, name="till")
    young = in_bank(world, row)
    world.settle(old)
    if not marked:  # the mark is not there, or not yet: the object of Kubernetes tells
        world.others.networks.update(row["id"], {"description": ""})
        world.clock.advance(60)
    world.reconcile(young)
    assert world.ready(old) == ("True", "Available")
    assert world.ready(young) == ("False", "Conflict")
    assert row["id"] in world.message(young)
    assert "till" not in told(world, young)
    assert "shop" not in told(world, young)
    before = world.networks()
    world.delete(young)
    world.settle(young)
    assert world.get(young) is None
    assert world.networks() == before


@pytest.mark.parametrize("marked", [False, True])
def test_who_is_in_another_project_cannot_keep_the_owner_from_what_that_shares(marked):
    """A network that one project shares can be seen from another, and so be imported there first, in vain."""
    world, row = world_with()
    first = imported(world, row, name="first")
    world.settle(first)
    mark = world.mark(first).text if marked else ""
    world.others.networks.update(row["id"], {"description": mark})
    # Its change was refused there: what it was to take over was never marked.
    world.poke(first, lambda body: body["status"].update(projectID="another", appliedFields=["import"]))
    young = in_bank(world, row)
    world.settle(young)
    assert world.ready(young) == (("False", "Conflict") if marked else ("True", "Available"))


def test_a_managed_import_that_was_never_adopted_leaves_what_it_names():
    """It may have its finalizer and its id, and not its mark: the cloud refused the change by which it comes."""
    world, row = world_with()
    key = imported(world, row, mtu=1400)
    world.fail("PUT networks", BadRequestError("no such mtu", category=Category.TERMINAL), times=9)
    world.settle(key)
    assert FINALIZER in world.object(key).finalizers
    assert world.object(key).status["id"] == row["id"]
    world.delete(key)
    world.settle(key)
    assert world.get(key) is None
    assert [each["id"] for each in world.networks()] == [row["id"]]
    assert "LeftAlone" in world.told(key)


def test_the_younger_of_two_that_has_its_finalizer_and_even_its_mark_takes_nothing_along():
    world, row = world_with()
    young = in_bank(world, row)
    world.settle(young)
    assert world.ready(young) == ("True", "Available")
    old = imported(world, row, name="till")
    world.poke(old, lambda body: body["status"].update(id=row["id"]))
    world.delete(young)
    world.settle(young)
    assert world.get(young) is None
    assert [each["id"] for each in world.networks()] == [row["id"]]


def test_a_subnet_that_is_adopted_later_is_shown_first_too():
    world, row = world_with()
    key = imported(world, row)
    world.settle(key)
    world.cloud.take()
    world.told(key)
    world.spec(key, subnets=[{**V4, "enableDHCP": False}])
    world.reconcile(key)
    assert world.cloud.writes() == []
    assert "enableDHCP" in world.message(key, "Synced")
    assert world.told(key) == ["Adopting"]
    world.settle(key)
    assert world.subnets()["v4"]["enable_dhcp"] is False
    assert world.ready(key) == ("True", "Available")
    assert world.told(key).count("Adopting") == 0


def test_what_is_restored_with_its_status_is_shown_first_too():
    world = World(restore=True)
    key = world.apply(network(subnets=[V4], mtu=1400))
    world.settle(key)
    status = world.object(key).status
    world.poke(key, lambda body: body["metadata"].update(uid=uid_of("InfomaniakNetwork", "shop", "front", 2)))
    world.poke(key, lambda body: body.update(status=dict(status)))
    world.spec(key, mtu=1300)
    world.restart()
    world.cloud.take()
    world.reconcile(key)
    assert world.cloud.writes() == []
    assert "mtu" in world.message(key, "Synced")
    world.settle(key)
    assert world.network()["mtu"] == 1300
    assert world.ready(key) == ("True", "Available")


def test_an_adoption_too_long_for_a_condition_is_shown_once(monkeypatch):
    """What a condition cuts off could never be found in it again."""
    monkeypatch.setattr(outcomes, "LONGEST_TEXT", 60)
    world, row = world_with()
    items = [subnet(f"n{number}", f"10.{number}.0.0/24") for number in range(2, 9)]
    key = imported(world, row, subnets=items, mtu=1400)
    world.reconcile(key)
    assert world.told(key) == ["Adopting"]
    assert len(world.message(key, "Synced")) == 60
    world.settle(key)
    assert "Adopting" not in world.told(key)
    assert world.ready(key) == ("True", "Available")


def test_the_longest_plan_has_room_in_a_condition():
    assert len(outcomes.bounded("x" * 99_999)) == outcomes.LONGEST_TEXT < MAX_MESSAGE


def test_an_adopted_network_that_somebody_deleted_is_not_made_again():
    world, row = world_with()
    key = imported(world, row)
    world.settle(key)
    world.others.networks.delete(row["id"])
    assert world.reconcile(key).next == Stalled()
    assert world.ready(key) == ("False", "ExternallyDeleted")
    assert world.networks() == []


def test_subnets_that_were_there_are_not_taken_along_when_an_adopted_network_goes():
    world, row = world_with()
    key = imported(world, row)
    world.settle(key)
    world.delete(key)
    world.reconcile(key)
    assert world.ready(key) == ("False", "InUse")
    assert "lan" in world.message(key)
    assert sorted(world.subnets()) == ["lan"]
    world.others.subnets.delete(world.subnets()["lan"]["id"])
    world.settle(key)
    assert world.networks() == []


def test_listing_one_of_several_subnets_of_an_adopted_network_leaves_the_others():
    world, row = world_with()
    item = {"network_id": row["id"], "name": "other", "cidr": "10.2.0.0/24", "ip_version": 4}
    world.others.subnets.create_many([item])
    key = imported(world, row)
    world.settle(key)
    world.spec(key, subnets=[V4])
    world.settle(key)
    assert sorted(world.subnets()) == ["other", "v4"]
    world.settle(key)
    assert sorted(world.subnets()) == ["other", "v4"]
    assert world.subnets()["other"]["description"] == ""


# From Managed to Unmanaged and back


def test_managed_to_unmanaged_releases_and_back_again_adopts():
    world = World()
    key = world.apply(network(subnets=[V4], description="text", mtu=1400))
    world.settle(key)
    here = world.object(key).status["id"]
    world.cloud.take()
    world.spec(key, managementPolicy="Unmanaged", **{"import": {"id": here}})
    world.settle(key)
    assert Mark.parse(world.network()["description"]).released
    assert Mark.parse(world.subnets()["v4"]["description"]).released
    assert world.object(key).finalizers == ()
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    world.others.networks.update(here, {"mtu": 1500})
    world.cloud.take()
    world.settle(key)
    assert world.cloud.writes() == []
    world.spec(key, managementPolicy="Managed")
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert Mark.parse(world.network()["description"]) == world.mark(key)
    assert Mark.parse(world.subnets()["v4"]["description"]) == world.mark(key, "subnet/v4")
    assert world.network()["mtu"] == 1400
    assert world.network()["id"] == here


def test_an_unmanaged_import_made_managed_never_replaces_a_subnet():
    world, row = world_with()
    before = world.subnets()
    modes = {"ipv6AddressMode": "slaac", "ipv6RAMode": "slaac"}
    key = imported(world, row, managementPolicy="Unmanaged", subnets=[{**V4, **modes, "name": "lan"}])
    world.settle(key)
    world.spec(key, managementPolicy="Managed")
    world.settle(key)
    assert world.ready(key) == ("False", "Conflict")
    assert world.subnets() == before
    assert world.object(key).status["id"] == row["id"]


def shared_world(world=None):
    """A world in whose cloud another project has a network with a subnet, and shares it."""
    world = world or World()
    beta = world.fake.operations("beta")
    row = beta.networks.create({"name": "theirs"})
    item = {"network_id": row["id"], "name": "lan", "cidr": "10.9.0.0/24", "ip_version": 4}
    subnet = beta.subnets.create(item)
    world.fake.neutron.share(row["id"], PROJECT)
    return world, row, subnet


def test_the_subnets_of_a_network_that_another_project_shares_are_seen():
    world, row, subnet = shared_world()
    key = world.apply(network("front", import_={"id": row["id"]}, managementPolicy="Unmanaged"))
    world.reconcile(key)
    assert world.ready(key) == ("True", "Available")
    (shown,) = world.object(key).status["subnets"]
    assert (shown["name"], shown["id"], shown["cidr"]) == ("lan", subnet["id"], "10.9.0.0/24")
    assert world.object(key).status["projectID"] == PROJECT != world.fake.tables["networks"][row["id"]]["project_id"]
    world.cloud.take()
    world.reconcile(key)
    assert world.cloud.take() == ["LIST networks", "GET networks", "LIST subnets"]


def test_a_network_of_ones_own_costs_no_further_list():
    world, row = world_with()
    key = imported(world, row, managementPolicy="Unmanaged")
    world.reconcile(key)
    world.cloud.take()
    world.reconcile(key)
    assert world.cloud.take() == ["LIST networks", "LIST subnets"]


def test_an_external_network_whose_subnets_are_not_shown_has_none():
    world = World()
    external = {"id": world.fake.external_network_id}
    key = world.apply(network("internet", import_=external, managementPolicy="Unmanaged"))
    world.reconcile(key)
    assert world.ready(key) == ("True", "Available")
    assert world.object(key).status["subnets"] == []


def test_a_load_balancer_is_made_in_a_network_that_another_project_shares():
    world, row, subnet = shared_world(Forest())
    world.apply(network("front", import_={"id": row["id"]}, managementPolicy="Unmanaged"))
    world.apply(custom("LoadBalancer", "web", {"vip": {"networkRef": {"name": "front"}}}))
    world.run()
    world.all_ready()
    assert world.one("load_balancers")["vip_subnet_id"] == subnet["id"]


@pytest.mark.parametrize("reconciles", range(1, 5))
def test_what_was_only_read_stays_where_it_could_not_be_taken_over(reconciles):
    """Managed now, and ``import`` left out with that; but the mark cannot be put, and then the object is deleted."""
    world = World()
    theirs = world.others.networks.create({"name": "theirs"})["id"]
    key = world.apply(network(import_={"id": theirs}, managementPolicy="Unmanaged"))
    world.settle(key)
    world.spec(key, managementPolicy=..., **{"import": ...})
    for _ in range(reconciles):
        world.fail("PUT networks", InfomaniakCloudError("busy", status=503, category=Category.TRANSIENT))
        world.reconcile(key)
        world.clock.advance(2)
    world.restart()
    world.delete(key)
    if world.get(key) is not None:
        world.settle(key)
    assert world.get(key) is None
    assert theirs in world.fake.tables["networks"]


@pytest.mark.parametrize("actuator", actuators(), ids=lambda each: each.kind)
def test_every_field_of_a_filter_is_one_that_the_service_filters_by(actuator):
    """Tags and description apart, which are compared here."""
    (model,) = [
        each for each in parts(KINDS[actuator.kind].spec.model_fields["import_"].annotation) if issubclass(each, Import)
    ]
    (filter_,) = [each for each in parts(model.model_fields["filter"].annotation) if issubclass(each, Filter)]
    fields = {info.alias or name for name, info in filter_.model_fields.items()} - {"tags", "description"}
    assert fields
    assert {importing._attribute(each) for each in fields} <= actuator.collection.kind.filters
