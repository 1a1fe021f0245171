"""What 0.1.0 had made goes on under the present code as if it had made it itself."""

import copy
import json
import re
from types import ModuleType

import pytest

from infomaniak_operator.reconcile.generic.owned import mark_of
from infomaniak_operator.reconcile.ownership.marks import Mark, user_text
from tests.support import intent, recorded
from tests.support.forest import Forest
from tests.support.objects import custom
from tests.support.world import PROJECT

SCENES = json.loads(recorded.FILE.read_text())
NEW = {
    "appliedFields", "vipSubnet", "vipSecurityGroupIDs", "flavorID", "servicePort", "listeners", "members",
    "inputsHash", "protocol", "type",
}  # fmt: skip
"""Fields of status that were not there, or told less; the hash told too much: it derived from the password."""
each_scene = pytest.mark.parametrize("name", SCENES)


@pytest.fixture
def world(name: str) -> Forest:
    return recorded.taken_over(SCENES[name])


def resync(world: Forest) -> None:
    world.clock.advance(600)
    world.resync()
    world.run()


def statuses(world: Forest):
    return {key: copy.deepcopy(dict(world.object(key).status)) for key in world.all_keys()}


def native(name: str) -> Forest:
    """What the present code makes of the same specs: an example may have become another since."""
    if name in recorded.EXAMPLES:
        bodies = [body for body in SCENES[name]["bodies"] if body["kind"] != "Secret"]
        world = Forest(*(custom(body["kind"], body["metadata"]["name"], body["spec"]) for body in bodies))
        world.run()
        world.all_ready()
        world.clock.advance(60)
    else:
        module: ModuleType = intent
        world = recorded.made(name, module)
    resync(world)
    return world


def clear(world: Forest) -> None:
    """Take out of every object but the networks all that goes back to a default."""
    for key in world.all_keys():
        resource = world.object(key)
        if key.kind != "InfomaniakNetwork" or len(world.all_keys()) == 1:
            places = intent.removable(resource.status.get("appliedFields") or ())
            world.apply({**world.object(key).body, "spec": intent.without(resource.spec, places)})
    world.run()
    resync(world)


def of_any_version(text: str) -> str:
    mark = Mark.parse(text)
    assert mark is not None
    return f"mark of {mark.uid} {mark.child} {mark.released}"


def picture(world: Forest):
    """The cloud; each version writes its own marks, and sends its own of the names of ``ipv6-icmp``."""
    text = json.dumps(world.picture()).replace('"icmpv6"', '"ipv6-icmp"')
    text = re.sub(r"\[ik\d[^\]]*\]", lambda found: of_any_version(found[0]), text)
    found = json.loads(re.sub(r'(mark of [^ ]+ [^ ]* \w+)((", "| )\1)+', r"\1", text))  # some things carry both
    return {name: sorted(rows, key=repr) for name, rows in found.items() if rows}


@each_scene
def test_it_is_left_as_it_is(name, world):
    before = statuses(world)
    world.run()
    resync(world)
    assert world.changes() == []
    assert all(writes <= 1 for writes in world.status_writes.values())
    assert not any(world.events.values())
    for key, status in statuses(world).items():
        assert {field for field in status if status[field] != before[key].get(field)} <= NEW
        assert set(before[key]) <= set(status)
    world.status_writes.clear()
    resync(world)
    assert (world.changes(), world.status_writes) == ([], {})


@each_scene
def test_what_is_taken_out_goes_back_to_its_default(name, world):
    """Right after the start: nothing but the old status tells what was set."""
    clear(world)
    world.all_ready()
    own = native(name)
    clear(own)
    assert picture(world) == picture(own)


@each_scene
def test_all_of_it_is_deleted(name, world):
    for key in world.all_keys():
        world.delete(key)
    world.run()
    assert world.all_keys() == []
    own = native(name)
    for key in own.all_keys():
        own.delete(key)
    own.run()
    assert picture(world) == picture(own)
    assert not [row for row in rows(world) if marks(row)]


def rows(world: Forest):
    return [row for table in world.fake.tables.values() for row in table.values() if row.get("project_id") == PROJECT]


def marks(row) -> list[Mark]:
    found = Mark.parse(row.get("description")), Mark.among(row.get("tags"))
    return [mark for mark in found if mark is not None]


@each_scene
def test_marks_and_descriptions_that_somebody_took_away_are_put_back(name, world):
    resync(world)  # until the present code has seen a VIP's port with its mark, that alone says whose it is
    before = picture(world)
    for row in world.table("ports"):
        assert bool(marks(row)) == str(row["name"]).endswith("-vip")
    mine = [row for row in rows(world) if marks(row)]
    assert mine
    for row in mine:
        if str(row.get("name")).endswith("-vip"):  # what its description says beside the mark is nobody's spec
            row["description"] = user_text(row["description"])
            continue
        row.update({name: empty for name, empty in (("description", ""), ("tags", [])) if name in row})
    resync(world)
    resync(world)
    world.all_ready()
    assert picture(world) == before


@pytest.mark.parametrize("name", ["web", "LoadBalancer", "Pool"])
def test_a_load_balancer_in_error_is_made_again(name, world):
    (key,) = [key for key in world.all_keys() if key.kind == "LoadBalancer"]
    former = world.object(key).status
    row = world.one("load_balancers")
    row["provisioning_status"] = "ERROR"
    world.spec(key, recovery={"policy": "Recreate"})
    world.run(3600)
    resync(world)
    world.all_ready()
    status = world.object(key).status
    assert status["id"] != former["id"]
    assert (status["vipPortID"], status["vipAddress"]) == (former["vipPortID"], former["vipAddress"])
    assert len(world.table("load_balancers")) == 1


# Marks of version 1: read, and written anew with the text or the tags they stand in.


def mark_of_main(world: Forest, key) -> Mark:
    collections = {
        "InfomaniakNetwork": "networks", "Router": "routers", "SecurityGroup": "security_groups",
        "FloatingIP": "floating_ips", "LoadBalancer": "load_balancers", "Pool": "pools", "HealthMonitor": "health_monitors",
    }  # fmt: skip
    mark = mark_of(world.fake.tables[collections[key.kind]][world.object(key).status["id"]])
    assert mark is not None
    return mark


@pytest.mark.parametrize("name", ["office", "web"])
def test_a_mark_is_of_version_2_once_the_text_it_stands_in_is_written_and_not_before(name, world):
    resync(world)
    for key in world.all_keys():
        if key.kind == "HealthMonitor" or world.object(key).spec.get("managementPolicy") == "Unmanaged":
            continue
        world.forget_calls()
        assert mark_of_main(world, key).version == 1
        in_octavia = key.kind in ("LoadBalancer", "Pool")
        world.spec(key, **({"tags": ["blue"]} if in_octavia else {"description": "another"}))
        world.run()
        assert mark_of_main(world, key) == world.mark(key)
        assert [call.partition(" ")[0] for call in world.changes()] == ["PUT"]
        world.forget_calls()
        resync(world)
        assert world.changes() == []
    parts = [row for row in rows(world) if mark_of(row) and mark_of(row).child]
    assert {mark_of(row).version for row in parts} == {1}


@pytest.mark.parametrize(
    ("name", "change"), [("InfomaniakNetwork", {"adminStateUp": True}), ("Router", {"adminStateUp": True})]
)
def test_a_change_of_something_else_leaves_the_mark(name, change, world):
    resync(world)
    world.forget_calls()
    (key,) = (key for key in world.all_keys() if key.kind == name)
    assert world.object(key).spec["adminStateUp"] is False
    world.spec(key, **change)
    world.run()
    assert world.changes() == [f"PUT {name.removeprefix('Infomaniak').lower()}s"]
    assert mark_of_main(world, key).version == 1


@each_scene
def test_what_is_given_up_carries_a_released_mark_of_version_2(name, world):
    for key in world.all_keys():
        world.spec(key, deletionPolicy="Retain")
    world.run()
    there = {row["id"] for row in rows(world) if marks(row)}
    for key in world.all_keys():
        world.delete(key)
    world.run()
    assert world.all_keys() == []
    left = [mark_of(row) for row in rows(world) if marks(row)]
    assert {row["id"] for row in rows(world) if marks(row)} == there
    assert {(mark.version, mark.released) for mark in left} <= {(2, True)}


# Rolled back to 0.1.0, which took marks of version 2 for text and put its own behind them.

ROLLED_BACK = json.loads(recorded.ROLLED_BACK.read_text())
each_rolled_back = pytest.mark.parametrize("name", ROLLED_BACK)


def without_marks(world: Forest):
    found = json.loads(re.sub(r" ?\[ik\d[^\]]*\]", "", json.dumps(picture_of_rows(world))))
    return {name: sorted(rows, key=repr) for name, rows in found.items() if rows}


def picture_of_rows(world: Forest):
    texts = ("id", "name", "description")
    return {
        name: [
            {
                **{each: row.get(each) for each in texts},
                "tags": [tag for tag in row.get("tags") or () if Mark.among([tag]) is None],
            }
            for row in table.values()
            if row.get("project_id") == PROJECT
        ]
        for name, table in world.fake.tables.items()
    }


@each_rolled_back
def test_0_1_0_leaves_both_marks(name):
    """The recording is of something: else the tests below would show nothing."""
    world = recorded.taken_over(ROLLED_BACK[name])
    marked = [row for row in rows(world) if marks(row)]
    every = [
        mark.version
        for row in marked
        for mark in [*Mark.all_in(row.get("description")), *Mark.all_among(row.get("tags"))]
    ]
    assert every.count(1) == len(marked)
    if name != "FloatingIP":
        assert 2 in every or not any(key.kind == "LoadBalancer" for key in world.all_keys())


@each_rolled_back
def test_after_a_rollback_it_is_left_as_it_is(name):
    world = recorded.taken_over(ROLLED_BACK[name])
    resync(world)
    world.all_ready()
    assert world.changes() == []
    assert not any("CopyLeftAlone" in str(events) for events in world.events.values())
    for row in rows(world):
        mark = mark_of(row)
        if mark is not None:
            assert len({(each.uid, each.child) for each in Mark.all_in(row.get("description"))}) <= 1


@each_rolled_back
def test_after_a_rollback_all_of_it_is_deleted(name):
    world = recorded.taken_over(ROLLED_BACK[name])
    for key in world.all_keys():
        world.delete(key)
    world.run()
    assert world.all_keys() == []
    assert not [row for row in rows(world) if marks(row)]


@each_rolled_back
def test_after_a_rollback_nobody_s_text_is_lost_and_each_text_has_one_mark_once_it_is_written(name):
    world = recorded.taken_over(ROLLED_BACK[name])
    before = without_marks(world)
    resync(world)
    for key in world.all_keys():
        world.spec(key, managementPolicy="Unmanaged", **{"import": {"id": world.object(key).status["id"]}})
    world.run()
    assert without_marks(world) == before
    found = [[*Mark.all_in(row.get("description")), *Mark.all_among(row.get("tags"))] for row in rows(world)]
    assert {(mark.version, mark.released) for each in found for mark in each} == {(2, True)}
    assert max(map(len, found)) == 1
