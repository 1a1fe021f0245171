"""Whose an object of the cloud is: marks lost, marks of others, marks of the past, doubles."""

import pytest

from infomaniak_operator.controller.interfaces import FINALIZER, Done, Stalled
from infomaniak_operator.reconcile.ownership.marks import Mark, Owner, described, released
from tests.support.fake_cloud import FakeCloud
from tests.support.objects import KUBE_SYSTEM, custom, key_of, network, subnet, uid_of
from tests.support.world import World

V4 = subnet("v4", "10.1.0.0/24")
KIND = "InfomaniakNetwork"


def ready(**spec):
    world = World()
    key = world.apply(network(subnets=[V4], **spec))
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    world.cloud.take()
    world.told(key)
    return world, key


def made_for_a_former_one(world, name="front"):
    """What a former object of that name left in the cloud; returns the network."""
    former = Owner(KUBE_SYSTEM, KIND, "shop", name, uid_of(KIND, "shop", name, life=0))
    row = world.others.networks.create({"name": name, "description": described("old", former.mark())})
    item = {"network_id": row["id"], "name": "v4", "cidr": V4["cidr"], "ip_version": 4}
    world.others.subnets.create_many([{**item, "description": former.mark("subnet/v4").text}])
    return row


def test_a_mark_that_was_lost_is_put_back():
    world, key = ready(description="text")
    row = world.network()
    world.others.networks.update(row["id"], {"description": "text"})
    world.others.subnets.update(world.subnets()["v4"]["id"], {"description": ""})
    world.settle(key)
    assert world.network()["id"] == row["id"]
    assert Mark.parse(world.network()["description"]) == world.mark(key)
    assert Mark.parse(world.subnets()["v4"]["description"]) == world.mark(key, "subnet/v4")
    assert world.cloud.writes() == ["PUT networks", "PUT subnets"]
    assert world.told(key) == ["DriftCorrected"]


def test_a_text_somebody_wrote_instead_of_the_mark_stays_where_the_spec_names_none():
    world, key = ready()
    world.others.networks.update(world.network()["id"], {"description": "hands off"})
    world.settle(key)
    assert world.network()["description"] == described("hands off", world.mark(key))


def test_a_text_that_leaves_no_room_for_the_mark_is_for_a_person_to_mend():
    world, key = ready()
    world.others.networks.update(world.network()["id"], {"description": "x" * 255})
    assert world.reconcile(key).next == Stalled()
    assert world.ready(key) == ("False", "InvalidConfiguration")
    assert world.progress(key) == "Stalled"
    assert "description" in world.message(key)
    assert world.cloud.writes() == []
    world.spec(key, description="short")
    world.settle(key)
    assert world.ready(key) == ("True", "Available")


@pytest.mark.parametrize("whose", ["another cluster", "another object"])
def test_what_carries_the_mark_of_others_is_a_conflict_and_never_touched(whose):
    world, key = ready(mtu=1400)
    row = world.network()
    theirs = (
        world.mark(key, cluster_id="another")
        if whose == "another cluster"
        else Owner(KUBE_SYSTEM, KIND, "shop", "else", uid_of(KIND, "shop", "else")).mark()
    )
    world.others.networks.update(row["id"], {"description": theirs.text, "mtu": 1500})
    before = world.network()
    assert world.reconcile(key).next == Stalled()
    assert world.ready(key) == ("False", "Conflict")
    assert world.progress(key) == "Stalled"
    assert row["id"] in world.message(key)
    assert world.told(key) == ["Conflict"]
    world.reconcile(key)
    assert world.told(key) == []
    world.delete(key)
    world.settle(key)
    assert world.get(key) is None  # only the finalizer went
    assert world.network() == before
    assert sorted(world.subnets()) == ["v4"]
    assert world.cloud.writes() == []


def test_what_a_former_object_of_the_name_left_is_named_and_left():
    world = World()
    row = made_for_a_former_one(world)
    before = world.network(), world.subnets()
    key = world.apply(network(subnets=[V4]))
    assert world.reconcile(key).next == Stalled()
    assert world.ready(key) == ("False", "Conflict")
    assert row["id"] in world.message(key)
    assert "made for an InfomaniakNetwork of this name" in world.message(key)
    assert "adopt-previous" in world.message(key)
    assert (world.network(), world.subnets()) == before
    assert world.object(key).finalizers == ()
    world.delete(key)
    assert world.get(key) is None


@pytest.mark.parametrize("how", ["annotation", "restore flag"])
def test_what_a_former_object_left_is_adopted_when_somebody_says_so(how):
    world = World(restore=how == "restore flag")
    row = made_for_a_former_one(world)
    key = world.apply(network(subnets=[V4]))
    if how == "annotation":
        world.reconcile(key)
        world.annotate(key, adopt_previous="true")
    assert world.settle(key).next == Done()
    assert world.ready(key) == ("True", "Available")
    assert world.network()["id"] == row["id"] == world.object(key).status["id"]
    assert world.network()["description"] == described("old", world.mark(key))
    assert Mark.parse(world.subnets()["v4"]["description"]) == world.mark(key, "subnet/v4")
    assert FINALIZER in world.object(key).finalizers
    world.delete(key)
    world.settle(key)
    assert world.networks() == []


@pytest.mark.parametrize("kind", [KIND, "Router"])
def test_what_a_living_object_made_is_never_taken_over(kind):
    """Whatever the place in a mark says: the UID tells whose it is, while that one lives."""
    world = World(restore=True)
    living = custom(kind, "till", {}, namespace="bank")
    key = world.apply(network(subnets=[V4]))
    theirs = Owner(KUBE_SYSTEM, KIND, "shop", "front", living["metadata"]["uid"]).mark()
    row = world.others.networks.create({"name": "till", "description": theirs.text})
    world.annotate(key, adopt_previous="true")
    world.apply(living)
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert world.object(key).status["id"] != row["id"]
    assert world.fake.tables["networks"][row["id"]]["description"] == theirs.text
    # Once it is no more, what it left is what a former object left.
    world.delete(key)
    world.settle(key)
    world.vanish(key_of(living))
    key = world.apply(network(life=2, subnets=[V4]))
    world.settle(key)
    assert world.object(key).status["id"] == row["id"]


def test_an_adoption_of_what_was_left_shows_first_what_it_changes():
    world = World(restore=True)
    made_for_a_former_one(world)
    key = world.apply(network(subnets=[V4], mtu=1400))
    world.reconcile(key)
    assert world.network()["mtu"] != 1400
    assert world.says(key, "Synced") == ("False", "Updating")
    assert "mtu" in world.message(key, "Synced")
    world.settle(key)
    assert world.network()["mtu"] == 1400


def test_a_released_mark_is_nobody_s():
    world = World()
    former = Owner(KUBE_SYSTEM, KIND, "shop", "front", uid_of(KIND, "shop", "front", life=0))
    world.others.networks.create({"name": "front", "description": released(former.mark()).text})
    key = world.apply(network())
    world.settle(key)
    assert len(world.networks()) == 2
    assert world.object(key).status["id"] == world.networks()[1]["id"]


def double(world, key, *, with_subnet=True):
    row = world.others.networks.create({"name": "front", "description": world.mark(key).text})
    if with_subnet:
        mark = world.mark(key, "subnet/v4").text
        item = {"network_id": row["id"], "name": "v4", "cidr": V4["cidr"], "ip_version": 4, "description": mark}
        world.others.subnets.create_many([item])
    return row


def test_the_one_in_status_is_kept_however_old():
    world = World()
    key = world.apply(network(subnets=[V4]))
    older = double(world, key)
    world.settle(key)
    kept = world.object(key).status["id"]
    assert kept == older["id"]
    younger = double(world, key)
    world.poke(key, lambda body: body["status"].update(id=younger["id"]))
    world.restart()
    world.settle(key)
    assert world.object(key).status["id"] == younger["id"]
    assert {row["id"] for row in world.networks()} == {older["id"], younger["id"]}  # see test_doubles.py


@pytest.mark.parametrize("which", ["older", "younger"])
def test_of_two_subnets_with_one_mark_the_one_in_status_is_kept(which):
    world, key = ready()
    older = world.subnets()["v4"]
    body = {"network_id": older["network_id"], "name": "other", "cidr": "10.200.0.0/24", "ip_version": 4}
    mark = world.mark(key, "subnet/v4").text
    (younger,) = world.others.subnets.create_many([{**body, "description": mark}])
    kept = older if which == "older" else younger
    world.poke(key, lambda body: body["status"]["subnets"][0].update(id=kept["id"]))
    world.restart()
    world.spec(key, subnets=[subnet("v4", kept["cidr"])])
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert world.object(key).status["subnets"][0]["id"] == kept["id"]
    assert len(world.others.subnets.list()) == 2
    assert "DELETE subnets" not in world.cloud.writes()


def test_two_clusters_in_one_project_never_touch_each_other():
    fake = FakeCloud()
    one, two = World(fake=fake, cluster_id="one"), World(fake=fake, cluster_id="two")
    body = network(subnets=[V4], mtu=1400)  # the same object, with the same UID even
    key = one.apply(body)
    two.apply(body)
    for world in (one, two, one, two):
        world.settle(key)
        assert world.ready(key) == ("True", "Available")
    ids = {world.object(key).status["id"] for world in (one, two)}
    assert {row["id"] for row in one.networks()} == ids
    assert len(ids) == 2
    one.delete(key)
    one.settle(key)
    assert one.get(key) is None
    assert two.network()["id"] == two.object(key).status["id"]
    two.cloud.take()
    two.settle(key)
    assert two.cloud.writes() == []


def test_a_change_of_project_is_refused():
    world, key = ready()
    world.project = ("beta", "dc3-a")
    world.restart()
    assert world.reconcile(key).next == Stalled()
    assert world.ready(key) == ("False", "Conflict")
    assert "project beta" in world.message(key)
    assert "project alpha" in world.message(key)
    world.delete(key)
    world.reconcile(key)
    assert world.get(key) is not None  # a 404 there would mean nothing
    assert world.cloud.take() == []
    world.project = ("alpha", "dc3-a")
    world.restart()
    world.settle(key)
    assert world.get(key) is None
    assert world.networks() == []


def test_a_change_of_region_is_refused():
    world, key = ready()
    world.project = ("alpha", "dc4-a")
    world.restart()
    world.reconcile(key)
    assert world.ready(key) == ("False", "Conflict")
    assert "region dc4-a" in world.message(key)


def test_a_subnet_made_by_hand_is_not_taken_over_by_its_cidr_or_name_and_the_rest_proceeds():
    world, key = ready()
    body = {"network_id": world.network()["id"], "name": "v5", "cidr": "10.5.0.0/16", "ip_version": 4}
    (theirs,) = world.others.subnets.create_many([body])
    world.spec(key, subnets=[V4, subnet("v5", "10.5.1.0/24"), subnet("v6", "10.6.0.0/24")])
    for _ in range(4):
        world.reconcile(key)
    assert world.ready(key) == ("False", "Conflict")
    assert world.progress(key) == "Stalled"
    assert theirs["id"] in world.message(key)
    assert "v5" in world.message(key)
    assert world.says(key, "Synced") == ("False", "Conflict")
    assert world.cloud.writes() == ["POST subnets"]
    assert sorted(world.subnets()) == ["v4", "v5", "v6"]
    assert world.subnets()["v5"] == theirs
    assert [each["name"] for each in world.object(key).status["subnets"]] == ["v4", "v6"]
    world.others.subnets.delete(theirs["id"])
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert world.subnets()["v5"]["cidr"] == "10.5.1.0/24"
