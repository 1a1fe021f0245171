"""What a process knows of a tree: turns, looks that grow rarer, what a look is worth."""

import threading

import pytest

from infomaniak_operator.controller.interfaces import RequeueAfter
from infomaniak_operator.reconcile.octavia.tree_state import (
    FIRST_LOOK,
    LONGEST_LOOK,
    STUCK,
    STUCK_LOOK,
    Seen,
    Tree,
    Trees,
    parts_of,
)
from tests.support.trees import LB, SITE, calm, member, tree


def looks(known, until):
    """When a tree that stays PENDING is looked at, in seconds since it was changed."""
    known.wrote(0.0)
    found = []
    while known.next_look < until:
        now = known.next_look
        found.append(now)
        known.looked(Seen(now, "PENDING_UPDATE"), now)
    return found


def test_looks_grow_rarer_up_to_a_limit_and_far_rarer_once_it_is_stuck():
    times = looks(Tree(), STUCK + 600)
    pauses = [round(b - a, 3) for a, b in zip([0.0, *times], times, strict=False)]
    assert pauses[:4] == [FIRST_LOOK, 2 * FIRST_LOOK, 4 * FIRST_LOOK, LONGEST_LOOK]
    assert max(pauses[4 : pauses.index(STUCK_LOOK)]) == LONGEST_LOOK
    assert set(pauses[pauses.index(STUCK_LOOK) :]) == {STUCK_LOOK}
    assert len([at for at in times if at < 80]) <= 20  # as long as Infomaniak takes to make one


def test_a_change_begins_the_looks_anew():
    known = Tree()
    looks(known, 60)
    known.wrote(100.0)
    assert known.next_look == 100 + FIRST_LOOK
    assert not known.stuck(100 + STUCK - 1)


def test_a_look_that_began_before_the_last_change_says_nothing():
    known = Tree()
    known.wrote(10.0)
    known.looked(Seen(9.0, "ACTIVE"), 11.0)
    assert known.seen is None
    assert known.pending_since == 10.0
    known.looked(Seen(10.5, "ACTIVE"), 11.0)
    assert known.pending_since is None


def test_one_that_somebody_else_has_locked():
    known = Tree()
    known.looked(Seen(5.0, "PENDING_UPDATE"), 5.1)
    assert known.pending_since == 5.1
    assert known.next_look == pytest.approx(5.1 + 2 * FIRST_LOOK)
    assert known.stuck(5.1 + STUCK + 1)


def test_the_states_of_parts_are_those_last_seen_unless_they_are_older_than_the_part():
    known = Tree()
    row = {"id": "a", "provisioning_status": "PENDING_CREATE", "operating_status": "OFFLINE"}
    assert known.status_of(row) == ("PENDING_CREATE", "OFFLINE")
    known.looked(Seen(5.0, "ACTIVE", "ONLINE", {"a": ("ACTIVE", "ONLINE")}), 5.0)
    assert known.status_of(row) == ("ACTIVE", "ONLINE")
    assert known.status_of(row, made=6.0) == ("PENDING_CREATE", "OFFLINE")
    assert known.status_of({"id": "b"}) == ("", "")


def test_for_how_long_a_stamp_has_stood_still():
    known = Tree()
    assert [known.unmoved(stamp, now) for stamp, now in (("x", 1), ("x", 3), ("y", 4), ("y", 9))] == [0, 2, 0, 5]


def test_only_another_face_is_a_touch():
    known = Tree()
    for now, face in ((1.0, "a"), (2.0, "a"), (3.0, "b"), (4.0, "b")):
        known.touch("uid", face, now)
    assert known.touched == 3.0


def test_parts_of_a_status_tree():
    state = {"provisioning_status": "ACTIVE", "operating_status": "ONLINE"}
    pool = {"id": "p", **state, "members": [{"id": "m", **state}], "health_monitor": {"id": "h", **state}}
    found = parts_of({"id": "b", **state, "listeners": [{"id": "l", **state, "pools": [pool]}], "name": "x"})
    assert sorted(found) == ["b", "h", "l", "m", "p"]
    assert set(found.values()) == {("ACTIVE", "ONLINE")}


def test_one_at_a_time():
    trees = Trees()
    known = trees.of("uid")
    assert trees.of("uid") is known
    assert known.acquire()
    had = []
    other = threading.Thread(target=lambda: had.append(trees.of("uid").acquire()))
    other.start()
    other.join()
    assert had == [False]
    known.release()
    assert known.acquire()
    trees.forget("uid")
    assert trees.of("uid") is not known


@pytest.mark.parametrize("key", [LB, SITE])
def test_who_finds_the_tree_taken_comes_back_and_says_nothing(key):
    world = tree()
    taken = world.reconcilers[LB.kind]._actuator.trees.of(world.object(LB).uid)
    before = world.object(key).resource_version
    assert taken.acquire()
    result = world.reconcile(key)
    assert isinstance(result.next, RequeueAfter)
    assert result.next.seconds < 1
    assert world.object(key).resource_version == before
    assert world.fake.calls == []
    world.spec(SITE, members=[member(12)])
    world.reconcile(SITE)
    assert world.ready(SITE)[0] == "False"  # not Ready at this generation
    taken.release()
    world.run()
    calm(world)


def test_every_reconcile_gives_the_tree_back():
    """However it ends: with an outcome, an error of the cloud, a defect."""
    world = tree()
    taken = world.reconcilers[LB.kind]._actuator.trees.of(world.object(LB).uid)

    def fails(method, collection, subject):
        raise RuntimeError("a defect")

    world.fake.on_call = fails
    with pytest.raises(RuntimeError):
        world.reconcile(SITE)
    world.fake.on_call = None
    world.reconcile(SITE)
    assert taken.acquire()
    taken.release()
