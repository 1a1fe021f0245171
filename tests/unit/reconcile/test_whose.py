"""Whose a thing is: one table for every type, parts included."""

import random
from dataclasses import replace

import pytest

from infomaniak_operator.controller.interfaces import KubeObject
from infomaniak_operator.reconcile.generic.owned import Keepers, Whose, mark_of, whose
from infomaniak_operator.reconcile.ownership.marks import Owner, Standing, described, released
from tests.support.objects import KUBE_SYSTEM, custom, uid_of

ME = Owner(KUBE_SYSTEM, "LoadBalancer", "shop", "web", uid_of("LoadBalancer", "shop", "web"), lives=lambda _: False)
FORMER = Owner(KUBE_SYSTEM, "LoadBalancer", "shop", "web", uid_of("LoadBalancer", "shop", "web", life=0))
NAMESAKE = Owner("another", "LoadBalancer", "shop", "web", ME.uid)
NEIGHBOUR = Owner(KUBE_SYSTEM, "LoadBalancer", "shop", "blog", uid_of("LoadBalancer", "shop", "blog"))
PART = "listener/http"

OURS, LOST, PREVIOUS, FOREIGN, STRANGER = Whose.OURS, Whose.LOST, Whose.PREVIOUS, Whose.FOREIGN, Whose.STRANGER


def row(mark=None, *, how="tag"):
    """A thing of Octavia's, which has its mark in a tag, or of Neutron's, which has it in the description."""
    text = mark.text if mark else None
    if how == "tag":
        return {"id": "x", "provisioning_status": "ACTIVE", "tags": ["one", *([text] if text else [])]}
    return {"id": "x", "description": described("text", mark) if mark else "text"}


def cases(of):
    """What it carries, what it would be, how it stands otherwise, and whose it is then."""
    return [
        (of(ME), "", {}, OURS),
        (of(ME), "", {"recorded": ["x"]}, OURS),
        (of(ME, PART), PART, {}, OURS),
        (of(ME, PART), None, {}, OURS),
        # A mark of ours that is for something else was copied.
        (of(ME), PART, {}, FOREIGN),
        (of(ME), None, {"inside": True}, FOREIGN),
        (of(ME, PART), "", {}, FOREIGN),
        (of(ME, "listener/other"), PART, {}, FOREIGN),
        (of(ME, "listener/other"), PART, {"recorded": ["x"]}, FOREIGN),
        # Nobody's mark.
        (None, "", {}, STRANGER),
        (None, "", {"recorded": ["another"]}, STRANGER),
        (None, "", {"recorded": ["x"]}, LOST),
        (None, PART, {"inside": True}, STRANGER),
        (None, PART, {"inside": True, "recorded": ["x"]}, LOST),
        (None, None, {"inside": True, "recorded": ["x"]}, LOST),
        # Parts that carry no marks belong to what is ours where the spec lists them, and only there.
        (None, None, {"inside": True, "listed": True}, OURS),
        (None, None, {"inside": False, "listed": True}, STRANGER),
        # A mark that was given up.
        (released(of(ME)), "", {}, LOST),
        (released(of(ME, PART)), PART, {}, LOST),
        (released(of(ME, PART)), None, {"inside": True}, STRANGER),
        (released(of(ME, "listener/other")), PART, {"inside": True}, STRANGER),
        (released(of(FORMER)), "", {}, STRANGER),
        (released(of(NAMESAKE)), "", {"recorded": ["x"]}, LOST),
        # That of an object of this name that is no more: with what it is in, or where somebody says so.
        (of(FORMER), "", {}, PREVIOUS),
        (of(FORMER), "", {"recorded": ["x"]}, PREVIOUS),
        (of(FORMER, PART), PART, {}, PREVIOUS),
        (of(FORMER, PART), PART, {"recorded": ["x"]}, PREVIOUS),
        (of(FORMER, PART), PART, {"inside": True}, OURS),
        (of(FORMER, PART), None, {"inside": True}, OURS),
        (of(FORMER, "listener/other"), PART, {"inside": True}, FOREIGN),
        # Anybody else's, whatever is on record.
        (of(NAMESAKE), "", {"recorded": ["x"]}, FOREIGN),
        (of(NEIGHBOUR), "", {"recorded": ["x"]}, FOREIGN),
        (of(NEIGHBOUR, PART), PART, {"inside": True, "recorded": ["x"], "listed": True}, FOREIGN),
    ]


VERSIONS = [Owner.old_mark, Owner.mark]
CASES = [case for of in VERSIONS for case in cases(of)]


@pytest.mark.parametrize("how", ["tag", "description"])
@pytest.mark.parametrize(("mark", "child", "more", "expected"), CASES)
def test_whose(mark, child, more, expected, how):
    assert whose(ME, row(mark, how=how), child=child, **more) is expected


def paired(new, old, how):
    """A thing with a mark of each version, as 0.1.0 leaves it: its own behind the one that it takes for text."""
    if how == "tag":
        return {"id": "x", "provisioning_status": "ACTIVE", "tags": ["one", new.text, old.text]}
    return {"id": "x", "description": described(described("text", new), old)}


@pytest.mark.parametrize("how", ["tag", "description"])
@pytest.mark.parametrize(
    ("marks", "child", "more", "expected"),
    [((new[0], old[0]), *new[1:]) for new, old in zip(cases(Owner.mark), cases(Owner.old_mark), strict=True) if new[0]],
)
def test_what_carries_the_marks_of_both_versions_is_as_with_one(marks, child, more, expected, how):
    new, old = marks
    assert whose(ME, paired(new, old, how), child=child, **more) is expected
    assert mark_of(paired(new, old, how), ME) == (new if ME.wrote(new) else mark_of(paired(new, old, how)))


@pytest.mark.parametrize("how", ["tag", "description"])
def test_where_two_marks_of_one_owner_differ_that_of_version_1_is_the_newer(how):
    """0.1.0 gives up, or replaces, what we had marked."""
    assert whose(ME, paired(ME.mark(), released(ME.old_mark()), how)) is LOST
    # Who is not their owner cannot know that both are of one.
    assert whose(NEIGHBOUR, paired(ME.mark(), released(ME.old_mark()), how)) is FOREIGN
    former = paired(ME.mark(), ME.old_mark("former"), how)
    assert whose(ME, former, child="former") is OURS
    assert whose(ME, former) is FOREIGN


@pytest.mark.parametrize("how", ["tag", "description"])
@pytest.mark.parametrize("other", [NAMESAKE, NEIGHBOUR])
def test_a_mark_of_another_before_ours_is_not_text_where_0_1_0_could_not_read_it(other, how):
    assert whose(ME, paired(other.mark(), ME.old_mark(), how), recorded=["x"]) is FOREIGN
    assert whose(ME, paired(released(other.mark()), ME.old_mark(), how)) in (OURS, LOST, STRANGER)


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_ours_that_anybody_else_has_marked_in_any_order_and_version(seed):
    rng = random.Random(seed)
    owners = [ME, FORMER, NAMESAKE, NEIGHBOUR]
    ours = 0
    for _ in range(3000):
        marks = []
        for _ in range(rng.randint(0, 3)):
            mark = rng.choice(VERSIONS)(rng.choice(owners), rng.choice(["", PART, "vip"]))
            marks.append(released(mark) if rng.random() < 0.2 else mark)
        tags = [*(mark.text for mark in marks), *rng.sample(["a", "b", "[ik2", "\ud800"], 2)]
        rng.shuffle(tags)
        thing = {"id": "x", "provisioning_status": "ACTIVE", "tags": tags}
        more = {
            "child": rng.choice(["", PART, None]),
            "inside": rng.random() < 0.5,
            "recorded": rng.choice([(), ("x",)]),
        }
        found = whose(ME, thing, **more)
        ours += found.ours
        if any(not mark.released and ME.standing(mark) is Standing.FOREIGN for mark in marks):
            assert not found.ours, (marks, more)
    assert ours > 100


@pytest.mark.parametrize("how", ["tag", "description"])
@pytest.mark.parametrize("of", VERSIONS)
@pytest.mark.parametrize("child", ["", PART, None])
def test_what_a_living_object_has_made_is_that_one_s_wherever_it_lies(of, child, how):
    alive = replace(ME, lives=lambda uid: uid == FORMER.mark().uid)
    unknown = replace(ME, lives=Owner("", "", "", "", "").lives)
    thing = row(of(FORMER, child or ("" if child == "" else PART)), how=how)
    for inside in (True, False):
        assert whose(ME, thing, child=child, inside=inside) in (PREVIOUS, OURS)
        assert whose(alive, thing, child=child, inside=inside, recorded=["x"]) is FOREIGN
        assert whose(unknown, thing, child=child, inside=inside, recorded=["x"]) is FOREIGN


def test_only_what_is_ours_may_be_changed():
    assert [each for each in Whose if each.ours] == [OURS, LOST]


def test_who_keeps_a_thing():
    one, other = (KubeObject.of(custom("Pool", name, {})) for name in ("one", "other"))
    shown = KubeObject.of({**custom("Pool", "third", {}), "status": {"id": "x"}})

    def mark(resource, child=""):
        return Owner(KUBE_SYSTEM, "Pool", "shop", resource.key.name, resource.uid).mark(child)

    everybody = [one, other, shown]
    keepers = Keepers(KUBE_SYSTEM, everybody)
    assert keepers.of(row(mark(other))) == other
    assert keepers.of(row(mark(one, "former"))) == one
    assert keepers.of(row()) == shown
    assert keepers.of(row(FORMER.mark())) is None
    assert Keepers(KUBE_SYSTEM, [one, other]).of(row()) is None
    assert Keepers("another", [one, other]).of(row(mark(other))) is None


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("other", [NAMESAKE, NEIGHBOUR])
def test_one_mark_of_somebody_else_is_enough_wherever_it_stands(other, order):
    tags = [ME.mark().text, "one", other.mark().text][::order]
    assert whose(ME, {"id": "x", "provisioning_status": "ACTIVE", "tags": tags}, recorded=["x"]) is FOREIGN


@pytest.mark.parametrize("order", [1, -1])
def test_a_mark_that_was_given_up_beside_ours_changes_nothing(order):
    tags = [ME.mark().text, released(NEIGHBOUR.mark()).text][::order]
    expected = OURS if order == 1 else LOST
    assert whose(ME, {"id": "x", "provisioning_status": "ACTIVE", "tags": tags}, recorded=["x"]) is expected
