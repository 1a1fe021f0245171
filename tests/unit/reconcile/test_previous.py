"""What a former object left: to whom it goes, and how sure it must be whose it was."""

import copy
import json
from dataclasses import replace
from types import ModuleType

import pytest

from infomaniak_operator.controller.interfaces import WaitingFor
from infomaniak_operator.reconcile.generic.owned import mark_of, marks_of
from infomaniak_operator.reconcile.ownership.marks import Mark, Owner, described, released
from tests.support import intent, recorded
from tests.support.forest import Forest
from tests.support.objects import KUBE_SYSTEM, custom, network, secret, subnet, uid_of
from tests.support.trees import LB, tree
from tests.support.world import PROJECT, World

KIND = "InfomaniakNetwork"
V4 = subnet("v4", "10.1.0.0/24")
VERSIONS = {1: Owner.old_mark, 2: Owner.mark}
each_version = pytest.mark.parametrize("version", VERSIONS)


def former(namespace="shop", name="front", kind=KIND):
    """An object that is no more."""
    return Owner(KUBE_SYSTEM, kind, namespace, name, uid_of(kind, namespace, name, life=0))


def left_by(world, owner, version, *, called=None, kind="networks"):
    """What it left in the cloud."""
    mark, name = VERSIONS[version], called or owner.name
    if kind == "floating_ips":
        (external,) = [row for row in world.others.networks.list() if row.get("router:external")]
        body = {"floating_network_id": external["id"], "description": mark(owner).text}
        return world.others.floating_ips.create(body)
    row = getattr(world.others, kind).create({"name": name, "description": described("old", mark(owner))})
    if kind == "networks":
        item = {"network_id": row["id"], "name": "v4", "cidr": V4["cidr"], "ip_version": 4}
        world.others.subnets.create_many([{**item, "description": mark(owner, "subnet/v4").text}])
    return row


def world_of_two(**options):
    """A cluster with two namespaces that use one project."""
    return World(secret(namespace="bank"), **options)


def pictured(world):
    return copy.deepcopy(world.fake.tables)


# Of this very name.


@pytest.mark.parametrize("way", ["nothing", "annotation", "restore flag", "import"])
@pytest.mark.parametrize("sees_all", [True, False])
@each_version
def test_what_a_former_object_left_is_taken_where_it_is_known_to_be_so(version, sees_all, way):
    world = World(restore=way == "restore flag", sees_all=sees_all)
    row = left_by(world, former(), version)
    before = pictured(world)
    key = world.apply(network(subnets=[V4], **({"import_": {"id": row["id"]}} if way == "import" else {})))
    if way == "annotation":
        world.annotate(key, adopt_previous="true")
    world.settle(key)
    sure = {"nothing": (), "annotation": (2,), "import": (2,), "restore flag": (1, 2) if sees_all else (2,)}
    if version in sure[way]:
        assert world.ready(key) == ("True", "Available")
        assert world.object(key).status["id"] == row["id"] == world.network()["id"]
        assert Mark.parse(world.network()["description"]) == world.mark(key)
        assert Mark.parse(world.subnets()["v4"]["description"]) == world.mark(key, "subnet/v4")
        return
    assert world.ready(key) == ("False", "Conflict")
    assert row["id"] in world.message(key)
    assert "of this name that is no more" in world.message(key)
    assert pictured(world) == before  # nor is another one made
    if version == 1:
        assert "version 1" in world.message(key)
        assert ("all namespaces" in world.message(key)) is not sees_all
        assert "spec.import" in world.message(key)
    # As the message says: without the mark it is anybody's to import.
    if way == "import":
        world.others.networks.update(row["id"], {"description": "old"})
        world.others.subnets.update(world.subnets()["v4"]["id"], {"description": ""})
        world.settle(key)
        assert world.object(key).status["id"] == row["id"]
        assert world.ready(key) == ("True", "Available")


@each_version
def test_what_is_called_otherwise_is_taken_only_where_the_mark_tells_for_sure(version):
    world = World(restore=True)
    left_by(world, former(), version, called="renamed")
    before = pictured(world)
    key = world.apply(network(subnets=[V4], name="renamed"))  # as it was: but anybody can write that
    world.settle(key)
    assert world.ready(key) == (("True", "Available") if version == 2 else ("False", "Conflict"))
    assert len(world.networks()) == 1
    if version == 1:
        assert "'renamed'" in world.message(key)
        assert pictured(world) == before


def test_a_floating_ip_has_no_name_that_could_tell():
    spec = {"externalNetwork": {"networkName": "ext-floating1"}}
    for restore, expected in ((False, ("False", "Conflict")), (True, ("True", "Available"))):
        world = World(restore=restore)
        row = left_by(world, former(name="public", kind="FloatingIP"), 1, kind="floating_ips")
        key = world.apply(custom("FloatingIP", "public", spec))
        world.settle(key)
        assert world.ready(key) == expected
        assert [each["id"] for each in world.others.floating_ips.list()] == [row["id"]]


# Of a name that somebody has searched for.

MET = ("bank", "vault-0321d10"), ("shop", "till-016dffec")
"""Two names whose networks have one place in marks of version 1: see test_marks.py."""


@pytest.mark.parametrize("way", ["annotation", "import", "restore flag", "restore flag and name"])
@each_version
def test_who_has_found_a_name_with_the_same_hash_does_not_get_what_was_another_s(version, way):
    world = world_of_two(restore=way.startswith("restore"))
    row = left_by(world, former(*MET[0]), version)
    theirs = world.fake.tables["networks"][row["id"]]
    (under,) = (each for each in world.fake.tables["subnets"].values() if each["network_id"] == row["id"])
    before = copy.deepcopy([theirs, under])
    more = {"import_": {"id": row["id"]}} if way == "import" else {}
    named = {"name": MET[0][1]} if way.endswith("name") else {}
    key = world.apply(network(MET[1][1], namespace="shop", subnets=[V4], mtu=1400, **more, **named))
    world.annotate(key, adopt_previous="true")
    world.settle(key)
    assert world.object(key).status.get("id") != row["id"]
    assert [theirs, under] == before
    if version == 1 or way == "import":
        assert world.ready(key) == ("False", "Conflict")
        assert len(world.networks()) == 1
    else:
        assert world.ready(key) == ("True", "Available")  # it is nothing to this object
    world.delete(key)
    world.settle(key)
    assert [theirs, under] == before
    assert world.networks()[0]["id"] == row["id"]
    assert len(world.networks()) == 1


def test_where_two_objects_have_the_hash_neither_gets_it_until_one_is_gone():
    """The restored one and the one that was made to meet it; not even by the flag, not even with the right name."""
    world = world_of_two(restore=True)
    row = left_by(world, former(*MET[0]), 1)
    other = world.apply(network(MET[1][1], namespace="shop", subnets=[V4]))
    mine = world.apply(network(MET[0][1], namespace="bank", subnets=[V4]))
    before = pictured(world)
    for key in (other, mine, other, mine):
        world.reconcile(key)
        assert world.ready(key) == ("False", "Conflict")
        assert "has the same one" in world.message(key)
        assert MET[0 if key == other else 1][1] not in world.message(
            key
        )  # what is in other namespaces is told to nobody
    assert pictured(world) == before
    world.delete(other)
    world.settle(mine)
    assert world.ready(mine) == ("True", "Available")
    assert world.object(mine).status["id"] == row["id"]
    assert Mark.parse(world.network()["description"]) == world.mark(mine)


def test_the_restored_object_takes_it_where_the_mark_is_of_version_2_whoever_else_there_is():
    world = world_of_two(restore=True)
    row = left_by(world, former(*MET[0]), 2)
    other = world.apply(network(MET[1][1], namespace="shop", subnets=[V4]))
    world.settle(other)
    mine = world.apply(network(MET[0][1], namespace="bank", subnets=[V4]))
    world.settle(mine)
    assert world.object(mine).status["id"] == row["id"]
    assert world.object(other).status["id"] != row["id"]


# What a living object owns by its status, whatever the mark on it says.


def theirs_in_status(world, *, namespace="bank", name="till", **spec):
    """A living object of another namespace that has made a network; its key, and the network."""
    key = world.apply(network(name, namespace=namespace, subnets=[V4], **spec))
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    return key, world.fake.tables["networks"][world.object(key).status["id"]]


def mine():
    return Owner(KUBE_SYSTEM, KIND, "shop", "front", uid_of(KIND, "shop", "front"))


FORGED = {
    "of a former object": lambda: former().mark(),
    "of a former object, version 1": lambda: former().old_mark(),
    "of this very object": lambda: mine().mark(),
    "of this very object, version 1": lambda: mine().old_mark(),
    "of this very object, given up": lambda: released(mine().mark()),
    "none": lambda: None,
}


@pytest.mark.parametrize("way", ["annotation", "restore flag", "import"])
@pytest.mark.parametrize("forged", FORGED)
def test_a_copied_or_lost_mark_gives_nobody_what_another_object_owns_by_its_status(forged, way):
    world = world_of_two(restore=way == "restore flag")
    owner, row = theirs_in_status(world)
    mark = FORGED[forged]()
    world.others.networks.update(row["id"], {"description": mark.text if mark else "", "name": "front"})
    before = copy.deepcopy(row)
    more = {"import_": {"id": row["id"]}} if way == "import" else {}
    key = world.apply(network(mtu=1400, **more))
    if way == "annotation":
        world.annotate(key, adopt_previous="true")
    world.settle(key)
    assert row == before
    assert world.object(key).status.get("id") != row["id"]
    if way == "import" or (mark is not None and not mark.released):
        result = world.reconcile(key)
        assert world.ready(key) == ("False", "Conflict")
        assert "an InfomaniakNetwork of another namespace" in world.message(key)
        assert "till" not in world.message(key)
        assert isinstance(result.next, WaitingFor)
        assert result.next.keys == {owner}
    world.delete(key)
    world.settle(key)
    assert world.get(key) is None
    assert row == before


@pytest.mark.parametrize("status", [True, False])
@pytest.mark.parametrize("mark", ["none", "of this very object"])
def test_a_status_that_somebody_wrote_takes_nothing_from_its_owner(mark, status):
    """``status.id`` names another's network, whose mark is lost: no record of both is worth more than the other."""
    world = world_of_two()
    owner, row = theirs_in_status(world)
    world.others.networks.update(row["id"], {"description": "" if mark == "none" else mine().mark().text})
    before = copy.deepcopy(row)
    key = world.apply(network())
    world.poke(key, lambda body: body["status"].update({"id": row["id"], "appliedFields": []} if status else {}))
    if status and mark != "none":
        return  # mark and status together: then it is this object's, for all that is known
    world.settle(key)
    world.delete(key)
    world.settle(key)
    assert world.get(key) is None
    assert row == before
    if mark != "none":  # a foreign mark is for a person to take off
        world.others.networks.update(row["id"], {"description": ""})
    world.settle(owner)
    assert world.ready(owner) == ("True", "Available")
    assert Mark.parse(row["description"]) == world.mark(owner)


@pytest.mark.parametrize("reader", ["reads only", "is yet to adopt it"])
def test_who_only_reads_or_is_yet_to_adopt_it_keeps_nobody_from_what_is_theirs(reader):
    world = world_of_two(restore=True)
    row = left_by(world, former(), 2)
    spec = {"managementPolicy": "Unmanaged"} if reader == "reads only" else {}
    other = world.apply(network("till", namespace="bank", import_={"id": row["id"]}, **spec))
    world.reconcile(other)
    if not spec:
        world.poke(other, lambda body: body["status"].update(id=row["id"]))
    assert world.object(other).status["id"] == row["id"]
    key = world.apply(network(subnets=[V4]))
    world.settle(key)
    assert world.ready(key) == ("True", "Available")
    assert world.object(key).status["id"] == row["id"]


def test_an_older_object_cannot_import_what_a_younger_one_has_made_and_lost_the_mark_of():
    world = world_of_two()
    older = world.apply(
        {**network("front"), "metadata": {**network("front")["metadata"], "creationTimestamp": "2020-01-01T00:00:00Z"}}
    )
    world.annotate(older, paused="true")
    _, row = theirs_in_status(world)
    world.others.networks.update(row["id"], {"description": ""})
    before = copy.deepcopy(row)
    world.spec(older, **{"import": {"id": row["id"]}})
    world.annotate(older, paused="false")
    world.settle(older)
    assert world.ready(older) == ("False", "Conflict")
    assert row == before


@pytest.mark.parametrize("kind", ["FloatingIP", "Router", "SecurityGroup"])
@pytest.mark.parametrize("way", ["mark of a former object", "import", "address"])
def test_of_every_kind(kind, way):
    spec = {"FloatingIP": {"externalNetwork": {"networkName": "ext-floating1"}}}.get(kind, {})
    collection = {"FloatingIP": "floating_ips", "Router": "routers", "SecurityGroup": "security_groups"}[kind]
    if way == "address" and kind != "FloatingIP":
        return
    world = world_of_two()
    owner = world.apply(custom(kind, "theirs", spec, namespace="bank"))
    world.settle(owner)
    row = world.fake.tables[collection][world.object(owner).status["id"]]
    mark = former(name="mine", kind=kind).mark().text if way.startswith("mark") else ""
    getattr(world.others, collection).update(row["id"], {"description": mark})
    before = copy.deepcopy(row)
    more = {
        "import": {"import": {"id": row["id"]}},
        "address": {"address": row.get("floating_ip_address")},
    }.get(way, {})
    key = world.apply(
        custom(kind, "mine", {**spec, **more}, annotations={"network.infomaniak.cloud/adopt-previous": "true"})
    )
    world.settle(key)
    assert world.ready(key) == ("False", "Conflict")
    assert row == before
    world.delete(key)
    world.settle(key)
    assert row == before


def test_a_vip_port_that_another_load_balancer_shows_is_that_one_s():
    world = tree()
    (port,) = world.table("ports")
    owner = Owner(KUBE_SYSTEM, "LoadBalancer", "shop", "mine", uid_of("LoadBalancer", "shop", "mine", life=0))
    world.others.ports.update(port["id"], {"description": owner.mark("vip").text})
    world._settings = replace(world._settings, restore=True)
    world.restart()
    body = world.object(LB).body
    mine = custom("LoadBalancer", "mine", {**body["spec"], "listeners": []})
    before = port["id"], port["description"]
    key = world.apply(mine)
    world.run()
    assert world.object(key).status["vipPortID"] != before[0]
    assert world.fake.tables["ports"][before[0]]["description"] == before[1]
    world.delete(key)
    world.run()
    assert world.fake.tables["ports"][before[0]]["description"] == before[1]


@each_version
def test_the_vip_port_of_a_former_load_balancer_is_taken_as_sure_as_its_mark_is(version):
    for restore, annotated in ((False, False), (False, True), (True, False)):
        world = tree()
        world.delete(LB)
        world.run()
        subnet_row = next(row for row in world.table("subnets") if row["name"] == "web-v4")
        gone = Owner(KUBE_SYSTEM, "LoadBalancer", "shop", "web", uid_of("LoadBalancer", "shop", "web", life=0))
        port = world.others.ports.create(
            {
                "network_id": subnet_row["network_id"],
                "name": "web-vip",
                "description": VERSIONS[version](gone, "vip").text,
                "fixed_ips": [{"subnet_id": subnet_row["id"]}],
            }
        )
        world._settings = replace(world._settings, restore=restore)
        world.restart()
        key = world.apply(custom("LoadBalancer", "web", {"vip": {"networkRef": {"name": "web"}}}, life=3))
        if annotated:
            world.annotate(key, adopt_previous="true")
        world.run()
        taken = world.object(key).status.get("vipPortID") == port["id"]
        assert taken is (restore or (annotated and version == 2))
        assert len([row for row in world.table("ports") if row["name"] == "web-vip"]) == 1
        if not taken:
            assert world.ready(key) == ("False", "Conflict")


# What 0.1.0 took over while it could not read the marks of version 2.


@pytest.mark.parametrize("known", [True, False])
def test_where_0_1_0_has_put_our_mark_behind_another_s_nobody_touches_it(known):
    """After a rollback an import of what another object owns was possible: both say so, and neither changes it."""
    world = world_of_two()
    owner, row = theirs_in_status(world)
    key = world.apply(network("front"))
    both = f"{row['description']} {mine().old_mark().text}"
    world.others.networks.update(row["id"], {"description": both})
    if known:
        world.poke(key, lambda body: body["status"].update({"id": row["id"], "appliedFields": []}))
    before = copy.deepcopy(row)
    for each in (key, owner, key, owner):
        world.reconcile(each)
    assert world.ready(owner) == ("False", "Conflict")
    assert world.ready(key) == ("False", "Conflict")
    assert row == before
    assert len(world.networks()) == 1
    world.delete(key)
    world.settle(key)
    assert row == before


# A whole namespace, restored from a backup.

SCENES = json.loads(recorded.FILE.read_text())


def restored(world: Forest, *, restore: bool, annotate: bool) -> Forest:
    """The same objects in a cluster that was made anew: other UIDs, and no status."""
    for key in world.all_keys():
        body = world.object(key).body
        life = {"uid": uid_of(key.kind, key.namespace, key.name, life=9), "generation": 1}
        metadata = {**body["metadata"], **life}
        metadata.pop("finalizers", None)
        if annotate:
            metadata["annotations"] = {"network.infomaniak.cloud/adopt-previous": "true"}
        world.vanish(key)
        world.apply({**body, "metadata": metadata, "status": {"observedGeneration": -1}})
    world._settings = replace(world._settings, restore=restore)
    world.restart()
    world.forget_calls()
    world.run()
    world.clock.advance(600)
    world.resync()
    world.run()
    return world


def ids(world: Forest):
    return {
        name: sorted(row["id"] for row in table.values() if row.get("project_id") == PROJECT and marked(row))
        for name, table in world.fake.tables.items()
    }


def marked(row):
    return mark_of(row) is not None


def versions(world: Forest):
    return {
        max(mark.version for mark in marks_of(row))
        for table in world.fake.tables.values()
        for row in table.values()
        if row.get("project_id") == PROJECT and marked(row)
    }


NAMES = [*intent.VARIANTS, "web"]
OLD = [name for name in NAMES if name != "L7Policy" and not name.startswith("Port")]
"""Those that 0.1.0 knew."""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("annotate", [True, False])
def test_a_backup_is_restored_with_marks_of_version_2(name, annotate):
    module: ModuleType = intent
    world = recorded.made(name, module)
    before = ids(world)
    restored(world, restore=not annotate, annotate=annotate)
    world.all_ready()
    assert ids(world) == before
    assert not any(call.startswith(("POST", "DELETE")) for call in world.changes())
    for key in world.all_keys():
        world.delete(key)
    world.run()
    assert not any(ids(world).values())


@pytest.mark.parametrize("name", OLD)
def test_a_backup_is_restored_with_marks_of_version_1_by_the_flag(name):
    world = recorded.taken_over(SCENES[name])
    before = ids(world)
    restored(world, restore=True, annotate=False)
    world.all_ready()
    assert ids(world) == before
    assert versions(world) == {2}
    assert not any(call.startswith(("POST", "DELETE")) for call in world.changes())


@pytest.mark.parametrize("name", OLD)
def test_with_marks_of_version_1_the_annotation_alone_takes_nothing(name):
    world = recorded.taken_over(SCENES[name])
    before = pictured(world)
    restored(world, restore=False, annotate=True)
    assert pictured(world) == before
    assert any(world.ready(key) == ("False", "Conflict") for key in world.all_keys())
    assert not any(
        world.ready(key)[0] == "True" and world.object(key).spec.get("managementPolicy") != "Unmanaged"
        for key in world.all_keys()
    )
